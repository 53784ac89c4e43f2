//! Bridges: links that alone hold two parts of a profile together (Tarjan's way of finding them).
//!
//! A person's records usually hold together in several ways. Where two groups of them hang on one link,
//! that link deserves a look, for if it is wrong two people are one.

use std::collections::HashMap;

/// A link between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) link: i64,
    pub(super) a: i64,
    pub(super) b: i64,
}

/// A link without which its records would fall apart, and how many would be on its smaller side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bridge {
    pub(super) link: i64,
    pub(super) smaller: usize,
}

/// The bridges of a profile, in the order of the links.
pub(super) fn bridges(edges: &[Edge]) -> Vec<Bridge> {
    let mut around: HashMap<i64, Vec<(usize, i64)>> = HashMap::new();
    for (at, edge) in edges.iter().enumerate() {
        around.entry(edge.a).or_default().push((at, edge.b));
        around.entry(edge.b).or_default().push((at, edge.a));
    }
    let mut starts: Vec<i64> = around.keys().copied().collect();
    starts.sort_unstable();
    let mut walk = Walk { around: &around, seen: HashMap::new(), found: Vec::new() };
    for start in starts {
        if !walk.seen.contains_key(&start) {
            walk.from(start);
        }
    }
    walk.found.sort_unstable();
    walk.found.into_iter().map(|(at, smaller)| Bridge { link: edges[at].link, smaller }).collect()
}

struct Walk<'a> {
    around: &'a HashMap<i64, Vec<(usize, i64)>>,
    /// Record → when it was first met.
    seen: HashMap<i64, usize>,
    /// (edge, records on its smaller side).
    found: Vec<(usize, usize)>,
}

/// A record on the way: by which edge it was reached, how many of its edges were followed, the earliest
/// record that it or those below it reach otherwise, and how many are below it, itself among them.
struct Step {
    record: i64,
    by: Option<usize>,
    followed: usize,
    low: usize,
    below: usize,
}

impl Walk<'_> {
    /// Walks through all that hang together with a record, without recursion: profiles can be long chains.
    fn from(&mut self, start: i64) {
        let first = self.seen.len();
        let mut candidates = Vec::new();
        let mut way = vec![self.step(start, None)];
        while let Some(step) = way.last_mut() {
            let next = self.around[&step.record].get(step.followed).copied();
            step.followed += 1;
            match next {
                Some((edge, _)) if step.by == Some(edge) => {}
                Some((edge, other)) => match self.seen.get(&other) {
                    Some(met) => step.low = step.low.min(*met),
                    None => {
                        let step = self.step(other, Some(edge));
                        way.push(step);
                    }
                },
                None => {
                    let done = way.pop().expect("the last is there");
                    let Some(above) = way.last_mut() else { break };
                    above.low = above.low.min(done.low);
                    above.below += done.below;
                    if done.low > self.seen[&above.record] {
                        candidates.push((done.by.expect("it was reached"), done.below));
                    }
                }
            }
        }
        let all = self.seen.len() - first;
        self.found.extend(candidates.into_iter().map(|(edge, n)| (edge, n.min(all - n))));
    }

    fn step(&mut self, record: i64, by: Option<usize>) -> Step {
        let met = self.seen.len();
        self.seen.insert(record, met);
        Step { record, by, followed: 0, low: met, below: 1 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edges(pairs: &[(i64, i64)]) -> Vec<Edge> {
        (0..).zip(pairs).map(|(link, (a, b))| Edge { link, a: *a, b: *b }).collect()
    }

    #[test]
    fn two_triangles_hang_on_one_link() {
        let found =
            bridges(&edges(&[(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 6), (6, 4), (6, 7)]));
        assert_eq!(found, [Bridge { link: 3, smaller: 3 }, Bridge { link: 7, smaller: 1 }]);
    }

    #[test]
    fn two_links_between_the_same_records_are_no_bridge() {
        assert!(bridges(&edges(&[(1, 2), (2, 1)])).is_empty());
    }

    /// How many records hang together with one, without a link.
    fn reach(edges: &[Edge], without: usize, start: i64) -> usize {
        let mut reached = vec![start];
        let mut at = 0;
        while at < reached.len() {
            for (_, edge) in edges.iter().enumerate().filter(|(index, _)| *index != without) {
                for (from, to) in [(edge.a, edge.b), (edge.b, edge.a)] {
                    if from == reached[at] && !reached.contains(&to) {
                        reached.push(to);
                    }
                }
            }
            at += 1;
        }
        reached.len()
    }

    proptest! {
        /// Against the plain way: take each link out and look whether its ends still meet.
        #[test]
        fn a_bridge_is_what_alone_holds_together(pairs in prop::collection::vec((0i64..9, 0i64..9), 0..16)) {
            let pairs: Vec<(i64, i64)> = pairs.into_iter().filter(|(a, b)| a != b).collect();
            let edges = edges(&pairs);
            let mut expected = Vec::new();
            for (at, edge) in edges.iter().enumerate() {
                let (whole, part) = (reach(&edges, usize::MAX, edge.a), reach(&edges, at, edge.a));
                if part < whole {
                    expected.push(Bridge { link: edge.link, smaller: part.min(whole - part) });
                }
            }
            prop_assert_eq!(bridges(&edges), expected);
        }
    }
}
