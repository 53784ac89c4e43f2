//! Everything in the file that the ledger commits to, each table once, on two threads.

use std::path::Path;

use rusqlite::Connection;

use crate::base::error::{Error, Result};
use crate::base::secret::StoreSecret;
use crate::ledger::vkey::VerifierKey;
use crate::store::{Words, meta};

use super::claim::{Claim, legible};
use super::facts::Facts;
use super::holders::{Births, Holders};
use super::{anchors, entries, imports, items, messages, payloads, recalls, sql, tables};

/// Checks all of it. `size` is the number of entries that `conn` sees, `keys` are those of the ledger whose
/// word counts.
pub(super) fn check(
    path: &Path,
    conn: &Connection,
    size: i64,
    keys: &[VerifierKey],
) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    // What all the rest is read with. Where it can't be read, nothing can be said of the rest.
    let read = Read::of(conn, &mut claims)?;
    if let Some(read) = &read {
        claims.extend(rows(path, conn, size, read)?);
        claims.extend(tables::check(path, conn, &read.words, &read.facts, keys)?);
        let asked = anchors::asked(conn, &read.facts).map(|claim| vec![claim]);
        claims.extend(legible("witnesses", asked)?);
        let keys = anchors::write_keys(conn, &read.facts).map(|claim| vec![claim]);
        claims.extend(legible("write_keys", keys)?);
        let recalls = recalls::check(conn, &read.secret, &read.words, &read.facts);
        claims.extend(legible("recalls", recalls.map(|claim| vec![claim]))?);
        claims.extend(legible("messages", messages::check(conn, &read.facts))?);
        let tokens = anchors::tokens(conn, &read.words, &read.facts).map(|claim| vec![claim]);
        claims.extend(legible("tokens", tokens)?);
        let imports = imports::check(conn, &read.words, &read.facts).map(|claim| vec![claim]);
        claims.extend(legible("imports", imports)?);
    }
    claims.extend(legible("file", whole(conn).map(|claim| vec![claim]))?);
    Ok(claims)
}

/// What rows are read with.
struct Read {
    secret: StoreSecret,
    words: Words,
    facts: Facts,
    holders: Holders,
}

impl Read {
    /// Reads it; nothing where a part of it can't be read, which a claim says then.
    fn of(conn: &Connection, claims: &mut Vec<Claim>) -> Result<Option<Read>> {
        let mut read = |part, claim| -> Result<()> {
            claims.extend(legible(part, claim)?);
            Ok(())
        };
        let (mut secret, mut words, mut facts, mut holders) = (None, None, None, None);
        read("secret", secret_of(conn).map(|found| secret = Some(found)).map(|()| vec![]))?;
        read("words", Words::load(conn).map(|found| words = Some(found)).map(|()| vec![]))?;
        read("entries", Facts::read(conn).map(|found| facts = Some(found)).map(|()| vec![]))?;
        read(
            "record-keys",
            Holders::load(conn).map(|found| holders = Some(found)).map(|()| vec![]),
        )?;
        Ok(match (secret, words, facts, holders) {
            (Some(secret), Some(words), Some(facts), Some(holders)) => {
                Some(Read { secret, words, facts, holders })
            }
            _ => None,
        })
    }
}

fn secret_of(conn: &Connection) -> Result<StoreSecret> {
    meta(conn, "secret")?.and_then(|bytes| bytes.try_into().ok()).map(StoreSecret::new).ok_or_else(
        || {
            Error::damaged("store-damaged", "the store has lost its secret")
                .next("restore a backup with `candor restore`")
        },
    )
}

/// Payloads, values and events, on two threads.
fn rows(path: &Path, conn: &Connection, size: i64, read: &Read) -> Result<Vec<Claim>> {
    let Read { secret, words, facts, holders } = read;
    let second = entries::further(path, size)?;
    let (mut births, mut further) = (Births::of(holders), Births::of(holders));
    let mut claims = std::thread::scope(|scope| -> Result<_> {
        let further = &mut further;
        let events = |conn: &Connection, births| {
            legible("events", items::events(conn, words, holders, births, secret))
        };
        let (thread, further) = match second {
            Some(second) => (Some(scope.spawn(move || events(&second, further))), None),
            None => (None, Some(further)),
        };
        let payloads = payloads::check(conn, words, facts, holders, &mut births);
        let mut claims = legible("payloads", payloads)?;
        let values = items::values(conn, words, holders, &mut births, secret);
        claims.extend(legible("values", values)?);
        claims.extend(match (thread, further) {
            (Some(thread), _) => thread.join().expect("the thread doesn't panic")?,
            (None, further) => events(conn, further.expect("no thread took it"))?,
        });
        Ok(claims)
    })?;
    births.join(&further);
    let numbers = holders.check(conn, &births, facts).map(|claim| vec![claim]);
    claims.extend(legible("record-numbers", numbers)?);
    Ok(claims)
}

fn whole(conn: &Connection) -> Result<Claim> {
    let mut file = Claim::new("file", "SQLite finds its own file whole, and its indexes true");
    file.checked = 1;
    let faults = sql::integrity(conn)?;
    file.expect(faults == 0, "file-damaged", None, || format!("SQLite found {faults} faults"));
    Ok(file)
}
