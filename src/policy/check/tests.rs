//! Whole files: a good one, the worked example, and one bad file for each mistake.

mod example;
mod mails;
mod mistakes;
mod postgres;
mod random;
mod webhooks;

/// A small policy without mistakes, which the tests spoil line by line.
pub(in crate::policy) const GOOD: &str = r#"[controller]
name = "Wren Books"
country = "IE"
timezone = "Europe/Dublin"
contact = "privacy@wrenbooks.example"

[category.contact]
title = "Name and addresses"
[category.order]
[category.diet]
special = true

[notice.form]
[[notice.form.version]]
version = 1
language = "en"
text = "May we write to you?"
[[notice.form.version]]
version = 2
language = "en"
text = "May we write to you once a month?"

[purpose.letter]
title = "Monthly letter"
basis = "consent"
channels = ["email"]
categories = ["contact"]
notice = "form"
retention = "P24M after last contact"

[purpose.sales]
basis = "contract"
categories = ["contact", "order"]
retention = "P6Y"

[purpose.books]
basis = "legal_obligation"
law = "Tax Act, s. 886"
categories = ["order"]
retention = "P10Y"

[purpose.help]
basis = "legitimate_interests"
assessment = "LIA-1"
categories = ["contact"]
retention = "P2Y"

[identifier.email]
form = "email"
max_records = 3
unless_differ = ["first_name"]

[profile]
winner = "newest"
priority = ["shop"]

[source.shop]
title = "Shop"
key = "customer"
observed = { from = "seen_at" }
dates = ["%d.%m.%Y"]
timezone = "Europe/Paris"
phone_country = "FR"
delimiter = ";"
purposes = ["sales", "books", "letter"]
[source.shop.fields]
first_name = { as = "attribute.first_name", category = "contact" }
mail = { as = "identifier.email", category = "contact" }
born = { as = "attribute.born", category = "contact", type = "date" }
gender = { as = "ignore" }
[[source.shop.fixed]]
as = "attribute.country"
value = "IE"
category = "contact"
[[source.shop.consent]]
purpose = "letter"
channel = "email"
state = { from = "optin", values = { yes = "given", no = "refused" } }
notice = "form@1"
[[source.shop.event]]
name = "sale"
category = "order"
id = { from = "order_no" }
grouped = true
lines = { product = { from = "sku" } }

[destination.mailer]
recipient = "Letterbox Ltd, Dublin"
purpose = "letter"
channel = "email"
fields = ["email", "first_name"]
country = "IE"
"#;

/// The good policy with one piece, which stands in it once, replaced.
pub(in crate::policy) fn spoil(text: &str, good: &str, bad: &str) -> String {
    assert_eq!(text.matches(good).count(), 1, "{good:?} must stand once in the policy");
    text.replacen(good, bad, 1)
}

/// The line, from 1, on which a piece first stands.
fn line_of(text: &str, piece: &str) -> u32 {
    let at = text.find(piece).unwrap_or_else(|| panic!("{piece:?} must stand in the policy"));
    u32::try_from(text[..at].matches('\n').count()).expect("tests are short") + 1
}

/// The worked example that the repository ships.
pub(in crate::policy) fn example() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/brand/policy.toml");
    std::fs::read_to_string(path).expect("the worked example can be read")
}
