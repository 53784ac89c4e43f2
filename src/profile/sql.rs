//! Every statement about subjects, records, their values, events and links.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::error::Result;
use crate::base::secret::RecordKey;
use crate::consent::sql::HOME;

use super::names::Name;

pub const SUBJECT_LIVE: i64 = 2;
pub const SUBJECT_MERGED: i64 = 3;
pub const SUBJECT_KEPT: i64 = 4;

pub const VALUE_CURRENT: i64 = 2;
pub const VALUE_SUPERSEDED: i64 = 3;
pub const VALUE_ERASED: i64 = 4;

pub const LINK_EXACT: i64 = 2;
pub const LINK_LIKELY: i64 = 3;
pub const LINK_PERSON: i64 = 4;
pub const LINK_CANNOT: i64 = 5;
pub const LINK_RELATED: i64 = 6;

pub struct RecordRow {
    pub subject: i64,
    /// The subject that it was born into.
    pub birth: i64,
    /// The same, or the one that it was parted into since.
    pub home: i64,
    pub source: i64,
    pub last_value: i64,
}

pub struct ValueRow {
    pub seq: i64,
    pub record: i64,
    pub prev: i64,
    pub field: i64,
    pub purposes: i64,
    pub observed_at: i64,
    pub state: i64,
    pub body: Vec<u8>,
}

#[derive(Clone)]
pub struct EventRow {
    pub seq: i64,
    pub record: i64,
    pub prev: i64,
    pub name: i64,
    pub purposes: i64,
    pub at: i64,
    pub mid: i64,
    pub body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollup {
    pub name: i64,
    pub count: i64,
    pub sum: i64,
    pub first_at: i64,
    pub last_at: i64,
    pub last_event: i64,
}

impl Rollup {
    /// Of no events.
    pub fn empty(name: i64) -> Rollup {
        Rollup { name, count: 0, sum: 0, first_at: i64::MAX, last_at: i64::MIN, last_event: 0 }
    }

    /// Adds an event, which becomes the head of the chain. A sum that doesn't fit stays at the end of
    /// what does, because a wrapped one would be a plain lie.
    pub fn add(&mut self, seq: i64, at: i64, amount: i64) {
        self.count += 1;
        self.sum = self.sum.saturating_add(amount);
        self.first_at = self.first_at.min(at);
        self.last_at = self.last_at.max(at);
        self.last_event = seq;
    }
}

// Subjects ----------------------------------------------------------------------------------------

pub fn insert_subject(conn: &Connection, public_id: i64) -> Result<i64> {
    Ok(conn
        .prepare_cached("INSERT INTO subject (public_id, state) VALUES ($1, 2) RETURNING id")?
        .query_row([public_id], |row| row.get(0))?)
}

pub fn subject_state(conn: &Connection, subject: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT state FROM subject WHERE id = $1")?
        .query_row([subject], |row| row.get(0))
        .optional()?)
}

pub fn set_subject_state(conn: &Connection, subject: i64, state: i64) -> Result<()> {
    conn.prepare_cached("UPDATE subject SET state = $1 WHERE id = $2")?
        .execute([state, subject])?;
    Ok(())
}

pub fn subject_by_public_id(conn: &Connection, public_id: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT id FROM subject WHERE public_id = $1")?
        .query_row([public_id], |row| row.get(0))
        .optional()?)
}

/// The random public id of a subject.
pub fn public_id(conn: &Connection, subject: i64) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT public_id FROM subject WHERE id = $1")?
        .query_row([subject], |row| row.get(0))?)
}

