//! The page of a person's preferences.

use crate::scene::{Shop, is_strict};
use crate::served::Heard;

/// The value of a hidden field.
fn hidden(page: &Heard, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    page.body
        .split(&field)
        .nth(1)
        .unwrap_or_else(|| panic!("{name}: {}", page.body))
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

fn path(shop: &Shop, who: &str) -> String {
    let link = shop.run(&["preferences", "link", who])["url"].as_str().unwrap().to_owned();
    assert!(!link.contains("dee") && !link.contains('@'), "{link}");
    Shop::path(&link)
}

/// A form of the page with some answers.
fn form(page: &Heard, answers: &str) -> String {
    format!(
        "lang=en&form={}&notice.newsletter={}&{answers}",
        hidden(page, "form"),
        hidden(page, "notice.newsletter")
    )
}

#[test]
fn a_person_sees_where_they_stand_and_no_value_of_theirs() {
    let shop = Shop::new();
    let path = path(&shop, "email:dee@x.example");
    let page = shop.get(&path, "zh-CN,zh;q=0.9");
    is_strict(&page);
    assert!(page.body.contains("<html lang=\"zh\">") && page.body.contains("您的选择"));
    let english = shop.get(&format!("{path}?lang=en"), "zh");
    assert!(english.body.contains("waits for your confirmation"), "{}", english.body);
    assert!(
        english.body.contains("letter-form@2")
            && english.body.contains("We send you a monthly letter.")
    );
    for hidden in ["dee@", "x.example", "Dee", "l1"] {
        assert!(!english.body.contains(hidden), "{hidden}");
    }
    let german = shop.get(&path, "de");
    assert!(
        german.body.contains("Wir senden Ihnen einen Monatsbrief."),
        "the notice in their language"
    );
    shop.log_says_nothing(&[path.rsplit('/').next().unwrap()]);
}

#[test]
fn a_no_counts_at_once_and_a_yes_is_given_to_the_text_on_the_page() {
    let shop = Shop::new();
    let path = path(&shop, "email:ann@x.example");
    let page = shop.get(&path, "en");
    // A form that wasn't on a page of this link does nothing.
    for forged in [
        "all=no",
        "form=&all=no",
        "form=0123456789abcdef0123456789abcdef&consent.newsletter.email=yes",
    ] {
        assert!(shop.post(&path, forged).body.contains("Open the link again"));
    }
    assert_eq!(shop.stands("email:ann@x.example"), "unknown");
    let no = shop.post(
        &path,
        &form(&page, "consent.newsletter.email=no&use.winback=no&channel.email=no&every=30"),
    );
    is_strict(&no);
    assert!(no.body.contains("Your choices are saved"), "{}", no.body);
    let state = shop.run(&["consent", "state", "email:ann@x.example"]);
    assert_eq!(state["objections"], serde_json::json!(["winback"]));
    assert_eq!(state["channels"][0]["permitted"], false);
    assert_eq!(shop.stands("email:ann@x.example"), "refused");
    let again = shop.get(&path, "en");
    assert_eq!(again.body.matches(" checked").count(), 5, "{}", again.body);
    let same = shop.post(
        &path,
        &form(&again, "consent.newsletter.email=no&use.winback=no&channel.email=no&every=30"),
    );
    assert!(same.body.contains("Nothing was changed"));

    // A yes to a text that isn't the newest is not taken.
    let old = format!(
        "form={}&notice.newsletter={}&consent.newsletter.email=yes",
        hidden(&page, "form"),
        "0".repeat(64)
    );
    assert!(shop.post(&path, &old).body.contains("A text has changed meanwhile"));
    assert_eq!(shop.stands("email:ann@x.example"), "refused");
    let yes = shop.post(
        &path,
        &form(&again, "consent.newsletter.email=yes&use.winback=yes&channel.email=yes&every=0"),
    );
    // The link was handed over at the desk, so the address is still to be confirmed.
    assert!(yes.body.contains("is on its way to you"), "{}", yes.body);
    assert_eq!(shop.mails("ann@x.example", 1).len(), 1);
    assert_eq!(shop.stands("email:ann@x.example"), "unconfirmed");
    let history = shop.run(&["consent", "history", "email:ann@x.example"]);
    let said = history
        .as_array()
        .unwrap()
        .iter()
        .rfind(|told| told["state"] == "given" && told["about"] == "consent")
        .unwrap()
        .clone();
    assert_eq!((&said["source"], &said["method"]), (&"page".into(), &"preference page".into()));
    let sha256 = hidden(&again, "notice.newsletter");
    assert_eq!(said["evidence"], format!("notice shown on the page, sha256 {sha256}"));
    assert_eq!((&said["notice"], &said["language"]), (&"letter-form@2".into(), &"en".into()));
    shop.served.is_sound();
}

#[test]
fn no_to_all_is_one_button() {
    let shop = Shop::new();
    let asked = shop.mails("dee@x.example", 1).remove(0);
    shop.post(&Shop::path(&asked.link("confirm").unwrap()), "confirm=yes");
    let path = path(&shop, "email:dee@x.example");
    let page = shop.get(&path, "en");
    shop.post(
        &path,
        &format!("form={}&all=no&consent.newsletter.email=yes", hidden(&page, "form")),
    );
    assert_eq!(shop.stands("email:dee@x.example"), "withdrawn");
    let state = shop.run(&["consent", "state", "email:dee@x.example"]);
    assert_eq!(state["objections"], serde_json::json!(["winback"]));
}

/// "No to all" is no "no" to being asked about what one signs up for later, oneself; who objects to that too is
/// told that no mail comes.
#[test]
fn a_mail_is_promised_only_where_one_goes() {
    let shop = Shop::new();
    shop.mails("dee@x.example", 1);
    let path = path(&shop, "email:dee@x.example");
    let page = shop.get(&path, "en");
    assert!(page.body.contains("When you sign up again yourself"));
    shop.post(&path, &form(&page, "all=no"));
    let said = shop.post(&path, &form(&page, "consent.newsletter.email=yes"));
    assert!(said.body.contains("is on its way to you"), "{}", said.body);
    shop.mails("dee@x.example", 2);

    shop.post(&path, &form(&page, "consent.newsletter.email=no&use.confirmations=no"));
    let said = shop.post(&path, &form(&page, "consent.newsletter.email=yes"));
    assert!(!said.body.contains("is on its way to you"), "{}", said.body);
    assert!(said.body.contains("Please write to us"), "{}", said.body);
    assert_eq!(shop.stands("email:dee@x.example"), "unconfirmed");
    shop.served.is_sound();
}

/// What is asked for on the page is answered by the commands that answer, in its time.
#[test]
fn what_one_has_a_right_to_is_opened_once_and_taken_up() {
    let shop = Shop::new();
    let path = path(&shop, "email:ann@x.example");
    let page = shop.get(&path, "en");
    let ask = |kind: &str| shop.post(&path, &form(&page, &format!("ask={kind}")));
    for kind in ["access", "access", "portability", "erasure", "everything"] {
        let heard = ask(kind);
        assert_eq!(heard.status, 200);
        assert!(heard.body.contains("answer due by"), "{kind}");
    }
    let requests = |standing: &str| {
        let all = shop.run(&["request", "list"]);
        let all = all.as_array().unwrap().clone();
        all.into_iter().filter(|one| one["standing"] == standing).collect::<Vec<_>>()
    };
    let open = requests("open");
    assert_eq!(open.len(), 3);
    let number =
        |kind: &str| open.iter().find(|one| one["kind"] == kind).unwrap()["request"].clone();
    let access = shop.run(&["access", "email:ann@x.example", "--out", "answer"]);
    assert_eq!(access["request"]["id"], number("access"));
    assert_eq!(requests("open").len(), 2);
    let erased = shop.run(&["erase", "email:ann@x.example"]);
    assert_eq!(erased["request"], number("erasure"), "{erased}");
    assert_eq!(requests("open").len(), 1, "the third is nobody's any more, and is closed by hand");
    assert_eq!(shop.get(&path, "en").status, 404);
    shop.served.is_sound();
}
