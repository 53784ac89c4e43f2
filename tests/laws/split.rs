//! A split restores exactly what was before the merge: profile, consents, and rollups.

use proptest::prelude::*;
use serde_json::Value;

use crate::common::{World, hour, numbers, rows};
use candor::consent::desk::{self, Spoken};
use candor::consent::fold::{AsOf, in_force_state};
use candor::consent::history::History;
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState;
use candor::profile::merge::{self, Decider};
use candor::profile::then::Then;
use candor::profile::{lookup, read};
use candor::subject::state;

const PEOPLE: usize = 4;

/// What happens to each person before anything is merged.
fn life() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0..PEOPLE, 0..6usize), 4..16)
}

fn live(world: &mut World, p: usize, what: usize, at: i64) {
    let now = hour(at);
    let shop = |optin: &str| {
        format!(
            "customer_id,at,name,email,card,optin,notice\n\
             c{p},{now},Name{at},p{p}@x.example,K{p},{optin},letter-form@1\n"
        )
    };
    match what {
        0 => drop(world.import("shop", &shop(""), now)),
        1 => drop(world.import("shop", &shop("yes"), now)),
        2 => drop(world.import("shop", &shop("no"), now)),
        3 | 4 => {
            let csv = format!(
                "basket,at,looked_at,card,cents,what\nb{at},{now},,K{p},{},Book{at}\n",
                100 * at
            );
            world.import("till", &csv, now);
        }
        _ => {
            let who = format!("email:p{p}@x.example");
            if world.subject(&who).is_some() {
                let spoken = Spoken {
                    purpose: Some("newsletter"),
                    notice: Some("letter-form@2"),
                    state: ConsentState::Given,
                    ..Spoken::default()
                };
                world.say(&who, &spoken, now);
            }
        }
    }
}

