//! Erasure and proof together, over random histories: whatever people and the controller do, after each
//! step every checkpoint that was ever handed out still holds, every erased payload is told as erased
//! by an entry, random entries are proven, a deep verification finds nothing, and of what was erased no
//! byte is left in the file, its log, the key's memory or the journal.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use candor::consent::desk::Spoken;
use candor::evidence::{self, End, Opening};
use candor::ledger::checkpoint::Trust;
use candor::ledger::key_chain::Reason;
use candor::ledger::scan::fields;
use candor::ledger::vkey::VerifierKey;
use candor::policy::types::ConsentState;
use candor::profile::lookup;
use candor::profile::merge::{self, Decider};
use candor::store::{NewKey, erasures_path, side_files, state_path};
use candor::subject::{backup, retain};
use candor::verify::{Depth, Held, Options, Standing, verify};
use common::{POLICY, World, blobs, contains, hour, numbers};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const PEOPLE: usize = 4;
const NAMES: [&str; PEOPLE] = ["Aoibheann", "Bartholomew", "Caoilfhionn", "Desdemona"];

#[derive(Clone, Copy, Debug)]
enum Act {
    Shop(usize, &'static str),
    Till(usize),
    Books(usize),
    Withdraw(usize),
    Return(usize),
    Merge(usize, usize),
    Split(usize),
    Push,
    Erase(usize),
    Retain,
    Rotate,
    Backup,
    Restore,
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..PEOPLE;
    prop_oneof![
        4 => (who(), prop_oneof![Just("yes"), Just("no")]).prop_map(|(p, said)| Act::Shop(p, said)),
        3 => who().prop_map(Act::Till),
        2 => who().prop_map(Act::Books),
        2 => who().prop_map(Act::Withdraw),
        2 => who().prop_map(Act::Return),
        3 => (who(), who()).prop_map(|(a, b)| Act::Merge(a, b)),
        2 => who().prop_map(Act::Split),
        3 => Just(Act::Push),
        4 => who().prop_map(Act::Erase),
        3 => Just(Act::Retain),
        2 => Just(Act::Rotate),
        2 => Just(Act::Backup),
        2 => Just(Act::Restore),
    ]
}

/// The beginning of every history, so that there is something to lose, and each kind of step occurs.
const OPENING: [Act; 9] = [
    Act::Shop(0, "yes"),
    Act::Shop(1, "yes"),
    Act::Shop(2, "no"),
    Act::Till(0),
    Act::Merge(0, 1),
    Act::Split(0),
    Act::Push,
    Act::Rotate,
    Act::Backup,
];

/// The end of every history, for the same reason.
const CLOSING: [Act; 4] = [Act::Return(3), Act::Erase(3), Act::Restore, Act::Retain];

struct History {
    world: World,
    at: i64,
    first_key: VerifierKey,
    keys: Vec<VerifierKey>,
    /// Checkpoints that outsiders hold, by size.
    held: BTreeMap<u64, String>,
    /// Stored bytes that must never be found again.
    gone: Vec<Vec<u8>>,
    /// Entries whose payload was erased.
    erased: BTreeSet<i64>,
    backup: Option<(PathBuf, u64)>,
    done: BTreeMap<&'static str, u64>,
}

fn email(person: usize) -> String {
    format!("{}@post.example", NAMES[person].to_lowercase())
}

fn who(person: usize) -> String {
    format!("email:{}", email(person))
}

impl History {
    fn new() -> History {
        // Orders are kept for three days, which are twelve steps: people lapse.
        let policy = POLICY.replacen(
            "categories = [\"contact\", \"order\"]\nretention = \"P50Y\"",
            "categories = [\"contact\", \"order\"]\nretention = \"P3D\"",
            1,
        );
        assert_ne!(policy, POLICY, "something lapses");
        let policy = policy.replacen(
            "categories = [\"contact\"]\nretention = \"P50Y\"",
            "categories = [\"contact\"]\nretention = \"P3D\"",
            1,
        );
        let world = World::under(&policy);
        let first_key: VerifierKey = world.store.signer().unwrap().vkey().parse().unwrap();
        History {
            world,
            at: 0,
            keys: vec![first_key.clone()],
            first_key,
            held: BTreeMap::new(),
            gone: Vec::new(),
            erased: BTreeSet::new(),
            backup: None,
            done: BTreeMap::new(),
        }
    }

    fn subject(&self, person: usize) -> Option<i64> {
        self.world.subject(&who(person))
    }

