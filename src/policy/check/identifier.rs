//! `[identifier.KIND]`: what joins the records of one person, and when it must not.

use super::Draft;
use crate::policy::keys::IDENTIFIER;
use crate::policy::reader::Table;
use crate::policy::types::{IdentifierForm, IdentifierKind};

/// Records of one source on one value, above which it is a shared one.
const MAX_RECORDS: u32 = 5;

/// The kind of the names under which people sign in: two of them are two people.
const LOGIN: &str = "user_id";

const FORMS: [(&str, IdentifierForm); 3] = [
    ("email", IdentifierForm::Email),
    ("phone", IdentifierForm::Phone),
    ("text", IdentifierForm::Text),
];

/// The tables of all kinds; their names are known to the sources from here on.
pub(super) fn tables<'d>(draft: &mut Draft, top: &Table<'d>) -> Vec<(String, Table<'d>)> {
    let tables = top.named(&mut draft.report, "identifier", &IDENTIFIER);
    draft.kinds = tables.iter().map(|(name, _)| name.clone()).collect();
    tables
}

/// Reads the kinds, once the sources have told which attributes there are.
pub(super) fn read(draft: &mut Draft, tables: Vec<(String, Table)>) {
    for (name, table) in tables {
        let report = &mut draft.report;
        let why = "equal values are found equal only in their normal form";
        let form = table.choice(report, "form", "unknown-choice", why, &FORMS);
        let form = form.unwrap_or(IdentifierForm::Text);
        let ignore = table.texts(report, "ignore").into_iter().map(|said| match form {
            IdentifierForm::Email => said.value.trim().to_lowercase(),
            IdentifierForm::Phone | IdentifierForm::Text => said.value.trim().to_owned(),
        });
        let kind = IdentifierKind {
            links: table.flag(report, "links").unwrap_or(true),
            form,
            max_records: table.count(report, "max_records").map_or(MAX_RECORDS, |said| said.value),
            max_values: table
                .count(report, "max_values")
                .map(|said| said.value)
                .or_else(|| (name == LOGIN).then_some(1)),
            ignore: ignore.collect(),
            unless_differ: unless_differ(draft, &table),
        };
        draft.policy.identifiers.insert(name, kind);
    }
}

fn unless_differ(draft: &mut Draft, table: &Table) -> Vec<String> {
    let said = table.texts(&mut draft.report, "unless_differ");
    for attribute in &said {
        draft.check_attribute((attribute.line, &table.at("unless_differ")), &attribute.value);
    }
    said.into_iter().map(|said| said.value).collect()
}
