//! What can still be told of a row that can't be read: the events that it may be a row of.
//!
//! A quote that isn't closed swallows the lines behind it, and a delimiter too many or too few shifts
//! the cells behind it. So every line of the row is looked at, and its cells are counted from its first
//! and from its last one. To name an event too many does no harm: its rows are handed back to be
//! repaired like the others. To miss one would take it in without this row.

use super::map::Mapper;
use super::row::Row;
use super::rows::Rows;

/// The most ids that one row may name; a row of so many lines is no row.
const IDS_MAX: usize = 10_000;

/// The ids of groups that a rejected row may be of, each once; none where they can't be told.
pub(super) fn ids(rows: &mut Rows, mapper: &Mapper, row: &mut Row) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    let raw = std::mem::take(&mut row.raw);
    rows.salvage(&raw, row, &mut |row| {
        if let Some(id) = mapper.group(row)
            && ids.len() < IDS_MAX
            && known.insert(id.to_owned())
        {
            ids.push(id.to_owned());
        }
    });
    row.raw = raw;
    ids
}
