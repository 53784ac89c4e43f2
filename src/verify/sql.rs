//! Every statement of verification: streams over the tables, in order, each once.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, Rows, Statement};
use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};
use crate::ledger::commit::ItemKind;
use crate::profile::read::purpose_names;
use crate::store::{WordKind, Words, has_table, hex};

use super::imports::ImportRow;

/// Holds one state of the file until the connection is closed; gives the number of entries.
pub fn snapshot(conn: &Connection) -> Result<i64> {
    conn.execute_batch("BEGIN")?;
    Ok(conn.query_row("SELECT COALESCE(MAX(n) + 1, 0) FROM entry", [], |row| row.get(0))?)
}

pub fn end_snapshot(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch("ROLLBACK")?)
}

/// The entries of a range in order: (n, leaf).
pub fn entries(
    conn: &Connection,
    first: i64,
    end: i64,
    mut each: impl FnMut(i64, &[u8]),
) -> Result<()> {
    let mut statement =
        conn.prepare("SELECT n, leaf FROM entry WHERE n >= $1 AND n < $2 ORDER BY n")?;
    let mut rows = statement.query([first, end])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, row.get_ref(1)?.as_blob().unwrap_or_default());
    }
    Ok(())
}

pub fn leaf(conn: &Connection, n: i64) -> Result<Option<Vec<u8>>> {
    Ok(conn
        .prepare_cached("SELECT leaf FROM entry WHERE n = $1")?
        // What is no bytes is no entry, which the chain tells.
        .query_row([n], |row| Ok(row.get_ref(0)?.as_blob().unwrap_or_default().to_vec()))
        .optional()?)
}

pub fn entries_below_zero(conn: &Connection) -> Result<i64> {
    count(conn, "SELECT COUNT(*) FROM entry WHERE n < 0")
}

fn count(conn: &Connection, sql: &str) -> Result<i64> {
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

pub fn nodes(conn: &Connection, mut each: impl FnMut(i64, i64, &[u8])) -> Result<()> {
    let mut statement = conn.prepare("SELECT level, i, h FROM node ORDER BY level, i")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, row.get(1)?, row.get_ref(2)?.as_blob().unwrap_or_default());
    }
    Ok(())
}

pub fn checkpoints(conn: &Connection, mut each: impl FnMut(i64, &[u8])) -> Result<()> {
    let mut statement = conn.prepare("SELECT size, note FROM checkpoint ORDER BY size")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, row.get_ref(1)?.as_blob().unwrap_or_default());
    }
    Ok(())
}

/// The newest stored checkpoint.
pub fn last_checkpoint(conn: &Connection) -> Result<Option<Vec<u8>>> {
    Ok(conn
        .query_row("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1", [], |row| row.get(0))
        .optional()?)
}

/// An entry with its payload, the key that opens it, and the row that it folds to.
pub struct Stated {
    pub n: i64,
    pub leaf: Vec<u8>,
    pub payload: Option<(i64, Vec<u8>)>,
    pub key: Option<Vec<u8>>,
    /// record, axis, purpose, channel, state, explicit, confirmed, own, source, notice version,
    /// every days, valid at, recorded at.
    pub statement: Option<[i64; 13]>,
}

/// Every entry with what belongs to it, in order.
pub fn stated(conn: &Connection, mut each: impl FnMut(Stated) -> Result<()>) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT e.n, e.leaf, p.record, p.body, k.k, s.n, s.record, s.axis, s.purpose, s.channel,
                s.state, s.explicit, s.confirmed, s.own, s.source, s.notice_version,
                s.every_days, s.valid_at, s.recorded_at
         FROM entry e LEFT JOIN payload p ON p.n = e.n LEFT JOIN record_key k ON k.record = p.record
         LEFT JOIN statement s ON s.n = e.n ORDER BY e.n",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let n = row.get(0)?;
        each(stated_row(row, n).map_err(|error| Error::from(error).at(format!("entry {n}")))?)?;
    }
    Ok(())
}

fn stated_row(row: &Row<'_>, n: i64) -> rusqlite::Result<Stated> {
    let record: Option<i64> = row.get(2)?;
    let payload = match record {
        Some(record) => Some((record, row.get(3)?)),
        None => None,
    };
    let statement = match row.get::<_, Option<i64>>(5)? {
        Some(_) => {
            let mut all = [0; 13];
            for (index, field) in all.iter_mut().enumerate() {
                *field = row.get(6 + index)?;
            }
            Some(all)
        }
        None => None,
    };
    Ok(Stated { n, leaf: row.get(1)?, payload, key: row.get(4)?, statement })
}

/// Payloads and statements that belong to no entry.
pub fn orphans(conn: &Connection) -> Result<Vec<(&'static str, i64)>> {
    let mut all = Vec::new();
    for (table, sql) in [
        ("payload", "SELECT n FROM payload WHERE n NOT IN (SELECT n FROM entry)"),
        ("statement", "SELECT n FROM statement WHERE n NOT IN (SELECT n FROM entry)"),
        ("batch", "SELECT n FROM batch WHERE n NOT IN (SELECT n FROM entry)"),
    ] {
        let mut statement = conn.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        for n in rows {
            all.push((table, n?));
        }
    }
    Ok(all)
}

/// A value or an event, with what is needed to account for its erasure; its bytes are read where SQLite
/// holds them.
pub struct Item<'a> {
    pub seq: i64,
    pub record: i64,
    pub prev: i64,
    /// The field's or the name's code.
    pub word: i64,
    pub purposes: i64,
    pub at: i64,
    /// A value's state, or an event's message id.
    pub mark: i64,
    pub body: &'a [u8],
    /// The commitment that an erased item left.
    pub tombstone: Option<&'a [u8]>,
    pub kept_salt: Option<&'a [u8]>,
}

