//! Who may send, how much, and what is told to whom.

use std::io::{Read, Write};

use serde_json::json;

use crate::served::{Served, basic, order, packed};

fn error(heard: &crate::served::Heard, status: u16, code: &str) {
    let body = heard.json();
    assert_eq!((heard.status, &body["code"]), (status, &json!(code)), "{heard:?}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()));
}

#[test]
fn a_key_is_found_wherever_clients_put_it() {
    let served = Served::new();
    let (key, public) = (&served.key, &served.public);
    let text = order("u-1", "m-1").to_string();
    let with_key = |key: &str| {
        let mut body = order("u-1", "m-1");
        body["writeKey"] = key.into();
        body.to_string()
    };
    let bearer = "Bearer something".to_owned();
    let header = |name: &'static str, value: String| vec![(name, value)];
    let jitsu = format!("id:{key}");
    let in_query = format!("/v1/track?writeKey={public}");
    let cases = [
        (header("Authorization", basic(&format!("{key}:"))), "/v1/track", text.clone()),
        (header("Authorization", basic(key)), "/v1/t", text.clone()),
        (header("Authorization", format!("Bearer {key}")), "/v1/t", text.clone()),
        (header("Authorization", bearer), "/v1/track", with_key(key)),
        (Vec::new(), "/v1/track", with_key(key)),
        (header("X-Write-Key", key.clone()), "/api/s/track", text.clone()),
        (header("X-Write-Key", jitsu), "/api/s/s2s/track", with_key("id:***")),
        (Vec::new(), in_query.as_str(), text.clone()),
    ];
    for (headers, path, body) in &cases {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let heard = served.ask("POST", path, &headers, body.as_bytes());
        assert_eq!((heard.status, &heard.json()["success"]), (200, &json!(true)), "{headers:?}");
    }
    for headers in [vec![], vec![("Authorization", "Basic bm9uZTo=")], vec![("X-Write-Key", "no")]]
    {
        error(
            &served.ask("POST", "/v1/track", &headers, text.as_bytes()),
            401,
            "invalid_write_key",
        );
    }
    // A key of servers is a secret, and an address is none.
    let path = format!("/v1/track?writeKey={key}");
    error(&served.ask("POST", &path, &[], text.as_bytes()), 401, "key_not_public");
    let path = format!("/pixel/v1/track?writeKey={key}&userId=u&event=E");
    error(&served.ask("GET", &path, &[], b""), 401, "invalid_write_key");
    assert_eq!(served.count("order_completed:m-1"), 1);
}

/// More is sent than is taken: the client hears so, though it writes to the end before it listens.
#[test]
fn who_sends_too_much_hears_so() {
    let served = Served::new();
    let body = vec![b' '; 12 << 20];
    let auth = basic(&format!("{}:", served.key));
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {auth}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..4 {
        let mut stream = served.say(&head);
        stream.write_all(&body).expect("nobody ends the connection meanwhile");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"),
            "{answer}"
        );
    }
}

/// Whoever has no key holds as many bodies as there are places for such, and takes none of the others'.
#[test]
fn strangers_take_no_place_of_those_with_a_key() {
    let served = Served::new();
    let head = "POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n{";
    let held: Vec<_> = (0..70).map(|_| served.say(head)).collect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let without = served.ask("POST", "/v1/track", &[], &vec![b' '; 700_000]);
    error(&without, 429, "too_many_requests");
    for n in 0..5 {
        assert_eq!(served.post("/v1/track", &order("u-1", &format!("m-{n}"))).status, 200);
    }
    drop(held);
}

#[test]
fn a_revoked_key_lets_nothing_in() {
    let served = Served::new();
    assert_eq!(served.post("/v1/track", &order("u-1", "m-1")).status, 200);
    assert!(served.run(&["write-key", "revoke", "1"]).status.success());
    // At once, also where nobody looked since: the writer looks under the lock.
    error(&served.post("/v1/track", &order("u-1", "m-2")), 401, "invalid_write_key");
    let again = served.run(&["write-key", "revoke", "1"]);
    assert_eq!(again.status.code(), Some(2));
    let expired = ["write-key", "add", "web", "--expires", "2020-01-01"];
    assert_eq!(served.run(&expired).status.code(), Some(2));
    assert_eq!(served.run(&["write-key", "add", "nobody"]).status.code(), Some(2));
    assert_eq!(served.run(&["write-key", "add", "web", "--label", "Ann"]).status.code(), Some(2));
    let listed = String::from_utf8(served.run(&["write-key", "list"]).stdout).unwrap();
    assert!(listed.contains("revoked") && !listed.contains(&served.key), "{listed}");
    assert_eq!(served.count("order_completed:m-2"), 0);
    served.is_sound();
}

