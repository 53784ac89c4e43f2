//! Everybody at once: where each record belongs and everything that was ever said, read in two passes.
//!
//! A report over a million profiles can't ask a question for each. Records and statements are read in
//! the order in which they lie in the file and grouped in memory; the fold is the gate's own. People
//! and their (subject, home) pairs, the slots, are numbers; of a statement only its moments and its
//! kind are held for each, so that each of a million people takes about a hundred bytes.

use std::collections::HashMap;
use std::ops::Range;

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::consent::fold::{AsOf, Home, Joined, Standing, standing};
use crate::consent::statement::{Statement, state_code};
use crate::profile::lookup::first_entry_of;
use crate::profile::then::Then;
use crate::store::first_entry_from;

use super::sql::{self, Merge};

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its subject.
    pub subject: i64,
    /// Its home: the subject that it was born into, or was parted into since.
    pub home: i64,
    /// The number of its (subject, home) among all.
    pub slot: usize,
}

/// One (subject, home).
#[derive(Clone, Copy, Debug)]
struct Slot {
    home: i64,
    person: u32,
    /// The number of its moves, from 1; 0 for none.
    moves: u32,
}

/// One statement: its kind, and what differs within a kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    n: i64,
    /// When it was so.
    pub(super) valid_at: Moment,
    /// When it was learned.
    pub(super) recorded_at: Moment,
    slot: u32,
    /// The number of its kind.
    pub(super) kind: u32,
    /// The record that said it.
    pub(super) record: u32,
}

impl Said {
    /// When it was said, as [`Statement::said_at`] tells it.
    pub(super) fn said_at(&self) -> Moment {
        self.valid_at.min(self.recorded_at)
    }
}

/// The record numbers of which nothing is known.
const NOBODY: u32 = u32::MAX;

/// Everybody. A person is a subject that holds records, by number from 0 in the order of subjects.
#[derive(Debug, Default)]
pub struct People {
    slot_of: Vec<u32>,
    slots: Vec<Slot>,
    subjects: Vec<i64>,
    first_slot: Vec<u32>,
    first_said: Vec<u32>,
    said: Vec<Said>,
    kinds: Kinds,
    /// The merges that brought a home to where it is, in order.
    moves: Vec<Vec<Joined>>,
    /// Slots whose home is another subject, by home.
    moved: HashMap<i64, Vec<usize>>,
}

impl People {
    /// Reads everybody, grouped as they were at a moment.
    pub fn as_of(conn: &Connection, at: Moment) -> Result<People> {
        let later = first_entry_from(conn, Moment(at.0.saturating_add(1)))?;
        People::up_to(conn, i64::MAX, &Then::before(conn, later)?)
    }

    /// Reads everybody of whom something had been recorded by a moment, grouped as they were then.
    pub fn known_by(conn: &Connection, at: Moment) -> Result<People> {
        let later = first_entry_from(conn, Moment(at.0.saturating_add(1)))?;
        People::up_to(conn, last_record_before(conn, later)?, &Then::before(conn, later)?)
    }

    fn up_to(conn: &Connection, last_record: i64, then: &Then) -> Result<People> {
        sql::read_through(conn)?;
        let mut people = People::default();
        people.read_records(conn, last_record, then)?;
        people.read_statements(conn)?;
        Ok(people)
    }

    fn read_records(&mut self, conn: &Connection, last_record: i64, then: &Then) -> Result<()> {
        let mut rows: Vec<(i64, i64, usize)> = Vec::new();
        sql::records(conn, then.entry(), |id, subject, home| {
            if id <= last_record
                && let Ok(number) = usize::try_from(id)
            {
                rows.push((then.subject(id, subject), home, number));
            }
        })?;
        let merges = sql::merges(conn)?;
        let ways = Ways::new(merges.iter().filter(|m| then.stood(m.joined.entry, m.undone)));
        let last = rows.iter().map(|(.., id)| *id).max().unwrap_or(0);
        if last > sql::numbered_records(conn)? {
            return Err(Error::damaged(
                "store-damaged",
                "a record has a number that was never given",
            )
            .next("run `candor audit verify --deep` to see where"));
        }
        self.slot_of = vec![NOBODY; last + 1];
        rows.sort_unstable();
        let mut before = None;
        for (subject, home, id) in rows {
            if self.subjects.last() != Some(&subject) {
                self.subjects.push(subject);
                self.first_slot.push(narrow(self.slots.len()));
            }
            if before != Some((subject, home)) {
                before = Some((subject, home));
                let mut moves = 0;
                if home != subject {
                    self.moves.push(ways.of(home));
                    moves = narrow(self.moves.len());
                    self.moved.entry(home).or_default().push(self.slots.len());
                }
                self.slots.push(Slot { home, person: narrow(self.subjects.len() - 1), moves });
            }
            self.slot_of[id] = narrow(self.slots.len() - 1);
        }
        self.first_slot.push(narrow(self.slots.len()));
        Ok(())
    }

