#!/usr/bin/env python3
"""Checks a bundle that `candor audit bundle` wrote, offline and without candor.

Needs Python 3.8 or later and the package `cryptography`; shares no code with candor. Whom to believe is
said on the command line and never read from the bundle. Exit code 0: everything holds; 1: it doesn't;
2: wrong usage.

It checks the signatures of the log and of the witnesses that you name, the tree (RFC 6962) over every
entry, the chain of entries, that every older checkpoint states a prefix of the same tree, that nothing is
gone which entries say a witness or an authority signed, that no clock ran backwards, and that each payload
is what its entry commits to. One key is enough, though the log has changed its key since or before: entries
name each key, and the checkpoint behind such an entry bears the signatures of both. From a key that was
lost or stolen no way leads on. A payload is in one of four states:
ok; erased by an entry that says so; MISSING; ERASURE INCOMPLETE (erased, and still there). With --partial
what is left out is counted, not refused.
"""
import argparse
import base64
import hashlib
import hmac
import json
import os
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST = 20  # findings of one kind that are printed


class Broken(Exception):
    pass


def sha256(data):
    return hashlib.sha256(data).digest()


def b64(text, url=False):
    """Decodes base64 of which only the one spelling is taken."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4) if url else text, b"-_" if url else None,
                                validate=True)
    except ValueError:
        raise Broken("base64 that doesn't decode")
    again = base64.urlsafe_b64encode(data).rstrip(b"=") if url else base64.b64encode(data)
    if again.decode() != text:
        raise Broken("base64 that is not in its one spelling")
    return data


class Key:
    """A verifier key: name+hex(id)+base64(type and public key)."""

    def __init__(self, text):
        try:
            self.name, key_id, material = text.split("+", 2)
            data = b64(material)
            self.kind, public = data[0], data[1:]
            self.id = sha256(self.name.encode() + b"\n" + data)[:4]
            self.public = Ed25519PublicKey.from_public_bytes(public)
        except (ValueError, IndexError, Broken):
            raise SystemExit2(f"no verifier key: {text}")
        if self.id.hex() != key_id or self.kind not in (1, 4):
            raise SystemExit2(f"no verifier key: {text}")


class SystemExit2(Exception):
    pass


class Keys:
    """The log's keys: those that you named, and those that its entries name, each with its time."""

    def __init__(self, origin, named, entries, whole):
        self.origin, self.whole = origin, whole
        self.chain = []  # (entry, key, why), oldest first
        for n, entry in entries:
            body = entry.get("b", {})
            try:
                key = Key(body["vkey"])
            except (SystemExit2, KeyError, TypeError, AttributeError):
                continue
            if key.name == origin:
                self.chain.append((n, key, body.get("why", "routine")))
        self.named = named
        self.all = {key.id: key for key in named + [key for _, key, _ in self.chain]}.values()
        known = {key.id for _, key, _ in self.chain}
        self.foreign = whole and not all(key.id in known for key in named)

    def needed(self, size):
        """Which keys must have signed the checkpoint of this size; any one where that isn't shown."""
        at = max((i for i, (n, _, _) in enumerate(self.chain) if n < size), default=0)
        if not self.whole or not self.chain or self.foreign:
            return [], self.all
        n, key, why = self.chain[at]
        both = at > 0 and size == n + 1 and why != "lost"
        return ([self.chain[at - 1][1]] if both else []) + [key], self.all

    def hand_overs(self):
        """The sizes whose checkpoints lead from a key that you named to the present one."""
        first = max((i for i, (_, key, _) in enumerate(self.chain)
                     if any(key.id == named.id for named in self.named)), default=len(self.chain))
        for n, key, why in self.chain[first + 1:]:
            if why != "routine":
                raise Broken(f"the key that you named was {why}: entry {n} names another, which you must "
                             "learn from the controller")
            yield n + 1


