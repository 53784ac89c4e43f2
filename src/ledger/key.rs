//! The key that signs checkpoints, and its PEM file.
//!
//! The file is PKCS#8 (RFC 5958, RFC 8410) as OpenSSL writes it, so that a key can be made, kept and
//! used by other tools: `openssl genpkey -algorithm ed25519`. Randomness is the caller's.

use std::fmt;

use base64ct::{Base64, Encoding};
use ed25519_dalek::Signer;
use zeroize::{Zeroize, Zeroizing};

use super::checkpoint::Checkpoint;
use super::note::{Note, SignatureLine, cosignature_message};
use super::vkey::{KeyKind, VerifierKey};
use crate::base::error::{Error, Result};

const PEM_HEAD: &str = "-----BEGIN PRIVATE KEY-----\n";
const PEM_FOOT: &str = "\n-----END PRIVATE KEY-----\n";

/// What stands before the seed in DER: version 0, Ed25519 (1.3.101.112), an octet string in another.
const DER_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

const DER_LENGTH: usize = DER_HEAD.len() + 32;

/// An Ed25519 key that signs; wiped from memory when it is dropped, and never shown.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Makes a key from 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Reads an unencrypted PKCS#8 PEM file with an Ed25519 key.
    pub fn from_pem(pem: &str) -> Result<SigningKey> {
        let unreadable = || {
            Error::damaged("key-unreadable", "this is no Ed25519 key in PEM form")
                .next("make one with `openssl genpkey -algorithm ed25519`, or restore the key file")
        };
        let pem = Zeroizing::new(pem.replace("\r\n", "\n"));
        let text = pem
            .trim_end()
            .strip_prefix(PEM_HEAD)
            .and_then(|rest| rest.strip_suffix(PEM_FOOT.trim_end()))
            .ok_or_else(unreadable)?;
        let mut der = Zeroizing::new([0; DER_LENGTH]);
        let decoded = Base64::decode(text, der.as_mut_slice()).map_err(|_| unreadable())?;
        SigningKey::from_der(decoded).ok_or_else(unreadable)
    }

    /// Reads PKCS#8 DER with an Ed25519 key.
    pub fn from_der(der: &[u8]) -> Option<SigningKey> {
        let seed = der.strip_prefix(&DER_HEAD)?;
        Some(SigningKey::from_seed(seed.try_into().ok()?))
    }

    /// The key as PKCS#8 DER.
    pub fn to_der(&self) -> Zeroizing<[u8; DER_LENGTH]> {
        let mut der = Zeroizing::new([0; DER_LENGTH]);
        der[..DER_HEAD.len()].copy_from_slice(&DER_HEAD);
        der[DER_HEAD.len()..].copy_from_slice(self.0.as_bytes());
        der
    }

    /// The key as a PKCS#8 PEM file.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = self.to_der();
        let mut buffer = [0; DER_LENGTH / 3 * 4];
        let text =
            Base64::encode(der.as_slice(), &mut buffer).expect("48 bytes take 64 characters");
        let mut pem = Zeroizing::new(String::with_capacity(128));
        pem.extend([PEM_HEAD, text, PEM_FOOT]);
        buffer.zeroize();
        pem
    }

    /// The public half, named: for a log its origin. This is what is handed out.
    pub fn verifier_key(&self, name: &str, kind: KeyKind) -> Result<VerifierKey> {
        VerifierKey::new(name, kind, self.0.verifying_key().as_bytes())
    }

    /// Signs bytes (RFC 8032, pure Ed25519).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// A signature line of this key over a note's text, under the given name.
    pub fn sign_note(&self, name: &str, text: &str) -> Result<SignatureLine> {
        let id = self.verifier_key(name, KeyKind::Log)?.id();
        let signature = self.sign(text.as_bytes()).to_vec();
        Ok(SignatureLine { name: name.to_owned(), id, signature })
    }

    /// A witness's signature line over a checkpoint's text (c2sp.org/tlog-cosignature, v1), with the
    /// time in seconds since 1970.
    pub fn cosign(&self, name: &str, text: &str, seconds: u64) -> Result<SignatureLine> {
        let id = self.verifier_key(name, KeyKind::Witness)?.id();
        let mut signature = seconds.to_be_bytes().to_vec();
        signature.extend(self.sign(cosignature_message(text, seconds).as_bytes()));
        Ok(SignatureLine { name: name.to_owned(), id, signature })
    }

    /// Signs a checkpoint under its origin.
    pub fn sign_checkpoint(&self, checkpoint: &Checkpoint) -> Result<Note> {
        let text = checkpoint.text();
        let signatures = vec![self.sign_note(&checkpoint.origin, &text)?];
        Ok(Note { text, signatures })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}
