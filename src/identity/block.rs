//! Which pairs are worth comparing: records that share at least one of many keys.
//!
//! A key that too many records share says little, and its block is left out: how many are too many
//! follows from how many comparisons a record is worth.

use super::keys::{Keys, Secret};
use super::table::Table;

/// The biggest block that is ever looked into.
const BLOCK_MAX: usize = 400;

/// The smallest limit of a block.
const BLOCK_LEAST: usize = 8;

/// Pairs in blocks, one pair counted in each of its blocks, that a record is worth on average in a
/// set of up to `SMALL` records; in bigger ones fewer, by almost the square root.
const PAIRS_A_RECORD: f64 = 100.0;

/// A small set, in records.
const SMALL: f64 = 25_000.0;

/// Blocks of records that share a key, and the blocks that each record is in.
pub struct Blocks {
    members: Vec<u32>,
    starts: Vec<u32>,
    blocks: Vec<u32>,
    record_starts: Vec<u32>,
    /// Blocks of more records than this were left out.
    pub limit: usize,
}

impl Blocks {
    /// Puts the records of a table into blocks.
    pub fn new(table: &Table, secret: &Secret) -> Blocks {
        let keys = Keys::new(table, secret);
        let (mut members, mut starts) = (Vec::new(), vec![0u32]);
        let mut keyed: Vec<(i64, u32)> = Vec::new();
        for family in 0..Keys::FAMILIES {
            keyed.clear();
            keyed.extend(
                (0..table.len()).filter_map(|record| Some((keys.key(record, family)?, record))),
            );
            keyed.sort_unstable();
            for block in keyed.chunk_by(|a, b| a.0 == b.0) {
                if (2..=BLOCK_MAX).contains(&block.len()) {
                    members.extend(block.iter().map(|(_, record)| *record));
                    starts
                        .push(u32::try_from(members.len()).expect("blocks hold below 4 G records"));
                }
            }
        }
        drop((keys, keyed));
        let limit = limit(&starts, table.len());
        keep_small(&mut members, &mut starts, limit);
        let (blocks, record_starts) = inverted(&members, &starts, table.len());
        Blocks { members, starts, blocks, record_starts, limit }
    }

    /// Writes the records after `record` that share a key with it and may be linked to it, in order.
    pub fn candidates(&self, table: &Table, record: u32, found: &mut Vec<u32>) {
        found.clear();
        let at = record as usize;
        let own =
            &self.blocks[self.record_starts[at] as usize..self.record_starts[at + 1] as usize];
        for block in own.iter().map(|block| *block as usize) {
            let members =
                &self.members[self.starts[block] as usize..self.starts[block + 1] as usize];
            let later = members.partition_point(|member| *member <= record);
            found.extend_from_slice(&members[later..]);
        }
        found.sort_unstable();
        found.dedup();
        found.retain(|other| table.may_link(record, *other));
    }
}

/// The greatest size of a block at which all blocks up to it hold no more pairs than the records are
/// worth.
fn limit(starts: &[u32], records: u32) -> usize {
    let mut pairs = vec![0u64; BLOCK_MAX + 1];
    for pair in starts.windows(2) {
        let size = u64::from(pair[1] - pair[0]);
        pairs[size as usize] += size * (size - 1) / 2;
    }
    let records = f64::from(records);
    let mut left = (PAIRS_A_RECORD * records * (SMALL / records).min(1.0).powf(0.45)) as u64;
    for (size, pairs) in pairs.iter().enumerate() {
        if *pairs > left && size > BLOCK_LEAST {
            return size - 1;
        }
        left = left.saturating_sub(*pairs);
    }
    BLOCK_MAX
}

fn keep_small(members: &mut Vec<u32>, starts: &mut Vec<u32>, limit: usize) {
    let (mut kept, mut blocks) = (0, 0);
    for block in 0..starts.len() - 1 {
        let (start, end) = (starts[block] as usize, starts[block + 1] as usize);
        if end - start <= limit {
            members.copy_within(start..end, kept);
            kept += end - start;
            blocks += 1;
            starts[blocks] = kept as u32;
        }
    }
    members.truncate(kept);
    members.shrink_to_fit();
    starts.truncate(blocks + 1);
    starts.shrink_to_fit();
}

/// The blocks of each record, and where each record's begin.
fn inverted(members: &[u32], starts: &[u32], records: u32) -> (Vec<u32>, Vec<u32>) {
    let mut ends = vec![0u32; records as usize + 1];
    for member in members {
        ends[*member as usize + 1] += 1;
    }
    for at in 1..ends.len() {
        ends[at] += ends[at - 1];
    }
    let mut next = ends.clone();
    let mut blocks = vec![0u32; members.len()];
    for block in 0..starts.len() - 1 {
        for member in &members[starts[block] as usize..starts[block + 1] as usize] {
            let slot = &mut next[*member as usize];
            blocks[*slot as usize] = block as u32;
            *slot += 1;
        }
    }
    (blocks, ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Field, Raw, normalise};

    #[test]
    fn a_key_of_too_many_is_left_out_and_rare_ones_still_count() {
        let mut table = Table::default();
        for n in 0..900 {
            let (city, email) = (["Cork"], format!("p{}@x.example", n / 2));
            let mut raw = Raw::default();
            raw.texts[Field::City as usize] = city[0];
            raw.texts[Field::Given as usize] = "Anna";
            raw.texts[Field::Email as usize] = &email;
            table.push(&normalise(&raw, None), if n == 7 { "till" } else { "" });
        }
        table.finish();
        let blocks = Blocks::new(&table, &[1; 16]);
        let mut found = Vec::new();
        blocks.candidates(&table, 0, &mut found);
        assert_eq!(found, [1]);
        blocks.candidates(&table, 1, &mut found);
        assert!(found.is_empty());
    }

    #[test]
    fn the_limit_follows_from_the_budget() {
        let starts: Vec<u32> = (0..=100).map(|block| block * 10).collect();
        assert_eq!(limit(&starts, 1000), BLOCK_MAX);
        let starts: Vec<u32> = (0..=1000).map(|block| block * 300).collect();
        assert_eq!(limit(&starts, 1000), 299);
    }
}
