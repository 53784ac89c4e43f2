//! Who is one person changes all the time: rows join people and part them again, people at the desk join, take
//! back and part, and some are erased in between. Whatever comes after whatever, the store stays what its ledger
//! says (law 7), nothing of whom it erased is left to find them by (law 6), and nobody's yes counts for one who
//! wasn't one with them when it was said, or born to who was (law 9).

use std::collections::{BTreeMap, BTreeSet};

use candor::audit::unlawful::unlawful;
use candor::consent::desk::{self, Spoken};
use candor::consent::fold::{AsOf, in_force_state};
use candor::consent::history::History;
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState;
use candor::profile::merge::{self, Decider};
use candor::profile::{lookup, read};
use candor::store::{Store, Writer};
use candor::subject::{erase, forget};
use candor::verify::Standing;
use proptest::prelude::*;

use crate::common::{POLICY, World, deep, hour, numbers};

#[derive(Clone, Debug)]
enum Act {
    /// A row of the shop: key, name, address, telephone number, what it says of the letter.
    Row(u8, u8, u8, Option<u8>, &'static str),
    Merge(usize, usize),
    TakeBack(usize, usize),
    Part(usize, usize),
    /// The desk writes a withdrawal down that was said long ago.
    Withdraw(usize),
    /// Somebody says yes at the desk.
    Agree(usize),
    Erase(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let said = prop_oneof![Just("yes"), Just("no"), Just("")];
    let row = (0..9u8, 0..3u8, 0..5u8, prop::option::of(0..4u8), said);
    let any = || 0..12usize;
    prop_oneof![
        6 => row.prop_map(|(key, name, email, phone, said)| Act::Row(key, name, email, phone, said)),
        3 => (any(), any()).prop_map(|(a, b)| Act::Merge(a, b)),
        2 => (any(), any()).prop_map(|(a, b)| Act::TakeBack(a, b)),
        3 => (any(), any()).prop_map(|(a, b)| Act::Part(a, b)),
        1 => any().prop_map(Act::Withdraw),
        2 => any().prop_map(Act::Agree),
        1 => any().prop_map(Act::Erase),
    ]
}

fn shop(key: u8, name: u8, email: u8, phone: Option<u8>, said: &str, at: i64) -> String {
    let phone = phone.map_or(String::new(), |phone| format!("087123456{phone}"));
    format!(
        "customer_id,at,name,email,phone,card,optin,notice\n\
         c{key},{},N{name},p{email}@x.example,{phone},,{said},letter-form@2\n",
        hour(at)
    )
}

/// One of those who are held.
fn pick(world: &World, which: usize) -> Option<i64> {
    let live = lookup::live_subjects(world.store.conn()).unwrap();
    live.get(which % live.len().max(1)).copied()
}

fn perform(world: &mut World, act: &Act, at: i64) {
    let refused = |error: candor::base::error::Error| {
        assert!(["record-alone", "merge-overtaken"].contains(&error.code), "{error}");
    };
    match *act {
        Act::Row(key, name, email, phone, said) => {
            world.import("shop", &shop(key, name, email, phone, said, at), hour(at));
        }
        Act::Merge(a, b) => {
            let (Some(a), Some(b)) = (pick(world, a), pick(world, b)) else { return };
            if a != b {
                let (into, from) = (a.min(b), a.max(b));
                let join = |w: &mut Writer<'_>| merge::join(w, from, into, Decider::Person);
                world.store.write(hour(at), join).unwrap();
            }
        }
        Act::TakeBack(a, which) => {
            let Some(subject) = pick(world, a) else { return };
            let merges = lookup::merges_into(world.store.conn(), subject).unwrap();
            if let Some(found) = merges.get(which % merges.len().max(1)) {
                let _ = world.store.write(hour(at), |w| merge::split(w, found)).map_err(refused);
            }
        }
        Act::Part(a, which) => {
            let Some(subject) = pick(world, a) else { return };
            let records = lookup::records_of(world.store.conn(), subject).unwrap();
            let record = records[which % records.len()];
            let _ = world.store.write(hour(at), |w| merge::part_record(w, record)).map_err(refused);
        }
        Act::Withdraw(a) => {
            let Some(subject) = pick(world, a) else { return };
            let spoken = Spoken {
                axis: Axis::Consent,
                purpose: Some("newsletter"),
                state: ConsentState::Withdrawn,
                ..Spoken::default()
            };
            let said = desk::statements(&world.rules, &spoken, hour(-900)).unwrap();
            let rules = &world.rules;
            let withdraw = |w: &mut Writer<'_>| {
                desk::record(w, subject, &said)?;
                forget::sweep(w, rules, subject, "consent")
            };
            world.store.write(hour(at), withdraw).unwrap();
        }
        Act::Agree(a) => {
            let Some(subject) = pick(world, a) else { return };
            let spoken = Spoken {
                purpose: Some("newsletter"),
                notice: Some("letter-form@2"),
                state: ConsentState::Given,
                ..Spoken::default()
            };
            let said = desk::statements(&world.rules, &spoken, hour(at)).unwrap();
            world.store.write(hour(at), |w| desk::record(w, subject, &said)).unwrap();
        }
        Act::Erase(a) => {
            let Some(subject) = pick(world, a) else { return };
            let ids = public_ids(&world.store);
            let id = ids.iter().find(|[s, _]| *s == subject).unwrap()[1];
            erase::erase(&mut world.store, &world.rules, subject, hour(at)).unwrap();
            assert!(
                public_ids(&world.store).iter().all(|[_, held]| *held != id),
                "their id is gone"
            );
        }
    }
}

fn public_ids(store: &Store) -> Vec<[i64; 2]> {
    let mut statement = store.conn().prepare("SELECT id, public_id FROM subject").unwrap();
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?])).unwrap();
    rows.map(Result::unwrap).collect()
}

