//! Attacks by somebody who knows the file well: several rows that are changed so that they fit each other.

use candor::base::secret::{RecordKey, Sealed, apply_seal};
use candor::ledger::commit::{ItemKind, item_salt};
use rusqlite::{Connection, params};

use super::attacks::Attack;
use super::attacks::How::Does;
use super::small::Small;

const fn found(name: &'static str, how: fn(&Small, &Connection), code: &'static str) -> Attack {
    Attack { name, how: Does(how), file_only: code, kept: code, beside: code }
}

#[rustfmt::skip]
pub const CRAFTED: &[Attack] = &[
    found("give consents, events and disclosures to another by a copy of their record's key", share_key, "key-shared"),
    found("give a record another number, and its old one to nobody", renumber, "record-order"),
    found("hide a living person, as if the law kept something of an erased one", |_, conn| hide(conn), "kept-without-erasure"),
    found("hide a living person, and call the subject kept by law", hide_and_call_kept, "kept-without-erasure"),
    found("move a record by a link of no kind", |_, conn| move_by_link(conn, 1), "record-moved"),
    found("move a record by a link that has ended", |_, conn| move_by_link(conn, 2), "record-moved"),
    found("move a record by a parting that nobody made", |_, conn| move_by_link(conn, 5), "record-moved"),
    found("move a record by a merge whose payload was erased", move_by_merge, "record-moved"),
    found("add a link of no kind", |_, conn| add_link(conn, 7), "link-unknown"),
    found("add a decision to join that nobody made", |_, conn| add_link(conn, 4), "link-without-entry"),
    found("put in a record that no entry brought, under the key of whoever comes next", |_, conn| ghost(conn, "crm", 1 << 62), "record-without-entry"),
    found("give a \"no\" to somebody else with its record, whose home and blind names go with it", give_a_no_away, "statement-moved"),
];

fn one(conn: &Connection, query: &str) -> i64 {
    conn.query_row(query, [], |row| row.get(0)).unwrap_or_else(|e| panic!("{query}: {e}"))
}

/// A living record that nothing ever moved.
const STILL: &str =
    "r.subject = r.home AND NOT EXISTS (SELECT 1 FROM merge_record m WHERE m.record = r.id)
    AND r.subject NOT IN (SELECT from_subject FROM merge UNION SELECT into_subject FROM merge)
    AND NOT EXISTS (SELECT 1 FROM request q WHERE q.record = r.id)
    AND (SELECT state FROM subject s WHERE s.id = r.subject) = 2";

/// Gives all rows of a record in some tables to another one.
fn give(conn: &Connection, tables: &[&str], from: i64, to: i64) {
    for table in tables {
        let sql = format!("UPDATE {table} SET record = $1 WHERE record = $2");
        conn.execute(&sql, [to, from]).unwrap();
    }
}

/// A new record beside another, of the same source and key; in the home of somebody else, with no value.
fn twin(conn: &Connection, of: i64, home: &str) -> i64 {
    let sql = format!(
        "INSERT INTO record (subject, home, source, key_blind, last_value)
         SELECT {home}, {home}, source, key_blind + 1, 0 FROM record r WHERE r.id = $1"
    );
    conn.execute(&sql, [of]).unwrap();
    let twin = conn.last_insert_rowid();
    let sql = "INSERT INTO record_key SELECT $1, k FROM record_key WHERE record = $2";
    conn.execute(sql, [twin, of]).unwrap();
    twin
}

const SOMEBODY_ELSE: &str =
    "(SELECT MIN(s.id) FROM subject s WHERE s.state = 2 AND s.id <> r.subject)";

fn share_key(_: &Small, conn: &Connection) {
    let of = one(
        conn,
        &format!(
            "SELECT MIN(r.id) FROM record r JOIN statement t ON t.record = r.id WHERE {STILL}"
        ),
    );
    let twin = twin(conn, of, SOMEBODY_ELSE);
    give(conn, &["payload", "statement", "disclosure", "event", "rollup"], of, twin);
}

fn renumber(_: &Small, conn: &Connection) {
    let of = one(
        conn,
        &format!("SELECT MIN(r.id) FROM record r JOIN value v ON v.record = r.id WHERE {STILL}"),
    );
    let twin = twin(conn, of, "r.home");
    conn.execute(
        "UPDATE record SET (key_blind, last_value) =
           (SELECT key_blind, last_value FROM record WHERE id = $1) WHERE id = $2",
        [of, twin],
    )
    .unwrap();
    conn.execute("UPDATE record SET key_blind = key_blind + 1, last_value = 0 WHERE id = $1", [of])
        .unwrap();
    conn.execute("UPDATE record_key SET k = randomblob(32) WHERE record = $1", [of]).unwrap();
    let tables = ["value", "identifier", "payload", "statement", "disclosure", "event", "rollup"];
    give(conn, &tables, of, twin);
    for side in ["a", "b"] {
        let sql = format!("UPDATE link SET {side} = $1 WHERE {side} = $2");
        conn.execute(&sql, [twin, of]).unwrap();
    }
}

