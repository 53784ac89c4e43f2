use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::policy::check::tests::{GOOD, example, spoil};
use crate::policy::check::{check, check_after};

fn policy(text: &str) -> Policy {
    check(text).unwrap_or_else(|found| panic!("{}", found[0])).policy
}

/// What stands in the good policy, what then stands there, and the path, old and new words of the
/// one change that this is.
type Edit = (&'static str, &'static str, &'static str, Option<&'static str>, Option<&'static str>);

/// Edits that leave the policy good.
const EDITS: &[Edit] = &[
    ("Wren Books", "Wren & Co", "controller.name", Some("Wren Books"), Some("Wren & Co")),
    (
        "[category.contact]",
        "dpo = \"dpo@wrenbooks.example\"\n[category.contact]",
        "controller.dpo",
        None,
        Some("dpo@wrenbooks.example"),
    ),
    ("special = true", "special = false", "category.diet.special", Some("yes"), None),
    (
        "write to you once a month?\"",
        "write to you once a month?\"\nmaterial = true",
        "notice.form.version.2.en.material",
        None,
        Some("yes"),
    ),
    (
        "P24M after last contact",
        "P1Y6M",
        "purpose.letter.retention",
        Some("2 years after last contact"),
        Some("1 year and 6 months"),
    ),
    (
        "basis = \"contract\"",
        "basis = \"vital_interests\"",
        "purpose.sales.basis",
        Some("contract (Art 6(1)(b))"),
        Some("vital interests (Art 6(1)(d))"),
    ),
    (
        "channels = [\"email\"]",
        "channels = [\"email\", \"post\"]",
        "purpose.letter.channels",
        Some("email"),
        Some("email, post"),
    ),
    (
        "notice = \"form\"\n",
        "notice = \"form\"\nconsent_expires = \"P13M\"\n",
        "purpose.letter.consent_expires",
        None,
        Some("1 year and 1 month"),
    ),
    (
        "law = ",
        "keeps_on_erasure = \"17(3)(e)\"\nlaw = ",
        "purpose.books.keeps_on_erasure",
        Some("17(3)(b)"),
        Some("17(3)(e)"),
    ),
    (
        "form = \"email\"",
        "links = false\nform = \"email\"",
        "identifier.email.links",
        Some("yes"),
        Some("no"),
    ),
    ("max_records = 3", "max_records = 4", "identifier.email.max_records", Some("3"), Some("4")),
    (
        "[identifier.email]",
        "[identifier.email]\nmax_values = 2",
        "identifier.email.max_values",
        None,
        Some("2"),
    ),
    (
        "winner = \"newest\"",
        "winner = \"newest\"\nattributes = { born = \"source_priority\" }",
        "profile.attributes.born",
        None,
        Some("source_priority"),
    ),
    (
        "delimiter = \";\"",
        "delimiter = \"\\t\"",
        "source.shop.delimiter",
        Some("';'"),
        Some("'\\t'"),
    ),
    (
        "[\"%d.%m.%Y\"]",
        "[\"%B %d, %Y\", \"%F\"]",
        "source.shop.dates",
        Some("%d.%m.%Y"),
        Some("\"%B %d, %Y\", %F"),
    ),
    ("observed = { from = \"seen_at\" }", "", "source.shop.observed", Some("field seen_at"), None),
    (
        ", type = \"date\"",
        ", type = \"text\"",
        "source.shop.fields.born.type",
        Some("date"),
        Some("text"),
    ),
    (
        "value = \"IE\"",
        "value = \"FR\"",
        "source.shop.fixed.\"attribute.country\".value",
        Some("IE"),
        Some("FR"),
    ),
    (
        "no = \"refused\"",
        "no = \"withdrawn\"",
        "source.shop.consent.letter/email.state",
        Some("field optin (no → refused, yes → given)"),
        Some("field optin (no → withdrawn, yes → given)"),
    ),
    (
        "lines = { product = { from = \"sku\" } }",
        "lines = { product = \"book\" }",
        "source.shop.event.sale.lines.product",
        Some("field sku"),
        Some("always \"book\""),
    ),
    (
        "fields = [\"email\", \"first_name\"]",
        "fields = [\"email\"]",
        "destination.mailer.fields",
        Some("email, first_name"),
        Some("email"),
    ),
    (
        "[destination.mailer]\n",
        "[destination.mailer]\nread_by = \"spreadsheet\"\n",
        "destination.mailer.read_by",
        None,
        Some("spreadsheet"),
    ),
];

proptest! {
    #[test]
    fn every_change_is_told_and_no_other(chosen in prop::collection::btree_set(0..EDITS.len(), 0..=EDITS.len())) {
        let edited = chosen.iter().fold(GOOD.to_owned(), |text, edit| {
            spoil(&text, EDITS[*edit].0, EDITS[*edit].1)
        });
        let (old, new) = (policy(GOOD), policy(&edited));
        let told: BTreeMap<String, _> =
            diff(&old, &new).into_iter().map(|c| (c.path, (c.from, c.to, c.kind))).collect();
        let kind = |from: Option<&str>, to: Option<&str>| match (from, to) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        let made: BTreeMap<String, _> = chosen
            .iter()
            .map(|edit| EDITS[*edit])
            .map(|(_, _, path, from, to)| {
                (path.to_owned(), (from.map(str::to_owned), to.map(str::to_owned), kind(from, to)))
            })
            .collect();
        prop_assert_eq!(told, made);
    }
}

#[test]
fn a_policy_does_not_differ_from_itself() {
    let policy = policy(&example());
    assert_eq!(diff(&policy, &policy), []);
}

#[test]
fn what_is_new_and_what_is_gone_mirror_each_other() {
    let purpose = "[purpose.prize]\ntitle = \"Prize draw\"\nbasis = \"contract\"\ncategories = [\"contact\"]\nretention = \"P1Y\"\n";
    let (without, with) = (policy(GOOD), policy(&format!("{GOOD}{purpose}")));
    let added = diff(&without, &with);
    let said: Vec<_> = added.iter().map(|c| (c.path.as_str(), c.to.as_deref())).collect();
    assert_eq!(
        said,
        [
            ("purpose.prize.basis", Some("contract (Art 6(1)(b))")),
            ("purpose.prize.categories", Some("contact")),
            ("purpose.prize.retention", Some("1 year")),
            ("purpose.prize.title", Some("Prize draw")),
        ]
    );
    let removed = diff(&with, &without);
    assert_eq!(removed.len(), added.len());
    for (gone, new) in removed.iter().zip(&added) {
        assert_eq!((&gone.path, &gone.from, &gone.to), (&new.path, &new.to, &new.from));
        assert_eq!((gone.kind, new.kind), (ChangeKind::Removed, ChangeKind::Added));
    }
}

#[test]
fn two_consents_for_one_purpose_are_both_told() {
    let second = "[[source.shop.consent]]\npurpose = \"letter\"\nchannel = \"email\"\nstate = \"withdrawn\"\n[[source.shop.event]]";
    let new = policy(&spoil(GOOD, "[[source.shop.event]]", second));
    let told = diff(&policy(GOOD), &new);
    assert!(
        told.iter().all(|change| change.path.starts_with("source.shop.consent.letter/email#2."))
    );
    assert_eq!(told.len(), 3, "purpose, channel and state");
}

fn held(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn told(old: &str, new: &str, held_under: &[&str]) -> Vec<Mistake> {
    let (old, held) = (policy(old), held(held_under));
    // Whoever holds data under a purpose that rests on consent has had consents.
    let refused = BTreeMap::new();
    let before = InForce {
        policy: &old,
        purposes_with_data: &held,
        purposes_with_consents: &held,
        refused: &refused,
    };
    check_after(new, Some(before)).err().unwrap_or_default()
}

fn refused(edited: &str, held_under: &[&str]) -> Vec<(&'static str, String)> {
    let mistakes = told(GOOD, edited, held_under);
    for mistake in &mistakes {
        assert!(!mistake.why.is_empty() && !mistake.fix.is_empty());
    }
    mistakes.into_iter().map(|mistake| (mistake.code, mistake.path)).collect()
}

#[test]
fn a_basis_is_not_swapped_under_data() {
    let swapped = spoil(GOOD, "basis = \"contract\"", "basis = \"vital_interests\"");
    assert_eq!(
        refused(&swapped, &["sales"]),
        [("basis-swapped", "purpose.sales.basis".to_owned())]
    );
    assert_eq!(refused(&swapped, &["letter", "books"]), [], "no data is held under it");
    let told = told(GOOD, &swapped, &["sales"]);
    assert!(told[0].fix.contains("declare a new purpose"));
    assert!(told[0].why.contains("05/2020"));
    let line = swapped.lines().nth(told[0].line as usize - 1).unwrap();
    assert_eq!(line, "basis = \"vital_interests\"");
}

#[test]
fn a_purpose_is_not_removed_under_data() {
    let help = "[purpose.help]\nbasis = \"legitimate_interests\"\nassessment = \"LIA-1\"\ncategories = [\"contact\"]\nretention = \"P2Y\"\n";
    let removed = spoil(GOOD, help, "");
    assert_eq!(refused(&removed, &["help"]), [("purpose-removed", "purpose.help".to_owned())]);
    assert_eq!(refused(&removed, &[]), []);
}

#[test]
fn notices_are_kept_whole() {
    let changed = spoil(GOOD, "May we write to you?", "May we write to you!");
    let at = "notice.form.version.1.en".to_owned();
    assert_eq!(refused(&changed, &[]), [("notice-changed", at.clone())], "with no data as well");
    let first = "[[notice.form.version]]\nversion = 1\nlanguage = \"en\"\ntext = \"May we write to you?\"\n";
    let removed = spoil(&spoil(GOOD, first, ""), "form@1", "form@2");
    assert_eq!(refused(&removed, &[]), [("notice-removed", at)]);
    let added = spoil(
        GOOD,
        "[purpose.letter]",
        "[[notice.form.version]]\nversion = 3\nlanguage = \"en\"\ntext = \"May we?\"\n[purpose.letter]",
    );
    assert_eq!(refused(&added, &["letter"]), []);
    let told = told(&added, &changed, &[]);
    let mistake = told.iter().find(|mistake| mistake.code == "notice-changed").unwrap();
    let fix = &mistake.fix;
    assert!(fix.contains("version = 4"), "the next number is free in both policies: {fix}");
    let line = changed.lines().nth(mistake.line as usize - 1).unwrap();
    assert_eq!(line, "text = \"May we write to you!\"");
}

/// What a file may not change is told together with what is wrong in it, on lines in its order.
#[test]
fn mistakes_of_both_kinds_are_told_at_once() {
    let swapped = spoil(GOOD, "basis = \"contract\"", "basis = \"vital_interests\"");
    let changed = spoil(&swapped, "May we write to you?", "May we write to you!");
    let spoilt = spoil(&changed, "[controller]\n", "[controller]\ncolour = \"red\"\n");
    let told = told(GOOD, &spoilt, &["sales", "help"]);
    let codes: Vec<_> = told.iter().map(|mistake| mistake.code).collect();
    assert_eq!(codes, ["unknown-key", "notice-changed", "basis-swapped"]);
    assert!(told.windows(2).all(|pair| pair[0].line < pair[1].line));
}

/// A purpose or a text that stands there and can't be read is one mistake, not a second as removed.
#[test]
fn what_cannot_be_read_is_not_told_as_removed() {
    let spoilt = spoil(GOOD, "basis = \"contract\"", "basis = \"contrat\"");
    let codes: Vec<_> = told(GOOD, &spoilt, &["sales"]).iter().map(|m| m.code).collect();
    assert_eq!(codes, ["unknown-basis"]);
    let spoilt = spoil(GOOD, "text = \"May we write to you?\"", "text = \"\"");
    let codes: Vec<_> = told(GOOD, &spoilt, &[]).iter().map(|m| m.code).collect();
    assert_eq!(codes, ["empty-text"]);
}

#[test]
fn amounts_that_are_held_keep_their_currency() {
    let line = "grouped = true\n";
    let with = |currency: &str| {
        let more = format!("{line}amount = {{ from = \"cents\" }}\ncurrency = \"{currency}\"\n");
        spoil(GOOD, line, &more)
    };
    let codes = |old: &str, new: &str, held: &[&str]| {
        told(old, new, held).into_iter().map(|mistake| mistake.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&with("EUR"), &with("USD"), &["sales"]), ["currency-changed"]);
    assert_eq!(codes(&with("EUR"), &with("USD"), &[]), [""; 0], "no amount is held");
    assert_eq!(codes(&with("EUR"), &with("EUR"), &["sales"]), [""; 0]);
}

/// The good policy with a purpose for what people can't eat, which `shop` sends for it and for events.
fn with_diets(mark: &str, condition: &str) -> String {
    let marked = spoil(GOOD, "special = true\n", mark);
    let purpose = format!(
        "[purpose.meals]\nbasis = \"contract\"\ncategories = [\"diet\"]\n{condition}retention = \"P1Y\"\n\
         [purpose.sales]"
    );
    let fields =
        "[source.shop.fields]\nallergy = { as = \"attribute.allergy\", category = \"diet\" }\n";
    spoil(&spoil(&marked, "[purpose.sales]", &purpose), "[source.shop.fields]\n", fields)
}

/// What is held of a special category keeps its mark and its condition.
#[test]
fn protection_is_not_taken_from_what_is_held() {
    let condition = |letter: char| format!("special_condition = \"9(2)({letter})\"\n");
    let good = with_diets("special = true\n", &condition('c'));
    let codes = |new: &str, held: &[&str]| -> Vec<_> {
        told(&good, new, held).into_iter().map(|mistake| (mistake.code, mistake.path)).collect()
    };
    let unmarked = with_diets("", &condition('c'));
    let bare = with_diets("", "");
    let swapped = with_diets("special = true\n", &condition('g'));
    let moved = spoil(
        &good,
        "attribute.allergy\", category = \"diet\"",
        "attribute.allergy\", category = \"order\"",
    );
    let special = ("special-removed", "category.diet".to_owned());
    let other = ("condition-swapped", "purpose.meals.special_condition".to_owned());
    assert_eq!(codes(&good, &["meals"]), []);
    assert_eq!(codes(&unmarked, &["meals"]), [("special-removed", "category.diet".to_owned())]);
    assert_eq!(codes(&bare, &["meals"]), [special, other.clone()]);
    assert_eq!(codes(&swapped, &["meals"]), [other]);
    assert_eq!(codes(&moved, &["meals"]), [("special-removed", "source.shop".to_owned())]);
    for new in [&unmarked, &bare, &swapped, &moved] {
        assert_eq!(codes(new, &["sales", "letter"]), [], "none of it is held");
    }
    // What the purpose lets go needs no condition.
    let narrowed = spoil(
        &good,
        "categories = [\"diet\"]\nspecial_condition = \"9(2)(c)\"\n",
        "categories = [\"order\"]\n",
    );
    assert_eq!(codes(&narrowed, &["meals"]), []);
}

/// A consent covers what its notice told.
#[test]
fn a_consent_is_not_widened_under_the_same_notice() {
    let wider = spoil(
        GOOD,
        "categories = [\"contact\"]\nnotice = \"form\"",
        "categories = [\"contact\", \"order\"]\nnotice = \"form\"",
    );
    let next = |material: bool| {
        let version = format!(
            "[[notice.form.version]]\nversion = 3\nlanguage = \"en\"\ntext = \"May we?\"\n\
             material = {material}\n[purpose.letter]"
        );
        spoil(&wider, "[purpose.letter]", &version)
    };
    let mistake = [("consent-widened", "purpose.letter.categories".to_owned())];
    assert_eq!(refused(&wider, &["letter"]), mistake);
    assert_eq!(refused(&next(false), &["letter"]), mistake, "nobody is asked again");
    assert_eq!(refused(&next(true), &["letter"]), []);
    assert_eq!(refused(&wider, &["sales"]), [], "nobody consented");
    let told = told(GOOD, &wider, &["letter"]);
    assert!(told[0].fix.contains("version = 3") && told[0].fix.contains("material = true"));
    // A purpose that rests on something else is no consent.
    let more = spoil(
        GOOD,
        "categories = [\"contact\"]\nretention = \"P2Y\"",
        "categories = [\"contact\", \"order\"]\nretention = \"P2Y\"",
    );
    assert_eq!(refused(&more, &["help"]), []);
}
