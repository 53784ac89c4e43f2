//! What was so at a moment and can't be told any more, because it was erased or forgotten since.
//!
//! A report as of a moment speaks of what is still there. An erasure takes rows and leaves counts: those
//! of the entries that committed to them. A report that didn't name them would call in order what it
//! can't see.

use std::collections::HashMap;
use std::ops::ControlFlow;

use rusqlite::Connection;
use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::ledger::scan;
use crate::profile::then::Then;
use crate::store::{self, Store};

use super::sql;

/// What had been admitted or sent by a moment, and whose contents are gone: (values, events,
/// disclosures). Of one subject only what was forgotten of it while it was held can be told.
pub fn undecidable(store: &Store, who: Option<i64>, as_of: Moment) -> Result<(u64, u64, u64)> {
    let then = Then::known_at(store.conn(), as_of)?;
    let records = who.map(|subject| then.records(store.conn(), subject)).transpose()?;
    let (values, events) = sql::forgotten_of(store.conn(), records.as_deref(), as_of, 0)?;
    let disclosures = match who {
        Some(_) => 0,
        None => {
            disclosures_erased(store, Moment(0), after(as_of))?.iter().map(|run| run.people).sum()
        }
    };
    Ok((values, events, disclosures))
}

/// Values and events that were forgotten or erased after a moment.
pub fn forgotten(conn: &Connection, as_of: Moment) -> Result<(u64, u64)> {
    sql::forgotten_since(conn, store::first_entry_from(conn, after(as_of))?)
}

/// The same of somebody, by the records that they had then; of what had been admitted by that moment.
pub fn forgotten_of_one(conn: &Connection, subject: i64, as_of: Moment) -> Result<(u64, u64)> {
    let records = Then::known_at(conn, as_of)?.records(conn, subject)?;
    sql::forgotten_of(conn, Some(&records), as_of, store::first_entry_from(conn, after(as_of))?)
}

/// How many people had said something by a moment that was erased with them after it.
pub fn people_erased(conn: &Connection, as_of: Moment) -> Result<u64> {
    let first = store::first_entry_from(conn, after(as_of))?;
    let (mut people, mut request) = (0, Value::Null);
    sql::leaves(conn, first, |_, leaf| {
        let fields = scan::fields(leaf)?;
        if fields.kind != "erasure" {
            return Ok(ControlFlow::Continue(()));
        }
        let body = body_of(fields.body);
        let payloads = body["seqs"].as_array().into_iter().flatten();
        let before = payloads.filter_map(Value::as_i64).any(|entry| entry < first);
        // A long erasure has several entries, one after the other, about one request.
        if before && (request.is_null() || request == 0 || request != body["req"]) {
            people += 1;
            request = body["req"].clone();
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(people)
}

fn after(moment: Moment) -> Moment {
    Moment(moment.0.saturating_add(1))
}

fn body_of(body: Option<&[u8]>) -> Value {
    body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default()
}

/// What a run sent of people who were erased since.
pub(super) struct Gone {
    pub(super) entry: i64,
    pub(super) at: Moment,
    pub(super) destination: String,
    pub(super) purpose: String,
    pub(super) people: u64,
}

/// The erased among those whose data was sent from one moment until before another: an erasure takes the
/// row of a disclosure, and not the count in its entry.
pub(super) fn disclosures_erased(store: &Store, from: Moment, to: Moment) -> Result<Vec<Gone>> {
    let mut rows: HashMap<i64, u64> = HashMap::new();
    sql::disclosures(store.conn(), |d| {
        *rows.entry(d.entry).or_default() += 1;
        Ok(())
    })?;
    let mut gone = Vec::new();
    sql::leaves(store.conn(), store::first_entry_from(store.conn(), from)?, |entry, leaf| {
        let fields = scan::fields(leaf)?;
        if fields.at >= to {
            return Ok(ControlFlow::Break(()));
        }
        if fields.kind == "disclosure.run" {
            let body = body_of(fields.body);
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            let sent = body["people"].as_u64().or(body["count"].as_u64()).unwrap_or(0);
            let people = sent.saturating_sub(rows.get(&entry).copied().unwrap_or(0));
            let (at, destination, purpose) = (fields.at, text("destination"), text("purpose"));
            if people > 0 {
                gone.push(Gone { entry, at, destination, purpose, people });
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(gone)
}
