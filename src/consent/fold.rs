//! The state of consent as of any moment: a pure fold over everything that was ever said.
//!
//! Three rules make it lawful.
//! 1. Later beats earlier; of two at one moment the more protective holds.
//! 2. Sources that disagree: a "yes" from one source lifts a "no" from another only if it is the
//!    person's own act (the policy marks the source) or was confirmed by double opt-in. Each
//!    source's "no" stands until then, whoever speaks in between.
//! 3. A merge never widens consent. Each record has a home, the subject it was born into; what was
//!    said in one home before it was joined with another covers that home alone, except that a "no"
//!    reaches all of them. What is said after the joining covers the whole.

use std::collections::BTreeMap;

use crate::base::clock::Moment;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeMask, bit};
use crate::policy::types::ConsentState;

use super::statement::{Axis, Statement};

/// The moment of a question: what was so at `valid`, by what was known at `known` (law 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// Valid time.
    pub valid: Moment,
    /// Recorded time.
    pub known: Moment,
}

impl AsOf {
    /// What is so now, by all that is known now.
    pub fn at(moment: Moment) -> AsOf {
        AsOf { valid: moment, known: moment }
    }

    /// What was so then, by all that is known today.
    pub fn hindsight(valid: Moment) -> AsOf {
        AsOf { valid, known: Moment::FOREVER }
    }
}

/// A home of a subject's records and when it was joined with the rest (`None`: it is the first).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// The subject that the records were born into.
    pub id: i64,
    /// When it became part of the subject it now belongs to.
    pub joined: Option<Joined>,
}

/// A joining of two homes. What is said counts as said after it by its place in the ledger: two
/// entries of one transaction bear the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// When.
    pub at: Moment,
    /// The ledger entry of the merge.
    pub entry: i64,
}

/// The state of one (purpose, channel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsentStanding {
    /// The state after the last statement that counts.
    pub state: ConsentState,
    /// The statement that decided it.
    pub by: Statement,
}

/// Where a subject (or one home of it) stands: all that the gate needs to know of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Consent by (purpose, channel).
    pub consents: BTreeMap<(PurposeCode, ChannelCode), ConsentStanding>,
    /// Channel permissions: true is permitted, false is denied; absent is unknown.
    pub permissions: BTreeMap<ChannelCode, bool>,
    /// Purposes that the person objected to.
    pub objections: PurposeMask,
    /// Processing is restricted to storage.
    pub restricted: bool,
    /// The person was erased and has not come back.
    pub suppressed: bool,
}

/// Folds the statements of one subject for one home of it. `homes` lists all homes of the subject;
/// with `home` absent, the answer is the most protective over the homes that said anything.
pub fn standing(
    statements: &[Statement],
    homes: &[Home],
    home: Option<i64>,
    asked: AsOf,
) -> Standing {
    let mut known: Vec<&Statement> = statements
        .iter()
        .filter(|s| s.recorded_at <= asked.known && s.counts_from() <= asked.valid)
        .collect();
    known.sort_by_key(|s| (s.counts_from(), s.protects(), s.recorded_at, s.n));

    let mut standing = Standing::default();
    let joined = |id: i64| -> i64 {
        // With a first home and joined ones, two homes share statements from the later joining on.
        homes.iter().find(|h| h.id == id).and_then(|h| h.joined).map_or(i64::MIN, |j| j.entry)
    };
    let present = present(homes, home, asked.known);

    let mut keys: Vec<(Axis, PurposeCode, ChannelCode)> =
        known.iter().map(|s| (s.axis, s.purpose, s.channel)).collect();
    keys.sort_unstable();
    keys.dedup();

    for (axis, purpose, channel) in keys {
        let mut result: Option<ConsentStanding> = None;
        let mut asked_home_spoke = home.is_none();
        for &id in &present {
            let mut spoke = false;
            let folded = known
                .iter()
                .filter(|s| (s.axis, s.purpose, s.channel) == (axis, purpose, channel))
                .filter(|s| {
                    let own = s.home == id;
                    let shared = present.contains(&s.home) && s.n > joined(s.home).max(joined(id));
                    spoke |= own || shared;
                    own || shared
                })
                .fold(Said::default(), |said, s| said.next(s))
                .standing;
            asked_home_spoke |= Some(id) == home && spoke;
            result = match (result, folded) {
                (None, folded) => folded,
                (result, None) => result,
                (Some(a), Some(b)) => Some(more_protective(a, b)),
            };
        }
        let Some(result) = result else { continue };
        match axis {
            // Silence in the asked home stays silence unless another home said no.
            Axis::Consent if asked_home_spoke || !in_force_state(result.state) => {
                standing.consents.insert((purpose, channel), result);
            }
            Axis::Consent => {}
            Axis::Permission if asked_home_spoke || !in_force_state(result.state) => {
                standing.permissions.insert(channel, in_force_state(result.state));
            }
            Axis::Permission => {}
            Axis::Objection if in_force_state(result.state) => standing.objections |= bit(purpose),
            Axis::Restriction if in_force_state(result.state) => standing.restricted = true,
            Axis::Objection | Axis::Restriction => {}
        }
    }
    standing
}

