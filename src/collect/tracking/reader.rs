//! From an item to a record, by the map of a source: the same map, and the same record, as a file's.

use std::sync::Arc;

use super::consents::{DERIVED, UNREADABLE, is_among};
use super::item::Shape;
use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::collect::ReadOptions;
use crate::collect::map::Mapper;
use crate::collect::row::{Kind as TextKind, Row, in_aside};
use crate::collect::sent::{ObjectReader, Read};
use crate::policy::types::tracking::{AT, CONSENT, EVENT, MESSAGE, PERSON, TYPE};
use crate::policy::types::{Policy, Source, Take};

/// Makes records of the items of one source.
pub struct Reader {
    objects: ObjectReader,
    /// Slots of the answers that the map asks for.
    answers: Vec<usize>,
    /// Slots from which the map takes what is said of a consent.
    states: Vec<usize>,
}

impl Reader {
    /// Resolves a source's map.
    ///
    /// # Errors
    /// Those that `policy check` also finds.
    pub fn new(policy: &Policy, source: &Source) -> Result<Reader> {
        let mut mapper = Mapper::new(source, &ReadOptions::of(policy, Moment(0)))?;
        for name in [TYPE, MESSAGE, AT, PERSON, EVENT, "name", "category", "gpc"] {
            mapper.ignore(name);
        }
        // Every item has them, and the person is known by the key.
        for name in ["userId", "anonymousId", "previousId", "groupId"] {
            mapper.ignore(name);
        }
        let plan = mapper.plan();
        let is_answer = |name: &Arc<str>| {
            name.strip_prefix(CONSENT).is_some_and(|category| category.starts_with('.'))
        };
        let answers = (0..plan.wanted().len()).filter(|slot| is_answer(&plan.wanted()[*slot]));
        let answers = answers.collect();
        let states = source.consents.iter().filter_map(|map| match &map.state {
            Take::Field { from, .. } => plan.slot(from),
            Take::Fixed(_) => None,
        });
        let states = states.collect();
        Ok(Reader { objects: ObjectReader::new(mapper), answers, states })
    }

    /// The categories of the consent tool that the map asks for.
    pub fn categories(&self) -> Vec<&str> {
        let wanted = self.objects.plan().wanted();
        let names = self.answers.iter().map(|slot| &wanted[*slot][CONSENT.len() + 1..]);
        names.collect()
    }

    /// Reads an item that arrived at `now` and is the so-manieth of its intake.
    pub fn read(&mut self, shape: &Shape, line: u64, now: Moment) -> Read {
        let Reader { objects, answers, states } = self;
        let wanted = objects.plan().wanted();
        let doubted = |slot: &usize| is_among(shape.unreadable.iter(), &wanted[*slot]);
        let doubted: Vec<usize> = states.iter().copied().filter(doubted).collect();
        let mut read = objects.read(&shape.text, line, now, |row| {
            // No map knows this word, so it is what any unknown word is: it may be a "no".
            fill(row, &doubted, UNREADABLE);
            if shape.answers_are_whole {
                // What a whole object of answers leaves out was not agreed to.
                fill(row, answers, "false");
            }
        });
        if let Ok(record) = &mut read.record {
            record.names_somebody = shape.names_somebody;
        }
        read.unknown.retain(|name| !is_derived(name));
        read.is_undeclared_event = read.record.is_ok()
            && shape.kind.is_event()
            && !shape.is_consent_event
            && !self.objects.has_event();
        read
    }
}

/// Whether a field is one of many that were made of one string or object.
fn is_derived(name: &str) -> bool {
    let rest = DERIVED.iter().find_map(|object| name.strip_prefix(object));
    rest.is_some_and(|rest| rest != UNREADABLE)
}

/// Says a word where nothing is said.
fn fill(row: &mut Row, slots: &[usize], word: &str) {
    for slot in slots {
        if !row.spans[*slot].is_set() {
            let start = row.aside.len();
            row.aside.push_str(word);
            row.spans[*slot] = in_aside(start, row.aside.len(), TextKind::Bare);
        }
    }
}
