//! `[source.NAME.fields]` and `[[source.NAME.fixed]]`: what a row's values become.

use super::{Draft, dates, take};
use crate::policy::keys::{CHOSEN, FIELD, FIXED};
use crate::policy::mistake::Report;
use crate::policy::nearest::nearest;
use crate::policy::nearest::suggest;
use crate::policy::reader::{Table, table_value};
use crate::policy::types::{FieldMap, Take, Target, ValueType};
use crate::policy::value::{Said, check_name};

const VALUE_TYPES: [(&str, ValueType); 6] = [
    ("text", ValueType::Text),
    ("date", ValueType::Date),
    ("time", ValueType::Time),
    ("integer", ValueType::Integer),
    ("decimal", ValueType::Decimal),
    ("boolean", ValueType::Boolean),
];

/// A field map with the place to which a warning on it points.
pub(super) struct FieldRead {
    pub(super) map: FieldMap,
    pub(super) path: String,
    pub(super) line: u32,
}

/// Reads both kinds of field maps of a source, in the order of the file.
pub(super) fn read(draft: &mut Draft, source: &Table) -> Vec<FieldRead> {
    let mut fields = Vec::new();
    if source.value("fields").is_some()
        && let Some(table) = source.table(&mut draft.report, "fields", &CHOSEN)
    {
        for entry in table.entries() {
            let at = (entry.line, table.at(entry.key));
            if let Some(path) = unquoted_path(entry.key, entry.value.value.as_table()) {
                note_unquoted(&mut draft.report, (at.0, &at.1), &path);
                continue;
            }
            let place = (at.0, at.1.as_str());
            let Some(field) = table_value(&mut draft.report, place, entry.value, &FIELD) else {
                continue;
            };
            let (values, _) = take::read_values(&mut draft.report, &field);
            let taken = Take::Field { from: entry.key.to_owned(), values };
            fields.extend(field_map(draft, &field, taken));
        }
    }
    for table in source.tables(&mut draft.report, "fixed", &FIXED) {
        let why = "a fixed field says the same of every row, and this is what it says";
        let value = table.needed(&mut draft.report, "value", why, "\"…\"");
        let taken = Take::Fixed(value.map(|said| said.value).unwrap_or_default());
        fields.extend(field_map(draft, &table, taken));
    }
    fields
}

/// The path that a field without quotes was meant to be: TOML reads `a.b = {…}` as a table in `a`.
fn unquoted_path(key: &str, table: Option<&toml::de::DeTable>) -> Option<String> {
    let table = table?;
    let (inner, value) = table.iter().next()?;
    let known = table.iter().any(|(key, _)| FIELD.keys.contains(&key.get_ref().as_ref()));
    if known {
        return None;
    }
    let inner_table = value.get_ref().as_table()?;
    let path = format!("{key}.{}", inner.get_ref());
    Some(unquoted_path(&path, Some(inner_table)).unwrap_or(path))
}

fn note_unquoted(report: &mut Report, at: (u32, &str), path: &str) {
    report.mistake(
        at,
        "unquoted-path",
        "a path with dots stands without quotes",
        "TOML reads it as a table in a table, and not as the name of one field",
        format!("{path:?} = {{ as = \"…\", category = \"…\" }}"),
    );
}

