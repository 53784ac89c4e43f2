//! Takes in what a person says on a page of their own: one row of the source that the policy marks as theirs.
//!
//! It goes the way of any row: the consent that it carries first, then the gate for the address that it is
//! said for. So a yes brings what it needs with it, a person who was erased comes back by it, and it is
//! counted in the source's import of the day.

use crate::base::error::Result;
use crate::collect::Record as Inbound;
use crate::policy::rulebook::Rulebook;
use crate::profile::items::Looking;
use crate::store::Writer;

use super::admit::Admission;
use super::intake::{import_of_today, put_progress};

/// Takes one row of a source in, within a transaction.
///
/// # Errors
/// Those of writing.
pub fn take(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    source: &str,
    row: &mut Inbound,
) -> Result<()> {
    let (import, mut summary) = import_of_today(writer, rules, source, "own page")?;
    summary.rows += 1;
    row.line = summary.rows;
    let mut admission = Admission::new(writer, rules, source, import, Looking::Exact)?;
    let mut items = admission.begin_batch(writer)?;
    admission.admit(writer, &mut items, row, &mut summary, &mut |_| {})?;
    admission.end_batch(writer, items, &mut summary)?;
    put_progress(writer, import, &summary)
}
