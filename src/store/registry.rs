//! Every table and column, with what kind of data it holds and what an erasure does with it.
//!
//! A test reads the schema and fails when a column isn't here, so no table can be added without
//! deciding how it forgets.

/// What a column says about people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensitivity {
    /// Personal data, always sealed under the record's key.
    Personal,
    /// Points at a person by an integer or a keyed hash that means nothing outside the store.
    Pseudonymous,
    /// Nothing about a person.
    None,
}

/// What erasing a subject does with a table's rows about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasureAct {
    /// Overwritten where they stand, byte for byte; the row's number stays.
    Overwrite,
    /// Deleted: the rows hold integers and keyed hashes only.
    Delete,
    /// Kept: the rows name nobody once the record's key is gone.
    Keep,
    /// Added: the erasure writes here.
    Add,
    /// Not about people.
    Untouched,
}

/// The rule of one table.
#[derive(Clone, Copy, Debug)]
pub struct TableRule {
    /// The table.
    pub table: &'static str,
    /// What an erasure does.
    pub erasure: ErasureAct,
    /// Its columns.
    pub columns: &'static [(&'static str, Sensitivity)],
}

use ErasureAct::{Add, Delete, Keep, Overwrite, Untouched};
use Sensitivity::{None as No, Personal, Pseudonymous as Pseudo};

macro_rules! table {
    ($table:literal, $erasure:expr, $($column:ident: $kind:expr),* $(,)?) => {
        TableRule { table: $table, erasure: $erasure, columns: &[$((stringify!($column), $kind),)*] }
    };
}

