//! Law 9: where records, clocks or consents disagree, the reading that protects the person holds.
//!
//! The fold is compared with a naive model, written from its three rules and nothing else: for each
//! home a list of standing "no"s and one yes, and over homes whoever says no.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::common::{World, hour};
use candor::base::clock::Moment;
use candor::consent::fold::{AsOf, Home, Joined, Standing, in_force_state, standing};
use candor::consent::history::History;
use candor::consent::statement::{Axis, Statement};
use candor::policy::types::ConsentState::{
    self, Given, Invalidated, Refused, Renewed, Requested, Withdrawn,
};

/// A statement about purpose 1 on channel 1. Entries stand ten apart, so that merges fit between.
pub fn statement() -> impl Strategy<Value = Statement> {
    (
        1..=3i64,
        prop::sample::select(vec![
            Given,
            Given,
            Renewed,
            Refused,
            Withdrawn,
            Requested,
            Invalidated,
        ]),
        prop::sample::select(vec![Axis::Consent, Axis::Consent, Axis::Consent, Axis::Objection]),
        any::<(bool, bool, bool)>(),
        0..=2u16,
        -3..=6i64,
    )
        .prop_map(|(home, state, axis, (own, confirmed, second), source, valid)| Statement {
            n: 0,
            home,
            record: 10 * home + i64::from(second),
            axis,
            purpose: 1,
            channel: u16::from(axis == Axis::Consent),
            state: if axis == Axis::Objection && !matches!(state, Given) {
                Withdrawn
            } else {
                state
            },
            explicit: false,
            confirmed: confirmed && own,
            own: own && confirmed,
            source,
            notice_version: 1,
            every_days: 0,
            valid_at: hour(valid),
            recorded_at: hour(0),
        })
}

/// Statements in ledger order, and homes of which the second and third were joined somewhere.
pub fn history() -> impl Strategy<Value = (Vec<Statement>, Vec<Home>)> {
    (prop::collection::vec(statement(), 0..9), 0..9i64, 0..9i64).prop_map(
        |(mut all, two, three)| {
            for (i, s) in all.iter_mut().enumerate() {
                let i = i64::try_from(i).unwrap();
                (s.n, s.recorded_at) = (10 * i, hour(i));
            }
            let join = |k: i64| vec![Joined { at: hour(k), entry: 10 * k + 5 }];
            let homes = vec![
                Home { id: 1, moves: Vec::new() },
                Home { id: 2, moves: join(two) },
                Home { id: 3, moves: join(three) },
            ];
            (all, homes)
        },
    )
}

fn is_no(s: &Statement) -> bool {
    match s.axis {
        Axis::Objection => s.state == Given,
        _ => matches!(s.state, Refused | Withdrawn | Invalidated),
    }
}

/// Where the source's clock runs ahead, a no counts from when it was heard of; a yes doesn't count yet.
fn when(s: &Statement) -> Moment {
    if is_no(s) && s.recorded_at < s.valid_at { s.recorded_at } else { s.valid_at }
}

/// What one home hears, oldest first; of two at one moment the no comes last, so that it holds.
fn heard<'s>(
    all: &'s [Statement],
    homes: &[Home],
    home: i64,
    axis: Axis,
    asked: AsOf,
) -> Vec<&'s Statement> {
    let joined = |id: i64| homes.iter().find(|h| h.id == id).unwrap().moves.last();
    let together_at = |s: &Statement| {
        // Together from the later of the two joinings on, by the ledger's order.
        let of = |id| joined(id).map_or(i64::MIN, |j| j.entry);
        let known = |id| joined(id).is_none_or(|j| j.at <= asked.known);
        known(s.home) && known(home) && s.n > of(s.home) && s.n > of(home)
    };
    let mut heard: Vec<&Statement> = all
        .iter()
        .filter(|s| s.axis == axis && s.recorded_at <= asked.known && when(s) <= asked.valid)
        .filter(|s| s.home == home || together_at(s))
        .collect();
    // Nothing was said later than it was heard of.
    heard.sort_by_key(|s| (s.valid_at.min(s.recorded_at), is_no(s), s.recorded_at, s.n));
    heard
}

