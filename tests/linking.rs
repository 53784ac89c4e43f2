//! Linking the store's own records: who takes part, what joins, what people decide, what is taken back,
//! and what is left of somebody who is erased.

mod common;
#[path = "linking/town.rs"]
mod town;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use candor::base::error::Error;
use candor::consent::desk::{self, Spoken};
use candor::consent::fold::AsOf;
use candor::consent::gate::{Direction, Question, decide};
use candor::consent::history::History;
use candor::consent::statement::Axis;
use candor::linking::newcomers::receive;
use candor::linking::pair;
use candor::linking::report::report;
use candor::linking::review::{self, Answer, Waiting};
use candor::linking::{self, Done};
use candor::policy::types::ConsentState;
use candor::profile::lookup;
use candor::profile::merge::{self, Decider};
use candor::store::{Access, Store};
use candor::subject::access::collect::collect;
use candor::subject::access::complete;
use candor::subject::forget;
use common::{World, apply, deep, hour, numbers, rows};
use proptest::prelude::*;
use serde_json::{Value, json};
use town::{POLICY, TABLES, Town, record_of, world_of};

fn asked_about(world: &World) -> Vec<Waiting> {
    review::queue(&world.store, &world.rules, hour(900)).unwrap()
}

fn run(world: &mut World, at: i64) -> Done {
    linking::run(&mut world.store, &world.rules, hour(at)).unwrap()
}

fn subject_of(world: &World, record: i64) -> i64 {
    numbers(world.store.conn(), &format!("SELECT subject FROM record WHERE id = {record}"))[0]
}

/// The claims that verification finds broken, with the first fault of each.
fn broken(world: &World) -> Vec<String> {
    broken_at(&world.path())
}

fn broken_at(path: &Path) -> Vec<String> {
    let report = deep(path, None);
    let faults = report.claims.iter().flat_map(|claim| &claim.faults);
    faults.map(|fault| format!("{}: {}", fault.code, fault.what)).collect()
}

fn holds(world: &World) {
    assert_eq!(broken(world), Vec::<String>::new());
}

/// Everything that can be read of a subject.
fn picture(world: &World, subject: i64) -> Value {
    let state =
        candor::subject::state::state(&world.store, &world.rules, subject, AsOf::at(hour(900)));
    json!({
        "profile": world.profile(subject),
        "state": serde_json::to_value(state.unwrap()).unwrap(),
    })
}

fn entry(world: &World, n: i64) -> Value {
    let leaf = common::blobs(world.store.conn(), &format!("SELECT leaf FROM entry WHERE n = {n}"));
    serde_json::from_slice(&leaf[0]).unwrap()
}

#[test]
fn nobody_is_linked_unless_the_policy_says_for_what() {
    let mut world = World::under(&POLICY.replace("linking = true\n", ""));
    let refused = |result: Result<Done, Error>| result.unwrap_err().code;
    let plan = linking::plan(&world.store, &world.rules, hour(2));
    assert_eq!(refused(plan), "linking-undeclared");
    let ran = linking::run(&mut world.store, &world.rules, hour(2));
    assert_eq!(refused(ran), "linking-undeclared");
}

#[test]
fn a_run_finds_persons_says_why_and_finds_nothing_twice() {
    let town = Town::new(60);
    let mut world = world_of(&town);
    let planned = linking::plan(&world.store, &world.rules, hour(10)).unwrap();
    let before = TABLES.map(|table| rows(world.store.conn(), table));
    let done = run(&mut world, 10);
    assert_ne!(before, TABLES.map(|table| rows(world.store.conn(), table)));
    assert_eq!(Done { entry: None, ..done.clone() }, planned, "a plan is what a run does");
    assert!(done.joined >= 50 && done.related > 0, "{done:?}");
    let wrong = town.wrongly_joined(&world);
    assert_eq!(wrong, Vec::<(usize, usize)>::new());

    let entries = numbers(world.store.conn(), "SELECT entry FROM merge ORDER BY id");
    let leaf = entry(&world, entries[0]);
    assert_eq!(leaf["b"]["by"], "linkage");
    assert_eq!(leaf["b"]["model"], 1);
    assert!(leaf["b"]["probability"].as_str().unwrap().ends_with("or more"), "{leaf}");
    let run_entry = entry(&world, done.entry.unwrap());
    assert_eq!(run_entry["k"], "identity.run");
    assert_eq!(run_entry["b"]["joined"], done.joined);
    holds(&world);

    let (size, after) =
        (world.store.log().size(), TABLES.map(|table| rows(world.store.conn(), table)));
    let again = run(&mut world, 11);
    assert_eq!((again.joined, again.asked, again.related), (0, 0, 0), "{again:?}");
    assert_eq!((again.overtaken, again.unrelated, again.model_is_new), (0, 0, false));
    assert_eq!(again.entry, None);
    assert_eq!(world.store.log().size(), size, "and nothing is written");
    assert_eq!(after, TABLES.map(|table| rows(world.store.conn(), table)));
}

