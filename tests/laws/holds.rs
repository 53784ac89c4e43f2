//! Art 17(3)(e): what a legal claim needs outlives an erasure and its retention, and serves nothing else.

use crate::common::{self, World, hour};
use candor::base::clock::Moment;
use candor::consent::desk::{self, Spoken};
use candor::consent::fold::AsOf;
use candor::consent::gate::{Direction, Question, Reason, decide};
use candor::consent::history::History;
use candor::policy::types::ConsentState;
use candor::profile::merge::{Decider, join, part_record};
use candor::profile::read;
use candor::store::Writer;
use candor::subject::access::collect::collect;
use candor::subject::access::page::page;
use candor::subject::certificate::{CertificateForm, issue_certificate};
use candor::subject::hold::{self, Wanted};
use candor::subject::retain::{Carry, run as retain};
use candor::subject::{backup, erase, kept, state};

const ANN: &str = "email:ann@x.example";
const CLAIM: &str = "claim 2026-17 over a broken jar";

fn world() -> World {
    world_under(common::POLICY)
}

fn world_under(policy: &str) -> World {
    let mut world = World::under(policy);
    let shop = "customer_id,at,name,email,card,optin,notice\n\
        c1,2026-01-04,Ann,ann@x.example,CARD-1,yes,letter-form@1\n";
    world.import("shop", shop, hour(1));
    let till = "basket,at,looked_at,card,cents,what\nb1,2026-01-04,,CARD-1,1999,A jar\n";
    world.import("till", till, hour(2));
    world
}

fn set(world: &mut World, subject: i64, categories: &[&str], until: Option<Moment>, at: i64) {
    let categories: Vec<String> = categories.iter().map(|c| (*c).to_owned()).collect();
    let wanted = Wanted { because: CLAIM, categories: &categories, until };
    let rules = &world.rules;
    world.store.write(hour(at), |writer| hold::set(writer, rules, subject, &wanted)).unwrap();
}

fn lift(world: &mut World, subject: i64, at: i64) {
    let rules = &world.rules;
    world.store.write(hour(at), |writer| hold::lift(writer, rules, subject)).unwrap();
}

fn texts(world: &World) -> String {
    world.held().into_iter().map(|(_, _, text)| text + " ").collect()
}

#[test]
fn what_is_held_outlives_an_erasure_until_it_is_lifted() {
    let mut world = world();
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &["order"], None, 3);
    world.is_sound();
    let plan = erase::plan(&world.store, &world.rules, ann, hour(4)).unwrap();
    let certificate = world.erase(ANN, hour(4));
    assert_eq!(plan.categories, certificate.categories);
    let order = certificate.categories.iter().find(|c| c.category == "order").unwrap();
    assert_eq!((order.erased, order.kept), (0, 1));
    assert_eq!(order.ground.as_deref(), Some("Art 17(3)(e)"));
    assert_eq!((order.until.as_deref(), order.until_words()), (None, "the hold is lifted"));
    assert!(certificate.categories.iter().all(|c| c.category == "order" || c.kept == 0));
    assert!(certificate.document().to_text(None).contains("the hold is lifted"));
    assert!(!format!("{certificate:?}").contains("A jar"), "a certificate says nothing personal");
    world.is_sound();
    let held = texts(&world);
    assert!(held.contains("A jar") && !held.contains("Ann") && !held.contains("CARD-1"), "{held}");
    assert!(world.subject(ANN).is_none());

    // It serves no purpose: the gate lets nothing out, and nothing be used.
    let standing = History::load(world.store.conn(), ann).unwrap().standing(AsOf::at(hour(5)));
    for rule in world.rules.rules() {
        for direction in [Direction::Use, Direction::Out] {
            let verdict = decide(&world.rules, rule, Question::new(direction, hour(5)), &standing);
            assert!(
                verdict.is_err() || rule.name == "books",
                "{}: the hold lets it be used",
                rule.name
            );
        }
    }
    let orders = world.rules.purpose_code("orders").and_then(|c| world.rules.rule(c)).unwrap();
    let use_it = Question::new(Direction::Use, hour(5));
    assert_eq!(decide(&world.rules, orders, use_it, &standing), Err(Reason::Restricted));

    // The person who asks is told, with the claim.
    let package = collect(&world.store, &world.rules, ann, hour(6)).unwrap();
    let text = page(&package).to_text(None);
    for said in ["for a legal claim", CLAIM, "as long as a legal claim needs it"] {
        assert!(text.contains(said), "{said} is missing in:\n{text}");
    }
    assert!(!common::contains(&world.raw(), CLAIM.as_bytes()), "its reason is sealed");

    // The same erasure again takes nothing that is held.
    let again = erase::erase(&mut world.store, &world.rules, ann, hour(7)).unwrap();
    assert_eq!(again.categories.iter().map(|c| c.kept).sum::<u64>(), 1);
    world.is_sound();
    lift(&mut world, ann, 8);
    world.is_sound();
    let last = erase::erase(&mut world.store, &world.rules, ann, hour(9)).unwrap();
    assert_eq!(last.categories.iter().map(|c| c.kept).sum::<u64>(), 0);
    assert!(last.kept_as.is_none());
    assert_eq!(texts(&world), "");
    world.is_sound();
}

