//! What a row says about consent where it says it badly: without a key, without a channel, in words that
//! no map knows. Whatever it may have meant, nobody is reached who said no.

use candor::consent::fold::AsOf;
use candor::consent::gate::Reason;
use candor::send::audience;
use candor::subject::state::{Mark, state};
use candor::subject::told::told;

use crate::common::{POLICY, World, apply, hour};

/// A customer list that has a column for when something was said.
const PAPER: &str = r#"
[source.paper]
title = "Customer list"
key = "id"
observed = { from = "at" }
purposes = ["newsletter"]
[source.paper.fields]
email = { as = "identifier.email", category = "contact" }
[[source.paper.consent]]
purpose = "newsletter"
channel = "email"
state = { from = "optin", values = { yes = "given", no = "refused" } }
at = { from = "said" }
notice = { from = "notice" }
"#;

#[test]
fn a_no_of_which_nobody_says_when_is_told_as_that() {
    let mut world = World::under(&format!("{POLICY}{PAPER}"));
    let rows = "id,at,email,optin,said,notice\n\
        1,2020-01-04,ann@post.example,no,,\n2,2020-01-04,ben@post.example,no,2020-01-03,\n";
    world.import("paper", rows, hour(1));
    let undated = |who: &str| {
        let told = told(&world.store, world.subject(who).unwrap()).unwrap();
        told.iter().map(|told| told.undated).collect::<Vec<_>>()
    };
    assert_eq!(undated("email:ann@post.example"), [true]);
    assert_eq!(undated("email:ben@post.example"), [false]);
}

/// Ann, who consented to the letter in the shop.
fn ann() -> World {
    let text = POLICY.replace(
        "channels = [\"email\"]\ncategories = [\"contact\"]\nnotice = \"letter-form\"",
        "channels = [\"email\", \"sms\"]\ncategories = [\"contact\"]\nnotice = \"letter-form\"",
    );
    assert_ne!(text, POLICY);
    let list = r#"
[source.list]
title = "Mailing list"
key = "id"
observed = { from = "at" }
phone_country = "IE"
purposes = ["newsletter"]
[source.list.fields]
email = { as = "identifier.email", category = "contact" }
phone = { as = "identifier.phone", category = "contact" }
[[source.list.consent]]
purpose = "newsletter"
channel = { from = "channel" }
state = { from = "optin", values = { yes = "given", no = "refused", out = "withdrawn" } }
notice = { from = "notice" }
method = "list"
"#;
    let mut world = World::under(&format!("{text}{list}"));
    let shop = "customer_id,at,name,email,phone,optin,notice\n\
        c1,2026-01-04,Ann,ann@post.example,,yes,letter-form@1\n";
    world.import("shop", shop, hour(1));
    assert_eq!(reached(&world, 1), 1);
    world
}

fn reached(world: &World, at: i64) -> usize {
    audience(&world.store, &world.rules, "mailer", hour(at)).unwrap().permitted.len()
}

const LIST: &str = "id,at,email,phone,channel,optin,notice\n";

#[test]
fn a_withdrawal_reaches_whom_the_address_names_though_the_row_has_no_key() {
    for key in ["", "0", "N/A"] {
        let mut world = ann();
        let row = format!("{LIST}{key},2026-01-05,ann@post.example,,email,out,\n");
        world.import("list", &row, hour(2));
        assert_eq!(reached(&world, 2), 0, "{key:?}");
        let again = world.import("list", &row, hour(3));
        assert_eq!(again.summary.records_new, 0, "said once");
        world.is_sound();
    }
}

#[test]
fn a_no_on_a_channel_that_nobody_knows_holds_on_all() {
    for channel in ["EMAIL", "Email", "e-mail", ""] {
        let mut world = ann();
        let row = format!("{LIST}k1,2026-01-05,ann@post.example,,{channel},out,\n");
        world.import("list", &row, hour(2));
        assert_eq!(reached(&world, 2), 0, "{channel:?}");
    }
}

#[test]
fn a_word_that_no_map_knows_brings_nothing_in_for_its_purpose() {
    let mut world = ann();
    let row = format!(
        "{LIST}k1,2026-01-05,ann@post.example,+353861112223,email,yes,letter-form@1\n\
         k2,2026-01-05,bob@post.example,+353861112224,email,unsubscribed,letter-form@1\n\
         k1,2026-01-06,ann@post.example,+353861119999,email,unsubscribed,letter-form@1\n"
    );
    let outcome = world.import("list", &row, hour(30));
    let held = world.held();
    let holds = |text: &str| held.iter().any(|(.., value)| value == text);
    assert!(holds("+353861112223"), "what came in with a yes is held");
    assert!(
        !holds("+353861119999") && !holds("bob@post.example"),
        "what may be a no brings nothing"
    );
    let withheld = &outcome.summary.purposes["newsletter"].withheld;
    assert!(withheld[Reason::ConsentUnreadable.code()] > 0, "{withheld:?}");
}

