//! Laws 3 and 9: a merge never widens. Whatever people said before they were joined, the gate allows a
//! home's data nothing after it that it didn't allow before, and nothing that another home's words forbid.

use proptest::prelude::*;

use crate::common::{POLICY as POLICY_OF_ALL, World, apply, hour};
use crate::gate_table::POLICY;
use candor::audit::unlawful::unlawful;
use candor::base::clock::Moment;
use candor::consent::desk::Spoken;
use candor::consent::fold::{AsOf, Home, Joined, Standing, standing};
use candor::consent::gate::{Direction, Pace, Question, decide, holding};
use candor::consent::statement::{Axis, Statement};
use candor::policy::rulebook::{PurposeRule, Rulebook, bit};
use candor::policy::types::Basis;
use candor::policy::types::ConsentState::{
    self, Expired, Given, Invalidated, Refused, Renewed, Requested, Withdrawn,
};
use candor::profile::lookup;
use candor::profile::merge::{self, Decider};
use candor::send::audience;

/// What one of three people said: about which purpose (by its place) and channel, and how.
fn statement() -> impl Strategy<Value = Statement> {
    let yes = || prop::sample::select(vec![Given, Given, Renewed]);
    let other = prop::sample::select(vec![Refused, Withdrawn, Expired, Requested, Invalidated]);
    let axis = prop::sample::select(vec![
        Axis::Consent,
        Axis::Consent,
        Axis::Consent,
        Axis::Consent,
        Axis::Permission,
        Axis::Objection,
        Axis::Restriction,
        Axis::Informed,
        Axis::Frequency,
    ]);
    let said = (prop_oneof![4 => yes(), 1 => other], axis, 1..=9u8, 0..=2u16);
    let how = (any::<[bool; 4]>(), 0..=2u32, 0..=2u16);
    (1..=3i64, said, how, -40..=10i64).prop_map(|(home, said, how, valid)| {
        let ((state, axis, purpose, channel), (yes, notice_version, source)) = (said, how);
        let [explicit, confirmed, own, second] = yes;
        let about_all = !matches!(axis, Axis::Consent | Axis::Permission | Axis::Frequency);
        let plain = !matches!(axis, Axis::Consent | Axis::Permission);
        Statement {
            n: 0,
            home,
            record: 10 * home + i64::from(second),
            axis,
            purpose: if axis == Axis::Restriction || axis == Axis::Permission {
                0
            } else {
                purpose
            },
            channel: if about_all { 0 } else { channel },
            state: match state {
                Given | Renewed if plain => Given,
                _ if plain => Withdrawn,
                state => state,
            },
            explicit,
            confirmed,
            own,
            source,
            notice_version,
            every_days: if axis == Axis::Frequency { 1 + 6 * u32::from(channel) } else { 0 },
            valid_at: hour(valid),
            recorded_at: hour(0),
        }
    })
}

/// The homes that were joined, and what was said before, in ledger order.
fn history() -> impl Strategy<Value = Vec<Statement>> {
    prop::collection::vec(statement(), 0..14).prop_map(|mut all| {
        for (i, s) in all.iter_mut().enumerate() {
            let i = i64::try_from(i).unwrap();
            (s.n, s.recorded_at) = (i, hour(i));
        }
        all
    })
}

const JOINED: i64 = 20;

fn homes() -> [Home; 3] {
    let moves = |entry| vec![Joined { at: hour(JOINED), entry }];
    [
        Home { id: 1, moves: Vec::new() },
        Home { id: 2, moves: moves(1_000) },
        Home { id: 3, moves: moves(1_001) },
    ]
}

fn alone(all: &[Statement], id: i64, asked: AsOf) -> Standing {
    let own: Vec<Statement> = all.iter().filter(|s| s.home == id).copied().collect();
    standing(&own, &[Home { id, moves: Vec::new() }], Some(id), asked)
}

/// Every question that may be asked about a purpose: each way, on each channel and on none.
fn questions<'a>(rule: &PurposeRule, at: Moment, sent: &'a [Moment]) -> Vec<Question<'a>> {
    let channels = rule.channels.iter().copied().map(Some).chain([None]);
    let ways = [Direction::In, Direction::Use, Direction::Out];
    let mut all = Vec::new();
    for channel in channels {
        for direction in ways {
            for indirect in [None, Some(1)] {
                let pace = Pace { on_channel: sent, ..Pace::default() };
                all.push(Question { channel, indirect, pace, ..Question::new(direction, at) });
            }
        }
    }
    all
}

/// Whether a home has a word on just this matter, which another home's silence doesn't replace.
fn spoke(
    all: &[Statement],
    id: i64,
    rule: &PurposeRule,
    question: Question<'_>,
    at: Moment,
) -> bool {
    let channel = question.channel.unwrap_or(0);
    all.iter().any(|s| {
        let matter = (s.axis, s.purpose, s.channel);
        s.home == id && s.counts_from() <= at && matter == (Axis::Consent, rule.code, channel)
    })
}

