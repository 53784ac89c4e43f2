//! Audiences: rules that only narrow, look at nothing but what the purpose holds, and are kept whole.

mod common;

use std::collections::BTreeSet;
use std::process::Command;

use candor::consent::desk::Spoken;
use candor::policy::types::ConsentState;
use candor::profile::lookup;
use candor::profile::read;
use candor::segment::Segment;
use candor::segment::desk::{self, Defined};
use candor::send::{self, Aim, outbox};
use candor::store::Store;
use candor::subject::told;
use serde_json::Value;

use common::{POLICY, World, hour, numbers};

/// Readers who may be written to, of whom some bought, and one who said no.
const READERS: &str = "customer_id,at,name,email,phone,card,born,title,optin,notice\n\
    c1,2026-01-04,Ann,ann@x.example,+353861234561,K1,1990-05-01,f,yes,letter-form@2\n\
    c2,2026-01-04,Bo,bo@x.example,,K2,1970-01-31,m,yes,letter-form@2\n\
    c3,2026-01-04,Cy,cy@x.example,,K3,1990-05-02,m,no,letter-form@2\n\
    c4,2026-01-04,Di,di@x.example,,,2001-12-31,,yes,letter-form@1\n";

const TILL: &str = "card,at,basket,cents,what,looked_at\n\
    K1,2025-12-20,b1,1000,Atlas,\n\
    K1,2025-06-20,b2,5000,novel,\n\
    K2,2024-02-01,b3,9000,atlas,\n\
    K3,2025-12-24,b4,9000,atlas,\n";

/// The bookshop, whose letter may choose by what people bought.
fn policy() -> String {
    let letter = "channels = [\"email\"]\ncategories = [\"contact\"]\nnotice = \"letter-form\"";
    let text = POLICY.replacen(
        letter,
        &letter.replace("[\"contact\"]", "[\"contact\", \"order\"]\nprofiling = true"),
        1,
    );
    let text = text.replace(
        "purposes = [\"orders\", \"tips\"]",
        "purposes = [\"orders\", \"tips\", \"newsletter\"]",
    );
    assert_ne!(text, POLICY);
    text
}

fn shop() -> World {
    let mut world = World::under(&policy());
    world.import("shop", READERS, hour(1));
    world.import("till", TILL, hour(1));
    world
}

fn define(world: &mut World, name: &str, text: &str) -> Defined {
    desk::define(&mut world.store, &world.rules, name, text, hour(2)).unwrap()
}

/// The first names of those whom rules choose for the letter.
fn chosen(world: &mut World, condition: &str) -> BTreeSet<String> {
    let text = format!("purpose = \"newsletter\"\nwhere = {condition}\n");
    let defined = define(world, "some", &text);
    let aim = Aim { destination: "mailer", audience: Some(&defined) };
    let audience = send::audience(&world.store, &world.rules, aim, hour(3)).unwrap();
    let all = send::audience(&world.store, &world.rules, "mailer", hour(3)).unwrap();
    let rows = |audience: &send::Audience| -> BTreeSet<String> {
        audience.permitted.iter().map(|permit| permit.item().fields[1].clone()).collect()
    };
    let (chosen, permitted) = (rows(&audience), rows(&all));
    assert!(chosen.is_subset(&permitted), "rules only narrow");
    // The two ways to count agree, and so does what each is told.
    let members = send::members(&world.store, &world.rules, &defined, hour(3)).unwrap();
    assert_eq!(members.members, chosen.len() as u64, "{condition}");
    let mut told = 0;
    for subject in lookup::live_subjects(world.store.conn()).unwrap() {
        let why = send::why(&world.store, &world.rules, &defined, subject, hour(3)).unwrap();
        told += u64::from(why.is_member);
        assert!(why.is_member || why.reason.is_some());
    }
    assert_eq!(told, members.members);
    let out: u64 = members.left_out.values().sum();
    assert_eq!(out + members.members, 4);
    chosen
}

