//! Whether something was past its retention already when it came in.
//!
//! By its own time that is a comparison. Where a purpose counts from the last contact, the person's
//! contacts up to that entry decide: everybody's are read once, when they are first asked for.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::retention::{Age, Horizons};
use crate::policy::rulebook::PurposeMask;
use crate::profile::sql as profile_sql;

use super::people::People;
use super::rules::Batch;
use super::sql;

/// The purposes whose retention was over, and whether that is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// The purposes.
    pub purposes: PurposeMask,
    /// Whether everything that the person's last contact rested on is still there.
    pub certain: bool,
}

/// Judges one item after another.
#[derive(Default)]
pub struct Overdue {
    horizons: Option<(i64, Horizons)>,
    heard: Option<Heard>,
}

impl Overdue {
    /// The purposes of which an item was past its retention when its batch came in.
    pub fn over(
        &mut self,
        conn: &Connection,
        people: &People,
        slot: usize,
        batch: &Batch,
        observed_at: Moment,
    ) -> Result<Over> {
        let horizons = match &mut self.horizons {
            Some((entry, horizons)) if *entry == batch.entry => &*horizons,
            other => &other.insert((batch.entry, Horizons::at(&batch.rules, batch.at))).1,
        };
        let none = Over { purposes: 0, certain: true };
        if horizons.none_over(observed_at) {
            return Ok(none);
        }
        let alone = horizons.over(Age { observed_at, last_contact: Moment(i64::MIN) });
        if alone == 0 {
            return Ok(none);
        }
        if self.heard.is_none() {
            self.heard = Some(Heard::load(conn, people)?);
        }
        let heard = self.heard.as_ref().expect("made above");
        let person = people.person_of(slot);
        let last_contact = heard.last(person, batch.entry);
        let purposes = horizons.over(Age { observed_at, last_contact });
        let by_contact = alone != horizons.over(Age { observed_at, last_contact: Moment::FOREVER });
        let certain = !by_contact || !heard.incomplete.contains(&person);
        Ok(Over { purposes, certain })
    }
}

/// When each person had been heard of last, by entry.
struct Heard {
    /// For each person, (entry, newest moment of what it brought), of values and of events.
    contacts: [Vec<Vec<(i64, Moment)>>; 2],
    /// People of whom something was erased, or whose records have parted.
    incomplete: HashSet<usize>,
}

impl Heard {
    fn load(conn: &Connection, people: &People) -> Result<Heard> {
        let mut batches = profile_sql::batches(conn)?;
        let nobody = || vec![Vec::new(); people.count()];
        let mut heard = Heard { contacts: [nobody(), nobody()], incomplete: HashSet::new() };
        for (kind, contacts) in heard.contacts.iter_mut().enumerate() {
            let of = |b: &profile_sql::BatchRow| match kind {
                0 => (b.first_value, b.value_count),
                _ => (b.first_event, b.event_count),
            };
            batches.sort_by_key(|batch| of(batch).0);
            let mut along = batches.iter().filter(|batch| of(batch).1 > 0).peekable();
            let each = |item: sql::Item| {
                while along.next_if(|b| of(b).0 + of(b).1 <= item.seq).is_some() {}
                let (Some(batch), Some(place)) = (along.peek(), people.place(item.record)) else {
                    return Ok(());
                };
                let heard: &mut Vec<(i64, Moment)> = &mut contacts[people.person_of(place.slot)];
                if heard.last().is_none_or(|(_, at)| *at < item.at) {
                    heard.push((batch.n, item.at));
                }
                Ok(())
            };
            match kind {
                0 => sql::values(conn, each)?,
                _ => sql::events(conn, each)?,
            }
        }
        for record in sql::records_with_gaps(conn)? {
            heard.incomplete.extend(people.place(record).map(|p| people.person_of(p.slot)));
        }
        Ok(heard)
    }

    fn last(&self, person: usize, entry: i64) -> Moment {
        let newest = |contacts: &[Vec<(i64, Moment)>]| {
            let upto = contacts[person].partition_point(|(n, _)| *n <= entry);
            upto.checked_sub(1).map(|last| contacts[person][last].1)
        };
        let [values, events] = &self.contacts;
        newest(values).max(newest(events)).unwrap_or(Moment(i64::MIN))
    }
}
