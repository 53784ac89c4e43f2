//! Every statement about witnesses, cosignatures and time-stamps.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::error::Result;

/// A witness that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessRow {
    /// Its key.
    pub vkey: String,
    /// Its submission prefix.
    pub url: String,
    /// The entry that says that it is asked.
    pub entry: i64,
    /// The last size that it is known to have signed.
    pub size: i64,
}

/// Every witness that is asked.
pub fn witnesses(conn: &Connection) -> Result<Vec<WitnessRow>> {
    let mut statement =
        conn.prepare("SELECT vkey, url, entry, size FROM witness ORDER BY entry, vkey")?;
    let rows = statement.query_map([], |row| {
        Ok(WitnessRow {
            vkey: row.get(0)?,
            url: row.get(1)?,
            entry: row.get(2)?,
            size: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn insert_witness(conn: &Connection, vkey: &str, url: &str, entry: i64) -> Result<()> {
    conn.execute(
        "INSERT INTO witness (vkey, url, entry, size) VALUES ($1, $2, $3, 0)",
        params![vkey, url, entry],
    )?;
    Ok(())
}

pub(super) fn delete_witness(conn: &Connection, vkey: &str) -> Result<()> {
    conn.execute("DELETE FROM witness WHERE vkey = $1", [vkey])?;
    Ok(())
}

pub(super) fn set_witness_size(conn: &Connection, vkey: &str, size: i64) -> Result<()> {
    conn.execute("UPDATE witness SET size = $1 WHERE vkey = $2", params![size, vkey])?;
    Ok(())
}

/// What a witness signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignatureRow {
    /// The size of the checkpoint.
    pub size: i64,
    /// The witness's key.
    pub vkey: String,
    /// The signature line.
    pub line: String,
    /// The witness's time, in milliseconds since 1970.
    pub at: i64,
    /// The entry that says so.
    pub entry: i64,
}

pub(super) fn insert_cosignature(conn: &Connection, row: &CosignatureRow) -> Result<()> {
    conn.execute(
        "INSERT INTO cosignature (size, vkey, line, at, entry) VALUES ($1, $2, $3, $4, $5)",
        params![row.size, row.vkey, row.line, row.at, row.entry],
    )?;
    Ok(())
}

/// Whether a witness's signature under the checkpoint of a size is kept.
pub(super) fn is_cosigned(conn: &Connection, size: i64, vkey: &str) -> Result<bool> {
    Ok(conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM cosignature WHERE size = $1 AND vkey = $2)",
        params![size, vkey],
        |row| row.get(0),
    )?)
}

/// Every cosignature, by size.
pub fn cosignatures(conn: &Connection) -> Result<Vec<CosignatureRow>> {
    let mut statement =
        conn.prepare("SELECT size, vkey, line, at, entry FROM cosignature ORDER BY size, vkey")?;
    let rows = statement.query_map([], |row| {
        Ok(CosignatureRow {
            size: row.get(0)?,
            vkey: row.get(1)?,
            line: row.get(2)?,
            at: row.get(3)?,
            entry: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The signature lines of witnesses under the checkpoint of a size, in a fixed order.
pub(super) fn lines(conn: &Connection, size: i64) -> Result<Vec<String>> {
    let mut statement =
        conn.prepare_cached("SELECT line FROM cosignature WHERE size = $1 ORDER BY vkey")?;
    let rows = statement.query_map([size], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The newest size that a witness signed, from `at_least` on.
pub fn witnessed_size(conn: &Connection, at_least: i64) -> Result<Option<i64>> {
    Ok(conn.query_row("SELECT MAX(size) FROM cosignature WHERE size >= $1", [at_least], |row| {
        row.get(0)
    })?)
}

/// A time-stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampRow {
    /// The entry that says so.
    pub entry: i64,
    /// The size of the checkpoint.
    pub size: i64,
    /// The address of the authority.
    pub authority: String,
    /// The authority's answer (RFC 3161, TimeStampResp).
    pub token: Vec<u8>,
    /// Its time, in milliseconds since 1970.
    pub at: i64,
}

pub(super) fn insert_timestamp(conn: &Connection, row: &TimestampRow) -> Result<()> {
    conn.execute(
        "INSERT INTO timestamp (entry, size, authority, token, at) VALUES ($1, $2, $3, $4, $5)",
        params![row.entry, row.size, row.authority, row.token, row.at],
    )?;
    Ok(())
}

/// Every time-stamp, oldest first.
pub fn timestamps(conn: &Connection) -> Result<Vec<TimestampRow>> {
    let mut statement =
        conn.prepare("SELECT entry, size, authority, token, at FROM timestamp ORDER BY entry")?;
    let rows = statement.query_map([], |row| {
        Ok(TimestampRow {
            entry: row.get(0)?,
            size: row.get(1)?,
            authority: row.get(2)?,
            token: row.get(3)?,
            at: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn insert_refusal(
    conn: &Connection,
    entry: i64,
    vkey: &str,
    request: &str,
    answer: &str,
) -> Result<()> {
    conn.execute(
        "INSERT INTO refusal (entry, vkey, request, answer) VALUES ($1, $2, $3, $4)",
        params![entry, vkey, request, answer],
    )?;
    Ok(())
}

/// The answer with which a witness last refused.
pub(super) fn last_refusal(conn: &Connection, vkey: &str) -> Result<Option<String>> {
    Ok(conn
        .query_row(
            "SELECT answer FROM refusal WHERE vkey = $1 ORDER BY entry DESC LIMIT 1",
            [vkey],
            |row| row.get(0),
        )
        .optional()?)
}

/// Every refusal: the entry that says so, the witness's key, and its answer.
pub fn refusals(conn: &Connection) -> Result<Vec<(i64, String, String)>> {
    let mut statement = conn.prepare("SELECT entry, vkey, answer FROM refusal ORDER BY entry")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
