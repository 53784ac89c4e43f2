//! Asks witnesses to sign the newest checkpoint too (c2sp.org/tlog-witness).
//!
//! A witness remembers what it signed and signs nothing that isn't a continuation of it. So once it
//! has signed, nobody can show it, or anyone who asks for its signature, another history. When it
//! refuses for that reason (422, or a size that the store hasn't reached), the store was rewritten or
//! rolled back, or somebody else signs with its key: that is kept as evidence, in the ledger too.

use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Kind, Result};
use crate::ledger::add_checkpoint::{AddCheckpoint, cosignature};
use crate::ledger::note::{Note, Signer};
use crate::ledger::scan;
use crate::ledger::vkey::{KeyKind, VerifierKey};
use crate::store::{self, Store, consistency};

use super::http::{Answer, Post, check_url};
use super::sql::{self, CosignatureRow, WitnessRow};
use super::{newest, note_sha256};

/// How often a witness may correct the size before the asking is given up.
const TRIES: usize = 3;

/// The most entries that are looked through for something new to be signed.
const LOOKED_THROUGH: u64 = 64;

/// What became of asking one witness.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// It signed.
    Signed {
        /// The size of the checkpoint.
        size: u64,
        /// The witness's time.
        at: String,
    },
    /// It signed everything already, but for the entries that say so.
    UpToDate {
        /// The size that it signed.
        size: u64,
    },
    /// It says that this isn't the ledger that it signed before.
    Conflict {
        /// What it answered.
        status: u16,
        /// In words.
        what: String,
    },
    /// It didn't sign, for another reason.
    Refused {
        /// What it answered.
        status: u16,
        /// In words.
        what: String,
    },
    /// It didn't answer.
    Unreachable {
        /// Why.
        what: String,
    },
}

/// A witness and what became of asking it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Asked {
    /// The witness's name.
    pub witness: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Outcome {
    /// Whether nothing is left to be done.
    pub fn is_fine(&self) -> bool {
        matches!(self, Outcome::Signed { .. } | Outcome::UpToDate { .. })
    }
}

/// Adds a witness. Returns the ledger entry that says so.
///
/// # Errors
/// `vkey-unreadable`, `url-invalid`, `witness-exists`.
pub fn add(store: &mut Store, now: Moment, vkey: &str, url: &str) -> Result<i64> {
    let key: VerifierKey = vkey.parse()?;
    if key.kind() != KeyKind::Witness {
        return Err(Error::usage("vkey-unreadable", "this is the key of a log, not of a witness")
            .next("ask the witness for the key that it signs with"));
    }
    check_url(url)?;
    store.write(now, |writer| {
        if sql::witnesses(writer.conn)?.iter().any(|w| name_of(w) == key.name()) {
            return Err(Error::usage("witness-exists", "a witness of that name is asked already")
                .at(key.name())
                .next("remove it first"));
        }
        let entry = writer.append("witness.add", json!({"vkey": vkey, "url": url}))?;
        sql::insert_witness(writer.conn, vkey, url, entry)?;
        Ok(entry)
    })
}

/// Stops asking a witness; what it signed is kept. Returns the ledger entry that says so.
///
/// # Errors
/// `witness-unknown`.
pub fn remove(store: &mut Store, now: Moment, name: &str) -> Result<i64> {
    store.write(now, |writer| {
        let all = sql::witnesses(writer.conn)?;
        let row = all.iter().find(|w| name_of(w) == name || w.vkey == name).ok_or_else(|| {
            Error::usage("witness-unknown", "no witness of that name is asked")
                .next("`candor audit witness list` names them")
        })?;
        let entry = writer.append("witness.remove", json!({"vkey": row.vkey}))?;
        sql::delete_witness(writer.conn, &row.vkey)?;
        Ok(entry)
    })
}

/// A witness's name: that of its key.
pub fn name_of(row: &WitnessRow) -> &str {
    row.vkey.split('+').next().unwrap_or_default()
}

/// What is to be written down of an answer.
enum Kept {
    Signed { line: String, at: Moment },
    Conflict { request: String, answer: String },
}

