//! Records what was said, and answers where a person stands, as of any moment.
//!
//! A consent event is a ledger entry; its payload, sealed under the record's key, is the truth. The
//! `statement` table is its fold, written in the same transaction and checked by `verify --deep`.

use serde_json::{Value, json};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::collect::Timed;
use crate::policy::rulebook::{ChannelCode, PurposeCode};
use crate::policy::types::ConsentState;
use crate::store::{WordKind, Words, Writer};

use super::doubt;
use super::fold::{AsOf, Home, Standing, standing};
use super::sql;
use super::statement::{Axis, Statement};

/// Something that was said and is to be recorded.
#[derive(Clone, Debug)]
pub struct NewStatement {
    /// What it is about.
    pub axis: Axis,
    /// The purpose, or 0.
    pub purpose: PurposeCode,
    /// The channel, or 0. Of a hold: the category.
    pub channel: ChannelCode,
    /// What was said.
    pub state: ConsentState,
    /// In so many words.
    pub explicit: bool,
    /// Confirmed by double opt-in.
    pub confirmed: bool,
    /// The person's own act.
    pub own: bool,
    /// The source's code; 0 is the desk. Of an Art 14 notice: the source that it told of.
    pub source: u16,
    /// The notice that was shown: name and version.
    pub notice: Option<(String, u32)>,
    /// The language in which it was shown (BCP 47); `None` where that isn't known.
    pub language: Option<String>,
    /// Of a wish about frequency: at most once in so many days. Of a hold: it ends after so many. Of a doubt:
    /// the version of the policy that couldn't read it. 0 for anything else.
    pub every_days: u32,
    /// Of a hold: the claim that it is for.
    pub because: Option<String>,
    /// How it was said.
    pub method: Option<String>,
    /// Where the proof lies (a file and line, a form's number).
    pub evidence: Option<String>,
    /// When it was so.
    pub valid_at: Moment,
    /// Nobody said when: `valid_at` is when candor heard of it.
    pub undated: bool,
}

impl NewStatement {
    /// Whether it protects: says no, or takes back.
    pub fn protects(&self) -> bool {
        self.axis.protects(self.state)
    }

    /// Whether it says yes, and nobody says when: it may be older than a "no".
    pub fn is_undated_yes(&self) -> bool {
        self.undated && self.state.loosens()
    }
}

/// The kind of ledger entry for a statement.
pub fn entry_kind(axis: Axis, state: ConsentState) -> String {
    let word = state.as_str();
    match (axis, state) {
        (Axis::Consent, _) => format!("consent.{word}"),
        (Axis::Permission, ConsentState::Given | ConsentState::Renewed) => {
            "channel.permitted".into()
        }
        (Axis::Permission, _) => "channel.denied".into(),
        (Axis::Objection, ConsentState::Given) => "objection.raised".into(),
        (Axis::Objection, _) => "objection.lifted".into(),
        (Axis::Restriction, ConsentState::Given) => "restriction.set".into(),
        (Axis::Restriction, _) => "restriction.lifted".into(),
        (Axis::Informed, ConsentState::Given) => "notice.given".into(),
        (Axis::Informed, _) => "notice.revoked".into(),
        (Axis::Frequency, ConsentState::Given) => "frequency.limited".into(),
        (Axis::Frequency, _) => "frequency.lifted".into(),
        (Axis::Hold, ConsentState::Given) => "hold.set".into(),
        (Axis::Hold, _) => "hold.lifted".into(),
    }
}