/// Every value or event, in order. What is kept of some of them is read beside them in the same order,
/// which is many times as fast as looking it up for each.
pub fn items(
    conn: &Connection,
    kind: ItemKind,
    mut each: impl FnMut(&Item<'_>) -> Result<()>,
) -> Result<()> {
    let (query, code) = match kind {
        ItemKind::Value => (
            "SELECT seq, record, prev, field, purposes, observed_at, state, body
             FROM value ORDER BY seq",
            1,
        ),
        ItemKind::Event => {
            ("SELECT seq, record, prev, name, purposes, at, mid, body FROM event ORDER BY seq", 2)
        }
    };
    let mut tombstones =
        conn.prepare("SELECT seq, commitment FROM tombstone WHERE item = $1 ORDER BY seq")?;
    let mut salts = conn.prepare("SELECT seq, salt FROM kept_salt WHERE item = $1 ORDER BY seq")?;
    let mut tombstones = Beside::of(tombstones.query([code])?)?;
    let mut salts = Beside::of(salts.query([code])?)?;
    let mut statement = conn.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        let item = item(row, seq).map_err(|error| Error::from(error).at(format!("row {seq}")))?;
        each(&Item { tombstone: tombstones.at(seq)?, kept_salt: salts.at(seq)?, ..item })?;
    }
    Ok(())
}

fn item<'r>(row: &'r Row<'_>, seq: i64) -> rusqlite::Result<Item<'r>> {
    Ok(Item {
        seq,
        record: row.get(1)?,
        prev: row.get(2)?,
        word: row.get(3)?,
        purposes: row.get(4)?,
        at: row.get(5)?,
        mark: row.get(6)?,
        body: blob(row, 7)?,
        tombstone: None,
        kept_salt: None,
    })
}

/// Bytes where SQLite holds them; none for NULL.
fn blob<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    Ok(row.get_ref(column)?.as_blob_or_null()?.unwrap_or_default())
}

/// Bytes of some items, read in order beside all of them.
struct Beside<'a> {
    rows: Rows<'a>,
    next: Option<(i64, Vec<u8>)>,
}

impl<'a> Beside<'a> {
    fn of(rows: Rows<'a>) -> Result<Beside<'a>> {
        let mut beside = Beside { rows, next: None };
        beside.go_on()?;
        Ok(beside)
    }

    fn go_on(&mut self) -> Result<()> {
        self.next = match self.rows.next()? {
            Some(row) => Some((row.get(0)?, row.get(1)?)),
            None => None,
        };
        Ok(())
    }

    /// The bytes of an item that comes after all that were asked for before.
    fn at(&mut self, seq: i64) -> Result<Option<&[u8]>> {
        while self.next.as_ref().is_some_and(|(number, _)| *number < seq) {
            self.go_on()?;
        }
        Ok(self.next.as_ref().filter(|(number, _)| *number == seq).map(|(_, bytes)| &bytes[..]))
    }
}

/// Every record that has a key, in order: its number, its key, and its row's source, blind key and home.
pub fn held_records(
    conn: &Connection,
    mut each: impl FnMut(i64, &[u8], Option<[i64; 3]>),
) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT k.record, k.k, r.source, r.key_blind, r.home
         FROM record_key k LEFT JOIN record r ON r.id = k.record ORDER BY k.record",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let of = match row.get::<_, Option<i64>>(2)? {
            Some(source) => Some([source, row.get(3)?, row.get(4)?]),
            None => None,
        };
        each(row.get(0)?, blob(row, 1)?, of);
    }
    Ok(())
}

/// The batches that hold items of a kind, with their entries, in order.
pub fn batches(conn: &Connection, kind: ItemKind) -> Result<Statement<'_>> {
    Ok(conn.prepare(match kind {
        ItemKind::Value => {
            "SELECT b.n, e.leaf FROM batch b LEFT JOIN entry e ON e.n = b.n
             WHERE b.value_count <> 0 ORDER BY b.n"
        }
        ItemKind::Event => {
            "SELECT b.n, e.leaf FROM batch b LEFT JOIN entry e ON e.n = b.n
             WHERE b.event_count <> 0 ORDER BY b.n"
        }
    })?)
}

pub fn next_batch(rows: &mut Rows<'_>) -> Result<Option<(i64, Vec<u8>)>> {
    match rows.next()? {
        Some(row) => Ok(Some((row.get(0)?, row.get::<_, Option<Vec<u8>>>(1)?.unwrap_or_default()))),
        None => Ok(None),
    }
}

/// Rows of numbers with the leaf of the entry that they name: one shape for all small tables.
pub fn with_leaf<const N: usize>(
    conn: &Connection,
    query: Numbers,
    mut each: impl FnMut([i64; N], Option<&[u8]>) -> Result<()>,
) -> Result<()> {
    let mut statement = conn.prepare(query.sql())?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(numbers(row)?, row.get_ref(N)?.as_blob().ok())?;
    }
    Ok(())
}

fn numbers<const N: usize>(row: &Row<'_>) -> Result<[i64; N]> {
    let mut all = [0; N];
    for (index, field) in all.iter_mut().enumerate() {
        *field = row.get(index)?;
    }
    Ok(all)
}

/// Every row that a statement gives, of numbers alone.
fn every<const N: usize>(conn: &Connection, query: &str) -> Result<Vec<[i64; N]>> {
    let mut statement = conn.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(numbers(row)?);
    }
    Ok(all)
}

