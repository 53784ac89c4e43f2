//! Verification of a whole log: its chain, its tree, its clock, and every checkpoint there is.
//!
//! The entries alone prove only that they fit together; whoever can write the file can make others
//! that do. What counts is each claim: a checkpoint of candor's own, checked by its signature, and
//! above all those that somebody else holds. So the answer says up to which size each was met.

use std::collections::BTreeMap;

use super::checkpoint::{SignedCheckpoint, Trust};
use super::finding::Finding;
use super::hash::{EMPTY_ROOT, Hash};
use super::leaf::first_previous;
use super::note::UnknownKeys;
use super::section::{Section, Told};
use super::tiles::{TILE_LEVEL, TILE_WIDTH};
use super::tree::{Frontier, fold, root_of};
use crate::base::clock::Moment;

/// Who holds a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The store itself: whoever has the file and the key could have made it anew.
    Own,
    /// Somebody else: a recipient of a receipt, an auditor, a witness.
    Outside,
}

/// What a checkpoint, whose signatures were checked, states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The number of entries.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// Who holds the checkpoint.
    pub holder: Holder,
}

impl SignedCheckpoint {
    /// What it states, for a verifier.
    pub fn claim(&self, holder: Holder) -> Claim {
        Claim { size: self.checkpoint.size, root: self.checkpoint.root, holder }
    }
}

/// Checks one of candor's own stored checkpoints, kept under `size`: strictly, so that no bit of it
/// can differ. A checkpoint from elsewhere is read with `Trust::read` and `UnknownKeys::Ignore`.
pub fn own_checkpoint(size: u64, note: &[u8], trust: &Trust) -> Result<SignedCheckpoint, Finding> {
    let signed = trust.read(note, UnknownKeys::Refuse).map_err(|error| match error.code {
        "origin-differs" => Finding::Origin { size },
        "note-unreadable" | "checkpoint-unreadable" => Finding::Note { size },
        _ => Finding::Signature { size },
    })?;
    if signed.checkpoint.size == size { Ok(signed) } else { Err(Finding::Note { size }) }
}

/// Goes over a log once, in order or in sections.
#[derive(Clone, Debug)]
pub struct Verifier {
    claims: Vec<Claim>,
    whole: Section,
    /// The number of entries after which sections did not meet, so that no tree goes on from there.
    tree_ends: Option<u64>,
}

/// What verification came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The number of entries.
    pub size: u64,
    /// The root of the tree; `None` when a whole section is missing.
    pub root: Option<Hash>,
    /// The chain head: the hash of the last entry.
    pub head: Option<Hash>,
    /// The time of the last entry.
    pub last_at: Option<Moment>,
    /// The size of candor's largest own checkpoint that was met.
    pub signed_to: u64,
    /// The size of the largest checkpoint held by somebody else that was met. Entries from here on
    /// could be rewritten by whoever has both the file and the key.
    pub held_to: u64,
    /// How many entries tell of outsiders' signatures, and of keys.
    pub told: Told,
    /// Everything found, at most 1,000 things about entries; none means that all holds.
    pub findings: Vec<Finding>,
    /// How many more about entries there were.
    pub findings_unkept: u64,
    /// The roots of the full tiles, of 256 entries each.
    tiles: Vec<Hash>,
}

impl Verifier {
    /// Begins with the log of this origin, which has to meet the given claims.
    pub fn new(origin: &str, mut claims: Vec<Claim>) -> Verifier {
        claims.sort_unstable_by_key(|claim| claim.size);
        let whole = Section::new(0, sizes(&claims), Some(first_previous(origin)));
        Verifier { claims, whole, tree_ends: None }
    }

    /// Checks the next entry; see `Section::push`.
    pub fn push(&mut self, leaf: &[u8]) {
        self.whole.push(leaf);
    }

    /// A section to check on another thread, beginning with entry `tile` × 256.
    pub fn section(&self, tile: u64) -> Section {
        Section::new(tile, sizes(&self.claims), None)
    }

    /// Adds the next section, in order, and checks the seam.
    pub fn join(&mut self, mut section: Section) {
        if section.next == section.first {
            return;
        }
        self.whole.check_pending();
        section.check_pending();
        self.check_seam(&section);
        let whole = &mut self.whole;
        if whole.next != section.first && self.tree_ends.is_none() {
            self.tree_ends = Some(whole.next);
            whole.close_tile();
        }
        if self.tree_ends.is_none() {
            whole.tiles.extend(section.tiles);
            whole.marks.extend(section.marks);
            whole.tile = section.tile;
        }
        whole.wanted = section.wanted;
        whole.next = section.next;
        whole.before = section.before;
        whole.last_at = section.last_at.or(whole.last_at);
        whole.last_number = section.last_number;
        whole.told.add(section.told);
        for finding in section.findings {
            whole.find(finding);
        }
        whole.findings_unkept += section.findings_unkept;
    }

