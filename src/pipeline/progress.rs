//! How far the import of a file came: in its row, to go on from, and in the ledger, which the row must agree with.
//!
//! A row by itself is nobody's word: whoever can write to the table could let a file of withdrawals count as taken
//! in, or as read up to its end. So a file is gone on with, or passed over, only where an entry says so; otherwise
//! it is read from its beginning, which changes nothing that is held already.

use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::base::error::Result;
use crate::ledger::scan::fields;
use crate::policy::rulebook::Rulebook;
use crate::store::{self, Writer, hex};

use super::resumed::Kept;
use super::sql::{self, ImportRow};
use super::summary::Summary;

/// The kind of the entries.
const PROGRESS: &str = "import.progress";

/// A file on its way in.
pub(super) struct FileImport<'a> {
    pub source: &'a str,
    pub source_code: i64,
    pub print: [u8; 16],
}

/// How far a transaction came.
pub(super) struct Reached<'a> {
    pub line: u64,
    pub is_done: bool,
    pub kept: &'a Kept,
}

impl FileImport<'_> {
    /// The import that took this very file in, to its end, under the policy in force.
    pub(super) fn finished(&self, conn: &Connection, policy: u32) -> Result<Option<i64>> {
        let row = sql::finished_import(conn, self.source_code, &self.print, i64::from(policy))?;
        let Some((import, entry)) = row else { return Ok(None) };
        let said = said(conn, entry)?;
        let is_said = self.is_of(&said, import) && said["done"] == true && said["policy"] == policy;
        Ok(is_said.then_some(import))
    }

    /// The import of this very file that was cut off, as its row tells.
    pub(super) fn cut_off(&self, conn: &Connection) -> Result<Option<ImportRow>> {
        sql::running_import(conn, self.source_code, &self.print)
    }

    /// What the import of this very file that was cut off had counted, where an entry says that it came as far
    /// as its row tells.
    pub(super) fn counted(&self, conn: &Connection, row: &ImportRow) -> Result<Option<Kept>> {
        let said = said(conn, row.entry)?;
        let is_said = self.is_of(&said, row.id)
            && said["line"] == row.resume_line
            && said["counts"] == sha256_of(&row.totals);
        Ok(serde_json::from_str(&row.totals).ok().filter(|_| is_said))
    }

    fn is_of(&self, said: &Value, import: i64) -> bool {
        said["import"] == import
            && said["source"] == self.source
            && said["file"] == hex(&self.print)
    }

    /// Begins an import.
    pub(super) fn begin(&self, writer: &Writer<'_>, rules: &Rulebook) -> Result<ImportRow> {
        let (policy, started_at) = (i64::from(rules.version), writer.now.0);
        let id =
            sql::insert_import(writer.conn, self.source_code, &self.print, policy, started_at)?;
        Ok(ImportRow { id, policy, started_at, resume_line: 0, totals: String::new(), entry: 0 })
    }

    /// Writes down how far the import came, in both places.
    pub(super) fn reach(
        &self,
        writer: &mut Writer<'_>,
        rules: &Rulebook,
        import: &ImportRow,
        reached: &Reached<'_>,
    ) -> Result<()> {
        let totals = serde_json::to_string(reached.kept).expect("counts are JSON");
        let Summary { rows, values_new, events_new, .. } = *reached.kept.total();
        let body = json!({
            "import": import.id, "source": self.source, "file": hex(&self.print),
            "begun_at": import.started_at, "begun_under": import.policy, "policy": rules.version,
            "line": reached.line, "done": reached.is_done, "rows": rows, "values": values_new,
            "events": events_new, "counts": sha256_of(&totals),
        });
        let entry = writer.append(PROGRESS, body)?;
        let line = i64::try_from(reached.line).unwrap_or(i64::MAX);
        sql::put_progress(writer.conn, import.id, line, &totals)?;
        sql::put_entry(writer.conn, import.id, entry)?;
        if reached.is_done {
            sql::finish_import(writer.conn, import.id, writer.now.0)?;
        }
        Ok(())
    }
}

/// What stands in an entry for the counts, which can be longer than an entry.
fn sha256_of(totals: &str) -> String {
    hex(&Sha256::digest(totals.as_bytes()))
}

/// What an entry says of an import; null where it says nothing of one.
fn said(conn: &Connection, entry: i64) -> Result<Value> {
    let leaf = store::leaf(conn, entry)?.unwrap_or_default();
    let body = fields(&leaf).ok().filter(|view| view.kind == PROGRESS).and_then(|view| view.body);
    Ok(body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or(Value::Null))
}
