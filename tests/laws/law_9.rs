//! Law 9: where records, clocks or consents disagree, the reading that protects the person holds.
//!
//! The fold is compared with a naive model, written from its three rules and nothing else: for each
//! home a list of standing "no"s and one yes, and over homes whoever says no.

use proptest::prelude::*;

use crate::common::hour;
use candor::base::clock::Moment;
use candor::consent::fold::{AsOf, Home, Joined, Standing, in_force_state, standing};
use candor::consent::statement::{Axis, Statement};
use candor::policy::types::ConsentState::{
    self, Given, Invalidated, Refused, Renewed, Requested, Withdrawn,
};

/// A statement about purpose 1 on channel 1. Entries stand ten apart, so that merges fit between.
pub fn statement() -> impl Strategy<Value = Statement> {
    (
        1..=3i64,
        prop::sample::select(vec![
            Given,
            Given,
            Renewed,
            Refused,
            Withdrawn,
            Requested,
            Invalidated,
        ]),
        prop::sample::select(vec![Axis::Consent, Axis::Consent, Axis::Consent, Axis::Objection]),
        any::<(bool, bool)>(),
        1..=3u16,
        -3..=6i64,
    )
        .prop_map(|(home, state, axis, (own, confirmed), source, valid)| Statement {
            n: 0,
            home,
            axis,
            purpose: 1,
            channel: u16::from(axis == Axis::Consent),
            state: if axis == Axis::Objection && !matches!(state, Given) {
                Withdrawn
            } else {
                state
            },
            explicit: false,
            confirmed: confirmed && own,
            own: own && confirmed,
            source,
            notice_version: 1,
            valid_at: hour(valid),
            recorded_at: hour(0),
        })
}

/// Statements in ledger order, and homes of which the second and third were joined somewhere.
pub fn history() -> impl Strategy<Value = (Vec<Statement>, Vec<Home>)> {
    (prop::collection::vec(statement(), 0..9), 0..9i64, 0..9i64).prop_map(
        |(mut all, two, three)| {
            for (i, s) in all.iter_mut().enumerate() {
                let i = i64::try_from(i).unwrap();
                (s.n, s.recorded_at) = (10 * i, hour(i));
            }
            let join = |k: i64| Some(Joined { at: hour(k), entry: 10 * k + 5 });
            let homes = vec![
                Home { id: 1, joined: None },
                Home { id: 2, joined: join(two) },
                Home { id: 3, joined: join(three) },
            ];
            (all, homes)
        },
    )
}

fn is_no(s: &Statement) -> bool {
    match s.axis {
        Axis::Objection => s.state == Given,
        _ => matches!(s.state, Refused | Withdrawn | Invalidated),
    }
}

/// Where the source's clock runs ahead, a no counts from when it was heard of; a yes doesn't count yet.
fn when(s: &Statement) -> Moment {
    if is_no(s) && s.recorded_at < s.valid_at { s.recorded_at } else { s.valid_at }
}

/// What one home hears, oldest first; of two at one moment the no comes last, so that it holds.
fn heard<'s>(
    all: &'s [Statement],
    homes: &[Home],
    home: i64,
    axis: Axis,
    asked: AsOf,
) -> Vec<&'s Statement> {
    let joined = |id: i64| homes.iter().find(|h| h.id == id).unwrap().joined;
    let together_at = |s: &Statement| {
        // Together from the later of the two joinings on, by the ledger's order.
        let of = |id| joined(id).map_or(i64::MIN, |j| j.entry);
        let known = |id| joined(id).is_none_or(|j| j.at <= asked.known);
        known(s.home) && known(home) && s.n > of(s.home) && s.n > of(home)
    };
    let mut heard: Vec<&Statement> = all
        .iter()
        .filter(|s| s.axis == axis && s.recorded_at <= asked.known && when(s) <= asked.valid)
        .filter(|s| s.home == home || together_at(s))
        .collect();
    heard.sort_by_key(|s| (when(s), is_no(s), s.recorded_at, s.n));
    heard
}

/// Whether the last word of a home is a yes, and whether it has any; rule 2 keeps every "no" until
/// the same source, or the person, takes it back.
fn says_yes(heard: &[&Statement]) -> Option<bool> {
    let mut yes = false;
    let mut noes: Vec<u16> = Vec::new();
    for s in heard {
        if is_no(s) {
            noes.push(s.source);
            yes = false;
        } else if matches!(s.state, Given | Renewed) {
            if s.own || s.confirmed {
                noes.clear();
            }
            noes.retain(|source| *source != s.source);
            yes = noes.is_empty();
        }
    }
    (!heard.is_empty()).then_some(yes)
}

/// Whether consent is in force by the naive model, for one home or for the whole.
fn model(all: &[Statement], homes: &[Home], home: Option<i64>, asked: AsOf) -> bool {
    let known = |h: &Home| h.joined.is_none_or(|j| j.at <= asked.known);
    let asked_is_known = homes.iter().any(|h| Some(h.id) == home && known(h));
    let answers: Vec<(i64, bool)> = homes
        .iter()
        .filter(|h| Some(h.id) == home || (known(h) && (home.is_none() || asked_is_known)))
        .filter_map(|h| Some((h.id, says_yes(&heard(all, homes, h.id, Axis::Consent, asked))?)))
        .collect();
    let spoke = match home {
        Some(home) => answers.iter().any(|(id, _)| *id == home),
        None => !answers.is_empty(),
    };
    spoke && answers.iter().all(|(_, yes)| *yes)
}

