//! Says under an entry by which names a record is found whose values aren't held.
//!
//! A "no" is honoured when its person turns up again, and whoever is held is found, also where no purpose
//! admits the name itself: its blind name stays, without a value. Nothing else in the store says whose such
//! a name is, so an entry about the record names it, sealed as all that is said of a person: whoever puts
//! a name in by hand, or takes one out, is found by `audit verify --deep`.

use std::collections::BTreeSet;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::base::error::Result;
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::ledger::scan;
use crate::store::{WordKind, Words, Writer};

use super::read::is_erased;
use super::record::Record;
use super::sql;

/// The kind of the entries.
pub const NAMED: &str = "profile.named";

/// What such an entry's payload says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The blind names of a "no" with their kinds, as [`spelled`] writes them: whoever comes in under one is
    /// taken for its person.
    pub names: BTreeSet<String>,
    /// Those that only find the person.
    pub to_find: BTreeSet<String>,
    /// The blind name of the source's key, where the key itself isn't held.
    pub key: Option<String>,
}

impl Named {
    /// Reads a payload.
    pub fn of(payload: &Value) -> Named {
        let list = |name: &str| {
            let names = payload[name].as_array().into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Named {
            names: list("names"),
            to_find: list("to_find"),
            key: payload["key"].as_str().map(str::to_owned),
        }
    }
}

/// A name of a person, which says nothing to whoever lacks the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The blind name.
    pub blind: i64,
    /// The code of its kind's field.
    pub kind: i64,
}

/// A blind name with its kind. Written as text, because not every reader of JSON has whole numbers of 64 bits.
pub fn spelled(words: &Words, kind: i64, blind: i64) -> String {
    format!("{}:{}", words.text(WordKind::Field, kind), spelled_key(blind))
}

/// A blind name alone.
pub fn spelled_key(blind: i64) -> String {
    format!("{:016x}", blind.cast_unsigned())
}

/// Says by which names a record is found that have no value, where its last entry doesn't say just that. The record
/// is given as it is held now.
pub fn settle(writer: &mut Writer<'_>, record: &Record) -> Result<()> {
    let rows = sql::identifiers_of(writer.conn, record.id)?;
    // Of whom only the law keeps something, nothing is found by a name.
    if rows.is_empty() && is_erased(writer.conn, record.subject)? {
        return Ok(());
    }
    let spell = |(blind, kind, _): &(i64, i64, i64)| spelled(writer.words, *kind, *blind);
    let has_key = writer
        .words
        .code(WordKind::Field, "record.key")
        .is_some_and(|field| record.current.contains_key(&field));
    let key = sql::key_blind_of(writer.conn, record.id)?;
    let of = |wanted| rows.iter().filter(move |(.., value)| *value == wanted).map(spell);
    let now = Named {
        names: of(0).collect(),
        to_find: of(sql::TO_FIND).collect(),
        key: (!has_key).then(|| spelled_key(key)),
    };
    let all: BTreeSet<String> = rows.iter().map(spell).collect();
    let said = last_said(writer.conn, record)?;
    let holds = now.names.is_subset(&said.names)
        && now.to_find.is_subset(&said.to_find)
        && said.names.union(&said.to_find).all(|name| all.contains(name))
        && (now.key.is_none() || now.key == said.key);
    if holds {
        return Ok(());
    }
    let mut payload = json!({
        "home": record.birth,
        "source": writer.words.text(WordKind::Source, record.source),
        "names": now.names,
        "to_find": now.to_find,
    });
    if let Some(key) = now.key {
        payload["key"] = key.into();
    }
    writer.append_about(NAMED, record.id, &record.key, &payload, None)?;
    Ok(())
}

/// Whether an entry before a number says that a record is found by a name without a value.
///
/// # Errors
/// Those of reading.
pub fn was_said(
    (conn, words): (&Connection, &Words),
    (record, key): (i64, &RecordKey),
    name: Name,
    before: i64,
) -> Result<bool> {
    let name = spelled(words, name.kind, name.blind);
    for (n, leaf, mut body) in sql::said_of(conn, record)? {
        if n < before && scan::fields(&leaf)?.kind == NAMED {
            apply_seal(key, Sealed::Payload, n, &mut body);
            let said = Named::of(&serde_json::from_slice(&body).unwrap_or_default());
            if said.names.contains(&name) || said.to_find.contains(&name) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What the last such entry of a record says.
fn last_said(conn: &Connection, record: &Record) -> Result<Named> {
    for (n, leaf, mut body) in sql::said_of(conn, record.id)? {
        if scan::fields(&leaf)?.kind == NAMED {
            apply_seal(&record.key, Sealed::Payload, n, &mut body);
            return Ok(Named::of(&serde_json::from_slice(&body).unwrap_or_default()));
        }
    }
    Ok(Named::default())
}
