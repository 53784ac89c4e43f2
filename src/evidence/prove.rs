//! Proofs on demand: of one entry, of one item of a batch, of growth from one checkpoint to another.

use rusqlite::Connection;

use crate::anchor::witness::cosigned;
use crate::base::error::{Error, Result};
use crate::base::secret::{Sealed, apply_seal};
use crate::ledger::base64;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::commit::{ItemKind, commitment, item_leaf, item_salt, salt};
use crate::ledger::evidence::{Evidence, Opened, Shown, ShownItem, texts};
use crate::ledger::growth::Growth;
use crate::ledger::note::Note;
use crate::ledger::proof;
use crate::ledger::scan;
use crate::ledger::tree::Levels;
use crate::profile::pack::Unpacker;
use crate::profile::sql::{batch_of_event, batch_of_value};
use crate::store;

use super::issue::{gather, latest};
use super::sql;

/// Whether the sealed payload of an entry is shown with it. An opened one may hold personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The entry only.
    Sealed,
    /// With the payload that it commits to.
    Opened,
}

/// One end of a proof of growth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The stored checkpoint over so many entries.
    Size(u64),
    /// A signed note that was kept elsewhere.
    Note(String),
}

/// Proves an entry against the newest checkpoint that a witness signed, where one covers it, else the
/// latest.
///
/// # Errors
/// `entry-unknown`; `checkpoint-missing`; `payload-none` and `payload-erased` when there is nothing to
/// open.
pub fn entry(conn: &Connection, n: i64, opening: Opening) -> Result<Evidence> {
    let _one_state = sql::snapshot(conn)?;
    let (checkpoint, entries) = gather(conn, std::iter::once(&(n, opening)))?;
    Ok(Evidence::new(checkpoint, entries))
}

/// An entry without its way to the root.
pub(super) fn shown(conn: &Connection, n: i64, opening: Opening) -> Result<Shown> {
    let leaf = store::leaf(conn, n)?.ok_or_else(|| {
        Error::no("entry-unknown", "the ledger has no such entry")
            .at(format!("entry {n}"))
            .next("`candor audit report timeline` lists the entries")
    })?;
    let opened = match opening {
        Opening::Sealed => None,
        Opening::Opened => Some(opened_payload(conn, n, &leaf)?),
    };
    let leaf = String::from_utf8(leaf).map_err(|_| damaged(n))?;
    Ok(Shown { leaf, path: Vec::new(), opened, item: None })
}

fn opened_payload(conn: &Connection, n: i64, leaf: &[u8]) -> Result<Opened> {
    let at = || format!("entry {n}");
    let Some(committed) = scan::fields(leaf)?.commitment else {
        return Err(Error::no("payload-none", "the entry commits to no payload")
            .at(at())
            .next("prove the entry itself, without --open"));
    };
    let mut opened = None;
    sql::payloads(conn, n, n + 1, |row| {
        opened = open(row);
        Ok(())
    })?;
    match opened {
        Some((salt, payload)) if commitment(&salt, payload.as_bytes()) == committed.bytes() => {
            Ok(Opened { salt: base64::encode(&salt), payload })
        }
        _ => {
            Err(Error::no("payload-erased", "the payload of the entry was erased, or doesn't open")
                .at(at())
                .next("`candor audit verify --deep` tells which of the two it is"))
        }
    }
}

/// Opens a sealed payload; `None` when its key is gone or it was erased.
pub(super) fn open(row: sql::PayloadRow) -> Option<([u8; 32], String)> {
    let key = row.key.filter(|key| !key.is_destroyed())?;
    let mut body = row.body;
    if body.iter().all(|byte| *byte == 0) {
        return None;
    }
    apply_seal(&key, Sealed::Payload, row.n, &mut body);
    let number = u64::try_from(row.n).ok()?;
    Some((salt(&key.0, number), String::from_utf8(body).ok()?))
}

