//! Law 3 where somebody asks: an answer holds what the gate lets out for its purpose, and nothing else.

use std::collections::BTreeSet;

use candor::base::clock::Moment;
use candor::consent::desk::Spoken;
use candor::consent::fold::AsOf;
use candor::consent::gate::{Direction, Question, decide};
use candor::consent::history::History;
use candor::consent::retention::Age;
use candor::consent::statement::Axis;
use candor::policy::rulebook::bit;
use candor::policy::types::ConsentState;
use candor::profile::merge::public_text;
use candor::profile::read::{last_contact, open_events, open_records};
use candor::send::context::{Context, Found, context, document};
use candor::store::WordKind;
use proptest::prelude::*;

use crate::common::{POLICY, World, hour, numbers};

pub const PURPOSES: [&str; 5] = ["newsletter", "tips", "orders", "books", "winback"];

pub fn ask(world: &World, who: &str, purpose: &str, now: Moment) -> Option<Context> {
    let rules = &world.rules;
    let rule = rules.rule(rules.purpose_code(purpose).unwrap()).unwrap();
    match context(&world.store, rules, (rule, None), who, now).unwrap() {
        Found::Known(context) => Some(*context),
        Found::Nobody | Found::Several => None,
    }
}

fn reasons(context: &Context) -> Vec<(&str, &str)> {
    context.left_out.iter().map(|left| (&*left.what, left.reason)).collect()
}

fn told(context: &Context) -> Vec<String> {
    let Some(known) = &context.known else { return Vec::new() };
    let known = known.item();
    let values = known.identifiers().chain(known.attributes());
    values.map(|value| format!("{}={}", value.name, value.value)).collect()
}

/// The bookshop, whose till serves the books too; what a kiosk sells stands in them by another way.
pub fn policy() -> String {
    let till =
        POLICY.split_once("[source.till]").unwrap().1.split_once("[source.ledgers]").unwrap().0;
    let kiosk = till.replace("source.till", "source.kiosk");
    let both = "purposes = [\"orders\", \"tips\"]";
    POLICY.replace(both, "purposes = [\"orders\", \"tips\", \"books\"]")
        + "[source.kiosk]\n"
        + &kiosk
}

fn ann() -> World {
    let mut world = World::under(&policy());
    world.import(
        "shop",
        "customer_id,at,name,email,card,optin,notice\n\
         a1,2026-01-02,Ann,ann@x.example,card-a,yes,letter-form@2\n",
        hour(1),
    );
    world.import(
        "till",
        "card,at,looked_at,basket,cents,what\ncard-a,2026-01-03,,i-1,900,atlas\n",
        hour(1),
    );
    world
}

const WHO: &str = "email:ann@x.example";

fn say(world: &mut World, axis: Axis, purpose: Option<&'static str>, state: ConsentState) {
    world.say(WHO, &Spoken { axis, purpose, state, ..Spoken::default() }, hour(2));
}

#[test]
fn a_withdrawal_ends_what_the_letter_knows_and_the_orders_go_on() {
    let mut world = ann();
    assert_eq!(told(&ask(&world, WHO, "newsletter", hour(1)).unwrap()).len(), 3);
    say(&mut world, Axis::Consent, Some("newsletter"), ConsentState::Withdrawn);
    let after = ask(&world, WHO, "newsletter", hour(3)).unwrap();
    assert!(after.known.is_none());
    assert_eq!(reasons(&after), [("everything", "consent_withdrawn")]);
    assert_eq!(told(&ask(&world, WHO, "orders", hour(3)).unwrap()).len(), 3);
}

#[test]
fn an_objection_ends_what_a_legitimate_interest_knows() {
    let mut world = ann();
    assert!(ask(&world, WHO, "winback", hour(1)).unwrap().known.is_some());
    say(&mut world, Axis::Objection, Some("winback"), ConsentState::Given);
    let after = ask(&world, WHO, "winback", hour(3)).unwrap();
    assert_eq!(reasons(&after), [("everything", "objected")]);
}

#[test]
fn a_restriction_leaves_what_a_law_asks_for() {
    let mut world = ann();
    say(&mut world, Axis::Restriction, None, ConsentState::Given);
    for purpose in ["newsletter", "orders", "winback"] {
        let after = ask(&world, WHO, purpose, hour(3)).unwrap();
        assert_eq!(reasons(&after), [("everything", "restricted")], "{purpose}");
    }
    // Art 18(2): the books are kept by law, restricted or not.
    // They know no address, and so nobody by one.
    assert!(ask(&world, WHO, "books", hour(3)).is_none());
    let ids = numbers(world.store.conn(), "SELECT public_id FROM subject");
    let books = ask(&world, &public_text(ids[0]), "books", hour(3)).unwrap();
    assert_eq!(books.known.unwrap().item().events().count(), 1);
}

