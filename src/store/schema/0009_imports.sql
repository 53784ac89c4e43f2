-- IMPORTS -----------------------------------------------------------------------------------------

-- The entry that says how far the import of a file came and what it counted, as of its last transaction. Without
-- one, or where it says otherwise, a file is read from its beginning: whoever writes to the table of imports alone
-- lets no file be passed over.
CREATE TABLE import_entry (import INTEGER PRIMARY KEY, entry INTEGER NOT NULL) STRICT;
