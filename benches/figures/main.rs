//! Prints the table of figures: candor beside plain baselines, in one run on one machine.
//!
//! `cargo bench --bench figures -- [--size small|medium|large]` (0.1, 1 or 10 million events). CPU
//! time is what counts, since it is nearly the same on a busy machine as on an idle one; wall time
//! stands beside it. All data is made from a fixed seed in a folder that is removed at the end.

mod brand;
mod data;
mod log;
mod measure;
mod parts;
mod people;
mod plain;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use brand::{Brand, Imported};
use candor::base::error::Result;
use measure::median;
use plain::{Index, Load};
use table::{Bound, Table};

const SMALLEST: u64 = 100_000;
/// Rows whose rate is called the rate at a size.
const TAIL: u64 = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, store, file] = arguments.as_slice()
        && first == brand::CHILD
    {
        return brand::run_child(Path::new(store), Path::new(file));
    }
    let mut size = SMALLEST;
    let mut words = arguments.iter().filter(|word| *word != "--bench");
    while let Some(word) = words.next() {
        size = match (word.as_str(), words.next().map(String::as_str)) {
            ("--size", Some("small")) => SMALLEST,
            ("--size", Some("medium")) => 10 * SMALLEST,
            ("--size", Some("large")) => 100 * SMALLEST,
            _ => {
                eprintln!("usage: cargo bench --bench figures -- [--size small|medium|large]");
                std::process::exit(2);
            }
        };
    }
    let folder = tempfile::tempdir().expect("a folder for the data can be made");
    match run(folder.path(), size) {
        Ok(table) => print!("{table}"),
        Err(error) => {
            eprintln!("the figures could not be measured: {error}");
            drop(folder);
            std::process::exit(1);
        }
    }
}

/// One size, measured.
struct Round {
    brand: Brand,
    imported: Vec<Imported>,
    appended: Vec<Load>,
    indexed: Vec<Load>,
    bytes_before: u64,
    bytes_after: u64,
}

fn run(folder: &Path, size: u64) -> Result<Table> {
    let mut table = Table::new(size);
    let small = round(folder, SMALLEST, 3)?;
    let large = if size > SMALLEST { Some(round(folder, size, 1)?) } else { None };
    ingest(&mut table, &small, large.as_ref());
    let at = large.as_ref().unwrap_or(&small);
    tax(&mut table, folder, at)?;
    ledger(&mut table, folder, size)?;
    deep(&mut table, at)?;
    lookups(&mut table, &at.brand)?;
    start(&mut table, &at.brand);
    memory(&mut table, at);
    erasures(&mut table, folder, &at.brand)?;
    Ok(table)
}

/// Imports and baselines in turn, so that a busy spell of the machine meets all of them.
fn round(folder: &Path, count: u64, times: usize) -> Result<Round> {
    note(&format!("{count} events: making them"));
    let brand = Brand::write(folder, count).expect("the disk has room for the data");
    let (mut imported, mut appended, mut indexed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bytes_before, mut bytes_after) = (0, 0);
    for _ in 0..times {
        for (index, loads) in [(Index::None, &mut appended), (Index::PersonTime, &mut indexed)] {
            note(&format!("{count} events: plain SQLite, {index:?}"));
            let path = folder.join("plain.db");
            loads.push(plain::load(&path, count, TAIL, index)?);
            remove(&path);
        }
        note(&format!("{count} events: people"));
        brand.make_store()?;
        brand.import_people();
        bytes_before = brand.bytes()?;
        note(&format!("{count} events: import"));
        let one = brand.import_events();
        assert_eq!(one.events, count, "every event is admitted for one purpose at least");
        imported.push(one);
        bytes_after = brand.bytes()?;
    }
    Ok(Round { brand, imported, appended, indexed, bytes_before, bytes_after })
}

