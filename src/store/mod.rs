//! The file: opening, writing, and the one promise that everything stands on.
//!
//! **State and ledger change in the same transaction, or not at all** (law 8). Every change goes
//! through [`Store::write`]: one `BEGIN IMMEDIATE`, the caller's work, a checkpoint signed over the
//! entries that it appended, one durable commit. There is one writer at a time; readers go on beside
//! it. Another process may have written in between: `Writer::foreign_change` says so, and whatever a
//! caller remembers of the store must then be forgotten.

mod agent;
mod covering;
mod journal;
mod key_file;
mod log;
mod open;
mod out;
mod policies;
mod proof;
mod registry;
mod rotate;
mod secrets;
mod signer;
mod sql;
mod words;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::{Randomness, RecordKey, StoreSecret};

pub use crate::base::hex::hex;
pub use covering::Covering;
pub use journal::{ErasureNote, erasures_path, notes_in, push_line, read_erasures};
pub use key_file::{Hand, KeyForm, NewKey, Unlocking, lock_text, open_key_file, read_key_file};
pub use log::{Draft, Log, person_gone};
pub use open::{Access, Creation, reader, refuse_backup, side_files};
pub use out::{OutFile, check_apart, check_free, is_same_place};
pub use policies::{
    Applied, applied, apply, in_force, last_declared, latest, notice_texts, purposes_with_consents,
    purposes_with_data, refused_purposes, rulebook_at, rulebook_at_or_first, rulebook_of,
    rulebook_to_be, words_of,
};
pub use proof::{consistency, first_entry_from, inclusion, root_at};
pub use registry::{ErasureAct, REGISTRY, Sensitivity, TableRule};
pub use rotate::{Rotation, aside_path, next_key_path, vouching_keys};
pub use secrets::{Before, LONGEST_SECRET, Secret, Secrets, secrets_path};
pub use signer::write_private as write_private_file;
pub use signer::{SignedState, Signer, key_path, read_private, replace_private, state_path};
pub use sql::{
    Schema, Truncation, checkpoint, copy_file, has_table, last_checkpoint, last_policy_version,
    leaf, leaves, let_others_write, meta, need_table, set_meta, signing_keys,
};
pub use words::{WordKind, Words};

/// An open store.
pub struct Store {
    conn: Connection,
    path: PathBuf,
    secret: StoreSecret,
    words: Words,
    log: Log,
    signer: Option<Signer>,
    actor: String,
    randomness: Box<dyn Randomness + Send>,
    data_version: i64,
    /// The version of the schema that was found to be candor's own.
    own_schema: Option<i64>,
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    TakenBack,
}

/// A write in progress: everything that a change needs, and the moment at which it happens.
pub struct Writer<'a> {
    /// The connection, inside a transaction.
    pub conn: &'a Connection,
    /// The ledger's growing end.
    pub log: &'a mut Log,
    /// Interned words.
    pub words: &'a mut Words,
    /// The store's secret.
    pub secret: &'a StoreSecret,
    /// The source of keys and ids.
    pub randomness: &'a mut dyn Randomness,
    /// The moment of the change: never earlier than the ledger's last entry.
    pub now: Moment,
    /// Who acts.
    pub actor: &'a str,
    /// The key that signs, and its journal.
    pub signer: &'a Signer,
    /// Another process has written since this store's last write.
    pub foreign_change: bool,
}

impl Writer<'_> {
    /// The same write, where somebody else acts: by a token of their own.
    pub fn acting_as<'b>(&'b mut self, actor: &'b str) -> Writer<'b> {
        Writer {
            conn: self.conn,
            log: self.log,
            words: self.words,
            secret: self.secret,
            randomness: self.randomness,
            now: self.now,
            actor,
            signer: self.signer,
            foreign_change: self.foreign_change,
        }
    }

    /// Appends an entry that names no person.
    pub fn append(&mut self, kind: &str, body: serde_json::Value) -> Result<i64> {
        let draft = Draft { kind, actor: self.actor, at: self.now, body: Some(body), about: None };
        self.log.append(self.conn, draft)
    }

    /// Appends an entry about a person: tagged and committed to under the record's key, with the
    /// payload sealed beside it.
    pub fn append_about(
        &mut self,
        kind: &str,
        record: i64,
        key: &RecordKey,
        payload: &serde_json::Value,
        body: Option<serde_json::Value>,
    ) -> Result<i64> {
        let payload = payload.to_string().into_bytes();
        let about = Some((record, key, payload.as_slice()));
        let draft = Draft { kind, actor: self.actor, at: self.now, body, about };
        self.log.append(self.conn, draft)
    }
}

