//! Tables of the file with their lines, read key by key.
//!
//! Every read notes its own mistake and gives nothing then, so that the caller goes on with the
//! next key and one check finds all mistakes of the file.

use std::collections::BTreeSet;

use toml::de::DeTable;

use super::keys::{CHOSEN, Keys};
use super::mistake::Report;
use super::nearest::suggest;
use super::value::{Said, Value, check_name, path_key, spanned, text_value, wrong_type};

/// One key of a table with its value.
pub(super) struct Entry<'d> {
    pub(super) key: &'d str,
    pub(super) line: u32,
    pub(super) value: Value<'d>,
}

/// A table of the file, its entries in the order of the file.
pub(super) struct Table<'d> {
    /// Such as `purpose.newsletter`; empty for the file itself.
    pub(super) path: String,
    /// The line of its header.
    pub(super) line: u32,
    keys: &'static Keys,
    entries: Vec<Entry<'d>>,
}

impl<'d> Table<'d> {
    /// Wraps a table and notes the keys that it can't have.
    pub(super) fn new(
        report: &mut Report,
        (line, path): (u32, &str),
        table: &'d DeTable<'d>,
        keys: &'static Keys,
    ) -> Self {
        let mut found: Vec<_> = table.iter().collect();
        found.sort_by_key(|(key, _)| key.span().start);
        let entries: Vec<Entry> = found
            .into_iter()
            .map(|(key, value)| Entry {
                key: key.get_ref(),
                line: report.line(&key.span()),
                value: spanned(report, value),
            })
            .collect();
        let table = Table { path: path.to_owned(), line, keys, entries };
        table.note_unknown_keys(report);
        table
    }

    fn note_unknown_keys(&self, report: &mut Report) {
        if self.keys.keys.is_empty() {
            return;
        }
        for Entry { key, line, .. } in &self.entries {
            if !self.keys.keys.contains(key) {
                report.mistake(
                    (*line, &self.at(key)),
                    "unknown-key",
                    format!("{} has no key {key:?}", self.keys.table),
                    "a key that isn't understood would be a rule that isn't kept",
                    suggest(key, self.keys.keys.iter().copied(), ""),
                );
            }
        }
    }

