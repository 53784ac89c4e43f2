//! Copies a store while it is in use, and brings a copy back without bringing erased people back.
//!
//! A backup knows nothing of what was erased after it. The journal beside the key does, and so do
//! the certificates. A restore repeats those erasures before the store has its name again; where it
//! can't know of them, it refuses.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::Path;

use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Kind, Result, io};
use crate::base::path::with_ending;
use crate::consent::sql as consent_sql;
use crate::ledger::checkpoint::Trust;
use crate::ledger::key_chain::Reason;
use crate::ledger::vkey::VerifierKey;
use crate::send::outbox;
use crate::store::{
    self, ErasureNote, Hand, OutFile, SignedState, Signer, Store, Unlocking, aside_path, copy_file,
    erasures_path, key_path, open_key_file, read_erasures, replace_private, side_files, state_path,
};

pub use super::erased::Certificates;

use super::erase;
use super::erased::Journal;

/// The kind of the entry that a backup begins with.
pub const BACKUP: &str = "backup";

/// The kind of the entry that one ends with that fails.
pub const BACKUP_FAILED: &str = "backup.failed";

/// What a backup holds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct BackupReport {
    /// The ledger's size in the backup.
    pub entries: u64,
    /// The ledger entry that says so, in the store and in the backup.
    pub entry: i64,
}

/// Copies a store to a new file, consistent as of one moment.
///
/// # Errors
/// Those of [`OutFile::claim`] and of writing. A copy that fails is removed, and an entry says that it failed.
pub fn backup(store: &mut Store, to: &Path, now: Moment) -> Result<BackupReport> {
    let file = OutFile::claim(to, Some(store.path()))?;
    // Before the copy: a backup that holds its own entry is brought back without a gap in the ledger.
    let entry = store.write(now, |writer| writer.append(BACKUP, json!({})))?;
    let entries = store.log().size();
    let copy =
        file.write_by(|fresh| copy_file(store.conn(), fresh).inspect_err(|_| remove_store(fresh)));
    if let Err(failed) = copy {
        // On a disk that is full nothing says so.
        _ = store.write(now, |writer| writer.append(BACKUP_FAILED, json!({"backup": entry})));
        return Err(failed);
    }
    Ok(BackupReport { entries, entry })
}

/// What a restore did.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RestoreReport {
    /// The ledger's size in the backup.
    pub entries_in_backup: u64,
    /// The size that the key had signed before.
    pub entries_signed_before: u64,
    /// Erasures that came after the backup and were repeated.
    pub erasures_repeated: usize,
    /// Records that they erased again.
    pub records_erased: u64,
    /// The ledger entry of the restore.
    pub entry: i64,
}

/// Brings a backup back under a store's name, where its key lies open; see [`restore_with`].
///
/// # Errors
/// As there.
pub fn restore(
    path: &Path,
    backup: &Path,
    certificates: Certificates<'_>,
    actor: &str,
    now: Moment,
) -> Result<RestoreReport> {
    restore_with(path, backup, certificates, actor, now, &Unlocking::none())
}

/// Brings a backup back under a store's name, where its key lies. A backup from before the last
/// rotation is opened with the key that was put aside then, which hands over to the present one anew.
///
/// # Errors
/// `store-exists` when a store is still there; `key-missing`; `backup-foreign` for another ledger's
/// backup; `backup-abandoned` for one of a history that an earlier restore left; `journal-forged`; `restore-blind` when later
/// erasures can't be known.
pub fn restore_with(
    path: &Path,
    backup: &Path,
    certificates: Certificates<'_>,
    actor: &str,
    now: Moment,
    unlocking: &Unlocking<'_>,
) -> Result<RestoreReport> {
    let _alone = alone(path)?;
    if path.exists() {
        return Err(Error::usage("store-exists", "a store is still there")
            .at(path.display())
            .next("move it away first, with its -wal and -shm files; its key stays where it is"));
    }
    let current =
        open_key_file(&key_path(path), unlocking)?.ok_or_else(|| key_missing(&key_path(path)))?;
    let work = with_ending(path, ".restoring");
    remove_work(&work);
    let restoring = Restoring { path, work: &work, backup, actor, now, unlocking };
    let outcome = restoring.run(current, certificates);
    if outcome.is_err() {
        remove_work(&work);
    }
    outcome
}

