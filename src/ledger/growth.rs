//! Growth: the proof that one checkpoint's log grew out of another's, so that nothing that the earlier
//! one covers was changed or removed since.

use serde::{Deserialize, Serialize};

use super::add_checkpoint::{AddCheckpoint, stated};
use super::checkpoint::{SignedCheckpoint, Trust};
use super::evidence::{hashes, texts};
use super::hash::Hash;
use super::note::{Note, UnknownKeys};
use super::proof::verify_consistency;
use crate::base::error::{Error, Result};

/// The form of this proof.
pub const SCHEMA: &str = "candor.consistency/1";

/// Two signed checkpoints, and what shows that the earlier is a prefix of the later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// `candor.consistency/1`.
    pub schema: String,
    /// The earlier signed note.
    pub from: String,
    /// The later signed note.
    pub to: String,
    /// The hashes of RFC 6962, section 2.1.2, in base64.
    pub path: Vec<String>,
}

impl Growth {
    /// Puts a proof together.
    pub fn new(from: String, to: String, path: &[Hash]) -> Growth {
        Growth { schema: SCHEMA.to_owned(), from, to, path: texts(path) }
    }

    /// The one spelling: indented JSON with a newline at the end.
    pub fn to_file(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a proof is texts");
        format!("{text}\n")
    }

    /// The same as a witness is asked (c2sp.org/tlog-witness, `add-checkpoint`): the earlier size, the
    /// hashes, and the later note. The earlier note is not in it: whoever asks must hold it.
    ///
    /// # Errors
    /// `proof-unreadable`, `note-unreadable`.
    pub fn to_witness_text(&self, old: u64) -> Result<String> {
        let checkpoint = Note::parse(self.to.as_bytes())?;
        Ok(AddCheckpoint { old, proof: hashes(&self.path)?, checkpoint }.to_text())
    }

    /// Reads what `to_file` wrote, and nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Growth> {
        let growth: Growth = serde_json::from_slice(bytes).map_err(|_| unreadable())?;
        let fits = growth.schema == SCHEMA && growth.to_file().as_bytes() == bytes;
        if fits { Ok(growth) } else { Err(unreadable()) }
    }

    /// Reads what `to_witness_text` wrote, with the earlier note from elsewhere.
    pub fn parse_witness_text(bytes: &[u8], from: &str) -> Result<Growth> {
        let asked = AddCheckpoint::parse(bytes)?;
        if stated(&Note::parse(from.as_bytes())?.text)?.size != asked.old {
            return Err(Error::no("proof-elsewhere", "the proof starts at another checkpoint")
                .at(format!("size {}", asked.old))
                .next("name the checkpoint that the proof starts at"));
        }
        Ok(Growth::new(from.to_owned(), asked.checkpoint.to_text(), &asked.proof))
    }

    /// Checks both signatures and the proof; gives the two checkpoints.
    pub fn verify(&self, trust: &Trust) -> Result<(SignedCheckpoint, SignedCheckpoint)> {
        let from = trust.read(self.from.as_bytes(), UnknownKeys::Ignore)?;
        let to = trust.read(self.to.as_bytes(), UnknownKeys::Ignore)?;
        let (old, new) = (&from.checkpoint, &to.checkpoint);
        verify_consistency(old.size, new.size, &hashes(&self.path)?, &old.root, &new.root)?;
        Ok((from, to))
    }
}

fn unreadable() -> Error {
    Error::no("proof-unreadable", "this is no proof of growth, or it was changed")
        .next("make one with `candor audit prove --from A --to B`")
}
