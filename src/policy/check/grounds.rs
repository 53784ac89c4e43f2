//! What a lawful basis demands of its purpose, and what it forbids it.

use crate::policy::mistake::Report;
use crate::policy::nearest::suggest;
use crate::policy::period::period;
use crate::policy::reader::Table;
use crate::policy::types::{Basis, Period, Policy};
use crate::policy::value::Said;

/// The notice, which consent must have.
pub(super) fn notice(
    policy: &Policy,
    report: &mut Report,
    table: &Table,
    basis: Option<Basis>,
) -> Option<String> {
    let why = "consent is informed (Art 4(11), Art 13), and what the person was told must be shown \
               (Art 7(1))";
    if table.value("notice").is_none() && basis == Some(Basis::Consent) {
        let example = policy.notices.keys().next().map_or("newsletter-form", String::as_str);
        let declare =
            format!("[[notice.{example}.version]]\nversion = 1\nlanguage = \"en\"\ntext = \"…\"");
        let declare = if policy.notices.is_empty() { format!("\n{declare}") } else { "".into() };
        report.mistake(
            (table.line, &table.at("notice")),
            "consent-without-notice",
            "consent is asked for without a notice",
            why,
            format!("notice = {example:?}{declare}"),
        );
    }
    let Said { value, line } = table.text(report, "notice")?;
    if !policy.notices.contains_key(&value) {
        report.mistake((line, &table.at("notice")), "unknown-notice", format!("no notice is named {value:?}"), why, suggest(&value, policy.notices.keys().map(String::as_str), format!(
                "declare it:\n[[notice.{value}.version]]\nversion = 1\nlanguage = \"en\"\ntext = \"…\""
            )));
    }
    Some(value)
}

/// The assessment, which legitimate interests must have.
pub(super) fn assessment(
    report: &mut Report,
    table: &Table,
    basis: Option<Basis>,
) -> Option<String> {
    if table.value("assessment").is_none() && basis == Some(Basis::LegitimateInterests) {
        report.mistake(
            (table.line, &table.at("assessment")),
            "assessment-missing",
            "legitimate interests are claimed without an assessment",
            "they hold only where the person's interests don't override them (Art 6(1)(f)), and \
             weighing the two must be shown (Art 5(2))",
            "assessment = \"LIA-2026-01\"",
        );
    }
    table.text(report, "assessment").map(|said| said.value)
}

/// The law, which a legal obligation or a public task must have.
pub(super) fn law(report: &mut Report, table: &Table, basis: Option<Basis>) -> Option<String> {
    let needed = matches!(basis, Some(Basis::LegalObligation | Basis::PublicTask));
    if table.value("law").is_none() && needed {
        report.mistake(
            (table.line, &table.at("law")),
            "law-missing",
            "the law that demands it isn't named",
            "a legal obligation or a public task is laid down by Union or Member State law \
             (Art 6(3))",
            "law = \"Taxes Consolidation Act 1997, s. 886\"",
        );
    }
    table.text(report, "law").map(|said| said.value)
}

/// The condition of Art 9(2), demanded by the special category when there is one.
pub(super) fn condition(
    report: &mut Report,
    table: &Table,
    basis: Option<Basis>,
    special: Option<&str>,
) -> Option<String> {
    let path = table.at("special_condition");
    if let (None, Some(category)) = (table.value("special_condition"), special) {
        report.mistake(
            (table.line_of("categories"), &path),
            "special-without-condition",
            format!("it covers the special category {category:?} without a condition of Art 9(2)"),
            "processing special categories is forbidden (Art 9(1)) unless a condition of Art 9(2) \
             holds beside the basis",
            "special_condition = \"9(2)(a)\" for explicit consent, or another up to \"9(2)(j)\"; \
             or leave the category out",
        );
    }
    let Said { value, line } = table.text(report, "special_condition")?;
    if !is_letter_of(&value, "9(2)(", 'a'..='j') {
        report.mistake(
            (line, &path),
            "bad-special-condition",
            format!("{value:?} is no condition of Art 9(2)"),
            "Art 9(2) has the ten conditions (a) to (j)",
            "special_condition = \"9(2)(a)\", or another up to \"9(2)(j)\"",
        );
    } else if value == "9(2)(a)" && basis.is_some_and(|basis| basis != Basis::Consent) {
        report.mistake(
            (line, &path),
            "special-needs-consent",
            "explicit consent is named as the condition of a purpose that doesn't rest on consent",
            "Art 9(2)(a) is the person's explicit consent, which the basis must then be as well",
            "basis = \"consent\", with a notice; or another condition of Art 9(2)",
        );
    }
    Some(value)
}

