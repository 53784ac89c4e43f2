//! Evidence: what ties a document, an entry or an item to a signed checkpoint, for whoever holds
//! nothing but the log's public key.
//!
//! It shows the bytes of one or more entries, the way from each to the root that the checkpoint
//! states, and, where that is wanted, what the entry only commits to: its sealed payload, one item of
//! its batch, or the document that was handed out under it. The form (`candor.proof/1`) has exactly
//! one spelling, so that no byte of it can be changed unseen.

use serde::{Deserialize, Serialize};

use super::base64;
use super::hash::Hash;
use super::note::Note;
use super::proof_text::ProofText;
use super::scan;
use crate::base::error::{Error, Result};

/// The form of this evidence.
pub const SCHEMA: &str = "candor.proof/1";

/// The member of an issuing entry's body that commits to the document.
pub const CONTENT: &str = "content";

/// The longest evidence that is read, in bytes: a bound on what a stranger can make us hold.
pub const EVIDENCE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Entries, shown to be under one signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// `candor.proof/1`.
    pub schema: String,
    /// Where this comes with a document: the salt (base64) with which the first entry commits to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_salt: Option<String>,
    /// The signed note.
    pub checkpoint: String,
    /// The entries; the first is what it is about, the others stand behind it.
    pub entries: Vec<Shown>,
}

/// One entry, with its way to the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The entry's line, exactly as it is hashed.
    pub leaf: String,
    /// The sibling hashes (base64) from the leaf upwards.
    pub path: Vec<String>,
    /// The sealed payload, opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened: Option<Opened>,
    /// One item of the batch that the entry admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<ShownItem>,
}

/// What opens a commitment: salt and content. The salt says nothing about any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// 32 bytes in base64.
    pub salt: String,
    /// The payload's bytes, which are JSON.
    pub payload: String,
}

/// One value or event of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownItem {
    /// `value` or `event`.
    pub kind: String,
    /// Its number.
    pub number: u64,
    /// What opens its commitment.
    pub opened: Opened,
    /// The sibling hashes (base64) from its commitment to the batch's root.
    pub path: Vec<String>,
}

impl Evidence {
    /// Evidence without a document.
    pub fn new(checkpoint: String, entries: Vec<Shown>) -> Evidence {
        Evidence { schema: SCHEMA.to_owned(), document_salt: None, checkpoint, entries }
    }

    /// Evidence of a document, to which the first entry commits with this salt.
    pub fn of_document(salt: &[u8; 32], checkpoint: String, entries: Vec<Shown>) -> Evidence {
        Evidence { document_salt: Some(base64::encode(salt)), ..Evidence::new(checkpoint, entries) }
    }

    /// The one spelling on one line, without a newline.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("evidence is texts and numbers")
    }

    /// The one spelling as a file of its own: indented, with a newline at the end.
    pub fn to_file(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("evidence is texts and numbers");
        format!("{text}\n")
    }

    /// Reads either spelling; fails on every other.
    pub fn parse(bytes: &[u8]) -> Result<Evidence> {
        if bytes.len() > EVIDENCE_BYTES_MAX {
            return Err(unreadable());
        }
        let evidence: Evidence = serde_json::from_slice(bytes).map_err(|_| unreadable())?;
        let spelt =
            evidence.to_line().as_bytes() == bytes || evidence.to_file().as_bytes() == bytes;
        let fits = spelt && evidence.schema == SCHEMA && !evidence.entries.is_empty();
        if fits { Ok(evidence) } else { Err(unreadable()) }
    }

    /// The same of one entry as `c2sp.org/tlog-proof@v1`, for other people's tools. What that form has
    /// no place for (the entry's bytes, and what was opened) stands in its `extra`.
    ///
    /// # Errors
    /// `proof-unreadable` when the checkpoint or a hash isn't one.
    pub fn to_proof_text(&self) -> Result<String> {
        let shown = self.entries.first().ok_or_else(unreadable)?;
        let extra = serde_json::to_vec(&Shown { path: Vec::new(), ..shown.clone() });
        let proof = ProofText {
            extra: Some(extra.expect("an entry is texts and numbers")),
            index: scan::fields(shown.leaf.as_bytes())?.number,
            path: hashes(&shown.path)?,
            checkpoint: Note::parse(self.checkpoint.as_bytes())?,
        };
        Ok(proof.to_text())
    }

    /// Reads what `to_proof_text` wrote, and nothing else.
    pub fn parse_proof_text(bytes: &[u8]) -> Result<Evidence> {
        let proof = ProofText::parse(bytes)?;
        let extra = proof.extra.as_deref().ok_or_else(unreadable)?;
        let mut shown: Shown = serde_json::from_slice(extra).map_err(|_| unreadable())?;
        shown.path = texts(&proof.path);
        let evidence = Evidence::new(proof.checkpoint.to_text(), vec![shown]);
        if evidence.to_proof_text()?.as_bytes() == bytes { Ok(evidence) } else { Err(unreadable()) }
    }
}

/// The hashes in base64, as evidence holds them.
pub fn texts(path: &[Hash]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

/// Reads hashes from base64.
pub(super) fn hashes(path: &[String]) -> Result<Vec<Hash>> {
    path.iter().map(|text| Hash::from_base64(text).ok_or_else(unreadable)).collect()
}

pub(super) fn unreadable() -> Error {
    Error::no("proof-unreadable", "the proof is not of the form candor.proof/1, or was changed")
        .next("ask for the file anew, exactly as candor wrote it")
}