/// Everything that can be read of a subject.
fn picture(world: &World, subject: i64) -> Value {
    let asked = AsOf::at(hour(500));
    let state = state::state(&world.store, &world.rules, subject, asked).unwrap();
    serde_json::json!({
        "profile": world.profile(subject),
        "state": serde_json::to_value(state).unwrap(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(14))]

    #[test]
    fn merges_taken_back_leave_everything_as_it_was(
        life in life(),
        pairs in prop::collection::vec((0..PEOPLE, 0..PEOPLE), 1..4),
    ) {
        let mut world = World::new();
        for (i, (p, what)) in life.into_iter().enumerate() {
            live(&mut world, p, what, 1 + i64::try_from(i).unwrap());
        }
        let subjects = lookup::live_subjects(world.store.conn()).unwrap();
        prop_assume!(subjects.len() > 1);
        let mut undo = Vec::new();
        let mut at = 100;
        for (a, b) in pairs {
            let live = lookup::live_subjects(world.store.conn()).unwrap();
            let (a, b) = (live[a % live.len()], live[b % live.len()]);
            if a == b {
                continue;
            }
            let (into, from) = (a.min(b), a.max(b));
            let before = (picture(&world, into), picture(&world, from));
            let tables = (rows(world.store.conn(), "rollup"), rows(world.store.conn(), "record"));
            at += 1;
            world
                .store
                .write(hour(at), |w| merge::join(w, from, into, Decider::Person))
                .unwrap();
            let merge = lookup::merges_into(world.store.conn(), into).unwrap()[0];
            prop_assert_eq!(rows(world.store.conn(), "rollup"), tables.0.clone());
            undo.push((merge, into, from, before, tables));
        }
        for (merge, into, from, before, tables) in undo.into_iter().rev() {
            at += 1;
            let restored = world.store.write(hour(at), |w| merge::split(w, &merge)).unwrap();
            prop_assert_eq!(restored, from);
            prop_assert_eq!((picture(&world, into), picture(&world, from)), before);
            prop_assert_eq!(
                (rows(world.store.conn(), "rollup"), rows(world.store.conn(), "record")),
                tables
            );
        }
        prop_assert!(world.verify(&[]).holds());
    }
}

#[test]
fn what_was_split_is_not_merged_again_by_the_same_identifier() {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card\n\
        c1,2026-01-04,Ann,one@x.example,K1\nc2,2026-01-04,Bob,two@x.example,K1\n";
    world.import("shop", shop, hour(1));
    let subject = world.subject("email:one@x.example").unwrap();
    assert_eq!(world.subject("email:two@x.example"), Some(subject), "the card joins them");
    let merge = lookup::merges_into(world.store.conn(), subject).unwrap();
    match merge.first().copied() {
        Some(merge) => drop(world.store.write(hour(2), |w| merge::split(w, &merge)).unwrap()),
        None => {
            let last = lookup::records_of(world.store.conn(), subject).unwrap()[1];
            world.store.write(hour(2), |w| merge::part_record(w, last)).unwrap();
        }
    }
    let again = shop.replace("2026-01-04", "2026-01-06");
    world.import("shop", &again, hour(3));
    assert_ne!(world.subject("email:one@x.example"), world.subject("email:two@x.example"));
}

#[test]
fn what_came_after_a_merge_goes_with_whom_it_was_recognised_by_or_is_named() {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card\n\
        c1,2026-01-04,Ann,one@x.example,K1\nc2,2026-01-04,Bob,two@x.example,K2\n";
    world.import("shop", shop, hour(1));
    let [ann, bob] =
        ["one", "two"].map(|name| world.subject(&format!("email:{name}@x.example")).unwrap());
    world.store.write(hour(2), |w| merge::join(w, bob, ann, Decider::Person)).unwrap();
    let merge = lookup::merges_into(world.store.conn(), ann).unwrap()[0];
    let before = lookup::records_of(world.store.conn(), ann).unwrap();
    world.import(
        "till",
        "basket,at,looked_at,card,cents,what\n\
         b1,2026-01-05,,K2,500,Book\nb2,2026-01-05,,K1,500,Lamp\n",
        hour(3),
    );
    let later: Vec<i64> = lookup::records_of(world.store.conn(), ann)
        .unwrap()
        .into_iter()
        .filter(|record| !before.contains(record))
        .collect();
    let [by_bobs_card, by_anns_card] = later[..] else { panic!("{later:?}") };
    world.store.write(hour(4), |w| merge::split(w, &merge)).unwrap();
    let conn = world.store.conn();
    assert!(lookup::records_of(conn, bob).unwrap().contains(&by_bobs_card));
    assert_eq!(lookup::came_after(conn, ann, merge.entry).unwrap(), [by_anns_card]);
}

/// What a merge moved is forgotten with it: the next one may bear its number.
#[test]
fn a_merge_after_an_erased_one_moves_and_restores_only_its_own_records() {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card\nc1,2026-01-04,Ann,one@x.example,K1\n\
        c2,2026-01-04,Bob,two@x.example,K2\nc3,2026-01-04,Cleo,three@x.example,K3\n";
    world.import("shop", shop, hour(1));
    let [ann, bob, cleo] = ["one", "two", "three"]
        .map(|name| world.subject(&format!("email:{name}@x.example")).unwrap());
    world.store.write(hour(2), |w| merge::join(w, bob, ann, Decider::Person)).unwrap();
    let merge = lookup::merges_into(world.store.conn(), ann).unwrap()[0];
    world.store.write(hour(3), |w| merge::split(w, &merge)).unwrap();
    world.erase("email:one@x.example", hour(4));
    let before = (picture(&world, bob), picture(&world, cleo));
    world.store.write(hour(5), |w| merge::join(w, cleo, bob, Decider::Person)).unwrap();
    let merge = lookup::merges_into(world.store.conn(), bob).unwrap()[0];
    world.store.write(hour(6), |w| merge::split(w, &merge)).unwrap();
    assert_eq!((picture(&world, bob), picture(&world, cleo)), before);
}

/// Ann and Bob, parted by a person, and a row that carries an identifier of each.
fn parted_and_tied(rows: &[&str]) -> (World, i64, i64) {
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card\n\
        c1,2026-01-04,Ann,one@x.example,K1\nc2,2026-01-04,Bob,two@x.example,K2\n";
    world.import("shop", shop, hour(1));
    let [ann, bob] =
        ["one", "two"].map(|name| world.subject(&format!("email:{name}@x.example")).unwrap());
    world.store.write(hour(2), |w| merge::join(w, bob, ann, Decider::Person)).unwrap();
    let merge = lookup::merges_into(world.store.conn(), ann).unwrap()[0];
    world.store.write(hour(3), |w| merge::split(w, &merge)).unwrap();
    for (hours, row) in (4..).zip(rows) {
        world.import("shop", &format!("customer_id,at,name,email,card\n{row}\n"), hour(hours));
    }
    (world, ann, bob)
}

/// What a person decided stands whatever a third row says: it goes to one of the two at most.
#[test]
fn who_was_parted_is_not_tied_together_by_a_third_row() {
    for (rows, whose) in [
        // Both of a row's identifiers tie alike: whose record is the oldest.
        (&["c3,2026-01-06,A,one@x.example,K2"][..], Some("one")),
        (&["c3,2026-01-06,A,two@x.example,K1"], Some("one")),
        // The row is Bob's already, and then gains Ann's card.
        (&["c3,2026-01-06,B,two@x.example,", "c3,2026-01-07,B,two@x.example,K1"], Some("two")),
        // A chain: each row shares one value with the one before.
        (
            &[
                "c3,2026-01-06,A,one@x.example,K9",
                "c4,2026-01-06,A,four@x.example,K9",
                "c5,2026-01-06,A,four@x.example,K2",
            ],
            None,
        ),
    ] {
        let (world, ann, bob) = parted_and_tied(rows);
        let of = |record: i64| {
            numbers(world.store.conn(), &format!("SELECT subject FROM record WHERE id = {record}"))
        };
        assert_eq!((of(1), of(2)), (vec![ann], vec![bob]), "{rows:?}");
        let [anns, bobs] =
            [ann, bob].map(|who| lookup::records_of(world.store.conn(), who).unwrap().len());
        match whose {
            Some("one") => assert_eq!((anns, bobs), (2, 1), "{rows:?}"),
            Some(_) => assert_eq!((anns, bobs), (1, 2), "{rows:?}"),
            None => assert_eq!(anns + bobs, 5, "{rows:?}"),
        }
        world.is_sound();
    }
}

/// A person's word is the last one: the desk may join whom it parted, and rows follow it then.
#[test]
fn the_desk_may_join_whom_it_parted() {
    let (mut world, ann, bob) = parted_and_tied(&["c3,2026-01-06,A,one@x.example,K2"]);
    world.store.write(hour(8), |w| merge::join(w, bob, ann, Decider::Person)).unwrap();
    let row = "customer_id,at,name,email,card\nc4,2026-01-08,A,one@x.example,K2\n";
    world.import("shop", row, hour(9));
    assert_eq!(lookup::records_of(world.store.conn(), ann).unwrap().len(), 4);
}

/// How two records became one person's, and which split parts them.
#[derive(Clone, Copy, Debug)]
enum One {
    /// Each is of a home of its own, joined by the desk; the merge is taken back.
    ByTheDesk,
    /// Both were born into one home, by a shared card; the second is parted from it.
    ByTheirCard,
}

/// Two records of one person, both with a consent to the newsletter.
fn one_person(one: One) -> (World, i64) {
    let mut world = World::new();
    let second = match one {
        One::ByTheDesk => "K2",
        One::ByTheirCard => "K1",
    };
    let shop = format!(
        "customer_id,at,name,email,card,optin,notice\n\
         c1,2026-01-04,Ann,one@x.example,K1,yes,letter-form@1\n\
         c2,2026-01-04,Bob,two@x.example,{second},yes,letter-form@1\n"
    );
    world.import("shop", &shop, hour(1));
    let [ann, bob] =
        ["one", "two"].map(|name| world.subject(&format!("email:{name}@x.example")).unwrap());
    if ann != bob {
        world.store.write(hour(2), |w| merge::join(w, bob, ann, Decider::Person)).unwrap();
    }
    assert_eq!(lookup::records_of(world.store.conn(), ann).unwrap(), [1, 2]);
    (world, ann)
}

/// Parts the two again; both subjects.
fn parted(world: &mut World, whole: i64, at: i64) -> [i64; 2] {
    let other = match lookup::merges_into(world.store.conn(), whole).unwrap().first().copied() {
        Some(merge) => world.store.write(hour(at), |w| merge::split(w, &merge)).unwrap(),
        None => world.store.write(hour(at), |w| merge::part_record(w, 2)).unwrap(),
    };
    assert_ne!(whole, other);
    [whole, other]
}

const NEWSLETTER: Spoken<'static> = Spoken {
    axis: Axis::Consent,
    purpose: Some("newsletter"),
    channel: None,
    state: ConsentState::Withdrawn,
    explicit: false,
    confirmed: false,
    notice: None,
    language: None,
    method: None,
    evidence: None,
    every_days: 0,
};

