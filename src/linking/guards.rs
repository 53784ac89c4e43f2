//! The policy's guards on identifiers, as linking asks them: whom they hold apart is never joined by what a
//! model says, but stays related, or is asked about.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::Connection;

use crate::base::error::Result;
use crate::identity::{Facts, Guard};
use crate::policy::types::{Policy, UNVERIFIED};
use crate::profile::read::OpenRecord;
use crate::profile::recognise::comparable;
use crate::profile::sql as profile_sql;
use crate::store::{WordKind, Words};

/// The guards of a policy, and what has to be known of a person to ask them.
pub(super) struct Watch<'r> {
    pub(super) guards: Vec<Guard>,
    /// By the fields of a kind, of which one holds what nobody verified: the first of them, and the values that
    /// mean nobody.
    kinds: HashMap<i64, (i64, &'r [String])>,
    /// The fields that tell the holders of a value apart.
    traits: Vec<i64>,
}

impl<'r> Watch<'r> {
    pub(super) fn of(words: &Words, policy: &'r Policy) -> Watch<'r> {
        let field = |name: String| words.code(WordKind::Field, &name);
        let mut watch = Watch { guards: Vec::new(), kinds: HashMap::new(), traits: Vec::new() };
        for (name, kind) in policy.identifiers.iter().filter(|(_, kind)| kind.links) {
            let Some(code) = field(format!("identifier.{name}")) else { continue };
            let named = kind.unless_differ.iter();
            let named: Option<Vec<i64>> =
                named.map(|name| field(format!("attribute.{name}"))).collect();
            // Of a field that nobody ever said anything in, nobody differs.
            let unless_differ = named.unwrap_or_default();
            let values_max = kind.max_values.map(|most| most as usize);
            if unless_differ.is_empty() && values_max.is_none() {
                continue;
            }
            watch.traits.extend(&unless_differ);
            watch.kinds.insert(code, (code, &kind.ignore));
            let claimed = field(format!("identifier.{UNVERIFIED}{name}"));
            watch.kinds.extend(claimed.map(|claimed| (claimed, (code, kind.ignore.as_slice()))));
            watch.guards.push(Guard { kind: code, unless_differ, values_max });
        }
        watch
    }

    /// What is to be known of a person, by all of their records.
    pub(super) fn facts(&self, conn: &Connection, records: &[OpenRecord]) -> Result<Facts> {
        let mut facts = Facts::default();
        if self.guards.is_empty() {
            return Ok(facts);
        }
        for record in records {
            for (blind, field, seq) in profile_sql::identifiers_of(conn, record.id)? {
                let Some((kind, ignored)) = self.kinds.get(&field).copied() else { continue };
                let value = record.values.iter().find(|value| value.seq == seq);
                let said = value.map_or(blind.cast_unsigned(), |value| hash(&value.text));
                facts.have_said(kind, said);
                // A "no" without a value stays.
                let stands = value.map_or(seq == 0, |v| v.current && !ignored.contains(&v.text));
                if stands {
                    facts.say(kind, said);
                }
            }
            let current = record.values.iter().filter(|value| value.current);
            for value in current.filter(|value| self.traits.contains(&value.field)) {
                facts.say(value.field, hash(&comparable(&value.text)));
            }
        }
        facts.finish();
        Ok(facts)
    }
}

/// Tells texts apart, within one run of the program.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
