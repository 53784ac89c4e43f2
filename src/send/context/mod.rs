//! CONTEXT: what may be known of one person for one purpose, now: what a service desk, a shop or a mail tool
//! may see when it asks.
//!
//! An answer leaves candor, so the gate is asked as one about going out (law 3), for each record and each value,
//! and what it let out comes as a [`Permit`]: [`document()`] takes nothing else.
//! Only what came in for that very purpose is looked at. What is held for other purposes isn't mentioned, not
//! even as left out: that it is there is their business. A person of whom nothing is held for the purpose, and
//! who said nothing about it, is as unknown as one who was erased.
//!
//! Who asks decides how it is written down. People and systems of the controller's own read: one `access.read`
//! about the person. A recipient in the sense of Art 4(9) holds a token of a destination of the policy: it gets
//! what a message to that destination would hold, and that is a disclosure like any other.

mod document;
mod known;
mod look;
mod wishes;

use std::collections::BTreeSet;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::permit::Permit;
use crate::policy::rulebook::{ChannelCode, PurposeRule, Rulebook};
use crate::profile::read::{find, is_erased};
use crate::store::Store;

use super::audience::{Outbound, Target, destination, one};

pub use document::{document, outbound_document};
pub use known::{Consent, Context, Done, Known, LeftOut, Preference, Value};

/// Whom a question names.
enum Named {
    One(i64),
    Nobody,
    Several,
}

/// What there is to say to somebody who asks as one of the controller's own.
#[derive(Debug)]
pub enum Found {
    /// The person is known for the purpose: what may be known of them.
    Known(Box<Context>),
    /// Nobody is known by this name for the purpose.
    Nobody,
    /// Several people share the identifier.
    Several,
}

/// Asks what may be known of the person that WHO names, for a purpose, on a channel where one is named.
///
/// # Errors
/// `who-unreadable`, `identifier-unknown`, and those of reading.
pub fn context(
    store: &Store,
    rules: &Rulebook,
    (rule, channel): (&PurposeRule, Option<ChannelCode>),
    who: &str,
    now: Moment,
) -> Result<Found> {
    match named(store, rules, who)? {
        Named::One(subject) => {
            let known = look::look(store, rules, (rule, channel), subject, now)?;
            Ok(known.map_or(Found::Nobody, |context| Found::Known(Box::new(context))))
        }
        Named::Nobody => Ok(Found::Nobody),
        Named::Several => Ok(Found::Several),
    }
}

/// The records of a person of which something may be known for a purpose.
///
/// # Errors
/// Those of reading.
pub(super) fn telling(
    store: &Store,
    rules: &Rulebook,
    asked: (&PurposeRule, Option<ChannelCode>),
    subject: i64,
    now: Moment,
) -> Result<BTreeSet<i64>> {
    if is_erased(store.conn(), subject)? {
        return Ok(BTreeSet::new());
    }
    let known = look::look(store, rules, asked, subject, now)?.and_then(|context| context.known);
    Ok(known.map(|known| known.item().records().iter().copied().collect()).unwrap_or_default())
}

/// Asks what a message about the person that WHO names would hold for a destination. Its recipient isn't told
/// why there is nothing.
///
/// # Errors
/// `destination-unknown`, and those of [`context`].
pub fn for_recipient(
    store: &Store,
    rules: &Rulebook,
    name: &str,
    who: &str,
    now: Moment,
) -> Result<Option<Permit<Outbound>>> {
    let (to, rule) = destination(rules, name)?;
    let Named::One(subject) = named(store, rules, who)? else { return Ok(None) };
    let target = Target::of(store, rules, (name, to, rule), now);
    let answer: std::result::Result<_, &'static str> =
        one(store, &target, subject, 0, |row, _| Ok(row))?;
    Ok(answer.ok())
}

/// Whoever was erased is nobody, also where the law keeps something of them.
fn named(store: &Store, rules: &Rulebook, who: &str) -> Result<Named> {
    let found = match find(store.conn(), store.secret(), &rules.policy, who) {
        Err(error) if error.code == "subject-not-found" => return Ok(Named::Nobody),
        found => found?,
    };
    let mut live = Vec::new();
    for subject in found {
        if !is_erased(store.conn(), subject)? {
            live.push(subject);
        }
    }
    Ok(match live.as_slice() {
        [] => Named::Nobody,
        [subject] => Named::One(*subject),
        _ => Named::Several,
    })
}
