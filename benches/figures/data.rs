//! The made-up brand: a policy, people and what they did, the same for every run.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Events of one person, on average.
pub const EVENTS_A_PERSON: u64 = 10;

/// What is declared: three purposes, two of which cover behaviour; one of them needs consent.
pub const POLICY: &str = r#"
[controller]
name = "Measured Ltd"
country = "IE"
timezone = "Europe/Dublin"
contact = "privacy@measured.example"

[category.contact]
title = "Name, country and e-mail address"
[category.behaviour]
title = "Pages that were looked at"

[notice.form]
[[notice.form.version]]
version = 1
language = "en"
text = "May we look at what you read, to suggest what else you may like? You can say no at any time."

[purpose.account]
title = "Run the account"
basis = "contract"
categories = ["contact"]
retention = "P6Y"
[purpose.security]
title = "Find misuse of the shop"
basis = "legitimate_interests"
assessment = "LIA-1"
categories = ["behaviour"]
retention = "P2Y"
[purpose.suggestions]
title = "Suggest what may please"
basis = "consent"
profiling = true
categories = ["behaviour", "contact"]
notice = "form"
retention = "P2Y"

[identifier.email]
form = "email"

[source.shop]
title = "Web shop"
key = "customer"
observed = { from = "at" }
purposes = ["account", "security", "suggestions"]
[source.shop.fields]
email = { as = "identifier.email", category = "contact" }
first_name = { as = "attribute.first_name", category = "contact" }
last_name = { as = "attribute.last_name", category = "contact" }
country = { as = "attribute.country", category = "contact" }
[[source.shop.consent]]
purpose = "suggestions"
state = { from = "suggestions", values = { yes = "given", no = "refused" } }
notice = "form@1"
method = "checkbox"
[[source.shop.event]]
name = "viewed"
category = "behaviour"
id = { from = "id" }
at = { from = "viewed_at" }
properties = { browser = { from = "browser" }, campaign = { from = "campaign" }, device = { from = "device" }, page = { from = "page" }, price = { from = "price" }, referrer = { from = "referrer" }, session = { from = "session" }, title = { from = "title" } }
"#;

/// Small, fast and the same everywhere (SplitMix64).
pub struct Random(u64);

impl Random {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

/// A person's e-mail address.
pub fn email(person: u64) -> String {
    format!("person.{person}@mail{}.example", person % 7)
}

/// The key under which the shop knows a person.
pub fn key(person: u64) -> String {
    format!("c-{person:08}")
}

/// What one event says.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// Whose it is.
    pub person: u64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Its id in the shop.
    pub id: u64,
    /// Its eight properties, as JSON with sorted names.
    pub properties: String,
}

/// 2026-01-01, when the first event happens; the last one happens 300 days later.
const FIRST_AT: i64 = 1_767_225_600_000;
const SPAN_MS: i64 = 300 * 86_400_000;

/// The events of a shop with `count` events, in the order in which they happened.
pub struct Events {
    random: Random,
    count: u64,
    made: u64,
}

impl Events {
    /// Begins with the first.
    pub fn new(count: u64) -> Events {
        Events { random: Random::new(0xca4d_0e5f), count, made: 0 }
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.made == self.count {
            return None;
        }
        let random = &mut self.random;
        let at =
            FIRST_AT + (SPAN_MS as i128 * i128::from(self.made) / i128::from(self.count)) as i64;
        self.made += 1;
        let person = random.below(people(self.count));
        let kind = random.pick(&["boots", "jackets", "tents", "lamps", "maps", "socks", "stoves"]);
        let item = random.below(20_000);
        let mut properties = String::with_capacity(256);
        write!(
            properties,
            concat!(
                r#"{{"browser":"{} {}","campaign":"{}","device":"{}","page":"/shop/{}/{}","price":"{}","#,
                r#""referrer":"https://{}.example/?q={}","session":"{:012x}","title":"{} {}, {}"}}"#,
            ),
            random.pick(&["Firefox", "Chrome", "Safari", "Edge"]),
            120 + random.below(12),
            random.pick(&["", "autumn-letter", "spring-letter", "friends", "search-ads"]),
            random.pick(&["phone", "phone", "tablet", "computer"]),
            kind,
            item,
            900 + random.below(30_000),
            random.pick(&["search", "news", "social", "mail"]),
            kind,
            random.next() >> 16,
            random.pick(&["Light", "Warm", "Sturdy", "Simple"]),
            kind,
            random.pick(&["brown", "green", "black", "blue", "grey"]),
        )
        .expect("a string takes all");
        Some(Event { person, at, id: random.next(), properties })
    }
}

/// A time as the shop writes it.
fn time(at: i64) -> String {
    candor::base::clock::Moment(at).to_string()
}

/// The people of a shop with `count` events.
pub fn people(count: u64) -> u64 {
    (count / EVENTS_A_PERSON).max(1)
}

/// Writes the people of a shop with `count` events; four of five consent. One of five has another mind
/// by the end of the year, which stands in a file of its own.
pub fn write_people(path: &Path, minds: &Path, count: u64) -> std::io::Result<()> {
    let people = people(count);
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    let mut random = Random::new(0x9e0b1e);
    let mut changed = Vec::new();
    for person in 0..people {
        let says = if random.below(5) == 0 { "no" } else { "yes" };
        if random.below(5) == 0 {
            changed.push((person, if says == "no" { "yes" } else { "no" }));
        }
        writeln!(
            file,
            concat!(
                r#"{{"customer":"{}","at":"2025-12-{:02}T10:00:00Z","email":"{}","first_name":"{}","#,
                r#""last_name":"{}","country":"{}","suggestions":"{}"}}"#,
            ),
            key(person),
            1 + random.below(28),
            email(person),
            random.pick(&["Ann", "Ben", "Cara", "Dan", "Eve", "Finn", "Grace", "Hugh"]),
            random.pick(&["Murphy", "Kelly", "Byrne", "Ryan", "Walsh", "Nolan", "Quinn"]),
            random.pick(&["IE", "GB", "FR", "DE"]),
            says,
        )?;
    }
    file.flush()?;
    let mut file = BufWriter::new(std::fs::File::create(minds)?);
    for (person, says) in changed {
        let key = key(person);
        writeln!(
            file,
            r#"{{"customer":"{key}","at":"2025-12-31T10:00:00Z","suggestions":"{says}"}}"#
        )?;
    }
    file.flush()
}

/// Writes the events of a shop.
pub fn write_events(path: &Path, count: u64) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    for event in Events::new(count) {
        let at = time(event.at);
        // The properties stand in the row beside the rest, as shops export them.
        writeln!(
            file,
            r#"{{"customer":"{}","at":"{at}","viewed_at":"{at}","id":"{:016x}",{}"#,
            key(event.person),
            event.id,
            &event.properties[1..],
        )?;
    }
    file.flush()
}
