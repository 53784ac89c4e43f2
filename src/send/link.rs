//! Links of a person's own: what stands in a mail, or is handed to somebody at the desk, and lets whoever has
//! it speak as that person.
//!
//! A link says which record it is about, what it is for and until when, and nothing of the person. Those
//! bytes are hidden under their own check (as in RFC 5297), which takes the store's secret and the record's key:
//! so nobody makes one up, reads one or tells two of one person, none is written down, and all of a person's
//! are dead with the key that an erasure destroys. Numbers of records are given again after a restore; keys
//! aren't.

use base64ct::{Base64UrlUnpadded, Encoding};
use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{RecordKey, StoreSecret, is_same};
use crate::consent::gate::after;
use crate::policy::mail::Pages;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeRule};
use crate::policy::types::Basis;
use crate::profile::sql as profile_sql;

use super::message::Links;

/// What a link lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// End the use for a purpose on a channel.
    Unsubscribe {
        /// The purpose.
        purpose: PurposeCode,
        /// The channel; 0 for all.
        channel: ChannelCode,
    },
    /// See and change what was allowed, and ask for what one has a right to.
    Preferences {
        /// It was mailed to the record's address: whoever has it reads what is sent there.
        was_mailed: bool,
    },
}

/// What a link says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The record that it is about.
    pub record: i64,
    /// What it is for.
    pub leave: Leave,
    /// Until when it works.
    pub until: Moment,
}

/// Bytes of what a link says, and with its check before that.
const SAYS: usize = 20;
const WHOLE: usize = 16 + SAYS;

impl Link {
    fn bytes(&self) -> [u8; SAYS] {
        let (act, purpose, channel) = match self.leave {
            Leave::Unsubscribe { purpose, channel } => (1, purpose, channel),
            Leave::Preferences { was_mailed } => (2 + u8::from(was_mailed), 0, 0),
        };
        let mut bytes = [0; SAYS];
        bytes[0] = act;
        bytes[1] = purpose;
        bytes[2..4].copy_from_slice(&channel.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.record.to_be_bytes());
        bytes[12..].copy_from_slice(&self.until.0.to_be_bytes());
        bytes
    }

    fn of(bytes: &[u8; SAYS]) -> Option<Link> {
        let eight =
            |from: usize| i64::from_be_bytes(bytes[from..from + 8].try_into().expect("eight"));
        let leave = match bytes[0] {
            1 => Leave::Unsubscribe {
                purpose: bytes[1],
                channel: u16::from_be_bytes([bytes[2], bytes[3]]),
            },
            2 | 3 => Leave::Preferences { was_mailed: bytes[0] == 3 },
            _ => return None,
        };
        Some(Link { record: eight(4), leave, until: Moment(eight(12)) })
    }

    /// The link's token, as it stands in an address.
    pub fn token(&self, secret: &StoreSecret, key: &RecordKey) -> String {
        let mut says = self.bytes();
        let check = secret.link_check(key, &says);
        secret.link_veil(&check, &mut says);
        let mut whole = [0; WHOLE];
        whole[..16].copy_from_slice(&check);
        whole[16..].copy_from_slice(&says);
        Base64UrlUnpadded::encode_string(&whole)
    }

    /// What a token says, if it is one that this store made of a record that it still has, and it still works.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(
        conn: &Connection,
        secret: &StoreSecret,
        token: &str,
        now: Moment,
    ) -> Result<Option<Link>> {
        let mut whole = [0; WHOLE];
        let is_whole = Base64UrlUnpadded::decode(token, &mut whole).is_ok_and(|b| b.len() == WHOLE);
        if !is_whole {
            return Ok(None);
        }
        let check: [u8; 16] = whole[..16].try_into().expect("16 bytes");
        let mut says: [u8; SAYS] = whole[16..].try_into().expect("the rest");
        secret.link_veil(&check, &mut says);
        let Some(link) = Link::of(&says) else { return Ok(None) };
        let Some(key) = profile_sql::key_if_held(conn, link.record)? else { return Ok(None) };
        let holds = !key.is_destroyed()
            && is_same(&secret.link_check(&key, &says), &check)
            && now < link.until;
        Ok(holds.then_some(link))
    }
}

/// Whether what is sent for a purpose can be ended by a click: by withdrawing, or by objecting (Art 7(3), 21).
pub fn can_be_ended(rule: &PurposeRule) -> bool {
    let purpose = &rule.purpose;
    purpose.marketing
        || matches!(purpose.basis, Basis::Consent | Basis::LegitimateInterests | Basis::PublicTask)
}

/// The links of a mail that goes to the address of a record.
pub(super) fn links(
    secret: &StoreSecret,
    key: &RecordKey,
    (pages, rule, channel): (&Pages, &PurposeRule, Option<ChannelCode>),
    record: i64,
    now: Moment,
) -> Links {
    let address = |page: &str, leave, until| {
        let token = Link { record, leave, until }.token(secret, key);
        format!("{}/{page}/{token}", pages.url)
    };
    let end = Leave::Unsubscribe { purpose: rule.code, channel: channel.unwrap_or(0) };
    let unsubscribe = can_be_ended(rule).then(|| address("unsubscribe", end, Moment::FOREVER));
    let lasts = after(now, pages.link_lasts);
    Links {
        unsubscribe: unsubscribe.unwrap_or_default(),
        preferences: address("preferences", Leave::Preferences { was_mailed: true }, lasts),
        confirm: None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is said is read again, and looks like nothing.
        #[test]
        fn a_link_is_what_it_says(purpose in 1u8..=60, channel: u16, record in 1i64.., until: i64) {
            for leave in [
                Leave::Unsubscribe { purpose, channel },
                Leave::Preferences { was_mailed: true },
                Leave::Preferences { was_mailed: false },
            ] {
                let link = Link { record, leave, until: Moment(until) };
                prop_assert_eq!(Link::of(&link.bytes()), Some(link));
                let (secret, key) = (StoreSecret::new([1; 32]), RecordKey([2; 32]));
                let token = link.token(&secret, &key);
                prop_assert_eq!(token.len(), 48);
                prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
                prop_assert_ne!(&token, &link.token(&secret, &RecordKey([3; 32])));
            }
        }
    }
}
