//! Appends admitted values and events, keeps the rollups beside them, and commits to all of them in
//! one ledger entry.
//!
//! Nothing random is touched per event: rows are appended, each points at the one before it of the
//! same record and name, and the rollup of that pair holds the head of the chain. So an event costs
//! one append, and the events of a person are found without any index.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::ledger::commit::{ItemKind, commitment, item_leaf, item_salt};
use crate::ledger::tree::Frontier;
use crate::policy::rulebook::PurposeMask;
use crate::store::Writer;

use super::pack::Packer;
use super::record::{Record, StoredValue, value_bytes};
pub use super::repeat::Looking;
use super::repeat::Repeats;
use super::sql::{self, BatchRow, EventRow, Rollup, ValueRow};

/// Rollups in memory from batch to batch, at most this many.
const REMEMBERED_ROLLUPS_MAX: usize = 110_000;

/// An event that passed the gate.
pub struct AdmittedEvent<'a> {
    /// The code of its name.
    pub name: i64,
    /// Its name.
    pub name_text: &'a str,
    /// Its id within the source, or empty.
    pub id: &'a str,
    /// The purposes that admitted it.
    pub purposes: PurposeMask,
    /// When it happened.
    pub at: Moment,
    /// Whether its source says so; else it counts from its arrival.
    pub is_timed: bool,
    /// What identifies it, blind.
    pub mid: i64,
    /// Its amount in the smallest currency unit.
    pub amount: Option<i64>,
    /// Its properties: canonical JSON.
    pub properties: &'a [u8],
}

/// Whether an event was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is new.
    New,
    /// The same event of the same record is held already.
    Known,
    /// An event of the same record with its id is held already, and says something else.
    Differs,
}

/// The items appended in one transaction, to be committed to together.
pub struct Items<'c> {
    first_value: i64,
    next_value: i64,
    first_event: i64,
    next_event: i64,
    value_tree: Frontier,
    event_tree: Frontier,
    /// The rollups that the batch changed: (record, name).
    changed: Vec<(i64, i64)>,
    canonical: Vec<u8>,
    appender: sql::EventAppender<'c>,
}

/// What an importer keeps from one transaction to the next. It must be forgotten when another process
/// has written, and when events were erased.
pub struct Memory {
    packer: Packer,
    repeats: Repeats,
    /// By record and name; those of the running batch hold what it will write.
    rollups: HashMap<(i64, i64), RememberedRollup>,
    batch: u64,
}

struct RememberedRollup {
    rollup: Rollup,
    /// The batch that changed it last.
    batch: u64,
}

impl Memory {
    /// An empty memory.
    pub fn new(conn: &rusqlite::Connection, looking: Looking) -> Result<Memory> {
        let packer = Packer::new(conn)?;
        Ok(Memory { packer, repeats: Repeats::new(looking), rollups: HashMap::new(), batch: 0 })
    }

    /// Forgets what the store holds.
    pub fn forget(&mut self) {
        self.repeats.forget();
        self.rollups.clear();
    }

    /// When the last event of a record and of these names happened, of those that are remembered.
    pub fn last_event(&self, record: i64, names: &[i64]) -> Option<Moment> {
        let known = names.iter().filter_map(|name| self.rollups.get(&(record, *name)));
        known.filter(|r| r.rollup.count > 0).map(|r| Moment(r.rollup.last_at)).max()
    }
}

