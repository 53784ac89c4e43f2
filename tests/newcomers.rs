//! Newcomers: a record that comes in after a run finds its person as a run would, the law is kept, and the
//! index that it is looked up in holds what a new one would hold.

mod common;
#[path = "linking/town.rs"]
mod town;

use std::collections::BTreeMap;
use std::path::Path;

use candor::consent::desk::Spoken;
use candor::consent::statement::Axis;
use candor::identity::Model;
use candor::linking::newcomers::{Received, receive};
use candor::linking::{self, index};
use candor::pipeline::import::{Carry, Request, import};
use candor::policy::types::ConsentState;
use candor::profile::lookup;
use candor::profile::merge::{self, Decider};
use candor::subject::retain;
use common::{Heard, World, apply, deep, hour, numbers, rows};
use proptest::prelude::*;
use town::{POLICY, TABLES, Town, record_of, world_of};

fn run(world: &mut World, at: i64) -> linking::Done {
    linking::run(&mut world.store, &world.rules, hour(at)).unwrap()
}

fn receive_at(world: &mut World, at: i64) -> Received {
    receive(&mut world.store, &world.rules, &|| hour(at)).unwrap()
}

/// Records by subject, as their sources name them.
fn persons(world: &World) -> Vec<Vec<String>> {
    let conn = world.store.conn();
    let mut persons = Vec::new();
    for subject in numbers(conn, "SELECT DISTINCT subject FROM record") {
        let records =
            candor::profile::read::open_records(conn, world.store.words(), subject).unwrap();
        let mut keys: Vec<String> = records.into_iter().map(|record| record.source_key).collect();
        keys.sort();
        persons.push(keys);
    }
    persons.sort();
    persons
}

/// How many people of a town are one profile with both of their records and nothing else.
fn right(persons: &[Vec<String>], town: &Town, people: usize) -> usize {
    let both = |n| vec![town.key("k", n), town.key("s", n)];
    (0..people).filter(|n| persons.contains(&both(*n))).count()
}

/// The index, but for who waits.
fn index_of(world: &World) -> Vec<Vec<String>> {
    ["meeting", "frequency", "compared"].map(|table| rows(world.store.conn(), table)).into()
}

