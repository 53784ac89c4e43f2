//! What a witness remembers: for each log the last checkpoint that it signed.
//!
//! A witness that forgot could be shown another history. So the file is replaced in one step and
//! flushed before an answer leaves, and a second process on the same file is turned away.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Kind, Result, io};
use crate::base::path::with_ending;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::hash::Hash;
use crate::ledger::vkey::is_key_name;
use crate::store::write_private_file;

/// What was signed last for a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    size: u64,
    root: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Document {
    schema: String,
    name: String,
    logs: BTreeMap<String, Held>,
}

const SCHEMA: &str = "candor.witness/1";

/// A witness's memory and its file.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    document: Document,
    /// Held as long as the state is: a second process can't take it.
    _lock: Option<File>,
}

impl State {
    /// Makes the memory of a new witness.
    ///
    /// # Errors
    /// `key-name`, and those of writing, also when the file exists.
    pub fn create(path: &Path, name: &str) -> Result<State> {
        if !is_key_name(name) {
            return Err(Error::usage(
                "key-name",
                "the name of a witness has no spaces, no plus signs and no control characters",
            )
            .next("for example witness.brand.example/w1"));
        }
        let document =
            Document { schema: SCHEMA.into(), name: name.to_owned(), logs: BTreeMap::new() };
        let bytes = serde_json::to_vec_pretty(&document).expect("a state is JSON");
        write_private_file(path, &bytes)?;
        Ok(State { path: path.to_owned(), document, _lock: None })
    }

    /// Opens a witness's memory to look at it.
    ///
    /// # Errors
    /// Those of reading; `witness-state-damaged`.
    pub fn read(path: &Path) -> Result<State> {
        let damaged = || {
            Error::damaged("witness-state-damaged", "this is no witness's memory")
                .at(path.display())
                .next("restore it from a copy: a witness that forgot can be shown another history")
        };
        let bytes = std::fs::read(path).map_err(io(path))?;
        let document: Document = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if document.schema != SCHEMA {
            return Err(damaged());
        }
        let state = State { path: path.to_owned(), document, _lock: None };
        for origin in state.document.logs.keys() {
            state.held(origin).ok_or_else(damaged)?;
        }
        Ok(state)
    }

    /// Opens a witness's memory to sign by it, alone.
    ///
    /// # Errors
    /// As [`State::read`]; `witness-busy` while another process does.
    pub fn open(path: &Path) -> Result<State> {
        let lock_path = with_ending(path, ".lock");
        let lock = File::create(&lock_path).map_err(io(&lock_path))?;
        lock.try_lock().map_err(|_| {
            Error::new(Kind::Busy, "witness-busy", "another process is this witness already")
                .at(path.display())
                .next("stop it first: two would sign two histories")
        })?;
        Ok(State { _lock: Some(lock), ..State::read(path)? })
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.document.name
    }

    /// What was signed last for a log.
    pub fn held(&self, origin: &str) -> Option<Checkpoint> {
        let held = self.document.logs.get(origin)?;
        Some(Checkpoint {
            origin: origin.to_owned(),
            size: held.size,
            root: Hash::from_base64(&held.root)?,
        })
    }

    /// Every log for which something was signed.
    pub fn logs(&self) -> impl Iterator<Item = (&str, u64)> {
        self.document.logs.iter().map(|(origin, held)| (origin.as_str(), held.size))
    }

    /// Remembers a checkpoint, durably; when that fails, the memory is as it was.
    ///
    /// # Errors
    /// Those of writing.
    pub fn remember(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let held = Held { size: checkpoint.size, root: checkpoint.root.to_string() };
        let before = self.document.logs.insert(checkpoint.origin.clone(), held);
        let saved = self.save();
        if saved.is_err() {
            match before {
                Some(before) => self.document.logs.insert(checkpoint.origin.clone(), before),
                None => self.document.logs.remove(&checkpoint.origin),
            };
        }
        saved
    }

    fn save(&self) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.document).expect("a state is JSON");
        let fresh = with_ending(&self.path, ".new");
        let _ = std::fs::remove_file(&fresh);
        write_private_file(&fresh, &bytes)?;
        std::fs::rename(&fresh, &self.path).map_err(io(&self.path))?;
        // The new name must be durable too, not only what it names.
        #[cfg(unix)]
        {
            let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            File::open(folder).and_then(|file| file.sync_all()).map_err(io(folder))?;
        }
        Ok(())
    }
}
