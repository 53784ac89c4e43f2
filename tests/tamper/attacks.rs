//! The attacks: each changes a copy of the store, and says by which finding it is told.

use candor::base::clock::Moment;
use candor::ledger::hash::leaf_hash;
use candor::ledger::key::SigningKey;
use candor::ledger::leaf::Leaf;
use candor::ledger::vkey::KeyKind;
use rusqlite::{Connection, params};

use super::small::{Small, sign_anew};

/// An attack, and the code of its finding: with the file only, with a checkpoint that was kept
/// elsewhere (and the key that was handed out), with what lies beside the key. `""` where it can't
/// be found, `"*"` where any finding will do.
pub struct Attack {
    pub name: &'static str,
    pub how: How,
    pub file_only: &'static str,
    pub kept: &'static str,
    pub beside: &'static str,
}

pub enum How {
    /// One statement that must change at least one row.
    Sql(&'static str),
    Does(fn(&Small, &Connection)),
}

use How::{Does, Sql};

macro_rules! attacks {
    ($($name:literal, $how:expr => $($code:literal)+;)*) => { &[$(attacks!(@ $name, $how, $($code)+),)*] };
    (@ $name:literal, $how:expr, $all:literal) => {
        Attack { name: $name, how: $how, file_only: $all, kept: $all, beside: $all }
    };
    (@ $name:literal, $how:expr, $file:literal $kept:literal $beside:literal) => {
        Attack { name: $name, how: $how, file_only: $file, kept: $kept, beside: $beside }
    };
}

#[rustfmt::skip]
pub const ATTACKS: &[Attack] = attacks! {
    "edit the actor in a leaf", Sql("UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), '\"a\":\"test\"', '\"a\":\"tost\"') AS BLOB) WHERE n = 7") => "chain-broken";
    "edit the last leaf", Sql("UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), '\"a\":\"test\"', '\"a\":\"tost\"') AS BLOB) WHERE n = (SELECT MAX(n) FROM entry)") => "root-differs";
    "edit the first leaf", Sql("UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), '\"a\":\"test\"', '\"a\":\"tost\"') AS BLOB) WHERE n = 0") => "chain-broken";
    "respell a leaf", Sql("UPDATE entry SET leaf = CAST(CAST(leaf AS TEXT) || ' ' AS BLOB) WHERE n = 7") => "entry-not-canonical";
    "delete an entry", Sql("DELETE FROM entry WHERE n = 7") => "entry-number";
    "delete an entry and close the gap", Does(close_gap) => "entry-number";
    "swap two entries", Does(swap) => "entry-number";
    "insert an entry", Does(insert) => "entry-number";
    "append an entry without the key", Does(append_unsigned) => "unsigned-tail";
    "append an entry and leave the chain behind", Sql("INSERT INTO entry SELECT MAX(n) + 1, leaf FROM entry") => "entry-number";
    "put an entry below number 0", Sql("INSERT INTO entry SELECT -1, leaf FROM entry WHERE n = 0") => "entry-misplaced";
    "number an entry far away", Sql("UPDATE entry SET n = n + 4294967296 WHERE n = (SELECT MAX(n) FROM entry)") => "entry-number";
    "cut off the last entry", Sql("DELETE FROM entry WHERE n = (SELECT MAX(n) FROM entry)") => "rollback";
    "cut off the last entry with its checkpoint", Does(cut_tail) => "" "rollback" "rollback";
    "cut off the last entry and sign anew, with the key", Does(cut_and_sign) => "" "rollback" "rollback";
    "rebuild everything without one entry, with the key", Does(rebuild_without) => "" "rollback" "rollback";
    "rebuild everything with another entry in one's place, with the key", Does(rebuild_replaced) => "" "fork" "fork";
    "edit a payload", Sql("UPDATE payload SET body = CAST(CASE substr(body, 1, 1) WHEN X'00' THEN CAST(X'01' AS TEXT) ELSE CAST(X'00' AS TEXT) END || substr(body, 2) AS BLOB) WHERE n = (SELECT MAX(n) FROM payload)") => "payload-changed";
    "delete a payload", Sql("DELETE FROM payload WHERE n = (SELECT MAX(n) FROM payload)") => "payload-missing";
    "blank a payload as if erased", Sql("UPDATE payload SET body = zeroblob(length(body)) WHERE n = (SELECT MAX(n) FROM payload)") => "payload-missing";
    "give a payload to another record", Sql("UPDATE payload SET record = (SELECT MIN(id) FROM record WHERE id <> payload.record) WHERE n = (SELECT MAX(n) FROM payload)") => "payload-changed";
    "write bytes into an erased payload", Sql("UPDATE payload SET body = CAST('x' || substr(body, 2) AS BLOB) WHERE n = (SELECT MIN(n) FROM payload WHERE body = zeroblob(length(body)))") => "erasure-incomplete";
    "add a payload to an entry that commits to none", Sql("INSERT INTO payload (n, record, body) SELECT 1, record, body FROM payload LIMIT 1") => "payload-without-entry";
    "edit a statement's state", Sql("UPDATE statement SET state = CASE state WHEN 2 THEN 3 ELSE 2 END WHERE n = (SELECT MAX(n) FROM statement)") => "statement-differs";
    "edit a statement's moment", Sql("UPDATE statement SET valid_at = valid_at - 1 WHERE n = (SELECT MIN(n) FROM statement)") => "statement-differs";
    "give a statement to another record", Sql("UPDATE statement SET record = record + 1 WHERE n = (SELECT MAX(n) FROM statement)") => "statement-differs";
    "delete a statement", Sql("DELETE FROM statement WHERE n = (SELECT MAX(n) FROM statement)") => "statement-missing";
    "forge a statement on another entry", Sql("INSERT INTO statement SELECT 1, record, axis, purpose, channel, state, explicit, confirmed, own, source, notice_version, every_days, valid_at, recorded_at FROM statement LIMIT 1") => "statement-without-entry";
    "forge a statement on no entry", Sql("INSERT INTO statement SELECT 9999, record, axis, purpose, channel, state, explicit, confirmed, own, source, notice_version, every_days, valid_at, recorded_at FROM statement LIMIT 1") => "statement-without-entry";
    "edit a rollup", Sql("UPDATE rollup SET sum = sum + 1 WHERE record = (SELECT MIN(record) FROM rollup)") => "rollup-differs";
    "delete a rollup", Sql("DELETE FROM rollup WHERE record = (SELECT MIN(record) FROM rollup)") => "rollup-missing";
    "add a rollup", Sql("INSERT INTO rollup SELECT record + 1000, name, count, sum, first_at, last_at, last_event FROM rollup LIMIT 1") => "rollup-differs";
    "edit a value's body", Sql("UPDATE value SET body = CAST(CASE substr(body, 1, 1) WHEN X'01' THEN CAST(X'02' AS TEXT) ELSE CAST(X'01' AS TEXT) END || substr(body, 2) AS BLOB) WHERE seq = (SELECT MAX(seq) FROM value WHERE state = 2)") => "batch-root";
    "give a value other purposes", Sql("UPDATE value SET purposes = (SELECT id FROM purpose_set p WHERE p.id <> value.purposes AND mask <> 0 LIMIT 1) WHERE seq = (SELECT MAX(seq) FROM value WHERE state = 2)") => "purposes-differ";
    "take a value's purposes away", Sql("UPDATE value SET purposes = 2 WHERE seq = (SELECT MAX(seq) FROM value WHERE state = 2)") => "purposes-differ";
    "widen a set of purposes", Sql("UPDATE purpose_set SET mask = mask | 1024 WHERE id = (SELECT purposes FROM value WHERE state = 2 LIMIT 1)") => "purposes-differ";
    "call a current value superseded", Sql("UPDATE value SET state = 3 WHERE seq = (SELECT MAX(seq) FROM value WHERE state = 2)") => "value-state";
    "call a current value erased", Sql("UPDATE value SET state = 4 WHERE seq = (SELECT MAX(seq) FROM value WHERE state = 2)") => "erasure-incomplete";
    "call an erased value current", Sql("UPDATE value SET state = 2 WHERE seq = (SELECT MIN(seq) FROM value WHERE state = 4)") => "tombstone-on-living";
    "edit when a value was observed", Sql("UPDATE value SET observed_at = observed_at - 1 WHERE seq = (SELECT MAX(seq) FROM value WHERE state = 2)") => "row-differs";
    "call a value another field", Sql("UPDATE value SET field = field + 1 WHERE seq = (SELECT MAX(seq) FROM value WHERE state = 2)") => "row-differs";
    "give a value to another record", Sql("UPDATE value SET record = (SELECT MIN(id) FROM record WHERE id <> value.record) WHERE seq = (SELECT MAX(seq) FROM value)") => "batch-root";
    "delete a value", Sql("DELETE FROM value WHERE seq = (SELECT MAX(seq) FROM value)") => "batch-root";
    "write bytes into an erased value", Sql("UPDATE value SET body = CAST('x' || substr(body, 2) AS BLOB) WHERE seq = (SELECT MIN(seq) FROM value WHERE state = 4)") => "erasure-incomplete";
    "write bytes into an erased event", Sql("UPDATE event SET body = CAST('x' || substr(body, 2) AS BLOB) WHERE seq = (SELECT MIN(seq) FROM event WHERE purposes = 2)") => "erasure-incomplete";
    "edit an event's moment", Sql("UPDATE event SET at = at + 1 WHERE seq = (SELECT MAX(seq) FROM event)") => "row-differs";
    "edit an event's message id", Sql("UPDATE event SET mid = mid + 1 WHERE seq = (SELECT MAX(seq) FROM event)") => "row-differs";
    "delete an event", Sql("DELETE FROM event WHERE seq = (SELECT MAX(seq) FROM event)") => "batch-root";
    "add an event", Sql("INSERT INTO event SELECT seq + 1, record, seq, name, purposes, at, mid, body FROM event ORDER BY seq DESC LIMIT 1") => "item-without-batch";
    "drop a tombstone", Sql("DELETE FROM tombstone WHERE seq = (SELECT MIN(seq) FROM tombstone)") => "tombstone-missing";
    "edit a tombstone's commitment", Sql("UPDATE tombstone SET commitment = randomblob(32) WHERE item = 1 AND seq = (SELECT MIN(seq) FROM tombstone WHERE item = 1)") => "batch-root";
    "name another entry for an erased item", Sql("UPDATE tombstone SET entry = 7 WHERE item = 1 AND seq = (SELECT MIN(seq) FROM tombstone WHERE item = 1)") => "tombstone-without-entry";
    "edit a salt that was kept", Sql("UPDATE kept_salt SET salt = randomblob(32)") => "batch-root";
    "edit the key of a living record", Sql("UPDATE record_key SET k = randomblob(32) WHERE record = (SELECT MAX(record) FROM payload)") => "payload-changed";
    "put a key back for an erased record", Sql("UPDATE record_key SET k = randomblob(32) WHERE k = zeroblob(32)") => "key-not-destroyed";
    "edit the policy's text", Sql("UPDATE policy SET text = replace(text, 'P15Y', 'P16Y')") => "policy-differs";
    "edit the policy's text and its hash", Does(policy_with_hash) => "policy-differs";
    "edit from when a policy acts", Sql("UPDATE policy SET applied_at = applied_at - 1") => "policy-differs";
    "edit a notice's text", Sql("UPDATE notice SET text = text || ' Yes.' WHERE id = 1") => "notice-differs";
    "delete a notice", Sql("DELETE FROM notice WHERE id = 1") => "notice-missing";
    "rename a word", Sql("UPDATE word SET text = text || 'x' WHERE kind = 'purpose' AND code = 1") => "words-differ";
    "move a word back in time", Sql("UPDATE word SET since = since - 1 WHERE kind = 'purpose' AND code = 1") => "words-differ";
    "let an erased person back in", Sql("DELETE FROM suppression WHERE fingerprint = (SELECT MIN(fingerprint) FROM suppression)") => "" "" "suppression-missing";
    "keep somebody else out", Sql("INSERT INTO suppression SELECT randomblob(16), since, entry FROM suppression LIMIT 1") => "" "" "suppression-unknown";
    "keep two people out by each other's erasure", Sql("UPDATE suppression SET (entry, since) = (SELECT o.entry, o.since FROM suppression o WHERE o.entry <> suppression.entry LIMIT 1)") => "" "" "suppression-differs";
    "keep somebody out by an entry that erased nobody", Sql("INSERT INTO suppression SELECT randomblob(16), since, 7 FROM suppression LIMIT 1") => "suppression-without-entry";
    "edit since when somebody is kept out", Sql("UPDATE suppression SET since = since - 1") => "suppression-without-entry";
    "name another entry for a disclosure", Sql("UPDATE disclosure SET entry = entry - 1") => "disclosure-without-entry";
    "edit a disclosure's destination", Sql("UPDATE disclosure SET destination = destination + 1 WHERE id = 1") => "disclosure-differs";
    "edit a disclosure's purpose", Sql("UPDATE disclosure SET purpose = purpose + 1 WHERE id = 1") => "disclosure-differs";
    "edit a disclosure's moment", Sql("UPDATE disclosure SET at = at - 1 WHERE id = 1") => "disclosure-differs";
    "delete a disclosure after the last erasure", Sql("DELETE FROM disclosure WHERE id = 1") => "disclosures-differ";
    "add a disclosure", Sql("INSERT INTO disclosure (entry, record, destination, purpose, at) SELECT entry, record, destination, purpose, at FROM disclosure LIMIT 1") => "disclosure-without-entry";
    "give a disclosure to another record", Sql("UPDATE disclosure SET record = (SELECT MIN(id) FROM record WHERE id <> disclosure.record) WHERE id = 1") => "disclosures-differ";
    "swap which of two erasures took an item", Does(swap_tombstones) => "tombstones-differ";
    "edit a batch", Sql("UPDATE batch SET source = source + 1 WHERE n = (SELECT MIN(n) FROM batch)") => "batch-differs";
    "edit a batch's count", Sql("UPDATE batch SET value_count = value_count - 1 WHERE n = (SELECT MIN(n) FROM batch WHERE value_count > 0)") => "batch-differs";
    "delete a batch", Sql("DELETE FROM batch WHERE n = (SELECT MIN(n) FROM batch WHERE value_count > 0)") => "batch-missing";
    "edit a request's due day", Sql("UPDATE request SET due_on = '2030-01-01'") => "request-differs";
    "call a request another kind", Sql("UPDATE request SET kind = 2") => "request-differs";
    "give an answered request to another record", Sql("UPDATE request SET record = record + 1 WHERE kind = 2") => "request-differs";
    "reopen a request", Sql("UPDATE request SET state = 2") => "request-differs";
    "delete a request", Sql("DELETE FROM request") => "request-missing";
    "delete a merge", Sql("DELETE FROM merge WHERE id = (SELECT MAX(id) FROM merge)") => "merge-differs";
    "name other subjects for a merge", Sql("UPDATE merge SET from_subject = into_subject, into_subject = from_subject WHERE id = (SELECT MAX(id) FROM merge)") => "merge-differs";
    "let a merge that is to come have moved a record", Sql("INSERT INTO merge_record SELECT (SELECT MAX(id) + 1 FROM merge), MIN(id) FROM record") => "merge-differs";
    "make a split undone", Sql("UPDATE merge SET undone_entry = 0 WHERE undone_entry <> 0") => "subject-state";
    "name another record for a merge", Sql("UPDATE merge_record SET record = (SELECT MAX(id) FROM record r WHERE NOT EXISTS (SELECT 1 FROM merge_record m WHERE m.record = r.id)) WHERE merge = (SELECT MIN(merge) FROM merge_record) AND record = (SELECT MIN(record) FROM merge_record WHERE merge = (SELECT MIN(merge) FROM merge_record))") => "merge-differs";
    "take a record out of a merge", Sql("DELETE FROM merge_record WHERE merge = (SELECT MIN(merge) FROM merge_record) AND record = (SELECT MIN(record) FROM merge_record WHERE merge = (SELECT MIN(merge) FROM merge_record))") => "merge-differs";
    "take back a split by hand", Sql("UPDATE record SET subject = (SELECT m.into_subject FROM merge m WHERE m.undone_entry <> 0) WHERE subject = (SELECT m.from_subject FROM merge m WHERE m.undone_entry <> 0)") => "record-moved";
    "move a record to another subject", Sql("UPDATE record SET subject = (SELECT id FROM subject s WHERE s.id <> record.subject AND s.state = 2 LIMIT 1) WHERE id = (SELECT MAX(id) FROM record WHERE subject = home)") => "record-moved";
    "move a record and its home to another subject", Sql("UPDATE record SET home = (SELECT id FROM subject s WHERE s.id <> record.subject AND s.state = 2 LIMIT 1), subject = (SELECT id FROM subject s WHERE s.id <> record.subject AND s.state = 2 LIMIT 1) WHERE id = (SELECT MAX(r.id) FROM record r JOIN value v ON v.record = r.id WHERE r.subject = r.home AND v.state = 2)") => "home-differs";
    "move a record that holds no value, and its home, to another subject", Sql("UPDATE record SET home = (SELECT id FROM subject s WHERE s.id <> record.subject AND s.state = 2 LIMIT 1), subject = (SELECT id FROM subject s WHERE s.id <> record.subject AND s.state = 2 LIMIT 1) WHERE id = (SELECT MAX(id) FROM record r WHERE r.subject = r.home AND NOT EXISTS (SELECT 1 FROM value v WHERE v.record = r.id))") => "statement-moved";
    "call a living subject merged", Sql("UPDATE subject SET state = 3 WHERE id = (SELECT subject FROM record LIMIT 1)") => "merged-subject-holds-records";
    "delete the subject that a record was born into", Sql("DELETE FROM subject WHERE state = 3") => "subject-missing";
    "call a merged subject kept by law", Sql("UPDATE subject SET state = 4 WHERE state = 3") => "subject-state";
    "call a merged subject living", Sql("UPDATE subject SET state = 2 WHERE state = 3") => "subject-state";
    "edit a subject's public id", Sql("UPDATE subject SET public_id = public_id + 1 WHERE id = (SELECT MAX(subject) FROM record WHERE subject = home AND NOT EXISTS (SELECT 1 FROM merge m WHERE m.from_subject = record.subject OR m.into_subject = record.subject))") => "" "" "";
    "give a record another source", Sql("UPDATE record SET source = source + 1 WHERE id = (SELECT MAX(record) FROM value WHERE state = 2)") => "source-differs";
    "find a record by another key", Sql("UPDATE record SET key_blind = key_blind + 1 WHERE id = (SELECT MAX(record) FROM value WHERE state = 2)") => "record-key";
    "hide a record's newest value", Sql("UPDATE record SET last_value = last_value - 1 WHERE id = (SELECT MAX(record) FROM value)") => "chain-head";
    "delete an identifier's blind name", Sql("DELETE FROM identifier WHERE blind = (SELECT MAX(blind) FROM identifier WHERE value <> 0)") => "identifier-missing";
    "add a blind name", Sql("INSERT INTO identifier SELECT blind + 1, record, kind, value FROM identifier WHERE value <> 0 LIMIT 1") => "identifier-wrong";
    "put in a blind name without a value", Sql("INSERT INTO identifier SELECT blind + 1, record, kind, value FROM identifier WHERE value = 0 LIMIT 1") => "identifier-unnamed";
    "take out the blind name of a no", Sql("DELETE FROM identifier WHERE value = 0 AND blind = (SELECT MAX(blind) FROM identifier WHERE value = 0)") => "identifier-missing";
    "let the blind name of a no find somebody else", Sql("UPDATE identifier SET record = (SELECT MIN(r.id) FROM record r WHERE NOT EXISTS (SELECT 1 FROM identifier o WHERE o.blind = identifier.blind AND o.record = r.id)) WHERE value = 0 AND blind = (SELECT MAX(blind) FROM identifier WHERE value = 0)") => "identifier-unnamed";
    "let the name of a no join nobody", Sql("UPDATE identifier SET value = -1 WHERE value = 0 AND blind = (SELECT MAX(blind) FROM identifier WHERE value = 0)") => "identifier-unnamed";
    "find by another key a record that holds no value", Sql("UPDATE record SET key_blind = key_blind + 1 WHERE id = (SELECT MAX(i.record) FROM identifier i WHERE i.value = 0 AND NOT EXISTS (SELECT 1 FROM value v WHERE v.record = i.record AND v.state <> 4))") => "record-key";
    "edit a link", Sql("UPDATE link SET weight = weight + 1 WHERE id = (SELECT MIN(id) FROM link)") => "link-unknown";
    "give a record the home of another", Sql("INSERT INTO parting SELECT (SELECT MAX(record) FROM value WHERE state = 2), (SELECT MAX(n) FROM entry), (SELECT MIN(home) FROM record)") => "parting-differs";
    "let what went to somebody's address count as having gone along", Sql("INSERT INTO disclosed_along SELECT MIN(id) FROM disclosure") => "disclosure-differs";
    "edit what an import counted", Sql("UPDATE import SET totals = '{}' WHERE id = 1") => "import-differs";
    "let an import of a file go on behind its rows", Sql("UPDATE import SET state = 2, finished_at = 0, resume_line = 1000000 WHERE id = 1") => "import-differs";
    "let another file count as taken in", Sql("UPDATE import SET file = x'00112233445566778899aabbccddeeff' WHERE id = 1") => "import-differs";
    "let a file count as taken in by an entry of another", Does(|_, conn| conn.execute_batch(
        "INSERT INTO import SELECT 99, source, x'00112233445566778899aabbccddeeff', policy, state, resume_line, started_at, finished_at, totals FROM import WHERE id = 1;
         INSERT INTO import_entry SELECT 99, entry FROM import_entry WHERE import = 1").unwrap()) => "import-differs";
    "delete an import", Sql("DELETE FROM import WHERE id = 1") => "import-missing";
    "take an import from its entry", Sql("DELETE FROM import_entry WHERE import = 1") => "import-differs";
    "flip a character of a checkpoint's root", Does(|_, conn| flip_note(conn, 2)) => "signature-wrong";
    "flip a character of a checkpoint's signature", Does(|_, conn| flip_note(conn, 4)) => "signature-wrong";
    "delete a checkpoint that a later one contains", Sql("DELETE FROM checkpoint WHERE size = (SELECT MIN(size) FROM checkpoint)") => "" "" "";
    "delete the last checkpoint", Sql("DELETE FROM checkpoint WHERE size = (SELECT MAX(size) FROM checkpoint)") => "unsigned-tail";
    "delete all checkpoints", Sql("DELETE FROM checkpoint") => "unsigned-tail";
    "hand the ledger over to another key, without the key", Does(take_over) => "handover-missing";
    "rewrite an entry and hand over to another key that signs everything, without the key", Does(rewrite_and_take_over) => "handover-missing";
    "say that the key was lost and go on with another, without the key", Does(call_the_key_lost) => "" "key-lost" "";
    "say that the key was stolen and go on with another, without the key", Does(call_the_key_stolen) => "handover-missing" "key-stolen" "handover-missing";
    "add a node to the tree", Sql("INSERT INTO node (level, i, h) VALUES (8, 0, zeroblob(32))") => "node-wrong";
    "rename the ledger", Sql("UPDATE meta SET value = CAST('other.example/log' AS BLOB) WHERE name = 'origin'") => "origin-differs";
    "replace the store's secret", Sql("UPDATE meta SET value = randomblob(32) WHERE name = 'secret'") => "record-key";
    "name shapes for events that can't be read", Sql("INSERT INTO meta (name, value) VALUES ('shapes:1', CAST('{}' AS BLOB))") => "rows-unreadable";
    "write what is no text over a word", Sql("UPDATE word SET text = CAST(X'FF' AS TEXT) WHERE kind = 'purpose' AND code = 1") => "rows-unreadable";
    "write what is no text over a policy", Sql("UPDATE policy SET text = CAST(X'FF' AS TEXT)") => "rows-unreadable";
    "add a table", Does(|_, conn| conn.execute_batch("CREATE TABLE note (text TEXT)").unwrap()) => "schema-differs";
    "keep what is erased by a trigger that is called like SQLite's statistics", Does(|_, conn| conn.execute_batch(
        "PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema VALUES ('trigger', 'sqlite_stat4', 'value', 0,
           'CREATE TRIGGER sqlite_stat4 BEFORE UPDATE OF body ON value BEGIN SELECT 1; END');
         PRAGMA writable_schema = RESET;").unwrap()) => "schema-differs";
    "leave SQLite's statistics", Does(|_, conn| conn.execute_batch("ANALYZE").unwrap()) => "schema-differs";
    "call a living person kept by law", Sql("UPDATE subject SET state = 4 WHERE id = (SELECT r.subject FROM record r JOIN identifier i ON i.record = r.id JOIN subject s ON s.id = r.subject WHERE s.state = 2 ORDER BY r.id DESC LIMIT 1)") => "kept-without-erasure";
    "let a person be found of whom the law keeps something", Sql("INSERT INTO identifier SELECT 77, r.id, (SELECT kind FROM identifier LIMIT 1), 0 FROM record r JOIN subject s ON s.id = r.subject WHERE s.state = 4 LIMIT 1") => "kept-without-erasure";
    "let two requests be of one opening", Sql("UPDATE request SET (opened_entry, opened_at, due_on, kind) = (SELECT opened_entry, opened_at, due_on, kind FROM request WHERE id = 1) WHERE id = 2") => "request-differs";
    "swap the openings of two requests", Does(|_, conn| conn.execute_batch(
        "CREATE TEMP TABLE was AS SELECT * FROM request;
         UPDATE request SET (opened_entry, opened_at, due_on, kind) =
           (SELECT opened_entry, opened_at, due_on, kind FROM was WHERE was.id = CASE request.id WHEN 1 THEN 4 ELSE 1 END)
         WHERE id IN (1, 4)").unwrap()) => "request-differs";
    "count a split as never made", Sql("UPDATE merge SET undone_entry = 0 WHERE undone_entry <> 0") => "merge-differs";
    "weaken a trigger", Does(|_, conn| conn.execute_batch("CREATE TRIGGER entry_is_append_only_u BEFORE UPDATE ON entry BEGIN SELECT 1; END").unwrap()) => "schema-differs";
};

/// Attacks on what linking learned, asked and found.
#[rustfmt::skip]
pub const LINKING: &[Attack] = attacks! {
    "edit what linking learned", Sql("UPDATE model SET body = body || ' '") => "model-differs";
    "edit of how many records linking learned", Sql("UPDATE model SET records = records + 1") => "model-differs";
    "delete what linking learned", Sql("DELETE FROM model") => "model-missing";
    "delete an open question", Sql("DELETE FROM question WHERE id = (SELECT MAX(id) FROM question WHERE state = 2)") => "question-missing";
    "delete an answered question", Sql("DELETE FROM question WHERE state = 5") => "question-missing";
    "open an answered question again", Sql("UPDATE question SET state = 2, decided_entry = 0 WHERE state = 4") => "question-differs";
    "answer a question by hand", Sql("UPDATE question SET (state, decided_entry) = (SELECT 4, decided_entry FROM question o WHERE o.state = 4) WHERE id = (SELECT MAX(id) FROM question WHERE state = 2)") => "question-differs";
    "call an answer another one", Sql("UPDATE question SET state = 6 WHERE state = 5") => "question-differs";
    "take an open question out of the queue", Sql("UPDATE question SET state = 7, decided_entry = (SELECT MAX(n) FROM entry) WHERE id = (SELECT MAX(id) FROM question WHERE state = 2)") => "question-differs";
    "take an open question out of the queue by the run that asked", Sql("UPDATE question SET state = 7, decided_entry = entry WHERE id = (SELECT MAX(id) FROM question WHERE state = 2)") => "question-differs";
    "say that another model asked", Sql("UPDATE question SET model = model + 1 WHERE id = (SELECT MAX(id) FROM question WHERE state = 2)") => "question-differs";
    "say that another entry asked", Sql("UPDATE question SET entry = entry - 1 WHERE id = (SELECT MAX(id) FROM question WHERE state = 2)") => "question-without-entry";
    "give an open question another number", Sql("UPDATE question SET id = id + 1 WHERE id = (SELECT MAX(id) FROM question)") => "question-differs";
    "ask of another record after the answer", Sql("UPDATE question SET a = (SELECT MIN(id) FROM record) WHERE state = 5") => "question-differs";
    "ask an open question of another record", Sql("UPDATE question SET a = (SELECT MIN(id) FROM record) WHERE id = (SELECT MAX(id) FROM question WHERE state = 2)") => "" "" "";
    "edit how likely a question is", Sql("UPDATE question SET weight = weight + 1, household = household + 1 WHERE id = (SELECT MAX(id) FROM question)") => "" "" "";
    "let two be joined that a person told apart", Sql("DELETE FROM link WHERE kind = 5 AND entry = (SELECT decided_entry FROM question WHERE state = 5)") => "link-missing";
    "end what keeps two apart", Sql("UPDATE link SET retired_entry = (SELECT MAX(n) FROM entry) WHERE kind = 5 AND entry = (SELECT decided_entry FROM question WHERE state = 5)") => "link-retired";
    "end what keeps two apart by another's merge", Sql("UPDATE link SET retired_entry = (SELECT MAX(entry) FROM link WHERE kind = 4) WHERE kind = 5 AND retired_entry = 0 AND entry < (SELECT MAX(entry) FROM link WHERE kind = 4)") => "link-retired";
    "delete the blind name of a replaced identifier", Sql("DELETE FROM identifier WHERE value IN (SELECT v.seq FROM value v JOIN word w ON w.kind = 'field' AND w.code = v.field WHERE v.state = 3 AND w.text GLOB 'identifier.*')") => "identifier-missing";
    "keep others apart than a person did", Sql("UPDATE link SET b = (SELECT MIN(id) FROM record) WHERE kind = 5 AND entry = (SELECT decided_entry FROM question WHERE state = 5)") => "link-without-entry";
    "delete what a join stands on", Sql("DELETE FROM link WHERE id = (SELECT MIN(id) FROM link WHERE kind = 3)") => "link-missing";
    "delete what a person's join stands on", Sql("DELETE FROM link WHERE id = (SELECT MAX(id) FROM link WHERE kind = 4)") => "link-missing";
    "say that a model keeps two apart", Sql("UPDATE link SET model = -1 WHERE kind = 5 AND retired_entry = 0") => "link-unknown";
    "let a person's join stand on after it was taken back", Sql("UPDATE link SET retired_entry = 0 WHERE kind = 4 AND retired_entry <> 0") => "link-retired";
    "call a person's join another kind of link", Sql("UPDATE link SET kind = 2 WHERE id = (SELECT MAX(id) FROM link WHERE kind = 4)") => "link-missing";
    "say that another model joined", Sql("UPDATE link SET model = model + 1 WHERE id = (SELECT MIN(id) FROM link WHERE kind = 3)") => "link-without-entry";
    "let a join stand on others", Sql("UPDATE link SET a = (SELECT MIN(id) FROM record), b = (SELECT MIN(id) + 1 FROM record) WHERE id = (SELECT MIN(id) FROM link WHERE kind = 3)") => "link-without-entry";
    "end what a join stands on", Sql("UPDATE link SET retired_entry = (SELECT MAX(n) FROM entry) WHERE kind = 3") => "link-retired";
    "delete a relation", Sql("DELETE FROM link WHERE id = (SELECT MAX(id) FROM link WHERE kind = 6 AND model <> 0)") => "link-missing";
    "end a relation", Sql("UPDATE link SET retired_entry = entry WHERE id = (SELECT MAX(id) FROM link WHERE kind = 6 AND model <> 0)") => "link-retired";
    "call a relation another kind of link", Sql("UPDATE link SET kind = 4 WHERE id = (SELECT MAX(id) FROM link WHERE kind = 6 AND model <> 0)") => "link-without-entry";
    "double what a join stands on", Sql("INSERT INTO link (a, b, kind, identifier, weight, model, entry, retired_entry) SELECT a, b, kind, identifier, weight, model, entry, retired_entry FROM link WHERE id = (SELECT MIN(id) FROM link WHERE kind = 3)") => "link-doubled";
    "double what keeps two apart", Sql("INSERT INTO link (a, b, kind, identifier, weight, model, entry, retired_entry) SELECT a, b, kind, identifier, weight, model, entry, retired_entry FROM link WHERE kind = 5 AND entry = (SELECT decided_entry FROM question WHERE state = 5)") => "link-doubled";
    "double a relation", Sql("INSERT INTO link (a, b, kind, identifier, weight, model, entry, retired_entry) SELECT a, b, kind, identifier, weight, model, entry, retired_entry FROM link WHERE id = (SELECT MAX(id) FROM link WHERE kind = 6 AND model <> 0)") => "link-doubled";
    "relate others", Sql("UPDATE link SET a = (SELECT MIN(id) FROM record) WHERE id = (SELECT MAX(id) FROM link WHERE kind = 6 AND model <> 0)") => "" "" "";
    "end a legal hold", Sql("UPDATE statement SET state = 5 WHERE n = (SELECT MAX(n) FROM statement WHERE axis = 7 AND state = 3)") => "statement-differs";
    "let a lifted hold stand", Sql("UPDATE statement SET state = 3 WHERE axis = 7 AND state = 5") => "statement-differs";
    "delete a legal hold", Sql("DELETE FROM statement WHERE axis = 7 AND state = 3") => "statement-missing";
    "hold another category", Sql("UPDATE statement SET channel = channel + 1 WHERE axis = 7 AND state = 3") => "statement-differs";
    "let a legal hold end by itself", Sql("UPDATE statement SET every_days = 1 WHERE axis = 7 AND state = 3") => "statement-differs";
    "let a revoked write key send again", Sql("UPDATE write_key SET revoked_entry = 0") => "write-key-differs";
    "let a write key end earlier", Sql("UPDATE write_key SET expires_at = 1") => "write-key-differs";
    "let a public write key read answers", Sql("UPDATE write_key SET reach = 2 WHERE reach = 3") => "write-key-differs";
    "let a write key send as another source", Sql("UPDATE write_key SET source = source - 1") => "write-key-differs";
    "let another key send", Sql("UPDATE write_key SET print = randomblob(16) WHERE id = 2") => "write-key-differs";
    "add a write key", Sql("INSERT INTO write_key SELECT id + 7, source, label, randomblob(16), reach, expires_at, entry, revoked_entry FROM write_key WHERE id = 2") => "write-key-differs";
    "delete a write key", Sql("DELETE FROM write_key WHERE id = 2") => "write-key-differs";
    "take away what asks a recipient to delete", Sql("DELETE FROM outbox WHERE act = 5") => "recall-missing";
    "take away what asks a recipient to stop", Sql("DELETE FROM outbox WHERE act = 4") => "recall-missing";
    "say that a recipient was asked to stop", Sql("UPDATE outbox SET state = 5 WHERE act = 4") => "recall-differs";
    "ask a recipient to delete somebody else", Sql("UPDATE outbox SET record = record - 1 WHERE act = 5") => "recall-differs";
    "ask another recipient to delete", Sql("UPDATE outbox SET destination = (SELECT MIN(code) FROM word WHERE kind = 'destination') WHERE act = 5") => "recall-differs";
    "make a request to delete one to stop", Sql("UPDATE outbox SET act = 4 WHERE act = 5") => "recall-differs";
    "edit whom a recipient is asked to delete", Sql("UPDATE outbox_body SET body = CAST(substr(body, 1, 12) || CASE substr(body, 13, 1) WHEN x'00' THEN x'01' ELSE x'00' END || substr(body, 14) AS BLOB) WHERE outbox = (SELECT id FROM outbox WHERE act = 5)") => "recall-differs";
    "delete whom a recipient is asked to delete", Sql("DELETE FROM outbox_body WHERE outbox = (SELECT id FROM outbox WHERE act = 5)") => "recall-differs";
    "ask a recipient to stop whom nobody asked to", Sql("INSERT INTO outbox (destination, record, act, item, queued_at, attempts, next_at, state, disclosure, status) SELECT destination, record, 4, 0, queued_at, 0, queued_at, 2, disclosure, 0 FROM outbox WHERE act = 4") => "recall-without-entry";
    "give up a recall", Sql("UPDATE outbox SET state = 4 WHERE act = 5") => "" "" "";
    "take somebody out of the queue", Sql("DELETE FROM outbox WHERE act = 2") => "" "" "";
    "queue somebody", Sql("INSERT INTO outbox (destination, record, act, item, queued_at, attempts, next_at, state, disclosure, status) SELECT destination, (SELECT MIN(id) FROM record), 2, 0, queued_at, 0, queued_at, 2, 0, 0 FROM outbox WHERE act = 2") => "" "" "";
    "send again under a disclosure of before", Sql("INSERT INTO outbox (id, destination, record, act, item, queued_at, attempts, next_at, state, disclosure, status) SELECT NULL, d.destination, d.record, 2, 0, d.at, 1, d.at, 2, d.id, 503 FROM disclosure d JOIN entry e ON e.n = d.entry WHERE d.id = (SELECT MAX(id) FROM disclosure WHERE id NOT IN (SELECT disclosure FROM disclosed_along))") => "message-undisclosed";
    "let a message that was sent wait again", Sql("INSERT INTO outbox (id, destination, record, act, item, queued_at, attempts, next_at, state, disclosure, status) SELECT json_extract(CAST(e.leaf AS TEXT), '$.b.messages[' || (d.id - json_extract(CAST(e.leaf AS TEXT), '$.b.first')) || ']'), d.destination, d.record, 2, 0, d.at, 1, d.at, 2, d.id, 503 FROM disclosure d JOIN entry e ON e.n = d.entry WHERE d.id = (SELECT MAX(id) FROM disclosure WHERE id NOT IN (SELECT disclosure FROM disclosed_along))") => "message-ended";
    "lay an empty text where what takes somebody back will lie", Sql("INSERT INTO outbox_body SELECT MAX(seq) + 1, zeroblob(32), zeroblob(0) FROM sqlite_sequence WHERE name = 'outbox'") => "outbox-body-left";
    "use up the numbers of messages", Sql("UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'outbox'") => "numbers-used-up";
    "give an open request another number", Sql("UPDATE request SET id = id + 995 WHERE state = 2") => "request-differs";
    "give an open request to another record", Sql("UPDATE request SET record = (SELECT MIN(id) FROM record r WHERE r.id <> request.record) WHERE state = 2") => "request-differs";
    "give an open request to another record, and what its entry commits to", Does(give_request) => "payload-changed";
    "let a revoked token ask again", Sql("UPDATE token SET revoked_entry = 0") => "token-differs";
    "let a token end later", Sql("UPDATE token SET expires_at = 9999999999999") => "token-differs";
    "let a token ask as another role", Sql("UPDATE token SET role = 3 WHERE role = 2") => "token-differs";
    "let a token ask for more purposes", Sql("UPDATE token SET purposes = -1 WHERE id = 1") => "token-differs";
    "let a recipient ask by a token", Sql("UPDATE token SET destination = 1 WHERE id = 2") => "token-differs";
    "let another token ask", Sql("UPDATE token SET print = randomblob(16) WHERE id = 2") => "token-differs";
    "add a token", Sql("INSERT INTO token SELECT id + 7, label, randomblob(16), role, purposes, destination, expires_at, entry, revoked_entry FROM token WHERE id = 2") => "token-differs";
    "delete a token", Sql("DELETE FROM token WHERE id = 2") => "token-differs";
    "empty the index of linking", Does(|_, conn| conn.execute_batch("DELETE FROM meeting; DELETE FROM frequency; DELETE FROM compared; DELETE FROM newcomer").unwrap()) => "" "" "";
};

fn give_request(_: &Small, conn: &Connection) {
    let other = "(SELECT MIN(id) FROM record r WHERE r.id <> request.record)";
    let sql = format!("UPDATE request SET record = {other} WHERE state = 2");
    assert_eq!(conn.execute(&sql, []).unwrap(), 1);
    let sql = "UPDATE payload SET record = q.record FROM request q WHERE q.opened_entry = payload.n AND q.state = 2";
    assert_eq!(conn.execute(sql, []).unwrap(), 1);
}

fn last(conn: &Connection) -> i64 {
    conn.query_row("SELECT MAX(n) FROM entry", [], |row| row.get(0)).unwrap()
}

fn leaves(conn: &Connection) -> Vec<Vec<u8>> {
    let mut statement = conn.prepare("SELECT leaf FROM entry ORDER BY n").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn close_gap(_: &Small, conn: &Connection) {
    conn.execute_batch(
        "DELETE FROM entry WHERE n = 7; UPDATE entry SET n = -n WHERE n > 7;
         UPDATE entry SET n = -n - 1 WHERE n < 0",
    )
    .unwrap();
}

fn swap(_: &Small, conn: &Connection) {
    conn.execute_batch(
        "UPDATE entry SET n = -1 WHERE n = 7; UPDATE entry SET n = 7 WHERE n = 8;
         UPDATE entry SET n = 8 WHERE n = -1",
    )
    .unwrap();
}

fn insert(_: &Small, conn: &Connection) {
    conn.execute_batch(
        "UPDATE entry SET n = -n - 1 WHERE n >= 7; UPDATE entry SET n = -n WHERE n < 0;
         INSERT INTO entry SELECT 7, leaf FROM entry WHERE n = 6",
    )
    .unwrap();
}

fn append_unsigned(_: &Small, conn: &Connection) {
    let leaves = leaves(conn);
    let mut leaf = Leaf::parse_strict(leaves.last().unwrap()).unwrap();
    leaf.previous = leaf_hash(leaves.last().unwrap());
    leaf.number += 1;
    let next = last(conn) + 1;
    conn.execute("INSERT INTO entry VALUES ($1, $2)", params![next, leaf.to_bytes().unwrap()])
        .unwrap();
}

fn cut_tail(_: &Small, conn: &Connection) {
    let n = last(conn);
    conn.execute("DELETE FROM entry WHERE n = $1", [n]).unwrap();
    assert_eq!(conn.execute("DELETE FROM checkpoint WHERE size > $1", [n]).unwrap(), 1);
}

/// Makes every link anew and signs the whole, as only the key's holder can.
fn rebuild(small: &Small, conn: &Connection, entries: Vec<Leaf>) {
    sign_anew(conn, small.vkey.name(), &small.key_pem(), entries);
}

fn parsed(conn: &Connection) -> Vec<Leaf> {
    leaves(conn).iter().map(|leaf| Leaf::parse_strict(leaf).unwrap()).collect()
}

fn cut_and_sign(small: &Small, conn: &Connection) {
    let mut entries = parsed(conn);
    entries.pop();
    rebuild(small, conn, entries);
}

/// Whoever has the file alone names a key of their own, and signs with it what comes after that.
fn succeed(small: &Small, conn: &Connection, why: &str) -> (Leaf, Leaf) {
    let key = SigningKey::from_seed(&[6; 32]);
    let vkey = key.verifier_key(small.vkey.name(), KeyKind::Log).unwrap().to_string();
    let sql = "INSERT INTO signing_key VALUES ((SELECT MAX(n) + 1 FROM entry), $1)";
    conn.execute(sql, [&vkey]).unwrap();
    conn.execute("UPDATE meta SET value = $1 WHERE name = 'vkey'", [vkey.as_bytes()]).unwrap();
    let last = parsed(conn).pop().unwrap();
    let body = serde_json::json!({"vkey": vkey, "was": small.vkey.to_string(), "why": why});
    let next = |kind: &str, body| Leaf { kind: kind.to_owned(), body: Some(body), ..last.clone() };
    (next("key.rotate", body), next("backup", serde_json::json!({})))
}

/// All genuine checkpoints stay, and one more is signed by the forger.
fn go_on_with_another_key(small: &Small, conn: &Connection, why: &str) {
    let mut entries = parsed(conn);
    entries.extend(<[Leaf; 2]>::from(succeed(small, conn, why)));
    let held = "CREATE TEMP TABLE held AS SELECT * FROM checkpoint";
    conn.execute_batch(held).unwrap();
    let key = SigningKey::from_seed(&[6; 32]).to_pem();
    sign_anew(conn, small.vkey.name(), &key, entries);
    conn.execute_batch("INSERT INTO checkpoint SELECT * FROM held; DROP TABLE held").unwrap();
}

fn take_over(small: &Small, conn: &Connection) {
    go_on_with_another_key(small, conn, "routine");
}

fn call_the_key_lost(small: &Small, conn: &Connection) {
    go_on_with_another_key(small, conn, "lost");
}

fn call_the_key_stolen(small: &Small, conn: &Connection) {
    go_on_with_another_key(small, conn, "stolen");
}

/// Nothing is left that the genuine key signed.
fn rewrite_and_take_over(small: &Small, conn: &Connection) {
    let mut entries = parsed(conn);
    entries[5].actor = "somebody-else".to_owned();
    entries.extend(<[Leaf; 2]>::from(succeed(small, conn, "routine")));
    sign_anew(conn, small.vkey.name(), &SigningKey::from_seed(&[6; 32]).to_pem(), entries);
}

fn disclosing(entries: &[Leaf]) -> usize {
    entries.iter().position(|leaf| leaf.kind == "disclosure.run").unwrap()
}

fn rebuild_without(small: &Small, conn: &Connection) {
    let mut entries = parsed(conn);
    entries.remove(disclosing(&entries));
    conn.execute_batch("DELETE FROM disclosure; DELETE FROM disclosed_along").unwrap();
    rebuild(small, conn, entries);
}

fn rebuild_replaced(small: &Small, conn: &Connection) {
    let mut entries = parsed(conn);
    let place = disclosing(&entries);
    let other = entries.last().unwrap().clone();
    entries[place] = Leaf { at: Moment(entries[place].at.0), ..other };
    conn.execute_batch("DELETE FROM disclosure; DELETE FROM disclosed_along").unwrap();
    rebuild(small, conn, entries);
}

/// Two erasures that each took a value: one value of each changes sides, so that all counts stay.
fn swap_tombstones(_: &Small, conn: &Connection) {
    let one = |order: &str| -> (i64, i64) {
        let query = format!(
            "SELECT seq, entry FROM tombstone WHERE item = 1 ORDER BY entry {order}, seq LIMIT 1"
        );
        conn.query_row(&query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let ((a, first), (b, last)) = (one("ASC"), one("DESC"));
    assert_ne!(first, last, "two erasures");
    for (seq, entry) in [(a, last), (b, first)] {
        let sql = "UPDATE tombstone SET entry = $1 WHERE item = 1 AND seq = $2";
        conn.execute(sql, [entry, seq]).unwrap();
    }
}

fn policy_with_hash(_: &Small, conn: &Connection) {
    let text: String = conn.query_row("SELECT text FROM policy", [], |row| row.get(0)).unwrap();
    let text = text.replace("P15Y", "P16Y");
    let digest = candor::ledger::hash::Hash::of(text.as_bytes()).0;
    conn.execute("UPDATE policy SET text = $1, sha256 = $2", params![text, &digest[..]]).unwrap();
}

/// Changes one character of base64 in a line of the last checkpoint.
fn flip_note(conn: &Connection, line: usize) {
    let note: Vec<u8> = conn
        .query_row("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1", [], |row| row.get(0))
        .unwrap();
    let text = String::from_utf8(note).unwrap();
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut bytes = lines[line].clone().into_bytes();
    let place = bytes.len() - 10;
    bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
    lines[line] = String::from_utf8(bytes).unwrap();
    let note = lines.join("\n").into_bytes();
    conn.execute(
        "UPDATE checkpoint SET note = $1 WHERE size = (SELECT MAX(size) FROM checkpoint)",
        [note],
    )
    .unwrap();
}
