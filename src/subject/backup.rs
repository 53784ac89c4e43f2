//! Copies a store while it is in use, and brings a copy back without bringing erased people back.
//!
//! A backup knows nothing of what was erased after it. The journal beside the key does, and so do
//! the certificates. A restore repeats those erasures before the store has its name again; where it
//! can't know of them, it refuses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result, io};
use crate::base::path::with_ending;
use crate::consent::sql as consent_sql;
use crate::evidence::check::check;
use crate::ledger::checkpoint::Trust;
use crate::ledger::key_chain::Reason;
use crate::ledger::vkey::VerifierKey;
use crate::store::{
    self, Access, ErasureNote, Hand, SignedState, Store, Unlocking, aside_path, copy_file,
    erasures_path, key_path, open_key_file, read_erasures, replace_private, side_files, state_path,
};

use super::erase;

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
/// `file-exists`, and those of writing. A copy that fails is removed.
pub fn backup(store: &mut Store, to: &Path, now: Moment) -> Result<BackupReport> {
    if to.exists() {
        return Err(Error::usage("file-exists", "the file exists already")
            .at(to.display())
            .next("name another one; a backup never overwrites anything"));
    }
    let entry = store.write(now, |writer| writer.append("backup", json!({})))?;
    let fresh = with_ending(to, ".new");
    remove_store(&fresh);
    store::write_private_file(&fresh, b"")?;
    let copied = copy_file(store.conn(), &fresh);
    if copied.is_err() {
        remove_store(&fresh);
    }
    copied?;
    std::fs::rename(&fresh, to).map_err(io(to))?;
    Ok(BackupReport { entries: store.log().size(), entry })
}

