-- The first schema. Rules that every table keeps:
--   * personal bytes are sealed, and only in rows that are appended and later overwritten in place;
--   * every randomly ordered tree holds integers and keyed hashes only;
--   * what is hashed is stored as the bytes that were hashed (inside the seal).
-- Integers that are ever overwritten keep their width: states count from 2, blind names and moments
-- are always 8 and 6 bytes wide. Moments are milliseconds since 1970 (UTC).

-- GROUND ------------------------------------------------------------------------------------------

-- Facts about the store itself: its origin, its public key, its secret for blind names.
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- Words of the policy, interned: kind is purpose, channel, source, field, event or destination; code
-- counts from 1 within its kind; since is when a policy first declared it.
CREATE TABLE word (
  kind TEXT NOT NULL,
  code INTEGER NOT NULL,
  text TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (kind, code),
  UNIQUE (kind, text)
) STRICT, WITHOUT ROWID;

-- Sets of purposes, interned; mask has bit (code - 1) set for each purpose. Row 2 is the empty set.
CREATE TABLE purpose_set (id INTEGER PRIMARY KEY, mask INTEGER NOT NULL UNIQUE) STRICT;
INSERT INTO purpose_set (id, mask) VALUES (2, 0);

-- LEDGER ------------------------------------------------------------------------------------------

-- The leaves, byte for byte as they are hashed.
CREATE TABLE entry (n INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT;
CREATE TRIGGER entry_is_append_only_u BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'ledger entries are only added'); END;
CREATE TRIGGER entry_is_append_only_d BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'ledger entries are only added'); END;

-- Roots of full tiles (256 leaves) and of their parents: levels 8, 16, 24.
CREATE TABLE node (
  level INTEGER NOT NULL, i INTEGER NOT NULL, h BLOB NOT NULL, PRIMARY KEY (level, i)
) STRICT, WITHOUT ROWID;

-- Signed notes, one for each commit.
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;

-- The keys that have signed, each with the entry that brought it; the last one signs now.
CREATE TABLE signing_key (entry INTEGER PRIMARY KEY, vkey TEXT NOT NULL) STRICT;

