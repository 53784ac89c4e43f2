//! Hands a mail to a mail server (RFC 5321), within a time that a permit allows.
//!
//! What a server says to a mail decides over that mail; what it says before, to whoever signs in or to the
//! sender, is trouble with the server, for which no mail is given up.

use std::time::{Duration, Instant};

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as From, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use crate::policy::mail::Tls;

use super::http::{Heard, PATIENCE};
use super::mail::{Mail, MailServer};

/// How long a connection may take to be made, each step of it.
const STEP: Duration = Duration::from_secs(3);

/// The way to mail servers: the connection to the last one, for as long as it holds.
#[derive(Default)]
pub struct Postman {
    open: Option<(MailServer, SmtpConnection)>,
}

impl std::fmt::Debug for Postman {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Postman(…)")
    }
}

impl Drop for Postman {
    fn drop(&mut self) {
        if let Some((_, mut connection)) = self.open.take() {
            let _ = connection.quit();
        }
    }
}

/// What a step came to that didn't.
struct Stopped(Heard);

impl Postman {
    /// Hands a mail over.
    pub(super) fn hand_over(&mut self, mail: &Mail) -> Heard {
        let until = Instant::now() + PATIENCE;
        let held = self.open.take().filter(|(server, _)| *server == mail.server);
        // A server may end a connection that was idle; nothing was said on it then.
        let held = held.and_then(|(_, mut held)| held.test_connected().then_some(held));
        let mut connection = match held.map_or_else(|| connect(&mail.server), Ok) {
            Ok(connection) => connection,
            Err(Stopped(heard)) => return heard,
        };
        let handed = send(&mut connection, mail, until);
        if handed.is_ok() && !connection.has_broken() {
            self.open = Some((mail.server.clone(), connection));
        } else {
            connection.abort();
        }
        match handed {
            Ok(()) => Heard::Mail(250),
            Err(Stopped(heard)) => heard,
        }
    }
}

fn connect(server: &MailServer) -> Result<SmtpConnection, Stopped> {
    let MailServer { host, port, tls, login } = server;
    let trouble = |error: Error| Stopped(trouble(&error));
    let parameters = match tls {
        Tls::None => None,
        _ => Some(TlsParameters::new_rustls(host.clone()).map_err(trouble)?),
    };
    let wrapped = parameters.as_ref().filter(|_| *tls == Tls::Implicit);
    // Whoever asks for a name gets one that says nothing of this machine.
    let name = ClientId::Domain("[127.0.0.1]".to_owned());
    let mut connection =
        SmtpConnection::connect((host.as_str(), *port), Some(STEP), &name, wrapped, None)
            .map_err(trouble)?;
    if *tls == Tls::Starttls {
        let parameters = parameters.as_ref().expect("made above");
        if !connection.can_starttls() {
            connection.abort();
            return Err(Stopped(Heard::NotEncrypted));
        }
        connection.starttls(parameters, &name).map_err(trouble)?;
    }
    if let Some((user, password)) = login {
        let credentials = Credentials::new(user.clone(), password.to_string());
        let known = [Mechanism::Plain, Mechanism::Login];
        connection.auth(&known, &credentials).map_err(trouble)?;
    }
    Ok(connection)
}

fn send(connection: &mut SmtpConnection, mail: &Mail, until: Instant) -> Result<(), Stopped> {
    let hurry = |connection: &mut SmtpConnection| {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        let _ = connection.set_timeout(Some(left));
    };
    hurry(connection);
    let from = From::new(mail.envelope.from().cloned(), Vec::new());
    connection.command(from).map_err(|error| Stopped(trouble(&error)))?;
    let answer = |error: Error| Stopped(answer(&error));
    for to in mail.envelope.to() {
        hurry(connection);
        connection.command(Rcpt::new(to.clone(), Vec::new())).map_err(answer)?;
    }
    hurry(connection);
    connection.command(Data).map_err(answer)?;
    hurry(connection);
    connection.message(&mail.bytes).map_err(answer)?;
    Ok(())
}

/// What a server said of this mail.
fn answer(error: &Error) -> Heard {
    match error.status() {
        Some(code) => Heard::Mail(u16::from(code)),
        None => trouble(error),
    }
}

/// What a server said of anything else; nothing of it is kept but the code.
fn trouble(error: &Error) -> Heard {
    match error.status() {
        Some(code) => Heard::MailServer(u16::from(code)),
        None if error.is_timeout() => Heard::TimedOut,
        None => Heard::Unreachable,
    }
}
