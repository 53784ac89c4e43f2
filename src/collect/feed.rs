//! A window over a file's bytes that grows only as far as one row needs.
//!
//! Reading stays streaming and bounded: rows are found in the window, and what was consumed makes
//! room for the next chunk. A file is read as long as it was when it was opened, so that a second
//! pass sees the same rows as the first though the file may be growing.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result, io};

/// The longest line without quotes, and the longest quoted field, in bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// The longest row with quoted fields, over all its physical lines, in bytes.
pub const ROW_BYTES_MAX: usize = 4 << 20;

const CHUNK_BYTES: usize = 256 << 10;

/// What a feed reads from.
pub(super) trait Seekable: Read + Seek + Send {}

impl<T: Read + Seek + Send> Seekable for T {}

/// A growing window over a file.
pub struct Feed {
    source: Box<dyn Seekable>,
    place: PathBuf,
    length: u64,
    unread: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    passed: u64,
}

impl Feed {
    /// Opens a file. A folder, a pipe or a missing file is an error that says so.
    pub fn open(path: &Path) -> Result<Feed> {
        let about = std::fs::metadata(path).map_err(io(path))?;
        if about.is_dir() {
            return Err(Error::usage("file-is-folder", "a folder can't be imported")
                .at(path.display())
                .next("name the files in it"));
        }
        if !about.is_file() {
            return Err(Error::usage("file-not-regular", "only a regular file can be read twice")
                .at(path.display())
                .next("save the data to a file first"));
        }
        let file = std::fs::File::open(path).map_err(io(path))?;
        Ok(Feed::over(Box::new(file), path.to_owned(), about.len()))
    }

    /// Reads bytes in memory; `place` names them in errors.
    pub fn of_bytes(bytes: Vec<u8>, place: &str) -> Feed {
        let length = bytes.len() as u64;
        Feed::over(Box::new(Cursor::new(bytes)), place.into(), length)
    }

    fn over(source: Box<dyn Seekable>, place: PathBuf, length: u64) -> Feed {
        let (buffer, unread) = (Vec::new(), length);
        Feed { source, place, length, unread, buffer, start: 0, end: 0, passed: 0 }
    }

    /// The file, as errors name it.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The file's length in bytes when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes consumed since the start of the file.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// What has been read and not consumed.
    #[inline]
    pub fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether the window reaches the file's end.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.unread == 0
    }

    /// Passes over the window's first bytes.
    #[inline]
    pub fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.end - self.start);
        self.start += bytes;
        self.passed += bytes as u64;
    }

    /// Reads another chunk behind the window.
    pub fn more(&mut self) -> Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let room = self.buffer.len() - self.end;
        if room < CHUNK_BYTES / 2 {
            let wanted = (self.unread.min(CHUNK_BYTES.max(self.end) as u64)) as usize;
            self.buffer.resize(self.end + wanted, 0);
        }
        let end = self.buffer.len().min(self.end + self.unread.min(1 << 30) as usize);
        while self.end < end {
            match self.source.read(&mut self.buffer[self.end..end]) {
                Ok(0) => self.unread = 0,
                Ok(count) => {
                    self.end += count;
                    self.unread = self.unread.saturating_sub(count as u64);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(io(&self.place)(error)),
            }
            break;
        }
        Ok(())
    }

    /// Goes back to a byte of the file and forgets the window.
    pub fn rewind(&mut self, to: u64) -> Result<()> {
        self.source.seek(SeekFrom::Start(to)).map_err(io(&self.place))?;
        (self.start, self.end) = (0, 0);
        self.passed = to.min(self.length);
        self.unread = self.length - self.passed;
        Ok(())
    }

    /// Passes over the rest of a physical line and its end; says how many bytes stood before it.
    pub fn skip_line(&mut self, line_end: u8) -> Result<usize> {
        let mut skipped = 0;
        loop {
            if let Some(at) = memchr::memchr(line_end, self.window()) {
                self.consume(at + 1);
                return Ok(skipped + at);
            }
            let rest = self.window().len();
            skipped += rest;
            self.consume(rest);
            if self.is_last() {
                return Ok(skipped);
            }
            self.more()?;
        }
    }

    /// Whether everything has been consumed.
    pub fn is_done(&self) -> bool {
        self.start == self.end && self.unread == 0
    }

    /// Gives the source back, from its start, for a reader of its own.
    pub(super) fn into_source(mut self) -> Result<(Box<dyn Seekable>, PathBuf)> {
        self.rewind(0)?;
        Ok((self.source, self.place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_across_chunks() {
        let mut bytes = Vec::new();
        for n in 0..100_000 {
            bytes.extend_from_slice(format!("line {n}\n").as_bytes());
        }
        let mut feed = Feed::of_bytes(bytes, "test");
        let mut count = 0;
        while !feed.is_done() {
            feed.skip_line(b'\n').unwrap();
            count += 1;
        }
        assert_eq!(count, 100_000);
        assert_eq!(feed.passed(), feed.length());
        feed.rewind(0).unwrap();
        feed.more().unwrap();
        assert!(feed.window().starts_with(b"line 0\nline 1\n"));
    }

    #[test]
    fn a_folder_and_a_missing_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Feed::open(folder.path()).err().unwrap().code, "file-is-folder");
        let missing = folder.path().join("missing.csv");
        assert_eq!(Feed::open(&missing).err().unwrap().code, "file-not-found");
    }
}
