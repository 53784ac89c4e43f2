//! Attacks on the bytes of the file and of its write-ahead log: bits, pages, and whole earlier moments.

use super::dice::Dice;
use super::scene::{Scene, commits};

/// The size of a page (SQLite's file format, section 1.2: two bytes at 16, where 1 stands for 65,536).
fn page_size(file: &[u8]) -> usize {
    match u16::from_be_bytes([file[16], file[17]]) {
        1 => 65_536,
        size => usize::from(size),
    }
}

/// One bit, or a few bytes, anywhere.
pub fn flip(dice: &mut Dice, file: &mut [u8]) {
    let at = dice.below(file.len());
    if dice.once_in(6) {
        let end = (at + 1 + dice.below(32)).min(file.len());
        let before = file[at..end].to_vec();
        file[at..end].copy_from_slice(&dice.bytes(end - at));
        if file[at..end] != before {
            return;
        }
    }
    file[at] ^= 1 << dice.below(8);
}

/// A page of an earlier moment in the place of today's, two pages swapped, one zeroed, or the end cut.
pub fn pages(dice: &mut Dice, scene: &Scene, file: &mut Vec<u8>) {
    let size = page_size(file);
    let count = file.len() / size;
    let before = file.clone();
    while *file == before {
        let at = dice.below(count) * size;
        match dice.below(8) {
            0..4 => {
                let earlier = &dice.one(&scene.past).file;
                if let Some(page) = earlier.get(at..at + size) {
                    file[at..at + size].copy_from_slice(page);
                }
            }
            4 | 5 => {
                let other = dice.below(count) * size;
                let page = file[at..at + size].to_vec();
                file.copy_within(other..other + size, at);
                file[other..other + size].copy_from_slice(&page);
            }
            6 => file[at..at + size].fill(0),
            _ => file.truncate(if dice.once_in(2) { at } else { at + dice.below(size) }),
        }
    }
}

/// The file and the log of different moments: (file, log).
pub fn logs(dice: &mut Dice, scene: &Scene) -> (Vec<u8>, Vec<u8>) {
    let with_log = loop {
        let n = dice.below(scene.past.len());
        if !scene.past[n].log.is_empty() {
            break n;
        }
    };
    let log = &scene.past[with_log].log;
    // The moment before, which the log belongs to; or today, or any other, which it doesn't.
    let file = match dice.below(3) {
        0 if with_log > 0 => &scene.past[with_log - 1].file,
        1 => &dice.one(&scene.past).file,
        _ => &scene.file,
    };
    let mut log = log.clone();
    let size = u32::from_be_bytes(log[8..12].try_into().expect("four bytes")) as usize + 24;
    match dice.below(5) {
        0 => {}
        1 => log.truncate(*dice.one(&commits(&log))),
        2 => log.truncate(dice.below(log.len())),
        3 => flip(dice, &mut log),
        _ => {
            let frames = (log.len() - 32) / size;
            let (a, b) = (32 + dice.below(frames) * size, 32 + dice.below(frames) * size);
            let frame = log[a..a + size].to_vec();
            log.copy_within(b..b + size, a);
            log[b..b + size].copy_from_slice(&frame);
        }
    }
    (file.clone(), log)
}

/// The whole file of an earlier moment.
pub fn earlier(dice: &mut Dice, scene: &Scene) -> Vec<u8> {
    dice.one(&scene.past[..scene.past.len() - 1]).file.clone()
}
