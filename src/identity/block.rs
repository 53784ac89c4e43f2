//! Which pairs are worth comparing: records that share at least one of many keys.
//!
//! A key is a keyed hash of parts of a record, so that without the secret it names nobody. Each
//! family of keys forgives other faults; records that lack much still meet by what they have. A key
//! that too many records share says little, and its block is left out: how many are too many follows
//! from how many comparisons a record is worth.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::field::Field;
use super::names::{families, sound};
use super::table::{NONE, Table};

/// The key of the blocking keys.
pub type Secret = [u8; 16];

/// The biggest block that is ever looked into.
const BLOCK_MAX: usize = 400;

/// The smallest limit of a block.
const BLOCK_LEAST: usize = 8;

/// Pairs in blocks, one pair counted in each of its blocks, that a record is worth on average in a
/// set of up to `SMALL` records; in bigger ones fewer, by almost the square root.
const PAIRS_A_RECORD: f64 = 100.0;

/// A small set, in records.
const SMALL: f64 = 25_000.0;

/// A part of a key, taken from one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Given,
    Initial,
    Root,
    Family,
    FamilyStart,
    Sound,
    Birth,
    Year,
    YearMonth,
    Day,
    Email,
    Local,
    Phone,
    PhoneEnd,
    Device,
    Loyalty,
    Person,
    Number,
    Street,
    StreetStart,
    City,
    Postcode,
    Area,
    Occupation,
    Middle,
    FamilyEnd,
    /// Both names, whichever stands first.
    Names,
    /// How both names sound, whichever stands first.
    Sounds,
}

const PARTS: usize = Part::Names as usize;

impl Part {
    const ALL: [Part; PARTS] = {
        use Part as P;
        [
            P::Given,
            P::Initial,
            P::Root,
            P::Family,
            P::FamilyStart,
            P::Sound,
            P::Birth,
            P::Year,
            P::YearMonth,
            P::Day,
            P::Email,
            P::Local,
            P::Phone,
            P::PhoneEnd,
            P::Device,
            P::Loyalty,
            P::Person,
            P::Number,
            P::Street,
            P::StreetStart,
            P::City,
            P::Postcode,
            P::Area,
            P::Occupation,
            P::Middle,
            P::FamilyEnd,
        ]
    };

    fn field(self) -> Field {
        match self {
            Part::Given | Part::Initial | Part::Root | Part::Names | Part::Sounds => Field::Given,
            Part::Family | Part::FamilyStart | Part::FamilyEnd | Part::Sound => Field::Family,
            Part::Birth | Part::Year | Part::YearMonth | Part::Day => Field::Birth,
            Part::Email | Part::Local => Field::Email,
            Part::Phone | Part::PhoneEnd => Field::Phone,
            Part::Device => Field::Device,
            Part::Loyalty => Field::Loyalty,
            Part::Person => Field::Person,
            Part::Number => Field::Number,
            Part::Street | Part::StreetStart => Field::Street,
            Part::City => Field::City,
            Part::Postcode | Part::Area => Field::Postcode,
            Part::Occupation => Field::Occupation,
            Part::Middle => Field::Middle,
        }
    }

    /// The part of a field's text; empty where it has none.
    fn of(self, text: &str) -> String {
        let start = |letters: usize| text.chars().take(letters).collect::<String>();
        let is_date = text.len() == 8 && text.is_ascii();
        match self {
            Part::Initial => start(1),
            Part::Root => {
                families(text).first().map_or_else(|| start(4), |family| format!("={family}"))
            }
            Part::FamilyStart => start(4),
            Part::StreetStart => start(5),
            Part::FamilyEnd => text.chars().rev().take(4).collect(),
            Part::Sound => sound(text),
            Part::Year if is_date => text[..4].to_owned(),
            Part::YearMonth if is_date => text[..6].to_owned(),
            Part::Day if is_date => {
                let (month, day) = (&text[4..6], &text[6..]);
                if month <= day { format!("{month}{day}") } else { format!("{day}{month}") }
            }
            Part::Year | Part::YearMonth | Part::Day => String::new(),
            Part::Local => text.split('@').next().unwrap_or_default().to_owned(),
            Part::PhoneEnd => {
                let from = text.len().saturating_sub(6);
                text.get(from..).unwrap_or_default().to_owned()
            }
            Part::Area => start(text.chars().count().saturating_sub(3).max(2)),
            _ => text.to_owned(),
        }
    }
}

const FAMILY_PARTS: [Part; 4] = [Part::Family, Part::FamilyStart, Part::FamilyEnd, Part::Sound];

/// Where the sound stands among them.
const SOUND: usize = 3;