    fn read_statements(&mut self, conn: &Connection) -> Result<()> {
        let (mut said, mut kinds) = (Vec::new(), Kinds::default());
        sql::statements(conn, |statement| {
            if let Some(slot) = self.slot(statement.record) {
                said.push(Said {
                    n: statement.n,
                    valid_at: statement.valid_at,
                    recorded_at: statement.recorded_at,
                    slot: narrow(slot),
                    kind: kinds.number(&statement),
                    record: u32::try_from(statement.record).expect("its slot was found above"),
                });
            }
        })?;
        // Slots stand in the order of people.
        said.sort_unstable_by_key(|said| (said.slot, said.n));
        let mut at = 0;
        for person in 0..self.count() {
            self.first_said.push(narrow(at));
            let (first, slots) = (at, self.slots_of(person));
            while said.get(at).is_some_and(|said| slots.contains(&(said.slot as usize))) {
                at += 1;
            }
            if slots.len() > 1 {
                said[first..at].sort_unstable_by_key(|said| said.n);
            }
        }
        self.first_said.push(narrow(at));
        (self.said, self.kinds) = (said, kinds);
        Ok(())
    }

    /// How many people there are.
    pub fn count(&self) -> usize {
        self.subjects.len()
    }

    /// How many (subject, home) pairs there are.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The subject of a person.
    pub fn subject(&self, person: usize) -> i64 {
        self.subjects[person]
    }

    /// The slot of a record; `None` for one that is gone.
    pub(super) fn slot(&self, record: i64) -> Option<usize> {
        let slot = *self.slot_of.get(usize::try_from(record).ok()?)?;
        (slot != NOBODY).then_some(slot as usize)
    }

    /// Where a record belongs; `None` for one that is gone.
    pub fn place(&self, record: i64) -> Option<Place> {
        Some(self.place_of(self.slot(record)?))
    }

    /// What a slot stands for.
    pub(super) fn place_of(&self, slot: usize) -> Place {
        let Slot { home, person, .. } = self.slots[slot];
        Place { subject: self.subjects[person as usize], home, slot }
    }

    /// The person of a slot.
    pub fn person_of(&self, slot: usize) -> usize {
        self.slots[slot].person as usize
    }

    fn slots_of(&self, person: usize) -> Range<usize> {
        self.first_slot[person] as usize..self.first_slot[person + 1] as usize
    }

    fn home(&self, slot: usize) -> Home {
        let Slot { home, moves, .. } = self.slots[slot];
        let moves = (moves as usize).checked_sub(1).map(|number| self.moves[number].clone());
        Home { id: home, moves: moves.unwrap_or_default() }
    }

    /// The homes of a person.
    pub fn homes(&self, person: usize) -> Vec<Home> {
        self.slots_of(person).map(|slot| self.home(slot)).collect()
    }

    /// Whether a person has one home that was never joined with another.
    pub(super) fn is_simple(&self, person: usize) -> bool {
        let slots = self.slots_of(person);
        slots.len() == 1 && self.slots[slots.start].moves == 0
    }

    /// Everything that a person said, in ledger order, as it is held.
    pub(super) fn said(&self, person: usize) -> &[Said] {
        &self.said[self.first_said[person] as usize..self.first_said[person + 1] as usize]
    }

    /// What a kind of statement says; its number, home and moments mean nothing.
    pub(super) fn kind(&self, number: u32) -> &Statement {
        &self.kinds.all[number as usize]
    }

    fn statement(&self, said: &Said) -> Statement {
        let Said { n, valid_at, recorded_at, slot, kind, record } = *said;
        Statement {
            n,
            home: self.slots[slot as usize].home,
            record: record.into(),
            valid_at,
            recorded_at,
            ..*self.kind(kind)
        }
    }

    /// Everything that a person said, in ledger order.
    pub fn statements(&self, person: usize) -> Vec<Statement> {
        self.said(person).iter().map(|said| self.statement(said)).collect()
    }

