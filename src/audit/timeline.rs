//! The ledger as a story: what happened, when, and by whom.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde::Serialize;
use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{Sealed, apply_seal};
use crate::ledger::scan;
use crate::profile::sql as profile_sql;
use crate::store::{self, Store, WordKind};
use crate::view::{Block, Document, Table};

use super::disclosures::span;
use super::{Question, sql};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// Its number.
    pub entry: i64,
    /// When.
    pub at: String,
    /// Its kind.
    pub kind: String,
    /// Who acted.
    pub actor: String,
    /// What happened, in words.
    pub what: String,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// From when on.
    pub from: String,
    /// Until when.
    pub to: String,
    /// The entries, oldest first.
    pub entries: Vec<Happening>,
}

/// Tells the entries of a span; only those about one subject where one is named.
pub fn timeline(store: &Store, asked: &Question) -> Result<Timeline> {
    let conn = store.conn();
    let about = asked.who.map(|subject| About::load(store, subject)).transpose()?;
    let to = asked.to.min(Moment(asked.as_of.0.saturating_add(1)));
    let mut entries = Vec::new();
    sql::leaves(conn, store::first_entry_from(conn, asked.from)?, |n, leaf| {
        let fields = scan::fields(leaf)?;
        if fields.at >= to {
            return Ok(ControlFlow::Break(()));
        }
        if about.as_ref().is_some_and(|about| !about.entries.contains(&n)) {
            return Ok(ControlFlow::Continue(()));
        }
        let body: Value =
            fields.body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let payload = about.as_ref().and_then(|about| about.payloads.get(&n));
        entries.push(Happening {
            entry: n,
            at: fields.at.to_string(),
            kind: fields.kind.to_owned(),
            actor: fields.actor.to_owned(),
            what: words(store, fields.kind, &body, payload),
        });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Timeline { from: asked.from.to_string(), to: to.to_string(), entries })
}

/// The entries about one person.
struct About {
    entries: BTreeSet<i64>,
    payloads: BTreeMap<i64, Value>,
}

impl About {
    fn load(store: &Store, subject: i64) -> Result<About> {
        let conn = store.conn();
        let mut about = About { entries: BTreeSet::new(), payloads: BTreeMap::new() };
        for record in profile_sql::records_of(conn, subject)? {
            let key = profile_sql::record_key(conn, record)?;
            for (n, mut body) in sql::payloads(conn, record)? {
                about.entries.insert(n);
                apply_seal(&key, Sealed::Payload, n, &mut body);
                if let Ok(payload) = serde_json::from_slice(&body) {
                    about.payloads.insert(n, payload);
                }
            }
            let mut seq = profile_sql::record(conn, record)?.last_value;
            while seq != 0 {
                about.entries.insert(profile_sql::batch_of_value(conn, seq)?.n);
                seq = profile_sql::value(conn, seq)?.prev;
            }
            for rollup in profile_sql::rollups(conn, record)? {
                for (seq, ..) in profile_sql::event_chain(conn, rollup.last_event)? {
                    about.entries.insert(profile_sql::batch_of_event(conn, seq)?.n);
                }
            }
            let sent = crate::subject::sql::disclosures_of(conn, record)?;
            about.entries.extend(sent.iter().map(|d| d.entry));
            let requests = sql::requests(conn)?.into_iter().filter(|r| r.record == record);
            about.entries.extend(requests.flat_map(|r| [r.opened_entry, r.closed_entry]));
        }
        Ok(about)
    }
}

/// What an entry says, in words. Words of a person's payload are told only where it was asked for.
fn words(store: &Store, kind: &str, body: &Value, payload: Option<&Value>) -> String {
    let told = payload.map(said).unwrap_or_default();
    match kind {
        "log.init" => "the ledger began".into(),
        "policy.apply" => format!("policy version {} came into force", body["version"]),
        "data.admit" => {
            let source = store.words().text(WordKind::Source, body["source"].as_i64().unwrap_or(0));
            format!(
                "{} values and {} events were admitted from {source}, under policy {}",
                body["values"]["count"], body["events"]["count"], body["policy"]
            )
        }
        "data.forget" => format!(
            "{} values and {} events lost their last reason and were forgotten ({})",
            body["values"],
            body["events"],
            body["because"].as_str().unwrap_or_default()
        ),
        "key.rotate" => format!("a new key signs ({})", body["why"].as_str().unwrap_or("?")),
        "checkpoint" => format!("outsiders signed the first {} entries", body["size"]),
        "witness.add" => "a witness is asked from now on".into(),
        "witness.remove" => "a witness is asked no more".into(),
        "witness.refused" => "a witness refused this ledger as another history".into(),
        "profile.merge" => "two profiles were found to be one person".into(),
        "profile.split" => "a profile was parted".into(),
        "access.read" => format!("a person's data was read{told}"),
        "suppression.lift" => "an erased person came back by their own act".into(),
        "request.open" => format!(
            "a request for {} came, due on {}",
            body["kind"].as_str().unwrap_or("?"),
            body["due"].as_str().unwrap_or("?")
        ),
        "request.close" => format!("request {} was fulfilled", body["req"]),
        "erasure" => format!(
            "a person was erased: {} values, {} events, {} sealed texts",
            body["values"],
            body["events"],
            body["seqs"].as_array().map_or(0, Vec::len)
        ),
        "objection.raised" => format!("a person objected (Art 21){told}"),
        "objection.lifted" => format!("an objection was taken back{told}"),
        "restriction.set" => "a person's data was restricted (Art 18)".into(),
        "restriction.lifted" => "a restriction was lifted".into(),
        "channel.permitted" => format!("a channel was permitted{told}"),
        "channel.denied" => format!("a channel was denied{told}"),
        _ => match kind.strip_prefix("consent.") {
            Some(state) => format!("consent {state}{told}"),
            None => format!("{}{told}", kind.replace(['.', '_'], " ")),
        },
    }
}

/// What a payload adds: purpose, channel, notice, source and when it was so.
fn said(payload: &Value) -> String {
    let text = |name: &str| payload[name].as_str().filter(|text| !text.is_empty());
    let mut parts: Vec<String> = Vec::new();
    parts.extend(text("purpose").map(|purpose| format!("for {purpose}")));
    parts.extend(text("channel").map(|channel| format!("on {channel}")));
    parts.extend(text("notice").map(|notice| format!("notice {notice}")));
    parts.extend(text("source").map(|source| format!("by {source}")));
    parts.extend(text("by").map(|by| format!("by {by}")));
    parts.extend(payload["at"].as_i64().map(|at| format!("as of {}", Moment(at))));
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

impl Timeline {
    /// The report for people.
    pub fn document(&self) -> Document {
        let mut document = Document::new("What happened", span(&self.from, &self.to));
        let mut table = Table::new("", ["entry", "when", "who acted", "what"]);
        for row in &self.entries {
            let entry = row.entry.to_string();
            table.push([&entry, &row.at, &row.actor, &row.what]);
        }
        document.push(Block::Table(table));
        document
    }
}
