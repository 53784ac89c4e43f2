//! Dates and times: what a source writes becomes a moment or a calendar date.
//!
//! A source's own formats come first and are the only ones then, because the same digits can mean
//! two days. Times without an offset are of the source's time zone: where the clock was set back,
//! the earlier reading holds; where it was set forward, the time moves forward with it. Of a "yes" the earliest holds
//! and of a "no" the latest, so that a clock makes no "yes" come after a "no".

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{
    Datelike, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone,
    Timelike,
};
use chrono_tz::Tz;

use super::row::Kind;
use crate::base::clock::{DAY_MS, Moment};
use crate::base::error::{Error, Result};

/// The days from 0001-01-01 (day 1) to 1970-01-01.
const EPOCH_DAYS: i64 = 719_163;

/// The first moment that is taken: 0001-01-01T00:00:00Z.
const FIRST: Moment = Moment(-(EPOCH_DAYS - 1) * DAY_MS);

/// No format of a source names a year before this one: its digits would be fewer than four.
const FIRST_YEAR_OF_A_FORMAT: i32 = 1000;

/// The minutes of a day.
const DAY_MINUTES: i64 = 24 * 60;

/// The moments that a text may mean: more than one where the clock was set back or forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// The earliest.
    pub earliest: Moment,
    /// The one that counts where nothing depends on it.
    pub usual: Moment,
    /// The latest.
    pub latest: Moment,
    /// When the day ended, where a text names a day alone: the others are its first moment.
    pub day_ends: Option<Moment>,
}

impl When {
    /// That of a "yes" or a "no".
    pub fn of(self, no: bool) -> Moment {
        if no { self.latest } else { self.earliest }
    }

    fn at(moment: Moment) -> When {
        When { earliest: moment, usual: moment, latest: moment, day_ends: None }
    }
}

/// Reads the dates and times of one field. It remembers the last text, because rows of one event
/// repeat theirs.
pub struct DateReader {
    formats: Vec<Vec<Item<'static>>>,
    zone: Tz,
    last: String,
    last_moment: Option<Moment>,
}

impl DateReader {
    /// Prepares the chrono formats to try in order (ISO 8601 when there are none) and the IANA time
    /// zone of times without an offset.
    pub fn new(formats: &[String], zone: &str) -> Result<DateReader> {
        let compile = |format: &String| {
            StrftimeItems::new(format).parse_to_owned().map_err(|_| {
                Error::usage("date-format-unknown", format!("{format:?} is no date format"))
                    .next("write it like %d.%m.%Y %H:%M")
            })
        };
        let formats = formats.iter().map(compile).collect::<Result<_>>()?;
        let zone = zone.parse().map_err(|_| {
            Error::usage("timezone-unknown", format!("there is no time zone {zone:?}"))
                .next("use an IANA name such as Europe/Dublin")
        })?;
        Ok(DateReader { formats, zone, last: String::new(), last_moment: None })
    }

    /// The moment that a text means; a date alone means its first moment in the zone.
    #[inline]
    pub fn moment(&mut self, text: &str, kind: Kind) -> Option<Moment> {
        if self.last == text && !text.is_empty() {
            return self.last_moment;
        }
        let moment = self.when(text, kind).map(|when| when.usual);
        self.last.clear();
        self.last.push_str(text);
        self.last_moment = moment;
        moment
    }

    /// The moments that a text may mean.
    pub fn when(&self, text: &str, kind: Kind) -> Option<When> {
        let when = self.read(text.trim(), kind).and_then(|read| read.when(self.zone))?;
        let is_taken = |moment: &Moment| (FIRST..Moment::FOREVER).contains(moment);
        [when.earliest, when.usual, when.latest].iter().all(is_taken).then_some(when)
    }

    /// The calendar date that a text names, whatever the time beside it.
    pub fn date(&self, text: &str, kind: Kind) -> Option<NaiveDate> {
        let date = self.read(text.trim(), kind)?.local.date();
        (NaiveDate::from_ymd_opt(1, 1, 1)?..=NaiveDate::from_ymd_opt(9999, 12, 31)?)
            .contains(&date)
            .then_some(date)
    }

