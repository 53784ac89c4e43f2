//! The ledger as a story: what happened, when, and by whom.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde::Serialize;
use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{Sealed, apply_seal};
use crate::ledger::scan;
use crate::profile::merge::joined_or_parted;
use crate::profile::sql as profile_sql;
use crate::profile::then::Then;
use crate::store::{self, Store, WordKind};
use crate::view::{Block, Document, Table, counted};

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
    let then = Then::known_at(conn, asked.as_of)?;
    let about = asked.who.map(|subject| About::load(store, &then, subject)).transpose()?;
    let (from, to) = asked.span();
    let mut entries = Vec::new();
    sql::leaves(conn, store::first_entry_from(conn, from)?, |n, leaf| {
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
    Ok(Timeline { from: from.to_string(), to: to.to_string(), entries })
}

/// The entries about one person.
struct About {
    entries: BTreeSet<i64>,
    payloads: BTreeMap<i64, Value>,
}

impl About {
    fn load(store: &Store, then: &Then, subject: i64) -> Result<About> {
        let conn = store.conn();
        let entries = joined_or_parted(conn, subject)?.into_iter().collect();
        let mut about = About { entries, payloads: BTreeMap::new() };
        for record in then.records(conn, subject)? {
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
                "{} admitted from {source}, under policy {}",
                items(&body["values"]["count"], &body["events"]["count"]),
                body["policy"]
            )
        }
        "data.forget" => format!(
            "{} forgotten, which had lost their last reason ({})",
            items(&body["values"], &body["events"]),
            body["because"].as_str().unwrap_or_default()
        ),
        "backup" => "a backup was begun".into(),
        "backup.failed" => format!("the backup of entry {} failed", body["backup"]),
        "key.rotate" => format!("a new key signs ({})", body["why"].as_str().unwrap_or("?")),
        "checkpoint" => {
            let size = body["size"].as_u64().unwrap_or(0);
            format!("outsiders signed the first {}", counted(size, "entry", "entries"))
        }
        "write_key.add" => format!(
            "a key {} may send data of {} in from now on",
            body["key"],
            body["source"].as_str().unwrap_or("?")
        ),
        "write_key.revoke" => format!("the key {} sends no data in any more", body["key"]),
        "token.add" => format!(
            "a token {} of the role {} may ask from now on",
            body["token"],
            body["role"].as_str().unwrap_or("?")
        ),
        "token.revoke" => format!("the token {} asks no more", body["token"]),
        "witness.add" => "a witness is asked from now on".into(),
        "witness.remove" => "a witness is asked no more".into(),
        "witness.refused" => "a witness refused this ledger as another history".into(),
        "profile.merge" => match body["by"].as_str() {
            Some("linkage") => format!(
                "two profiles were found to be one person, with a probability of {} by model {}",
                body["probability"].as_str().unwrap_or("?"),
                body["model"]
            ),
            _ => "two profiles were found to be one person".into(),
        },
        "profile.split" => "a profile was parted".into(),
        "profile.named" => "by which names somebody is found that aren't held".into(),
        "identity.run" => format!(
            "records were linked by model {}: {}, {}, {}",
            body["model"],
            counted(body["joined"].as_u64().unwrap_or(0), "join", "joins"),
            counted(body["asked"].as_u64().unwrap_or(0), "new question", "new questions"),
            counted(body["related"].as_u64().unwrap_or(0), "new relation", "new relations")
        ),
        "identity.newcomer" => format!(
            "a new record was compared by model {}: {}, {}, {}",
            body["model"],
            counted(body["joined"].as_u64().unwrap_or(0), "join", "joins"),
            counted(body["asked"].as_u64().unwrap_or(0), "new question", "new questions"),
            counted(body["related"].as_u64().unwrap_or(0), "new relation", "new relations")
        ),
        "identity.answer" => format!(
            "a person answered question {}, whether two profiles are one person's: {}",
            body["question"],
            body["answer"].as_str().unwrap_or("?")
        ),
        "access.read" => format!("a person's data was read{told}"),
        "access.changes" => format!(
            "the token {} began to be told of whom something else may be known for {}",
            body["token"],
            body["purpose"].as_str().unwrap_or("?")
        ),
        "access.query" => "somebody asked the store with SQL that opens what is sealed".into(),
        "access.export" => "an answer to a person was handed out".into(),
        "access.bundle" => "the ledger was handed out as files".into(),
        "receipt.issue" => format!("a receipt of what a person said was handed out{told}"),
        "certificate.issue" => {
            format!("the certificate of the erasure in entry {} was handed out", body["erasure"])
        }
        "import.progress" => format!(
            "{} of a file of {} {}: {} and {} came in by import {}",
            counted(body["rows"].as_u64().unwrap_or(0), "row", "rows"),
            body["source"].as_str().unwrap_or("?"),
            if body["done"] == true { "were read, to its end" } else { "were read so far" },
            counted(body["values"].as_u64().unwrap_or(0), "value", "values"),
            counted(body["events"].as_u64().unwrap_or(0), "event", "events"),
            body["import"],
        ),
        "report.issue" => format!(
            "the report {} was handed out ({})",
            body["report"].as_str().unwrap_or("?"),
            body["format"].as_str().unwrap_or("?")
        ),
        "disclosure.run" => format!(
            "data of {} went to {} for {}",
            counted(body["count"].as_u64().unwrap_or(0), "person", "people"),
            body["destination"].as_str().unwrap_or("?"),
            body["purpose"].as_str().unwrap_or("?")
        ),
        "audience.define" => format!(
            "the audience {} was defined, version {}, for {}",
            body["name"].as_str().unwrap_or("?"),
            body["version"],
            body["purpose"].as_str().unwrap_or("?")
        ),
        "outbox.queue" => {
            let chosen = body["audience"]["name"].as_str();
            let chosen = chosen.map(|name| format!(", of the audience {name}")).unwrap_or_default();
            format!("queued for {}: {}{chosen}", destination(body), messages(body))
        }
        "outbox.outcome" => format!(
            "messages to {}: {} delivered, {} given up, {} withheld",
            destination(body),
            body["delivered"].as_u64().unwrap_or(0),
            body["dead"].as_u64().unwrap_or(0),
            body["withheld"]
                .as_object()
                .map_or(0, |all| all.values().filter_map(Value::as_u64).sum::<u64>())
        ),
        "outbox.recall" => format!(
            "queued for {}, to have it {}: {}",
            destination(body),
            if body["act"] == "profile.delete" { "delete" } else { "stop" },
            messages(body)
        ),
        "outbox.replay" => {
            format!("to be tried again for {}: {}", destination(body), messages(body))
        }
        "outbox.drop" => {
            let why = if body["why"] == "erased" { ", for the person was erased" } else { "" };
            format!("taken out of the queue for {}: {}{why}", destination(body), messages(body))
        }
        "notice.given" => {
            format!("a person was told where data about them comes from (Art 14){told}")
        }
        "notice.revoked" => format!("what a person was told was taken back (Art 14){told}"),
        "frequency.limited" => format!("a person asked to hear less often{told}"),
        "frequency.lifted" => format!("a wish to hear less often was taken back{told}"),
        "suppression.lift" => "an erased person came back by their own act".into(),
        "request.open" => format!(
            "a request for {} came, due on {}",
            body["kind"].as_str().unwrap_or("?"),
            body["due"].as_str().unwrap_or("?")
        ),
        "request.close" => format!("request {} was fulfilled", body["req"]),
        "erasure" => format!(
            "a person was erased: {}, {}, {}",
            counted(body["values"].as_u64().unwrap_or(0), "value", "values"),
            counted(body["events"].as_u64().unwrap_or(0), "event", "events"),
            counted(
                body["seqs"].as_array().map_or(0, |all| all.len() as u64),
                "sealed text",
                "sealed texts"
            )
        ),
        "objection.raised" => format!("a person objected (Art 21){told}"),
        "objection.lifted" => format!("an objection was taken back{told}"),
        "restriction.set" => "a person's data was restricted (Art 18)".into(),
        "restriction.lifted" => "a restriction was lifted".into(),
        "hold.set" => "a person's data is held for a legal claim (Art 17(3)(e))".into(),
        "hold.lifted" => "a legal hold was lifted".into(),
        "channel.permitted" => format!("a channel was permitted{told}"),
        "channel.denied" => format!("a channel was denied{told}"),
        _ => match kind.strip_prefix("consent.") {
            Some(state) => format!("consent {state}{told}"),
            None => format!("{}{told}", kind.replace(['.', '_'], " ")),
        },
    }
}