fn sound(world: &World) {
    let report = deep(&world.path(), None);
    let faults: Vec<_> = report.claims.iter().flat_map(|claim| &claim.faults).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// The index says what one that is made anew says.
fn in_step(world: &mut World, at: i64) {
    let kept = index_of(world);
    let sizes: Vec<usize> = kept.iter().map(Vec::len).collect();
    let conn = world.store.conn();
    let newcomers = numbers(conn, "SELECT record FROM newcomer");
    assert!(newcomers.is_empty(), "nobody waits");
    world
        .store
        .write(hour(at), |writer| {
            writer.conn.execute_batch("DELETE FROM compared").unwrap();
            Ok(())
        })
        .unwrap();
    run(world, at);
    assert_eq!(sizes, index_of(world).iter().map(Vec::len).collect::<Vec<_>>());
    for (kept, anew) in kept.into_iter().flatten().zip(index_of(world).into_iter().flatten()) {
        assert_eq!(kept, anew);
    }
}

#[test]
fn a_newcomer_finds_the_person_that_a_run_would_find() {
    let (first, later) = (Town::new(80), Town::from(1000, 12));
    let mut world = world_of(&first);
    run(&mut world, 2);
    later.import(&mut world, 3);
    let waiting = numbers(world.store.conn(), "SELECT record FROM newcomer").len();
    assert_eq!(waiting, 24, "both records of each");
    let size = world.store.log().size();
    let received = receive_at(&mut world, 4);
    assert_eq!((received.newcomers, received.left_out, received.waiting), (24, 0, 0));
    assert!(received.joined >= 8, "{received:?}");
    assert!(received.related > 0, "{received:?}");
    assert!(world.store.log().size() > size, "and the ledger says so");
    assert_eq!(later.wrongly_joined(&world), vec![]);
    sound(&world);

    // Everybody at once.
    let mut whole = world_of(&first);
    later.import(&mut whole, 3);
    run(&mut whole, 4);
    let [ours, theirs] = [&world, &whole].map(|world| right(&persons(world), &later, 12));
    assert!(ours >= 10 && ours + 1 >= theirs, "{ours} right, where a run has {theirs}");

    // Nothing is found twice.
    let tables = TABLES.map(|table| rows(world.store.conn(), table));
    assert_eq!(receive_at(&mut world, 5), Received::default());
    assert_eq!(tables, TABLES.map(|table| rows(world.store.conn(), table)));
}

/// The example brand.
fn brand() -> World {
    let mut world = World::under(include_str!("../fixtures/brand/policy.toml"));
    let exports = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/brand/exports");
    for (file, source) in [
        ("crm_customers.csv", "crm"),
        ("web_accounts.ndjson", "web"),
        ("store_cards.csv", "store"),
        ("till_lines.csv", "till"),
    ] {
        let path = exports.join(file);
        let request = Request { path: &path, source, carry: Carry::Again };
        import(&mut world.store, &request, &|| hour(1), &mut Heard::default()).unwrap();
    }
    world
}

/// The brand's telephone numbers are of one exchange and its cards are numbered one after the other, so
/// among its few records quite different ones were never seen. That says nothing for two people who have
/// such ones.
#[test]
fn a_difference_is_no_proof_where_all_that_is_known_is_alike() {
    let mut world = brand();
    run(&mut world, 2);
    let body: String = world
        .store
        .conn()
        .query_row("SELECT body FROM model ORDER BY version DESC LIMIT 1", [], |row| row.get(0))
        .unwrap();
    let model: Model = serde_json::from_str(&body).unwrap();
    for field in model.fields.iter().filter(|field| field.field != "order") {
        let worth = |kind: &[f32]| -> Vec<f32> {
            kind.iter().zip(&field.stranger).map(|(m, u)| (m / u).log2()).collect()
        };
        for worth in [worth(&field.person), worth(&field.household)] {
            let (same, different) = (worth[0], *worth.last().unwrap());
            let between = |bits: &f32| (different - 0.001..same + 0.001).contains(bits);
            assert!(worth.iter().all(between) && different < 0.001, "{}: {worth:?}", field.field);
        }
    }
    let before = persons(&world);
    let strangers = "\
crm_id,first_name,last_name,date_of_birth,address,city,postcode,email,phone,loyalty_id,created_at
x1,Ann,Kowalska,,9 elm court,Anytown,00000,ann.kowalska@example.pl,(415) 739-2846,ZK58203914,2017-09-01
x2,Tom,Farrow,,31 mill lane,Anytown,00000,tf@example.uk,(312) 846-9073,QX77310258,2017-09-02
x3,Mira,Castellano,,5 harbour row,Anytown,00000,mc@example.it,(718) 402-6638,BB90417736,2017-09-03
x4,Jonas,Thornbury,,2 quay street,Anytown,00000,jt@example.dk,(503) 977-3321,UU10993847,2017-09-04
x5,Rosa,Petrenko,,14 the green,Anytown,00000,rp@example.ua,(617) 284-7790,HM66520481,2017-09-05
x6,Li,Abernathy,,8 station road,Anytown,00000,la@example.se,(913) 660-4482,VN43871905,2017-09-06
";
    world.import("crm", strangers, hour(3));
    let received = receive_at(&mut world, 4);
    assert!(received.newcomers >= 6, "{received:?}");
    assert_eq!(received.joined, 0, "{:?}", persons(&world));
    let all = persons(&world);
    let apart = all.iter().filter(|keys| keys.iter().any(|key| key.starts_with('x')));
    assert!(apart.clone().count() == 6 && all.len() == before.len() + 6, "{all:?}");
    assert_eq!(run(&mut world, 5).joined, 0, "{:?}", persons(&world));
}

#[test]
fn before_the_first_run_nobody_waits_and_many_wait_for_a_run() {
    let mut world = world_of(&Town::new(10));
    assert!(rows(world.store.conn(), "newcomer").is_empty());
    assert_eq!(receive_at(&mut world, 2), Received::default());
    run(&mut world, 3);
    Town::from(1000, 600).import(&mut world, 4);
    let received = receive_at(&mut world, 5);
    assert_eq!((received.newcomers, received.waiting), (0, 1200));
    run(&mut world, 6);
    assert!(rows(world.store.conn(), "newcomer").is_empty(), "a run looks at everybody");
    in_step(&mut world, 7);
}

#[test]
fn a_store_that_linked_before_there_was_an_index_makes_newcomers_of_everybody() {
    let mut world = world_of(&Town::new(20));
    run(&mut world, 2);
    world.store.truncate_wal().unwrap();
    let older =
        "DROP TABLE meeting; DROP TABLE frequency; DROP TABLE compared; DROP TABLE newcomer;
         DROP TABLE write_key; DROP TABLE token; DROP TABLE outbox; DROP TABLE outbox_body;
         DROP TABLE opt_in; DROP TABLE audience; DROP TABLE sought; DROP TABLE import_entry; DROP TABLE parting; DROP TABLE disclosed_along;
         DROP INDEX record_home; DROP INDEX tombstone_entry;
                 PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)";
    rusqlite::Connection::open(world.path()).unwrap().execute_batch(older).unwrap();
    sound(&world);
    world.reopen();
    let conn = world.store.conn();
    let count = |table: &str| numbers(conn, &format!("SELECT COUNT(*) FROM {table}"))[0];
    assert_eq!((count("record"), count("newcomer")), (40, 40));
    let received = receive_at(&mut world, 3);
    assert_eq!((received.newcomers, received.joined), (40, 0), "a run had found everything");
    in_step(&mut world, 4);
}

