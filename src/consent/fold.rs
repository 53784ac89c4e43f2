//! The state of consent as of any moment: a pure fold over everything that was ever said.
//!
//! Three rules make it lawful.
//! 1. Later beats earlier; of two at one moment the more protective holds.
//! 2. Sources that disagree: a "yes" from one source lifts a "no" from another only if it is the
//!    person's own act (the policy marks the source) or was confirmed by double opt-in. Each
//!    source's "no" stands until then, whoever speaks in between.
//! 3. A merge never widens consent. Each record has a home, the subject it was born into (that of whom it was
//!    recognised by, also where that has become part of another) or was parted into since; what was said in one
//!    home before it was joined with another covers that home alone, except that a "no" reaches all of them. What
//!    is said after the joining covers the whole. A home's yes is its own and counts for no more than the least
//!    that any home's yes amounts to: its notice, its age, whether it was confirmed and said in so many words.
//!
//! A "no" of another home counts from when it was said. What isn't one (a yes to an older notice, a
//! question that waits for its answer) counts from the joining on: it was no word against what had been done.
//!
//! A row that says something which can't be read puts a yes in doubt (`doubt`): that counts as a "no" of the
//! row's source, until the row is read.
//!
//! A split leaves each side what was said on its own records, and each keeps what was refused while they were
//! one (`kept`): whoever a record turns out to be, it keeps the "no", and nobody has consented for somebody
//! else.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::clock::Moment;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeMask, bit};
use crate::policy::types::ConsentState;

use super::doubt;
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

/// A home of a subject's records and the merges that brought it to the subject it now belongs to: its own subject
/// became part of another, that one of a third.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The subject that the records were born into.
    pub id: i64,
    /// The merges that moved it and still stand, in order; none for the subject that took all in.
    pub moves: Vec<Joined>,
}

impl Home {
    /// When two homes became one: at the later of the first merges that brought them to a common
    /// subject. `None` for a home with itself.
    pub fn joined_with(&self, other: &Home) -> Option<Joined> {
        if self.id == other.id {
            return None;
        }
        let together = self.moves.iter().rev().zip(other.moves.iter().rev());
        let together = together.take_while(|(mine, theirs)| mine == theirs).count();
        let apart = |home: &Home| home.moves[..home.moves.len() - together].last().copied();
        // Two that came by the very same merges had met before the first of them; nothing says when. Of two that no
        // merge brought together nothing says that they met.
        let met = apart(self).max(apart(other));
        let met = met.or_else(|| self.moves.get(self.moves.len() - together).copied());
        Some(met.unwrap_or(Joined::NEVER))
    }
}

/// A joining of two homes. What is said counts as said after it by its place in the ledger: two
/// entries of one transaction bear the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Joined {
    /// The ledger entry of the merge.
    pub entry: i64,
    /// When.
    pub at: Moment,
}

impl Joined {
    /// After everything that will ever be said.
    const NEVER: Joined = Joined { entry: i64::MAX, at: Moment::FOREVER };
}

/// The state of one (purpose, channel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsentStanding {
    /// The state after the last statement that counts.
    pub state: ConsentState,
    /// The statement that decided it; of a yes, the asked home's own.
    pub by: Statement,
    /// What a yes counts for: no more than that of any home that was joined.
    pub terms: Terms,
}

impl ConsentStanding {
    /// What one home's last word amounts to.
    pub fn new(state: ConsentState, by: Statement) -> ConsentStanding {
        ConsentStanding { state, by, terms: Terms::of(&by) }
    }

    /// The same by its own terms, whatever other homes' amount to.
    pub fn alone(self) -> ConsentStanding {
        ConsentStanding::new(self.state, self.by)
    }
}

/// What a yes amounts to, beside being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Terms {
    /// The version of the notice that was shown.
    pub notice_version: u32,
    /// Confirmed by double opt-in.
    pub confirmed: bool,
    /// Said in so many words.
    pub explicit: bool,
    /// From when its time runs.
    pub since: Moment,
}

impl Terms {
    fn of(said: &Statement) -> Terms {
        let Statement { notice_version, confirmed, explicit, valid_at, .. } = *said;
        Terms { notice_version, confirmed, explicit, since: valid_at }
    }

    /// Of each the lesser, so that what they suffice for is what both suffice for.
    fn least(self, other: Terms) -> Terms {
        Terms {
            notice_version: self.notice_version.min(other.notice_version),
            confirmed: self.confirmed && other.confirmed,
            explicit: self.explicit && other.explicit,
            since: self.since.min(other.since),
        }
    }
}

