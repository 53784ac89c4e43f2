//! The repository's own vectors, made and confirmed by other programs (see their README).

use std::path::PathBuf;

use super::{bytes_of_hex, hash_of_hex, list, number, read_json, text};
use crate::ledger::checkpoint::Trust;
use crate::ledger::commit::{self, ItemKind};
use crate::ledger::hash::{Hash, leaf_hash};
use crate::ledger::key::SigningKey;
use crate::ledger::leaf::Leaf;
use crate::ledger::note::{Note, UnknownKeys};
use crate::ledger::proof::{consistency, inclusion, verify_consistency, verify_inclusion};
use crate::ledger::proof_text::ProofText;
use crate::ledger::scan::fields;
use crate::ledger::tree::{Levels, root_of};
use crate::ledger::verify::{Holder, Verifier, own_checkpoint};

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors/tlog")).join(name)
}

fn log() -> Vec<Vec<u8>> {
    let bytes = std::fs::read(file("log.jsonl")).unwrap();
    bytes.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn trust(vectors: &serde_json::Value) -> Trust {
    Trust {
        origin: text(vectors, "origin").into(),
        log_keys: vec![text(vectors, "log_vkey").parse().unwrap()],
        witness_keys: vec![text(vectors, "witness_vkey").parse().unwrap()],
    }
}

fn key32(value: &serde_json::Value, key: &str) -> [u8; 32] {
    hash_of_hex(text(value, key)).0
}

#[test]
fn trees_and_proofs() {
    let vectors = read_json(&file("tree.json"));
    let leaves: Vec<Hash> = (0..1000).map(|i| leaf_hash(format!("entry {i}").as_bytes())).collect();
    let levels = Levels::new(leaves.clone());
    let read = |level, index| levels.hash(level, index);
    let root = |size: u64| root_of(leaves[..size as usize].iter().copied());
    for (size, expected) in vectors["roots"].as_object().unwrap() {
        assert_eq!(root(size.parse().unwrap()).to_string(), expected.as_str().unwrap());
    }
    let path_of = |case| {
        list(case, "path").iter().map(|hash| Hash::from_base64(hash.as_str().unwrap()).unwrap())
    };
    assert_eq!(list(&vectors, "inclusion").len(), 35);
    for case in list(&vectors, "inclusion") {
        let (index, size, path) =
            (number(case, "index"), number(case, "size"), path_of(case).collect::<Vec<_>>());
        assert_eq!(inclusion(index, size, read).unwrap(), path);
        verify_inclusion(&leaves[index as usize], index, size, &path, &root(size)).unwrap();
    }
    assert_eq!(list(&vectors, "consistency").len(), 34);
    for case in list(&vectors, "consistency") {
        let (old, new, path) =
            (number(case, "old"), number(case, "new"), path_of(case).collect::<Vec<_>>());
        assert_eq!(consistency(old, new, read).unwrap(), path);
        verify_consistency(old, new, &path, &root(old), &root(new)).unwrap();
    }
}

#[test]
fn leaves_as_python_writes_them() {
    let vectors = read_json(&file("log.json"));
    let log = log();
    for leaf in &log {
        let parsed = Leaf::parse_strict(leaf).unwrap();
        assert_eq!(&parsed.to_bytes().unwrap(), leaf);
        assert_eq!(fields(leaf).unwrap().number, parsed.number);
    }
    let mut verifier = Verifier::new(
        text(&vectors, "origin"),
        list(&vectors, "checkpoints")
            .iter()
            .map(|held| {
                let note = text(held, "note").as_bytes();
                let signed = own_checkpoint(number(held, "size"), note, &trust(&vectors)).unwrap();
                let witnessed = signed.witnessed.first().map(|(_, at)| at.0 / 1000);
                assert_eq!(witnessed, held["witnessed"].as_i64());
                signed.claim(Holder::Own)
            })
            .collect(),
    );
    log.iter().for_each(|leaf| verifier.push(leaf));
    let verified = verifier.finish();
    assert!(verified.holds(), "{:?}", verified.findings);
    assert_eq!(verified.signed_to, 24);
}

#[test]
fn tags_salts_and_commitments_as_python_computes_them() {
    let (vectors, log) = (read_json(&file("log.json")), log());
    for payload in list(&vectors, "payloads") {
        let (n, key) = (number(payload, "n"), key32(payload, "key"));
        let view = fields(&log[n as usize]).unwrap();
        let salt = commit::salt(&key, n);
        assert_eq!(salt, key32(payload, "salt"));
        assert_eq!(view.tag.unwrap().bytes(), commit::tag(&key, n));
        let commitment = commit::commitment(&salt, text(payload, "payload").as_bytes());
        assert_eq!(view.commitment.unwrap().bytes(), commitment);
    }
    let mut commitments = Vec::new();
    for item in list(&vectors["batch"], "items") {
        let kind = match text(item, "kind") {
            "event" => ItemKind::Event,
            _ => ItemKind::Value,
        };
        let salt = commit::item_salt(&key32(item, "key"), kind, number(item, "sequence"));
        assert_eq!(salt, key32(item, "salt"));
        commitments.push(commit::commitment(&salt, text(item, "item").as_bytes()));
        assert_eq!(commitments.last(), Some(&key32(item, "commitment")));
    }
    assert_eq!(commit::batch_root(&commitments), hash_of_hex(text(&vectors["batch"], "root")));
}

#[test]
fn notes_come_out_as_another_signer_writes_them() {
    let vectors = read_json(&file("log.json"));
    let seed = bytes_of_hex(text(&vectors, "log_seed")).try_into().unwrap();
    let key = SigningKey::from_seed(&seed);
    for held in list(&vectors, "checkpoints") {
        let note = Note::parse(text(held, "note").as_bytes()).unwrap();
        let signed =
            trust(&vectors).read(text(held, "note").as_bytes(), UnknownKeys::Refuse).unwrap();
        let ours = key.sign_checkpoint(&signed.checkpoint).unwrap();
        assert_eq!(ours.signatures[0], note.signatures[0], "Ed25519 signs alike everywhere");
    }
}

#[test]
fn receipts() {
    let (vectors, log) = (read_json(&file("log.json")), log());
    for receipt in list(&vectors, "receipts") {
        let index = number(receipt, "index");
        let proof = ProofText::parse(text(receipt, "text").as_bytes()).unwrap();
        let extra = (index > 0).then(|| format!("salt of {index}").into_bytes());
        assert_eq!((proof.index, &proof.extra), (index, &extra));
        let signed = proof.verify(&log[index as usize], &trust(&vectors)).unwrap();
        assert_eq!(signed.witnessed.len(), 1);
    }
}
