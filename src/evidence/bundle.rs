//! A bundle: the whole ledger as files, with the payloads that are disclosed, for an auditor to check
//! offline.
//!
//! A bundle may leave things out, but not in secret. Its tree is always whole: where entries are left
//! out their hashes stand, and each entry says whether it commits to a payload. So whoever checks it
//! counts what is missing, and what is left out can't be passed off as not being there.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Serialize;
use serde_json::{Value, json};

use crate::anchor::sql::timestamps;
use crate::anchor::witness::cosigned;
use crate::base::error::{Error, Result, io};
use crate::base::path::with_ending;
use crate::ledger::scan;
use crate::ledger::tiles::TILE_WIDTH;
use crate::store;

use super::disclose::{Disclose, Payloads};
use super::howto::{VERIFIER, howto, verifier_sha256};
use super::issue::latest;
use super::sql;
use super::tiles::Tiles;

/// What goes into a bundle. The tree is whole in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The first entry that is given, with those that share its tile.
    pub from: u64,
    /// The first entry that is not given; `u64::MAX` for all.
    pub to: u64,
    /// Whose payloads.
    pub disclose: Disclose,
}

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bundled {
    /// The form of this document.
    pub schema: &'static str,
    /// The folder.
    pub folder: String,
    /// The number of entries under its checkpoint.
    pub size: u64,
    /// Entries that are given whole.
    pub entries: u64,
    /// Entries of which only the hash is given, and, where they name a key, the entry beside the tiles.
    pub entries_left_out: u64,
    /// Entries given that commit to a payload.
    pub commitments: u64,
    /// Payloads that are disclosed.
    pub payloads: u64,
    /// Payloads that are held here and not disclosed in this bundle.
    pub payloads_left_out: u64,
    /// Commitments whose payload is not held any more (erased), or doesn't open.
    pub payloads_gone: u64,
    /// Earlier checkpoints.
    pub checkpoints: u64,
    /// Time-stamps over checkpoints.
    pub timestamps: u64,
    /// SHA-256 of the verifier in the bundle.
    pub verifier_sha256: String,
    /// What the verifier must be told: `--partial` when something is left out.
    pub verify_with: String,
}

/// Writes a bundle into a folder that doesn't exist yet or is empty. It has its name only when it is
/// whole.
///
/// # Errors
/// `folder-not-empty`, `folder-is-file`, `folder-missing`; `range-empty`; `checkpoint-missing`; `ledger-incomplete`; I/O
/// errors, after which nothing is left.
pub fn bundle(conn: &Connection, selection: Selection, folder: &Path) -> Result<Bundled> {
    let mut work = Work::begin(folder)?;
    let _one_state = sql::snapshot(conn)?;
    let mut bundled = write(conn, selection, &mut work)?;
    work.finish(folder)?;
    bundled.folder = folder.display().to_string();
    Ok(bundled)
}

/// Whether a bundle can be asked for: before it is entered in the ledger that it was.
///
/// # Errors
/// As [`bundle`], for what can be told beforehand.
pub fn check_bundle(conn: &Connection, selection: Selection, folder: &Path) -> Result<()> {
    let (size, _) = latest(conn)?;
    range(selection, size)?;
    must_be_free(folder)
}

fn range(selection: Selection, size: u64) -> Result<(u64, u64)> {
    let (from, to) = (selection.from, selection.to.min(size));
    if from >= to {
        return Err(Error::usage("range-empty", "no entry lies in this range")
            .at(format!("entries {from} to {to} of {size}"))
            .next("`candor audit report timeline` lists the entries"));
    }
    Ok((from, to))
}

fn must_be_free(folder: &Path) -> Result<()> {
    if !folder.exists() {
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        return match parent.filter(|parent| !parent.is_dir()) {
            None => Ok(()),
            Some(missing) => Err(Error::usage(
                "folder-missing",
                "there is no such folder to put the bundle into",
            )
            .at(missing.display())
            .next("make it, or name another place")),
        };
    }
    if !folder.is_dir() {
        return Err(Error::usage("folder-is-file", "this is a file, not a folder")
            .at(folder.display())
            .next("name a folder that doesn't exist yet"));
    }
    if std::fs::read_dir(folder).map_err(io(folder))?.next().is_some() {
        return Err(Error::usage("folder-not-empty", "the folder holds files already")
            .at(folder.display())
            .next("name a folder that doesn't exist yet"));
    }
    Ok(())
}

