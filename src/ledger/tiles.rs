//! Any node of the tree, out of few stored ones.
//!
//! A store keeps only the roots of full tiles: of 256 leaves (level 8), of 256 of those (level 16),
//! and of 256 of those (level 24). That is one row in 255 entries; every other node is a few hashes
//! above the leaves, or above the stored nodes, of one tile.

use super::hash::Hash;
use super::tree::root_of;
use crate::base::error::{Error, Result};

/// The number of leaves, or of nodes, under the root of a tile.
pub const TILE_WIDTH: u64 = 256;

/// The level of the root of a tile of leaves.
pub const TILE_LEVEL: u8 = 8;

/// The highest level that is stored.
pub const HIGHEST_STORED: u8 = 24;

/// Gives the nodes of a tree from leaf hashes and stored roots of full tiles.
///
/// `leaves(first, count)` gives the hashes of entries `first..first + count`, which lie in one tile.
/// `nodes(level, first, count)` gives stored roots of level 8, 16 or 24, in order.
#[derive(Clone, Copy, Debug)]
pub struct TileReader<L, N> {
    leaves: L,
    nodes: N,
}

impl<L, N> TileReader<L, N>
where
    L: Fn(u64, u64) -> Result<Vec<Hash>>,
    N: Fn(u8, u64, u64) -> Result<Vec<Hash>>,
{
    /// Reads through the two functions.
    pub fn new(leaves: L, nodes: N) -> Self {
        TileReader { leaves, nodes }
    }

    /// The root of the complete subtree at `index` among those of 2^`level` leaves. It asks for at
    /// most 128 leaves or nodes (more only above level 32, which needs 4 billion entries).
    pub fn hash(&self, level: u8, index: u64) -> Result<Hash> {
        let stored = (level / TILE_LEVEL * TILE_LEVEL).min(HIGHEST_STORED);
        let count = 1 << (level - stored);
        let first = index * count;
        let found = match stored {
            0 => (self.leaves)(first, count)?,
            _ => (self.nodes)(stored, first, count)?,
        };
        if found.len() as u64 != count {
            return Err(Error::damaged("ledger-node-missing", "a node of the tree is missing")
                .at(format!("level {stored}, from index {first}"))
                .next("run `candor audit verify`"));
        }
        Ok(root_of(found))
    }
}