    fn read(&self, text: &str, kind: Kind) -> Option<Reading> {
        if self.formats.is_empty() || kind == Kind::Iso {
            return read_iso(text);
        }
        self.formats.iter().find_map(|format| read_format(text, format))
    }
}

/// A time as it is written, with its offset in minutes when it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Reading {
    local: NaiveDateTime,
    offset_seconds: Option<i32>,
    /// It names a day alone.
    is_day: bool,
}

impl Reading {
    fn when(self, zone: Tz) -> Option<When> {
        let when = match self.offset_seconds {
            Some(offset) => When::at(Moment(utc_ms(self.local) - i64::from(offset) * 1000)),
            None => in_zone(self.local, zone)?,
        };
        let next = self.is_day.then(|| self.local.checked_add_signed(Duration::days(1))).flatten();
        let day_ends = next.and_then(|next| in_zone(next, zone)).map(|next| next.earliest);
        Some(When { day_ends, ..when })
    }
}

fn utc_ms(local: NaiveDateTime) -> i64 {
    local.and_utc().timestamp_millis()
}

/// The moments that a local time may mean: two where it came twice; where it never came, those from when the clock
/// was set forward until as far past that as it stood in the gap.
fn in_zone(local: NaiveDateTime, zone: Tz) -> Option<When> {
    if zone == Tz::UTC {
        return Some(When::at(Moment(utc_ms(local))));
    }
    let moment = |time: chrono::DateTime<Tz>| Moment(time.timestamp_millis());
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) => Some(When::at(moment(time))),
        LocalResult::Ambiguous(first, last) => {
            Some(When { latest: moment(last), ..When::at(moment(first)) })
        }
        LocalResult::None => {
            let minute = local.with_second(0)?.with_nanosecond(0)?;
            let set_forward = (1..=DAY_MINUTES).find_map(|minutes| {
                let after = minute.checked_add_signed(Duration::minutes(minutes))?;
                zone.from_local_datetime(&after).earliest()
            })?;
            let moved = (1..=100).find_map(|quarters| {
                let before = local.checked_sub_signed(Duration::minutes(15 * quarters))?;
                let offset = zone.from_local_datetime(&before).latest()?.offset().fix();
                Some(Moment(utc_ms(local) - i64::from(offset.local_minus_utc()) * 1000))
            })?;
            Some(When { earliest: moment(set_forward), ..When::at(moved) })
        }
    }
}

fn read_format(text: &str, format: &[Item<'static>]) -> Option<Reading> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, format.iter()).ok()?;
    if parsed.timestamp().is_some() {
        let local = parsed.to_naive_datetime_with_offset(0).ok()?;
        return Some(Reading { local, offset_seconds: Some(0), is_day: false });
    }
    let date = parsed.to_naive_date().ok()?;
    // `%Y` takes the 17 of 01.02.17 for the year 17.
    if date.year() < FIRST_YEAR_OF_A_FORMAT {
        return None;
    }
    let is_day = parsed.hour_div_12().is_none() && parsed.hour_mod_12().is_none();
    let time = if is_day { NaiveTime::MIN } else { parsed.to_naive_time().ok()? };
    Some(Reading { local: date.and_time(time), offset_seconds: parsed.offset(), is_day })
}

/// Reads `YYYY-MM-DD`, alone or with `T` or a space and `HH:MM[:SS[.fraction]]`, with `Z`, an offset
/// or neither (RFC 3339 and its local forms).
fn read_iso(text: &str) -> Option<Reading> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(10)?;
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let year = number(&date[..4])? as i32;
    let date = NaiveDate::from_ymd_opt(year, number(&date[5..7])?, number(&date[8..])?)?;
    if rest.is_empty() {
        let local = date.and_time(NaiveTime::MIN);
        return Some(Reading { local, offset_seconds: None, is_day: true });
    }
    if !matches!(rest[0], b'T' | b't' | b' ') || rest.get(3) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (number(&rest[1..3])?, number(rest.get(4..6)?)?);
    let mut rest = &rest[6..];
    let (mut second, mut milli) = (0, 0);
    if let [b':', tens, ones, after @ ..] = rest {
        second = number(&[*tens, *ones])?;
        rest = after;
        if let [b'.' | b',', after @ ..] = rest {
            let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            for place in 0..3 {
                milli = milli * 10 + after[..digits].get(place).map_or(0, |b| u32::from(b - b'0'));
            }
            rest = &after[digits..];
        }
    }
    // A leap second is taken as the last millisecond of its minute.
    if second == 60 {
        (second, milli) = (59, 999);
    }
    let local = date.and_time(NaiveTime::from_hms_milli_opt(hour, minute, second, milli)?);
    let offset_seconds = match rest.strip_prefix(b" ").unwrap_or(rest) {
        [] => None,
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), offset @ ..] => {
            let (hours, minutes) = match offset {
                [_, _] => (offset, &b"00"[..]),
                [h @ .., b':', _, _] if h.len() == 2 => (h, &offset[3..]),
                [_, _, _, _] => offset.split_at(2),
                _ => return None,
            };
            let (hours, minutes) = (number(hours)?, number(minutes)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = (hours * 3600 + minutes * 60) as i32;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => return None,
    };
    Some(Reading { local, offset_seconds, is_day: false })
}