impl Store {
    /// The connection, for reading.
    pub fn conn(&self) -> &Connection {
        &self.conn
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store's secret.
    pub fn secret(&self) -> &StoreSecret {
        &self.secret
    }

    /// Interned words.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// The ledger's state in memory, as of this store's last look.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The signer, when the key lies beside the store.
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// Who acts.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Runs `work` as one durable change with its ledger entries and a signed checkpoint over them.
    /// When `work` fails, nothing of it stays.
    ///
    /// # Errors
    /// `store-busy` when another process keeps writing for longer than the busy timeout;
    /// `key-missing` when there is no key to sign with; `ledger-rolled-back` when the file isn't an
    /// extension of what the key last signed; and whatever `work` returns.
    pub fn write<T>(
        &mut self,
        now: Moment,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T>,
    ) -> Result<T> {
        self.change(now, Fate::Kept, |_, _| Ok(()), |writer, ()| work(writer))
    }

    /// Decides first and changes then, both under the write lock: what was decided can't be overtaken
    /// by another process, and it is decided as of the moment of the change (at least `now`).
    ///
    /// # Errors
    /// Those of [`Store::write`], and whatever `decide` returns.
    pub fn decide_and_write<D, T>(
        &mut self,
        now: Moment,
        decide: impl FnOnce(&Store, Moment) -> Result<D>,
        work: impl FnOnce(&mut Writer<'_>, D) -> Result<T>,
    ) -> Result<T> {
        self.change(now, Fate::Kept, decide, work)
    }

    /// Keeps few pages in memory from now on: for a store beside another one in the same process.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn keep_little(&self) -> Result<()> {
        sql::keep_little(&self.conn)
    }

    /// Reads several things as of one moment, with all that other processes have written until then.
    ///
    /// # Errors
    /// Those of reading, and whatever `read` returns.
    pub fn at_one_moment<T>(&mut self, read: impl FnOnce(&Store) -> Result<T>) -> Result<T> {
        sql::begin_reading(&self.conn)?;
        let outcome = (|| {
            let version = sql::data_version(&self.conn)?;
            if version != self.data_version {
                self.log = Log::load(&self.conn)?;
                self.words = Words::load(&self.conn)?;
                self.data_version = version;
            }
            read(self)
        })();
        sql::rollback(&self.conn);
        outcome
    }

    /// Runs `work` as [`Store::write`] does and takes all of it back: what would have happened.
    pub fn rehearse<T>(
        &mut self,
        now: Moment,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T>,
    ) -> Result<T> {
        let value = self.change(now, Fate::TakenBack, |_, _| Ok(()), |writer, ()| work(writer))?;
        sql::truncate_wal(&self.conn)?;
        Ok(value)
    }

    /// Moves everything from the write-ahead log into the file and empties it. Returns whether a
    /// reader in another process kept it from doing so.
    pub fn truncate_wal(&self) -> Result<Truncation> {
        sql::truncate_wal(&self.conn)
    }

    /// Rebuilds the whole file, so that no old page is left anywhere in it (VACUUM).
    pub fn rebuild(&self) -> Result<()> {
        sql::vacuum(&self.conn)
    }

    /// Takes up the store's key where another process gave it a new one.
    fn take_up_key(&mut self) -> Result<()> {
        let own = sql::meta(&self.conn, "vkey")?.unwrap_or_default();
        if self.signer.as_ref().is_some_and(|signer| !signer.signs_for(&own)) {
            self.signer = Some(rotate::follow(&self.conn, &self.path, self.log.origin())?);
        }
        Ok(())
    }

    fn keyless(&self) -> Error {
        Error::no("key-missing", "the store has no key to sign with, so it is read-only")
            .at(signer::key_path(&self.path).display())
            .next("put the key file back beside the store; it opens for reading without it")
    }

    /// Refuses to write where another program's trigger could do more with it, such as keep what is erased.
    fn refuse_foreign_schema(&mut self) -> Result<()> {
        let version = Schema::version(&self.conn)?;
        if self.own_schema == Some(version) {
            return Ok(());
        }
        if !Schema::of(&self.conn)?.is_own {
            let what = "the file has tables, indexes or triggers of another program, which could keep what is \
                        erased, or undo what is written";
            return Err(Error::damaged("schema-differs", what).at(self.path.display()).next(
                "take them out with the program that made them, and see what they did; `candor audit verify \
                 --deep` tells whether anything else differs",
            ));
        }
        self.own_schema = Some(version);
        Ok(())
    }

    fn change<D, T>(
        &mut self,
        now: Moment,
        fate: Fate,
        decide: impl FnOnce(&Store, Moment) -> Result<D>,
        work: impl FnOnce(&mut Writer<'_>, D) -> Result<T>,
    ) -> Result<T> {
        if self.signer.is_none() {
            return Err(self.keyless());
        }
        sql::begin_immediate(&self.conn)?;
        let version = sql::data_version(&self.conn)?;
        let foreign_change = version != self.data_version;
        let (mut size_before, mut seen) = (0, None);
        let outcome = (|| {
            self.refuse_foreign_schema()?;
            if foreign_change {
                self.log = Log::load(&self.conn)?;
                self.words = Words::load(&self.conn)?;
                self.take_up_key()?;
            }
            let now = now.max(self.log.last_at());
            let decided = decide(self, now)?;
            let Some(signer) = &self.signer else { return Err(self.keyless()) };
            size_before = self.log.size();
            seen = signer.check_extends(&self.log, &self.conn)?;
            let mut writer = Writer {
                conn: &self.conn,
                log: &mut self.log,
                words: &mut self.words,
                secret: &self.secret,
                randomness: &mut *self.randomness,
                now,
                actor: &self.actor,
                signer,
                foreign_change,
            };
            let value = work(&mut writer, decided)?;
            if fate == Fate::Kept {
                if self.log.size() > size_before {
                    signer.checkpoint(&self.log, &self.conn)?;
                }
                sql::commit(&self.conn)?;
            }
            Ok(value)
        })();
        match outcome {
            Ok(value) if fate == Fate::TakenBack => {
                sql::rollback(&self.conn);
                self.log = Log::load(&self.conn)?;
                self.words = Words::load(&self.conn)?;
                Ok(value)
            }
            Ok(value) => {
                self.data_version = version;
                if let Some(signer) = &self.signer {
                    let remembered = signer.remember(&self.log, &self.conn, (size_before, seen));
                    remembered.map_err(|error| Error {
                        what: format!(
                            "what was asked for is done and in the ledger; what its key remembers of it couldn't \
                             be written: {}",
                            error.what
                        ),
                        ..error
                    })?;
                }
                Ok(value)
            }
            Err(error) => {
                sql::rollback(&self.conn);
                // The caches may hold what was rolled back.
                self.log = Log::load(&self.conn)?;
                self.words = Words::load(&self.conn)?;
                Err(error)
            }
        }
    }
}
