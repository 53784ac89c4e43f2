//! Date formats, which must be able to read back what they write, and times that stand in the file.

use std::fmt::Write;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};

use super::take::Taken;
use crate::base::clock::Moment;
use crate::policy::mistake::Report;
use crate::policy::reader::Table;
use crate::policy::types::Take;

const EXAMPLE: &str = "dates = [\"%d.%m.%Y %H:%M\"], where %d is the day, %m the month, %Y the year, \
                       %H the hour and %M the minute";

/// Reads the formats of a table; those that can't read a date are mistakes.
pub(super) fn formats(report: &mut Report, table: &Table) -> Vec<String> {
    let formats = table.texts(report, "dates");
    for said in &formats {
        let Some(fault) = fault(&said.value) else { continue };
        report.mistake(
            (said.line, &table.at("dates")),
            "bad-date-format",
            format!("{:?} is no date format: {fault}", said.value),
            "a date that can't be read is refused, with the row's value",
            EXAMPLE,
        );
    }
    formats.into_iter().map(|said| said.value).collect()
}

/// Notes a fixed time that can't be read by the source's formats.
pub(super) fn check_fixed_time(
    report: &mut Report,
    table: &Table,
    key: &str,
    taken: Option<&Taken>,
    formats: &[String],
) {
    let Some(Taken { take: Take::Fixed(text), line, .. }) = taken else { return };
    let readable = match formats {
        [] => Moment::parse(text).is_ok(),
        formats => formats.iter().any(|format| reads(text, format)),
    };
    if !readable {
        report.mistake(
            (*line, &table.at(key)),
            "bad-time",
            format!("{text:?} is no time"),
            "a text without { from = … } stands for every row, and must be a time that can be read",
            format!(
                "{key} = {{ from = {text:?} }} for a column, or a time such as {key} = {:?}",
                example(formats)
            ),
        );
    }
}

/// A time as the source writes it.
fn example(formats: &[String]) -> String {
    let sound = formats.iter().find(|format| fault(format).is_none());
    sound.and_then(|format| written(format)).unwrap_or_else(|| "2026-03-03".to_owned())
}

/// Why a format can't read dates.
fn fault(format: &str) -> Option<&'static str> {
    if StrftimeItems::new(format).any(|item| item == Item::Error) {
        return Some("it has a % that means nothing");
    }
    match written(format) {
        None => Some("no date can be written in it"),
        Some(text) if reads(&text, format) => None,
        Some(_) => Some("year, month and day can't all be told from it"),
    }
}

/// A time written in a format whose items are known.
fn written(format: &str) -> Option<String> {
    let sample = DateTime::parse_from_rfc3339("2018-11-23T20:59:58+00:00")
        .expect("the sample is an RFC 3339 time");
    let mut written = String::new();
    write!(written, "{}", sample.format(format)).ok()?;
    Some(written)
}

fn reads(text: &str, format: &str) -> bool {
    DateTime::<FixedOffset>::parse_from_str(text, format).is_ok()
        || NaiveDateTime::parse_from_str(text, format).is_ok()
        || NaiveDate::parse_from_str(text, format).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formats_that_read_dates() {
        for format in [
            "%d.%m.%Y %H:%M",
            "%Y-%m-%d",
            "%m/%d/%y",
            "%d %B %Y",
            "%s",
            "%+",
            "%Y-%m-%dT%H:%M:%S%z",
        ] {
            assert_eq!(fault(format), None, "{format}");
        }
    }

    #[test]
    fn formats_that_do_not() {
        for format in ["%Q", "dd.mm.yyyy", "%d.%m.", "%H:%M", "%", "%Y"] {
            assert!(fault(format).is_some(), "{format}");
        }
    }

    proptest! {
        #[test]
        fn no_format_panics(format in "(%[-_0:.#]{0,2}[a-zA-Z0-9+%]|.){0,6}") {
            let _ = fault(&format);
        }
    }
}
