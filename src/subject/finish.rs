//! The end of an erasure: its request is closed when the person's old pages are gone from the files too.
//!
//! Between the forgetting and that moment a process can be killed, and a reader beside it can keep old
//! pages alive. The request is open then, and whoever opens the store next to write goes on from here. The
//! beginnings of the erased rows were kept for that, as they had been stored under the key that is gone.

use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::ledger::leaf::Leaf;
use crate::store::{ErasureNote, Store, Writer, leaf};

use super::gone::{Unproven, prove_gone};
use super::request::close;
use super::scan::{Pattern, ScanReport};
use super::sql;

/// What an erasure is called when its proof can't be had.
pub(super) const ERASED: Unproven = Unproven {
    blocked: ("erasure-blocked", "the person is erased"),
    incomplete: ("erasure-incomplete", "erased data"),
    next: "close the other process; `candor request list` shows the request's number, and `candor request \
           certificate NUMBER` finishes it and gives its certificate",
};

/// Keeps what the look at the files has to look for, for whoever comes after a process that is cut off.
pub(super) fn seek(writer: &mut Writer<'_>, request: i64, patterns: &[Pattern]) -> Result<()> {
    for piece in patterns.iter().filter_map(Pattern::piece) {
        sql::keep_sought(writer.conn, request, piece)?;
    }
    Ok(())
}

/// Closes the request, unless another process did: nothing of the person is left on any page. The entry says what
/// was looked for.
pub(super) fn finish(
    store: &mut Store,
    request: i64,
    note: &ErasureNote,
    scan: &ScanReport,
    now: Moment,
) -> Result<()> {
    store.write(now, |writer| {
        if sql::request(writer.conn, request)?.is_some_and(|row| row.closed_entry == 0) {
            close(writer, request, json!({"erasure": note.entry, "scan": scan}))?;
            sql::forget_sought(writer.conn, request)?;
        }
        Ok(())
    })
}

/// The look at the raw files that the entry which closed a request tells of.
pub(super) fn scan_of(store: &Store, closed_entry: i64) -> Result<Option<ScanReport>> {
    let body =
        leaf(store.conn(), closed_entry)?.and_then(|leaf| Leaf::parse_strict(&leaf).ok()?.body);
    Ok(body.and_then(|body| serde_json::from_value(body["by"]["scan"].clone()).ok()))
}

/// Takes the notes of erasures that never came to be out of the journal (a process that was killed before
/// its commit), and finishes those that were ended between the forgetting and its proof: empties the
/// write-ahead log, where the person's pages may still lie, looks through the raw files and closes the requests.
/// Returns their numbers.
///
/// # Errors
/// `erasure-blocked` and `erasure-incomplete` as [`erase`](super::erase::erase).
pub fn finish_open(store: &mut Store, now: Moment) -> Result<Vec<i64>> {
    if store.signer().is_some_and(|signer| signer.last_erasure_is_undone(store.conn())) {
        store.write(now, |writer| writer.signer.drop_undone_erasures(writer.conn))?;
    }
    let mut finished = Vec::new();
    for request in sql::open_erasures(store.conn())? {
        let Some(note) = note_of(store, request)? else { continue };
        let pieces = sql::sought(store.conn(), request)?;
        let patterns: Vec<Pattern> = pieces.iter().map(|piece| Pattern::stored(piece)).collect();
        let scan = prove_gone(store, &patterns, &ERASED)?;
        finish(store, request, &note, &scan, now)?;
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
