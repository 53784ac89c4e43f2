//! TLS on accepted connections: 1.2 and 1.3, by the certificate that is shown at that moment.
//!
//! A handshake is part of its own connection's task, so that one that stands still holds up nobody else.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::base::tls::provider;

use super::certificate::Certificate;
use super::reply::{Readers, Reply};

/// How long a handshake may take.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How often the certificate's files are looked at.
pub(super) const LOOK: Duration = Duration::from_secs(5);

/// What browsers are to remember: this server is asked by TLS alone, for a year.
pub(super) const STRICT: (&str, &str) = ("strict-transport-security", "max-age=31536000");

/// The first byte of a handshake's record.
const HANDSHAKE: u8 = 22;

/// What accepts connections with a certificate.
pub(super) fn acceptor(certificate: &Arc<Certificate>) -> TlsAcceptor {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider knows both versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(certificate) as _);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// The protected connection; `None` where the caller speaks something else, went away, or is too slow.
pub(super) async fn accept(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    let shaken = async {
        let mut first = [0];
        match (stream.peek(&mut first).await.ok()?, first) {
            (1, [HANDSHAKE]) => acceptor.accept(stream).await.ok(),
            (1, _) => {
                let _ = say_so(&stream).await;
                None
            }
            _ => None,
        }
    };
    tokio::time::timeout(HANDSHAKE_TIME, shaken).await.ok()?
}

/// Tells whoever speaks plain HTTP what to do; whoever speaks neither won't mind.
async fn say_so(stream: &TcpStream) -> std::io::Result<()> {
    let words =
        "this address speaks TLS: begin it with https://; what was sent so passed unencrypted";
    let reply = Reply::error(400, "tls_required", words);
    let mut text = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n".to_owned();
    for (name, value) in reply.headers(Readers::Programs) {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("content-length: {}\r\n\r\n", reply.body.len());
    stream.writable().await?;
    stream.try_write(&[text.as_bytes(), &reply.body].concat())?;
    // An end with something unread would take the answer back.
    let mut rest = [0; 1024];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut rest) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
