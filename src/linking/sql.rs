//! Every statement about models and questions.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::error::{Error, Result};

pub const OPEN: i64 = 2;
pub const PUT_OFF: i64 = 3;
pub const SAME: i64 = 4;
pub const DIFFERENT: i64 = 5;
pub const RELATED: i64 = 6;
pub const OVERTAKEN: i64 = 7;

/// The schema's script that brought the tables of linking.
const SCRIPT: i64 = 2;

/// A store of an older candor has no place for what linking finds until it is opened for writing.
///
/// # Errors
/// `store-older` for such a store.
pub fn ready(conn: &Connection) -> Result<()> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version >= SCRIPT {
        return Ok(());
    }
    Err(Error::no(
        "store-older",
        "the store is of an older candor, and was not opened for writing since",
    )
    .next("run a command that writes, such as `candor identity run`"))
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

/// How many questions there are of each state.
pub fn question_counts(conn: &Connection) -> Result<Vec<(i64, u64)>> {
    let mut statement =
        conn.prepare_cached("SELECT state, COUNT(*) FROM question GROUP BY state ORDER BY state")?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many standing links there are of each kind, those that linking found apart: (kind, found, count).
pub fn link_counts(conn: &Connection) -> Result<Vec<(i64, bool, u64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT kind, model <> 0, COUNT(*) FROM link WHERE retired_entry = 0
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