#[test]
fn a_value_that_changes_makes_a_newcomer_of_its_record() {
    let town = Town::new(40);
    let mut world = world_of(&town);
    // Nothing but half a name, which nobody else has.
    world.import("cards", "id,first,last\nz1,,Quill\n", hour(1));
    run(&mut world, 2);
    let alone = record_of(&world, "z1");
    world.import(
        "shop",
        "id,first,last,born,email\nz2,Zebedee,Quill,1950-03-04,zq@mail.example\n",
        hour(3),
    );
    receive_at(&mut world, 3);
    let of = |world: &World, key| {
        let record = record_of(world, key);
        numbers(world.store.conn(), &format!("SELECT subject FROM record WHERE id = {record}"))[0]
    };
    let apart = of(&world, "z1") != of(&world, "z2");
    world.import("cards", "id,first,last,born\nz1,Zebedee,Quill,1950-03-04\n", hour(4));
    assert_eq!(numbers(world.store.conn(), "SELECT record FROM newcomer"), [alone]);
    receive_at(&mut world, 5);
    assert!(apart, "half a name is a question at most");
    assert_eq!(of(&world, "z1"), of(&world, "z2"), "name and birth are one person's");
    sound(&world);
}

#[test]
fn whoever_may_not_be_compared_is_not_met() {
    let town = Town::new(40);
    let mut world = world_of(&town);
    run(&mut world, 2);
    let email = format!("email:{}", town.email(7));
    let subject = world.subject(&email).unwrap();
    let records = lookup::records_of(world.store.conn(), subject).unwrap();
    let held = |world: &World, record: i64| {
        ["meeting", "compared"].map(|table| {
            let count = format!("SELECT COUNT(*) FROM {table} WHERE record = {record}");
            numbers(world.store.conn(), &count)[0]
        })
    };
    assert!(held(&world, records[0])[0] > 0);
    let objection =
        Spoken { axis: Axis::Objection, purpose: Some("one_profile"), ..Spoken::default() };
    world.say(&email, &objection, hour(3));
    let records = lookup::records_of(world.store.conn(), subject).unwrap();
    for record in &records {
        assert_eq!(held(&world, *record), [0, 0], "what is kept for linking goes at once");
    }
    // What linking had joined to them was parted, and is looked at anew.
    receive_at(&mut world, 3);
    // The very same person once more.
    let row = world.profile(subject);
    let text = |field: &str| row["attributes"][field]["value"].as_str().unwrap_or("").to_owned();
    let (first, last) = (text("first_name"), text("last_name"));
    assert!(!first.is_empty() && !last.is_empty(), "{row}");
    let csv = format!("id,first,last,born\nn1,{first},{last},{}\n", text("date_of_birth"));
    world.import("cards", &csv, hour(4));
    let received = receive_at(&mut world, 5);
    assert_eq!(received.newcomers, 1);
    let newcomer = record_of(&world, "n1");
    let touching = format!(
        "SELECT a FROM question WHERE a = {newcomer} OR b = {newcomer}
         UNION ALL SELECT a FROM link WHERE a = {newcomer} OR b = {newcomer}"
    );
    for other in numbers(world.store.conn(), &touching) {
        assert!(!records.contains(&other), "nobody who objects is compared");
    }
    assert_eq!(world.subject(&email), Some(subject));
    // Who takes it back is compared again.
    let lifted = Spoken { state: ConsentState::Withdrawn, ..objection };
    world.say(&email, &lifted, hour(6));
    let waits = numbers(world.store.conn(), "SELECT record FROM newcomer");
    assert_eq!(waits, records);
    receive_at(&mut world, 7);
    assert!(held(&world, records[0])[0] > 0);
    in_step(&mut world, 8);
}