#[test]
fn a_yes_without_a_channel_opens_none_of_several() {
    let mut world = ann();
    let row = format!("{LIST}k1,2026-01-05,zo@post.example,+353861112223,,yes,letter-form@1\n");
    let outcome = world.import("list", &row, hour(2));
    let refused = &outcome.summary.statements_refused;
    assert_eq!(refused.get(Reason::ConsentWithoutChannel.code()), Some(&1), "{refused:?}");
    assert!(world.subject("email:zo@post.example").is_none());
}

#[test]
fn a_yes_that_can_not_be_taken_is_counted_with_why() {
    let mut world = World::under(&format!("{POLICY}{PAPER}"));
    let rows = "id,at,email,optin,said,notice\n\
        1,2020-01-04,ann@post.example,yes,yesterday,letter-form@1\n\
        2,2020-01-04,ben@post.example,yes,2020-01-03,letter-form@1\n";
    let summary = world.import("paper", rows, hour(1)).summary;
    assert_eq!(summary.statements_refused.get("invalid_time"), Some(&1));
    assert_eq!(summary.statements["newsletter"]["given"], 1);
}

#[test]
fn a_row_of_which_nothing_is_kept_makes_nobody_one_and_its_no_reaches_both() {
    let mut world = ann();
    let shop = "customer_id,at,name,email,phone,optin,notice\n\
        c2,2026-01-04,Bob,bob@post.example,+353852222222,yes,letter-form@1\n";
    world.import("shop", shop, hour(2));
    assert_eq!(reached(&world, 2), 2);
    let row = format!("{LIST}k9,2026-01-05,ann@post.example,+353852222222,email,out,\n");
    let outcome = world.import("list", &row, hour(3));
    assert_eq!(outcome.summary.merges, 0);
    assert_ne!(world.subject("email:ann@post.example"), world.subject("email:bob@post.example"));
    assert_eq!(reached(&world, 3), 0, "the no may be either's, so it is both's");
    world.is_sound();
}

#[test]
fn who_shares_an_address_with_a_no_is_told_that_nothing_is_sent_there() {
    let text = POLICY.replace(
        "[identifier.email]\nform = \"email\"",
        "[identifier.email]\nform = \"email\"\nunless_differ = [\"first_name\"]",
    );
    assert_ne!(text, POLICY);
    let mut world = World::under(&text);
    let shop = "customer_id,at,name,email,optin,notice\n\
        c1,2026-01-04,Ann,both@post.example,no,\n\
        c2,2026-01-04,Bob,both@post.example,yes,letter-form@1\n";
    world.import("shop", shop, hour(1));
    let bob = world.subjects("email:both@post.example");
    assert_eq!((bob.len(), reached(&world, 1)), (2, 0));
    let told =
        |subject| state(&world.store, &world.rules, subject, AsOf::at(hour(1))).unwrap().marks;
    let mark = Mark::SharedNo { purpose: "newsletter".into() };
    assert_eq!(bob.iter().filter(|subject| told(**subject).contains(&mark)).count(), 1);
    let report = candor::audit::consent::consent(&world.store, None, hour(1)).unwrap();
    assert_eq!(report.shared.iter().map(|row| row.people).collect::<Vec<_>>(), [1]);
}

/// A preference page whose rows name the purpose.
const CHOICES: &str = r#"
[source.choices]
title = "Preference page"
key = "email"
own = true
observed = { from = "at" }
purposes = ["newsletter"]
[source.choices.fields]
email = { as = "identifier.email", category = "contact" }
[[source.choices.consent]]
purpose = { from = "purpose" }
channel = { from = "channel" }
state = { from = "action", values = { give = "given", withdraw = "withdrawn" } }
notice = { from = "notice" }
method = "page"
"#;