#[test]
fn what_is_held_outlives_its_retention_until_the_day_that_was_named() {
    let mut world = world_under(&common::POLICY.replace("\"P50Y\"", "\"P30D\""));
    let ann = world.subject(ANN).unwrap();
    let until = Moment::parse("2026-06-01").unwrap();
    set(&mut world, ann, &[], Some(until), 3);
    let state = state::state(&world.store, &world.rules, ann, AsOf::at(hour(4))).unwrap();
    assert_eq!(state.holds[0].until.as_deref(), Some("2026-06-01"));
    let before = texts(&world);
    let months = |n: i64| hour(24 * 30 * n);
    let report = candor::audit::retention::retention(&world.store, None, months(4)).unwrap();
    assert_eq!((report.values_past_due, report.events_past_due), (0, 0));
    let kept = retain(&mut world.store, &world.rules, months(4), Carry::Out).unwrap();
    assert_eq!((kept.values, kept.events), (0, 0));
    assert_eq!(texts(&world), before);
    let plan = erase::plan(&world.store, &world.rules, ann, months(4)).unwrap();
    assert!(plan.categories.iter().all(|c| c.erased == 0), "{:?}", plan.categories);
    assert!(plan.categories.iter().all(|c| c.until.as_deref() == Some("2026-06-01")));
    let gone = retain(&mut world.store, &world.rules, months(6), Carry::Out).unwrap();
    assert!(gone.values > 0 && gone.events > 0, "the day is over: {gone:?}");
    assert_eq!(texts(&world), "");
    world.is_sound();
}

/// A second claim doesn't end the first: the longer hold keeps, whichever was said last, until it is lifted.
#[test]
fn another_claim_ends_no_hold() {
    let month = Moment::parse("2026-02-10").unwrap();
    for claims in [[None, Some(month)], [Some(month), None]] {
        let mut world = world_under(&common::POLICY.replace("\"P50Y\"", "\"P30D\""));
        let ann = world.subject(ANN).unwrap();
        let before = texts(&world);
        set(&mut world, ann, &[], claims[0], 3);
        set(&mut world, ann, &[], claims[1], 4);
        let later = hour(24 * 90);
        let listed = hold::list(&world.store, &world.rules, later).unwrap();
        assert_eq!(listed.iter().map(|held| held.until.as_deref()).collect::<Vec<_>>(), [None]);
        retain(&mut world.store, &world.rules, later, Carry::Out).unwrap();
        assert_eq!(texts(&world), before);
        lift(&mut world, ann, 24 * 91);
        assert!(hold::list(&world.store, &world.rules, hour(24 * 92)).unwrap().is_empty());
        assert_eq!(texts(&world), "", "lifted, and nothing else keeps it");
        world.is_sound();
    }
}

#[test]
fn a_hold_reaches_all_homes_and_its_lifting_takes_what_nothing_else_keeps() {
    let mut world = world_under(&common::POLICY.replace("\"P50Y\"", "\"P30D\""));
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &["contact"], None, 3);
    set(&mut world, ann, &["order"], None, 4);
    let later = 24 * 90;
    retain(&mut world.store, &world.rules, hour(later), Carry::Out).unwrap();
    let held = texts(&world);
    assert!(held.contains("Ann") && held.contains("A jar"), "{held}");
    lift(&mut world, ann, later + 1);
    assert_eq!(texts(&world), "", "the lifting itself takes what nothing else keeps");
    let nothing = world.store.write(hour(later + 2), |w| hold::lift(w, &world.rules, ann));
    assert_eq!(nothing.unwrap_err().code, "hold-not-found");
    world.is_sound();
}

