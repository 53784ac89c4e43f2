//! What was acknowledged is on disk, whatever ends the program; what can't be taken in is told so.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::common::numbers;
use crate::served::{Heard, Served, ask, basic, order};

fn admissions(served: &Served) -> i64 {
    numbers(served.store().conn(), "SELECT COUNT(*) FROM batch")[0]
}

/// Holds the store's write lock, as another process that writes does.
fn lock(served: &Served) -> Connection {
    let conn = Connection::open(served.path()).unwrap();
    conn.busy_timeout(Duration::from_secs(5)).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    conn
}

/// Posts a body from a thread of its own.
fn post(served: &Served, body: &Value) -> std::thread::JoinHandle<Option<Heard>> {
    let (address, body) = (served.address().to_owned(), body.to_string());
    let key = basic(&format!("{}:", served.key));
    std::thread::spawn(move || {
        ask(&address, "POST", "/v1/batch", &[("Authorization", &key)], body.as_bytes())
    })
}

#[test]
fn many_requests_share_one_transaction() {
    let served = Served::new();
    served.post("/v1/track", &order("u-0", "m-0"));
    let before = admissions(&served);
    let held = lock(&served);
    let waiting: Vec<_> = (1..=24)
        .map(|n| post(&served, &json!({"batch": [order(&format!("u-{n}"), &format!("m-{n}"))]})))
        .collect();
    // They wait together behind whoever writes.
    std::thread::sleep(Duration::from_millis(1_500));
    held.execute_batch("ROLLBACK").unwrap();
    for heard in waiting {
        let heard = heard.join().unwrap().unwrap();
        assert_eq!((heard.status, &heard.json()["kept"]), (200, &json!(1)));
    }
    let commits = admissions(&served) - before;
    assert!((1..=8).contains(&commits), "24 requests took {commits} transactions");
    assert_eq!(served.held().iter().filter(|held| held.starts_with("order_completed")).count(), 25);
    served.is_sound();
}

#[test]
fn too_much_is_told_when_to_come_again() {
    let served = Served::new();
    let held = lock(&served);
    let items: Vec<Value> = (0..2_500).map(|n| order("u-1", &format!("m-{n}"))).collect();
    let waiting: Vec<_> = (0..14).map(|_| post(&served, &json!({"batch": items}))).collect();
    std::thread::sleep(Duration::from_millis(2_000));
    held.execute_batch("ROLLBACK").unwrap();
    let heard: Vec<Heard> = waiting.into_iter().map(|one| one.join().unwrap().unwrap()).collect();
    let refused: Vec<&Heard> = heard.iter().filter(|heard| heard.status == 429).collect();
    assert!(!refused.is_empty(), "nothing was refused");
    for heard in refused {
        assert_eq!(heard.json()["code"], "too_many_requests");
        let seconds: u64 = heard.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=120).contains(&seconds));
    }
    assert!(heard.iter().all(|heard| matches!(heard.status, 200 | 429)));
    assert_eq!(served.count("order_completed:m-2499"), 1);
}

#[test]
fn what_was_begun_is_answered_before_the_end() {
    let mut served = Served::new();
    let held = lock(&served);
    let waiting: Vec<_> = (1..=4)
        .map(|n| post(&served, &json!({"batch": [order("u-1", &format!("m-{n}"))]})))
        .collect();
    std::thread::sleep(Duration::from_millis(700));
    served.tell_to_end();
    std::thread::sleep(Duration::from_millis(300));
    held.execute_batch("ROLLBACK").unwrap();
    for heard in waiting {
        assert_eq!(heard.join().unwrap().unwrap().status, 200);
    }
    assert_eq!(served.ended(), Some(0));
    for n in 1..=4 {
        assert_eq!(served.count(&format!("order_completed:m-{n}")), 1);
    }
    served.is_sound();
}

#[test]
fn a_store_that_others_keep_busy_is_told_and_nothing_is_lost() {
    let served = Served::new();
    let held = lock(&served);
    let waiting = post(&served, &json!({"batch": [order("u-1", "m-1")]}));
    let heard = waiting.join().unwrap().unwrap();
    assert_eq!((heard.status, &heard.json()["code"]), (503, &json!("store_busy")));
    assert!(heard.header("retry-after").unwrap().parse::<u64>().is_ok());
    assert_eq!(served.ask("GET", "/readyz", &[], b"").status, 503);
    assert_eq!(served.ask("GET", "/healthz", &[], b"").status, 200);
    held.execute_batch("ROLLBACK").unwrap();
    assert_eq!(served.post("/v1/track", &order("u-1", "m-1")).status, 200);
    assert_eq!(served.ask("GET", "/readyz", &[], b"").status, 200);
    assert_eq!(served.count("order_completed:m-1"), 1);
}

/// Kills the program while four senders are at it, several times. What was acknowledged is held; what
/// wasn't is sent again, and in the end everything is held once.
#[test]
fn kill_9_loses_nothing_acknowledged_and_doubles_nothing() {
    let mut served = Served::new();
    let mut sent = Vec::new();
    for round in 0..6_u64 {
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let (address, key) = (served.address().to_owned(), basic(&format!("{}:", served.key)));
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let (address, key) = (address.clone(), key.clone());
                let acknowledged = Arc::clone(&acknowledged);
                std::thread::spawn(move || {
                    for n in 0..40 {
                        let ids = [0, 1].map(|part| format!("m-{round}-{sender}-{n}-{part}"));
                        let user = format!("u-{sender}");
                        let body = json!({"batch": [order(&user, &ids[0]), order(&user, &ids[1])]});
                        let text = body.to_string();
                        let headers = [("Authorization", key.as_str())];
                        let Some(heard) =
                            ask(&address, "POST", "/v1/batch", &headers, text.as_bytes())
                        else {
                            return;
                        };
                        if heard.status == 200 {
                            acknowledged.lock().unwrap().extend(ids);
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(60 + 47 * round));
        served.kill();
        for sender in senders {
            sender.join().unwrap();
        }
        let held: BTreeSet<String> = served.held().into_iter().collect();
        for id in acknowledged.lock().unwrap().iter() {
            assert!(held.contains(&format!("order_completed:{id}")), "{id} was acknowledged");
        }
        served.is_sound();
        served.start();
        for sender in 0..4 {
            for n in 0..40 {
                let items: Vec<Value> = (0..2)
                    .map(|part| {
                        order(&format!("u-{sender}"), &format!("m-{round}-{sender}-{n}-{part}"))
                    })
                    .collect();
                sent.extend(
                    items.iter().map(|item| item["messageId"].as_str().unwrap().to_owned()),
                );
                assert_eq!(served.post("/v1/batch", &json!({"batch": items})).status, 200);
            }
        }
    }
    let mut held = served.held();
    held.retain(|one| one.starts_with("order_completed"));
    let mut expected: Vec<String> = sent.iter().map(|id| format!("order_completed:{id}")).collect();
    expected.sort();
    assert_eq!(held, expected);
    served.is_sound();
}
