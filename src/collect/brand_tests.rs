//! The example brand's exports. The expected figures and hashes were computed with Python's csv,
//! json and zoneinfo over the same files, apart from this code.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::testing::*;
use super::*;
use crate::policy::types::{ConsentMap, ConsentState, EventMap, Take, ValueType};

fn hash(lines: impl Iterator<Item = String>) -> String {
    let mut hasher = Sha256::new();
    lines.for_each(|line| hasher.update(line.as_bytes()));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Orders, each with key, time, amount and body, sorted by id.
fn order_hash(records: &[Record]) -> String {
    let mut orders = BTreeMap::new();
    for record in records {
        let [event] = &record.events[..] else { panic!("one event a record") };
        let body = String::from_utf8(event.body.clone()).unwrap();
        let (at, amount) = (event.at.unwrap(), event.amount.unwrap());
        let id = event.id.clone().unwrap();
        let line = format!("{id}|{}|{at}|{amount}|{body}\n", record.key);
        assert!(orders.insert(id, line).is_none(), "one record an order");
    }
    hash(orders.into_values())
}

fn identifier_hash(source: &Source, records: &[Record], kind: &str) -> (usize, String) {
    let of = |record| values(source, record).into_iter().filter(|(name, _)| *name == kind);
    let all: Vec<String> =
        records.iter().flat_map(|r| of(r).map(|(_, text)| format!("{text}\n"))).collect();
    (all.len(), hash(all.into_iter()))
}

fn refusals(records: &[Record], field: &str, code: &str) -> usize {
    records.iter().flat_map(refused).filter(|refusal| *refusal == (field, code)).count()
}

fn states(records: &[Record], purpose: &str) -> BTreeMap<ConsentState, usize> {
    let mut counts = BTreeMap::new();
    for consent in records.iter().flat_map(|r| &r.consents).filter(|c| &*c.purpose == purpose) {
        *counts.entry(consent.state).or_default() += 1;
    }
    counts
}

#[test]
fn till_lines_become_baskets() {
    let Some((records, rejects)) = read_brand("till_lines.csv", &till()) else { return };
    assert_eq!(records.len(), 8_095);
    assert_eq!(rejects.len(), 23_124);
    assert!(rejects.iter().all(|reject| reject.reason == RejectReason::NoKey));
    assert_eq!(records.iter().filter_map(|r| r.events[0].amount).sum::<i64>(), 23_358_800);
    let expected = "ee0b37056245f7bc7ddd7d33ad2abf5774c077cae87c8744b9ab2ef4fcbb1996";
    assert_eq!(order_hash(&records), expected);
}

#[test]
fn webshop_lines_become_orders() {
    let source = sales("email", "email", "order_no", &[("place", fixed("web"))]);
    let Some((records, rejects)) = read_brand("webshop_lines.csv", &source) else { return };
    assert_eq!((records.len(), rejects.len()), (3_566, 0));
    assert_eq!(records.iter().filter_map(|r| r.events[0].amount).sum::<i64>(), 9_774_978);
    let expected = "4a6e06f551cc16d13e0d2f2f340f1a94130ae7a01e1ec122f9c985edfce31014";
    assert_eq!(order_hash(&records), expected);
}

fn crm() -> Source {
    source("crm_id")
        .with_observed(field("created_at"))
        .with_attribute("date_of_birth", "date_of_birth", ValueType::Date)
        .with_ignored("gender")
        .with_identifier("email", "email")
        .with_identifier("phone", "phone")
        .with_consent(ConsentMap {
            channel: Some(fixed("email")),
            at: Some(field("newsletter_optin_at")),
            notice: Some(field("newsletter_notice")),
            ..consent(
                fixed("newsletter"),
                mapped("newsletter_optin", &[("yes", "given"), ("no", "refused")]),
            )
        })
}

#[test]
fn crm_customers() {
    let source = crm();
    let Some(path) = brand_file("crm_customers.csv") else { return };
    let mut reading = read(&path, &source, "crm", &options()).unwrap();
    let (records, rejects) = parted(reading.by_ref().map(Result::unwrap).collect());
    assert_eq!((records.len(), rejects.len()), (3_002, 0));
    assert_eq!(
        identifier_hash(&source, &records, "email"),
        (1_795, "ec113d1a86311894b67fe42e7361c9ccbd8b6b7e689935d6bfc062e99bbb6718".into())
    );
    assert_eq!(
        identifier_hash(&source, &records, "phone"),
        (2_094, "10f8e0716372ce9f22845c568381e0af1865f096a5696ef2f795194d705e45f6".into())
    );
    assert_eq!(refusals(&records, "email", "placeholder"), 12);
    assert_eq!(refusals(&records, "phone", "placeholder"), 23);
    assert_eq!(refusals(&records, "phone", "invalid_phone"), 19);
    assert_eq!(identifier_hash(&source, &records, "date_of_birth").0, 2_921);
    assert_eq!(refusals(&records, "date_of_birth", "invalid_date"), 39);
    let expected = [(ConsentState::Given, 807), (ConsentState::Refused, 1_892)];
    assert_eq!(states(&records, "newsletter"), expected.into());
    let unknown: BTreeMap<_, _> = reading.unknown_fields().into_iter().collect();
    let expected = [
        ("first_name", 2_969),
        ("last_name", 2_965),
        ("address", 3_001),
        ("city", 2_977),
        ("postcode", 2_973),
        ("loyalty_id", 595),
        ("diet_note", 23),
    ];
    assert_eq!(unknown, expected.map(|(name, count)| (name.into(), count)).into());
    let progress = reading.progress();
    assert_eq!((progress.rows, progress.bytes_read), (3_002, progress.bytes_total));
}

/// What a person was shown is evidence. It comes from the source, or it is the only text that there is.
#[test]
fn no_statement_names_a_version_that_its_source_didnt_send() {
    let text = include_str!("../../fixtures/brand/policy.toml");
    let policy = crate::policy::check(text).unwrap().policy;
    for (name, map) in
        policy.sources.iter().flat_map(|(n, s)| s.consents.iter().map(move |c| (n, c)))
    {
        match map.notice.as_ref().unwrap() {
            Take::Field { .. } => {}
            Take::Fixed(notice) => {
                assert!(map.notice_version.is_none(), "{name} takes another notice's version");
                let (notice, version) = notice.split_once('@').unwrap();
                let known: Vec<u32> =
                    policy.notices[notice].versions.iter().map(|v| v.version).collect();
                assert_eq!(known, [version.parse::<u32>().unwrap()], "{name} guesses a version");
            }
        }
    }
}

#[test]
fn web_accounts() {
    let newsletter = ConsentMap {
        channel: Some(fixed("email")),
        notice: Some(field("notice.id")),
        notice_version: Some(field("notice.version")),
        confirmed_at: Some(field("double_opt_in_at")),
        ..consent(
            fixed("newsletter"),
            mapped("consents.newsletter", &[("true", "given"), ("false", "refused")]),
        )
    };
    let source = source("account_id")
        .with_observed(field("registered_at"))
        .with_attribute("date_of_birth", "profile.birthday", ValueType::Date)
        .with_identifier("email", "contact.email")
        .with_identifier("phone", "contact.phone")
        .with_ignored("device")
        .with_consent(newsletter)
        .with_consent(consent(
            fixed("personalisation"),
            mapped("consents.personalisation", &[("TRUE ", "given"), ("False", "refused")]),
        ));
    let Some(path) = brand_file("web_accounts.ndjson") else { return };
    let mut reading = read(&path, &source, "web", &options()).unwrap();
    let (records, rejects) = parted(reading.by_ref().map(Result::unwrap).collect());
    assert_eq!((records.len(), rejects.len()), (3_334, 0));
    assert_eq!(
        identifier_hash(&source, &records, "email"),
        (3_216, "b0137fa26c00b4207992147bfb7df663ff1e9f95c7c42d6b4c044e6483f93e03".into())
    );
    assert_eq!(
        identifier_hash(&source, &records, "phone"),
        (1_561, "d1e1e80bd645d5d05ebf992d6012c4df5dccb4202c761b43a61ea696dcba6027".into())
    );
    assert_eq!(refusals(&records, "contact.email", "placeholder"), 32);
    assert_eq!(refusals(&records, "contact.phone", "placeholder"), 25);
    assert_eq!(refusals(&records, "contact.phone", "invalid_phone"), 12);
    assert_eq!(identifier_hash(&source, &records, "date_of_birth").0, 2_914);
    assert_eq!(refusals(&records, "profile.birthday", "invalid_date"), 42);
    let expected = [
        (ConsentState::Requested, 1_339),
        (ConsentState::Given, 1_074),
        (ConsentState::Refused, 1_995),
    ];
    assert_eq!(states(&records, "newsletter"), expected.into());
    let expected = [(ConsentState::Given, 1_013), (ConsentState::Refused, 2_321)];
    assert_eq!(states(&records, "personalisation"), expected.into());
    assert!(
        records.iter().flat_map(|r| &r.consents).filter(|c| &*c.purpose == "newsletter").all(
            |c| matches!(&c.notice, Some((name, Some(1..=3))) if &**name == "newsletter-form")
        )
    );
    let unknown: BTreeMap<_, _> = reading.unknown_fields().into_iter().collect();
    let names: Vec<&str> = unknown.keys().map(|name| &**name).collect();
    assert_eq!(names, ["contact.street", "contact.zip", "profile.firstName", "profile.lastName"]);
}

#[test]
fn store_cards_with_local_day_first_times() {
    let mut source = source("card_form_no")
        .with_observed(field("signed_at"))
        .with_identifier("email", "email")
        .with_identifier("phone", "phone")
        .with_consent(consent(fixed("post_offers"), mapped("post_offers", &[("x", "given")])));
    source.dates = vec!["%d.%m.%Y %H:%M".into()];
    source.timezone = Some("America/Los_Angeles".into());
    let Some((records, rejects)) = read_brand("store_cards.csv", &source) else { return };
    assert_eq!((records.len(), rejects.len()), (2_189, 0));
    let seconds: i64 = records.iter().map(|r| r.observed.unwrap().0 / 1000).sum();
    assert_eq!(seconds, 3_245_588_805_540);
    assert_eq!(states(&records, "post_offers"), [(ConsentState::Given, 650)].into());
    assert_eq!(
        identifier_hash(&source, &records, "email"),
        (615, "4458a376d0d0813712eae09e0c78b8541e7edea79d34b0567bc9b8f260e7df16".into())
    );
    assert_eq!(
        identifier_hash(&source, &records, "phone"),
        (709, "47a337616581d6f3ca28b7a7ec43d5bc14fe809a832eab197205938ba91f76aa".into())
    );
}

#[test]
fn preference_changes() {
    let source = source("email").with_observed(field("at")).with_consent(ConsentMap {
        channel: Some(field("channel")),
        at: Some(field("at")),
        notice: Some(field("notice")),
        method: Some(field("method")),
        ..consent(
            field("purpose"),
            mapped("action", &[("give", "given"), ("withdraw", "withdrawn")]),
        )
    });
    let Some((records, rejects)) = read_brand("preference_changes.csv", &source) else { return };
    assert_eq!((records.len(), rejects.len()), (514, 0));
    let expected = [(ConsentState::Given, 80), (ConsentState::Withdrawn, 434)];
    assert_eq!(states(&records, "newsletter"), expected.into());
    let consents = || records.iter().flat_map(|r| &r.consents);
    assert_eq!(consents().filter(|c| c.notice.is_some()).count(), 80);
    assert!(consents().all(|c| c.at.is_some() && c.channel.as_deref() == Some("email")));
    let by_link = consents().filter(|c| c.method.as_deref() == Some("unsubscribe-link")).count();
    assert_eq!(by_link, 434);
}

#[test]
fn support_tickets() {
    let source = source("ticket").with_identifier("email", "from.email").with_event(EventMap {
        id: Some(field("ticket")),
        at: Some(field("opened_at")),
        properties: takes(&[("subject", field("subject")), ("body", field("body"))]),
        ..event("ticket")
    });
    let Some((records, rejects)) = read_brand("support_tickets.ndjson", &source) else { return };
    assert_eq!((records.len(), rejects.len()), (53, 0));
    let emails = identifier_hash(&source, &records, "email").0;
    assert_eq!(emails + refusals(&records, "from.email", "placeholder"), 30);
    let expected = r#"{"body":"Hello, this is Elaine Miles, 11614 lakewood dr.","subject":"Where is my parcel?"}"#;
    assert_eq!(String::from_utf8_lossy(&records[0].events[0].body), expected);
}

#[test]
fn the_broken_file() {
    let Some((records, rejects)) = read_brand("broken.csv", &crm()) else { return };
    assert_eq!(
        codes(&rejects),
        [
            (2, "unreadable-unclosed-quote"),
            (4, "unreadable-field-count"),
            (5, "unreadable-field-count"),
            (6, "no-key"),
        ]
    );
    assert_eq!(rejects[0].raw, b"b1,\"unclosed,x,y");
    let [record] = &records[..] else { panic!("one row is whole") };
    assert_eq!((record.key.as_str(), record.line), ("b2", 3));
    assert_eq!(values(&crm(), record), [("email", "joerg@example.net")]);
    let named = crm().with_attribute("last_name", "last_name", ValueType::Text);
    let (records, _) = read_brand("broken.csv", &named).unwrap();
    assert_eq!(values(&named, &records[0])[1], ("last_name", "Müller"));
}
