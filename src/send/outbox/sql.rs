//! Every statement about what waits to be sent.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::send::message::Act;
use crate::send::sql::Reached;
use crate::store::need_table;

use super::status::{NO_WAY, SECRET_MISSING};

/// Where a row of the queue stands, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for its moment.
    Waiting = 2,
    /// Somebody is sending it, until `next_at`.
    Sending = 3,
    /// It was given up, and stays until somebody replays or drops it.
    Dead = 4,
    /// A stop that was told, or that somebody dropped: it isn't told again.
    Told = 5,
}

/// A store of an older candor has no queue until it is opened for writing.
///
/// # Errors
/// `store-older` for such a store.
pub fn ready(conn: &Connection) -> Result<()> {
    need_table(conn, "outbox", "candor outbox run --once")
}

/// The number of an act, as stored.
pub const fn number(act: Act) -> i64 {
    match act {
        Act::Profile => 2,
        Act::Event => 3,
        Act::Stop => 4,
        Act::Delete => 5,
        Act::Confirm => 1,
    }
}

const fn act(number: i64) -> Act {
    match number {
        1 => Act::Confirm,
        3 => Act::Event,
        4 => Act::Stop,
        5 => Act::Delete,
        _ => Act::Profile,
    }
}

/// A row of the queue.
#[derive(Clone, Copy, Debug)]
pub struct OutboxRow {
    pub id: i64,
    pub destination: i64,
    pub record: i64,
    pub act: Act,
    pub item: i64,
    pub queued_at: Moment,
    pub attempts: i64,
    pub next_at: Moment,
    pub state: State,
    pub disclosure: i64,
    pub status: i64,
}

const fn state(number: i64) -> State {
    match number {
        2 => State::Waiting,
        3 => State::Sending,
        5 => State::Told,
        _ => State::Dead,
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        id: row.get(0)?,
        destination: row.get(1)?,
        record: row.get(2)?,
        act: act(row.get(3)?),
        item: row.get(4)?,
        queued_at: Moment(row.get(5)?),
        attempts: row.get(6)?,
        next_at: Moment(row.get(7)?),
        state: state(row.get(8)?),
        disclosure: row.get(9)?,
        status: row.get(10)?,
    })
}

/// Queues a message about the person of a record, or about an event.
pub fn queue(
    conn: &Connection,
    destination: i64,
    record: i64,
    (act, item): (Act, i64),
    now: Moment,
) -> Result<i64> {
    Ok(conn
        .prepare_cached(
            "INSERT INTO outbox (destination, record, act, item, queued_at, attempts, next_at, state,
                                 disclosure, status)
             VALUES ($1, $2, $3, $4, $5, 0, $5, 2, 0, 0) RETURNING id",
        )?
        .query_row(params![destination, record, number(act), item, now.0], |row| row.get(0))?)
}

/// Whether the profile of a record's person waits already to be sent to a destination, and wasn't tried:
/// it will be sent as it is then.
pub fn waits(conn: &Connection, destination: i64, record: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (
               SELECT 1 FROM record me JOIN record r ON r.subject = me.subject
               JOIN outbox o ON o.record = r.id
               WHERE o.destination = $1 AND me.id = $2 AND o.act = 2 AND o.state = 2
               AND o.attempts = 0)",
        )?
        .query_row([destination, record], |row| row.get(0))?)
}

/// Whether anything waits for a secret.
pub fn waits_for_secret(conn: &Connection) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 2 AND status = $1)")?
        .query_row([SECRET_MISSING], |row| row.get(0))?)
}

/// Makes what waits for a secret due.
pub fn hasten(conn: &Connection, now: Moment) -> Result<()> {
    conn.prepare_cached("UPDATE outbox SET next_at = $1 WHERE state = 2 AND status = $2")?
        .execute([now.0, SECRET_MISSING])?;
    Ok(())
}

/// What waits for each destination: how many rows wait or are being sent, how many of these failed, and how many
/// were given up. A look for a secret is no failure.
pub fn figures(conn: &Connection) -> Result<Vec<[i64; 4]>> {
    let mut statement = conn.prepare_cached(
        "SELECT destination, SUM(state < 4), SUM(state < 4 AND attempts > 0), SUM(state = 4)
         FROM outbox WHERE state < 5 GROUP BY destination",
    )?;
    let rows =
        statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The mail that is queued to have a statement confirmed, and not given up.
pub fn confirms(conn: &Connection, statement: i64) -> Result<Option<OutboxRow>> {
    Ok(conn
        .prepare_cached(
            "SELECT id, destination, record, act, item, queued_at, attempts, next_at, state,
                    disclosure, status
             FROM outbox WHERE act = 1 AND item = $1 AND state < 4",
        )?
        .query_row([statement], read)
        .optional()?)
}

/// The next destination, by its number, for which anything waits or is being sent.
pub fn destination_after(conn: &Connection, destination: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT MIN(destination) FROM outbox WHERE state < 4 AND destination > $1")?
        .query_row([destination], |row| row.get(0))?)
}