fn allows(rules: &Rulebook, rule: &PurposeRule, question: Question<'_>, home: &Standing) -> bool {
    decide(rules, rule, question, home).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_merge_never_widens(all in history(), ahead in 0..40i64) {
        RULES.with(|rules| -> Result<(), TestCaseError> {
            let at = hour(JOINED + ahead);
            let asked = AsOf::at(at);
            let sent = [hour(JOINED)];
            for home in 1..=3 {
                let before = alone(&all, home, asked);
                let after = standing(&all, &homes(), Some(home), asked);
                for rule in rules.rules() {
                    for question in questions(rule, at, &sent) {
                        if !allows(rules, rule, question, &after) {
                            continue;
                        }
                        let said = (rule.name.as_str(), question, home);
                        prop_assert!(allows(rules, rule, question, &before), "{:?}", said);
                        for other in (1..=3).filter(|other| *other != home) {
                            let theirs = alone(&all, other, asked);
                            let objects = theirs.objections & bit(rule.code) != 0
                                && rule.purpose.basis != Basis::LegalObligation;
                            prop_assert!(!objects, "{:?}", said);
                            let asks_consent = rule.purpose.basis == Basis::Consent
                                && question.channel.is_some() | rule.channels.is_empty();
                            if asks_consent && spoke(&all, other, rule, question, at) {
                                let theirs = Standing {
                                    permissions: before.permissions.clone(),
                                    informed: before.informed.clone(),
                                    ..theirs
                                };
                                let too = allows(rules, rule, question, &theirs);
                                prop_assert!(too, "{:?}: {} doesn't", said, other);
                            }
                        }
                    }
                }
            }
            Ok(())
        })?;
    }

    /// What was done before the joining isn't reproached with what was no "no": an older notice of
    /// another home, or a question that waits for its answer.
    #[test]
    fn a_merge_reproaches_nothing_but_a_no(all in history(), back in 0..20i64) {
        let at = hour(JOINED - 1 - back);
        let asked = AsOf::hindsight(at);
        for home in 1..=3 {
            let no_elsewhere = all.iter().any(|s| {
                s.home != home && s.counts_from() <= at && s.axis.protects(s.state)
            });
            if !no_elsewhere {
                let after = standing(&all, &homes(), Some(home), asked);
                prop_assert_eq!(after, alone(&all, home, asked));
            }
        }
    }

    /// Nor does a merge take what a home holds by its own yes: only a "no" does.
    #[test]
    fn a_merge_takes_nothing_but_by_a_no(all in history()) {
        RULES.with(|rules| -> Result<(), TestCaseError> {
            let asked = AsOf::at(hour(JOINED + 1));
            let ends = |s: &&Statement| s.axis.protects(s.state) || s.state == Expired;
            for home in 1..=3 {
                if all.iter().filter(ends).all(|s| s.home == home) {
                    let held = holding(rules, &alone(&all, home, asked), asked.valid);
                    let after = standing(&all, &homes(), Some(home), asked);
                    prop_assert_eq!(held & !holding(rules, &after, asked.valid), 0);
                }
            }
            Ok(())
        })?;
    }
}

thread_local! {
    static RULES: Rulebook = World::under(POLICY).rules;
}

/// Bob's consent is in force, and Ann's isn't: joined, neither's data goes out on his, nor comes in; and a
/// report of what was done for him before doesn't call it late.
#[test]
fn a_weaker_yes_is_no_way_around() {
    let text = "text = \"We send you a monthly letter.\"";
    let newer = POLICY_OF_ALL.replace(text, &format!("{text}\nmaterial = true"));
    assert_ne!(newer, POLICY_OF_ALL);
    for (first, second) in [(1, 2), (2, 1)] {
        let mut world = World::new();
        let rows = format!(
            "lead,at,name,email,optin,notice\n\
             a,2026-01-04,Ann,one@x.example,yes,letter-form@{first}\n\
             b,2026-01-04,Bob,two@x.example,yes,letter-form@{second}\n"
        );
        world.import("leads", &rows, hour(1));
        apply(&mut world.store, &newer, hour(1));
        world.reopen();
        let count = |world: &World, at| {
            let people = audience(&world.store, &world.rules, "mailer", hour(at)).unwrap();
            (people.permitted.len(), people.withheld)
        };
        assert_eq!(count(&world, 1).0, 1);
        let out = world.folder.path().join("out.csv");
        let World { store, rules, .. } = &mut world;
        candor::send::push(store, rules, "mailer", &out, hour(2)).unwrap();
        let [one, two] =
            ["one", "two"].map(|name| world.subject(&format!("email:{name}@x.example")));
        let (one, two) = (one.unwrap(), two.unwrap());
        let held = world.held();
        world.store.write(hour(3), |w| merge::join(w, two, one, Decider::Person)).unwrap();
        assert_eq!(count(&world, 3), (0, [("consent_renewal_due", 1)].into()));
        for as_of in [hour(2), hour(4)] {
            let report = unlawful(&world.store, None, as_of).unwrap();
            assert!(report.is_clean() && report.before_known.is_empty(), "{report:?}");
        }
        let outcome = world.import("leads", &rows.replace("Ann", "Anna"), hour(4));
        assert_eq!(
            outcome.summary.values_new, 0,
            "nothing comes in for a consent that is to be renewed"
        );
        assert_eq!(world.held(), held, "and nothing goes");
        // Said to both as one, it counts for both.
        let yes = |state: ConsentState| Spoken {
            purpose: Some("newsletter"),
            notice: Some("letter-form@2"),
            channel: Some("email"),
            state,
            ..Spoken::default()
        };
        world.say("email:one@x.example", &yes(Given), hour(5));
        assert_eq!(count(&world, 5).0, 1);
        let merges = lookup::merges_into(world.store.conn(), one).unwrap();
        world.store.write(hour(6), |w| merge::split(w, &merges[0])).unwrap();
        world.is_sound();
    }
}
