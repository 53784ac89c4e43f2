#!/usr/bin/env python3
"""Rows of a table in a real PostgreSQL server: each once, none after a no, whatever falls over on the way.

usage: tables.py CANDOR FOLDER    (needs PostgreSQL's programs, and openssl)

FOLDER is made; the server's files lie in it, and as root it runs as postgres. Exit code 1 when something doesn't
hold. Listens on loopback only.
"""
import getpass
import glob
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import certificates

candor, folder = os.path.realpath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
fixture = pathlib.Path(__file__).resolve().parents[2] / "fixtures/postgres/policy.toml"
folder.mkdir()
certificates.make(folder)
programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:] or [os.path.dirname(shutil.which("initdb") or "")]
programs, = programs
# A socket's path has to be short.
sockets = pathlib.Path(tempfile.mkdtemp(prefix="candor-", dir="/tmp"))
data = folder / "db"
data.mkdir()
is_root = os.getuid() == 0
PASSWORD = "pä\u00a0①ß' \\:x"


def as_server(*words, **more):
    own = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if is_root else []
    return subprocess.run([*own, *words], check=True, capture_output=True, text=True, cwd="/", **more)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


port = free_port()
for name in ("server.pem", "server.key"):
    shutil.copy(folder / name, data.parent / f"db-{name}")
    os.chmod(data.parent / f"db-{name}", 0o600)
if is_root:
    for path in (data, sockets, folder / "db-server.pem", folder / "db-server.key"):
        shutil.chown(path, "postgres", "postgres")
as_server(f"{programs}/initdb", "-D", str(data), "-U", "postgres", "--auth-local=peer", "--auth-host=scram-sha-256",
          "-E", "UTF8", "--locale=C.UTF-8")
settings = f"""
listen_addresses = 'localhost'
port = {port}
unix_socket_directories = '{sockets}'
ssl = on
ssl_cert_file = '{folder}/db-server.pem'
ssl_key_file = '{folder}/db-server.key'
log_min_messages = warning
"""
append = ["tee", "-a", str(data / "postgresql.conf")]
as_server(*append, input=settings)
# The one who tests is the database's master, by the socket.
as_server("tee", str(data / "pg_ident.conf"), input=f"testers {getpass.getuser()} postgres\ntesters postgres postgres\n")
as_server("tee", str(data / "pg_hba.conf"), input=(
    "local all postgres peer map=testers\nlocal all all peer\nhost all all localhost scram-sha-256\n"))


def server(*words):
    as_server(f"{programs}/pg_ctl", "-D", str(data), "-w", "-l", str(data / "log"), *words)


def psql(sql, database="shop"):
    done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", "-AtF|", "-h", str(sockets), "-p", str(port), "-U",
                           "postgres", "-d", database], input=sql, capture_output=True, text=True)
    assert done.returncode == 0, (sql, done.stderr)
    return [line.split("|") for line in done.stdout.splitlines()]


said = []
store = "t.candor"


def run(*words, code=0, **more):
    done = subprocess.run([candor, "--json", "--store", store, *words], cwd=folder, capture_output=True, text=True,
                          **more)
    said.append(done.stderr)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else None


def send():
    return run("outbox", "run", "--once")


def outbox():
    return run("outbox", "list")["outbox"]


def again():
    """Tries at once what waits or was given up."""
    for row in outbox():
        if row["state"] != "told":
            run("outbox", "replay", str(row["id"]))
    return send()


def waits(words, state="waiting"):
    rows = outbox()
    assert rows and all(row["state"] == state and words in row["words"] for row in rows), rows
    assert "x.example" not in json.dumps(rows)


def bring(name, head, rows):
    """Imports rows of a source."""
    import csv
    with open(folder / "in.csv", "w", newline="") as out:
        csv.writer(out).writerows([head.split(","), *rows])
    run("import", "in.csv", "--source", name, "--again")


def readers():
    return {row[0]: row[1:] for row in psql("SELECT email, vorname, born FROM letters.readers")}


def policy(host="localhost", at=None, extra="", user="candor", secret='secret = "database"\n'):
    text = fixture.read_text().replace('secret = "database"\n', secret).replace('user = "candor"', f'user = "{user}"')
    text = text.replace('host = "db.ternandpine.example"\n', f'host = "{host}"\nport = {at or port}\n{extra}')
    (folder / "policy.toml").write_text(text)
    return "policy.toml"