/// The entries that may have joined or parted a subject, also those whose payload is another person's: of
/// merges with it that stand or were taken back, and of what forbids links with its records.
pub fn joining_entries(conn: &Connection, subject: i64) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "WITH RECURSIVE
           one(id) AS (
             SELECT $1
             UNION SELECT m.from_subject FROM one o JOIN merge m ON m.into_subject = o.id
             WHERE m.undone_entry = 0),
           merged(entry, undone_entry) AS (
             SELECT m.entry, m.undone_entry FROM one o JOIN merge m ON m.into_subject = o.id
             UNION SELECT m.entry, m.undone_entry FROM one o JOIN merge m ON m.from_subject = o.id),
           mine(id) AS (SELECT id FROM record WHERE subject = $1)
         SELECT entry FROM merged
         UNION SELECT undone_entry FROM merged WHERE undone_entry <> 0
         UNION SELECT l.entry FROM mine r JOIN link l ON l.a = r.id WHERE l.kind = $2
         UNION SELECT l.entry FROM mine r JOIN link l ON l.b = r.id WHERE l.kind = $2",
    )?;
    let rows = statement.query_map([subject, LINK_CANNOT], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Every subject that holds records.
pub fn live_subjects(conn: &Connection) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT id FROM subject s WHERE state <> 3
         AND EXISTS (SELECT 1 FROM record r WHERE r.subject = s.id) ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

// Records -----------------------------------------------------------------------------------------

/// Makes a record of a subject, born into a home.
pub fn insert_record(
    conn: &Connection,
    (subject, home): (i64, i64),
    source: i64,
    key_blind: i64,
    key: &RecordKey,
) -> Result<i64> {
    let id: i64 = conn
        .prepare_cached(
            "INSERT INTO record (subject, home, source, key_blind, last_value)
             VALUES ($1, $2, $3, $4, 0) RETURNING id",
        )?
        .query_row([subject, home, source, key_blind], |row| row.get(0))?;
    conn.prepare_cached("INSERT INTO record_key (record, k) VALUES ($1, $2)")?
        .execute(params![id, key.0])?;
    Ok(id)
}

pub fn record(conn: &Connection, id: i64) -> Result<RecordRow> {
    Ok(conn
        .prepare_cached(&format!(
            "SELECT r.subject, r.home, {HOME}, r.source, r.last_value FROM record r WHERE r.id = $1"
        ))?
        .query_row([id], |row| {
            Ok(RecordRow {
                subject: row.get(0)?,
                birth: row.get(1)?,
                home: row.get(2)?,
                source: row.get(3)?,
                last_value: row.get(4)?,
            })
        })?)
}

/// Gives a record that was parted from others the home that it has from an entry on.
pub fn insert_parting(conn: &Connection, record: i64, entry: i64, home: i64) -> Result<()> {
    conn.prepare_cached("INSERT INTO parting (record, entry, home) VALUES ($1, $2, $3)")?
        .execute([record, entry, home])?;
    Ok(())
}

/// Whether there is a record of this number.
pub fn has_record(conn: &Connection, id: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM record WHERE id = $1)")?
        .query_row([id], |row| row.get(0))?)
}

pub fn record_key(conn: &Connection, id: i64) -> Result<RecordKey> {
    let bytes: Vec<u8> = conn
        .prepare_cached("SELECT k FROM record_key WHERE record = $1")?
        .query_row([id], |row| row.get(0))?;
    Ok(RecordKey(bytes.try_into().unwrap_or([0; 32])))
}

/// The key of a record, where there is such a record.
pub fn key_if_held(conn: &Connection, id: i64) -> Result<Option<RecordKey>> {
    let bytes: Option<Vec<u8>> = conn
        .prepare_cached(
            "SELECT k.k FROM record r JOIN record_key k ON k.record = r.id WHERE r.id = $1",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(bytes.map(|bytes| RecordKey(bytes.try_into().unwrap_or([0; 32]))))
}

/// The record of a source's key: (id, its row, its key).
pub fn record_by_key(
    conn: &Connection,
    source: i64,
    key_blind: i64,
) -> Result<Option<(i64, RecordRow, RecordKey)>> {
    Ok(conn
        .prepare_cached(&format!(
            "SELECT r.id, r.subject, r.home, {HOME}, r.source, r.last_value, k.k
             FROM record r JOIN record_key k ON k.record = r.id
             WHERE r.key_blind = $1 AND r.source = $2"
        ))?
        .query_row([key_blind, source], |row| {
            let found = RecordRow {
                subject: row.get(1)?,
                birth: row.get(2)?,
                home: row.get(3)?,
                source: row.get(4)?,
                last_value: row.get(5)?,
            };
            let key: Vec<u8> = row.get(6)?;
            Ok((row.get(0)?, found, RecordKey(key.try_into().unwrap_or([0; 32]))))
        })
        .optional()?)
}

/// The last number that was given to a record.
pub fn last_record(conn: &Connection) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT COALESCE(MAX(id), 0) FROM record")?
        .query_row([], |row| row.get(0))?)
}