    /// Does one thing; says its name when it could be done.
    fn perform(&mut self, act: Act) -> Option<&'static str> {
        self.at += 6;
        let now = hour(self.at);
        match act {
            Act::Shop(p, said) => {
                let csv = format!(
                    "customer_id,at,name,email,card,optin,notice\n\
                     cust-{p}-key,{now},{},{},CARD-{p}{p}7,{said},letter-form@1\n",
                    NAMES[p],
                    email(p)
                );
                self.world.import("shop", &csv, now);
                Some("import")
            }
            Act::Till(p) | Act::Books(p) => {
                let (source, csv) = match act {
                    Act::Till(_) => (
                        "till",
                        format!(
                            "basket,at,looked_at,card,cents,what\n\
                             basket-{p}-{},{now},,CARD-{p}{p}7,500,book-of-{p}\n",
                            self.at
                        ),
                    ),
                    _ => (
                        "ledgers",
                        format!(
                            "basket,at,card,cents,what\n\
                             invoice-{p}-{},{now},CARD-{p}{p}7,500,book-of-{p}\n",
                            self.at
                        ),
                    ),
                };
                self.world.import(source, &csv, now);
                Some("import")
            }
            Act::Withdraw(p) => {
                self.subject(p)?;
                let spoken = Spoken {
                    purpose: Some("newsletter"),
                    channel: Some("email"),
                    state: ConsentState::Withdrawn,
                    ..Spoken::default()
                };
                self.world.say(&who(p), &spoken, now);
                Some("consent")
            }
            Act::Return(p) => {
                let csv = format!("email,at,optin,notice\n{},{now},yes,letter-form@2\n", email(p));
                self.world.import("page", &csv, now);
                Some("consent")
            }
            Act::Merge(a, b) => {
                let (a, b) = (self.subject(a)?, self.subject(b)?);
                if a == b {
                    return None;
                }
                let (from, into) = (a.max(b), a.min(b));
                let store = &mut self.world.store;
                store.write(now, |w| merge::join(w, from, into, Decider::Person)).unwrap();
                Some("merge")
            }
            Act::Split(p) => {
                let subject = self.subject(p)?;
                let merges = lookup::merges_into(self.world.store.conn(), subject).unwrap();
                let last = merges.first().copied()?;
                self.world.store.write(now, |w| merge::split(w, &last)).unwrap();
                Some("split")
            }
            Act::Push => {
                let out = self.world.folder.path().join(format!("out-{}.csv", self.at));
                let World { store, rules, .. } = &mut self.world;
                let run = candor::send::push(store, rules, "mailer", &out, now).unwrap();
                (run.sent > 0).then_some("push")
            }
            Act::Erase(p) => {
                let subject = self.subject(p)?;
                self.note_what_goes(subject);
                self.world.erase(&who(p), now);
                Some("erasure")
            }
            Act::Retain => {
                // Long enough for orders to lapse.
                self.at += 96;
                let now = hour(self.at);
                let World { store, rules, .. } = &mut self.world;
                let done = retain::run(store, rules, now, retain::Carry::Out).unwrap();
                (done.values + done.events > 0).then_some("retention")
            }
            Act::Rotate => {
                self.world.store.rotate(now, Reason::Routine, &NewKey::Open).unwrap();
                self.world.reopen();
                let key = self.world.store.signer().unwrap().vkey().parse().unwrap();
                self.keys.push(key);
                Some("rotation")
            }
            Act::Backup => {
                let to = self.world.folder.path().join(format!("backup-{}", self.at));
                let report = backup::backup(&mut self.world.store, &to, now).unwrap();
                self.backup = Some((to, report.entries));
                Some("backup")
            }
            Act::Restore => self.restore(),
        }
    }

    /// What an erasure has to take: rows as they are stored, and payloads by their entries.
    fn note_what_goes(&mut self, subject: i64) {
        let conn = self.world.store.conn();
        let mine = format!("record IN (SELECT id FROM record WHERE subject = {subject})");
        for (table, body) in
            [("value", "body"), ("event", "body"), ("payload", "body"), ("record_key", "k")]
        {
            let rows = blobs(conn, &format!("SELECT {body} FROM {table} WHERE {mine}"));
            let rows = rows.into_iter().filter(|row| row.len() >= 8 && row.iter().any(|b| *b != 0));
            self.gone.extend(rows.map(|row| row[..row.len().min(24)].to_vec()));
        }
        let living =
            format!("SELECT n FROM payload WHERE {mine} AND body <> zeroblob(length(body))");
        self.erased.extend(numbers(conn, &living));
    }

