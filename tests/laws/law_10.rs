//! Law 10: every question about state can be asked as of a moment, and the answer about what was
//! known then never changes.

use proptest::prelude::*;

use crate::common::{World, hour};
use crate::law_9_the_most_protective_wins::{history, statement};
use candor::audit::consent::consent;
use candor::audit::{Question, report};
use candor::base::clock::Moment;
use candor::consent::desk::{self, Spoken};
use candor::consent::fold::{AsOf, Home, Joined, standing};
use candor::policy::types::ConsentState;
use candor::profile::merge::{self, Decider};
use candor::profile::then::Then;
use candor::profile::{lookup, read};
use candor::subject::{state, told};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_is_learned_later_never_changes_an_answer_about_the_past(
        (all, homes) in history(),
        later in prop::collection::vec(statement(), 1..5),
        home in prop::option::of(1..=3i64),
        valid in -3..9i64,
        known in 0..9i64,
    ) {
        let asked = AsOf { valid: hour(valid), known: hour(known) };
        let before = standing(&all, &homes, home, asked);
        let mut more = all.clone();
        for (i, mut s) in later.into_iter().enumerate() {
            let i = i64::try_from(i).unwrap();
            (s.n, s.recorded_at) = (1_000 + 10 * i, hour(known + 1 + i));
            more.push(s);
        }
        prop_assert_eq!(standing(&more, &homes, home, asked), before);
    }

    #[test]
    fn a_later_merge_never_changes_an_answer_about_the_past(
        (all, _) in history(),
        home in 1..=2i64,
        valid in -3..9i64,
        known in 0..9i64,
    ) {
        let asked = AsOf { valid: hour(valid), known: hour(known) };
        let own: Vec<_> = all.iter().filter(|s| s.home == home).copied().collect();
        let alone = standing(&own, &[Home { id: home, moves: Vec::new() }], Some(home), asked);
        let two: Vec<_> = all.iter().filter(|s| s.home != 3).copied().collect();
        let moves = vec![Joined { at: hour(known + 1), entry: 1_005 }];
        let homes = [Home { id: 1, moves: Vec::new() }, Home { id: 2, moves }];
        prop_assert_eq!(standing(&two, &homes, Some(home), asked), alone);
    }
}

#[test]
fn valid_and_recorded_time_are_two_questions() {
    let mut world = World::new();
    let csv = format!(
        "customer_id,at,name,email,optin,notice\nc1,{},Ann,ann@x.example,yes,letter-form@1\n",
        hour(1)
    );
    world.import("shop", &csv, hour(2));
    let who = "email:ann@x.example";
    let subject = world.subject(who).unwrap();
    // At hour 9 the desk learns that she withdrew at hour 5.
    let spoken =
        Spoken { purpose: Some("newsletter"), state: ConsentState::Withdrawn, ..Spoken::default() };
    let statements = desk::statements(&world.rules, &spoken, hour(5)).unwrap();
    world.store.write(hour(9), |w| desk::record(w, subject, &statements)).unwrap();
    let in_force = |valid: i64, known: i64| {
        let asked = AsOf { valid: hour(valid), known: hour(known) };
        let state = state::state(&world.store, &world.rules, subject, asked).unwrap();
        state.purposes.iter().find(|p| p.purpose == "newsletter").unwrap().in_force
    };
    let asked = [(0, 99), (3, 1), (3, 99), (6, 8), (6, 9), (4, 9)];
    let answers = asked.map(|(valid, known)| in_force(valid, known));
    // Before she said yes; before candor knew; in between; as known then; by hindsight; before the no.
    assert_eq!(answers, [false, false, true, true, false, true]);
}

