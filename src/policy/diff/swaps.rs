//! Changes under which what is held would be used as nobody was told: a special category that is called
//! an ordinary one, another Art 9(2) condition, and a consent that would cover more than its notice said;
//! and a purpose to which people said no, which would do without asking them.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::check::InForce;
use crate::policy::mistake::{Mistake, noted};
use crate::policy::types::{Basis, Policy, Purpose, Target};
use crate::policy::words;

use super::Declared;

/// Whoever refused a purpose, withdrew from it or objected to it has said no to what it is for, also where
/// nothing is held: on another basis it would go on without them.
pub(super) fn noes_overruled(before: InForce<'_>, new: &Declared<'_>) -> Vec<Mistake> {
    let swapped = before.refused.iter().filter_map(|(name, was)| {
        // Where data is held, that is told already.
        let is_told =
            before.purposes_with_data.contains(name) && before.policy.purposes.contains_key(name);
        let basis = new.bases.get(name.as_str()).copied().flatten()?;
        (basis != *was && !is_told).then(|| no_overruled(name, *was, basis))
    });
    swapped.collect()
}

fn no_overruled(name: &str, from: Basis, to: Basis) -> Mistake {
    let (from, to) = (words::basis(from), words::basis(to));
    noted(
        (0, &format!("purpose.{name}.basis")),
        "basis-swapped",
        format!(
            "the basis of {name:?} is swapped from {from} to {to}, and people have said no to it"
        ),
        "whoever refused or withdrew consent, or objected, was told that this ends it; another basis \
         can't be put in its place afterwards (Art 7(3), Art 21, EDPB Guidelines 05/2020 para 121-123)",
        format!(
            "keep the basis of [purpose.{name}], and declare a new purpose with the new basis, such as \
             [purpose.{name}_2]; leave those out of it who said no to the same thing"
        ),
    )
}

/// Data of a special category that is held keeps what protects it (Art 9): its mark, and the condition
/// under which it came in.
pub(super) fn protection_lost(before: InForce<'_>, new: &Policy) -> Vec<Mistake> {
    let was_special = |category: &String| is_special(before.policy, category);
    let mut mistakes = Vec::new();
    let mut held: BTreeSet<&String> = BTreeSet::new();
    for (name, old) in &before.policy.purposes {
        let special = || old.categories.iter().filter(|category| was_special(category));
        if !before.purposes_with_data.contains(name) || special().next().is_none() {
            continue;
        }
        held.extend(special());
        let Some(purpose) = new.purposes.get(name) else { continue };
        // What the purpose lets go needs no condition.
        let covered = special().any(|category| purpose.categories.contains(category));
        if covered && purpose.special_condition != old.special_condition {
            mistakes.push(condition_swapped(name, old, purpose));
        }
    }
    let stays = |category: &&&String| new.categories.contains_key(**category);
    let unmarked = held.iter().filter(stays).filter(|category| !is_special(new, category));
    mistakes.extend(unmarked.map(|category| special_removed(category)));
    mistakes.extend(called_ordinary(before.policy, new, &held));
    mistakes
}

/// Fields and events that came in under a special category which holds data, and are now mapped to an
/// ordinary one.
fn called_ordinary(old: &Policy, new: &Policy, held: &BTreeSet<&String>) -> Vec<Mistake> {
    let after = categories(new);
    let mut mistakes = Vec::new();
    for ((source, what), was) in categories(old) {
        let Some(is) = after.get(&(source, what.clone())) else { continue };
        if held.contains(was) && was != *is && !is_special(new, is) {
            mistakes.push(noted(
                (0, &format!("source.{source}")),
                "special-removed",
                format!("{what:?} is moved from the special category {was:?} to {is:?}"),
                PROTECTED,
                format!("leave it in {was:?}, or in another category with `special = true`"),
            ));
        }
    }
    mistakes
}

