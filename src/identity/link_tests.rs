//! What linking promises whatever the records are: order changes nothing, guards hold, and a
//! probability means what it says.

use proptest::prelude::*;

use super::{Facts, Field, Given, Guard, Linked, Raw, Table, Verdict, link, normalise, verdict};

const SECRET: [u8; 16] = [3; 16];

/// A person's texts: given, family, birth, email, city, and the group.
type Texts = [String; 6];

fn table(people: &[Texts]) -> Table {
    let fields = [Field::Given, Field::Family, Field::Birth, Field::Email, Field::City];
    let mut table = Table::default();
    for person in people {
        let mut raw = Raw::default();
        for (field, text) in fields.into_iter().zip(person) {
            raw.texts[field as usize] = text;
        }
        table.push(&normalise(&raw, None), &person[5]);
    }
    table.finish();
    table
}

/// Few values, so that records meet often and for many reasons.
fn people() -> impl Strategy<Value = Vec<Texts>> {
    let person = (
        prop::sample::select(vec!["anna", "anne", "bob", "robert", "lind", "", "王小明", "Ивана"]),
        prop::sample::select(vec!["lind", "lindt", "okafor", "anna", "", "van berg"]),
        prop::sample::select(vec!["1980-01-02", "1980-02-01", "1981-01-02", "", "?"]),
        prop::sample::select(vec!["a@x.example", "b@x.example", "a@y.example", ""]),
        prop::sample::select(vec!["cork", "crok", "galway", ""]),
        prop::sample::select(vec!["", "shop", "till", "web"]),
    );
    let texts = person.prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f].map(str::to_owned));
    prop::collection::vec(texts, 1..40)
}

fn is_one(verdict: &Verdict, a: u32, b: u32) -> bool {
    verdict.clusters.first[a as usize] == verdict.clusters.first[b as usize]
}

fn members(linked: &Linked) -> Vec<Vec<u32>> {
    let mut members = vec![Vec::new(); linked.clusters.first.len()];
    for (record, first) in (0..).zip(&linked.clusters.first) {
        members[*first as usize].push(record);
    }
    members
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn guards_hold_and_probabilities_are_probabilities(people in people()) {
        let table = table(&people);
        let linked = link(&table, &SECRET, 1);
        for cluster in members(&linked) {
            for (at, a) in cluster.iter().enumerate() {
                for b in cluster[at + 1..].iter().filter(|b| table.may_link(*a, **b)) {
                    let pair = linked.pairs.iter().find(|pair| (pair.a, pair.b) == (*a, *b));
                    prop_assert!(pair.is_some_and(|pair| pair.probability() > 0.5), "{a} {b}");
                }
            }
        }
        let mut last = 1.0;
        for pair in &linked.pairs {
            let probability = pair.probability();
            prop_assert!(pair.a < pair.b && table.may_link(pair.a, pair.b));
            prop_assert!((0.009..=last).contains(&probability));
            last = probability;
        }
        let numbers = linked.clusters.numbers();
        prop_assert_eq!(numbers.len(), people.len());
        for (a, first) in linked.clusters.first.iter().enumerate() {
            prop_assert_eq!(numbers[a], numbers[*first as usize]);
        }
    }

    #[test]
    fn the_same_again_gives_the_same(people in people()) {
        let (one, two) = (link(&table(&people), &SECRET, 7), link(&table(&people), &SECRET, 7));
        prop_assert_eq!(one.pairs, two.pairs);
        prop_assert_eq!(one.clusters.first, two.clusters.first);
        prop_assert_eq!(one.model, two.model);
    }

    /// What was decided before stands, and what is found is all that there is to find.
    #[test]
    fn decisions_stand_and_nothing_is_found_twice(
        people in people(),
        decided in prop::collection::vec((0usize..40, 0usize..40, any::<bool>()), 0..6),
        said in prop::collection::vec((0u64..9, 0u64..3), 40),
    ) {
        let table = table(&people);
        let n = people.len();
        let mut given = Given::default();
        // Some share a mailbox, and some of those differ in what tells its holders apart.
        given.guards.each.push(Guard { kind: 1, unless_differ: vec![2], values_max: Some(2) });
        for (row, (mailbox, name)) in (0..n as u32).zip(said.into_iter().cycle()) {
            let mut facts = Facts::default();
            facts.say(1, mailbox);
            facts.have_said(1, mailbox);
            facts.say(2, name);
            facts.finish();
            given.guards.facts.insert(row, facts);
        }
        for (a, b, same) in decided {
            let pair = ((a % n) as u32, (b % n) as u32);
            if pair.0 != pair.1 {
                if same { given.together.push(pair) } else { given.apart.push(pair) }
            }
        }
        let (model, first) = verdict(&table, &SECRET, 1, &given);
        for (a, b) in &given.together {
            prop_assert!(is_one(&first, *a, *b));
        }
        // Whom people joined stays joined, also where they are said to be apart.
        let by_hand = Given { together: given.together.clone(), ..Given::default() };
        let scales = super::Scales::new(&model, &table);
        let known = super::cluster::settle(&table, &scales, &[], &by_hand);
        for (a, b) in &given.apart {
            if known.first[*a as usize] != known.first[*b as usize] {
                prop_assert!(!is_one(&first, *a, *b), "{a} {b}");
            }
        }
        let guard = &given.guards.each[0];
        for pair in &first.clusters.made {
            let [a, b] = [pair.a, pair.b].map(|row| &given.guards.facts[&row]);
            let alone = |row: u32| !given.together.iter().any(|(a, b)| *a == row || *b == row);
            let two = first.clusters.first.iter().filter(|f| **f == first.clusters.first[pair.a as usize]);
            if two.count() == 2 && alone(pair.a) && alone(pair.b) {
                prop_assert!(!guard.parts(a, b));
            }
        }
        for question in &first.questions {
            prop_assert!(!is_one(&first, question.pair.a, question.pair.b));
        }
        let found = first.clusters.made.iter().map(|edge| (edge.a, edge.b));
        given.together.extend(found);
        let (learned, again) = verdict(&table, &SECRET, 1, &given);
        prop_assert!(again.clusters.made.is_empty());
        prop_assert_eq!(again.clusters.first, first.clusters.first);
        prop_assert_eq!(again.questions, first.questions);
        prop_assert_eq!(again.related, first.related);
        prop_assert_eq!(learned, model);
    }

    #[test]
    fn comparing_is_symmetric(people in people()) {
        let table = table(&people);
        for a in 0..table.len() {
            for b in 0..table.len() {
                prop_assert_eq!(super::compare(&table, a, b), super::compare(&table, b, a));
            }
        }
    }

    /// The short way of weighing gives up only where the long way finds too little.
    #[test]
    fn giving_up_early_loses_nothing(people in people()) {
        let table = table(&people);
        let model = link(&table, &SECRET, 1).model;
        let scales = super::Scales::new(&model, &table);
        for a in 0..table.len() {
            for b in a + 1..table.len() {
                let pattern = super::compare(&table, a, b);
                let whole = scales.weigh(&pattern, &super::shared(&table, a, b, &pattern));
                match scales.weigh_records(&table, a, b, -6.6) {
                    Some(weight) => prop_assert_eq!(weight, whole),
                    None => prop_assert!(whole.person < -6.599, "{:?} {:?}", whole, pattern),
                }
            }
        }
    }
}

