//! What was said by and to a person about the use of their data: the rows that are folded.

use crate::base::clock::{DAY_MS, Moment};
use crate::policy::rulebook::{ChannelCode, PurposeCode};
use crate::policy::types::ConsentState;

/// What a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axis {
    /// Consent to a purpose, on a channel where the purpose has channels.
    Consent = 1,
    /// Permission to use a channel at all (ePrivacy): given or withdrawn.
    Permission = 2,
    /// Objection to a purpose (Art 21): given means objected, withdrawn means lifted.
    Objection = 3,
    /// Restriction of all processing but storage (Art 18): given means restricted.
    Restriction = 4,
    /// The person was told that a source which isn't the person sends data in, and for which purpose
    /// (Art 14): given means told.
    Informed = 5,
    /// How often the person wants to hear from the controller on a channel, or on any (channel 0):
    /// given means at most once in so many days.
    Frequency = 6,
    /// Data is kept for a legal claim (Art 17(3)(e)), of a category or of all (0): given means held,
    /// withdrawn means lifted. It keeps, and lets nothing be used.
    Hold = 7,
}

impl Axis {
    /// The axis of a number in the store.
    pub fn of(code: i64) -> Option<Axis> {
        [
            Axis::Consent,
            Axis::Permission,
            Axis::Objection,
            Axis::Restriction,
            Axis::Informed,
            Axis::Frequency,
            Axis::Hold,
        ]
        .into_iter()
        .find(|axis| *axis as i64 == code)
    }

    /// What a state of it is called, to people: an objection that was "given" would read as its contrary.
    pub fn word(self, state: ConsentState) -> &'static str {
        let stands = matches!(state, ConsentState::Given | ConsentState::Renewed);
        match (self, stands) {
            (Axis::Consent, _) => state.as_str(),
            (Axis::Permission, true) => "permitted",
            (Axis::Permission, false) => "denied",
            (Axis::Objection, true) => "objected",
            (Axis::Objection, false) => "objection lifted",
            (Axis::Restriction, true) => "restricted",
            (Axis::Restriction, false) => "restriction lifted",
            (Axis::Informed, true) => "told",
            (Axis::Informed, false) => "told no more",
            (Axis::Frequency, true) => "limited",
            (Axis::Frequency, false) => "limit lifted",
            (Axis::Hold, true) => "held",
            (Axis::Hold, false) => "hold lifted",
        }
    }

    /// Whether a state of it protects: says no, or takes back.
    pub fn protects(self, state: ConsentState) -> bool {
        match self {
            Axis::Consent | Axis::Permission => matches!(
                state,
                ConsentState::Refused | ConsentState::Withdrawn | ConsentState::Invalidated
            ),
            Axis::Objection | Axis::Restriction | Axis::Frequency | Axis::Hold => {
                state == ConsentState::Given
            }
            Axis::Informed => state != ConsentState::Given,
        }
    }
}

/// The number of a state in the store.
pub fn state_code(state: ConsentState) -> i64 {
    match state {
        ConsentState::Requested => 2,
        ConsentState::Given => 3,
        ConsentState::Refused => 4,
        ConsentState::Withdrawn => 5,
        ConsentState::Expired => 6,
        ConsentState::Renewed => 7,
        ConsentState::Invalidated => 8,
    }
}

/// The state of a number in the store.
pub fn state_of(code: i64) -> Option<ConsentState> {
    Some(match code {
        2 => ConsentState::Requested,
        3 => ConsentState::Given,
        4 => ConsentState::Refused,
        5 => ConsentState::Withdrawn,
        6 => ConsentState::Expired,
        7 => ConsentState::Renewed,
        8 => ConsentState::Invalidated,
        _ => return None,
    })
}

/// One statement, as the ledger recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its ledger entry.
    pub n: i64,
    /// The subject that its record was born into (see `fold` for why).
    pub home: i64,
    /// The record that said it: one source's own row; 0 where it isn't stored yet.
    pub record: i64,
    /// What it is about.
    pub axis: Axis,
    /// The purpose, or 0.
    pub purpose: PurposeCode,
    /// The channel, or 0. Of a hold: the category.
    pub channel: ChannelCode,
    /// What was said.
    pub state: ConsentState,
    /// Said in so many words (Art 9(2)(a)).
    pub explicit: bool,
    /// Confirmed by double opt-in.
    pub confirmed: bool,
    /// The person's own act, by the policy's word on the source.
    pub own: bool,
    /// The source's code; 0 is the desk. Of an Art 14 notice: the source that it told of.
    pub source: u16,
    /// The version of the notice that was shown; 0 for none.
    pub notice_version: u32,
    /// Of a wish about frequency: at most once in so many days. Of a hold: it ends after so many, or
    /// when it is lifted (0). Of a consent that a row put in doubt (`doubt`): the version of the policy
    /// that couldn't read it. 0 for anything else.
    pub every_days: u32,
    /// When it was so (valid time).
    pub valid_at: Moment,
    /// When candor learned it (recorded time).
    pub recorded_at: Moment,
}

impl Statement {
    /// Whether it protects: says no, or takes back.
    pub fn protects(&self) -> bool {
        self.axis.protects(self.state)
    }

    /// What it is about: statements about one matter follow each other. An Art 14 notice is about a
    /// source, the others about a channel.
    pub fn matter(&self) -> (Axis, PurposeCode, u16) {
        match self.axis {
            Axis::Informed => (self.axis, self.purpose, self.source),
            _ => (self.axis, self.purpose, self.channel),
        }
    }

    /// Until when a hold lasts.
    pub fn holds_until(&self) -> Moment {
        match self.every_days {
            0 => Moment::FOREVER,
            days => Moment(self.valid_at.0.saturating_add(i64::from(days) * DAY_MS)),
        }
    }

    /// From when it counts. Where the source's clock runs ahead of candor's, a "no" counts from the
    /// earlier moment and a "yes" from the later (law 9: the most protective wins).
    pub fn counts_from(&self) -> Moment {
        if self.protects() { self.said_at() } else { self.valid_at }
    }

    /// When it was said, for telling which of two came later: nobody can have said later than it was heard
    /// what was heard by then. So a "no" that comes in before a "yes" of a clock that runs ahead has begun
    /// to count takes it back.
    pub fn said_at(&self) -> Moment {
        self.valid_at.min(self.recorded_at)
    }
}
