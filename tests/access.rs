//! The answer to an access request: whole, about one person alone, safe to open, and portable only
//! where the law says so.

use std::collections::BTreeSet;
use std::path::Path;

use candor::audit::Question;
use candor::audit::timeline::timeline;
use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::collect::{Progress, Reject};
use candor::pipeline::ask::Explanation;
use candor::pipeline::import::{Carry, Listener, Request, import};
use candor::policy::rulebook::Rulebook;
use candor::profile::merge::{Decider, join, part_record, split};
use candor::profile::{lookup, read};
use candor::store::{self, Creation, Store, WordKind};
use candor::subject::access::AccessPackage;
use candor::subject::access::answer::{Form, answer, whole_package};
use candor::subject::access::complete;
use candor::subject::access::page::page;
use candor::subject::access::portability::portable;
use candor::subject::erase;
use serde_json::{Value, json};

const POLICY: &str = include_str!("access/small.toml");

/// Ann and Ben share an e-mail address; Ann moved; Cora has two accounts; Dan is on the books only.
const SHOP: &str = "\
id,first_name,email,card,city,optin,at
a1,Ann,shared@example.com,C-ANN,Oldtown,yes,2025-01-01T10:00:00Z
a1,Ann,shared@example.com,C-ANN,<b>Galway & \"Co\"</b>,yes,2025-02-01T10:00:00Z
b1,Ben,shared@example.com,C-BEN,Benville,no,2025-01-02T10:00:00Z
c1,Cora,cora@one.example,C-CORA1,Cork,yes,2025-01-03T10:00:00Z
c2,Cora,cora@two.example,C-CORA2,Cashel,no,2025-01-04T10:00:00Z
";
const TILL: &str = "\
card,basket,at,store,product,cents
C-ANN,100,2025-03-01T10:00:00Z,Quay,apron,4800
C-ANN,100,2025-03-01T10:00:00Z,Quay,=SUM(A1),1200
C-ANN,101,2025-03-02T10:00:00Z,Quay,board,900
C-BEN,102,2025-03-03T10:00:00Z,Strand,bens-hammer,700
C-CORA2,103,2025-03-04T10:00:00Z,Quay,corasbowl,500
";
const DESK: &str = "\
ticket,card,at,body
T1,C-ANN,2025-04-01T10:00:00Z,anns-question
T2,C-BEN,2025-04-02T10:00:00Z,bens-question
";
const BROKER: &str = "\
no,card,at,street,income
K1,C-ANN,2025-05-01T10:00:00Z,brokers-street,guessed-high
";

struct Silent;

impl Listener for Silent {
    fn progress(&mut self, _: Progress) {}
    fn reject(&mut self, _: &Reject, _: Option<&[u8]>) -> Result<()> {
        panic!("every row can be read")
    }
    fn explain(&mut self, _: Explanation) {}
}

fn at(time: &str) -> Moment {
    Moment::parse(time).unwrap()
}

fn now() -> Moment {
    at("2026-03-05T09:00:00Z")
}

fn take_in(store: &mut Store, path: &Path, source: &str) {
    let request = Request { path, source, carry: Carry::Out };
    import(store, &request, &|| at("2025-06-02T10:00:00Z"), &mut Silent).unwrap();
}

struct Small {
    folder: tempfile::TempDir,
    store: Store,
    rules: Rulebook,
}

impl Small {
    fn new() -> Small {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.db");
        let declared = at("2025-06-01T10:00:00Z");
        let creation = Creation { path: &path, origin: None, now: declared, actor: "test" };
        let mut store = Store::create(&creation).unwrap();
        let checked = match candor::policy::check(POLICY) {
            Ok(checked) => checked,
            Err(mistakes) => panic!("{mistakes:#?}"),
        };
        store.write(declared, |writer| store::apply(writer, POLICY, &checked.policy)).unwrap();
        for (source, text) in [("shop", SHOP), ("till", TILL), ("desk", DESK), ("broker", BROKER)] {
            let file = folder.path().join(format!("{source}.csv"));
            std::fs::write(&file, text).unwrap();
            take_in(&mut store, &file, source);
        }
        let rules = store::latest(store.conn(), store.words()).unwrap();
        let mut small = Small { folder, store, rules };
        let ann = small.who("card:C-ANN");
        small.disclose(ann, "mailer", "newsletter");
        small.disclose(ann, "mailer", "newsletter");
        small
    }