/// The category of each field and event, by its source.
fn categories(policy: &Policy) -> BTreeMap<(&String, String), &String> {
    let mut all = BTreeMap::new();
    for (name, source) in &policy.sources {
        for field in &source.fields {
            let what = match &field.target {
                Target::Identifier(kind) => format!("identifier.{kind}"),
                Target::Attribute(attribute) => format!("attribute.{attribute}"),
                Target::Ignore => continue,
            };
            all.insert((name, what), &field.category);
        }
        for event in &source.events {
            all.insert((name, format!("event.{}", event.name)), &event.category);
        }
    }
    all
}

fn is_special(policy: &Policy, category: &str) -> bool {
    policy.categories.get(category).is_some_and(|category| category.special)
}

const PROTECTED: &str = "data of a special category stays what it is (Art 9(1)); called an ordinary one, \
                         it would be used without the condition under which it came in";

fn special_removed(category: &str) -> Mistake {
    noted(
        (0, &format!("category.{category}")),
        "special-removed",
        format!("the category {category:?} isn't special any more while data of it may be held"),
        PROTECTED,
        format!(
            "keep special = true in [category.{category}], and declare a new category for what isn't \
             special; data that comes in from then on can be of that"
        ),
    )
}

fn condition_swapped(name: &str, old: &Purpose, new: &Purpose) -> Mistake {
    let said = |purpose: &Purpose| {
        purpose
            .special_condition
            .clone()
            .map_or_else(|| "none".to_owned(), |said| format!("Art {said}"))
    };
    noted(
        (0, &format!("purpose.{name}.special_condition")),
        "condition-swapped",
        format!(
            "the Art 9(2) condition of {name:?} is swapped from {} to {} while data is held under it",
            said(old),
            said(new)
        ),
        "data of a special category is held on the condition under which it came in, as on its basis; \
         another can't be put in its place afterwards (Art 9(2), EDPB Guidelines 05/2020 para 121-123)",
        format!(
            "keep it in [purpose.{name}], and declare a new purpose with the new condition, such as \
             [purpose.{name}_2]; data that comes in from then on can be held under it"
        ),
    )
}

/// Consents that were given cover what their notice told, and nothing that a purpose takes on later.
pub(super) fn consents_widened(before: InForce<'_>, new: &Policy) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (name, old) in &before.policy.purposes {
        let Some(purpose) = new.purposes.get(name) else { continue };
        let consents = [old, purpose].iter().all(|purpose| purpose.basis == Basis::Consent);
        if !consents || !before.purposes_with_consents.contains(name) {
            continue;
        }
        let more: Vec<&str> = purpose
            .categories
            .iter()
            .filter(|category| !old.categories.contains(category))
            .map(String::as_str)
            .collect();
        // Consents under a version before the last material one have to be asked for again.
        let shown = versions(before.policy, old).map(|(version, _)| version).max().unwrap_or(0);
        let asked_again =
            versions(new, purpose).any(|(version, material)| material && version > shown);
        if !more.is_empty() && !asked_again {
            mistakes.push(widened(name, &more, purpose, shown + 1));
        }
    }
    mistakes
}

/// The versions of a purpose's notice, and whether each is material.
fn versions<'p>(
    policy: &'p Policy,
    purpose: &Purpose,
) -> impl Iterator<Item = (u32, bool)> + use<'p> {
    let notice = purpose.notice.as_ref().and_then(|notice| policy.notices.get(notice));
    notice.into_iter().flat_map(|notice| &notice.versions).map(|text| (text.version, text.material))
}

fn widened(name: &str, more: &[&str], purpose: &Purpose, next: u32) -> Mistake {
    let notice = purpose.notice.as_deref().unwrap_or("NOTICE");
    noted(
        (0, &format!("purpose.{name}.categories")),
        "consent-widened",
        format!("consents to {name:?} would cover {} from now on", more.join(" and ")),
        "who consented was told of less, and a consent covers what was told (Art 4(11), Art 7(1))",
        format!(
            "tell it in a new material version of the notice, and people are asked again:\n\
             [[notice.{notice}.version]]\nversion = {next}\nlanguage = \"…\"\ntext = \"…\"\n\
             material = true"
        ),
    )
}
