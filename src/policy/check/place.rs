//! On which line of a file a path such as `purpose.newsletter.basis` stands.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::policy::mistake::Report;

/// The line of a path, counted from 1; of the last part of it that stands in the file, where the rest
/// is missing, and 1 where all of it is.
///
/// A path goes into the texts of a notice by version and language: `notice.form.version.2.en`.
pub(super) fn line(report: &Report, top: &DeTable, path: &str) -> u32 {
    let mut parts = path.split('.');
    let mut table = Some(top);
    let mut line = 1;
    while let (Some(now), Some(part)) = (table, parts.next()) {
        let Some((key, value)) = entry(now, part) else { break };
        line = report.line(&key.span());
        table = value.get_ref().as_table();
        if let Some(versions) = value.get_ref().as_array() {
            let (number, language) = (parts.next().unwrap_or_default(), parts.next());
            let is_meant = |text: &&DeTable| {
                says(text, "version", number)
                    && says(text, "language", language.unwrap_or_default())
            };
            let texts = versions.iter().filter_map(|version| version.get_ref().as_table());
            if let Some((key, _)) = texts.filter(is_meant).find_map(|table| entry(table, "text")) {
                line = report.line(&key.span());
            }
        }
    }
    line
}

type Entry<'t, 'd> = (&'t Spanned<DeString<'d>>, &'t Spanned<DeValue<'d>>);

fn entry<'t, 'd>(table: &'t DeTable<'d>, key: &str) -> Option<Entry<'t, 'd>> {
    table.iter().find(|(found, _)| found.get_ref() == key)
}

fn says(table: &DeTable, key: &str, wanted: &str) -> bool {
    entry(table, key).is_some_and(|(_, value)| match value.get_ref() {
        DeValue::String(text) => text == wanted,
        DeValue::Integer(number) => number.as_str() == wanted,
        _ => false,
    })
}
