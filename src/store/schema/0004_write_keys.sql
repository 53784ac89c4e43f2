-- WRITE KEYS --------------------------------------------------------------------------------------

-- The keys with which systems send a source's data in. The key itself stands nowhere: print is a keyed
-- fingerprint of it. reach: 2 known to servers alone, 3 shown to everybody by pages and apps.
-- expires_at is 0 for never; entry says that it was added, revoked_entry that it holds no more, 0 while
-- it does. No row ever goes, so that no number is given twice: entries name them.
CREATE TABLE write_key (
  id INTEGER PRIMARY KEY, source INTEGER NOT NULL, label TEXT NOT NULL,
  print BLOB NOT NULL UNIQUE, reach INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  entry INTEGER NOT NULL, revoked_entry INTEGER NOT NULL
) STRICT;
