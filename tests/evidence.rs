//! What leaves candor carries its proof: each artefact is accepted as it is, by whoever holds the public
//! key only, and by nobody once a byte of it was changed.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use candor::anchor::serve::Witness;
use candor::anchor::{Answer, State, witness};
use candor::consent::desk::Spoken;
use candor::evidence::check::{Checked, check};
use candor::evidence::{self, Disclose, End, Issued, Opening, Selection};
use candor::ledger::carrier::Carrier;
use candor::ledger::checkpoint::Trust;
use candor::ledger::commit::ItemKind;
use candor::ledger::evidence::Evidence;
use candor::ledger::hash::leaf_hash;
use candor::ledger::key::SigningKey;
use candor::ledger::key_chain::Reason;
use candor::ledger::tree::root_of;
use candor::ledger::vkey::{KeyKind, VerifierKey};
use candor::policy::types::ConsentState;
use candor::store::NewKey;
use candor::subject::access::answer::{Form as AnswerForm, answer};
use candor::subject::{certificate, erase, receipt};
use candor::verify::latest_checkpoint;
use common::{World, hour};
use proptest::prelude::*;

/// A brand's store after a while, and everything that it handed out.
struct Handed {
    world: World,
    key: VerifierKey,
    /// Each artefact's file by its kind.
    files: BTreeMap<&'static str, PathBuf>,
    /// The folders of answers.
    folders: Vec<PathBuf>,
}

fn handed() -> Handed {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,phone,card,optin,notice\n\
        cust-1,2026-01-04,Ann,ann@x.example,0861234567,CARD-1,yes,letter-form@1\n\
        cust-2,2026-01-04,Bob,bob@x.example,,CARD-2,yes,letter-form@1\n\
        cust-3,2026-01-04,Cleo,cleo@x.example,,CARD-3,no,\n";
    world.import("shop", shop, hour(1));
    let till = "basket,at,looked_at,card,cents,what\n\
        b-1,2026-01-04,,CARD-1,1999,The Third Policeman\n\
        b-2,2026-01-04,,CARD-1,999,At Swim-Two-Birds\n\
        b-3,2026-01-04,,CARD-3,500,The Poor Mouth\n";
    world.import("till", till, hour(2));
    let early = latest_checkpoint(&world.path()).unwrap().unwrap();
    let ann = world.subject("email:ann@x.example").unwrap();
    let bob = world.subject("email:bob@x.example").unwrap();
    let folder = world.folder.path().to_owned();
    let mut files = BTreeMap::new();
    let mut put = |kind: &'static str, name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        files.insert(kind, folder.join(name));
    };
    let (store, rules) = (&mut world.store, &world.rules);
    for (kind, name, form) in [
        ("receipt (DPV)", "receipt.jsonld", receipt::Form::Dpv),
        ("receipt (Kantara)", "receipt.json", receipt::Form::Kantara),
    ] {
        put(kind, name, &receipt::issue(store, rules, ann, "newsletter", form, hour(3)).unwrap());
    }
    let (everything, portable) = (folder.join("answer"), folder.join("portable"));
    answer(store, rules, ann, AnswerForm::Everything, &everything, hour(4)).unwrap();
    answer(store, rules, ann, AnswerForm::Portable, &portable, hour(4)).unwrap();
    let certificate = erase::erase(store, rules, bob, hour(5)).unwrap();
    let text = certificate::issue_certificate(
        store,
        &certificate,
        certificate::CertificateForm::Json,
        hour(5),
    )
    .unwrap();
    put("certificate", "certificate.json", &text);
    let form = certificate::CertificateForm::Page;
    let page = certificate::issue_certificate(store, &certificate, form, hour(5)).unwrap();
    put("certificate page", "certificate.html", &page);
    for (kind, name, carrier, text) in [
        ("report (JSON)", "report.json", Carrier::Json, "{\n  \"rows\": []\n}\n"),
        ("report (page)", "report.html", Carrier::Page, "<!doctype html>\n<p>none</p>\n"),
        ("report (text)", "report.txt", Carrier::Text, "What happened\n\nnothing\n"),
    ] {
        let text = evidence::issue(store, &report(), carrier, text, hour(6)).unwrap();
        put(kind, name, &text);
    }
    let table = "entry,what\r\n1,nothing\r\n";
    let proof = evidence::issue_content(store, &report(), table.as_bytes(), hour(6)).unwrap();
    put("report (CSV)", "report.csv", table);
    put("report (CSV), its proof", "report.csv.proof.json", &proof.to_file());
    let conn = store.conn();
    let entry = evidence::entry(conn, 2, Opening::Opened).unwrap();
    put("entry", "entry.tlog-proof", &entry.to_proof_text().unwrap());
    put("entry (JSON)", "entry.json", &entry.to_file());
    let value = evidence::item(conn, ItemKind::Value, 1).unwrap();
    put("value", "value.tlog-proof", &value.to_proof_text().unwrap());
    let event = evidence::item(conn, ItemKind::Event, 2).unwrap();
    put("event (JSON)", "event.json", &event.to_file());
    let latest = End::Size(evidence::latest_size(conn).unwrap());
    let (_, growth) = evidence::growth(conn, &End::Note(early), &latest).unwrap();
    put("growth (JSON)", "growth.json", &growth.to_file());
    put("checkpoint", "checkpoint", &latest_checkpoint(&folder.join("t.candor")).unwrap().unwrap());
    let key = world.store.signer().unwrap().vkey().parse().unwrap();
    Handed { world, key, files, folders: vec![everything, portable] }
}

