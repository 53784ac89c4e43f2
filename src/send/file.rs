//! Writes what the gate permitted to a file, and each disclosure into the ledger before it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::consent::permit::Permit;
use crate::policy::rulebook::Rulebook;
use crate::policy::types::{FileFormat, FileReader, Means};
use crate::store::{OutFile, Store, hex, in_force};
use crate::view::Table;

use super::audience::{Aim, Outbound, audience, destination};
use super::disclose::{Supplied, Whereto, disclose};

/// What a run sent.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// The destination.
    pub destination: String,
    /// Its recipient.
    pub recipient: String,
    /// Its purpose.
    pub purpose: String,
    /// How many people's data went out.
    pub sent: usize,
    /// How many were left out, by reason.
    pub withheld: BTreeMap<&'static str, u64>,
    /// Values in the file that a spreadsheet would run as a formula: it is for a program.
    pub formulas: usize,
    /// The ledger entry.
    pub entry: i64,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// A table of permitted rows. Nothing else can be written: see `consent::permit`.
pub fn table_of(columns: &[String], permitted: &[Permit<Outbound>]) -> Table {
    let mut table = Table::new("", columns.iter().cloned());
    for permit in permitted {
        table.push(permit.item().fields.iter().cloned());
    }
    table
}

/// Permitted rows as NDJSON: one object a line with every field, empty where the person has none.
pub fn ndjson_of(columns: &[String], permitted: &[Permit<Outbound>]) -> String {
    let mut text = String::new();
    for permit in permitted {
        let row: BTreeMap<&String, &String> = columns.iter().zip(&permit.item().fields).collect();
        text.push_str(&json!(row).to_string());
        text.push('\n');
    }
    text
}

/// Sends a destination its audience: decides, records, and puts the file in its place last. A crash
/// in between leaves a disclosure on record that didn't happen, never one that isn't on record.
///
/// # Errors
/// `destination-unknown`, `destination-no-file`, those of [`audience`], of [`OutFile::claim`] and of writing.
pub fn push<'a>(
    store: &mut Store,
    rules: &Rulebook,
    aim: impl Into<Aim<'a>>,
    out: &Path,
    now: Moment,
) -> Result<Run> {
    let aim = aim.into();
    let name = aim.destination;
    let mut file = OutFile::claim(out, Some(store.path()))?;
    // The gate is asked under the write lock: no withdrawal can come between its answer and the entry.
    let decide = |store: &Store, now: Moment| {
        let rules = in_force(store.conn(), store.words(), rules)?.into_owned();
        let audience = audience(store, &rules, aim, now)?;
        Ok((rules, audience))
    };
    let (run, text) = store.decide_and_write(now, decide, |writer, (rules, audience)| {
        let (target, rule) = destination(&rules, name)?;
        let Means::File { format } = target.means else { return Err(no_file(name)) };
        let table = table_of(&target.fields, &audience.permitted);
        let (text, formulas) = match (format, target.read_by) {
            (FileFormat::Ndjson, _) => (ndjson_of(&target.fields, &audience.permitted), 0),
            (FileFormat::Csv, FileReader::Program) => (table.to_exact_csv(), table.formulas()),
            (FileFormat::Csv, FileReader::Spreadsheet) => (table.to_csv(), 0),
        };
        file.reserve(text.as_bytes())?;
        let rows = audience.permitted.iter().map(Permit::item);
        let people: Vec<Supplied<'_>> = rows.map(|row| (row.record, &*row.others)).collect();
        let to = Whereto { audience: aim.audience, ..Whereto::of(name, rule) };
        let (_, entry) = disclose(writer, to, &people)?;
        let run = Run {
            destination: name.to_owned(),
            recipient: target.recipient.clone(),
            purpose: rule.name.clone(),
            sent: people.len(),
            withheld: audience.withheld,
            formulas,
            entry,
            sha256: hex(&Sha256::digest(text.as_bytes())),
        };
        Ok((run, text))
    })?;
    file.write(text.as_bytes())?;
    Ok(run)
}

fn no_file(name: &str) -> Error {
    Error::usage("destination-no-file", format!("{name} is sent to, and gets no file"))
        .next("leave --out away")
}
