//! `[[source.NAME.consent]]`: consent statements that a source's rows carry.
//!
//! Only what the file itself says can be checked here: a purpose, channel, state or notice that
//! stands in it, or that a value map leads to. What a column says is checked row by row.

use std::collections::{BTreeMap, BTreeSet};

use super::take::{self, Taken};
use super::{Draft, dates};
use crate::policy::keys::CONSENT;
use crate::policy::mistake::Report;
use crate::policy::nearest::suggest;
use crate::policy::reader::Table;
use crate::policy::types::{Basis, ConsentMap, Take};
use crate::policy::value::Said;

/// The states that a row can state; `expired` is candor's own finding.
const STATES: [&str; 6] = ["given", "refused", "withdrawn", "requested", "renewed", "invalidated"];

const WHY_VERSION: &str = "whoever relies on consent must show what the person was told \
                           (Art 7(1)), which is one version of a notice";

/// Every notice that is declared, with the numbers of its versions.
type Versions = BTreeMap<String, BTreeSet<u32>>;

/// Reads the consent maps of a source; its date formats read its fixed times.
pub(super) fn read(draft: &mut Draft, source: &Table, formats: &[String]) -> Vec<ConsentMap> {
    let tables = source.tables(&mut draft.report, "consent", &CONSENT);
    tables.iter().filter_map(|table| consent(draft, table, formats)).collect()
}

fn consent(draft: &mut Draft, table: &Table, formats: &[String]) -> Option<ConsentMap> {
    let purpose = purpose(draft, table);
    let channel = take::read(&mut draft.report, table, "channel");
    if let Some(purpose) = &purpose {
        check_channel(draft, table, purpose, channel.as_ref());
    }
    let report = &mut draft.report;
    let state = state(report, table);
    let at = take::read(report, table, "at");
    dates::check_fixed_time(report, table, "at", at.as_ref(), formats);
    let confirmed_at = take::read(report, table, "confirmed_at");
    dates::check_fixed_time(report, table, "confirmed_at", confirmed_at.as_ref(), formats);
    let language = take::read(report, table, "language");
    let method = take::read(report, table, "method");
    let explicit = table.flag(report, "explicit").unwrap_or_default();
    let notice = take::read(report, table, "notice");
    let version = take::read(report, table, "notice_version");
    check_notice(&draft.versions, report, table, notice.as_ref(), version.as_ref());
    let take = |taken: Option<Taken>| taken.map(|taken| taken.take);
    Some(ConsentMap {
        purpose: take(purpose)?,
        channel: take(channel),
        state: take(state)?,
        at: take(at),
        notice: take(notice),
        notice_version: take(version),
        language: take(language),
        method: take(method),
        confirmed_at: take(confirmed_at),
        explicit,
    })
}

fn purpose(draft: &mut Draft, table: &Table) -> Option<Taken> {
    let why = "consent is given for a purpose, and for no other (Art 6(1)(a))";
    let taken = take::needed(&mut draft.report, table, "purpose", why, "\"newsletter\"")?;
    let path = table.at("purpose");
    for Said { value, line } in &taken.said {
        if !draft.knows_purpose((*line, &path), value) {
            continue;
        }
        if draft.purposes[value].basis.is_some_and(|basis| basis != Basis::Consent) {
            draft.report.mistake(
                (*line, &path),
                "not-consent",
                format!("the purpose {value:?} doesn't rest on consent"),
                "a consent to what rests on another basis decides nothing and misleads the person \
                 (EDPB Guidelines 05/2020 para 122)",
                format!(
                    "name a purpose with basis = \"consent\", or set the field of this statement \
                     to as = \"ignore\" in [{}.fields]",
                    table.path.split(".consent").next().unwrap_or_default()
                ),
            );
        }
    }
    Some(taken)
}

