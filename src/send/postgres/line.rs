//! The line to a database: through the network, encrypted or not, or by a socket of this machine; each step of
//! it ends in time.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::base::tls::provider;
use crate::policy::postgres::{Encrypted, authorities};
use crate::send::http::Heard;

use super::Database;
use super::scribe::Stopped;
use super::wire::ASK_FOR_TLS;

/// How long a connection may take to be made.
const STEP: Duration = Duration::from_secs(3);

/// A line to a database.
pub enum Line {
    /// Within this machine.
    Plain(Wire),
    /// Encrypted, to a server that is vouched for.
    Encrypted(Box<StreamOwned<ClientConnection, Wire>>),
}

/// What a line is made of, and until when it is waited for what comes by it.
pub struct Wire {
    socket: Socket,
    until: Instant,
}

enum Socket {
    Network(TcpStream),
    #[cfg(unix)]
    Here(std::os::unix::net::UnixStream),
}

impl Line {
    /// A line to a server, encrypted where it has to be.
    pub fn open(at: &Database, until: Instant) -> std::result::Result<Line, Stopped> {
        let mut wire = Wire { socket: reach(at)?, until };
        if at.tls == Encrypted::None {
            return Ok(Line::Plain(wire));
        }
        wire.write_all(&ASK_FOR_TLS)?;
        let mut answer = [0];
        wire.read_exact(&mut answer)?;
        // Whatever else it says was said by anybody on the way.
        if answer != *b"S" {
            return Err(Stopped(Heard::NotEncrypted));
        }
        let stranger = |_| Stopped(Heard::NotEncrypted);
        let name =
            ServerName::try_from(at.host.clone()).map_err(|_| Stopped(Heard::NotEncrypted))?;
        let connection =
            ClientConnection::new(config(at.ca.as_deref())?, name).map_err(stranger)?;
        let mut stream = Box::new(StreamOwned::new(connection, wire));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| match error.kind() {
                // What the other side shows isn't vouched for.
                ErrorKind::InvalidData => Stopped(Heard::NotEncrypted),
                _ => Stopped::from(error),
            })?;
        }
        Ok(Line::Encrypted(stream))
    }

    /// Until when it is waited for what comes from now on.
    pub fn wait_until(&mut self, until: Instant) {
        match self {
            Line::Plain(wire) => wire.until = until,
            Line::Encrypted(stream) => stream.sock.until = until,
        }
    }
}

/// Whom to believe: the authorities of the policy, or those of the system.
fn config(ca: Option<&str>) -> std::result::Result<Arc<ClientConfig>, Stopped> {
    let stranger = |_: rustls::Error| Stopped(Heard::NotEncrypted);
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(stranger)?;
    let builder = match ca {
        Some(pem) => {
            builder.with_root_certificates(authorities(pem).ok_or(Stopped(Heard::NotEncrypted))?)
        }
        None => builder.with_platform_verifier().map_err(stranger)?,
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn reach(at: &Database) -> Result<Socket> {
    #[cfg(unix)]
    if at.host.starts_with('/') {
        let path = format!("{}/.s.PGSQL.{}", at.host, at.port);
        return std::os::unix::net::UnixStream::connect(path).map(Socket::Here);
    }
    let mut last = Error::from(ErrorKind::NotFound);
    for address in (at.host.as_str(), at.port).to_socket_addrs()?.take(2) {
        match TcpStream::connect_timeout(&address, STEP) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(Socket::Network(stream));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Wire {
    /// Has the next step end in time, however little each step brings.
    fn hurry(&self) -> Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        let left = Some(left);
        match &self.socket {
            Socket::Network(stream) => {
                stream.set_read_timeout(left).and_then(|()| stream.set_write_timeout(left))
            }
            #[cfg(unix)]
            Socket::Here(stream) => {
                stream.set_read_timeout(left).and_then(|()| stream.set_write_timeout(left))
            }
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.hurry()?;
        match &mut self.socket {
            Socket::Network(stream) => stream.read(buffer),
            #[cfg(unix)]
            Socket::Here(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        self.hurry()?;
        match &mut self.socket {
            Socket::Network(stream) => stream.write(buffer),
            #[cfg(unix)]
            Socket::Here(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Line::Plain(wire) => wire.read(buffer),
            Line::Encrypted(stream) => stream.read(buffer),
        }
    }
}

impl Write for Line {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        match self {
            Line::Plain(wire) => wire.write(buffer),
            Line::Encrypted(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Line::Plain(wire) => wire.flush(),
            Line::Encrypted(stream) => stream.flush(),
        }
    }
}
