//! Events of many rows: the rows with one id become one record, wherever they stand in the file, or
//! none of them does. An event is kept for ever as it came first, so a part of one is never taken.
//!
//! A first pass counts the rows of each group, by hash, and finds the groups with a row that can't be
//! taken: 32 bytes a group. In the second pass a group is complete, and leaves memory, when its last
//! row has been seen; the rows of a broken group are handed back where they stand. Should two ids share
//! a hash, their groups are complete at the file's end only; nothing is lost.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::map::{Draft, Mapper};
use super::record::Record;
use super::reject::{Fault, RejectReason};
use super::row::Row;
use super::rows::{Rows, Step};
use super::salvage;
use super::weight::Weight;
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

type ByHash<T> = HashMap<u64, T, BuildHasherDefault<AsIs>>;

/// The groups of a file.
pub(super) struct Groups {
    hasher: RandomState,
    weights: ByHash<Weight>,
    broken: ByHash<Broken>,
    /// Open groups, in the order in which they were opened.
    open: BTreeMap<u64, Open>,
    opened: u64,
    /// The place of an id's group in `open`.
    places: HashMap<String, u64>,
    /// Where to start again: the line from which on some group has always been open.
    resume: Option<u64>,
    /// The group of the last row, because most rows of a group follow each other.
    last: Option<(String, u64)>,
}

/// A group of which a row can't be taken.
#[derive(Clone, Copy)]
struct Broken {
    /// The first line at which that is so.
    line: u64,
    /// Rows that can't even be read, and are no part of the group's weight.
    unread: u32,
}

struct Open {
    id: String,
    left: u32,
    held: Held,
}

enum Held {
    Whole(Draft),
    /// Broken at a line, with the weight of the rows so far: the same as in the first pass.
    Broken(u64, Weight),
}

/// What taking a row brought; neither when it is held until its group is complete.
#[derive(Default)]
pub(super) struct Grouped {
    /// The record that this row completed.
    pub complete: Option<Record>,
    /// Why this row was not taken.
    pub rejected: Option<Fault>,
}

impl Grouped {
    fn rejected(fault: Fault) -> Grouped {
        Grouped { complete: None, rejected: Some(fault) }
    }
}

impl Groups {
    /// Counts and weighs the rows of each group, from where `rows` stands to the end.
    pub fn count(rows: &mut Rows, mapper: &mut Mapper, row: &mut Row) -> Result<Groups> {
        let mut groups = Groups {
            hasher: RandomState::new(),
            weights: HashMap::default(),
            broken: HashMap::default(),
            open: BTreeMap::new(),
            opened: 0,
            places: HashMap::new(),
            resume: None,
            last: None,
        };
        let (mut id, mut hash) = (String::new(), groups.hasher.hash_one(""));
        loop {
            match rows.next(row)? {
                Step::End => return Ok(groups),
                Step::Reject(_) => {
                    for id in salvage::ids(rows, mapper, row) {
                        groups.broken_at(groups.hasher.hash_one(&id), row.line).unread += 1;
                    }
                }
                Step::Row => {
                    let Some(next) = mapper.group(row) else { continue };
                    if next != id {
                        id.clear();
                        id.push_str(next);
                        hash = groups.hasher.hash_one(&id);
                    }
                    let weight = groups.weights.entry(hash).or_default();
                    if weight.add(mapper, row, &groups.hasher).is_err() {
                        groups.broken_at(hash, row.line);
                    }
                }
            }
        }
    }

    fn broken_at(&mut self, hash: u64, line: u64) -> &mut Broken {
        self.broken.entry(hash).or_insert(Broken { line, unread: 0 })
    }

    /// Takes a row.
    #[inline]
    pub fn take(&mut self, mapper: &mut Mapper, row: &Row) -> Grouped {
        let Some(id) = mapper.group(row) else {
            return match mapper.record(row) {
                Ok(record) => Grouped { complete: Some(record), rejected: None },
                Err(reason) => Grouped::rejected(reason.into()),
            };
        };
        let place = match &self.last {
            Some((last, place)) if last == id => Some(*place),
            _ => self.places.get(id).copied(),
        };
        let Some(place) = place else {
            let id = id.to_owned();
            return self.open(mapper, row, id);
        };
        let open = self.open.get_mut(&place).expect("a group's place is that of an open group");
        let rejected = match &mut open.held {
            Held::Whole(draft) => {
                mapper.add(row, draft);
                None
            }
            Held::Broken(line, weight) => Some(fault(*line, weight, mapper, row, &self.hasher)),
        };
        Grouped { complete: self.pass(mapper, place), rejected }
    }

