//! Telephone numbers in E.164: `+`, the calling code, the number, and nothing else.

use super::phone_plans::{PhonePlan, of_country, of_number};

/// Reads a number as people write it. One without `+` or `00` is of `country`.
///
/// `None` when there is no country for a national number, or it has too few or too many digits.
pub(super) fn e164(text: &str, country: Option<&str>) -> Option<String> {
    let plan = country.and_then(of_country);
    let (digits, is_marked) = digits(text)?;
    let abroad = match plan.map(|plan| plan.code) {
        Some("1") => digits.strip_prefix("011"),
        _ => None,
    };
    let international =
        if is_marked { Some(&digits[..]) } else { abroad.or_else(|| digits.strip_prefix("00")) };
    if let Some(number) = international {
        return from_abroad(number);
    }
    let plan = plan?;
    written(plan, without_trunk(&digits, plan))
}

/// The number in E.164, where it has as many digits as numbers have there. Where a zero is dialled
/// before numbers, none starts with one.
fn written(plan: &PhonePlan, number: &str) -> Option<String> {
    let zero = plan.trunks.contains(&"0") && number.starts_with('0');
    let fits = !zero && (plan.least..=plan.most).contains(&number.len());
    fits.then(|| format!("+{}{number}", plan.code))
}

/// A number that starts with a calling code.
fn from_abroad(digits: &str) -> Option<String> {
    let Some(plan) = of_number(digits) else {
        let fits = (8..=15).contains(&digits.len()) && !digits.starts_with('0');
        return fits.then(|| format!("+{digits}"));
    };
    let number = &digits[plan.code.len()..];
    // Some write the national zero behind the calling code, which no number starts with there.
    let zero = plan.trunks.contains(&"0") && number.starts_with('0');
    written(plan, if zero { &number[1..] } else { number })
}

/// The number without what is dialled before it within the country. Where that is a zero, no number
/// starts with one; another prefix may also be a number's start, unless too few digits follow it.
fn without_trunk<'n>(digits: &'n str, plan: &PhonePlan) -> &'n str {
    let stripped = |trunk: &&'static str| {
        let number = digits.strip_prefix(*trunk)?;
        (*trunk == "0" || (plan.least..=plan.most).contains(&number.len())).then_some(number)
    };
    plan.trunks.iter().find_map(stripped).unwrap_or(digits)
}

/// The digits, and whether a `+` stands before them. `(0)` behind a calling code is left out.
/// `None` when anything but punctuation stands between them.
fn digits(text: &str) -> Option<(String, bool)> {
    let text = text.trim();
    let text = text.strip_prefix("tel:").unwrap_or(text);
    let (is_marked, text) = match text.strip_prefix(['+', '＋']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let without_zero = (is_marked || text.starts_with("00")).then(|| text.replacen("(0)", "", 1));
    let text = without_zero.as_deref().unwrap_or(text);
    let mut digits = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}' => {}
            c if c.is_whitespace() => {}
            _ => return None,
        }
    }
    (!digits.is_empty()).then_some((digits, is_marked))
}

/// One digit again and again, or the digits in their order: nobody's number, with or without a
/// calling code.
pub(super) fn is_placeholder(text: &str) -> bool {
    let Some((digits, is_marked)) = digits(text) else { return false };
    let is_filler = |number: &str| {
        let first = number.as_bytes().first();
        (number.len() >= 4 && number.bytes().all(|b| Some(&b) == first))
            || matches!(number, "1234567890" | "0123456789" | "123456789" | "12345678")
    };
    let national = if is_marked {
        of_number(&digits).map(|plan| &digits[plan.code.len()..])
    } else {
        digits.strip_prefix('0').or_else(|| digits.strip_prefix('1'))
    };
    is_filler(&digits) || national.is_some_and(|number| number.len() >= 7 && is_filler(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_numbering_plans() {
        // country,national,international,E.164: the example numbers of Google's libphonenumber,
        // without Argentina's mobile ones, which are written differently at home and abroad.
        let table = include_str!("../../fixtures/collect/phone_examples.csv");
        let mut count = 0;
        for line in table.lines().skip(1) {
            let [country, national, international, expected] =
                line.split(',').collect::<Vec<_>>()[..]
            else {
                panic!("four fields in {line:?}")
            };
            assert_eq!(e164(national, Some(country)).as_deref(), Some(expected), "{line}");
            assert_eq!(e164(international, Some(country)).as_deref(), Some(expected), "{line}");
            assert_eq!(e164(international, None).as_deref(), Some(expected), "{line}");
            count += 1;
        }
        assert!(count > 140, "{count}");
    }

    #[test]
    fn ways_to_write_one_number() {
        for text in
            ["(206) 291-9585", "206.291.9585", "1 206 291 9585", "+12062919585", "001 206 291 9585"]
        {
            assert_eq!(e164(text, Some("US")).as_deref(), Some("+12062919585"), "{text}");
        }
        for text in [
            "030/123456",
            "+49 (0)30 123456",
            "+49030123456",
            "0049 30 123456",
            "00 49 (0)30 123456",
        ] {
            assert_eq!(e164(text, Some("DE")).as_deref(), Some("+4930123456"), "{text}");
        }
        assert_eq!(e164("011 44 20 7946 0018", Some("US")).as_deref(), Some("+442079460018"));
        assert_eq!(e164("06 1 234 5678", Some("HU")).as_deref(), Some("+3612345678"));
        assert_eq!(e164("06 12345678", Some("IT")).as_deref(), Some("+390612345678"));
        assert_eq!(e164("8 612 34567", Some("LT")).as_deref(), Some("+37061234567"));
    }

    #[test]
    fn what_is_no_number() {
        for (text, country) in [
            ("2062919", Some("US")),
            ("206291958512", Some("US")),
            ("2062919585", None),
            ("2062919585", Some("ZZ")),
            ("206-291-9585 x12", Some("US")),
            ("+1206", None),
            ("+", None),
            ("", Some("US")),
            ("+9991234567890123456", None),
        ] {
            assert_eq!(e164(text, country), None, "{text}");
        }
    }

    #[test]
    fn placeholders() {
        for text in [
            "0000000000",
            "555-555-5555",
            "1234567890",
            "0123456789",
            "+11234567890",
            "+15555555555",
            "+353000000000",
            "(999) 999-9999",
            "+491111111",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["2062919585", "+12062919585", "+353871234567", "ann", ""] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
