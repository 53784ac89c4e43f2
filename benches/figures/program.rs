//! The program itself: how soon it answers, and how large it is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::access::Spread;
use crate::brand::Brand;
use crate::measure::{cpu_of_children, percentile};
use crate::note;
use crate::table::{Bound, Table, millis};

const STARTS: u32 = 50;

/// Wall time from the start of the program to its end, for `key show`; CPU time on average.
fn start_up(program: &Path, store: &Path, times: u32) -> Spread {
    let mut walls = Vec::new();
    let cpu_before = cpu_of_children();
    for _ in 0..times {
        let started = Instant::now();
        let output = Command::new(program).arg("--store").arg(store).args(["key", "show"]).output();
        walls.push(started.elapsed());
        assert!(output.is_ok_and(|output| output.status.success()), "the key is shown");
    }
    let cpu = (cpu_of_children() - cpu_before) / times;
    Spread { half: percentile(&mut walls, 0.5), most: percentile(&mut walls, 0.99), cpu }
}

/// The lines about the program.
pub fn lines(table: &mut Table, brand: &Brand) {
    note("start-up");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_candor"));
    let spread = start_up(&program, &brand.store, STARTS);
    table.row(
        "start to first answer (key show), p50 / p99",
        format!("{} / {}", millis(spread.half), millis(spread.most)),
        String::new(),
        format!("cpu {}", millis(spread.cpu)),
        spread.half.as_secs_f64() * 1e3,
        Bound::AtMost(10.0),
    );
    let bytes = std::fs::metadata(&program).map(|about| about.len()).unwrap_or(0) as f64;
    table.value("binary", format!("{:.1} MB", bytes / 1e6), bytes / 1e6, Bound::AtMost(16.0));
}
