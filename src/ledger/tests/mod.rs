//! Tests of the ledger's pure part, and what they share.
//!
//! `naive` is the oracle: RFC 6962 word for word, recursive, over SHA-256 of whole buffers.

mod known;
mod leaves;
mod naive;
mod notes;
mod pitfalls;
mod proofs;
mod shared_bundle;
mod shared_vectors;
mod verifying;

use std::path::PathBuf;

use serde_json::Value;

use super::checkpoint::{Checkpoint, Trust};
use super::commit;
use super::hash::{Hash, leaf_hash};
use super::key::SigningKey;
use super::leaf::{Leaf, first_previous};
use super::note::{Note, SignatureLine, cosignature_message};
use super::tree::Frontier;
use super::vkey::KeyKind;
use crate::base::clock::Moment;

const ORIGIN: &str = "cdp.example/tests";
const WITNESS: &str = "witness.example/tests";

/// Known vectors that lie outside the repository; `None`, and a loud word, when they are absent.
fn shared(name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors/tlog"));
    if !root.is_dir() {
        eprintln!("SKIPPED: {} is absent, so {name} was not checked", root.display());
        return None;
    }
    Some(root.join(name))
}

fn read_json(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a vector file")).expect("JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect("a text")
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().expect("a number")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().expect("a list")
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn hash_of_hex(hex: &str) -> Hash {
    Hash::from_slice(&bytes_of_hex(hex)).expect("32 bytes")
}

fn log_key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn witness_key() -> SigningKey {
    SigningKey::from_seed(&[8; 32])
}

fn trust() -> Trust {
    Trust {
        origin: ORIGIN.into(),
        log_keys: vec![log_key().verifier_key(ORIGIN, KeyKind::Log).unwrap()],
        witness_keys: vec![witness_key().verifier_key(WITNESS, KeyKind::Witness).unwrap()],
    }
}

/// A log of `count` entries, of which the one at `changed` has another payload.
fn make_log(count: u64, changed: Option<u64>) -> Vec<Vec<u8>> {
    let key = [9; 32];
    let mut previous = first_previous(ORIGIN);
    let mut leaves = Vec::new();
    for number in 0..count {
        let payload: &[u8] = if changed == Some(number) { b"forged" } else { b"payload" };
        let leaf = Leaf {
            number,
            at: Moment(1_795_000_000_000 + number as i64 * 250),
            kind: "consent.grant".into(),
            actor: "op:7".into(),
            previous,
            tag: Some(commit::tag(&key, number)),
            commitment: Some(commit::commitment(&commit::salt(&key, number), payload)),
            body: (number % 4 == 3).then(|| serde_json::json!({ "seqs": [number, 1] })),
        };
        let bytes = leaf.to_bytes().unwrap();
        previous = leaf_hash(&bytes);
        leaves.push(bytes);
    }
    leaves
}

fn checkpoint_of(leaves: &[Vec<u8>]) -> Checkpoint {
    let mut frontier = Frontier::new();
    frontier.append_many(leaves.iter().map(|leaf| leaf_hash(leaf)));
    Checkpoint { origin: ORIGIN.into(), size: leaves.len() as u64, root: frontier.root() }
}

/// The signed checkpoint over `leaves`, as the store would keep it.
fn signed(leaves: &[Vec<u8>]) -> Vec<u8> {
    log_key().sign_checkpoint(&checkpoint_of(leaves)).unwrap().to_text().into_bytes()
}

/// Adds the witness's cosignature, made at this second since 1970.
fn cosign(note: &mut Note, seconds: u64) {
    let message = cosignature_message(&note.text, seconds);
    let mut signature = seconds.to_be_bytes().to_vec();
    signature.extend_from_slice(&witness_key().sign(message.as_bytes()));
    let id = trust().witness_keys[0].id();
    note.signatures.push(SignatureLine { name: WITNESS.into(), id, signature });
}
