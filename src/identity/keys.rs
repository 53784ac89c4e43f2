//! Keys under which records meet: keyed hashes of parts of a record, so that without the secret they
//! name nobody.
//!
//! Each family of keys joins other parts and so forgives other faults; records that lack much still
//! meet by what they have.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::field::Field;
use super::han::latin;
use super::names::{families, sound};
use super::table::{NONE, Table};

/// The key of the blocking keys.
pub type Secret = [u8; 16];

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

    /// The part of a field's text; empty where it has none. Where a start or an end is enough, names in
    /// Han characters meet those in Latin letters.
    fn of(self, text: &str) -> String {
        let spoken;
        let text = match self {
            Part::Initial | Part::Root | Part::FamilyStart | Part::FamilyEnd => {
                spoken = latin(text);
                &*spoken
            }
            _ => text,
        };
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
            Part::Local => text.split(['@', '+']).next().unwrap_or_default().to_owned(),
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

/// How much of a key a short one keeps; with the family below 2^31, so that SQLite stores it in four
/// bytes.
const SHORT_BITS: u32 = 25;

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

    /// A record's key of a family in few bits, for an index of everybody: the family stands in the
    /// highest ones, so that an index is written a family after the other. That two people meet here by
    /// chance is rare and costs one look.
    pub fn short(&self, record: u32, family: usize) -> Option<u32> {
        let key = self.key(record, family)?;
        Some((family as u32) << SHORT_BITS | (key as u32 & ((1 << SHORT_BITS) - 1)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Raw, normalise};

    fn table() -> Table {
        let mut table = Table::default();
        for name in ["Anna Lind", "Lind, Anna", "Ana Lynd", "Lind", "Bo Ek"] {
            table.push(&normalise(&Raw { full_name: name, ..Raw::default() }, None), "");
        }
        table.finish();
        table
    }

    /// The families in which two records have one key.
    fn meeting(keys: &Keys<'_>, a: u32, b: u32) -> usize {
        (0..Keys::FAMILIES)
            .filter(|family| {
                let key = keys.key(a, *family);
                key.is_some() && key == keys.key(b, *family)
            })
            .count()
    }

    #[test]
    fn records_meet_in_spite_of_order_spelling_and_gaps() {
        let table = table();
        let keys = Keys::new(&table, &[1; 16]);
        assert!(meeting(&keys, 0, 1) > 0 && meeting(&keys, 0, 2) > 0 && meeting(&keys, 0, 3) > 0);
        assert_eq!(meeting(&keys, 0, 4), 0);
    }

    #[test]
    fn another_secret_gives_other_keys_and_the_same_meetings() {
        let table = table();
        let (one, two) = (Keys::new(&table, &[1; 16]), Keys::new(&table, &[2; 16]));
        let mut filled = 0;
        for family in 0..Keys::FAMILIES {
            let keys = (one.key(0, family), two.key(0, family));
            assert_eq!(keys.0.is_some(), keys.1.is_some());
            filled += usize::from(keys.0.is_some());
            assert!(keys.0.is_none() || keys.0 != keys.1);
        }
        assert!(filled >= 3);
        assert_eq!(meeting(&one, 0, 2), meeting(&two, 0, 2));
    }
}
