//! Small questions about subjects that other stages and the terminal ask, and the record of a read.

use std::collections::BTreeSet;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::store::{Store, Writer, person_gone};

use super::sql;
pub use super::sql::{MergeRow, first_entry_of, live_subjects, merges_into, public_id, records_of};

/// Writes the entry that a person's data was read (by whom, for what): itself personal, so sealed.
pub fn record_read(store: &mut Store, subject: i64, what: &str, now: Moment) -> Result<i64> {
    store.write(now, |writer| note_read(writer, subject, &json!({"by": what})))
}

/// The same, in a write that goes on.
pub fn note_read(writer: &mut Writer<'_>, subject: i64, payload: &Value) -> Result<i64> {
    let Some(record) = sql::records_of(writer.conn, subject)?.first().copied() else {
        return Err(person_gone());
    };
    let key = sql::record_key(writer.conn, record)?;
    writer.append_about("access.read", record, &key, payload, None)
}

/// How many joins by hand or by likeness hold a subject together, beside what exact identifiers do: somebody may have
/// been taken for somebody else.
pub fn joins_by_judgement(conn: &Connection, subject: i64) -> Result<usize> {
    let records: BTreeSet<i64> = records_of(conn, subject)?.into_iter().collect();
    let mut joins = BTreeSet::new();
    for record in &records {
        for link in sql::links_of(conn, *record)? {
            let judged = matches!(link.kind, sql::LINK_PERSON | sql::LINK_LIKELY);
            if judged && records.contains(&link.a) && records.contains(&link.b) {
                joins.insert(link.id);
            }
        }
    }
    Ok(joins.len())
}

/// The records of a subject that came in after a ledger entry, such as a merge that was taken back: recognised by
/// those who stay, they stay with them.
pub fn came_after(conn: &Connection, subject: i64, entry: i64) -> Result<Vec<i64>> {
    let mut later = Vec::new();
    for record in sql::records_of(conn, subject)? {
        if first_entry_of(conn, record)?.is_some_and(|first| first > entry) {
            later.push(record);
        }
    }
    Ok(later)
}
