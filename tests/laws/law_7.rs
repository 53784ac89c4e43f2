//! Law 7: an outsider can check with tools that candor's authors did not write.

use std::path::Path;
use std::process::Command;

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::common::{World, blobs, hour, numbers};
use candor::store;

fn world() -> World {
    let mut world = World::new();
    for round in 0..6 {
        let mut csv = String::from("customer_id,at,name,email,optin,notice\n");
        for i in 0..(7 * round + 1) {
            csv += &format!("c{round}-{i},2026-01-04,N,p{round}x{i}@x.example,yes,letter-form@1\n");
        }
        world.import("shop", &csv, hour(1 + round));
    }
    world.erase("email:p1x1@x.example", hour(9));
    world
}

/// RFC 6962, section 2.1, word for word: the Merkle tree hash of a list.
fn tree_hash(leaves: &[Vec<u8>]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into(),
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            Sha256::new_with_prefix([1])
                .chain_update(tree_hash(&leaves[..k]))
                .chain_update(tree_hash(&leaves[k..]))
                .finalize()
                .into()
        }
    }
}

fn decode(text: &str) -> Vec<u8> {
    use base64ct::{Base64, Encoding};
    let mut room = vec![0; text.len()];
    Base64::decode(text, &mut room).unwrap().to_vec()
}

fn encode(bytes: &[u8]) -> String {
    use base64ct::{Base64, Encoding};
    let mut room = vec![0; 64];
    Base64::encode(bytes, &mut room).unwrap().to_owned()
}

#[test]
fn every_checkpoint_is_signed_and_states_the_root_of_rfc_6962() {
    let world = world();
    let conn = world.store.conn();
    let leaves = blobs(conn, "SELECT leaf FROM entry ORDER BY n");
    assert!(leaves.len() > 60);
    let vkey = String::from_utf8(store::meta(conn, "vkey").unwrap().unwrap()).unwrap();
    let public = decode(vkey.splitn(3, '+').nth(2).unwrap());
    let key = VerifyingKey::from_bytes(public[1..].try_into().unwrap()).unwrap();
    let sizes = numbers(conn, "SELECT size FROM checkpoint ORDER BY size");
    let notes = blobs(conn, "SELECT note FROM checkpoint ORDER BY size");
    assert!(sizes.len() >= 8);
    for (size, note) in sizes.iter().zip(notes) {
        let note = String::from_utf8(note).unwrap();
        let (text, signatures) = note.split_once("\n\n").unwrap();
        let text = format!("{text}\n");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], size.to_string());
        let root = tree_hash(&leaves[..usize::try_from(*size).unwrap()]);
        assert_eq!(lines[2], encode(&root));
        let line = signatures.lines().next().unwrap();
        let bytes = decode(line.rsplit(' ').next().unwrap());
        let signature = Signature::from_slice(&bytes[4..]).unwrap();
        key.verify_strict(text.as_bytes(), &signature).unwrap();
    }
    assert_eq!(sizes.last().copied(), i64::try_from(leaves.len()).ok(), "all is signed");
}

/// Runs the Python verifier; `None` when this machine can't.
fn oracle(store: &Path) -> Option<(bool, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/verify_store.py");
    let python = std::env::var("CANDOR_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let ready = Command::new(&python).args(["-c", "import cryptography, sqlite3"]).output();
    if !ready.is_ok_and(|out| out.status.success()) {
        eprintln!("SKIPPED: no {python} with the package cryptography on this machine");
        return None;
    }
    let out = Command::new(&python).arg(script).arg(store).output().unwrap();
    let text =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    Some((out.status.success(), text))
}

#[test]
fn a_short_python_program_agrees_and_notices_one_changed_byte() {
    let world = world();
    let path = world.path();
    world.store.truncate_wal().unwrap();
    let Some((holds, text)) = oracle(&path) else { return };
    assert!(holds, "{text}");
    let copy = world.folder.path().join("copy.candor");
    for change in [
        "UPDATE entry SET leaf = CAST(REPLACE(leaf, 'test', 'tesT') AS BLOB) WHERE n = 3",
        "DELETE FROM entry WHERE n = (SELECT MAX(n) FROM entry)",
        "UPDATE checkpoint SET note = CAST(REPLACE(note, 'harbour', 'Harbour') AS BLOB)
         WHERE size = (SELECT MAX(size) FROM checkpoint)",
    ] {
        std::fs::copy(&path, &copy).unwrap();
        let conn = rusqlite::Connection::open(&copy).unwrap();
        conn.execute_batch(
            "DROP TRIGGER entry_is_append_only_u; DROP TRIGGER entry_is_append_only_d",
        )
        .unwrap();
        assert_eq!(conn.execute(change, []).unwrap(), 1);
        drop(conn);
        let (holds, text) = oracle(&copy).unwrap();
        assert!(!holds, "{change} went unnoticed: {text}");
    }
}
