//! Law 3: the gate is asked at the moment of sending, and each disclosure is recorded per subject.

use crate::common::{World, hour, numbers, rows};
use candor::consent::desk::Spoken;
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState;
use candor::send;

/// People of the shop, each in another situation towards the newsletter.
const SHOP: &str = "customer_id,at,name,email,optin,notice\n\
    c1,2026-01-04,Yes,yes@x.example,yes,letter-form@1\n\
    c2,2026-01-04,Unknown,unknown@x.example,,\n\
    c3,2026-01-04,No,no@x.example,no,\n\
    c4,2026-01-04,Out,out@x.example,out,\n\
    c5,2026-01-04,Restricted,restricted@x.example,yes,letter-form@1\n\
    c6,2026-01-04,Denied,denied@x.example,yes,letter-form@1\n\
    c7,2026-01-04,Objected,objected@x.example,yes,letter-form@1\n\
    c8,2026-01-04,Later,later@x.example,yes,letter-form@1\n\
    c9,2026-01-04,Erased,erased@x.example,yes,letter-form@1\n";

fn spoken(axis: Axis, purpose: Option<&str>, state: ConsentState) -> Spoken<'_> {
    let channel = (axis == Axis::Permission).then_some("email");
    Spoken { axis, purpose, channel, state, ..Spoken::default() }
}

fn world() -> World {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    world.say(
        "email:restricted@x.example",
        &spoken(Axis::Restriction, None, ConsentState::Given),
        hour(2),
    );
    world.say(
        "email:denied@x.example",
        &spoken(Axis::Permission, None, ConsentState::Withdrawn),
        hour(2),
    );
    world.say(
        "email:objected@x.example",
        &spoken(Axis::Objection, Some("newsletter"), ConsentState::Given),
        hour(2),
    );
    world.erase("email:erased@x.example", hour(2));
    world
}

fn sent(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().skip(1).filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn only_those_whom_the_gate_lets_out_are_sent_and_each_is_on_record() {
    let mut world = world();
    let out = world.folder.path().join("letter.csv");
    let run = send::push(&mut world.store, &world.rules, "mailer", &out, hour(3)).unwrap();
    let text = std::fs::read_to_string(&out).unwrap();
    assert_eq!(sent(&text), ["later@x.example,Later", "yes@x.example,Yes"]);
    assert_eq!(run.sent, 2);
    let withheld: Vec<_> = run.withheld.iter().map(|(reason, n)| (*reason, *n)).collect();
    assert_eq!(
        withheld,
        [
            ("channel_denied", 1),
            ("consent_refused", 1),
            ("consent_unknown", 1),
            ("consent_withdrawn", 1),
            ("objected", 1),
            ("restricted", 1)
        ]
    );
    // One disclosure for each person, under the entry of the run.
    let mut people = numbers(
        world.store.conn(),
        &format!(
            "SELECT r.subject FROM disclosure d JOIN record r ON r.id = d.record
             WHERE d.entry = {} AND d.at = {}",
            run.entry,
            hour(3).0
        ),
    );
    people.sort_unstable();
    let mut expected = vec![
        world.subject("email:yes@x.example").unwrap(),
        world.subject("email:later@x.example").unwrap(),
    ];
    expected.sort_unstable();
    assert_eq!(people, expected);
    assert_eq!(rows(world.store.conn(), "disclosure").len(), 2);
}

#[test]
fn the_gate_is_asked_at_the_moment_of_sending() {
    let mut world = world();
    let first = world.folder.path().join("first.csv");
    send::push(&mut world.store, &world.rules, "mailer", &first, hour(3)).unwrap();
    let no = spoken(Axis::Consent, Some("newsletter"), ConsentState::Withdrawn);
    world.say("email:later@x.example", &no, hour(4));
    let second = world.folder.path().join("second.csv");
    send::push(&mut world.store, &world.rules, "mailer", &second, hour(5)).unwrap();
    let text = std::fs::read_to_string(&second).unwrap();
    assert_eq!(sent(&text), ["yes@x.example,Yes"]);
}

#[test]
fn marketing_without_consent_needs_the_channels_permission() {
    let mut world = world();
    let out = world.folder.path().join("none.csv");
    let run = send::push(&mut world.store, &world.rules, "caller", &out, hour(3)).unwrap();
    assert_eq!(run.sent, 0, "{:?}", run.withheld);
    let yes = spoken(Axis::Permission, None, ConsentState::Given);
    world.say("email:unknown@x.example", &yes, hour(4));
    let objection = spoken(Axis::Objection, Some("winback"), ConsentState::Given);
    world.say("email:no@x.example", &yes, hour(4));
    world.say("email:no@x.example", &objection, hour(4));
    let out = world.folder.path().join("one.csv");
    let run = send::push(&mut world.store, &world.rules, "caller", &out, hour(5)).unwrap();
    assert_eq!(sent(&std::fs::read_to_string(&out).unwrap()), ["unknown@x.example"]);
    assert_eq!(run.withheld["objected"], 1);
}