def read_note(data, origin, keys, witness_keys):
    """A checkpoint: (size, root, [(witness, seconds)]). Every signature by a known key must hold."""
    try:
        note = data.decode()
    except UnicodeDecodeError:
        raise Broken("a checkpoint that is not UTF-8")
    text, gap, below = note.rpartition("\n\n")
    lines = text.split("\n")
    if not gap or len(lines) != 3 or not below.endswith("\n"):
        raise Broken("a checkpoint that is not three lines and signatures")
    if lines[0] != origin:
        raise Broken(f"a checkpoint of another log: {lines[0]!r}")
    if not re.fullmatch(r"0|[1-9][0-9]*", lines[1]):
        raise Broken("a checkpoint whose size is no number")
    root = b64(lines[2])
    if len(root) != 32:
        raise Broken("a root that is not 32 bytes long")
    message, signed, witnessed = (text + "\n").encode(), set(), []
    needed, log_keys = keys.needed(int(lines[1]))
    for line in below[:-1].split("\n"):
        match = re.fullmatch(r"— (\S+) (\S+)", line)
        if not match:
            raise Broken("a malformed signature line")
        name, blob = match.group(1), b64(match.group(2))
        known = list(log_keys) + witness_keys
        key = next((k for k in known if k.name == name and k.id == blob[:4]), None)
        if key is None:
            continue
        try:
            if key.kind == 1:
                key.public.verify(blob[4:], message)
                signed.add(key.id)
            else:
                seconds = int.from_bytes(blob[4:12], "big")
                key.public.verify(blob[12:], b"cosignature/v1\ntime %d\n" % seconds + message)
                witnessed.append((name, seconds))
        except InvalidSignature:
            raise Broken(f"a signature of {name} that does not hold")
    if not signed & {k.id for k in log_keys} or not {k.id for k in needed} <= signed:
        raise Broken("a checkpoint that the log's key of that time did not sign")
    return int(lines[1]), root, witnessed


