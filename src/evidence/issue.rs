//! Issues a document: enters in the ledger that it was handed out, and lets it carry the proof.
//!
//! The entry commits to the content with a salt that only the document holds, not the store: to whom
//! the document was not given, the entry says nothing, and when a person is erased nothing in the
//! file leads from the entry to what was told them. An entry about a person is tagged and committed to
//! under that person's key, as every other.

use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::anchor::witness::witnessed_note;
use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::RecordKey;
use crate::consent::sql::oldest_record;
use crate::ledger::base64;
use crate::ledger::carrier::Carrier;
use crate::ledger::commit::commitment;
use crate::ledger::evidence::{CONTENT, Evidence, Shown, texts};
use crate::store::{self, Store, Writer};

use super::prove::{Opening, shown};

/// What is issued.
#[derive(Clone, Debug)]
pub struct Issued<'a> {
    /// The kind of its entry, such as `report.issue`.
    pub kind: &'a str,
    /// What the entry says of it: nothing personal.
    pub body: Map<String, Value>,
    /// Whom it is about: a record of the person, its key, and what the entry commits to of it.
    pub about: Option<(i64, RecordKey, Value)>,
    /// Entries that stand behind what it says, shown with it; their payloads are opened when asked.
    pub behind: Vec<(i64, Opening)>,
}

/// Whom an issued document is about, with what its entry commits to of it.
///
/// # Errors
/// When the subject has no record.
pub fn about(conn: &Connection, subject: i64, payload: Value) -> Result<(i64, RecordKey, Value)> {
    let (record, _, key) = oldest_record(conn, subject)?;
    Ok((record, key, payload))
}

/// Adds to an entry's body the commitment to a document; gives the salt that opens it.
pub fn commit_to(
    writer: &mut Writer<'_>,
    body: &mut Map<String, Value>,
    content: &[u8],
) -> [u8; 32] {
    let salt = writer.randomness.key();
    body.insert(CONTENT.to_owned(), base64::encode(&commitment(&salt, content)).into());
    salt
}

/// The evidence of entries under one checkpoint; the first one commits to a document with this
/// salt.
///
/// # Errors
/// `entry-unknown`, `checkpoint-missing`, `payload-erased`.
pub fn evidence_of(
    conn: &Connection,
    salt: &[u8; 32],
    entry: i64,
    behind: &[(i64, Opening)],
) -> Result<Evidence> {
    let first = (entry, Opening::Sealed);
    let all = std::iter::once(&first).chain(behind);
    let (checkpoint, entries) = gather(conn, all)?;
    Ok(Evidence::of_document(salt, checkpoint, entries))
}

/// Issues a document and gives it whole, with its evidence.
///
/// # Errors
/// `key-missing` when nothing can be signed here, and those of [`evidence_of`].
pub fn issue(
    store: &mut Store,
    issued: &Issued<'_>,
    carrier: Carrier,
    document: &str,
    now: Moment,
) -> Result<String> {
    let content = carrier.content(document);
    let evidence = issue_content(store, issued, content.as_bytes(), now)?;
    Ok(carrier.attach(&content, &evidence))
}

/// Issues content of any form; gives the evidence, to be put beside it.
///
/// # Errors
/// Those of [`issue`].
pub fn issue_content(
    store: &mut Store,
    issued: &Issued<'_>,
    content: &[u8],
    now: Moment,
) -> Result<Evidence> {
    let mut body = issued.body.clone();
    let (entry, salt) = store.write(now, |writer| {
        let salt = commit_to(writer, &mut body, content);
        let body = Value::Object(body);
        let entry = match &issued.about {
            None => writer.append(issued.kind, body)?,
            Some((record, key, payload)) => {
                writer.append_about(issued.kind, *record, key, payload, Some(body))?
            }
        };
        Ok((entry, salt))
    })?;
    evidence_of(store.conn(), &salt, entry, &issued.behind)
}

/// Entries with their ways to the root of a checkpoint, and that checkpoint: the newest one that a
/// witness signed, where one covers them all, else the latest.
pub(super) fn gather<'a>(
    conn: &Connection,
    entries: impl Iterator<Item = &'a (i64, Opening)>,
) -> Result<(String, Vec<Shown>)> {
    let entries: Vec<&(i64, Opening)> = entries.collect();
    let last = entries.iter().map(|(n, _)| *n).max().unwrap_or(0);
    let covering = u64::try_from(last.saturating_add(1)).unwrap_or(0);
    let (size, note) = match witnessed_note(conn, covering)? {
        Some(witnessed) => witnessed,
        None => latest(conn)?,
    };
    let shown = entries
        .into_iter()
        .map(|(n, opening)| {
            let mut shown = shown(conn, *n, *opening)?;
            let index = u64::try_from(*n).unwrap_or(u64::MAX);
            shown.path = texts(&store::inclusion(conn, index, size)?);
            Ok(shown)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok((note, shown))
}

/// The number of entries under the latest checkpoint.
///
/// # Errors
/// `checkpoint-missing`.
pub fn latest_size(conn: &Connection) -> Result<u64> {
    Ok(latest(conn)?.0)
}

/// The latest checkpoint: its size and note, as the log signed it.
pub(super) fn latest(conn: &Connection) -> Result<(u64, String)> {
    let (size, note) = store::last_checkpoint(conn)?.ok_or_else(|| {
        Error::no("checkpoint-missing", "nothing was ever signed").next("run `candor audit verify`")
    })?;
    Ok((u64::try_from(size).unwrap_or(0), String::from_utf8_lossy(&note).into_owned()))
}
