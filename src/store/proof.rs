//! The hashes that prove something about the ledger to somebody who holds only a checkpoint, and the
//! place of a moment among its entries.

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::ledger::hash::Hash;
use crate::ledger::{proof, scan};

use super::log::{frontier_at, missing_entry, tile_reader};
use super::sql;

/// The way from an entry to the root of the first `size` entries (RFC 6962, section 2.1.1).
///
/// # Errors
/// `proof-index` when the entry isn't among them; `ledger-node-missing` when a row is gone.
pub fn inclusion(conn: &Connection, entry: u64, size: u64) -> Result<Vec<Hash>> {
    let reader = tile_reader(conn);
    proof::inclusion(entry, size, |level, i| reader.hash(level, i))
}

/// That the first `old` entries are a prefix of the first `new` (RFC 6962, section 2.1.2).
///
/// # Errors
/// `proof-sizes` when `old` is the larger; `ledger-node-missing` when a row is gone.
pub fn consistency(conn: &Connection, old: u64, new: u64) -> Result<Vec<Hash>> {
    let reader = tile_reader(conn);
    proof::consistency(old, new, |level, i| reader.hash(level, i))
}

/// The root of the first `size` entries.
///
/// # Errors
/// `ledger-node-missing` when a row is gone.
pub fn root_at(conn: &Connection, size: u64) -> Result<Hash> {
    Ok(frontier_at(conn, size)?.root())
}

/// The number of the first entry at or after a moment: entries never go back in time.
pub fn first_entry_from(conn: &Connection, at: Moment) -> Result<i64> {
    let (mut low, mut high) = (0, sql::entry_count(conn)?);
    while low < high {
        let middle = low + (high - low) / 2;
        let leaf = sql::leaf(conn, middle)?.ok_or_else(missing_entry)?;
        if scan::fields(&leaf)?.at < at {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
