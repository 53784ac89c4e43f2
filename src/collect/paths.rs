//! The dotted paths of JSON objects as a tree, which remembers the order that fields come in.
//!
//! Lines of one export hold the same fields in the same order, so the next field is guessed from
//! the last line's; a right guess costs one comparison.

use std::collections::HashMap;
use std::sync::Arc;

use super::row::Plan;

/// No node, no slot.
pub(super) const NONE: u32 = u32::MAX;

/// The node of the whole object.
pub(super) const ROOT: u32 = 0;

/// Stands for every path beyond the most that are told apart.
const OTHERS: u32 = 1;

/// Paths that are told apart; further unknown ones are counted together.
const NODES_MAX: usize = 1_000;

const NAME_CHARS_MAX: usize = 80;

struct Node {
    key: Box<str>,
    path: Arc<str>,
    parent: u32,
    slot: u32,
    ignored: bool,
    children: HashMap<Box<str>, u32>,
    first: u32,
    next: u32,
    unknown: u64,
}

/// A tree of paths.
pub(super) struct Paths {
    nodes: Vec<Node>,
}

impl Paths {
    /// The paths of a plan.
    pub fn of(plan: &Plan) -> Paths {
        let mut paths = Paths { nodes: Vec::new() };
        paths.add(NONE, "", "".into());
        paths.add(NONE, "", "(other fields)".into());
        for (slot, name) in plan.wanted().iter().enumerate() {
            let node = paths.plant(name);
            paths.nodes[node as usize].slot = slot as u32;
        }
        for name in plan.ignored() {
            let node = paths.plant(name);
            paths.nodes[node as usize].ignored = true;
        }
        paths
    }

    fn plant(&mut self, path: &str) -> u32 {
        let mut node = ROOT;
        let mut end = 0;
        for key in path.split('.') {
            end += key.len();
            node = match self.nodes[node as usize].children.get(key) {
                Some(&child) => child,
                None => self.add(node, key, path[..end].into()),
            };
            end += 1;
        }
        node
    }

    fn add(&mut self, parent: u32, key: &str, path: Arc<str>) -> u32 {
        let at = self.nodes.len() as u32;
        self.nodes.push(Node {
            key: key.into(),
            path,
            parent,
            slot: NONE,
            ignored: false,
            children: HashMap::new(),
            first: NONE,
            next: NONE,
            unknown: 0,
        });
        if parent != NONE {
            self.nodes[parent as usize].children.insert(key.into(), at);
        }
        at
    }

    /// The node of `key` within `parent`, when the field before it was `before` (or `NONE`).
    #[inline]
    pub fn child(&mut self, parent: u32, before: u32, key: &str) -> u32 {
        let guess = match before {
            NONE => self.nodes[parent as usize].first,
            before => self.nodes[before as usize].next,
        };
        if let Some(node) = self.nodes.get(guess as usize)
            && node.parent == parent
            && *node.key == *key
        {
            return guess;
        }
        let child = self.look_up(parent, key);
        match before {
            NONE => self.nodes[parent as usize].first = child,
            before => self.nodes[before as usize].next = child,
        }
        child
    }

    fn look_up(&mut self, parent: u32, key: &str) -> u32 {
        if let Some(&child) = self.nodes[parent as usize].children.get(key) {
            return child;
        }
        // A key that holds the dots itself means the same path.
        let mut planned = Some(parent);
        for part in key.split('.') {
            planned = planned.and_then(|n| self.nodes[n as usize].children.get(part).copied());
        }
        if let Some(child) = planned {
            return child;
        }
        if parent == OTHERS || self.nodes.len() >= NODES_MAX {
            return OTHERS;
        }
        let name: String = key.chars().take(NAME_CHARS_MAX).collect();
        let above = &self.nodes[parent as usize].path;
        let path = if above.is_empty() { name } else { format!("{above}.{name}") };
        self.add(parent, key, path.into())
    }

    /// The slot of a node, or `NONE`.
    #[inline]
    pub fn slot(&self, node: u32) -> u32 {
        self.nodes[node as usize].slot
    }

    /// Whether a node is known and not wanted.
    #[inline]
    pub fn is_ignored(&self, node: u32) -> bool {
        self.nodes[node as usize].ignored
    }

    /// The path of a node.
    pub fn name(&self, node: u32) -> Arc<str> {
        self.nodes[node as usize].path.clone()
    }

    /// Whether paths below the node are known.
    #[inline]
    pub fn has_children(&self, node: u32) -> bool {
        !self.nodes[node as usize].children.is_empty()
    }

    /// Counts unknown fields of one row.
    #[inline]
    pub fn count(&mut self, nodes: &[u32]) {
        for &node in nodes {
            self.nodes[node as usize].unknown += 1;
        }
    }

    /// Unknown paths and their counts, in the order in which they were met.
    pub fn unknown(&self) -> impl Iterator<Item = (Arc<str>, u64)> + '_ {
        self.nodes.iter().filter(|n| n.unknown > 0).map(|n| (n.path.clone(), n.unknown))
    }

    /// Starts the counts again.
    pub fn forget(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.unknown = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Paths {
        let mut plan = Plan::default();
        plan.want("a.b");
        plan.want("c");
        plan.ignore("a.d");
        Paths::of(&plan)
    }

    #[test]
    fn guesses_never_mislead() {
        let mut paths = paths();
        for _ in 0..2 {
            let a = paths.child(ROOT, NONE, "a");
            let b = paths.child(a, NONE, "b");
            assert_eq!(paths.slot(b), 0);
            assert_eq!(paths.child(ROOT, a, "a.b"), b);
            assert_eq!(paths.slot(paths.nodes[b as usize].parent), NONE);
            let c = paths.child(ROOT, b, "c");
            assert_eq!(paths.slot(c), 1);
            let within = paths.child(a, b, "c");
            assert_eq!((paths.slot(within), &*paths.nodes[within as usize].path), (NONE, "a.c"));
            let d = paths.child(a, within, "d");
            assert!(paths.is_ignored(d));
        }
    }

    #[test]
    fn a_flood_of_names_is_counted_together() {
        let mut paths = paths();
        for n in 0..5_000 {
            let node = paths.child(ROOT, NONE, &format!("x{n}"));
            paths.count(&[node]);
        }
        assert!(paths.nodes.len() <= NODES_MAX);
        let counts: Vec<_> = paths.unknown().collect();
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 5_000);
        assert_eq!(&*counts[0].0, "(other fields)");
    }
}
