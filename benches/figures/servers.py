"""Other servers that take events in, to be measured beside candor: what they do, and how fast.

    servers.py postgres FOLDER CONNECTIONS SECONDS    prints `plain RATE` and `same RATE` (events a second)
    servers.py fastapi FOLDER                         prints where it listens, and serves until it is killed

PostgreSQL stores each event durably by a plain insert; and once more by a function that does what candor
does for one: the key, the person, the gate, once only, a salted commitment, the rollup, the chained ledger.
FastAPI stores each event durably in SQLite and asks nobody.
"""

import glob
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

SCHEMA = """
CREATE TABLE plain (message text, who text, name text, at timestamptz, properties jsonb);

CREATE TABLE write_key (print bytea PRIMARY KEY, source int);
INSERT INTO write_key VALUES (sha256('secret'), 1);
CREATE TABLE person (id bigserial PRIMARY KEY, key text UNIQUE, secret bytea);
CREATE TABLE purpose (name text PRIMARY KEY, basis text, event text);
INSERT INTO purpose VALUES ('orders', 'contract', 'order_completed'), ('suggestions', 'consent', 'page_viewed');
CREATE TABLE consent (person bigint, purpose text, state text, at timestamptz);
CREATE INDEX ON consent (person, purpose, at DESC);
CREATE TABLE message (id text PRIMARY KEY);
CREATE TABLE event (
  seq bigserial PRIMARY KEY, person bigint, name text, purposes text[], at timestamptz, properties jsonb);
CREATE TABLE rollup (
  person bigint, name text, count bigint, sum numeric, first_at timestamptz, last_at timestamptz,
  PRIMARY KEY (person, name));
CREATE TABLE ledger (n bigint PRIMARY KEY, leaf bytea, hash bytea);
CREATE TABLE head (n bigint, hash bytea);
INSERT INTO head VALUES (0, sha256('start'));

CREATE FUNCTION take(sent text, who text, what text, once text, happened timestamptz, said jsonb)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  source int; whose person; admitted text[]; number bigint; salt bytea; last head; leaf bytea;
BEGIN
  SELECT w.source INTO source FROM write_key w WHERE print = sha256(sent::bytea);
  IF NOT FOUND THEN RETURN 'unknown key'; END IF;
  SELECT * INTO whose FROM person p WHERE p.key = who;
  IF NOT FOUND THEN
    INSERT INTO person (key, secret) VALUES (who, sha256(gen_random_uuid()::text::bytea))
    ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING * INTO whose;
  END IF;
  SELECT array_agg(p.name) INTO admitted FROM purpose p WHERE p.event = what AND (
    p.basis <> 'consent' OR (
      SELECT c.state FROM consent c WHERE c.person = whose.id AND c.purpose = p.name ORDER BY c.at DESC LIMIT 1
    ) = 'given');
  IF admitted IS NULL THEN RETURN 'refused'; END IF;
  INSERT INTO message VALUES (once) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN 'known'; END IF;
  INSERT INTO event (person, name, purposes, at, properties)
  VALUES (whose.id, what, admitted, happened, said) RETURNING seq INTO number;
  INSERT INTO rollup VALUES (whose.id, what, 1, (said->>'revenue')::numeric, happened, happened)
  ON CONFLICT (person, name) DO UPDATE SET count = rollup.count + 1, sum = rollup.sum + excluded.sum,
    first_at = least(rollup.first_at, excluded.first_at), last_at = greatest(rollup.last_at, excluded.last_at);
  salt := sha256(whose.secret || number::text::bytea);
  SELECT * INTO last FROM head FOR UPDATE;
  leaf := sha256(salt || convert_to(said::text, 'UTF8')) || last.hash || convert_to(happened::text, 'UTF8');
  INSERT INTO ledger VALUES (last.n, leaf, sha256(leaf));
  UPDATE head SET n = n + 1, hash = sha256(leaf);
  RETURN 'kept';
END $$;
"""

PROPERTIES = """'{"revenue": 14.99}'::jsonb"""
PLAIN = f"""\\set who random(1, 64)
INSERT INTO plain VALUES (gen_random_uuid()::text, 'u-' || :who, 'order_completed', now(), {PROPERTIES});
"""
SAME = f"""\\set who random(1, 64)
SELECT take('secret', 'u-' || :who, 'order_completed', gen_random_uuid()::text, now(), {PROPERTIES});
"""


def programs():
    """Where PostgreSQL's programs lie; Debian puts them on nobody's path."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/pgbench"))
    pgbench = found[-1] if found else shutil.which("pgbench")
    if not pgbench:
        sys.exit("no pgbench: Debian's package postgresql has it")
    return Path(pgbench).parent


def postgres(folder, connections, seconds):
    place, bin = Path(folder) / "postgres", programs()
    place.mkdir()
    # PostgreSQL refuses to run as root.
    other = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if other:
        shutil.chown(place, "postgres", "postgres")
        os.chmod(folder, 0o711)

    def run(program, *arguments, **more):
        command = [*other, str(bin / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **more)
        if done.returncode:
            raise SystemExit(f"{program}: {done.stderr}")
        return done

    run("initdb", "-D", place / "data", "-A", "trust", "-U", "bench")
    options = f"-c listen_addresses= -c max_connections={connections + 10} -k {place}"
    run("pg_ctl", "-D", place / "data", "-w", "-o", options, "-l", place / "log", "start")
    try:
        at = ["-h", str(place), "-U", "bench"]
        run("psql", *at, "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-", input=SCHEMA)
        for name, script in [("plain", PLAIN), ("same", SAME)]:
            bench = ["-n", "-M", "prepared", "-c", connections, "-j", 2, "-f", "-", "postgres"]
            run("pgbench", *at, "-T", 1, *bench, input=script)
            told = run("pgbench", *at, "-T", seconds, *bench, input=script).stdout
            print(name, re.search(r"tps = ([0-9.]+)", told)[1], flush=True)
    finally:
        run("pg_ctl", "-D", place / "data", "-m", "immediate", "stop")


def fastapi(folder):
    import uvicorn
    from fastapi import Body, FastAPI

    db = sqlite3.connect(Path(folder) / "fastapi.db", check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE event (message TEXT PRIMARY KEY, who TEXT, name TEXT, properties TEXT)")
    one_at_a_time = threading.Lock()
    app = FastAPI()

    @app.post("/v1/track")
    def track(event: dict = Body(...)):
        row = (event["messageId"], event["userId"], event["event"], str(event.get("properties")))
        with one_at_a_time:
            db.execute("INSERT INTO event VALUES (?, ?, ?, ?)", row)
            db.commit()
        return {"success": True}

    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    print("127.0.0.1:%d" % listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run([listening])


if sys.argv[1] == "postgres":
    postgres(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    fastapi(sys.argv[2])
