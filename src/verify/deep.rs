//! Everything in the file that the ledger commits to, each table once, on two threads.

use std::path::Path;

use rusqlite::Connection;

use crate::base::error::{Error, Result};
use crate::base::secret::StoreSecret;
use crate::ledger::vkey::VerifierKey;
use crate::store::{Words, meta};

use super::claim::Claim;
use super::facts::Facts;
use super::holders::{Births, Holders};
use super::{anchors, entries, items, payloads, sql, tables};

/// Checks all of it. `size` is the number of entries that `conn` sees, `keys` are those of the ledger whose
/// word counts.
pub(super) fn check(
    path: &Path,
    conn: &Connection,
    size: i64,
    keys: &[VerifierKey],
) -> Result<Vec<Claim>> {
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
    let (mut births, mut further) = (Births::of(holders), Births::of(holders));
    let (mine, theirs) = std::thread::scope(|scope| -> Result<_> {
        let (secret, further) = (&secret, &mut further);
        let events =
            |conn: &Connection, births| items::events(conn, words, holders, births, secret);
        let (thread, further) = match second {
            Some(second) => (Some(scope.spawn(move || events(&second, further))), None),
            None => (None, Some(further)),
        };
        let mut mine = payloads::check(conn, words, &facts, holders, &mut births)?;
        mine.extend(items::values(conn, words, holders, &mut births, secret)?);
        let theirs = match (thread, further) {
            (Some(thread), _) => thread.join().expect("the thread doesn't panic")?,
            (None, further) => events(conn, further.expect("no thread took it"))?,
        };
        Ok((mine, theirs))
    })?;
    births.join(&further);
    let mut claims = mine;
    claims.extend(theirs);
    claims.push(holders.check(&births, &facts.batches));
    claims.extend(tables::check(path, conn, words, &facts, keys)?);
    claims.push(anchors::asked(conn, &facts)?);
    claims.push(anchors::write_keys(conn, &facts)?);
    let mut file = Claim::new("file", "SQLite finds its own file whole, and its indexes true");
    file.checked = 1;
    let faults = sql::integrity(conn)?;
    file.expect(faults == 0, "file-damaged", None, || format!("SQLite found {faults} faults"));
    claims.push(file);
    Ok(claims)
}
