//! Single flipped bits, anywhere in the file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use candor::verify::verify;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::small::{Small, codes, file_only};

/// What no claim covers, with why.
const UNCLAIMED: &[(&str, &[&str])] = &[
    // Random, and no entry holds it, except in payloads of merges.
    ("subject", &["public_id"]),
    // Whose data was joined with whose is decided anew at any time.
    ("link", &["id", "a", "b", "kind", "identifier", "weight", "model", "entry", "retired_entry"]),
    // Progress of imports.
    (
        "import",
        &[
            "id",
            "source",
            "file",
            "policy",
            "state",
            "resume_line",
            "started_at",
            "finished_at",
            "totals",
        ],
    ),
];

/// Every claimed row of the file, as it is read without an index.
fn dump(path: &Path) -> rusqlite::Result<BTreeMap<String, Vec<Vec<Value>>>> {
    let conn = Connection::open(path)?;
    let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut all = BTreeMap::new();
    for table in tables.into_iter().filter(|name| !name.starts_with("sqlite_")) {
        let hidden = UNCLAIMED.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, c)| c);
        let mut columns = conn.prepare(&format!("SELECT * FROM {table} LIMIT 0"))?;
        let columns: Vec<String> = columns
            .column_names()
            .into_iter()
            .filter(|name| !hidden.contains(name))
            .map(|name| format!("\"{name}\""))
            .collect();
        columns.is_empty().then(|| all.insert(table.clone(), Vec::new()));
        if columns.is_empty() {
            continue;
        }
        let mut rows = conn.prepare(&format!("SELECT {} FROM {table}", columns.join(", ")))?;
        let rows: Vec<Vec<Value>> = rows
            .query_map([], |row| (0..columns.len()).map(|i| row.get(i)).collect())?
            .collect::<rusqlite::Result<_>>()?;
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
