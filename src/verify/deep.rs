//! Everything in the file that the ledger commits to, each table once, on two threads.

use std::path::Path;

use rusqlite::Connection;

use crate::base::error::{Error, Result};
use crate::base::secret::StoreSecret;
use crate::store::{Words, meta};

use super::claim::Claim;
use super::facts::Facts;
use super::holders::Holders;
use super::{anchors, entries, items, payloads, sql, tables};

/// Checks all of it. `size` is the number of entries that `conn` sees.
pub(super) fn check(path: &Path, conn: &Connection, size: i64) -> Result<Vec<Claim>> {
    let secret = meta(conn, "secret")?
        .and_then(|bytes| bytes.try_into().ok())
        .map(StoreSecret::new)
        .ok_or_else(|| {
            Error::damaged("store-damaged", "the store has lost its secret")
                .next("restore a backup with `candor restore`")
        })?;
    let words = &Words::load(conn)?;
    let facts = Facts::read(conn)?;
    let holders = &Holders::load(conn)?;
    let second = entries::further(path, size)?;
    let (mine, theirs) = std::thread::scope(|scope| -> Result<_> {
        let secret = &secret;
        let thread = second
            .map(|second| scope.spawn(move || items::events(&second, words, holders, secret)));
        let mut mine = payloads::check(conn, words, &facts)?;
        mine.extend(items::values(conn, words, holders, secret)?);
        let theirs = match thread {
            Some(thread) => thread.join().expect("the thread doesn't panic")?,
            None => items::events(conn, words, holders, secret)?,
        };
        Ok((mine, theirs))
    })?;
    let mut claims = mine;
    claims.extend(theirs);
    claims.extend(tables::check(path, conn, words, &facts)?);
    claims.push(anchors::asked(conn, &facts)?);
    claims.push(anchors::write_keys(conn, &facts)?);
    let mut file = Claim::new("file", "SQLite finds its own file whole, and its indexes true");
    file.checked = 1;
    let faults = sql::integrity(conn)?;
    file.expect(faults == 0, "file-damaged", None, || format!("SQLite found {faults} faults"));
    claims.push(file);
    Ok(claims)
}