#[test]
fn whoever_may_not_be_compared_is_left_out_and_counted() {
    let town = Town::new(24);
    let mut world = world_of(&town);
    world.import("desk", "id,first,last\nd1,Anna,Lindqvist\n", hour(2));
    let email = |n: usize| format!("email:{}", town.email(n));
    let say = |world: &mut World, n: usize, axis, purpose| {
        let spoken = Spoken { axis, purpose, ..Spoken::default() };
        world.say(&email(n), &spoken, hour(3));
    };
    say(&mut world, 0, Axis::Objection, Some("one_profile"));
    say(&mut world, 1, Axis::Restriction, None);
    world.import(
        "shop",
        &format!(
            "id,first,email,order,ordered_at,cents\ns2,,{},o1,2026-01-05T08:00:00Z,900\n",
            town.email(2)
        ),
        hour(4),
    );
    world.erase(&email(2), hour(5));
    let done = run(&mut world, 6);
    let count = |code: &str| {
        let found = done.left_out.iter().find(|left| left.reason.code == code);
        found.map_or(0, |left| left.records)
    };
    assert_eq!((count("objected"), count("restricted")), (1, 1), "{done:?}");
    assert_eq!(count("not_held_for_linking"), 1, "{done:?}");
    assert_eq!(count("kept_by_law"), 1, "{done:?}");
    for n in [0, 1] {
        let subject = world.subject(&email(n)).unwrap();
        let records = lookup::records_of(world.store.conn(), subject).unwrap();
        assert_eq!(records.len(), 1, "nothing was joined with {n}");
        let asked = numbers(
            world.store.conn(),
            &format!("SELECT id FROM question WHERE a = {0} OR b = {0}", records[0]),
        );
        assert!(asked.is_empty(), "and nobody is asked about {n}");
        let other = record_of(&world, &format!("k{}", n + 3));
        let refused = pair::pair(&world.store, &world.rules, hour(7), (records[0], other));
        assert_eq!(refused.unwrap_err().code, "record-left-out");
    }
    holds(&world);
}

#[test]
fn who_objects_after_they_were_linked_is_asked_about_no_more() {
    let town = Town::new(40);
    let mut world = world_of(&town);
    run(&mut world, 3);
    let related = "SELECT a FROM link WHERE kind = 6 AND model <> 0 AND retired_entry = 0";
    let record = numbers(world.store.conn(), related)[0];
    let id = merge::public_text(
        lookup::public_id(world.store.conn(), subject_of(&world, record)).unwrap(),
    );
    let spoken =
        Spoken { axis: Axis::Objection, purpose: Some("one_profile"), ..Spoken::default() };
    world.say(&id, &spoken, hour(4));
    let done = run(&mut world, 5);
    assert!(done.unrelated > 0, "{done:?}");
    let subject = subject_of(&world, record);
    let left = format!(
        "SELECT l.id FROM link l JOIN record r ON r.id IN (l.a, l.b) WHERE l.kind = 6
         AND l.model <> 0 AND l.retired_entry = 0 AND r.subject = {subject}"
    );
    assert!(numbers(world.store.conn(), &left).is_empty());
    holds(&world);
}

#[test]
fn nobody_is_asked_about_people_who_may_not_be_compared_now() {
    let town = Town::new(60);
    let mut world = world_of(&town);
    run(&mut world, 3);
    let asked = asked_about(&world);
    let waiting = &asked[0];
    let spoken = Spoken { axis: Axis::Restriction, ..Spoken::default() };
    world.say(&waiting.subjects[0], &spoken, hour(4));
    let left = asked_about(&world);
    assert!(left.iter().all(|other| !other.subjects.contains(&waiting.subjects[0])), "{left:?}");
    assert!(!left.is_empty() && left.len() < asked.len());
    let lifted = Spoken { state: ConsentState::Withdrawn, ..spoken };
    world.say(&waiting.subjects[0], &lifted, hour(5));
    assert_eq!(asked_about(&world), asked, "and they wait again when they may");
}

#[test]
fn who_objects_after_they_were_joined_stands_alone_again() {
    let town = Town::new(40);
    let mut world = world_of(&town);
    let before: Vec<i64> = (1..=80).map(|record| subject_of(&world, record)).collect();
    run(&mut world, 3);
    let joined = numbers(
        world.store.conn(),
        "SELECT subject FROM record GROUP BY subject HAVING COUNT(*) = 2",
    );
    assert!(joined.len() > 20, "{joined:?}");
    let records = lookup::records_of(world.store.conn(), joined[0]).unwrap();
    let id = merge::public_text(lookup::public_id(world.store.conn(), joined[0]).unwrap());
    let objection =
        Spoken { axis: Axis::Objection, purpose: Some("one_profile"), ..Spoken::default() };
    world.say(&id, &objection, hour(4));
    for record in &records {
        let born = before[usize::try_from(*record).unwrap() - 1];
        assert_eq!(subject_of(&world, *record), born, "each has its own back");
    }
    // What the others are stays; and nobody is joined anew, also when the objection is lifted.
    assert_eq!(
        subject_of(&world, lookup::records_of(world.store.conn(), joined[1]).unwrap()[0]),
        joined[1]
    );
    holds(&world);
    let lifted = Spoken { state: ConsentState::Withdrawn, ..objection };
    world.say(&id, &lifted, hour(5));
    run(&mut world, 6);
    assert_ne!(subject_of(&world, records[0]), subject_of(&world, records[1]));
    holds(&world);
    // A person's own join doesn't rest on linking.
    let (a, b) = (subject_of(&world, records[0]), subject_of(&world, records[1]));
    world.store.write(hour(7), |w| merge::join(w, a.max(b), a.min(b), Decider::Person)).unwrap();
    world.say(&id, &objection, hour(8));
    assert_eq!(subject_of(&world, records[0]), subject_of(&world, records[1]));
    holds(&world);
}

