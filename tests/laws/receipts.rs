//! A receipt says of a consent what holds: whoever is shown one may rely on it.

use std::collections::BTreeSet;

use crate::common::{self, World, hour};
use candor::consent::desk::Spoken;
use candor::consent::fold::AsOf;
use candor::evidence::check::check;
use candor::evidence::{self, Issued, Opening};
use candor::ledger::carrier::{Carrier, detach};
use candor::ledger::checkpoint::Trust;
use candor::policy::types::ConsentState;
use candor::store;
use candor::subject::receipt::{self, Form};
use candor::subject::state;

const ANN: &str = "email:ann@x.example";
const DAYS: i64 = 24;

/// A letter that is confirmed by a second step, and asked for anew after ten days.
fn policy() -> String {
    let twice = "notice = \"letter-form\"\ndouble_opt_in = true\nconsent_expires = \"P10D\"";
    common::POLICY.replacen("notice = \"letter-form\"", twice, 1)
}

/// Ann, who is about to say something.
fn world() -> World {
    let mut world = World::under(&policy());
    let orders = "customer_id,at,name,email,optin,notice\nc1,2026-01-04,Ann,ann@x.example,,\n";
    world.import("shop", orders, hour(1));
    world
}

fn yes(confirmed: bool) -> Spoken<'static> {
    Spoken {
        purpose: Some("newsletter"),
        notice: Some("letter-form@1"),
        confirmed,
        ..Spoken::default()
    }
}

/// Issues a receipt and looks at it as an outsider does, with the public key alone.
fn issued(world: &mut World, form: Form, at: i64) -> Result<serde_json::Value, &'static str> {
    let ann = world.subject(ANN).unwrap();
    let text = receipt::issue(&mut world.store, &world.rules, ann, "newsletter", form, hour(at))
        .map_err(|error| {
            assert_eq!(error.exit_code(), 1);
            assert!(!error.next.is_empty() && error.what.contains("in force"), "{error}");
            error.code
        })?;
    let path = world.folder.path().join("receipt.json");
    std::fs::write(&path, &text).unwrap();
    let key = world.store.signer().unwrap().vkey().parse().unwrap();
    let checked = check(&path, &Trust::in_log(key), None).unwrap();
    assert!(checked.holds, "{:?}", checked.broken);
    Ok(serde_json::from_str(&text).unwrap())
}

/// Both forms at a moment: the DPV status and whether it stands under a receipt, its comment, and
/// whether there is a Kantara receipt.
fn forms(world: &mut World, at: i64) -> (String, bool, String, Result<(), &'static str>) {
    let dpv = issued(world, Form::Dpv, at).unwrap();
    let is_receipt = dpv["@type"] == "dpv:ConsentReceipt";
    let record = if is_receipt { &dpv["dpv:hasRecordOfActivity"] } else { &dpv };
    let event = &record["dpv:hasConsentStatus"][0];
    (
        event["@type"].as_str().unwrap().to_owned(),
        is_receipt,
        event["rdfs:comment"].as_str().unwrap_or_default().to_owned(),
        issued(world, Form::Kantara, at).map(|_| ()),
    )
}

/// What `consent state` says: the state, what it amounts to, and whether it is in force.
fn stands(world: &World, at: i64) -> (&'static str, &'static str, bool) {
    let ann = world.subject(ANN).unwrap();
    let state = state::state(&world.store, &world.rules, ann, AsOf::at(hour(at))).unwrap();
    let mut purposes = state.purposes.into_iter();
    let letter = purposes.find(|p| p.purpose == "newsletter").unwrap();
    let json = serde_json::to_value(&letter).unwrap();
    assert_eq!(json["stands"], letter.stands.code());
    (letter.state, letter.stands.words(), letter.in_force)
}

const NOT_IN_FORCE: Result<(), &str> = Err("consent-not-in-force");