/// No row is put off for longer than this, in milliseconds: a recipient asks for a day at most. One that is, by a
/// clock that was wrong or by somebody who wrote to the file, is due.
const PUT_OFF_MOST_MS: i64 = 25 * 3_600_000;

/// Rows of a destination whose moment has come, the longest-waiting first. A row waits for every earlier
/// one of the same person and destination; but a recall for earlier recalls alone.
pub fn due(
    conn: &Connection,
    destination: i64,
    now: Moment,
    recalls_alone: bool,
    most: usize,
) -> Result<Vec<OutboxRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT o.id, o.destination, o.record, o.act, o.item, o.queued_at, o.attempts, o.next_at,
                o.state, o.disclosure, o.status
         FROM outbox o
         WHERE o.destination = $1 AND o.state < 4 AND (o.next_at <= $2 OR o.next_at > $3)
         AND (o.act >= 4 OR $4 = 0)
         AND NOT EXISTS (
           SELECT 1 FROM record me JOIN record r ON r.subject = me.subject
           JOIN outbox e ON e.record = r.id
           WHERE me.id = o.record AND e.destination = o.destination AND e.id < o.id AND e.state < 4
           AND (o.act < 4 OR e.act >= 4))
         ORDER BY o.next_at, o.id LIMIT $5",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let alone = i64::from(recalls_alone);
    let never = now.0 + PUT_OFF_MOST_MS;
    let rows = statement.query_map([destination, now.0, never, alone, most], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// When the next row is due, of all that wait or are being sent.
pub fn next_at(conn: &Connection, now: Moment) -> Result<Option<Moment>> {
    let at: Option<i64> = conn
        .prepare_cached(
            "SELECT MIN(CASE WHEN next_at > $1 THEN $2 ELSE next_at END) FROM outbox WHERE state < 4",
        )?
        .query_row([now.0 + PUT_OFF_MOST_MS, now.0], |row| row.get(0))?;
    Ok(at.map(Moment))
}

/// One row.
pub fn row(conn: &Connection, id: i64) -> Result<Option<OutboxRow>> {
    Ok(conn
        .prepare_cached(
            "SELECT id, destination, record, act, item, queued_at, attempts, next_at, state,
                    disclosure, status
             FROM outbox WHERE id = $1 AND state < 5",
        )?
        .query_row([id], read)
        .optional()?)
}

/// Every row, the oldest first.
pub fn rows(conn: &Connection) -> Result<Vec<OutboxRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, destination, record, act, item, queued_at, attempts, next_at, state,
                    disclosure, status
         FROM outbox WHERE state < 5 ORDER BY id",
    )?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The record that a disclosure names, unless it was erased.
pub fn disclosed_record(conn: &Connection, disclosure: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT record FROM disclosure WHERE id = $1")?
        .query_row([disclosure], |row| row.get(0))
        .optional()?)
}

/// The entry of the run that a disclosure was of, unless it was erased.
pub fn disclosed_by(conn: &Connection, disclosure: i64) -> Result<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT entry FROM disclosure WHERE id = $1")?
        .query_row([disclosure], |row| row.get(0))
        .optional()?)
}

/// Takes a row to send it: until a moment it is nobody else's.
pub fn begin(conn: &Connection, id: i64, until: Moment, disclosure: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE outbox SET state = 3, attempts = attempts + 1, next_at = $1, disclosure = $2
         WHERE id = $3",
    )?
    .execute([until.0, disclosure, id])?;
    Ok(())
}

/// What a row says that is still the one that was taken: nobody else has taken it since, and nobody was
/// erased.
pub fn mine(conn: &Connection, id: i64, attempts: i64) -> Result<Option<Act>> {
    let number: Option<i64> = conn
        .prepare_cached("SELECT act FROM outbox WHERE id = $1 AND attempts = $2 AND state = 3")?
        .query_row([id, attempts], |row| row.get(0))
        .optional()?;
    Ok(number.map(act))
}

/// Puts a row back, or aside: its state, what came of the last try, how many tries count, and when it is
/// due.
pub fn put(
    conn: &Connection,
    id: i64,
    state: State,
    (status, attempts): (i64, i64),
    next_at: Moment,
) -> Result<()> {
    conn.prepare_cached(
        "UPDATE outbox SET state = $1, status = $2, attempts = $3, next_at = $4 WHERE id = $5",
    )?
    .execute(params![state as i64, status, attempts, next_at.0, id])?;
    Ok(())
}

/// Takes a row out of the queue.
pub fn remove(conn: &Connection, id: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM outbox WHERE id = $1")?.execute([id])?;
    Ok(())
}

/// Gives up all that waits or is being sent, but what takes something back; returns how much it was.
pub fn give_up_all(conn: &Connection, status: i64) -> Result<usize> {
    Ok(conn
        .prepare_cached("UPDATE outbox SET state = 4, status = $1 WHERE state < 4 AND act < 4")?
        .execute([status])?)
}

