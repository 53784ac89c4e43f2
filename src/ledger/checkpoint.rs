//! Checkpoints (c2sp.org/tlog-checkpoint): a signed statement of a log's size and root.
//!
//! A chain or a tree alone can be recomputed by whoever can write the file, and a signature can be
//! made anew by whoever has the key. A checkpoint that somebody else holds can't be taken back: it
//! is what makes rewriting, forking, cutting off and rolling back visible.

use super::hash::Hash;
use super::note::{Note, UnknownKeys};
use super::vkey::{KeyKind, VerifierKey, is_key_name};
use crate::base::clock::Moment;
use crate::base::error::{Error, Result};

/// The size and root of a log at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's identity, such as `cdp.customer.example/prod`.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root of the tree of these entries.
    pub root: Hash,
}

/// Whom the verifier believes. It comes from outside, never from the file that is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The only origin that is taken.
    pub origin: String,
    /// The log's keys: the present one, and earlier ones after a rotation.
    pub log_keys: Vec<VerifierKey>,
    /// Known witnesses' keys.
    pub witness_keys: Vec<VerifierKey>,
}

/// A checkpoint whose signatures were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The witnesses whose cosignatures hold, with the time that each stated.
    pub witnessed: Vec<(String, Moment)>,
}

impl Checkpoint {
    /// The text that is signed: three lines.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads a text; fails unless it is exactly three lines as `text` writes them.
    pub fn parse(text: &str) -> Result<Checkpoint> {
        let unreadable = || {
            Error::damaged("checkpoint-unreadable", "this is no checkpoint of three lines")
                .next("name a file that `candor audit checkpoint` wrote")
        };
        let lines: Vec<&str> =
            text.strip_suffix('\n').ok_or_else(unreadable)?.split('\n').collect();
        let [origin, size, root] = lines[..] else { return Err(unreadable()) };
        if !is_key_name(origin) {
            return Err(unreadable());
        }
        let checkpoint = Checkpoint {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| unreadable())?,
            root: Hash::from_base64(root).ok_or_else(unreadable)?,
        };
        if checkpoint.text() == text { Ok(checkpoint) } else { Err(unreadable()) }
    }
}

impl Trust {
    /// Believes one log key and no witness.
    pub fn in_log(key: VerifierKey) -> Trust {
        Trust { origin: key.name().to_owned(), log_keys: vec![key], witness_keys: Vec::new() }
    }

    /// Reads a signed checkpoint: the origin is the trusted one, a trusted log key of that very name
    /// signed it, and every signature by a trusted key holds.
    pub fn read(&self, note: &[u8], unknown: UnknownKeys) -> Result<SignedCheckpoint> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        if checkpoint.origin != self.origin {
            return Err(Error::no("origin-differs", "the checkpoint is of another log")
                .at(&checkpoint.origin)
                .next("check that the file and the verifier key belong together"));
        }
        let log_keys = self.log_keys.iter().filter(|key| self.is_log_key(key));
        let witness_keys = self.witness_keys.iter().filter(|key| key.kind() == KeyKind::Witness);
        let keys: Vec<VerifierKey> = log_keys.chain(witness_keys).cloned().collect();
        let signers = note.open(&keys, unknown)?;
        if !signers.iter().any(|signer| self.is_log_key(&signer.key)) {
            return Err(Error::no("signature-missing", "the log itself did not sign this")
                .next("check that key and checkpoint are of one ledger"));
        }
        let witnessed = signers
            .into_iter()
            .filter_map(|signer| Some((signer.key.name().to_owned(), signer.at?)))
            .collect();
        Ok(SignedCheckpoint { checkpoint, witnessed })
    }

    fn is_log_key(&self, key: &VerifierKey) -> bool {
        key.kind() == KeyKind::Log && key.name() == self.origin
    }
}
