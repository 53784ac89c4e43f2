//! What rows become: fields, consents and events.

use super::testing::*;
use super::*;
use crate::policy::types::{
    ConsentMap, ConsentState, EventMap, IdentifierForm, IdentifierKind, Target, ValueType,
};

#[test]
fn one_field_serves_several_targets_and_a_bad_one_is_refused_alone() {
    let source = source("id")
        .with_identifier("email", "id")
        .with_attribute("born", "born", ValueType::Date)
        .with_attribute("visits", "visits", ValueType::Integer)
        .with(
            Target::Attribute("size".into()),
            mapped("size", &[("Small", "S"), ("large", "L")]),
            ValueType::Text,
        );
    let text = "id,born,visits,size\n\
        Ann@x.de,1990-05-17, 12 , SMALL \n\
        k2,17.05.1990,many,huge\n\
        k3,,,\n";
    let (records, rejects) = csv(text, &source);
    assert!(rejects.is_empty());
    assert_eq!(records[0].key, "Ann@x.de");
    assert_eq!(
        values(&source, &records[0]),
        [("email", "ann@x.de"), ("born", "1990-05-17"), ("visits", "12"), ("size", "S")]
    );
    assert!(records[0].refused.is_empty());
    assert!(records[1].values.is_empty());
    assert_eq!(
        refused(&records[1]),
        [
            ("id", "invalid_email"),
            ("born", "invalid_date"),
            ("visits", "invalid_integer"),
            ("size", "unknown_value")
        ]
    );
    assert_eq!(refused(&records[2]), [("id", "invalid_email")]);
}

#[test]
fn rows_of_nobody_are_told_apart_from_unreadable_ones() {
    let (records, rejects) = csv("id,a\n,x\n  ,y\n0,z\nNULL,z\n-1,z\nk,ok\n", &source("id"));
    assert_eq!(records.len(), 1);
    assert_eq!(
        codes(&rejects),
        [
            (2, "no-key"),
            (3, "no-key"),
            (4, "placeholder-key"),
            (5, "placeholder-key"),
            (6, "placeholder-key")
        ]
    );
    assert!(rejects.iter().all(|reject| reject.reason.is_keyless()));
    let (_, rejects) = ndjson("{\"id\":null}\n{}\n{\"id\":\"k\"\n", &source("id"));
    assert_eq!(codes(&rejects), [(1, "no-key"), (2, "no-key"), (3, "unreadable-json")]);
    assert!(!rejects[2].reason.is_keyless());
}

#[test]
fn kinds_of_identifiers_follow_the_policy() {
    let kind = |form| IdentifierKind {
        links: true,
        form,
        max_records: 3,
        max_values: None,
        ignore: vec!["info@x.de".into()],
        unless_differ: Vec::new(),
    };
    let kinds = [("mail".to_string(), kind(IdentifierForm::Email))].into();
    let source = source("id").with_identifier("mail", "m").with_identifier("phone", "p");
    let options = ReadOptions { identifiers: &kinds, ..options() };
    let text = "id,m,p\nk,INFO@x.de,(206) 291-9585\nl,a@X.de,0000000000\n";
    let reading = read_bytes(text.into(), "test", Format::Csv, &source, "test", &options).unwrap();
    let (records, _) = parted(reading.map(Result::unwrap).collect());
    assert_eq!(values(&source, &records[0]), [("phone", "+12062919585")]);
    assert_eq!(refused(&records[0]), [("m", "placeholder")]);
    assert_eq!(values(&source, &records[1]), [("mail", "a@x.de")]);
    assert_eq!(refused(&records[1]), [("p", "placeholder")]);
}