#[test]
fn what_was_parted_is_not_joined_by_who_comes() {
    let town = Town::new(40);
    let mut world = world_of(&town);
    run(&mut world, 2);
    let record = record_of(&world, "k4");
    let one = record_of(&world, "s4");
    let subject = |world: &World, record: i64| {
        numbers(world.store.conn(), &format!("SELECT subject FROM record WHERE id = {record}"))[0]
    };
    assert_eq!(subject(&world, record), subject(&world, one));
    world.store.write(hour(3), |writer| merge::part_record(writer, record)).unwrap();
    // Its row changes, so that it is looked at again.
    world.import("cards", "id,phone\nk4,+353 87 123 4567\n", hour(4));
    receive_at(&mut world, 5);
    assert_ne!(subject(&world, record), subject(&world, one));
    let (a, b) = (subject(&world, record), subject(&world, one));
    world.store.write(hour(6), |w| merge::join(w, a.max(b), a.min(b), Decider::Person)).unwrap();
    world.import("cards", "id,phone\nk4,+353 87 765 4321\n", hour(7));
    receive_at(&mut world, 8);
    assert_eq!(subject(&world, record), subject(&world, one));
    sound(&world);
}

#[test]
fn whoever_is_erased_leaves_the_index() {
    let town = Town::new(40);
    let mut world = world_of(&town);
    run(&mut world, 2);
    Town::from(1000, 6).import(&mut world, 3);
    let email = format!("email:{}", town.email(11));
    let subject = world.subject(&email).unwrap();
    let records = lookup::records_of(world.store.conn(), subject).unwrap();
    let certificate = world.erase(&email, hour(4));
    assert!(serde_json::to_string(&certificate).unwrap().contains("\"compared\""));
    for table in ["meeting", "compared", "newcomer"] {
        for record in &records {
            let left = format!("SELECT COUNT(*) FROM {table} WHERE record = {record}");
            assert_eq!(numbers(world.store.conn(), &left), [0], "{table}");
        }
    }
    receive_at(&mut world, 5);
    in_step(&mut world, 6);
    sound(&world);
}

