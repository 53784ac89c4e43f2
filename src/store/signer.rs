//! Signs checkpoints with the key beside the store, and remembers what it signed.
//!
//! The memory (`FILE.key.state`) lies outside the store on purpose: a file that was rolled back or
//! rewritten doesn't extend what was last signed, and is refused. Beside it lies the journal of
//! erasures (see `journal`), whose lines the key signs too.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::error::{Error, Result, io};
use crate::base::path::with_ending;
use crate::base::secret::Randomness;
use crate::ledger::base64;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::note::{Note, SignatureLine};
use crate::ledger::vkey::VerifierKey;

use super::journal::{ErasureNote, erasures_path, is_undone, notes_in, push_line, read_erasures};
use super::key_file::{Hand, NewKey, Unlocking, open_key_file};
use super::log::{Log, frontier_at};
use super::sql;

/// What the key has signed last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedState {
    /// The size of the last signed checkpoint.
    pub size: u64,
    /// Its root, in base64.
    pub root: String,
    /// How many entries there were when this memory began, where an earlier one was lost: these were
    /// compared with nothing. 0 where it goes back to the beginning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub since: u64,
    /// How many notes the journal of erasures has at least: one that has fewer was cut.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub notes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl SignedState {
    /// Reads the memory; nothing when it is missing.
    ///
    /// # Errors
    /// `key-state-damaged`.
    pub fn read(path: &Path) -> Result<Option<SignedState>> {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| {
                Error::damaged("key-state-damaged", "the key's memory can't be read")
                    .at(path.display())
                    .next("restore it, or run `candor restore` to start from a backup")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(path)(error)),
        }
    }

    /// Refuses a ledger that isn't an extension of it.
    ///
    /// # Errors
    /// `ledger-rolled-back`.
    pub fn check_extended(&self, log: &Log, conn: &Connection) -> Result<()> {
        let same = self.size == 0
            || (self.size <= log.size() && {
                let root = match self.size == log.size() {
                    true => log.root(),
                    false => frontier_at(conn, self.size)?.root(),
                };
                root.to_string() == self.root
            });
        if same {
            return Ok(());
        }
        Err(Error::no(
            "ledger-rolled-back",
            format!(
                "the key signed {} entries before, and this file doesn't continue them ({} entries)",
                self.size,
                log.size()
            ),
        )
        .next("if this is a backup, bring it back with `candor restore`, which says so in the ledger"))
    }
}

/// What came of a handing over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandedOver {
    /// The ledger has it.
    Yes,
    /// Nothing was kept of it.
    No,
}

/// Who signs, and what was signed.
pub struct Signer {
    /// Those who sign now; two only while the one hands over to the other, who comes last.
    hands: Vec<(VerifierKey, Hand)>,
    vkey: String,
    /// The store's own key until the ledger has the successor's; `None` where that was lost.
    own: Option<String>,
    state_path: PathBuf,
    erasures_path: PathBuf,
}

/// Signs bytes. A hand outside this process could have signed something else, so it is looked at.
fn signature(key: &VerifierKey, hand: &Hand, bytes: &[u8]) -> Result<[u8; 64]> {
    let signature = hand.sign(bytes)?;
    if matches!(hand, Hand::Agent(_)) && !key.verifies(bytes, &signature) {
        return Err(Error::no("agent-refused", "the ssh-agent's signature is wrong")
            .next("check which key the agent holds, with `ssh-add -L`"));
    }
    Ok(signature)
}

/// Where the key of a store lies.
pub fn key_path(store: &Path) -> PathBuf {
    with_ending(store, ".key")
}

/// Where the key's memory lies.
pub fn state_path(store: &Path) -> PathBuf {
    with_ending(store, ".key.state")
}

