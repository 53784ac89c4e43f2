//! A person asks for what they have a right to: the request is opened, with its day, as the terminal opens it.
//! Whoever answers looks who asks (Art 12(6)): a mail can be passed on, and its link with it.

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::store::{Store, latest};
use crate::subject::request;
use crate::subject::sql::RequestKind;

use super::preferences::reader;
use super::sql;

/// Opens a request of a kind (`access`, `portability`, `erasure`), unless one of the same kind waits already.
/// Returns the last day for an answer; `None` where the link says nothing, or no such request exists.
///
/// # Errors
/// Those of [`Store::write`].
pub fn ask(store: &mut Store, token: &str, kind: &str, now: Moment) -> Result<Option<String>> {
    let Some(kind) = RequestKind::named(kind) else { return Ok(None) };
    let decide = |store: &Store, now: Moment| {
        let rules = latest(store.conn(), store.words())?;
        Ok((rules, reader(store, token, now)?))
    };
    store.decide_and_write(now, decide, |writer, (rules, reader)| {
        let Some(reader) = reader else { return Ok(None) };
        let open = sql::open_requests(writer.conn, reader.subject)?;
        if let Some((.., due_on)) = open.into_iter().find(|(known, ..)| *known == kind as i64) {
            return Ok(Some(due_on));
        }
        let opened = request::open(writer, &rules, reader.record, kind)?;
        Ok(Some(opened.due_on))
    })
}
