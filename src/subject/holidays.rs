//! National public holidays of the EU and EEA states, the United Kingdom and Switzerland.
//!
//! A period that would end on a Saturday, a Sunday or a public holiday ends with the next working day
//! (Reg. (EEC, Euratom) 1182/71 Art 3(4)). Whoever counts a day as a holiday that is none answers too
//! late; whoever misses one answers a day early. So the lists hold only what is fixed by a rule for
//! the whole state, and leave out, on purpose:
//!
//! - regional and local holidays: a Länder, cantonal or autonomous holiday, and everything that holds
//!   in only some of the four countries of the United Kingdom, such as Easter Monday;
//! - single days that a government swaps against a Saturday, or moves, by a decision of that year
//!   (Hungary, Latvia, Bulgaria's Council of Ministers, Greece's 1 May in Holy Week from 2025 on);
//! - days that only banks or public offices keep.
//!
//! Holidays that always are Sundays (Easter Day, Mother's Day) are left out, for a Sunday never
//! counts anyway. The rules are those in force from 2024 to 2026; the fixture
//! `fixtures/vectors/holidays.csv`, made by `tests/oracle/national_holidays.py` from another project's
//! tables, holds the weekdays from 2024 to 2032 to compare with.

mod table;

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

use self::table::COUNTRIES;

/// When in a year a holiday falls.
#[derive(Clone, Copy)]
enum When {
    /// Month and day.
    On(u32, u32),
    /// Days after Easter Sunday of the Gregorian calendar.
    Easter(i64),
    /// Days after Easter Sunday of the Orthodox churches.
    Orthodox(i64),
    /// The first such weekday on or after a month's day.
    From(Weekday, u32, u32),
    /// Whatever the function says; `None` in years without it.
    Rule(fn(i32) -> Option<NaiveDate>),
}

/// One line of a country's list.
#[derive(Clone, Copy)]
struct Holiday {
    name: &'static str,
    when: When,
    /// The first year.
    since: i32,
    /// A year in which it was suspended or moved.
    not_in: Option<i32>,
    /// The name of the working day that replaces it when it falls on a weekend.
    in_lieu: Option<&'static str>,
}

/// A state's English name and its national public holidays of one year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NationalHolidays {
    /// The state's name in English, such as `Ireland`.
    pub state: &'static str,
    /// The days with their English names, in the order of the calendar. Two holidays may share one
    /// day.
    pub days: Vec<(NaiveDate, &'static str)>,
}

impl NationalHolidays {
    /// The name of the holiday on `date`, if there is one.
    #[must_use]
    pub fn on(&self, date: NaiveDate) -> Option<&'static str> {
        self.days.iter().find(|(day, _)| *day == date).map(|(_, name)| *name)
    }
}

/// The national public holidays of `country` in `year`; `None` for a country without a list.
///
/// `country` is ISO 3166-1 alpha-2, in any case; of an ISO 3166-2 code such as `GB-ENG` only the
/// state counts, and `UK` and `EL` are read as `GB` and `GR`.
#[must_use]
pub fn national_holidays(country: &str, year: i32) -> Option<NationalHolidays> {
    let (_, state, rules) = find(country)?;
    let mut days: Vec<_> =
        rules.iter().filter_map(|h| Some((h.date_in(year)?, h.name, h.in_lieu))).collect();
    days.sort_by_key(|(date, _, _)| *date);
    let mut all: Vec<_> = days.iter().map(|(date, name, _)| (*date, *name)).collect();
    for (date, _, in_lieu) in days {
        if let (Some(name), true) = (in_lieu, is_weekend(date)) {
            let free = |d: &NaiveDate| !is_weekend(*d) && !all.iter().any(|(taken, _)| taken == d);
            let next = date.iter_days().find(free).expect("a year has a working day");
            all.push((next, name));
        }
    }
    all.sort_by_key(|(date, _)| *date);
    Some(NationalHolidays { state, days: all })
}

fn find(country: &str) -> Option<&'static table::Country> {
    let state = country.trim().split('-').next()?.to_ascii_uppercase();
    let code = match state.as_str() {
        "UK" => "GB",
        "EL" => "GR",
        other => other,
    };
    COUNTRIES.iter().find(|(listed, _, _)| *listed == code)
}

fn is_weekend(date: NaiveDate) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

impl Holiday {
    const fn new(when: When, name: &'static str) -> Holiday {
        Holiday { name, when, since: i32::MIN, not_in: None, in_lieu: None }
    }

    const fn since(mut self, year: i32) -> Holiday {
        self.since = year;
        self
    }

    const fn not_in(mut self, year: i32) -> Holiday {
        self.not_in = Some(year);
        self
    }

    const fn in_lieu(mut self, name: &'static str) -> Holiday {
        self.in_lieu = Some(name);
        self
    }

    fn date_in(&self, year: i32) -> Option<NaiveDate> {
        if year < self.since || self.not_in == Some(year) {
            return None;
        }
        match self.when {
            When::On(month, day) => NaiveDate::from_ymd_opt(year, month, day),
            When::Easter(days) => easter(year)?.checked_add_signed(TimeDelta::days(days)),
            When::Orthodox(days) => {
                orthodox_easter(year)?.checked_add_signed(TimeDelta::days(days))
            }
            When::From(weekday, month, day) => {
                let first = NaiveDate::from_ymd_opt(year, month, day)?;
                first.iter_days().find(|d| d.weekday() == weekday)
            }
            When::Rule(rule) => rule(year),
        }
    }
}

