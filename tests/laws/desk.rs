//! What the desk does with profiles keeps to the law: nobody's data stays by what somebody else said (laws 2 and 9),
//! and whoever had its use restricted is joined with nobody and loses nothing (Art 18).

use candor::audit::disclosures::disclosures;
use candor::audit::unlawful::unlawful;
use candor::base::clock::Moment;
use candor::consent::desk::Spoken;
use candor::consent::fold::AsOf;
use candor::consent::history::History;
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState;
use candor::profile::lookup::{self, MergeRow};
use candor::profile::merge::public_text;
use candor::send;
use candor::subject::access::answer::whole_package;
use candor::subject::grouping;
use candor::subject::retain::{self, Carry};

use crate::common::{Heard, POLICY, World, deep, hour};

const TWO: &str = "customer_id,at,name,email,phone,card,optin,notice\n\
    c1,2025-01-04,Ann,ann@x.example,0871234561,K1,,\n\
    c2,2025-01-04,Bob,bob@x.example,0871234562,K2,,\n";

fn two() -> (World, i64, i64) {
    let mut world = World::new();
    world.import("shop", TWO, hour(1));
    let (ann, bob) = (
        world.subject("email:ann@x.example").unwrap(),
        world.subject("email:bob@x.example").unwrap(),
    );
    (world, ann, bob)
}

/// Joined, Bob agrees; and as they are one person, what another list says of Ann is let in by it. With the merge.
fn annie_by_bobs_yes() -> (World, MergeRow) {
    let (mut world, ann, bob) = two();
    world.store.write(hour(2), |w| grouping::join(w, ann, bob)).unwrap();
    let yes = "customer_id,at,optin,notice\nc2,2025-02-01,yes,letter-form@2\n";
    world.import("shop", yes, hour(3));
    let lead = "lead,at,name,email\nl1,2025-02-02,Annie,ann@x.example\n";
    world.import("leads", lead, hour(4));
    let merge = lookup::merges_into(world.store.conn(), ann.min(bob)).unwrap()[0];
    (world, merge)
}

fn annie(world: &World) -> bool {
    world.held().iter().any(|(.., text)| text == "Annie")
}

#[test]
fn what_was_held_by_the_others_yes_goes_when_the_two_are_parted() {
    let (mut world, merge) = annie_by_bobs_yes();
    assert!(annie(&world), "let in by one yes of one person");
    let rules = world.rules.clone();
    let parted = world.store.write(hour(5), |w| grouping::take_back(w, &rules, &merge)).unwrap();
    assert!(parted.forgotten.values >= 2, "{parted:?}");
    assert!(!annie(&world), "Bob's yes is none of Ann's");
    world.is_sound();
}

#[test]
fn whoever_had_the_use_restricted_is_joined_with_nobody() {
    let (mut world, ann, bob) = two();
    let restrict =
        |state| Spoken { axis: Axis::Restriction, purpose: None, state, ..Spoken::default() };
    world.say("card:K1", &restrict(ConsentState::Given), hour(2));
    for (a, b) in [(ann, bob), (bob, ann)] {
        let error = world.store.write(hour(3), |w| grouping::join(w, a, b)).unwrap_err();
        assert_eq!(error.code, "subject-restricted");
    }
    world.say("card:K1", &restrict(ConsentState::Withdrawn), hour(4));
    world.store.write(hour(5), |w| grouping::join(w, ann, bob)).unwrap();
}

/// A row that carries the identifiers of both joins them no more than the desk may, and is of whom may only be
/// stored.
#[test]
fn no_row_joins_whoever_had_the_use_restricted() {
    for own in ["c9", "c2"] {
        let (mut world, ann, bob) = two();
        let restrict = |state| Spoken { axis: Axis::Restriction, state, ..Spoken::default() };
        world.say("card:K1", &restrict(ConsentState::Given), hour(2));
        let both = format!(
            "customer_id,at,name,email,phone,card,optin,notice\n\
             {own},2025-03-04,Bo,bob@x.example,0871234561,K2,,\n"
        );
        world.import("shop", &both, hour(3));
        let ids = [ann, bob].map(|subject| lookup::public_id(world.store.conn(), subject).unwrap());
        let named = ids.map(|id| world.subject(&public_text(id)));
        assert_eq!(named, [Some(ann), Some(bob)], "each lives");
        let records = lookup::records_of(world.store.conn(), ann).unwrap().len();
        assert_eq!(records, if own == "c9" { 2 } else { 1 });
        world.is_sound();
    }
}

/// Art 18(2): what is restricted is stored, also where it has lost its ground.
#[test]
fn a_parting_takes_nothing_from_whoever_had_the_use_restricted() {
    let (mut world, merge) = annie_by_bobs_yes();
    let restrict = |state| Spoken { axis: Axis::Restriction, state, ..Spoken::default() };
    world.say("card:K1", &restrict(ConsentState::Given), hour(5));
    let rules = world.rules.clone();
    let parted = world.store.write(hour(6), |w| grouping::take_back(w, &rules, &merge)).unwrap();
    assert_eq!(parted.forgotten.values, 0, "{parted:?}");
    assert!(annie(&world));
    world.is_sound();
}

