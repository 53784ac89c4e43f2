//! Explains one stored value or event: who said it, for what, on which basis, and which entry proves it.

use rusqlite::Connection;
use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::consent::fold::{AsOf, Standing};
use crate::consent::gate::{Direction, Question, Reason, decide};
use crate::consent::history::History;
use crate::policy::rulebook::{PurposeCode, PurposeMask, Rulebook, bit, codes};
use crate::policy::types::Basis;
use crate::store::{self, Covering, WordKind, Words};

use super::covered::covered;
use super::read::{OpenEvent, OpenRecord, open_events, open_records};
use super::record::StoredValue;
use super::sql::{self, BatchRow};

/// What is to be explained.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// The values of a field (`email`, `identifier.email`, `attribute.city`, `city`), and the newest
    /// event of that name.
    Named(&'a str),
    /// The event of a number.
    Event(i64),
}

/// The reasons why one value or event is held.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// `value` or `event`.
    pub item: &'static str,
    /// The field, such as `identifier.email`, or the event's name.
    pub field: String,
    /// The value, or what the event says (JSON).
    pub value: String,
    /// The source and the source's own words for it.
    pub source: String,
    /// The source's key of the record.
    pub source_key: String,
    /// When it was observed, or happened.
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
    /// How many events of this name the person has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<usize>,
    /// Its purposes.
    pub reasons: Vec<PurposeReason>,
    /// The legal hold that keeps it beside them, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldReason>,
}

/// A legal hold behind a value or event (Art 17(3)(e)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldReason {
    /// The last day; absent where the hold must be lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The ledger entry that set it.
    pub entry: i64,
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

/// Explains what a subject holds.
///
/// # Errors
/// `field-not-held` when the profile has no such value or event.
pub fn why(
    conn: &Connection,
    words: &Words,
    today: &Rulebook,
    subject: i64,
    what: What<'_>,
    now: Moment,
) -> Result<Vec<Why>> {
    let explaining = Explaining {
        conn,
        words,
        today,
        covering: Covering::new(conn, today),
        history: History::load(conn, subject)?,
        applied: store::applied(conn)?,
        now,
    };
    let mut answers = Vec::new();
    let mut events: Vec<(usize, OpenEvent, PurposeMask)> = Vec::new();
    let records = open_records(conn, words, subject)?;
    for (index, record) in records.iter().enumerate() {
        let all = open_events(conn, words, record)?;
        let covered = covered(&explaining.covering, words, record, &all)?;
        if let What::Named(field) = what {
            for (value, covered) in record.values.iter().zip(covered.values) {
                let name = words.text(WordKind::Field, value.field);
                if name == field || name.split_once('.').is_some_and(|(_, bare)| bare == field) {
                    answers.push(explaining.value(record, value, name, covered)?);
                }
            }
        }
        let wanted = |event: &OpenEvent| match what {
            What::Named(name) => event.name == name,
            What::Event(seq) => event.seq == seq,
        };
        let all = all.into_iter().zip(covered.events);
        events
            .extend(all.filter(|(e, _)| wanted(e)).map(|(event, covered)| (index, event, covered)));
    }
    let newest = events.iter().max_by_key(|(_, event, _)| (event.at, event.seq));
    if let Some((index, newest, covered)) = newest {
        let count = matches!(what, What::Named(_)).then_some(events.len());
        answers.push(explaining.event(&records[*index], newest, *covered, count)?);
    }
    if answers.is_empty() {
        return Err(Error::no("field-not-held", "the profile holds no such value or event")
            .next("`candor profile show WHO` lists what it holds"));
    }
    Ok(answers)
}

struct Explaining<'a> {
    conn: &'a Connection,
    words: &'a Words,
    today: &'a Rulebook,
    covering: Covering<'a>,
    history: History,
    applied: Vec<store::Applied>,
    now: Moment,
}

