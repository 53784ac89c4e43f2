//! Reports against stores whose answers are known, and against a naive second opinion.

use std::collections::BTreeSet;

use candor::audit::consent::consent;
use candor::audit::retention::retention;
use candor::audit::unlawful::{Finding, unlawful};
use candor::audit::{self, NAMES, Question, Verdict};
use candor::base::clock::Moment;
use candor::collect::{Progress, Reject};
use candor::consent::desk::{self, Spoken};
use candor::consent::fold::AsOf;
use candor::consent::gate::{Direction, Question as Asked, decide};
use candor::consent::history::History;
use candor::pipeline::ask::Explanation;
use candor::pipeline::import::{Carry as ImportCarry, Listener, Request, import};
use candor::policy::check::check;
use candor::policy::types::ConsentState;
use candor::profile::merge::{self, Decider};
use candor::profile::then::Then;
use candor::profile::{lookup, read};
use candor::store::{self, Creation, Store, WordKind};
use candor::subject::retain::{Carry, run as retain};
use candor::subject::state;
use proptest::prelude::*;

const POLICY: &str = r#"
[controller]
name = "Tern & Pine"
country = "IE"
timezone = "Europe/Dublin"
contact = "privacy@ternandpine.example"

[category.contact]
title = "Name and addresses"

[category.order]
title = "What was bought"

[notice.form]
[[notice.form.version]]
version = 1
language = "en"
text = "May we write to you?"

[purpose.orders]
title = "Deliver what was ordered"
basis = "contract"
categories = ["contact", "order"]
retention = "P2Y"

[purpose.newsletter]
title = "A monthly letter"
basis = "consent"
channels = ["email"]
categories = ["contact"]
notice = "form"
retention = "P1Y"

[source.crm]
title = "Customer list"
key = "id"
observed = { from = "at" }
purposes = ["orders", "newsletter"]
[source.crm.fields]
email = { as = "identifier.email", category = "contact" }
city = { as = "attribute.city", category = "contact" }
[[source.crm.consent]]
purpose = "newsletter"
channel = "email"
state = { from = "optin", values = { yes = "given", no = "refused" } }
at = { from = "at" }
notice = "form@1"
method = "checkbox"
[[source.crm.event]]
name = "order"
category = "order"
id = { from = "order" }
at = { from = "at" }

[identifier.email]
form = "email"
max_records = 3

[destination.mailer]
recipient = "Letterbox Ltd, Dublin"
purpose = "newsletter"
channel = "email"
fields = ["email"]
"#;

struct Silent;

impl Listener for Silent {
    fn progress(&mut self, _: Progress) {}
    fn reject(&mut self, reject: &Reject, _: Option<&[u8]>) -> candor::base::error::Result<()> {
        panic!("every row of these tests can be read: {:?}", reject.reason)
    }
    fn explain(&mut self, _: Explanation) {}
}

/// A store that is fed row by row, with a clock of its own.
struct Shop {
    folder: tempfile::TempDir,
    store: Store,
    files: u32,
}

fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

impl Shop {
    fn new() -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let now = moment("2024-01-01");
        let creation = Creation { path: &path, origin: Some("shop.example"), now, actor: "test" };
        let mut store = Store::create(&creation).unwrap();
        let checked = check(POLICY).unwrap();
        store.write(now, |writer| store::apply(writer, POLICY, &checked.policy)).unwrap();
        Shop { folder, store, files: 0 }
    }

    fn import(&mut self, now: Moment, rows: &[String]) {
        self.files += 1;
        let path = self.folder.path().join(format!("{}.csv", self.files));
        std::fs::write(&path, format!("id,email,city,optin,order,at\n{}\n", rows.join("\n")))
            .unwrap();
        let request = Request { path: &path, source: "crm", carry: ImportCarry::Out };
        import(&mut self.store, &request, &|| now, &mut Silent).unwrap();
    }

    fn subject(&self, who: &str) -> i64 {
        let rules = store::latest(self.store.conn(), self.store.words()).unwrap();
        read::find_one(self.store.conn(), self.store.secret(), &rules.policy, who).unwrap()
    }

    /// Records a word on the newsletter without forgetting anything by it.
    fn say(&mut self, who: i64, state: ConsentState, at: Moment, now: Moment) {
        let rules = store::latest(self.store.conn(), self.store.words()).unwrap();
        let spoken = Spoken {
            purpose: Some("newsletter"),
            state,
            notice: Some("form@1"),
            ..Spoken::default()
        };
        let statements = desk::statements(&rules, &spoken, at).unwrap();
        self.store.write(now, |writer| desk::record(writer, who, &statements)).unwrap();
    }

    fn sql(&self, statement: &str) {
        let path = self.store.path();
        rusqlite::Connection::open(path).unwrap().execute_batch(statement).unwrap();
    }
}

