//! What a store claims, as SQLite reads it: the measure by which a change that wasn't found is told
//! from a change of nothing that is claimed.

// Each test program uses its own part of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};
use sha2::{Digest, Sha256};

/// A column that no claim covers, or covers in part: what is left of it, and why. `ATTACKS.md` says
/// more.
pub struct Unclaimed {
    pub table: &'static str,
    pub column: &'static str,
    /// What is still claimed, in SQL; `0` for nothing.
    pub left: &'static str,
    pub why: &'static str,
}

/// Rows that no claim covers, told by a condition on those that are.
pub struct UnclaimedRows {
    pub table: &'static str,
    /// The rows that are claimed.
    pub claimed: &'static str,
    pub why: &'static str,
}

macro_rules! unclaimed {
    ($($table:literal $column:literal $left:literal $why:literal;)*) => {
        &[$(Unclaimed { table: $table, column: $column, left: $left, why: $why },)*]
    };
}

#[rustfmt::skip]
pub const UNCLAIMED: &[Unclaimed] = unclaimed! {
    "witness" "size" "0" "what a witness is known to have signed: a help for asking";
    "sqlite_sequence" "seq" "CASE name WHEN 'record' THEN seq ELSE 0 END" "numbers of subjects and disclosures that were passed over";
    "subject" "public_id" "0" "public ids stand under no entry but those of merges";
    "subject" "state" "state = 3" "that the law keeps something of a subject is told by its values";
    "record" "subject" "CASE WHEN (EXISTS (SELECT 1 FROM value v WHERE v.record = record.id AND v.state <> 4) OR EXISTS (SELECT 1 FROM statement t WHERE t.record = record.id)) AND NOT EXISTS (SELECT 1 FROM kept_salt k JOIN value v ON v.seq = k.seq WHERE k.item = 1 AND v.record = record.id) AND NOT EXISTS (SELECT 1 FROM kept_salt k JOIN event e ON e.seq = k.seq WHERE k.item = 2 AND e.record = record.id) THEN subject ELSE 0 END" "a record without values and statements, or of which the law keeps something";
    "record" "home" "CASE WHEN EXISTS (SELECT 1 FROM value v WHERE v.record = record.id AND v.state <> 4) OR EXISTS (SELECT 1 FROM statement t WHERE t.record = record.id) THEN home ELSE 0 END" "a record without values and statements";
    "record" "source" "CASE WHEN last_value = 0 THEN 0 ELSE source END" "a record without values";
    "record" "key_blind" "CASE WHEN EXISTS (SELECT 1 FROM value v WHERE v.record = record.id AND v.state <> 4) OR EXISTS (SELECT 1 FROM payload p JOIN entry e ON e.n = p.n WHERE p.record = record.id AND p.body <> zeroblob(length(p.body)) AND CAST(e.leaf AS TEXT) GLOB '*\"k\":\"profile.named\"*') THEN key_blind ELSE 0 END" "the key of a record that holds events alone";
    "merge_record" "record" "0" "a merge whose payload was erased";
    "merge_record" "merge" "0" "a merge whose payload was erased";
    "request" "record" "CASE WHEN kind = 4 AND state = 3 THEN 0 ELSE record END" "whose a request of erasure was";
    "notice" "id" "0" "a number that nothing refers to";
    "payload" "record" "CASE WHEN body = zeroblob(length(body)) THEN 0 ELSE record END" "whose an erased payload was";
    "payload" "body" "CASE WHEN body = zeroblob(length(body)) THEN 0 ELSE body END" "how long an erased text was";
    "value" "body" "CASE WHEN state = 4 AND body = zeroblob(length(body)) THEN 0 ELSE body END" "how long an erased text was";
    "event" "body" "CASE WHEN purposes = 2 AND body = zeroblob(length(body)) THEN 0 ELSE body END" "how long an erased text was";
    "value" "field" "CASE WHEN state = 4 THEN 0 ELSE field END" "the field of an erased value";
    "value" "purposes" "CASE WHEN state = 4 OR seq IN (SELECT seq FROM kept_salt WHERE item = 1) THEN 0 ELSE purposes END" "the purposes of what was erased or the law keeps";
    "value" "observed_at" "CASE WHEN state = 4 AND (observed_at <= 2147483647 OR observed_at = 140737488355327) THEN 0 ELSE observed_at END" "when an erased item was, if so long ago";
    "event" "at" "CASE WHEN purposes = 2 AND (at <= 2147483647 OR at = 140737488355327) THEN 0 ELSE at END" "when an erased item was, if so long ago";
    "event" "record" "CASE WHEN purposes = 2 THEN 0 ELSE record END" "whose an erased item was";
    "value" "record" "CASE WHEN state = 4 THEN 0 ELSE record END" "whose an erased item was";
    "event" "name" "CASE WHEN purposes = 2 THEN 0 ELSE name END" "the name of an erased event";
    "link" "id" "0" "a number that nothing refers to";
    "link" "a" "CASE kind WHEN 5 THEN a ELSE 0 END" "which two an open question, a join or a relation is between";
    "link" "b" "CASE kind WHEN 5 THEN b ELSE 0 END" "which two an open question, a join or a relation is between";
    "link" "identifier" "0" "the weights of pairs";
    "link" "weight" "0" "the weights of pairs";
    "question" "a" "CASE WHEN state IN (3, 4, 5, 6) THEN MIN(a, b) ELSE 0 END" "which two an open question, a join or a relation is between";
    "question" "b" "CASE WHEN state IN (3, 4, 5, 6) THEN MAX(a, b) ELSE 0 END" "which two an open question, a join or a relation is between";
    "question" "weight" "0" "the weights of pairs";
    "question" "household" "0" "the weights of pairs";
    "question" "decided_entry" "CASE state WHEN 7 THEN 0 ELSE decided_entry END" "which run took a question back";
    "outbox" "state" "state = 5" "how far a recall that waits is";
    "outbox" "attempts" "0" "how far a recall that waits is";
    "outbox" "next_at" "0" "how far a recall that waits is";
    "outbox" "status" "0" "how far a recall that waits is";
    "outbox" "queued_at" "CASE state WHEN 5 THEN 0 ELSE queued_at END" "when a recall that was told was queued";
    "event" "purposes" "CASE WHEN seq IN (SELECT seq FROM kept_salt WHERE item = 2) THEN 0 ELSE purposes END" "the purposes of what was erased or the law keeps";
};

