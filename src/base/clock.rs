//! Moments, and the only place that reads the clock.
//!
//! Time is a parameter everywhere else, so that every decision can be replayed. A release build has
//! no way to set the clock; test builds (feature `test-clock`) take `CANDOR_NOW`.

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;

use super::error::{Error, Result};

/// The milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub i64);

impl Moment {
    /// Later than everything that candor can hold.
    pub const FOREVER: Moment = Moment((1 << 47) - 1);

    /// Now, by the machine's clock.
    #[allow(clippy::disallowed_methods)]
    pub fn now() -> Moment {
        #[cfg(feature = "test-clock")]
        if let Ok(text) = std::env::var("CANDOR_NOW") {
            return Moment::parse(&text).expect("CANDOR_NOW is an RFC 3339 time");
        }
        Moment(Utc::now().timestamp_millis())
    }

    /// Reads an RFC 3339 time, or a date alone (its first moment in UTC).
    pub fn parse(text: &str) -> Result<Moment> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Moment(time.timestamp_millis()));
        }
        if let Ok(date) = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(Moment(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis()));
        }
        Err(Error::usage(
            "time-unreadable",
            "a time is written like 2026-03-03T12:00:00Z or 2026-03-03",
        )
        .next("write it so; a date alone is its first moment in UTC"))
    }

    /// Reads an RFC 3339 time, or a date alone: the first moment of that day in a time zone.
    pub fn parse_in(text: &str, zone: Tz) -> Result<Moment> {
        match chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(date) => Ok(Moment::of_day(date, zone)),
            Err(_) => Moment::parse(text).map_err(|error| {
                error.next(format!("write it so; a date alone is its first moment in {zone}"))
            }),
        }
    }

    /// The first moment of a day. Where the clock is set forward at midnight, the day begins later.
    fn of_day(date: chrono::NaiveDate, zone: Tz) -> Moment {
        let midnight = date.and_time(chrono::NaiveTime::MIN);
        let mut quarters = (0..=96).map(|n| midnight + chrono::TimeDelta::minutes(15 * n));
        let first = quarters.find_map(|t| zone.from_local_datetime(&t).earliest());
        Moment(first.map_or(midnight.and_utc().timestamp_millis(), |t| t.timestamp_millis()))
    }

    /// As a calendar time in UTC.
    pub fn utc(self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(self.0).single().unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl std::fmt::Display for Moment {
    /// RFC 3339 in UTC; milliseconds only where there are any.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}