/// Easter Sunday of the Gregorian calendar (the anonymous algorithm of 1876).
fn easter(year: i32) -> Option<NaiveDate> {
    let (a, b, c) = (year.rem_euclid(19), year.div_euclid(100), year.rem_euclid(100));
    let g = (8 * b + 13).div_euclid(25);
    let h = (19 * a + b - b.div_euclid(4) - g + 15).rem_euclid(30);
    let l = (32 + 2 * b.rem_euclid(4) + 2 * (c / 4) - h - c % 4).rem_euclid(7);
    let m = (a + 11 * h + 19 * l) / 433;
    let days = h + l - 7 * m;
    // `days` counts from 22 March.
    NaiveDate::from_ymd_opt(year, 3, 22)?.checked_add_signed(TimeDelta::days(i64::from(days)))
}

/// Easter Sunday of the Orthodox churches (Julian computus), as a Gregorian date.
fn orthodox_easter(year: i32) -> Option<NaiveDate> {
    let d = (19 * year.rem_euclid(19) + 15).rem_euclid(30);
    let e = (2 * year.rem_euclid(4) + 4 * year.rem_euclid(7) - d + 34).rem_euclid(7);
    let shift = year.div_euclid(100) - year.div_euclid(400) - 2;
    // `d + e` counts from 22 March of the Julian calendar.
    NaiveDate::from_ymd_opt(year, 3, 22)?
        .checked_add_signed(TimeDelta::days(i64::from(d + e + shift)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    type Days = BTreeSet<(String, NaiveDate)>;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    /// The oracle's weekdays, as `country,date` lines.
    fn oracle() -> Days {
        let text = include_str!("../../fixtures/vectors/holidays.csv");
        let rows = text.lines().skip(1);
        rows.map(|row| row.split_once(',').expect("two fields"))
            .map(|(country, day)| (country.to_owned(), date(day)))
            .collect()
    }

    fn ours() -> Days {
        let years = || 2024..=2032;
        let of = |code: &'static str| {
            years().flat_map(move |y| national_holidays(code, y).expect("listed").days)
        };
        COUNTRIES
            .iter()
            .flat_map(|(code, _, _)| of(code).map(|(day, _)| ((*code).to_owned(), day)))
            .filter(|(_, day)| !is_weekend(*day))
            .collect()
    }

    #[test]
    fn agrees_with_the_oracle_but_for_the_days_left_out_on_purpose() {
        let left_out: Days = [
            // Swapped against a working Saturday by that year's decision.
            ("HU", "2024-08-19 2024-12-24 2024-12-27 2025-05-02 2025-10-24 2025-12-24"),
            ("HU", "2026-01-02 2026-08-21"),
            ("LV", "2024-12-23 2024-12-30 2025-05-02 2025-11-17 2026-01-02 2026-06-22"),
            // Given by the Council of Ministers for one year.
            ("BG", "2025-12-31 2026-01-02"),
            // The minister may move 1 May out of Holy Week; for these years that is not decided.
            ("GR", "2027-05-04 2032-05-04"),
        ]
        .iter()
        .flat_map(|(c, days)| days.split(' ').map(|day| ((*c).to_owned(), date(day))))
        .collect();
        let (ours, oracle) = (ours(), oracle());
        let missing: Days = oracle.difference(&ours).cloned().collect();
        let extra: Days = ours.difference(&oracle).cloned().collect();
        assert_eq!(missing, left_out);
        assert_eq!(extra, Days::new(), "a day that is no holiday would make answers late");
    }

    #[test]
    fn every_state_is_covered_once() {
        let states = "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO \
                      PL PT RO SE SI SK";
        let listed: Vec<_> = COUNTRIES.iter().map(|(code, _, _)| *code).collect();
        assert_eq!(listed, states.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn codes_are_read_as_people_write_them() {
        for (written, state) in [
            ("ie", "Ireland"),
            ("GB-ENG", "United Kingdom"),
            ("UK", "United Kingdom"),
            ("el", "Greece"),
        ] {
            assert_eq!(national_holidays(written, 2026).expect(written).state, state);
        }
        for unknown in ["", "US", "-", "IRL", "ÅL"] {
            assert_eq!(national_holidays(unknown, 2026), None);
        }
    }

    #[test]
    fn both_holidays_of_a_weekend_are_replaced() {
        let days = national_holidays("GB", 2027).expect("listed");
        assert_eq!(days.on(date("2027-12-27")), Some("Christmas Day (in lieu)"));
        assert_eq!(days.on(date("2027-12-28")), Some("Boxing Day (in lieu)"));
        assert_eq!(days.on(date("2027-12-29")), None);
    }

    #[test]
    fn easter_of_far_years_is_a_sunday_in_its_bounds() {
        for year in 1583..6500 {
            let day = easter(year).expect("a date");
            assert_eq!(day.weekday(), Weekday::Sun);
            assert!((322..=425).contains(&(day.month() * 100 + day.day())), "{day}");
            assert_eq!(orthodox_easter(year).expect("a date").weekday(), Weekday::Sun);
        }
        // The earliest and the latest possible, and years in which both churches agree.
        assert_eq!(easter(1818), Some(date("1818-03-22")));
        assert_eq!(easter(2038), Some(date("2038-04-25")));
        assert_eq!(easter(2025), orthodox_easter(2025));
    }
}