fn report() -> Issued<'static> {
    Issued {
        kind: "report.issue",
        body: serde_json::Map::from_iter([("report".to_owned(), "timeline".into())]),
        about: None,
        behind: Vec::new(),
    }
}

impl Handed {
    fn check(&self, path: &Path) -> Checked {
        check(path, &Trust::in_log(self.key.clone()), None).unwrap()
    }

    /// Whether the artefact is taken with these bytes in place of its own.
    fn takes(&self, path: &Path, bytes: &[u8]) -> bool {
        let own = std::fs::read(path).unwrap();
        std::fs::write(path, bytes).unwrap();
        let outcome = check(path, &Trust::in_log(self.key.clone()), None);
        std::fs::write(path, own).unwrap();
        outcome.is_ok_and(|checked| checked.holds)
    }
}

#[test]
fn every_artefact_is_accepted_with_the_public_key_alone() {
    let handed = handed();
    for (kind, path) in &handed.files {
        let checked = handed.check(path);
        assert!(checked.holds, "{kind}: {:?}", checked.broken);
        assert!(!checked.proven.is_empty() && !checked.not_proven.is_empty(), "{kind}");
    }
    for folder in &handed.folders {
        let checked = handed.check(folder);
        assert!(checked.holds, "{}: {:?}", folder.display(), checked.broken);
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let checked = handed.check(&path);
            assert!(checked.holds, "{}: {:?}", path.display(), checked.broken);
        }
    }
    let told = handed.check(&handed.files["receipt (DPV)"]).proven.join("\n");
    assert!(told.contains("given for newsletter") && told.contains("letter-form@1"), "{told}");
    let told = handed.check(&handed.files["event (JSON)"]).proven.join("\n");
    assert!(told.contains("At Swim-Two-Birds"), "{told}");
    assert!(handed.world.verify(&[]).holds());
}

