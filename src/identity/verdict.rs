//! What linking says about profiles that exist already: which are one person's for certain, which to ask
//! a person about, and which are of one household.
//!
//! Whatever is sure and fits joins; what lies between sure and unlikely is a question, one for each two
//! profiles; what is rather one household is a relation. Given its own answer, it says nothing more.

use std::collections::{BTreeMap, BTreeSet};

use super::block::Blocks;
use super::cluster::{Clusters, Edge, Given, settle};
use super::field::Owner;
use super::keys::Secret;
use super::model::Model;
use super::table::{NONE, Table};
use super::train::train;
use super::weigh::Scales;

/// Pairs join profiles from here on: log2 of the odds of a probability of 0.9.
pub const SURE: f32 = 3.17;

/// Pairs are worth a person's look from here on: log2 of the odds of a probability of 0.3.
pub const WORTH_A_LOOK: f32 = -1.222;

/// From this probability on, two records are of one household.
pub const RELATED_LEAST: f32 = 0.9;

/// A question about two profiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// The pair that speaks most for their being one person.
    pub pair: Edge,
    /// Their probability of being of one household, in 0..=1.
    pub household: f32,
}

/// What linking says.
pub struct Verdict {
    /// How many pairs were compared.
    pub compared: u64,
    /// Who is who, with what was given; `made` are the joins, in order.
    pub clusters: Clusters,
    /// Questions, by falling likelihood.
    pub questions: Vec<Question>,
    /// Pairs of records of one household, the likeliest of each two profiles: (a, b, probability).
    pub related: Vec<(u32, u32, f32)>,
}

/// Learns from a table and says what follows for the profiles that are given.
pub fn verdict(table: &Table, secret: &Secret, seed: u64, given: &Given) -> (Model, Verdict) {
    let blocks = Blocks::new(table, secret);
    let model = train(table, &blocks, seed);
    let scales = Scales::new(&model, table);
    let found = weigh(table, &blocks, &scales);
    drop(blocks);
    let verdict = conclude(table, &scales, found, given);
    (model, verdict)
}

/// Says what follows for one record that is new to the others of a table, by a model that was learned
/// before. The table's counts are those of everybody (see [`Table::count_as`]).
pub fn arrival(table: &Table, model: &Model, newcomer: u32, given: &Given) -> Verdict {
    let scales = Scales::new(model, table);
    let mut found = Found::default();
    for other in (0..table.len()).filter(|other| *other != newcomer) {
        weigh_pair(table, &scales, newcomer.min(other), newcomer.max(other), &mut found);
    }
    conclude(table, &scales, found, given)
}

/// The records of a table that are worth a look beside a newcomer: perhaps the same person's, or of the
/// same household.
pub fn worth_a_look(table: &Table, model: &Model, newcomer: u32) -> Vec<u32> {
    let scales = Scales::new(model, table);
    let is_worth = |other: &u32| {
        let mut found = Found::default();
        weigh_pair(table, &scales, newcomer.min(*other), newcomer.max(*other), &mut found);
        !found.alike.is_empty() || !found.related.is_empty()
    };
    (0..table.len()).filter(|other| *other != newcomer).filter(is_worth).collect()
}

/// What follows from pairs that were weighed.
fn conclude(table: &Table, scales: &Scales, mut found: Found, given: &Given) -> Verdict {
    found.alike.sort_unstable_by(|x, y| {
        y.pair.bits.total_cmp(&x.pair.bits).then((x.pair.a, x.pair.b).cmp(&(y.pair.a, y.pair.b)))
    });
    let sure: Vec<Edge> =
        found.alike.iter().map(|q| q.pair).take_while(|pair| pair.bits >= SURE).collect();
    let clusters = settle(table, scales, &sure, given);
    let sides = |a: u32, b: u32| {
        let (a, b) = (clusters.first[a as usize], clusters.first[b as usize]);
        (a.min(b), a.max(b))
    };
    let apart: BTreeSet<(u32, u32)> = given.apart.iter().map(|(a, b)| sides(*a, *b)).collect();
    let mut asked = BTreeSet::new();
    let mut questions = Vec::new();
    for question in found.alike {
        let sides = sides(question.pair.a, question.pair.b);
        if sides.0 != sides.1 && !apart.contains(&sides) && asked.insert(sides) {
            questions.push(question);
        }
    }
    let mut related: BTreeMap<(u32, u32), (u32, u32, f32)> = BTreeMap::new();
    for (a, b, likely) in found.related {
        let sides = sides(a, b);
        // Whether they are one person is the first question.
        if sides.0 == sides.1 || asked.contains(&sides) {
            continue;
        }
        let best = related.entry(sides).or_insert((a, b, likely));
        if likely > best.2 {
            *best = (a, b, likely);
        }
    }
    let related = related.into_values().collect();
    Verdict { compared: found.compared, clusters, questions, related }
}

#[derive(Default)]
struct Found {
    compared: u64,
    /// Pairs worth a look, sure ones among them.
    alike: Vec<Question>,
    related: Vec<(u32, u32, f32)>,
}

fn weigh(table: &Table, blocks: &Blocks, scales: &Scales) -> Found {
    let (mut found, mut candidates) = (Found::default(), Vec::new());
    for a in 0..table.len() {
        blocks.candidates(table, a, &mut candidates);
        for &b in &candidates {
            weigh_pair(table, scales, a, b, &mut found);
        }
    }
    found
}

/// Weighs two records, `a` before `b`.
fn weigh_pair(table: &Table, scales: &Scales, a: u32, b: u32, found: &mut Found) {
    found.compared += 1;
    // A household shows in what its members share; without that, a pair is left off early.
    let least = if share_a_household_field(table, a, b) { f32::MIN } else { WORTH_A_LOOK };
    let Some(weight) = scales.weigh_records(table, a, b, least) else { return };
    let (bits, household) = (weight.bits(), weight.household_probability() as f32);
    if bits >= WORTH_A_LOOK {
        found.alike.push(Question { pair: Edge { a, b, bits }, household });
    }
    if household >= RELATED_LEAST {
        found.related.push((a, b, household));
    }
}

fn share_a_household_field(table: &Table, a: u32, b: u32) -> bool {
    let (row_a, row_b) = (table.row(a), table.row(b));
    table.used().iter().any(|field| {
        let at = *field as usize;
        row_a[at] != NONE && row_a[at] == row_b[at] && field.about().owner != Owner::Person
    })
}
