//! The gate's table: each basis in each situation, and each reason reached.

use std::collections::BTreeSet;

use crate::common::{Heard, World, hour};
use candor::base::clock::Moment;
use candor::consent::desk::Spoken;
use candor::consent::fold::{ConsentStanding, Standing};
use candor::consent::gate::{Direction, Question, Reason, decide};
use candor::consent::statement::{Axis, Statement};
use candor::policy::rulebook::bit;
use candor::policy::types::ConsentState::{
    self, Expired, Given, Invalidated, Refused, Requested, Withdrawn,
};
use candor::send::audience;

/// One purpose for each lawful basis, and three more kinds of consent.
pub const POLICY: &str = r#"
[controller]
name = "Gate"
country = "IE"
timezone = "Europe/Dublin"
contact = "privacy@gate.example"
[category.plain]
[category.other]
[category.health]
special = true
[notice.form]
[[notice.form.version]]
version = 1
language = "en"
text = "One."
[[notice.form.version]]
version = 2
language = "en"
text = "Two."
material = true
[purpose.consent]
basis = "consent"
categories = ["plain"]
retention = "P1Y"
notice = "form"
channels = ["email"]
[purpose.contract]
basis = "contract"
categories = ["plain"]
retention = "P1Y"
channels = ["email"]
[purpose.legal]
basis = "legal_obligation"
law = "A law"
categories = ["plain"]
retention = "P1Y"
channels = ["email"]
[purpose.vital]
basis = "vital_interests"
categories = ["plain"]
retention = "P1Y"
channels = ["email"]
[purpose.public]
basis = "public_task"
law = "A law"
categories = ["plain"]
retention = "P1Y"
channels = ["email"]
[purpose.interests]
basis = "legitimate_interests"
assessment = "LIA-1"
marketing = true
categories = ["plain"]
retention = "P1Y"
channels = ["email", "post"]
[purpose.explicit]
basis = "consent"
explicit = true
categories = ["plain"]
retention = "P1Y"
notice = "form"
[purpose.double]
basis = "consent"
double_opt_in = true
categories = ["plain"]
retention = "P1Y"
notice = "form"
[purpose.expiring]
basis = "consent"
consent_expires = "P1D"
categories = ["plain"]
retention = "P1Y"
notice = "form"
[identifier.email]
form = "email"
[source.any]
key = "id"
purposes = ["consent", "contract"]
[source.any.fields]
email = { as = "identifier.email", category = "plain" }
"#;

const BASES: [&str; 6] = ["consent", "contract", "legal", "vital", "public", "interests"];

fn said(state: ConsentState, notice_version: u32) -> ConsentStanding {
    let by = Statement {
        n: 1,
        home: 1,
        record: 1,
        axis: Axis::Consent,
        purpose: 1,
        channel: 1,
        state,
        explicit: false,
        confirmed: false,
        own: false,
        source: 1,
        notice_version,
        every_days: 0,
        valid_at: hour(0),
        recorded_at: hour(0),
    };
    ConsentStanding::new(state, by)
}

/// Where a person stands who said something about a purpose.
fn spoken(world: &World, purpose: &str, consent: ConsentStanding) -> Standing {
    let code = world.rules.purpose_code(purpose).unwrap();
    let rule = world.rules.rule(code).unwrap();
    let channels = if rule.channels.is_empty() { vec![0] } else { rule.channels.clone() };
    let consents = channels.into_iter().map(|channel| ((code, channel), consent)).collect();
    Standing { consents, ..Standing::default() }
}

fn ask(
    world: &World,
    purpose: &str,
    direction: Direction,
    channel: Option<&str>,
    category: Option<&str>,
    at: Moment,
    standing: &Standing,
) -> &'static str {
    let rule = world.rules.rule(world.rules.purpose_code(purpose).unwrap()).unwrap();
    let channel = channel.map(|name| world.rules.channel_code(name).unwrap());
    let question = Question { channel, category, ..Question::new(direction, at) };
    match decide(&world.rules, rule, question, standing) {
        Ok(_) => "yes",
        Err(reason) => reason.code(),
    }
}

