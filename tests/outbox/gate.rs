//! Law 3: what waits in the queue goes out only if the gate says yes at the moment of sending.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use candor::base::clock::Moment;
use candor::base::error::Kind;
use candor::consent::desk::Spoken;
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState;
use candor::send::outbox::{self, Report};
use candor::subject::erase::erase;

use crate::common::{World, hour, numbers};
use crate::recipient::{Recipient, Reply};
use crate::scene::{READERS, Scene, policy, reached};

#[test]
fn a_message_says_what_the_policy_lists_and_is_signed() {
    let mut scene = Scene::new();
    assert_eq!(scene.push(), 2);
    assert_eq!(scene.disclosures(), 0, "nothing went yet");
    assert_eq!(scene.send(), Report { delivered: 2, ..Report::default() });
    let heard = scene.recipient.heard();
    assert_eq!(heard.len(), 2);
    for heard in &heard {
        let body = heard.json();
        let seconds: i64 = heard.header("webhook-timestamp").unwrap().parse().unwrap();
        assert_eq!(seconds, scene.now().0 / 1_000);
        let id = heard.header("webhook-id").unwrap();
        let key = candor::send::signing_key(crate::scene::SECRET).unwrap();
        let signed = candor::send::signature(&key, id, seconds, heard.body.as_bytes());
        assert_eq!(heard.header("webhook-signature"), Some(signed.as_str()));
        assert_eq!(heard.header("content-type"), Some("application/json"));
        assert_eq!(heard.line, "POST /hook");
        let names: Vec<&String> = body["data"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["email", "first_name", "id"]);
        assert_eq!((&body["type"], &body["id"]), (&"profile.updated".into(), &id.into()));
        assert_eq!((&body["purpose"], &body["channel"]), (&"newsletter".into(), &"email".into()));
    }
    assert_ne!(heard[0].json()["data"]["id"], heard[1].json()["data"]["id"]);
    assert_eq!(scene.disclosures(), 2);
    assert!(scene.rows().is_empty(), "what was delivered is gone");
    scene.is_sound();
}

#[test]
fn withdrawn_between_queueing_and_sending_nothing_is_sent() {
    let mut scene = Scene::new();
    scene.push();
    scene.withdraw("email:ann@x.example");
    let report = scene.send();
    assert_eq!((report.delivered, report.withheld.values().sum::<u64>()), (1, 1));
    assert_eq!(scene.reached(), reached(&[("bo@x.example", 1)]));
    assert_eq!(scene.disclosures(), 1);
    assert!(scene.rows().is_empty());
    scene.is_sound();
}

#[test]
fn withdrawn_between_two_tries_nothing_more_is_sent() {
    let mut scene = Scene::new();
    scene.withdraw("email:bo@x.example");
    scene.push();
    scene.recipient.will([Reply::Status(503, "")]);
    assert_eq!(scene.send().again, 1);
    scene.withdraw("email:ann@x.example");
    scene.wait(3_600);
    let report = scene.send();
    assert_eq!(report.withheld.values().sum::<u64>(), 1);
    assert_eq!(scene.reached()["ann@x.example"], 1, "what went before it");
    // Whether the recipient took it isn't known: it is told to stop, and nothing else.
    let heard = scene.recipient.heard();
    assert_eq!((heard.len(), &heard[1].json()["type"]), (2, &"profile.stop".into()));
    assert_eq!(scene.disclosures(), 1, "and that is on record");
    scene.is_sound();
}

/// Six more readers, queued for a recipient that takes its time.
fn slow(scene: &mut Scene) {
    let mut more = String::from("customer_id,at,name,email,optin,notice\n");
    for n in 10..16 {
        more += &format!("c{n},2026-01-04,N,n{n}@x.example,yes,letter-form@1\n");
    }
    scene.world.import("shop", &more, hour(1));
    scene.push();
    scene.recipient.will(std::iter::repeat_n(Reply::Slowly(Duration::from_millis(600)), 9));
}

/// Sends in a thread, until the recipient heard the first message; whom that was about.
fn under_way(scene: &Scene) -> (JoinHandle<Report>, String) {
    let mut worker = scene.worker();
    let sending = std::thread::spawn(move || worker.run_once().unwrap());
    while scene.recipient.heard().is_empty() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let first = scene.recipient.heard()[0].json()["data"]["email"].as_str().unwrap().to_owned();
    (sending, first)
}

