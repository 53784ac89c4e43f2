//! Keyed secrets: blind names for what must be found, and sealed bytes for what must be forgotten.
//!
//! Personal bytes never lie in the file in the clear. Each record has a key of 32 random bytes in a
//! fixed-size row; its values, events and payloads are sealed under it, byte for byte as long as the
//! plain text, so that erasing means overwriting the key and the bytes where they stand: SQLite moves
//! nothing, so nothing is left behind on another page. Identifiers are found by a blind name, an HMAC
//! under the store's own secret; an index holds blind names and integers and nothing else.

use chacha20::{ChaCha20, KeyIvInit, cipher::StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// HMAC-SHA256 over the concatenation of `parts`.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The key of one record: 32 random bytes, wiped from memory after use.
#[derive(Clone)]
pub struct RecordKey(pub [u8; 32]);

impl Drop for RecordKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecordKey(…)")
    }
}

impl RecordKey {
    /// An erased record has a key of zeros: it opens nothing.
    pub fn is_destroyed(&self) -> bool {
        self.0 == [0; 32]
    }
}

/// What is sealed; part of the nonce, so that no two sealed things share a key stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// A row of `value`, by its sequence number.
    Value = 1,
    /// A row of `event`, by its sequence number.
    Event = 2,
    /// The payload of a ledger entry, by the entry's number.
    Payload = 3,
    /// What a message needs that takes something back, by the message's row.
    Recall = 4,
}

/// Seals or opens `bytes` in place: ChaCha20 (RFC 8439) under a key made for sealing alone, with the
/// kind and the row's number as nonce. Integrity comes from the ledger's commitments, not from here.
pub fn apply_seal(key: &RecordKey, kind: Sealed, number: i64, bytes: &mut [u8]) {
    let mut seal_key: [u8; 32] =
        Sha256::new().chain_update(b"candor seal\0").chain_update(key.0).finalize().into();
    let mut nonce = [0u8; 12];
    nonce[0] = kind as u8;
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    ChaCha20::new(&seal_key.into(), &nonce.into()).apply_keystream(bytes);
    seal_key.zeroize();
}

/// The store's own secret, from which blind names and suppression fingerprints are made. It is held
/// as the state that HMAC begins with, which is wiped from memory after use.
#[derive(Clone)]
pub struct StoreSecret(Hmac<Sha256>);

impl StoreSecret {
    /// Takes the secret's 32 bytes and wipes them.
    pub fn new(mut secret: [u8; 32]) -> StoreSecret {
        let mac = Hmac::new_from_slice(&secret).expect("HMAC takes a key of any length");
        secret.zeroize();
        StoreSecret(mac)
    }

    /// A blind name: 62 bits of an HMAC, always eight bytes wide in SQLite (bit 62 is set), so that
    /// a row that holds one can be overwritten in place. Collisions are told apart by the value.
    pub fn blind(&self, domain: &str, parts: &[&str]) -> i64 {
        let mac = self.keyed(b"blind\0", domain, parts);
        let word = i64::from_be_bytes(mac[..8].try_into().expect("eight of 32 bytes"));
        (word & 0x3fff_ffff_ffff_ffff) | 0x4000_0000_0000_0000
    }

    /// A suppression fingerprint: 16 bytes of an HMAC (kept so that an erased person stays out).
    pub fn fingerprint(&self, domain: &str, parts: &[&str]) -> [u8; 16] {
        let mac = self.keyed(b"suppress\0", domain, parts);
        mac[..16].try_into().expect("16 of 32 bytes")
    }

    /// A name for outsiders: 16 bytes of an HMAC. It means nothing without the secret, and two domains
    /// can't be compared.
    pub fn outside_name(&self, domain: &str, parts: &[&str]) -> [u8; 16] {
        let mac = self.keyed(b"outside\0", domain, parts);
        mac[..16].try_into().expect("16 of 32 bytes")
    }

    /// The key of a message that takes something back, from random bytes of its own: with them, it is gone.
    pub fn recall_key(&self, nonce: &[u8; 32]) -> RecordKey {
        let mut mac = self.0.clone();
        mac.update(b"recall\0");
        mac.update(nonce);
        RecordKey(mac.finalize().into_bytes().into())
    }

    /// The check of a link of a person's own: nobody without the secret makes it, and it fails once the
    /// record's key is destroyed.
    pub fn link_check(&self, record: &RecordKey, bytes: &[u8]) -> [u8; 16] {
        let mut mac = self.0.clone();
        mac.update(b"link check\0");
        mac.update(&record.0);
        mac.update(bytes);
        let mac: [u8; 32] = mac.finalize().into_bytes().into();
        mac[..16].try_into().expect("16 of 32 bytes")
    }

    /// Hides or shows what a link says, under its check: nobody sees of whom it is, or that two are alike.
    pub fn link_veil(&self, check: &[u8; 16], bytes: &mut [u8]) {
        let mut mac = self.0.clone();
        mac.update(b"link veil\0");
        mac.update(check);
        let mask: [u8; 32] = mac.finalize().into_bytes().into();
        debug_assert!(bytes.len() <= mask.len(), "a link says less than a mask hides");
        bytes.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }

    fn keyed(&self, use_: &[u8], domain: &str, parts: &[&str]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(use_);
        mac.update(domain.as_bytes());
        for part in parts {
            // Length-prefixed, so that no two lists of parts read alike.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// Whether two checks are the same; how long that takes tells nothing of where they differ.
pub fn is_same(one: &[u8; 16], other: &[u8; 16]) -> bool {
    one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// The most bytes of the name of a secret that systems share.
pub const SECRET_NAME_MAX: usize = 64;

/// Whether a text can name a secret that systems share.
pub fn is_secret_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=SECRET_NAME_MAX).contains(&name.len()) && name.chars().all(is_plain)
}

/// Where random bytes come from; a parameter, so that tests can replay.
pub trait Randomness {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);

    /// A fresh key.
    fn key(&mut self) -> [u8; 32] {
        let mut key = [0; 32];
        self.fill(&mut key);
        key
    }
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealing_twice_opens_and_differs_by_row() {
        let key = RecordKey([7; 32]);
        let mut a = *b"ann@example.com";
        let mut b = a;
        apply_seal(&key, Sealed::Value, 1, &mut a);
        apply_seal(&key, Sealed::Value, 2, &mut b);
        assert_ne!(a, b);
        apply_seal(&key, Sealed::Value, 1, &mut a);
        assert_eq!(&a, b"ann@example.com");
    }

    #[test]
    fn blind_names_are_eight_bytes_wide_and_bind_their_parts() {
        let secret = StoreSecret::new([1; 32]);
        for text in ["", "a", "ann@example.com"] {
            assert!(secret.blind("identifier", &[text]) >= 1 << 62);
        }
        assert_ne!(
            secret.blind("identifier", &["ab", "c"]),
            secret.blind("identifier", &["a", "bc"])
        );
    }
}