/// What is said against linking while records are one person's is said for all of them (Art 21(3): "the
/// personal data shall no longer be processed for such purposes"), by whatever address the person is named.
#[test]
fn an_objection_binds_every_record_that_linking_had_joined() {
    let consented = POLICY.replace(
        "basis = \"legitimate_interests\"\nassessment = \"LIA-2026-02\"",
        "basis = \"consent\"\nnotice = \"letter-form\"",
    );
    assert_ne!(consented, POLICY);
    for (policy, axis, state) in [
        (POLICY, Axis::Objection, ConsentState::Given),
        (&consented, Axis::Consent, ConsentState::Withdrawn),
    ] {
        let town = Town::new(40);
        let mut world = World::under(policy);
        town.import(&mut world, 1);
        if axis == Axis::Consent {
            let yes = Spoken {
                purpose: Some("one_profile"),
                notice: Some("letter-form@1"),
                ..Spoken::default()
            };
            let said = desk::statements(&world.rules, &yes, hour(2)).unwrap();
            for subject in numbers(world.store.conn(), "SELECT DISTINCT subject FROM record") {
                world.store.write(hour(2), |w| desk::record(w, subject, &said)).unwrap();
            }
            town.import(&mut world, 2);
        }
        assert!(run(&mut world, 3).joined > 20, "{axis:?}");
        let joined = numbers(
            world.store.conn(),
            "SELECT subject FROM record GROUP BY subject HAVING COUNT(*) = 2",
        )[0];
        let records = lookup::records_of(world.store.conn(), joined).unwrap();
        // Nor does it turn on again what they turned off by one of their addresses.
        let stop =
            Spoken { purpose: Some("letter"), state: ConsentState::Withdrawn, ..Spoken::default() };
        let said = desk::statements(&world.rules, &stop, hour(4)).unwrap();
        world
            .store
            .write(hour(4), |w| desk::record_by_address(w, joined, records[0], &said))
            .unwrap();
        let no = Spoken { axis, state, purpose: Some("one_profile"), ..Spoken::default() };
        let said = desk::statements(&world.rules, &no, hour(4)).unwrap();
        let rules = world.rules.clone();
        world
            .store
            .write(hour(4), |w| {
                desk::record_by_address(w, joined, records[1], &said)?;
                forget::sweep(w, &rules, joined, "consent")
            })
            .unwrap();
        let alone = [records[0], records[1]].map(|record| subject_of(&world, record));
        assert_ne!(alone[0], alone[1], "{axis:?}");
        for subject in alone {
            let history = History::load(world.store.conn(), subject).unwrap();
            let standing = history.standing(AsOf::at(hour(5)));
            let rule = world.rules.rule(world.rules.purpose_code("one_profile").unwrap()).unwrap();
            let question = Question::new(Direction::Use, hour(5));
            assert!(decide(&world.rules, rule, question, &standing).is_err(), "{standing:?}");
            let letter = world.rules.purpose_code("letter").unwrap();
            let letter = standing.consents.iter().find(|((purpose, _), _)| *purpose == letter);
            assert_eq!(letter.unwrap().1.state, ConsentState::Withdrawn);
        }
        let left_out: u64 = run(&mut world, 6).left_out.iter().map(|left| left.records).sum();
        assert!(left_out >= 2, "{axis:?}");
        holds(&world);
    }
}

#[test]
fn answers_stand_whatever_is_learned_later() {
    let town = Town::new(60);
    let mut world = world_of(&town);
    run(&mut world, 3);
    let queue = asked_about(&world);
    assert!(queue.len() >= 4, "{queue:?}");
    let mut answers = Vec::new();
    for (waiting, answer) in
        queue.iter().zip([Answer::Same, Answer::Different, Answer::Related, Answer::Later])
    {
        let (shown, subjects) =
            review::show(&world.store, &world.rules, waiting.question, hour(4)).unwrap();
        assert_ne!(subjects[0], subjects[1]);
        assert_eq!(shown.pair.stands, "open");
        let rules = world.rules.clone();
        let answered =
            review::answer(&mut world.store, &rules, waiting.question, answer, hour(4)).unwrap();
        for n in answered.entries {
            let leaf = entry(&world, n);
            assert_eq!(
                (leaf["k"].as_str(), leaf["a"].as_str()),
                (Some("identity.answer"), Some("test"))
            );
        }
        answers.push((waiting.clone(), answer));
    }
    holds(&world);
    let stand = |world: &World| {
        for (waiting, answer) in &answers {
            let [a, b] = waiting.records;
            let joined = subject_of(world, a) == subject_of(world, b);
            assert_eq!(joined, *answer == Answer::Same, "{answer:?}");
        }
        let waiting = asked_about(world);
        for (known, answer) in &answers[..3] {
            let sides = [0, 1].map(|at| subject_of(world, known.records[at]));
            let again = waiting.iter().any(|w| {
                let asked = [0, 1].map(|at| subject_of(world, w.records[at]));
                asked == sides || asked == [sides[1], sides[0]]
            });
            assert!(!again, "{answer:?} is not asked again");
        }
    };
    stand(&world);
    run(&mut world, 5);
    stand(&world);
    // More people, another model.
    let more = Town::from(100, 60);
    more.import(&mut world, 6);
    let done = run(&mut world, 7);
    assert!(done.model_is_new && done.model > 1, "{done:?}");
    stand(&world);
    holds(&world);
    let rules = world.rules.clone();
    let twice = review::answer(&mut world.store, &rules, queue[0].question, Answer::Later, hour(8));
    assert_eq!(twice.unwrap_err().code, "question-answered");
}

