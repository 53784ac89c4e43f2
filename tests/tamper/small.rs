//! One small store with something of everything, and copies of it to attack.

// Each test program uses its own part of it.
#![allow(dead_code)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::collect::{Progress, Reject};
use candor::consent::desk::{self, Spoken};
use candor::ledger::checkpoint::Checkpoint;
use candor::ledger::hash::leaf_hash;
use candor::ledger::key::SigningKey;
use candor::ledger::leaf::{Leaf, first_previous};
use candor::ledger::tree::root_of;
use candor::ledger::vkey::VerifierKey;
use candor::pipeline::ask::Explanation;
use candor::pipeline::import::{Carry, Listener, Request, import};
use candor::policy::types::ConsentState;
use candor::profile::lookup::merges_into;
use candor::profile::merge::{Decider, join, part_record, split};
use candor::profile::read;
use candor::send::push;
use candor::store::{self, Creation, Store, erasures_path, key_path, side_files, state_path};
use candor::subject::access::answer::{Form, answer};
use candor::subject::backup::backup;
use candor::subject::erase::erase;
use candor::verify::{Depth, Held, Options, Report, Standing, latest_checkpoint, verify};
use rusqlite::{Connection, params};

const POLICY: &str = include_str!("../../fixtures/brand/policy.toml");
const EXPORTS: &[(&str, &str)] = &[
    ("crm_customers.csv", "crm"),
    ("web_accounts.ndjson", "web"),
    ("store_cards.csv", "store"),
    ("support_tickets.ndjson", "support"),
    ("till_lines.csv", "till"),
    ("webshop_lines.csv", "webshop"),
    ("preference_changes.csv", "preferences"),
];

pub fn at(time: &str) -> Moment {
    Moment::parse(time).unwrap()
}

struct Silent;

impl Listener for Silent {
    fn progress(&mut self, _: Progress) {}
    fn reject(&mut self, _: &Reject, _: Option<&[u8]>) -> Result<()> {
        Ok(())
    }
    fn explain(&mut self, _: Explanation) {}
}

/// Imports a file.
pub fn bring(store: &mut Store, path: &Path, source: &str, now: Moment) {
    try_to_bring(store, path, source, now).unwrap();
}

/// The same, where it may be refused.
pub fn try_to_bring(store: &mut Store, path: &Path, source: &str, now: Moment) -> Result<()> {
    import(store, &Request { path, source, carry: Carry::Out }, &|| now, &mut Silent).map(drop)
}

/// The policy in force.
pub fn policy_of(store: &Store) -> String {
    let query = "SELECT text FROM policy ORDER BY version DESC LIMIT 1";
    store.conn().query_row(query, [], |row| row.get(0)).unwrap()
}

/// The store, and what its owner had handed out or lost on the way.
pub struct Small {
    folder: tempfile::TempDir,
    pub path: PathBuf,
    /// The file as it was before the last disclosure.
    pub older: PathBuf,
    /// A backup from before the erasures.
    pub early: PathBuf,
    /// The write-ahead log of everything up to an earlier moment.
    pub older_wal: PathBuf,
    /// The write-ahead log of one change in the middle.
    pub middle_wal: PathBuf,
    /// The last checkpoint, kept by somebody else.
    pub note: Vec<u8>,
    pub vkey: VerifierKey,
}

