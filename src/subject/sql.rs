//! Every statement about forgetting, requests and disclosures.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::RecordKey;

pub const ITEM_VALUE: i64 = 1;
pub const ITEM_EVENT: i64 = 2;
pub const ITEM_DISCLOSURE: i64 = 3;

/// The purpose set of what is forgotten: the empty one.
pub const NO_PURPOSES: i64 = 2;
/// A blind name that is none.
const NO_BLIND: i64 = 1 << 62;

/// All reads until it is dropped see one state of the store.
pub fn snapshot(conn: &Connection) -> Result<Transaction<'_>> {
    Ok(conn.unchecked_transaction()?)
}

/// Every text of the store that says nothing about anybody: what the policy declares and what the
/// ledger says of it. Columns that lie side by side in a row are one text, since SQLite puts nothing
/// between them ("table", "timestamp").
pub fn open_texts(conn: &Connection, each: &mut dyn FnMut(&[u8])) -> Result<()> {
    for query in [
        "SELECT text FROM policy",
        "SELECT name || language FROM notice",
        "SELECT text FROM notice",
        "SELECT kind || text FROM word",
        "SELECT leaf FROM entry",
        "SELECT note FROM checkpoint",
        "SELECT vkey FROM signing_key",
        "SELECT vkey || url FROM witness",
        "SELECT vkey || line FROM cosignature",
        "SELECT authority FROM timestamp",
        "SELECT due_on FROM request",
        "SELECT name || CAST(value AS TEXT) FROM meta",
        "SELECT value FROM meta",
        "SELECT totals FROM import",
        "SELECT label FROM write_key",
        "SELECT label FROM token",
        "SELECT type || name || tbl_name FROM sqlite_schema",
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL",
    ] {
        let mut statement = conn.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(row.get_ref(0)?.as_bytes().unwrap_or_default());
        }
    }
    Ok(())
}

/// The subjects about whom something was said on an axis.
pub fn subjects_with_statements(conn: &Connection, axis: i64) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT r.subject FROM statement s JOIN record r ON r.id = s.record
         WHERE s.axis = $1 ORDER BY r.subject",
    )?;
    let rows = statement.query_map([axis], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn insert_tombstone(
    conn: &Connection,
    item: i64,
    seq: i64,
    commitment: &[u8; 32],
    entry: i64,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO tombstone (item, seq, commitment, entry) VALUES ($1, $2, $3, $4)",
    )?
    .execute(params![item, seq, &commitment[..], entry])?;
    Ok(())
}

/// Zeros as many bytes as stand there; every column keeps its width, so the row stays in its place.
pub fn overwrite_value(conn: &Connection, seq: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE value SET state = 4, body = zeroblob(length(body)),
                observed_at = CASE WHEN observed_at > 2147483647 THEN $1 ELSE observed_at END
         WHERE seq = $2",
    )?
    .execute([Moment::FOREVER.0, seq])?;
    Ok(())
}

pub fn overwrite_event(conn: &Connection, seq: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE event SET purposes = 2, body = zeroblob(length(body)), mid = $1,
                at = CASE WHEN at > 2147483647 THEN $2 ELSE at END
         WHERE seq = $3",
    )?
    .execute([NO_BLIND, Moment::FOREVER.0, seq])?;
    Ok(())
}

pub fn overwrite_value_body(conn: &Connection, seq: i64, body: &[u8], purposes: i64) -> Result<()> {
    conn.prepare_cached("UPDATE value SET body = $1, purposes = $2 WHERE seq = $3")?
        .execute(params![body, purposes, seq])?;
    Ok(())
}

pub fn overwrite_event_body(conn: &Connection, seq: i64, body: &[u8], purposes: i64) -> Result<()> {
    conn.prepare_cached("UPDATE event SET body = $1, purposes = $2 WHERE seq = $3")?
        .execute(params![body, purposes, seq])?;
    Ok(())
}

pub fn overwrite_payload(conn: &Connection, n: i64) -> Result<()> {
    conn.prepare_cached("UPDATE payload SET body = zeroblob(length(body)) WHERE n = $1")?
        .execute([n])?;
    Ok(())
}

/// Replaces a record's key where it stands.
pub fn overwrite_key(conn: &Connection, record: i64, key: &RecordKey) -> Result<()> {
    conn.prepare_cached("UPDATE record_key SET k = $1 WHERE record = $2")?
        .execute(params![key.0, record])?;
    Ok(())
}