fn broken(world: &World) -> Vec<String> {
    let report = deep(&world.path(), None);
    let broken = report.claims.into_iter().filter(|claim| claim.standing == Standing::Broken);
    broken.flat_map(|claim| claim.faults).map(|fault| format!("{fault:?}")).collect()
}

/// For whom the yeses count at most: those of their profile when each was said, and who was recognised by them later.
#[derive(Default)]
struct Covered {
    said: i64,
    subjects: BTreeMap<i64, i64>,
    by: BTreeMap<i64, BTreeSet<i64>>,
}

impl Covered {
    /// Follows what an act did.
    fn follow(&mut self, world: &World) {
        let conn = world.store.conn();
        let mut statement = conn.prepare("SELECT id, subject FROM record").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let now: BTreeMap<i64, i64> = rows.map(Result::unwrap).collect();
        let with = |subjects: &BTreeMap<i64, i64>, record: i64| -> Vec<i64> {
            let Some(subject) = subjects.get(&record) else { return Vec::new() };
            subjects.iter().filter(|(_, s)| *s == subject).map(|(r, _)| *r).collect()
        };
        let share =
            "SELECT DISTINCT b.record FROM identifier a JOIN identifier b ON a.blind = b.blind
                     WHERE a.record = ";
        for born in now.keys().filter(|record| !self.subjects.contains_key(record)) {
            let sharing = numbers(conn, &format!("{share}{born}"));
            let theirs = with(&now, *born).into_iter().filter(|record| sharing.contains(record));
            let family: BTreeSet<i64> =
                theirs.filter_map(|record| self.by.get(&record)).flatten().copied().collect();
            self.by.insert(*born, family);
        }
        let mut statement =
            conn.prepare("SELECT n, record FROM statement WHERE n > $1 AND axis = 1").unwrap();
        let rows = statement.query_map([self.said], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        for (n, record) in rows.map(Result::unwrap) {
            for one in with(&now, record).into_iter().chain(with(&self.subjects, record)) {
                self.by.entry(one).or_default().insert(n);
            }
            self.said = self.said.max(n);
        }
        self.subjects = now;
    }

    /// Nobody's data may be used by a yes that isn't theirs.
    fn check(&self, world: &World, at: i64) {
        let store = &world.store;
        for subject in lookup::live_subjects(store.conn()).unwrap() {
            let history = History::load(store.conn(), subject).unwrap();
            for record in read::open_records(store.conn(), store.words(), subject).unwrap() {
                let standing = history.standing_of(record.home, AsOf::at(hour(at)));
                for consent in standing.consents.values().filter(|c| in_force_state(c.state)) {
                    let covers =
                        self.by.get(&record.id).is_some_and(|by| by.contains(&consent.by.n));
                    assert!(covers, "{:?} counts for record {}", consent.by, record.id);
                }
            }
        }
    }
}

/// One after the other, with a look at the whole store after each.
fn live(acts: &[Act]) {
    let mut world =
        World::under(&POLICY.replacen("retention = \"P50Y\"", "retention = \"P60Y\"", 1));
    let mut covered = Covered::default();
    for (i, act) in acts.iter().enumerate() {
        let at = 1 + i64::try_from(i).unwrap();
        perform(&mut world, act, at);
        covered.follow(&world);
        covered.check(&world, at);
        let broken = broken(&world);
        assert!(broken.is_empty(), "after {act:?}: {broken:?}");
        let report = unlawful(&world.store, None, hour(900)).unwrap();
        assert!(report.unlawful.is_empty(), "after {act:?}: {:?}", report.unlawful);
    }
    let empty = "SELECT id FROM subject s WHERE state = 2
                 AND NOT EXISTS (SELECT 1 FROM record r WHERE r.subject = s.id)";
    assert_eq!(numbers(world.store.conn(), empty), [0; 0], "nobody lives without a record");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whoever_is_joined_parted_and_erased_the_store_is_what_its_ledger_says(
        acts in prop::collection::vec(act(), 4..24),
    ) {
        live(&acts);
    }
}

#[test]
fn a_join_whose_other_side_was_parted_has_nothing_left_to_take_back() {
    let row = |key| Act::Row(key, key, key, None, "yes");
    live(&[row(0), row(1), Act::Merge(0, 1), Act::Part(0, 0), Act::TakeBack(0, 0)]);
    live(&[
        row(0),
        row(1),
        row(2),
        Act::Merge(0, 1),
        Act::Merge(0, 1),
        Act::Part(0, 0),
        Act::TakeBack(0, 1),
    ]);
}

#[test]
fn those_who_were_parted_and_joined_by_hand_can_be_parted_again() {
    let row = |key| Act::Row(key, key, key, Some(1), "yes");
    live(&[row(0), row(1), Act::Part(0, 0), Act::Merge(0, 1), Act::TakeBack(0, 0)]);
}

/// One telephone number makes two one. Parted, the second says yes; joined again, that is no yes of the first.
#[test]
fn what_is_said_after_a_parting_is_not_said_for_who_was_parted() {
    let row = |key, phone| Act::Row(key, key, key, phone, "");
    live(&[row(0, Some(1)), row(1, Some(1)), Act::Part(0, 1), Act::Agree(1), Act::Merge(0, 1)]);
    // The same by rows alone: the number turns out to be shared, and another row ties the two.
    let many = (2..6).map(|key| row(key, Some(1)));
    let said = [Act::Row(1, 1, 1, None, "yes"), Act::Merge(0, 1), row(0, None)];
    let acts: Vec<Act> =
        [row(0, Some(1)), row(1, Some(1))].into_iter().chain(many).chain(said).collect();
    live(&acts);
    // Who accuses nobody: a no of one side, a yes of the other, and both are one again.
    let no = Act::Row(1, 1, 1, None, "no");
    let yes = Act::Row(0, 0, 0, None, "yes");
    live(&[
        row(0, Some(1)),
        row(1, Some(1)),
        Act::Part(0, 1),
        no,
        yes,
        Act::Merge(0, 1),
        Act::TakeBack(0, 0),
    ]);
}

/// Whoever was taken back from others and joined with them again is no stranger to what they say then.
#[test]
fn who_was_taken_back_and_joined_again_is_let_in_by_what_is_said_then() {
    live(&[
        Act::Row(3, 0, 0, Some(0), "yes"),
        Act::Row(0, 0, 0, None, "yes"),
        Act::Row(2, 0, 3, None, "yes"),
        Act::Merge(6, 5),
        Act::TakeBack(0, 0),
        Act::Row(4, 0, 3, None, "no"),
        Act::Merge(2, 1),
        Act::Agree(0),
        Act::Row(2, 0, 0, None, ""),
        Act::Part(0, 4),
    ]);
}

/// Two are joined by hand, one of whom said yes. A row of the other's address is the other's.
#[test]
fn who_is_recognised_by_one_of_two_is_not_covered_by_the_other() {
    let row = |key: u8, who: u8, said| Act::Row(key, who, who, None, said);
    live(&[row(0, 0, "yes"), row(1, 1, ""), Act::Merge(0, 1), row(2, 1, ""), row(3, 0, "")]);
    let subjects =
        |world: &World| numbers(world.store.conn(), "SELECT subject FROM record ORDER BY id");
    // Also after a second joining, and what is taken back takes them along.
    let mut world = World::new();
    let joined = [
        row(0, 0, ""),
        row(1, 1, "yes"),
        row(2, 2, ""),
        Act::Merge(1, 2),
        row(3, 2, ""),
        Act::Merge(0, 1),
        row(4, 2, ""),
        row(5, 1, ""),
        row(6, 0, ""),
    ];
    for (at, act) in (1..).zip(joined) {
        perform(&mut world, &act, at);
    }
    let [a, b, c] = subjects(&world)[..3] else { panic!() };
    assert_eq!([a, b, c], [a; 3]);
    assert_eq!(broken(&world), [""; 0]);
    perform(&mut world, &Act::TakeBack(0, 0), 10);
    let [a, b, ..] = subjects(&world)[..] else { panic!() };
    assert_eq!(subjects(&world), [a, b, b, b, b, b, a]);
    assert_eq!(broken(&world), [""; 0]);
    perform(&mut world, &Act::TakeBack(1, 0), 11);
    let [.., c, _, _, _, _] = subjects(&world)[..] else { panic!() };
    assert_eq!(subjects(&world), [a, b, c, c, c, b, a]);
    assert_eq!(broken(&world), [""; 0]);
}

/// Whoever gives two who were parted one home again, behind candor's back, is found: what one says would be the
/// other's.
#[test]
fn the_home_of_who_was_parted_is_what_the_entry_says() {
    for (attack, code) in [
        (
            "UPDATE parting SET home = (SELECT home FROM record WHERE id = parting.record)",
            "parting-differs",
        ),
        ("DELETE FROM parting", "parting-missing"),
        ("INSERT INTO parting SELECT 1, entry, home FROM parting", "parting-differs"),
    ] {
        let mut world = World::new();
        let row = |key: u8| Act::Row(key, key, key, Some(1), "");
        for (at, act) in (1..).zip([row(0), row(1), Act::Part(0, 1)]) {
            perform(&mut world, &act, at);
        }
        assert_eq!(broken(&world), [""; 0]);
        let raw = rusqlite::Connection::open(world.path()).unwrap();
        assert!(raw.execute(attack, []).unwrap() > 0, "{attack}");
        drop(raw);
        assert!(broken(&world).iter().any(|fault| fault.contains(code)), "{attack}");
    }
}

#[test]
fn the_home_of_who_was_erased_does_not_come_back() {
    let mut world = World::new();
    let row = |key: u8| Act::Row(key, key, key, Some(1), "");
    for (at, act) in (1..).zip([row(0), row(1), Act::Part(0, 1)]) {
        perform(&mut world, &act, at);
    }
    let [record, entry, home] = ["record", "entry", "home"]
        .map(|column| numbers(world.store.conn(), &format!("SELECT {column} FROM parting"))[0]);
    perform(&mut world, &Act::Erase(1), 4);
    assert_eq!(numbers(world.store.conn(), "SELECT record FROM parting"), [0; 0]);
    assert_eq!(broken(&world), [""; 0]);
    let raw = rusqlite::Connection::open(world.path()).unwrap();
    raw.execute("INSERT INTO parting VALUES ($1, $2, $3)", [record, entry, home]).unwrap();
    drop(raw);
    assert!(broken(&world).iter().any(|fault| fault.contains("parting-differs")));
}

#[test]
fn erasing_who_was_parted_from_others_leaves_those_whole() {
    let rows = [
        (7, 1, 3, 3, "no"),
        (8, 2, 3, 0, "yes"),
        (5, 2, 0, 1, "no"),
        (7, 1, 1, 3, ""),
        (0, 0, 0, 0, "yes"),
        (1, 1, 3, 1, "no"),
        (6, 0, 3, 2, "no"),
    ];
    for who in 0..4 {
        let rows = rows.iter().map(|(key, name, email, phone, said)| {
            Act::Row(*key, *name, *email, Some(*phone), said)
        });
        let acts: Vec<Act> = rows.chain([Act::Erase(who)]).collect();
        live(&acts);
    }
}

/// Two at the desk decide at once about the same people: the second sees what the first did.
#[test]
fn what_somebody_else_joined_meanwhile_is_not_joined_again() {
    let mut world = World::new();
    for key in 0..3 {
        world.import("shop", &shop(key, key, key, None, "", 1), hour(1));
    }
    let live = lookup::live_subjects(world.store.conn()).unwrap();
    let join = |world: &mut World, from: usize, into: usize| {
        let (from, into) = (live[from], live[into]);
        world.store.write(hour(2), |w| merge::join(w, from, into, Decider::Person))
    };
    join(&mut world, 2, 1).unwrap();
    let merge = lookup::merges_into(world.store.conn(), live[1]).unwrap()[0];
    for (from, into) in [(2, 0), (2, 1)] {
        assert_eq!(join(&mut world, from, into).unwrap_err().code, "subject-gone");
    }
    world.store.write(hour(3), |w| merge::split(w, &merge)).unwrap();
    let again = world.store.write(hour(3), |w| merge::split(w, &merge)).unwrap_err();
    assert_eq!(again.code, "subject-gone");
    assert_eq!(broken(&world), [""; 0]);
}
