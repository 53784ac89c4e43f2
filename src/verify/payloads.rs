//! Payloads against the commitments in their entries, and statements refolded from them.

use rusqlite::Connection;
use serde_json::Value;

use crate::base::error::Result;
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::consent::history::{days_name, entry_kind};
use crate::consent::statement::{Axis, state_code};
use crate::ledger::commit;
use crate::ledger::scan::{LeafView, fields};
use crate::policy::types::ConsentState;
use crate::store::{WordKind, Words};

use super::claim::{Claim, legible};
use super::facts::Facts;
use super::holders::{Births, Holders};
use super::linking::Linking;
use super::names::Names;
use super::sql::{self, Stated};
use super::subjects::{Moves, public_id, records};

/// How the kinds of entries about statements begin.
const SPOKEN: [&str; 7] =
    ["consent.", "channel.", "objection.", "restriction.", "notice.", "frequency.", "hold."];

pub(super) fn check(
    conn: &Connection,
    words: &Words,
    facts: &Facts,
    holders: &Holders,
    births: &mut Births,
) -> Result<Vec<Claim>> {
    let mut payloads = Claim::new(
        "payloads",
        "every payload is what its entry commits to, or was erased by an entry that says so",
    );
    let mut statements =
        Claim::new("statements", "every consent statement is what its entry's payload says");
    let mut merges = Claim::new("merge-payloads", "every merge entry stands behind a merge");
    let (mut moves, mut linking, mut names) =
        (Moves::default(), Linking::default(), Names::default());
    for (table, n) in sql::orphans(conn)? {
        let what = format!("a row of {table} belongs to no entry ({n})");
        match table {
            "statement" => statements.find("statement-without-entry", Some(n), what),
            _ => payloads.find("payload-without-entry", Some(n), what),
        }
    }
    sql::stated(conn, |row| {
        let Ok(view) = fields(&row.leaf) else { return Ok(()) };
        let n = row.n;
        let of = row.payload.as_ref().map_or(0, |(record, _)| *record);
        let opened = payload(&mut payloads, facts, &row, &view);
        if let Some(place) = holders.place(of) {
            births.note(place, n, opened.is_some());
        }
        let spoken = SPOKEN.iter().any(|kind| view.kind.starts_with(kind));
        if spoken || row.statement.is_some() {
            statements.checked += 1;
            let expected = opened.as_ref().filter(|_| spoken).and_then(|payload| {
                folded(words, payload, of).filter(|(_, kind)| kind == view.kind)
            });
            match (expected, row.statement) {
                (Some((expected, _)), Some(held)) => {
                    statements.expect(expected == held, "statement-differs", Some(n), || {
                        format!("the statement of entry {n} is not what its payload says")
                    });
                    let home = opened.as_ref().and_then(|payload| payload["home"].as_i64());
                    let stands = holders.place(of).and_then(|place| holders.at(place).row);
                    let at_home = home == stands.map(|[_, _, home]| home);
                    statements.expect(at_home, "statement-moved", Some(n), || {
                        format!("what entry {n} says was said of somebody else")
                    });
                }
                (None, Some(_)) => {
                    let what =
                        format!("a statement stands on entry {n}, whose payload doesn't say it");
                    statements.find("statement-without-entry", Some(n), what);
                }
                (Some(_), None) => {
                    let what = format!("entry {n} has lost its statement");
                    statements.find("statement-missing", Some(n), what);
                }
                (None, None) if facts.erased.contains_key(&n) => statements.erased += 1,
                (None, None) => {
                    let what = format!("the payload of entry {n} doesn't say a statement");
                    statements.find("statement-missing", Some(n), what);
                }
            }
        }
        moves.follow(n, &view, opened.as_ref().map(|said| (of, said)));
        linking.follow(n, &view, opened.as_ref().map(|said| (of, said)));
        names.follow(n, &view, opened.as_ref().map(|said| (of, said)));
        if view.kind == "profile.merge"
            && let Some(said) = &opened
        {
            merges.checked += 1;
            let holds = merge_fits(conn, n, said)?;
            merges.expect(holds, "merge-differs", Some(n), || {
                format!("the merge of entry {n} is not what its payload says")
            });
        }
        Ok(())
    })?;
    let mut claims = vec![payloads, statements, merges];
    let parts = [
        ("partings", moves.check_partings(conn)),
        ("subjects", moves.check(conn)),
        ("linking", linking.check(conn)),
        ("names", names.check(conn, words, holders)),
    ];
    for (part, claim) in parts {
        claims.extend(legible(part, claim.map(|claim| vec![claim]))?);
    }
    Ok(claims)
}

