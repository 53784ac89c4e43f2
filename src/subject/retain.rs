//! Deletes what is past its retention or has lost its last reason, for everybody, and proves it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::AsOf;
use crate::consent::gate::holding;
use crate::consent::history::History;
use crate::consent::retention::{Age, retained};
use crate::consent::sql::{self as consent_sql, is_kept};
use crate::linking::index;
use crate::policy::rulebook::{Rulebook, bit, codes};
use crate::profile::read::{OpenRecord, last_contact, open_records};
use crate::profile::sql as profile_sql;
use crate::store::{Covering, Store, WordKind, in_force};

use super::erase::{Categories, public};
use super::forget::{self, Forgotten, Unreasoned};
use super::gone::{Unproven, prove_gone};
use super::scan::{Pattern, ScanReport};
use super::sql;

/// People in one transaction, at most.
const SUBJECTS_PER_WRITE: usize = 500;

/// Whether it is done or only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// Tells what would be deleted and changes nothing.
    DryRun,
    /// Deletes it.
    Out,
}

/// What was deleted of one purpose and category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// A purpose for which it was held.
    pub purpose: String,
    /// The category; `key` for a source's own key.
    pub category: String,
    /// Why this purpose doesn't keep it: `retention over`, `basis ended` or `category not covered`.
    pub because: &'static str,
    /// How many values.
    pub values: u64,
    /// How many events.
    pub events: u64,
}

/// What a run did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retained {
    /// As of when it was judged.
    pub at: String,
    /// By purpose, category and reason. What was held for several purposes stands under each.
    pub deleted: Vec<Deleted>,
    /// Values in all, each counted once.
    pub values: u64,
    /// Events in all, each counted once.
    pub events: u64,
    /// Of how many people.
    pub people: u64,
    /// The ids of those of whom something is kept, and no identifier any more: only the id finds them.
    pub without_identifier: Vec<String>,
    /// The ids of those of whom something is past its time and stays, because they had its use restricted: who asks
    /// for that may need it for a claim, or oppose its erasure (Art 18(1)(b), (c); 18(2)).
    pub restricted: Vec<String>,
    /// The look at the raw files afterwards; absent for a dry run and where there was nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanReport>,
}