/// Whether the last word of a home is a yes, and whether a "no" stands, if it has any; rule 2 keeps every
/// "no" until the same row of its source, or the person, takes it back. The desk (0) is one.
fn says(heard: &[&Statement]) -> Option<(bool, bool)> {
    let mut yes = false;
    let mut noes: Vec<(u16, i64)> = Vec::new();
    let row = |s: &Statement| (s.source, if s.source == 0 { 0 } else { s.record });
    for s in heard {
        if is_no(s) {
            noes.push(row(s));
            yes = false;
        } else if matches!(s.state, Given | Renewed) {
            if s.own || s.confirmed {
                noes.clear();
            }
            noes.retain(|no| *no != row(s));
            yes = noes.is_empty();
        }
    }
    (!heard.is_empty()).then_some((yes, !noes.is_empty()))
}

/// Whether consent is in force by the naive model, for one home or for the whole.
fn model(all: &[Statement], homes: &[Home], home: Option<i64>, asked: AsOf) -> bool {
    let known = |h: &Home| h.moves.iter().all(|j| j.at <= asked.known);
    let asked_is_known = homes.iter().any(|h| Some(h.id) == home && known(h));
    // A home that was joined with the asked one only after the moment has no say then but a "no".
    let later = |id: i64| {
        let of = |id| homes.iter().find(|h| h.id == id).unwrap().moves.last().map(|j| j.at);
        home.is_some_and(|home| home != id && of(home).max(of(id)) > Some(asked.valid))
    };
    let answers: Vec<(i64, bool)> = homes
        .iter()
        .filter(|h| Some(h.id) == home || (known(h) && (home.is_none() || asked_is_known)))
        .filter_map(|h| Some((h.id, says(&heard(all, homes, h.id, Axis::Consent, asked))?)))
        .filter(|(id, (_, no))| *no || !later(*id))
        .map(|(id, (yes, _))| (id, yes))
        .collect();
    let spoke = match home {
        Some(home) => answers.iter().any(|(id, _)| *id == home),
        None => !answers.is_empty(),
    };
    spoke && answers.iter().all(|(_, yes)| *yes)
}

/// Merges among five homes, one after another: which group goes to which.
fn merges() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0..5usize, 0..5usize), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// However merges are chained, two homes count as one from the merge on that brought them
    /// together, and not from a later one that moved both.
    #[test]
    fn a_chain_of_merges_keeps_each_joining(wanted in merges()) {
        let mut homes: Vec<Home> = (0..5).map(|id| Home { id, moves: Vec::new() }).collect();
        let mut group: Vec<usize> = (0..5).collect();
        let mut met = [[None; 5]; 5];
        for (step, (from, into)) in wanted.into_iter().enumerate() {
            let (from, into) = (group[from], group[into]);
            if from == into {
                continue;
            }
            let step = i64::try_from(step).unwrap();
            let joined = Joined { at: hour(step), entry: 10 * step };
            for a in 0..5 {
                for b in 0..5 {
                    if (group[a], group[b]) == (from, into) {
                        met[a][b] = Some(joined);
                        met[b][a] = Some(joined);
                    }
                }
            }
            for a in 0..5 {
                if group[a] == from {
                    homes[a].moves.push(joined);
                    group[a] = into;
                }
            }
        }
        for a in 0..5 {
            for b in (0..5).filter(|b| group[*b] == group[a]) {
                prop_assert_eq!(homes[a].joined_with(&homes[b]), met[a][b], "{} {}", a, b);
            }
        }
    }
}

/// Three chained merges: what was said between two of them covers those who were one by then.
#[test]
fn what_was_said_between_two_merges_covers_those_who_were_one() {
    let joined = |k: i64| Joined { at: hour(k), entry: 10 * k };
    let homes = [
        Home { id: 1, moves: vec![joined(1), joined(3)] },
        Home { id: 2, moves: vec![joined(3)] },
        Home { id: 3, moves: Vec::new() },
    ];
    let mut yes = said(20, 1, Given, 2);
    (yes.home, yes.recorded_at) = (2, hour(2));
    for (home, known, expected) in [(1, 2, true), (2, 2, true), (1, 9, true), (3, 9, false)] {
        let asked = AsOf { valid: hour(9), known: hour(known) };
        let found = in_force(&standing(&[yes], &homes, Some(home), asked));
        assert_eq!(found, expected, "home {home} by what was known at {known}");
    }
}

