//! Witnesses against candor's own server, over HTTP, and against hostile ones; keys that follow one
//! another. Other people's programs are tried by `tests/oracle/anchors.sh`.

mod common;

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use candor::anchor::serve::{Witness, serve};
use candor::anchor::witness::{self, Asked, Outcome};
use candor::anchor::{Answer, State, post};
use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::ledger::key::SigningKey;
use candor::ledger::key_chain::Reason;
use candor::ledger::vkey::{KeyKind, VerifierKey};
use candor::store::{Access, Hand, NewKey, Store, key_path, next_key_path};
use candor::verify::{self, Depth, Options, Report};
use common::{bare, hour};
use serde_json::json;

fn grow(store: &mut Store, entries: usize) {
    for _ in 0..entries {
        store.write(hour(1), |writer| writer.append("backup", json!({}))).unwrap();
    }
}

fn vkey(store: &Store) -> VerifierKey {
    store.signer().unwrap().vkey().parse().unwrap()
}

fn check(path: &Path, key: Option<&VerifierKey>, witnesses: &[VerifierKey]) -> Report {
    let options = Options {
        depth: Depth::Deep,
        key: key.cloned(),
        held: Vec::new(),
        witnesses: witnesses.to_vec(),
    };
    verify::verify(path, &options).unwrap()
}

fn faults(report: &Report) -> Vec<&'static str> {
    report.claims.iter().flat_map(|claim| &claim.faults).map(|fault| fault.code).collect()
}

fn at() -> Moment {
    hour(1)
}

/// A witness on a free port, for these logs.
fn witness_for(folder: &Path, logs: Vec<VerifierKey>) -> (Arc<Witness>, String) {
    let state = folder.join("w.json");
    if !state.exists() {
        drop(State::create(&state, "witness.example/w1").unwrap());
    }
    let key = SigningKey::from_seed(&[9; 32]);
    let witness = Arc::new(Witness::new(State::open(&state).unwrap(), key, logs).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = Arc::clone(&witness);
    std::thread::spawn(move || serve(&listener, &served, at, |_| {}));
    (witness, address)
}

fn send(url: &str, kind: &str, body: &[u8]) -> Result<Answer> {
    post(url, kind, body, Duration::from_secs(20))
}

fn outcome(asked: &[Asked]) -> &Outcome {
    &asked[0].outcome
}

#[test]
fn a_witness_signs_growth_and_refuses_another_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    let (witness, address) = witness_for(folder.path(), vec![vkey(&store)]);
    let url = format!("http://{address}/");
    let wkey = witness.vkey().clone();
    witness::add(&mut store, hour(1), &wkey.to_string(), &url).unwrap();
    store.truncate_wal().unwrap();
    let old = folder.path().join("old.candor");
    std::fs::copy(&path, &old).unwrap();
    std::fs::copy(key_path(&path), key_path(&old)).unwrap();
    for entries in [0, 1, 300, 7] {
        grow(&mut store, entries);
        let size = store.log().size();
        let asked = witness::ask(&mut store, hour(1), &send).unwrap();
        let signed = Outcome::Signed { size, at: hour(1).to_string() };
        match entries {
            0 => assert_eq!(*outcome(&asked), signed),
            _ => assert_eq!(*outcome(&asked), signed),
        }
        let again = witness::ask(&mut store, hour(1), &send).unwrap();
        assert_eq!(*outcome(&again), Outcome::UpToDate { size });
        assert_eq!(store.log().size(), size + 1, "only the entry that says so");
    }
    let report = check(&path, Some(&vkey(&store)), std::slice::from_ref(&wkey));
    assert!(report.holds, "{:?}", faults(&report));
    assert_eq!((report.unwitnessed, report.witnessed_to), (1, report.entries - 1));

    // The insider's copy from before: shorter first, then another history that is longer.
    let mut other = Store::open(&old, Access::Write, "insider").unwrap();
    let asked = witness::ask(&mut other, hour(1), &send).unwrap();
    assert!(matches!(outcome(&asked), Outcome::Conflict { status: 409, .. }), "{asked:?}");
    let size = other.log().size();
    witness::ask(&mut other, hour(1), &send).unwrap();
    assert_eq!(other.log().size(), size, "the same refusal is said once");
    grow(&mut other, 400);
    let asked = witness::ask(&mut other, hour(1), &send).unwrap();
    assert!(matches!(outcome(&asked), Outcome::Conflict { status: 422, .. }), "{asked:?}");
    assert!(faults(&check(&old, None, &[])).contains(&"witness-refused"));
    // What was refused is not signed: the honest store goes on.
    grow(&mut store, 1);
    let asked = witness::ask(&mut store, hour(1), &send).unwrap();
    assert!(outcome(&asked).is_fine());
}

