//! Who shares an address with somebody who said no: what would be sent there reaches them too, so a yes of
//! one's own doesn't let it out.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::base::error::Result;
use crate::consent::fold::{AsOf, Standing};
use crate::consent::history::History;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeRule, Rulebook, bit};
use crate::policy::types::Basis;
use crate::store::{WordKind, Words};

use super::sql;

/// What is sent: for a purpose, on a channel.
pub type Sent<'r> = (&'r PurposeRule, Option<ChannelCode>);

/// Whether a person said no to what is sent; where no channel is named, on any of the purpose's. What merely
/// isn't a yes (a question that waits for its answer, a consent that ran out) is no "no".
fn said_no((rule, channel): Sent<'_>, standing: &Standing) -> bool {
    let is_duty = rule.purpose.basis == Basis::LegalObligation;
    let channels = channel.as_ref().map_or(&*rule.channels, std::slice::from_ref);
    let refused = |channel: &ChannelCode| standing.noes.contains(&(rule.code, *channel));
    let denied = |channel: &ChannelCode| standing.permissions.get(channel) == Some(&false);
    let against_use = standing.restricted || standing.objections & bit(rule.code) != 0;
    (against_use && !is_duty)
        || channels.iter().chain([&0]).any(refused)
        || channels.iter().any(denied)
}

/// Whether anybody but a subject who has an address, given by its blind name, said no to what is sent there.
pub fn shared_no(
    conn: &Connection,
    sent: Sent<'_>,
    (subject, blind): (i64, i64),
    asked: AsOf,
) -> Result<bool> {
    let others = others(conn, (subject, blind), asked)?;
    Ok(others.iter().any(|standing| said_no(sent, standing)))
}

/// Where everybody stands who has an address, but for a subject.
fn others(conn: &Connection, (subject, blind): (i64, i64), asked: AsOf) -> Result<Vec<Standing>> {
    let holders = sql::holders(conn, blind)?.into_iter().map(|(_, holder, ..)| holder);
    let others: BTreeSet<i64> = holders.filter(|holder| *holder != subject).collect();
    let standing = |other| Ok(History::load(conn, other)?.standing(asked));
    others.into_iter().map(standing).collect()
}

/// For each kind of identifier that something is sent to, what it is sent for and on which channel.
pub struct Addressed<'r>(BTreeMap<i64, Vec<Sent<'r>>>);

impl<'r> Addressed<'r> {
    /// The addresses of a policy's destinations: the first field of each.
    pub fn of(rules: &'r Rulebook, words: &Words) -> Addressed<'r> {
        let mut kinds: BTreeMap<i64, Vec<_>> = BTreeMap::new();
        for destination in rules.policy.destinations.values() {
            let kind = destination
                .fields
                .first()
                .and_then(|field| words.code(WordKind::Field, &format!("identifier.{field}")));
            let rule = rules.purpose_code(&destination.purpose).and_then(|code| rules.rule(code));
            let channel = destination.channel.as_deref();
            let channel = channel.and_then(|channel| rules.channel_code(channel));
            if let (Some(kind), Some(rule)) = (kind, rule) {
                kinds.entry(kind).or_default().push((rule, channel));
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
        for (blind, kind) in sql::names_of(conn, subject)? {
            let Some(all) = self.0.get(&kind) else { continue };
            let others = others(conn, (subject, blind), asked)?;
            let closes = |sent: &&Sent<'_>| others.iter().any(|theirs| said_no(**sent, theirs));
            closed.extend(all.iter().filter(closes).map(|(rule, _)| rule.code));
        }
        Ok(closed)
    }
}
