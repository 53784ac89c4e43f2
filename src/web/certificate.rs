//! The certificate that `serve` shows, from its files: read at the start, and again every few seconds, so that
//! whoever renews it needs to tell nobody.
//!
//! The key's file is its owner's alone, as the store's key and secrets are, and refused otherwise: whoever reads
//! it can pass for this server. Files that can't be used any more (one of the two is replaced already, the other
//! not yet) change nothing: what was read last is shown on.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use pkcs8::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use pkcs8::der::{Decode, Tag, Tagged};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::base::clock::Moment;
use crate::base::der::items;
use crate::base::error::{Error, Result, io};
use crate::base::tls::provider;
use crate::store::read_private;

/// Where a certificate and its key lie, both in PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate, and those behind it that lead to an authority.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate with its key, and how long it is good.
pub struct Identity {
    key: Arc<CertifiedKey>,
    /// Of the bytes of both files.
    digest: [u8; 32],
    /// From when it is good.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
}

impl Identity {
    /// Whether callers whose clock says so take it.
    pub fn is_good(&self, now: Moment) -> bool {
        self.from <= now && now < self.until
    }
}

impl Files {
    /// Reads both files.
    ///
    /// # Errors
    /// `tls-certificate-unreadable`, `tls-key-exposed` where others may read or write the key,
    /// `tls-key-unreadable`, `tls-key-differs` where it is another certificate's, and I/O errors.
    pub fn read(&self) -> Result<Identity> {
        let pem = std::fs::read(&self.chain).map_err(io(&self.chain))?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| no_certificate(&self.chain))?;
        let times = chain.first().and_then(|first| validity(first));
        let (from, until) = times.ok_or_else(|| no_certificate(&self.chain))?;
        let text = read_private(&self.key).map_err(io(&self.key))?.ok_or_else(|| {
            Error::no("tls-key-exposed", "others may read or write the certificate's key")
                .at(self.key.display())
                .next("take the right from them with `chmod 600`; where somebody may have read it, have a new \
                       certificate made with a new key")
        })?;
        let digest =
            Sha256::new().chain_update(&pem).chain_update(text.as_bytes()).finalize().into();
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| no_key(&self.key, text.contains("ENCRYPTED")))?;
        let key = CertifiedKey::from_der(chain, key, &provider());
        let key = key.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => Error::usage(
                "tls-key-differs",
                "the key isn't the one of the file's first certificate",
            )
            .at(self.key.display())
            .next(format!(
                "name the key that {} was made for, and let that file begin with the \
                                   server's own certificate",
                self.chain.display()
            )),
            rustls::Error::InvalidCertificate(_) => no_certificate(&self.chain),
            _ => no_key(&self.key, false),
        })?;
        Ok(Identity { key: Arc::new(key), digest, from, until })
    }
}

fn no_certificate(path: &Path) -> Error {
    Error::damaged("tls-certificate-unreadable", "this holds no certificate in PEM")
        .at(path.display())
        .next("name the file with the whole chain, the server's own certificate first (fullchain.pem)")
}

fn no_key(path: &Path, is_locked: bool) -> Error {
    let (what, next) = match is_locked {
        true => (
            "the certificate's key is under a passphrase",
            "write it anew without one: `openssl pkey -in FILE -out KEY`, then `chmod 600 KEY`",
        ),
        false => (
            "this holds no private key in PEM that TLS can sign with",
            "name a key of ECDSA (P-256, P-384), RSA (2048 bits or more) or Ed25519",
        ),
    };
    Error::damaged("tls-key-unreadable", what).at(path.display()).next(next)
}

/// From when and until when a certificate is good (RFC 5280, `Validity`).
fn validity(certificate: &[u8]) -> Option<(Moment, Moment)> {
    let whole = items(AnyRef::from_der(certificate).ok()?, Tag::Sequence)?;
    let mut said = items(*whole.first()?, Tag::Sequence)?.into_iter().skip_while(|part| {
        // The version, which certificates of the first one leave out.
        part.tag().is_context_specific()
    });
    // Behind its number, its algorithm and its authority.
    let times = items(said.nth(3)?, Tag::Sequence)?;
    Some((moment(*times.first()?)?, moment(*times.get(1)?)?))
}

fn moment(time: AnyRef<'_>) -> Option<Moment> {
    let since = match time.tag() {
        Tag::UtcTime => time.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        _ => time.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
    };
    Some(Moment(i64::try_from(since.as_millis()).ok()?))
}

/// The certificate that is shown now.
pub struct Certificate {
    files: Files,
    shown: RwLock<Arc<Identity>>,
    /// The code of what was wrong with the files when they were last looked at.
    wrong: Mutex<Option<&'static str>>,
}

impl Certificate {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// Those of [`Files::read`].
    pub fn open(files: Files) -> Result<Certificate> {
        let shown = RwLock::new(Arc::new(files.read()?));
        Ok(Certificate { files, shown, wrong: Mutex::new(None) })
    }

    /// What is shown now.
    pub fn shown(&self) -> Arc<Identity> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files again: true where they hold another certificate, which is shown from now on.
    ///
    /// # Errors
    /// Those of [`Files::read`], each told once for as long as it stays.
    pub fn renew(&self) -> Result<bool> {
        let read = self.files.read();
        let code = read.as_ref().err().map(|error| error.code);
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let is_told = std::mem::replace(&mut *wrong, code) == code;
        match read {
            Err(_) if is_told => Ok(false),
            Err(error) => Err(error),
            Ok(identity) if identity.digest == self.shown().digest => Ok(false),
            Ok(identity) => {
                let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
                *shown = Arc::new(identity);
                Ok(true)
            }
        }
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Certificate").field(&self.files).finish()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown().key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls");
        CertificateDer::from_pem_file(folder.join(name)).unwrap().to_vec()
    }

    #[test]
    fn a_certificate_says_how_long_it_is_good() {
        // Years from 2050 on are written otherwise.
        for (name, expected) in [
            ("expired.pem", ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"]),
            ("server.pem", ["2020-01-01T00:00:00Z", "2126-01-01T00:00:00Z"]),
        ] {
            let (from, until) = validity(&der(name)).unwrap();
            assert_eq!([from.to_string(), until.to_string()], expected, "{name}");
        }
    }

    #[test]
    fn nothing_that_is_cut_or_flipped_panics() {
        let whole = der("server.pem");
        for at in 0..whole.len() {
            assert_eq!(validity(&whole[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                let _ = validity(&changed);
            }
        }
    }
}
