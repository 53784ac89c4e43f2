//! Every statement about consent: its fold, its homes, and who is kept out.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::RecordKey;

use super::fold::{Home, Joined};
use super::statement::{Axis, Statement, state_code, state_of};

pub fn insert_statement(conn: &Connection, s: &Statement) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO statement (n, record, axis, purpose, channel, state, explicit, confirmed, own,
                                source, notice_version, every_days, valid_at, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )?
    .execute(params![
        s.n,
        s.record,
        s.axis as i64,
        s.purpose,
        s.channel,
        state_code(s.state),
        s.explicit,
        s.confirmed,
        s.own,
        s.source,
        s.notice_version,
        s.every_days,
        s.valid_at.0,
        s.recorded_at.0
    ])?;
    Ok(())
}

macro_rules! home {
    ($which:literal) => {
        concat!(
            "COALESCE((SELECT p.home FROM parting p WHERE p.record = r.id",
            $which,
            " ORDER BY p.entry DESC LIMIT 1), r.home)"
        )
    };
}

/// The home of a record `r`: the subject that it was born into, or was parted into since.
pub const HOME: &str = home!("");

/// The home that a record `r` had before the entry of a `point`.
pub const HOME_BEFORE: &str = home!(" AND p.entry < (SELECT entry FROM point)");

const COLUMNS: &str = concat!(
    "s.n, ",
    home!(""),
    ", s.axis, s.purpose, s.channel, s.state, s.explicit, s.confirmed, s.own, s.source,
    s.notice_version, s.every_days, s.valid_at, s.recorded_at, s.record"
);

/// A row of `statement`, in the order of `COLUMNS`; `None` for a row that was tampered with.
pub fn decoded(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Statement>> {
    let Some(axis) = Axis::of(row.get(2)?) else { return Ok(None) };
    let Some(state) = state_of(row.get(5)?) else { return Ok(None) };
    Ok(Some(Statement {
        n: row.get(0)?,
        home: row.get(1)?,
        record: row.get(14)?,
        axis,
        purpose: row.get(3)?,
        channel: row.get(4)?,
        state,
        explicit: row.get(6)?,
        confirmed: row.get(7)?,
        own: row.get(8)?,
        source: row.get(9)?,
        notice_version: row.get(10)?,
        every_days: row.get(11)?,
        valid_at: Moment(row.get(12)?),
        recorded_at: Moment(row.get(13)?),
    }))
}

/// Everything that was said by or about a subject, in ledger order.
pub fn statements_of(conn: &Connection, subject: i64) -> Result<Vec<Statement>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM record r JOIN statement s ON s.record = r.id
         WHERE r.subject = $1 ORDER BY s.n"
    ))?;
    let rows = statement.query_map([subject], decoded)?;
    let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// The statement of a ledger entry.
pub fn statement(conn: &Connection, n: i64) -> Result<Option<Statement>> {
    let found = conn
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM statement s JOIN record r ON r.id = s.record WHERE s.n = $1"
        ))?
        .query_row([n], decoded)
        .optional()?;
    Ok(found.flatten())
}

/// The sealed payload of a ledger entry, with its record.
pub fn payload(conn: &Connection, n: i64) -> Result<Option<(i64, Vec<u8>)>> {
    Ok(conn
        .prepare_cached("SELECT record, body FROM payload WHERE n = $1")?
        .query_row([n], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// Everything that one record said.
pub fn statements_of_record(conn: &Connection, record: i64) -> Result<Vec<Statement>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM statement s JOIN record r ON r.id = s.record
         WHERE s.record = $1 ORDER BY s.n"
    ))?;
    let rows = statement.query_map([record], decoded)?;
    let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// The homes of a subject's records, each with the merges that brought it there.
pub fn homes(conn: &Connection, subject: i64) -> Result<Vec<Home>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT DISTINCT {HOME} FROM record r WHERE r.subject = $1 ORDER BY 1"
    ))?;
    let homes = statement.query_map([subject], |row| row.get(0))?;
    let homes: Vec<i64> = homes.collect::<rusqlite::Result<_>>()?;
    homes.into_iter().map(|id| home_then(conn, id, i64::MAX)).collect()
}

/// The home of a record.
pub fn home(conn: &Connection, record: i64) -> Result<i64> {
    home_before(conn, record, i64::MAX)
}

/// The home that a record had before an entry.
pub fn home_before(conn: &Connection, record: i64, before: i64) -> Result<i64> {
    let mut statement = conn.prepare_cached(&format!(
        "WITH point(entry) AS (SELECT $1) SELECT {HOME_BEFORE} FROM record r WHERE r.id = $2"
    ))?;
    Ok(statement.query_row([before, record], |row| row.get(0))?)
}

/// A parting: from its entry on, a record is of another home than the one it was born into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The record.
    pub record: i64,
    /// The entry that parted it.
    pub entry: i64,
    /// Its home from then on.
    pub home: i64,
    /// The home that it was born into.
    pub birth: i64,
}

