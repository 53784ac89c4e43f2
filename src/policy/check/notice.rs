//! `[notice.NAME]`: the texts that people were shown, kept whole.

use std::collections::{BTreeMap, BTreeSet};

use super::Draft;
use crate::policy::keys::{NOTICE, NOTICE_VERSION};
use crate::policy::mistake::Report;
use crate::policy::reader::Table;
use crate::policy::types::{Notice, NoticeVersion};

const WHY_KEPT: &str = "whoever relies on consent must show what the person was told (Art 7(1), \
                        EDPB Guidelines 05/2020 para 108)";

pub(super) fn read(draft: &mut Draft, top: &Table) {
    let report = &mut draft.report;
    for (name, table) in top.named(report, "notice", &NOTICE) {
        let tables = table.tables(report, "version", &NOTICE_VERSION);
        if tables.is_empty() && table.value("version").is_none() {
            report.mistake(
                (table.line, &table.path),
                "notice-empty",
                format!("the notice {name:?} has no version"),
                WHY_KEPT,
                format!("[[notice.{name}.version]]\nversion = 1\nlanguage = \"en\"\ntext = \"…\""),
            );
        }
        let mut seen = Seen::default();
        let versions = tables.iter().filter_map(|table| version(report, table, &mut seen));
        let versions = versions.collect();
        draft.versions.insert(name.clone(), seen.numbers);
        draft.policy.notices.insert(name, Notice { versions });
    }
}

/// The versions of a notice that came before.
#[derive(Default)]
struct Seen {
    /// Every number, of faulty versions too.
    numbers: BTreeSet<u32>,
    /// Version and language.
    pairs: BTreeSet<(u32, String)>,
    /// The last version of each language.
    last: BTreeMap<String, u32>,
}

fn version(report: &mut Report, table: &Table, seen: &mut Seen) -> Option<NoticeVersion> {
    let number = number(report, table);
    seen.numbers.extend(number);
    let language = table.needed(
        report,
        "language",
        "a person is told in a language that the person understands (Art 12(1))",
        "\"en\"",
    );
    let text = table.needed(report, "text", WHY_KEPT, "\"…\"");
    let material = table.flag(report, "material").unwrap_or_default();
    let (number, language, text) = (number?, language?.value, text?.value);
    check_language(report, table, &language);
    let last = seen.last.get(&language).copied().unwrap_or_default();
    if !seen.pairs.insert((number, language.clone())) {
        report.mistake(
            (table.line_of("version"), &table.at("version")),
            "notice-repeated",
            format!("version {number} stands twice in {language:?}"),
            "a consent names the version that was shown, so a version is one text in a language",
            format!("version = {}", highest(seen) + 1),
        );
    } else if number < last {
        report.mistake(
            (table.line_of("version"), &table.at("version")),
            "notice-order",
            format!("version {number} follows version {last}"),
            "versions count up in the order in which the texts were used, the newest last",
            format!("move it before version {last}, or write version = {}", highest(seen) + 1),
        );
    }
    let newest = seen.last.entry(language.clone()).or_default();
    *newest = number.max(*newest);
    Some(NoticeVersion { version: number, language, text, material })
}

fn number(report: &mut Report, table: &Table) -> Option<u32> {
    if table.value("version").is_none() {
        report.mistake(
            (table.line, &table.at("version")),
            "key-missing",
            "\"version\" is missing",
            "a consent names the version of the notice that was shown (Art 7(1))",
            "version = 1",
        );
    }
    table.count(report, "version").map(|said| said.value)
}

fn highest(seen: &Seen) -> u32 {
    seen.numbers.last().copied().unwrap_or_default().min(u32::MAX - 1)
}

/// Notes a language that hasn't the shape of a BCP 47 tag.
fn check_language(report: &mut Report, table: &Table, tag: &str) {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    let sound = (2..=8).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && parts
            .all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !sound {
        report.mistake(
            (table.line_of("language"), &table.at("language")),
            "bad-language",
            format!("{tag:?} is no language tag"),
            "languages are written as BCP 47 tags, so that programs know them",
            "language = \"en\", or with a region: language = \"en-IE\"",
        );
    }
}
