//! The ledger entries that concern a person: those that speak of them, those under which their data
//! came, went or was forgotten, and those of their requests.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::error::{Error, Result};
use crate::base::secret::{Sealed, apply_seal};
use crate::ledger::scan;
use crate::profile::merge::public_id_of;
use crate::profile::read::OpenRecord;
use crate::profile::record::unreadable;
use crate::store::Store;
use crate::subject::sql::payloads_of;

use super::{EntryNote, sql};

/// What stands where an entry names somebody else.
const SOMEBODY_ELSE: &str = "another person";

/// The entries found so far, by number.
#[derive(Default)]
pub struct Journal {
    entries: BTreeMap<i64, (&'static str, Option<Value>)>,
}

impl Journal {
    /// Adds an entry, unless it stands there already.
    pub fn add(&mut self, entry: i64, concerns: &'static str) {
        self.entries.entry(entry).or_insert((concerns, None));
    }

    /// Adds the entries whose sealed payloads speak of the person. Ids that are not among the
    /// person's own are left out of them.
    pub fn add_payloads(
        &mut self,
        store: &Store,
        records: &[OpenRecord],
        own_ids: &[String],
    ) -> Result<()> {
        for record in records {
            for (n, mut body) in payloads_of(store.conn(), record.id)? {
                apply_seal(&record.key, Sealed::Payload, n, &mut body);
                let mut payload: Value =
                    serde_json::from_slice(&body).map_err(|_| unreadable("ledger payload"))?;
                leave_out_others(&mut payload, own_ids);
                self.entries.insert(n, ("speaks of you", Some(payload)));
            }
        }
        Ok(())
    }

    /// Reads the lines of the entries.
    pub fn notes(self, store: &Store) -> Result<Vec<EntryNote>> {
        self.entries
            .into_iter()
            .map(|(entry, (concerns, payload))| {
                let bytes = sql::leaf(store.conn(), entry)?.ok_or_else(|| {
                    Error::damaged("ledger-incomplete", "a ledger entry is missing")
                        .at(format!("entry {entry}"))
                        .next("run `candor audit verify`")
                })?;
                let leaf = scan::fields(&bytes)?;
                Ok(EntryNote {
                    entry,
                    kind: leaf.kind.to_owned(),
                    at: leaf.at.to_string(),
                    actor: leaf.actor.to_owned(),
                    concerns,
                    payload,
                    leaf: String::from_utf8_lossy(&bytes).into_owned(),
                })
            })
            .collect()
    }
}

/// A merge that was taken back names another person's profile: that is not this person's to know.
fn leave_out_others(value: &mut Value, own_ids: &[String]) {
    match value {
        Value::String(text) if public_id_of(text).is_some() && !own_ids.contains(text) => {
            SOMEBODY_ELSE.clone_into(text);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| leave_out_others(item, own_ids)),
        Value::Object(map) => map.values_mut().for_each(|item| leave_out_others(item, own_ids)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::profile::merge::public_text;

    #[test]
    fn only_the_persons_own_ids_stay() {
        let (own, other) = (public_text(1 << 62), public_text((1 << 62) + 1));
        let mut payload = json!({"from": own, "into": other, "by": "person", "all": [other]});
        leave_out_others(&mut payload, std::slice::from_ref(&own));
        let expected =
            json!({"from": own, "into": SOMEBODY_ELSE, "by": "person", "all": [SOMEBODY_ELSE]});
        assert_eq!(payload, expected);
    }
}
