//! One line for each request: what was asked for and what became of it; and one where the certificate changes. It has room for nothing that a
//! caller wrote, so no address, query, key or body can get into a log.

use serde::Serialize;

use crate::base::clock::Moment;

/// What stands in the log.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Heard<'a> {
    /// A request was answered.
    Answer(&'a Line),
    /// The certificate's files changed.
    Renewal(Renewal),
}

/// What became of files that hold another certificate than the one that is shown.
#[derive(Clone, Debug, Serialize)]
pub struct Renewal {
    /// When they were looked at.
    #[serde(serialize_with = "as_text")]
    pub at: Moment,
    /// Until when the certificate is good that is shown from now on.
    pub certificate_until: String,
    /// The code of the error that keeps the files from being used; what was shown before is shown on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

/// A line of the log.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    /// When it arrived.
    #[serde(serialize_with = "as_text")]
    pub at: Moment,
    /// The route's name; none for a path that isn't known.
    pub route: Option<&'static str>,
    /// The status of the answer.
    pub status: u16,
    /// The number of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<i64>,
    /// The number of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<i64>,
    /// The source of a webhook, as the policy names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Items that it brought.
    pub items: usize,
    /// Items of which something was kept.
    pub kept: usize,
    /// Milliseconds until it was answered.
    pub took_ms: i64,
    /// The code of the error that kept it from being taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

fn as_text<S: serde::Serializer>(at: &Moment, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}