/// The payload of a statement's entry: all that is known of it, in words. With where its record was born,
/// so that what somebody said can't be moved to somebody else.
fn payload(words: &Words, birth: i64, new: &NewStatement, recorded_at: Moment) -> Value {
    let mut payload = json!({
        "home": birth,
        "axis": new.axis as i64,
        "state": new.state.as_str(),
        "at": new.valid_at.0,
        "recorded_at": recorded_at.0,
        "explicit": new.explicit,
        "confirmed": new.confirmed,
        "own": new.own,
    });
    let map = payload.as_object_mut().expect("an object was made above");
    if new.purpose != 0 {
        map.insert("purpose".into(), words.text(WordKind::Purpose, new.purpose.into()).into());
    }
    if new.channel != 0 {
        let (name, kind) = match new.axis {
            Axis::Hold => ("category", WordKind::Category),
            _ => ("channel", WordKind::Channel),
        };
        map.insert(name.into(), words.text(kind, new.channel.into()).into());
    }
    if new.source != 0 {
        map.insert("source".into(), words.text(WordKind::Source, new.source.into()).into());
    }
    if let Some((name, version)) = &new.notice {
        map.insert("notice".into(), format!("{name}@{version}").into());
    }
    if let Some(language) = &new.language {
        map.insert("language".into(), language.as_str().into());
    }
    if new.every_days != 0 {
        map.insert(days_name(new.axis).into(), new.every_days.into());
    }
    if let Some(because) = &new.because {
        map.insert("because".into(), because.as_str().into());
    }
    if new.undated {
        map.insert("undated".into(), true.into());
    }
    if let Some(method) = &new.method {
        map.insert("method".into(), method.as_str().into());
    }
    if let Some(evidence) = &new.evidence {
        map.insert("evidence".into(), evidence.as_str().into());
    }
    payload
}

/// The name of a payload's member for a number of days, or what stands in its place.
pub fn days_name(axis: Axis) -> &'static str {
    match axis {
        Axis::Consent => "unread_under",
        Axis::Hold => "for_days",
        _ => "every_days",
    }
}

/// The row that a payload folds to.
pub fn row(n: i64, home: i64, record: i64, new: &NewStatement, recorded_at: Moment) -> Statement {
    Statement {
        n,
        home,
        record,
        axis: new.axis,
        purpose: new.purpose,
        channel: new.channel,
        state: new.state,
        explicit: new.explicit,
        confirmed: new.confirmed,
        own: new.own,
        source: new.source,
        notice_version: new.notice.as_ref().map_or(0, |(_, version)| *version),
        every_days: new.every_days,
        valid_at: new.valid_at,
        recorded_at,
    }
}

/// Records a statement on a record that was born into a subject: one ledger entry and its fold. Returns the
/// entry's number.
pub fn record(
    writer: &mut Writer<'_>,
    record: i64,
    birth: i64,
    key: &RecordKey,
    new: &NewStatement,
) -> Result<i64> {
    let payload = payload(writer.words, birth, new, writer.now);
    let n = writer.append_about(&entry_kind(new.axis, new.state), record, key, &payload, None)?;
    // What it covers is told by its record, and isn't stored.
    sql::insert_statement(writer.conn, &row(n, birth, record, new, writer.now))?;
    Ok(n)
}

/// The notice that was shown with what a ledger entry records, and in which language, where that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Name and version.
    pub notice: Option<(String, u32)>,
    /// BCP 47.
    pub language: Option<String>,
}

/// Reads out of a statement's payload which notice was shown.
///
/// # Errors
/// Those of reading.
pub fn shown_with(conn: &rusqlite::Connection, n: i64) -> Result<Shown> {
    let Some((record, mut body)) = sql::payload(conn, n)? else { return Ok(Shown::default()) };
    let (_, key) = sql::birth_and_key(conn, record)?;
    apply_seal(&key, Sealed::Payload, n, &mut body);
    let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
    let named = payload["notice"].as_str().and_then(|named| {
        let (name, version) = named.rsplit_once('@')?;
        Some((name.to_owned(), version.parse().ok()?))
    });
    Ok(Shown { notice: named, language: payload["language"].as_str().map(str::to_owned) })
}

