//! Law 10: every question about state can be asked as of a moment, and the answer about what was
//! known then never changes.

use proptest::prelude::*;

use crate::common::{World, hour};
use crate::law_9_the_most_protective_wins::{history, statement};
use candor::consent::desk::{self, Spoken};
use candor::consent::fold::{AsOf, Home, Joined, standing};
use candor::policy::types::ConsentState;
use candor::subject::state;

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
