//! The check of one stretch of entries, which needs nothing from the entries before it.
//!
//! Every entry stores the hash of the one before, and a tree is made of tiles of 256 entries. So a
//! log can be cut at any multiple of 256 and its sections be checked on as many threads as there
//! are; `Verifier::join` then closes the seams.

use std::collections::VecDeque;

use super::base64::encode_url;
use super::finding::Finding;
use super::hash::{Hash, Messages, leaf_hash};
use super::scan::scan;
use super::tiles::TILE_WIDTH;
use super::tree::{Levels, peaks_of};
use crate::base::clock::Moment;

/// No more findings about entries than this are kept; the rest are counted. What is found about
/// checkpoints is always kept.
pub const FINDINGS_MAX: usize = 1000;

/// As many entries are laid out before they are hashed: they fit the fastest cache.
const ABREAST: usize = 32;

/// Longer entries are hashed by themselves.
const ABREAST_BYTES_MAX: usize = 2_000;

/// How many entries tell of what outsiders said, or of a new key: counted on the way, so that a row
/// which stands beside one can't be dropped unseen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// `checkpoint`: a witness or an authority signed.
    pub signed: u64,
    /// `witness.refused`.
    pub refused: u64,
    /// `key.rotate`.
    pub rotated: u64,
    /// The last `restore`: the history before it was left.
    pub restored: Option<u64>,
}

impl Told {
    fn count(&mut self, kind: &str, number: u64) {
        match kind {
            "checkpoint" => self.signed += 1,
            "witness.refused" => self.refused += 1,
            "key.rotate" => self.rotated += 1,
            "restore" => self.restored = Some(number),
            _ => {}
        }
    }

    pub(super) fn add(&mut self, more: Told) {
        self.signed += more.signed;
        self.refused += more.refused;
        self.rotated += more.rotated;
        self.restored = more.restored.or(self.restored);
    }
}

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
    /// Entries that are laid out to be hashed and checked, and where each is kept.
    pending: Messages,
    places: Vec<Option<u64>>,
    /// The roots of the full tiles.
    pub(super) tiles: Vec<Hash>,
    /// The hashes of the leaves of the tile that is being filled. Its tree is made when it is full,
    /// level by level.
    pub(super) tile: Vec<Hash>,
    /// The sizes at which a root is wanted, ascending.
    pub(super) wanted: VecDeque<u64>,
    /// For each wanted size that was reached: the peaks within its last tile.
    pub(super) marks: Vec<(u64, Vec<Hash>)>,
    pub(super) told: Told,
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
            pending: Messages::default(),
            places: Vec::new(),
            tiles: Vec::new(),
            tile: Vec::with_capacity(TILE_WIDTH as usize),
            wanted: sizes.filter(|size| *size > first).collect(),
            marks: Vec::new(),
            told: Told::default(),
            findings: Vec::new(),
            findings_unkept: 0,
        }
    }

    /// The number of the entry that must come next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Checks the next entry by its stored bytes: their form, its number, its link and its time.
    /// Findings come a few entries later, and checking goes on after them.
    pub fn push(&mut self, leaf: &[u8]) {
        self.take(None, leaf);
    }

    /// As `push`, for an entry that is kept under the number `place`, which has to be its own.
    pub fn push_at(&mut self, place: u64, leaf: &[u8]) {
        self.take(Some(place), leaf);
    }

    fn take(&mut self, place: Option<u64>, leaf: &[u8]) {
        if leaf.len() > ABREAST_BYTES_MAX {
            self.check_pending();
            self.check(self.next, place, leaf, leaf_hash(leaf));
        } else {
            self.pending.leaf(leaf);
            self.places.push(place);
        }
        self.next += 1;
        if self.pending.len() == ABREAST {
            self.check_pending();
        }
        if self.next.is_multiple_of(TILE_WIDTH) {
            let root = self.close_tile();
            self.tiles.extend(root);
        }
    }

    /// Checks the entries that were laid out.
    pub(super) fn check_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        let mut places = std::mem::take(&mut self.places);
        let mut numbered = (self.next - pending.len() as u64..).zip(&places);
        pending.hash(|leaf, hash| {
            let (counted, place) = numbered.next().expect("each leaf has a place");
            self.check(counted, *place, leaf, hash);
        });
        places.clear();
        (self.pending, self.places) = (pending, places);
    }

    /// Makes the tree over the tile that is being filled, and marks the wanted sizes within it. Gives
    /// the roots of its complete subtrees, largest first: a single one when the tile is full.
    pub(super) fn close_tile(&mut self) -> Vec<Hash> {
        self.check_pending();
        let first = self.next - self.tile.len() as u64;
        let levels = Levels::new(std::mem::take(&mut self.tile));
        let peaks = |count| {
            peaks_of(0, count, |level, index| levels.hash(level, index))
                .expect("the leaves of the tile are at hand")
        };
        while let Some(size) = self.wanted.pop_front_if(|size| *size <= self.next) {
            let within = size - first;
            let full = within == TILE_WIDTH;
            self.marks.push((size, if full { Vec::new() } else { peaks(within) }));
        }
        peaks(self.next - first)
    }

    /// Checks an entry: the `counted`th from the log's beginning.
    fn check(&mut self, counted: u64, place: Option<u64>, leaf: &[u8], hash: Hash) {
        self.check_fields(counted, place, leaf);
        self.before = Some(hash);
        self.tile.push(hash);
    }

    fn check_fields(&mut self, counted: u64, place: Option<u64>, leaf: &[u8]) {
        let expected = self.last_number.map_or(counted, |last| last + 1);
        let Some(view) = scan(leaf) else {
            self.last_number = Some(expected);
            self.find(Finding::Canonical { n: expected });
            return;
        };
        let n = view.number;
        self.told.count(view.kind, view.number);
        if n != expected && n != counted {
            self.find(Finding::Number { n: expected, found: n });
        } else if let Some(place) = place
            && place != n
        {
            self.find(Finding::Place { n, place });
        }
        match self.before {
            Some(before) if encode_url(&before.0) != *view.previous.text() => {
                self.find(Finding::Chain { n });
            }
            None if counted == self.first => {
                self.opening = Some((view.previous.hash(), view.at, n));
            }
            _ => {}
        }
        if self.last_at.is_some_and(|last| view.at < last) {
            self.find(Finding::Clock { n });
        }
        self.last_at = Some(view.at);
        self.last_number = Some(n);
    }

    /// Keeps a finding.
    pub(super) fn find(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_unkept += 1;
        }
    }
}
