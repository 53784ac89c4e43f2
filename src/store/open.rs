//! Makes and opens stores, and refuses files that aren't one.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result, io};
use crate::base::path::with_ending;
use crate::base::secret::{Randomness, StoreSecret, SystemRandomness};

use super::Store;
use super::journal::erasures_path;
use super::key_file::{KeyForm, NewKey, Unlocking, read_key_file};
use super::log::{Draft, Log};
use super::policies::number_words;
use super::rotate;
use super::signer::{SignedState, Signer, key_path, state_path, sweep_private};
use super::sql;
use super::words::Words;

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To ask only.
    Read,
    /// To change it.
    Write,
}

/// What a new store is called.
pub struct Creation<'a> {
    /// The file; it must not exist.
    pub path: &'a Path,
    /// The ledger's name; made up from random letters when absent.
    pub origin: Option<&'a str>,
    /// When.
    pub now: Moment,
    /// Who.
    pub actor: &'a str,
}

impl Store {
    /// Makes a store and a key that lies open; see [`Store::create_with`].
    ///
    /// # Errors
    /// As there.
    pub fn create(creation: &Creation<'_>) -> Result<Store> {
        Store::create_with(creation, &NewKey::Open)
    }

    /// Makes a store and its key, with the first ledger entry and the first checkpoint.
    ///
    /// # Errors
    /// `store-exists`, `key-exists`, and I/O errors; what was made until then is removed again.
    pub fn create_with(creation: &Creation<'_>, key: &NewKey<'_>) -> Result<Store> {
        let path = creation.path;
        if path.exists() {
            return Err(Error::usage("store-exists", "the file exists already")
                .at(path.display())
                .next("choose another name, or open it as it is"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Error::usage("folder-not-found", "the store's folder doesn't exist")
                .at(folder.display())
                .next(format!("make it first: mkdir -p {}", folder.display())));
        }
        let mut randomness = SystemRandomness;
        let origin = match creation.origin {
            Some(origin) => valid_origin(origin)?.to_owned(),
            None => {
                let mut bytes = [0; 8];
                randomness.fill(&mut bytes);
                format!("candor/{:016x}", u64::from_be_bytes(bytes))
            }
        };
        let signer = Signer::create(path, &origin, key, &mut randomness)?;
        let made = Self::create_file(creation, &origin, signer);
        if made.is_err() {
            // Only files that this call made: it refused to start where one existed.
            for file in [path.to_owned(), key_path(path), erasures_path(path)] {
                let _ = std::fs::remove_file(file);
            }
        }
        made
    }

    fn create_file(creation: &Creation<'_>, origin: &str, signer: Signer) -> Result<Store> {
        let path = creation.path;
        let mut randomness = SystemRandomness;
        let secret = randomness.key();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags)?;
        restrict(path)?;
        sql::configure(&mut conn)?;
        conn.execute_batch(&format!("PRAGMA application_id = {}", sql::APPLICATION_ID))?;
        sql::configure_writer(&conn)?;
        sql::begin_immediate(&conn)?;
        sql::migrate(&conn, 0)?;
        sql::set_meta(&conn, "origin", origin.as_bytes())?;
        sql::set_meta(&conn, "vkey", signer.vkey().as_bytes())?;
        sql::set_meta(&conn, "secret", &secret)?;
        let mut log = Log::new(origin);
        let body = json!({"schema": sql::MIGRATIONS.len(), "vkey": signer.vkey()});
        let draft = Draft {
            kind: "log.init",
            actor: creation.actor,
            at: creation.now,
            body: Some(body),
            about: None,
        };
        log.append(&conn, draft)?;
        sql::insert_signing_key(&conn, 0, signer.vkey())?;
        signer.checkpoint(&log, &conn)?;
        sql::commit(&conn)?;
        signer.remember(&log, &conn, (0, None))?;
        let data_version = sql::data_version(&conn)?;
        Ok(Store {
            words: Words::load(&conn)?,
            conn,
            path: path.to_owned(),
            secret: StoreSecret::new(secret),
            log,
            signer: Some(signer),
            actor: creation.actor.to_owned(),
            randomness: Box::new(SystemRandomness),
            data_version,
            own_schema: None,
        })
    }

    /// Opens a store whose key lies open; see [`Store::open_with`].
    ///
    /// # Errors
    /// As there, and `key-locked` when a locked key is to sign.
    pub fn open(path: &Path, access: Access, actor: &str) -> Result<Store> {
        Store::open_with(path, access, actor, &Unlocking::none())
    }

