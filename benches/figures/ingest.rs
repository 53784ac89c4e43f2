//! The lines about taking in: rate, growth, bytes, memory, and what gate, ledger and rollups cost.
//!
//! Imports and baselines run in turn, so that a busy spell of the machine meets all of them.

use std::path::Path;
use std::time::Duration;

use candor::base::error::Result;

use crate::brand::{Brand, Imported};
use crate::measure::median;
use crate::plain::{self, Index, Load};
use crate::table::{Bound, Table, millions, rate};
use crate::{note, parts, remove};

/// Events of the smallest size.
pub const SMALLEST: u64 = 100_000;
/// Rows whose rate is called the rate at a size.
const TAIL: u64 = 100_000;

/// One size, measured.
pub struct Round {
    /// The brand, with its store full.
    pub brand: Brand,
    people: Imported,
    imported: Vec<Imported>,
    appended: Vec<Load>,
    indexed: Vec<Load>,
    bytes_before: u64,
    bytes_after: u64,
}

/// Measures the smallest size and the one that was asked for.
pub fn measure(table: &mut Table, folder: &Path, size: u64) -> Result<Vec<Round>> {
    let mut rounds = vec![round(folder, SMALLEST, 3)?];
    if size > SMALLEST {
        rounds.push(round(folder, size, 1)?);
    }
    rounds.iter().for_each(|round| lines(table, round));
    if let [small, large] = rounds.as_slice() {
        let before = median(small.imported.iter().map(tail_rate).collect());
        let after = median(large.imported.iter().map(tail_rate).collect());
        let name = format!("growth: ingest at {} / at 0.1 M", millions(size));
        table.ratio(&name, rate(after), rate(before), after / before, Bound::AtLeast(0.9));
    }
    Ok(rounds)
}

fn round(folder: &Path, count: u64, times: usize) -> Result<Round> {
    note(&format!("{count} events: making them"));
    let brand = Brand::write(folder, count).expect("the disk has room for the data");
    let (mut imported, mut appended, mut indexed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut people, mut bytes_before, mut bytes_after) = (None, 0, 0);
    for _ in 0..times {
        for (index, loads) in [(Index::None, &mut appended), (Index::PersonTime, &mut indexed)] {
            note(&format!("{count} events: plain SQLite, {index:?}"));
            let path = folder.join("plain.db");
            loads.push(plain::load(&path, count, TAIL, index)?);
            remove(&path);
        }
        note(&format!("{count} events: people"));
        brand.make_store()?;
        people = Some(brand.import_people());
        bytes_before = brand.bytes()?;
        note(&format!("{count} events: import"));
        imported.push(brand.import_events());
        bytes_after = brand.bytes()?;
    }
    brand.keep()?;
    let people = people.expect("there was a time at least");
    Ok(Round { brand, people, imported, appended, indexed, bytes_before, bytes_after })
}

fn lines(table: &mut Table, round: &Round) {
    let count = round.brand.count;
    let name = millions(count);
    let wall = |wall: Duration| count as f64 / wall.as_secs_f64();
    let of_all =
        |each: &dyn Fn(&Imported) -> f64| median(round.imported.iter().map(each).collect());
    let of_raw = |each: &dyn Fn(&Load) -> f64| median(round.appended.iter().map(each).collect());
    let (ours, raw) = (of_all(&|one| one.whole.rate(count)), of_raw(&|one| one.whole.rate(count)));
    let line = format!("ingest, {name} / raw append");
    table.ratio(&line, rate(ours), rate(raw), ours / raw, Bound::AtLeast(0.5));
    let (ours, raw) = (of_all(&|one| wall(one.whole.wall)), of_raw(&|one| wall(one.whole.wall)));
    table.ratio("  the same, wall time", rate(ours), rate(raw), ours / raw, Bound::None);
    let target = match count {
        10_000_000.. => Bound::AtLeast(8.0),
        1_000_000.. => Bound::AtLeast(2.0),
        _ => Bound::None,
    };
    let slow = median(round.indexed.iter().map(|load| load.tail.rate(TAIL.min(count))).collect());
    let at_end = of_all(&tail_rate);
    let line = format!("ingest at {name} / insert with one index");
    table.ratio(&line, rate(at_end), rate(slow), at_end / slow, target);
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
    let people = millions(round.brand.people);
    for (what, peak) in [
        ("events", round.imported.iter().map(|one| one.peak).max().unwrap_or(0)),
        ("people", round.people.peak),
    ] {
        let megabytes = peak as f64 / 1e6;
        let line = format!("peak memory of an import of {what}, {people} people");
        table.value(&line, format!("{megabytes:.0} MB"), megabytes, Bound::AtMost(100.0));
    }
}

fn tail_rate(imported: &Imported) -> f64 {
    imported.tail_rows as f64 / imported.tail_cpu.as_secs_f64()
}

/// What gate, ledger and rollups cost, from the parts of an import. All of them are measured in this
/// run, beside one more import of the same events into the same people.
pub fn tax(table: &mut Table, folder: &Path, brand: &Brand) -> Result<()> {
    note("the parts of an import");
    let count = brand.count;
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / count as f64;
    let other = brand.with_store(folder.join("tax.db"));
    other.make_store()?;
    other.import_people();
    let full = each(other.import_events().whole.cpu);
    let parse = each(parts::parse(&other)?.cpu);
    let gate = each(parts::gate(&other)?.cpu);
    let ledger = each(parts::ledger(&other).cpu);
    let path = folder.join("rollup.db");
    let rollup = each(parts::rollup(&path, count)?.cpu);
    remove(&path);
    other.remove_store();
    for (name, took) in
        [("parse and map", parse), ("gate", gate), ("ledger", ledger), ("rollup", rollup)]
    {
        let line = format!("part of an import: {name}");
        let (ours, all) = (format!("{took:.2} us"), format!("{full:.2} us"));
        table.ratio(&line, ours, all, took / full, Bound::None);
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