fn field_map(draft: &mut Draft, table: &Table, taken: Take) -> Option<FieldRead> {
    let target = target(draft, table);
    let why = "a value is stored as its type says, or refused when it isn't of it";
    let value_type = table
        .choice(&mut draft.report, "type", "unknown-choice", why, &VALUE_TYPES)
        .unwrap_or(ValueType::Text);
    let formats = dates::formats(&mut draft.report, table);
    let dated = matches!(value_type, ValueType::Date | ValueType::Time);
    if !formats.is_empty() && !dated {
        draft.report.mistake(
            (table.line_of("dates"), &table.at("dates")),
            "dates-unused",
            "date formats are given for a value that isn't of type date or time",
            "the value would be kept as it is written, and the formats never used",
            "type = \"date\"",
        );
    }
    let verified = table.flag(&mut draft.report, "verified");
    if verified.is_some() && !matches!(target, Some(Target::Identifier(_)) | None) {
        draft.report.mistake(
            (table.line_of("verified"), &table.at("verified")),
            "verified-unused",
            "only an identifier can be verified",
            "what joins nobody need not be proven",
            "leave verified out",
        );
    }
    let category = match target {
        Some(Target::Ignore) => Some(String::new()),
        _ => category(draft, table),
    };
    if let (Some(Target::Identifier(name) | Target::Attribute(name)), Some(category)) =
        (&target, &category)
    {
        draft.sent.entry(name.clone()).or_default().insert(category.clone());
    }
    Some(FieldRead {
        map: FieldMap {
            take: taken,
            target: target?,
            category: category?,
            value_type,
            dates: formats,
            verified,
        },
        path: table.path.clone(),
        line: table.line,
    })
}

/// The category that a field or an event must have.
pub(super) fn category(draft: &mut Draft, table: &Table) -> Option<String> {
    let path = table.at("category");
    if table.value("category").is_none() {
        let known: Vec<&str> = draft.policy.categories.keys().map(String::as_str).collect();
        let fix = match known.as_slice() {
            [] => "category = \"contact\", and declare it:\n[category.contact]".to_owned(),
            [only] => format!("category = {only:?}"),
            [first, others @ ..] => format!("category = {first:?}, or {}", others.join(", ")),
        };
        draft.report.mistake(
            (table.line, &path),
            "category-missing",
            "it has no category",
            "the gate admits data by its category, and shows people what is held by it \
             (Art 15(1)(b))",
            fix,
        );
    }
    let Said { value, line } = table.text(&mut draft.report, "category")?;
    draft.knows_category((line, &path), &value).then_some(value)
}

fn target(draft: &mut Draft, table: &Table) -> Option<Target> {
    let why = "only what the policy knows is stored: as an identifier, as an attribute, or not at \
               all (Art 5(1)(c))";
    let report = &mut draft.report;
    let Said { value, line } = table.needed(report, "as", why, "\"attribute.NAME\"")?;
    let path = table.at("as");
    if value == "ignore" {
        return Some(Target::Ignore);
    }
    match value.split_once('.') {
        Some(("identifier", kind)) => {
            if !draft.kinds.contains(kind) {
                draft.report.mistake(
                    (line, &path),
                    "unknown-identifier",
                    format!("no identifier is named {kind:?}"),
                    "identifiers join records of a person, so how each does is declared beforehand",
                    suggest(
                        kind,
                        draft.kinds.iter().map(String::as_str),
                        format!("declare it:\n[identifier.{kind}]"),
                    ),
                );
            }
            Some(Target::Identifier(kind.to_owned()))
        }
        Some(("attribute", name)) => {
            check_name(report, (line, &path), name);
            draft.attributes.insert(name.to_owned());
            draft.sent.entry(name.to_owned()).or_default();
            Some(Target::Attribute(name.to_owned()))
        }
        _ => {
            let fix = better_target(&value, draft);
            // What it was likely meant to be counts as sent, so that what refers to it stands.
            let name = value.rsplit('.').next().unwrap_or_default();
            draft.sent.entry(name.to_owned()).or_default();
            draft.attributes.insert(name.to_owned());
            draft.report.mistake(
                (line, &path),
                "bad-target",
                format!("{value:?} is no target"),
                why,
                fix,
            );
            None
        }
    }
}

fn better_target(given: &str, draft: &Draft) -> String {
    let (first, name) = given.split_once('.').unwrap_or(("", given));
    let guess = match nearest(first, ["identifier", "attribute"]) {
        Some(near) => format!("{near}.{name}"),
        None if nearest(given, ["ignore"]).is_some() => "ignore".to_owned(),
        None if draft.kinds.contains(name) => format!("identifier.{name}"),
        None => format!("attribute.{}", name.replace('.', "_")),
    };
    format!("as = {guess:?}; possible are \"identifier.KIND\", \"attribute.NAME\" and \"ignore\"")
}