fn statements(map: ConsentMap, row: &str) -> (Vec<ConsentStatement>, Vec<(String, &'static str)>) {
    let source = source("id").with_observed(field("seen")).with_consent(map);
    let text = format!("id,seen,state,at,notice,version,purpose,channel,confirmed\n{row}\n");
    let (records, rejects) = csv(&text, &source);
    assert!(rejects.is_empty(), "{rejects:?}");
    let refused = refused(&records[0]).into_iter().map(|(f, r)| (f.to_string(), r)).collect();
    (records[0].consents.clone(), refused)
}

fn full() -> ConsentMap {
    ConsentMap {
        channel: Some(field("channel")),
        at: Some(field("at")),
        notice: Some(field("notice")),
        notice_version: Some(field("version")),
        language: Some(fixed("de")),
        method: Some(fixed("checkbox")),
        explicit: true,
        ..consent(
            field("purpose"),
            mapped("state", &[("y", "given"), ("n", "refused"), ("stop", "withdrawn"), ("-", "")]),
        )
    }
}

fn at(text: &str) -> Option<crate::base::clock::Moment> {
    Some(crate::base::clock::Moment::parse(text).unwrap())
}

/// The clock is set back at 02:00: a no may have been said after every yes of that hour.
#[test]
fn a_no_in_the_hour_that_comes_twice_is_the_later() {
    for (word, expected) in [
        ("y", "2026-10-25T00:30:00Z"),
        ("n", "2026-10-25T01:30:00Z"),
        ("stop", "2026-10-25T01:30:00Z"),
    ] {
        let row = format!("k,2026-01-01,{word},2026-10-25T01:30,form@3,,news,email,");
        assert_eq!(statements(full(), &row).0[0].at, at(expected), "{word}");
    }
}

#[test]
fn a_statement_is_read_whole() {
    let (statements, refused) = statements(full(), "k,2026-01-01,Y,2026-02-01,form@3,,news,email,");
    assert!(refused.is_empty());
    let expected = ConsentStatement {
        purpose: "news".into(),
        channel: Some("email".into()),
        names_channel: true,
        state: ConsentState::Given,
        at: at("2026-02-01"),
        timed: Timed::ByItself,
        notice: Some(("form".into(), Some(3))),
        language: Some("de".into()),
        method: Some("checkbox".into()),
        explicit: true,
        confirmed: false,
        evidence: None,
    };
    assert_eq!(statements, [expected]);
}

#[test]
fn what_is_missing_falls_back_and_what_is_empty_says_nothing() {
    for empty in ["k,2026-01-01,,2026-02-01,,,news,,", "k,2026-01-01,-,,,,news,,"] {
        assert_eq!(statements(full(), empty), (vec![], vec![]));
    }
    let (found, _) = statements(full(), "k,2026-01-01,y,,form,2,news,,");
    assert_eq!(found[0].at, at("2026-01-01"));
    assert_eq!(found[0].notice, Some(("form".into(), Some(2))));
    assert_eq!(found[0].channel, None);
    let (found, refused) = statements(full(), "k,,n,,form@x,,news,,");
    assert_eq!((found[0].at, &found[0].notice), (None, &None));
    assert_eq!(refused, [("notice".to_string(), "invalid_notice")]);
    let (found, refused) = statements(full(), "k,2026-01-01,y,,,,,,");
    assert_eq!(&*found[0].purpose, "", "of no purpose: the gate takes no yes to it");
    assert_eq!(refused, [("purpose".to_string(), "missing_purpose")]);
    let (found, refused) = statements(full(), "k,,maybe,,,,news,,");
    assert!(found.is_empty());
    assert_eq!(refused, [("state".to_string(), "unknown_value")]);
}

#[test]
fn an_unreadable_time_drops_a_consent_and_keeps_a_withdrawal() {
    let (found, refused) = statements(full(), "k,2026-01-01,y,soon,,,news,,");
    assert!(found.is_empty());
    assert_eq!(refused, [("at".to_string(), "invalid_time")]);
    let (found, refused) = statements(full(), "k,,y,,,,news,,");
    assert!(found.is_empty(), "it may be older than any no");
    assert_eq!(refused, [("state".to_string(), "missing_time")]);
    let (found, refused) = statements(full(), "k,2026-01-01,stop,soon,,,news,,");
    assert_eq!((found[0].state, found[0].at), (ConsentState::Withdrawn, None));
    assert_eq!(refused, [("at".to_string(), "invalid_time")]);
}

#[test]
fn a_no_whose_time_is_left_empty_counts_from_its_arrival_and_a_yes_from_its_row() {
    let (found, _) = statements(full(), "k,2026-01-01,stop,,,,news,,");
    assert_eq!((found[0].state, found[0].at), (ConsentState::Withdrawn, None));
    let without = ConsentMap { at: None, ..full() };
    let (found, _) = statements(without, "k,2026-01-01,stop,,,,news,,");
    assert_eq!((found[0].state, found[0].at), (ConsentState::Withdrawn, at("2026-01-01")));
}

#[test]
fn a_double_opt_in_counts_once_confirmed() {
    use ConsentState::{Given, Refused, Requested};
    let map = || ConsentMap { confirmed_at: Some(field("confirmed")), ..full() };
    let read = |row: &str| {
        let (statements, refused) = statements(map(), row);
        assert!(statements.iter().all(|s| s.confirmed == (s.state == Given)));
        let found: Vec<_> = statements.iter().map(|s| (s.state, s.at)).collect();
        (found, refused.into_iter().map(|(_, reason)| reason).collect::<Vec<_>>())
    };
    let (asked, confirmed) = (at("2026-02-01"), at("2026-02-02"));
    let (found, refused) = read("k,,y,2026-02-01,,,news,,2026-02-02");
    assert_eq!((found, refused), (vec![(Requested, asked), (Given, confirmed)], vec![]));
    let (found, refused) = read("k,,y,2026-02-01,,,news,,");
    assert_eq!((found, refused), (vec![(Requested, asked)], vec![]));
    let (found, refused) = read("k,,y,,,,news,,2026-02-02");
    assert_eq!((found, refused), (vec![(Given, confirmed)], vec![]));
    let (found, refused) = read("k,,n,2026-02-01,,,news,,2026-02-02");
    assert_eq!((found, refused), (vec![(Refused, asked)], vec![]));
    let (found, refused) = read("k,,y,2026-02-01,,,news,,soon");
    assert_eq!((found, refused), (vec![(Requested, asked)], vec!["invalid_time"]));
    let (found, refused) = read("k,,y,2026-02-01,,,news,,2026-01-31");
    assert_eq!((found, refused), (vec![(Requested, asked)], vec!["confirmed_too_early"]));
}

#[test]
fn a_wrong_map_is_an_error_before_any_row() {
    let wrong = source("id").with_consent(consent(fixed("p"), mapped("s", &[("y", "agreed")])));
    let error = items(b"id\n", Format::Csv, &wrong).unwrap_err();
    assert_eq!(error.code, "consent-state-unknown");
    let grouped = |id: Option<&str>| EventMap { grouped: true, id: id.map(field), ..event("e") };
    for (one, other) in [(None, None), (Some("a"), Some("b"))] {
        let wrong = source("id").with_event(grouped(one)).with_event(grouped(other));
        let error = items(b"id\n", Format::Csv, &wrong).unwrap_err();
        assert_eq!(error.code, "grouped-events-without-one-id");
    }
    let clash = source("id").with_event(EventMap {
        properties: takes(&[("lines", fixed("x"))]),
        lines: takes(&[("a", field("a"))]),
        ..event("e")
    });
    assert_eq!(items(b"id\n", Format::Csv, &clash).unwrap_err().code, "property-name-taken");
}

fn body(record: &Record, at: usize) -> &str {
    std::str::from_utf8(&record.events[at].body).unwrap()
}

#[test]
fn properties_are_canonical_json() {
    let source = source("id").with_event(EventMap {
        id: Some(field("e")),
        amount: Some(field("n")),
        properties: takes(&[
            ("z", field("n")),
            ("é", field("d.list")),
            ("a", field("s")),
            ("big", field("big")),
            ("no", field("none")),
            ("yes", field("yes")),
            ("fixed", fixed("7")),
        ]),
        ..event("e")
    });
    let text = r#"{"id":1.0, "e":"e1", "n":-12, "s":" 007\n\"x\" ", "big":1e999, "none":null, "yes":true, "d":{"list":[1, "a {b"]}}"#;
    let (records, _) = ndjson(text, &source);
    assert_eq!(records[0].key, "1.0");
    assert_eq!(records[0].events[0].amount, Some(-12));
    let expected =
        r#"{"a":"007\n\"x\"","big":"1e999","fixed":7,"yes":"true","z":-12,"é":"[1,\"a {b\"]"}"#;
    assert_eq!(body(&records[0], 0), expected);
    let (records, _) =
        ndjson("{\"id\":\"k\"}", &super::testing::source("id").with_event(event("e")));
    assert_eq!(body(&records[0], 0), "{}");
    assert_eq!((&records[0].events[0].id, records[0].events[0].at), (&None, None));
}

#[test]
fn events_need_a_time_where_the_map_names_one() {
    let source = source("id").with_event(EventMap { at: Some(field("at")), ..event("e") });
    let (records, _) = csv("id,at\nk,2026-01-01\nl,\nm,soon\n", &source);
    let counts: Vec<usize> = records.iter().map(|r| r.events.len()).collect();
    assert_eq!(counts, [1, 0, 0]);
    assert!(records[1].refused.is_empty());
    assert_eq!(refused(&records[2]), [("at", "invalid_time")]);
}

fn baskets() -> Source {
    source("who").with_attribute("name", "name", ValueType::Text).with_event(EventMap {
        id: Some(field("basket")),
        grouped: true,
        amount: Some(field("cents")),
        properties: takes(&[("a", field("a")), ("z", field("z"))]),
        lines: takes(&[("cents", field("cents")), ("p", field("p"))]),
        ..event("sale")
    })
}

/// By a number that a spreadsheet shortened, two orders would be one.
#[test]
fn an_event_whose_id_was_shortened_is_not_taken() {
    let source = source("who").with_event(EventMap { id: Some(field("order")), ..event("e") });
    let (records, _) = csv("who,order\nk,3.11985E+10\nl,31198500001\n", &source);
    let counts: Vec<usize> = records.iter().map(|r| r.events.len()).collect();
    assert_eq!(counts, [0, 1]);
    assert_eq!(refused(&records[0]), [("order", "shortened_number")]);
    let text = "basket,who,name,cents,p,a,z\n\
        3.11985E+10,k1,Ann,300,x,1,2\n\
        3.11985E+10,k1,Ann,500,y,1,2\n";
    let (records, rejects) = csv(text, &baskets());
    assert!(records.iter().all(|record| record.events.is_empty()));
    assert_eq!(rejects.len(), 2, "both rows are handed back: {:?}", codes(&rejects));
}

#[test]
fn rows_of_one_event_need_not_stand_together() {
    let text = "basket,who,name,cents,p,a,z\n\
        b1,k1,Ann,10,x,1,2\n\
        b2,k2,Ben,1,y,,\n\
        b1,,Zoe,20,,9,9\n\
        ,k3,Cid,5,w,,\n\
        b2,k2,Ben,,v,,\n\
        b1,k1,Ann,-7,t,,\n\
        b4,,Dan,5,w,,\n";
    let all = items(text.as_bytes(), Format::Csv, &baskets()).unwrap();
    let places: Vec<_> = all.iter().map(|item| (item.rows, item.resume_line)).collect();
    assert_eq!(places, [(4, 2), (5, 2), (6, 8), (7, 9)]);
    let (records, rejects) = parted(all);
    assert_eq!(codes(&rejects), [(8, "no-key")]);
    let found: Vec<_> = records.iter().map(|r| (r.line, r.key.as_str(), body(r, 0))).collect();
    assert_eq!(
        found,
        [
            (5, "k3", r#"{"lines":[{"cents":5,"p":"w"}]}"#),
            (3, "k2", r#"{"lines":[{"cents":1,"p":"y"},{"p":"v"}]}"#),
            (
                2,
                "k1",
                r#"{"a":1,"lines":[{"cents":10,"p":"x"},{"cents":20},{"cents":-7,"p":"t"}],"z":2}"#
            ),
        ]
    );
    let amounts: Vec<_> = records.iter().map(|r| r.events[0].amount).collect();
    assert_eq!(amounts, [Some(5), Some(1), Some(23)]);
    assert_eq!(values(&baskets(), &records[2]), [("name", "Ann")]);
}

#[test]
fn a_row_of_another_key_breaks_its_event() {
    let text = "basket,who,name,cents,p,a,z\nb1,k1,,10,x,,\nb1,k2,,20,y,,\nb3,k3,,1,,,\n";
    let all = items(text.as_bytes(), Format::Csv, &baskets()).unwrap();
    let places: Vec<_> = all.iter().map(|item| (item.rows, item.resume_line)).collect();
    // Until all of the event's rows are handed back, the first must be read again.
    assert_eq!(places, [(1, 2), (2, 4), (3, 5)]);
    let (records, rejects) = parted(all);
    assert_eq!(codes(&rejects), [(2, "group-broken"), (3, "group-key-differs")]);
    assert_eq!(records[0].key, "k3");
}
