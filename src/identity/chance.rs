//! How often strangers agree by chance: counted on random pairs, and on the frequencies of values.
//!
//! What random pairs of one person add to these counts is taken out again, because in a small file it is
//! most of them.

use super::compare::compare;
use super::field::{Field, Kind, MISSING};
use super::table::Table;

/// Random pairs that are compared.
const STRANGERS: usize = 60_000;

/// How many pairs that guess is worth.
const GUESSED_PAIRS: f64 = 20.0;

/// How often each level of a field shows among random pairs.
pub struct Chance {
    /// By level; that of "the same" comes from the frequencies of values.
    shares: Vec<f64>,
    /// How many different pairs were looked at.
    pairs: f64,
}

impl Chance {
    /// The same among strangers alone, where `own` of all pairs are one person's and show `person`.
    /// A level that none of them showed could still be the next pair's: each counts one pair more.
    pub fn of_strangers(&self, field: Field, own: f64, person: &[f64]) -> Vec<f64> {
        let left = self.shares.iter().zip(person).map(|(all, m)| (all - own * m) / (1.0 - own));
        let mut shares: Vec<f64> = left.map(|share| share.max(0.0) * self.pairs + 1.0).collect();
        let from = if field == Field::Order {
            0
        } else {
            let same = (self.shares[0] - own * person[0]) / (1.0 - own);
            shares[0] = same.max(self.shares[0] * 0.02);
            1
        };
        let rest = 1.0 - shares[..from].iter().sum::<f64>();
        let total: f64 = shares[from..].iter().sum();
        shares[from..].iter_mut().for_each(|share| *share *= rest / total);
        shares
    }
}

/// Counts on random pairs.
pub fn chances(table: &Table, seed: u64) -> Vec<Chance> {
    let n = u64::from(table.len());
    let mut counts: Vec<Vec<f64>> =
        Field::ALL.iter().map(|field| vec![0.0; field.levels().len()]).collect();
    let mut state = seed;
    for _ in 0..if n < 2 { 0 } else { STRANGERS } {
        let (a, b) = ((random(&mut state) % n) as u32, (random(&mut state) % n) as u32);
        if a == b || !table.may_link(a, b) {
            continue;
        }
        for (counts, level) in counts.iter_mut().zip(compare(table, a, b)) {
            if level != MISSING {
                counts[usize::from(level)] += 1.0;
            }
        }
    }
    Field::ALL.into_iter().zip(counts).map(|(field, counts)| chance(table, field, counts)).collect()
}

fn chance(table: &Table, field: Field, counts: Vec<f64>) -> Chance {
    let seen: f64 = counts.iter().sum();
    let mut shares: Vec<f64> = counts.iter().map(|count| count / seen.max(1.0)).collect();
    if field == Field::Order {
        return Chance { shares, pairs: seen.min(table.pairs()) };
    }
    let column = table.column(field);
    let all = |records: f64| records * (records - 1.0) / 2.0;
    let pairs = all(f64::from(column.filled));
    let agreeing: f64 = column.counts.iter().map(|count| all(f64::from(*count))).sum();
    let same = (agreeing + GUESSED_PAIRS * guessed_same(field)) / (pairs + GUESSED_PAIRS);
    let rest = (1.0 - same) / (1.0 - shares[0]).max(1e-9);
    shares[1..].iter_mut().for_each(|share| *share *= rest);
    shares[0] = same;
    Chance { shares, pairs: seen.min(pairs) }
}

/// How often strangers have the same value, where there are too few records to tell.
fn guessed_same(field: Field) -> f64 {
    match field.about().kind {
        Kind::Class => 0.4,
        Kind::Middle | Kind::Order | Kind::Words | Kind::Postcode => 0.02,
        Kind::Given | Kind::Family | Kind::Date | Kind::Email | Kind::Code => 0.002,
    }
}

/// SplitMix64.
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
