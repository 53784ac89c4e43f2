//! The page by which a consent is confirmed.

use crate::scene::{Shop, is_strict};

#[test]
fn a_mailed_link_confirms_when_its_form_is_sent_back_and_not_before() {
    let shop = Shop::new();
    let mail = shop.mails("dee@x.example", 1).remove(0);
    let path = Shop::path(&mail.link("confirm").unwrap());
    assert_eq!(shop.stands("email:dee@x.example"), "unconfirmed");
    // Programs that look through mails: GET, HEAD, and again.
    for method in ["GET", "HEAD", "GET"] {
        let heard = shop.served.ask(method, &path, &[], b"");
        assert_eq!(heard.status, 200);
    }
    // One that even posts, without the button.
    assert_eq!(shop.post(&path, "").status, 200);
    assert_eq!(shop.post(&path, "List-Unsubscribe=One-Click").status, 200);
    assert_eq!(shop.stands("email:dee@x.example"), "unconfirmed");
    let page = shop.get(&path, "de-AT, en;q=0.5");
    is_strict(&page);
    assert!(page.body.contains("<html lang=\"de\">"), "{}", page.body);
    assert!(page.body.contains("Ja, ich willige ein"));
    assert!(page.body.contains("Monthly &lt;letter&gt;"), "titles are text");
    // The notice of the form, in the reader's language, since nobody said in which it was shown.
    assert!(page.body.contains("Wir senden Ihnen einen Monatsbrief."));
    let done = shop.post(&path, "confirm=yes");
    is_strict(&done);
    assert_eq!(done.status, 200);
    assert!(done.body.contains("You have consented"), "{}", done.body);
    assert_eq!(shop.stands("email:dee@x.example"), "given");
    // Used, expired or made up: the same page, which says nothing of anybody.
    let used = shop.post(&path, "confirm=yes");
    let made_up = shop.get(&format!("/confirm/{}", "A".repeat(43)), "en");
    let nonsense = shop.get("/confirm/%2e%2e%2fetc", "en");
    is_strict(&used);
    assert_eq!((used.status, made_up.status, nonsense.status), (404, 404, 404));
    assert_eq!((&used.body, &nonsense.body), (&made_up.body, &made_up.body));
    assert!(!used.body.contains("onthly"));
    let token = path.rsplit('/').next().unwrap();
    shop.log_says_nothing(&[token]);
    shop.served.is_sound();
}

#[test]
fn other_methods_and_other_origins_have_no_business_there() {
    let shop = Shop::new();
    let path = format!("/preferences/{}", "A".repeat(48));
    for method in ["PUT", "DELETE", "OPTIONS"] {
        let heard = shop.served.ask(method, &path, &[("Origin", "https://evil.example")], b"");
        assert_eq!(heard.status, 405, "{method}");
    }
    let heard = shop.served.ask("GET", &path, &[("Origin", "https://evil.example")], b"");
    assert!(heard.header("access-control-allow-origin").is_none());
    is_strict(&heard);
}
