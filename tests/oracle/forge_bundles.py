#!/usr/bin/env python3
"""Makes bundles of a small log, honest ones and ones that nobody with its key made, and has the verifier
look at each: the honest ones hold, the forged ones are refused with the finding that belongs to them.

usage: forge_bundles.py [--verifier verify_bundle.py]

It shares no code with candor, nor with the verifier. Prints the forged ones as rows of a table.
"""
import argparse
import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAME = "shop.example/log"
WITNESS = "witness.example/w1"
START = 1_795_000_000_000
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def sha256(data):
    return hashlib.sha256(data).digest()


class Key:
    def __init__(self, seed, name=NAME, kind=1):
        self.private = Ed25519PrivateKey.from_private_bytes(sha256(b"seed%d" % seed))
        material = bytes([kind]) + self.private.public_key().public_bytes_raw()
        self.name, self.id = name, sha256(name.encode() + b"\n" + material)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(material).decode()}"

    def line(self, text, seconds=None):
        signed = b""
        if seconds is not None:
            signed, text = seconds.to_bytes(8, "big"), f"cosignature/v1\ntime {seconds}\n{text}"
        signature = self.private.sign(text.encode())
        return f"— {self.name} {base64.b64encode(self.id + signed + signature).decode()}\n"


def root_of(hashes):
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1" + root_of(hashes[:left]) + root_of(hashes[left:]))


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Log:
    """Entries and what was signed over them, honestly or not."""

    def __init__(self, key):
        self.leaves, self.hashes, self.notes, self.more = [], [], {}, {}
        self.key = key
        self.add("log.init", {"schema": 1, "vkey": key.vkey})

    def add(self, kind, body=None, key=None):
        """Appends an entry and signs the log, with `key` or the present one; with none if it is False."""
        before = self.hashes[-1] if self.hashes else sha256(f"candor-log/v1\n{NAME}\n".encode())
        entry = {"a": "op:1", "k": kind, "n": len(self.leaves), "p": url64(before),
                 "t": START + 1000 * len(self.leaves), "v": 1}
        if body is not None:
            entry["b"] = body
        self.take(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode())
        if key is not False:
            self.sign(key or self.key)
        return self

    def take(self, leaf):
        self.leaves.append(leaf)
        self.hashes.append(sha256(b"\0" + leaf))

    def fill(self, size):
        while len(self.leaves) < size:
            self.add("backup")
        return self

    def text(self, size=None):
        size = size or len(self.hashes)
        return f"{NAME}\n{size}\n{base64.b64encode(root_of(self.hashes[:size])).decode()}\n"

    def sign(self, *keys):
        text = self.text()
        self.notes[len(self.hashes)] = text + "\n" + "".join(key.line(text) for key in keys)

    def rotate(self, to, why="routine", by=()):
        """Names another key; `by` sign the checkpoint behind it."""
        self.add("key.rotate", {"vkey": to.vkey, "was": self.key.vkey, "why": why}, key=False)
        if by:
            self.sign(*by)
        self.key = to
        return self

    def witnessed(self, witness, late=1, line=None):
        """The newest checkpoint gets a cosignature, `late` seconds after its entry; the log says so."""
        size = len(self.hashes)
        seconds = START // 1000 + size - 1 + late
        note_sha256 = sha256(self.notes[size].encode()).hex()
        self.notes[size] += line if line is not None else witness.line(self.text(), seconds)
        return self.add("checkpoint", {"cosigned": [witness.name], "size": size, "note_sha256": note_sha256})

    def beside(self, name, data):
        self.more[name] = data
        return self

    def keys_beside(self, first):
        """The entries that name keys, as a range bundle carries them that begins with tile `first`."""
        named = [leaf for leaf in self.leaves[:256 * first] if b'"log.init"' in leaf or b'"key.rotate"' in leaf]
        return self.beside("keys.jsonl", b"".join(leaf + b"\n" for leaf in named))

    def write(self, folder, first=0):
        """The bundle; entries before tile `first` by their hashes only."""
        def put(name, data):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for tile in range(0, (len(self.leaves) + 255) // 256):
            leaves, hashes = (rows[256 * tile:256 * tile + 256] for rows in (self.leaves, self.hashes))
            place = "%03d" % tile if len(hashes) == 256 else "%03d.p/%d" % (tile, len(hashes))
            put(f"tile/0/{place}", b"".join(hashes))
            if tile >= first:
                put(f"tile/entries/{place}", b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves))
        notes = dict(self.notes)
        put("checkpoint", notes.pop(len(self.hashes), "").encode())
        for size, note in notes.items():
            put("checkpoints/%08d" % size, note.encode())
        put("payloads.jsonl", b"")
        for name, data in self.more.items():
            put(name, data)


V, NEXT, FORGER = Key(1), Key(2), Key(3)
W, OTHER_W = Key(4, WITNESS, 4), Key(5, WITNESS, 4)
# Two keys whose ids, four bytes of a hash, are the same.
TWIN, OTHER_TWIN = Key(45777), Key(63840)


