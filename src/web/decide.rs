//! Decides on one question: whether its token may ask it, and what the gate lets out to it. Nothing is written
//! down here.

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::consent::permit::Permit;
use crate::policy::rulebook::{PurposeRule, Rulebook};
use crate::policy::types::Destination;
use crate::send::Outbound;
use crate::send::context::{self, Context, Found};
use crate::store::Store;

use super::clerk::{About, Asked, Told};
use super::role::{Bound, Endpoint};
use super::segment::Shape;
use super::token::TokenRow;

/// What is decided on a question, before it is written down.
pub(super) enum Decided {
    /// An answer that tells nothing of anybody.
    Plain(Told),
    /// The controller's own read.
    Read(TokenRow, Box<Context>, Option<Shape>),
    /// Somebody begins to listen for changes.
    Listen(TokenRow, String),
    /// A recipient gets something.
    Disclose(TokenRow, Permit<Outbound>, Purpose, Vec<String>),
}

/// A purpose: its name and code.
pub(super) type Purpose = (String, i64);

/// Decides on a question of a token.
///
/// # Errors
/// Those of reading, and what [`unclear`] puts into words.
pub(super) fn decide(
    store: &Store,
    rules: &Rulebook,
    token: &TokenRow,
    asked: &Asked,
    now: Moment,
) -> Result<Decided> {
    let plain = |told| Ok(Decided::Plain(told));
    let (endpoint, purpose) = match asked {
        Asked::About(about) if about.shape.is_some() => (Endpoint::Profile, &about.purpose),
        Asked::About(about) => (Endpoint::Context, &about.purpose),
        Asked::Changes { purpose } => (Endpoint::Changes, purpose),
    };
    if !token.role.opens(endpoint) {
        return plain(Told::NotOfRole);
    }
    let is_recipient = token.role.bound() == Bound::ToDestination;
    let own = rules.policy.destinations.get(&token.destination).filter(|_| is_recipient);
    let purpose = purpose.as_deref().or(own.map(|destination| &*destination.purpose));
    let Some(purpose) = purpose else {
        return plain(Told::Unclear("purpose_missing", "say for which purpose it is asked"));
    };
    if !token.may_ask_for(rules, purpose) {
        return plain(Told::NotOfToken);
    }
    let Some(rule) = rules.purpose_code(purpose).and_then(|code| rules.rule(code)) else {
        return plain(Told::Unclear(
            "purpose_not_declared",
            "no policy in force declares this purpose",
        ));
    };
    match asked {
        Asked::About(about) => decide_about(store, rules, (token, own, rule), about, now),
        Asked::Changes { .. } => Ok(Decided::Listen(token.clone(), rule.name.clone())),
    }
}

/// Decides on a question about a person; `own` is the destination whose recipient asks.
fn decide_about(
    store: &Store,
    rules: &Rulebook,
    (token, own, rule): (&TokenRow, Option<&Destination>, &PurposeRule),
    asked: &About,
    now: Moment,
) -> Result<Decided> {
    let plain = |told| Ok(Decided::Plain(told));
    let channel = match asked.channel.as_deref() {
        None => None,
        Some(name) => match rules.channel_code(name) {
            Some(code) => Some(code),
            None => {
                let words = "no policy in force declares this channel";
                return plain(Told::Unclear("channel_unknown", words));
            }
        },
    };
    if let Some(destination) = own {
        let is_its_own = asked.channel.is_none() || asked.channel == destination.channel;
        let permit = match is_its_own {
            true => context::for_recipient(store, rules, &token.destination, &asked.who, now)?,
            false => None,
        };
        let Some(permit) = permit else { return plain(Told::Nobody) };
        let purpose = (rule.name.clone(), i64::from(rule.code));
        return Ok(Decided::Disclose(token.clone(), permit, purpose, destination.fields.clone()));
    }
    match context::context(store, rules, (rule, channel), &asked.who, now)? {
        Found::Nobody => plain(Told::Nobody),
        Found::Several => plain(Told::Several),
        // Segment's shape has no place for reasons.
        Found::Known(context) if asked.shape.is_some() && context.known.is_none() => {
            plain(Told::Nobody)
        }
        Found::Known(context) => Ok(Decided::Read(token.clone(), context, asked.shape.clone())),
    }
}

/// What can't be asked so, and what couldn't be answered.
pub(super) fn unclear(error: &Error) -> Told {
    match error.code {
        "who-unreadable" => {
            Told::Unclear("who_unreadable", "a person is named as kind:value or by a subject id")
        }
        "identifier-unknown" => {
            Told::Unclear("identifier_unknown", "the policy declares no such kind of identifier")
        }
        code => Told::Failed(code),
    }
}