#[test]
fn an_erased_person_is_nobody_also_where_the_law_keeps_something() {
    let mut world = ann();
    let subject = world.subject(WHO).unwrap();
    let id = candor::profile::merge::public_text(
        candor::profile::lookup::public_id(world.store.conn(), subject).unwrap(),
    );
    world.erase(WHO, hour(2));
    for purpose in PURPOSES {
        for who in [WHO, "card:card-a", &id] {
            assert!(ask(&world, who, purpose, hour(3)).is_none(), "{who} {purpose}");
        }
    }
    assert!(world.held().iter().any(|(_, what, _)| what == "order"), "the law keeps it");
}

#[test]
fn nobody_is_told_of_data_of_other_purposes() {
    let mut world = World::new();
    world.import("shop", "customer_id,at,name,email\nc1,2026-01-02,Cy,cy@x.example\n", hour(1));
    assert!(ask(&world, "email:cy@x.example", "orders", hour(2)).is_some());
    for purpose in ["newsletter", "tips", "books"] {
        assert!(ask(&world, "email:cy@x.example", purpose, hour(2)).is_none(), "{purpose}");
    }
}

/// A device brought two people together: what one of them ticked isn't for the other's address.
#[test]
fn addresses_that_a_consent_does_not_cover_are_left_out() {
    let device =
        "[source.shop.fields]\ndevice = { as = \"identifier.device\", category = \"contact\" }\n";
    let policy = POLICY.replacen("[source.shop.fields]\n", device, 1) + "\n[identifier.device]\n";
    let mut world = World::under(&policy);
    let rows = "customer_id,at,name,email,optin,notice,device\n\
        ann,2026-01-01,Ann,ann@x.example,yes,letter-form@1,tablet\n\
        ben,2026-01-02,Ben,ben@x.example,,,tablet\n";
    world.import("shop", rows, hour(1));
    world.import("shop", &rows.replace("2026-01-0", "2026-01-1"), hour(2));
    let letter = ask(&world, WHO, "newsletter", hour(3)).unwrap();
    assert!(!told(&letter).contains(&"email=ben@x.example".to_owned()), "{:?}", told(&letter));
}

/// What is sent to an address that somebody else holds too, who said no, would reach them.
#[test]
fn an_address_that_is_shared_with_a_no_is_left_out() {
    let apart = "form = \"email\"\nunless_differ = [\"first_name\"]";
    let mut world = World::under(&POLICY.replacen("form = \"email\"", apart, 1));
    let rows = "customer_id,at,name,email,card,optin,notice\n\
        c1,2026-01-04,Ann,both@x.example,,no,\n\
        c2,2026-01-04,Bob,both@x.example,card-b,yes,letter-form@1\n";
    world.import("shop", rows, hour(1));
    assert_eq!(world.subjects("email:both@x.example").len(), 2);
    // Which of them is meant can't be told, so nothing is told of either.
    assert!(ask(&world, "email:both@x.example", "newsletter", hour(2)).is_none());
    let bob = ask(&world, "card:card-b", "newsletter", hour(2)).unwrap();
    assert_eq!(told(&bob), ["card=card-b", "first_name=Bob"]);
    assert_eq!(reasons(&bob), [("identifier.email", "shared_no")]);
}

#[test]
fn an_answer_says_how_long_it_is_good_for() {
    let policy = POLICY.replace("retention = \"P50Y\"", "retention = \"P30D\"");
    let mut world = World::under(&policy);
    world.import("shop", "customer_id,at,name,email\na1,2026-01-02,Ann,ann@x.example\n", hour(1));
    let context = ask(&world, WHO, "orders", hour(2)).unwrap();
    let until = context.known.unwrap().item().until();
    assert_eq!(until.to_string(), "2026-02-01T00:00:00Z");
    assert!(ask(&world, WHO, "orders", Moment(until.0 - 1)).unwrap().known.is_some());
    let after = ask(&world, WHO, "orders", until).unwrap();
    assert_eq!(told(&after), Vec::<String>::new());
    assert_eq!(
        reasons(&after),
        [("attribute.first_name", "retention_over"), ("identifier.email", "retention_over")]
    );
}

