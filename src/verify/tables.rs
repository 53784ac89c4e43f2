//! The small tables against the entries that they name, policies and notices against their texts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::base::error::Result;
use crate::ledger::scan::fields;
use crate::policy::check::check as check_policy;
use crate::store::{self, MIGRATIONS, WordKind, Words, hex, words_of};

use super::claim::Claim;
use super::facts::{FORGETTING, Facts, body};
use super::items::batch_fits;
use super::sql::{self, Numbers};

/// What an entry is, as far as the tables care: its kind, its time, its body.
fn entry(leaf: Option<&[u8]>) -> (String, i64, Value) {
    match leaf.map(fields) {
        Some(Ok(view)) => (view.kind.to_owned(), view.at.0, body(&view)),
        _ => (String::new(), -1, Value::Null),
    }
}

pub(super) fn check(
    path: &Path,
    conn: &Connection,
    words: &Words,
    facts: &Facts,
) -> Result<Vec<Claim>> {
    Ok(vec![
        batches(conn, facts)?,
        tombstones(conn, facts)?,
        policies(conn, facts)?,
        merges(conn)?,
        requests(conn, facts)?,
        disclosures(conn, words, facts)?,
        suppressions(conn)?,
        journal(path, conn, facts)?,
        rows(conn)?,
        schema(conn)?,
    ])
}

fn batches(conn: &Connection, facts: &Facts) -> Result<Claim> {
    let mut claim = Claim::new("batches", "every batch is what its entry says");
    sql::with_leaf(conn, Numbers::Batches, |row: [i64; 8], leaf| {
        claim.checked += 1;
        let (kind, at, body) = entry(leaf);
        let n = row[0];
        claim.expect(
            kind == "data.admit" && batch_fits(&body, at, row),
            "batch-differs",
            Some(n),
            || format!("the batch of entry {n} is not what the entry says"),
        );
        Ok(())
    })?;
    let said = facts.kinds.get("data.admit").copied().unwrap_or(0);
    let held = claim.checked;
    claim.expect(said == held, "batch-missing", None, || {
        format!("{said} entries admitted a batch, and {held} are here")
    });
    Ok(claim)
}

fn tombstones(conn: &Connection, facts: &Facts) -> Result<Claim> {
    let mut claim = Claim::new(
        "tombstones",
        "every erased value and event was erased by an entry that says so",
    );
    let mut held: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    sql::with_leaf(conn, Numbers::Tombstones, |[item, n, count]: [i64; 3], leaf| {
        claim.checked += u64::try_from(count).unwrap_or(0);
        let (kind, ..) = entry(leaf);
        claim.expect(
            FORGETTING.contains(&kind.as_str()),
            "tombstone-without-entry",
            Some(n),
            || format!("{count} items count as erased by entry {n}, which erases nothing"),
        );
        let counts = held.entry(n).or_default();
        if item == 1 {
            counts.0 = count
        } else {
            counts.1 = count
        }
        Ok(())
    })?;
    for (n, said) in &facts.forgettings {
        let counts = held.get(n).copied().unwrap_or_default();
        let expected = if said.goes_on { (0, 0) } else { (said.values, said.events) };
        claim.expect(counts == expected, "tombstones-differ", Some(*n), || {
            format!(
                "entry {n} erased {} values and {} events, and {} and {} are accounted for",
                expected.0, expected.1, counts.0, counts.1
            )
        });
    }
    Ok(claim)
}