/// Mother and daughter, who share a mailbox, a telephone and a door; and rows that name neither.
const MARTAS: &str = "id,first,last,born,email,phone,street,postcode,optin\n\
    j1,Martha,Quillfeather,,quill@mail.example,+353861112223,7 Old Mill Lane,T99,\n\
    j2,Marta,Quillfeather,,quill@mail.example,+353861112223,7 Old Mill Lane,T99,\n";
const NOBODY: &str = "id,first,last,born,email,phone,street,postcode,optin\n\
    n1,,Quillfeather,,quill@mail.example,,7 Old Mill Lane,T99,\n\
    n2,,Quillfeather,,,+353861112223,7 Old Mill Lane,T99,\n";

/// Whom the policy's guard holds apart is asked about at most, whatever a model says and whoever stands
/// between them; a run and newcomers alike.
#[test]
fn a_model_joins_nobody_whom_a_guard_holds_apart() {
    for is_new in [false, true] {
        let mut world = World::under(POLICY);
        Town::new(60).import(&mut world, 1);
        if is_new {
            run(&mut world, 2);
        }
        world.import("shop", MARTAS, hour(3));
        world.import("cards", NOBODY, hour(4));
        if is_new {
            receive(&mut world.store, &world.rules, &|| hour(5)).unwrap();
        }
        run(&mut world, 6);
        let martas =
            |world: &World| ["j1", "j2"].map(|key| subject_of(world, record_of(world, key)));
        let [mother, daughter] = martas(&world);
        assert_ne!(mother, daughter, "newcomers {is_new}");
        let of = |waiting: &Waiting| waiting.records.map(|record| subject_of(&world, record));
        let asked = asked_about(&world);
        let about = asked.iter().find(|waiting| of(waiting) == [mother, daughter]);
        assert!(about.is_some_and(|waiting| waiting.likely > 900), "{asked:?}");
        let again = run(&mut world, 7);
        assert_eq!((again.joined, again.asked, again.entry), (0, 0, None));
        // A person may.
        let joined =
            world.store.write(hour(8), |w| merge::join(w, daughter, mother, Decider::Person));
        joined.unwrap();
        run(&mut world, 9);
        assert_eq!(martas(&world), [mother; 2]);
        holds(&world);
    }
}

#[test]
fn a_model_gives_nobody_more_values_than_the_policy_lets_one_person_have() {
    let policy = POLICY.replace(
        "[identifier.email]\nform = \"email\"",
        "[identifier.email]\nform = \"email\"\nmax_values = 1",
    );
    assert_ne!(policy, POLICY);
    let two = "SELECT record FROM identifier i JOIN record r ON r.id = i.record
        WHERE i.kind = (SELECT kind FROM identifier WHERE record = 1)
        GROUP BY r.subject HAVING COUNT(DISTINCT i.blind) > 1";
    for (policy, several) in [(POLICY, true), (&policy, false)] {
        let mut world = World::under(policy);
        Town::new(60).import(&mut world, 1);
        let done = run(&mut world, 2);
        assert!(done.joined > 20);
        assert_eq!(!numbers(world.store.conn(), two).is_empty(), several);
        holds(&world);
    }
}

/// Anna twice, Bernd and a row without a name, on one mailbox.
const MAILBOX: [(&str, &str); 4] = [("a1", "Anna"), ("b1", "Bernd"), ("n1", ""), ("a2", "Anna")];

fn every_order(of: usize) -> Vec<Vec<usize>> {
    let Some(last) = of.checked_sub(1) else { return vec![Vec::new()] };
    let shorter = every_order(last).into_iter();
    let longer =
        |order: Vec<usize>| (0..of).map(move |at| [&order[..at], &[last], &order[at..]].concat());
    shorter.flat_map(longer).collect()
}

/// Whoever doesn't say which of them they are is none of several people who share an address, also where
/// they came when there was only one; and what they refused while they were taken for that one stands.
#[test]
fn who_is_who_on_one_mailbox_does_not_depend_on_who_came_first() {
    for order in every_order(4) {
        let mut world = World::under(POLICY);
        for (at, row) in (1..).zip(&order) {
            let (key, name) = MAILBOX[*row];
            let optin = if name.is_empty() { "out" } else { "yes" };
            let csv = format!(
                "id,first,last,email,optin\n{key},{name},Muster,fam@mail.example,{optin}\n"
            );
            world.import("shop", &csv, hour(at));
        }
        let [a1, b1, n1, a2] = MAILBOX.map(|(key, _)| {
            let numbers = numbers(world.store.conn(), "SELECT id FROM record");
            assert_eq!(numbers.len(), 4, "{order:?}");
            subject_of(&world, record_of(&world, key))
        });
        assert_eq!(a1, a2, "{order:?}");
        assert!(a1 != b1 && a1 != n1 && b1 != n1, "{order:?}: {a1} {b1} {n1}");
        let letter = world.rules.purpose_code("letter").unwrap();
        let refused = |subject| {
            let history = History::load(world.store.conn(), subject).unwrap();
            let standing = history.standing(AsOf::at(hour(9)));
            standing
                .consents
                .iter()
                .any(|((p, _), c)| *p == letter && c.state == ConsentState::Withdrawn)
        };
        // Of a yes by the same source that comes later, each order says what it says.
        let came = |row: usize| order.iter().position(|at| *at == row).unwrap();
        if came(2) > came(0) && came(2) > came(3) {
            assert!(refused(a1), "{order:?}");
        }
        holds(&world);
    }
}

