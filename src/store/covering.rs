//! Which purposes still cover what is held: by the policy in force, and not by the one under which it
//! came in.
//!
//! A purpose admits what its categories name. When a later policy takes a category from it, what it
//! holds of that category has lost this reason (law 2). A field is of the category that its source's map
//! gives it now; where the map has gone, of the one that it was given last.

use std::cell::OnceCell;

use rusqlite::Connection;

use crate::base::error::Result;
use crate::policy::rulebook::{PurposeMask, Rulebook};
use crate::policy::types::{Policy, Target};

use super::policies;

/// The categories in force, asked for single fields and events.
pub struct Covering<'a> {
    conn: &'a Connection,
    rules: &'a Rulebook,
    /// The policies before, the last first: read when a map has gone.
    before: OnceCell<Vec<Policy>>,
}

impl<'a> Covering<'a> {
    /// What the purposes of a rulebook cover.
    pub fn new(conn: &'a Connection, rules: &'a Rulebook) -> Covering<'a> {
        Covering { conn, rules, before: OnceCell::new() }
    }

    /// The purposes that cover a field of a source, such as `identifier.email`. Those that cover a
    /// source's own key (`record.key`) are told by what else its record holds.
    pub fn field(&self, source: &str, field: &str) -> Result<PurposeMask> {
        self.by(|policy| categories_of_field(policy, source, field))
    }

    /// The purposes that cover an event of a source.
    pub fn event(&self, source: &str, name: &str) -> Result<PurposeMask> {
        self.by(|policy| categories_of_event(policy, source, name))
    }

    /// A source may map several columns to one field, under a category each.
    fn by(&self, categories: impl Fn(&Policy) -> Vec<&str>) -> Result<PurposeMask> {
        let covering = |found: Vec<&str>| {
            found.into_iter().fold(0, |mask, category| mask | self.rules.lawful(category))
        };
        let found = categories(&self.rules.policy);
        if !found.is_empty() {
            return Ok(covering(found));
        }
        let last = self.before()?.iter().map(&categories).find(|found| !found.is_empty());
        // What no map ever named came in past the gate: the report `unlawful` finds it.
        Ok(last.map_or(PurposeMask::MAX, covering))
    }

    fn before(&self) -> Result<&[Policy]> {
        if self.before.get().is_none() {
            let read = policies::before(self.conn, self.rules.version)?;
            return Ok(self.before.get_or_init(|| read));
        }
        Ok(self.before.get().map_or(&[], Vec::as_slice))
    }
}

fn categories_of_field<'p>(policy: &'p Policy, source: &str, field: &str) -> Vec<&'p str> {
    let is_it = |target: &Target| target.stored().iter().any(|stored| stored == field);
    let fields = policy.sources.get(source).into_iter().flat_map(|source| &source.fields);
    fields.filter(|field| is_it(&field.target)).map(|field| field.category.as_str()).collect()
}

fn categories_of_event<'p>(policy: &'p Policy, source: &str, name: &str) -> Vec<&'p str> {
    let events = policy.sources.get(source).into_iter().flat_map(|source| &source.events);
    events.filter(|event| event.name == name).map(|event| event.category.as_str()).collect()
}
