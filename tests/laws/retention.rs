//! Laws 1 and 2 about time: what is past its retention doesn't come in, and what came in isn't past it.

use std::collections::BTreeSet;

use candor::audit::{self, Question};
use candor::base::clock::Moment;
use candor::consent::fold::Standing;
use candor::consent::gate::{Direction, Question as Ask, Reason, decide};
use candor::consent::retention::{Age, Horizons, kept_until};
use candor::policy::rulebook::{Rulebook, bit};
use candor::subject::retain::{self, Carry};
use proptest::prelude::*;

use crate::common::{Heard, World, hour};

/// Three purposes that keep the same values for different times.
fn policy() -> String {
    r#"
[controller]
name = "Short memory"
country = "IE"
timezone = "Europe/Dublin"
contact = "privacy@short.example"
[category.contact]
[category.order]
[purpose.orders]
basis = "contract"
categories = ["contact", "order"]
retention = "P1Y"
[purpose.books]
basis = "legal_obligation"
law = "A law"
categories = ["order"]
retention = "P2Y"
[purpose.club]
basis = "legitimate_interests"
assessment = "LIA-1"
categories = ["contact"]
retention = "P6M after last contact"
[identifier.email]
form = "email"
[source.shop]
key = "id"
observed = { from = "at" }
purposes = ["orders", "books", "club"]
[source.shop.fields]
email = { as = "identifier.email", category = "contact" }
name = { as = "attribute.name", category = "contact" }
[[source.shop.event]]
name = "order"
category = "order"
id = { from = "basket" }
at = { from = "bought" }
"#
    .to_owned()
}

fn held(world: &World) -> BTreeSet<(String, String)> {
    world.held().into_iter().map(|(_, field, text)| (field, text)).collect()
}

/// By hand from the periods: `hour(0)` is 2026-01-05 09:00.
#[test]
fn the_gate_refuses_what_is_past_its_retention_and_says_so() {
    let mut world = World::under(&policy());
    let mut heard = Heard::default();
    let csv = "id,at,email,name,basket,bought\n\
        young,2025-06-01,young@x.example,Young,b1,2025-06-01\n\
        old,2024-12-01,old@x.example,Old,b2,2024-12-01\n\
        ancient,2023-06-01,ancient@x.example,Ancient,b3,2023-06-01\n";
    let outcome = world.import_heard("shop", csv, hour(1), &mut heard);
    let held = held(&world);
    let has = |text: &str| held.iter().any(|(_, held)| held == text);
    assert!(has("young@x.example"), "within a year");
    assert!(!has("old@x.example"), "more than a year old, and nobody heard of for half a year");
    let orders = |basket: &str| held.iter().any(|(_, text)| text.contains(basket));
    assert!(orders("b1") && orders("b2"), "the books are kept for two years");
    assert!(!orders("b3"));
    let code = Reason::RetentionOver.code();
    assert_eq!(outcome.summary.stripped["identifier.email"][code], 2);
    assert_eq!(outcome.summary.events_refused["order"][code], 1);
    assert!(outcome.summary.purposes["club"].withheld[code] >= 2);
    assert!(heard.reasons.contains_key(&("identifier.email".to_owned(), code)));
    assert_eq!(outcome.summary.records_refused[Reason::NothingAdmitted.code()], 1, "the ancient");
}

