//! Law 2: each stored value and event names its purposes, policy and entry; when its last reason
//! ends, it goes, and nothing else does.

use proptest::prelude::*;

use crate::common::{POLICY, World, apply, blobs, hour, numbers};
use candor::audit::retention;
use candor::consent::desk::Spoken;
use candor::consent::statement::Axis;
use candor::ledger::leaf::Leaf;
use candor::policy::types::ConsentState;
use candor::profile::why::What;
use candor::subject::retain::{self, Carry};

const SHOP: &str = "customer_id,at,name,email,card,optin,notice\n\
    c1,2026-01-04,Ann,ann@shop.example,K1,yes,letter-form@1\n\
    c2,2026-01-04,Bob,bob@shop.example,K2,,\n";
const LEADS: &str = "lead,at,name,email,optin,notice\n\
    l1,2026-01-04,Annie,ann@shop.example,yes,letter-form@1\n\
    l3,2026-01-04,Cleo,cleo@leads.example,yes,letter-form@2\n";
const TILL: &str = "basket,at,looked_at,card,cents,what\n\
    b1,2026-01-04,2026-01-04,K1,1200,Ulysses\n\
    b2,2026-01-04,2026-01-04,K2,900,Emma\n";

/// Every value and event that isn't forgotten has purposes, a batch, its entry, and a policy.
fn assert_reasons(world: &World) {
    let conn = world.store.conn();
    let without = numbers(
        conn,
        "SELECT COUNT(*) FROM value v WHERE state <> 4 AND (
           COALESCE((SELECT mask FROM purpose_set WHERE id = v.purposes), 0) = 0
           OR 1 <> (SELECT COUNT(*) FROM batch b JOIN policy p ON p.version = b.policy
                    JOIN entry e ON e.n = b.n
                    WHERE v.seq >= b.first_value AND v.seq < b.first_value + b.value_count))
         UNION ALL
         SELECT COUNT(*) FROM event v WHERE purposes <> 2 AND (
           COALESCE((SELECT mask FROM purpose_set WHERE id = v.purposes), 0) = 0
           OR 1 <> (SELECT COUNT(*) FROM batch b JOIN policy p ON p.version = b.policy
                    JOIN entry e ON e.n = b.n
                    WHERE v.seq >= b.first_event AND v.seq < b.first_event + b.event_count))",
    );
    assert_eq!(without, [0, 0], "values and events without purposes, batch, policy or entry");
    for n in numbers(conn, "SELECT n FROM batch") {
        let leaf = &blobs(conn, &format!("SELECT leaf FROM entry WHERE n = {n}"))[0];
        let leaf = Leaf::parse_strict(leaf).unwrap();
        let body = leaf.body.expect("a batch entry says what it commits to").to_string();
        assert!(leaf.kind == "data.admit", "{}", leaf.kind);
        assert!(body.contains("root"), "{body}");
    }
}

#[test]
fn each_value_and_event_names_purposes_policy_and_entry() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    world.import("leads", LEADS, hour(2));
    world.import("till", TILL, hour(3));
    assert_reasons(&world);
    let held = world.held();
    assert_eq!(held.iter().filter(|(_, field, _)| field == "order").count(), 2);
    // Looks rest on consent to suggestions, which nobody gave.
    assert!(!held.iter().any(|(_, field, _)| field == "look"));
    let subject = world.subject("email:ann@shop.example").unwrap();
    let why = candor::profile::why::why(
        world.store.conn(),
        world.store.words(),
        &world.rules,
        subject,
        What::Named("email"),
        hour(4),
    )
    .unwrap();
    assert!(!why.is_empty() && why.iter().all(|w| !w.reasons.is_empty() && w.policy == 1));
    // Events are held for reasons too: the newest, how many there are, and any one by its number.
    let explain = |what| {
        let (conn, words) = (world.store.conn(), world.store.words());
        candor::profile::why::why(conn, words, &world.rules, subject, what, hour(4))
    };
    let orders = explain(What::Named("order")).unwrap();
    let [newest] = orders.as_slice() else { panic!("{orders:?}") };
    assert_eq!((newest.item, newest.events), ("event", Some(1)));
    let purposes: Vec<&str> = newest.reasons.iter().map(|r| r.purpose.as_str()).collect();
    assert!(!purposes.is_empty() && newest.reasons.iter().all(|r| r.today == "holds"));
    let one = explain(What::Event(newest.number)).unwrap();
    assert_eq!((one[0].value.as_str(), one[0].entry), (newest.value.as_str(), newest.entry));
    assert_eq!(explain(What::Named("look")).unwrap_err().code, "field-not-held");
    let others = numbers(
        world.store.conn(),
        &format!(
            "SELECT e.seq FROM event e JOIN record r ON r.id = e.record WHERE r.subject <> {subject}"
        ),
    );
    for other in others {
        assert_eq!(explain(What::Event(other)).unwrap_err().code, "field-not-held");
    }
}

