//! Records as columns of interned values: a field's equal texts are one number.
//!
//! Most texts repeat, and most comparisons end with "the same number". A million records of a dozen
//! fields fit into some hundred megabytes this way.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::field::{FIELDS, Field};

/// The number of a value that isn't there.
pub const NONE: u32 = u32::MAX;

/// The different texts of one field, numbered from 0 in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Value → how many records have it.
    pub counts: Vec<u32>,
    /// How many records have any.
    pub filled: u32,
    texts: String,
    ends: Vec<u32>,
    slots: Vec<u32>,
}

impl Column {
    /// A value's text.
    pub fn text(&self, value: u32) -> &str {
        let at = value as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.texts[start..self.ends[at] as usize]
    }

    /// How many different values there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no record says anything.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Counts a record's text and returns its value; an empty one is nothing.
    pub fn push(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return NONE;
        }
        let value = self.intern(text);
        self.counts[value as usize] += 1;
        self.filled += 1;
        value
    }

    /// How many records have a text; while records are added.
    pub fn count_of(&self, text: &str) -> u32 {
        if self.slots.is_empty() {
            return 0;
        }
        match self.slots[self.slot(text)] {
            NONE => 0,
            value => self.counts[value as usize],
        }
    }

    /// Takes one record's value back and gives its text.
    fn take(&mut self, value: u32) -> String {
        self.counts[value as usize] -= 1;
        self.filled -= 1;
        self.text(value).to_owned()
    }

    fn intern(&mut self, text: &str) -> u32 {
        if self.slots.len() < self.ends.len() * 2 + 2 {
            let size = (self.slots.len() * 2).max(64);
            self.slots = vec![NONE; size];
            for value in 0..self.ends.len() as u32 {
                let slot = self.slot(self.text(value));
                self.slots[slot] = value;
            }
        }
        let slot = self.slot(text);
        if self.slots[slot] == NONE {
            self.slots[slot] = self.ends.len() as u32;
            self.texts.push_str(text);
            self.ends.push(u32::try_from(self.texts.len()).expect("a column holds below 4 GB"));
            self.counts.push(0);
        }
        self.slots[slot]
    }

    /// The slot that holds the text, or the empty one where it belongs.
    fn slot(&self, text: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(text) as usize & mask;
        while self.slots[at] != NONE && self.text(self.slots[at]) != text {
            at = (at + 1) & mask;
        }
        at
    }

    /// Gives back what only adding needs.
    pub fn finish(&mut self) {
        self.slots = Vec::new();
        self.texts.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.counts.shrink_to_fit();
    }
}

/// A hash of a text, the same in every run.
pub fn hash(text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The records that are compared, numbered from 0 in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<[u32; FIELDS]>,
    doors: Column,
    doors_of: Vec<u32>,
    groups: Column,
    groups_of: Vec<u32>,
    used: Vec<Field>,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            columns: (0..FIELDS).map(|_| Column::default()).collect(),
            rows: Vec::new(),
            doors: Column::default(),
            doors_of: Vec::new(),
            groups: Column::default(),
            groups_of: Vec::new(),
            used: Vec::new(),
        }
    }
}

impl Table {
    /// Adds a record's normal texts. Records of the same non-empty `group` are never linked.
    pub fn push(&mut self, normal: &[String; FIELDS], group: &str) {
        let mut row = [NONE; FIELDS];
        for ((value, column), text) in row.iter_mut().zip(&mut self.columns).zip(normal) {
            *value = column.push(text);
        }
        let (number, street) = (row[Field::Number as usize], row[Field::Street as usize]);
        let door = if number == NONE || street == NONE {
            NONE
        } else {
            self.doors.push(&format!("{number} {street}"))
        };
        self.rows.push(row);
        self.doors_of.push(door);
        self.groups_of.push(self.groups.push(group));
    }

    /// Puts what a record says in two fields into each other's place.
    pub fn exchange(&mut self, record: u32, one: Field, other: Field) {
        let fields = [one as usize, other as usize];
        let texts = fields.map(|field| match self.rows[record as usize][field] {
            NONE => String::new(),
            value => self.columns[field].take(value),
        });
        for (field, text) in fields.into_iter().rev().zip(texts) {
            self.rows[record as usize][field] = self.columns[field].push(&text);
        }
    }

