//! Which subject each record belongs to, moved again as the payloads of merges and splits say.
//!
//! A record belongs to the subject that it was born into until an entry moves it. Each such entry
//! names all records that it moves, so the last one that names a record says where it belongs. What
//! is kept in memory grows with the records that were ever moved.

use std::collections::HashMap;

use rusqlite::Connection;
use serde_json::Value;

use crate::base::error::Result;
use crate::profile::merge::public_id_of;

use super::claim::Claim;
use super::sql;

/// The moves that entries tell of.
#[derive(Default)]
pub(super) struct Moves {
    /// For each record that was moved: by which entry last, and to the subject of which public id.
    last: HashMap<i64, (i64, i64)>,
    /// The last entry whose payload was erased, so that nobody knows what it moved; 0 for none.
    unknown: i64,
}

impl Moves {
    /// Follows an entry; `said` is its payload, where it opens.
    pub(super) fn follow(&mut self, n: i64, kind: &str, said: Option<&Value>) {
        let to = match kind {
            "profile.merge" => "into",
            "profile.split" => "restored",
            _ => return,
        };
        let Some(said) = said else {
            self.unknown = n;
            return;
        };
        let subject = public_id(said, to);
        for record in records(said) {
            self.last.insert(record, (n, subject));
        }
    }

    /// Compares every record's subject with where it was moved to.
    pub(super) fn check(self, conn: &Connection) -> Result<Claim> {
        let mut claim = Claim::new(
            "subjects",
            "every record belongs to the subject that it was born or last moved into",
        );
        sql::places(conn, |record, subject, at_birth| {
            claim.checked += 1;
            let moved = self.last.get(&record);
            if moved.map_or(at_birth, |(_, to)| *to == subject) {
                return Ok(());
            }
            let by = moved.map(|(n, _)| *n);
            // After an erasure the record may have been moved by an entry that says so no more; of what the
            // law keeps of an erased person, no link tells either.
            let unknown = by.unwrap_or(0) < self.unknown;
            if !unknown || !(sql::was_moved(conn, record)? || sql::is_kept(conn, record)?) {
                claim.find(
                    "record-moved",
                    by,
                    format!(
                        "record {record} belongs to a subject that no merge or split put it into"
                    ),
                );
            }
            Ok(())
        })?;
        Ok(claim)
    }
}

/// The public id that a payload names; 0, which none is, where it names none.
pub(super) fn public_id(said: &Value, name: &str) -> i64 {
    said[name].as_str().and_then(public_id_of).unwrap_or(0)
}

/// The records that a payload says it moved.
pub(super) fn records(said: &Value) -> impl Iterator<Item = i64> + '_ {
    said["records"].as_array().into_iter().flatten().filter_map(Value::as_i64)
}
