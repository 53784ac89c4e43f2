//! The rule language: a TOML text becomes conditions, each held against what the policy lets the purpose use.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::base::error::{Error, Result};
use crate::consent::stands::Stands;
use crate::policy::period::period;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeRule, Rulebook, bit};
use crate::policy::types::{Period, Target, ValueType};

/// The longest text (bytes), the deepest nesting, and the most conditions.
const TEXT_MAX: usize = 16 * 1024;
const DEPTH_MAX: usize = 6;
const CONDITIONS_MAX: usize = 64;

/// An audience, read under a policy.
#[derive(Clone, Debug)]
pub struct Segment {
    /// In plain words.
    pub title: String,
    /// The purpose for which people are chosen.
    pub purpose: PurposeCode,
    /// The channel on which they are reached, where the purpose has any.
    pub channel: Option<ChannelCode>,
    /// Who is in it; everybody who may be reached where nothing is said.
    pub condition: Option<Condition>,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Each holds.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It doesn't hold.
    Not(Box<Condition>),
    /// An attribute.
    Attribute {
        /// Its name.
        name: String,
        /// What is asked of it.
        asks: Asks,
    },
    /// An identifier of the kind is held.
    Identifier(String),
    /// Events.
    Event(Happened),
    /// What a consent amounts to.
    Consent {
        /// The purpose.
        purpose: PurposeCode,
        /// Its name.
        name: String,
        /// The channel; any where none is named.
        channel: Option<ChannelCode>,
        /// What it amounts to.
        is: String,
    },
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// It is there.
    Held,
    /// It is one of these, compared without case.
    In(Vec<String>),
    /// A number, or a date or a time as it is kept, from and up to.
    Between(Option<Bound>, Option<Bound>),
}

/// One end of a span.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// A number.
    Number(f64),
    /// A date (`2026-03-03`) or a time.
    Text(String),
}

/// What is asked of events.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// Their name.
    pub name: String,
    /// Properties that they have, compared as texts without case.
    pub with: BTreeMap<String, String>,
    /// Only those since so long ago.
    pub within: Option<Period>,
    /// How many, at least.
    pub at_least: u64,
    /// How many, at most.
    pub at_most: Option<u64>,
    /// The sum of their amounts, in the smallest currency unit.
    pub sum_at_least: Option<i64>,
    /// The same, at most.
    pub sum_at_most: Option<i64>,
}

fn wrong(place: &str, what: impl Into<String>, next: impl Into<String>) -> Error {
    Error::usage("audience-rules-wrong", what).at(place).next(next)
}

/// Reads a text with what the policy lets the purpose use.
struct Reader<'r> {
    rules: &'r Rulebook,
    rule: &'r PurposeRule,
    count: usize,
}

impl Segment {
    /// Reads an audience's text under a policy.
    ///
    /// # Errors
    /// `audience-rules-wrong`, with the place in the text and what to write instead.
    pub fn read(text: &str, rules: &Rulebook) -> Result<Segment> {
        if text.len() > TEXT_MAX {
            let what = format!("the rules are longer than {TEXT_MAX} bytes");
            return Err(wrong("", what, "say less in one audience"));
        }
        let table: Table = toml::from_str(text).map_err(|error| {
            let message = error.message().replace('\n', ", ");
            wrong("", format!("the rules are no TOML: {message}"), "see https://toml.io")
        })?;
        known(&table, "", &["title", "purpose", "channel", "where"])?;
        let name = needed(&table, "", "purpose", "purpose = \"newsletter\"")?;
        let rule = rules.purpose_code(name).and_then(|code| rules.rule(code)).ok_or_else(|| {
            let names: Vec<&str> = rules.rules().map(|rule| rule.name.as_str()).collect();
            let what = format!("the policy declares no purpose {name:?}");
            wrong("purpose", what, format!("use one of {}", names.join(", ")))
        })?;
        let channel = match (text_of(&table, "", "channel")?, rule.channels.as_slice()) {
            (None, []) => None,
            (None, [only]) => Some(*only),
            (said, _) => {
                let names = rule.purpose.channels.join(", ");
                let code = said.and_then(|said| rules.channel_code(said));
                let code = code.filter(|code| rule.channels.contains(code));
                Some(code.ok_or_else(|| {
                    let what = "an audience is for one of the purpose's channels";
                    wrong("channel", what, format!("use one of: {names}"))
                })?)
            }
        };
        let mut reader = Reader { rules, rule, count: 0 };
        let condition = table.get("where").map(|value| reader.condition(value, "where", 0));
        let title = text_of(&table, "", "title")?.unwrap_or_default().to_owned();
        Ok(Segment { title, purpose: rule.code, channel, condition: condition.transpose()? })
    }

