//! What connections are answered, before anything is looked at that they bring; and whoever was let in a moment ago.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::served::{Served, basic, order};

/// All that is heard on a connection.
fn heard(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// Clients read the code of an error, and one of them tries again for ever where there is none.
#[test]
fn what_is_no_request_is_told_with_a_code_as_any_other_error() {
    let served = Served::new();
    let long =
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(90_000));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: x\r\n".repeat(100));
    let address = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000));
    for (said, status, code) in [
        ("nonsense\r\n\r\n", 400, "not_http"),
        ("GET / HTTP/1.1\r\nbad header\r\n\r\n", 400, "not_http"),
        (&long, 431, "head_too_large"),
        (&many, 431, "head_too_large"),
        (&address, 431, "head_too_large"),
    ] {
        let answer = heard(served.say(said));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        let length = format!("content-length: {}", body.len());
        assert!(
            head.contains("content-type: application/json") && head.contains(&length),
            "{head}"
        );
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&body["success"], &body["code"]), (&json!(false), &json!(code)));
    }
}

#[test]
fn who_watches_may_ask_for_the_head_alone() {
    let served = Served::new();
    for path in ["/healthz", "/readyz"] {
        let heard = served.ask("HEAD", path, &[], b"");
        assert_eq!((heard.status, heard.body.as_str()), (200, ""), "{path}");
    }
}

/// `nc -N` and others close their side when they have said all.
#[test]
fn who_has_said_all_and_closes_that_side_hears_the_answer() {
    let served = Served::new();
    let body = order("u-1", "m-1").to_string();
    let key = basic(&format!("{}:", served.key));
    let request = format!(
        "POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let stream = served.say(&request);
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = heard(stream);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"kept\":1"), "{answer:?}");
}

/// One address that holds all that it may takes no place of others, and gets it back when it lets go.
#[test]
fn an_address_has_its_share_of_connections() {
    let mut served = Served::under(&crate::served::policy());
    served.start_with(&["--connections-each", "3"]);
    let held: Vec<TcpStream> = (0..3).map(|_| served.say("GET /healthz HTTP/1.1\r\n")).collect();
    std::thread::sleep(Duration::from_millis(300));
    let mut further = TcpStream::connect(served.address()).unwrap();
    let _ = further.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(heard(further), "", "it isn't served");
    drop(held);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(served.ask("GET", "/healthz", &[], b"").status, 200);
}

/// Clients drop for good what is answered with 401: a key or token works from the moment on at which it is shown.
#[test]
fn a_key_that_was_made_while_candor_serves_holds_at_once() {
    let mut served = Served::new();
    for n in 0..6 {
        // Whoever tries keys out keeps nobody from being believed.
        let tried = basic(&format!("cwk_{n:040}:"));
        let refused = served.ask("POST", "/v1/track", &[("Authorization", &tried)], b"{}");
        assert_eq!(refused.status, 401);
        served.key = served.add_key(&["web", "--label", &format!("late-{n}")]);
        let heard = served.post("/v1/track", &order("u-1", &format!("m-{n}")));
        assert_eq!((heard.status, &heard.json()["kept"]), (200, &json!(1)), "{n}: {heard:?}");
        assert_eq!(served.post("/v1/track", &order("u-1", &format!("m-{n}"))).status, 200);
    }
    let made = served.run(&["token", "add", "--role", "monitor", "--label", "prometheus"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let metrics = served.ask("GET", "/metrics", &[("Authorization", &bearer)], b"");
    assert_eq!(metrics.status, 200, "{metrics:?}");
    for family in ["waiting", "failing", "dead", "paused"] {
        assert!(metrics.body.contains(&format!("# TYPE candor_outbox_{family} gauge")), "{family}");
    }
    assert!(served.run(&["write-key", "revoke", "8"]).status.success());
    assert_eq!(served.post("/v1/track", &order("u-1", "m-9")).status, 401);
    served.is_sound();
}
