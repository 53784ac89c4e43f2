//! The small tables against the entries that they name, policies and notices against their texts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::base::error::Result;
use crate::ledger::commit;
use crate::ledger::scan::fields;
use crate::ledger::tree::Frontier;
use crate::ledger::vkey::VerifierKey;
use crate::policy::check::check as check_policy;
use crate::store::{self, Schema, WordKind, Words, hex, words_of};
use crate::subject::sql::RequestKind;

use super::claim::{Claim, legible};
use super::facts::{Disclosing, Facts, body};
use super::items::batch_fits;
use super::sql::{self, Numbers};

/// The version of the schema from which on categories are numbered.
const CATEGORIES_SINCE: usize = 2;

/// What an entry is, as far as the tables care: its kind, its time, its body.
fn entry(leaf: Option<&[u8]>) -> (String, i64, Value) {
    match leaf.map(fields) {
        Some(Ok(view)) => (view.kind.to_owned(), view.at.0, body(&view)),
        _ => (String::new(), -1, Value::Null),
    }
}

/// Whether an entry commits to a payload.
fn commits(leaf: Option<&[u8]>) -> bool {
    leaf.and_then(|leaf| fields(leaf).ok()).is_some_and(|view| view.commitment.is_some())
}

pub(super) fn check(
    path: &Path,
    conn: &Connection,
    words: &Words,
    facts: &Facts,
    keys: &[VerifierKey],
) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    let one = |claim: Result<Claim>| claim.map(|claim| vec![claim]);
    for (part, found) in [
        ("batches", one(batches(conn, facts))),
        ("tombstones", one(tombstones(conn, facts))),
        ("policies", one(policies(conn, facts))),
        ("merges", one(merges(conn, facts))),
        ("kept", one(kept(conn, facts))),
        ("requests", requests(conn, facts)),
        ("disclosures", one(disclosures(conn, words, facts))),
        ("audiences", one(audiences(conn, facts))),
        ("suppressions", one(suppressions(conn))),
        ("records", one(rows(conn))),
        ("schema", one(schema(conn))),
        ("kept-out", journal(path, conn, facts, keys)),
    ] {
        claims.extend(legible(part, found)?);
    }
    Ok(claims)
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
    let mut held: BTreeMap<i64, ([i64; 3], commit::Numbers)> = BTreeMap::new();
    sql::tombstones(conn, |[n, item, number]| {
        claim.checked += 1;
        let (counts, numbers) = held.entry(n).or_default();
        numbers.add(item, number);
        if let Some(place) = [1, 2, 3].iter().position(|kind| *kind == item) {
            counts[place] += 1;
        }
    })?;
    for n in held.keys().filter(|n| !facts.forgettings.contains_key(n)) {
        let what = format!("items count as erased by entry {n}, which erases nothing");
        claim.find("tombstone-without-entry", Some(*n), what);
    }
    for (n, said) in &facts.forgettings {
        let (counts, numbers) = held.remove(n).unwrap_or_default();
        let [values, events, disclosures] = counts;
        let holds = match said.goes_on {
            true => counts == [0; 3],
            false => {
                counts == [said.values, said.events, said.disclosures]
                    && numbers.digest() == said.numbers
            }
        };
        claim.expect(holds, "tombstones-differ", Some(*n), || {
            format!(
                "entry {n} erased {} values, {} events and {} disclosures, and {values}, {events} and \
                 {disclosures} are accounted for, or others",
                said.values, said.events, said.disclosures
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
    let version = sql::version(conn)?;
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
            // An older candor numbers no categories, until the store is opened for writing.
            if kind == WordKind::Category && version < CATEGORIES_SINCE {
                continue;
            }
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

fn merges(conn: &Connection, facts: &Facts) -> Result<Claim> {
    let mut claim = Claim::new("merges", "every merge and split is what its entry says");
    sql::with_leaf(conn, Numbers::Merges, |[id, n, undone, at, records]: [i64; 5], leaf| {
        claim.checked += 1;
        let taken_back = facts.splits.get(&n).copied().unwrap_or(0);
        claim.expect(taken_back == undone, "merge-differs", Some(taken_back.max(n)), || {
            format!("merge {id} was taken back by an entry, and counts otherwise here")
        });
        let (kind, written_at, body) = entry(leaf);
        // Where the payload was erased, so was the record that it was about.
        let gone = i64::from(facts.erased.contains_key(&n));
        let most = body["records"].as_i64().unwrap_or(0) - gone;
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

/// What the law keeps has another key than it came in under, and so a salt of its own; and it is in no
/// index. Whoever was not erased must have neither. An erasure doesn't say of whom it was, only of how many
/// records; who they were, the journal beside the key says.
fn kept(conn: &Connection, facts: &Facts) -> Result<Claim> {
    let mut claim =
        Claim::new("kept", "salts are kept only of those of whom an erasure left something");
    let salted = sql::salted_records(conn)?;
    claim.checked = salted.len() as u64;
    for (record, _) in salted.iter().filter(|(_, by_subject)| !by_subject) {
        let what = format!("something of record {record} is kept as if it was erased");
        claim.find("kept-without-erasure", None, what);
    }
    let whole = || facts.forgettings.iter().filter(|(_, said)| !said.goes_on);
    let erased: i64 = whole().map(|(_, said)| said.records).sum();
    let mut held = sql::destroyed_records(conn)?;
    held.extend(salted.iter().map(|(record, _)| *record));
    claim.expect(held.len() as u64 <= erased.unsigned_abs(), "kept-without-erasure", None, || {
        format!("{erased} records were erased, and {} count as erased here", held.len())
    });
    let last = whole().filter(|(_, said)| said.keeps).map(|(n, _)| *n).max().unwrap_or(0);
    let came = sql::last_salted_batch(conn)?;
    claim.expect(came <= last, "kept-without-erasure", Some(came), || {
        "something is kept as if it was erased, and it came in after the last erasure".into()
    });
    Ok(claim)
}

/// Requests against the entries that opened and ended them. What opened one that waited commits to the record that
/// asked; one that was answered at once is bound by its answer.
fn requests(conn: &Connection, facts: &Facts) -> Result<Vec<Claim>> {
    let mut claim = Claim::new("requests", "every request is what its entries say");
    let (mut open, mut bound, mut unbound) = (0, BTreeSet::new(), 0);
    // Numbers are given in order and none is taken back, and each opening makes one request: so which opened which
    // is certain.
    let mut before = 0;
    sql::with_leaf(conn, Numbers::Requests, |row: [i64; 8], leaf| {
        let [id, n, at, closed, state, code, closed_at, record] = row;
        let in_order = std::mem::replace(&mut before, n) < n;
        claim.checked += 1;
        open += u64::from(state == 2);
        let (kind, written_at, body) = entry(leaf);
        let due = sql::due_on(conn, id)?;
        let holds = kind == "request.open"
            && in_order
            && u64::try_from(id) == Ok(claim.checked)
            && (closed == 0 || closed > n)
            && at == written_at
            && body["due"].as_str() == Some(&due)
            && body["kind"].as_str() == RequestKind::of(code).map(RequestKind::word)
            && matches!((state, closed, closed_at), (2, 0, 0) | (3, 1.., 1..));
        claim.expect(holds, "request-differs", Some(n), || {
            format!("request {id} is not what entry {n} says")
        });
        if commits(leaf) {
            bound.insert(id);
            let asked = sql::payload_record(conn, n)? == Some(record);
            claim.expect(asked, "request-differs", Some(n), || {
                format!("request {id} is another's than entry {n} says")
            });
        } else if state == 2 {
            // An erasure that was done and waits for its proof has nobody any more.
            let done = code == RequestKind::Erasure as i64 && !sql::is_untouched(conn, record)?;
            unbound += u64::from(!done);
        }
        Ok(())
    })?;
    sql::with_leaf(conn, Numbers::Closings, |[id, n, at, record]: [i64; 4], leaf| {
        let (kind, written_at, body) = entry(leaf);
        // What was handed out is committed to under the key of the record that asked.
        let asked = match body["by"]["export"].as_i64() {
            Some(export) if !bound.contains(&id) => {
                sql::payload_record(conn, export)? == Some(record)
            }
            _ => true,
        };
        let holds = kind.starts_with("request.")
            && at == written_at
            && body["req"].as_i64() == Some(id)
            && asked;
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
    let ended = facts.kinds.get("request.close").copied().unwrap_or(0);
    claim.expect(ended + open == held, "request-differs", None, || {
        format!("{ended} requests were closed, and {open} of {held} are open here")
    });
    let mut claims = vec![claim];
    if unbound > 0 {
        let what = format!(
            "whose {unbound} of the open requests are: an older candor opened them, and its entries don't say it"
        );
        claims.push(Claim::unproven("who-asked", &what));
    }
    Ok(claims)
}

fn disclosures(conn: &Connection, words: &Words, facts: &Facts) -> Result<Claim> {
    let mut claim = Claim::new(
        "disclosures",
        "every disclosure is of the run that its entry tells of, and of the person that it reached",
    );
    // Runs by the number of their first row: each has one stretch of numbers.
    let runs: BTreeMap<i64, (i64, &Disclosing)> =
        facts.disclosings.iter().map(|(n, said)| (said.first, (*n, said))).collect();
    let mut trees: BTreeMap<i64, Frontier> = BTreeMap::new();
    sql::disclosures(conn, |disclosed| {
        claim.checked += 1;
        let id = disclosed.id;
        let run = runs.range(..=id).next_back().map(|(_, run)| *run);
        let Some((n, said)) = run.filter(|(_, said)| id < said.first + said.count) else {
            let what = format!("disclosure {id} was made by no entry");
            claim.find("disclosure-without-entry", None, what);
            return;
        };
        let made = match &disclosed.row {
            None => {
                claim.erased += 1;
                disclosed.tombstone.as_deref().and_then(|made| made.try_into().ok())
            }
            Some([entry, at, destination, purpose, along]) => {
                claim.expect((*along == 1) == (id >= said.first + said.people), "disclosure-differs", Some(n), || {
                    format!("disclosure {id} is of the record that supplied the address, or isn't, against entry {n}")
                });
                claim.expect(*entry == n, "disclosure-without-entry", Some(n), || {
                    format!("disclosure {id} was not made by entry {entry}")
                });
                let holds = *at == said.at
                    && words.code(WordKind::Destination, &said.destination) == Some(*destination)
                    && words.code(WordKind::Purpose, &said.purpose) == Some(*purpose);
                claim.expect(holds, "disclosure-differs", Some(n), || {
                    format!("disclosure {id} is not of the run of entry {n}")
                });
                let key = disclosed.key.as_deref().and_then(|key| key.try_into().ok());
                key.map(|key| commit::disclosure_commitment(&key, id.unsigned_abs()))
            }
        };
        trees.entry(n).or_default().append(commit::item_leaf(&made.unwrap_or([0; 32])));
    })?;
    for (n, said) in &facts.disclosings {
        let tree = trees.remove(n).unwrap_or_default();
        let held = tree.size();
        let same = i64::try_from(held) == Ok(said.count) && tree.root().to_string() == said.root;
        claim.expect(same, "disclosures-differ", Some(*n), || {
            format!("entry {n} made {} disclosures, and {held} are here, or others", said.count)
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
/// does, by keyed fingerprints. The key signed each of its lines, and entries commit to what it tells.
fn journal(
    path: &Path,
    conn: &Connection,
    facts: &Facts,
    keys: &[VerifierKey],
) -> Result<Vec<Claim>> {
    let file = store::erasures_path(path);
    if !file.exists() {
        return Ok(vec![Claim::unproven(
            "kept-out",
            "that all who were erased are kept out: the journal of erasures isn't beside the store",
        )]);
    }
    let mut claim = Claim::new(
        "kept-out",
        "all whom the journal beside the key names are kept out, nobody else",
    );
    let Ok(notes) = store::read_erasures(&file) else {
        claim.find("journal-damaged", None, "the journal of erasures can't be read");
        return Ok(vec![claim]);
    };
    let remembered = store::SignedState::read(&store::state_path(path)).ok().flatten();
    let least = remembered.map_or(0, |state| state.notes);
    claim.expect(notes.len() as u64 >= least, "journal-cut", None, || {
        format!("the journal has {} notes, and its key remembers {least}", notes.len())
    });
    let forged = notes.iter().filter(|note| !note.is_signed_by(keys)).count();
    claim.expect(forged == 0, "journal-forged", None, || {
        format!("{forged} notes of the journal are not as a key of this ledger signed them")
    });
    // A journal that was lost and begun again knows nothing of erasures before.
    let since = notes.iter().filter(|note| note.lost).map(|note| note.entry).max();
    // Each fingerprint with the erasures that name it: by which entry, since when.
    let mut named: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
    let mut restores: BTreeSet<i64> = BTreeSet::new();
    let destroyed = sql::destroyed_records(conn)?;
    // Somebody's erasure names each record that is destroyed, or of which the law keeps something.
    let (mut unnamed, mut complete) = (destroyed.clone(), true);
    let kept = sql::kept_records(conn)?;
    unnamed.extend(&kept);
    for note in notes {
        let by = (i64::try_from(note.entry).unwrap_or(-1), note.at);
        // A crash may leave a note of an erasure that didn't happen.
        let leaf = sql::leaf(conn, by.0)?;
        let (kind, at, body) = entry(leaf.as_deref());
        let is_erasure = kind == "erasure" && at == note.at && !note.lost;
        if note.restored.is_some() {
            restores.insert(by.0);
        }
        if is_erasure || kind == "restore" {
            for print in note.fingerprints {
                named.entry(print).or_default().push(by);
            }
        }
        if is_erasure {
            complete &= body["records"].as_u64() == Some(note.records.len() as u64);
            let told = note.told.as_ref().and_then(commit::told);
            claim.expect(
                told.as_deref() == body["told"].as_str(),
                "journal-differs",
                Some(by.0),
                || {
                    format!(
                        "the journal tells other of the erasure of entry {} than it commits to",
                        by.0
                    )
                },
            );
            for record in &note.records {
                // Whoever is erased is gone, or there is something that the law keeps of them.
                // Several erasures name a record of which the first ones left something.
                unnamed.remove(record);
                complete &= destroyed.contains(record)
                    || kept.contains(record)
                    || (sql::record_exists(conn, *record)? && !sql::is_untouched(conn, *record)?);
            }
        }
    }
    let complete = complete && (unnamed.is_empty() || since.is_some());
    claim.expect(complete, "journal-differs", None, || {
        "the journal names other records than were erased, so a restore couldn't repeat it".into()
    });
    claim.checked = named.len() as u64;
    let (mut unknown, mut others) = (0, Vec::new());
    sql::fingerprints(conn, |print, entry, at| match named.remove(&hex(print)) {
        Some(by) if by.contains(&(entry, at)) => {}
        Some(by) => others.push((entry, by)),
        None => {
            let before = since.is_some_and(|since| u64::try_from(entry).is_ok_and(|n| n < since));
            unknown += u64::from(!before);
        }
    })?;
    // A restore by an older candor wrote no note of itself, and kept people out by its own entry whom only
    // the erasures name that it repeated after it.
    let mut differ = 0;
    for (n, by) in others {
        let leaf = sql::leaf(conn, n)?;
        let repeated = !restores.contains(&n)
            && entry(leaf.as_deref()).0 == "restore"
            && by.iter().any(|(after, _)| *after > n);
        differ += u64::from(!repeated);
    }
    let missing = named.len() as u64;
    claim.expect(missing <= facts.lifted, "suppression-missing", None, || {
        format!("{missing} fingerprints of erased people are gone, {} were lifted", facts.lifted)
    });
    claim.expect(differ == 0, "suppression-differs", None, || {
        format!(
            "{differ} fingerprints are kept out by another erasure than the one that named them"
        )
    });
    claim.expect(unknown == 0, "suppression-unknown", None, || {
        format!("{unknown} fingerprints are kept out that no erasure in the journal names")
    });
    let mut claims = vec![claim];
    if let Some(since) = since {
        claims.push(Claim::unproven(
            "kept-out",
            &format!(
                "that all who were erased before entry {since} are kept out: the journal of erasures was \
                 lost then"
            ),
        ));
    }
    Ok(claims)
}

/// Audiences are rules about people, and hold none: what their entries commit to is their texts.
fn audiences(conn: &Connection, facts: &Facts) -> Result<Claim> {
    let mut claim = Claim::new("audiences", "every audience is the text that its entry commits to");
    let mut said = facts.audiences.clone();
    for one in sql::audiences(conn)? {
        claim.checked += 1;
        let sha256 = hex(&Sha256::digest(one.text.as_bytes()));
        let holds = said.remove(&one.entry) == Some((one.name, i64::from(one.version), sha256));
        claim.expect(holds, "audience-differs", Some(one.entry), || {
            format!("an audience isn't the one that entry {} defined", one.entry)
        });
    }
    for n in said.keys() {
        let what = format!("the audience that entry {n} defined is gone");
        claim.find("audience-missing", Some(*n), what);
    }
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
    let schema = Schema::of(conn)?;
    claim.checked = schema.count;
    claim.expect(schema.is_own, "schema-differs", None, || {
        "the file's schema was changed by another program".into()
    });
    claim.expect(!schema.has_statistics, "schema-differs", None, || {
        "ANALYZE left numbers about the data, and samples of it, which an erasure doesn't reach: DROP TABLE \
         sqlite_stat1 (and sqlite_stat4) takes them out"
            .into()
    });
    Ok(claim)
}
