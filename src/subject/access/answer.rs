//! Answers a request in one step: opens it, collects, checks that nothing is missing, writes the files,
//! enters the export in the ledger and closes the request.
//!
//! Files and ledger can't change in one transaction. So the files are written under temporary names
//! first, the ledger commits to their hash, and only then they get their names.

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::sql::oldest_record;
use crate::evidence::check::{CHECKPOINT, MANIFEST};
use crate::evidence::{commit_to, evidence_of};
use crate::ledger::carrier::BESIDE;
use crate::policy::rulebook::Rulebook;
use crate::store::{Store, check_apart, in_force};
use crate::subject::request::{Opened, close, take_up, waiting};
use crate::subject::sql::{RequestKind, snapshot};

use super::collect::collect;
use super::complete::{self, TableCount};
use super::folder::{FileNote, Folder, put_after};
use super::portability::{LeftOut, Portable, portable};
use super::{AccessPackage, RequestNote, page};

/// Which answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Everything (Art 15).
    Everything,
    /// What the person provided, under consent or contract, for machines (Art 20).
    Portable,
}

/// How a request was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// The form of this document.
    pub schema: &'static str,
    /// The request.
    pub request: RequestNote,
    /// `access` or `portability`.
    pub kind: &'static str,
    /// The subject's id.
    pub subject: String,
    /// The ledger entry of the export.
    pub entry: i64,
    /// The ledger entry that closed the request.
    pub closed_entry: i64,
    /// The folder.
    pub folder: String,
    /// Its files.
    pub files: Vec<FileNote>,
    /// The rows about the person, counted twice.
    pub tables: Vec<TableCount>,
    /// What a portable answer leaves out, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<Vec<LeftOut>>,
}

/// Collects a package from one state of the store and checks that it is whole.
///
/// # Errors
/// Those of [`collect`], and `access-incomplete`.
pub fn whole_package(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    now: Moment,
) -> Result<AccessPackage> {
    let _one_state = snapshot(store.conn())?;
    gather(store, rules, subject, now)
}

fn gather(store: &Store, rules: &Rulebook, subject: i64, now: Moment) -> Result<AccessPackage> {
    let mut package = collect(store, rules, subject, now)?;
    package.completeness = Some(complete::check(store, subject, &package)?);
    Ok(package)
}

/// Takes up the request that waits, or opens one; answers it into a folder and closes it.
///
/// # Errors
/// Those of [`whole_package`], of [`Folder::claim`] and of [`Store::write`]; then nothing is left of
/// the answer.
pub fn answer(
    store: &mut Store,
    rules: &Rulebook,
    subject: i64,
    form: Form,
    out: &Path,
    now: Moment,
) -> Result<Answered> {
    check_apart(out, Some(store.path()))?;
    let mut folder = Folder::claim(out)?;
    let kind = match form {
        Form::Everything => RequestKind::Access,
        Form::Portable => RequestKind::Portability,
    };
    let mut left_out = None;
    let decide = |store: &Store, now: Moment| {
        let rules = in_force(store.conn(), store.words(), rules)?.into_owned();
        let package = gather(store, &rules, subject, now)?;
        Ok((rules, package, waiting(store, subject, kind)?))
    };
    let done = store.decide_and_write(now, decide, |writer, (rules, mut package, waiting)| {
        let tables = package.completeness.as_ref().map(|c| c.tables.clone()).unwrap_or_default();
        let (record, _, key) = oldest_record(writer.conn, subject)?;
        let opened = take_up(writer, &rules, record, kind, waiting)?;
        let note = note_of(&opened);
        package.request = Some(note.clone());
        let payload = match form {
            Form::Everything => {
                let sha256 = put_everything(&mut folder, &package)?;
                json!({"request": note.id, "kind": kind.word(), "sha256": sha256, "rows": tables})
            }
            Form::Portable => {
                let portable = portable(&rules, &package);
                let sha256 = put_portable(&mut folder, &portable)?;
                let given = portable.counts();
                left_out = Some(portable.left_out);
                json!({"request": note.id, "kind": kind.word(), "sha256": sha256, "given": given})
            }
        };
        let manifest = folder.manifest();
        folder.put(MANIFEST, manifest.as_bytes())?;
        let mut body = serde_json::Map::new();
        let salt = commit_to(writer, &mut body, manifest.as_bytes());
        let entry =
            writer.append_about("access.export", record, &key, &payload, Some(body.into()))?;
        let closed = close(writer, opened.id, json!({"export": entry}))?;
        Ok((note, entry, closed, salt, package.subject, tables))
    })?;
    let (request, entry, closed_entry, salt, subject, tables) = done;
    let mut files = folder.finish()?;
    files.extend(put_proof(store, out, entry, &salt).map_err(|error| {
        error.next("the answer is whole, only its proof is missing: answer again into a new folder")
    })?);
    Ok(Answered {
        schema: "candor.answered/1",
        request,
        kind: kind.word(),
        subject,
        entry,
        closed_entry,
        folder: out.display().to_string(),
        files,
        tables,
        left_out,
    })
}

/// Writes what ties the files to the ledger, after the ledger has it: the evidence and its checkpoint.
fn put_proof(store: &Store, out: &Path, entry: i64, salt: &[u8; 32]) -> Result<[FileNote; 2]> {
    let evidence = evidence_of(store.conn(), salt, entry, &[])?;
    let proof = format!("{MANIFEST}{BESIDE}");
    Ok([
        put_after(out, &proof, evidence.to_file().as_bytes())?,
        put_after(out, CHECKPOINT, evidence.checkpoint.as_bytes())?,
    ])
}

fn note_of(opened: &Opened) -> RequestNote {
    RequestNote {
        id: opened.id,
        received_at: opened.opened_at.to_string(),
        due_on: opened.due_on.clone(),
        due_because: opened.due_because.clone(),
    }
}

/// Writes the package for machines and for people; returns the hash of the former.
fn put_everything(folder: &mut Folder, package: &AccessPackage) -> Result<String> {
    let sha256 = folder.put("access.json", &pretty(package))?.sha256.clone();
    folder.put("access.html", page::page(package).to_html("en").as_bytes())?;
    Ok(sha256)
}

/// Writes the portable data as JSON and CSV; returns the hash of the JSON.
fn put_portable(folder: &mut Folder, portable: &Portable) -> Result<String> {
    let sha256 = folder.put("portable.json", &pretty(portable))?.sha256.clone();
    for (name, table) in portable.tables() {
        folder.put(name, table.to_exact_csv().as_bytes())?;
    }
    Ok(sha256)
}

fn pretty(document: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(document).expect("an answer is JSON");
    text.push(b'\n');
    text
}
