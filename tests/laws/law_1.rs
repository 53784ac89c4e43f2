//! Law 1: nothing personal is stored unless a declared purpose, with its basis in force, covers it.

use proptest::prelude::*;

use crate::common::{Heard, POLICY, World, apply, bare, contains, hour};
use candor::base::clock::Moment;
use candor::consent::desk::Spoken;
use candor::consent::statement::Axis;
use candor::pipeline::import::{Carry, Request, import};
use candor::policy::types::ConsentState;

/// One row of the newsletter tool, whose data rests on consent alone.
#[derive(Clone, Debug)]
struct Row {
    optin: &'static str,
    notice: &'static str,
}

impl Row {
    /// By hand, from the law: only an express yes to a known notice of this purpose is a consent.
    fn consents(&self) -> bool {
        self.optin == "yes" && matches!(self.notice, "letter-form@1" | "letter-form@2")
    }
}

fn row() -> impl Strategy<Value = Row> {
    (
        prop::sample::select(vec!["", "yes", "no", "out", "maybe", "YES!"]),
        prop::sample::select(vec![
            "",
            "letter-form@1",
            "letter-form@2",
            "letter-form@9",
            "tips-form@1",
            "nonsense",
        ]),
    )
        .prop_map(|(optin, notice)| Row { optin, notice })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn only_a_demonstrable_yes_lets_consent_data_in(rows in prop::collection::vec(row(), 1..30)) {
        let mut world = World::new();
        let mut csv = String::from("lead,at,name,email,optin,notice\n");
        let mut expected = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            csv += &format!(
                "lead-{i},2026-01-04T10:00:00Z,Name{i}x,person{i}@leads.example,{},{}\n",
                row.optin, row.notice
            );
            if row.consents() {
                for (field, text) in [
                    ("attribute.first_name", format!("Name{i}x")),
                    ("identifier.email", format!("person{i}@leads.example")),
                    ("record.key", format!("lead-{i}")),
                ] {
                    expected.push(("leads".to_owned(), field.to_owned(), text));
                }
            }
        }
        expected.sort();
        let outcome = world.import("leads", &csv, hour(1));
        prop_assert_eq!(world.held(), expected);
        // What is refused is counted, field by field.
        let yes = rows.iter().filter(|row| row.consents()).count();
        let refused: u64 = outcome
            .summary
            .stripped
            .get("identifier.email")
            .map_or(0, |reasons| reasons.values().sum());
        prop_assert_eq!(refused, (rows.len() - yes) as u64);
    }
}

#[test]
fn unknown_consent_is_no_consent() {
    let mut world = World::new();
    let csv = "lead,at,name,email,optin,notice\nl1,2026-01-04,Ann,ann@leads.example,,\n";
    let outcome = world.import("leads", csv, hour(1));
    assert_eq!(world.held(), []);
    assert_eq!(world.subjects("email:ann@leads.example"), [0; 0]);
    let reasons = &outcome.summary.stripped["identifier.email"];
    assert_eq!(reasons.keys().collect::<Vec<_>>(), ["consent_unknown"]);
    for table in ["subject", "record", "value", "identifier", "statement"] {
        assert_eq!(crate::common::rows(world.store.conn(), table), [""; 0], "{table}");
    }
}

#[test]
fn what_is_refused_is_counted_and_not_kept() {
    let mut world = World::new();
    // An unknown column, a special category without a condition, a category that the source's
    // purposes don't cover, and a row that nothing admits.
    let csv = "customer_id,at,name,email,shoe_size,allergy,seen\n\
               c1,2026-01-04,Bartholomew,bart@shop.example,SHOE-4711,WALNUT-ALLERGY,LOOKED-AT-THIS\n";
    let outcome = world.import("shop", csv, hour(1));
    let leads =
        "lead,at,name,email,optin,notice\nLEAD-KEY-9,2026-01-04,Wilhelmina,mina@leads.example,,\n";
    world.import("leads", leads, hour(1));
    let stripped = &outcome.summary.stripped;
    assert_eq!(stripped["shoe_size"]["unknown_field"], 1);
    assert_eq!(stripped["attribute.allergy"]["special_category"], 1);
    assert_eq!(stripped["attribute.seen"]["source_not_for_purpose"], 1);
    let held: Vec<String> = world.held().into_iter().map(|(_, _, text)| text).collect();
    assert_eq!(held, ["Bartholomew", "bart@shop.example", "c1"]);
    // Not in the clear anywhere in the files; the counts of the import hold names and codes alone.
    let raw = world.raw();
    for text in
        ["SHOE-4711", "WALNUT-ALLERGY", "LOOKED-AT-THIS", "LEAD-KEY-9", "Wilhelmina", "mina@leads"]
    {
        assert!(!contains(&raw, text.as_bytes()), "{text} was kept");
    }
}

