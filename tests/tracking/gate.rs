//! What comes in over HTTP comes in by the gate, and by nothing else.

use serde_json::{Value, json};

use candor::pipeline::intake::Intake;

use crate::common::{World, hour, numbers};
use crate::once::take_by;
use crate::served::{Served, now, order, policy};

fn page(message: &str, advertising: Option<bool>) -> Value {
    let mut page = json!({"type": "page", "anonymousId": "a-1", "messageId": message,
        "timestamp": now(), "name": "Home", "properties": {"path": "/"}});
    if let Some(answer) = advertising {
        let consent = json!({"categoryPreferences": {"Advertising": answer}});
        page["context"] = json!({"consent": consent});
    }
    page
}

fn statements(served: &Served) -> Vec<i64> {
    numbers(served.store().conn(), "SELECT state FROM statement ORDER BY n")
}

#[test]
fn unknown_consent_keeps_nothing_and_each_answer_is_told_once() {
    let served = Served::new();
    let heard = served.post("/v1/page", &page("m-1", None));
    assert_eq!((heard.status, &heard.json()["kept"]), (200, &json!(0)));
    assert!(heard.reasons().contains(&"consent_unknown".to_owned()), "{heard:?}");
    assert!(served.held().is_empty());
    assert!(numbers(served.store().conn(), "SELECT id FROM record").is_empty());

    for n in 2..6 {
        served.post("/v1/page", &page(&format!("m-{n}"), Some(true)));
    }
    assert_eq!(served.held().iter().filter(|held| held.starts_with("page_viewed")).count(), 4);
    assert_eq!(statements(&served).len(), 1, "a stamp on each call is one statement");

    // The "no" takes along what the "yes" let in.
    let heard = served.post("/v1/page", &page("m-6", Some(false)));
    assert!(heard.reasons().contains(&"consent_refused".to_owned()), "{heard:?}");
    assert!(served.held().is_empty(), "{:?}", served.held());
    assert_eq!(statements(&served).len(), 2);
    served.is_sound();
}

#[test]
fn the_event_of_a_consent_tool_is_a_statement_and_no_event() {
    let served = Served::new();
    let told = |answer: Value| {
        let body = json!({"userId": "u-1", "event": "Segment Consent Preference Updated",
            "properties": {}, "timestamp": now(), "context": answer});
        served.post("/v1/track", &body)
    };
    let consent = json!({"consent": {"categoryPreferences": {"Advertising": true}}});
    for kept in [1, 0] {
        let heard = told(consent.clone()).json();
        assert_eq!(heard["reasons"], json!([]), "{heard}");
        assert_eq!(heard["kept"], kept);
    }
    assert_eq!(statements(&served).len(), 1);
    assert_eq!(told(json!({})).reasons(), ["consent_missing"]);
}

/// What can't be read may be a "no": it is told, nothing comes in by the yes of before, and what that let in stays.
#[test]
fn answers_that_cannot_be_read_take_the_yes_back() {
    let served = Served::new();
    let yes = json!({"consent": {"categoryPreferences": {"Advertising": true}}});
    let say = |person: usize, context: &Value, n: usize| {
        let body = json!({"anonymousId": format!("a-{person}"), "name": "Home", "timestamp": now(),
            "messageId": format!("m-{person}-{n}"), "properties": {"path": "/"}, "context": context});
        served.post("/v1/page", &body)
    };
    let unreadable = [
        json!({"consent": "denied"}),
        json!({"consent": false}),
        json!({"consent": {"categoryPreferences": null}}),
        json!({"consent": {"categoryPreferences": ["Advertising"]}}),
        json!({"consentManagement": "none"}),
        json!({"consentManagement": {"deniedConsentIds": "Advertising"}}),
        json!({"consentManagement": {"deniedConsentIds": [{"id": "Advertising"}]}}),
        json!({"consentManagement": {"allowedConsentIds": [], "deniedConsentIds": []}}),
        json!({"consentManagement": {"allowedConsentIds": ["Advertising"]}, "consent": []}),
        json!({"consent_state": 0}),
        json!({"consent_state": {"gdpr": []}}),
        json!({"consent_state": {"gdpr": {"Advertising": true}}}),
        json!({"consent_state": {"gdpr": {"Advertising": {"consented": null}}}}),
    ];
    for (person, context) in unreadable.iter().enumerate() {
        assert_eq!(say(person, &yes, 1).json()["kept"], 1, "{context}");
        let heard = say(person, context, 2);
        let reasons = heard.reasons();
        let seen = |n: usize| served.count(&format!("page_viewed:m-{person}-{n}"));
        assert_eq!((heard.status, seen(2)), (200, 0), "{context} {heard:?}");
        for reason in ["unknown_value", "consent_unreadable"] {
            assert!(reasons.contains(&reason.to_owned()), "{context} {reasons:?}");
        }
        // Nor does a call that says nothing come in by that yes; the next one that can be read counts.
        say(person, &json!({}), 3);
        say(person, &yes, 4);
        assert_eq!((seen(3), seen(4)), (0, 1), "{context}");
    }
    let pages = served.held().iter().filter(|held| held.starts_with("page_viewed")).count();
    assert_eq!(pages, 2 * unreadable.len());
    // What a list of the allowed leaves out isn't allowed; what says nothing says nothing.
    let silent = [json!({"consent": null}), json!({"consentManagement": {"provider": "custom"}})];
    for context in &silent {
        assert_eq!(say(0, context, 5).json()["reasons"], json!([]), "{context}");
    }
    let other = json!({"consentManagement": {"allowedConsentIds": ["Analytics"]}});
    assert!(say(0, &other, 6).reasons().contains(&"consent_refused".to_owned()));
    served.is_sound();
}

