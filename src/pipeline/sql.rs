//! Every statement about imports.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::error::Result;

pub struct ImportRow {
    pub id: i64,
    /// The policy version under which it began, and when (milliseconds).
    pub policy: i64,
    pub started_at: i64,
    pub resume_line: u64,
    pub totals: String,
    /// The entry that says so; 0 where there is none.
    pub entry: i64,
}

/// An import of this very file that was cut off, or what a source's senders bring today.
pub fn running_import(
    conn: &Connection,
    source: i64,
    file: &[u8; 16],
) -> Result<Option<ImportRow>> {
    Ok(conn
        .prepare_cached(
            "SELECT i.id, i.policy, i.started_at, i.resume_line, i.totals, COALESCE(e.entry, 0)
             FROM import i LEFT JOIN import_entry e ON e.import = i.id
             WHERE i.file = $1 AND i.source = $2 AND i.state = 2 ORDER BY i.id DESC LIMIT 1",
        )?
        .query_row(params![&file[..], source], |row| {
            Ok(ImportRow {
                id: row.get(0)?,
                policy: row.get(1)?,
                started_at: row.get(2)?,
                resume_line: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
                totals: row.get(4)?,
                entry: row.get(5)?,
            })
        })
        .optional()?)
}

/// The line that an import which hasn't ended would go on from.
pub fn reached_line(conn: &Connection, import: i64) -> Result<Option<u64>> {
    Ok(conn
        .prepare_cached("SELECT resume_line FROM import WHERE id = $1 AND state = 2")?
        .query_row([import], |row| Ok(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0)))
        .optional()?)
}

/// The import that took this very file in, to its end, under a policy version, and the entry that says so.
pub fn finished_import(
    conn: &Connection,
    source: i64,
    file: &[u8; 16],
    policy: i64,
) -> Result<Option<(i64, i64)>> {
    Ok(conn
        .prepare_cached(
            "SELECT i.id, e.entry FROM import i JOIN import_entry e ON e.import = i.id
             WHERE i.file = $1 AND i.source = $2 AND i.policy = $3 AND i.state = 3
             ORDER BY i.id DESC LIMIT 1",
        )?
        .query_row(params![&file[..], source, policy], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

pub fn insert_import(
    conn: &Connection,
    source: i64,
    file: &[u8; 16],
    policy: i64,
    started_at: i64,
) -> Result<i64> {
    Ok(conn.query_row(
        "INSERT INTO import (source, file, policy, state, resume_line, started_at, finished_at,
                             totals)
         VALUES ($1, $2, $3, 2, 0, $4, 0, '{}') RETURNING id",
        params![source, &file[..], policy, started_at],
        |row| row.get(0),
    )?)
}

pub fn put_progress(conn: &Connection, import: i64, resume_line: i64, totals: &str) -> Result<()> {
    conn.prepare_cached("UPDATE import SET resume_line = $1, totals = $2 WHERE id = $3")?
        .execute(params![resume_line, totals, import])?;
    Ok(())
}

/// Notes the entry that says how far an import came.
pub fn put_entry(conn: &Connection, import: i64, entry: i64) -> Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO import_entry (import, entry) VALUES ($1, $2)")?
        .execute([import, entry])?;
    Ok(())
}

pub fn finish_import(conn: &Connection, import: i64, at: i64) -> Result<()> {
    conn.prepare_cached("UPDATE import SET state = 3, finished_at = $1 WHERE id = $2")?
        .execute([at, import])?;
    Ok(())
}

/// Ends whatever a source's senders left open: it was of another day or policy.
pub fn finish_intakes(conn: &Connection, source: i64, at: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE import SET state = 3, finished_at = $1 WHERE source = $2 AND state = 2",
    )?
    .execute([at, source])?;
    Ok(())
}
