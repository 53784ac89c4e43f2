//! The gate: one pure function that decides whether data may come in, be used, or go out.
//!
//! It knows no clock, no store and no person beyond their `Standing`. It fails closed: what it isn't
//! told, it doesn't assume. Each "no" has a code from one table, with words for people and the
//! article of law behind it.

use chrono::{DateTime, Months, Utc};

use crate::base::clock::Moment;
use crate::policy::rulebook::{ChannelCode, PurposeMask, PurposeRule, Rulebook, bit};
use crate::policy::types::{Basis, ConsentState, Limit, Period};

use super::doubt::unread_under;
use super::fold::{ConsentStanding, Standing};
use super::retention::{Age, kept_until};

/// Which way the data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a source into a profile: to be stored.
    In,
    /// Read for a purpose inside.
    Use,
    /// To a destination.
    Out,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $law:literal, $words:literal;)*) => {
        /// Why the gate said no.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, in the order in which the gate asks.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The stable code, as in JSON and reports.
            pub fn code(self) -> &'static str { match self { $(Reason::$name => $code,)* } }

            /// The law or rule behind it.
            pub fn law(self) -> &'static str { match self { $(Reason::$name => $law,)* } }

            /// In words, for people.
            pub fn words(self) -> &'static str { match self { $(Reason::$name => $words,)* } }
        }
    };
}