/// Keeps the salt of an item that stays; one that is kept already is the right one.
pub fn insert_kept_salt(conn: &Connection, item: i64, seq: i64, salt: &[u8; 32]) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO kept_salt (item, seq, salt) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )?
    .execute(params![item, seq, &salt[..]])?;
    Ok(())
}

/// Forgets the salt of an item that goes now: with it, its content could be guessed from what it
/// leaves.
pub fn delete_kept_salt(conn: &Connection, item: i64, seq: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM kept_salt WHERE item = $1 AND seq = $2")?
        .execute([item, seq])?;
    Ok(())
}

/// The salt that an earlier erasure kept for an item.
pub fn kept_salt(conn: &Connection, item: i64, seq: i64) -> Result<Option<[u8; 32]>> {
    let salt: Option<Vec<u8>> = conn
        .prepare_cached("SELECT salt FROM kept_salt WHERE item = $1 AND seq = $2")?
        .query_row([item, seq], |row| row.get(0))
        .optional()?;
    Ok(salt.and_then(|bytes| bytes.try_into().ok()))
}

/// The numbers of a record's disclosures.
pub fn disclosure_ids(conn: &Connection, record: i64) -> Result<Vec<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT id FROM disclosure WHERE record = $1 ORDER BY id")?;
    let rows = statement.query_map([record], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The payloads of a record that still hold something: (entry, sealed body). Those that an erasure
/// overwrote stay as zeros where the law keeps something else of the record.
pub fn payloads_of(conn: &Connection, record: i64) -> Result<Vec<(i64, Vec<u8>)>> {
    let mut statement = conn.prepare_cached(
        "SELECT n, body FROM payload
         WHERE record = $1 AND body <> zeroblob(length(body)) ORDER BY n",
    )?;
    let rows = statement.query_map([record], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Forgets an identifier's value. Its blind name leads to another living value of the record that says the same,
/// where there is one; else it stays, without a value, where a "no" must be honoured, and goes elsewhere.
pub fn forget_identifier(
    conn: &Connection,
    record: i64,
    value: i64,
    instead: Option<i64>,
    says_no: bool,
) -> Result<()> {
    let led_to = instead.unwrap_or(0);
    let statement = if led_to != 0 || says_no {
        "UPDATE identifier SET value = $1 WHERE record = $2 AND value = $3"
    } else {
        "DELETE FROM identifier WHERE $1 = 0 AND record = $2 AND value = $3"
    };
    conn.prepare_cached(statement)?.execute([led_to, record, value])?;
    Ok(())
}

/// Raw stored bytes of a value or event row, as they lie in the file.
pub fn stored_body(conn: &Connection, item: i64, seq: i64) -> Result<Vec<u8>> {
    let statement = match item {
        ITEM_VALUE => "SELECT body FROM value WHERE seq = $1",
        _ => "SELECT body FROM event WHERE seq = $1",
    };
    Ok(conn.prepare_cached(statement)?.query_row([seq], |row| row.get(0))?)
}

/// How many rows of which table were deleted.
pub type Deleted = (&'static str, u64);

/// Deletes the rows of integers and blind names that point at a record.
pub fn delete_pointers(conn: &Connection, record: i64) -> Result<[Deleted; 8]> {
    let delete = |table, statement| -> Result<Deleted> {
        Ok((table, conn.prepare_cached(statement)?.execute([record])? as u64))
    };
    conn.prepare_cached(
        "DELETE FROM disclosed_along WHERE disclosure IN (SELECT id FROM disclosure WHERE record = $1)",
    )?
    .execute([record])?;
    Ok([
        delete("identifier", "DELETE FROM identifier WHERE record = $1")?,
        delete("statement", "DELETE FROM statement WHERE record = $1")?,
        delete("disclosure", "DELETE FROM disclosure WHERE record = $1")?,
        delete("link", "DELETE FROM link WHERE a = $1 OR b = $1")?,
        delete("question", "DELETE FROM question WHERE a = $1 OR b = $1")?,
        delete("merge_record", "DELETE FROM merge_record WHERE record = $1")?,
        delete("outbox", "DELETE FROM outbox WHERE record = $1 AND act < 5")?,
        delete("opt_in", "DELETE FROM opt_in WHERE record = $1")?,
    ])
}

/// Deletes a record with its rollups and partings.
pub fn delete_record(conn: &Connection, record: i64) -> Result<[Deleted; 2]> {
    conn.prepare_cached("DELETE FROM parting WHERE record = $1")?.execute([record])?;
    let rollups = conn.prepare_cached("DELETE FROM rollup WHERE record = $1")?.execute([record])?;
    let records = conn.prepare_cached("DELETE FROM record WHERE id = $1")?.execute([record])?;
    Ok([("rollup", rollups as u64), ("record", records as u64)])
}

/// Deletes a subject and its merges, and with them the subjects that were merged into it. Its row stays, empty and
/// under the public id that `fresh` makes, where records were born in it that were parted from it.
pub fn delete_subject(
    conn: &Connection,
    subject: i64,
    fresh: &mut dyn FnMut() -> i64,
) -> Result<()> {
    let merged: Vec<i64> = {
        let mut statement =
            conn.prepare_cached("SELECT from_subject FROM merge WHERE into_subject = $1")?;
        let rows = statement.query_map([subject], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    // The numbers of merges are given again, so what they moved goes with them.
    conn.prepare_cached(
        "DELETE FROM merge_record WHERE merge IN
           (SELECT id FROM merge WHERE into_subject = $1 OR from_subject = $1)",
    )?
    .execute([subject])?;
    conn.prepare_cached("DELETE FROM merge WHERE into_subject = $1 OR from_subject = $1")?
        .execute([subject])?;
    for from in merged {
        let empty: bool = conn
            .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM record WHERE subject = $1)")?
            .query_row([from], |row| row.get(0))?;
        if empty {
            delete_subject(conn, from, fresh)?;
        }
    }
    // A record that was parted from it is still held, and was born here.
    conn.prepare_cached(
        "UPDATE subject SET state = 5, public_id = $1 WHERE id = $2
         AND EXISTS (SELECT 1 FROM record WHERE home = $2 AND home <> subject)",
    )?
    .execute([fresh(), subject])?;
    conn.prepare_cached("DELETE FROM subject WHERE id = $1 AND state <> 5")?.execute([subject])?;
    Ok(())
}

/// Deletes the place where records of erased people were born, once nobody's is left of those born there.
pub fn delete_birthplace(conn: &Connection, subject: i64) -> Result<()> {
    conn.prepare_cached(
        "DELETE FROM subject WHERE id = $1 AND state = 5
         AND NOT EXISTS (SELECT 1 FROM record WHERE home = $1)",
    )?
    .execute([subject])?;
    Ok(())
}

// Requests ----------------------------------------------------------------------------------------

/// Kinds of requests, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// Art 15.
    Access = 2,
    /// Art 20.
    Portability = 3,
    /// Art 17.
    Erasure = 4,
}

impl RequestKind {
    /// Each.
    pub const ALL: [RequestKind; 3] =
        [RequestKind::Access, RequestKind::Portability, RequestKind::Erasure];

    /// The one of a number.
    pub fn of(code: i64) -> Option<RequestKind> {
        RequestKind::ALL.into_iter().find(|kind| *kind as i64 == code)
    }

    /// The one of a word.
    pub fn named(word: &str) -> Option<RequestKind> {
        RequestKind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            RequestKind::Access => "access",
            RequestKind::Portability => "portability",
            RequestKind::Erasure => "erasure",
        }
    }
}

pub fn insert_request(
    conn: &Connection,
    record: i64,
    kind: RequestKind,
    opened_at: Moment,
    due_on: &str,
    opened_entry: i64,
) -> Result<i64> {
    Ok(conn.query_row(
        "INSERT INTO request (record, kind, state, opened_at, due_on, closed_at, opened_entry,
                              closed_entry)
         VALUES ($1, $2, 2, $3, $4, 0, $5, 0) RETURNING id",
        params![record, kind as i64, opened_at.0, due_on, opened_entry],
        |row| row.get(0),
    )?)
}

/// A request.
pub struct RequestRow {
    pub kind: i64,
    pub opened_at: Moment,
    pub due_on: String,
    pub opened_entry: i64,
    pub closed_entry: i64,
}

pub fn request(conn: &Connection, id: i64) -> Result<Option<RequestRow>> {
    Ok(conn
        .query_row(
            "SELECT kind, opened_at, due_on, opened_entry, closed_entry FROM request WHERE id = $1",
            [id],
            |row| {
                Ok(RequestRow {
                    kind: row.get(0)?,
                    opened_at: Moment(row.get(1)?),
                    due_on: row.get(2)?,
                    opened_entry: row.get(3)?,
                    closed_entry: row.get(4)?,
                })
            },
        )
        .optional()?)
}

/// The open requests of a kind of a person, the oldest first.
pub fn open_requests(conn: &Connection, subject: i64, kind: RequestKind) -> Result<Vec<i64>> {
    let mut statement = conn.prepare(
        "SELECT q.id FROM record r JOIN request q ON q.record = r.id
         WHERE r.subject = $1 AND q.kind = $2 AND q.state = 2 ORDER BY q.id",
    )?;
    let rows = statement.query_map([subject, kind as i64], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The open requests for an erasure.
pub fn open_erasures(conn: &Connection) -> Result<Vec<i64>> {
    let mut statement =
        conn.prepare("SELECT id FROM request WHERE state = 2 AND kind = 4 ORDER BY id")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The last checkpoint over at most so many entries.
pub fn checkpoint_before(conn: &Connection, entries: i64) -> Result<Option<String>> {
    let note: Option<Vec<u8>> = conn
        .query_row(
            "SELECT note FROM checkpoint WHERE size <= $1 ORDER BY size DESC LIMIT 1",
            [entries],
            |row| row.get(0),
        )
        .optional()?;
    Ok(note.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

pub fn close_request(conn: &Connection, id: i64, closed_at: Moment, entry: i64) -> Result<()> {
    conn.execute(
        "UPDATE request SET state = 3, closed_at = $1, closed_entry = $2 WHERE id = $3",
        [closed_at.0, entry, id],
    )?;
    Ok(())
}

/// Keeps a piece of an erased row that is to be looked for, inverted.
pub fn keep_sought(conn: &Connection, request: i64, piece: &[u8]) -> Result<()> {
    conn.prepare_cached("INSERT INTO sought (request, piece) VALUES ($1, $2)")?
        .execute(params![request, inverted(piece)])?;
    Ok(())
}

/// The pieces of erased rows that a request's look at the files is for.
pub fn sought(conn: &Connection, request: i64) -> Result<Vec<Vec<u8>>> {
    let mut statement = conn.prepare("SELECT piece FROM sought WHERE request = $1")?;
    let pieces = statement.query_map([request], |row| row.get::<_, Vec<u8>>(0))?;
    pieces.map(|piece| Ok(inverted(&piece?))).collect()
}

pub fn forget_sought(conn: &Connection, request: i64) -> Result<()> {
    conn.execute("DELETE FROM sought WHERE request = $1", [request])?;
    Ok(())
}

fn inverted(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| !byte).collect()
}

// Disclosures -------------------------------------------------------------------------------------

#[derive(Clone, Debug)]
pub struct DisclosureRow {
    pub record: i64,
    pub entry: i64,
    pub destination: i64,
    pub purpose: i64,
    pub at: i64,
    /// It didn't supply the address: other values of it went along with another's.
    pub along: bool,
}

pub fn disclosures_of(conn: &Connection, record: i64) -> Result<Vec<DisclosureRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT entry, destination, purpose, at, id IN (SELECT disclosure FROM disclosed_along)
         FROM disclosure WHERE record = $1 ORDER BY id",
    )?;
    let rows = statement.query_map([record], |row| {
        Ok(DisclosureRow {
            record,
            entry: row.get(0)?,
            destination: row.get(1)?,
            purpose: row.get(2)?,
            at: row.get(3)?,
            along: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether any other record than those of a subject holds an identifier.
pub fn held_by_others(conn: &Connection, blind: i64, subject: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM identifier i JOIN record r ON r.id = i.record
                            WHERE i.blind = $1 AND r.subject <> $2)",
        )?
        .query_row([blind, subject], |row| row.get(0))?)
}

/// The blind name of the key that a record's source gave it.
pub fn key_blind(conn: &Connection, record: i64) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT key_blind FROM record WHERE id = $1")?
        .query_row([record], |row| row.get(0))?)
}

/// The subject of a record, if it is still there.
pub fn subject_of(conn: &Connection, record: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT subject FROM record WHERE id = $1")?
        .query_row([record], |row| row.get(0))
        .optional()?)
}