    fn who(&self, who: &str) -> i64 {
        read::find_one(self.store.conn(), self.store.secret(), &self.rules.policy, who).unwrap()
    }

    fn package(&self, who: &str) -> AccessPackage {
        whole_package(&self.store, &self.rules, self.who(who), now()).unwrap()
    }

    fn disclose(&mut self, subject: i64, destination: &str, purpose: &str) {
        let words = self.store.words();
        let destination = words.code(WordKind::Destination, destination).unwrap();
        let purpose = words.code(WordKind::Purpose, purpose).unwrap();
        let record = read::open_records(self.store.conn(), words, subject).unwrap()[0].id;
        self.store
            .write(at("2025-07-01T10:00:00Z"), |writer| {
                let entry = writer.append("disclosure", json!({"count": 1}))?;
                writer.conn.execute(
                    "INSERT INTO disclosure (entry, record, destination, purpose, at)
                     VALUES ($1, $2, $3, $4, $5)",
                    [entry, record, destination, purpose, writer.now.0],
                )?;
                Ok(())
            })
            .unwrap();
    }

    fn answer(&mut self, who: &str, form: Form, name: &str) -> std::path::PathBuf {
        let out = self.folder.path().join(name);
        let subject = self.who(who);
        answer(&mut self.store, &self.rules, subject, form, &out, now()).unwrap();
        out
    }
}

fn values(package: &AccessPackage) -> BTreeSet<(&str, &str, bool)> {
    package.values.iter().map(|v| (v.field.as_str(), v.value.as_str(), v.current)).collect()
}

#[test]
fn everything_about_ann_is_in_it() {
    let package = Small::new().package("card:C-ANN");
    let expected = BTreeSet::from([
        ("attribute.city", "<b>Galway & \"Co\"</b>", true),
        ("attribute.city", "Oldtown", false),
        ("attribute.first_name", "Ann", true),
        ("attribute.income", "guessed-high", true),
        ("attribute.street", "brokers-street", true),
        ("identifier.card", "C-ANN", true),
        ("identifier.email", "shared@example.com", true),
        ("record.key", "C-ANN", true),
        ("record.key", "K1", true),
        ("record.key", "T1", true),
        ("record.key", "a1", true),
    ]);
    assert_eq!(values(&package), expected);
    let events: Vec<(&str, &str, Option<i64>)> =
        package.events.iter().map(|e| (e.name.as_str(), e.id.as_str(), e.amount)).collect();
    assert_eq!(
        events,
        [("ticket", "T1", None), ("order", "101", Some(900)), ("order", "100", Some(6000))]
    );
    assert_eq!(package.events[2].properties["lines"][1]["product"], "=SUM(A1)");
    let sums: BTreeSet<(&str, i64, i64)> =
        package.summaries.iter().map(|s| (s.event.as_str(), s.count, s.sum)).collect();
    assert_eq!(sums, BTreeSet::from([("order", 2, 6900), ("ticket", 1, 0)]));
    let states: Vec<&str> = package.statements.iter().map(|s| s.state.as_str()).collect();
    // Ben's "no" on his own form is not hers, although they share the address.
    assert_eq!(states, ["given", "given"]);

    let recipient = &package.recipients[0];
    assert_eq!((package.recipients.len(), recipient.times), (1, 2));
    assert_eq!(recipient.recipient, "Letterbox Inc (sends the letter)");
    assert_eq!(package.recipients_without_data[0].recipient, "Parcel Ltd");
    assert_eq!((package.transfers[0].country.as_str(), package.transfers[0].times), ("US", 2));

    let indirect: Vec<&str> = package
        .sources
        .iter()
        .filter(|r| r.obtained == candor::subject::access::Obtained::Indirectly)
        .map(|r| r.source.as_str())
        .collect();
    assert_eq!(indirect, ["broker"]);
    assert_eq!(package.profiling.purposes, ["support"]);
    assert_eq!(package.ties.related, 1, "Ben shares the address, and is told of without a name");
    for kind in ["data.admit", "consent.given", "disclosure"] {
        assert!(package.journal.iter().any(|entry| entry.kind == kind), "{kind}");
    }
}