/// Keeps other restores of the store away for as long as it is held: they would work on the same files.
fn alone(store: &Path) -> Result<File> {
    let key = key_path(store);
    let file = File::open(&key).map_err(|_| key_missing(&key))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let words = "another restore of this store goes on";
            Err(Error::new(Kind::Busy, "restore-busy", words)
                .at(store.display())
                .next("wait until it has ended"))
        }
        Err(TryLockError::Error(error)) => Err(io(&key)(error)),
    }
}

fn key_missing(key: &Path) -> Error {
    Error::no("key-missing", "the store's key is needed to go on with its ledger")
        .at(key.display())
        .next("put it there")
}

/// What a restore works with.
struct Restoring<'a> {
    path: &'a Path,
    work: &'a Path,
    backup: &'a Path,
    actor: &'a str,
    now: Moment,
    unlocking: &'a Unlocking<'a>,
}

impl Restoring<'_> {
    /// Opens the copy with the key that it was signed with last.
    fn open_copy(&self, current: Hand) -> Result<(Store, u64, VerifierKey)> {
        // The backup is only read: everything happens on a copy beside the store's place.
        let vkey = {
            let source = store::reader(self.backup)?;
            store::write_private_file(self.work, b"")?;
            store::write_private_file(&erasures_path(self.work), b"")?;
            copy_file(&source, self.work)?;
            let vkey = store::meta(&source, "vkey")?.unwrap_or_default();
            String::from_utf8_lossy(&vkey).parse::<VerifierKey>()?
        };
        let foreign = || {
            Error::no("backup-foreign", "the backup is of another store: the key doesn't fit")
                .at(self.backup.display())
                .next("name a backup of this very store; one from before the key was lost can't go on")
        };
        let own = current.verifier_key(vkey.name())?;
        let aside = [Reason::Routine, Reason::Stolen]
            .into_iter()
            .map(|reason| (reason, aside_path(self.path, &vkey, reason)))
            .find(|(_, file)| file.exists());
        let file = match &aside {
            _ if own == vkey => key_path(self.path),
            Some((_, file)) => file.clone(),
            None => return Err(foreign()),
        };
        let key = zeroize::Zeroizing::new(std::fs::read(&file).map_err(io(&file))?);
        store::write_private_file(&key_path(self.work), &key)?;
        let mut restored = Store::open_restoring(self.work, self.actor, self.unlocking)?;
        let size = restored.log().size();
        if let Some((reason, _)) = aside.filter(|_| own != vkey) {
            restored.hand_over(self.now, reason, current)?;
        }
        Ok((restored, size, own))
    }

    fn run(&self, current: Hand, certificates: Certificates<'_>) -> Result<RestoreReport> {
        let (path, work, now) = (self.path, self.work, self.now);
        let (mut restored, size, current_key) = self.open_copy(current)?;
        let remembered = SignedState::read(&state_path(path))?;
        let since = remembered.as_ref().map_or(size, |state| state.since.min(size));
        let before = remembered.unwrap_or_default();
        // What an earlier key signed before the backup counts as well, unless it was stolen since.
        let mut log_keys = store::vouching_keys(restored.conn())?;
        log_keys.push(current_key);
        let origin = restored.log().origin().to_owned();
        let trust = Trust { origin, log_keys, witness_keys: Vec::new() };
        let journal = Journal { path, backup: self.backup, size };
        let erased = journal.erased(restored.conn(), &before, certificates, &trust)?;
        let later = &erased.later;

        // From here on the key signs what continues the backup; the first entry says so.
        let signer = signer_of(&restored)?;
        let log = restored.log();
        let root = log.root().to_string();
        let fresh = SignedState { size: log.size(), root, since, notes: 0 };
        signer.put_state(&fresh)?;
        let entry = restored.write(now, |writer| {
            // What waited may have been sent since, or been forbidden.
            outbox::hold_restored(writer)?;
            writer.append(
                "restore",
                json!({
                    "from": size, "signed_before": before.size, "root_before": before.root,
                    "erasures": later.len(),
                }),
            )
        })?;
        let mut records_erased = 0;
        for note in later {
            // Erasing needs the rules on what the law keeps.
            let rules = store::latest(restored.conn(), restored.words())?;
            records_erased += erase::repeat(&mut restored, &rules, note, now)?;
            keep_out(&mut restored, note, entry, now)?;
        }
        restored.end_restoring()?;
        restored.truncate_wal()?;
        let repeated = read_erasures(&erasures_path(work))?;
        let signer = signer_of(&restored)?;
        let journal = erased.journal(restored.conn(), signer, entry, now, &repeated)?;
        let state = signer.state()?;
        drop(restored);

        // Put in place: the memory first, then the store; a crash in between leaves no store, and the
        // same command starts again. The journal may be shorter than before, and never than remembered.
        let notes = store::notes_in(&journal);
        let put = |state: SignedState| {
            let bytes = serde_json::to_vec(&state).expect("a state is JSON");
            replace_private(&state_path(path), &bytes)
        };
        if before.notes > notes {
            put(SignedState { notes, ..before.clone() })?;
        }
        replace_private(&erasures_path(path), &journal)?;
        put(SignedState { notes, ..state.unwrap_or_default() })?;
        std::fs::rename(work, path).map_err(io(path))?;
        remove_work(work);
        Ok(RestoreReport {
            entries_in_backup: size,
            entries_signed_before: before.size,
            erasures_repeated: erasures_among(later),
            records_erased,
            entry,
        })
    }
}

