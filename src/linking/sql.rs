//! Every statement about models, questions and the index for newcomers.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::error::Result;
use crate::store::need_table;

pub const OPEN: i64 = 2;
pub const PUT_OFF: i64 = 3;
pub const SAME: i64 = 4;
pub const DIFFERENT: i64 = 5;
pub const RELATED: i64 = 6;
pub const OVERTAKEN: i64 = 7;

/// A store of an older candor has no place for what linking finds until it is opened for writing.
///
/// # Errors
/// `store-older` for such a store.
pub fn ready(conn: &Connection) -> Result<()> {
    need_table(conn, "model", "candor identity run")
}

pub struct ModelRow {
    pub version: i64,
    pub entry: i64,
    pub at: i64,
    pub body: String,
}

/// The model that was learned last.
pub fn latest_model(conn: &Connection) -> Result<Option<ModelRow>> {
    Ok(conn
        .prepare_cached("SELECT version, entry, at, body FROM model ORDER BY version DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(ModelRow {
                version: row.get(0)?,
                entry: row.get(1)?,
                at: row.get(2)?,
                body: row.get(3)?,
            })
        })
        .optional()?)
}

pub fn insert_model(
    conn: &Connection,
    row: &ModelRow,
    records: i64,
    salt: &[u8; 32],
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO model (version, entry, at, records, salt, body)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )?
    .execute(params![row.version, row.entry, row.at, records, &salt[..], row.body])?;
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuestionRow {
    pub id: i64,
    pub a: i64,
    pub b: i64,
    pub weight: i64,
    pub household: i64,
    pub model: i64,
    pub entry: i64,
    pub state: i64,
    pub decided_entry: i64,
}

const QUESTION: &str = "id, a, b, weight, household, model, entry, state, decided_entry";

fn question_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<QuestionRow> {
    Ok(QuestionRow {
        id: row.get(0)?,
        a: row.get(1)?,
        b: row.get(2)?,
        weight: row.get(3)?,
        household: row.get(4)?,
        model: row.get(5)?,
        entry: row.get(6)?,
        state: row.get(7)?,
        decided_entry: row.get(8)?,
    })
}

/// Appends an open question; the row's id and state don't count.
pub fn insert_question(conn: &Connection, row: &QuestionRow) -> Result<i64> {
    Ok(conn
        .prepare_cached(
            "INSERT INTO question (a, b, weight, household, model, entry, state, decided_entry)
             VALUES ($1, $2, $3, $4, $5, $6, 2, 0) RETURNING id",
        )?
        .query_row([row.a, row.b, row.weight, row.household, row.model, row.entry], |row| {
            row.get(0)
        })?)
}

/// The questions that wait for an answer: those that were put off last, and the likeliest first.
pub fn waiting(conn: &Connection) -> Result<Vec<QuestionRow>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {QUESTION} FROM question WHERE state IN (2, 3) ORDER BY state, weight DESC, id"
    ))?;
    let rows = statement.query_map([], question_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn question(conn: &Connection, id: i64) -> Result<Option<QuestionRow>> {
    Ok(conn
        .prepare_cached(&format!("SELECT {QUESTION} FROM question WHERE id = $1"))?
        .query_row([id], question_row)
        .optional()?)
}

/// The questions about a record.
pub fn questions_of(conn: &Connection, record: i64) -> Result<Vec<QuestionRow>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {QUESTION} FROM question WHERE a = $1
         UNION
         SELECT {QUESTION} FROM question WHERE b = $1
         ORDER BY id"
    ))?;
    let rows = statement.query_map([record], question_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn decide_question(conn: &Connection, id: i64, state: i64, entry: i64) -> Result<()> {
    conn.prepare_cached("UPDATE question SET state = $1, decided_entry = $2 WHERE id = $3")?
        .execute([state, entry, id])?;
    Ok(())
}

/// Whether linking made a merge, by the link that it stands on.
pub fn is_found_join(conn: &Connection, merge: i64, entry: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "WITH moved AS (SELECT record FROM merge_record WHERE merge = $1)
             SELECT EXISTS (SELECT 1 FROM link WHERE a IN (SELECT record FROM moved)
                            AND kind = 3 AND entry = $2 AND retired_entry = 0)
                 OR EXISTS (SELECT 1 FROM link WHERE b IN (SELECT record FROM moved)
                            AND kind = 3 AND entry = $2 AND retired_entry = 0)",
        )?
        .query_row([merge, entry], |row| row.get(0))?)
}

