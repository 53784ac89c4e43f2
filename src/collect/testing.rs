//! Sources built by hand, and short ways to read with them. Tests only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Content, Item, ReadOptions, Record, Reject, read, read_bytes};
use crate::base::error::Result;
use crate::policy::types::{
    AmountUnit, ConsentMap, Encoding, EventMap, FieldMap, Format, Source, Take, Target, ValueType,
};

pub fn field(from: &str) -> Take {
    mapped(from, &[])
}

pub fn mapped(from: &str, values: &[(&str, &str)]) -> Take {
    let values = values.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Take::Field { from: from.into(), values }
}

pub fn fixed(text: &str) -> Take {
    Take::Fixed(text.into())
}

pub fn source(key: &str) -> Source {
    Source {
        title: "a test".into(),
        format: None,
        webhook: None,
        items: None,
        only: BTreeMap::new(),
        delimiter: None,
        encoding: Encoding::Detect,
        sheet: None,
        key: key.into(),
        observed: None,
        dates: Vec::new(),
        timezone: None,
        phone_country: Some("US".into()),
        own: false,
        indirect: false,
        purposes: Vec::new(),
        fields: Vec::new(),
        consents: Vec::new(),
        events: Vec::new(),
    }
}

impl Source {
    pub(super) fn with_observed(mut self, take: Take) -> Source {
        self.observed = Some(take);
        self
    }

    pub(super) fn with_identifier(self, kind: &str, from: &str) -> Source {
        self.with(Target::Identifier(kind.into()), field(from), ValueType::Text)
    }

    pub(super) fn with_attribute(self, name: &str, from: &str, value_type: ValueType) -> Source {
        self.with(Target::Attribute(name.into()), field(from), value_type)
    }

    pub(super) fn with_ignored(self, from: &str) -> Source {
        self.with(Target::Ignore, field(from), ValueType::Text)
    }

    pub(super) fn with(mut self, target: Target, take: Take, value_type: ValueType) -> Source {
        let (category, dates) = ("any".into(), Vec::new());
        self.fields.push(FieldMap { take, target, category, value_type, dates, verified: None });
        self
    }

    pub(super) fn with_consent(mut self, consent: ConsentMap) -> Source {
        self.consents.push(consent);
        self
    }

    pub(super) fn with_event(mut self, event: EventMap) -> Source {
        self.events.push(event);
        self
    }
}

pub fn consent(purpose: Take, state: Take) -> ConsentMap {
    ConsentMap {
        purpose,
        channel: None,
        state,
        at: None,
        notice: None,
        notice_version: None,
        language: None,
        method: None,
        confirmed_at: None,
        explicit: false,
    }
}

pub fn event(name: &str) -> EventMap {
    EventMap {
        name: name.into(),
        category: "any".into(),
        when: BTreeMap::new(),
        id: None,
        at: None,
        grouped: false,
        amount: None,
        amount_unit: AmountUnit::Smallest,
        currency: None,
        properties: BTreeMap::new(),
        lines: BTreeMap::new(),
    }
}

pub fn takes(entries: &[(&str, Take)]) -> BTreeMap<String, Take> {
    entries.iter().map(|(name, take)| (name.to_string(), take.clone())).collect()
}

/// Sales lines, such as the till's and the web shop's: `id` groups them, `key` says whose they are.
pub fn sales(key: &str, identifier: &str, id: &str, properties: &[(&str, Take)]) -> Source {
    let line = ["category", "type", "qty", "cents"].map(|name| (name, field(name)));
    let mut lines = takes(&line);
    lines.insert("product".into(), field("product_id"));
    source(key).with_observed(field("at")).with_identifier(identifier, key).with_event(EventMap {
        id: Some(field(id)),
        at: Some(field("at")),
        grouped: true,
        amount: Some(field("cents")),
        properties: takes(properties),
        lines,
        ..event("order")
    })
}

pub fn till() -> Source {
    sales(
        "loyalty_id",
        "loyalty_card",
        "basket",
        &[("store", field("store")), ("place", fixed("till"))],
    )
}

pub const NO_KINDS: &BTreeMap<String, crate::policy::types::IdentifierKind> = &BTreeMap::new();

pub fn options() -> ReadOptions<'static> {
    let latest = crate::base::clock::Moment::parse("2027-01-01").unwrap();
    ReadOptions { start_line: 1, timezone: "Europe/Dublin", identifiers: NO_KINDS, latest }
}

/// Everything that bytes hold.
pub fn items(bytes: &[u8], format: Format, source: &Source) -> Result<Vec<Item>> {
    read_bytes(bytes.to_vec(), "test", format, source, "test", &options())?.collect()
}

pub fn parted(items: Vec<Item>) -> (Vec<Record>, Vec<Reject>) {
    let (mut records, mut rejects) = (Vec::new(), Vec::new());
    for item in items {
        match item.content {
            Content::Record(record) => records.push(record),
            Content::Reject(reject) => rejects.push(reject),
        }
    }
    (records, rejects)
}

pub fn csv(text: &str, source: &Source) -> (Vec<Record>, Vec<Reject>) {
    parted(items(text.as_bytes(), Format::Csv, source).unwrap())
}

pub fn ndjson(text: &str, source: &Source) -> (Vec<Record>, Vec<Reject>) {
    parted(items(text.as_bytes(), Format::Ndjson, source).unwrap())
}

/// Line and code of each reject.
pub fn codes(rejects: &[Reject]) -> Vec<(u64, &'static str)> {
    rejects.iter().map(|reject| (reject.line, reject.reason.code())).collect()
}

/// A record's values with the names of their targets.
pub fn values<'r>(source: &'r Source, record: &'r Record) -> Vec<(&'r str, &'r str)> {
    let name = |at: usize| match &source.fields[at].target {
        Target::Identifier(name) | Target::Attribute(name) => name.as_str(),
        Target::Ignore => "ignored",
    };
    record.values.iter().map(|value| (name(value.field), value.text.as_str())).collect()
}

pub fn refused(record: &Record) -> Vec<(&str, &'static str)> {
    record.refused.iter().map(|refusal| (&*refusal.field, refusal.reason.code())).collect()
}

/// A file of the example brand, or `None`, loudly, where the shared data isn't there.
pub fn brand_file(name: &str) -> Option<PathBuf> {
    let path =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/brand")).join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not here", path.display());
        return None;
    }
    Some(path)
}

pub fn read_brand(name: &str, source: &Source) -> Option<(Vec<Record>, Vec<Reject>)> {
    let reading = read(&brand_file(name)?, source, "brand", &options()).unwrap();
    Some(parted(reading.collect::<Result<_>>().unwrap()))
}
