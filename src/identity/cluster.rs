//! Pairs become persons: the surest pairs join first, and a join that the two clusters as wholes speak
//! against is refused (`whole`).
//!
//! Without the guard one wrong pair would make two persons one. Records of one group aren't linked to each
//! other; where a third record brings them together, they have to look like one person themselves. What was
//! decided before stands: records that are known to be one person's begin as one cluster, and those that are
//! known not to be never meet. Nor do two whom the policy's guards hold apart, as the clusters are by then
//! (`guard`).

use std::collections::HashMap;

use super::guard::{Facts, Guards};
use super::table::{NONE, Table};
use super::weigh::Scales;
use super::whole::weigh_wholes;

/// The most records that one person is believed to have.
pub const CLUSTER_MAX: usize = 200;

/// Bits that two clusters as wholes must speak for a join, where the pair that joins them brings none itself.
const WHOLE_LEAST: f32 = 1.0;

/// How much each bit of the pair that joins them lowers what is asked of the wholes.
const PAIR_COUNTS: f32 = 0.5;

/// With how many bits a pair counts at most.
const PAIR_MOST: f32 = 8.0;

/// Two records, `a` before `b`, and log2 of the odds that they are one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// The first record.
    pub a: u32,
    /// The second.
    pub b: u32,
    /// log2 of the odds.
    pub bits: f32,
}

/// What was decided before, by other means or by people.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Pairs of records that are one person's.
    pub together: Vec<(u32, u32)>,
    /// Pairs of records that are not, which no evidence joins.
    pub apart: Vec<(u32, u32)>,
    /// What holds people apart whom evidence would join: that remains to be asked.
    pub guards: Guards,
}

/// The clusters of a table's records.
pub struct Clusters {
    /// Record → the first record of its cluster.
    pub first: Vec<u32>,
    /// Joins that were refused by the guard.
    pub refused: u64,
    /// The pairs that joined two clusters, in order; not those that were given.
    pub made: Vec<Edge>,
    /// Record → where the cluster that it was the first of was joined to another.
    joins: Vec<Join>,
    /// The bits of each join, by its order.
    strengths: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Join {
    to: u32,
    order: u32,
}

impl Clusters {
    /// The bits of the weakest join between two different records of one cluster, as the pair says or as
    /// the wholes do, whichever is more; `None` for those of two.
    pub fn weakest(&self, a: u32, b: u32) -> Option<f32> {
        if self.first[a as usize] != self.first[b as usize] {
            return None;
        }
        // A link lower in the tree was made earlier: climbing the earlier one first, the two meet
        // where their clusters did.
        let (mut a, mut b, mut last) = (a as usize, b as usize, 0);
        while a != b {
            let lower = if self.joins[a].order < self.joins[b].order { &mut a } else { &mut b };
            let join = self.joins[*lower];
            last = join.order;
            *lower = join.to as usize;
        }
        Some(self.strengths[last as usize])
    }

    /// Record → the number of its cluster, from 0 in the order of the clusters' first records.
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers = vec![0; self.first.len()];
        let mut next = 0;
        for record in 0..self.first.len() {
            let first = self.first[record] as usize;
            numbers[record] = if first == record {
                next += 1;
                next - 1
            } else {
                numbers[first]
            };
        }
        numbers
    }
}

struct Joining<'a> {
    table: &'a Table,
    scales: &'a Scales,
    /// Record → those that it must not be joined with.
    apart: HashMap<u32, Vec<u32>>,
    guards: &'a Guards,
    /// The first record of a cluster → what is said of its person.
    facts: HashMap<u32, Facts>,
    parents: Vec<u32>,
    joins: Vec<Join>,
    strengths: Vec<f32>,
    next: Vec<u32>,
    sizes: Vec<u32>,
}

/// Joins records along `edges`, which stand by falling `bits`; once.
pub fn cluster(table: &Table, scales: &Scales, edges: &[Edge]) -> Clusters {
    let given = Given::default();
    let mut joining = Joining::new(table, scales, &given);
    let (made, refused) = joining.pass(edges);
    joining.end(made, refused)
}

/// Joins records along `edges`, which stand by falling `bits`, on top of what is given; again and again,
/// until nothing more joins. So what it found, given to it anew, finds nothing more.
pub fn settle(table: &Table, scales: &Scales, edges: &[Edge], given: &Given) -> Clusters {
    let mut joining = Joining::new(table, scales, given);
    let mut made = Vec::new();
    loop {
        let (joined, refused) = joining.pass(edges);
        if joined.is_empty() {
            return joining.end(made, refused);
        }
        made.extend(joined);
    }
}

