//! The baselines: the same rows in plain SQLite, without gate, ledger, rollups or erasure.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::data::{Event, Events};
use crate::measure::Spent;

const BATCH_ROWS: usize = 1000;

/// What stands beside the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// Nothing: rows are appended.
    None,
    /// One index by person and time.
    PersonTime,
}

/// A plain load.
pub struct Load {
    /// All of it.
    pub whole: Spent,
    /// The last `tail` rows.
    pub tail: Spent,
    /// The size of the file at the end.
    pub bytes: u64,
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open(path)?;
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF;
         PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8000;
         CREATE TABLE event (
           seq INTEGER PRIMARY KEY, pid INTEGER NOT NULL, ts INTEGER NOT NULL,
           name INTEGER NOT NULL, purpose INTEGER NOT NULL, mid BLOB NOT NULL, props TEXT NOT NULL
         )",
    )?;
    Ok(conn)
}

fn insert(conn: &Connection, batch: &[Event]) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let mut statement = conn.prepare_cached(
        "INSERT INTO event (pid, ts, name, purpose, mid, props) VALUES ($1, $2, $3, $4, $5, $6)",
    )?;
    for event in batch {
        let mut mid = [0; 16];
        mid[..8].copy_from_slice(&event.id.to_be_bytes());
        statement.execute(params![event.person as i64, event.at, 1, 3, mid, event.properties])?;
    }
    drop(statement);
    conn.execute_batch("COMMIT")
}

/// Loads `count` events, the last `tail` of them with the index in place. (Before those, an index is
/// made at once, which is what keeps the measurement short: only the last rows are measured.)
pub fn load(path: &Path, count: u64, tail: u64, index: Index) -> rusqlite::Result<Load> {
    let conn = open(path)?;
    let make_index = "CREATE INDEX event_pid ON event (pid, ts)";
    let (mut whole, mut last) = (Spent::default(), Spent::default());
    let (mut done, mut indexed) = (0, false);
    let mut events = Events::new(count);
    loop {
        let batch: Vec<Event> = events.by_ref().take(BATCH_ROWS).collect();
        if batch.is_empty() {
            break;
        }
        let in_tail = done >= count.saturating_sub(tail);
        if in_tail && !indexed && index == Index::PersonTime {
            conn.execute_batch(make_index)?;
            indexed = true;
        }
        let mut spent = Spent::default();
        spent.add(|| insert(&conn, &batch))?;
        for sum in [Some(&mut whole), in_tail.then_some(&mut last)].into_iter().flatten() {
            sum.cpu += spent.cpu;
            sum.wall += spent.wall;
        }
        done += batch.len() as u64;
    }
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    drop(conn);
    let bytes = std::fs::metadata(path).map(|about| about.len()).unwrap_or(0);
    Ok(Load { whole, tail: last, bytes })
}
