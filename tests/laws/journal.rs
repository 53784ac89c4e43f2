//! The journal beside the key decides who comes back from a backup, and what a certificate says: so nobody
//! writes in it but the key.

use std::path::PathBuf;

use candor::evidence::check::check;
use candor::ledger::checkpoint::Trust;
use candor::ledger::key_chain::Reason;
use candor::store::{
    ErasureNote, NewKey, Store, erasures_path, push_line, read_erasures, state_path,
};
use candor::subject::backup::{Certificates, backup, restore};
use candor::subject::certificate::{CertificateForm, certificate_of, issue_certificate};
use candor::verify::Standing;
use serde_json::json;

use crate::common::{World, bare, deep, hour, numbers};
use crate::law_6_erased_means_gone::{customer, restore_over};

/// What somebody makes of a note without the key, or with another store's.
type Forgery = fn(&mut ErasureNote, &Store);

const FORGERIES: [(&str, Forgery); 7] = [
    ("a ground on which a restore leaves what was erased", |note, _| {
        let told = note.told.as_mut().unwrap();
        for category in told["categories"].as_array_mut().unwrap() {
            category["ground"] = "Art 17(3)(e)".into();
        }
    }),
    ("another count", |note, _| note.told.as_mut().unwrap()["rows"]["value"] = 7.into()),
    ("nothing that is told", |note, _| note.told = None),
    ("a recipient more", |note, _| {
        let recipient = json!({"recipient": "Brevo", "disclosures": 1});
        note.told.as_mut().unwrap()["recipients"] = json!([recipient]);
    }),
    ("somebody else's record", |note, _| note.records[0] += 1),
    ("somebody else's fingerprint", |note, _| note.fingerprints[0] = "ab".repeat(16)),
    ("all of it, signed by another store's key", |note, other| {
        note.told.as_mut().unwrap()["rows"]["value"] = 7.into();
        *note = other.signer().unwrap().signed(note).unwrap();
    }),
];

/// Ann is erased; a backup holds her still.
fn world() -> (World, PathBuf) {
    let mut world = World::new();
    world.import("shop", &customer("c1", "ann@post.example"), hour(1));
    world.import("shop", &customer("c2", "ben@post.example"), hour(1));
    let early = world.folder.path().join("early");
    backup(&mut world.store, &early, hour(2)).unwrap();
    world.erase("email:ann@post.example", hour(3));
    (world, early)
}

fn forge(world: &World, forgery: Forgery) {
    let other = bare(&world.folder.path().join("other"));
    let journal = erasures_path(&world.path());
    let mut notes = read_erasures(&journal).unwrap();
    forgery(notes.last_mut().unwrap(), &other);
    let mut lines = Vec::new();
    notes.iter().for_each(|note| push_line(&mut lines, note));
    assert_ne!(std::fs::read(&journal).unwrap(), lines, "something was forged");
    std::fs::write(&journal, lines).unwrap();
}

fn codes(world: &World) -> Vec<&'static str> {
    let report = deep(&world.path(), None);
    let broken = report.claims.iter().filter(|claim| claim.standing == Standing::Broken);
    broken.flat_map(|claim| claim.faults.iter().map(|fault| fault.code)).collect()
}

#[test]
fn what_others_write_in_it_is_found_signed_by_nobody_and_restored_by_nobody() {
    for (what, forgery) in FORGERIES {
        let (mut world, early) = world();
        assert_eq!(codes(&world), [""; 0]);
        forge(&world, forgery);
        assert!(codes(&world).contains(&"journal-forged"), "{what}: {:?}", codes(&world));
        let error = certificate_of(&mut world.store, 1, hour(4)).unwrap_err();
        assert_eq!(error.code, "journal-differs", "{what}: {error:?}");
        let error = restore_over(&mut world, &early, 5).unwrap_err();
        assert_eq!(error.code, "journal-forged", "{what}: {error:?}");
    }
}

/// Whoever vouches for the certificates goes on without it, and what is forged doesn't go on with them.
#[test]
fn a_forged_journal_gives_way_to_certificates() {
    let (mut world, early) = world();
    let certificate = certificate_of(&mut world.store, 1, hour(4)).unwrap();
    let form = CertificateForm::Json;
    let text = issue_certificate(&mut world.store, &certificate, form, hour(4)).unwrap();
    let file = world.folder.path().join("certificate.json");
    std::fs::write(&file, text).unwrap();
    forge(&world, |note, _| note.records.push(2));
    let path = world.path();
    world.store = bare(&world.folder.path().join("spare"));
    std::fs::remove_file(&path).unwrap();
    for side in candor::store::side_files(&path) {
        let _ = std::fs::remove_file(side);
    }
    let files = [file];
    restore(&path, &early, Certificates::Complete(&files), "test", hour(5)).unwrap();
    world.reopen();
    assert!(world.subject("email:ann@post.example").is_none());
    assert!(world.subject("email:ben@post.example").is_some(), "he was never erased");
    assert_eq!(codes(&world), [""; 0]);
}

/// A certificate says what its erasure's entry commits to, or it is none, whoever signs it.
#[test]
fn a_certificate_of_other_figures_is_refused() {
    let (mut world, _) = world();
    let genuine = certificate_of(&mut world.store, 1, hour(4)).unwrap();
    let trust = Trust::in_log(genuine.vkey.parse().unwrap());
    let mut forged = genuine.clone();
    forged.categories[0].erased += 1;
    for (certificate, holds) in [(genuine, true), (forged, false)] {
        let form = CertificateForm::Json;
        let text = issue_certificate(&mut world.store, &certificate, form, hour(4)).unwrap();
        let file = world.folder.path().join("certificate.json");
        std::fs::write(&file, text).unwrap();
        let checked = check(&file, &trust, None).unwrap();
        assert_eq!(checked.holds, holds, "{checked:?}");
        let code = checked.broken.map(|(code, ..)| code);
        assert_eq!(code, (!holds).then_some("document-disagrees"));
    }
}

/// The present key vouches for all of it, so that a restore needs none of those between.
#[test]
fn it_outlives_its_keys() {
    for reason in [Reason::Routine, Reason::Stolen] {
        let (mut world, early) = world();
        world.store.rotate(hour(4), reason, &NewKey::Open).unwrap();
        world.erase("email:ben@post.example", hour(5));
        world.store.rotate(hour(6), Reason::Routine, &NewKey::Open).unwrap();
        assert_eq!(codes(&world), [""; 0], "{reason:?}");
        certificate_of(&mut world.store, 1, hour(7)).unwrap();
        restore_over(&mut world, &early, 8).unwrap();
        assert_eq!(numbers(world.store.conn(), "SELECT COUNT(*) FROM record"), [0]);
        assert_eq!(codes(&world), [""; 0], "{reason:?}");
    }
}

/// A note that is forged so that it seems never to have come to be isn't taken out for that.
#[test]
fn whoever_opens_the_store_takes_nothing_out_that_was_forged() {
    let (mut world, early) = world();
    forge(&world, |note, _| note.at += 1);
    let before = std::fs::read(state_path(&world.path())).unwrap();
    candor::subject::finish::finish_open(&mut world.store, hour(4)).unwrap();
    assert_eq!(read_erasures(&erasures_path(&world.path())).unwrap().len(), 1);
    assert_eq!(std::fs::read(state_path(&world.path())).unwrap(), before);
    assert!(restore_over(&mut world, &early, 5).is_err());
}