// What takes something back -----------------------------------------------------------------------

/// Queues what takes a disclosure back.
pub fn queue_recall(
    conn: &Connection,
    reached: &Reached,
    act: Act,
    now: Moment,
    not_before: Moment,
) -> Result<OutboxRow> {
    let Reached { destination, record, disclosure, .. } = *reached;
    Ok(conn
        .prepare_cached(
            "INSERT INTO outbox (destination, record, act, item, queued_at, attempts, next_at, state,
                                 disclosure, status)
             VALUES ($1, $2, $3, 0, $4, 0, $5, 2, $6, 0)
             RETURNING id, destination, record, act, item, queued_at, attempts, next_at, state,
                       disclosure, status",
        )?
        .query_row(
            params![destination, record, number(act), now.0, not_before.0, disclosure],
            read,
        )?)
}

/// Whether a destination was told to stop since a disclosure, or is to be told already.
pub fn is_told(conn: &Connection, reached: &Reached) -> Result<bool> {
    let Reached { destination, record, disclosure, .. } = *reached;
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE record = $1 AND destination = $2 AND act = 4
                            AND disclosure >= $3)",
        )?
        .query_row([record, destination, disclosure], |row| row.get(0))?)
}

/// Until when something about a record's person is being sent to a destination.
pub fn sent_until(conn: &Connection, destination: i64, record: i64) -> Result<Option<Moment>> {
    let until: Option<i64> = conn
        .prepare_cached(
            "SELECT MAX(o.next_at) FROM record me JOIN record r ON r.subject = me.subject
             JOIN outbox o ON o.record = r.id
             WHERE o.destination = $1 AND me.id = $2 AND o.state = 3",
        )?
        .query_row([destination, record], |row| row.get(0))?;
    Ok(until.map(Moment))
}

/// Whether a message that tells of a person is being sent.
pub fn is_under_way(conn: &Connection, subject: i64, now: Moment) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM record r JOIN outbox o ON o.record = r.id
                            WHERE r.subject = $1 AND o.state = 3 AND o.act < 4
                            AND o.next_at > $2 AND o.next_at < $3)",
        )?
        .query_row([subject, now.0, now.0 + PUT_OFF_MOST_MS], |row| row.get(0))?)
}

/// How many recalls wait to be told.
pub fn recalls_waiting(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("SELECT COUNT(*) FROM outbox WHERE state < 4 AND act >= 4", [], |row| {
        row.get(0)
    })?)
}

/// Keeps what a recall needs of the person, sealed. A number is one row's alone: whatever somebody put there before
/// is in nobody's way.
pub fn insert_body(conn: &Connection, row: i64, nonce: &[u8; 32], body: &[u8]) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO outbox_body (outbox, k, body) VALUES ($1, $2, $3)
         ON CONFLICT (outbox) DO UPDATE SET k = excluded.k, body = excluded.body",
    )?
    .execute(params![row, &nonce[..], body])?;
    Ok(())
}

/// What a recall needs of the person, sealed, with what its key is made of.
pub fn body(conn: &Connection, row: i64) -> Result<Option<([u8; 32], Vec<u8>)>> {
    Ok(conn
        .prepare_cached("SELECT k, body FROM outbox_body WHERE outbox = $1")?
        .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// Everything that takes something back, done or not; nothing in a store of an older candor.
pub fn recalls(conn: &Connection) -> Result<Vec<OutboxRow>> {
    if ready(conn).is_err() {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare(
        "SELECT id, destination, record, act, item, queued_at, attempts, next_at, state,
                disclosure, status
         FROM outbox WHERE act >= 4 ORDER BY id",
    )?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What takes something back and has to be told by hand.
pub fn by_hand(conn: &Connection) -> Result<Vec<OutboxRow>> {
    let is_by_hand = |row: &OutboxRow| row.state == State::Dead && row.status == NO_WAY;
    Ok(recalls(conn)?.into_iter().filter(is_by_hand).collect())
}

/// The stops about a person, told or not, each with its destination.
pub fn stops_of(conn: &Connection, subject: i64) -> Result<Vec<(i64, i64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT o.destination, o.id FROM record r JOIN outbox o ON o.record = r.id
         WHERE r.subject = $1 AND o.act = 4 ORDER BY o.id",
    )?;
    let rows = statement.query_map([subject], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Overwrites what a recall needed; returns whether there was anything.
pub fn forget_body(conn: &Connection, row: i64) -> Result<bool> {
    let forgotten = conn
        .prepare_cached(
            "UPDATE outbox_body SET k = zeroblob(length(k)), body = zeroblob(length(body))
             WHERE outbox = $1",
        )?
        .execute([row])?;
    Ok(forgotten > 0)
}

/// The messages about a record that an erasure takes out: all but deletions.
pub fn rows_of(conn: &Connection, record: i64) -> Result<Vec<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT id FROM outbox WHERE record = $1 AND act < 5")?;
    let rows = statement.query_map([record], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
