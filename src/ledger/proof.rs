//! Proofs that an entry is in a tree, and that one tree grew out of another (RFC 6962, 2.1.1–2.1.2).
//!
//! Making a proof is arithmetic over a function that gives the root of any complete subtree, so it
//! works over rows of a file as well as over memory. Checking one needs nothing but hashes.
//!
//! A proof says nothing about the size of a tree: many verify unchanged for another size. The size
//! must come from a signed checkpoint.

use super::hash::{EMPTY_ROOT, Hash, node_hash};
use super::tree::{fold, peaks_of};
use crate::base::error::{Error, Result};

/// Makes the inclusion proof of the entry `index` in the tree of the first `size` entries: sibling
/// hashes from the leaf upwards. `read` gives the root of the complete subtree that stands at
/// (second argument) among those of 2^(first argument) leaves.
pub fn inclusion(
    index: u64,
    size: u64,
    read: impl Fn(u8, u64) -> Result<Hash>,
) -> Result<Vec<Hash>> {
    if index >= size {
        return Err(Error::usage("proof-index", "there is no such entry in a tree of this size")
            .at(format!("entry {index} of {size}"))
            .next("name an entry below the size"));
    }
    let (mut from, mut to, mut path) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(fold(&peaks_of(middle, to, &read)?));
            to = middle;
        } else {
            path.push(fold(&peaks_of(from, middle, &read)?));
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Makes the proof that the tree of the first `old` entries is a prefix of the tree of `new`
/// entries; empty when they are the same or the old one is empty. `read` is as for `inclusion`.
pub fn consistency(
    old: u64,
    new: u64,
    read: impl Fn(u8, u64) -> Result<Hash>,
) -> Result<Vec<Hash>> {
    if old > new {
        return Err(Error::usage("proof-sizes", "a tree can't be a prefix of a smaller one")
            .at(format!("{old} of {new}"))
            .next("name the smaller one first"));
    }
    let (mut from, mut to, mut path) = (0, new, Vec::new());
    if old == 0 {
        return Ok(path);
    }
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(fold(&peaks_of(middle, to, &read)?));
            to = middle;
        } else {
            path.push(fold(&peaks_of(from, middle, &read)?));
            from = middle;
        }
    }
    if from > 0 {
        path.push(fold(&peaks_of(from, to, &read)?));
    }
    path.reverse();
    Ok(path)
}

/// Checks an inclusion proof. `size` and `root` must come from a signed checkpoint.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<()> {
    let wrong = |what| {
        Err(Error::no("inclusion-unproven", what)
            .at(format!("entry {index}"))
            .next("take it for unproven, and ask whoever handed it out for it again"))
    };
    if index >= size {
        return wrong("the entry's number is not below the size of the tree");
    }
    // Below `inner` levels the way to the leaf and the way to the last leaf part; above them, only
    // left siblings remain.
    let inner = (u64::BITS - (index ^ (size - 1)).leading_zeros()) as usize;
    let above = index.checked_shr(inner as u32).unwrap_or(0).count_ones() as usize;
    if path.len() != inner + above {
        return wrong("the proof has not the length that the size of the tree asks for");
    }
    let mut hash = *leaf;
    for (level, sibling) in path.iter().enumerate() {
        let is_right = level >= inner || index >> level & 1 == 1;
        hash = if is_right { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) };
    }
    if hash != *root {
        return wrong("the proof leads to another root than the checkpoint's");
    }
    Ok(())
}

/// Checks that the tree (`old`, `old_root`) is a prefix of the tree (`new`, `new_root`). Both must
/// come from signed checkpoints.
pub fn verify_consistency(
    old: u64,
    new: u64,
    path: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<()> {
    let wrong = |what| {
        Err(Error::no("consistency-unproven", what)
            .at(format!("from size {old} to size {new}"))
            .next("take it for unproven, and ask whoever handed it out for it again"))
    };
    if old > new {
        return wrong("the earlier tree is the larger one");
    }
    if old == 0 || old == new {
        if !path.is_empty() {
            return wrong("this step needs no proof, yet one is given");
        }
        let expected = if old == 0 { &EMPTY_ROOT } else { new_root };
        let empty_new = new == 0 && *new_root != EMPTY_ROOT;
        return if old_root != expected || empty_new {
            wrong("the roots differ where they must be equal")
        } else {
            Ok(())
        };
    }
    // The proof starts at the smallest complete subtree on the old tree's right edge; when that is
    // the whole old tree, its root is known and left out.
    let start_level = old.trailing_zeros();
    let start = (old - 1) >> start_level;
    let inner = (u64::BITS - ((old - 1) ^ (new - 1)).leading_zeros() - start_level) as usize;
    let above = start.checked_shr(inner as u32).unwrap_or(0).count_ones() as usize;
    let (first, rest) = match path {
        rest if old.is_power_of_two() => (old_root, rest),
        [first, rest @ ..] => (first, rest),
        [] => return wrong("the proof is empty"),
    };
    if rest.len() != inner + above {
        return wrong("the proof has not the length that the two sizes ask for");
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for (level, sibling) in rest.iter().enumerate() {
        if level >= inner || start >> level & 1 == 1 {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
    }
    if old_hash != *old_root {
        return wrong("the proof does not lead to the earlier root");
    }
    if new_hash != *new_root {
        return wrong("the proof does not lead to the later root");
    }
    Ok(())
}

/// The largest power of two below `count`, where RFC 6962 splits a tree of `count` > 1 leaves.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}
