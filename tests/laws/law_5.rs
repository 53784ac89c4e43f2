//! Law 5: ledger bytes hold no personal data nor anything derived from it without a secret.

use sha2::{Digest, Sha256};

use crate::common::{World, blobs, contains, hour};
use candor::consent::desk::Spoken;
use candor::policy::types::ConsentState;
use candor::{ledger, send};

/// Everything personal that the world below imports.
const PERSONAL: [&str; 14] = [
    "Aoibheann",
    "Muiris",
    "aoibheann@x.example",
    "muiris@x.example",
    "aoibheann",
    "+353861234567",
    "0861234567",
    "CARD-00017",
    "CARD-00018",
    "cust-8801",
    "cust-8802",
    "basket-551",
    "The Third Policeman",
    "paper form 17, drawer B",
];

fn world() -> (World, Vec<u8>) {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,phone,card,optin,notice\n\
        cust-8801,2026-01-04,Aoibheann,aoibheann@x.example,0861234567,CARD-00017,yes,letter-form@1\n\
        cust-8802,2026-01-04,Muiris,muiris@x.example,,CARD-00018,no,\n";
    world.import("shop", shop, hour(1));
    let till = "basket,at,looked_at,card,cents,what\n\
        basket-551,2026-01-04,,CARD-00017,1999,The Third Policeman\n";
    world.import("till", till, hour(2));
    let spoken = Spoken {
        purpose: Some("newsletter"),
        state: ConsentState::Given,
        notice: Some("letter-form@2"),
        method: Some("at the counter"),
        evidence: Some("paper form 17, drawer B"),
        ..Spoken::default()
    };
    world.say("card:CARD-00018", &spoken, hour(3));
    let out = world.folder.path().join("out.csv");
    send::push(&mut world.store, &world.rules, "mailer", &out, hour(4)).unwrap();
    let certificate = world.erase("card:CARD-00017", hour(5));
    (world, serde_json::to_vec(&certificate).unwrap())
}

/// The ways in which a careless ledger might hold a value: as it is, and hashed without a secret.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = ledger::base64::encode(&digest);
    let url = base64.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
    let prefix = hex[..16].to_owned();
    [text.to_owned(), text.to_lowercase(), hex, prefix, base64, url]
        .into_iter()
        .map(String::into_bytes)
        .collect()
}

#[test]
fn ledger_checkpoints_and_certificate_hold_no_imported_value_and_no_bare_hash() {
    let (world, certificate) = world();
    let conn = world.store.conn();
    let mut public = blobs(conn, "SELECT leaf FROM entry");
    assert!(public.len() > 8, "there is a ledger to look at");
    public.extend(blobs(conn, "SELECT note FROM checkpoint"));
    public.push(certificate);
    public.push(std::fs::read(candor::store::erasures_path(&world.path())).unwrap());
    public.push(std::fs::read(candor::store::state_path(&world.path())).unwrap());
    for text in PERSONAL {
        for form in forms(text) {
            for bytes in &public {
                assert!(!contains(bytes, &form), "{text} is in {}", String::from_utf8_lossy(bytes));
            }
        }
    }
}

#[test]
fn what_stands_beside_the_ledger_is_sealed() {
    let (world, _) = world();
    let raw = world.raw();
    for text in PERSONAL {
        // Five letters of a name occur by chance in no file of this size.
        assert!(!contains(&raw, text.as_bytes()), "{text} lies in the clear");
    }
}

#[test]
fn the_same_person_is_not_recognisable_in_another_store() {
    // Tags and commitments are keyed: nothing but the policy's words is common to two ledgers.
    let (one, _) = world();
    let (two, _) = world();
    let secrets = |world: &World| -> Vec<[u8; 32]> {
        blobs(world.store.conn(), "SELECT leaf FROM entry")
            .iter()
            .map(|leaf| ledger::leaf::Leaf::parse_strict(leaf).unwrap())
            .flat_map(|leaf| [leaf.tag, leaf.commitment])
            .flatten()
            .collect()
    };
    let theirs = secrets(&two);
    assert!(!theirs.is_empty());
    assert!(secrets(&one).iter().all(|secret| !theirs.contains(secret)));
}

/// The hash of a file that went out is derived from whom it names: whoever guesses its one row could
/// prove that the person was in it.
#[test]
fn what_went_out_and_until_when_something_is_kept_stand_in_no_entry() {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card,optin,notice\n\
        c1,2026-01-04,Uma,uma@x.example,K1,yes,letter-form@1\n";
    world.import("shop", shop, hour(1));
    let books = "basket,at,card,cents,what\ninv-1,2026-01-04,K1,999,A book\n";
    world.import("ledgers", books, hour(2));
    let out = world.folder.path().join("out.csv");
    let run = send::push(&mut world.store, &world.rules, "mailer", &out, hour(4)).unwrap();
    assert_eq!(run.sent, 1);
    let subjects =
        crate::common::numbers(world.store.conn(), "SELECT DISTINCT subject FROM record");
    let mut until = Vec::new();
    for subject in subjects {
        let rules = &world.rules;
        let done =
            candor::subject::erase::erase(&mut world.store, rules, subject, hour(5)).unwrap();
        until.extend(done.categories.iter().filter_map(|category| category.until.clone()));
    }
    assert_eq!(until.len(), 1, "the books are kept");
    let leaves = blobs(world.store.conn(), "SELECT leaf FROM entry");
    let file = std::fs::read(&out).unwrap();
    for form in forms(std::str::from_utf8(&file).unwrap()) {
        assert!(leaves.iter().all(|leaf| !contains(leaf, &form)));
    }
    assert!(leaves.iter().all(|leaf| !contains(leaf, until[0].as_bytes())));
}
