//! Every policy version ready for deciding, and what each batch came in under.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::rulebook::{PurposeMask, Rulebook};
use crate::profile::sql as profile_sql;
use crate::store::{self, WordKind, Words};

/// What a source may bring under one policy, by the code of the field or of the event's name.
#[derive(Debug, Default)]
pub struct Map {
    fields: Vec<PurposeMask>,
    events: Vec<PurposeMask>,
    field_categories: Vec<Vec<String>>,
    event_categories: Vec<Vec<String>>,
}

impl Map {
    fn of(rules: &Rulebook, words: &Words, source: &str) -> Map {
        let mut map = Map::default();
        let Some(found) = rules.policy.sources.get(source) else { return map };
        let serves = rules.mask(&found.purposes);
        let lawful = |category: &str| rules.lawful(category) & serves;
        for field in &found.fields {
            for text in field.target.stored() {
                let Some(code) = words.code(WordKind::Field, &text) else { continue };
                add(&mut map.fields, code, lawful(&field.category));
                name(&mut map.field_categories, code, &field.category);
            }
        }
        // The source's own key serves whatever its row serves.
        if let Some(code) = words.code(WordKind::Field, "record.key") {
            add(&mut map.fields, code, serves);
            name(&mut map.field_categories, code, "key");
        }
        for event in &found.events {
            let code = words.code(WordKind::Event, &event.name).unwrap_or(0);
            add(&mut map.events, code, lawful(&event.category));
            name(&mut map.event_categories, code, &event.category);
        }
        map
    }

    /// The purposes that a field, or an event, of the source may serve at all.
    pub fn may_serve(&self, kind: Kind, code: i64) -> PurposeMask {
        let masks = match kind {
            Kind::Value => &self.fields,
            Kind::Event => &self.events,
        };
        usize::try_from(code).ok().and_then(|code| masks.get(code)).copied().unwrap_or(0)
    }

    /// The categories of a field or an event; `key` is a source's own key.
    pub fn categories(&self, kind: Kind, code: i64) -> &[String] {
        let all = match kind {
            Kind::Value => &self.field_categories,
            Kind::Event => &self.event_categories,
        };
        usize::try_from(code).ok().and_then(|code| all.get(code)).map_or(&[], Vec::as_slice)
    }
}

fn add(masks: &mut Vec<PurposeMask>, code: i64, mask: PurposeMask) {
    let at = usize::try_from(code).unwrap_or(0);
    if masks.len() <= at {
        masks.resize(at + 1, 0);
    }
    masks[at] |= mask;
}

fn name(all: &mut Vec<Vec<String>>, code: i64, category: &str) {
    let at = usize::try_from(code).unwrap_or(0);
    if all.len() <= at {
        all.resize(at + 1, Vec::new());
    }
    if !all[at].iter().any(|known| known == category) {
        all[at].push(category.to_owned());
    }
}

/// Values or events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Identifiers and attributes.
    Value,
    /// Events.
    Event,
}

impl Kind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Value => "value",
            Kind::Event => "event",
        }
    }
}

/// A batch with the rules that decided over it.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its ledger entry.
    pub entry: i64,
    /// When it was recorded.
    pub at: Moment,
    /// The code of its source.
    pub source: i64,
    /// The policy version in force then, by the order of the ledger: what the batch says itself decides
    /// nothing.
    pub policy: i64,
    /// The rules.
    pub rules: Rc<Rulebook>,
    /// What its source may bring.
    pub map: Rc<Map>,
    first: i64,
    end: i64,
}

/// Every policy and every batch of a store.
pub struct Books {
    /// Each by the entry that put it in force.
    versions: Vec<(i64, Rc<Rulebook>)>,
    batches: [Vec<Batch>; 2],
}