fn in_force(standing: &Standing) -> bool {
    standing.consents.get(&(1, 1)).is_some_and(|c| in_force_state(c.state))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn the_fold_agrees_with_the_naive_model(
        (all, homes) in history(),
        home in prop::option::of(1..=3i64),
        valid in -3..9i64,
        known in 0..9i64,
    ) {
        let asked = AsOf { valid: hour(valid), known: hour(known) };
        let found = standing(&all, &homes, home, asked);
        prop_assert_eq!(in_force(&found), model(&all, &homes, home, asked), "{:?}", found);
    }

    #[test]
    fn one_more_no_never_opens((all, homes) in history(), mut no in statement(), valid in -3..9i64) {
        let asked = AsOf { valid: hour(valid), known: hour(20) };
        (no.axis, no.channel, no.state) = (Axis::Consent, 1, Withdrawn);
        (no.n, no.recorded_at) = (10 * 30, hour(20));
        let before = standing(&all, &homes, None, asked);
        let mut more = all.clone();
        more.push(no);
        let after = standing(&more, &homes, None, asked);
        prop_assert!(in_force(&before) || !in_force(&after));
    }
}

fn said(n: i64, source: u16, state: ConsentState, at: i64) -> Statement {
    Statement {
        n,
        home: 1,
        record: 1,
        axis: Axis::Consent,
        purpose: 1,
        channel: 1,
        state,
        explicit: false,
        confirmed: false,
        own: false,
        source,
        notice_version: 1,
        every_days: 0,
        valid_at: hour(at),
        recorded_at: hour(n),
    }
}

fn holds(all: &[Statement], at: i64) -> bool {
    let asked = AsOf { valid: hour(at), known: hour(100) };
    in_force(&standing(all, &[Home { id: 1, moves: Vec::new() }], Some(1), asked))
}

#[test]
fn the_named_cases() {
    let own = |mut s: Statement| {
        s.own = true;
        s
    };
    // Later beats earlier, within a source.
    assert!(holds(&[said(1, 1, Refused, 1), said(2, 1, Given, 2)], 3));
    // At one moment the no holds, in whichever order they came.
    assert!(!holds(&[said(1, 1, Given, 1), said(2, 1, Refused, 1)], 3));
    assert!(!holds(&[said(1, 1, Refused, 1), said(2, 1, Given, 1)], 3));
    // Another source's yes lifts nothing, the person's own does.
    assert!(!holds(&[said(1, 1, Withdrawn, 1), said(2, 2, Given, 2)], 3));
    assert!(holds(&[said(1, 1, Withdrawn, 1), own(said(2, 2, Given, 2))], 3));
    // Neither does the yes of another row of the same source: it may be another person's.
    let mut other_row = said(2, 1, Given, 2);
    other_row.record = 2;
    assert!(!holds(&[said(1, 1, Withdrawn, 1), other_row], 3));
    // A second source's no doesn't make the first one's forgotten.
    let two = [said(1, 1, Withdrawn, 1), said(2, 2, Refused, 2), said(3, 2, Given, 3)];
    assert!(!holds(&two, 4));
    // Being asked again doesn't lift it either.
    let asked = [said(1, 1, Withdrawn, 1), said(2, 1, Requested, 2), said(3, 2, Given, 3)];
    assert!(!holds(&asked, 4));
    // A no from a clock that runs ahead counts at once; a yes doesn't.
    assert!(!holds(&[said(1, 1, Given, 1), said(2, 1, Withdrawn, 50)], 3));
    assert!(!holds(&[said(1, 1, Given, 50)], 3));
}

/// A source writes its refusals without a time: in a later export the same record says no where it had
/// said yes. Whatever the row's own age, the yes doesn't outlive it.
#[test]
fn a_no_without_a_time_of_its_own_beats_the_same_records_older_yes() {
    let mut world = crate::common::World::new();
    let row = |at: &str, optin: &str| {
        format!(
            "customer_id,at,name,email,optin,notice\n\
             c1,{at},Ann,ann@x.example,{optin},letter-form@1\n"
        )
    };
    let in_force = |world: &crate::common::World, at| {
        let subject = world.subject("email:ann@x.example").unwrap();
        let history = candor::consent::history::History::load(world.store.conn(), subject).unwrap();
        let standing = history.standing(AsOf::at(at));
        standing.consents.values().any(|consent| in_force_state(consent.state))
    };
    // Each counts from its row, and the row of the no says an older day.
    world.import("shop", &row("2026-01-04", "yes"), hour(1));
    assert!(in_force(&world, hour(1)));
    world.import("shop", &row("2026-01-02", "no"), hour(2));
    assert!(!in_force(&world, hour(2)));
    let before = crate::common::rows(world.store.conn(), "statement");
    world.import("shop", &row("2026-01-02", "no"), hour(3));
    assert_eq!(crate::common::rows(world.store.conn(), "statement"), before, "said once");
}

