//! What is attacked: a small store with something of everything, its past, what lies beside its key,
//! and what it handed out. All of it lies in one folder, so that a campaign can be run again on the
//! very same bytes.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use candor::anchor::serve::Witness;
use candor::anchor::{Answer, State, timestamp, witness};
use candor::base::clock::Moment;
use candor::base::secret::SystemRandomness;
use candor::consent::desk;
use candor::evidence::{self, Disclose, End, Issued, Opening, Selection};
use candor::ledger::carrier::Carrier;
use candor::ledger::commit::ItemKind;
use candor::ledger::key::SigningKey;
use candor::ledger::key_chain::Reason;
use candor::ledger::vkey::VerifierKey;
use candor::profile::read;
use candor::store::{self, Access, NewKey, Store, erasures_path, key_path, side_files, state_path};
use candor::subject::access::answer::{Form as AnswerForm, answer};
use candor::subject::{certificate, erase, receipt};
use candor::verify::latest_checkpoint;
use rusqlite::Connection;

use super::claimed::Reading;
use super::small::{Small, at};
use super::town::link;
use crate::letters;

/// A moment of the store's life: the file, the log of what led to it, and the key of that time.
pub struct PastMoment {
    pub file: Vec<u8>,
    /// The write-ahead log since the moment before.
    pub log: Vec<u8>,
    pub key: Vec<u8>,
}

