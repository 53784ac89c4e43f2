//! The attack campaign: seeded random changes to everything that candor claims something with, each
//! looked at by an auditor who holds one thing or another, each outcome decided by rule.
//!
//! A change must be **found** if it changed something that is claimed; what is claimed is decided by
//! what SQLite reads (`claimed.rs`), or by what the changed artefact says. Where nothing is found and
//! nothing claimed is other than before, the change hit free space, the bookkeeping of SQLite, or what
//! `ATTACKS.md` names as standing under no entry. What is neither is **missed**, and none may be.

// The ordinary tests and the whole campaign each use their own part of it.
#![allow(dead_code)]

pub mod artefacts;
pub mod beside;
pub mod bundles;
pub mod dice;
pub mod files;
pub mod forks;
pub mod rows;
pub mod scene;
pub mod stores;
pub mod table;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bundles::Python;
use dice::Dice;
use rows::Deed;
use scene::{Scene, put_store};
use stores::{Look, Power};
use table::Table;

use super::{claimed, small, town};

/// What the auditor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    File,
    Kept,
    Beside,
    Artefact,
    ArtefactAndWitness,
    Bundle,
    BundleAndWitness,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The look says that something is broken.
    Found,
    /// The look says that it can't be read at all.
    Unreadable,
    /// Nothing that is read is other than before.
    NothingClaimed,
    /// Something is other than before, and this is why nobody can tell.
    NotFound(&'static str),
    /// Something that is claimed is other than before, and the look is content.
    Missed(String),
}

/// Tables that are folded from the ledger.
const PROJECTIONS: &[&str] = &[
    "statement",
    "rollup",
    "identifier",
    "record",
    "subject",
    "merge",
    "merge_record",
    "disclosure",
    "request",
    "batch",
    "tombstone",
    "kept_salt",
    "suppression",
    "model",
    "question",
    "link",
];
const POLICIES: &[&str] = &["policy", "notice", "word", "purpose_set"];
const OUTSIDERS: &[&str] = &["cosignature", "timestamp", "witness", "checkpoint", "signing_key"];

/// A kind of change, and how many of a hundred are of it.
pub struct Kind {
    pub name: &'static str,
    share: u64,
    attack: fn(&mut Dice, &Scene, &mut Desk) -> (Held, Outcome),
}