-- Witnesses that are asked to sign too. entry is the one that says so; size is the last size that the
-- witness is known to have signed, 0 for none.
CREATE TABLE witness (
  vkey TEXT PRIMARY KEY, url TEXT NOT NULL, entry INTEGER NOT NULL, size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What witnesses signed: a note's signature line over the checkpoint of that size; at is the witness's
-- time, entry the one that says so.
CREATE TABLE cosignature (
  size INTEGER NOT NULL, vkey TEXT NOT NULL, line TEXT NOT NULL, at INTEGER NOT NULL,
  entry INTEGER NOT NULL, PRIMARY KEY (size, vkey)
) STRICT, WITHOUT ROWID;

-- Time-stamp tokens (RFC 3161) over the bytes of the stored checkpoint of that size.
CREATE TABLE timestamp (
  entry INTEGER PRIMARY KEY, size INTEGER NOT NULL, authority TEXT NOT NULL, token BLOB NOT NULL,
  at INTEGER NOT NULL
) STRICT;

-- What a witness refused as no continuation of what it had signed: the checkpoint and its answer.
CREATE TABLE refusal (
  entry INTEGER PRIMARY KEY, vkey TEXT NOT NULL, request TEXT NOT NULL, answer TEXT NOT NULL
) STRICT;

-- What an entry says about a person, sealed under a record's key; committed to by the leaf.
CREATE TABLE payload (n INTEGER PRIMARY KEY, record INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX payload_record ON payload (record);

-- POLICY ------------------------------------------------------------------------------------------

-- Every applied policy, whole.
CREATE TABLE policy (
  version INTEGER PRIMARY KEY, entry INTEGER NOT NULL, applied_at INTEGER NOT NULL,
  sha256 BLOB NOT NULL, text TEXT NOT NULL
) STRICT;

-- Every notice text that an applied policy held, whole; policy is the version that brought it.
CREATE TABLE notice (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, language TEXT NOT NULL,
  material INTEGER NOT NULL, sha256 BLOB NOT NULL, text TEXT NOT NULL, policy INTEGER NOT NULL,
  UNIQUE (name, version, language)
) STRICT;

-- PROFILE -----------------------------------------------------------------------------------------

-- A subject is a set of records. Its public id is random and means nothing. state: 2 live,
-- 3 merged into another, 4 erased with something kept by law, 5 erased, and here only as the place where
-- others' records were born, under another public id than the person had. Numbers of subjects and records are
-- never given twice (AUTOINCREMENT): keys, payloads and the journal of erasures outlive the row.
CREATE TABLE subject (
  id INTEGER PRIMARY KEY AUTOINCREMENT, public_id INTEGER NOT NULL UNIQUE, state INTEGER NOT NULL
) STRICT;

-- One source's own row about a subject. home is the subject it was born into: consent given to one
-- home never covers another, also after a merge. last_value heads the chain of its values.
CREATE TABLE record (
  id INTEGER PRIMARY KEY AUTOINCREMENT, subject INTEGER NOT NULL, home INTEGER NOT NULL, source INTEGER NOT NULL,
  key_blind INTEGER NOT NULL, last_value INTEGER NOT NULL
) STRICT;
CREATE INDEX record_subject ON record (subject);
CREATE INDEX record_by_key ON record (key_blind);

-- The key of each record; overwritten with zeros when the record is erased, never moved.
CREATE TABLE record_key (record INTEGER PRIMARY KEY, k BLOB NOT NULL) STRICT;

-- Identifiers and attributes, appended; prev chains the values of one record. state: 2 current,
-- 3 superseded by the same source, 4 erased (body is zeros).
CREATE TABLE value (
  seq INTEGER PRIMARY KEY, record INTEGER NOT NULL, prev INTEGER NOT NULL, field INTEGER NOT NULL,
  purposes INTEGER NOT NULL, observed_at INTEGER NOT NULL, state INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;

-- Which records hold an identifier: blind names and integers. value is 0 where only a protective
-- statement (a refusal, a withdrawal) came with it, so that no value may be held; -1 where something is
-- held of a person whom nothing else would find.
CREATE TABLE identifier (
  blind INTEGER NOT NULL, record INTEGER NOT NULL, kind INTEGER NOT NULL, value INTEGER NOT NULL,
  PRIMARY KEY (blind, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX identifier_record ON identifier (record);

-- Why two records are one subject, or must not be: kind 2 exact identifier, 3 probabilistic,
-- 4 a person's decision, 5 cannot link, 6 related (same household). weight is in thousandths of a
-- bit; retired_entry is 0 while the link stands.
CREATE TABLE link (
  id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b INTEGER NOT NULL, kind INTEGER NOT NULL,
  identifier INTEGER NOT NULL, weight INTEGER NOT NULL, model INTEGER NOT NULL,
  entry INTEGER NOT NULL, retired_entry INTEGER NOT NULL
) STRICT;
CREATE INDEX link_a ON link (a);
CREATE INDEX link_b ON link (b);

-- Merges, so that each can be taken back: which records moved from one subject to another.
CREATE TABLE merge (
  id INTEGER PRIMARY KEY, from_subject INTEGER NOT NULL, into_subject INTEGER NOT NULL,
  at INTEGER NOT NULL, entry INTEGER NOT NULL, undone_entry INTEGER NOT NULL
) STRICT;
CREATE INDEX merge_into ON merge (into_subject);
CREATE INDEX merge_from ON merge (from_subject);
CREATE INDEX merge_entry ON merge (entry);
CREATE TABLE merge_record (
  merge INTEGER NOT NULL, record INTEGER NOT NULL, PRIMARY KEY (merge, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX merge_record_record ON merge_record (record);

-- What subjects did, appended; prev chains the events of one record and name. An erased event keeps
-- its number and its chain; its moment, message id, purposes and body are overwritten.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY, record INTEGER NOT NULL, prev INTEGER NOT NULL, name INTEGER NOT NULL,
  purposes INTEGER NOT NULL, at INTEGER NOT NULL, mid INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;

-- Per record and event name; last_event heads the chain. sum is in the smallest currency unit.
CREATE TABLE rollup (
  record INTEGER NOT NULL, name INTEGER NOT NULL, count INTEGER NOT NULL, sum INTEGER NOT NULL,
  first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, last_event INTEGER NOT NULL,
  PRIMARY KEY (record, name)
) STRICT, WITHOUT ROWID;

-- One admitted batch: which values and events a ledger entry commits to.
CREATE TABLE batch (
  n INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL, policy INTEGER NOT NULL,
  source INTEGER NOT NULL, first_value INTEGER NOT NULL, value_count INTEGER NOT NULL,
  first_event INTEGER NOT NULL, event_count INTEGER NOT NULL
) STRICT;
CREATE INDEX batch_value ON batch (first_value) WHERE value_count > 0;
CREATE INDEX batch_event ON batch (first_event) WHERE event_count > 0;

-- The commitments of erased items, so that the roots of batches and of runs still recompute.
-- item: 1 value, 2 event, 3 disclosure.
CREATE TABLE tombstone (
  item INTEGER NOT NULL, seq INTEGER NOT NULL, commitment BLOB NOT NULL, entry INTEGER NOT NULL,
  PRIMARY KEY (item, seq)
) STRICT, WITHOUT ROWID;

-- Salts of items that the law keeps after their record's first key was destroyed.
-- item: 1 value, 2 event.
CREATE TABLE kept_salt (
  item INTEGER NOT NULL, seq INTEGER NOT NULL, salt BLOB NOT NULL, PRIMARY KEY (item, seq)
) STRICT, WITHOUT ROWID;

-- CONSENT -----------------------------------------------------------------------------------------

-- The fold of the ledger's consent entries: integers only, rebuilt from payloads by `verify --deep`.
-- axis: 1 consent, 2 channel permission, 3 objection (Art 21), 4 restriction (Art 18), 5 told of a
-- source (Art 14), 6 wish about frequency, 7 legal hold (Art 17(3)(e)). purpose and channel are 0 where
-- the axis has none.
-- notice_version is 0 when there was none. every_days is 0 but for a wish about frequency and a hold,
-- of which it is how many days it lasts, and channel its category.
CREATE TABLE statement (
  n INTEGER PRIMARY KEY, record INTEGER NOT NULL, axis INTEGER NOT NULL, purpose INTEGER NOT NULL,
  channel INTEGER NOT NULL, state INTEGER NOT NULL, explicit INTEGER NOT NULL,
  confirmed INTEGER NOT NULL, own INTEGER NOT NULL, source INTEGER NOT NULL,
  notice_version INTEGER NOT NULL, every_days INTEGER NOT NULL, valid_at INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX statement_record ON statement (record);

-- Keyed fingerprints of erased people's identifiers and source keys: they stay out.
CREATE TABLE suppression (
  fingerprint BLOB PRIMARY KEY, since INTEGER NOT NULL, entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- OUT AND RIGHTS ----------------------------------------------------------------------------------

-- One subject's data sent to one destination for one purpose; record supplied the address. The entry of
-- a run commits to its rows, which stand in one stretch; so no number is given twice.
CREATE TABLE disclosure (
  id INTEGER PRIMARY KEY AUTOINCREMENT, entry INTEGER NOT NULL, record INTEGER NOT NULL,
  destination INTEGER NOT NULL, purpose INTEGER NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX disclosure_record ON disclosure (record);

-- Data subject requests. kind: 2 access, 3 portability, 4 erasure. state: 2 open, 3 fulfilled.
CREATE TABLE request (
  id INTEGER PRIMARY KEY, record INTEGER NOT NULL, kind INTEGER NOT NULL, state INTEGER NOT NULL,
  opened_at INTEGER NOT NULL, due_on TEXT NOT NULL, closed_at INTEGER NOT NULL,
  opened_entry INTEGER NOT NULL, closed_entry INTEGER NOT NULL
) STRICT;
CREATE INDEX request_record ON request (record);

-- Imports, to resume and to tell what was admitted and refused. totals is JSON of counts by field,
-- purpose and reason; file is a keyed fingerprint of the file's bytes. state: 2 running, 3 done.
CREATE TABLE import (
  id INTEGER PRIMARY KEY, source INTEGER NOT NULL, file BLOB NOT NULL, policy INTEGER NOT NULL,
  state INTEGER NOT NULL, resume_line INTEGER NOT NULL, started_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL, totals TEXT NOT NULL
) STRICT;
CREATE INDEX import_file ON import (file);