/// What goes out as one person's is on record for each whose values are in it (Art 15(1)(c)), and who got it is told
/// when they turn out to be two (Art 19).
#[test]
fn whoever_got_values_of_two_as_one_persons_is_known_to_both() {
    let mut world = World::new();
    let rows = "customer_id,at,name,email,card,optin,notice\n\
        c1,2026-01-04,Ann,ann@x.example,K1,yes,letter-form@2\n\
        c2,2026-01-05,Bob,,K2,yes,letter-form@2\n";
    world.import("shop", rows, hour(40 * 24));
    let subject = |world: &World, card: &str| world.subject(&format!("card:{card}")).unwrap();
    let (ann, bob) = (subject(&world, "K1"), subject(&world, "K2"));
    let now = |h: i64| hour(40 * 24 + h);
    world.store.write(now(1), |w| grouping::join(w, ann, bob)).unwrap();
    let rules = world.rules.clone();
    let out = world.folder.path().join("out.csv");
    let run = send::push(&mut world.store, &rules, "mailer", &out, now(2)).unwrap();
    assert_eq!(run.sent, 1);
    let file = std::fs::read_to_string(&out).unwrap();
    assert!(file.contains("ann@x.example,Bob"), "{file}");
    let told = |world: &World, who| {
        let package = whole_package(&world.store, &world.rules, who, now(9)).unwrap();
        let times = package.recipients.iter().map(|r| (r.recipient.clone(), r.times));
        times.collect::<Vec<_>>()
    };
    let letterbox = vec![("Letterbox Ltd".to_owned(), 1)];
    assert_eq!(told(&world, ann), letterbox);
    world.is_sound();
    let merge = lookup::merges_into(world.store.conn(), ann).unwrap()[0];
    let parted = world.store.write(now(3), |w| grouping::take_back(w, &rules, &merge)).unwrap();
    assert_eq!(parted.recipients, ["Letterbox Ltd"]);
    assert_eq!([told(&world, ann), told(&world, bob)], [letterbox.clone(), letterbox]);
    let report = unlawful(&world.store, None, now(9)).unwrap();
    assert_eq!((report.disclosures, report.unlawful.len()), (1, 0), "it went out once");
    world.is_sound();
    let certificate = world.erase("card:K2", now(4));
    let to_tell = &certificate.recipients;
    assert_eq!((to_tell.len(), &*to_tell[0].recipient), (1, "Letterbox Ltd"));
    world.is_sound();
    let sent = disclosures(&world.store, Moment(0), now(9)).unwrap().sent;
    assert_eq!((sent.len(), sent[0].people, sent[0].erased_since), (1, 1, 0), "Ann is held");
    world.erase("card:K1", now(5));
    let sent = disclosures(&world.store, Moment(0), now(9)).unwrap().sent;
    assert_eq!((sent[0].people, sent[0].erased_since), (1, 1));
    world.is_sound();
}

/// Whoever loses every name with what is past its time can be named still: by the id that the run says (Art 15).
#[test]
fn who_is_left_without_a_name_is_named_by_the_run() {
    let mut world = World::under(&POLICY.replace("retention = \"P50Y\"", "retention = \"P1Y\""));
    let row = "customer_id,at,name,email,card,optin,notice\n\
        c1,2026-01-04,Ann,ann@x.example,,yes,letter-form@2\n";
    world.import("shop", row, hour(1));
    let ann = world.subject("email:ann@x.example").unwrap();
    let id = public_text(lookup::public_id(world.store.conn(), ann).unwrap());
    let rules = world.rules.clone();
    let done = retain::run(&mut world.store, &rules, hour(500 * 24), Carry::Out).unwrap();
    assert_eq!(world.subject("email:ann@x.example"), None);
    assert_eq!(done.without_identifier, [id]);
    let package = whole_package(&world.store, &rules, ann, hour(501 * 24)).unwrap();
    assert_eq!(package.statements.len(), 1);
}

/// Whoever makes of a disclosure one that only went along, or the other way round, is found.
#[test]
fn whose_address_something_went_to_is_what_the_entry_says() {
    let mut world = World::new();
    let row = "customer_id,at,name,email,card,optin,notice\n\
        c1,2026-01-04,Ann,ann@x.example,K1,yes,letter-form@2\n";
    world.import("shop", row, hour(40 * 24));
    let rules = world.rules.clone();
    let out = world.folder.path().join("out.csv");
    send::push(&mut world.store, &rules, "mailer", &out, hour(40 * 24 + 1)).unwrap();
    world.is_sound();
    for id in [1, 7] {
        let raw = rusqlite::Connection::open(world.path()).unwrap();
        raw.execute("INSERT INTO disclosed_along VALUES ($1)", [id]).unwrap();
        let report = deep(&world.path(), None);
        let mut faults = report.claims.iter().flat_map(|claim| &claim.faults);
        assert!(faults.any(|fault| fault.code == "disclosure-differs"), "{id}");
        raw.execute("DELETE FROM disclosed_along", []).unwrap();
    }
}

