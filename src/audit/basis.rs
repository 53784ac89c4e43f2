//! What is held, for what, on which basis, from where, and under which policy it came in.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::AsOf;
use crate::consent::gate::{Direction, Question, decide};
use crate::policy::rulebook::{PurposeMask, PurposeRule, codes};
use crate::profile::merge::public_text;
use crate::profile::read::{open_events, open_record};
use crate::profile::sql as profile_sql;
use crate::profile::then::Then;
use crate::store::{Store, WordKind};
use crate::view::{Block, Document, NoteKind, Table, counted};

use super::people::People;
use super::rules::{Books, Kind, Masks};
use super::{basis_in_words, rests_on, since, sql};

/// One purpose, category, source and policy version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holding {
    /// The purpose.
    pub purpose: String,
    /// The category; `key` for a source's own key.
    pub category: String,
    /// The source.
    pub source: String,
    /// The policy version under which it came in.
    pub policy: i64,
    /// The lawful basis, in words.
    pub basis: &'static str,
    /// The law or the assessment; empty where the basis needs none.
    pub rests_on: String,
    /// How many people.
    pub subjects: u64,
    /// How many values.
    pub values: u64,
    /// How many events.
    pub events: u64,
}

/// The report about everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BasisReport {
    /// As of when.
    pub as_of: String,
    /// What is held.
    pub holdings: Vec<Holding>,
    /// Values that were held then and have been forgotten or erased since.
    pub values_forgotten_since: u64,
    /// Events that were held then and have been forgotten or erased since.
    pub events_forgotten_since: u64,
}

/// (purpose, category, source, policy version).
type Cell = (u8, String, i64, i64);

#[derive(Default)]
struct Count {
    values: u64,
    events: u64,
    people: Vec<u64>,
}

impl Count {
    fn add(&mut self, kind: Kind, person: usize) {
        match kind {
            Kind::Value => self.values += 1,
            Kind::Event => self.events += 1,
        }
        if self.people.len() <= person / 64 {
            self.people.resize(person / 64 + 1, 0);
        }
        self.people[person / 64] |= 1 << (person % 64);
    }

    fn subjects(&self) -> u64 {
        self.people.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

/// What was recorded by a moment and is still held, by purpose, category, source and policy.
pub fn basis(store: &Store, as_of: Moment) -> Result<BasisReport> {
    let conn = store.conn();
    let people = People::as_of(conn, as_of)?;
    let books = Books::load(conn, store.words())?;
    let masks = Masks::load(conn)?;
    let mut cells: BTreeMap<Cell, Count> = BTreeMap::new();
    // Few (batch source, policy, name, set) occur: their cells are found once.
    let mut numbered: Vec<Count> = Vec::new();
    let mut keys: Vec<Cell> = Vec::new();
    for kind in [Kind::Value, Kind::Event] {
        let mut known: std::collections::HashMap<(i64, i64, i64, i64), Vec<usize>> =
            std::collections::HashMap::new();
        let mut along = books.along(kind);
        let each = |item: sql::Item| {
            let Some(batch) = along.batch_of(item.seq).filter(|batch| batch.at <= as_of) else {
                return Ok(());
            };
            let Some(place) = people.place(item.record) else { return Ok(()) };
            let found = (batch.source, batch.policy, item.name, item.set);
            let numbers = known.entry(found).or_insert_with(|| {
                let mask = masks.of(item.set);
                cells_of(batch.source, batch.policy, mask, batch.map.categories(kind, item.name))
                    .into_iter()
                    .map(|cell| {
                        keys.iter().position(|key| *key == cell).unwrap_or_else(|| {
                            keys.push(cell);
                            numbered.push(Count::default());
                            keys.len() - 1
                        })
                    })
                    .collect()
            });
            for number in numbers {
                numbered[*number].add(kind, people.person_of(place.slot));
            }
            Ok(())
        };
        match kind {
            Kind::Value => sql::values(conn, each)?,
            Kind::Event => sql::events(conn, each)?,
        }
    }
    cells.extend(keys.into_iter().zip(numbered));
    let mut holdings = Vec::new();
    for ((code, category, source, policy), count) in cells {
        let rules = books.version(policy)?;
        let rule = rules.rule(code);
        holdings.push(Holding {
            purpose: store.words().text(WordKind::Purpose, code.into()).to_owned(),
            category,
            source: store.words().text(WordKind::Source, source).to_owned(),
            policy,
            basis: rule.map_or("not declared", |rule| basis_in_words(rule.purpose.basis)),
            rests_on: rule.map(rests_on).unwrap_or_default(),
            subjects: count.subjects(),
            values: count.values,
            events: count.events,
        });
    }
    let (values_forgotten_since, events_forgotten_since) = since::forgotten(conn, as_of)?;
    Ok(BasisReport {
        as_of: as_of.to_string(),
        holdings,
        values_forgotten_since,
        events_forgotten_since,
    })
}

fn cells_of(source: i64, policy: i64, mask: PurposeMask, categories: &[String]) -> Vec<Cell> {
    let category = categories.first().cloned().unwrap_or_default();
    codes(mask).map(|code| (code, category.clone(), source, policy)).collect()
}

impl BasisReport {
    /// The report for people.
    pub fn document(&self) -> Document {
        let mut document =
            Document::new("What is held, and on what basis", format!("as of {}", self.as_of));
        let mut table = Table::new(
            "",
            [
                "purpose", "category", "source", "policy", "basis", "rests on", "people", "values",
                "events",
            ],
        );
        for row in &self.holdings {
            table.push([
                row.purpose.clone(),
                row.category.clone(),
                row.source.clone(),
                row.policy.to_string(),
                row.basis.to_owned(),
                row.rests_on.clone(),
                row.subjects.to_string(),
                row.values.to_string(),
                row.events.to_string(),
            ]);
        }
        document.push(Block::Table(table));
        if self.values_forgotten_since + self.events_forgotten_since > 0 {
            document.push(Block::Note(
                NoteKind::Info,
                format!(
                    "{} and {} have been forgotten or erased after this moment; what of them was held \
                     then can't be told any more, and they are not counted.",
                    counted(self.values_forgotten_since, "value", "values"),
                    counted(self.events_forgotten_since, "event", "events")
                ),
            ));
        }
        document
    }
}

/// One purpose for which one thing is held of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldFor {
    /// `value` or `event`.
    pub item: &'static str,
    /// The field or the event's name.
    pub what: String,
    /// What the source said; an event's own words stand in the access package.
    pub value: String,
    /// The source.
    pub source: String,
    /// When it was observed, or happened.
    pub at: String,
    /// The purpose.
    pub purpose: String,
    /// The lawful basis, in words.
    pub basis: &'static str,
    /// The law or the assessment; empty where the basis needs none.
    pub rests_on: String,
    /// The ledger entry of the consent that admitted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_entry: Option<i64>,
    /// The ledger entry of the batch that brought it.
    pub entry: i64,
    /// The policy version under which it came in.
    pub policy: i64,
}

/// The report about one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonBasis {
    /// The subject's id.
    pub subject: String,
    /// As of when.
    pub as_of: String,
    /// Everything that is held.
    pub held: Vec<HeldFor>,
    /// Values that were held then and were forgotten since.
    pub values_forgotten_since: u64,
    /// Events that were held then and were forgotten since.
    pub events_forgotten_since: u64,
}