/// Everything that a campaign needs, in memory; nothing of it is ever changed.
pub struct Scene {
    /// The store as it is.
    pub file: Vec<u8>,
    pub reading: Reading,
    pub leaves: Vec<Vec<u8>>,
    pub past: Vec<PastMoment>,
    /// Of every state that was ever committed, what it claimed.
    pub genuine: HashSet<[u8; 32]>,
    /// What lies beside the key.
    pub memory: Vec<u8>,
    pub journal: Vec<u8>,
    /// Signed checkpoints by their size, as the store holds them.
    pub notes: Vec<(u64, Vec<u8>)>,
    /// The keys that were handed out, the present one first.
    pub keys: Vec<VerifierKey>,
    pub witness: VerifierKey,
    /// What was handed out, each file by its name in the folder, and of what kind it is.
    pub artefacts: Vec<(String, &'static str)>,
    /// The files of everything that was handed out, and of the bundle.
    pub handed: BTreeMap<String, Vec<u8>>,
    pub bundle: BTreeMap<String, Vec<u8>>,
    /// The folder that answers a person.
    pub answer: String,
}

const WITNESS: &str = "witness.example/w1";

impl Scene {
    /// Makes the scene in a folder, if it isn't there yet, and reads it.
    pub fn in_folder(folder: &Path) -> Scene {
        if !folder.join("whole").exists() {
            make(folder);
            std::fs::write(folder.join("whole"), b"").unwrap();
        }
        read_scene(folder)
    }
}

fn make(folder: &Path) {
    let moments = folder.join("moments");
    for name in ["moments", "handed"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    let mut count = 0;
    let mut seen = |store: &Store| {
        let name = |ending: &str| moments.join(format!("{count:02}.{ending}"));
        std::fs::copy(&side_files(store.path())[0], name("wal")).unwrap();
        store.truncate_wal().unwrap();
        std::fs::copy(store.path(), name("db")).unwrap();
        std::fs::copy(key_path(store.path()), name("key")).unwrap();
        count += 1;
    };
    let small = Small::made(tempfile::tempdir_in(folder).unwrap(), &mut seen);
    let mut store = Store::open(&small.path, Access::Write, "test").unwrap();
    let early = small.note.clone();
    let now = at("2018-01-06T10:00:00Z");

    drop(State::create(&folder.join("w.json"), WITNESS).unwrap());
    let signs = SigningKey::from_seed(&[9; 32]);
    let state = State::open(&folder.join("w.json")).unwrap();
    let vouching = Witness::new(state, signs, vec![small.vkey.clone()]).unwrap();
    let wkey = vouching.vkey().clone();
    let post = |_: &str, _: &str, body: &[u8]| {
        let reply = vouching.add_checkpoint(body, now);
        Ok(Answer { status: reply.status, body: reply.body.into_bytes() })
    };
    witness::add(&mut store, now, &wkey.to_string(), "http://witness.example/").unwrap();
    witness::ask(&mut store, now, &post).unwrap();
    seen(&store);
    let authority = |_: &str, _: &str, query: &[u8]| Ok(Answer { status: 200, body: token(query) });
    timestamp::stamp(&mut store, now, "http://tsa.example/", &mut SystemRandomness, &authority)
        .unwrap();
    seen(&store);
    store.rotate(now, Reason::Routine, &NewKey::Open).unwrap();
    drop(store);
    let mut store = Store::open(&small.path, Access::Write, "test").unwrap();
    seen(&store);
    hand_out(&mut store, &folder.join("handed"), early);
    seen(&store);
    letters::send(&mut store, at("2018-01-08T09:00:00Z"));
    seen(&store);
    // Last, because whoever is erased takes questions and links along, and then none of them is missed.
    link(&mut store, folder, at("2018-01-08T10:00:00Z"));
    seen(&store);
    drop(store);

    std::fs::copy(&small.path, folder.join("store.db")).unwrap();
    std::fs::copy(state_path(&small.path), folder.join("memory")).unwrap();
    std::fs::copy(erasures_path(&small.path), folder.join("journal")).unwrap();
    let vkey = store::meta(&Connection::open(&small.path).unwrap(), "vkey").unwrap().unwrap();
    std::fs::write(folder.join("vkey"), vkey).unwrap();
    std::fs::write(folder.join("first-vkey"), small.vkey.to_string()).unwrap();
    std::fs::write(folder.join("witness-vkey"), wkey.to_string()).unwrap();
}

/// Hands out one artefact of each kind, and a bundle.
fn hand_out(store: &mut Store, folder: &Path, early: Vec<u8>) {
    let now = at("2018-01-07T10:00:00Z");
    let rules = store::latest(store.conn(), store.words()).unwrap();
    let person = |store: &Store, who: &str| {
        read::find_one(store.conn(), store.secret(), &rules.policy, who).unwrap()
    };
    let otto = person(store, "loyalty_card:LC10000006");
    let spoken = desk::Spoken {
        purpose: Some("newsletter"),
        notice: Some("newsletter-form@2"),
        state: candor::policy::types::ConsentState::Given,
        ..desk::Spoken::default()
    };
    let said = desk::statements(&rules, &spoken, now).unwrap();
    store.write(now, |writer| desk::record(writer, otto, &said)).unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    for (name, form) in
        [("receipt.jsonld", receipt::Form::Dpv), ("receipt.json", receipt::Form::Kantara)]
    {
        put(name, &receipt::issue(store, &rules, otto, "newsletter", form, now).unwrap());
    }
    answer(store, &rules, otto, AnswerForm::Everything, &folder.join("answer"), now).unwrap();
    let gone = person(store, "email:sam.doyle@example.net");
    let certificate = erase::erase(store, &rules, gone, now).unwrap();
    for (name, form) in [
        ("certificate.json", certificate::CertificateForm::Json),
        ("certificate.html", certificate::CertificateForm::Page),
    ] {
        put(name, &certificate::issue_certificate(store, &certificate, form, now).unwrap());
    }
    let issued = Issued {
        kind: "report.issue",
        body: serde_json::Map::from_iter([("report".to_owned(), "timeline".into())]),
        about: None,
        behind: Vec::new(),
    };
    for (name, carrier, text) in [
        ("report.json", Carrier::Json, "{\n  \"rows\": [],\n  \"from\": null\n}\n"),
        ("report.html", Carrier::Page, "<!doctype html>\n<p>none</p>\n"),
        ("report.txt", Carrier::Text, "What happened\n\nnothing\n"),
    ] {
        put(name, &evidence::issue(store, &issued, carrier, text, now).unwrap());
    }
    let table = "entry,what\r\n1,nothing\r\n";
    put("report.csv", table);
    let proof = evidence::issue_content(store, &issued, table.as_bytes(), now).unwrap();
    put("report.csv.proof.json", &proof.to_file());
    let conn = store.conn();
    let living = "SELECT seq FROM value WHERE state = 2 AND seq NOT IN (SELECT seq FROM kept_salt)";
    let number = |query: &str| -> i64 { conn.query_row(query, [], |row| row.get(0)).unwrap() };
    let opened = number("SELECT MAX(n) FROM statement");
    let entry = evidence::entry(conn, opened, Opening::Opened).unwrap();
    put("entry.tlog-proof", &entry.to_proof_text().unwrap());
    // A checkpoint with a cosignature covers the early entries.
    put("entry.json", &evidence::entry(conn, 2, Opening::Sealed).unwrap().to_file());
    let value = evidence::item(conn, ItemKind::Value, number(living)).unwrap();
    put("value.tlog-proof", &value.to_proof_text().unwrap());
    let living = "SELECT MAX(seq) FROM event WHERE purposes <> 2";
    put("event.json", &evidence::item(conn, ItemKind::Event, number(living)).unwrap().to_file());
    let latest = End::Size(evidence::latest_size(conn).unwrap());
    let early = End::Note(String::from_utf8(early).unwrap());
    put("growth.json", &evidence::growth(conn, &early, &latest).unwrap().1.to_file());
    put("checkpoint.txt", &latest_checkpoint(store.path()).unwrap().unwrap());
    let witnessed = witness::witnessed_note(conn, 0).unwrap().unwrap().1;
    put("checkpoint-witnessed.txt", &witnessed);
    let everything = Selection { from: 0, to: u64::MAX, disclose: Disclose::Everything };
    let bundle = folder.with_file_name("bundle");
    evidence::bundle(conn, everything, &bundle).unwrap();
}

/// The kind of what was handed out under a name; `None` for what isn't an artefact by itself.
fn kind_of(name: &str) -> &'static str {
    let begins = [
        ("receipt", "consent receipt"),
        ("answer", "answer to a person"),
        ("certificate", "erasure certificate"),
        ("report", "report"),
        ("checkpoint", "checkpoint"),
        ("growth", "proof of growth"),
    ];
    begins.iter().find(|(begin, _)| name.starts_with(begin)).map_or("proof", |(_, kind)| kind)
}

fn read_scene(folder: &Path) -> Scene {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let key = |name: &str| String::from_utf8(read(name)).unwrap().parse::<VerifierKey>().unwrap();
    let past = (0..).map_while(|n| {
        let part = |ending: &str| std::fs::read(folder.join(format!("moments/{n:02}.{ending}")));
        Some(PastMoment {
            file: part("db").ok()?,
            log: part("wal").unwrap_or_default(),
            key: part("key").unwrap(),
        })
    });
    let past: Vec<PastMoment> = past.collect();
    let file = read("store.db");
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("store.db");
    let of = |file: &[u8], log: &[u8]| {
        put_store(&path, file, log);
        Reading::of(&path).unwrap()
    };
    let reading = of(&file, &[]);
    let mut genuine = HashSet::from([reading.digest()]);
    for (n, moment) in past.iter().enumerate() {
        genuine.insert(of(&moment.file, &[]).digest());
        // The first log holds every page since the store was made.
        let before = if n == 0 { &file } else { &past[n - 1].file };
        for end in commits(&moment.log) {
            genuine.insert(of(before, &moment.log[..end]).digest());
        }
    }
    let conn = Connection::open(&path).unwrap();
    put_store(&path, &file, &[]);
    let mut statement = conn.prepare("SELECT size, note FROM checkpoint ORDER BY size").unwrap();
    let notes = statement
        .query_map([], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let handed = files_of(&folder.join("handed"));
    let mut artefacts: Vec<(String, &'static str)> =
        handed.keys().map(|name| (name.clone(), kind_of(name))).collect();
    artefacts.push(("answer".to_owned(), kind_of("answer")));
    Scene {
        leaves: reading.leaves(),
        file,
        reading,
        past,
        genuine,
        memory: read("memory"),
        journal: read("journal"),
        notes,
        keys: vec![key("vkey"), key("first-vkey")],
        witness: key("witness-vkey"),
        artefacts,
        handed,
        bundle: files_of(&folder.join("bundle")),
        answer: "answer".to_owned(),
    }
}

/// Every file below a folder, by its path in it.
pub fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(at: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let name = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            match path.is_dir() {
                true => walk(&path, &name, files),
                false => drop(files.insert(name, std::fs::read(&path).unwrap())),
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(folder, "", &mut files);
    files
}

/// Puts a store and its log in place, without anything else beside them.
pub fn put_store(path: &Path, file: &[u8], log: &[u8]) {
    let [wal, shm] = side_files(path);
    for beside in [&wal, &shm, &state_path(path), &erasures_path(path), &key_path(path)] {
        let _ = std::fs::remove_file(beside);
    }
    std::fs::write(path, file).unwrap();
    if !log.is_empty() {
        std::fs::write(wal, log).unwrap();
    }
}

/// Where each commit of a write-ahead log ends (SQLite's file format, section 4.1: a header of 32
/// bytes, frames of 24 bytes and a page; the frame of a commit says how long the file is after it).
pub fn commits(log: &[u8]) -> Vec<usize> {
    let Some(page) = log.get(8..12) else { return Vec::new() };
    let page = u32::from_be_bytes(page.try_into().unwrap()) as usize;
    let frames = (32..).step_by(24 + page).take_while(|at| at + 24 + page <= log.len());
    let ends = frames.filter(|at| log[at + 4..at + 8] != [0; 4]);
    ends.map(|at| at + 24 + page).collect()
}

/// A time-stamp token over what is asked, by nobody: candor leaves signatures of authorities to
/// `openssl ts`.
fn token(query: &[u8]) -> Vec<u8> {
    let der = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
        let head = match (high, low) {
            (0, 0..128) => vec![tag, low],
            (0, _) => vec![tag, 0x81, low],
            _ => vec![tag, 0x82, high, low],
        };
        [head, content].concat()
    };
    let imprint = &query[5..56]; // MessageImprint, after the version
    let nonce = &query[56..66];
    let info = der(
        0x30,
        &[&[2, 1, 1], &[6, 1, 0x2a], imprint, &[2, 1, 7], b"\x18\x0f20180106100000Z", nonce],
    );
    let tst = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04";
    let content = der(0x30, &[tst, &der(0xa0, &[&der(4, &[&info])])]);
    let signed = der(0x30, &[&[2, 1, 3], &[0x31, 0], &content]);
    let signed_data = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    let token = der(0x30, &[signed_data, &der(0xa0, &[&signed])]);
    der(0x30, &[&[0x30, 3, 2, 1, 0], &token])
}

/// When the scene is looked at.
pub fn later() -> Moment {
    at("2018-02-01T10:00:00Z")
}