#[test]
fn a_withdrawal_takes_what_has_no_other_reason_and_only_that() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    world.import("leads", LEADS, hour(2));
    world.import("till", TILL, hour(3));
    let before = world.held();
    let withdrawal =
        Spoken { purpose: Some("newsletter"), state: ConsentState::Withdrawn, ..Spoken::default() };
    world.say("email:ann@shop.example", &withdrawal, hour(4));
    // The newsletter tool's record of Ann rested on that consent alone; what the shop holds serves
    // the contract too, and Cleo said nothing.
    let expected: Vec<_> = before
        .iter()
        .filter(|(source, _, text)| {
            source != "leads" || !["Annie", "ann@shop.example", "l1"].contains(&text.as_str())
        })
        .cloned()
        .collect();
    assert_eq!(expected.len(), before.len() - 3);
    assert_eq!(world.held(), expected);
    assert_reasons(&world);
    let gone = numbers(world.store.conn(), "SELECT COUNT(*) FROM value WHERE state = 4");
    assert_eq!(gone, [3]);
    let zeros = blobs(world.store.conn(), "SELECT body FROM value WHERE state = 4");
    assert!(zeros.iter().flatten().all(|byte| *byte == 0));
    assert!(world.verify(&[]).holds());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn imported_withdrawals_do_the_same(words in prop::collection::vec(0..4usize, 1..8)) {
        let mut world = World::new();
        world.import("leads", LEADS, hour(1));
        let mut last = "yes";
        for (i, word) in words.into_iter().enumerate() {
            let state = ["yes", "no", "out", "yes"][word];
            let csv = format!(
                "lead,at,name,email,optin,notice\n\
                 l1,2026-01-{:02},Annie,ann@shop.example,{state},letter-form@1\n",
                6 + i
            );
            world.import("leads", &csv, hour(200 + 24 * i as i64));
            last = state;
        }
        let held = world.held();
        let annie = held.iter().any(|(_, _, text)| text == "Annie");
        prop_assert_eq!(annie, last == "yes");
        prop_assert!(held.iter().any(|(_, _, text)| text == "Cleo"));
        assert_reasons(&world);
    }
}

/// The bookshop's policy with pieces replaced, each of which stands in it.
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(POLICY.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replacen(old, new, 1)
    })
}

const ORDERS: &str = "categories = [\"contact\", \"order\"]";
const TILL_CARD: &str =
    "[source.till.fields]\ncard = { as = \"identifier.card\", category = \"contact\" }";
const NO_TILL_CARD: &str = "[source.till.fields]\ncard = { as = \"ignore\" }";

/// What a purpose doesn't cover any more has lost that reason, whatever it came in under.
#[test]
fn what_a_later_policy_does_not_cover_goes() {
    let only_orders = (ORDERS, "categories = [\"order\"]");
    let only_contact = (ORDERS, "categories = [\"contact\"]");
    let moved = (TILL_CARD, &*TILL_CARD.replace("\"contact\" }", "\"behaviour\" }"));
    // The policies after the first, and the fields of the till that go then.
    let cases: [(&[String], &[&str]); 5] = [
        (&[edited(&[only_orders])], &["identifier.card"]),
        // The map has gone before: the category that it gave last counts.
        (
            &[
                edited(&[(TILL_CARD, NO_TILL_CARD)]),
                edited(&[(TILL_CARD, NO_TILL_CARD), only_orders]),
            ],
            &["identifier.card"],
        ),
        (&[edited(&[(TILL_CARD, NO_TILL_CARD)])], &[]),
        (&[edited(&[only_contact])], &["order"]),
        (&[edited(&[moved])], &["identifier.card"]),
    ];
    for (policies, goes) in cases {
        let mut world = World::new();
        world.import("shop", SHOP, hour(1));
        world.import("till", TILL, hour(2));
        let before = world.held();
        for (text, at) in policies.iter().zip(3..) {
            apply(&mut world.store, text, hour(at));
        }
        world.reopen();
        let expected: Vec<_> = before
            .iter()
            .filter(|(source, field, _)| source != "till" || !goes.contains(&field.as_str()))
            .cloned()
            .collect();
        let gone = (before.len() - expected.len()) as u64;
        assert_eq!(gone, 2 * goes.len() as u64);
        let due = |world: &World, at: i64| {
            let report = retention::retention(&world.store, None, hour(at)).unwrap();
            report.values_past_due + report.events_past_due
        };
        assert_eq!((due(&world, 8), due(&world, 2)), (gone, 0), "as of before, nothing was due");
        if let Some(field) = goes.first() {
            let subject = world.subject("card:K1").unwrap();
            let (conn, words) = (world.store.conn(), world.store.words());
            let what = What::Named(field);
            let why = candor::profile::why::why(conn, words, &world.rules, subject, what, hour(8));
            let till = why.unwrap().into_iter().find(|why| why.source == "till").unwrap();
            let [orders] = till.reasons.as_slice() else { panic!("{till:?}") };
            assert!(orders.today.starts_with("category_not_covered: "), "{}", orders.today);
        }
        let done = retain::run(&mut world.store, &world.rules, hour(9), Carry::Out).unwrap();
        assert_eq!(done.values + done.events, gone);
        assert!(done.deleted.iter().all(|d| d.because == "category not covered"), "{done:?}");
        assert_eq!(world.held(), expected);
        assert_eq!(due(&world, 10), 0);
        assert_reasons(&world);
        // What came in came in lawfully, by the rules of then.
        let past = candor::audit::unlawful::unlawful(&world.store, None, hour(10)).unwrap();
        assert!(past.is_clean(), "{past:?}");
        world.is_sound();
    }
}