    /// Whether events have to be read for it.
    pub fn looks_at_events(&self) -> bool {
        fn looks(condition: &Condition) -> bool {
            match condition {
                Condition::All(all) | Condition::Any(all) => all.iter().any(looks),
                Condition::Not(not) => looks(not),
                Condition::Event(_) => true,
                _ => false,
            }
        }
        self.condition.as_ref().is_some_and(looks)
    }
}

impl Reader<'_> {
    fn condition(&mut self, value: &Value, place: &str, depth: usize) -> Result<Condition> {
        self.count += 1;
        if depth > DEPTH_MAX || self.count > CONDITIONS_MAX {
            let what =
                format!("there are more than {CONDITIONS_MAX} conditions, or they nest too deep");
            return Err(wrong(place, what, "say it with fewer, or in two audiences"));
        }
        let table = value.as_table().ok_or_else(|| {
            wrong(place, "a condition is a table", "{ attribute = \"city\", is = \"Cork\" }")
        })?;
        let kinds = ["all", "any", "not", "attribute", "identifier", "event", "consent"];
        let named: Vec<&str> = kinds.into_iter().filter(|kind| table.contains_key(*kind)).collect();
        let [kind] = named.as_slice() else {
            let what = "a condition is about exactly one thing";
            return Err(wrong(place, what, format!("give it one of {}", kinds.join(", "))));
        };
        match *kind {
            "all" | "any" => {
                known(table, place, &[kind])?;
                let inside = format!("{place}.{kind}");
                let list = table[*kind].as_array().filter(|list| !list.is_empty());
                let list = list.ok_or_else(|| {
                    wrong(
                        &inside,
                        "it is a list of conditions",
                        "all = [{ identifier = \"phone\" }]",
                    )
                })?;
                let each = list.iter().enumerate();
                let each = each.map(|(n, one)| {
                    self.condition(one, &format!("{inside}[{}]", n + 1), depth + 1)
                });
                let conditions = each.collect::<Result<Vec<_>>>()?;
                Ok(match *kind {
                    "all" => Condition::All(conditions),
                    _ => Condition::Any(conditions),
                })
            }
            "not" => {
                known(table, place, &["not"])?;
                let inside = self.condition(&table["not"], &format!("{place}.not"), depth + 1)?;
                Ok(Condition::Not(Box::new(inside)))
            }
            "attribute" => self.attribute(table, place),
            "identifier" => {
                known(table, place, &["identifier"])?;
                let name = needed(table, place, "identifier", "identifier = \"phone\"")?;
                self.covered(place, &Target::Identifier(name.to_owned()), name)?;
                Ok(Condition::Identifier(name.to_owned()))
            }
            "event" => self.event(table, place),
            _ => self.consent(table, place),
        }
    }

    /// Whether the purpose covers what some source maps to a target: else nothing of it may be looked at. Gives
    /// the types of its values.
    fn covered(&self, place: &str, target: &Target, name: &str) -> Result<BTreeSet<&'static str>> {
        let sources = self.rules.policy.sources.values();
        let maps = sources.flat_map(|source| &source.fields).filter(|map| map.target == *target);
        let (mut is_sent, mut types) = (false, BTreeSet::new());
        for map in maps {
            is_sent = true;
            if self.rules.lawful(&map.category) & bit(self.rule.code) != 0 {
                types.insert(type_word(map.value_type));
            }
        }
        match (is_sent, types.is_empty()) {
            (true, false) => Ok(types),
            (true, true) => Err(wrong(
                place,
                format!(
                    "the purpose {} doesn't cover {name:?}, so it can't choose by it",
                    self.rule.name
                ),
                "leave it out; what a purpose doesn't need isn't used for it (Art 5(1)(b) and (c))",
            )),
            (false, _) => Err(wrong(
                place,
                format!("no source sends {name:?}"),
                "look at `candor policy show`",
            )),
        }
    }

    fn attribute(&self, table: &Table, place: &str) -> Result<Condition> {
        known(table, place, &["attribute", "is", "in", "at_least", "at_most"])?;
        let name = needed(table, place, "attribute", "attribute = \"city\"")?;
        let types = self.covered(place, &Target::Attribute(name.to_owned()), name)?;
        let one = text_of(table, place, "is")?.map(|text| vec![text.to_owned()]);
        let several = texts_of(table, place, "in")?;
        let (low, high) = (bound(table, place, "at_least")?, bound(table, place, "at_most")?);
        let asks = match (one.or(several), low, high) {
            (None, None, None) => Asks::Held,
            (Some(texts), None, None) => Asks::In(texts),
            (None, low, high) => {
                let fits = |bound: &Bound| match bound {
                    Bound::Number(_) => types.contains("number"),
                    Bound::Text(_) => types.contains("time"),
                };
                if ![&low, &high].into_iter().flatten().all(fits) {
                    let what = "a span is of numbers, or of dates as they are kept";
                    return Err(wrong(place, what, "at_least = 18, or at_least = \"1990-01-01\""));
                }
                Asks::Between(low, high)
            }
            _ => {
                let what = "one thing is asked of a value: is, in, or a span";
                return Err(wrong(place, what, "put each into a condition of its own, under all"));
            }
        };
        Ok(Condition::Attribute { name: name.to_owned(), asks })
    }

    fn event(&self, table: &Table, place: &str) -> Result<Condition> {
        let keys =
            ["event", "with", "within", "at_least", "at_most", "sum_at_least", "sum_at_most"];
        known(table, place, &keys)?;
        let name = needed(table, place, "event", "event = \"order\"")?;
        let sources = self.rules.policy.sources.values();
        let maps: Vec<_> =
            sources.flat_map(|source| &source.events).filter(|map| map.name == name).collect();
        if maps.is_empty() {
            let what = format!("no source tells of the event {name:?}");
            return Err(wrong(place, what, "look at `candor policy show`"));
        }
        let covers = |category: &str| self.rules.lawful(category) & bit(self.rule.code) != 0;
        if !maps.iter().any(|map| covers(&map.category)) {
            return Err(wrong(
                place,
                format!(
                    "the purpose {} doesn't cover {name:?}, so it can't choose by it",
                    self.rule.name
                ),
                "leave it out; what a purpose doesn't need isn't used for it (Art 5(1)(b) and (c))",
            ));
        }
        if !self.rule.purpose.profiling {
            return Err(wrong(
                place,
                format!(
                    "who is chosen by what they did is profiled, and {} doesn't profile",
                    self.rule.name
                ),
                "choose by attributes; or declare profiling = true for the purpose, tell people, and let them \
                 object (Art 4(4), 13(2)(f), 21(2))",
            ));
        }
        let mut with = BTreeMap::new();
        if let Some(value) = table.get("with") {
            let inside = format!("{place}.with");
            let all = value.as_table().ok_or_else(|| {
                wrong(&inside, "it is a table of texts", "with = { store = \"Cork\" }")
            })?;
            for (property, value) in all {
                let is_known = maps.iter().any(|map| map.properties.contains_key(property));
                if !is_known {
                    let what = format!("{name:?} has no property {property:?}");
                    return Err(wrong(&inside, what, "look at `candor policy show`"));
                }
                with.insert(property.clone(), plain(value, &inside)?);
            }
        }
        let within = text_of(table, place, "within")?.map(|text| {
            period(text).map_err(|fault| {
                wrong(
                    &format!("{place}.within"),
                    format!("it is no period: {fault}"),
                    "within = \"P12M\"",
                )
            })
        });
        let count = |key: &str| -> Result<Option<u64>> {
            let number = number_of(table, place, key)?;
            number
                .map(|number| {
                    u64::try_from(number).map_err(|_| {
                        wrong(&format!("{place}.{key}"), "it counts from 0", format!("{key} = 2"))
                    })
                })
                .transpose()
        };
        let at_most = count("at_most")?;
        Ok(Condition::Event(Happened {
            name: name.to_owned(),
            with,
            within: within.transpose()?,
            at_least: count("at_least")?.unwrap_or(u64::from(at_most.is_none())),
            at_most,
            sum_at_least: number_of(table, place, "sum_at_least")?,
            sum_at_most: number_of(table, place, "sum_at_most")?,
        }))
    }

    fn consent(&self, table: &Table, place: &str) -> Result<Condition> {
        known(table, place, &["consent", "channel", "is"])?;
        let name = needed(table, place, "consent", "consent = \"newsletter\"")?;
        let rule = self.rules.purpose_code(name).and_then(|code| self.rules.rule(code));
        let rule = rule.ok_or_else(|| {
            let what = format!("the policy declares no purpose {name:?}");
            wrong(place, what, "look at `candor policy show`")
        })?;
        let channel = text_of(table, place, "channel")?.map(|said| {
            let code = self.rules.channel_code(said).filter(|code| rule.channels.contains(code));
            code.ok_or_else(|| {
                let known = rule.purpose.channels.join(", ");
                wrong(
                    place,
                    format!("{name} has no channel {said:?}"),
                    format!("use one of: {known}"),
                )
            })
        });
        let is = text_of(table, place, "is")?.unwrap_or("given");
        let codes = Stands::ALL.map(Stands::code);
        if !codes.contains(&is) {
            let what = format!("no consent is {is:?}");
            return Err(wrong(place, what, format!("use one of {}", codes.join(", "))));
        }
        let channel = channel.transpose()?;
        let (name, is) = (name.to_owned(), is.to_owned());
        Ok(Condition::Consent { purpose: rule.code, name, channel, is })
    }
}

