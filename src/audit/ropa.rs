//! The record of processing activities (Art 30 GDPR), generated from the policy and the store.
//!
//! Supervisory authorities publish lists of what such a record should answer. Each question is
//! answered where policy and store hold the answer; the others are listed as open, so that nobody
//! takes silence for an answer.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::policy::country::needs_safeguards;
use crate::policy::period::retention_in_words;
use crate::policy::rulebook::{PurposeRule, Rulebook};
use crate::policy::types::{Basis, Destination, Source};
use crate::store::{self, Store, WordKind};
use crate::view::{Block, Document, NoteKind, Table};

use super::people::People;
use super::since::disclosures_erased;
use super::suppression::Suppression;
use super::{basis_in_words, rests_on, sql};

/// A recipient (Art 30(1)(d), (e)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recipient {
    /// Its name in the policy.
    pub destination: String,
    /// As a person would read it.
    pub recipient: String,
    /// What it gets.
    pub fields: Vec<String>,
    /// Its country, where the policy names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Safeguards of a transfer outside the EEA (Art 46).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safeguards: Option<String>,
    /// The processor contract (Art 28).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// How many times one person's data was sent to it.
    pub disclosures: u64,
    /// How many people it was about, of those who are held still.
    pub people: u64,
    /// How many of the disclosures were of people who were erased since.
    pub erased_since: u64,
}

/// One processing activity: a purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Its name in the policy.
    pub purpose: String,
    /// What it is for, in plain words (Art 30(1)(b)).
    pub title: String,
    /// Its lawful basis, in words.
    pub basis: &'static str,
    /// The law or the assessment; empty where the basis needs none.
    pub rests_on: String,
    /// The Art 9(2) condition, where a category is special.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub special_condition: Option<String>,
    /// Categories of people (Art 30(1)(c)); empty where the policy doesn't say.
    pub subjects: String,
    /// Categories of data in plain words (Art 30(1)(c)).
    pub categories: Vec<String>,
    /// Those of them that are special (Art 9).
    pub special: Vec<String>,
    /// Where the data comes from.
    pub sources: Vec<String>,
    /// Who receives it (Art 30(1)(d)).
    pub recipients: Vec<Recipient>,
    /// Transfers to third countries with their safeguards, in words (Art 30(1)(e)).
    pub transfers: Vec<String>,
    /// How long it is kept (Art 30(1)(f)).
    pub retention: String,
    /// The notice that people were shown, with its newest version.
    pub notice: String,
    /// Whether it builds profiles of people (Art 4(4)).
    pub profiling: bool,
    /// Whether it is direct marketing (Art 21(2)).
    pub marketing: bool,
}

/// A question of an authority's list, with what candor can say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Unanswered {
    /// What is asked.
    pub question: &'static str,
    /// Why it isn't answered, and what to do.
    pub why: &'static str,
}

/// The record of processing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ropa {
    /// As of when.
    pub as_of: String,
    /// The policy version in force then.
    pub policy: u32,
    /// When that version was applied: the last review of this record that candor knows of.
    pub applied_at: String,
    /// Who answers for the data (Art 30(1)(a)), by label.
    pub controller: Vec<(String, String)>,
    /// How many people something had been recorded of by then, of those who are still held.
    pub people: u64,
    /// The processing activities.
    pub activities: Vec<Activity>,
    /// What is held to keep erased people out.
    pub suppression: Suppression,
    /// The security measures (Art 30(1)(g)); empty where the policy doesn't say.
    pub security: String,
    /// What of the authorities' question lists isn't answered here.
    pub unanswered: Vec<Unanswered>,
}