/// A source's own key goes with the last thing that it was held for.
#[test]
fn a_key_does_not_outlive_what_it_was_held_for() {
    let mut world = World::new();
    world.import("till", TILL, hour(1));
    let nothing_left =
        edited(&[(ORDERS, "categories = [\"health\"]\nspecial_condition = \"9(2)(f)\"")]);
    apply(&mut world.store, &nothing_left, hour(2));
    world.reopen();
    let report = retention::retention(&world.store, None, hour(3)).unwrap();
    retain::run(&mut world.store, &world.rules, hour(3), Carry::Out).unwrap();
    assert_eq!(world.held(), []);
    assert_eq!((report.values_past_due, report.events_past_due), (4, 2), "two cards, two keys");
}

/// Nothing leaves for a purpose that doesn't cover it any more, where the field's name alone is covered.
#[test]
fn what_is_not_covered_any_more_is_not_sent() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    let by_email = Spoken { axis: Axis::Permission, channel: Some("email"), ..Spoken::default() };
    for who in ["email:ann@shop.example", "email:bob@shop.example"] {
        world.say(who, &by_email, hour(1));
    }
    let told = |world: &World, at| {
        let audience = candor::send::audience(&world.store, &world.rules, "caller", at);
        let audience = audience.unwrap();
        (audience.permitted.len(), audience.withheld.get("category_not_covered").copied())
    };
    assert_eq!(told(&world, hour(2)), (2, None));
    let leads = "[source.leads.fields]\nname = { as = \"attribute.first_name\", category = \"contact\" }\nemail = { as = \"identifier.email\", category = \"contact\" }";
    let elsewhere =
        leads.replace("email\", category = \"contact\"", "email\", category = \"behaviour\"");
    let winback = "marketing = true\nchannels = [\"email\"]\ncategories = [\"contact\"]\nretention";
    let narrow = winback.replace("\"contact\"", "\"behaviour\"");
    apply(&mut world.store, &edited(&[(leads, &elsewhere), (winback, &narrow)]), hour(3));
    world.reopen();
    assert_eq!(told(&world, hour(4)), (0, Some(2)));
}

/// What an erasure keeps by law is only what that law's purpose covers.
#[test]
fn an_erasure_keeps_nothing_that_the_law_does_not_cover() {
    let mut world = World::new();
    let invoice = "basket,at,card,cents,what\nb1,2026-01-04,K1,1200,Ulysses\n";
    world.import("ledgers", invoice, hour(1));
    let key = |world: &World| numbers(world.store.conn(), "SELECT id FROM subject")[0];
    let kept = |world: &World| {
        let subject = key(world);
        let plan =
            candor::subject::erase::plan(&world.store, &world.rules, subject, hour(4)).unwrap();
        plan.categories.iter().map(|category| category.kept).sum::<u64>()
    };
    assert_eq!(kept(&world), 1, "the invoice");
    let books = "law = \"Taxes Consolidation Act 1997, s. 886\"\ncategories = [\"order\"]";
    let narrow = books.replace("\"order\"", "\"behaviour\"");
    apply(&mut world.store, &edited(&[(books, &narrow)]), hour(2));
    world.reopen();
    assert_eq!(kept(&world), 0);
}

/// A profile names the purposes that hold a value now, and apart from them those that don't any more.
#[test]
fn a_profile_names_the_purposes_that_hold_now() {
    let mut world = World::new();
    world.import("shop", SHOP, hour(1));
    let ann = world.subject("email:ann@shop.example").unwrap();
    let told = |world: &World| {
        let email = world.profile(ann)["identifiers"]["email"][0].clone();
        (email["purposes"].to_string(), email["ended"].to_string())
    };
    let all = "[\"newsletter\",\"orders\",\"winback\"]";
    assert_eq!(told(&world), (all.to_owned(), "null".to_owned()));
    let withdrawal =
        Spoken { purpose: Some("newsletter"), state: ConsentState::Withdrawn, ..Spoken::default() };
    world.say("email:ann@shop.example", &withdrawal, hour(4));
    let narrowed = edited(&[(ORDERS, "categories = [\"order\"]")]);
    let now = ("[\"orders\",\"winback\"]".to_owned(), "[\"newsletter\"]".to_owned());
    assert_eq!(told(&world), now);
    apply(&mut world.store, &narrowed, hour(5));
    world.reopen();
    let now = ("[\"winback\"]".to_owned(), "[\"newsletter\",\"orders\"]".to_owned());
    assert_eq!(told(&world), now);
}
