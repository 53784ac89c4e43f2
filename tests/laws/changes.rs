//! Whoever follows the changes from any place on knows of whom something may be known, and of whom nothing may
//! any more.

use std::collections::{BTreeMap, BTreeSet};

use candor::base::clock::Moment;
use candor::consent::desk::Spoken;
use candor::consent::statement::Axis;
use candor::policy::types::ConsentState;
use candor::profile::merge::{self, Decider};
use candor::send::changes::{Place, Stands, Watch, changes, newest};
use candor::store;
use proptest::prelude::*;

use crate::common::{POLICY, World, apply, hour, numbers};
use crate::context_tells_what_the_gate_lets_out::{Act, PURPOSES, act, ask, happen, policy};

/// What somebody knows who listens: where each record stands.
#[derive(Default)]
struct Listener {
    place: Option<Place>,
    stands: BTreeMap<i64, Stands>,
    resets: usize,
}

impl Listener {
    /// Hears all that there is to tell.
    fn hear(&mut self, world: &World, purpose: &str, now: Moment) {
        let rules = &world.rules;
        let rule = rules.rule(rules.purpose_code(purpose).unwrap()).unwrap();
        let watch = Watch { rules, rule, channel: None, destination: 0 };
        let mut place = self.place.unwrap_or(Place::behind(0));
        loop {
            let news = changes(&world.store, watch, place, now).unwrap();
            self.resets += usize::from(news.is_all);
            self.stands.extend(news.records);
            if news.place == place {
                break;
            }
            place = news.place;
        }
        assert_eq!(place, Place::behind(newest(&world.store).unwrap()));
        self.place = Some(place);
    }

    fn knows(&self) -> BTreeSet<i64> {
        let known = self.stands.iter().filter(|(_, stands)| **stands == Stands::Changed);
        known.map(|(record, _)| *record).collect()
    }
}

