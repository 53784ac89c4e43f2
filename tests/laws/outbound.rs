//! Law 3 on the way out: people are told first where data about them comes from (Art 14), and nobody
//! hears more often than they wish or the policy allows.

use candor::audit;
use candor::base::clock::Moment;
use candor::consent::desk::Spoken;
use candor::consent::origin::{self, Told, Whom};
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState;
use candor::profile::then::Then;
use candor::send;
use candor::subject::notice;

use crate::common::{POLICY, World, hour};

/// The bookshop with a broker's list, and a mailer that may write twice in thirty days.
fn policy() -> String {
    let broker = r#"
[notice.origin]
[[notice.origin.version]]
version = 1
language = "en"
text = "We have your address from a broker."
[source.broker]
title = "A broker"
key = "id"
indirect = true
observed = { from = "at" }
purposes = ["newsletter", "winback"]
[source.broker.fields]
email = { as = "identifier.email", category = "contact" }
name = { as = "attribute.first_name", category = "contact" }
"#;
    POLICY.replace("contract = \"DPA-1\"", "contract = \"DPA-1\"\nat_most = \"2 in P30D\"") + broker
}

fn push(world: &mut World, destination: &str, now: Moment) -> Vec<(&'static str, u64)> {
    let out = world.folder.path().join(format!("{destination}-{}.csv", now.0));
    let run = send::push(&mut world.store, &world.rules, destination, &out, now).unwrap();
    let mut all = vec![("sent", u64::try_from(run.sent).unwrap())];
    all.extend(run.withheld);
    all
}

fn tell(world: &mut World, whom: Whom<'_>, now: Moment) -> usize {
    let told = Told { notice: "origin@1", method: Some("letter"), evidence: None, at: now };
    let rules = &world.rules;
    let (people, _) = world.store.write(now, |w| origin::tell(w, rules, whom, &told)).unwrap();
    people
}

const EVERYBODY: Whom<'static> = Whom { subject: None, source: None };

fn permit(world: &mut World, who: &str, now: Moment) {
    let spoken = Spoken {
        axis: Axis::Permission,
        channel: Some("email"),
        state: ConsentState::Given,
        ..Spoken::default()
    };
    world.say(who, &spoken, now);
}

fn lawful(world: &World) {
    let report = audit::unlawful::unlawful(&world.store, None, Moment::FOREVER).unwrap();
    assert!(report.is_clean(), "{:?}", report.unlawful);
    assert!(report.before_known.is_empty(), "{:?}", report.before_known);
    assert!(world.verify(&[]).holds());
}

#[test]
fn nothing_of_a_broker_goes_out_before_the_person_is_told() {
    let mut world = World::under(&policy());
    world.import("broker", "id,at,email,name\nb1,2026-01-04,bo@x.example,Bo\n", hour(1));
    permit(&mut world, "email:bo@x.example", hour(2));
    assert_eq!(push(&mut world, "caller", hour(3)), [("sent", 0), ("notice_due", 1)]);
    let bo = world.subject("email:bo@x.example").unwrap();
    let asked = candor::consent::fold::AsOf::at(hour(3));
    let due = notice::due(&world.store, &world.rules, bo, &Then::now(), asked).unwrap();
    assert_eq!(due.len(), 1);
    // Art 14(3)(a): one month after it was obtained, on 5 January.
    assert_eq!((due[0].source.as_str(), due[0].by.as_str()), ("broker", "2026-02-05"));
    assert_eq!(tell(&mut world, EVERYBODY, hour(4)), 1);
    assert_eq!(tell(&mut world, EVERYBODY, hour(5)), 0, "once is enough");
    let asked = candor::consent::fold::AsOf::at(hour(6));
    let due = notice::due(&world.store, &world.rules, bo, &Then::now(), asked).unwrap();
    assert!(due.is_empty());
    assert_eq!(push(&mut world, "caller", hour(7)), [("sent", 1)]);
    lawful(&world);
}

