//! What ties an entry to a person and to a payload, until the person's key is destroyed.
//!
//! All of it is HMAC-SHA256 (RFC 2104) under the subject's secret key of 32 random bytes. With the
//! key, tags and commitments can be recomputed and opened; without it they are noise, and those of
//! one person can't even be told to belong together. A salt opens one commitment and says nothing
//! about the key or any other entry, so it can be handed to an auditor.
//!
//! A batch of items commits to each item alike, and to all of them with one RFC 6962 root over the
//! 32-byte commitments. An erased item leaves its commitment, so the root still recomputes.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::canonical;
use super::hash::{Blocks, Hash, SHORT, leaf_hash, short_hash};
use super::tree::root_of;

/// What an item of a batch is; values and events are numbered apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A value of an attribute or identifier.
    Value,
    /// An event.
    Event,
}

/// The subject's tag in entry `number`: HMAC(key, "s\0" ‖ number as 8 bytes, big-endian).
pub fn tag(key: &[u8; 32], number: u64) -> [u8; 32] {
    mac(key, &labelled(b's', number))
}

/// The salt of the payload of entry `number`: HMAC(key, "c\0" ‖ number as 8 bytes, big-endian).
pub fn salt(key: &[u8; 32], number: u64) -> [u8; 32] {
    mac(key, &labelled(b'c', number))
}

/// The salt of one item of a batch: HMAC(key, "v\0" or "e\0" ‖ sequence as 8 bytes, big-endian).
pub fn item_salt(key: &[u8; 32], kind: ItemKind, sequence: u64) -> [u8; 32] {
    let label = match kind {
        ItemKind::Value => b'v',
        ItemKind::Event => b'e',
    };
    mac(key, &labelled(label, sequence))
}

/// What a run commits to of one disclosure: that it was about the record of this key. HMAC(key, "d\0" ‖
/// its number as 8 bytes, big-endian).
pub fn disclosure_commitment(key: &[u8; 32], number: u64) -> [u8; 32] {
    mac(key, &labelled(b'd', number))
}

/// What an entry commits to of a message that takes something back, until it is taken: whom it is about, where
/// it goes, and the sealed text that it needs. HMAC(key, "r\0" ‖ its number ‖ the numbers `about` ‖ `sealed`),
/// numbers as 8 bytes, big-endian.
pub fn recall_commitment(key: &[u8; 32], number: u64, about: [u64; 5], sealed: &[u8]) -> [u8; 32] {
    let mut said = labelled(b'r', number).to_vec();
    said.extend(about.iter().flat_map(|number| number.to_be_bytes()));
    said.extend_from_slice(sealed);
    mac(key, &said)
}

/// The commitment to the bytes of a payload or of an item: HMAC(salt, payload).
pub fn commitment(salt: &[u8; 32], payload: &[u8]) -> [u8; 32] {
    mac(salt, payload)
}

/// The leaf hash of an item in its batch's tree: SHA-256(0x00 ‖ commitment).
pub fn item_leaf(commitment: &[u8; 32]) -> Hash {
    leaf_hash(commitment)
}

/// The root over the commitments of a batch, in order.
pub fn batch_root<'a>(commitments: impl IntoIterator<Item = &'a [u8; 32]>) -> Hash {
    root_of(commitments.into_iter().map(item_leaf))
}

/// The numbers of the items that an entry forgets, in one hash: SHA-256 over a line `kind:number` for
/// each, by kind (1 value, 2 event, 3 disclosure) and then by number. Which erasure took an item can then
/// be told, and numbers name nobody.
#[derive(Clone, Debug, Default)]
pub struct Numbers(Sha256);

impl Numbers {
    /// Adds the next item.
    pub fn add(&mut self, kind: i64, number: i64) {
        self.0.update(format!("{kind}:{number}\n"));
    }

    /// The hash, in base64.
    pub fn digest(self) -> String {
        Hash(self.0.finalize().into()).to_string()
    }
}

/// The members of an erasure certificate that stand in no entry by themselves.
const TOLD: [&str; 6] = ["controller", "kept_as", "categories", "rows", "recipients", "salt"];

/// What an erasure's entry commits to of its certificate: SHA-256 over the line `candor-told/v1` and the
/// members of `TOLD` that it has, as canonical JSON; in base64. The salt among them is random, so that
/// nobody guesses from the entry how much was held of somebody. None where it is no such document.
pub fn told(certificate: &Value) -> Option<String> {
    let members = certificate.as_object()?.iter();
    let told = members.filter(|(name, _)| TOLD.contains(&name.as_str()));
    let told: serde_json::Map<_, _> =
        told.map(|(name, told)| (name.clone(), told.clone())).collect();
    let mut bytes = b"candor-told/v1\n".to_vec();
    canonical::write(&Value::Object(told), &mut bytes).ok()?;
    Some(Hash::of(&bytes).to_string())
}

fn labelled(label: u8, number: u64) -> [u8; 10] {
    let mut message = [0; 10];
    message[0] = label;
    message[2..].copy_from_slice(&number.to_be_bytes());
    message
}

/// HMAC-SHA256 under a key of 32 bytes, which is half a block.
fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let length = 64 + message.len();
    if length > SHORT {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
        mac.update(message);
        return mac.finalize().into_bytes().into();
    }
    let mut inner: Blocks = [[0; 64]; 5];
    inner[0] = padded_key(key, 0x36);
    inner[1..].as_flattened_mut()[..message.len()].copy_from_slice(message);
    let mut outer = [padded_key(key, 0x5c), [0; 64]];
    outer[1][..32].copy_from_slice(&short_hash(&mut inner, length).0);
    short_hash(&mut outer, 96).0
}

/// The key filled up with zeros to a block, each byte combined with the pad (RFC 2104, section 2).
fn padded_key(key: &[u8; 32], pad: u8) -> [u8; 64] {
    let mut block = [pad; 64];
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    block
}
