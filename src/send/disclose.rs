//! Writes down that people's data goes to a destination: one entry for all of them, one row for each.
//!
//! It is written before anything goes out, in the transaction that asked the gate. A crash in between leaves
//! a disclosure on record that didn't happen, never one that isn't on record.

use serde_json::json;

use crate::base::error::Result;
use crate::ledger::commit::{disclosure_commitment, item_leaf};
use crate::ledger::tree::Frontier;
use crate::policy::rulebook::PurposeRule;
use crate::profile::sql::record_key;
use crate::segment::desk::Defined;
use crate::store::{WordKind, Writer};

use super::sql;

/// Where somebody's data goes, and for what.
#[derive(Clone, Copy)]
pub struct Whereto<'a> {
    /// The destination.
    pub destination: &'a str,
    /// Its purpose: name and code.
    pub purpose: (&'a str, i64),
    /// The audience that was chosen; everybody who may be reached where there is none.
    pub audience: Option<&'a Defined>,
    /// The messages of the queue that carry it out, one for each record; none where it goes out otherwise.
    pub messages: &'a [i64],
}

impl<'a> Whereto<'a> {
    /// A destination, for its purpose.
    pub fn of(destination: &'a str, rule: &'a PurposeRule) -> Whereto<'a> {
        Whereto {
            destination,
            purpose: (&rule.name, rule.code.into()),
            audience: None,
            messages: &[],
        }
    }
}

/// One person's data as it goes out: the record that supplied the address, and the others that anything else is of.
pub type Supplied<'a> = (i64, &'a [i64]);

/// Records a disclosure for each of the records that supplied an address, in their order, and after them one for
/// each of the others. Returns the number of the first, from which they count, and the entry.
///
/// # Errors
/// Those of reading and writing.
pub fn disclose(
    writer: &mut Writer<'_>,
    to: Whereto<'_>,
    people: &[Supplied<'_>],
) -> Result<(i64, i64)> {
    let addresses = people.iter().map(|(address, _)| *address);
    let others = people.iter().flat_map(|(_, others)| others.iter().copied());
    let records: Vec<i64> = addresses.chain(others).collect();
    // The entry commits to whom the run reached, each under the key of the record.
    let first = sql::next_disclosure(writer.conn)?;
    let mut tree = Frontier::new();
    for (id, record) in (first..).zip(&records) {
        let key = record_key(writer.conn, *record)?;
        tree.append(item_leaf(&disclosure_commitment(&key.0, id.unsigned_abs())));
    }
    let Whereto { destination, purpose: (name, purpose), audience, messages } = to;
    let mut body = json!({
        "destination": destination, "purpose": name, "count": records.len(), "first": first,
        "root": tree.root().to_string(),
    });
    if records.len() > people.len() {
        body["people"] = people.len().into();
    }
    if let Some(chosen) = audience {
        body["audience"] = json!({"name": chosen.name, "version": chosen.version});
    }
    if !messages.is_empty() {
        body["messages"] = json!(messages);
    }
    let entry = writer.append("disclosure.run", body)?;
    let code = writer.words.code(WordKind::Destination, destination).unwrap_or(0);
    for (id, record) in (first..).zip(&records) {
        sql::insert_disclosure(writer.conn, id, entry, *record, code, purpose, writer.now)?;
    }
    for id in (first..).take(records.len()).skip(people.len()) {
        sql::insert_along(writer.conn, id)?;
    }
    Ok((first, entry))
}
