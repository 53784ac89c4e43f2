//! Forgets single values, events and payloads: overwritten where they stand, with a tombstone that
//! keeps the ledger provable.
//!
//! A row that is deleted makes SQLite repack its neighbours and leave copies of them behind. A row
//! that is overwritten with as many bytes stays where it is, and nothing else moves. The tombstone
//! is the item's salted commitment: the batch root still recomputes from it, and it says nothing.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::consent::fold::AsOf;
use crate::consent::gate::holding;
use crate::consent::history::History;
use crate::consent::retention::{Age, retained};
use crate::consent::statement::Axis;
use crate::ledger::commit::{ItemKind, Numbers, commitment, item_salt};
use crate::linking::{index, part_objectors};
use crate::policy::rulebook::{PurposeMask, Rulebook};
use crate::profile::covered::covered;
use crate::profile::names;
use crate::profile::pack::Unpacker;
use crate::profile::read::{OpenRecord, is_erased, last_contact, open_events, open_records};
use crate::profile::record::Record;
use crate::profile::sql as profile_sql;
use crate::send::recall;
use crate::store::{Covering, WordKind, Words, Writer};

use super::erase::Categories;
use super::hold::Holds;
use super::sql;

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Forgotten {
    /// Values.
    pub values: u64,
    /// Events.
    pub events: u64,
}

impl std::ops::AddAssign for Forgotten {
    fn add_assign(&mut self, more: Forgotten) {
        self.values += more.values;
        self.events += more.events;
    }
}

/// What of a subject has lost its last reason.
#[derive(Debug, Default)]
pub struct Unreasoned {
    /// Values: their record's index and their own, in `records`, and the purposes that cover them.
    values: Vec<(usize, usize, PurposeMask)>,
    /// Events: their record's index and row, and the purposes that cover them.
    events: Vec<(usize, i64, PurposeMask)>,
}

impl Unreasoned {
    /// Whether everything has a reason.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.events.is_empty()
    }

    /// The values: the index of their record and their own within it, and the purposes that cover them.
    pub fn values(&self) -> &[(usize, usize, PurposeMask)] {
        &self.values
    }

    /// The events: the index of their record and their row, and the purposes that cover them.
    pub fn events(&self) -> &[(usize, i64, PurposeMask)] {
        &self.events
    }

    /// Their numbers, as the entry that forgets them commits to them.
    fn numbers(&self, records: &[OpenRecord]) -> String {
        let values: Vec<i64> =
            self.values.iter().map(|(at, index, _)| records[*at].values[*index].seq).collect();
        let events: Vec<i64> = self.events.iter().map(|(_, seq, _)| *seq).collect();
        numbers_of(&values, &events, &[])
    }

    /// Whether it is all that is held in these records.
    pub fn is_all_of(&self, records: &[OpenRecord]) -> bool {
        let values: usize = records.iter().map(|record| record.values.len()).sum();
        let events: i64 = records.iter().flat_map(|r| &r.rollups).map(|rollup| rollup.count).sum();
        (self.values.len(), self.events.len() as u64) == (values, events.unsigned_abs())
    }

    /// How much it is.
    pub fn size(&self) -> Forgotten {
        Forgotten { values: self.values.len() as u64, events: self.events.len() as u64 }
    }
}