reasons! {
    /// An erasure keeps a key or an identifier out.
    Suppressed = "suppressed", "Art 17, 21",
        "an erasure keeps out a key or identifier that stands here, and the person has not brought it \
         back by their own act";
    /// Restricted to storage.
    Restricted = "restricted", "Art 18",
        "the person's data is restricted: it may be stored and nothing else";
    /// Not in the policy.
    PurposeNotDeclared = "purpose_not_declared", "Art 5(1)(b)",
        "no policy in force declares this purpose";
    /// A yes to what needs none.
    PurposeNotByConsent = "purpose_not_by_consent", "Art 6(1)",
        "the purpose doesn't rest on consent, so there is nothing to consent to";
    /// Declared after the data arrived.
    PurposeDeclaredLater = "purpose_declared_later", "Art 5(1)(b), 6(4)",
        "the purpose was declared after the data arrived; a policy can't act backwards";
    /// The source may not serve it.
    SourceNotForPurpose = "source_not_for_purpose", "Art 5(1)(b)",
        "the policy doesn't let this source serve any purpose that covers the category";
    /// The purpose does not cover the category.
    CategoryNotCovered = "category_not_covered", "Art 5(1)(c)",
        "the purpose doesn't cover this category of data";
    /// Special category without a condition.
    SpecialCategory = "special_category", "Art 9",
        "this is a special category, and no purpose with an Art 9(2) condition covers it";
    /// The purpose does not use the channel.
    ChannelNotOfPurpose = "channel_not_of_purpose", "ePrivacy Art 13",
        "the purpose doesn't use this channel";
    /// Objected.
    Objected = "objected", "Art 21", "the person objected to this purpose";
    /// Nothing was said.
    ConsentUnknown = "consent_unknown", "Art 6(1)(a), 7(1)",
        "nobody recorded that the person consented; unknown consent is no consent";
    /// Asked, not yet confirmed.
    ConsentRequested = "consent_requested", "Art 4(11)",
        "consent was asked for, or given but not confirmed (double opt-in)";
    /// Said no.
    ConsentRefused = "consent_refused", "Art 4(11)", "the person was asked and did not consent";
    /// Taken back.
    ConsentWithdrawn = "consent_withdrawn", "Art 7(3)", "the person withdrew consent";
    /// Ran out.
    ConsentExpired = "consent_expired", "Art 5(1)(e)", "the consent's time has run out";
    /// Not valid.
    ConsentInvalidated = "consent_invalidated", "Art 4(11), 7",
        "the consent was found not to be valid";
    /// The notice changed materially.
    ConsentRenewalDue = "consent_renewal_due", "Art 4(11), 13(3)",
        "the notice has changed materially since; the person must be asked again";
    /// Not explicit.
    ConsentNotExplicit = "consent_not_explicit", "Art 9(2)(a)",
        "the purpose needs explicit consent, and this one isn't";
    /// The channel was refused.
    ChannelDenied = "channel_denied", "ePrivacy Art 13",
        "the person doesn't want to be contacted on this channel";
    /// Somebody else has the address, and said no.
    SharedNo = "shared_no", "Art 7(3), 21",
        "somebody who has the same address said no, and what is sent there would reach them too";
    /// Nothing permits the channel.
    ChannelNotPermitted = "channel_not_permitted", "ePrivacy Art 13",
        "direct marketing on this channel needs the person's permission";
    /// The person hasn't been told where the data comes from.
    NoticeDue = "notice_due", "Art 14(3)",
        "the data doesn't come from the person, who has not been told of it yet";
    /// The person wants to hear less often.
    FrequencyWished = "frequency_wished", "Art 21(2), 25(2)",
        "the person wants to hear less often on this channel";
    /// The policy's own limit.
    FrequencyLimit = "frequency_limit", "Art 5(1)(a), 25(2)",
        "as much has gone to this destination as the policy allows in the period";
    /// Retention is over.
    RetentionOver = "retention_over", "Art 5(1)(e)",
        "the data is older than the purpose's retention allows";
    /// No field of that name.
    UnknownField = "unknown_field", "Art 5(1)(c)", "the policy doesn't name this field";
    /// No person.
    NoSubject = "no_subject", "Art 11", "the row names no person, so nothing personal is kept of it";
    /// The source gave one key to two people.
    KeyNamesAnother = "key_names_another", "Art 5(1)(d)",
        "the source's key named another person before, so whose this is isn't certain";
    /// Nothing of the row was admitted.
    NothingAdmitted = "nothing_admitted", "Art 5(1)(b)",
        "no purpose admits anything of the row, so nothing of it is kept";
    /// A value that no map knows.
    UnknownValue = "unknown_value", "Art 5(1)(d)", "the policy's value map doesn't know this value";
    /// Unreadable.
    BadValue = "bad_value", "Art 5(1)(d)", "the value can't be read as its declared type";
    /// Placeholder.
    Placeholder = "placeholder", "Art 5(1)(d)", "a placeholder that names nobody";
    /// The row says something about the purpose that can't be read.
    ConsentUnreadable = "consent_unreadable", "Art 7(1), 5(1)(d)",
        "the row says something about this purpose that can't be read and may be a no, so it brings nothing \
         in for it";
    /// A yes that doesn't say on which of several channels.
    ConsentWithoutChannel = "consent_without_channel", "ePrivacy Art 13",
        "a yes that doesn't say which of the purpose's channels it is for";
    /// Consent without notice.
    ConsentWithoutNotice = "consent_without_notice", "Art 7(1)",
        "a consent that doesn't say which notice was shown can't be demonstrated";
    /// A yes of somebody who is merely named.
    ConsentUnproven = "consent_unproven", "Art 7(1)",
        "a yes that came by a public key, by which anybody can name anybody: it can't be shown to be this person's";
    /// Consent with a notice that isn't the purpose's.
    ConsentUnknownNotice = "consent_unknown_notice", "Art 7(1)",
        "the policy doesn't hold the notice version that this consent names";
}

/// What is asked of the gate.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Which way.
    pub direction: Direction,
    /// On which channel, when people are contacted.
    pub channel: Option<ChannelCode>,
    /// The data's category, when a single value is asked for.
    pub category: Option<&'a str>,
    /// When.
    pub at: Moment,
    /// How old the value or event is, when one is asked for.
    pub age: Option<Age>,
    /// The source of the data, when it wasn't obtained from the person (Art 14).
    pub indirect: Option<u16>,
    /// What has gone out before, when something is about to go out.
    pub pace: Pace<'a>,
}

