//! Every statement about what went out.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::clock::Moment;
use crate::base::error::Result;

/// When data of a subject went out, and to which destination; `but` is the number of a disclosure that
/// isn't looked at.
pub fn sent_before(conn: &Connection, subject: i64, but: i64) -> Result<Vec<(i64, Moment)>> {
    let mut statement = conn.prepare_cached(
        "SELECT d.destination, d.at FROM record r JOIN disclosure d ON d.record = r.id
         WHERE r.subject = $1 AND d.id <> $2 ORDER BY d.id",
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
