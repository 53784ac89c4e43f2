//! What the gate answers for one person, purpose by purpose, and until when it answers the same.
//!
//! An import asks the same question for every value of a person. The answers are few, so whoever
//! asks again and again keeps them; what makes that safe is `steady_until`: the first moment at which
//! time alone could change an answer. Whatever is said in between has the answers asked for anew.

use crate::base::clock::Moment;
use crate::policy::rulebook::{PurposeCode, PurposeMask, Rulebook, bit};

use super::fold::Standing;
use super::gate::{Direction, Question, Reason, after, decide};
use super::history::History;

/// The gate's answers to "may this come in?" for every purpose of a policy. A value's category and
/// its source narrow them beforehand; they change none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answers {
    /// The purposes that admit.
    pub open: PurposeMask,
    closed: Vec<(PurposeCode, Reason)>,
}

impl Answers {
    /// Asks the gate for every purpose.
    pub fn of(rules: &Rulebook, standing: &Standing, at: Moment) -> Answers {
        let question = Question::new(Direction::In, at);
        let mut answers = Answers { open: 0, closed: Vec::new() };
        for rule in rules.rules() {
            match decide(rules, rule, question, standing) {
                Ok(_) => answers.open |= bit(rule.code),
                Err(reason) => answers.closed.push((rule.code, reason)),
            }
        }
        answers
    }

    /// Why a purpose doesn't admit; a purpose that the policy doesn't declare has no reason to.
    pub fn reason(&self, purpose: PurposeCode) -> Reason {
        let known = self.closed.iter().find(|(code, _)| *code == purpose);
        known.map_or(Reason::PurposeNotDeclared, |(_, reason)| *reason)
    }
}

/// The first moment after `at` at which the answers may differ though nobody says anything: a
/// statement that counts only from then on, a consent that expires, a purpose that begins.
pub fn steady_until(
    rules: &Rulebook,
    history: &History,
    standing: &Standing,
    at: Moment,
) -> Moment {
    let said = history.statements.iter().flat_map(|s| [s.counts_from(), s.recorded_at]);
    let joined = history.homes.iter().flat_map(|home| &home.moves).map(|joined| joined.at);
    let declared = rules.rules().map(|rule| rule.declared_at);
    let expiring = standing.consents.iter().filter_map(|((purpose, _), consent)| {
        let period = rules.rule(*purpose)?.purpose.consent_expires?;
        Some(after(consent.terms.since, period))
    });
    let moments = said.chain(joined).chain(declared).chain(expiring);
    moments.filter(|moment| *moment > at).min().unwrap_or(Moment::FOREVER)
}
