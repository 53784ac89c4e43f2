//! Comma-separated text with a header line, row by row.
//!
//! A row is its own business: whatever is wrong with one is reported with its line, and the next one
//! is read as if nothing had happened.

use std::sync::Arc;

use memchr::{memchr, memchr_iter};

use super::encoding::{Charset, decode};
use super::feed::{Feed, LINE_BYTES_MAX};
use super::header::{Header, IGNORED};
use super::reject::RejectReason;
use super::row::{Kind, Plan, Row, Span, in_aside, in_text};
use super::rows::Step;
use super::scan::{Scan, Shape, detect_delimiter, detect_line_end, scan};
use crate::base::error::{Error, Result};

/// Reads the rows of a CSV file.
pub struct CsvRows {
    feed: Feed,
    charset: Charset,
    shape: Shape,
    header: Header,
    header_raw: Vec<u8>,
    line: u64,
    body: (u64, u64),
}

impl CsvRows {
    /// Reads the header line; `feed` stands behind any byte order mark.
    ///
    /// The delimiter is detected from the header when it isn't given; a line such as `sep=;` above the
    /// header, which spreadsheets write, says it for certain. Faults: an empty file, a
    /// header that can't be read, a column without a name or with another's, a missing key column.
    pub fn open(
        mut feed: Feed,
        charset: Charset,
        delimiter: Option<u8>,
        plan: &Plan,
        key: &str,
    ) -> Result<CsvRows> {
        let bad_delimiter = |d: u8| !d.is_ascii() || matches!(d, b'"' | b'\r' | b'\n' | 0);
        if delimiter.is_some_and(bad_delimiter) {
            return Err(Error::usage("delimiter-impossible", "a delimiter is one ASCII character")
                .next("use one of: comma, semicolon, tab, |"));
        }
        hold_line(&mut feed)?;
        let stated = stated_delimiter(feed.window());
        let delimiter = stated.map(|(delimiter, _)| delimiter).or(delimiter);
        if let Some((_, bytes)) = stated {
            feed.consume(bytes);
            hold_line(&mut feed)?;
        }
        let line_end = detect_line_end(feed.window());
        let place = feed.place().to_owned();
        let mut rows = CsvRows {
            feed,
            charset,
            shape: Shape { delimiter: delimiter.unwrap_or(b','), line_end },
            header: Header { columns: Vec::new(), unknown: Vec::new(), known: 0 },
            header_raw: Vec::new(),
            line: if stated.is_some() { 2 } else { 1 },
            body: (0, 1),
        };
        rows.read_header(delimiter, plan, key).map_err(|error| error.at(place.display()))?;
        Ok(rows)
    }

    fn read_header(&mut self, delimiter: Option<u8>, plan: &Plan, key: &str) -> Result<()> {
        let mut row = Row::new();
        if delimiter.is_none() {
            let window = self.feed.window();
            let start = window.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(0);
            let end = memchr(self.shape.line_end, &window[start..]);
            let end = end.map_or(window.len(), |end| start + end);
            self.shape.delimiter = detect_delimiter(&window[start..end]);
        }
        let quoted = match self.extent(&mut row)? {
            None => {
                return Err(Error::damaged("file-empty", "the file holds no header line")
                    .next("check the export"));
            }
            Some(Ok(quoted)) => quoted,
            Some(Err(reason)) => {
                return Err(Error::damaged(
                    "header-unreadable",
                    format!("the header line can't be read: {reason}"),
                )
                .next("check that the file is CSV and its character set"));
            }
        };
        if let Err(reason) = decode(self.charset, &row.raw, &mut row.text) {
            return Err(Error::damaged(
                "header-unreadable",
                format!("the header line can't be read: {reason}"),
            )
            .next("declare the source's encoding"));
        }
        let Row { text, aside, spans, .. } = &mut row;
        let found = split(text, self.shape, quoted, aside, |_, span| spans.push(span));
        let names: Vec<&str> = (0..found).map(|at| row.get(at).unwrap_or_default()).collect();
        self.header = Header::resolve(&names, plan, key)?;
        self.header_raw = std::mem::take(&mut row.raw);
        self.body = (self.feed.passed(), self.line);
        Ok(())
    }

    /// Reads the next row into `row`.
    #[inline]
    pub fn next(&mut self, row: &mut Row) -> Result<Step> {
        let quoted = match self.extent(row)? {
            None => return Ok(Step::End),
            Some(Ok(quoted)) => quoted,
            Some(Err(reason)) => return Ok(Step::Reject(reason)),
        };
        Ok(match self.fields(row, quoted) {
            Ok(()) => Step::Row,
            Err(reason) => Step::Reject(reason),
        })
    }

