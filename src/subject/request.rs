//! Opens and closes requests: each has a deadline, an entry when it came and an entry when it ended.

use serde_json::{Value, json};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::policy::rulebook::Rulebook;
use crate::profile::sql::record_key;
use crate::store::{Store, Writer};

use super::deadline::{Deadline, Extension, due};
use super::finish::note_of;
use super::sql;
pub use super::sql::RequestKind;

/// An open request.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its number.
    pub id: i64,
    /// When it came.
    pub opened_at: Moment,
    /// The last day for the answer, as a date in the controller's time zone.
    pub due_on: String,
    /// How that day was found.
    pub due_because: String,
    /// Its ledger entry.
    pub entry: i64,
}

/// The deadline of a request that comes at a moment, by the controller's country and time zone.
pub fn deadline(rules: &Rulebook, received: Moment) -> Deadline {
    let controller = &rules.policy.controller;
    let zone = controller.zone();
    due(received, zone, &controller.country, Extension::None)
}

/// The kind of the entry that opens a request.
pub const OPENED: &str = "request.open";

/// Opens a request of the person of a record that waits to be answered. Its entry commits to the record, so that
/// nobody can make it another's by writing to the file.
pub fn open(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    record: i64,
    kind: RequestKind,
) -> Result<Opened> {
    let key = record_key(writer.conn, record)?;
    begin(writer, rules, record, kind, |writer, body| {
        writer.append_about(OPENED, record, &key, &json!({"asked": kind.word()}), Some(body))
    })
}

/// Gives a request its day, its entry and its row.
fn begin(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    record: i64,
    kind: RequestKind,
    enter: impl FnOnce(&mut Writer<'_>, Value) -> Result<i64>,
) -> Result<Opened> {
    let deadline = deadline(rules, writer.now);
    let due_on = deadline.due_on.to_string();
    let entry = enter(writer, json!({"kind": kind.word(), "due": due_on}))?;
    let id = sql::insert_request(writer.conn, record, kind, writer.now, &due_on, entry)?;
    Ok(Opened { id, opened_at: writer.now, due_on, due_because: deadline.sentence(), entry })
}

/// The request that somebody opened for a person and that waits to be answered, or a new one about the person
/// of a record. A new one is answered in the same transaction: the answer's entry says whose it was, and an
/// erasure leaves nobody to say it of.
pub fn take_up(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    record: i64,
    kind: RequestKind,
    waiting: Option<i64>,
) -> Result<Opened> {
    let known = match waiting {
        Some(id) => sql::request(writer.conn, id)?.map(|row| (id, row)),
        None => None,
    };
    let Some((id, row)) = known else {
        return begin(writer, rules, record, kind, |writer, body| writer.append(OPENED, body));
    };
    let due_because = deadline(rules, row.opened_at).sentence();
    let sql::RequestRow { opened_at, due_on, opened_entry: entry, .. } = row;
    Ok(Opened { id, opened_at, due_on, due_because, entry })
}

/// The oldest request of a kind that waits to be answered for a person. An erasure that was done and waits for
/// its proof isn't one.
pub fn waiting(store: &Store, subject: i64, kind: RequestKind) -> Result<Option<i64>> {
    for id in sql::open_requests(store.conn(), subject, kind)? {
        if kind != RequestKind::Erasure || note_of(store, id)?.is_none() {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Closes a request that was fulfilled; returns the entry.
pub fn close(writer: &mut Writer<'_>, request: i64, outcome: Value) -> Result<i64> {
    let body = json!({"req": request, "outcome": "fulfilled", "by": outcome});
    let entry = writer.append("request.close", body)?;
    sql::close_request(writer.conn, request, writer.now, entry)?;
    Ok(entry)
}
