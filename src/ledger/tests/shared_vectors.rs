//! Vectors made with golang.org/x/mod (tlog and note) and confirmed by seven other programs.

use sha2::{Digest, Sha256};

use super::{hash_of_hex, list, number, read_json, shared, text};
use crate::ledger::checkpoint::{Checkpoint, Trust};
use crate::ledger::hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
use crate::ledger::key::SigningKey;
use crate::ledger::note::{Note, UnknownKeys};
use crate::ledger::proof::{consistency, inclusion, verify_consistency, verify_inclusion};
use crate::ledger::proof_text::ProofText;
use crate::ledger::tree::{Frontier, Levels};
use crate::ledger::vkey::{KeyKind, VerifierKey};

/// Entry i is "leaf i\n", i mod 5 times; so each fifth is empty.
fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|i| leaf_hash(format!("leaf {i}\n").repeat(i as usize % 5).as_bytes())).collect()
}

fn hashes(case: &serde_json::Value) -> Vec<Hash> {
    list(case, "proof").iter().map(|hash| hash_of_hex(hash.as_str().unwrap())).collect()
}

#[test]
fn single_hashes() {
    let Some(path) = shared("hashes.json") else { return };
    let vectors = read_json(&path);
    assert_eq!(EMPTY_ROOT, hash_of_hex(text(&vectors, "empty_root")));
    assert_eq!(leaf_hash(b"leaf 1\n"), hash_of_hex(text(&vectors, "leaf_hash_1")));
    assert_eq!(leaf_hash(b""), hash_of_hex(text(&vectors, "leaf_hash_of_empty")));
    let node = node_hash(&leaf_hash(b""), &leaf_hash(b"leaf 1\n"));
    assert_eq!(node, hash_of_hex(text(&vectors, "node_hash_0_1")));
}

#[test]
fn roots() {
    let Some(path) = shared("roots.json") else { return };
    let vectors = read_json(&path);
    let (mut frontier, mut all) = (Frontier::new(), leaves(70_000).into_iter());
    for case in list(&vectors, "roots") {
        while frontier.size() < number(case, "size") {
            frontier.append(all.next().unwrap());
        }
        assert_eq!(frontier.root(), hash_of_hex(text(case, "root")), "size {}", frontier.size());
    }
}

#[test]
fn inclusion_proofs() {
    let Some(path) = shared("inclusion.json") else { return };
    let vectors = read_json(&path);
    let levels = Levels::new(leaves(70_000));
    let cases = list(&vectors, "cases");
    let mut for_another_size = 0;
    for case in cases {
        let (size, index, path) = (number(case, "size"), number(case, "index"), hashes(case));
        let (leaf, root) = (hash_of_hex(text(case, "leaf_hash")), hash_of_hex(text(case, "root")));
        assert_eq!(levels.hash(0, index).unwrap(), leaf);
        assert_eq!(inclusion(index, size, |level, i| levels.hash(level, i)).unwrap(), path);
        verify_inclusion(&leaf, index, size, &path, &root).unwrap();
        for_another_size +=
            u64::from(verify_inclusion(&leaf, index, size + 1, &path, &root).is_ok());
    }
    assert_eq!(cases.len(), 237);
    assert_eq!(for_another_size, 151, "a proof doesn't bind the size; this is known");
}

#[test]
fn consistency_proofs() {
    let Some(path) = shared("consistency.json") else { return };
    let vectors = read_json(&path);
    let levels = Levels::new(leaves(70_000));
    let cases = list(&vectors, "cases");
    for case in cases {
        let (old, new, path) = (number(case, "size1"), number(case, "size2"), hashes(case));
        let (old_root, new_root) =
            (hash_of_hex(text(case, "root1")), hash_of_hex(text(case, "root2")));
        assert_eq!(consistency(old, new, |level, i| levels.hash(level, i)).unwrap(), path);
        verify_consistency(old, new, &path, &old_root, &new_root).unwrap();
    }
    assert_eq!(cases.len(), 233);
}

