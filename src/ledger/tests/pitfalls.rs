//! Each trap that other implementations fell into, as a test of its own.

use serde_json::json;

use super::{ORIGIN, checkpoint_of, log_key, make_log, signed, trust, witness_key};
use crate::base::clock::Moment;
use crate::ledger::base64;
use crate::ledger::checkpoint::{Checkpoint, Trust};
use crate::ledger::commit;
use crate::ledger::hash::{EMPTY_ROOT, Hash, leaf_hash};
use crate::ledger::leaf::{Leaf, first_previous};
use crate::ledger::note::{Note, SignatureLine, UnknownKeys};
use crate::ledger::proof::{inclusion, verify_inclusion};
use crate::ledger::proof_text::ProofText;
use crate::ledger::scan::fields;
use crate::ledger::tree::Levels;
use crate::ledger::verify::own_checkpoint;
use crate::ledger::vkey::KeyKind;

#[test]
fn p1_two_spellings_of_one_base64_value_are_not_both_taken() {
    assert_eq!(base64::decode("fQ=="), Some(b"}".to_vec()));
    for slack in ["fR==", "fS==", "fT==", "fQ", "fQ=", "fQ===", "fQ==\n", " fQ=="] {
        assert_eq!(base64::decode(slack), None, "{slack:?}");
    }
    let good = base64::encode_url(&[0xff; 32]);
    for last in b"9-_" {
        let mut slack = good;
        slack[42] = *last;
        assert_eq!(base64::decode_url(&slack), None);
    }
}

#[test]
fn p2_an_inclusion_proof_does_not_bind_the_size_so_the_checkpoint_must() {
    let leaves: Vec<Hash> = (0..7_u8).map(|i| leaf_hash(&[i])).collect();
    let levels = Levels::new(leaves.clone());
    let path = inclusion(0, 7, |level, i| levels.hash(level, i)).unwrap();
    let root = crate::ledger::tree::root_of(leaves.iter().copied());
    verify_inclusion(&leaves[0], 0, 7, &path, &root).unwrap();
    verify_inclusion(&leaves[0], 0, 8, &path, &root).expect("the trap: it verifies for size 8 too");

    // A receipt has no size of its own: changing the checkpoint's size breaks its signature.
    let log = make_log(7, None);
    let levels = Levels::new(log.iter().map(|leaf| leaf_hash(leaf)).collect());
    let path = inclusion(0, 7, |level, i| levels.hash(level, i)).unwrap();
    let checkpoint = log_key().sign_checkpoint(&checkpoint_of(&log)).unwrap();
    let text = ProofText { extra: None, index: 0, path, checkpoint }.to_text();
    assert!(ProofText::parse(text.as_bytes()).unwrap().verify(&log[0], &trust()).is_ok());
    let other = text.replace("\n7\n", "\n8\n");
    let verdict = ProofText::parse(other.as_bytes()).unwrap().verify(&log[0], &trust());
    assert_eq!(verdict.unwrap_err().code, "signature-wrong");
}

#[test]
fn p3_a_hash_has_32_bytes_wherever_it_is_read() {
    assert_eq!(Hash::from_slice(&[]), None);
    assert_eq!(Hash::from_slice(&[0; 31]), None);
    assert_eq!(Hash::from_slice(&[0; 33]), None);
    assert_eq!(Hash::from_base64(""), None);
    assert!(Checkpoint::parse(&format!("{ORIGIN}\n1\n\n")).is_err());
    assert!(Checkpoint::parse(&format!("{ORIGIN}\n1\n{}\n", base64::encode(&[0; 31]))).is_err());
    let log = make_log(1, None);
    let checkpoint = log_key().sign_checkpoint(&checkpoint_of(&log)).unwrap();
    let text = ProofText { extra: None, index: 0, path: vec![EMPTY_ROOT], checkpoint }.to_text();
    let short = text.replace(&EMPTY_ROOT.to_string(), &base64::encode(&EMPTY_ROOT.0[..31]));
    assert_eq!(ProofText::parse(short.as_bytes()).unwrap_err().code, "proof-unreadable");
}

