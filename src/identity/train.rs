//! Learning without labels how one person's records agree.
//!
//! How strangers agree is counted (`chance.rs`). How one person's records and a household's agree is found
//! by expectation maximisation over a sample of the candidates.

use super::block::Blocks;
use super::chance::{Chance, chances, random};
use super::compare::{Pattern, compare};
use super::field::{FIELDS, Field, MISSING, Owner, of_another_kind};
use super::isotonic::in_order;
use super::model::{FieldModel, MODEL_FORM, Model, Shared, shared};
use super::table::Table;
use super::weigh::{MIXED, Scales};

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
    let random = chances(table, seed);
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

fn beforehand(table: &Table, random: &[Chance]) -> Model {
    let fields = Field::ALL.into_iter().map(|field| {
        let mut person: Vec<f64> = expected(field).collect();
        let stranger = random[field as usize].of_strangers(field, 0.0, &person);
        set_in_order(&mut person, field, &stranger);
        FieldModel {
            field: field.about().name.to_owned(),
            household: short(&household(field, &person, &stranger)),
            person: short(&person),
            stranger: short(&stranger),
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
fn household(field: Field, person: &[f64], stranger: &[f64]) -> Vec<f64> {
    let same = match field.about().owner {
        Owner::Person => f64::from(MIXED),
        Owner::Household | Owner::Address => HOUSEHOLD_SAME,
    };
    person.iter().zip(stranger).map(|(m, u)| same * m + (1.0 - same) * u).collect()
}

/// One round: how likely each example is which kind, and then how often each kind shows each level.
fn learn(model: &mut Model, table: &Table, sample: &[Example], share: f64, random: &[Chance]) {
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
        let mut person = blended(&counts[0][at], expected(field));
        bound(&mut person, field);
        let stranger = random[at].of_strangers(field, own, &person);
        set_in_order(&mut person, field, &stranger);
        let likely = household(field, &person, &stranger);
        let household = match field.about().owner {
            Owner::Person => likely,
            Owner::Household | Owner::Address => {
                let mut household = blended(&counts[1][at], likely.into_iter());
                if matches!(field, Field::Family | Field::Number | Field::Street) {
                    at_most(&mut household, 0.4);
                }
                set_in_order(&mut household, field, &stranger);
                household
            }
        };
        let learned = &mut model.fields[at];
        learned.person = short(&person);
        learned.household = short(&household);
        learned.stranger = short(&stranger);
    }
}

/// A better agreement is never worth less than a worse one. Names in order are no worse than swapped ones.
fn set_in_order(shares: &mut [f64], field: Field, stranger: &[f64]) {
    if field != Field::Order {
        in_order(shares, stranger, of_another_kind(field.about().kind));
    }
}

/// How often one person's records show each level, beforehand.
fn expected(field: Field) -> impl Iterator<Item = f64> {
    field.levels().iter().map(|level| f64::from(level.expected))
}

fn short(shares: &[f64]) -> Vec<f32> {
    shares.iter().map(|share| *share as f32).collect()
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