/// One bit of every byte, for short artefacts; an even share of the bytes of long ones.
#[test]
fn no_artefact_is_accepted_with_a_bit_flipped() {
    const FLIPS: usize = 300;
    let handed = handed();
    let mut paths: Vec<PathBuf> = handed.files.values().cloned().collect();
    for folder in &handed.folders {
        paths.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    let mut flips = 0;
    for path in &paths {
        let own = std::fs::read(path).unwrap();
        for at in (0..own.len()).step_by(own.len() / FLIPS + 1) {
            let mut changed = own.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(!handed.takes(path, &changed), "{}, byte {at}", path.display());
            flips += 1;
        }
        // Cut off, or with something after it.
        for length in [0, 1, own.len() / 2, own.len() - 1] {
            assert!(!handed.takes(path, &own[..length]), "{}, cut", path.display());
        }
        for more in [&b"\n"[..], b" ", b"\n}\n"] {
            // Mail may end a checkpoint with one more line.
            let name = path.file_name().unwrap().to_string_lossy();
            if more == b"\n" && name.starts_with("checkpoint") {
                continue;
            }
            assert!(!handed.takes(path, &[&own, more].concat()), "{}, longer", path.display());
        }
    }
    assert!(flips > 5_000, "{flips}");
}

/// The same evidence in another shape would leave room for what nobody signed.
#[test]
fn evidence_is_taken_in_its_one_shape_only() {
    let handed = handed();
    for kind in ["report (page)", "report (text)"] {
        let path = &handed.files[kind];
        let own = std::fs::read_to_string(path).unwrap();
        let mark = own.find("candor proof").or(own.find("CANDOR PROOF")).unwrap();
        let (content, proof) = own.split_at(mark);
        let mut lines: Vec<&str> = proof.lines().collect();
        let joined = [lines[1], lines[2]].concat();
        lines.splice(1..3, [joined.as_str()]);
        let other = format!("{content}{}\n", lines.join("\n"));
        assert!(!handed.takes(path, other.as_bytes()), "{kind}, wrapped otherwise");
    }
    let path = &handed.files["entry (JSON)"];
    let own: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let reordered = serde_json::to_string_pretty(&own).unwrap();
    assert!(!handed.takes(path, reordered.as_bytes()), "without the last newline");
    let mut more = own.clone();
    more["more"] = "than was signed".into();
    let more = format!("{}\n", serde_json::to_string_pretty(&more).unwrap());
    assert!(!handed.takes(path, more.as_bytes()), "with another member");
}

#[test]
fn what_the_reader_trusts_comes_from_the_reader() {
    let handed = handed();
    let other = SigningKey::from_seed(&[7; 32]);
    let named = |kind| other.verifier_key(handed.key.name(), kind).unwrap();
    for (kind, path) in &handed.files {
        let foreign = check(path, &Trust::in_log(named(KeyKind::Log)), None).unwrap();
        assert!(!foreign.holds, "{kind} under another key");
        let mut trust = Trust::in_log(handed.key.clone());
        trust.origin = "elsewhere.example/log".to_owned();
        assert!(!check(path, &trust, None).unwrap().holds, "{kind} under another name");
        let mut trust = Trust::in_log(handed.key.clone());
        trust.witness_keys.push(named(KeyKind::Witness));
        let silent = check(path, &trust, None).unwrap();
        let code = silent.broken.map(|(code, ..)| code);
        assert_eq!((silent.holds, code), (false, Some("witness-missing")), "{kind}");
    }
}

#[test]
fn evidence_fits_its_own_document_only() {
    let handed = handed();
    let read = |kind: &str| std::fs::read_to_string(&handed.files[kind]).unwrap();
    let parts = |kind: &str| {
        let document = read(kind);
        let carried = candor::ledger::carrier::detach(document.as_bytes()).unwrap().unwrap();
        (String::from_utf8(carried.content.to_vec()).unwrap(), carried.evidence)
    };
    let (certificate, own) = parts("certificate");
    let (receipt, of_receipt) = parts("receipt (DPV)");
    let path = &handed.files["certificate"];
    let takes = |content: &str, evidence: &Evidence| {
        handed.takes(path, Carrier::Json.attach(content, evidence).as_bytes())
    };
    assert!(takes(&certificate, &own));
    assert!(takes(&receipt, &of_receipt));
    assert!(!takes(&certificate, &of_receipt), "evidence of another document");
    assert!(!takes(&receipt, &own), "evidence of another document");
    let without = Evidence { entries: own.entries[..1].to_vec(), ..own.clone() };
    assert!(!takes(&certificate, &without), "without the erasure's entry");
    let turned = Evidence { entries: own.entries.iter().rev().cloned().collect(), ..own.clone() };
    assert!(!takes(&certificate, &turned), "the erasure's entry hands nothing out");
    let older = Evidence { checkpoint: of_receipt.checkpoint.clone(), ..own.clone() };
    assert!(!takes(&certificate, &older), "a checkpoint from before the certificate");
    let sealed = {
        let mut evidence = of_receipt.clone();
        evidence.entries[1].opened = None;
        evidence
    };
    assert!(!takes(&receipt, &sealed), "the consent isn't opened");
    let bare = Evidence { document_salt: None, ..own.clone() };
    assert!(!takes(&certificate, &bare), "not tied to the document");
}

/// Whoever has the key can issue a lie, but not one that contradicts the entries behind it.
#[test]
fn a_receipt_that_says_other_than_its_consent_is_refused() {
    let mut handed = handed();
    let path = handed.files["receipt (DPV)"].clone();
    let document = std::fs::read_to_string(&path).unwrap();
    let carried = candor::ledger::carrier::detach(document.as_bytes()).unwrap().unwrap();
    let entry = carried.evidence.entries[1].leaf.clone();
    let entry = candor::ledger::scan::fields(entry.as_bytes()).unwrap().number;
    let content = String::from_utf8(carried.content.to_vec()).unwrap();
    for (from, to) in [
        ("dpv:ConsentGiven", "dpv:ConsentWithdrawn"),
        ("letter-form@1", "letter-form@2"),
        ("2026-01-0", "2025-01-0"),
    ] {
        let lie = content.replace(from, to);
        assert_ne!(lie, content, "{from}");
        let issued = Issued {
            kind: "receipt.issue",
            behind: vec![(i64::try_from(entry).unwrap(), Opening::Opened)],
            ..report()
        };
        let proof =
            evidence::issue_content(&mut handed.world.store, &issued, lie.as_bytes(), hour(9));
        std::fs::write(&path, Carrier::Json.attach(&lie, &proof.unwrap())).unwrap();
        let code = handed.check(&path).broken.map(|(code, ..)| code);
        assert_eq!(code, Some("document-disagrees"), "{from}");
    }
}

#[test]
fn a_folder_is_whole_and_holds_nothing_else() {
    let handed = handed();
    let folder = &handed.folders[0];
    let code = || handed.check(folder).broken.map(|(code, ..)| code);
    std::fs::write(folder.join("more.html"), "<p>and more").unwrap();
    assert_eq!(code(), Some("file-unlisted"));
    assert!(!handed.check(&folder.join("more.html")).holds);
    std::fs::remove_file(folder.join("more.html")).unwrap();
    std::fs::remove_file(folder.join("access.html")).unwrap();
    assert_eq!(code(), Some("file-changed"));
}

#[test]
fn what_is_erased_or_unknown_is_not_proven() {
    let mut handed = handed();
    let cleo = handed.world.subject("email:cleo@x.example").unwrap();
    let conn = handed.world.store.conn();
    let values = common::numbers(conn, "SELECT seq FROM value ORDER BY seq");
    let mine = common::numbers(
        conn,
        &format!(
            "SELECT v.seq FROM value v JOIN record r ON r.id = v.record WHERE r.subject = {cleo}"
        ),
    );
    for seq in &values {
        let erased =
            common::numbers(conn, "SELECT seq FROM tombstone WHERE item = 1").contains(seq);
        assert_eq!(evidence::item(conn, ItemKind::Value, *seq).is_err(), erased, "value {seq}");
    }
    handed.world.erase("email:cleo@x.example", hour(10));
    let conn = handed.world.store.conn();
    let code = |seq| evidence::item(conn, ItemKind::Value, seq).unwrap_err().code;
    assert!(mine.iter().all(|seq| code(*seq) == "item-erased"));
    assert_eq!(code(9_999), "item-unknown");
    // Others of the same batch are still proven, by what the erased ones left.
    assert!(evidence::item(conn, ItemKind::Value, values[0]).is_ok());
    assert_eq!(evidence::entry(conn, 9_999, Opening::Sealed).unwrap_err().code, "entry-unknown");
    let size = End::Size(1_000_000);
    assert_eq!(
        evidence::growth(conn, &End::Size(1), &size).unwrap_err().code,
        "checkpoint-unknown"
    );
}

/// Where a witness signed a checkpoint that covers an entry, that one is handed out.
#[test]
fn a_witness_that_vouched_is_heard() {
    let mut handed = handed();
    let folder = handed.world.folder.path().to_owned();
    drop(State::create(&folder.join("w.json"), "witness.example/w1").unwrap());
    let state = State::open(&folder.join("w.json")).unwrap();
    let signs = SigningKey::from_seed(&[9; 32]);
    let witness = Witness::new(state, signs, vec![handed.key.clone()]).unwrap();
    let store = &mut handed.world.store;
    let wkey = witness.vkey().clone();
    witness::add(store, hour(7), &wkey.to_string(), "http://witness.example/").unwrap();
    let post = |_: &str, _: &str, body: &[u8]| {
        let reply = witness.add_checkpoint(body, hour(7));
        Ok(Answer { status: reply.status, body: reply.body.into_bytes() })
    };
    witness::ask(store, hour(7), &post).unwrap();
    let mut trust = Trust::in_log(handed.key.clone());
    trust.witness_keys.push(wkey.clone());
    let conn = handed.world.store.conn();
    let path = folder.join("witnessed.json");
    std::fs::write(&path, evidence::entry(conn, 2, Opening::Sealed).unwrap().to_file()).unwrap();
    let checked = check(&path, &trust, None).unwrap();
    assert!(checked.holds, "{:?}", checked.broken);
    assert_eq!(checked.witnessed, [("witness.example/w1".to_owned(), hour(7).to_string())]);
    // The entry that tells of the signature comes after it, so no witness covers it yet.
    let last = i64::try_from(evidence::latest_size(conn).unwrap()).unwrap() - 1;
    std::fs::write(&path, evidence::entry(conn, last, Opening::Sealed).unwrap().to_file()).unwrap();
    let code = check(&path, &trust, None).unwrap().broken.map(|(code, ..)| code);
    assert_eq!(code, Some("witness-missing"));

    let bundle = folder.join("witnessed");
    evidence::bundle(conn, everything(), &bundle).unwrap();
    let Some(python) = python() else { return };
    let named = wkey.to_string();
    let (ok, said) = verifier(&python, &bundle, &handed.key, &["--witness", &named]);
    assert!(ok && said.contains("by witness.example/w1, at"), "{said}");
    // A witness that signed nothing of it is not passed over, and nor is a line that says nothing.
    let silent = SigningKey::from_seed(&[8; 32]);
    let silent = silent.verifier_key("witness.example/w2", KeyKind::Witness).unwrap().to_string();
    let (ok, said) = verifier(&python, &bundle, &handed.key, &["--witness", &silent]);
    assert!(!ok && said.contains("WITNESS: the witness witness.example/w2"), "{said}");
    for file in std::fs::read_dir(bundle.join("checkpoints")).unwrap() {
        let path = file.unwrap().path();
        let note = std::fs::read_to_string(&path).unwrap();
        let Some((above, _)) = note.split_once("\u{2014} witness.example/w1 ") else { continue };
        let spoilt = format!("{above}\u{2014} witness.example/w1 AAAAAAAA\n");
        std::fs::write(&path, spoilt).unwrap();
    }
    let (ok, said) = verifier(&python, &bundle, &handed.key, &["--witness", &named]);
    assert!(!ok && said.contains("ANCHOR: entry"), "{said}");
}

// Bundles -----------------------------------------------------------------------------------------

fn everything() -> Selection {
    Selection { from: 0, to: u64::MAX, disclose: Disclose::Everything }
}

/// The entries of a bundle by their number, read as the specification says.
fn entries(folder: &Path, size: u64) -> BTreeMap<u64, Vec<u8>> {
    let mut entries = BTreeMap::new();
    for tile in 0..size.div_ceil(256) {
        let width = (size - tile * 256).min(256);
        let name = if width < 256 { format!("{tile:03}.p/{width}") } else { format!("{tile:03}") };
        let hashes = std::fs::read(folder.join("tile/0").join(&name)).unwrap();
        assert_eq!(hashes.len() as u64, 32 * width);
        let Ok(bundle) = std::fs::read(folder.join("tile/entries").join(&name)) else { continue };
        let (mut rest, mut n) = (bundle.as_slice(), tile * 256);
        while let Some((length, after)) = rest.split_first_chunk() {
            let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            let at = usize::try_from(n - tile * 256).unwrap() * 32;
            assert_eq!(leaf_hash(entry).0, hashes[at..at + 32]);
            entries.insert(n, entry.to_vec());
            (rest, n) = (after, n + 1);
        }
    }
    entries
}

fn payloads(folder: &Path) -> Vec<(u64, String)> {
    let text = std::fs::read_to_string(folder.join("payloads.jsonl")).unwrap();
    let lines = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = candor::ledger::base64::decode(line["payload"].as_str().unwrap()).unwrap();
        (line["n"].as_u64().unwrap(), String::from_utf8(bytes).unwrap())
    });
    lines.collect()
}

