//! Typed values and value maps: from what a source writes to what the policy means.

use std::collections::BTreeMap;

use super::dates::DateReader;
use super::nothing::is_error_cell;
use super::record::RefusalReason;
use super::row::Kind;
use crate::base::error::{Error, Result};
use crate::policy::types::ValueType;

/// Maps texts, trimmed and without case, to what they mean.
#[derive(Clone, Debug)]
pub(super) struct ValueMap<T> {
    entries: Vec<(String, T)>,
}

impl<T: PartialEq> ValueMap<T> {
    /// Prepares a policy's map; two keys that differ only in case must mean the same.
    pub fn new(
        values: &BTreeMap<String, String>,
        meaning: impl Fn(&str) -> Result<T>,
    ) -> Result<ValueMap<T>> {
        let mut entries: Vec<(String, T)> = Vec::with_capacity(values.len());
        for (key, value) in values {
            let key = lower(key.trim());
            let value = meaning(value)?;
            match entries.iter().find(|(known, _)| *known == key) {
                Some((_, known)) if *known != value => {
                    return Err(Error::usage(
                        "value-map-ambiguous",
                        format!("the value map has {key:?} twice, with two meanings"),
                    )
                    .next("keep one of them: case and outer spaces make no difference"));
                }
                Some(_) => {}
                None => entries.push((key, value)),
            }
        }
        Ok(ValueMap { entries })
    }

    /// What a trimmed text means.
    #[inline]
    pub fn get(&self, text: &str) -> Option<&T> {
        self.entries.iter().find(|(key, _)| same(key, text)).map(|(_, value)| value)
    }
}

fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn same(key: &str, text: &str) -> bool {
    (key.len() == text.len() && key.eq_ignore_ascii_case(text))
        || (!text.is_ascii() && text.chars().flat_map(char::to_lowercase).eq(key.chars()))
}

/// The normal form of a trimmed text of a type.
pub(super) fn typed(
    value_type: ValueType,
    text: &str,
    kind: Kind,
    dates: &mut DateReader,
) -> Result<String, RefusalReason> {
    match value_type {
        ValueType::Text if is_error_cell(text) => Err(RefusalReason::SpreadsheetError),
        ValueType::Text => Ok(text.to_owned()),
        ValueType::Date => match dates.date(text, kind) {
            Some(date) => Ok(date.to_string()),
            None => Err(RefusalReason::InvalidDate),
        },
        ValueType::Time => match dates.moment(text, kind) {
            Some(moment) => Ok(moment.to_string()),
            None => Err(RefusalReason::InvalidTime),
        },
        ValueType::Integer => integer(text).map(|number| number.to_string()),
        ValueType::Decimal if is_decimal(text) => Ok(text.to_owned()),
        ValueType::Decimal => Err(RefusalReason::InvalidDecimal),
        ValueType::Boolean => boolean(text).ok_or(RefusalReason::InvalidBoolean),
    }
}

/// A whole number of 64 bits; a sign and leading zeros may stand before it.
#[inline]
pub(super) fn integer(text: &str) -> Result<i64, RefusalReason> {
    text.parse().map_err(|_| RefusalReason::InvalidInteger)
}

/// The largest amount, with or without a sign: 2^53 - 1, which every reader of JSON holds exactly.
pub(super) const AMOUNT_MAX: u64 = (1 << 53) - 1;

/// An amount in the smallest currency unit, which the text has, or the major one of a currency of so many
/// decimals.
#[inline]
pub(super) fn amount(text: &str, decimals: Option<u32>) -> Result<i64, RefusalReason> {
    let number = match decimals {
        Some(decimals) => scaled(text, decimals)?,
        None => integer(text)?,
    };
    if number.unsigned_abs() > AMOUNT_MAX {
        return Err(RefusalReason::AmountTooLarge);
    }
    Ok(number)
}

