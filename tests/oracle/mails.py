#!/usr/bin/env python3
"""Mails by a mail server of other authors (aiosmtpd), over TLS from the first byte and after STARTTLS, read by
Python's own reader of mails; and the links in them, followed.

usage: mails.py CANDOR FOLDER [FOLDER-WITH-NODE-MODULES CHROMIUM]    (pip install aiosmtpd; needs openssl)

With a browser, each page that a link leads to is looked at in it (pages.mjs).

FOLDER is made. Exit code 1 when something doesn't hold. Listens on loopback only.
"""
import atexit
import email
import email.policy
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import certificates
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

candor, folder = os.path.realpath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
policy = pathlib.Path(__file__).resolve().parents[2] / "fixtures/mails/policy.toml"
folder.mkdir()
browser = sys.argv[3:5]


certificates.make(folder)
trusting = {**os.environ, "SSL_CERT_FILE": str(folder / "ca.pem")}
trusting.pop("SSL_CERT_DIR", None)

taken, logins = [], []


class Handler:
    async def handle_DATA(self, server, session, envelope):
        taken.append((envelope.rcpt_tos, bytes(envelope.content), session.ssl is not None or implicit_of(server)))
        return "250 taken"


def implicit_of(server):
    return getattr(server, "is_implicit", False)


def login(server, session, envelope, mechanism, given):
    assert isinstance(given, LoginPassword)
    logins.append((given.login, given.password))
    return AuthResult(success=(given.login, given.password) == (b"tern", b"pine:pass"))


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "server.pem", folder / "server.key")
after = Controller(Handler(), hostname="localhost", port=8587, tls_context=context, require_starttls=True,
                   authenticator=login, auth_required=True)
first = Controller(Handler(), hostname="localhost", port=8465, ssl_context=context, authenticator=login,
                   auth_required=True, auth_require_tls=False)
after.start()
first.start()


def run(*words, env=trusting, **more):
    done = subprocess.run([candor, "--json", "--store", "t.candor", *words], cwd=folder, capture_output=True,
                          text=True, env=env, **more)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else None


def read(raw):
    """A mail as Python's own reader has it, which notes each defect."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    for part in mail.walk():
        assert not part.defects, part.defects
        for value in part.values():
            assert not getattr(value, "defects", ()), (value, value.defects)
    return mail


def look(name, link):
    """Has a browser look at a page; its name is that of its pictures."""
    if not browser:
        return
    modules, chromium = browser
    shutil.copy(pathlib.Path(__file__).parent / "pages.mjs", modules)
    looked = subprocess.run(["node", f"{modules}/pages.mjs", link, name, str(folder)],
                            env={**os.environ, "CHROMIUM": chromium})
    assert looked.returncode == 0, name


def stands():
    states = run("consent", "state", "email:zoe@x.example")["purposes"]
    return states[0]["stands"]


run("init", "t.candor", "--policy", str(policy))
run("secret", "set", "smtp", input="tern:pine:pass\n")
now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
row = {"id": "f-1", "at": now, "email": "zoe@x.example", "name": "Zoë 王\r\nBcc: eve@x.example", "language": "de"}
(folder / "form.ndjson").write_text(json.dumps(row) + "\n")
run("import", "form.ndjson", "--source", "form")

# A server whose certificate nobody vouches for gets nothing.
strangers = {**trusting, "SSL_CERT_FILE": str(folder / "server.key")}
report = run("outbox", "run", "--once", env=strangers)
assert (report["delivered"], len(taken)) == (0, 0), report
waiting = run("outbox", "list")["outbox"]
assert waiting[0]["act"] == "consent.confirm" and waiting[0]["state"] == "waiting", waiting
run("outbox", "replay", str(waiting[0]["id"]))
report = run("outbox", "run", "--once")
assert report["delivered"] == 1, report
(to, raw, _), = taken
mail = read(raw)
assert to == ["zoe@x.example"] and mail["To"] == "zoe@x.example", mail["To"]
assert mail["Subject"] == "Bitte bestätigen: Monthly letter", mail["Subject"]
assert mail["From"].addresses[0].display_name == "Tern & Pine", mail["From"]
text = mail.get_content()
assert "Tern & Pine darf mir seinen Monatsbrief per E-Mail senden." in text, text
assert "List-Unsubscribe" not in mail and "Bcc" not in mail
confirm = re.search(r"http://\S+/confirm/\S+", text).group()
print("confirmation mailed after STARTTLS, read by Python's own reader")

server = subprocess.Popen([candor, "--json", "--store", "t.candor", "serve"], cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=trusting)
atexit.register(server.kill)
told = ""
while "}" not in told:
    told += server.stdout.readline()


def ask(url, form=None):
    data = None if form is None else form.encode()
    asked = urllib.request.Request(url, data, {"Accept-Language": "de"})
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


assert ask(confirm)[0] == 200 and stands() == "requested"
look("confirm", confirm)
assert stands() == "requested"
status, page = ask(confirm, "confirm=yes")
assert status == 200 and "Sie haben eingewilligt" in page, page
assert stands() == "given"
assert ask(confirm, "confirm=yes")[0] == 404

# The name wasn't kept for the newsletter before there was a consent: the form tells it again.
run("import", "form.ndjson", "--source", "form", "--again")
run("audience", "push", "letters")
for _ in range(100):
    if len(taken) == 2:
        break
    time.sleep(0.1)
letter = read(taken[1][1])
assert letter["Subject"] == "Ein Brief für Zoë 王  Bcc: eve@x.example", letter["Subject"]
assert "Bcc" not in letter and letter["Reply-To"] == "help@ternandpine.example"
assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
link = re.fullmatch(r"<(http://\S+)>", letter["List-Unsubscribe"]).group(1)
print("letter mailed over TLS, a hostile name stays a name")
assert ask(link)[0] == 200 and stands() == "given"
look("unsubscribe", link)
look("preferences", run("preferences", "link", "email:zoe@x.example")["url"])
assert stands() == "given"
assert ask(link, "List-Unsubscribe=One-Click")[0] == 200 and stands() == "withdrawn"
print("one click withdraws")
server.terminate()
log = server.communicate()[1]
assert "zoe" not in log and link.rsplit("/", 1)[1] not in log, log
assert set(logins) == {(b"tern", b"pine:pass")}, logins
verified = subprocess.run([candor, "--store", "t.candor", "audit", "verify", "--deep"], cwd=folder)
assert verified.returncode == 0
after.stop()
first.stop()