/// Whether anything came in as a record's that holds no value, or was said on it.
pub fn is_brought(conn: &Connection, record: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM rollup WHERE record = $1)
                 OR EXISTS (SELECT 1 FROM statement WHERE record = $1)",
        )?
        .query_row([record], |row| row.get(0))?)
}

/// The records of a subject, oldest first.
pub fn records_of(conn: &Connection, subject: i64) -> Result<Vec<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT id FROM record WHERE subject = $1 ORDER BY id")?;
    let rows = statement.query_map([subject], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn move_record(conn: &Connection, record: i64, subject: i64) -> Result<()> {
    conn.prepare_cached("UPDATE record SET subject = $1 WHERE id = $2")?
        .execute([subject, record])?;
    Ok(())
}

pub fn set_last_value(conn: &Connection, record: i64, seq: i64) -> Result<()> {
    conn.prepare_cached("UPDATE record SET last_value = $1 WHERE id = $2")?
        .execute([seq, record])?;
    Ok(())
}

// Values ------------------------------------------------------------------------------------------

pub fn next_value(conn: &Connection) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT COALESCE(MAX(seq), 0) + 1 FROM value")?
        .query_row([], |row| row.get(0))?)
}

pub fn insert_value(conn: &Connection, row: &ValueRow) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO value (seq, record, prev, field, purposes, observed_at, state, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )?
    .execute(params![
        row.seq,
        row.record,
        row.prev,
        row.field,
        row.purposes,
        row.observed_at,
        row.state,
        row.body
    ])?;
    Ok(())
}

pub fn value(conn: &Connection, seq: i64) -> Result<ValueRow> {
    Ok(conn
        .prepare_cached(
            "SELECT seq, record, prev, field, purposes, observed_at, state, body
             FROM value WHERE seq = $1",
        )?
        .query_row([seq], value_row)?)
}

pub fn value_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<ValueRow> {
    Ok(ValueRow {
        seq: row.get(0)?,
        record: row.get(1)?,
        prev: row.get(2)?,
        field: row.get(3)?,
        purposes: row.get(4)?,
        observed_at: row.get(5)?,
        state: row.get(6)?,
        body: row.get(7)?,
    })
}

pub fn set_value_state(conn: &Connection, seq: i64, state: i64) -> Result<()> {
    conn.prepare_cached("UPDATE value SET state = $1 WHERE seq = $2")?.execute([state, seq])?;
    Ok(())
}

// Events and rollups ------------------------------------------------------------------------------

pub fn next_event(conn: &Connection) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT COALESCE(MAX(seq), 0) + 1 FROM event")?
        .query_row([], |row| row.get(0))?)
}

/// Appends events: one statement, prepared once for many rows.
pub struct EventAppender<'c>(rusqlite::CachedStatement<'c>);