/// Which numbers to read.
#[derive(Clone, Copy)]
pub enum Numbers {
    /// n, `recorded_at`, policy, source, first and count of values, first and count of events.
    Batches,
    /// id, entry, undone entry, at, how many records.
    Merges,
    /// id, opened entry, `opened_at`, closed entry, state, kind, `closed_at`, record.
    Requests,
    /// id, closed entry, `closed_at`, record, with the closing entry's leaf.
    Closings,
    /// entry, since.
    Suppressions,
}

impl Numbers {
    fn sql(self) -> &'static str {
        match self {
            Numbers::Batches => {
                "SELECT b.n, b.recorded_at, b.policy, b.source, b.first_value, b.value_count,
                        b.first_event, b.event_count, e.leaf
                 FROM batch b LEFT JOIN entry e ON e.n = b.n ORDER BY b.n"
            }
            Numbers::Merges => {
                "SELECT m.id, m.entry, m.undone_entry, m.at,
                        (SELECT COUNT(*) FROM merge_record r WHERE r.merge = m.id), e.leaf
                 FROM merge m LEFT JOIN entry e ON e.n = m.entry ORDER BY m.id"
            }
            Numbers::Requests => {
                "SELECT q.id, q.opened_entry, q.opened_at, q.closed_entry, q.state,
                        q.kind, q.closed_at, q.record, e.leaf
                 FROM request q LEFT JOIN entry e ON e.n = q.opened_entry ORDER BY q.id"
            }
            Numbers::Closings => {
                "SELECT q.id, q.closed_entry, q.closed_at, q.record, e.leaf
                 FROM request q LEFT JOIN entry e ON e.n = q.closed_entry
                 WHERE q.closed_entry <> 0 ORDER BY q.id"
            }
            Numbers::Suppressions => {
                "SELECT s.entry, s.since, e.leaf FROM suppression s
                 LEFT JOIN entry e ON e.n = s.entry ORDER BY s.entry"
            }
        }
    }
}

/// The record of an entry's payload.
pub fn payload_record(conn: &Connection, n: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT record FROM payload WHERE n = $1")?
        .query_row([n], |row| row.get(0))
        .optional()?)
}

/// Every tombstone, by the entry that erased it: (entry, item, number).
pub fn tombstones(conn: &Connection, mut each: impl FnMut([i64; 3])) -> Result<()> {
    let mut statement =
        conn.prepare("SELECT entry, item, seq FROM tombstone ORDER BY entry, item, seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(numbers(row)?);
    }
    Ok(())
}

/// A disclosure, or what is left of one.
pub struct Disclosed {
    pub id: i64,
    /// entry, at, destination, purpose, and 1 where it only went along; absent when it was erased.
    pub row: Option<[i64; 5]>,
    /// The key of its record.
    pub key: Option<Vec<u8>>,
    /// The commitment that an erased one left.
    pub tombstone: Option<Vec<u8>>,
}

/// Every disclosure, and every one that was erased, in order.
pub fn disclosures(conn: &Connection, mut each: impl FnMut(&Disclosed)) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT d.id, d.entry, d.at, d.destination, d.purpose, a.disclosure IS NOT NULL, k.k, NULL
         FROM disclosure d LEFT JOIN record_key k ON k.record = d.record
         LEFT JOIN disclosed_along a ON a.disclosure = d.id
         UNION ALL SELECT t.seq, NULL, NULL, NULL, NULL, NULL, NULL, t.commitment
         FROM tombstone t WHERE t.item = 3 ORDER BY 1",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let stands = match row.get::<_, Option<i64>>(1)? {
            Some(entry) => Some([entry, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?]),
            None => None,
        };
        each(&Disclosed { id: row.get(0)?, row: stands, key: row.get(6)?, tombstone: row.get(7)? });
    }
    Ok(())
}

/// The fingerprints that keep people out.
/// Everybody who is kept out: (fingerprint, by which entry, since when).
pub fn fingerprints(conn: &Connection, mut each: impl FnMut(&[u8], i64, i64)) -> Result<()> {
    let mut statement = conn.prepare("SELECT fingerprint, entry, since FROM suppression")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get_ref(0)?.as_blob().unwrap_or_default(), row.get(1)?, row.get(2)?);
    }
    Ok(())
}

