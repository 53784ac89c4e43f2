//! What the person takes along (Art 20): the data that they provided themselves, as far as it rests on
//! their consent or on a contract, in forms that other programs read.
//!
//! Provided is what the person gave or what was observed of them; what was computed from it is not
//! (WP 242). What is left out is counted with its reason, so that nobody takes a part for the whole.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::policy::rulebook::Rulebook;
use crate::policy::types::Basis;
use crate::view::Table;

use super::{AccessPackage, EventNote, Held, Obtained, RequestNote, ValueNote};

/// The portable data of one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Portable {
    /// The form of this document.
    pub schema: &'static str,
    /// What this is and what is not in it.
    pub readme: String,
    /// The moment as of which it was read.
    pub as_of: String,
    /// The request that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestNote>,
    /// The controller's name.
    pub controller: String,
    /// The subject's id.
    pub subject: String,
    /// E-mail addresses, telephone numbers and the like.
    pub identifiers: Vec<PortableValue>,
    /// All other values.
    pub attributes: Vec<PortableValue>,
    /// What the person did.
    pub events: Vec<PortableEvent>,
    /// What is left out, and why.
    pub left_out: Vec<LeftOut>,
}

/// A value to take along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortableValue {
    /// The kind of identifier, or the attribute's name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Whether the source has not said anything newer.
    pub current: bool,
    /// When it was observed.
    pub observed_at: String,
    /// The source.
    pub source: String,
}

/// An event to take along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortableEvent {
    /// Its name.
    pub name: String,
    /// When it happened.
    pub at: String,
    /// Its id in the source.
    pub id: String,
    /// Its amount in the smallest currency unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The amount's currency (ISO 4217), where the policy names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Its properties.
    pub properties: Value,
    /// The source.
    pub source: String,
}

/// How much is left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The reason, for programs.
    pub reason: &'static str,
    /// The reason in words.
    pub because: &'static str,
    /// How many values, events or summaries.
    pub count: usize,
}

/// Why something can't be taken along, in the order of asking.
const REASONS: [(&str, &str); 4] = [
    (
        "source_key",
        "numbers and names under which a source keeps the person, which it made up itself",
    ),
    ("indirect", "obtained from somebody else than the person"),
    ("basis", "no purpose that rests on consent or contract holds it today"),
    ("derived", "computed from events, not provided by the person"),
];

