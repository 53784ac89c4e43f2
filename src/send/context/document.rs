//! A context as JSON: what whoever asked is given.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::base::clock::Moment;
use crate::consent::permit::Permit;
use crate::send::audience::Outbound;

use super::known::{Done, Known, Value};

/// What may be known, for whoever asks as one of the controller's own; `name` gives the names of the person's
/// records at theirs.
///
/// ```compile_fail
/// let known: candor::send::context::Known = todo!();
/// candor::send::context::document(&known, &|_| String::new()); // wants a permit, not what is known
/// ```
pub fn document(known: &Permit<Known>, name: &dyn Fn(i64) -> String) -> Json {
    let until = known.item().until;
    let basis = known.grounds().map(|grounds| grounds.basis);
    let known = known.item();
    let mut identifiers: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for value in known.identifiers() {
        identifiers.entry(&value.name).or_default().push(said(value));
    }
    let attributes: BTreeMap<&str, Json> =
        known.attributes().map(|value| (&*value.name, said(value))).collect();
    let preferences: Map<String, Json> = known
        .preferences()
        .iter()
        .map(|wish| {
            let told = json!({
                "permitted": wish.permitted, "at_most_every_days": wish.at_most_every_days,
            });
            (wish.channel.clone(), told)
        })
        .collect();
    let consents: Vec<Json> = known
        .consents()
        .iter()
        .map(|consent| {
            json!({
                "channel": some(&consent.channel), "notice": some(&consent.notice),
                "since": consent.since.to_string(), "entry": consent.entry,
            })
        })
        .collect();
    let mut activity: BTreeMap<&str, Vec<&Done>> = BTreeMap::new();
    for done in known.events() {
        activity.entry(&done.name).or_default().push(done);
    }
    let activity: BTreeMap<&str, Json> =
        activity.into_iter().map(|(name, done)| (name, rollup(&done))).collect();
    json!({
        "basis": basis,
        "until": (until < Moment::FOREVER).then(|| until.to_string()),
        "person": known.records().iter().map(|record| name(*record)).collect::<Vec<_>>(),
        "identifiers": identifiers, "attributes": attributes, "preferences": preferences,
        "consents": consents, "activity": activity,
    })
}

/// What a recipient gets: the destination's fields, as a message to it would hold them.
pub fn outbound_document(
    permit: &Permit<Outbound>,
    fields: &[String],
    name: &dyn Fn(i64) -> String,
) -> Json {
    let Outbound { record, fields: values, .. } = permit.item();
    let fields: BTreeMap<&String, &String> = fields.iter().zip(values).collect();
    json!({"person": [name(*record)], "fields": fields})
}

fn said(value: &Value) -> Json {
    json!({
        "value": value.value, "source": value.source, "observed_at": value.observed_at.to_string(),
    })
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Count, sum, first and last of events of one name. A sum is of one currency, or of none that is known.
fn rollup(done: &[&Done]) -> Json {
    let amounts = done.iter().filter_map(|done| Some((done, done.body["amount"].as_i64()?)));
    let amounts: Vec<_> = amounts.filter(|(_, amount)| *amount != 0).collect();
    // In the order in which they happened, because a sum that doesn't fit depends on it.
    let sum = amounts.iter().rev().map(|(_, amount)| *amount).fold(0, i64::saturating_add);
    let first = amounts.first().map(|(done, _)| done.currency.as_deref());
    let currency = first.flatten().filter(|currency| {
        amounts.iter().all(|(done, _)| done.currency.as_deref() == Some(currency))
    });
    let at = |done: Option<&&Done>| done.map(|done| done.at.to_string());
    json!({
        "count": done.len(), "sum": sum, "currency": currency,
        "first_at": at(done.last()), "last_at": at(done.first()),
    })
}
