#!/usr/bin/env python3
"""`/openapi.json` against what `candor serve` really answers, by schemathesis: thousands of calls made of the document,
well-formed and not; each answer has to be one that the document promises, and none a fault of the server.

usage: openapi.py CANDOR FOLDER SCHEMATHESIS [OPTION-OF-SCHEMATHESIS...]    (pip install schemathesis)

FOLDER is made. Exit code 1 when something doesn't hold. Listens on loopback only.
"""
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

candor, folder, schemathesis = os.path.realpath(sys.argv[1]), pathlib.Path(sys.argv[2]), os.path.abspath(sys.argv[3])
root = pathlib.Path(__file__).resolve().parents[2]
folder.mkdir()

# The shop of the tracking API, with a help desk that delivers, and pages for people.
(folder / "policy.toml").write_text((root / "fixtures/tracking/policy.toml").read_text() + """
[source.desk]
format = "webhook"
key = "id"
purposes = ["orders"]
[source.desk.webhook]
scheme = "url"
secret = "desk"
[source.desk.fields]
name = { as = "attribute.name", category = "contact" }

[source.page]
key = "email"
own = true
purposes = ["orders"]
[source.page.fields]
email = { as = "identifier.email", category = "contact" }

[pages]
url = "http://127.0.0.1:8600"
source = "page"
""")


def run(*words, **more):
    done = subprocess.run([candor, "--json", "--store", "t.candor", *words], cwd=folder, capture_output=True, text=True,
                          **more)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else None


def token(role, *more):
    return run("token", "add", "--role", role, *more)["token"]


run("init", "t.candor", "--policy", "policy.toml")
run("secret", "set", "desk", input="desk-secret\n")
key, public = run("write-key", "add", "web")["key"], run("write-key", "add", "web", "--public")["key"]
officer, monitor = token("dpo"), token("monitor")
desk = token("service-desk", "--purpose", "orders")
server = subprocess.Popen([candor, "--json", "--store", "t.candor", "serve", "--listen", "127.0.0.1:0", "--token-rate",
                           "100000 in PT1M"], cwd=folder, stdout=subprocess.PIPE, stderr=open(folder / "log", "w"), text=True)
told = ""
while "}" not in told:
    told += server.stdout.readline()
url = json.loads(told)["url"]
try:
    # Somebody to ask about, with orders and what was looked at.
    items = [{"type": "identify", "userId": "u-1", "traits": {"email": "ann@example.com", "name": "Ann"}}]
    items += [{"type": "track", "userId": "u-1", "event": "Order Completed", "messageId": f"o-{n}",
               "properties": {"revenue": n}} for n in range(30)]
    call = urllib.request.Request(f"{url}/v1/batch", json.dumps({"batch": items, "writeKey": key}).encode())
    assert json.load(urllib.request.urlopen(call))["kept"] == 31
    link = run("preferences", "link", "email:ann@example.com")["url"].rsplit("/", 1)[1]

    # What makes some calls get as far as an answer; the rest stays random.
    known = {"key": public, "source": "desk", "token": link, "id": "user_id:u-1", "who": "user_id:u-1", "purpose": "orders",
             "query-token": "desk-secret", "next": 20}
    config = ['seed = 20260303', 'warnings = false', 'request-timeout = 20', 'continue-on-failure = true',
              '[generation]', 'database = "none"', 'max-examples = 15',
              '[phases.stateful]', 'enabled = false',
              # A body of the right shape can still ask for what no policy has.
              '[checks.positive_data_acceptance]', 'expected-statuses = ["2xx", 400, 401, 403, 404, 409]',
              '[auth.openapi.basicKey]', f'username = "{key}"', 'password = ""',
              '[auth.openapi.queryKey]', f'api_key = "{public}"',
              '[auth.openapi.token]', f'bearer = "{officer}"',
              '[[operations]]', 'include-path = "/metrics"', f'headers = {{ Authorization = "Bearer {monitor}" }}',
              # A stream has no end, so the calls are made with a token that may not listen; see below for one that may.
              '[[operations]]', 'include-path = "/v1/changes"', f'headers = {{ Authorization = "Bearer {desk}" }}']
    parameters = []
    for name, value in known.items():
        config += [f'[dictionaries.{name}]', f'values = [{json.dumps(value)}]']
    for name, place in [("key", "path.key"), ("source", "path.source"), ("token", "path.token"), ("id", "path.id"),
                        ("purpose", "path.purpose"), ("query-token", "query.token"), ("purpose", "query.purpose"),
                        ("next", "query.next"), ("who", "body.who"), ("purpose", "body.purpose")]:
        parameters.append(f'"{place}" = {{ dictionary = "{name}", probability = 0.6 }}')
    (folder / "schemathesis.toml").write_text("\n".join([*config[:4], '[parameters]', *parameters, *config[4:]]) + "\n")
    done = subprocess.run([schemathesis, "--config-file", "schemathesis.toml", "run", f"{url}/openapi.json", "--checks", "all",
                           "--no-color", *sys.argv[4:]], cwd=folder, timeout=600)
    assert done.returncode == 0, "the document and the server differ"
    call = urllib.request.Request(f"{url}/v1/changes?purpose=orders", headers={"Authorization": f"Bearer {officer}",
                                                                               "Last-Event-ID": "0"})
    with urllib.request.urlopen(call, timeout=20) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream", stream.headers
        while not (line := stream.readline().decode()).startswith("event: "):
            pass
        document = json.load(urllib.request.urlopen(f"{url}/openapi.json"))
        change = document["components"]["schemas"]["Change"]["properties"]
        assert line[7:].strip() in change["event"]["enum"], line
        json.loads(stream.readline().decode().removeprefix("data: "))
    assert server.poll() is None, "the server ended"
finally:
    server.terminate()
    ended = server.wait(60)
assert ended == 0, ended
log = (folder / "log").read_text()
assert '"status":5' not in log and "panicked" not in log, log[-2000:]
verified = subprocess.run([candor, "--store", "t.candor", "audit", "verify", "--deep"], cwd=folder, capture_output=True, text=True)
assert verified.returncode == 0, verified.stdout
print(verified.stdout.splitlines()[-1])
