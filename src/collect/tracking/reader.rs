//! From an item to a record, by the map of a source: the same map, and the same record, as a file's.

use std::sync::Arc;

use super::item::Shape;
use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::collect::json_walk::Walk;
use crate::collect::map::Mapper;
use crate::collect::paths::Paths;
use crate::collect::record::{ConsentStatement, Record};
use crate::collect::reject::RejectReason;
use crate::collect::row::{Kind as TextKind, Row, in_aside};
use crate::collect::{AHEAD_MS_MAX, ReadOptions};
use crate::policy::types::tracking::{AT, CONSENT, EVENT, MESSAGE, PERSON, TYPE};
use crate::policy::types::{Policy, Source};

/// What an item became.
pub struct Read {
    /// The record, or why there is none.
    pub record: Result<Record, RejectReason>,
    /// Fields that the policy doesn't declare.
    pub unknown: Vec<Arc<str>>,
    /// It tells of something that the policy has no event for.
    pub is_undeclared_event: bool,
}

/// Makes records of the items of one source.
pub struct Reader {
    mapper: Mapper,
    paths: Paths,
    row: Row,
    unmapped: Vec<u32>,
    /// Slots of the answers that the map asks for.
    answers: Vec<usize>,
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
        let (answers, paths) = (answers.collect(), Paths::of(plan));
        Ok(Reader { mapper, paths, row: Row::new(), unmapped: Vec::new(), answers })
    }

    /// The categories of the consent tool that the map asks for.
    pub fn categories(&self) -> Vec<&str> {
        let wanted = self.mapper.plan().wanted();
        let names = self.answers.iter().map(|slot| &wanted[*slot][CONSENT.len() + 1..]);
        names.collect()
    }

    /// Reads an item that arrived at `now` and is the so-manieth of its intake.
    pub fn read(&mut self, shape: &Shape, line: u64, now: Moment) -> Read {
        self.mapper.set_latest(Moment(now.0.saturating_add(AHEAD_MS_MAX)));
        self.unmapped.clear();
        let walked = self.walk(shape, line);
        let record = walked.and_then(|()| self.mapper.record(&self.row)).map(|mut record| {
            let all = std::mem::take(&mut record.consents);
            record.consents = most_protective(all);
            record
        });
        let is_undeclared_event = record.is_ok()
            && shape.kind.is_event()
            && !shape.is_consent_event
            && !self.mapper.has_event_for(&self.row);
        let unknown = self.unmapped.iter().map(|node| self.paths.name(*node)).collect();
        Read { record, unknown, is_undeclared_event }
    }

    fn walk(&mut self, shape: &Shape, line: u64) -> Result<(), RejectReason> {
        self.row.clear(self.mapper.plan().wanted().len());
        self.row.line = line;
        self.row.text.push_str(&shape.text);
        let Row { text, aside, spans, .. } = &mut self.row;
        Walk::new(&mut self.paths, text, aside, spans, &mut self.unmapped).object()?;
        if shape.answers_are_whole {
            for slot in &self.answers {
                if !spans[*slot].is_set() {
                    let start = aside.len();
                    aside.push_str("false");
                    spans[*slot] = in_aside(start, aside.len(), TextKind::Bare);
                }
            }
        }
        Ok(())
    }
}

/// What one item says of one purpose and channel in two ways is the "no".
fn most_protective(all: Vec<ConsentStatement>) -> Vec<ConsentStatement> {
    let is_denied = |yes: &ConsentStatement| {
        all.iter().any(|other| {
            !other.state.loosens()
                && (&other.purpose, &other.channel) == (&yes.purpose, &yes.channel)
        })
    };
    let kept = all.iter().filter(|said| !said.state.loosens() || !is_denied(said));
    kept.cloned().collect()
}
