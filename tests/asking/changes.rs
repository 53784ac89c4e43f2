//! Who changed, as a stream over the wire: told once at least, resumed, cut off.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::scene::{Scene, error};

/// One who listens.
struct Listener {
    lines: BufReader<TcpStream>,
    /// The last id that it was told.
    id: String,
}

/// Something that was heard: the event's name, and its data.
type Heard = (String, Value);

impl Listener {
    /// Begins to listen, from the end or behind an id.
    fn begin(scene: &Scene, token: &str, purpose: &str, id: Option<&str>) -> Listener {
        let mut stream = TcpStream::connect(scene.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let token = scene.tokens.get(token).map_or(token, String::as_str);
        let mut head = format!(
            "GET /v1/changes?purpose={purpose} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        );
        if let Some(id) = id {
            head += &format!("Last-Event-ID: {id}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.contains("200"), "{line}");
        let mut kind = String::new();
        while line.trim() != "" {
            kind += &line;
            line.clear();
            lines.read_line(&mut line).unwrap();
        }
        assert!(kind.to_lowercase().contains("content-type: text/event-stream"), "{kind}");
        Listener { lines, id: String::new() }
    }

    /// What is told until everything up to the ledger's end was.
    fn hear(&mut self, scene: &Scene) -> Vec<Heard> {
        let end = scene.newest();
        let mut heard = Vec::new();
        let (mut name, mut line) = (String::new(), String::new());
        while !self.id.split('-').next().is_some_and(|n| n.parse() == Ok(end)) {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the stream ended: {heard:?}");
            // Parts of a body that is sent in parts have lines of their own.
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => self.id = id.to_owned(),
                Some(("event", event)) => name = event.to_owned(),
                Some(("data", data)) => {
                    heard.push((name.clone(), serde_json::from_str(data).unwrap()));
                }
                _ => {}
            }
        }
        heard
    }

    /// Whether the stream comes to its end.
    fn ends(mut self) -> bool {
        let mut line = String::new();
        loop {
            line.clear();
            match self.lines.read_line(&mut line) {
                Ok(0) => return true,
                Ok(_) if line.starts_with("0\r") => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }
}

fn names(scene: &Scene, token: &str, who: &str, purpose: &str) -> BTreeSet<String> {
    let body = scene.context(token, who, purpose).json();
    let names = body["person"].as_array().cloned().unwrap_or_default();
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn of<'h>(heard: &'h [Heard], event: &str) -> BTreeSet<&'h str> {
    let told = heard.iter().filter(|(name, _)| name == event);
    told.filter_map(|(_, data)| data["person"].as_str()).collect()
}

#[test]
fn what_changes_is_told_under_the_names_of_the_context() {
    let scene = Scene::new();
    let ann = names(&scene, "letters", "email:ann@x.example", "newsletter");
    assert_eq!(ann.len(), 1);
    let mut listener = Listener::begin(&scene, "letters", "newsletter", None);
    assert_eq!(listener.hear(&scene), [], "from now on");
    scene.import("shop", "customer_id,at,name,email\nd1,2026-01-05,Di,di@x.example\n");
    assert_eq!(listener.hear(&scene), [], "no business of the letter's");
    scene.does(&["consent", "restrict", "email:ann@x.example"]);
    let heard = listener.hear(&scene);
    assert_eq!(of(&heard, "stop"), ann.iter().map(String::as_str).collect());
    assert!(of(&heard, "changed").is_empty(), "{heard:?}");
    scene.does(&["consent", "restrict", "email:ann@x.example", "--lift"]);
    let heard = listener.hear(&scene);
    assert_eq!(of(&heard, "changed"), ann.iter().map(String::as_str).collect());
    // Nothing but names is told, and another token has others.
    let text = format!("{heard:?}");
    assert!(!text.contains("Ann") && !text.contains("x.example"), "{text}");
    assert!(ann.is_disjoint(&names(&scene, "desk", "email:ann@x.example", "newsletter")));
    assert_eq!(scene.entries("access.changes"), 1);
    scene.is_sound();
}

#[test]
fn a_listener_that_comes_back_after_a_kill_misses_nothing() {
    let mut scene = Scene::new();
    let ann = names(&scene, "letters", "email:ann@x.example", "newsletter");
    let mut listener = Listener::begin(&scene, "letters", "newsletter", None);
    listener.hear(&scene);
    let id = listener.id.clone();
    scene.kill();
    assert!(listener.ends());
    scene.does(&["erase", "email:ann@x.example"]);
    scene.start();
    let mut again = Listener::begin(&scene, "letters", "newsletter", Some(&id));
    let heard = again.hear(&scene);
    let told = of(&heard, "stop");
    assert!(ann.iter().all(|name| told.contains(name.as_str())), "{heard:?}");
    // From the same id the same is told again; from the beginning everything, the policy first.
    assert_eq!(
        of(&Listener::begin(&scene, "letters", "newsletter", Some(&id)).hear(&scene), "stop"),
        told
    );
    let whole = Listener::begin(&scene, "letters", "newsletter", Some("0")).hear(&scene);
    assert_eq!(whole[0], ("all".into(), json!({"because": "policy"})));
    // An id of another ledger: nothing says what was missed.
    for id in ["5-000000000000", "99999-000000000000", "x"] {
        let heard = Listener::begin(&scene, "letters", "newsletter", Some(id)).hear(&scene);
        assert_eq!(heard, [("all".into(), json!({"because": "history"}))], "{id}");
    }
}

#[test]
fn a_recipient_hears_of_those_alone_whose_data_it_got() {
    let scene = Scene::new();
    let mut listener = Listener::begin(&scene, "mailer", "newsletter", None);
    listener.hear(&scene);
    let row = |at: &str| {
        format!(
            "customer_id,at,name,email,optin,notice\na1,{at},Anna,ann@x.example,yes,letter-form@2\n"
        )
    };
    scene.import("shop", &row("2026-01-06"));
    assert_eq!(listener.hear(&scene), []);
    let body = scene.context_of("mailer", &json!({"who": "email:ann@x.example"})).json();
    let name = body["person"][0].as_str().unwrap().to_owned();
    assert_eq!(listener.hear(&scene), []);
    scene.import("shop", &row("2026-01-07"));
    assert_eq!(of(&listener.hear(&scene), "changed"), BTreeSet::from([name.as_str()]));
    scene.does(&["consent", "channel", "email:ann@x.example", "--channel", "email", "--deny"]);
    assert_eq!(of(&listener.hear(&scene), "stop"), BTreeSet::from([name.as_str()]));
}

#[test]
fn who_may_not_listen_is_refused_and_who_may_no_more_is_cut_off() {
    let mut scene = Scene::new();
    let ask = |token: &str, path: &str| {
        let bearer = format!("Bearer {}", scene.tokens.get(token).map_or(token, String::as_str));
        scene.ask("GET", path, &[("Authorization", &bearer)], b"")
    };
    error(&ask("nobody", "/v1/changes?purpose=newsletter"), 401, "invalid_token");
    for token in ["desk", "auditor", "monitor"] {
        error(&ask(token, "/v1/changes?purpose=newsletter"), 403, "role_not_permitted");
    }
    error(&ask("marketer", "/v1/changes?purpose=orders"), 403, "purpose_not_permitted");
    error(&ask("dpo", "/v1/changes"), 400, "purpose_missing");
    error(&ask("dpo", "/v1/changes?purpose=none"), 400, "purpose_not_declared");
    let mut listener = Listener::begin(&scene, "marketer", "newsletter", None);
    listener.hear(&scene);
    let tokens = scene.does(&["token", "list"]);
    let tokens = tokens["tokens"].as_array().cloned().unwrap();
    let marketer = tokens.iter().find(|token| token["role"] == "marketer").unwrap();
    scene.does(&["token", "revoke", &marketer["id"].to_string()]);
    assert!(listener.ends());
    // The end of the server is the end of the streams, and is not held up by them.
    let listener = Listener::begin(&scene, "dpo", "newsletter", None);
    scene.stop();
    assert!(listener.ends());
}

#[test]
fn no_more_listen_at_once_than_there_are_places() {
    let scene = Scene::new();
    let all: Vec<Listener> =
        (0..64).map(|_| Listener::begin(&scene, "dpo", "orders", None)).collect();
    let bearer = format!("Bearer {}", scene.tokens["dpo"]);
    let path = "/v1/changes?purpose=orders";
    let heard = scene.ask("GET", path, &[("Authorization", &bearer)], b"");
    error(&heard, 429, "too_many_requests");
    assert_eq!(heard.header("retry-after"), Some("30"));
    drop(all);
    // Whoever goes away makes room, and others are answered meanwhile.
    assert_eq!(scene.context("dpo", "email:ann@x.example", "orders").status, 200);
    std::thread::sleep(Duration::from_millis(300));
    Listener::begin(&scene, "dpo", "orders", None);
}
