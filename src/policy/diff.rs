//! What differs between two policies, in words; and which differences may not be applied.
//!
//! A policy can be changed at any time, but not so that data which is held loses the reason under
//! which it came in, or that a text which people were shown is gone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::check::{InForce, line_of};
use super::mistake::{Mistake, noted};
use super::outline::outline;
use super::types::{Basis, Destination, NoticeVersion, Policy, Source};
use super::words;

/// How a place of a policy changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It says something now, and said nothing before.
    Added,
    /// It says nothing any more.
    Removed,
    /// It says something else.
    Changed,
}

/// One difference between two policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where, in the file's own words, such as `purpose.newsletter.retention`.
    pub path: String,
    /// What the old policy says there, in words; absent when it says nothing.
    pub from: Option<String>,
    /// What the new policy says there, in words; absent when it says nothing.
    pub to: Option<String>,
    /// Which of the two is absent.
    pub kind: ChangeKind,
}

/// All differences between two policies, in the order of their paths; empty when they are equal.
///
/// A purpose, source or other table that is new or gone has one line for each thing that it says.
/// The order of fields, consents and events of a source is no difference.
pub fn diff(old: &Policy, new: &Policy) -> Vec<Change> {
    let (old, new) = (outline(old), outline(new));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changes = paths.into_iter().filter_map(|path| {
        let (from, to) = (old.get(path), new.get(path));
        let kind = match (from, to) {
            (Some(from), Some(to)) if from == to => return None,
            (Some(_), Some(_)) => ChangeKind::Changed,
            (Some(_), None) => ChangeKind::Removed,
            (None, _) => ChangeKind::Added,
        };
        Some(Change { path: path.clone(), from: from.cloned(), to: to.cloned(), kind })
    });
    changes.collect()
}

/// What of one purpose and category a new policy would let go, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Values and events that the purpose wouldn't hold any more.
    pub ended: u64,
    /// Those of them that nothing else would hold either.
    pub due: u64,
}

/// The warning that a policy which is to be applied takes reasons from what is held already.
pub fn reasons_lost(text: &str, purpose: &str, category: &str, lost: Lost) -> Mistake {
    let path = format!("purpose.{purpose}");
    let goes = match lost.due {
        0 => "other purposes hold all of it".to_owned(),
        due => format!(
            "for {due} of them that is the last reason, and `candor retain run` will \
                        delete them"
        ),
    };
    let (values, lose) = match lost.ended {
        1 => ("1 value or event".to_owned(), "loses"),
        many => (format!("{many} values and events"), "lose"),
    };
    noted(
        (line_of(text, &path), &path),
        "reasons-lost",
        format!("{values} of the category {category:?} {lose} the reason {purpose:?}; {goes}"),
        "what no purpose covers any more, or not for so long, may not be held (Art 5(1)(c) and (e))",
        format!(
            "if that isn't meant, give [purpose.{purpose}] its categories and retention back; \
             `candor audit report retention` tells what is due"
        ),
    )
}

/// Warns of a destination that a policy has no way to tell any more, though it holds the data of so many people.
pub fn recipient_lost(text: &str, name: &str, old: &Destination, people: i64) -> Mistake {
    let path = format!("destination.{name}");
    let people = match people {
        1 => "1 person".to_owned(),
        many => format!("{many} people"),
    };
    noted(
        (line_of(text, &path), &path),
        "recipient-lost",
        format!(
            "{} ({name}) was sent the data of {people} for {:?}, and can't be told to stop or to delete any more",
            old.recipient, old.purpose
        ),
        "whoever was sent data is told of each withdrawal, restriction and erasure (Art 7(3), 19)",
        format!(
            "keep [destination.{name}] as it is until it was told to delete them, and push nothing there; else tell \
             it by hand: `candor outbox list` says about whom from then on, and a policy that has it again tells it"
        ),
    )
}

/// What a policy declares of the things that a later one must keep; also of a text with mistakes.
pub(super) struct Declared<'a> {
    /// Each purpose with its basis, where that can be read.
    pub(super) bases: BTreeMap<&'a str, Option<Basis>>,
    /// Its notices, sources, purposes and categories, as far as they can be read.
    pub(super) policy: &'a Policy,
    /// Versions of notices that stand there and can't be read: those are mistakes of their own.
    pub(super) unread: BTreeSet<(&'a str, u32)>,
}

