//! What an import remembers of the gate's answers is what the gate would say: until the moment that
//! `steady_until` names, time alone changes nothing; and what is said or joined in one row decides over
//! the next, as if each row came in a file of its own.

use candor::base::clock::Moment;
use candor::consent::answers::{Answers, steady_until};
use candor::consent::fold::{AsOf, Home, Joined};
use candor::consent::history::History;
use candor::consent::statement::{Axis, Statement};
use candor::policy::rulebook::Rulebook;
use candor::policy::types::ConsentState;
use proptest::prelude::*;

use crate::common::{Heard, World, hour};
use crate::gate_table::POLICY;

fn answers(rules: &Rulebook, history: &History, home: i64, at: Moment) -> (Answers, Moment) {
    let standing = history.standing_of(home, AsOf::at(at));
    let until = steady_until(rules, history, &standing, at);
    (Answers::of(rules, &standing, at), until)
}

fn statement(expiring: u8) -> impl Strategy<Value = Statement> {
    let purposes = prop_oneof![1..10_u8, Just(expiring)];
    let states = prop::sample::select(vec![
        ConsentState::Requested,
        ConsentState::Given,
        ConsentState::Given,
        ConsentState::Refused,
        ConsentState::Withdrawn,
    ]);
    let axes = prop::sample::select(vec![
        Axis::Consent,
        Axis::Consent,
        Axis::Objection,
        Axis::Restriction,
    ]);
    ((1..3_i64, axes, purposes, states), (any::<[bool; 3]>(), 0..3_u32, -10..80_i64, 0..20_i64))
        .prop_map(|((home, axis, purpose, state), (flags, notice_version, valid, recorded))| {
            Statement {
                n: 0,
                home,
                record: home,
                axis,
                purpose,
                channel: 0,
                state,
                explicit: flags[0],
                confirmed: flags[1],
                own: flags[2],
                source: 1,
                notice_version,
                every_days: 0,
                valid_at: hour(valid),
                recorded_at: hour(recorded),
            }
        })
}

#[test]
fn answers_hold_until_the_moment_that_is_named() {
    let world = World::under(POLICY);
    let expiring = world.rules.purpose_code("expiring").unwrap();
    let cases = (
        prop::collection::vec(statement(expiring), 0..8),
        prop::option::of(0..20_i64),
        20..60_i64,
        prop::collection::vec(0..90_i64, 8),
    );
    proptest!(|((mut statements, joined, asked, later) in cases)| {
        for (n, statement) in (1..).zip(&mut statements) {
            statement.n = n;
        }
        let joined = joined.map(|hours| Joined { at: hour(hours), entry: 3 });
        let homes = vec![Home { id: 1, moves: Vec::new() }, Home { id: 2, moves: joined.into_iter().collect() }];
        let history = History { statements, homes };
        for home in [1, 2] {
            let (remembered, until) = answers(&world.rules, &history, home, hour(asked));
            for at in later.iter().map(|hours| hour(asked + hours)).filter(|at| *at < until) {
                let (now, _) = answers(&world.rules, &history, home, at);
                prop_assert_eq!(&remembered, &now);
            }
            // And not a moment too early, or nothing would ever be remembered.
            let said = history.statements.iter().any(|s| s.valid_at > hour(asked));
            let expires = history.statements.iter().any(|s| s.purpose == expiring);
            prop_assert!(said || expires || until == Moment::FOREVER);
        }
    });
}

/// People whose looks are kept only while they consent, and who can be told to be one by an address: they
/// all bear one name, so that an address that goes from one to the other makes them one.
const WEB: &str = r#"
[controller]
name = "Web"
country = "IE"
timezone = "Europe/Dublin"
contact = "privacy@web.example"
[category.contact]
[category.behaviour]
[notice.form]
[[notice.form.version]]
version = 1
language = "en"
text = "May we?"
[purpose.account]
basis = "contract"
categories = ["contact"]
retention = "P50Y"
[purpose.tips]
basis = "consent"
categories = ["behaviour"]
notice = "form"
retention = "P50Y"
[identifier.email]
form = "email"
max_records = 2
unless_differ = ["name"]
[source.web]
key = "id"
observed = { from = "at" }
purposes = ["account", "tips"]
[source.web.fields]
name = { as = "attribute.name", category = "contact" }
email = { as = "identifier.email", category = "contact" }
[[source.web.consent]]
purpose = "tips"
state = { from = "optin", values = { yes = "given", out = "withdrawn" } }
notice = "form@1"
[[source.web.event]]
name = "look"
category = "behaviour"
id = { from = "look" }
at = { from = "looked_at" }
properties = { look = { from = "look" } }
"#;

/// A row of the web source: who, what they say, whether they look, and their address.
type Row = (usize, &'static str, bool, Option<usize>);

/// What came of the rows: how many events came in, and which reasons were given how often. All rows in
/// one file, and each in a file of its own.
fn together_and_alone(rows: &[Row]) -> [(u64, Heard); 2] {
    const HEADER: &str = "id,at,name,optin,email,look,looked_at\n";
    let line = |(number, (person, optin, looks, email)): (i64, &Row)| {
        let at = hour(number - 50);
        let look = if *looks { format!("l{number},{at}") } else { ",".to_owned() };
        let email = email.map(|e| format!("e{e}@web.example")).unwrap_or_default();
        format!("p{person},{at},Fox,{optin},{email},{look}\n")
    };
    let lines: Vec<String> = (1..).zip(rows).map(line).collect();
    [vec![lines.concat()], lines].map(|files| {
        let (mut world, mut heard, mut admitted) = (World::under(WEB), Heard::default(), 0);
        for file in files {
            let file = format!("{HEADER}{file}");
            admitted += world.import_heard("web", &file, hour(1), &mut heard).summary.events_new;
        }
        (admitted, heard)
    })
}

#[test]
fn a_row_decides_over_the_next_as_if_each_came_alone() {
    let row = (
        0..3_usize,
        prop::sample::select(vec!["", "", "", "yes", "out"]),
        any::<bool>(),
        prop::option::weighted(0.3, 0..2_usize),
    );
    proptest!(ProptestConfig::with_cases(48), |(rows in prop::collection::vec(row, 1..14))| {
        let [(one, heard_together), (other, heard_alone)] = together_and_alone(&rows);
        prop_assert_eq!(one, other);
        prop_assert_eq!(&heard_together.reasons, &heard_alone.reasons);
    });
}

#[test]
fn a_row_that_joins_two_people_decides_over_the_next() {
    let rows = [
        (0, "yes", true, Some(0)),
        (1, "out", false, Some(1)),
        // Remembered: this one may be kept.
        (0, "", true, None),
        // They are one person, who said no.
        (1, "", false, Some(0)),
        (0, "", true, None),
    ];
    for (admitted, heard) in together_and_alone(&rows) {
        assert_eq!(admitted, 2);
        assert_eq!(heard.reasons.get(&("look".to_owned(), "consent_withdrawn")), Some(&1));
    }
}
