//! By when a data subject request must be answered: one calendar month, not thirty days.
//!
//! GDPR Art 12(3) gives "one month of receipt", which "may be extended by two further months". Reg.
//! (EEC, Euratom) 1182/71 says how such periods run: the day of receipt is not counted (Art 3(1)); the
//! last day bears the same number as the day of receipt, or is the last day of a month that is too
//! short (Art 3(2)(c)); and a period that would end on a Saturday, a Sunday or a public holiday ends
//! with the next working day (Art 3(4)). The United Kingdom's regulator counts in the same way. An
//! extension counts three months from receipt, not two from the first due date, so that the roll of
//! the first does not lengthen the second. (Swiss law alone, where the GDPR does not apply, gives 30
//! days.)

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::Tz;

use super::holidays::{NationalHolidays, national_holidays};
use crate::base::clock::Moment;

/// Whether the period of a request was extended (GDPR Art 12(3), second sentence).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// One month from receipt.
    None,
    /// Three months from receipt. The person must be told of it, with the reasons, by the due date
    /// without extension.
    Extended,
}

impl Extension {
    /// Calendar months from receipt.
    #[must_use]
    pub fn months(self) -> u32 {
        match self {
            Extension::None => 1,
            Extension::Extended => 3,
        }
    }
}

/// Why a period does not end on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A Saturday, whether or not it is a holiday too.
    Saturday,
    /// A Sunday, whether or not it is a holiday too.
    Sunday,
    /// A national public holiday, by its English name.
    Holiday(&'static str),
}

/// Which days were taken for public holidays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Calendar {
    /// The national public holidays of the state with this English name.
    National(&'static str),
    /// None: no list is known for the country, so that only weekends were passed over.
    WeekendsOnly,
}

/// The last day for an answer, with everything that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The day of receipt in the controller's time zone.
    pub received_on: NaiveDate,
    /// The controller's time zone.
    pub zone: Tz,
    /// How many months were given.
    pub extension: Extension,
    /// The same day of the month, so many months later, before any roll.
    pub nominal_on: NaiveDate,
    /// The days passed over, in their order: from `nominal_on` to the day before `due_on`.
    pub rolled_over: Vec<(NaiveDate, Reason)>,
    /// The last day on which an answer is in time.
    pub due_on: NaiveDate,
    /// The end of that day in the zone: an answer is in time when it is given before this moment.
    pub due_before: Moment,
    /// Which holidays were considered.
    pub calendar: Calendar,
}

/// Computes the last day for the answer to a request that arrived at `received`.
///
/// `zone` and `country` (ISO 3166-1 alpha-2) are the controller's: the day of receipt is a day of its
/// zone, and only its own state's holidays count. Moments before 1970 or after [`Moment::FOREVER`]
/// are taken for these bounds.
#[must_use]
pub fn due(received: Moment, zone: Tz, country: &str, extension: Extension) -> Deadline {
    let received_at = received.clamp(Moment(0), Moment::FOREVER).utc();
    let received_on = received_at.with_timezone(&zone).date_naive();
    let nominal_on = received_on + Months::new(extension.months());
    let holidays = |date: NaiveDate| national_holidays(country, date.year());
    let mut due_on = nominal_on;
    let mut rolled_over = Vec::new();
    while let Some(reason) = not_a_working_day(due_on, holidays(due_on).as_ref()) {
        rolled_over.push((due_on, reason));
        due_on += TimeDelta::days(1);
    }
    let calendar = holidays(due_on).map_or(Calendar::WeekendsOnly, |h| Calendar::National(h.state));
    let due_before = start_of_day(due_on + TimeDelta::days(1), zone);
    Deadline { received_on, zone, extension, nominal_on, rolled_over, due_on, due_before, calendar }
}

fn not_a_working_day(date: NaiveDate, holidays: Option<&NationalHolidays>) -> Option<Reason> {
    match date.weekday() {
        Weekday::Sat => Some(Reason::Saturday),
        Weekday::Sun => Some(Reason::Sunday),
        _ => holidays.and_then(|h| h.on(date)).map(Reason::Holiday),
    }
}

/// The first moment of a day in a zone, also where the clock skips midnight or shows it twice.
fn start_of_day(date: NaiveDate, zone: Tz) -> Moment {
    let midnight = date.and_time(NaiveTime::MIN);
    let first: DateTime<Tz> = (0..200)
        .find_map(|quarters| {
            zone.from_local_datetime(&(midnight + TimeDelta::minutes(15 * quarters))).earliest()
        })
        .expect("no clock skips more than two days");
    Moment(first.timestamp_millis())
}

