//! The counts of an import that was cut off and goes on from an earlier line.
//!
//! While rows of an event of many rows are outstanding, an import goes on from the line where the first of them
//! stood, and reads again what it had counted behind it. What it kept is held by then and counted for good; what
//! it only saw is counted from that line on. So the store keeps both: the counts so far, and those at that line.

use serde::{Deserialize, Serialize};

use super::summary::{PurposeCount, Summary};

/// The counts as they are kept between two runs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(flatten)]
    total: Summary,
    /// At the line from which it goes on, where more was counted since.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_line: Option<Summary>,
}

/// How many events and records were counted as new behind the line that is being read: they are met again.
#[derive(Clone, Copy, Debug, Default)]
struct Ahead {
    events: u64,
    records: u64,
}

/// The counts at the line from which an import would go on.
#[derive(Debug, Default)]
pub(super) struct Settled {
    ahead: Ahead,
    /// While rows of an event are outstanding.
    at_line: Option<Summary>,
}

impl Kept {
    /// The counts so far.
    pub(super) fn total(&self) -> &Summary {
        &self.total
    }

    /// The counts with which a run begins: what was kept of all that was read, what was seen up to its line.
    pub(super) fn resumed(self) -> (Summary, Settled) {
        let Some(at_line) = self.at_line else { return (self.total, Settled::default()) };
        let Kept { total, .. } = self;
        let ahead = Ahead {
            events: total.events_new.saturating_sub(at_line.events_new),
            records: written(&total).saturating_sub(written(&at_line)),
        };
        let mut summary = Summary {
            records_new: total.records_new,
            records_changed: total.records_changed,
            values_new: total.values_new,
            events_new: total.events_new,
            statements: total.statements,
            merges: total.merges,
            partings: total.partings,
            returned: total.returned,
            ..at_line
        };
        summary.purposes.values_mut().for_each(|count| (count.values, count.events) = (0, 0));
        for (name, PurposeCount { values, events, .. }) in total.purposes {
            let count = summary.purpose(&name);
            (count.values, count.events) = (values, events);
        }
        (summary, Settled { ahead, at_line: None })
    }
}

fn written(summary: &Summary) -> u64 {
    summary.records_new + summary.records_changed
}

impl Settled {
    /// Before an item is counted: whether rows of an event are outstanding with it.
    pub(super) fn meet(&mut self, is_settled: bool, summary: &Summary) {
        match (is_settled, &self.at_line) {
            (true, Some(_)) => self.at_line = None,
            (false, None) => {
                self.at_line = Some(Summary {
                    events_new: summary.events_new.saturating_sub(self.ahead.events),
                    records_new: written(summary).saturating_sub(self.ahead.records),
                    records_changed: 0,
                    ..summary.clone()
                });
            }
            _ => {}
        }
    }

    /// After a record was counted, with the counts of `before` of (events that are known, records that say
    /// nothing new): those that were new to an earlier run stay counted as that.
    pub(super) fn recognise(&mut self, before: (u64, u64), summary: &mut Summary) {
        let events = (summary.events_known - before.0).min(self.ahead.events);
        let records = (summary.records_unchanged - before.1).min(self.ahead.records);
        summary.events_known -= events;
        summary.records_unchanged -= records;
        self.ahead.events -= events;
        self.ahead.records -= records;
    }

    /// The counts as they are to be kept.
    pub(super) fn keep(&self, summary: &Summary) -> Kept {
        Kept { total: summary.to_keep(), at_line: self.at_line.as_ref().map(Summary::to_keep) }
    }
}
