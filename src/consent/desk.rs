//! What a person said to somebody at a desk: checked against the policy and recorded.

use std::collections::BTreeSet;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::rulebook::{PurposeRule, Rulebook};
use crate::policy::types::{Basis, ConsentState};
use crate::store::Writer;

use super::history::{self, History, NewStatement, last_of_day};
use super::kept::on_each_record;
use super::sql;
use super::statement::Axis;

/// What was said, in the policy's words.
#[derive(Clone, Copy, Debug)]
pub struct Spoken<'a> {
    /// What it is about.
    pub axis: Axis,
    /// The purpose, for consent and objection.
    pub purpose: Option<&'a str>,
    /// The channel; all channels of the purpose when absent, but for a yes to one of several.
    pub channel: Option<&'a str>,
    /// What was said.
    pub state: ConsentState,
    /// In so many words.
    pub explicit: bool,
    /// Confirmed by double opt-in.
    pub confirmed: bool,
    /// The notice, as `NAME@VERSION`.
    pub notice: Option<&'a str>,
    /// The language in which it was shown (BCP 47), where the notice has several.
    pub language: Option<&'a str>,
    /// How it was said.
    pub method: Option<&'a str>,
    /// Where the proof lies.
    pub evidence: Option<&'a str>,
    /// Of a wish about frequency: at most once in so many days.
    pub every_days: u32,
}

impl Default for Spoken<'_> {
    fn default() -> Self {
        Spoken {
            axis: Axis::Consent,
            purpose: None,
            channel: None,
            state: ConsentState::Given,
            explicit: false,
            confirmed: false,
            notice: None,
            language: None,
            method: None,
            evidence: None,
            every_days: 0,
        }
    }
}

/// What was said on a day, as late as it counts (`history::last_of_day`); `ends` is when the day did.
///
/// # Errors
/// Those of reading.
pub fn of_a_day(
    conn: &rusqlite::Connection,
    subject: i64,
    said: &[NewStatement],
    ends: Moment,
) -> Result<Vec<NewStatement>> {
    let history = History::load(conn, subject)?;
    let settle = |new: &NewStatement| {
        let matter = (new.axis, new.purpose, new.channel);
        let before = history.statements.iter().filter(|s| (s.axis, s.purpose, s.channel) == matter);
        let valid_at = match new.protects() {
            true => last_of_day(before, new.valid_at, ends),
            false => new.valid_at,
        };
        NewStatement { valid_at, ..new.clone() }
    };
    Ok(said.iter().map(settle).collect())
}

/// The statements that something said amounts to: one for each channel.
///
/// # Errors
/// `purpose-unknown`, `channel-unknown`, `channel-missing`, `consent-not-the-basis`, `objection-not-possible`,
/// `notice-missing`, `notice-unknown` and `language-unknown`, each with the names that the policy knows.
pub fn statements(
    rules: &Rulebook,
    spoken: &Spoken<'_>,
    valid_at: Moment,
) -> Result<Vec<NewStatement>> {
    let rule = spoken.purpose.map(|name| rule_of(rules, name)).transpose()?;
    let notice = match (spoken.axis, rule) {
        (Axis::Consent, Some(rule)) => consent_notice(rules, rule, spoken)?,
        _ => None,
    };
    let language = shown_in(rules, notice.as_ref(), spoken.language)?;
    if let (Axis::Objection, Some(rule)) = (spoken.axis, rule) {
        let objectable =
            matches!(rule.purpose.basis, Basis::LegitimateInterests | Basis::PublicTask);
        if !objectable && !rule.purpose.marketing {
            return Err(Error::no(
                "objection-not-possible",
                "Art 21 gives a right to object to legitimate interests, public tasks and direct marketing",
            )
            .at(rule.name.clone())
            .next("a consent is withdrawn with `candor consent record … --state withdrawn`"));
        }
    }
    let channels = match (spoken.axis, spoken.channel, rule) {
        (Axis::Objection | Axis::Restriction, ..) => vec![0],
        (_, Some(name), rule) => {
            let known = rule.map(|rule| rule.channels.clone());
            match rules.channel_code(name) {
                Some(code) if known.as_ref().is_none_or(|k| k.contains(&code)) => vec![code],
                _ => {
                    return Err(Error::usage(
                        "channel-unknown",
                        format!("{name} is no channel of it"),
                    )
                    .next("`candor policy show` lists the channels of each purpose"));
                }
            }
        }
        (Axis::Consent, None, Some(rule)) if rule.channels.len() > 1 && spoken.state.loosens() => {
            let known: Vec<&str> = rule.purpose.channels.iter().map(String::as_str).collect();
            return Err(Error::usage(
                "channel-missing",
                format!("a yes to {} holds on the channel that it was said for", rule.name),
            )
            .next(format!("name it with --channel: {}", known.join(" or "))));
        }
        (_, None, Some(rule)) if !rule.channels.is_empty() => rule.channels.clone(),
        _ => vec![0],
    };
    let statement = |channel| NewStatement {
        axis: spoken.axis,
        purpose: rule.map_or(0, |rule| rule.code),
        channel,
        state: spoken.state,
        explicit: spoken.explicit,
        confirmed: spoken.confirmed,
        // Whoever sits at the desk writes down what the person says.
        own: true,
        source: 0,
        notice: notice.clone(),
        language: language.clone(),
        every_days: spoken.every_days,
        because: None,
        method: spoken.method.map(str::to_owned),
        evidence: spoken.evidence.map(str::to_owned),
        valid_at,
        undated: false,
    };
    Ok(channels.into_iter().map(statement).collect())
}