/// Checks a channel that the file says against the purposes that it says.
fn check_channel(draft: &mut Draft, table: &Table, purpose: &Taken, channel: Option<&Taken>) {
    let said: Vec<&str> = purpose.said.iter().map(|said| said.value.as_str()).collect();
    let meant = draft.purposes.iter().filter(|(name, facts)| {
        let any = said.is_empty() && facts.basis == Some(Basis::Consent);
        any || said.contains(&name.as_str())
    });
    let facts: Vec<_> = meant.map(|(_, facts)| facts).collect();
    if facts.is_empty() {
        return;
    }
    let mut channels: Vec<&str> =
        facts.iter().flat_map(|facts| &facts.channels).map(String::as_str).collect();
    channels.sort_unstable();
    channels.dedup();
    let why = "a person consents to being contacted on a channel (ePrivacy Directive Art 13), so a \
               purpose declares its channels";
    let path = table.at("channel");
    let Some(channel) = channel else {
        if !said.is_empty() && facts.iter().all(|facts| !facts.channels.is_empty()) {
            draft.report.mistake(
                (table.line, &path),
                "channel-missing",
                "the statement doesn't say for which channel it is",
                why,
                format!("channel = {:?}", channels.first().copied().unwrap_or_default()),
            );
        }
        return;
    };
    for Said { value, line } in &channel.said {
        if !channels.contains(&value.as_str()) {
            let purposes = said.join("\", \"");
            let otherwise = match said.as_slice() {
                [] => String::new(),
                _ if channels.is_empty() => format!(
                    "leave channel out, or add channels = [{value:?}] to the purpose \"{purposes}\""
                ),
                _ => format!("add {value:?} to the channels of the purpose \"{purposes}\""),
            };
            draft.report.mistake(
                (*line, &path),
                "unknown-channel",
                format!("the purpose has no channel {value:?}"),
                why,
                suggest(value, channels.iter().copied(), otherwise),
            );
        }
    }
}

/// What a map of states says of a word that is no statement.
const UNSAID: &str = "unsaid";

fn state(report: &mut Report, table: &Table) -> Option<Taken> {
    let why = "only a stated yes or no is a statement; silence is none (Art 4(11))";
    let example = "{ from = \"column\", values = { yes = \"given\", no = \"refused\" } }";
    let mut taken = take::needed(report, table, "state", why, example)?;
    let is_mapped = matches!(taken.take, Take::Field { .. });
    if let Take::Field { values, .. } = &mut taken.take {
        // A word of which the map says that it is no statement is as an empty field.
        values.values_mut().filter(|value| *value == UNSAID).for_each(String::clear);
    }
    for Said { value, line } in &taken.said {
        let is_known = STATES.contains(&value.as_str()) || (is_mapped && value == UNSAID);
        if !is_known {
            report.mistake(
                (*line, &table.at("state")),
                "unknown-state",
                format!("{value:?} is no state of consent"),
                why,
                suggest(value, STATES, ""),
            );
        }
    }
    Some(taken)
}

/// Checks the notice and the version that the file says.
fn check_notice(
    versions: &Versions,
    report: &mut Report,
    table: &Table,
    notice: Option<&Taken>,
    version: Option<&Taken>,
) {
    let Some(notice) = notice else {
        if let Some(version) = version {
            report.mistake(
                (version.line, &table.at("notice")),
                "key-missing",
                "\"notice\" is missing beside \"notice_version\"",
                WHY_VERSION,
                "notice = \"newsletter-form\"",
            );
        }
        return;
    };
    for said in &notice.said {
        check_notice_name(versions, report, table, said, version);
    }
}

fn check_notice_name(
    versions: &Versions,
    report: &mut Report,
    table: &Table,
    Said { value, line }: &Said<String>,
    version: Option<&Taken>,
) {
    let path = table.at("notice");
    let (name, stated) =
        value.split_once('@').map_or((value.as_str(), None), |(name, v)| (name, Some(v)));
    let Some(known) = versions.get(name) else {
        report.mistake(
            (*line, &path),
            "unknown-notice",
            format!("no notice is named {name:?}"),
            WHY_VERSION,
            suggest(
                name,
                versions.keys().map(String::as_str),
                format!("declare it under [[notice.{name}.version]]"),
            ),
        );
        return;
    };
    let newest = known.last().copied().unwrap_or(1);
    let mut check_version = |line: u32, key: &str, stated: &str, fix: String| {
        let exists = stated.trim().parse().is_ok_and(|stated: u32| known.contains(&stated));
        if !exists && !known.is_empty() {
            report.mistake(
                (line, &table.at(key)),
                "unknown-notice-version",
                format!("the notice {name:?} has no version {stated:?}"),
                WHY_VERSION,
                fix,
            );
        }
    };
    match (stated, version) {
        (Some(stated), None) => {
            check_version(*line, "notice", stated, format!("notice = \"{name}@{newest}\""));
        }
        (None, Some(version)) => {
            for said in &version.said {
                let fix = format!("notice_version = \"{newest}\"");
                check_version(said.line, "notice_version", &said.value, fix);
            }
        }
        (Some(_), Some(_)) => report.mistake(
            (*line, &path),
            "notice-version-twice",
            "the version stands behind the @ and in notice_version",
            "the two could differ, and only one text was shown",
            format!("notice = {name:?}, or leave notice_version out"),
        ),
        (None, None) => report.mistake(
            (*line, &path),
            "notice-version-missing",
            format!("the statement names the notice {name:?} without its version"),
            WHY_VERSION,
            format!(
                "notice = \"{name}@{newest}\", or notice_version = {{ from = \"column\" }} beside it"
            ),
        ),
    }
}
