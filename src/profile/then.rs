//! Who was one person with whom at a point of the ledger: the merges and splits since are taken back.
//!
//! An answer about the past must not change because two profiles were joined or parted today (law 10).
//! Which merges stood is told by entry numbers, which also order what one transaction did. Who bore an address then is
//! told by the entries that brought it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{Sealed, apply_seal};
use crate::consent::history::History;
use crate::consent::sql as consent_sql;
use crate::consent::statement::Statement;
use crate::store::{Store, WordKind, first_entry_from};

use super::merge::public_id_of;
use super::names::{self, Name};
use super::recognise::identifier_blind;
use super::record::value_text;
use super::sql;

/// A point of the ledger: by the entries before a number.
#[derive(Clone, Debug)]
pub struct Then {
    before: i64,
    /// Where records were that merges or splits have moved since.
    subjects: BTreeMap<i64, i64>,
    /// The same the other way round.
    records: BTreeMap<i64, Vec<i64>>,
}

impl Then {
    /// Now: everything is known.
    pub fn now() -> Then {
        Then { before: i64::MAX, subjects: BTreeMap::new(), records: BTreeMap::new() }
    }

    fn is_now(&self) -> bool {
        self.before == i64::MAX
    }

    /// The point up to which everything was known at a moment.
    ///
    /// # Errors
    /// Those of reading.
    pub fn known_at(conn: &Connection, known: Moment) -> Result<Then> {
        match known {
            Moment::FOREVER => Ok(Then::now()),
            known => Then::before(conn, first_entry_from(conn, Moment(known.0.saturating_add(1)))?),
        }
    }

    /// Takes back what merges and splits from an entry on have moved. A split whose payload was erased stays.
    ///
    /// # Errors
    /// Those of reading.
    pub fn before(conn: &Connection, entry: i64) -> Result<Then> {
        let mut moves = partings(conn, entry)?;
        for (n, merge, subject) in sql::moves_since(conn, entry)? {
            let records = sql::merge_records(conn, merge)?;
            moves.extend(records.into_iter().map(|record| (n, record, subject)));
        }
        // The latest first, so that where a record was before the first of its moves is what stands.
        moves.sort_by_key(|(n, ..)| std::cmp::Reverse(*n));
        let subjects: BTreeMap<i64, i64> =
            moves.into_iter().map(|(_, record, subject)| (record, subject)).collect();
        let mut records: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (record, subject) in &subjects {
            records.entry(*subject).or_default().push(*record);
        }
        Ok(Then { before: entry, subjects, records })
    }

    /// The point: what entries from this one on said wasn't known.
    pub fn entry(&self) -> i64 {
        self.before
    }

    /// The subject that a record belonged to, which today belongs to `today`.
    pub fn subject(&self, record: i64, today: i64) -> i64 {
        self.subjects.get(&record).copied().unwrap_or(today)
    }

    /// Whether a merge stood.
    pub fn stood(&self, entry: i64, undone_entry: i64) -> bool {
        entry < self.before && (undone_entry == 0 || undone_entry >= self.before)
    }

    /// The records of a subject that are held.
    pub fn records(&self, conn: &Connection, subject: i64) -> Result<Vec<i64>> {
        let today = sql::records_of(conn, subject)?;
        let mut records: BTreeSet<i64> =
            today.into_iter().filter(|record| self.subject(*record, subject) == subject).collect();
        for record in self.records.get(&subject).into_iter().flatten() {
            if sql::has_record(conn, *record)? {
                records.insert(*record);
            }
        }
        Ok(records.into_iter().collect())
    }

    /// The subjects that hold the records of some subjects today.
    ///
    /// # Errors
    /// Those of reading.
    pub fn held_today(&self, conn: &Connection, subjects: &[i64]) -> Result<BTreeSet<i64>> {
        let mut today = BTreeSet::new();
        for subject in subjects {
            for record in self.records(conn, *subject)? {
                today.insert(sql::record(conn, record)?.subject);
            }
        }
        Ok(today)
    }

    /// The home of a record.
    pub fn home(&self, conn: &Connection, record: i64) -> Result<i64> {
        consent_sql::home_before(conn, record, self.before)
    }

    /// Whether a record had come under a name, which it has today by a row of the index. A value that was erased
    /// since may have been that name.
    ///
    /// # Errors
    /// Those of reading.
    pub fn bore(&self, store: &Store, name: Name, record: i64) -> Result<bool> {
        if self.is_now() {
            return Ok(true);
        }
        let (conn, words) = (store.conn(), store.words());
        let field = words.text(WordKind::Field, name.kind);
        let kind = field.strip_prefix("identifier.").unwrap_or_default();
        let key = sql::record_key(conn, record)?;
        let mut seq = sql::record(conn, record)?.last_value;
        while seq != 0 {
            let mut value = sql::value(conn, seq)?;
            if value.field == name.kind && sql::batch_of_value(conn, seq)?.n < self.before {
                apply_seal(&key, Sealed::Value, seq, &mut value.body);
                let is_it = value.state == sql::VALUE_ERASED
                    || identifier_blind(store.secret(), kind, &value_text(&value.body)?)
                        == name.blind;
                if is_it {
                    return Ok(true);
                }
            }
            seq = value.prev;
        }
        names::was_said((conn, words), (record, &key), name, self.before)
    }

    /// The history of a subject: what its records had said, and the homes that were one.
    pub fn history(&self, conn: &Connection, subject: i64) -> Result<History> {
        if self.is_now() {
            return History::load(conn, subject);
        }
        let mut history = History::default();
        let mut homes = BTreeSet::new();
        for record in self.records(conn, subject)? {
            let home = self.home(conn, record)?;
            homes.insert(home);
            let said = consent_sql::statements_of_record(conn, record)?.into_iter();
            let said = said.filter(|s| s.n < self.before).map(|s| Statement { home, ..s });
            history.statements.extend(said);
        }
        history.statements.sort_unstable_by_key(|s| s.n);
        for home in homes {
            history.homes.push(consent_sql::home_then(conn, home, self.before)?);
        }
        Ok(history)
    }
}

/// The records that were parted from their profile from an entry on, without a merge to take back, and the subject
/// that they were parted from.
fn partings(conn: &Connection, entry: i64) -> Result<Vec<(i64, i64, i64)>> {
    let mut moves = Vec::new();
    for (n, about, mut body) in sql::splits_since(conn, entry)? {
        let Some(key) = sql::key_if_held(conn, about)? else { continue };
        apply_seal(&key, Sealed::Payload, n, &mut body);
        let Ok(said) = serde_json::from_slice::<Value>(&body) else { continue };
        let from = said["from"].as_str().and_then(public_id_of);
        let Some(from) = from.map(|id| sql::subject_by_public_id(conn, id)).transpose()?.flatten()
        else {
            continue;
        };
        let records = said["records"].as_array().into_iter().flatten().filter_map(Value::as_i64);
        moves.extend(records.map(|record| (n, record, from)));
    }
    Ok(moves)
}
