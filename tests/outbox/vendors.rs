//! The worked destinations of `fixtures/destinations`, each sent to a recipient that records what it hears, and
//! held against what its vendor's documentation asks for.

use candor::consent::desk::Spoken;
use candor::policy::types::ConsentState;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::{World, hour};
use crate::recipient::Heard;
use crate::scene::Scene;

const FIXTURE: &str = include_str!("../../fixtures/destinations/policy.toml");

const VENDORS: [(&str, &str); 6] = [
    ("mailchimp", "https://us1.api.mailchimp.com"),
    ("brevo", "https://api.brevo.com"),
    ("customerio", "https://track-eu.customer.io"),
    ("hubspot", "https://api.hubapi.com"),
    ("meta", "https://graph.facebook.com"),
    ("google", "https://datamanager.googleapis.com"),
];

/// Ann, whose name would break what isn't escaped.
const ANN: &str = "customer_id,email,first_name,letter,ads,ads_personal\n\
    c1,Ann+x@x.example,\"A\"\"n\\n\",yes,yes,no\n";

/// The fixture with every vendor on this machine, under a path of its own; Ann was sent to each.
fn sent() -> Scene {
    let mut scene = Scene::bare(|recipient| {
        VENDORS.iter().fold(FIXTURE.to_owned(), |text, (name, host)| {
            assert!(text.contains(host), "{host}");
            text.replace(host, &recipient.url(&format!("/{name}")))
        })
    });
    for (name, _) in VENDORS {
        scene.secret(name, &format!("key-of-{name}"));
    }
    scene.world.import("shop", ANN, hour(1));
    for (name, _) in VENDORS {
        let queued = scene.push_to(name).unwrap();
        assert_eq!(queued.queued, 1, "{name}: {:?}", queued.withheld);
    }
    assert_eq!(scene.send().delivered, 6);
    scene
}

/// The request that a vendor heard last.
fn last(scene: &Scene, vendor: &str) -> Heard {
    let path = format!("/{vendor}/");
    let heard = scene.recipient.heard();
    heard.into_iter().rfind(|heard| heard.line.contains(&path)).unwrap()
}