def rotated(size=3, why="routine", by=(V, NEXT)):
    return Log(V).fill(size).rotate(NEXT, why, by).add("backup")


def forged_range():
    """Hashes of nothing, then an entry that names the forger's key, and what the forger wants to say."""
    log = Log(V)
    log.notes = {}
    for n in range(1, 256):
        log.take(b"nothing %d" % n)
    log.rotate(FORGER).add("consent.given")
    return log


def made_up_beside():
    """The genuine key's checkpoint of three entries, signed by the forger too, and beside the tree an entry
    of that place that was never in it."""
    log = Log(V).fill(3)
    log.notes[3] += FORGER.line(log.text())
    never = Log(V).fill(2).rotate(FORGER)
    log.key = FORGER
    return log.fill(260).beside("keys.jsonl", never.leaves[0] + b"\n" + never.leaves[2] + b"\n")


def under_a_genuine_checkpoint():
    """Another history, handed over under what the genuine key signed of its own."""
    log, genuine = rotated(by=[]), Log(V).fill(4)
    log.notes[4] = genuine.notes[4] + NEXT.line(genuine.text())
    return log


def strange(leaf):
    log = Log(V).fill(3)
    log.take(leaf)
    log.sign(V)
    return log


def said(body):
    return Log(V).fill(3).add("checkpoint", body)


def spoilt():
    return f"— {WITNESS} AAAAAAAA\n"


def huge(log, name):
    log.more[name] = log.notes[len(log.hashes)].replace("\n4\n", f"\n{'9' * 5000}\n").encode()
    return log


def without(log, *sizes):
    for size in sizes:
        del log.notes[size]
    return log


HONEST = [  # what, the log, the first tile whose entries are given, keys, more arguments
    ("a log with one key", Log(V).fill(4), 0, [V], []),
    ("a handed over log, by the old key", rotated(), 0, [V], []),
    ("a handed over log, by the new key", rotated(), 0, [NEXT], []),
    ("a log whose key was stolen, by the new key", rotated(why="stolen"), 0, [NEXT], []),
    ("a log whose key was lost, by the new key", rotated(why="lost", by=[NEXT]), 0, [NEXT], []),
    ("a range after a hand-over, by the old key", rotated().fill(260).keys_beside(1), 1, [V], ["--partial"]),
    ("a range after a hand-over, by the new key", rotated().fill(260).keys_beside(1), 1, [NEXT], ["--partial"]),
    ("a range with the hand-over, by the old key", rotated(258).keys_beside(1), 1, [V], ["--partial"]),
    ("a range without the entries that name keys, by each key", rotated().fill(260), 1, [V, NEXT], ["--partial"]),
    ("a range after a theft, by the new key", rotated(why="stolen").fill(260).keys_beside(1), 1, [NEXT],
     ["--partial"]),
    ("a witness", Log(V).fill(3).witnessed(W), 0, [V], ["--witness", W.vkey]),
    ("a witness whose clock is slow by five minutes", Log(V).fill(3).witnessed(W, -300), 0, [V],
     ["--witness", W.vkey]),
    ("a witness whose clock is fast by five minutes", Log(V).fill(3).witnessed(W, 301), 0, [V],
     ["--witness", W.vkey]),
    ("a witness that has changed its key, by both", Log(V).fill(3).witnessed(OTHER_W).witnessed(W), 0, [V],
     ["--witness", W.vkey, "--witness", OTHER_W.vkey]),
    ("a cosignature by nobody whom the reader knows", Log(V).fill(3).witnessed(W, line=spoilt()), 0, [V], []),
]