/// Generates the record of processing from the policy in force at a moment.
pub fn ropa(store: &Store, as_of: Moment) -> Result<Ropa> {
    let rules = store::rulebook_at(store.conn(), store.words(), as_of)?;
    let people = People::known_by(store.conn(), as_of)?;
    let mut sent: BTreeMap<String, (u64, BTreeSet<i64>, u64)> = BTreeMap::new();
    sql::disclosures(store.conn(), |d| {
        if d.at <= as_of {
            let name = store.words().text(WordKind::Destination, d.destination).to_owned();
            let count = sent.entry(name).or_default();
            count.0 += 1;
            count.1.insert(people.place(d.record).map_or(-d.record, |place| place.subject));
        }
        Ok(())
    })?;
    for gone in disclosures_erased(store, Moment::default(), Moment(as_of.0.saturating_add(1)))? {
        let count = sent.entry(gone.destination).or_default();
        (count.0, count.2) = (count.0 + gone.people, count.2 + gone.people);
    }
    let counts = |name: &str| {
        let found = sent.get(name);
        found.map_or((0, 0, 0), |(times, held, gone)| (*times, held.len() as u64, *gone))
    };
    let activities: Vec<Activity> =
        rules.rules().map(|rule| activity(&rules, rule, &counts)).collect();
    Ok(Ropa {
        as_of: as_of.to_string(),
        policy: rules.version,
        applied_at: rules.applied_at.to_string(),
        controller: controller(&rules),
        people: people.count() as u64,
        suppression: Suppression::as_of(store.conn(), as_of)?,
        security: rules.policy.controller.security.clone().unwrap_or_default(),
        unanswered: unanswered(&rules, &activities),
        activities,
    })
}

fn controller(rules: &Rulebook) -> Vec<(String, String)> {
    let c = &rules.policy.controller;
    let mut facts = vec![
        ("Controller".to_owned(), c.name.clone()),
        ("Country".to_owned(), c.country.clone()),
        ("Contact".to_owned(), c.contact.clone()),
    ];
    let mut more = |label: &str, value: &Option<String>| {
        facts.extend(value.iter().map(|value| (label.to_owned(), value.clone())));
    };
    more("Address", &c.address);
    more("Data protection officer", &c.dpo);
    more("Supervisory authority", &c.authority);
    facts
}

fn activity(
    rules: &Rulebook,
    rule: &PurposeRule,
    counts: &impl Fn(&str) -> (u64, u64, u64),
) -> Activity {
    let (policy, purpose) = (&rules.policy, &rule.purpose);
    let title = |name: &String| {
        let found = policy.categories.get(name).filter(|category| !category.title.is_empty());
        found.map_or_else(|| name.clone(), |category| category.title.clone())
    };
    let special = purpose.categories.iter().filter(|name| rules.is_special(name));
    let serving = |source: &&Source| source.purposes.contains(&rule.name);
    let newest = |name: &String| {
        let notice = policy.notices.get(name);
        let version = notice.and_then(|n| n.versions.iter().map(|v| v.version).max());
        version.map_or_else(|| name.clone(), |version| format!("{name}@{version}"))
    };
    let recipients = || policy.destinations.iter().filter(|(_, d)| d.purpose == rule.name);
    Activity {
        purpose: rule.name.clone(),
        title: purpose.title.clone(),
        basis: basis_in_words(purpose.basis),
        rests_on: rests_on(rule),
        special_condition: purpose.special_condition.clone(),
        subjects: purpose.subjects.clone().unwrap_or_default(),
        categories: purpose.categories.iter().map(title).collect(),
        special: special.map(title).collect(),
        sources: policy.sources.values().filter(serving).map(source_in_words).collect(),
        recipients: recipients().map(|(name, d)| recipient(name, d, counts(name))).collect(),
        transfers: recipients()
            .filter_map(|(_, d)| transfer(&policy.controller.country, d))
            .collect(),
        retention: retention_in_words(purpose.retention),
        notice: purpose.notice.as_ref().map(newest).unwrap_or_default(),
        profiling: purpose.profiling,
        marketing: purpose.marketing,
    }
}

fn source_in_words(source: &Source) -> String {
    let indirect = if source.indirect { " (not obtained from the person, Art 14)" } else { "" };
    format!("{}{indirect}", source.title)
}

/// A transfer in words; `None` where it is known to be none.
fn transfer(home: &str, found: &Destination) -> Option<String> {
    let recipient = &found.recipient;
    let Some(country) = found.country.as_deref() else {
        return Some(format!("{recipient}: the policy doesn't say in which country"));
    };
    needs_safeguards(home, country).then(|| {
        let safeguards = found.safeguards.as_deref().unwrap_or("no safeguards named");
        format!("{recipient} ({country}): {safeguards}")
    })
}

