//! The keyed fingerprints that keep erased people out: personal data for whoever holds the key, so the
//! record of processing and the report on retention list them with what they are for and how long.

use rusqlite::Connection;
use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;

use super::sql;

/// What is held to keep people out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// How many fingerprints.
    pub fingerprints: u64,
    /// What they are.
    pub what: &'static str,
    /// Why they are held.
    pub why: &'static str,
    /// On what basis.
    pub basis: &'static str,
    /// For how long.
    pub kept_for: &'static str,
}

impl Suppression {
    /// Those of a moment.
    pub fn as_of(conn: &Connection, as_of: Moment) -> Result<Suppression> {
        Ok(Suppression {
            fingerprints: sql::kept_out(conn, as_of)?,
            what: "keyed fingerprints of erased people's identifiers and source keys, and of what they \
                   said no to at an address that others have too; for whoever holds the store's key they \
                   are personal data, for others they name nobody",
            why: "so that a source that sends the same person again doesn't bring them back against their \
                  will, and nothing goes to an address of theirs that they said no to (Art 17, 21); used \
                  for nothing else",
            basis: "legitimate interests, Art 6(1)(f): to honour the erasure",
            kept_for: "until the person comes back by their own act",
        })
    }
}