impl Small {
    pub fn new() -> Small {
        Small::made(tempfile::tempdir().unwrap(), &mut |_| {})
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes it in a folder; `seen` looks at it after each change from the first disclosures on.
    pub fn made(folder: tempfile::TempDir, seen: &mut dyn FnMut(&Store)) -> Small {
        let file = |name: &str| folder.path().join(name);
        let path = file("small.db");
        let now = at("2018-01-01T10:00:00Z");
        let creation = Creation { path: &path, origin: None, now, actor: "test" };
        let mut store = Store::create(&creation).unwrap();
        let checked =
            candor::policy::check(POLICY).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        store.write(now, |writer| store::apply(writer, POLICY, &checked.policy)).unwrap();
        let exports = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/brand/exports");
        for (name, source) in EXPORTS {
            bring(&mut store, &exports.join(name), source, at("2018-01-02T10:00:00Z"));
        }
        let older_wal = file("older-wal");
        std::fs::copy(&side_files(&path)[0], &older_wal).unwrap();
        assert!(std::fs::metadata(&older_wal).unwrap().len() > 0, "an earlier log");
        seen(&store);

        let rules = store::latest(store.conn(), store.words()).unwrap();
        let who = |store: &Store, who: &str| {
            read::find_one(store.conn(), store.secret(), &rules.policy, who).unwrap()
        };
        let now = at("2018-01-03T10:00:00Z");
        let [mira, rosa, otto] = ["LC10000002", "LC10000004", "LC10000006"]
            .map(|card| who(&store, &format!("loyalty_card:{card}")));
        let spoken = Spoken {
            purpose: Some("newsletter"),
            notice: Some("newsletter-form@2"),
            state: ConsentState::Given,
            ..Spoken::default()
        };
        store.truncate_wal().unwrap();
        let said = desk::statements(&rules, &spoken, now).unwrap();
        store.write(now, |writer| desk::record(writer, otto, &said)).unwrap();
        let middle_wal = file("middle-wal");
        std::fs::copy(&side_files(&path)[0], &middle_wal).unwrap();
        seen(&store);
        // Two go to a third; one of them is parted, and erased below, and with them what moved the other.
        let of = |record: i64| -> i64 {
            let query = "SELECT subject FROM record WHERE id = $1";
            store.conn().query_row(query, [record], |row| row.get(0)).unwrap()
        };
        let [tom, li, piotr] = [2, 5, 7].map(of);
        store.write(now, |writer| join(writer, piotr, li, Decider::Person)).unwrap();
        store.write(now, |writer| join(writer, li, tom, Decider::Person)).unwrap();
        let li = store.write(now, |writer| part_record(writer, 5)).unwrap();
        let (into, from) = (mira.min(rosa), mira.max(rosa));
        store.write(now, |writer| join(writer, from, into, Decider::Person)).unwrap();
        let (into, from) = (into.min(otto), into.max(otto));
        store.write(now, |writer| join(writer, from, into, Decider::Person)).unwrap();
        let merge = merges_into(store.conn(), into).unwrap()[0];
        store.write(now, |writer| split(writer, &merge)).unwrap();
        seen(&store);
        let early = file("early.db");
        backup(&mut store, &early, now).unwrap();
        let ann = who(&store, "loyalty_card:LC10000001");
        let done = erase(&mut store, &rules, ann, at("2018-01-04T10:00:00Z")).unwrap();
        assert!(done.categories.iter().any(|category| category.kept > 0), "kept by law");
        seen(&store);
        let jonas = who(&store, "email:jonas.weber@example.org");
        erase(&mut store, &rules, jonas, at("2018-01-04T11:00:00Z")).unwrap();
        erase(&mut store, &rules, li, at("2018-01-04T11:30:00Z")).unwrap();
        let (out, now) = (file("answer"), at("2018-01-04T12:00:00Z"));
        answer(&mut store, &rules, otto, Form::Everything, &out, now).unwrap();
        seen(&store);
        let older = file("older.db");
        store.truncate_wal().unwrap();
        std::fs::copy(&path, &older).unwrap();
        let now = at("2018-01-05T10:00:00Z");
        let run = push(&mut store, &rules, "mailer", &file("out.csv"), now).unwrap();
        assert!(run.sent >= 1, "somebody is reached");
        seen(&store);
        backup(&mut store, &file("backup.db"), now).unwrap();
        store.truncate_wal().unwrap();
        let vkey = store.signer().unwrap().vkey().parse().unwrap();
        drop(store);
        let note = latest_checkpoint(&path).unwrap().unwrap().into_bytes();
        Small { folder, path, older, early, older_wal, middle_wal, note, vkey }
    }

    /// A copy of the store; `from` is the store or what stands in its place.
    pub fn copy(&self, from: &Path) -> Copy {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let path = folder.path().join("small.db");
        std::fs::copy(from, &path).unwrap();
        Copy { path, _folder: folder }
    }

    /// Puts what the key remembers beside a copy.
    pub fn remember(&self, copy: &Copy) {
        for beside in [state_path, erasures_path] {
            std::fs::copy(beside(&self.path), beside(&copy.path)).unwrap();
        }
    }

    pub fn key_pem(&self) -> String {
        std::fs::read_to_string(key_path(&self.path)).unwrap()
    }

    pub fn with_checkpoint(&self) -> Options {
        let held = vec![Held { name: "kept".into(), note: self.note.clone() }];
        Options { depth: Depth::Deep, key: Some(self.vkey.clone()), held, witnesses: Vec::new() }
    }
}

/// A copy that may be attacked.
pub struct Copy {
    pub path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Copy {
    /// Changes it with SQL, without the triggers that stand in the way, and leaves no trace of that.
    pub fn with<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        let conn = Connection::open(&self.path).unwrap();
        let mut statement =
            conn.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
        let triggers: Vec<(String, String)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(std::result::Result::unwrap)
            .collect();
        drop(statement);
        for (name, _) in &triggers {
            conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        let value = work(&conn);
        for (_, sql) in &triggers {
            let again = sql.replacen("CREATE TRIGGER", "CREATE TRIGGER IF NOT EXISTS", 1);
            conn.execute_batch(&again).unwrap();
        }
        conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        value
    }
}

pub fn file_only() -> Options {
    Options { depth: Depth::Deep, key: None, held: Vec::new(), witnesses: Vec::new() }
}

/// The codes of everything that is found; of the error where the file can't be read at all.
pub fn found(path: &Path, options: &Options) -> BTreeSet<&'static str> {
    match verify(path, options) {
        Ok(report) => codes(&report),
        Err(error) => BTreeSet::from([error.code]),
    }
}

pub fn codes(report: &Report) -> BTreeSet<&'static str> {
    let broken = report.claims.iter().filter(|claim| claim.standing == Standing::Broken);
    let codes: BTreeSet<_> = broken.flat_map(|c| c.faults.iter().map(|fault| fault.code)).collect();
    assert_eq!(codes.is_empty(), report.holds, "a report says what breaks it");
    codes
}