    /// Opens a store. Without its key it opens for reading and says so when it is to be changed. Only
    /// a store that is to be changed has its key unlocked.
    ///
    /// # Errors
    /// `store-not-found`, `store-foreign` (no candor store), `store-newer` (made by a newer candor),
    /// `store-is-backup`, and those of unlocking.
    pub fn open_with(
        path: &Path,
        access: Access,
        actor: &str,
        unlocking: &Unlocking<'_>,
    ) -> Result<Store> {
        let conn = connect(path, access)?;
        refuse_backup(&conn, path)?;
        Store::signed(conn, path, access, actor, unlocking)
    }

    /// Opens the copy of a backup that is being brought back. It is a backup, which nobody else opens, until
    /// [`Store::end_restoring`].
    ///
    /// # Errors
    /// As [`Store::open_with`], but for `store-is-backup`.
    pub fn open_restoring(path: &Path, actor: &str, unlocking: &Unlocking<'_>) -> Result<Store> {
        let conn = connect(path, Access::Write)?;
        Store::signed(conn, path, Access::Write, actor, unlocking)
    }

    /// Makes a store of a backup that was brought back whole: everybody is erased who has to be.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn end_restoring(&self) -> Result<()> {
        sql::unmark_backup(&self.conn)
    }

    /// Opens a store for changing, without its key: for those who lost it and have another one.
    ///
    /// # Errors
    /// As [`Store::open_with`].
    pub fn open_keyless(path: &Path, actor: &str) -> Result<Store> {
        let conn = connect(path, Access::Write)?;
        refuse_backup(&conn, path)?;
        Store::assemble(conn, path, Access::Write, actor, None)
    }

    /// A store with the key beside it, where that is the store's own.
    fn signed(
        conn: Connection,
        path: &Path,
        access: Access,
        actor: &str,
        unlocking: &Unlocking<'_>,
    ) -> Result<Store> {
        let origin = super::log::origin(&conn)?;
        let signer = own_signer(&conn, path, &origin, access, unlocking)?;
        Store::assemble(conn, path, access, actor, signer)
    }

    fn assemble(
        conn: Connection,
        path: &Path,
        access: Access,
        actor: &str,
        signer: Option<Signer>,
    ) -> Result<Store> {
        if access == Access::Write {
            sql::configure_writer(&conn)?;
            upgrade(&conn)?;
            sweep_private(path);
        }
        let secret: [u8; 32] = sql::meta(&conn, "secret")?
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| {
                Error::damaged("store-damaged", "the store has lost its secret")
                    .next("restore a backup with `candor restore`")
            })?;
        // Before the file, since another process may be writing: it continues what it remembers.
        let remembered = SignedState::read(&state_path(path))?.unwrap_or_default();
        // All of one moment.
        sql::begin_reading(&conn)?;
        let (data_version, log) = (sql::data_version(&conn)?, Log::load(&conn)?);
        let own = sql::meta(&conn, "vkey")?.unwrap_or_default();
        let signer = match signer {
            // Another process gave the store a new key after this one was read.
            Some(signer) if access == Access::Write && !signer.signs_for(&own) => {
                Some(rotate::follow(&conn, path, log.origin())?)
            }
            signer => signer,
        };
        let words = Words::load(&conn)?;
        // A backup that was put in the store's place would bring erased people back, also to readers.
        remembered.check_extended(&log, &conn)?;
        sql::commit(&conn)?;
        Ok(Store {
            log,
            words,
            data_version,
            own_schema: None,
            conn,
            path: path.to_owned(),
            secret: StoreSecret::new(secret),
            signer,
            actor: actor.to_owned(),
            randomness: Box::new(SystemRandomness),
        })
    }
}

/// Refuses a backup: it may hold people who were erased since, and tells of nobody before a restore has
/// erased them again. It can be verified as it is.
///
/// # Errors
/// `store-is-backup`; `ledger-rolled-back` beside the memory of a key that signed more.
pub fn refuse_backup(conn: &Connection, path: &Path) -> Result<()> {
    if !sql::is_backup(conn)? {
        return Ok(());
    }
    // Where it was put in the store's place, what the key remembers says more.
    let remembered = SignedState::read(&state_path(path))?.unwrap_or_default();
    remembered.check_extended(&Log::load(conn)?, conn)?;
    Err(Error::no("store-is-backup", "this is a backup, and may hold people who were erased since")
        .at(path.display())
        .next(format!(
            "bring it back where the store's key lies, with `candor --store STORE restore {}`, which erases \
             them again; `audit verify` checks it as it is",
            path.display()
        )))
}

