//! Who shares an address with somebody who said no: what would be sent there reaches them too, so a yes of
//! one's own doesn't let it out.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::base::error::Result;
use crate::consent::fold::{AsOf, in_force_state};
use crate::consent::history::History;
use crate::policy::rulebook::{PurposeCode, Rulebook};
use crate::store::{WordKind, Words};

use super::sql;

/// The purposes to which a subject said no, or hasn't said yes again.
pub fn refusals(conn: &Connection, subject: i64, asked: AsOf) -> Result<BTreeSet<PurposeCode>> {
    let standing = History::load(conn, subject)?.standing(asked);
    let noes = standing.consents.iter().filter(|(_, consent)| !in_force_state(consent.state));
    Ok(noes.map(|((purpose, _), _)| *purpose).collect())
}

/// For each kind of identifier that something is sent to, the purposes that it is sent for.
pub struct Addressed(BTreeMap<i64, BTreeSet<PurposeCode>>);

impl Addressed {
    /// The addresses of a policy's destinations: the first field of each.
    pub fn of(rules: &Rulebook, words: &Words) -> Addressed {
        let mut kinds: BTreeMap<i64, BTreeSet<PurposeCode>> = BTreeMap::new();
        for destination in rules.policy.destinations.values() {
            let kind = destination
                .fields
                .first()
                .and_then(|field| words.code(WordKind::Field, &format!("identifier.{field}")));
            if let (Some(kind), Some(code)) = (kind, rules.purpose_code(&destination.purpose)) {
                kinds.entry(kind).or_default().insert(code);
            }
        }
        Addressed(kinds)
    }

    /// The purposes for which nothing is sent to an address of a subject, because somebody who shares it
    /// said no to them.
    pub fn closed(
        &self,
        conn: &Connection,
        subject: i64,
        asked: AsOf,
    ) -> Result<BTreeSet<PurposeCode>> {
        let mut closed = BTreeSet::new();
        for (other, kind) in sql::sharing(conn, subject)? {
            let Some(purposes) = self.0.get(&kind) else { continue };
            closed.extend(refusals(conn, other, asked)?.intersection(purposes));
        }
        Ok(closed)
    }
}
