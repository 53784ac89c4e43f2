//! Notes, verifier keys, checkpoints, keys and receipts.

use std::process::{Command, Stdio};

use super::{ORIGIN, WITNESS, checkpoint_of, cosign, log_key, make_log, signed, trust};
use crate::base::clock::Moment;
use crate::ledger::checkpoint::{Checkpoint, Trust};
use crate::ledger::hash::{EMPTY_ROOT, leaf_hash};
use crate::ledger::key::SigningKey;
use crate::ledger::note::{Note, SIGNATURES_MAX, SignatureLine, UnknownKeys};
use crate::ledger::proof::inclusion;
use crate::ledger::proof_text::ProofText;
use crate::ledger::tree::Levels;
use crate::ledger::vkey::{KeyKind, VerifierKey};

fn stranger(name: &str, length: usize) -> SignatureLine {
    SignatureLine { name: name.into(), id: [1, 2, 3, 4], signature: vec![5; length] }
}

fn read(note: &Note, unknown: UnknownKeys) -> Result<Vec<(String, Moment)>, &'static str> {
    let signed = trust().read(note.to_text().as_bytes(), unknown);
    signed.map(|signed| signed.witnessed).map_err(|error| error.code)
}

#[test]
fn the_example_of_the_specification_verifies() {
    let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let note = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv\
                1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let key: VerifierKey = key.parse().unwrap();
    let note = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(note.open(&[key], UnknownKeys::Refuse).unwrap().len(), 1);
}

#[test]
fn cosignatures_are_checked_with_their_time() {
    let mut note = log_key().sign_checkpoint(&checkpoint_of(&make_log(3, None))).unwrap();
    cosign(&mut note, 1_795_000_000);
    let at = Moment(1_795_000_000_000);
    assert_eq!(read(&note, UnknownKeys::Refuse), Ok(vec![(WITNESS.into(), at)]));
    note.signatures[1].signature[7] ^= 1;
    assert_eq!(read(&note, UnknownKeys::Ignore), Err("signature-wrong"));
    note.signatures.pop();
    cosign(&mut note, u64::MAX);
    assert_eq!(read(&note, UnknownKeys::Ignore), Err("signature-wrong"));
    note.signatures.remove(0);
    assert_eq!(read(&note, UnknownKeys::Ignore), Err("signature-wrong"));
    note.signatures.clear();
    note.signatures.push(stranger("x", 64));
    assert_eq!(read(&note, UnknownKeys::Ignore), Err("signature-missing"));
    note.signatures.clear();
    cosign(&mut note, 5);
    assert_eq!(read(&note, UnknownKeys::Ignore), Err("signature-missing"));
}

#[test]
fn strangers_are_passed_over_only_where_that_is_asked_for() {
    let mut note = log_key().sign_checkpoint(&checkpoint_of(&make_log(3, None))).unwrap();
    // The log's name with another id, and its id with another name: both are unknown keys.
    note.signatures.push(stranger(ORIGIN, 64));
    note.signatures.push(SignatureLine { name: "other".into(), ..note.signatures[0].clone() });
    for i in 0..14 {
        note.signatures.push(stranger(&format!("pq.example/{i}"), 5_000));
    }
    assert_eq!(note.signatures.len(), 17);
    assert_eq!(read(&note, UnknownKeys::Ignore), Ok(vec![]));
    assert_eq!(read(&note, UnknownKeys::Refuse), Err("signature-unknown"));
    while note.signatures.len() <= SIGNATURES_MAX {
        note.signatures.push(stranger("one.more", 64));
    }
    assert_eq!(read(&note, UnknownKeys::Ignore), Err("note-unreadable"));
}

#[test]
fn a_key_signs_a_note_once() {
    let mut note = log_key().sign_checkpoint(&checkpoint_of(&make_log(3, None))).unwrap();
    note.signatures.push(note.signatures[0].clone());
    assert_eq!(read(&note, UnknownKeys::Ignore), Err("signature-twice"));
}

