//! What an import remembers of the gate's answers is what the gate would say: until the moment that
//! `steady_until` names, time alone changes nothing.

use candor::base::clock::Moment;
use candor::consent::answers::{Answers, steady_until};
use candor::consent::fold::{AsOf, Home, Joined};
use candor::consent::history::History;
use candor::consent::statement::{Axis, Statement};
use candor::policy::rulebook::Rulebook;
use candor::policy::types::ConsentState;
use proptest::prelude::*;

use crate::common::{World, hour};
use crate::gate_table::POLICY;

fn answers(rules: &Rulebook, history: &History, home: i64, at: Moment) -> (Answers, Moment) {
    let standing = history.standing_of(home, AsOf::at(at));
    let until = steady_until(rules, history, &standing, at);
    (Answers::of(rules, &standing, at), until)
}

fn statement(expiring: u8) -> impl Strategy<Value = Statement> {
    let purposes = prop_oneof![1..10_u8, Just(expiring)];
    let states = prop::sample::select(vec![
        ConsentState::Requested,
        ConsentState::Given,
        ConsentState::Given,
        ConsentState::Refused,
        ConsentState::Withdrawn,
    ]);
    let axes = prop::sample::select(vec![
        Axis::Consent,
        Axis::Consent,
        Axis::Objection,
        Axis::Restriction,
    ]);
    ((1..3_i64, axes, purposes, states), (any::<[bool; 3]>(), 0..3_u32, -10..80_i64, 0..20_i64))
        .prop_map(|((home, axis, purpose, state), (flags, notice_version, valid, recorded))| {
            Statement {
                n: 0,
                home,
                axis,
                purpose,
                channel: 0,
                state,
                explicit: flags[0],
                confirmed: flags[1],
                own: flags[2],
                source: 1,
                notice_version,
                every_days: 0,
                valid_at: hour(valid),
                recorded_at: hour(recorded),
            }
        })
}

#[test]
fn answers_hold_until_the_moment_that_is_named() {
    let world = World::under(POLICY);
    let expiring = world.rules.purpose_code("expiring").unwrap();
    let cases = (
        prop::collection::vec(statement(expiring), 0..8),
        prop::option::of(0..20_i64),
        20..60_i64,
        prop::collection::vec(0..90_i64, 8),
    );
    proptest!(|((mut statements, joined, asked, later) in cases)| {
        for (n, statement) in (1..).zip(&mut statements) {
            statement.n = n;
        }
        let joined = joined.map(|hours| Joined { at: hour(hours), entry: 3 });
        let homes = vec![Home { id: 1, moves: Vec::new() }, Home { id: 2, moves: joined.into_iter().collect() }];
        let history = History { statements, homes };
        for home in [1, 2] {
            let (remembered, until) = answers(&world.rules, &history, home, hour(asked));
            for at in later.iter().map(|hours| hour(asked + hours)).filter(|at| *at < until) {
                let (now, _) = answers(&world.rules, &history, home, at);
                prop_assert_eq!(&remembered, &now);
            }
            // And not a moment too early, or nothing would ever be remembered.
            let said = history.statements.iter().any(|s| s.valid_at > hour(asked));
            let expires = history.statements.iter().any(|s| s.purpose == expiring);
            prop_assert!(said || expires || until == Moment::FOREVER);
        }
    });
}
