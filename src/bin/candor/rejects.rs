//! The file of rows that can't be read, for repair.
//!
//! It holds what people sent, so only its owner may read it. A row that stands in it already isn't
//! added again: the same command can be run again, after a crash or after its end, and what was
//! repaired in the meantime stays.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::path::Path;

use candor::base::error::{Result, io};

/// The file, shared by all files of a run.
pub struct Rejects<'a> {
    path: &'a Path,
    file: File,
    /// What stood in it before this run.
    before: Vec<u8>,
    /// Where the lines of that begin, by their hash; each stands for one row only.
    lines: HashMap<u64, Vec<usize>>,
    empty: bool,
}

impl Rejects<'_> {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn open(path: &Path) -> Result<Rejects<'_>> {
        let mut options = File::options();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(io(path))?;
        let mut before = Vec::new();
        file.read_to_end(&mut before).map_err(io(path))?;
        let mut lines: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut start = 0;
        for line in before.split_inclusive(|byte| *byte == b'\n') {
            lines.entry(hash(line.strip_suffix(b"\n").unwrap_or(line))).or_default().push(start);
            start += line.len();
        }
        Ok(Rejects { path, file, empty: before.is_empty(), before, lines })
    }

    /// Adds a row, below the header of its file where it is the first one.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&mut self, row: &[u8], header: Option<&[u8]>) -> Result<()> {
        // The bytes of a row that was too long aren't there to be repaired.
        if row.is_empty() || self.stands_already(row) {
            return Ok(());
        }
        let header = header.filter(|_| std::mem::take(&mut self.empty));
        for line in header.into_iter().chain([row]) {
            let written = self.file.write_all(line).and_then(|()| self.file.write_all(b"\n"));
            written.map_err(io(self.path))?;
        }
        Ok(())
    }

    /// Whether an earlier run wrote the row, which may span lines; that place is used up then.
    fn stands_already(&mut self, row: &[u8]) -> bool {
        let first = row.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Some(starts) = self.lines.get_mut(&hash(first)) else { return false };
        let rest = |start: usize| self.before[start..].strip_prefix(row);
        let found =
            starts.iter().position(|start| rest(*start).is_some_and(|r| r.starts_with(b"\n")));
        found.map(|index| starts.swap_remove(index)).is_some()
    }
}

fn hash(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(path: &Path, rows: &[&[u8]]) {
        let mut rejects = Rejects::open(path).unwrap();
        rows.iter().for_each(|row| rejects.write(row, Some(b"id,name")).unwrap());
    }

    #[test]
    fn a_second_run_adds_only_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.csv");
        let rows: [&[u8]; 4] = [b"1,\"a\nb", b"2,x,y", b"2,x,y", b"1,\"a"];
        run(&path, &rows[..2]);
        run(&path, &rows);
        run(&path, &rows);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "id,name\n1,\"a\nb\n2,x,y\n2,x,y\n1,\"a\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_was_repaired_stays_and_a_beginning_is_no_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.csv");
        std::fs::write(&path, "id,name\n1,Ann Lee\n").unwrap();
        run(&path, &[b"1,Ann", b""]);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "id,name\n1,Ann Lee\n1,Ann\n");
    }
}
