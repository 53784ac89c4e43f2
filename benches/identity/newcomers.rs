//! Newcomers against a run: what they find, and how long one takes.
//!
//! `cargo bench --bench newcomers -- [--records N | FILE.csv LABELS.csv]`, with the columns of the
//! labelled sets; without a file, 50,000 made-up records. Seven of eight records are imported and
//! linked by a run; the rest come in after it, the first thousand of them one at a time and timed. What
//! came of it is measured against the labels, beside one run over all of them. At last joins are taken
//! back.

// Each program uses its own part of them.
#[allow(dead_code)]
mod generate;
#[allow(dead_code)]
#[path = "../figures/measure.rs"]
mod measure;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::collect::{Progress, Reject};
use candor::linking::{self, newcomers};
use candor::pipeline::ask::Explanation;
use candor::pipeline::import::{Carry, Listener, Request, import};
use candor::policy;
use candor::profile::lookup;
use candor::profile::merge::{self, Decider};
use candor::profile::pack::keep_dictionary;
use candor::profile::read::open_records;
use candor::store::{self, Access, Creation, Store};

use measure::{Spent, percentile};

/// How many newcomers are timed.
const TIMED: usize = 1_000;

/// How many profiles are split, and how many records each of their two halves has.
const SPLIT: usize = 40;
const HALF: usize = 10;

const POLICY: &str = r#"
[controller]
name = "Figures"
country = "IE"
timezone = "Europe/Dublin"
contact = "privacy@figures.example"
[category.contact]
title = "All that is compared"
[purpose.one_profile]
title = "Find out which records are one person's"
basis = "legitimate_interests"
assessment = "LIA-1"
categories = ["contact"]
retention = "P50Y"
linking = true
[source.all]
title = "All"
key = "record_id"
purposes = ["one_profile"]
[source.all.fields]
"#;

struct Quiet;

impl Listener for Quiet {
    fn progress(&mut self, _: Progress) {}
    fn reject(&mut self, reject: &Reject, _: Option<&[u8]>) -> Result<()> {
        panic!("a row was rejected: {}", reject.reason);
    }
    fn explain(&mut self, _: Explanation) {}
}

struct World {
    store: Store,
    rules: policy::rulebook::Rulebook,
    folder: PathBuf,
    header: String,
}

impl World {
    fn new(folder: &Path, name: &str, header: &str) -> World {
        let path = folder.join(name);
        let creation = Creation { path: &path, origin: None, now: Moment::now(), actor: "figures" };
        drop(Store::create(&creation).expect("a store is made"));
        let mut store = Store::open(&path, Access::Write, "figures").expect("it opens");
        let mut text = POLICY.to_owned();
        for column in header.split(',').filter(|c| !["record_id", "source"].contains(c)) {
            text +=
                &format!("{column} = {{ as = \"attribute.{column}\", category = \"contact\" }}\n");
        }
        let checked = policy::check(&text).expect("the policy is right");
        store
            .write(Moment::now(), |writer| {
                keep_dictionary(writer.conn, &checked.policy)?;
                store::apply(writer, &text, &checked.policy)
            })
            .expect("it is applied");
        let rules = store::latest(store.conn(), store.words()).expect("it is in force");
        World { store, rules, folder: folder.to_owned(), header: header.to_owned() }
    }

    fn import(&mut self, rows: &[String]) {
        let path = self.folder.join("rows.csv");
        let mut text = format!("{}\n", self.header);
        rows.iter().for_each(|row| {
            text += row;
            text.push('\n');
        });
        std::fs::write(&path, text).expect("the rows are written");
        let request = Request { path: &path, source: "all", carry: Carry::Again };
        import(&mut self.store, &request, &Moment::now, &mut Quiet).expect("they are imported");
    }