/// Takes out of a package what Art 20 covers.
#[must_use]
pub fn portable(rules: &Rulebook, package: &AccessPackage) -> Portable {
    let indirect: BTreeSet<i64> = package
        .sources
        .iter()
        .filter(|record| record.obtained == Obtained::Indirectly)
        .map(|record| record.record)
        .collect();
    // What is left of an erased person rests on a law or a claim.
    let erased = package.after_erasure.erased;
    let carried = |held: &Held| {
        let mut purposes = held.holds.iter().filter_map(|name| rules.policy.purposes.get(name));
        !erased && purposes.any(|p| matches!(p.basis, Basis::Consent | Basis::Contract))
    };
    let mut counts = [0, 0, 0, package.summaries.len()];
    let mut why_not = |is_key: bool, record: i64, held: &Held| -> bool {
        let reason = match () {
            () if is_key => 0,
            () if indirect.contains(&record) => 1,
            () if !carried(held) => 2,
            () => return true,
        };
        counts[reason] += 1;
        false
    };
    let (mut identifiers, mut attributes, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for value in &package.values {
        let (kind, name) = value.field.split_once('.').unwrap_or(("", &value.field));
        if why_not(kind == "record", value.record, &value.held) {
            let list = if kind == "identifier" { &mut identifiers } else { &mut attributes };
            list.push(portable_value(name, value));
        }
    }
    for event in &package.events {
        if why_not(false, event.record, &event.held) {
            events.push(portable_event(event));
        }
    }
    let left_out: Vec<LeftOut> = REASONS
        .iter()
        .zip(counts)
        .map(|((reason, because), count)| LeftOut { reason, because, count })
        .collect();
    Portable {
        schema: "candor.portable/1",
        readme: readme(&left_out),
        as_of: package.as_of.clone(),
        request: package.request.clone(),
        controller: package.controller.name.clone(),
        subject: package.subject.clone(),
        identifiers,
        attributes,
        events,
        left_out,
    }
}

fn portable_value(name: &str, value: &ValueNote) -> PortableValue {
    PortableValue {
        name: name.to_owned(),
        value: value.value.clone(),
        current: value.current,
        observed_at: value.observed_at.clone(),
        source: value.source.clone(),
    }
}

fn portable_event(event: &EventNote) -> PortableEvent {
    PortableEvent {
        name: event.name.clone(),
        at: event.at.clone(),
        id: event.id.clone(),
        amount: event.amount,
        currency: event.currency.clone(),
        properties: event.properties.clone(),
        source: event.source.clone(),
    }
}

fn readme(left_out: &[LeftOut]) -> String {
    let parts: Vec<String> = left_out
        .iter()
        .filter(|part| part.count > 0)
        .map(|part| format!("{} ({})", part.count, part.because))
        .collect();
    let left = if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") };
    format!(
        "Data that you provided and that we hold by your consent or a contract with you (GDPR Art 20). \
         Times are UTC, amounts are in the smallest unit of the currency that is named beside them. The \
         files hold every text exactly as it is, for another program to read: a spreadsheet is to import \
         the CSV files as text, or it would run a text such as =1+1 as a formula. Left out: {left}. A copy of everything is in the answer to an access request (Art 15)."
    )
}

impl Portable {
    /// How much is given: identifiers, attributes, events.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        [self.identifiers.len(), self.attributes.len(), self.events.len()]
    }

    /// The CSV files: a name and a table for each. Lines of events have a file of their own.
    #[must_use]
    pub fn tables(&self) -> Vec<(&'static str, Table)> {
        let mut tables = vec![
            ("identifiers.csv", values_table("kind", &self.identifiers)),
            ("attributes.csv", values_table("attribute", &self.attributes)),
            ("events.csv", self.events_table()),
        ];
        let lines = self.lines_table();
        if !lines.rows.is_empty() {
            tables.push(("lines.csv", lines));
        }
        tables
    }

    fn events_table(&self) -> Table {
        let names = keys(self.events.iter().map(|event| &event.properties), Some(LINES));
        let columns =
            ["event", "at", "id", "amount", "currency", "source"].into_iter().map(str::to_owned);
        let mut table =
            Table::new("", columns.chain(names.iter().map(|n| format!("property.{n}"))));
        for event in &self.events {
            let amount = event.amount.map(|amount| amount.to_string()).unwrap_or_default();
            let currency = event.currency.clone().unwrap_or_default();
            let fixed = [&event.name, &event.at, &event.id, &amount, &currency, &event.source];
            let cells = names.iter().map(|name| cell(&event.properties[name]));
            table.push(fixed.into_iter().cloned().chain(cells));
        }
        table
    }

    fn lines_table(&self) -> Table {
        let lines = || {
            self.events.iter().flat_map(|event| {
                let lines = event.properties[LINES].as_array().into_iter().flatten();
                lines.enumerate().map(move |(index, line)| (event, index + 1, line))
            })
        };
        let names = keys(lines().map(|(_, _, line)| line), None);
        let columns = ["event", "at", "id", "line"].into_iter().map(str::to_owned);
        let mut table = Table::new("", columns.chain(names.iter().cloned()));
        for (event, number, line) in lines() {
            let fixed =
                [event.name.clone(), event.at.clone(), event.id.clone(), number.to_string()];
            table.push(fixed.into_iter().chain(names.iter().map(|name| cell(&line[name]))));
        }
        table
    }
}

/// The property that holds the lines of a grouped event.
const LINES: &str = "lines";

fn keys<'a>(objects: impl Iterator<Item = &'a Value>, but: Option<&str>) -> BTreeSet<String> {
    objects
        .filter_map(Value::as_object)
        .flat_map(|object| object.keys())
        .filter(|key| Some(key.as_str()) != but)
        .cloned()
        .collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn values_table(first: &str, values: &[PortableValue]) -> Table {
    let mut table = Table::new("", [first, "value", "current", "observed_at", "source"]);
    for v in values {
        let current = if v.current { "yes" } else { "no" };
        table.push([&v.name, &v.value, current, &v.observed_at, &v.source]);
    }
    table
}
