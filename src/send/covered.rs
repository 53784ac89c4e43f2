//! Which addresses a consent covers.
//!
//! What is said in a form is said for the address in that form. A record that was grouped with it by a
//! device or a card doesn't put its own address in that place: it may be another person's, and whoever
//! ticked the box had never seen it.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

use crate::base::error::Result;
use crate::consent::fold::Standing;
use crate::policy::rulebook::{ChannelCode, PurposeRule};
use crate::profile::lookup::first_entry_of;
use crate::profile::read::OpenRecord;

/// The addresses (current values of the fields `codes`) of a person's `open` records that their consents
/// to a purpose cover, on a channel or on any. What the desk wrote down stands on the record by whose address
/// the person was named, or else on the oldest. Where there is no address, those are covered that were known
/// by then.
pub(super) fn covered_addresses<'r>(
    conn: &Connection,
    (rule, channel): (&PurposeRule, Option<ChannelCode>),
    codes: &[i64],
    open: &[&'r OpenRecord],
    standings: &HashMap<i64, Standing>,
) -> Result<BTreeSet<&'r str>> {
    let addresses = |record: &'r OpenRecord| {
        let current = record.values.iter().filter(|v| v.current && codes.contains(&v.field));
        current.map(|value| &*value.text).filter(|text| !text.is_empty())
    };
    let channels = match channel {
        Some(channel) => vec![channel, 0],
        None => rule.channels.iter().copied().chain([0]).collect(),
    };
    let mut covered = BTreeSet::new();
    for record in open {
        let consents = &standings[&record.home].consents;
        for by in channels.iter().filter_map(|c| consents.get(&(rule.code, *c))).map(|c| c.by) {
            let form = open.iter().filter(|r| r.id == by.record);
            let mut there = form.flat_map(|record| addresses(record)).peekable();
            if there.peek().is_some() {
                covered.extend(there);
            } else if first_entry_of(conn, record.id)?.is_some_and(|first| first <= by.n) {
                covered.extend(addresses(record));
            }
        }
    }
    Ok(covered)
}