/// Whether the merge that an entry made is of the subjects and records that its payload names. An
/// erasure takes its people's part of it.
fn merge_fits(conn: &Connection, n: i64, said: &Value) -> Result<bool> {
    let ids = (public_id(said, "from"), public_id(said, "into"));
    let held = sql::merged(conn, n)?;
    let gone = !sql::subject_exists(conn, ids.0)? || !sql::subject_exists(conn, ids.1)?;
    if held.is_none() {
        return Ok(gone);
    }
    let mut moved = sql::moved_by(conn, n)?;
    for record in records(said) {
        let stands = moved.remove(&record);
        if !stands && sql::record_exists(conn, record)? {
            return Ok(false);
        }
    }
    Ok(held == Some(ids) && moved.is_empty())
}

/// Checks one entry's payload; gives what it says where it opens.
fn payload(claim: &mut Claim, facts: &Facts, row: &Stated, view: &LeafView<'_>) -> Option<Value> {
    let n = row.n;
    let erased = facts.erased.get(&n).filter(|by| **by > n);
    let Some(commitment) = view.commitment else {
        claim.expect(row.payload.is_none(), "payload-without-entry", Some(n), || {
            format!("a payload stands on entry {n}, which commits to none")
        });
        return None;
    };
    claim.checked += 1;
    // What is erased is overwritten, and its row stays.
    let Some((_, body)) = &row.payload else {
        claim.find("payload-missing", Some(n), format!("the payload of entry {n} is MISSING"));
        return None;
    };
    let blank = body.iter().all(|byte| *byte == 0);
    match (blank, erased) {
        (true, Some(_)) => {
            claim.erased += 1;
            return None;
        }
        (true, None) => {
            let what =
                format!("the payload of entry {n} is MISSING: blank, and no erasure says so");
            claim.find("payload-missing", Some(n), what);
            return None;
        }
        (false, Some(by)) => {
            let what = format!(
                "ERASURE INCOMPLETE: entry {by} erased the payload of entry {n}, and it is there"
            );
            claim.find("erasure-incomplete", Some(n), what);
            return None;
        }
        (false, None) => {}
    }
    let key = RecordKey(row.key.clone().unwrap_or_default().try_into().unwrap_or([0; 32]));
    let mut opened = body.clone();
    apply_seal(&key, Sealed::Payload, n, &mut opened);
    let holds = commit::commitment(&commit::salt(&key.0, view.number), &opened)
        == commitment.bytes()
        && view.tag.is_some_and(|tag| tag.bytes() == commit::tag(&key.0, view.number));
    claim.expect(holds, "payload-changed", Some(n), || {
        format!("the payload of entry {n} is not what the entry commits to")
    });
    if holds { serde_json::from_slice(&opened).ok() } else { None }
}

/// The row that a payload folds to, and the kind of its entry.
fn folded(words: &Words, payload: &Value, record: i64) -> Option<([i64; 13], String)> {
    let axis = Axis::of(payload["axis"].as_i64()?)?;
    let state: ConsentState = payload["state"].as_str()?.parse().ok()?;
    let word = |kind, name: &str| match payload[name].as_str() {
        Some(text) => words.code(kind, text),
        None => Some(0),
    };
    let flag = |name: &str| payload[name].as_bool().map(i64::from);
    let notice = match payload["notice"].as_str() {
        Some(text) => text.rsplit_once('@')?.1.parse().ok()?,
        None => 0,
    };
    let row = [
        record,
        axis as i64,
        word(WordKind::Purpose, "purpose")?,
        match axis {
            Axis::Hold => word(WordKind::Category, "category")?,
            _ => word(WordKind::Channel, "channel")?,
        },
        state_code(state),
        flag("explicit")?,
        flag("confirmed")?,
        flag("own")?,
        word(WordKind::Source, "source")?,
        notice,
        payload[days_name(axis)].as_i64().unwrap_or(0),
        payload["at"].as_i64()?,
        payload["recorded_at"].as_i64()?,
    ];
    Some((row, entry_kind(axis, state)))
}
