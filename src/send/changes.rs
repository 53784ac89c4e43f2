//! CHANGES: of whom something else may be known for a purpose than before, read from the ledger.
//!
//! The ledger says what happened; of which records it speaks stands in the rows that its entries commit to. So
//! nothing is kept for those who listen: a place in the ledger is all that it takes to go on, also after a
//! restart, and whoever listens late or slowly misses nothing. What is told of a record is where it stands when
//! it is told: *changed* where something may be known of it for the purpose, *stop* where nothing may any more.
//! It is told once too often rather than not at all. What ends by time alone has no entry before it is forgotten
//! (`retain run`): an answer says until when it is good.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{Sealed, apply_seal};
use crate::consent::sql::payload;
use crate::ledger::hash::leaf_hash;
use crate::ledger::scan;
use crate::policy::rulebook::{ChannelCode, PurposeRule, Rulebook, bit};
use crate::profile::merge::public_id_of;
use crate::profile::sql as profile_sql;
use crate::store::{Store, leaf};

use super::context::telling;
use super::sql;

/// Records that are told of at once, about.
const RECORDS_MAX: usize = 500;

/// Digits of an entry's print.
const PRINT_DIGITS: usize = 12;

/// Entries that are looked at at once, at most.
const ENTRIES_MAX: i64 = 2_000;

/// For what, and for whom, it is looked.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// The rules in force.
    pub rules: &'a Rulebook,
    /// The purpose.
    pub rule: &'a PurposeRule,
    /// The channel, where one is asked for.
    pub channel: Option<ChannelCode>,
    /// The destination whose recipient listens: it is told of those alone whose data it got. 0 for none.
    pub destination: i64,
}

/// A place in the ledger, and how far what lies behind it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// All entries up to this one are told.
    pub told: i64,
    /// The entries up to this one are being told.
    upto: i64,
    /// Of those, all records up to this one are told.
    record: i64,
}

impl Place {
    /// Behind an entry.
    pub fn behind(entry: i64) -> Place {
        Place { told: entry, upto: entry, record: 0 }
    }
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// Something may be known of it: ask for it anew.
    Changed,
    /// Nothing may be known of it: stop using what you know.
    Stop,
}

/// What there is to tell from a place on.
#[derive(Debug)]
pub struct News {
    /// Records, each with where it stands now.
    pub records: Vec<(i64, Stands)>,
    /// Another policy came into force: what may be known of anybody may be something else.
    pub is_all: bool,
    /// Where it goes on.
    pub place: Place,
}

/// The newest entry.
///
/// # Errors
/// Those of reading.
pub fn newest(store: &Store) -> Result<i64> {
    sql::newest_entry(store.conn())
}

/// A print of an entry, by which it is known again that the ledger is the same up to there; `None` where there
/// is no such entry.
///
/// # Errors
/// Those of reading.
pub fn print_of(store: &Store, entry: i64) -> Result<Option<String>> {
    let leaf = leaf(store.conn(), entry)?;
    Ok(leaf.map(|leaf| format!("{:x}", leaf_hash(&leaf))[..PRINT_DIGITS].to_owned()))
}

/// What there is to tell from a place on, by what holds at a moment.
///
/// # Errors
/// Those of reading.
pub fn changes(store: &Store, watch: Watch<'_>, from: Place, now: Moment) -> Result<News> {
    let is_under_way = from.upto > from.told;
    let most = match is_under_way {
        true => from.upto,
        false => newest(store)?.min(from.told.saturating_add(ENTRIES_MAX)),
    };
    let (mut touched, mut upto) = (Touched::default(), from.told);
    // What is being told already is told to its end, so that no record is passed over.
    while upto < most && (is_under_way || touched.records.len() < RECORDS_MAX) {
        upto += 1;
        touched.read(store, upto)?;
    }
    let mut rest = touched.with_all_of_theirs(store)?.split_off(&(from.record + 1)).into_iter();
    let mut people = People { store, watch, now, told: BTreeMap::new() };
    let (mut records, mut last) = (Vec::new(), from.record);
    for record in rest.by_ref().take(RECORDS_MAX) {
        records.extend(people.stands(record, &touched)?.map(|stands| (record, stands)));
        last = record;
    }
    let place = match rest.len() {
        0 => Place::behind(upto),
        _ => Place { told: from.told, upto, record: last },
    };
    Ok(News { records, is_all: touched.is_all && from.record == 0, place })
}

