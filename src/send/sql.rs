//! Every statement about what went out. A disclosure is one of a record that supplied the address, unless it stands
//! in `disclosed_along`.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::policy::rulebook::PurposeMask;

/// When data of a subject went out, and to which destination; `but` is the number of a disclosure that
/// isn't looked at.
pub fn sent_before(conn: &Connection, subject: i64, but: i64) -> Result<Vec<(i64, Moment)>> {
    let mut statement = conn.prepare_cached(
        "SELECT d.destination, d.at FROM record r JOIN disclosure d ON d.record = r.id
         WHERE r.subject = $1 AND d.id <> $2 AND d.id NOT IN (SELECT disclosure FROM disclosed_along)
         ORDER BY d.id",
    )?;
    let rows = statement.query_map([subject, but], |row| Ok((row.get(0)?, Moment(row.get(1)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Where a person's data went: the newest disclosure by destination, record and purpose.
#[derive(Clone, Copy, Debug)]
pub struct Reached {
    pub destination: i64,
    pub record: i64,
    pub purpose: i64,
    pub disclosure: i64,
}

pub fn reached(conn: &Connection, subject: i64) -> Result<Vec<Reached>> {
    let mut statement = conn.prepare_cached(
        "SELECT d.destination, d.record, d.purpose, MAX(d.id) FROM record r
         JOIN disclosure d ON d.record = r.id WHERE r.subject = $1
         AND d.id NOT IN (SELECT disclosure FROM disclosed_along)
         GROUP BY d.destination, d.record, d.purpose ORDER BY MAX(d.id)",
    )?;
    let rows = statement.query_map([subject], |row| {
        Ok(Reached {
            destination: row.get(0)?,
            record: row.get(1)?,
            purpose: row.get(2)?,
            disclosure: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many people's data went to a destination that wasn't told to stop since.
pub fn people_at(conn: &Connection, destination: i64) -> Result<i64> {
    Ok(conn.query_row(
        "SELECT COUNT(DISTINCT r.subject) FROM disclosure d JOIN record r ON r.id = d.record
         WHERE d.destination = $1 AND d.id NOT IN (SELECT disclosure FROM disclosed_along)
         AND NOT EXISTS (
           SELECT 1 FROM outbox o WHERE o.record = d.record AND o.destination = d.destination
           AND o.act = 4 AND o.disclosure >= d.id)",
        [destination],
        |row| row.get(0),
    )?)
}

/// The purpose of a disclosure, unless it was erased.
pub fn purpose_of(conn: &Connection, disclosure: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT purpose FROM disclosure WHERE id = $1")?
        .query_row([disclosure], |row| row.get(0))
        .optional()?)
}

/// Whose a record is, if it is still there.
pub fn subject_of(conn: &Connection, record: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT subject FROM record WHERE id = $1")?
        .query_row([record], |row| row.get(0))
        .optional()?)
}

/// The number of the next disclosure.
pub fn next_disclosure(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row(
        "SELECT COALESCE(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'disclosure'",
        [],
        |row| row.get(0),
    )?)
}

#[allow(clippy::too_many_arguments)] // a row's columns
pub fn insert_disclosure(
    conn: &Connection,
    id: i64,
    entry: i64,
    record: i64,
    destination: i64,
    purpose: i64,
    at: Moment,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO disclosure (id, entry, record, destination, purpose, at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )?
    .execute(params![id, entry, record, destination, purpose, at.0])?;
    Ok(())
}

/// Notes that a disclosure is of values that went out along with the address of another record.
pub fn insert_along(conn: &Connection, disclosure: i64) -> Result<()> {
    conn.prepare_cached("INSERT INTO disclosed_along (disclosure) VALUES ($1)")?
        .execute([disclosure])?;
    Ok(())
}

/// Whether the run of an entry disclosed anything of a record.
pub fn is_disclosed_by(conn: &Connection, entry: i64, record: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM disclosure WHERE record = $1 AND entry = $2)",
        )?
        .query_row([record, entry], |row| row.get(0))?)
}

/// The destinations to which values of some records went along with the address of one of others, or the other way
/// round: codes.
pub fn disclosed_together(conn: &Connection, one: &[i64], other: &[i64]) -> Result<BTreeSet<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT a.entry, a.destination, a.id IN (SELECT disclosure FROM disclosed_along)
         FROM disclosure a WHERE a.record = $1",
    )?;
    let mut runs = |records: &[i64], along: bool| -> Result<BTreeSet<(i64, i64)>> {
        let mut found = BTreeSet::new();
        for record in records {
            let rows = statement.query_map([record], |row| {
                Ok(((row.get(0)?, row.get(1)?), row.get::<_, bool>(2)?))
            })?;
            for row in rows {
                let (run, went_along) = row?;
                found.extend((went_along == along).then_some(run));
            }
        }
        Ok(found)
    };
    let mut together = BTreeSet::new();
    for (address, along) in [(one, other), (other, one)] {
        let (address, along) = (runs(address, false)?, runs(along, true)?);
        together.extend(address.intersection(&along).map(|(_, destination)| *destination));
    }
    Ok(together)
}

/// The newest entry of the ledger.
pub fn newest_entry(conn: &Connection) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT COALESCE(MAX(n), 0) FROM entry")?
        .query_row([], |row| row.get(0))?)
}