#[rustfmt::skip]
pub const UNCLAIMED_ROWS: &[UnclaimedRows] = &[
    UnclaimedRows { table: "sqlite_sequence", claimed: "name = 'record' OR seq <> 0", why: "no number was given yet, which a missing row says as well" },
    UnclaimedRows { table: "purpose_set", claimed: "id = 2 OR id IN (SELECT purposes FROM value WHERE state <> 4 AND seq NOT IN (SELECT seq FROM kept_salt WHERE item = 1) UNION SELECT purposes FROM event WHERE seq NOT IN (SELECT seq FROM kept_salt WHERE item = 2))", why: "a set of purposes that only erased or kept items have" },
    UnclaimedRows { table: "meta", claimed: "name NOT GLOB 'shapes:*' AND name NOT GLOB 'dictionary:*'", why: "a dictionary that nothing was packed with" },
    UnclaimedRows { table: "subject", claimed: "id IN (SELECT subject FROM record UNION SELECT home FROM record)", why: "a subject without records" },
    UnclaimedRows { table: "link", claimed: "kind = 3 OR (kind = 6 AND model <> 0) OR (kind = 5 AND entry IN (SELECT decided_entry FROM question WHERE state IN (5, 6)))", why: "links that stand under no entry of their own" },
    UnclaimedRows { table: "meeting", claimed: "0", why: "the index of linking" },
    UnclaimedRows { table: "frequency", claimed: "0", why: "the index of linking" },
    UnclaimedRows { table: "compared", claimed: "0", why: "the index of linking" },
    UnclaimedRows { table: "newcomer", claimed: "0", why: "the index of linking" },
    UnclaimedRows { table: "outbox", claimed: "act >= 4", why: "what waits to be sent, for which the gate is asked then" },
    UnclaimedRows { table: "outbox_body", claimed: "k <> zeroblob(32) OR body <> zeroblob(length(body))", why: "an empty place of what a recall needed" },
    UnclaimedRows { table: "opt_in", claimed: "0", why: "links to confirm by" },
    UnclaimedRows { table: "import", claimed: "id IN (SELECT import FROM import_entry)", why: "what senders brought on a day" },
];

/// The rows of a file as SQLite reads them, each table in the order of its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The rows of which something is claimed, as far as it is, in no order that tells anything.
    pub claimed: BTreeMap<String, Vec<String>>,
    /// Everything.
    pub all: BTreeMap<String, Vec<Vec<Value>>>,
}