class Tree:
    """RFC 6962: the perfect subtrees, largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, leaf_hash):
        self.peaks.append((1, leaf_hash))
        while len(self.peaks) > 1 and self.peaks[-1][0] == self.peaks[-2][0]:
            count, right = self.peaks.pop()
            self.peaks[-1] = (2 * count, sha256(b"\1" + self.peaks[-1][1] + right))
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha256(b"")
        root = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            root = sha256(b"\1" + left + root)
        return root


def tile_path(number, width):
    path = "%03d" % (number % 1000)
    while number >= 1000:
        number //= 1000
        path = "x%03d/%s" % (number % 1000, path)
    return path if width == 256 else "%s.p/%d" % (path, width)


class Bundle:
    def __init__(self, folder):
        self.folder = folder

    def read(self, name):
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                return file.read()
        except OSError:
            return None

    def tile(self, number, width):
        """The entries of a tile (or None where only hashes are given) and their hashes."""
        hashes = self.read("tile/0/" + tile_path(number, width))
        if hashes is not None and len(hashes) != 32 * width:
            raise Broken(f"hash tile {number} has not {width} hashes")
        bundle = self.read("tile/entries/" + tile_path(number, width))
        if bundle is None:
            if hashes is None:
                raise Broken(f"tile {number} is not there")
            return None, [hashes[i:i + 32] for i in range(0, len(hashes), 32)]
        entries, at = [], 0
        while at < len(bundle):
            length = int.from_bytes(bundle[at:at + 2], "big")
            entries.append(bundle[at + 2:at + 2 + length])
            at += 2 + length
        if at != len(bundle) or len(entries) != width:
            raise Broken(f"entry bundle {number} is cut or has not {width} entries")
        own = [sha256(b"\0" + entry) for entry in entries]
        if hashes is not None and b"".join(own) != hashes:
            raise Broken(f"hash tile {number} is not that of its entries")
        return entries, own

    def hash_tiles(self, hashes):
        """Every hash tile above level 0 must be what the hashes below it fold to."""
        level = 0
        while len(hashes) >= 256:
            above = []
            for i in range(0, len(hashes) // 256 * 256, 256):
                row = hashes[i:i + 256]
                while len(row) > 1:
                    row = [sha256(b"\1" + row[j] + row[j + 1]) for j in range(0, len(row), 2)]
                above.append(row[0])
            level, hashes = level + 1, above
            for i in range(0, len(hashes), 256):
                row = hashes[i:i + 256]
                held = self.read(f"tile/{level}/" + tile_path(i // 256, len(row)))
                if held is not None and held != b"".join(row):
                    raise Broken(f"hash tile {i // 256} of level {level} is not that of the level below")


def read_leaf(leaf):
    def no_duplicates(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError
        return dict(pairs)
    entry = json.loads(leaf.decode(), object_pairs_hook=no_duplicates)
    again = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if again.encode() != leaf:
        raise ValueError
    return entry


def read_keys(bundle, origin, named, newest):
    """The keys that entries name. What they say counts once the tree over them is signed."""
    size, entries, whole = newest.split(b"\n")[1:2], [], True
    if not size or not re.fullmatch(rb"0|[1-9][0-9]{0,17}", size[0]):
        raise Broken("a checkpoint whose size is no number")
    size = int(size[0])
    for number in range(0, (size + 255) // 256):
        leaves, _ = bundle.tile(number, min(256, size - number * 256))
        whole = whole and leaves is not None
        for i, leaf in enumerate(leaves or []):
            if b'"log.init"' in leaf or b'"key.rotate"' in leaf:
                try:
                    entry = read_leaf(leaf)
                except ValueError:
                    continue
                if entry.get("k") in ("log.init", "key.rotate"):
                    entries.append((number * 256 + i, entry))
    return Keys(origin, named, entries, whole)


def anchors(bundle, said, held, found):
    """What entries say that somebody signed must be here: (entry, body) each."""
    for n, body in said:
        size = body.get("size")
        if "cosigned" in body:
            note = held.get(size, b"").decode(errors="replace")
            lines = note.rpartition("\n\n")[2].split("\n")
            for name in body["cosigned"]:
                if not any(line.startswith(f"— {name} ") for line in lines):
                    found("ANCHOR", f"entry {n} says that {name} signed {size} entries, and that is not here")
        if "tsr_sha256" in body:
            token = bundle.read("timestamps/%08d-%d.tsr" % (size, n)) or b""
            if sha256(token).hex() != body["tsr_sha256"]:
                found("ANCHOR", f"the time-stamp of entry {n} is not here")


def check(options, found, say):
    origin = options.origin or options.key[0].name
    named = [k for k in options.key if k.kind == 1 and k.name == origin]
    bundle = Bundle(options.bundle)
    if not named:
        raise Broken(f"none of the keys is one of the log {origin}")
    newest = bundle.read("checkpoint")
    if newest is None:
        raise Broken("there is no checkpoint")
    keys = read_keys(bundle, origin, named, newest)
    size, root, witnessed = read_note(newest, origin, keys, options.witness)
    say(f"checkpoint   {size} entries of {origin}, signed by the log")
    if keys.foreign:
        found("KEY", "a key that you named is none that this log's entries name: another log, or a fork")
    if len(keys.chain) > 1:
        say(f"keys         {len(keys.chain)} one after another; the present one since entry {keys.chain[-1][0]}")

    notes = {}  # size -> the checkpoint of the bundle
    held = {}  # size -> [(file, root, witnessed, from outside)]
    folder = os.path.join(options.bundle, "checkpoints")
    names = [("checkpoints/" + name, os.path.join(folder, name), False)
             for name in sorted(os.listdir(folder) if os.path.isdir(folder) else [])]
    for name, path, outside in names + [(path, path, True) for path in options.checkpoint]:
        try:
            with open(path, "rb") as file:
                data = file.read()
            older, older_root, vouching = read_note(data, origin, keys, options.witness)
            if not outside and not re.fullmatch("0*%d" % older, os.path.basename(name)):
                raise Broken(f"it states {older} entries")
            if not outside:
                notes[older] = data
        except (OSError, Broken) as fault:
            found("CHECKPOINT", f"{name}: {fault}")
            continue
        if older > size:
            found("ROLLBACK", f"{name} states {older} entries, and here are {size}")
        held.setdefault(older, []).append((name, older_root, vouching, outside))
    held.setdefault(size, []).append(("checkpoint", root, witnessed, False))
    notes[size] = newest
    for handed in keys.hand_overs():
        if handed not in notes:
            raise Broken(f"the checkpoint of {handed} entries is not here, which leads from your key to the next")

    tree, hashes, hash_only, given = Tree(), [], 0, 0
    before, last_at, committed, erased = sha256(b"candor-log/v1\n" + origin.encode() + b"\n"), -1, {}, {}
    vouched, kept, signed_by = 0, 0, []

    def compare():
        nonlocal vouched, kept
        for name, older_root, vouching, outside in held.pop(tree.size, []):
            if older_root != tree.root():
                found("FORK" if outside else "ROOT", f"{name} commits to other entries")
                continue
            kept = max(kept, tree.size if outside else 0)
            for witness, seconds in vouching:
                vouched = max(vouched, tree.size)
                say(f"witnessed    {tree.size} entries by {witness}, at {seconds} s since 1970")
                if last_at > seconds * 1000 + 999:
                    found("CLOCK", f"entry {tree.size - 1} says it is later than its witness {witness}")

    compare()
    for number in range(0, (size + 255) // 256):
        entries, own = bundle.tile(number, min(256, size - number * 256))
        for i, leaf_hash in enumerate(own):
            n = number * 256 + i
            if entries is None:
                hash_only += 1
            else:
                given += 1
                try:
                    entry = read_leaf(entries[i])
                    if entry["v"] != 1 or entry["n"] != n:
                        found("NUMBER", f"where entry {n} belongs stands another")
                    if b64(entry["p"], url=True) != before:
                        found("CHAIN", f"entry {n} does not follow the entry before it")
                    if entry["t"] < last_at:
                        found("CLOCK", f"entry {n} says it is earlier than the entry before it")
                    last_at = max(last_at, entry["t"])
                    if "c" in entry:
                        committed[n] = b64(entry["c"], url=True)
                    if entry["k"] == "checkpoint":
                        signed_by.append((n, entry.get("b", {})))
                    if entry["k"] == "erasure":
                        for gone in entry.get("b", {}).get("seqs", []):
                            if gone < n:
                                erased.setdefault(gone, n)
                except (ValueError, KeyError, TypeError, AttributeError, Broken):
                    found("ENTRY", f"entry {n} is no canonical entry")
            before = leaf_hash
            hashes.append(leaf_hash)
            tree.append(leaf_hash)
            compare()
    bundle.hash_tiles(hashes)
    anchors(bundle, signed_by, notes, found)
    say(f"entries      {given} read, {hash_only} by their hashes only; the tree over all of them holds"
        if tree.root() == root else "entries      the tree does NOT hold")
    say(f"held         {kept} entries are under a checkpoint that you kept, {vouched} under one that a "
        "named witness signed")

    states = {"ok": 0, "erased": 0, "left out": 0}
    disclosed = set()
    for line, text in enumerate((bundle.read("payloads.jsonl") or b"").split(b"\n")[:-1], 1):
        try:
            item = json.loads(text)
            n, salt, payload = item["n"], b64(item["salt"]), b64(item["payload"])
            if set(item) != {"n", "salt", "payload"} or type(n) is not int or len(salt) != 32:
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError, Broken):
            found("PAYLOAD", f"line {line} of payloads.jsonl can't be read")
            continue
        if n in disclosed:
            found("PAYLOAD", f"the payload of entry {n} stands there twice")
        elif n not in committed:
            found("PAYLOAD", f"a payload is given for entry {n}, which commits to none that is shown")
        elif hmac.new(salt, payload, hashlib.sha256).digest() != committed[n]:
            found("PAYLOAD", f"the payload of entry {n} is not what the entry commits to")
        elif n in erased:
            found("ERASURE INCOMPLETE", f"entry {erased[n]} erased the payload of entry {n}; it is there")
        else:
            states["ok"] += 1
        disclosed.add(n)
    if (bundle.read("payloads.jsonl") or b"\n")[-1:] != b"\n":
        found("PAYLOAD", "payloads.jsonl is cut off")
    for n in committed:
        if n in disclosed:
            continue
        if n in erased:
            states["erased"] += 1
        elif options.partial:
            states["left out"] += 1
        else:
            found("MISSING", f"the payload of entry {n}, and no erasure says so")
    if hash_only and not options.partial:
        found("MISSING", f"{hash_only} entries are given by their hashes only")
    say("payloads     " + ", ".join(f"{count} {state}" for state, count in states.items()))
    say("not proven   what the values and events are that entries commit to by one root for each batch")
    say("not proven   that something was never entered at all; that the machine's clock was right")
    say(f"not proven   that the key's holder did not rewrite the {size - max(kept, vouched)} entries after "
        "the last checkpoint that somebody else holds")
    if options.partial:
        say(f"not proven   what the {states['left out']} payloads and {hash_only} entries say that are left "
            "out, and that those payloads still exist")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle")
    parser.add_argument("--key", action="append", required=True, help="the log's verifier key")
    parser.add_argument("--origin", help="the log's name; that of the first key by default")
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key")
    parser.add_argument("--checkpoint", action="append", default=[], help="a checkpoint that you kept")
    parser.add_argument("--partial", action="store_true", help="the bundle may leave something out")
    options = parser.parse_args()
    counts = {}

    def found(kind, what):
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MOST:
            print(f"{kind}: {what}")

    try:
        options.key = [Key(text) for text in options.key]
        options.witness = [Key(text) for text in options.witness]
        if not os.path.isdir(options.bundle):
            raise SystemExit2(f"no such folder: {options.bundle}")
        check(options, found, print)
    except SystemExit2 as fault:
        print(fault, file=sys.stderr)
        return 2
    except Broken as fault:
        found("BROKEN", str(fault))
    if counts:
        print("DOES NOT HOLD: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
        return 1
    print("EVERYTHING HOLDS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
