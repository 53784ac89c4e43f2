//! The parts of an import, each run alone over the same data: there is no way to switch the gate,
//! the ledger or the rollups off, so their tax is what they take by themselves.

use std::collections::{BTreeMap, HashMap};

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::collect::{self, Content, ReadOptions};
use candor::consent::fold::AsOf;
use candor::consent::gate::open_purposes;
use candor::consent::history::History;
use candor::ledger::commit::{ItemKind, commitment, item_leaf, item_salt};
use candor::ledger::tree::Frontier;
use candor::store::latest;
use rusqlite::{Connection, params};

use crate::brand::{Brand, SOURCE};
use crate::data::Events;
use crate::measure::Spent;

const BATCH_ROWS: usize = 20_000;
/// People whose answers an import remembers at once.
const REMEMBERED_MAX: usize = 110_000;

/// Reads and maps the file of events, and does nothing with them.
pub fn parse(brand: &Brand) -> Result<Spent> {
    let store = brand.open()?;
    let rules = latest(store.conn(), store.words())?;
    let source = &rules.policy.sources[SOURCE];
    let options = ReadOptions::of(&rules.policy, Moment::now());
    let (events, spent) = Spent::of(|| -> Result<u64> {
        let mut events = 0;
        for item in collect::read(&brand.events_file, source, SOURCE, &options)? {
            if let Content::Record(record) = item?.content {
                events += record.events.len() as u64;
            }
        }
        Ok(events)
    });
    assert_eq!(events?, brand.count, "every row carries an event");
    Ok(spent)
}

/// Reads where each person stands, as often as an import does, and asks the gate for each event.
pub fn gate(brand: &Brand) -> Result<Spent> {
    let store = brand.open()?;
    let rules = latest(store.conn(), store.words())?;
    let now = Moment::now();
    let people: Vec<u64> = Events::new(brand.count).map(|event| event.person).collect();
    let (open, spent) = Spent::of(|| -> Result<i64> {
        let mut open = 0;
        let mut answers: HashMap<i64, i64> = HashMap::new();
        for person in &people {
            // Subjects count from 1 in the order in which the people were imported.
            let subject = *person as i64 + 1;
            let mask = match answers.get(&subject) {
                Some(mask) => *mask,
                None => {
                    let history = History::load(store.conn(), subject)?;
                    let standing = history.standing_of(subject, AsOf::at(now));
                    let mask = open_purposes(&rules, &standing, now);
                    if answers.len() >= REMEMBERED_MAX {
                        answers.clear();
                    }
                    answers.insert(subject, mask);
                    mask
                }
            };
            open |= mask & rules.covering("behaviour");
        }
        Ok(open)
    });
    assert_ne!(open?, 0, "somebody's behaviour is admitted");
    Ok(spent)
}

/// Commits to each event: salt, commitment, leaf and tree.
pub fn ledger(brand: &Brand) -> Spent {
    let mut spent = Spent::default();
    let mut events = Events::new(brand.count).enumerate();
    loop {
        let batch: Vec<_> = events.by_ref().take(BATCH_ROWS).collect();
        if batch.is_empty() {
            return spent;
        }
        let bodies: Vec<_> = batch
            .into_iter()
            .map(|(seq, event)| {
                let body = format!(
                    r#"{{"at":{},"id":"{:016x}","name":"viewed","properties":{}}}"#,
                    event.at, event.id, event.properties
                );
                (seq as u64, [event.person as u8; 32], body.into_bytes())
            })
            .collect();
        let root = spent.add(|| {
            let mut tree = Frontier::new();
            for (seq, key, body) in &bodies {
                let salt = item_salt(key, ItemKind::Event, *seq);
                tree.append(item_leaf(&commitment(&salt, body)));
            }
            tree.root()
        });
        std::hint::black_box(root);
    }
}

/// Keeps one rollup for each person, sorted and written once a batch.
pub fn rollup(path: &std::path::Path, count: u64) -> rusqlite::Result<Spent> {
    let conn = Connection::open(path)?;
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
         PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8000;
         CREATE TABLE rollup (
           record INTEGER, name INTEGER, count INTEGER, sum INTEGER, first_at INTEGER,
           last_at INTEGER, last_event INTEGER, PRIMARY KEY (record, name)
         ) WITHOUT ROWID",
    )?;
    let mut spent = Spent::default();
    let mut events = Events::new(count).enumerate();
    loop {
        let batch: Vec<(i64, i64, i64)> = events
            .by_ref()
            .take(BATCH_ROWS)
            .map(|(seq, event)| (seq as i64, event.person as i64, event.at))
            .collect();
        if batch.is_empty() {
            return Ok(spent);
        }
        spent.add(|| write_rollups(&conn, &batch))?;
    }
}

fn write_rollups(conn: &Connection, batch: &[(i64, i64, i64)]) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let mut read =
        conn.prepare_cached("SELECT count, first_at FROM rollup WHERE record = $1 AND name = 1")?;
    let mut rollups: BTreeMap<i64, [i64; 4]> = BTreeMap::new();
    for (seq, person, at) in batch {
        let rollup = match rollups.get_mut(person) {
            Some(rollup) => rollup,
            None => {
                let mut rows = read.query([person])?;
                let held = match rows.next()? {
                    Some(row) => [row.get(0)?, row.get(1)?, 0, 0],
                    None => [0, *at, 0, 0],
                };
                rollups.entry(*person).or_insert(held)
            }
        };
        *rollup = [rollup[0] + 1, rollup[1], *at, *seq];
    }
    let mut write = conn.prepare_cached(
        "INSERT INTO rollup VALUES ($1, 1, $2, 0, $3, $4, $5)
         ON CONFLICT (record, name) DO UPDATE SET count = $2, last_at = $4, last_event = $5",
    )?;
    for (person, [count, first_at, last_at, last_event]) in rollups {
        write.execute(params![person, count, first_at, last_at, last_event])?;
    }
    drop((read, write));
    conn.execute_batch("COMMIT")
}
