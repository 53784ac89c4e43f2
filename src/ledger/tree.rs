//! The Merkle tree of RFC 6962, held as its right edge only.
//!
//! A tree of n leaves is a row of complete subtrees, one per set bit of n. Their roots (at most 64)
//! are all that appending needs; the root is folded from them. So the tree costs no memory, and a
//! root for every size comes along with one pass over the leaves.

use super::hash::{EMPTY_ROOT, Hash, Messages, node_hash, node_hashes};
use crate::base::error::{Error, Result};

/// The right edge of a tree: the roots of its complete subtrees, largest first.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree without leaves.
    pub fn new() -> Frontier {
        Frontier::default()
    }

    /// Takes up a tree of `size` leaves from the roots of its complete subtrees, largest first.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Result<Frontier> {
        if peaks.len() != size.count_ones() as usize {
            return Err(Error::damaged(
                "ledger-frontier",
                format!("a tree of {size} entries has {} peaks", size.count_ones()),
            )
            .next("run `candor audit verify`"));
        }
        Ok(Frontier { size, peaks })
    }

    /// Rebuilds the frontier of the first `size` leaves; `read` gives the root of the complete
    /// subtree that stands at `index` among those of 2^`level` leaves.
    pub fn read(size: u64, read: impl Fn(u8, u64) -> Result<Hash>) -> Result<Frontier> {
        Ok(Frontier { size, peaks: peaks_of(0, size, read)? })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        self.append_noting(leaf, |_, _, _| {});
    }

    /// Adds a leaf by its hash, and tells `note` each tile that it completes: (level, index, root),
    /// with level 8, 16, 24 and so on. These are the nodes that a store keeps.
    pub fn append_noting(&mut self, leaf: Hash, mut note: impl FnMut(u8, u64, Hash)) {
        let mut root = leaf;
        for level in 1..=self.size.trailing_ones() as u8 {
            let left = self.peaks.pop().expect("each set bit of the size has a peak");
            root = node_hash(&left, &root);
            if level.is_multiple_of(8) {
                note(level, self.size >> level, root);
            }
        }
        self.peaks.push(root);
        self.size += 1;
    }

    /// Adds leaves by their hashes, in order.
    pub fn append_many(&mut self, leaves: impl IntoIterator<Item = Hash>) {
        leaves.into_iter().for_each(|leaf| self.append(leaf));
    }

    /// Adds a complete subtree of 2^`level` leaves by its root.
    ///
    /// # Panics
    /// If the size so far isn't a multiple of 2^`level`: such a tree would not be RFC 6962's.
    pub fn append_subtree(&mut self, level: u8, root: Hash) {
        let count = 1_u64 << level;
        assert!(self.size.is_multiple_of(count), "a subtree stands at a multiple of its size");
        let mut root = root;
        for _ in 0..(self.size >> level).trailing_ones() {
            let left = self.peaks.pop().expect("each set bit of the size has a peak");
            root = node_hash(&left, &root);
        }
        self.peaks.push(root);
        self.size += count;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }
}

/// The root over leaf hashes, in order.
pub fn root_of(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut frontier = Frontier::new();
    frontier.append_many(leaves);
    frontier.root()
}

/// The root over complete subtrees, largest first.
pub(super) fn fold(peaks: &[Hash]) -> Hash {
    let mut from_right = peaks.iter().rev();
    let Some(&last) = from_right.next() else { return EMPTY_ROOT };
    from_right.fold(last, |right, left| node_hash(left, &right))
}

/// The complete subtrees of the leaves `from..to`, largest first. `from` must be a multiple of the
/// largest one's size, which holds for all ranges that RFC 6962 splits off.
pub(super) fn peaks_of(
    from: u64,
    to: u64,
    read: impl Fn(u8, u64) -> Result<Hash>,
) -> Result<Vec<Hash>> {
    let mut at = from;
    let mut peaks = Vec::with_capacity((to - from).count_ones() as usize);
    while at < to {
        let level = (to - at).ilog2() as u8;
        peaks.push(read(level, at >> level)?);
        at += 1 << level;
    }
    Ok(peaks)
}

/// All complete subtrees over leaf hashes that are at hand, such as the items of a batch.
#[derive(Clone, Debug)]
pub struct Levels(Vec<Vec<Hash>>);

impl Levels {
    /// Hashes all levels above the given leaves.
    pub fn new(leaves: Vec<Hash>) -> Levels {
        let mut levels = vec![leaves];
        let mut messages = Messages::default();
        while let [.., below] = levels.as_slice()
            && below.len() >= 2
        {
            let above = node_hashes(below, &mut messages);
            levels.push(above);
        }
        Levels(levels)
    }

    /// The root of the complete subtree at `index` among those of 2^`level` leaves.
    pub fn hash(&self, level: u8, index: u64) -> Result<Hash> {
        let row = self.0.get(usize::from(level));
        row.and_then(|row| row.get(usize::try_from(index).ok()?)).copied().ok_or_else(|| {
            Error::damaged("ledger-node-missing", "a node of the tree is missing")
                .at(format!("level {level}, index {index}"))
                .next("run `candor audit verify`")
        })
    }
}