#[test]
fn a_yes_that_awaits_its_confirmation_is_a_request() {
    let mut world = world();
    world.say(ANN, &yes(false), hour(2));
    let (status, is_receipt, comment, kantara) = forms(&mut world, 3);
    assert_eq!((status.as_str(), is_receipt), ("dpv:ConsentRequested", false));
    assert!(comment.contains("email") && comment.contains("not confirmed"), "{comment}");
    assert_eq!(kantara, NOT_IN_FORCE);
    assert_eq!(stands(&world, 3), ("given", "requested (not confirmed)", false));
    world.say(ANN, &yes(true), hour(4));
    let (status, is_receipt, _, kantara) = forms(&mut world, 5);
    assert_eq!((status.as_str(), is_receipt, kantara), ("dpv:ConsentGiven", true, Ok(())));
    assert!(stands(&world, 5).2);
}

#[test]
fn a_yes_whose_time_has_run_out_is_expired() {
    let mut world = world();
    world.say(ANN, &yes(true), hour(2));
    let (status, is_receipt, _, kantara) = forms(&mut world, 3);
    assert_eq!((status.as_str(), is_receipt, kantara), ("dpv:ConsentGiven", true, Ok(())));
    let late = 11 * DAYS;
    let (status, is_receipt, _, kantara) = forms(&mut world, late);
    assert_eq!((status.as_str(), is_receipt, kantara), ("dpv:ConsentExpired", false, NOT_IN_FORCE));
    assert_eq!(stands(&world, late), ("expired", "expired", false));
}

#[test]
fn a_yes_to_a_notice_that_has_changed_says_that_renewal_is_due() {
    let mut world = world();
    world.say(ANN, &yes(true), hour(2));
    let second = "version = 2\nlanguage = \"en\"\n";
    let text = policy().replacen(second, &format!("{second}material = true\n"), 1);
    common::apply(&mut world.store, &text, hour(3));
    world.rules = store::latest(world.store.conn(), world.store.words()).unwrap();
    let (status, is_receipt, comment, kantara) = forms(&mut world, 4);
    assert_eq!((status.as_str(), is_receipt, kantara), ("dpv:ConsentExpired", false, NOT_IN_FORCE));
    assert!(comment.contains("renewal due"), "{comment}");
    assert_eq!(stands(&world, 4), ("given", "given, renewal due", false));
}

#[test]
fn a_yes_that_the_gate_does_not_take_has_no_receipt() {
    let mut world = world();
    world.say(ANN, &yes(true), hour(2));
    let objection = Spoken {
        axis: candor::consent::statement::Axis::Objection,
        purpose: Some("newsletter"),
        ..Spoken::default()
    };
    world.say(ANN, &objection, hour(3));
    let (status, is_receipt, comment, kantara) = forms(&mut world, 4);
    assert_eq!((status.as_str(), is_receipt, kantara), ("dpv:ConsentGiven", false, NOT_IN_FORCE));
    assert!(comment.contains("objected"), "{comment}");
    assert!(!stands(&world, 4).2);
    let no = Spoken { state: ConsentState::Withdrawn, notice: None, ..yes(false) };
    world.say(ANN, &no, hour(5));
    let (status, is_receipt, _, kantara) = forms(&mut world, 6);
    assert_eq!((status.as_str(), is_receipt), ("dpv:ConsentWithdrawn", false));
    assert_eq!(kantara, NOT_IN_FORCE);
}

/// The words of DPV 2.3 that receipts use; `dpv:hasExpiryTime`, for one, isn't among its own.
const DPV: &[&str] = &[
    "ConsentExpired",
    "ConsentGiven",
    "ConsentNotice",
    "ConsentReceipt",
    "ConsentRecord",
    "ConsentRefused",
    "ConsentRequested",
    "ConsentWithdrawn",
    "DataController",
    "DataSubject",
    "DirectMarketing",
    "PersonalData",
    "Process",
    "Recipient",
    "UntilTimeDuration",
    "WithdrawConsent",
    "hasConsentControl",
    "hasConsentStatus",
    "hasContact",
    "hasCountry",
    "hasDataController",
    "hasDataSubject",
    "hasDuration",
    "hasIndicationMethod",
    "hasLegalBasis",
    "hasNotice",
    "hasPersonalData",
    "hasProcess",
    "hasPurpose",
    "hasRecipient",
    "hasRecordOfActivity",
    "hasRight",
    "isExercisedAt",
    "isIndicatedAtTime",
    "isIndicatedBy",
];

