//! Counts of an import: what came in under which purpose, what was kept out and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::consent::gate::Reason;
use crate::policy::rulebook::{PurposeMask, Rulebook};

/// The counts of one import. Only names of the policy and codes of reasons stand here, never values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
// What an earlier version didn't count is none.
#[serde(default)]
pub struct Summary {
    /// Rows read, the unreadable ones among them.
    pub rows: u64,
    /// Rows that could not be read, by reason.
    pub unreadable: BTreeMap<String, u64>,
    /// Unreadable rows of which can't be told whether they are rows of an event of many rows; such an
    /// event may have come in without them.
    pub rows_of_unknown_events: u64,
    /// Rows that name no person: nothing personal is kept of them.
    pub rows_without_person: u64,
    /// Records that are new.
    pub records_new: u64,
    /// Records that said something new.
    pub records_changed: u64,
    /// Records that said nothing new.
    pub records_unchanged: u64,
    /// Records of which nothing was kept, by reason.
    pub records_refused: BTreeMap<String, u64>,
    /// Values and events by purpose.
    pub purposes: BTreeMap<String, PurposeCount>,
    /// Values that no purpose admitted, by field and reason.
    pub stripped: BTreeMap<String, BTreeMap<String, u64>>,
    /// Events that no purpose admitted, by name and reason.
    pub events_refused: BTreeMap<String, BTreeMap<String, u64>>,
    /// Values that were kept (new ones).
    pub values_new: u64,
    /// Values that their source said before what is held of it: old news, and not kept.
    pub values_older: u64,
    /// Events that were kept (new ones).
    pub events_new: u64,
    /// Events that were held already, and say the same.
    pub events_known: u64,
    /// Events that were held already, and of which the file says something else: kept as first said.
    pub events_differ: u64,
    /// Rows of those among them that are of many rows: handed back.
    pub rows_of_known_events: u64,
    /// Consent statements that were recorded, by purpose and state.
    pub statements: BTreeMap<String, BTreeMap<String, u64>>,
    /// Consent statements that were not taken, by reason.
    pub statements_refused: BTreeMap<String, u64>,
    /// Statements among those that were recorded that say no and name no purpose which the policy declares:
    /// each holds for all that its source serves.
    pub noes_of_no_purpose: u64,
    /// Profiles that were joined.
    pub merges: u64,
    /// Profiles that were parted from others, because a value that held them together turned out to be shared.
    pub partings: u64,
    /// Erased people who came back by their own act.
    pub returned: u64,
}

/// What stands for the names of fields that the policy doesn't declare. A file can name its columns
/// after people, so such a name is never stored, and not shown where it looks like somebody's data.
pub const UNDECLARED: &str = "fields that the policy does not declare";

/// What was kept for one purpose, and what it didn't admit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurposeCount {
    /// Values that were kept (new ones).
    pub values: u64,
    /// Events that were kept (new ones).
    pub events: u64,
    /// Values and events that the purpose covers and did not admit, by reason.
    pub withheld: BTreeMap<String, u64>,
}

/// What was kept since it was last poured out, by the codes of purposes: millions of values
/// are counted without looking a name up.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    values: [u64; PURPOSES_MAX],
    events: [u64; PURPOSES_MAX],
}

/// Codes of purposes count from 1 to this.
const PURPOSES_MAX: usize = 62;

impl Default for Tally {
    fn default() -> Tally {
        Tally { values: [0; PURPOSES_MAX], events: [0; PURPOSES_MAX] }
    }
}

impl Tally {
    /// Counts a value.
    pub(super) fn value(&mut self, purposes: PurposeMask) {
        Tally::add(&mut self.values, purposes);
    }

    /// Counts an event.
    pub(super) fn event(&mut self, purposes: PurposeMask) {
        Tally::add(&mut self.events, purposes);
    }

    fn add(counts: &mut [u64; PURPOSES_MAX], mut purposes: PurposeMask) {
        while purposes != 0 {
            counts[purposes.trailing_zeros() as usize] += 1;
            purposes &= purposes - 1;
        }
    }

    /// Adds everything to the counts by name, and begins anew.
    pub(super) fn pour(&mut self, rules: &Rulebook, summary: &mut Summary) {
        for rule in rules.rules() {
            let index = usize::from(rule.code) - 1;
            if self.values[index] + self.events[index] > 0 {
                let count = summary.purpose(&rule.name);
                count.values += self.values[index];
                count.events += self.events[index];
            }
        }
        *self = Tally::default();
    }
}

/// Adds one to a count.
pub fn count(map: &mut BTreeMap<String, u64>, key: &str) {
    match map.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            map.insert(key.to_owned(), 1);
        }
    }
}

/// Adds one to a count by field and reason.
pub fn count_reason(map: &mut BTreeMap<String, BTreeMap<String, u64>>, field: &str, reason: &str) {
    if !map.contains_key(field) {
        map.insert(field.to_owned(), BTreeMap::new());
    }
    count(map.get_mut(field).expect("put in above"), reason);
}

impl Summary {
    /// Whether the import changed the store.
    pub fn changed_nothing(&self) -> bool {
        self.records_new == 0
            && self.records_changed == 0
            && self.values_new == 0
            && self.events_new == 0
            && self.statements.is_empty()
            && self.merges == 0
            && self.returned == 0
    }

    /// Whether rows, values, events or consents were kept out, or couldn't be read, or what is held
    /// stays though the file says something else.
    pub fn kept_something_out(&self) -> bool {
        self.rows_without_person > 0
            || [&self.unreadable, &self.records_refused, &self.statements_refused]
                .iter()
                .any(|counts| !counts.is_empty())
            || !self.stripped.is_empty()
            || !self.events_refused.is_empty()
            || self.events_differ + self.values_older > 0
    }

    /// Whether there were rows and none of them could be read.
    pub fn is_unreadable(&self) -> bool {
        self.rows > 0 && self.unreadable.values().sum::<u64>() == self.rows
    }

    /// The counts of a file that was imported before: nothing of it is new. People who were erased
    /// since are refused, and stay counted.
    #[must_use]
    pub fn as_known(self) -> Summary {
        Summary {
            rows: self.rows,
            unreadable: self.unreadable,
            rows_of_unknown_events: self.rows_of_unknown_events,
            rows_without_person: self.rows_without_person,
            records_unchanged: self.records_new + self.records_changed + self.records_unchanged,
            records_refused: self.records_refused,
            values_older: self.values_older,
            events_known: self.events_known + self.events_new,
            events_differ: self.events_differ,
            rows_of_known_events: self.rows_of_known_events,
            ..Summary::default()
        }
    }

    /// The counts as they are kept in the store: without names that the policy doesn't declare.
    pub fn to_keep(&self) -> Summary {
        let mut kept = Summary { stripped: BTreeMap::new(), ..self.clone() };
        for (field, reasons) in &self.stripped {
            for (reason, count) in reasons {
                let is_declared = reason != Reason::UnknownField.code();
                let name = if is_declared { field } else { UNDECLARED };
                let counts = kept.stripped.entry(name.to_owned()).or_default();
                *counts.entry(reason.clone()).or_default() += count;
            }
        }
        kept
    }

    /// The count of a purpose.
    pub fn purpose(&mut self, name: &str) -> &mut PurposeCount {
        if !self.purposes.contains_key(name) {
            self.purposes.insert(name.to_owned(), PurposeCount::default());
        }
        self.purposes.get_mut(name).expect("put in above")
    }
}