#[test]
fn two_log_keys_can_sign_one_checkpoint_while_a_key_is_changed() {
    let old = SigningKey::from_seed(&[5; 32]);
    let mut note = log_key().sign_checkpoint(&checkpoint_of(&make_log(3, None))).unwrap();
    note.signatures.push(old.sign_note(ORIGIN, &note.text).unwrap());
    let mut both = trust();
    both.log_keys.push(old.verifier_key(ORIGIN, KeyKind::Log).unwrap());
    assert!(both.read(note.to_text().as_bytes(), UnknownKeys::Refuse).is_ok());
    let only_old = Trust::in_log(old.verifier_key(ORIGIN, KeyKind::Log).unwrap());
    assert!(only_old.read(note.to_text().as_bytes(), UnknownKeys::Ignore).is_ok());
    assert!(only_old.read(note.to_text().as_bytes(), UnknownKeys::Refuse).is_err());
}

#[test]
fn malformed_notes_are_refused() {
    let good = String::from_utf8(signed(&make_log(3, None))).unwrap();
    assert!(Note::parse(good.as_bytes()).is_ok());
    let wrong = [
        good.replace("\n\n", "\n"),
        good.trim_end().to_owned(),
        good.replace('\u{2014}', "-"),
        good.replace("\u{2014} ", "\u{2014}"),
        good.replace('\n', "\r\n"),
        good.replacen('3', "\t", 1),
        format!("{good}\n"),
        format!("{good}\u{2014} name\n"),
        format!("{good}\u{2014} name AAAA\n"),
        format!("{good}\u{2014} na+me AAAAAAAA\n"),
        format!("{good}\u{2014}  AAAAAAAA\n"),
        format!("{good}\u{2014} na\u{a0}me AAAAAAAA\n"),
        format!("{good}\u{2014} name AAAAAAB=\n"),
        format!("{good}\u{2014} name AAAA AAAA\n"),
        String::new(),
        "\n\n".to_owned(),
    ];
    for note in wrong {
        assert!(Note::parse(note.as_bytes()).is_err(), "{note:?}");
    }
    assert!(Note::parse(&[0xff; 9]).is_err());
}

#[test]
fn a_checkpoint_has_exactly_three_lines() {
    let good = format!("{ORIGIN}\n0\n{EMPTY_ROOT}\n");
    assert_eq!(Checkpoint::parse(&good).unwrap().text(), good);
    let wrong = [
        format!("{good}extension\n"),
        format!("{good}\n"),
        good.trim_end().to_owned(),
        good.replace("\n0\n", "\n00\n"),
        good.replace("\n0\n", "\n+0\n"),
        good.replace("\n0\n", "\n-1\n"),
        good.replace("\n0\n", "\n18446744073709551616\n"),
        good.replace(ORIGIN, ""),
        good.replace(ORIGIN, "two words"),
        good.replace("47DE", "47D"),
    ];
    for text in wrong {
        assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
    }
}

#[test]
fn a_verifier_key_has_one_spelling() {
    let key = log_key().verifier_key(ORIGIN, KeyKind::Log).unwrap();
    let text = key.to_string();
    assert_eq!(text.parse::<VerifierKey>().unwrap(), key);
    for bit in 0..text.len() * 8 {
        let mut flipped = text.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(flipped) = String::from_utf8(flipped) {
            assert!(flipped.parse::<VerifierKey>().is_err(), "{flipped:?}");
        }
    }
    assert!("".parse::<VerifierKey>().is_err());
    // The neutral element: a "key" for which anybody can sign.
    let mut weak = [0; 32];
    weak[0] = 1;
    assert!(VerifierKey::new(ORIGIN, KeyKind::Log, &weak).is_err());
    assert!(VerifierKey::new("a+b", KeyKind::Log, key.public()).is_err());
}

#[test]
fn a_key_file_comes_back_and_is_never_shown() {
    let key = SigningKey::from_seed(&[42; 32]);
    let pem = key.to_pem();
    for text in [pem.to_string(), pem.replace('\n', "\r\n"), pem.trim_end().to_owned()] {
        assert_eq!(SigningKey::from_pem(&text).unwrap().sign(b"m"), key.sign(b"m"));
    }
    assert_eq!(format!("{key:?}"), "SigningKey(..)");
    let body = pem.lines().nth(1).unwrap();
    for wrong in ["", "MC4CAQA=", &body[1..], &body.replacen("MC4C", "MC4D", 1)] {
        let error = SigningKey::from_pem(&pem.replace(body, wrong)).unwrap_err();
        assert_eq!(error.code, "key-unreadable");
        assert!(body.len() < 10 || !error.to_string().contains(&body[30..]));
    }
}

