//! How old what is held is, when it is due, and what is past its time.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::AsOf;
use crate::consent::gate::holding;
use crate::consent::retention::{Age, kept_until};
use crate::policy::period::retention_in_words;
use crate::policy::rulebook::{PurposeMask, Rulebook, bit, codes};
use crate::profile::covered::{Beside, KEY};
use crate::store::{self, Covering, Store, WordKind, Words};
use crate::subject::hold::Holds;
use crate::view::{Block, Document, NoteKind, Table, counted};

use super::people::People;
use super::rules::{Batch, Books, Kind, Masks};
use super::since;
use super::sql;
use super::suppression::Suppression;

/// One purpose and category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RetentionRow {
    /// The purpose.
    pub purpose: String,
    /// The category; `key` for a source's own key.
    pub category: String,
    /// How long the policy keeps it, in words.
    pub kept_for: String,
    /// How many values.
    pub values: u64,
    /// How many events.
    pub events: u64,
    /// When the oldest of them was observed or happened.
    pub oldest: String,
    /// The day on which the next of them is due: the purpose doesn't keep it from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_due: Option<String>,
    /// How many this purpose doesn't keep any more: its time is over, its basis has ended, or it doesn't
    /// cover the category any more.
    pub ended: u64,
    /// How many no purpose keeps: what `retain run` would delete.
    pub past_due: u64,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RetentionReport {
    /// As of when.
    pub as_of: String,
    /// By purpose and category.
    pub rows: Vec<RetentionRow>,
    /// Values that no purpose keeps.
    pub values_past_due: u64,
    /// Events that no purpose keeps.
    pub events_past_due: u64,
    /// Values and events that no purpose keeps and a legal hold does (Art 17(3)(e)).
    pub held_for_claims: u64,
    /// What is held to keep erased people out; of one person it isn't told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
    /// Values that were forgotten or erased after this moment: those that were held then are in none of the
    /// numbers.
    pub values_forgotten_since: u64,
    /// Events that were forgotten or erased after this moment.
    pub events_forgotten_since: u64,
}

struct Tally {
    values: u64,
    events: u64,
    oldest: Moment,
    next_due: Moment,
    ended: u64,
    past_due: u64,
}

const EMPTY: Tally = Tally {
    values: 0,
    events: 0,
    oldest: Moment::FOREVER,
    next_due: Moment::FOREVER,
    ended: 0,
    past_due: 0,
};

/// Looks at everything that is held as `retain run` would at a moment; at one subject's where one is
/// named.
pub fn retention(store: &Store, who: Option<i64>, as_of: Moment) -> Result<RetentionReport> {
    let rules = store::rulebook_at(store.conn(), store.words(), as_of)?;
    retention_under(store, &rules, who, as_of)
}

