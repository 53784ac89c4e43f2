//! The files of a log as C2SP's tlog-tiles lays them out, made in one pass over its entries.
//!
//! Each hash tile holds 256 hashes of one level, each entry bundle the 256 entries under one tile of
//! level 0 with their lengths before them. The last tile of a level is a partial one, unless it is
//! full. What other people's tools read is exactly these files.

use crate::base::error::Result;
use crate::ledger::hash::{Hash, leaf_hash};
use crate::ledger::tiles::TILE_WIDTH;
use crate::ledger::tree::root_of;

/// Takes the entries of a log in order and gives away the files of its tree.
pub struct Tiles<'a> {
    put: &'a mut dyn FnMut(&str, &[u8]) -> Result<()>,
    /// For each level the hashes of the tile that is being filled, and its number.
    levels: Vec<(u64, Vec<Hash>)>,
    bundle: Vec<u8>,
}

impl<'a> Tiles<'a> {
    /// Begins an empty log; `put` gets each file, by its path in the bundle.
    pub fn new(put: &'a mut dyn FnMut(&str, &[u8]) -> Result<()>) -> Tiles<'a> {
        Tiles { put, levels: vec![(0, Vec::new())], bundle: Vec::new() }
    }

    /// Adds the next entry. `wanted` says of a tile whether its entries are given or their hashes only.
    pub fn push(&mut self, leaf: &[u8], wanted: impl Fn(u64) -> bool) -> Result<()> {
        let tile = self.levels[0].0;
        if wanted(tile) {
            let length = u16::try_from(leaf.len()).expect("an entry has at most 65,535 bytes");
            self.bundle.extend_from_slice(&length.to_be_bytes());
            self.bundle.extend_from_slice(leaf);
        }
        self.levels[0].1.push(leaf_hash(leaf));
        if self.levels[0].1.len() as u64 == TILE_WIDTH {
            self.put_bundle(tile, TILE_WIDTH)?;
        }
        self.complete(0)
    }

    /// Writes a tile that is full, and adds its root to the level above.
    fn complete(&mut self, level: usize) -> Result<()> {
        let (number, hashes) = &mut self.levels[level];
        if (hashes.len() as u64) < TILE_WIDTH {
            return Ok(());
        }
        let (tile, full) = (*number, std::mem::take(hashes));
        *number += 1;
        (self.put)(&format!("tile/{level}/{}", path_of(tile, TILE_WIDTH)), &bytes(&full))?;
        if self.levels.len() == level + 1 {
            self.levels.push((0, Vec::new()));
        }
        self.levels[level + 1].1.push(root_of(full));
        self.complete(level + 1)
    }

    /// Writes what is not full at the end.
    pub fn finish(mut self) -> Result<()> {
        let (tile, width) = (self.levels[0].0, self.levels[0].1.len() as u64);
        self.put_bundle(tile, width)?;
        for (level, (tile, hashes)) in self.levels.iter().enumerate() {
            if !hashes.is_empty() {
                let path = path_of(*tile, hashes.len() as u64);
                (self.put)(&format!("tile/{level}/{path}"), &bytes(hashes))?;
            }
        }
        Ok(())
    }

    fn put_bundle(&mut self, tile: u64, width: u64) -> Result<()> {
        let bundle = std::mem::take(&mut self.bundle);
        if bundle.is_empty() {
            return Ok(());
        }
        (self.put)(&format!("tile/entries/{}", path_of(tile, width)), &bundle)
    }
}

/// The path of a tile: its number in groups of three digits, all but the last marked with an x, and
/// the width of a partial one.
pub fn path_of(tile: u64, width: u64) -> String {
    let mut path = format!("{:03}", tile % 1000);
    let mut rest = tile / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH { format!("{path}.p/{width}") } else { path }
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn files(size: u64) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut put = |path: &str, bytes: &[u8]| {
            files.insert(path.to_owned(), bytes.to_vec());
            Ok(())
        };
        let mut tiles = Tiles::new(&mut put);
        for n in 0..size {
            tiles.push(format!("entry {n}").as_bytes(), |tile| tile != 1).unwrap();
        }
        tiles.finish().unwrap();
        files
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        for (tile, width, path) in [
            (0, 256, "000"),
            (67, 12, "067.p/12"),
            (1234, 256, "x001/234"),
            (1_234_067, 256, "x001/x234/067"),
            (1_000_000, 1, "x001/x000/000.p/1"),
        ] {
            assert_eq!(path_of(tile, width), path);
        }
    }

    #[test]
    fn a_log_has_the_files_that_its_size_asks_for() {
        let names = |size| files(size).into_keys().collect::<Vec<_>>();
        assert_eq!(names(0), Vec::<String>::new());
        assert_eq!(names(1), ["tile/0/000.p/1", "tile/entries/000.p/1"]);
        assert_eq!(names(256), ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
        let wide = [
            "tile/0/000",
            "tile/0/001",
            "tile/0/002.p/88",
            "tile/1/000.p/2",
            "tile/entries/000",
            "tile/entries/002.p/88",
        ];
        assert_eq!(names(600), wide);
    }

    #[test]
    fn hashes_of_a_level_are_roots_of_the_level_below() {
        let files = files(600);
        let leaves: Vec<Hash> =
            (0..256).map(|n| leaf_hash(format!("entry {n}").as_bytes())).collect();
        assert_eq!(files["tile/0/000"], bytes(&leaves));
        assert_eq!(files["tile/1/000.p/2"][..32], root_of(leaves).0);
    }
}
