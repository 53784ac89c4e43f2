//! Double opt-in: a consent that was asked for in somebody's name is confirmed by a link that only they get.
//!
//! The mail with the link is the only one that goes out before there is a consent. So it has a permit of its
//! own (`consent::permit::confirmation`), goes to the address that stood in the form and to no other, once for
//! each request, and few times a day to one address, whoever fills in forms. Of the link's token, which is
//! random and made when the mail is, the store keeps a keyed fingerprint; what a confirmation amounts to is
//! said in `person::confirm`.

pub(crate) mod sql;

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::base::clock::{DAY_MS, Moment};
use crate::base::error::Result;
use crate::base::secret::{Randomness, StoreSecret};
use crate::consent::gate::after;
use crate::consent::sql as consent_sql;
use crate::consent::statement::{Axis, Statement};
use crate::policy::rulebook::Rulebook;
use crate::policy::types::ConsentState;
use crate::store::{WordKind, Writer};

use super::message::Act;
use super::outbox::sql as outbox_sql;

/// Mails that go to one address in a day, at most.
pub const MAILS_A_DAY: usize = 3;

/// Whether something that was said of consent asks for a confirmation.
fn asks(said: &Statement) -> bool {
    let yes = matches!(said.state, ConsentState::Given | ConsentState::Renewed);
    said.state == ConsentState::Requested || (yes && !said.confirmed)
}

/// Looks at a statement that was just recorded: queues the mail where it asks for a confirmation that the policy
/// has mailed, and is young enough for that; and ends what waited to be confirmed where it says more. Returns
/// whether a mail was queued.
///
/// # Errors
/// Those of writing.
pub fn ask(writer: &mut Writer<'_>, rules: &Rulebook, n: i64) -> Result<bool> {
    if rules.policy.pages.as_ref().is_none_or(|pages| pages.confirm.is_none()) {
        return Ok(false);
    }
    let Some(said) = consent_sql::statement(writer.conn, n)? else { return Ok(false) };
    let Some(rule) = rules.rule(said.purpose).filter(|_| said.axis == Axis::Consent) else {
        return Ok(false);
    };
    let Some((pages, name, _)) = rules.policy.confirming(&rule.purpose) else { return Ok(false) };
    if !asks(&said) {
        sql::end(writer.conn, &said)?;
        return Ok(false);
    }
    let Some(code) = writer.words.code(WordKind::Destination, name) else { return Ok(false) };
    // Of an old file nobody expects a mail; and what is asked twice before it was mailed is mailed once.
    let until = after(said.said_at(), pages.confirm_within);
    if until <= writer.now || sql::waits(writer.conn, &said)? {
        return Ok(false);
    }
    sql::purge(writer.conn, Moment(writer.now.0 - DAY_MS))?;
    sql::insert(writer.conn, n, said.record, until)?;
    outbox_sql::queue(writer.conn, code, said.record, (Act::Confirm, n), writer.now)?;
    Ok(true)
}

/// A token, as it stands in a link.
pub(super) fn new_token(randomness: &mut dyn Randomness) -> String {
    Base64UrlUnpadded::encode_string(&randomness.key())
}

/// What is kept of a token.
pub fn print_of(secret: &StoreSecret, token: &str) -> [u8; 16] {
    secret.fingerprint("opt-in", &[token])
}

/// Whether a text may be a token at all.
pub fn is_token(text: &str) -> bool {
    let mut bytes = [0; 32];
    Base64UrlUnpadded::decode(text, &mut bytes).is_ok_and(|bytes| bytes.len() == 32)
}