fn line(scene: &Scene, vendor: &str) -> String {
    last(scene, vendor).line.replace(&format!("/{vendor}/"), "/")
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

const EMAIL: &str = "ann+x@x.example";

/// What `printf ann+x@x.example | md5sum` says.
const MEMBER: &str = "fbd2f4945972bd5b6304d7aa0cecdb04";

/// No address of a person stands in the address of a request, where proxies and recipients would log it.
fn no_address_is_logged(scene: &Scene) {
    for heard in scene.recipient.heard() {
        let line = heard.line.to_lowercase();
        assert!(!line.contains("x.example") && !line.contains("ann"), "{line}");
    }
}

fn members(hashed: &str) -> Value {
    json!([{"compositeData": {"userData": {"userIdentifiers": [{"emailAddress": hashed}]}}}])
}

#[test]
fn each_vendor_hears_what_it_asks_for() {
    let scene = sent();
    for (vendor, header, value) in [
        ("mailchimp", "authorization", "Bearer key-of-mailchimp"),
        ("brevo", "api-key", "key-of-brevo"),
        ("customerio", "authorization", "Basic key-of-customerio"),
        ("hubspot", "authorization", "Bearer key-of-hubspot"),
        ("meta", "authorization", "Bearer key-of-meta"),
        ("google", "authorization", "Bearer key-of-google"),
    ] {
        let heard = last(&scene, vendor);
        assert_eq!(heard.header(header), Some(value));
        assert_eq!(heard.header("content-type"), Some("application/json"), "{vendor}");
    }
    let name = "A\"n\\n";
    assert_eq!(line(&scene, "mailchimp"), format!("PUT /3.0/lists/9e67587f52/members/{MEMBER}"));
    assert_eq!(
        last(&scene, "mailchimp").json(),
        json!({"email_address": EMAIL, "status_if_new": "subscribed", "status": "subscribed",
               "merge_fields": {"FNAME": name}})
    );
    assert_eq!(line(&scene, "brevo"), "POST /v3/contacts");
    let brevo = last(&scene, "brevo").json();
    assert_eq!((&brevo["email"], &brevo["updateEnabled"]), (&json!(EMAIL), &json!(true)));
    assert_eq!(brevo["attributes"], json!({"FIRSTNAME": name}));
    let customerio = line(&scene, "customerio");
    assert!(customerio.starts_with("PUT /api/v1/customers/p_"), "{customerio}");
    assert_eq!(last(&scene, "customerio").json(), json!({"email": EMAIL, "first_name": name}));
    assert_ne!(brevo["ext_id"], customerio["PUT /api/v1/customers/".len()..], "no two can compare");
    assert_eq!(line(&scene, "hubspot"), "POST /crm/v3/objects/contacts/batch/upsert");
    assert_eq!(
        last(&scene, "hubspot").json(),
        json!({"inputs": [{"idProperty": "email", "id": EMAIL,
                           "properties": {"email": EMAIL, "firstname": name}}]})
    );
    assert_eq!(line(&scene, "meta"), "POST /v25.0/120210000000000/users");
    assert_eq!(
        last(&scene, "meta").json()["payload"],
        json!({"schema": ["EMAIL", "FN", "DATA_PROCESSING_OPTIONS"],
               "data": [[digest(EMAIL), digest("a\"n\\n"), ["LDU"]]]})
    );
    assert_eq!(line(&scene, "google"), "POST /v1/audienceMembers:ingest");
    let google = last(&scene, "google").json();
    assert_eq!(google["audienceMembers"], members(&digest(EMAIL)));
    // Each consent for itself: she said no to ads that are chosen for her.
    assert_eq!(
        google["consent"],
        json!({"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_DENIED"})
    );
    no_address_is_logged(&scene);
    for vendor in ["meta", "google"] {
        let body = last(&scene, vendor).body;
        assert!(!body.contains("x.example"), "{vendor} gets digests alone");
    }
    scene.is_sound();
}

/// The gate is asked for the other purpose when a person is sent, and not when they were queued.
#[test]
fn google_hears_of_each_consent_as_it_is_then() {
    let mut scene = sent();
    scene.wait(60);
    scene.push_to("google").unwrap();
    let now = scene.now();
    let given = Spoken {
        purpose: Some("ads_personal"),
        state: ConsentState::Given,
        notice: Some("ads-personal-form@1"),
        ..Spoken::default()
    };
    scene.world.say(&format!("email:{EMAIL}"), &given, now);
    assert_eq!(scene.send().delivered, 1);
    let consent = last(&scene, "google").json()["consent"].clone();
    assert_eq!(consent["adPersonalization"], "CONSENT_GRANTED");
    scene.is_sound();
}

#[test]
fn each_vendor_is_told_to_stop() {
    let mut scene = sent();
    scene.wait(60);
    for purpose in ["newsletter", "ads"] {
        let now = scene.now();
        let withdrawn =
            Spoken { purpose: Some(purpose), state: ConsentState::Withdrawn, ..Spoken::default() };
        // By the shop's own key: the address goes with the last consent.
        let subject = candor::profile::read::find_one(
            scene.world.store.conn(),
            scene.world.store.secret(),
            &scene.world.rules.policy,
            &format!("email:{EMAIL}"),
        )
        .unwrap();
        let statements =
            candor::consent::desk::statements(&scene.world.rules, &withdrawn, now).unwrap();
        let World { store, rules, .. } = &mut scene.world;
        let said = store.write(now, |writer| {
            candor::consent::desk::record(writer, subject, &statements)?;
            candor::subject::forget::sweep(writer, rules, subject, "consent")
        });
        said.unwrap();
    }
    assert_eq!(scene.rows().len(), 6, "{:?}", scene.rows());
    assert_eq!(scene.send().delivered, 6);
    assert_eq!(line(&scene, "mailchimp"), "POST /3.0/lists/9e67587f52");
    assert_eq!(
        last(&scene, "mailchimp").json(),
        json!({"update_existing": true, "members": [{"email_address": EMAIL, "status": "unsubscribed"}]})
    );
    told_to_forget(&scene);
    scene.is_sound();
}

#[test]
fn each_vendor_is_told_to_delete() {
    let mut scene = sent();
    let now = scene.now();
    let certificate = scene.world.erase(&format!("email:{EMAIL}"), now);
    assert!(certificate.recipients.iter().all(|recipient| recipient.told_by_message));
    assert_eq!(scene.send().delivered, 6);
    assert_eq!(
        line(&scene, "mailchimp"),
        format!("POST /3.0/lists/9e67587f52/members/{MEMBER}/actions/delete-permanent")
    );
    told_to_forget(&scene);
    assert!(scene.rows().is_empty());
    scene.is_sound();
}

/// What all vendors but one hear alike for a stop and for a deletion.
fn told_to_forget(scene: &Scene) {
    let brevo = line(scene, "brevo");
    assert!(brevo.starts_with("DELETE /v3/contacts/p_"), "{brevo}");
    assert!(brevo.ends_with("?identifierType=ext_id"), "{brevo}");
    no_address_is_logged(scene);
    let customerio = line(scene, "customerio");
    assert!(customerio.starts_with("DELETE /api/v1/customers/p_"), "{customerio}");
    assert_eq!(last(scene, "customerio").body, "");
    assert_eq!(line(scene, "hubspot"), "POST /crm/v3/objects/contacts/gdpr-delete");
    assert_eq!(last(scene, "hubspot").json(), json!({"idProperty": "email", "objectId": EMAIL}));
    assert_eq!(line(scene, "meta"), "DELETE /v25.0/120210000000000/users");
    assert_eq!(
        last(scene, "meta").json(),
        json!({"payload": {"schema": ["EMAIL"], "data": [[digest(EMAIL)]]}})
    );
    assert_eq!(line(scene, "google"), "POST /v1/audienceMembers:remove");
    assert_eq!(last(scene, "google").json()["audienceMembers"], members(&digest(EMAIL)));
}
