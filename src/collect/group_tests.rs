//! Events of many rows are taken whole or not at all, and resuming keeps it so.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::policy::types::{EventMap, Source};

const HEADER: &str = "basket,who,at,cents,p\n";

fn baskets() -> Source {
    source("who").with_event(EventMap {
        id: Some(field("basket")),
        at: Some(field("at")),
        grouped: true,
        amount: Some(field("cents")),
        lines: takes(&[("cents", field("cents")), ("p", field("p"))]),
        ..event("sale")
    })
}

/// Key, amount and line count of each record's event.
fn sales(records: &[Record]) -> Vec<(&str, Option<i64>, usize)> {
    let lines = |r: &Record| String::from_utf8_lossy(&r.events[0].body).matches("{\"").count() - 1;
    records.iter().map(|r| (r.key.as_str(), r.events[0].amount, lines(r))).collect()
}

fn read_rows(rows: &str) -> (Vec<Record>, Vec<Reject>) {
    csv(&format!("{HEADER}{rows}"), &baskets())
}

fn words(rejects: &[Reject]) -> Vec<String> {
    rejects.iter().map(|reject| format!("{}: {reject}", reject.line)).collect()
}

#[test]
fn a_row_that_cant_be_taken_holds_its_whole_event_back() {
    let (records, rejects) = read_rows(
        "b1,k1,2026-01-01,10,x\n\
         b2,k2,2026-01-01,5,y\n\
         b1,k1,2026-01-01,20 EUR,z\n\
         b2,k2,2026-01-01,6,u\n\
         b1,k1,2026-01-01,30,v\n",
    );
    assert_eq!(sales(&records), [("k2", Some(11), 2)]);
    let because = "another row of the same event can't be taken: line 4";
    assert_eq!(
        words(&rejects),
        [
            format!("2: {because}"),
            "4: cents: this is no whole number".into(),
            format!("6: {because}")
        ]
    );
    assert_eq!(
        codes(&rejects),
        [(2, "group-broken"), (4, "unreadable-integer"), (6, "group-broken")]
    );
    // What is handed back, repaired, is the event.
    let mut file = HEADER.to_owned();
    for reject in &rejects {
        file.push_str(&String::from_utf8_lossy(&reject.raw).replace(" EUR", ""));
        file.push('\n');
    }
    let (records, rejects) = csv(&file, &baskets());
    assert!(rejects.is_empty());
    assert_eq!(sales(&records), [("k1", Some(60), 3)]);
}

#[test]
fn rows_that_cant_be_split_hold_their_event_back_too() {
    for (broken, code) in [
        ("b1,k1,2026-01-01", "unreadable-field-count"),
        ("b1,k1,2026-01-01,20,x,,", "unreadable-field-count"),
        ("b1,k1,2026-01-01,20,\"x", "unreadable-unclosed-quote"),
        ("\"b1\",\"k1\" ,2026-01-01,20,x", "unreadable-stray-quote"),
        ("b1,k1,2026-01-01,20,\0", "unreadable-nul-character"),
    ] {
        for rows in [
            format!("{broken}\nb1,k1,2026-01-01,10,x\nb2,k2,2026-01-01,1,y\n"),
            format!("b1,k1,2026-01-01,10,x\nb2,k2,2026-01-01,1,y\n{broken}\n"),
        ] {
            let (records, rejects) = read_rows(&rows);
            assert_eq!(sales(&records), [("k2", Some(1), 1)], "{broken}");
            let found: BTreeSet<_> = rejects.iter().map(|reject| reject.reason.code()).collect();
            assert_eq!(found, [code, "group-broken"].into(), "{broken}");
            assert!(rejects.iter().all(|reject| !reject.of_unknown_event));
        }
    }
}

#[test]
fn the_id_is_looked_for_from_both_ends_and_on_every_line() {
    let late = |text: &str| csv(&format!("who,at,cents,p,basket\n{text}"), &baskets());
    for row in ["k1,2026-01-01,10,x, and y,b1", "k1,2026-01-01,b1"] {
        let (records, rejects) = late(&format!("k1,2026-01-01,5,x,b1\n{row}\n"));
        assert_eq!((records.len(), rejects.len()), (0, 2), "{row}");
    }
    // The quote that opens in line 2 is closed in line 4: line 3 is swallowed.
    let (records, rejects) = read_rows(
        "b1,\"k1,2026-01-01,10,x\nb2,k2,2026-01-01,10,x\nb3,k3,2026-01-01,10,y\",z\n\
         b1,k1,2026-01-01,1,x\nb2,k2,2026-01-01,1,x\nb3,k3,2026-01-01,1,x\nb4,k4,2026-01-01,1,x\n",
    );
    assert_eq!(sales(&records), [("k4", Some(1), 1)]);
    assert_eq!(rejects.len(), 4);
}

