//! Reads a leaf in place, without building a value: as strict as `Leaf::parse_strict`, far faster.
//!
//! Verification goes over every entry there is. The keys of a leaf stand in one fixed order, so a
//! scanner can go over the bytes once and refuse whatever `to_bytes` would not have written.

use super::base64::{self, URL_LENGTH};
use super::canonical::{self, read_natural};
use super::hash::Hash;
use super::leaf::{ACTOR_BYTES_MAX, KIND_BYTES_MAX, LEAF_BYTES_MAX, not_canonical};
use crate::base::clock::Moment;
use crate::base::error::Result;

/// 32 bytes as they stand in a leaf: canonical, unpadded base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded<'a>(&'a [u8; URL_LENGTH]);

impl<'a> Encoded<'a> {
    /// The 32 bytes.
    pub fn bytes(self) -> [u8; 32] {
        base64::decode_url(self.0).expect("the scanner has checked the spelling")
    }

    /// The 32 bytes as a hash.
    pub fn hash(self) -> Hash {
        Hash(self.bytes())
    }

    /// The text itself.
    pub fn text(self) -> &'a [u8; URL_LENGTH] {
        self.0
    }
}

/// The fields of a leaf, borrowed from its bytes; see `Leaf` for their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafView<'a> {
    /// (n) The entry's number.
    pub number: u64,
    /// (t) When it was written.
    pub at: Moment,
    /// (k) What it is about.
    pub kind: &'a str,
    /// (a) Who did it.
    pub actor: &'a str,
    /// (p) The leaf hash of the entry before.
    pub previous: Encoded<'a>,
    /// (s) The subject's tag.
    pub tag: Option<Encoded<'a>>,
    /// (c) The commitment to the payload.
    pub commitment: Option<Encoded<'a>>,
    /// (b) The body, canonical JSON.
    pub body: Option<&'a [u8]>,
}

/// Reads the fields of a leaf; fails on exactly the bytes that `Leaf::parse_strict` fails on.
pub fn fields(leaf: &[u8]) -> Result<LeafView<'_>> {
    scan(leaf).ok_or_else(not_canonical)
}

/// As `fields`, without words for the fault.
pub(super) fn scan(leaf: &[u8]) -> Option<LeafView<'_>> {
    if leaf.len() > LEAF_BYTES_MAX {
        return None;
    }
    let mut rest = leaf.strip_prefix(br#"{"a":""#)?;
    let actor = take_text(&mut rest, is_actor)?;
    let body = match strip(&mut rest, br#","b":"#) {
        Some(()) if rest.first() == Some(&b'{') => {
            let length = canonical::skip(rest)?;
            Some(take(&mut rest, length)?)
        }
        Some(()) => return None,
        None => None,
    };
    let commitment = match strip(&mut rest, br#","c":""#) {
        Some(()) => Some(take_encoded(&mut rest)?),
        None => None,
    };
    strip(&mut rest, br#","k":""#)?;
    let kind = take_text(&mut rest, is_kind)?;
    strip(&mut rest, br#","n":"#)?;
    let number = take_natural(&mut rest)?;
    strip(&mut rest, br#","p":""#)?;
    let previous = take_encoded(&mut rest)?;
    let tag = match strip(&mut rest, br#","s":""#) {
        Some(()) => Some(take_encoded(&mut rest)?),
        None => None,
    };
    strip(&mut rest, br#","t":"#)?;
    let at = Moment(take_natural(&mut rest)? as i64);
    let ends = rest == br#","v":1}"#;
    ends.then_some(LeafView { number, at, kind, actor, previous, tag, commitment, body })
}

/// Whether these bytes may be a kind.
pub(super) fn is_kind(bytes: &[u8]) -> bool {
    let fits = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    (1..=KIND_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(fits)
}

/// Whether these bytes may be an actor: text that JSON writes without any escape.
pub(super) fn is_actor(bytes: &[u8]) -> bool {
    if !(1..=ACTOR_BYTES_MAX).contains(&bytes.len()) {
        return false;
    }
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'"' && *byte != b'\\';
    let spoken = |c: char| !c.is_control() && c != '"' && c != '\\';
    bytes.iter().all(plain) || std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(spoken))
}

/// Goes over the given bytes, if they are next.
fn strip(rest: &mut &[u8], prefix: &[u8]) -> Option<()> {
    *rest = rest.strip_prefix(prefix)?;
    Some(())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

/// Takes what stands before the next quote, and goes over the quote.
fn take_text<'a>(rest: &mut &'a [u8], fits: fn(&[u8]) -> bool) -> Option<&'a str> {
    let length = rest.iter().position(|byte| *byte == b'"')?;
    let text = take(rest, length).filter(|text| fits(text))?;
    strip(rest, b"\"")?;
    std::str::from_utf8(text).ok()
}

fn take_encoded<'a>(rest: &mut &'a [u8]) -> Option<Encoded<'a>> {
    let text: &[u8; URL_LENGTH] = take(rest, URL_LENGTH)?.try_into().ok()?;
    strip(rest, b"\"")?;
    base64::is_url(text).then_some(Encoded(text))
}

fn take_natural(rest: &mut &[u8]) -> Option<u64> {
    let (value, length) = read_natural(rest)?;
    take(rest, length)?;
    Some(value)
}
