//! What a pair's agreement is worth, in bits, against both rivals: strangers and one household.

use super::compare::{Pattern, compare_while};
use super::field::{FIELDS, Field, LEVELS_MAX, MISSING, Owner};
use super::model::{Model, Shared, frequent_levels, shared};
use super::table::{NONE, Table};

/// A model made ready for weighing pairs.
pub struct Scales {
    person: [[f32; LEVELS_MAX]; FIELDS],
    household: [[f32; LEVELS_MAX]; FIELDS],
    /// log2 of how often strangers have the same value, and of how many records fill the field.
    same: [f32; FIELDS],
    filled: [f32; FIELDS],
    /// How many records more every value is taken to have, because few records tell little.
    guessed: [f32; FIELDS],
    /// The most that a field can be worth for one person where two values differ.
    similar: [f32; FIELDS],
    /// Further records of a person, on average: those who share a value because they are one.
    own: f32,
    cap: f32,
    person_prior: f32,
    household_prior: f32,
}

/// What a pair's agreement is worth, in bits (log2 of how much more often that kind of pair shows it
/// than strangers do).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weight {
    /// For one person, prior included: the log2 of the odds against strangers.
    pub person: f32,
    /// For one household, likewise.
    pub household: f32,
}

/// How much of a household's agreement on a personal field is their being one person after all.
pub const MIXED: f32 = 0.02;

/// What further parts of an address count that agree beside the best one: a postcode tells the town.
const FURTHER_ADDRESS: f32 = 0.5;

/// How many records of usual values are added to those that are there when frequencies are told.
const GUESSED: f32 = 20.0;

/// How many times more records than one person has on average may share what identifies, before it is nobody's
/// own.
const USUAL_RECORDS: f32 = 4.0;

/// How many records of strangers share what identifies with one, though hardly anybody does: a number passed on.
const COINCIDENCE: f32 = 0.03;

/// How much a name's rarity counts where the two spell it differently.
const RARITY_OF_SIMILAR: f32 = 0.5;

/// How many times worse than the worst field of an address the whole may speak against it: people move.
const AGAINST_ADDRESS: f32 = 1.3;

impl Scales {
    /// Makes a model ready for the records of a table.
    pub fn new(model: &Model, table: &Table) -> Scales {
        let mut scales = Scales {
            person: [[0.0; LEVELS_MAX]; FIELDS],
            household: [[0.0; LEVELS_MAX]; FIELDS],
            same: [0.0; FIELDS],
            filled: [0.0; FIELDS],
            guessed: [0.0; FIELDS],
            similar: [0.0; FIELDS],
            own: (2.0 * model.person_pairs / f64::from(model.records.max(1))) as f32,
            cap: (model.records.max(2) as f32).log2(),
            person_prior: (model.person_pairs / model.pairs).log2() as f32,
            household_prior: (model.household_pairs / model.pairs).log2() as f32,
        };
        for (at, field) in model.fields.iter().enumerate() {
            // That names stand crosswise shows only where they agree that way, which counts already.
            if Field::ALL[at] == Field::Order {
                continue;
            }
            for level in 0..field.stranger.len() {
                let stranger = field.stranger[level];
                scales.person[at][level] = (field.person[level] / stranger).log2();
                scales.household[at][level] = (field.household[level] / stranger).log2();
            }
            scales.same[at] = field.stranger[0].log2();
            scales.filled[at] = (table.column(Field::ALL[at]).filled as f32 + GUESSED).log2();
            scales.guessed[at] = GUESSED * field.stranger[0];
            let rarest = RARITY_OF_SIMILAR * (scales.same[at] + scales.filled[at]).max(0.0);
            let field_at = Field::ALL[at];
            scales.similar[at] = (1..field.stranger.len())
                .map(|level| {
                    let is_frequent = level <= usize::from(frequent_levels(field_at));
                    scales.person[at][level] + if is_frequent { rarest } else { 0.0 }
                })
                .fold(0.0, f32::max);
            if matches!(field_at, Field::Given | Field::Family) {
                // Names that stand crosswise can be the same.
                let same = scales.person[at][0] + rarest / RARITY_OF_SIMILAR;
                scales.similar[at] = scales.similar[at].max(same);
            }
        }
        scales
    }