#[test]
fn whoever_says_no_while_others_are_being_sent_gets_nothing() {
    let mut scene = Scene::new();
    slow(&mut scene);
    let (sending, first) = under_way(&scene);
    let others: Vec<String> = ["ann", "bo", "n10", "n11", "n12", "n13", "n14", "n15"]
        .iter()
        .map(|name| format!("{name}@x.example"))
        .filter(|who| *who != first)
        .collect();
    let now = scene.now();
    scene.withdraw(&format!("email:{}", others[0]));
    let restricted = Spoken { axis: Axis::Restriction, ..Spoken::default() };
    scene.world.say(&format!("email:{}", others[1]), &restricted, now);
    scene.world.erase(&format!("email:{}", others[2]), now);
    let denied = Spoken {
        axis: Axis::Permission,
        channel: Some("email"),
        state: ConsentState::Refused,
        ..Spoken::default()
    };
    scene.world.say(&format!("email:{}", others[3]), &denied, now);
    let said_at = scene.recipient.heard().len();
    assert!(said_at < 3, "it took its time");
    let report = sending.join().unwrap();
    let heard = scene.reached();
    for who in &others[..4] {
        assert_eq!(heard.get(who), None, "{who} had said no before");
    }
    assert_eq!((heard.len(), report.delivered, report.withheld.values().sum::<u64>()), (4, 4, 3));
    assert_eq!(scene.disclosures(), 4, "what wasn't sent is no disclosure");
    // So there is nothing to be taken back either.
    assert!(scene.send().is_empty());
    assert!(scene.rows().is_empty());
    scene.is_sound();
}

#[test]
fn nobody_is_erased_while_a_message_of_theirs_is_being_sent() {
    let mut scene = Scene::new();
    slow(&mut scene);
    let (sending, first) = under_way(&scene);
    let (now, who) = (scene.now(), format!("email:{first}"));
    let subject = scene.world.subject(&who).unwrap();
    assert!(outbox::is_under_way(&scene.world.store, subject, now).unwrap());
    let World { store, rules, .. } = &mut scene.world;
    let error = erase(store, rules, subject, now).unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::Busy, "outbox-sending"));
    sending.join().unwrap();
    assert!(!outbox::is_under_way(&scene.world.store, subject, now).unwrap());
    scene.world.erase(&who, now);
    scene.send();
    assert_eq!(scene.recipient.heard().last().unwrap().json()["type"], "profile.delete");
    assert_eq!(scene.reached()[&first], 1);
    scene.is_sound();
}