/// Seals what is held of a person anew under another key, keeps the old salts, and takes them out of the
/// index: as an erasure does with what the law keeps. Gives the record.
fn hide_record(conn: &Connection) -> i64 {
    // Committed to under the old key alone are payloads, so somebody who never said anything.
    let record = one(
        conn,
        &format!(
            "SELECT MIN(r.id) FROM record r WHERE {STILL}
             AND EXISTS (SELECT 1 FROM value v WHERE v.record = r.id AND v.state = 2)
             AND NOT EXISTS (SELECT 1 FROM value v WHERE v.record = r.id AND v.state = 4)
             AND NOT EXISTS (SELECT 1 FROM payload p WHERE p.record = r.id)
             AND NOT EXISTS (SELECT 1 FROM disclosure d WHERE d.record = r.id)
             AND (SELECT COUNT(*) FROM record o WHERE o.subject = r.subject) = 1"
        ),
    );
    let key = |conn: &Connection| -> [u8; 32] {
        let sql = "SELECT k FROM record_key WHERE record = $1";
        conn.query_row(sql, [record], |row| row.get(0)).unwrap()
    };
    let old = key(conn);
    conn.execute("UPDATE record_key SET k = randomblob(32) WHERE record = $1", [record]).unwrap();
    let new = key(conn);
    for (item, table, kind, sealed) in
        [(1, "value", ItemKind::Value, Sealed::Value), (2, "event", ItemKind::Event, Sealed::Event)]
    {
        let query = format!("SELECT seq, body FROM {table} WHERE record = $1");
        let mut statement = conn.prepare(&query).unwrap();
        let rows = statement.query_map([record], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        for row in rows {
            let (seq, mut body): (i64, Vec<u8>) = row.unwrap();
            apply_seal(&RecordKey(old), sealed, seq, &mut body);
            apply_seal(&RecordKey(new), sealed, seq, &mut body);
            let sql = format!("UPDATE {table} SET body = $1 WHERE seq = $2");
            conn.execute(&sql, params![body, seq]).unwrap();
            let salt = item_salt(&old, kind, seq.unsigned_abs());
            let sql = "INSERT INTO kept_salt VALUES ($1, $2, $3)";
            conn.execute(sql, params![item, seq, &salt[..]]).unwrap();
        }
    }
    conn.execute("DELETE FROM identifier WHERE record = $1", [record]).unwrap();
    record
}

fn hide(conn: &Connection) {
    hide_record(conn);
}

fn hide_and_call_kept(_: &Small, conn: &Connection) {
    let record = hide_record(conn);
    let sql = "UPDATE subject SET state = 4 WHERE id = (SELECT subject FROM record WHERE id = $1)";
    conn.execute(sql, [record]).unwrap();
}

/// A record of somebody that holds nothing, and waits for whoever comes with its key.
pub fn ghost(conn: &Connection, source: &str, blind: i64) {
    let of = one(conn, &format!("SELECT MAX(r.id) FROM record r WHERE {STILL}"));
    let sql = "INSERT INTO record (subject, home, source, key_blind, last_value)
               SELECT r.subject, r.subject, w.code, $1, 0 FROM record r, word w
               WHERE r.id = $2 AND w.kind = 'source' AND w.text = $3";
    assert_eq!(conn.execute(sql, params![blind, of, source]).unwrap(), 1);
    let sql = "INSERT INTO record_key SELECT MAX(id), randomblob(32) FROM record";
    conn.execute(sql, []).unwrap();
}

/// A record that nobody moved goes to somebody else, and a link is to tell why.
fn move_by_link(conn: &Connection, kind: i64) {
    let record = one(conn, &format!("SELECT MIN(r.id) FROM record r WHERE {STILL}"));
    let split = "(SELECT MIN(undone_entry) FROM merge WHERE undone_entry <> 0)";
    let sql = format!(
        "INSERT INTO link (a, b, kind, identifier, weight, model, entry, retired_entry)
         SELECT r.id, (SELECT MAX(id) FROM record), {kind}, 0, 0, 0, {split}, CASE {kind} WHEN 5 THEN 0 ELSE {split} + 1 END
         FROM record r WHERE r.id = $1"
    );
    conn.execute(&sql, [record]).unwrap();
    let sql = format!("UPDATE record AS r SET subject = {SOMEBODY_ELSE} WHERE r.id = $1");
    conn.execute(&sql, [record]).unwrap();
}

/// A record that nobody moved goes where a merge led of which nothing is told any more.
fn move_by_merge(_: &Small, conn: &Connection) {
    let record = one(conn, &format!("SELECT MIN(r.id) FROM record r WHERE {STILL}"));
    let merge = one(
        conn,
        "SELECT MIN(m.id) FROM merge m JOIN payload p ON p.n = m.entry
         WHERE p.body = zeroblob(length(p.body)) AND m.undone_entry = 0",
    );
    conn.execute("INSERT INTO merge_record VALUES ($1, $2)", [merge, record]).unwrap();
    let sql =
        "UPDATE record SET subject = (SELECT into_subject FROM merge WHERE id = $1) WHERE id = $2";
    conn.execute(sql, [merge, record]).unwrap();
}

fn add_link(conn: &Connection, kind: i64) {
    let sql = "INSERT INTO link (a, b, kind, identifier, weight, model, entry, retired_entry)
         SELECT MIN(id), MAX(id), $1, 0, 0, 0, 7, 0 FROM record";
    conn.execute(sql, [kind]).unwrap();
}

/// A record that holds a "no" and no value goes to somebody else, and whom it named goes with it.
fn give_a_no_away(_: &Small, conn: &Connection) {
    let record = one(
        conn,
        "SELECT MIN(r.id) FROM record r JOIN statement t ON t.record = r.id
         WHERE ((t.axis = 1 AND t.state IN (4, 5)) OR (t.axis = 3 AND t.state = 3)) AND r.subject = r.home AND NOT EXISTS (SELECT 1 FROM value v WHERE v.record = r.id)
         AND NOT EXISTS (SELECT 1 FROM merge_record m WHERE m.record = r.id)",
    );
    let sql = format!(
        "UPDATE record AS r SET subject = {SOMEBODY_ELSE}, home = {SOMEBODY_ELSE} WHERE r.id = $1"
    );
    conn.execute(&sql, [record]).unwrap();
    let named = conn.execute("DELETE FROM identifier WHERE record = $1", [record]).unwrap();
    assert!(named > 0, "it named somebody");
}