#[test]
fn a_row_whose_event_cant_be_told_says_so() {
    let (records, rejects) = read_rows("b1,k1,2026-01-01,10,x\n,k1\nb1,k1,2026-01-01,1,x\n");
    assert_eq!(sales(&records), [("k1", Some(11), 2)]);
    assert!(rejects[0].of_unknown_event);
    assert_eq!(
        words(&rejects),
        [
            "3: 2 fields, where the header has 5; which event it is a row of can't be told, and that event \
          may be in without it"
        ]
    );
    // Where no rows belong together, there is nothing to tell.
    let (_, rejects) = csv("id,a\nk\n", &source("id"));
    assert!(!rejects[0].of_unknown_event);
}

#[test]
fn json_lines_and_sheets_are_held_back_alike() {
    let text = "{\"basket\":\"b1\",\"who\":\"k1\",\"at\":\"2026-01-01\",\"cents\":1}\n\
        {\"basket\":\"b1\",\"who\":\"k1\",\"cents\":\n\
        {\"who\":\n";
    let (records, rejects) = ndjson(text, &baskets());
    assert!(records.is_empty());
    assert_eq!(
        codes(&rejects),
        [(1, "group-broken"), (2, "unreadable-json"), (3, "unreadable-json")]
    );
    let unknown: Vec<bool> = rejects.iter().map(|reject| reject.of_unknown_event).collect();
    assert_eq!(unknown, [false, false, true]);
}

#[test]
fn events_of_nobody_are_of_nobody_whatever_their_rows_hold() {
    let (_, rejects) = read_rows("b1,,2026-01-01,x,x\nb1,,2026-01-01,1,x\n");
    assert_eq!(codes(&rejects), [(2, "no-key"), (3, "no-key")]);
    let (_, rejects) = read_rows("b1,,2026-01-01,1,x\nb1,k1,2026-01-01,1,x\n");
    assert_eq!(codes(&rejects), [(2, "group-broken"), (3, "group-key-differs")]);
}

#[test]
fn times_that_havent_come_yet_are_no_times() {
    // The options of these tests know nothing later than the first moment of 2027.
    let (records, rejects) = read_rows("b1,k1,2027-01-01,1,x\nb2,k2,2030-01-01,1,x\n");
    assert_eq!(records.len(), 1);
    assert_eq!(words(&rejects), ["3: at: this lies in the future"]);
    assert_eq!(codes(&rejects), [(3, "time-in-future")]);
    let single = source("id")
        .with_observed(field("seen"))
        .with_event(EventMap { at: Some(field("at")), ..event("visit") });
    let (records, rejects) = csv("id,seen,at\nk,2030-01-01,2026-01-01\nl,,2030-01-01\n", &single);
    assert!(rejects.is_empty());
    assert_eq!((records[0].observed, records[0].events.len()), (None, 1));
    assert_eq!(refused(&records[0]), [("seen", "time_in_future")]);
    assert!(records[1].events.is_empty());
    assert_eq!(refused(&records[1]), [("at", "time_in_future")]);
    // An event that is as old as its row has no time where the row's can't be taken.
    let of_row = source("id").with_observed(field("seen")).with_event(event("visit"));
    for seen in ["2030-01-01", "soon"] {
        let (records, _) = csv(&format!("id,seen\nk,{seen}\n"), &of_row);
        assert!(records[0].events.is_empty());
        assert_eq!(records[0].refused.len(), 1);
    }
}