fn in_force(standing: &Standing) -> bool {
    standing.consents.get(&(1, 1)).is_some_and(|c| in_force_state(c.state))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn the_fold_agrees_with_the_naive_model(
        (all, homes) in history(),
        home in prop::option::of(1..=3i64),
        valid in -3..9i64,
        known in 0..9i64,
    ) {
        // Two homes that were joined at different times, and asked about in between, know less of
        // each other than the whole ledger does; the model asks about known joinings only.
        let asked = AsOf { valid: hour(valid), known: hour(known) };
        let found = standing(&all, &homes, home, asked);
        let joined = homes.iter().find(|h| Some(h.id) == home).and_then(|h| h.joined);
        prop_assume!(joined.is_none_or(|j| j.at <= asked.known || homes[1].joined != homes[2].joined));
        prop_assert_eq!(in_force(&found), model(&all, &homes, home, asked), "{:?}", found);
    }

    #[test]
    fn a_merge_never_widens((all, mut homes) in history(), valid in -3..9i64, home in 1..=3i64) {
        // Nobody says anything after the joinings: whatever was closed before stays closed.
        let asked = AsOf { valid: hour(valid), known: hour(20) };
        let alone = |id: i64| {
            let own: Vec<Statement> = all.iter().filter(|s| s.home == id).copied().collect();
            standing(&own, &[Home { id, joined: None }], Some(id), asked)
        };
        for home in homes.iter_mut().skip(1) {
            home.joined = Some(Joined { at: hour(15), entry: 1_000 });
        }
        let together = standing(&all, &homes, Some(home), asked);
        if in_force(&together) {
            prop_assert!(in_force(&alone(home)));
        }
        for id in 1..=3 {
            let said_no = alone(id).consents.get(&(1, 1)).is_some_and(|c| !in_force_state(c.state));
            prop_assert!(!(said_no && in_force(&together)), "a no reaches all homes");
            prop_assert_eq!(alone(id).objections & !together.objections, 0);
        }
    }

    #[test]
    fn one_more_no_never_opens((all, homes) in history(), mut no in statement(), valid in -3..9i64) {
        let asked = AsOf { valid: hour(valid), known: hour(20) };
        (no.axis, no.channel, no.state) = (Axis::Consent, 1, Withdrawn);
        (no.n, no.recorded_at) = (10 * 30, hour(20));
        let before = standing(&all, &homes, None, asked);
        let mut more = all.clone();
        more.push(no);
        let after = standing(&more, &homes, None, asked);
        prop_assert!(in_force(&before) || !in_force(&after));
    }
}

fn said(n: i64, source: u16, state: ConsentState, at: i64) -> Statement {
    Statement {
        n,
        home: 1,
        axis: Axis::Consent,
        purpose: 1,
        channel: 1,
        state,
        explicit: false,
        confirmed: false,
        own: false,
        source,
        notice_version: 1,
        valid_at: hour(at),
        recorded_at: hour(n),
    }
}

fn holds(all: &[Statement], at: i64) -> bool {
    let asked = AsOf { valid: hour(at), known: hour(100) };
    in_force(&standing(all, &[Home { id: 1, joined: None }], Some(1), asked))
}

#[test]
fn the_named_cases() {
    let own = |mut s: Statement| {
        s.own = true;
        s
    };
    // Later beats earlier, within a source.
    assert!(holds(&[said(1, 1, Refused, 1), said(2, 1, Given, 2)], 3));
    // At one moment the no holds, in whichever order they came.
    assert!(!holds(&[said(1, 1, Given, 1), said(2, 1, Refused, 1)], 3));
    assert!(!holds(&[said(1, 1, Refused, 1), said(2, 1, Given, 1)], 3));
    // Another source's yes lifts nothing, the person's own does.
    assert!(!holds(&[said(1, 1, Withdrawn, 1), said(2, 2, Given, 2)], 3));
    assert!(holds(&[said(1, 1, Withdrawn, 1), own(said(2, 2, Given, 2))], 3));
    // A second source's no doesn't make the first one's forgotten.
    let two = [said(1, 1, Withdrawn, 1), said(2, 2, Refused, 2), said(3, 2, Given, 3)];
    assert!(!holds(&two, 4));
    // Being asked again doesn't lift it either.
    let asked = [said(1, 1, Withdrawn, 1), said(2, 1, Requested, 2), said(3, 2, Given, 3)];
    assert!(!holds(&asked, 4));
    // A no from a clock that runs ahead counts at once; a yes doesn't.
    assert!(!holds(&[said(1, 1, Given, 1), said(2, 1, Withdrawn, 50)], 3));
    assert!(!holds(&[said(1, 1, Given, 50)], 3));
}
