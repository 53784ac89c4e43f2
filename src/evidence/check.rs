//! Checks an artefact offline: no store, no network, nothing but the file and the keys that its reader
//! was given by another way.
//!
//! The reader of a file may be anybody, and the file may come from anybody. So what is believed is an
//! argument (`Trust`), what can't be read counts as not proven, and the answer says in words what the
//! artefact shows and what it can't.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::error::{Error, Kind, Result, io};
use crate::base::path::with_ending;
use crate::ledger::carrier::{BESIDE, detach};
use crate::ledger::checkpoint::{SignedCheckpoint, Trust};
use crate::ledger::evidence::Evidence;
use crate::ledger::growth::Growth;
use crate::ledger::note::{Note, UnknownKeys};

use super::folder::check_folder;
use super::said;

/// The file of a folder that lists the others with their hashes, as `sha256sum` does.
pub const MANIFEST: &str = "SHA256SUMS";

/// The file of a folder that holds its checkpoint once more.
pub const CHECKPOINT: &str = "checkpoint.txt";

/// Errors that say nothing about the artefact.
const UNREADABLE: [&str; 3] = ["file-not-found", "file-forbidden", "file-unreadable"];

/// The longest file that is read whole, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 28;

/// What an artefact was found to be, and to prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The form of this document.
    pub schema: &'static str,
    /// What it is, such as `consent receipt`.
    pub artefact: String,
    /// Whether everything that it shows holds.
    pub holds: bool,
    /// The ledger that was believed.
    pub origin: String,
    /// The number of entries under its checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The root of their tree, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Named witnesses whose signatures hold, with the time that each stated.
    pub witnessed: Vec<(String, String)>,
    /// What is proven, in sentences.
    pub proven: Vec<String>,
    /// What is not, in sentences.
    pub not_proven: Vec<String>,
    /// Why it doesn't hold: a code for programs, a sentence and a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<(&'static str, String, String)>,
}

impl Checked {
    pub(super) fn new(artefact: impl Into<String>, signed: &SignedCheckpoint) -> Checked {
        let checkpoint = &signed.checkpoint;
        let witnessed = signed.witnessed.iter();
        Checked {
            schema: "candor.checked/1",
            artefact: artefact.into(),
            holds: true,
            origin: checkpoint.origin.clone(),
            size: Some(checkpoint.size),
            root: Some(checkpoint.root.to_string()),
            witnessed: witnessed.map(|(name, at)| (name.clone(), at.to_string())).collect(),
            proven: Vec::new(),
            not_proven: Vec::new(),
            broken: None,
        }
    }

    fn broken(trust: &Trust, error: Error) -> Checked {
        Checked {
            schema: "candor.checked/1",
            artefact: "not what it should be".to_owned(),
            holds: false,
            origin: trust.origin.clone(),
            size: None,
            root: None,
            witnessed: Vec::new(),
            proven: Vec::new(),
            not_proven: vec!["anything: believe nothing of what it says".to_owned()],
            broken: Some((error.code, error.what, error.place)),
        }
    }
}

/// Checks a file or a folder that candor handed out. `kept` is an earlier checkpoint that the reader
/// holds, which a proof of growth for witnesses needs.
///
/// # Errors
/// I/O errors, and `bundle-elsewhere` for a bundle, which has its own verifier. What doesn't hold is no
/// error: it stands in the answer.
pub fn check(path: &Path, trust: &Trust, kept: Option<&[u8]>) -> Result<Checked> {
    let outcome = if path.is_dir() {
        check_folder(path, trust, None)
    } else {
        read(path).and_then(|bytes| check_file(path, &bytes, trust, kept))
    };
    match outcome {
        Ok(checked) => Ok(said::with_witnesses(checked, trust)),
        Err(error) if error.kind == Kind::Usage || UNREADABLE.contains(&error.code) => Err(error),
        Err(error) => Ok(Checked::broken(trust, error)),
    }
}

