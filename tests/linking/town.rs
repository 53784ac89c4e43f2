//! People of a small town, made up: each with a row of the shop and one of the card forms, which differ as
//! such rows do; every two of them of one household.

use std::fmt::Write;

use crate::common::{World, hour, numbers};

pub const POLICY: &str = include_str!("policy.toml");

/// The tables that a run may change.
pub const TABLES: [&str; 7] =
    ["record", "subject", "merge", "merge_record", "link", "question", "model"];

const GIVEN: [&str; 24] = [
    "Anna", "Bruno", "Clara", "Daniel", "Edda", "Franz", "Greta", "Hugo", "Ines", "Jakob", "Karin",
    "Lukas", "Maria", "Niels", "Olga", "Peter", "Quentin", "Rosa", "Simon", "Tilda", "Ulrich",
    "Vera", "Walter", "Yvonne",
];
const FAMILY: [&str; 20] = [
    "Lindqvist",
    "Okafor",
    "Brennan",
    "Petrenko",
    "Farrow",
    "Moreau",
    "Ziegler",
    "Castellano",
    "Whitby",
    "Nakamura",
    "Oyelaran",
    "Dubois",
    "Hartmann",
    "Kowalczyk",
    "Salazar",
    "Thornbury",
    "Vasquez",
    "Wintour",
    "Abernathy",
    "Eriksen",
];

pub struct Town {
    first: usize,
    people: usize,
}

/// A world with a town in it.
pub fn world_of(town: &Town) -> World {
    let mut world = World::under(POLICY);
    town.import(&mut world, 1);
    world
}

/// The record of a source's key; the keys of all sources differ.
pub fn record_of(world: &World, key: &str) -> i64 {
    let records = numbers(world.store.conn(), "SELECT DISTINCT subject FROM record");
    for subject in records {
        let open =
            candor::profile::read::open_records(world.store.conn(), world.store.words(), subject);
        if let Some(found) = open.unwrap().iter().find(|record| record.source_key == key) {
            return found.id;
        }
    }
    panic!("{key} is not held");
}

impl Town {
    pub fn new(people: usize) -> Town {
        Town::from(0, people)
    }

    /// Other people than those of another beginning.
    pub fn from(first: usize, people: usize) -> Town {
        Town { first, people }
    }

    pub fn email(&self, n: usize) -> String {
        format!("person{}@mail.example", self.first + n)
    }

    /// Imports the town: shop first, cards second.
    pub fn import(&self, world: &mut World, at: i64) {
        self.import_with(world, at, |_, _| "");
    }

    /// The same, with what each row says of the letter.
    pub fn import_with(
        &self,
        world: &mut World,
        at: i64,
        optin: impl Fn(usize, &'static str) -> &'static str,
    ) {
        for source in ["shop", "cards"] {
            let mut csv = "id,first,last,born,email,phone,street,postcode,optin\n".to_owned();
            for n in 0..self.people {
                let row = self.row(n, source);
                writeln!(csv, "{row},{}", optin(n, source)).unwrap();
            }
            world.import(source, &csv, hour(at));
        }
    }

    /// A row of a person. The card's row has another e-mail address or none, sometimes a slip in the name
    /// or no date of birth, and for some so little that it has to be asked about.
    fn row(&self, n: usize, source: &'static str) -> String {
        let id = self.first + n;
        let household = id / 2;
        let given = GIVEN[id * 7 % GIVEN.len()];
        let family = FAMILY[household * 3 % FAMILY.len()];
        let born = format!("19{:02}-{:02}-{:02}", 40 + id * 13 % 55, 1 + id % 12, 1 + id * 5 % 28);
        let street = format!("{} Quay {}", 1 + household * 7 % 90, household % 9);
        let postcode = format!("T{:02}", household % 60);
        if source == "shop" {
            let (key, email) = (self.key("s", n), self.email(n));
            return format!("{key},{given},{family},{born},{email},,{street},{postcode}");
        }
        let key = self.key("k", n);
        let slip = format!("{}{}", &family[..3], &family[4..]);
        match id % 7 {
            6 => format!("{key},{given},{family},,,,,"),
            0 => {
                format!("{key},{given},{family},{born},card{id}@other.example,,{street},{postcode}")
            }
            1 => format!("{key},{given},{family},{born},,,,"),
            2 => format!("{key},{given},{slip},{born},,,{street},{postcode}"),
            3 => format!("{key},{given},{family},,,,{street},{postcode}"),
            4 => format!("{key},{given},{family},{born},,,,{postcode}"),
            _ => format!("{key},{},{family},,,,{street},{postcode}", &given[..1]),
        }
    }

    /// What a source calls a person's row: `s` for the shop, `k` for the cards.
    pub fn key(&self, kind: &str, n: usize) -> String {
        let begin = if self.first == 0 { String::new() } else { format!("{}-", self.first) };
        format!("{kind}{begin}{n}")
    }

    /// Pairs of people whose rows of the shop were made one profile.
    pub fn wrongly_joined(&self, world: &World) -> Vec<(usize, usize)> {
        let subjects: Vec<Option<i64>> =
            (0..self.people).map(|n| world.subject(&format!("email:{}", self.email(n)))).collect();
        let mut wrong = Vec::new();
        for a in 0..self.people {
            for b in a + 1..self.people {
                if subjects[a].is_some() && subjects[a] == subjects[b] {
                    wrong.push((a, b));
                }
            }
        }
        wrong
    }
}
