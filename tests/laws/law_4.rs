//! Law 4: consent events and ledger entries are only added; a correction is a new entry.

use proptest::prelude::*;

use crate::common::{World, blobs, hour, rows};
use candor::consent::desk::Spoken;
use candor::policy::types::ConsentState;
use candor::profile::merge::{self, Decider};

/// What may happen to a store.
#[derive(Clone, Debug)]
enum Act {
    Import(usize, usize),
    Say(usize, bool),
    Merge(usize, usize),
    Split(usize),
    Erase(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..5usize, 0..3usize).prop_map(|(who, state)| Act::Import(who, state)),
        3 => (0..5usize, any::<bool>()).prop_map(|(who, yes)| Act::Say(who, yes)),
        2 => (0..5usize, 0..5usize).prop_map(|(a, b)| Act::Merge(a, b)),
        1 => (0..5usize).prop_map(Act::Split),
        1 => (0..5usize).prop_map(Act::Erase),
    ]
}

fn name(who: usize) -> String {
    format!("email:p{who}@x.example")
}

/// Does it, where it can be done. Returns whether it was an erasure.
fn perform(world: &mut World, act: &Act, at: i64) -> bool {
    let now = hour(at);
    match act {
        Act::Import(who, state) => {
            let csv = format!(
                "customer_id,at,name,email,optin,notice\n\
                 c{who},{now},N{at},p{who}@x.example,{},letter-form@1\n",
                ["yes", "no", ""][*state]
            );
            world.import("shop", &csv, now);
        }
        Act::Say(who, yes) if world.subject(&name(*who)).is_some() => {
            let spoken = Spoken {
                purpose: Some("newsletter"),
                state: if *yes { ConsentState::Given } else { ConsentState::Withdrawn },
                notice: yes.then_some("letter-form@2"),
                ..Spoken::default()
            };
            world.say(&name(*who), &spoken, now);
        }
        Act::Merge(a, b) => {
            let (Some(a), Some(b)) = (world.subject(&name(*a)), world.subject(&name(*b))) else {
                return false;
            };
            if a != b {
                world
                    .store
                    .write(now, |w| merge::join(w, a.max(b), a.min(b), Decider::Person))
                    .unwrap();
            }
        }
        Act::Split(who) => {
            let Some(subject) = world.subject(&name(*who)) else { return false };
            let merges = candor::profile::lookup::merges_into(world.store.conn(), subject).unwrap();
            if let Some(last) = merges.first().copied() {
                world.store.write(now, |w| merge::split(w, &last)).unwrap();
            }
        }
        Act::Erase(who) if world.subject(&name(*who)).is_some() => {
            world.erase(&name(*who), now);
            return true;
        }
        Act::Say(..) | Act::Erase(_) => {}
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn history_only_grows(acts in prop::collection::vec(act(), 1..18)) {
        let mut world = World::new();
        let mut checkpoints: Vec<String> = Vec::new();
        for (i, act) in acts.iter().enumerate() {
            let conn = world.store.conn();
            let entries = blobs(conn, "SELECT leaf FROM entry ORDER BY n");
            let notes = rows(conn, "checkpoint");
            let statements = rows(conn, "statement");
            let payloads = rows(conn, "payload");
            let erased = perform(&mut world, act, 1 + i as i64);
            let conn = world.store.conn();
            let after = blobs(conn, "SELECT leaf FROM entry ORDER BY n");
            prop_assert_eq!(&after[..entries.len()], &entries[..], "entries after {:?}", act);
            let after = rows(conn, "checkpoint");
            prop_assert_eq!(&after[..notes.len()], &notes[..], "checkpoints after {:?}", act);
            let after = rows(conn, "payload");
            prop_assert!(after.len() >= payloads.len(), "a payload's row never goes");
            if !erased {
                prop_assert_eq!(&after[..payloads.len()], &payloads[..], "after {:?}", act);
                let after = rows(conn, "statement");
                prop_assert_eq!(&after[..statements.len()], &statements[..], "after {:?}", act);
            }
            checkpoints.push(world.store.signer().unwrap().note(world.store.log()).unwrap());
        }
        // Whoever holds any earlier checkpoint finds it met.
        let verdict = world.verify(&checkpoints);
        prop_assert!(verdict.holds(), "{:?}", verdict.findings);
        prop_assert_eq!(verdict.unwitnessed(), 0);
    }
}

#[test]
fn the_file_itself_refuses_to_change_an_entry() {
    let mut world = World::new();
    perform(&mut world, &Act::Import(1, 0), 1);
    let path = world.path();
    drop(world.store);
    let conn = rusqlite::Connection::open(path).unwrap();
    for statement in [
        "UPDATE entry SET leaf = zeroblob(10) WHERE n = 1",
        "DELETE FROM entry WHERE n = 1",
        "DELETE FROM entry",
        "UPDATE entry SET n = 99 WHERE n = 0",
    ] {
        let error = conn.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains("only added"), "{statement}: {error}");
    }
}

#[test]
fn a_statement_is_corrected_by_another_one() {
    let mut world = World::new();
    perform(&mut world, &Act::Import(1, 0), 1);
    let before = rows(world.store.conn(), "statement");
    perform(&mut world, &Act::Say(1, false), 2);
    perform(&mut world, &Act::Say(1, true), 3);
    let after = rows(world.store.conn(), "statement");
    assert_eq!((&after[..1], after.len()), (&before[..], 3));
}
