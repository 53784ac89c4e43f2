//! A source's field map, prepared for deciding: which purposes could ever admit each field.

use crate::consent::gate::Reason;
use crate::policy::rulebook::{PurposeMask, Rulebook, bit, codes};
use crate::policy::types::{Source, Target};
use crate::store::{WordKind, Words};

/// What the field map says of one field.
pub(super) struct FieldPlan {
    /// The code of what it becomes.
    pub(super) field: i64,
    /// The same as a text.
    pub(super) text: String,
    pub(super) target: Target,
    pub(super) asked: Asked,
    /// Of an identifier: the code and the text of what it becomes where it isn't verified.
    pub(super) unverified: Option<(i64, String)>,
    /// Whether it is, where the map says so.
    pub(super) verified: Option<bool>,
}

/// What the map says of one kind of event.
pub(super) struct EventPlan {
    /// The code of its name.
    pub(super) name: i64,
    /// Its name.
    pub(super) text: String,
    pub(super) asked: Asked,
    /// The destinations that are sent it, by their numbers, each with its purpose.
    pub(super) sent_to: Vec<(i64, PurposeMask)>,
}

/// The purposes that the gate is asked for, for a category of data from a source.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// Those that cover the category, that the source serves, and that meet Art 9 where it applies.
    pub(super) candidates: PurposeMask,
    /// Why there are none, where the map itself rules it out.
    pub(super) closed: Option<Reason>,
}

impl Asked {
    fn new(rules: &Rulebook, serves: PurposeMask, category: &str) -> Asked {
        let covering = rules.covering(category);
        let serving = covering & serves;
        let candidates = if rules.is_special(category) {
            codes(serving)
                .filter_map(|code| rules.rule(code))
                .filter(|rule| rule.purpose.special_condition.is_some())
                .fold(0, |mask, rule| mask | bit(rule.code))
        } else {
            serving
        };
        let closed = match (candidates, serving, covering) {
            (0, 0, _) if rules.is_special(category) => Some(Reason::SpecialCategory),
            (0, 0, 0) => Some(Reason::CategoryNotCovered),
            (0, 0, _) => Some(Reason::SourceNotForPurpose),
            (0, _, _) => Some(Reason::SpecialCategory),
            _ => None,
        };
        Asked { candidates, closed }
    }
}

/// The plans of a source's fields, in the order of its map.
pub(super) fn fields(words: &Words, rules: &Rulebook, source: &Source) -> Vec<FieldPlan> {
    let serves = rules.mask(&source.purposes);
    let plan = |field: &crate::policy::types::FieldMap| {
        let mut stored = field.target.stored().into_iter();
        let text = stored.next().unwrap_or_default();
        let code = |text: &str| words.code(WordKind::Field, text).unwrap_or(0);
        FieldPlan {
            field: code(&text),
            unverified: stored.next().map(|text| (code(&text), text)),
            verified: field.verified,
            text,
            target: field.target.clone(),
            asked: Asked::new(rules, serves, &field.category),
        }
    };
    source.fields.iter().map(plan).collect()
}

/// The plans of a source's events, in the order of its map.
pub(super) fn events(words: &Words, rules: &Rulebook, source: &Source) -> Vec<EventPlan> {
    let serves = rules.mask(&source.purposes);
    let plan = |event: &crate::policy::types::EventMap| EventPlan {
        name: words.code(WordKind::Event, &event.name).unwrap_or(0),
        text: event.name.clone(),
        asked: Asked::new(rules, serves, &event.category),
        sent_to: sent_to(words, rules, &event.name),
    };
    source.events.iter().map(plan).collect()
}

/// The destinations that are sent an event.
fn sent_to(words: &Words, rules: &Rulebook, event: &str) -> Vec<(i64, PurposeMask)> {
    let destinations = rules.policy.destinations.iter();
    let sent_to = destinations.filter(|(_, destination)| {
        destination.is_sent_to() && destination.events.iter().any(|name| name == event)
    });
    sent_to
        .filter_map(|(name, destination)| {
            let purpose = bit(rules.purpose_code(&destination.purpose)?);
            Some((words.code(WordKind::Destination, name)?, purpose))
        })
        .collect()
}
