#!/usr/bin/env bash
# Witnesses, time-stamps and keys against programs of other authors: openssl, ssh-agent, aics-witness.
#
# usage: anchors.sh CANDOR FOLDER [VENV-WITH-AICS-WITNESS]
#
# FOLDER is made. What isn't on this machine is said and skipped; exit code 1 when something doesn't
# hold. Listens on loopback only.
set -eu
candor=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$2"
work=$(realpath "$2")
venv=${3:+$(realpath "$3")}
cd "$work"
running=()
trap 'for p in "${running[@]}"; do kill "$p" 2>/dev/null || :; done' EXIT

no() { echo "DOES NOT HOLD: $*" >&2; exit 1; }
# Runs a command that must answer with this exit code; its output is in "$work/out".
expect() {
  local code=$1; shift
  local rc=0
  "$@" > out 2>&1 || rc=$?
  [ "$rc" = "$code" ] || { cat out >&2; no "exit $rc, not $code: $*"; }
}
said() { grep -q -- "$1" out || { cat out >&2; no "not said: $1"; }; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listening() { # PORT
  for _ in $(seq 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    sleep 0.1
  done
  no "nothing listens on port $1"
}
make() { # STORE ORIGIN OPTIONS…
  local store=$1 origin=$2; shift 2
  expect 0 "$candor" init "$store" --origin "$origin" --policy "$root/tests/common/policy.toml" "$@"
}
grow() { expect 0 "$candor" --store "$1" policy apply "$2"; }
vkey() { "$candor" --store "$1" key show 2>/dev/null; }
for n in 1 2 3 4; do
  { echo "# $n"; cat "$root/tests/common/policy.toml"; } > "policy-$n.toml"
done

# A store against a witness: growth, nothing new, rollback, fork. WITNESS-VKEY URL
try_witness() {
  local wvkey=$1 url=$2 store=$3
  expect 0 "$candor" --store "$store" audit witness add "$wvkey" "$url"
  cp "$store" "$store.before"; cp "$store.key" "$store.before.key"
  grow "$store" policy-1.toml
  expect 0 "$candor" --store "$store" audit witness ask; said ' signed '
  grow "$store" policy-2.toml
  expect 0 "$candor" --store "$store" audit witness ask; said ' signed '
  expect 0 "$candor" --store "$store" audit witness ask; said 'nothing is new'
  expect 0 "$candor" --store "$store" audit verify --deep --key "$(vkey "$store")" --witness "$wvkey"
  said 'what witnesses signed holds'; said '^unwitnessed 1 entry'
  # The insider has file and key: an old file, then another history of the same length.
  expect 1 "$candor" --store "$store.before" audit witness ask; said 'REFUSED (409)'
  expect 1 "$candor" --store "$store.before" audit verify; said 'witness-refused'
  for n in 3 4 3 4; do grow "$store.before" "policy-$n.toml"; done
  expect 1 "$candor" --store "$store.before" audit witness ask; said 'REFUSED (422)'
  # Nobody is there: nothing else suffers.
  expect 0 "$candor" --store "$store" audit witness remove "${wvkey%%+*}"
  expect 0 "$candor" --store "$store" audit witness add "$wvkey" "http://127.0.0.1:1"
  expect 1 "$candor" --store "$store" audit witness ask; said "wasn't reached"
  grow "$store" policy-3.toml
  expect 0 "$candor" --store "$store" audit verify --deep --witness "$wvkey"
}

echo "--- candor as the witness"
make own.db own.example/a
expect 0 "$candor" witness init --name witness.example/w1 --state w.json --key w.key
port=$(free_port)
"$candor" witness serve --listen "127.0.0.1:$port" --state w.json --key w.key --log "$(vkey own.db)" \
  > own-witness.log 2>&1 &
running+=($!)
listening "$port"
wvkey=$("$candor" witness show --state w.json --key w.key | head -1)
try_witness "$wvkey" "http://127.0.0.1:$port" own.db
expect 4 "$candor" witness serve --state w.json --key w.key --log "$(vkey own.db)"; said witness-busy
make other.db other.example/a
expect 0 "$candor" --store other.db audit witness add "$wvkey" "http://127.0.0.1:$port"
expect 1 "$candor" --store other.db audit witness ask; said "doesn't know this ledger"

if [ -n "$venv" ] && [ -x "$venv/bin/aics-witness" ]; then
  echo "--- aics-witness"
  make aics.db aics.example/a
  port=$(free_port)
  mkdir -p aics
  aics=$venv/bin/aics-witness
  expect 0 "$aics" init -c aics/witness.json --name aics.example/w1 --listen "127.0.0.1:$port" \
    --db w.db --key-file w.key
  wvkey=$(grep -o 'aics.example/w1+[0-9a-f]*+[A-Za-z0-9+/=]*' out | head -1)
  expect 0 "$aics" add-log -c aics/witness.json --origin aics.example/a --vkey "$(vkey aics.db)"
  "$aics" serve -c aics/witness.json > aics.log 2>&1 &
  running+=($!)
  listening "$port"
  try_witness "$wvkey" "http://127.0.0.1:$port" aics.db
  expect 0 "$aics" evidence -c aics/witness.json; said 'aics.example/a'
else
  echo "--- SKIPPED: aics-witness (it needs Python 3.12 or newer)"
fi

if command -v openssl >/dev/null; then
  echo "--- keys and openssl"
  printf 'correct horse\nsecond line\n' > pass
  export CANDOR_PASSPHRASE_FILE=$work/pass
  make locked.db locked.example/a --passphrase
  grep -q 'BEGIN ENCRYPTED PRIVATE KEY' locked.db.key || no "the key lies open"
  openssl pkey -in locked.db.key -passin 'pass:correct horse' -noout || no "openssl can't open the key"
  ! openssl pkey -in locked.db.key -passin 'pass:wrong' -noout 2>/dev/null || no "any passphrase opens it"
  # The public half that openssl sees is the one that is handed out.
  openssl pkey -in locked.db.key -passin 'pass:correct horse' -pubout -outform DER | tail -c 32 > pub
  vkey locked.db | cut -d+ -f3- | base64 -d | tail -c 32 | cmp - pub || no "another public key"
  echo wrong > wrong
  expect 1 "$candor" --store locked.db --passphrase-file wrong policy apply policy-1.toml
  said passphrase-wrong
  # Without the passphrase and without the key: read-only, and everything verifies.
  (
    unset CANDOR_PASSPHRASE_FILE
    expect 1 "$candor" --store locked.db policy apply policy-1.toml < /dev/null; said key-locked
    expect 0 "$candor" --store locked.db audit verify --deep
    mv locked.db.key elsewhere.key
    expect 1 "$candor" --store locked.db policy apply policy-1.toml; said key-missing
    expect 0 "$candor" --store locked.db audit verify --deep
    mv elsewhere.key locked.db.key
  )
  grow locked.db policy-1.toml
  first=$(vkey locked.db)
  cp locked.db locked.backup
  expect 0 "$candor" --store locked.db key rotate
  grep -q 'BEGIN ENCRYPTED' locked.db.key || no "the new key lies open"
  expect 0 "$candor" --store locked.db key unlock
  # A key that openssl wrote without PBES2 by candor: taken in as it is.
  openssl pkcs8 -topk8 -v2 aes-256-cbc -in locked.db.key -passout 'pass:correct horse' -out by-openssl
  mv by-openssl locked.db.key
  grow locked.db policy-2.toml
  expect 0 "$candor" --store locked.db audit verify --deep --key "$first"
  said 'unless it was lost (1)'
  expect 0 "$candor" --store locked.db audit verify --deep --key "$(vkey locked.db)"
  # A backup from before the rotation is restored, and led to the present key again.
  rm locked.db locked.db-wal locked.db-shm 2>/dev/null || :
  expect 0 "$candor" --store locked.db restore locked.backup
  expect 0 "$candor" --store locked.db audit verify --deep --key "$first"
  # A stolen key leads nowhere.
  second=$(vkey locked.db)
  expect 0 "$candor" --store locked.db key rotate --stolen
  expect 1 "$candor" --store locked.db audit verify --key "$second"; said key-stolen
  expect 1 "$candor" --store locked.db audit verify --key "$first"; said key-stolen
  third=$(vkey locked.db)
  expect 0 "$candor" --store locked.db audit verify --deep --key "$third"
  # Nor does a lost one.
  rm locked.db.key
  expect 1 "$candor" --store locked.db key rotate; said key-missing
  expect 0 "$candor" --store locked.db key rotate --lost
  expect 1 "$candor" --store locked.db audit verify --key "$third"; said key-lost
  expect 0 "$candor" --store locked.db audit verify --deep --key "$(vkey locked.db)"
  grow locked.db policy-3.toml
  unset CANDOR_PASSPHRASE_FILE

  echo "--- openssl as the time-stamp authority"
  mkdir -p tsa
  cat > tsa/tsa.cnf <<'CNF'
[req]
distinguished_name = dn
[dn]
[tsa]
default_tsa = tsa1
[tsa1]
serial = tsa/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[ext]
extendedKeyUsage = critical,timeStamping
basicConstraints = CA:true
CNF
  echo 01 > tsa/serial
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Test TSA' \
    -config tsa/tsa.cnf -extensions ext -keyout tsa/key.pem -out tsa/cert.pem 2>/dev/null
  port=$(free_port)
  python3 - "$port" > tsa.log 2>&1 <<'PY' &
import http.server, subprocess, sys
class Authority(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        query = self.rfile.read(int(self.headers["Content-Length"]))
        open("tsa/query.tsq", "wb").write(query)
        if self.path != "/old":
            subprocess.run("openssl ts -reply -config tsa/tsa.cnf -queryfile tsa/query.tsq -signer tsa/cert.pem"
                           " -inkey tsa/key.pem -out tsa/reply.tsr".split(), check=True)
        reply = open("tsa/reply.tsr", "rb").read()
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Authority).serve_forever()
PY
  running+=($!)
  listening "$port"
  make stamped.db stamped.example/a
  expect 0 "$candor" --store stamped.db audit timestamp --tsa "http://127.0.0.1:$port/"
  grow stamped.db policy-1.toml
  expect 1 "$candor" --store stamped.db audit timestamp --tsa "http://127.0.0.1:$port/old"
  said timestamp-foreign
  expect 0 "$candor" --store stamped.db audit timestamp --tsa "http://127.0.0.1:$port/"
  expect 0 "$candor" --store stamped.db audit verify --deep; said 'stands by'
  expect 0 "$candor" --store stamped.db audit timestamp --out stamps
  count=0
  for tsr in stamps/*.tsr; do
    openssl ts -verify -in "$tsr" -data "${tsr%.tsr}.note" -CAfile tsa/cert.pem 2>/dev/null | grep -q OK \
      || no "openssl refuses $tsr"
    count=$((count + 1))
  done
  [ "$count" = 2 ] || no "$count time-stamps, not 2"

  echo "--- https, by the system's roots and no others"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Test CA' \
    -addext 'keyUsage=critical,keyCertSign' -keyout tsa/ca-key.pem -out tsa/ca.pem 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' \
    -keyout tsa/tls-key.pem -out tsa/tls.csr 2>/dev/null
  printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n' > tsa/tls.ext
  openssl x509 -req -in tsa/tls.csr -CA tsa/ca.pem -CAkey tsa/ca-key.pem -CAcreateserial -days 2 \
    -extfile tsa/tls.ext -out tsa/tls.pem 2>/dev/null
  old_port=$port
  port=$(free_port)
  python3 - "$port" "$old_port" > tls.log 2>&1 <<'PY' &
import socket, ssl, sys, threading
def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    finally:
        b.close()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("tsa/tls.pem", "tsa/tls-key.pem")
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    plain, _ = server.accept()
    try:
        client = context.wrap_socket(plain, server_side=True)
    except OSError:
        continue
    upstream = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
    threading.Thread(target=pump, args=(upstream, client), daemon=True).start()
PY
  running+=($!)
  listening "$port"
  expect 4 "$candor" --store stamped.db audit timestamp --tsa "https://localhost:$port/"; said unreachable
  expect 0 env SSL_CERT_FILE="$work/tsa/ca.pem" "$candor" --store stamped.db audit timestamp \
    --tsa "https://localhost:$port/"
else
  echo "--- SKIPPED: openssl isn't here"
fi

if command -v ssh-agent >/dev/null && command -v ssh-keygen >/dev/null; then
  echo "--- a key in ssh-agent"
  ssh-keygen -q -t ed25519 -N '' -C test -f agent-key
  ssh-keygen -q -t ed25519 -N '' -C test -f agent-key-2
  eval "$(ssh-agent -s)" > /dev/null
  running+=("$SSH_AGENT_PID")
  expect 1 "$candor" init agent.db --ssh-key agent-key.pub; said agent-refused
  [ ! -e agent.db ] && [ ! -e agent.db.key ] || no "something was left of a store that can't be signed"
  ssh-add -q agent-key agent-key-2
  make agent.db agent.example/a --ssh-key agent-key.pub
  grow agent.db policy-1.toml
  first=$(vkey agent.db)
  ssh-add -q -d agent-key 2>/dev/null
  expect 1 "$candor" --store agent.db policy apply policy-2.toml; said agent-refused
  expect 0 "$candor" --store agent.db audit verify --deep
  ssh-add -q agent-key
  expect 0 "$candor" --store agent.db key rotate --ssh-key agent-key-2.pub
  grow agent.db policy-2.toml
  expect 0 "$candor" --store agent.db audit verify --deep --key "$first"
  (
    unset SSH_AUTH_SOCK
    expect 1 "$candor" --store agent.db policy apply policy-3.toml; said agent-missing
  )
  ! grep -rl 'PRIVATE KEY' agent.db.key* || no "a private key lies beside the store"
else
  echo "--- SKIPPED: ssh-agent isn't here"
fi
echo "all of it holds"
