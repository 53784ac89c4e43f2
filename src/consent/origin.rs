//! Telling people where data about them comes from, when it isn't from themselves (Art 14).
//!
//! What a source sends that the policy marks as `indirect` can't go out for a purpose before the
//! person was told of that source and that purpose; what they were told is recorded like anything
//! else that passes between them and the controller.

use std::collections::BTreeSet;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::rulebook::{Rulebook, codes};
use crate::policy::types::ConsentState;
use crate::store::{WordKind, Writer};

use super::fold::AsOf;
use super::history::{self, History, NewStatement};
use super::sql;
use super::statement::Axis;

/// What people were told, and how.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The notice, as `NAME@VERSION`.
    pub notice: &'a str,
    /// How, such as `letter`.
    pub method: Option<&'a str>,
    /// Where the proof lies.
    pub evidence: Option<&'a str>,
    /// When.
    pub at: Moment,
}

/// Who was told, of which source; everybody and every source where none is named.
#[derive(Clone, Copy, Debug)]
pub struct Whom<'a> {
    /// The person.
    pub subject: Option<i64>,
    /// The source.
    pub source: Option<&'a str>,
}

/// Records that people were told: one entry for each source of theirs and each purpose that it
/// serves, where they haven't been told of it. Returns how many people, and the entries.
///
/// # Errors
/// `source-unknown`, `source-not-indirect` and `notice-unknown`, each with what the policy knows.
pub fn tell(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    whom: Whom<'_>,
    told: &Told<'_>,
) -> Result<(usize, Vec<i64>)> {
    let notice = notice(rules, told.notice)?;
    let sources = sources(rules, whom.source)?;
    let (mut people, mut entries) = (BTreeSet::new(), Vec::new());
    for name in sources {
        let Some(code) = writer.words.code(WordKind::Source, name) else { continue };
        let purposes = rules.mask(&rules.policy.sources[name].purposes);
        let source = u16::try_from(code).unwrap_or(0);
        for (subject, record) in sql::records_of_source(writer.conn, code, whom.subject)? {
            let home = sql::home(writer.conn, record)?;
            let (birth, key) = sql::birth_and_key(writer.conn, record)?;
            let standing =
                History::load(writer.conn, subject)?.standing_of(home, AsOf::at(writer.now));
            for purpose in codes(purposes) {
                if standing.informed.contains(&(purpose, source)) {
                    continue;
                }
                let new = NewStatement {
                    axis: Axis::Informed,
                    purpose,
                    channel: 0,
                    state: ConsentState::Given,
                    explicit: false,
                    confirmed: false,
                    own: false,
                    source,
                    language: rules.policy.notices[&notice.0]
                        .shown_in(notice.1, None)
                        .map(str::to_owned),
                    notice: Some(notice.clone()),
                    every_days: 0,
                    because: None,
                    method: told.method.map(str::to_owned),
                    evidence: told.evidence.map(str::to_owned),
                    valid_at: told.at,
                    undated: false,
                };
                entries.push(history::record(writer, record, birth, &key, &new)?);
                people.insert(subject);
            }
        }
    }
    Ok((people.len(), entries))
}

fn notice(rules: &Rulebook, named: &str) -> Result<(String, u32)> {
    let held = |(name, version): (&str, &str)| {
        let version = version.parse::<u32>().ok()?;
        let versions = &rules.policy.notices.get(name)?.versions;
        versions.iter().any(|v| v.version == version).then(|| (name.to_owned(), version))
    };
    named.rsplit_once('@').and_then(held).ok_or_else(|| {
        let known: Vec<String> = rules
            .policy
            .notices
            .iter()
            .flat_map(|(name, notice)| {
                notice.versions.iter().map(move |v| format!("{name}@{}", v.version))
            })
            .collect();
        Error::no("notice-unknown", "the policy holds no such version of a notice")
            .next(format!("use one of {}, or declare it in the policy", known.join(", ")))
    })
}

fn sources<'r>(rules: &'r Rulebook, named: Option<&'r str>) -> Result<Vec<&'r str>> {
    let indirect: Vec<&str> = rules
        .policy
        .sources
        .iter()
        .filter(|(_, source)| source.indirect)
        .map(|(name, _)| name.as_str())
        .collect();
    let Some(name) = named else { return Ok(indirect) };
    if indirect.contains(&name) {
        return Ok(vec![name]);
    }
    let next = match indirect.as_slice() {
        [] => "a source that isn't the person bears `indirect = true` in the policy".to_owned(),
        known => format!("use one of {}", known.join(", ")),
    };
    Err(match rules.policy.sources.contains_key(name) {
        true => Error::usage(
            "source-not-indirect",
            format!("by the policy the people themselves are the source {name}"),
        )
        .next(next),
        false => Error::usage("source-unknown", format!("the policy declares no source {name}"))
            .next(next),
    })
}
