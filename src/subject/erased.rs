//! Who was erased, for a restore: by the journal beside the key, and by certificates.
//!
//! Both name people by keyed fingerprints, and their records by numbers. A number means something within
//! one history only: after a restore the ledger goes on otherwise, and numbers are given again. So the
//! journal keeps each restore, by the hash of its entry, and a backup of what was left is told by that.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Deserialize;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result, io};
use crate::evidence::check::check;
use crate::ledger::checkpoint::Trust;
use crate::ledger::hash::leaf_hash;
use crate::ledger::scan::fields;
use crate::store::{
    self, ErasureNote, SignedState, Signer, erasures_path, push_line, read_erasures, state_path,
};

/// Certificates of erasures that are handed to a restore.
#[derive(Clone, Copy, Debug)]
pub enum Certificates<'a> {
    /// They add to the journal; alone they don't say that no erasure is missing.
    Some(&'a [PathBuf]),
    /// Whoever restores vouches that they are all that came after the backup.
    Complete(&'a [PathBuf]),
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

/// The journal of a store whose backup of `size` entries is brought back.
pub(super) struct Journal<'a> {
    pub path: &'a Path,
    pub backup: &'a Path,
    pub size: u64,
}

/// Who was erased.
pub(super) struct Erased {
    /// Before the backup, and so in it as well; and the restores before it.
    earlier: Vec<ErasureNote>,
    /// After the backup.
    pub later: Vec<ErasureNote>,
    /// Whether some who were erased before the backup may be missing.
    lost: bool,
}

impl Journal<'_> {
    /// Everybody who was erased, by the journal and by certificates.
    ///
    /// # Errors
    /// `journal-forged`; `backup-abandoned`; `restore-blind`; those of reading certificates.
    pub(super) fn erased(
        &self,
        conn: &Connection,
        before: &SignedState,
        certificates: Certificates<'_>,
        trust: &Trust,
    ) -> Result<Erased> {
        let (files, complete) = match certificates {
            Certificates::Complete(files) => (files, true),
            Certificates::Some(files) => (files, false),
        };
        let mut notes = read_erasures(&erasures_path(self.path))?;
        let count = notes.len();
        notes.retain(|note| note.is_signed_by(&trust.log_keys));
        let forged = notes.len() < count;
        if forged && !complete {
            return Err(self.forged());
        }
        self.check_history(conn, &notes)?;
        let whole = !forged && notes.len() as u64 >= before.notes;
        let lost = !whole || self.is_lost(&notes) || self.misses_some(conn, &notes)?;
        // The key's memory and the journal lie side by side: where one is older than the backup, so may
        // the other be.
        let nothing_later = before.since == 0 && before.size == self.size;
        let up_to_date = whole && before.size >= self.size;
        if !complete && !nothing_later && (!up_to_date || self.is_blind(&notes)) {
            return Err(Error::no(
                "restore-blind",
                "the journal of erasures is missing, cut, older than the backup or begun after it, so people \
                 who were erased since might come back",
            )
            .at(erasures_path(self.path).display())
            .next(
                "put the journal back, or name every later certificate with --certificates and vouch with \
                 --all-certificates that none is missing",
            ));
        }
        for file in files {
            let mut note = read_certificate(file, trust)?;
            // The numbers of its records are other people's, if a restore left its history since.
            let left = |restore: &ErasureNote| {
                restore.restored.is_some() && restore.entry <= note.entry && note.at < restore.at
            };
            if notes.iter().any(left) {
                note.records.clear();
            }
            if note.entry >= self.size || is_erasure(conn, &note)? {
                notes.push(note);
            }
        }
        // A certificate may tell of what the journal tells of; a restore's entry may keep several out.
        let which = |note: &ErasureNote| (note.entry, note.at, note.fingerprints.clone());
        notes.sort_by_cached_key(which);
        notes.dedup_by_key(|note| which(note));
        // Each erasure is noted: with fewer notes somebody is missing, whoever vouches for what.
        if complete && (notes.len() as u64) < before.notes {
            return Err(self.incomplete(notes.len(), before.notes));
        }
        let (earlier, mut later): (Vec<_>, Vec<_>) =
            notes.into_iter().partition(|note| note.entry < self.size);
        later.retain(|note| !(note.records.is_empty() && note.fingerprints.is_empty()));
        Ok(Erased { earlier, later, lost })
    }

    fn incomplete(&self, known: usize, remembered: u64) -> Error {
        Error::no(
            "restore-blind",
            format!(
                "the key remembers {remembered} erasures and restores, and the journal and the certificates \
                 that are named tell of {known}: people who were erased since might come back"
            ),
        )
        .at(state_path(self.path).display())
        .next(
            "name the missing certificates too; where a lost journal told of restores, of which there are no \
             certificates, move this file away and vouch again",
        )
    }

    fn forged(&self) -> Error {
        Error::no(
            "journal-forged",
            "a line of the journal of erasures is not as a key of this ledger signed it, so whom it names \
             and what it leaves of them may be anybody's word",
        )
        .at(erasures_path(self.path).display())
        .next(
            "put the journal back from a copy, or name every later certificate with --certificates and vouch \
             with --all-certificates that none is missing",
        )
    }

    /// A restore leaves what came after its backup. What was backed up of that can't come back: the
    /// journal tells of another history.
    fn check_history(&self, conn: &Connection, notes: &[ErasureNote]) -> Result<()> {
        for restore in notes.iter().filter(|n| n.restored.is_some() && n.entry < self.size) {
            if hash_of(conn, restore.entry)? != restore.restored {
                return Err(Error::no(
                    "backup-abandoned",
                    format!(
                        "from entry {} on the backup goes another way than this store, which was \
                         restored there on {}",
                        restore.entry,
                        Moment(restore.at)
                    ),
                )
                .at(self.backup.display())
                .next(
                    "name a backup from before that entry, or one that was made since the restore",
                ));
            }
        }
        Ok(())
    }

    /// Whether the backup holds an erasure of which the journal says nothing.
    fn misses_some(&self, conn: &Connection, notes: &[ErasureNote]) -> Result<bool> {
        let mut unnoted = Vec::new();
        let end = i64::try_from(self.size).unwrap_or(i64::MAX);
        store::leaves(conn, 0, end, |n, leaf| {
            let view = fields(leaf)?;
            if view.kind == "erasure" {
                let body: serde_json::Value =
                    serde_json::from_slice(view.body.unwrap_or_default()).unwrap_or_default();
                // A long list of texts takes several entries of one request; the last is noted.
                let same = |(_, req): &(i64, serde_json::Value)| *req == body["req"];
                if body["req"].as_i64().is_some_and(|req| req > 0)
                    && unnoted.last().is_some_and(same)
                {
                    unnoted.pop();
                }
                unnoted.push((n, body["req"].clone()));
            }
            Ok(())
        })?;
        let noted = |n: i64| notes.iter().any(|note| i64::try_from(note.entry) == Ok(n));
        Ok(unnoted.iter().any(|(n, _)| !noted(*n)))
    }

    /// Whether erasures after the backup may be missing from the journal.
    fn is_blind(&self, notes: &[ErasureNote]) -> bool {
        !erasures_path(self.path).exists() || notes.iter().any(|n| n.lost && n.entry > self.size)
    }

    /// Whether the journal's own word that it was lost goes with what is restored over.
    fn is_lost(&self, notes: &[ErasureNote]) -> bool {
        !erasures_path(self.path).exists() || notes.iter().any(|n| n.lost && n.entry >= self.size)
    }
}

