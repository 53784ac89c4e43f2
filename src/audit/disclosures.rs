//! What went to whom, for what, and on what basis.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::AsOf;
use crate::consent::gate::{Direction, Question, decide};
use crate::consent::history::History;
use crate::policy::rulebook::Rulebook;
use crate::profile::merge::public_text;
use crate::profile::sql as profile_sql;
use crate::profile::then::Then;
use crate::store::{Store, WordKind, first_entry_from};
use crate::view::{Block, Document, Table};

use super::people::People;
use super::rules::Books;
use super::since::disclosures_erased;
use super::sql::Disclosure;
use super::{basis_in_words, rests_on, sql};

/// What one ledger entry sent to one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The ledger entry.
    pub entry: i64,
    /// When.
    pub at: String,
    /// The destination.
    pub destination: String,
    /// The recipient, as a person would read it.
    pub recipient: String,
    /// The purpose.
    pub purpose: String,
    /// How many people.
    pub people: u64,
    /// How many of them were erased since: only the entry knows of them.
    pub erased_since: u64,
}

/// The report about everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DisclosureReport {
    /// From when on.
    pub from: String,
    /// Until when.
    pub to: String,
    /// What was sent, oldest first.
    pub sent: Vec<Sent>,
}

/// What was sent from one moment until before another.
pub fn disclosures(store: &Store, from: Moment, to: Moment) -> Result<DisclosureReport> {
    // Joined since, they were several when it was sent to them.
    let people = People::as_of(store.conn(), Moment(to.0.saturating_sub(1)))?;
    let books = Books::load(store.conn(), store.words())?;
    let words = store.words();
    let mut runs: BTreeMap<(i64, String, String), Run> = BTreeMap::new();
    sql::disclosures(store.conn(), |d| {
        if d.at >= from && d.at < to {
            let destination = words.text(WordKind::Destination, d.destination).to_owned();
            let purpose = words.text(WordKind::Purpose, d.purpose).to_owned();
            let run = runs.entry((d.entry, destination, purpose)).or_default();
            run.at = d.at;
            run.held.insert(people.place(d.record).map_or(-d.record, |place| place.subject));
        }
        Ok(())
    })?;
    for gone in disclosures_erased(store, from, to)? {
        let run = runs.entry((gone.entry, gone.destination, gone.purpose)).or_default();
        (run.at, run.erased) = (gone.at, gone.people);
    }
    let sent = runs
        .into_iter()
        .map(|((entry, destination, purpose), run)| Sent {
            entry,
            at: run.at.to_string(),
            recipient: recipient(books.in_force(run.at).as_deref(), &destination),
            destination,
            purpose,
            people: run.held.len() as u64 + run.erased,
            erased_since: run.erased,
        })
        .collect();
    Ok(DisclosureReport { from: from.to_string(), to: to.to_string(), sent })
}

/// Whom one run reached.
#[derive(Default)]
struct Run {
    at: Moment,
    /// Those who are held still, as subjects.
    held: BTreeSet<i64>,
    erased: u64,
}

fn recipient(rules: Option<&Rulebook>, destination: &str) -> String {
    rules
        .and_then(|rules| rules.policy.destinations.get(destination))
        .map_or_else(|| destination.to_owned(), |found| found.recipient.clone())
}

impl DisclosureReport {
    /// The report for people.
    pub fn document(&self) -> Document {
        let mut document = Document::new("What went out", span(&self.from, &self.to));
        let mut table =
            Table::new("", ["entry", "when", "destination", "recipient", "purpose", "people"]);
        for row in &self.sent {
            table.push([
                row.entry.to_string(),
                row.at.clone(),
                row.destination.clone(),
                row.recipient.clone(),
                row.purpose.clone(),
                people_in_words(row.people, row.erased_since),
            ]);
        }
        document.push(Block::Table(table));
        document
    }
}

/// How many people, and how many of them are erased.
fn people_in_words(people: u64, erased: u64) -> String {
    match erased {
        0 => people.to_string(),
        erased => format!("{people} ({erased} erased since)"),
    }
}

/// A span in words.
pub(super) fn span(from: &str, to: &str) -> String {
    format!("from {from} until {to}")
}

/// The consent that held when something was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldConsent {
    /// Its state.
    pub state: &'static str,
    /// Since when.
    pub since: String,
    /// The notice that was shown, as `NAME@VERSION`; empty for none.
    pub notice: String,
    /// Its ledger entry.
    pub entry: i64,
}

/// One disclosure of one person's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonSent {
    /// The ledger entry.
    pub entry: i64,
    /// When.
    pub at: String,
    /// The destination.
    pub destination: String,
    /// The recipient, as a person would read it.
    pub recipient: String,
    /// The fields that the destination got.
    pub fields: Vec<String>,
    /// The purpose.
    pub purpose: String,
    /// The lawful basis, in words.
    pub basis: &'static str,
    /// The law or the assessment; empty where the basis needs none.
    pub rests_on: String,
    /// The consent that held then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<HeldConsent>,
    /// What the gate says of it, by what was known then: `allowed`, or the reason why not.
    pub gate: &'static str,
}