impl Question<'_> {
    /// The plain question: no channel, no single value, nothing sent before.
    pub fn new(direction: Direction, at: Moment) -> Self {
        Question {
            direction,
            channel: None,
            category: None,
            at,
            age: None,
            indirect: None,
            pace: Pace::default(),
        }
    }
}

/// How often something has gone out before, and how often it may.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace<'a> {
    /// The destination's limit.
    pub limit: Option<Limit>,
    /// When the person's data went to the destination.
    pub to_destination: &'a [Moment],
    /// When it went to any destination on the channel.
    pub on_channel: &'a [Moment],
}

/// What an allowed question stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// The purpose's basis.
    pub basis: Basis,
    /// The statement, where the basis is consent.
    pub consent: Option<ConsentStanding>,
}

/// Decides one question for one purpose.
pub fn decide(
    rules: &Rulebook,
    rule: &PurposeRule,
    question: Question<'_>,
    standing: &Standing,
) -> Result<Grounds, Reason> {
    if standing.suppressed {
        return Err(Reason::Suppressed);
    }
    let purpose = &rule.purpose;
    // Art 18(2): restriction excepts storage, and with it what comes in to be stored.
    let stores = question.direction == Direction::In;
    if standing.restricted && !stores && purpose.basis != Basis::LegalObligation {
        return Err(Reason::Restricted);
    }
    if question.at < rule.declared_at {
        return Err(Reason::PurposeDeclaredLater);
    }
    if let Some(category) = question.category {
        if rules.covering(category) & bit(rule.code) == 0 {
            return Err(Reason::CategoryNotCovered);
        }
        if rules.is_special(category) && purpose.special_condition.is_none() {
            return Err(Reason::SpecialCategory);
        }
    }
    if question.channel.is_some_and(|channel| !rule.channels.contains(&channel)) {
        return Err(Reason::ChannelNotOfPurpose);
    }
    if standing.objections & bit(rule.code) != 0 && purpose.basis != Basis::LegalObligation {
        return Err(Reason::Objected);
    }
    let consent = match purpose.basis {
        Basis::Consent => Some(consent_in_force(rule, question, standing)?),
        _ => None,
    };
    if let (Direction::Out, Some(channel)) = (question.direction, question.channel) {
        match standing.permissions.get(&channel) {
            Some(false) => return Err(Reason::ChannelDenied),
            // Consent to a purpose on a channel is itself the permission.
            None if purpose.marketing && consent.is_none() => {
                return Err(Reason::ChannelNotPermitted);
            }
            Some(true) | None => {}
        }
    }
    if question.direction == Direction::Out {
        if question.indirect.is_some_and(|source| !standing.informed.contains(&(rule.code, source)))
        {
            return Err(Reason::NoticeDue);
        }
        within_pace(question, standing)?;
    }
    if question.age.is_some_and(|age| kept_until(rule, age) <= question.at) {
        return Err(Reason::RetentionOver);
    }
    Ok(Grounds { basis: purpose.basis, consent })
}

/// Whether one more may go out: by the person's wish, and by the destination's limit.
fn within_pace(question: Question<'_>, standing: &Standing) -> Result<(), Reason> {
    let recent = |sent: &[Moment], period| {
        sent.iter().filter(|sent| after(**sent, period) > question.at).count()
    };
    let wishes = [Some(0), question.channel];
    let wished = wishes.iter().flatten().filter_map(|c| standing.at_most_every.get(c)).max();
    if let Some(days) = wished
        && recent(question.pace.on_channel, Period { months: 0, days: *days }) > 0
    {
        return Err(Reason::FrequencyWished);
    }
    if let Some(limit) = question.pace.limit
        && recent(question.pace.to_destination, limit.within) >= limit.count as usize
    {
        return Err(Reason::FrequencyLimit);
    }
    Ok(())
}

/// The purposes that admit anything of this person now; a value's category and source narrow it.
pub fn open_purposes(rules: &Rulebook, standing: &Standing, at: Moment) -> PurposeMask {
    let question = Question::new(Direction::In, at);
    rules
        .rules()
        .filter(|rule| decide(rules, rule, question, standing).is_ok())
        .fold(0, |mask, rule| mask | bit(rule.code))
}

