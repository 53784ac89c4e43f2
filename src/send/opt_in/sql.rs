//! Every statement about consents that wait to be confirmed.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::statement::Statement;
use crate::policy::rulebook::{ChannelCode, PurposeCode};

/// A consent that waits to be confirmed.
#[derive(Clone, Copy, Debug)]
pub struct OptIn {
    pub statement: i64,
    pub record: i64,
    pub mailed_at: Moment,
    pub until: Moment,
}

/// Notes that a statement waits to be confirmed.
pub fn insert(conn: &Connection, statement: i64, record: i64, until: Moment) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO opt_in (statement, record, print, mailed_at, until)
         VALUES ($1, $2, zeroblob(16), 0, $3)",
    )?
    .execute([statement, record, until.0])?;
    Ok(())
}

/// Whether a statement waits to be confirmed.
pub fn is_held(conn: &Connection, statement: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM opt_in WHERE statement = $1)")?
        .query_row([statement], |row| row.get(0))?)
}

/// The newest statement of a person about a matter that waits to be confirmed, and when its link was mailed (0
/// where it wasn't).
pub fn newest_of(
    conn: &Connection,
    subject: i64,
    (purpose, channel): (PurposeCode, ChannelCode),
) -> Result<Option<(i64, Moment)>> {
    Ok(conn
        .prepare_cached(
            "SELECT i.statement, i.mailed_at FROM record r JOIN opt_in i ON i.record = r.id
             JOIN statement s ON s.n = i.statement
             WHERE r.subject = $1 AND s.purpose = $2 AND s.channel = $3
             ORDER BY i.statement DESC LIMIT 1",
        )?
        .query_row(params![subject, purpose, channel], |row| Ok((row.get(0)?, Moment(row.get(1)?))))
        .optional()?)
}

/// Whether the same was asked for before, and its mail waits untried.
pub fn waits(conn: &Connection, said: &Statement) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (
               SELECT 1 FROM opt_in i JOIN statement s ON s.n = i.statement
               JOIN outbox o ON o.act = 1 AND o.item = i.statement AND o.attempts = 0
               WHERE i.record = $1 AND s.purpose = $2 AND s.channel = $3)",
        )?
        .query_row(params![said.record, said.purpose, said.channel], |row| row.get(0))?)
}

/// Notes that the link to confirm by is mailed, under its token's fingerprint.
pub fn mint(
    conn: &Connection,
    statement: i64,
    print: &[u8; 16],
    now: Moment,
    until: Moment,
) -> Result<()> {
    conn.prepare_cached(
        "UPDATE opt_in SET print = $1, mailed_at = $2, until = $3 WHERE statement = $4",
    )?
    .execute(params![&print[..], now.0, until.0, statement])?;
    Ok(())
}

/// What the token of a fingerprint confirms.
pub fn by_print(conn: &Connection, print: &[u8; 16]) -> Result<Option<OptIn>> {
    Ok(conn
        .prepare_cached(
            "SELECT statement, record, mailed_at, until FROM opt_in
             WHERE print = $1 AND mailed_at <> 0 AND print <> zeroblob(16)",
        )?
        .query_row([&print[..]], |row| {
            Ok(OptIn {
                statement: row.get(0)?,
                record: row.get(1)?,
                mailed_at: Moment(row.get(2)?),
                until: Moment(row.get(3)?),
            })
        })
        .optional()?)
}

/// Ends what waits to be confirmed about the same as a statement: its links say nothing more, and what wasn't
/// mailed isn't.
pub fn end(conn: &Connection, said: &Statement) -> Result<()> {
    let about = params![said.record, said.purpose, said.channel];
    conn.prepare_cached(
        "DELETE FROM outbox WHERE act = 1 AND record = $1 AND attempts = 0 AND item IN (
           SELECT n FROM statement WHERE record = $1 AND purpose = $2 AND channel = $3)",
    )?
    .execute(about)?;
    conn.prepare_cached(
        "DELETE FROM opt_in WHERE record = $1 AND mailed_at = 0 AND statement IN (
           SELECT n FROM statement WHERE record = $1 AND purpose = $2 AND channel = $3)",
    )?
    .execute(about)?;
    conn.prepare_cached(
        "UPDATE opt_in SET print = zeroblob(16) WHERE record = $1 AND statement IN (
           SELECT n FROM statement WHERE record = $1 AND purpose = $2 AND channel = $3)",
    )?
    .execute(about)?;
    Ok(())
}

/// Takes out what ended before a moment.
pub fn purge(conn: &Connection, before: Moment) -> Result<()> {
    conn.prepare_cached("DELETE FROM opt_in WHERE until < $1")?.execute([before.0])?;
    Ok(())
}

/// How many mails went since a moment to those who hold an address, by its blind names as one that was verified
/// and one that wasn't; `but` isn't looked at.
pub fn mailed_since(
    conn: &Connection,
    [verified, claimed]: [i64; 2],
    since: Moment,
    but: i64,
) -> Result<i64> {
    Ok(conn
        .prepare_cached(
            "SELECT COUNT(*) FROM opt_in
             WHERE record IN (SELECT record FROM identifier WHERE blind IN ($1, $2))
             AND mailed_at > $3 AND statement <> $4",
        )?
        .query_row([verified, claimed, since.0, but], |row| row.get(0))?)
}
