//! Every statement about what happened: whole tables, read once and in order.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::Joined;
use crate::consent::sql::{HOME_BEFORE, decoded};
use crate::consent::statement::Statement;
use crate::ledger::scan::fields;

/// Keeps few pages in memory from here on: whoever reads whole tables once needs none of them again.
pub fn read_through(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch("PRAGMA cache_size = -4096")?)
}

/// When the newest entry of a kind was written.
pub fn last_of(conn: &Connection, kind: &str) -> Result<Option<Moment>> {
    let mut statement = conn.prepare("SELECT leaf FROM entry ORDER BY n DESC")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let found = fields(row.get_ref(0)?.as_blob().unwrap_or_default()).ok();
        if let Some(view) = found.filter(|view| view.kind == kind) {
            return Ok(Some(view.at));
        }
    }
    Ok(None)
}

/// A record's place: (id, subject, the home that it had before an entry).
pub fn records(conn: &Connection, before: i64, mut each: impl FnMut(i64, i64, i64)) -> Result<()> {
    let mut statement = conn.prepare(&format!(
        "WITH point(entry) AS (SELECT $1)
         SELECT r.id, r.subject, {HOME_BEFORE} FROM record r ORDER BY r.id"
    ))?;
    let mut rows = statement.query([before])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, row.get(1)?, row.get(2)?);
    }
    Ok(())
}

/// How many numbers were given to records.
pub fn numbered_records(conn: &Connection) -> Result<usize> {
    let count: i64 = conn.query_row("SELECT COUNT(*) FROM record_key", [], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// The code of a record's source; 0 for a record that is gone.
pub fn source_of(conn: &Connection, record: i64) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT COALESCE(MAX(source), 0) FROM record WHERE id = $1")?
        .query_row([record], |row| row.get(0))?)
}

/// The erased people of whom something is kept.
pub fn kept_subjects(conn: &Connection) -> Result<HashSet<i64>> {
    let mut statement = conn.prepare("SELECT id FROM subject WHERE state = 4")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a record had lost a link by an entry, and was moved to another subject after it.
pub fn had_left(conn: &Connection, record: i64, entry: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM link WHERE (a = $1 OR b = $1)
                            AND retired_entry <> 0 AND retired_entry <= $2)
             AND EXISTS (SELECT 1 FROM merge_record r JOIN merge m ON m.id = r.merge
                         WHERE r.record = $1 AND m.entry > $2)",
        )?
        .query_row([record, entry], |row| row.get(0))?)
}

/// Whether a record was born into a subject that was erased.
pub fn birthplace_is_erased(conn: &Connection, record: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM record r JOIN subject s ON s.id = r.home
                            WHERE r.id = $1 AND s.state = 5)",
        )?
        .query_row([record], |row| row.get(0))?)
}

/// The public id of a subject; 0 for one that is gone.
pub fn public_id(conn: &Connection, subject: i64) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT COALESCE(MAX(public_id), 0) FROM subject WHERE id = $1")?
        .query_row([subject], |row| row.get(0))?)
}

/// Every statement in ledger order. Its home is left open: the reader knows it.
pub fn statements(conn: &Connection, mut each: impl FnMut(Statement)) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT n, 0, axis, purpose, channel, state, explicit, confirmed, own, source,
                notice_version, every_days, valid_at, recorded_at, record
         FROM statement ORDER BY n",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(said) = decoded(row)? {
            each(said);
        }
    }
    Ok(())
}

/// A merge.
#[derive(Clone, Copy, Debug)]
pub struct Merge {
    /// The subject that went.
    pub from: i64,
    /// The subject that stayed.
    pub into: i64,
    /// When, and by which ledger entry.
    pub joined: Joined,
    /// The entry that took it back; 0 while it stands.
    pub undone: i64,
}

