//! The table that is printed: figure, candor, baseline, ratio, target, reached or not.

use std::fmt;
use std::time::Duration;

/// What a figure has to be.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
    /// No target is set.
    None,
}

/// Rows, in the order in which they were measured.
pub struct Table {
    size: u64,
    rows: Vec<[String; 6]>,
    skipped: Vec<String>,
}

impl Table {
    /// An empty table for runs with this many events.
    pub fn new(size: u64) -> Table {
        let head = ["figure", "candor", "baseline", "ratio", "target", "reached"];
        Table { size, rows: vec![head.map(str::to_owned)], skipped: Vec::new() }
    }

    /// Adds a figure whose target is a ratio.
    pub fn ratio(&mut self, name: &str, ours: String, theirs: String, ratio: f64, bound: Bound) {
        self.row(name, ours, theirs, format!("{ratio:.2}"), ratio, bound);
    }

    /// Adds a figure that has no baseline.
    pub fn value(&mut self, name: &str, ours: String, value: f64, bound: Bound) {
        self.row(name, ours, String::new(), String::new(), value, bound);
    }

    /// Adds a figure; `value` is what the target is about.
    pub fn row(
        &mut self,
        name: &str,
        ours: String,
        theirs: String,
        ratio: String,
        value: f64,
        bound: Bound,
    ) {
        let (target, reached) = match bound {
            Bound::AtLeast(least) => (format!(">= {least}"), yes_no(value >= least)),
            Bound::AtMost(most) => (format!("<= {most}"), yes_no(value <= most)),
            Bound::None => (String::new(), ""),
        };
        self.rows.push([name.to_owned(), ours, theirs, ratio, target, reached.to_owned()]);
    }

    /// Says that something was not measured, and why.
    pub fn skip(&mut self, what: &str, why: &str) {
        self.skipped.push(format!("skipped: {what}: {why}"));
    }
}

fn yes_no(reached: bool) -> &'static str {
    if reached { "yes" } else { "no" }
}

/// A rate in thousands a second.
pub fn rate(rate: f64) -> String {
    format!("{:.0} k/s", rate / 1e3)
}

/// A time in milliseconds.
pub fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// A count in millions.
pub fn millions(count: u64) -> String {
    let text = format!("{:.2}", count as f64 / 1e6);
    format!("{} M", text.trim_end_matches('0').trim_end_matches('.'))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} events; rates and parts in CPU time where nothing else is said\n",
            self.size
        )?;
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            writeln!(f, "| {} |", cells.join(" | "))?;
            if index == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                writeln!(f, "| {} |", rule.join(" | "))?;
            }
        }
        for skipped in &self.skipped {
            writeln!(f, "\n{skipped}")?;
        }
        Ok(())
    }
}
