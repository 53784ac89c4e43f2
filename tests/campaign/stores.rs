//! How a store that was attacked is looked at, and what the look must come to: decided by what SQLite
//! reads, never by what the attack meant to do.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use candor::store::{erasures_path, state_path};
use candor::verify::{Depth, Held as Checkpoint, Options, verify};

use super::claimed::Reading;
use super::dice::Dice;
use super::scene::Scene;
use super::{Held, Outcome};

/// Whoever attacks may write the file; one who has the key may sign as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Power {
    File,
    FileAndKey,
}

/// One way of looking.
pub struct Look {
    pub held: Held,
    options: Options,
    /// So many entries are under a checkpoint that the attacker can't reach.
    size: usize,
}

impl Look {
    /// What the auditor holds is drawn as the attack is.
    pub fn draw(dice: &mut Dice, scene: &Scene) -> Look {
        let bare =
            Options { depth: Depth::Deep, key: None, held: Vec::new(), witnesses: Vec::new() };
        match dice.below(3) {
            0 => Look { held: Held::File, options: bare, size: 0 },
            1 => {
                let (size, note) = dice.one(&scene.notes);
                let held = vec![Checkpoint { name: "kept".to_owned(), note: note.clone() }];
                let key = Some(scene.keys[0].clone());
                let witnesses = vec![scene.witness.clone()];
                let size = usize::try_from(*size).expect("it is small");
                Look { held: Held::Kept, options: Options { key, held, witnesses, ..bare }, size }
            }
            _ => Look { held: Held::Beside, options: bare, size: scene.leaves.len() },
        }
    }

    /// The look of somebody who has what lies beside the key.
    pub fn beside(scene: &Scene) -> Look {
        let options =
            Options { depth: Depth::Deep, key: None, held: Vec::new(), witnesses: Vec::new() };
        Look { held: Held::Beside, options, size: scene.leaves.len() }
    }

    /// Puts what the auditor holds in its place.
    fn take_place(&self, scene: &Scene, path: &Path) {
        if self.held == Held::Beside {
            std::fs::write(state_path(path), &scene.memory).expect("the folder can be written");
            std::fs::write(erasures_path(path), &scene.journal).expect("the folder can be written");
        }
    }

    /// Looks at a store, and decides.
    pub fn at(&self, scene: &Scene, path: &Path, power: Power) -> Outcome {
        self.take_place(scene, path);
        match self.verdict(path) {
            Some(outcome) => outcome,
            None => self.unfound(scene, path, power),
        }
    }

    /// What verification says; nothing when it finds nothing.
    pub fn verdict(&self, path: &Path) -> Option<Outcome> {
        match catch_unwind(AssertUnwindSafe(|| verify(path, &self.options))) {
            Ok(Ok(report)) if report.holds => None,
            Ok(Ok(_)) => Some(Outcome::Found),
            Ok(Err(_)) => Some(Outcome::Unreadable),
            Err(_) => Some(Outcome::Missed("the verifier panicked".to_owned())),
        }
    }

    /// Why nothing was found.
    fn unfound(&self, scene: &Scene, path: &Path, power: Power) -> Outcome {
        let Ok(reading) = Reading::of(path) else {
            return Outcome::Missed("verified, and not readable".to_owned());
        };
        if reading.claimed == scene.reading.claimed {
            return match reading.unclaimed_beside(&scene.reading)[..] {
                [] => Outcome::NothingClaimed,
                [why, ..] => Outcome::NotFound(why),
            };
        }
        let leaves = reading.leaves();
        let mut differs = Vec::new();
        for (table, rows) in &scene.reading.claimed {
            if reading.claimed.get(table) != Some(rows) {
                differs.push(table.as_str());
            }
        }
        // Of each table by itself: one attack may change several.
        let unfindable = |table: &str| match table {
            "suppression" if self.held != Held::Beside && same_erasures(scene, &reading) => {
                Some("who is kept out, to one without the journal")
            }
            "checkpoint" if is_older_gone(scene, &reading) => {
                Some("an old checkpoint that a later one contains")
            }
            _ => None,
        };
        let reasons: Option<Vec<&str>> = differs.iter().map(|table| unfindable(table)).collect();
        if let Some([why, ..]) = reasons.as_deref() {
            return Outcome::NotFound(why);
        }
        let continues =
            leaves.len() >= self.size && leaves[..self.size] == scene.leaves[..self.size];
        if continues && scene.genuine.contains(&reading.digest()) {
            return Outcome::NotFound("an older moment, sound in itself");
        }
        if continues && power == Power::FileAndKey {
            return Outcome::NotFound("another history, signed with the key");
        }
        let cut = leaves.len() < scene.leaves.len() && leaves[..] == scene.leaves[..leaves.len()];
        if continues && cut && differs == ["checkpoint", "entry"] {
            return Outcome::NotFound("an end cut off that nothing else stands on");
        }
        Outcome::Missed(format!("in {}: {}", differs.join(", "), difference(scene, &reading)))
    }
}

/// Whether checkpoints are gone, and nothing is said that wasn't; the last one still covers all.
fn is_older_gone(scene: &Scene, reading: &Reading) -> bool {
    let notes = |reading: &Reading| reading.claimed["checkpoint"].clone();
    let before = notes(&scene.reading);
    notes(reading).iter().all(|row| before.contains(row))
        && reading.all["checkpoint"].last() == scene.reading.all["checkpoint"].last()
}

/// The first rows that one has and the other hasn't.
fn difference(scene: &Scene, reading: &Reading) -> String {
    let mut text = String::new();
    for (table, before) in &scene.reading.claimed {
        let after = reading.claimed.get(table).cloned().unwrap_or_default();
        let of = |rows: &[String], others: &[String]| {
            let row = rows.iter().find(|row| !others.contains(row));
            row.map_or("nothing".to_owned(), |row| row.chars().take(400).collect())
        };
        if *before != after {
            let (gone, new) = (of(before, &after), of(&after, before));
            text = format!("{text}{table} was {gone}, is {new}; ");
        }
    }
    text
}

/// Whether everybody who is kept out is so by an erasure of before, and since then.
fn same_erasures(scene: &Scene, reading: &Reading) -> bool {
    let of = |reading: &Reading| -> BTreeSet<String> {
        let rows = reading.all.get("suppression").into_iter().flatten();
        rows.map(|row| format!("{:?}", &row[1..])).collect()
    };
    of(reading).is_subset(&of(&scene.reading))
}
