//! One JSON object a line, row by row.
//!
//! The walk over a line is guided by the paths that the source's map names: what is mapped is kept
//! as it is written (no number goes through a float), what isn't is counted by its path and skipped.

use std::sync::Arc;

use super::encoding::{Charset, decode};
use super::feed::{Feed, LINE_BYTES_MAX};
use super::json_walk::Walk;
use super::paths::Paths;
use super::reject::RejectReason;
use super::row::{Plan, Row};
use super::rows::Step;
use crate::base::error::{Error, Result};

/// Reads the rows of an NDJSON file.
pub struct NdjsonRows {
    feed: Feed,
    charset: Charset,
    paths: Paths,
    slots: usize,
    unmapped: Vec<u32>,
    line: u64,
    start: u64,
}

impl NdjsonRows {
    /// Prepares reading; `feed` stands behind any byte order mark.
    ///
    /// A file that is one JSON array is an error that says how to convert it.
    pub fn open(mut feed: Feed, charset: Charset, plan: &Plan) -> Result<NdjsonRows> {
        if feed.window().is_empty() {
            feed.more()?;
        }
        if feed.window().trim_ascii_start().first() == Some(&b'[') {
            let place = feed.place().display();
            return Err(Error::damaged("file-json-array", "the file is one JSON array")
                .at(place)
                .next("write one object a line: jq -c '.[]' FILE > NEW-FILE"));
        }
        let (start, slots) = (feed.passed(), plan.wanted().len());
        let (paths, unmapped) = (Paths::of(plan), Vec::new());
        Ok(NdjsonRows { feed, charset, paths, slots, unmapped, line: 1, start })
    }

    /// Reads the next line that isn't blank into `row`.
    #[inline]
    pub fn next(&mut self, row: &mut Row) -> Result<Step> {
        loop {
            let window = self.feed.window();
            let last = self.feed.is_last();
            let (bytes, next) = match memchr::memchr(b'\n', window) {
                Some(end) => (end, end + 1),
                None if window.is_empty() && last => return Ok(Step::End),
                None if last => (window.len(), window.len()),
                None if window.len() > LINE_BYTES_MAX => {
                    row.raw.clear();
                    row.line = self.line;
                    self.line += 1;
                    self.feed.skip_line(b'\n')?;
                    return Ok(Step::Reject(RejectReason::TooLong));
                }
                None => {
                    self.feed.more()?;
                    continue;
                }
            };
            let raw = window[..bytes].strip_suffix(b"\r").unwrap_or(&window[..bytes]);
            let is_blank = raw.iter().all(u8::is_ascii_whitespace);
            row.raw.clear();
            row.line = self.line;
            self.line += 1;
            let too_long = bytes > LINE_BYTES_MAX;
            if !too_long && !is_blank {
                row.raw.extend_from_slice(raw);
            }
            self.feed.consume(next);
            if too_long {
                return Ok(Step::Reject(RejectReason::TooLong));
            }
            if !is_blank {
                return Ok(self.object(row).map_or_else(Step::Reject, |()| Step::Row));
            }
        }
    }

    fn object(&mut self, row: &mut Row) -> Result<(), RejectReason> {
        row.clear(self.slots);
        decode(self.charset, &row.raw, &mut row.text)?;
        self.unmapped.clear();
        let Row { text, aside, spans, .. } = row;
        Walk::new(&mut self.paths, text, aside, spans, &mut self.unmapped).object()?;
        self.paths.count(&self.unmapped);
        Ok(())
    }

    /// Reads the fields that stand before the fault of a line.
    pub fn salvage(&mut self, raw: &[u8], row: &mut Row, found: &mut dyn FnMut(&Row)) {
        row.clear(self.slots);
        row.text.push_str(&String::from_utf8_lossy(raw));
        self.unmapped.clear();
        let Row { text, aside, spans, .. } = row;
        // That it is faulty is known.
        let _ = Walk::new(&mut self.paths, text, aside, spans, &mut self.unmapped).object();
        found(row);
    }

    /// The line after the last one that was read.
    pub fn next_line(&self) -> u64 {
        self.line
    }

    /// Bytes read so far.
    pub fn passed(&self) -> u64 {
        self.feed.passed()
    }

    /// Paths that nobody asked for, with how many rows filled them.
    pub fn unknown(&self) -> impl Iterator<Item = (Arc<str>, u64)> + '_ {
        self.paths.unknown()
    }

    /// Goes back to the first line and forgets what was counted.
    pub fn rewind(&mut self) -> Result<()> {
        self.paths.forget();
        self.line = 1;
        self.feed.rewind(self.start)
    }

    /// Passes over the lines before `line`, without looking into them.
    pub fn skip_to(&mut self, line: u64) -> Result<()> {
        while self.line < line && !self.feed.is_done() {
            self.feed.skip_line(b'\n')?;
            self.line += 1;
        }
        Ok(())
    }
}
