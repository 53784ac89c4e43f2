//! Verification finds every attack that it can find, and names the entry.

use proptest::prelude::*;

use super::{ORIGIN, checkpoint_of, cosign, log_key, make_log, signed, trust};
use crate::base::clock::Moment;
use crate::ledger::finding::{Finding, culprits};
use crate::ledger::hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
use crate::ledger::leaf::{Leaf, first_previous};
use crate::ledger::note::{Note, UnknownKeys};
use crate::ledger::section::FINDINGS_MAX;
use crate::ledger::tree::Levels;
use crate::ledger::verify::{Claim, Holder, Verified, Verifier, own_checkpoint};

/// What candor's own checkpoint after each of these sizes claims.
fn own(leaves: &[Vec<u8>], sizes: &[usize]) -> Vec<Claim> {
    let claim = |size: &usize| {
        let note = signed(&leaves[..*size]);
        own_checkpoint(*size as u64, &note, &trust()).unwrap().claim(Holder::Own)
    };
    sizes.iter().map(claim).collect()
}

/// What somebody holds who was handed a checkpoint of these entries.
fn held(leaves: &[Vec<u8>]) -> Claim {
    let signed = trust().read(&signed(leaves), UnknownKeys::Ignore).unwrap();
    signed.claim(Holder::Outside)
}

fn verify(leaves: &[Vec<u8>], claims: Vec<Claim>) -> Verified {
    let mut verifier = Verifier::new(ORIGIN, claims);
    for leaf in leaves {
        verifier.push(leaf);
    }
    verifier.finish()
}

/// Links entries anew, as an insider would who can write the file.
fn relink(leaves: &mut [Vec<u8>]) {
    let mut previous = first_previous(ORIGIN);
    for (number, bytes) in leaves.iter_mut().enumerate() {
        let leaf = Leaf::parse_strict(bytes).unwrap();
        *bytes = Leaf { number: number as u64, previous, ..leaf }.to_bytes().unwrap();
        previous = leaf_hash(bytes);
    }
}

#[test]
fn a_log_holds_and_the_answer_says_how_far() {
    let leaves = make_log(600, None);
    let mut claims = own(&leaves, &[1, 256, 257, 512, 600]);
    claims.push(held(&leaves[..300]));
    claims.push(held(&[]));
    let verified = verify(&leaves, claims);
    assert!(verified.holds(), "{:?}", verified.findings);
    assert_eq!((verified.size, verified.signed_to, verified.held_to), (600, 600, 300));
    assert_eq!(verified.unwitnessed(), 300);
    assert_eq!(verified.root, Some(checkpoint_of(&leaves).root));
    assert_eq!(verified.head, Some(leaf_hash(&leaves[599])));
    assert_eq!(verified.last_at, Some(Moment(1_795_000_000_000 + 599 * 250)));
    let levels = Levels::new(leaves.iter().map(|leaf| leaf_hash(leaf)).collect());
    for index in 0..2 {
        let node = levels.hash(8, index).unwrap();
        assert_eq!(verified.check_node(8, index, &node.0), Ok(()));
        let mut wrong = node;
        wrong.0[31] ^= 1;
        let finding = Finding::Node { level: 8, index };
        assert_eq!(verified.check_node(8, index, &wrong.0), Err(finding));
        assert_eq!(verified.check_node(8, index, &node.0[..31]), Err(finding));
    }
    assert_eq!(verified.node(9, 0), Some(levels.hash(9, 0).unwrap()));
    for (level, index) in [(8, 2), (16, 0), (7, 0), (72, 1), (8, u64::MAX), (9, u64::MAX)] {
        assert_eq!(verified.node(level, index), None);
    }
}

#[test]
fn an_empty_log_holds() {
    let verified = verify(&[], vec![]);
    assert!(verified.holds());
    assert_eq!((verified.root, verified.head), (Some(EMPTY_ROOT), None));
    assert!(verify(&[], own(&[], &[0])).holds());
    let wrong = Claim { size: 0, root: Hash([0; 32]), holder: Holder::Own };
    assert_eq!(verify(&[], vec![wrong]).findings, [Finding::Root { size: 0 }]);
}

