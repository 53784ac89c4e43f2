//! Made-up people in made-up households, as four systems of a brand would write them down.
//!
//! Everything follows from the seed: names of uneven frequency, families behind one door with one
//! telephone, people who move and marry, four systems that ask for different fields, and hands that
//! slip. Nothing in it was taken from a labelled set.

use std::fmt::Write as _;

/// SplitMix64: small, seeded, and good enough for choosing.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn happens(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// A rank in `0..n` of which the low ones are common.
    fn common(&mut self, n: usize) -> usize {
        ((n as f64).powf(self.share()) - 1.0) as usize
    }
}

/// What a set is like.
pub struct Kind {
    /// How many records, about.
    pub records: usize,
    /// How often a hand slips, by field.
    pub slips: f64,
    /// The seed.
    pub seed: u64,
}

#[derive(Clone, Default)]
struct Person {
    given: String,
    middle: String,
    family: String,
    birth: String,
    gender: &'static str,
    email: String,
    phone: String,
    loyalty: String,
    number: String,
    street: String,
    city: String,
    postcode: String,
}

/// The set as CSV with the columns of the labelled sets, and its labels as CSV.
pub fn generate(kind: &Kind) -> (String, String) {
    let mut random = Random(kind.seed);
    let mut rows: Vec<(usize, String)> = Vec::with_capacity(kind.records);
    let (mut entity, mut household) = (0, 0);
    while rows.len() < kind.records {
        household += 1;
        for person in family(&mut random, household, kind.records) {
            for _ in 0..1 + random.common(4) {
                rows.push((entity, record(&mut random, &person, kind.slips)));
            }
            entity += 1;
        }
    }
    for at in (1..rows.len()).rev() {
        rows.swap(at, random.below(at + 1));
    }
    let mut set = String::from(
        "record_id,source,first_name,middle_initial,last_name,date_of_birth,gender,street_number,\
         address_line1,city,postcode,email,phone,loyalty_id\n",
    );
    let mut labels = String::from("record_id,entity_id\n");
    for (at, (entity, row)) in rows.iter().enumerate() {
        writeln!(set, "g{at:08},{row}").expect("a String takes all");
        writeln!(labels, "g{at:08},{entity}").expect("a String takes all");
    }
    (set, labels)
}

/// A word of syllables; the rank decides it.
fn word(rank: usize, ending: &str) -> String {
    const STARTS: [&str; 20] = [
        "b", "br", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "st", "t", "v",
        "w", "sch",
    ];
    const VOWELS: [&str; 6] = ["a", "e", "i", "o", "u", "ei"];
    const STOPS: [&str; 10] = ["n", "r", "l", "s", "m", "tt", "ck", "rd", "nd", ""];
    // Ranks that follow each other give words that don't.
    let mut left = rank * 7919 + 13;
    let mut out = String::new();
    for _ in 0..2 {
        out += STARTS[left % 20];
        left /= 20;
        out += VOWELS[left % 6];
        left = left / 6 + rank;
        out += STOPS[left % 10];
        left /= 3;
    }
    out + ending
}

fn given(random: &mut Random, gender: &str) -> String {
    const WOMEN: [&str; 16] = [
        "anna",
        "elizabeth",
        "katherine",
        "margaret",
        "susan",
        "jennifer",
        "sophia",
        "rebecca",
        "victoria",
        "alice",
        "julia",
        "clara",
        "ines",
        "maria",
        "nora",
        "hilde",
    ];
    const MEN: [&str; 16] = [
        "william",
        "robert",
        "james",
        "alexander",
        "michael",
        "thomas",
        "daniel",
        "joseph",
        "richard",
        "edward",
        "anton",
        "karl",
        "luca",
        "pierre",
        "bruno",
        "henry",
    ];
    let rank = random.common(1500);
    match (rank, gender) {
        (..16, "Female") => WOMEN[rank].to_owned(),
        (..16, _) => MEN[rank].to_owned(),
        (_, "Female") => word(rank, "a"),
        _ => word(rank, "o"),
    }
}