/// The records of which something may be known, asked person by person.
fn known(world: &World, purpose: &str, now: Moment) -> BTreeSet<i64> {
    let subjects = "SELECT DISTINCT s.public_id FROM subject s JOIN record r ON r.subject = s.id";
    let ids = numbers(world.store.conn(), subjects).into_iter().map(merge::public_text);
    let contexts = ids.filter_map(|id| ask(world, &id, purpose, now));
    let known = contexts.filter_map(|context| context.known);
    known.flat_map(|known| known.item().records().to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// One who heard everything from the first entry, one who listens from time to time, and one who comes
    /// late know the same, and it is what may be known.
    #[test]
    fn who_listens_knows_of_whom_something_may_be_known(
        acts in prop::collection::vec(act(), 1..12),
        erased in prop::option::of(0..3_usize),
        at in 0..12_usize,
        purpose in prop::sample::select(PURPOSES.to_vec()),
    ) {
        let mut world = World::under(&policy());
        let (mut often, mut late) = (Listener::default(), Listener::default());
        for (n, act) in (1..).zip(&acts) {
            happen(&mut world, act, hour(n));
            let who = erased.filter(|_| usize::try_from(n).unwrap() == at + 1);
            let who = who.map(|who| format!("email:mail{who}@x.example"));
            if let Some(who) = who.filter(|who| world.subject(who).is_some()) {
                world.erase(&who, hour(n));
            }
            if n % 2 == 0 {
                often.hear(&world, purpose, hour(n));
            }
        }
        let now = hour(100);
        often.hear(&world, purpose, now);
        late.hear(&world, purpose, now);
        let expected = known(&world, purpose, now);
        prop_assert_eq!(&late.knows(), &expected);
        prop_assert_eq!(&often.knows(), &expected);
    }
}

fn row(key: &str, email: &str, optin: &str) -> String {
    format!(
        "customer_id,at,name,email,optin,notice\n{key},2026-01-02,N,{email},{optin},letter-form@2\n"
    )
}

#[test]
fn each_way_of_ending_is_told_as_a_stop_and_each_new_word_as_a_change() {
    let mut world = World::new();
    world.import("shop", &row("a", "ann@x.example", "yes"), hour(1));
    let mut letter = Listener::default();
    letter.hear(&world, "newsletter", hour(1));
    let [ann] = letter.knows().into_iter().collect::<Vec<_>>()[..] else { panic!("one record") };
    let heard = |world: &World, listener: &mut Listener, now| {
        listener.stands.clear();
        listener.hear(world, "newsletter", now);
        listener.stands.get(&ann).copied()
    };
    let say = |world: &mut World, axis, purpose, state, now| {
        let notice = (axis == Axis::Consent).then_some("letter-form@2");
        let spoken = Spoken { axis, purpose, state, notice, ..Spoken::default() };
        world.say("email:ann@x.example", &spoken, now);
    };
    // Nothing new is nothing told.
    assert_eq!(heard(&world, &mut letter, hour(2)), None);
    say(&mut world, Axis::Restriction, None, ConsentState::Given, hour(3));
    assert_eq!(heard(&world, &mut letter, hour(3)), Some(Stands::Stop));
    say(&mut world, Axis::Restriction, None, ConsentState::Withdrawn, hour(4));
    assert_eq!(heard(&world, &mut letter, hour(4)), Some(Stands::Changed));
    say(&mut world, Axis::Consent, Some("newsletter"), ConsentState::Withdrawn, hour(5));
    assert_eq!(heard(&world, &mut letter, hour(5)), Some(Stands::Stop));
    say(&mut world, Axis::Consent, Some("newsletter"), ConsentState::Given, hour(6));
    world.import("shop", &row("a", "ann@x.example", "").replace("-02,", "-03,"), hour(7));
    assert_eq!(heard(&world, &mut letter, hour(7)), Some(Stands::Changed));
    // What is only the orders' business isn't told to the letter.
    world.import("shop", &row("c", "cy@x.example", ""), hour(8));
    letter.stands.clear();
    letter.hear(&world, "newsletter", hour(8));
    assert!(letter.stands.is_empty(), "{:?}", letter.stands);
    world.erase("email:ann@x.example", hour(9));
    assert_eq!(heard(&world, &mut letter, hour(9)), Some(Stands::Stop));
    // The erased record's number is all that is left, and it is told as a stop for good.
    let mut late = Listener::default();
    late.hear(&world, "newsletter", hour(10));
    assert_eq!(late.stands.get(&ann), Some(&Stands::Stop));
}

#[test]
fn who_is_joined_and_parted_is_told_of_on_both_sides() {
    let mut world = World::new();
    world.import("shop", &row("a", "ann@x.example", "yes"), hour(1));
    world.import("shop", &row("b", "ben@x.example", "yes"), hour(1));
    let mut letter = Listener::default();
    letter.hear(&world, "newsletter", hour(1));
    let both = letter.knows();
    assert_eq!(both.len(), 2);
    let (a, b) = (world.subject("email:ann@x.example"), world.subject("email:ben@x.example"));
    let (into, from) = (a.unwrap().min(b.unwrap()), a.unwrap().max(b.unwrap()));
    world.store.write(hour(2), |w| merge::join(w, from, into, Decider::Person)).unwrap();
    letter.stands.clear();
    letter.hear(&world, "newsletter", hour(2));
    assert_eq!(letter.knows(), both);
    let joined = candor::profile::lookup::merges_into(world.store.conn(), into).unwrap()[0];
    world.store.write(hour(3), |w| merge::split(w, &joined)).unwrap();
    letter.stands.clear();
    letter.hear(&world, "newsletter", hour(3));
    assert_eq!(letter.knows(), both);
}

/// What only events had served leaves nothing that says for which purpose it was.
#[test]
fn who_was_known_by_events_alone_is_told_as_a_stop_when_they_are_forgotten() {
    let mut world = World::new();
    let looks = |n: i64| {
        format!("card,at,looked_at,basket,cents,what\nc-1,2026-01-03,2026-01-03,b{n},5,x\n")
    };
    world.import("till", &looks(1), hour(1));
    let say = |world: &mut World, state, now| {
        let notice = (state == ConsentState::Given).then_some("tips-form@1");
        let purpose = Some("tips");
        let spoken = Spoken { axis: Axis::Consent, purpose, state, notice, ..Spoken::default() };
        world.say("card:c-1", &spoken, now);
    };
    say(&mut world, ConsentState::Given, hour(2));
    world.import("till", &looks(2), hour(3));
    let mut tips = Listener::default();
    tips.hear(&world, "tips", hour(3));
    assert_eq!(tips.knows().len(), 1);
    say(&mut world, ConsentState::Withdrawn, hour(4));
    tips.hear(&world, "tips", hour(4));
    assert_eq!((tips.knows().len(), tips.stands.len()), (0, 1));
}

/// A "no" that one source's row brings reaches the rows of all others of the same person.
#[test]
fn what_one_record_says_is_told_of_all_of_the_person() {
    let mut world = World::new();
    let lead = |at: &str, optin: &str| {
        format!(
            "lead,at,name,email,optin,notice\nl1,{at},Ann,ann@x.example,{optin},letter-form@2\n"
        )
    };
    world.import("shop", &row("a", "ann@x.example", "yes"), hour(1));
    let mut letter = Listener::default();
    letter.hear(&world, "newsletter", hour(1));
    let shop = letter.knows();
    world.import("leads", &lead("2026-01-03", ""), hour(2));
    letter.hear(&world, "newsletter", hour(2));
    assert!(letter.knows().is_superset(&shop));
    world.import("leads", &lead("2026-01-04", "out"), hour(3));
    letter.hear(&world, "newsletter", hour(3));
    assert!(letter.knows().is_empty(), "{:?}", letter.stands);
}

/// What is sent to an address would reach whoever shares it: their "no" closes it to others, too.
#[test]
fn a_no_of_who_shares_an_address_is_told_of_those_who_hold_it() {
    let apart = "form = \"email\"\nunless_differ = [\"first_name\"]";
    let mut world = World::under(&POLICY.replacen("form = \"email\"", apart, 1));
    let rows = |at: &str, ann: &str| {
        format!(
            "customer_id,at,name,email,optin,notice\n\
             c1,{at},Ann,both@x.example,{ann},letter-form@1\n\
             c2,2026-01-04,Bob,both@x.example,yes,letter-form@1\n"
        )
    };
    world.import("shop", &rows("2026-01-04", "yes"), hour(1));
    let mut letter = Listener::default();
    letter.hear(&world, "newsletter", hour(1));
    assert_eq!(letter.knows().len(), 2);
    letter.stands.clear();
    world.import("shop", &rows("2026-01-05", "out"), hour(2));
    letter.hear(&world, "newsletter", hour(2));
    assert_eq!(letter.stands.len(), 2, "Bob's address is closed too: {:?}", letter.stands);
    assert_eq!(letter.knows().len(), 1, "his name may still be known");
}

#[test]
fn another_policy_is_told_to_all() {
    let mut world = World::new();
    world.import("shop", &row("a", "ann@x.example", "yes"), hour(1));
    let mut letter = Listener::default();
    letter.hear(&world, "newsletter", hour(1));
    assert_eq!(letter.resets, 1, "the first policy");
    apply(&mut world.store, &format!("{POLICY}\n# the same again\n"), hour(2));
    world.rules = store::latest(world.store.conn(), world.store.words()).unwrap();
    letter.hear(&world, "newsletter", hour(2));
    assert_eq!(letter.resets, 2);
}

/// More records than are told at once come in by one entry; who listens hears of each.
#[test]
fn a_large_import_is_told_to_its_end() {
    let mut world = World::new();
    let mut csv = "customer_id,at,name,email\n".to_owned();
    for n in 0..1_300 {
        csv += &format!("c{n},2026-01-02,N{n},mail{n}@x.example\n");
    }
    world.import("shop", &csv, hour(1));
    let mut orders = Listener::default();
    orders.hear(&world, "orders", hour(1));
    assert_eq!(orders.knows().len(), 1_300);
    happen(&mut world, &Act::Buy { source: "till", who: 1 }, hour(2));
    orders.stands.clear();
    orders.hear(&world, "orders", hour(2));
    assert_eq!(orders.stands.len(), 1);
}

/// What is other purposes' business is told by no word, and by none that something happened either.
#[test]
fn what_other_purposes_learn_and_lose_is_told_to_nobody_else() {
    let mut world = World::new();
    let rows = "customer_id,at,name,email,card,seen,optin,notice\n\
        a,2026-01-02,Ann,ann@x.example,c-1,,yes,letter-form@2\n";
    world.import("shop", rows, hour(1));
    let say = |world: &mut World, purpose, state, now| {
        let notice = match (purpose, state) {
            (_, ConsentState::Withdrawn) => None,
            ("tips", _) => Some("tips-form@1"),
            _ => Some("letter-form@2"),
        };
        let spoken = Spoken {
            axis: Axis::Consent,
            purpose: Some(purpose),
            state,
            notice,
            ..Spoken::default()
        };
        world.say("email:ann@x.example", &spoken, now);
    };
    let mut letter = Listener::default();
    letter.hear(&world, "newsletter", hour(1));
    assert_eq!(letter.knows().len(), 1);
    let mut heard = |world: &World, now| {
        letter.stands.clear();
        letter.hear(world, "newsletter", now);
        std::mem::take(&mut letter.stands)
    };
    // Somebody looks at things, which tips may know; buys; says yes and no to tips.
    say(&mut world, "tips", ConsentState::Given, hour(2));
    for n in 3..6 {
        let looks = format!(
            "card,at,looked_at,basket,cents,what\nc-1,2026-01-0{n},2026-01-0{n},b{n},5,x\n"
        );
        world.import("till", &looks, hour(n));
    }
    let events = numbers(world.store.conn(), "SELECT COUNT(*) FROM event WHERE purposes <> 2");
    assert!(events[0] >= 3, "{events:?}");
    say(&mut world, "tips", ConsentState::Withdrawn, hour(7));
    assert_eq!(heard(&world, hour(7)), BTreeMap::new(), "the letter has nothing to do with it");
    let mut tips = Listener::default();
    tips.hear(&world, "tips", hour(7));
    assert!(!tips.stands.is_empty(), "who listens for it hears");
    // What the letter knows is told as ever: another address, which takes the place of the one before.
    let moved = rows.replace("ann@", "anna@").replace("-02,", "-04,");
    world.import("shop", &moved, hour(8));
    assert_eq!(heard(&world, hour(8)).len(), 1);
}