#[test]
fn a_notice_covers_whom_it_was_given_and_nobody_else() {
    let mut world = World::under(&policy());
    world.import(
        "broker",
        "id,at,email,name\nb1,2026-01-04,bo@x.example,Bo\nb2,2026-01-04,cy@x.example,Cy\n",
        hour(1),
    );
    for who in ["email:bo@x.example", "email:cy@x.example"] {
        permit(&mut world, who, hour(2));
    }
    let bo = world.subject("email:bo@x.example");
    assert_eq!(tell(&mut world, Whom { subject: bo, source: Some("broker") }, hour(3)), 1);
    assert_eq!(push(&mut world, "caller", hour(4)), [("sent", 1), ("notice_due", 1)]);
    lawful(&world);
    // Somebody who gave the address themselves needs no such notice.
    world.import("shop", "customer_id,at,name,email\nc1,2026-01-04,Di,di@x.example\n", hour(5));
    permit(&mut world, "email:di@x.example", hour(6));
    assert_eq!(push(&mut world, "caller", hour(7)), [("sent", 2), ("notice_due", 1)]);
    lawful(&world);
}

#[test]
fn only_sources_that_are_not_the_person_are_told_of() {
    let mut world = World::under(&policy());
    for (source, notice, code) in [
        ("shop", "origin@1", "source-not-indirect"),
        ("nobody", "origin@1", "source-unknown"),
        ("broker", "origin@7", "notice-unknown"),
        ("broker", "nothing", "notice-unknown"),
    ] {
        let told = Told { notice, method: None, evidence: None, at: hour(1) };
        let whom = Whom { subject: None, source: Some(source) };
        let rules = &world.rules;
        let refused = world.store.write(hour(1), |w| origin::tell(w, rules, whom, &told));
        assert_eq!(refused.unwrap_err().code, code, "{source} {notice}");
    }
}

const READER: &str = "customer_id,at,name,email,optin,notice\n\
    c1,2026-01-04,Ann,ann@x.example,yes,letter-form@1\n";

#[test]
fn a_destination_gets_a_person_no_more_often_than_the_policy_allows() {
    let mut world = World::under(&policy());
    world.import("shop", READER, hour(1));
    let day = |days: i64| hour(24 * days);
    assert_eq!(push(&mut world, "mailer", day(1)), [("sent", 1)]);
    assert_eq!(push(&mut world, "mailer", day(10)), [("sent", 1)]);
    assert_eq!(push(&mut world, "mailer", day(30)), [("sent", 0), ("frequency_limit", 1)]);
    // The first of the two is thirty days ago, to the millisecond.
    assert_eq!(push(&mut world, "mailer", day(31)), [("sent", 1)]);
    lawful(&world);
}

#[test]
fn a_person_hears_no_more_often_than_they_wish_on_any_destination_of_the_channel() {
    let mut world = World::under(&policy());
    world.import("shop", READER, hour(1));
    let who = "email:ann@x.example";
    permit(&mut world, who, hour(2));
    let wish = |state, every_days| Spoken {
        axis: Axis::Frequency,
        channel: Some("email"),
        state,
        every_days,
        ..Spoken::default()
    };
    world.say(who, &wish(ConsentState::Given, 7), hour(3));
    let day = |days: i64| hour(24 * days);
    assert_eq!(push(&mut world, "mailer", day(1)), [("sent", 1)]);
    assert_eq!(push(&mut world, "caller", day(7)), [("sent", 0), ("frequency_wished", 1)]);
    assert_eq!(push(&mut world, "caller", day(8)), [("sent", 1)]);
    world.say(who, &wish(ConsentState::Withdrawn, 0), day(9));
    assert_eq!(push(&mut world, "caller", day(10)), [("sent", 1)]);
    lawful(&world);
}