#[test]
fn a_hold_that_cannot_be_is_refused() {
    let mut world = world();
    let ann = world.subject(ANN).unwrap();
    let mut refused = |because: &str, category: &str, until: Option<Moment>| {
        let categories = [category.to_owned()];
        let wanted = Wanted { because, categories: &categories, until };
        let rules = &world.rules;
        world.store.write(hour(5), |w| hold::set(w, rules, ann, &wanted)).unwrap_err().code
    };
    assert_eq!(refused(" ", "order", None), "reason-missing");
    assert_eq!(refused(CLAIM, "orders", None), "category-unknown");
    assert_eq!(refused(CLAIM, "order", Some(hour(4))), "time-past");
}

/// What a claim keeps of somebody whose addresses are past their time is found by the id that the run names.
#[test]
fn nobody_who_is_held_becomes_unreachable() {
    let brief = common::POLICY.replace("retention = \"P50Y\"", "retention = \"P1Y\"");
    let mut world = world_under(&brief);
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &["order"], None, 3);
    let late = 500 * 24;
    let (store, rules) = (&mut world.store, &world.rules);
    let plan = retain(store, rules, hour(late), Carry::DryRun).unwrap();
    let done = retain(store, rules, hour(late), Carry::Out).unwrap();
    assert_eq!(world.subject(ANN), None, "no address leads to her any more");
    let ids = serde_json::to_value(&done).unwrap()["without_identifier"].clone();
    assert_eq!(serde_json::to_value(&plan).unwrap()["without_identifier"], ids);
    let id = ids[0].as_str().unwrap_or_default().to_owned();
    assert_eq!((ids.as_array().map(Vec::len), world.subject(&id)), (Some(1), Some(ann)));
    lift(&mut world, ann, late + 1);
    assert_eq!(texts(&world), "", "and what was held goes");
}

/// The backup is older than the hold, and the erasure younger: what the claim needs isn't lost with the
/// restore, though the claim itself was said after the backup.
#[test]
fn a_restore_that_repeats_the_erasure_leaves_what_it_left() {
    let ways = [&["order"][..], &[]].into_iter().flat_map(|c| [(c, false), (c, true)]);
    for (categories, by_certificate) in ways {
        let mut world = world();
        let ann = world.subject(ANN).unwrap();
        let backup = world.folder.path().join("backup");
        backup::backup(&mut world.store, &backup, hour(3)).unwrap();
        set(&mut world, ann, categories, None, 4);
        let certificate = world.erase(ANN, hour(5));
        let file = world.folder.path().join("certificate.json");
        let issued =
            issue_certificate(&mut world.store, &certificate, CertificateForm::Json, hour(5));
        std::fs::write(&file, issued.unwrap()).unwrap();
        let held = texts(&world);
        assert_eq!(held.contains("CARD-1"), categories.is_empty(), "{held}");
        let path = world.path();
        world.store = common::bare(&path.with_extension("spare"));
        for file in candor::store::side_files(&path).iter().chain([&path]) {
            let _ = std::fs::remove_file(file);
        }
        let files = [file];
        let certificates = if by_certificate {
            // The journal is lost as well.
            std::fs::remove_file(candor::store::erasures_path(&path)).unwrap();
            backup::Certificates::Complete(&files)
        } else {
            backup::Certificates::Some(&[])
        };
        backup::restore(&path, &backup, certificates, "test", hour(6)).unwrap();
        world.reopen();
        assert_eq!(texts(&world), held, "{:?}", certificate.categories);
        let standing = History::load(world.store.conn(), ann).unwrap().standing(AsOf::at(hour(7)));
        assert!(!standing.holds.is_empty() && standing.restricted);
        world.is_sound();
        lift(&mut world, ann, 8);
        erase::erase(&mut world.store, &world.rules, ann, hour(9)).unwrap();
        assert_eq!(texts(&world), "");
        world.is_sound();
    }
}

/// The hold of an old backup was lifted since, and the erasure after that took what it had kept. Neither
/// one restore nor a second one brings it back.
#[test]
fn a_hold_that_was_lifted_keeps_nothing_through_a_restore() {
    let mut world = world();
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &[], None, 3);
    let early = world.folder.path().join("early");
    backup::backup(&mut world.store, &early, hour(4)).unwrap();
    world.erase(ANN, hour(5));
    assert!(texts(&world).contains("CARD-1"), "held");
    lift(&mut world, ann, 6);
    let rules = &world.rules;
    erase::erase(&mut world.store, rules, ann, hour(7)).unwrap();
    assert!(!texts(&world).contains("CARD-1"));
    for (n, from) in (8..).zip(["early", "since", "early"]) {
        let path = world.path();
        world.store = common::bare(&path.with_extension(format!("spare-{n}")));
        for file in candor::store::side_files(&path).iter().chain([&path]) {
            let _ = std::fs::remove_file(file);
        }
        let from = world.folder.path().join(from);
        let none = backup::Certificates::Some(&[]);
        backup::restore(&path, &from, none, "test", hour(n)).unwrap();
        world.reopen();
        assert!(!texts(&world).contains("CARD-1"), "{}", texts(&world));
        world.is_sound();
        if n == 8 {
            backup::backup(&mut world.store, &world.folder.path().join("since"), hour(n)).unwrap();
        }
    }
}