#[test]
fn each_rule_chooses_whom_it_says() {
    let mut world = shop();
    for (condition, names) in [
        ("{ identifier = \"phone\" }", "Ann"),
        ("{ identifier = \"card\" }", "Ann Bo"),
        ("{ attribute = \"title\" }", "Ann Bo"),
        ("{ attribute = \"title\", is = \"MR\" }", "Bo"),
        ("{ attribute = \"title\", in = [\"Mr\", \"Ms\"] }", "Ann Bo"),
        ("{ not = { attribute = \"title\", is = \"Mr\" } }", "Ann Di"),
        ("{ attribute = \"born\", at_least = \"1990-05-01\" }", "Ann Di"),
        ("{ attribute = \"born\", at_most = \"1990-05-01\" }", "Ann Bo"),
        ("{ attribute = \"born\", at_least = \"1990\", at_most = \"1999\" }", "Ann"),
        ("{ event = \"order\" }", "Ann Bo"),
        ("{ event = \"order\", at_least = 2 }", "Ann"),
        ("{ event = \"order\", at_most = 0 }", "Di"),
        ("{ event = \"order\", within = \"P30D\" }", "Ann"),
        ("{ event = \"order\", within = \"P30D\", at_least = 2 }", ""),
        ("{ not = { event = \"order\", within = \"P12M\" } }", "Bo Di"),
        ("{ event = \"order\", sum_at_least = 6000, sum_at_most = 6000 }", "Ann"),
        ("{ event = \"order\", with = { what = \"atlas\" } }", "Ann Bo"),
        ("{ event = \"order\", with = { what = \"atlas\" }, within = \"P12M\" }", "Ann"),
        ("{ consent = \"newsletter\" }", "Ann Bo Di"),
        ("{ consent = \"newsletter\", channel = \"email\", is = \"withdrawn\" }", ""),
        ("{ consent = \"tips\", is = \"unknown\" }", "Ann Bo Di"),
        ("{ all = [{ identifier = \"card\" }, { attribute = \"title\", is = \"Ms\" }] }", "Ann"),
        (
            "{ any = [{ identifier = \"phone\" }, { attribute = \"born\", at_least = \"2000-01-01\" }] }",
            "Ann Di",
        ),
        (
            "{ all = [{ any = [{ identifier = \"phone\" }, { identifier = \"card\" }] }, { not = { identifier = \"phone\" } }] }",
            "Bo",
        ),
    ] {
        let expected: BTreeSet<String> = names.split_whitespace().map(str::to_owned).collect();
        assert_eq!(chosen(&mut world, condition), expected, "{condition}");
    }
    world.is_sound();
}

/// What came in for another purpose alone isn't looked at, however well it would choose.
#[test]
fn rules_look_at_nothing_that_the_purpose_does_not_hold() {
    let mut world = World::under(&policy());
    // Bought before they said yes to the letter: held for the order alone.
    let silent = READERS.replace(",yes,", ",,");
    world.import("shop", &silent, hour(1));
    world.import("till", TILL, hour(1));
    world.import("shop", READERS, hour(2));
    assert!(chosen(&mut world, "{ event = \"order\" }").is_empty());
    assert_eq!(chosen(&mut world, "{ event = \"order\", at_most = 0 }").len(), 3);
    // And once they take the yes back, nobody is chosen by anything.
    let out = Spoken {
        purpose: Some("newsletter"),
        channel: Some("email"),
        state: ConsentState::Withdrawn,
        ..Spoken::default()
    };
    world.say("email:ann@x.example", &out, hour(2));
    assert!(!chosen(&mut world, "{ not = { identifier = \"phone\" } }").contains("Ann"));
    assert!(!chosen(&mut world, "{ identifier = \"phone\" }").contains("Ann"));
    world.is_sound();
}

