//! Every statement that only evidence asks for.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::base::error::Result;
use crate::base::secret::RecordKey;
use crate::ledger::commit::ItemKind;

/// All reads until it is dropped see one state of the store.
pub fn snapshot(conn: &Connection) -> Result<Transaction<'_>> {
    Ok(conn.unchecked_transaction()?)
}

/// The sizes of the stored checkpoints around a size: the next smaller and the next larger.
pub fn checkpoints_around(conn: &Connection, size: i64) -> Result<(Option<i64>, Option<i64>)> {
    let mut statement = conn.prepare_cached(
        "SELECT (SELECT MAX(size) FROM checkpoint WHERE size < $1),
                (SELECT MIN(size) FROM checkpoint WHERE size > $1)",
    )?;
    Ok(statement.query_row([size], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// The sizes of the stored checkpoints below a size, smallest first.
pub fn checkpoints_below(conn: &Connection, size: i64) -> Result<Vec<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT size FROM checkpoint WHERE size < $1 ORDER BY size")?;
    let rows = statement.query_map([size], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A sealed payload with its record and the record's key.
pub struct PayloadRow {
    /// The ledger entry.
    pub n: i64,
    /// The record's subject; 0 when the record is gone.
    pub subject: i64,
    /// The record's key; absent when it is gone.
    pub key: Option<RecordKey>,
    /// The sealed bytes.
    pub body: Vec<u8>,
}

/// The sealed payloads of the entries `first..end`, in order.
pub fn payloads(
    conn: &Connection,
    first: i64,
    end: i64,
    mut each: impl FnMut(PayloadRow) -> Result<()>,
) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT p.n, COALESCE(r.subject, 0), k.k, p.body
         FROM payload p
         LEFT JOIN record r ON r.id = p.record
         LEFT JOIN record_key k ON k.record = p.record
         WHERE p.n >= $1 AND p.n < $2 ORDER BY p.n",
    )?;
    let mut rows = statement.query([first, end])?;
    while let Some(row) = rows.next()? {
        each(PayloadRow {
            n: row.get(0)?,
            subject: row.get(1)?,
            key: key(row.get(2)?),
            body: row.get(3)?,
        })?;
    }
    Ok(())
}

/// The subject of an item, or of an entry's payload; none when the record is gone.
pub fn subject_of(conn: &Connection, whose: Whose) -> Result<Option<i64>> {
    let (sql, number) = match whose {
        Whose::Item(ItemKind::Value, seq) => {
            ("SELECT r.subject FROM value i JOIN record r ON r.id = i.record WHERE i.seq = $1", seq)
        }
        Whose::Item(ItemKind::Event, seq) => {
            ("SELECT r.subject FROM event i JOIN record r ON r.id = i.record WHERE i.seq = $1", seq)
        }
        Whose::Payload(n) => {
            ("SELECT r.subject FROM payload p JOIN record r ON r.id = p.record WHERE p.n = $1", n)
        }
    };
    Ok(conn.prepare_cached(sql)?.query_row([number], |row| row.get(0)).optional()?)
}

/// What belongs to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A value or an event.
    Item(ItemKind, i64),
    /// What an entry commits to.
    Payload(i64),
}

/// An item of a batch, as it is stored.
pub struct ItemRow {
    /// Its number.
    pub seq: i64,
    /// Its record's key; absent when it is gone.
    pub key: Option<RecordKey>,
    /// The salt that was kept when the record's first key was destroyed.
    pub kept_salt: Option<[u8; 32]>,
    /// The commitment that an erasure left.
    pub tombstone: Option<[u8; 32]>,
    /// The sealed bytes.
    pub body: Vec<u8>,
}

/// The items `first..end` of a kind, in order.
pub fn items(
    conn: &Connection,
    kind: ItemKind,
    first: i64,
    end: i64,
    mut each: impl FnMut(ItemRow) -> Result<()>,
) -> Result<()> {
    let sql = match kind {
        ItemKind::Value => {
            "SELECT i.seq, k.k, s.salt, t.commitment, i.body
             FROM value i
             LEFT JOIN record_key k ON k.record = i.record
             LEFT JOIN kept_salt s ON s.item = 1 AND s.seq = i.seq
             LEFT JOIN tombstone t ON t.item = 1 AND t.seq = i.seq
             WHERE i.seq >= $1 AND i.seq < $2 ORDER BY i.seq"
        }
        ItemKind::Event => {
            "SELECT i.seq, k.k, s.salt, t.commitment, i.body
             FROM event i
             LEFT JOIN record_key k ON k.record = i.record
             LEFT JOIN kept_salt s ON s.item = 2 AND s.seq = i.seq
             LEFT JOIN tombstone t ON t.item = 2 AND t.seq = i.seq
             WHERE i.seq >= $1 AND i.seq < $2 ORDER BY i.seq"
        }
    };
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([first, end])?;
    while let Some(row) = rows.next()? {
        let bytes = |column| -> Result<Option<[u8; 32]>> {
            let bytes: Option<Vec<u8>> = row.get(column)?;
            Ok(bytes.and_then(|bytes| bytes.try_into().ok()))
        };
        each(ItemRow {
            seq: row.get(0)?,
            key: key(row.get(1)?),
            kept_salt: bytes(2)?,
            tombstone: bytes(3)?,
            body: row.get(4)?,
        })?;
    }
    Ok(())
}

fn key(bytes: Option<Vec<u8>>) -> Option<RecordKey> {
    bytes.and_then(|bytes| bytes.try_into().ok()).map(RecordKey)
}
