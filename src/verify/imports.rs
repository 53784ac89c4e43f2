//! How far the imports of files came, and what they counted, against the entries that say so.
//!
//! An import without an entry is what senders brought on a day, or of an older candor: it is nobody's evidence,
//! and no file is passed over for it.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::base::error::Result;
use crate::store::{WordKind, Words, hex};

use super::claim::Claim;
use super::facts::Facts;
use super::sql;

/// What an entry says of an import.
pub(super) struct Imported {
    pub(super) entry: i64,
    pub(super) at: i64,
    pub(super) source: String,
    /// The policy version under which it began, and when.
    pub(super) policy: i64,
    pub(super) begun_at: i64,
    pub(super) file: String,
    pub(super) line: i64,
    pub(super) is_done: bool,
    /// The SHA-256 of the counts, as their row spells them.
    pub(super) counts: String,
}

/// A row of an import, with the entry that it stands on.
pub struct ImportRow {
    pub id: i64,
    pub source: i64,
    pub file: Vec<u8>,
    pub policy: i64,
    pub state: i64,
    pub line: i64,
    pub started_at: i64,
    pub finished_at: i64,
    pub totals: String,
    pub entry: i64,
}

pub(super) fn check(conn: &Connection, words: &Words, facts: &Facts) -> Result<Claim> {
    let mut claim = Claim::new(
        "imports",
        "every import of a file came as far, and counted, as its last entry says",
    );
    let Some(rows) = sql::imports(conn)? else {
        return Ok(Claim::unproven("imports", "how far imports came: the file has an older form"));
    };
    let mut left = facts.imports.len();
    for row in &rows {
        let Some(said) = facts.imports.get(&row.id) else {
            claim.expect(row.entry == 0, "import-differs", None, || {
                format!("import {} stands on an entry that says nothing of it", row.id)
            });
            continue;
        };
        left -= 1;
        claim.checked += 1;
        let finished_at = if said.is_done { said.at } else { 0 };
        let same = words.text(WordKind::Source, row.source) == said.source
            && hex(&row.file) == said.file
            && (row.policy, row.started_at) == (said.policy, said.begun_at)
            && (row.state, row.finished_at) == (if said.is_done { 3 } else { 2 }, finished_at)
            && row.line == said.line
            && hex(&Sha256::digest(&row.totals)) == said.counts
            && row.entry == said.entry;
        claim.expect(same, "import-differs", Some(said.entry), || {
            format!("import {} isn't what entry {} says", row.id, said.entry)
        });
    }
    claim.expect(left == 0, "import-missing", None, || {
        format!("{left} imports are gone that entries tell of")
    });
    let of_none = sql::entries_of_no_import(conn)?;
    claim.expect(of_none == 0, "import-missing", None, || {
        format!("{of_none} entries are named for imports that aren't there")
    });
    Ok(claim)
}