#[test]
fn a_bundle_discloses_what_was_asked_for_and_counts_the_rest() {
    let handed = handed();
    let conn = handed.world.store.conn();
    let folder = |name: &str| handed.world.folder.path().join(name);
    let ann = handed.world.subject("email:ann@x.example").unwrap();
    let all = evidence::bundle(conn, everything(), &folder("all")).unwrap();
    assert_eq!((all.entries_left_out, all.payloads_left_out), (0, 0));
    assert!(all.payloads_gone > 0, "somebody was erased");
    assert_eq!(all.payloads + all.payloads_gone, all.commitments);
    let leaves = entries(&folder("all"), all.size);
    let root = root_of(leaves.values().map(|leaf| leaf_hash(leaf)));
    let note = std::fs::read(folder("all").join("checkpoint")).unwrap();
    let trust = Trust::in_log(handed.key.clone());
    let signed = trust.read(&note, candor::ledger::note::UnknownKeys::Refuse).unwrap();
    assert_eq!((signed.checkpoint.size, signed.checkpoint.root), (leaves.len() as u64, root));

    let one = Selection { disclose: Disclose::Subject(ann), ..everything() };
    let one = evidence::bundle(conn, one, &folder("one")).unwrap();
    assert_eq!(one.payloads + one.payloads_left_out, all.payloads);
    let records =
        format!("SELECT n FROM payload JOIN record r ON r.id = record WHERE r.subject = {ann}");
    let hers: Vec<u64> =
        common::numbers(conn, &records).into_iter().map(|n| u64::try_from(n).unwrap()).collect();
    let given: Vec<u64> = payloads(&folder("one")).into_iter().map(|(n, _)| n).collect();
    assert_eq!(given, hers);

    let nobody = Selection { disclose: Disclose::Pseudonymous, ..everything() };
    let nobody = evidence::bundle(conn, nobody, &folder("nobody")).unwrap();
    assert_eq!(nobody.payloads + nobody.payloads_left_out, all.payloads);
    assert!(nobody.payloads > 0 && nobody.payloads_left_out > 0);
    for (_, payload) in payloads(&folder("nobody")) {
        let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
        assert!(payload["axis"].is_number(), "{payload}");
    }
}

