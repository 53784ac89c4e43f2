//! Which subject each record belongs to, moved again as the payloads of merges and splits say.
//!
//! A record belongs to the subject that it was born into, or to what that had become part of by then, until an
//! entry moves it. Each such entry
//! names all records that it moves, so the last one that names a record says where it belongs. What
//! is kept in memory grows with the records that were ever moved.
//!
//! An erasure takes the payload of an entry that was about its person, and with it what the entry says of
//! the others whom it moved. Then the rows of merges have to tell, and no more records can have been moved
//! than such an entry moved.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::Connection;
use serde_json::Value;

use crate::base::error::Result;
use crate::ledger::scan::LeafView;
use crate::profile::merge::public_id_of;
use crate::profile::sql::has_record;

use super::claim::Claim;
use super::facts::body;
use super::sql;

/// The moves that entries tell of.
#[derive(Default)]
pub(super) struct Moves {
    told: HashMap<i64, Told>,
    /// Entries whose payload was erased, so that nobody knows whom they moved.
    untold: BTreeMap<i64, Untold>,
    /// How many records each merge moved.
    counts: HashMap<i64, i64>,
    /// Entries that moved a record from where it wasn't, or that aren't about the first one that they name.
    wrong: Vec<i64>,
    /// The home that an entry gave to a record that it parted from others, by both.
    partings: BTreeMap<(i64, i64), i64>,
}

/// What payloads say of a record.
struct Told {
    /// The last entry that moved it, and the public id of the subject that it went to.
    by: i64,
    to: i64,
    /// The first one, and the subject that it was of until then, where nobody can have moved it before.
    born: Option<(i64, i64)>,
}

/// An entry that says no more whom it moved.
struct Untold {
    is_merge: bool,
    records: i64,
}

impl Moves {
    /// Follows an entry; `said` is its payload, where it opens, and the record that it is about.
    pub(super) fn follow(&mut self, n: i64, view: &LeafView<'_>, said: Option<(i64, &Value)>) {
        let is_merge = view.kind == "profile.merge";
        if !is_merge && view.kind != "profile.split" {
            return;
        }
        let body = body(view);
        // A split that takes a merge back says which.
        let count = || self.counts.get(&body["merge_entry"].as_i64()?).copied();
        let moved = body["records"].as_i64().or_else(count).unwrap_or(0);
        if is_merge {
            self.counts.insert(n, moved);
        }
        let Some((about, said)) = said else {
            self.untold.insert(n, Untold { is_merge, records: moved });
            return;
        };
        let from = public_id(said, "from");
        let to = public_id(said, if is_merge { "into" } else { "restored" });
        if let Some(home) = said["home"].as_i64().filter(|_| !is_merge) {
            self.partings.extend(records(said).map(|record| ((record, n), home)));
        }
        let mut fits = records(said).next() == Some(about);
        for record in records(said) {
            let told = self.told.get(&record);
            let by = told.map_or(0, |told| told.by);
            let sure = self.untold.range(by..).next().is_none();
            fits &= !sure || told.is_none_or(|told| told.to == from);
            let born = told.map_or(sure.then_some((n, from)), |told| told.born);
            self.told.insert(record, Told { by: n, to, born });
        }
        if !fits {
            self.wrong.push(n);
        }
    }

    /// Compares the homes of records that were parted from others with what entries say. Where the payload was
    /// erased, all that its entry parted have one home.
    pub(super) fn check_partings(&self, conn: &Connection) -> Result<Claim> {
        let mut claim = Claim::new(
            "partings",
            "every record that was parted has the home that its entry says, and no other has one",
        );
        let mut left: BTreeMap<(i64, i64), i64> = self.partings.clone();
        let mut untold: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for [record, entry, home] in sql::partings(conn)? {
            claim.checked += 1;
            let said = left.remove(&(record, entry));
            let fits = match (said, self.untold.get(&entry)) {
                (Some(said), _) => said == home,
                (None, Some(parting)) if !parting.is_merge => {
                    let (first, count) = untold.entry(entry).or_insert((home, 0));
                    *count += 1;
                    *first == home && *count <= parting.records
                }
                _ => false,
            };
            // Of an erased record not even its home stays.
            let fits = fits && has_record(conn, record)?;
            claim.expect(fits, "parting-differs", Some(entry), || {
                format!("record {record} has another home than entry {entry} gave it")
            });
        }
        for (record, entry) in left.into_keys() {
            claim.expect(!has_record(conn, record)?, "parting-missing", Some(entry), || {
                format!("record {record} hasn't the home that entry {entry} gave it")
            });
        }
        Ok(claim)
    }