/// Certificates of erasures that are handed to a restore.
#[derive(Clone, Copy, Debug)]
pub enum Certificates<'a> {
    /// They add to the journal; alone they don't say that no erasure is missing.
    Some(&'a [PathBuf]),
    /// Whoever restores vouches that they are all that came after the backup.
    Complete(&'a [PathBuf]),
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

/// The parts of an erasure certificate that a restore needs.
#[derive(Deserialize)]
struct Certificate {
    origin: String,
    entry: u64,
    erased_at: String,
    records: Vec<i64>,
    fingerprints: Vec<String>,
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
/// backup; `restore-blind` when later erasures can't be known.
pub fn restore_with(
    path: &Path,
    backup: &Path,
    certificates: Certificates<'_>,
    actor: &str,
    now: Moment,
    unlocking: &Unlocking<'_>,
) -> Result<RestoreReport> {
    if path.exists() {
        return Err(Error::usage("store-exists", "a store is still there")
            .at(path.display())
            .next("move it away first, with its -wal and -shm files; its key stays where it is"));
    }
    let current = open_key_file(&key_path(path), unlocking)?.ok_or_else(|| {
        Error::no("key-missing", "the store's key is needed to go on with its ledger")
            .at(key_path(path).display())
            .next("put it there")
    })?;
    let work = with_ending(path, ".restoring");
    remove_work(&work);
    let restoring = Restoring { path, work: &work, backup, actor, now, unlocking };
    let outcome = restoring.run(current, certificates);
    if outcome.is_err() {
        remove_work(&work);
    }
    outcome
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
            let source = Store::open(self.backup, Access::Read, self.actor)?;
            store::write_private_file(self.work, b"")?;
            copy_file(source.conn(), self.work)?;
            let vkey = store::meta(source.conn(), "vkey")?.unwrap_or_default();
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
        let mut restored = Store::open_with(self.work, Access::Write, self.actor, self.unlocking)?;
        let size = restored.log().size();
        if let Some((reason, _)) = aside.filter(|_| own != vkey) {
            restored.hand_over(self.now, reason, current)?;
        }
        Ok((restored, size, own))
    }

    fn run(&self, current: Hand, certificates: Certificates<'_>) -> Result<RestoreReport> {
        let (path, work, now) = (self.path, self.work, self.now);
        let (mut restored, size, current_key) = self.open_copy(current)?;
        let before = SignedState::read(&state_path(path))?;
        let keys = [Some(current_key), restored.signer().map(|s| s.vkey().parse()).transpose()?];
        let trust = Trust {
            origin: restored.log().origin().to_owned(),
            log_keys: keys.into_iter().flatten().collect(),
            witness_keys: Vec::new(),
        };
        let later = later_erasures(path, size, &before, certificates, &trust)?;

        // From here on the key signs what continues the backup; the first entry says so.
        let signer = restored.signer().ok_or_else(|| {
            Error::no("key-missing", "the key is missing")
                .next("put the key file back beside the store")
        })?;
        let fresh =
            SignedState { size: restored.log().size(), root: restored.log().root().to_string() };
        signer.put_state(&fresh)?;
        let entry = restored.write(now, |writer| {
            writer.append(
                "restore",
                json!({
                    "from": size, "signed_before": before.size, "root_before": before.root,
                    "erasures": later.len(),
                }),
            )
        })?;
        let mut records_erased = 0;
        for note in &later {
            // Erasing needs the rules on what the law keeps.
            let rules = store::latest(restored.conn(), restored.words())?;
            records_erased += erase::repeat(&mut restored, &rules, note, now)?;
            keep_out(&mut restored, note, entry, now)?;
        }
        restored.truncate_wal()?;
        let journal = new_journal(path, work, size, &later, entry)?;
        let state = restored.signer().map(|signer| signer.state()).transpose()?.unwrap_or_default();
        drop(restored);

        // Put in place: the memory first, then the store; a crash in between leaves no store, and the
        // same command starts again.
        replace_private(&erasures_path(path), &journal)?;
        let bytes = serde_json::to_vec(&state).expect("a state is JSON");
        replace_private(&state_path(path), &bytes)?;
        std::fs::rename(work, path).map_err(io(path))?;
        remove_work(work);
        Ok(RestoreReport {
            entries_in_backup: size,
            entries_signed_before: before.size,
            erasures_repeated: later.len(),
            records_erased,
            entry,
        })
    }
}

/// The erasures that came after the backup, from the journal and from certificates.
fn later_erasures(
    path: &Path,
    size: u64,
    before: &SignedState,
    certificates: Certificates<'_>,
    trust: &Trust,
) -> Result<Vec<ErasureNote>> {
    let journal = erasures_path(path);
    let known = journal.exists() || (before.size > 0 && before.size <= size);
    let (files, complete) = match certificates {
        Certificates::Complete(files) => (files, true),
        Certificates::Some(files) => (files, false),
    };
    if !known && !complete {
        return Err(Error::no(
            "restore-blind",
            "the journal of erasures is missing, so people who were erased after the backup might come back",
        )
        .at(journal.display())
        .next(
            "put the journal back, or name every later certificate with --certificates and vouch with \
             --all-certificates that none is missing",
        ));
    }
    let mut notes = read_erasures(&journal)?;
    for file in files {
        let bytes = std::fs::read(file).map_err(io(file))?;
        let certificate: Certificate = serde_json::from_slice(&bytes).map_err(|_| {
            Error::damaged("certificate-unreadable", "this is no erasure certificate in JSON")
                .at(file.display())
                .next("name the JSON form; a page is for people to read")
        })?;
        if certificate.origin != trust.origin {
            return Err(Error::no("certificate-foreign", "the certificate is of another ledger")
                .at(file.display())
                .next("leave it out"));
        }
        let checked = check(file, trust, None)?;
        if let Some((code, what, place)) = checked.broken {
            return Err(Error::no(code, format!("the certificate's proof doesn't hold: {what}"))
                .at(format!("{} {place}", file.display()).trim_end())
                .next("nobody is erased on its word: name the one that this store issued"));
        }
        notes.push(ErasureNote {
            entry: certificate.entry,
            at: Moment::parse(&certificate.erased_at)?.0,
            records: certificate.records,
            fingerprints: certificate.fingerprints,
            // It says what was left for a legal claim, which the repetition leaves too.
            told: serde_json::from_slice(&bytes).ok(),
        });
    }
    notes.sort_by_key(|note| note.entry);
    notes.dedup_by_key(|note| note.entry);
    notes.retain(|note| note.entry >= size);
    Ok(notes)
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

/// The journal of the restored store. Numbers of records that the backup doesn't hold will be given
/// again, to others, so they must not stand in it any more.
fn new_journal(
    path: &Path,
    work: &Path,
    size: u64,
    later: &[ErasureNote],
    entry: i64,
) -> Result<Vec<u8>> {
    let mut notes = read_erasures(&erasures_path(path))?;
    notes.retain(|note| note.entry < size);
    let repeated = read_erasures(&erasures_path(work))?;
    let kept: BTreeSet<&String> = repeated.iter().flat_map(|note| &note.fingerprints).collect();
    let rest: Vec<ErasureNote> = later
        .iter()
        .map(|note| ErasureNote {
            entry: u64::try_from(entry).unwrap_or(0),
            at: note.at,
            records: Vec::new(),
            fingerprints: note.fingerprints.iter().filter(|p| !kept.contains(p)).cloned().collect(),
            told: None,
        })
        .filter(|note| !note.fingerprints.is_empty())
        .collect();
    notes.extend(repeated.iter().cloned());
    notes.extend(rest);
    let mut bytes = Vec::new();
    for note in &notes {
        serde_json::to_writer(&mut bytes, note).expect("a note is JSON");
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let bytes: Option<Vec<u8>> = (0..text.len() / 2)
        .map(|i| text.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    bytes?.try_into().ok()
}

fn remove_store(path: &Path) {
    let _ = std::fs::remove_file(path);
    for side in side_files(path) {
        let _ = std::fs::remove_file(side);
    }
}

fn remove_work(work: &Path) {
    remove_store(work);
    for file in [key_path(work), state_path(work), erasures_path(work)] {
        let _ = std::fs::remove_file(file);
    }
}
