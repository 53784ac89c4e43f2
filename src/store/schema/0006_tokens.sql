-- TOKENS ------------------------------------------------------------------------------------------

-- The tokens with which people and systems ask by HTTP. The token itself stands nowhere: print is a keyed
-- fingerprint of it. role says which paths it opens (src/web/role.rs); purposes is the mask of those that it
-- may ask for, 0 where the role asks for all or for none; destination is the recipient that holds it, 0 for
-- none. expires_at is 0 for never; entry says that it was added, revoked_entry that it holds no more, 0 while
-- it does. No row ever goes, so that no number is given twice: entries name them.
CREATE TABLE token (
  id INTEGER PRIMARY KEY, label TEXT NOT NULL, print BLOB NOT NULL UNIQUE, role INTEGER NOT NULL,
  purposes INTEGER NOT NULL, destination INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  entry INTEGER NOT NULL, revoked_entry INTEGER NOT NULL
) STRICT;

-- Whoever listens for changes reads from the ledger: an entry that forgets is asked of which records.
CREATE INDEX tombstone_entry ON tombstone (entry);
