//! What was learned about a set of records: a value that can be stored, shown and applied again.
//!
//! Three kinds of pairs are told apart: one person, one household, and strangers. For each field the
//! model says how often each kind shows each level of agreement.

use serde::{Deserialize, Serialize};

use super::compare::Pattern;
use super::field::{FIELDS, Field, MISSING};
use super::table::Table;

/// The form of the model; another form is another number.
pub const MODEL_FORM: u32 = 1;

/// How often each kind of pair shows each level of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldModel {
    /// The field's name.
    pub field: String,
    /// Among pairs of one person's records, by level.
    pub person: Vec<f32>,
    /// Among pairs of one household's members.
    pub household: Vec<f32>,
    /// Among pairs of strangers.
    pub stranger: Vec<f32>,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// `MODEL_FORM`.
    pub form: u32,
    /// How many records it was learned from.
    pub records: u32,
    /// How many pairs could be linked.
    pub pairs: f64,
    /// How many of them are one person's, as estimated.
    pub person_pairs: f64,
    /// How many are a household's.
    pub household_pairs: f64,
    /// The fields, in the order of `Field`.
    pub fields: Vec<FieldModel>,
}

/// How many records share what two records share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// The value, by `Field`; 0 where none is shared.
    pub values: [u32; FIELDS],
    /// Street and house number together; 0 where they aren't shared.
    pub place: u32,
}

/// How many records have the value that two records share, for each field whose level says so. Of
/// two spellings the commoner counts.
pub fn shared(table: &Table, a: u32, b: u32, pattern: &Pattern) -> Shared {
    let mut shared = Shared { place: table.behind_door(a, b), ..Shared::default() };
    for &field in table.used() {
        let level = pattern[field as usize];
        if level != MISSING && level <= frequent_levels(field) {
            shared.values[field as usize] = commoner(table, field, a, b);
        }
    }
    shared
}

/// How many records have the commoner of two records' values.
fn commoner(table: &Table, field: Field, a: u32, b: u32) -> u32 {
    let counts = &table.column(field).counts;
    let count = |record| counts.get(table.value(record, field) as usize).copied().unwrap_or(0);
    count(a).max(count(b))
}

/// The last level at which a value's frequency counts.
pub fn frequent_levels(field: Field) -> u8 {
    match field {
        Field::Given => 2,
        Field::Family => 2,
        _ => 0,
    }
}