/// A decimal number times ten to the power of `decimals`, digit by digit. What would be left behind the
/// point must be zeros: an amount is never rounded.
fn scaled(text: &str, decimals: u32) -> Result<i64, RefusalReason> {
    if !is_decimal(text) {
        return Err(RefusalReason::InvalidDecimal);
    }
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let digits: String = [unsigned, fraction].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    // An exponent that is no number of 32 bits is of an amount that nobody can have.
    let exponent: i64 = exponent.parse::<i32>().map_err(|_| RefusalReason::AmountTooLarge)?.into();
    let behind = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    // How many zeros follow the digits; digits are left over where it is negative.
    let zeros = exponent + i64::from(decimals) - behind;
    let over = usize::try_from(-zeros).unwrap_or(0).min(digits.len());
    let (kept, left) = digits.split_at(digits.len() - over);
    if left.bytes().any(|digit| digit != b'0') {
        return Err(RefusalReason::AmountTooFine);
    }
    let zeros = usize::try_from(zeros).unwrap_or(0);
    // More than 19 digits are more than an amount may have, and aren't written out.
    if kept.len().saturating_add(zeros) > 19 {
        return Err(RefusalReason::AmountTooLarge);
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    let text = format!("{sign}0{kept}{}", "0".repeat(zeros));
    text.parse().map_err(|_| RefusalReason::AmountTooLarge)
}

fn boolean(text: &str) -> Option<String> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match () {
        () if is(["true", "1", "yes", "y"]) => Some("true".into()),
        () if is(["false", "0", "no", "n"]) => Some("false".into()),
        () => None,
    }
}