    /// Compares every record's subject with where it was moved to.
    pub(super) fn check(self, conn: &Connection) -> Result<Claim> {
        let mut claim = Claim::new(
            "subjects",
            "every record belongs to the subject that it was born or last moved into",
        );
        for n in &self.wrong {
            let what = format!("entry {n} moved records that were elsewhere, or others");
            claim.find("record-moved", Some(*n), what);
        }
        let all_kept = match self.untold.is_empty() {
            true => BTreeSet::new(),
            false => sql::kept_records(conn)?,
        };
        let ways = Ways::read(conn)?;
        let (mut loose, mut kept) = (0, 0);
        sql::places(conn, |record, subject, home| {
            claim.checked += 1;
            let told = self.told.get(&record);
            let born = told.and_then(|told| told.born);
            // An erasure can have taken where it was born.
            let fits = match born {
                Some((by, from)) if home != 0 && from != home => {
                    ways.end(home, by) == from || !sql::subject_exists(conn, from)?
                }
                _ => true,
            };
            claim.expect(fits, "record-moved", None, || {
                format!("record {record} was born into another subject than it was moved from")
            });
            let (by, place) = match told {
                Some(told) => (told.by, told.to),
                None => (0, ways.end(home, i64::MAX)),
            };
            if subject == place || self.followed(conn, record, by, place)? == subject {
                return Ok(());
            }
            let is_kept = all_kept.contains(&record);
            *(if is_kept { &mut kept } else { &mut loose }) += 1;
            if self.can_have_moved(by, is_kept) == 0 {
                claim.find("record-moved", (by > 0).then_some(by), wrong_place(record));
            }
            Ok(())
        })?;
        let most = (self.can_have_moved(0, false), self.can_have_moved(0, true));
        claim.expect(loose <= most.0 && kept <= most.1, "record-moved", None, || {
            format!("{} records are where no entry put them", loose + kept)
        });
        Ok(claim)
    }

    /// Where the rows of merges put a record of which the entries say no more; `place` is where it was after
    /// entry `by`.
    fn followed(&self, conn: &Connection, record: i64, by: i64, place: i64) -> Result<i64> {
        if self.untold.range(by..).next().is_none() {
            return Ok(place);
        }
        let merges = sql::merges_of(conn, record)?.into_iter();
        let untold = merges.filter(|[n, ..]| *n > by && self.untold.contains_key(n));
        Ok(untold.fold(place, |at, [_, from, into]| if at == from { into } else { at }))
    }

    /// How many records entries after `by` can have moved that nothing else tells of: all of them, if the
    /// law kept something of somebody who was erased. Of the others not the one whose payload it was, and
    /// only those of splits into a subject of their own, for merges leave a row.
    fn can_have_moved(&self, by: i64, is_kept: bool) -> i64 {
        let of = |(_, untold): (&i64, &Untold)| match (is_kept, untold.is_merge) {
            (true, _) => untold.records,
            (false, true) => 0,
            (false, false) => (untold.records - 1).max(0),
        };
        self.untold.range(by..).map(of).sum()
    }
}

/// Where merges lead, by public ids.
struct Ways(HashMap<i64, Vec<sql::Joining>>);

impl Ways {
    fn read(conn: &Connection) -> Result<Ways> {
        let mut ways: HashMap<i64, Vec<sql::Joining>> = HashMap::new();
        for joining in sql::joinings(conn)? {
            ways.entry(joining.from).or_default().push(joining);
        }
        Ok(Ways(ways))
    }

    /// What a subject had become part of before an entry; itself where it hadn't.
    fn end(&self, subject: i64, before: i64) -> i64 {
        let (mut at, mut since) = (subject, -1);
        let stood = |joining: &&sql::Joining, since: i64| {
            let is_undone = joining.undone != 0 && joining.undone < before;
            joining.entry > since && joining.entry < before && !is_undone
        };
        while let Some(next) =
            self.0.get(&at).and_then(|all| all.iter().rev().find(|joining| stood(joining, since)))
        {
            (at, since) = (next.into, next.entry);
        }
        at
    }
}

fn wrong_place(record: i64) -> String {
    format!("record {record} belongs to a subject that no merge or split put it into")
}

/// The public id that a payload names; 0, which none is, where it names none.
pub(super) fn public_id(said: &Value, name: &str) -> i64 {
    said[name].as_str().and_then(public_id_of).unwrap_or(0)
}

/// The records that a payload says it moved.
pub(super) fn records(said: &Value) -> impl Iterator<Item = i64> + '_ {
    said["records"].as_array().into_iter().flatten().filter_map(Value::as_i64)
}