#[test]
fn a_no_to_no_purpose_that_is_declared_holds_for_each_that_its_source_serves() {
    for purpose in ["", "news letter", "weekly"] {
        let mut world = World::under(&format!("{POLICY}{CHOICES}"));
        let shop = "customer_id,at,name,email,optin,notice\n\
            c1,2026-01-04,Ann,ann@post.example,yes,letter-form@1\n";
        world.import("shop", shop, hour(1));
        assert_eq!(reached(&world, 1), 1);
        let row = format!(
            "email,at,purpose,channel,action,notice\nann@post.example,2026-01-05,{purpose},email,withdraw,\n"
        );
        let outcome = world.import("choices", &row, hour(2));
        assert_eq!(reached(&world, 2), 0, "{purpose:?}");
        let counts = serde_json::to_value(&outcome.summary).unwrap();
        assert_eq!(counts["noes_of_no_purpose"], 1, "it is told, so that the row can be mended");
        assert_eq!(outcome.summary.statements["newsletter"]["withdrawn"], 1);
        // A yes to it is none, and that is told too.
        let yes = row.replace("withdraw,", "give,letter-form@1").replace("01-05", "01-06");
        let outcome = world.import("choices", &yes, hour(30));
        let refused = &outcome.summary.statements_refused;
        assert_eq!(refused.get(Reason::PurposeNotDeclared.code()), Some(&1), "{purpose:?}");
        assert_eq!(reached(&world, 30), 0, "{purpose:?}");
        world.is_sound();
    }
}

const SHOP: &str = "customer_id,at,name,email,optin,notice\n";

/// Ann, who said yes in the shop on 4 January, and what the shop or her page says then in a word of its own.
fn ann_in_doubt(source: &str, row: &str) -> (World, String) {
    let mut world = World::new();
    let yes = format!("{SHOP}c1,2026-01-04,Ann,ann@post.example,yes,letter-form@1\n");
    world.import("shop", &yes, hour(1));
    assert_eq!(reached(&world, 1), 1);
    let head = if source == "shop" { SHOP } else { "email,at,optin,notice\n" };
    let file = format!("{head}{row}\n");
    let outcome = world.import(source, &file, hour(2));
    assert_eq!(reached(&world, 2), 0, "what may be a no lets nothing out");
    assert!(!outcome.summary.statements.is_empty(), "and that is told");
    world.is_sound();
    (world, file)
}

/// The same under a map that knows the word.
fn corrected(world: &mut World, word: &str, state: &str) {
    let known =
        POLICY.replace("{ yes = \"given\"", &format!("{{ {word} = \"{state}\", yes = \"given\""));
    assert_ne!(known, POLICY);
    apply(&mut world.store, &known, hour(4));
    world.reopen();
}

const DOUBTS: [(&str, &str); 4] = [
    ("shop", "c1,2026-01-05,Ann,ann@post.example,maybe,letter-form@1"),
    // The very moment of the yes.
    ("shop", "c1,2026-01-04,Ann,ann@post.example,maybe,letter-form@1"),
    ("page", "ann@post.example,2026-01-05,maybe,letter-form@1"),
    ("page", "ann@post.example,2026-01-04,maybe,letter-form@1"),
];

#[test]
fn a_word_that_no_map_knows_ends_the_yes_until_the_word_is_known() {
    for (source, row) in DOUBTS {
        let (mut world, file) = ann_in_doubt(source, row);
        let again = world.import(source, &file, hour(3));
        assert!(again.summary.statements.is_empty(), "said once: {row}");
        assert_eq!(reached(&world, 3), 0, "{row}");
        corrected(&mut world, "maybe", "given");
        assert_eq!(reached(&world, 5), 0, "the row itself has to be read again: {row}");
        world.import(source, &file, hour(6));
        assert_eq!(reached(&world, 6), 1, "{row}");
        let again = world.import(source, &file, hour(7));
        assert!(again.summary.statements.is_empty(), "said once: {row}");
        world.is_sound();
    }
}

#[test]
fn a_word_that_turns_out_to_be_a_no_is_one() {
    for (source, row) in DOUBTS {
        let (mut world, file) = ann_in_doubt(source, row);
        corrected(&mut world, "maybe", "withdrawn");
        world.import(source, &file, hour(6));
        assert_eq!(reached(&world, 6), 0, "{row}");
        let subject = world.subject("email:ann@post.example").unwrap();
        let told = told(&world.store, subject).unwrap();
        assert!(told.iter().any(|told| told.state == "withdrawn"), "{row}");
        world.is_sound();
    }
}

#[test]
fn another_file_of_the_same_moment_answers_no_doubt_under_the_map_that_raised_it() {
    let (mut world, _) = ann_in_doubt("shop", DOUBTS[1].1);
    let yes = format!("{SHOP}c1,2026-01-04,Ann,ann@post.example,yes,letter-form@1\n");
    world.import("shop", &yes, hour(3));
    assert_eq!(reached(&world, 3), 0);
}

#[test]
fn what_the_person_says_after_a_word_that_no_map_knows_counts() {
    for (source, row) in DOUBTS {
        let (mut world, _) = ann_in_doubt(source, row);
        let yes = "email,at,optin,notice\nann@post.example,2026-01-06,yes,letter-form@2\n";
        world.import("page", yes, hour(30));
        assert_eq!(reached(&world, 30), 1, "{row}");
    }
}