/// A split parts a person's records; what is held of each stays held, until it is lifted of each.
#[test]
fn a_split_takes_a_hold_from_neither_side() {
    let mut world = world();
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &[], None, 3);
    let records = candor::profile::lookup::records_of(world.store.conn(), ann).unwrap();
    let parted = *records.last().unwrap();
    let other = world
        .store
        .write(hour(4), |writer| candor::profile::merge::part_record(writer, parted))
        .unwrap();
    let before = texts(&world);
    for (subject, at) in [(ann, 5), (other, 6)] {
        erase::erase(&mut world.store, &world.rules, subject, hour(at)).unwrap();
    }
    assert_eq!(texts(&world), before, "held on both sides");
    for (subject, at) in [(ann, 7), (other, 8)] {
        lift(&mut world, subject, at);
        erase::erase(&mut world.store, &world.rules, subject, hour(at + 10)).unwrap();
    }
    assert!(!texts(&world).contains("CARD-1"), "{}", texts(&world));
    world.is_sound();
}

/// Who was erased under a hold, came back by their own act, and is erased to the end of what was held:
/// their coming back stands, and their next "no" is heard.
#[test]
fn finishing_a_held_erasure_sends_nobody_out_who_came_back() {
    let mut world = world();
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &[], None, 3);
    world.erase(ANN, hour(4));
    let page = |optin: &str, at: i64| {
        format!("email,at,optin,notice\nann@x.example,{},{optin},letter-form@2\n", hour(at))
    };
    assert_eq!(world.import("page", &page("yes", 5), hour(5)).summary.returned, 1);
    lift(&mut world, ann, 6);
    erase::erase(&mut world.store, &world.rules, ann, hour(7)).unwrap();
    let outcome = world.import("page", &page("out", 8), hour(8));
    assert!(outcome.summary.records_refused.is_empty(), "{:?}", outcome.summary.records_refused);
    let back = world.subject(ANN).expect("she came back");
    let standing = History::load(world.store.conn(), back).unwrap().standing(AsOf::at(hour(9)));
    let withdrawn = candor::policy::types::ConsentState::Withdrawn;
    assert!(standing.consents.values().all(|consent| consent.state == withdrawn), "{standing:?}");
    world.is_sound();
}

/// A hold with an end: of an erased person, what it alone kept goes with the next run of retention.
#[test]
fn what_a_hold_alone_kept_of_an_erased_person_goes_when_its_time_is_over() {
    let mut world = world();
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &[], Some(hour(24 * 10)), 3);
    world.erase(ANN, hour(4));
    let rules = &world.rules;
    retain(&mut world.store, rules, hour(24 * 9), Carry::Out).unwrap();
    assert!(texts(&world).contains("CARD-1"));
    let report =
        |world: &World, at| candor::audit::retention::retention(&world.store, None, at).unwrap();
    let during = report(&world, hour(24 * 9));
    assert!(during.held_for_claims > 0 && during.values_past_due == 0, "{during:?}");
    let over = report(&world, hour(24 * 12));
    assert!(over.held_for_claims == 0 && over.values_past_due > 0, "{over:?}");
    retain(&mut world.store, &world.rules, hour(24 * 12), Carry::Out).unwrap();
    assert!(!texts(&world).contains("CARD-1"), "{}", texts(&world));
    world.is_sound();
}

/// What is kept for a claim rests on no consent and no contract any more, so nobody can take it along.
#[test]
fn what_is_held_of_an_erased_person_is_not_portable() {
    let mut world = world();
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &[], None, 3);
    let take = |world: &World| {
        let package = collect(&world.store, &world.rules, ann, hour(6)).unwrap();
        candor::subject::access::portability::portable(&world.rules, &package)
    };
    assert!(!take(&world).identifiers.is_empty());
    world.erase(ANN, hour(5));
    let left = take(&world);
    assert!(left.identifiers.is_empty() && left.attributes.is_empty() && left.events.is_empty());
}

