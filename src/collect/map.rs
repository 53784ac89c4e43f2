//! From a row to a record: a source's map, with its names resolved once.
//!
//! One field may serve several targets. What can't be taken is refused field by field, with a
//! reason; only a row that names nobody, neither by its key nor by an identifier, is not taken at all.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::ReadOptions;
use super::dates::DateReader;
use super::identifiers::{Unfit, is_placeholder, normalise};
use super::map_consent::ConsentReader;
use super::map_event::{EventReader, OpenBody, Time};
use super::nothing::is_shortened_number;
use super::observed::{Observed, ObservedReader};
use super::record::{FieldRefusal, MappedValue, Record, RefusalReason};
use super::reject::{Fault, RejectReason};
use super::row::{Plan, Row};
use super::take::Taker;
use super::values::typed;
use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::types::{
    EventMap, IdentifierForm, IdentifierKind, Source, Take, Target, ValueType,
};

/// Makes records of a source's rows.
pub struct Mapper {
    plan: Plan,
    key: usize,
    /// The key's name in the source.
    key_name: String,
    /// What a row must say to be taken: slots, each with the texts of which it says one.
    only: Vec<(usize, Vec<String>)>,
    observed: Option<ObservedReader>,
    fields: Vec<FieldReader>,
    consents: Vec<ConsentReader>,
    events: Vec<EventReader>,
    group: Option<Taker>,
    phone_country: Option<String>,
    latest: Moment,
    /// A buffer that is used again for each row that is weighed.
    scratch: Vec<u8>,
}

/// What a row brings to its event.
pub(super) struct Share {
    /// Bytes of the event's body.
    pub bytes: usize,
    /// Its amounts without their signs.
    pub amount: u64,
}

struct FieldReader {
    index: usize,
    taker: Taker,
    target: FieldTarget,
}

enum FieldTarget {
    Identifier { kind: String, form: IdentifierForm, ignore: Vec<String>, links: bool },
    Attribute(ValueType, Box<DateReader>),
}

/// A record whose events may get more rows.
pub struct Draft {
    record: Record,
    bodies: Vec<OpenBody>,
}

impl Mapper {
    /// Resolves a source's map. `options` give the forms of identifiers and the time zone of times
    /// without one. Faults are those that `policy check` also finds.
    pub fn new(source: &Source, options: &ReadOptions<'_>) -> Result<Mapper> {
        let mut plan = Plan::default();
        let key = plan.want(&source.key);
        let only = source.only.iter().map(|(field, texts)| (plan.want(field), texts.clone()));
        let only = only.collect();
        let zone = source.timezone.as_deref().unwrap_or(options.timezone);
        let dates = || DateReader::new(&source.dates, zone);
        let observed = match &source.observed {
            Some(take) => Some(ObservedReader::new(take, &mut plan, dates()?)?),
            None => None,
        };
        let mut fields = Vec::new();
        for (index, field) in source.fields.iter().enumerate() {
            let target = match &field.target {
                Target::Ignore => {
                    if let Take::Field { from, .. } = &field.take {
                        plan.ignore(from);
                    }
                    continue;
                }
                Target::Identifier(kind) => identifier(kind, options.identifiers),
                Target::Attribute(_) => {
                    let own = if field.dates.is_empty() { &source.dates } else { &field.dates };
                    FieldTarget::Attribute(field.value_type, Box::new(DateReader::new(own, zone)?))
                }
            };
            fields.push(FieldReader { index, taker: Taker::new(&field.take, &mut plan)?, target });
        }
        let mut consents = Vec::new();
        for map in &source.consents {
            consents.push(ConsentReader::new(map, source, &mut plan, &dates)?);
        }
        let mut events = Vec::new();
        for (index, map) in source.events.iter().enumerate() {
            events.push(EventReader::new(index, map, &mut plan, &dates)?);
        }
        let group = match group_id(&source.events)? {
            Some(take) => Some(Taker::new(take, &mut plan)?),
            None => None,
        };
        Ok(Mapper {
            plan,
            key,
            key_name: source.key.clone(),
            only,
            observed,
            fields,
            consents,
            events,
            group,
            phone_country: source.phone_country.clone(),
            latest: options.latest,
            scratch: Vec::new(),
        })
    }

    /// The fields that it reads.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Declares a field that is known and not read.
    pub fn ignore(&mut self, name: &str) {
        if self.plan.slot(name).is_none() {
            self.plan.ignore(name);
        }
    }

    /// Observations and events later than this lie in the future from now on.
    pub fn set_latest(&mut self, latest: Moment) {
        self.latest = latest;
    }

    /// Whether the map has an event for a row.
    pub fn has_event_for(&self, row: &Row) -> bool {
        self.events.iter().any(|event| event.is_carried_by(row))
    }

    /// Whether rows may belong together.
    pub fn is_grouped(&self) -> bool {
        self.group.is_some()
    }