/// Every merge, in order.
pub fn merges(conn: &Connection) -> Result<Vec<Merge>> {
    let mut statement = conn.prepare(
        "SELECT from_subject, into_subject, at, entry, undone_entry FROM merge ORDER BY entry",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Merge {
            from: row.get(0)?,
            into: row.get(1)?,
            joined: Joined { at: Moment(row.get(2)?), entry: row.get(3)? },
            undone: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A value or an event that is held, without what it says.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its row.
    pub seq: i64,
    /// Its record.
    pub record: i64,
    /// The code of its field, or of its event's name.
    pub name: i64,
    /// The number of its purpose set.
    pub set: i64,
    /// When it was observed, or happened.
    pub at: Moment,
}

/// Every value that still holds something, in the order of arrival.
pub fn values(conn: &Connection, each: impl FnMut(Item) -> Result<()>) -> Result<()> {
    items(
        conn,
        "SELECT seq, record, field, purposes, observed_at FROM value WHERE state <> 4 ORDER BY seq",
        each,
    )
}

/// Every event that still holds something, in the order of arrival.
pub fn events(conn: &Connection, each: impl FnMut(Item) -> Result<()>) -> Result<()> {
    items(
        conn,
        "SELECT seq, record, name, purposes, at FROM event WHERE purposes <> 2 ORDER BY seq",
        each,
    )
}

fn items(conn: &Connection, query: &str, mut each: impl FnMut(Item) -> Result<()>) -> Result<()> {
    let mut statement = conn.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(Item {
            seq: row.get(0)?,
            record: row.get(1)?,
            name: row.get(2)?,
            set: row.get(3)?,
            at: Moment(row.get(4)?),
        })?;
    }
    Ok(())
}

/// The purpose sets: (number, mask).
pub fn purpose_sets(conn: &Connection) -> Result<Vec<(i64, i64)>> {
    let mut statement = conn.prepare("SELECT id, mask FROM purpose_set")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The number of the last record; 0 where there is none.
pub fn last_record(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("SELECT COALESCE(MAX(id), 0) FROM record", [], |row| row.get(0))?)
}

/// The last record up to a number.
pub fn record_upto(conn: &Connection, record: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT MAX(id) FROM record WHERE id <= $1")?
        .query_row([record], |row| row.get(0))?)
}

/// Items whose old salt was kept because the law keeps them through an erasure: (item, seq).
pub fn kept_items(conn: &Connection) -> Result<Vec<(i64, i64)>> {
    let mut statement = conn.prepare("SELECT item, seq FROM kept_salt WHERE item IN (1, 2)")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Records of which something was erased, or that a split has moved: what the person was heard of
/// then can't be told any more.
pub fn records_with_gaps(conn: &Connection) -> Result<Vec<i64>> {
    let mut statement = conn.prepare(
        "SELECT record FROM value WHERE state = 4
         UNION SELECT record FROM event WHERE purposes = 2
         UNION SELECT mr.record FROM merge m JOIN merge_record mr ON mr.merge = m.id
               WHERE m.undone_entry <> 0
         UNION SELECT r.id FROM record r JOIN merge m ON m.undone_entry <> 0
               AND r.subject IN (m.from_subject, m.into_subject)
         UNION SELECT a FROM link WHERE kind = 5 UNION SELECT b FROM link WHERE kind = 5
         UNION SELECT a FROM link WHERE retired_entry <> 0
         UNION SELECT b FROM link WHERE retired_entry <> 0",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many values and events were forgotten by the entries from a number on.
pub fn forgotten_since(conn: &Connection, entry: i64) -> Result<(u64, u64)> {
    Ok(conn.query_row(
        "SELECT COUNT(*) FILTER (WHERE item = 1), COUNT(*) FILTER (WHERE item = 2)
         FROM tombstone WHERE entry >= $1",
        [entry],
        |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs())),
    )?)
}

/// How many keyed fingerprints kept people out by a moment, of those that still do.
pub fn kept_out(conn: &Connection, by: Moment) -> Result<u64> {
    let query = "SELECT COUNT(*) FROM suppression WHERE since <= $1";
    Ok(conn.query_row(query, [by.0], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// How many of the values and events that had been admitted by a moment were forgotten or erased by the entries from
/// a number on, of everybody or of some records.
pub fn forgotten_of(
    conn: &Connection,
    of: Option<&[i64]>,
    by: Moment,
    from: i64,
) -> Result<(u64, u64)> {
    let count = |query: &str| -> Result<u64> {
        let mut statement = conn.prepare(query)?;
        let mut rows = statement.query([from, by.0])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let record: i64 = row.get(0)?;
            count += u64::from(of.is_none_or(|some| some.contains(&record)));
        }
        Ok(count)
    };
    let values = count(
        "SELECT v.record FROM tombstone t JOIN value v ON v.seq = t.seq
         WHERE t.item = 1 AND t.entry >= $1
         AND t.seq < (SELECT COALESCE(MAX(first_value + value_count), 0) FROM batch
                      WHERE recorded_at <= $2)",
    )?;
    let events = count(
        "SELECT e.record FROM tombstone t JOIN event e ON e.seq = t.seq
         WHERE t.item = 2 AND t.entry >= $1
         AND t.seq < (SELECT COALESCE(MAX(first_event + event_count), 0) FROM batch
                      WHERE recorded_at <= $2)",
    )?;
    Ok((values, events))
}

/// One disclosure.
#[derive(Clone, Copy, Debug)]
pub struct Disclosure {
    /// Its row.
    pub id: i64,
    /// Its ledger entry.
    pub entry: i64,
    /// The record that supplied the address.
    pub record: i64,
    /// The code of the destination.
    pub destination: i64,
    /// The code of the purpose.
    pub purpose: i64,
    /// When.
    pub at: Moment,
}

/// Every disclosure to a person's address, in order.
pub fn disclosures(
    conn: &Connection,
    mut each: impl FnMut(Disclosure) -> Result<()>,
) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT id, entry, record, destination, purpose, at FROM disclosure
         WHERE id NOT IN (SELECT disclosure FROM disclosed_along) ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(Disclosure {
            id: row.get(0)?,
            entry: row.get(1)?,
            record: row.get(2)?,
            destination: row.get(3)?,
            purpose: row.get(4)?,
            at: Moment(row.get(5)?),
        })?;
    }
    Ok(())
}

/// A request as it is stored.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// The record that it is about; it may be gone by now.
    pub record: i64,
    /// Its kind.
    pub kind: i64,
    /// When it came.
    pub opened_at: Moment,
    /// The last day for the answer.
    pub due_on: String,
    /// When it was closed; 0 while it is open.
    pub closed_at: Moment,
    /// The entry of its coming.
    pub opened_entry: i64,
    /// The entry of its end; 0 while it is open.
    pub closed_entry: i64,
}

