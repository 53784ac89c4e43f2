//! What witnesses and time-stamp authorities said: whether it holds, and how many entries nobody has
//! seen yet.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::anchor::sql::{
    CosignatureRow, TimestampRow, cosignatures, refusals, timestamps, witnesses,
};
use crate::anchor::{note_sha256, read_stamp};
use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::ledger::add_checkpoint::cosignature;
use crate::ledger::note::Note;
use crate::ledger::scan::fields;
use crate::ledger::section::Told;
use crate::ledger::vkey::VerifierKey;
use crate::store::{Words, checkpoint, hex};

use super::claim::{Claim, Standing};
use super::facts::{Facts, body};
use super::sql;

/// How far the clocks of two machines may differ, in milliseconds.
const CLOCKS_DIFFER: i64 = 5 * 60 * 1000;

/// What one witness signed last.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Witnessed {
    /// The witness's name.
    pub witness: String,
    /// The size of the last checkpoint that it signed.
    pub size: u64,
    /// Its time.
    pub at: String,
}

/// What was found.
#[derive(Default)]
pub(super) struct Anchored {
    pub(super) claims: Vec<Claim>,
    /// By witness.
    pub(super) witnesses: Vec<Witnessed>,
    /// The largest size that a witness signed whom the reader brought, or whom the store names when the
    /// reader brought none.
    pub(super) witnessed_to: u64,
}

/// Checks cosignatures, time-stamps and refusals. `trusted` are the witnesses' keys that the reader
/// brought.
pub(super) fn check(conn: &Connection, trusted: &[VerifierKey], told: Told) -> Result<Anchored> {
    let rows = cosignatures(conn)?;
    let mut claims = Vec::new();
    let mut last: BTreeMap<String, Witnessed> = BTreeMap::new();
    let mut witnessed_to = 0;
    let mut claim = match trusted {
        [] => Claim::unproven(
            "cosignatures",
            "whose the witnesses' keys are: the store's own word was taken; name those handed out \
             with --witness",
        ),
        _ => Claim::new("cosignatures", "what witnesses signed holds, and no clock contradicts it"),
    };
    let notes = Notes::new(conn);
    for row in &rows {
        claim.checked += 1;
        let size = u64::try_from(row.size).unwrap_or(0);
        if let Err((code, what)) = holds(conn, &notes, row) {
            claim.find(code, Some(row.entry), what);
            continue;
        }
        if trusted.is_empty() || trusted.iter().any(|key| key.to_string() == row.vkey) {
            witnessed_to = witnessed_to.max(size);
        }
        let witness = row.vkey.split('+').next().unwrap_or_default().to_owned();
        let at = Moment(row.at).to_string();
        last.insert(witness.clone(), Witnessed { witness, size, at });
    }
    for key in trusted {
        let signed = rows.iter().any(|row| row.vkey == key.to_string());
        claim.expect(signed, "witness-silent", None, || {
            format!("the witness {} signed nothing of this", key.name())
        });
    }
    if claim.checked > 0 || !trusted.is_empty() {
        claims.push(claim);
    }
    let stamps = timestamps(conn)?;
    if !stamps.is_empty() {
        let mut claim = Claim::new(
            "timestamps",
            "each time-stamp is over the checkpoint that it stands by (its signature: openssl ts)",
        );
        for row in &stamps {
            claim.checked += 1;
            if let Err((code, what)) = stamped(conn, &notes, row) {
                claim.find(code, Some(row.entry), what);
            }
        }
        claims.push(claim);
    }
    let refusals = refusals(conn)?;
    if !refusals.is_empty() {
        let mut claim = Claim::new("refusals", "no witness called this another ledger's history");
        let mut left = Vec::new();
        for (entry, vkey, answer) in refusals {
            claim.checked += 1;
            // What the witness signed afterwards settles it.
            if rows.iter().any(|row| row.vkey == vkey && row.entry > entry) {
                continue;
            }
            let name = vkey.split('+').next().unwrap_or_default();
            let status = answer.lines().next().unwrap_or_default();
            let what = format!("the witness {name} refused with {status}");
            match told.restored.filter(|restored| i64::try_from(*restored).is_ok_and(|n| n < entry)) {
                Some(restored) => left.push(format!("{what} (entry {entry}, after the restore of entry {restored})")),
                None => claim.find(
                    "witness-refused",
                    Some(entry),
                    format!(
                        "{what}: by its word it had signed another history (an answer bears no signature: \
                         ask it; a signature of it from later on settles this)"
                    ),
                ),
            }
        }
        claims.push(claim);
        if !left.is_empty() {
            claims.push(Claim::unproven(
                "refusals",
                &format!(
                    "that a witness signed nothing but what a restore left: {}",
                    left.join(", ")
                ),
            ));
        }
    }
    Ok(Anchored { claims, witnesses: last.into_values().collect(), witnessed_to })
}