    /// What a field's level is worth, where `shared` records have the value that two share.
    pub fn field(&self, field: Field, level: u8, shared: u32) -> Weight {
        let (at, level) = (field as usize, usize::from(level));
        let (mut person, mut household) = (self.person[at][level], self.household[at][level]);
        if shared > 0 {
            let others = if field.identifies() {
                (shared as f32 - USUAL_RECORDS * (1.0 + self.own)).max(COINCIDENCE)
            } else {
                (shared as f32 - self.own).max(1.0)
            } + self.guessed[at];
            let rarity = self.same[at] + self.filled[at] - others.log2();
            let rarity = if level == 0 { rarity } else { RARITY_OF_SIMILAR * rarity };
            person += rarity;
            household = match field.about().owner {
                Owner::Person => (person + MIXED.log2()).max(0.0),
                Owner::Household | Owner::Address => household + rarity,
            };
        }
        Weight { person, household }
    }

    /// Weighs two records of a table, but stops as soon as what is left can't bring it to `least` bits:
    /// `None` then. Most candidates are told apart by their first few fields.
    pub fn weigh_records(&self, table: &Table, a: u32, b: u32, least: f32) -> Option<Weight> {
        let (row_a, row_b) = (table.row(a), table.row(b));
        let mut most = self.person_prior;
        for &field in table.used() {
            let (one, two) = (row_a[field as usize], row_b[field as usize]);
            if one == NONE || two == NONE {
                // A name can be compared with the other name, and then stands here.
                if field == Field::Family {
                    most += self.similar[field as usize];
                }
                continue;
            }
            most += if one == two {
                let count = table.column(field).counts[one as usize];
                self.field(field, 0, count).person.max(0.0)
            } else {
                self.similar[field as usize]
            };
        }
        if most < least {
            return None;
        }
        let pattern = compare_while(table, a, b, |field, level| {
            let (one, two) = (row_a[field as usize], row_b[field as usize]);
            if one != NONE && two != NONE && one != two && level != MISSING {
                let bits = if level <= frequent_levels(field) {
                    self.similar[field as usize]
                } else {
                    self.person[field as usize][usize::from(level)]
                };
                let floor = if field.about().owner == Owner::Address { 0.0 } else { f32::MIN };
                most += bits.max(floor) - self.similar[field as usize];
            }
            most >= least
        })?;
        Some(self.weigh(&pattern, &shared(table, a, b, &pattern)))
    }

    /// What the address as a whole is worth.
    pub fn address(&self, pattern: &Pattern, shared: &Shared) -> Weight {
        let (mut person, mut household) = (Sum::default(), Sum::default());
        for field in ADDRESS {
            let level = pattern[field as usize];
            if level != MISSING {
                let weight = self.field(field, level, shared.values[field as usize]);
                person.add(weight.person);
                household.add(weight.household);
            }
        }
        let cap = self.cap - (shared.place as f32 - self.own).max(1.0).log2();
        Weight { person: person.total(cap), household: household.total(cap) }
    }

    /// What each field is worth that both fill, the address as a whole (`None`) among them.
    pub fn parts(
        &self,
        pattern: &Pattern,
        shared: &Shared,
        mut each: impl FnMut(Option<Field>, Weight),
    ) {
        if ADDRESS.iter().any(|field| pattern[*field as usize] != MISSING) {
            each(None, self.address(pattern, shared));
        }
        for field in OTHERS {
            let level = pattern[field as usize];
            if level != MISSING {
                each(Some(field), self.field(field, level, shared.values[field as usize]));
            }
        }
    }