fn policies(conn: &Connection, facts: &Facts) -> Result<Claim> {
    let mut claim =
        Claim::new("policies", "policies, notices and words are those that entries put in force");
    let applied = store::applied(conn)?;
    let said = facts.kinds.get("policy.apply").copied().unwrap_or(0);
    claim.expect(said == applied.len() as u64, "policy-missing", None, || {
        format!("{said} policies were applied, and {} are here", applied.len())
    });
    let mut notices = BTreeMap::new();
    let mut words: BTreeMap<(&'static str, i64), (String, i64)> = BTreeMap::new();
    for (index, policy) in applied.iter().enumerate() {
        claim.checked += 1;
        let leaf = sql::leaf(conn, policy.entry)?;
        let (kind, at, body) = entry(leaf.as_deref());
        let digest = Sha256::digest(policy.text.as_bytes()).to_vec();
        let holds = kind == "policy.apply"
            && at == policy.applied_at.0
            && body["version"].as_u64() == Some(u64::from(policy.version))
            && policy.version as usize == index + 1
            && body["sha256"].as_str() == Some(&hex(&digest))
            && policy.sha256 == digest;
        claim.expect(holds, "policy-differs", Some(policy.entry), || {
            format!("policy version {} is not the one that its entry put in force", policy.version)
        });
        let Ok(checked) = check_policy(&policy.text) else {
            claim.find("policy-differs", Some(policy.entry), "the text of a policy can't be read");
            continue;
        };
        for (name, notice) in &checked.policy.notices {
            for text in &notice.versions {
                notices
                    .entry((name.clone(), i64::from(text.version), text.language.clone()))
                    .or_insert((
                        text.text.clone(),
                        i64::from(text.material),
                        i64::from(policy.version),
                    ));
            }
        }
        for (kind, text) in words_of(&checked.policy) {
            let kind = kind.name();
            if !words.iter().any(|((k, _), (t, _))| *k == kind && *t == text) {
                let code = words.keys().filter(|(k, _)| *k == kind).count();
                let code = i64::try_from(code).unwrap_or(0) + 1;
                words.insert((kind, code), (text, policy.applied_at.0));
            }
        }
    }
    for row in sql::notices(conn)? {
        claim.checked += 1;
        let expected = notices.remove(&(row.name.clone(), row.version, row.language.clone()));
        let holds = row.sha256 == Sha256::digest(row.text.as_bytes()).to_vec()
            && expected == Some((row.text, row.material, row.policy));
        claim.expect(holds, "notice-differs", None, || {
            format!(
                "notice {}@{} is not the text that a policy put in force",
                row.name, row.version
            )
        });
    }
    for (name, version, _) in notices.keys() {
        claim.find("notice-missing", None, format!("notice {name}@{version} is gone"));
    }
    let held = sql::words(conn)?;
    let same = held.len() == words.len()
        && held.iter().all(|(kind, code, text, since)| {
            let mut known = words.iter();
            known.any(|((k, c), (t, s))| k == kind && c == code && t == text && s == since)
        });
    claim.expect(same, "words-differ", None, || {
        "words are not numbered as the policies brought them".into()
    });
    Ok(claim)
}

fn merges(conn: &Connection) -> Result<Claim> {
    let mut claim = Claim::new("merges", "every merge and split is what its entry says");
    sql::with_leaf(conn, Numbers::Merges, |[id, n, undone, at, records]: [i64; 5], leaf| {
        claim.checked += 1;
        let (kind, written_at, body) = entry(leaf);
        let most = body["records"].as_i64().unwrap_or(0);
        let holds = kind == "profile.merge" && at == written_at && records <= most;
        claim.expect(holds, "merge-differs", Some(n), || {
            format!("merge {id} is not what entry {n} says")
        });
        if undone != 0 {
            let leaf = sql::leaf(conn, undone)?;
            let (kind, _, body) = entry(leaf.as_deref());
            let holds = kind == "profile.split" && body["merge_entry"].as_i64() == Some(n);
            claim.expect(holds, "merge-differs", Some(undone), || {
                format!("merge {id} was not taken back by entry {undone}")
            });
        }
        Ok(())
    })?;
    Ok(claim)
}

/// What entries call the kinds of requests.
fn request_word(code: i64) -> Option<&'static str> {
    match code {
        2 => Some("access"),
        3 => Some("portability"),
        4 => Some("erasure"),
        _ => None,
    }
}

fn requests(conn: &Connection, facts: &Facts) -> Result<Claim> {
    let mut claim = Claim::new("requests", "every request is what its entries say");
    sql::with_leaf(conn, Numbers::Requests, |[id, n, at, closed, state, code]: [i64; 6], leaf| {
        claim.checked += 1;
        let (kind, written_at, body) = entry(leaf);
        let due = sql::due_on(conn, id)?;
        let holds = kind == "request.open"
            && at == written_at
            && body["due"].as_str() == Some(&due)
            && body["kind"].as_str() == request_word(code)
            && (state == 2) == (closed == 0);
        claim.expect(holds, "request-differs", Some(n), || {
            format!("request {id} is not what entry {n} says")
        });
        Ok(())
    })?;
    sql::with_leaf(conn, Numbers::Closings, |[id, n, at, _]: [i64; 4], leaf| {
        let (kind, written_at, body) = entry(leaf);
        let holds =
            kind.starts_with("request.") && at == written_at && body["req"].as_i64() == Some(id);
        claim.expect(holds, "request-differs", Some(n), || {
            format!("request {id} was not closed by entry {n}")
        });
        Ok(())
    })?;
    let said = facts.kinds.get("request.open").copied().unwrap_or(0);
    let held = claim.checked;
    claim.expect(said == held, "request-missing", None, || {
        format!("{said} requests were opened, and {held} are here")
    });
    Ok(claim)
}