#[test]
fn what_people_joined_stays_joined() {
    let town = Town::new(40);
    let mut world = world_of(&town);
    let (a, b) = (record_of(&world, "k3"), record_of(&world, "k30"));
    let (x, y) = (subject_of(&world, a), subject_of(&world, b));
    world.store.write(hour(2), |w| merge::join(w, x.max(y), x.min(y), Decider::Person)).unwrap();
    run(&mut world, 3);
    Town::from(100, 50).import(&mut world, 4);
    run(&mut world, 5);
    assert_eq!(subject_of(&world, a), subject_of(&world, b));
    // And what they joined after they had parted it.
    let subject = subject_of(&world, a);
    world.store.write(hour(6), |w| merge::part_record(w, b)).unwrap();
    run(&mut world, 7);
    assert_ne!(subject_of(&world, a), subject_of(&world, b));
    let other = subject_of(&world, b);
    let (into, from) = (subject.min(other), subject.max(other));
    world.store.write(hour(8), |w| merge::join(w, from, into, Decider::Person)).unwrap();
    run(&mut world, 9);
    assert_eq!(subject_of(&world, a), subject_of(&world, b));
    holds(&world);
}

#[test]
fn a_pair_is_explained_by_steps_that_add_up() {
    let town = Town::new(60);
    let mut world = world_of(&town);
    let refused = pair::pair(&world.store, &world.rules, hour(2), (1, 2));
    assert_eq!(refused.unwrap_err().code, "linking-unlearned");
    run(&mut world, 3);
    let (a, b) = (record_of(&world, "s4"), record_of(&world, "k4"));
    let found = pair::pair(&world.store, &world.rules, hour(4), (a, b)).unwrap();
    assert_eq!(found.stands, "one profile");
    let sum: f32 = found.why.steps.iter().map(|step| step.bits).sum();
    assert!((sum - found.why.bits).abs() < 0.05, "{found:?}");
    let text = found.document().to_text(None);
    assert!(text.contains("one person") && text.contains("together"), "{text}");
    let svg = found.chart().to_svg();
    assert!(svg.starts_with("<svg ") && svg.contains(">prior<"), "{svg}");
    let c = record_of(&world, "k9");
    let (x, y) = (subject_of(&world, a), subject_of(&world, c));
    // Beside what the two records say stands what else their profiles say.
    let emails = |first: &str, second: &str| {
        let records = (record_of(&world, first), record_of(&world, second));
        let pair = pair::pair(&world.store, &world.rules, hour(4), records).unwrap();
        let email = pair.fields.into_iter().find(|pair| pair.field == "email").unwrap();
        (email.a, email.beside_a)
    };
    let (shop, card) = (town.email(0), "card0@other.example".to_owned());
    assert_eq!(
        subject_of(&world, record_of(&world, "s0")),
        subject_of(&world, record_of(&world, "k0"))
    );
    assert_eq!(emails("s0", "s8"), (vec![shop.clone()], vec![card.clone()]));
    assert_eq!(emails("k0", "s8"), (vec![card], vec![shop]));
    let far = pair::likeliest(&world.store, &world.rules, hour(4), (x, y)).unwrap();
    assert!(far.why.probability < 0.5);
}

#[test]
fn the_report_counts_what_is_there() {
    let town = Town::new(60);
    let mut world = world_of(&town);
    let done = run(&mut world, 3);
    let report = report(&world.store, &world.rules, hour(4)).unwrap();
    assert_eq!(report.records, done.records);
    let persons: i64 = report.sizes.iter().map(|size| size.profiles).sum();
    assert_eq!(report.persons, persons.unsigned_abs());
    let records: i64 = report.sizes.iter().map(|size| size.records * size.profiles).sum();
    assert_eq!(records.unsigned_abs(), done.records);
    assert_eq!(report.questions.get("open"), Some(&done.asked));
    let found = report.links.iter().find(|l| l.kind == "same person, found by linking").unwrap();
    assert_eq!(found.links, done.joined);
    let model = report.model.as_ref().unwrap();
    assert_eq!((model.version, u64::from(model.model.records)), (1, done.records));
    assert_eq!((report.due.joined, report.due.asked), (0, 0));
    let page = report.document().to_html("en");
    assert_eq!(page.matches("<svg ").count(), 2);
    for n in 0..5 {
        assert!(!page.contains(&town.email(n)), "it names nobody");
    }
}