/// Every `dpv:` word of a document.
fn dpv_words(value: &serde_json::Value, words: &mut BTreeSet<String>) {
    use serde_json::Value;
    let mut word = |text: &str| words.extend(text.strip_prefix("dpv:").map(str::to_owned));
    match value {
        Value::String(text) => word(text),
        Value::Array(items) => items.iter().for_each(|item| dpv_words(item, words)),
        Value::Object(map) => {
            map.keys().for_each(|key| word(key));
            map.values().for_each(|item| dpv_words(item, words));
        }
        _ => {}
    }
}

/// As the shape of a DPV record wants it, whatever is known: words of DPV alone, a notice in a language,
/// and nothing that is empty.
#[test]
fn a_record_keeps_to_dpvs_shape_whatever_is_known() {
    let mut world = world();
    let no = Spoken { state: ConsentState::Withdrawn, notice: None, ..yes(false) };
    for (spoken, notice) in [(yes(true), Some("letter-form@1")), (no, None)] {
        let at = if notice.is_some() { 2 } else { 4 };
        world.say(ANN, &spoken, hour(at));
        let document = issued(&mut world, Form::Dpv, at + 1).unwrap();
        let mut words = BTreeSet::new();
        dpv_words(&document, &mut words);
        let unknown: Vec<_> = words.iter().filter(|w| !DPV.contains(&w.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let record = match notice {
            Some(_) => &document["dpv:hasRecordOfActivity"],
            None => &document,
        };
        assert_eq!(record["dpv:hasNotice"]["dct:identifier"].as_str(), notice);
        let language = record["dpv:hasNotice"]["dct:language"].as_str();
        assert_eq!(language, Some(if notice.is_some() { "en" } else { "und" }));
        let duration = &record["dpv:hasConsentStatus"][0]["dpv:hasDuration"];
        let ends = duration["rdf:value"]["@value"].as_str();
        assert_eq!(ends, Some(hour(at + 10 * DAYS).to_string().as_str()));
        assert!(!document.to_string().contains("\"\""), "{document}");
    }
}

/// Whoever has the key can't pass a yes that was never confirmed off as a refusal, or a no as a yes.
#[test]
fn a_receipt_may_only_say_what_can_have_become_of_the_entry() {
    let mut world = world();
    world.say(ANN, &yes(true), hour(2));
    let ann = world.subject(ANN).unwrap();
    let (store, rules) = (&mut world.store, &world.rules);
    let text = receipt::issue(store, rules, ann, "newsletter", Form::Dpv, hour(3)).unwrap();
    let carried = detach(text.as_bytes()).unwrap().unwrap();
    let content = String::from_utf8(carried.content.to_vec()).unwrap();
    let entry = carried.evidence.entries[1].leaf.clone();
    let entry = candor::ledger::scan::fields(entry.as_bytes()).unwrap().number;
    let key = world.store.signer().unwrap().vkey().parse().unwrap();
    let trust = Trust::in_log(key);
    let path = world.folder.path().join("lie.json");
    for (status, holds) in [
        ("ConsentExpired", true),
        ("ConsentRequested", false),
        ("ConsentRefused", false),
        ("RenewedConsentGiven", false),
        ("ConsentGivenLater", false),
    ] {
        let lie = content.replace("dpv:ConsentGiven", &format!("dpv:{status}"));
        assert_ne!(lie, content, "{status}");
        let issued = Issued {
            kind: "receipt.issue",
            body: serde_json::Map::new(),
            about: None,
            behind: vec![(i64::try_from(entry).unwrap(), Opening::Opened)],
        };
        let store = &mut world.store;
        let proof = evidence::issue_content(store, &issued, lie.as_bytes(), hour(4)).unwrap();
        std::fs::write(&path, Carrier::Json.attach(&lie, &proof)).unwrap();
        assert_eq!(check(&path, &trust, None).unwrap().holds, holds, "{status}");
    }
}
