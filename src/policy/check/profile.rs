//! `[profile]`: which of several values a profile shows.

use super::Draft;
use crate::policy::keys::{CHOSEN, PROFILE};
use crate::policy::mistake::Report;
use crate::policy::nearest::suggest;
use crate::policy::reader::Table;
use crate::policy::types::{ProfileRules, Winner};
use crate::policy::value::{Said, text_value};

const WINNERS: [(&str, Winner); 2] =
    [("newest", Winner::Newest), ("source_priority", Winner::SourcePriority)];

pub(super) fn read(draft: &mut Draft, top: &Table) {
    if top.value("profile").is_none() {
        return;
    }
    let Some(table) = top.table(&mut draft.report, "profile", &PROFILE) else { return };
    let why = "where sources differ, a profile shows one value by a rule that can be explained";
    let winner = table.choice(&mut draft.report, "winner", "unknown-choice", why, &WINNERS);
    let priority = table.texts(&mut draft.report, "priority");
    for Said { value, line } in &priority {
        if !draft.policy.sources.contains_key(value) {
            draft.report.mistake(
                (*line, &table.at("priority")),
                "unknown-source",
                format!("no source is named {value:?}"),
                "trust is ranked among the sources that this file declares",
                suggest(value, draft.policy.sources.keys().map(String::as_str), "leave it out"),
            );
        }
    }
    let mut rules = ProfileRules {
        winner: winner.unwrap_or_default(),
        priority: priority.into_iter().map(|said| said.value).collect(),
        ..ProfileRules::default()
    };
    if table.value("attributes").is_some()
        && let Some(attributes) = table.table(&mut draft.report, "attributes", &CHOSEN)
    {
        for entry in attributes.entries() {
            let path = attributes.at(entry.key);
            draft.check_attribute((entry.line, &path), entry.key);
            let Some(said) = text_value(&mut draft.report, &path, entry.value) else { continue };
            if let Some(winner) = winner_of(&mut draft.report, &path, &said, why) {
                rules.attributes.insert(entry.key.to_owned(), winner);
            }
        }
    }
    let by_priority = rules.winner == Winner::SourcePriority
        || rules.attributes.values().any(|winner| *winner == Winner::SourcePriority);
    if by_priority && table.lacks("priority") {
        draft.report.mistake(
            (table.line_of("winner"), &table.at("priority")),
            "priority-missing",
            "values win by the priority of their sources, and none is given",
            "without a priority, no source comes before another",
            "priority = [\"shop\", \"till\"], the most trusted first",
        );
    }
    draft.policy.profile = rules;
}

fn winner_of(report: &mut Report, path: &str, said: &Said<String>, why: &str) -> Option<Winner> {
    let found = WINNERS.iter().find(|(name, _)| *name == said.value);
    if found.is_none() {
        let names = WINNERS.map(|(name, _)| name);
        report.mistake(
            (said.line, path),
            "unknown-choice",
            format!("{:?} is none of {}", said.value, names.join(", ")),
            why,
            suggest(&said.value, names, ""),
        );
    }
    found.map(|(_, winner)| *winner)
}