#[test]
fn a_range_leaves_hashes_where_it_leaves_entries_out() {
    let mut handed = handed();
    for i in 0..300 {
        let state = if i % 2 == 0 { ConsentState::Withdrawn } else { ConsentState::Given };
        let spoken = Spoken {
            purpose: Some("newsletter"),
            state,
            notice: Some("letter-form@2"),
            evidence: Some("told by her brother Donal"),
            ..Spoken::default()
        };
        handed.world.say("email:ann@x.example", &spoken, hour(20));
    }
    let conn = handed.world.store.conn();
    let folder = handed.world.folder.path().join("range");
    let selection = Selection { from: 300, to: 310, disclose: Disclose::Pseudonymous };
    let bundled = evidence::bundle(conn, selection, &folder).unwrap();
    assert_eq!(bundled.entries_left_out, 256);
    assert_eq!(bundled.verify_with, "--partial");
    let given = entries(&folder, bundled.size);
    assert_eq!(given.keys().copied().collect::<Vec<_>>(), (256..bundled.size).collect::<Vec<_>>());
    assert!(payloads(&folder).is_empty(), "what the desk wrote may name somebody");
    let empty = Selection { from: bundled.size, ..selection };
    let error = evidence::bundle(conn, empty, &handed.world.folder.path().join("no")).unwrap_err();
    assert_eq!(error.code, "range-empty");
    assert!(!handed.world.folder.path().join("no.part").exists(), "nothing is left of a failure");
    let again = evidence::bundle(conn, selection, &folder).unwrap_err();
    assert_eq!(again.code, "folder-not-empty");
    let Some(python) = python() else { return };
    let (ok, said) = verifier(&python, &folder, &handed.key, &["--partial"]);
    assert!(ok, "{said}");
    assert!(said.contains("256 by their hashes only"), "{said}");
    assert!(!verifier(&python, &folder, &handed.key, &[]).0, "what is left out is not hidden");
}

