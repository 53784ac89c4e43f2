//! What an erasure left of somebody whom a name no longer finds (Art 15 is answered of that, too).
//!
//! A name that is kept out stands in the store as a keyed fingerprint, and the journal beside the key says
//! under which id the rest is found that a law or a legal claim keeps.

use std::collections::BTreeSet;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::consent::sql as consent_sql;
use crate::policy::types::Policy;
use crate::profile::merge::{public_id_of, public_text};
use crate::profile::read::{OpenRecord, identifiers_named, is_erased, open_records};
use crate::profile::recognise::{blind_fingerprint, identifier_blind, identifier_fingerprint};
use crate::profile::sql as profile_sql;
use crate::store::{Store, erasures_path, hex, read_erasures};

/// The fingerprints under which an identifier is kept out.
pub fn prints_of(store: &Store, kind: &str, text: &str) -> [[u8; 16]; 2] {
    let secret = store.secret();
    let blind = identifier_blind(secret, kind, text);
    [identifier_fingerprint(secret, kind, text), blind_fingerprint(secret, blind)]
}

/// The ids of those of whom something is kept since an erasure that any of these fingerprints belongs to.
pub fn kept_as(store: &Store, prints: &[[u8; 16]]) -> Result<BTreeSet<String>> {
    let prints: Vec<String> = prints.iter().map(|print| hex(print)).collect();
    let mut ids = BTreeSet::new();
    for note in read_erasures(&erasures_path(store.path()))? {
        let id =
            note.told.as_ref().and_then(|told| told["kept_as"].as_str()).and_then(public_id_of);
        let Some(id) = id.filter(|_| note.fingerprints.iter().any(|p| prints.contains(p))) else {
            continue;
        };
        // Its own time may be over by now.
        if let Some(subject) = profile_sql::subject_by_public_id(store.conn(), id)?
            && is_erased(store.conn(), subject)?
            && open_records(store.conn(), store.words(), subject)?.iter().any(holds_anything)
        {
            ids.insert(public_text(id));
        }
    }
    Ok(ids)
}

fn holds_anything(record: &OpenRecord) -> bool {
    !record.values.is_empty() || record.rollups.iter().any(|rollup| rollup.count > 0)
}

/// The answer of a search that found nobody, with what an erasure left under that name; other errors stay
/// what they are.
pub fn or_what_is_kept(store: &Store, policy: &Policy, who: &str, error: Error) -> Error {
    if error.code != "subject-not-found" || public_id_of(who).is_some() {
        return error;
    }
    match what_is_kept(store, policy, who) {
        Ok(Some(known)) => known,
        Ok(None) => error,
        Err(other) => other,
    }
}

fn what_is_kept(store: &Store, policy: &Policy, who: &str) -> Result<Option<Error>> {
    let mut out: Option<(Moment, i64)> = None;
    let mut prints = Vec::new();
    for (kind, text) in identifiers_named(policy, who)? {
        for print in prints_of(store, kind, &text) {
            out = out.max(consent_sql::suppression(store.conn(), &print)?);
            prints.push(print);
        }
    }
    let Some((since, entry)) = out else { return Ok(None) };
    let ids: Vec<String> = kept_as(store, &prints)?.into_iter().collect();
    Ok(Some(match ids.first() {
        Some(id) => Error::no(
            "subject-not-found",
            format!(
                "nobody is held under this name: since {since} (entry {entry}) an erasure keeps it out, and \
                 what a law or a legal claim keeps is found as {}",
                ids.join(", ")
            ),
        )
        .next(format!("name the person by that id, as in `candor access {id} --out DIR`")),
        None => Error::no(
            "subject-not-found",
            format!(
                "nobody is held under this name: since {since} (entry {entry}) a keyed fingerprint keeps it \
                 out, and it tells nothing else"
            ),
        )
        .next(
            "that is all there is to answer (Art 15): it is held so that the person isn't taken in again \
             against their will, until they come back by their own act",
        ),
    }))
}
