//! What may be known of a person, over the wire.

use serde_json::{Value, json};

use crate::scene::{Scene, error};
use crate::served::Heard;

fn left_out(heard: &Heard) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let body = heard.json();
    let left_out = body["left_out"].as_array().cloned().unwrap_or_default();
    left_out.iter().map(|left| (text(&left["what"]), text(&left["reason"]))).collect()
}

#[test]
fn a_purpose_knows_what_came_in_for_it_and_nothing_else() {
    let scene = Scene::new();
    let heard = scene.context("desk", "email:ann@x.example", "orders");
    let body = heard.json();
    assert_eq!(body["success"], true);
    assert_eq!(body["basis"], "contract");
    assert_eq!(body["attributes"]["first_name"]["value"], "Ann");
    assert_eq!(body["identifiers"]["email"][0]["value"], "ann@x.example");
    assert_eq!(body["identifiers"]["card"][0]["value"], "card-a");
    assert_eq!(body["activity"]["order"]["count"], 2);
    assert_eq!(body["activity"]["order"]["sum"], 1550);
    assert_eq!(body["consents"], json!([]));
    assert_eq!(
        body["person"].as_array().map(Vec::len),
        Some(2),
        "a row of the shop and of the till"
    );
    assert_eq!(left_out(&heard), []);
    assert!(body["until"].is_string());
    // Neither the letter's consent nor what was looked at is the orders' business.
    for other in ["maps", "nuts", "letter", "look", "allergy", "seen"] {
        assert!(!heard.body.contains(other), "{other}: {}", heard.body);
    }
    let heard = scene.context("letters", "email:ann@x.example", "newsletter");
    let body = heard.json();
    assert_eq!(body["consents"][0]["notice"], "letter-form@2");
    assert_eq!(body["consents"][0]["channel"], "email");
    assert_eq!(
        body["preferences"],
        json!({"email": {"permitted": null, "at_most_every_days": null}})
    );
    assert_eq!(body["activity"], json!({}), "what was bought is not the letter's business");
    // Another token, another name: two that hold tokens can't compare what they hold.
    let names = |token, purpose| {
        scene.context(token, "email:ann@x.example", purpose).json()["person"].to_string()
    };
    assert_eq!(names("desk", "orders"), names("desk", "orders"));
    assert_ne!(names("desk", "orders"), names("shop", "orders"));
    assert_ne!(names("desk", "orders"), names("desk", "newsletter"));
    scene.is_sound();
}

#[test]
fn a_no_is_told_with_its_reason_and_nothing_else() {
    let scene = Scene::new();
    let heard = scene.context("desk", "email:ben@x.example", "newsletter");
    assert_eq!(heard.status, 200);
    assert_eq!(left_out(&heard), [("everything".into(), "consent_withdrawn".into())]);
    let mut keys: Vec<String> = heard.json().as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["at", "entry", "left_out", "purpose", "success"]);
    // On a channel that the person denied.
    scene.does(&["consent", "channel", "email:ann@x.example", "--channel", "email", "--deny"]);
    let on = |channel: &str| {
        let body =
            json!({"who": "email:ann@x.example", "purpose": "newsletter", "channel": channel});
        scene.context_of("desk", &body)
    };
    assert_eq!(left_out(&on("email")), [("everything".into(), "channel_denied".into())]);
    error(&on("pigeon"), 400, "channel_unknown");
}

#[test]
fn who_is_unknown_erased_or_of_other_purposes_alone_is_the_same() {
    let scene = Scene::new();
    let nobody = scene.context("desk", "email:nobody@x.example", "newsletter");
    error(&nobody, 404, "not_found");
    let same = |who: &str, purpose: &str| {
        let heard = scene.context("desk", who, purpose);
        assert_eq!((heard.status, &heard.body), (404, &nobody.body), "{who} {purpose}");
    };
    // Cy is a customer, and the letter doesn't know.
    same("email:cy@x.example", "newsletter");
    assert_eq!(scene.context("desk", "email:cy@x.example", "orders").status, 200);
    let id = scene.does(&["profile", "find", "email:ann@x.example"])[0]["subject"].clone();
    let before = scene.entries("access.read");
    scene.does(&["erase", "email:ann@x.example"]);
    same("email:ann@x.example", "orders");
    same("card:card-a", "orders");
    same(id.as_str().unwrap(), "orders");
    same("s-0000000000001", "orders");
    assert_eq!(scene.entries("access.read"), before, "nobody was read");
    scene.is_sound();
}