#[test]
fn each_purpose_has_its_basis_its_days_and_its_rights() {
    let mut small = Small::new();
    let package = small.package("card:C-ANN");
    let find = |package: &AccessPackage, name: &str| {
        package.purposes.iter().find(|p| p.name == name).expect("the purpose").clone()
    };
    let books = find(&package, "books");
    assert_eq!((books.rests_on.as_deref(), books.holds), (Some("TCA 1997, s. 886"), true));
    assert_eq!((books.values, books.events), (0, 2));
    assert_eq!(books.oldest_until.as_deref(), Some("2045-03-01"));
    assert_eq!(books.newest_until.as_deref(), Some("2045-03-02"));
    let right = |article: &str| books.rights.iter().find(|r| r.article == article).unwrap().clone();
    assert_eq!((right("Art 20").applies, right("Art 15").applies), ("no", "yes"));
    assert!(right("Art 77").sentence.contains("Data Protection Commission"));
    assert!(find(&package, "newsletter").holds);

    let ann = small.who("card:C-ANN");
    let spoken = candor::consent::desk::Spoken {
        purpose: Some("newsletter"),
        state: candor::policy::types::ConsentState::Withdrawn,
        ..Default::default()
    };
    let said = candor::consent::desk::statements(&small.rules, &spoken, now()).unwrap();
    small.store.write(now(), |w| candor::consent::desk::record(w, ann, &said)).unwrap();
    let newsletter = find(&small.package("card:C-ANN"), "newsletter");
    assert!(!newsletter.holds);
    assert_eq!(newsletter.reason.map(|(code, _)| code), Some("consent_withdrawn"));
}

#[test]
fn nothing_of_ben_is_in_anns_answer() {
    let mut small = Small::new();
    let ben = small.package("card:C-BEN");
    let package = small.package("card:C-ANN");
    let shared = values(&package).into_iter().map(|(_, value, _)| value.to_owned());
    let shared: BTreeSet<String> = shared.collect();
    let out = small.answer("card:C-ANN", Form::Everything, "ann");
    let texts =
        ["access.json", "access.html"].map(|name| std::fs::read_to_string(out.join(name)).unwrap());
    let mut only_bens: Vec<String> = ben.values.iter().map(|v| v.value.clone()).collect();
    only_bens.extend([ben.subject.clone(), "bens-hammer".into(), "bens-question".into()]);
    only_bens.retain(|value| !shared.contains(value));
    assert!(only_bens.len() >= 6, "{only_bens:?}");
    for value in only_bens {
        for text in &texts {
            // Short keys, such as b1, are compared as whole JSON or HTML texts.
            let whole = [format!("\"{value}\""), format!(">{value}<")];
            assert!(!whole.iter().any(|w| text.contains(w)), "{value}");
            assert!(value.len() < 5 || !text.contains(&value), "{value}");
        }
    }
}

/// The page shows each text escaped, so that nothing of the data can act.
#[test]
fn the_page_loads_nothing_and_shows_every_value_escaped() {
    let package = Small::new().package("card:C-ANN");
    let html = page(&package).to_html("en");
    for outside in ["http:", "https:", "src=", "<script", "<link", "<img", "url(", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let escape = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#x27;")
            .replace('/', "&#x2f;")
    };
    for value in &package.values {
        assert!(html.contains(&format!(">{}<", escape(&value.value))), "{}", value.field);
    }
    for event in &package.events {
        for text in [event.id.as_str(), "apron", "=SUM(A1)", "anns-question", "Quay"] {
            assert!(html.contains(&escape(text)), "{text}");
        }
    }
    assert!(!html.contains("<b>"));
    let order: Vec<usize> = ["(a)", "(b)", "(c)", "(d)", "(e)", "(g)", "(h)"]
        .iter()
        .map(|letter| html.find(&format!("Art 15(1){letter}")).expect("a heading"))
        .collect();
    assert!(order.is_sorted(), "in the order of the law");
}

