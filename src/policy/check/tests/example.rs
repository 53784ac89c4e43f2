//! The worked example: what it says is what is read.

use std::collections::BTreeMap;

use super::{example, line_of};
use crate::policy::check::check;
use crate::policy::types::{
    Basis, ConsentMap, FieldMap, IdentifierForm, Policy, RetentionFrom, Take, Target, ValueType,
    Winner,
};

fn policy() -> Policy {
    check(&example()).unwrap_or_else(|found| panic!("{}", found[0])).policy
}

fn field(from: &str) -> Take {
    Take::Field { from: from.to_owned(), values: BTreeMap::new() }
}

fn mapped(from: &str, values: &[(&str, &str)]) -> Take {
    let values = values.iter().map(|(is, means)| ((*is).to_owned(), (*means).to_owned()));
    Take::Field { from: from.to_owned(), values: values.collect() }
}

fn fixed(text: &str) -> Take {
    Take::Fixed(text.to_owned())
}

#[test]
fn has_exactly_one_warning() {
    let text = example();
    let warnings = check(&text).expect("it has no mistakes").warnings;
    let told: Vec<_> = warnings.iter().map(|w| (w.code, w.path.as_str(), w.line)).collect();
    let line = line_of(&text, "diet_note");
    assert_eq!(told, [("category-not-covered", "source.crm.fields.diet_note", line)]);
}

#[test]
fn says_who_answers_and_what_for() {
    let policy = policy();
    assert_eq!(policy.controller.name, "Tern & Pine");
    assert_eq!(policy.controller.dpo.as_deref(), Some("dpo@ternandpine.example"));
    assert!(policy.purposes.values().all(|purpose| purpose.subjects.is_some()), "Art 30(1)(c)");
    let names: Vec<&String> = policy.purposes.keys().collect();
    assert_eq!(
        names,
        [
            "bookkeeping",
            "newsletter",
            "one_profile",
            "orders",
            "personalisation",
            "post_offers",
            "support"
        ]
    );
    let newsletter = &policy.purposes["newsletter"];
    assert_eq!(newsletter.basis, Basis::Consent);
    assert_eq!(newsletter.channels, ["email"]);
    assert_eq!(newsletter.notice.as_deref(), Some("newsletter-form"));
    assert_eq!(newsletter.retention.months, 180);
    assert_eq!(newsletter.retention.from, RetentionFrom::LastContact);
    assert!(newsletter.marketing && !newsletter.profiling && !newsletter.explicit);
    assert_eq!(newsletter.keeps_on_erasure, None);
    let books = &policy.purposes["bookkeeping"];
    assert_eq!(books.retention.from, RetentionFrom::Observed);
    assert_eq!(books.keeps_on_erasure.as_deref(), Some("17(3)(b)"), "by default");
    assert!(policy.purposes["personalisation"].profiling);
    let linking: Vec<_> = policy.purposes.iter().filter(|(_, purpose)| purpose.linking).collect();
    assert!(linking.len() == 1 && linking[0].0 == "one_profile");
    let versions: Vec<u32> =
        policy.notices["newsletter-form"].versions.iter().map(|v| v.version).collect();
    assert_eq!(versions, [1, 2, 3]);
    assert!(policy.categories["diet"].special && !policy.categories["contact"].special);
}

#[test]
fn says_what_joins_records_and_what_profiles_show() {
    let policy = policy();
    let email = &policy.identifiers["email"];
    assert_eq!((email.links, email.form, email.max_records), (true, IdentifierForm::Email, 3));
    assert_eq!(email.unless_differ, ["first_name"]);
    assert_eq!(email.ignore.len(), 3);
    let card = &policy.identifiers["loyalty_card"];
    assert_eq!((card.links, card.form, card.max_records), (true, IdentifierForm::Text, 2));
    assert_eq!(policy.profile.winner, Winner::Newest);
    assert_eq!(policy.profile.priority, ["web", "crm", "store", "support"]);
}

#[test]
fn says_what_sources_send() {
    let policy = policy();
    assert_eq!(policy.sources.len(), 7);
    let crm = &policy.sources["crm"];
    assert_eq!(crm.key, "crm_id");
    assert_eq!(crm.observed, Some(field("created_at")));
    assert_eq!(crm.fields.len(), 11);
    assert_eq!(
        crm.fields[2],
        FieldMap {
            take: field("date_of_birth"),
            target: Target::Attribute("date_of_birth".into()),
            category: "birth".into(),
            value_type: ValueType::Date,
            dates: Vec::new(),
            verified: None,
        },
        "in the order of the file"
    );
    assert_eq!((&crm.fields[3].target, crm.fields[3].category.as_str()), (&Target::Ignore, ""));
    let web = &policy.sources["web"];
    assert!(web.own && !web.indirect);
    assert_eq!(web.fields[0].take, field("profile.firstName"), "quoted paths are one name");
    let store = &policy.sources["store"];
    assert_eq!(store.dates, ["%d.%m.%Y %H:%M"]);
    assert_eq!(store.timezone.as_deref(), Some("America/Los_Angeles"));
}

#[test]
fn says_what_consents_are_carried() {
    let policy = policy();
    assert_eq!(
        policy.sources["crm"].consents,
        [ConsentMap {
            purpose: fixed("newsletter"),
            channel: Some(fixed("email")),
            state: mapped("newsletter_optin", &[("yes", "given"), ("no", "refused")]),
            at: Some(field("newsletter_optin_at")),
            notice: Some(field("newsletter_notice")),
            notice_version: None,
            language: None,
            method: Some(fixed("checkbox")),
            confirmed_at: None,
            explicit: false,
        }]
    );
    let web = &policy.sources["web"].consents;
    assert_eq!(web.len(), 2);
    assert_eq!(web[0].confirmed_at, Some(field("double_opt_in_at")));
    assert_eq!(
        web[0].state,
        mapped("consents.newsletter", &[("true", "given"), ("false", "refused")])
    );
    assert_eq!(web[1].channel, None);
    assert_eq!(policy.sources["preferences"].consents[0].purpose, field("purpose"));
}

#[test]
fn says_what_events_are_carried_and_who_gets_what() {
    let policy = policy();
    let order = &policy.sources["till"].events[0];
    assert_eq!((order.name.as_str(), order.grouped), ("order", true));
    assert_eq!(order.id, Some(field("basket")));
    assert_eq!(order.amount, Some(field("cents")));
    assert_eq!(order.currency.as_deref(), Some("EUR"));
    assert_eq!(order.properties["place"], fixed("till"));
    assert_eq!(order.lines.len(), 5);
    let ticket = &policy.sources["support"].events[0];
    assert!(!ticket.grouped && ticket.lines.is_empty());
    let mailer = &policy.destinations["mailer"];
    assert_eq!(mailer.fields, ["email", "first_name"]);
    assert_eq!((mailer.channel.as_deref(), mailer.safeguards.as_ref()), (Some("email"), None));
    assert_eq!(policy.destinations.len(), 2);
}