#[test]
fn what_is_wrong_with_rules_is_told_with_its_place() {
    let world = shop();
    let plain = World::under(POLICY);
    for (text, place, word) in [
        ("where = {}", "", "purpose"),
        ("purpose = \"letters\"", "purpose", "newsletter"),
        ("purpose = \"newsletter\"\nchannel = \"post\"", "channel", "email"),
        ("purpose = \"newsletter\"\nwho = 1", "", "where"),
        ("purpose = \"newsletter\"\nwhere = {}", "where", "all, any"),
        (
            "purpose = \"newsletter\"\nwhere = { identifier = \"phone\", event = \"order\" }",
            "where",
            "all, any",
        ),
        (
            "purpose = \"newsletter\"\nwhere = { all = [{ attribute = \"shoe\" }] }",
            "where.all[1]",
            "policy show",
        ),
        ("purpose = \"newsletter\"\nwhere = { attribute = \"allergy\" }", "where", "Art 5"),
        (
            "purpose = \"newsletter\"\nwhere = { attribute = \"title\", above = 3 }",
            "where",
            "at_least",
        ),
        (
            "purpose = \"newsletter\"\nwhere = { attribute = \"title\", at_least = 3 }",
            "where",
            "1990-01-01",
        ),
        (
            "purpose = \"newsletter\"\nwhere = { attribute = \"title\", is = \"a\", in = [\"b\"], at_most = 1 }",
            "where",
            "all",
        ),
        ("purpose = \"newsletter\"\nwhere = { event = \"look\" }", "where", "Art 5"),
        (
            "purpose = \"newsletter\"\nwhere = { event = \"order\", with = { where = \"x\" } }",
            "where.with",
            "policy show",
        ),
        (
            "purpose = \"newsletter\"\nwhere = { event = \"order\", within = \"PT3H\" }",
            "where.within",
            "P12M",
        ),
        (
            "purpose = \"newsletter\"\nwhere = { event = \"order\", at_least = -1 }",
            "where.at_least",
            "2",
        ),
        (
            "purpose = \"newsletter\"\nwhere = { consent = \"tips\", is = \"yes\" }",
            "where",
            "given",
        ),
        ("purpose = ", "", "toml.io"),
    ] {
        let error = Segment::read(text, &world.rules).expect_err(text);
        assert_eq!((error.code, &*error.place), ("audience-rules-wrong", place), "{text}: {error}");
        assert!(error.next.contains(word), "{text}: {error}");
    }
    let bought = "purpose = \"orders\"\nwhere = { event = \"order\" }";
    let error = Segment::read(bought, &plain.rules).unwrap_err();
    assert!(error.what.contains("profile") && error.next.contains("Art 4(4)"), "{error}");
    let deep = format!(
        "purpose = \"newsletter\"\nwhere = {}{{ identifier = \"phone\" }}{}",
        "{ not = ".repeat(9),
        "}".repeat(9)
    );
    assert!(Segment::read(&deep, &world.rules).is_err());
    let long = format!(
        "purpose = \"newsletter\"\nwhere = {{ any = [{}] }}",
        "{ identifier = \"phone\" },".repeat(99)
    );
    assert!(Segment::read(&long, &world.rules).is_err());
}

#[test]
fn versions_are_kept_whole_and_a_changed_one_is_found() {
    let mut world = shop();
    let first = define(&mut world, "regulars", "purpose = \"newsletter\"\n");
    let same = define(&mut world, "regulars", "purpose = \"newsletter\"\n");
    assert_eq!((&first, first.version), (&same, 1));
    let second = define(
        &mut world,
        "regulars",
        "purpose = \"newsletter\"\nwhere = { identifier = \"card\" }\n",
    );
    assert_eq!((second.version, desk::all(&world.store).unwrap().len()), (2, 2));
    assert_eq!(desk::find(&world.store, "regulars").unwrap(), Some(second));
    for (name, code) in [
        ("mailer", "audience-is-destination"),
        ("Ann", "audience-name-unfit"),
        ("", "audience-name-unfit"),
    ] {
        let refused =
            desk::define(&mut world.store, &world.rules, name, "purpose = \"newsletter\"", hour(2));
        assert_eq!(refused.unwrap_err().code, code);
    }
    world.is_sound();
    let conn = rusqlite::Connection::open(world.path()).unwrap();
    conn.execute("UPDATE audience SET text = 'purpose = \"winback\"' WHERE version = 2", [])
        .unwrap();
    let codes = |world: &World| -> Vec<&str> {
        let report = common::deep(&world.path(), None);
        report.claims.iter().flat_map(|claim| &claim.faults).map(|fault| fault.code).collect()
    };
    assert_eq!(codes(&world), ["audience-differs"]);
    conn.execute("DELETE FROM audience WHERE version = 2", []).unwrap();
    assert_eq!(codes(&world), ["audience-missing"]);
}