/// Every request, in order.
pub fn requests(conn: &Connection) -> Result<Vec<Request>> {
    let mut statement = conn.prepare(
        "SELECT id, record, kind, opened_at, due_on, closed_at, opened_entry, closed_entry
         FROM request ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Request {
            id: row.get(0)?,
            record: row.get(1)?,
            kind: row.get(2)?,
            opened_at: Moment(row.get(3)?),
            due_on: row.get(4)?,
            closed_at: Moment(row.get(5)?),
            opened_entry: row.get(6)?,
            closed_entry: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The leaf of an entry.
pub fn leaf(conn: &Connection, n: i64) -> Result<Vec<u8>> {
    Ok(conn
        .prepare_cached("SELECT leaf FROM entry WHERE n = $1")?
        .query_row([n], |row| row.get(0))?)
}

/// The leaves from `first` on, in order, until `each` says stop.
pub fn leaves(
    conn: &Connection,
    first: i64,
    mut each: impl FnMut(i64, &[u8]) -> Result<std::ops::ControlFlow<()>>,
) -> Result<()> {
    let mut statement = conn.prepare("SELECT n, leaf FROM entry WHERE n >= $1 ORDER BY n")?;
    let mut rows = statement.query([first])?;
    while let Some(row) = rows.next()? {
        if each(row.get(0)?, row.get_ref(1)?.as_blob().unwrap_or_default())?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The number of entries before the transaction that wrote an entry: each commit signs a checkpoint.
pub fn transaction_start(conn: &Connection, entry: i64) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT COALESCE(MAX(size), 0) FROM checkpoint WHERE size <= $1")?
        .query_row([entry], |row| row.get(0))?)
}

/// The sealed payloads of a record: (entry, bytes).
pub fn payloads(conn: &Connection, record: i64) -> Result<Vec<(i64, Vec<u8>)>> {
    let mut statement =
        conn.prepare_cached("SELECT n, body FROM payload WHERE record = $1 ORDER BY n")?;
    let rows = statement.query_map([record], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The first entry of the transaction that an entry belongs to: each ends with a checkpoint.
pub fn transaction_of(conn: &Connection, entry: i64) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT COALESCE(MAX(size), 0) FROM checkpoint WHERE size <= $1")?
        .query_row([entry], |row| row.get(0))?)
}
