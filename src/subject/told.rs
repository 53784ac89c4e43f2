//! Everything that was said by or about a person, and the texts that they may have been shown.
//!
//! The sealed payloads of the ledger's entries say it in full; the rows that the gate folds are drawn from
//! the same statements and hold less.

use serde::Serialize;
use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{Sealed, apply_seal};
use crate::consent::statement::Axis;
use crate::profile::record::unreadable;
use crate::profile::sql as profile_sql;
use crate::store::{self, Store};

use super::sql;

/// One thing that was said, as the sealed payload of its ledger entry has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The ledger entry.
    pub entry: i64,
    /// consent, channel, objection, restriction, notice, frequency or hold.
    pub about: &'static str,
    /// The purpose; empty where it is about all.
    pub purpose: String,
    /// The channel; empty where there is none.
    pub channel: String,
    /// What was said.
    pub state: String,
    /// The same as people say it, such as "objected".
    #[serde(skip)]
    pub word: String,
    /// When it was so.
    pub at: String,
    /// When candor learned it.
    pub recorded_at: String,
    /// Nobody said when it was so: `at` is when candor heard of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undated: bool,
    /// The notice that was shown.
    pub notice: String,
    /// The language in which it was shown (BCP 47); absent where that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Of a wish about frequency: at most once in so many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u64>,
    /// Of a hold: the category that it keeps; absent where it keeps all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Of a hold: it ends after so many days; absent where it must be lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_days: Option<u64>,
    /// Of a hold: the claim that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// How it was said.
    pub method: String,
    /// Who passed it on; `desk` for what was recorded by hand.
    pub source: String,
    /// Where the proof lies.
    pub evidence: String,
    /// In so many words (Art 9).
    pub explicit: bool,
    /// Confirmed by double opt-in.
    pub confirmed: bool,
    /// When candor learned it.
    #[serde(skip)]
    pub recorded: Moment,
}

/// Everything that was ever said by or about a subject, by valid time.
pub fn told(store: &Store, subject: i64) -> Result<Vec<Told>> {
    of_records(store, &profile_sql::records_of(store.conn(), subject)?)
}

/// Everything that was ever said by or about some records' people, by valid time.
pub fn of_records(store: &Store, records: &[i64]) -> Result<Vec<Told>> {
    let mut all = Vec::new();
    for record in records.iter().copied() {
        let key = profile_sql::record_key(store.conn(), record)?;
        for (n, mut body) in sql::payloads_of(store.conn(), record)? {
            apply_seal(&key, Sealed::Payload, n, &mut body);
            let Ok(payload) = serde_json::from_slice::<Value>(&body) else {
                return Err(unreadable("ledger payload"));
            };
            if payload.get("axis").is_some() {
                all.push(as_told(n, &payload));
            }
        }
    }
    all.sort_by(|a, b| a.at.cmp(&b.at).then(a.entry.cmp(&b.entry)));
    Ok(all)
}

fn as_told(n: i64, payload: &Value) -> Told {
    let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
    let moment = |name: &str| Moment(payload[name].as_i64().unwrap_or_default());
    let source = text("source");
    let axis = payload["axis"].as_i64().and_then(Axis::of).unwrap_or(Axis::Consent);
    let state = text("state");
    Told {
        entry: n,
        about: match axis {
            Axis::Consent => "consent",
            Axis::Permission => "channel",
            Axis::Objection => "objection",
            Axis::Restriction => "restriction",
            Axis::Informed => "notice",
            Axis::Frequency => "frequency",
            Axis::Hold => "hold",
        },
        word: state.parse().map_or_else(|_| state.clone(), |state| axis.word(state).to_owned()),
        purpose: text("purpose"),
        channel: text("channel"),
        state,
        at: moment("at").to_string(),
        recorded_at: moment("recorded_at").to_string(),
        undated: payload["undated"].as_bool().unwrap_or_default(),
        notice: text("notice"),
        language: payload["language"].as_str().map(str::to_owned),
        every_days: payload["every_days"].as_u64(),
        category: payload["category"].as_str().map(str::to_owned),
        for_days: payload["for_days"].as_u64(),
        because: payload["because"].as_str().map(str::to_owned),
        method: text("method"),
        source: if source.is_empty() { "desk".to_owned() } else { source },
        evidence: text("evidence"),
        explicit: payload["explicit"].as_bool().unwrap_or_default(),
        confirmed: payload["confirmed"].as_bool().unwrap_or_default(),
        recorded: moment("recorded_at"),
    }
}

/// A text of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeText {
    /// Its language (BCP 47).
    pub language: String,
    /// The text.
    pub text: String,
}

/// The texts that may have been shown with a statement: the one in its language, or, where that isn't
/// known, every one that the version has. None where no notice is named.
pub fn texts_shown(store: &Store, told: &Told) -> Result<Vec<NoticeText>> {
    let Some((name, version)) = told.notice.rsplit_once('@') else { return Ok(Vec::new()) };
    let texts = store::notice_texts(store.conn(), name, version.parse().unwrap_or(0))?;
    let shown = texts.into_iter().map(|(language, text)| NoticeText { language, text });
    Ok(shown.filter(|shown| told.language.as_ref().is_none_or(|l| *l == shown.language)).collect())
}
