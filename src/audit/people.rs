//! Everybody at once: where each record belongs and everything that was ever said, read in two passes.
//!
//! A report over a million profiles can't ask a question for each. Records and statements are read in
//! the order in which they lie in the file and grouped in memory; the fold is the gate's own.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::base::error::Result;
use crate::consent::fold::{AsOf, Home, Joined, Standing, standing};
use crate::consent::statement::Statement;

use super::sql;

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its subject.
    pub subject: i64,
    /// The subject that it was born into.
    pub home: i64,
    /// The code of its source.
    pub source: i64,
    /// The number of its (subject, home) among all.
    pub slot: usize,
}

/// A person: one subject that holds records.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// The subject.
    pub subject: i64,
    first_home: usize,
    end_home: usize,
    first_said: usize,
    end_said: usize,
}

/// Everybody.
#[derive(Debug, Default)]
pub struct People {
    places: Vec<Option<Place>>,
    people: Vec<Person>,
    by_slot: Vec<usize>,
    homes: Vec<Home>,
    said: Vec<Statement>,
    public: Vec<(i64, i64)>,
}

impl People {
    /// Reads everybody.
    pub fn load(conn: &Connection) -> Result<People> {
        let mut people = People::default();
        let mut homes: Vec<(i64, i64, i64)> = Vec::new();
        sql::records(conn, |id, subject, home, source| {
            let Ok(at) = usize::try_from(id) else { return };
            if people.places.len() <= at {
                people.places.resize(at + 1, None);
            }
            people.places[at] = Some(Place { subject, home, source, slot: 0 });
            homes.push((subject, home, id));
        })?;
        homes.sort_unstable();
        homes.dedup_by_key(|(subject, home, _)| (*subject, *home));
        for place in people.places.iter_mut().flatten() {
            place.slot = homes
                .binary_search_by_key(&(place.subject, place.home), |(s, h, _)| (*s, *h))
                .expect("the home of every record was collected above");
        }
        let mut moves = standing_merges(conn)?;
        for (subject, home, oldest) in &homes {
            if people.people.last().is_none_or(|person| person.subject != *subject) {
                let first_home = people.homes.len();
                let (end_home, first_said, end_said) = (first_home, 0, 0);
                let subject = *subject;
                people.people.push(Person { subject, first_home, end_home, first_said, end_said });
            }
            people.homes.push(Home { id: *home, moves: moves.remove(oldest).unwrap_or_default() });
            people.by_slot.push(people.people.len() - 1);
            people.people.last_mut().expect("pushed above").end_home = people.homes.len();
        }
        people.read_statements(conn)?;
        sql::subjects(conn, |id, public| people.public.push((id, public)))?;
        people.public.sort_unstable();
        Ok(people)
    }

    fn read_statements(&mut self, conn: &Connection) -> Result<()> {
        let mut said: Vec<(usize, Statement)> = Vec::new();
        sql::statements(conn, |record, mut statement| {
            if let Some(place) = self.place(record) {
                statement.home = place.home;
                said.push((self.by_slot[place.slot], statement));
            }
        })?;
        // Stable: within a person the order of the ledger stays.
        said.sort_by_key(|(person, _)| *person);
        let mut at = 0;
        for (index, person) in self.people.iter_mut().enumerate() {
            person.first_said = at;
            while said.get(at).is_some_and(|(owner, _)| *owner == index) {
                at += 1;
            }
            person.end_said = at;
        }
        self.said = said.into_iter().map(|(_, statement)| statement).collect();
        Ok(())
    }

    /// Where a record belongs; `None` for one that is gone.
    pub fn place(&self, record: i64) -> Option<Place> {
        *self.places.get(usize::try_from(record).ok()?)?
    }

    /// Everybody who holds records, by subject.
    pub fn all(&self) -> &[Person] {
        &self.people
    }

    /// How many (subject, home) pairs there are.
    pub fn slots(&self) -> usize {
        self.homes.len()
    }

    /// The person of a slot.
    pub fn person_of(&self, slot: usize) -> &Person {
        &self.people[self.by_slot[slot]]
    }

    /// The number of a slot's person in [`People::all`].
    pub fn index_of(&self, slot: usize) -> usize {
        self.by_slot[slot]
    }

    /// Everything that a person said, in ledger order.
    pub fn said(&self, person: &Person) -> &[Statement] {
        &self.said[person.first_said..person.end_said]
    }

    /// Everything that anybody said.
    pub fn everything_said(&self) -> &[Statement] {
        &self.said
    }

    /// The homes of a person.
    pub fn homes(&self, person: &Person) -> &[Home] {
        &self.homes[person.first_home..person.end_home]
    }

    /// Where one home stands: what decides over its records' data.
    pub fn standing_of(&self, slot: usize, asked: AsOf) -> Standing {
        let person = self.person_of(slot);
        standing(self.said(person), self.homes(person), Some(self.homes[slot].id), asked)
    }

    /// Where a person as a whole stands.
    pub fn standing(&self, person: &Person, asked: AsOf) -> Standing {
        standing(self.said(person), self.homes(person), None, asked)
    }

    /// The public id of a subject; 0 for one that is gone.
    pub fn public_id(&self, subject: i64) -> i64 {
        let found = self.public.binary_search_by_key(&subject, |(id, _)| *id);
        found.map_or(0, |at| self.public[at].1)
    }
}

/// The last standing merge that moved each record.
fn standing_merges(conn: &Connection) -> Result<HashMap<i64, Vec<Joined>>> {
    let mut moves: HashMap<i64, Vec<Joined>> = HashMap::new();
    for merge in sql::merges(conn)?.iter().filter(|merge| merge.undone == 0) {
        for record in &merge.records {
            // Merges come in order.
            let moved = Joined { at: merge.at, entry: merge.entry };
            moves.entry(*record).or_default().push(moved);
        }
    }
    Ok(moves)
}