/// Where a subject (or one home of it) stands: all that the gate needs to know of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Consent by (purpose, channel).
    pub consents: BTreeMap<(PurposeCode, ChannelCode), ConsentStanding>,
    /// The (purpose, channel) to which a "no" was said that no yes has taken back, whatever was said since.
    pub noes: BTreeSet<(PurposeCode, ChannelCode)>,
    /// Channel permissions: true is permitted, false is denied; absent is unknown.
    pub permissions: BTreeMap<ChannelCode, bool>,
    /// Purposes that the person objected to.
    pub objections: PurposeMask,
    /// Processing is restricted to storage.
    pub restricted: bool,
    /// The person was told that this source sends data in for this purpose (Art 14).
    pub informed: BTreeSet<(PurposeCode, u16)>,
    /// At most once in so many days, by channel; 0 is any channel.
    pub at_most_every: BTreeMap<ChannelCode, u32>,
    /// Legal holds by category; 0 is all of them.
    pub holds: BTreeMap<u16, Hold>,
    /// The person was erased and has not come back.
    pub suppressed: bool,
}

/// A legal hold (Art 17(3)(e)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Until when; for ever where it must be lifted.
    pub until: Moment,
    /// The ledger entry that set it.
    pub entry: i64,
}

impl Standing {
    /// The legal hold that keeps what is of a category the longest; `None` where none does.
    pub fn hold_on(&self, category: Option<u16>) -> Option<Hold> {
        let codes = [Some(0), category].into_iter().flatten();
        codes.filter_map(|code| self.holds.get(&code)).max_by_key(|hold| hold.until).copied()
    }
}

/// Folds the statements of one subject for one home of it. `homes` lists all homes of the subject;
/// with `home` absent, the answer is the most protective over the homes that said anything. Either way it
/// allows nothing that one of them doesn't.
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
    known.retain(|s| !doubt::is_answered(s, statements, asked.known));
    known.sort_by_key(|s| (s.said_at(), s.protects(), s.recorded_at, s.n));

    let mut standing = Standing::default();
    let present = present(homes, home, asked.known);
    // Two homes share what is said after their joining.
    let shares = |s: &Statement, with: &Home| {
        let other = present.iter().find(|h| h.id == s.home);
        other.is_some_and(|other| other.joined_with(with).is_none_or(|j| s.n > j.entry))
    };

    // By then the asked home hadn't been joined with this one yet.
    let asked_home = home.and_then(|id| present.iter().find(|h| h.id == id));
    let joined_later = |with: &Home| {
        let joined = asked_home.and_then(|asked| asked.joined_with(with));
        joined.is_some_and(|joined| joined.at > asked.valid)
    };

    let mut matters: Vec<(Axis, PurposeCode, u16)> = known.iter().map(|s| s.matter()).collect();
    matters.sort_unstable();
    matters.dedup();

    for matter in matters {
        let mut result: Option<ConsentStanding> = None;
        let mut asked_home_spoke = home.is_none();
        for with in &present {
            let id = with.id;
            let mut spoke = false;
            let folded = known
                .iter()
                .filter(|s| s.matter() == matter)
                .filter(|s| {
                    let own = s.home == id;
                    let shared = !own && shares(s, with);
                    spoke |= own || shared;
                    own || shared
                })
                .fold(Said::default(), |said, s| said.next(s));
            let own = Some(id) == home;
            asked_home_spoke |= own && spoke;
            if matter.0 == Axis::Consent && !folded.noes.is_empty() {
                standing.noes.insert((matter.1, matter.2));
            }
            let counts = own || !joined_later(with) || folded.says_no();
            let folded = folded.standing.filter(|_| counts);
            result = match (result, folded) {
                (None, folded) => folded,
                (result, None) => result,
                (Some(a), Some(b)) if own || (home.is_none() && is_lesser(&b, &a)) => {
                    Some(more_protective(b, a))
                }
                (Some(a), Some(b)) => Some(more_protective(a, b)),
            };
        }
        let Some(result) = result else { continue };
        let (axis, purpose, channel) = matter;
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
            Axis::Informed if asked_home_spoke && in_force_state(result.state) => {
                standing.informed.insert((purpose, result.by.source));
            }
            Axis::Frequency if in_force_state(result.state) => {
                standing.at_most_every.insert(channel, result.by.every_days);
            }
            Axis::Hold if in_force_state(result.state) && asked.valid < result.by.holds_until() => {
                let hold = Hold { until: result.by.holds_until(), entry: result.by.n };
                standing.holds.insert(channel, hold);
            }
            Axis::Objection | Axis::Restriction | Axis::Informed | Axis::Frequency | Axis::Hold => {
            }
        }
    }
    standing
}

