//! The whole way for a batch of records: block, learn, weigh, cluster.
//!
//! A pair's own evidence isn't all there is: that both records agree with a third is evidence too, and so is
//! what else is said of the two. So a pair within a cluster is at least as likely as the weakest join between
//! the two, and for a pair that the clustering parted the two clusters as wholes count as much as the pair
//! itself; it is at most even.

use super::block::Blocks;
use super::cluster::{Clusters, Edge, cluster};
use super::keys::Secret;
use super::model::Model;
use super::table::Table;
use super::train::train;
use super::weigh::{Scales, Weight};
use super::whole::weigh_wholes;

/// Pairs below this are not kept: log2 of the odds of a probability of 0.01.
const KEPT_LEAST: f32 = -6.63;

/// Pairs join from here on: log2 of the odds of a probability of two thirds.
pub const JOIN_LEAST: f32 = 1.0;

/// What linking found.
pub struct Linked {
    /// Pairs by falling probability, those of equal probability by record.
    pub pairs: Vec<Edge>,
    /// Who is who.
    pub clusters: Clusters,
    /// What was learned on the way.
    pub model: Model,
    /// How many pairs were compared.
    pub compared: u64,
    /// Records that share a key with more others than this were not compared because of it.
    pub block_limit: usize,
}

/// Links the records of a table. The same table, secret and seed always give the same result.
pub fn link(table: &Table, secret: &Secret, seed: u64) -> Linked {
    let blocks = Blocks::new(table, secret);
    let model = train(table, &blocks, seed);
    let scales = Scales::new(&model, table);
    let (mut edges, compared) = weigh(table, &blocks, &scales);
    let block_limit = blocks.limit;
    drop(blocks);
    sort(&mut edges);
    let joining = edges.partition_point(|edge| edge.bits >= JOIN_LEAST);
    let clusters = cluster(table, &scales, &edges[..joining]);
    let pairs = settled(table, &scales, &edges, &clusters);
    Linked { pairs, clusters, model, compared, block_limit }
}

fn weigh(table: &Table, blocks: &Blocks, scales: &Scales) -> (Vec<Edge>, u64) {
    let (mut edges, mut compared, mut found) = (Vec::new(), 0, Vec::new());
    for a in 0..table.len() {
        blocks.candidates(table, a, &mut found);
        compared += found.len() as u64;
        for &b in &found {
            let weight = scales.weigh_records(table, a, b, KEPT_LEAST);
            if let Some(bits) = weight.map(Weight::bits).filter(|bits| *bits >= KEPT_LEAST) {
                edges.push(Edge { a, b, bits });
            }
        }
    }
    (edges, compared)
}

fn sort(edges: &mut [Edge]) {
    edges.sort_unstable_by(|x, y| y.bits.total_cmp(&x.bits).then((x.a, x.b).cmp(&(y.a, y.b))));
}

/// The pairs with what their clusters say about them, those within clusters that no key brought
/// together among them.
fn settled(table: &Table, scales: &Scales, edges: &[Edge], clusters: &Clusters) -> Vec<Edge> {
    let mut members: Vec<(u32, u32)> =
        clusters.first.iter().enumerate().map(|(at, first)| (*first, at as u32)).collect();
    members.sort_unstable();
    let beside = |record: u32| -> Vec<u32> {
        let first = clusters.first[record as usize];
        let from = &members[members.partition_point(|member| member.0 < first)..];
        from.iter().take_while(|member| member.0 == first).map(|member| member.1).collect()
    };
    let parted = |edge: &Edge| {
        let (left, right) = (beside(edge.a), beside(edge.b));
        let whole = match left.len() * right.len() {
            1 => edge.bits,
            _ => weigh_wholes(table, scales, &left, &right).bits(),
        };
        (0.5 * (edge.bits + whole)).min(0.0)
    };
    let mut pairs: Vec<Edge> = edges
        .iter()
        .map(|edge| Edge {
            bits: match clusters.weakest(edge.a, edge.b) {
                Some(weakest) => edge.bits.max(weakest),
                None => parted(edge),
            },
            ..*edge
        })
        .filter(|pair| pair.bits >= KEPT_LEAST)
        .collect();
    let mut known: Vec<(u32, u32)> = pairs
        .iter()
        .filter(|pair| clusters.first[pair.a as usize] == clusters.first[pair.b as usize])
        .map(|pair| (pair.a, pair.b))
        .collect();
    known.sort_unstable();
    for person in members.chunk_by(|x, y| x.0 == y.0) {
        for (at, (_, a)) in person.iter().enumerate() {
            for (_, b) in &person[at + 1..] {
                if table.may_link(*a, *b) && known.binary_search(&(*a, *b)).is_err() {
                    let bits = clusters.weakest(*a, *b).expect("both are of one cluster");
                    pairs.push(Edge { a: *a, b: *b, bits });
                }
            }
        }
    }
    sort(&mut pairs);
    pairs
}

impl Edge {
    /// The probability that the two are one person, in 0..=1.
    pub fn probability(&self) -> f64 {
        1.0 / (1.0 + (-f64::from(self.bits)).exp2())
    }
}
