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

/// The names of all reports.
pub const NAMES: [&str; 8] =
    ["basis", "consent", "disclosures", "requests", "ropa", "retention", "unlawful", "timeline"];

/// What is asked of a report.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// As of when.
    pub as_of: Moment,
    /// From when on, where a report is about a span.
    pub from: Moment,
    /// Until when (not included), where a report is about a span.
    pub to: Moment,
    /// About one subject.
    pub who: Option<i64>,
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
/// `report-unknown` for a name that isn't one of [`NAMES`], and `no-policy` before the first policy.
pub fn report(store: &Store, name: &str, asked: &Question) -> Result<Answer> {
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
                let report = disclosures::of_one(store, subject, asked.from, asked.to)?;
                in_order(report.document(), json(&report))
            }
            None => {
                let report = disclosures::disclosures(store, asked.from, asked.to)?;
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
        _ => {
            return Err(Error::usage("report-unknown", "there is no report of this name")
                .next(format!("use one of {}", NAMES.join(", "))));
        }
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