/// A consent that has to be renewed admits nothing new, and what was given under it stays until the
/// person says no: asking destroys nothing.
#[test]
fn asking_for_renewal_keeps_what_was_given() {
    use crate::common::{POLICY, World, apply};
    use candor::consent::desk::Spoken;
    use candor::subject::retain::{Carry, run};
    let mut world = World::new();
    let shop = "customer_id,at,name,email,card\nc1,2026-01-04,Ann,ann@x.example,K1\n";
    world.import("shop", shop, hour(1));
    let spoken =
        |notice, state| Spoken { purpose: Some("tips"), notice, state, ..Spoken::default() };
    world.say("card:K1", &spoken(Some("tips-form@1"), Given), hour(2));
    let looks =
        |n: i64| format!("basket,at,looked_at,card,cents,what\nb{n},,2026-01-05,K1,,Book\n");
    let held = |world: &World| world.held().iter().filter(|(_, name, _)| name == "look").count();
    world.import("till", &looks(1), hour(3));
    assert_eq!(held(&world), 1);
    let text = "text = \"We suggest books.\"\n";
    let newer = format!(
        "{text}[[notice.tips-form.version]]\nversion = 2\nlanguage = \"en\"\nmaterial = true\n\
         text = \"We suggest books and films.\"\n"
    );
    apply(&mut world.store, &POLICY.replace(text, &newer), hour(4));
    world.reopen();
    let rules = world.rules.clone();
    let due = run(&mut world.store, &rules, hour(5), Carry::Out).unwrap();
    assert_eq!((due.values, due.events), (0, 0), "the policy alone destroys nothing");
    world.say("card:K1", &spoken(Some("tips-form@2"), Requested), hour(6));
    world.import("till", &looks(2), hour(7));
    assert_eq!(held(&world), 1, "nothing new comes in, and nothing goes");
    world.say("card:K1", &spoken(Some("tips-form@2"), Given), hour(8));
    world.import("till", &looks(3), hour(9));
    assert_eq!(held(&world), 2);
    world.say("card:K1", &spoken(None, Withdrawn), hour(10));
    assert_eq!(held(&world), 0, "a withdrawal takes it all");
}

/// One browser, or one customer number, that several people use: each row names another person. None of
/// them becomes the other, and a "no" holds for both.
/// A shared card gathers no more addresses than the policy lets one person have, also not by way of a row
/// that brings none itself.
#[test]
fn a_profile_gathers_no_more_values_than_one_person_may_have() {
    let policy = crate::common::POLICY
        .replace(
            "[identifier.email]\nform = \"email\"\nmax_records = 3",
            "[identifier.email]\nform = \"email\"\nmax_records = 3\nmax_values = 2",
        )
        .replace("[identifier.card]\nmax_records = 3", "[identifier.card]\nmax_records = 9");
    assert_eq!(policy.len(), crate::common::POLICY.len() + "\nmax_values = 2".len());
    let mut world = World::under(&policy);
    let rows = "customer_id,at,name,email,card\n\
        c1,2026-01-01,Ann,one@x.example,K1\nc2,2026-01-02,Ann,two@x.example,K1\n\
        c3,2026-01-03,Cleo,three@x.example,K1\nc4,2026-01-04,Ann,,K1\n\
        c5,2026-01-05,Ann,two@x.example,K1\n";
    world.import("shop", rows, hour(1));
    let [one, two, three] =
        ["one", "two", "three"].map(|name| world.subject(&format!("email:{name}@x.example")));
    assert!(one.is_some() && one == two && three.is_some() && three != one);
    let records = |subject| candor::profile::lookup::records_of(world.store.conn(), subject);
    assert_eq!(records(one.unwrap()).unwrap().len(), 4);
    assert_eq!(records(three.unwrap()).unwrap().len(), 1);
    world.is_sound();
}

