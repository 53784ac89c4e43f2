//! Single flipped bits, anywhere in the file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use candor::verify::verify;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::small::{Small, codes, file_only};

/// What no claim covers: a column, and what is left of it that one does. `ATTACKS.md` says why.
#[rustfmt::skip]
const UNCLAIMED: &[(&str, &str, &str)] = &[
    ("subject", "public_id", "0"),
    ("subject", "state", "state = 3"),
    ("record", "subject", "0"),
    ("record", "home", "0"),
    ("record", "source", "CASE WHEN last_value = 0 THEN 0 ELSE source END"),
    ("record", "key_blind", "CASE WHEN EXISTS (SELECT 1 FROM value v WHERE v.record = record.id AND v.state <> 4) THEN key_blind ELSE 0 END"),
    ("merge_record", "record", "0"),
    ("merge_record", "merge", "0"),
    ("disclosure", "id", "0"),
    ("disclosure", "record", "0"),
    ("request", "record", "0"),
    ("notice", "id", "0"),
    ("payload", "record", "CASE WHEN body = zeroblob(length(body)) THEN 0 ELSE record END"),
    ("identifier", "blind", "CASE WHEN value = 0 THEN 0 ELSE blind END"),
    ("identifier", "record", "CASE WHEN value = 0 THEN 0 ELSE record END"),
    ("identifier", "kind", "CASE WHEN value = 0 THEN 0 ELSE kind END"),
    ("purpose_set", "mask", "CASE WHEN id IN (SELECT purposes FROM value UNION SELECT purposes FROM event) THEN mask ELSE 0 END"),
    ("value", "field", "CASE WHEN state = 4 THEN 0 ELSE field END"),
    ("value", "purposes", "CASE WHEN state = 4 OR seq IN (SELECT seq FROM kept_salt WHERE item = 1) THEN 0 ELSE purposes END"),
    ("event", "name", "CASE WHEN purposes = 2 THEN 0 ELSE name END"),
    ("event", "purposes", "CASE WHEN seq IN (SELECT seq FROM kept_salt WHERE item = 2) THEN 0 ELSE purposes END"),
];

/// Tables of which no claim covers anything.
const UNCLAIMED_TABLES: [&str; 2] = ["link", "import"];

/// Every claimed row of the file, as SQLite reads it.
fn dump(path: &Path) -> rusqlite::Result<BTreeMap<String, Vec<Vec<Value>>>> {
    let conn = Connection::open(path)?;
    let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut all = BTreeMap::new();
    let claimed =
        |name: &String| !name.starts_with("sqlite_") && !UNCLAIMED_TABLES.contains(&name.as_str());
    for table in tables.into_iter().filter(claimed) {
        let none = conn.prepare(&format!("SELECT * FROM {table} LIMIT 0"))?;
        let columns = none.column_names().map(|name| {
            let left = UNCLAIMED.iter().find(|(t, column, _)| *t == table && *column == name);
            left.map_or_else(|| format!("\"{name}\""), |(_, _, left)| (*left).to_owned())
        });
        let columns: Vec<String> = columns.collect();
        let mut rows = conn.prepare(&format!("SELECT {} FROM {table}", columns.join(", ")))?;
        let rows = rows.query_map([], |row| (0..columns.len()).map(|i| row.get(i)).collect())?;
        let rows: Vec<Vec<Value>> = rows.collect::<rusqlite::Result<_>>()?;
        all.insert(table, rows);
    }
    Ok(all)
}

/// The next number of a plain generator (SplitMix64): the same flips in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn a_flipped_bit_in_what_is_claimed_is_found() {
    let small = Small::new();
    let clean = std::fs::read(&small.path).unwrap();
    let before = dump(&small.copy(&small.path).path).unwrap();
    assert!(before.len() > 20 && before["entry"].len() > 20, "the dump shows something");
    let copy = small.copy(&small.path);
    small.remember(&copy);
    let end = Instant::now() + Duration::from_secs(60);
    let mut state = 2018;
    let (mut flips, mut found, mut unreadable, mut unclaimed) = (0, 0, 0, 0);
    let mut missed = Vec::new();
    while flips < 300 && Instant::now() < end {
        flips += 1;
        let place = usize::try_from(next(&mut state) % clean.len() as u64).unwrap();
        let bit = 1_u8 << (next(&mut state) % 8);
        let mut bytes = clean.clone();
        bytes[place] ^= bit;
        for side in candor::store::side_files(&copy.path) {
            let _ = std::fs::remove_file(side);
        }
        std::fs::write(&copy.path, &bytes).unwrap();
        match verify(&copy.path, &file_only()) {
            Err(_) => unreadable += 1,
            Ok(report) if !codes(&report).is_empty() => found += 1,
            Ok(_) => {
                unclaimed += 1;
                let after = dump(&copy.path);
                if after.as_ref().ok() != Some(&before) {
                    let tables: Vec<&String> = match &after {
                        Ok(after) => {
                            before.keys().filter(|t| after.get(*t) != before.get(*t)).collect()
                        }
                        Err(_) => Vec::new(),
                    };
                    missed.push(format!("byte {place}, bit {bit}: {tables:?}"));
                }
            }
        }
    }
    println!(
        "{flips} flips in {} bytes: {found} found, {unreadable} unreadable, {unclaimed} in nothing claimed",
        clean.len()
    );
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(flips >= 100, "only {flips} flips in a minute");
    assert!(found > 0 && unclaimed > 0, "each outcome is met");
}
