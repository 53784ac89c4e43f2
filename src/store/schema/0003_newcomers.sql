-- NEWCOMERS ---------------------------------------------------------------------------------------
-- An index of everybody who takes part in linking, so that a new record finds its person without all
-- being read again. All keys are hashes under the store's secret. It holds nothing that `record` and
-- `value` don't say, and a run of linking makes it anew.

-- The keys under which records meet: the family stands in the highest bits of the 31.
CREATE TABLE meeting (
  key INTEGER NOT NULL, record INTEGER NOT NULL, PRIMARY KEY (key, record)
) STRICT, WITHOUT ROWID;

-- How many records have a value or stand behind a door, by its hash; how many fill a field, by the
-- field's number (below 32).
CREATE TABLE frequency (hash INTEGER PRIMARY KEY, records INTEGER NOT NULL) STRICT;

-- What each record has in the two: its keys (4 bytes each), its hashes (8 bytes each), and the fields
-- that it fills, a bit for each.
CREATE TABLE compared (
  record INTEGER PRIMARY KEY, fields INTEGER NOT NULL, meetings BLOB NOT NULL, hashes BLOB NOT NULL
) STRICT;

-- Records of which something changed since, and that wait to be compared. Where a run learned before there
-- was an index, that is everybody.
CREATE TABLE newcomer (record INTEGER PRIMARY KEY) STRICT;
INSERT INTO newcomer (record) SELECT id FROM record WHERE EXISTS (SELECT 1 FROM model);

-- Records that live elsewhere than where they were born: their home outlives whoever else lived there.
CREATE INDEX record_home ON record (home) WHERE home <> subject;
