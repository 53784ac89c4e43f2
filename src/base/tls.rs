//! TLS, as candor speaks it to others and lets callers speak it: one choice of ciphers for both, ring's.

use std::sync::{Arc, LazyLock};

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use ureq::tls::{RootCerts, TlsConfig};

/// What encrypts and signs.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(ring::default_provider()));
    Arc::clone(&PROVIDER)
}

/// How others are asked: they are believed by the system's own root certificates.
pub fn trusting() -> TlsConfig {
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider())
        .root_certs(RootCerts::PlatformVerifier)
        .build()
}
