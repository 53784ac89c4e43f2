//! What rules look at of a person: what is held for the audience's own purpose, and nothing else.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::{AsOf, Standing};
use crate::consent::history::History;
use crate::consent::retention::{Age, kept_until};
use crate::policy::rulebook::{PurposeRule, Rulebook, bit};
use crate::profile::read::{OpenRecord, open_events};
use crate::store::{Covering, Store, WordKind};

/// An event, as far as rules look at it.
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) name: String,
    pub(super) at: Moment,
    pub(super) amount: i64,
    pub(super) properties: Value,
}

/// A person.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// The newest value of each field: `attribute.NAME`, `identifier.KIND`.
    pub(super) values: BTreeMap<String, String>,
    pub(super) events: Vec<Event>,
    pub(super) standing: Standing,
}

impl Person {
    /// Reads a person, from the records that the gate opened for the purpose: values and events that came in for
    /// this very purpose, which still covers them, and whose time isn't over.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(
        store: &Store,
        (rules, rule): (&Rulebook, &PurposeRule),
        (subject, open, last_contact): (i64, &[&OpenRecord], Moment),
        with_events: bool,
        now: Moment,
    ) -> Result<Person> {
        let covering = Covering::new(store.conn(), rules);
        let is_held = |observed_at| kept_until(rule, Age { observed_at, last_contact }) > now;
        let mut newest: BTreeMap<String, (Moment, i64, String)> = BTreeMap::new();
        let mut events = Vec::new();
        for record in open {
            for value in record.values.iter().filter(|value| value.current) {
                let field = store.words().text(WordKind::Field, value.field);
                let covered = covering.field(&record.source, field)?;
                if value.purposes & covered & bit(rule.code) == 0 || !is_held(value.observed_at) {
                    continue;
                }
                let held = (value.observed_at, value.seq, value.text.clone());
                let before = newest.entry(field.to_owned()).or_insert_with(|| held.clone());
                if (before.0, before.1) < (held.0, held.1) {
                    *before = held;
                }
            }
            if !with_events {
                continue;
            }
            for event in open_events(store.conn(), store.words(), record)? {
                if event.purposes & bit(rule.code) == 0 || !is_held(event.at) {
                    continue;
                }
                let body: Value = serde_json::from_slice(&event.bytes).unwrap_or_default();
                events.push(Event {
                    name: event.name,
                    at: event.at,
                    amount: body["amount"].as_i64().unwrap_or(0),
                    properties: body["properties"].clone(),
                });
            }
        }
        Ok(Person {
            values: newest.into_iter().map(|(field, (.., text))| (field, text)).collect(),
            events,
            standing: History::load(store.conn(), subject)?.standing(AsOf::at(now)),
        })
    }
}
