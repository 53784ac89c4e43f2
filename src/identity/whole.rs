//! What two clusters weigh as wholes: whether what the records of one say of somebody is what the records of the
//! other say.
//!
//! A single pair of records may lack just what tells two people apart, which other records of theirs say. So each
//! field counts once, as it stands between the two on average: over the pairs that both fill it. That an agreement
//! stands in several records makes it no better, because those of a cluster agree anyway. A difference in what
//! is a person's own is another matter. In one record it may be a slip; where several records on either side say
//! the same, they would have to have slipped alike.

use super::compare::compare;
use super::field::{FIELDS, Field, Owner};
use super::model::shared;
use super::table::{NONE, Table};
use super::weigh::{Scales, Weight};

/// Pairs across two clusters that are looked at.
const ACROSS_MAX: usize = 64;

/// How often a difference counts at most that is said again and again.
const REPEATED_MOST: usize = 2;

/// What two clusters' records weigh together. Each has its records in order.
pub fn weigh_wholes(table: &Table, scales: &Scales, left: &[u32], right: &[u32]) -> Weight {
    let all = left.len() * right.len();
    let mut sums = [(Weight::default(), 0.0f32); FIELDS + 1];
    for index in (0..all).step_by(all.div_ceil(ACROSS_MAX)) {
        let (a, b) = (left[index % left.len()], right[index / left.len()]);
        let pattern = compare(table, a, b);
        scales.parts(&pattern, &shared(table, a, b, &pattern), |field, weight| {
            let (sum, count) = &mut sums[field.map_or(FIELDS, |field| field as usize)];
            sum.add(weight, 1.0);
            *count += 1.0;
        });
    }
    let mut whole = scales.prior();
    for (at, (sum, count)) in sums.into_iter().enumerate().filter(|(_, sum)| sum.1 > 0.0) {
        let own = Field::ALL.get(at).filter(|field| field.about().owner == Owner::Person);
        let times = match own {
            Some(field) if sum.person < 0.0 => {
                let says = |records: &[u32]| {
                    records.iter().filter(|record| table.value(**record, *field) != NONE).count()
                };
                says(left).min(says(right)).clamp(1, REPEATED_MOST)
            }
            _ => 1,
        };
        whole.add(sum, times as f32 / count);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Raw, link, normalise};

    const SECRET: [u8; 16] = [7; 16];

    /// Sixty people who stand here twice, and then brother and sister: three records of each, the last without
    /// a date of birth.
    fn table() -> Table {
        let mut table = Table::default();
        let mut push = |given: &str, family: &str, birth: &str, city: &str| {
            let mut raw = Raw::default();
            for (field, text) in [
                (Field::Given, given),
                (Field::Family, family),
                (Field::Birth, birth),
                (Field::City, city),
            ] {
                raw.texts[field as usize] = text;
            }
            table.push(&normalise(&raw, None), "");
        };
        for n in 0..120 {
            let n = n / 2;
            let birth = format!("19{:02}-{:02}-{:02}", 40 + n * 7 % 60, 1 + n % 12, 1 + n * 5 % 28);
            let given = ["anna", "bruno", "clara", "daniel", "greta", "hugo", "ines"][n % 7];
            push(given, &format!("{}strom", ["lind", "berg", "dal"][n % 3]), &birth, "cork");
        }
        for (given, birth) in [("eric", "1981-05-29"), ("erin", "1979-10-27")] {
            [birth, birth, ""].into_iter().for_each(|birth| push(given, "okafor", birth, "bray"));
        }
        table.finish();
        table
    }

    const ERIC: [u32; 3] = [120, 121, 122];
    const ERIN: [u32; 3] = [123, 124, 125];

    #[test]
    fn two_records_weigh_what_their_pair_weighs() {
        let table = table();
        let scales = Scales::new(&link(&table, &SECRET, 1).model, &table);
        for (a, b) in [(0, 1), (0, 2), (120, 125), (122, 125), (5, 121)] {
            let pattern = compare(&table, a, b);
            let pair = scales.weigh(&pattern, &shared(&table, a, b, &pattern));
            let whole = weigh_wholes(&table, &scales, &[a], &[b]);
            assert!((pair.bits() - whole.bits()).abs() < 1e-3, "{a} {b}: {pair:?} {whole:?}");
        }
    }

    #[test]
    fn what_one_pair_lacks_the_others_say_and_what_is_repeated_counts_twice() {
        let table = table();
        let scales = Scales::new(&link(&table, &SECRET, 1).model, &table);
        let person = |left: &[u32], right: &[u32]| {
            let (one, two) = (
                weigh_wholes(&table, &scales, left, right),
                weigh_wholes(&table, &scales, right, left),
            );
            assert!((one.person - two.person).abs() < 1e-3, "{left:?} {right:?}");
            one.person
        };
        let (lacking, once) = (person(&ERIC[2..], &ERIN[2..]), person(&ERIC[..1], &ERIN[..1]));
        let (mixed, twice) = (person(&ERIC[1..], &ERIN[1..]), person(&ERIC[..2], &ERIN[..2]));
        assert!(once < lacking - 2.0, "{once} {lacking}");
        assert!((mixed - once).abs() < 1.0, "a field counts once: {mixed} {once}");
        assert!(twice < once - 2.0, "{twice} {once}");
        // The two whose records agree aren't any more the same for it.
        let (alone, both) = (person(&[0], &[1]), person(&[0, 0], &[1, 1]));
        assert!((alone - both).abs() < 1e-3, "{alone} {both}");
    }

    #[test]
    fn brother_and_sister_stay_two_although_their_last_records_look_alike() {
        let table = table();
        let linked = link(&table, &SECRET, 1);
        let first = |record: u32| linked.clusters.first[record as usize];
        assert!(ERIC.iter().all(|record| first(*record) == ERIC[0]));
        assert!(ERIN.iter().all(|record| first(*record) == ERIN[0]));
        let scales = Scales::new(&linked.model, &table);
        let alone = weigh_wholes(&table, &scales, &ERIC[2..], &ERIN[2..]).probability();
        assert!(alone > 0.8, "by themselves they would join: {alone}");
        let settled = linked.pairs.iter().find(|pair| (pair.a, pair.b) == (ERIC[2], ERIN[2]));
        assert!(settled.is_some_and(|pair| pair.probability() < 0.3), "{settled:?}");
    }
}