/// Art 18(1)(b) and (c): whoever asks for it may oppose the erasure, or need the data for a claim.
#[test]
fn what_is_past_its_time_stays_while_its_use_is_restricted() {
    let mut world = World::under(&POLICY.replace("retention = \"P50Y\"", "retention = \"P1Y\""));
    world.import("shop", &TWO.replace("2025-01-04", "2026-01-04"), hour(1));
    let restrict =
        |state| Spoken { axis: Axis::Restriction, purpose: None, state, ..Spoken::default() };
    world.say("card:K1", &restrict(ConsentState::Given), hour(2));
    let late = 500 * 24;
    let held_of =
        |world: &World, name: &str| world.held().iter().filter(|(.., text)| text == name).count();
    let rules = world.rules.clone();
    let plan = retain::run(&mut world.store, &rules, hour(late), Carry::DryRun).unwrap();
    let done = retain::run(&mut world.store, &rules, hour(late), Carry::Out).unwrap();
    assert_eq!((done.people, done.restricted.len()), (1, 1), "{done:?}");
    assert_eq!(plan.restricted, done.restricted);
    assert_eq!((held_of(&world, "Ann"), held_of(&world, "Bob")), (1, 0));
    world.say("card:K1", &restrict(ConsentState::Withdrawn), hour(late + 1));
    retain::run(&mut world.store, &rules, hour(late + 2), Carry::Out).unwrap();
    assert_eq!(held_of(&world, "Ann"), 0);
    world.is_sound();
}

/// A row has no other time for its "no" than its own: it counts from then, in whatever order rows come in.
#[test]
fn a_withdrawal_that_comes_late_counts_from_its_own_time_though_a_later_one_is_known() {
    let (mut world, ann, _) = two();
    let said = |when: &str, state: &str| {
        format!("email,at,optin,notice\nann@x.example,{when},{state},letter-form@2\n")
    };
    world.import(
        "leads",
        "lead,at,name,email,optin,notice\nl1,2025-01-10,Ann,ann@x.example,yes,letter-form@2\n",
        hour(2),
    );
    world.import("page", &said("2025-06-01", "out"), hour(3));
    let late = said("2025-02-01", "out");
    world.import("page", &late, hour(4));
    let history = History::load(world.store.conn(), ann).unwrap();
    let march = candor::base::clock::Moment::parse("2025-03-01").unwrap();
    let standing = history.standing(AsOf::hindsight(march));
    let states: Vec<ConsentState> = standing.consents.values().map(|c| c.state).collect();
    assert_eq!(states, [ConsentState::Withdrawn]);
    let before = history.statements.len();
    world.import("page", &late, hour(5));
    assert_eq!(History::load(world.store.conn(), ann).unwrap().statements.len(), before);
}

/// A row that is turned away, because its key names somebody else, has said no for the address that it names.
#[test]
fn a_no_in_a_row_that_is_turned_away_holds_for_its_address() {
    let (mut world, ..) = two();
    let head = "customer_id,at,name,email,phone,card,optin,notice\n";
    let turned = format!("{head}c1,2025-03-01,Cyd,cyd@x.example,0871234562,,out,\n");
    let outcome = world.import("shop", &turned, hour(2));
    assert_eq!(outcome.summary.records_refused.get("key_names_another"), Some(&1));
    world.import("shop", &turned, hour(3));
    let yes = format!("{head}c6,2025-02-01,Cyd,cyd@x.example,,,yes,letter-form@2\n");
    world.import("shop", &yes, hour(4));
    let cyd = world.subject("email:cyd@x.example").unwrap();
    let standing = History::load(world.store.conn(), cyd).unwrap().standing(AsOf::at(hour(5)));
    let states: Vec<ConsentState> = standing.consents.values().map(|c| c.state).collect();
    assert_eq!(states, [ConsentState::Withdrawn]);
    world.is_sound();
}

/// What can't be told whose it is isn't passed over in silence.
#[test]
fn a_no_of_an_address_that_nobody_can_read_is_handed_back() {
    let (mut world, ..) = two();
    let rows = "email,at,optin,notice\nann at x.example,2025-03-01,out,\n";
    let outcome = world.import("page", rows, hour(2));
    assert_eq!(outcome.summary.unreadable.values().sum::<u64>(), 1, "{:?}", outcome.summary);
}

/// What a source doesn't take in is no fault of its file: it is counted, and not handed back for repair.
#[test]
fn a_row_that_is_not_meant_is_passed_over() {
    let only =
        POLICY.replacen("[source.shop]\n", "[source.shop]\nonly = { name = [\"Ann\"] }\n", 1);
    let mut world = World::under(&only);
    let mut heard = Heard::default();
    let outcome = world.import_heard("shop", TWO, hour(1), &mut heard);
    assert_eq!(outcome.summary.records_refused.get("not-meant"), Some(&1));
    assert!(outcome.summary.unreadable.is_empty() && !outcome.summary.is_unreadable());
    assert!(heard.rejects.is_empty(), "nothing is to be mended");
    assert_eq!(world.subjects("email:ann@x.example").len(), 1);
    assert!(world.subjects("email:bob@x.example").is_empty());
}