/// What entries touch.
#[derive(Default)]
struct Touched {
    records: BTreeSet<i64>,
    /// Records of people who said something: whoever shares an identifier with them is touched too.
    said: BTreeSet<i64>,
    /// Records that lost an event: which purposes it had served is forgotten with it.
    lost: BTreeSet<i64>,
    is_all: bool,
}

impl Touched {
    fn read(&mut self, store: &Store, entry: i64) -> Result<()> {
        let conn = store.conn();
        let Some(bytes) = leaf(conn, entry)? else { return Ok(()) };
        let fields = scan::fields(&bytes)?;
        match fields.kind {
            "policy.apply" => self.is_all = true,
            "data.admit" => self.records.extend(sql::records_of_batch(conn, entry)?),
            "data.forget" | "erasure" => {
                for (record, is_event) in sql::records_forgotten(conn, entry)? {
                    self.records.insert(record);
                    self.lost.extend(is_event.then_some(record));
                }
                let body: Value = fields
                    .body
                    .and_then(|body| serde_json::from_slice(body).ok())
                    .unwrap_or_default();
                for seq in body["seqs"].as_array().into_iter().flatten().filter_map(Value::as_i64) {
                    self.records.extend(payload(conn, seq)?.map(|(record, _)| record));
                }
            }
            "profile.merge" | "profile.split" => self.joined(store, entry)?,
            kind if says_something(kind) => {
                let record = payload(conn, entry)?.map(|(record, _)| record);
                self.records.extend(record);
                self.said.extend(record);
            }
            _ => {}
        }
        Ok(())
    }

    /// Both sides of a joining or a parting.
    fn joined(&mut self, store: &Store, entry: i64) -> Result<()> {
        let conn = store.conn();
        let Some((record, mut body)) = payload(conn, entry)? else { return Ok(()) };
        self.records.insert(record);
        let Ok(key) = profile_sql::record_key(conn, record) else { return Ok(()) };
        apply_seal(&key, Sealed::Payload, entry, &mut body);
        // Of one that was erased nothing can be read, and its erasure is told of.
        let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
        for side in ["from", "into", "restored"] {
            let id = payload[side].as_str().and_then(public_id_of);
            let subject = id.map(|id| profile_sql::subject_by_public_id(conn, id)).transpose()?;
            if let Some(subject) = subject.flatten() {
                self.records.extend(profile_sql::records_of(conn, subject)?);
            }
        }
        Ok(())
    }

    /// The records with all others of the same people: what is known of a person is of all of them.
    fn with_all_of_theirs(&self, store: &Store) -> Result<BTreeSet<i64>> {
        let conn = store.conn();
        let (mut all, mut seen) = (self.records.clone(), BTreeSet::new());
        for record in &self.records {
            let Some(subject) = sql::subject_of(conn, *record)? else { continue };
            if self.said.contains(record) {
                for other in profile_sql::sharing(conn, subject)? {
                    all.extend(profile_sql::records_of(conn, other)?);
                }
            }
            if seen.insert(subject) {
                all.extend(profile_sql::records_of(conn, subject)?);
            }
        }
        Ok(all)
    }
}

/// Whether an entry of a kind changes where a person stands.
fn says_something(kind: &str) -> bool {
    let axes = ["consent", "channel", "objection", "restriction", "notice", "frequency"];
    kind.split_once('.').is_some_and(|(axis, _)| axes.contains(&axis))
}

/// Asks where records stand, each person once.
struct People<'a> {
    store: &'a Store,
    watch: Watch<'a>,
    now: Moment,
    /// By person: their records of which something may be known.
    told: BTreeMap<i64, BTreeSet<i64>>,
}

impl People<'_> {
    /// Where a record stands; `None` where it is no business of who listens.
    fn stands(&mut self, record: i64, touched: &Touched) -> Result<Option<Stands>> {
        let conn = self.store.conn();
        let Watch { rules, rule, channel, destination } = self.watch;
        let Some(subject) = sql::subject_of(conn, record)? else { return Ok(Some(Stands::Stop)) };
        if destination != 0 && !sql::was_sent(conn, record, destination)? {
            return Ok(None);
        }
        if let Entry::Vacant(place) = self.told.entry(subject) {
            let asked = (rule, channel);
            place.insert(telling(self.store, rules, asked, subject, self.now)?);
        }
        if self.told[&subject].contains(&record) {
            return Ok(Some(Stands::Changed));
        }
        // Whoever served other purposes alone was never known for this one.
        let did_serve =
            touched.lost.contains(&record) || sql::ever_served(conn, record, bit(rule.code))?;
        Ok(did_serve.then_some(Stands::Stop))
    }
}