/// Everything that a person may say no to.
fn noes() -> [Spoken<'static>; 5] {
    let given = Spoken { purpose: None, state: ConsentState::Given, ..NEWSLETTER };
    [
        NEWSLETTER,
        Spoken { axis: Axis::Objection, purpose: Some("winback"), ..given },
        Spoken { axis: Axis::Restriction, ..given },
        Spoken { axis: Axis::Permission, channel: Some("email"), ..NEWSLETTER },
        Spoken { axis: Axis::Frequency, every_days: 30, ..given },
    ]
}

/// What a subject refuses: in the order of `noes`.
fn refuses(world: &World, subject: i64, at: i64) -> [bool; 5] {
    let history = History::load(world.store.conn(), subject).unwrap();
    let standing = history.standing(AsOf::at(hour(at)));
    let newsletter = world.rules.purpose_code("newsletter").unwrap();
    let consent =
        standing.consents.iter().find(|((purpose, _), _)| *purpose == newsletter).map(|(_, c)| c);
    [
        consent.is_none_or(|consent| !in_force_state(consent.state)),
        standing.objections != 0,
        standing.restricted,
        standing.permissions.values().any(|permitted| !permitted),
        !standing.at_most_every.is_empty(),
    ]
}

/// Art 7(3): "It shall be as easy to withdraw as to give consent"; Art 21(3): "Where the data subject objects
/// to processing for direct marketing purposes, the personal data shall no longer be processed for such
/// purposes"; Art 18(2): "such personal data shall, with the exception of storage, only be processed with the
/// data subject's consent". What was said of all that was held of a person binds all of it, also when it
/// turns out to be two people's.
#[test]
fn a_no_said_to_a_whole_profile_outlives_its_split_on_both_sides() {
    for one in [One::ByTheDesk, One::ByTheirCard] {
        for (at, no) in noes().into_iter().enumerate() {
            let (mut world, whole) = one_person(one);
            assert!(!refuses(&world, whole, 3)[at], "{one:?} {no:?}");
            let who = merge::public_text(lookup::public_id(world.store.conn(), whole).unwrap());
            world.say(&who, &no, hour(3));
            for side in parted(&mut world, whole, 4) {
                let refuses = refuses(&world, side, 5);
                assert!(refuses[at], "{one:?} {no:?}: {side} of {refuses:?}");
            }
            world.is_sound();
        }
    }
}

