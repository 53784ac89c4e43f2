//! Periods as a policy writes them: ISO 8601 in years, months, weeks and days.
//!
//! `P24M after last contact` counts from the subject's last contact, `P6Y` from the moment of the
//! value itself. Hours are refused: retention is a matter of days, and days differ in hours.

use super::types::{Limit, Period, Rate, Retention, RetentionFrom};

/// The longest period that is still a limit: 200 years, in months and in days.
const MOST_MONTHS: u32 = 2_400;
const MOST_DAYS: u32 = 73_050;

/// What follows a period that counts from the last contact.
const AFTER_LAST_CONTACT: &str = "after last contact";

/// Reads a period such as `P2Y6M`, `P13M`, `P2W` or `P30D`; the fault is a sentence without a stop.
pub fn period(text: &str) -> Result<Period, &'static str> {
    let mut rest = text.trim().strip_prefix('P').ok_or("a period begins with P")?;
    if rest.contains(char::is_whitespace) {
        return Err("a period stands alone, without blanks");
    }
    if rest.is_empty() {
        return Err("a period needs a number and a unit after the P");
    }
    let (mut months, mut days) = (0_u32, 0_u32);
    let mut units = [('Y', 12_u32), ('M', 1), ('W', 7), ('D', 1)].into_iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let unit = unit.chars().next().ok_or("a number needs a unit after it")?;
        if unit == 'T' {
            return Err("hours and minutes are too fine for a policy");
        }
        let number: u32 = number.parse().map_err(|_| "a unit needs a whole number before it")?;
        let (_, each) = units
            .by_ref()
            .find(|(known, _)| *known == unit)
            .ok_or("the units are Y, M, W and D, in this order and each once")?;
        let total = if matches!(unit, 'Y' | 'M') { &mut months } else { &mut days };
        *total = number
            .checked_mul(each)
            .and_then(|more| total.checked_add(more))
            .ok_or("the period is longer than 200 years, which is no limit")?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    if months == 0 && days == 0 {
        return Err("the period is empty");
    }
    if months > MOST_MONTHS || days > MOST_DAYS {
        return Err("the period is longer than 200 years, which is no limit");
    }
    Ok(Period { months, days })
}

/// Reads a period with the moment from which it counts.
pub fn retention(text: &str) -> Result<Retention, &'static str> {
    let text = text.trim();
    let (length, start) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let start = start.split_whitespace().collect::<Vec<_>>().join(" ");
    let Period { months, days } = period(length)?;
    let from = match start.as_str() {
        "" => RetentionFrom::Observed,
        AFTER_LAST_CONTACT => RetentionFrom::LastContact,
        _ => return Err("after the period stands nothing, or `after last contact`"),
    };
    Ok(Retention { months, days, from })
}

/// Reads how often something may happen: `4 in P30D`.
pub fn limit(text: &str) -> Result<Limit, &'static str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [count, "in", within] = words.as_slice() else {
        return Err("it is a number, the word in, and a period");
    };
    let count = count.parse().ok().filter(|count| *count > 0);
    let count = count.ok_or("the number is a whole one, from 1 on")?;
    Ok(Limit { count, within: period(within)? })
}

/// The longest time in hours, minutes or seconds: a day.
const MOST_SECONDS: u32 = 24 * 60 * 60;

/// Reads a time such as `PT5M`, `PT90S` or `PT1H`, in seconds; the fault is a sentence without a stop.
pub fn short(text: &str) -> Result<u32, &'static str> {
    const FORM: &str = "it is PT, a whole number, and one of H, M and S";
    let rest = text.trim().strip_prefix("PT").ok_or(FORM)?;
    let unit = rest.chars().next_back().ok_or(FORM)?;
    let each = match unit {
        'H' => 3600,
        'M' => 60,
        'S' => 1,
        _ => return Err(FORM),
    };
    let number = &rest[..rest.len() - 1];
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FORM);
    }
    let number: u32 = number.parse().map_err(|_| FORM)?;
    let seconds = number.checked_mul(each).filter(|seconds| (1..=MOST_SECONDS).contains(seconds));
    seconds.ok_or("it is from a second to a day")
}

/// Reads how many messages a recipient takes: `10 in PT1S`; the period as [`short`] reads it.
pub fn rate(text: &str) -> Result<Rate, &'static str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [count, "in", within] = words.as_slice() else {
        return Err("it is a number, the word in, and a period");
    };
    let count = count.parse().ok().filter(|count| *count > 0);
    let count = count.ok_or("the number is a whole one, from 1 on")?;
    Ok(Rate { count, seconds: short(within)? })
}

