#!/usr/bin/env python3
"""TLS of `candor serve` with clients of other authors: Python's ssl (OpenSSL), `openssl s_client`, and curl where it is.

usage: tls.py CANDOR FOLDER    (needs openssl)

FOLDER is made. An authority, one in between and servers' certificates of each form of key are made in it. Exit code 1
when something doesn't hold. Listens on loopback only.
"""
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import time
import warnings

# Old versions are tried on purpose.
warnings.simplefilter("ignore", DeprecationWarning)
candor, folder = os.path.realpath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
policy = pathlib.Path(__file__).resolve().parents[2] / "fixtures/tracking/policy.toml"
folder.mkdir()
curl = shutil.which("curl")


def openssl(*words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def candor_does(*words):
    done = subprocess.run([candor, "--json", "--store", "t.candor", *words], cwd=folder, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


def authority(name, by=None):
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
    (folder / "ca.ext").write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
    signer = ["-signkey", f"{name}.key"] if by is None else ["-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial"]
    openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-days", "2", "-extfile", "ca.ext", "-out", f"{name}.pem")


def server_certificate(name, key, days="2"):
    """Makes the certificate of a key, by the authority in between, and the file with the chain."""
    openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", f"{name}.csr")
    (folder / "server.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "between.pem", "-CAkey", "between.key", "-CAcreateserial",
            "-days", days, "-extfile", "server.ext", "-out", f"{name}.pem")
    chain = (folder / f"{name}.pem").read_text() + (folder / "between.pem").read_text()
    put(f"{name}.chain", chain)


def put(name, text):
    """Puts a file in another's place at once, its owner's alone."""
    fresh = folder / "fresh"
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.replace(folder / name)


def show(certificate, key):
    put("key.pem", (folder / key).read_text())
    put("cert.pem", (folder / f"{certificate}.chain").read_text())


class Server:
    def __enter__(self):
        self.log = open(folder / "log", "a+")
        self.process = subprocess.Popen(
            [candor, "--json", "--store", "t.candor", "serve", "--listen", "127.0.0.1:0", "--tls-cert", "cert.pem",
             "--tls-key", "key.pem"], cwd=folder, stdout=subprocess.PIPE, stderr=self.log, text=True)
        told = ""
        while "}" not in told:
            told += self.process.stdout.readline()
        self.url = json.loads(told)["url"]
        assert self.url.startswith("https://"), self.url
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(30) == 0


def trusting(version=None):
    context = ssl.create_default_context(cafile=str(folder / "root.pem"))
    if version:
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def ask(server, method="GET", path="/healthz", body=None, headers={}, context=None):
    connection = http.client.HTTPSConnection("localhost", server.port, context=context or trusting(), timeout=20)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer, answer.read()


authority("root")
authority("between", by="root")
openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "p256.key")
openssl("ec", "-in", "p256.key", "-out", "p256-sec1.key")
openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "p384.key")
openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.key")
openssl("rsa", "-in", "rsa.key", "-traditional", "-out", "rsa-pkcs1.key")
openssl("genpkey", "-algorithm", "ED25519", "-out", "ed25519.key")
for name in ("p256", "p384", "rsa", "ed25519"):
    server_certificate(name, f"{name}.key")
code, _ = candor_does("init", "t.candor", "--policy", str(policy))
assert code == 0
key = candor_does("write-key", "add", "web")[1]["key"]
token = candor_does("token", "add", "--role", "system", "--purpose", "orders")[1]["token"]

# Each form of key, each version, and nothing older; the chain is sent whole, for the root alone is trusted.
for certificate, file in [("p256", "p256.key"), ("p256", "p256-sec1.key"), ("p384", "p384.key"), ("rsa", "rsa.key"),
                          ("rsa", "rsa-pkcs1.key"), ("ed25519", "ed25519.key")]:
    show(certificate, file)
    with Server() as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            answer, body = ask(server, context=trusting(version))
            assert (answer.status, json.loads(body)) == (200, {"status": "alive"}), (file, version, body)
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", answer.headers
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            try:
                ask(server, context=trusting(version))
            except (ssl.SSLError, ConnectionError):
                continue
            raise AssertionError(f"{version} was spoken")
    print(f"{file}: TLS 1.2 and 1.3, and nothing older")

