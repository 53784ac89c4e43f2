//! What a source wrote in a field becomes the text that is compared.
//!
//! The forms of `collect` decide identity by themselves and must be exact; here a text that can't be
//! read is still evidence, so it is kept as cleaned as it can be. Placeholders are nothing.

use unicode_normalization::UnicodeNormalization;

use super::dates::{date, with_plain_digits};
use super::field::{FIELDS, Field, Kind};
use super::fold::fold;
use super::names::Name;
use crate::collect;
use crate::policy::types::IdentifierForm;

/// The digits of a telephone number that are compared: its end, which is the same at home and abroad.
const PHONE_DIGITS: usize = 9;

/// The letters of a text that are compared: no name, address or number is longer, and what takes the square
/// of a text's length to compare must not depend on who wrote the longest one.
pub const TEXT_CHARS_MAX: usize = 200;

/// One record's texts as a source wrote them, by field; empty where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Raw<'a> {
    /// The texts, by `Field`.
    pub texts: [&'a str; FIELDS],
    /// The whole name, where the source has it.
    pub full_name: &'a str,
}

/// The normal text of each field, by `Field`; empty where the record says nothing. `country` is the
/// ISO country of national telephone numbers, where it is known.
pub fn normalise(raw: &Raw<'_>, country: Option<&str>) -> [String; FIELDS] {
    let text = |field: Field| beginning(raw.texts[field as usize]);
    let full_name = beginning(raw.full_name);
    let name = Name::read(full_name, text(Field::Given), text(Field::Middle), text(Field::Family));
    let mut normal: [String; FIELDS] = std::array::from_fn(|_| String::new());
    for field in Field::ALL {
        let text = text(field).trim();
        if text.is_empty() || is_nothing(text) {
            continue;
        }
        normal[field as usize] = match field {
            Field::Given | Field::Family | Field::Middle | Field::Order => continue,
            Field::Birth => date(text),
            Field::Email => email(text),
            Field::Phone => phone(text, country),
            Field::Gender => gender(text),
            Field::Street => street(&fold(text)),
            field if field.about().kind == Kind::Code || field == Field::Postcode => code(text),
            _ => fold(text),
        };
    }
    normal[Field::Given as usize] = name.given;
    normal[Field::Middle as usize] = name.middle;
    normal[Field::Family as usize] = name.family;
    normal
}

/// What is compared of a text.
fn beginning(text: &str) -> &str {
    let text = text.trim_start();
    text.char_indices().nth(TEXT_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

fn is_nothing(text: &str) -> bool {
    collect::is_placeholder(IdentifierForm::Text, text)
}

/// An address in its normal form, or at least in lower case and without spaces.
fn email(text: &str) -> String {
    let text: String = text.nfkc().collect();
    match collect::normalise(IdentifierForm::Email, &text, None) {
        Ok(email) => email,
        Err(collect::Unfit::Placeholder | collect::Unfit::Shortened) => String::new(),
        Err(collect::Unfit::Invalid) => {
            text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
        }
    }
}

/// The last digits of a number in E.164, or of what was written, slips included.
fn phone(text: &str, country: Option<&str>) -> String {
    let text = without_extension(&with_plain_digits(text));
    let number = match collect::normalise(IdentifierForm::Phone, &text, country) {
        Err(collect::Unfit::Placeholder | collect::Unfit::Shortened) => return String::new(),
        Ok(number) => number,
        Err(collect::Unfit::Invalid) => text,
    };
    let signs: Vec<char> =
        number.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    signs[signs.len().saturating_sub(PHONE_DIGITS)..].iter().collect()
}

/// A telephone number without what is dialled after it: `… ext. 12`, `… x12`.
fn without_extension(text: &str) -> String {
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    let end = text.find(['x', 'X']).map(|at| text[..at].trim_end_matches(['e', 'E']));
    end.filter(|number| digits(number) >= 6).unwrap_or(text).to_owned()
}

/// `f`, `m`, or the first letter of whatever else was written.
fn gender(text: &str) -> String {
    let folded = fold(text);
    match folded.as_str() {
        "female" | "woman" | "w" | "weiblich" | "frau" | "femme" | "女" => "f".into(),
        "male" | "man" | "mannlich" | "herr" | "homme" | "男" => "m".into(),
        _ => folded.chars().take(1).collect(),
    }
}

/// A code without its separators and leading zeros.
fn code(text: &str) -> String {
    let signs: String =
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let stripped = signs.trim_start_matches('0');
    if stripped.is_empty() { String::new() } else { stripped.to_owned() }
}

/// A street with its usual words written one way.
fn street(folded: &str) -> String {
    let mut out = String::with_capacity(folded.len());
    for word in folded.split(' ') {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(match word {
            "st" | "str" | "strasse" => "street",
            "rd" => "road",
            "ave" | "av" => "avenue",
            "dr" => "drive",
            "ln" => "lane",
            "pl" => "place",
            "ct" => "court",
            "cres" | "cr" => "crescent",
            "blvd" => "boulevard",
            "hwy" => "highway",
            "sq" => "square",
            "ter" | "terr" => "terrace",
            "cct" => "circuit",
            "cl" => "close",
            "n" => "north",
            "s" => "south",
            "e" => "east",
            "w" => "west",
            other => other,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_compared_by_its_beginning() {
        let long = "anna lindqvist é王 ".repeat(2_000);
        let raw = Raw { texts: [&long; FIELDS], full_name: "" };
        let whole_name = Raw { texts: [""; FIELDS], full_name: &long };
        for normal in [normalise(&raw, None), normalise(&whole_name, Some("IE"))] {
            for (field, text) in Field::ALL.iter().zip(&normal) {
                let chars = text.chars().count();
                assert!(chars <= 2 * TEXT_CHARS_MAX, "{field:?}: {chars}");
            }
            assert!(normal.iter().any(|text| !text.is_empty()));
        }
    }

    #[test]
    fn fields_meet() {
        let of = |field: Field, text, country| {
            let mut raw = Raw::default();
            raw.texts[field as usize] = text;
            normalise(&raw, country)[field as usize].clone()
        };
        assert_eq!(of(Field::Phone, "+12062919585", None), of(Field::Phone, "206 291-9585", None));
        assert_eq!(of(Field::Phone, "030 123456", Some("DE")), "930123456");
        assert_eq!(of(Field::Phone, "0000000000", None), "");
        assert_eq!(of(Field::Phone, "+49 30 12345678 ext. 12", None), "012345678");
        assert_eq!(of(Field::Phone, "１３８１２３４５６７８", None), "812345678");
        assert_eq!(of(Field::Email, "ANN@x.com ", None), "ann@x.com");
        assert_eq!(of(Field::Email, "Ann Lind <ann@x.com>", None), "ann@x.com");
        assert_eq!(of(Field::Email, "ａｎｎ＠x.com", None), "ann@x.com");
        assert_eq!(of(Field::Email, "none@none.com", None), "");
        assert_eq!(of(Field::Postcode, "SW1A 2BL", None), "sw1a2bl");
        assert_eq!(of(Field::Postcode, "00000", None), "");
        assert_eq!(of(Field::Street, "Stanley Dr.", None), "stanley drive");
        assert_eq!(of(Field::Gender, "Female", None), of(Field::Gender, "w", None));
        assert_eq!(of(Field::Number, "n/a", None), "");
    }
}