impl<'c> EventAppender<'c> {
    pub fn new(conn: &'c Connection) -> Result<EventAppender<'c>> {
        Ok(EventAppender(conn.prepare_cached(
            "INSERT INTO event (seq, record, prev, name, purposes, at, mid, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )?))
    }

    pub fn append(&mut self, row: &EventRow) -> Result<()> {
        self.0.execute(params![
            row.seq,
            row.record,
            row.prev,
            row.name,
            row.purposes,
            row.at,
            row.mid,
            row.body
        ])?;
        Ok(())
    }
}

pub fn event_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        seq: row.get(0)?,
        record: row.get(1)?,
        prev: row.get(2)?,
        name: row.get(3)?,
        purposes: row.get(4)?,
        at: row.get(5)?,
        mid: row.get(6)?,
        body: row.get(7)?,
    })
}

pub fn event(conn: &Connection, seq: i64) -> Result<EventRow> {
    Ok(conn
        .prepare_cached(
            "SELECT seq, record, prev, name, purposes, at, mid, body FROM event WHERE seq = $1",
        )?
        .query_row([seq], event_row)?)
}

/// The chain of one record's events of one name, newest first: (seq, message id, moment).
pub fn event_chain(conn: &Connection, last: i64) -> Result<Vec<(i64, i64, i64)>> {
    let mut statement = conn.prepare_cached("SELECT prev, mid, at FROM event WHERE seq = $1")?;
    let mut all = Vec::new();
    let mut seq = last;
    while seq != 0 {
        let (prev, mid, at) =
            statement.query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        all.push((seq, mid, at));
        seq = prev;
    }
    Ok(all)
}

pub fn rollup(conn: &Connection, record: i64, name: i64) -> Result<Option<Rollup>> {
    Ok(conn
        .prepare_cached(
            "SELECT name, count, sum, first_at, last_at, last_event FROM rollup
             WHERE record = $1 AND name = $2",
        )?
        .query_row([record, name], rollup_row)
        .optional()?)
}

pub fn rollups(conn: &Connection, record: i64) -> Result<Vec<Rollup>> {
    let mut statement = conn.prepare_cached(
        "SELECT name, count, sum, first_at, last_at, last_event FROM rollup WHERE record = $1",
    )?;
    let rows = statement.query_map([record], rollup_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn rollup_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Rollup> {
    Ok(Rollup {
        name: row.get(0)?,
        count: row.get(1)?,
        sum: row.get(2)?,
        first_at: row.get(3)?,
        last_at: row.get(4)?,
        last_event: row.get(5)?,
    })
}

pub fn put_rollup(conn: &Connection, record: i64, rollup: &Rollup) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO rollup (record, name, count, sum, first_at, last_at, last_event)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (record, name) DO UPDATE
         SET count = $3, sum = $4, first_at = $5, last_at = $6, last_event = $7",
    )?
    .execute(params![
        record,
        rollup.name,
        rollup.count,
        rollup.sum,
        rollup.first_at,
        rollup.last_at,
        rollup.last_event
    ])?;
    Ok(())
}

pub struct BatchRow {
    pub n: i64,
    pub recorded_at: i64,
    pub policy: i64,
    pub source: i64,
    pub first_value: i64,
    pub value_count: i64,
    pub first_event: i64,
    pub event_count: i64,
}

pub fn insert_batch(conn: &Connection, batch: &BatchRow) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO batch (n, recorded_at, policy, source, first_value, value_count, first_event,
                            event_count)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )?
    .execute(params![
        batch.n,
        batch.recorded_at,
        batch.policy,
        batch.source,
        batch.first_value,
        batch.value_count,
        batch.first_event,
        batch.event_count
    ])?;
    Ok(())
}

fn batch_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<BatchRow> {
    Ok(BatchRow {
        n: row.get(0)?,
        recorded_at: row.get(1)?,
        policy: row.get(2)?,
        source: row.get(3)?,
        first_value: row.get(4)?,
        value_count: row.get(5)?,
        first_event: row.get(6)?,
        event_count: row.get(7)?,
    })
}

/// The batch under which a value came in.
pub fn batch_of_value(conn: &Connection, seq: i64) -> Result<BatchRow> {
    Ok(conn
        .prepare_cached(
            "SELECT n, recorded_at, policy, source, first_value, value_count, first_event,
                    event_count
             FROM batch WHERE value_count > 0 AND first_value <= $1
             ORDER BY first_value DESC LIMIT 1",
        )?
        .query_row([seq], batch_row)?)
}

/// The batch under which an event came in.
pub fn batch_of_event(conn: &Connection, seq: i64) -> Result<BatchRow> {
    Ok(conn
        .prepare_cached(
            "SELECT n, recorded_at, policy, source, first_value, value_count, first_event,
                    event_count
             FROM batch WHERE event_count > 0 AND first_event <= $1
             ORDER BY first_event DESC LIMIT 1",
        )?
        .query_row([seq], batch_row)?)
}

