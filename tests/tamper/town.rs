//! Two more sources of made-up people, whose records are linked: joins, questions, answers, relations; a link to
//! confirm by, and an audience.

// Each test program uses its own part of it.
#![allow(dead_code)]

use std::fmt::Write as _;
use std::path::Path;

use candor::base::clock::Moment;
use candor::linking::{self, review};
use candor::policy::rulebook::Rulebook;
use candor::store::{self, Access, Store};
use candor::subject::hold;
use candor::subject::request::{self, RequestKind};
use candor::verify::latest_checkpoint;
use candor::web::key::{self, Reach};
use candor::web::role::Role;
use candor::web::token;
use rusqlite::Connection;

use super::letters;
use super::small::{Small, at, bring, policy_of};

/// A source that sends by HTTP.
const SITE: &str = r#"
[source.site]
title = "The pages"
format = "tracking"
purposes = ["orders"]
[source.site.fields]
context = { as = "ignore" }
"#;

/// What the policy says beside what it said before.
const LINKING: &str = r#"
[purpose.one_town]
title = "Find out which records are one person's"
basis = "legitimate_interests"
assessment = "LIA-2018-01"
categories = ["contact", "birth"]
retention = "P15Y"
linking = true
"#;

/// A letter that asks for a confirmation by mail.
const CONFIRMED: &str = r#"
[purpose.town_letter]
title = "The town's letter"
basis = "consent"
channels = ["email"]
categories = ["contact"]
notice = "newsletter-form"
double_opt_in = true
retention = "P15Y"

[purpose.confirmations]
title = "Ask whether somebody who signed up meant it"
basis = "legitimate_interests"
assessment = "LIA-2018-02"
channels = ["email"]
categories = ["contact"]
retention = "P7D"

[source.form]
title = "The form of the town's letter"
key = "email"
purposes = ["town_letter", "confirmations"]
[source.form.fields]
email = { as = "identifier.email", category = "contact" }
[[source.form.consent]]
purpose = "town_letter"
channel = "email"
state = "requested"
notice = "newsletter-form@2"

[source.choices]
title = "The person's own page"
key = "email"
own = true
purposes = ["town_letter"]
[source.choices.fields]
email = { as = "identifier.email", category = "contact" }

[destination.asking]
recipient = "Our own mail server"
purpose = "confirmations"
channel = "email"
fields = ["email"]
country = "IE"
kind = "smtp"
[destination.asking.smtp]
host = "127.0.0.1"
port = 25
tls = "none"
from = "letters@ternandpine.example"
[[destination.asking.smtp.text]]
language = "en"
subject = "Please confirm"
text = "To confirm: {{ links.confirm }}"

[pages]
url = "https://me.ternandpine.example"
source = "choices"
confirm = "asking"
"#;

const FORM: &str = "email\nnewcomer@example.org\n";

const TOWN: &str = "title = \"Readers in Anytown\"\npurpose = \"newsletter\"\nchannel = \"email\"\n\
    [where]\nattribute = \"city\"\nis = \"Anytown\"\n";

const MOVED: &str = "crm_id,first_name,last_name,date_of_birth,gender,address,city,postcode,email,phone,\
    loyalty_id,created_at,newsletter_optin,newsletter_optin_at,newsletter_notice,diet_note\n\
    k1006,Rosa,Marín,1968-12-12,Female,\"9, the green\",Anytown,00000,rosa@example.net,2065550166,LC10000004,\
    2017-12-30T16:05:27Z,,,,\n";

const GIVEN: [&str; 12] = [
    "Anna", "Bruno", "Clara", "Daniel", "Edda", "Franz", "Greta", "Hugo", "Ines", "Jakob", "Karin",
    "Lukas",
];
const FAMILY: [&str; 10] = [
    "Lindqvist",
    "Okafor",
    "Brennan",
    "Petrenko",
    "Farrow",
    "Moreau",
    "Ziegler",
    "Whitby",
    "Nakamura",
    "Dubois",
];

/// People in households of two, each in both sources; some of them with little to compare.
const PEOPLE: usize = 42;

fn source(name: &str) -> String {
    format!(
        "\n[source.{name}]\ntitle = \"{name}\"\nkey = \"id\"\npurposes = [\"one_town\", \"orders\"]\n\
         [source.{name}.fields]\n\
         first = {{ as = \"attribute.first_name\", category = \"contact\" }}\n\
         last = {{ as = \"attribute.last_name\", category = \"contact\" }}\n\
         born = {{ as = \"attribute.date_of_birth\", category = \"birth\", type = \"date\" }}\n\
         street = {{ as = \"attribute.street\", category = \"contact\" }}\n\
         postcode = {{ as = \"attribute.postcode\", category = \"contact\" }}\n"
    )
}

