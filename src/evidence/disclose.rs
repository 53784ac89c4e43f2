//! Which payloads a bundle discloses: everybody's, one person's, or those that name nobody.
//!
//! A payload is committed to as a whole, so none can be given in part: one that holds a free word is left
//! out of a pseudonymous bundle, and counted.

use std::collections::BTreeSet;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::base::error::Result;
use crate::ledger::base64;
use crate::store;

use super::bundle::number;
use super::prove::open;
use super::sql;

/// Whose payloads are disclosed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disclose {
    /// Everybody's.
    Everything,
    /// One subject's.
    Subject(i64),
    /// Those that name nobody: made of the policy's words, of moments and of yes and no.
    Pseudonymous,
}

/// Members of payloads that hold the policy's words, moments or yes and no, or the number of the profile
/// that a record was born into, which means nothing outside the store; and nothing else.
const NAMELESS: [&str; 15] = [
    "home",
    "axis",
    "purpose",
    "channel",
    "state",
    "explicit",
    "confirmed",
    "own",
    "source",
    "notice",
    "language",
    "every_days",
    "unread_under",
    "at",
    "recorded_at",
];

/// The payloads that are disclosed, as lines.
pub(super) struct Payloads {
    disclose: Disclose,
    range: std::ops::Range<i64>,
    /// Words that the policies hold in quotes.
    policies: Vec<String>,
    /// The lines of `payloads.jsonl`.
    pub(super) lines: String,
    /// How many payloads they disclose.
    pub(super) disclosed: u64,
    /// The entries of those that are held here and not disclosed.
    pub(super) left_out: Vec<i64>,
}

impl Payloads {
    pub(super) fn new(
        conn: &Connection,
        disclose: Disclose,
        from: u64,
        to: u64,
    ) -> Result<Payloads> {
        let policies = store::applied(conn)?.into_iter().map(|policy| policy.text).collect();
        let range = number(from)..number(to);
        Ok(Payloads {
            disclose,
            range,
            policies,
            lines: String::new(),
            disclosed: 0,
            left_out: Vec::new(),
        })
    }

    /// Reads the payloads of the entries that are given. One that is not what its entry commits to is
    /// disclosed all the same: an auditor must see it.
    pub(super) fn read(
        &mut self,
        conn: &Connection,
        commitments: &[(i64, [u8; 32])],
    ) -> Result<()> {
        let Some(((first, _), (last, _))) = commitments.first().zip(commitments.last()) else {
            return Ok(());
        };
        let committed: BTreeSet<i64> = commitments.iter().map(|(n, _)| *n).collect();
        sql::payloads(conn, *first, last + 1, |row| {
            let (n, subject) = (row.n, row.subject);
            if !committed.contains(&n) {
                return Ok(());
            }
            let Some((salt, payload)) = open(row) else { return Ok(()) };
            if !self.range.contains(&n) || !self.gives(subject, &payload) {
                self.left_out.push(n);
                return Ok(());
            }
            let line = json!({
                "n": n, "salt": base64::encode(&salt), "payload": base64::encode(payload.as_bytes()),
            });
            self.lines.push_str(&format!("{line}\n"));
            self.disclosed += 1;
            Ok(())
        })
    }

    fn gives(&self, subject: i64, payload: &str) -> bool {
        match self.disclose {
            Disclose::Everything => true,
            Disclose::Subject(wanted) => subject == wanted,
            Disclose::Pseudonymous => self.names_nobody(payload),
        }
    }

    /// Whether a payload is made of the policy's words, moments and yes and no. How something was said
    /// (`method`) passes when a policy has that word, for the desk may write anything there; where the
    /// proof lies (`evidence`) passes when it is the line of an import.
    fn names_nobody(&self, payload: &str) -> bool {
        let Ok(Value::Object(members)) = serde_json::from_str(payload) else { return false };
        members.iter().all(|(name, value)| match (name.as_str(), value) {
            (name, _) if NAMELESS.contains(&name) => true,
            ("method", Value::String(method)) => {
                let quoted = format!("\"{method}\"");
                self.policies.iter().any(|policy| policy.contains(&quoted))
            }
            ("evidence", Value::String(place)) => is_line_of_import(place),
            _ => false,
        })
    }
}

/// Whether a text is `import N, line N`, and nothing else.
fn is_line_of_import(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix("import ")
        .and_then(|rest| rest.split_once(", line "))
        .is_some_and(|(import, line)| number(import) && number(line))
}
