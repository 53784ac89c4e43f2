-- LINKING -----------------------------------------------------------------------------------------
-- Probable links stand in `link` (kind 3, and kind 6 where model is not 0), joins in `merge`.

-- What linking learned, a row for each time that it learned something else: how often one person's
-- records, a household's and strangers' show each level of agreement. Shares and counts that name nobody;
-- the entry commits to them under a salt, so that it tells nothing of them.
CREATE TABLE model (
  version INTEGER PRIMARY KEY, entry INTEGER NOT NULL, at INTEGER NOT NULL,
  records INTEGER NOT NULL, salt BLOB NOT NULL, body TEXT NOT NULL
) STRICT;

-- Whether two records, and with them their profiles, are one person's: a question to people. weight is
-- in thousandths of a bit, household in thousandths; entry is the run that asks. state: 2 open, 3 put
-- off, 4 same, 5 different, 6 related, 7 asked no more; decided_entry says so, 0 while it is open.
-- Numbers are never given twice: entries name them.
CREATE TABLE question (
  id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER NOT NULL, b INTEGER NOT NULL,
  weight INTEGER NOT NULL, household INTEGER NOT NULL, model INTEGER NOT NULL,
  entry INTEGER NOT NULL, state INTEGER NOT NULL, decided_entry INTEGER NOT NULL
) STRICT;
CREATE INDEX question_a ON question (a);
CREATE INDEX question_b ON question (b);
CREATE INDEX question_entry ON question (entry);