    /// The path of a key of this table.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() {
            path_key(key)
        } else {
            format!("{}.{}", self.path, path_key(key))
        }
    }

    /// All entries, for tables whose keys the author chooses.
    pub(super) fn entries(&self) -> &[Entry<'d>] {
        &self.entries
    }

    /// The value of a key.
    pub(super) fn value(&self, key: &str) -> Option<Value<'d>> {
        let known = self.keys.keys;
        debug_assert!(known.is_empty() || known.contains(&key), "{key} must stand in keys.rs");
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.value)
    }

    /// The line of a key, or of the table when the key is absent.
    pub(super) fn line_of(&self, key: &str) -> u32 {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.line, |entry| entry.line)
    }

    /// A text that isn't empty.
    pub(super) fn text(&self, report: &mut Report, key: &str) -> Option<Said<String>> {
        text_value(report, &self.at(key), self.value(key)?)
    }

    /// A text that must be there; its absence is noted as `key-missing`.
    pub(super) fn needed(
        &self,
        report: &mut Report,
        key: &str,
        why: &str,
        example: &str,
    ) -> Option<Said<String>> {
        if self.value(key).is_none() {
            report.mistake(
                (self.line, &self.at(key)),
                "key-missing",
                format!("{key:?} is missing"),
                why,
                format!("{key} = {example}"),
            );
        }
        self.text(report, key)
    }

    /// A yes or no.
    pub(super) fn flag(&self, report: &mut Report, key: &str) -> Option<bool> {
        let Value { value, line } = self.value(key)?;
        if value.as_bool().is_none() {
            wrong_type(report, (line, &self.at(key)), "true or false", value, "true");
        }
        value.as_bool()
    }

    /// A whole number from 1 up.
    pub(super) fn count(&self, report: &mut Report, key: &str) -> Option<Said<u32>> {
        let Value { value, line } = self.value(key)?;
        let Some(integer) = value.as_integer() else {
            wrong_type(report, (line, &self.at(key)), "a whole number", value, "1");
            return None;
        };
        match u32::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) if value > 0 => Some(Said { value, line }),
            _ => {
                report.mistake(
                    (line, &self.at(key)),
                    "wrong-number",
                    format!("{key:?} is no number from 1 to {}", u32::MAX),
                    "it counts things, and the first is 1",
                    format!("{key} = 1"),
                );
                None
            }
        }
    }

    /// A port.
    pub(super) fn port(&self, report: &mut Report, key: &str, by_custom: u16) -> Option<u16> {
        let Said { value, line } = self.count(report, key)?;
        let port = u16::try_from(value).ok();
        if port.is_none() {
            report.mistake(
                (line, &self.at(key)),
                "wrong-number",
                "it is no port",
                "ports go up to 65535",
                format!("{key} = {by_custom}"),
            );
        }
        port
    }

    /// A list of texts, none of them empty or given twice.
    pub(super) fn texts(&self, report: &mut Report, key: &str) -> Vec<Said<String>> {
        let Some(Value { value, line }) = self.value(key) else { return Vec::new() };
        let path = self.at(key);
        let Some(list) = value.as_array() else {
            let one = value.as_str();
            let example = one.map_or("[\"…\"]".to_owned(), |one| format!("[{one:?}]"));
            wrong_type(report, (line, &path), "a list of texts", value, &example);
            // A single text is taken for what it was meant to be, so that what refers to it stands.
            return one.map(|one| Said { value: one.to_owned(), line }).into_iter().collect();
        };
        let mut seen = BTreeSet::new();
        let mut texts = Vec::new();
        for item in list.iter() {
            let item = spanned(report, item);
            let Some(said) = text_value(report, &path, item) else { continue };
            if seen.insert(said.value.clone()) {
                texts.push(said);
            } else {
                report.mistake(
                    (said.line, &path),
                    "listed-twice",
                    format!("{:?} is listed twice", said.value),
                    "the second says nothing, or stands where another was meant",
                    format!("leave out the second {:?}", said.value),
                );
            }
        }
        texts
    }

    /// Whether a list that must hold something is absent or empty; a value that is no list has its
    /// own mistake, and so have its items.
    pub(super) fn lacks(&self, key: &str) -> bool {
        let list = |value: Value<'d>| value.value.as_array().is_some_and(|list| list.is_empty());
        self.value(key).is_none_or(list)
    }

    /// A value out of a closed list.
    pub(super) fn choice<T: Copy + PartialEq>(
        &self,
        report: &mut Report,
        key: &str,
        code: &'static str,
        why: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let said = self.text(report, key)?;
        let found = choices.iter().find(|(name, _)| *name == said.value);
        if found.is_none() {
            // Of several spellings of one choice, the first is the one to tell.
            let first = |i: usize| choices[..i].iter().all(|(_, other)| *other != choices[i].1);
            let names = (0..choices.len()).filter(|i| first(*i)).map(|i| choices[i].0);
            let names: Vec<&str> = names.collect();
            report.mistake(
                (said.line, &self.at(key)),
                code,
                format!("{:?} is none of {}", said.value, names.join(", ")),
                why,
                suggest(&said.value, names.iter().copied(), ""),
            );
        }
        found.map(|(_, choice)| *choice)
    }

    /// The table under a key.
    pub(super) fn table(
        &self,
        report: &mut Report,
        key: &str,
        keys: &'static Keys,
    ) -> Option<Table<'d>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        table_value(report, (entry.line, &self.at(key)), entry.value, keys)
    }

    /// The tables of a list such as `[[source.crm.consent]]`.
    pub(super) fn tables(
        &self,
        report: &mut Report,
        key: &str,
        keys: &'static Keys,
    ) -> Vec<Table<'d>> {
        let Some(Value { value, line }) = self.value(key) else { return Vec::new() };
        let path = self.at(key);
        let Some(list) = value.as_array() else {
            let what = format!("a list of tables, each headed [[{path}]]");
            report.mistake(
                (line, &path),
                "wrong-type",
                format!("it must be {what}"),
                "there may be several, and each has keys of its own",
                format!("[[{path}]]"),
            );
            return Vec::new();
        };
        let items = list.iter().enumerate();
        let tables = items.filter_map(|(i, item)| {
            let item = spanned(report, item);
            table_value(report, (item.line, &format!("{path}[{}]", i + 1)), item, keys)
        });
        tables.collect()
    }

    /// The tables under a key, by the names that the author gave them, such as `[purpose.orders]`.
    pub(super) fn named(
        &self,
        report: &mut Report,
        key: &str,
        keys: &'static Keys,
    ) -> Vec<(String, Table<'d>)> {
        debug_assert!(self.keys.keys.contains(&key), "{key} must stand in keys.rs");
        let Some(all) = self.table(report, key, &CHOSEN) else { return Vec::new() };
        let mut tables = Vec::new();
        for &Entry { key: name, line, value } in all.entries() {
            let path = all.at(name);
            check_name(report, (line, &path), name);
            if let Some(table) = table_value(report, (line, &path), value, keys) {
                tables.push((name.to_owned(), table));
            }
        }
        tables
    }
}

/// The table that a value must be.
pub(super) fn table_value<'d>(
    report: &mut Report,
    (line, path): (u32, &str),
    value: Value<'d>,
    keys: &'static Keys,
) -> Option<Table<'d>> {
    match value.value.as_table() {
        Some(table) => Some(Table::new(report, (line, path), table, keys)),
        None => {
            let example = match keys.keys.first() {
                Some(first) => format!("{{ {first} = … }}"),
                None => "{ … }".to_owned(),
            };
            wrong_type(report, (line, path), "a table", value.value, &example);
            None
        }
    }
}