/// The same under other rules, such as those of a policy that isn't in force yet.
pub fn retention_under(
    store: &Store,
    rules: &Rulebook,
    who: Option<i64>,
    as_of: Moment,
) -> Result<RetentionReport> {
    let conn = store.conn();
    let people = People::as_of(conn, as_of)?;
    let books = Books::load(conn, store.words())?;
    let masks = Masks::load(conn)?;
    let mut coverage = Coverage::new(store, rules);
    let contacts = contacts(store, &people, (&books, &masks), &mut coverage, as_of)?;
    let mut holds: Vec<Option<(PurposeMask, Holds<'_>)>> =
        std::iter::repeat_with(|| None).take(people.slots()).collect();
    let mut tallies: BTreeMap<(u8, String), Tally> = BTreeMap::new();
    let mut past: HashMap<Kind, u64> = HashMap::new();
    let mut held_for_claims = 0;
    // Of an erased person only what the law keeps has a purpose.
    let erased = sql::kept_subjects(conn)?;
    let by_law = rules.keeping_on_erasure();
    each(store, &books, as_of, |kind, batch, item| {
        let Some(place) = people.place(item.record) else { return Ok(()) };
        if who.is_some_and(|subject| subject != place.subject) {
            return Ok(());
        }
        let (hold, claim) = holds[place.slot].get_or_insert_with(|| {
            let standing = people.standing_of(place.slot, AsOf::at(as_of));
            let keeps = if erased.contains(&place.subject) { by_law } else { PurposeMask::MAX };
            (holding(rules, &standing, as_of) & keeps, Holds::of(standing, store.words()))
        });
        let mask = masks.of(item.set);
        let hold = *hold & coverage.of(kind, batch, item)?;
        let contact = contacts[people.person_of(place.slot)];
        let category = batch.map.categories(kind, item.name).first().map_or("", String::as_str);
        let until: Vec<(u8, Moment)> = codes(mask)
            .map(|code| match rules.rule(code) {
                Some(rule) if hold & bit(code) != 0 => {
                    (code, kept_until(rule, Age { observed_at: item.at, last_contact: contact }))
                }
                _ => (code, Moment(i64::MIN)),
            })
            .collect();
        let over = until.iter().all(|(_, until)| *until <= as_of);
        let past_due = over && claim.until(category).is_none();
        held_for_claims += u64::from(over && !past_due);
        *past.entry(kind).or_default() += u64::from(past_due);
        for (code, until) in until {
            let tally = tallies.entry((code, category.to_owned())).or_insert(EMPTY);
            match kind {
                Kind::Value => tally.values += 1,
                Kind::Event => tally.events += 1,
            }
            tally.oldest = tally.oldest.min(item.at);
            if until > as_of {
                tally.next_due = tally.next_due.min(until);
            } else {
                tally.ended += 1;
            }
            tally.past_due += u64::from(past_due);
        }
        Ok(())
    })?;
    let day = |moment: Moment| moment.utc().date_naive().to_string();
    let rows = tallies
        .into_iter()
        .map(|((code, category), tally)| RetentionRow {
            purpose: store.words().text(WordKind::Purpose, code.into()).to_owned(),
            category,
            kept_for: rules.rule(code).map_or_else(
                || "not declared any more".to_owned(),
                |rule| retention_in_words(rule.purpose.retention),
            ),
            values: tally.values,
            events: tally.events,
            oldest: day(tally.oldest),
            next_due: (tally.next_due < Moment::FOREVER).then(|| day(tally.next_due)),
            ended: tally.ended,
            past_due: tally.past_due,
        })
        .collect();
    let (values_forgotten_since, events_forgotten_since) = match who {
        Some(subject) => since::forgotten_of_one(conn, subject, as_of)?,
        None => since::forgotten(conn, as_of)?,
    };
    Ok(RetentionReport {
        as_of: as_of.to_string(),
        rows,
        values_past_due: past.get(&Kind::Value).copied().unwrap_or(0),
        events_past_due: past.get(&Kind::Event).copied().unwrap_or(0),
        held_for_claims,
        suppression: match who {
            Some(_) => None,
            None => Some(Suppression::as_of(conn, as_of)?),
        },
        values_forgotten_since,
        events_forgotten_since,
    })
}

/// The purposes that cover what is held, asked for millions of rows.
struct Coverage<'a> {
    words: &'a Words,
    covering: Covering<'a>,
    /// By kind, source and field or event's name.
    known: HashMap<(Kind, i64, i64), PurposeMask>,
    key: i64,
    /// What stands beside the keys of the records of which something isn't covered any more.
    beside: HashMap<i64, Beside>,
}

impl<'a> Coverage<'a> {
    fn new(store: &'a Store, rules: &'a Rulebook) -> Coverage<'a> {
        Coverage {
            words: store.words(),
            covering: Covering::new(store.conn(), rules),
            known: HashMap::new(),
            key: store.words().code(WordKind::Field, KEY).unwrap_or(0),
            beside: HashMap::new(),
        }
    }

    /// The purposes that cover a row.
    fn of(&mut self, kind: Kind, batch: &Batch, item: &sql::Item) -> Result<PurposeMask> {
        if kind == Kind::Value && item.name == self.key {
            return Ok(self
                .beside
                .get(&item.record)
                .map_or(PurposeMask::MAX, |beside| beside.key()));
        }
        let at = (kind, batch.source, item.name);
        if let Some(mask) = self.known.get(&at) {
            return Ok(*mask);
        }
        let source = self.words.text(WordKind::Source, batch.source);
        let mask = match kind {
            Kind::Value => {
                self.covering.field(source, self.words.text(WordKind::Field, item.name))?
            }
            Kind::Event => {
                self.covering.event(source, self.words.text(WordKind::Event, item.name))?
            }
        };
        self.known.insert(at, mask);
        Ok(mask)
    }
}