/// The changes from the policy in force to a new one that may not be made. Each has line 0: the caller
/// knows the text.
pub(super) fn forbidden(before: InForce<'_>, new: &Declared<'_>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (name, old) in &before.policy.purposes {
        if !before.purposes_with_data.contains(name) {
            continue;
        }
        match new.bases.get(name.as_str()) {
            None => mistakes.push(purpose_removed(name)),
            Some(Some(basis)) if *basis != old.basis => {
                mistakes.push(basis_swapped(name, words::basis(old.basis), words::basis(*basis)));
            }
            Some(_) => {}
        }
    }
    mistakes.extend(swaps::noes_overruled(before, new));
    mistakes.extend(swaps::protection_lost(before, new.policy));
    mistakes.extend(swaps::consents_widened(before, new.policy));
    for (name, old) in &before.policy.notices {
        let after = new.policy.notices.get(name).map_or(&[][..], |notice| &notice.versions);
        let next = old.versions.iter().chain(after).map(|v| v.version).max().unwrap_or(0);
        let next = next.saturating_add(1);
        let stands = |v: &&NoticeVersion| !new.unread.contains(&(name.as_str(), v.version));
        let old = old.versions.iter().filter(stands);
        mistakes.extend(old.filter_map(|v| notice_lost(name, v, after, next)));
    }
    if !before.purposes_with_data.is_empty() {
        for (name, old) in &before.policy.sources {
            let Some(new) = new.policy.sources.get(name) else { continue };
            mistakes.extend(currencies_changed(name, old, new));
        }
    }
    mistakes
}

/// The amounts that are held would be told of in a currency in which they never were.
fn currencies_changed(source: &str, old: &Source, new: &Source) -> Vec<Mistake> {
    let pairs = old.events.iter().flat_map(|was| {
        let same = new.events.iter().filter(|event| event.name == was.name);
        same.map(move |event| (was, event))
    });
    let changed = pairs.filter_map(|(was, event)| {
        let (from, to) = (was.currency.as_ref()?, event.currency.as_ref()?);
        (from != to).then(|| {
            noted(
                (0, &format!("source.{source}.event")),
                "currency-changed",
                format!("the amounts of {:?} are in {from} and would be called {to}", was.name),
                "amounts are kept as numbers, and what is held stays what it was (Art 5(1)(d))",
                format!("keep {from}, and give what comes in {to} an event name of its own"),
            )
        })
    });
    changed.collect()
}

fn purpose_removed(name: &str) -> Mistake {
    noted(
        (0, &format!("purpose.{name}")),
        "purpose-removed",
        format!("the purpose {name:?} is removed while data is held under it"),
        "data whose purpose is gone would be held without a reason (Art 5(1)(b), Art 6(1))",
        format!(
            "keep [purpose.{name}] and take it out of the purposes of the sources, so that nothing \
             more comes in; it can go when retention or erasure has ended its data"
        ),
    )
}

fn basis_swapped(name: &str, from: &str, to: &str) -> Mistake {
    noted(
        (0, &format!("purpose.{name}.basis")),
        "basis-swapped",
        format!("the basis of {name:?} is swapped from {from} to {to} while data is held under it"),
        "data is held on the basis under which it came in and people were told of that one; \
         another can't be put in its place afterwards (Art 6(1), EDPB Guidelines 05/2020 \
         para 121-123)",
        format!(
            "keep the basis of [purpose.{name}], and declare a new purpose with the new basis, \
             such as [purpose.{name}_2]; data that comes in from then on can be held under it"
        ),
    )
}

/// The mistake of a version that is no longer there word for word.
fn notice_lost(
    name: &str,
    before: &NoticeVersion,
    after: &[NoticeVersion],
    next: u32,
) -> Option<Mistake> {
    let NoticeVersion { version, language, text, .. } = before;
    let same = |v: &&NoticeVersion| v.version == *version && v.language == *language;
    let (code, done) = match after.iter().find(same) {
        Some(kept) if kept.text == *text => return None,
        Some(_) => ("notice-changed", "changed"),
        None => ("notice-removed", "removed"),
    };
    Some(noted(
        (0, &format!("notice.{name}.version.{version}.{language}")),
        code,
        format!("version {version} ({language}) of the notice {name:?} is {done}"),
        "notices are kept whole: whoever relies on consent must show what the person was told \
         (Art 7(1), EDPB Guidelines 05/2020 para 108)",
        format!(
            "put version {version} back word for word, and add the new text:\n\
             [[notice.{name}.version]]\nversion = {next}\nlanguage = {language:?}\ntext = \"…\""
        ),
    ))
}

mod swaps;
#[cfg(test)]
mod tests;
