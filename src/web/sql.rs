//! Every statement about the keys with which data is sent in, and the tokens with which it is asked for.

use rusqlite::{Connection, params};

use crate::base::error::Result;
use crate::store::has_table;

use super::key::{KeyRow, Reach};
use super::role::Role;
use super::token::TokenRow;

/// What a key is kept as.
pub(super) struct NewRow<'a> {
    pub source: i64,
    pub label: &'a str,
    pub print: [u8; 16],
    pub reach: Reach,
    pub expires_at: i64,
    pub entry: i64,
}

/// The number that the next key gets.
pub(super) fn next_id(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("SELECT COALESCE(MAX(id), 0) + 1 FROM write_key", [], |row| row.get(0))?)
}

pub(super) fn insert(conn: &Connection, id: i64, row: &NewRow<'_>) -> Result<()> {
    conn.execute(
        "INSERT INTO write_key (id, source, label, print, reach, expires_at, entry, revoked_entry)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
        params![
            id,
            row.source,
            row.label,
            &row.print[..],
            row.reach as i64,
            row.expires_at,
            row.entry
        ],
    )?;
    Ok(())
}

pub(super) fn revoke(conn: &Connection, id: i64, entry: i64) -> Result<()> {
    conn.execute(
        "UPDATE write_key SET revoked_entry = $1 WHERE id = $2 AND revoked_entry = 0",
        [entry, id],
    )?;
    Ok(())
}

/// Every key, the revoked ones among them. A store of an older candor has none.
pub(super) fn keys(conn: &Connection) -> Result<Vec<KeyRow>> {
    if !has_table(conn, "write_key")? {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare_cached(
        "SELECT k.id, COALESCE(w.text, ''), k.label, k.print, k.reach, k.expires_at, k.entry,
                k.revoked_entry
         FROM write_key k LEFT JOIN word w ON w.kind = 'source' AND w.code = k.source
         ORDER BY k.id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(KeyRow {
            id: row.get(0)?,
            source: row.get(1)?,
            label: row.get(2)?,
            print: row.get::<_, Vec<u8>>(3)?.try_into().unwrap_or_default(),
            reach: if row.get::<_, i64>(4)? == Reach::Public as i64 {
                Reach::Public
            } else {
                Reach::Server
            },
            expires_at: row.get(5)?,
            entry: row.get(6)?,
            revoked_entry: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What a token is kept as.
pub(super) struct NewToken<'a> {
    pub label: &'a str,
    pub print: [u8; 16],
    pub role: Role,
    pub purposes: i64,
    pub destination: i64,
    pub expires_at: i64,
    pub entry: i64,
}

/// The number that the next token gets.
pub(super) fn next_token(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("SELECT COALESCE(MAX(id), 0) + 1 FROM token", [], |row| row.get(0))?)
}

pub(super) fn insert_token(conn: &Connection, id: i64, row: &NewToken<'_>) -> Result<()> {
    conn.execute(
        "INSERT INTO token (id, label, print, role, purposes, destination, expires_at, entry, revoked_entry)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
        params![
            id,
            row.label,
            &row.print[..],
            row.role as i64,
            row.purposes,
            row.destination,
            row.expires_at,
            row.entry
        ],
    )?;
    Ok(())
}

pub(super) fn revoke_token(conn: &Connection, id: i64, entry: i64) -> Result<()> {
    conn.execute(
        "UPDATE token SET revoked_entry = $1 WHERE id = $2 AND revoked_entry = 0",
        [entry, id],
    )?;
    Ok(())
}

/// Every token, the revoked ones among them; one of a role that isn't known opens nothing. A store of an
/// older candor has none.
pub(super) fn tokens(conn: &Connection) -> Result<Vec<TokenRow>> {
    if !has_table(conn, "token")? {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare_cached(
        "SELECT t.id, t.label, t.print, t.role, t.purposes, COALESCE(w.text, ''), t.expires_at,
                t.entry, t.revoked_entry
         FROM token t LEFT JOIN word w ON w.kind = 'destination' AND w.code = t.destination
         ORDER BY t.id",
    )?;
    let rows = statement.query_map([], |row| {
        let Some(role) = Role::of(row.get(3)?) else { return Ok(None) };
        Ok(Some(TokenRow {
            id: row.get(0)?,
            label: row.get(1)?,
            print: row.get::<_, Vec<u8>>(2)?.try_into().unwrap_or_default(),
            role,
            purposes: row.get(4)?,
            destination: row.get(5)?,
            expires_at: row.get(6)?,
            entry: row.get(7)?,
            revoked_entry: row.get(8)?,
        }))
    })?;
    Ok(rows.filter_map(rusqlite::Result::transpose).collect::<rusqlite::Result<_>>()?)
}