#[rustfmt::skip]
pub const KINDS: &[Kind] = &[
    Kind { name: "a flipped bit, or a few bytes, in the file", share: 22, attack: |d, s, k| on_file(d, s, k, |d, s, k| {
        let mut file = s.file.clone();
        files::flip(d, &mut file);
        put_store(&k.store, &file, &[]);
    }) },
    Kind { name: "a page of the file from an earlier moment, swapped, zeroed or cut off", share: 5, attack: |d, s, k| on_file(d, s, k, |d, s, k| {
        let mut file = s.file.clone();
        files::pages(d, s, &mut file);
        put_store(&k.store, &file, &[]);
    }) },
    Kind { name: "a write-ahead log of another moment, cut, flipped or mixed", share: 6, attack: |d, s, k| on_file(d, s, k, |d, s, k| {
        let (file, log) = files::logs(d, s);
        put_store(&k.store, &file, &log);
    }) },
    Kind { name: "the whole file of an earlier moment", share: 1, attack: |d, s, k| on_file(d, s, k, |d, s, k| {
        put_store(&k.store, &files::earlier(d, s), &[]);
    }) },
    Kind { name: "a cell of any table edited", share: 15, attack: |d, s, k| on_rows(d, s, k, &[], Deed::Edit) },
    Kind { name: "a row of any table deleted", share: 6, attack: |d, s, k| on_rows(d, s, k, &[], Deed::Delete) },
    Kind { name: "a cell of two rows of any table swapped", share: 6, attack: |d, s, k| on_rows(d, s, k, &[], Deed::Swap) },
    Kind { name: "a row inserted into any table", share: 6, attack: |d, s, k| on_rows(d, s, k, &[], Deed::Insert) },
    Kind { name: "a projection edited", share: 5, attack: |d, s, k| on_rows(d, s, k, PROJECTIONS, Deed::Edit) },
    Kind { name: "a policy, notice or word edited", share: 3, attack: |d, s, k| on_rows(d, s, k, POLICIES, Deed::Edit) },
    Kind { name: "a checkpoint, cosignature, time-stamp or key in the file edited", share: 3, attack: |d, s, k| on_rows(d, s, k, OUTSIDERS, Deed::Edit) },
    Kind { name: "a checkpoint, cosignature, time-stamp or key in the file dropped", share: 2, attack: |d, s, k| on_rows(d, s, k, OUTSIDERS, Deed::Delete) },
    Kind { name: "the schema changed", share: 1, attack: |d, s, k| on_file(d, s, k, |d, s, k| {
        put_store(&k.store, &s.file, &[]);
        rows::attack_schema(d, &rows::open(&k.store));
    }) },
    Kind { name: "another history, gone on with from an earlier moment and signed", share: 1, attack: |d, s, k| signed(d, s, k, |d, s, k| forks::continued(d, s, &k.store)) },
    Kind { name: "another history, every link made anew and signed", share: 2, attack: |d, s, k| signed(d, s, k, |d, s, k| {
        put_store(&k.store, &s.file, &[]);
        forks::rebuilt(d, s, &rows::open(&k.store));
    }) },
    Kind { name: "the key's memory edited", share: 1, attack: |d, s, k| (Held::Beside, beside::memory(d, s, &k.store)) },
    Kind { name: "the journal of erasures edited", share: 2, attack: |d, s, k| (Held::Beside, beside::journal(d, s, &k.store)) },
    Kind { name: "an erasure certificate edited", share: 2, attack: |d, s, k| artefacts::attack(d, s, &k.handed, "erasure certificate") },
    Kind { name: "a consent receipt edited", share: 1, attack: |d, s, k| artefacts::attack(d, s, &k.handed, "consent receipt") },
    Kind { name: "an answer to a person edited", share: 2, attack: |d, s, k| artefacts::attack(d, s, &k.handed, "answer to a person") },
    Kind { name: "a report edited", share: 1, attack: |d, s, k| artefacts::attack(d, s, &k.handed, "report") },
    Kind { name: "a proof edited", share: 1, attack: |d, s, k| artefacts::attack(d, s, &k.handed, "proof") },
    Kind { name: "a proof of growth edited", share: 1, attack: |d, s, k| artefacts::attack(d, s, &k.handed, "proof of growth") },
    Kind { name: "a checkpoint edited", share: 1, attack: |d, s, k| artefacts::attack(d, s, &k.handed, "checkpoint") },
    Kind { name: "an artefact under a wrong key", share: 1, attack: |d, s, k| artefacts::wrong_key(d, s, &k.handed) },
    Kind { name: "a bundle edited, cut, or with a file more or less", share: 3, attack: |d, s, k| {
        let python = k.python.as_mut().expect("it was asked for");
        bundles::attack(d, s, python, &k.bundle)
    } },
];

/// What one thread works with.
pub struct Desk {
    folder: tempfile::TempDir,
    store: PathBuf,
    handed: PathBuf,
    bundle: PathBuf,
    python: Option<Python>,
}

impl Desk {
    fn new(scene: &Scene, python: Option<&str>) -> Desk {
        // In memory where that can be: nothing here has to outlive the machine.
        let memory = std::path::Path::new("/dev/shm");
        let folder = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a folder can be made");
        let of = |name: &str| {
            std::fs::create_dir(folder.path().join(name)).expect("the folder is new");
            folder.path().join(name)
        };
        let (store, handed, bundle) = (of("store").join("small.db"), of("handed"), of("bundle"));
        let python = python.and_then(Python::start);
        bundles::put(&bundle, &scene.bundle, &Default::default());
        Desk { store, handed, bundle, python, folder }
    }
}