/// The records of erased people of whom the law keeps something: there are salts of it; or their subject is
/// an erased one, and nothing is left of what was kept. Whoever came back holds something of their own.
pub fn kept_records(conn: &Connection) -> Result<BTreeSet<i64>> {
    let mut statement = conn.prepare(
        "SELECT r.id FROM record r JOIN subject s ON s.id = r.subject
         WHERE s.state = 4
           AND NOT EXISTS (SELECT 1 FROM rollup o WHERE o.record = r.id AND o.count <> 0)
           AND NOT EXISTS (
             WITH RECURSIVE chain(seq) AS (
               SELECT r.last_value UNION SELECT v.prev FROM chain c JOIN value v ON v.seq = c.seq)
             SELECT 1 FROM chain c JOIN value v ON v.seq = c.seq WHERE v.state <> 4)
         UNION SELECT v.record FROM kept_salt k JOIN value v ON k.item = 1 AND v.seq = k.seq
         UNION SELECT e.record FROM kept_salt k JOIN event e ON k.item = 2 AND e.seq = k.seq",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The records of which salts were kept, each with whether its subject tells of an erasure.
pub fn salted_records(conn: &Connection) -> Result<Vec<(i64, bool)>> {
    let mut statement = conn.prepare(
        "SELECT i.record, s.state = 4
         FROM (SELECT v.record FROM kept_salt k JOIN value v ON k.item = 1 AND v.seq = k.seq
               UNION SELECT e.record FROM kept_salt k JOIN event e ON k.item = 2 AND e.seq = k.seq) i
         JOIN record r ON r.id = i.record JOIN subject s ON s.id = r.subject ORDER BY i.record",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The last entry that took something in of which a salt was kept; 0 for none.
pub fn last_salted_batch(conn: &Connection) -> Result<i64> {
    count(
        conn,
        "SELECT MAX(
           COALESCE((SELECT MAX(n) FROM batch WHERE value_count > 0 AND first_value <=
                       (SELECT MAX(seq) FROM kept_salt WHERE item = 1)), 0),
           COALESCE((SELECT MAX(n) FROM batch WHERE event_count > 0 AND first_event <=
                       (SELECT MAX(seq) FROM kept_salt WHERE item = 2)), 0))",
    )
}

/// The records whose key was destroyed.
pub fn destroyed_records(conn: &Connection) -> Result<BTreeSet<i64>> {
    let mut statement = conn.prepare("SELECT record FROM record_key WHERE k = zeroblob(32)")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a record belongs to a subject of which nothing was erased.
pub fn is_untouched(conn: &Connection, record: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM record r JOIN subject s ON s.id = r.subject
                            WHERE r.id = $1 AND s.state <> 4)",
        )?
        .query_row([record], |row| row.get(0))?)
}

/// The entries that erased something of a record: of its values, and of its events.
pub fn forgotten_of(conn: &Connection, record: i64) -> Result<BTreeSet<i64>> {
    let mut statement = conn.prepare_cached(
        "WITH RECURSIVE
           said(seq) AS (
             SELECT last_value FROM record WHERE id = $1
             UNION SELECT v.prev FROM said s JOIN value v ON v.seq = s.seq),
           done(seq) AS (
             SELECT last_event FROM rollup WHERE record = $1
             UNION SELECT e.prev FROM done d JOIN event e ON e.seq = d.seq)
         SELECT t.entry FROM said s JOIN tombstone t ON t.item = 1 AND t.seq = s.seq
         UNION SELECT t.entry FROM done d JOIN tombstone t ON t.item = 2 AND t.seq = d.seq",
    )?;
    let rows = statement.query_map([record], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A request's due day, as its row says it.
pub fn due_on(conn: &Connection, request: i64) -> Result<String> {
    Ok(conn.query_row("SELECT due_on FROM request WHERE id = $1", [request], |row| row.get(0))?)
}

pub fn rollups(conn: &Connection, mut each: impl FnMut([i64; 7])) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT record, name, count, sum, first_at, last_at, last_event FROM rollup
         ORDER BY record, name",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(numbers(row)?);
    }
    Ok(())
}

/// Every record with the head of its values: (id, last value).
pub fn heads(conn: &Connection, mut each: impl FnMut(i64, i64)) -> Result<()> {
    let mut statement = conn.prepare("SELECT id, last_value FROM record ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, row.get(1)?);
    }
    Ok(())
}

/// The value that the index gives for a blind name of a record.
pub fn indexed(conn: &Connection, blind: i64, record: i64) -> Result<Option<(i64, i64)>> {
    Ok(conn
        .prepare_cached("SELECT kind, value FROM identifier WHERE blind = $1 AND record = $2")?
        .query_row([blind, record], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// The blind index: (blind, record, kind, value), and of the value row record, field, state, body
/// and the key that opens it.
#[allow(clippy::type_complexity)]
pub fn identifiers(
    conn: &Connection,
    mut each: impl FnMut([i64; 4], Option<([i64; 3], Vec<u8>, Vec<u8>)>) -> Result<()>,
) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT i.blind, i.record, i.kind, i.value, v.record, v.field, v.state, v.body, k.k
         FROM identifier i LEFT JOIN value v ON v.seq = i.value
         LEFT JOIN record_key k ON k.record = v.record ORDER BY i.blind, i.record",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let value = match (row.get::<_, Option<i64>>(4)?, row.get::<_, Option<Vec<u8>>>(8)?) {
            (Some(record), Some(key)) => {
                Some(([record, row.get(5)?, row.get(6)?], row.get(7)?, key))
            }
            _ => None,
        };
        each(numbers(row)?, value)?;
    }
    Ok(())
}

/// Every blind name: (blind, record, kind, value).
pub fn blind_names(conn: &Connection, mut each: impl FnMut([i64; 4])) -> Result<()> {
    let mut statement = conn.prepare("SELECT blind, record, kind, value FROM identifier")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(numbers(row)?);
    }
    Ok(())
}