/// Whoever was erased and comes back is told of what is kept beside (Art 15), and what is kept of whoever
/// doesn't is found by the name that it no longer bears.
#[test]
fn what_is_kept_is_named_to_whoever_asks_by_name() {
    let mut world = world();
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &["order"], None, 3);
    let kept = world.erase(ANN, hour(4)).kept_as.unwrap();
    let asked = |world: &World, who: &str| {
        let (store, policy) = (&world.store, &world.rules.policy);
        let error = read::find(store.conn(), store.secret(), policy, who).unwrap_err();
        kept::or_what_is_kept(store, policy, who, error).to_string()
    };
    let answer = asked(&world, ANN);
    assert!(answer.contains(&kept) && answer.contains("(entry "), "{answer}");
    assert!(!answer.contains("ann@"), "an error holds nothing personal: {answer}");
    let stranger = asked(&world, "email:nobody@x.example");
    assert!(!stranger.contains("keyed") && !stranger.contains(&kept), "{stranger}");

    let page = "email,at,optin,notice\nann@x.example,2026-01-06,yes,letter-form@2\n";
    assert_eq!(world.import("page", page, hour(30)).summary.returned, 1);
    let back = world.subject(ANN).unwrap();
    let package = collect(&world.store, &world.rules, back, hour(31)).unwrap();
    assert_eq!(package.after_erasure.kept_beside, std::slice::from_ref(&kept));
    assert!(page_of(&package).contains(&kept));
    let own = collect(&world.store, &world.rules, ann, hour(31)).unwrap();
    assert_eq!(own.after_erasure.kept_beside, [""; 0]);

    // When it has gone, the name is kept out and tells nothing else.
    lift(&mut world, ann, 32);
    retain(&mut world.store, &world.rules, hour(33), Carry::Out).unwrap();
    world.erase(ANN, hour(34));
    let answer = asked(&world, ANN);
    assert!(answer.contains("tells nothing else") && !answer.contains(&kept), "{answer}");
}

fn page_of(package: &candor::subject::access::AccessPackage) -> String {
    page(package).to_text(None)
}

/// What is left of an erased person is nobody's profile: no living person can be hidden behind it, and it becomes
/// nobody's again.
#[test]
fn what_is_kept_is_neither_joined_nor_parted() {
    let mut world = world();
    let bo = "customer_id,at,name,email,card,optin,notice\n\
        c2,2026-01-04,Bo,bo@x.example,CARD-2,yes,letter-form@1\n";
    world.import("shop", bo, hour(3));
    let (ann, bo) = (world.subject(ANN).unwrap(), world.subject("email:bo@x.example").unwrap());
    set(&mut world, ann, &["order"], None, 4);
    world.erase(ANN, hour(5));
    let records = sql_records(&world, ann);
    let mut tried = |work: &dyn Fn(&mut Writer<'_>) -> candor::base::error::Result<()>| {
        world.store.write(hour(6), |writer| work(writer)).unwrap_err().code
    };
    assert_eq!(tried(&|writer| join(writer, bo, ann, Decider::Person)), "subject-erased");
    assert_eq!(tried(&|writer| join(writer, ann, bo, Decider::Person)), "subject-erased");
    assert_eq!(tried(&|writer| part_record(writer, records[0]).map(drop)), "subject-erased");
    world.is_sound();
    assert_eq!(world.subject("email:bo@x.example"), Some(bo));
}

fn sql_records(world: &World, subject: i64) -> Vec<i64> {
    let query = format!("SELECT id FROM record WHERE subject = {subject} ORDER BY id");
    common::numbers(world.store.conn(), &query)
}

/// Nobody can say a yes to what the law keeps; a "no" is taken down.
#[test]
fn what_is_kept_is_opened_by_no_yes() {
    let mut world = world();
    let ann = world.subject(ANN).unwrap();
    set(&mut world, ann, &["order"], None, 3);
    world.erase(ANN, hour(4));
    let mut said = |state, notice| {
        let spoken = Spoken { purpose: Some("newsletter"), state, notice, ..Spoken::default() };
        let new = desk::statements(&world.rules, &spoken, hour(5)).unwrap();
        world.store.write(hour(5), |writer| desk::record(writer, ann, &new))
    };
    let yes = said(ConsentState::Given, Some("letter-form@1")).unwrap_err();
    assert_eq!(yes.code, "subject-erased");
    said(ConsentState::Withdrawn, None).unwrap();
    world.is_sound();
}