    /// The store is lost; its key and its journal are not.
    fn restore(&mut self) -> Option<&'static str> {
        let (from, size) = self.backup.clone()?;
        let (path, folder) = (self.world.path(), self.world.folder.path().to_owned());
        self.world.store = common::bare(&folder.join(format!("spare-{}", self.at)));
        std::fs::rename(&path, folder.join("lost")).unwrap();
        for side in side_files(&path) {
            let _ = std::fs::remove_file(side);
        }
        let none = backup::Certificates::Some(&[]);
        backup::restore(&path, &from, none, "test", hour(self.at)).unwrap();
        self.world.reopen();
        // What outsiders hold of the lost part is another branch; the restore's entry says so.
        self.held.retain(|held, _| *held <= size);
        self.erased.retain(|n| u64::try_from(*n).unwrap() < size);
        Some("restore")
    }

    fn check(&mut self) {
        let path = self.world.path();
        let store = &self.world.store;
        let note = store.signer().unwrap().note(store.log()).unwrap();
        self.held.insert(store.log().size(), note);

        let held = self.held.values().map(|note| note.clone().into_bytes());
        let held = held.map(|note| Held { name: "kept".to_owned(), note }).collect();
        let key = Some(self.first_key.clone());
        let options = Options { depth: Depth::Deep, key, held, witnesses: Vec::new() };
        let report = verify(&path, &options).unwrap();
        let broken: Vec<_> = report.claims.iter().flat_map(|claim| &claim.faults).collect();
        assert!(report.holds, "{broken:#?}");
        let kept = report.claims.iter().filter(|claim| claim.claim == "held-checkpoint");
        assert_eq!(kept.clone().count(), self.held.len());
        assert!(kept.clone().all(|claim| claim.standing == Standing::Proven));

        self.check_proofs();
        self.check_erased();
        let beside = [state_path(&path), erasures_path(&path)];
        let raw = [common::raw(&path)]
            .into_iter()
            .chain(beside.iter().map(|path| std::fs::read(path).unwrap_or_default()));
        let raw: Vec<u8> = raw.flatten().collect();
        let found = self.gone.iter().filter(|bytes| contains(&raw, bytes)).count();
        assert_eq!(found, 0, "of what was erased something is left");
        for person in 0..PEOPLE {
            assert!(!contains(&raw, email(person).as_bytes()), "an address lies in the clear");
        }
    }

    /// The oldest checkpoint grew into the newest, and so did another; and entries are in the tree.
    fn check_proofs(&self) {
        let conn = self.world.store.conn();
        let mut trust = Trust::in_log(self.first_key.clone());
        trust.log_keys.extend(self.keys[1..].iter().cloned());
        let size = evidence::latest_size(conn).unwrap();
        let some = usize::try_from(self.at).unwrap() % self.held.len();
        for old in self.held.values().take(1).chain(self.held.values().nth(some)) {
            let (_, growth) =
                evidence::growth(conn, &End::Note(old.clone()), &End::Size(size)).unwrap();
            let (from, to) = growth.verify(&trust).unwrap();
            assert!(from.checkpoint.size <= to.checkpoint.size);
        }
        let last = i64::try_from(size).unwrap();
        for n in [0, self.at * 7 % last, self.at * 13 % last, last - 1] {
            let evidence = evidence::entry(conn, n, Opening::Sealed).unwrap();
            let proven = evidence.verify(&trust, None).unwrap();
            assert_eq!(proven.entries[0].number, n.unsigned_abs());
        }
    }

    /// Each erased payload is told as erased, by an erasure's entry that comes after it.
    fn check_erased(&self) {
        let conn = self.world.store.conn();
        let mut told: BTreeMap<i64, u64> = BTreeMap::new();
        for leaf in blobs(conn, "SELECT leaf FROM entry ORDER BY n") {
            let view = fields(&leaf).unwrap();
            if view.kind == "erasure" {
                let body: serde_json::Value = serde_json::from_slice(view.body.unwrap()).unwrap();
                let seqs = body["seqs"].as_array().unwrap().iter();
                told.extend(seqs.map(|n| (n.as_i64().unwrap(), view.number)));
            }
        }
        for n in &self.erased {
            assert!(told.get(n).is_some_and(|by| *by > n.unsigned_abs()), "entry {n}: {told:?}");
            let code = evidence::entry(conn, *n, Opening::Opened).unwrap_err().code;
            assert_eq!(code, "payload-erased");
        }
    }
}

/// The number of a merge that went with an erased person is given again: nothing of the old one may
/// stand under it, or a split of the new one would move somebody else's record.
#[test]
fn a_merge_inherits_nothing_from_one_that_was_erased() {
    let mut history = History::new();
    // The opening joins 0 with 1 and parts them again.
    for act in OPENING.iter().chain(&[Act::Erase(0), Act::Merge(2, 1)]) {
        if history.perform(*act).is_some() {
            history.check();
        }
    }
    let moved = common::numbers(history.world.store.conn(), "SELECT COUNT(*) FROM merge_record");
    assert_eq!(moved, [1]);
}

#[test]
fn what_is_erased_stays_proven_and_gone_in_every_history() {
    let mut done: BTreeMap<&'static str, u64> = BTreeMap::new();
    let total = std::cell::RefCell::new(&mut done);
    let config =
        Config { cases: 6, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let histories = prop::collection::vec(act(), 8..20);
    TestRunner::new(config)
        .run(&histories, |acts| {
            let mut history = History::new();
            for act in OPENING.iter().chain(&acts).chain(&CLOSING) {
                if let Some(name) = history.perform(*act) {
                    *history.done.entry(name).or_default() += 1;
                    history.check();
                }
            }
            for (name, count) in &history.done {
                *total.borrow_mut().entry(name).or_default() += count;
            }
            Ok(())
        })
        .unwrap();
    println!("steps: {done:?}");
    for name in [
        "import",
        "consent",
        "merge",
        "split",
        "push",
        "erasure",
        "retention",
        "rotation",
        "backup",
        "restore",
    ] {
        assert!(done.get(name).is_some_and(|count| *count > 0), "no {name} in {done:?}");
    }
}
