//! What a person chooses on the page of their preferences: each answer that differs from what stands is said.
//!
//! A yes is given to the notice that stood on the page that was sent back; where another one stands there
//! now, it isn't taken, and the page shows the new one.

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::stands::Stands;
use crate::consent::statement::Axis;
use crate::policy::rulebook::{ChannelCode, PurposeCode, Rulebook};
use crate::policy::types::ConsentState;
use crate::send::outbox::asks_to_confirm;
use crate::send::sql as send_sql;
use crate::store::{Store, Writer, latest};
use crate::subject::forget::Forgotten;

use super::preferences::{Consent, Preferences, Reader, of, reader};
use super::say::{Said, Yes, record, yes};

/// The method that is written down.
const METHOD: &str = "preference page";

/// What came of a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// How many answers were new.
    pub said: usize,
    /// A yes was given to a notice that isn't the newest any more, and wasn't taken.
    pub is_outdated: bool,
    /// A yes waits to be confirmed by a link, and the mail with it goes.
    pub waits: bool,
    /// A yes waits to be confirmed, and no mail asks for that: the policy has none, or the gate keeps it back.
    pub is_unasked: bool,
}

/// The answers of a form: names and values, as they were sent.
pub type Form = [(String, String)];

fn answer<'f>(form: &'f Form, name: &str) -> Option<&'f str> {
    form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Says what differs from what stands, and looks then whether a yes that waits to be confirmed is asked about;
/// `None` where the link says nothing, or nothing more. `languages` are those of the page that was sent back.
///
/// # Errors
/// Those of [`Store::write`].
pub fn choose(
    store: &mut Store,
    token: &str,
    form: &Form,
    languages: &[&str],
    now: Moment,
) -> Result<Option<Chosen>> {
    let decide = |store: &Store, now: Moment| {
        let rules = latest(store.conn(), store.words())?;
        let Some(reader) = reader(store, token, now)? else { return Ok(None) };
        let page = of(store, &rules, reader.subject, languages, now)?;
        Ok(Some((rules, reader, page)))
    };
    let done = store.decide_and_write(now, decide, |writer, decided| {
        let Some((rules, reader, page)) = decided else { return Ok(None) };
        let mut chosen = Chosen::default();
        let (gone, waiting) = say(writer, &rules, reader, (&page, form), &mut chosen)?;
        Ok(Some((chosen, gone, rules, reader, waiting)))
    })?;
    let Some((mut chosen, gone, rules, reader, waiting)) = done else { return Ok(None) };
    let subject = send_sql::subject_of(store.conn(), reader.record)?.unwrap_or(reader.subject);
    for matter in waiting {
        match asks_to_confirm(store, &rules, subject, matter, now)? {
            true => chosen.waits = true,
            false => chosen.is_unasked = true,
        }
    }
    if gone.values + gone.events > 0 {
        store.truncate_wal()?;
    }
    Ok(Some(chosen))
}

fn say(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    reader: Reader,
    (page, form): (&Preferences, &Form),
    chosen: &mut Chosen,
) -> Result<(Forgotten, Vec<(PurposeCode, ChannelCode)>)> {
    // "No to all" is one button, and asks for nothing else.
    let is_no_to_all = answer(form, "all") == Some("no");
    let answers = answers(page, form, is_no_to_all);
    let mut waiting = Vec::new();
    chosen.said += answers.len();
    let mut gone = Forgotten::default();
    if !answers.is_empty() {
        gone = record(writer, rules, (reader.subject, reader.record), &answers)?;
    }
    if is_no_to_all {
        return Ok((gone, waiting));
    }
    for consent in &page.consents {
        if answer(form, &consent.field()) != Some("yes") || consent.stands == Stands::Given {
            continue;
        }
        let Some(notice) = &consent.offered else { continue };
        let sha256 = notice.sha256();
        if answer(form, &format!("notice.{}", consent.name)) != Some(&sha256) {
            chosen.is_outdated = true;
            continue;
        }
        let Some(rule) = rules.rule(consent.purpose) else { continue };
        let given = Yes {
            rule,
            channel: consent.channel,
            notice: (notice.name.clone(), notice.version),
            language: Some(notice.language.clone()),
            // The text stands beside the word yes, which is chosen for it alone.
            explicit: true,
            // Whoever has a link that was mailed reads what is sent to the address.
            confirmed: rule.purpose.double_opt_in && reader.was_mailed,
            was_mailed: reader.was_mailed,
            method: METHOD,
            evidence: format!("notice shown on the page, sha256 {sha256}"),
        };
        yes(writer, rules, reader.record, &given)?;
        chosen.said += 1;
        if rule.purpose.double_opt_in && !reader.was_mailed {
            waiting.push((consent.purpose, consent.channel));
        }
    }
    Ok((gone, waiting))
}

fn said(axis: Axis, state: ConsentState) -> Said<'static> {
    Said { axis, purpose: 0, channel: 0, state, every_days: 0, method: METHOD }
}

/// All that is said but consents that are given.
fn answers(page: &Preferences, form: &Form, is_no_to_all: bool) -> Vec<Said<'static>> {
    let says = |field: String, word: &str| answer(form, &field) == Some(word);
    let mut all = Vec::new();
    for consent in &page.consents {
        if is_no_to_all || says(consent.field(), "no") {
            let Consent { purpose, channel, stands, .. } = *consent;
            let state = match stands {
                Stands::Refused | Stands::Withdrawn | Stands::Invalidated => continue,
                // Nothing was given that could be taken back.
                Stands::Unknown => ConsentState::Refused,
                _ => ConsentState::Withdrawn,
            };
            all.push(Said { purpose, channel, ..said(Axis::Consent, state) });
        }
    }
    for used in &page.uses {
        let state = match used.is_objected {
            false if says(used.field(), "no") => ConsentState::Given,
            // Whoever signs up anew asks for the mail about it: a no to what is there is no no to that.
            false if is_no_to_all && !used.is_asked_for => ConsentState::Given,
            true if !is_no_to_all && says(used.field(), "yes") => ConsentState::Withdrawn,
            _ => continue,
        };
        all.push(Said { purpose: used.purpose, ..said(Axis::Objection, state) });
    }
    if is_no_to_all {
        return all;
    }
    for channel in &page.channels {
        let state = match channel.is_permitted {
            Some(true) | None if says(channel.field(), "no") => ConsentState::Withdrawn,
            Some(false) | None if says(channel.field(), "yes") => ConsentState::Given,
            _ => continue,
        };
        all.push(Said { channel: channel.code, ..said(Axis::Permission, state) });
    }
    let wished = answer(form, "every").and_then(|days| days.parse::<u32>().ok());
    match (wished, page.every_days) {
        (Some(0), Some(_)) => all.push(said(Axis::Frequency, ConsentState::Withdrawn)),
        (Some(days @ 1..=366), held) if held != Some(days) => {
            let wish = said(Axis::Frequency, ConsentState::Given);
            all.push(Said { every_days: days, ..wish });
        }
        _ => {}
    }
    all
}