/// Records what was said by a person as a whole. A "no" is recorded on each of their records (`kept`), a "yes"
/// once, on the oldest. Returns the entries.
///
/// # Errors
/// Those of reading and writing.
pub fn record(
    writer: &mut Writer<'_>,
    subject: i64,
    statements: &[NewStatement],
) -> Result<Vec<i64>> {
    refuse_of_erased(writer, subject, statements)?;
    let (oldest, ..) = sql::oldest_record(writer.conn, subject)?;
    record_by_address(writer, subject, oldest, statements)
}

/// Records what was said by somebody whom an address named, of which a record is. A "yes" is that address's
/// own; a "no" is the person's, who was named by it. Returns the entries.
///
/// What was said on paper may be older than the policy that declares its notice: when it was said and when
/// it was recorded are two times, and the ledger holds both.
///
/// # Errors
/// Those of reading and writing.
pub fn record_by_address(
    writer: &mut Writer<'_>,
    subject: i64,
    record: i64,
    statements: &[NewStatement],
) -> Result<Vec<i64>> {
    refuse_of_erased(writer, subject, statements)?;
    let mut entries = Vec::new();
    for new in statements {
        entries.extend(match new.protects() {
            true => on_each_record(writer, subject, new)?,
            false => vec![on_record(writer, record, new)?],
        });
    }
    Ok(entries)
}

/// What the law keeps of an erased person is open to nothing, so nobody can say a yes to it: whoever comes back
/// does so by their own act, as a new subject.
fn refuse_of_erased(writer: &Writer<'_>, subject: i64, new: &[NewStatement]) -> Result<()> {
    let opens = |new: &NewStatement| {
        matches!(new.axis, Axis::Consent | Axis::Permission) && !new.protects()
    };
    if new.iter().any(opens) && sql::is_kept(writer.conn, subject)? {
        let what = "the person was erased, and what the law keeps of them is open to nothing";
        return Err(Error::no("subject-erased", what).next(
            "a source that the policy marks as the person's own brings them back, as somebody new",
        ));
    }
    Ok(())
}

fn on_record(writer: &mut Writer<'_>, record: i64, new: &NewStatement) -> Result<i64> {
    let (birth, key) = sql::birth_and_key(writer.conn, record)?;
    history::record(writer, record, birth, &key, new)
}

fn rule_of<'r>(rules: &'r Rulebook, name: &str) -> Result<&'r PurposeRule> {
    rules.purpose_code(name).and_then(|code| rules.rule(code)).ok_or_else(|| {
        let known: Vec<&str> = rules.rules().map(|rule| rule.name.as_str()).collect();
        Error::usage("purpose-unknown", format!("the policy declares no purpose {name}"))
            .next(format!("use one of {}", known.join(", ")))
    })
}

/// The language of the notice: the one that is named, or the only one that there is.
fn shown_in(
    rules: &Rulebook,
    notice: Option<&(String, u32)>,
    named: Option<&str>,
) -> Result<Option<String>> {
    let Some((name, version)) = notice else {
        return match named {
            None => Ok(None),
            Some(_) => Err(Error::usage("notice-missing", "a language is that of a notice")
                .next("name the notice with --notice, or leave --language out")),
        };
    };
    let known = &rules.policy.notices[name];
    match (known.shown_in(*version, named), named) {
        (None, Some(named)) => {
            let versions = known.versions.iter().filter(|text| text.version == *version);
            let languages: Vec<&str> = versions.map(|text| text.language.as_str()).collect();
            Err(Error::usage("language-unknown", format!("the notice wasn't shown in {named:?}"))
                .at(format!("{name}@{version}"))
                .next(format!("use one of {}", languages.join(", "))))
        }
        (language, _) => Ok(language.map(str::to_owned)),
    }
}

fn consent_notice(
    rules: &Rulebook,
    rule: &PurposeRule,
    spoken: &Spoken<'_>,
) -> Result<Option<(String, u32)>> {
    if rule.purpose.basis != Basis::Consent {
        return Err(Error::no("consent-not-the-basis", "this purpose doesn't rest on consent")
            .at(rule.name.clone())
            .next("to object to it: `candor consent object WHO --purpose NAME`"));
    }
    let own_notice = rule.purpose.notice.as_deref().unwrap_or_default();
    let versions: Vec<String> = rules
        .policy
        .notices
        .get(own_notice)
        .map(|notice| {
            // A version stands once for each of its languages.
            let numbers: BTreeSet<u32> = notice.versions.iter().map(|v| v.version).collect();
            numbers.into_iter().map(|number| format!("{own_notice}@{number}")).collect()
        })
        .unwrap_or_default();
    match spoken.notice {
        Some(notice) if versions.iter().any(|version| version == notice) => {
            let version = notice.rsplit_once('@').and_then(|(_, version)| version.parse().ok());
            Ok(version.map(|version| (own_notice.to_owned(), version)))
        }
        Some(_) => {
            Err(Error::no("notice-unknown", "the policy holds no such version of the notice")
                .next(format!("use one of {}", versions.join(", "))))
        }
        None if spoken.state.loosens() => Err(Error::no(
            "notice-missing",
            "a consent that doesn't say which notice was shown can't be demonstrated (Art 7(1))",
        )
        .next(format!("add --notice with one of {}", versions.join(", ")))),
        None => Ok(None),
    }
}