/// Digits, with a sign before, a fraction behind a dot and an exponent where there are any.
fn is_decimal(text: &str) -> bool {
    let unsigned = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let signed = |text: &str| unsigned(text.strip_prefix(['+', '-']).unwrap_or(text));
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    signed(whole) && fraction.is_none_or(unsigned) && exponent.is_none_or(signed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(value_type: ValueType, text: &str) -> Option<String> {
        let mut dates = DateReader::new(&[], "UTC").unwrap();
        typed(value_type, text, Kind::Bare, &mut dates).ok()
    }

    #[test]
    fn types() {
        for (value_type, text, expected) in [
            (ValueType::Text, "a b", Some("a b")),
            (ValueType::Integer, "+007", Some("7")),
            (ValueType::Integer, "-9223372036854775808", Some("-9223372036854775808")),
            (ValueType::Integer, "9223372036854775808", None),
            (ValueType::Integer, "1.0", None),
            (ValueType::Decimal, "1.50", Some("1.50")),
            (ValueType::Decimal, "-1e-3", Some("-1e-3")),
            (ValueType::Decimal, "1,5", None),
            (ValueType::Decimal, ".5", None),
            (ValueType::Decimal, "1.", None),
            (ValueType::Decimal, "nan", None),
            (ValueType::Boolean, "YES", Some("true")),
            (ValueType::Boolean, "0", Some("false")),
            (ValueType::Boolean, "ja", None),
            (ValueType::Date, "2017-05-13", Some("2017-05-13")),
            (ValueType::Date, "13.05.2017", None),
            (ValueType::Time, "2017-05-13T10:00:00+02:00", Some("2017-05-13T08:00:00Z")),
            (ValueType::Time, "soon", None),
        ] {
            assert_eq!(of(value_type, text).as_deref(), expected, "{value_type:?} {text}");
        }
    }

    #[test]
    fn an_amount_in_the_major_unit_is_exact_or_refused() {
        use RefusalReason::{AmountTooFine, AmountTooLarge, InvalidDecimal};
        for (text, decimals, expected) in [
            ("12.50", 2, Ok(1250)),
            ("12.5", 2, Ok(1250)),
            ("12", 2, Ok(1200)),
            ("-3.99", 2, Ok(-399)),
            ("+0.05", 2, Ok(5)),
            ("0.29", 2, Ok(29)),
            ("1.10", 2, Ok(110)),
            ("-0", 2, Ok(0)),
            ("0.000", 0, Ok(0)),
            ("1250", 0, Ok(1250)),
            ("1250.0", 0, Ok(1250)),
            ("1.234", 3, Ok(1234)),
            ("1.25e1", 2, Ok(1250)),
            ("1250e-2", 2, Ok(1250)),
            ("1E3", 2, Ok(100_000)),
            ("12.500000000000000000000000000000", 2, Ok(1250)),
            ("000000000000000000000000000012.5", 2, Ok(1250)),
            ("90071992547409.91", 2, Ok((1 << 53) - 1)),
            ("-90071992547409.91", 2, Ok(-((1 << 53) - 1))),
            ("90071992547409.92", 2, Err(AmountTooLarge)),
            ("1e17", 2, Err(AmountTooLarge)),
            ("1e2147483647", 2, Err(AmountTooLarge)),
            ("1e99999999999", 2, Err(AmountTooLarge)),
            ("1e-2147483648", 2, Err(AmountTooFine)),
            ("0.001", 2, Err(AmountTooFine)),
            ("12.505", 2, Err(AmountTooFine)),
            ("1250.5", 0, Err(AmountTooFine)),
            ("12,50", 2, Err(InvalidDecimal)),
            ("1.234,50", 2, Err(InvalidDecimal)),
            ("EUR 12.50", 2, Err(InvalidDecimal)),
            ("", 2, Err(InvalidDecimal)),
            ("nan", 2, Err(InvalidDecimal)),
        ] {
            assert_eq!(amount(text, Some(decimals)), expected, "{text}");
        }
        assert_eq!(amount("12.50", None), Err(RefusalReason::InvalidInteger));
    }

    #[test]
    fn one_text_has_one_meaning() {
        let map = |entries: &[(&str, &str)]| {
            let values = entries.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            ValueMap::new(&values, |value| Ok(value.to_owned()))
        };
        assert!(map(&[("Ja", "given"), ("JA ", "given")]).is_ok());
        assert_eq!(
            map(&[("Ja", "given"), ("JA", "refused")]).unwrap_err().code,
            "value-map-ambiguous"
        );
    }

    proptest! {
        /// However an amount is written, it is the same amount.
        #[test]
        fn amounts_are_what_people_read(
            number in -9_007_199_254_740_991_i64..=9_007_199_254_740_991,
            code in prop::sample::select(vec!["EUR", "JPY", "KWD"]),
            zeros in 0..5_usize,
        ) {
            let said = crate::policy::currency::amount(number, code);
            let text = said.strip_suffix(&format!(" {code}")).unwrap();
            let decimals = crate::policy::currency::decimals(code);
            prop_assert_eq!(amount(text, Some(decimals)), Ok(number));
            let more = format!("{text}{}{}", if text.contains('.') { "" } else { "." }, "0".repeat(zeros + 1));
            prop_assert_eq!(amount(&more, Some(decimals)), Ok(number));
        }

        #[test]
        fn every_key_is_found_however_it_is_cased(
            keys in prop::collection::btree_set("[a-zA-ZäÖßé0-9 ]{1,8}", 1..6),
            stranger in "[a-z]{9,12}",
        ) {
            let values: BTreeMap<String, String> =
                keys.iter().map(|key| (key.clone(), lower(key.trim()))).collect();
            let map = ValueMap::new(&values, |value| Ok(value.to_owned())).unwrap();
            for key in &keys {
                let meaning = lower(key.trim());
                prop_assert_eq!(map.get(key.trim()), Some(&meaning));
                prop_assert_eq!(map.get(&meaning), Some(&meaning));
                prop_assert_eq!(map.get(&key.trim().to_ascii_uppercase()), Some(&meaning));
            }
            prop_assert_eq!(map.get(&stranger), None);
        }
    }
}