#[test]
fn a_policy_without_linking_empties_the_index_with_the_next_look_at_retention() {
    let mut world = world_of(&Town::new(20));
    run(&mut world, 2);
    assert!(!rows(world.store.conn(), "compared").is_empty());
    apply(&mut world.store, &POLICY.replace("linking = true\n", ""), hour(3));
    world.reopen();
    retain::run(&mut world.store, &world.rules, hour(4), retain::Carry::Out).unwrap();
    for table in ["meeting", "frequency", "compared", "newcomer"] {
        assert!(rows(world.store.conn(), table).is_empty(), "{table}");
    }
}

/// What happens in a store that links.
#[derive(Clone, Debug)]
enum Act {
    Import(usize),
    Object(usize),
    Lift(usize),
    Restrict(usize),
    Consent(usize, bool),
    Erase(usize),
    Part(usize),
    Receive,
    Retain,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0..8usize).prop_map(Act::Import),
        2 => (0..24usize).prop_map(Act::Object),
        1 => (0..24usize).prop_map(Act::Lift),
        1 => (0..24usize).prop_map(Act::Restrict),
        2 => (0..24usize, any::<bool>()).prop_map(|(n, yes)| Act::Consent(n, yes)),
        2 => (0..24usize).prop_map(Act::Erase),
        1 => (0..24usize).prop_map(Act::Part),
        3 => Just(Act::Receive),
        1 => Just(Act::Retain),
    ];
    prop::collection::vec(act, 4..14)
}

fn carry_out(world: &mut World, town: &Town, act: &Act, at: i64) {
    let email = |n: &usize| format!("email:{}", town.email(*n));
    let is_held = |world: &World, n: &usize| world.subject(&email(n)).is_some();
    match act {
        Act::Import(n) => Town::from(2000 + 10 * n, 3).import(world, at),
        Act::Object(n) | Act::Lift(n) | Act::Restrict(n) if is_held(world, n) => {
            let (axis, purpose) = match act {
                Act::Restrict(_) => (Axis::Restriction, None),
                _ => (Axis::Objection, Some("one_profile")),
            };
            let state = match act {
                Act::Lift(_) => ConsentState::Withdrawn,
                _ => ConsentState::Given,
            };
            world.say(&email(n), &Spoken { axis, purpose, state, ..Spoken::default() }, hour(at));
        }
        Act::Consent(n, yes) if is_held(world, n) => {
            let state = if *yes { ConsentState::Given } else { ConsentState::Withdrawn };
            let letter = Some("letter");
            let notice = Some("letter-form@1");
            let spoken = Spoken { purpose: letter, notice, state, ..Spoken::default() };
            world.say(&email(n), &spoken, hour(at));
        }
        Act::Erase(n) if is_held(world, n) => _ = world.erase(&email(n), hour(at)),
        Act::Part(n) if is_held(world, n) => {
            let subject = world.subject(&email(n)).unwrap();
            let records = lookup::records_of(world.store.conn(), subject).unwrap();
            if records.len() > 1 {
                let record = records[1];
                world.store.write(hour(at), |writer| merge::part_record(writer, record)).unwrap();
            }
        }
        Act::Receive => _ = receive_at(world, at),
        Act::Retain => {
            retain::run(&mut world.store, &world.rules, hour(at), retain::Carry::Out).unwrap();
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever happened: the index is the one that a run would make, a person of whom nothing may be
    /// compared isn't in it, and everything verifies.
    #[test]
    fn the_index_is_the_one_that_a_run_would_make(acts in acts()) {
        let town = Town::new(24);
        let mut world = world_of(&town);
        run(&mut world, 2);
        let mut at = 3;
        for act in &acts {
            carry_out(&mut world, &town, act, at);
            at += 1;
        }
        receive_at(&mut world, at);
        sound(&world);
        let mut homes: BTreeMap<i64, i64> = BTreeMap::new();
        for record in numbers(world.store.conn(), "SELECT record FROM compared") {
            *homes.entry(record).or_default() += 1;
        }
        let held = numbers(world.store.conn(), "SELECT id FROM record");
        prop_assert!(homes.keys().all(|record| held.contains(record)));
        prop_assert!(index::is_kept(world.store.conn()).unwrap());
        in_step(&mut world, at + 1);
    }
}