/// A rate in words, such as `10 in 60 seconds`.
pub fn rate_in_words(rate: Rate) -> String {
    let unit = if rate.seconds == 1 { "second" } else { "seconds" };
    format!("{} in {} {unit}", rate.count, rate.seconds)
}

/// A limit in words, such as `4 in 30 days`.
pub fn limit_in_words(limit: Limit) -> String {
    format!("{} in {}", limit.count, period_in_words(limit.within))
}

/// A period in words, such as `2 years and 6 months`.
pub fn period_in_words(period: Period) -> String {
    let parts = [(period.months / 12, "year"), (period.months % 12, "month"), (period.days, "day")];
    let words: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
        .collect();
    match words.as_slice() {
        [] => "no time".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A retention in words, such as `15 years after last contact`.
pub fn retention_in_words(retention: Retention) -> String {
    let length = period_in_words(Period { months: retention.months, days: retention.days });
    match retention.from {
        RetentionFrom::Observed => length,
        RetentionFrom::LastContact => format!("{length} {AFTER_LAST_CONTACT}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_a_number_in_seconds() {
        for (text, count, seconds) in
            [("10 in PT1S", 10, 1), (" 3  in PT2M ", 3, 120), ("1 in PT24H", 1, 86_400)]
        {
            assert_eq!(rate(text), Ok(Rate { count, seconds }), "{text}");
        }
        for text in [
            "",
            "10",
            "10 in P1D",
            "0 in PT1S",
            "1 in PT",
            "1 in PTS",
            "1 in PT0S",
            "1 in PT25H",
            "1 in PT1é",
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_a_number_in_a_period() {
        let month = Period { months: 1, days: 0 };
        assert_eq!(limit("4 in P1M"), Ok(Limit { count: 4, within: month }));
        assert_eq!(limit("  1  in  P1M "), Ok(Limit { count: 1, within: month }));
        for text in ["", "4", "4 P1M", "0 in P1M", "-1 in P1M", "four in P1M", "4 in", "4 in P0D"] {
            assert!(limit(text).is_err(), "{text}");
        }
        assert_eq!(limit_in_words(Limit { count: 4, within: month }), "4 in 1 month");
    }

    #[test]
    fn short_times_are_of_seconds_to_a_day() {
        for (text, seconds) in [("PT5M", 300), ("PT90S", 90), (" PT1H ", 3600), ("PT24H", 86_400)] {
            assert_eq!(short(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "PT",
            "PTM",
            "5M",
            "PT5",
            "PT5D",
            "P5M",
            "PT-5M",
            "PT+5M",
            "PT0S",
            "PT25H",
            "PT5é",
            "PT99999999999S",
        ] {
            assert!(short(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_what_policies_write() {
        for (text, months, days) in [
            ("P15Y", 180, 0),
            ("P24M", 24, 0),
            ("P1Y6M", 18, 0),
            ("P2W", 0, 14),
            ("P1M2W3D", 1, 17),
            ("P90D", 0, 90),
            ("P200Y", 2_400, 0),
        ] {
            assert_eq!(period(text), Ok(Period { months, days }), "{text}");
        }
        let kept = retention("P24M  after last contact").expect("it is well formed");
        assert_eq!(kept, Retention { months: 24, days: 0, from: RetentionFrom::LastContact });
        assert_eq!(retention("P6Y").expect("it is well formed").from, RetentionFrom::Observed);
    }

    #[test]
    fn refuses_what_is_no_limit_or_unclear() {
        for text in [
            "",
            "P",
            "24M",
            "P0D",
            "PT5H",
            "P1DT2H",
            "P1.5Y",
            "P-1Y",
            "P6M1Y",
            "P1Y1Y",
            "P12",
            "PM",
            "p1y",
            "P201Y",
            "P4294967295Y",
            "P99999999999D",
            "P1Y after contact",
            "P1Yé",
            "Pé",
        ] {
            assert!(retention(text).is_err(), "{text:?} must not be read");
        }
    }

    #[test]
    fn speaks_plainly() {
        let words = |text| retention_in_words(retention(text).expect("it is well formed"));
        assert_eq!(words("P15Y after last contact"), "15 years after last contact");
        assert_eq!(words("P1Y1M1D"), "1 year, 1 month and 1 day");
        assert_eq!(words("P30M"), "2 years and 6 months");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(years in 0_u32..50, months in 0_u32..50, weeks in 0_u32..50, days in 0_u32..50) {
            prop_assume!(years + months + weeks + days > 0);
            let read = period(&format!("P{years}Y{months}M{weeks}W{days}D"));
            prop_assert_eq!(read, Ok(Period { months: years * 12 + months, days: weeks * 7 + days }));
        }

        #[test]
        fn no_text_panics(text in "P?[0-9YMWDTé .]{0,12}") {
            let _ = retention(&text);
        }
    }
}