/// Joining and parting two profiles today, and another policy, change no answer about yesterday.
#[test]
fn what_is_joined_parted_or_declared_today_changes_no_answer_about_yesterday() {
    let mut world = World::new();
    let row = |key: &str, name: &str, optin: &str| {
        format!(
            "customer_id,at,name,email,card,optin,notice\n{key},2026-01-04,,{name}@x.example,,{optin},letter-form@2\n"
        )
    };
    world.import("shop", &row("c1", "ann", "yes"), hour(1));
    world.import("shop", &row("c2", "bob", "no"), hour(2));
    let known = hour(5);
    let answers = |world: &World| {
        let conn = world.store.conn();
        let entry = candor::store::first_entry_from(conn, Moment(known.0 + 1)).unwrap();
        let then = Then::before(conn, entry).unwrap();
        let rules = candor::store::rulebook_at_or_first(conn, world.store.words(), known).unwrap();
        let asked = AsOf::at(known);
        let mut answers = Vec::new();
        for who in ["email:ann@x.example", "email:bob@x.example"] {
            let policy = &world.rules.policy;
            let found = read::find_then(&world.store, policy, who, &then).unwrap();
            for subject in found {
                let state = state::state_then(&world.store, &rules, subject, &then, asked).unwrap();
                answers.push(serde_json::to_value(&state).unwrap());
                let said = then.records(conn, subject).unwrap();
                answers.push(
                    serde_json::to_value(told::of_records(&world.store, &said).unwrap()).unwrap(),
                );
            }
        }
        answers.push(serde_json::to_value(consent(&world.store, None, known).unwrap()).unwrap());
        answers
    };
    let before = answers(&world);
    assert_eq!(before.len(), 5);
    let (ann, bob) = (
        world.subject("email:ann@x.example").unwrap(),
        world.subject("email:bob@x.example").unwrap(),
    );
    world.store.write(hour(10), |w| merge::join(w, bob, ann, Decider::Person)).unwrap();
    assert_eq!(answers(&world), before, "joined today");
    let joined = lookup::merges_into(world.store.conn(), ann).unwrap()[0];
    // Asked about a moment at which they were one, they are one, also after they were parted.
    let one = |world: &World| {
        let conn = world.store.conn();
        let entry = candor::store::first_entry_from(conn, Moment(hour(12).0 + 1)).unwrap();
        let then = Then::before(conn, entry).unwrap();
        let history = then.history(conn, ann).unwrap();
        let subjects = ["email:ann@x.example", "email:bob@x.example"]
            .map(|who| read::find_then(&world.store, &world.rules.policy, who, &then).unwrap());
        (subjects, history.statements, history.homes)
    };
    let together = one(&world);
    assert_eq!(together.0, [vec![ann], vec![ann]]);
    world.store.write(hour(20), |w| merge::split(w, &joined)).unwrap();
    assert_eq!(answers(&world), before, "parted today");
    assert_eq!(one(&world), together, "parted later");
    let material = "\n[[notice.letter-form.version]]\nversion = 3\nlanguage = \"en\"\nmaterial = true\ntext = \"Another letter.\"\n";
    let policy =
        crate::common::POLICY.replacen("\n[purpose.", &format!("{material}\n[purpose."), 1);
    crate::common::apply(&mut world.store, &policy, hour(30));
    world.reopen();
    assert_eq!(answers(&world), before, "another policy today");
}

/// A record that was born into a profile, and is parted from it later, was part of it until then.
#[test]
fn what_was_one_profile_from_birth_is_one_in_every_answer_about_before_it_was_parted() {
    let mut world = World::new();
    let csv = "customer_id,at,name,email,card,optin,notice\n\
               c1,2026-01-04,Ann,ann@x.example,,no,letter-form@2\n\
               c2,2026-01-04,Ann,ann@x.example,,yes,letter-form@2\n";
    world.import("shop", csv, hour(1));
    let known = hour(5);
    let subject = world.subject("email:ann@x.example").unwrap();
    let records = lookup::records_of(world.store.conn(), subject).unwrap();
    assert_eq!(records.len(), 2);
    let answers = |world: &World| {
        let conn = world.store.conn();
        let entry = candor::store::first_entry_from(conn, Moment(known.0 + 1)).unwrap();
        let then = Then::before(conn, entry).unwrap();
        let policy = &world.rules.policy;
        let found = read::find_then(&world.store, policy, "email:ann@x.example", &then);
        let history = then.history(conn, subject).unwrap();
        let report = serde_json::to_value(consent(&world.store, None, known).unwrap()).unwrap();
        (found.unwrap(), then.records(conn, subject).unwrap(), history.statements, report)
    };
    let before = answers(&world);
    assert_eq!((&before.0, &before.1), (&vec![subject], &records));
    let parted = world.store.write(hour(20), |w| merge::part_record(w, records[1])).unwrap();
    assert_ne!(parted, subject);
    assert_eq!(answers(&world), before);
}

