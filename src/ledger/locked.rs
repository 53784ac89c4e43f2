//! A signing key under a passphrase, in a form that other tools read.
//!
//! The file is PKCS#8 `EncryptedPrivateKeyInfo` (RFC 5958) in PEM, under PBES2 (RFC 8018) with scrypt
//! (RFC 7914) and AES-256-CBC: `openssl pkey -in FILE` asks for the passphrase and opens it. A wrong
//! passphrase and a damaged file can't be told apart, and both are said.

use pkcs8::der::asn1::OctetString;
use pkcs8::der::pem::PemLabel;
use pkcs8::der::{Decode, EncodePem, pem};
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncryptedPrivateKeyInfo, EncryptedPrivateKeyInfoOwned, LineEnding};
use zeroize::Zeroizing;

use super::key::SigningKey;
use crate::base::error::{Error, Result};

const HEAD: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// scrypt's cost: 16 MiB five times over (N = 2^14, r = 8, p = 5, as OWASP gives it). OpenSSL refuses
/// to read a key that asks for more than 32 MiB, so the work is repeated rather than widened.
const SCRYPT: (u8, u32, u32) = (14, 8, 5);

/// Whether a key file asks for a passphrase.
pub fn is_locked(pem: &str) -> bool {
    pem.trim_start().starts_with(HEAD)
}

/// The key as an encrypted PEM file. `salt` and `iv` must be fresh random bytes.
pub fn lock(
    key: &SigningKey,
    passphrase: &str,
    salt: &[u8; 16],
    iv: [u8; 16],
) -> Zeroizing<String> {
    let (log_n, r, p) = SCRYPT;
    let cost = pkcs8::pkcs5::scrypt::Params::new(log_n, r, p).expect("the cost is a valid one");
    let scheme = Parameters::generate_scrypt_aes256cbc(cost, salt, iv).expect("16 bytes of salt");
    let sealed = scheme.encrypt(passphrase, key.to_der().as_slice()).expect("48 bytes fit");
    let info = EncryptedPrivateKeyInfo {
        encryption_algorithm: scheme.into(),
        encrypted_data: OctetString::new(sealed).expect("64 bytes are an octet string"),
    };
    Zeroizing::new(info.to_pem(LineEnding::LF).expect("it is DER"))
}

/// Opens an encrypted PEM file.
///
/// # Errors
/// `key-unreadable` when it is none; `passphrase-wrong` when it doesn't open.
pub fn unlock(file: &str, passphrase: &str) -> Result<SigningKey> {
    let unreadable = || {
        Error::damaged("key-unreadable", "this is no encrypted key in PEM form")
            .next("restore the key file from a copy")
    };
    let (label, der) = pem::decode_vec(file.trim_start().as_bytes()).map_err(|_| unreadable())?;
    if label != EncryptedPrivateKeyInfoOwned::PEM_LABEL {
        return Err(unreadable());
    }
    let info = EncryptedPrivateKeyInfoOwned::from_der(&der).map_err(|_| unreadable())?;
    let wrong = || {
        Error::no("passphrase-wrong", "the passphrase doesn't open the key")
            .next("try again; without the passphrase the key is lost, and `candor key rotate --lost` is the way on")
    };
    let opened = info.decrypt(passphrase).map_err(|_| wrong())?;
    SigningKey::from_der(opened.as_bytes()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_passphrase_opens_a_locked_key() {
        let key = SigningKey::from_seed(&[7; 32]);
        let pem = lock(&key, "correct horse", &[1; 16], [2; 16]);
        assert!(is_locked(&pem) && !is_locked(&key.to_pem()));
        let opened = unlock(&pem, "correct horse").unwrap();
        assert_eq!(opened.to_der(), key.to_der());
        assert_eq!(unlock(&pem, "correct horsE").unwrap_err().code, "passphrase-wrong");
        assert_eq!(unlock(&key.to_pem(), "x").unwrap_err().code, "key-unreadable");
        assert_eq!(unlock("-----BEGIN ENCRYPTED", "x").unwrap_err().code, "key-unreadable");
    }
}