/// Two processes that ask at once write down one signature, by one entry.
#[test]
fn who_asks_at_once_writes_each_signature_down_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    let (witness, address) = witness_for(folder.path(), vec![vkey(&store)]);
    let wkey = witness.vkey().clone();
    let url = format!("http://{address}");
    let other = RefCell::new(Store::open(&path, Access::Write, "other").unwrap());
    witness::add(&mut store, hour(1), &wkey.to_string(), &url).unwrap();
    let twice = witness::add(&mut other.borrow_mut(), hour(1), &wkey.to_string(), &url);
    assert_eq!(twice.unwrap_err().code, "witness-exists");
    let size = store.log().size();
    let asked = witness::ask(&mut store, hour(1), &|url, kind, body| {
        let answer = send(url, kind, body);
        witness::ask(&mut other.borrow_mut(), hour(1), &send)?;
        answer
    });
    assert_eq!(*outcome(&asked.unwrap()), Outcome::Signed { size, at: hour(1).to_string() });
    let report = check(&path, Some(&vkey(&store)), &[wkey]);
    assert!(report.holds, "{:?}", faults(&report));
    assert_eq!((report.entries, report.witnessed_to), (size + 1, size));
}

#[test]
fn what_a_witness_signed_can_neither_be_edited_nor_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    let (witness, address) = witness_for(folder.path(), vec![vkey(&store)]);
    let wkey = witness.vkey().clone();
    witness::add(&mut store, hour(1), &wkey.to_string(), &format!("http://{address}")).unwrap();
    witness::ask(&mut store, hour(1), &send).unwrap();
    drop(store);
    let other =
        SigningKey::from_seed(&[8; 32]).verifier_key("w.example", KeyKind::Witness).unwrap();
    assert!(faults(&check(&path, None, &[other])).contains(&"witness-silent"));
    for (change, code) in [
        ("UPDATE cosignature SET at = at + 1000", "cosignature-wrong"),
        ("UPDATE cosignature SET line = replace(line, 'A', 'B')", "cosignature-wrong"),
        ("UPDATE cosignature SET size = size - 1", "cosignature-wrong"),
        ("UPDATE cosignature SET entry = 0", "anchor-unstated"),
        ("DELETE FROM cosignature", "anchor-missing"),
        ("UPDATE witness SET url = 'http://elsewhere.example'", "witness-differs"),
        ("DELETE FROM witness", "witness-differs"),
    ] {
        let copy = folder.path().join("copy.candor");
        std::fs::copy(&path, &copy).unwrap();
        let conn = rusqlite::Connection::open(&copy).unwrap();
        assert_eq!(conn.execute(change, []).unwrap(), 1, "{change}");
        drop(conn);
        let found = faults(&check(&copy, None, &[]));
        assert!(found.contains(&code), "{change}: {found:?}");
        // A look at the ledger alone counts what entries say that was signed, too.
        let bare = Options { depth: Depth::Ledger, key: None, held: vec![], witnesses: vec![] };
        let found = faults(&verify::verify(&copy, &bare).unwrap());
        assert!(found.contains(&code) || code == "witness-differs", "{change}, bare: {found:?}");
    }
}