/// When each person had been heard of last by a moment, by what was recorded by then. Finds on the way
/// of which records something isn't covered any more, and what stands beside their keys.
fn contacts(
    store: &Store,
    people: &People,
    (books, masks): (&Books, &Masks),
    coverage: &mut Coverage<'_>,
    as_of: Moment,
) -> Result<Vec<Moment>> {
    let mut contacts = vec![Moment(i64::MIN); people.count()];
    let mut lost: HashSet<i64> = HashSet::new();
    each(store, books, as_of, |kind, batch, item| {
        if let Some(place) = people.place(item.record) {
            let contact = &mut contacts[people.person_of(place.slot)];
            *contact = (*contact).max(item.at);
        }
        if masks.of(item.set) & !coverage.of(kind, batch, item)? != 0 {
            lost.insert(item.record);
        }
        Ok(())
    })?;
    if !lost.is_empty() {
        let mut beside: HashMap<i64, Beside> = HashMap::new();
        each(store, books, as_of, |kind, batch, item| {
            let is_key = kind == Kind::Value && item.name == coverage.key;
            if !is_key && lost.contains(&item.record) {
                let held = masks.of(item.set);
                let covered = held & coverage.of(kind, batch, item)?;
                beside.entry(item.record).or_default().add(held, covered);
            }
            Ok(())
        })?;
        coverage.beside = beside;
    }
    Ok(contacts)
}

/// Goes over all that was held and recorded by a moment.
fn each(
    store: &Store,
    books: &Books,
    as_of: Moment,
    mut take: impl FnMut(Kind, &Batch, &sql::Item) -> Result<()>,
) -> Result<()> {
    for kind in [Kind::Value, Kind::Event] {
        let mut along = books.along(kind);
        let each = |item: sql::Item| match along.batch_of(item.seq) {
            Some(batch) if batch.at <= as_of => take(kind, batch, &item),
            _ => Ok(()),
        };
        match kind {
            Kind::Value => sql::values(store.conn(), each)?,
            Kind::Event => sql::events(store.conn(), each)?,
        }
    }
    Ok(())
}

impl RetentionReport {
    /// The report for people.
    pub fn document(&self) -> Document {
        let mut document =
            Document::new("How long what is held is kept", format!("as of {}", self.as_of));
        let due = self.values_past_due + self.events_past_due;
        let forgotten = self.values_forgotten_since + self.events_forgotten_since;
        document.push(if due == 0 {
            let words = match forgotten {
                0 => "Nothing is held past its time.",
                _ => "Nothing of what is still there was held past its time then.",
            };
            Block::Note(NoteKind::Good, words.into())
        } else {
            Block::Note(
                NoteKind::Warning,
                format!(
                    "No purpose keeps {} and {} any more: `candor retain run` deletes them.",
                    counted(self.values_past_due, "value", "values"),
                    counted(self.events_past_due, "event", "events")
                ),
            )
        });
        if self.held_for_claims > 0 {
            let what = counted(self.held_for_claims, "value or event", "values and events");
            let words =
                format!("No purpose keeps {what} more, but a legal hold does (Art 17(3)(e)).");
            document.push(Block::Note(NoteKind::Info, words));
        }
        let mut table = Table::new(
            "",
            [
                "purpose", "category", "kept for", "values", "events", "oldest", "next due",
                "ended", "past due",
            ],
        );
        for row in &self.rows {
            table.push([
                row.purpose.clone(),
                row.category.clone(),
                row.kept_for.clone(),
                row.values.to_string(),
                row.events.to_string(),
                row.oldest.clone(),
                row.next_due.clone().unwrap_or_default(),
                row.ended.to_string(),
                row.past_due.to_string(),
            ]);
        }
        if let Some(kept_out) = self.suppression.as_ref().filter(|kept| kept.fingerprints > 0) {
            let none = String::new;
            table.push([
                "to keep erased people out".to_owned(),
                "keyed fingerprints".to_owned(),
                kept_out.kept_for.to_owned(),
                kept_out.fingerprints.to_string(),
                none(),
                none(),
                none(),
                none(),
                none(),
            ]);
            let words = format!(
                "{}: {}. Held {}, on {}; {}.",
                counted(
                    kept_out.fingerprints,
                    "keyed fingerprint keeps an identifier out",
                    "keyed fingerprints keep identifiers out"
                ),
                kept_out.what,
                kept_out.why,
                kept_out.basis,
                kept_out.kept_for
            );
            document.push(Block::Note(NoteKind::Info, words));
        }
        if forgotten > 0 {
            let none = String::new;
            table.push([
                "forgotten since".to_owned(),
                none(),
                none(),
                self.values_forgotten_since.to_string(),
                self.events_forgotten_since.to_string(),
                none(),
                none(),
                none(),
                none(),
            ]);
        }
        document.push(Block::Table(table));
        if forgotten > 0 {
            let words = format!(
                "{} and {} have been forgotten or erased after this moment; what of them was held then \
                 can't be told any more, and they are not counted above.",
                counted(self.values_forgotten_since, "value", "values"),
                counted(self.events_forgotten_since, "event", "events")
            );
            document.push(Block::Note(NoteKind::Info, words));
        }
        document
    }
}