/// Whoever comes under an address today, or goes from it, didn't share it yesterday, or did.
#[test]
fn who_shares_an_address_today_changes_no_answer_about_yesterday() {
    let apart = "form = \"email\"\nunless_differ = [\"first_name\"]";
    let mut world = World::under(&crate::common::POLICY.replacen("form = \"email\"", apart, 1));
    let row = |key: &str, name: &str, optin: &str| {
        format!(
            "customer_id,at,name,email,card,optin,notice\n\
             {key},2026-01-04,{name},fam@x.example,,{optin},letter-form@2\n"
        )
    };
    let answers = |world: &World, known: Moment| {
        let then = Then::known_at(world.store.conn(), known).unwrap();
        let policy = &world.rules.policy;
        let found = read::find_then(&world.store, policy, "email:fam@x.example", &then).unwrap();
        let asked = AsOf::at(known);
        let states = found.into_iter().map(|subject| {
            state::state_then(&world.store, &world.rules, subject, &then, asked).unwrap()
        });
        let states: Vec<state::State> = states.collect();
        let report = serde_json::to_value(consent(&world.store, None, known).unwrap()).unwrap();
        (states, report["shared"].clone())
    };
    world.import("shop", &row("c1", "Tom", "yes"), hour(1));
    let alone = answers(&world, hour(5));
    assert_eq!(alone.0.len(), 1);
    world.import("shop", &row("c2", "Eve", "no"), hour(10));
    assert_eq!(answers(&world, hour(5)), alone, "somebody came under the address");
    let shared = answers(&world, hour(15));
    assert_eq!(shared.0.len(), 2);
    assert_eq!(shared.1[0]["people"], 1, "{shared:?}");
    assert_ne!(shared.0[0].marks, alone.0[0].marks, "Eve said no");
    // Eve's record says another address now: that one was hers then.
    world.import("shop", &row("c2", "Eve", "no").replace("fam@", "eve@"), hour(20));
    assert_eq!(answers(&world, hour(15)), shared, "somebody went from the address");
    assert_eq!(answers(&world, hour(5)), alone, "somebody came and went");
}

/// A report about one person as of a moment is about who that was then.
#[test]
fn a_report_about_one_person_is_about_who_they_were_then() {
    let mut world = World::new();
    let rows = "customer_id,at,name,email,card,optin,notice\n\
        c1,2026-01-04,Ann,ann@x.example,K1,no,letter-form@2\n\
        c2,2026-01-04,Bob,bob@x.example,K2,yes,letter-form@2\n";
    world.import("shop", rows, hour(1));
    let lead =
        "lead,at,name,email,optin,notice\nl1,2026-01-04,Bobby,bob@x.example,yes,letter-form@2\n";
    world.import("leads", lead, hour(1));
    let [ann, bob] = ["K1", "K2"].map(|card| world.subject(&format!("card:{card}")).unwrap());
    let out = world.folder.path().join("m.csv");
    candor::send::push(&mut world.store, &world.rules.clone(), "mailer", &out, hour(2)).unwrap();
    let asked = |world: &World, who, as_of| {
        let names =
            ["basis", "consent", "disclosures", "requests", "retention", "unlawful", "timeline"];
        names.map(|name| {
            let asked = Question { as_of, from: None, to: None, who: Some(who) };
            (name, report(&world.store, name, &asked).unwrap().rows)
        })
    };
    let apart = [ann, bob].map(|who| asked(&world, who, hour(5)));
    assert_ne!(apart[0][0].1, apart[1][0].1);
    world.store.write(hour(10), |w| merge::join(w, bob, ann, Decider::Person)).unwrap();
    assert_eq!([ann, bob].map(|who| asked(&world, who, hour(5))), apart, "joined since");
    let joined = asked(&world, ann, hour(15));
    let made = lookup::merges_into(world.store.conn(), ann).unwrap()[0];
    world.store.write(hour(20), |w| merge::split(w, &made)).unwrap();
    assert_eq!([ann, bob].map(|who| asked(&world, who, hour(5))), apart, "parted since");
    assert_eq!(asked(&world, ann, hour(15)), joined, "they were one then");
    // What is forgotten since can't be told, and that is said.
    let withdrawn =
        Spoken { purpose: Some("newsletter"), state: ConsentState::Withdrawn, ..Spoken::default() };
    world.say("card:K2", &withdrawn, hour(30));
    let [(_, basis), ..] = asked(&world, bob, hour(5));
    assert!(
        basis["held"].as_array().unwrap().len() < apart[1][0].1["held"].as_array().unwrap().len()
    );
    assert_ne!(basis["values_forgotten_since"], 0);
}