/// How many questions there are of each state.
pub fn question_counts(conn: &Connection) -> Result<Vec<(i64, u64)>> {
    let mut statement =
        conn.prepare_cached("SELECT state, COUNT(*) FROM question GROUP BY state ORDER BY state")?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many standing links there are of each kind, those that linking found apart: (kind, found, count). A
/// relation of two records that are one person's by now counts no more.
pub fn link_counts(conn: &Connection) -> Result<Vec<(i64, bool, u64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT kind, model <> 0, COUNT(*) FROM link
         WHERE retired_entry = 0 AND (kind <> 6 OR
           (SELECT subject FROM record WHERE id = a) <> (SELECT subject FROM record WHERE id = b))
         GROUP BY kind, model <> 0 ORDER BY kind, model <> 0",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs()))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The subjects with the most records: (subject, how many), from two on.
pub fn biggest(conn: &Connection, most: i64) -> Result<Vec<(i64, i64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT subject, COUNT(*) AS held FROM record GROUP BY subject HAVING COUNT(*) > 1
         ORDER BY held DESC, subject LIMIT $1",
    )?;
    let rows = statement.query_map([most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many subjects hold how many records: (records, subjects).
pub fn sizes(conn: &Connection) -> Result<Vec<(i64, i64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT held, COUNT(*) FROM (SELECT COUNT(*) AS held FROM record GROUP BY subject)
         GROUP BY held ORDER BY held",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// For each kind of identifier: how many values one record has, how many several records of one
/// subject, and how many several subjects.
pub fn identifier_spread(conn: &Connection) -> Result<Vec<(i64, [i64; 3], i64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT kind, COUNT(*) FILTER (WHERE records = 1),
                COUNT(*) FILTER (WHERE records > 1 AND subjects = 1),
                COUNT(*) FILTER (WHERE subjects > 1), MAX(subjects)
         FROM (SELECT i.kind AS kind, COUNT(*) AS records, COUNT(DISTINCT r.subject) AS subjects
               FROM identifier i JOIN record r ON r.id = i.record GROUP BY i.blind, i.kind)
         GROUP BY kind ORDER BY kind",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?], row.get(4)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

// The index for newcomers -------------------------------------------------------------------------

/// Whether anything was learned yet: before, nobody is looked up in the index.
pub fn has_learned(conn: &Connection) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM model)")?
        .query_row([], |row| row.get(0))?)
}

/// What one record has in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComparedRow {
    pub fields: i64,
    pub meetings: Vec<u8>,
    pub hashes: Vec<u8>,
}

pub fn compared(conn: &Connection, record: i64) -> Result<Option<ComparedRow>> {
    Ok(conn
        .prepare_cached("SELECT fields, meetings, hashes FROM compared WHERE record = $1")?
        .query_row([record], |row| {
            Ok(ComparedRow { fields: row.get(0)?, meetings: row.get(1)?, hashes: row.get(2)? })
        })
        .optional()?)
}

/// How many records the index holds.
pub fn compared_count(conn: &Connection) -> Result<u64> {
    let mut statement = conn.prepare_cached("SELECT COUNT(*) FROM compared")?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// The records of the index from one on, in order, at most so many.
pub fn compared_from(conn: &Connection, from: i64, most: i64) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT record FROM compared WHERE record >= $1 ORDER BY record LIMIT $2",
    )?;
    let rows = statement.query_map([from, most], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn insert_compared(conn: &Connection, record: i64, row: &ComparedRow) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO compared (record, fields, meetings, hashes) VALUES ($1, $2, $3, $4)",
    )?
    .execute(params![record, row.fields, row.meetings, row.hashes])?;
    Ok(())
}

pub fn delete_compared(conn: &Connection, record: i64) -> Result<u64> {
    let mut statement = conn.prepare_cached("DELETE FROM compared WHERE record = $1")?;
    Ok(statement.execute([record])? as u64)
}

pub fn insert_meeting(conn: &Connection, key: u32, record: i64) -> Result<()> {
    conn.prepare_cached("INSERT INTO meeting (key, record) VALUES ($1, $2)")?
        .execute([i64::from(key), record])?;
    Ok(())
}

pub fn delete_meeting(conn: &Connection, key: u32, record: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM meeting WHERE key = $1 AND record = $2")?
        .execute([i64::from(key), record])?;
    Ok(())
}

/// The records that have a key, at most so many.
pub fn meeting(conn: &Connection, key: u32, most: i64) -> Result<Vec<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT record FROM meeting WHERE key = $1 LIMIT $2")?;
    let rows = statement.query_map([i64::from(key), most], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many records are counted under a hash.
pub fn frequency(conn: &Connection, hash: i64) -> Result<u32> {
    let mut statement = conn.prepare_cached("SELECT records FROM frequency WHERE hash = $1")?;
    Ok(statement.query_row([hash], |row| row.get(0)).optional()?.unwrap_or(0))
}

pub fn insert_frequency(conn: &Connection, hash: i64, records: i64) -> Result<()> {
    conn.prepare_cached("INSERT INTO frequency (hash, records) VALUES ($1, $2)")?
        .execute([hash, records])?;
    Ok(())
}

/// Counts one record more.
pub fn count_in(conn: &Connection, hash: i64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO frequency (hash, records) VALUES ($1, 1)
         ON CONFLICT (hash) DO UPDATE SET records = frequency.records + 1",
    )?
    .execute([hash])?;
    Ok(())
}

/// Counts one record less; whatever nobody has any more is not kept.
pub fn count_out(conn: &Connection, hash: i64) -> Result<()> {
    let left: Option<i64> = conn
        .prepare_cached(
            "UPDATE frequency SET records = records - 1 WHERE hash = $1 RETURNING records",
        )?
        .query_row([hash], |row| row.get(0))
        .optional()?;
    if left.is_some_and(|left| left <= 0) {
        conn.prepare_cached("DELETE FROM frequency WHERE hash = $1")?.execute([hash])?;
    }
    Ok(())
}

/// Empties the index, and the queue.
pub fn clear_index(conn: &Connection) -> Result<()> {
    conn.execute_batch(
        "DELETE FROM meeting; DELETE FROM frequency; DELETE FROM compared; DELETE FROM newcomer;",
    )?;
    Ok(())
}

pub fn delete_newcomer(conn: &Connection, record: i64) -> Result<u64> {
    let mut statement = conn.prepare_cached("DELETE FROM newcomer WHERE record = $1")?;
    Ok(statement.execute([record])? as u64)
}

pub fn clear_newcomers(conn: &Connection) -> Result<()> {
    conn.prepare_cached("DELETE FROM newcomer")?.execute([])?;
    Ok(())
}

/// Whoever waits longest.
pub fn first_newcomer(conn: &Connection) -> Result<Option<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT record FROM newcomer ORDER BY record LIMIT 1")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// How many wait.
pub fn newcomers(conn: &Connection) -> Result<u64> {
    let mut statement = conn.prepare_cached("SELECT COUNT(*) FROM newcomer")?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}