/// Counts of rows that must not be: what is wrong with them, and how many there are.
pub fn impossible(conn: &Connection) -> Result<Vec<(&'static str, &'static str, i64)>> {
    let checks = [
        (
            "key-not-destroyed",
            "keys of records that are erased are not overwritten",
            "SELECT COUNT(*) FROM record_key k LEFT JOIN record r ON r.id = k.record
             WHERE r.id IS NULL AND k.k <> zeroblob(32)",
        ),
        (
            "key-missing",
            "records have no key",
            "SELECT COUNT(*) FROM record r LEFT JOIN record_key k ON k.record = r.id
             WHERE k.k IS NULL OR length(k.k) <> 32 OR k.k = zeroblob(32)",
        ),
        (
            "subject-missing",
            "records belong to no subject, or were born into none",
            // Whoever was parted from somebody who was erased since was born into what is gone, merges and all.
            "SELECT COUNT(*) FROM record r LEFT JOIN subject s ON s.id = r.subject
             LEFT JOIN subject h ON h.id = r.home
             WHERE s.id IS NULL OR (h.id IS NULL AND (r.subject = r.home
               OR EXISTS (SELECT 1 FROM merge m WHERE m.from_subject = r.home)
               OR EXISTS (SELECT 1 FROM merge m WHERE m.into_subject = r.home)
               OR NOT EXISTS (SELECT 1 FROM record_key WHERE k = zeroblob(32))))",
        ),
        (
            "merged-subject-holds-records",
            "records belong to a subject that was merged into another",
            "SELECT COUNT(*) FROM record r JOIN subject s ON s.id = r.subject WHERE s.state = 3",
        ),
        (
            "subject-state",
            "subjects count as merged or living, and no merge or split says so",
            "SELECT COUNT(*) FROM subject s WHERE s.state NOT IN (2, 3, 4, 5)
             OR (s.state = 5 AND (EXISTS (SELECT 1 FROM record r WHERE r.subject = s.id)
               OR NOT EXISTS (SELECT 1 FROM record r WHERE r.home = s.id)
               OR EXISTS (SELECT 1 FROM merge m WHERE s.id IN (m.from_subject, m.into_subject))))
             OR (s.state = 3) <> EXISTS (
               SELECT 1 FROM merge m WHERE m.from_subject = s.id AND m.undone_entry = 0)",
        ),
        (
            "kept-without-erasure",
            "records of subjects that count as kept by law hold something living",
            "WITH kept_events(record, n) AS MATERIALIZED (
               SELECT e.record, COUNT(*) FROM kept_salt k JOIN event e ON e.seq = k.seq
               WHERE k.item = 2 GROUP BY e.record)
             SELECT COUNT(*) FROM subject s JOIN record r ON r.subject = s.id WHERE s.state = 4 AND (
               EXISTS (SELECT 1 FROM identifier i WHERE i.record = r.id)
               OR (SELECT COALESCE(SUM(o.count), 0) FROM rollup o WHERE o.record = r.id)
                  <> COALESCE((SELECT n FROM kept_events WHERE record = r.id), 0)
               OR EXISTS (
                 WITH RECURSIVE chain(seq) AS (
                   SELECT r.last_value UNION SELECT v.prev FROM chain c JOIN value v ON v.seq = c.seq)
                 SELECT 1 FROM chain c JOIN value v ON v.seq = c.seq
                 WHERE v.state <> 4 AND NOT EXISTS (
                   SELECT 1 FROM kept_salt k WHERE k.item = 1 AND k.seq = v.seq)))",
        ),
        (
            "key-missing",
            "numbers of records have no key, living or destroyed",
            "SELECT COALESCE(MAX(record), 0) <> COUNT(*) OR COALESCE(MIN(record), 1) < 1
             FROM record_key",
        ),
        (
            "number-given-twice",
            "kinds of numbers could be given twice, or were given to nobody",
            "SELECT (SELECT COUNT(*) FROM sqlite_sequence WHERE name NOT IN ('record', 'subject', 'disclosure', 'question', 'outbox'))
             + (SELECT COUNT(*) <> COUNT(DISTINCT name) FROM sqlite_sequence)
             + (COALESCE((SELECT MAX(record) FROM record_key), 0)
                <> COALESCE((SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'record'), 0))
             + (COALESCE((SELECT MAX(MAX(id), (SELECT COALESCE(MAX(home), 0) FROM record))
                          FROM subject), 0)
                > COALESCE((SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'subject'), 0))",
        ),
        (
            "number-given-twice",
            "numbers of disclosures could be given twice",
            "SELECT COALESCE(MAX(n), 0) > COALESCE((SELECT MAX(seq) FROM sqlite_sequence
                                                     WHERE name = 'disclosure'), 0)
             FROM (SELECT MAX(id) AS n FROM disclosure
                   UNION ALL SELECT MAX(seq) FROM tombstone WHERE item = 3)",
        ),
        (
            "numbers-used-up",
            "kinds of numbers are nearly used up, so that nothing more could come in, go out or be taken back",
            "SELECT COUNT(*) FROM sqlite_sequence WHERE seq > 4611686018427387904",
        ),
        (
            "purposes-differ",
            "the empty set of purposes is another set",
            "SELECT COUNT(*) <> 1 FROM purpose_set WHERE id = 2 AND mask = 0",
        ),
        (
            "salt-without-item",
            "salts were kept of items that are not there, or no more",
            "SELECT COUNT(*) FROM kept_salt s WHERE NOT EXISTS (
               SELECT 1 FROM value v WHERE s.item = 1 AND v.seq = s.seq AND v.state <> 4)
             AND NOT EXISTS (
               SELECT 1 FROM event e WHERE s.item = 2 AND e.seq = s.seq AND e.purposes <> 2)",
        ),
        (
            "link-unknown",
            "links are of no kind, or stand or end where no entry can have put them",
            "SELECT COUNT(*) FROM link WHERE kind NOT BETWEEN 2 AND 6
             OR (kind IN (2, 4, 5) AND (weight <> 0 OR model <> 0)) OR (kind <> 2 AND identifier <> 0)
             OR entry NOT BETWEEN 0 AND (SELECT MAX(n) + 1 FROM entry)
             OR (retired_entry <> 0
                 AND retired_entry NOT BETWEEN entry AND (SELECT MAX(n) + 1 FROM entry))",
        ),
        (
            "disclosure-differs",
            "what went along is of no disclosure that is held",
            "SELECT COUNT(*) FROM disclosed_along a WHERE NOT EXISTS (
               SELECT 1 FROM disclosure d WHERE d.id = a.disclosure)",
        ),
        (
            "merge-differs",
            "records count as moved that are not there, or by a merge that is none",
            "SELECT COUNT(*) FROM merge_record m WHERE NOT EXISTS (
               SELECT 1 FROM record r WHERE r.id = m.record)
             OR NOT EXISTS (SELECT 1 FROM merge g WHERE g.id = m.merge)",
        ),
        (
            "merge-differs",
            "merges stand on an entry that made another",
            "SELECT COUNT(*) - COUNT(DISTINCT entry) FROM merge",
        ),
        (
            "identifier-wrong",
            "blind names belong to no record",
            "SELECT COUNT(*) FROM identifier i WHERE NOT EXISTS (
               SELECT 1 FROM record r WHERE r.id = i.record)",
        ),
        (
            "fact-unknown",
            "facts about the store are named that candor doesn't keep",
            "SELECT COUNT(*) FROM meta WHERE name NOT IN ('origin', 'vkey', 'secret', 'backup')
             AND name NOT GLOB 'shapes:[1-9]*' AND name NOT GLOB 'dictionary:[1-9]*'",
        ),
        (
            "tombstone-without-row",
            "commitments of erased items belong to no row",
            "SELECT COUNT(*) FROM tombstone t WHERE NOT EXISTS (
               SELECT 1 FROM value v WHERE t.item = 1 AND v.seq = t.seq)
             AND NOT EXISTS (SELECT 1 FROM event e WHERE t.item = 2 AND e.seq = t.seq)
             AND t.item <> 3",
        ),
    ];
    let (queues, confirms) = (has_table(conn, "outbox")?, has_table(conn, "opt_in")?);
    let outbox = OUTBOX.into_iter().filter(|_| queues);
    let checks = checks.into_iter().chain(outbox).chain(OPT_IN.into_iter().filter(|_| confirms));
    checks.map(|(code, what, sql)| Ok((code, what, count(conn, sql)?))).collect()
}