/// Two hundred and fifty people, some of them twice, some with their names in each other's place.
fn town() -> Vec<Texts> {
    const GIVEN: [&str; 10] =
        ["anna", "bruno", "clara", "daniel", "edda", "franz", "greta", "hugo", "ines", "jakob"];
    const FAMILY: [&str; 10] = [
        "lindqvist",
        "okafor",
        "brennan",
        "petrenko",
        "farrow",
        "moreau",
        "ziegler",
        "castellano",
        "whitby",
        "nakamura",
    ];
    let person = |n: usize| {
        let (mut given, mut family) =
            (GIVEN[n % 10].to_owned(), format!("{}{}", FAMILY[n / 10 % 10], n / 100));
        if n.is_multiple_of(7) {
            std::mem::swap(&mut given, &mut family);
        }
        let birth = format!("19{:02}-{:02}-{:02}", n * 31 % 90, 1 + n % 12, 1 + n * 7 % 28);
        [given, family, birth, format!("m{n}@x.example"), format!("town{}", n % 40), String::new()]
    };
    let mut people: Vec<Texts> = (0..250).map(person).collect();
    for n in 0..60 {
        let [given, family, birth, ..] = person(n);
        let birth = if n.is_multiple_of(3) { String::new() } else { birth };
        let nothing = String::new;
        people.push([family, given, birth, nothing(), format!("town{}", n % 40), nothing()]);
    }
    people
}

#[test]
fn giving_up_early_loses_nothing_where_names_stand_crosswise() {
    let table = table(&town());
    let model = link(&table, &SECRET, 1).model;
    let scales = super::Scales::new(&model, &table);
    let mut given_up = 0;
    for a in 0..table.len() {
        for b in a + 1..table.len() {
            let pattern = super::compare(&table, a, b);
            let whole = scales.weigh(&pattern, &super::shared(&table, a, b, &pattern));
            match scales.weigh_records(&table, a, b, 2.0) {
                Some(weight) => assert_eq!(weight, whole),
                None => {
                    given_up += 1;
                    assert!(whole.person < 2.001, "{whole:?} {pattern:?}");
                }
            }
        }
    }
    assert!(given_up > 10_000, "{given_up}");
}