/// Every batch, in order.
pub fn batches(conn: &Connection) -> Result<Vec<BatchRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT n, recorded_at, policy, source, first_value, value_count, first_event, event_count
         FROM batch ORDER BY n",
    )?;
    let rows = statement.query_map([], batch_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

// Identifiers and links ---------------------------------------------------------------------------

pub fn put_identifier(
    conn: &Connection,
    blind: i64,
    record: i64,
    kind: i64,
    value: i64,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO identifier (blind, record, kind, value) VALUES ($1, $2, $3, $4)
         ON CONFLICT (blind, record) DO UPDATE SET value = MAX(value, $4)",
    )?
    .execute([blind, record, kind, value])?;
    Ok(())
}

/// The blind name of a record's key.
pub fn key_blind_of(conn: &Connection, record: i64) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT key_blind FROM record WHERE id = $1")?
        .query_row([record], |row| row.get(0))?)
}

/// What an entry says of a record: its number, its leaf, its sealed payload.
pub type SaidRow = (i64, Vec<u8>, Vec<u8>);

/// What entries say of a record, newest first.
pub fn said_of(conn: &Connection, record: i64) -> Result<Vec<SaidRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT p.n, e.leaf, p.body FROM payload p JOIN entry e ON e.n = p.n
         WHERE p.record = $1 ORDER BY p.n DESC",
    )?;
    let rows = statement.query_map([record], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What stands for a value where an identifier was named with something that is held, and no purpose admits the
/// identifier itself: its blind name finds the person (Art 15) and joins nobody.
pub const TO_FIND: i64 = -1;

/// Whether any identifier finds a subject.
pub fn is_found(conn: &Connection, subject: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM record r JOIN identifier i ON i.record = r.id
                            WHERE r.subject = $1)",
        )?
        .query_row([subject], |row| row.get(0))?)
}

/// Takes away the blind names that only found a record's person.
pub fn forget_names_to_find(conn: &Connection, record: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM identifier WHERE record = $1 AND value = -1")?
        .execute([record])?;
    Ok(())
}

