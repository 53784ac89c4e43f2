//! Small questions about subjects that other stages and the terminal ask, and the record of a read.

use rusqlite::Connection;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::store::Store;

use super::sql;
pub use super::sql::{MergeRow, live_subjects, merges_into, public_id, records_of};

/// Writes the entry that a person's data was read (by whom, for what): itself personal, so sealed.
pub fn record_read(store: &mut Store, subject: i64, what: &str, now: Moment) -> Result<i64> {
    let Some(record) = sql::records_of(store.conn(), subject)?.first().copied() else {
        return Err(Error::no("subject-empty", "the subject has no records")
            .next("run `candor audit verify`"));
    };
    let key = sql::record_key(store.conn(), record)?;
    store.write(now, |writer| {
        writer.append_about("access.read", record, &key, &json!({"by": what}), None)
    })
}

/// The records of a subject of which the first value came in after a ledger entry, such as a merge: a
/// split leaves them where they are, since whose they are stands nowhere.
pub fn came_after(conn: &Connection, subject: i64, entry: i64) -> Result<Vec<i64>> {
    let mut later = Vec::new();
    for record in sql::records_of(conn, subject)? {
        let (mut first, mut next) = (0, sql::record(conn, record)?.last_value);
        while next != 0 {
            first = next;
            next = sql::value(conn, first)?.prev;
        }
        if first != 0 && sql::batch_of_value(conn, first)?.n > entry {
            later.push(record);
        }
    }
    Ok(later)
}