#[test]
fn p4_a_flipped_bit_in_a_witness_name_does_not_just_lose_the_cosignature() {
    let log = make_log(3, None);
    let mut note = log_key().sign_checkpoint(&checkpoint_of(&log)).unwrap();
    let key = witness_key().verifier_key("witness.example/tests", KeyKind::Witness).unwrap();
    let message = crate::ledger::note::cosignature_message(&note.text, 1);
    let signature = [&1_u64.to_be_bytes()[..], &witness_key().sign(message.as_bytes())].concat();
    note.signatures.push(SignatureLine { name: key.name().into(), id: key.id(), signature });
    let good = note.to_text();
    assert_eq!(own_checkpoint(3, good.as_bytes(), &trust()).unwrap().witnessed.len(), 1);
    let flipped = good.replace("witness", "vitness");
    let lenient = trust().read(flipped.as_bytes(), UnknownKeys::Ignore).unwrap();
    assert!(lenient.witnessed.is_empty(), "the trap: a reader as lax as C2SP's takes it");
    assert!(own_checkpoint(3, flipped.as_bytes(), &trust()).is_err());
}

#[test]
fn p5_an_edited_payload_no_longer_fits_its_commitment() {
    let (key, log) = ([9; 32], make_log(5, None));
    let view = fields(&log[2]).unwrap();
    let salt = commit::salt(&key, 2);
    let stored = view.commitment.unwrap().bytes();
    assert_eq!(commit::commitment(&salt, b"payload"), stored);
    assert_ne!(commit::commitment(&salt, b"Payload"), stored);
    assert_ne!(commit::commitment(&commit::salt(&key, 3), b"payload"), stored);
    assert_eq!(commit::tag(&key, 2), view.tag.unwrap().bytes());
}

#[test]
fn p6_chain_and_tree_are_one_hash() {
    let log = make_log(4, None);
    let hashes: Vec<Hash> = log.iter().map(|leaf| leaf_hash(leaf)).collect();
    for n in 1..4 {
        assert_eq!(fields(&log[n]).unwrap().previous.hash(), hashes[n - 1]);
    }
    assert_eq!(checkpoint_of(&log).root, super::naive::root(&hashes));
}

#[test]
fn p7_identity_is_the_verifiers_and_not_the_files() {
    let note = signed(&make_log(3, None));
    // Somebody else's log, properly signed by its own key, under our origin.
    let key = witness_key().verifier_key(ORIGIN, KeyKind::Log).unwrap();
    let verdict = Trust::in_log(key).read(&note, UnknownKeys::Ignore);
    assert_eq!(verdict.unwrap_err().code, "signature-missing");
    // Our key under another name says nothing about this origin.
    let mut other_name = trust();
    other_name.log_keys = vec![log_key().verifier_key("cdp.example/other", KeyKind::Log).unwrap()];
    assert!(other_name.read(&note, UnknownKeys::Ignore).is_err());
    let mut renamed = Note::parse(&note).unwrap();
    renamed.signatures = vec![log_key().sign_note("cdp.example/other", &renamed.text).unwrap()];
    assert!(other_name.read(renamed.to_text().as_bytes(), UnknownKeys::Ignore).is_err());
    // A witness key of the same name as the log is no log key.
    let mut witness = trust();
    witness.log_keys = vec![log_key().verifier_key(ORIGIN, KeyKind::Witness).unwrap()];
    assert!(witness.read(&note, UnknownKeys::Ignore).is_err());
    // Entries of two logs differ from the first on.
    assert_ne!(first_previous(ORIGIN), first_previous("cdp.example/other"));
    assert!(Note::parse(&note).is_ok());
}

#[test]
fn p9_nothing_in_a_leaf_depends_on_who_the_row_is_about() {
    // An administrator writes about a person: after the person's key is gone, the leaf stands as it
    // is, and two entries about one person share nothing.
    let key = [3; 32];
    let about = |number| Leaf {
        number,
        at: Moment(1),
        kind: "profile.set".into(),
        actor: "staff:admin".into(),
        previous: Hash([0; 32]),
        tag: Some(commit::tag(&key, number)),
        commitment: Some(commit::commitment(&commit::salt(&key, number), b"same payload")),
        body: Some(json!({ "fields": 1 })),
    };
    let (first, second) = (about(1), about(2));
    assert_ne!(first.tag, second.tag);
    assert_ne!(first.commitment, second.commitment);
}