    /// Finds the next record and copies its bytes to `row.raw`; says whether a field is quoted.
    fn extent(&mut self, row: &mut Row) -> Result<Option<Result<bool, RejectReason>>> {
        row.raw.clear();
        loop {
            let window = self.feed.window();
            let last = self.feed.is_last();
            if window.is_empty() && last {
                return Ok(None);
            }
            row.line = self.line;
            match scan(window, last, self.shape) {
                Scan::Record { bytes: 0, next, .. } => {
                    self.feed.consume(next);
                    self.line += 1;
                }
                Scan::Record { bytes, next, quoted } => {
                    row.raw.extend_from_slice(&window[..bytes]);
                    self.feed.consume(next);
                    self.line += 1;
                    if quoted {
                        self.line += memchr_iter(self.shape.line_end, &row.raw).count() as u64;
                    }
                    return Ok(Some(Ok(quoted)));
                }
                Scan::Fault { opened, reason } => {
                    let line = &window[opened..];
                    match memchr(self.shape.line_end, line).unwrap_or(line.len()) {
                        end if end > LINE_BYTES_MAX => {}
                        end if end == line.len() && !last => {
                            self.feed.more()?;
                            continue;
                        }
                        end => row.raw.extend_from_slice(&window[..opened + end]),
                    }
                    self.pass(opened)?;
                    if self.shape.line_end == b'\n' && row.raw.last() == Some(&b'\r') {
                        row.raw.pop();
                    }
                    return Ok(Some(Err(reason)));
                }
                Scan::TooLong(at) => {
                    self.pass(at)?;
                    return Ok(Some(Err(RejectReason::TooLong)));
                }
                Scan::More => self.feed.more()?,
            }
        }
    }

    /// Passes over everything up to the end of the physical line at the offset.
    fn pass(&mut self, offset: usize) -> Result<()> {
        let before = &self.feed.window()[..offset];
        self.line += 1 + memchr_iter(self.shape.line_end, before).count() as u64;
        self.feed.consume(offset);
        self.feed.skip_line(self.shape.line_end)?;
        Ok(())
    }

    #[inline]
    fn fields(&mut self, row: &mut Row, quoted: bool) -> Result<(), RejectReason> {
        if memchr(0, &row.raw).is_some() {
            return Err(RejectReason::NulCharacter);
        }
        row.clear(self.header.slots());
        decode(self.charset, &row.raw, &mut row.text)?;
        let Row { text, aside, spans, .. } = row;
        let columns = &self.header.columns;
        let found = split(text, self.shape, quoted, aside, |column, span| {
            if let Some(&slot) = columns.get(column)
                && slot != IGNORED
            {
                spans[slot as usize] = span;
            }
        });
        if found != columns.len() {
            return Err(RejectReason::FieldCount { expected: columns.len(), found });
        }
        self.header.count_unknown(row);
        Ok(())
    }

    /// Reads each physical line of a rejected row as a row of its own, with its cells counted from the
    /// first one and, where there are too many or too few, from the last one too.
    pub fn salvage(&mut self, raw: &[u8], row: &mut Row, found: &mut dyn FnMut(&Row)) {
        let columns = &self.header.columns;
        for line in raw.split(|byte| *byte == self.shape.line_end).filter(|line| !line.is_empty()) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            row.clear(self.header.slots());
            if decode(self.charset, line, &mut row.text).is_err() {
                row.text.push_str(&String::from_utf8_lossy(line));
            }
            let mut cells = Vec::new();
            let Row { text, aside, .. } = row;
            split_anyhow(text, self.shape, aside, &mut cells);
            let (more, less) = (
                cells.len().saturating_sub(columns.len()),
                columns.len().saturating_sub(cells.len()),
            );
            for (cells, columns) in [(&cells[..], &columns[..]), (&cells[more..], &columns[less..])]
            {
                row.spans.fill(Span::ABSENT);
                for (span, slot) in cells.iter().zip(columns).filter(|(_, slot)| **slot != IGNORED)
                {
                    row.spans[*slot as usize] = *span;
                }
                found(row);
                if more + less == 0 {
                    break;
                }
            }
        }
    }

    /// The line after the last one that was read.
    pub fn next_line(&self) -> u64 {
        self.line
    }

    /// Bytes read so far.
    pub fn passed(&self) -> u64 {
        self.feed.passed()
    }

    /// The header line's bytes.
    pub fn header(&self) -> &[u8] {
        &self.header_raw
    }

    /// Columns that nobody asked for, with how many rows filled them.
    pub fn unknown(&self) -> impl Iterator<Item = (Arc<str>, u64)> + '_ {
        self.header.unknown.iter().filter(|(_, count)| *count > 0).cloned()
    }

    /// Goes back to the first row behind the header and forgets what was counted.
    pub fn rewind(&mut self) -> Result<()> {
        self.header.forget();
        self.feed.rewind(self.body.0)?;
        self.line = self.body.1;
        Ok(())
    }

    /// Passes over the physical lines before `line`, without looking into them.
    pub fn skip_to(&mut self, line: u64) -> Result<()> {
        while self.line < line && !self.feed.is_done() {
            self.feed.skip_line(self.shape.line_end)?;
            self.line += 1;
        }
        Ok(())
    }
}