    /// Compares the claims with the tree, and says what is proven.
    pub fn finish(mut self) -> Verified {
        self.whole.check_pending();
        let have = self.whole.next;
        let peaks = self.tree_ends.is_none().then(|| self.whole.close_tile());
        let roots = self.roots();
        let (mut signed_to, mut held_to) = (0, 0);
        for Claim { size, root, holder } in std::mem::take(&mut self.claims) {
            let met = match size {
                0 => root == EMPTY_ROOT,
                _ => roots.get(&size) == Some(&root),
            };
            match holder {
                _ if size > have => {
                    self.whole.findings.push(Finding::Rollback { held: size, have });
                }
                Holder::Own if met => signed_to = size,
                Holder::Outside if met => held_to = size,
                Holder::Own => {
                    self.whole.findings.push(Finding::Root { size });
                }
                Holder::Outside => {
                    self.whole.findings.push(Finding::Fork { size });
                }
            }
        }
        if signed_to < have {
            self.whole.findings.push(Finding::UnsignedTail { from: signed_to, to: have });
        }
        let Section { tiles, before, last_at, told, findings, findings_unkept, .. } = self.whole;
        let root = peaks.map(|peaks| root_above(&tree_over(&tiles), &peaks));
        let head = before.filter(|_| have > 0);
        Verified {
            size: have,
            root,
            head,
            last_at,
            signed_to,
            held_to,
            told,
            findings,
            findings_unkept,
            tiles,
        }
    }

    fn check_seam(&mut self, section: &Section) {
        let whole = &mut self.whole;
        let expected = whole.last_number.map_or(0, |last| last + 1);
        if expected < section.first {
            whole.find(Finding::Missing { from: expected, to: section.first });
        }
        let Some((previous, at, n)) = section.opening else { return };
        if whole.before.is_some_and(|before| before != previous) {
            whole.find(Finding::Chain { n });
        }
        if whole.last_at.is_some_and(|last| at < last) {
            whole.find(Finding::Clock { n });
        }
    }

    /// The roots at the claimed sizes that were reached.
    fn roots(&self) -> BTreeMap<u64, Hash> {
        let mut tree = Frontier::new();
        let mut tiles = self.whole.tiles.iter();
        let mut root_at = |(size, peaks): &(u64, Vec<Hash>)| {
            while tree.size() < size / TILE_WIDTH * TILE_WIDTH {
                let tile = tiles.next().expect("a mark stands behind the tiles before it");
                tree.append_subtree(TILE_LEVEL, *tile);
            }
            (*size, root_above(&tree, peaks))
        };
        self.whole.marks.iter().map(&mut root_at).collect()
    }
}

impl Verified {
    /// Whether nothing was found.
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }

    /// The number of entries that no checkpoint held by somebody else covers: what an insider with
    /// file and key could still rewrite.
    pub fn unwitnessed(&self) -> u64 {
        self.size - self.held_to
    }

    /// The node that a store must hold at this place; `level` is 8 or more. `None` when there are
    /// not enough entries for it.
    pub fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let count = 1_u64.checked_shl(u32::from(level.checked_sub(TILE_LEVEL)?))?;
        let first = usize::try_from(index.checked_mul(count)?).ok()?;
        let end = first.checked_add(usize::try_from(count).ok()?)?;
        Some(root_of(self.tiles.get(first..end)?.iter().copied()))
    }

    /// Compares a stored node with the entries.
    pub fn check_node(&self, level: u8, index: u64, stored: &[u8]) -> Result<(), Finding> {
        match self.node(level, index) {
            Some(node) if node.0 == stored => Ok(()),
            _ => Err(Finding::Node { level, index }),
        }
    }
}

fn sizes(claims: &[Claim]) -> impl Iterator<Item = u64> {
    let mut last = None;
    claims.iter().map(|claim| claim.size).filter(move |size| last.replace(*size) != Some(*size))
}

fn tree_over(tiles: &[Hash]) -> Frontier {
    let mut tree = Frontier::new();
    tiles.iter().for_each(|tile| tree.append_subtree(TILE_LEVEL, *tile));
    tree
}

/// The root of full tiles and of the peaks within the tile after them.
fn root_above(tree: &Frontier, peaks: &[Hash]) -> Hash {
    fold(&[tree.peaks(), peaks].concat())
}