/// The same of the queue: it is nobody's evidence, and what it would send to whom must be possible.
const OUTBOX: [(&str, &str, &str); 3] = [
    (
        "outbox-impossible",
        "messages wait that nothing can have queued, or for nobody",
        "SELECT COUNT(*) FROM outbox o WHERE o.act NOT IN (1, 2, 3, 4, 5) OR o.state NOT IN (2, 3, 4, 5)
         OR (o.state = 5 AND o.act <> 4) OR (o.act NOT IN (1, 3) AND o.item <> 0)
         OR (o.act = 3) <> EXISTS (SELECT 1 FROM event e WHERE e.seq = o.item AND e.record = o.record)
         OR o.attempts < 0 OR (o.act <> 5 AND NOT EXISTS (SELECT 1 FROM record r WHERE r.id = o.record))
         OR NOT EXISTS (SELECT 1 FROM word w WHERE w.kind = 'destination' AND w.code = o.destination)
         OR (o.act > 3 AND o.disclosure = 0) OR NOT EXISTS (SELECT 1 FROM record_key k WHERE k.record = o.record)
         OR (o.act = 5 AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.item = 3 AND t.seq = o.disclosure))
         OR (o.act <> 5 AND o.disclosure <> 0 AND NOT EXISTS (
           SELECT 1 FROM disclosure d
           WHERE d.id = o.disclosure AND d.destination = o.destination
           AND (o.act < 4 OR d.record = o.record))
         AND NOT EXISTS (
           SELECT 1 FROM tombstone t WHERE o.act < 4 AND t.item = 3 AND t.seq = o.disclosure))",
    ),
    (
        "outbox-body-left",
        "sealed texts are left of messages that are done, or were never queued",
        "SELECT COUNT(*) FROM outbox_body b
         WHERE (b.k <> zeroblob(32) OR b.body <> zeroblob(length(b.body))) AND NOT EXISTS (
           SELECT 1 FROM outbox o WHERE o.id = b.outbox AND o.act > 3 AND o.state < 5)
         OR b.outbox > COALESCE((SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'outbox'), 0)",
    ),
    (
        "number-given-twice",
        "numbers of messages could be given twice",
        "SELECT COALESCE((SELECT MAX(id) FROM outbox), 0)
                > COALESCE((SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'outbox'), 0)",
    ),
];

/// Messages that say which disclosure they carry out, but for those that take something back: number, disclosure.
pub fn tried_messages(conn: &Connection) -> Result<Vec<[i64; 2]>> {
    if !has_table(conn, "outbox")? {
        return Ok(Vec::new());
    }
    every(conn, "SELECT id, disclosure FROM outbox WHERE act < 4 AND disclosure <> 0 ORDER BY id")
}

/// The homes that records have since they were parted from others: (record, entry, home).
pub fn partings(conn: &Connection) -> Result<Vec<[i64; 3]>> {
    every(conn, "SELECT record, entry, home FROM parting ORDER BY entry, record")
}

/// The imports, each with the entry that it stands on; nothing in a store of an older candor.
pub fn imports(conn: &Connection, words: &Words) -> Result<Option<Vec<ImportRow>>> {
    if !has_table(conn, "import_entry")? {
        return Ok(None);
    }
    let mut statement = conn.prepare(
        "SELECT i.id, i.source, LOWER(HEX(i.file)), i.policy, i.state, i.resume_line, i.started_at,
                i.finished_at, i.totals, COALESCE(e.entry, 0)
         FROM import i LEFT JOIN import_entry e ON e.import = i.id ORDER BY i.id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(ImportRow {
            id: row.get(0)?,
            source: words.text(WordKind::Source, row.get(1)?).to_owned(),
            file: row.get(2)?,
            begun_under: row.get(3)?,
            state: row.get(4)?,
            line: row.get(5)?,
            begun_at: row.get(6)?,
            finished_at: row.get(7)?,
            counts: hex(&Sha256::digest(row.get::<_, String>(8)?)),
            entry: row.get(9)?,
        })
    })?;
    Ok(Some(rows.collect::<rusqlite::Result<_>>()?))
}