/// Whether each entry that says that somebody signed still has what was signed.
pub(super) fn all_there(conn: &Connection, told: Told) -> Result<Claim> {
    let mut claim =
        Claim::new("anchors", "nothing that a witness or an authority signed is missing");
    let mut rows: HashMap<i64, u64> = HashMap::new();
    for entry in cosignatures(conn)?.iter().map(|row| row.entry) {
        *rows.entry(entry).or_default() += 1;
    }
    for entry in timestamps(conn)?.iter().map(|row| row.entry) {
        *rows.entry(entry).or_default() += 1;
    }
    let said = told.signed;
    claim.checked = said;
    claim.expect(said == rows.len() as u64, "anchor-missing", None, || {
        format!("the ledger says {said} times that somebody signed, and {} are here", rows.len())
    });
    for (entry, count) in rows {
        let said = stated(conn, entry)?;
        let names = said["cosigned"].as_array().map_or(1, Vec::len) as u64;
        claim.expect(names == count, "anchor-missing", Some(entry), || {
            format!("the entry names {names} signatures, and {count} are here")
        });
    }
    let refused = told.refused;
    claim.expect(refused == refusals(conn)?.len() as u64, "anchor-missing", None, || {
        format!("the ledger says {refused} times that a witness refused, and not as many are here")
    });
    let keys = told.rotated + 1;
    let listed = crate::store::signing_keys(conn)?.len() as u64;
    claim.expect(keys == listed, "key-chain", None, || {
        format!("the ledger names {keys} keys, and {listed} are listed")
    });
    Ok(claim)
}

/// Whether the witnesses that are asked are those that entries name, and none is missing; and whether who
/// signed had been asked: an entry says whose name signed, and the one that brought the witness by which key.
/// What each was last known to have signed is a help for asking, and no claim.
pub(super) fn asked(conn: &Connection, facts: &Facts) -> Result<Claim> {
    let mut claim =
        Claim::new("witnesses", "those are asked to sign whom entries name, and no other signed");
    let mut named = facts.witnesses.clone();
    for row in witnesses(conn)? {
        claim.checked += 1;
        let same = named.remove(&row.vkey) == Some((row.entry, row.url));
        claim.expect(same, "witness-differs", Some(row.entry), || {
            "a witness is asked that no entry names so".into()
        });
    }
    for row in cosignatures(conn)? {
        let asked = facts.ever_asked.get(&row.vkey).is_some_and(|entry| *entry < row.entry);
        claim.expect(asked, "anchor-unstated", Some(row.entry), || {
            "who signed is no witness that an entry had named before".into()
        });
    }
    claim.expect(named.is_empty(), "witness-differs", None, || {
        format!("{} witnesses are not asked whom entries name", named.len())
    });
    Ok(claim)
}

/// Whether the keys that send data in are those that entries name.
pub(super) fn write_keys(conn: &Connection, facts: &Facts) -> Result<Claim> {
    let mut claim = Claim::new("write_keys", "data comes in by the keys that entries name");
    let mut named = facts.write_keys.clone();
    for row in sql::write_keys(conn)? {
        claim.checked += 1;
        let (id, entry) = (row.id, row.entry);
        let same = named.remove(&id) == Some(row);
        claim.expect(same, "write-key-differs", Some(entry), || {
            "a key sends data in, or its rules are others, that no entry names so".into()
        });
    }
    claim.expect(named.is_empty(), "write-key-differs", None, || {
        format!("{} keys are gone that entries name", named.len())
    });
    Ok(claim)
}

/// Whether the tokens that ask are those that entries name.
pub(super) fn tokens(conn: &Connection, words: &Words, facts: &Facts) -> Result<Claim> {
    let mut claim =
        Claim::new("tokens", "what is held is asked for by the tokens that entries name");
    let mut named = facts.tokens.clone();
    for row in sql::tokens(conn, words)? {
        claim.checked += 1;
        let (id, entry) = (row.id, row.entry);
        let same = named.remove(&id) == Some(row);
        claim.expect(same, "token-differs", Some(entry), || {
            "a token asks, or what it opens is other, that no entry names so".into()
        });
    }
    claim.expect(named.is_empty(), "token-differs", None, || {
        format!("{} tokens are gone that entries name", named.len())
    });
    Ok(claim)
}