fn signer_of(store: &Store) -> Result<&Signer> {
    store.signer().ok_or_else(|| {
        Error::no("key-missing", "the key is missing")
            .next("put the key file back beside the store")
    })
}

/// How many erasures some notes are of. One that an earlier restore repeated is noted again, with those of its
/// fingerprints that the backup knew.
fn erasures_among(notes: &[ErasureNote]) -> usize {
    let prints: BTreeSet<BTreeSet<&String>> =
        notes.iter().map(|note| note.fingerprints.iter().collect()).collect();
    let again = |one: &BTreeSet<&String>| {
        prints.iter().any(|other| one.len() < other.len() && one.is_subset(other))
    };
    prints.iter().filter(|one| !again(one)).count()
}

/// Keeps erased people out whose records the backup doesn't hold, too.
fn keep_out(store: &mut Store, note: &ErasureNote, entry: i64, now: Moment) -> Result<()> {
    store.write(now, |writer| {
        for print in &note.fingerprints {
            if let Some(print) = unhex(print) {
                consent_sql::suppress(writer.conn, &print, Moment(note.at), entry)?;
            }
        }
        Ok(())
    })
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let bytes: Option<Vec<u8>> = (0..text.len() / 2)
        .map(|i| text.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    bytes?.try_into().ok()
}

fn remove_store(path: &Path) {
    let _ = std::fs::remove_file(path);
    // A copy that was cut short has SQLite's rollback journal beside it.
    let journal = with_ending(path, "-journal");
    for side in side_files(path).into_iter().chain([journal]) {
        let _ = std::fs::remove_file(side);
    }
}

fn remove_work(work: &Path) {
    remove_store(work);
    for file in [key_path(work), state_path(work), erasures_path(work)] {
        let _ = std::fs::remove_file(file);
    }
}
