//! Explains one stored value: who said it, for what, on which basis, and which entry proves it.

use rusqlite::Connection;
use serde::Serialize;

use crate::base::error::{Error, Result};
use crate::consent::fold::AsOf;
use crate::consent::gate::{Direction, Question, decide};
use crate::consent::history::History;
use crate::policy::rulebook::{Rulebook, codes};
use crate::policy::types::Basis;
use crate::store::{self, WordKind, Words};

use super::read::open_records;
use super::sql;

/// The reasons why one value is held.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// The field, such as `identifier.email`.
    pub field: String,
    /// The value.
    pub value: String,
    /// The source and the source's own words for it.
    pub source: String,
    /// The source's key of the record.
    pub source_key: String,
    /// When it was observed.
    pub observed_at: String,
    /// When candor admitted it.
    pub admitted_at: String,
    /// The policy version that decided.
    pub policy: i64,
    /// The ledger entry that commits to it.
    pub entry: i64,
    /// Its number, by which it can be proven.
    pub number: i64,
    /// Whether the same source has said something newer.
    pub superseded: bool,
    /// Its purposes.
    pub reasons: Vec<PurposeReason>,
}

/// One purpose behind a value.
#[derive(Clone, Debug, Serialize)]
pub struct PurposeReason {
    /// Its name.
    pub purpose: String,
    /// Its title.
    pub title: String,
    /// Its lawful basis.
    pub basis: Basis,
    /// The law or the assessment, where the basis rests on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rests_on: Option<String>,
    /// The consent that admitted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentProof>,
    /// Whether the purpose still holds it today, and if not, why.
    pub today: String,
}

/// The consent behind a purpose.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentProof {
    /// Its state.
    pub state: &'static str,
    /// Its channel.
    pub channel: String,
    /// When it was given.
    pub given_at: String,
    /// The notice that was shown.
    pub notice: String,
    /// The ledger entry of the consent event.
    pub entry: i64,
}

/// Explains the values of a field that a subject holds; `field` is `email`, `identifier.email`,
/// `attribute.city` or `city`.
///
/// # Errors
/// `field-not-held` when the profile has no such value.
pub fn why(
    conn: &Connection,
    words: &Words,
    today: &Rulebook,
    subject: i64,
    field: &str,
    now: crate::base::clock::Moment,
) -> Result<Vec<Why>> {
    let history = History::load(conn, subject)?;
    let applied = store::applied(conn)?;
    let mut answers = Vec::new();
    for record in open_records(conn, words, subject)? {
        for value in &record.values {
            let name = words.text(WordKind::Field, value.field);
            if name != field && name.split_once('.').map(|(_, bare)| bare) != Some(field) {
                continue;
            }
            let batch = sql::batch_of_value(conn, value.seq)?;
            let then = applied
                .iter()
                .find(|policy| i64::from(policy.version) == batch.policy)
                .map(|policy| store::rulebook_of(words, policy))
                .transpose()?;
            let then = then.as_ref().unwrap_or(today);
            let admitted_at = crate::base::clock::Moment(batch.recorded_at);
            let standing_then = history.standing_of(record.home, AsOf::at(admitted_at));
            let standing_now = history.standing_of(record.home, AsOf::at(now));
            let mut reasons = Vec::new();
            for code in codes(value.purposes) {
                let Some(rule) = then.rule(code) else { continue };
                let ask = |at| Question::new(Direction::In, at);
                let grounds = decide(then, rule, ask(admitted_at), &standing_then).ok();
                let consent = grounds.and_then(|g| g.consent).map(|consent| ConsentProof {
                    state: consent.state.as_str(),
                    channel: then.channel_name(consent.by.channel).to_owned(),
                    given_at: consent.by.valid_at.to_string(),
                    notice: format!(
                        "{}@{}",
                        rule.purpose.notice.as_deref().unwrap_or("?"),
                        consent.by.notice_version
                    ),
                    entry: consent.by.n,
                });
                let still = match today.rule(code) {
                    None => "the purpose is no longer declared".to_owned(),
                    Some(rule) => match decide(today, rule, ask(now), &standing_now) {
                        Ok(_) => "holds".to_owned(),
                        Err(reason) => format!("{}: {}", reason.code(), reason.words()),
                    },
                };
                reasons.push(PurposeReason {
                    purpose: rule.name.clone(),
                    title: rule.purpose.title.clone(),
                    basis: rule.purpose.basis,
                    rests_on: rule.purpose.law.clone().or_else(|| rule.purpose.assessment.clone()),
                    consent,
                    today: still,
                });
            }
            answers.push(Why {
                field: name.to_owned(),
                value: value.text.clone(),
                source: record.source.clone(),
                source_key: record.source_key.clone(),
                observed_at: value.observed_at.to_string(),
                admitted_at: admitted_at.to_string(),
                policy: batch.policy,
                entry: batch.n,
                number: value.seq,
                superseded: !value.current,
                reasons,
            });
        }
    }
    if answers.is_empty() {
        return Err(Error::no("field-not-held", "the profile holds no such value")
            .next("`candor profile show WHO` lists what it holds"));
    }
    Ok(answers)
}