/// The signed note that an artefact carries, whether or not it holds; for whoever kept the artefact and
/// wants to know whether the store still continues it.
///
/// # Errors
/// `proof-missing` when it carries none; I/O errors.
pub fn checkpoint_in(path: &Path) -> Result<Vec<u8>> {
    let bytes = read(path)?;
    if let Ok(evidence) = Evidence::parse(&bytes).or_else(|_| Evidence::parse_proof_text(&bytes)) {
        return Ok(evidence.checkpoint.into_bytes());
    }
    match detach(&bytes) {
        Ok(Some(carried)) => Ok(carried.evidence.checkpoint.into_bytes()),
        _ => Ok(as_signed(&bytes)),
    }
}

/// A note that came by mail or from a QR reader, which end lines in their own way and add some: with the line
/// ends that were signed. Whether it is one, its signature decides.
fn as_signed(bytes: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.ends_with('\n') && Note::parse(bytes).is_err() => {
            format!("{}\n", text.replace("\r\n", "\n").trim_end_matches('\n')).into_bytes()
        }
        _ => bytes.to_vec(),
    }
}

fn check_file(path: &Path, bytes: &[u8], trust: &Trust, kept: Option<&[u8]>) -> Result<Checked> {
    if let Ok(evidence) = Evidence::parse(bytes) {
        return match document_of(path) {
            Some(document) if evidence.document_salt.is_some() => {
                check_file(&document, &read(&document)?, trust, None)
            }
            _ => Ok(said::of_entries(&evidence.verify(trust, None)?)),
        };
    }
    if bytes.starts_with(b"c2sp.org/tlog-proof@v1\n") {
        let evidence = Evidence::parse_proof_text(bytes)?;
        return Ok(said::of_entries(&evidence.verify(trust, None)?));
    }
    if bytes.starts_with(b"old ") {
        let from = kept.ok_or_else(|| {
            Error::usage(
                "checkpoint-needed",
                "this proof of growth starts at a checkpoint of yours",
            )
            .at(path.display())
            .next("name it with --checkpoint FILE")
        })?;
        let from = String::from_utf8_lossy(from);
        let (from, to) = Growth::parse_witness_text(bytes, &from)?.verify(trust)?;
        return Ok(said::of_growth(&from, &to));
    }
    if let Ok(growth) = Growth::parse(bytes) {
        let (from, to) = growth.verify(trust)?;
        return Ok(said::of_growth(&from, &to));
    }
    if let Some(carried) = detach(bytes)? {
        let proven = carried.evidence.verify(trust, Some(carried.content))?;
        return said::of_document(&proven, bytes);
    }
    if let Some(evidence) = beside(path)? {
        let proven = Evidence::parse(&evidence)?.verify(trust, Some(bytes))?;
        return said::of_document(&proven, bytes);
    }
    match path.parent().filter(|folder| folder.join(MANIFEST).is_file()) {
        Some(folder) if path.file_name() != Some(CHECKPOINT.as_ref()) => {
            check_folder(folder, trust, path.file_name().and_then(|name| name.to_str()))
        }
        _ => match trust.read(&as_signed(bytes), UnknownKeys::Ignore) {
            Ok(signed) => Ok(said::of_checkpoint(&signed)),
            Err(error) if error.code == "note-unreadable" => Err(missing(path)),
            Err(error) => Err(error),
        },
    }
}

/// The evidence that lies beside a document that can't carry it.
pub(super) fn beside(path: &Path) -> Result<Option<Vec<u8>>> {
    let path = with_ending(path, BESIDE);
    if path.is_file() { Ok(Some(read(&path)?)) } else { Ok(None) }
}

/// The document that a file of evidence lies beside.
fn document_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_suffix(BESIDE)?;
    let document = path.with_file_name(name);
    document.is_file().then_some(document)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(io(path))?;
    let mut bytes = Vec::new();
    // Not what its length says: a device has none, and a pipe doesn't know it.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(io(path))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::usage("file-too-long", "the file is longer than 256 MiB")
            .at(path.display())
            .next("name what candor handed out; none of it is that long"));
    }
    Ok(bytes)
}

pub(super) fn missing(path: &Path) -> Error {
    Error::no("proof-missing", "it carries no proof, or no longer does")
        .at(path.display())
        .next(
            "take it for unproven, and ask whoever handed it out for it again; of a mail, save what it quotes \
             as the checkpoint, by itself",
        )
}
