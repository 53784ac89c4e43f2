//! Where a value comes from: a text for every row, or `{ from = "…", values = { … } }`.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::keys::{CHOSEN, TAKE};
use crate::policy::mistake::Report;
use crate::policy::reader::{Table, table_value};
use crate::policy::types::Take;
use crate::policy::value::{Said, Value, text_value};

/// A take, and every text that the policy itself says in it.
pub(super) struct Taken {
    pub(super) take: Take,
    pub(super) line: u32,
    /// The fixed text, or what the value map maps to; empty when the source's own words are taken.
    pub(super) said: Vec<Said<String>>,
}

/// Reads the take under a key.
pub(super) fn read(report: &mut Report, table: &Table, key: &str) -> Option<Taken> {
    read_value(report, &table.at(key), table.value(key)?)
}

/// Reads the take under a key that must be there.
pub(super) fn needed(
    report: &mut Report,
    table: &Table,
    key: &str,
    why: &str,
    example: &str,
) -> Option<Taken> {
    if table.value(key).is_none() {
        report.mistake(
            (table.line, &table.at(key)),
            "key-missing",
            format!("{key:?} is missing"),
            why,
            format!("{key} = {example}"),
        );
    }
    read(report, table, key)
}

/// Reads a table of takes, by the names that the author gave them.
pub(super) fn read_all(report: &mut Report, table: &Table, key: &str) -> BTreeMap<String, Take> {
    let Some(Value { .. }) = table.value(key) else { return BTreeMap::new() };
    let Some(named) = table.table(report, key, &CHOSEN) else { return BTreeMap::new() };
    let takes = named.entries().iter().filter_map(|entry| {
        let taken = read_value(report, &named.at(entry.key), entry.value)?;
        Some((entry.key.to_owned(), taken.take))
    });
    takes.collect()
}

fn read_value(report: &mut Report, path: &str, value: Value) -> Option<Taken> {
    let line = value.line;
    if value.value.as_table().is_none() {
        let said = text_value(report, path, value)?;
        return Some(Taken { take: Take::Fixed(said.value.clone()), line, said: vec![said] });
    }
    let table = table_value(report, (line, path), value, &TAKE)?;
    read_table(report, &table)
}

/// Reads the take that a table is, whatever else stands in it.
pub(super) fn read_table(report: &mut Report, table: &Table) -> Option<Taken> {
    let line = table.line;
    let from = table.needed(
        report,
        "from",
        "a value is taken from a column, or from a path such as \"consents.newsletter\"",
        "\"column\"",
    );
    let (values, said) = read_values(report, table);
    Some(Taken { take: Take::Field { from: from?.value, values }, line, said })
}

/// Reads a value map, and the texts that it maps to with their lines.
pub(super) fn read_values(
    report: &mut Report,
    table: &Table,
) -> (BTreeMap<String, String>, Vec<Said<String>>) {
    let mut values = BTreeMap::new();
    let mut said = Vec::new();
    let Some(map) = table.table(report, "values", &CHOSEN) else { return (values, said) };
    let mut seen = BTreeSet::new();
    for entry in map.entries() {
        let path = map.at(entry.key);
        if !seen.insert(entry.key.trim().to_lowercase()) {
            report.mistake(
                (entry.line, &path),
                "values-repeated",
                format!("the value map has {:?} twice", entry.key.trim().to_lowercase()),
                "what a source writes is compared trimmed and without case, so the two are one",
                format!("leave out {:?}", entry.key),
            );
        }
        let Some(meant) = text_value(report, &path, entry.value) else { continue };
        values.insert(entry.key.to_owned(), meant.value.clone());
        said.push(meant);
    }
    (values, said)
}
