//! What the clients of the field write, and anything else, in the one shape.

use crate::collect::sent::Read;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::collect::testing::{consent, event, field, fixed, mapped, source};
use crate::collect::{Record, RejectReason};
use crate::policy::types::{Controller, Format, Policy, Source, ValueType};

const NOON: &str = "2026-11-27T12:00:00Z";

fn arrival() -> Arrival {
    Arrival { at: Moment::parse(NOON).unwrap(), privacy_signal: false }
}

/// The items of a call, each as JSON or as the code of its fault.
fn items(call: Call, body: &Value) -> Vec<Result<Value, &'static str>> {
    let read = read(call, body.to_string().as_bytes(), arrival()).unwrap();
    let shape = |item: Item| match item.shape {
        Ok(shape) => Ok(serde_json::from_str(&shape.text).unwrap()),
        Err(fault) => Err(fault.code()),
    };
    read.items.into_iter().map(shape).collect()
}

fn one(kind: Kind, body: &Value) -> Value {
    items(Call::One(kind), body).remove(0).unwrap()
}

fn batch(body: &Value) -> Vec<Result<Value, &'static str>> {
    items(Call::Batch, body)
}

#[test]
fn ids_that_say_nothing_are_absent() {
    let page = json!({"anonymousId": null, "userId": "u-1", "messageId": null});
    let item = one(Kind::Page, &page);
    assert_eq!((&item["person"], &item["anonymousId"]), (&json!("u-1"), &Value::Null));
    assert!(item.get("messageId").is_none());
    let anonymous = one(Kind::Page, &json!({"anonymousId": "a-9", "userId": ""}));
    assert_eq!(anonymous["person"], "a-9");
    let nobody = json!({"anonymousId": " ", "userId": {}});
    assert_eq!(items(Call::One(Kind::Page), &nobody), [Err("no_subject")]);
    let number = one(Kind::Page, &json!({"userId": 1234567890123456789_u64}));
    assert_eq!(number["person"], "1234567890123456789");
}

#[test]
fn the_path_tells_the_kind_where_the_item_does_not() {
    let item = one(Kind::Track, &json!({"userId": "u", "event": "E"}));
    assert_eq!(item["type"], "track");
    let both = json!({"batch": [
        {"type": "page", "userId": "u"}, {"userId": "u"}, {"type": "batch", "userId": "u"}, 7,
        {"type": "track", "userId": "u"},
    ]});
    let codes: Vec<_> = batch(&both).into_iter().map(|item| item.err()).collect();
    let wrong = Some("unknown_type");
    assert_eq!(codes, [None, wrong, wrong, Some("not_an_object"), Some("event_missing")]);
}

#[test]
fn a_clock_that_is_off_is_set_right_and_a_good_one_left_alone() {
    let at = |item: Value| one(Kind::Page, &item)["at"].as_str().unwrap().to_owned();
    let page = |own: &str, sent: &str| {
        json!({"userId": "u", "originalTimestamp": own, "timestamp": "2001-01-01T00:00:00Z",
               "sentAt": sent})
    };
    // An hour behind: it happened five minutes before it was sent.
    assert_eq!(at(page("2026-11-27T10:55:00Z", "2026-11-27T11:00:00Z")), "2026-11-27T11:55:00Z");
    // Ten seconds are the way here.
    assert_eq!(
        at(page("2026-11-27T11:55:00.123456789Z", "2026-11-27T11:59:50Z")),
        "2026-11-27T11:55:00.123Z"
    );
    // Nothing arrives before it happens.
    assert_eq!(at(page("2026-11-27T13:00:00Z", "2026-11-27T11:00:00Z")), NOON);
    assert_eq!(at(json!({"userId": "u"})), NOON);
    assert_eq!(at(json!({"userId": "u", "timestamp": "yesterday"})), "yesterday");
    let all = json!({"sentAt": "2026-11-27T11:00:00Z", "batch": [
        {"type": "page", "userId": "u", "timestamp": "2026-11-27T10:59:00.5+00:00"},
    ]});
    assert_eq!(batch(&all)[0].as_ref().unwrap()["at"], "2026-11-27T11:59:00.500Z");
}

