//! A permit: the only way to hand anything to a destination.
//!
//! A `Permit` can be made by the gate alone; for the one mail that goes out before there is a consent it asks
//! besides for a request that stands ([`confirmation`]), and for what takes something back its counterpart
//! wants a disclosure on record ([`recall`]). What has passed none of them can't be sent because it doesn't
//! compile:
//!
//! ```compile_fail
//! use candor::consent::permit::Permit;
//! let forged = Permit { item: "ann@example.com" }; // private fields
//! ```
//!
//! ```compile_fail
//! let row: candor::send::Outbound = todo!();
//! candor::send::table_of(&["email".to_owned()], &[row]); // wants permits, not rows
//! ```

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::policy::rulebook::{ChannelCode, PurposeRule, Rulebook};

use super::fold::Standing;
use super::gate::{Direction, Grounds, Question, Reason, decide};
use super::sql;
use super::stands::Stands;

/// Something that the gate let out, with what it stood on.
#[derive(Clone, Debug)]
pub struct Permit<T> {
    item: T,
    grounds: Option<Grounds>,
    at: Moment,
}

impl<T> Permit<T> {
    /// What may go out.
    pub fn item(&self) -> &T {
        &self.item
    }

    /// The basis, and the consent where it is one; none of what takes something back.
    pub fn grounds(&self) -> Option<Grounds> {
        self.grounds
    }

    /// When the gate was asked: at the moment of sending.
    pub fn at(&self) -> Moment {
        self.at
    }
}

/// Asks the gate to let something out for a purpose, at the moment of the question; whichever way
/// the question says, it is asked as one about going out.
pub fn permit<T>(
    rules: &Rulebook,
    rule: &PurposeRule,
    question: Question<'_>,
    standing: &Standing,
    item: T,
) -> std::result::Result<Permit<T>, Reason> {
    let question = Question { direction: Direction::Out, ..question };
    let grounds = decide(rules, rule, question, standing)?;
    Ok(Permit { item, grounds: Some(grounds), at: question.at })
}

/// That a consent was asked for and waits to be confirmed (double opt-in): whoever asked may be sent the
/// way to confirm it.
#[derive(Clone, Copy, Debug)]
pub struct Asked(());

impl Asked {
    /// Looks whether a request for a purpose on a channel stands, which asks for a confirmation.
    ///
    /// # Errors
    /// What stands against it: nothing was said, it was taken back or confirmed meanwhile, or the purpose asks
    /// for no confirmation.
    pub fn look(
        rule: &PurposeRule,
        channel: ChannelCode,
        standing: &Standing,
        at: Moment,
    ) -> std::result::Result<Asked, Reason> {
        let consent = standing.consents.get(&(rule.code, channel));
        match Stands::of(rule, consent, at) {
            Stands::Requested
            | Stands::Unconfirmed
            | Stands::RenewalDue
            | Stands::NotExplicit
            | Stands::Expired
                if rule.purpose.double_opt_in =>
            {
                Ok(Asked(()))
            }
            Stands::Refused => Err(Reason::ConsentRefused),
            Stands::Withdrawn => Err(Reason::ConsentWithdrawn),
            Stands::Invalidated => Err(Reason::ConsentInvalidated),
            _ => Err(Reason::ConsentUnknown),
        }
    }
}

/// Asks the gate to let out the mail by which a request is confirmed. It goes out for a purpose of its own,
/// of which the gate is asked as of any; and to nobody whose request doesn't stand.
pub fn confirmation<T>(
    _: Asked,
    rules: &Rulebook,
    rule: &PurposeRule,
    question: Question<'_>,
    standing: &Standing,
    item: T,
) -> std::result::Result<Permit<T>, Reason> {
    permit(rules, rule, question, standing, item)
}

/// That somebody's data went to a destination: whoever got it may be told to stop or to delete.
#[derive(Clone, Copy, Debug)]
pub struct Disclosed(());

impl Disclosed {
    /// Looks whether a disclosure to a destination stands, or stood until the person was erased.
    ///
    /// # Errors
    /// Those of reading.
    pub fn look(conn: &Connection, disclosure: i64, destination: i64) -> Result<Option<Disclosed>> {
        let stands = sql::is_disclosed(conn, disclosure, destination)?;
        Ok(stands.then_some(Disclosed(())))
    }
}

/// The gate's counterpart: lets out what takes something back. It needs no consent, and goes to those
/// alone who were sent something.
pub fn recall<T>(_: Disclosed, item: T, at: Moment) -> Permit<T> {
    Permit { item, grounds: None, at }
}