deep = b"[" * 30_000 + b"]" * 30_000
FORGED = [  # what, the log, the first tile whose entries are given, keys, more arguments, the finding
    ("hand over to another key, without the key", rotated(by=[NEXT]), 0, [V], [], "CHECKPOINT"),
    ("hand over to another key, and leave out the checkpoint that both sign", rotated(by=[]), 0, [V], [], "BROKEN"),
    ("say that the key was lost and go on with another", rotated(why="lost", by=[NEXT]), 0, [V], [], "BROKEN"),
    ("go on with a stolen key's successor, by the stolen key", rotated(why="stolen"), 0, [V], [], "BROKEN"),
    ("name another first key, and the genuine one after it",
     Log(FORGER).rotate(V, by=[FORGER]).add("backup", key=FORGER), 0, [V], [], "BROKEN"),
    ("a key that follows none", Log(V).add("key.rotate", {"vkey": NEXT.vkey, "was": FORGER.vkey, "why": "routine"}),
     0, [V], [], "KEY"),
    ("a second first entry", Log(V).add("log.init", {"schema": 1, "vkey": NEXT.vkey}), 0, [V], [], "KEY"),
    ("a range of hashes of nothing, and after it another key's entries", forged_range(), 1, [V], ["--partial"],
     "BROKEN"),
    ("the same, with the genuine key's name beside it", forged_range().keys_beside(1), 1, [V], ["--partial"],
     "BROKEN"),
    ("the same, with another first entry beside it",
     forged_range().beside("keys.jsonl", Log(FORGER).leaves[0] + b"\n"), 1, [V], ["--partial"], "BROKEN"),
    ("hand over under a genuine checkpoint of that size", under_a_genuine_checkpoint(), 0, [V], [], "ROOT"),
    ("a range, and beside it a hand-over that is in no tree", made_up_beside(), 1, [V], ["--partial"], "BROKEN"),
    ("a range after a theft, by the stolen key", rotated(why="stolen").fill(260).keys_beside(1), 1, [V],
     ["--partial"], "BROKEN"),
    ("the same, without the entries that name keys", rotated(why="stolen").fill(260), 1, [V], ["--partial"],
     "BROKEN"),
    ("a range after a hand-over, without its checkpoint", without(rotated().fill(260).keys_beside(1), 4), 1, [V],
     ["--partial"], "BROKEN"),
    ("another key with the same id", Log(OTHER_TWIN).fill(4), 0, [TWIN], [], "BROKEN"),
    ("hand over to another key with the same id, without the key",
     Log(TWIN).fill(3).rotate(OTHER_TWIN, by=[OTHER_TWIN]).add("backup"), 0, [TWIN], [], "CHECKPOINT"),
    ("a cosignature spoilt, its witness named", Log(V).fill(3).witnessed(W, line=spoilt()), 0, [V],
     ["--witness", W.vkey], "ANCHOR"),
    ("a cosignature by another key of that name", Log(V).fill(3).witnessed(OTHER_W), 0, [V],
     ["--witness", W.vkey], "CHECKPOINT"),
    ("a cosignature dropped", Log(V).fill(3).witnessed(W, line=""), 0, [V], [], "ANCHOR"),
    ("a cosignature spoilt in a range that doesn't tell of it",
     Log(V).fill(3).witnessed(W, line=spoilt()).fill(260).keys_beside(1), 1, [V], ["--partial", "--witness", W.vkey],
     "CHECKPOINT"),
    ("a witness that signed nothing", Log(V).fill(4), 0, [V], ["--witness", W.vkey], "WITNESS"),
    ("a clock that is fast by more than five minutes", Log(V).fill(3).witnessed(W, -302), 0, [V],
     ["--witness", W.vkey], "CLOCK"),
    ("a clock that is slow by more than five minutes", Log(V).fill(3).witnessed(W, 303), 0, [V],
     ["--witness", W.vkey], "CLOCK"),
    ("a size of 5,000 digits", huge(Log(V).fill(4), "checkpoint"), 0, [V], [], "BROKEN"),
    ("a size of 5,000 digits in an older checkpoint", huge(Log(V).fill(4), "checkpoints/00000004"), 0, [V], [],
     "CHECKPOINT"),
    ("an entry that is a list", strange(b"[]"), 0, [V], [], "ENTRY"),
    ("an entry that is 30,000 lists in one another", strange(deep), 0, [V], [], "ENTRY"),
    ("an entry whose time is 5,000 digits long", strange(b'{"t":' + b"9" * 5000 + b"}"), 0, [V], [], "ENTRY"),
    ("an entry that names keys and is a list", strange(b'["key.rotate"]'), 0, [V], [], "ENTRY"),
    ("a hand-over that is a list", Log(V).fill(3).add("key.rotate", []), 0, [V], [], "ENTRY"),
    ("a signature of no size", said({"cosigned": [WITNESS]}), 0, [V], [], "ENTRY"),
    ("a signature of a list of sizes", said({"cosigned": [WITNESS], "size": [1]}), 0, [V], [], "ENTRY"),
    ("signatures of a number", said({"cosigned": 7, "size": 1}), 0, [V], [], "ENTRY"),
    ("payloads that are 30,000 lists in one another", Log(V).fill(4).beside("payloads.jsonl", deep + b"\n"), 0, [V],
     [], "PAYLOAD"),
    ("keys beside it that are no text", Log(V).fill(260).beside("keys.jsonl", b"\xff\n"), 1, [V], ["--partial"],
     "BROKEN"),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--verifier", default=str(ROOT / "src/evidence/verify_bundle.py"))
    options = parser.parse_args()
    assert TWIN.id == OTHER_TWIN.id and TWIN.vkey != OTHER_TWIN.vkey

    def look(log, first, keys, more):
        with tempfile.TemporaryDirectory() as folder:
            log.write(pathlib.Path(folder), first)
            named = [part for key in keys for part in ("--key", key.vkey)]
            command = [sys.executable, options.verifier, folder] + named + more
            done = subprocess.run(command, capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr

    wrong = []
    for what, log, first, keys, more in HONEST:
        code, told = look(log, first, keys, more)
        if code != 0:
            wrong.append(f"{what} is refused: {told}")
    for what, log, first, keys, more, finding in FORGED:
        code, told = look(log, first, keys, more)
        if code != 1 or f"\n{finding}: " not in "\n" + told or "can't be read (" in told:
            wrong.append(f"{what}: exit {code}, no {finding}: {told}")
        print(f"| {what} | `{finding}` |")
    for fault in wrong:
        print("WRONG:", fault)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