#[test]
fn an_audience_goes_for_its_own_purpose_and_the_gate_is_asked_when_it_is_sent() {
    let mut world = World::under(&format!(
        "{}\n[destination.hook]\nrecipient = \"L\"\npurpose = \"newsletter\"\nchannel = \"email\"\nfields = [\"email\"]\n\
         country = \"IE\"\nkind = \"webhook\"\nsecret = \"mailer\"\nurl = \"http://127.0.0.1:9/\"\n",
        policy()
    ));
    world.import("shop", READERS, hour(1));
    let carded = define(
        &mut world,
        "carded",
        "purpose = \"newsletter\"\nwhere = { identifier = \"card\" }\n",
    );
    let other = Aim { destination: "caller", audience: Some(&carded) };
    let refused = send::audience(&world.store, &world.rules, other, hour(3)).unwrap_err();
    assert_eq!(refused.code, "audience-of-another-purpose");
    let aim = Aim { destination: "hook", audience: Some(&carded) };
    let queued = outbox::queue_audience(&mut world.store, &world.rules, aim, hour(3)).unwrap();
    assert_eq!((queued.queued, queued.withheld.get("not_in_audience")), (2, Some(&1)));
    let out = world.folder.path().join("out.csv");
    let aim = Aim { destination: "mailer", audience: Some(&carded) };
    let run = send::push(&mut world.store, &world.rules, aim, &out, hour(3)).unwrap();
    assert_eq!(run.sent, 2);
    let text = std::fs::read_to_string(out).unwrap();
    assert!(
        text.contains("ann@x.example") && text.contains("bo@x.example") && !text.contains("di@"),
        "{text}"
    );
    world.is_sound();
    // Who said no to it since is left out, whatever the rules say.
    let who = world.subject("email:bo@x.example").unwrap();
    let no = Spoken {
        purpose: Some("newsletter"),
        channel: Some("email"),
        state: ConsentState::Withdrawn,
        ..Spoken::default()
    };
    world.say("email:bo@x.example", &no, hour(4));
    let why = send::why(&world.store, &world.rules, &carded, who, hour(5)).unwrap();
    assert_eq!(
        (why.is_member, why.reason, why.conditions.len()),
        (false, Some("consent_withdrawn"), 0)
    );
    assert!(told::told(&world.store, who).unwrap().len() > 1);
}

#[test]
fn the_terminal_defines_counts_explains_and_sends() {
    let world = shop();
    let path = world.path();
    let folder = world.folder.path().to_owned();
    drop::<Store>(world.store);
    let run = |args: &[&str], code: i32| -> Value {
        let out = Command::new(env!("CARGO_BIN_EXE_candor"))
            .args(["--json", "--store"])
            .arg(&path)
            .args(args)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert_eq!(
            out.status.code(),
            Some(code),
            "{args:?} {}",
            String::from_utf8_lossy(&out.stdout)
        );
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let rules =
        "title = \"Who has a card\"\npurpose = \"newsletter\"\nwhere = { identifier = \"card\" }\n";
    std::fs::write(folder.join("carded.toml"), rules).unwrap();
    let defined = run(&["audience", "define", "carded", "carded.toml"], 0);
    assert_eq!((&defined["version"], &defined["members"]), (&1.into(), &2.into()));
    let list = run(&["audience", "list"], 0);
    assert_eq!(list["audiences"][0]["title"], "Who has a card");
    assert_eq!(run(&["audience", "show", "carded"], 0)["text"], rules);
    assert_eq!(run(&["audience", "count", "carded"], 0)["members"], 2);
    let to = run(&["audience", "count", "carded", "--to", "mailer"], 0);
    assert_eq!((&to["permitted"], &to["withheld"]["not_in_audience"]), (&2.into(), &1.into()));
    assert_eq!(run(&["audience", "count", "mailer"], 0)["permitted"], 3, "as before");
    let why = run(&["audience", "why", "carded", "email:di@x.example"], 1);
    assert_eq!(
        (&why["reason"], &why["conditions"][0]["condition"]),
        (&"not_in_audience".into(), &"has card".into())
    );
    run(&["audience", "why", "carded", "email:ann@x.example"], 0);
    for (args, code) in [
        (vec!["audience", "push", "carded"], "audience-without-destination"),
        (vec!["audience", "push", "mailer", "--to", "mailer"], "audience-is-destination"),
        (vec!["audience", "count", "nobody"], "destination-unknown"),
        (vec!["audience", "why", "mailer", "email:ann@x.example"], "audience-unknown"),
    ] {
        assert_eq!(run(&args, 2)["error"]["code"], code, "{args:?}");
    }
    let sent = run(&["audience", "push", "carded", "--to", "mailer", "--out", "o.csv"], 0);
    assert_eq!(sent["sent"], 2);
    let store = candor::store::Store::open(&path, candor::store::Access::Read, "test").unwrap();
    let reads =
        numbers(store.conn(), "SELECT COUNT(*) FROM entry WHERE instr(leaf, 'access.read') > 0");
    assert_eq!(reads, [2], "who is explained was looked at");
    assert!(
        read::find(
            store.conn(),
            store.secret(),
            &candor::store::latest(store.conn(), store.words()).unwrap().policy,
            "email:di@x.example"
        )
        .is_ok()
    );
}
