//! A leaf: one ledger entry as one line of canonical JSON, stored and hashed as these very bytes.
//!
//! The line holds the hash of the entry before it, so a chain of entries is at once the tree of
//! their hashes. It holds no personal data: the subject is a keyed tag that differs in every entry,
//! and the payload is a salted commitment (see `commit`). Verification hashes the stored bytes and
//! never writes them anew; `parse_strict` does write them anew, so that nothing else than the one
//! spelling is ever taken for an entry.

use serde_json::Value;

use super::base64;
use super::canonical::{self, INTEGER_LIMIT};
use super::hash::Hash;
use super::scan;
use crate::base::clock::Moment;
use crate::base::error::{Error, Result};

/// The longest leaf in bytes: C2SP's entry bundles give the length in 16 bits.
pub const LEAF_BYTES_MAX: usize = 65_535;

/// The longest kind in bytes.
pub const KIND_BYTES_MAX: usize = 64;

/// The longest actor in bytes.
pub const ACTOR_BYTES_MAX: usize = 200;

/// A ledger entry. The letter in brackets is its key in the line; the key `v` says the format, 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// (n) The entry's number: its index in the tree, from 0, below 2^53.
    pub number: u64,
    /// (t) When it was written; never earlier than the entry before; from 1970, below 2^53 ms.
    pub at: Moment,
    /// (k) What it is about, such as `consent.grant`: letters a–z, digits, and `.`, `_`, `-`.
    pub kind: String,
    /// (a) The staff member, API key or part of candor that did it; never a customer. No control
    /// characters, quotes or backslashes.
    pub actor: String,
    /// (p) The leaf hash of the entry before; for the first entry `first_previous`.
    pub previous: Hash,
    /// (s) The subject's tag in this entry, where it is about one (see `commit::tag`).
    pub tag: Option<[u8; 32]>,
    /// (c) The commitment to a payload, where there is one (see `commit::commitment`).
    pub commitment: Option<[u8; 32]>,
    /// (b) A small object without personal data, where there is one.
    pub body: Option<Value>,
}

/// What stands in place of a previous hash in entry 0, so that a log can't be passed off as another:
/// SHA-256("candor-log/v1\n" ‖ origin ‖ "\n").
pub fn first_previous(origin: &str) -> Hash {
    Hash::of(format!("candor-log/v1\n{origin}\n").as_bytes())
}

impl Leaf {
    /// The line of this entry; fails when a field can't be in a ledger.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(320);
        self.write(&mut out)?;
        Ok(out)
    }

    /// Appends the line of this entry to `out`, which is worthless when this fails.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        self.check()?;
        out.extend_from_slice(br#"{"a":""#);
        out.extend_from_slice(self.actor.as_bytes());
        if let Some(body) = &self.body {
            out.extend_from_slice(br#"","b":"#);
            canonical::write(body, out)?;
        } else {
            out.push(b'"');
        }
        if let Some(commitment) = &self.commitment {
            out.extend_from_slice(br#","c":""#);
            out.extend_from_slice(&base64::encode_url(commitment));
            out.push(b'"');
        }
        out.extend_from_slice(br#","k":""#);
        out.extend_from_slice(self.kind.as_bytes());
        out.extend_from_slice(br#"","n":"#);
        out.extend_from_slice(self.number.to_string().as_bytes());
        out.extend_from_slice(br#","p":""#);
        out.extend_from_slice(&base64::encode_url(&self.previous.0));
        out.push(b'"');
        if let Some(tag) = &self.tag {
            out.extend_from_slice(br#","s":""#);
            out.extend_from_slice(&base64::encode_url(tag));
            out.push(b'"');
        }
        out.extend_from_slice(br#","t":"#);
        out.extend_from_slice(self.at.0.to_string().as_bytes());
        out.extend_from_slice(br#","v":1}"#);
        if out.len() - start > LEAF_BYTES_MAX {
            return refuse("a ledger entry is longer than 65,535 bytes");
        }
        Ok(())
    }

    /// Reads a line; fails unless it is byte for byte what `to_bytes` writes.
    pub fn parse_strict(bytes: &[u8]) -> Result<Leaf> {
        let line: serde_json::Map<String, Value> = match bytes.len() {
            0..=LEAF_BYTES_MAX => serde_json::from_slice(bytes).map_err(|_| not_canonical())?,
            _ => return Err(not_canonical()),
        };
        let leaf = Leaf::from_members(line).ok_or_else(not_canonical)?;
        match leaf.to_bytes() {
            Ok(again) if again == bytes => Ok(leaf),
            _ => Err(not_canonical()),
        }
    }

    /// Takes the fields without regard to their spelling; unknown keys are lost, which the
    /// comparison in `parse_strict` finds.
    fn from_members(mut line: serde_json::Map<String, Value>) -> Option<Leaf> {
        let hash = |value: Value| base64::decode_url(value.as_str()?.as_bytes().try_into().ok()?);
        Some(Leaf {
            number: line.get("n")?.as_u64()?,
            at: Moment(line.get("t")?.as_i64()?),
            kind: line.get("k")?.as_str()?.to_owned(),
            actor: line.get("a")?.as_str()?.to_owned(),
            previous: Hash(line.remove("p").and_then(hash)?),
            tag: line.remove("s").and_then(hash),
            commitment: line.remove("c").and_then(hash),
            body: line.remove("b"),
        })
    }

    /// Whether every field but the body, which is checked as it is written, may be in a ledger.
    fn check(&self) -> Result<()> {
        if self.number >= INTEGER_LIMIT {
            return refuse("the number of a ledger entry is below 2^53");
        }
        if !u64::try_from(self.at.0).is_ok_and(|ms| ms < INTEGER_LIMIT) {
            return refuse("the time of a ledger entry lies between 1970 and 2^53 ms later");
        }
        if !scan::is_kind(self.kind.as_bytes()) {
            return refuse("the kind of a ledger entry is made of a-z, 0-9, '.', '_' and '-'");
        }
        if !scan::is_actor(self.actor.as_bytes()) {
            return refuse(
                "the actor of a ledger entry has 1 to 200 bytes, no control characters, no quotes \
                 and no backslashes",
            );
        }
        if self.body.as_ref().is_some_and(|body| !body.is_object()) {
            return refuse("the body of a ledger entry is an object");
        }
        Ok(())
    }
}

/// The error for bytes that are no entry's one spelling.
pub(super) fn not_canonical() -> Error {
    Error::damaged("entry-not-canonical", "the bytes are not those of a ledger entry")
        .next("run `candor audit verify`")
}

fn refuse<T>(what: &str) -> Result<T> {
    Err(Error::usage("entry-invalid", what).next("run `candor audit verify`"))
}
