//! A small world for the tests of the laws: one policy with every kind of reason, a store in a
//! folder of its own, and the few acts that change it. Time is always a parameter.

// Each test program uses its own part of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::collect::{Progress, Reject};
use candor::consent::desk::{self, Spoken};
use candor::ledger::checkpoint::Trust;
use candor::ledger::note::UnknownKeys;
use candor::ledger::verify::{Holder, Verified, Verifier, own_checkpoint};
use candor::ledger::vkey::VerifierKey;
use candor::pipeline::ask::Explanation;
use candor::pipeline::import::{Carry, Listener, Outcome, Request, import};
use candor::policy::rulebook::Rulebook;
use candor::policy::{self};
use candor::profile::pack::keep_dictionary;
use candor::profile::read;
use candor::store::{self, Access, Creation, Store, WordKind};
use candor::subject::certificate::Certificate;
use candor::subject::erase;
use candor::subject::forget;
use candor::verify::{Depth, Options, Report};
use rusqlite::Connection;
use tempfile::TempDir;

/// The policy of the bookshop.
pub const POLICY: &str = include_str!("policy.toml");

/// A moment in 2026: so many hours after the store was made.
pub fn hour(hours: i64) -> Moment {
    Moment(Moment::parse("2026-01-05T09:00:00Z").unwrap().0 + hours * 3_600_000)
}

/// A store and what the tests need of it.
pub struct World {
    /// The folder that holds the store and the imported files.
    pub folder: TempDir,
    /// The store.
    pub store: Store,
    /// The rules in force.
    pub rules: Rulebook,
    files: usize,
}

/// Remembers which reasons were given.
#[derive(Default)]
pub struct Heard {
    /// How often each reason was given for what.
    pub reasons: BTreeMap<(String, &'static str), u64>,
    /// The codes of rows that could not be read.
    pub rejects: Vec<&'static str>,
}

impl Listener for Heard {
    fn progress(&mut self, _: Progress) {}
    fn reject(&mut self, reject: &Reject, _: Option<&[u8]>) -> Result<()> {
        self.rejects.push(reject.reason.code());
        Ok(())
    }
    fn explain(&mut self, e: Explanation) {
        *self.reasons.entry((e.what, e.reason)).or_default() += 1;
    }
}

/// Makes a store without a policy.
pub fn bare(path: &Path) -> Store {
    let creation = Creation {
        path,
        origin: Some("ledger.harbourbooks.example/test"),
        now: hour(0),
        actor: "test",
    };
    Store::create(&creation).unwrap()
}

/// Applies a policy.
pub fn apply(store: &mut Store, text: &str, now: Moment) {
    let checked = policy::check(text).unwrap_or_else(|m| panic!("{m:?}"));
    store
        .write(now, |writer| {
            keep_dictionary(writer.conn, &checked.policy)?;
            store::apply(writer, text, &checked.policy)
        })
        .unwrap();
}

impl World {
    /// A new store under [`POLICY`].
    pub fn new() -> World {
        World::under(POLICY)
    }

    /// A new store under a policy.
    pub fn under(text: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        let mut store = bare(&folder.path().join("t.candor"));
        apply(&mut store, text, hour(0));
        let rules = store::latest(store.conn(), store.words()).unwrap();
        World { folder, store, rules, files: 0 }
    }

    /// The store's file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("t.candor")
    }

    /// Opens the store anew, as another process would.
    pub fn reopen(&mut self) {
        self.store = Store::open(&self.path(), Access::Write, "test").unwrap();
        self.rules = store::latest(self.store.conn(), self.store.words()).unwrap();
    }

    /// Imports CSV text.
    pub fn import(&mut self, source: &str, csv: &str, now: Moment) -> Outcome {
        self.import_heard(source, csv, now, &mut Heard::default())
    }

    /// Imports CSV text and hears the reasons.
    pub fn import_heard(
        &mut self,
        source: &str,
        csv: &str,
        now: Moment,
        heard: &mut Heard,
    ) -> Outcome {
        self.files += 1;
        let path = self.folder.path().join(format!("in-{}.csv", self.files));
        std::fs::write(&path, csv).unwrap();
        let request = Request { path: &path, source, carry: Carry::Again };
        let outcome = import(&mut self.store, &request, &|| now, heard).unwrap();
        std::fs::remove_file(path).unwrap();
        outcome
    }

    /// The one subject that WHO names, if there is one.
    pub fn subject(&self, who: &str) -> Option<i64> {
        let store = &self.store;
        read::find_one(store.conn(), store.secret(), &self.rules.policy, who).ok()
    }

    /// Every subject that WHO names.
    pub fn subjects(&self, who: &str) -> Vec<i64> {
        let store = &self.store;
        read::find(store.conn(), store.secret(), &self.rules.policy, who).unwrap_or_default()
    }

