#!/usr/bin/env python3
"""Verifies a store's ledger without candor: sqlite3 and hashlib of Python, and `cryptography`.

usage: verify_store.py STORE [VKEY]

VKEY is the public key as `candor key show` printed it when the store was made; without it the key that
the file names first is believed, which proves only that the file agrees with itself. A key that the
ledger hands over to is followed when both signed the checkpoint behind that entry.
"""
import base64
import hashlib
import json
import sqlite3
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def root_of(peaks):
    """RFC 6962: the perfect subtrees (level, hash), left to right, folded from the right."""
    root = peaks[-1][1]
    for _, left in reversed(peaks[:-1]):
        root = hashlib.sha256(b"\x01" + left + root).digest()
    return root


def read_key(vkey):
    name, key_id, material = vkey.split("+", 2)
    public = base64.b64decode(material, validate=True)
    expected_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
    assert public[0] == 1 and expected_id.hex() == key_id, "the key's id is not its own"
    return name, expected_id, Ed25519PublicKey.from_public_bytes(public[1:])


def main():
    store = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    first = json.loads(store.execute("SELECT leaf FROM entry WHERE n = 0").fetchone()[0])
    vkey = sys.argv[2] if len(sys.argv) > 2 else first["b"]["vkey"]
    name = read_key(vkey)[0]
    signers = [vkey]

    notes = dict(store.execute("SELECT size, note FROM checkpoint"))
    peaks, count = [], 0
    for n, leaf in store.execute("SELECT n, leaf FROM entry ORDER BY n"):
        assert n == count, f"entry {count} is missing"
        entry = json.loads(leaf)
        if entry["k"] == "key.rotate":
            assert entry["b"]["why"] == "routine", f"entry {n}: the key was {entry['b']['why']}"
            assert entry["b"]["was"] == signers[-1], f"entry {n} hands over from another key"
            signers = [signers[-1], entry["b"]["vkey"]]
        peaks.append((0, hashlib.sha256(b"\x00" + leaf).digest()))
        while len(peaks) > 1 and peaks[-1][0] == peaks[-2][0]:
            level, right = peaks.pop()
            peaks[-1] = (level + 1, hashlib.sha256(b"\x01" + peaks[-1][1] + right).digest())
        count += 1
        if count in notes:
            text, _, lines = notes[count].decode().partition("\n\n")
            origin, size, root = text.split("\n")[:3]
            assert origin == name and int(size) == count, f"checkpoint {count} is of another log"
            assert base64.b64decode(root) == root_of(peaks), f"the root at {count} differs"
            lines = lines.splitlines()
            assert len(lines) == len(signers), f"checkpoint {count} has {len(lines)} signatures"
            for line, signer in zip(lines, signers):
                _, key_id, key = read_key(signer)
                signature = base64.b64decode(line.rsplit(" ", 1)[1])
                assert signature[:4] == key_id, f"checkpoint {count} is signed by another key"
                key.verify(signature[4:], (text + "\n").encode())
            signers = signers[-1:]
        else:
            assert len(signers) == 1, f"no checkpoint stands behind the new key of entry {n}"
    assert count == max(notes), f"{count} entries, and {max(notes)} are signed"
    print(f"{count} entries, {len(notes)} checkpoints: all hold, by {vkey}")


try:
    main()
except (AssertionError, InvalidSignature, KeyError, TypeError, ValueError, sqlite3.Error) as error:
    print(f"DOES NOT HOLD: {type(error).__name__} {error}")
    sys.exit(1)
