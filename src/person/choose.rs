//! What a person chooses on the page of their preferences: each answer that differs from what stands is said.
//!
//! A yes is given to the notice that stood on the page that was sent back; where another one stands there
//! now, it isn't taken, and the page shows the new one.

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::stands::Stands;
use crate::consent::statement::Axis;
use crate::policy::rulebook::Rulebook;
use crate::policy::types::ConsentState;
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
    /// A yes waits to be confirmed by a link that is mailed.
    pub waits: bool,
}

/// The answers of a form: names and values, as they were sent.
pub type Form = [(String, String)];

fn answer<'f>(form: &'f Form, name: &str) -> Option<&'f str> {
    form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Says what differs from what stands; `None` where the link says nothing, or nothing more. `languages` are
/// those of the page that was sent back.
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
        let gone = say(writer, &rules, reader, (&page, form), &mut chosen)?;
        Ok(Some((chosen, gone)))
    })?;
    let Some((chosen, gone)) = done else { return Ok(None) };
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
) -> Result<Forgotten> {
    // "No to all" is one button, and asks for nothing else.
    let is_no_to_all = answer(form, "all") == Some("no");
    let answers = answers(page, form, is_no_to_all);
    chosen.said += answers.len();
    let mut gone = Forgotten::default();
    if !answers.is_empty() {
        gone = record(writer, rules, (reader.subject, reader.record), &answers)?;
    }
    if is_no_to_all {
        return Ok(gone);
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
        chosen.waits |= rule.purpose.double_opt_in && !reader.was_mailed;
    }
    Ok(gone)
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
            false if is_no_to_all || says(used.field(), "no") => ConsentState::Given,
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