fn ann(optin: &str, at: &str) -> String {
    format!("1,ann@example.com,Cork,{optin},o1,{at}")
}

fn question(as_of: Moment) -> Question {
    Question { as_of, from: None, to: None, who: None }
}

const LATER: &str = "2024-12-01";

/// An erasure takes the row of a disclosure; the entry still counts it, and both are told.
#[test]
fn what_went_out_stays_counted_after_an_erasure() {
    let mut shop = Shop::new();
    let people = [("1", "ann"), ("2", "ben"), ("3", "cora")]
        .map(|(id, name)| format!("{id},{name}@example.com,Cork,yes,o{id},2025-06-01"));
    shop.import(moment("2025-06-02"), &people);
    let to = shop.folder.path().join("sent.csv");
    let rules = store::latest(shop.store.conn(), shop.store.words()).unwrap();
    let sent = candor::send::push(&mut shop.store, &rules, "mailer", &to, moment("2025-07-01"));
    let sent = sent.unwrap().sent;
    assert_eq!(sent, 3);
    let told = |shop: &Shop, name: &str, as_of: &str| {
        let report = audit::report(&shop.store, name, &question(moment(as_of))).unwrap();
        (report.rows, report.document.to_text(None))
    };
    let before = told(&shop, "disclosures", "2025-07-02").0;
    let erased = rows_of_disclosed(&shop)[0];
    candor::subject::erase::erase(&mut shop.store, &rules, erased, moment("2025-07-03")).unwrap();
    for as_of in ["2025-07-02", "2025-07-04"] {
        let (rows, text) = told(&shop, "disclosures", as_of);
        assert_eq!(rows["sent"][0]["people"], before["sent"][0]["people"]);
        assert_eq!(rows["sent"][0]["erased_since"], 1);
        assert!(text.contains(&format!("{sent} (1 erased since)")), "{text}");
        let (rows, _) = told(&shop, "ropa", as_of);
        let activities = rows["activities"].as_array().unwrap();
        let recipient = activities.iter().find_map(|a| a["recipients"].get(0)).unwrap();
        assert_eq!(
            (&recipient["disclosures"], &recipient["erased_since"]),
            (&sent.into(), &1.into())
        );
    }
    // Of a run of which everybody is erased the entry is all there is.
    for subject in rows_of_disclosed(&shop) {
        candor::subject::erase::erase(&mut shop.store, &rules, subject, moment("2025-07-05"))
            .unwrap();
    }
    let (rows, _) = told(&shop, "disclosures", "2025-07-06");
    assert_eq!(
        (&rows["sent"][0]["people"], &rows["sent"][0]["erased_since"]),
        (&sent.into(), &sent.into())
    );
}