type Fault = (&'static str, String);

/// The stored checkpoints by size.
struct Notes<'a>(&'a Connection);

impl<'a> Notes<'a> {
    fn new(conn: &'a Connection) -> Notes<'a> {
        Notes(conn)
    }

    fn get(&self, size: i64) -> Result<Vec<u8>, Fault> {
        checkpoint(self.0, size)
            .ok()
            .flatten()
            .ok_or_else(|| ("checkpoint-missing", format!("no checkpoint of size {size} is here")))
    }
}

fn holds(conn: &Connection, notes: &Notes<'_>, row: &CosignatureRow) -> Result<(), Fault> {
    let wrong = |what: &str| ("cosignature-wrong", what.to_owned());
    let note = notes.get(row.size)?;
    let text = Note::parse(&note).map_err(|_| wrong("the checkpoint can't be read"))?.text;
    let key: VerifierKey =
        row.vkey.parse().map_err(|_| wrong("the witness's key can't be read"))?;
    let (line, signer) = cosignature(&text, &row.line, &key)
        .map_err(|_| wrong("a cosignature doesn't hold over its checkpoint"))?;
    let at = signer.at.map_or(0, |at| at.0);
    if line != row.line || at != row.at {
        return Err(wrong("a cosignature isn't stored as it was given"));
    }
    let said = stated(conn, row.entry).unwrap_or_default();
    let names = said["cosigned"].as_array().cloned().unwrap_or_default();
    let says_so = said["size"].as_i64() == Some(row.size)
        && said["note_sha256"].as_str() == Some(&note_sha256(&note))
        && names.iter().any(|name| name.as_str() == Some(key.name()));
    if !says_so {
        return Err(("anchor-unstated", "the ledger doesn't say that this was signed".into()));
    }
    bracket(conn, row.size, row.entry, row.at)
}

fn stamped(conn: &Connection, notes: &Notes<'_>, row: &TimestampRow) -> Result<(), Fault> {
    let note = notes.get(row.size)?;
    let stamp = read_stamp(&row.token).map_err(|error| ("timestamp-wrong", error.what))?;
    let imprint: [u8; 32] = Sha256::digest(&note).into();
    if stamp.imprint != imprint || stamp.at.0 != row.at {
        return Err(("timestamp-wrong", "a time-stamp is over something else".into()));
    }
    let said = stated(conn, row.entry).unwrap_or_default();
    let says_so = said["size"].as_i64() == Some(row.size)
        && said["note_sha256"].as_str() == Some(&note_sha256(&note))
        && said["tsr_sha256"].as_str() == Some(&hex(&Sha256::digest(&row.token)))
        && said["authority"].as_str() == Some(&row.authority);
    if !says_so {
        return Err(("anchor-unstated", "the ledger doesn't say that this was stamped".into()));
    }
    bracket(conn, row.size, row.entry, row.at)
}

/// What was signed at a time was written before it, and what says so after it.
fn bracket(conn: &Connection, size: i64, entry: i64, at: i64) -> Result<(), Fault> {
    let time = |n: i64| {
        let leaf = sql::leaf(conn, n).ok().flatten().unwrap_or_default();
        fields(&leaf).ok().map(|view| view.at.0)
    };
    let before = time(size - 1).is_none_or(|written| written <= at + CLOCKS_DIFFER);
    let after = time(entry).is_none_or(|written| written >= at - CLOCKS_DIFFER);
    if before && after {
        return Ok(());
    }
    let at = Moment(at);
    Err(("clock", format!("the store's clock differs from that of who signed (at {at})")))
}

/// The body of a `checkpoint` entry; null when it is none.
fn stated(conn: &Connection, entry: i64) -> Result<Value> {
    let leaf = sql::leaf(conn, entry)?.unwrap_or_default();
    Ok(fields(&leaf)
        .ok()
        .filter(|view| view.kind == "checkpoint")
        .map(|view| body(&view))
        .unwrap_or_default())
}

impl Anchored {
    /// Whether what witnesses signed counts: nothing of it is broken.
    pub(super) fn counts(&self) -> bool {
        self.claims.iter().all(|claim| claim.standing != Standing::Broken)
    }
}
