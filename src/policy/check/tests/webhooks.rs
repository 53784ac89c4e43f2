//! Sources that are delivered by webhooks: what is read of them, and each mistake that they can have.

use super::{GOOD, line_of, spoil};
use crate::policy::check::check;
use crate::policy::outline::outline;
use crate::policy::types::Format;
use crate::policy::webhook::{Digits, Scheme, Signed, TOLERANCE, Webhook};

/// The good policy, with a shop that delivers.
fn delivered(webhook: &str) -> String {
    let text = spoil(GOOD, "delimiter = \";\"\n", "format = \"webhook\"\n");
    let text = spoil(&text, "grouped = true\nlines = { product = { from = \"sku\" } }\n", "");
    spoil(&text, "[source.shop.fields]\n", &format!("{webhook}[source.shop.fields]\n"))
}

const HOOK: &str = "[source.shop.webhook]\nscheme = \"stripe\"\nsecret = \"shop\"\n";

fn read(webhook: &str) -> Webhook {
    let policy = check(&delivered(webhook)).unwrap_or_else(|found| panic!("{}", found[0])).policy;
    let source = &policy.sources["shop"];
    assert_eq!(source.format, Some(Format::Webhook));
    source.webhook.clone().unwrap()
}

#[test]
fn who_may_deliver_is_read() {
    let secret = || "shop".to_owned();
    let known = Webhook { scheme: Scheme::Stripe, secret: secret(), tolerance: TOLERANCE };
    assert_eq!(read(HOOK), known);
    for (word, scheme) in [
        ("standard", Scheme::Standard),
        ("shopify", Scheme::Shopify),
        ("github", Scheme::Github),
        ("url", Scheme::Url),
    ] {
        let text = HOOK.replace("stripe", word);
        assert_eq!(read(&text), Webhook { scheme, ..known.clone() });
    }
    let text = HOOK.replace("stripe", "hmac")
        + "header = \"X-Sign\"\ntimestamp = \"X-Time\"\nencoding = \"base64\"\nprefix = \"v1=\"\ntolerance = \"PT90S\"\n";
    let signed = Signed {
        header: "x-sign".into(),
        timestamp: Some("x-time".into()),
        encoding: Digits::Base64,
        prefix: "v1=".into(),
    };
    let hmac = Webhook { scheme: Scheme::Hmac(signed), secret: secret(), tolerance: 90 };
    assert_eq!(read(&text), hmac);
    let lines = outline(&check(&delivered(&text)).unwrap().policy);
    let said = |key: &str| lines[&format!("source.shop.webhook.{key}")].clone();
    assert_eq!([said("header"), said("tolerance")], ["x-sign", "90 seconds"]);
}

#[test]
fn each_mistake_is_told_with_its_line_and_its_remedy() {
    let hmac = HOOK.replace("stripe", "hmac");
    let shopify = HOOK.replace("stripe", "shopify");
    for (code, text, line, remedy) in [
        ("webhook-missing", delivered(""), "format = \"webhook\"", "[source.shop.webhook]"),
        (
            "webhook-unused",
            spoil(GOOD, "[source.shop.fields]", "items = \"a\"\n[source.shop.fields]"),
            "items =",
            "format = \"webhook\"",
        ),
        (
            "webhook-unused",
            spoil(GOOD, "[source.shop.fields]", &format!("{HOOK}[source.shop.fields]")),
            "[source.shop.webhook]",
            "format = \"webhook\"",
        ),
        (
            "key-missing",
            delivered("[source.shop.webhook]\nsecret = \"shop\"\n"),
            "[source.shop.webhook]",
            "scheme =",
        ),
        (
            "key-missing",
            delivered("[source.shop.webhook]\nscheme = \"stripe\"\n"),
            "[source.shop.webhook]",
            "secret =",
        ),
        ("unknown-choice", delivered(&HOOK.replace("stripe", "strip")), "scheme =", "\"stripe\""),
        (
            "bad-secret-name",
            delivered(&HOOK.replace("\"shop\"", "\"whsec/7\"")),
            "secret =",
            "candor secret set",
        ),
        ("key-missing", delivered(&hmac), "[source.shop.webhook]", "header ="),
        (
            "bad-header-name",
            delivered(&format!("{hmac}header = \"X Sign:\"\n")),
            "header =",
            "hyphens",
        ),
        (
            "unknown-choice",
            delivered(&format!("{hmac}header = \"X\"\nencoding = \"b64\"\n")),
            "encoding =",
            "base64",
        ),
        (
            "webhook-unused",
            delivered(&format!("{HOOK}prefix = \"v1=\"\n")),
            "prefix =",
            "leave prefix out",
        ),
        (
            "webhook-unused",
            delivered(&format!("{shopify}tolerance = \"PT5M\"\n")),
            "tolerance =",
            "leave tolerance out",
        ),
        (
            "bad-tolerance",
            delivered(&format!("{HOOK}tolerance = \"P1D\"\n")),
            "tolerance =",
            "PT5M",
        ),
        (
            "consent-untimed",
            spoil(&delivered(HOOK), "observed = { from = \"seen_at\" }\n", ""),
            "[[source.shop.consent]]",
            "at = ",
        ),
        (
            "grouped-and-webhook",
            spoil(
                &delivered(HOOK),
                "id = { from = \"order_no\" }\n",
                "id = { from = \"order_no\" }\ngrouped = true\n",
            ),
            "[[source.shop.event]]",
            "leave out grouped",
        ),
    ] {
        let found = check(&text).err().unwrap_or_default();
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 1, "{code}: {told:?}");
        assert_eq!((found[0].code, found[0].line), (code, line_of(&text, line)), "{told:?}");
        assert!(found[0].fix.contains(remedy), "{told:?}");
    }
}

#[test]
fn the_worked_policy_is_good() {
    let text = include_str!("../../../../fixtures/webhooks/policy.toml");
    let checked = check(text).unwrap_or_else(|found| panic!("{}", found[0]));
    assert_eq!(checked.warnings, []);
}