/// What was erased since can't be decided again, and no report calls it in order.
#[test]
fn what_was_erased_since_is_counted_and_not_called_in_order() {
    let mut shop = Shop::new();
    let people = [("1", "ann"), ("2", "ben"), ("3", "cora")]
        .map(|(id, name)| format!("{id},{name}@example.com,Cork,yes,o{id},2025-06-01"));
    shop.import(moment("2025-06-02"), &people);
    let to = shop.folder.path().join("sent.csv");
    let rules = store::latest(shop.store.conn(), shop.store.words()).unwrap();
    candor::send::push(&mut shop.store, &rules, "mailer", &to, moment("2025-07-01")).unwrap();
    let told = |shop: &Shop, name: &str, as_of: &str| {
        let report = audit::report(&shop.store, name, &question(moment(as_of))).unwrap();
        (report.rows, report.document.to_text(None), report.document.to_csv())
    };
    let (before, ..) = told(&shop, "consent", "2025-07-02");
    let (rows, text, csv) = told(&shop, "unlawful", "2025-07-02");
    let zero = ["values_erased", "events_erased", "disclosures_erased"];
    assert!(zero.iter().all(|name| rows[*name] == 0), "{rows}");
    assert!(text.contains("everything that was done") && !csv.contains("can't be"), "{text}");

    let ann = shop.subject("email:ann@example.com");
    candor::subject::erase::erase(&mut shop.store, &rules, ann, moment("2025-07-03")).unwrap();
    for as_of in ["2025-07-02", "2025-07-04"] {
        let (rows, text, csv) = told(&shop, "unlawful", as_of);
        let counts = zero.map(|name| rows[name].as_u64().unwrap());
        assert_eq!(counts, [3, 1, 1], "key, address and city; an order; a letter");
        assert!(text.contains("3 admitted values, 1 admitted event and 1 disclosure"), "{text}");
        assert!(!text.contains("everything that was done"), "{text}");
        assert!(csv.contains("can't be decided again,disclosure,,1 erased"), "{csv}");
    }
    // What came in after the moment isn't in its report.
    let (rows, ..) = told(&shop, "unlawful", "2025-06-01");
    assert!(zero.iter().all(|name| rows[*name] == 0), "{rows}");
    let (rows, text, csv) = told(&shop, "consent", "2025-07-02");
    assert_eq!(before["people"], 3);
    assert_eq!((&rows["people"], &rows["people_erased_since"]), (&2.into(), &1.into()));
    assert!(text.contains("1 person had said something by then"), "{text}");
    assert!(csv.contains("erased since"), "{csv}");
    for as_of in ["2025-06-01", "2025-07-04"] {
        assert_eq!(told(&shop, "consent", as_of).0["people_erased_since"], 0, "{as_of}");
    }
    let (rows, text, csv) = told(&shop, "retention", "2025-07-02");
    assert_eq!(rows["values_forgotten_since"], 3);
    assert!(text.contains("Nothing of what is still there"), "{text}");
    assert!(csv.contains("forgotten since,,,3,1"), "{csv}");
    assert_eq!(told(&shop, "retention", "2025-07-04").0["values_forgotten_since"], 0);
    // The fingerprints that keep her out are personal data too, and listed as such.
    for (name, as_of, count) in
        [("retention", "2025-07-02", 0), ("retention", "2025-07-04", 2), ("ropa", "2025-07-04", 2)]
    {
        let (rows, text, csv) = told(&shop, name, as_of);
        assert_eq!(rows["suppression"]["fingerprints"], count, "{name}");
        if count > 0 {
            assert!(text.contains("against their will"), "{text}");
            assert!(csv.contains("until the person comes back by their own act"), "{csv}");
        }
    }
}