    /// The records of each profile, by their keys.
    fn profiles(&self) -> HashMap<String, i64> {
        let mut profiles = HashMap::new();
        let conn = self.store.conn();
        let mut statement = conn.prepare("SELECT DISTINCT subject FROM record").expect("SQL");
        let subjects = statement.query_map([], |row| row.get::<_, i64>(0)).expect("subjects");
        for subject in subjects.map(|subject| subject.expect("a subject")) {
            for record in open_records(conn, self.store.words(), subject).expect("records") {
                profiles.insert(record.source_key, subject);
            }
        }
        profiles
    }
}

/// B-cubed precision and recall, and precision and recall of pairs within profiles.
fn quality(profiles: &HashMap<String, i64>, labels: &HashMap<String, String>) -> [f64; 4] {
    let mut both: HashMap<(i64, &str), u64> = HashMap::new();
    let mut ours: HashMap<i64, u64> = HashMap::new();
    let mut theirs: HashMap<&str, u64> = HashMap::new();
    for (key, profile) in profiles {
        let entity = labels[key].as_str();
        *both.entry((*profile, entity)).or_default() += 1;
        *ours.entry(*profile).or_default() += 1;
        *theirs.entry(entity).or_default() += 1;
    }
    let (mut precision, mut recall) = (0.0, 0.0);
    for ((profile, entity), n) in &both {
        let n = *n as f64;
        precision += n * n / ours[profile] as f64;
        recall += n * n / theirs[entity] as f64;
    }
    let pairs = |counts: &mut dyn Iterator<Item = u64>| -> f64 {
        counts.map(|n| (n * (n - 1) / 2) as f64).sum::<f64>().max(1.0)
    };
    let right = pairs(&mut both.values().copied());
    [
        precision / profiles.len() as f64,
        recall / profiles.len() as f64,
        right / pairs(&mut ours.values().copied()),
        right / pairs(&mut theirs.values().copied()),
    ]
}

fn f1(precision: f64, recall: f64) -> f64 {
    2.0 * precision * recall / (precision + recall)
}

fn say_quality(name: &str, profiles: &HashMap<String, i64>, labels: &HashMap<String, String>) {
    let [bp, br, pp, pr] = quality(profiles, labels);
    println!("| {name} | {:.4} | {pp:.4} | {pr:.4} | {:.4} |", f1(bp, br), f1(pp, pr));
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let (set, labels) = match &args[..] {
        [set, labels] if set != "--records" => (
            std::fs::read_to_string(set).expect("the set is read"),
            std::fs::read_to_string(labels).expect("the labels are read"),
        ),
        _ => {
            let records = match &args[..] {
                [_, records] => records.parse().expect("--records takes a number"),
                _ => 50_000,
            };
            generate::generate(&generate::Kind { records, slips: 0.03, seed: 1 })
        }
    };
    let labels: HashMap<String, String> = labels
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(','))
        .map(|(record, entity)| (record.to_owned(), entity.to_owned()))
        .collect();
    let mut lines = set.lines().map(str::to_owned);
    let header = lines.next().expect("a header");
    let rows: Vec<String> = lines.collect();
    let (mut known, mut late) = (Vec::new(), Vec::new());
    for (at, row) in rows.iter().enumerate() {
        if at % 8 == 7 { late.push(row.clone()) } else { known.push(row.clone()) }
    }
    let folder = std::env::temp_dir().join(format!("candor-newcomers-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder to work in");

    let mut world = World::new(&folder, "late.candor", &header);
    world.import(&known);
    let before = size(&folder.join("late.candor"));
    let (done, spent) =
        Spent::of(|| linking::run(&mut world.store, &world.rules, Moment::now()).expect("a run"));
    world.store.truncate_wal().expect("the log is emptied");
    println!(
        "{} records, a run over {}: {:.1} s CPU, {} joined, {} questions; the file {} MB before and {} MB after",
        rows.len(),
        known.len(),
        spent.cpu.as_secs_f64(),
        done.joined,
        done.asked,
        before / 1_000_000,
        size(&folder.join("late.candor")) / 1_000_000,
    );
    let mut took: Vec<Spent> = Vec::new();
    let timed = late.len().min(TIMED);
    for row in &late[..timed] {
        world.import(std::slice::from_ref(row));
        let (received, spent) = Spent::of(|| {
            newcomers::receive(&mut world.store, &world.rules, &Moment::now).expect("received")
        });
        assert_eq!(received.newcomers, 1);
        took.push(spent);
    }
    let mut walls: Vec<_> = took.iter().map(|spent| spent.wall).collect();
    let cpu: f64 = took.iter().map(|spent| spent.cpu.as_secs_f64()).sum::<f64>() / timed as f64;
    println!(
        "a newcomer, one commit each: p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms by the clock; {:.2} ms CPU on average",
        percentile(&mut walls, 0.5).as_secs_f64() * 1e3,
        percentile(&mut walls, 0.95).as_secs_f64() * 1e3,
        percentile(&mut walls, 0.99).as_secs_f64() * 1e3,
        cpu * 1e3,
    );
    for rows in late[timed..].chunks(TIMED) {
        world.import(rows);
        let (_, spent) = Spent::of(|| {
            newcomers::receive(&mut world.store, &world.rules, &Moment::now).expect("received")
        });
        took.push(spent);
    }
    println!("\n| profiles by | B³ F1 | pair precision | pair recall | pair F1 |");
    println!("|---|---|---|---|---|");
    say_quality("a run, then newcomers", &world.profiles(), &labels);
    let mut whole = World::new(&folder, "whole.candor", &header);
    whole.import(&rows);
    linking::run(&mut whole.store, &whole.rules, Moment::now()).expect("a run");
    say_quality("one run over all", &whole.profiles(), &labels);
    drop(whole);
    println!();
    take_joins_back(&mut world);
    drop(world);
    std::fs::remove_dir_all(&folder).expect("the folder is removed");
}