/// What a witness signed can't be replaced by what somebody else signs in its name, though the entry that
/// tells of it names no key: the one that brought the witness does.
#[test]
fn nobody_else_signs_in_the_name_of_a_witness() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    let (witness, address) = witness_for(folder.path(), vec![vkey(&store)]);
    let wkey = witness.vkey().clone();
    witness::add(&mut store, hour(1), &wkey.to_string(), &format!("http://{address}")).unwrap();
    for _ in 0..2 {
        witness::ask(&mut store, hour(1), &send).unwrap();
        grow(&mut store, 1);
    }
    drop(store);
    assert!(check(&path, None, std::slice::from_ref(&wkey)).holds);
    let conn = rusqlite::Connection::open(&path).unwrap();
    let first = "SELECT c.size, c.at, CAST(k.note AS TEXT) FROM cosignature c JOIN checkpoint k USING (size)
                 ORDER BY size LIMIT 1";
    let (size, at, note): (i64, i64, String) =
        conn.query_row(first, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let text = format!("{}\n", note.split_once("\n\n").unwrap().0);
    let other = SigningKey::from_seed(&[8; 32]);
    let line = other.cosign(wkey.name(), &text, at.unsigned_abs() / 1000).unwrap().to_line();
    let other = other.verifier_key(wkey.name(), KeyKind::Witness).unwrap().to_string();
    let forged = "UPDATE cosignature SET vkey = $1, line = $2 WHERE size = $3";
    assert_eq!(conn.execute(forged, rusqlite::params![other, line, size]).unwrap(), 1);
    drop(conn);
    assert_eq!(faults(&check(&path, None, &[wkey])), ["anchor-unstated"]);
}

/// A clock that runs 28 hours ahead can't be told from the file alone; the first witness tells it.
#[test]
fn a_clock_that_is_fast_is_told_by_a_witness() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    let (witness, address) = witness_for(folder.path(), vec![vkey(&store)]);
    let (key, wkey) = (vkey(&store), witness.vkey().clone());
    let url = format!("http://{address}");
    witness::add(&mut store, hour(29), &wkey.to_string(), &url).unwrap();
    assert!(check(&path, Some(&key), &[]).holds, "nobody else has said what time it is");
    witness::ask(&mut store, hour(29), &send).unwrap();
    assert_eq!(faults(&check(&path, Some(&key), &[wkey])), ["clock"]);
}

/// Asks a witness that answers what it likes.
fn asked_of(answers: &[(u16, &str)]) -> (Outcome, usize, u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = bare(&folder.path().join("a.candor"));
    let key = SigningKey::from_seed(&[9; 32]).verifier_key("w.example", KeyKind::Witness).unwrap();
    witness::add(&mut store, hour(1), &key.to_string(), "http://w.example").unwrap();
    grow(&mut store, 5);
    let before = store.log().size();
    let tries = RefCell::new(0);
    let asked = witness::ask(&mut store, hour(1), &|_, _, _| {
        let n = tries.replace_with(|n| *n + 1);
        let (status, body) = answers[n.min(answers.len() - 1)];
        Ok(Answer { status, body: body.as_bytes().to_vec() })
    });
    let tries = tries.into_inner();
    let report = check(store.path(), None, &[]);
    assert_eq!(report.witnessed_to, 0, "nothing counts that nobody signed");
    (asked.unwrap().remove(0).outcome, tries, store.log().size() - before)
}

