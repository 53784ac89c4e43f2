//! What a row says about consent where it says it badly: without a key, without a channel, in words that
//! no map knows. Whatever it may have meant, nobody is reached who said no.

use candor::consent::fold::AsOf;
use candor::consent::gate::Reason;
use candor::send::audience;
use candor::subject::state::{Mark, state};
use candor::subject::told::told;

use crate::common::{POLICY, World, hour};

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
