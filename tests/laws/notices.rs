//! Art 7(1): whoever relies on consent must be able to show what the person was told, in the language
//! in which they were told it.

use crate::common::{World, hour};
use candor::consent::desk::{self, Spoken};
use candor::consent::fold::AsOf;
use candor::policy::types::ConsentState;
use candor::subject::receipt::{self, Form};
use candor::subject::{state, told};

/// The bookshop, whose letter is offered in two languages from version 3 on, with a form that says which.
fn policy() -> String {
    let german = r#"
[[notice.letter-form.version]]
version = 3
language = "en"
text = "We send you a letter. Stop at any time."
[[notice.letter-form.version]]
version = 3
language = "de"
text = "Wir schicken Ihnen einen Brief. Jederzeit abzubestellen."

[notice.tips-form]
"#;
    let language =
        "notice = { from = \"notice\" }\nlanguage = { from = \"language\" }\nmethod = \"checkbox\"";
    crate::common::POLICY.replacen("\n[notice.tips-form]\n", german, 1).replacen(
        "notice = { from = \"notice\" }\nmethod = \"checkbox\"",
        language,
        1,
    )
}

const SHOP: &str = "customer_id,at,name,email,optin,notice,language\n\
    c1,2026-01-04,Ann,ann@x.example,yes,letter-form@3,de\n\
    c2,2026-01-04,Bob,bob@x.example,yes,letter-form@3,\n\
    c3,2026-01-04,Cleo,cleo@x.example,yes,letter-form@1,\n\
    c4,2026-01-04,Dan,dan@x.example,no,,\n";

fn receipt_of(world: &World, who: &str) -> serde_json::Value {
    let subject = world.subject(who).unwrap();
    receipt::document(&world.store, &world.rules, subject, "newsletter", Form::Dpv, hour(2))
        .unwrap()
}

#[test]
fn the_text_that_was_shown_is_that_of_the_language_it_was_shown_in() {
    let mut world = World::under(&policy());
    world.import("shop", SHOP, hour(1));
    let notice = |who| receipt_of(&world, who)["dpv:hasRecordOfActivity"]["dpv:hasNotice"].clone();
    let ann = notice("email:ann@x.example");
    assert_eq!(ann["dct:language"], "de");
    assert!(ann["dct:description"].as_str().unwrap().starts_with("Wir schicken"));
    // Nobody wrote down which of two: both are named, and none is claimed.
    let bob = notice("email:bob@x.example");
    assert!(bob["dct:language"].is_null(), "{bob}");
    assert!(bob["rdfs:comment"].as_str().unwrap().contains("language not known"));
    assert_eq!(bob["dct:description"].as_array().unwrap().len(), 2);
    // A version in one language was shown in that one.
    assert_eq!(notice("email:cleo@x.example")["dct:language"], "en");
}

#[test]
fn a_refusal_has_a_record_and_no_consent_receipt() {
    let mut world = World::under(&policy());
    world.import("shop", SHOP, hour(1));
    assert_eq!(receipt_of(&world, "email:ann@x.example")["@type"], "dpv:ConsentReceipt");
    let refused = receipt_of(&world, "email:dan@x.example");
    assert_eq!(refused["@type"], "dpv:ConsentRecord");
    assert_eq!(refused["dpv:hasConsentStatus"][0]["@type"], "dpv:ConsentRefused");
    let dan = world.subject("email:dan@x.example").unwrap();
    let kantara =
        receipt::document(&world.store, &world.rules, dan, "newsletter", Form::Kantara, hour(2));
    assert_eq!(kantara.unwrap_err().code, "consent-not-in-force");
    // Both forms say the same of a consent that is not explicit.
    let ann = world.subject("email:ann@x.example").unwrap();
    let kantara =
        receipt::document(&world.store, &world.rules, ann, "newsletter", Form::Kantara, hour(2))
            .unwrap();
    let purpose = &kantara["services"][0]["purposes"][0];
    assert_eq!(purpose["consentType"], "NON-EXPLICIT");
    assert_eq!(kantara["language"], "de");
}

#[test]
fn at_the_desk_a_notice_has_a_language_and_paper_may_be_older_than_the_policy() {
    let mut world = World::under(&policy());
    world.import("shop", SHOP, hour(1));
    let ann = world.subject("email:ann@x.example").unwrap();
    let spoken = |language| Spoken {
        purpose: Some("newsletter"),
        notice: Some("letter-form@3"),
        language,
        ..Spoken::default()
    };
    let statements = desk::statements(&world.rules, &spoken(Some("de")), hour(2)).unwrap();
    assert!(statements.iter().all(|new| new.language.as_deref() == Some("de")));
    let unknown = desk::statements(&world.rules, &spoken(None), hour(2)).unwrap();
    assert!(unknown.iter().all(|new| new.language.is_none()), "not claimed");
    let error = desk::statements(&world.rules, &spoken(Some("fr")), hour(2)).unwrap_err();
    assert_eq!(error.code, "language-unknown");
    assert!(error.next.contains("de") && error.next.contains("en"), "{}", error.next);
    let version = Spoken { notice: Some("letter-form@9"), ..spoken(None) };
    let error = desk::statements(&world.rules, &version, hour(2)).unwrap_err();
    assert_eq!(error.next.matches("letter-form@3").count(), 1, "{}", error.next);

    // The policy came at hour 0. The form on paper was there before: an import and the desk say so alike,
    // and when it was recorded stands beside when it was said.
    let paper = "customer_id,at,name,email,optin,notice,language\n\
        c9,2026-01-04T09:00:00Z,Zoe,zoe@x.example,yes,letter-form@3,de\n";
    world.import("shop", paper, hour(2));
    let zoe = world.subject("email:zoe@x.example").unwrap();
    let early = desk::statements(&world.rules, &spoken(Some("de")), hour(-24)).unwrap();
    world.store.write(hour(2), |w| desk::record(w, ann, &early)).unwrap();
    let said = |subject| {
        let told = told::told(&world.store, subject).unwrap().pop().unwrap();
        (told.state, told.notice, told.language, told.at, told.recorded_at)
    };
    assert_eq!(said(ann), said(zoe));
    assert_eq!((said(ann).3, said(ann).4), (hour(-24).to_string(), hour(2).to_string()));
    let in_force = |known| {
        let asked = AsOf { valid: hour(1), known };
        let state = state::state(&world.store, &world.rules, zoe, asked).unwrap();
        state.purposes.iter().any(|p| p.purpose == "newsletter" && p.in_force)
    };
    assert!(in_force(hour(2)) && !in_force(hour(1)), "nobody knew of it before");
    let no =
        Spoken { state: ConsentState::Withdrawn, notice: None, language: None, ..spoken(None) };
    let no = desk::statements(&world.rules, &no, hour(-24)).unwrap();
    assert!(
        world.store.write(hour(2), |w| desk::record(w, ann, &no)).is_ok(),
        "a no always counts"
    );
}
