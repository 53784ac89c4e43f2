//! What a record leaves in an index of everybody: under which keys it meets others, and which values it
//! counts for.
//!
//! A newcomer finds its person by these without anybody's data being read again. All of them are hashes
//! under a secret, so that without it they name nobody.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::field::{FIELDS, Field};
use super::keys::{Keys, Secret};
use super::table::{NONE, Table};

/// What one record leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Keys under which it meets others, rising ([`Keys::short`]).
    pub meetings: Vec<u32>,
    /// Hashes of its values, in the order of their fields.
    pub values: Vec<i64>,
    /// The fields that it fills, a bit for each.
    pub fields: u32,
    /// The hash of its door: street and house number together.
    pub door: Option<i64>,
}

/// The trace of a record of a table.
pub fn trace(table: &Table, keys: &Keys<'_>, record: u32, secret: &Secret) -> Trace {
    let meetings = (0..Keys::FAMILIES).filter_map(|family| keys.short(record, family));
    let mut trace = Trace { meetings: meetings.collect(), ..Trace::default() };
    for field in Field::ALL {
        let value = table.value(record, field);
        if value != NONE {
            trace.fields |= 1 << field as u32;
            trace.values.push(value_hash(secret, field, table.column(field).text(value)));
        }
    }
    trace.door = door_hash(secret, table, record);
    trace
}

/// The hash under which records with a value are counted.
pub fn value_hash(secret: &Secret, field: Field, text: &str) -> i64 {
    hash(secret, field as u8, &[text])
}

/// The hash under which records behind a door are counted; `None` without street or house number.
pub fn door_hash(secret: &Secret, table: &Table, record: u32) -> Option<i64> {
    let text = |field| {
        let value = table.value(record, field);
        (value != NONE).then(|| table.column(field).text(value))
    };
    let door = [text(Field::Number)?, text(Field::Street)?];
    Some(hash(secret, FIELDS as u8, &door))
}

fn hash(secret: &Secret, kind: u8, texts: &[&str]) -> i64 {
    let mut hasher = SipHasher13::new_with_key(secret);
    hasher.write_u8(kind);
    for text in texts {
        hasher.write_usize(text.len());
        hasher.write(text.as_bytes());
    }
    hasher.finish() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Raw, normalise};

    fn table(rows: &[[&str; 3]]) -> Table {
        let mut table = Table::default();
        for [name, number, street] in rows {
            let mut raw = Raw { full_name: name, ..Raw::default() };
            raw.texts[Field::Number as usize] = number;
            raw.texts[Field::Street as usize] = street;
            table.push(&normalise(&raw, None), "");
        }
        table.finish();
        table
    }

    fn traces(table: &Table, secret: &Secret) -> Vec<Trace> {
        let keys = Keys::new(table, secret);
        (0..table.len()).map(|record| trace(table, &keys, record, secret)).collect()
    }

    #[test]
    fn a_trace_depends_on_the_record_alone_and_on_the_secret() {
        let rows = [["Anna Lind", "7", "Main Street"], ["Bo Ek", "", "Main Street"]];
        let (both, second) =
            (traces(&table(&rows), &[1; 16]), traces(&table(&rows[1..]), &[1; 16]));
        assert_eq!(both[1], second[0]);
        assert!(both[0].door.is_some() && both[1].door.is_none());
        let other = traces(&table(&rows), &[2; 16]);
        assert_eq!(both[0].fields, other[0].fields);
        assert!(both[0].values.iter().all(|value| !other[0].values.contains(value)));
        assert!(both[0].meetings.iter().all(|key| !other[0].meetings.contains(key)));
    }

    #[test]
    fn records_meet_in_short_keys_where_they_meet_in_whole_ones() {
        let table = table(&[["Anna Lind", "7", "Main Street"], ["Lind, Anna", "9", "Hill"]]);
        let keys = Keys::new(&table, &[1; 16]);
        let short = |record| trace(&table, &keys, record, &[1; 16]).meetings;
        let whole = (0..Keys::FAMILIES)
            .filter(|family| {
                let key = keys.key(0, *family);
                key.is_some() && key == keys.key(1, *family)
            })
            .count();
        assert!(whole > 0);
        assert_eq!(short(0).iter().filter(|key| short(1).contains(key)).count(), whole);
        assert!(short(0).is_sorted() && short(0).iter().all(|key| *key < 1 << 31));
    }
}
