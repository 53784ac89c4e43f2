//! Why data is held, for how long, and what the person can do about it: the tally of items by purpose
//! and category, and the sentences that go with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::clock::Moment;
use crate::consent::fold::Standing;
use crate::consent::gate::{Direction, Question, Reason, decide};
use crate::consent::retention::{Age, kept_until};
use crate::policy::period::retention_in_words;
use crate::policy::rulebook::{PurposeMask, Rulebook, codes};
use crate::policy::types::{Controller, Purpose};
use crate::profile::read::purpose_names;
use crate::profile::sql::BatchRow;
use crate::store::{WordKind, Words};
use crate::subject::rights::{Applies, Right, applies, sentence};

use super::{CategoryNote, Held, ProfilingNote, PurposeNote, RightNote, words};

/// Whether something is a value or an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Item {
    Value,
    Event,
}

#[derive(Default)]
struct PurposeTally {
    values: u64,
    events: u64,
    until: Option<(Moment, Moment)>,
}

/// Counts items by purpose and by category as they are collected.
pub struct Tally<'a> {
    rules: &'a Rulebook,
    words: &'a Words,
    last_contact: Moment,
    purposes: BTreeMap<u8, PurposeTally>,
    categories: BTreeMap<String, (u64, u64)>,
}

impl<'a> Tally<'a> {
    pub fn new(rules: &'a Rulebook, words: &'a Words, last_contact: Moment) -> Tally<'a> {
        let (purposes, categories) = (BTreeMap::new(), BTreeMap::new());
        Tally { rules, words, last_contact, purposes, categories }
    }

    /// Counts one item and says why it is held. `holding` are the purposes that hold data of its
    /// record today.
    pub fn take(
        &mut self,
        item: Item,
        category: &str,
        purposes: PurposeMask,
        holding: PurposeMask,
        observed_at: Moment,
        batch: &BatchRow,
    ) -> Held {
        let count = self.categories.entry(category.to_owned()).or_default();
        match item {
            Item::Value => count.0 += 1,
            Item::Event => count.1 += 1,
        }
        let mut last: Option<Moment> = None;
        for code in codes(purposes) {
            let tally = self.purposes.entry(code).or_default();
            match item {
                Item::Value => tally.values += 1,
                Item::Event => tally.events += 1,
            }
            let Some(rule) = self.rules.rule(code) else { continue };
            let until = kept_until(rule, Age { observed_at, last_contact: self.last_contact });
            let (oldest, newest) = tally.until.unwrap_or((until, until));
            tally.until = Some((oldest.min(until), newest.max(until)));
            if holding & crate::policy::rulebook::bit(code) != 0 {
                last = last.max(Some(until));
            }
        }
        Held {
            purposes: purpose_names(self.words, purposes),
            holds: purpose_names(self.words, purposes & holding),
            kept_until: last.map(day),
            held_for_a_claim: None,
            entry: batch.n,
            admitted_at: Moment(batch.recorded_at).to_string(),
            policy: batch.policy,
        }
    }

    /// The purposes with what is held for them; `also` names further ones by code, for which
    /// something was said or sent.
    pub fn purposes(
        &self,
        also: &BTreeSet<u8>,
        standing: &Standing,
        now: Moment,
    ) -> Vec<PurposeNote> {
        let all: BTreeSet<u8> = self.purposes.keys().chain(also).copied().collect();
        let none = PurposeTally::default();
        all.into_iter()
            .map(|code| {
                self.purpose(code, self.purposes.get(&code).unwrap_or(&none), standing, now)
            })
            .collect()
    }

    fn purpose(
        &self,
        code: u8,
        tally: &PurposeTally,
        standing: &Standing,
        now: Moment,
    ) -> PurposeNote {
        let name = self.words.text(WordKind::Purpose, i64::from(code)).to_owned();
        let rule = self.rules.rule(code);
        let ask = Question::new(Direction::Use, now);
        let verdict = rule.map(|rule| decide(self.rules, rule, ask, standing));
        let purpose = rule.map(|rule| &rule.purpose);
        PurposeNote {
            title: purpose.map_or_else(|| name.clone(), |p| p.title.clone()),
            name,
            basis: purpose.map(|p| p.basis),
            rests_on: purpose.and_then(|p| p.law.clone().or_else(|| p.assessment.clone())),
            holds: matches!(verdict, Some(Ok(_))),
            reason: match verdict {
                Some(Ok(_)) => None,
                Some(Err(reason)) => Some((reason.code(), words::reason(reason))),
                None => {
                    let reason = Reason::PurposeNotDeclared;
                    Some((reason.code(), words::reason(reason)))
                }
            },
            profiling: purpose.is_some_and(|p| p.profiling),
            values: tally.values,
            events: tally.events,
            retention: purpose.map(|p| retention_in_words(p.retention)).unwrap_or_default(),
            oldest_until: tally.until.map(|(oldest, _)| day(oldest)),
            newest_until: tally.until.map(|(_, newest)| day(newest)),
            rights: purpose.map(|p| rights(p, &self.rules.policy.controller)).unwrap_or_default(),
        }
    }

    /// The categories of what is held.
    pub fn categories(&self) -> Vec<CategoryNote> {
        let note = |(name, (values, events)): (&String, &(u64, u64))| {
            let declared = self.rules.policy.categories.get(name);
            CategoryNote {
                name: name.clone(),
                title: match (declared, name.as_str()) {
                    (Some(category), _) => category.title.clone(),
                    (None, KEY) => "The number or name under which a source keeps you".to_owned(),
                    (None, _) => name.clone(),
                },
                special: declared.is_some_and(|category| category.special),
                values: *values,
                events: *events,
            }
        };
        self.categories.iter().map(note).collect()
    }
}

