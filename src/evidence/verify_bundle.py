#!/usr/bin/env python3
"""Checks a bundle that `candor audit bundle` wrote, offline and without candor.

Needs Python 3.8 or later and the package `cryptography`; shares no code with candor. Whom to believe is
said on the command line and never read from the bundle. Exit code 0: everything holds; 1: it doesn't;
2: wrong usage.

It checks the signatures of the log and of the witnesses that you name, the tree (RFC 6962) over every
entry, the chain of entries, that every older checkpoint states a prefix of the same tree, that nothing is
gone which entries say a witness or an authority signed, that no clock ran backwards or is further than five
minutes from a witness's, and that each payload is what its entry commits to. One key is enough, though the
log has changed its key since or before: entries name each key, and a key that you didn't name counts only
where one that you named leads to it, by the checkpoint behind the entry that names it, which both signed.
From a key that was lost or stolen no way leads on. Where not all entries that name keys are shown, only the
keys count that you name. A witness that you name must have signed, and all that entries say it signed must
be there and hold by the key that you named. A payload is in one of four states:
ok; erased by an entry that says so; MISSING; ERASURE INCOMPLETE (erased, and still there). With --partial
what is left out is named by its numbers, not refused; but within the range for which bundle.json says that
nothing is left out, and within those that you demand with --complete, it is. --list names all numbers, and for
each erased payload the entry that erased it.
"""
import argparse
import base64
import hashlib
import hmac
import json
import os
import re
import stat
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LONGEST = 1 << 30  # bytes of a file that is read
MOST = 20  # findings of one kind that are printed
CLOCKS_DIFFER = 5 * 60 * 1000  # how far the clocks of two machines may differ, in milliseconds
SIZE = r"0|[1-9][0-9]{0,17}"  # more entries than that no log has, and Python reads no number of 5,000 digits


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
    """A verifier key: name+hex(id)+base64(type and public key). Two are the same when all of it is: the id
    is four bytes, and another key with the same one can be found in hours."""

    def __init__(self, text):
        self.text = text
        try:
            self.name, key_id, material = text.split("+", 2)
            data = b64(material)
            self.kind, public = data[0], data[1:]
            self.id = sha256(self.name.encode() + b"\n" + data)[:4]
            self.public = Ed25519PublicKey.from_public_bytes(public)
        except (ValueError, TypeError, AttributeError, IndexError, Broken):
            raise SystemExit2(f"no verifier key: {text}")
        if self.id.hex() != key_id or self.kind not in (1, 4):
            raise SystemExit2(f"no verifier key: {text}")

    def __eq__(self, other):
        return self.text == other.text

    def __hash__(self):
        return hash(self.text)

    def signed(self, signature, message):
        """Whether this key signed the message; None if not, else when, in seconds (a log says no time)."""
        seconds = 0
        if self.kind == 4:
            seconds, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = b"cosignature/v1\ntime %d\n" % seconds + message
        try:
            self.public.verify(signature, message)
        except (InvalidSignature, ValueError):
            return None
        return seconds


class Ranges:
    """Numbers that are added in order, as ranges."""

    def __init__(self):
        self.all, self.count = [], 0

    def add(self, number):
        if self.all and self.all[-1][1] == number - 1:
            self.all[-1][1] = number
        else:
            self.all.append([number, number])
        self.count += 1

    def text(self, most=MOST):
        shown = self.all if most is None else self.all[:most]
        text = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in shown)
        more = len(self.all) - len(shown)
        return text + (f" and {more} more (--list names them)" if more else "") or "none"


class SystemExit2(Exception):
    pass