#[test]
fn six_bases_in_every_situation() {
    let world = World::under(POLICY);
    let objected = |purpose: &str| Standing {
        objections: bit(world.rules.purpose_code(purpose).unwrap()),
        ..Standing::default()
    };
    let email = world.rules.channel_code("email").unwrap();
    // By hand from the articles: Art 18(2) forbids a restriction's data every use that a law doesn't
    // demand, "with the exception of storage"; Art 21 stops all but legal obligations here; only
    // consent needs consent.
    let table: [(&str, [&str; 6]); 7] = [
        ("nothing said", ["consent_unknown", "yes", "yes", "yes", "yes", "yes"]),
        ("yes said", ["yes", "yes", "yes", "yes", "yes", "yes"]),
        (
            "restricted",
            ["restricted", "restricted", "yes", "restricted", "restricted", "restricted"],
        ),
        ("objected", ["objected", "objected", "yes", "objected", "objected", "objected"]),
        ("erased", ["suppressed"; 6]),
        ("other category", ["category_not_covered"; 6]),
        ("before it was declared", ["purpose_declared_later"; 6]),
    ];
    for (situation, expected) in table {
        for (purpose, expected) in BASES.into_iter().zip(expected) {
            let (mut category, mut at) = ("plain", hour(1));
            let standing = match situation {
                "yes said" => spoken(&world, purpose, said(Given, 2)),
                "restricted" => Standing { restricted: true, ..Standing::default() },
                "objected" => objected(purpose),
                "erased" => {
                    Standing { suppressed: true, ..spoken(&world, purpose, said(Given, 2)) }
                }
                _ => Standing::default(),
            };
            match situation {
                "other category" => category = "other",
                "before it was declared" => at = hour(-1),
                _ => {}
            }
            for direction in [Direction::In, Direction::Use] {
                let stored = situation == "restricted" && direction == Direction::In;
                let expected = match purpose {
                    "consent" if stored => "consent_unknown",
                    _ if stored => "yes",
                    _ => expected,
                };
                let found = ask(&world, purpose, direction, None, Some(category), at, &standing);
                assert_eq!(found, expected, "{purpose}: {situation}");
            }
        }
    }
    // On the way out the channel is asked for too; only marketing needs a permission of its own.
    let permission = |permitted| Standing {
        permissions: [(email, permitted)].into(),
        ..spoken(&world, "consent", said(Given, 2))
    };
    let out = [
        (
            Standing::default(),
            ["consent_unknown", "yes", "yes", "yes", "yes", "channel_not_permitted"],
        ),
        (permission(true), ["yes"; 6]),
        (permission(false), ["channel_denied"; 6]),
    ];
    for (standing, expected) in out {
        for (purpose, expected) in BASES.into_iter().zip(expected) {
            let found =
                ask(&world, purpose, Direction::Out, Some("email"), None, hour(1), &standing);
            assert_eq!(found, expected, "{purpose} out: {standing:?}");
        }
    }
    let post =
        ask(&world, "consent", Direction::Out, Some("post"), None, hour(1), &permission(true));
    assert_eq!(post, "channel_not_of_purpose");
}

/// Art 18(2): "with the exception of storage". What comes in is kept, nothing is sent, and nothing of
/// it is called unlawful afterwards.
#[test]
fn what_is_restricted_is_stored_and_nothing_else() {
    let mut world = World::new();
    let shop = |name: &str, day: u8| {
        format!(
            "customer_id,at,name,email,optin,notice\n\
             c1,2026-01-0{day},{name},ann@x.example,yes,letter-form@1\n"
        )
    };
    world.import("shop", &shop("Ann", 4), hour(1));
    let restricted = Spoken { axis: Axis::Restriction, state: Given, ..Spoken::default() };
    world.say("email:ann@x.example", &restricted, hour(2));
    world.import("shop", &shop("Anne", 5), hour(30));
    let held = world.held();
    assert!(held.iter().any(|(_, _, text)| text == "Anne"), "stored: {held:?}");
    let sent = audience(&world.store, &world.rules, "mailer", hour(31)).unwrap();
    assert!(sent.permitted.is_empty(), "and not used");
    assert_eq!(sent.withheld, [("restricted", 1)].into());
    let asked = candor::audit::unlawful::unlawful(&world.store, None, hour(32)).unwrap();
    assert!(asked.is_clean() && asked.before_known.is_empty(), "{asked:?}");
}