#[test]
fn an_erased_person_leaves_no_trace_with_others() {
    let town = Town::new(60);
    let mut world = world_of(&town);
    run(&mut world, 3);
    // Two of one household, and two whom a question is about; the first of each goes.
    let pairs = "SELECT a FROM link WHERE kind = 6 AND model <> 0";
    let mut gone = vec![numbers(world.store.conn(), pairs)[0]];
    let stays = numbers(world.store.conn(), &pairs.replace("SELECT a", "SELECT b"))[0];
    let queue = asked_about(&world);
    let apart = queue.iter().find(|w| !w.records.contains(&stays)).unwrap();
    gone.push(apart.records[0]);
    let rules = world.rules.clone();
    review::answer(&mut world.store, &rules, queue[1].question, Answer::Related, hour(4)).unwrap();
    gone.push(queue[1].records[0]);
    let others = [stays, apart.records[1], queue[1].records[1]];
    let mut erased = 0;
    for record in gone {
        if numbers(world.store.conn(), &format!("SELECT id FROM record WHERE id = {record}"))
            .is_empty()
        {
            continue;
        }
        let subject = subject_of(&world, record);
        if others.iter().any(|other| subject_of(&world, *other) == subject) {
            continue;
        }
        let id = merge::public_text(lookup::public_id(world.store.conn(), subject).unwrap());
        let records = lookup::records_of(world.store.conn(), subject).unwrap();
        let names = world.profile(subject);
        world.erase(&id, hour(5));
        erased += 1;
        for table in ["link", "question"] {
            for record in &records {
                let left = format!("SELECT id FROM {table} WHERE a = {record} OR b = {record}");
                assert!(numbers(world.store.conn(), &left).is_empty(), "{table}");
            }
        }
        for other in others {
            let subject = subject_of(&world, other);
            let mut package = collect(&world.store, &world.rules, subject, hour(6)).unwrap();
            package.completeness = Some(complete::check(&world.store, subject, &package).unwrap());
            let text = serde_json::to_string(&package).unwrap();
            assert!(!text.contains(&id), "{text}");
            for said in names["identifiers"].as_object().unwrap().values() {
                let value = said[0]["value"].as_str().unwrap();
                assert!(!text.contains(value), "{value}");
            }
            for record in &records {
                for field in ["record", "with"] {
                    assert!(!text.contains(&format!("\"{field}\":{record},")), "{text}");
                }
            }
        }
    }
    assert!(erased >= 2, "{erased}");
    holds(&world);
    run(&mut world, 7);
    holds(&world);
}

#[test]
fn an_answer_tells_neither_of_the_two_of_the_other() {
    let town = Town::new(60);
    let mut world = world_of(&town);
    run(&mut world, 3);
    let waiting = asked_about(&world)[0].clone();
    let rules = world.rules.clone();
    review::answer(&mut world.store, &rules, waiting.question, Answer::Different, hour(4)).unwrap();
    for (at, other) in [(0, 1), (1, 0)] {
        let subject = subject_of(&world, waiting.records[at]);
        let mut package = collect(&world.store, &world.rules, subject, hour(6)).unwrap();
        package.completeness = Some(complete::check(&world.store, subject, &package).unwrap());
        assert_eq!(package.ties.kept_apart, 1);
        assert!(package.questions.iter().any(|q| q.state == "different" && q.with.is_none()));
        let text = serde_json::to_string(&package).unwrap();
        assert!(!text.contains(&waiting.subjects[other]), "{text}");
        assert!(text.contains("identity.answer"), "the decision stands in the journal");
    }
}

#[test]
fn what_is_changed_behind_the_ledger_is_found() {
    let attacks = [
        ("UPDATE model SET body = replace(body, '\"form\":1', '\"form\":2')", "model-differs"),
        ("UPDATE model SET salt = zeroblob(32)", "model-differs"),
        ("DELETE FROM model", "model-missing"),
        ("UPDATE question SET state = 5 WHERE state = 2", "question-differs"),
        ("UPDATE question SET state = 2, decided_entry = 0 WHERE state = 5", "question-differs"),
        ("DELETE FROM question WHERE state = 2", "question-missing"),
        ("UPDATE question SET entry = 1", "question-without-entry"),
        ("DELETE FROM link WHERE kind = 5", "link-missing"),
        ("DELETE FROM link WHERE kind = 3", "link-missing"),
        ("DELETE FROM link WHERE kind = 6 AND model <> 0", "link-missing"),
        ("UPDATE link SET retired_entry = entry WHERE kind = 5", "link-retired"),
        ("UPDATE link SET retired_entry = entry + 1 WHERE kind = 5", "link-retired"),
        ("UPDATE link SET retired_entry = entry + 1 WHERE kind = 3", "link-retired"),
        ("UPDATE link SET kind = 5 WHERE kind = 6 AND model <> 0", "link-without-entry"),
        ("UPDATE link SET model = 9 WHERE kind = 3", "link-without-entry"),
        ("UPDATE link SET b = a WHERE kind = 3", "link-without-entry"),
        ("UPDATE question SET a = 1 + a % 9, b = 1 + b % 9 WHERE state = 5", "question-differs"),
    ];
    let town = Town::new(60);
    let mut world = world_of(&town);
    run(&mut world, 3);
    let waiting = asked_about(&world)[0].question;
    let rules = world.rules.clone();
    review::answer(&mut world.store, &rules, waiting, Answer::Different, hour(4)).unwrap();
    holds(&world);
    world.store.truncate_wal().unwrap();
    let copy = world.folder.path().join("copy.candor");
    for (attack, code) in attacks {
        std::fs::copy(world.path(), &copy).unwrap();
        let conn = rusqlite::Connection::open(&copy).unwrap();
        assert!(conn.execute(attack, []).unwrap() > 0, "{attack}");
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(conn);
        let found = broken_at(&copy);
        assert!(found.iter().any(|fault| fault.starts_with(code)), "{attack}: {found:?}");
    }
}