#[test]
fn a_key_that_several_people_use_makes_nobody_one() {
    let mut world = World::new();
    let row = |key: &str, email: &str, optin: &str| {
        format!(
            "customer_id,at,name,email,card,optin,notice\n{key},2026-01-04,,{email},,{optin},letter-form@2\n"
        )
    };
    for (key, email) in [("c1", "ann"), ("c2", "bob"), ("c3", "cleo")] {
        world.import("shop", &row(key, &format!("{email}@x.example"), "yes"), hour(1));
    }
    let whose = |world: &World, name: &str| world.subject(&format!("email:{name}@x.example"));
    let apart: BTreeSet<_> =
        ["ann", "bob", "cleo"].iter().map(|name| whose(&world, name)).collect();
    assert_eq!(apart.len(), 3);
    let outcome = world.import("shop", &row("c1", "bob@x.example", "yes"), hour(2));
    assert_eq!(outcome.summary.records_refused.get("key_names_another"), Some(&1));
    let outcome = world.import("shop", &row("c1", "cleo@x.example", "out"), hour(3));
    assert_eq!(outcome.summary.records_refused.get("key_names_another"), Some(&1));
    let still: BTreeSet<_> =
        ["ann", "bob", "cleo"].iter().map(|name| whose(&world, name)).collect();
    assert_eq!(still, apart, "nobody was joined");
    let ann = world.profile(whose(&world, "ann").unwrap()).to_string();
    assert!(!ann.contains("bob@") && !ann.contains("cleo@"), "{ann}");
    for (name, open) in [("ann", false), ("bob", true), ("cleo", false)] {
        let subject = whose(&world, name).unwrap();
        let state =
            candor::subject::state::state(&world.store, &world.rules, subject, AsOf::at(hour(4)));
        let letter = state.unwrap().purposes.into_iter().find(|p| p.purpose == "newsletter");
        assert_eq!(letter.unwrap().in_force, open, "{name}");
    }
    // An address that nobody else goes by is a change of address; the old one names nobody any more.
    world.import("shop", &row("c1", "ann-new@x.example", ""), hour(5));
    assert_eq!(whose(&world, "ann-new"), whose(&world, "ann"));
    world.import(
        "leads",
        "lead,at,name,email,optin,notice\nl1,2026-01-04,,ann@x.example,yes,letter-form@2\n",
        hour(6),
    );
    assert_ne!(whose(&world, "ann-new"), world.subjects("email:ann@x.example").last().copied());
}

/// A source whose clock runs ahead: the "no" that comes in meanwhile takes back the "yes" that isn't yet.
#[test]
fn a_yes_dated_ahead_outlives_no_withdrawal() {
    let mut yes = Statement {
        n: 1,
        home: 1,
        record: 10,
        axis: Axis::Consent,
        purpose: 1,
        channel: 1,
        state: Given,
        explicit: false,
        confirmed: false,
        own: true,
        source: 1,
        notice_version: 1,
        every_days: 0,
        valid_at: hour(5),
        recorded_at: hour(1),
    };
    let no = Statement {
        n: 2,
        state: Withdrawn,
        source: 0,
        valid_at: hour(2),
        recorded_at: hour(2),
        ..yes
    };
    let homes = [Home { id: 1, moves: Vec::new() }];
    let state = |all: &[Statement]| {
        standing(all, &homes, Some(1), AsOf::at(hour(9))).consents.get(&(1, 1)).map(|c| c.state)
    };
    assert_eq!(state(&[yes, no]), Some(Withdrawn));
    // What was said after it counts.
    (yes.n, yes.recorded_at) = (3, hour(6));
    assert_eq!(state(&[no, yes]), Some(Given));
}

