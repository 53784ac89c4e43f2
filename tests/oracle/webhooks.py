#!/usr/bin/env python3
"""Deliveries signed by the vendors' own libraries, to `candor serve`: believed, and refused once a byte differs.

usage: webhooks.py CANDOR FOLDER    (pip install standardwebhooks stripe)

FOLDER is made. Exit code 1 when something doesn't hold. Listens on loopback only.
"""
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import standardwebhooks
import stripe

candor, folder = os.path.realpath(sys.argv[1]), pathlib.Path(sys.argv[2])
root = pathlib.Path(__file__).resolve().parents[2] / "fixtures/webhooks"
folder.mkdir()
secrets = {"till": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "stripe": "whsec_0123456789abcdef"}


def run(*words, **more):
    return subprocess.run([candor, "--store", "t.candor", *words], cwd=folder, check=True, capture_output=True,
                          text=True, **more).stdout


run("init", "t.candor", "--policy", str(root / "policy.toml"))
for name, value in secrets.items():
    run("secret", "set", name, input=value + "\n")
server = subprocess.Popen([candor, "--json", "--store", "t.candor", "serve", "--listen", "127.0.0.1:0"], cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
told = ""
while "}" not in told:
    told += server.stdout.readline()
url = json.loads(told)["url"]


def signed(source, body, at):
    """The headers that the vendor's library makes."""
    if source == "till":
        hook = standardwebhooks.Webhook(secrets["till"])
        moment = datetime.datetime.fromtimestamp(at, tz=datetime.timezone.utc)
        return {"webhook-id": "msg_1", "webhook-timestamp": str(at),
                "webhook-signature": hook.sign("msg_1", moment, body)}
    made = stripe.WebhookSignature._compute_signature(f"{at}.{body}", secrets["stripe"])
    headers = {"Stripe-Signature": f"t={at},v1={made}"}
    # The library believes it too.
    stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secrets["stripe"], tolerance=10**9)
    return headers


def post(source, headers, body):
    asked = urllib.request.Request(f"{url}/v1/hooks/{source}", body.encode(), headers)
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


wrong = []
try:
    for delivery in json.loads((root / "deliveries.json").read_text()):
        source = delivery["source"]
        if source != "till" and not source.startswith("stripe"):
            continue
        body, now = json.dumps(delivery["body"]), int(time.time())
        headers = signed(source, body, now)
        late = signed(source, body, now - 600)
        for what, status, got in [
            ("signed", 200, post(source, headers, body)),
            ("a changed byte", 401, post(source, headers, body.replace("e", "f", 1))),
            ("ten minutes ago", 401, post(source, late, body)),
            ("unsigned", 401, post(source, {}, body)),
        ]:
            if got != status:
                wrong.append(f"{delivery['what']}, {what}: {got} for {status}")
finally:
    server.terminate()
    server.wait()
held = run("sql", "SELECT name, COUNT(*) AS n FROM v_event GROUP BY name")
print(held, end="")
if "sold" not in held or "paid" not in held:
    wrong.append("what was believed isn't held")
print("\n".join(wrong) or "what the libraries sign is believed, and nothing else")
sys.exit(bool(wrong))