/// A letter to Ann, not a print-out of the store: every word in it is hers to understand, and true.
#[test]
fn the_page_speaks_to_the_person() {
    let mut small = Small::new();
    let ann = small.who("card:C-ANN");
    let object = candor::consent::desk::Spoken {
        axis: candor::consent::statement::Axis::Objection,
        purpose: Some("newsletter"),
        ..Default::default()
    };
    let said = candor::consent::desk::statements(&small.rules, &object, now()).unwrap();
    small.store.write(now(), |w| candor::consent::desk::record(w, ann, &said)).unwrap();
    candor::profile::lookup::record_read(&mut small.store, ann, "profile.show", now()).unwrap();
    let page = page(&small.package("card:C-ANN"));
    let text = page.to_text(None);
    for expected in [
        // Summer time in Dublin; in the store it is 2025-07-01T10:00:00Z.
        "1 July 2025, 11:00",
        "All times are those of Europe/Dublin",
        "Tern & Pine sends you its letter. You can stop it at any time.",
        "form@1 in “en”",
        "to have it erased (Art 17)",
        "You objected to this: Monthly letter",
        "no: you objected",
        "somebody who works for us, or a system of ours, looked at your data",
        "has no end date",
        "This is no direct marketing.",
    ] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
    for raw in [
        "recorded_at",
        "axis",
        "the person ",
        "the person.",
        "profile.show",
        "consent.given",
        "sha256",
    ] {
        assert!(!text.contains(raw), "{raw} stands in:\n{text}");
    }
    // Epoch milliseconds are thirteen digits; nobody's telephone number here is.
    let digits = text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() > 12);
    assert_eq!(digits, None);
}