/// What of a statement a record hasn't said before, so that importing a file twice changes nothing.
///
/// A "no" that is only as old as its row may be younger: where the same source said "yes" at that moment or
/// later, the row has changed since. Then the "no" counts from its arrival, unless one came since that "yes".
/// What a version of the policy couldn't read stays in doubt under it, whatever another row says of that
/// moment; another version's reading of it is news.
pub fn unsaid(
    said: &[Statement],
    mut new: NewStatement,
    timed: Timed,
    (version, now): (u32, Moment),
) -> Option<NewStatement> {
    let matter = (new.axis, new.purpose, new.channel, new.source);
    let same_matter = |s: &&Statement| (s.axis, s.purpose, s.channel, s.source) == matter;
    if let Timed::ByDay(ends) = timed {
        new.valid_at = last_of_day(said.iter().filter(same_matter), new.valid_at, ends);
    }
    let doubt = doubt::about(said, &new).filter(|_| timed != Timed::ByArrival);
    if doubt.is_some_and(|d| new.state.loosens() && doubt::unread_under(&d) == Some(version)) {
        return None;
    }
    let said = || said.iter().filter(same_matter);
    let last = said().max_by_key(|s| (s.valid_at, s.n));
    let is_held = said().any(|s| {
        let since_doubt = doubt.is_none_or(|doubt| s.n > doubt.n);
        s.state == new.state && s.valid_at == new.valid_at && since_doubt
    });
    let is_read = |s: &&Statement| doubt::unread_under(s).is_none();
    let last_read = said().filter(is_read).max_by_key(|s| (s.valid_at, s.n));
    match (timed, last) {
        (Timed::ByArrival, Some(last)) => (last.state != new.state).then_some(new),
        // What holds is told again and again: only what differs from the word before it is news.
        (Timed::Restated, _) => {
            let before = said().filter(|s| s.valid_at <= new.valid_at);
            let same = before.max_by_key(|s| (s.valid_at, s.n)).is_some_and(|s| {
                let version = new.notice.as_ref().map_or(0, |(_, version)| *version);
                s.state == new.state && s.notice_version == version
            });
            (!same).then_some(new)
        }
        (Timed::ByItsRow, _)
            if new.axis == Axis::Consent
                && !new.state.loosens()
                && said().any(|s| s.state.loosens() && s.valid_at >= new.valid_at) =>
        {
            new.valid_at = now;
            new.undated = true;
            last_read.is_some_and(|last| last.state.loosens()).then_some(new)
        }
        _ => (!is_held).then_some(new),
    }
}

/// When a "no" counts from that was said on a day: it may have been the day's last word, so it is as late as the last
/// that was said for it on that day.
pub fn last_of_day<'s>(
    of_matter: impl Iterator<Item = &'s Statement>,
    begins: Moment,
    ends: Moment,
) -> Moment {
    let of_day = |s: &&Statement| !s.protects() && (begins..ends).contains(&s.valid_at);
    of_matter.filter(of_day).map(|s| s.valid_at).max().unwrap_or(begins)
}

/// Whether a subject's data may only be stored (Art 18(2)).
///
/// # Errors
/// Those of reading.
pub fn is_restricted(conn: &rusqlite::Connection, subject: i64, now: Moment) -> Result<bool> {
    Ok(History::load(conn, subject)?.standing(AsOf::at(now)).restricted)
}

/// All that a subject's standing is folded from.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Everything that was said, in ledger order.
    pub statements: Vec<Statement>,
    /// The homes of its records.
    pub homes: Vec<Home>,
}

impl History {
    /// Reads the history of a subject.
    pub fn load(conn: &rusqlite::Connection, subject: i64) -> Result<History> {
        Ok(History {
            statements: sql::statements_of(conn, subject)?,
            homes: sql::homes(conn, subject)?,
        })
    }

    /// Where one home of the subject stands: what decides over its records' data.
    pub fn standing_of(&self, home: i64, asked: AsOf) -> Standing {
        standing(&self.statements, &self.homes, Some(home), asked)
    }

    /// Where the subject as a whole stands: the most protective of its homes.
    pub fn standing(&self, asked: AsOf) -> Standing {
        standing(&self.statements, &self.homes, None, asked)
    }
}