#[test]
fn the_key_itself_stands_nowhere() {
    let mut served = Served::new();
    served.post("/v1/track", &order("u-1", "m-1"));
    served.stop();
    let raw = crate::common::raw(&served.path());
    for key in [&served.key, &served.public] {
        assert!(!crate::common::contains(&raw, key.as_bytes()));
        let digits = key.trim_start_matches("cwk_");
        assert!(!crate::common::contains(&raw, digits.as_bytes()));
    }
}

#[test]
fn an_expired_key_is_no_key() {
    use candor::web::key::{Reach, Ring, Wanted, add};
    let mut world = crate::common::World::under(&crate::served::policy());
    let expires = Some(crate::common::hour(2));
    let wanted = Wanted { source: "web", label: "trial", reach: Reach::Server, expires };
    let made = add(&mut world.store, crate::common::hour(1), &wanted).unwrap();
    let ring = Ring::load(world.store.conn(), world.store.secret()).unwrap();
    assert!(ring.find([made.text.as_str()], crate::common::hour(1)).is_some());
    assert!(ring.find([made.text.as_str()], crate::common::hour(2)).is_none());
    assert!(ring.find(["", "cwk_"], crate::common::hour(1)).is_none());
    world.is_sound();
}

#[test]
fn a_key_that_no_entry_names_is_found() {
    let served = Served::new();
    let conn = rusqlite::Connection::open(served.path()).unwrap();
    conn.execute_batch("UPDATE write_key SET reach = 3 WHERE id = 1").unwrap();
    let report = crate::common::deep(&served.path(), None);
    let codes: Vec<_> =
        report.claims.iter().flat_map(|claim| &claim.faults).map(|fault| fault.code).collect();
    assert_eq!(codes, ["write-key-differs"]);
}

#[test]
fn limits_have_an_answer_with_a_code() {
    let served = Served::new();
    let key = basic(&format!("{}:", served.key));
    let auth = ("Authorization", key.as_str());
    let ask =
        |headers: &[(&str, &str)], body: &[u8]| served.ask("POST", "/v1/batch", headers, body);
    error(&ask(&[auth], b"{\"batch\":"), 400, "invalid_json");
    error(&ask(&[auth], b"{}"), 400, "batch_missing");
    let many = json!({"batch": vec![json!({}); 2_501]}).to_string();
    error(&ask(&[auth], many.as_bytes()), 400, "batch_too_large");
    error(&ask(&[auth], &vec![b' '; 4_000 * 1024 + 1]), 413, "body_too_large");
    let gzip = ("Content-Encoding", "gzip");
    // A small body that would fill the memory.
    error(&ask(&[auth, gzip], &packed(&vec![b' '; 64 << 20])), 413, "body_too_large");
    error(&ask(&[auth, gzip], b"not packed"), 400, "invalid_gzip");
    error(&ask(&[auth, ("Content-Encoding", "br")], b"{}"), 415, "encoding_unsupported");
    error(&served.ask("GET", "/v1/track", &[auth], b""), 405, "method_not_allowed");
    assert_eq!(served.ask("GET", "/v1/track", &[], b"").header("allow"), Some("POST"));
    error(&served.ask("POST", "/v1/merge", &[auth], b"{}"), 404, "not_found");
    let long = "x".repeat(40 * 1024);
    assert_eq!(ask(&[("X-Long", &long)], b"{}").status, 431);
    // A large batch of whole items is fine.
    let items: Vec<_> = (0..2_500).map(|n| order("u-1", &format!("m-{n}"))).collect();
    let heard = served.post("/v1/batch", &json!({"batch": items}));
    assert_eq!((heard.status, &heard.json()["kept"]), (200, &json!(2_500)));
}

