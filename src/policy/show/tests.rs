use super::*;
use crate::policy::check::check;
use crate::policy::check::tests::{GOOD, example, spoil};

#[test]
fn a_policy_reads_like_this() {
    let policy = check(GOOD).expect("it has no mistakes").policy;
    let expected = "\
Wren Books (IE)
  contact: privacy@wrenbooks.example
  time zone: Europe/Dublin

Purposes (4)

books: books
  basis: legal obligation (Art 6(1)(c))
  on: Tax Act, s. 886
  categories: order
  kept for: 10 years
  also: its data outlives an erasure (Art 17(3)(b))
help: help
  basis: legitimate interests (Art 6(1)(f))
  on: the assessment LIA-1
  categories: Name and addresses
  kept for: 2 years
letter: Monthly letter
  basis: consent (Art 6(1)(a))
  on: the notice form
  categories: Name and addresses
  channels: email
  kept for: 2 years after last contact
sales: sales
  basis: contract (Art 6(1)(b))
  categories: Name and addresses; order
  kept for: 6 years

Sources (1)

shop: Shop
  for: sales; books; letter
  sends:
    first_name → attribute.first_name, contact, for sales, letter
    mail → identifier.email, contact, for sales, letter
    born → attribute.born, contact, for sales, letter
    gender → ignore
    \"IE\" → attribute.country, contact, for sales, letter
    sale → event, order, for sales, books
    optin → consent to letter by email

Destinations (1)

mailer: Letterbox Ltd, Dublin
  for: letter by email
  gets: email; first_name
  also: in IE
";
    assert_eq!(show(&policy), expected);
}

#[test]
fn what_is_special_conditional_or_refused_is_said() {
    let text = spoil(
        GOOD,
        "categories = [\"contact\"]\nnotice",
        "special_condition = \"9(2)(a)\"\nmarketing = true\ndouble_opt_in = true\nconsent_expires = \"P2Y\"\ncategories = [\"diet\"]\nnotice",
    );
    let text = spoil(&text, "fields = [\"email\", \"first_name\"]", "fields = [\"diet\"]");
    let text = spoil(
        &text,
        "gender = { as = \"ignore\" }",
        "diet = { as = \"attribute.diet\", category = \"diet\" }",
    );
    let policy = check(&text).unwrap_or_else(|found| panic!("{}", found[0])).policy;
    let letter = purposes(&policy).into_iter().find(|row| row.name == "letter").expect("declared");
    assert_eq!(letter.categories, ["diet (special category)"]);
    assert_eq!(letter.grounds, ["the notice form", "Art 9(2)(a)"]);
    assert_eq!(
        letter.remarks,
        [
            "direct marketing",
            "consent must be explicit",
            "consent counts once confirmed",
            "consent expires after 2 years",
        ]
    );
}

#[test]
fn the_rows_of_the_example_say_what_the_gate_will_refuse() {
    let policy = check(&example()).expect("it has no mistakes").policy;
    let refused: Vec<(String, String)> = sources(&policy)
        .into_iter()
        .flat_map(|row| row.sends.into_iter().map(move |sent| (row.name.clone(), sent)))
        .filter(|(_, sent)| !sent.category.is_empty() && sent.purposes.is_empty())
        .map(|(name, sent)| (name, sent.what))
        .collect();
    assert_eq!(refused, [("crm".to_owned(), "diet_note".to_owned())]);
    assert!(show(&policy).contains("diet_note → attribute.diet_note, diet: refused"));
    let rows = sources(&policy);
    let preferences = rows.iter().find(|row| row.name == "preferences").expect("declared");
    assert_eq!(preferences.remarks, ["the person's own act speaks through it"]);
    let consent = preferences.sends.last().expect("it carries consents");
    assert_eq!(consent.becomes, "consent to what purpose says by what channel says");
    assert_eq!(destinations(&policy).len(), 2);
    assert!(show(&policy).contains("order → event with its amount in EUR, order, for"));
    assert!(show(&policy).lines().all(|line| line.trim_end() == line), "no trailing blanks");
}
