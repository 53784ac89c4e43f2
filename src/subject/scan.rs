//! Looks at the raw files, byte by byte, for what must not be there any more.
//!
//! Because everything personal is sealed in the file, an erased value in the clear must not be found
//! anywhere, whoever else may share it; and because sealed bytes are as good as random, an erased row
//! as it lay in the file must not be found either: not on a free page, not in the write-ahead log.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result, io};
use crate::store::side_files;

/// Shorter texts occur in random bytes by chance, so looking for them says nothing (bytes).
const CLEAR_BYTES_MIN: usize = 6;
/// Of a stored row, this many bytes identify it (bytes).
const STORED_BYTES: usize = 24;
/// How much is read at once (bytes).
const WINDOW_BYTES: usize = 1 << 20;

/// Something to look for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// A value in the clear.
    Clear(Vec<u8>),
    /// A row as it is stored.
    Stored(Vec<u8>),
    /// A key, which is kept nowhere to be looked for later.
    Key(Vec<u8>),
}

impl Pattern {
    /// A value in the clear.
    pub fn clear(text: &[u8]) -> Pattern {
        Pattern::Clear(text.to_vec())
    }

    /// A row as it is stored.
    pub fn stored(body: &[u8]) -> Pattern {
        Pattern::Stored(body[..body.len().min(STORED_BYTES)].to_vec())
    }

    /// The piece of a row that says nothing of anybody once its key is gone; `None` for what does.
    pub fn piece(&self) -> Option<&[u8]> {
        match self {
            Pattern::Stored(bytes) => Some(bytes),
            Pattern::Clear(_) | Pattern::Key(_) => None,
        }
    }

    /// Whether it is a value in the clear.
    pub fn is_clear(&self) -> bool {
        matches!(self, Pattern::Clear(_))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Pattern::Clear(bytes) | Pattern::Stored(bytes) | Pattern::Key(bytes) => bytes,
        }
    }

    /// Too short, or nothing but zeros (what forgetting leaves): such bytes occur by chance.
    fn says_something(&self) -> bool {
        self.bytes().len() >= CLEAR_BYTES_MIN && self.bytes().iter().any(|byte| *byte != 0)
    }
}

/// Those of some patterns that any of many texts holds; `texts` shows each text to the look that it is
/// given.
pub fn held_by(
    patterns: Vec<&Pattern>,
    texts: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<()>,
) -> Result<Vec<&Pattern>> {
    let bytes: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.bytes()).collect();
    let machine = machine(&bytes)?;
    let mut held = BTreeSet::new();
    texts(&mut |text| {
        held.extend(machine.find_overlapping_iter(text).map(|hit| hit.pattern().as_usize()));
    })?;
    Ok(held.into_iter().map(|index| patterns[index]).collect())
}

/// Looks for many patterns at once.
fn machine(wanted: &[&[u8]]) -> Result<AhoCorasick> {
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA).filter(|_| wanted.len() < 2_000))
        .build(wanted)
        .map_err(|_| {
            Error::damaged("scan-failed", "too much to look for at once")
                .next("run `candor audit verify --deep`")
        })
}

/// What a look at the files found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanReport {
    /// The files that were read: the store and those that SQLite keeps beside it.
    pub files: Vec<String>,
    /// How many bytes were read.
    pub bytes: u64,
    /// How many different values and rows were looked for.
    pub looked_for: usize,
    /// How many were too short to look for: they occur in any file by chance.
    pub too_short: usize,
    /// Whether values in the clear were among them: not where another command finished the erasure than began
    /// it, which knows only the rows as they had been stored.
    pub in_clear: bool,
    /// How many values also stand in the policy, its notices or the ledger, which hold nothing personal:
    /// looked for only as they were stored.
    pub in_open_texts: usize,
    /// How often any of them was found.
    pub found: u64,
    /// Whether the file was rebuilt (VACUUM) before nothing was found.
    pub rebuilt: bool,
}

