//! Where a home stood at one point of the ledger: who was one person with whom, and what was known.
//!
//! Merges can be taken back and a transaction has an order within, which moments don't show. Entry
//! numbers do: at a point of the ledger exactly the entries below it were known. This is exact and
//! slow; it is asked only for what the quick way finds wanting.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;
use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::{AsOf, Home, Standing, standing};
use crate::consent::sql::{self as consent_sql, Parting};
use crate::consent::statement::Statement;
use crate::ledger::scan;
use crate::profile::sql as profile_sql;

use super::people::{People, Place, Ways};
use super::sql::{self, Merge};

/// How much was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// What had been said by then.
    Then,
    /// All that had been said by a moment.
    By(Moment),
}

/// The past, by entry number.
#[derive(Debug)]
pub struct Past {
    merges: Vec<Merge>,
    /// The homes that parted records have had, in order.
    partings: HashMap<i64, Vec<Parting>>,
    /// The last entry that parted some and whose payload was erased: nobody knows whom; 0 for none.
    last_untold_split: i64,
}

impl Past {
    /// Reads every merge.
    pub fn load(conn: &Connection) -> Result<Past> {
        let mut partings: HashMap<i64, Vec<Parting>> = HashMap::new();
        for parting in consent_sql::partings(conn)? {
            partings.entry(parting.record).or_default().push(parting);
        }
        Ok(Past {
            merges: sql::merges(conn)?,
            partings,
            last_untold_split: last_untold_split(conn)?,
        })
    }

    /// The home that a record had before an entry; `today` is the one that it has now.
    pub fn home(&self, record: i64, today: i64, before: i64) -> i64 {
        let Some(partings) = self.partings.get(&record) else { return today };
        let last = partings.iter().rev().find(|parting| parting.entry < before);
        last.map_or(partings[0].birth, |parting| parting.home)
    }

    /// Whether a record that was of one of these homes before an entry is of none of those now.
    pub fn has_left(
        &self,
        people: &People,
        then: &BTreeSet<i64>,
        before: i64,
        now: &[i64],
    ) -> bool {
        self.partings.keys().any(|record| {
            people.place(*record).is_some_and(|place| {
                then.contains(&self.home(*record, place.home, before)) && !now.contains(&place.home)
            })
        })
    }

    /// Everything that was said in what was a home before an entry, whenever it was said.
    fn said_in(&self, people: &People, home: i64, before: i64) -> Vec<Statement> {
        let was_here = |record: i64| self.home(record, home, before) == home;
        let mut said = people.statements_of_home(home);
        said.retain(|s| was_here(s.record));
        let elsewhere = |record: i64| people.place(record).is_some_and(|place| place.home != home);
        for record in self.partings.keys().copied().filter(|r| was_here(*r) && elsewhere(*r)) {
            let own = people.statements_of_record(record).into_iter();
            said.extend(own.map(|s| Statement { home, ..s }));
        }
        said.sort_unstable_by_key(|s| s.n);
        said
    }

    /// Whether somebody may have been erased since an entry who was born where a record was, and with them what
    /// they had said there.
    pub fn may_be_erased(&self, conn: &Connection, record: i64, entry: i64) -> Result<bool> {
        Ok(self.last_untold_split > entry || sql::birthplace_is_erased(conn, record)?)
    }

    /// Since when a record was parted from its home, seen from the transaction of an entry. Only in stores of before
    /// a parting gave a home of one's own does anybody stay part of a home that they were parted from.
    pub fn parted(
        &self,
        conn: &Connection,
        record: i64,
        place: Place,
        entry: i64,
    ) -> Result<Parted> {
        let mut parted = Parted::Not;
        if place.subject == place.home {
            return Ok(parted);
        }
        let rehomed = self.partings.get(&record).map_or(&[][..], Vec::as_slice);
        let began = sql::transaction_of(conn, entry)?;
        for (n, _) in sql::payloads(conn, record)? {
            if n > entry || rehomed.iter().any(|parting| parting.entry == n) {
                continue;
            }
            let leaf = sql::leaf(conn, n)?;
            let view = scan::fields(&leaf)?;
            if view.kind == "profile.split" && !took_back(&view) {
                parted = if n < began { Parted::Before } else { Parted::Within };
                if parted == Parted::Before {
                    break;
                }
            }
        }
        Ok(parted)
    }

    /// The points of one transaction, from before it to its entry, at which something about the
    /// person of a home became known.
    pub fn points(
        &self,
        conn: &Connection,
        people: &People,
        home: i64,
        entry: i64,
    ) -> Result<Vec<i64>> {
        let start = sql::transaction_start(conn, entry)?;
        let mut points = BTreeSet::from([start, entry]);
        let within = start..entry;
        let joined = self.merges.iter().flat_map(|merge| [merge.joined.entry, merge.undone]);
        let parted = self.partings.values().flatten().map(|parting| parting.entry);
        points.extend(joined.chain(parted).map(|n| n + 1).filter(|n| within.contains(n)));
        for home in self.group(home, entry) {
            let said = self.said_in(people, home, entry).into_iter();
            points.extend(said.map(|s| s.n + 1).filter(|n| within.contains(n)));
        }
        Ok(points.into_iter().collect())
    }

    /// The homes that were one person with this one before an entry.
    pub fn group(&self, home: i64, before: i64) -> BTreeSet<i64> {
        let mut group = BTreeSet::from([home]);
        loop {
            let size = group.len();
            for merge in self.merges.iter().filter(|merge| stood(merge, before)) {
                if group.contains(&merge.from) || group.contains(&merge.into) {
                    group.extend([merge.from, merge.into]);
                }
            }
            if group.len() == size {
                return group;
            }
        }
    }

    /// Where a home stood at a moment, by the ledger's entries before a number.
    pub fn standing(
        &self,
        people: &People,
        home: i64,
        at: Moment,
        before: i64,
        known: Known,
    ) -> Standing {
        let group = self.group(home, before);
        let ways = Ways::new(self.merges.iter().filter(|merge| stood(merge, before)));
        let homes: Vec<Home> =
            group.iter().map(|id| Home { id: *id, moves: ways.of(*id) }).collect();
        let said: Vec<Statement> = group
            .iter()
            .flat_map(|id| self.said_in(people, *id, before))
            .filter(|s| match known {
                Known::Then => s.n < before,
                Known::By(moment) => s.n < before || s.recorded_at <= moment,
            })
            .collect();
        let asked = match known {
            Known::Then => AsOf::at(at),
            Known::By(known) => AsOf { valid: at, known },
        };
        standing(&said, &homes, Some(home), asked)
    }
}

/// Whether an entry only took a merge back: whom it moved went home.
fn took_back(view: &scan::LeafView<'_>) -> bool {
    let body = view.body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
    body.is_some_and(|body| body["merge_entry"].is_i64())
}

fn last_untold_split(conn: &Connection) -> Result<i64> {
    let splits = profile_sql::splits_since(conn, 0)?;
    let untold = splits.into_iter().filter(|(.., body)| body.iter().all(|byte| *byte == 0));
    Ok(untold.map(|(n, ..)| n).max().unwrap_or(0))
}

fn stood(merge: &Merge, before: i64) -> bool {
    merge.joined.entry < before && (merge.undone == 0 || merge.undone >= before)
}

/// Since when a record was parted from its home, seen from the transaction of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parted {
    /// It wasn't.
    Not,
    /// Within the transaction: the gate may have been asked before it or after.
    Within,
    /// Before it: it stood alone, and what others of the home say doesn't reach it.
    Before,
}