#[test]
fn tiles() {
    let Some(path) = shared("tiles-70000.json") else { return };
    let vectors = read_json(&path);
    let levels = Levels::new(leaves(70_000));
    for tile in list(&vectors, "tiles") {
        let parts: Vec<u64> =
            text(tile, "path").split('/').map(|part| part[1..].parse().unwrap()).collect();
        let [level, index, width] = parts[..] else { panic!("a tile's path has three parts") };
        let nodes = index * 256..index * 256 + width;
        let node = |i| levels.hash(level as u8 * 8, i).unwrap();
        let data: Vec<u8> = nodes.clone().flat_map(|i| node(i).0).collect();
        assert_eq!(data.len() as u64, number(tile, "len"));
        assert_eq!(Hash(Sha256::digest(data).into()), hash_of_hex(text(tile, "sha256")));
        assert_eq!(node(nodes.start), hash_of_hex(text(tile, "first_hash")));
        assert_eq!(node(nodes.end - 1), hash_of_hex(text(tile, "last_hash")));
    }
    assert_eq!(list(&vectors, "tiles").len(), 133);
}

fn log_and_witness() -> Option<(serde_json::Value, Trust)> {
    let vectors = read_json(&shared("checkpoints.json")?);
    let log: VerifierKey = text(&vectors, "log_vkey").parse().unwrap();
    let mut trust = Trust::in_log(log);
    trust.witness_keys.push(text(&vectors, "witness_vkey").parse().unwrap());
    Some((vectors, trust))
}

#[test]
fn checkpoints() {
    let Some((vectors, trust)) = log_and_witness() else { return };
    let log = SigningKey::from_seed(&[0x11; 32]);
    let witness = SigningKey::from_seed(&[0x22; 32]);
    assert_eq!(log.verifier_key(&trust.origin, KeyKind::Log).unwrap(), trust.log_keys[0]);
    let witness_vkey = witness.verifier_key("witness.example/w1", KeyKind::Witness).unwrap();
    assert_eq!(witness_vkey, trust.witness_keys[0]);
    for case in list(&vectors, "checkpoints") {
        let checkpoint = Checkpoint::parse(text(case, "text")).unwrap();
        assert_eq!(checkpoint.size, number(case, "size"));
        assert_eq!(log.sign_checkpoint(&checkpoint).unwrap().to_text(), text(case, "note"));
        let bare = trust.read(text(case, "note").as_bytes(), UnknownKeys::Refuse).unwrap();
        assert_eq!((&bare.checkpoint, bare.witnessed.len()), (&checkpoint, 0));
        let cosigned = trust.read(text(case, "cosigned").as_bytes(), UnknownKeys::Refuse).unwrap();
        let times: Vec<i64> = cosigned.witnessed.iter().map(|(_, at)| at.0 / 1000).collect();
        assert_eq!(times, [number(case, "witness_time") as i64]);
    }
    assert_eq!(list(&vectors, "checkpoints").len(), 9);
}

#[test]
fn receipt_and_timestamped_note() {
    let Some((_, trust)) = log_and_witness() else { return };
    let file = |name| std::fs::read(shared(name).unwrap()).unwrap();
    let (receipt, leaf) = (file("leaf123-of-1000.tlog-proof"), file("leaf123.raw"));
    let proof = ProofText::parse(&receipt).unwrap();
    assert_eq!(proof.to_text().into_bytes(), receipt);
    let signed = proof.verify(&leaf, &trust).unwrap();
    assert_eq!((signed.checkpoint.size, signed.witnessed.len()), (1000, 1));
    assert!(proof.verify(b"another leaf", &trust).is_err());
    let stamped = trust.read(&file("tsa-checkpoint-1000.note"), UnknownKeys::Refuse).unwrap();
    assert_eq!(stamped.checkpoint, signed.checkpoint);
    assert!(Note::parse(&receipt).is_ok(), "a receipt ends in a note, and so reads as one");
}
