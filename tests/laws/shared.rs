//! An address that several people have: nothing is sent there that one of them said no to (laws 3 and 9),
//! whatever kind of "no" it is, and also when that one is held no more. A question that waits for its answer
//! is no "no" of anybody.

use candor::consent::desk::Spoken;
use candor::consent::fold::AsOf;
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState::{self, Expired, Given, Requested, Withdrawn};
use candor::send::audience;
use candor::subject::backup;
use candor::subject::state::{Mark, state};

use crate::common::{POLICY, World, hour, numbers};
use crate::law_6_erased_means_gone::restore_over;

const ANN: &str = "phone:+353871234567";
const BOB: &str = "phone:+353871234568";

/// Ann and Bob, two people of one address, who both want the letter and may be written to by e-mail.
fn ann_and_bob() -> World {
    let apart = "form = \"email\"\nunless_differ = [\"first_name\"]";
    let mut world = World::under(&POLICY.replacen("form = \"email\"", apart, 1));
    let rows = "customer_id,at,name,email,phone,optin,notice\n\
        c1,2026-01-04,Ann,both@x.example,0871234567,yes,letter-form@2\n\
        c2,2026-01-04,Bob,both@x.example,0871234568,yes,letter-form@2\n";
    world.import("shop", rows, hour(1));
    for who in [ANN, BOB] {
        world.say(who, &on(Axis::Permission, None, Given), hour(1));
    }
    assert_eq!((sent(&world, "mailer", 2), sent(&world, "caller", 2)), (2, 2));
    world
}

fn on(axis: Axis, purpose: Option<&str>, state: ConsentState) -> Spoken<'_> {
    let channel = (axis == Axis::Permission).then_some("email");
    Spoken { axis, purpose, channel, state, ..Spoken::default() }
}

#[test]
fn who_turns_out_to_share_an_address_is_parted_and_counted() {
    let mut world = World::new();
    let row = |n: u32| format!("c{n},2026-01-04,Ann {n},hall@x.example,,yes,letter-form@2\n");
    let head = "customer_id,at,name,email,phone,optin,notice\n";
    let together = format!("{head}{}", (1..=3).map(row).collect::<String>());
    assert_eq!(world.import("shop", &together, hour(1)).summary.partings, 0);
    let summary = world.import("shop", &format!("{head}{}", row(4)), hour(2)).summary;
    assert_eq!(
        (summary.merges, summary.partings),
        (0, 2),
        "of three that were one, two are others"
    );
    assert_eq!(numbers(world.store.conn(), "SELECT DISTINCT subject FROM record").len(), 4);
    world.is_sound();
}

/// How many people something would be sent to.
fn sent(world: &World, destination: &str, at: i64) -> usize {
    audience(&world.store, &world.rules, destination, hour(at)).unwrap().permitted.len()
}

fn is_told(world: &World, who: &str, purpose: &str, at: i64) -> bool {
    let subject = world.subject(who).unwrap();
    let state = state(&world.store, &world.rules, subject, AsOf::at(hour(at))).unwrap();
    state.marks.contains(&Mark::SharedNo { purpose: purpose.into() })
}

#[test]
fn every_kind_of_no_closes_a_shared_address() {
    let noes = [
        (on(Axis::Objection, Some("winback"), Given), [2, 0]),
        (on(Axis::Permission, None, Withdrawn), [0, 0]),
        (on(Axis::Restriction, None, Given), [0, 0]),
        (on(Axis::Consent, Some("newsletter"), Withdrawn), [0, 2]),
    ];
    for (no, left) in noes {
        let mut world = ann_and_bob();
        world.say(ANN, &no, hour(3));
        let now = [sent(&world, "mailer", 4), sent(&world, "caller", 4)];
        assert_eq!(now, left, "{:?}", no.axis);
        assert_eq!(is_told(&world, BOB, "newsletter", 4), left[0] == 0, "{:?}", no.axis);
    }
}

