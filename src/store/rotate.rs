//! Gives a store a new key, and puts the key file aside that signed until then.
//!
//! The ledger says so (`key.rotate`), and both keys sign the checkpoint behind that entry, unless the
//! old one is lost. The new key is written beside the old one first; the ledger changes in one
//! transaction; then the files change places. A crash in between is mended when the store is opened
//! again: what the store calls its key decides which of the two files is the right one. A process that has the
//! store open meanwhile takes up the new key before it signs anything more.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result, io};
use crate::base::path::with_ending;
use crate::base::secret::SystemRandomness;
use crate::ledger::key_chain::Reason;
use crate::ledger::vkey::VerifierKey;

use super::key_file::{Hand, NewKey, Unlocking, open_key_file};
use super::signer::{HandedOver, Signer, key_path};
use super::{Store, sql};

/// What a rotation did.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Rotation {
    /// The form of this document.
    pub schema: &'static str,
    /// The new public key, to be handed out.
    pub vkey: String,
    /// The old one.
    pub was: String,
    /// Why.
    pub reason: &'static str,
    /// The ledger entry that says so.
    pub entry: i64,
    /// Where the old key file lies now; absent when there was none.
    pub aside: Option<PathBuf>,
}

/// Where the new key lies until the ledger has it.
pub fn next_key_path(store: &Path) -> PathBuf {
    with_ending(store, ".key.next")
}

/// Where the key file of an earlier key lies: named after the key's id, so that it can be found by it.
pub fn aside_path(store: &Path, key: &VerifierKey, reason: Reason) -> PathBuf {
    let word = match reason {
        Reason::Routine => "retired",
        Reason::Stolen => "stolen",
        Reason::Lost => "lost",
    };
    with_ending(store, &format!(".key.{word}-{:08x}", u32::from_be_bytes(key.id())))
}

impl Store {
    /// Gives the store a new key.
    ///
    /// # Errors
    /// `key-missing` without the present key, unless it is said to be lost; those of writing.
    pub fn rotate(&mut self, now: Moment, reason: Reason, new: &NewKey<'_>) -> Result<Rotation> {
        if self.signer.is_none() && reason != Reason::Lost {
            return Err(Error::no(
                "key-missing",
                "the present key is needed to sign its successor",
            )
            .at(key_path(&self.path).display())
            .next("put it back, or say --lost if nobody has it any more"));
        }
        let _alone = alone(&self.path)?;
        let next = next_key_path(&self.path);
        // One that was never put to use: the store's key is another.
        let _ = std::fs::remove_file(&next);
        let hand = new.write(&next, &mut SystemRandomness)?;
        let before = vouching_keys(&self.conn)?;
        let handed = self.hand_over(now, reason, hand);
        if handed.is_err() {
            let _ = std::fs::remove_file(&next);
        }
        let (entry, was) = handed?;
        if let Some(signer) = &self.signer {
            take_over_journal(&self.conn, signer, &before)?;
        }
        let aside = put_in_place(&self.path, &was, reason)?;
        Ok(Rotation {
            schema: "candor.key-rotation/1",
            vkey: self.signer.as_ref().map(|s| s.vkey().to_owned()).unwrap_or_default(),
            was: was.to_string(),
            reason: reason.word(),
            entry,
            aside,
        })
    }

    /// The ledger's part of a rotation. Returns the entry and the old key.
    ///
    /// # Errors
    /// `key-same` and `key-known`: a ledger has each key once, since which of its times a checkpoint is of could
    /// not be told; those of writing.
    pub fn hand_over(
        &mut self,
        now: Moment,
        reason: Reason,
        successor: Hand,
    ) -> Result<(i64, VerifierKey)> {
        let was: VerifierKey = sql::meta(&self.conn, "vkey")?
            .and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok())
            .ok_or_else(|| {
                Error::damaged("store-damaged", "the store has lost its public key")
                    .next("restore a backup with `candor restore`")
            })?;
        let vkey = successor.verifier_key(self.log.origin())?.to_string();
        if vkey == was.to_string() {
            return Err(Error::usage("key-same", "this is the store's present key")
                .next("name another key"));
        }
        if let Some(why) = given_up(&self.conn, &vkey)? {
            return Err(Error::usage("key-known", format!("the ledger had this key before ({why})"))
                .next("name a key that this store never had: a fresh one is best, and a stolen one stays with the thief"));
        }
        // Another process may have rotated since this one looked.
        if reason != Reason::Lost
            && self
                .signer
                .as_ref()
                .is_some_and(|signer| !signer.signs_for(was.to_string().as_bytes()))
        {
            self.signer = Some(follow(&self.conn, &self.path, self.log.origin())?);
        }
        let before = self.signer.take().filter(|_| reason != Reason::Lost);
        let signer = Signer::succeeding(before, &self.path, self.log.origin(), successor)?;
        self.signer = Some(signer);
        let entry = self.write(now, |writer| {
            let entry = writer.append(
                "key.rotate",
                json!({"vkey": vkey, "was": was.to_string(), "why": reason.word()}),
            )?;
            sql::set_meta(writer.conn, "vkey", vkey.as_bytes())?;
            sql::insert_signing_key(writer.conn, entry, &vkey)?;
            Ok(entry)
        });
        // From here on one key signs: the new one if the ledger has it, else the old one.
        let has_it = sql::meta(&self.conn, "vkey")?.unwrap_or_default() == vkey.as_bytes();
        let handed_over = if has_it { HandedOver::Yes } else { HandedOver::No };
        self.signer = self.signer.take().and_then(|signer| signer.settled(handed_over));
        entry.map(|entry| (entry, was))
    }
}

