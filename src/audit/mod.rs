//! AUDIT: answers a regulator's questions from the history, as of any moment.
//!
//! Each report is a value that serialises to JSON and a document for people made of it. `people` and
//! `rules` read the store once and in order; `unlawful` is the one that judges: it decides everything
//! again that was ever done.

mod alike;
pub mod basis;
pub mod consent;
pub mod disclosures;
mod overdue;
mod past;
pub mod people;
pub mod requests;
pub mod retention;
pub mod ropa;
pub mod rules;
mod since;
pub mod suppression;
pub(crate) mod sql;
pub mod timeline;
pub mod unlawful;

use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::rulebook::PurposeRule;
use crate::policy::types::Basis;
use crate::store::Store;
use crate::view::Document;

/// When an entry of a kind was written last.
///
/// # Errors
/// Those of reading.
pub fn last_of(conn: &rusqlite::Connection, kind: &str) -> Result<Option<Moment>> {
    sql::last_of(conn, kind)
}

/// The names of all reports.
pub const NAMES: [&str; 8] =
    ["basis", "consent", "disclosures", "requests", "ropa", "retention", "unlawful", "timeline"];

/// What is asked of a report.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// As of when.
    pub as_of: Moment,
    /// From when on, where a report is about a span.
    pub from: Option<Moment>,
    /// Until when (not included), where a report is about a span.
    pub to: Option<Moment>,
    /// About one subject.
    pub who: Option<i64>,
}

impl Question {
    /// From when on and until before when; what came after `as_of` is never in it.
    pub fn span(&self) -> (Moment, Moment) {
        let end = Moment(self.as_of.0.saturating_add(1));
        (self.from.unwrap_or(Moment(0)), self.to.map_or(end, |to| to.min(end)))
    }
}

/// Reports that tell what happened over a span; the others tell what was so at a moment.
const OVER_A_SPAN: [&str; 3] = ["disclosures", "requests", "timeline"];

/// Reports that tell of everybody only.
const OF_EVERYBODY: [&str; 1] = ["ropa"];

/// What a question may name beside the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A span.
    Span,
    /// One person.
    Person,
}

/// Whether there is a report of a name and what is asked of it means something to it: nothing that is
/// asked is passed over in silence.
///
/// # Errors
/// `report-unknown`, `report-not-over-a-span`, `report-not-about-one`.
pub fn may_be_asked(name: &str, parts: &[Part]) -> Result<()> {
    if !NAMES.contains(&name) {
        return Err(Error::usage("report-unknown", "there is no report of this name")
            .next(format!("use one of {}", NAMES.join(", "))));
    }
    if parts.contains(&Part::Span) && !OVER_A_SPAN.contains(&name) {
        return Err(Error::usage(
            "report-not-over-a-span",
            "this report tells what was so at a moment, and knows no --from and --to",
        )
        .at(name)
        .next(format!(
            "name the moment with --as-of; over a span tell {}",
            OVER_A_SPAN.join(", ")
        )));
    }
    if parts.contains(&Part::Person) && OF_EVERYBODY.contains(&name) {
        return Err(Error::usage(
            "report-not-about-one",
            "this report is about everybody, and knows no --who",
        )
        .at(name)
        .next("leave --who out; `candor audit report basis --who WHO` tells why one person's data is held"));
    }
    Ok(())
}

/// A report.
#[derive(Clone, Debug)]
pub struct Answer {
    /// For people.
    pub document: Document,
    /// For programs.
    pub rows: Value,
    /// Whether everything is in order; only `unlawful` can say no.
    pub verdict: Verdict,
}

/// Whether a report found something that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    InOrder,
    /// Something.
    Wrong,
}

/// Makes the report of a name.
///
/// # Errors
/// Those of [`may_be_asked`], and `no-policy` or `no-policy-then` before the first policy.
pub fn report(store: &Store, name: &str, asked: &Question) -> Result<Answer> {
    let span = asked.from.or(asked.to).map(|_| Part::Span);
    let parts: Vec<Part> = span.into_iter().chain(asked.who.map(|_| Part::Person)).collect();
    may_be_asked(name, &parts)?;
    let (from, to) = asked.span();
    let in_order =
        |document: Document, rows: Value| Answer { document, rows, verdict: Verdict::InOrder };
    Ok(match name {
        "basis" => match asked.who {
            Some(subject) => {
                let report = basis::of_one(store, subject, asked.as_of)?;
                in_order(report.document(), json(&report))
            }
            None => {
                let report = basis::basis(store, asked.as_of)?;
                in_order(report.document(), json(&report))
            }
        },
        "consent" => {
            let report = consent::consent(store, asked.who, asked.as_of)?;
            in_order(report.document(), json(&report))
        }
        "disclosures" => match asked.who {
            Some(subject) => {
                let report = disclosures::of_one(store, subject, from, to)?;
                in_order(report.document(), json(&report))
            }
            None => {
                let report = disclosures::disclosures(store, from, to)?;
                in_order(report.document(), json(&report))
            }
        },
        "requests" => {
            let report = requests::requests(store, asked)?;
            in_order(report.document(), json(&report))
        }
        "ropa" => {
            let report = ropa::ropa(store, asked.as_of)?;
            in_order(report.document(), json(&report))
        }
        "retention" => {
            let report = retention::retention(store, asked.who, asked.as_of)?;
            in_order(report.document(), json(&report))
        }
        "unlawful" => {
            let report = unlawful::unlawful(store, asked.who, asked.as_of)?;
            let verdict = if report.is_clean() { Verdict::InOrder } else { Verdict::Wrong };
            Answer { document: report.document(), rows: json(&report), verdict }
        }
        "timeline" => {
            let report = timeline::timeline(store, asked)?;
            in_order(report.document(), json(&report))
        }
        _ => unreachable!("it is one of the names"),
    })
}

fn json(report: &impl serde::Serialize) -> Value {
    serde_json::to_value(report).expect("a report is made of texts and numbers")
}

/// A lawful basis in words, with what it rests on.
fn basis_in_words(basis: Basis) -> &'static str {
    match basis {
        Basis::Consent => "consent, Art 6(1)(a)",
        Basis::Contract => "contract, Art 6(1)(b)",
        Basis::LegalObligation => "legal obligation, Art 6(1)(c)",
        Basis::VitalInterests => "vital interests, Art 6(1)(d)",
        Basis::PublicTask => "public task, Art 6(1)(e)",
        Basis::LegitimateInterests => "legitimate interests, Art 6(1)(f)",
    }
}

/// The law or the assessment that a purpose rests on; empty where it needs none.
fn rests_on(rule: &PurposeRule) -> String {
    let purpose = &rule.purpose;
    purpose.law.clone().or_else(|| purpose.assessment.clone()).unwrap_or_default()
}