/// Attacks the file as it lies there, and looks at it.
fn on_file(
    dice: &mut Dice,
    scene: &Scene,
    desk: &mut Desk,
    attack: fn(&mut Dice, &Scene, &Desk),
) -> (Held, Outcome) {
    let look = Look::draw(dice, scene);
    attack(dice, scene, desk);
    (look.held, look.at(scene, &desk.store, Power::File))
}

/// The same by somebody who has the key.
fn signed(
    dice: &mut Dice,
    scene: &Scene,
    desk: &mut Desk,
    attack: fn(&mut Dice, &Scene, &Desk),
) -> (Held, Outcome) {
    let look = Look::draw(dice, scene);
    attack(dice, scene, desk);
    let _ = std::fs::remove_file(candor::store::key_path(&desk.store));
    let _ = std::fs::remove_file(candor::store::state_path(&desk.store));
    let _ = std::fs::remove_file(candor::store::erasures_path(&desk.store));
    (look.held, look.at(scene, &desk.store, Power::FileAndKey))
}

/// Does something to one row or a few, of all tables or of some.
fn on_rows(
    dice: &mut Dice,
    scene: &Scene,
    desk: &mut Desk,
    only: &[&str],
    deed: Deed,
) -> (Held, Outcome) {
    let look = Look::draw(dice, scene);
    put_store(&desk.store, &scene.file, &[]);
    let conn = rows::open(&desk.store);
    let tables = rows::tables(&conn, only);
    for _ in 0..if dice.once_in(5) { 1 + dice.below(3) } else { 1 } {
        rows::attack(dice, &conn, &tables, deed);
    }
    drop(conn);
    (look.held, look.at(scene, &desk.store, Power::File))
}

/// What a campaign is told.
pub struct Orders {
    pub mutations: u64,
    pub seed: u64,
    pub threads: usize,
    /// The Python that looks at bundles; without one those are left out.
    pub python: Option<String>,
    /// Only this change, to look at it again.
    pub only: Option<u64>,
    /// Where the files of what was missed are put.
    pub keep: Option<PathBuf>,
}

/// Runs a campaign.
pub fn run(scene: &Scene, orders: &Orders) -> Table {
    let python = orders.python.as_deref().filter(|program| Python::start(program).is_some());
    let shares = || KINDS.iter().filter(|kind| python.is_some() || !kind.name.contains("bundle"));
    let whole: u64 = shares().map(|kind| kind.share).sum();
    let kind_of = |number: u64| {
        let mut place = number % whole;
        shares().find(|kind| match place.checked_sub(kind.share) {
            Some(rest) => {
                place = rest;
                false
            }
            None => true,
        })
    };
    let next = AtomicU64::new(orders.only.unwrap_or(0));
    let end = orders.only.map_or(orders.mutations, |only| only + 1);
    let table = Mutex::new(Table::new(orders.seed, python.is_some()));
    std::thread::scope(|scope| {
        for _ in 0..orders.threads {
            scope.spawn(|| {
                let mut desk = Desk::new(scene, python);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return;
                    }
                    let kind = kind_of(number).expect("the number is below the whole");
                    let mut dice = Dice::of(orders.seed, number);
                    let (held, outcome) = (kind.attack)(&mut dice, scene, &mut desk);
                    if let (Outcome::Missed(_), Some(keep)) = (&outcome, &orders.keep) {
                        keep_files(&desk, &keep.join(format!("missed-{number}")));
                    }
                    let mut table = table.lock().expect("no thread panics while it counts");
                    table.count(kind.name, held, number, outcome);
                }
            });
        }
    });
    table.into_inner().expect("as above")
}

fn keep_files(desk: &Desk, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("the folder can be written");
    let from = desk.store.parent().expect("a file has a folder");
    for (name, bytes) in scene::files_of(from) {
        std::fs::write(to.join(name), bytes).expect("the folder can be written");
    }
}
