-- PAGES -------------------------------------------------------------------------------------------

-- Consents that were asked for and are to be confirmed by a link that is mailed (double opt-in). statement is
-- the entry that asks, record said it. Of the link's token nothing is kept but print, a keyed fingerprint:
-- zeros until it is mailed, and another one with each mail. until ends it; mailed_at is 0 until it is mailed.
-- A row goes when it was confirmed, and some days after its end. In the outbox such a mail is act 1, and item
-- the statement.
CREATE TABLE opt_in (
  statement INTEGER PRIMARY KEY, record INTEGER NOT NULL, print BLOB NOT NULL, mailed_at INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT;
CREATE INDEX opt_in_record ON opt_in (record);
CREATE INDEX opt_in_print ON opt_in (print);

-- AUDIENCES ---------------------------------------------------------------------------------------

-- The rules by which people are chosen, each version whole; entry is the one that commits to the text.
CREATE TABLE audience (
  name TEXT NOT NULL, version INTEGER NOT NULL, entry INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
