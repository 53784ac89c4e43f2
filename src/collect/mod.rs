//! INBOUND: files in many shapes become records; what can't be read is reported, and the rest goes
//! on.
//!
//! `read` is the arrow: a file and its source's map in, records and rejects out, in file order, with
//! bounded memory. It knows no store and no clock, so the same file always gives the same records.

mod again;
mod canonical;
mod consent_strings;
mod csv;
mod dates;
mod encoding;
mod feed;
mod group;
mod header;
mod identifiers;
mod json_walk;
mod map;
mod map_consent;
mod map_event;
mod ndjson;
mod nothing;
mod object;
mod observed;
mod paths;
mod phone_plans;
mod phones;
pub(crate) mod query;
mod reading;
mod record;
mod reject;
mod row;
mod rows;
mod salvage;
mod scan;
pub mod sent;
mod take;
pub mod tracking;
mod values;
pub mod webhook;
mod weight;
mod xlsx;

pub mod fuzz;

#[cfg(test)]
mod brand_tests;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod map_tests;
#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::path::Path;

pub use again::rows_of_events;
pub(crate) use canonical::order as name_order;
pub use dates::DateReader;
pub use feed::{Feed, LINE_BYTES_MAX, ROW_BYTES_MAX};
pub use header::looks_like_data;
pub use identifiers::{Unfit, is_placeholder, normalise};
pub use map::{Draft, Mapper};
pub use reading::{Content, Item, Progress, Reading};
pub use record::{
    ConsentStatement, Doubt, FieldRefusal, MappedEvent, MappedValue, Record, RefusalReason, Timed,
};
pub use reject::{Fault, Reject, RejectReason};
pub use row::{Kind, Plan, Row};
pub use rows::{Rows, Step, format_of};

use crate::base::clock::{DAY_MS, Moment};
use crate::base::error::Result;
use crate::policy::types::{Format, IdentifierKind, Policy, Source};

/// What reading needs to know beside the source.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions<'a> {
    /// The first line to take, which must be one that `Item::resume_line` told; 1 for everything.
    pub start_line: u64,
    /// The IANA time zone of times without one, where the source declares none: the controller's.
    pub timezone: &'a str,
    /// The policy's kinds of identifiers, which tell their forms and placeholders. A kind that is
    /// missing here is read by its name: `email`, `phone`, else text.
    pub identifiers: &'a BTreeMap<String, IdentifierKind>,
    /// Observations and events later than this lie in the future, and are refused.
    pub latest: Moment,
}

/// How far the clocks and time zones of other systems may be ahead, in milliseconds.
const AHEAD_MS_MAX: i64 = DAY_MS;

impl<'a> ReadOptions<'a> {
    /// Everything, by the rules of a policy, as it may be said at a moment.
    pub fn of(policy: &'a Policy, now: Moment) -> ReadOptions<'a> {
        ReadOptions {
            start_line: 1,
            timezone: &policy.controller.timezone,
            identifiers: &policy.identifiers,
            latest: Moment(now.0.saturating_add(AHEAD_MS_MAX)),
        }
    }
}

/// Reads a file as the named source's. The format is the source's, else by the file's ending.
///
/// Faults of the file as a whole are errors, here or from the iterator: missing, a folder, UTF-16,
/// no header, a column twice, no key column. Everything else costs a row or a field.
pub fn read(
    path: &Path,
    source: &Source,
    name: &str,
    options: &ReadOptions<'_>,
) -> Result<Reading> {
    let format = match source.format {
        Some(format) => format,
        None => format_of(path)?,
    };
    Reading::open(Feed::open(path)?, format, source, name, options)
}

/// Reads bytes in memory, such as an uploaded file; `place` names them in errors.
pub fn read_bytes(
    bytes: Vec<u8>,
    place: &str,
    format: Format,
    source: &Source,
    name: &str,
    options: &ReadOptions<'_>,
) -> Result<Reading> {
    Reading::open(Feed::of_bytes(bytes, place), format, source, name, options)
}