#[inline]
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn moment(formats: &[&str], zone: &str, text: &str) -> Option<String> {
        let formats: Vec<String> = formats.iter().map(|f| f.to_string()).collect();
        let mut reader = DateReader::new(&formats, zone).unwrap();
        let first = reader.moment(text, Kind::Bare);
        assert_eq!(reader.moment(text, Kind::Bare), first, "the second reading is remembered");
        first.map(|moment| moment.to_string())
    }

    #[test]
    fn iso_forms() {
        for (text, expected) in [
            ("2017-01-01T14:48:44Z", Some("2017-01-01T14:48:44Z")),
            (" 2017-01-01t14:48:44z ", Some("2017-01-01T14:48:44Z")),
            ("2017-01-01 14:48:44.5+01:00", Some("2017-01-01T13:48:44.500Z")),
            ("2017-01-01T14:48-0530", Some("2017-01-01T20:18:00Z")),
            ("2017-01-01T14:48:44.123456+02", Some("2017-01-01T12:48:44.123Z")),
            ("2017-01-01T14:48", Some("2017-01-01T14:48:00Z")),
            ("2017-01-01", Some("2017-01-01T00:00:00Z")),
            ("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59.999Z")),
            ("0001-01-01", Some("0001-01-01T00:00:00Z")),
            ("0000-01-01", None),
            ("9999-01-01", None),
            ("2017-02-29", None),
            ("2017-01-01T24:00", None),
            ("2017-01-01T14:48:44.Z", None),
            ("2017-01-01T14:48:44+1:00", None),
            ("2017-01-01T14", None),
            ("01.02.2017", None),
            ("2017-01-0é", None),
            ("", None),
        ] {
            assert_eq!(moment(&[], "UTC", text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn zones_summer_and_winter() {
        let dublin = |text| moment(&[], "Europe/Dublin", text).unwrap();
        assert_eq!(dublin("2026-07-01T12:00"), "2026-07-01T11:00:00Z");
        assert_eq!(dublin("2026-01-01T12:00"), "2026-01-01T12:00:00Z");
        // Set back at 02:00 on 25 October: 01:30 comes twice, and the earlier holds.
        assert_eq!(dublin("2026-10-25T01:30"), "2026-10-25T00:30:00Z");
        let reader = DateReader::new(&[], "Europe/Dublin").unwrap();
        let when = |text| {
            let when = reader.when(text, Kind::Bare).unwrap();
            (when.earliest.to_string(), when.latest.to_string(), when.day_ends)
        };
        let of = |earliest: &str, latest: &str, ends| (earliest.into(), latest.into(), ends);
        let twice = of("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", None);
        assert_eq!(when("2026-10-25T01:30"), twice);
        let never = of("2026-03-29T01:00:00Z", "2026-03-29T01:30:20Z", None);
        assert_eq!(when("2026-03-29T01:30:20"), never);
        // The day on which the clock is set back has 25 hours.
        let ends = Moment::parse("2026-10-26T00:00:00Z").unwrap();
        let day = of("2026-10-24T23:00:00Z", "2026-10-24T23:00:00Z", Some(ends));
        assert_eq!(when("2026-10-25"), day);
        // Set forward at 01:00 on 29 March: 01:30 does not come; it becomes 02:30.
        assert_eq!(dublin("2026-03-29T01:30"), "2026-03-29T01:30:00Z");
        let york = |text| moment(&[], "America/New_York", text).unwrap();
        assert_eq!(york("2026-03-08T02:30"), "2026-03-08T07:30:00Z");
        assert_eq!(york("2026-11-01T01:30"), "2026-11-01T05:30:00Z");
        // Samoa had no 30 December 2011.
        let apia = moment(&[], "Pacific/Apia", "2011-12-30").unwrap();
        assert_eq!(apia, "2011-12-30T10:00:00Z");
    }

    #[test]
    fn the_formats_of_a_source_are_the_only_ones() {
        let day_first = ["%d.%m.%Y %H:%M", "%d.%m.%Y"];
        let los = |text| moment(&day_first, "America/Los_Angeles", text);
        assert_eq!(los("26.10.2017 08:56").as_deref(), Some("2017-10-26T15:56:00Z"));
        assert_eq!(los("26.10.2017").as_deref(), Some("2017-10-26T07:00:00Z"));
        assert_eq!(los("2017-10-26"), None);
        assert_eq!(los("31.02.2017"), None);
        assert_eq!(los("01.02.17"), None, "it isn't the year 17");
        assert_eq!(los("01.02.0017"), None);
        let short = moment(&["%d.%m.%y"], "UTC", "01.02.17");
        assert_eq!(short.as_deref(), Some("2017-02-01T00:00:00Z"));
        let born = DateReader::new(&["%d.%m.%Y".into()], "UTC").unwrap();
        assert_eq!(born.date("17.09.98", Kind::Bare), None);
        let offset = moment(&["%Y-%m-%dT%H:%M:%S%z"], "Europe/Dublin", "2017-07-01T10:00:00+0300");
        assert_eq!(offset.as_deref(), Some("2017-07-01T07:00:00Z"));
        let epoch = moment(&["%s"], "America/New_York", "1500000000");
        assert_eq!(epoch.as_deref(), Some("2017-07-14T02:40:00Z"));
        let mut reader = DateReader::new(&["%d.%m.%Y".into()], "UTC").unwrap();
        let cell = reader.moment("2017-10-26", Kind::Iso).unwrap();
        assert_eq!(cell.to_string(), "2017-10-26T00:00:00Z");
        assert!(DateReader::new(&["%Q".into()], "UTC").is_err());
        assert!(DateReader::new(&[], "Mars/Base").is_err());
    }

    #[test]
    fn dates_alone() {
        let reader = DateReader::new(&[], "UTC").unwrap();
        let date = |text| reader.date(text, Kind::Bare).map(|d| d.to_string());
        assert_eq!(date("1998-09-17").as_deref(), Some("1998-09-17"));
        assert_eq!(date("1998-09-17T23:30:00-08:00").as_deref(), Some("1998-09-17"));
        assert_eq!(date("0000-00-00"), None);
        assert_eq!(date("17.09.1998"), None);
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(ms in -62_135_596_800_000i64..140_737_488_355_327, offset in -840i32..840) {
            let zone = chrono::FixedOffset::east_opt(offset * 60).unwrap();
            let time = DateTime::from_timestamp_millis(ms).unwrap().with_timezone(&zone);
            prop_assume!((1..=9999).contains(&chrono::Datelike::year(&time)));
            let mut reader = DateReader::new(&[], "Europe/Dublin").unwrap();
            prop_assert_eq!(reader.moment(&time.to_rfc3339(), Kind::Bare), Some(Moment(ms)));
        }

        #[test]
        fn never_panics(text in "\\PC*|[0-9T:.+Z -]{0,40}") {
            let mut reader = DateReader::new(&["%d.%m.%Y".into()], "Europe/Dublin").unwrap();
            reader.moment(&text, Kind::Bare);
            reader.moment(&text, Kind::Iso);
            reader.date(&text, Kind::Iso);
        }
    }
}
