#!/usr/bin/env bash
# Clients of the tracking API, as their authors publish them, against `candor serve`: over a bad line,
# and while the server is killed. Everything that they sent is held once, and nothing else.
#
# usage: clients.sh CANDOR FOLDER [PYTHON-WITH-CLIENTS] [FOLDER-WITH-NODE-MODULES] [CHROMIUM]
#
# FOLDER is made. Clients that aren't there are skipped; exit code 1 when something doesn't hold. Listens
# on loopback only.
set -eu
candor=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$2"
work=$(realpath "$2")
python=${3:-}
modules=${4:-}
export CHROMIUM=${5:-}
export READY=
here=$root/tests/oracle/clients
cd "$work"
export CANDOR_STORE=$work/t.candor
server=
line=
trap 'kill $line $server 2>/dev/null || :' EXIT

no() { echo "DOES NOT HOLD: $*" >&2; exit 1; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listening() { # PORT
  for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    sleep 0.1
  done
  no "nothing listens on $1"
}
start() {
  "$candor" serve --listen "127.0.0.1:$port" >> out 2>> log &
  server=$!
  listening "$port"
}
# What is held of a person: each order once, the name, and nothing that the policy doesn't name.
holds() { # CLIENT PERSON ORDERS
  "$candor" --json sql "SELECT e.body AS body FROM v_event e WHERE e.name = 'order_completed'" > events.json
  "$candor" --json sql "SELECT field, text FROM v_value" > values.json
  python3 - "$2" "$3" <<'PY' || no "$1 left something else"
import json, sys
person, orders = sys.argv[1], int(sys.argv[2])
bodies = [json.loads(row["body"]) for row in json.load(open("events.json"))]
own = sorted(int(b["properties"]["order"]) for b in bodies if b["properties"].get("who") == person)
if own != list(range(orders)):
    sys.exit(f"orders of {person}: {own}")
text = open("values.json").read()
if f"{person}@example.com" not in text or "shoe_size" in text:
    sys.exit("its e-mail address isn't held, or what the policy doesn't name is")
PY
  echo "$1: $3 orders of $2, each once"
}

python3 - "$root/fixtures/tracking/policy.toml" > policy.toml <<'PY'
import sys
text = open(sys.argv[1]).read()
print(text.replace('properties = { revenue', 'properties = { order = { from = "properties.order" }, who = { from = "userId" }, revenue'))
PY
"$candor" init t.candor --policy policy.toml > /dev/null
"$candor" --json write-key add web > key.json
key=$(python3 -c 'import json; print(json.load(open("key.json"))["key"])')
"$candor" --json write-key add web --public > public.json
public=$(python3 -c 'import json; print(json.load(open("public.json"))["key"])')
port=$(free_port)
start
bad=$(free_port)
python3 "$here/flaky.py" "$bad" "$port" & line=$!
listening "$bad"

# How often a field that the policy doesn't name was refused so far, and a page without a consent.
refusals() {
  "$candor" --json sql "SELECT totals FROM v_import" | python3 -c '
import json, sys
totals = [json.loads(row["totals"]) for row in json.load(sys.stdin)]
unknown = sum(of.get("unknown_field", 0) for t in totals for of in t["stripped"].values())
print(unknown, sum(t["events_refused"].get("page_viewed", {}).get("consent_unknown", 0) for t in totals))'
}

# Each client over the bad line, and once more while the server is killed and started again.
try() { # NAME COMMAND…
  local name=$1
  shift
  "$@" "http://127.0.0.1:$bad" "$key" "$name-line" 60 1 || no "$name gave up on a bad line"
  holds "$name over a bad line" "$name-line" 60
  [ -z "$READY" ] || rm -f "$READY"
  "$@" "http://127.0.0.1:$port" "$key" "$name-kill" 90 3 & local client=$!
  # A page asks for its settings once, and isn't there without them.
  for _ in $(seq 300); do
    { [ -z "$READY" ] || [ -e "$READY" ]; } && break
    sleep 0.1
  done
  for _ in 1 2 3; do
    sleep 0.8
    kill -9 $server
    wait $server 2>/dev/null || :
    sleep 0.2
    start
  done
  wait $client || no "$name gave up on a killed server"
  holds "$name while the server is killed" "$name-kill" 90
}

if [ -n "$python" ]; then
  try segment-python "$python" "$here/send_segment.py"
  try rudder-python "$python" "$here/send_rudder.py"
fi
if [ -n "$modules" ]; then
  cp "$here"/*.mjs "$modules/"
  try segment-node node "$modules/send_segment.mjs"
  try rudder-node node "$modules/send_rudder.mjs"
  # It sends nothing again, so it gets a good line.
  node "$modules/send_jitsu.mjs" "http://127.0.0.1:$port" "$key" jitsu 20
  holds jitsu jitsu 20
fi
if [ -n "$modules" ] && [ -n "$CHROMIUM" ]; then
  # Pages show their key to everybody, so an answer says nothing of anybody; the import of the day does.
  read -r fields pages < <(refusals)
  key=$public READY=$work/ready try browser node "$modules/send_browser.mjs"
  node "$modules/send_browser.mjs" "http://127.0.0.1:$port" "$public" browser-left 20 0 \
    || no "the page wasn't left"
  holds "a browser that leaves the page" browser-left 20
  read -r fields_now pages_now < <(refusals)
  { [ "$fields_now" -gt "$fields" ] && [ "$pages_now" -gt "$pages" ]; } || no "nothing that a browser sent is refused"
  echo "browser: an unknown field and a page without consent are refused, with their reasons"
fi
kill -TERM $server
wait $server || no "the server ended with $?"
server=
"$candor" audit verify --deep > verified || { cat verified >&2; no "the store"; }
tail -1 verified