impl Erased {
    /// The journal of the restored store, whose entry of the restore is `entry` and which erased `repeated`
    /// again; signed by the key that goes on. Numbers of records that the backup doesn't hold will be given again, to others, so they must
    /// not stand in it any more.
    pub(super) fn journal(
        &self,
        conn: &Connection,
        signer: &Signer,
        entry: i64,
        now: Moment,
        repeated: &[ErasureNote],
    ) -> Result<Vec<u8>> {
        let entry = u64::try_from(entry).unwrap_or(0);
        let restore = ErasureNote {
            entry,
            at: now.0,
            restored: hash_of(conn, entry)?,
            lost: self.lost,
            ..ErasureNote::default()
        };
        // They are kept out since their erasure, by the entry of the restore.
        let rest: Vec<ErasureNote> = self
            .later
            .iter()
            .map(|note| ErasureNote {
                entry,
                at: note.at,
                fingerprints: note.fingerprints.clone(),
                ..ErasureNote::default()
            })
            .collect();
        let mut lines = Vec::new();
        for note in self.earlier.iter().chain([&restore]).chain(repeated).chain(&rest) {
            push_line(&mut lines, &signer.signed(note)?);
        }
        Ok(lines)
    }
}

fn read_certificate(file: &Path, trust: &Trust) -> Result<ErasureNote> {
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
    Ok(ErasureNote {
        entry: certificate.entry,
        at: Moment::parse(&certificate.erased_at)?.0,
        records: certificate.records,
        fingerprints: certificate.fingerprints,
        // It says what was left for a legal claim, which the repetition leaves too.
        told: serde_json::from_slice(&bytes).ok(),
        ..ErasureNote::default()
    })
}

/// Whether the backup holds the erasure itself, and not another history's entry of that number.
fn is_erasure(conn: &Connection, note: &ErasureNote) -> Result<bool> {
    let leaf =
        store::leaf(conn, i64::try_from(note.entry).unwrap_or(i64::MAX))?.unwrap_or_default();
    Ok(fields(&leaf).is_ok_and(|view| view.kind == "erasure" && view.at.0 == note.at))
}

/// The hash of an entry's leaf, in base64.
fn hash_of(conn: &Connection, entry: u64) -> Result<Option<String>> {
    let leaf = store::leaf(conn, i64::try_from(entry).unwrap_or(i64::MAX))?;
    Ok(leaf.map(|leaf| leaf_hash(&leaf).to_string()))
}
