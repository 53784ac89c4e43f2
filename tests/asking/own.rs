//! What the server tells of itself, and how often it may be called.

use candor::ledger::checkpoint::Trust;
use candor::ledger::note::UnknownKeys;
use candor::store;

use crate::scene::{Scene, error};
use crate::served::{basic, order};

#[test]
fn the_checkpoint_is_the_ledgers_own_and_for_auditors() {
    let scene = Scene::new();
    for token in ["desk", "shop", "marketer", "monitor", "mailer"] {
        error(&scene.get(token, "/v1/checkpoint"), 403, "role_not_permitted");
    }
    error(&scene.ask("GET", "/v1/checkpoint", &[], b""), 401, "invalid_token");
    let heard = scene.get("auditor", "/v1/checkpoint");
    assert_eq!(heard.status, 200);
    let store = scene.store();
    let key = store::meta(store.conn(), "vkey").unwrap().unwrap();
    let key = String::from_utf8(key).unwrap().parse().unwrap();
    let signed = Trust::in_log(key).read(heard.body.as_bytes(), UnknownKeys::Ignore).unwrap();
    assert_eq!(signed.checkpoint.size, u64::try_from(scene.newest()).unwrap() + 1);
}

#[test]
fn metrics_are_numbers_for_whom_they_are_for() {
    let mut scene = Scene::new();
    for token in ["desk", "dpo", "auditor"] {
        error(&scene.get(token, "/metrics"), 403, "role_not_permitted");
    }
    error(&scene.ask("GET", "/metrics", &[], b""), 401, "invalid_token");
    scene.context("desk", "email:ann@x.example", "orders");
    scene.ask("GET", "/email:ann@x.example", &[], b"");
    let heard = scene.get("monitor", "/metrics");
    assert_eq!(heard.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "candor_answers_total{route=\"context\",status=\"200\"} 1",
        "candor_answers_total{route=\"none\",status=\"404\"} 1",
        "candor_ready 1",
        "candor_listeners 0",
    ] {
        assert!(heard.body.lines().any(|told| told == line), "{line}: {}", heard.body);
    }
    for text in ["ann", "orders", "email"] {
        assert!(!heard.body.contains(text), "{text}: {}", heard.body);
    }
    scene.stop();
}

#[test]
fn who_calls_too_often_is_told_when_to_come_again_and_that_is_true() {
    let mut scene = Scene::unserved();
    scene.start_with(&["--token-rate", "2 in PT3S"]);
    let ask = |token: &str| scene.context(token, "email:ann@x.example", "orders");
    let statuses: Vec<u16> = (0..2).map(|_| ask("desk").status).collect();
    assert_eq!(statuses, [200, 200]);
    let heard = ask("desk");
    error(&heard, 429, "too_many_requests");
    // Others are answered meanwhile.
    assert_eq!(ask("dpo").status, 200);
    let seconds: u64 = heard.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&seconds), "{seconds}");
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    assert_eq!(ask("desk").status, 200);
    for rate in ["often", "0 in PT1S", "2 in P1D"] {
        assert_eq!(scene.run(&["serve", "--token-rate", rate]).status.code(), Some(2), "{rate}");
    }
}

#[test]
fn a_write_key_has_a_rate_where_one_is_set() {
    let mut served = crate::served::Served::under(&crate::served::policy());
    let key = served.add_key(&["web"]);
    served.start_with(&["--key-rate", "1 in PT1H"]);
    let auth = basic(&format!("{key}:"));
    let send = |message: &str| {
        let body = order("u-1", message).to_string();
        served.ask("POST", "/v1/track", &[("Authorization", &auth)], body.as_bytes())
    };
    assert_eq!(send("m-1").status, 200);
    let heard = send("m-2");
    error(&heard, 429, "too_many_requests");
    let seconds: u64 = heard.header("retry-after").unwrap().parse().unwrap();
    assert!((3_590..=3_600).contains(&seconds), "{seconds}");
    assert_eq!((served.count("order_completed:m-1"), served.count("order_completed:m-2")), (1, 0));
}
