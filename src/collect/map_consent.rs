//! Consent statements of a row.
//!
//! Where a statement can't be read whole, what is left of it must never say more than the person
//! did: a consent whose time or confirmation is unreadable is no consent, a withdrawal stays one, and a word
//! that no map knows may have been one: for its purpose the row then brings nothing in. What
//! has no time of its own is as old as its row; but where the map names a field for the time and the
//! field is empty, a "no" counts from its arrival, so that no older "yes" of a later date outlives it. A "yes"
//! whose time should stand in the row and doesn't isn't taken: it may be older than any "no", and than an erasure.

use std::sync::Arc;

use super::dates::{DateReader, When};
use super::record::{ConsentStatement, Doubt, FieldRefusal, Record, RefusalReason, Timed};
use super::row::{Plan, Row};
use super::take::{Taken, Taker};
use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::types::{ConsentMap, ConsentState, Format, Source, Take};

/// A `ConsentMap`, ready to read rows.
pub(super) struct ConsentReader {
    purpose: Taker,
    channel: Option<Taker>,
    state: Taker,
    at: Option<(Taker, DateReader)>,
    notice: Option<Taker>,
    notice_version: Option<Taker>,
    language: Option<Taker>,
    method: Option<Taker>,
    confirmed_at: Option<(Taker, DateReader)>,
    explicit: bool,
    /// Whose the time of a statement is that has none of its own.
    by_row: Timed,
    /// A "yes" without any time isn't taken: there is a field that should say when, or it can have been delivered
    /// late, or twice.
    needs_time: bool,
}

impl ConsentReader {
    /// Resolves a map of a source; `dates` makes the reader of one time field.
    pub fn new(
        map: &ConsentMap,
        source: &Source,
        plan: &mut Plan,
        dates: &dyn Fn() -> Result<DateReader>,
    ) -> Result<ConsentReader> {
        let words: Vec<&String> = match &map.state {
            Take::Fixed(word) => vec![word],
            Take::Field { values, .. } => values.values().collect(),
        };
        for word in words.into_iter().filter(|word| !word.trim().is_empty()) {
            word.parse::<ConsentState>().map_err(|fault: Error| fault.at("consent state"))?;
        }
        let mut time = |take: &Option<Take>| -> Result<Option<(Taker, DateReader)>> {
            match take {
                Some(take) => Ok(Some((Taker::new(take, plan)?, dates()?))),
                None => Ok(None),
            }
        };
        let (at, confirmed_at) = (time(&map.at)?, time(&map.confirmed_at)?);
        Ok(ConsentReader {
            purpose: Taker::new(&map.purpose, plan)?,
            channel: Taker::optional(&map.channel, plan)?,
            state: Taker::new(&map.state, plan)?,
            at,
            notice: Taker::optional(&map.notice, plan)?,
            notice_version: Taker::optional(&map.notice_version, plan)?,
            language: Taker::optional(&map.language, plan)?,
            method: Taker::optional(&map.method, plan)?,
            confirmed_at,
            explicit: map.explicit,
            by_row: match source.format {
                Some(Format::Tracking | Format::Webhook) => Timed::Restated,
                _ => Timed::ByItsRow,
            },
            needs_time: map.at.is_some()
                || source.observed.is_some()
                || source.format == Some(Format::Webhook),
        })
    }