impl Books {
    /// Reads them.
    pub fn load(conn: &Connection, words: &Words) -> Result<Books> {
        let mut versions = Vec::new();
        for applied in store::applied(conn)? {
            let rules = Rc::new(store::rulebook_of(words, &applied)?);
            versions.push((applied.entry, rules));
        }
        let mut books = Books { versions, ..Books::none() };
        let mut maps: HashMap<(i64, i64), Rc<Map>> = HashMap::new();
        for row in profile_sql::batches(conn)? {
            let rules = books.in_force_at(row.n)?;
            let policy = i64::from(rules.version);
            let map = maps
                .entry((policy, row.source))
                .or_insert_with(|| {
                    let source = words.text(WordKind::Source, row.source);
                    Rc::new(Map::of(&rules, words, source))
                })
                .clone();
            let batch = |first: i64, count: i64| Batch {
                entry: row.n,
                at: Moment(row.recorded_at),
                source: row.source,
                policy,
                rules: rules.clone(),
                map: map.clone(),
                first,
                end: first + count,
            };
            if row.value_count > 0 {
                books.batches[0].push(batch(row.first_value, row.value_count));
            }
            if row.event_count > 0 {
                books.batches[1].push(batch(row.first_event, row.event_count));
            }
        }
        for batches in &mut books.batches {
            batches.sort_by_key(|batch| batch.first);
        }
        Ok(books)
    }

    /// No policies and no batches.
    pub fn none() -> Books {
        Books { versions: Vec::new(), batches: [Vec::new(), Vec::new()] }
    }

    /// The rules of a version.
    pub fn version(&self, version: i64) -> Result<Rc<Rulebook>> {
        let found = self.versions.iter().find(|(_, rules)| i64::from(rules.version) == version);
        found.map(|(_, rules)| rules.clone()).ok_or_else(|| {
            Error::damaged("policy-missing", "a policy version that decided isn't there any more")
                .at(format!("version {version}"))
                .next("run `candor audit verify`")
        })
    }

    /// The rules in force at an entry.
    fn in_force_at(&self, entry: i64) -> Result<Rc<Rulebook>> {
        let found = self.versions.iter().rev().find(|(since, _)| *since < entry);
        found.map(|(_, rules)| rules.clone()).ok_or_else(|| {
            Error::damaged("policy-missing", "data was admitted before any policy was in force")
                .at(format!("entry {entry}"))
                .next("run `candor audit verify`")
        })
    }

    /// The rules in force at a moment.
    pub fn in_force(&self, at: Moment) -> Option<Rc<Rulebook>> {
        let found = self.versions.iter().rev().find(|(_, rules)| rules.applied_at <= at);
        found.map(|(_, rules)| rules.clone())
    }

    /// A reader that goes along with a scan in the order of arrival.
    pub fn along(&self, kind: Kind) -> Along<'_> {
        Along { batches: &self.batches[usize::from(kind == Kind::Event)], at: 0 }
    }
}

/// Finds the batch of one row after another.
pub struct Along<'a> {
    batches: &'a [Batch],
    at: usize,
}

impl<'a> Along<'a> {
    /// The batch of a row; rows must come in order. `None` for a row that no batch brought in.
    pub fn batch_of(&mut self, seq: i64) -> Option<&'a Batch> {
        while self.batches.get(self.at)?.end <= seq {
            self.at += 1;
        }
        self.batches.get(self.at).filter(|batch| batch.first <= seq)
    }
}

/// The masks of the purpose sets, by number.
pub struct Masks(Vec<PurposeMask>);

impl Masks {
    /// Reads them.
    pub fn load(conn: &Connection) -> Result<Masks> {
        let mut masks = Vec::new();
        for (id, mask) in super::sql::purpose_sets(conn)? {
            let at = usize::try_from(id).unwrap_or(0);
            if masks.len() <= at {
                masks.resize(at + 1, 0);
            }
            masks[at] = mask;
        }
        Ok(Masks(masks))
    }

    /// The mask of a set.
    pub fn of(&self, set: i64) -> PurposeMask {
        usize::try_from(set).ok().and_then(|set| self.0.get(set)).copied().unwrap_or(0)
    }
}
