//! What verification can find: each with a stable code for programs and a sentence for people.

use std::collections::BTreeSet;
use std::fmt;

/// One thing that is not as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Finding {
    /// The bytes of entry `n` are not those of an entry.
    Canonical {
        /// The entry.
        n: u64,
    },
    /// Where entry `n` belongs stands one that calls itself `found`.
    Number {
        /// The entry that is missing or misnumbered.
        n: u64,
        /// What stands there.
        found: u64,
    },
    /// Entry `n` is whole, and kept under another number.
    Place {
        /// The entry, by its own word.
        n: u64,
        /// Where it is kept.
        place: u64,
    },
    /// The entries from `from` up to (not including) `to` are not there.
    Missing {
        /// The first missing entry.
        from: u64,
        /// The first entry that is there again.
        to: u64,
    },
    /// Entry `n` was not written after what stands before it: one of the two was changed.
    Chain {
        /// The entry whose link doesn't hold.
        n: u64,
    },
    /// Entry `n` says that it was written before the entry in front of it.
    Clock {
        /// The entry with the earlier time.
        n: u64,
    },
    /// A stored node is not what the entries under it hash to.
    Node {
        /// 8, 16 or 24.
        level: u8,
        /// The index among the nodes of this level.
        index: u64,
    },
    /// candor's own checkpoint of this size commits to other entries.
    Root {
        /// The checkpoint's size.
        size: u64,
    },
    /// A checkpoint of this size that somebody else holds commits to other entries.
    Fork {
        /// The checkpoint's size.
        size: u64,
    },
    /// The stored checkpoint of this size can't be read.
    Note {
        /// The checkpoint's size.
        size: u64,
    },
    /// A signature on the stored checkpoint of this size doesn't hold.
    Signature {
        /// The checkpoint's size.
        size: u64,
    },
    /// The stored checkpoint of this size is of another log.
    Origin {
        /// The checkpoint's size.
        size: u64,
    },
    /// There are fewer entries than a checkpoint has stated before.
    Rollback {
        /// The size that was stated.
        held: u64,
        /// The number of entries that there are.
        have: u64,
    },
    /// No checkpoint covers the entries from `from` up to (not including) `to`.
    UnsignedTail {
        /// The first entry that no checkpoint covers.
        from: u64,
        /// The number of entries that there are.
        to: u64,
    },
}

impl Finding {
    /// A stable, kebab-case name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Finding::Canonical { .. } => "entry-not-canonical",
            Finding::Number { .. } => "entry-number",
            Finding::Place { .. } => "entry-misplaced",
            Finding::Missing { .. } => "entries-missing",
            Finding::Chain { .. } => "chain-broken",
            Finding::Clock { .. } => "clock-backwards",
            Finding::Node { .. } => "node-wrong",
            Finding::Root { .. } => "root-differs",
            Finding::Fork { .. } => "fork",
            Finding::Note { .. } => "checkpoint-unreadable",
            Finding::Signature { .. } => "signature-wrong",
            Finding::Origin { .. } => "origin-differs",
            Finding::Rollback { .. } => "rollback",
            Finding::UnsignedTail { .. } => "unsigned-tail",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Finding::Canonical { n } => {
                write!(f, "the bytes of entry {n} are not those of an entry")
            }
            Finding::Number { n, found } => {
                write!(f, "where entry {n} belongs stands one that calls itself {found}")
            }
            Finding::Place { n, place } => {
                write!(f, "entry {n} stands at {place} and not in its place")
            }
            Finding::Missing { from, to } => {
                write!(f, "the entries {from} to {} are not there", to.saturating_sub(1))
            }
            Finding::Chain { n: 0 } => f.write_str(
                "entry 0 does not begin this log: it was changed, or it is another log's",
            ),
            Finding::Chain { n } => write!(
                f,
                "entry {n} was not written after what stands before it: one of the two was changed, \
                 or one is missing between them"
            ),
            Finding::Clock { n } => {
                write!(f, "entry {n} says that it was written before the entry in front of it")
            }
            Finding::Node { level, index } => write!(
                f,
                "the stored node {index} of level {level} is not what the entries under it hash to"
            ),
            Finding::Root { size } => {
                write!(f, "the stored checkpoint of size {size} commits to other entries")
            }
            Finding::Fork { size } => write!(
                f,
                "a checkpoint of size {size} that was handed out commits to other entries: history \
                 was rewritten, or this is a copy that went its own way"
            ),
            Finding::Note { size } => {
                write!(f, "the stored checkpoint of size {size} can't be read")
            }
            Finding::Signature { size } => {
                write!(f, "a signature on the stored checkpoint of size {size} does not hold")
            }
            Finding::Origin { size } => {
                write!(f, "the stored checkpoint of size {size} is of another log")
            }
            Finding::Rollback { held, have } => write!(
                f,
                "a checkpoint states {held} entries, and there are {have}: the end was cut off, or \
                 an old copy was put in place"
            ),
            Finding::UnsignedTail { from, to } => write!(
                f,
                "no checkpoint covers the entries {from} to {}: who wrote them did not sign",
                to.saturating_sub(1)
            ),
        }
    }
}

/// No more missing entries than this are named of one gap.
const GAP_MAX: u64 = 1000;

/// Which entries were changed or removed, as far as the findings tell, for a log of `size` entries.
///
/// Two broken links in a row mean that the entry between them was changed; a single one means that
/// the entry before it was. Only the last link leaves open which of its two ends it was, and gives
/// both. A time that runs backwards next to a changed entry is a consequence of it. Of a gap no more
/// than the first thousand are named.
pub fn culprits(findings: &[Finding], size: u64) -> Vec<u64> {
    let (mut links, mut found) = (BTreeSet::new(), BTreeSet::new());
    for finding in findings {
        match *finding {
            Finding::Chain { n } => _ = links.insert(n),
            Finding::Canonical { n } | Finding::Number { n, .. } => _ = found.insert(n),
            // One edited number can claim a gap of any width.
            Finding::Missing { from, to } => {
                found.extend(from..to.min(from.saturating_add(GAP_MAX)))
            }
            _ => {}
        }
    }
    while let Some(n) = links.pop_first() {
        if links.remove(&(n + 1)) {
            found.insert(n);
            continue;
        }
        let is_new = found.insert(n.saturating_sub(1));
        if is_new && n + 1 >= size {
            found.insert(n);
        }
    }
    for finding in findings {
        if let Finding::Clock { n } = *finding
            && !found.contains(&n.saturating_sub(1))
        {
            found.insert(n);
        }
    }
    found.into_iter().collect()
}
