//! Why two records are one person or not: a waterfall of bits.
//!
//! Each step adds the log2 of how much more often one person's records show it than strangers' do.
//! The steps add up to the weight that decided, so nothing is told that wasn't counted.

use serde::Serialize;

use super::compare::compare;
use super::field::{MISSING, Owner};
use super::model::shared;
use super::table::Table;
use super::weigh::{Scales, Weight};

/// One step of the waterfall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The field's name, or `prior`, `address`, `household`.
    pub what: &'static str,
    /// What was found, in words that hold nothing personal.
    pub found: String,
    /// How many records share what the two share; 0 where they share nothing or it doesn't count.
    pub shared_by: u32,
    /// What it adds, in bits.
    pub bits: f32,
}

/// Why two records are one person or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The steps, in order; their bits add up to `bits`.
    pub steps: Vec<Step>,
    /// log2 of the odds that the two are one person.
    pub bits: f32,
    /// The same as a probability, in 0..=1.
    pub probability: f32,
    /// The probability that they are of one household instead, in 0..=1.
    pub household: f32,
}

/// Explains a pair by the scales that weigh it.
pub fn explain(table: &Table, scales: &Scales, a: u32, b: u32) -> Explanation {
    let pattern = compare(table, a, b);
    let shared = shared(table, a, b, &pattern);
    let weight = scales.weigh(&pattern, &shared);
    let mut told = scales.prior().person;
    let mut steps = vec![step("prior", "how rare one person's pairs are", 0, told)];
    let mut address = 0.0;
    for &field in table.used() {
        let level = pattern[field as usize];
        if level == MISSING {
            continue;
        }
        let shared_by = shared.values[field as usize];
        let bits = scales.field(field, level, shared_by).person;
        let words = field.levels()[usize::from(level)].words;
        steps.push(step(field.about().name, words, shared_by, bits));
        told += bits;
        if field.about().owner == Owner::Address {
            address += bits;
        }
    }
    let group = scales.address(&pattern, &shared).person - address;
    if group != 0.0 {
        let words = "parts of an address say much the same thing, and people move";
        steps.push(step("address", words, shared.place, group));
        told += group;
    }
    let Weight { person, household } = weight;
    debug_assert!((told - person).abs() < 0.01, "the steps add up to what was weighed");
    let rival = weight.bits() - person;
    if rival < -0.005 {
        steps.push(step("household", "two members of one household would look alike", 0, rival));
    }
    Explanation {
        steps,
        bits: weight.bits(),
        probability: weight.probability(),
        household: Weight { person, household }.household_probability() as f32,
    }
}

fn step(what: &'static str, found: &str, shared_by: u32, bits: f32) -> Step {
    Step { what, found: found.to_owned(), shared_by, bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{FIELDS, Field, Raw, link, normalise};

    #[test]
    fn the_steps_add_up_to_what_decided() {
        let mut table = Table::default();
        for n in 0..60 {
            let (email, birth) =
                (format!("ann{n}@x.example"), format!("19{:02}-03-0{}", n, n % 9 + 1));
            let mut raw = Raw { texts: [""; FIELDS], full_name: "" };
            raw.texts[Field::Given as usize] = ["Anna", "Bob", "Cleo"][n % 3];
            raw.texts[Field::Family as usize] = ["Lind", "Okafor"][n / 2 % 2];
            raw.texts[Field::Birth as usize] = &birth;
            raw.texts[Field::Email as usize] = &email;
            raw.texts[Field::City as usize] = "Cork";
            raw.texts[Field::Postcode as usize] = "T12";
            table.push(&normalise(&raw, None), "");
            table.push(&normalise(&raw, None), "");
        }
        table.finish();
        let linked = link(&table, &[1; 16], 1);
        let scales = Scales::new(&linked.model, &table);
        for (a, b) in [(0, 1), (0, 2), (0, 6), (5, 90)] {
            let explanation = explain(&table, &scales, a, b);
            let sum: f32 = explanation.steps.iter().map(|step| step.bits).sum();
            assert!((sum - explanation.bits).abs() < 0.02, "{explanation:?}");
        }
        let same = explain(&table, &scales, 0, 1);
        assert!(same.probability > 0.99, "{same:?}");
        assert!(same.steps.iter().any(|step| step.what == "email" && step.bits > 0.0));
        assert!(explain(&table, &scales, 5, 90).probability < 0.01);
    }
}
