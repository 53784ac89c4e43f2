//! Every statement about audiences' texts.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::error::Result;

use super::desk::Defined;

fn defined(row: &rusqlite::Row<'_>) -> rusqlite::Result<Defined> {
    Ok(Defined { name: row.get(0)?, version: row.get(1)?, entry: row.get(2)?, text: row.get(3)? })
}

/// The newest version of an audience.
pub fn newest(conn: &Connection, name: &str) -> Result<Option<Defined>> {
    Ok(conn
        .prepare_cached(
            "SELECT name, version, entry, text FROM audience WHERE name = $1
             ORDER BY version DESC LIMIT 1",
        )?
        .query_row([name], defined)
        .optional()?)
}

/// Every version of every audience, by name, the oldest first.
pub fn all(conn: &Connection) -> Result<Vec<Defined>> {
    let mut statement =
        conn.prepare("SELECT name, version, entry, text FROM audience ORDER BY name, version")?;
    let rows = statement.query_map([], defined)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Keeps a version.
pub fn insert(conn: &Connection, one: &Defined) -> Result<()> {
    let Defined { name, version, entry, text } = one;
    conn.execute(
        "INSERT INTO audience (name, version, entry, text) VALUES ($1, $2, $3, $4)",
        params![name, version, entry, text],
    )?;
    Ok(())
}
