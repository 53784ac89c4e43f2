-- OUTBOX ------------------------------------------------------------------------------------------

-- What is to be sent, until it was: integers alone. What a message says is read when it is sent, once
-- the gate was asked then. record supplied the address when it was queued; whose it is then is whose it
-- is when it is sent. act: 2 the profile, 3 an event (item), 4 stop using it, 5 delete it; item is 0 of others. state: 2 waiting, 3 being sent (until next_at,
-- when whoever sends it is taken for dead), 4 given up, 5 a stop that was told: so that it isn't told again.
-- disclosure is the one that it carries out, 0 until it is sent first, or that it takes back. A deletion
-- outlives its record, of which the number is left. status is what came of the last try: an HTTP status, or one of the outbox's own numbers
-- below 100. A row that is done goes; its number is not given again, because messages are known by it.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, destination INTEGER NOT NULL, record INTEGER NOT NULL,
  act INTEGER NOT NULL, item INTEGER NOT NULL, queued_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL, state INTEGER NOT NULL, disclosure INTEGER NOT NULL,
  status INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_record ON outbox (record);
CREATE INDEX outbox_due ON outbox (destination, next_at) WHERE state < 4;

-- What a message that takes something back needs of the person, empty where its recipient asks for nothing,
-- sealed under a key made of k and the store's secret. Its entry commits to the row and to this under that
-- key. Both are overwritten once it was taken, or dropped.
CREATE TABLE outbox_body (outbox INTEGER PRIMARY KEY, k BLOB NOT NULL, body BLOB NOT NULL) STRICT;
