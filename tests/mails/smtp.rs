//! What a mail server is handed, and what becomes of a mail by what it says.

use candor::policy::check;

use crate::mailserver::MailServer;
use crate::scene::{Scene, policy};

#[test]
fn a_letter_goes_to_whom_the_gate_lets_it_and_is_as_it_should_be() {
    let mut scene = Scene::new();
    assert_eq!(scene.push(), 2);
    assert_eq!(scene.send().delivered, 2);
    assert_eq!(scene.disclosures(), 2);
    let ann = scene.server.to("ann@x.example").remove(0);
    assert_eq!(ann.from, "letters@harbourbooks.example");
    assert_eq!(
        ann.head("From").as_deref(),
        Some("\"Harbour Books\" <letters@harbourbooks.example>")
    );
    assert_eq!(ann.head("To").as_deref(), Some("ann@x.example"));
    assert!(ann.head("Subject").unwrap().contains("=?utf-8?b?"), "{}", ann.text);
    assert!(ann.text.is_ascii());
    assert!(
        ann.body().contains("Good morning, Zoë 王!\r\n.\r\n"),
        "a dot alone is a line: {}",
        ann.body()
    );
    assert_eq!(ann.head("List-Unsubscribe-Post").as_deref(), Some("List-Unsubscribe=One-Click"));
    let link = ann.head("List-Unsubscribe").unwrap();
    assert_eq!(link, format!("<{}>", ann.link("unsubscribe").unwrap()));
    for address in [link, ann.link("preferences").unwrap()] {
        assert!(address.contains("https://me.harbourbooks.example/"), "{address}");
        assert!(!address.contains("ann") && !address.contains("newsletter"), "{address}");
    }
    // One connection for both, and whoever signs in does so first.
    let said = scene.server.said();
    let count = |verb: &str| said.iter().filter(|line| line.starts_with(verb)).count();
    assert_eq!((count("EHLO"), count("AUTH PLAIN"), count("MAIL"), count("QUIT")), (1, 1, 2, 1));
    scene.is_sound();
}

#[test]
fn who_withdrew_while_a_letter_waited_gets_none() {
    let mut scene = Scene::new();
    scene.push();
    scene.withdraw("email:ann@x.example");
    let report = scene.send();
    assert_eq!((report.delivered, report.withheld.get("consent_withdrawn")), (1, Some(&1)));
    assert!(scene.server.to("ann@x.example").is_empty());
    scene.is_sound();
}

/// What a server answers decides over the mail, or over none.
#[test]
fn what_a_server_says_decides() {
    for (verb, reply, state, status) in [
        ("RCPT", "550 nobody", "dead", 1550),
        ("RCPT", "450 come again", "waiting", 1450),
        ("DATA", "554 no", "dead", 1554),
        (".", "554 spam", "dead", 1554),
        (".", "452 full", "waiting", 1452),
        ("MAIL", "550 not you", "waiting", 1550),
        ("AUTH", "535 not you", "waiting", 1535),
        ("EHLO", "421 busy", "waiting", 1421),
    ] {
        let mut scene = Scene::new();
        scene.withdraw("email:bo@x.example");
        scene.push();
        // What isn't understood at EHLO is tried as HELO.
        scene.server.will(verb, reply);
        scene.server.will("HELO", reply);
        scene.send();
        let row = scene.rows().remove(0);
        assert_eq!((row.state, row.status), (state, status), "{verb} {reply}");
        assert!(row.words.contains(&reply[..3]), "{}", row.words);
        assert_eq!(scene.disclosures(), 1, "it may have gone out");
        scene.wait(3_600);
        let again = scene.send();
        assert_eq!(again.delivered, u64::from(state == "waiting"), "{verb} {reply}");
        assert_eq!(scene.disclosures(), 1, "one message, however often it is tried");
        scene.is_sound();
    }
}

#[test]
fn without_its_secret_nothing_is_sent_and_nothing_disclosed() {
    let mut scene = Scene::new();
    scene.secret("smtp", "no password");
    scene.push();
    assert_eq!(scene.send().without_secret, 2);
    assert_eq!((scene.disclosures(), scene.server.taken().len()), (0, 0));
    // Whoever sets it and has what is due sent needn't wait for the next look.
    scene.secret("smtp", "user:pass");
    assert_eq!(scene.send().delivered, 2);
}

#[test]
fn a_server_that_offers_no_starttls_is_told_as_that() {
    let mut scene =
        Scene::under(|server| policy(server).replace("tls = \"none\"", "tls = \"starttls\""));
    scene.push();
    scene.send();
    let row = scene.rows().remove(0);
    assert!(row.state == "waiting" && row.words.contains("STARTTLS"), "{}", row.words);
    assert_eq!(scene.server.taken().len(), 0);
}

#[test]
fn a_mail_is_not_taken_back_and_the_certificate_says_who_tells() {
    let mut scene = Scene::new();
    scene.push();
    scene.send();
    scene.withdraw("email:ann@x.example");
    assert!(scene.rows().is_empty(), "what was mailed lies with its reader");
    let now = scene.now();
    let certificate = scene.world.erase("email:ann@x.example", now);
    assert!(!certificate.recipients[0].told_by_message);
    scene.is_sound();
}

#[test]
fn the_policy_says_what_is_wrong_with_a_mail() {
    let server = MailServer::start();
    let good = policy(&server);
    assert!(check(&good).is_ok(), "{:?}", check(&good));
    for (from, to, code) in [
        ("host = \"127.0.0.1\"", "host = \"mail.example\"", "bad-host"),
        ("tls = \"none\"", "tls = \"ssl\"", "unknown-choice"),
        ("Harbour Books <letters@harbourbooks.example>", "Harbour Books", "bad-mailbox"),
        ("secret = \"smtp\"", "secret = \"user:pass\"", "bad-secret"),
        (
            "[\"email\", \"first_name\"]\ncountry",
            "[\"first_name\", \"email\"]\ncountry",
            "mail-without-address",
        ),
        ("data.first_name }}!", "data.born }}!", "field-not-listed"),
        ("links.preferences", "links.confirm", "bad-template"),
        ("secret = \"smtp\"", "language = \"language\"", "field-not-listed"),
        ("https://me.harbourbooks.example", "http://me.harbourbooks.example", "bad-pages-address"),
        ("source = \"page\"", "source = \"shop\"", "pages-source-not-own"),
    ] {
        // The second of the two destinations with these fields is the one of mails.
        let at = good.rfind(from).unwrap_or_else(|| panic!("{from}"));
        let bad = format!("{}{to}{}", &good[..at], &good[at + from.len()..]);
        let mistakes = check(&bad).expect_err(code);
        assert!(mistakes.iter().any(|mistake| mistake.code == code), "{code}: {mistakes:?}");
    }
    let without =
        good.replace("[[destination.letters.smtp.text]]", "[[destination.letters.smtp.texts]]");
    assert!(check(&without).unwrap_err().iter().any(|m| m.code == "mail-without-text"));
    let no_pages = &good[..good.find("[pages]").unwrap()];
    assert!(check(no_pages).unwrap_err().iter().all(|m| m.code == "bad-template"));
}