#[test]
fn a_hostile_witness_gains_nothing() {
    let refused = |answers: &[(u16, &str)]| {
        let (outcome, tries, entries) = asked_of(answers);
        assert!(matches!(outcome, Outcome::Refused { .. }), "{answers:?}: {outcome:?}");
        assert_eq!(entries, 0, "nothing is written down");
        tries
    };
    let foreign = SigningKey::from_seed(&[7; 32]).cosign("w.example", "x\n", 5).unwrap().to_line();
    for body in ["", "ok", &foreign, "\u{2014} w.example AAAA\n", "\u{0}\n\n\n"] {
        assert_eq!(refused(&[(200, body)]), 1);
    }
    for status in [100, 302, 400, 403, 404, 500, 999] {
        assert_eq!(refused(&[(status, "")]), 1);
    }
    for body in ["", "0\n", "03\n", "3", "-1\n", "99999999999999999999\n"] {
        assert_eq!(refused(&[(409, body)]), 1, "{body:?}");
    }
    assert_eq!(refused(&[(409, "1\n"), (409, "2\n"), (409, "3\n"), (409, "1\n")]), 3);
    let (outcome, _, entries) = asked_of(&[(409, "1000\n")]);
    assert!(matches!(outcome, Outcome::Conflict { status: 409, .. }));
    assert_eq!(entries, 1, "the ledger says so");
}

#[test]
fn a_witness_that_is_away_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = bare(&folder.path().join("a.candor"));
    let key = SigningKey::from_seed(&[9; 32]).verifier_key("w.example", KeyKind::Witness).unwrap();
    witness::add(&mut store, hour(1), &key.to_string(), "http://w.example").unwrap();
    let away = |_: &str, _: &str, _: &[u8]| Err(Error::no("unreachable", "nobody"));
    let asked = witness::ask(&mut store, hour(1), &away).unwrap();
    assert_eq!(*outcome(&asked), Outcome::Unreachable { what: "nobody".into() });
    grow(&mut store, 1);
    assert!(check(store.path(), None, &[]).holds);
    for url in ["ftp://x", "http://", "https://user:word@x/", "http://x y/"] {
        let other = SigningKey::from_seed(&[6; 32]).verifier_key("v.example", KeyKind::Witness);
        let added = witness::add(&mut store, hour(1), &other.unwrap().to_string(), url);
        assert_eq!(added.unwrap_err().code, "url-invalid", "{url}");
    }
}

