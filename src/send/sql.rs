//! Every statement about what went out.

use rusqlite::{Connection, params};

use crate::base::clock::Moment;
use crate::base::error::Result;

pub fn insert_disclosure(
    conn: &Connection,
    entry: i64,
    record: i64,
    destination: i64,
    purpose: i64,
    at: Moment,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO disclosure (entry, record, destination, purpose, at)
         VALUES ($1, $2, $3, $4, $5)",
    )?
    .execute(params![entry, record, destination, purpose, at.0])?;
    Ok(())
}
