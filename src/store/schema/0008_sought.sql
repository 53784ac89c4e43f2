-- SOUGHT ------------------------------------------------------------------------------------------

-- What the look at the raw files still has to look for, of erasures whose proof is to be had: the beginnings of
-- the rows that were erased, as they were stored. Their key is gone, so they say nothing of anybody; each byte
-- stands inverted, so that the look doesn't find them here. They go when the request is closed.
CREATE TABLE sought (request INTEGER NOT NULL, piece BLOB NOT NULL) STRICT;
