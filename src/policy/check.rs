//! Reads a policy file and reports every mistake at once.
//!
//! What it returns holds no contradictions, so the stages that read a policy need not check again:
//! every name that is used is declared, every purpose has what its lawful basis demands, and every
//! date format and time zone can be read. `check/` has one file for each kind of table.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use super::diff::{Declared, forbidden};
use super::keys::TOP;
use super::mistake::{Mistake, Report, noted};
use super::nearest::suggest;
use super::reader::Table;
use super::types::{Basis, Policy};

mod consent;
mod controller;
mod dates;
mod destination;
mod event;
mod field;
mod grounds;
mod identifier;
mod mail;
mod means;
mod notice;
mod pages;
mod place;
mod postgres;
mod profile;
mod purpose;
mod source;
mod take;
mod webhook;
#[cfg(test)]
pub(super) mod tests;

/// A policy that can be applied, and what to look at before.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The policy.
    pub policy: Policy,
    /// What is allowed and likely not meant, such as a field that no purpose covers, which the gate
    /// will refuse; in the order of the file.
    pub warnings: Vec<Mistake>,
}

/// What a new policy is to follow: the policy in force, and what is held under it.
#[derive(Clone, Copy, Debug)]
pub struct InForce<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// The names of the purposes under which data is held.
    pub purposes_with_data: &'a BTreeSet<String>,
    /// The names of the purposes to which somebody consented.
    pub purposes_with_consents: &'a BTreeSet<String>,
    /// The purposes to which somebody said no, each with the basis on which it rested last.
    pub refused: &'a BTreeMap<String, Basis>,
}

/// Reads the text of a policy file.
///
/// # Errors
/// All mistakes of the file in the order of its lines, at least one. A file that is no TOML has
/// exactly one mistake, since nothing behind it can be relied on.
pub fn check(text: &str) -> Result<Checked, Vec<Mistake>> {
    check_after(text, None)
}