#[test]
fn amounts_stay_within_what_json_holds() {
    let most = "9007199254740991";
    let (records, _) =
        read_rows(&format!("b1,k1,2026-01-01,{most},x\nb2,k2,2026-01-01,-{most},x\n"));
    assert_eq!(records.len(), 2);
    for more in ["9007199254740992", "-9007199254740992", "9223372036854775807"] {
        let (records, rejects) = read_rows(&format!("b1,k1,2026-01-01,{more},x\n"));
        assert!(records.is_empty());
        assert_eq!(words(&rejects), ["2: cents: this is beyond ±9,007,199,254,740,991"]);
    }
    let (records, rejects) =
        read_rows(&format!("b1,k1,2026-01-01,{most},x\nb1,k1,2026-01-01,1,x\n"));
    assert!(records.is_empty());
    assert_eq!(codes(&rejects), [(2, "group-broken"), (3, "group-amount-too-large")]);
    // An event of one row isn't taken without its amount: it would stay so for ever.
    let single = source("id").with_event(EventMap {
        id: Some(field("e")),
        amount: Some(field("cents")),
        ..event("sale")
    });
    let (records, _) = csv("id,e,cents\nk,e1,9007199254740992\nl,e2,many\nm,e3,\n", &single);
    let events: Vec<usize> = records.iter().map(|record| record.events.len()).collect();
    assert_eq!(events, [0, 0, 1]);
    assert_eq!(refused(&records[0]), [("cents", "amount_too_large")]);
}

/// The rows of a file, as (basket, key, fault).
fn text_of(rows: &[(u8, bool, u8)]) -> String {
    let mut text = HEADER.to_owned();
    for (n, (basket, keyless, fault)) in rows.iter().enumerate() {
        let key = if *keyless { String::new() } else { format!("k{basket}") };
        text.push_str(&match fault {
            0 => format!("b{basket},{key}\n"),
            1 => format!("b{basket},{key},2026-01-01,x,p{n}\n"),
            2 => format!("b{basket},other,2026-01-01,1,p{n}\n"),
            3 => format!("b{basket},{key},2031-01-01,1,p{n}\n"),
            4 => "lost\n".to_owned(),
            5 => format!("b{basket},{key},2026-01-01,1,\"p{n}\n"),
            _ => format!("b{basket},{key},2026-01-01,1,p{n}\n"),
        });
    }
    text
}

fn contents(text: &str, start_line: u64) -> Vec<Item> {
    let options = ReadOptions { start_line, ..options() };
    let bytes = text.to_owned().into_bytes();
    let reading = read_bytes(bytes, "test", Format::Csv, &baskets(), "test", &options).unwrap();
    reading.map(|item| item.unwrap()).collect()
}

proptest! {
    #[test]
    fn events_are_whole_or_handed_back_wherever_reading_stopped(
        rows in prop::collection::vec((0_u8..5, prop::bool::weighted(0.2), 0_u8..40), 0..30),
    ) {
        let text = text_of(&rows);
        let all = contents(&text, 1);
        // Each row is either in a record or rejected, once; no event is there in part.
        let mut rejected = BTreeSet::new();
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        for item in &all {
            match &item.content {
                Content::Reject(reject) => prop_assert!(rejected.insert(reject.line)),
                Content::Record(record) => {
                    let id = record.events[0].id.clone().unwrap();
                    let lines = sales(std::slice::from_ref(record))[0].2;
                    prop_assert!(taken.insert(id, lines).is_none());
                }
            }
        }
        let count = |id: &str| rows.iter().enumerate().filter(|(n, (basket, _, fault))| {
            let is_of_it = *fault != 4 && format!("b{basket}") == *id;
            assert!(!is_of_it || !rejected.contains(&(*n as u64 + 2)), "row {n} of {id}");
            is_of_it
        }).count();
        for (id, lines) in &taken {
            prop_assert_eq!(count(id), *lines);
        }
        prop_assert_eq!(rejected.len() + taken.values().sum::<usize>(), rows.len());
        // Going on from any item brings the rest, and nothing that wasn't there before.
        for (at, item) in all.iter().enumerate() {
            let again = contents(&text, item.resume_line);
            let again: Vec<&Content> = again.iter().map(|item| &item.content).collect();
            let rest: Vec<&Content> = all[at + 1..].iter().map(|item| &item.content).collect();
            prop_assert!(again.ends_with(&rest), "after item {}", at);
            let twice = &again[..again.len() - rest.len()];
            prop_assert!(twice.iter().all(|c| all[..=at].iter().any(|item| item.content == **c)));
        }
    }
}