#[test]
fn every_flipped_bit_of_an_entry_is_found_and_located() {
    let leaves = make_log(7, None);
    let claims = own(&leaves, &[3, 6, 7]);
    for (n, leaf) in leaves.iter().enumerate() {
        for bit in 0..leaf.len() * 8 {
            let mut tampered = leaves.clone();
            tampered[n][bit / 8] ^= 1 << (bit % 8);
            let verified = verify(&tampered, claims.clone());
            assert!(!verified.holds(), "bit {bit} of entry {n}");
            let n = n as u64;
            let found = culprits(&verified.findings, 7);
            match n {
                // Behind the last entry stands no link that would tell; the roots do.
                6 => assert!(verified.findings.contains(&Finding::Root { size: 7 })),
                _ => assert!(found.contains(&n), "bit {bit} of entry {n}: {:?}", verified.findings),
            }
            // The last link leaves open which of its ends was changed.
            assert!(found.iter().all(|found| *found == n || n >= 5), "{:?}", verified.findings);
            // Checkpoints of before the entry still hold.
            assert_eq!(verified.signed_to, [0, 0, 0, 3, 3, 3, 6][n as usize]);
        }
    }
}

#[test]
fn every_flipped_bit_of_a_stored_checkpoint_is_found() {
    let note = signed(&make_log(3, None));
    for bit in 0..note.len() * 8 {
        let mut tampered = note.clone();
        tampered[bit / 8] ^= 1 << (bit % 8);
        let finding = own_checkpoint(3, &tampered, &trust()).expect_err("a flipped bit");
        assert!(
            ["checkpoint-unreadable", "signature-wrong", "origin-differs"]
                .contains(&finding.code())
        );
    }
    assert_eq!(own_checkpoint(4, &note, &trust()), Err(Finding::Note { size: 4 }));
    let mut elsewhere = trust();
    elsewhere.origin = "cdp.example/other".into();
    assert_eq!(own_checkpoint(3, &note, &elsewhere), Err(Finding::Origin { size: 3 }));
    let mut other_key = trust();
    other_key.log_keys.clear();
    assert_eq!(own_checkpoint(3, &note, &other_key), Err(Finding::Signature { size: 3 }));
}

#[test]
fn every_flipped_bit_of_a_cosignature_is_found() {
    let text = checkpoint_of(&make_log(3, None)).text();
    let mut note = Note { text, signatures: vec![] };
    cosign(&mut note, 1_795_000_000);
    let (whole, keys) = (note.to_text().into_bytes(), trust().witness_keys);
    assert!(note.open(&keys, UnknownKeys::Refuse).is_ok());
    for bit in note.text.len() * 8..whole.len() * 8 {
        let mut tampered = whole.clone();
        tampered[bit / 8] ^= 1 << (bit % 8);
        let opened = Note::parse(&tampered).and_then(|note| note.open(&keys, UnknownKeys::Refuse));
        assert!(opened.is_err(), "bit {bit}");
    }
}

#[test]
fn a_removed_row_is_found_and_located() {
    for n in [0, 1, 17, 255, 256, 298] {
        let mut leaves = make_log(300, None);
        let claims = own(&leaves, &[300]);
        leaves.remove(n);
        let n = n as u64;
        let verified = verify(&leaves, claims);
        let expected = [
            Finding::Number { n, found: n + 1 },
            Finding::Chain { n: n + 1 },
            Finding::Rollback { held: 300, have: 299 },
            Finding::UnsignedTail { from: 0, to: 299 },
        ];
        assert_eq!(verified.findings, expected);
        assert_eq!(culprits(&verified.findings, 300), [n]);
    }
}

