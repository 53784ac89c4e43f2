//! How far two records agree: one level for each field.
//!
//! Comparing is symmetric and knows no frequencies: it says "one slip in spelling", and the model
//! says what that is worth.

use super::field::{FIELDS, Field, Kind, MISSING};
use super::han::latin;
use super::level::{alike, level_of};
use super::mailbox::follows_from;
use super::names::generation;
use super::table::{NONE, Table};

/// Similarity of names where one may stand in the other's place.
const SWAPPED: f64 = 0.88;

/// The levels of one pair, by `Field`; `MISSING` where one of the two says nothing.
pub type Pattern = [u8; FIELDS];

/// How far two records of a table agree.
pub fn compare(table: &Table, a: u32, b: u32) -> Pattern {
    compare_while(table, a, b, |_, _| true).expect("nothing stops it")
}

/// The same, as long as each field's level is worth going on.
pub fn compare_while(
    table: &Table,
    a: u32,
    b: u32,
    mut go_on: impl FnMut(Field, u8) -> bool,
) -> Option<Pattern> {
    let (row_a, row_b) = (table.row(a), table.row(b));
    let mut pattern = [MISSING; FIELDS];
    let names = Names::of(table, row_a, row_b);
    for &field in table.used() {
        let (one, two) = (row_a[field as usize], row_b[field as usize]);
        let level = match (field, &names) {
            (Field::Given, Names::Apart(given, _)) => *given,
            (Field::Family, Names::Apart(_, family)) => *family,
            (Field::Order, Names::Apart(..)) => 0,
            (Field::Order, Names::InOrder) => 1,
            (Field::Order, _) => MISSING,
            (Field::Given, Names::Lone(_)) => MISSING,
            (Field::Family, Names::Lone(family)) => *family,
            _ if one == NONE || two == NONE => MISSING,
            _ if one == two => 0,
            _ => {
                let column = table.column(field);
                let level = level_of(field.about().kind, column.text(one), column.text(two));
                let is_similar = field == Field::Email && (1..4).contains(&level);
                if is_similar && [row_a, row_b].into_iter().all(|row| is_of_names(table, row)) {
                    MISSING
                } else {
                    level
                }
            }
        };
        let level = match field {
            Field::Given if level == 0 && are_of_two_generations(table, row_a, row_b) => {
                field.levels().len() as u8 - 1
            }
            _ => level,
        };
        pattern[field as usize] = level;
        if !go_on(field, level) {
            return None;
        }
    }
    Some(pattern)
}

/// Whether one is called junior and the other senior: father and son have one name, which says no more than
/// two names do.
fn are_of_two_generations(table: &Table, a: &[u32; FIELDS], b: &[u32; FIELDS]) -> bool {
    let (a, b) = (a[Field::Middle as usize], b[Field::Middle as usize]);
    if a == NONE || b == NONE || a == b {
        return false;
    }
    let told = |value: u32| generation(table.column(Field::Middle).text(value)).1;
    let (a, b) = (told(a), told(b));
    !a.is_empty() && !b.is_empty() && a != b
}

/// Whether a record's e-mail address says nothing that its names don't.
fn is_of_names(table: &Table, row: &[u32; FIELDS]) -> bool {
    let text = |field: Field| match row[field as usize] {
        NONE => "",
        value => table.column(field).text(value),
    };
    follows_from(text(Field::Email), text(Field::Given), text(Field::Family))
}

/// How the names of two records stand to each other.
enum Names {
    /// Given name beside given name.
    InOrder,
    /// One's given name is the other's family name: the levels of given and family name.
    Apart(u8, u8),
    /// One has a single name, which is rather the other's family name than its given name: its level.
    Lone(u8),
    /// One lacks a name.
    Incomplete,
}

impl Names {
    fn of(table: &Table, a: &[u32; FIELDS], b: &[u32; FIELDS]) -> Names {
        let text = |row: &[u32; FIELDS], field: Field| {
            let value = row[field as usize];
            (value != NONE).then(|| table.column(field).text(value))
        };
        let same =
            |field: Field| a[field as usize] == b[field as usize] && a[field as usize] != NONE;
        let filled = |row: &[u32; FIELDS], field: Field| row[field as usize] != NONE;
        let full = |row| filled(row, Field::Given) && filled(row, Field::Family);
        if full(a) && full(b) && (same(Field::Given) || same(Field::Family)) {
            return Names::InOrder;
        }
        let names = |row| (text(row, Field::Given), text(row, Field::Family));
        match (names(a), names(b)) {
            ((Some(given_a), Some(family_a)), (Some(given_b), Some(family_b))) => {
                crosswise((given_a, family_a), (given_b, family_b))
            }
            ((Some(lone), None), (Some(given), Some(family)))
            | ((Some(given), Some(family)), (Some(lone), None)) => lone_name(lone, given, family),
            _ => Names::Incomplete,
        }
    }
}

/// Whether two names of two parts agree better crosswise.
fn crosswise(a: (&str, &str), b: (&str, &str)) -> Names {
    let start = |text: &str| latin(text).as_bytes().first().copied();
    if start(a.0) != start(b.1) && start(b.0) != start(a.1) {
        return Names::InOrder;
    }
    let cross = alike(a.0, b.1, SWAPPED) + alike(a.1, b.0, SWAPPED);
    if cross < SWAPPED || cross <= alike(a.0, b.0, 0.0) + alike(a.1, b.1, 0.0) + 0.2 {
        return Names::InOrder;
    }
    // The pair's levels must not depend on which record comes first.
    let (one, two) = if a <= b { (a, b) } else { (b, a) };
    let level = |kind: Kind, x: &str, y: &str| if x == y { 0 } else { level_of(kind, x, y) };
    Names::Apart(level(Kind::Given, one.0, two.1), level(Kind::Family, one.1, two.0))
}

/// Whether a single name is rather a family name.
fn lone_name(lone: &str, given: &str, family: &str) -> Names {
    if lone == family {
        return Names::Lone(0);
    }
    let likeness = alike(lone, family, SWAPPED);
    if likeness > 0.0 && likeness > alike(lone, given, 0.0) {
        Names::Lone(level_of(Kind::Family, lone, family))
    } else {
        Names::Incomplete
    }
}