#[test]
fn a_browser_that_asks_for_privacy_is_heard() {
    let served = Served::new();
    let key = crate::served::basic(&format!("{}:", served.key));
    let headers = [("Authorization", key.as_str()), ("Sec-GPC", "1")];
    let body = page("m-1", Some(true)).to_string();
    let heard = served.ask("POST", "/v1/page", &headers, body.as_bytes());
    assert!(heard.reasons().contains(&"consent_refused".to_owned()), "{heard:?}");
    assert!(served.held().is_empty());
}

/// Strings of the Transparency and Consent Framework: purpose 1 consented to in 2020, and not in 2022.
const TC_YES: &str = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA";
const TC_NO: &str = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA";

#[test]
fn a_consent_string_opens_the_gate_and_closes_it_by_its_own_time() {
    let mut served = Served::under(&with_strings());
    served.key = served.add_key(&["web"]);
    served.start();
    let seen = |message: &str, string: &str| {
        let mut page = page(message, None);
        page["context"] = json!({"gdpr_consent": string});
        served.post("/v1/page", &page)
    };
    assert_eq!(seen("m-1", TC_YES).reasons(), [""; 0], "what else the string says is no loss");
    assert_eq!(served.count("page_viewed:m-1"), 1);
    assert!(seen("m-2", TC_NO).reasons().contains(&"consent_refused".to_owned()));
    // The older yes comes again, and one that can't be read: neither undoes the no.
    for (message, string) in [("m-3", TC_YES), ("m-4", "nonsense")] {
        assert!(seen(message, string).reasons().contains(&"consent_refused".to_owned()));
    }
    assert!(served.held().is_empty(), "{:?}", served.held());
    assert_eq!(statements(&served).len(), 2);
    // The string stays as evidence, sealed with the statement.
    let out = served.run(&["consent", "history", "anonymous_id:a-1"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains(TC_YES) && text.contains(TC_NO), "{text}");
    served.is_sound();
}

/// A string that was cut short may have been a "no": nothing comes in by it or by the yes of before, until there is a
/// younger one.
#[test]
fn a_consent_string_that_is_cut_takes_the_yes_back() {
    let mut served = Served::under(&with_strings());
    served.key = served.add_key(&["web"]);
    served.start();
    let seen = |message: &str, context: Value| {
        let mut page = page(message, None);
        page["context"] = context;
        served.post("/v1/page", &page)
    };
    assert_eq!(seen("m-1", json!({"gdpr_consent": TC_YES})).json()["kept"], 1);
    for (n, cut) in [
        json!({"gdpr_consent": &TC_YES[..20]}),
        json!({"tcString": {"value": TC_YES}}),
        json!({"gpp": &format!("DBABMA~{TC_YES}")[..15]}),
        json!({"gdpr_consent": TC_YES}),
    ]
    .into_iter()
    .enumerate()
    {
        let heard = seen(&format!("m-2{n}"), cut);
        let reasons = heard.reasons();
        let told = ["consent_unreadable", "consent_invalidated"];
        assert!(reasons.iter().any(|reason| told.contains(&reason.as_str())), "{reasons:?}");
        assert_eq!(served.count(&format!("page_viewed:m-2{n}")), 0);
    }
    assert_eq!(served.count("page_viewed:m-1"), 1, "nothing is forgotten for it");
    assert_eq!(statements(&served).len(), 2);
    served.is_sound();
}

/// The policy, where the newest answer of a banner stands in a string.
fn with_strings() -> String {
    format!(
        "{}\n[[source.web.consent]]\npurpose = \"suggestions\"\nnotice = \"cookie-banner@3\"\n\
         state = {{ from = \"tcf.purpose.1\", values = {{ true = \"given\", false = \"refused\" }} }}\n\
         at = {{ from = \"tcf.updated\" }}\nmethod = {{ from = \"tcf.string\" }}\n",
        policy()
    )
}

#[test]
fn two_records_of_one_browser_are_one_person_and_a_third_is_somebody_else() {
    let served = Served::new();
    let seen = |user: Option<&str>, message: &str| {
        let mut page = page(message, Some(true));
        if let Some(user) = user {
            page["userId"] = user.into();
        }
        assert_eq!(served.post("/v1/page", &page).status, 200);
        numbers(served.store().conn(), "SELECT COUNT(DISTINCT subject) FROM record")[0]
    };
    assert_eq!(seen(None, "m-1"), 1);
    assert_eq!(seen(Some("u-1"), "m-2"), 1, "who signs in is who was there");
    assert!(seen(Some("u-2"), "m-3") > 1, "who signs in next is another person");
}

#[test]
fn reasons_are_told_item_by_item_and_counted() {
    let served = Served::new();
    let batch = json!({"batch": [
        order("u-1", "m-1"),
        {"type": "identify", "userId": "u-1", "traits": {"email": "none", "iban": "x"}},
        {"type": "track", "userId": "u-1", "event": "Odd"},
        {"type": "page"},
        7,
    ]});
    let heard = served.post("/v1/batch", &batch).json();
    let told: Vec<(u64, &str, &str)> = heard["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| {
            let text = |name: &str| reason[name].as_str().unwrap_or_default();
            (reason["item"].as_u64().unwrap(), text("what"), text("reason"))
        })
        .collect();
    assert!(told.contains(&(1, "traits.iban", "unknown_field")), "{told:?}");
    assert!(told.contains(&(1, "traits.email", "placeholder")), "{told:?}");
    assert!(told.contains(&(2, "event", "unknown_event")), "{told:?}");
    assert!(told.contains(&(3, "", "no_subject")), "{told:?}");
    assert!(told.contains(&(4, "", "not_an_object")), "{told:?}");
    let totals: Vec<Value> = {
        let store = served.store();
        let mut statement = store.conn().prepare("SELECT totals FROM import").unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|text| serde_json::from_str(&text.unwrap()).unwrap()).collect()
    };
    assert_eq!(totals.len(), 1);
    assert_eq!((&totals[0]["rows"], &totals[0]["events_new"]), (&json!(5), &json!(1)));
    assert_eq!(totals[0]["rows_without_person"], 1);
    assert!(!totals[0].to_string().contains("iban"), "names that data made up are not kept");
}

