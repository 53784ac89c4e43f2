//! The shape of Segment's Profile API, over the wire.

use serde_json::{Value, json};

use crate::scene::Scene;
use crate::served::{Heard, basic};

fn profile(scene: &Scene, token: &str, path: &str) -> Heard {
    let auth = basic(&format!("{}:", scene.tokens[token]));
    let path = format!("/v1/spaces/{path}");
    scene.ask("GET", &path, &[("Authorization", &auth)], b"")
}

fn part(scene: &Scene, part: &str) -> Value {
    let path = format!("orders/collections/users/profiles/email:ann%40x.example/{part}");
    let heard = profile(scene, "shop", &path);
    assert_eq!(heard.status, 200, "{heard:?}");
    assert!(heard.header("request-id").is_some());
    heard.json()
}

#[test]
fn every_part_has_segments_shape() {
    let scene = Scene::new();
    let cursor = json!({"url": "", "has_more": false, "next": "", "limit": 10});
    assert_eq!(part(&scene, "traits"), json!({"traits": {"first_name": "Ann"}, "cursor": cursor}));
    let verbose = part(&scene, "traits?verbose=true");
    assert_eq!(
        verbose["traits"]["first_name"],
        json!({"value": "Ann", "source_id": "shop", "updated_at": "2026-01-02T00:00:00Z"})
    );
    assert_eq!(part(&scene, "traits?include=last_name")["traits"], json!({}));
    let ids = part(&scene, "external_ids");
    let card = ids["data"].as_array().unwrap().iter().find(|id| id["type"] == "card").unwrap();
    assert_eq!(
        (&card["id"], &card["collection"], &card["encoding"]),
        (&json!("card-a"), &json!("users"), &json!("none"))
    );
    let events = part(&scene, "events?limit=1");
    assert_eq!(events["data"][0]["event"], "order");
    assert_eq!(events["data"][0]["message_id"], "b-2", "newest first");
    assert_eq!(events["data"][0]["properties"], json!({"what": "pencil", "amount": 300}));
    assert_eq!(
        (&events["cursor"]["has_more"], &events["cursor"]["next"]),
        (&json!(true), &json!("1"))
    );
    let rest = part(&scene, "events?limit=1&next=1");
    assert_eq!(rest["data"][0]["message_id"], "b-1");
    assert_eq!(part(&scene, "events?sort=asc")["data"][0]["message_id"], "b-1");
    assert_eq!(part(&scene, "events?exclude=order")["data"], json!([]));
    let metadata = part(&scene, "metadata");
    assert_eq!(metadata["metadata"]["last_source_id"], "till");
    assert_eq!(part(&scene, "links")["data"], json!([]));
    scene.is_sound();
}

#[test]
fn errors_have_segments_shape_and_paths_are_not_logged() {
    let mut scene = Scene::new();
    let code = |heard: &Heard| (heard.status, heard.json()["error"]["code"].clone());
    let ben = "newsletter/collections/users/profiles/email:ben@x.example/traits";
    for path in [
        // Nobody, a no, no such purpose.
        "newsletter/collections/users/profiles/email:nobody@x.example/traits",
        ben,
    ] {
        let heard = profile(&scene, "desk", path);
        assert_eq!(code(&heard), (404, json!("not_found")), "{path}");
        assert_eq!(heard.json()["error"]["message"], "Profile was not found.");
    }
    let heard = profile(&scene, "shop", ben);
    assert_eq!(code(&heard), (403, json!("authentication_error")));
    let bare = scene.ask("GET", &format!("/v1/spaces/{ben}"), &[], b"");
    assert_eq!(code(&bare), (401, json!("authentication_error")));
    assert_eq!(bare.header("www-authenticate"), Some("Basic realm=\"candor\""));
    let bad = profile(&scene, "desk", &format!("{ben}?limit=201"));
    assert_eq!(code(&bad), (400, json!("validation_error")));
    for path in [
        "orders/collections/accounts/profiles/group_id:1/traits",
        "orders/collections/users/profiles/email:ann@x.example/secrets",
    ] {
        assert_eq!(profile(&scene, "desk", path).status, 404, "{path}");
    }
    scene.stop();
    let log = std::fs::read_to_string(scene.log()).unwrap();
    assert!(log.contains("\"route\":\"profile traits\""), "{log}");
    for text in ["ben", "x.example", "newsletter", "orders", "email"] {
        assert!(!log.contains(text), "{text}: {log}");
    }
}
