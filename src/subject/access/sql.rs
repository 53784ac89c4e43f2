//! Every statement that only an answer to an access request asks.

use rusqlite::{Connection, OptionalExtension};

use crate::base::error::Result;

/// The bytes of a ledger entry.
pub fn leaf(conn: &Connection, n: i64) -> Result<Option<Vec<u8>>> {
    Ok(conn
        .prepare_cached("SELECT leaf FROM entry WHERE n = $1")?
        .query_row([n], |row| row.get(0))
        .optional()?)
}

pub struct RequestRow {
    pub id: i64,
    pub kind: i64,
    pub state: i64,
    pub opened_at: i64,
    pub due_on: String,
    pub closed_at: i64,
    pub opened_entry: i64,
    pub closed_entry: i64,
}

/// The requests of a record's person.
pub fn requests_of(conn: &Connection, record: i64) -> Result<Vec<RequestRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, kind, state, opened_at, due_on, closed_at, opened_entry, closed_entry
         FROM request WHERE record = $1 ORDER BY id",
    )?;
    let rows = statement.query_map([record], |row| {
        Ok(RequestRow {
            id: row.get(0)?,
            kind: row.get(1)?,
            state: row.get(2)?,
            opened_at: row.get(3)?,
            due_on: row.get(4)?,
            closed_at: row.get(5)?,
            opened_entry: row.get(6)?,
            closed_entry: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The entries under which something of a subject was forgotten.
pub fn forgetting_entries(conn: &Connection, subject: i64) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "WITH RECURSIVE
           said(seq) AS (
             SELECT last_value FROM record WHERE subject = $1 AND last_value <> 0
             UNION ALL
             SELECT v.prev FROM said s JOIN value v ON v.seq = s.seq WHERE v.prev <> 0),
           done(seq) AS (
             SELECT p.last_event FROM record r JOIN rollup p ON p.record = r.id
             WHERE r.subject = $1 AND p.last_event <> 0
             UNION ALL
             SELECT e.prev FROM done d JOIN event e ON e.seq = d.seq WHERE e.prev <> 0)
         SELECT t.entry FROM said s JOIN tombstone t ON t.item = 1 AND t.seq = s.seq
         UNION
         SELECT t.entry FROM done d JOIN tombstone t ON t.item = 2 AND t.seq = d.seq",
    )?;
    let rows = statement.query_map([subject], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many rows of each table are about a subject. Values and events are counted over the whole
/// table, not along the chains on which a profile is read: a row that fell off its chain is counted.
pub fn counts(conn: &Connection, subject: i64) -> Result<[(&'static str, u64); 12]> {
    let count = |what: &str| -> Result<u64> {
        let sql =
            format!("SELECT COUNT(*) FROM {what} IN (SELECT id FROM record WHERE subject = $1)");
        let rows: i64 = conn.prepare_cached(&sql)?.query_row([subject], |row| row.get(0))?;
        Ok(u64::try_from(rows).unwrap_or(0))
    };
    Ok([
        ("record", count("record WHERE id")?),
        ("value", count("value WHERE state <> 4 AND record")?),
        ("event", count("event WHERE purposes <> 2 AND record")?),
        ("rollup", count("rollup WHERE count > 0 AND record")?),
        ("statement", count("statement WHERE record")?),
        ("payload", count("payload WHERE body <> zeroblob(length(body)) AND record")?),
        ("disclosure", count("disclosure WHERE record")?),
        ("request", count("request WHERE record")?),
        ("identifier", count("identifier WHERE record")?),
        ("link", links(conn, subject)?),
        ("question", questions(conn, subject)?),
        ("merge", merges(conn, subject)?),
    ])
}

/// Standing links of which one end is a record of a subject.
fn links(conn: &Connection, subject: i64) -> Result<u64> {
    let rows: i64 = conn
        .prepare_cached(
            "SELECT COUNT(*) FROM link WHERE retired_entry = 0
             AND id IN (SELECT l.id FROM record r JOIN link l ON l.a = r.id WHERE r.subject = $1
                        UNION SELECT l.id FROM record r JOIN link l ON l.b = r.id
                        WHERE r.subject = $1)",
        )?
        .query_row([subject], |row| row.get(0))?;
    Ok(rows.unsigned_abs())
}

/// Questions of which one end is a record of a subject.
fn questions(conn: &Connection, subject: i64) -> Result<u64> {
    let rows: i64 = conn
        .prepare_cached(
            "SELECT COUNT(*) FROM question
             WHERE id IN (SELECT q.id FROM record r JOIN question q ON q.a = r.id
                          WHERE r.subject = $1
                          UNION SELECT q.id FROM record r JOIN question q ON q.b = r.id
                          WHERE r.subject = $1)",
        )?
        .query_row([subject], |row| row.get(0))?;
    Ok(rows.unsigned_abs())
}

/// Standing merges by which others became this subject, also by way of others.
fn merges(conn: &Connection, subject: i64) -> Result<u64> {
    let rows: i64 = conn
        .prepare_cached(
            "WITH RECURSIVE into_it(id) AS (
               SELECT $1
               UNION SELECT m.from_subject FROM into_it i JOIN merge m ON m.into_subject = i.id
               WHERE m.undone_entry = 0)
             SELECT COUNT(*) FROM merge
             WHERE undone_entry = 0 AND into_subject IN (SELECT id FROM into_it)",
        )?
        .query_row([subject], |row| row.get(0))?;
    Ok(rows.unsigned_abs())
}