/// Keeps other processes from rotating, and from ending a rotation, for as long as it is held: the files change
/// places after the ledger has changed, and must do so once.
fn alone(store: &Path) -> Result<File> {
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let file = File::open(folder).map_err(io(folder))?;
    file.lock().map_err(io(folder))?;
    Ok(file)
}

/// Signs the journal anew while nobody else adds to it.
fn take_over_journal(conn: &Connection, signer: &Signer, before: &[VerifierKey]) -> Result<()> {
    sql::begin_immediate(conn)?;
    let done = signer.take_over_journal(before);
    sql::rollback(conn);
    done
}

/// The signer of a store that got another key while it was open: by the key file, or by the one that is about to
/// take its place. Only a key that lies open can be taken up so.
///
/// # Errors
/// `key-changed`.
pub(super) fn follow(conn: &Connection, store: &Path, origin: &str) -> Result<Signer> {
    let own = sql::meta(conn, "vkey")?.unwrap_or_default();
    for file in [key_path(store), next_key_path(store)] {
        if let Ok(Some(hand)) = open_key_file(&file, &Unlocking::none()) {
            let signer = Signer::new(store, origin, hand)?;
            if signer.signs_for(&own) {
                return Ok(signer);
            }
        }
    }
    Err(Error::no("key-changed", "the store got another key while this was running")
        .at(key_path(store).display())
        .next("run the same command again: it goes on with the new key; `candor serve` is started anew"))
}

/// Moves the files of a rotation that the ledger has: the old key aside, the new one in its place.
fn put_in_place(store: &Path, was: &VerifierKey, reason: Reason) -> Result<Option<PathBuf>> {
    let (key, next) = (key_path(store), next_key_path(store));
    let mut aside = None;
    if key.exists() {
        let path = aside_path(store, was, reason);
        std::fs::rename(&key, &path).map_err(io(&key))?;
        aside = Some(path);
    }
    std::fs::rename(&next, &key).map_err(io(&next))?;
    Ok(aside)
}

/// Ends a rotation that was cut off after the ledger had it; `None` when there was none.
pub fn mend(
    conn: &Connection,
    store: &Path,
    origin: &str,
    unlocking: &Unlocking<'_>,
) -> Result<Option<Signer>> {
    let _alone = alone(store)?;
    let own = sql::meta(conn, "vkey")?.unwrap_or_default();
    // Whoever was about it has ended it meanwhile.
    let signer = Signer::open(store, origin, unlocking)?;
    if let Some(signer) = signer.filter(|signer| signer.signs_for(&own)) {
        return Ok(Some(signer));
    }
    let Some(hand) = open_key_file(&next_key_path(store), unlocking)? else { return Ok(None) };
    if hand.verifier_key(origin)?.to_string().as_bytes() != own {
        return Ok(None);
    }
    let signer = Signer::new(store, origin, hand)?;
    if let Some(((entry, _), before)) = sql::signing_keys(conn)?.split_last() {
        let before = vouching(conn, before)?;
        take_over_journal(conn, &signer, &before)?;
        if let (Some(was), Some(reason)) = (before.last(), reason(conn, *entry)?) {
            put_in_place(store, was, reason)?;
        }
    }
    Ok(Some(signer))
}

/// How a ledger parted from a key that it had before the present one; nothing where it never had it.
fn given_up(conn: &Connection, vkey: &str) -> Result<Option<&'static str>> {
    let keys = sql::signing_keys(conn)?;
    let Some(two) = keys.windows(2).find(|two| two[0].1 == vkey) else { return Ok(None) };
    Ok(Some(match reason(conn, two[1].0)? {
        Some(Reason::Stolen) => "it was stolen",
        Some(Reason::Lost) => "it counted as lost",
        Some(Reason::Routine) | None => "another took its place",
    }))
}

/// Why the key of an entry took the place of the one before; nothing where the entry doesn't say so.
fn reason(conn: &Connection, entry: i64) -> Result<Option<Reason>> {
    let leaf = sql::leaf(conn, entry)?.unwrap_or_default();
    let leaf: serde_json::Value = serde_json::from_slice(&leaf).unwrap_or_default();
    Ok(leaf["b"]["why"].as_str().and_then(Reason::from_word))
}

/// The keys that a store had whose word still counts, the present one last: none from before a theft.
///
/// # Errors
/// Those of reading.
pub fn vouching_keys(conn: &Connection) -> Result<Vec<VerifierKey>> {
    vouching(conn, &sql::signing_keys(conn)?)
}

fn vouching(conn: &Connection, keys: &[(i64, String)]) -> Result<Vec<VerifierKey>> {
    let mut vouching = Vec::new();
    for (entry, vkey) in keys {
        if reason(conn, *entry)? == Some(Reason::Stolen) {
            vouching.clear();
        }
        vouching.extend(vkey.parse());
    }
    Ok(vouching)
}