#[test]
fn a_question_that_waits_or_a_yes_that_ran_out_is_no_no_of_anybody() {
    for state in [Requested, Expired] {
        let apart = "form = \"email\"\nunless_differ = [\"first_name\"]";
        let mut world = World::under(&POLICY.replacen("form = \"email\"", apart, 1));
        let rows = "customer_id,at,name,email,phone,optin,notice\n\
            c1,2026-01-04,Ann,both@x.example,0871234567,,\n\
            c2,2026-01-04,Bob,both@x.example,0871234568,yes,letter-form@2\n";
        world.import("shop", rows, hour(1));
        let asked = Spoken {
            notice: Some("letter-form@2"),
            ..on(Axis::Consent, Some("newsletter"), state)
        };
        world.say(ANN, &asked, hour(2));
        assert_eq!(sent(&world, "mailer", 3), 1, "{state:?}");
        assert!(!is_told(&world, BOB, "newsletter", 3), "{state:?}");
        let report = candor::audit::consent::consent(&world.store, None, hour(3)).unwrap();
        assert!(report.shared.is_empty(), "{state:?}");
    }
}

#[test]
fn a_no_that_is_asked_about_again_still_closes_a_shared_address() {
    let mut world = ann_and_bob();
    world.say(ANN, &on(Axis::Consent, Some("newsletter"), Withdrawn), hour(3));
    let asked = Spoken {
        notice: Some("letter-form@2"),
        ..on(Axis::Consent, Some("newsletter"), Requested)
    };
    world.say(ANN, &asked, hour(4));
    assert_eq!(sent(&world, "mailer", 5), 0, "she has not said yes to it yet");
    let yes =
        Spoken { notice: Some("letter-form@2"), ..on(Axis::Consent, Some("newsletter"), Given) };
    world.say(ANN, &yes, hour(6));
    assert_eq!(sent(&world, "mailer", 7), 2);
}

#[test]
fn erasing_who_said_no_sends_nothing_to_the_address_again() {
    let noes = [
        (on(Axis::Objection, Some("winback"), Given), [1, 0]),
        (on(Axis::Permission, None, Withdrawn), [0, 0]),
        // What a restriction kept from use is gone.
        (on(Axis::Restriction, None, Given), [1, 1]),
        (on(Axis::Consent, Some("newsletter"), Withdrawn), [0, 1]),
    ];
    for (no, left) in noes {
        let mut world = ann_and_bob();
        world.say(ANN, &no, hour(3));
        world.erase(ANN, hour(4));
        let now = |world: &World, at| [sent(world, "mailer", at), sent(world, "caller", at)];
        assert_eq!(now(&world, 5), left, "{:?}", no.axis);
        assert_eq!(is_told(&world, BOB, "newsletter", 5), left[0] == 0, "{:?}", no.axis);
        world.is_sound();
        // It is the address that is closed: by another one he is written to as before.
        let rows = "customer_id,at,name,email,phone,optin,notice\n\
            c2,2026-01-06,Bob,bob@x.example,0871234568,yes,letter-form@2\n";
        world.import("shop", rows, hour(30));
        assert_eq!(now(&world, 31), [1, 1], "{:?}", no.axis);
    }
}

#[test]
fn a_restore_keeps_the_address_closed_of_whom_it_erases_again() {
    let mut world = ann_and_bob();
    let kept = world.folder.path().join("kept");
    backup::backup(&mut world.store, &kept, hour(2)).unwrap();
    // What she said after the backup is in it no more than her erasure.
    world.say(ANN, &on(Axis::Consent, Some("newsletter"), Withdrawn), hour(3));
    world.erase(ANN, hour(4));
    restore_over(&mut world, &kept, 5).unwrap();
    assert_eq!((sent(&world, "mailer", 6), sent(&world, "caller", 6)), (0, 1));
    world.is_sound();
}

#[test]
fn who_comes_back_and_says_yes_opens_the_address_again() {
    let named =
        "[source.page.fields]\nname = { as = \"attribute.first_name\", category = \"contact\" }";
    let apart = "form = \"email\"\nunless_differ = [\"first_name\"]";
    let policy =
        POLICY.replacen("form = \"email\"", apart, 1).replacen("[source.page.fields]", named, 1);
    let mut world = World::under(&policy);
    let rows = "customer_id,at,name,email,phone,optin,notice\n\
        c1,2026-01-04,Ann,both@x.example,0871234567,out,\n\
        c2,2026-01-04,Bob,both@x.example,0871234568,yes,letter-form@2\n";
    world.import("shop", rows, hour(1));
    world.erase(ANN, hour(2));
    assert_eq!(sent(&world, "mailer", 3), 0);
    let back =
        "email,name,at,optin,notice\nboth@x.example,Ann,2026-01-05T13:00:00Z,yes,letter-form@2\n";
    let outcome = world.import("page", back, hour(5));
    assert_eq!((outcome.summary.returned, sent(&world, "mailer", 6)), (1, 2));
    world.is_sound();
}
