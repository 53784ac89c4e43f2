//! The one place where a message leaves, by HTTP, by a mail server or into a database: it takes a permit, and a
//! fresh one.
//!
//! ```compile_fail
//! let letter: candor::send::Letter = todo!();
//! let mut carrier = candor::send::Carrier::new(candor::send::agent());
//! carrier.deliver(&letter, candor::base::clock::Moment(0)); // wants a permit
//! ```

use std::time::Duration;

use ureq::http;

use crate::base::clock::Moment;
use crate::base::tls::trusting;
use crate::consent::permit::Permit;

use super::postgres::{Scribe, SqlState};
use super::request::{Parcel, Request};
use super::smtp::Postman;

/// How long a request may take, all in all.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a permit lasts (milliseconds): whoever was asked longer ago may have said no since.
pub const PERMIT_LASTS_MS: i64 = 10_000;

/// How much of an answer is looked at, and thrown away, so that the connection can be used again.
const ANSWER_MAX: u64 = 64 * 1024;

/// A message on its way: the row of the queue that it is of, and what is sent.
#[derive(Debug)]
pub struct Letter {
    /// The row.
    pub(super) row: i64,
    /// The record that supplied the address: the disclosure names it.
    pub(super) record: i64,
    /// The others that anything else in it is of.
    pub(super) others: Vec<i64>,
    /// What is sent.
    pub(super) parcel: Parcel,
    /// By what its reader confirms something, where it asks for that.
    pub(super) minted: Option<Minted>,
}

/// A token that was made for a letter, as far as it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minted {
    /// Its keyed fingerprint.
    pub(super) print: [u8; 16],
    /// Until when it says anything.
    pub(super) until: Moment,
}

/// What was heard of a recipient. Of an answer nothing is kept but its status: it may quote the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It answered with a status, and with how many seconds to wait.
    Status(u16, Option<u64>),
    /// A mail server answered to a mail, with a code of RFC 5321.
    Mail(u16),
    /// A mail server let no mail in, with a code of RFC 5321.
    MailServer(u16),
    /// A database wrote the row.
    Written,
    /// A database didn't, and said why.
    Database(SqlState),
    /// A database offers no encryption, or bears a certificate that nobody vouches for.
    NotEncrypted,
    /// A database asks for a password in another way than SCRAM-SHA-256, for one that there isn't, or doesn't
    /// prove that it knows it.
    NotSignedIn,
    /// It couldn't be reached.
    Unreachable,
    /// It didn't answer in time; whether it took the message isn't known.
    TimedOut,
    /// Nothing was sent: the permit was too old.
    TooLate,
}

/// What sends. Follows no redirect; servers of https are believed by the system's own root certificates.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(PATIENCE))
        .user_agent(concat!("candor/", env!("CARGO_PKG_VERSION")))
        .tls_config(trusting())
        .build()
        .into()
}

/// What carries messages to one destination after the other.
#[derive(Debug)]
pub struct Carrier {
    agent: ureq::Agent,
    postman: Postman,
    scribe: Scribe,
}

impl Carrier {
    /// A carrier that nothing was handed to yet.
    pub fn new(agent: ureq::Agent) -> Carrier {
        Carrier { agent, postman: Postman::default(), scribe: Scribe::default() }
    }

    /// Sends what the gate let out, if that was just now.
    pub fn deliver(&mut self, permit: &Permit<Letter>, now: Moment) -> Heard {
        if now.0 - permit.at().0 > PERMIT_LASTS_MS {
            return Heard::TooLate;
        }
        match &permit.item().parcel {
            Parcel::Request(request) => ask(&self.agent, request, now),
            Parcel::Mail(mail) => self.postman.hand_over(mail),
            Parcel::Row(row) => self.scribe.hand_over(row),
        }
    }
}

fn ask(agent: &ureq::Agent, request: &Request, now: Moment) -> Heard {
    let Request { method, url, headers, body } = request;
    let mut request = http::Request::builder().method(method.as_str()).uri(url.as_str());
    for (name, value) in headers {
        request = request.header(name.as_str(), value.as_str());
    }
    let sent = match body {
        Some(body) => request.body(body.as_str()).map(|request| agent.run(request)),
        None => request.body(()).map(|request| agent.run(request)),
    };
    match sent {
        Ok(Ok(mut answer)) => {
            let asked = answer.headers().get("retry-after");
            let asked = asked.and_then(|value| seconds_of(value.to_str().ok()?, now));
            let _ = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec();
            Heard::Status(answer.status().as_u16(), asked)
        }
        Ok(Err(ureq::Error::Timeout(_))) => Heard::TimedOut,
        Ok(Err(_)) | Err(_) => Heard::Unreachable,
    }
}

/// `Retry-After` in seconds: it is a number of them, or a date (RFC 9110, section 10.2.3).
fn seconds_of(text: &str, now: Moment) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let at = chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
        u64::try_from((at - now.0).max(0)).ok().map(|ms| ms.div_ceil(1_000))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = Moment::parse("2026-03-03T12:00:00Z").unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Tue, 03 Mar 2026 12:01:30 GMT", Some(90)),
            ("Tue, 03 Mar 2026 11:00:00 GMT", Some(0)),
            ("-3", None),
            ("soon", None),
        ] {
            assert_eq!(seconds_of(text, now), seconds, "{text}");
        }
    }
}