impl Deadline {
    /// Tells the computation in words, for the person, the DPO and the auditor alike.
    ///
    /// ```
    /// use candor::base::clock::Moment;
    /// use candor::subject::deadline::{due, Extension};
    ///
    /// let received = Moment::parse("2026-03-05T09:00:00Z").unwrap();
    /// let deadline = due(received, chrono_tz::Europe::Dublin, "IE", Extension::None);
    /// assert_eq!(
    ///     deadline.sentence(),
    ///     "Received on Thursday 5 March 2026 (Europe/Dublin). One month later is Sunday 5 April \
    ///      2026. Passed over: Sunday 5 April 2026 and Monday 6 April 2026 (Easter Monday). The \
    ///      answer is due by the end of Tuesday 7 April 2026 (GDPR Art 12(3), Reg. 1182/71 Art 3; \
    ///      public holidays of Ireland).",
    /// );
    /// ```
    #[must_use]
    pub fn sentence(&self) -> String {
        let months = match self.extension {
            Extension::None => "One month later",
            Extension::Extended => "Three months later, with the extension of two,",
        };
        let shortened = if self.nominal_on.day() == self.received_on.day() {
            ""
        } else {
            ", the last day of that shorter month"
        };
        let passed: Vec<String> =
            self.rolled_over.iter().map(|(d, r)| passed_over(*d, *r)).collect();
        let passed = match passed.split_last() {
            None => String::new(),
            Some((only, [])) => format!(" Passed over: {only}."),
            Some((last, rest)) => format!(" Passed over: {} and {last}.", rest.join(", ")),
        };
        let calendar = match self.calendar {
            Calendar::National(state) => format!("public holidays of {state}"),
            Calendar::WeekendsOnly => {
                "no list of public holidays is known for the controller's country, so only weekends \
                 were passed over"
                    .to_owned()
            }
        };
        format!(
            "Received on {} ({}). {months} is {}{shortened}.{passed} The answer is due by the end of \
             {} (GDPR Art 12(3), Reg. 1182/71 Art 3; {calendar}).",
            long(self.received_on),
            self.zone,
            long(self.nominal_on),
            long(self.due_on),
        )
    }
}

fn passed_over(date: NaiveDate, reason: Reason) -> String {
    match reason {
        Reason::Saturday | Reason::Sunday => long(date),
        Reason::Holiday(name) => format!("{} ({name})", long(date)),
    }
}