#[test]
fn a_restricted_person_is_stored_and_nothing_else() {
    let scene = Scene::new();
    scene.does(&["consent", "restrict", "email:ann@x.example"]);
    for purpose in ["orders", "newsletter"] {
        let heard = scene.context("desk", "email:ann@x.example", purpose);
        assert_eq!(left_out(&heard), [("everything".into(), "restricted".into())]);
        assert!(!heard.body.contains("Ann"), "{}", heard.body);
    }
    // Segment's shape has no place for reasons, and a recipient isn't told any.
    error(&scene.context("mailer", "email:ann@x.example", "newsletter"), 404, "not_found");
}

#[test]
fn each_answer_is_on_record_before_it_is_given() {
    let mut scene = Scene::new();
    let (reads, disclosures) = (scene.entries("access.read"), scene.entries("disclosure.run"));
    let heard = scene.context("desk", "email:ann@x.example", "orders");
    let entry = heard.json()["entry"].as_i64().unwrap();
    assert_eq!(heard.header("request-id"), Some(entry.to_string().as_str()));
    scene.kill();
    assert_eq!(scene.entries("access.read"), reads + 1);
    scene.start();
    // A recipient gets what its destination lists, and that is a disclosure.
    let heard = scene.context_of("mailer", &json!({"who": "email:ann@x.example"}));
    let body = heard.json();
    assert_eq!(body["fields"], json!({"email": "ann@x.example", "first_name": "Ann"}));
    assert_eq!(scene.entries("disclosure.run"), disclosures + 1);
    assert_eq!(scene.entries("access.read"), reads + 1);
    error(&scene.context_of("mailer", &json!({"who": "email:ben@x.example"})), 404, "not_found");
    let timeline = scene.does(&[
        "audit",
        "report",
        "timeline",
        "--who",
        "email:ann@x.example",
        "--format",
        "json",
    ]);
    let told = timeline.to_string();
    assert!(told.contains("for orders, by context, as service-desk"), "{told}");
    assert!(told.contains("token:1") && told.contains("token:8"), "{told}");
    let unlawful = scene.does(&["audit", "report", "unlawful", "--format", "json"]);
    assert_eq!(unlawful["unlawful"], json!([]), "{unlawful}");
    scene.is_sound();
}

#[test]
fn what_cannot_be_understood_is_refused_and_no_log_holds_anything() {
    let mut scene = Scene::new();
    for (body, code) in [
        (json!({"who": "email:ann@x.example"}), "purpose_missing"),
        (json!({"who": "ann@x.example", "purpose": "orders"}), "who_unreadable"),
        (json!({"who": "shoe:44", "purpose": "orders"}), "identifier_unknown"),
        (
            json!({"who": "email:ann@x.example", "purpose": "orders", "chanel": "email"}),
            "invalid_json",
        ),
        (json!({"purpose": "orders"}), "invalid_json"),
        (json!(["who"]), "invalid_json"),
    ] {
        error(&scene.context_of("dpo", &body), 400, code);
    }
    error(&scene.context("dpo", "email:ann@x.example", "nothing"), 400, "purpose_not_declared");
    let long = json!({"who": "x".repeat(9_000), "purpose": "orders"});
    error(&scene.context_of("dpo", &long), 413, "body_too_large");
    let get = scene.ask("GET", "/v1/context", &[("Origin", "https://x.example")], b"");
    error(&get, 405, "method_not_allowed");
    // No page of any origin may read it, nor ask whether it might.
    let preflight = scene.ask("OPTIONS", "/v1/context", &[("Origin", "https://x.example")], b"");
    for heard in [get, preflight] {
        assert!(heard.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
        assert_eq!(heard.header("cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(heard.header("cache-control"), Some("no-store"));
    }
    scene.stop();
    let log = std::fs::read_to_string(scene.log()).unwrap();
    assert!(log.contains("\"route\":\"context\""), "{log}");
    for text in ["ann", "orders", "email", "shoe"] {
        assert!(!log.contains(text), "{text}: {log}");
    }
}