#[test]
fn traits_stand_in_one_place_and_those_of_a_group_in_another() {
    let own = json!({"userId": "u", "traits": {"email": "a@x.example"},
                     "context": {"traits": {"email": "b@x.example"}}});
    assert_eq!(one(Kind::Identify, &own)["traits"]["email"], "a@x.example");
    let rudder = json!({"userId": "u", "traits": {},
                        "context": {"traits": {"email": "b@x.example"}}});
    let item = one(Kind::Identify, &rudder);
    assert_eq!(item["traits"]["email"], "b@x.example");
    assert!(item.get("context").is_none());
    let group =
        one(Kind::Group, &json!({"userId": "u", "groupId": "g", "traits": {"name": "Firm"}}));
    assert_eq!((&group["groupTraits"]["name"], group.get("traits")), (&json!("Firm"), None));
    let jitsu = json!({"userId": "u", "event": "E", "context": {"traits": {"name": "Firm"}}});
    assert!(one(Kind::Track, &jitsu).get("traits").is_none());
}

#[test]
fn an_alias_of_an_id_to_itself_says_nothing() {
    let alias = |previous: &str| one(Kind::Alias, &json!({"userId": "u", "previousId": previous}));
    assert!(alias("u").get("previousId").is_none());
    assert_eq!(alias("a-9")["previousId"], "a-9");
}

#[test]
fn what_a_batch_says_of_all_stands_behind_what_an_item_says() {
    let body = json!({
        "context": {"ip": "1.1.1.1", "locale": "en", "library": {"name": "l"},
                    "consent": {"categoryPreferences": {"Ads": true}}},
        "batch": [
            {"type": "page", "userId": "u", "context": {"ip": "2.2.2.2"}},
            {"type": "page", "userId": "u",
             "context": {"consent": {"categoryPreferences": {"Ads": false}}}},
        ],
    });
    let items = batch(&body);
    let (first, second) = (items[0].as_ref().unwrap(), items[1].as_ref().unwrap());
    assert_eq!(first["context"], json!({"ip": "2.2.2.2", "locale": "en"}));
    assert_eq!(first["consent"], json!({"Ads": true}));
    assert_eq!(second["consent"], json!({"Ads": false}));
}

#[test]
fn consent_objects_of_two_families_become_one() {
    let rudder = json!({"userId": "u", "context": {"consentManagement": {
        "allowedConsentIds": ["a", "b"], "deniedConsentIds": ["b", "c"], "provider": "custom"}}});
    let item = one(Kind::Page, &rudder);
    assert_eq!(item["consent"], json!({"a": true, "b": false, "c": false}));
    // What isn't true is no yes.
    let odd = json!({"userId": "u", "context": {"consent": {"categoryPreferences": {
        "a": "true", "b": 1, "c": null, "d": true}}}});
    let said = json!({"a": false, "b": false, "c": false, "d": true});
    assert_eq!(one(Kind::Page, &odd)["consent"], said);
    let odd =
        json!({"userId": "u", "context": {"consent": {"ad_storage": {}, "ad_user_data": true}}});
    let said = json!({"ad_storage": false, "ad_user_data": false});
    assert_eq!(one(Kind::Page, &odd)["consent"], said);
    let event = json!({"userId": "u", "event": "Segment Consent Preference Updated"});
    assert_eq!(items(Call::One(Kind::Track), &event), [Err("consent_missing")]);
}

#[test]
fn consent_objects_of_the_field_become_answers() {
    let said = |context: Value| one(Kind::Page, &json!({"userId": "u", "context": context}));
    let google = said(json!({"consent": {"ad_storage": "granted", "ad_user_data": "GRANTED",
        "analytics_storage": "denied", "ad_personalization": "yes", "region": "IE"}}));
    assert_eq!(
        google["consent"],
        json!({"ad_storage": true, "ad_user_data": true,
        "analytics_storage": false, "ad_personalization": false})
    );
    assert!(google.get("context").is_none());
    // Google's Measurement Protocol writes it beside the context.
    let beside = one(Kind::Page, &json!({"userId": "u", "consent": {"ad_user_data": "DENIED"}}));
    assert_eq!(beside["consent"], json!({"ad_user_data": false}));
    let particle = json!({"gdpr": {
            "letter": {"consented": true, "document": "form.v3", "timestamp_unixtime_ms": 1772800000123_i64,
                "location": "here", "hardware_id": "x"},
            "ads": {"consented": false}, "odd": 7, "none": {}},
        "ccpa": {"data_sale_opt_out": {"consented": true}}});
    for body in [
        json!({"userId": "u", "consent_state": particle}),
        json!({"userId": "u", "context": {"consent_state": particle}}),
    ] {
        let item = one(Kind::Page, &body);
        // Two of them are no answers, and are told as that.
        assert_eq!(item["consent"], json!({"letter": true, "ads": false, "unreadable": true}));
        assert_eq!(item["consentTime"], json!({"letter": "2026-03-06T12:26:40.123Z"}));
        assert_eq!(item["consentDocument"], json!({"letter": "form.v3"}));
        assert_eq!(item["ccpa"], json!({"data_sale_opt_out": true}));
        assert!(item.get("context").is_none());
    }
    // Of two tools, the no.
    let both =
        said(json!({"consent": {"categoryPreferences": {"ads": true}}, "consent_state": particle}));
    assert_eq!(both["consent"], json!({"ads": false, "letter": true, "unreadable": true}));
    // Beside one that can't be read, which may have said no, no yes is believed, and a no is.
    let beside = said(json!({"consent": {"ad_storage": "granted", "ad_user_data": "denied"},
        "consentManagement": 1, "consent_state": {"ccpa": [], "gdpr": {}}}));
    assert_eq!(beside["consent"], json!({"ad_user_data": false, "unreadable": true}));
    assert_eq!(beside["ccpa"], json!({"unreadable": true}));
}