#[test]
fn a_new_contact_lets_in_what_counts_from_the_last_one() {
    let mut world = World::under(&policy());
    let old = "id,at,email,name,basket,bought\np,2024-12-01,p@x.example,Pat,,\n";
    world.import("shop", old, hour(1));
    assert!(held(&world).is_empty());
    // A fresh order by the same person: by the club's rule the old address is young again.
    let fresh = "id,at,email,name,basket,bought\np,2025-12-01,,,b9,2025-12-01\n";
    world.import("shop", fresh, hour(2));
    let outcome = world.import("shop", old, hour(3));
    assert!(held(&world).iter().any(|(_, text)| text == "p@x.example"));
    assert_eq!(outcome.summary.purposes["club"].values, 2);
    assert_eq!(outcome.summary.purposes.get("orders").map_or(0, |p| p.values), 0);
    let report = audit::unlawful::unlawful(&world.store, None, hour(4)).unwrap();
    assert!(report.is_clean() && report.undecidable == 0, "{report:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the gate lets in, `retain run` at that moment keeps, and the report finds lawful.
    #[test]
    fn what_comes_in_is_within_its_time(
        rows in prop::collection::vec((0..4u8, 0..1_400i64, 0..1_400i64), 1..25),
        batch in 1..6usize,
    ) {
        let mut world = World::under(&policy());
        for (index, rows) in rows.chunks(batch).enumerate() {
            let day = |days: i64| Moment(hour(0).0 - days * 86_400_000).utc().date_naive();
            let mut csv = String::from("id,at,email,name,basket,bought\n");
            for (line, (who, seen, bought)) in rows.iter().enumerate() {
                let (seen, bought) = (day(*seen), day(*bought));
                csv += &format!("c{who},{seen},p{who}@x.example,N{who},b{index}-{line},{bought}\n");
            }
            // All within a day, so that nothing comes of age between two imports.
            let now = Moment(hour(1).0 + i64::try_from(index).unwrap() * 60_000);
            world.import("shop", &csv, now);
            let due = retain::run(&mut world.store, &world.rules, now, Carry::DryRun).unwrap();
            prop_assert_eq!((due.values, due.events), (0, 0), "{:?}", due.deleted);
        }
        let report = audit::unlawful::unlawful(&world.store, None, hour(100)).unwrap();
        prop_assert!(report.is_clean(), "{:?}", report.unlawful);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// What an import compares moments with is what the gate itself says, to the millisecond.
    #[test]
    fn horizons_are_the_gates_own_answer(
        (observed, contact, now) in (-3_000..1_000i64, -3_000..1_000i64, 0..1_000i64),
        (hours, edge) in (0..24i64, -1..=1i64),
    ) {
        let world = world_once();
        let day = |days: i64| Moment(hour(0).0 + days * 86_400_000 + hours * 3_600_000 + edge);
        let now = Moment(hour(0).0 + now * 86_400_000);
        let age = Age { observed_at: day(observed), last_contact: day(contact) };
        let over = Horizons::at(&world, now).over(age);
        for rule in world.rules() {
            let question = Ask { age: Some(age), ..Ask::new(Direction::In, now) };
            let answer = decide(&world, rule, question, &Standing::default());
            let expected = answer == Err(Reason::RetentionOver);
            prop_assert_eq!(over & bit(rule.code) != 0, expected, "{}", rule.name);
            prop_assert_eq!(expected, kept_until(rule, age) <= now);
        }
    }
}

fn world_once() -> Rulebook {
    thread_local! {
        static RULES: Rulebook = World::under(&policy()).rules;
    }
    RULES.with(Clone::clone)
}

/// The report decides again: what came in under an old policy's eyes is measured by that policy, and
/// a row whose time somebody moved back is found.
#[test]
fn the_report_finds_what_was_past_its_time_already() {
    let mut world = World::under(&policy());
    let csv = "id,at,email,name,basket,bought\np,2025-12-01,p@x.example,Pat,b1,2025-12-01\n";
    world.import("shop", csv, hour(1));
    assert!(audit::unlawful::unlawful(&world.store, None, hour(2)).unwrap().is_clean());
    let long_ago = Moment::parse("2019-01-01T00:00:00Z").unwrap();
    world.store.conn().execute("UPDATE value SET observed_at = $1", [long_ago.0]).unwrap();
    world.store.conn().execute("UPDATE event SET at = $1", [long_ago.0]).unwrap();
    let report = audit::unlawful::unlawful(&world.store, None, hour(2)).unwrap();
    let reasons: BTreeSet<&str> = report.unlawful.iter().map(|f| f.reason).collect();
    assert_eq!(reasons, BTreeSet::from(["retention_over"]));
    let asked = Question { as_of: hour(2), from: None, to: None, who: None };
    assert!(audit::report(&world.store, "unlawful", &asked).is_ok());
}