class Keys:
    """Who has to have signed what. A key that the bundle names counts only where one that you named leads
    to it: see hand_overs."""

    def __init__(self, origin, named, entries, complete):
        """entries: those that name keys, (number, entry) each; complete: whether no other one does."""
        self.origin, self.named = origin, named
        self.chain = []  # (entry, key, why), oldest first; empty where only the keys count that you named
        self.fault = None
        for n, entry in entries if complete else []:
            body = entry.get("b", {})
            if entry["k"] == "log.init" and "vkey" not in body:
                break  # another program's log, which names no key
            try:
                self.follow(n, entry["k"] == "log.init", Key(body["vkey"]), body)
            except (SystemExit2, KeyError, Broken):
                self.chain, self.fault = [], f"entry {n} names no key that follows the one before it"
                break

    def follow(self, n, first, key, body):
        fits = n == 0 if first else bool(self.chain) and body["was"] == self.chain[-1][1].text
        if not fits or key.kind != 1 or key.name != self.origin or key in self.all():
            raise Broken
        self.chain.append((n, key, body.get("why", "routine")))

    def all(self):
        return [key for _, key, _ in self.chain]

    def foreign(self):
        """The keys that you named and no entry does."""
        return [key for key in self.named if self.chain and key not in self.all()]

    def needed(self, size):
        """Which keys must all have signed the checkpoint of this size; any one of them where that isn't
        shown."""
        if not self.chain:
            return self.named, any
        at = max((i for i, (n, _, _) in enumerate(self.chain) if n < size), default=0)
        n, key, why = self.chain[at]
        both = at > 0 and size == n + 1 and why != "lost"
        return ([self.chain[at - 1][1]] if both else []) + [key], all

    def hand_overs(self):
        """The sizes whose checkpoints lead from a key that you named to the present one."""
        if not self.chain:
            return
        first = max((i for i, key in enumerate(self.all()) if key in self.named), default=None)
        if first is None:
            raise Broken("no key that you named is one that this log's entries name")
        for n, key, why in self.chain[first + 1:]:
            if why != "routine":
                raise Broken(f"the key that you named was {why}: entry {n} names another, which you must "
                             "learn from the controller")
            yield n + 1


def read_note(data, origin, keys, witness_keys):
    """A checkpoint: (size, root, {witness's key: seconds}). Every signature by a known key must hold."""
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
    if not re.fullmatch(SIZE, lines[1]):
        raise Broken("a checkpoint whose size is no number of entries")
    root = b64(lines[2])
    if len(root) != 32:
        raise Broken("a root that is not 32 bytes long")
    size, message, signed, witnessed = int(lines[1]), (text + "\n").encode(), set(), {}
    needed, how_many = keys.needed(size)
    known = keys.named + keys.all() + witness_keys
    for line in below[:-1].split("\n"):
        match = re.fullmatch(r"— (\S+) (\S+)", line)
        if not match:
            raise Broken("a malformed signature line")
        name, blob = match.group(1), b64(match.group(2))
        claimed = [key for key in known if key.name == name and key.id == blob[:4]]
        if not claimed:
            if any(key.name == name for key in witness_keys):
                raise Broken(f"a signature of {name} by no key that you named (name each that the witness had)")
            continue
        holds = [(key, key.signed(blob[4:], message)) for key in claimed]
        key, seconds = next(((k, at) for k, at in holds if at is not None), (None, None))
        if key is None:
            raise Broken(f"a signature of {name} that does not hold")
        if key.kind == 1:
            signed.add(key)
        else:
            witnessed[key] = seconds
    if not how_many(key in signed for key in needed):
        raise Broken("a checkpoint that the log's key of that time did not sign" if keys.chain else
                     "a checkpoint that no key signed that you named: not all entries that name the log's keys "
                     "are shown, so name each key of its time with --key")
    return size, root, witnessed


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
        self.folder = os.path.realpath(folder)

    def read(self, name):
        """A file of the bundle; None where it isn't there. Plain files alone, each by its own name: links could
        make a few of them into any number, and what is no file may never end."""
        path = os.path.join(self.folder, name)
        try:
            about = os.lstat(path)
            if not stat.S_ISREG(about.st_mode) or os.path.realpath(path) != path:
                raise Broken(f"{name} is no plain file of the bundle")
            if about.st_size > LONGEST:
                raise Broken(f"{name} is longer than a file of a bundle is")
            with open(path, "rb") as file:
                return file.read(LONGEST)
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
    try:
        entry = json.loads(leaf.decode(), object_pairs_hook=no_duplicates)
        again = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        raise ValueError
    if again.encode() != leaf or type(entry) is not dict or type(entry.get("b", {})) is not dict:
        raise ValueError
    return entry