#[test]
fn two_of_one_source_meet_through_a_third_only_where_they_are_alike() {
    let mut people = town();
    let records = people.len();
    for n in 0..60 {
        people[n][5] = "shop".into();
        people.push(people[n].clone());
    }
    for n in 0..60 {
        // A sister, whom only what another source lacks tells from the other two.
        let mut sister = people[n].clone();
        sister[if n.is_multiple_of(7) { 1 } else { 0 }] = "wilhelmina".into();
        sister[2] = format!("1999-0{}-11", 1 + n % 9);
        people.push(sister);
    }
    let table = table(&people);
    let linked = link(&table, &SECRET, 1);
    assert!(linked.pairs.iter().all(|pair| table.may_link(pair.a, pair.b)));
    let first = |record: usize| linked.clusters.first[record];
    let alike = (0..60).filter(|n| first(*n) == first(records + n)).count();
    let sisters = (0..60).filter(|n| first(*n) == first(records + 60 + n)).count();
    assert!(alike > 40 && sisters == 0, "{alike} {sisters}");
}

#[test]
fn one_record_is_one_person() {
    let alone = ["anna", "lind", "", "", "", ""].map(str::to_owned);
    let linked = link(&table(&[alone]), &SECRET, 1);
    assert_eq!((linked.pairs.len(), linked.clusters.numbers()), (0, vec![0]));
}

/// What fields say, and nothing else.
fn records(rows: &[Vec<(Field, String)>]) -> Table {
    let mut table = Table::default();
    for row in rows {
        let mut raw = Raw::default();
        row.iter().for_each(|(field, text)| raw.texts[*field as usize] = text);
        table.push(&normalise(&raw, None), "");
    }
    table.finish();
    table
}

#[test]
fn whoever_has_many_records_is_one_person() {
    let equal = ["zoe", "quist", "1990-01-01", "z@x.example", "cork", ""].map(str::to_owned);
    for (others, many) in [(0, 10), (0, 50), (250, 150)] {
        let mut people = town();
        people.truncate(others);
        people.extend(std::iter::repeat_n(equal.clone(), many));
        let linked = link(&table(&people), &SECRET, 1);
        let first = &linked.clusters.first[others..];
        assert!(first.iter().all(|record| *record as usize == others), "{many} among {others}");
    }
}

#[test]
fn a_number_that_nobody_else_has_is_enough_and_a_date_of_birth_is_not() {
    let twice = |field: Field, text: fn(usize) -> String| -> Vec<Vec<(Field, String)>> {
        (0..600).map(|n| vec![(field, text(n / 2))]).collect()
    };
    let mail = |n: usize| format!("a{n}@x.example");
    let number = |n: usize| (210_000_017 + n * 7_919).to_string();
    let birth = |n: usize| format!("19{:02}-{:02}-{:02}", n % 90, 1 + n % 12, 1 + n * 7 % 28);
    let joined = |field, text| {
        let linked = link(&records(&twice(field, text)), &SECRET, 1);
        let of = |n: usize| linked.clusters.first[n];
        let pairs = (0..600).step_by(2).filter(|n| of(*n) == of(n + 1)).count();
        (pairs, linked.clusters.numbers().into_iter().max().unwrap_or_default())
    };
    assert_eq!(joined(Field::Person, number), (300, 299));
    assert_eq!(joined(Field::Email, mail), (300, 299));
    assert_eq!(joined(Field::Phone, number), (300, 299));
    assert_eq!(joined(Field::Birth, birth), (0, 599));
}

#[test]
fn an_address_made_of_the_names_says_no_more_than_they_do() {
    let mail = |local: &str, at: &str| {
        let texts = ["robert", "kowalski"].map(str::to_owned);
        let [given, family] = texts;
        let mail = format!("{local}@{at}.example");
        vec![(Field::Given, given), (Field::Family, family), (Field::Email, mail)]
    };
    let level = |local: &str| {
        let table = records(&[mail(local, "x"), mail(local, "y")]);
        super::compare(&table, 0, 1)[Field::Email as usize]
    };
    assert_eq!(level("robert.kowalski"), super::MISSING);
    assert_eq!(level("blue.whale"), 1);
    let same = records(&[mail("robert.kowalski", "x"), mail("robert.kowalski", "x")]);
    assert_eq!(super::compare(&same, 0, 1)[Field::Email as usize], 0);
}

#[test]
fn father_and_son_of_one_name_are_two() {
    let called =
        |family: &str| vec![(Field::Given, "John".to_owned()), (Field::Family, family.to_owned())];
    let given = |one: &str, other: &str| {
        let table = records(&[called(one), called(other)]);
        super::compare(&table, 0, 1)[Field::Given as usize]
    };
    assert_eq!(given("Lind Jr.", "Lind Sr."), 6);
    assert_eq!(given("Lind II", "Lind III"), 6);
    assert_eq!((given("Lind Jr.", "Lind"), given("Lind Jr.", "Lind II")), (0, 0));
}
