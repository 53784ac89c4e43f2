#!/usr/bin/env python3
"""Tampers with copies of a bundle and has every verifier look at each: what one can see it must refuse.

usage: refuse_bundles.py BUNDLE VKEY [--go PROGRAM] [--aics]

The bundle must be a whole one. The verifier of candor's sources must refuse all of it, with the finding
that belongs to it; Go's library and aics-tlog must refuse what touches checkpoint, tree or entries.
"""
import argparse
import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SKIPPED = object()
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def read_payloads(bundle):
    return [json.loads(line) for line in (bundle / "payloads.jsonl").read_text().splitlines()]


def write_payloads(bundle, items):
    (bundle / "payloads.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))


def edit(path, change):
    path.write_bytes(change(path.read_bytes()))


def entry_bundles(bundle):
    return sorted(path for path in (bundle / "tile/entries").rglob("*") if path.is_file())


def flip(at):
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def non_canonical(text):
    """Another spelling of the same bytes: the bits that padding leaves unused."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    if body == text:
        return None
    return body[:-1] + alphabet[alphabet.index(body[-1]) ^ 1] + text[len(body):]


def cut_last_entry(bundle):
    last = entry_bundles(bundle)[-1]
    data, at, starts = last.read_bytes(), 0, []
    while at < len(data):
        starts.append(at)
        at += 2 + int.from_bytes(data[at:at + 2], "big")
    last.write_bytes(data[:starts[-1]])


def remove_payload(bundle):
    write_payloads(bundle, read_payloads(bundle)[1:])


def edit_payload(bundle):
    items = read_payloads(bundle)
    payload = bytearray(base64.b64decode(items[0]["payload"]))
    payload[len(payload) // 2] ^= 1
    items[0]["payload"] = base64.b64encode(payload).decode()
    write_payloads(bundle, items)


def forge_payload(bundle):
    items = read_payloads(bundle)
    items[0]["salt"] = base64.b64encode(bytes(32)).decode()
    write_payloads(bundle, items)


def double_payload(bundle):
    items = read_payloads(bundle)
    write_payloads(bundle, items + items[:1])


def spell_payload_otherwise(bundle):
    items = read_payloads(bundle)
    for item in items:
        other = non_canonical(item["salt"])
        assert other and base64.b64decode(other) == base64.b64decode(item["salt"])
        item["salt"] = other
    write_payloads(bundle, items)


def payload_of_nothing(bundle):
    items = read_payloads(bundle)
    write_payloads(bundle, items + [{"n": 0, "salt": items[0]["salt"], "payload": "e30="}])


def stand_in_for_erased(bundle):
    """Something in place of an erased payload. Its own is gone, so that can't be tried here."""
    for path in entry_bundles(bundle):
        data, at = path.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at:at + 2], "big")
            entry = json.loads(data[at + 2:at + 2 + length])
            at += 2 + length
            if entry["k"] == "erasure" and entry["b"]["seqs"]:
                salt = base64.b64encode(bytes(32)).decode()
                item = {"n": entry["b"]["seqs"][0], "salt": salt, "payload": "e30="}
                write_payloads(bundle, read_payloads(bundle) + [item])
                return
    return SKIPPED


def spell_root_otherwise(bundle):
    path = bundle / "checkpoint"
    lines = path.read_text().split("\n")
    lines[2] = non_canonical(lines[2])
    path.write_text("\n".join(lines))


def swap_checkpoints(bundle):
    held = sorted((bundle / "checkpoints").iterdir())
    first, last = held[0].read_bytes(), held[-1].read_bytes()
    held[0].write_bytes(last)
    held[-1].write_bytes(first)


def older_in_place(bundle):
    """The newest checkpoint replaced by an older, genuine one: the tree is longer than it states."""
    held = sorted((bundle / "checkpoints").iterdir())
    (bundle / "checkpoint").write_bytes(held[-1].read_bytes())


def link_entries(bundle):
    """By links, a few files stand for as many as one likes."""
    first = entry_bundles(bundle)[0]
    first.rename(bundle / "elsewhere")
    first.symlink_to(bundle / "elsewhere")


def endless_payloads(bundle):
    (bundle / "payloads.jsonl").unlink()
    os.mkfifo(bundle / "payloads.jsonl")


def first_hash_tile(bundle):
    return sorted(path for path in (bundle / "tile/0").rglob("*") if path.is_file())[0]