/// The report about one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonDisclosures {
    /// The subject's id.
    pub subject: String,
    /// From when on.
    pub from: String,
    /// Until when.
    pub to: String,
    /// What was sent, oldest first.
    pub sent: Vec<PersonSent>,
}

/// What was sent of one person, each with the basis and the consent that held then.
pub fn of_one(store: &Store, subject: i64, from: Moment, to: Moment) -> Result<PersonDisclosures> {
    let conn = store.conn();
    let books = Books::load(conn, store.words())?;
    let then = Then::before(conn, first_entry_from(conn, to)?)?;
    let history = then.history(conn, subject)?;
    let mut sent = Vec::new();
    for record in then.records(conn, subject)? {
        let home = then.home(conn, record)?;
        for row in crate::subject::sql::disclosures_of(conn, record)? {
            let at = Moment(row.at);
            if at >= from && at < to {
                let (entry, destination, purpose) = (row.entry, row.destination, row.purpose);
                let d = Disclosure { id: 0, entry, record, destination, purpose, at };
                sent.push((d.at, d.entry, one(store, &books, &history, home, d)));
            }
        }
    }
    sent.sort_by_key(|(at, entry, _)| (*at, *entry));
    // Values of several records that went out as one person's went out once.
    sent.dedup_by(|(_, entry, one), (_, before, other)| {
        (*entry, &one.destination) == (*before, &other.destination)
    });
    Ok(PersonDisclosures {
        subject: public_text(profile_sql::public_id(conn, subject)?),
        from: from.to_string(),
        to: to.to_string(),
        sent: sent.into_iter().map(|(.., sent)| sent).collect(),
    })
}

fn one(store: &Store, books: &Books, history: &History, home: i64, d: Disclosure) -> PersonSent {
    let words = store.words();
    let destination = words.text(WordKind::Destination, d.destination);
    let rules = books.in_force(d.at);
    let rules = rules.as_deref();
    let found = rules.and_then(|rules| rules.policy.destinations.get(destination));
    let rule = rules.and_then(|rules| rules.rule(u8::try_from(d.purpose).ok()?));
    let channel = found.and_then(|found| rules?.channel_code(found.channel.as_deref()?));
    let question = Question { channel, ..Question::new(Direction::Out, d.at) };
    let standing = history.standing_of(home, AsOf::at(d.at));
    let answer = rules.zip(rule).map(|(rules, rule)| decide(rules, rule, question, &standing));
    let consent = answer.and_then(Result::ok).and_then(|grounds| grounds.consent);
    let notice = rule.and_then(|rule| rule.purpose.notice.as_deref()).unwrap_or("?");
    PersonSent {
        entry: d.entry,
        at: d.at.to_string(),
        destination: destination.to_owned(),
        recipient: recipient(rules, destination),
        fields: found.map(|found| found.fields.clone()).unwrap_or_default(),
        purpose: words.text(WordKind::Purpose, d.purpose).to_owned(),
        basis: rule.map_or("not declared", |rule| basis_in_words(rule.purpose.basis)),
        rests_on: rule.map(rests_on).unwrap_or_default(),
        consent: consent.map(|consent| HeldConsent {
            state: consent.state.as_str(),
            since: consent.by.valid_at.to_string(),
            notice: match consent.by.notice_version {
                0 => String::new(),
                version => format!("{notice}@{version}"),
            },
            entry: consent.by.n,
        }),
        gate: match answer {
            None => "purpose_not_declared",
            Some(Ok(_)) => "allowed",
            Some(Err(reason)) => reason.code(),
        },
    }
}

impl PersonDisclosures {
    /// The report for people.
    pub fn document(&self) -> Document {
        let subtitle = format!("{}, {}", self.subject, span(&self.from, &self.to));
        let mut document = Document::new("What went out of one person's data", subtitle);
        let mut table = Table::new(
            "",
            [
                "when",
                "recipient",
                "fields",
                "purpose",
                "basis",
                "rests on",
                "consent",
                "by entry",
                "gate",
                "entry",
            ],
        );
        for row in &self.sent {
            let consent = row.consent.as_ref();
            table.push([
                row.at.clone(),
                row.recipient.clone(),
                row.fields.join(", "),
                row.purpose.clone(),
                row.basis.to_owned(),
                row.rests_on.clone(),
                consent
                    .map(|c| format!("{} {} {}", c.state, c.since, c.notice))
                    .unwrap_or_default(),
                consent.map(|c| c.entry.to_string()).unwrap_or_default(),
                row.gate.to_owned(),
                row.entry.to_string(),
            ]);
        }
        document.push(Block::Table(table));
        document
    }
}