    /// What the rows of one event share; `None` for a row that stands alone.
    #[inline]
    pub fn group<'r>(&'r self, row: &'r Row) -> Option<&'r str> {
        match self.group.as_ref()?.take(row) {
            super::take::Taken::Text(text, _) => Some(text),
            super::take::Taken::Known(text) => Some(text),
            _ => None,
        }
    }

    /// The key of a row, trimmed. A row without one may still name a person, by an identifier that links:
    /// that is its key then, so that neither what it brings nor a "no" in it is lost.
    #[inline]
    pub(super) fn key<'r>(&mut self, row: &'r Row) -> Result<Cow<'r, str>, RejectReason> {
        let says = |(slot, texts): &(usize, Vec<String>)| {
            row.get(*slot).is_some_and(|said| texts.iter().any(|text| text == said.trim()))
        };
        if !self.only.iter().all(says) {
            return Err(RejectReason::NotMeant);
        }
        let reason = match row.get(self.key).map_or("", str::trim) {
            "" => RejectReason::NoKey,
            key if is_placeholder(IdentifierForm::Text, key) => RejectReason::PlaceholderKey,
            key if is_shortened_number(key) => RejectReason::ShortenedKey,
            key => return Ok(Cow::Borrowed(key)),
        };
        let country = self.phone_country.as_deref();
        let named = self.fields.iter_mut().find_map(|field| field.name_of_one(row, country));
        named.map(Cow::Owned).ok_or(reason)
    }

    /// The record of one row.
    pub fn record(&mut self, row: &Row) -> Result<Record, RejectReason> {
        self.draft(row).map(|draft| self.finish(draft))
    }

    /// The record of an event's first row.
    pub fn draft(&mut self, row: &Row) -> Result<Draft, RejectReason> {
        let key = self.key(row)?.into_owned();
        let observed = self.observed(row);
        let mut refused: Vec<FieldRefusal> = observed.refused.iter().cloned().collect();
        let mut values = Vec::with_capacity(self.fields.len());
        for field in &mut self.fields {
            field.read(row, self.phone_country.as_deref(), &mut values, &mut refused);
        }
        let events = Vec::with_capacity(self.events.len());
        let at = observed.at;
        let line = row.line;
        let mut record =
            Record { line, key, observed: at, values, events, refused, ..Record::default() };
        for reader in &mut self.consents {
            reader.read(row, observed.said, &mut record);
        }
        if let Some(reason) = self.unread_name(&record) {
            return Err(RejectReason::Field(reason));
        }
        let mut draft = Draft { record, bodies: Vec::with_capacity(self.events.len()) };
        for reader in 0..self.events.len() {
            self.event(reader, row, &observed, &mut draft);
        }
        Ok(draft)
    }

    /// Why nobody can tell whose a row is that says something of consent: its key is an identifier that can't be
    /// read, and it has no other. It is handed back, for what it says is lost otherwise.
    fn unread_name(&self, record: &Record) -> Option<RefusalReason> {
        if record.consents.is_empty() && record.doubted.is_empty() {
            return None;
        }
        let names = |value: &MappedValue| {
            let field = self.fields.iter().find(|field| field.index == value.field);
            field.is_some_and(|field| matches!(field.target, FieldTarget::Identifier { .. }))
        };
        if record.values.iter().any(names) {
            return None;
        }
        let unread = record.refused.iter().filter(|refusal| *refusal.field == *self.key_name);
        unread.map(|refusal| refusal.reason).find(|reason| {
            use RefusalReason::{InvalidEmail, InvalidIdentifier, InvalidPhone};
            matches!(reason, InvalidEmail | InvalidPhone | InvalidIdentifier)
        })
    }

    /// Adds a further row, which was weighed before, to the events of a draft.
    pub fn add(&mut self, row: &Row, draft: &mut Draft) {
        let Record { events, refused, .. } = &mut draft.record;
        for open in &mut draft.bodies {
            let reader = &self.events[open.reader];
            if reader.is_grouped() {
                let amount = reader.amount(row).unwrap_or(None);
                reader.add(row, amount, &mut events[open.event], open, refused);
            }
        }
        if self.events.iter().any(|reader| !reader.is_grouped()) {
            let observed = self.observed(row);
            draft.record.refused.extend(observed.refused.clone());
            for reader in 0..self.events.len() {
                if !self.events[reader].is_grouped() {
                    self.event(reader, row, &observed, draft);
                }
            }
        }
    }

    /// What a row brings to its event of many rows, told without keeping it; a fault where that event
    /// would say something else without what can't be taken of it.
    pub(super) fn share(&mut self, row: &Row, is_first: bool) -> Result<Share, Fault> {
        let observed = if is_first { self.observed(row) } else { Observed::default() };
        let latest = self.latest;
        let mut share = Share { bytes: 0, amount: 0 };
        // What else is refused is told when the row is taken.
        let mut refused = Vec::new();
        for reader in self.events.iter_mut().filter(|reader| reader.is_grouped()) {
            if is_first {
                if let Time::NoEvent = reader.time(row, &observed, latest)? {
                    continue;
                }
                share.bytes += reader.begin(row, None, &mut refused).1.bytes();
            }
            self.scratch.clear();
            reader.write_line(row, &mut self.scratch, &mut refused);
            share.bytes += self.scratch.len();
            share.amount += reader.amount(row)?.map_or(0, i64::unsigned_abs);
        }
        Ok(share)
    }

    /// Ends the events of a draft.
    pub fn finish(&self, draft: Draft) -> Record {
        let Draft { mut record, bodies, .. } = draft;
        for open in bodies {
            let at = open.event;
            self.events[open.reader].finish(&mut record.events[at], open);
        }
        record
    }

    /// The event of a row, if it carries one that can be taken. One without its amount would be
    /// another one, and stay so for ever.
    fn event(&mut self, reader: usize, row: &Row, observed: &Observed, draft: &mut Draft) {
        let Record { events, refused, .. } = &mut draft.record;
        let found = self.events[reader].time(row, observed, self.latest);
        let found = found.and_then(|time| Ok((time, self.events[reader].amount(row)?)));
        let (at, amount) = match found {
            Ok((Time::NoEvent, _)) => return,
            Ok((Time::Of(at), amount)) => (at, amount),
            // That the row's own time is refused was said already.
            Err(refusal) if observed.refused.as_ref() == Some(&refusal) => return,
            Err(refusal) => return refused.push(refusal),
        };
        let (mut event, mut open) = self.events[reader].begin(row, at, refused);
        self.events[reader].add(row, amount, &mut event, &mut open, refused);
        (open.event, open.reader) = (events.len(), reader);
        events.push(event);
        draft.bodies.push(open);
    }

    fn observed(&mut self, row: &Row) -> Observed {
        let latest = self.latest;
        self.observed.as_mut().map_or_else(Observed::default, |reader| reader.read(row, latest))
    }
}

