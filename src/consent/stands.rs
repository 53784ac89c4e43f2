//! What a consent amounts to, as the gate takes it: a yes that was said isn't always one that stands.

use crate::base::clock::Moment;
use crate::policy::rulebook::{ChannelCode, PurposeRule, bit};
use crate::policy::types::ConsentState;

use super::fold::{ConsentStanding, Standing};
use super::gate::{Reason, judge};

/// What a consent amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// Nothing was ever said.
    Unknown,
    /// Asked for.
    Requested,
    /// Given, and still to be confirmed (double opt-in).
    Unconfirmed,
    /// Given, and in force.
    Given,
    /// Given to a notice that has changed materially since.
    RenewalDue,
    /// Given, but not in so many words where that is needed.
    NotExplicit,
    /// Refused.
    Refused,
    /// Withdrawn.
    Withdrawn,
    /// Its time has run out.
    Expired,
    /// Found not to be valid.
    Invalidated,
}

impl Stands {
    /// Everything that it can amount to.
    pub const ALL: [Stands; 10] = [
        Stands::Unknown,
        Stands::Requested,
        Stands::Unconfirmed,
        Stands::Given,
        Stands::RenewalDue,
        Stands::NotExplicit,
        Stands::Refused,
        Stands::Withdrawn,
        Stands::Expired,
        Stands::Invalidated,
    ];

    /// What a folded consent amounts to at a moment; `None` where nothing was ever said.
    pub fn of(rule: &PurposeRule, consent: Option<&ConsentStanding>, at: Moment) -> Stands {
        let Some(consent) = consent else { return Stands::Unknown };
        match judge(rule, consent, at) {
            Err(Reason::ConsentRequested) if consent.state == ConsentState::Requested => {
                Stands::Requested
            }
            Err(Reason::ConsentRequested) => Stands::Unconfirmed,
            Err(Reason::ConsentRefused) => Stands::Refused,
            Err(Reason::ConsentWithdrawn) => Stands::Withdrawn,
            Err(Reason::ConsentExpired) => Stands::Expired,
            Err(Reason::ConsentRenewalDue) => Stands::RenewalDue,
            Err(Reason::ConsentNotExplicit) => Stands::NotExplicit,
            Err(_) => Stands::Invalidated,
            Ok(()) => Stands::Given,
        }
    }

    /// The stable code, as in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Stands::Unknown => "unknown",
            Stands::Requested => "requested",
            Stands::Unconfirmed => "unconfirmed",
            Stands::Given => "given",
            Stands::RenewalDue => "renewal_due",
            Stands::NotExplicit => "not_explicit",
            Stands::Refused => "refused",
            Stands::Withdrawn => "withdrawn",
            Stands::Expired => "expired",
            Stands::Invalidated => "invalidated",
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Stands::Unconfirmed => "requested (not confirmed)",
            Stands::RenewalDue => "given, renewal due",
            Stands::NotExplicit => "given, not explicit",
            plain => plain.code(),
        }
    }
}

/// Whether the gate lets a purpose through on a channel by this consent: it is in force, and nothing
/// else that the person said stands against it.
pub fn let_through(
    rule: &PurposeRule,
    channel: ChannelCode,
    standing: &Standing,
    at: Moment,
) -> Result<ConsentStanding, Reason> {
    let consent = standing.consents.get(&(rule.code, channel)).ok_or(Reason::ConsentUnknown)?;
    if standing.restricted {
        return Err(Reason::Restricted);
    }
    if standing.objections & bit(rule.code) != 0 {
        return Err(Reason::Objected);
    }
    if standing.permissions.get(&channel) == Some(&false) {
        return Err(Reason::ChannelDenied);
    }
    judge(rule, consent, at).map(|()| *consent)
}