    /// Appends what the row states: nothing when its state is empty, two statements for a double
    /// opt-in that was confirmed, and a doubt where it says something that can't be read.
    pub fn read(&mut self, row: &Row, observed: Option<When>, record: &mut Record) {
        let Record { consents: statements, refused, doubted, untaken, .. } = record;
        let Some((text, _)) = self.state.text(row, refused) else {
            if matches!(self.state.take(row), Taken::Unknown) {
                doubted.push(self.doubt(row, observed));
            }
            return;
        };
        let Ok(state) = text.parse::<ConsentState>() else {
            refused.push(self.state.refusal(RefusalReason::UnknownValue));
            return doubted.push(self.doubt(row, observed));
        };
        // A "no" whose time should stand in the row and can't be read may be as young as its arrival.
        let of_no = !state.loosens();
        let observed = observed.map(|when| when.of(of_no));
        let (at, timed) = match read_time(&self.at, of_no, row, refused) {
            Time::At(at) => (Some(at), Timed::ByItself),
            Time::On(day, ends) => (Some(day), Timed::ByDay(ends)),
            Time::Unreadable if state.loosens() => return untaken.push(RefusalReason::InvalidTime),
            Time::Absent if state.loosens() || self.at.is_none() => (observed, self.by_row),
            Time::Absent | Time::Unreadable => (None, Timed::ByArrival),
        };
        // A "yes" without any time may be older than a "no", and than an erasure.
        let is_given = state == ConsentState::Given;
        let confirmed = match is_given && self.confirmed_at.is_some() {
            true => Some(read_time(&self.confirmed_at, false, row, refused)),
            false => None,
        };
        if self.needs_time
            && at.is_none()
            && state.loosens()
            && !matches!(confirmed, Some(Time::At(_)))
        {
            refused.push(self.state.refusal(RefusalReason::MissingTime));
            return untaken.push(RefusalReason::MissingTime);
        }
        // Without a name it is of no purpose that the policy declares: whoever decides says what becomes of it.
        let purpose = self.purpose.shared(row, refused).unwrap_or_else(|| {
            if !matches!(self.purpose.take(row), Taken::Unknown) {
                refused.push(self.purpose.refusal(RefusalReason::MissingPurpose));
            }
            Arc::from("")
        });
        let shared = |taker: &Option<Taker>, refused: &mut Vec<FieldRefusal>| {
            taker.as_ref().and_then(|taker| taker.shared(row, refused))
        };
        if let Some(channel) = &self.channel
            && matches!(channel.take(row), Taken::Unknown)
            && state.loosens()
        {
            refused.push(channel.refusal(RefusalReason::UnknownValue));
            return untaken.push(RefusalReason::UnknownValue);
        }
        let statement = ConsentStatement {
            purpose,
            channel: shared(&self.channel, refused),
            names_channel: self.channel.is_some(),
            state,
            at,
            timed: at.map_or(Timed::ByArrival, |_| timed),
            notice: self.notice(row, refused),
            language: shared(&self.language, refused),
            method: shared(&self.method, refused),
            explicit: self.explicit,
            confirmed: false,
            evidence: None,
        };
        let Some(confirmed) = confirmed else { return statements.push(statement) };
        if at.is_some() {
            let state = ConsentState::Requested;
            statements.push(ConsentStatement { state, ..statement.clone() });
        }
        if let Time::At(confirmed) = confirmed {
            if at.is_some_and(|at| confirmed < at) {
                if let Some((taker, _)) = &self.confirmed_at {
                    refused.push(taker.refusal(RefusalReason::ConfirmedTooEarly));
                    untaken.push(RefusalReason::ConfirmedTooEarly);
                }
            } else {
                let (at, timed) = (Some(confirmed), Timed::ByItself);
                statements.push(ConsentStatement { at, timed, confirmed: true, ..statement });
            }
        }
    }

    /// What a row says in a word that no map knows; the refusal of the word tells of it.
    fn doubt(&mut self, row: &Row, observed: Option<When>) -> Doubt {
        let untold = &mut Vec::new();
        let (at, timed) = match read_time(&self.at, true, row, untold) {
            Time::At(at) | Time::On(at, _) => (Some(at), Timed::ByItself),
            Time::Absent if self.at.is_none() => (observed.map(|when| when.of(true)), self.by_row),
            Time::Absent | Time::Unreadable => (None, Timed::ByArrival),
        };
        Doubt {
            purpose: self.purpose.shared(row, untold),
            channel: self.channel.as_ref().and_then(|channel| channel.shared(row, untold)),
            at,
            timed: at.map_or(Timed::ByArrival, |_| timed),
        }
    }

    /// `NAME@VERSION`, or `NAME` with the version from a field of its own.
    fn notice(
        &self,
        row: &Row,
        refused: &mut Vec<FieldRefusal>,
    ) -> Option<(Arc<str>, Option<u32>)> {
        let taker = self.notice.as_ref()?;
        let text = taker.shared(row, refused)?;
        let version = |text: &str| text.parse::<u32>().ok().filter(|version| *version > 0);
        match (text.rsplit_once('@'), &self.notice_version) {
            (Some((name, number)), _) => match version(number) {
                Some(number) if !name.is_empty() => Some((name.into(), Some(number))),
                _ => {
                    refused.push(taker.refusal(RefusalReason::InvalidNotice));
                    None
                }
            },
            (None, None) => Some((text, None)),
            (None, Some(field)) => {
                let Some((number, _)) = field.text(row, refused) else { return Some((text, None)) };
                let number = version(number);
                if number.is_none() {
                    refused.push(field.refusal(RefusalReason::InvalidNotice));
                }
                Some((text, number))
            }
        }
    }
}

enum Time {
    Absent,
    At(Moment),
    /// Of a "no": on a day, which began and ended so.
    On(Moment, Moment),
    Unreadable,
}

/// When something was said. Of the moments that a time may mean a "yes" is of the earliest and a "no" of the latest.
fn read_time(
    field: &Option<(Taker, DateReader)>,
    of_no: bool,
    row: &Row,
    refused: &mut Vec<FieldRefusal>,
) -> Time {
    let Some((taker, dates)) = field else { return Time::Absent };
    let (text, kind) = match taker.take(row) {
        Taken::Absent => return Time::Absent,
        Taken::Unknown => {
            refused.push(taker.refusal(RefusalReason::UnknownValue));
            return Time::Unreadable;
        }
        Taken::Text(text, kind) => (text, kind),
        Taken::Known(text) => (&**text, super::row::Kind::Bare),
    };
    match dates.when(text, kind) {
        Some(When { day_ends: Some(ends), usual, .. }) if of_no => Time::On(usual, ends),
        Some(when) => Time::At(when.of(of_no)),
        None => {
            refused.push(taker.refusal(RefusalReason::InvalidTime));
            Time::Unreadable
        }
    }
}