OWN_CA = "ca = '''\n" + (folder / "ca.pem").read_text() + "'''\n"
STAMP = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
SHOP = "customer_id,at,email,first_name,born,letter"
try:
    server("start")
    quoted = PASSWORD.replace("'", "''")
    psql(f"CREATE ROLE candor LOGIN PASSWORD '{quoted}'; CREATE ROLE \"{getpass.getuser()}\" LOGIN; CREATE DATABASE shop;"
         "ALTER ROLE candor SET default_transaction_isolation = 'serializable'", "postgres")
    psql("CREATE SCHEMA letters")
    run("init", "t.candor", "--policy", policy(extra=OWN_CA))
    run("secret", "set", "database", input=PASSWORD + "\n")
    for name in ("readers", "orders"):
        psql(run("policy", "table", name)["sql"])

    # Values that would say something else, if anything read them for more than they are.
    hostile = ["O'Brien\"; DROP TABLE letters.readers; --", "E'\\x00' $1 \\ %s", "👩🏽‍🚀 زهرة 王", "x" * 20_000, "NULL,'",
               "=1+1\t$$;$$"]
    bring("shop", SHOP, [[f"h{n}", STAMP, f"h{n}@x.example", name, "1990-02-03" if n == 0 else "", "yes"]
                         for n, name in enumerate(hostile)])
    run("audience", "push", "readers")
    assert send()["delivered"] == len(hostile)
    held = readers()
    assert held == {f"h{n}@x.example": [name, "1990-02-03" if n == 0 else ""] for n, name in enumerate(hostile)}, held
    assert psql("SELECT pg_typeof(born), born IS NULL FROM letters.readers WHERE email = 'h1@x.example'") == [["date", "t"]]
    print("hostile values are values, by SCRAM and TLS of an authority of one's own")

    # Twice is once; what changed is changed.
    bring("shop", SHOP, [["h1", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "h1@x.example", "Hal", "", "yes"]])
    for _ in range(2):
        run("audience", "push", "readers")
        assert send()["delivered"] == len(hostile)
    assert len(readers()) == len(hostile) and readers()["h1@x.example"] == ["Hal", ""], readers()["h1@x.example"]
    till = "customer_id,at,email,receipt,cents,what"
    bought = [[f"t{n}", STAMP, f"h{n % 3}@x.example", f"r{n}", 100 * n, "Tea"] for n in range(1, 7)]
    bring("till", till, bought)
    bring("till", till, bought)
    assert send()["delivered"] == 6
    assert psql("SELECT count(*), count(DISTINCT candor_message), sum(amount) FROM letters.orders") == [["6", "6", "2100"]]
    print("a person is a row, an event is a row, each once")

    # A no takes rows away at once.
    run("consent", "record", "email:h0@x.example", "--purpose", "newsletter", "--channel", "email", "--state", "withdrawn")
    run("erase", "email:h1@x.example")
    send()
    left = readers()
    assert "h0@x.example" not in left and "h1@x.example" not in left and len(left) == len(hostile) - 2, left
    assert {row[0] for row in psql("SELECT email FROM letters.orders")} == {"h2@x.example"}
    print("who withdraws or is erased is in no table")

    # What was sent before a no, and comes after it.
    open_still = []

    class Delayer(threading.Thread):
        """Passes everything on, but for what writes a certain row, which it keeps."""

        def __init__(self):
            super().__init__(daemon=True)
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
            self.keeps, self.kept, self.through = None, threading.Event(), threading.Event()

        def run(self):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

        def serve(self, client):
            upstream = socket.create_connection(("localhost", port))
            threading.Thread(target=self.back, args=(upstream, client), daemon=True).start()
            while True:
                try:
                    piece = client.recv(65536)
                except OSError:
                    piece = b""
                if not piece:
                    # A line that breaks says no farewell: the server goes on.
                    return open_still.append(upstream)
                if self.keeps and self.keeps in piece:
                    self.keeps = None
                    self.kept.set()
                    self.through.wait()
                upstream.sendall(piece)

        def back(self, upstream, client):
            while True:
                try:
                    piece = upstream.recv(65536)
                    if not piece:
                        return
                    client.sendall(piece)
                except OSError:
                    return

    def worker():
        return subprocess.Popen([candor, "--store", "t.candor", "outbox", "run"], cwd=folder, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    delayer = Delayer()
    delayer.start()
    run("policy", "apply", policy("127.0.0.1", delayer.port, 'tls = "none"\n'))
    for who in ("soon", "late"):
        delayer.keeps = f"{who}@x.example".encode()
        delayer.kept.clear()
        delayer.through.clear()
        bring("shop", SHOP, [[who, STAMP, f"{who}@x.example", "Lia", "", "yes"]])
        run("audience", "push", "readers")
        own = worker()
        assert delayer.kept.wait(20)
        own.kill()
        own.wait()
        if who == "soon":
            # What was kept does arrive, and in time it is written.
            delayer.through.set()
            time.sleep(2)
            assert "soon@x.example" in readers(), readers()
    time.sleep(26)
    run("outbox", "run", "--once")
    assert len(readers()) == len(hostile), readers()
    for n in range(2, len(hostile)):
        run("consent", "record", f"email:h{n}@x.example", "--purpose", "newsletter", "--channel", "email", "--state",
            "withdrawn")
    for who in ("soon", "late"):
        run("consent", "record", f"email:{who}@x.example", "--purpose", "newsletter", "--channel", "email", "--state",
            "withdrawn")
    send()
    assert readers() == {} and not outbox(), (readers(), outbox())
    delayer.through.set()
    time.sleep(2)
    assert readers() == {}, "an old row came back"
    print("what was sent before a no, and comes after it, writes nothing")

    # Whoever sends is killed, and so is the server, while rows are written slowly.
    run("policy", "apply", policy(extra=OWN_CA))
    psql("CREATE FUNCTION letters.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$;"
         "CREATE TRIGGER slow BEFORE INSERT ON letters.readers FOR EACH ROW EXECUTE FUNCTION letters.slow();"
         "CREATE TABLE letters.writes (email text);"
         "CREATE FUNCTION letters.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
         "  INSERT INTO letters.writes VALUES (NEW.email); RETURN NEW; END $$;"
         "CREATE TRIGGER note AFTER INSERT OR UPDATE ON letters.readers FOR EACH ROW EXECUTE FUNCTION letters.note();")
    many = 300
    bring("shop", SHOP, [[f"m{n}", STAMP, f"m{n}@x.example", f"Name {n}", "", "yes"] for n in range(many)])
    run("audience", "push", "readers")
    dice = random.Random(7)
    for turn in range(6):
        own = worker()
        time.sleep(0.3 + dice.random())
        if turn == 2:
            server("stop", "-m", "immediate")
            time.sleep(0.5)
            server("start")
        own.send_signal(signal.SIGKILL)
        own.wait()
    for _ in range(60):
        send()
        if not outbox():
            break
        time.sleep(1)
    assert len(readers()) == many and not outbox(), (len(readers()), outbox())
    people, = psql("SELECT count(*), count(DISTINCT candor_person), (SELECT count(*) FROM letters.writes) FROM letters.readers")
    assert people[:2] == [str(many)] * 2, people
    print(f"{many} rows, each once, with the sender killed 6 times and the server once; {int(people[2]) - many} were "
          "written over by themselves")
    psql("DROP TRIGGER slow ON letters.readers; DROP TRIGGER note ON letters.readers; DELETE FROM letters.readers")

    # Trouble with the server or the table gives nobody up; what is against a row does. Mended, everything goes.
    store = "one.candor"
    run("init", store, "--policy", policy(extra=OWN_CA))
    run("secret", "set", "database", input=PASSWORD + "\n")
    bring("shop", SHOP, [["one", STAMP, "one@x.example", "Una", "", "yes"]])

    def trouble(words, mend, state="waiting"):
        run("audience", "push", "readers")
        send()
        waits(words, state)
        mend()
        again()
        assert not outbox() and readers() == {"one@x.example": ["Una", ""]}, (outbox(), readers())
        print(f"{words}: mended, and it goes")

    run("audience", "push", "readers")
    server("stop")
    send()
    waits("couldn't be reached")
    server("start")
    again()
    assert not outbox() and len(readers()) == 1
    print("a server that was down, and is up")
    for breaks, words, mends, state in [
        ("ALTER ROLE candor PASSWORD 'another'", "28P01", f"ALTER ROLE candor PASSWORD '{quoted}'", "waiting"),
        ("ALTER ROLE candor CONNECTION LIMIT 0", "53300", "ALTER ROLE candor CONNECTION LIMIT -1", "waiting"),
        # A table of the same name elsewhere isn't taken for it.
        ("ALTER TABLE letters.readers RENAME TO gone; CREATE TABLE readers ()", "42P01",
         "ALTER TABLE letters.gone RENAME TO readers", "waiting"),
        ("ALTER TABLE letters.readers RENAME vorname TO name", "42703",
         "ALTER TABLE letters.readers RENAME name TO vorname", "waiting"),
        ("REVOKE INSERT ON letters.readers FROM candor", "42501", "GRANT INSERT ON letters.readers TO candor", "waiting"),
        ("ALTER TABLE letters.readers DROP CONSTRAINT readers_pkey", "42P10",
         "ALTER TABLE letters.readers ADD PRIMARY KEY (candor_person)", "waiting"),
        ("ALTER TABLE letters.readers ALTER vorname TYPE integer USING 0", "22P02",
         "ALTER TABLE letters.readers ALTER vorname TYPE text", "dead"),
        ("ALTER TABLE letters.readers ADD CHECK (length(vorname) > 9) NOT VALID", "23514",
         "ALTER TABLE letters.readers DROP CONSTRAINT readers_vorname_check", "dead"),
        ("ALTER TABLE letters.readers ALTER vorname TYPE varchar(2) USING 'a'", "22001",
         "ALTER TABLE letters.readers ALTER vorname TYPE text", "dead"),
    ]:
        psql("DELETE FROM letters.readers")
        psql(breaks)
        trouble(words, lambda: psql(mends), state)
    # A table that somebody keeps locked: no statement waits there for ever.
    psql("DELETE FROM letters.readers")
    run("audience", "push", "readers")
    holder = subprocess.Popen(["psql", "-X", "-q", "-h", str(sockets), "-p", str(port), "-U", "postgres", "-d", "shop"],
                              stdin=subprocess.PIPE, text=True)
    holder.stdin.write("BEGIN; LOCK TABLE letters.readers;\n")
    holder.stdin.flush()
    time.sleep(1)
    send()
    waits("57014") if "57014" in outbox()[0]["words"] else waits("didn't answer in time")
    time.sleep(2)
    assert psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'candor'") == [["0"]]
    holder.stdin.write("COMMIT;\n")
    holder.stdin.close()
    holder.wait()
    again()
    assert not outbox() and len(readers()) == 1
    print("a table that somebody keeps locked ends no later than it should")

    # Nothing goes to whom nobody vouches for, or unencrypted.
    for words, extra, host in [
        ("nobody vouches for", "", "localhost"),
        ("nobody vouches for", OWN_CA, "127.0.0.1"),
    ]:
        psql("DELETE FROM letters.readers")
        run("policy", "apply", policy(host, extra=extra))
        trouble(words, lambda: run("policy", "apply", policy(extra=OWN_CA)))
    psql("DELETE FROM letters.readers")
    psql("ALTER SYSTEM SET ssl = off")
    server("reload")
    time.sleep(1)

    def encrypt():
        psql("ALTER SYSTEM SET ssl = on")
        server("reload")
        time.sleep(1)

    trouble("offers no encryption", encrypt)
    # By whom the system trusts, and by a socket of this machine without a password.
    trusting = {**os.environ, "SSL_CERT_FILE": str(folder / "ca.pem")}
    trusting.pop("SSL_CERT_DIR", None)
    me = getpass.getuser()
    psql(f'GRANT USAGE ON SCHEMA letters TO "{me}"; GRANT ALL ON letters.readers, letters.orders TO "{me}"')
    for way, env in [({}, trusting), ({"host": str(sockets), "user": me, "secret": ""}, None)]:
        psql("DELETE FROM letters.readers")
        run("policy", "apply", policy(**way))
        run("audience", "push", "readers")
        assert run("outbox", "run", "--once", env=env)["delivered"] == 1, outbox()
        assert len(readers()) == 1
    print("by whom the system trusts, and by a socket")

    assert "x.example" not in "".join(said), said
    for each in ("t.candor", "one.candor"):
        verified = subprocess.run([candor, "--store", each, "audit", "verify", "--deep"], cwd=folder)
        assert verified.returncode == 0
finally:
    server("stop", "-m", "immediate")
    shutil.rmtree(sockets, ignore_errors=True)
