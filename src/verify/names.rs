//! Blind names without a value against the entries that say whose they are.
//!
//! The last such entry of a record names all that it had then. A name that has got a value since is checked
//! with its value; one that has lost it was named anew.

use std::collections::HashMap;

use rusqlite::Connection;
use serde_json::Value;

use crate::base::error::Result;
use crate::ledger::scan::LeafView;
use crate::profile::names::{NAMED, Named, spelled, spelled_key};
use crate::profile::sql::TO_FIND;
use crate::store::{WordKind, Words};

use super::claim::Claim;
use super::holders::Holders;
use super::sql;

/// What the last entry says of each record.
#[derive(Default)]
pub(super) struct Names(HashMap<i64, Said>);

struct Said {
    n: i64,
    home: Option<i64>,
    source: String,
    named: Named,
}

impl Names {
    /// Follows an entry; `said` is its payload, where it opens, and the record that it is about.
    pub(super) fn follow(&mut self, n: i64, view: &LeafView<'_>, said: Option<(i64, &Value)>) {
        if view.kind != NAMED {
            return;
        }
        let Some((record, payload)) = said else { return };
        let said = Said {
            n,
            home: payload["home"].as_i64(),
            source: payload["source"].as_str().unwrap_or_default().to_owned(),
            named: Named::of(payload),
        };
        self.0.insert(record, said);
    }

    /// Checks the records and their blind names.
    pub(super) fn check(
        mut self,
        conn: &Connection,
        words: &Words,
        holders: &Holders,
    ) -> Result<Claim> {
        let mut claim = Claim::new(
            "names",
            "every blind name without a value, and no other, is named by an entry about its record",
        );
        sql::blind_names(conn, |[blind, record, kind, value]| {
            claim.checked += u64::from(value <= 0);
            let is_named = self.0.get_mut(&record).is_some_and(|said| {
                let name = spelled(words, kind, blind);
                let (of_a_no, finds) =
                    (said.named.names.remove(&name), said.named.to_find.remove(&name));
                if value == TO_FIND { finds } else { of_a_no }
            });
            claim.expect(is_named || value > 0, "identifier-unnamed", None, || {
                format!("no entry says that record {record} is found by a name without a value")
            });
        })?;
        let mut left: Vec<(i64, Said)> = self.0.into_iter().collect();
        left.sort_unstable_by_key(|(_, said)| said.n);
        for (record, said) in left {
            let (n, row) = (said.n, holders.place(record).and_then(|at| holders.at(at).row));
            let Some([source, key, home]) = row else { continue };
            let left = said.named.names.len() + said.named.to_find.len();
            claim.expect(left == 0, "identifier-missing", Some(n), || {
                format!("record {record} isn't found by a name that entry {n} says")
            });
            claim.expect(said.home == Some(home), "home-differs", Some(n), || {
                format!("record {record} was born as another subject's")
            });
            let is_of = words.text(WordKind::Source, source) == said.source;
            claim.expect(is_of, "source-differs", Some(n), || {
                format!("record {record} is called another source's than entry {n} says")
            });
            let fits = said.named.key.is_none_or(|named| named == spelled_key(key));
            claim.expect(fits, "record-key", Some(n), || {
                format!("record {record} is found by another key than entry {n} says")
            });
        }
        Ok(claim)
    }
}