#[test]
fn swapped_and_doubled_rows_are_found() {
    let leaves = make_log(20, None);
    let mut swapped = leaves.clone();
    swapped.swap(7, 8);
    let verified = verify(&swapped, own(&leaves, &[20]));
    assert_eq!(verified.findings[0], Finding::Number { n: 7, found: 8 });
    assert!(culprits(&verified.findings, 20).iter().any(|n| [7, 8].contains(n)));
    let mut doubled = leaves.clone();
    doubled.insert(8, leaves[7].clone());
    let verified = verify(&doubled, own(&leaves, &[20]));
    assert_eq!(verified.findings[0], Finding::Number { n: 8, found: 7 });
    assert!(verified.findings.contains(&Finding::Root { size: 20 }));
}

#[test]
fn a_cut_tail_is_found_by_any_later_checkpoint() {
    let leaves = make_log(20, None);
    let verified = verify(&leaves[..15], own(&leaves, &[10, 20]));
    let rollback = Finding::Rollback { held: 20, have: 15 };
    assert_eq!(verified.findings, [rollback, Finding::UnsignedTail { from: 10, to: 15 }]);
}

#[test]
fn rows_behind_the_last_checkpoint_are_unsigned() {
    let leaves = make_log(20, None);
    let tail = Finding::UnsignedTail { from: 18, to: 20 };
    assert_eq!(verify(&leaves, own(&leaves, &[5, 18])).findings, [tail]);
    let all = Finding::UnsignedTail { from: 0, to: 20 };
    assert_eq!(verify(&leaves, vec![held(&leaves)]).findings, [all]);
}

#[test]
fn an_insider_with_file_and_key_is_found_only_by_what_others_hold() {
    let leaves = make_log(60, None);
    let mut without = leaves.clone();
    without.remove(20);
    relink(&mut without);
    let mut forged = leaves.clone();
    forged.insert(20, leaves[19].clone());
    relink(&mut forged);
    let cut = leaves[..50].to_vec();
    let fork = Finding::Fork { size: 40 };
    let rollback = |have| Finding::Rollback { held: 60, have };
    let cases = [
        (without, vec![fork], vec![rollback(59)]),
        (forged, vec![fork], vec![Finding::Fork { size: 60 }]),
        (cut, vec![], vec![rollback(50)]),
    ];
    for (rewritten, with_earlier, with_latest) in cases {
        let size = rewritten.len();
        let mut claims = own(&rewritten, &[size]);
        assert!(verify(&rewritten, claims.clone()).holds(), "the key makes it fit");
        claims.push(held(&leaves[..40]));
        assert_eq!(verify(&rewritten, claims.clone()).findings, with_earlier);
        claims[1] = held(&leaves);
        assert_eq!(verify(&rewritten, claims).findings, with_latest);
    }
}

#[test]
fn time_does_not_run_backwards() {
    let mut leaves = make_log(9, None);
    let late = Leaf::parse_strict(&leaves[5]).unwrap();
    leaves[5] = Leaf { at: Moment(late.at.0 - 1000), ..late }.to_bytes().unwrap();
    relink(&mut leaves);
    let verified = verify(&leaves, own(&leaves, &[9]));
    assert_eq!(verified.findings, [Finding::Clock { n: 5 }]);
    assert_eq!(culprits(&verified.findings, 9), [5]);
}

#[test]
fn another_logs_entries_are_not_this_logs() {
    let leaves = make_log(4, None);
    let mut verifier = Verifier::new("cdp.example/other", vec![]);
    leaves[..2].iter().for_each(|leaf| verifier.push(leaf));
    let unsigned = Finding::UnsignedTail { from: 0, to: 2 };
    assert_eq!(verifier.finish().findings, [Finding::Chain { n: 0 }, unsigned]);
}