fn rows_of_disclosed(shop: &Shop) -> Vec<i64> {
    let query = "SELECT DISTINCT r.subject FROM disclosure d JOIN record r ON r.id = d.record";
    let mut statement = shop.store.conn().prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn what_came_through_the_gate_is_lawful() {
    let mut shop = Shop::new();
    shop.import(
        moment("2024-02-01"),
        &[ann("yes", "2024-01-20"), "2,bob@example.com,Galway,no,,2024-01-21".into()],
    );
    let answer = unlawful(&shop.store, None, moment(LATER)).unwrap();
    assert!(answer.is_clean(), "{:?}", answer.unlawful);
    assert_eq!(answer.before_known, []);
    assert!(answer.values == 6 && answer.events == 2, "{answer:?}");
}

#[test]
fn a_forged_purpose_is_found() {
    let mut shop = Shop::new();
    shop.import(moment("2024-02-01"), &[ann("no", "2024-01-20"), ann("no", "2024-01-20")]);
    assert!(unlawful(&shop.store, None, moment(LATER)).unwrap().is_clean());
    shop.sql(
        "INSERT OR IGNORE INTO purpose_set (mask) VALUES (3);
         UPDATE value SET purposes = (SELECT id FROM purpose_set WHERE mask = 3) WHERE seq = 2",
    );
    let report = audit::report(&shop.store, "unlawful", &question(moment(LATER))).unwrap();
    assert_eq!(report.verdict, Verdict::Wrong);
    let answer = unlawful(&shop.store, None, moment(LATER)).unwrap();
    let [found] = answer.unlawful.as_slice() else { panic!("{:?}", answer.unlawful) };
    assert_eq!((found.number, found.purpose.as_str()), (2, "newsletter"));
    assert_eq!(found.reason, "consent_refused");
}

#[test]
fn a_row_that_no_entry_admitted_is_found() {
    let mut shop = Shop::new();
    shop.import(moment("2024-02-01"), &[ann("yes", "2024-01-20")]);
    shop.sql(
        "INSERT INTO value (seq, record, prev, field, purposes, observed_at, state, body)
         SELECT 1000, record, 0, field, purposes, observed_at, state, body FROM value WHERE seq = 2",
    );
    let answer = unlawful(&shop.store, None, moment(LATER)).unwrap();
    assert_eq!(answer.unlawful.iter().map(|f| f.reason).collect::<Vec<_>>(), ["not_admitted"]);
}

#[test]
fn a_late_withdrawal_shows_what_was_done_before_it_was_known() {
    let mut shop = Shop::new();
    shop.import(moment("2024-02-01"), &[ann("yes", "2024-01-20")]);
    let ann = shop.subject("email:ann@example.com");
    let (sent, learned) = (moment("2024-03-03"), moment("2024-04-01"));
    let newsletter = shop.store.words().code(WordKind::Purpose, "newsletter").unwrap();
    let mailer = shop.store.words().code(WordKind::Destination, "mailer").unwrap();
    shop.sql(&format!(
        "INSERT INTO disclosure (entry, record, destination, purpose, at)
         VALUES (3, 1, {mailer}, {newsletter}, {})",
        sent.0
    ));
    assert!(unlawful(&shop.store, None, moment(LATER)).unwrap().is_clean());
    shop.say(ann, ConsentState::Withdrawn, moment("2024-01-25"), learned);
    let answer = unlawful(&shop.store, None, moment(LATER)).unwrap();
    assert_eq!(answer.unlawful, []);
    let items: BTreeSet<&str> = answer.before_known.iter().map(|f| f.item).collect();
    assert_eq!(items, BTreeSet::from(["disclosure", "value"]));
    for found in &answer.before_known {
        assert_eq!(found.learned_at.as_deref(), Some(learned.to_string().as_str()), "{found:?}");
        assert_eq!(found.reason, "consent_withdrawn");
    }
    // The person's own list still names the consent on which it was sent.
    let asked = Question { who: Some(ann), ..question(moment(LATER)) };
    let report = audit::report(&shop.store, "disclosures", &asked).unwrap();
    assert_eq!(report.rows["sent"][0]["gate"], "allowed");
    assert_eq!(report.rows["sent"][0]["consent"]["notice"], "form@1");
}

#[test]
fn retention_counts_what_a_run_deletes_and_a_rehearsal_changes_nothing() {
    let mut shop = Shop::new();
    shop.import(moment("2024-02-01"), &[ann("yes", "2024-01-20")]);
    let rules = store::latest(shop.store.conn(), shop.store.words()).unwrap();
    // (as of, what newsletter and orders don't keep any more, what nobody keeps)
    for (at, ended, past) in [("2024-12-01", 0, 0), ("2025-01-20", 3, 0), ("2026-01-20", 7, 4)] {
        let report = retention(&shop.store, None, moment(at)).unwrap();
        assert_eq!(report.rows.iter().map(|r| r.ended).sum::<u64>(), ended, "{at}: {report:?}");
        assert_eq!(report.values_past_due + report.events_past_due, past, "{at}");
    }
    let due = |purpose: &str| {
        let report = retention(&shop.store, None, moment("2024-12-01")).unwrap();
        report.rows.into_iter().find(|r| r.purpose == purpose).and_then(|r| r.next_due)
    };
    assert_eq!(due("newsletter").as_deref(), Some("2025-01-20"));
    assert_eq!(due("orders").as_deref(), Some("2026-01-20"));

    let now = moment("2026-02-01");
    shop.store.truncate_wal().unwrap();
    let before = std::fs::read(shop.store.path()).unwrap();
    let planned = retain(&mut shop.store, &rules, now, Carry::DryRun).unwrap();
    assert!(before == std::fs::read(shop.store.path()).unwrap(), "a dry run changed the file");
    let done = retain(&mut shop.store, &rules, now, Carry::Out).unwrap();
    assert_eq!((planned.values, planned.events), (3, 1));
    assert_eq!(planned.deleted, done.deleted);
    let scan = done.scan.unwrap();
    assert_eq!((scan.found, scan.looked_for), (0, 4));
    let after = retention(&shop.store, None, now).unwrap();
    assert_eq!(after.rows, []);
}

#[test]
fn the_record_of_processing_names_every_purpose_and_what_it_leaves_open() {
    let shop = Shop::new();
    let report = audit::report(&shop.store, "ropa", &question(moment(LATER))).unwrap();
    let text = report.document.to_text(None);
    for expected in [
        "Deliver what was ordered (orders)",
        "A monthly letter (newsletter)",
        "Letterbox Ltd, Dublin",
        "privacy@ternandpine.example",
        "set controller.dpo",
        "set country on each destination",
    ] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
}

#[test]
fn what_a_report_has_no_use_for_is_refused() {
    let mut shop = Shop::new();
    shop.import(moment("2024-02-01"), &[ann("yes", "2024-01-20")]);
    let who = Some(shop.subject("email:ann@example.com"));
    let plain = question(moment(LATER));
    for name in NAMES {
        let asked = Question { from: Some(moment("2024-01-01")), ..plain };
        let over_a_span = ["disclosures", "requests", "timeline"].contains(&name);
        let code = audit::report(&shop.store, name, &asked).err().map(|e| (e.code, e.exit_code()));
        assert_eq!(code, (!over_a_span).then_some(("report-not-over-a-span", 2)), "{name}");
    }
    let error = audit::report(&shop.store, "ropa", &Question { who, ..plain }).unwrap_err();
    assert_eq!((error.code, error.exit_code()), ("report-not-about-one", 2));
    // Before the first policy there is nothing to report, and the error says since when there is.
    for name in ["consent", "ropa", "retention"] {
        let asked = question(moment("2023-12-31"));
        let error = audit::report(&shop.store, name, &asked).unwrap_err();
        assert_eq!(error.code, "no-policy-then");
        assert!(error.next.contains("2024-01-01"), "{}", error.next);
    }
}

#[test]
fn the_record_of_processing_is_a_row_for_each_activity_in_csv() {
    let shop = Shop::new();
    let report = audit::report(&shop.store, "ropa", &question(moment(LATER))).unwrap();
    let csv = report.document.to_csv();
    let activities: Vec<&str> =
        csv.lines().filter(|line| line.starts_with("Processing activities,")).collect();
    assert_eq!(activities.len(), 2, "{csv}");
    let letter = activities.iter().find(|row| row.contains("A monthly letter (newsletter)"));
    let letter = letter.expect("a row of its own");
    for expected in [
        "consent, Art 6(1)(a)",
        "Name and addresses",
        "Customer list",
        "\"Letterbox Ltd, Dublin\"",
        "1 year",
    ] {
        assert!(letter.contains(expected), "{expected}: {letter}");
    }
    assert!(csv.starts_with("table,"), "{csv}");
}

#[test]
fn csv_tells_what_was_unlawful_from_what_nobody_could_know() {
    let mut shop = Shop::new();
    shop.import(moment("2024-02-01"), &[ann("yes", "2024-01-20")]);
    let ann = shop.subject("email:ann@example.com");
    shop.say(ann, ConsentState::Withdrawn, moment("2024-01-25"), moment("2024-04-01"));
    shop.sql(
        "INSERT OR IGNORE INTO purpose_set (mask) VALUES (3);
         UPDATE event SET purposes = (SELECT id FROM purpose_set WHERE mask = 3) WHERE seq = 1",
    );
    let report = audit::report(&shop.store, "unlawful", &question(moment(LATER))).unwrap();
    let csv = report.document.to_csv();
    let starts = |word: &str| csv.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!(
        csv.lines().count(),
        1 + starts("unlawful,") + starts("done before candor could know,")
    );
    assert!(starts("unlawful,") == 1 && starts("done before") == 3, "{csv}");
}

#[test]
fn every_report_can_be_made_and_no_other() {
    let mut shop = Shop::new();
    shop.import(moment("2024-02-01"), &[ann("yes", "2024-01-20")]);
    let ann = shop.subject("email:ann@example.com");
    for name in NAMES {
        for who in [None, Some(ann)] {
            if who.is_some() && name == "ropa" {
                continue;
            }
            let asked = Question { who, ..question(moment(LATER)) };
            let report = audit::report(&shop.store, name, &asked).unwrap();
            assert!(report.document.to_html("en").contains("<html"), "{name}");
            let text = report.document.to_text(None);
            let may_tell = name == "basis" && who.is_some();
            assert_eq!(text.contains("ann@example.com"), may_tell, "{name}");
        }
    }
    let error = audit::report(&shop.store, "weather", &question(moment(LATER))).unwrap_err();
    assert!(NAMES.iter().all(|name| error.next.contains(name)), "{error}");
}

#[test]
fn the_consent_report_reads_well() {
    let mut shop = Shop::new();
    shop.import(
        moment("2024-02-01"),
        &[ann("yes", "2024-01-20"), "2,bob@example.com,Galway,no,,2024-01-21".into()],
    );
    let report = audit::report(&shop.store, "consent", &question(moment(LATER))).unwrap();
    let text: Vec<String> =
        report.document.to_text(None).lines().map(|line| line.trim_end().to_owned()).collect();
    let rows: Vec<String> = text
        .iter()
        .filter(|line| line.starts_with("newsletter"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        rows,
        [
            "newsletter email given 1 1",
            "newsletter email refused 1 0",
            "newsletter email form@1 2 1",
        ]
    );
}

/// One thing that happens in a random history.
#[derive(Clone, Debug)]
enum Step {
    Row { key: u8, email: u8, optin: u8 },
    Say { email: u8, state: usize, days_back: i64 },
    Send { email: u8 },
    Forge { seq: i64 },
    Join { one: u8, other: u8 },
    Part { email: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5u8, 0..4u8, 0..3u8).prop_map(|(key, email, optin)| Step::Row { key, email, optin }),
        3 => (0..4u8, 0..4usize, 0..9i64)
            .prop_map(|(email, state, days_back)| Step::Say { email, state, days_back }),
        2 => (0..4u8).prop_map(|email| Step::Send { email }),
        1 => (1..20i64).prop_map(|seq| Step::Forge { seq }),
    ]
}

/// The same, and people are joined and parted.
fn step_of_groups() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => step(),
        2 => (0..4u8, 0..4u8).prop_map(|(one, other)| Step::Join { one, other }),
        1 => (0..4u8).prop_map(|email| Step::Part { email }),
    ]
}