/// The link in a letter that went to a former address: what is said by it reaches whoever bore the address,
/// on the record that bore it, once. A yes doesn't, nor the unticked box of whoever bears it now.
#[test]
fn a_no_by_a_former_address_reaches_whoever_bore_it() {
    let shop = |day: u8, email: &str| {
        format!(
            "customer_id,at,name,email,optin,notice\n\
             c1,2026-01-0{day},Ann,{email}@x.example,yes,letter-form@2\n"
        )
    };
    let lead = |day: u8, optin: &str| {
        format!(
            "lead,at,name,email,optin,notice\n\
             l1,2026-01-0{day},,ann@x.example,{optin},letter-form@2\n"
        )
    };
    let open = |world: &World, at| {
        let sent = candor::send::audience(&world.store, &world.rules, "mailer", hour(at)).unwrap();
        let rows = sent.permitted.iter().map(|permit| permit.item().fields[0].clone());
        rows.collect::<Vec<String>>()
    };
    for (word, anothers, reaches) in [
        ("out", false, true),
        ("out", true, true),
        ("no", false, true),
        ("no", true, false),
        ("yes", false, false),
    ] {
        let mut world = World::new();
        world.import("shop", &shop(1, "ann"), hour(1));
        world.import("shop", &shop(2, "new"), hour(2));
        assert_eq!(open(&world, 2), ["new@x.example"]);
        if anothers {
            let other =
                "customer_id,at,name,email,optin,notice\nc2,2026-01-03,Bea,ann@x.example,,\n";
            world.import("shop", other, hour(3));
        }
        world.import("leads", &lead(4, word), hour(4));
        let left = open(&world, 5);
        assert_eq!(left.contains(&"new@x.example".to_owned()), !reaches, "{word}: {left:?}");
        let count = |world: &World| crate::common::rows(world.store.conn(), "statement").len();
        let before = count(&world);
        world.import("leads", &lead(4, word), hour(6));
        assert_eq!(count(&world), before, "said once");
        world.is_sound();
    }
}

/// A source that dates by the day says no on the day of a yes: it may have been the day's last word. And where a clock
/// is set forward or back, no yes comes after a no by that alone.
#[test]
fn no_clock_makes_a_yes_come_after_a_no() {
    let at = "notice = { from = \"notice\" }\n";
    let policy =
        crate::common::POLICY.replacen(at, &format!("{at}at = {{ from = \"said\" }}\n"), 1);
    for (yes, no) in [
        ("2025-05-01T09:00:00Z", "2025-05-01"),
        ("2025-03-30T01:30", "2025-03-30T02:10"),
        ("2025-10-26T01:50", "2025-10-26T01:10"),
    ] {
        let mut world = crate::common::World::under(&policy);
        let row = |state: &str, said: &str| {
            format!(
                "customer_id,at,name,email,optin,notice,said\n\
                 c1,2025-11-01,Ann,ann@x.example,{state},letter-form@2,{said}\n"
            )
        };
        world.import("shop", &row("yes", yes), hour(1));
        let ann = world.subject("email:ann@x.example").unwrap();
        let stands = |world: &crate::common::World| {
            let history = History::load(world.store.conn(), ann).unwrap();
            let standing = history.standing(AsOf::at(hour(9)));
            standing.consents.values().any(|c| in_force_state(c.state))
        };
        assert!(stands(&world), "{yes}");
        world.import("shop", &row("out", no), hour(2));
        assert!(!stands(&world), "{no} takes {yes} back");
        let held = History::load(world.store.conn(), ann).unwrap().statements.len();
        world.import("shop", &(row("out", no) + "\n"), hour(3));
        assert_eq!(History::load(world.store.conn(), ann).unwrap().statements.len(), held);
    }
}

/// The same at the desk: whoever said yes there this morning and no today isn't written to.
#[test]
fn a_no_of_a_day_is_the_days_last_word_at_the_desk_too() {
    use candor::consent::desk::{Spoken, of_a_day, record, statements};
    let mut world = crate::common::World::new();
    let row = "customer_id,at,name,email,card\nc1,2026-01-04,Ann,ann@x.example,K1\n";
    world.import("shop", row, hour(-1));
    let ann = world.subject("card:K1").unwrap();
    let spoken = |state| Spoken {
        purpose: Some("newsletter"),
        notice: Some("letter-form@2"),
        state,
        ..Spoken::default()
    };
    let stands = |world: &crate::common::World| {
        let history = History::load(world.store.conn(), ann).unwrap();
        let standing = history.standing(AsOf::at(hour(10)));
        standing.consents.values().any(|c| in_force_state(c.state))
    };
    world.say("card:K1", &spoken(Given), hour(1));
    assert!(stands(&world));
    let [day, ends] = ["2026-01-05", "2026-01-06"].map(|day| Moment::parse(day).unwrap());
    let said = statements(&world.rules, &spoken(Withdrawn), day).unwrap();
    let withdraw = |w: &mut candor::store::Writer<'_>| {
        let said = of_a_day(w.conn, ann, &said, ends)?;
        record(w, ann, &said)
    };
    world.store.write(hour(9), withdraw).unwrap();
    assert!(!stands(&world));
}