/// Runs `openssl` with the given input; `None`, and a loud word, when it is absent.
fn openssl(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    use std::io::Write;
    let command = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = command else {
        eprintln!("SKIPPED: openssl is absent, so keys were not checked against it");
        return None;
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    Some(output.stdout)
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() {
    let key = SigningKey::from_seed(&[42; 32]);
    let Some(der) = openssl(&["pkey", "-pubout", "-outform", "DER"], key.to_pem().as_bytes())
    else {
        return;
    };
    let public = key.verifier_key(ORIGIN, KeyKind::Log).unwrap();
    assert!(der.ends_with(public.public()), "openssl derives the same public key");
    let rewritten = openssl(&["pkey"], key.to_pem().as_bytes()).unwrap();
    assert_eq!(rewritten, key.to_pem().as_bytes(), "openssl writes the same file");
    let made = openssl(&["genpkey", "-algorithm", "ed25519"], &[]).unwrap();
    let made = String::from_utf8(made).unwrap();
    assert_eq!(*SigningKey::from_pem(&made).unwrap().to_pem(), made);

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let note = log_key().sign_checkpoint(&checkpoint_of(&make_log(3, None))).unwrap();
    let (key, text) = (file("key", log_key().to_pem().as_bytes()), file("t", note.text.as_bytes()));
    let signature = file("signature", &note.signatures[0].signature);
    let verify =
        ["pkeyutl", "-verify", "-rawin", "-inkey", &key, "-in", &text, "-sigfile", &signature];
    openssl(&verify, &[]).unwrap();
}

#[test]
fn a_receipt_proves_its_entry_and_no_other() {
    let leaves = make_log(11, None);
    let levels = Levels::new(leaves.iter().map(|leaf| leaf_hash(leaf)).collect());
    let mut note = log_key().sign_checkpoint(&checkpoint_of(&leaves)).unwrap();
    cosign(&mut note, 1_795_000_000);
    for (index, leaf) in leaves.iter().enumerate() {
        let path = inclusion(index as u64, 11, |level, i| levels.hash(level, i)).unwrap();
        let extra = (index > 0).then(|| vec![7; index]);
        let proof = ProofText { extra, index: index as u64, path, checkpoint: note.clone() };
        let read = ProofText::parse(proof.to_text().as_bytes()).unwrap();
        assert_eq!(read, proof);
        assert_eq!(read.verify(leaf, &trust()).unwrap().witnessed.len(), 1);
        assert!(read.verify(&leaves[(index + 1) % 11], &trust()).is_err());
        let mut elsewhere = trust();
        elsewhere.origin = "cdp.example/other".into();
        assert_eq!(read.verify(leaf, &elsewhere).unwrap_err().code, "origin-differs");
    }
}

#[test]
fn malformed_receipts_are_refused() {
    let leaves = make_log(1, None);
    let checkpoint = log_key().sign_checkpoint(&checkpoint_of(&leaves)).unwrap();
    let proof = ProofText { extra: Some(vec![1]), index: 0, path: vec![], checkpoint };
    let good = proof.to_text();
    assert!(ProofText::parse(good.as_bytes()).is_ok());
    let wrong = [
        good.replace("@v1", "@v2"),
        good.replace("extra AQ==", "extra AR=="),
        good.replace("extra AQ==", "extra "),
        good.replace("extra AQ==\n", "extra AQ==\nextra AQ==\n"),
        good.replace("index 0", "index 00"),
        good.replace("index 0\n", ""),
        good.replace("index 0\n", "index 0\nAQ==\n"),
        good.replace("index 0\n", "index 0\n\n"),
        good.replace("index 0\n", &format!("index 0\n{}", format!("{EMPTY_ROOT}\n").repeat(65))),
        good.trim_end().to_owned(),
    ];
    for text in wrong {
        assert!(ProofText::parse(text.as_bytes()).is_err(), "{text:?}");
    }
}
