//! Hands back the rows of events that turned out, once they were whole, not to be taken.
//!
//! Only the store knows that an event of many rows is held already and says something else. Its rows are gone
//! from memory by then, so the file is read once more, and only where there was such an event.

use std::collections::BTreeSet;
use std::path::Path;

use super::ReadOptions;
use super::feed::Feed;
use super::map::Mapper;
use super::reject::{Reject, RejectReason};
use super::row::Row;
use super::rows::{Rows, Step, format_of};
use crate::base::error::Result;
use crate::policy::types::Source;

/// Takes a row that is handed back, and the file's header.
pub type HandedBack<'a> = dyn FnMut(&Reject, Option<&[u8]>) -> Result<()> + 'a;

/// Hands the rows over, with the file's header, that are of events with these ids. Returns how many they are.
///
/// # Errors
/// Those of reading the file, and of `each`.
pub fn rows_of_events(
    path: &Path,
    source: &Source,
    options: &ReadOptions<'_>,
    ids: &BTreeSet<String>,
    each: &mut HandedBack<'_>,
) -> Result<u64> {
    let format = match source.format {
        Some(format) => format,
        None => format_of(path)?,
    };
    let mapper = Mapper::new(source, options)?;
    let mut rows = Rows::open(Feed::open(path)?, format, source, mapper.plan())?;
    let (mut row, mut count) = (Row::new(), 0);
    loop {
        match rows.next(&mut row)? {
            Step::End => return Ok(count),
            Step::Reject(_) => continue,
            Step::Row => {}
        }
        if mapper.group(&row).is_some_and(|id| ids.contains(id)) {
            let (line, raw) = (row.line, row.raw().to_vec());
            let reason = RejectReason::EventKnown;
            let reject = Reject { line, reason, field: None, of_unknown_event: false, raw };
            each(&reject, rows.header())?;
            count += 1;
        }
    }
}