impl Signer {
    /// Makes a key for a new store.
    pub fn create(
        store: &Path,
        origin: &str,
        new: &NewKey<'_>,
        randomness: &mut dyn Randomness,
    ) -> Result<Signer> {
        let path = key_path(store);
        if path.exists() {
            return Err(Error::usage("key-exists", "a key of that name exists already")
                .at(path.display())
                .next("move it away: it may be the only key of another store"));
        }
        let hand = new.write(&path, randomness)?;
        // An empty journal says "nobody was erased"; a missing one says "unknown".
        let _ = std::fs::remove_file(erasures_path(store));
        write_private(&erasures_path(store), b"")?;
        Signer::new(store, origin, hand)
    }

    /// Opens the key beside a store; `None` when there is none.
    pub fn open(store: &Path, origin: &str, unlocking: &Unlocking<'_>) -> Result<Option<Signer>> {
        open_key_file(&key_path(store), unlocking)?
            .map(|hand| Signer::new(store, origin, hand))
            .transpose()
    }

    /// Somebody who signs for a store.
    pub(super) fn new(store: &Path, origin: &str, hand: Hand) -> Result<Signer> {
        let key = hand.verifier_key(origin)?;
        Ok(Signer {
            vkey: key.to_string(),
            own: Some(key.to_string()),
            hands: vec![(key, hand)],
            state_path: state_path(store),
            erasures_path: erasures_path(store),
        })
    }

    /// The one who signs from now on, together with the one before, if there is one.
    pub(super) fn succeeding(
        before: Option<Signer>,
        store: &Path,
        origin: &str,
        successor: Hand,
    ) -> Result<Signer> {
        let mut signer = Signer::new(store, origin, successor)?;
        signer.own = before.as_ref().map(|before| before.vkey.clone());
        if let Some(before) = before {
            signer.hands.splice(0..0, before.hands);
        }
        Ok(signer)
    }

    /// One hand again: the successor's, or the one's before (if there was one) when nothing came of it.
    pub(super) fn settled(mut self, handed_over: HandedOver) -> Option<Signer> {
        match handed_over {
            HandedOver::Yes => drop(self.hands.drain(..self.hands.len() - 1)),
            HandedOver::No => drop(self.hands.pop()),
        }
        self.vkey = self.hands.last()?.0.to_string();
        self.own = Some(self.vkey.clone());
        Some(self)
    }

    /// Whether it may sign for a store that calls this its key.
    pub(super) fn signs_for(&self, vkey: &[u8]) -> bool {
        self.own.as_ref().is_none_or(|own| own.as_bytes() == vkey)
    }

    /// The public key to hand out.
    pub fn vkey(&self) -> &str {
        &self.vkey
    }

    /// What was signed last; nothing when the memory is missing.
    pub fn state(&self) -> Result<Option<SignedState>> {
        SignedState::read(&self.state_path)
    }

    /// Refuses a store that isn't an extension of what was last signed; returns that.
    pub fn check_extends(&self, log: &Log, conn: &Connection) -> Result<Option<SignedState>> {
        let state = self.state()?;
        state.clone().unwrap_or_default().check_extended(log, conn)?;
        Ok(state)
    }

    /// Signs the ledger's size and root and keeps the note in the store.
    pub fn checkpoint(&self, log: &Log, conn: &Connection) -> Result<()> {
        let note = self.note(log)?;
        let size = i64::try_from(log.size()).expect("a ledger holds fewer than 2^63 entries");
        sql::insert_checkpoint(conn, size, &note)
    }