fn type_word(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Integer | ValueType::Decimal => "number",
        ValueType::Date | ValueType::Time => "time",
        ValueType::Text | ValueType::Boolean => "text",
    }
}

/// Refuses a key that isn't looked at.
fn known(table: &Table, place: &str, keys: &[&str]) -> Result<()> {
    match table.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(wrong(
            place,
            format!("there is no key {key:?} here"),
            format!("use {}", keys.join(", ")),
        )),
    }
}

fn text_of<'t>(table: &'t Table, place: &str, key: &str) -> Result<Option<&'t str>> {
    table
        .get(key)
        .map(|value| {
            value.as_str().ok_or_else(|| {
                wrong(&format!("{place}.{key}"), "it is a text", format!("{key} = \"…\""))
            })
        })
        .transpose()
}

fn needed<'t>(table: &'t Table, place: &str, key: &str, example: &str) -> Result<&'t str> {
    let said = text_of(table, place, key)?;
    said.ok_or_else(|| wrong(place, format!("{key:?} is missing"), example))
}

fn number_of(table: &Table, place: &str, key: &str) -> Result<Option<i64>> {
    table
        .get(key)
        .map(|value| {
            value.as_integer().ok_or_else(|| {
                wrong(&format!("{place}.{key}"), "it is a whole number", format!("{key} = 2"))
            })
        })
        .transpose()
}

fn texts_of(table: &Table, place: &str, key: &str) -> Result<Option<Vec<String>>> {
    let Some(value) = table.get(key) else { return Ok(None) };
    let inside = format!("{place}.{key}");
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| {
        wrong(&inside, "it is a list of texts", format!("{key} = [\"Cork\", \"Kinsale\"]"))
    })?;
    list.iter().map(|value| plain(value, &inside)).collect::<Result<Vec<_>>>().map(Some)
}

/// A plain value as the text that is compared.
fn plain(value: &Value, place: &str) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(yes) => Ok(yes.to_string()),
        _ => Err(wrong(place, "it is a text, a whole number, or true or false", "\"Cork\"")),
    }
}

fn bound(table: &Table, place: &str, key: &str) -> Result<Option<Bound>> {
    table
        .get(key)
        .map(|value| match value {
            Value::Integer(number) => Ok(Bound::Number(*number as f64)),
            Value::Float(number) => Ok(Bound::Number(*number)),
            Value::String(text) => Ok(Bound::Text(text.clone())),
            _ => Err(wrong(
                &format!("{place}.{key}"),
                "it is a number, or a date in quotes",
                format!("{key} = \"1990-01-01\""),
            )),
        })
        .transpose()
}
