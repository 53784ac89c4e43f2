//! Who takes part in linking: records of which something is held for a purpose that links, where the gate
//! lets that purpose be used for the person now.
//!
//! Linking is processing. Whoever objected, is restricted, or never consented where consent is the basis
//! is not compared, and of everybody else only what is held for such a purpose is. The rest is counted
//! with its reason.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::StoreSecret;
use crate::consent::fold::{AsOf, Standing};
use crate::consent::gate::{Direction, Question, Reason, decide};
use crate::consent::history::History;
use crate::consent::retention::{Age, retained};
use crate::identity::{FULL_NAME_COLUMNS, Facts, Field, Guard, Raw, Secret, Table, normalise};
use crate::policy::rulebook::{PurposeMask, Rulebook, bit};
use crate::profile::covered::covered;
use crate::profile::read::{OpenRecord, is_erased, last_contact, open_records};
use crate::profile::sql as profile_sql;
use crate::store::{Covering, Store, WordKind, Words};

use super::guards::Watch;
use super::sql;

/// Why a record doesn't take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftOut {
    /// A stable, snake_case name for programs.
    pub code: &'static str,
    /// In words, for people.
    pub words: &'static str,
}

impl LeftOut {
    const KEPT_BY_LAW: LeftOut = LeftOut {
        code: "kept_by_law",
        words: "the person was erased, and the law keeps the rest for something else",
    };
    const NOT_FOR_LINKING: LeftOut = LeftOut {
        code: "not_held_for_linking",
        words: "nothing of it is held for a purpose that links",
    };
    const NOTHING_TO_COMPARE: LeftOut = LeftOut {
        code: "nothing_to_compare",
        words: "what is held for linking is none of the fields that are compared",
    };

    fn by_gate(reason: Reason) -> LeftOut {
        LeftOut { code: reason.code(), words: reason.words() }
    }
}

/// The names of the purposes under which the policy lets records be linked.
///
/// # Errors
/// `linking-undeclared` when there is none.
pub fn linking_purposes(rules: &Rulebook) -> Result<Vec<String>> {
    let linking = rules.rules().filter(|rule| rule.purpose.linking);
    let names: Vec<String> = linking.map(|rule| rule.name.clone()).collect();
    if names.is_empty() {
        return Err(Error::no(
            "linking-undeclared",
            "the policy names no purpose under which records may be linked",
        )
        .next(
            "write `linking = true` under a [purpose.…] that covers what is to be compared, such as names \
             and addresses, give it to the sources, and `candor policy apply` it",
        ));
    }
    Ok(names)
}

/// The records that take part, ready to be compared.
#[derive(Default)]
pub(super) struct Taking {
    pub(super) table: Table,
    /// Row of the table → record.
    pub(super) records: Vec<i64>,
    /// Row → subject.
    pub(super) subjects: Vec<i64>,
    /// Subject → its first row.
    pub(super) first_row: HashMap<i64, u32>,
    /// Subject → what guards ask of it.
    pub(super) facts: HashMap<i64, Facts>,
    /// How many records don't, by reason.
    pub(super) left_out: BTreeMap<LeftOut, u64>,
}

impl Taking {
    /// Asks the gate for every record of the store.
    pub(super) fn load(store: &Store, asking: &Asking<'_>) -> Result<Taking> {
        let conn = store.conn();
        sql::ready(conn)?;
        linking_purposes(asking.rules)?;
        let mut taking = Taking::default();
        for subject in profile_sql::live_subjects(conn)? {
            taking.add(subject, &asking.person(conn, store.words(), subject)?);
        }
        taking.finish();
        Ok(taking)
    }

    /// Adds what takes part of a subject.
    pub(super) fn add(&mut self, subject: i64, person: &Person) {
        for (record, answer) in person.records.iter().zip(&person.answers) {
            match answer {
                Ok(texts) => self.push(subject, record.id, texts),
                Err(reason) => *self.left_out.entry(*reason).or_default() += 1,
            }
        }
        self.facts.insert(subject, person.facts.clone());
    }

