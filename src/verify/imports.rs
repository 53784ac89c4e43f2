//! How far the imports of files came, and what they counted, against the entries that say so.
//!
//! An import without an entry is what senders brought on a day, or of an older candor: it is nobody's evidence,
//! and no file is passed over for it.

use rusqlite::Connection;

use crate::base::error::Result;
use crate::store::Words;

use super::claim::Claim;
use super::facts::Facts;
use super::sql;

/// An import, as its row has it or its last entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    pub id: i64,
    pub source: String,
    /// The keyed fingerprint of the file, in hex.
    pub file: String,
    /// The policy version under which it began, and when.
    pub begun_under: i64,
    pub begun_at: i64,
    /// Running, or done.
    pub state: i64,
    /// When it was done; 0 before.
    pub finished_at: i64,
    /// The line that it would go on from.
    pub line: i64,
    /// The SHA-256 of the counts, as their row spells them.
    pub counts: String,
    /// The entry; 0 where none says anything.
    pub entry: i64,
}

pub(super) fn check(conn: &Connection, words: &Words, facts: &Facts) -> Result<Claim> {
    let mut claim = Claim::new(
        "imports",
        "every import of a file came as far, and counted, as its last entry says",
    );
    let Some(rows) = sql::imports(conn, words)? else {
        return Ok(Claim::unproven("imports", "how far imports came: the file has an older form"));
    };
    let mut named = facts.imports.clone();
    for row in rows {
        let (id, entry) = (row.id, row.entry);
        let same = match named.remove(&id) {
            None => entry == 0,
            said => {
                claim.checked += 1;
                said == Some(row)
            }
        };
        claim.expect(same, "import-differs", Some(entry).filter(|entry| *entry != 0), || {
            format!("import {id} isn't what an entry says of it")
        });
    }
    let of_none = sql::entries_of_no_import(conn)?;
    claim.expect(named.is_empty() && of_none == 0, "import-missing", None, || {
        format!("{} imports are gone that entries tell of", named.len() as i64 + of_none)
    });
    Ok(claim)
}