    /// Opens a group with the first of its rows that can be read.
    fn open(&mut self, mapper: &mut Mapper, row: &Row, id: String) -> Grouped {
        let broken = self.broken.get(&self.hasher.hash_one(&id)).map(|broken| broken.line);
        let (held, rejected) = match broken {
            Some(line) => {
                let mut weight = Weight::default();
                let fault = fault(line, &mut weight, mapper, row, &self.hasher);
                (Held::Broken(line, weight), Some(fault))
            }
            None => match mapper.draft(row) {
                Ok(draft) => (Held::Whole(draft), None),
                // All of its rows are of nobody.
                Err(reason) => return Grouped::rejected(reason.into()),
            },
        };
        let place = self.put(id, row.line, held);
        Grouped { complete: self.pass(mapper, place), rejected }
    }

    /// Passes over a row that can't be read. Returns whether an event that it may be of is known.
    pub fn pass_over(&mut self, rows: &mut Rows, mapper: &Mapper, row: &mut Row) -> bool {
        let ids = salvage::ids(rows, mapper, row);
        for id in &ids {
            let place = self.places.get(id).copied().unwrap_or_else(|| {
                let broken = self.broken.get(&self.hasher.hash_one(id));
                let line = broken.map_or(row.line, |broken| broken.line);
                self.put(id.clone(), row.line, Held::Broken(line, Weight::default()))
            });
            self.pass(mapper, place);
        }
        !ids.is_empty()
    }

    /// Opens a group at a line, and returns its place.
    fn put(&mut self, id: String, line: u64, held: Held) -> u64 {
        let hash = self.hasher.hash_one(&id);
        let unread = self.broken.get(&hash).map_or(0, |broken| broken.unread);
        let weight = self.weights.entry(hash).or_default();
        let left = weight.rows.saturating_add(unread);
        weight.rows = weight.rows.saturating_sub(1);
        self.opened += 1;
        self.resume.get_or_insert(line);
        self.places.insert(id.clone(), self.opened);
        self.last = Some((id.clone(), self.opened));
        self.open.insert(self.opened, Open { id, left, held });
        self.opened
    }

    /// Counts a row of an open group; completes the group with its last one.
    fn pass(&mut self, mapper: &Mapper, place: u64) -> Option<Record> {
        let open = self.open.get_mut(&place)?;
        open.left = open.left.saturating_sub(1);
        if open.left == 0 { self.close(mapper, place) } else { None }
    }

    /// Completes the group at a place.
    fn close(&mut self, mapper: &Mapper, place: u64) -> Option<Record> {
        let open = self.open.remove(&place)?;
        self.places.remove(&open.id);
        if self.open.is_empty() {
            self.resume = None;
        }
        self.last = self.last.take().filter(|(_, last)| *last != place);
        match open.held {
            Held::Whole(draft) => Some(mapper.finish(draft)),
            Held::Broken(..) => None,
        }
    }

    /// Completes the earliest group that is still open, at the file's end.
    pub fn close_first(&mut self, mapper: &Mapper) -> Option<Record> {
        while let Some(first) = self.open.keys().next().copied() {
            if let Some(record) = self.close(mapper, first) {
                return Some(record);
            }
        }
        None
    }

    /// The first line to read again, while groups are open. No group stands on both sides of it, so
    /// that reading from there gives whole groups only.
    pub fn resume_line(&self) -> Option<u64> {
        self.resume
    }
}

/// Why a row of a broken group is not taken: for its own sake, else for another's.
fn fault(
    line: u64,
    weight: &mut Weight,
    mapper: &mut Mapper,
    row: &Row,
    hasher: &RandomState,
) -> Fault {
    let own = weight.add(mapper, row, hasher).err();
    own.unwrap_or_else(|| RejectReason::GroupBroken { line }.into())
}