fn ingest(table: &mut Table, small: &Round, large: Option<&Round>) {
    for round in [Some(small), large].into_iter().flatten() {
        let count = round.brand.count;
        let name = millions(count);
        let ours = median(round.imported.iter().map(|one| one.whole.rate(count)).collect());
        let wall = round.imported.iter().map(|one| count as f64 / one.whole.wall.as_secs_f64());
        let raw = median(round.appended.iter().map(|load| load.whole.rate(count)).collect());
        let raw_wall =
            round.appended.iter().map(|load| count as f64 / load.whole.wall.as_secs_f64());
        let tail = TAIL.min(count);
        let slow = median(round.indexed.iter().map(|load| load.tail.rate(tail)).collect());
        let at_end = median(round.imported.iter().map(tail_rate).collect());
        let target = Bound::AtLeast(0.5);
        table.ratio(
            &format!("ingest, {name} / raw append"),
            rate(ours),
            rate(raw),
            ours / raw,
            target,
        );
        let (ours_wall, raw_wall) = (median(wall.collect()), median(raw_wall.collect()));
        table.ratio(
            "  the same, wall time",
            rate(ours_wall),
            rate(raw_wall),
            ours_wall / raw_wall,
            Bound::None,
        );
        let target = match count {
            10_000_000.. => Bound::AtLeast(8.0),
            1_000_000.. => Bound::AtLeast(2.0),
            _ => Bound::None,
        };
        table.ratio(
            &format!("ingest at {name} / insert with one index"),
            rate(at_end),
            rate(slow),
            at_end / slow,
            target,
        );
        let bytes = (round.bytes_after - round.bytes_before) as f64 / count as f64;
        let plain = round.indexed.last().map_or(0.0, |load| load.bytes as f64 / count as f64);
        table.row(
            &format!("bytes per event, {name}"),
            format!("{bytes:.0} B"),
            format!("{plain:.0} B"),
            format!("{:.2}", bytes / plain),
            bytes,
            Bound::AtMost(160.0),
        );
    }
    if let Some(large) = large {
        let before = median(small.imported.iter().map(tail_rate).collect());
        let after = median(large.imported.iter().map(tail_rate).collect());
        let name = format!("growth: ingest at {} / at 0.1 M", millions(large.brand.count));
        table.ratio(&name, rate(after), rate(before), after / before, Bound::AtLeast(0.9));
    }
}

fn tail_rate(imported: &Imported) -> f64 {
    imported.tail_rows as f64 / imported.tail_cpu.as_secs_f64()
}

fn tax(table: &mut Table, folder: &Path, round: &Round) -> Result<()> {
    note("the parts of an import");
    let count = round.brand.count;
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / count as f64;
    let full = median(round.imported.iter().map(|one| each(one.whole.cpu)).collect());
    let parse = each(parts::parse(&round.brand)?.cpu);
    let gate = each(parts::gate(&round.brand)?.cpu);
    let ledger = each(parts::ledger(&round.brand).cpu);
    let path = folder.join("rollup.db");
    let rollup = each(parts::rollup(&path, count)?.cpu);
    remove(&path);
    for (name, took) in
        [("parse and map", parse), ("gate", gate), ("ledger", ledger), ("rollup", rollup)]
    {
        table.row(
            &format!("part of an import: {name}"),
            format!("{took:.2} us"),
            format!("{full:.2} us"),
            format!("{:.2}", took / full),
            0.0,
            Bound::None,
        );
    }
    let without = full - gate - ledger - rollup;
    table.ratio(
        "tax of gate + ledger + rollup (from the parts)",
        format!("{full:.2} us"),
        format!("{without:.2} us"),
        without / full,
        Bound::AtLeast(0.75),
    );
    Ok(())
}

/// All that a store of events holds, against the ledger.
fn deep(table: &mut Table, at: &Round) -> Result<()> {
    note("verify --deep");
    let (ours, theirs) = log::deep(&at.brand.store, &at.brand.events_file)?;
    table.ratio(
        &format!("verify --deep, {} events / sha256sum of their file", millions(at.brand.count)),
        millis(ours),
        millis(theirs),
        theirs.as_secs_f64() / ours.as_secs_f64(),
        Bound::AtLeast(1.0),
    );
    Ok(())
}