    /// What two records weigh before anything is compared.
    pub fn prior(&self) -> Weight {
        Weight { person: self.person_prior, household: self.household_prior }
    }

    /// Weighs a pair: the prior, every field, and the address as a whole.
    pub fn weigh(&self, pattern: &Pattern, shared: &Shared) -> Weight {
        let mut weight = self.prior();
        self.parts(pattern, shared, |_, part| weight.add(part, 1.0));
        weight
    }
}

/// The fields of an address.
const ADDRESS: [Field; 7] = [
    Field::Number,
    Field::Street,
    Field::Line,
    Field::Unit,
    Field::City,
    Field::Postcode,
    Field::Region,
];

/// All other fields.
const OTHERS: [Field; FIELDS - ADDRESS.len()] = [
    Field::Given,
    Field::Family,
    Field::Order,
    Field::Middle,
    Field::Birth,
    Field::Gender,
    Field::Email,
    Field::Phone,
    Field::Device,
    Field::Loyalty,
    Field::Person,
    Field::Occupation,
];

#[derive(Clone, Copy, Default)]
struct Sum {
    positive: f32,
    best: f32,
    negative: f32,
    worst: f32,
}

impl Sum {
    fn add(&mut self, bits: f32) {
        if bits > 0.0 {
            self.positive += bits;
            self.best = self.best.max(bits);
        } else {
            self.negative += bits;
            self.worst = self.worst.min(bits);
        }
    }

    fn total(self, cap: f32) -> f32 {
        let positive = self.best + FURTHER_ADDRESS * (self.positive - self.best);
        positive.min(cap) + self.negative.max(AGAINST_ADDRESS * self.worst)
    }
}

impl Weight {
    /// Adds what else was found, so many times over.
    pub fn add(&mut self, other: Weight, times: f32) {
        self.person += times * other.person;
        self.household += times * other.household;
    }

    /// The probability that the two are one person, in 0..=1.
    pub fn probability(self) -> f32 {
        (1.0 / (1.0 + (self.rivals() - f64::from(self.person)).exp2())) as f32
    }

    /// log2 of the odds that the two are one person.
    pub fn bits(self) -> f32 {
        (f64::from(self.person) - self.rivals()) as f32
    }

    /// The probability that they are of one household.
    pub fn household_probability(self) -> f64 {
        let rivals = (1.0 + f64::from(self.person).exp2()).log2();
        1.0 / (1.0 + (rivals - f64::from(self.household)).exp2())
    }

    fn rivals(self) -> f64 {
        (1.0 + f64::from(self.household).exp2()).log2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_weighed_once() {
        for field in Field::ALL {
            let address = ADDRESS.contains(&field);
            assert_eq!(address, field.about().owner == Owner::Address, "{field:?}");
            assert_ne!(address, OTHERS.contains(&field), "{field:?}");
        }
    }

    #[test]
    fn probabilities_are_shares_of_one() {
        for person in [-300.0, -8.0, 0.0, 3.0, 900.0] {
            for household in [-300.0, -2.0, 0.0, 5.0, 800.0] {
                let weight = Weight { person, household };
                let (p, h) = (f64::from(weight.probability()), weight.household_probability());
                assert!((0.0..=1.0).contains(&p) && (0.0..=1.0).contains(&h), "{weight:?}");
                assert!(p + h <= 1.000_001, "{weight:?}");
            }
        }
    }

    #[test]
    fn an_address_counts_once_and_a_move_is_no_proof() {
        let mut sum = Sum::default();
        [10.0, 6.0, 4.0].into_iter().for_each(|bits| sum.add(bits));
        assert_eq!((sum.total(100.0), sum.total(12.0)), (15.0, 12.0));
        let mut sum = Sum::default();
        [-4.0, -3.0, -3.0].into_iter().for_each(|bits| sum.add(bits));
        assert!((sum.total(12.0) + 5.2).abs() < 1e-5);
    }
}
