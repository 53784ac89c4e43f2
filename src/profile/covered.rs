//! What of a record its purposes still cover, by the categories in force.

use crate::base::error::Result;
use crate::policy::rulebook::PurposeMask;
use crate::store::{Covering, WordKind, Words};

use super::read::{OpenEvent, OpenRecord};

/// The field of a source's own key.
pub const KEY: &str = "record.key";

/// The purposes that still cover each of a record's values and events, among those that it came in for.
pub struct Covered {
    /// In the order of the record's values.
    pub values: Vec<PurposeMask>,
    /// In the order of the events that were asked about.
    pub events: Vec<PurposeMask>,
}

/// What of a record is still covered; `events` are all of its events.
pub fn covered(
    covering: &Covering<'_>,
    words: &Words,
    record: &OpenRecord,
    events: &[OpenEvent],
) -> Result<Covered> {
    let mut beside = Beside::default();
    let mut found = Covered { values: Vec::new(), events: Vec::new() };
    for event in events {
        let covered = event.purposes & covering.event(&record.source, &event.name)?;
        beside.add(event.purposes, covered);
        found.events.push(covered);
    }
    for value in &record.values {
        let covered = match words.text(WordKind::Field, value.field) {
            KEY => value.purposes,
            field => {
                let covered = value.purposes & covering.field(&record.source, field)?;
                beside.add(value.purposes, covered);
                covered
            }
        };
        found.values.push(covered);
    }
    for (value, covered) in record.values.iter().zip(&mut found.values) {
        if words.text(WordKind::Field, value.field) == KEY {
            *covered &= beside.key();
        }
    }
    Ok(found)
}

/// What stands beside a source's own key. The key serves whatever its record serves: a purpose that
/// covers nothing more of what it has there has no use for the key either.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside {
    held: PurposeMask,
    covered: PurposeMask,
}

impl Beside {
    /// Adds a value or an event: the purposes that it came in for, and those that cover it now.
    pub fn add(&mut self, held: PurposeMask, covered: PurposeMask) {
        self.held |= held;
        self.covered |= covered;
    }

    /// The purposes that the key may serve.
    pub fn key(self) -> PurposeMask {
        !(self.held & !self.covered)
    }
}