#[test]
fn whoever_looks_is_written_down() {
    let small = Small::new();
    let looks = || {
        let conn = rusqlite::Connection::open(small.store.path()).unwrap();
        let count = "SELECT COUNT(*) FROM entry WHERE instr(leaf, '\"access.read\"') > 0";
        conn.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    // Two people share the address, and both are shown.
    for (number, (command, entries)) in [
        (vec!["profile", "find", "card:C-ANN"], 1),
        (vec!["profile", "find", "email:shared@example.com"], 2),
        (vec!["profile", "show", "card:C-ANN"], 1),
        (vec!["profile", "why", "card:C-ANN", "city"], 1),
        (vec!["consent", "state", "card:C-ANN"], 1),
        (vec!["consent", "history", "card:C-ANN"], 1),
        (vec!["profile", "find", "card:nobody"], 0),
    ]
    .into_iter()
    .enumerate()
    {
        let before = looks();
        std::process::Command::new(env!("CARGO_BIN_EXE_candor"))
            .arg("--store")
            .arg(small.store.path())
            .args(&command)
            .output()
            .unwrap();
        assert_eq!(looks() - before, entries, "{number}: {command:?}");
    }
}

/// A merge and the split that takes it back concern both people, whoever the sealed payload is of.
#[test]
fn a_merge_that_was_taken_back_stands_in_both_answers() {
    let mut small = Small::new();
    let (ann, ben) = (small.who("card:C-ANN"), small.who("card:C-BEN"));
    let write = |small: &mut Small, from, into| {
        small.store.write(now(), |w| join(w, from, into, Decider::Person)).unwrap();
        let merge = lookup::merges_into(small.store.conn(), into).unwrap()[0];
        small.store.write(now(), |w| split(w, &merge)).unwrap();
    };
    write(&mut small, ben, ann);
    // And one record of Ann's is parted from her others.
    let record = lookup::records_of(small.store.conn(), ann).unwrap()[1];
    small.store.write(now(), |w| part_record(w, record)).unwrap();
    let asked = |who| Question { as_of: now(), from: None, to: None, who: Some(who) };
    let package = |subject| whole_package(&small.store, &small.rules, subject, now()).unwrap();
    for (subject, other, joins, partings) in [(ann, ben, 1, 2), (ben, ann, 1, 1)] {
        let answer = package(subject);
        let of = |kind: &str| answer.journal.iter().filter(|e| e.kind == kind).count();
        assert_eq!((of("profile.merge"), of("profile.split")), (joins, partings), "{subject}");
        let told = timeline(&small.store, &asked(subject)).unwrap();
        let of = |kind: &str| told.entries.iter().filter(|e| e.kind == kind).count();
        assert_eq!((of("profile.merge"), of("profile.split")), (joins, partings), "{subject}");
        let text = serde_json::to_string(&answer).unwrap();
        assert!(!text.contains(&package(other).subject), "{subject}");
    }
}

type Cut = fn(&mut AccessPackage);

#[test]
fn a_missing_row_of_any_table_stops_the_answer() {
    let mut small = Small::new();
    let out = small.answer("card:C-ANN", Form::Everything, "first");
    assert!(out.join("access.json").exists());
    let ann = small.who("card:C-ANN");
    let whole = small.package("card:C-ANN");
    let cuts: [(&str, Cut); 10] = [
        ("record", |p| drop(p.sources.pop())),
        ("value", |p| drop(p.values.pop())),
        ("event", |p| drop(p.events.pop())),
        ("rollup", |p| drop(p.summaries.pop())),
        ("statement", |p| drop(p.statements.pop())),
        ("payload", |p| p.journal.retain(|e| e.kind != "access.export")),
        ("disclosure", |p| drop(p.recipients[0].disclosures.pop())),
        ("request", |p| drop(p.requests.pop())),
        ("identifier", |p| drop(p.found_by.pop())),
        ("link", |p| drop(p.links.pop())),
    ];
    for (table, cut) in cuts {
        let mut package = whole.clone();
        cut(&mut package);
        let error = complete::check(&small.store, ann, &package).unwrap_err();
        assert_eq!((error.code, error.exit_code()), ("access-incomplete", 3), "{table}");
        assert!(error.place.starts_with(table), "{}", error.place);
    }
    assert!(complete::check(&small.store, ann, &whole).is_ok());
}

/// The count doesn't go along the chains on which a profile is read.
#[test]
fn a_value_that_fell_off_its_chain_stops_the_answer_and_leaves_no_folder() {
    let mut small = Small::new();
    let ann = small.who("card:C-ANN");
    small
        .store
        .conn()
        .execute(
            "UPDATE value SET prev = 0 WHERE seq = (SELECT MAX(v.seq) FROM value v JOIN record r
             ON r.id = v.record WHERE r.subject = $1 AND v.prev <> 0)",
            [ann],
        )
        .unwrap();
    let out = small.folder.path().join("none");
    let error = answer(&mut small.store, &small.rules, ann, Form::Everything, &out, now());
    assert_eq!(error.unwrap_err().code, "access-incomplete");
    assert!(!out.exists());
    let requests: i64 =
        small.store.conn().query_row("SELECT COUNT(*) FROM request", [], |row| row.get(0)).unwrap();
    assert_eq!(requests, 0);
}