    /// Adds a record.
    pub(super) fn push(&mut self, subject: i64, record: i64, texts: &Texts) {
        self.table.push(&normalise(&texts.raw(), None), "");
        self.records.push(record);
        self.subjects.push(subject);
    }

    /// Ends adding: records can be compared now.
    pub(super) fn finish(&mut self) {
        self.table.finish();
        self.put_in_order();
    }

    /// In the order of the records' numbers, so that what was joined since changes nothing of what is
    /// learned.
    fn put_in_order(&mut self) {
        let mut order: Vec<u32> = (0..self.table.len()).collect();
        order.sort_unstable_by_key(|row| self.records[*row as usize]);
        self.table.reorder(&order);
        self.records = order.iter().map(|row| self.records[*row as usize]).collect();
        self.subjects = order.iter().map(|row| self.subjects[*row as usize]).collect();
        for (row, subject) in (0..).zip(&self.subjects) {
            self.first_row.entry(*subject).or_insert(row);
        }
    }

    /// The row of a record.
    pub(super) fn row(&self, record: i64) -> Option<u32> {
        u32::try_from(self.records.binary_search(&record).ok()?).ok()
    }
}

/// The key of the blocking keys: without it they name nobody.
pub(super) fn secret(secret: &StoreSecret) -> Secret {
    secret.fingerprint("linking", &[])
}

/// What a record says in the fields that are compared, as it may be compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    full_name: String,
    fields: BTreeMap<usize, String>,
}

impl Texts {
    fn raw(&self) -> Raw<'_> {
        let mut raw = Raw { full_name: &self.full_name, ..Raw::default() };
        for (at, text) in &self.fields {
            raw.texts[*at] = text;
        }
        raw
    }

    fn is_empty(&self) -> bool {
        self.full_name.is_empty() && self.fields.is_empty()
    }

    /// What stands in each field, in the order of the fields, the whole name first.
    pub(super) fn shown(&self) -> Vec<(&'static str, &str)> {
        let name = (!self.full_name.is_empty()).then_some(("name", self.full_name.as_str()));
        let fields =
            self.fields.iter().map(|(at, text)| (Field::ALL[*at].about().name, text.as_str()));
        name.into_iter().chain(fields).collect()
    }
}

/// A subject's records, each with what may be compared of it, or why nothing may.
pub(super) struct Person {
    pub(super) records: Vec<OpenRecord>,
    pub(super) answers: Vec<Result<Texts, LeftOut>>,
    /// What guards ask of it; also of what may not be compared, since it holds apart and joins nobody.
    pub(super) facts: Facts,
}

impl Person {
    /// What may be compared of one record.
    pub(super) fn of(&self, record: i64) -> Result<&Texts, LeftOut> {
        let known = self.records.iter().position(|known| known.id == record);
        match known.map(|at| &self.answers[at]) {
            Some(Ok(texts)) => Ok(texts),
            Some(Err(reason)) => Err(*reason),
            None => Err(LeftOut::NOTHING_TO_COMPARE),
        }
    }
}

/// Where a stored field stands among those that are compared.
#[derive(Clone, Copy)]
enum Place {
    FullName,
    Field(Field),
}

/// The gate, asked on behalf of linking.
pub(super) struct Asking<'r> {
    rules: &'r Rulebook,
    linking: PurposeMask,
    places: HashMap<i64, Place>,
    /// Identifiers that mean nobody, by field.
    ignored: HashMap<i64, &'r [String]>,
    watch: Watch<'r>,
    now: Moment,
}

