//! What holds two people apart whatever speaks for their being one: a value that they share although they
//! differ in what tells its holders apart, and more values of a kind than one person has.
//!
//! The policy says so, and its two rules bind rows on their way in (`profile::recognise`,
//! `profile::apart`). Here they bind clusters, as they have become when a join is looked at: so a record
//! that says too little to be held apart from either of two people bridges them no more than a row does.

use std::collections::HashMap;

/// What a person's records say in the fields that guards name: (field, what tells one text from another).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// As it stands; in order, each once.
    now: Vec<(i64, u64)>,
    /// Whatever was ever said; in order, each once.
    ever: Vec<(i64, u64)>,
}

/// A guard on the values of one kind of identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The field of the kind.
    pub kind: i64,
    /// Whoever shares a value is somebody else where all of these fields are said by both, and nothing in
    /// any of them is the same. Empty for no such rule.
    pub unless_differ: Vec<i64>,
    /// The most values that one person has.
    pub values_max: Option<usize>,
}

/// All guards, and whom they are about.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    /// The guards.
    pub each: Vec<Guard>,
    /// Row → what is said of its person, for one row of each.
    pub facts: HashMap<u32, Facts>,
}

impl Facts {
    /// Adds what is said now.
    pub fn say(&mut self, field: i64, text: u64) {
        self.now.push((field, text));
    }

    /// Adds what was said once.
    pub fn have_said(&mut self, field: i64, text: u64) {
        self.ever.push((field, text));
    }

    /// Ends adding.
    pub fn finish(&mut self) {
        for list in [&mut self.now, &mut self.ever] {
            list.sort_unstable();
            list.dedup();
        }
    }

    /// Takes in what is said of the same person elsewhere.
    pub(super) fn take_in(&mut self, other: &Facts) {
        self.now.extend_from_slice(&other.now);
        self.ever.extend_from_slice(&other.ever);
        self.finish();
    }
}

/// What is said in a field.
fn of(list: &[(i64, u64)], field: i64) -> &[(i64, u64)] {
    let start = list.partition_point(|said| said.0 < field);
    let end = list.partition_point(|said| said.0 <= field);
    &list[start..end]
}

fn in_common(a: &[(i64, u64)], b: &[(i64, u64)]) -> usize {
    a.iter().filter(|said| b.binary_search(said).is_ok()).count()
}

impl Guard {
    /// Whether two are two people.
    pub(super) fn parts(&self, a: &Facts, b: &Facts) -> bool {
        self.differ(a, b) || self.are_too_many(a, b)
    }

    fn differ(&self, a: &Facts, b: &Facts) -> bool {
        let said = |field: i64| (of(&a.now, field), of(&b.now, field));
        let (mine, theirs) = said(self.kind);
        !self.unless_differ.is_empty()
            && in_common(mine, theirs) > 0
            && self.unless_differ.iter().all(|field| {
                let (mine, theirs) = said(*field);
                !mine.is_empty() && !theirs.is_empty() && in_common(mine, theirs) == 0
            })
    }

    /// Too many for one, of what both have some of, and either something of its own.
    fn are_too_many(&self, a: &Facts, b: &Facts) -> bool {
        let (mine, theirs) = (of(&a.ever, self.kind), of(&b.ever, self.kind));
        let all = mine.len() + theirs.len() - in_common(mine, theirs);
        self.values_max.is_some_and(|most| {
            !mine.is_empty()
                && !theirs.is_empty()
                && all > most
                && all > mine.len()
                && all > theirs.len()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMAIL: i64 = 4;
    const GIVEN: i64 = 7;

    fn facts(emails: &[u64], names: &[u64]) -> Facts {
        let mut facts = Facts::default();
        for email in emails {
            facts.say(EMAIL, *email);
            facts.have_said(EMAIL, *email);
        }
        names.iter().for_each(|name| facts.say(GIVEN, *name));
        facts.finish();
        facts
    }

    fn guard(values_max: Option<usize>) -> Guard {
        Guard { kind: EMAIL, unless_differ: vec![GIVEN], values_max }
    }

    #[test]
    fn two_names_on_one_mailbox_are_two_people_and_no_name_is_nobody_else() {
        let parts = |a: &Facts, b: &Facts| guard(None).parts(a, b);
        assert!(parts(&facts(&[1], &[1]), &facts(&[1, 2], &[2])));
        assert!(!parts(&facts(&[1], &[1]), &facts(&[2], &[2])), "they share nothing");
        assert!(!parts(&facts(&[1], &[1]), &facts(&[1], &[])));
        assert!(!parts(&facts(&[1], &[1, 2]), &facts(&[1], &[2, 3])));
    }

    #[test]
    fn more_values_than_one_person_has_are_two_people() {
        let parts =
            |most, a: &[u64], b: &[u64]| guard(Some(most)).parts(&facts(a, &[]), &facts(b, &[]));
        assert!(parts(1, &[1], &[2]));
        assert!(!parts(2, &[1], &[2]));
        assert!(!parts(1, &[1], &[1]) && !parts(1, &[1], &[]));
        assert!(!parts(1, &[1, 2], &[2]), "what one of them has already");
    }

    proptest! {
        /// It matters neither who is asked about whom, nor in which order something was said.
        #[test]
        fn a_guard_is_fair(
            a in prop::collection::vec(0u64..4, 0..4), b in prop::collection::vec(0u64..4, 0..4),
            names in (prop::collection::vec(0u64..3, 0..3), prop::collection::vec(0u64..3, 0..3)),
            most in 1usize..4,
        ) {
            let (x, y) = (facts(&a, &names.0), facts(&b, &names.1));
            let back: Vec<u64> = a.iter().rev().copied().collect();
            prop_assert_eq!(facts(&back, &names.0), x.clone());
            prop_assert_eq!(guard(Some(most)).parts(&x, &y), guard(Some(most)).parts(&y, &x));
        }
    }
}
