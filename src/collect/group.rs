//! Events of many rows: the rows with one id become one record, wherever they stand in the file.
//!
//! A first pass counts the rows of each group, by hash: 16 bytes a group. In the second pass a group
//! is complete, and leaves memory, when its last row has been seen. Should two ids share a hash, their
//! groups are complete at the file's end only; nothing is lost.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::map::{Draft, Mapper};
use super::record::Record;
use super::reject::RejectReason;
use super::row::Row;
use super::rows::{Rows, Step};
use crate::base::error::Result;

/// Passes a hash on as it is.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole hashes are looked up")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The groups of a file.
pub(super) struct Groups {
    hasher: RandomState,
    rows: HashMap<u64, u32, BuildHasherDefault<AsIs>>,
    /// Open groups, by the line where they start.
    open: BTreeMap<u64, Open>,
    lines: HashMap<String, u64>,
    /// Where to start again: the line from which on some group has always been open.
    resume: Option<u64>,
    /// The group of the last row, because most rows of a group follow each other.
    last: Option<(String, u64)>,
}

struct Open {
    id: String,
    draft: Draft,
    left: u32,
}

/// What taking a row brought; neither when it is held until its group is complete.
#[derive(Default)]
pub(super) struct Grouped {
    /// The record that this row completed.
    pub complete: Option<Record>,
    /// Why this row was not taken.
    pub rejected: Option<RejectReason>,
}

impl Groups {
    /// Counts the rows of each group, from where `rows` stands to the end.
    pub fn count(rows: &mut Rows, mapper: &Mapper, row: &mut Row) -> Result<Groups> {
        let mut groups = Groups {
            hasher: RandomState::new(),
            rows: HashMap::default(),
            open: BTreeMap::new(),
            lines: HashMap::new(),
            resume: None,
            last: None,
        };
        let (mut id, mut count) = (String::new(), 0);
        loop {
            let step = rows.next(row)?;
            match step {
                Step::Reject(_) => continue,
                Step::End => {}
                Step::Row => match mapper.group(row) {
                    Some(next) if next == id => {
                        count += 1;
                        continue;
                    }
                    Some(next) => {
                        groups.add(&id, count);
                        id.clear();
                        id.push_str(next);
                        count = 1;
                    }
                    None => {}
                },
            }
            if step == Step::End {
                groups.add(&id, count);
                return Ok(groups);
            }
        }
    }

    fn add(&mut self, id: &str, count: u32) {
        if count > 0 {
            let rows = self.rows.entry(self.hasher.hash_one(id)).or_default();
            *rows = rows.saturating_add(count);
        }
    }

    /// Takes a row.
    #[inline]
    pub fn take(&mut self, mapper: &mut Mapper, row: &Row) -> Grouped {
        let Some(id) = mapper.group(row) else {
            let record = mapper.record(row);
            return Grouped { rejected: record.as_ref().err().copied(), complete: record.ok() };
        };
        let start = match &self.last {
            Some((last, start)) if last == id => Some(*start),
            _ => self.lines.get(id).copied(),
        };
        let Some(start) = start else { return self.open(mapper, row) };
        let open = self.open.get_mut(&start).expect("a group's line is that of an open group");
        open.left -= 1;
        let is_complete = open.left == 0;
        let rejected = mapper.add(row, &mut open.draft).err();
        let complete = if is_complete { self.close(mapper, start) } else { None };
        Grouped { complete, rejected }
    }

    fn open(&mut self, mapper: &mut Mapper, row: &Row) -> Grouped {
        let id = mapper.group(row).expect("only rows with an id open a group").to_owned();
        let counted = self.rows.get_mut(&self.hasher.hash_one(&id));
        let left = counted.map_or(0, |rows| {
            *rows = rows.saturating_sub(1);
            *rows
        });
        let draft = match mapper.draft(row) {
            Ok(draft) => draft,
            Err(reason) => return Grouped { rejected: Some(reason), complete: None },
        };
        if left == 0 {
            return Grouped { complete: Some(mapper.finish(draft)), rejected: None };
        }
        self.resume.get_or_insert(row.line);
        self.lines.insert(id.clone(), row.line);
        self.last = Some((id.clone(), row.line));
        self.open.insert(row.line, Open { id, draft, left });
        Grouped::default()
    }

    /// Completes the group that starts at a line.
    fn close(&mut self, mapper: &Mapper, start: u64) -> Option<Record> {
        let open = self.open.remove(&start)?;
        self.lines.remove(&open.id);
        if self.open.is_empty() {
            self.resume = None;
        }
        self.last = self.last.take().filter(|(_, line)| *line != start);
        Some(mapper.finish(open.draft))
    }

    /// Completes the earliest group that is still open, at the file's end.
    pub fn close_first(&mut self, mapper: &Mapper) -> Option<Record> {
        let first = self.open.keys().next().copied()?;
        self.close(mapper, first)
    }

    /// The first line to read again, while groups are open. No group stands on both sides of it, so
    /// that reading from there gives whole groups only.
    pub fn resume_line(&self) -> Option<u64> {
        self.resume
    }
}