def read_keys(bundle, origin, named, newest):
    """The keys that entries name. What they say counts once the tree over them is signed."""
    size, entries, whole = newest.split(b"\n")[1:2], {}, True
    if not size or not re.fullmatch(SIZE.encode(), size[0]):
        raise Broken("a checkpoint whose size is no number of entries")
    size, hashes = int(size[0]), []
    # What names a key and stands among entries of which only the hashes are given, one a line.
    beside = bundle.read("keys.jsonl")

    def take(n, leaf):
        entry = read_leaf(leaf)
        if entry.get("k") in ("log.init", "key.rotate"):
            entries[n] = entry
        return entry

    for number in range(0, (size + 255) // 256):
        leaves, own = bundle.tile(number, min(256, size - number * 256))
        whole = whole and leaves is not None
        hashes += own if beside is not None else []
        for i, leaf in enumerate(leaves or []):
            if b'"log.init"' in leaf or b'"key.rotate"' in leaf:
                try:
                    take(number * 256 + i, leaf)
                except ValueError:
                    continue  # told below
    for leaf in (beside or b"").split(b"\n")[:-1]:
        try:
            n = read_leaf(leaf)["n"]
            if type(n) is not int or not 0 <= n < size or sha256(b"\0" + leaf) != hashes[n]:
                raise ValueError
            take(n, leaf)
        except (ValueError, KeyError, TypeError):
            raise Broken("keys.jsonl holds what is no entry of this log")
    return Keys(origin, named, sorted(entries.items()), whole or beside is not None)


def anchors(bundle, said, held, found):
    """What entries say that somebody signed must be here: (entry, its time, body) each. held: by size the
    note, and who signed it when; what is here in the name of a witness that you named was found to hold."""
    for n, at, body in said:
        size, names = body.get("size"), body.get("cosigned", [])
        if type(size) is not int or type(names) is not list:
            found("ENTRY", f"entry {n} does not say what was signed")
            continue
        note, witnessed = held.get(size, (b"", {}))
        lines = note.decode(errors="replace").rpartition("\n\n")[2].split("\n")
        for name in names:
            if not any(line.startswith(f"— {name} ") for line in lines):
                found("ANCHOR", f"entry {n} says that {name} signed {size} entries, and that is not here")
            for key in witnessed:
                if key.name == name and at < witnessed[key] * 1000 - CLOCKS_DIFFER:
                    found("CLOCK", f"entry {n} says it is earlier than what it tells of, which {name} signed")
        if "tsr_sha256" in body:
            token = bundle.read("timestamps/%08d-%d.tsr" % (size, n)) or b""
            if sha256(token).hex() != body["tsr_sha256"]:
                found("ANCHOR", f"the time-stamp of entry {n} is not here")


def claimed(bundle, size, found):
    """What the bundle itself says it is complete for: ranges of entries, ranges of payloads."""
    data = bundle.read("bundle.json")
    if data is None:
        return [], []
    try:
        said = json.loads(data)
        if said["schema"] != "candor.bundle/1" or said["size"] != size:
            raise ValueError
        ranges = [[(said[what]["from"], said[what]["to"])] if what in said else [] for what in ("entries", "payloads")]
        if any(type(n) is not int or not 0 <= n <= size for all in ranges for two in all for n in two):
            raise ValueError
        return ranges
    except (ValueError, KeyError, TypeError, RecursionError):
        found("CLAIM", "bundle.json doesn't say what this bundle holds")
        return [], []


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
    if keys.fault:
        found("KEY", keys.fault)
    size, root, witnessed = read_note(newest, origin, keys, options.witness)
    if keys.foreign():
        found("KEY", "a key that you named is none that this log's entries name: another log, or a fork")

    notes = {}  # size -> the checkpoint of the bundle, and who signed it when
    held = {}  # size -> [(file, root, witnessed, from outside)]
    folder = os.path.join(options.bundle, "checkpoints")
    names = [("checkpoints/" + name, os.path.join(folder, name), False)
             for name in sorted(os.listdir(folder) if os.path.isdir(folder) else [])]
    for name, path, outside in names + [(path, path, True) for path in options.checkpoint]:
        try:
            if outside:
                with open(path, "rb") as file:
                    data = file.read(LONGEST)
            else:
                data = bundle.read(name)
                if data is None:
                    raise Broken("it can't be read")
            older, older_root, vouching = read_note(data, origin, keys, options.witness)
            if not outside and not re.fullmatch("0*%d" % older, os.path.basename(name)):
                raise Broken(f"it states {older} entries")
            if not outside:
                notes[older] = (data, vouching)
        except (OSError, Broken) as fault:
            found("CHECKPOINT", f"{name}: {fault}")
            continue
        if older > size:
            found("ROLLBACK", f"{name} states {older} entries, and here are {size}")
        held.setdefault(older, []).append((name, older_root, vouching, outside))
    held.setdefault(size, []).append(("checkpoint", root, witnessed, False))
    notes[size] = (newest, witnessed)
    for handed in keys.hand_overs():
        if handed not in notes:
            raise Broken(f"the checkpoint of {handed} entries is not here, which leads from your key to the next")
    say(f"checkpoint   {size} entries of {origin}, signed by the log")
    if len(keys.chain) > 1:
        say(f"keys         {len(keys.chain)} one after another; the present one since entry {keys.chain[-1][0]}")

    tree, hashes, hash_only, given = Tree(), [], Ranges(), 0
    whole_entries, whole_payloads = claimed(bundle, size, found)

    def must(n, ranges):
        """Whether the entry or payload of this number may not be left out."""
        return not options.partial or any(a <= n < b for a, b in ranges + options.complete)

    before, last_at, committed, erased = sha256(b"candor-log/v1\n" + origin.encode() + b"\n"), -1, {}, {}
    vouched, kept, signed_by = 0, 0, []

    def compare():
        nonlocal vouched, kept
        for name, older_root, vouching, outside in held.pop(tree.size, []):
            if older_root != tree.root():
                found("FORK" if outside else "ROOT", f"{name} commits to other entries")
                continue
            kept = max(kept, tree.size if outside else 0)
            for witness, seconds in vouching.items():
                vouched = max(vouched, tree.size)
                say(f"witnessed    {tree.size} entries by {witness.name}, at {seconds} s since 1970")
                if last_at > seconds * 1000 + CLOCKS_DIFFER:
                    found("CLOCK", f"entry {tree.size - 1} says it is later than its witness {witness.name}")

    def erases(n, entry):
        for gone in entry.get("b", {}).get("seqs", []):
            if type(gone) is not int:
                raise ValueError
            if gone < n:
                erased.setdefault(gone, n)

    compare()
    for number in range(0, (size + 255) // 256):
        entries, own = bundle.tile(number, min(256, size - number * 256))
        for i, leaf_hash in enumerate(own):
            n = number * 256 + i
            if entries is None:
                hash_only.add(n)
            else:
                given += 1
                try:
                    entry = read_leaf(entries[i])
                    if type(entry["n"]) is not int or type(entry["t"]) is not int or type(entry["k"]) is not str:
                        raise ValueError
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
                        signed_by.append((n, entry["t"], entry.get("b", {})))
                    if entry["k"] == "erasure":
                        erases(n, entry)
                except (ValueError, KeyError, TypeError, AttributeError, Broken):
                    found("ENTRY", f"entry {n} is no canonical entry")
            before = leaf_hash
            hashes.append(leaf_hash)
            tree.append(leaf_hash)
            compare()
    # Erasures of what is given that stand among entries of which only the hashes are, one a line.
    for leaf in (bundle.read("erasures.jsonl") or b"").split(b"\n")[:-1]:
        try:
            entry = read_leaf(leaf)
            n = entry["n"]
            if type(n) is not int or not 0 <= n < size or sha256(b"\0" + leaf) != hashes[n] \
                    or entry["k"] != "erasure":
                raise ValueError
            erases(n, entry)
        except (ValueError, KeyError, TypeError, AttributeError):
            found("ENTRY", "erasures.jsonl holds what is no erasure of this log")
    bundle.hash_tiles(hashes)
    anchors(bundle, signed_by, notes, found)
    for key in options.witness:
        if not any(key in vouching for _, vouching in notes.values()):
            found("WITNESS", f"the witness {key.name} signed nothing of this")
    say(f"entries      {given} read, {hash_only.count} by their hashes only; the tree over all of them holds"
        if tree.root() == root else "entries      the tree does NOT hold")
    say(f"held         {kept} entries are under a checkpoint that you kept, {vouched} under one that a "
        "named witness signed")

    states, left_out, missing = {"ok": 0, "erased": 0, "left out": 0}, Ranges(), Ranges()
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
    for a, b in hash_only.all:
        for n in range(a, b + 1):
            if must(n, whole_entries):
                missing.add(n)
    if missing.count:
        found("MISSING", f"{missing.count} entries are given by their hashes only: {missing.text()}")
    for n in committed:
        if n in disclosed:
            continue
        if n in erased:
            states["erased"] += 1
            if options.list:
                say(f"erased       the payload of entry {n}, by entry {erased[n]}")
        elif must(n, whole_payloads):
            found("MISSING", f"the payload of entry {n}, and no erasure says so")
        else:
            states["left out"] += 1
            left_out.add(n)
    say("payloads     " + ", ".join(f"{count} {state}" for state, count in states.items()))
    if options.partial:
        most = None if options.list else MOST
        say(f"left out     entries {hash_only.text(most)}; payloads of entries {left_out.text(most)}")
        for what, ranges in (("entry", whole_entries), ("payload", whole_payloads)):
            for a, b in ranges + options.complete:
                say(f"complete     every {what} of the entries {a} to {min(b, size) - 1} is here"
                    + (", or erased by one that says so" if what == "payload" else ""))
    say("not proven   what the values and events are that entries commit to by one root for each batch")
    say("not proven   that something was never entered at all; that the machine's clock was right")
    say(f"not proven   that the key's holder did not rewrite the {size - max(kept, vouched)} entries after "
        "the last checkpoint that somebody else holds")
    if options.partial:
        say(f"not proven   what the {states['left out']} payloads and {hash_only.count} entries say that are left "
            "out, and that those payloads still exist")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle")
    parser.add_argument("--key", action="append", required=True, help="the log's verifier key")
    parser.add_argument("--origin", help="the log's name; that of the first key by default")
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key")
    parser.add_argument("--checkpoint", action="append", default=[], help="a checkpoint that you kept")
    parser.add_argument("--partial", action="store_true", help="the bundle may leave something out")
    parser.add_argument("--complete", action="append", default=[], metavar="A-B",
                        help="with --partial: nothing may be left out from entry A to entry B (A-: to the end)")
    parser.add_argument("--list", action="store_true", help="name everything that is left out or erased")
    options = parser.parse_args()
    counts = {}

    def say(what):
        # A name in a bundle is anybody's: nothing of it steers a terminal.
        print("".join(c if c.isprintable() else "?" for c in what))

    def found(kind, what):
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MOST:
            say(f"{kind}: {what}")

    try:
        options.key = [Key(text) for text in options.key]
        options.witness = [Key(text) for text in options.witness]
        demanded = [re.fullmatch(f"({SIZE})-({SIZE})?", text) for text in options.complete]
        if not all(demanded):
            raise SystemExit2("--complete takes two numbers of entries, such as 300-310, or 300- for all after it")
        options.complete = [(int(m.group(1)), int(m.group(2) or 10**18) + 1) for m in demanded]
        if any(key.kind != 4 for key in options.witness):
            raise SystemExit2("--witness takes the key of a witness, and one of these is a log's")
        if not os.path.isdir(options.bundle):
            raise SystemExit2(f"no such folder: {options.bundle}")
        check(options, found, say)
    except SystemExit2 as fault:
        print(fault, file=sys.stderr)
        return 2
    except Broken as fault:
        found("BROKEN", str(fault))
    except Exception as fault:  # whatever this bundle is, it isn't one that candor wrote
        found("BROKEN", f"what is here can't be read ({type(fault).__name__})")
    if counts:
        print("DOES NOT HOLD: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
        return 1
    print("EVERYTHING HOLDS")
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main())