fn write(conn: &Connection, selection: Selection, work: &mut Work) -> Result<Bundled> {
    let (size, note) = latest(conn)?;
    let (from, to) = range(selection, size)?;
    work.put("checkpoint", cosigned(conn, number(size))?.unwrap_or(note).as_bytes())?;
    let older = sql::checkpoints_below(conn, number(size))?;
    for size in &older {
        let note = cosigned(conn, *size)?.unwrap_or_default();
        work.put(&format!("checkpoints/{size:08}"), note.as_bytes())?;
    }
    let stamps = put_timestamps(conn, work)?;

    let (first_tile, end_tile) = (from / TILE_WIDTH, to.div_ceil(TILE_WIDTH));
    let given = |tile: u64| (first_tile..end_tile).contains(&tile);
    let (mut entries, mut read, mut commitments) = (0, 0, Vec::new());
    // What names a key is given in each case: without it one key would not lead to the others.
    let (naming, mut keys) = (store::signing_keys(conn)?, Vec::new());
    // And what erased a payload of the range later: else it would seem to be left out.
    let mut erasures = Vec::new();
    let mut put = |path: &str, bytes: &[u8]| work.put(path, bytes);
    let mut tiles = Tiles::new(&mut put);
    store::leaves(conn, 0, number(size), |n, leaf| {
        if u64::try_from(n) != Ok(read) {
            return Err(incomplete(read));
        }
        if given(read / TILE_WIDTH) {
            entries += 1;
            if let Some(commitment) = scan::fields(leaf)?.commitment {
                commitments.push((n, commitment.bytes()));
            }
        } else if naming.iter().any(|(entry, _)| *entry == n) {
            keys.extend_from_slice(leaf);
            keys.push(b'\n');
        } else if read > from && erases(leaf, from..to)? {
            erasures.extend_from_slice(leaf);
            erasures.push(b'\n');
        }
        read += 1;
        tiles.push(leaf, given)
    })?;
    tiles.finish()?;
    if read != size {
        return Err(incomplete(read));
    }

    let mut payloads = Payloads::new(conn, selection.disclose, from, to)?;
    payloads.read(conn, &commitments)?;
    work.put("payloads.jsonl", payloads.lines.as_bytes())?;
    let scope = match selection.disclose {
        Disclose::Everything => {
            "the sealed texts (payloads) of everybody's entries. IT HOLDS PERSONAL DATA."
        }
        Disclose::Subject(_) => {
            "the sealed texts (payloads) of one person's entries. IT HOLDS PERSONAL DATA."
        }
        Disclose::Pseudonymous => "payloads that name nobody, and no others.",
    };
    let left_out = size - entries;
    if left_out > 0 {
        work.put("keys.jsonl", &keys)?;
        work.put("erasures.jsonl", &erasures)?;
    }
    let whole = (first_tile * TILE_WIDTH)..size.min(end_tile * TILE_WIDTH);
    let all_payloads = (selection.disclose == Disclose::Everything).then_some(from..to);
    work.put("bundle.json", claim(size, &whole, all_payloads.as_ref()).as_bytes())?;
    let hashes = ranges((0..whole.start).chain(whole.end..size));
    let unsaid = ranges(payloads.left_out.iter().map(|n| n.unsigned_abs()));
    let scope = format!(
        "{size} entries, {left_out} of them as hashes only ({hashes}),\nand {scope} {} payloads are disclosed, \
         {} are left out\n(of entries: {unsaid}).{}",
        payloads.disclosed,
        payloads.left_out.len(),
        match &all_payloads {
            Some(all) => format!(
                " It says that it is complete from entry {} to entry {} (bundle.json).",
                all.start,
                all.end - 1
            ),
            None => String::new(),
        }
    );
    let is_whole = left_out == 0 && payloads.left_out.is_empty();
    let verify_with = if is_whole { "" } else { " --partial" };
    let first_width = (size - first_tile * TILE_WIDTH).min(TILE_WIDTH);
    let first = super::tiles::path_of(first_tile, first_width);
    work.put("HOWTO.txt", howto(&scope, verify_with, &first).as_bytes())?;
    work.put("verify_bundle.py", VERIFIER.as_bytes())?;
    Ok(Bundled {
        schema: "candor.bundle/1",
        folder: String::new(),
        size,
        entries,
        entries_left_out: left_out,
        commitments: commitments.len() as u64,
        payloads: payloads.disclosed,
        payloads_left_out: payloads.left_out.len() as u64,
        payloads_gone: commitments.len() as u64
            - payloads.disclosed
            - payloads.left_out.len() as u64,
        checkpoints: older.len() as u64,
        timestamps: stamps,
        verifier_sha256: verifier_sha256(),
        verify_with: verify_with.trim().to_owned(),
    })
}