/// The families of keys: the parts that each one joins.
const FAMILIES: [&[Part]; 41] = {
    use Part as P;
    [
        &[P::Email],
        &[P::Phone],
        &[P::Person],
        &[P::Loyalty],
        &[P::Device],
        &[P::Birth],
        &[P::Birth, P::Sound],
        &[P::Birth, P::Root],
        &[P::Birth, P::City],
        &[P::Birth, P::Postcode],
        &[P::Names],
        &[P::Names, P::Year],
        &[P::Names, P::City],
        &[P::Names, P::Postcode],
        &[P::Names, P::Street],
        &[P::Names, P::Middle],
        &[P::Sound, P::Postcode, P::Initial],
        &[P::Sound, P::Street],
        &[P::Sound, P::Day, P::Initial],
        &[P::Sound, P::YearMonth],
        &[P::Sound, P::Root, P::Year],
        &[P::Sound, P::Root, P::Area],
        &[P::Root, P::Postcode, P::Year],
        &[P::Root, P::Day, P::City],
        &[P::Root, P::YearMonth, P::Area],
        &[P::Root, P::Street, P::Number],
        &[P::FamilyStart, P::Year, P::City],
        &[P::FamilyStart, P::Root, P::City],
        &[P::Local],
        &[P::PhoneEnd, P::Initial],
        &[P::Family],
        &[P::Given, P::Occupation, P::City],
        &[P::Sound, P::Occupation, P::Initial],
        &[P::Number, P::StreetStart, P::Postcode],
        &[P::Postcode],
        &[P::Given, P::City],
        &[P::Sounds],
        &[P::Sounds, P::Year],
        &[P::Sounds, P::City],
        &[P::FamilyEnd, P::Root, P::Year],
        &[P::Given, P::YearMonth],
    ]
};

/// Blocks of records that share a key, and the blocks that each record is in.
pub struct Blocks {
    members: Vec<u32>,
    starts: Vec<u32>,
    blocks: Vec<u32>,
    record_starts: Vec<u32>,
    /// Blocks of more records than this were left out.
    pub limit: usize,
}

/// The keys of all records of a table.
pub struct Keys<'a> {
    table: &'a Table,
    secret: &'a Secret,
    parts: Vec<Vec<u64>>,
    /// The parts of a family name, of given names: a lone name may be either.
    lone: Vec<Vec<u64>>,
}

impl<'a> Keys<'a> {
    /// Hashes every part of every value.
    pub fn new(table: &'a Table, secret: &'a Secret) -> Keys<'a> {
        let hashed = |part: Part, field: Field| {
            let column = table.column(field);
            let hash = |value| {
                let text = part.of(column.text(value));
                let mut hasher = SipHasher13::new_with_key(secret);
                hasher.write(text.as_bytes());
                if text.is_empty() { 0 } else { hasher.finish() | 1 }
            };
            (0..column.len() as u32).map(hash).collect()
        };
        let parts = Part::ALL.map(|part| hashed(part, part.field())).into();
        let lone = FAMILY_PARTS.map(|part| hashed(part, Field::Given)).into();
        Keys { table, secret, parts, lone }
    }

    /// How many families of keys there are.
    pub const FAMILIES: usize = FAMILIES.len();

    /// A record's key of a family; `None` where it lacks a part.
    pub fn key(&self, record: u32, family: usize) -> Option<i64> {
        let mut hasher = SipHasher13::new_with_key(self.secret);
        hasher.write_u64(family as u64);
        for part in FAMILIES[family] {
            let hash = match part {
                Part::Names => {
                    self.part(Part::Given, record)?.wrapping_add(self.part(Part::Family, record)?)
                }
                Part::Sounds => {
                    let family = self.table.value(record, Field::Family);
                    let given = self.table.value(record, Field::Given);
                    if family == NONE || given == NONE {
                        return None;
                    }
                    let given = self.lone[SOUND][given as usize];
                    given.wrapping_add(self.parts[Part::Sound as usize][family as usize])
                }
                part => self.part(*part, record)?,
            };
            hasher.write_u64(hash);
        }
        Some(hasher.finish() as i64)
    }

    fn part(&self, part: Part, record: u32) -> Option<u64> {
        let value = |field| self.table.value(record, field);
        let own = value(part.field());
        let hash = if own != NONE {
            self.parts[part as usize][own as usize]
        } else {
            let at = FAMILY_PARTS.iter().position(|family| *family == part)?;
            let lone = value(Field::Given);
            if lone == NONE { 0 } else { self.lone[at][lone as usize] }
        };
        (hash != 0).then_some(hash)
    }
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
