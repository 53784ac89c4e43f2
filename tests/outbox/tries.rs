//! How often a message is tried, in which order, and who gives up.

use candor::send::outbox::{self, Which};

use crate::common::hour;
use crate::recipient::Reply;
use crate::scene::{Scene, reached};

/// A scene in which Ann alone may be reached.
fn ann_alone(more: &str) -> Scene {
    let mut scene = Scene::with(more);
    scene.withdraw("email:bo@x.example");
    scene
}

#[test]
fn a_gone_address_is_given_up_at_once_and_tried_again_by_a_person() {
    let mut scene = ann_alone("");
    scene.push();
    scene.recipient.will([Reply::Status(410, "")]);
    assert_eq!(scene.send().dead, 1);
    scene.wait(100_000);
    assert!(scene.send().is_empty(), "nobody tries it again by itself");
    let row = scene.rows().remove(0);
    assert_eq!((row.state, row.status, row.attempts), ("dead", 410, 1));
    let now = scene.now();
    assert_eq!(outbox::replay(&mut scene.world.store, Which::Row(row.id), now).unwrap(), 1);
    assert_eq!(scene.send().delivered, 1);
    let heard = scene.recipient.heard();
    assert_eq!(heard[0].header("webhook-id"), heard[1].header("webhook-id"));
    assert_eq!(scene.disclosures(), 1);
    scene.is_sound();
}

#[test]
fn it_is_tried_eight_times_in_about_a_day() {
    let mut scene = ann_alone("");
    scene.push();
    scene.recipient.will(std::iter::repeat_n(Reply::Status(500, ""), 20));
    let began = scene.now();
    let mut tried = Vec::new();
    for _ in 0..4_000 {
        if scene.send().again > 0 {
            tried.push((scene.now().0 - began.0) / 1_000);
        }
        if scene.rows()[0].state == "dead" {
            break;
        }
        let next = candor::base::clock::Moment::parse(&scene.rows()[0].next_at).unwrap();
        scene.wait(((next.0 - scene.now().0) / 1_000 + 1).max(1));
    }
    assert_eq!(scene.recipient.heard().len(), 8);
    assert_eq!((scene.rows()[0].attempts, scene.rows()[0].state), (8, "dead"));
    let took = (scene.now().0 - began.0) / 3_600_000;
    assert!((2..=12).contains(&took), "{took} hours: {tried:?}");
    let now = scene.now();
    assert_eq!(outbox::replay(&mut scene.world.store, Which::Destination("hook"), now).unwrap(), 1);
    let id = scene.rows()[0].id;
    outbox::drop_row(&mut scene.world.store, id, now).unwrap();
    assert!(scene.rows().is_empty());
    assert_eq!(outbox::show(&scene.world.store, id).unwrap_err().code, "outbox-unknown");
    scene.is_sound();
}

#[test]
fn a_recipient_says_when_to_come_again() {
    let mut scene = ann_alone("");
    scene.push();
    scene.recipient.will([Reply::Status(429, "Retry-After: 600\r\n")]);
    scene.send();
    scene.wait(599);
    assert!(scene.send().is_empty());
    scene.wait(2);
    assert_eq!(scene.send().delivered, 1);
}

#[test]
fn the_policy_says_how_often_and_how_many() {
    let mut scene = Scene::with("attempts = 1\nrate = \"1 in PT1M\"");
    scene.push();
    scene.recipient.will([Reply::Status(500, "")]);
    let mut worker = scene.worker();
    let report = worker.run_once().unwrap();
    assert_eq!((report.dead, report.delivered), (1, 0), "one a minute, and one try");
    scene.wait(59);
    assert!(worker.run_once().unwrap().is_empty());
    scene.wait(2);
    assert_eq!(worker.run_once().unwrap().delivered, 1);
}

#[test]
fn a_later_message_waits_for_the_earlier_one_of_the_same_person() {
    let mut scene = ann_alone("");
    scene.push();
    scene.recipient.will([Reply::Status(503, "")]);
    scene.send();
    // Another one of the same person, while the first waits to be tried again.
    assert_eq!(scene.push(), 1);
    assert!(scene.send().is_empty(), "it overtakes nothing");
    scene.wait(10);
    assert_eq!(scene.send().delivered, 2);
    let ids: Vec<String> = scene
        .recipient
        .heard()
        .iter()
        .map(|heard| heard.header("webhook-id").unwrap().to_owned())
        .collect();
    assert_eq!(ids[0], ids[1], "the first one first");
    assert_ne!(ids[1], ids[2]);
    scene.is_sound();
}

#[test]
fn what_waits_untried_is_not_queued_twice() {
    let mut scene = Scene::new();
    assert_eq!((scene.push(), scene.push()), (2, 0));
    assert_eq!(scene.send().delivered, 2);
    assert_eq!(scene.push(), 2, "what was sent may be sent again");
}

#[test]
fn a_recipient_in_trouble_is_left_alone() {
    let mut scene = Scene::new();
    let mut more = String::from("customer_id,at,name,email,optin,notice\n");
    for n in 10..40 {
        more += &format!("c{n},2026-01-04,N,n{n}@x.example,yes,letter-form@1\n");
    }
    scene.world.import("shop", &more, hour(1));
    assert_eq!(scene.push(), 32);
    scene.recipient.will(std::iter::repeat_n(Reply::Status(500, ""), 100));
    let mut worker = scene.worker();
    worker.run_once().unwrap();
    assert_eq!(scene.recipient.heard().len(), 5, "five failures in a row open the circuit");
    scene.wait(31);
    worker.run_once().unwrap();
    assert_eq!(scene.recipient.heard().len(), 6, "one tries whether it is back");
    assert!(scene.rows().iter().all(|row| row.state != "dead"), "the others lose no try");
    scene.is_sound();
}

#[test]
fn without_its_secret_a_message_waits_and_nothing_is_disclosed() {
    let mut scene = ann_alone("");
    scene.secret("mailer", "not a signing secret");
    scene.push();
    assert_eq!(scene.send().without_secret, 1);
    assert_eq!((scene.disclosures(), scene.recipient.heard().len()), (0, 0));
    scene.secret("mailer", crate::scene::SECRET);
    scene.wait(61);
    assert_eq!(scene.send().delivered, 1);
    assert_eq!(scene.reached(), reached(&[("ann@x.example", 1)]));
}