    /// Everything that was said in a home, wherever its records belong today.
    pub fn statements_of_home(&self, home: i64) -> Vec<Statement> {
        let person = self.subjects.binary_search(&home).ok();
        let own = person.into_iter().flat_map(|person| self.slots_of(person));
        let moved = self.moved.get(&home).into_iter().flatten().copied();
        own.filter(|slot| self.slots[*slot].home == home)
            .chain(moved)
            .flat_map(|slot| {
                let said = self.said(self.person_of(slot)).iter();
                said.filter(move |said| said.slot as usize == slot)
            })
            .map(|said| self.statement(said))
            .collect()
    }

    /// Everything that a record said, in ledger order.
    pub(super) fn statements_of_record(&self, record: i64) -> Vec<Statement> {
        let said = self.slot(record).map(|slot| self.said(self.person_of(slot)));
        let own = said.into_iter().flatten().filter(|said| i64::from(said.record) == record);
        own.map(|said| self.statement(said)).collect()
    }

    /// Where one home stands: what decides over its records' data.
    pub fn standing_of(&self, slot: usize, asked: AsOf) -> Standing {
        let person = self.person_of(slot);
        let home = Some(self.slots[slot].home);
        standing(&self.statements(person), &self.homes(person), home, asked)
    }

    /// Where a person as a whole stands.
    pub fn standing(&self, person: usize, asked: AsOf) -> Standing {
        standing(&self.statements(person), &self.homes(person), None, asked)
    }
}

/// The last record of which something stood in the ledger before an entry. Records are numbered in the
/// order of their coming, so a few of them tell it of all.
fn last_record_before(conn: &Connection, entry: i64) -> Result<i64> {
    let (mut known, mut later) = (0, sql::last_record(conn)? + 1);
    while known + 1 < later {
        let middle = known + (later - known) / 2;
        // Of a record that nothing is left of, the one before it tells.
        let mut near = middle;
        let first = loop {
            match sql::record_upto(conn, near)?.filter(|record| *record > known) {
                None => break None,
                Some(record) => match first_entry_of(conn, record)? {
                    Some(first) => break Some((record, first)),
                    None => near = record - 1,
                },
            }
        };
        match first {
            Some((record, first)) if first >= entry => later = record,
            _ => known = middle,
        }
    }
    Ok(known)
}

/// Where the merges lead that stood at a point of the ledger, by the subject that went.
pub(super) struct Ways(HashMap<i64, Merge>);

impl Ways {
    /// Of those merges, in order.
    pub(super) fn new<'m>(stood: impl Iterator<Item = &'m Merge>) -> Ways {
        Ways(stood.map(|merge| (merge.from, *merge)).collect())
    }

    /// The merges that brought a home's records to where they are, in order.
    pub(super) fn of(&self, home: i64) -> Vec<Joined> {
        let mut moves: Vec<Joined> = Vec::new();
        let mut at = home;
        while let Some(merge) = self.0.get(&at) {
            if moves.last().is_some_and(|last| *last >= merge.joined) {
                break;
            }
            moves.push(merge.joined);
            at = merge.into;
        }
        moves
    }
}

/// A number of rows that are held in memory.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("four thousand million rows don't fit into memory")
}

/// Statements that differ in nothing but place and time are of one kind. There are few.
#[derive(Debug, Default)]
struct Kinds {
    all: Vec<Statement>,
    numbers: HashMap<u128, u32>,
    last: Option<(u128, u32)>,
}

impl Kinds {
    fn number(&mut self, s: &Statement) -> u32 {
        let flags = u128::from(s.explicit) | u128::from(s.confirmed) << 1 | u128::from(s.own) << 2;
        let state = state_code(s.state).unsigned_abs();
        let kind = [
            (s.axis as u128, 8),
            (s.purpose.into(), 8),
            (s.channel.into(), 16),
            (state.into(), 8),
            (flags, 8),
            (s.source.into(), 16),
            (s.notice_version.into(), 32),
            (s.every_days.into(), 32),
        ]
        .into_iter()
        .fold(0, |all, (part, bits)| all << bits | part);
        match self.last {
            Some((last, number)) if last == kind => number,
            _ => {
                let number = *self.numbers.entry(kind).or_insert_with(|| {
                    self.all.push(*s);
                    narrow(self.all.len() - 1)
                });
                self.last = Some((kind, number));
                number
            }
        }
    }
}
