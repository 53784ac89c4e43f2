//! The page that lies in a bundle: how to check it without candor, in five commands.

use sha2::{Digest, Sha256};

use crate::store::hex;

/// The verifier that is written into each bundle: one file of Python, which shares no code with candor.
pub const VERIFIER: &str = include_str!("verify_bundle.py");

/// SHA-256 of [`VERIFIER`], in hexadecimal, to be compared with the published one.
#[must_use]
pub fn verifier_sha256() -> String {
    hex(&Sha256::digest(VERIFIER))
}

/// The page. `partial` is what the verifier must be told of a bundle that leaves something out.
pub(super) fn howto(scope: &str, partial: &str, first_tile: &str) -> String {
    format!(
        "HOW TO CHECK THIS BUNDLE

It holds a ledger as C2SP tlog-tiles lays it out: {scope}

Set KEY to the ledger's public key, as it was given to you by another way (a contract, a web page, an
earlier document). Whom to believe is never read from this folder: the log's name is that of your key; a later
key that an entry names counts only where yours leads to it, by a checkpoint that both signed; and an earlier
one says nothing that yours doesn't cover. A file in the folder is the word of whoever made it, the verifier
too: compare its SHA-256 with the published one, or read it; it is short.

1. The whole of it (Python 3 with the package `cryptography`):
     sha256sum verify_bundle.py      # this candor's: {sha256}
     python3 verify_bundle.py . --key \"$KEY\"{partial}
   Add --list to have every number named of what is left out, and for each erased payload the entry that erased
   it. What you demand is yours to say: --complete 300- refuses whatever is left out from entry 300 on, also where
   the bundle doesn't say that it is complete.
   Add --witness W for each witness whose key you know: it must have signed, all that entries say it signed
   must hold, and no clock may be more than five minutes from its own (of a witness that has changed its
   key, name each). Add --checkpoint FILE for each checkpoint that you kept, and --origin NAME if the ledger
   must have another name than the key.

2. With a tool of other authors (PyPI, Python 3.12 or later):
     pip install aics-tlog
     aics-tlog verify-checkpoint --log-key \"$KEY\" --tiles .

3. With Go's own log library (golang.org/x/mod/sumdb), by the program tests/oracle/verify_bundle.go of
   candor's sources:
     GO111MODULE=off GOPATH=/usr/share/gocode go run verify_bundle.go . \"$KEY\"    # with Debian's packages

4. That the first entry given is under the tree, by hand: both lines print the same.
     E=tile/entries/{first_tile}
     tail -c +3 $E | head -c $(( 0x$(head -c 2 $E | od -An -tx1 | tr -d ' \\n') )) \\
       | (printf '\\0'; cat) | sha256sum
     head -c 32 tile/0/{first_tile} | od -An -v -tx1 | tr -d ' \\n'; echo

5. The signature, by hand (OpenSSL 3):
     sed -n '1,3p' checkpoint > text
     grep -m 1 '^— ' checkpoint | sed 's/.* //' | base64 -d | tail -c 64 > signature
     (printf '\\x30\\x2a\\x30\\x05\\x06\\x03\\x2b\\x65\\x70\\x03\\x21\\x00'; printf '%s' \"$KEY\" \\
       | sed 's/^[^+]*+[^+]*+//' | base64 -d | tail -c 32) > key.der
     openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -in text -sigfile signature

Where there are time-stamps (RFC 3161), each is over the checkpoint beside it:
     openssl ts -verify -in timestamps/X.tsr -data timestamps/X.note -CAfile THE-AUTHORITY.pem

Values and events don't stand in a bundle: an entry commits to a batch of them by one root, and one by one
they are proven by `candor audit prove --value N` and `--event N`, which anybody can check without candor too.

A log that has changed its key is checked with any of its keys from which the way on isn't cut by a loss or a
theft. The entries that name its keys (log.init, key.rotate) are all here: where only the hashes of their
neighbours are given, in keys.jsonl, one a line, each under its own hash in the tree. Step 3 takes no key from
an entry: it needs the present one first and the earlier ones after it.

What this can't show: that something was never entered at all; that the clock of the machine was right;
and, for entries after the last checkpoint that somebody else holds, that whoever has the key did not
write them anew.
",
        sha256 = verifier_sha256(),
    )
}