/// Sends raw bytes and reads until the other side closes.
fn raw(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let _ = stream.write_all(request);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn the_server_answers_bad_http_by_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let store = bare(&folder.path().join("a.candor"));
    let (_, address) = witness_for(folder.path(), vec![vkey(&store)]);
    let long = format!("POST /add-checkpoint HTTP/1.1\r\nx: {}\r\n", "y".repeat(20_000));
    for (request, status) in [
        ("\u{0}\u{1}\u{2}", "400"),
        ("GET /add-checkpoint HTTP/1.1\r\n\r\n", "405"),
        ("POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "404"),
        ("POST /add-checkpoint HTTP/1.1\r\n\r\n", "411"),
        (
            "POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "411",
        ),
        ("POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411"),
        ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "411"),
        ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: 999999\r\n\r\n", "413"),
        ("POST /add-checkpoint HTTP/1.1\r\nContent-Length: 3\r\n\r\nold", "400"),
        (&long, "431"),
    ] {
        let answer = raw(&address, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.60}: {answer:.60}");
    }
    // Cut in the middle: no answer, and the next one is served.
    assert_eq!(raw(&address, b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9\r\n\r\nold"), "");
    let two = "POST /add-checkpoint HTTP/1.1\r\nContent-Length: 3\r\n\r\nold".repeat(2);
    assert_eq!(raw(&address, two.as_bytes()).matches("HTTP/1.1 400").count(), 2, "keep-alive");
}

#[test]
fn any_key_of_the_ledger_leads_to_it_unless_it_was_lost_or_stolen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    grow(&mut store, 3);
    let first = vkey(&store);
    let reopen = || Store::open(&path, Access::Write, "test").unwrap();
    let rotated = store.rotate(hour(2), Reason::Routine, &NewKey::Open).unwrap();
    assert!(rotated.aside.unwrap().exists() && !next_key_path(&path).exists());
    let mut store = reopen();
    grow(&mut store, 2);
    let second = vkey(&store);
    for key in [&first, &second] {
        let report = check(&path, Some(key), &[]);
        assert!(report.holds, "{:?}", faults(&report));
    }
    store.rotate(hour(2), Reason::Stolen, &NewKey::Locked("word")).unwrap();
    for key in [&first, &second] {
        assert_eq!(faults(&check(&path, Some(key), &[])), ["key-stolen"]);
    }
    assert!(check(&path, Some(&vkey(&store)), &[]).holds);
    drop(store);
    let locked = Store::open(&path, Access::Write, "test").err().unwrap();
    assert_eq!(locked.code, "key-locked");
    assert!(Store::open(&path, Access::Read, "test").unwrap().signer().is_none());
    let mut store = Store::open_keyless(&path, "test").unwrap();
    let refused = store.rotate(hour(2), Reason::Routine, &NewKey::Open).unwrap_err();
    assert_eq!(refused.code, "key-missing");
    store.rotate(hour(2), Reason::Lost, &NewKey::Open).unwrap();
    let mut store = reopen();
    grow(&mut store, 1);
    assert!(faults(&check(&path, Some(&first), &[])).contains(&"key-stolen"));
    assert!(check(&path, Some(&vkey(&store)), &[]).holds);
    let other = SigningKey::from_seed(&[5; 32]).verifier_key(first.name(), KeyKind::Log).unwrap();
    assert!(faults(&check(&path, Some(&other), &[])).contains(&"key-differs"));
}

/// A ledger has each key once: given an earlier one again, it would be broken for good, and a thief's would sign.
#[test]
fn no_key_comes_back_that_the_ledger_had_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    let hand = |file: &Path| {
        Hand::Key(SigningKey::from_pem(&std::fs::read_to_string(file).unwrap()).unwrap())
    };
    let mut left = Vec::new();
    for (reason, way) in [
        (Reason::Routine, "another took its place"),
        (Reason::Stolen, "it was stolen"),
        (Reason::Lost, "it counted as lost"),
    ] {
        left.push((store.rotate(hour(2), reason, &NewKey::Open).unwrap().aside.unwrap(), way));
    }
    let (present, size) = (vkey(&store), store.log().size());
    for (file, way) in &left {
        for reason in [Reason::Routine, Reason::Stolen, Reason::Lost] {
            let refused = store.hand_over(hour(3), reason, hand(file)).unwrap_err();
            assert_eq!(refused.code, "key-known");
            assert!(refused.what.contains(way), "{refused:?}");
        }
    }
    let refused = store.hand_over(hour(3), Reason::Routine, hand(&key_path(&path))).unwrap_err();
    assert_eq!(refused.code, "key-same");
    assert_eq!((vkey(&store), store.log().size()), (present.clone(), size), "nothing changed");
    grow(&mut store, 1);
    let report = check(&path, Some(&present), &[]);
    assert!(report.holds, "{:?}", faults(&report));
}

#[test]
fn a_rotation_that_was_cut_off_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    let old_key = std::fs::read(key_path(&path)).unwrap();
    let rotated = store.rotate(hour(2), Reason::Routine, &NewKey::Open).unwrap();
    let new = vkey(&store);
    drop(store);
    let aside = rotated.aside.unwrap();
    // As it was after the ledger had it, before the files changed places; and between the two moves.
    for between in [false, true] {
        std::fs::rename(key_path(&path), next_key_path(&path)).unwrap();
        if !between {
            std::fs::write(key_path(&path), &old_key).unwrap();
            std::fs::remove_file(&aside).unwrap();
        }
        let mut store = Store::open(&path, Access::Write, "test").unwrap();
        assert_eq!(vkey(&store), new);
        grow(&mut store, 1);
        assert!(aside.exists() && key_path(&path).exists() && !next_key_path(&path).exists());
    }
    assert!(check(&path, Some(&new), &[]).holds);
}

