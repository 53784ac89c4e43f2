//! Names that stand in each other's columns are put right.
//!
//! Two people of one family look like one person where their family name stands as given name: it is rare, and a
//! given name is a person's own. Which is which shows in the other records: a text that stands more often as family
//! name is one. Where a file has the two columns the wrong way round from top to bottom, no other record
//! tells, but usual given names do.

use super::field::Field;
use super::names::families;
use super::table::{NONE, Table};

/// How many times more usual given names stand as family names, where the columns are the wrong way round.
const WRONG_WAY: u64 = 4;

/// Puts the names of a table right, before its records are compared.
pub fn put_names_right(table: &mut Table) {
    let usual = |field: Field| -> u64 {
        let column = table.column(field);
        let named =
            (0..column.len() as u32).filter(|value| !families(column.text(*value)).is_empty());
        named.map(|value| u64::from(column.counts[value as usize])).sum()
    };
    let (given, family) = (usual(Field::Given), usual(Field::Family));
    let is_wrong_way = family > WRONG_WAY * given && family * 10 > u64::from(table.len());
    let often = |field: Field, text: &str| table.column(field).count_of(text);
    let turned: Vec<u32> = (0..table.len())
        .filter(|record| {
            let text = |field| match table.value(*record, field) {
                NONE => None,
                value => Some(table.column(field).text(value)),
            };
            let (Some(given), Some(family)) = (text(Field::Given), text(Field::Family)) else {
                return is_wrong_way;
            };
            let is_turned = often(Field::Family, given) > often(Field::Given, given)
                && often(Field::Given, family) > often(Field::Family, family);
            is_turned != is_wrong_way
        })
        .collect();
    turned.into_iter().for_each(|record| table.exchange(record, Field::Given, Field::Family));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Raw, normalise};

    /// Names in order ten times each, and one record of other order.
    fn given_names(people: &[[&str; 2]]) -> Vec<String> {
        let mut table = Table::default();
        for [given, family] in people {
            let mut raw = Raw::default();
            raw.texts[Field::Given as usize] = given;
            raw.texts[Field::Family as usize] = family;
            table.push(&normalise(&raw, None), "");
        }
        put_names_right(&mut table);
        table.finish();
        let given = |record| table.column(Field::Given).text(table.value(record, Field::Given));
        (0..table.len()).map(|record| given(record).to_owned()).collect()
    }

    #[test]
    fn a_record_is_turned_by_what_the_others_say() {
        let people = [["Tilda", "Renolm"], ["Renolm", "Tilda"], ["Bo", "Renolm"], ["Tilda", "Ek"]];
        assert_eq!(given_names(&people), ["tilda", "tilda", "bo", "tilda"]);
        assert_eq!(given_names(&[["Tilda", "Renolm"], ["Renolm", "Tilda"]]), ["tilda", "renolm"]);
    }

    #[test]
    fn a_file_of_the_wrong_columns_is_turned_as_a_whole() {
        let people = [["Lindqvist", "Anna"], ["Okafor", "Robert"], ["Brennan", "William"]];
        assert_eq!(given_names(&people), ["anna", "robert", "william"]);
    }
}