/// Proves a value or an event: that the batch under which it came in commits to it, and that the
/// batch's entry is in the ledger.
///
/// # Errors
/// `item-unknown`, `item-erased`, and those of [`entry`].
pub fn item(conn: &Connection, kind: ItemKind, number: i64) -> Result<Evidence> {
    let _one_state = sql::snapshot(conn)?;
    let name = word(kind);
    let unknown = || {
        Error::no("item-unknown", format!("there is no such {name}"))
            .at(format!("{name} {number}"))
            .next("`candor profile why WHO FIELD` and an access package say the numbers")
    };
    let batch = match kind {
        ItemKind::Value => batch_of_value(conn, number),
        ItemKind::Event => batch_of_event(conn, number),
    }
    .map_err(|_| unknown())?;
    let (first, count) = match kind {
        ItemKind::Value => (batch.first_value, batch.value_count),
        ItemKind::Event => (batch.first_event, batch.event_count),
    };
    if !(first..first + count).contains(&number) {
        return Err(unknown());
    }
    let mut unpacker = Unpacker::new(conn)?;
    let (mut leaves, mut found) = (Vec::new(), None);
    sql::items(conn, kind, first, first + count, |row| {
        let made = match row.tombstone {
            Some(made) => made,
            None => {
                let (salt, content) = open_item(kind, &row, &mut unpacker)?;
                let made = commitment(&salt, &content);
                if row.seq == number {
                    found = Some((salt, content));
                }
                made
            }
        };
        leaves.push(item_leaf(&made));
        Ok(())
    })?;
    let (salt, content) = found.ok_or_else(|| {
        Error::no("item-erased", format!("the {name} was erased, and only its commitment is left"))
            .at(format!("{name} {number}"))
            .next(
                "prove the entry of its batch with --entry: it holds the root over all commitments",
            )
    })?;
    let index = u64::try_from(number - first).expect("the item lies in its batch");
    let levels = Levels::new(leaves);
    let path =
        proof::inclusion(index, u64::try_from(count).unwrap_or(0), |l, i| levels.hash(l, i))?;
    let (checkpoint, mut entries) = gather(conn, std::iter::once(&(batch.n, Opening::Sealed)))?;
    entries[0].item = Some(ShownItem {
        kind: name.to_owned(),
        number: u64::try_from(number).unwrap_or(0),
        opened: Opened {
            salt: base64::encode(&salt),
            payload: String::from_utf8(content).map_err(|_| damaged(batch.n))?,
        },
        path: texts(&path),
    });
    Ok(Evidence::new(checkpoint, entries))
}

fn open_item(
    kind: ItemKind,
    row: &sql::ItemRow,
    unpacker: &mut Unpacker,
) -> Result<([u8; 32], Vec<u8>)> {
    let key = row.key.as_ref().ok_or_else(|| {
        Error::damaged("item-unreadable", "an item of the batch has lost its key")
            .at(format!("{} {}", word(kind), row.seq))
            .next("run `candor audit verify --deep`")
    })?;
    let sealed = match kind {
        ItemKind::Value => Sealed::Value,
        ItemKind::Event => Sealed::Event,
    };
    let mut bytes = row.body.clone();
    apply_seal(key, sealed, row.seq, &mut bytes);
    let content = match kind {
        ItemKind::Value => bytes,
        ItemKind::Event => unpacker.unpack(&bytes)?,
    };
    let number = u64::try_from(row.seq).unwrap_or(0);
    Ok((row.kept_salt.unwrap_or_else(|| item_salt(&key.0, kind, number)), content))
}

/// Proves that the log of one checkpoint grew into that of another. Whether a note from elsewhere is
/// signed is the reader's to check.
///
/// # Errors
/// `checkpoint-unknown` when no checkpoint of that size is stored; `origin-differs`, `fork` and `rollback`
/// when a note is of another ledger, commits to other entries, or to more than there are; `proof-sizes`
/// when the first is the larger.
pub fn growth(conn: &Connection, from: &End, to: &End) -> Result<(u64, Growth)> {
    let _one_state = sql::snapshot(conn)?;
    let (have, _) = latest(conn)?;
    let (old, from) = end(conn, from, have)?;
    let (new, to) = end(conn, to, have)?;
    let path = store::consistency(conn, old, new)?;
    Ok((old, Growth::new(from, to, &path)))
}

fn end(conn: &Connection, end: &End, have: u64) -> Result<(u64, String)> {
    match end {
        End::Note(note) => {
            let Checkpoint { origin, size, root } =
                Checkpoint::parse(&Note::parse(note.as_bytes())?.text)?;
            let own = store::meta(conn, "origin")?.unwrap_or_default();
            if origin.as_bytes() != own {
                return Err(Error::no("origin-differs", "the checkpoint is of another ledger")
                    .at(origin)
                    .next("name a checkpoint of this ledger"));
            }
            if size > have {
                return Err(Error::no(
                    "rollback",
                    format!("the checkpoint states {size} entries, and {have} are signed here"),
                )
                .next("run `candor audit verify --checkpoint FILE`"));
            }
            if store::root_at(conn, size)? != root {
                return Err(Error::no(
                    "fork",
                    format!("the checkpoint commits to other {size} entries than are here"),
                )
                .next("run `candor audit verify --checkpoint FILE`, and keep the checkpoint: it is evidence"));
            }
            Ok((size, note.clone()))
        }
        End::Size(size) => {
            let n = i64::try_from(*size).unwrap_or(i64::MAX);
            match cosigned(conn, n)? {
                Some(note) => Ok((*size, note)),
                None => {
                    let (below, above) = sql::checkpoints_around(conn, n)?;
                    let near: Vec<String> =
                        below.into_iter().chain(above).map(|size| size.to_string()).collect();
                    Err(Error::no("checkpoint-unknown", "no checkpoint of this size was signed")
                        .at(format!("size {size}"))
                        .next(format!("use {}", near.join(" or "))))
                }
            }
        }
    }
}

pub(super) fn word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Value => "value",
        ItemKind::Event => "event",
    }
}

fn damaged(n: i64) -> Error {
    Error::damaged("entry-not-canonical", "the bytes are not those of a ledger entry")
        .at(format!("entry {n}"))
        .next("run `candor audit verify`")
}
