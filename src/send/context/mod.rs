//! CONTEXT: what may be known of one person for one purpose, now: what a service desk, a shop or a mail tool
//! may see when it asks.
//!
//! An answer leaves candor, so the gate is asked as one about going out (law 3), for each record and each value,
//! and what it let out comes as a [`Permit`]: [`document()`] takes nothing else.
//! Only what came in for that very purpose is looked at. What is held for other purposes isn't mentioned, not
//! even as left out: that it is there is their business. A person of whom nothing is held for the purpose, and
//! who said nothing about it, is as unknown as one who was erased. And a person is found by those identifiers alone
//! that the purpose may know: a browser's name that is held for suggestions is no way to whoever ordered.
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
use crate::policy::types::UNVERIFIED;
use crate::profile::merge::public_id_of;
use crate::profile::read::{find, identifiers_named, is_erased};
use crate::store::Store;

use super::audience::{Outbound, Target, destination, one};

pub use document::{document, outbound_document};
pub use known::{Consent, Context, Done, Known, LeftOut, Preference, Value};

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
    let by = Named::read(rules, who)?;
    let mut found = None;
    for subject in holders(store, rules, who)? {
        let known = look::look(store, rules, (rule, channel), subject, Some(&by), now)?;
        if let Some(context) = known
            && found.replace(context).is_some()
        {
            return Ok(Found::Several);
        }
    }
    Ok(found.map_or(Found::Nobody, |context| Found::Known(Box::new(context))))
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
    let known =
        look::look(store, rules, asked, subject, None, now)?.and_then(|context| context.known);
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
    let by = Named::read(rules, who)?;
    let channel = to.channel.as_deref().and_then(|name| rules.channel_code(name));
    let mut found = Vec::new();
    for subject in holders(store, rules, who)? {
        if look::is_found(store, rules, (rule, channel), subject, &by, now)? {
            found.push(subject);
        }
    }
    let [subject] = found[..] else { return Ok(None) };
    let target = Target::of(store, rules, (name, to, rule), now);
    let answer: std::result::Result<_, &'static str> =
        one(store, &target, subject, 0, |row, _| Ok(row))?;
    Ok(answer.ok())
}

/// By what a question names somebody: identifiers, each a kind and a text; `None` by the subject's id, which
/// nobody but candor gave them.
struct Named(Option<Vec<(String, String)>>);

impl Named {
    fn read(rules: &Rulebook, who: &str) -> Result<Named> {
        if public_id_of(who).is_some() {
            return Ok(Named(None));
        }
        let named = identifiers_named(&rules.policy, who)?;
        Ok(Named(Some(named.into_iter().map(|(kind, text)| (kind.to_owned(), text)).collect())))
    }

    /// Whether a field of a record, such as `identifier.email`, with its text is what somebody is named by.
    fn is(&self, field: &str, text: &str) -> bool {
        let Named(Some(named)) = self else { return true };
        let kind = field.strip_prefix("identifier.").unwrap_or_default();
        let claimed = |of: &str| kind.strip_prefix(UNVERIFIED) == Some(of);
        named.iter().any(|(of, known)| (of == kind || claimed(of)) && known == text)
    }
}

/// Who holds what WHO names, for whatever purpose. Whoever was erased is nobody, also where the law keeps
/// something of them.
fn holders(store: &Store, rules: &Rulebook, who: &str) -> Result<Vec<i64>> {
    let found = match find(store.conn(), store.secret(), &rules.policy, who) {
        Err(error) if error.code == "subject-not-found" => return Ok(Vec::new()),
        found => found?,
    };
    let mut live = Vec::new();
    for subject in found {
        if !is_erased(store.conn(), subject)? {
            live.push(subject);
        }
    }
    Ok(live)
}