/// A read-only connection to a store or a backup, whatever state its ledger is in: for those who verify.
///
/// # Errors
/// `store-not-found`, `store-foreign` (no candor store), `store-newer` (made by a newer candor).
pub fn reader(path: &Path) -> Result<Connection> {
    connect(path, Access::Read)
}

fn connect(path: &Path, access: Access) -> Result<Connection> {
    if !path.is_file() {
        let next = match key_path(path).exists() {
            true => {
                "its key is here: `candor restore BACKUP` brings it back from a backup, also after a restore that was killed"
            }
            false => "make one with `candor init FILE`, or name another with --store",
        };
        return Err(Error::damaged("store-not-found", "there is no such store")
            .at(path.display())
            .next(next));
    }
    let flags = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let connected = match prepared(conn, path) {
        // Without the right to write there, SQLite says the one to root and the other to anybody else; without
        // room, that the disk failed.
        Err(error)
            if matches!(error.code, "store-unreadable" | "store-read-only" | "disk-failed" | "disk-full")
                && access == Access::Read =>
        {
            prepared(connect_unwritable(path)?, path)
        }
        // SQLite can't put its side files where the store lies, and says no more than that.
        // Asked of SQLite, which alone may open and close the file: see `subject::scan`.
        Err(error)
            if error.code == "store-unreadable"
                && connect_as_it_stands(path).is_ok_and(|conn| check_identity(&conn, path).is_ok()) =>
        {
            Err(Error::damaged("store-read-only", "the store can't be written where it lies")
                .at(path.display())
                .next(
                    "make its folder and its disk writable; reports, `profile` and `audit verify` only read",
                ))
        }
        connected => connected,
    }?;
    if access == Access::Read {
        sql::stand_in(&connected)?;
    }
    Ok(connected)
}

/// Sets a connection up, once it is clear that the file is a store.
fn prepared(mut conn: Connection, path: &Path) -> Result<Connection> {
    sql::configure(&mut conn)?;
    check_identity(&conn, path)?;
    Ok(conn)
}

/// A connection to a store in a place where SQLite can't put its side files: nobody can be writing
/// there (who had it open would have put them), so the file is taken as it stands.
fn connect_unwritable(path: &Path) -> Result<Connection> {
    let [wal, _] = side_files(path);
    if std::fs::metadata(&wal).is_ok_and(|wal| wal.len() > 0) {
        return Err(Error::damaged(
            "store-wal-pending",
            "the folder can't be written, and the store's last changes are still in its write-ahead log",
        )
        .at(wal.display())
        .next("copy the store and that file to a folder that you may write to, and open the copy"));
    }
    connect_as_it_stands(path)
}

/// A connection to the file alone, without what may lie beside it.
fn connect_as_it_stands(path: &Path) -> Result<Connection> {
    let absolute = std::path::absolute(path).map_err(io(path))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(immutable_uri(&absolute), flags)?)
}

/// A path as SQLite's URI, with what a URI reserves escaped.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// Refuses files of other programs and of newer versions, without touching them.
fn check_identity(conn: &Connection, path: &Path) -> Result<()> {
    let foreign = || {
        Error::damaged("store-foreign", "the file is no candor store")
            .at(path.display())
            .next("name another file with --store")
    };
    let application = sql::pragma(conn, "application_id").map_err(|error| match error.code {
        "store-busy" | "store-unreadable" => error,
        _ => foreign(),
    })?;
    if application != sql::APPLICATION_ID {
        return Err(foreign());
    }
    let version = sql::pragma(conn, "user_version")?;
    let known = i64::try_from(sql::MIGRATIONS.len()).unwrap_or(0);
    if version > known {
        return Err(Error::damaged(
            "store-newer",
            format!(
                "the store has schema {version}, and this candor knows {known}; nothing was changed"
            ),
        )
        .at(path.display())
        .next("use the newer candor that wrote it"));
    }
    Ok(())
}

