//! Learning without labels how one person's records agree.
//!
//! How strangers agree is counted on random pairs and on the frequencies of values. How one person's
//! records and a household's agree is found by expectation maximisation over a sample of the
//! candidates. What random pairs of one person add to the counts of strangers is taken out again,
//! because in a small file it is most of them.

use super::block::Blocks;
use super::compare::{Pattern, compare};
use super::field::{FIELDS, Field, Kind, MISSING, Owner};
use super::model::{FieldModel, MODEL_FORM, Model, Shared, shared};
use super::table::Table;
use super::weigh::Scales;

/// Random pairs that are compared.
const STRANGERS: usize = 60_000;

/// How many pairs that guess is worth.
const GUESSED_PAIRS: f64 = 20.0;

/// Candidates that are learned from, about.
const SAMPLE: usize = 120_000;

/// Rounds of learning.
const ROUNDS: usize = 20;

/// After this many of them, candidates that are hopeless are left out of the rest.
const ROUNDS_WITH_ALL: usize = 4;

/// A pair that is less likely one person or one household than this is hopeless.
const HOPELESS: f64 = 1e-5;

/// How many pairs the expectations beforehand are worth.
const PRIOR_PAIRS: f64 = 20.0;

/// How often members of a household share a household's field, beforehand.
const HOUSEHOLD_SAME: f64 = 0.6;

struct Example {
    pattern: Pattern,
    shared: Shared,
}

/// Learns a model. The same table and seed always give the same one.
pub fn train(table: &Table, blocks: &Blocks, seed: u64) -> Model {
    let random = strangers(table, seed);
    let (mut sample, share) = sample(table, blocks, seed);
    let mut model = beforehand(table, &random);
    for round in 0..ROUNDS {
        learn(&mut model, table, &sample, share, &random);
        if round == ROUNDS_WITH_ALL {
            let scales = Scales::new(&model, table);
            sample.retain(|example| {
                let weight = scales.weigh(&example.pattern, &example.shared);
                f64::from(weight.probability()) + weight.household_probability() > HOPELESS
            });
        }
    }
    model
}