fn messages(body: &Value) -> String {
    counted(body["count"].as_u64().unwrap_or(0), "message", "messages")
}

fn destination(body: &Value) -> &str {
    body["destination"].as_str().unwrap_or("?")
}

/// Values and events as the subject of a sentence: `1 value and 2 events were`.
fn items(values: &Value, events: &Value) -> String {
    let (values, events) = (values.as_u64().unwrap_or(0), events.as_u64().unwrap_or(0));
    let all = format!(
        "{} and {}",
        counted(values, "value", "values"),
        counted(events, "event", "events")
    );
    format!("{all} were")
}

/// What a payload adds: purpose, channel, notice, source and when it was so.
fn said(payload: &Value) -> String {
    let text = |name: &str| payload[name].as_str().filter(|text| !text.is_empty());
    let mut parts: Vec<String> = Vec::new();
    parts.extend(text("purpose").map(|purpose| format!("for {purpose}")));
    parts.extend(text("channel").map(|channel| format!("on {channel}")));
    parts.extend(text("notice").map(|notice| match text("language") {
        Some(language) => format!("notice {notice} ({language})"),
        None => format!("notice {notice}"),
    }));
    parts.extend(text("source").map(|source| format!("by {source}")));
    parts.extend(text("by").map(|by| format!("by {by}")));
    parts.extend(text("role").map(|role| format!("as {role}")));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds that entries have, from the places that write them; none is told by its bare name.
    #[test]
    fn every_kind_has_words() {
        let folder = tempfile::tempdir().unwrap();
        let now = Moment::parse("2026-01-01").unwrap();
        let path = folder.path().join("t.db");
        let creation = store::Creation { path: &path, origin: None, now, actor: "test" };
        let store = Store::create(&creation).unwrap();
        for kind in [
            "log.init",
            "policy.apply",
            "data.admit",
            "data.forget",
            "import.progress",
            "backup",
            "backup.failed",
            "key.rotate",
            "checkpoint",
            "witness.add",
            "witness.remove",
            "witness.refused",
            "write_key.add",
            "write_key.revoke",
            "token.add",
            "token.revoke",
            "profile.merge",
            "profile.split",
            "profile.named",
            "identity.run",
            "identity.newcomer",
            "identity.answer",
            "access.read",
            "access.changes",
            "access.query",
            "access.export",
            "access.bundle",
            "receipt.issue",
            "certificate.issue",
            "report.issue",
            "disclosure.run",
            "audience.define",
            "outbox.queue",
            "outbox.outcome",
            "outbox.recall",
            "outbox.replay",
            "outbox.drop",
            "suppression.lift",
            "request.open",
            "request.close",
            "erasure",
            "objection.raised",
            "objection.lifted",
            "restriction.set",
            "restriction.lifted",
            "hold.set",
            "hold.lifted",
            "channel.permitted",
            "channel.denied",
            "notice.given",
            "notice.revoked",
            "frequency.limited",
            "frequency.lifted",
            "consent.given",
        ] {
            let told = words(&store, kind, &Value::Null, None);
            let bare = kind != "consent.given";
            assert!(!bare || told != kind.replace(['.', '_'], " "), "{kind}");
        }
        let one = serde_json::json!({"values": 1, "events": 0, "because": "consent"});
        let told = words(&store, "data.forget", &one, None);
        assert!(told.starts_with("1 value and 0 events were forgotten"), "{told}");
    }
}