#[test]
fn a_flood_of_findings_is_counted_and_not_kept() {
    let junk = vec![b"junk".to_vec(); FINDINGS_MAX + 7];
    let verified = verify(&junk, vec![]);
    let unsigned = Finding::UnsignedTail { from: 0, to: junk.len() as u64 };
    assert_eq!(verified.findings.len(), FINDINGS_MAX + 1);
    assert_eq!(verified.findings.last(), Some(&unsigned), "no flood drowns a checkpoint");
    assert_eq!(verified.findings_unkept, 7);
    assert!(!verified.holds());
}

/// One edited number can claim a gap of any width; telling of it takes no more room.
#[test]
fn a_gap_is_not_named_entry_by_entry() {
    let gap = [Finding::Missing { from: 7, to: u64::MAX }];
    let named = culprits(&gap, u64::MAX);
    assert_eq!((named.first(), named.len()), (Some(&7), FINDINGS_MAX));
    assert_eq!(culprits(&[Finding::Missing { from: 7, to: 9 }], 300), [7, 8]);
}

#[test]
fn findings_speak() {
    let finding = Finding::Rollback { held: 9, have: 4 };
    assert_eq!(finding.code(), "rollback");
    assert_eq!(
        finding.to_string(),
        "a checkpoint states 9 entries, and there are 4: the end was cut off, or an old copy was put \
         in place"
    );
}