fn recipient(
    name: &str,
    found: &Destination,
    (disclosures, people, erased_since): (u64, u64, u64),
) -> Recipient {
    Recipient {
        destination: name.to_owned(),
        recipient: found.recipient.clone(),
        fields: found.fields.clone(),
        country: found.country.clone(),
        safeguards: found.safeguards.clone(),
        contract: found.contract.clone(),
        disclosures,
        people,
        erased_since,
    }
}

/// What the lists of the ICO, the DPC and the CNIL ask that the policy doesn't answer.
fn unanswered(rules: &Rulebook, activities: &[Activity]) -> Vec<Unanswered> {
    const NO_PLACE: &str = "the policy has no place for it; keep it beside this record";
    let controller = &rules.policy.controller;
    let mut open = Vec::new();
    let mut ask = |is_open: bool, question, why| {
        if is_open {
            open.push(Unanswered { question, why });
        }
    };
    ask(controller.dpo.is_none(), "Who is the data protection officer?", "set controller.dpo");
    ask(
        controller.address.is_none(),
        "What is the controller's postal address?",
        "set controller.address",
    );
    ask(
        controller.security.is_none(),
        "What technical and organisational security measures are in place?",
        "set controller.security",
    );
    ask(
        activities.iter().any(|a| a.subjects.is_empty()),
        "What categories of people are affected, for every purpose?",
        "set subjects on each purpose",
    );
    let recipients = || activities.iter().flat_map(|a| &a.recipients);
    ask(
        recipients().any(|r| r.country.is_none()),
        "Are there transfers to third countries, for every recipient?",
        "set country on each destination",
    );
    ask(
        recipients().any(|r| r.contract.is_none()),
        "Where is the processor contract (Art 28), for every recipient?",
        "set contract on each destination",
    );
    ask(
        rules.rules().any(|rule| rule.purpose.basis == Basis::LegitimateInterests),
        "Which legitimate interests are pursued, in a summary?",
        "the policy names the assessment; the summary stands in it",
    );
    ask(
        activities.iter().any(|a| !a.special.is_empty()),
        "Which further condition of national law applies to special categories (such as Schedule 1 \
         of the Data Protection Act 2018)?",
        NO_PLACE,
    );
    for question in [
        "Who represents a controller from outside the EU or the UK (Art 27)?",
        "Are there joint controllers, and what is the arrangement (Art 26)?",
        "Which department and which data stewards are responsible?",
        "Where is the personal data located?",
        "Is there automated decision-making with legal effect (Art 22), and how does it work?",
        "Is a data protection impact assessment required, and where is it documented?",
        "Where is the public privacy policy?",
        "How are breaches notified, and where is the register of breaches (Art 33(5))?",
        "By whom was this record last reviewed?",
    ] {
        ask(true, question, NO_PLACE);
    }
    open
}