/// Asks every witness to sign the newest checkpoint, one after the other, and writes down in one
/// change what they signed or refused.
///
/// # Errors
/// Those of reading and writing the store; what a witness does wrong stands in its outcome.
pub fn ask(store: &mut Store, now: Moment, post: Post<'_>) -> Result<Vec<Asked>> {
    let (size, note) = newest(store)?;
    let (mut asked, mut kept) = (Vec::new(), Vec::new());
    for row in sql::witnesses(store.conn())? {
        let (outcome, keep) = ask_one(store, &row, size, &note, post)?;
        asked.push(Asked { witness: name_of(&row).to_owned(), outcome });
        kept.extend(keep.map(|keep| (row, keep)));
    }
    keep(store, now, size, &note, &kept)?;
    Ok(asked)
}

fn ask_one(
    store: &Store,
    row: &WitnessRow,
    size: u64,
    note: &str,
    post: Post<'_>,
) -> Result<(Outcome, Option<Kept>)> {
    let key: VerifierKey = row.vkey.parse()?;
    let checkpoint = Note::parse(note.as_bytes())?;
    let text = checkpoint.text.clone();
    let known = u64::try_from(row.size).unwrap_or(0);
    if known > 0 && nothing_new(store, known, size)? {
        return Ok((Outcome::UpToDate { size: known }, None));
    }
    let mut old = if known <= size { known } else { 0 };
    let url = format!("{}/add-checkpoint", row.url.trim_end_matches('/'));
    for _ in 0..TRIES {
        let proof = consistency(store.conn(), old, size)?;
        let request = AddCheckpoint { old, proof, checkpoint: checkpoint.clone() }.to_text();
        let answer = match post(&url, "text/plain; charset=utf-8", request.as_bytes()) {
            Ok(answer) => answer,
            Err(error) => return Ok((Outcome::Unreachable { what: error.what }, None)),
        };
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        match answer.status {
            200 => return Ok(signed(&text, &body, &key, size)),
            409 => match signed_size(&body) {
                Some(theirs) if theirs > size => {
                    let what =
                        format!("it signed {theirs} entries before, and this store has {size}");
                    return Ok(conflict(409, what, request, &body));
                }
                Some(theirs) if theirs != old => old = theirs,
                _ => return Ok((refused(&answer, "it names no other size"), None)),
            },
            422 => {
                let what =
                    format!("these {size} entries don't continue the {old} that it signed before");
                return Ok(conflict(422, what, request, &body));
            }
            404 => return Ok((refused(&answer, "it doesn't know this ledger"), None)),
            403 => return Ok((refused(&answer, "it doesn't know this ledger's key"), None)),
            _ => return Ok((refused(&answer, "it answered with an error"), None)),
        }
    }
    let what = "it names another size each time".to_owned();
    Ok((Outcome::Refused { status: 409, what }, None))
}

fn signed(text: &str, body: &str, key: &VerifierKey, size: u64) -> (Outcome, Option<Kept>) {
    match cosignature(text, body, key) {
        Ok((line, Signer { at: Some(at), .. })) => {
            (Outcome::Signed { size, at: at.to_string() }, Some(Kept::Signed { line, at }))
        }
        _ => {
            let what = "it answered without a signature that holds".to_owned();
            (Outcome::Refused { status: 200, what }, None)
        }
    }
}

fn conflict(status: u16, what: String, request: String, body: &str) -> (Outcome, Option<Kept>) {
    let body: String = body.chars().take(1000).collect();
    let answer = format!("{status}\n{body}");
    (Outcome::Conflict { status, what }, Some(Kept::Conflict { request, answer }))
}

fn refused(answer: &Answer, what: &str) -> Outcome {
    Outcome::Refused { status: answer.status, what: what.to_owned() }
}

/// The size in the body of a 409: decimal, with a line break.
fn signed_size(body: &str) -> Option<u64> {
    let size: u64 = body.strip_suffix('\n')?.parse().ok()?;
    (body == format!("{size}\n")).then_some(size)
}