/// Puts a ledger of these leaves in a store's place: every link made anew, and the whole signed with a
/// key, as only its holder can.
pub fn sign_anew(conn: &Connection, origin: &str, key: &str, mut leaves: Vec<Leaf>) {
    let mut previous = first_previous(origin);
    conn.execute_batch("DELETE FROM entry; DELETE FROM checkpoint").unwrap();
    let mut hashes = Vec::new();
    for (n, leaf) in (0_i64..).zip(&mut leaves) {
        leaf.number = n.unsigned_abs();
        leaf.previous = previous;
        let bytes = leaf.to_bytes().unwrap();
        previous = leaf_hash(&bytes);
        hashes.push(previous);
        conn.execute("INSERT INTO entry VALUES ($1, $2)", params![n, bytes]).unwrap();
    }
    let size = hashes.len();
    assert!(size < 256, "no node is stored");
    let root = root_of(hashes);
    let checkpoint = Checkpoint { origin: origin.to_owned(), size: size as u64, root };
    let key = SigningKey::from_pem(key).unwrap();
    let note = key.sign_checkpoint(&checkpoint).unwrap().to_text();
    let size = i64::try_from(size).unwrap();
    conn.execute("INSERT INTO checkpoint VALUES ($1, $2)", params![size, note.as_bytes()]).unwrap();
}
