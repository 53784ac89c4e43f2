//! Small questions about subjects that other stages and the terminal ask, and the record of a read.

use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::store::Store;

use super::sql;
pub use super::sql::{MergeRow, live_subjects, merges_into, public_id, records_of};

/// Writes the entry that a person's data was read (by whom, for what): itself personal, so sealed.
pub fn record_read(store: &mut Store, subject: i64, what: &str, now: Moment) -> Result<i64> {
    let Some(record) = sql::records_of(store.conn(), subject)?.first().copied() else {
        return Err(Error::no("subject-empty", "the subject has no records"));
    };
    let key = sql::record_key(store.conn(), record)?;
    store.write(now, |writer| {
        writer.append_about("access.read", record, &key, &json!({"by": what}), None)
    })
}
