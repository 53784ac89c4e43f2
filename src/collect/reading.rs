//! The one iterator over a file: records and rejects, each with how far reading has come.

use std::sync::Arc;

use super::ReadOptions;
use super::feed::Feed;
use super::group::Groups;
use super::map::Mapper;
use super::record::Record;
use super::reject::{Fault, Reject};
use super::row::Row;
use super::rows::{Rows, Step};
use crate::base::error::{Error, Result};
use crate::policy::types::{Format, Source};

/// What reading on brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A record.
    Record(Record),
    /// A row that was not taken.
    Reject(Reject),
}

/// A record or a reject, and how far reading has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Rows read so far in this run, with those that were not taken.
    pub rows: u64,
    /// Where to start again when everything up to this item has been kept: the line behind it, or,
    /// while events wait for rows, the last line that no event's rows stand on both sides of. What
    /// is read again from there is the same as before.
    pub resume_line: u64,
    /// Whether no event waits for rows: that line is the one behind the item.
    pub is_settled: bool,
    /// What it is.
    pub content: Content,
}

/// How far reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read; of a workbook, the share of its cells.
    pub bytes_read: u64,
    /// The file's length when it was opened.
    pub bytes_total: u64,
    /// Rows read in this run.
    pub rows: u64,
}

/// Reads a file as a source's. Ends after the first error.
pub struct Reading {
    rows: Rows,
    mapper: Mapper,
    groups: Option<Groups>,
    row: Row,
    count: u64,
    bytes_total: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Rows,
    OpenGroups,
    Done,
}

impl Reading {
    /// Opens what `feed` holds; `name` names the source in errors.
    pub fn open(
        feed: Feed,
        format: Format,
        source: &Source,
        name: &str,
        options: &ReadOptions<'_>,
    ) -> Result<Reading> {
        let named = |fault: Error| match fault.place.is_empty() {
            true => fault.at(format!("source {name}")),
            false => fault,
        };
        let mut mapper = Mapper::new(source, options).map_err(named)?;
        let bytes_total = feed.length();
        let mut rows = Rows::open(feed, format, source, mapper.plan()).map_err(named)?;
        let mut row = Row::new();
        rows.skip_to(options.start_line)?;
        let groups = if mapper.is_grouped() {
            let groups = Groups::count(&mut rows, &mut mapper, &mut row)?;
            rows.rewind()?;
            rows.skip_to(options.start_line)?;
            Some(groups)
        } else {
            None
        };
        let (count, stage) = (0, Stage::Rows);
        Ok(Reading { rows, mapper, groups, row, count, bytes_total, stage })
    }

    /// How far reading has come.
    pub fn progress(&self) -> Progress {
        let (bytes_read, bytes_total) = (self.rows.passed(), self.bytes_total);
        Progress { bytes_read, bytes_total, rows: self.count }
    }

    /// Fields that the source's map doesn't refer to, with how many of the rows read filled them.
    pub fn unknown_fields(&self) -> Vec<(Arc<str>, u64)> {
        self.rows.unknown()
    }

    /// The header's bytes, to stand above the raw rows of rejects; none for NDJSON.
    pub fn header(&self) -> Option<&[u8]> {
        self.rows.header()
    }

    fn record(&self, record: Record) -> Item {
        self.item(Content::Record(record))
    }

    fn item(&self, content: Content) -> Item {
        let next = self.rows.next_line();
        let open = self.groups.as_ref().and_then(Groups::resume_line);
        Item {
            rows: self.count,
            resume_line: open.unwrap_or(next),
            is_settled: open.is_none(),
            content,
        }
    }

    fn reject(&self, fault: Fault, of_unknown_event: bool) -> Item {
        let (line, raw) = (self.row.line, self.row.raw().to_vec());
        let Fault { reason, field } = fault;
        self.item(Content::Reject(Reject { line, reason, field, of_unknown_event, raw }))
    }

    fn step(&mut self) -> Result<Option<Item>> {
        while self.stage == Stage::Rows {
            match self.rows.next(&mut self.row)? {
                Step::End => self.stage = Stage::OpenGroups,
                Step::Reject(reason) => {
                    self.count += 1;
                    let is_known = match &mut self.groups {
                        None => true,
                        Some(groups) => {
                            groups.pass_over(&mut self.rows, &self.mapper, &mut self.row)
                        }
                    };
                    return Ok(Some(self.reject(reason.into(), !is_known)));
                }
                Step::Row => {
                    self.count += 1;
                    if let Some(item) = self.take() {
                        return Ok(Some(item));
                    }
                }
            }
        }
        let record = self.groups.as_mut().and_then(|groups| groups.close_first(&self.mapper));
        Ok(record.map(|record| self.record(record)))
    }

    #[inline]
    fn take(&mut self) -> Option<Item> {
        let Some(groups) = &mut self.groups else {
            return Some(match self.mapper.record(&self.row) {
                Ok(record) => self.record(record),
                Err(reason) => self.reject(reason.into(), false),
            });
        };
        let grouped = groups.take(&mut self.mapper, &self.row);
        // A row that is rejected is of a group that is never complete.
        match (grouped.complete, grouped.rejected) {
            (None, None) => None,
            (Some(record), _) => Some(self.record(record)),
            (None, Some(fault)) => Some(self.reject(fault, false)),
        }
    }
}

impl Iterator for Reading {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Result<Item>> {
        if self.stage == Stage::Done {
            return None;
        }
        let item = self.step().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.stage = Stage::Done;
        }
        item
    }
}