/// The records of the values and events that an entry took in for one of some purposes, and of values that took
/// the place of one that was held for it.
pub fn records_of_batch(conn: &Connection, entry: i64, purposes: PurposeMask) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT v.record FROM batch b JOIN value v
           ON v.seq >= b.first_value AND v.seq < b.first_value + b.value_count
         JOIN purpose_set p ON p.id = v.purposes WHERE b.n = $1 AND p.mask & $2 <> 0
         UNION SELECT v.record FROM batch b JOIN value v
           ON v.seq >= b.first_value AND v.seq < b.first_value + b.value_count
         JOIN purpose_set p ON p.id = v.purposes WHERE b.n = $1 AND p.mask & $2 = 0 AND EXISTS (
           WITH RECURSIVE before(seq, prev, field, purposes) AS (
             SELECT o.seq, o.prev, o.field, o.purposes FROM value o WHERE o.seq = v.prev
             UNION ALL
             SELECT o.seq, o.prev, o.field, o.purposes FROM before a JOIN value o ON o.seq = a.prev
               WHERE a.prev <> 0)
           SELECT 1 FROM before a JOIN purpose_set q ON q.id = a.purposes
           WHERE a.field = v.field AND q.mask & $2 <> 0)
         UNION SELECT e.record FROM batch b JOIN event e
           ON e.seq >= b.first_event AND e.seq < b.first_event + b.event_count
         JOIN purpose_set p ON p.id = e.purposes WHERE b.n = $1 AND p.mask & $2 <> 0",
    )?;
    let rows = statement.query_map(params![entry, purposes], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The records of the values that an entry forgot, and that had come in for one of some purposes.
pub fn records_forgotten(conn: &Connection, entry: i64, purposes: PurposeMask) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT v.record FROM tombstone t JOIN value v ON v.seq = t.seq
           JOIN purpose_set p ON p.id = v.purposes
         WHERE t.entry = $1 AND t.item = 1 AND p.mask & $2 <> 0",
    )?;
    let rows = statement.query_map(params![entry, purposes], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The records of the events that an entry forgot.
pub fn records_losing_events(conn: &Connection, entry: i64) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT e.record FROM tombstone t JOIN event e ON e.seq = t.seq
         WHERE t.entry = $1 AND t.item = 2",
    )?;
    let rows = statement.query_map([entry], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether an event of a record was forgotten.
pub fn lost_an_event(conn: &Connection, record: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "WITH RECURSIVE done(seq, prev) AS (
               SELECT e.seq, e.prev FROM rollup u JOIN event e ON e.seq = u.last_event
                 WHERE u.record = $1
               UNION ALL
               SELECT e.seq, e.prev FROM done d JOIN event e ON e.seq = d.prev WHERE d.prev <> 0)
             SELECT EXISTS (SELECT 1 FROM done d JOIN tombstone t ON t.seq = d.seq WHERE t.item = 2)",
        )?
        .query_row([record], |row| row.get(0))?)
}

/// Whether data went to a destination by the address of a record.
pub fn was_sent(conn: &Connection, record: i64, destination: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM disclosure WHERE record = $1 AND destination = $2
                            AND id NOT IN (SELECT disclosure FROM disclosed_along))",
        )?
        .query_row([record, destination], |row| row.get(0))?)
}

/// Whether anything of a record ever came in for one of some purposes, also where it was forgotten; of what
/// events had served nothing is left once they are.
pub fn ever_served(conn: &Connection, record: i64, purposes: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "WITH RECURSIVE
               said(seq, prev, purposes) AS (
                 SELECT v.seq, v.prev, v.purposes FROM record r JOIN value v ON v.seq = r.last_value
                   WHERE r.id = $1
                 UNION ALL
                 SELECT v.seq, v.prev, v.purposes FROM said s JOIN value v ON v.seq = s.prev
                   WHERE s.prev <> 0),
               done(seq, prev, purposes) AS (
                 SELECT e.seq, e.prev, e.purposes FROM rollup u JOIN event e ON e.seq = u.last_event
                   WHERE u.record = $1
                 UNION ALL
                 SELECT e.seq, e.prev, e.purposes FROM done d JOIN event e ON e.seq = d.prev
                   WHERE d.prev <> 0)
             SELECT EXISTS (
               SELECT 1 FROM said s JOIN purpose_set p ON p.id = s.purposes WHERE p.mask & $2 <> 0
               UNION ALL
               SELECT 1 FROM done d JOIN purpose_set p ON p.id = d.purposes WHERE p.mask & $2 <> 0)",
        )?
        .query_row([record, purposes], |row| row.get(0))?)
}