/// Finds what of a subject has lost its last reason (law 2): its purposes' bases have ended, or their
/// time is over, or they don't cover it any more.
pub fn unreasoned(
    conn: &Connection,
    words: &Words,
    (rules, covering): (&Rulebook, &Covering<'_>),
    history: &History,
    records: &[OpenRecord],
    now: Moment,
) -> Result<Unreasoned> {
    let contact = last_contact(records);
    let age = |observed_at| Age { observed_at, last_contact: contact };
    let mut found = Unreasoned::default();
    // Of an erased person only what the law keeps has a reason of its own; the rest was held for a claim.
    let erased = match records.first() {
        Some(record) => is_erased(conn, profile_sql::record(conn, record.id)?.subject)?,
        None => false,
    };
    let keeping = if erased { rules.keeping_on_erasure() } else { PurposeMask::MAX };
    for (at, record) in records.iter().enumerate() {
        let standing = history.standing_of(record.home, AsOf::at(now));
        let purposes = holding(rules, &standing, now) & keeping;
        let claim = Holds::of(standing, words);
        let categories = (!claim.is_empty()).then(|| Categories::of(rules));
        let events = open_events(conn, words, record)?;
        let covered = covered(covering, words, record, &events)?;
        for (index, value) in record.values.iter().enumerate() {
            let field = words.text(WordKind::Field, value.field);
            if let Some(all) = &categories
                && claim.on(&all.of_field(&record.source, field)).is_some()
            {
                continue;
            }
            let purposes = covered.values[index] & purposes;
            if retained(rules, purposes, age(value.observed_at), now) == 0 {
                found.values.push((at, index, covered.values[index]));
            }
        }
        for (event, covered) in events.iter().zip(covered.events) {
            if let Some(all) = &categories
                && claim.on(&all.of_event(&event.name)).is_some()
            {
                continue;
            }
            if retained(rules, covered & purposes, age(event.at), now) == 0 {
                found.events.push((at, event.seq, covered));
            }
        }
    }
    Ok(found)
}

/// Forgets what of a subject has lost its last reason; writes one entry when there is anything. What
/// may not be compared any more leaves the index of linking too, and whoever was sent what may not be used
/// any more is told to stop.
pub fn sweep(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    subject: i64,
    because: &str,
) -> Result<Forgotten> {
    let mut forgotten = Forgotten::default();
    // Whoever objects to being linked stands alone before anything of the others is looked at.
    for subject in part_objectors(writer, rules, subject)? {
        // Before anything is forgotten that a recipient has to be told.
        recall::stop(writer, rules, subject)?;
        forgotten += forget_unreasoned(writer, rules, subject, because)?;
        index::keep_in_step(writer, rules, subject)?;
    }
    Ok(forgotten)
}

fn forget_unreasoned(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    subject: i64,
    because: &str,
) -> Result<Forgotten> {
    let records = open_records(writer.conn, writer.words, subject)?;
    let history = History::load(writer.conn, subject)?;
    let rules = (rules, &Covering::new(writer.conn, rules));
    let found = unreasoned(writer.conn, writer.words, rules, &history, &records, writer.now)?;
    if found.is_empty() {
        return Ok(Forgotten::default());
    }
    let size = found.size();
    let entry = writer.append(
        "data.forget",
        serde_json::json!({
            "because": because, "values": size.values, "events": size.events,
            "numbers": found.numbers(&records),
        }),
    )?;
    let mut unpacker = Unpacker::new(writer.conn)?;
    for (at, index, _) in &found.values {
        let record = &records[*at];
        let value = &record.values[*index];
        let field = writer.words.text(WordKind::Field, value.field).to_owned();
        forget_value(writer.conn, &record.key, value.seq, entry)?;
        if field.starts_with("identifier.") {
            let says_no = history.statements.iter().any(|s| s.protects() && s.axis != Axis::Hold);
            let gone = |seq| found.values.iter().any(|(a, i, _)| records[*a].values[*i].seq == seq);
            let same = record.values.iter().filter(|other| {
                (other.field, &other.text) == (value.field, &value.text) && !gone(other.seq)
            });
            let instead = same.map(|other| other.seq).max();
            sql::forget_identifier(writer.conn, record.id, value.seq, instead, says_no)?;
        }
    }
    for (at, seq, _) in &found.events {
        forget_event(writer.conn, &mut unpacker, &records[*at].key, *seq, entry)?;
    }
    if found.is_all_of(&records) {
        for record in &records {
            profile_sql::forget_names_to_find(writer.conn, record.id)?;
        }
    }
    // What found somebody by a value that is gone, and goes on finding them, is named anew.
    let finds = |field| {
        let field = writer.words.text(WordKind::Field, field);
        field.starts_with("identifier.") || field == "record.key"
    };
    let lost = found.values.iter().filter(|(at, i, _)| finds(records[*at].values[*i].field));
    let mut renamed: BTreeSet<i64> = lost.map(|(at, ..)| records[*at].id).collect();
    if found.is_all_of(&records) {
        renamed.extend(records.iter().map(|record| record.id));
    }
    for record in renamed {
        names::settle(writer, &Record::load(writer.conn, writer.words, record)?)?;
    }
    for record in &records {
        if found.events.iter().any(|(at, ..)| records[*at].id == record.id) {
            refold_rollups(writer.conn, &mut unpacker, record.id, &record.key)?;
        }
    }
    Ok(size)
}

/// The numbers of what is forgotten, as its entry commits to them; each list in any order.
pub fn numbers_of(values: &[i64], events: &[i64], disclosures: &[i64]) -> String {
    let mut numbers = Numbers::default();
    for (kind, list) in
        [(sql::ITEM_VALUE, values), (sql::ITEM_EVENT, events), (sql::ITEM_DISCLOSURE, disclosures)]
    {
        let mut list = list.to_vec();
        list.sort_unstable();
        list.into_iter().for_each(|number| numbers.add(kind, number));
    }
    numbers.digest()
}

/// Overwrites a value; leaves its commitment.
pub fn forget_value(conn: &Connection, key: &RecordKey, seq: i64, entry: i64) -> Result<()> {
    let mut body = sql::stored_body(conn, sql::ITEM_VALUE, seq)?;
    apply_seal(key, Sealed::Value, seq, &mut body);
    let salt = salt_of(conn, key, ItemKind::Value, seq)?;
    sql::insert_tombstone(conn, sql::ITEM_VALUE, seq, &commitment(&salt, &body), entry)?;
    sql::delete_kept_salt(conn, sql::ITEM_VALUE, seq)?;
    sql::overwrite_value(conn, seq)
}

/// Overwrites an event; leaves its commitment.
pub fn forget_event(
    conn: &Connection,
    unpacker: &mut Unpacker,
    key: &RecordKey,
    seq: i64,
    entry: i64,
) -> Result<()> {
    let mut body = sql::stored_body(conn, sql::ITEM_EVENT, seq)?;
    apply_seal(key, Sealed::Event, seq, &mut body);
    let bytes = unpacker.unpack(&body)?;
    let salt = salt_of(conn, key, ItemKind::Event, seq)?;
    sql::insert_tombstone(conn, sql::ITEM_EVENT, seq, &commitment(&salt, &bytes), entry)?;
    sql::delete_kept_salt(conn, sql::ITEM_EVENT, seq)?;
    sql::overwrite_event(conn, seq)
}

/// The salt under which an item was committed to: the one that an earlier erasure kept, when the
/// record's first key is gone, else the record's own.
pub fn salt_of(conn: &Connection, key: &RecordKey, kind: ItemKind, seq: i64) -> Result<[u8; 32]> {
    let item = match kind {
        ItemKind::Value => sql::ITEM_VALUE,
        ItemKind::Event => sql::ITEM_EVENT,
    };
    let kept = sql::kept_salt(conn, item, seq)?;
    Ok(kept.unwrap_or_else(|| item_salt(&key.0, kind, number(seq))))
}

/// Computes the rollups of a record again from the events that are left. A rollup without events
/// stays with a count of zero: it heads the chain.
pub fn refold_rollups(
    conn: &Connection,
    unpacker: &mut Unpacker,
    record: i64,
    key: &RecordKey,
) -> Result<()> {
    for mut rollup in crate::profile::sql::rollups(conn, record)? {
        (rollup.count, rollup.sum) = (0, 0);
        (rollup.first_at, rollup.last_at) = (i64::MAX, i64::MIN);
        let mut amounts = Vec::new();
        let mut seq = rollup.last_event;
        while seq != 0 {
            let row = crate::profile::sql::event(conn, seq)?;
            seq = row.prev;
            if row.purposes == sql::NO_PURPOSES {
                continue;
            }
            let mut body = row.body;
            apply_seal(key, Sealed::Event, row.seq, &mut body);
            rollup.count += 1;
            amounts.push(amount_of(&unpacker.unpack(&body)?));
            rollup.first_at = rollup.first_at.min(row.at);
            rollup.last_at = rollup.last_at.max(row.at);
        }
        // In the order in which they came in, because a sum that doesn't fit depends on it.
        rollup.sum = amounts.into_iter().rev().fold(0, i64::saturating_add);
        crate::profile::sql::put_rollup(conn, record, &rollup)?;
    }
    Ok(())
}

/// The amount in an event's canonical bytes; 0 where it has none.
pub fn amount_of(bytes: &[u8]) -> i64 {
    #[derive(serde::Deserialize)]
    struct Amount {
        #[serde(default)]
        amount: i64,
    }
    serde_json::from_slice::<Amount>(bytes).map_or(0, |body| body.amount)
}

/// A row number as the ledger's formulas take it.
pub fn number(seq: i64) -> u64 {
    u64::try_from(seq).expect("rows count from 1")
}