fn row(n: usize, source: &str) -> String {
    let (given, house) = (GIVEN[n * 7 % 12], n / 2);
    let family = FAMILY[house * 3 % 10];
    let born = format!("19{:02}-{:02}-{:02}", 40 + n * 13 % 55, 1 + n % 12, 1 + n * 5 % 28);
    let street = format!("{} Quay {}", 1 + house * 7 % 90, house % 9);
    let postcode = format!("T{:02}", house % 60);
    let key = format!("{source}{n}");
    match (source, n % 7) {
        ("fair", 6) => format!("{key},{given},{family},,,"),
        ("fair", 3) => format!("{key},{given},{family},,{street},{postcode}"),
        ("fair", 1) => format!("{key},{given},{family},{born},,"),
        _ => format!("{key},{given},{family},{born},{street},{postcode}"),
    }
}

/// The small store with the town in it.
pub fn linked() -> Small {
    let mut small = Small::new();
    let mut store = Store::open(&small.path, Access::Write, "test").unwrap();
    letters::send(&mut store, at("2018-01-08T09:00:00Z"));
    link(&mut store, small.folder(), at("2018-01-08T10:00:00Z"));
    store.truncate_wal().unwrap();
    drop(store);
    small.note = latest_checkpoint(&small.path).unwrap().unwrap().into_bytes();
    small
}

/// Brings the town into a store, links it, and answers some of the questions.
pub fn link(store: &mut Store, folder: &Path, now: Moment) {
    let policy = policy_of(store);
    let text = format!("{policy}{LINKING}{}{}{SITE}{CONFIRMED}", source("club"), source("fair"));
    let checked = candor::policy::check(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    store.write(now, |writer| store::apply(writer, &text, &checked.policy)).unwrap();
    for name in ["club", "fair"] {
        let mut csv = "id,first,last,born,street,postcode\n".to_owned();
        for n in 0..PEOPLE {
            writeln!(csv, "{}", row(n, name)).unwrap();
        }
        let file = folder.join(format!("{name}.csv"));
        std::fs::write(&file, csv).unwrap();
        bring(store, &file, name, now);
    }
    // Somebody has another address since.
    let file = folder.join("moved.csv");
    std::fs::write(&file, MOVED).unwrap();
    bring(store, &file, "crm", now);
    let file = folder.join("form.csv");
    std::fs::write(&file, FORM).unwrap();
    bring(store, &file, "form", now);
    let asked = "SELECT COUNT(*) FROM opt_in";
    let asked: i64 = store.conn().query_row(asked, [], |row| row.get(0)).unwrap();
    assert_eq!(asked, 1, "a link to confirm by waits");
    let rules = store::latest(store.conn(), store.words()).unwrap();
    candor::segment::desk::define(store, &rules, "town", TOWN, now).unwrap();
    let done = linking::run(store, &rules, now).unwrap();
    assert!(done.joined > 0 && done.asked > 4 && done.related > 0, "{done:?}");
    use review::Answer::{Different, Later, Related, Same};
    for answer in [Same, Different, Related, Later] {
        let question = review::queue(store, &rules, now).unwrap()[0].question;
        review::answer(store, &rules, question, answer, now).unwrap();
    }
    let waiting = |conn: &Connection| -> i64 {
        let query = "SELECT COUNT(*) FROM question WHERE state = 2";
        conn.query_row(query, [], |row| row.get(0)).unwrap()
    };
    assert!(waiting(store.conn()) > 1, "some questions stay open");
    hold_and_let_in(store, &rules, now);
}

/// Holds what a claim needs of somebody, lifts another hold, and makes two keys that send data in and two tokens
/// that ask, one of which each is revoked.
fn hold_and_let_in(store: &mut Store, rules: &Rulebook, now: Moment) {
    let one = |store: &Store, order: &str| -> i64 {
        let query = format!(
            "SELECT r.subject FROM record r JOIN subject s ON s.id = r.subject JOIN value v ON v.record = r.id
             WHERE s.state = 2 AND v.state = 2 ORDER BY r.id {order} LIMIT 1"
        );
        store.conn().query_row(&query, [], |row| row.get(0)).unwrap()
    };
    let (held, lifted) = (one(store, "DESC"), one(store, "ASC"));
    for subject in [held, lifted] {
        let categories = ["contact".to_owned()];
        let wanted = hold::Wanted { because: "claim 7", categories: &categories, until: None };
        store.write(now, |writer| hold::set(writer, rules, subject, &wanted)).unwrap();
    }
    store.write(now, |writer| hold::lift(writer, rules, lifted)).unwrap();
    // Somebody asks by the page of their own, and waits for the answer.
    let of = "SELECT MAX(id) FROM record WHERE subject = $1";
    let record: i64 = store.conn().query_row(of, [held], |row| row.get(0)).unwrap();
    store.write(now, |writer| request::open(writer, rules, record, RequestKind::Access)).unwrap();
    for (label, reach) in [("shop-web", Reach::Public), ("shop-server", Reach::Server)] {
        let wanted = key::Wanted { source: "site", label, reach, expires: None };
        key::add(store, now, &wanted).unwrap();
    }
    key::revoke(store, now, 1).unwrap();
    let purposes = ["orders".to_owned()];
    for (role, purposes) in [(Role::System, &purposes[..]), (Role::Dpo, &[])] {
        let wanted =
            token::Wanted { role, label: role.word(), purposes, destination: None, expires: None };
        token::add(store, now, &wanted).unwrap();
    }
    token::revoke(store, now, 1).unwrap();
}