#[test]
fn pages_of_any_origin_may_call_and_read_the_answer() {
    let served = Served::new();
    let origin = ("Origin", "https://shop.example");
    let asked = ("Access-Control-Request-Headers", "authorization,x-retry-count");
    let heard = served.ask("OPTIONS", "/v1/t", &[origin, asked], b"");
    assert_eq!(heard.status, 204);
    assert_eq!(heard.header("access-control-allow-origin"), Some("https://shop.example"));
    let allowed = heard.header("access-control-allow-headers").unwrap();
    for name in
        ["authorization", "content-type", "x-retry-count", "anonymousid", "sentat", "x-write-key"]
    {
        assert!(allowed.split(',').any(|known| known == name), "{name}");
    }
    assert!(heard.header("access-control-max-age").is_some());
    let refused = served.ask("POST", "/v1/t", &[origin], b"{}");
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-expose-headers"), Some("Retry-After"));
    assert_eq!(refused.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    assert!(refused.header("server").is_none());
    let plain = served.ask("POST", "/v1/t", &[], b"{}");
    assert!(plain.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
}

#[test]
fn browser_clients_get_the_settings_without_which_they_send_nothing() {
    let served = Served::new();
    let heard = served.ask("GET", &format!("/v1/projects/{}/settings", served.public), &[], b"");
    let settings = heard.json();
    assert_eq!(settings["integrations"]["Segment.io"]["apiKey"], served.public);
    assert_eq!(settings["consentSettings"]["allCategories"], json!(["Advertising"]));
    // It posts to whoever it asked, and to Segment where nobody says so.
    let segment = &settings["integrations"]["Segment.io"];
    assert_eq!(segment["apiHost"], "localhost/v1");
    assert_eq!(segment["protocol"], "http");
    let path = format!("/v1/projects/{}/settings", served.public);
    let public = served.ask("GET", &path, &[("Host", "data.tern.example")], b"").json();
    let segment = &public["integrations"]["Segment.io"];
    assert_eq!(segment["apiHost"], "data.tern.example/v1");
    assert_eq!(segment["protocol"], "https", "a proxy ends TLS");
    for host in ["", "evil.example/x?", "a b"] {
        error(&served.ask("GET", &path, &[("Host", host)], b""), 400, "host_unclear");
    }
    for key in ["none", &served.key] {
        let path = format!("/v1/projects/{key}/settings");
        error(&served.ask("GET", &path, &[], b""), 404, "invalid_write_key");
    }
    let key = basic(&format!("{}:", served.public));
    let heard = served.ask("GET", "/sourceConfig/?p=npm&v=3", &[("Authorization", &key)], b"");
    assert_eq!(heard.json()["source"]["enabled"], true);
    assert_eq!(heard.json()["source"]["writeKey"], served.public);
    error(&served.ask("GET", "/sourceConfig/?writeKey=none", &[], b""), 401, "invalid_write_key");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(served.ask("GET", path, &[], b"").status, 200);
    }
}

#[test]
fn a_key_of_pages_tells_nothing_and_logs_hold_nothing_of_anybody() {
    let mut served = Served::new();
    let mut body = order("u-secret", "m-secret");
    body["writeKey"] = served.public.clone().into();
    let heard = served.ask("POST", "/v1/track", &[], body.to_string().as_bytes());
    assert_eq!(heard.body, r#"{"success":true}"#);
    let pixel = format!(
        "/pixel/v1/track?writeKey={}&userId=pixel-secret&event=Order%20Completed&messageId=px-1",
        served.public
    );
    let heard = served.ask("GET", &pixel, &[], b"");
    assert_eq!((heard.status, heard.header("content-type")), (200, Some("image/gif")));
    served.ask("GET", "/who/path-secret?x=secret", &[("X-Write-Key", "header-secret")], b"");
    assert_eq!(served.count("order_completed:px-1"), 1);
    served.stop();
    let log = std::fs::read_to_string(served.log()).unwrap();
    assert!(log.contains("\"route\":\"pixel track\"") && !log.contains("secret"), "{log}");
    assert!(!log.contains(&served.public) && !log.contains("127.0.0.1"), "{log}");
}

#[test]
fn it_listens_beyond_this_machine_only_when_told_to() {
    let served = Served::new();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = served.run(&["serve", "--listen", address]);
        assert_eq!(refused.status.code(), Some(2));
        let told = String::from_utf8(refused.stdout).unwrap();
        assert!(told.contains("listen-unprotected"), "{told}");
    }
}
