//! The end of an erasure: its request is closed when the person's old pages are gone from the files too.
//!
//! Between the forgetting and that moment a process can be killed, and a reader beside it can keep old
//! pages alive. The request is open then, and whoever opens the store next to write goes on from here.

use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::ledger::leaf::Leaf;
use crate::store::{ErasureNote, Store, leaf};

use super::gone::{Unproven, empty};
use super::request::close;
use super::sql;

/// What an erasure is called when its proof can't be had.
pub(super) const ERASED: Unproven = Unproven {
    blocked: ("erasure-blocked", "the person is erased"),
    incomplete: ("erasure-incomplete", "erased data"),
    next: "close the other process; `candor request list` shows the request's number, and `candor request \
           certificate NUMBER` finishes it and gives its certificate",
};

/// Closes the request, unless another process did: nothing of the person is left on any page.
pub(super) fn finish(
    store: &mut Store,
    request: i64,
    note: &ErasureNote,
    now: Moment,
) -> Result<()> {
    store.write(now, |writer| {
        if sql::request(writer.conn, request)?.is_some_and(|row| row.closed_entry == 0) {
            close(writer, request, json!({"erasure": note.entry}))?;
        }
        Ok(())
    })
}

/// Takes the notes of erasures that never came to be out of the journal (a process that was killed before
/// its commit), and finishes those that were ended between the forgetting and its proof: empties the
/// write-ahead log, where the person's pages may still lie, and closes the requests. Returns their numbers.
///
/// # Errors
/// `erasure-blocked` as [`erase`](super::erase::erase).
pub fn finish_open(store: &mut Store, now: Moment) -> Result<Vec<i64>> {
    if store.signer().is_some_and(|signer| signer.last_erasure_is_undone(store.conn())) {
        store.write(now, |writer| writer.signer.drop_undone_erasures(writer.conn))?;
    }
    let mut finished = Vec::new();
    for request in sql::open_erasures(store.conn())? {
        let Some(note) = note_of(store, request)? else { continue };
        empty(store, &ERASED)?;
        finish(store, request, &note, now)?;
        finished.push(request);
    }
    Ok(finished)
}

/// What the journal beside the key keeps of a request's erasure.
pub(super) fn note_of(store: &Store, request: i64) -> Result<Option<ErasureNote>> {
    let notes = store.signer().map(|signer| signer.erasures()).transpose()?.unwrap_or_default();
    for note in notes.into_iter().rev() {
        let leaf = leaf(store.conn(), i64::try_from(note.entry).unwrap_or(-1))?;
        let body = leaf.and_then(|leaf| Leaf::parse_strict(&leaf).ok()?.body);
        if body.is_some_and(|body| body["req"].as_i64() == Some(request)) {
            return Ok(Some(note));
        }
    }
    Ok(None)
}