/// What is left out is named, and a bundle says for what it is complete: there a missing line is a finding.
/// What the bundle doesn't say the auditor can demand.
#[test]
fn a_bundle_says_what_it_leaves_out_and_what_it_is_complete_for() {
    let Some(python) = python() else { return };
    let mut handed = handed();
    let say = |handed: &mut Handed, hour_of: i64| {
        for state in [ConsentState::Withdrawn, ConsentState::Given].into_iter().cycle().take(300) {
            let notice = Some("letter-form@2");
            let spoken = Spoken { purpose: Some("newsletter"), state, notice, ..Spoken::default() };
            handed.world.say("email:ann@x.example", &spoken, hour(hour_of));
        }
    };
    say(&mut handed, 20);
    let folder = |handed: &Handed, name: &str| handed.world.folder.path().join(name);
    let selection = Selection { from: 300, to: 310, disclose: Disclose::Everything };
    let living = folder(&handed, "living");
    evidence::bundle(handed.world.store.conn(), selection, &living).unwrap();
    let look = |folder: &Path, more: &[&str]| {
        verifier(&python, folder, &handed.key, &[&["--partial"], more].concat())
    };
    let (ok, said) = look(&living, &[]);
    assert!(ok, "{said}");
    assert!(said.contains("left out     entries 0-255; payloads of entries 2"), "{said}");
    assert!(said.contains("every payload of the entries 300 to 309 is here"), "{said}");
    let howto = std::fs::read_to_string(living.join("HOWTO.txt")).unwrap();
    assert!(
        howto.contains("as hashes only (0-255)") && howto.contains("from entry 300 to entry 309")
    );
    assert!(look(&living, &["--complete", "302-305"]).0);
    for (demand, missing) in [("256-299", "payload of entry 2"), ("0-300", "hashes only: 0-255")] {
        let (ok, said) = look(&living, &["--complete", demand]);
        assert!(!ok && said.contains("MISSING") && said.contains(missing), "{said}");
    }

    let lines = std::fs::read_to_string(living.join("payloads.jsonl")).unwrap();
    let fewer: Vec<&str> = lines.lines().filter(|line| !line.contains("\"n\":305,")).collect();
    assert_eq!(fewer.len() + 1, lines.lines().count());
    std::fs::write(living.join("payloads.jsonl"), fewer.join("\n") + "\n").unwrap();
    let (ok, said) = look(&living, &[]);
    assert!(!ok && said.contains("MISSING: the payload of entry 305"), "{said}");
    std::fs::remove_file(living.join("bundle.json")).unwrap();
    let (ok, said) = look(&living, &[]);
    assert!(ok && said.contains(", 305,") && !said.contains("complete "), "{said}");
    assert!(!look(&living, &["--complete", "300-309"]).0);

    // Whoever erased it since is shown, also where only the hashes of that time are given.
    say(&mut handed, 21);
    let erased = handed.world.erase("email:ann@x.example", hour(22));
    let gone = folder(&handed, "gone");
    let conn = handed.world.store.conn();
    let selection = Selection { to: 310, ..selection };
    evidence::bundle(conn, selection, &gone).unwrap();
    let (ok, said) = verifier(&python, &gone, &handed.key, &["--partial", "--list"]);
    assert!(ok, "{said}");
    let by = format!("erased       the payload of entry 305, by entry {}", erased.entry);
    assert!(said.contains(&by), "{said}");
    std::fs::write(gone.join("erasures.jsonl"), "{}\n").unwrap();
    let (ok, said) = verifier(&python, &gone, &handed.key, &["--partial"]);
    assert!(!ok && said.contains("ENTRY") && said.contains("MISSING"), "{said}");
    let nowhere = folder(&handed, "no-such-folder").join("bundle");
    let error = evidence::bundle(conn, selection, &nowhere).unwrap_err();
    assert_eq!(error.code, "folder-missing");
}

/// Mail and QR readers end lines in their own way. What was signed is what counts.
#[test]
fn a_checkpoint_is_read_with_the_line_ends_that_mail_gives_it() {
    let handed = handed();
    let path = &handed.files["checkpoint"];
    let note = std::fs::read_to_string(path).unwrap();
    let crlf = note.replace('\n', "\r\n");
    for text in [&crlf, &format!("{note}\n"), &format!("{crlf}\r\n")] {
        assert!(handed.takes(path, text.as_bytes()), "{text:?}");
        let mailed = handed.world.folder.path().join("mailed");
        std::fs::write(&mailed, text).unwrap();
        let kept = candor::evidence::check::checkpoint_in(&mailed).unwrap();
        assert_eq!(String::from_utf8(kept).unwrap(), note, "{text:?}");
    }
    let (more, cut) = (note.replacen('\n', "\r\n\r\n", 1), note.trim_end().to_owned());
    for text in [more, cut, note.replacen('\n', " \n", 1), note.replace('\n', "\r")] {
        assert!(!handed.takes(path, text.as_bytes()), "{text:?}");
    }
}

