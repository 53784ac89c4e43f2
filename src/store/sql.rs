//! Every statement about the file as a whole.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::base::error::{Error, Result};

/// `CNDR`: lets `file` and other tools name the format.
pub const APPLICATION_ID: i64 = 0x434e_4452;

/// The schema's scripts, in order; `user_version` counts those that were run.
pub const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001_store.sql"),
    include_str!("schema/0002_linking.sql"),
    include_str!("schema/0003_newcomers.sql"),
    include_str!("schema/0004_write_keys.sql"),
    include_str!("schema/0005_outbox.sql"),
    include_str!("schema/0006_tokens.sql"),
    include_str!("schema/0007_pages.sql"),
    include_str!("schema/0008_sought.sql"),
    include_str!("schema/0009_imports.sql"),
    include_str!("schema/0010_partings.sql"),
    include_str!("schema/0011_disclosed_along.sql"),
];

/// Whether a store has a table: one of an older candor lacks what came since, until it is opened for writing.
///
/// # Errors
/// Those of reading.
pub fn has_table(conn: &Connection, table: &str) -> Result<bool> {
    let creates = format!("CREATE TABLE {table} (");
    let script = MIGRATIONS.iter().position(|script| script.contains(&creates));
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(script.zip(usize::try_from(version).ok()).is_some_and(|(script, version)| script < version))
}

/// The same, where nothing can be said without it. `command` is one that opens a store for writing.
///
/// # Errors
/// `store-older` where it lacks it, and those of reading.
pub fn need_table(conn: &Connection, table: &str, command: &str) -> Result<()> {
    if has_table(conn, table)? {
        return Ok(());
    }
    let what = "the store is of an older candor, and was not opened for writing since";
    Err(Error::no("store-older", what)
        .next(format!("run a command that writes, such as `{command}`")))
}

/// How long a process waits for another one's write, in milliseconds.
pub const BUSY_TIMEOUT_MS: u64 = 10_000;

/// How often it looks in that time, in milliseconds. SQLite alone would look ten times a second, and
/// miss the moments between one transaction and the next of a process that writes on and on.
const LOOK_MS: u64 = 2;

/// How long a process that writes on and on stays away in between, in milliseconds: several looks.
const GAP_MS: u64 = 5 * LOOK_MS;

/// Waits for another process's write; gives up in the end.
fn wait(looks: i32) -> bool {
    let waited = u64::try_from(looks).unwrap_or(0).saturating_mul(LOOK_MS);
    let goes_on = waited < BUSY_TIMEOUT_MS;
    if goes_on {
        std::thread::sleep(std::time::Duration::from_millis(LOOK_MS));
    }
    goes_on
}

/// Stays away from the store for as long as it takes others that wait to see that it is free.
pub fn let_others_write() {
    std::thread::sleep(std::time::Duration::from_millis(GAP_MS));
}

pub fn configure(conn: &mut Connection) -> Result<()> {
    conn.busy_handler(Some(wait))?;
    conn.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -49152; PRAGMA secure_delete = ON;",
    )?;
    // SQLite was built with STAT4: without this it prepares statements anew whenever another value
    // is bound to them, and that costs more than running them.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Keeps few pages in memory: for a store beside another one in the same process.
pub fn keep_little(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch("PRAGMA cache_size = -4096")?)
}

/// Lets a store of an older candor be read as if it had the tables that much is read by: nobody is known to have
/// parted, nor whose values went out along with another's address.
pub fn stand_in(conn: &Connection) -> Result<()> {
    for (table, columns) in [
        ("parting", "record INTEGER, entry INTEGER, home INTEGER"),
        ("disclosed_along", "disclosure INTEGER"),
    ] {
        if !has_table(conn, table)? {
            conn.execute_batch(&format!("CREATE TEMP TABLE {table} ({columns})"))?;
        }
    }
    Ok(())
}

pub fn configure_writer(conn: &Connection) -> Result<()> {
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000;")?;
    Ok(())
}

pub fn pragma(conn: &Connection, name: &str) -> Result<i64> {
    Ok(conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
}

pub fn data_version(conn: &Connection) -> Result<i64> {
    pragma(conn, "data_version")
}

pub fn begin_reading(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch("BEGIN")?)
}

