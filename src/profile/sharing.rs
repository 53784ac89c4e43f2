//! Who shares an address with somebody who said no: what would be sent there reaches them too, so a yes of
//! one's own doesn't let it out.
//!
//! Also where whoever said no was erased since. Then a keyed fingerprint of the address, the purpose and the
//! channel is all that is left of the "no": it keeps nobody out, and nothing goes there.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::{AsOf, Standing};
use crate::consent::sql as consent_sql;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeRule, Rulebook, bit, codes};
use crate::policy::types::Basis;
use crate::store::{Store, WordKind, Words};

use super::names::Name;
use super::recognise::no_fingerprint;
use super::sql;
use super::then::Then;

/// What is sent: for a purpose, on a channel.
pub type Sent<'r> = (&'r PurposeRule, Option<ChannelCode>);

/// The channels that something may go out on: those of the purpose where none is named.
fn channels<'a>((rule, channel): &'a Sent<'_>) -> &'a [ChannelCode] {
    channel.as_ref().map_or(&*rule.channels, std::slice::from_ref)
}

/// Whether a person said no to what is sent. What merely isn't a yes (a question that waits for its answer, a
/// consent that ran out) is no "no".
fn said_no(sent: Sent<'_>, standing: &Standing) -> bool {
    let (rule, _) = sent;
    let is_duty = rule.purpose.basis == Basis::LegalObligation;
    let refused = |channel: &ChannelCode| standing.noes.contains(&(rule.code, *channel));
    let denied = |channel: &ChannelCode| standing.permissions.get(channel) == Some(&false);
    let against_use = standing.restricted || standing.objections & bit(rule.code) != 0;
    (against_use && !is_duty)
        || channels(&sent).iter().chain([&0]).any(refused)
        || channels(&sent).iter().any(denied)
}

/// All that a person said no to: a purpose and a channel, by their names; one that is empty stands for all. A
/// restriction is none that outlives them: it keeps what is held of them from use, and ends with that.
pub fn noes<'w>(words: &'w Words, standing: &Standing) -> BTreeSet<(&'w str, &'w str)> {
    let purpose = |code: PurposeCode| words.text(WordKind::Purpose, code.into());
    let channel = |code: ChannelCode| match code {
        0 => "",
        code => words.text(WordKind::Channel, code.into()),
    };
    let refused = standing.noes.iter().map(|(p, c)| (purpose(*p), channel(*c)));
    let objected = codes(standing.objections).map(|code| (purpose(code), ""));
    let denied = standing.permissions.iter().filter(|(_, permitted)| !**permitted);
    let denied = denied.map(|(code, _)| ("", channel(*code)));
    refused.chain(objected).chain(denied).collect()
}

/// The "no" of others at an address.
struct Others {
    standings: Vec<Standing>,
    address: Name,
    asked: AsOf,
}

impl Others {
    /// Those who had an address at a point of the ledger, but for a subject.
    fn of(
        store: &Store,
        (subject, address): (i64, Name),
        then: &Then,
        asked: AsOf,
    ) -> Result<Others> {
        let conn = store.conn();
        let mut others = BTreeSet::new();
        for (record, today, ..) in sql::holders(conn, address.blind)? {
            let holder = then.subject(record, today);
            if holder != subject
                && !others.contains(&holder)
                && then.bore(store, address, record)?
            {
                others.insert(holder);
            }
        }
        let standing = |other| Ok(then.history(conn, other)?.standing(asked));
        let standings = others.into_iter().map(standing).collect::<Result<_>>()?;
        Ok(Others { standings, address, asked })
    }

    /// Whether any of them said no to what is sent, or anybody did who was erased since.
    fn say_no(&self, store: &Store, sent: Sent<'_>) -> Result<bool> {
        if self.standings.iter().any(|standing| said_no(sent, standing)) {
            return Ok(true);
        }
        let (rule, _) = sent;
        let text = |code: &ChannelCode| store.words().text(WordKind::Channel, (*code).into());
        let mut noes: Vec<(&str, &str)> = channels(&sent).iter().map(|c| ("", text(c))).collect();
        // Nobody can object to a duty; a channel they can deny.
        if rule.purpose.basis != Basis::LegalObligation {
            noes.extend(channels(&sent).iter().map(|c| (&*rule.name, text(c))));
            noes.push((&rule.name, ""));
        }
        for (purpose, channel) in noes {
            let print = no_fingerprint(store.secret(), self.address.blind, purpose, channel);
            let since = consent_sql::suppression(store.conn(), &print)?.map(|(since, _)| since);
            if since.is_some_and(|since| since <= self.asked.valid && since <= self.asked.known) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether anybody but a subject says no to what is sent to an address now.
///
/// # Errors
/// Those of reading.
pub fn shared_no(store: &Store, sent: Sent<'_>, whose: (i64, Name), now: Moment) -> Result<bool> {
    Others::of(store, whose, &Then::now(), AsOf::at(now))?.say_no(store, sent)
}

/// Everybody who had a name, at a point of the ledger, that somebody else had too.
///
/// # Errors
/// Those of reading.
pub fn sharing_somebody(store: &Store, then: &Then) -> Result<BTreeSet<i64>> {
    let mut sharing = BTreeSet::new();
    sql::shared_names(store.conn(), |bearers| {
        let mut subjects: BTreeMap<i64, Vec<(Name, i64)>> = BTreeMap::new();
        for (name, record, today) in bearers {
            subjects.entry(then.subject(*record, *today)).or_default().push((*name, *record));
        }
        if subjects.len() < 2 {
            return Ok(());
        }
        let mut bore = Vec::new();
        for (subject, records) in subjects {
            for (name, record) in records {
                if then.bore(store, name, record)? {
                    bore.push(subject);
                    break;
                }
            }
        }
        if bore.len() > 1 {
            sharing.extend(bore);
        }
        Ok(())
    })?;
    Ok(sharing)
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

    /// The purposes for which nothing is sent to an address that a subject had at a point of the ledger, because
    /// somebody who shared it said no to them.
    ///
    /// # Errors
    /// Those of reading.
    pub fn closed(
        &self,
        store: &Store,
        subject: i64,
        then: &Then,
        asked: AsOf,
    ) -> Result<BTreeSet<PurposeCode>> {
        let conn = store.conn();
        let mut addresses = BTreeMap::new();
        for record in then.records(conn, subject)? {
            for (blind, kind, _) in sql::identifiers_of(conn, record)? {
                let address = Name { blind, kind };
                if self.0.contains_key(&kind)
                    && !addresses.contains_key(&blind)
                    && then.bore(store, address, record)?
                {
                    addresses.insert(blind, address);
                }
            }
        }
        let mut closed = BTreeSet::new();
        for address in addresses.into_values() {
            let all = &self.0[&address.kind];
            let others = Others::of(store, (subject, address), then, asked)?;
            for sent in all {
                if others.say_no(store, *sent)? {
                    closed.insert(sent.0.code);
                }
            }
        }
        Ok(closed)
    }
}