#[test]
fn a_recipient_that_is_silent_holds_up_no_other() {
    let (quick, mut scene) = (Recipient::start(), Scene::bare(|recipient| policy(recipient, "")));
    let other = policy(&quick, "").replace("[destination.hook]", "[destination.quick]");
    let other = other.split("\n[destination.quick]").nth(1).unwrap().to_owned();
    let both = format!("{}\n[destination.quick]{other}", policy(&scene.recipient, ""));
    scene.apply(&both);
    scene.secret("mailer", crate::scene::SECRET);
    scene.world.import("shop", READERS, hour(1));
    scene.recipient.will([Reply::Slowly(Duration::from_secs(4))]);
    scene.push();
    let (sending, _) = under_way(&scene);
    scene.push_to("quick").unwrap();
    let began = Instant::now();
    while quick.heard().len() < 2 {
        assert!(began.elapsed() < Duration::from_secs(2), "it waits for the silent one");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(sending.join().unwrap().delivered, 4);
    scene.is_sound();
}

#[test]
fn erased_while_waiting_nothing_is_sent_and_nothing_is_left() {
    let mut scene = Scene::new();
    scene.push();
    let now = scene.now();
    let certificate = scene.world.erase("email:ann@x.example", now);
    assert_eq!(certificate.rows["outbox"], 1);
    assert_eq!(scene.rows().len(), 1);
    scene.send();
    assert_eq!(scene.reached(), reached(&[("bo@x.example", 1)]));
    scene.is_sound();
}

#[test]
fn what_is_sent_is_the_profile_as_it_is_then() {
    let mut scene = Scene::new();
    scene.push();
    let now = scene.now();
    let moved = "customer_id,at,name,email,optin,notice\n\
        c1,2026-01-05,Anna,ann@x.example,yes,letter-form@1\n";
    scene.world.import("shop", moved, now);
    scene.send();
    let names: Vec<String> = scene
        .recipient
        .heard()
        .iter()
        .map(|heard| heard.json()["data"]["first_name"].as_str().unwrap().to_owned())
        .collect();
    assert!(names.contains(&"Anna".to_owned()), "{names:?}");
}

#[test]
fn another_policy_decides_while_rows_wait() {
    let mut scene = Scene::new();
    scene.push();
    // Another address: the rows go there.
    let elsewhere = policy(&scene.recipient, "attempts = 3").replace("/hook\"", "/other\"");
    scene.apply(&elsewhere);
    scene.recipient.will([Reply::Status(500, "")]);
    scene.send();
    assert!(scene.recipient.heard().iter().all(|heard| heard.line == "POST /other"));
    // The destination is gone: what waits is withheld.
    let gone = elsewhere.split("\n[destination.hook]").next().unwrap().to_owned();
    scene.apply(&gone);
    scene.wait(3_600);
    let report = scene.send();
    assert_eq!(report.withheld.get("destination_gone"), Some(&1));
    assert_eq!(scene.recipient.heard().len(), 2);
    scene.is_sound();
}

#[test]
fn a_merge_and_a_split_while_rows_wait_move_them_with_their_record() {
    let mut scene = Scene::new();
    let leads = "lead,at,name,email,optin,notice\n\
        l1,2026-01-04,Ann,ann.other@x.example,yes,letter-form@1\n";
    scene.world.import("leads", leads, hour(1));
    assert_eq!(scene.push(), 3);
    let (one, two) = (
        scene.world.subject("email:ann@x.example").unwrap(),
        scene.world.subject("email:ann.other@x.example").unwrap(),
    );
    scene.join(two, one);
    // They are one person now, who withdraws: neither row goes.
    scene.withdraw("email:ann@x.example");
    let report = scene.send();
    assert_eq!(scene.reached(), reached(&[("bo@x.example", 1)]));
    assert_eq!(report.withheld.values().sum::<u64>(), 2);
    scene.is_sound();
}

#[test]
fn parted_while_rows_wait_each_is_sent_as_themselves() {
    let mut scene = Scene::new();
    scene.withdraw("email:bo@x.example");
    let leads = "lead,at,name,email,optin,notice\n\
        l1,2026-01-04,Dee,dee@x.example,yes,letter-form@1\n";
    scene.world.import("leads", leads, hour(1));
    let (one, two) = (
        scene.world.subject("email:ann@x.example").unwrap(),
        scene.world.subject("email:dee@x.example").unwrap(),
    );
    scene.join(two, one);
    assert_eq!(scene.push(), 1, "one person");
    scene.part(one);
    scene.send();
    let heard = scene.recipient.heard();
    assert_eq!(heard.len(), 1);
    let data = &heard[0].json()["data"];
    let pair = (data["email"].as_str().unwrap(), data["first_name"].as_str().unwrap());
    assert!([("ann@x.example", "Ann"), ("dee@x.example", "Dee")].contains(&pair), "{pair:?}");
    scene.is_sound();
}

#[test]
fn a_try_is_no_further_disclosure() {
    // Once in thirty days: the second try carries out the same one.
    let mut scene = Scene::with("at_most = \"1 in P30D\"");
    scene.push();
    scene.recipient.will([Reply::Status(503, ""), Reply::End, Reply::Status(503, "")]);
    assert_eq!(scene.send().again, 2);
    for _ in 0..4 {
        scene.wait(3_600);
        scene.send();
    }
    assert_eq!(scene.disclosures(), 2);
    let ids = |who: &str| {
        let heard = scene.recipient.heard();
        let of = heard.iter().filter(|heard| heard.body.contains(who));
        of.map(|heard| heard.header("webhook-id").unwrap().to_owned()).collect::<Vec<_>>()
    };
    for who in ["ann@x.example", "bo@x.example"] {
        let ids = ids(who);
        assert!(ids.len() >= 2 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
    // A further push is one.
    scene.push();
    assert_eq!(scene.send().withheld.get("frequency_limit"), None, "they weren't even queued");
    scene.is_sound();
}

#[test]
fn nobody_is_named_by_the_queue_or_its_entries() {
    let mut scene = Scene::new();
    scene.push();
    scene.recipient.will([Reply::Status(400, ""), Reply::Status(400, "")]);
    scene.send();
    let told = serde_json::to_string(&scene.rows()).unwrap();
    for word in ["ann", "Ann", "x.example", "no such person"] {
        assert!(!told.contains(word), "{told}");
    }
    let raw = String::from_utf8_lossy(&scene.world.raw()).into_owned();
    assert!(!raw.contains("ann@x.example") && !raw.contains("no such person"));
    let columns = numbers(
        scene.world.store.conn(),
        "SELECT COUNT(*) FROM pragma_table_info('outbox') WHERE type <> 'INTEGER'",
    );
    assert_eq!(columns, [0], "integers alone");
    assert!(READERS.contains("ann@x.example"));
    assert!(scene.now() > Moment(0));
}