#[test]
fn another_process_changes_the_policy_and_erases_while_data_comes_in() {
    let served = Served::new();
    assert_eq!(served.post("/v1/track", &order("u-1", "m-1")).json()["kept"], 1);
    let signup =
        json!({"type": "track", "userId": "u-2", "event": "Signed Up", "messageId": "m-2"});
    assert!(served.post("/v1/track", &signup).reasons().contains(&"unknown_event".to_owned()));
    let more = format!(
        "{}\n[[source.web.event]]\nname = \"signed_up\"\ncategory = \"order\"\n\
         when = {{ type = \"track\", event = \"Signed Up\" }}\n",
        policy()
    );
    std::fs::write(served.folder.path().join("policy.toml"), more).unwrap();
    let applied = served.run(&["policy", "apply", "policy.toml"]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stdout));
    let heard = served.post("/v1/track", &signup);
    assert_eq!((heard.status, &heard.json()["kept"]), (200, &json!(1)), "{heard:?}");

    // The books of orders aren't kept by law here, so all of the person goes, and stays out.
    let erased = served.run(&["erase", "user_id:u-1"]);
    assert!(erased.status.success(), "{}", String::from_utf8_lossy(&erased.stdout));
    let heard = served.post("/v1/track", &order("u-1", "m-3"));
    assert_eq!(heard.reasons(), ["suppressed"]);
    assert_eq!(served.held().iter().filter(|held| held.contains("u-1")).count(), 0);
    assert!(!crate::common::contains(&crate::common::raw(&served.path()), b"u-1"));
    served.is_sound();
}

/// What one source hears acts on what another one sends, though both are remembered.
#[test]
fn a_no_to_one_source_is_heard_by_all() {
    let text = policy();
    let web = &text[text.find("[source.web]").unwrap()..];
    let both = format!("{text}\n{}", web.replace("source.web", "source.app"));
    let mut world = World::under(&both);
    let rules = world.rules.clone();
    let mut intake = Intake::new(&rules);
    let page = |message: &str, answer: bool| {
        let mut page = page(message, Some(answer));
        page["timestamp"] = hour(1).to_string().into();
        json!({"batch": [page]})
    };
    let mut kept = |source: &str, body: &Value, hours: i64| {
        take_by(&mut intake, &mut world, source, body, hour(hours)).remove(0).kept
    };
    assert!(kept("web", &page("w-1", true), 1) > 0);
    assert!(kept("app", &page("a-1", true), 2) > 0);
    let mut silent = page("a-2", true);
    silent["batch"][0]["context"] = json!({});
    assert_eq!(kept("app", &silent, 3), 1, "it stands where it stood");
    kept("web", &page("w-2", false), 4);
    let mut after = silent.clone();
    after["batch"][0]["messageId"] = "a-3".into();
    assert_eq!(kept("app", &after, 5), 0, "the other source has heard a no since");
    world.is_sound();
}
