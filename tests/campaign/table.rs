//! What a campaign came to, as a table: kinds of changes by what the auditor holds.

use std::collections::BTreeMap;
use std::fmt;

use super::{Held, KINDS, Outcome};

/// The counts.
pub struct Table {
    seed: u64,
    bundles: bool,
    rows: BTreeMap<(usize, Held), Counts>,
    /// How often each reason was met why something can't be found.
    pub reasons: BTreeMap<&'static str, u64>,
    /// What was missed, with the number of the change.
    pub missed: Vec<(u64, &'static str, Held, String)>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    found: u64,
    unreadable: u64,
    nothing: u64,
    not_found: u64,
    missed: u64,
}

impl Counts {
    fn all(self) -> u64 {
        self.found + self.unreadable + self.nothing + self.not_found + self.missed
    }
}

impl Table {
    pub fn new(seed: u64, bundles: bool) -> Table {
        let (rows, reasons) = (BTreeMap::new(), BTreeMap::new());
        Table { seed, bundles, rows, reasons, missed: Vec::new() }
    }

    pub fn count(&mut self, kind: &'static str, held: Held, number: u64, outcome: Outcome) {
        let place = KINDS.iter().position(|k| k.name == kind).expect("one of them");
        let counts = self.rows.entry((place, held)).or_default();
        match outcome {
            Outcome::Found => counts.found += 1,
            Outcome::Unreadable => counts.unreadable += 1,
            Outcome::NothingClaimed => counts.nothing += 1,
            Outcome::NotFound(why) => {
                counts.not_found += 1;
                *self.reasons.entry(why).or_default() += 1;
            }
            Outcome::Missed(what) => {
                counts.missed += 1;
                self.missed.push((number, kind, held, what));
            }
        }
    }

    /// How many changes were counted.
    pub fn all(&self) -> u64 {
        self.rows.values().map(|counts| counts.all()).sum()
    }

    /// The kinds that were met, with how many of their changes were found or unreadable.
    pub fn found_by_kind(&self) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        for ((place, _), counts) in &self.rows {
            *all.entry(KINDS[*place].name).or_default() += counts.found + counts.unreadable;
        }
        all
    }
}

fn words(held: Held) -> &'static str {
    match held {
        Held::File => "the file",
        Held::Kept => "file, key, a kept checkpoint",
        Held::Beside => "file, what lies beside the key",
        Held::Artefact => "it and the key",
        Held::ArtefactAndWitness => "it, the key, the witness's key",
        Held::Bundle => "the bundle and the key",
        Held::BundleAndWitness => "the bundle, the key, the witness's key",
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} changes, seed {}\n", self.all(), self.seed)?;
        writeln!(
            f,
            "| change | the auditor holds | changes | found | unreadable | nothing claimed | not found | missed |"
        )?;
        writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        let mut whole = Counts::default();
        for ((place, held), counts) in &self.rows {
            let Counts { found, unreadable, nothing, not_found, missed } = *counts;
            let (name, holds, all) = (KINDS[*place].name, words(*held), counts.all());
            writeln!(
                f,
                "| {name} | {holds} | {all} | {found} | {unreadable} | {nothing} | {not_found} | {missed} |"
            )?;
            whole.found += found;
            whole.unreadable += unreadable;
            whole.nothing += nothing;
            whole.not_found += not_found;
            whole.missed += missed;
        }
        let Counts { found, unreadable, nothing, not_found, missed } = whole;
        writeln!(
            f,
            "| **all** | | {} | {found} | {unreadable} | {nothing} | {not_found} | {missed} |",
            whole.all()
        )?;
        if !self.bundles {
            writeln!(f, "\nSKIPPED: bundles, for there is no Python with `cryptography` here")?;
        }
        writeln!(f, "\nWhy {not_found} could not be found:\n")?;
        writeln!(f, "| what is other than before | changes |\n| --- | ---: |")?;
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (why, count) in reasons {
            writeln!(f, "| {why} | {count} |")?;
        }
        for (number, kind, held, what) in self.missed.iter().take(50) {
            writeln!(
                f,
                "MISSED: change {number}, {kind}, by one who holds {}: {what}",
                words(*held)
            )?;
        }
        Ok(())
    }
}
