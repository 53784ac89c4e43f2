//! A link to somebody's preferences that is handed to them, at the desk or in a letter.

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::rulebook::Rulebook;
use crate::profile::lookup::record_read;
use crate::profile::sql as profile_sql;
use crate::send::link::{Leave, Link};
use crate::store::{Store, person_gone};

/// A link.
#[derive(Clone, Debug)]
pub struct Handed {
    /// Its address.
    pub url: String,
    /// Until when it works.
    pub until: Moment,
    /// The ledger entry that says that it was made.
    pub entry: i64,
}

/// Makes a link for a person: of the record by which they were named, or of the oldest. Whoever has it speaks as
/// the person, so that it was made is on record.
///
/// # Errors
/// `pages-missing`, and those of [`Store::write`].
pub fn link(
    store: &mut Store,
    rules: &Rulebook,
    (subject, named): (i64, Option<i64>),
    until: Moment,
    now: Moment,
) -> Result<Handed> {
    let pages = rules.policy.pages.as_ref().ok_or_else(|| {
        Error::no("pages-missing", "the policy says of no address where people reach their pages")
            .next("declare [pages] with url and source, and run `candor serve` behind that address")
    })?;
    let records = profile_sql::records_of(store.conn(), subject)?;
    let record = named.or(records.first().copied()).ok_or_else(person_gone)?;
    let key = profile_sql::record_key(store.conn(), record)?;
    let link = Link { record, leave: Leave::Preferences { was_mailed: false }, until };
    let url = format!("{}/preferences/{}", pages.url, link.token(store.secret(), &key));
    let entry = record_read(store, subject, "preferences.link", now)?;
    Ok(Handed { url, until, entry })
}
