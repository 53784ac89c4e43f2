//! Writes what the gate permitted to a CSV file, and each disclosure into the ledger before it.

use std::path::Path;

use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result, io};
use crate::consent::permit::Permit;
use crate::policy::rulebook::Rulebook;
use crate::policy::types::FileReader;
use crate::store::{Store, WordKind, hex};
use crate::view::Table;

use super::audience::{Outbound, audience, destination};
use super::sql;

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
    pub withheld: std::collections::BTreeMap<&'static str, u64>,
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

/// Sends a destination its audience: decides, records, and puts the file in its place last. A crash
/// in between leaves a disclosure on record that didn't happen, never one that isn't on record.
///
/// # Errors
/// `destination-unknown`, `file-exists`, and those of writing.
pub fn push(
    store: &mut Store,
    rules: &Rulebook,
    name: &str,
    out: &Path,
    now: Moment,
) -> Result<Run> {
    let (target, rule) = destination(rules, name)?;
    if out.exists() {
        return Err(Error::usage("file-exists", "the file exists already")
            .at(out.display())
            .next("name another one; what went out is never written over"));
    }
    let audience = audience(store, rules, name, now)?;
    let table = table_of(&target.fields, &audience.permitted);
    let (text, formulas) = match target.read_by {
        FileReader::Program => (table.to_exact_csv(), table.formulas()),
        FileReader::Spreadsheet => (table.to_csv(), 0),
    };
    let mut fresh = out.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = std::path::PathBuf::from(fresh);
    crate::store::write_private_file(&fresh, text.as_bytes())?;
    let sha256 = hex(&Sha256::digest(text.as_bytes()));
    let code = store.words().code(WordKind::Destination, name).unwrap_or(0);
    let recorded = store.write(now, |writer| {
        let body = json!({
            "destination": name, "purpose": rule.name, "count": audience.permitted.len(),
            "sha256": sha256,
        });
        let entry = writer.append("disclosure.run", body)?;
        for permit in &audience.permitted {
            let record = permit.item().record;
            sql::insert_disclosure(writer.conn, entry, record, code, rule.code.into(), writer.now)?;
        }
        Ok(entry)
    });
    let entry = match recorded {
        Ok(entry) => entry,
        Err(error) => {
            let _ = std::fs::remove_file(&fresh);
            return Err(error);
        }
    };
    std::fs::rename(&fresh, out).map_err(io(out))?;
    Ok(Run {
        destination: name.to_owned(),
        recipient: target.recipient.clone(),
        purpose: rule.name.clone(),
        sent: audience.permitted.len(),
        withheld: audience.withheld,
        formulas,
        entry,
        sha256,
    })
}