fn long(date: NaiveDate) -> String {
    date.format("%A %-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe;
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn noon(text: &str) -> Moment {
        Moment::parse(&format!("{text}T12:00:00Z")).expect("a time")
    }

    fn zone_of(country: &str) -> Tz {
        match country {
            "IE" => Europe::Dublin,
            "FR" => Europe::Paris,
            "DE" => Europe::Berlin,
            "ES" => Europe::Madrid,
            "IT" => Europe::Rome,
            "GB-ENG" => Europe::London,
            other => panic!("no zone for {other}"),
        }
    }

    #[test]
    fn shared_vectors_hold() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors/deadlines.csv");
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("SKIPPED: {path} is absent, so its deadlines are not checked");
            return;
        };
        let mut checked = 0;
        for row in text.lines().skip(1) {
            let cells: Vec<&str> = row.split(',').collect();
            let extension = match cells[3] {
                "1" => Extension::None,
                "3" => Extension::Extended,
                other => panic!("{other} months"),
            };
            let got = due(noon(cells[1]), zone_of(cells[2]), cells[2], extension);
            assert_eq!(got.nominal_on, date(cells[4]), "{row}");
            assert_eq!(got.due_on, date(cells[5]), "{row}");
            let because: Vec<String> = got.rolled_over.iter().map(|(d, r)| short(*d, *r)).collect();
            assert_eq!(because.join("; "), cells[6], "{row}");
            checked += 1;
        }
        assert!(checked >= 10, "only {checked} rows");
    }

    fn short(date: NaiveDate, reason: Reason) -> String {
        match reason {
            Reason::Saturday => format!("{date} Sat"),
            Reason::Sunday => format!("{date} Sun"),
            Reason::Holiday(name) => format!("{date} {name}"),
        }
    }

    #[test]
    fn published_examples_hold() {
        for (country, received, extension, expected) in [
            ("IE", "2026-03-05", Extension::None, "2026-04-07"),
            ("DE", "2026-01-31", Extension::None, "2026-03-02"),
            ("DE", "2026-04-01", Extension::None, "2026-05-04"),
            ("IE", "2026-04-01", Extension::None, "2026-05-01"),
            ("FR", "2026-06-14", Extension::None, "2026-07-15"),
            ("FR", "2026-08-31", Extension::None, "2026-09-30"),
            // Rolled twice, it would be 2026-06-08: from 7 April instead of from 5 March.
            ("IE", "2026-03-05", Extension::Extended, "2026-06-05"),
            ("DE", "2026-11-30", Extension::Extended, "2027-03-01"),
        ] {
            let got = due(noon(received), zone_of(country), country, extension);
            assert_eq!(got.due_on, date(expected), "{country} {received}");
        }
    }

    #[test]
    fn the_day_of_receipt_is_a_day_of_the_controllers_zone() {
        let received = Moment::parse("2026-06-30T23:30:00Z").expect("a time");
        let dublin = due(received, Europe::Dublin, "IE", Extension::None);
        assert_eq!(dublin.received_on, date("2026-07-01"));
        assert_eq!(dublin.due_on, date("2026-08-04"), "1 August: Saturday, Sunday, bank holiday");
        assert_eq!(dublin.due_before.to_string(), "2026-08-04T23:00:00Z");
        let azores = due(received, chrono_tz::Atlantic::Azores, "PT", Extension::None);
        assert_eq!(azores.received_on, date("2026-06-30"));
    }

    #[test]
    fn a_day_without_midnight_starts_at_its_first_moment() {
        // Beirut went from 23:59:59 to 01:00 on 31 March 2024; Apia had no 30 December 2011.
        for (day, zone, first) in [
            ("2024-03-31", chrono_tz::Asia::Beirut, "2024-03-30T22:00:00Z"),
            ("2011-12-30", chrono_tz::Pacific::Apia, "2011-12-30T10:00:00Z"),
            ("2024-10-27", chrono_tz::Atlantic::Azores, "2024-10-27T00:00:00Z"),
        ] {
            assert_eq!(start_of_day(date(day), zone).to_string(), first, "{day} {zone}");
        }
    }

    #[test]
    fn an_unknown_country_is_told() {
        let got = due(noon("2026-11-25"), chrono_tz::America::Toronto, "CA", Extension::None);
        assert_eq!((got.due_on, got.calendar), (date("2026-12-25"), Calendar::WeekendsOnly));
        assert_eq!(
            got.sentence(),
            "Received on Wednesday 25 November 2026 (America/Toronto). One month later is Friday 25 \
             December 2026. The answer is due by the end of Friday 25 December 2026 (GDPR Art 12(3), \
             Reg. 1182/71 Art 3; no list of public holidays is known for the controller's country, \
             so only weekends were passed over)."
        );
    }

    #[test]
    fn a_shorter_month_and_an_extension_are_told() {
        let got = due(noon("2026-11-30"), Europe::Berlin, "DE", Extension::Extended);
        assert_eq!(
            got.sentence(),
            "Received on Monday 30 November 2026 (Europe/Berlin). Three months later, with the \
             extension of two, is Sunday 28 February 2027, the last day of that shorter month. Passed \
             over: Sunday 28 February 2027. The answer is due by the end of Monday 1 March 2027 (GDPR \
             Art 12(3), Reg. 1182/71 Art 3; public holidays of Germany)."
        );
    }

    #[test]
    fn moments_beyond_all_calendars_are_bounded() {
        for moment in [i64::MIN, -1, i64::MAX] {
            let got =
                due(Moment(moment), chrono_tz::Pacific::Kiritimati, "GR", Extension::Extended);
            assert!(got.due_on > got.received_on);
        }
    }

    proptest! {
        #[test]
        fn a_deadline_keeps_its_promises(
            ms in 0i64..4_102_444_800_000,
            country in prop::sample::select(vec!["IE", "DE", "BG", "GR", "GB", "US"]),
            zone in prop::sample::select(
                // Samoa and Kwajalein once skipped a whole day, which then has no end.
                chrono_tz::TZ_VARIANTS
                    .into_iter()
                    .filter(|zone| !zone.name().starts_with("Pacific/") && zone.name() != "Kwajalein")
                    .collect::<Vec<Tz>>()
            ),
        ) {
            let one = due(Moment(ms), zone, country, Extension::None);
            let three = due(Moment(ms), zone, country, Extension::Extended);
            let later = due(Moment(ms + 86_400_000), zone, country, Extension::None);
            prop_assert!(one.due_on < three.due_on);
            prop_assert!(one.due_on <= later.due_on, "who asks later is not answered earlier");
            for deadline in [one, three] {
                let holidays = national_holidays(country, deadline.due_on.year());
                prop_assert_eq!(not_a_working_day(deadline.due_on, holidays.as_ref()), None);
                let mut day = deadline.nominal_on;
                for (passed, _) in &deadline.rolled_over {
                    prop_assert_eq!(*passed, day);
                    day += TimeDelta::days(1);
                }
                prop_assert_eq!(day, deadline.due_on);
                let local = |m: Moment| m.utc().with_timezone(&zone).date_naive();
                prop_assert!(local(deadline.due_before) > deadline.due_on);
                prop_assert_eq!(local(Moment(deadline.due_before.0 - 1)), deadline.due_on);
            }
        }
    }
}