/// Records that hold an identifier: (record, its subject, its source, the value's row or 0).
pub fn holders(conn: &Connection, blind: i64) -> Result<Vec<(i64, i64, i64, i64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT i.record, r.subject, r.source, i.value FROM identifier i
         JOIN record r ON r.id = i.record WHERE i.blind = $1 ORDER BY i.record",
    )?;
    let rows = statement
        .query_map([blind], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Who else holds an identifier of a subject.
pub fn sharing(conn: &Connection, subject: i64) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT other.subject FROM record own
         JOIN identifier mine ON mine.record = own.id
         JOIN identifier theirs ON theirs.blind = mine.blind
         JOIN record other ON other.id = theirs.record
         WHERE own.subject = $1 AND other.subject <> own.subject",
    )?;
    let rows = statement.query_map([subject], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A name with a record that bears it and the record's subject.
pub type Bearer = (Name, i64, i64);

/// The names that several records bear, one after the other, each with all of them.
pub fn shared_names(
    conn: &Connection,
    mut each: impl FnMut(&[Bearer]) -> Result<()>,
) -> Result<()> {
    // One pass over the identifiers in their order: most of them are on one record.
    let mut statement = conn.prepare(
        "SELECT i.blind, i.kind, i.record, r.subject FROM identifier i JOIN record r ON r.id = i.record
         WHERE i.blind IN (SELECT blind FROM identifier GROUP BY blind HAVING COUNT(*) > 1)
         ORDER BY i.blind, i.record",
    )?;
    let mut rows = statement.query([])?;
    let mut bearers: Vec<Bearer> = Vec::new();
    while let Some(row) = rows.next()? {
        let name = Name { blind: row.get(0)?, kind: row.get(1)? };
        if bearers.first().is_some_and(|(before, ..)| before.blind != name.blind) {
            each(&bearers)?;
            bearers.clear();
        }
        bearers.push((name, row.get(2)?, row.get(3)?));
    }
    each(&bearers)
}

/// The identifiers of a record: (blind name, kind's field code, value's row; 0 or less where it has none).
pub fn identifiers_of(conn: &Connection, record: i64) -> Result<Vec<(i64, i64, i64)>> {
    let mut statement =
        conn.prepare_cached("SELECT blind, kind, value FROM identifier WHERE record = $1")?;
    let rows = statement.query_map([record], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkRow {
    pub id: i64,
    pub a: i64,
    pub b: i64,
    pub kind: i64,
    pub identifier: i64,
    pub weight: i64,
    pub model: i64,
}

fn link_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<LinkRow> {
    Ok(LinkRow {
        id: row.get(0)?,
        a: row.get(1)?,
        b: row.get(2)?,
        kind: row.get(3)?,
        identifier: row.get(4)?,
        weight: row.get(5)?,
        model: row.get(6)?,
    })
}

pub fn insert_link(
    conn: &Connection,
    a: i64,
    b: i64,
    kind: i64,
    identifier: i64,
    entry: i64,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO link (a, b, kind, identifier, weight, model, entry, retired_entry)
         VALUES ($1, $2, $3, $4, 0, 0, $5, 0)",
    )?
    .execute([a.min(b), a.max(b), kind, identifier, entry])?;
    Ok(())
}

/// A link that linking found: weight in thousandths of a bit, or of a probability for a relation.
pub fn insert_found_link(
    conn: &Connection,
    (a, b): (i64, i64),
    kind: i64,
    weight: i64,
    model: i64,
    entry: i64,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO link (a, b, kind, identifier, weight, model, entry, retired_entry)
         VALUES ($1, $2, $3, 0, $4, $5, $6, 0)",
    )?
    .execute([a.min(b), a.max(b), kind, weight, model, entry])?;
    Ok(())
}

/// All standing links of a kind.
pub fn links_of_kind(conn: &Connection, kind: i64) -> Result<Vec<LinkRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, a, b, kind, identifier, weight, model FROM link
         WHERE kind = $1 AND retired_entry = 0 ORDER BY id",
    )?;
    let rows = statement.query_map([kind], link_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The standing links of a record.
pub fn links_of(conn: &Connection, record: i64) -> Result<Vec<LinkRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, a, b, kind, identifier, weight, model FROM link
         WHERE a = $1 AND retired_entry = 0
         UNION ALL
         SELECT id, a, b, kind, identifier, weight, model FROM link
         WHERE b = $1 AND retired_entry = 0",
    )?;
    let rows = statement.query_map([record], link_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn retire_link(conn: &Connection, id: i64, entry: i64) -> Result<()> {
    conn.prepare_cached("UPDATE link SET retired_entry = $1 WHERE id = $2")?
        .execute([entry, id])?;
    Ok(())
}

/// Notes that what may be compared of a record can have changed: linking looks at it anew. Before linking
/// has learned anything, nobody waits.
pub fn note_newcomer(conn: &Connection, record: i64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO newcomer (record) SELECT $1 WHERE EXISTS (SELECT 1 FROM model)
         ON CONFLICT (record) DO NOTHING",
    )?
    .execute([record])?;
    Ok(())
}

// Merges ------------------------------------------------------------------------------------------

/// A merge that can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeRow {
    /// Its number.
    pub id: i64,
    /// The subject whose records moved.
    pub from_subject: i64,
    /// The subject that they moved to.
    pub into_subject: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Its ledger entry.
    pub entry: i64,
}

pub fn insert_merge(
    conn: &Connection,
    from: i64,
    into: i64,
    at: i64,
    entry: i64,
    records: &[i64],
) -> Result<i64> {
    let id: i64 = conn
        .prepare_cached(
            "INSERT INTO merge (from_subject, into_subject, at, entry, undone_entry)
             VALUES ($1, $2, $3, $4, 0) RETURNING id",
        )?
        .query_row([from, into, at, entry], |row| row.get(0))?;
    // Whatever somebody wrote under this number before, it moves what it says.
    conn.prepare_cached("DELETE FROM merge_record WHERE merge = $1")?.execute([id])?;
    for record in records {
        conn.prepare_cached("INSERT INTO merge_record (merge, record) VALUES ($1, $2)")?
            .execute([id, *record])?;
    }
    Ok(id)
}