/// The homes that were one subject with the asked one by what was known then. A home that was joined
/// with the rest only later stood apart, with those that came along with it: a merge doesn't change
/// what was so before it (law 10).
fn present(homes: &[Home], home: Option<i64>, known: Moment) -> Vec<i64> {
    let is_known = |h: &Home| h.joined.is_none_or(|j| j.at <= known);
    let apart = homes.iter().find(|h| Some(h.id) == home && !is_known(h)).and_then(|h| h.joined);
    let together = |h: &&Home| match apart {
        Some(joined) => h.joined == Some(joined),
        None => is_known(h),
    };
    homes.iter().filter(together).map(|h| h.id).collect()
}

/// Whether a state alone (before expiry, notice and confirmation are looked at) is a yes.
pub fn in_force_state(state: ConsentState) -> bool {
    matches!(state, ConsentState::Given | ConsentState::Renewed)
}

/// What one home has said so far, about one matter.
#[derive(Default)]
struct Said {
    standing: Option<ConsentStanding>,
    /// Each source's "no" that neither it nor the person has taken back. A "no" stays also where
    /// another source spoke after it.
    noes: Vec<ConsentStanding>,
}

impl Said {
    /// One step of the fold.
    fn next(mut self, s: &Statement) -> Said {
        let now = ConsentStanding { state: s.state, by: *s };
        let Some(before) = self.standing else {
            self.noes.extend(s.protects().then_some(now));
            return Said { standing: Some(now), ..self };
        };
        if matches!(s.axis, Axis::Objection | Axis::Restriction) {
            return Said { standing: Some(now), ..self };
        }
        let lifts = |no: &ConsentStanding| s.own || s.confirmed || s.source == no.by.source;
        let after = match s.state {
            ConsentState::Given | ConsentState::Renewed => {
                self.noes.retain(|no| !lifts(no));
                match self.noes.last() {
                    Some(no) => *no,
                    // Given while in force is a renewal.
                    None if s.state == ConsentState::Given && in_force_state(before.state) => {
                        ConsentStanding { state: ConsentState::Renewed, by: *s }
                    }
                    None => now,
                }
            }
            // Asking again takes nothing back: neither a yes, nor a "no" of which it knows nothing.
            ConsentState::Requested if in_force_state(before.state) => before,
            ConsentState::Requested if self.noes.iter().any(|no| !lifts(no)) => before,
            _ => {
                self.noes.extend(s.protects().then_some(now));
                now
            }
        };
        Said { standing: Some(after), ..self }
    }
}

/// Of two answers the one that protects the person (law 9).
fn more_protective(a: ConsentStanding, b: ConsentStanding) -> ConsentStanding {
    let rank = |c: &ConsentStanding| match (c.by.axis, c.state) {
        (Axis::Objection | Axis::Restriction, ConsentState::Given) => 9,
        (_, ConsentState::Withdrawn) => 8,
        (_, ConsentState::Refused) => 7,
        (_, ConsentState::Invalidated) => 6,
        (_, ConsentState::Expired) => 5,
        (_, ConsentState::Requested) => 4,
        (_, ConsentState::Given | ConsentState::Renewed) => 1,
    };
    if rank(&b) > rank(&a) { b } else { a }
}
