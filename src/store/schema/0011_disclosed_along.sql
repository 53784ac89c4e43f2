-- DISCLOSURES ALONG -------------------------------------------------------------------------------

-- The disclosures of records that didn't supply the address: other values of theirs went out along with it, as
-- one person's. Parted, each side still knows who got its data.
CREATE TABLE disclosed_along (disclosure INTEGER PRIMARY KEY) STRICT;
