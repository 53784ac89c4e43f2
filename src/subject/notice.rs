//! By when people must be told where data about them comes from (Art 14(3)): within a month of its
//! arrival, and before it goes out at all.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::AsOf;
use crate::consent::gate::after;
use crate::policy::rulebook::{Rulebook, codes};
use crate::policy::types::Period;
use crate::profile::read::open_record;
use crate::profile::sql as profile_sql;
use crate::profile::then::Then;
use crate::send::indirect_source;
use crate::store::Store;

/// A source of which a person hasn't been told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeDue {
    /// The source.
    pub source: String,
    /// The purposes that it serves and of which the person hasn't been told.
    pub purposes: Vec<String>,
    /// The last day for it.
    pub by: String,
}

/// What a person was still to be told at a point of the ledger, by source.
///
/// # Errors
/// Those of reading.
pub fn due(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    then: &Then,
    asked: AsOf,
) -> Result<Vec<NoticeDue>> {
    let (conn, words) = (store.conn(), store.words());
    let mut all: BTreeMap<String, NoticeDue> = BTreeMap::new();
    let mut history = None;
    for record in then.records(conn, subject)? {
        let record = open_record(conn, words, record)?;
        let Some(code) = indirect_source(rules, words, &record.source) else { continue };
        let Some(first) = record.values.iter().map(|value| value.seq).min() else { continue };
        let arrived = Moment(profile_sql::batch_of_value(conn, first)?.recorded_at);
        if arrived > asked.known.min(asked.valid) {
            continue;
        }
        let history = match &mut history {
            Some(history) => &*history,
            none => none.insert(then.history(conn, subject)?),
        };
        let informed = history.standing_of(record.home, asked).informed;
        let serves = rules.mask(&rules.policy.sources[&record.source].purposes);
        let purposes: Vec<String> = codes(serves)
            .filter(|code_of| !informed.contains(&(*code_of, code)))
            .filter_map(|code| rules.rule(code))
            .map(|rule| rule.name.clone())
            .collect();
        if purposes.is_empty() {
            continue;
        }
        let by = a_month_after(arrived);
        let source = record.source.clone();
        let fresh = NoticeDue { source: source.clone(), purposes, by: by.clone() };
        let due = all.entry(source).or_insert(fresh);
        due.by = by.min(due.by.clone());
    }
    Ok(all.into_values().collect())
}

/// The day one month after something arrived.
fn a_month_after(arrived: Moment) -> String {
    after(arrived, Period { months: 1, days: 0 }).utc().date_naive().to_string()
}
