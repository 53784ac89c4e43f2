//! Is the answer whole? The rows about the person are counted again, by SQL alone and not by the code
//! that collected them; where the counts differ, there is no answer.

use serde::Serialize;

use crate::base::error::{Error, Result};
use crate::store::Store;

use super::{AccessPackage, sql};

/// The rows of one table about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableCount {
    /// The table.
    pub table: &'static str,
    /// Rows that the store holds.
    pub held: u64,
    /// Rows that the answer gives.
    pub given: u64,
}

/// The comparison of what is held with what is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// In words.
    pub statement: String,
    /// By table.
    pub tables: Vec<TableCount>,
}

/// How many rows of a table a package gives.
fn given(package: &AccessPackage, table: &str) -> usize {
    match table {
        "record" => package.sources.len(),
        "value" => package.values.len(),
        "event" => package.events.len(),
        "rollup" => package.summaries.len(),
        "statement" => package.statements.len(),
        "payload" => package.journal.iter().filter(|entry| entry.payload.is_some()).count(),
        "disclosure" => package.recipients.iter().map(|r| r.disclosures.len()).sum(),
        "request" => package.requests.len(),
        "identifier" => package.found_by.len(),
        "link" => package.links.len(),
        "question" => package.questions.len(),
        "merge" => package.joined.len(),
        _ => 0,
    }
}

/// Counts what the store holds about a subject and compares it with a package.
///
/// # Errors
/// `access-incomplete`, with the tables and both counts.
pub fn check(store: &Store, subject: i64, package: &AccessPackage) -> Result<Completeness> {
    let tables: Vec<TableCount> = sql::counts(store.conn(), subject)?
        .into_iter()
        .map(|(table, held)| TableCount { table, held, given: given(package, table) as u64 })
        .collect();
    let differing: Vec<String> = tables
        .iter()
        .filter(|t| t.held != t.given)
        .map(|t| format!("{} (held {}, collected {})", t.table, t.held, t.given))
        .collect();
    if !differing.is_empty() {
        return Err(Error::damaged(
            "access-incomplete",
            "what was collected is not what the store holds, so no answer is given",
        )
        .at(differing.join(", "))
        .next("run `candor audit verify --deep`"));
    }
    let rows: u64 = tables.iter().map(|t| t.held).sum();
    let statement = format!(
        "Before this answer was given, all rows about this person were counted in the store a second \
         time, in another way: {rows} rows in {} tables. This answer gives every one of them.",
        tables.len()
    );
    Ok(Completeness { statement, tables })
}