/// Whether every entry after `known` only says that something was witnessed.
fn nothing_new(store: &Store, known: u64, size: u64) -> Result<bool> {
    if known > size || size - known > LOOKED_THROUGH {
        return Ok(false);
    }
    for n in known..size {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let leaf = store::leaf(store.conn(), n)?.unwrap_or_default();
        if !scan::fields(&leaf).is_ok_and(|view| view.kind == "checkpoint") {
            return Ok(false);
        }
    }
    Ok(true)
}

fn keep(
    store: &mut Store,
    now: Moment,
    size: u64,
    note: &str,
    kept: &[(WitnessRow, Kept)],
) -> Result<()> {
    if kept.is_empty() {
        return Ok(());
    }
    let signed_size = i64::try_from(size).unwrap_or(i64::MAX);
    store.write(now, |writer| {
        // Somebody else may have asked meanwhile: an entry tells of each signature once.
        let mut fresh = Vec::new();
        for (row, kept) in kept {
            if matches!(kept, Kept::Conflict { .. })
                || !sql::is_cosigned(writer.conn, signed_size, &row.vkey)?
            {
                fresh.push((row, kept));
            }
        }
        let is_signed = |kept: &Kept| matches!(kept, Kept::Signed { .. });
        let signed = fresh.iter().filter(|(_, kept)| is_signed(kept));
        let names: Vec<&str> = signed.map(|(row, _)| name_of(row)).collect();
        let entry = match names.is_empty() {
            true => None,
            false => Some(writer.append(
                "checkpoint",
                json!({
                    "size": size, "note_sha256": note_sha256(note.as_bytes()), "cosigned": names,
                }),
            )?),
        };
        for (row, kept) in fresh {
            match (kept, entry) {
                (Kept::Signed { line, at }, Some(entry)) => {
                    let cosignature = CosignatureRow {
                        size: signed_size,
                        vkey: row.vkey.clone(),
                        line: line.clone(),
                        at: at.0,
                        entry,
                    };
                    sql::insert_cosignature(writer.conn, &cosignature)?;
                    sql::set_witness_size(writer.conn, &row.vkey, signed_size)?;
                }
                (Kept::Conflict { request, answer }, _) => {
                    // The same answer night after night is said once.
                    if sql::last_refusal(writer.conn, &row.vkey)?.as_ref() == Some(answer) {
                        continue;
                    }
                    let status: u64 =
                        answer.lines().next().and_then(|l| l.parse().ok()).unwrap_or(0);
                    let body = json!({"vkey": row.vkey, "status": status, "size": size});
                    let entry = writer.append("witness.refused", body)?;
                    sql::insert_refusal(writer.conn, entry, &row.vkey, request, answer)?;
                }
                _ => {}
            }
        }
        Ok(())
    })
}

/// The newest checkpoint that a witness signed, with every cosignature under it; `None` when there is
/// none from `at_least` on.
///
/// # Errors
/// Those of reading the store.
pub fn witnessed_note(conn: &rusqlite::Connection, at_least: u64) -> Result<Option<(u64, String)>> {
    let at_least = i64::try_from(at_least).unwrap_or(i64::MAX);
    let Some(size) = sql::witnessed_size(conn, at_least)? else { return Ok(None) };
    let note = cosigned(conn, size)?.ok_or_else(|| {
        Error::new(
            Kind::Damaged,
            "checkpoint-missing",
            "a checkpoint that was witnessed is missing",
        )
        .next("run `candor audit verify`")
    })?;
    Ok(Some((u64::try_from(size).unwrap_or(0), note)))
}

/// The stored checkpoint over so many entries, with every cosignature under it.
///
/// # Errors
/// Those of reading the store.
pub fn cosigned(conn: &rusqlite::Connection, size: i64) -> Result<Option<String>> {
    let Some(note) = store::checkpoint(conn, size)? else { return Ok(None) };
    let mut text = String::from_utf8_lossy(&note).into_owned();
    text.extend(sql::lines(conn, size)?);
    Ok(Some(text))
}