#[test]
fn consent_strings_become_fields_and_what_cannot_be_read_says_nothing() {
    let tc = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA";
    let said = |context: Value| one(Kind::Page, &json!({"userId": "u", "context": context}));
    for context in [
        json!({"gdpr_consent": tc}),
        json!({"tcString": tc}),
        json!({"consent": {"tcString": tc}}),
        json!({"gpp": format!("DBABMA~{tc}")}),
    ] {
        let item = said(context);
        assert_eq!(
            (&item["tcf"]["string"], &item["tcf"]["purpose"]["3"]),
            (&tc.into(), &true.into())
        );
        assert_eq!(item["tcf"]["purpose"]["4"], false);
        assert!(item.get("context").is_none() && item.get("consent").is_none());
    }
    let us = said(
        json!({"gpp": "DBACNYA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YYN", "us_privacy": "1YNN"}),
    );
    assert_eq!((&us["usp"]["saleOptOut"], &us["gpp"]["sections"]), (&true.into(), &"2 6".into()));
    // Beside one that can't be read, which may have said no, none is believed.
    let odd = said(
        json!({"gdpr_consent": "nonsense", "tcString": tc, "gppString": "x", "us_privacy": "1"}),
    );
    for name in ["tcf", "gpp", "usp"] {
        assert_eq!(odd[name], json!({"unreadable": true}), "{name}");
    }
    // What an item says stands before what its batch says of all.
    let batch = batch(&json!({"gdpr_consent": tc, "batch": [{"type": "page", "userId": "u"},
        {"type": "page", "userId": "u", "context": {"us_privacy": "1NNN"}}]}));
    assert_eq!(batch[0].as_ref().unwrap()["tcf"]["cmp"], 27);
    assert!(batch[1].as_ref().unwrap().get("tcf").is_none());
}

#[test]
fn limits_cost_an_item_or_the_call() {
    let long = "x".repeat(ITEM_BYTES_MAX);
    let body = json!({"batch": [
        {"type": "page", "userId": "u", "name": long}, {"type": "page", "userId": "u"},
        {"type": "page", "userId": "u", "messageId": "m".repeat(MESSAGE_CHARS_MAX + 1)},
    ]});
    let codes: Vec<_> = batch(&body).into_iter().map(|item| item.err()).collect();
    assert_eq!(codes, [Some("item_too_large"), None, Some("message_id_too_long")]);
    let many: Vec<Value> = vec![json!({}); BATCH_ITEMS_MAX + 1];
    let text = json!({"batch": many}).to_string();
    let fault = read(Call::Batch, text.as_bytes(), arrival()).unwrap_err();
    assert_eq!(fault, BodyFault::TooManyItems);
    for (text, fault) in [
        ("", BodyFault::NotJson),
        ("[]", BodyFault::NotJson),
        ("{\"batch\":[}", BodyFault::NotJson),
        ("\u{0}", BodyFault::NotJson),
        ("{}", BodyFault::NoBatch),
        ("{\"batch\":{}}", BodyFault::NoBatch),
    ] {
        assert_eq!(read(Call::Batch, text.as_bytes(), arrival()), Err(fault), "{text}");
    }
    assert_eq!(read(Call::Batch, b"\xff", arrival()), Err(BodyFault::NotJson));
    let deep = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let text = format!("{{\"userId\":\"u\",\"properties\":{deep},\"batch\":{deep}}}");
    let body = read(Call::One(Kind::Page), text.as_bytes(), arrival()).unwrap();
    assert_eq!(body.items[0].shape, Err(ItemFault::TooLarge));
    assert_eq!(read(Call::Batch, text.as_bytes(), arrival()).unwrap().items.len(), 1);
}

