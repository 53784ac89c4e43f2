//! Which pairs are worth comparing: records that share at least one of many keys.
//!
//! A key that too many records share says little: how many are too many follows from how many comparisons a
//! record is worth. In such a block each record meets its neighbours only, by names and birth, so that whoever
//! has many records, or many that are equal, is still held together by a chain of them.

use super::field::Field;
use super::keys::{Keys, Secret};
use super::table::{NONE, Table, hash};

/// The biggest block in which everybody meets everybody.
const BLOCK_MAX: usize = 400;

/// How many of those that follow a record meets in a block that is too big.
const NEIGHBOURS: usize = 2;

/// The smallest limit of a block.
const BLOCK_LEAST: usize = 8;

/// Pairs in blocks, one pair counted in each of its blocks, that a record is worth on average in a
/// set of up to `SMALL` records; in bigger ones fewer, by almost the square root.
const PAIRS_A_RECORD: f64 = 100.0;

/// A small set, in records.
const SMALL: f64 = 25_000.0;

/// The records that a set is taken to have at least: comparing few costs nothing, and where a set is mostly one
/// person's records, all of their pairs have to be seen to learn how many they are.
const TINY: f64 = 8_000.0;

/// Blocks of records that share a key, and the blocks that each record is in.
pub struct Blocks {
    members: Vec<u32>,
    starts: Vec<u32>,
    blocks: Vec<u32>,
    record_starts: Vec<u32>,
    /// Pairs of neighbours in blocks that are too big, in order.
    neighbours: Vec<(u32, u32)>,
    /// In blocks of more records than this only neighbours meet.
    pub limit: usize,
}

impl Blocks {
    /// Puts the records of a table into blocks.
    pub fn new(table: &Table, secret: &Secret) -> Blocks {
        let keys = Keys::new(table, secret);
        let (mut members, mut starts) = (Vec::new(), vec![0u32]);
        let (ranks, mut neighbours) = (ranks(table), Vec::new());
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
                } else if block.len() > BLOCK_MAX {
                    chain(block.iter().map(|(_, record)| *record), &ranks, &mut neighbours);
                }
            }
        }
        only_once(&mut neighbours);
        drop((keys, keyed));
        let limit = limit(&starts, table.len());
        keep_small(&mut members, &mut starts, limit, |block| {
            chain(block.iter().copied(), &ranks, &mut neighbours);
        });
        only_once(&mut neighbours);
        neighbours.shrink_to_fit();
        let (blocks, record_starts) = inverted(&members, &starts, table.len());
        Blocks { members, starts, blocks, record_starts, neighbours, limit }
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
        let beside = &self.neighbours[self.neighbours.partition_point(|pair| pair.0 < record)..];
        found.extend(beside.iter().take_while(|pair| pair.0 == record).map(|pair| pair.1));
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
    let records = f64::from(records).max(TINY);
    let mut left = (PAIRS_A_RECORD * records * (SMALL / records).min(1.0).powf(0.45)) as u64;
    for (size, pairs) in pairs.iter().enumerate() {
        if *pairs > left && size > BLOCK_LEAST {
            return size - 1;
        }
        left = left.saturating_sub(*pairs);
    }
    BLOCK_MAX
}

/// Where each record stands among all: those that say the same stand together, first by family name, then by given
/// name, then by birth.
fn ranks(table: &Table) -> Vec<i64> {
    const BY: [(Field, u32); 3] = [(Field::Family, 24), (Field::Given, 20), (Field::Birth, 19)];
    let place = |record: u32| {
        BY.iter().fold(0i64, |rank, (field, bits)| {
            let part = match table.value(record, *field) {
                NONE => 0,
                value => hash(table.column(*field).text(value)) & ((1 << bits) - 1),
            };
            rank << bits | part as i64
        })
    };
    (0..table.len()).map(place).collect()
}

/// Notes the neighbours in a block that is too big.
fn chain(block: impl Iterator<Item = u32>, ranks: &[i64], neighbours: &mut Vec<(u32, u32)>) {
    let mut block: Vec<(i64, u32)> = block.map(|record| (ranks[record as usize], record)).collect();
    block.sort_unstable();
    for (at, (_, one)) in block.iter().enumerate() {
        let next = block[at + 1..].iter().take(NEIGHBOURS);
        neighbours.extend(next.map(|(_, other)| (*one.min(other), *one.max(other))));
    }
}

fn only_once(pairs: &mut Vec<(u32, u32)>) {
    pairs.sort_unstable();
    pairs.dedup();
}

/// Keeps the blocks of up to so many records; what was left out is handed over.
fn keep_small(
    members: &mut Vec<u32>,
    starts: &mut Vec<u32>,
    limit: usize,
    mut left_out: impl FnMut(&[u32]),
) {
    let (mut kept, mut blocks) = (0, 0);
    for block in 0..starts.len() - 1 {
        let (start, end) = (starts[block] as usize, starts[block + 1] as usize);
        if end - start <= limit {
            members.copy_within(start..end, kept);
            kept += end - start;
            blocks += 1;
            starts[blocks] = kept as u32;
        } else {
            left_out(&members[start..end]);
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
    fn in_a_crowd_only_neighbours_meet_and_rare_keys_still_count() {
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
        assert_eq!(found, [1, 2]);
        blocks.candidates(&table, 1, &mut found);
        assert_eq!(found, [2, 3]);
    }

    #[test]
    fn the_limit_follows_from_the_budget() {
        let starts: Vec<u32> = (0..=100).map(|block| block * 10).collect();
        assert_eq!(limit(&starts, 1000), BLOCK_MAX);
        let starts: Vec<u32> = (0..=1000).map(|block| block * 300).collect();
        assert_eq!(limit(&starts, 1000), 299);
    }
}