/// The homes that were one subject with the asked one by what was known then; where none is asked
/// about, with the one that took the others in. A home that was joined only later stood apart: a merge
/// doesn't change what was so before it (law 10).
fn present(homes: &[Home], home: Option<i64>, known: Moment) -> Vec<&Home> {
    let asked = match home {
        Some(id) => homes.iter().find(|h| h.id == id),
        None => homes.iter().min_by_key(|h| h.moves.last().copied()),
    };
    let Some(asked) = asked else { return Vec::new() };
    let is_known = |h: &&Home| asked.joined_with(h).is_none_or(|j| j.at <= known);
    homes.iter().filter(is_known).collect()
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
    /// Whether a "no" stands.
    fn says_no(&self) -> bool {
        self.standing.is_some_and(|said| match said.by.axis {
            Axis::Consent | Axis::Permission => !self.noes.is_empty(),
            axis => axis.protects(said.state),
        })
    }

    /// One step of the fold.
    fn next(mut self, s: &Statement) -> Said {
        let now = ConsentStanding::new(s.state, *s);
        // Another claim doesn't end the one before: of two holds the longer stands, until it is lifted.
        let outlasted = |before: &ConsentStanding| {
            before.by.axis == Axis::Hold
                && (before.state, s.state) == (ConsentState::Given, ConsentState::Given)
                && before.by.holds_until() > s.holds_until()
        };
        if self.standing.as_ref().is_some_and(outlasted) {
            return self;
        }
        let Some(before) = self.standing else {
            self.noes.extend(s.protects().then_some(now));
            return Said { standing: Some(now), ..self };
        };
        if !matches!(s.axis, Axis::Consent | Axis::Permission) {
            return Said { standing: Some(now), ..self };
        }
        // A source has rows on several people, and may have several on one; the desk is one person.
        let same_row = |no: &Statement| s.source == 0 || s.record == no.record;
        let lifts = |no: &ConsentStanding| {
            s.own || s.confirmed || (s.source == no.by.source && same_row(&no.by))
        };
        let after = match s.state {
            ConsentState::Given | ConsentState::Renewed => {
                self.noes.retain(|no| !lifts(no));
                match self.noes.last() {
                    Some(no) => *no,
                    // A yes that is weaker than the one in force takes nothing back.
                    None if in_force_state(before.state) && is_weaker(s, &before.by) => before,
                    // Given while in force is a renewal.
                    None if s.state == ConsentState::Given && in_force_state(before.state) => {
                        ConsentStanding::new(ConsentState::Renewed, *s)
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

/// Whether a yes lacks what another one, to no older a notice, has.
fn is_weaker(new: &Statement, old: &Statement) -> bool {
    new.notice_version <= old.notice_version
        && ((old.explicit && !new.explicit) || (old.confirmed && !new.confirmed))
}

/// Whether what was said by one amounts to less than what was by the other.
fn is_lesser(a: &ConsentStanding, b: &ConsentStanding) -> bool {
    Terms::of(&a.by) < Terms::of(&b.by)
}

/// Of two answers the one that protects the person (law 9). Of two that say yes the first is
/// kept, and counts for no more than the other.
fn more_protective(a: ConsentStanding, b: ConsentStanding) -> ConsentStanding {
    let rank = |c: &ConsentStanding| match (c.by.axis, c.state) {
        (Axis::Objection | Axis::Restriction, ConsentState::Given) => (9, 0),
        // Of two wishes the rarer holds.
        (Axis::Frequency, ConsentState::Given) => (9, i64::from(c.by.every_days)),
        // Of two holds the longer.
        (Axis::Hold, ConsentState::Given) => (9, c.by.holds_until().0),
        (_, ConsentState::Withdrawn) => (8, 0),
        (_, ConsentState::Refused) => (7, 0),
        (_, ConsentState::Invalidated) => (6, 0),
        (_, ConsentState::Expired) => (5, 0),
        (_, ConsentState::Requested) => (4, 0),
        (_, ConsentState::Given | ConsentState::Renewed) => (1, 0),
    };
    let chosen = if rank(&b) > rank(&a) { b } else { a };
    ConsentStanding { terms: a.terms.least(b.terms), ..chosen }
}
