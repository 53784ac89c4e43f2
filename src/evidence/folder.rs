//! Checks the folder of an answer: its list of files is what was handed out, and the files are those of
//! the list, all of them and no others.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result, io};
use crate::ledger::carrier::BESIDE;
use crate::ledger::checkpoint::Trust;
use crate::ledger::evidence::Evidence;
use crate::store::hex;

use super::check::{CHECKPOINT, Checked, MANIFEST, beside, missing, read};
use super::said;

/// Checks a folder of files that were handed out together; only one of them when it is named.
pub(super) fn check_folder(folder: &Path, trust: &Trust, only: Option<&str>) -> Result<Checked> {
    if folder.join("tile").is_dir() {
        return Err(Error::usage("bundle-elsewhere", "a bundle is checked by its own verifier")
            .at(folder.display())
            .next("run `python3 verify_bundle.py FOLDER --key VKEY`; HOWTO.txt says more"));
    }
    let manifest = folder.join(MANIFEST);
    if !manifest.is_file() {
        return Err(missing(folder));
    }
    let bytes = read(&manifest)?;
    let evidence = beside(&manifest)?.ok_or_else(|| missing(&manifest))?;
    let evidence = Evidence::parse(&evidence)?;
    let proven = evidence.verify(trust, Some(&bytes))?;
    let mut checked = said::of_document(&proven, &bytes)?;
    let listed = parse_manifest(&bytes)?;
    let wanted: Vec<&(String, String)> =
        listed.iter().filter(|(_, name)| only.is_none_or(|only| only == name)).collect();
    if wanted.is_empty() {
        return Err(Error::no("file-unlisted", "the file is not one that was handed out")
            .at(folder.join(only.unwrap_or_default()).display())
            .next("take it for unproven, and ask whoever handed it out for it again"));
    }
    for (hash, name) in &wanted {
        let path = folder.join(name);
        let found = if path.is_file() { Some(read(&path)?) } else { None };
        if found.map(|bytes| hex(&Sha256::digest(bytes))).as_ref() != Some(hash) {
            let what = "the file is missing, or not the one that was handed out";
            return Err(Error::no("file-changed", what)
                .at(path.display())
                .next("take it for unproven, and ask whoever handed it out for it again"));
        }
    }
    if only.is_none() {
        nothing_else(folder, &listed, &evidence)?;
    }
    let names: Vec<&str> = wanted.iter().map(|(_, name)| name.as_str()).collect();
    checked.proven.push(format!("these files are the ones that it lists: {}", names.join(", ")));
    Ok(checked)
}

/// A file that was put beside those that were handed out would pass for one of them.
fn nothing_else(folder: &Path, listed: &[(String, String)], evidence: &Evidence) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = name == MANIFEST
            || name == format!("{MANIFEST}{BESIDE}")
            || listed.iter().any(|(_, listed)| *listed == name)
            || (name == CHECKPOINT && read(&path)? == evidence.checkpoint.as_bytes());
        if !known {
            return Err(Error::no("file-unlisted", "the folder holds what was not handed out")
                .at(path.display())
                .next("take it for unproven, and ask whoever handed it out for it again"));
        }
    }
    Ok(())
}

/// Lines of `sha256sum`: 64 hexadecimal digits, two spaces, a plain name.
fn parse_manifest(bytes: &[u8]) -> Result<Vec<(String, String)>> {
    let unreadable = || {
        Error::no("manifest-unreadable", "the list of files can't be read")
            .next("take it for unproven, and ask whoever handed it out for it again")
    };
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
    let lines = text.lines().map(|line| {
        let (hash, name) = line.split_once("  ")?;
        let plain = hash.len() == 64 && !name.is_empty() && !name.contains(['/', '\\']);
        plain.then(|| (hash.to_owned(), name.to_owned()))
    });
    lines.collect::<Option<Vec<_>>>().filter(|lines| !lines.is_empty()).ok_or_else(unreadable)
}