impl<'r> Asking<'r> {
    pub(super) fn new(words: &Words, rules: &'r Rulebook, now: Moment) -> Asking<'r> {
        let linking = rules.rules().filter(|rule| rule.purpose.linking);
        let (mut places, mut ignored) = (HashMap::new(), HashMap::new());
        for (kind, text) in crate::store::words_of(&rules.policy) {
            if kind != WordKind::Field {
                continue;
            }
            let (Some(code), Some(place)) = (words.code(kind, &text), place(&text)) else {
                continue;
            };
            places.insert(code, place);
            let kind = text.strip_prefix("identifier.");
            if let Some(kind) = kind.and_then(|kind| rules.policy.identifiers.get(kind)) {
                ignored.insert(code, kind.ignore.as_slice());
            }
        }
        Asking {
            rules,
            linking: linking.fold(0, |mask, rule| mask | bit(rule.code)),
            places,
            ignored,
            watch: Watch::of(words, &rules.policy),
            now,
        }
    }

    /// The policy's guards.
    pub(super) fn guards(&self) -> &[Guard] {
        &self.watch.guards
    }

    /// Asks for the records of a subject.
    pub(super) fn person(&self, conn: &Connection, words: &Words, subject: i64) -> Result<Person> {
        let records = open_records(conn, words, subject)?;
        let kept = is_erased(conn, subject)?;
        let history = History::load(conn, subject)?;
        let contact = last_contact(&records);
        let covering = Covering::new(conn, self.rules);
        let mut standings: HashMap<i64, Standing> = HashMap::new();
        let mut answers = Vec::with_capacity(records.len());
        for record in &records {
            if kept {
                answers.push(Err(LeftOut::KEPT_BY_LAW));
                continue;
            }
            let standing = standings
                .entry(record.home)
                .or_insert_with(|| history.standing_of(record.home, AsOf::at(self.now)));
            let covered = covered(&covering, words, record, &[])?.values;
            answers.push(self.texts(record, &covered, standing, contact));
        }
        let facts = self.watch.facts(conn, &records)?;
        Ok(Person { records, answers, facts })
    }

    fn texts(
        &self,
        record: &OpenRecord,
        covered: &[PurposeMask],
        standing: &Standing,
        contact: Moment,
    ) -> Result<Texts, LeftOut> {
        let question = Question::new(Direction::Use, self.now);
        let (mut open, mut closed) = (0, None);
        for rule in self.rules.rules().filter(|rule| self.linking & bit(rule.code) != 0) {
            match decide(self.rules, rule, question, standing) {
                Ok(_) => open |= bit(rule.code),
                Err(reason) => closed = closed.or(Some(reason)),
            }
        }
        let values = record.values.iter().zip(covered).filter(|(value, _)| value.current);
        if !values.clone().any(|(_, covered)| covered & self.linking != 0) {
            return Err(LeftOut::NOT_FOR_LINKING);
        }
        let (mut texts, mut is_open) = (Texts::default(), false);
        // The oldest first, so that the answer doesn't depend on what came in since.
        for (value, covered) in values.rev().filter(|(_, covered)| *covered & open != 0) {
            let age = Age { observed_at: value.observed_at, last_contact: contact };
            if retained(self.rules, covered & open, age, self.now) == 0 {
                continue;
            }
            is_open = true;
            let place = match self.places.get(&value.field) {
                Some(Place::FullName) => &mut texts.full_name,
                Some(Place::Field(field)) => texts.fields.entry(*field as usize).or_default(),
                None => continue,
            };
            if self.ignored.get(&value.field).is_some_and(|texts| texts.contains(&value.text)) {
                continue;
            }
            if place.is_empty() {
                place.clone_from(&value.text);
            }
        }
        match (is_open, closed) {
            (false, Some(reason)) => Err(LeftOut::by_gate(reason)),
            (false, None) => Err(LeftOut::by_gate(Reason::RetentionOver)),
            (true, _) if texts.is_empty() => Err(LeftOut::NOTHING_TO_COMPARE),
            (true, _) => Ok(texts),
        }
    }
}

/// Where a field of the policy stands: by its name, as the columns of `identity link`.
fn place(text: &str) -> Option<Place> {
    let (_, name) = text.split_once('.')?;
    match FULL_NAME_COLUMNS.contains(&name) {
        true => Some(Place::FullName),
        false => Field::named(name).map(Place::Field),
    }
}