#[test]
fn a_query_becomes_an_item() {
    let query =
        "writeKey=K&userId=u%201&properties.path=%2Fa%3Fb&properties.path.x=1&event=A+B&.=1";
    let (key, item) = item_of_query(query);
    assert_eq!(key.as_deref(), Some("K"));
    let item: Value = serde_json::from_str(&item).unwrap();
    let said = json!({"userId": "u 1", "event": "A B", "properties": {"path": "/a?b"}});
    assert_eq!(item, said);
}

/// A source of pages, orders and two categories of consent.
fn shop() -> Source {
    let mut source = source("person").with_observed(field("at"));
    source.format = Some(Format::Tracking);
    let state = |from: &str| mapped(from, &[("true", "given"), ("false", "refused")]);
    let mut order = event("order");
    order.when = [("type", "track"), ("event", "Order Completed")]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .into();
    order.id = Some(field("messageId"));
    source
        .with_attribute("name", "traits.name", ValueType::Text)
        .with_consent(consent(fixed("ads"), state("consent.Ads")))
        .with_consent(consent(fixed("news"), state("consent.News Letter")))
        .with_consent(consent(fixed("ads"), mapped("gpc", &[("true", "refused")])))
        .with_event(order)
}

fn reader(source: &Source) -> Reader {
    Reader::new(&Policy { controller: utc(), ..Policy::default() }, source).unwrap()
}

fn utc() -> Controller {
    Controller { timezone: "UTC".into(), ..Controller::default() }
}

fn record_of(body: &Value, kind: Kind, arrival: Arrival) -> Read {
    let read = read(Call::One(kind), body.to_string().as_bytes(), arrival).unwrap();
    let shape = read.items.into_iter().next().unwrap().shape.unwrap();
    reader(&shop()).read(&shape, 1, arrival.at)
}

fn said(record: &Record) -> Vec<(&str, &str)> {
    record.consents.iter().map(|said| (&*said.purpose, said.state.as_str())).collect()
}

#[test]
fn a_map_makes_a_record_of_an_item_and_names_what_it_does_not_know() {
    let body = json!({"userId": "u", "event": "Order Completed", "messageId": "m-1",
                      "properties": {"revenue": 14.99}, "integrations": {"All": true},
                      "_metadata": {"x": 1}, "context": {"ip": "1.2.3.4"}});
    let read = record_of(&body, Kind::Track, arrival());
    let record = read.record.unwrap();
    assert_eq!((record.key.as_str(), record.events.len()), ("u", 1));
    assert_eq!(record.events[0].id.as_deref(), Some("m-1"));
    let unknown: Vec<&str> = read.unknown.iter().map(|name| &**name).collect();
    assert_eq!(unknown, ["properties.revenue", "context.ip"]);
    let odd = record_of(&json!({"userId": "u", "event": "Odd"}), Kind::Track, arrival());
    assert!(odd.is_undeclared_event && odd.record.unwrap().events.is_empty());
}

#[test]
fn silence_of_a_whole_object_is_a_no_and_no_object_is_no_statement() {
    let stamped = |preferences: Value| json!({"userId": "u", "context": {"consent": {"categoryPreferences": preferences}}});
    let read = |body: &Value| record_of(body, Kind::Page, arrival()).record.unwrap();
    let both = read(&stamped(json!({"Ads": true, "News Letter": true})));
    assert_eq!(said(&both), [("ads", "given"), ("news", "given")]);
    let one = read(&stamped(json!({"Ads": true})));
    assert_eq!(said(&one), [("ads", "given"), ("news", "refused")]);
    assert_eq!(said(&read(&stamped(json!({})))), [("ads", "refused"), ("news", "refused")]);
    assert!(read(&json!({"userId": "u"})).consents.is_empty());
    let rudder = json!({"userId": "u", "context": {"consentManagement": {
        "allowedConsentIds": ["Ads"]}}});
    assert_eq!(said(&read(&rudder)), [("ads", "given"), ("news", "refused")]);
    let denied = json!({"userId": "u", "context": {"consentManagement": {
        "deniedConsentIds": ["Ads"]}}});
    assert_eq!(said(&read(&denied)), [("ads", "refused")]);
}

#[test]
fn a_browser_that_asks_for_privacy_overrides_the_banner() {
    let body = json!({"userId": "u", "context": {"consent": {"categoryPreferences": {
        "Ads": true, "News Letter": true}}}});
    let arrival = Arrival { privacy_signal: true, ..arrival() };
    let record = record_of(&body, Kind::Page, arrival).record.unwrap();
    assert_eq!(said(&record), [("news", "given"), ("ads", "refused")]);
}