/// What the gate lets be used of every record: (record, purpose).
fn usable(world: &World, at: i64) -> Vec<(i64, u8)> {
    let conn = world.store.conn();
    let mut usable = Vec::new();
    for record in numbers(conn, "SELECT id FROM record ORDER BY id") {
        let home = numbers(conn, &format!("SELECT home FROM record WHERE id = {record}"))[0];
        let history = History::load(conn, subject_of(world, record)).unwrap();
        let standing = history.standing_of(home, AsOf::at(hour(at)));
        for rule in world.rules.rules() {
            let question = Question::new(Direction::Use, hour(at));
            if decide(&world.rules, rule, question, &standing).is_ok() {
                usable.push((record, rule.code));
            }
        }
    }
    usable
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Whatever people said: after a run nothing may be used that couldn't be before, and running again
    /// changes nothing.
    #[test]
    fn a_run_never_widens_consent(said in prop::collection::vec(0..5usize, 40)) {
        let town = Town::new(40);
        let mut world = World::under(POLICY);
        town.import_with(&mut world, 1, |n, source| match (said[n % said.len()], source) {
            (0, "shop") | (1, "cards") => "yes",
            (2, _) => "no",
            (3, "shop") => "out",
            _ => "",
        });
        for n in (0..40).filter(|n| said[*n] == 4) {
            let spoken = Spoken {
                purpose: Some("letter"),
                notice: Some("letter-form@1"),
                state: ConsentState::Withdrawn,
                ..Spoken::default()
            };
            world.say(&format!("email:{}", town.email(n)), &spoken, hour(2));
        }
        let before = usable(&world, 10);
        let done = run(&mut world, 3);
        prop_assert!(done.joined > 0);
        for allowed in usable(&world, 10) {
            prop_assert!(before.contains(&allowed), "{allowed:?}");
        }
        let size = world.store.log().size();
        run(&mut world, 4);
        prop_assert_eq!(world.store.log().size(), size);
    }

    /// Joins that are taken back, the last one first, leave everything as it was; and what was parted is
    /// neither joined nor asked about again.
    #[test]
    fn joins_taken_back_leave_everything_as_it_was(seed in 0..1000usize, taken in 1..9usize) {
        let town = Town::from(seed, 40);
        let mut world = World::under(POLICY);
        town.import_with(&mut world, 1, |n, _| if n % 3 == 0 { "yes" } else { "" });
        let subjects = lookup::live_subjects(world.store.conn()).unwrap();
        let before: Vec<Value> = subjects.iter().map(|s| picture(&world, *s)).collect();
        let held = ["record", "rollup", "value", "statement"].map(|t| rows(world.store.conn(), t));
        run(&mut world, 2);
        let mut undo = Vec::new();
        for subject in &subjects {
            undo.extend(lookup::merges_into(world.store.conn(), *subject).unwrap());
        }
        undo.sort_by_key(|merge| std::cmp::Reverse(merge.id));
        prop_assume!(undo.len() >= taken);
        let mut parted = Vec::new();
        for merge in &undo {
            let moved = numbers(
                world.store.conn(),
                &format!("SELECT record FROM merge_record WHERE merge = {}", merge.id),
            );
            world.store.write(hour(3), |w| merge::split(w, merge)).unwrap();
            let staying = lookup::records_of(world.store.conn(), merge.into_subject).unwrap();
            parted.push((moved[0], staying[0]));
        }
        let after: Vec<Value> = subjects.iter().map(|s| picture(&world, *s)).collect();
        prop_assert_eq!(after, before);
        let now = ["record", "rollup", "value", "statement"].map(|t| rows(world.store.conn(), t));
        prop_assert_eq!(now, held);
        let done = run(&mut world, 4);
        for (a, b) in parted {
            prop_assert_ne!(subject_of(&world, a), subject_of(&world, b));
        }
        prop_assert_eq!(done.model_is_new, false);
        prop_assert_eq!(broken(&world), Vec::<String>::new());
    }
}

#[test]
fn a_policy_that_links_later_links_from_then_on() {
    let mut world = World::under(&POLICY.replace("linking = true\n", ""));
    Town::new(20).import(&mut world, 1);
    apply(&mut world.store, POLICY, hour(2));
    world.reopen();
    assert!(run(&mut world, 3).joined > 0);
}

