//! From one thing that was sent to a record, by the map of a source: the same map, and the same record,
//! as a file's.

use std::sync::Arc;

use super::AHEAD_MS_MAX;
use super::json_walk::Walk;
use super::map::Mapper;
use super::paths::Paths;
use super::record::{ConsentStatement, Record};
use super::reject::RejectReason;
use super::row::{Plan, Row};
use crate::base::clock::Moment;

/// What became of one thing that was sent.
pub struct Read {
    /// The record, or why there is none.
    pub record: Result<Record, RejectReason>,
    /// Fields that the policy doesn't declare.
    pub unknown: Vec<Arc<str>>,
    /// It tells of something that the policy has no event for.
    pub is_undeclared_event: bool,
}

/// Reads JSON objects by the map of one source.
pub(super) struct ObjectReader {
    mapper: Mapper,
    paths: Paths,
    row: Row,
    unmapped: Vec<u32>,
}

impl ObjectReader {
    pub fn new(mapper: Mapper) -> ObjectReader {
        let paths = Paths::of(mapper.plan());
        ObjectReader { mapper, paths, row: Row::new(), unmapped: Vec::new() }
    }

    /// The fields that the map names.
    pub fn plan(&self) -> &Plan {
        self.mapper.plan()
    }

    /// Whether the map has an event for what was read last.
    pub fn has_event(&self) -> bool {
        self.mapper.has_event_for(&self.row)
    }

    /// Reads an object that arrived at `now` and is the so-manieth of its intake. `complete` may add
    /// fields that the object leaves out.
    pub fn read(
        &mut self,
        text: &str,
        line: u64,
        now: Moment,
        complete: impl FnOnce(&mut Row),
    ) -> Read {
        self.mapper.set_latest(Moment(now.0.saturating_add(AHEAD_MS_MAX)));
        self.unmapped.clear();
        let walked = self.walk(text, line);
        let record = walked.and_then(|()| {
            complete(&mut self.row);
            let mut record = self.mapper.record(&self.row)?;
            record.consents = most_protective(std::mem::take(&mut record.consents));
            Ok(record)
        });
        let unknown = self.unmapped.iter().map(|node| self.paths.name(*node)).collect();
        Read { record, unknown, is_undeclared_event: false }
    }

    fn walk(&mut self, text: &str, line: u64) -> Result<(), RejectReason> {
        self.row.clear(self.mapper.plan().wanted().len());
        self.row.line = line;
        self.row.text.push_str(text);
        let Row { text, aside, spans, .. } = &mut self.row;
        Walk::new(&mut self.paths, text, aside, spans, &mut self.unmapped).object()
    }
}

/// What is said of one purpose and channel in two ways at once is the "no".
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
