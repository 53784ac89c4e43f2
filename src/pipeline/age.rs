//! How old a row is at the gate: from when each purpose's retention counts for it.

use std::rc::Rc;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::collect::{MappedEvent, Record as Inbound};
use crate::consent::retention::{Age, Horizons};
use crate::policy::rulebook::PurposeMask;
use crate::profile::read::{last_contact, open_records};
use crate::store::Writer;

use super::admit::Admission;

/// What the gate knows of a row's age.
pub(super) struct RowAge {
    horizons: Rc<Horizons>,
    observed_at: Moment,
    last_contact: Moment,
}

impl RowAge {
    /// The purposes whose retention is over for an event, or for the row's values where no moment of
    /// their own is given.
    pub(super) fn over(&self, happened_at: Option<Moment>) -> PurposeMask {
        let observed_at = happened_at.unwrap_or(self.observed_at);
        self.horizons.over(Age { observed_at, last_contact: self.last_contact })
    }
}

impl Admission<'_> {
    /// The age of a row about these subjects. When they were last heard of, which is what `retain
    /// run` would count from, is read only where a purpose's retention might be over; the row itself
    /// counts as far as it is let in.
    pub(super) fn age(
        &self,
        writer: &Writer<'_>,
        inbound: &Inbound,
        subjects: &[i64],
        open: PurposeMask,
    ) -> Result<RowAge> {
        let observed_at = inbound.observed.unwrap_or(writer.now);
        let happened = |event: &MappedEvent| event.at.unwrap_or(observed_at);
        let horizons = Rc::clone(&self.horizons);
        let oldest = inbound.events.iter().map(happened).fold(observed_at, Moment::min);
        if horizons.none_over(oldest) {
            return Ok(RowAge { horizons, observed_at, last_contact: oldest });
        }
        let mut heard = Moment(i64::MIN);
        let names: Vec<i64> = self.events.iter().map(|plan| plan.name).collect();
        for subject in subjects {
            let records = open_records(writer.conn, writer.words, *subject)?;
            heard = heard.max(last_contact(&records));
            let running = records.iter().filter_map(|r| self.memory.last_event(r.id, &names));
            heard = running.fold(heard, Moment::max);
        }
        let mut last_contact = heard;
        for event in &inbound.events {
            let asked = self.events[event.map].asked;
            let age = Age { observed_at: happened(event), last_contact: heard };
            if asked.closed.is_none() && asked.candidates & open & !horizons.over(age) != 0 {
                last_contact = last_contact.max(happened(event));
            }
        }
        Ok(RowAge { horizons, observed_at, last_contact })
    }
}