impl FieldReader {
    /// The identifier of a row as `KIND:VALUE`, where its kind names one person.
    fn name_of_one(&mut self, row: &Row, country: Option<&str>) -> Option<String> {
        let FieldTarget::Identifier { kind, links: true, .. } = &self.target else { return None };
        let kind = kind.clone();
        let mut values = Vec::new();
        self.read(row, country, &mut values, &mut Vec::new());
        values.pop().map(|value| format!("{kind}:{}", value.text))
    }

    fn read(
        &mut self,
        row: &Row,
        country: Option<&str>,
        values: &mut Vec<MappedValue>,
        refused: &mut Vec<FieldRefusal>,
    ) {
        let Some((text, kind)) = self.taker.text(row, refused) else { return };
        let read = match &mut self.target {
            FieldTarget::Attribute(value_type, dates) => typed(*value_type, text, kind, dates),
            FieldTarget::Identifier { form, ignore, .. } => match normalise(*form, text, country) {
                Ok(normal) if ignore.contains(&normal) => Err(RefusalReason::Placeholder),
                Ok(normal) => Ok(normal),
                Err(Unfit::Placeholder) => Err(RefusalReason::Placeholder),
                Err(Unfit::Shortened) => Err(RefusalReason::ShortenedNumber),
                Err(Unfit::Invalid) => Err(match form {
                    IdentifierForm::Email => RefusalReason::InvalidEmail,
                    IdentifierForm::Phone => RefusalReason::InvalidPhone,
                    IdentifierForm::Text => RefusalReason::InvalidIdentifier,
                }),
            },
        };
        match read {
            Ok(text) => values.push(MappedValue { field: self.index, text }),
            Err(reason) => refused.push(self.taker.refusal(reason)),
        }
    }
}

/// How a kind of identifier is read; one that isn't declared has the form that its name tells.
fn identifier(kind: &str, kinds: &BTreeMap<String, IdentifierKind>) -> FieldTarget {
    match kinds.get(kind) {
        Some(declared) => {
            let (form, links) = (declared.form, declared.links);
            FieldTarget::Identifier {
                kind: kind.into(),
                form,
                ignore: declared.ignore.clone(),
                links,
            }
        }
        None => {
            let form = match kind {
                "email" => IdentifierForm::Email,
                "phone" => IdentifierForm::Phone,
                _ => IdentifierForm::Text,
            };
            let kind = kind.into();
            FieldTarget::Identifier { kind, form, ignore: Vec::new(), links: false }
        }
    }
}

/// What groups the rows of a source: the one id that all its grouped events share.
fn group_id(events: &[EventMap]) -> Result<Option<&Take>> {
    let mut grouped = events.iter().filter(|event| event.grouped);
    let Some(first) = grouped.next() else { return Ok(None) };
    if first.id.is_none() || grouped.any(|event| event.id != first.id) {
        return Err(Error::usage(
            "grouped-events-without-one-id",
            "the grouped events of a source need an id, and all the same",
        )
        .next("give them the same `id`, or make a source for each"));
    }
    Ok(first.id.as_ref())
}
