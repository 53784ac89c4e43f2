//! Which disclosure a message of the queue carries out: one whose entry names it, and no other.
//!
//! A row of the queue is nobody's evidence: whoever writes to the file can let it name any disclosure. If its word
//! counted, data would go out once more on a record of long ago: uncounted by the person's wish to hear less often,
//! and with nothing to take back. So a row that is tried again goes on under its disclosure only where the ledger
//! says that this very message was disclosed by it.

use crate::base::error::Result;
use crate::ledger::scan;
use crate::store::{self, Store};

use super::sql::{self, OutboxRow};

/// The kind of the entry of a run that sends something.
const RUN: &str = "disclosure.run";

/// The disclosure that a row carries out, to a destination for a purpose; 0 for one that was never disclosed, which
/// is what a row counts as that says otherwise by itself.
pub(super) fn own_disclosure(
    store: &Store,
    row: &OutboxRow,
    (destination, purpose): (&str, &str),
) -> Result<i64> {
    let entry = match row.disclosure {
        0 => None,
        disclosure => sql::disclosed_by(store.conn(), disclosure)?,
    };
    let Some(entry) = entry else { return Ok(0) };
    let leaf = store::leaf(store.conn(), entry)?.unwrap_or_default();
    let Ok(view) = scan::fields(&leaf) else { return Ok(0) };
    let body: serde_json::Value =
        view.body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let place =
        body["first"].as_i64().and_then(|first| usize::try_from(row.disclosure - first).ok());
    let names_it = place.is_some_and(|place| body["messages"][place].as_i64() == Some(row.id));
    let goes_there = body["destination"] == destination && body["purpose"] == purpose;
    Ok(if view.kind == RUN && names_it && goes_there { row.disclosure } else { 0 })
}