/// Splits profiles of twenty records into the two of ten that a person had joined, and lets linking look at
/// each of the twenty anew.
fn take_joins_back(world: &mut World) {
    let mut subjects = lookup::live_subjects(world.store.conn()).expect("subjects").into_iter();
    let (mut splits, mut looks) = (Vec::new(), Vec::new());
    while splits.len() < SPLIT {
        let mut halves: Vec<i64> = Vec::new();
        while halves.len() < 2 {
            let (mut whole, mut records) = (None, 0);
            while records < HALF {
                let Some(next) = subjects.next() else { return };
                let more = lookup::records_of(world.store.conn(), next).expect("records").len();
                if records + more > HALF {
                    continue;
                }
                let into = *whole.get_or_insert(next);
                if into != next {
                    join(world, next, into);
                }
                records += more;
            }
            halves.extend(whole);
        }
        join(world, halves[1], halves[0]);
        let receive = |world: &mut World| {
            newcomers::receive(&mut world.store, &world.rules, &Moment::now).expect("received")
        };
        receive(world);
        let merge = lookup::merges_into(world.store.conn(), halves[0]).expect("merges")[0];
        let (_, spent) = Spent::of(|| {
            world
                .store
                .write(Moment::now(), |writer| merge::split(writer, &merge))
                .expect("a split")
        });
        splits.push(spent.wall);
        let (received, spent) = Spent::of(|| receive(world));
        assert_eq!(received.newcomers, 2 * HALF as u64);
        looks.push(spent.wall);
    }
    let ms = |walls: &mut [Duration], part| percentile(walls, part).as_secs_f64() * 1e3;
    println!(
        "a profile of {} records split in two, its commit included: p50 {:.2} ms, p95 {:.2} ms; its records \
         compared anew: p50 {:.2} ms, p95 {:.2} ms",
        2 * HALF,
        ms(&mut splits, 0.5),
        ms(&mut splits, 0.95),
        ms(&mut looks, 0.5),
        ms(&mut looks, 0.95),
    );
}

fn join(world: &mut World, from: i64, into: i64) {
    let joined =
        world.store.write(Moment::now(), |writer| merge::join(writer, from, into, Decider::Person));
    joined.expect("a join");
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}