#[test]
fn a_word_that_no_map_knows_forgets_nothing_and_says_nothing_where_there_is_no_yes() {
    let (mut world, _) = ann_in_doubt("shop", DOUBTS[0].1);
    let held = world.held();
    assert!(held.iter().any(|(.., text)| text == "ann@post.example"), "{held:?}");
    let row = format!("{SHOP}c2,2026-01-05,Bob,bob@post.example,maybe,letter-form@1\n");
    let outcome = world.import("shop", &row, hour(3));
    assert!(outcome.summary.statements.is_empty());
}

/// A tool that says in one field whether somebody is subscribed, and in another why not.
const TOOL: &str = r#"
[source.tool]
title = "Mailing tool"
key = "id"
observed = { from = "at" }
purposes = ["newsletter"]
[source.tool.fields]
email = { as = "identifier.email", category = "contact" }
[[source.tool.consent]]
purpose = "newsletter"
channel = "email"
state = { from = "optin", values = { yes = "given", out = "withdrawn" } }
notice = "letter-form@2"
[[source.tool.consent]]
purpose = "newsletter"
channel = "email"
state = { from = "reason", values = { abuse = "withdrawn" } }
"#;

#[test]
fn a_word_that_no_map_knows_beside_a_plain_word_takes_a_yes_back_and_hides_no_no() {
    for (optin, state) in [("yes", "invalidated"), ("out", "withdrawn")] {
        let mut world = World::under(&format!("{POLICY}{TOOL}"));
        let shop = format!("{SHOP}c1,2026-01-04,Ann,ann@post.example,yes,letter-form@1\n");
        world.import("shop", &shop, hour(1));
        let row = format!("id,at,email,optin,reason\nt1,2026-01-05,ann@post.example,{optin},odd\n");
        world.import("tool", &row, hour(2));
        assert_eq!(reached(&world, 2), 0, "{optin}");
        let again = world.import("tool", &row, hour(3));
        assert!(again.summary.statements.is_empty(), "said once: {optin}");
        let subject = world.subject("email:ann@post.example").unwrap();
        let stands = state_of(&world, subject);
        assert_eq!(stands, state, "{optin}");
        world.is_sound();
    }
}

/// How the consent to the letter stands.
fn state_of(world: &World, subject: i64) -> &'static str {
    let state = state(&world.store, &world.rules, subject, AsOf::at(hour(3))).unwrap();
    state.purposes.iter().find(|purpose| purpose.purpose == "newsletter").unwrap().state
}

/// A list of the person's own page, which has no time at all.
const TIMELESS: &str = r#"
[source.signups]
title = "Sign-ups"
key = "email"
own = true
purposes = ["newsletter"]
[source.signups.fields]
email = { as = "identifier.email", category = "contact" }
[[source.signups.consent]]
purpose = "newsletter"
channel = "email"
state = { from = "optin", values = { yes = "given", no = "refused" } }
notice = { from = "notice" }
"#;

/// A "yes" without a time may be older than whatever the person said since (laws 6 and 9).
#[test]
fn a_yes_of_which_nobody_says_when_takes_back_no_no_and_brings_nobody_back() {
    let shop = "customer_id,at,name,email,optin,notice\n\
        c1,2026-01-04,Ann,ann@post.example,yes,letter-form@1\n\
        c2,2026-01-04,Ben,ben@post.example,yes,letter-form@1\n";
    let own = "email,at,optin,notice\nann@post.example,2026-01-05,out,\n";
    let row = |who: &str| format!("email,optin,notice\n{who}@post.example,yes,letter-form@1\n");
    let timed = |who: &str, at: &str| {
        format!("email,at,optin,notice\n{who}@post.example,{at},yes,letter-form@1\n")
    };
    let mut world = World::under(&format!("{POLICY}{TIMELESS}"));
    world.import("shop", shop, hour(1));
    world.import("page", own, hour(2));
    world.erase("email:ben@post.example", hour(3));
    assert_eq!(reached(&world, 3), 0);
    for (source, rows) in
        [("signups", row("ann")), ("page", timed("ann", "")), ("page", timed("ann", "yesterday"))]
    {
        let summary = world.import(source, &rows, hour(30)).summary;
        assert_eq!(summary.statements_refused.get("missing_time"), Some(&1), "{source} {rows}");
    }
    for (source, rows) in [("signups", row("ben")), ("page", timed("ben", ""))] {
        let summary = world.import(source, &rows, hour(31)).summary;
        assert_eq!((summary.returned, summary.records_new), (0, 0), "{source}");
    }
    assert_eq!(reached(&world, 31), 0);
    // Of somebody who said nothing else it counts from its arrival.
    world.import("signups", &row("cay"), hour(32));
    assert_eq!(reached(&world, 32), 1);
    world.is_sound();
}