impl<'a> Joining<'a> {
    fn new(table: &'a Table, scales: &'a Scales, given: &'a Given) -> Joining<'a> {
        let all: Vec<u32> = (0..table.len()).collect();
        let mut apart: HashMap<u32, Vec<u32>> = HashMap::new();
        for (a, b) in &given.apart {
            apart.entry(*a).or_default().push(*b);
            apart.entry(*b).or_default().push(*a);
        }
        let mut joining = Joining {
            table,
            scales,
            apart,
            guards: &given.guards,
            facts: given.guards.facts.clone(),
            joins: all.iter().map(|record| Join { to: *record, order: u32::MAX }).collect(),
            strengths: Vec::new(),
            sizes: vec![1; all.len()],
            parents: all.clone(),
            next: all,
        };
        for (a, b) in &given.together {
            let (a, b) = (joining.find(*a), joining.find(*b));
            if a != b {
                joining.join(a, b, f32::INFINITY);
            }
        }
        joining
    }

    /// Goes over the pairs once; gives those that joined two clusters, and how many were refused.
    fn pass(&mut self, edges: &[Edge]) -> (Vec<Edge>, u64) {
        let (mut made, mut refused) = (Vec::new(), 0);
        for edge in edges {
            let (a, b) = (self.find(edge.a), self.find(edge.b));
            if a == b {
                continue;
            }
            if let Some(bits) = self.fit(a, b, edge.bits) {
                self.join(a, b, bits);
                made.push(*edge);
            } else {
                refused += 1;
            }
        }
        (made, refused)
    }

    fn end(mut self, made: Vec<Edge>, refused: u64) -> Clusters {
        let first = (0..self.table.len()).map(|record| self.find(record)).collect();
        Clusters { first, refused, made, joins: self.joins, strengths: self.strengths }
    }
}

impl Joining<'_> {
    fn find(&mut self, mut record: u32) -> u32 {
        while self.parents[record as usize] != record {
            let above = self.parents[self.parents[record as usize] as usize];
            self.parents[record as usize] = above;
            record = above;
        }
        record
    }

    /// The members of a cluster in order, so that what they are asked doesn't depend on how they met.
    fn members(&self, first: u32) -> Vec<u32> {
        let mut members = Vec::with_capacity(self.sizes[first as usize] as usize);
        let mut at = first;
        loop {
            members.push(at);
            at = self.next[at as usize];
            if at == first {
                members.sort_unstable();
                return members;
            }
        }
    }

    fn join(&mut self, a: u32, b: u32, bits: f32) {
        let (first, other) = (a.min(b), a.max(b));
        self.parents[other as usize] = first;
        self.joins[other as usize] = Join { to: first, order: self.strengths.len() as u32 };
        self.strengths.push(bits);
        self.sizes[first as usize] += self.sizes[other as usize];
        self.next.swap(first as usize, other as usize);
        if let Some(theirs) = self.facts.remove(&other) {
            self.facts.entry(first).or_default().take_in(&theirs);
        }
    }

    /// The bits with which two clusters join that a pair of `bits` brings together; `None` where they don't
    /// fit.
    fn fit(&self, a: u32, b: u32, bits: f32) -> Option<f32> {
        let (size_a, size_b) = (self.sizes[a as usize] as usize, self.sizes[b as usize] as usize);
        if size_a + size_b > CLUSTER_MAX || self.are_guarded(a, b) {
            return None;
        }
        let is_pair = size_a == 1 && size_b == 1;
        if is_pair && self.apart.is_empty() {
            return Some(bits);
        }
        let (left, right) = (self.members(a), self.members(b));
        if self.are_kept_apart(&left, &right) {
            return None;
        }
        if is_pair {
            return Some(bits);
        }
        let whole = weigh_wholes(self.table, self.scales, &left, &right).bits();
        let leniency = if self.share_a_group(&left, &right) { 0.0 } else { bits.min(PAIR_MOST) };
        (whole >= WHOLE_LEAST - PAIR_COUNTS * leniency).then_some(bits.max(whole))
    }

    /// Whether a guard holds two clusters apart.
    fn are_guarded(&self, a: u32, b: u32) -> bool {
        let (Some(a), Some(b)) = (self.facts.get(&a), self.facts.get(&b)) else { return false };
        self.guards.each.iter().any(|guard| guard.parts(a, b))
    }

    fn are_kept_apart(&self, left: &[u32], right: &[u32]) -> bool {
        let mut others = left.iter().filter_map(|record| self.apart.get(record)).flatten();
        others.any(|other| right.binary_search(other).is_ok())
    }

    /// Whether a record of one is of the same group as one of the other: the two meet only through a third
    /// record, so they have to look like one person themselves.
    fn share_a_group(&self, left: &[u32], right: &[u32]) -> bool {
        let mut groups: Vec<u32> =
            left.iter().map(|record| self.table.group(*record)).filter(|g| *g != NONE).collect();
        groups.sort_unstable();
        right.iter().any(|record| groups.binary_search(&self.table.group(*record)).is_ok())
    }
}