/// The entries that name keys are given in each range, so one key leads through it as through the whole.
#[test]
fn a_range_is_checked_with_any_key_from_which_the_way_on_is_not_cut() {
    let Some(python) = python() else { return };
    let mut handed = handed();
    let mut keys = vec![handed.key.clone()];
    let mut grow = |handed: &mut Handed, reason| {
        handed.world.store.rotate(hour(20), reason, &NewKey::Open).unwrap();
        keys.push(handed.world.store.signer().unwrap().vkey().parse().unwrap());
        for _ in 0..300 {
            let body = serde_json::json!({});
            handed.world.store.write(hour(20), |writer| writer.append("backup", body)).unwrap();
        }
        keys.clone()
    };
    for reason in [Reason::Routine, Reason::Stolen] {
        let keys = grow(&mut handed, reason);
        let conn = handed.world.store.conn();
        for (name, from, to) in [("early", 0, 10), ("middle", 300, 310), ("late", 600, u64::MAX)] {
            let folder = handed.world.folder.path().join(format!("{name}-{}", keys.len()));
            let selection = Selection { from, to, disclose: Disclose::Pseudonymous };
            let Ok(bundled) = evidence::bundle(conn, selection, &folder) else { continue };
            assert!(bundled.entries_left_out > 0);
            for (n, key) in keys.iter().enumerate() {
                let leads = reason == Reason::Routine || n + 1 == keys.len();
                let (ok, said) = verifier(&python, &folder, key, &["--partial"]);
                assert_eq!(ok, leads, "{name}, key {n}: {said}");
                assert!(leads || said.contains("the key that you named was stolen"), "{said}");
            }
            // Without these entries no key counts but those that are named.
            std::fs::remove_file(folder.join("keys.jsonl")).unwrap();
            let (newest, older) = keys.split_last().unwrap();
            let (ok, said) = verifier(&python, &folder, &older[0], &["--partial"]);
            assert!(!ok && said.contains("name each key of its time"), "{said}");
            let mut more = vec!["--partial".to_owned()];
            more.extend(older.iter().flat_map(|key| ["--key".to_owned(), key.to_string()]));
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            let (ok, said) = verifier(&python, &folder, newest, &more);
            assert!(ok, "{said}");
        }
    }
}

/// Bundles that were made without the log's key; which ones stands in `ATTACKS.md`.
#[test]
fn the_verifier_in_python_refuses_what_nobody_with_the_key_made() {
    let Some(python) = python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/forge_bundles.py");
    let output = Command::new(&python).arg(script).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let table = format!("| attack | finding |\n| --- | --- |\n{said}");
    let page = include_str!("../src/verify/ATTACKS.md");
    assert!(page.contains(&table), "the table has to be:\n{table}");
}

