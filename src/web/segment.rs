//! The shape of Segment's Profile API over what may be known of a person: traits, ids, events and what there is
//! to say about the profile as a whole. A space is a purpose.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::base::clock::Moment;
use crate::collect::query::{pairs, unescaped};
use crate::consent::permit::Permit;
use crate::send::context::{Done, Known};

/// What of a profile is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Attributes.
    Traits,
    /// Identifiers.
    ExternalIds,
    /// What the person did.
    Events,
    /// When it began, and by which sources.
    Metadata,
    /// Accounts that the person belongs to; candor has none.
    Links,
}

/// A part in the form that the query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    part: Part,
    limit: usize,
    /// How many come before the first.
    from: usize,
    include: Vec<String>,
    exclude: Vec<String>,
    is_verbose: bool,
    is_oldest_first: bool,
    start: Option<Moment>,
    end: Option<Moment>,
}

/// How many things a page holds where nothing is said, and at most.
const LIMITS: (usize, usize) = (10, 200);

impl Shape {
    /// Reads a query; `None` where something of it can't be read.
    pub fn of(part: Part, query: &str) -> Option<Shape> {
        let mut shape = Shape {
            part,
            limit: LIMITS.0,
            from: 0,
            include: Vec::new(),
            exclude: Vec::new(),
            is_verbose: false,
            is_oldest_first: false,
            start: None,
            end: None,
        };
        let list = |text: &str| text.split(',').map(str::to_owned).collect();
        for (name, value) in pairs(query) {
            match name.as_str() {
                "limit" => {
                    shape.limit = value.parse().ok().filter(|n| (1..=LIMITS.1).contains(n))?;
                }
                "next" => shape.from = value.parse().ok()?,
                "include" => shape.include = list(&value),
                "exclude" => shape.exclude = list(&value),
                "verbose" => shape.is_verbose = value.parse().ok()?,
                "sort" => {
                    shape.is_oldest_first = match value.as_str() {
                        "asc" => true,
                        "desc" => false,
                        _ => return None,
                    };
                }
                "start" => shape.start = Some(Moment::parse(&value).ok()?),
                "end" => shape.end = Some(Moment::parse(&value).ok()?),
                _ => {}
            }
        }
        Some(shape)
    }

    fn takes(&self, name: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|known| known == name);
        (self.include.is_empty() || named(&self.include)) && !named(&self.exclude)
    }

    /// A page of a list, and the cursor that leads on.
    fn page<T>(&self, all: Vec<T>) -> (Vec<T>, Value) {
        let to = self.from.saturating_add(self.limit);
        let has_more = to < all.len();
        let next = if has_more { to.to_string() } else { String::new() };
        let page = all.into_iter().skip(self.from).take(self.limit).collect();
        let cursor = json!({"url": "", "has_more": has_more, "next": next, "limit": self.limit});
        (page, cursor)
    }
}

/// The id of a profile as its path writes it, such as `email:ann%40example.com`.
pub fn id_of(segment: &str) -> String {
    unescaped(segment)
}

/// Gives what may be known the form that is asked for.
pub fn render(shape: &Shape, known: &Permit<Known>) -> Value {
    let known = known.item();
    match shape.part {
        Part::Traits => traits(shape, known),
        Part::ExternalIds => {
            let (data, cursor) = shape.page(external_ids(known));
            json!({"data": data, "cursor": cursor})
        }
        Part::Events => events(shape, known),
        Part::Metadata => metadata(known),
        Part::Links => {
            let (data, cursor) = shape.page(Vec::<Value>::new());
            json!({"data": data, "cursor": cursor})
        }
    }
}

fn traits(shape: &Shape, known: &Known) -> Value {
    let all: BTreeMap<&str, Value> = known
        .attributes()
        .filter(|value| shape.takes(&value.name))
        .map(|value| {
            let told = match shape.is_verbose {
                false => Value::from(value.value.as_str()),
                true => json!({
                    "value": value.value, "source_id": value.source,
                    "updated_at": value.observed_at.to_string(),
                }),
            };
            (&*value.name, told)
        })
        .collect();
    let (page, cursor) = shape.page(all.into_iter().collect());
    let traits: Map<String, Value> =
        page.into_iter().map(|(name, told)| (name.to_owned(), told)).collect();
    json!({"traits": traits, "cursor": cursor})
}

fn external_ids(known: &Known) -> Vec<Value> {
    let told = known.identifiers().map(|value| {
        json!({
            "source_id": value.source, "collection": "users", "id": value.value, "type": value.name,
            "created_at": value.observed_at.to_string(), "encoding": "none",
        })
    });
    told.collect()
}

fn events(shape: &Shape, known: &Known) -> Value {
    let in_time = |done: &&Done| {
        shape.start.is_none_or(|start| start <= done.at)
            && shape.end.is_none_or(|end| done.at < end)
    };
    let mut all: Vec<&Done> =
        known.events().filter(in_time).filter(|done| shape.takes(&done.name)).collect();
    if shape.is_oldest_first {
        all.reverse();
    }
    let (page, cursor) = shape.page(all);
    let ids = external_ids(known);
    let data: Vec<Value> = page
        .into_iter()
        .map(|done| {
            let mut properties = match &done.body["properties"] {
                Value::Object(properties) => properties.clone(),
                _ => Map::new(),
            };
            if let Some(amount) = done.body["amount"].as_i64().filter(|amount| *amount != 0) {
                properties.insert("amount".to_owned(), amount.into());
            }
            json!({
                "external_ids": ids, "context": {}, "type": "track", "message_id": done.body["id"],
                "source_id": done.source, "timestamp": done.at.to_string(),
                "properties": properties, "event": done.name, "related": {},
            })
        })
        .collect();
    json!({"data": data, "cursor": cursor})
}

fn metadata(known: &Known) -> Value {
    let values = known.identifiers().chain(known.attributes());
    let values = values.map(|value| (value.observed_at, value.source.as_str()));
    let all: Vec<(Moment, &str)> =
        values.chain(known.events().map(|done| (done.at, done.source.as_str()))).collect();
    let (first, last) = (all.iter().min(), all.iter().max());
    let at = |one: Option<&(Moment, &str)>| one.map(|(at, _)| at.to_string());
    let source = |one: Option<&(Moment, &str)>| one.map(|(_, source)| (*source).to_owned());
    json!({"metadata": {
        "created_at": at(first), "updated_at": at(last),
        "expires_at": null, "first_source_id": source(first), "last_source_id": source(last),
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_or_refused() {
        let shape =
            Shape::of(Part::Events, "limit=200&sort=asc&include=a,b&start=2026-01-01").unwrap();
        assert_eq!((shape.limit, shape.is_oldest_first), (200, true));
        assert!(shape.takes("a") && !shape.takes("c"));
        for query in [
            "limit=0",
            "limit=201",
            "limit=x",
            "next=-1",
            "start=yesterday",
            "sort=up",
            "verbose=1",
        ] {
            assert_eq!(Shape::of(Part::Traits, query), None, "{query}");
        }
    }

    #[test]
    fn pages_lead_to_the_end() {
        let mut query = "limit=2".to_owned();
        let mut seen = Vec::new();
        loop {
            let (page, cursor) = Shape::of(Part::Traits, &query).unwrap().page((0..5).collect());
            seen.extend(page);
            if cursor["has_more"] == false {
                break;
            }
            query = format!("limit=2&next={}", cursor["next"].as_str().unwrap());
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_plus_in_an_id_is_a_plus() {
        assert_eq!(id_of("email:ann+shop%40x.example"), "email:ann+shop@x.example");
    }
}