/// The purposes that still hold a home's data: those whose basis is in force, or waits to be renewed.
/// A consent that has to be asked for again forbids use, not storage, because asking must not destroy
/// what the person gave and has not taken back. For the same reason a home's own yes is what stores: what
/// another home's yes lacks keeps it from use. And what is in doubt is kept until it is read.
pub fn holding(rules: &Rulebook, standing: &Standing, now: Moment) -> PurposeMask {
    let mut stored = Standing { suppressed: false, ..standing.clone() };
    stored.consents.values_mut().for_each(|consent| *consent = consent.alone());
    let question = Question::new(Direction::In, now);
    let holds = |rule: &&PurposeRule| match decide(rules, rule, question, &stored) {
        Ok(_) => true,
        Err(Reason::ConsentInvalidated) => {
            let mut said = stored.consents.iter().filter(|((purpose, _), _)| *purpose == rule.code);
            said.any(|(_, consent)| unread_under(&consent.by).is_some())
        }
        Err(reason) => matches!(
            reason,
            Reason::ConsentRenewalDue | Reason::ConsentRequested | Reason::ConsentNotExplicit
        ),
    };
    rules.rules().filter(holds).fold(0, |mask, rule| mask | bit(rule.code))
}

/// The consent that holds for a purpose: on the asked channel, or on any where none is asked.
fn consent_in_force(
    rule: &PurposeRule,
    question: Question<'_>,
    standing: &Standing,
) -> Result<ConsentStanding, Reason> {
    let any = [0];
    let channels: &[ChannelCode] = match &question.channel {
        Some(channel) => std::slice::from_ref(channel),
        None if rule.channels.is_empty() => &any,
        None => &rule.channels,
    };
    let mut no = Reason::ConsentUnknown;
    for channel in channels {
        let Some(consent) = standing.consents.get(&(rule.code, *channel)) else { continue };
        match judge(rule, consent, question.at) {
            Ok(()) => return Ok(*consent),
            Err(reason) => no = reason,
        }
    }
    Err(no)
}

/// Whether a folded consent is in force for its purpose at a moment.
pub fn judge(rule: &PurposeRule, consent: &ConsentStanding, at: Moment) -> Result<(), Reason> {
    match consent.state {
        ConsentState::Requested => return Err(Reason::ConsentRequested),
        ConsentState::Refused => return Err(Reason::ConsentRefused),
        ConsentState::Withdrawn => return Err(Reason::ConsentWithdrawn),
        ConsentState::Expired => return Err(Reason::ConsentExpired),
        ConsentState::Invalidated => return Err(Reason::ConsentInvalidated),
        ConsentState::Given | ConsentState::Renewed => {}
    }
    let purpose = &rule.purpose;
    if purpose.double_opt_in && !consent.terms.confirmed {
        return Err(Reason::ConsentRequested);
    }
    if let Some(period) = purpose.consent_expires
        && after(consent.terms.since, period) <= at
    {
        return Err(Reason::ConsentExpired);
    }
    if consent.terms.notice_version < rule.renew_before {
        return Err(Reason::ConsentRenewalDue);
    }
    let explicit_needed =
        purpose.explicit || purpose.special_condition.as_deref() == Some("9(2)(a)");
    if explicit_needed && !consent.terms.explicit {
        return Err(Reason::ConsentNotExplicit);
    }
    Ok(())
}

/// A calendar period later (months first, then days; a day that doesn't exist becomes the month's last).
pub fn after(from: Moment, period: Period) -> Moment {
    let start: DateTime<Utc> = from.utc();
    start
        .checked_add_months(Months::new(period.months))
        .and_then(|t| t.checked_add_signed(chrono::TimeDelta::days(i64::from(period.days))))
        .map_or(Moment::FOREVER, |t| Moment(t.timestamp_millis()))
}
