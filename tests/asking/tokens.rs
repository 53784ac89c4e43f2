//! Who may ask, and for what: roles, purposes, ends.

use serde_json::json;

use crate::scene::{Scene, error};

#[test]
fn each_role_opens_what_the_table_says_and_nothing_else() {
    let scene = Scene::new();
    for (token, status) in [
        ("desk", 200),
        ("shop", 200),
        ("dpo", 200),
        ("marketer", 403),
        ("auditor", 403),
        ("monitor", 403),
    ] {
        let heard = scene.context(token, "email:ann@x.example", "orders");
        assert_eq!(heard.status, status, "{token}: {heard:?}");
        let path = "/v1/spaces/orders/collections/users/profiles/email:ann@x.example/traits";
        let basic = crate::served::basic(&format!("{}:", scene.tokens[token]));
        let heard = scene.ask("GET", path, &[("Authorization", &basic)], b"");
        assert_eq!(heard.status, status, "{token}: {heard:?}");
    }
    error(&scene.context("auditor", "email:ann@x.example", "orders"), 403, "role_not_permitted");
    // A token asks for its own purposes, also where others are asked for by somebody else's.
    error(
        &scene.context("shop", "email:ann@x.example", "newsletter"),
        403,
        "purpose_not_permitted",
    );
    error(&scene.context("shop", "email:ann@x.example", "nothing"), 403, "purpose_not_permitted");
    error(&scene.context("mailer", "email:ann@x.example", "orders"), 403, "purpose_not_permitted");
    scene.is_sound();
}

#[test]
fn wrong_revoked_and_expired_tokens_are_one_and_the_same() {
    let mut scene = Scene::unserved();
    let ends = crate::served::now();
    let soon = candor::base::clock::Moment::parse(&ends).unwrap().0 + 2_000;
    let soon = candor::base::clock::Moment(soon).to_string();
    let short = scene.add_token(&["dpo", "--expires", &soon]);
    scene.start();
    assert_eq!(scene.context("dpo", "email:ann@x.example", "orders").status, 200);
    let revoked = scene.does(&["token", "revoke", "4"]);
    assert!(revoked["entry"].as_i64().unwrap() > 0);
    // At once, also where the server has not looked since: the clerk looks under the lock.
    let after = scene.context("dpo", "email:ann@x.example", "orders");
    error(&after, 401, "invalid_token");
    assert!(after.header("www-authenticate").is_some_and(|text| text.starts_with("Bearer")));
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    for token in [short.as_str(), "ctk_0000000000000000000000000000000000000000", "x", ""] {
        let heard = scene.context(token, "email:ann@x.example", "orders");
        assert_eq!((heard.status, &heard.body), (401, &after.body), "{token}");
    }
    // A write key is no token.
    error(&scene.context_of("", &json!({})), 401, "invalid_token");
    assert_eq!(scene.run(&["token", "revoke", "4"]).status.code(), Some(2));
    scene.is_sound();
}

#[test]
fn a_token_is_bound_as_its_role_says() {
    let scene = Scene::unserved();
    for (args, code) in [
        (&["service-desk"][..], "token-unbound"),
        (&["recipient"], "token-unbound"),
        (&["recipient", "--destination", "mailer", "--purpose", "orders"], "token-overbound"),
        (&["auditor", "--purpose", "orders"], "token-overbound"),
        (&["dpo", "--destination", "mailer"], "token-overbound"),
        (&["system", "--purpose", "nothing"], "purpose-unknown"),
        (&["recipient", "--destination", "nobody"], "destination-unknown"),
        (&["king"], "role-unknown"),
        (&["dpo", "--label", "Ann"], "label-unfit"),
        (&["dpo", "--expires", "2020-01-01"], "token-expired"),
    ] {
        let out = scene.run(&[&["token", "add", "--role"], args].concat());
        let told: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(
            (out.status.code(), &told["error"]["code"]),
            (Some(2), &json!(code)),
            "{args:?}"
        );
    }
}

#[test]
fn the_token_itself_stands_nowhere_and_its_life_is_in_the_ledger() {
    let mut scene = Scene::new();
    scene.context("desk", "email:ann@x.example", "orders");
    scene.does(&["token", "revoke", "1"]);
    scene.stop();
    let raw = crate::common::raw(&scene.path());
    let log = std::fs::read(scene.log()).unwrap();
    for token in scene.tokens.values() {
        let digits = token.trim_start_matches("ctk_");
        assert!(!crate::common::contains(&raw, digits.as_bytes()));
        assert!(!crate::common::contains(&log, digits.as_bytes()));
    }
    let listed = scene.does(&["token", "list"]);
    assert_eq!(listed["tokens"][0]["state"], "revoked");
    assert_eq!(listed["tokens"][0]["purposes"], json!(["newsletter", "orders"]));
    assert_eq!(listed["tokens"][7]["destination"], "mailer");
    assert_eq!((scene.entries("token.add"), scene.entries("token.revoke")), (8, 1));
}

#[test]
fn a_token_that_no_entry_names_so_is_found() {
    for change in [
        "UPDATE token SET role = 2 WHERE id = 1",
        "UPDATE token SET purposes = 0 WHERE id = 2",
        "UPDATE token SET destination = 0 WHERE id = 8",
        "UPDATE token SET revoked_entry = 1 WHERE id = 1",
        "UPDATE token SET expires_at = 5 WHERE id = 1",
        "DELETE FROM token WHERE id = 3",
    ] {
        let scene = Scene::unserved();
        scene.is_sound();
        let conn = rusqlite::Connection::open(scene.path()).unwrap();
        conn.execute_batch(change).unwrap();
        let report = crate::common::deep(&scene.path(), None);
        let faults: Vec<_> = report.claims.iter().flat_map(|c| &c.faults).map(|f| f.code).collect();
        assert_eq!(faults, ["token-differs"], "{change}");
    }
}