/// Reads the text of a policy file that is to follow another, where there is one.
///
/// # Errors
/// As [`check`], with what the file may not change of the policy in force among the mistakes.
pub fn check_after(text: &str, before: Option<InForce<'_>>) -> Result<Checked, Vec<Mistake>> {
    let mut draft = Draft::new(text);
    let document = DeTable::parse(text).map_err(|error| vec![syntax(&draft.report, &error)])?;
    read(&mut draft, document.get_ref());
    if let Some(before) = before {
        for mut mistake in forbidden(before, &draft.declared()) {
            mistake.line = place::line(&draft.report, document.get_ref(), &mistake.path);
            draft.report.mistakes.push(mistake);
        }
    }
    let Report { mut mistakes, mut warnings, .. } = draft.report;
    if mistakes.is_empty() {
        warnings.sort_by_key(|warning| warning.line);
        return Ok(Checked { policy: draft.policy, warnings });
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    Err(mistakes)
}

/// The line on which a path of a policy's text stands; 1 where it doesn't.
pub(super) fn line_of(text: &str, path: &str) -> u32 {
    let document = DeTable::parse(text);
    document.map_or(1, |document| place::line(&Report::new(text), document.get_ref(), path))
}

/// The policy so far, and what later tables need to know of earlier ones.
struct Draft {
    report: Report,
    policy: Policy,
    /// Every notice that is declared, with the numbers of its versions, faulty ones too.
    versions: BTreeMap<String, BTreeSet<u32>>,
    /// Every purpose that is declared, faulty ones too, so that a mistake in one of them isn't
    /// reported again wherever it is named.
    purposes: BTreeMap<String, PurposeFacts>,
    /// The identifier kinds that are declared.
    kinds: BTreeSet<String>,
    /// Every attribute and identifier that some source sends, with the categories it is sent under.
    sent: BTreeMap<String, BTreeSet<String>>,
    /// The attributes among them.
    attributes: BTreeSet<String>,
}

/// What other tables ask of a purpose.
struct PurposeFacts {
    /// Its basis, when the file names one of the six.
    basis: Option<Basis>,
    channels: Vec<String>,
    categories: BTreeSet<String>,
}

impl Draft {
    fn new(text: &str) -> Self {
        Draft {
            report: Report::new(text),
            policy: Policy::default(),
            versions: BTreeMap::new(),
            purposes: BTreeMap::new(),
            kinds: BTreeSet::new(),
            sent: BTreeMap::new(),
            attributes: BTreeSet::new(),
        }
    }

    /// What the file declares, faulty parts too.
    fn declared(&self) -> Declared<'_> {
        let notices = &self.policy.notices;
        let is_read = |name: &String, number: &u32| {
            let known = notices.get(name).map_or(&[][..], |notice| &notice.versions);
            known.iter().any(|version| version.version == *number)
        };
        let numbers = self.versions.iter();
        let numbers = numbers.flat_map(|(name, all)| all.iter().map(move |n| (name, n)));
        Declared {
            bases: self.purposes.iter().map(|(name, facts)| (name.as_str(), facts.basis)).collect(),
            policy: &self.policy,
            unread: numbers
                .filter(|(name, number)| !is_read(name, number))
                .map(|(name, number)| (name.as_str(), *number))
                .collect(),
        }
    }

    /// Whether a category is declared; notes the mistake when it isn't.
    fn knows_category(&mut self, at: (u32, &str), category: &str) -> bool {
        let known = self.policy.categories.contains_key(category);
        if !known {
            self.report.mistake(
                at,
                "unknown-category",
                format!("no category is named {category:?}"),
                "data is admitted, kept and shown by its category (Art 5(1)(c), Art 30(1)(c))",
                suggest(
                    category,
                    self.policy.categories.keys().map(String::as_str),
                    format!("declare it:\n[category.{category}]\ntitle = \"…\""),
                ),
            );
        }
        known
    }

    /// Notes an attribute that no source sends.
    fn check_attribute(&mut self, at: (u32, &str), attribute: &str) {
        if !self.attributes.contains(attribute) {
            self.report.mistake(
                at,
                "unknown-attribute",
                format!("no source sends an attribute {attribute:?}"),
                "a rule on an attribute that never comes is a rule that never holds",
                suggest(attribute, self.attributes.iter().map(String::as_str), "leave it out"),
            );
        }
    }

    /// Whether a purpose is declared; notes the mistake when it isn't.
    fn knows_purpose(&mut self, at: (u32, &str), purpose: &str) -> bool {
        let known = self.purposes.contains_key(purpose);
        if !known {
            self.report.mistake(
                at,
                "unknown-purpose",
                format!("no purpose is named {purpose:?}"),
                "data serves only purposes that are declared beforehand (Art 5(1)(b))",
                suggest(
                    purpose,
                    self.purposes.keys().map(String::as_str),
                    format!("declare it under [purpose.{purpose}]"),
                ),
            );
        }
        known
    }
}

/// Reads all tables, those first that others refer to.
fn read<'d>(draft: &mut Draft, document: &'d DeTable<'d>) {
    let top = Table::new(&mut draft.report, (1, ""), document, &TOP);
    controller::read(draft, &top);
    controller::read_categories(draft, &top);
    notice::read(draft, &top);
    purpose::read(draft, &top);
    let kinds = identifier::tables(draft, &top);
    source::read(draft, &top);
    identifier::read(draft, kinds);
    profile::read(draft, &top);
    destination::read(draft, &top);
    pages::read(draft, &top);
}

/// The one mistake of a text that is no TOML.
fn syntax(report: &Report, error: &toml::de::Error) -> Mistake {
    let line = error.span().map_or(1, |span| report.line(&span));
    let message = error.message().replace('\n', ", ");
    let fix = if message.contains("duplicate key") {
        "give each key and each table once; a second one needs another name"
    } else {
        "texts stand in \"quotes\", lists in [brackets], tables under a [header]; see https://toml.io"
    };
    let why = "the file is TOML, and nothing behind this place can be read";
    noted((line, ""), "syntax", format!("the file is no TOML: {message}"), why, fix.to_owned())
}