#[test]
fn each_kind_of_consent_has_its_own_no() {
    let world = World::under(POLICY);
    let confirmed = |mut c: ConsentStanding| {
        c.by.confirmed = true;
        c.alone()
    };
    let explicit = |mut c: ConsentStanding| {
        c.by.explicit = true;
        c.alone()
    };
    for (purpose, consent, hours, expected) in [
        ("consent", said(Given, 2), 1, "yes"),
        ("consent", said(Given, 1), 1, "consent_renewal_due"),
        ("consent", said(Requested, 2), 1, "consent_requested"),
        ("consent", said(Refused, 2), 1, "consent_refused"),
        ("consent", said(Withdrawn, 2), 1, "consent_withdrawn"),
        ("consent", said(Expired, 2), 1, "consent_expired"),
        ("consent", said(Invalidated, 2), 1, "consent_invalidated"),
        ("explicit", said(Given, 2), 1, "consent_not_explicit"),
        ("explicit", explicit(said(Given, 2)), 1, "yes"),
        ("double", said(Given, 2), 1, "consent_requested"),
        ("double", confirmed(said(Given, 2)), 1, "yes"),
        ("expiring", said(Given, 2), 23, "yes"),
        ("expiring", said(Given, 2), 24, "consent_expired"),
    ] {
        let standing = spoken(&world, purpose, consent);
        let found = ask(&world, purpose, Direction::Use, None, None, hour(hours), &standing);
        assert_eq!(found, expected, "{purpose} after {hours} h: {consent:?}");
    }
}

/// Reasons that an import meets, beside those that the tables above hold.
#[test]
fn every_other_reason_is_reached_by_an_import() {
    let mut world = World::new();
    let mut heard = Heard::default();
    let shop = "customer_id,at,name,email,allergy,seen,born,title,strange,optin,notice\n\
        c1,2026-01-04,Ann,a@x.example,nuts,yes,not-a-date,q,?,,\n\
        c2,2026-01-04,Bob,none@none,nuts,yes,2001-01-01,m,?,yes,\n\
        c3,2026-01-04,Cleo,c@x.example,,,,,,yes,letter-form@9\n\
        ,2026-01-04,Nobody,,,,,,,,\n";
    world.import_heard("shop", shop, hour(1), &mut heard);
    world.erase("email:a@x.example", hour(2));
    world.import_heard("shop", shop, hour(3), &mut heard);
    let found: BTreeSet<&str> = heard.reasons.keys().map(|(_, reason)| *reason).collect();
    for reason in [
        Reason::SpecialCategory,
        Reason::SourceNotForPurpose,
        Reason::UnknownValue,
        Reason::NoSubject,
        Reason::ConsentWithoutNotice,
        Reason::ConsentUnknownNotice,
        Reason::Suppressed,
    ] {
        assert!(found.contains(reason.code()), "{} not among {found:?}", reason.code());
    }
    // A column that nobody names is counted by column, at the end.
    let stripped = world.import("shop", &shop.replace("Cleo", "Clea"), hour(4)).summary.stripped;
    assert!(stripped["strange"].contains_key(Reason::UnknownField.code()));
}

#[test]
fn every_reason_has_words_law_and_a_code_of_its_own() {
    let codes: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert!(reason.words().len() > 20 && !reason.law().is_empty(), "{reason:?}");
        assert!(reason.code().chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    }
}