pub fn begin_immediate(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch("BEGIN IMMEDIATE")?)
}

pub fn commit(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch("COMMIT")?)
}

/// Best effort: SQLite has already rolled back where this fails.
pub fn rollback(conn: &Connection) {
    if !conn.is_autocommit() {
        let _ = conn.execute_batch("ROLLBACK");
    }
}

/// Runs the scripts that the file hasn't seen, each with its number, in one transaction.
pub fn migrate(conn: &Connection, from: i64) -> Result<()> {
    for (index, script) in MIGRATIONS.iter().enumerate().skip(usize::try_from(from).unwrap_or(0)) {
        conn.execute_batch(script)?;
        conn.execute_batch(&format!("PRAGMA user_version = {}", index + 1))?;
    }
    Ok(())
}

/// What a file declares: its tables, indexes and triggers.
pub struct Schema {
    /// How many there are.
    pub count: u64,
    /// Whether they are those that candor's scripts make and no others, but for statistics. A trigger of
    /// another's could keep what is erased.
    pub is_own: bool,
    /// Whether `ANALYZE` left its tables, which hold numbers about the data and samples of it.
    pub has_statistics: bool,
}

impl Schema {
    /// Reads it.
    ///
    /// # Errors
    /// Those of reading.
    pub fn of(conn: &Connection) -> Result<Schema> {
        let declared = |conn: &Connection| -> Result<Vec<[String; 3]>> {
            let mut statement = conn.prepare(
                "SELECT type, name, COALESCE(sql, '') FROM sqlite_schema ORDER BY type, name",
            )?;
            let rows =
                statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let pristine = Connection::open_in_memory()?;
        // A store of an older candor has the older schema until it is opened for writing.
        for script in MIGRATIONS.iter().take(usize::try_from(version).unwrap_or(0)) {
            pristine.execute_batch(script)?;
        }
        let mut held = declared(conn)?;
        let count = held.len() as u64;
        held.retain(|[kind, name, _]| {
            kind != "table" || !["sqlite_stat1", "sqlite_stat4"].contains(&name.as_str())
        });
        let has_statistics = held.len() as u64 != count;
        Ok(Schema { count, is_own: held == declared(&pristine)?, has_statistics })
    }

    /// A number that changes with every change of what a file declares.
    ///
    /// # Errors
    /// Those of reading.
    pub fn version(conn: &Connection) -> Result<i64> {
        Ok(conn.query_row("PRAGMA schema_version", [], |row| row.get(0))?)
    }
}

/// Whether the write-ahead log could be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// It is empty.
    Done,
    /// A reader still needs it.
    Blocked,
}

pub fn truncate_wal(conn: &Connection) -> Result<Truncation> {
    let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(if busy == 0 { Truncation::Done } else { Truncation::Blocked })
}

/// The fact by which a backup tells that it is one.
const BACKUP: &str = "backup";

/// Copies a whole store to another file, page by page, as of one moment. The copy is a backup, which opens only
/// by a restore.
pub fn copy_file(conn: &Connection, to: &std::path::Path) -> Result<()> {
    let mut target = Connection::open(to)?;
    let copy = rusqlite::backup::Backup::new(conn, &mut target)?;
    // All pages in one step: readers and writers go on, and the copy is of one moment.
    while copy.step(-1)? != rusqlite::backup::StepResult::Done {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(copy);
    set_meta(&target, BACKUP, b"")?;
    target.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// Whether a file is a backup. Those of an older candor don't tell.
pub fn is_backup(conn: &Connection) -> Result<bool> {
    Ok(meta(conn, BACKUP)?.is_some())
}

/// Whether a key is the one of a record, and was not destroyed.
pub fn is_key_of(conn: &Connection, record: i64, key: &[u8; 32]) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM record_key WHERE record = $1 AND k = $2 AND k <> zeroblob(32))",
        )?
        .query_row(rusqlite::params![record, &key[..]], |row| row.get(0))?)
}

/// Makes a store of a backup.
pub fn unmark_backup(conn: &Connection) -> Result<()> {
    conn.execute("DELETE FROM meta WHERE name = $1", [BACKUP])?;
    Ok(())
}

