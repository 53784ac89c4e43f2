//! Moments as they are typed. A date alone is a day of the controller's, as on the pages that candor
//! writes: its first moment in the controller's time zone.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::store::{self, Store};
use chrono::NaiveDate;

/// The moment that a text names.
pub fn moment(store: &Store, text: &str) -> Result<Moment> {
    let zone = match store::latest(store.conn(), store.words()) {
        Ok(rules) => rules.policy.controller.zone(),
        // Nothing says yet whose days these are.
        Err(error) if error.code == "no-policy" => chrono_tz::UTC,
        Err(error) => return Err(error),
    };
    Moment::parse_in(text, zone)
}

/// The same, where a moment was named.
pub fn moment_if(store: &Store, text: Option<&str>) -> Result<Option<Moment>> {
    text.map(|text| moment(store, text)).transpose()
}

/// When a day ends, where a text names one and no moment of it.
pub fn end_of_day(store: &Store, text: &str) -> Result<Option<Moment>> {
    let next = text.parse::<NaiveDate>().ok().and_then(|day| day.succ_opt());
    next.map(|day| moment(store, &day.to_string())).transpose()
}