const STATES: [ConsentState; 4] = [
    ConsentState::Given,
    ConsentState::Withdrawn,
    ConsentState::Refused,
    ConsentState::Invalidated,
];

fn play(steps: &[Step]) -> Shop {
    let mut shop = Shop::new();
    play_on(&mut shop, 0, steps);
    shop
}

fn day_of(day: usize) -> Moment {
    Moment(moment("2024-02-01").0 + 86_400_000 * i64::try_from(day).unwrap())
}

/// Plays steps from a day on, one a day.
fn play_on(shop: &mut Shop, from: usize, steps: &[Step]) {
    for (day, step) in steps.iter().enumerate().map(|(day, step)| (from + day, step)) {
        let now = day_of(day);
        let find = |shop: &Shop, email: u8| {
            let rules = store::latest(shop.store.conn(), shop.store.words()).unwrap();
            let who = format!("email:p{email}@example.com");
            let found = read::find(shop.store.conn(), shop.store.secret(), &rules.policy, &who);
            found.ok().map(|found| found[0])
        };
        match step {
            Step::Row { key, email, optin } => {
                let optin = ["yes", "no", ""][usize::from(*optin)];
                shop.import(
                    now,
                    &[format!("{key},p{email}@example.com,C{day},{optin},o{day},{now}")],
                );
            }
            Step::Say { email, state, days_back } => {
                if let Some(subject) = find(shop, *email) {
                    let at = Moment(now.0 - 86_400_000 * days_back);
                    shop.say(subject, STATES[*state], at, now);
                }
            }
            Step::Send { email } => {
                if let Some(subject) = find(shop, *email) {
                    let record = lookup::records_of(shop.store.conn(), subject).unwrap()[0];
                    let newsletter =
                        shop.store.words().code(WordKind::Purpose, "newsletter").unwrap();
                    let entry =
                        shop.store.write(now, |w| w.append("send.run", serde_json::json!({})));
                    shop.sql(&format!(
                        "INSERT INTO disclosure (entry, record, destination, purpose, at)
                         VALUES ({}, {record}, 1, {newsletter}, {})",
                        entry.unwrap(),
                        now.0
                    ));
                }
            }
            Step::Join { one, other } => {
                let (one, other) = (find(shop, *one), find(shop, *other));
                if let Some((one, other)) = one.zip(other).filter(|(one, other)| one != other) {
                    let (from, into) = (one.max(other), one.min(other));
                    shop.store.write(now, |w| merge::join(w, from, into, Decider::Person)).unwrap();
                }
            }
            Step::Part { email } => {
                let merges = find(shop, *email)
                    .map(|subject| lookup::merges_into(shop.store.conn(), subject).unwrap());
                if let Some(last) = merges.and_then(|merges| merges.first().copied()) {
                    shop.store.write(now, |w| merge::split(w, &last)).unwrap();
                }
            }
            Step::Forge { seq } => shop.sql(&format!(
                "INSERT OR IGNORE INTO purpose_set (mask) VALUES (3);
                 UPDATE value SET purposes = (SELECT id FROM purpose_set WHERE mask = 3)
                 WHERE seq = {seq} AND state <> 4"
            )),
        }
    }
}