/// The category of a source's own key.
pub const KEY: &str = "key";

/// All rights for data of a purpose; the complaint names the authority.
fn rights(purpose: &Purpose, controller: &Controller) -> Vec<RightNote> {
    let basis = purpose.basis;
    let note = |right: Right| {
        let no_marketing = right == Right::ObjectToMarketing && !purpose.marketing;
        RightNote {
            right,
            name: right.name(),
            article: right.article(),
            applies: match applies(right, basis) {
                _ if no_marketing => "no",
                Applies::Yes => "yes",
                Applies::Conditional(_) => "conditional",
                Applies::No(_) => "no",
            },
            sentence: match (right, &controller.authority) {
                _ if no_marketing => "This is no direct marketing.".to_owned(),
                (Right::Complain, Some(authority)) => {
                    format!("{} {authority}.", sentence(right, basis))
                }
                _ => sentence(right, basis).to_owned(),
            },
        }
    };
    Right::ALL.into_iter().map(note).collect()
}

/// What is to be said about profiling (Art 15(1)(h)): what is done with this person's data, and what
/// isn't.
pub fn profiling(purposes: &[PurposeNote]) -> ProfilingNote {
    const NO_DECISION: &str = "The program that keeps your data (candor) takes no decision about you by \
                               itself that has legal or similar effect on you.";
    let holding = |p: &&PurposeNote| p.profiling && p.values + p.events > 0;
    let does: Vec<&PurposeNote> = purposes.iter().filter(holding).collect();
    let idle = purposes.iter().filter(|p| p.profiling && p.values + p.events == 0);
    let titles = |all: &[&PurposeNote]| {
        all.iter().map(|p| format!("“{}”", p.title)).collect::<Vec<_>>().join(", ")
    };
    let (used, unused): (Vec<_>, Vec<_>) = does.iter().partition(|p| p.holds);
    let mut sentences = Vec::new();
    if !used.is_empty() {
        sentences.push(format!(
            "For these purposes we look at what we hold about you for them as a whole, to evaluate you or \
             to suppose what suits you (profiling): {}. Counts and sums that we computed stand in this \
             answer, under “What we computed”.",
            titles(&used)
        ));
    }
    if !unused.is_empty() {
        sentences.push(format!(
            "For these we hold something about you but may not use it, so no profile of you is built: {}.",
            titles(&unused)
        ));
    }
    let idle: Vec<&PurposeNote> = idle.collect();
    if !idle.is_empty() {
        sentences.push(format!(
            "For these we would build a profile, but hold nothing about you, so none is built: {}.",
            titles(&idle)
        ));
    }
    if sentences.is_empty() {
        sentences.push("We build no profile of you for any of these purposes.".to_owned());
    }
    sentences.push(NO_DECISION.to_owned());
    ProfilingNote {
        purposes: does.iter().map(|p| p.name.clone()).collect(),
        sentence: sentences.join(" "),
    }
}

fn day(moment: Moment) -> String {
    moment.utc().date_naive().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose(title: &str, values: u64, holds: bool) -> PurposeNote {
        PurposeNote {
            name: title.to_owned(),
            title: title.to_owned(),
            basis: None,
            rests_on: None,
            holds,
            reason: None,
            profiling: true,
            values,
            events: 0,
            retention: String::new(),
            oldest_until: None,
            newest_until: None,
            rights: Vec::new(),
        }
    }

    /// Art 15(1)(h) asks what is done with this person's data: not what would be with another's.
    #[test]
    fn a_profile_that_is_not_built_is_not_said_to_be() {
        let refused = profiling(&[purpose("Suggestions", 0, false)]);
        assert_eq!(refused.purposes, Vec::<String>::new());
        assert!(refused.sentence.contains("none is built: “Suggestions”"), "{}", refused.sentence);
        assert!(!refused.sentence.contains("we look at"), "{}", refused.sentence);
        let both = profiling(&[purpose("Suggestions", 3, true), purpose("Scores", 2, false)]);
        assert_eq!(both.purposes, ["Suggestions", "Scores"]);
        assert!(both.sentence.contains("(profiling): “Suggestions”."), "{}", both.sentence);
        assert!(
            both.sentence.contains("no profile of you is built: “Scores”"),
            "{}",
            both.sentence
        );
        assert!(profiling(&[]).sentence.contains("no profile of you"));
    }
}