/// Whether an entry is an erasure of a payload in a range.
fn erases(leaf: &[u8], range: Range<u64>) -> Result<bool> {
    let view = scan::fields(leaf)?;
    if view.kind != "erasure" {
        return Ok(false);
    }
    let body: Value = serde_json::from_slice(view.body.unwrap_or_default()).unwrap_or_default();
    let mut seqs = body["seqs"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    Ok(seqs.any(|n| range.contains(&n)))
}

/// What the bundle says of itself: for which entries nothing is left out, and for which payloads.
fn claim(size: u64, entries: &Range<u64>, payloads: Option<&Range<u64>>) -> String {
    let range = |range: &Range<u64>| json!({"from": range.start, "to": range.end});
    let mut claim = json!({"schema": "candor.bundle/1", "size": size, "entries": range(entries)});
    if let Some(payloads) = payloads {
        claim["payloads"] = range(payloads);
    }
    format!("{claim:#}\n")
}

/// No more ranges of numbers than this are named; the verifier's `--list` names all.
const RANGES_MAX: usize = 40;

/// Numbers in order, as ranges for people: `0-255, 300`.
fn ranges(numbers: impl Iterator<Item = u64>) -> String {
    let mut all: Vec<(u64, u64)> = Vec::new();
    for n in numbers {
        match all.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => all.push((n, n)),
        }
    }
    let word = |(first, last): &(u64, u64)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let mut words: Vec<String> = all.iter().take(RANGES_MAX).map(word).collect();
    if all.len() > RANGES_MAX {
        words.push(format!("and {} more ranges", all.len() - RANGES_MAX));
    }
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// Writes each time-stamp with the bytes that it is over: a checkpoint as the log alone signed it.
fn put_timestamps(conn: &Connection, work: &mut Work) -> Result<u64> {
    let stamps = timestamps(conn)?;
    for stamp in &stamps {
        let name = format!("timestamps/{:08}-{}", stamp.size, stamp.entry);
        let note = store::checkpoint(conn, stamp.size)?.unwrap_or_default();
        work.put(&format!("{name}.tsr"), &stamp.token)?;
        work.put(&format!("{name}.note"), &note)?;
    }
    Ok(stamps.len() as u64)
}

/// A bundle in the making, beside its folder. What isn't finished is removed.
struct Work {
    path: PathBuf,
    finished: bool,
}

impl Work {
    fn begin(folder: &Path) -> Result<Work> {
        must_be_free(folder)?;
        let path = with_ending(folder, ".part");
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::usage("folder-unfinished", "an unfinished bundle of that name lies there")
                    .at(path.display())
                    .next("remove it and try again")
            }
            _ => io(&path)(error),
        })?;
        Ok(Work { path, finished: false })
    }

    /// Writes a file that only its owner can read.
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        let parent = path.parent().expect("a file of a bundle lies in a folder");
        std::fs::create_dir_all(parent).map_err(io(parent))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(io(&path))?;
        file.write_all(bytes).map_err(io(&path))
    }

    fn finish(mut self, folder: &Path) -> Result<()> {
        std::fs::rename(&self.path, folder).map_err(io(folder))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

pub(super) fn number(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn incomplete(n: u64) -> Error {
    Error::damaged("ledger-incomplete", "a ledger entry is missing")
        .at(format!("entry {n}"))
        .next("run `candor audit verify`")
}
