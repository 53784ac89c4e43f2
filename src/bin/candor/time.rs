//! Moments as they are typed. A date alone is a day of the controller's, as on the pages that candor
//! writes: its first moment in the controller's time zone.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::store::{self, Store};

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

/// Whether a text that names a moment names a day alone.
pub fn is_day(text: &str) -> bool {
    !text.contains(['T', 't', ':'])
}

/// The same, where a moment was named.
pub fn moment_if(store: &Store, text: Option<&str>) -> Result<Option<Moment>> {
    text.map(|text| moment(store, text)).transpose()
}