#[test]
fn portable_data_is_what_ann_gave_under_consent_or_contract() {
    let mut small = Small::new();
    let package = small.package("card:C-ANN");
    let given = portable(&small.rules, &package);
    let names: BTreeSet<(&str, &str)> = given
        .identifiers
        .iter()
        .chain(&given.attributes)
        .map(|v| (v.name.as_str(), v.value.as_str()))
        .collect();
    let expected = BTreeSet::from([
        ("card", "C-ANN"),
        ("city", "<b>Galway & \"Co\"</b>"),
        ("city", "Oldtown"),
        ("email", "shared@example.com"),
        ("first_name", "Ann"),
    ]);
    assert_eq!(names, expected, "nothing of the broker, no keys, nothing on interests alone");
    assert!(given.events.iter().all(|event| event.name == "order") && given.events.len() == 2);
    let left: usize = given.left_out.iter().map(|left| left.count).sum();
    let all = package.values.len() + package.events.len() + package.summaries.len();
    assert_eq!(
        left + given.counts().iter().sum::<usize>(),
        all,
        "left out or given, nothing between"
    );

    let out = small.answer("card:C-ANN", Form::Portable, "portable");
    let text = std::fs::read_to_string(out.join("portable.json")).unwrap();
    for absent in ["anns-question", "brokers-street", "guessed-high"] {
        assert!(!text.contains(absent), "{absent}");
    }
    let document: Value = serde_json::from_str(&text).unwrap();
    let readme = document["readme"].as_str().unwrap();
    assert!(readme.contains("Left out:"));
    assert!(readme.contains("exactly as it is") && !readme.contains("a ' stands"), "{readme}");
    let csv = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let lines = csv("lines.csv");
    assert_eq!(lines.lines().next(), Some("event,at,id,line,cents,product"));
    assert!(lines.contains("order,2025-03-01T10:00:00Z,100,2,1200,=SUM(A1)"), "{lines}");
    assert!(csv("events.csv").contains("order,2025-03-02T10:00:00Z,101,900,EUR,till,Quay"));
    assert_eq!(csv("identifiers.csv").lines().count(), 1 + given.identifiers.len());
    assert_eq!(csv("attributes.csv").lines().count(), 1 + given.attributes.len());
}

#[test]
fn a_joined_profile_has_both_sides_and_a_parted_one_names_nobody_else() {
    let mut small = Small::new();
    let (one, two) = (small.who("card:C-CORA1"), small.who("card:C-CORA2"));
    let (first, second) = (small.package("card:C-CORA1"), small.package("card:C-CORA2"));
    assert_ne!(one, two);
    small.store.write(now(), |writer| join(writer, two, one, Decider::Person)).unwrap();
    let both = small.package("card:C-CORA2");
    let mut expected = values(&first);
    expected.extend(values(&second));
    assert_eq!(values(&both), expected);
    assert_eq!(both.subject, first.subject);
    assert_eq!(both.joined[0].subject, second.subject);
    assert_eq!(both.events[0].properties["lines"][0]["product"], "corasbowl");
    let merge = both.journal.iter().find(|entry| entry.kind == "profile.merge").expect("the merge");
    assert_eq!(merge.payload.as_ref().unwrap()["into"], first.subject.as_str());

    let merges = candor::profile::lookup::merges_into(small.store.conn(), one).unwrap();
    small.store.write(now(), |w| candor::profile::merge::split(w, &merges[0])).unwrap();
    let parted = small.package("card:C-CORA2");
    assert_eq!(values(&parted), values(&second));
    let text = serde_json::to_string(&parted).unwrap();
    assert!(!text.contains(&first.subject), "the other one's id is not hers to know any more");
    assert_eq!(parted.ties.kept_apart, 1);
}

#[test]
fn two_answers_differ_in_requests_and_times_only() {
    let mut small = Small::new();
    let read = |out: &Path| -> Value {
        let mut document: Value =
            serde_json::from_slice(&std::fs::read(out.join("access.json")).unwrap()).unwrap();
        for changing in ["request", "requests", "journal", "ledger_size", "completeness"] {
            document.as_object_mut().unwrap().remove(changing).expect(changing);
        }
        document
    };
    let first = small.answer("card:C-ANN", Form::Everything, "first");
    let second = small.answer("card:C-ANN", Form::Everything, "second");
    assert_eq!(read(&first), read(&second));
    let again: Value =
        serde_json::from_slice(&std::fs::read(second.join("access.json")).unwrap()).unwrap();
    assert_eq!(again["requests"][0]["state"], "fulfilled", "the first request is told of");
    let export = again["journal"].as_array().unwrap().iter().find(|e| e["kind"] == "access.export");
    let bytes = std::fs::read(first.join("access.json")).unwrap();
    let sha256 = candor::store::hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    assert_eq!(export.expect("the export")["payload"]["sha256"], sha256.as_str());
    let checkpoint = std::fs::read_to_string(first.join("checkpoint.txt")).unwrap();
    assert!(checkpoint.starts_with(small.store.log().origin()));
}

