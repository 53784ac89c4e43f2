//! Single values of the file with their lines: texts, names, and what is of the wrong type.

use toml::Spanned;
use toml::de::DeValue;

use super::mistake::Report;

/// Something that the file says, and the line on which it says it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said<T> {
    pub(super) value: T,
    pub(super) line: u32,
}

/// A value of the file.
#[derive(Clone, Copy)]
pub(super) struct Value<'d> {
    pub(super) value: &'d DeValue<'d>,
    pub(super) line: u32,
}

/// A text that isn't empty.
pub(super) fn text_value(report: &mut Report, path: &str, value: Value) -> Option<Said<String>> {
    let Value { value, line } = value;
    let Some(text) = value.as_str() else {
        let example = match value {
            DeValue::Datetime(moment) => format!("\"{moment}\""),
            DeValue::Integer(number) => format!("\"{number}\""),
            _ => "\"…\"".to_owned(),
        };
        wrong_type(report, (line, path), "a text in quotes", value, &example);
        return None;
    };
    if text.trim().is_empty() {
        report.mistake(
            (line, path),
            "empty-text",
            "the text is empty",
            "an empty text says nothing to the person who reads it",
            "write it out, or leave the key out where it isn't required",
        );
        return None;
    }
    Some(Said { value: text.to_owned(), line })
}

/// Notes a name that can't stand in a path, a command or a report.
pub(super) fn check_name(report: &mut Report, at: (u32, &str), name: &str) {
    let mut bytes = name.bytes();
    let begins_well = bytes.next().is_some_and(|first| first.is_ascii_lowercase());
    let others = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if begins_well && bytes.all(others) {
        return;
    }
    let mut better: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    if !better.starts_with(|c: char| c.is_ascii_lowercase()) {
        better.insert_str(0, "x_");
    }
    report.mistake(
        at,
        "bad-name",
        format!("{name:?} is no name"),
        "names stand in commands and reports: a lower-case letter, then letters, digits, _ and -",
        better,
    );
}

/// A value with its line.
pub(super) fn spanned<'d>(report: &Report, value: &'d Spanned<DeValue<'d>>) -> Value<'d> {
    Value { value: value.get_ref(), line: report.line(&value.span()) }
}

/// Notes that a value is of another type than it must be, with a line to paste.
pub(super) fn wrong_type(
    report: &mut Report,
    at: (u32, &str),
    must: &str,
    is: &DeValue,
    example: &str,
) {
    let is = match is {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let key = last_key(at.1).to_owned();
    report.mistake(
        at,
        "wrong-type",
        format!("it must be {must}, and is {is}"),
        "a value of another kind can't be taken at its word",
        format!("{key} = {example}"),
    );
}

/// The last key of a path; a quoted one may hold dots.
fn last_key(path: &str) -> &str {
    let start = match path.strip_suffix('"') {
        Some(open) => open.rfind('"'),
        None => path.rfind('.').map(|dot| dot + 1),
    };
    &path[start.unwrap_or(0)..]
}

/// A key as it stands in a path: in quotes when the file needs them.
pub(super) fn path_key(key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { format!("{key:?}") }
}