pub fn vacuum(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch("VACUUM")?)
}

/// A fact about the store itself.
pub fn meta(conn: &Connection, name: &str) -> Result<Option<Vec<u8>>> {
    use rusqlite::OptionalExtension;
    Ok(conn
        .prepare_cached("SELECT value FROM meta WHERE name = $1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// Sets a fact about the store itself.
pub fn set_meta(conn: &Connection, name: &str, value: &[u8]) -> Result<()> {
    conn.execute(
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
        rusqlite::params![name, value],
    )?;
    Ok(())
}

pub fn insert_entry(conn: &Connection, n: i64, leaf: &[u8]) -> Result<()> {
    conn.prepare_cached("INSERT INTO entry (n, leaf) VALUES ($1, $2)")?
        .execute(rusqlite::params![n, leaf])?;
    Ok(())
}

pub fn insert_payload(conn: &Connection, n: i64, record: i64, body: &[u8]) -> Result<()> {
    conn.prepare_cached("INSERT INTO payload (n, record, body) VALUES ($1, $2, $3)")?
        .execute(rusqlite::params![n, record, body])?;
    Ok(())
}

pub fn insert_node(conn: &Connection, level: i64, i: i64, hash: &[u8]) -> Result<()> {
    conn.prepare_cached("INSERT INTO node (level, i, h) VALUES ($1, $2, $3)")?
        .execute(rusqlite::params![level, i, hash])?;
    Ok(())
}

pub fn insert_checkpoint(conn: &Connection, size: i64, note: &str) -> Result<()> {
    conn.prepare_cached("INSERT INTO checkpoint (size, note) VALUES ($1, $2)")?
        .execute(rusqlite::params![size, note.as_bytes()])?;
    Ok(())
}

pub fn insert_signing_key(conn: &Connection, entry: i64, vkey: &str) -> Result<()> {
    conn.execute(
        "INSERT INTO signing_key (entry, vkey) VALUES ($1, $2)",
        rusqlite::params![entry, vkey],
    )?;
    Ok(())
}

/// The keys that have signed, each with the entry that brought it, oldest first.
pub fn signing_keys(conn: &Connection) -> Result<Vec<(i64, String)>> {
    let mut statement = conn.prepare("SELECT entry, vkey FROM signing_key ORDER BY entry")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The signed note that is kept under a size.
pub fn checkpoint(conn: &Connection, size: i64) -> Result<Option<Vec<u8>>> {
    use rusqlite::OptionalExtension;
    Ok(conn
        .prepare_cached("SELECT note FROM checkpoint WHERE size = $1")?
        .query_row([size], |row| row.get(0))
        .optional()?)
}

/// The latest checkpoint: the number of entries under it, and the signed note.
pub fn last_checkpoint(conn: &Connection) -> Result<Option<(i64, Vec<u8>)>> {
    use rusqlite::OptionalExtension;
    Ok(conn
        .prepare_cached("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

pub fn entry_count(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("SELECT COALESCE(MAX(n) + 1, 0) FROM entry", [], |row| row.get(0))?)
}

/// The bytes of an entry.
pub fn leaf(conn: &Connection, n: i64) -> Result<Option<Vec<u8>>> {
    use rusqlite::OptionalExtension;
    Ok(conn
        .prepare_cached("SELECT leaf FROM entry WHERE n = $1")?
        .query_row([n], |row| row.get(0))
        .optional()?)
}

/// Runs `each` over the leaves from `first` on, in order, until it says stop.
pub fn leaves(
    conn: &Connection,
    first: i64,
    end: i64,
    mut each: impl FnMut(i64, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut statement =
        conn.prepare_cached("SELECT n, leaf FROM entry WHERE n >= $1 AND n < $2 ORDER BY n")?;
    let mut rows = statement.query([first, end])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, row.get_ref(1)?.as_blob().unwrap_or_default())?;
    }
    Ok(())
}

pub fn node(conn: &Connection, level: i64, i: i64) -> Result<Option<Vec<u8>>> {
    use rusqlite::OptionalExtension;
    Ok(conn
        .prepare_cached("SELECT h FROM node WHERE level = $1 AND i = $2")?
        .query_row([level, i], |row| row.get(0))
        .optional()?)
}

pub fn words(conn: &Connection) -> Result<Vec<(String, i64, String, i64)>> {
    let mut statement = conn.prepare_cached("SELECT kind, code, text, since FROM word")?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn insert_word(conn: &Connection, kind: &str, code: i64, text: &str, since: i64) -> Result<()> {
    conn.prepare_cached("INSERT INTO word (kind, code, text, since) VALUES ($1, $2, $3, $4)")?
        .execute(rusqlite::params![kind, code, text, since])?;
    Ok(())
}

pub fn purpose_sets(conn: &Connection) -> Result<Vec<(i64, i64)>> {
    let mut statement = conn.prepare_cached("SELECT id, mask FROM purpose_set")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn insert_purpose_set(conn: &Connection, mask: i64) -> Result<i64> {
    Ok(conn
        .prepare_cached("INSERT INTO purpose_set (mask) VALUES ($1) RETURNING id")?
        .query_row([mask], |row| row.get(0))?)
}

pub fn insert_policy(
    conn: &Connection,
    version: i64,
    entry: i64,
    applied_at: i64,
    sha256: &[u8],
    text: &str,
) -> Result<()> {
    conn.execute(
        "INSERT INTO policy (version, entry, applied_at, sha256, text) VALUES ($1, $2, $3, $4, $5)",
        rusqlite::params![version, entry, applied_at, sha256, text],
    )?;
    Ok(())
}

pub struct PolicyRow {
    pub version: i64,
    pub entry: i64,
    pub applied_at: i64,
    pub sha256: Vec<u8>,
    pub text: String,
}

/// The number of the policy in force.
pub fn last_policy_version(conn: &Connection) -> Result<Option<u32>> {
    Ok(conn.prepare_cached("SELECT MAX(version) FROM policy")?.query_row([], |row| row.get(0))?)
}

/// Every applied policy, in order.
pub fn policies(conn: &Connection) -> Result<Vec<PolicyRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT version, entry, applied_at, sha256, text FROM policy ORDER BY version",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(PolicyRow {
            version: row.get(0)?,
            entry: row.get(1)?,
            applied_at: row.get(2)?,
            sha256: row.get(3)?,
            text: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub struct NoticeRow<'a> {
    pub name: &'a str,
    pub version: u32,
    pub language: &'a str,
    pub material: bool,
    pub sha256: &'a [u8],
    pub text: &'a str,
    pub policy: i64,
}

/// Keeps a notice text; one that is held already stays as it is.
pub fn keep_notice(conn: &Connection, notice: &NoticeRow<'_>) -> Result<()> {
    conn.execute(
        "INSERT INTO notice (name, version, language, material, sha256, text, policy)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name, version, language) DO NOTHING",
        rusqlite::params![
            notice.name,
            notice.version,
            notice.language,
            notice.material,
            notice.sha256,
            notice.text,
            notice.policy
        ],
    )?;
    Ok(())
}

/// The purposes under which any value or event is held: the purpose sets of rows that hold something.
pub fn purpose_sets_in_use(conn: &Connection) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT purposes FROM value WHERE state <> 4
         UNION SELECT DISTINCT purposes FROM event",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The purposes to which somebody consented: the codes of statements by which consent was given or renewed.
pub fn purposes_consented_to(conn: &Connection) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT purpose FROM statement WHERE axis = 1 AND state IN (3, 7)",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The purposes to which somebody said no: the codes of statements by which consent was refused, withdrawn or
/// found not to be valid, or an objection raised.
pub fn purposes_refused(conn: &Connection) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT purpose FROM statement
         WHERE (axis = 1 AND state IN (4, 5, 8)) OR (axis = 3 AND state = 3)",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The texts of a version of a notice: (language, text).
pub fn notice_texts(conn: &Connection, name: &str, version: u32) -> Result<Vec<(String, String)>> {
    let mut statement = conn.prepare_cached(
        "SELECT language, text FROM notice WHERE name = $1 AND version = $2 ORDER BY language",
    )?;
    let rows = statement
        .query_map(rusqlite::params![name, version], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