    /// Records what a person says at the desk; what lost its last reason goes, as the command does.
    pub fn say(&mut self, who: &str, spoken: &Spoken<'_>, now: Moment) {
        let subject = self.subject(who).expect("the person is held");
        let statements = desk::statements(&self.rules, spoken, now).unwrap();
        let rules = &self.rules;
        self.store
            .write(now, |writer| {
                desk::record(writer, subject, &statements)?;
                forget::sweep(writer, rules, subject, "consent")
            })
            .unwrap();
    }

    /// Erases a person.
    pub fn erase(&mut self, who: &str, now: Moment) -> Certificate {
        let subject = self.subject(who).expect("the person is held");
        erase::erase(&mut self.store, &self.rules, subject, now).unwrap()
    }

    /// The profile as JSON, with everything that a reader of it sees.
    pub fn profile(&self, subject: i64) -> serde_json::Value {
        let store = &self.store;
        let profile =
            read::profile(store.conn(), store.words(), &self.rules, subject, store.log().last_at())
                .unwrap();
        serde_json::to_value(profile).unwrap()
    }

    /// Everything that is held in the clear: (source, field or event, text), of all live people.
    pub fn held(&self) -> Vec<(String, String, String)> {
        let store = &self.store;
        let mut held = Vec::new();
        for subject in numbers(store.conn(), "SELECT DISTINCT subject FROM record") {
            for record in read::open_records(store.conn(), store.words(), subject).unwrap() {
                for value in &record.values {
                    let field = store.words().text(WordKind::Field, value.field).to_owned();
                    held.push((record.source.clone(), field, value.text.clone()));
                }
                for event in read::open_events(store.conn(), store.words(), &record).unwrap() {
                    let text = String::from_utf8(event.bytes).unwrap();
                    held.push((record.source.clone(), event.name, text));
                }
            }
        }
        held.sort();
        held
    }

    /// The bytes of the store's file and of those that SQLite keeps beside it.
    pub fn raw(&self) -> Vec<u8> {
        raw(&self.path())
    }

    /// Asserts that the ledger, and everything in the file that it commits to, holds under the store's key.
    pub fn is_sound(&self) {
        let key = self.store.signer().unwrap().vkey().parse().unwrap();
        let report = deep(&self.path(), Some(key));
        let faults: Vec<_> = report.claims.iter().flat_map(|claim| &claim.faults).collect();
        assert!(report.holds && faults.is_empty(), "{faults:?}");
    }

    /// Verifies the ledger with the pure verifier.
    pub fn verify(&self, held: &[String]) -> Verified {
        verify(self.store.conn(), held)
    }
}

/// What deep verification says of a store.
pub fn deep(path: &Path, key: Option<VerifierKey>) -> Report {
    let options = Options { depth: Depth::Deep, key, held: Vec::new(), witnesses: Vec::new() };
    candor::verify::verify(path, &options).unwrap()
}

/// The bytes of a store's file and of those that SQLite keeps beside it.
pub fn raw(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    for side in store::side_files(path) {
        bytes.extend(std::fs::read(side).unwrap_or_default());
    }
    bytes
}

/// Whether bytes hold a text.
pub fn contains(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

/// The first column of a query, as numbers.
pub fn numbers(conn: &Connection, query: &str) -> Vec<i64> {
    let mut statement = conn.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

/// The first column of a query, as bytes.
pub fn blobs(conn: &Connection, query: &str) -> Vec<Vec<u8>> {
    let mut statement = conn.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

/// The stored rows of a table, as text, in the order of their first column.
pub fn rows(conn: &Connection, table: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
    let columns = statement.column_count();
    let rows = statement
        .query_map([], |row| {
            let cells: rusqlite::Result<Vec<String>> = (0..columns)
                .map(|i| row.get::<_, rusqlite::types::Value>(i).map(|v| format!("{v:?}")))
                .collect();
            Ok(cells?.join("|"))
        })
        .unwrap();
    rows.map(|row| row.unwrap()).collect()
}

/// Goes over the entries with the pure verifier, against the store's own checkpoints and those that
/// outsiders hold.
pub fn verify(conn: &Connection, held: &[String]) -> Verified {
    let text = |name: &str| {
        let value = store::meta(conn, name).unwrap().unwrap();
        String::from_utf8(value).unwrap()
    };
    let key: VerifierKey = text("vkey").parse().unwrap();
    let trust = Trust::in_log(key);
    let mut claims = Vec::new();
    let sizes = numbers(conn, "SELECT size FROM checkpoint ORDER BY size");
    let notes = blobs(conn, "SELECT note FROM checkpoint ORDER BY size");
    for (size, note) in sizes.iter().zip(&notes) {
        let signed = own_checkpoint(u64::try_from(*size).unwrap(), note, &trust).unwrap();
        claims.push(signed.claim(Holder::Own));
    }
    for note in held {
        let signed = trust.read(note.as_bytes(), UnknownKeys::Ignore).unwrap();
        claims.push(signed.claim(Holder::Outside));
    }
    let mut verifier = Verifier::new(&text("origin"), claims);
    for leaf in blobs(conn, "SELECT leaf FROM entry ORDER BY n") {
        verifier.push(&leaf); // What it finds is in the verdict.
    }
    verifier.finish()
}