fn family(random: &mut Random, household: usize, records: usize) -> Vec<Person> {
    let streets = (records / 20).clamp(200, 40_000);
    let city = random.common(400);
    let home = Person {
        family: {
            let rank = random.common(20_000);
            word(rank, ["er", "son", "mann", "i"][rank % 4])
        },
        number: (1 + random.common(300)).to_string(),
        street: format!(
            "{} {}",
            word(random.below(streets), ""),
            ["street", "road", "lane"][city % 3]
        ),
        city: word(city, "burg"),
        postcode: format!("{:05}", 10_000 + city * 200 + random.below(40)),
        phone: format!("20{:08}", (household * 7919) % 100_000_000),
        ..Person::default()
    };
    let shared_email = random.happens(0.15);
    let members = 1 + random.common(5);
    (0..members)
        .map(|at| {
            let gender = if random.happens(0.5) { "Female" } else { "Male" };
            let year = if at < 2 { 1940 + random.below(50) } else { 1990 + random.below(25) };
            let mut person = home.clone();
            person.given = given(random, gender);
            person.gender = gender;
            person.middle = char::from(b'A' + random.below(26) as u8).to_string();
            person.birth =
                format!("{year}-{:02}-{:02}", 1 + random.below(12), 1 + random.below(28));
            if random.happens(0.6) {
                person.phone = format!("20{:08}", random.below(100_000_000));
            }
            if random.happens(0.3) {
                person.loyalty = format!("LC{:08}", random.below(100_000_000));
            }
            let owner = if shared_email { "home".to_owned() } else { person.given.clone() };
            let host = if shared_email { 0 } else { random.below(3) };
            let host = ["mail.example", "post.example", "letters.example"][host];
            person.email = format!("{owner}.{}{}@{host}", person.family, household % 90);
            person
        })
        .collect()
}

fn record(random: &mut Random, person: &Person, slips: f64) -> String {
    let source = random.below(4);
    let mut person = person.clone();
    if random.happens(0.06) {
        person.number = (1 + random.common(300)).to_string();
        person.street = format!("{} road", word(random.below(9000), ""));
    }
    if person.gender == "Female" && random.happens(0.02) {
        person.family = word(random.common(20_000), "er");
    }
    if random.happens(0.08) {
        person.given = nickname(&person.given);
    }
    if random.happens(0.15) {
        person.phone = format!("+1{}", person.phone);
    }
    if random.happens(0.01) {
        std::mem::swap(&mut person.given, &mut person.family);
    }
    let missing: [f64; 11] = match source {
        0 => [0.01, 0.1, 0.01, 0.1, 0.1, 0.05, 0.05, 0.02, 0.2, 0.3, 0.6],
        1 => [0.02, 0.3, 0.05, 0.4, 0.3, 0.3, 0.3, 0.1, 0.05, 0.5, 0.9],
        2 => [0.02, 0.3, 0.03, 0.9, 0.9, 0.1, 0.1, 0.05, 0.6, 0.5, 0.2],
        _ => [0.1, 0.8, 0.15, 0.9, 0.8, 0.5, 0.5, 0.2, 0.1, 0.4, 0.9],
    };
    let fields = [
        &person.given,
        &person.middle,
        &person.family,
        &person.birth,
        person.gender,
        &person.number,
        &person.street,
        &person.city,
        &person.email,
        &person.phone,
        &person.loyalty,
    ];
    let mut written: Vec<String> = fields
        .into_iter()
        .zip(missing)
        .map(|(text, missing)| {
            if random.happens(missing) {
                String::new()
            } else if random.happens(slips) {
                slip(random, text)
            } else {
                text.to_owned()
            }
        })
        .collect();
    let postcode = if written[7].is_empty() { String::new() } else { person.postcode };
    written.insert(8, postcode);
    format!("{},{}", ["crm", "web", "store", "support"][source], written.join(","))
}

fn nickname(given: &str) -> String {
    const SHORT: [(&str, &str); 12] = [
        ("elizabeth", "liz"),
        ("katherine", "kate"),
        ("margaret", "peggy"),
        ("susan", "sue"),
        ("jennifer", "jen"),
        ("rebecca", "becky"),
        ("william", "bill"),
        ("robert", "bob"),
        ("james", "jim"),
        ("michael", "mike"),
        ("richard", "dick"),
        ("edward", "ted"),
    ];
    let short = SHORT.iter().find(|(name, _)| *name == given);
    short.map_or_else(|| given[..given.len().min(3)].to_owned(), |(_, short)| (*short).to_owned())
}

/// One letter or digit left out, doubled, changed or swapped with its neighbour.
fn slip(random: &mut Random, text: &str) -> String {
    let mut signs: Vec<char> = text.chars().collect();
    if signs.len() < 2 {
        return text.to_owned();
    }
    let at = random.below(signs.len() - 1);
    match random.below(4) {
        0 => {
            signs.remove(at);
        }
        1 => signs.insert(at, signs[at]),
        2 => signs.swap(at, at + 1),
        _ if signs[at].is_ascii_digit() => signs[at] = char::from(b'0' + random.below(10) as u8),
        _ => signs[at] = char::from(b'a' + random.below(26) as u8),
    }
    signs.into_iter().collect()
}