/// Nobody consents for somebody else: a "yes" is one person's, whoever they were taken for (Art 4(11)).
#[test]
fn a_yes_said_to_a_whole_profile_stays_with_one_side_of_its_split() {
    for one in [One::ByTheDesk, One::ByTheirCard] {
        let (mut world, whole) = one_person(one);
        let who = merge::public_text(lookup::public_id(world.store.conn(), whole).unwrap());
        world.say(&who, &NEWSLETTER, hour(3));
        let yes =
            Spoken { state: ConsentState::Given, notice: Some("letter-form@2"), ..NEWSLETTER };
        world.say(&who, &yes, hour(4));
        assert!(!refuses(&world, whole, 5)[0], "{one:?}");
        let sides = parted(&mut world, whole, 6);
        assert_eq!(sides.map(|side| refuses(&world, side, 7)[0]), [false, true], "{one:?}");
    }
}

/// Who is named by an address is the person: whatever they refuse by it, a split gives nobody of them back to
/// whom may be written.
#[test]
fn a_no_said_by_an_address_outlives_a_split_on_both_sides() {
    for one in [One::ByTheDesk, One::ByTheirCard] {
        for (at, no) in noes().into_iter().enumerate() {
            let (mut world, whole) = one_person(one);
            let said = desk::statements(&world.rules, &no, hour(3)).unwrap();
            world.store.write(hour(3), |w| desk::record_by_address(w, whole, 2, &said)).unwrap();
            assert!(refuses(&world, whole, 4)[at], "{one:?} {no:?}");
            let sides = parted(&mut world, whole, 5);
            let refused = sides.map(|side| refuses(&world, side, 6)[at]);
            assert_eq!(refused, [true, true], "{one:?} {no:?}");
            world.is_sound();
        }
    }
}

/// The same by a row of a source: it is one record's, and was said while that was one person's with the other.
/// What was refused before, or was taken back since, is no more than it was.
#[test]
fn a_no_that_a_row_said_outlives_a_split_where_it_stands() {
    let row = |day: u32, optin: &str| {
        format!(
            "customer_id,at,name,email,card,optin,notice\n\
             c2,2026-02-{day:02},Bob,two@x.example,K2,{optin},letter-form@1\n"
        )
    };
    for (rows, refused) in [(&["no"][..], true), (&["no", "yes"], false)] {
        let (mut world, whole) = one_person(One::ByTheDesk);
        for (day, optin) in (1..).zip(rows) {
            world.import("shop", &row(day, optin), hour(1_000 + 24 * i64::from(day)));
        }
        let sides = parted(&mut world, whole, 2_000);
        let refuses = sides.map(|side| refuses(&world, side, 2_001)[0]);
        assert_eq!(refuses, [refused, refused], "{rows:?}");
        world.is_sound();
    }
}

#[test]
fn who_was_parted_since_is_found_by_the_id_of_today_where_they_were_then() {
    let (mut world, whole) = one_person(One::ByTheirCard);
    let entries = |world: &World| i64::try_from(world.store.log().size()).unwrap();
    let before = entries(&world);
    let [_, other] = parted(&mut world, whole, 3);
    let id = candor::subject::erase::public(&world.store, other).unwrap();
    let found = |before: i64| {
        let conn = world.store.conn();
        let then = Then::before(conn, before).unwrap();
        read::find_then(&world.store, &world.rules.policy, &id, &then).unwrap()
    };
    assert_eq!((found(before), found(entries(&world))), (vec![whole], vec![other]));
}
