//! One HTTP request to somebody outside, with an end to waiting and to the size of the answer.

use std::time::Duration;

use crate::base::error::{Error, Result};
use crate::base::tls::trusting;

/// The longest answer that is read, in bytes; a time-stamp token with its certificates takes some 6 kB.
const ANSWER_MAX: u64 = 256 * 1024;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Sends a body of a content type to an address: [`post`], or what a test puts in its place.
pub type Post<'a> = &'a dyn Fn(&str, &str, &[u8]) -> Result<Answer>;

/// Sends a body and waits for the whole answer, for `patience` in all. Follows no redirect. Servers of
/// https are believed by the system's own root certificates.
///
/// # Errors
/// `unreachable` with the reason; an answer with any status is none.
pub fn post(url: &str, kind: &str, body: &[u8], patience: Duration) -> Result<Answer> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(patience))
        .user_agent(concat!("candor/", env!("CARGO_PKG_VERSION")))
        .tls_config(trusting())
        .build()
        .into();
    let failed = |error: ureq::Error| {
        let why = match error {
            ureq::Error::Timeout(_) => format!("no answer within {} s", patience.as_secs()),
            other => other.to_string(),
        };
        Error::new(crate::base::error::Kind::Busy, "unreachable", why)
            .at(url)
            .next("try again later; nothing else waits for it")
    };
    let mut response = agent.post(url).content_type(kind).send(body).map_err(failed)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec().map_err(failed)?;
    Ok(Answer { status, body })
}

/// Checks an address that is to be kept: http or https, and no password in it.
///
/// # Errors
/// `url-invalid`.
pub fn check_url(url: &str) -> Result<()> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let fine = !host.is_empty()
        && !host.contains('@')
        && url.len() <= 500
        && url.chars().all(|c| c.is_ascii_graphic());
    if fine {
        Ok(())
    } else {
        Err(Error::usage("url-invalid", "an address begins with https:// or http:// and a host")
            .next("without a user name or a password in it"))
    }
}
