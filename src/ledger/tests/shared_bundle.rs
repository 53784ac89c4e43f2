//! A complete auditor's bundle of 601 entries that was made by another program in our format.

use super::{list, number, shared, text};
use crate::ledger::base64;
use crate::ledger::checkpoint::Trust;
use crate::ledger::commit;
use crate::ledger::hash::leaf_hash;
use crate::ledger::leaf::Leaf;
use crate::ledger::scan::fields;
use crate::ledger::verify::{Holder, Verified, Verifier, own_checkpoint};
use crate::ledger::vkey::VerifierKey;

fn file(name: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(shared(name)?).unwrap())
}

fn entries() -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    for tile in ["000", "001", "002.p/89"] {
        let bundle = file(&format!("bundle/tile/entries/{tile}"))?;
        let mut rest = bundle.as_slice();
        while let Some((length, after)) = rest.split_first_chunk() {
            let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            entries.push(entry.to_vec());
            rest = after;
        }
    }
    Some(entries)
}

fn trust() -> Option<Trust> {
    let vkey = |name| -> Option<VerifierKey> {
        Some(String::from_utf8(file(name)?).unwrap().trim_end().parse().unwrap())
    };
    let mut trust = Trust::in_log(vkey("bundle.log.vkey")?);
    trust.witness_keys.push(vkey("bundle.witness.vkey")?);
    Some(trust)
}

fn verify(entries: &[Vec<u8>]) -> Option<Verified> {
    let trust = trust()?;
    let mut claims = Vec::new();
    for (size, name, holder, witnesses) in [
        (101, "checkpoints/00000101", Holder::Outside, 1),
        (257, "checkpoints/00000257", Holder::Outside, 1),
        (401, "checkpoints/00000401", Holder::Outside, 1),
        (601, "checkpoint", Holder::Own, 0),
    ] {
        let signed = own_checkpoint(size, &file(&format!("bundle/{name}"))?, &trust).unwrap();
        assert_eq!(signed.witnessed.len(), witnesses);
        claims.push(signed.claim(holder));
    }
    let mut verifier = Verifier::new(&trust.origin, claims);
    for entry in entries {
        verifier.push(entry);
    }
    Some(verifier.finish())
}

#[test]
fn its_entries_are_leaves_of_ours_and_its_checkpoints_hold() {
    let Some(entries) = entries() else { return };
    assert_eq!(entries.len(), 601);
    for entry in &entries {
        assert_eq!(&Leaf::parse_strict(entry).unwrap().to_bytes().unwrap(), entry);
    }
    let verified = verify(&entries).unwrap();
    assert!(verified.holds(), "{:?}", verified.findings);
    assert_eq!((verified.signed_to, verified.held_to, verified.unwitnessed()), (601, 401, 200));
}

#[test]
fn its_hash_tiles_are_ours() {
    let Some(entries) = entries() else { return };
    let hashes: Vec<u8> = entries.iter().flat_map(|entry| leaf_hash(entry).0).collect();
    let tiles =
        ["000", "001", "002.p/89"].map(|name| file(&format!("bundle/tile/0/{name}")).unwrap());
    assert_eq!(tiles.concat(), hashes);
    let verified = verify(&entries).unwrap();
    let above = file("bundle/tile/1/000.p/2").unwrap();
    for (index, node) in above.chunks(32).enumerate() {
        assert_eq!(verified.check_node(8, index as u64, node), Ok(()));
    }
}

#[test]
fn its_payloads_open_their_commitments_and_the_erased_ones_are_gone() {
    let Some(entries) = entries() else { return };
    let payloads = String::from_utf8(file("bundle/payloads.jsonl").unwrap()).unwrap();
    let mut disclosed = Vec::new();
    for line in payloads.lines() {
        let payload: serde_json::Value = serde_json::from_str(line).unwrap();
        let n = number(&payload, "n");
        let salt = base64::decode(text(&payload, "salt")).unwrap().try_into().unwrap();
        let bytes = base64::decode(text(&payload, "payload")).unwrap();
        let view = fields(&entries[n as usize]).unwrap();
        assert_eq!(view.commitment.unwrap().bytes(), commit::commitment(&salt, &bytes));
        disclosed.push(n);
    }
    let erasure = fields(&entries[451]).unwrap();
    assert_eq!(erasure.kind, "erasure");
    let body: serde_json::Value = serde_json::from_slice(erasure.body.unwrap()).unwrap();
    let erased: Vec<u64> = list(&body, "seqs").iter().map(|n| n.as_u64().unwrap()).collect();
    for (n, entry) in entries.iter().enumerate() {
        let n = n as u64;
        let committed = fields(entry).unwrap().commitment.is_some();
        assert_eq!(committed, disclosed.contains(&n) || erased.contains(&n), "entry {n}");
        assert!(!(disclosed.contains(&n) && erased.contains(&n)));
    }
}
