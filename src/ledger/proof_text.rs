//! Receipts (c2sp.org/tlog-proof@v1): a text that proves one entry against one signed checkpoint.
//!
//! Whoever holds it needs only the entry's bytes and the log's verifier key, and no access to
//! candor. `extra` is not authenticated; candor puts the salt there, which opens the commitment.

use super::base64;
use super::checkpoint::{Checkpoint, SignedCheckpoint, Trust};
use super::hash::{Hash, leaf_hash};
use super::note::{Note, UnknownKeys};
use super::proof::verify_inclusion;
use crate::base::error::{Error, Result};

const HEAD: &str = "c2sp.org/tlog-proof@v1";

/// The longest way from a leaf to a root.
const PATH_MAX: usize = 64;

/// A receipt, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofText {
    /// Data that only the application understands, at least one byte.
    pub extra: Option<Vec<u8>>,
    /// The entry's number.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling upwards.
    pub path: Vec<Hash>,
    /// The checkpoint, a signed note.
    pub checkpoint: Note,
}

impl ProofText {
    /// The receipt as it is handed out (`.tlog-proof`).
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", base64::encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.path {
            text.push_str(&format!("{hash}\n"));
        }
        text.push('\n');
        text.push_str(&self.checkpoint.to_text());
        text
    }

    /// Reads a receipt; fails unless the bytes are exactly what `to_text` writes.
    pub fn parse(bytes: &[u8]) -> Result<ProofText> {
        let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
        let (above, checkpoint) = text.split_once("\n\n").ok_or_else(unreadable)?;
        let mut lines = above.split('\n').peekable();
        if lines.next() != Some(HEAD) {
            return Err(unreadable());
        }
        let extra = lines.peek().and_then(|line| line.strip_prefix("extra "));
        let extra = match extra.map(base64::decode) {
            Some(Some(bytes)) if !bytes.is_empty() => Some(bytes),
            Some(_) => return Err(unreadable()),
            None => None,
        };
        if extra.is_some() {
            lines.next();
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(|digits| digits.parse().ok()).ok_or_else(unreadable)?;
        let path = lines
            .map(|line| Hash::from_base64(line).ok_or_else(unreadable))
            .collect::<Result<Vec<_>>>()?;
        let checkpoint = Note::parse(checkpoint.as_bytes())?;
        Checkpoint::parse(&checkpoint.text)?;
        let proof = ProofText { extra, index, path, checkpoint };
        let fits = proof.path.len() <= PATH_MAX && proof.to_text().as_bytes() == bytes;
        if fits { Ok(proof) } else { Err(unreadable()) }
    }

    /// Checks that `leaf` (the entry's exact bytes) is the entry of this number in the log that the
    /// checkpoint states, and that the checkpoint is signed by whom the reader trusts.
    pub fn verify(&self, leaf: &[u8], trust: &Trust) -> Result<SignedCheckpoint> {
        let note = self.checkpoint.to_text();
        let signed = trust.read(note.as_bytes(), UnknownKeys::Ignore)?;
        let (size, root) = (signed.checkpoint.size, &signed.checkpoint.root);
        verify_inclusion(&leaf_hash(leaf), self.index, size, &self.path, root)?;
        Ok(signed)
    }
}

fn unreadable() -> Error {
    Error::damaged("proof-unreadable", "this is no receipt of the form c2sp.org/tlog-proof@v1")
        .next("take it for unproven, and ask whoever handed it out for it again")
}
