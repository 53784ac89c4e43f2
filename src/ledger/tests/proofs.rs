//! The tree and its proofs against the naive tree.

use std::cell::Cell;

use proptest::prelude::*;

use super::naive;
use crate::base::error::Result;
use crate::ledger::hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
use crate::ledger::proof::{consistency, inclusion, verify_consistency, verify_inclusion};
use crate::ledger::tiles::TileReader;
use crate::ledger::tree::{Frontier, Levels, root_of};

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

/// A store as `tiles` describes it: leaf hashes, and the roots of full tiles.
struct Store {
    leaves: Vec<Hash>,
    nodes: Vec<(u8, u64, Hash)>,
    asked: Cell<u64>,
}

impl Store {
    fn new(leaves: Vec<Hash>) -> Store {
        let (mut frontier, mut nodes) = (Frontier::new(), Vec::new());
        for leaf in &leaves {
            frontier.append_noting(*leaf, |level, index, root| nodes.push((level, index, root)));
        }
        Store { leaves, nodes, asked: Cell::new(0) }
    }

    fn hash(&self, level: u8, index: u64) -> Result<Hash> {
        let leaves = |first: u64, count: u64| {
            self.asked.set(self.asked.get() + count);
            assert_eq!(first / 256, (first + count - 1) / 256, "leaves of one tile only");
            Ok(self.leaves.iter().skip(first as usize).take(count as usize).copied().collect())
        };
        let nodes = |level: u8, first: u64, count: u64| {
            self.asked.set(self.asked.get() + count);
            let wanted = first..first + count;
            let stored = self.nodes.iter().filter(|(l, i, _)| *l == level && wanted.contains(i));
            Ok(stored.map(|(_, _, hash)| *hash).collect())
        };
        TileReader::new(leaves, nodes).hash(level, index)
    }
}

#[test]
fn short_messages_hash_as_the_general_hasher_does() {
    let data: Vec<u8> = (0..400_u32).map(|i| (i * 7 + 1) as u8).collect();
    for length in 0..=data.len() {
        assert_eq!(leaf_hash(&data[..length]), naive::leaf(&data[..length]), "length {length}");
    }
    let (left, right) = (leaf_hash(b"l"), leaf_hash(b"r"));
    assert_eq!(node_hash(&left, &right), naive::root(&[left, right]));
    assert_eq!(EMPTY_ROOT, naive::root(&[]));
}

#[test]
fn every_proof_of_every_small_tree_is_the_naive_one_and_verifies() {
    let all = leaves(34);
    let levels = Levels::new(all.clone());
    let read = |level, index| levels.hash(level, index);
    for size in 1..=all.len() {
        let (new, root) = (size as u64, naive::root(&all[..size]));
        for index in 0..size {
            let path = inclusion(index as u64, new, read).unwrap();
            assert_eq!(path, naive::path(index, &all[..size]));
            verify_inclusion(&all[index], index as u64, new, &path, &root).unwrap();
        }
        for old in 1..=size {
            let path = consistency(old as u64, new, read).unwrap();
            assert_eq!(path, naive::proof(old, &all[..size]));
            let old_root = naive::root(&all[..old]);
            verify_consistency(old as u64, new, &path, &old_root, &root).unwrap();
        }
        assert!(inclusion(new, new, read).is_err());
        assert!(consistency(new + 1, new, read).is_err());
        assert!(consistency(0, new, read).unwrap().is_empty());
        verify_consistency(0, new, &[], &EMPTY_ROOT, &root).unwrap();
    }
}

#[test]
fn a_proof_for_other_sizes_passes_only_if_it_has_their_length() {
    let all = leaves(12);
    let root = |size: usize| naive::root(&all[..size]);
    for new in 1..=all.len() {
        for old in 1..=new {
            let (path, whole) = (naive::proof(old, &all[..new]), naive::path(old - 1, &all[..new]));
            for other_new in 1..=40_u64 {
                for other in 1..=other_new {
                    let expected = consistency(other, other_new, |_, _| Ok(EMPTY_ROOT)).unwrap();
                    let verdict =
                        verify_consistency(other, other_new, &path, &root(old), &root(new));
                    assert!(verdict.is_err() || path.len() == expected.len());
                    let expected = inclusion(other - 1, other_new, |_, _| Ok(EMPTY_ROOT)).unwrap();
                    let leaf = &all[old - 1];
                    let verdict = verify_inclusion(leaf, other - 1, other_new, &whole, &root(new));
                    assert!(verdict.is_err() || whole.len() == expected.len());
                }
            }
        }
    }
}