/// What has been judged so far.
#[derive(Default)]
struct Judged {
    /// By (purpose, category, because).
    tallies: BTreeMap<(String, String, &'static str), Forgotten>,
    all: Forgotten,
    /// Whose data is to go.
    due: Vec<i64>,
    /// Of whom something stays, and no identifier.
    without_identifier: Vec<String>,
    /// Who had the use of what is due restricted.
    restricted: Vec<String>,
    /// How the rows that are to go lie in the file.
    patterns: Vec<Pattern>,
}

/// Judges everybody at a moment and deletes what nobody may hold any more.
///
/// Who has something to go is found beside other writers; what goes is decided again under the write
/// lock, so that a consent that is renewed in between keeps what it covers.
///
/// # Errors
/// `retention-blocked` when a reader in another process keeps old pages alive; `retention-incomplete`
/// when the look at the raw files found something after the file had been rebuilt.
pub fn run(store: &mut Store, rules: &Rulebook, now: Moment, carry: Carry) -> Result<Retained> {
    // The moment that the transactions will see.
    let now = now.max(store.log().last_at());
    let mut judged = Judged::default();
    {
        let _one_state = sql::snapshot(store.conn())?;
        let rules = (rules, &Covering::new(store.conn(), rules));
        for subject in profile_sql::live_subjects(store.conn())? {
            judge(store, rules, subject, now, &mut judged)?;
        }
    }
    if carry == Carry::DryRun {
        return Ok(told(judged, now, None));
    }
    let due = std::mem::take(&mut judged.due);
    judged = Judged { restricted: judged.restricted, ..Judged::default() };
    for subjects in due.chunks(SUBJECTS_PER_WRITE) {
        let decide = |store: &Store, now: Moment| {
            let rules = in_force(store.conn(), store.words(), rules)?.into_owned();
            let before = judged.due.len();
            let covering = Covering::new(store.conn(), &rules);
            for subject in subjects {
                judge(store, (&rules, &covering), *subject, now, &mut judged)?;
            }
            drop(covering);
            Ok((rules, judged.due[before..].to_vec()))
        };
        store.decide_and_write(now, decide, |writer, (rules, due)| {
            for subject in due {
                forget::sweep(writer, &rules, subject, "retention")?;
            }
            Ok(())
        })?;
    }
    index::keep_all_in_step(store, rules, now)?;
    let scan = match judged.patterns.is_empty() {
        true => None,
        false => Some(prove_gone(store, &judged.patterns, &DELETED)?),
    };
    Ok(told(judged, now, scan))
}

fn told(judged: Judged, at: Moment, scan: Option<ScanReport>) -> Retained {
    Retained {
        at: at.to_string(),
        deleted: judged
            .tallies
            .into_iter()
            .map(|((purpose, category, because), count)| Deleted {
                purpose,
                category,
                because,
                values: count.values,
                events: count.events,
            })
            .collect(),
        values: judged.all.values,
        events: judged.all.events,
        people: judged.due.len() as u64,
        without_identifier: judged.without_identifier,
        restricted: judged.restricted,
        scan,
    }
}

/// Finds what of a subject is to go, counts it and notes how its rows lie in the file.
fn judge(
    store: &Store,
    (rules, covering): (&Rulebook, &Covering<'_>),
    subject: i64,
    now: Moment,
    judged: &mut Judged,
) -> Result<()> {
    let (conn, words) = (store.conn(), store.words());
    let records = open_records(conn, words, subject)?;
    let history = History::load(conn, subject)?;
    let found = forget::unreasoned(conn, words, (rules, covering), &history, &records, now)?;
    if found.is_empty() {
        return Ok(());
    }
    // What is left of an erased person is restricted by that, and nobody opposes its end.
    if history.standing(AsOf::at(now)).restricted && !is_kept(conn, subject)? {
        judged.restricted.push(public(store, subject)?);
        return Ok(());
    }
    let stays = is_left_without_identifier(conn, &records, &found)?;
    let Judged { tallies, all, due, patterns, without_identifier, .. } = judged;
    if stays {
        without_identifier.push(public(store, subject)?);
    }
    let categories = Categories::of(rules);
    let contact = last_contact(&records);
    let mut count = |at: usize, category: &str, (mask, covered), observed_at, event: bool| {
        let holds = holding(rules, &history.standing_of(records[at].home, AsOf::at(now)), now);
        for code in codes(mask) {
            let purpose = words.text(WordKind::Purpose, code.into()).to_owned();
            let held = holds & bit(code);
            let age = Age { observed_at, last_contact: contact };
            let over = retained(rules, held, age, now) == 0;
            let because = match (held, over) {
                (0, _) => "basis ended",
                _ if covered & bit(code) == 0 => "category not covered",
                (_, true) => "retention over",
                (_, false) => "basis ended",
            };
            let tally = tallies.entry((purpose, category.to_owned(), because)).or_default();
            if event { tally.events += 1 } else { tally.values += 1 }
        }
    };
    for (at, index, covered) in found.values() {
        let record = &records[*at];
        let value = &record.values[*index];
        let field = words.text(WordKind::Field, value.field);
        let category = categories.of_field(&record.source, field);
        count(*at, &category, (value.purposes, *covered), value.observed_at, false);
        patterns.push(Pattern::stored(&sql::stored_body(conn, sql::ITEM_VALUE, value.seq)?));
    }
    for (at, seq, covered) in found.events() {
        let row = profile_sql::event(conn, *seq)?;
        let category = categories.of_event(words.text(WordKind::Event, row.name));
        count(*at, &category, (words.mask_of(row.purposes), *covered), Moment(row.at), true);
        patterns.push(Pattern::stored(&row.body));
    }
    *all += found.size();
    due.push(subject);
    Ok(())
}

/// Whether something of a person stays when all that was found has gone, and no identifier with it.
fn is_left_without_identifier(
    conn: &Connection,
    records: &[OpenRecord],
    found: &Unreasoned,
) -> Result<bool> {
    let goes: BTreeSet<i64> =
        found.values().iter().map(|(at, index, _)| records[*at].values[*index].seq).collect();
    for record in records {
        for (.., value) in profile_sql::identifiers_of(conn, record.id)? {
            if !goes.contains(&value) {
                return Ok(false);
            }
        }
    }
    if !found.is_all_of(records) {
        return Ok(true);
    }
    // What they said and who got their data stays on record.
    for record in records {
        if !consent_sql::statements_of_record(conn, record.id)?.is_empty()
            || !sql::disclosure_ids(conn, record.id)?.is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a run is called when its proof can't be had.
const DELETED: Unproven = Unproven {
    blocked: ("retention-blocked", "it is deleted"),
    incomplete: ("retention-incomplete", "the deleted data"),
    next: "close the other process and run `candor audit verify --deep`",
};