/// A wish that reaches candor late stands among what was done before it could be known.
#[test]
fn a_late_wish_is_told_apart() {
    let mut world = World::under(&policy());
    world.import("shop", READER, hour(1));
    push(&mut world, "mailer", hour(10));
    push(&mut world, "mailer", hour(20));
    let who = "email:ann@x.example";
    let subject = world.subject(who).unwrap();
    let spoken = Spoken {
        axis: Axis::Frequency,
        state: ConsentState::Given,
        every_days: 7,
        ..Spoken::default()
    };
    let said = candor::consent::desk::statements(&world.rules, &spoken, hour(5)).unwrap();
    world.store.write(hour(30), |w| candor::consent::desk::record(w, subject, &said)).unwrap();
    let report = audit::unlawful::unlawful(&world.store, None, hour(40)).unwrap();
    assert!(report.is_clean(), "{:?}", report.unlawful);
    assert_eq!(report.before_known.len(), 1, "{:?}", report.before_known);
    assert_eq!(report.before_known[0].reason, "frequency_wished");
}

/// Two people share a device. What one of them ticked is not sent to the other's address, whichever
/// record came first.
#[test]
fn a_consent_covers_the_address_in_its_form_and_no_other() {
    let shop = "[source.shop.fields]\n";
    let policy = POLICY.replacen(
        shop,
        &format!("{shop}device = {{ as = \"identifier.device\", category = \"contact\" }}\n"),
        1,
    ) + "\n[identifier.device]\n";
    let row = |key: &str, optin: &str, at: &str| {
        format!(
            "customer_id,at,name,email,card,optin,notice,device\n\
             {key},{at},,{key}@x.example,,{optin},letter-form@1,tablet-in-the-hall\n"
        )
    };
    for order in [["ann", "ben"], ["ben", "ann"]] {
        let mut world = World::under(&policy);
        for (n, who) in (1..).zip(order) {
            let optin = if who == "ann" { "yes" } else { "" };
            world.import("shop", &row(who, optin, &format!("2026-01-0{n}")), hour(n));
        }
        assert_eq!(world.subjects("email:ann@x.example"), world.subjects("email:ben@x.example"));
        let out = world.folder.path().join("out.csv");
        send::push(&mut world.store, &world.rules, "mailer", &out, hour(9)).unwrap();
        let sent = std::fs::read_to_string(out).unwrap();
        assert!(!sent.contains("ben@x.example"), "{order:?}: {sent}");
        if order[0] == "ann" {
            assert!(sent.contains("ann@x.example"), "{order:?}: {sent}");
        }
        lawful(&world);
    }
}

/// The desk writes down what a person says by one of two addresses that a device has brought together.
#[test]
fn what_the_desk_writes_down_by_an_address_is_for_that_address() {
    let shop = "[source.shop.fields]\n";
    let policy = POLICY.replacen(
        shop,
        &format!("{shop}device = {{ as = \"identifier.device\", category = \"contact\" }}\n"),
        1,
    ) + "\n[identifier.device]\n";
    for named in ["ann@x.example", "ben@x.example"] {
        let mut world = World::under(&policy);
        let rows = "customer_id,at,name,email,card,optin,notice,device\n\
            ann,2026-01-01,,ann@x.example,,,,tablet\nben,2026-01-02,,ben@x.example,,,,tablet\n";
        world.import("shop", rows, hour(1));
        let who = format!("email:{named}");
        let subject = world.subject(&who).unwrap();
        let spoken = Spoken {
            purpose: Some("newsletter"),
            notice: Some("letter-form@2"),
            state: ConsentState::Given,
            ..Spoken::default()
        };
        let said = candor::consent::desk::statements(&world.rules, &spoken, hour(2)).unwrap();
        let policy = &world.rules.policy;
        let conn = world.store.conn();
        let record =
            candor::profile::read::record_named(conn, world.store.secret(), policy, &who, subject);
        let record = record.unwrap().unwrap();
        let say = candor::consent::desk::record_by_address;
        world.store.write(hour(2), |w| say(w, subject, record, &said)).unwrap();
        // The file again, so that its values come in for the letter too.
        world.import("shop", &rows.replace("2026-01-0", "2026-01-1"), hour(3));
        let out = world.folder.path().join("out.csv");
        send::push(&mut world.store, &world.rules, "mailer", &out, hour(9)).unwrap();
        let sent = std::fs::read_to_string(out).unwrap();
        for address in ["ann@x.example", "ben@x.example"] {
            assert!(address == named || !sent.contains(address), "{named}: {sent}");
        }
    }
}