/// One thing that happens to the few people of the property.
#[derive(Clone, Debug)]
pub enum Act {
    Row { source: &'static str, who: usize, with: usize, optin: &'static str },
    Buy { source: &'static str, who: usize },
    Say { who: usize, axis: Axis, purpose: &'static str, state: ConsentState },
}

pub fn act() -> impl Strategy<Value = Act> {
    let source = prop::sample::select(vec!["shop", "leads", "page"]);
    let optin = prop::sample::select(vec!["", "yes", "no", "out"]);
    let axis = prop::sample::select(vec![
        Axis::Consent,
        Axis::Permission,
        Axis::Objection,
        Axis::Restriction,
    ]);
    let state = prop::sample::select(vec![ConsentState::Given, ConsentState::Withdrawn]);
    let purpose = prop::sample::select(PURPOSES.to_vec());
    prop_oneof![
        (source, 0..3_usize, 0..3_usize, optin).prop_map(|(source, who, with, optin)| Act::Row {
            source,
            who,
            with,
            optin
        }),
        (prop::sample::select(vec!["till", "kiosk"]), 0..3_usize)
            .prop_map(|(source, who)| Act::Buy { source, who }),
        (0..3_usize, axis, purpose, state).prop_map(|(who, axis, purpose, state)| Act::Say {
            who,
            axis,
            purpose,
            state
        }),
    ]
}

pub fn happen(world: &mut World, act: &Act, now: Moment) {
    let at = now.to_string();
    match act {
        // Every text names whose it is and what let it in, so that any leak is told by its words.
        Act::Row { source, who, with, optin } => {
            let head = match *source {
                "shop" => "customer_id,at,name,email,card,seen,allergy,optin,notice",
                "leads" => "lead,at,name,email,optin,notice",
                _ => "email,at,optin,notice",
            };
            let tail = format!("{optin},letter-form@2");
            let row = match *source {
                "shop" => format!(
                    "shop{who},{at},name-shop{who},mail{with}@x.example,card-{who},seen{who},allergic{who},{tail}"
                ),
                "leads" => format!("lead{who},{at},name-lead{who},mail{with}@x.example,{tail}"),
                _ => format!("mail{who}@x.example,{at},{tail}"),
            };
            world.import(source, &format!("{head}\n{row}\n"), now);
        }
        Act::Buy { source, who } => {
            let rows = format!(
                "card,at,looked_at,basket,cents,what\ncard-{who},{at},{at},b{},5,thing{who}\n",
                now.0
            );
            world.import(source, &rows, now);
        }
        Act::Say { who, axis, purpose, state } => {
            let name = format!("email:mail{who}@x.example");
            let for_purpose = !matches!(axis, Axis::Permission | Axis::Restriction);
            let notice = (*axis == Axis::Consent && *state == ConsentState::Given).then_some(
                match *purpose {
                    "tips" => "tips-form@1",
                    _ => "letter-form@2",
                },
            );
            let is_fit = match axis {
                Axis::Consent => ["newsletter", "tips"].contains(purpose),
                Axis::Objection => *purpose == "winback",
                _ => true,
            };
            if world.subject(&name).is_some() && is_fit {
                let spoken = Spoken {
                    axis: *axis,
                    purpose: for_purpose.then_some(*purpose),
                    channel: (*axis == Axis::Permission).then_some("email"),
                    state: *state,
                    notice,
                    ..Spoken::default()
                };
                world.say(&name, &spoken, now);
            }
        }
    }
}

/// What the gate lets out of a subject for a purpose, asked value by value: the other way to the same end.
fn allowed(world: &World, subject: i64, purpose: &str, now: Moment) -> BTreeSet<String> {
    let (store, rules) = (&world.store, &world.rules);
    let rule = rules.rule(rules.purpose_code(purpose).unwrap()).unwrap();
    let records = open_records(store.conn(), store.words(), subject).unwrap();
    let history = History::load(store.conn(), subject).unwrap();
    let last_contact = last_contact(&records);
    let mut allowed = BTreeSet::new();
    for record in &records {
        let standing = history.standing_of(record.home, AsOf::at(now));
        let mut take = |purposes: i64, what: String, category: &str, observed_at| {
            let age = Some(Age { observed_at, last_contact });
            let question =
                Question { category: Some(category), age, ..Question::new(Direction::Out, now) };
            let is_open = decide(rules, rule, question, &standing).is_ok();
            if purposes & bit(rule.code) != 0 && is_open {
                allowed.insert(what);
            }
        };
        for value in record.values.iter().filter(|value| value.current) {
            let field = store.words().text(WordKind::Field, value.field);
            let category = match field {
                "attribute.seen" => "behaviour",
                "attribute.allergy" => "health",
                _ => "contact",
            };
            take(value.purposes, value.text.clone(), category, value.observed_at);
        }
        for event in open_events(store.conn(), store.words(), record).unwrap() {
            let category = if event.name == "look" { "behaviour" } else { "order" };
            let what = String::from_utf8(event.bytes).unwrap();
            take(event.purposes, what, category, event.at);
        }
    }
    allowed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Nothing that the gate refuses is in any answer, whatever was sent, said, joined and asked.
    #[test]
    fn no_answer_holds_what_the_gate_refuses(acts in prop::collection::vec(act(), 1..14)) {
        let mut world = World::under(&policy());
        for (n, act) in (1..).zip(&acts) {
            happen(&mut world, act, hour(n));
        }
        let now = hour(100);
        for who in 0..3 {
            let name = format!("email:mail{who}@x.example");
            for subject in world.subjects(&name) {
                let id = candor::profile::lookup::public_id(world.store.conn(), subject).unwrap();
                let id = candor::profile::merge::public_text(id);
                for purpose in PURPOSES {
                    let allowed = allowed(&world, subject, purpose, now);
                    let Some(context) = ask(&world, &id, purpose, now) else {
                        prop_assert!(allowed.is_empty(), "{purpose} knows nobody: {allowed:?}");
                        continue;
                    };
                    let Some(known) = &context.known else {
                        prop_assert!(allowed.is_empty(), "{purpose} is closed: {allowed:?}");
                        continue;
                    };
                    let told = document(known, &|record| format!("record {record}")).to_string();
                    for value in known.item().identifiers().chain(known.item().attributes()) {
                        prop_assert!(allowed.contains(&value.value), "{purpose} told {value:?}");
                    }
                    for done in known.item().events() {
                        let body = done.body.to_string();
                        let known = allowed.iter().filter_map(|text| serde_json::from_str(text).ok());
                        let mut known = known.map(|body: serde_json::Value| body.to_string());
                        prop_assert!(known.any(|other| other == body), "{purpose} told {done:?}");
                    }
                    // Nor does a word of it stand anywhere else in the answer.
                    for (_, _, text) in world.held() {
                        let is_word = !text.starts_with('{') && text.len() > 4;
                        let named = is_word && told.contains(&text) && !allowed.iter().any(|a| a.contains(&text));
                        prop_assert!(!named, "{purpose} says {text}: {told}");
                    }
                }
            }
        }
    }
}

/// An identifier is a value like any other: it leads to nobody for a purpose that may not know it.
#[test]
fn nobody_is_found_by_what_is_held_for_another_purpose() {
    let card = "card,at,looked_at,basket,cents,what\ncard-a,2026-01-03,,i-1,900,atlas\n";
    let mut world = World::under(&policy());
    world.import(
        "shop",
        "customer_id,at,name,email,card,optin,notice\n\
         a1,2026-01-02,Ann,ann@x.example,card-a,yes,letter-form@2\n",
        hour(1),
    );
    world.import("till", card, hour(1));
    let found =
        |world: &World, who: &str, purpose: &str| ask(world, who, purpose, hour(2)).is_some();
    assert!(found(&world, WHO, "newsletter") && found(&world, "card:card-a", "orders"));
    let id = public_text(numbers(world.store.conn(), "SELECT public_id FROM subject")[0]);
    let held = |world: &World, kind: &str, purpose: &str| {
        let context = ask(world, &id, purpose, hour(2)).unwrap();
        let known = context.known.unwrap();
        known.item().identifiers().any(|value| value.name == kind)
    };
    for (who, kind, purpose) in [
        ("card:card-a", "card", "newsletter"),
        (WHO, "email", "newsletter"),
        ("card:card-a", "card", "orders"),
        (WHO, "email", "orders"),
        // They know what was bought, and no name of anybody.
        ("card:card-a", "card", "books"),
        (WHO, "email", "books"),
    ] {
        let asked = found(&world, who, purpose);
        assert_eq!(asked, held(&world, kind, purpose), "{who} for {purpose}");
    }
    // Its time is over for one of them, or the gate says no: why is told to who might know it.
    say(&mut world, Axis::Restriction, None, ConsentState::Given);
    assert!(ask(&world, WHO, "newsletter", hour(2)).unwrap().known.is_none());
}