#[test]
fn a_dry_run_leaves_nothing() {
    let mut world = World::new();
    let before = world.store.log().size();
    let path = world.folder.path().join("in.csv");
    std::fs::write(&path, "customer_id,at,name\nc1,2026-01-04,Bartholomew\n").unwrap();
    let request = Request { path: &path, source: "shop", carry: Carry::DryRun };
    let outcome = import(&mut world.store, &request, &|| hour(1), &mut Heard::default()).unwrap();
    assert_eq!(outcome.summary.values_new, 2);
    assert_eq!((world.held(), world.store.log().size()), (Vec::new(), before));
}

#[test]
fn a_purpose_declared_later_admits_nothing_that_came_before() {
    // The first policy has no purpose for looks; the second declares one.
    let cut = |text: &str, from: &str, to: &str| {
        let start = text.find(from).unwrap();
        let end = start + text[start..].find(to).unwrap();
        format!("{}{}", &text[..start], &text[end..])
    };
    let first = cut(POLICY, "[purpose.tips]", "[purpose.orders]")
        .replace("purposes = [\"orders\", \"tips\"]", "purposes = [\"orders\"]");
    let mut world = World::under(&first);
    let shop =
        "customer_id,at,name,email,seen,card\nc1,2026-01-04,Ann,ann@shop.example,A BOOK,K1\n";
    world.import("shop", shop, hour(1));
    let held = world.held();
    let masks = crate::common::rows(world.store.conn(), "value");
    let later = POLICY.replace("\"contact\", \"order\"]", "\"contact\", \"order\", \"behaviour\"]");
    apply(&mut world.store, &later, hour(2));
    world.reopen();
    assert_eq!(world.held(), held, "a policy can't act backwards");
    assert_eq!(crate::common::rows(world.store.conn(), "value"), masks);
    // Asked about the time before its declaration, the gate says so.
    let rule = world.rules.rule(world.rules.purpose_code("tips").unwrap()).unwrap();
    assert_eq!(rule.declared_at, hour(2));
    let question = candor::consent::gate::Question::new(
        candor::consent::gate::Direction::Use,
        Moment(hour(2).0 - 1),
    );
    let standing = candor::consent::fold::Standing::default();
    assert_eq!(
        candor::consent::gate::decide(&world.rules, rule, question, &standing),
        Err(candor::consent::gate::Reason::PurposeDeclaredLater)
    );
}

#[test]
fn without_a_policy_nothing_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = bare(&folder.path().join("t.candor"));
    let path = folder.path().join("in.csv");
    std::fs::write(&path, "customer_id,at,name\nc1,2026-01-04,Bartholomew\n").unwrap();
    let request = Request { path: &path, source: "shop", carry: Carry::Out };
    let error = import(&mut store, &request, &|| hour(1), &mut Heard::default()).unwrap_err();
    assert_eq!(error.code, "no-policy");
}

