-- PARTINGS ----------------------------------------------------------------------------------------

-- Records that were parted from others of their home: from the entry on, their home is the subject that they
-- were parted into, so that what one side says after it covers the other no more, also when they are joined
-- again. record.home stays where the record was born: its values and statements name it.
CREATE TABLE parting (
  record INTEGER NOT NULL, entry INTEGER NOT NULL, home INTEGER NOT NULL, PRIMARY KEY (record, entry)
) STRICT, WITHOUT ROWID;