impl ScanReport {
    /// What was looked for and found, in words.
    pub fn sentence(&self) -> String {
        let mut text = format!(
            "{} bytes of {} were searched for {} erased values and rows: {} found",
            self.bytes,
            self.files.join(", "),
            self.looked_for,
            self.found
        );
        if self.too_short > 0 {
            text += &format!(
                "; {} values of fewer than {CLEAR_BYTES_MIN} bytes, which any file holds by chance, were \
                 looked for only as they were stored",
                self.too_short
            );
        }
        text += ".";
        if !self.in_clear {
            text += " The erasure was finished by another command than the one that began it, so the rows were \
                     looked for as they had been stored, and not the values in the clear, which were gone with \
                     the person.";
        }
        match self.in_open_texts {
            0 => {}
            1 => {
                text += " 1 erased value, such as a town, is also a word of texts that speak of no \
                         customer and stay (the policy, its notices, the ledger): only the person's own \
                         copy of it was looked for, in the form in which it was stored.";
            }
            several => {
                text += &format!(
                    " {several} erased values, such as a town, are also words of texts that speak of no \
                     customer and stay (the policy, its notices, the ledger): only the person's own \
                     copies of them were looked for, in the form in which they were stored."
                );
            }
        }
        text
    }
}

/// Looks for patterns in a store's files.
pub fn scan(store: &Path, patterns: &[Pattern]) -> Result<ScanReport> {
    let wanted: BTreeSet<&Pattern> = patterns.iter().collect();
    let all = wanted.len();
    let wanted: Vec<&[u8]> =
        wanted.into_iter().filter(|p| p.says_something()).map(Pattern::bytes).collect();
    let mut report = ScanReport {
        files: Vec::new(),
        bytes: 0,
        looked_for: wanted.len(),
        too_short: all - wanted.len(),
        in_clear: patterns.iter().any(Pattern::is_clear),
        in_open_texts: 0,
        found: 0,
        rebuilt: false,
    };
    let machine = machine(&wanted)?;
    let [wal, shm] = side_files(store);
    for path in [store.to_owned(), wal, shm] {
        if !path.exists() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        report.files.push(name);
        let (bytes, found) = scan_file(&path, &machine, &wanted)?;
        report.bytes += bytes;
        report.found += found;
    }
    Ok(report)
}

fn scan_file(path: &Path, machine: &AhoCorasick, wanted: &[&[u8]]) -> Result<(u64, u64)> {
    if wanted.is_empty() {
        return Ok((0, 0));
    }
    let overlap = wanted.iter().map(|bytes| bytes.len()).max().unwrap_or(1) - 1;
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let file = opened.file(path).map_err(io(path))?;
    let mut window = Vec::with_capacity(WINDOW_BYTES + overlap);
    let (mut total, mut found) = (0, 0);
    loop {
        let carried = window.len();
        window.resize(carried + WINDOW_BYTES, 0);
        let read = file.read_at(&mut window[carried..], total).map_err(io(path))?;
        window.truncate(carried + read);
        total += read as u64;
        // A match that lies whole in what was carried over has been counted before.
        found += machine.find_iter(&window).filter(|hit| hit.end() > carried).count() as u64;
        if read == 0 {
            return Ok((total, found));
        }
        let keep = window.len().saturating_sub(overlap);
        window.drain(..keep);
    }
}

/// The files of stores that this process has looked through. None is ever closed: closing a file takes away
/// every lock that the process has on it, those too that SQLite holds by a descriptor of its own (POSIX;
/// sqlite.org/howtocorrupt.html, 2.2), and other processes would write as if nobody had the store open.
static OPENED: Mutex<Opened> = Mutex::new(Opened(Vec::new()));

struct Opened(Vec<((u64, u64), File)>);

impl Opened {
    /// The file of a path, opened once.
    fn file(&mut self, path: &Path) -> std::io::Result<&File> {
        let identity = |about: &Metadata| (about.dev(), about.ino());
        let wanted = identity(&std::fs::metadata(path)?);
        if !self.0.iter().any(|(known, _)| *known == wanted) {
            let file = File::open(path)?;
            let opened = identity(&file.metadata()?);
            self.0.push((opened, file));
        }
        // Where another file has taken its place meanwhile, it is the one that was opened last.
        let at = self.0.iter().position(|(known, _)| *known == wanted);
        Ok(&self.0[at.unwrap_or(self.0.len() - 1)].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_across_windows_and_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut bytes = vec![b'.'; WINDOW_BYTES - 3];
        bytes.extend_from_slice(b"ann@example.com");
        bytes.extend_from_slice(&[b'.'; 100]);
        bytes.extend_from_slice(b"ann@example.com");
        std::fs::write(&path, &bytes).unwrap();
        let report =
            scan(&path, &[Pattern::clear(b"ann@example.com"), Pattern::clear(b"no")]).unwrap();
        assert_eq!((report.found, report.looked_for, report.too_short), (2, 1, 1));
        assert_eq!(report.bytes, bytes.len() as u64);
    }
}
