//! Every statement about imports.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::error::Result;

pub struct ImportRow {
    pub id: i64,
    pub resume_line: u64,
    pub totals: String,
}

/// An import of this very file that was cut off.
pub fn running_import(
    conn: &Connection,
    source: i64,
    file: &[u8; 16],
) -> Result<Option<ImportRow>> {
    Ok(conn
        .prepare_cached(
            "SELECT id, resume_line, totals FROM import
             WHERE file = $1 AND source = $2 AND state = 2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![&file[..], source], |row| {
            Ok(ImportRow {
                id: row.get(0)?,
                resume_line: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                totals: row.get(2)?,
            })
        })
        .optional()?)
}

/// The import that took this very file in, to its end, under a policy version.
pub fn finished_import(
    conn: &Connection,
    source: i64,
    file: &[u8; 16],
    policy: i64,
) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached(
            "SELECT id FROM import WHERE file = $1 AND source = $2 AND policy = $3 AND state = 3
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![&file[..], source, policy], |row| row.get(0))
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
