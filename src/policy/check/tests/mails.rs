//! Mails and pages: what is read of them, and each mistake that they can have.

use super::{line_of, spoil};
use crate::policy::check::check;
use crate::policy::mail::{CONFIRM_WITHIN, LINK_LASTS, Tls};
use crate::policy::outline::outline;

const MAILS: &str = include_str!("../../../../fixtures/mails/policy.toml");

#[test]
fn mails_and_pages_are_read() {
    let checked = check(MAILS).unwrap_or_else(|found| panic!("{}", found[0]));
    assert_eq!(checked.warnings, []);
    let policy = checked.policy;
    let asking = policy.destinations["asking"].smtp().unwrap();
    assert_eq!((asking.tls, asking.port, asking.texts.len()), (Tls::Starttls, 8587, 2));
    assert!(policy.confirms("asking") && !policy.confirms("letters"));
    let (pages, name, _) = policy.confirming(&policy.purposes["newsletter"]).unwrap();
    assert_eq!(
        (name, pages.confirm_within, pages.link_lasts),
        ("asking", CONFIRM_WITHIN, LINK_LASTS)
    );
    assert!(policy.confirming(&policy.purposes["confirmations"]).is_none());
    let lines = outline(&policy);
    for (path, said) in [
        ("destination.letters.smtp.tls", "implicit"),
        ("destination.letters.smtp.text.de.subject", "Ein Brief für {{ data.first_name }}"),
        ("pages.confirm_within", "7 days"),
    ] {
        assert_eq!(lines[path], said);
    }
    // Without a port, the one by custom.
    for (mode, port) in [("implicit", 465), ("starttls", 587), ("none", 25)] {
        let text =
            spoil(MAILS, "port = 8587\ntls = \"starttls\"\n", &format!("tls = \"{mode}\"\n"));
        let policy = check(&text).unwrap_or_else(|found| panic!("{}", found[0])).policy;
        assert_eq!(policy.destinations["asking"].smtp().unwrap().port, port);
    }
}

/// The page's own source has to bring the address in for asking, or a yes there is never confirmed.
#[test]
fn pages_whose_yes_nobody_can_be_asked_about_are_warned_of() {
    let serves = "own = true\npurposes = [\"newsletter\", \"confirmations\"]";
    let text = spoil(MAILS, serves, "own = true\npurposes = [\"newsletter\"]");
    let warnings = check(&text).unwrap_or_else(|found| panic!("{}", found[0])).warnings;
    let [only] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!((only.code, only.line), ("confirm-unfit", line_of(&text, "source = \"page\"")));
    assert!(only.fix.contains("add \"confirmations\""), "{only}");
    // Where a yes needs no confirmation, nobody is asked.
    assert_eq!(check(&text.replace("double_opt_in = true\n", "")).unwrap().warnings, []);
}

#[test]
fn each_mistake_is_told_with_its_line_and_its_remedy() {
    for (code, good, bad, line, remedy) in [
        (
            "bad-host",
            "host = \"localhost\"\nport = 8587",
            "host = \"https://m.example\"\nport = 8587",
            "host = \"https",
            "implicit",
        ),
        (
            "bad-host",
            "host = \"localhost\"\nport = 8587\ntls = \"starttls\"",
            "host = \"m.example\"\ntls = \"none\"",
            "host = \"m.example",
            "127.0.0.1",
        ),
        (
            "unknown-choice",
            "tls = \"starttls\"",
            "tls = \"start-tls\"",
            "tls = \"start-tls",
            "starttls",
        ),
        ("wrong-number", "port = 8587", "port = 85870", "port = 85870", "587"),
        (
            "bad-mailbox",
            "reply_to = \"help@ternandpine.example\"",
            "reply_to = \"help\"",
            "reply_to = ",
            "<post@",
        ),
        (
            "bad-secret",
            "secret = \"smtp\"\nlanguage = \"language\"\n[[destination.asking",
            "secret = \"tern:pine\"\nlanguage = \"language\"\n[[destination.asking",
            "secret = \"tern",
            "candor secret set",
        ),
        (
            "field-not-listed",
            "fields = [\"email\", \"language\"]",
            "fields = [\"email\"]",
            "language = \"language\"\n[[destination.asking",
            "add \"language\"",
        ),
        (
            "mail-without-address",
            "fields = [\"email\", \"first_name\", \"language\"]",
            "fields = [\"first_name\", \"email\", \"language\"]",
            "fields = [\"first_name",
            "[identifier.email]",
        ),
        (
            "bad-template",
            "{{ links.unsubscribe }}\n\"\"\"\n[[",
            "{{ links.confirm }}\n\"\"\"\n[[",
            "text = \"\"\"\nGood",
            "links.preferences",
        ),
        (
            "confirm-link-missing",
            "{{ links.confirm }}\n\nIf not",
            "\n\nIf not",
            "text = \"\"\"\nSomebody",
            "{{ links.confirm }}",
        ),
        (
            "listed-twice",
            "language = \"de\"\nsubject = \"Bitte",
            "language = \"en\"\nsubject = \"Bitte",
            "language = \"en\"\nsubject = \"Bitte",
            "leave one",
        ),
        (
            "bad-template",
            "subject = \"A letter for {{ data.first_name }}\"",
            "subject = \"A letter\\nBcc: a@x.example\"",
            "subject = \"A letter",
            "Our news",
        ),
        (
            "bad-pages-address",
            "url = \"http://127.0.0.1:8600\"",
            "url = \"http://me.example\"",
            "url = \"http://me",
            "https://",
        ),
        (
            "bad-pages-address",
            "url = \"http://127.0.0.1:8600\"",
            "url = \"https://me.example/?a=\"",
            "url = \"https://me",
            "https://",
        ),
        (
            "pages-source-not-own",
            "source = \"page\"",
            "source = \"pag\"",
            "source = \"pag\"",
            "page",
        ),
        (
            "confirm-unfit",
            "confirm = \"asking\"",
            "confirm = \"askin\"\n",
            "confirm = \"askin",
            "asking",
        ),
        (
            "bad-period",
            "confirm = \"asking\"",
            "confirm = \"asking\"\nlink_lasts = \"PT9H\"",
            "link_lasts",
            "P7D",
        ),
        (
            "confirm-unfit",
            "purpose = \"confirmations\"\nchannel",
            "purpose = \"newsletter\"\nchannel",
            "confirm = \"asking\"",
            "one of its own",
        ),
    ] {
        let text = spoil(MAILS, good, bad);
        let found = check(&text).err().unwrap_or_default();
        // A name that isn't known leaves the texts without their link.
        let found: Vec<_> =
            found.iter().filter(|m| code == m.code || m.code != "bad-template").collect();
        let [only] = found.as_slice() else { panic!("{code} for {bad:?}: {found:?}") };
        assert_eq!((only.code, only.line), (code, line_of(&text, line)), "{bad:?}: {only}");
        assert!(only.fix.contains(remedy), "{bad:?}: {only}");
    }
    let at = MAILS.find("[[destination.letters.smtp.text]]").unwrap();
    let end = MAILS.find("[pages]").unwrap();
    let without = format!("{}{}", &MAILS[..at], &MAILS[end..]);
    assert_eq!(check(&without).unwrap_err()[0].code, "mail-without-text");
}