/// Fills the window until it holds the first line with its end, or as much as a line may have.
fn hold_line(feed: &mut Feed) -> Result<()> {
    while !feed.is_last() && memchr::memchr2(b'\n', b'\r', feed.window()).is_none() {
        if feed.window().len() > LINE_BYTES_MAX {
            break;
        }
        feed.more()?;
    }
    if feed.window().last() == Some(&b'\r') && !feed.is_last() {
        feed.more()?;
    }
    Ok(())
}

/// The delimiter that a line such as `sep=;` states, and the bytes of that line with its end.
fn stated_delimiter(window: &[u8]) -> Option<(u8, usize)> {
    let (word, rest) = window.split_at_checked(4)?;
    let (&delimiter, end) = rest.split_first()?;
    let end_bytes = match end {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => return None,
    };
    let is_delimiter = delimiter == b'\t' || delimiter.is_ascii_punctuation() && delimiter != b'"';
    (word.eq_ignore_ascii_case(b"sep=") && is_delimiter).then_some((delimiter, 5 + end_bytes))
}

/// Splits a record's text at its delimiters; quoted fields that hold quotes are written to `aside`.
/// Hands over each field with its column and says how many there are.
#[inline]
fn split(
    text: &str,
    shape: Shape,
    quoted: bool,
    aside: &mut String,
    mut field: impl FnMut(usize, Span),
) -> usize {
    let bytes = text.as_bytes();
    let (mut column, mut at) = (0, 0);
    if !quoted {
        for end in memchr_iter(shape.delimiter, bytes) {
            field(column, in_text(at, end, Kind::Bare));
            column += 1;
            at = end + 1;
        }
        field(column, in_text(at, bytes.len(), Kind::Bare));
        return column + 1;
    }
    loop {
        let end = if bytes.get(at) == Some(&b'"') {
            let (span, end) = unquote(text, at, aside);
            field(column, span);
            end
        } else {
            let end = memchr(shape.delimiter, &bytes[at..]).map_or(bytes.len(), |end| at + end);
            field(column, in_text(at, end, Kind::Bare));
            end
        };
        column += 1;
        if end >= bytes.len() {
            return column;
        }
        at = end + 1;
    }
}

/// Splits a line that can't be read: a quote that makes no sense is a character like any other.
fn split_anyhow(text: &str, shape: Shape, aside: &mut String, cells: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let quoted = (bytes.get(at) == Some(&b'"')).then(|| unquote(text, at, aside));
        let quoted = quoted.filter(|(_, end)| {
            *end == bytes.len() || bytes.get(*end).is_some_and(|b| *b == shape.delimiter)
        });
        let (span, end) = quoted.unwrap_or_else(|| {
            let end = memchr(shape.delimiter, &bytes[at..]).map_or(bytes.len(), |end| at + end);
            (in_text(at, end, Kind::Bare), end)
        });
        cells.push(span);
        if end >= bytes.len() {
            return;
        }
        at = end + 1;
    }
}

/// The content of the quoted field at `opened`, and the offset behind its closing quote.
fn unquote(text: &str, opened: usize, aside: &mut String) -> (Span, usize) {
    let bytes = text.as_bytes();
    let (mut from, start) = (opened + 1, aside.len());
    loop {
        let close = memchr(b'"', &bytes[from..]).map_or(bytes.len(), |close| from + close);
        if bytes.get(close + 1) == Some(&b'"') {
            aside.push_str(&text[from..=close]);
            from = close + 2;
        } else if from == opened + 1 {
            return (in_text(from, close, Kind::Bare), close + 1);
        } else {
            aside.push_str(&text[from..close]);
            return (in_aside(start, aside.len(), Kind::Bare), close + 1);
        }
    }
}