show("p256", "p256.key")
with Server() as server:
    # Who doesn't trust the authority, and who is told another name, goes away.
    for context, name in [(ssl.create_default_context(), "localhost"), (trusting(), "shop.example")]:
        try:
            with socket.create_connection(("127.0.0.1", server.port)) as raw:
                context.wrap_socket(raw, server_hostname=name)
        except ssl.SSLCertVerificationError:
            continue
        raise AssertionError("a certificate was taken that shouldn't be")
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", "root.pem",
                           "-verify_return_error", "-verify_hostname", "localhost", "-alpn", "h2,http/1.1"],
                          cwd=folder, input="", capture_output=True, text=True)
    assert said.returncode == 0 and "Verify return code: 0 (ok)" in said.stdout, said
    assert "ALPN protocol: http/1.1" in said.stdout, said.stdout
    # A large body, and a stream.
    item = {"type": "track", "userId": "u-1", "event": "Order Completed", "timestamp": "2026-03-03T10:00:00Z"}
    batch = {"writeKey": key, "batch": [{**item, "messageId": f"m-{n}", "context": {"x": "y" * 400}} for n in range(2000)]}
    answer, body = ask(server, "POST", "/v1/batch", json.dumps(batch))
    assert (answer.status, json.loads(body)["kept"]) == (200, 2000), body[:200]
    connection = http.client.HTTPSConnection("localhost", server.port, context=trusting(), timeout=20)
    connection.request("GET", "/v1/changes?purpose=orders", headers={"Authorization": f"Bearer {token}", "Last-Event-ID": "0"})
    stream = connection.getresponse()
    heard = b"".join(stream.readline() for _ in range(8))
    assert stream.status == 200 and b"retry: 3000" in heard and b"event: " in heard, heard
    connection.close()
    # Handshakes that stand still, in great number, hold up nobody.
    halves = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    for half in halves:
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    begun = time.monotonic()
    assert ask(server)[0].status == 200
    assert time.monotonic() - begun < 5, time.monotonic() - begun
    for half in halves:
        half.close()
    if curl:
        def curled(*words):
            return subprocess.run([curl, "--silent", "--show-error", "--cacert", "root.pem", *words], cwd=folder,
                                  capture_output=True, text=True)
        said = curled("--http2", "--write-out", " %{http_version} %{http_code}", "--user", f"{key}:", "--data",
                      json.dumps({**item, "messageId": "curl"}), f"https://localhost:{server.port}/v1/track")
        assert said.returncode == 0 and '"kept":1' in said.stdout and said.stdout.endswith(" 1.1 200"), said
        said = curled("--data", "x" * 100_000, f"http://localhost:{server.port}/v1/track")
        assert json.loads(said.stdout)["code"] == "tls_required", said
        print("curl takes it, and is told where it speaks plainly")
    else:
        print("SKIPPED: curl isn't here")
    # Renewed while it is served.
    before = ssl.get_server_certificate(("127.0.0.1", server.port))
    show("rsa", "rsa.key")
    for _ in range(200):
        after = ssl.get_server_certificate(("127.0.0.1", server.port))
        if after != before:
            break
        time.sleep(0.1)
    assert ssl.PEM_cert_to_DER_cert(after) == ssl.PEM_cert_to_DER_cert((folder / "rsa.pem").read_text())
    assert ask(server)[0].status == 200
    print("a renewed certificate is shown without a new start")

for mode, certificate, expected, exit_code in [(0o640, "rsa", "tls-key-exposed", 1), (0o600, "p256", "tls-key-differs", 2)]:
    show(certificate, "rsa.key")
    (folder / "key.pem").chmod(mode)
    code, told = candor_does("serve", "--listen", "127.0.0.1:0", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    assert (code, told["error"]["code"]) == (exit_code, expected), (code, told)
doctor = candor_does("doctor", "--tls-cert", "p256.chain", "--tls-key", "p256.key")[1]["findings"]
assert [f["state"] for f in doctor if f["part"] == "certificate"] == ["look"], doctor
code, _ = candor_does("audit", "verify", "--deep")
assert code == 0
print("TLS holds")
