//! Time-stamp requests and answers (RFC 3161), as far as candor reads them.
//!
//! The request is one fixed shape of 69 bytes, written out here. Of the answer candor checks that it
//! was granted, and that the token is over these very bytes and answers this very question (imprint
//! and nonce), and reads its time. The authority's signature and certificates are checked by those who
//! know the authority, with `openssl ts -verify`: that candor believed it would tell nobody anything.

use pkcs8::der::asn1::AnyRef;
use pkcs8::der::{Decode, Tag, Tagged};
use sha2::{Digest, Sha256};

use crate::base::clock::Moment;
use crate::base::der::items;
use crate::base::error::{Error, Result};

/// id-sha256 (2.16.840.1.101.3.4.2.1) in DER, without tag and length.
const SHA256: [u8; 9] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// id-signedData (1.2.840.113549.1.7.2).
const SIGNED_DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// id-ct-TSTInfo (1.2.840.113549.1.9.16.1.4).
const TST_INFO: [u8; 11] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];

/// What stands before the hash: TimeStampReq, version 1, MessageImprint with SHA-256.
const BEFORE: [u8; 24] = [
    0x30, 0x43, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
];

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The authority's time.
    pub at: Moment,
    /// The SHA-256 that it stamped.
    pub imprint: [u8; 32],
    /// The number that the request gave, without leading zeros; empty for none.
    pub nonce: Vec<u8>,
}

/// A nonce of 63 random bits whose first byte is not zero, so that DER spells it in eight bytes.
pub(super) fn nonce(mut random: [u8; 8]) -> [u8; 8] {
    random[0] = random[0] & 0x7f | 0x40;
    random
}

/// A request to stamp these bytes, with the certificate in the answer.
pub(super) fn request(bytes: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    let mut der = BEFORE.to_vec();
    der.extend(Sha256::digest(bytes));
    der.extend([0x02, 0x08]);
    der.extend(nonce);
    der.extend([0x01, 0x01, 0xff]);
    der
}

/// Reads an answer (TimeStampResp).
///
/// # Errors
/// `timestamp-refused` when the authority says no; `timestamp-unreadable` when it is none.
pub fn read_stamp(answer: &[u8]) -> Result<Stamp> {
    let unreadable = || {
        Error::damaged("timestamp-unreadable", "this is no time-stamp of RFC 3161 over SHA-256")
            .next("ask another authority with --tsa URL")
    };
    let whole = AnyRef::from_der(answer).map_err(|_| unreadable())?;
    let parts = items(whole, Tag::Sequence).ok_or_else(unreadable)?;
    let status = parts.first().and_then(|s| items(*s, Tag::Sequence)).ok_or_else(unreadable)?;
    match status.first().map(|code| code.value()) {
        Some([0 | 1]) => {}
        Some(_) => {
            return Err(Error::no("timestamp-refused", "the authority granted no time-stamp")
                .next("see what it offers: it may want another hash or a policy"));
        }
        None => return Err(unreadable()),
    }
    parts.get(1).and_then(|token| read_token(*token)).ok_or_else(unreadable)
}

/// TimeStampToken ⊃ SignedData ⊃ TSTInfo.
fn read_token(token: AnyRef<'_>) -> Option<Stamp> {
    let content = items(token, Tag::Sequence)?;
    if content.first()?.value() != SIGNED_DATA {
        return None;
    }
    let signed = AnyRef::from_der(content.get(1)?.value()).ok()?;
    let encapsulated = items(*items(signed, Tag::Sequence)?.get(2)?, Tag::Sequence)?;
    if encapsulated.first()?.value() != TST_INFO {
        return None;
    }
    let octets = AnyRef::from_der(encapsulated.get(1)?.value()).ok()?;
    if octets.tag() != Tag::OctetString {
        return None;
    }
    let info = items(AnyRef::from_der(octets.value()).ok()?, Tag::Sequence)?;
    let imprint = items(*info.get(2)?, Tag::Sequence)?;
    if items(*imprint.first()?, Tag::Sequence)?.first()?.value() != SHA256 {
        return None;
    }
    let time = info.get(4).filter(|time| time.tag() == Tag::GeneralizedTime)?;
    let nonce = info[5..].iter().find(|part| part.tag() == Tag::Integer);
    let nonce = nonce.map(|nonce| nonce.value().to_vec()).unwrap_or_default();
    Some(Stamp {
        at: moment(std::str::from_utf8(time.value()).ok()?)?,
        imprint: imprint.get(1)?.value().try_into().ok()?,
        nonce: nonce.iter().copied().skip_while(|byte| *byte == 0).collect(),
    })
}

/// `20261123180644Z`, perhaps with a fraction.
fn moment(text: &str) -> Option<Moment> {
    let (whole, fraction) = match text.strip_suffix('Z')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text.strip_suffix('Z')?, "0"),
    };
    let time = chrono::NaiveDateTime::parse_from_str(whole, "%Y%m%d%H%M%S").ok()?;
    let digits: String = fraction.chars().chain("00".chars()).take(3).collect();
    Some(Moment(time.and_utc().timestamp_millis() + digits.parse::<i64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_der_and_says_what_it_must() {
        let der = request(b"note", nonce([0; 8]));
        assert_eq!(der.len(), 69);
        let parts = items(AnyRef::from_der(&der).unwrap(), Tag::Sequence).unwrap();
        assert_eq!(parts.len(), 4);
        let imprint = items(parts[1], Tag::Sequence).unwrap();
        assert_eq!(imprint[1].value(), Sha256::digest(b"note").as_slice());
        assert_eq!(parts[2].value(), [0x40, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn fractions_of_a_second_are_read() {
        assert_eq!(moment("20261123180644Z").unwrap().to_string(), "2026-11-23T18:06:44Z");
        assert_eq!(moment("20261123180644.5Z").unwrap().to_string(), "2026-11-23T18:06:44.500Z");
        assert_eq!(moment("20261123180644.1239Z").unwrap().0 % 1000, 123);
        assert!(moment("20261123180644").is_none() && moment("20261323180644Z").is_none());
    }

    #[test]
    fn nothing_that_is_cut_or_flipped_panics() {
        assert!(read_stamp(b"").is_err());
        let refused = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02];
        assert_eq!(read_stamp(&refused).unwrap_err().code, "timestamp-refused");
        let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors/tlog/");
        let Ok(answer) = std::fs::read(format!("{shared}tsa-checkpoint-1000.tsr")) else {
            eprintln!("SKIPPED: no {shared}");
            return;
        };
        let note = std::fs::read(format!("{shared}tsa-checkpoint-1000.note")).unwrap();
        let stamp = read_stamp(&answer).unwrap();
        assert_eq!(stamp.imprint, <[u8; 32]>::from(Sha256::digest(&note)));
        assert_eq!(stamp.at.to_string(), "2026-11-23T18:06:44Z");
        assert_eq!(stamp.nonce, [0xfc, 0xad, 0x36, 0x35, 0x56, 0x15, 0x26, 0x79]);
        for at in 0..answer.len() {
            assert!(read_stamp(&answer[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut changed = answer.clone();
                changed[at] ^= 1 << bit;
                let _ = read_stamp(&changed);
            }
        }
    }
}