/// Law 7: whoever has the store open while another process gives it a new key signs with that one.
#[test]
fn a_rotation_is_followed_by_all_who_have_the_store_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut one = bare(&path);
    let first = vkey(&one);
    let mut other = Store::open(&path, Access::Write, "other").unwrap();
    grow(&mut other, 1);
    one.rotate(hour(2), Reason::Routine, &NewKey::Open).unwrap();
    grow(&mut other, 2);
    assert_eq!(vkey(&other), vkey(&one));
    other.rotate(hour(3), Reason::Routine, &NewKey::Open).unwrap();
    // One that doesn't look at the store before it rotates again.
    one.rotate(hour(4), Reason::Routine, &NewKey::Open).unwrap();
    grow(&mut other, 1);
    for key in [first, vkey(&one)] {
        let report = check(&path, Some(&key), &[]);
        assert!(report.holds, "{:?}", faults(&report));
    }
    assert_eq!(vkey(&other), vkey(&one));
    // A key that doesn't lie open can't be taken up, and says so.
    one.rotate(hour(5), Reason::Routine, &NewKey::Locked("a long passphrase")).unwrap();
    let refused = other.write(hour(5), |writer| writer.append("backup", json!({}))).unwrap_err();
    assert_eq!(refused.code, "key-changed");
}

#[test]
fn keys_can_neither_be_swapped_nor_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    let first = vkey(&store);
    store.rotate(hour(2), Reason::Routine, &NewKey::Open).unwrap();
    grow(&mut store, 1);
    drop(store);
    for change in [
        "DELETE FROM signing_key WHERE entry > 0",
        "UPDATE signing_key SET entry = entry + 1 WHERE entry > 0",
        "UPDATE signing_key SET vkey = (SELECT vkey FROM signing_key WHERE entry = 0) WHERE entry > 0",
        "UPDATE meta SET value = (SELECT CAST(vkey AS BLOB) FROM signing_key WHERE entry = 0)
         WHERE name = 'vkey'",
    ] {
        let copy = folder.path().join("copy.candor");
        std::fs::copy(&path, &copy).unwrap();
        let conn = rusqlite::Connection::open(&copy).unwrap();
        assert_eq!(conn.execute(change, []).unwrap(), 1, "{change}");
        drop(conn);
        assert!(!check(&copy, Some(&first), &[]).holds, "{change}");
    }
}

/// The checkpoint that both keys signed is what leads from the one to the other, whichever is named.
#[test]
fn a_hand_over_without_its_checkpoint_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.candor");
    let mut store = bare(&path);
    let first = vkey(&store);
    let rotated = store.rotate(hour(2), Reason::Routine, &NewKey::Open).unwrap();
    grow(&mut store, 1);
    let second = vkey(&store);
    drop(store);
    let conn = rusqlite::Connection::open(&path).unwrap();
    let handed_over = "DELETE FROM checkpoint WHERE size = $1";
    assert_eq!(conn.execute(handed_over, [rotated.entry + 1]).unwrap(), 1);
    drop(conn);
    for key in [None, Some(&first), Some(&second)] {
        let report = check(&path, key, &[]);
        assert!(faults(&report).contains(&"handover-missing"), "{:?}", faults(&report));
        assert!(!faults(&report).contains(&"key-silent"), "each signed something that is here");
    }
    let conn = rusqlite::Connection::open(&path).unwrap();
    let firsts = "DELETE FROM checkpoint WHERE size <= $1";
    assert!(conn.execute(firsts, [rotated.entry]).unwrap() > 0);
    drop(conn);
    let told = |key| faults(&check(&path, key, &[])).contains(&"key-silent");
    assert!(told(Some(&first)), "nothing by it is left");
    assert!(!told(Some(&second)) && !told(None));
}