fn merge_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<MergeRow> {
    Ok(MergeRow {
        id: row.get(0)?,
        from_subject: row.get(1)?,
        into_subject: row.get(2)?,
        at: row.get(3)?,
        entry: row.get(4)?,
    })
}

/// The standing merges into a subject, newest first.
pub fn merges_into(conn: &Connection, subject: i64) -> Result<Vec<MergeRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, from_subject, into_subject, at, entry FROM merge
         WHERE into_subject = $1 AND undone_entry = 0 ORDER BY id DESC",
    )?;
    let rows = statement.query_map([subject], merge_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The subject that another one was merged into, if that merge stands.
pub fn merged_into(conn: &Connection, subject: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached(
            "SELECT into_subject FROM merge WHERE from_subject = $1 AND undone_entry = 0
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row([subject], |row| row.get(0))
        .optional()?)
}

pub fn merge_records(conn: &Connection, merge: i64) -> Result<Vec<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT record FROM merge_record WHERE merge = $1 ORDER BY record")?;
    let rows = statement.query_map([merge], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn undo_merge(conn: &Connection, merge: i64, entry: i64) -> Result<()> {
    conn.prepare_cached("UPDATE merge SET undone_entry = $1 WHERE id = $2")?
        .execute([entry, merge])?;
    Ok(())
}

/// The merges, and the splits that took one back, from an entry on: its entry, the merge, and the subject of its
/// records before that.
pub fn moves_since(conn: &Connection, entry: i64) -> Result<Vec<(i64, i64, i64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT entry AS n, id, from_subject FROM merge WHERE entry >= $1
         UNION ALL
         SELECT undone_entry, id, into_subject FROM merge WHERE undone_entry >= $1 AND undone_entry <> 0
         ORDER BY n DESC, id DESC",
    )?;
    let rows = statement.query_map([entry], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What the entries of splits say from an entry on: number, record, sealed payload.
pub fn splits_since(conn: &Connection, entry: i64) -> Result<Vec<(i64, i64, Vec<u8>)>> {
    let mut statement = conn.prepare_cached(
        "SELECT p.n, p.record, p.body FROM payload p JOIN entry e ON e.n = p.n
         WHERE p.n >= $1 AND instr(e.leaf, CAST('\"k\":\"profile.split\"' AS BLOB)) > 0",
    )?;
    let rows = statement.query_map([entry], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The first entry under which something of a record came in or was said; what was erased of it since
/// counts too. `None` where nothing is left.
pub fn first_entry_of(conn: &Connection, record: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached(
            "WITH RECURSIVE
               said(seq) AS (
                 SELECT last_value FROM record WHERE id = $1 AND last_value <> 0
                 UNION ALL
                 SELECT v.prev FROM said s JOIN value v ON v.seq = s.seq WHERE v.prev <> 0),
               done(seq) AS (
                 SELECT last_event FROM rollup WHERE record = $1 AND last_event <> 0
                 UNION ALL
                 SELECT e.prev FROM done d JOIN event e ON e.seq = d.seq WHERE e.prev <> 0)
             SELECT MIN(n) FROM (
               SELECT (SELECT n FROM batch WHERE value_count > 0
                       AND first_value <= (SELECT MIN(seq) FROM said)
                       ORDER BY first_value DESC LIMIT 1) AS n
               UNION ALL
               SELECT (SELECT n FROM batch WHERE event_count > 0
                       AND first_event <= (SELECT MIN(seq) FROM done)
                       ORDER BY first_event DESC LIMIT 1)
               UNION ALL SELECT MIN(n) FROM statement WHERE record = $1
               UNION ALL SELECT MIN(n) FROM payload WHERE record = $1)",
        )?
        .query_row([record], |row| row.get(0))?)
}