/// Entries that stand for imports which aren't there.
pub fn entries_of_no_import(conn: &Connection) -> Result<i64> {
    let query = "SELECT COUNT(*) FROM import_entry WHERE import NOT IN (SELECT id FROM import)";
    count(conn, query)
}

/// Every version of every audience; none in a store of an older candor.
pub fn audiences(conn: &Connection) -> Result<Vec<crate::segment::desk::Defined>> {
    match has_table(conn, "audience")? {
        true => crate::segment::sql::all(conn),
        false => Ok(Vec::new()),
    }
}

/// The same of links to confirm by: each is for what its own person asked, and each mail that waits has one.
const OPT_IN: [(&str, &str, &str); 2] = [
    (
        "opt-in-impossible",
        "links are to confirm what nobody asked for",
        "SELECT COUNT(*) FROM opt_in i WHERE NOT EXISTS (
           SELECT 1 FROM statement s
           WHERE s.n = i.statement AND s.record = i.record AND s.axis = 1
           AND (s.state = 2 OR (s.state IN (3, 7) AND s.confirmed = 0)))
         OR length(i.print) <> 16 OR (i.mailed_at = 0 AND i.print <> zeroblob(16)) OR i.until < i.mailed_at",
    ),
    (
        "opt-in-impossible",
        "mails wait that are to confirm what nobody asked for",
        "SELECT COUNT(*) FROM outbox o WHERE o.act = 1 AND NOT EXISTS (
           SELECT 1 FROM statement s WHERE s.n = o.item AND s.record = o.record)",
    ),
];

pub fn subject_exists(conn: &Connection, public_id: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM subject WHERE public_id = $1)")?
        .query_row([public_id], |row| row.get(0))?)
}

/// Every record with the public ids of its subject and of the one that it was born into; 0 where a subject
/// is gone.
pub fn places(conn: &Connection, mut each: impl FnMut(i64, i64, i64) -> Result<()>) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT r.id, COALESCE(s.public_id, 0), CASE h.state WHEN 5 THEN 0 ELSE COALESCE(h.public_id, 0) END
         FROM record r LEFT JOIN subject s ON s.id = r.subject
         LEFT JOIN subject h ON h.id = r.home ORDER BY r.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, row.get(1)?, row.get(2)?)?;
    }
    Ok(())
}

