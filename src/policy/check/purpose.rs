//! `[purpose.NAME]`: why data is processed, with what its lawful basis demands.

use super::{Draft, PurposeFacts, grounds};
use crate::policy::keys::PURPOSE;
use crate::policy::mistake::Report;
use crate::policy::period::retention;
use crate::policy::reader::Table;
use crate::policy::types::{Basis, Purpose, Retention};
use crate::policy::value::{Said, check_name};

/// More purposes than this can't be held by the gate, which keeps them as the bits of one number.
const MOST_PURPOSES: usize = 60;

/// The six lawful bases as the file writes them.
pub(super) const BASES: [(&str, Basis); 6] = [
    ("consent", Basis::Consent),
    ("contract", Basis::Contract),
    ("legal_obligation", Basis::LegalObligation),
    ("vital_interests", Basis::VitalInterests),
    ("public_task", Basis::PublicTask),
    ("legitimate_interests", Basis::LegitimateInterests),
];

pub(super) fn read(draft: &mut Draft, top: &Table) {
    let tables = top.named(&mut draft.report, "purpose", &PURPOSE);
    if let Some((_, table)) = tables.get(MOST_PURPOSES) {
        draft.report.mistake(
            (table.line, &table.path),
            "too-many-purposes",
            format!("there are {} purposes, and {MOST_PURPOSES} are possible", tables.len()),
            "the gate keeps the purposes of every value as the bits of one number",
            "put purposes together that have the same basis, channels, categories and retention",
        );
    }
    for (name, table) in tables {
        if let Some(purpose) = purpose(draft, &name, &table) {
            draft.policy.purposes.insert(name, purpose);
        }
    }
}

/// Reads one purpose; nothing when its basis or retention can't be read.
fn purpose(draft: &mut Draft, name: &str, table: &Table) -> Option<Purpose> {
    let basis = basis(&mut draft.report, table);
    let categories = categories(draft, table);
    let channels = table.texts(&mut draft.report, "channels");
    for channel in &channels {
        check_name(&mut draft.report, (channel.line, &table.at("channels")), &channel.value);
    }
    let channels: Vec<String> = channels.into_iter().map(|said| said.value).collect();
    draft.purposes.insert(
        name.to_owned(),
        PurposeFacts {
            basis,
            channels: channels.clone(),
            categories: categories.iter().cloned().collect(),
        },
    );
    let notice = grounds::notice(&draft.policy, &mut draft.report, table, basis);
    let special = categories.iter().find(|c| draft.policy.categories[*c].special);
    let report = &mut draft.report;
    let assessment = grounds::assessment(report, table, basis);
    let law = grounds::law(report, table, basis);
    let special_condition = grounds::condition(report, table, basis, special.map(String::as_str));
    let explicit = grounds::consent_flag(report, table, basis, "explicit");
    let double_opt_in = grounds::consent_flag(report, table, basis, "double_opt_in");
    let consent_expires = grounds::consent_expires(report, table, basis);
    let retention = kept_for(report, table);
    let keeps_on_erasure = grounds::keeps_on_erasure(report, table, basis);
    let linking = linking(report, table);
    Some(Purpose {
        title: table.text(report, "title").map_or_else(|| name.to_owned(), |said| said.value),
        channels,
        categories,
        notice,
        assessment,
        law,
        explicit: explicit || special_condition.as_deref() == Some("9(2)(a)"),
        special_condition,
        double_opt_in,
        consent_expires,
        marketing: table.flag(report, "marketing").unwrap_or_default(),
        profiling: table.flag(report, "profiling").unwrap_or_default(),
        linking,
        keeps_on_erasure,
        subjects: table.text(report, "subjects").map(|said| said.value),
        basis: basis?,
        retention: retention?,
    })
}

/// Whether its data may be compared to find one person's records; never that of a purpose that profiles.
fn linking(report: &mut Report, table: &Table) -> bool {
    let linking = table.flag(report, "linking").unwrap_or_default();
    if linking && table.flag(report, "profiling").unwrap_or_default() {
        report.mistake(
            (table.line_of("linking"), &table.at("linking")),
            "linking-by-profiling",
            "a purpose that builds profiles is to link records too",
            "records that are linked are one person's for every purpose, while data that is held to \
             profile people serves that alone (Art 5(1)(b))",
            "link under a purpose of its own that names what it compares, such as:\n\
             [purpose.one_profile]\ntitle = \"Find out which records are one person's\"\n\
             basis = \"legitimate_interests\"\nassessment = \"LIA-…\"\n\
             categories = [\"contact\"]\nretention = \"P24M after last contact\"\nlinking = true",
        );
    }
    linking
}

fn basis(report: &mut Report, table: &Table) -> Option<Basis> {
    let why = "processing is lawful only on one of the six bases of Art 6(1)";
    if table.value("basis").is_none() {
        report.mistake(
            (table.line, &table.at("basis")),
            "key-missing",
            "\"basis\" is missing",
            why,
            format!(
                "basis = \"contract\", or another of {}",
                BASES.map(|(name, _)| name).join(", ")
            ),
        );
    }
    table.choice(report, "basis", "unknown-basis", why, &BASES)
}

fn categories(draft: &mut Draft, table: &Table) -> Vec<String> {
    let said = table.texts(&mut draft.report, "categories");
    if table.lacks("categories") {
        let known: Vec<_> = draft.policy.categories.keys().map(|c| format!("{c:?}")).collect();
        draft.report.mistake(
            (table.line_of("categories"), &table.at("categories")),
            "categories-missing",
            "the purpose covers no category of data",
            "a purpose admits only what it names (Art 5(1)(c)), and the record of processing lists \
             it (Art 30(1)(c))",
            format!("categories = [{}], or those of them that it needs", known.join(", ")),
        );
    }
    let path = table.at("categories");
    let known = said.into_iter().filter(|c| draft.knows_category((c.line, &path), &c.value));
    known.map(|c| c.value).collect()
}

fn kept_for(report: &mut Report, table: &Table) -> Option<Retention> {
    let why = "data is kept no longer than its purpose needs (Art 5(1)(e)), and people are told \
               how long (Art 13(2)(a))";
    if table.value("retention").is_none() {
        report.mistake(
            (table.line, &table.at("retention")),
            "retention-missing",
            "the purpose doesn't say how long its data is kept",
            why,
            "retention = \"P24M after last contact\"",
        );
    }
    let Said { value, line } = table.text(report, "retention")?;
    let read = retention(&value);
    read.map_err(|fault| {
        report.mistake(
            (line, &table.at("retention")),
            "bad-period",
            format!("{value:?} is no retention period: {fault}"),
            why,
            "retention = \"P24M after last contact\", or retention = \"P6Y\" from the data's own time",
        );
    })
    .ok()
}