fn ledger(table: &mut Table, folder: &Path, size: u64) -> Result<()> {
    note("the ledger");
    let figures = log::measure(folder, size)?;
    let entries = figures.size;
    let rates = [figures.verify, figures.scan, figures.naive].map(|spent| spent.rate(entries));
    let [verify, scan, naive] = rates;
    let name = format!("verify, {} entries", millions(entries));
    let target = Bound::AtLeast(0.4);
    table.ratio(&format!("{name} / bare scan"), rate(verify), rate(scan), verify / scan, target);
    let target = Bound::AtLeast(1.8);
    table.ratio(&format!("{name} / naive"), rate(verify), rate(naive), verify / naive, target);
    if let Some(openssl) = figures.openssl {
        let name = format!("{name} / openssl's hashes of leaves");
        table.ratio(&name, rate(verify), rate(openssl), verify / openssl, Bound::None);
    }
    let two = figures.verify_by_one.as_secs_f64() / figures.verify_by_two.as_secs_f64();
    table.ratio(
        "verify by two threads / by one (wall time)",
        millis(figures.verify_by_two),
        millis(figures.verify_by_one),
        two,
        Bound::AtLeast(1.7),
    );
    for (name, (cpu, most)) in
        [("inclusion", figures.inclusion), ("consistency", figures.consistency)]
    {
        table.row(
            &format!("{name} proof at {}, CPU / wall p99", millions(entries)),
            format!("{} / {}", millis(cpu), millis(most)),
            String::new(),
            String::new(),
            cpu.as_secs_f64() * 1e3,
            Bound::AtMost(2.0),
        );
    }
    Ok(())
}

fn lookups(table: &mut Table, brand: &Brand) -> Result<()> {
    note("subject access");
    let warm = people::warm(brand, 1000)?;
    let cold = people::cold(brand, 100)?;
    for (name, spread, target) in [("warm", Some(warm), 5.0), ("cold", cold, 25.0)] {
        let Some(spread) = spread else { continue };
        table.row(
            &format!("subject access, {} people, {name} p50 / p99", millions(brand.people)),
            format!("{} / {}", millis(spread.half), millis(spread.most)),
            String::new(),
            format!("cpu {}", millis(spread.cpu)),
            spread.most.as_secs_f64() * 1e3,
            Bound::AtMost(target),
        );
    }
    Ok(())
}

fn start(table: &mut Table, brand: &Brand) {
    note("start-up");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_candor"));
    let spread = people::start_up(&program, &brand.store, 50);
    table.row(
        "start to first answer (key show), p50 / p99",
        format!("{} / {}", millis(spread.half), millis(spread.most)),
        String::new(),
        format!("cpu {}", millis(spread.cpu)),
        spread.half.as_secs_f64() * 1e3,
        Bound::AtMost(10.0),
    );
    let bytes = std::fs::metadata(&program).map(|about| about.len()).unwrap_or(0) as f64;
    let value = format!("{:.1} MB", bytes / 1e6);
    table.row("binary", value, String::new(), String::new(), bytes / 1e6, Bound::AtMost(16.0));
}

fn memory(table: &mut Table, round: &Round) {
    let peak = round.imported.iter().map(|one| one.peak).max().unwrap_or(0) as f64 / 1e6;
    table.row(
        &format!("peak memory of an import, {} people", millions(round.brand.people)),
        format!("{peak:.0} MB"),
        String::new(),
        String::new(),
        peak,
        Bound::AtMost(100.0),
    );
}

fn erasures(table: &mut Table, folder: &Path, brand: &Brand) -> Result<()> {
    note("erasures");
    let times = if brand.count > 10 * SMALLEST { 20 } else { 200 };
    let done = people::erasures(brand, folder, times)?;
    let fsync = format!("{} / {}", millis(done.fsync.half), millis(done.fsync.most));
    let p99 = |spread: &people::Spread| spread.most.as_secs_f64() / done.fsync.most.as_secs_f64();
    for (name, spread, target) in [
        ("erasure of one, p50 / p99, of fsync", &done.whole, Bound::AtMost(8.0)),
        ("  its transaction and truncation", &done.rest, Bound::AtMost(8.0)),
        ("  its look at the raw file", &done.look, Bound::None),
    ] {
        table.row(
            name,
            format!("{} / {}", millis(spread.half), millis(spread.most)),
            fsync.clone(),
            format!("{:.1}", p99(spread)),
            p99(spread),
            target,
        );
    }
    table.row(
        &format!("ghosts of {} erased people ({} patterns)", done.count, done.ghosts.looked_for),
        done.ghosts.found.to_string(),
        String::new(),
        String::new(),
        done.ghosts.found as f64,
        Bound::AtMost(0.0),
    );
    Ok(())
}

fn note(what: &str) {
    eprintln!("… {what}");
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut file = path.to_owned().into_os_string();
        file.push(end);
        let _ = std::fs::remove_file(file);
    }
}

fn rate(rate: f64) -> String {
    format!("{:.0} k/s", rate / 1e3)
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn millions(count: u64) -> String {
    let text = format!("{:.2}", count as f64 / 1e6);
    format!("{} M", text.trim_end_matches('0').trim_end_matches('.'))
}
