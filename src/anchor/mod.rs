//! ANCHOR: what outsiders say about the ledger, so that even its owner can't rewrite it unseen.
//!
//! A witness (`witness`) signs that a checkpoint continues the one it signed before; a time-stamp
//! authority (`timestamp`) signs that a checkpoint existed at a time. Both are asked after the fact
//! and never block a write: no transaction is open while the network is spoken to, and when nobody
//! answers nothing is lost but time. `serve` is the other side: candor as somebody else's witness.
//! What is sent is a name, a size and hashes; nothing personal.

mod decide;
mod http;
pub mod serve;
pub mod sql;
mod state;
pub mod timestamp;
mod tsp;
pub mod witness;

pub use http::{Answer, Post, post};
pub use state::State;
pub use tsp::{Stamp, read_stamp};

use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::store::{Store, hex, last_checkpoint};

/// The newest checkpoint: its size and its note.
fn newest(store: &Store) -> Result<(u64, String)> {
    let (size, note) = last_checkpoint(store.conn())?.ok_or_else(|| {
        Error::no("checkpoint-missing", "nothing was ever signed").next("run `candor audit verify`")
    })?;
    let note = String::from_utf8(note).map_err(|_| {
        Error::damaged("store-damaged", "the last checkpoint can't be read")
            .next("restore a backup with `candor restore`")
    })?;
    Ok((u64::try_from(size).unwrap_or(0), note))
}

/// SHA-256 of a note's bytes, in hexadecimal, as the ledger states it.
pub fn note_sha256(note: &[u8]) -> String {
    hex(&Sha256::digest(note))
}