/// Whether a text is an article, one letter of a range, and a closing bracket.
fn is_letter_of(text: &str, article: &str, letters: std::ops::RangeInclusive<char>) -> bool {
    let letter = text.strip_prefix(article).and_then(|rest| rest.strip_suffix(')'));
    letter.and_then(|letter| letter.parse().ok()).is_some_and(|letter| letters.contains(&letter))
}

/// A yes or no that only consent can have.
pub(super) fn consent_flag(
    report: &mut Report,
    table: &Table,
    basis: Option<Basis>,
    key: &str,
) -> bool {
    let flag = table.flag(report, key).unwrap_or_default();
    if flag {
        refuse_without_consent(report, table, basis, key);
    }
    flag
}

/// How long a consent stays in force, which only consent can have.
pub(super) fn consent_expires(
    report: &mut Report,
    table: &Table,
    basis: Option<Basis>,
) -> Option<Period> {
    let said = table.text(report, "consent_expires")?;
    refuse_without_consent(report, table, basis, "consent_expires");
    let read = period(&said.value);
    read.map_err(|fault| {
        report.mistake(
            (said.line, &table.at("consent_expires")),
            "bad-period",
            format!("{:?} is no period: {fault}", said.value),
            "periods are written in the way of ISO 8601: P, then years, months, weeks, days",
            "consent_expires = \"P24M\"",
        );
    })
    .ok()
}

fn refuse_without_consent(report: &mut Report, table: &Table, basis: Option<Basis>, key: &str) {
    if basis.is_some_and(|basis| basis != Basis::Consent) {
        report.mistake(
            (table.line_of(key), &table.at(key)),
            "consent-only",
            format!("{key:?} means nothing here, since the basis isn't consent"),
            "asking people for a consent on which nothing rests misleads them (Art 5(1)(a), EDPB \
             Guidelines 05/2020 para 122)",
            format!("leave {key} out, or write basis = \"consent\""),
        );
    }
}

/// The ground on which data outlives an erasure, by default that of a legal duty.
pub(super) fn keeps_on_erasure(
    report: &mut Report,
    table: &Table,
    basis: Option<Basis>,
) -> Option<String> {
    let by_default = matches!(basis, Some(Basis::LegalObligation | Basis::PublicTask));
    let Some(Said { value, line }) = table.text(report, "keeps_on_erasure") else {
        return by_default.then(|| "17(3)(b)".to_owned());
    };
    let path = table.at("keeps_on_erasure");
    if basis == Some(Basis::Consent) {
        report.mistake(
            (line, &path),
            "erasure-ground-on-consent",
            "data held on consent can't outlive an erasure",
            "withdrawal is as easy as giving (Art 7(3)) and ends the reason to hold it \
             (Art 17(1)(b)); what a law demands is a purpose of its own",
            "leave keeps_on_erasure out, and declare a purpose with basis = \"legal_obligation\" \
             for what must stay",
        );
    } else if !is_letter_of(&value, "17(3)(", 'a'..='e') {
        report.mistake(
            (line, &path),
            "bad-erasure-ground",
            format!("{value:?} is no ground of Art 17(3)"),
            "only the five grounds of Art 17(3), (a) to (e), let data outlive an erasure",
            "keeps_on_erasure = \"17(3)(b)\" for a legal duty, or \"17(3)(e)\" for legal claims",
        );
    }
    Some(value)
}