fn disclosures(conn: &Connection, words: &Words, facts: &Facts) -> Result<Claim> {
    let mut claim =
        Claim::new("disclosures", "every disclosure is of the run that its entry tells of");
    let mut held: BTreeMap<i64, i64> = BTreeMap::new();
    sql::disclosures(conn, |[id, n, at, destination, purpose, known]| {
        claim.checked += 1;
        *held.entry(n).or_default() += 1;
        let Some(said) = facts.disclosings.get(&n) else {
            let what = format!("disclosure {id} was not made by entry {n}");
            claim.find("disclosure-without-entry", Some(n), what);
            return;
        };
        let holds = at == said.at
            && words.code(WordKind::Destination, &said.destination) == Some(destination)
            && words.code(WordKind::Purpose, &said.purpose) == Some(purpose)
            && known == 1;
        claim.expect(holds, "disclosure-differs", Some(n), || {
            format!("disclosure {id} is not of the run of entry {n}")
        });
    })?;
    for (n, said) in &facts.disclosings {
        let held = held.get(n).copied().unwrap_or(0);
        // An erasure takes the person's disclosures with it.
        let holds = held == said.count || (held < said.count && *n < facts.last_erasure);
        claim.expect(holds, "disclosures-differ", Some(*n), || {
            format!("entry {n} disclosed {} people, and {held} are here", said.count)
        });
    }
    Ok(claim)
}

fn suppressions(conn: &Connection) -> Result<Claim> {
    let mut claim = Claim::new("suppressions", "everybody who is kept out was erased by an entry");
    sql::with_leaf(conn, Numbers::Suppressions, |[n, since]: [i64; 2], leaf| {
        claim.checked += 1;
        let (kind, at, _) = entry(leaf);
        // A restore keeps people out again, since their erasure and not since the restore.
        let holds = (kind == "erasure" && since == at) || (kind == "restore" && since <= at);
        claim.expect(holds, "suppression-without-entry", Some(n), || {
            format!("somebody is kept out by entry {n}, which is no erasure of that moment")
        });
        Ok(())
    })?;
    Ok(claim)
}

/// No entry names who is kept out (that would tie the ledger to people); the journal beside the key
/// does, by keyed fingerprints.
fn journal(path: &Path, conn: &Connection, facts: &Facts) -> Result<Claim> {
    let file = store::erasures_path(path);
    if !file.exists() {
        return Ok(Claim::unproven(
            "kept-out",
            "that all who were erased are kept out: the journal of erasures isn't beside the store",
        ));
    }
    let mut claim = Claim::new(
        "kept-out",
        "all whom the journal beside the key names are kept out, nobody else",
    );
    let Ok(notes) = store::read_erasures(&file) else {
        claim.find("journal-damaged", None, "the journal of erasures can't be read");
        return Ok(claim);
    };
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for note in notes {
        // A crash may leave a note of an erasure that didn't happen.
        let leaf = sql::leaf(conn, i64::try_from(note.entry).unwrap_or(-1))?;
        let (kind, at, _) = entry(leaf.as_deref());
        if kind == "restore" || (kind == "erasure" && at == note.at) {
            missing.extend(note.fingerprints);
        }
    }
    claim.checked = missing.len() as u64;
    let mut unknown = 0;
    sql::fingerprints(conn, |print| unknown += u64::from(!missing.remove(&hex(print))))?;
    claim.expect(missing.len() as u64 <= facts.lifted, "suppression-missing", None, || {
        format!(
            "{} fingerprints of erased people are gone, {} were lifted",
            missing.len(),
            facts.lifted
        )
    });
    claim.expect(unknown == 0, "suppression-unknown", None, || {
        format!("{unknown} fingerprints are kept out that no erasure in the journal names")
    });
    Ok(claim)
}

fn rows(conn: &Connection) -> Result<Claim> {
    let mut claim = Claim::new(
        "records",
        "keys of the erased are destroyed; records stand where merges put them",
    );
    for (code, what, count) in sql::impossible(conn)? {
        claim.checked += 1;
        claim.expect(count == 0, code, None, || format!("{count} {what}"));
    }
    Ok(claim)
}

fn schema(conn: &Connection) -> Result<Claim> {
    let mut claim = Claim::new("schema", "tables, indexes and triggers are candor's own");
    let pristine = Connection::open_in_memory()?;
    for script in MIGRATIONS {
        pristine.execute_batch(script)?;
    }
    let (expected, held) = (sql::schema(&pristine)?, sql::schema(conn)?);
    claim.checked = held.len() as u64;
    claim.expect(expected == held, "schema-differs", None, || {
        "the file's schema was changed by another program".into()
    });
    Ok(claim)
}