/// Which policy was in force is told by the ledger's order. What a batch says of itself excuses nothing.
#[test]
fn what_came_in_under_an_old_policy_is_called_unlawful() {
    let mut world = World::new();
    let name = "name = { as = \"attribute.first_name\", category = \"contact\" }\n";
    let shop = POLICY.find("[source.shop.fields]").unwrap();
    let (before, after) = POLICY.split_at(shop);
    let without = format!("{before}{}", after.replacen(name, "", 1));
    let row = "customer_id,at,name,email\nc1,2026-01-04,Ann,ann@shop.example\n";
    world.import("shop", row, hour(1));
    apply(&mut world.store, &without, hour(2));
    let unlawful = |world: &World| {
        let report =
            candor::audit::unlawful::unlawful(&world.store, None, Moment::FOREVER).unwrap();
        report.unlawful.iter().map(|f| format!("{}: {}", f.what, f.reason)).collect::<Vec<_>>()
    };
    assert_eq!(unlawful(&world), Vec::<String>::new());
    // As a program would leave it that heard of no new policy.
    let conn = rusqlite::Connection::open(world.path()).unwrap();
    conn.execute("UPDATE policy SET entry = 1 WHERE version = 2", []).unwrap();
    world.reopen();
    let found = unlawful(&world);
    assert!(!found.is_empty(), "a name that no policy in force had a place for");
    assert!(found.iter().all(|f| f == "attribute.first_name: unknown_field"), "{found:?}");
}

/// Where the purposes admit what somebody did and not what names them, they are found by it all the same, and
/// nobody is joined by it.
#[test]
fn whoever_is_held_is_found_by_what_named_them() {
    let policy = POLICY
        .replace(
            "basis = \"legal_obligation\"\nlaw = \"Taxes Consolidation Act 1997, s. 886\"\n\
             categories = [\"order\"]\nretention = \"P50Y\"",
            "basis = \"contract\"\ncategories = [\"order\"]\nretention = \"P30D\"",
        )
        .replace(
            "[[source.ledgers.event]]",
            "[source.ledgers.fields]\ncard = { as = \"identifier.card\", category = \"contact\" }\n\
             [[source.ledgers.event]]",
        );
    assert!(policy.contains("P30D") && policy.contains("[source.ledgers.fields]"));
    let held = || {
        let mut world = World::under(&policy);
        world.import(
            "ledgers",
            "basket,at,card,cents,what\nb1,2026-01-04,CARD-9-77,5,Ink\n",
            hour(1),
        );
        let found = world.subject("card:CARD-9-77").expect("found by the card that named them");
        assert!(!contains(&world.raw(), b"CARD-9-77"), "by its blind name alone");
        world.is_sound();
        (world, found)
    };
    let (mut world, found) = held();
    let profile = world.profile(found).to_string();
    assert!(profile.contains("invoice") && !profile.contains("CARD-9-77"), "{profile}");
    // It makes nobody one, and a "no" by it reaches them.
    let shop = "customer_id,at,name,email,card,optin,notice\nc1,2026-01-04,Ann,ann@x.example,CARD-9-77,out,\n";
    world.import("shop", shop, hour(2));
    assert_eq!(world.subjects("card:CARD-9-77").len(), 2);
    let history = candor::consent::history::History::load(world.store.conn(), found).unwrap();
    assert_eq!(history.statements.len(), 1);
    world.is_sound();
    // Whoever asks to be erased is, and is kept out by it.
    let (mut world, _) = held();
    let certificate = world.erase("card:CARD-9-77", hour(2));
    assert!(certificate.kept_as.is_none());
    let again = world.import(
        "ledgers",
        "basket,at,card,cents,what\nb2,2026-01-05,CARD-9-77,5,Ink\n",
        hour(3),
    );
    assert_eq!(again.summary.records_refused.get("suppressed"), Some(&1));
    world.is_sound();
    // The name goes with what it finds.
    let (mut world, _) = held();
    let World { store, rules, .. } = &mut world;
    candor::subject::retain::run(store, rules, hour(24 * 90), candor::subject::retain::Carry::Out)
        .unwrap();
    assert!(world.subject("card:CARD-9-77").is_none());
    assert!(crate::common::rows(world.store.conn(), "identifier").is_empty());
    world.is_sound();
}

