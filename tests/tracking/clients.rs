//! What clients of the field sent, word for word, with the keys of the store under test.

use serde_json::Value;

use crate::served::{Served, basic, beside, now, packed};

#[test]
fn every_family_of_clients_is_understood() {
    let served = Served::new();
    let text = include_str!("../../fixtures/tracking/calls.json");
    let calls: Vec<Value> = serde_json::from_str(text).unwrap();
    for call in calls {
        let before = served.held();
        let own = |text: &str| {
            let text = text.replace("NOW", &now()).replace("PUBLIC", &served.public);
            text.replace("KEY", &served.key)
        };
        let body = own(&call["body"].to_string()).into_bytes();
        let body = if call["packed"] == true { packed(&body) } else { body };
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in call["headers"].as_object().unwrap() {
            let value = own(value.as_str().unwrap());
            let value = value.strip_prefix("Basic ").map_or(value.clone(), basic);
            headers.push((name.clone(), value));
        }
        if call["packed"] == true {
            headers.push(("Content-Encoding".into(), "gzip".into()));
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
        // Twice: what a client sends again changes nothing.
        for _ in 0..2 {
            let heard = served.ask("POST", &own(call["path"].as_str().unwrap()), &headers, &body);
            assert_eq!((heard.status, &heard.json()["success"]), (200, &Value::Bool(true)));
            assert_eq!(heard.header("content-type"), Some("application/json"));
            if call["what"].as_str().unwrap().contains("no id") {
                break;
            }
        }
        let mut held = served.held();
        for known in before {
            held.remove(held.iter().position(|one| *one == known).expect("nothing goes"));
        }
        // What pages say of who somebody is remains what they say.
        let by_a_page = call.to_string().contains("PUBLIC");
        let name = |one: &Value| {
            let name = one.as_str().unwrap();
            match name.strip_prefix("identifier.") {
                Some(rest) if by_a_page && !rest.starts_with("anonymous_id") => {
                    format!("identifier.unverified.{rest}")
                }
                _ => name.to_owned(),
            }
        };
        let mut expected: Vec<String> = call["held"].as_array().unwrap().iter().map(name).collect();
        expected.sort_unstable();
        assert_eq!(held, expected, "{}", call["what"]);
    }
    served.is_sound();
}

/// Requests recorded from real clients, each answered as if it had never been sent before.
#[test]
fn recorded_requests_of_real_clients_replay() {
    let Some(folder) = beside("recorded") else {
        eprintln!("SKIPPED: there is no folder of recorded requests beside the checkout");
        return;
    };
    let served = Served::new();
    let mut messages = std::collections::BTreeSet::new();
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut replayed = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "json"))
    {
        let recorded: Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for request in recorded["requests"].as_array().unwrap() {
            let path = request["path"].as_str().unwrap();
            // Of other APIs; and what a server was made to have not, or somewhere else.
            let others = ["/batch", "/com.", "/i/", "/nosettings", "/elsewhere"];
            if others.iter().any(|other| path.starts_with(other)) {
                continue;
            }
            let own = |text: &str| text.replace("WRITEKEY", &served.public);
            let mut headers = Vec::new();
            for (name, value) in request["headers"].as_object().unwrap() {
                let value = match name.to_ascii_lowercase().as_str() {
                    "host" | "connection" | "content-length" | "accept-encoding" => continue,
                    "authorization" => basic(&format!("{}:", served.public)),
                    "x-write-key" => format!("ID:{}", served.public),
                    _ => value.as_str().unwrap().to_owned(),
                };
                headers.push((name.clone(), value));
            }
            let packs = headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-encoding"));
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
            let body = &request["body"];
            let text = match body["_text"].as_str() {
                Some(text) => text.to_owned(),
                None => own(&body.to_string()),
            };
            let bytes = if packs { packed(text.as_bytes()) } else { text.into_bytes() };
            let method = request["method"].as_str().unwrap();
            let heard = served.ask(method, &own(path), &headers, &bytes);
            let expected = if method == "OPTIONS" { 204 } else { 200 };
            assert_eq!(heard.status, expected, "{}: {method} {path}: {heard:?}", file.display());
            replayed += 1;
            let items = body["batch"].as_array().cloned().unwrap_or_else(|| vec![body.clone()]);
            for item in items.iter().filter(|item| item["event"] == "Order Completed") {
                messages.extend(item["messageId"].as_str().map(str::to_owned));
            }
        }
    }
    assert!(replayed > 100 && messages.len() > 5, "{replayed} {messages:?}");
    for message in messages {
        assert_eq!(served.count(&format!("order_completed:{message}")), 1, "{message}");
    }
    served.is_sound();
}
