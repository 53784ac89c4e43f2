//! Who may be reached for a destination, with what, and who may not and why.

use std::collections::{BTreeMap, HashMap};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::consent::fold::{AsOf, Standing, in_force_state};
use crate::consent::gate::Reason;
use crate::consent::history::History;
use crate::consent::permit::{Permit, permit};
use crate::policy::rulebook::{PurposeRule, Rulebook, bit};
use crate::policy::types::Destination;
use crate::profile::read::{self, OpenRecord};
use crate::profile::sql as profile_sql;
use crate::store::{Store, WordKind, Words};

/// One person's row for a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// The record that supplied the first field: the address, where the destination takes one.
    pub record: i64,
    /// The fields, in the destination's order; empty where the person has none.
    pub fields: Vec<String>,
}

/// Who may be reached now, and how many may not.
#[derive(Debug, Default)]
pub struct Audience {
    /// Those who may be reached.
    pub permitted: Vec<Permit<Outbound>>,
    /// Those who may not, by reason.
    pub withheld: BTreeMap<&'static str, u64>,
}

/// The reason for people who may be reached and have none of the destination's fields.
const NOTHING_TO_SEND: &str = "nothing_to_send";

/// The destination and its rule.
///
/// # Errors
/// `destination-unknown`.
pub(super) fn destination<'r>(
    rules: &'r Rulebook,
    name: &str,
) -> Result<(&'r Destination, &'r PurposeRule)> {
    let found = rules.policy.destinations.get(name).and_then(|destination| {
        let code = rules.purpose_code(&destination.purpose)?;
        Some((destination, rules.rule(code)?))
    });
    found.ok_or_else(|| {
        let known: Vec<&str> = rules.policy.destinations.keys().map(String::as_str).collect();
        Error::usage("destination-unknown", format!("the policy declares no destination {name}"))
            .next(format!("use one of {}", known.join(", ")))
    })
}

/// Asks the gate for everybody.
pub fn audience(store: &Store, rules: &Rulebook, name: &str, now: Moment) -> Result<Audience> {
    let (destination, rule) = destination(rules, name)?;
    let channel = destination.channel.as_deref().and_then(|channel| rules.channel_code(channel));
    let mut audience = Audience::default();
    for subject in profile_sql::live_subjects(store.conn())? {
        let history = History::load(store.conn(), subject)?;
        let records = read::open_records(store.conn(), store.words(), subject)?;
        let mut standings: HashMap<i64, Standing> = HashMap::new();
        let mut no = Reason::ConsentUnknown;
        let mut open: Vec<&OpenRecord> = Vec::new();
        let mut last: Option<Permit<()>> = None;
        for record in &records {
            let standing = standings
                .entry(record.home)
                .or_insert_with(|| history.standing_of(record.home, AsOf::at(now)));
            match permit(rules, rule, channel, standing, now, ()) {
                Ok(given) => {
                    open.push(record);
                    last = Some(given);
                }
                Err(reason) => no = reason,
            }
        }
        if last.is_none() {
            *audience.withheld.entry(no.code()).or_default() += 1;
            continue;
        }
        let Some(row) = row(store, rules, rule, destination, &open)? else {
            *audience.withheld.entry(NOTHING_TO_SEND).or_default() += 1;
            continue;
        };
        let home = open.iter().find(|r| r.id == row.record).map_or(0, |r| r.home);
        let standing = &standings[&home];
        let shared_no = shared_refusal(store, rule, destination, subject, &row, now)?;
        match shared_no.map_or_else(|| permit(rules, rule, channel, standing, now, row), Err) {
            Ok(permit) => audience.permitted.push(permit),
            Err(reason) => *audience.withheld.entry(reason.code()).or_default() += 1,
        }
    }
    Ok(audience)
}

/// The destination's fields of a person, from the records that the gate opened: only values that
/// came in for this very purpose. `None` where the first field, the address, is missing.
fn row(
    store: &Store,
    rules: &Rulebook,
    rule: &PurposeRule,
    destination: &Destination,
    open: &[&OpenRecord],
) -> Result<Option<Outbound>> {
    let mut fields = Vec::with_capacity(destination.fields.len());
    let mut first_record = None;
    for name in &destination.fields {
        let codes = field_codes(store.words(), name);
        let newest = open
            .iter()
            .flat_map(|record| record.values.iter().map(move |value| (record, value)))
            .filter(|(_, value)| value.current && codes.contains(&value.field))
            .filter(|(_, value)| value.purposes & bit(rule.code) != 0)
            .max_by(|(a, x), (b, y)| {
                let rank = |record: &OpenRecord| {
                    let priority = &rules.policy.profile.priority;
                    priority.iter().position(|p| *p == record.source).unwrap_or(priority.len())
                };
                x.observed_at.cmp(&y.observed_at).then(rank(b).cmp(&rank(a))).then(b.id.cmp(&a.id))
            });
        if let Some((record, _)) = newest {
            first_record.get_or_insert(record.id);
        }
        fields.push(newest.map(|(_, value)| value.text.clone()).unwrap_or_default());
    }
    let complete = fields.first().is_some_and(|address| !address.is_empty());
    Ok(first_record.filter(|_| complete).map(|record| Outbound { record, fields }))
}

fn field_codes(words: &Words, name: &str) -> Vec<i64> {
    [format!("identifier.{name}"), format!("attribute.{name}")]
        .iter()
        .filter_map(|text| words.code(WordKind::Field, text))
        .collect()
}

/// Somebody else who holds the same address and said no to the same purpose: what is sent there
/// would reach them too.
fn shared_refusal(
    store: &Store,
    rule: &PurposeRule,
    destination: &Destination,
    subject: i64,
    row: &Outbound,
    now: Moment,
) -> Result<Option<Reason>> {
    let (Some(kind), Some(address)) = (destination.fields.first(), row.fields.first()) else {
        return Ok(None);
    };
    let blind = crate::profile::recognise::identifier_blind(store.secret(), kind, address);
    for (_, other, ..) in profile_sql::holders(store.conn(), blind)? {
        if other == subject {
            continue;
        }
        let standing = History::load(store.conn(), other)?.standing(AsOf::at(now));
        let said_no = standing
            .consents
            .iter()
            .any(|((purpose, _), c)| *purpose == rule.code && !in_force_state(c.state));
        if said_no {
            return Ok(Some(Reason::ConsentWithdrawn));
        }
    }
    Ok(None)
}