/// Everything that is held of one person and was recorded by a moment, with its reasons.
pub fn of_one(store: &Store, subject: i64, as_of: Moment) -> Result<PersonBasis> {
    let (conn, words) = (store.conn(), store.words());
    let books = Books::load(conn, words)?;
    // Who was one person then: what was joined or parted since changes nothing of it.
    let then = Then::known_at(conn, as_of)?;
    let history = then.history(conn, subject)?;
    let mut held = Vec::new();
    for record in then.records(conn, subject)? {
        let record = open_record(conn, words, record)?;
        let home = then.home(conn, record.id)?;
        let mut add =
            |item, what: &str, value: &str, at: Moment, mask, batch: &profile_sql::BatchRow| {
                let (entry, policy, admitted) = (batch.n, batch.policy, Moment(batch.recorded_at));
                if admitted > as_of {
                    return Ok(());
                }
                let rules = books.version(policy)?;
                let standing = history.standing_of(home, AsOf::at(admitted));
                for code in codes(mask) {
                    let rule: Option<&PurposeRule> = rules.rule(code);
                    let question = Question::new(Direction::In, admitted);
                    let grounds =
                        rule.and_then(|rule| decide(&rules, rule, question, &standing).ok());
                    held.push(HeldFor {
                        item,
                        what: what.to_owned(),
                        value: value.to_owned(),
                        source: record.source.clone(),
                        at: at.to_string(),
                        purpose: words.text(WordKind::Purpose, code.into()).to_owned(),
                        basis: rule
                            .map_or("not declared", |rule| basis_in_words(rule.purpose.basis)),
                        rests_on: rule.map(rests_on).unwrap_or_default(),
                        consent_entry: grounds.and_then(|g| g.consent).map(|consent| consent.by.n),
                        entry,
                        policy,
                    });
                }
                Ok::<(), crate::base::error::Error>(())
            };
        for value in &record.values {
            let batch = profile_sql::batch_of_value(conn, value.seq)?;
            let field = words.text(WordKind::Field, value.field);
            add("value", field, &value.text, value.observed_at, value.purposes, &batch)?;
        }
        for event in open_events(conn, words, &record)? {
            let batch = profile_sql::batch_of_event(conn, event.seq)?;
            add("event", &event.name, "", event.at, event.purposes, &batch)?;
        }
    }
    let (values_forgotten_since, events_forgotten_since) =
        since::forgotten_of_one(conn, subject, as_of)?;
    Ok(PersonBasis {
        subject: public_text(profile_sql::public_id(conn, subject)?),
        as_of: as_of.to_string(),
        held,
        values_forgotten_since,
        events_forgotten_since,
    })
}

impl PersonBasis {
    /// The report for people.
    pub fn document(&self) -> Document {
        let mut document = Document::new(
            "What is held of one person, and on what basis",
            format!("{}, as of {}", self.subject, self.as_of),
        );
        let mut table = Table::new(
            "",
            [
                "what",
                "value",
                "source",
                "when",
                "purpose",
                "basis",
                "rests on",
                "consent entry",
                "entry",
                "policy",
            ],
        );
        for row in &self.held {
            table.push([
                row.what.clone(),
                row.value.clone(),
                row.source.clone(),
                row.at.clone(),
                row.purpose.clone(),
                row.basis.to_owned(),
                row.rests_on.clone(),
                row.consent_entry.map(|n| n.to_string()).unwrap_or_default(),
                row.entry.to_string(),
                row.policy.to_string(),
            ]);
        }
        document.push(Block::Table(table));
        if self.values_forgotten_since + self.events_forgotten_since > 0 {
            let words = format!(
                "{} and {} that were held then were forgotten since: why they were held can't be told any more.",
                counted(self.values_forgotten_since, "value", "values"),
                counted(self.events_forgotten_since, "event", "events")
            );
            document.push(Block::Note(NoteKind::Info, words));
        }
        document
    }
}