/// Checks in sections that begin at these tiles, each on its own thread.
fn verify_in_sections(leaves: &[Vec<u8>], tiles: &[u64], claims: Vec<Claim>) -> Verified {
    let mut verifier = Verifier::new(ORIGIN, claims);
    let number = |leaf: &Vec<u8>| Leaf::parse_strict(leaf).map_or(0, |leaf| leaf.number);
    let sections: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = tiles
            .iter()
            .enumerate()
            .map(|(i, tile)| {
                let mut section = verifier.section(*tile);
                let rows = tile * 256..tiles.get(i + 1).map_or(u64::MAX, |next| next * 256);
                let rows = leaves.iter().filter(move |leaf| rows.contains(&number(leaf)));
                scope.spawn(move || {
                    for leaf in rows {
                        section.push(leaf);
                    }
                    section
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    sections.into_iter().for_each(|section| verifier.join(section));
    verifier.finish()
}

#[test]
fn sections_come_to_the_same_answer() {
    let leaves = make_log(1100, None);
    let mut claims = own(&leaves, &[1, 255, 256, 257, 511, 512, 513, 768, 1024, 1099, 1100]);
    claims.push(held(&leaves[..700]));
    let whole = verify(&leaves, claims.clone());
    assert!(whole.holds(), "{:?}", whole.findings);
    for tiles in [&[0, 1][..], &[0, 2, 3], &[0, 4], &[0, 1, 2, 3, 4], &[0, 4, 5]] {
        assert_eq!(verify_in_sections(&leaves, tiles, claims.clone()), whole);
    }
}

#[test]
fn a_broken_seam_is_found() {
    let leaves = make_log(700, None);
    let claims = own(&leaves, &[200, 700]);
    let mut flipped = leaves.clone();
    let last = flipped[511].len() - 8;
    flipped[511][last] ^= 1;
    let verified = verify_in_sections(&flipped, &[0, 2], claims.clone());
    assert!(verified.findings.contains(&Finding::Chain { n: 512 }), "{:?}", verified.findings);
    assert_eq!(verified.signed_to, 200);

    let mut without = leaves.clone();
    without.drain(500..512);
    let verified = verify_in_sections(&without, &[0, 2], claims.clone());
    let missing = Finding::Missing { from: 500, to: 512 };
    assert_eq!(verified.findings[..2], [missing, Finding::Chain { n: 512 }]);
    assert_eq!(culprits(&verified.findings, 700), (500..512).collect::<Vec<_>>());
    assert_eq!((verified.root, verified.signed_to), (None, 200));

    let mut without = leaves.clone();
    without.remove(100);
    let verified = verify_in_sections(&without, &[0, 2], claims);
    let number = Finding::Number { n: 100, found: 101 };
    assert_eq!(verified.findings[..2], [number, Finding::Chain { n: 101 }]);
    assert!(!verified.findings.iter().any(|found| matches!(found, Finding::Missing { .. })));
    assert_eq!(verified.root, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_older_checkpoint_is_met_however_the_log_is_cut(
        size in 1_usize..1100,
        sizes in proptest::collection::btree_set(1_usize..1100, 0..12),
        cuts in proptest::collection::btree_set(1_u64..5, 0..4),
        flipped in 0_usize..1100,
    ) {
        let mut leaves = make_log(size as u64, None);
        let root = |size: usize| Levels::new(leaves[..size].iter().map(|l| leaf_hash(l)).collect());
        let claim = |size: usize| Claim {
            size: size as u64,
            // By the other way of making a root: whole levels, and the peaks folded by hand.
            root: {
                let levels = root(size);
                let (mut peaks, mut at) = (Vec::new(), 0);
                while at < size {
                    let level = (size - at).ilog2() as u8;
                    peaks.push(levels.hash(level, (at >> level) as u64).unwrap());
                    at += 1 << level;
                }
                let last = peaks.pop().unwrap();
                peaks.iter().rev().fold(last, |right, left| node_hash(left, &right))
            },
            holder: Holder::Outside,
        };
        let claims: Vec<Claim> = sizes.iter().filter(|s| **s <= size).map(|s| claim(*s)).collect();
        let last = claims.last().map_or(0, |claim| claim.size);
        let mut tiles = vec![0];
        tiles.extend(cuts.iter().filter(|tile| **tile * 256 < size as u64));
        let verified = verify_in_sections(&leaves, &tiles, claims.clone());
        let unsigned = Finding::UnsignedTail { from: 0, to: size as u64 };
        prop_assert_eq!(&verified.findings, &[unsigned]);
        prop_assert_eq!((verified.held_to, verified.size), (last, size as u64));

        // A changed entry spares the checkpoints before it, and no other.
        let n = flipped % size;
        let end = leaves[n].len() - 8;
        leaves[n][end] ^= 1;
        let verified = verify_at(&leaves, size / 2 / 256 * 256, claims.clone());
        let forks: Vec<u64> = verified.findings.iter().filter_map(|finding| match finding {
            Finding::Fork { size } => Some(*size),
            _ => None,
        }).collect();
        let expected: Vec<u64> = claims.iter().map(|c| c.size).filter(|s| *s > n as u64).collect();
        prop_assert_eq!(forks, expected);
    }

    #[test]
    fn sections_find_what_one_pass_finds(n in 0_usize..600, bit in 0_usize..1600) {
        let leaves = make_log(600, None);
        let mut tampered = leaves.clone();
        tampered[n][bit / 8] ^= 1 << (bit % 8);
        let claims = vec![held(&leaves[..300]), held(&leaves)];
        let (mut one, mut two) =
            (verify(&tampered, claims.clone()), verify_at(&tampered, 256, claims));
        one.findings.sort_unstable();
        two.findings.sort_unstable();
        prop_assert!(!one.holds());
        prop_assert_eq!(one, two);
    }
}

/// Checks in two sections that are cut by row, as a store that keeps numbers beside the leaves does.
fn verify_at(leaves: &[Vec<u8>], cut: usize, claims: Vec<Claim>) -> Verified {
    let mut verifier = Verifier::new(ORIGIN, claims);
    for (tile, rows) in [(0, &leaves[..cut]), (cut as u64 / 256, &leaves[cut..])] {
        let mut section = verifier.section(tile);
        for leaf in rows {
            section.push(leaf);
        }
        verifier.join(section);
    }
    verifier.finish()
}

#[test]
fn checkpoints_are_signed_by_the_log() {
    let note = log_key().sign_checkpoint(&checkpoint_of(&make_log(2, None))).unwrap();
    assert!(own_checkpoint(2, note.to_text().as_bytes(), &trust()).is_ok());
}