    /// A signed note over the ledger as it is.
    pub fn note(&self, log: &Log) -> Result<String> {
        let checkpoint =
            Checkpoint { origin: log.origin().to_owned(), size: log.size(), root: log.root() };
        let text = checkpoint.text();
        let signatures = self
            .hands
            .iter()
            .map(|(key, hand)| {
                let signature = signature(key, hand, text.as_bytes())?;
                let (name, id) = (key.name().to_owned(), key.id());
                Ok(SignatureLine { name, id, signature: signature.to_vec() })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Note { text, signatures }.to_text())
    }

    /// Remembers that the ledger as it is was signed; it had `before` entries before that, and `seen` was what
    /// the memory said then. Called after the commit: a crash in between leaves the memory behind the file,
    /// which the file still extends.
    ///
    /// # Errors
    /// `store-replaced` where the memory is of another history by now.
    pub fn remember(
        &self,
        log: &Log,
        conn: &Connection,
        (before, seen): (u64, Option<SignedState>),
    ) -> Result<()> {
        let state = self.state()?;
        let is_seen = state == seen;
        let began = SignedState { since: before, ..SignedState::default() };
        let mut state = state.unwrap_or(began);
        // Another process may have signed more since, and remembered it first.
        if state.size >= log.size() {
            return Ok(());
        }
        if !is_seen && state.check_extended(log, conn).is_err() {
            let what = "another store was put in this one's place meanwhile; what was just written stands in \
                        the file that was moved away";
            return Err(Error::no("store-replaced", what)
                .next("run the same command again, with the store that is there now"));
        }
        state.size = log.size();
        state.root = log.root().to_string();
        self.put_state(&state)
    }

    /// Adds an erasure to the journal, durably. Called before the erasure is committed: a restore
    /// that repeats an erasure which didn't happen finds nothing to repeat.
    pub fn note_erasure(&self, conn: &Connection, erasure: &ErasureNote) -> Result<()> {
        if self.last_erasure_is_undone(conn) {
            self.drop_undone_erasures(conn)?;
        }
        let mut lines = Vec::new();
        if !self.erasures_path.exists() {
            // A journal that began silently would say that nobody was erased before.
            let began = ErasureNote {
                records: Vec::new(),
                fingerprints: Vec::new(),
                told: None,
                lost: true,
                ..erasure.clone()
            };
            push_line(&mut lines, &self.signed(&began)?);
        }
        push_line(&mut lines, &self.signed(erasure)?);
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        private(&mut options);
        let mut file = options.open(&self.erasures_path).map_err(io(&self.erasures_path))?;
        file.write_all(&lines).map_err(io(&self.erasures_path))?;
        file.sync_data().map_err(io(&self.erasures_path))?;
        let journal = std::fs::read(&self.erasures_path).map_err(io(&self.erasures_path))?;
        self.remember_notes(notes_in(&journal))
    }

    /// A note as the key that signs from now on signs it; as it is where that key signed it before.
    ///
    /// # Errors
    /// Those of the agent.
    pub fn signed(&self, note: &ErasureNote) -> Result<ErasureNote> {
        let (key, hand) = self.hands.last().expect("somebody signs");
        if note.is_signed_by(std::slice::from_ref(key)) {
            return Ok(note.clone());
        }
        let signature = signature(key, hand, &note.signed_bytes(key.name()))?;
        Ok(ErasureNote { signature: base64::encode(&signature), ..note.clone() })
    }

    /// Signs anew what one of the keys before signed of the journal, so that the present key alone vouches
    /// for all of it: one of them may be lost, or stolen later.
    pub(super) fn take_over_journal(&self, before: &[VerifierKey]) -> Result<()> {
        // One that can't be read is found by whoever needs it.
        let notes = self.erasures().unwrap_or_default();
        let mut lines = Vec::new();
        for note in &notes {
            let theirs = note.is_signed_by(before);
            push_line(&mut lines, &if theirs { self.signed(note)? } else { note.clone() });
        }
        if notes.is_empty() { Ok(()) } else { replace_private(&self.erasures_path, &lines) }
    }

    /// Whether a note is the key's own, of an erasure that never came to be.
    fn is_undone(&self, conn: &Connection, note: &ErasureNote) -> Result<bool> {
        let own: Vec<VerifierKey> = self.hands.iter().map(|(key, _)| key.clone()).collect();
        Ok(note.is_signed_by(&own) && is_undone(conn, note)?)
    }

    /// Whether the journal ends with an erasure that isn't in the ledger. Another process may be about to
    /// commit it, so only whoever holds the write lock knows for sure. A line that the key didn't sign is
    /// no note of its own: it stays, to be found.
    pub fn last_erasure_is_undone(&self, conn: &Connection) -> bool {
        let journal = std::fs::read(&self.erasures_path).unwrap_or_default();
        let last = journal.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
        let note = last.and_then(|line| serde_json::from_slice(line).ok());
        note.is_some_and(|note| self.is_undone(conn, &note).unwrap_or(false))
    }

    /// Takes the notes of erasures out of the journal that never came to be: noted first, and then the
    /// process was killed before the commit. A later erasure would have the same entry's number.
    pub fn drop_undone_erasures(&self, conn: &Connection) -> Result<()> {
        let mut lines = Vec::new();
        for note in self.erasures()? {
            if !self.is_undone(conn, &note)? {
                push_line(&mut lines, &note);
            }
        }
        // First the count: a journal is longer than what is remembered of it, and never shorter.
        self.remember_notes(notes_in(&lines))?;
        replace_private(&self.erasures_path, &lines)
    }

    /// Remembers how long the journal is.
    fn remember_notes(&self, notes: u64) -> Result<()> {
        let Some(state) = self.state()? else { return Ok(()) };
        self.put_state(&SignedState { notes, ..state })
    }

    /// Every erasure since the store was made, oldest first.
    pub fn erasures(&self) -> Result<Vec<ErasureNote>> {
        read_erasures(&self.erasures_path)
    }

    /// Replaces the memory: written beside it, flushed, and put in its place in one step.
    pub fn put_state(&self, state: &SignedState) -> Result<()> {
        let bytes = serde_json::to_vec(state).expect("a state is JSON");
        replace_private(&self.state_path, &bytes)
    }
}

/// How the name of a file goes on that is to take a private file's place: then by a process and a number.
const FRESH: &str = ".new-";

/// Replaces a file that only its owner can read: written beside it, flushed, and put in its place in
/// one step.
///
/// # Errors
/// I/O errors; the file is then as it was.
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<()> {
    // Several processes and threads may replace it at once, each by a file of its own.
    static TURN: AtomicU64 = AtomicU64::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    let fresh = with_ending(path, &format!("{FRESH}{}-{turn}", std::process::id()));
    let _ = std::fs::remove_file(&fresh);
    write_private(&fresh, bytes)
        .and_then(|()| std::fs::rename(&fresh, path).map_err(io(path)))
        .inspect_err(|_| drop(std::fs::remove_file(&fresh)))
}

/// Removes what processes that were killed left beside a store when they replaced its private files. Where nothing
/// tells which processes run, it stays.
pub fn sweep_private(store: &Path) {
    let processes = Path::new("/proc");
    let (Some(folder), Some(name)) = (store.parent(), store.file_name().and_then(|n| n.to_str()))
    else {
        return;
    };
    if !processes.join("self").exists() {
        return;
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let file = entry.file_name();
        let process = file.to_str().and_then(|file| {
            let (_, left) = file.strip_prefix(name)?.split_once(FRESH)?;
            left.split('-').next()?.parse::<u32>().ok()
        });
        if process.is_some_and(|process| !processes.join(process.to_string()).exists()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Writes a new file that only its owner can read, durably.
///
/// # Errors
/// I/O errors, also when the file exists already; what could not be written whole is removed again.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private(&mut options);
    let mut file = options.open(path).map_err(io(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        let _ = std::fs::remove_file(path);
        io(path)(error)
    })
}

/// The text of a file that is its owner's alone, from one handle: what was looked at is what is read. `None`
/// where others may read or write it.
///
/// # Errors
/// I/O errors.
pub fn read_private(path: &Path) -> std::io::Result<Option<Zeroizing<String>>> {
    let mut file = File::open(path)?;
    let about = file.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if about.permissions().mode() & 0o077 != 0 {
            return Ok(None);
        }
    }
    // As long as it will be at once: a text that grows leaves copies of itself behind.
    let room = usize::try_from(about.len()).unwrap_or(0) + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.read_to_string(&mut text)?;
    Ok(Some(text))
}

fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
}
