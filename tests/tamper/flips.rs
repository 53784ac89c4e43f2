//! Single flipped bits, anywhere in the file.

use std::time::{Duration, Instant};

use candor::verify::verify;

use super::claimed::Reading;
use super::dice::Dice;
use super::small::{Small, codes, file_only};

#[test]
fn a_flipped_bit_in_what_is_claimed_is_found() {
    let small = Small::new();
    let clean = std::fs::read(&small.path).unwrap();
    let before = Reading::of(&small.copy(&small.path).path).unwrap().claimed;
    assert!(before.len() > 20 && before["entry"].len() > 20, "the reading shows something");
    let copy = small.copy(&small.path);
    small.remember(&copy);
    let end = Instant::now() + Duration::from_secs(60);
    let mut dice = Dice::of(2018, 0);
    let (mut flips, mut found, mut unreadable, mut unclaimed) = (0, 0, 0, 0);
    let mut missed = Vec::new();
    while flips < 300 && Instant::now() < end {
        flips += 1;
        let place = dice.below(clean.len());
        let bit = 1_u8 << dice.below(8);
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
                let after = Reading::of(&copy.path).map(|reading| reading.claimed);
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
