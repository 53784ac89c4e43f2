//! One click ends what a mail was sent for (RFC 8058, Art 7(3), 21(2)): whoever has the link need not say who they
//! are, and nothing else that is closed keeps it from counting.

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::AsOf;
use crate::consent::history::History;
use crate::consent::statement::Axis;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeRule, bit};
use crate::policy::types::{Basis, ConsentState};
use crate::send::link::{Leave, Link};
use crate::send::sql as send_sql;
use crate::store::{Store, WordKind, Words, latest};
use crate::subject::forget::Forgotten;

use super::say::{Said, record as say};

/// What a link ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The controller.
    pub controller: String,
    /// The purpose in plain words; its name where no policy declares it any more.
    pub title: String,
    /// The channel; empty for all.
    pub channel: String,
}

fn read(
    store: &Store,
    token: &str,
    now: Moment,
) -> Result<Option<(i64, PurposeCode, ChannelCode)>> {
    let link = Link::read(store.conn(), store.secret(), token, now)?;
    Ok(match link {
        Some(Link { record, leave: Leave::Unsubscribe { purpose, channel }, .. }) => {
            Some((record, purpose, channel))
        }
        _ => None,
    })
}

/// What a link ends; `None` where it says nothing, or nothing more. Changes nothing.
///
/// # Errors
/// Those of reading.
pub fn look(store: &Store, token: &str, now: Moment) -> Result<Option<Ends>> {
    let Some((_, purpose, channel)) = read(store, token, now)? else { return Ok(None) };
    let rules = latest(store.conn(), store.words())?;
    let name = || store.words().text(WordKind::Purpose, purpose.into()).to_owned();
    Ok(Some(Ends {
        controller: rules.policy.controller.name.clone(),
        title: rules.rule(purpose).map_or_else(name, |rule| rule.purpose.title.clone()),
        channel: channel_name(store.words(), channel),
    }))
}

fn channel_name(words: &Words, channel: ChannelCode) -> String {
    match channel {
        0 => String::new(),
        code => words.text(WordKind::Channel, code.into()).to_owned(),
    }
}

/// Ends what a link is for, at once; what is said already isn't said again. Returns whether it is a link that
/// works.
///
/// # Errors
/// Those of [`Store::write`].
pub fn unsubscribe(store: &mut Store, token: &str, now: Moment) -> Result<bool> {
    let decide = |store: &Store, now: Moment| {
        let rules = latest(store.conn(), store.words())?;
        let Some((record, purpose, channel)) = read(store, token, now)? else { return Ok(None) };
        let Some(subject) = send_sql::subject_of(store.conn(), record)? else { return Ok(None) };
        let history = History::load(store.conn(), subject)?;
        Ok(Some((rules, (subject, record), purpose, channel, history)))
    };
    let ended = store.decide_and_write(now, decide, |writer, decided| {
        let Some((rules, person, purpose, channel, history)) = decided else { return Ok(None) };
        let standing = history.standing(AsOf::at(writer.now));
        let says_no = |channel: &ChannelCode| {
            // What ran out, or waits, is no "no" yet.
            let said = standing.consents.get(&(purpose, *channel));
            said.is_some_and(|said| Axis::Consent.protects(said.state))
        };
        let objected = standing.objections & bit(purpose) != 0;
        let rule = rules.rule(purpose);
        let mut all = Vec::new();
        if rule.is_none_or(|rule| rule.purpose.basis == Basis::Consent) {
            let channels = channels(rule, channel).into_iter().filter(|channel| !says_no(channel));
            all.extend(channels.map(|channel| no(Axis::Consent, purpose, channel)));
        }
        if rule.is_none_or(|rule| rule.purpose.basis != Basis::Consent) && !objected {
            all.push(no(Axis::Objection, purpose, 0));
        }
        if all.is_empty() {
            return Ok(Some(Forgotten::default()));
        }
        say(writer, &rules, person, &all).map(Some)
    })?;
    if ended.is_some_and(|gone| gone.values + gone.events > 0) {
        store.truncate_wal()?;
    }
    Ok(ended.is_some())
}

fn no(axis: Axis, purpose: PurposeCode, channel: ChannelCode) -> Said<'static> {
    let state = match axis {
        Axis::Consent => ConsentState::Withdrawn,
        _ => ConsentState::Given,
    };
    Said { axis, purpose, channel, state, every_days: 0, method: "one-click" }
}

/// The channels on which a link without one ends a purpose: all that it has.
fn channels(rule: Option<&PurposeRule>, channel: ChannelCode) -> Vec<ChannelCode> {
    match rule {
        Some(rule) if channel == 0 && !rule.channels.is_empty() => rule.channels.clone(),
        _ => vec![channel],
    }
}