impl Explaining<'_> {
    fn value(
        &self,
        record: &OpenRecord,
        value: &StoredValue,
        name: &str,
        covered: PurposeMask,
    ) -> Result<Why> {
        let batch = sql::batch_of_value(self.conn, value.seq)?;
        Ok(Why {
            item: "value",
            field: name.to_owned(),
            value: value.text.clone(),
            observed_at: value.observed_at.to_string(),
            number: value.seq,
            superseded: !value.current,
            ..self.admitted(record, (value.purposes, covered), &batch)?
        })
    }

    fn event(
        &self,
        record: &OpenRecord,
        event: &OpenEvent,
        covered: PurposeMask,
        events: Option<usize>,
    ) -> Result<Why> {
        let batch = sql::batch_of_event(self.conn, event.seq)?;
        Ok(Why {
            item: "event",
            field: event.name.clone(),
            value: String::from_utf8_lossy(&event.bytes).into_owned(),
            observed_at: event.at.to_string(),
            number: event.seq,
            events,
            ..self.admitted(record, (event.purposes, covered), &batch)?
        })
    }

    /// What values and events have in common: the record, the batch and the reasons, which are the
    /// purposes that it came in for, and those of them that cover it today.
    fn admitted(
        &self,
        record: &OpenRecord,
        purposes: (PurposeMask, PurposeMask),
        batch: &BatchRow,
    ) -> Result<Why> {
        Ok(Why {
            item: "",
            field: String::new(),
            value: String::new(),
            source: record.source.clone(),
            source_key: record.source_key.clone(),
            observed_at: String::new(),
            admitted_at: Moment(batch.recorded_at).to_string(),
            policy: batch.policy,
            entry: batch.n,
            number: 0,
            superseded: false,
            events: None,
            reasons: self.reasons(record, purposes, batch)?,
            hold: None,
        })
    }

    fn reasons(
        &self,
        record: &OpenRecord,
        (purposes, covered): (PurposeMask, PurposeMask),
        batch: &BatchRow,
    ) -> Result<Vec<PurposeReason>> {
        let then = self
            .applied
            .iter()
            .find(|policy| i64::from(policy.version) == batch.policy)
            .map(|policy| store::rulebook_of(self.words, policy))
            .transpose()?;
        let then = then.as_ref().unwrap_or(self.today);
        let admitted_at = Moment(batch.recorded_at);
        let standing_then = self.history.standing_of(record.home, AsOf::at(admitted_at));
        let standing_now = self.history.standing_of(record.home, AsOf::at(self.now));
        let mut reasons = Vec::new();
        for code in codes(purposes) {
            let Some(rule) = then.rule(code) else { continue };
            let question = Question::new(Direction::In, admitted_at);
            let grounds = decide(then, rule, question, &standing_then).ok();
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
            reasons.push(PurposeReason {
                purpose: rule.name.clone(),
                title: rule.purpose.title.clone(),
                basis: rule.purpose.basis,
                rests_on: rule.purpose.law.clone().or_else(|| rule.purpose.assessment.clone()),
                consent,
                today: self.still(code, covered, &standing_now),
            });
        }
        Ok(reasons)
    }

    /// Whether a purpose still holds something today, and whether it may be used.
    fn still(&self, code: PurposeCode, covered: PurposeMask, standing: &Standing) -> String {
        let Some(rule) = self.today.rule(code) else {
            return "the purpose is no longer declared".to_owned();
        };
        let said = |reason: Reason| format!("{}: {}", reason.code(), reason.words());
        if covered & bit(code) == 0 {
            return said(Reason::CategoryNotCovered);
        }
        let ask = |direction| {
            decide(self.today, rule, Question::new(direction, self.now), standing).err()
        };
        match (ask(Direction::In), ask(Direction::Use)) {
            (None, None) => "holds".to_owned(),
            (None, Some(reason)) => {
                format!("holds, unused; {}", said(reason))
            }
            (Some(reason), _) => said(reason),
        }
    }
}