/// What a law keeps after an erasure can still be asked for, and nothing else is there.
#[test]
fn after_an_erasure_the_books_are_told_of() {
    let mut small = Small::new();
    let ann = small.who("card:C-ANN");
    let id = small.package("card:C-ANN").subject;
    let certificate = erase::erase(&mut small.store, &small.rules, ann, now()).unwrap();
    let package = small.package(&id);
    assert!(package.after_erasure.erased);
    let text = page(&package).to_text(None);
    assert!(text.contains("can't be told any more"), "{text}");
    assert!(
        !text.contains("received nothing of you"),
        "the letter was sent to Letterbox Inc before"
    );
    assert_eq!(certificate.kept_as.as_deref(), Some(id.as_str()), "how to ask for it later");
    assert!(certificate.document().to_text(None).contains(&id));
    let gone =
        read::find_one(small.store.conn(), small.store.secret(), &small.rules.policy, "card:C-ANN");
    assert!(gone.unwrap_err().next.contains("the id (s-…) that the erasure printed"));
    assert!(package.values.is_empty(), "{:?}", values(&package));
    assert!(package.events.iter().all(|event| event.held.purposes == ["books"]));
    assert_eq!(package.events.len(), 2);
    assert!(package.statements.is_empty() && package.recipients.is_empty());
}

/// A person reads 9.00 EUR, not 900 of something, and each line of a basket by itself; programs keep
/// the integer.
#[test]
fn amounts_have_their_currency_and_a_basket_is_a_list() {
    let small = Small::new();
    let package = small.package("card:C-ANN");
    let document = page(&package);
    let text = document.to_text(None);
    for said in ["amount: 9.00 EUR", "amount: 60.00 EUR", "69.00 EUR"] {
        assert!(text.contains(said), "{said} is missing in:\n{text}");
    }
    assert!(!text.contains("smallest unit"), "{text}");
    let html = document.to_html("en");
    let list = "amount: 60.00 EUR\nlines:\n1. cents 4800, product apron\n2. cents 1200, product ";
    assert!(html.contains(list), "{html}");
    let json = serde_json::to_value(&package).unwrap();
    assert_eq!(
        (&json["events"][1]["amount"], &json["events"][1]["currency"]),
        (&900.into(), &"EUR".into())
    );
    assert!(json["events"][0].get("currency").is_none(), "a ticket has no amount");
    let ann = small.who("card:C-ANN");
    let store = &small.store;
    let profile =
        read::profile(store.conn(), store.words(), &small.rules, ann, store.log().last_at())
            .unwrap();
    let orders = &profile.activity["order"];
    assert_eq!((orders.sum, orders.currency.as_deref()), (6900, Some("EUR")));

    // Where the policy names none, that is said.
    let mut bare = small.rules;
    bare.policy.sources.get_mut("till").unwrap().events[0].currency = None;
    let package = whole_package(store, &bare, ann, now()).unwrap();
    let text = page(&package).to_text(None);
    assert!(text.contains("amount: 900") && text.contains("smallest unit"), "{text}");
}

#[test]
fn an_unknown_person_is_answered_no() {
    let small = Small::new();
    let out = small.folder.path().join("nobody");
    let candor = |who: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_candor"))
            .arg("--store")
            .arg(small.store.path())
            .args(["access", who, "--out"])
            .arg(&out)
            .output()
            .unwrap()
    };
    let no = candor("email:nobody@example.com");
    assert_eq!(no.status.code(), Some(1));
    let words = String::from_utf8(no.stderr).unwrap();
    assert!(words.contains("nobody is held under this name"), "{words}");
    assert!(!out.exists());
    assert_eq!(candor("card:C-ANN").status.code(), Some(0));
    assert_eq!(candor("card:C-ANN").status.code(), Some(2), "the folder isn't empty any more");
}