impl Reading {
    pub fn of(path: &Path) -> rusqlite::Result<Reading> {
        let conn = Connection::open(path)?;
        let tables = texts(&conn, "SELECT name FROM sqlite_schema WHERE type = 'table'")?;
        let (mut claimed, mut all) = (BTreeMap::new(), BTreeMap::new());
        for table in tables.into_iter().filter(|name| !name.starts_with("sqlite_stat")) {
            let columns = columns(&conn, &table)?;
            let left = columns.iter().map(|name| {
                let left = UNCLAIMED.iter().find(|u| u.table == table && u.column == *name);
                left.map_or_else(|| format!("\"{name}\""), |unclaimed| unclaimed.left.to_owned())
            });
            let left: Vec<String> = left.collect();
            let rows = UNCLAIMED_ROWS.iter().find(|rows| rows.table == table);
            let rows = rows.map_or("1", |rows| rows.claimed);
            let some = format!("SELECT {} FROM \"{table}\" WHERE {rows}", left.join(", "));
            let some = read(&conn, &some)?;
            let mut some: Vec<String> = some.iter().map(|row| format!("{row:?}")).collect();
            some.sort_unstable();
            claimed.insert(table.clone(), some);
            let whole = read(&conn, &format!("SELECT * FROM \"{table}\""))?;
            all.insert(table, whole);
        }
        Ok(Reading { claimed, all })
    }

    /// The claimed part in 32 bytes.
    pub fn digest(&self) -> [u8; 32] {
        let mut text = String::new();
        write!(text, "{:?}", self.claimed).expect("a text grows");
        Sha256::digest(text.as_bytes()).into()
    }

    /// The leaves in order, when they are numbered without a gap.
    pub fn leaves(&self) -> Vec<Vec<u8>> {
        let rows = self.all.get("entry").into_iter().flatten();
        let leaves = rows.map(|row| match &row[1] {
            Value::Blob(leaf) => leaf.clone(),
            other => format!("{other:?}").into_bytes(),
        });
        leaves.collect()
    }

    /// Why what differs from another reading, which claims the same, isn't claimed.
    pub fn unclaimed_beside(&self, other: &Reading) -> Vec<&'static str> {
        let mut why = Vec::new();
        for (table, rows) in &self.all {
            let others = &other.all[table];
            if rows == others {
                continue;
            }
            let cells = rows.iter().zip(others).flat_map(|(a, b)| a.iter().zip(b).enumerate());
            let differs = |column: usize| {
                rows.len() != others.len()
                    || cells.clone().any(|(at, (a, b))| at == column && a != b)
            };
            why.extend(UNCLAIMED_ROWS.iter().filter(|r| r.table == table).map(|r| r.why));
            let places = UNCLAIMED.iter().filter(|u| u.table == table);
            why.extend(places.filter(|u| differs(place(u))).map(|u| u.why));
        }
        why.sort_unstable();
        why.dedup();
        why
    }
}

/// The place of a column in its table.
fn place(unclaimed: &Unclaimed) -> usize {
    if unclaimed.table == "sqlite_sequence" {
        return 1;
    }
    let rule = candor::store::REGISTRY.iter().find(|rule| rule.table == unclaimed.table);
    let columns = rule.expect("the registry lists every table").columns;
    columns.iter().position(|(name, _)| *name == unclaimed.column).expect("and every column")
}

fn read(conn: &Connection, query: &str) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = conn.prepare(query)?;
    let columns = statement.column_count();
    // Text that isn't UTF-8 is read as bytes: another value than any text.
    let cell = |row: &rusqlite::Row<'_>, column| -> rusqlite::Result<Value> {
        let cell = row.get_ref(column)?;
        Ok(Value::try_from(cell).unwrap_or_else(|_| match cell {
            ValueRef::Text(bytes) => Value::Blob(bytes.to_vec()),
            _ => Value::Null,
        }))
    };
    let rows = statement.query_map([], |row| (0..columns).map(|i| cell(row, i)).collect())?;
    rows.collect()
}

pub fn texts(conn: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare(query)?;
    statement.query_map([], |row| row.get(0))?.collect()
}

pub fn columns(conn: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let none = conn.prepare(&format!("SELECT * FROM \"{table}\" LIMIT 0"))?;
    Ok(none.column_names().map(str::to_owned).collect())
}
