//! Verifier keys ("vkeys") of C2SP's signed-note: a public key with the name it signs under.
//!
//! A verifier key is what an outsider is given once, by another way than the file: by contract, on a
//! web page, on an earlier receipt. It must never be read from the thing that it checks.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::base64;
use crate::base::error::{Error, Result};

/// What a key signs (the signature type byte of c2sp.org/signed-note).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// 0x01: Ed25519 over the text of the note; a log's key.
    Log = 0x01,
    /// 0x04: Ed25519 over a time and the text (c2sp.org/tlog-cosignature, v1); a witness's key.
    Witness = 0x04,
}

/// A named public key, written `name+hex(id)+base64(type ‖ public key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    public: VerifyingKey,
    id: [u8; 4],
}

impl VerifierKey {
    /// Names a public key of 32 bytes (RFC 8032); fails on a name that no note can hold, and on
    /// bytes that are no key or a weak one.
    pub fn new(name: &str, kind: KeyKind, public: &[u8; 32]) -> Result<VerifierKey> {
        if !is_key_name(name) {
            return Err(Error::usage(
                "key-name",
                "the name of a key has no spaces, no plus signs and no control characters",
            )
            .next("choose a name such as ledger.brand.example/main"));
        }
        let public = VerifyingKey::from_bytes(public)
            .ok()
            .filter(|key| !key.is_weak())
            .ok_or_else(|| {
                Error::usage("vkey-unreadable", "this is no Ed25519 public key")
                    .next("copy it whole, as it was handed out: name+number+letters")
            })?;
        let id = key_id(name, kind, public.as_bytes());
        Ok(VerifierKey { name: name.to_owned(), kind, public, id })
    }

    /// The name that it signs under; a log's is its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// SHA-256(name ‖ 0x0A ‖ type ‖ public key), its first four bytes.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The public key's 32 bytes (RFC 8032).
    pub fn public(&self) -> &[u8; 32] {
        self.public.as_bytes()
    }

    /// Whether this key signed the message. Strict: one message and key have no second signature
    /// that would pass.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.public.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// Whether c2sp.org/signed-note lets a key have this name: not empty, no Unicode spaces, no plus
/// sign, no control characters.
pub fn is_key_name(name: &str) -> bool {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    !name.is_empty() && name.chars().all(fits)
}

fn key_id(name: &str, kind: KeyKind, public: &[u8; 32]) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', kind as u8])
        .chain_update(public)
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

impl FromStr for VerifierKey {
    type Err = Error;

    /// Reads a vkey; fails unless it is byte for byte what `Display` writes.
    fn from_str(text: &str) -> Result<VerifierKey> {
        let unreadable = || {
            Error::usage("vkey-unreadable", "this is no verifier key for Ed25519")
                .next("copy the whole text, which looks like name+1a2b3c4d+AbCd...")
        };
        let (name, rest) = text.split_once('+').ok_or_else(unreadable)?;
        let (_, material) = rest.split_once('+').ok_or_else(unreadable)?;
        let material = base64::decode(material).ok_or_else(unreadable)?;
        let (kind, public) = match material.split_first() {
            Some((0x01, public)) => (KeyKind::Log, public),
            Some((0x04, public)) => (KeyKind::Witness, public),
            _ => return Err(unreadable()),
        };
        let public = public.try_into().map_err(|_| unreadable())?;
        let key = VerifierKey::new(name, kind, public)?;
        if key.to_string() == text { Ok(key) } else { Err(unreadable()) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![self.kind as u8];
        material.extend_from_slice(self.public());
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, base64::encode(&material))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}
