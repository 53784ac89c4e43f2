//! The check of one stretch of entries, which needs nothing from the entries before it.
//!
//! Every entry stores the hash of the one before, and a tree is made of tiles of 256 entries. So a
//! log can be cut at any multiple of 256 and its sections be checked on as many threads as there
//! are; `Verifier::join` then closes the seams.

use std::collections::VecDeque;

use super::base64::encode_url;
use super::finding::Finding;
use super::hash::{Hash, leaf_hash};
use super::scan::scan;
use super::tiles::TILE_WIDTH;
use super::tree::Frontier;
use crate::base::clock::Moment;

/// No more findings than this are kept; the rest are counted.
pub const FINDINGS_MAX: usize = 1000;

/// A stretch of entries under check. Made by `Verifier::section`.
#[derive(Clone, Debug)]
pub struct Section {
    /// The number of the first entry, a multiple of 256.
    pub(super) first: u64,
    /// The number that the next entry must have, by counting.
    pub(super) next: u64,
    /// What the first entry says about the one before: its hash, its own time and number.
    pub(super) opening: Option<(Hash, Moment, u64)>,
    /// The hash of the entry before the next one.
    pub(super) before: Option<Hash>,
    pub(super) last_at: Option<Moment>,
    pub(super) last_number: Option<u64>,
    /// The roots of the full tiles.
    pub(super) tiles: Vec<Hash>,
    /// The tile that is being filled.
    pub(super) tile: Frontier,
    /// The sizes at which a root is wanted, ascending.
    pub(super) wanted: VecDeque<u64>,
    /// For each wanted size that was reached: the peaks within its last tile.
    pub(super) marks: Vec<(u64, Vec<Hash>)>,
    pub(super) findings: Vec<Finding>,
    pub(super) findings_unkept: u64,
}

impl Section {
    /// A section that begins with entry `tile` × 256; `sizes` ascend.
    pub(super) fn new(
        tile: u64,
        sizes: impl Iterator<Item = u64>,
        before: Option<Hash>,
    ) -> Section {
        let first = tile * TILE_WIDTH;
        Section {
            first,
            next: first,
            opening: None,
            before,
            last_at: None,
            last_number: None,
            tiles: Vec::new(),
            tile: Frontier::new(),
            wanted: sizes.filter(|size| *size > first).collect(),
            marks: Vec::new(),
            findings: Vec::new(),
            findings_unkept: 0,
        }
    }

    /// The number of the entry that must come next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Checks the next entry by its stored bytes: their form, its number, its link and its time.
    /// Gives the first finding; all are kept. Checking can go on after a finding.
    pub fn push(&mut self, leaf: &[u8]) -> Result<(), Finding> {
        let first_finding = self.check(leaf);
        let hash = leaf_hash(leaf);
        self.before = Some(hash);
        self.tile.append(hash);
        self.next += 1;
        if self.tile.size() == TILE_WIDTH {
            self.tiles.push(self.tile.root());
            self.tile = Frontier::new();
        }
        if self.wanted.front() == Some(&self.next) {
            self.wanted.pop_front();
            self.marks.push((self.next, self.tile.peaks().to_vec()));
        }
        first_finding.map_or(Ok(()), Err)
    }

    fn check(&mut self, leaf: &[u8]) -> Option<Finding> {
        let mut first_finding = None;
        let expected = self.last_number.map_or(self.next, |last| last + 1);
        let Some(view) = scan(leaf) else {
            self.last_number = Some(expected);
            return Some(self.find(Finding::Canonical { n: expected }));
        };
        let n = view.number;
        if n != expected && n != self.next {
            first_finding = Some(self.find(Finding::Number { n: expected, found: n }));
        }
        match self.before {
            Some(before) if encode_url(&before.0) != *view.previous.text() => {
                first_finding = first_finding.or(Some(self.find(Finding::Chain { n })));
            }
            None if self.next == self.first => {
                self.opening = Some((view.previous.hash(), view.at, n));
            }
            _ => {}
        }
        if self.last_at.is_some_and(|last| view.at < last) {
            first_finding = first_finding.or(Some(self.find(Finding::Clock { n })));
        }
        self.last_at = Some(view.at);
        self.last_number = Some(n);
        first_finding
    }

    /// Keeps a finding, and gives it back.
    pub(super) fn find(&mut self, finding: Finding) -> Finding {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_unkept += 1;
        }
        finding
    }
}