#[test]
fn a_store_of_an_older_candor_is_read_and_brought_up_to_date() {
    let mut world = World::under(POLICY);
    Town::new(20).import(&mut world, 1);
    world.store.truncate_wal().unwrap();
    let older = "DROP TABLE model; DROP TABLE question; PRAGMA user_version = 1;
                 DROP TABLE meeting; DROP TABLE frequency; DROP TABLE compared; DROP TABLE newcomer;
                 DROP TABLE write_key; DROP TABLE token; DROP TABLE outbox; DROP TABLE outbox_body;
                 DROP TABLE opt_in; DROP TABLE audience; DROP TABLE sought; DROP TABLE import_entry; DROP TABLE parting; DROP TABLE disclosed_along;
                 DROP INDEX record_home; DROP INDEX tombstone_entry;
                 DELETE FROM sqlite_sequence WHERE name = 'question';
                 DELETE FROM word WHERE kind = 'category';
                 PRAGMA wal_checkpoint(TRUNCATE)";
    rusqlite::Connection::open(world.path()).unwrap().execute_batch(older).unwrap();
    holds(&world);
    let reading = Store::open(&world.path(), Access::Read, "test").unwrap();
    let refused = linking::plan(&reading, &world.rules, hour(2)).unwrap_err();
    assert_eq!(refused.code, "store-older");
    let refused = review::queue(&reading, &world.rules, hour(5));
    assert_eq!(refused.unwrap_err().code, "store-older");
    world.reopen();
    assert!(run(&mut world, 3).joined > 0);
    // An older candor told of no imports; this ledger does.
    let told = "INSERT INTO import_entry SELECT 1, 3 UNION SELECT 2, 5";
    rusqlite::Connection::open(world.path()).unwrap().execute_batch(told).unwrap();
    holds(&world);
}

/// The program as it is typed, on a world's store.
fn typed(world: &World, line: &str, answers: &str) -> (String, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_candor"))
        .args(line.split_whitespace())
        .current_dir(world.folder.path())
        .env("CANDOR_STORE", world.path())
        .env("CANDOR_ACTOR", "clerk-7")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

fn typed_json(world: &World, line: &str) -> Value {
    let (said, code) = typed(world, &format!("--json {line}"), "");
    assert_eq!(code, Some(0), "{line}: {said}");
    serde_json::from_str(&said).unwrap()
}

#[test]
fn who_was_parted_is_told_to_stay_apart() {
    let mut world = world_of(&Town::new(60));
    run(&mut world, 3);
    let joined = numbers(
        world.store.conn(),
        "SELECT subject FROM record GROUP BY subject HAVING COUNT(*) = 2",
    )[0];
    let id = merge::public_text(lookup::public_id(world.store.conn(), joined).unwrap());
    let object = format!("consent object {id} --purpose one_profile");
    let (text, code) = typed(&world, &object, "");
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("stay apart"), "{text}");
    let (text, _) = typed(&world, &format!("{object} --lift"), "");
    assert!(text.contains("stay apart: candor profile merge"), "{text}");

    let queue = typed_json(&world, "identity review");
    let (question, records) = (&queue[0]["question"], &queue[0]["records"]);
    typed(&world, &format!("identity review {question} --answer different"), "");
    let (text, _) = typed(&world, &format!("identity explain {} {}", records[0], records[1]), "");
    assert!(text.contains("`candor profile merge` joins them"), "{text}");
}

#[test]
fn it_works_as_it_is_typed() {
    let world = world_of(&Town::new(60));
    let planned = typed_json(&world, "identity run --dry-run");
    let (text, code) = typed(&world, "identity run", "");
    assert_eq!(code, Some(0));
    assert!(text.contains(": candor identity review") && text.contains("model      1"), "{text}");
    let again = typed_json(&world, "identity run");
    assert_eq!(again["run"]["entry"], Value::Null);
    assert_eq!(again["run"]["persons"][0], planned["run"]["persons"][1]);

    let queue = typed_json(&world, "identity review");
    let waiting = queue.as_array().unwrap().len();
    assert!(waiting >= 3, "{queue}");
    let first = queue[0]["question"].as_i64().unwrap();
    let shown = typed_json(&world, &format!("identity review {first}"));
    assert!(shown["pair"]["why"]["steps"].as_array().unwrap().len() > 2, "{shown}");
    let (text, _) = typed(&world, "identity review --work", "nonsense\nd\nrelated\nstop\n");
    assert_eq!(text.matches("same, different, related, later, or stop?").count(), 4, "{text}");
    assert_eq!(text.matches("kept apart from now on").count(), 2, "{text}");
    let left = typed_json(&world, "identity review");
    assert_eq!(left.as_array().unwrap().len(), waiting - 2);
    let third = left[0]["question"].as_i64().unwrap();
    let answered = typed_json(&world, &format!("identity review {third} --answer same"));
    assert!(answered["subject"].as_str().unwrap().starts_with("s-"));
    let entry = entry(&world, answered["entries"][0].as_i64().unwrap());
    assert_eq!(
        (entry["k"].as_str(), entry["a"].as_str()),
        (Some("identity.answer"), Some("clerk-7"))
    );

    let (a, b) = (record_of(&world, "s4"), record_of(&world, "k4"));
    let (text, code) =
        typed(&world, &format!("identity explain {a} {b} --svg w.svg --html w.html"), "");
    assert_eq!(code, Some(0));
    assert!(text.contains("Each bit doubles the odds"), "{text}");
    let picture = std::fs::read_to_string(world.folder.path().join("w.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    let page = std::fs::read_to_string(world.folder.path().join("w.html")).unwrap();
    assert!(page.contains("<svg ") && !page.contains("<script"));
    let (_, code) = typed(&world, &format!("identity explain {a} {a}"), "");
    assert_eq!(code, Some(1));

    let report = typed_json(&world, "identity report");
    assert_eq!(report["questions"]["different"], 1);
    let (page, _) = typed(&world, "identity report --format html", "");
    assert!(page.starts_with("<!doctype html>") && page.contains("What was learned"));
    holds(&world);
}
