//! The proof that what was forgotten is gone: an empty write-ahead log, and a look at the raw files.
//!
//! What a person gave can also be a word of the policy or a number in the ledger ("Dublin", the
//! controller's town). Those texts hold nothing personal and stay, so such a value is looked for only
//! as it was stored, and the report counts it.

use crate::base::error::{Error, Kind, Result};
use crate::store::{Store, Truncation};

use super::scan::{Pattern, ScanReport, held_by, scan};
use super::sql;

/// What is said when the proof can't be had.
pub struct Unproven {
    /// The code and the words where another process keeps old pages alive.
    pub blocked: (&'static str, &'static str),
    /// The code and the words where something is left.
    pub incomplete: (&'static str, &'static str),
    /// How to go on where it is blocked.
    pub next: &'static str,
}

/// Empties the write-ahead log and reads the raw files; rebuilds the file once if need be.
///
/// # Errors
/// Busy where another process reads old pages; "no" where something is left after a rebuild.
pub fn prove_gone(store: &Store, patterns: &[Pattern], unproven: &Unproven) -> Result<ScanReport> {
    empty(store, unproven)?;
    let report = scan(store.path(), patterns)?;
    if report.found == 0 {
        return Ok(report);
    }
    let openly = standing_openly(store, patterns)?;
    let in_clear = report.in_clear;
    let rest: Vec<Pattern> = patterns.iter().filter(|p| !openly.contains(p)).cloned().collect();
    let look = || -> Result<ScanReport> {
        let report = scan(store.path(), &rest)?;
        Ok(ScanReport { in_open_texts: openly.len(), in_clear, ..report })
    };
    let report = look()?;
    if report.found == 0 {
        return Ok(report);
    }
    store.rebuild()?;
    empty(store, unproven)?;
    let report = look()?;
    if report.found == 0 {
        return Ok(ScanReport { rebuilt: true, ..report });
    }
    let (code, what) = unproven.incomplete;
    Err(Error::no(code, format!("{} pieces of {what} are still in the files", report.found))
        .next("keep the files and report this: it must not happen"))
}

/// Empties the write-ahead log.
pub fn empty(store: &Store, unproven: &Unproven) -> Result<()> {
    if store.truncate_wal()? == Truncation::Done {
        return Ok(());
    }
    let (code, what) = unproven.blocked;
    let words =
        format!("{what}, but another process is reading old pages, so it can't be proven yet");
    Err(Error::new(Kind::Busy, code, words).next(unproven.next))
}

/// The values in the clear that the policy, its notices, names or the ledger hold as well.
fn standing_openly<'p>(store: &Store, patterns: &'p [Pattern]) -> Result<Vec<&'p Pattern>> {
    let clear: Vec<&Pattern> = patterns.iter().filter(|pattern| pattern.is_clear()).collect();
    held_by(clear, |look| sql::open_texts(store.conn(), look))
}
