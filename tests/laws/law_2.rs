//! Law 2: each stored value and event names its purposes, policy and entry; when its last reason
//! ends, it goes, and nothing else does.

use proptest::prelude::*;

use crate::common::{World, blobs, hour, numbers};
use candor::consent::desk::Spoken;
use candor::ledger::leaf::Leaf;
use candor::policy::types::ConsentState;
use candor::profile::why::What;

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