/// A Python with `cryptography`, where this machine has one.
fn python() -> Option<PathBuf> {
    let found = Command::new("python3").args(["-c", "import cryptography"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some("python3".into());
    }
    eprintln!(
        "SKIPPED: no python3 with `cryptography` here, so the bundle's own verifier isn't run"
    );
    None
}

fn verifier(python: &Path, folder: &Path, key: &VerifierKey, more: &[&str]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/evidence/verify_bundle.py");
    let key = key.to_string();
    let output = Command::new(python)
        .arg(script)
        .arg(folder)
        .args(["--key", &key])
        .args(more)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_verifier_in_python_accepts_whole_bundles_and_refuses_tampered_ones() {
    let Some(python) = python() else { return };
    let handed = handed();
    let folder = handed.world.folder.path().join("bundle");
    evidence::bundle(handed.world.store.conn(), everything(), &folder).unwrap();
    let (ok, said) = verifier(&python, &folder, &handed.key, &[]);
    assert!(ok, "{said}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/refuse_bundles.py");
    let output =
        Command::new(&python).arg(script).arg(&folder).arg(handed.key.to_string()).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// One key leads through a rotation, forwards and backwards; a stolen one leads nowhere.
#[test]
fn the_verifier_in_python_follows_the_keys() {
    let Some(python) = python() else { return };
    let mut handed = handed();
    let folder = |handed: &Handed, name: &str| handed.world.folder.path().join(name);
    let mut keys = vec![handed.key.clone()];
    for (reason, at) in [(Reason::Routine, 20), (Reason::Stolen, 21)] {
        handed.world.store.rotate(hour(at), reason, &NewKey::Open).unwrap();
        keys.push(handed.world.store.signer().unwrap().vkey().parse().unwrap());
        let store = &mut handed.world.store;
        store.write(hour(at), |writer| writer.append("backup", serde_json::json!({}))).unwrap();
        let bundle = folder(&handed, &format!("keys-{at}"));
        evidence::bundle(handed.world.store.conn(), everything(), &bundle).unwrap();
        let (newest, older) = keys.split_last().unwrap();
        let (ok, said) = verifier(&python, &bundle, newest, &[]);
        assert!(ok, "{said}");
        let (ok, said) = verifier(&python, &bundle, older.last().unwrap(), &[]);
        assert_eq!(ok, reason == Reason::Routine, "{said}");
        assert!(ok || said.contains("stolen"), "{said}");
    }
    let bundle = folder(&handed, "keys-20");
    // The checkpoint that hands over is what leads on; the newest is signed by the new key alone.
    let handover =
        std::fs::read_dir(bundle.join("checkpoints")).unwrap().map(|e| e.unwrap().path());
    let two = |path: &PathBuf| std::fs::read_to_string(path).unwrap().matches("\n— ").count() > 1;
    for path in handover.filter(two) {
        std::fs::remove_file(path).unwrap();
    }
    let (ok, said) = verifier(&python, &bundle, &keys[0], &[]);
    assert!(!ok && said.contains("leads from your key"), "{said}");
    assert!(verifier(&python, &bundle, &keys[1], &[]).0);
    // A key that this log never had is no key of it, beside whichever.
    let other = SigningKey::from_seed(&[9; 32]).verifier_key(keys[0].name(), KeyKind::Log).unwrap();
    let other = other.to_string();
    let (ok, said) = verifier(&python, &bundle, &keys[1], &["--key", &other]);
    assert!(!ok && said.contains("KEY: a key that you named"), "{said}");
}

/// An erasure that left the payload where it was, with all that opens it.
#[test]
fn the_verifier_in_python_finds_an_erasure_that_is_incomplete() {
    let Some(python) = python() else { return };
    let mut handed = handed();
    let folder = |name: &str| handed.world.folder.path().join(name);
    let (before, after) = (folder("before"), folder("after"));
    evidence::bundle(handed.world.store.conn(), everything(), &before).unwrap();
    handed.world.erase("email:ann@x.example", hour(10));
    evidence::bundle(handed.world.store.conn(), everything(), &after).unwrap();
    let (ok, said) = verifier(&python, &after, &handed.key, &[]);
    assert!(ok, "{said}");
    std::fs::copy(before.join("payloads.jsonl"), after.join("payloads.jsonl")).unwrap();
    let (ok, said) = verifier(&python, &after, &handed.key, &[]);
    assert!(!ok && said.contains("ERASURE INCOMPLETE: entry"), "{said}");
    let held = before.join("checkpoint");
    let (_, said) =
        verifier(&python, &before, &handed.key, &["--checkpoint", held.to_str().unwrap()]);
    assert!(said.contains("EVERYTHING HOLDS"), "{said}");
    let newer = after.join("checkpoint");
    let (ok, said) =
        verifier(&python, &before, &handed.key, &["--checkpoint", newer.to_str().unwrap()]);
    assert!(!ok && said.contains("ROLLBACK"), "{said}");
}

/// The bundle that another program made in the same format.
#[test]
fn the_verifier_in_python_accepts_another_programs_bundle() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/tlog");
    if !shared.is_dir() {
        eprintln!("SKIPPED: {} isn't here", shared.display());
        return;
    }
    let Some(python) = python() else { return };
    let vkey = |name: &str| std::fs::read_to_string(shared.join(name)).unwrap().trim().to_owned();
    let key: VerifierKey = vkey("bundle.log.vkey").parse().unwrap();
    let witness = vkey("bundle.witness.vkey");
    let (ok, said) = verifier(&python, &shared.join("bundle"), &key, &["--witness", &witness]);
    assert!(ok, "{said}");
    assert!(said.contains("586 ok, 13 erased"), "{said}");
}

// The command -------------------------------------------------------------------------------------

#[test]
fn the_command_says_yes_and_no_without_a_store() {
    let handed = handed();
    let receipt = handed.files["receipt (DPV)"].to_str().unwrap();
    let key = handed.key.to_string();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_candor"))
            .args(["audit", "check"])
            .args(arguments)
            .env_remove("CANDOR_STORE")
            .current_dir("/")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = run(&[receipt, "--key", &key]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("proven") && said.contains("not proven"), "{said}");
    let text = std::fs::read_to_string(receipt).unwrap();
    std::fs::write(receipt, text.replace("Monthly letter", "Weekly letters")).unwrap();
    let (code, said) = run(&[receipt, "--key", &key]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("DOES NOT HOLD"), "{said}");
    assert_eq!(run(&[receipt, "--key", "nonsense"]).0, Some(2));
    assert_eq!(run(&["/nowhere", "--key", &key]).0, Some(3));
}

proptest! {
    /// What is put into a document comes out of it, whatever the document says.
    #[test]
    fn a_carrier_gives_back_what_it_was_given(text in "[ -~\n]{0,200}", salt: [u8; 32]) {
        let entries = vec![candor::ledger::evidence::Shown {
            leaf: "{}".to_owned(), path: Vec::new(), opened: None, item: None,
        }];
        let evidence = Evidence::of_document(&salt, "note\n".to_owned(), entries);
        let json = serde_json::to_string_pretty(&serde_json::json!({"text": text})).unwrap();
        for (carrier, document) in
            [(Carrier::Json, json), (Carrier::Page, text.clone()), (Carrier::Text, text)]
        {
            let content = carrier.content(&document);
            let whole = carrier.attach(&content, &evidence);
            let carried = candor::ledger::carrier::detach(whole.as_bytes()).unwrap().unwrap();
            prop_assert_eq!(carried.content, content.as_bytes());
            prop_assert_eq!(&carried.evidence, &evidence);
            prop_assert_eq!(carried.carrier, carrier);
        }
    }
}
