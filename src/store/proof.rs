//! Proves that an entry is in the ledger, to somebody who holds only a checkpoint.

use serde_json::{Value, json};

use crate::base::error::{Error, Result};
use crate::ledger::hash::Hash;
use crate::ledger::proof;

use super::log::tile_reader;
use super::{Store, sql};

/// An entry with its inclusion proof (RFC 6962) and the signed checkpoint that covers it.
pub fn inclusion(store: &Store, entry: i64) -> Result<Value> {
    let leaf = sql::leaf(&store.conn, entry)?.ok_or_else(|| {
        Error::no("entry-unknown", "the ledger has no such entry").at(format!("entry {entry}"))
    })?;
    let (size, note) = sql::last_checkpoint(&store.conn)?.ok_or_else(|| {
        Error::no("checkpoint-missing", "nothing was ever signed").next("run `candor audit verify`")
    })?;
    let index = u64::try_from(entry).unwrap_or(0);
    let size = u64::try_from(size).unwrap_or(0);
    let reader = tile_reader(&store.conn);
    let path = proof::inclusion(index, size, |level, i| reader.hash(level, i))?;
    let path: Vec<String> = path.iter().map(ToString::to_string).collect();
    Ok(json!({
        "entry": entry,
        "leaf": String::from_utf8_lossy(&leaf),
        "inclusion": path,
        "checkpoint": String::from_utf8_lossy(&note),
    }))
}

/// The proof that the first `old` entries are a prefix of the first `new` ones (RFC 6962).
///
/// # Errors
/// `proof-sizes`, and `ledger-incomplete` when entries are missing.
pub fn consistency(store: &Store, old: u64, new: u64) -> Result<Vec<Hash>> {
    let reader = tile_reader(&store.conn);
    proof::consistency(old, new, |level, i| reader.hash(level, i))
}
