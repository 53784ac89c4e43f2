//! Every statement that pages of people alone ask.

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;

/// The open requests of a person: kind, when it came, and the last day for an answer.
pub fn open_requests(conn: &Connection, subject: i64) -> Result<Vec<(i64, Moment, String)>> {
    let mut statement = conn.prepare_cached(
        "SELECT q.kind, q.opened_at, q.due_on FROM record r JOIN request q ON q.record = r.id
         WHERE r.subject = $1 AND q.state = 2 ORDER BY q.id",
    )?;
    let rows = statement
        .query_map([subject], |row| Ok((row.get(0)?, Moment(row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