/// The registry.
pub const REGISTRY: &[TableRule] = &[
    table!("meta", Untouched, name: No, value: No),
    table!("word", Untouched, kind: No, code: No, text: No, since: No),
    table!("purpose_set", Untouched, id: No, mask: No),
    table!("entry", Keep, n: No, leaf: Pseudo),
    table!("node", Untouched, level: No, i: No, h: No),
    table!("checkpoint", Untouched, size: No, note: No),
    table!("signing_key", Untouched, entry: No, vkey: No),
    table!("witness", Untouched, vkey: No, url: No, entry: No, size: No),
    table!("cosignature", Untouched, size: No, vkey: No, line: No, at: No, entry: No),
    table!("timestamp", Untouched, entry: No, size: No, authority: No, token: No, at: No),
    table!("refusal", Untouched, entry: No, vkey: No, request: No, answer: No),
    table!("payload", Overwrite, n: No, record: Pseudo, body: Personal),
    table!("policy", Untouched, version: No, entry: No, applied_at: No, sha256: No, text: No),
    table!("notice", Untouched, id: No, name: No, version: No, language: No, material: No,
        sha256: No, text: No, policy: No),
    table!("subject", Delete, id: Pseudo, public_id: Pseudo, state: No),
    table!("record", Delete, id: Pseudo, subject: Pseudo, home: Pseudo, source: No,
        key_blind: Pseudo, last_value: Pseudo),
    table!("record_key", Overwrite, record: Pseudo, k: Personal),
    table!("value", Overwrite, seq: No, record: Pseudo, prev: Pseudo, field: No, purposes: No,
        observed_at: Pseudo, state: No, body: Personal),
    table!("identifier", Delete, blind: Pseudo, record: Pseudo, kind: No, value: Pseudo),
    table!("link", Delete, id: No, a: Pseudo, b: Pseudo, kind: No, identifier: No, weight: No,
        model: No, entry: No, retired_entry: No),
    table!("merge", Delete, id: No, from_subject: Pseudo, into_subject: Pseudo, at: No, entry: No,
        undone_entry: No),
    table!("merge_record", Delete, merge: No, record: Pseudo),
    table!("model", Untouched, version: No, entry: No, at: No, records: No, salt: No, body: No),
    table!("question", Delete, id: No, a: Pseudo, b: Pseudo, weight: No, household: No, model: No,
        entry: No, state: No, decided_entry: No),
    table!("meeting", Delete, key: Pseudo, record: Pseudo),
    table!("frequency", Delete, hash: Pseudo, records: No),
    table!("compared", Delete, record: Pseudo, fields: Pseudo, meetings: Pseudo, hashes: Pseudo),
    table!("newcomer", Delete, record: Pseudo),
    table!("event", Overwrite, seq: No, record: Pseudo, prev: Pseudo, name: No, purposes: No,
        at: Pseudo, mid: Pseudo, body: Personal),
    table!("rollup", Delete, record: Pseudo, name: No, count: Pseudo, sum: Pseudo,
        first_at: Pseudo, last_at: Pseudo, last_event: Pseudo),
    table!("batch", Keep, n: No, recorded_at: No, policy: No, source: No, first_value: No,
        value_count: No, first_event: No, event_count: No),
    table!("tombstone", Add, item: No, seq: No, commitment: No, entry: No),
    table!("kept_salt", Add, item: No, seq: No, salt: Pseudo),
    table!("statement", Delete, n: No, record: Pseudo, axis: No, purpose: Pseudo, channel: Pseudo,
        state: Pseudo, explicit: Pseudo, confirmed: Pseudo, own: No, source: No,
        notice_version: Pseudo, every_days: Pseudo, valid_at: Pseudo, recorded_at: No),
    table!("suppression", Add, fingerprint: Pseudo, since: No, entry: No),
    table!("disclosure", Delete, id: No, entry: No, record: Pseudo, destination: No, purpose: No,
        at: Pseudo),
    table!("disclosed_along", Delete, disclosure: Pseudo),
    table!("request", Keep, id: No, record: Pseudo, kind: No, state: No, opened_at: No, due_on: No,
        closed_at: No, opened_entry: No, closed_entry: No),
    table!("sought", Add, request: No, piece: No),
    table!("import", Keep, id: No, source: No, file: Pseudo, policy: No, state: No,
        resume_line: No, started_at: No, finished_at: No, totals: No),
    table!("parting", Delete, record: Pseudo, entry: No, home: Pseudo),
    table!("import_entry", Keep, import: No, entry: No),
    table!("write_key", Untouched, id: No, source: No, label: No, print: No, reach: No,
        expires_at: No, entry: No, revoked_entry: No),
    table!("token", Untouched, id: No, label: No, print: No, role: No, purposes: No,
        destination: No, expires_at: No, entry: No, revoked_entry: No),
    table!("outbox", Delete, id: No, destination: No, record: Pseudo, act: No, item: Pseudo,
        queued_at: No, attempts: No, next_at: No, state: No, disclosure: Pseudo, status: No),
    table!("outbox_body", Overwrite, outbox: Pseudo, k: Personal, body: Personal),
    table!("opt_in", Delete, statement: No, record: Pseudo, print: Pseudo, mailed_at: Pseudo,
        until: No),
    table!("audience", Untouched, name: No, version: No, entry: No, text: No),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Law 6: "Erased means gone" needs a decision for every column.
    #[test]
    fn every_table_and_column_is_classified() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        super::super::sql::migrate(&conn, 0).unwrap();
        let mut statement = conn
            .prepare(
                "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
            )
            .unwrap();
        let mut found: Vec<(String, String)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        found.sort();
        let mut listed: Vec<(String, String)> = REGISTRY
            .iter()
            .flat_map(|t| t.columns.iter().map(|(c, _)| (t.table.to_owned(), (*c).to_owned())))
            .collect();
        listed.sort();
        assert_eq!(found, listed, "a column is missing in the registry, or no longer exists");
    }

    #[test]
    fn personal_columns_are_overwritten_in_place() {
        for rule in REGISTRY {
            if rule.columns.iter().any(|(_, kind)| *kind == Sensitivity::Personal) {
                assert_eq!(rule.erasure, ErasureAct::Overwrite, "{}", rule.table);
            }
        }
    }
}
