//! CHANGES: of whom something else may be known for a purpose than before, read from the ledger.
//!
//! The ledger says what happened; of which records it speaks stands in the rows that its entries commit to. So
//! nothing is kept for those who listen: a place in the ledger is all that it takes to go on, also after a
//! restart, and whoever listens late or slowly misses nothing. An entry touches a purpose where it brings or takes
//! something that came in for it, or tells what somebody said about it: what is other purposes' business is told
//! by no word, and by none that something happened either. What is told of a record is where it stands when it is
//! told: *changed* where something may be known of it for the purpose, *stop* where nothing may any more.
//! It is told once too often rather than not at all. What ends by time alone has no entry before it is forgotten
//! (`retain run`): an answer says until when it is good.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{Sealed, apply_seal};
use crate::consent::sql::{payload, statement, statements_of_record};
use crate::consent::statement::{Axis, Statement};
use crate::ledger::hash::leaf_hash;
use crate::ledger::scan;
use crate::policy::rulebook::{ChannelCode, PurposeMask, PurposeRule, Rulebook, bit};
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
        touched.read(store, watch.rule, upto)?;
    }
    touched.with_all_of_theirs(store)?;
    let mut rest: BTreeSet<i64> = touched.records.union(&touched.ended).copied().collect();
    let mut rest = rest.split_off(&(from.record + 1)).into_iter();
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
    /// Records of people who said something that counts for the purpose: whoever shares an identifier with them is
    /// touched too.
    said: BTreeSet<i64>,
    /// Those of them who said no to the purpose itself.
    spoke: BTreeSet<i64>,
    /// Records that lost an event: which purposes it had served is forgotten with it.
    lost: BTreeSet<i64>,
    /// Those of them that nothing else says were touched: where something may still be known, it is the same.
    ended: BTreeSet<i64>,
    is_all: bool,
}

impl Touched {
    fn read(&mut self, store: &Store, rule: &PurposeRule, entry: i64) -> Result<()> {
        let conn = store.conn();
        let Some(bytes) = leaf(conn, entry)? else { return Ok(()) };
        let fields = scan::fields(&bytes)?;
        match fields.kind {
            "policy.apply" => self.is_all = true,
            "data.admit" => {
                self.records.extend(sql::records_of_batch(conn, entry, bit(rule.code))?);
            }
            kind @ ("data.forget" | "erasure") => {
                let body: Value = fields
                    .body
                    .and_then(|body| serde_json::from_slice(body).ok())
                    .unwrap_or_default();
                let is_erasure = kind == "erasure";
                self.records.extend(match is_erasure {
                    true => sql::records_forgotten(conn, entry, PurposeMask::MAX)?,
                    false => sql::records_forgotten(conn, entry, bit(rule.code))?,
                });
                let lost = sql::records_losing_events(conn, entry)?;
                // What somebody withdrew from is told by what they said.
                if is_erasure || body["because"] != "consent" {
                    self.ended.extend(lost.iter().copied());
                }
                self.lost.extend(lost);
                for seq in body["seqs"].as_array().into_iter().flatten().filter_map(Value::as_i64) {
                    self.records.extend(payload(conn, seq)?.map(|(record, _)| record));
                }
            }
            "profile.merge" | "profile.split" => self.joined(store, rule, entry)?,
            kind if says_something(kind) => {
                let said = statement(conn, entry)?;
                if said.as_ref().is_none_or(|said| may_count(said, rule)) {
                    let record = payload(conn, entry)?.map(|(record, _)| record);
                    self.records.extend(record);
                    self.said.extend(record);
                    self.spoke.extend(
                        record.filter(|_| {
                            said.is_some_and(|s| s.purpose == rule.code && s.protects())
                        }),
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Both sides of a joining or a parting, where each has something to say for the purpose.
    fn joined(&mut self, store: &Store, rule: &PurposeRule, entry: i64) -> Result<()> {
        let conn = store.conn();
        let Some((record, mut body)) = payload(conn, entry)? else { return Ok(()) };
        let Ok(key) = profile_sql::record_key(conn, record) else { return Ok(()) };
        apply_seal(&key, Sealed::Payload, entry, &mut body);
        // Of one that was erased nothing can be read, and its erasure is told of.
        let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
        let list = payload["records"].as_array().into_iter().flatten().filter_map(Value::as_i64);
        let moved: BTreeSet<i64> = list.collect();
        let mut all = moved.clone();
        for side in ["from", "into", "restored"] {
            let id = payload[side].as_str().and_then(public_id_of);
            let subject = id.map(|id| profile_sql::subject_by_public_id(conn, id)).transpose()?;
            if let Some(subject) = subject.flatten() {
                all.extend(profile_sql::records_of(conn, subject)?);
            }
        }
        let concerns = |records: &mut dyn Iterator<Item = &i64>| -> Result<bool> {
            for record in records {
                if concerns(store, rule, *record)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        if concerns(&mut moved.iter())? && concerns(&mut all.difference(&moved))? {
            self.records.extend(all);
        }
        Ok(())
    }

    /// Adds all others of the same people: what is known of a person is of all of them.
    fn with_all_of_theirs(&mut self, store: &Store) -> Result<()> {
        let conn = store.conn();
        let (mut all, mut seen) = (self.records.clone(), BTreeSet::new());
        for record in &self.records {
            let Some(subject) = sql::subject_of(conn, *record)? else { continue };
            let theirs = profile_sql::records_of(conn, subject)?;
            if self.said.contains(record) {
                for other in profile_sql::sharing(conn, subject)? {
                    all.extend(profile_sql::records_of(conn, other)?);
                }
            }
            if self.spoke.contains(record) {
                for record in &theirs {
                    if sql::lost_an_event(conn, *record)? {
                        self.lost.insert(*record);
                    }
                }
            }
            if seen.insert(subject) {
                all.extend(theirs);
            }
        }
        self.records = all;
        Ok(())
    }
}

/// Whether an entry of a kind changes where a person stands.
fn says_something(kind: &str) -> bool {
    let axes = ["consent", "channel", "objection", "restriction", "notice", "frequency"];
    kind.split_once('.').is_some_and(|(axis, _)| axes.contains(&axis))
}

/// Whether what somebody said may count for a purpose.
fn may_count(said: &Statement, rule: &PurposeRule) -> bool {
    match said.axis {
        Axis::Consent | Axis::Objection | Axis::Informed => {
            said.purpose == rule.code || said.purpose == 0
        }
        Axis::Permission | Axis::Frequency => {
            said.channel == 0 || rule.channels.contains(&said.channel)
        }
        Axis::Restriction => true,
        // It keeps, and lets nothing be used.
        Axis::Hold => false,
    }
}

/// Whether anything of a record came in for a purpose, or was said about it.
fn concerns(store: &Store, rule: &PurposeRule, record: i64) -> Result<bool> {
    let conn = store.conn();
    Ok(sql::ever_served(conn, record, bit(rule.code))?
        || statements_of_record(conn, record)?.iter().any(|said| may_count(said, rule)))
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
            return Ok(touched.records.contains(&record).then_some(Stands::Changed));
        }
        // Whoever served other purposes alone was never known for this one.
        let did_serve =
            touched.lost.contains(&record) || sql::ever_served(conn, record, bit(rule.code))?;
        Ok(did_serve.then_some(Stands::Stop))
    }
}