/// Every parting of a record that is held, in the order of records and entries.
pub fn partings(conn: &Connection) -> Result<Vec<Parting>> {
    let mut statement = conn.prepare_cached(
        "SELECT p.record, p.entry, p.home, r.home FROM parting p JOIN record r ON r.id = p.record
         ORDER BY p.record, p.entry",
    )?;
    let rows = statement.query_map([], |row| {
        let (record, entry) = (row.get(0)?, row.get(1)?);
        Ok(Parting { record, entry, home: row.get(2)?, birth: row.get(3)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A home with the merges that brought its records to where they were before an entry: the subject became part of
/// another, that one of a third.
pub fn home_then(conn: &Connection, id: i64, before: i64) -> Result<Home> {
    let mut statement = conn.prepare_cached(
        "SELECT into_subject, at, entry FROM merge
         WHERE from_subject = $1 AND entry > $2 AND entry < $3
           AND (undone_entry = 0 OR undone_entry >= $3)
         ORDER BY entry DESC LIMIT 1",
    )?;
    let mut home = Home { id, moves: Vec::new() };
    let (mut at, mut since) = (id, -1);
    while let Some((into, moved)) = statement
        .query_row([at, since, before], |row| {
            let moved = Joined { at: Moment(row.get(1)?), entry: row.get(2)? };
            Ok((row.get::<_, i64>(0)?, moved))
        })
        .optional()?
    {
        (at, since) = (into, moved.entry);
        home.moves.push(moved);
    }
    Ok(home)
}

/// Since when a fingerprint is kept out, and by which erasure.
pub fn suppression(conn: &Connection, fingerprint: &[u8; 16]) -> Result<Option<(Moment, i64)>> {
    Ok(conn
        .prepare_cached("SELECT since, entry FROM suppression WHERE fingerprint = $1")?
        .query_row([&fingerprint[..]], |row| Ok((Moment(row.get(0)?), row.get(1)?)))
        .optional()?)
}

/// Whether anybody is kept out at all.
pub fn any_suppression(conn: &Connection) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM suppression)")?
        .query_row([], |row| row.get(0))?)
}

/// Keeps a fingerprint out.
pub fn suppress(
    conn: &Connection,
    fingerprint: &[u8; 16],
    since: Moment,
    entry: i64,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO suppression (fingerprint, since, entry) VALUES ($1, $2, $3)
         ON CONFLICT (fingerprint) DO UPDATE SET since = $2, entry = $3",
    )?
    .execute(params![&fingerprint[..], since.0, entry])?;
    Ok(())
}

/// Lets a fingerprint back in.
pub fn lift_suppression(conn: &Connection, fingerprint: &[u8; 16]) -> Result<()> {
    conn.prepare_cached("DELETE FROM suppression WHERE fingerprint = $1")?
        .execute([&fingerprint[..]])?;
    Ok(())
}

/// The records that came from a source, each with its subject; of one subject where one is named.
pub fn records_of_source(
    conn: &Connection,
    source: i64,
    subject: Option<i64>,
) -> Result<Vec<(i64, i64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT subject, id FROM record
         WHERE source = $1 AND ($2 IS NULL OR subject = $2) ORDER BY subject, id",
    )?;
    let rows =
        statement.query_map(params![source, subject], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Where a record was born, and its key.
pub fn birth_and_key(conn: &Connection, record: i64) -> Result<(i64, RecordKey)> {
    Ok(conn
        .prepare_cached(
            "SELECT r.home, k.k FROM record r JOIN record_key k ON k.record = r.id WHERE r.id = $1",
        )?
        .query_row([record], |row| {
            let key: Vec<u8> = row.get(1)?;
            Ok((row.get(0)?, RecordKey(key.try_into().unwrap_or([0; 32]))))
        })?)
}

/// A record of which something is to be recorded.
pub struct KeyedRecord {
    pub id: i64,
    /// The subject that it was born into.
    pub birth: i64,
    /// Its home.
    pub home: i64,
    pub key: RecordKey,
}

/// Every record of a subject, oldest first.
pub fn keyed_records(conn: &Connection, subject: i64) -> Result<Vec<KeyedRecord>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT r.id, r.home, {HOME}, k.k FROM record r JOIN record_key k ON k.record = r.id
         WHERE r.subject = $1 ORDER BY r.id"
    ))?;
    let rows = statement.query_map([subject], |row| {
        let key: Vec<u8> = row.get(3)?;
        let key = RecordKey(key.try_into().unwrap_or([0; 32]));
        Ok(KeyedRecord { id: row.get(0)?, birth: row.get(1)?, home: row.get(2)?, key })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a subject is what the law keeps of an erased person.
pub fn is_kept(conn: &Connection, subject: i64) -> Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM subject WHERE id = $1 AND state = 4)";
    Ok(conn.prepare_cached(query)?.query_row([subject], |row| row.get(0))?)
}

/// The oldest record of a subject, with where it was born and its key: where entries about the person as a whole
/// are kept.
pub fn oldest_record(conn: &Connection, subject: i64) -> Result<(i64, i64, RecordKey)> {
    Ok(conn
        .prepare_cached(
            "SELECT r.id, r.home, k.k FROM record r JOIN record_key k ON k.record = r.id
             WHERE r.subject = $1 ORDER BY r.id LIMIT 1",
        )?
        .query_row([subject], |row| {
            let key: Vec<u8> = row.get(2)?;
            Ok((row.get(0)?, row.get(1)?, RecordKey(key.try_into().unwrap_or([0; 32]))))
        })?)
}

/// Whether a disclosure to a destination is on record; of erased people, whether there was one of the number.
pub fn is_disclosed(conn: &Connection, disclosure: i64, destination: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM disclosure WHERE id = $1 AND destination = $2)
             OR EXISTS (SELECT 1 FROM tombstone WHERE item = 3 AND seq = $1)",
        )?
        .query_row([disclosure, destination], |row| row.get(0))?)
}