/// (item, number, purpose), unlawful and too late to know.
type Verdicts = (BTreeSet<(String, i64, u8)>, BTreeSet<(String, i64, u8)>);

/// The same question, asked in the plainest way: one item, one purpose, one look into the store each.
fn naive(shop: &Shop) -> Verdicts {
    let conn = rusqlite::Connection::open(shop.store.path()).unwrap();
    let rules = store::latest(shop.store.conn(), shop.store.words()).unwrap();
    let mailer_channel = rules.channel_code("email");
    let mut deeds: Vec<(String, i64, i64, i64, i64, Direction)> = Vec::new();
    for (item, query, direction) in [
        (
            "value",
            "SELECT v.seq, v.record, p.mask, b.recorded_at FROM value v
             JOIN purpose_set p ON p.id = v.purposes
             JOIN batch b ON v.seq >= b.first_value AND v.seq < b.first_value + b.value_count
             WHERE v.state <> 4",
            Direction::In,
        ),
        (
            "event",
            "SELECT e.seq, e.record, p.mask, b.recorded_at FROM event e
             JOIN purpose_set p ON p.id = e.purposes
             JOIN batch b ON e.seq >= b.first_event AND e.seq < b.first_event + b.event_count
             WHERE e.purposes <> 2",
            Direction::In,
        ),
        ("disclosure", "SELECT id, record, 1 << (purpose - 1), at FROM disclosure", Direction::Out),
    ] {
        let mut statement = conn.prepare(query).unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .unwrap();
        for row in rows {
            let (number, record, mask, at) = row.unwrap();
            deeds.push((item.to_owned(), number, record, mask, at, direction));
        }
    }
    let (mut wrong, mut late) = (BTreeSet::new(), BTreeSet::new());
    for (item, number, record, mask, at, direction) in deeds {
        let (subject, home): (i64, i64) = conn
            .query_row("SELECT subject, home FROM record WHERE id = $1", [record], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        let history = History::load(&conn, subject).unwrap();
        for code in 1..=2u8 {
            if mask & (1 << (code - 1)) == 0 {
                continue;
            }
            let category = match item.as_str() {
                "event" => Some("order"),
                "value" => Some("contact"),
                _ => None,
            };
            let channel = mailer_channel.filter(|_| direction == Direction::Out);
            let asked = Asked { channel, category, ..Asked::new(direction, Moment(at)) };
            let allows = |as_of| {
                let standing = history.standing_of(home, as_of);
                decide(&rules, rules.rule(code).unwrap(), asked, &standing).is_ok()
            };
            // One transaction has one moment: what was done in it may have come before or after what
            // was said in it.
            let before = AsOf { valid: Moment(at), known: Moment(at - 1) };
            let at_its_end = allows(AsOf::at(Moment(at)));
            if !at_its_end && !allows(before) {
                wrong.insert((item.clone(), number, code));
            } else if !at_its_end || !allows(AsOf::hindsight(Moment(at))) {
                late.insert((item.clone(), number, code));
            }
        }
    }
    (wrong, late)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_naive_second_opinion_agrees(steps in prop::collection::vec(step(), 1..25)) {
        let shop = play(&steps);
        // The plain way looks at who belongs together today. Where a shared address has parted
        // people since, it can't tell what held before.
        let parted: i64 = shop
            .store
            .conn()
            .query_row(
                "SELECT count(*) FROM entry WHERE instr(leaf, '\"profile.split\"') > 0",
                [],
                |row| row.get(0),
            )
            .unwrap();
        prop_assume!(parted == 0);
        let answer = unlawful(&shop.store, None, moment(LATER)).unwrap();
        let words = shop.store.words();
        let told = |findings: &[Finding]| -> BTreeSet<(String, i64, u8)> {
            let code = |purpose: &str| words.code(WordKind::Purpose, purpose).unwrap();
            findings
                .iter()
                .map(|f| (f.item.to_owned(), f.number, u8::try_from(code(&f.purpose)).unwrap()))
                .collect()
        };
        let (wrong, late) = naive(&shop);
        prop_assert_eq!(told(&answer.unlawful), wrong);
        prop_assert_eq!(told(&answer.before_known), late);
    }

    /// Law 10: what is recorded later changes no report as of an earlier moment.
    #[test]
    fn a_report_as_of_a_moment_never_changes(
        before in prop::collection::vec(step_of_groups(), 1..12),
        after in prop::collection::vec(step_of_groups(), 1..12),
    ) {
        let mut shop = play(&before);
        let asked = question(day_of(before.len()));
        let tell = |shop: &Shop| NAMES.map(|name| {
            (name, audit::report(&shop.store, name, &asked).unwrap().rows)
        });
        let told = tell(&shop);
        // New people come, and the old ones speak, are sent to, joined and parted; nothing is forged.
        let later: Vec<Step> = after
            .into_iter()
            .filter_map(|step| match step {
                Step::Row { key, optin, .. } => {
                    Some(Step::Row { key: key + 100, email: key + 100, optin })
                }
                Step::Forge { .. } => None,
                other => Some(other),
            })
            .collect();
        play_on(&mut shop, before.len() + 1, &later);
        for ((name, then), (_, now)) in told.into_iter().zip(tell(&shop)) {
            prop_assert_eq!(then, now, "{}", name);
        }
    }

    #[test]
    fn the_consent_report_counts_what_each_person_is_told(
        steps in prop::collection::vec(step(), 1..25),
        day in 0..30i64,
    ) {
        let shop = play(&steps);
        let at = Moment(moment("2024-02-01").0 + 86_400_000 * day);
        let rules = store::rulebook_at(shop.store.conn(), shop.store.words(), at).unwrap();
        let report = consent(&shop.store, None, at).unwrap();
        let mut expected: std::collections::BTreeMap<(String, String, String), (u64, u64)> =
            std::collections::BTreeMap::new();
        // People as they were then: a shared address may have parted some since.
        let conn = shop.store.conn();
        let entry = store::first_entry_from(conn, Moment(at.0 + 1)).unwrap();
        let then = Then::before(conn, entry).unwrap();
        let mut people = BTreeSet::new();
        for subject in lookup::live_subjects(conn).unwrap() {
            let records = lookup::records_of(conn, subject).unwrap().into_iter();
            people.extend(records.map(|record| then.subject(record, subject)));
        }
        for person in people {
            // Of whom nothing had been recorded by then, nothing was known to be asked about.
            let is_known = |record: &i64| -> bool {
                conn.query_row(
                    "SELECT EXISTS (SELECT 1 FROM statement s WHERE s.record = $1 AND s.recorded_at <= $2)
                       OR EXISTS (SELECT 1 FROM value v JOIN batch b ON v.seq >= b.first_value
                                  AND v.seq < b.first_value + b.value_count
                                  WHERE v.record = $1 AND b.recorded_at <= $2)
                       OR EXISTS (SELECT 1 FROM event e JOIN batch b ON e.seq >= b.first_event
                                  AND e.seq < b.first_event + b.event_count
                                  WHERE e.record = $1 AND b.recorded_at <= $2)",
                    [*record, at.0],
                    |row| row.get(0),
                )
                .unwrap()
            };
            if !then.records(conn, person).unwrap().iter().any(is_known) {
                continue;
            }
            let state =
                state::state_then(&shop.store, &rules, person, &then, AsOf::at(at)).unwrap();
            for p in state.purposes {
                let count = expected.entry((p.purpose, p.channel, p.state.to_owned())).or_default();
                count.0 += 1;
                count.1 += u64::from(p.in_force);
            }
        }
        let told = report.states.into_iter().map(|s| {
            ((s.purpose, s.channel, s.state.to_owned()), (s.people, s.in_force))
        });
        prop_assert_eq!(told.collect::<std::collections::BTreeMap<_, _>>(), expected);
    }
}
