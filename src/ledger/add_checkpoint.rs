//! What a log sends to a witness, and what it gets back (c2sp.org/tlog-witness, `add-checkpoint`).
//!
//! The request says which size the witness signed last, proves that the new checkpoint continues it,
//! and holds that checkpoint. The answer is one or more signature lines over the checkpoint's text.

use super::checkpoint::Checkpoint;
use super::hash::Hash;
use super::note::{Note, Signer, UnknownKeys};
use super::vkey::VerifierKey;
use crate::base::error::{Error, Result};

/// The most hashes that a proof may have.
pub const PROOF_MAX: usize = 63;

/// The longest request in bytes that a witness reads: a full proof, and a note with 16 signatures of
/// 5 kB, which C2SP asks every reader to take.
pub const REQUEST_BYTES_MAX: usize = 128 * 1024;

/// A request, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness signed last; 0 when it never did.
    pub old: u64,
    /// The consistency proof from there; empty from 0.
    pub proof: Vec<Hash>,
    /// The new checkpoint.
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// The body of the request.
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            text.push_str(&format!("{hash}\n"));
        }
        text.push('\n');
        text.push_str(&self.checkpoint.to_text());
        text
    }

    /// Reads a body; fails unless the bytes are exactly what `to_text` writes.
    pub fn parse(bytes: &[u8]) -> Result<AddCheckpoint> {
        let unreadable = || {
            Error::damaged("request-unreadable", "this is no add-checkpoint request")
                .next("send the body that c2sp.org/tlog-witness describes")
        };
        let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
        let (above, note) = text.split_once("\n\n").ok_or_else(unreadable)?;
        let mut lines = above.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(|digits| digits.parse().ok()).ok_or_else(unreadable)?;
        let proof = lines
            .map(|line| Hash::from_base64(line).ok_or_else(unreadable))
            .collect::<Result<Vec<_>>>()?;
        let checkpoint = Note::parse(note.as_bytes())?;
        stated(&checkpoint.text)?;
        let request = AddCheckpoint { old, proof, checkpoint };
        let fits = request.proof.len() <= PROOF_MAX && request.to_text().as_bytes() == bytes;
        if fits { Ok(request) } else { Err(unreadable()) }
    }
}

/// What a checkpoint states in its first three lines. Other logs may add lines, which a witness signs
/// and need not understand.
///
/// # Errors
/// `checkpoint-unreadable`.
pub fn stated(text: &str) -> Result<Checkpoint> {
    let end = text.match_indices('\n').nth(2).map_or(text.len(), |(at, _)| at + 1);
    let (head, more) = text.split_at(end);
    if more.starts_with('\n') || more.contains("\n\n") {
        return Err(Error::damaged("checkpoint-unreadable", "an extension line is empty")
            .next("send the checkpoint as it was signed"));
    }
    Checkpoint::parse(head)
}

/// Reads a witness's answer: the signature by `key` over the checkpoint's text, as a note line with
/// its line break, and what it says. Lines by other keys are passed over.
///
/// # Errors
/// `cosignature-missing` when there is none that holds.
pub fn cosignature(text: &str, answer: &str, key: &VerifierKey) -> Result<(String, Signer)> {
    let missing = || {
        Error::no("cosignature-missing", "the witness answered without a signature that holds")
            .at(key.name())
            .next("check the witness's public key with its operator")
    };
    let note = Note::parse(format!("{text}\n{answer}").as_bytes()).map_err(|_| missing())?;
    let signer = note
        .open(std::slice::from_ref(key), UnknownKeys::Ignore)
        .ok()
        .and_then(|mut signers| signers.pop())
        .filter(|signer| signer.at.is_some_and(|at| at.0 > 0))
        .ok_or_else(missing)?;
    let line = note.signatures.iter().find(|line| line.is_by(key)).ok_or_else(missing)?;
    Ok((line.to_line(), signer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::key::SigningKey;
    use crate::ledger::vkey::KeyKind;
    use proptest::prelude::*;

    /// The example of the standard, byte for byte.
    const EXAMPLE: &str = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";

    #[test]
    fn the_example_of_the_standard_is_read_and_written() {
        let request = AddCheckpoint::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!((request.old, request.proof.len()), (20_852_014, 4));
        assert_eq!(request.to_text(), EXAMPLE);
        for wrong in ["old 020852014", "old -1", "OLD 1", "old 1 ", ""] {
            let text = EXAMPLE.replacen("old 20852014", wrong, 1);
            assert!(AddCheckpoint::parse(text.as_bytes()).is_err(), "{wrong}");
        }
        let long = EXAMPLE.replacen(
            "old 20852014\n",
            &format!("old 1\n{}", "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n".repeat(60)),
            1,
        );
        assert!(AddCheckpoint::parse(long.as_bytes()).is_err(), "64 hashes");
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(at in 0..EXAMPLE.len(), byte: u8) {
            let mut bytes = EXAMPLE.as_bytes().to_vec();
            bytes[at] = byte;
            if let Ok(request) = AddCheckpoint::parse(&bytes) {
                prop_assert_eq!(request.to_text().into_bytes(), bytes);
            }
        }
    }

    #[test]
    fn a_cosignature_by_another_key_or_over_another_text_is_none() {
        let witness = SigningKey::from_seed(&[3; 32]);
        let key = witness.verifier_key("w.example", KeyKind::Witness).unwrap();
        let text = "log.example/a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let line = witness.cosign("w.example", text, 1_795_000_000).unwrap().to_line();
        let (kept, signer) = cosignature(text, &line, &key).unwrap();
        assert_eq!((kept.as_str(), signer.at.unwrap().0), (line.as_str(), 1_795_000_000_000));
        assert!(cosignature(&text.replace("\n1\n", "\n2\n"), &line, &key).is_err());
        let other = SigningKey::from_seed(&[4; 32]);
        let foreign = other.cosign("w.example", text, 1_795_000_000).unwrap().to_line();
        assert!(cosignature(text, &foreign, &key).is_err());
        assert_eq!(cosignature(text, &format!("{foreign}{line}"), &key).unwrap().0, line);
        let untimed = witness.cosign("w.example", text, 0).unwrap().to_line();
        assert!(cosignature(text, &untimed, &key).is_err(), "the time must not be zero");
        assert!(cosignature(text, "", &key).is_err());
    }
}
