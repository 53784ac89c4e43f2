//! How a document carries its evidence: in the same file, after the content.
//!
//! A proof in a second file gets lost. So the evidence stands at the end of the document, in a place
//! that readers of its format pass over: the last member of a JSON object, a comment after a page, a
//! block under a text. What the ledger commits to, the content, is every byte before it: nothing has
//! to be parsed or written anew to check it, and `sed` and `openssl` suffice. A format without such a
//! place (CSV) gets its evidence as a second file.

use super::base64;
use super::evidence::Evidence;
use crate::base::error::{Error, Result};

/// What begins the evidence's line in a JSON document.
const JSON_MARK: &str = "  \"proof\": ";
/// What ends a JSON document.
const JSON_END: &str = "\n}\n";
const PAGE_MARK: &str = "<!-- candor proof\n";
const PAGE_END: &str = "-->\n";
const TEXT_MARK: &str = "-----BEGIN CANDOR PROOF-----\n";
const TEXT_END: &str = "-----END CANDOR PROOF-----\n";

/// Characters of base64 on a line.
const LINE: usize = 76;

/// What ends the name of the file that holds the evidence of a document that can't carry it.
pub const BESIDE: &str = ".proof.json";

/// A format that can carry evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// An indented JSON object.
    Json,
    /// A page of HTML.
    Page,
    /// Plain text.
    Text,
}

/// A document taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried<'a> {
    /// Its format.
    pub carrier: Carrier,
    /// What the ledger commits to.
    pub content: &'a [u8],
    /// What proves it.
    pub evidence: Evidence,
}

impl Carrier {
    /// The content of a document, as it will stand before the evidence: of a JSON object everything
    /// but its last brace, with a comma; of a page or a text all of it, ending with a newline.
    ///
    /// # Panics
    /// If a JSON document is no indented object with at least one member.
    pub fn content(self, document: &str) -> String {
        match self {
            Carrier::Json => {
                let members = document.trim_end().strip_suffix("\n}");
                format!("{},\n", members.expect("the document is an indented object"))
            }
            Carrier::Page | Carrier::Text if document.ends_with('\n') => document.to_owned(),
            Carrier::Page | Carrier::Text => format!("{document}\n"),
        }
    }

    /// The whole document: the content, and the evidence after it.
    pub fn attach(self, content: &str, evidence: &Evidence) -> String {
        format!("{content}{}", self.tail(evidence))
    }

    fn tail(self, evidence: &Evidence) -> String {
        let line = evidence.to_line();
        match self {
            Carrier::Json => format!("{JSON_MARK}{line}{JSON_END}"),
            Carrier::Page => format!("{PAGE_MARK}{}{PAGE_END}", wrapped(&line)),
            Carrier::Text => format!("{TEXT_MARK}{}{TEXT_END}", wrapped(&line)),
        }
    }
}

/// Takes a document apart; `None` when it carries no evidence.
///
/// # Errors
/// `proof-unreadable` when what stands where the evidence belongs is none, or not in its one spelling.
pub fn detach(document: &[u8]) -> Result<Option<Carried<'_>>> {
    let carriers = [
        (Carrier::Json, JSON_MARK, JSON_END),
        (Carrier::Page, PAGE_MARK, PAGE_END),
        (Carrier::Text, TEXT_MARK, TEXT_END),
    ];
    for (carrier, mark, end) in carriers {
        if !document.ends_with(end.as_bytes()) {
            continue;
        }
        let Some(start) = last_line(document, mark.as_bytes()) else { continue };
        let (content, tail) = document.split_at(start);
        let Some(inner) = tail.get(mark.len()..tail.len() - end.len()) else { continue };
        let evidence = match carrier {
            Carrier::Json => Evidence::parse(inner)?,
            Carrier::Page | Carrier::Text => {
                let joined: String =
                    String::from_utf8_lossy(inner).chars().filter(|c| *c != '\n').collect();
                Evidence::parse(&base64::decode(&joined).ok_or_else(unreadable)?)?
            }
        };
        if carrier.tail(&evidence).as_bytes() != tail {
            return Err(unreadable());
        }
        return Ok(Some(Carried { carrier, content, evidence }));
    }
    Ok(None)
}

/// Where the last line that begins with `mark` begins.
fn last_line(document: &[u8], mark: &[u8]) -> Option<usize> {
    memchr::memmem::rfind_iter(document, mark).find(|at| *at == 0 || document[at - 1] == b'\n')
}

fn wrapped(line: &str) -> String {
    let encoded = base64::encode(line.as_bytes());
    let lines = encoded.as_bytes().chunks(LINE);
    lines.map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

fn unreadable() -> Error {
    Error::no("proof-unreadable", "the proof at the end of the document was changed")
        .next("ask for the file anew, exactly as candor wrote it")
}
