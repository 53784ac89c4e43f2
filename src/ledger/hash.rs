//! The hashes of RFC 6962 (section 2.1): SHA-256 with one prefix byte for leaves, another for nodes.
//!
//! The prefix keeps a node from being passed off as a leaf. Leaves and nodes are a few blocks long,
//! where the bookkeeping of a general hasher costs as much as a block or two. So short messages are
//! padded in place, on the stack, and compressed in one go (FIPS 180-4, section 5.1.1).

use std::fmt;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use super::base64;

/// A SHA-256 hash of the ledger: of a leaf, of a node, or a root.
///
/// Shown (`{}`) in base64, as in a checkpoint; `{:x}` gives hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

/// The root of a tree without leaves: SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The state that SHA-256 begins with (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Room for a short message: most entries have some 214 bytes, which take four blocks.
pub(super) type Blocks = [[u8; 64]; 5];

/// The longest message that fits `Blocks` with its padding.
pub(super) const SHORT: usize = 5 * 64 - 9;

impl Hash {
    /// Takes exactly 32 bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Hash> {
        bytes.try_into().ok().map(Hash)
    }

    /// Reads canonical base64 of exactly 32 bytes.
    pub fn from_base64(text: &str) -> Option<Hash> {
        Hash::from_slice(&base64::decode(text)?)
    }

    /// Plain SHA-256, without a prefix.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }
}

/// SHA-256(0x00 ‖ leaf).
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let length = leaf.len() + 1;
    if length > SHORT {
        return Hash(Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into());
    }
    let mut blocks: Blocks = [[0; 64]; 5];
    blocks.as_flattened_mut()[1..length].copy_from_slice(leaf);
    short_hash(&mut blocks, length)
}

/// SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut blocks = [[0; 64]; 2];
    let prefixed = blocks.as_flattened_mut();
    prefixed[0] = 1;
    prefixed[1..33].copy_from_slice(&left.0);
    prefixed[33..65].copy_from_slice(&right.0);
    short_hash(&mut blocks, 65)
}

/// SHA-256 of the first `length` bytes of `blocks`, which hold zeros and at least 9 bytes after them.
pub(super) fn short_hash(blocks: &mut [[u8; 64]], length: usize) -> Hash {
    let used = (length + 9).div_ceil(64);
    let padded = &mut blocks.as_flattened_mut()[..used * 64];
    padded[length] = 0x80;
    padded[used * 64 - 8..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
    compressed(&blocks[..used])
}

/// SHA-256 of a message that is padded already.
fn compressed(blocks: &[[u8; 64]]) -> Hash {
    let mut state = INITIAL;
    compress256(&mut state, blocks);
    let mut hash = Hash::default();
    for (four, word) in hash.0.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

/// Short messages to be hashed one after another: first all are laid out with their padding, then all
/// are compressed.
///
/// A processor can't hand bytes that were just written to a read that spans two writes; it waits until
/// they are in the cache. Laid out first, they are there by the time that they are read, which makes
/// hashing a quarter faster.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    blocks: Vec<[u8; 64]>,
    /// For each message: its length, and the number of blocks up to its end.
    ends: Vec<(usize, usize)>,
}

impl Messages {
    /// The number of messages.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Lays out a leaf behind its prefix.
    pub(super) fn leaf(&mut self, leaf: &[u8]) {
        self.lay_out(leaf.len() + 1)[1..=leaf.len()].copy_from_slice(leaf);
    }

    /// Lays out a node.
    fn node(&mut self, left: &Hash, right: &Hash) {
        let bytes = self.lay_out(65);
        bytes[0] = 1;
        bytes[1..33].copy_from_slice(&left.0);
        bytes[33..65].copy_from_slice(&right.0);
    }

    /// Room for a message, in zeros but for the padding (FIPS 180-4, section 5.1.1).
    fn lay_out(&mut self, length: usize) -> &mut [u8] {
        let start = self.blocks.len();
        let end = start + (length + 9).div_ceil(64);
        self.blocks.resize(end, [0; 64]);
        self.ends.push((length, end));
        let bytes = self.blocks[start..].as_flattened_mut();
        bytes[length] = 0x80;
        let size = bytes.len();
        bytes[size - 8..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
        bytes
    }

    /// Gives each message without its prefix, and its hash, in order; forgets them.
    pub(super) fn hash(&mut self, mut each: impl FnMut(&[u8], Hash)) {
        let mut start = 0;
        for (length, end) in self.ends.drain(..) {
            let blocks = &self.blocks[start..end];
            each(&blocks.as_flattened()[1..length], compressed(blocks));
            start = end;
        }
        self.blocks.clear();
    }
}

/// The nodes over pairs of nodes; a last one without a partner has none.
pub(super) fn node_hashes(below: &[Hash], messages: &mut Messages) -> Vec<Hash> {
    let mut above = Vec::with_capacity(below.len() / 2);
    for some in below.chunks(64) {
        some.chunks_exact(2).for_each(|pair| messages.node(&pair[0], &pair[1]));
        messages.hash(|_, hash| above.push(hash));
    }
    above
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(&self.0))
    }
}

impl fmt::LowerHex for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(self, f)
    }
}