/// How often each level shows among random pairs; level 0 by the frequencies of values.
fn strangers(table: &Table, seed: u64) -> Vec<Vec<f64>> {
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
    for (field, counts) in Field::ALL.into_iter().zip(&mut counts) {
        let total: f64 = counts.iter().sum::<f64>() + counts.len() as f64 * 0.2;
        counts.iter_mut().for_each(|count| *count = (*count + 0.2) / total);
        if field == Field::Order {
            continue;
        }
        let column = table.column(field);
        let filled = f64::from(column.filled);
        let pairs = filled * (filled - 1.0) / 2.0;
        let agreeing: f64 =
            column.counts.iter().map(|c| f64::from(*c) * (f64::from(*c) - 1.0) / 2.0).sum();
        let same = (agreeing + GUESSED_PAIRS * guessed_same(field)) / (pairs + GUESSED_PAIRS);
        let rest = (1.0 - same) / (1.0 - counts[0]).max(1e-9);
        counts[1..].iter_mut().for_each(|count| *count *= rest);
        counts[0] = same;
    }
    counts
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
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Candidates of evenly chosen records, and which share of all candidates they are.
fn sample(table: &Table, blocks: &Blocks, seed: u64) -> (Vec<Example>, f64) {
    let mut found = Vec::new();
    let mut order: Vec<u32> = (0..table.len()).collect();
    let mut state = seed ^ 0x5eed;
    for at in (1..order.len()).rev() {
        order.swap(at, (random(&mut state) % (at as u64 + 1)) as usize);
    }
    let mut examples = Vec::new();
    let mut looked = 0u32;
    for a in order {
        if examples.len() >= SAMPLE {
            break;
        }
        looked += 1;
        blocks.candidates(table, a, &mut found);
        for &b in &found {
            let pattern = compare(table, a, b);
            examples.push(Example { shared: shared(table, a, b, &pattern), pattern });
        }
    }
    (examples, f64::from(looked.max(1)) / f64::from(table.len().max(1)))
}

fn beforehand(table: &Table, random: &[Vec<f64>]) -> Model {
    let fields = Field::ALL.into_iter().map(|field| {
        let stranger = &random[field as usize];
        let person: Vec<f32> = field.levels().iter().map(|level| level.expected).collect();
        FieldModel {
            field: field.about().name.to_owned(),
            household: household(field, &person, stranger).iter().map(|h| *h as f32).collect(),
            person,
            stranger: stranger.iter().map(|u| *u as f32).collect(),
        }
    });
    let records = f64::from(table.len());
    Model {
        form: MODEL_FORM,
        records: table.len(),
        pairs: table.pairs(),
        person_pairs: (records * 0.3).max(0.5).min(table.pairs() / 4.0),
        household_pairs: (records * 0.1).max(0.5).min(table.pairs() / 4.0),
        fields: fields.collect(),
    }
}

/// What is expected of a household beforehand: like strangers in what is personal, half the same in
/// what it shares.
fn household(field: Field, person: &[f32], stranger: &[f64]) -> Vec<f64> {
    let same = match field.about().owner {
        Owner::Person => 0.02,
        Owner::Household | Owner::Address => HOUSEHOLD_SAME,
    };
    person.iter().zip(stranger).map(|(m, u)| same * f64::from(*m) + (1.0 - same) * u).collect()
}

/// One round: how likely each example is which kind, and then how often each kind shows each level.
fn learn(model: &mut Model, table: &Table, sample: &[Example], share: f64, random: &[Vec<f64>]) {
    let scales = Scales::new(model, table);
    let mut counts = [[[0.0f64; 8]; FIELDS]; 2];
    let (mut persons, mut households) = (0.0f64, 0.0f64);
    for example in sample {
        let weight = scales.weigh(&example.pattern, &example.shared);
        let probability = f64::from(weight.probability());
        let household = weight.household_probability();
        persons += probability;
        households += household;
        if probability + household < 1e-4 {
            continue;
        }
        for (at, level) in example.pattern.into_iter().enumerate() {
            if level != MISSING {
                counts[0][at][usize::from(level)] += probability;
                counts[1][at][usize::from(level)] += household;
            }
        }
    }
    model.person_pairs = (persons / share).max(0.5).min(model.pairs / 2.0);
    model.household_pairs = (households / share).max(0.5).min(model.pairs / 2.0);
    let own = model.person_pairs / model.pairs;
    for field in Field::ALL {
        let at = field as usize;
        let beforehand: Vec<f32> = field.levels().iter().map(|level| level.expected).collect();
        let stranger = &random[at];
        let mut person = blended(&counts[0][at], beforehand.iter().map(|m| f64::from(*m)));
        bound(&mut person, field);
        let stranger: Vec<f64> = stranger
            .iter()
            .zip(&person)
            .map(|(all, m)| ((all - own * m) / (1.0 - own)).max(all * 0.02))
            .collect();
        let total: f64 = stranger.iter().sum();
        let stranger: Vec<f64> = stranger.iter().map(|share| share / total).collect();
        let m: Vec<f32> = person.iter().map(|m| *m as f32).collect();
        let expected = household(field, &m, &stranger);
        let shared = match field.about().owner {
            Owner::Person => expected,
            Owner::Household | Owner::Address => {
                let mut household = blended(&counts[1][at], expected.into_iter());
                if matches!(field, Field::Family | Field::Number | Field::Street) {
                    at_most(&mut household, 0.4);
                }
                household
            }
        };
        let learned = &mut model.fields[at];
        learned.person = m;
        learned.household = shared.iter().map(|h| *h as f32).collect();
        learned.stranger = stranger.iter().map(|u| *u as f32).collect();
    }
}

/// Shares of levels: what was counted, and what was expected as if it were `PRIOR_PAIRS` more.
fn blended(counts: &[f64], expected: impl Iterator<Item = f64>) -> Vec<f64> {
    let expected: Vec<f64> = expected.collect();
    let total: f64 = counts[..expected.len()].iter().sum::<f64>() + PRIOR_PAIRS;
    expected.iter().zip(counts).map(|(e, c)| (c + PRIOR_PAIRS * e) / total).collect()
}

/// Keeps the level "different" rare among one person's records: without this, a crowd of namesakes
/// or relatives can take the person's place.
fn bound(person: &mut [f64], field: Field) {
    let most = match (field, field.about().owner) {
        (Field::Given | Field::Family | Field::Order, _) => 0.12,
        (Field::Birth, _) => 0.2,
        (_, Owner::Person) => 0.3,
        (_, Owner::Household | Owner::Address) => 0.6,
    };
    if field == Field::Order {
        person[0] = person[0].min(most);
        person[1] = 1.0 - person[0];
    } else {
        at_most(person, most);
    }
}

/// Keeps the last level, "different", at most so frequent.
fn at_most(shares: &mut [f64], most: f64) {
    let (last, rest) = shares.split_last_mut().expect("every field has levels");
    if *last > most {
        let scale = (1.0 - most) / (1.0 - *last).max(1e-9);
        rest.iter_mut().for_each(|share| *share *= scale);
        *last = most;
    }
}