/// Whoever said no to a purpose stays asked: it can't go on without them on another basis, whether anything
/// is held or not, nor by way of a policy that leaves it out.
#[test]
fn a_no_outlives_the_basis_that_it_was_said_to() {
    let without = |policy: &str, name: &str| {
        let from = policy.find(&format!("[purpose.{name}]")).unwrap();
        let to = policy[from + 1..].find("\n[").unwrap() + from + 2;
        let rest = [&policy[..from], &policy[to..]].concat();
        rest.replace(&format!(", \"{name}\""), "").replace(&format!("\"{name}\""), "\"orders\"")
    };
    let (consent, interests) = (
        "title = \"Suggestions\"\nbasis = \"consent\"",
        "title = \"Suggestions\"\nbasis = \"legitimate_interests\"\nassessment = \"LIA-9\"",
    );
    let swapped = POLICY.replace(consent, interests);
    assert_ne!(swapped, POLICY);
    let code = |world: &mut World, text: &str, at: i64| {
        let checked = candor::policy::check(text).unwrap_or_else(|m| panic!("{m:?}"));
        let applied =
            world.store.write(hour(at), |w| candor::store::apply(w, text, &checked.policy));
        applied.err().map(|error| (error.code, format!("{error:?}")))
    };
    for spoken in [
        None,
        Some(ConsentState::Given),
        Some(ConsentState::Refused),
        Some(ConsentState::Withdrawn),
    ] {
        for by_way in [false, true] {
            let mut world = World::new();
            world.import(
                "shop",
                "customer_id,at,name,email,card\nc1,2026-01-04,Ann,ann@x.example,K1\n",
                hour(1),
            );
            if let Some(state) = spoken {
                let said = Spoken {
                    purpose: Some("tips"),
                    notice: Some("tips-form@1"),
                    state,
                    ..Spoken::default()
                };
                world.say("card:K1", &said, hour(2));
            }
            if by_way {
                assert_eq!(code(&mut world, &without(POLICY, "tips"), 3), None);
            }
            let found = code(&mut world, &swapped, 4);
            let said_no = matches!(spoken, Some(ConsentState::Refused | ConsentState::Withdrawn));
            assert_eq!(found.is_some(), said_no, "{spoken:?}, {by_way}: {found:?}");
            if let Some((code, words)) = found {
                assert_eq!(code, "policy-forbidden");
                assert!(words.contains("basis-swapped") && words.contains("said no"), "{words}");
            }
        }
    }
    // An objection, in the same way.
    let law = POLICY.replace(
        "basis = \"legitimate_interests\"\nassessment = \"LIA-2026-01\"\nmarketing = true",
        "basis = \"legal_obligation\"\nlaw = \"A law\"",
    );
    assert_ne!(law, POLICY);
    let mut world = World::new();
    world.import(
        "shop",
        "customer_id,at,name,email,card\nc1,2026-01-04,Ann,ann@x.example,K1\n",
        hour(1),
    );
    let objects = Spoken { axis: Axis::Objection, purpose: Some("winback"), ..Spoken::default() };
    world.say("card:K1", &objects, hour(2));
    assert!(code(&mut world, &law, 3).is_some());
}

/// An address that was given, replaced and given again for less finds its person for as long as any of what was
/// said is held: whoever is held is found (Art 15).
#[test]
fn an_address_whose_newest_word_goes_is_found_by_an_older_one() {
    let mut world = World::new();
    let row = |email: &str, day: u32, optin: &str| {
        format!(
            "customer_id,at,name,email,optin,notice\nc1,2026-01-{day:02},Ann,{email},{optin},letter-form@2\n"
        )
    };
    world.import("shop", &row("ann@x.example", 1, "yes"), hour(1));
    world.import("shop", &row("ann@y.example", 2, ""), hour(2));
    let shop = "purposes = [\"orders\", \"winback\", \"newsletter\"]";
    let letters_alone = POLICY.replacen(shop, "purposes = [\"newsletter\"]", 1);
    apply(&mut world.store, &letters_alone, hour(3));
    world.reopen();
    world.import("shop", &row("ann@x.example", 4, ""), hour(4));
    apply(&mut world.store, POLICY, hour(5));
    world.reopen();
    world.is_sound();
    let ann = world.subject("email:ann@x.example").unwrap();
    let withdrawn = Spoken {
        purpose: Some("newsletter"),
        channel: Some("email"),
        state: ConsentState::Withdrawn,
        ..Spoken::default()
    };
    world.say("email:ann@y.example", &withdrawn, hour(6));
    assert!(world.held().iter().any(|(_, _, text)| text == "ann@x.example"), "for orders, still");
    assert_eq!(world.subject("email:ann@x.example"), Some(ann));
    world.is_sound();
}