/// The key beside the store, if it is the store's own. Another one signs nothing here, and a locked
/// one only where something is to be signed.
fn own_signer(
    conn: &Connection,
    path: &Path,
    origin: &str,
    access: Access,
    unlocking: &Unlocking<'_>,
) -> Result<Option<Signer>> {
    let file = key_path(path);
    let locked = read_key_file(&file)?.is_some_and(|(_, form)| form == KeyForm::Locked);
    if access == Access::Read && locked {
        return Ok(None);
    }
    let signer = Signer::open(path, origin, unlocking)?;
    let own = sql::meta(conn, "vkey")?.unwrap_or_default();
    match signer {
        Some(signer) if signer.vkey().as_bytes() == own => Ok(Some(signer)),
        _ if access == Access::Read => Ok(None),
        other => match rotate::mend(conn, path, origin, unlocking)? {
            Some(signer) => Ok(Some(signer)),
            None if other.is_none() => Ok(None),
            None => Err(Error::no("key-foreign", "the key beside the store is another store's")
                .at(file.display())
                .next("put the store's own key there; nothing was changed")),
        },
    }
}

fn upgrade(conn: &Connection) -> Result<()> {
    let version = sql::pragma(conn, "user_version")?;
    if version < i64::try_from(sql::MIGRATIONS.len()).unwrap_or(0) {
        sql::begin_immediate(conn)?;
        let steps = || {
            sql::migrate(conn, version)?;
            number_words(conn)?;
            sql::commit(conn)
        };
        if let Err(error) = steps() {
            sql::rollback(conn);
            return Err(error);
        }
    }
    Ok(())
}

/// The file is its owner's alone (SQLite gives WAL and shared memory the same mode).
fn restrict(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(io(path))?;
    }
    Ok(())
}

fn valid_origin(origin: &str) -> Result<&str> {
    let fine = !origin.is_empty()
        && origin.len() <= 100
        && !origin.contains('+')
        && origin.chars().all(|c| c.is_ascii_graphic());
    if fine {
        Ok(origin)
    } else {
        Err(Error::usage(
            "origin-invalid",
            "an origin is a name of letters, digits, dots and slashes",
        )
        .next("for example --origin ledger.brand.example/main"))
    }
}

/// The side files that SQLite keeps beside a store.
pub fn side_files(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|ending| with_ending(path, ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::key_chain::Reason;
    use crate::store::NewKey;

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_a_running_one_needs_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.candor");
        let now = Moment::parse("2026-01-01").unwrap();
        let creation = Creation { path: &path, origin: None, now, actor: "test" };
        drop(Store::create(&creation).unwrap());
        let left = |process: u32| with_ending(&state_path(&path), &format!(".new-{process}-0"));
        let (killed, running) = (left(u32::MAX), left(std::process::id()));
        for file in [&killed, &running] {
            std::fs::write(file, b"").unwrap();
        }
        drop(Store::open(&path, Access::Write, "test").unwrap());
        let swept = Path::new("/proc/self").exists();
        assert_eq!((killed.exists(), running.exists()), (!swept, true));
    }

    #[test]
    fn a_key_that_was_replaced_while_the_store_was_being_opened_signs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.candor");
        let now = Moment::parse("2026-01-05T09:00:00Z").unwrap();
        let creation = Creation { path: &path, origin: None, actor: "test", now };
        let mut other = Store::create(&creation).unwrap();
        let conn = connect(&path, Access::Write).unwrap();
        let origin = super::super::log::origin(&conn).unwrap();
        let read = own_signer(&conn, &path, &origin, Access::Write, &Unlocking::none()).unwrap();
        other.rotate(now, Reason::Routine, &NewKey::Open).unwrap();
        let mut store = Store::assemble(conn, &path, Access::Write, "test", read).unwrap();
        store.write(now, |writer| writer.append("test", json!({}))).unwrap();
        assert_eq!(store.signer().unwrap().vkey(), other.signer().unwrap().vkey());
    }

    #[test]
    fn who_goes_on_with_a_store_that_was_replaced_is_told_and_leaves_the_keys_memory_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.candor");
        let now = Moment::parse("2026-01-05T09:00:00Z").unwrap();
        let creation = Creation { path: &path, origin: None, actor: "test", now };
        let mut store = Store::create(&creation).unwrap();
        let other = SignedState { size: 1, root: "another".into(), ..SignedState::default() };
        let error = store
            .write(now, |writer| {
                // As a restore does that ends meanwhile.
                writer.signer.put_state(&other)?;
                writer.append("test", json!({}))
            })
            .unwrap_err();
        assert_eq!(error.code, "store-replaced");
        assert_eq!(SignedState::read(&state_path(&path)).unwrap(), Some(other));
    }
}
