//! Signed notes (c2sp.org/signed-note): a text with signature lines under it.
//!
//! The format says that signatures by unknown keys are ignored, which lets witnesses and new keys
//! come and go. For notes that candor stored itself that is too lax: a flipped bit in a witness's
//! name would only lose a signature. So the reader of a note says which of the two it wants.

use super::base64;
use super::vkey::{KeyKind, VerifierKey, is_key_name};
use crate::base::clock::Moment;
use crate::base::error::{Error, Result};

/// The most signatures that a note may carry; C2SP asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// The longest note in bytes: 64 post-quantum signatures of 5 kB and a text.
pub const NOTE_BYTES_MAX: usize = 512 * 1024;

/// What each signature line begins with: an em dash and a space.
const MARK: &str = "\u{2014} ";

/// One signature line, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    /// The name of the key.
    pub name: String,
    /// The key's id.
    pub id: [u8; 4],
    /// What follows the id; its form depends on the key's kind.
    pub signature: Vec<u8>,
}

/// A note taken apart, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text that is signed, with its last newline.
    pub text: String,
    /// The signature lines, in order.
    pub signatures: Vec<SignatureLine>,
}

/// What to do about signatures by keys that the reader doesn't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownKeys {
    /// Refuse the note: for those that candor stored itself.
    Refuse,
    /// Pass over the line, as C2SP says: for notes from elsewhere.
    Ignore,
}

/// A signature that was checked and holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key that signed.
    pub key: VerifierKey,
    /// When, for a witness's cosignature.
    pub at: Option<Moment>,
}

impl Note {
    /// Reads a note; fails unless the bytes are exactly what `to_text` writes.
    pub fn parse(bytes: &[u8]) -> Result<Note> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(unreadable("the note is longer than 512 KiB"));
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))?;
        if whole.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(unreadable("it holds a control character"));
        }
        let Some((above, below)) = whole.rsplit_once("\n\n") else {
            return Err(unreadable("no empty line stands before the signatures"));
        };
        let lines = below.strip_suffix('\n').ok_or_else(|| unreadable("its last line is cut"))?;
        let signatures = lines
            .split('\n')
            .map(|line| parse_line(line).ok_or_else(|| unreadable("a signature line is malformed")))
            .collect::<Result<Vec<_>>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(unreadable("it has more than 64 signatures"));
        }
        Ok(Note { text: format!("{above}\n"), signatures })
    }

    /// The note as it is stored and handed out.
    pub fn to_text(&self) -> String {
        let mut whole = format!("{}\n", self.text);
        whole.extend(self.signatures.iter().map(SignatureLine::to_line));
        whole
    }

    /// Checks every signature by one of `keys`, and gives those. Fails when one doesn't hold, when
    /// a key signed twice, and when no known key signed.
    pub fn open(&self, keys: &[VerifierKey], unknown: UnknownKeys) -> Result<Vec<Signer>> {
        let mut signers: Vec<Signer> = Vec::new();
        for line in &self.signatures {
            let Some(key) = keys.iter().find(|key| line.is_by(key)) else {
                match unknown {
                    UnknownKeys::Ignore => continue,
                    UnknownKeys::Refuse => {
                        return Err(Error::no(
                            "signature-unknown",
                            "a signature is by no known key",
                        )
                        .next("name the key that signed it, as it was handed to you"));
                    }
                }
            };
            if signers.iter().any(|signer| signer.key == *key) {
                return Err(Error::no("signature-twice", "one key signed twice")
                    .at(key.name())
                    .next("take it for unproven, and ask whoever handed it out for it again"));
            }
            let signer = line.check(key, &self.text).ok_or_else(|| {
                Error::no("signature-wrong", "a signature does not hold")
                    .at(key.name())
                    .next("take it for unproven, and ask whoever handed it out for it again")
            })?;
            signers.push(signer);
        }
        if signers.is_empty() {
            return Err(Error::no("signature-missing", "no known key signed this")
                .next("name the key that signed it, as it was handed to you"));
        }
        Ok(signers)
    }
}

impl SignatureLine {
    /// The line as it stands in a note, with its line break.
    pub fn to_line(&self) -> String {
        let mut bytes = self.id.to_vec();
        bytes.extend_from_slice(&self.signature);
        format!("{MARK}{} {}\n", self.name, base64::encode(&bytes))
    }

    /// Whether this line claims to be by `key`; name and id decide together.
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.id == key.id()
    }

    /// Checks the signature over `text`.
    fn check(&self, key: &VerifierKey, text: &str) -> Option<Signer> {
        let (holds, at) = match key.kind() {
            KeyKind::Log => {
                let signature = self.signature.as_slice().try_into().ok()?;
                (key.verifies(text.as_bytes(), signature), None)
            }
            KeyKind::Witness => {
                let (time, signature) = self.signature.split_first_chunk::<8>()?;
                let seconds = u64::from_be_bytes(*time);
                let message = cosignature_message(text, seconds);
                (key.verifies(message.as_bytes(), signature.try_into().ok()?), Some(seconds))
            }
        };
        let at = match at {
            Some(seconds) => Some(moment_of(seconds)?),
            None => None,
        };
        holds.then(|| Signer { key: key.clone(), at })
    }
}

/// What a witness signs (c2sp.org/tlog-cosignature, v1): its time in seconds since 1970, and the
/// text of the checkpoint.
pub fn cosignature_message(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

fn parse_line(line: &str) -> Option<SignatureLine> {
    let (name, encoded) = line.strip_prefix(MARK)?.split_once(' ')?;
    let bytes = base64::decode(encoded)?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    let holds_something = is_key_name(name) && !signature.is_empty();
    holds_something.then(|| SignatureLine {
        name: name.to_owned(),
        id: *id,
        signature: signature.to_vec(),
    })
}

fn moment_of(seconds: u64) -> Option<Moment> {
    let ms = i64::try_from(seconds).ok()?.checked_mul(1000)?;
    Some(Moment(ms)).filter(|at| *at <= Moment::FOREVER)
}

fn unreadable(why: &str) -> Error {
    Error::damaged("note-unreadable", format!("this is no signed note: {why}")).next(
        "check that it came whole: a signed note is text, and ends in lines that start with a dash",
    )
}