#[test]
fn a_store_of_full_tiles_gives_every_node() {
    // 65,536 leaves complete the first tile of level 16.
    let all = leaves(66_000);
    let store = Store::new(all.clone());
    assert_eq!(store.nodes.len(), 257 + 1);
    let levels = Levels::new(all.clone());
    for (level, index) in [(0, 65_999), (3, 8_000), (7, 514), (8, 256), (9, 127), (15, 1), (16, 0)]
    {
        assert_eq!(store.hash(level, index).unwrap(), levels.hash(level, index).unwrap());
    }
    for (level, index) in [(0, 66_000), (7, 515), (8, 257), (12, 16), (16, 1), (24, 0), (40, 0)] {
        assert!(store.hash(level, index).is_err(), "level {level}, index {index}");
        assert!(levels.hash(level, index).is_err(), "level {level}, index {index}");
    }
    let read = |level, index| store.hash(level, index);
    for size in [1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 66_000] {
        let frontier = Frontier::read(size, read).unwrap();
        let mut appended = Frontier::new();
        appended.append_many(all[..size as usize].iter().copied());
        assert_eq!(frontier, appended);
        assert_eq!(frontier.root(), naive::root(&all[..size as usize]));
        let index = size * 2 / 3;
        store.asked.set(0);
        let path = inclusion(index, size, read).unwrap();
        assert!(store.asked.get() < 3 * 256, "{} rows", store.asked.get());
        assert_eq!(path, naive::path(index as usize, &all[..size as usize]));
        if index > 0 {
            let path = consistency(index, size, read).unwrap();
            assert_eq!(path, naive::proof(index as usize, &all[..size as usize]));
        }
    }
}

#[test]
fn a_frontier_takes_only_as_many_peaks_as_its_size_has() {
    let peaks = leaves(2);
    assert!(Frontier::from_peaks(4, peaks.clone()).is_err());
    let frontier = Frontier::from_peaks(3, peaks.clone()).unwrap();
    assert_eq!(frontier.root(), node_hash(&peaks[0], &peaks[1]));
}

#[test]
#[should_panic(expected = "multiple of its size")]
fn a_subtree_does_not_stand_just_anywhere() {
    let mut frontier = Frontier::new();
    frontier.append(EMPTY_ROOT);
    frontier.append_subtree(1, EMPTY_ROOT);
}

proptest! {
    #[test]
    fn proofs_are_the_naive_ones(size in 1_u64..700, part in 0.0_f64..1.0) {
        let all = leaves(size);
        let index = ((size as f64 * part) as u64).min(size - 1);
        let (store, root) = (Store::new(all.clone()), naive::root(&all));
        let read = |level, i| store.hash(level, i);
        prop_assert_eq!(root_of(all.iter().copied()), root);
        let path = inclusion(index, size, read).unwrap();
        prop_assert_eq!(&path, &naive::path(index as usize, &all));
        verify_inclusion(&all[index as usize], index, size, &path, &root).unwrap();
        let old = index + 1;
        let proof = consistency(old, size, read).unwrap();
        prop_assert_eq!(&proof, &naive::proof(old as usize, &all));
        let old_root = naive::root(&all[..old as usize]);
        verify_consistency(old, size, &proof, &old_root, &root).unwrap();
    }

    #[test]
    fn a_spoilt_proof_fails(
        size in 2_u64..300, part in 0.0_f64..1.0, spot in any::<prop::sample::Index>(), bit in 0_usize..256,
    ) {
        let all = leaves(size);
        let index = ((size as f64 * part) as u64).min(size - 1);
        let levels = Levels::new(all.clone());
        let read = |level, i| levels.hash(level, i);
        let root = naive::root(&all);
        let spoil = |path: &[Hash]| {
            let mut spoilt = path.to_vec();
            let at = spot.index(path.len());
            spoilt[at].0[bit / 8] ^= 1 << (bit % 8);
            let (mut longer, mut shorter) = (path.to_vec(), path.to_vec());
            longer.push(path[at]);
            shorter.remove(at);
            [spoilt, longer, shorter]
        };
        let leaf = &all[index as usize];
        for path in spoil(&inclusion(index, size, read).unwrap()) {
            prop_assert!(verify_inclusion(leaf, index, size, &path, &root).is_err());
        }
        let path = inclusion(index, size, read).unwrap();
        prop_assert!(verify_inclusion(leaf, index ^ 1, size, &path, &root).is_err());
        prop_assert!(verify_inclusion(leaf, size, size, &path, &root).is_err());
        prop_assert!(verify_inclusion(leaf, u64::MAX - 1, u64::MAX, &path, &root).is_err());
        let old = index.clamp(1, size - 1);
        let old_root = naive::root(&all[..old as usize]);
        for path in spoil(&consistency(old, size, read).unwrap()) {
            prop_assert!(verify_consistency(old, size, &path, &old_root, &root).is_err());
        }
        let path = consistency(old, size, read).unwrap();
        prop_assert!(verify_consistency(old, size, &path, &root, &root).is_err());
        prop_assert!(verify_consistency(old, size, &path, &old_root, &old_root).is_err());
        prop_assert!(verify_consistency(size, old, &path, &root, &old_root).is_err());
        prop_assert!(verify_consistency(old, old, &path, &old_root, &old_root).is_err());
        prop_assert!(verify_consistency(old, old, &[], &old_root, &root).is_err());
        prop_assert!(verify_consistency(0, size, &[], &old_root, &root).is_err());
    }

    #[test]
    fn subtrees_and_leaves_make_the_same_tree(tiles in 0_u64..4, rest in 0_u64..9) {
        let all = leaves(tiles * 256 + rest);
        let mut frontier = Frontier::new();
        for tile in all[..tiles as usize * 256].chunks(256) {
            frontier.append_subtree(8, naive::root(tile));
        }
        frontier.append_many(all[tiles as usize * 256..].iter().copied());
        prop_assert_eq!(frontier.size(), all.len() as u64);
        prop_assert_eq!(frontier.root(), naive::root(&all));
    }
}
