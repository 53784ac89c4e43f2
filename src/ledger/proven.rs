//! Checks evidence, and says what it then proves. It needs nothing but the evidence, the document that it
//! came with, and whom its reader trusts.

use serde_json::Value;

use super::base64;
use super::checkpoint::{SignedCheckpoint, Trust};
use super::commit::{ItemKind, commitment, item_leaf};
use super::evidence::{CONTENT, Evidence, Opened, Shown, ShownItem, hashes, unreadable};
use super::hash::{Hash, leaf_hash};
use super::note::UnknownKeys;
use super::proof::verify_inclusion;
use super::scan;
use crate::base::clock::Moment;
use crate::base::error::{Error, Result};

/// Evidence that was checked and holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Proven {
    /// The checkpoint, with the witnesses that vouch for it.
    pub signed: SignedCheckpoint,
    /// The entries.
    pub entries: Vec<ProvenEntry>,
}

/// An entry that was checked and holds.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenEntry {
    /// Its number.
    pub number: u64,
    /// When it was written, by the log's clock.
    pub at: Moment,
    /// Its kind.
    pub kind: String,
    /// Who acted.
    pub actor: String,
    /// Its body; null where it has none.
    pub body: Value,
    /// The payload that it commits to, where that was shown.
    pub payload: Option<Value>,
    /// The item that its batch commits to, where that was shown: kind, number, content.
    pub item: Option<(ItemKind, u64, Value)>,
}

impl Evidence {
    /// Checks everything that it shows. `document` is the content that was handed out with it: given
    /// exactly when the evidence is that of a document.
    pub fn verify(&self, trust: &Trust, document: Option<&[u8]>) -> Result<Proven> {
        let signed = trust.read(self.checkpoint.as_bytes(), UnknownKeys::Ignore)?;
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
        let entries = self
            .entries
            .iter()
            .map(|shown| shown.verify(size, &root))
            .collect::<Result<Vec<ProvenEntry>>>()?;
        match (&self.document_salt, document) {
            (None, None) => {}
            (Some(salt), Some(document)) => {
                let made = base64::encode(&commitment(&bytes32(salt)?, document));
                let first = entries.first().ok_or_else(unreadable)?;
                if first.body[CONTENT].as_str() != Some(&made) {
                    return Err(Error::no(
                        "document-changed",
                        "the document is not the one that the ledger entry commits to",
                    )
                    .at(format!("entry {}", first.number))
                    .next("take it for unproven, and ask whoever handed it out for it again"));
                }
            }
            _ => return Err(unreadable()),
        }
        Ok(Proven { signed, entries })
    }
}

impl Shown {
    fn verify(&self, size: u64, root: &Hash) -> Result<ProvenEntry> {
        let leaf = self.leaf.as_bytes();
        let view = scan::fields(leaf)?;
        let path = hashes(&self.path)?;
        verify_inclusion(&leaf_hash(leaf), view.number, size, &path, root)?;
        let body: Value = match view.body {
            Some(body) => serde_json::from_slice(body).map_err(|_| unreadable())?,
            None => Value::Null,
        };
        let payload = match &self.opened {
            None => None,
            Some(opened) => {
                let (made, payload) = opened.open()?;
                if view.commitment.map(|c| c.bytes()) != Some(made) {
                    return Err(Error::no(
                        "payload-changed",
                        "the payload is not the one that the entry commits to",
                    )
                    .at(format!("entry {}", view.number))
                    .next("take it for unproven, and ask whoever handed it out for it again"));
                }
                Some(payload)
            }
        };
        let item = match &self.item {
            None => None,
            Some(item) => Some(item.verify(&body, view.number)?),
        };
        Ok(ProvenEntry {
            number: view.number,
            at: view.at,
            kind: view.kind.to_owned(),
            actor: view.actor.to_owned(),
            body,
            payload,
            item,
        })
    }
}

impl Opened {
    /// The commitment that salt and payload make, and the payload as a value.
    fn open(&self) -> Result<([u8; 32], Value)> {
        let made = commitment(&bytes32(&self.salt)?, self.payload.as_bytes());
        Ok((made, serde_json::from_str(&self.payload).map_err(|_| unreadable())?))
    }
}

impl ShownItem {
    /// Checks that the batch of the entry with this body commits to the item.
    fn verify(&self, body: &Value, entry: u64) -> Result<(ItemKind, u64, Value)> {
        let (kind, part) = match self.kind.as_str() {
            "value" => (ItemKind::Value, &body["values"]),
            "event" => (ItemKind::Event, &body["events"]),
            _ => return Err(unreadable()),
        };
        let elsewhere = || {
            Error::no("item-elsewhere", "the entry's batch does not hold this item")
                .at(format!("entry {entry}, {} {}", self.kind, self.number))
                .next("take it for unproven, and ask whoever handed it out for it again")
        };
        let number = |name: &str| part[name].as_u64().ok_or_else(elsewhere);
        let root = part["root"].as_str().and_then(Hash::from_base64).ok_or_else(elsewhere)?;
        let index = self.number.checked_sub(number("first")?).ok_or_else(elsewhere)?;
        let (made, content) = self.opened.open()?;
        let path = hashes(&self.path)?;
        verify_inclusion(&item_leaf(&made), index, number("count")?, &path, &root).map_err(
            |_| {
                Error::no(
                    "item-changed",
                    "the item is not the one that the entry's batch commits to",
                )
                .at(format!("entry {entry}, {} {}", self.kind, self.number))
                .next("take it for unproven, and ask whoever handed it out for it again")
            },
        )?;
        Ok((kind, self.number, content))
    }
}

fn bytes32(text: &str) -> Result<[u8; 32]> {
    base64::decode(text).and_then(|bytes| bytes.try_into().ok()).ok_or_else(unreadable)
}