/// The standing merges that moved a record, in order: entry, and the public ids of the subjects from and
/// into which.
pub fn merges_of(conn: &Connection, record: i64) -> Result<Vec<[i64; 3]>> {
    let mut statement = conn.prepare_cached(
        "SELECT m.entry, f.public_id, i.public_id FROM merge_record r JOIN merge m ON m.id = r.merge
         JOIN subject f ON f.id = m.from_subject JOIN subject i ON i.id = m.into_subject
         WHERE r.record = $1 AND m.undone_entry = 0 ORDER BY m.entry",
    )?;
    let rows = statement.query_map([record], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A merge, with the public ids of its subjects.
pub struct Joining {
    pub from: i64,
    pub into: i64,
    pub entry: i64,
    /// The entry that took it back, or 0.
    pub undone: i64,
}

/// Every merge, in the order of entries.
pub fn joinings(conn: &Connection) -> Result<Vec<Joining>> {
    let mut statement = conn.prepare(
        "SELECT f.public_id, i.public_id, m.entry, m.undone_entry FROM merge m
         JOIN subject f ON f.id = m.from_subject JOIN subject i ON i.id = m.into_subject
         ORDER BY m.entry",
    )?;
    let rows = statement.query_map([], |row| {
        let (from, into) = (row.get(0)?, row.get(1)?);
        Ok(Joining { from, into, entry: row.get(2)?, undone: row.get(3)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn record_exists(conn: &Connection, record: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM record WHERE id = $1)")?
        .query_row([record], |row| row.get(0))?)
}

/// The records that the merge of an entry moved.
pub fn moved_by(conn: &Connection, entry: i64) -> Result<BTreeSet<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT r.record FROM merge m JOIN merge_record r ON r.merge = m.id WHERE m.entry = $1",
    )?;
    let rows = statement.query_map([entry], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The two public ids of the merge that an entry made.
pub fn merged(conn: &Connection, entry: i64) -> Result<Option<(i64, i64)>> {
    Ok(conn
        .prepare_cached(
            "SELECT a.public_id, b.public_id FROM merge m JOIN subject a ON a.id = m.from_subject
             JOIN subject b ON b.id = m.into_subject WHERE m.entry = $1",
        )?
        .query_row([entry], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// A notice as it is held.
pub struct NoticeRow {
    pub name: String,
    pub version: i64,
    pub language: String,
    pub material: i64,
    pub sha256: Vec<u8>,
    pub text: String,
    pub policy: i64,
}

pub fn notices(conn: &Connection) -> Result<Vec<NoticeRow>> {
    let mut statement = conn.prepare(
        "SELECT name, version, language, material, sha256, text, policy FROM notice ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(NoticeRow {
            name: row.get(0)?,
            version: row.get(1)?,
            language: row.get(2)?,
            material: row.get(3)?,
            sha256: row.get(4)?,
            text: row.get(5)?,
            policy: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn words(conn: &Connection) -> Result<Vec<(String, i64, String, i64)>> {
    let mut statement =
        conn.prepare("SELECT kind, code, text, since FROM word ORDER BY kind, code")?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What SQLite itself finds wrong in the file: how many things.
pub fn integrity(conn: &Connection) -> Result<usize> {
    let mut statement = conn.prepare("PRAGMA integrity_check(100)")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let all: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(all.iter().filter(|line| *line != "ok").count())
}

/// The statement that makes a view for this connection only.
pub fn view(name: &str, columns: &str, from: &str, group: &str) -> String {
    format!("CREATE TEMP VIEW \"{name}\" AS SELECT {columns} FROM {from}{group};\n")
}

/// The statement that makes an empty table of a view's name and columns.
pub fn stand_in(name: &str, columns: &[&str]) -> String {
    format!("CREATE TEMP TABLE \"{name}\" (\"{}\")", columns.join("\", \""))
}

/// The tables that SQLite computes (`json_each`, `pragma_table_info`), by name.
pub fn computed_tables(conn: &Connection) -> Result<BTreeSet<String>> {
    let mut statement = conn.prepare("SELECT name FROM pragma_module_list")?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// How many of the schema's scripts the file has seen.
pub fn version(conn: &Connection) -> Result<usize> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(0))
}

// Linking -----------------------------------------------------------------------------------------

pub struct ModelRow {
    pub version: i64,
    pub entry: i64,
    pub at: i64,
    pub records: i64,
    pub salt: Vec<u8>,
    pub body: String,
}

/// Whether the file has the tables of linking.
fn has_linking(conn: &Connection) -> Result<bool> {
    Ok(version(conn)? >= 2)
}

pub fn models(conn: &Connection) -> Result<Vec<ModelRow>> {
    if !has_linking(conn)? {
        return Ok(Vec::new());
    }
    let mut statement =
        conn.prepare("SELECT version, entry, at, records, salt, body FROM model ORDER BY version")?;
    let rows = statement.query_map([], |row| {
        Ok(ModelRow {
            version: row.get(0)?,
            entry: row.get(1)?,
            at: row.get(2)?,
            records: row.get(3)?,
            salt: row.get(4)?,
            body: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Questions: number, the two records, the model, the run that asked, state, and the entry that decided.
pub fn questions(conn: &Connection) -> Result<Vec<[i64; 7]>> {
    if !has_linking(conn)? {
        return Ok(Vec::new());
    }
    every(conn, "SELECT id, a, b, model, entry, state, decided_entry FROM question ORDER BY id")
}

/// The last number that was given to a question.
pub fn last_question(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row(
        "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'question'",
        [],
        |row| row.get(0),
    )?)
}

/// Links that stand on an entry of their own, retired ones too: those that were found or decided.
/// Number, kind, model, entry, and the two records.
pub fn decided_links(conn: &Connection) -> Result<Vec<[i64; 7]>> {
    every(conn, "SELECT id, kind, model, entry, a, b, retired_entry FROM link WHERE kind IN (3, 4, 5) OR model <> 0
         ORDER BY id")
}

/// A key that sends data in, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteKeyRow {
    pub id: i64,
    pub source: String,
    pub label: String,
    pub print: String,
    pub reach: i64,
    pub expires_at: i64,
    pub entry: i64,
    pub revoked_entry: i64,
}

/// The keys that send data in; a store of an older candor has no place for any.
pub fn write_keys(conn: &Connection) -> Result<Vec<WriteKeyRow>> {
    let known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'write_key'";
    if conn.query_row(known, [], |_| Ok(())).optional()?.is_none() {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare(
        "SELECT k.id, COALESCE(w.text, ''), k.label, LOWER(HEX(k.print)), k.reach, k.expires_at,
                k.entry, k.revoked_entry
         FROM write_key k LEFT JOIN word w ON w.kind = 'source' AND w.code = k.source
         ORDER BY k.id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(WriteKeyRow {
            id: row.get(0)?,
            source: row.get(1)?,
            label: row.get(2)?,
            print: row.get(3)?,
            reach: row.get(4)?,
            expires_at: row.get(5)?,
            entry: row.get(6)?,
            revoked_entry: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A token that asks, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    pub id: i64,
    pub label: String,
    pub print: String,
    pub role: String,
    /// The names of its purposes, in order.
    pub purposes: Vec<String>,
    pub destination: String,
    pub expires_at: i64,
    pub entry: i64,
    pub revoked_entry: i64,
}

/// The words of the roles, by their number in the store.
const ROLES: [(i64, &str); 7] = [
    (2, "dpo"),
    (3, "service-desk"),
    (4, "system"),
    (5, "marketer"),
    (6, "auditor"),
    (7, "recipient"),
    (8, "monitor"),
];

/// The tokens that ask; a store of an older candor has no place for any.
pub fn tokens(conn: &Connection, words: &Words) -> Result<Vec<TokenRow>> {
    let known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'token'";
    if conn.query_row(known, [], |_| Ok(())).optional()?.is_none() {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare(
        "SELECT id, label, LOWER(HEX(print)), role, purposes, destination, expires_at, entry,
                revoked_entry
         FROM token ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        let (role, mask, destination): (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let role = ROLES.iter().find(|(code, _)| *code == role);
        let mut purposes = purpose_names(words, mask);
        purposes.sort_unstable();
        Ok(TokenRow {
            id: row.get(0)?,
            label: row.get(1)?,
            print: row.get(2)?,
            role: role.map_or_else(String::new, |(_, word)| (*word).to_owned()),
            purposes,
            destination: match destination {
                0 => String::new(),
                code => words.text(WordKind::Destination, code).to_owned(),
            },
            expires_at: row.get(6)?,
            entry: row.get(7)?,
            revoked_entry: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
