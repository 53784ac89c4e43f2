//! A store of the made-up brand, and imports into it in a process of their own.
//!
//! An import is measured in a child process, so that its memory and its CPU time are its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::collect::{Progress, Reject};
use candor::pipeline::ask::Explanation;
use candor::pipeline::import::{Carry, Listener, Request, import};
use candor::policy::check;
use candor::profile::pack::keep_dictionary;
use candor::store::{Access, Creation, Store, apply};

use crate::data::{self, POLICY};
use crate::measure::{Spent, cpu, peak_memory};
use crate::note;

/// The first argument of the child that imports.
pub const CHILD: &str = "--import-as-child";
/// The source.
pub const SOURCE: &str = "shop";

/// The files of a brand with some number of events.
#[derive(Clone)]
pub struct Brand {
    /// The events it has.
    pub count: u64,
    /// The people who did them.
    pub people: u64,
    /// The store.
    pub store: PathBuf,
    people_file: PathBuf,
    minds_file: PathBuf,
    /// The file of events.
    pub events_file: PathBuf,
}

/// What an import took.
#[derive(Clone, Copy, Debug)]
pub struct Imported {
    /// All of it.
    pub whole: Spent,
    /// CPU time of the last rows.
    pub tail_cpu: Duration,
    /// How many those were.
    pub tail_rows: u64,
    /// The most memory it held (bytes).
    pub peak: u64,
    /// Events that were taken in.
    pub events: u64,
}

impl Brand {
    /// Writes the files of a brand.
    pub fn write(folder: &Path, count: u64) -> std::io::Result<Brand> {
        let brand = Brand::named(folder, count);
        data::write_people(&brand.people_file, &brand.minds_file, count)?;
        data::write_events(&brand.events_file, count)?;
        Ok(brand)
    }

    /// The brand in a folder, with its store full: as an earlier run left it there, or made now.
    pub fn in_folder(folder: &Path, count: u64) -> Result<Brand> {
        let brand = Brand::named(folder, count);
        if !brand.whole().exists() {
            note(&format!("{count} events: making and importing them"));
            Brand::write(folder, count).expect("the disk has room for the data");
            brand.make_store()?;
            brand.import_people();
            brand.import_events();
            brand.keep()?;
        }
        Ok(brand)
    }

    fn named(folder: &Path, count: u64) -> Brand {
        Brand {
            count,
            people: data::people(count),
            store: folder.join(format!("store-{count}.db")),
            people_file: folder.join(format!("people-{count}.ndjson")),
            minds_file: folder.join(format!("minds-{count}.ndjson")),
            events_file: folder.join(format!("events-{count}.ndjson")),
        }
    }

    /// The same brand with another store.
    pub fn with_store(&self, store: PathBuf) -> Brand {
        Brand { store, ..self.clone() }
    }

    /// Says, for the next run in this folder, that the store is full.
    pub fn keep(&self) -> Result<()> {
        self.open()?.truncate_wal()?;
        std::fs::write(self.whole(), "").expect("the folder can be written");
        Ok(())
    }

    fn whole(&self) -> PathBuf {
        self.store.with_extension("whole")
    }

    /// Removes the store with its side files.
    pub fn remove_store(&self) {
        let _ = std::fs::remove_file(self.whole());
        for end in ["", "-wal", "-shm", ".key", ".key.state", ".key.erasures"] {
            let mut file = self.store.clone().into_os_string();
            file.push(end);
            let _ = std::fs::remove_file(file);
        }
    }

    /// Makes an empty store with the policy in force.
    pub fn make_store(&self) -> Result<()> {
        self.remove_store();
        let mut store = Store::create(&Creation {
            path: &self.store,
            origin: Some("candor.example/figures"),
            now: Moment::now(),
            actor: "figures",
        })?;
        let checked = check(POLICY).expect("the policy of the figures has no mistakes");
        store.write(Moment::now(), |writer| {
            keep_dictionary(writer.conn, &checked.policy)?;
            apply(writer, POLICY, &checked.policy)
        })?;
        Ok(())
    }

    /// Imports the people, and then what they said later: in a transaction of its own, since DuckDB's
    /// as-of join can't tell what came before what at one moment.
    pub fn import_people(&self) -> Imported {
        let imported = import_as_child(&self.store, &self.people_file);
        import_as_child(&self.store, &self.minds_file);
        imported
    }

    /// Imports the events.
    pub fn import_events(&self) -> Imported {
        let imported = import_as_child(&self.store, &self.events_file);
        assert_eq!(imported.events, self.count, "every event is admitted for one purpose at least");
        imported
    }

    /// Opens the store.
    pub fn open(&self) -> Result<Store> {
        Store::open(&self.store, Access::Write, "figures")
    }

    /// The size of the store's file once its write-ahead log is emptied.
    pub fn bytes(&self) -> Result<u64> {
        self.open()?.truncate_wal()?;
        Ok(std::fs::metadata(&self.store).map(|about| about.len()).unwrap_or(0))
    }
}

fn import_as_child(store: &Path, file: &Path) -> Imported {
    let own = std::env::current_exe().expect("a program knows its own file");
    let output = Command::new(own)
        .arg(CHILD)
        .args([store, file])
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("a child can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [cpu, wall, tail_cpu, tail_rows, peak, events] = numbers[..] else {
        panic!("the import failed: {text}");
    };
    Imported {
        whole: Spent { cpu: Duration::from_nanos(cpu), wall: Duration::from_nanos(wall) },
        tail_cpu: Duration::from_nanos(tail_cpu),
        tail_rows,
        peak,
        events,
    }
}

/// CPU time at the end of each batch.
struct Batches(Vec<(u64, Duration)>);

impl Listener for Batches {
    fn progress(&mut self, progress: Progress) {
        self.0.push((progress.rows, cpu()));
    }

    fn reject(&mut self, reject: &Reject, _: Option<&[u8]>) -> Result<()> {
        panic!("a row of the figures was rejected: {}", reject.reason);
    }

    fn explain(&mut self, _: Explanation) {}
}

/// What the child does: imports, and prints nanoseconds, rows and bytes as plain numbers.
pub fn run_child(store: &Path, file: &Path) {
    let mut store = Store::open(store, Access::Write, "figures").expect("the store opens");
    let request = Request { path: file, source: SOURCE, carry: Carry::Out };
    let mut batches = Batches(vec![(0, cpu())]);
    let (outcome, spent) =
        Spent::of(|| import(&mut store, &request, &Moment::now, &mut batches).expect("it imports"));
    let (rows, ended) = *batches.0.last().expect("there is at least the start");
    let tail = batches.0.iter().rev().find(|(row, _)| row + 100_000 <= rows);
    let (first, began) = *tail.unwrap_or(&batches.0[0]);
    println!(
        "{} {} {} {} {} {}",
        spent.cpu.as_nanos(),
        spent.wall.as_nanos(),
        (ended - began).as_nanos(),
        rows - first,
        peak_memory(),
        outcome.summary.events_new,
    );
}
