//! Events are facts: what was first said stays, a source that says something else is told so, and
//! what is added up from them never turns round.

use candor::consent::desk::Spoken;
use candor::policy::types::ConsentState;
use candor::subject::retain;

use crate::common::{Heard, POLICY, World, hour, numbers};

const SHOP: &str = "customer_id,at,name,email,card,optin,notice\n\
    c1,2026-01-04,Ann,ann@x.example,K1,yes,letter-form@1\n";

fn till(rows: &[&str]) -> String {
    format!("basket,at,looked_at,card,cents,what\n{}\n", rows.join("\n"))
}

fn sums(world: &World) -> Vec<i64> {
    numbers(world.store.conn(), "SELECT sum FROM rollup WHERE count > 0")
}

/// How many events of an import were known and said the same, said something else, and were new.
fn compared(world: &mut World, rows: &[&str], hours: i64) -> (u64, u64, u64) {
    let mut heard = Heard::default();
    let summary = world.import_heard("till", &till(rows), hour(hours), &mut heard).summary;
    let told: u64 =
        heard.reasons.iter().filter(|((_, r), _)| *r == "event_differs").map(|(_, n)| n).sum();
    assert_eq!(told, summary.events_differ, "each is explained");
    (summary.events_known, summary.events_differ, summary.events_new)
}

#[test]
fn what_was_first_said_stays() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    let first = ["b1,2026-01-02,,K1,100,Book", "b2,2026-01-03,,K1,,Map"];
    assert_eq!(compared(&mut world, &first, 2), (0, 0, 2));
    let held = world.held();
    assert_eq!(compared(&mut world, &first, 3), (2, 0, 0));
    for other in [
        "b1,2026-01-02,,K1,101,Book",
        "b1,2026-01-02,,K1,,Book",
        "b1,2026-01-02,,K1,100,Books",
        "b1,2026-01-01,,K1,100,Book",
        // Behind all that are held.
        "b1,2026-01-05,,K1,100,Book",
        "b2,2026-01-03,,K1,1,Map",
    ] {
        assert_eq!(compared(&mut world, &[other], 4), (0, 1, 0), "{other}");
    }
    assert_eq!(world.held(), held);
    world.is_sound();
}

/// A basket that is cut at a file's end: what it goes on with isn't lost in silence, and not taken in part.
#[test]
fn what_goes_on_in_another_file_is_handed_back() {
    let mut world = crate::resumed_counts_each_row_once::world();
    let line = |basket: &str, n: u32| format!("{basket},2026-01-02,,K1,10{n},thing-{n}");
    let all: Vec<String> = (0..4).map(|n| line("b1", n)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let import = |world: &mut World, rows: &[&str], at: i64| {
        let mut heard = Heard::default();
        let summary = world.import_heard("till", &till(rows), hour(at), &mut heard).summary;
        assert_eq!(heard.rejects.len() as u64, summary.rows_of_known_events);
        (summary.events_new, summary.events_known, summary.events_differ, heard.rejects)
    };
    assert_eq!(import(&mut world, &all[..2], 2), (1, 0, 0, vec![]));
    let held = world.held();
    for rows in [&all[2..], &all[..]] {
        let rejects = vec!["event-known"; rows.len()];
        assert_eq!(import(&mut world, rows, 3), (0, 0, 1, rejects));
        assert_eq!(world.held(), held, "nothing of it is taken");
    }
    // Mended as the reason says, the sums are right; and told again, all of it is known.
    let rest: Vec<String> = (2..4).map(|n| line("b1-2", n)).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    assert_eq!(import(&mut world, &rest, 4), (1, 0, 0, vec![]));
    assert_eq!(sums(&world), [100 + 101 + 102 + 103]);
    assert_eq!(import(&mut world, &[&all[..2], &rest[..]].concat(), 5), (0, 2, 0, vec![]));
    world.is_sound();
}

#[test]
fn what_was_erased_or_is_anothers_contradicts_nothing() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    let given = Spoken {
        purpose: Some("tips"),
        state: ConsentState::Given,
        notice: Some("tips-form@1"),
        ..Spoken::default()
    };
    world.say("card:K1", &given, hour(1));
    let look = "b1,,2026-01-05,K1,,Book";
    assert_eq!(compared(&mut world, &[look], 2), (0, 0, 1));
    // Under another card the same basket is another record's.
    assert_eq!(compared(&mut world, &["b1,2026-01-02,,K2,7,Map"], 3), (0, 0, 1));
    let withdrawn = Spoken { state: ConsentState::Withdrawn, notice: None, ..given };
    world.say("card:K1", &withdrawn, hour(4));
    world.say("card:K1", &given, hour(5));
    assert_eq!(compared(&mut world, &["b1,,2026-01-05,K1,,Other"], 6), (0, 0, 1));
    world.erase("card:K1", hour(7));
    assert_eq!(compared(&mut world, &["b1,,2026-01-05,K1,,Third"], 8), (0, 0, 0));
    world.is_sound();
}

#[test]
fn sums_that_dont_fit_stay_at_the_end_of_what_does() {
    let orders = "categories = [\"contact\", \"order\"]\nretention = \"P50Y\"";
    let mut world = World::under(&POLICY.replace(orders, &orders.replace("P50Y", "P7Y")));
    world.import("shop", SHOP, hour(1));
    assert_eq!(compared(&mut world, &["old,2019-02-01,,K1,5,Book"], 2), (0, 0, 1));
    let most = (1_i64 << 53) - 1;
    let rows: Vec<String> =
        (0..1_100).map(|n| format!("b{n},2026-01-02,,K1,{most},Book")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(compared(&mut world, &rows, 3), (0, 0, 1_100));
    assert_eq!(sums(&world), [i64::MAX]);
    world.is_sound();
    assert_eq!(compared(&mut world, &["back,2026-01-03,,K1,-10,Book"], 4), (0, 0, 1));
    assert_eq!(sums(&world), [i64::MAX - 10]);
    world.is_sound();
    // Folded anew without the oldest, in the order in which they came.
    let rules = world.rules.clone();
    let kept_until = hour(24 * 60);
    let done = retain::run(&mut world.store, &rules, kept_until, retain::Carry::Out).unwrap();
    assert_eq!(numbers(world.store.conn(), "SELECT count FROM rollup"), [1_101], "{done:?}");
    assert_eq!(sums(&world), [i64::MAX - 10]);
    world.is_sound();
}
