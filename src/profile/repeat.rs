//! An event that comes in again: whether it says what the one that is held says.
//!
//! Events are facts and stay as they were first said. That a source says something else now is told,
//! and kept nowhere.

use std::collections::HashMap;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::error::Result;
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::store::Words;

use super::items::AdmittedEvent;
use super::pack::Unpacker;
use super::record::unreadable;
use super::sql::{self, Rollup};

/// Message ids of events that were read back to recognise repeats, at most this many in memory.
const REMEMBERED_MAX: usize = 1_000_000;
/// Events that an import reads back at most only because one with a later time than all of its record
/// might be one of them with its time mended. What comes in day by day is later than all, so this may
/// not cost what the events themselves cost.
const LATER_LOOKS_MAX: i64 = 500_000;
/// The same, as long as the import has met no event that is held: a file of what is new costs nothing more.
const LATER_LOOKS_UNMET_MAX: i64 = 10_000;

/// How far an event that is later than all that its record holds is looked for among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looking {
    /// As far as it is worthwhile: of a file, whose rows stand in some order.
    Sparing,
    /// To the end: of senders that send again what wasn't acknowledged, with a clock that is set right
    /// anew each time.
    Exact,
}

/// The events that were read back: for each record and name the row of each message id.
pub(super) struct Repeats {
    looking: Looking,
    known: HashMap<(i64, i64), HashMap<i64, i64>>,
    count: usize,
    looked: i64,
    /// Whether the import has met an event that is held: then its file tells of old things, too.
    any_met: bool,
    unpacker: Option<Unpacker>,
}

impl Repeats {
    /// Nothing was read back yet.
    pub fn new(looking: Looking) -> Repeats {
        let known = HashMap::new();
        Repeats { looking, known, count: 0, looked: 0, any_met: false, unpacker: None }
    }

    /// Forgets what the store holds.
    pub fn forget(&mut self) {
        self.known.clear();
        self.count = 0;
        self.unpacker = None;
    }

    /// The row of the event with a message id, if it is held: reads the chain back once, then remembers.
    pub fn row(
        &mut self,
        conn: &Connection,
        rollup: &Rollup,
        record: i64,
        mid: i64,
    ) -> Result<Option<i64>> {
        if self.count > REMEMBERED_MAX {
            self.known.clear();
            self.count = 0;
        }
        let key = (record, rollup.name);
        if !self.known.contains_key(&key) {
            let chain = sql::event_chain(conn, rollup.last_event)?;
            self.count += chain.len();
            // The oldest of one message id is what was first said; it comes last.
            self.known.insert(key, chain.into_iter().map(|(seq, mid, _)| (mid, seq)).collect());
        }
        let row = self.known[&key].get(&mid).copied();
        self.any_met |= row.is_some();
        Ok(row)
    }

    /// The same for an event that is later than all of its record and name that are held.
    pub fn row_of_later(
        &mut self,
        conn: &Connection,
        rollup: &Rollup,
        record: i64,
        mid: i64,
    ) -> Result<Option<i64>> {
        if self.looking == Looking::Sparing && !self.known.contains_key(&(record, rollup.name)) {
            let most = if self.any_met { LATER_LOOKS_MAX } else { LATER_LOOKS_UNMET_MAX };
            if self.looked.saturating_add(rollup.count) > most {
                return Ok(None);
            }
            self.looked += rollup.count;
        }
        self.row(conn, rollup, record, mid)
    }

    /// Learns of an event that was appended.
    pub fn learn(&mut self, record: i64, name: i64, mid: i64, seq: i64) {
        // Only chains that were read back are remembered whole; others are read when asked for.
        if let Some(known) = self.known.get_mut(&(record, name))
            && known.insert(mid, seq).is_none()
        {
            self.count += 1;
        }
    }

    /// Whether the event in a row says what the one that comes in says: its amount, its properties, and
    /// its moment where one is stated. One that was erased says nothing, and contradicts nothing.
    pub fn is_same(
        &mut self,
        conn: &Connection,
        words: &Words,
        key: &RecordKey,
        seq: i64,
        event: &AdmittedEvent<'_>,
    ) -> Result<bool> {
        #[derive(Deserialize)]
        struct Said<'a> {
            #[serde(default)]
            amount: Option<i64>,
            at: i64,
            #[serde(borrow)]
            properties: &'a RawValue,
        }
        let row = sql::event(conn, seq)?;
        if words.mask_of(row.purposes) == 0 {
            return Ok(true);
        }
        let mut body = row.body;
        apply_seal(key, Sealed::Event, seq, &mut body);
        let unpacker = match &mut self.unpacker {
            Some(unpacker) => unpacker,
            place => place.insert(Unpacker::new(conn)?),
        };
        let bytes = unpacker.unpack(&body)?;
        let said: Said<'_> = serde_json::from_slice(&bytes).map_err(|_| unreadable("event"))?;
        Ok(said.amount == event.amount
            && (!event.is_timed || said.at == event.at.0)
            && said.properties.get().as_bytes() == event.properties)
    }
}