impl Ropa {
    /// The record for people.
    pub fn document(&self) -> Document {
        let mut document = Document::new(
            "Record of processing activities",
            format!(
                "Art 30 GDPR, as of {}; from policy version {}, applied {}",
                self.as_of, self.policy, self.applied_at
            ),
        );
        document.push(Block::Heading(2, "Who answers for the data (Art 30(1)(a))".into()));
        let mut controller = Table::new("Controller", ["what", "who"]);
        for (what, who) in &self.controller {
            controller.push([what, who]);
        }
        document.push(Block::Table(controller));
        let role = "The controller named here decides why and how data is processed (Art 4(7)); this \
                    record is kept as a controller (Art 30(1)).";
        document.push(Block::Paragraph(role.into()));
        document.push(Block::Entries(self.activities()));
        document.push(Block::Heading(2, "Recipients and transfers".into()));
        document.push(Block::Table(self.recipients()));
        document.push(Block::Heading(2, "People who are kept out".into()));
        let Suppression { fingerprints, what, why, basis, kept_for } = &self.suppression;
        let mut kept_out =
            Table::new("People who are kept out", ["how many", "what", "why", "basis", "kept for"]);
        kept_out.push([&*fingerprints.to_string(), what, why, basis, kept_for]);
        document.push(Block::Table(kept_out));
        document.push(Block::Heading(2, "Security, rights and records".into()));
        document.push(Block::Facts(vec![
            ("Security measures".into(), or_not_said(&self.security)),
            ("People known by then and still held".into(), self.people.to_string()),
            (
                "Rights".into(),
                "access, rectification, erasure, restriction, portability, objection and withdrawal, \
                 each as its lawful basis gives it; exercised through the contact above"
                    .into(),
            ),
            (
                "Record of consent".into(),
                "the ledger: `candor consent history WHO`, `candor audit report consent`".into(),
            ),
            (
                "Retention and erasure".into(),
                "this policy; whether it is kept to: `candor audit report retention`".into(),
            ),
            (
                "Record of disclosures".into(),
                "the ledger: `candor audit report disclosures`".into(),
            ),
        ]));
        document.push(Block::Heading(2, "What this record doesn't answer".into()));
        let words = "The question lists of supervisory authorities (ICO, DPC, CNIL) ask this too.";
        document.push(Block::Note(NoteKind::Warning, words.into()));
        let mut table = Table::new("Open questions", ["question", "why, and what to do"]);
        for open in &self.unanswered {
            table.push([open.question, open.why]);
        }
        document.push(Block::Table(table));
        document
    }

    /// One row for each processing activity, with all that Art 30(1) asks of it.
    fn activities(&self) -> Table {
        let columns = [
            "processing activity",
            "name in the policy",
            "lawful basis (Art 6)",
            "condition for special categories (Art 9)",
            "categories of people (Art 30(1)(c))",
            "categories of data (Art 30(1)(c))",
            "special categories",
            "sources",
            "recipients (Art 30(1)(d))",
            "transfers to third countries, and safeguards (Art 30(1)(e))",
            "kept for (Art 30(1)(f))",
            "security measures (Art 30(1)(g))",
            "notice",
            "profiling (Art 4(4))",
            "direct marketing (Art 21(2))",
        ];
        let mut table = Table::new("Processing activities", columns);
        let list = |all: &[String]| match all {
            [] => "none".to_owned(),
            all => all.join("; "),
        };
        for a in &self.activities {
            let recipients: Vec<String> =
                a.recipients.iter().map(|r| r.recipient.clone()).collect();
            let basis = match a.rests_on.as_str() {
                "" => a.basis.to_owned(),
                rests_on => format!("{}: {rests_on}", a.basis),
            };
            table.push([
                format!("{} ({})", a.title, a.purpose),
                a.purpose.clone(),
                basis,
                a.special_condition.as_ref().map(|c| format!("Art {c}")).unwrap_or_default(),
                or_not_said(&a.subjects),
                list(&a.categories),
                list(&a.special),
                list(&a.sources),
                list(&recipients),
                list(&a.transfers),
                a.retention.clone(),
                or_not_said(&self.security),
                a.notice.clone(),
                yes_or_no(a.profiling).to_owned(),
                yes_or_no(a.marketing).to_owned(),
            ]);
        }
        table
    }

    fn recipients(&self) -> Table {
        let mut table = Table::new(
            "Recipients",
            [
                "recipient",
                "purpose",
                "fields",
                "country",
                "safeguards",
                "contract",
                "disclosures",
                "people",
                "of erased people",
            ],
        );
        for activity in &self.activities {
            for r in &activity.recipients {
                table.push([
                    r.recipient.clone(),
                    activity.purpose.clone(),
                    r.fields.join(", "),
                    r.country.clone().unwrap_or_else(|| "not said".into()),
                    r.safeguards.clone().unwrap_or_else(|| "none named".into()),
                    r.contract.clone().unwrap_or_else(|| "none named".into()),
                    r.disclosures.to_string(),
                    r.people.to_string(),
                    r.erased_since.to_string(),
                ]);
            }
        }
        table
    }
}

fn or_not_said(text: &str) -> String {
    if text.is_empty() { "the policy doesn't say".to_owned() } else { text.to_owned() }
}

fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}