#[test]
fn a_policy_maps_what_a_string_says() {
    let state = mapped("tcf.purpose.1", &[("true", "given"), ("false", "refused")]);
    let map = source("person").with_observed(field("at"));
    let map =
        Source { format: Some(Format::Tracking), ..map }.with_consent(consent(fixed("ads"), state));
    let read = |string: &str| {
        let body = json!({"userId": "u", "context": {"gdpr_consent": string}}).to_string();
        let read = read(Call::One(Kind::Page), body.as_bytes(), arrival()).unwrap();
        reader(&map).read(read.items[0].shape.as_ref().unwrap(), 1, arrival().at)
    };
    let yes = read("COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA");
    assert_eq!(said(&yes.record.unwrap()), [("ads", "given")]);
    assert_eq!(yes.unknown, [], "what else stands in the string is no loss");
    let no = read("CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA").record.unwrap();
    assert_eq!(said(&no), [("ads", "refused")]);
    let odd = read("nonsense");
    let record = odd.record.unwrap();
    assert_eq!((&record.consents[..], record.doubted.len()), (&[][..], 1));
    assert_eq!(odd.unknown.iter().map(|name| &**name).collect::<Vec<_>>(), ["tcf.unreadable"]);
}

#[test]
fn placeholders_are_nobody() {
    let read = record_of(&json!({"userId": "null"}), Kind::Page, arrival());
    assert_eq!(read.record.unwrap_err(), RejectReason::PlaceholderKey);
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("type"),
        Just("userId"),
        Just("anonymousId"),
        Just("messageId"),
        Just("event"),
        Just("traits"),
        Just("properties"),
        Just("context"),
        Just("consent"),
        Just("name"),
        Just("categoryPreferences"),
        Just("consentManagement"),
        Just("deniedConsentIds"),
        Just("timestamp"),
        Just("sentAt"),
        Just("a.b"),
        Just(""),
        Just("Ads"),
    ];
    leaf().prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever comes in: no panic, the shape is JSON that names a person, and reading it is the same
    /// each time.
    #[test]
    fn anything_has_a_shape_or_a_fault(body in anything(), kind in 0..6_usize) {
        let call = Call::One(Kind::ALL[kind]);
        let text = body.to_string();
        let Ok(once) = read(call, text.as_bytes(), arrival()) else {
            prop_assert!(!body.is_object());
            return Ok(());
        };
        prop_assert_eq!(&once, &read(call, text.as_bytes(), arrival()).unwrap());
        for item in once.items {
            let Ok(shape) = item.shape else { continue };
            let value: Value = serde_json::from_str(&shape.text).unwrap();
            prop_assert!(value["person"].as_str().is_some_and(|person| !person.trim().is_empty()));
            let mut reader = reader(&shop());
            let first = reader.read(&shape, 1, arrival().at);
            let second = reader.read(&shape, 1, arrival().at);
            prop_assert_eq!(first.record, second.record);
        }
    }

    /// An item in its one shape means what it meant: properties pass through as they are written.
    #[test]
    fn properties_are_untouched(properties in anything()) {
        prop_assume!(properties.is_object());
        let body = json!({"userId": "u", "event": "E", "properties": properties});
        prop_assume!(body.to_string().len() < ITEM_BYTES_MAX);
        let read = read(Call::One(Kind::Track), body.to_string().as_bytes(), arrival()).unwrap();
        let text = read.items[0].shape.as_ref().unwrap().text.clone();
        let written = format!("\"properties\":{properties}");
        prop_assert!(text.contains(&written), "{}", text);
    }

    /// No yes comes out that isn't written as one.
    #[test]
    fn no_consent_is_made_up(preferences in anything()) {
        let body = json!({"userId": "u",
                          "context": {"consent": {"categoryPreferences": preferences}}});
        prop_assume!(body.to_string().len() < ITEM_BYTES_MAX);
        let record = record_of(&body, Kind::Page, arrival()).record.unwrap();
        let agreed = preferences["Ads"] == true;
        let given = said(&record).contains(&("ads", "given"));
        prop_assert_eq!(given, agreed);
    }

    /// Hostile bytes and queries harm nothing.
    #[test]
    fn bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), query in ".*") {
        let _ = read(Call::Batch, &bytes, arrival());
        let (_, item) = item_of_query(&query);
        prop_assert!(read(Call::One(Kind::Page), item.as_bytes(), arrival()).is_ok());
    }
}