impl<'c> Items<'c> {
    /// Starts a batch at the end of the tables.
    pub fn begin(writer: &Writer<'c>, memory: &mut Memory) -> Result<Items<'c>> {
        if memory.rollups.len() > REMEMBERED_ROLLUPS_MAX {
            memory.rollups.clear();
        }
        memory.batch += 1;
        let next_value = sql::next_value(writer.conn)?;
        let next_event = sql::next_event(writer.conn)?;
        Ok(Items {
            first_value: next_value,
            next_value,
            first_event: next_event,
            next_event,
            value_tree: Frontier::new(),
            event_tree: Frontier::new(),
            changed: Vec::new(),
            canonical: Vec::new(),
            appender: sql::EventAppender::new(writer.conn)?,
        })
    }

    /// Appends a value to a record; what its source said before is superseded.
    pub fn add_value(
        &mut self,
        writer: &mut Writer<'_>,
        record: &mut Record,
        field: (i64, &str),
        purposes: PurposeMask,
        observed_at: Moment,
        text: &str,
    ) -> Result<i64> {
        let seq = self.next_value;
        self.next_value += 1;
        let mut body = value_bytes(field.1, record.birth, purposes, observed_at, text);
        commit_to(&mut self.value_tree, &record.key, ItemKind::Value, seq, &body);
        apply_seal(&record.key, Sealed::Value, seq, &mut body);
        sql::insert_value(
            writer.conn,
            &ValueRow {
                seq,
                record: record.id,
                prev: record.last_value,
                field: field.0,
                purposes: writer.words.set_of(writer.conn, purposes)?,
                observed_at: observed_at.0,
                state: sql::VALUE_CURRENT,
                body,
            },
        )?;
        sql::set_last_value(writer.conn, record.id, seq)?;
        record.last_value = seq;
        let value = StoredValue {
            seq,
            record: record.id,
            field: field.0,
            purposes,
            observed_at,
            current: true,
            text: text.to_owned(),
        };
        if let Some(old) = record.current.insert(field.0, value) {
            sql::set_value_state(writer.conn, old.seq, sql::VALUE_SUPERSEDED)?;
        }
        Ok(seq)
    }

    /// Appends an event to a record, unless it is held already, and brings its rollup up to date.
    pub fn add_event(
        &mut self,
        writer: &mut Writer<'_>,
        memory: &mut Memory,
        record: i64,
        key: &RecordKey,
        event: &AdmittedEvent<'_>,
    ) -> Result<Taken> {
        let at = (record, event.name);
        let rollup = match memory.rollups.entry(at) {
            Entry::Occupied(known) => known.get().rollup,
            Entry::Vacant(place) => {
                let rollup = sql::rollup(writer.conn, record, event.name)?;
                let rollup = rollup.unwrap_or(Rollup::empty(event.name));
                place.insert(RememberedRollup { rollup, batch: 0 }).rollup
            }
        };
        // An event later than all that are held can be one of them only by its id, and an import of events
        // that are all new is spared most of the looking for it.
        let repeats = &mut memory.repeats;
        let known = if event.at.0 <= rollup.last_at {
            repeats.row(writer.conn, &rollup, record, event.mid)?
        } else if rollup.count > 0 && !event.id.is_empty() {
            repeats.row_of_later(writer.conn, &rollup, record, event.mid)?
        } else {
            None
        };
        if let Some(seq) = known {
            return match repeats.is_same(writer.conn, writer.words, key, seq, event)? {
                true => Ok(Taken::Known),
                false => Ok(Taken::Differs),
            };
        }
        let seq = self.next_event;
        self.next_event += 1;
        event_bytes(&mut self.canonical, event);
        commit_to(&mut self.event_tree, key, ItemKind::Event, seq, &self.canonical);
        let mut body = memory.packer.pack(&self.canonical);
        apply_seal(key, Sealed::Event, seq, &mut body);
        self.appender.append(&EventRow {
            seq,
            record,
            prev: rollup.last_event,
            name: event.name,
            purposes: writer.words.set_of(writer.conn, event.purposes)?,
            at: event.at.0,
            mid: event.mid,
            body,
        })?;
        memory.repeats.learn(record, event.name, event.mid, seq);
        let batch = memory.batch;
        let known = memory.rollups.get_mut(&at).expect("the rollup was put in above");
        known.rollup.add(seq, event.at.0, event.amount.unwrap_or(0));
        if known.batch != batch {
            known.batch = batch;
            self.changed.push(at);
        }
        Ok(Taken::New)
    }

    /// The number of the event that was appended last.
    pub fn last_event(&self) -> i64 {
        self.next_event - 1
    }

    /// Whether anything was appended.
    pub fn is_empty(&self) -> bool {
        self.next_value == self.first_value && self.next_event == self.first_event
    }

    /// Writes the rollups and the ledger entry that commits to the batch; returns the entry's number.
    pub fn finish(
        mut self,
        writer: &mut Writer<'_>,
        memory: &Memory,
        policy: u32,
        source: i64,
    ) -> Result<Option<i64>> {
        if self.is_empty() {
            return Ok(None);
        }
        // In the order in which the tree holds them.
        self.changed.sort_unstable();
        for at in &self.changed {
            sql::put_rollup(writer.conn, at.0, &memory.rollups[at].rollup)?;
        }
        let value_count = self.next_value - self.first_value;
        let event_count = self.next_event - self.first_event;
        let n = writer.append(
            "data.admit",
            json!({
                "policy": policy,
                "source": source,
                "values": {
                    "first": self.first_value, "count": value_count,
                    "root": self.value_tree.root().to_string(),
                },
                "events": {
                    "first": self.first_event, "count": event_count,
                    "root": self.event_tree.root().to_string(),
                },
            }),
        )?;
        sql::insert_batch(
            writer.conn,
            &BatchRow {
                n,
                recorded_at: writer.now.0,
                policy: i64::from(policy),
                source,
                first_value: self.first_value,
                value_count,
                first_event: self.first_event,
                event_count,
            },
        )?;
        Ok(Some(n))
    }
}

/// Adds the salted commitment of an item to its batch's tree.
fn commit_to(tree: &mut Frontier, key: &RecordKey, kind: ItemKind, seq: i64, bytes: &[u8]) {
    let number = u64::try_from(seq).expect("rows count from 1");
    tree.append(item_leaf(&commitment(&item_salt(&key.0, kind, number), bytes)));
}

/// The canonical bytes of an event: what is committed to, and what is packed and sealed.
fn event_bytes(bytes: &mut Vec<u8>, event: &AdmittedEvent<'_>) {
    use std::io::Write as _;
    bytes.clear();
    bytes.push(b'{');
    if let Some(amount) = event.amount {
        write!(bytes, "\"amount\":{amount},").expect("a vector takes all");
    }
    write!(bytes, "\"at\":{},\"for\":{},\"id\":", event.at.0, event.purposes)
        .expect("a vector takes all");
    serde_json::to_writer(&mut *bytes, event.id).expect("a text is JSON");
    write!(bytes, ",\"name\":\"{}\",\"properties\":", event.name_text).expect("a vector takes all");
    bytes.extend_from_slice(event.properties);
    bytes.push(b'}');
}