    /// Puts the records into another order: `order[new]` is the old number.
    pub fn reorder(&mut self, order: &[u32]) {
        self.rows = order.iter().map(|old| self.rows[*old as usize]).collect();
        self.doors_of = order.iter().map(|old| self.doors_of[*old as usize]).collect();
        self.groups_of = order.iter().map(|old| self.groups_of[*old as usize]).collect();
    }

    /// Ends adding: records can be compared now.
    pub fn finish(&mut self) {
        let is_used = |field: &Field| match field {
            Field::Order => !self.column(Field::Given).is_empty(),
            field => !self.column(*field).is_empty(),
        };
        self.used = Field::ALL.into_iter().filter(is_used).collect();
        self.columns.iter_mut().for_each(Column::finish);
        self.doors.finish();
        self.rows.shrink_to_fit();
        self.groups.finish();
    }

    /// Says how many records of a larger set have a value of this table: a frequency is told from
    /// everybody, also where only a few are at hand.
    pub fn count_as(&mut self, field: Field, value: u32, records: u32) {
        self.columns[field as usize].counts[value as usize] = records;
    }

    /// Says how many records of a larger set fill a field.
    pub fn fill_as(&mut self, field: Field, records: u32) {
        self.columns[field as usize].filled = records;
    }

    /// Says how many records of a larger set stand behind a record's door.
    pub fn count_door_as(&mut self, record: u32, records: u32) {
        let door = self.doors_of[record as usize];
        if door != NONE {
            self.doors.counts[door as usize] = records;
        }
    }

    /// The different texts of a field.
    pub fn column(&self, field: Field) -> &Column {
        &self.columns[field as usize]
    }

    /// The fields that any record fills.
    pub fn used(&self) -> &[Field] {
        &self.used
    }

    /// A record's value of a field, or `NONE`.
    pub fn value(&self, record: u32, field: Field) -> u32 {
        self.rows[record as usize][field as usize]
    }

    /// A record's values, by `Field`.
    pub fn row(&self, record: u32) -> &[u32; FIELDS] {
        &self.rows[record as usize]
    }

    /// How many records have the same street and house number as both of two records: the door that
    /// people who live together share. 0 where the two don't.
    pub fn behind_door(&self, a: u32, b: u32) -> u32 {
        let door = self.doors_of[a as usize];
        let is_shared = door != NONE && door == self.doors_of[b as usize];
        if is_shared { self.doors.counts[door as usize] } else { 0 }
    }

    /// How many records there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.rows.len()).expect("records are numbered in 32 bits")
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The group that a record is of, or `NONE`.
    pub fn group(&self, record: u32) -> u32 {
        self.groups_of[record as usize]
    }

    /// Whether two records may be linked at all.
    pub fn may_link(&self, a: u32, b: u32) -> bool {
        let group = self.group(a);
        group == NONE || group != self.group(b)
    }

    /// How many pairs of records may be linked.
    pub fn pairs(&self) -> f64 {
        let pairs = |n: f64| n * (n - 1.0) / 2.0;
        let apart: f64 = self.groups.counts.iter().map(|n| pairs(f64::from(*n))).sum();
        (pairs(f64::from(self.len())) - apart).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_value() {
        let mut column = Column::default();
        let values: Vec<u32> = (0..1000).map(|n| column.push(&format!("v{}", n % 300))).collect();
        assert_eq!(column.push(""), NONE);
        assert_eq!((column.len(), column.filled, column.counts[0]), (300, 1000, 4));
        assert_eq!(values[0], values[300]);
        assert_eq!(column.text(values[299]), "v299");
    }

    #[test]
    fn groups_keep_records_apart() {
        let mut table = Table::default();
        let nothing: [String; FIELDS] = std::array::from_fn(|_| String::new());
        for group in ["a", "a", "b", "", ""] {
            table.push(&nothing, group);
        }
        assert!(!table.may_link(0, 1) && table.may_link(0, 2) && table.may_link(3, 4));
        assert_eq!(table.pairs(), 9.0);
        table.reorder(&[0, 2, 1, 3, 4]);
        assert!(table.may_link(0, 1) && !table.may_link(0, 2));
    }
}