ALL, OURS = ("python", "go", "aics"), ("python",)
# name, change, who must refuse it, what the verifier in Python says
ATTACKS = [
    ("the signature's last byte", lambda b: edit(b / "checkpoint", flip(-4)), ALL, "BROKEN"),
    ("another size", lambda b: edit(b / "checkpoint", lambda d: d.replace(b"\n", b"\n1", 1)), ALL,
     "BROKEN"),
    ("a root in another spelling", spell_root_otherwise, ALL, "BROKEN"),
    ("no checkpoint", lambda b: (b / "checkpoint").unlink(), ALL, "BROKEN"),
    ("an entry edited", lambda b: edit(entry_bundles(b)[0], flip(40)), ALL, "BROKEN"),
    ("an entry edited, its hash gone",
     lambda b: (edit(entry_bundles(b)[0], flip(40)), first_hash_tile(b).unlink()), ALL, "ROOT"),
    ("an entry bundle cut in the middle", lambda b: edit(entry_bundles(b)[-1], lambda d: d[:-5]),
     ("python", "go"), "BROKEN"),
    ("the last entry removed", cut_last_entry, ("python", "go"), "BROKEN"),
    ("a hash edited", lambda b: edit(first_hash_tile(b), flip(3)), ALL, "BROKEN"),
    ("an entry bundle removed, and nothing said", lambda b: entry_bundles(b)[0].unlink(), OURS,
     "MISSING"),
    ("an old checkpoint edited", lambda b: edit(sorted((b / "checkpoints").iterdir())[0], flip(-4)),
     ALL, "CHECKPOINT"),
    ("two old checkpoints swapped", swap_checkpoints, OURS, "CHECKPOINT"),
    ("an older checkpoint in place of the newest", older_in_place, ("python",), "BROKEN"),
    ("a payload removed", remove_payload, OURS, "MISSING"),
    ("a payload edited", edit_payload, OURS, "PAYLOAD"),
    ("a payload with another salt", forge_payload, OURS, "PAYLOAD"),
    ("a payload twice", double_payload, OURS, "PAYLOAD"),
    ("salts in another spelling", spell_payload_otherwise, OURS, "PAYLOAD"),
    ("a payload for an entry without one", payload_of_nothing, OURS, "PAYLOAD"),
    ("the last payload cut off", lambda b: edit(b / "payloads.jsonl", lambda d: d[:-1]), OURS, "PAYLOAD"),
    ("an entry bundle that is a link", link_entries, OURS, "BROKEN"),
    ("payloads that never end", endless_payloads, OURS, "BROKEN"),
    ("something in place of an erased payload", stand_in_for_erased, OURS, "PAYLOAD"),
]


def aics(bundle, key):
    """Its checks of a folder: the checkpoint, the first entry, and growth from the oldest checkpoint."""
    data = entry_bundles(bundle)[0].read_bytes() if entry_bundles(bundle) else b""
    leaf = bundle.parent / "first-entry"
    leaf.write_bytes(data[2:2 + int.from_bytes(data[:2], "big")])
    oldest = sorted((bundle / "checkpoints").iterdir())[0]
    more = ["--log-key", key, "--tiles", str(bundle)]
    tool = [sys.executable, "-m", "aics_tlog"]
    return [tool + ["verify-checkpoint"] + more,
            tool + ["verify-inclusion", "--index", "0", "--leaf", str(leaf)] + more,
            tool + ["verify-consistency", "--old-checkpoint", str(oldest)] + more]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("vkey")
    parser.add_argument("--go")
    parser.add_argument("--aics", action="store_true")
    options = parser.parse_args()
    script = str(ROOT / "src/evidence/verify_bundle.py")
    verifiers = {"python": lambda b, key: [[sys.executable, script, str(b), "--key", key]]}
    if options.go:
        verifiers["go"] = lambda b, key: [[options.go, str(b), key]]
    if options.aics:
        verifiers["aics"] = aics

    def run(name, bundle, key):
        said = ""
        for command in verifiers[name](bundle, key):
            done = subprocess.run(command, capture_output=True, text=True)
            said += done.stdout + done.stderr
            if done.returncode != 0:
                return False, said
        return True, said

    wrong = []
    origin = options.vkey.split("+")[0]
    public = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32)).public_key()
    material = b"\x01" + public.public_bytes_raw()
    key_id = hashlib.sha256(origin.encode() + b"\n" + material).digest()[:4]
    other = f"{origin}+{key_id.hex()}+{base64.b64encode(material).decode()}"
    with tempfile.TemporaryDirectory() as folder:
        bundle = pathlib.Path(folder) / "bundle"
        shutil.copytree(options.bundle, bundle)
        for name in verifiers:
            accepted, said = run(name, bundle, options.vkey)
            if not accepted:
                wrong.append(f"{name} refuses the bundle as it is: {said}")
            if run(name, bundle, other)[0]:
                wrong.append(f"{name} accepts a bundle under another key")
    for attack, change, who, finding in ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            bundle = pathlib.Path(folder) / "bundle"
            shutil.copytree(options.bundle, bundle)
            if change(bundle) is SKIPPED:
                print(f"skipped: {attack}, for nobody was erased in this bundle")
                continue
            for name in verifiers:
                accepted, said = run(name, bundle, options.vkey)
                if accepted and name in who:
                    wrong.append(f"{attack}: {name} accepts it")
                if name == "python" and f"{finding}: " not in said:
                    wrong.append(f"{attack}: no {finding} in what is said: {said}")
    for fault in wrong:
        print("WRONG:", fault)
    print(f"{len(ATTACKS) + 1} ways of tampering, seen by {', '.join(verifiers)}: "
          + ("each is refused by all that can see it" if not wrong else f"{len(wrong)} are not"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
