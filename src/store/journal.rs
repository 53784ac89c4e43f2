//! The journal of erasures beside the key (`FILE.key.erasures`): who was erased, by numbers and keyed
//! fingerprints only, so that a restored backup can repeat it.
//!
//! It decides who comes back from a backup and what of them, and what a certificate says. So each of its
//! lines is signed by the key beside it: whoever can write the file alone can add nothing to it.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result, io};
use crate::base::path::with_ending;
use crate::ledger::base64;
use crate::ledger::scan::fields;
use crate::ledger::vkey::VerifierKey;

use super::sql;

/// One erasure, as a restore needs it to repeat it; or a restore, which erased nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureNote {
    /// The ledger entry of the erasure.
    pub entry: u64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The records that were erased: numbers that mean nothing outside the store.
    pub records: Vec<i64>,
    /// The suppression fingerprints, in hexadecimal: keyed, so they name nobody.
    pub fingerprints: Vec<String>,
    /// What the certificate says beyond this, so that it can be had again: counts and names of the
    /// policy (`subject::certificate::Told`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<serde_json::Value>,
    /// Of a restore: the hash of its entry's leaf, in base64. A backup that has another entry in its
    /// place is of the history that the restore left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<String>,
    /// The journal before was lost: erasures under earlier entries may be missing from this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// By the key beside it, over all the rest: 64 bytes in base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

impl ErasureNote {
    /// What is signed of it: all that it says, in the ledger of this name.
    pub(super) fn signed_bytes(&self, origin: &str) -> Vec<u8> {
        let unsigned = ErasureNote { signature: String::new(), ..self.clone() };
        let mut bytes = format!("candor-erasure-note/v1\n{origin}\n").into_bytes();
        serde_json::to_writer(&mut bytes, &unsigned).expect("a note is JSON");
        bytes
    }

    /// Whether one of these keys signed it.
    pub fn is_signed_by(&self, keys: &[VerifierKey]) -> bool {
        let Some(signature) = base64::decode(&self.signature).and_then(|b| b.try_into().ok())
        else {
            return false;
        };
        keys.iter().any(|key| key.verifies(&self.signed_bytes(key.name()), &signature))
    }
}

/// Where the journal of erasures lies.
pub fn erasures_path(store: &Path) -> PathBuf {
    with_ending(store, ".key.erasures")
}

/// Reads a journal of erasures; none when the file isn't there.
///
/// # Errors
/// `journal-damaged` with the line, unless only the last line was cut off by a crash.
pub fn read_erasures(path: &Path) -> Result<Vec<ErasureNote>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(path)(error)),
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut notes = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(note) => notes.push(note),
            Err(_) if index + 1 == lines.len() && !text.ends_with('\n') => break,
            Err(_) => {
                return Err(Error::damaged(
                    "journal-damaged",
                    "a line of the journal of erasures can't be read",
                )
                .at(format!("{}, line {}", path.display(), index + 1))
                .next(
                    "restore the journal from a copy, or name the certificates with --certificates",
                ));
            }
        }
    }
    Ok(notes)
}

/// Whether a note tells of an erasure that the ledger doesn't hold.
pub(super) fn is_undone(conn: &Connection, note: &ErasureNote) -> Result<bool> {
    if note.records.is_empty() {
        return Ok(false);
    }
    let leaf = sql::leaf(conn, i64::try_from(note.entry).unwrap_or(i64::MAX))?.unwrap_or_default();
    Ok(!fields(&leaf).is_ok_and(|view| view.kind == "erasure" && view.at.0 == note.at))
}

/// How many notes a journal holds: each is a line.
pub fn notes_in(journal: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', journal).count() as u64
}

/// Adds a note to the bytes of a journal: one line of JSON.
pub fn push_line(lines: &mut Vec<u8>, note: &ErasureNote) {
    serde_json::to_writer(&mut *lines, note).expect("a note is JSON");
    lines.push(b'\n');
}
