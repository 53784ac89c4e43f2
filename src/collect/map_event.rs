//! Events of a row, with bodies in canonical JSON.

use std::collections::BTreeMap;

use super::canonical::{order, write_string, write_value};
use super::dates::DateReader;
use super::nothing::is_shortened_number;
use super::observed::Observed;
use super::record::{FieldRefusal, MappedEvent, RefusalReason};
use super::row::{Plan, Row};
use super::take::Taker;
use super::values::amount;
use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::currency::decimals;
use crate::policy::types::{AmountUnit, EventMap, Take};

/// The property that holds the lines of an event of many rows.
const LINES: &str = "lines";

/// An `EventMap`, ready to read rows.
pub(super) struct EventReader {
    map: usize,
    /// Slots, each with the text that it must hold.
    when: Vec<(usize, String)>,
    id: Option<Taker>,
    at: Option<(Taker, DateReader)>,
    grouped: bool,
    amount: Option<Taker>,
    /// How many decimals the amount's currency has, where the source writes its major unit.
    decimals: Option<u32>,
    /// Properties whose names sort before `lines`, and those behind.
    properties: [Vec<Property>; 2],
    lines: Vec<Property>,
}

struct Property {
    /// The name as JSON, with its colon.
    name: Vec<u8>,
    taker: Taker,
}

/// The body of an event that waits for further rows.
pub(super) struct OpenBody {
    /// Index of the event within its record.
    pub event: usize,
    /// Index of its reader within the mapper.
    pub reader: usize,
    /// Everything up to the next line.
    head: Vec<u8>,
    /// The properties that follow the lines.
    tail: Vec<u8>,
}

impl EventReader {
    /// Resolves the map at an index of a source; `dates` makes the reader of one time field.
    pub fn new(
        index: usize,
        map: &EventMap,
        plan: &mut Plan,
        dates: &dyn Fn() -> Result<DateReader>,
    ) -> Result<EventReader> {
        if !map.lines.is_empty() && map.properties.contains_key(LINES) {
            return Err(Error::usage(
                "property-name-taken",
                format!("event {:?} has lines and a property named \"lines\"", map.name),
            )
            .next("rename the property"));
        }
        let properties = properties(&map.properties, plan)?;
        let (first, second): (Vec<_>, Vec<_>) =
            properties.into_iter().partition(|(name, _)| order(name, LINES).is_lt());
        let bare = |list: Vec<(&str, Property)>| list.into_iter().map(|(_, p)| p).collect();
        let when = |(field, text): (&String, &String)| (plan.want(field), text.trim().to_owned());
        let when = map.when.iter().map(when).collect();
        Ok(EventReader {
            map: index,
            when,
            id: Taker::optional(&map.id, plan)?,
            at: match &map.at {
                Some(take) => Some((Taker::new(take, plan)?, dates()?)),
                None => None,
            },
            grouped: map.grouped,
            amount: Taker::optional(&map.amount, plan)?,
            decimals: match (map.amount_unit, &map.currency) {
                (AmountUnit::Major, Some(currency)) => Some(decimals(currency)),
                (AmountUnit::Major, None) => return Err(unit_alone(&map.name)),
                (AmountUnit::Smallest, _) => None,
            },
            properties: [bare(first), bare(second)],
            lines: bare(self::properties(&map.lines, plan)?),
        })
    }

    /// Whether many rows are one such event.
    pub fn is_grouped(&self) -> bool {
        self.grouped
    }

    /// Whether a row is one of those that carry the event.
    #[inline]
    pub fn is_carried_by(&self, row: &Row) -> bool {
        self.when.iter().all(|(slot, text)| row.get(*slot).is_some_and(|said| said.trim() == text))
    }

    /// When the event of a row happened: its own time, else the row's. An event whose time is there and
    /// can't be taken is not taken either: at another time it would be another event. Neither is one whose id a
    /// spreadsheet shortened.
    pub fn time(
        &mut self,
        row: &Row,
        observed: &Observed,
        latest: Moment,
    ) -> Result<Time, FieldRefusal> {
        if !self.is_carried_by(row) {
            return Ok(Time::NoEvent);
        }
        // By a number that lost its digits two events would be one.
        if let Some(id) = &self.id
            && id.text(row, &mut Vec::new()).is_some_and(|(text, _)| is_shortened_number(text))
        {
            return Err(id.refusal(RefusalReason::ShortenedNumber));
        }
        let Some((taker, dates)) = &mut self.at else {
            return match &observed.refused {
                Some(refusal) => Err(refusal.clone()),
                None => Ok(Time::Of(observed.at)),
            };
        };
        let mut refused = Vec::new();
        let Some((text, kind)) = taker.text(row, &mut refused) else {
            return refused.pop().map_or(Ok(Time::NoEvent), Err);
        };
        match dates.moment(text, kind) {
            None => Err(taker.refusal(RefusalReason::InvalidTime)),
            Some(at) if at > latest => Err(taker.refusal(RefusalReason::InFuture)),
            at => Ok(Time::Of(at)),
        }
    }

    /// What a row adds to the event's amount.
    pub fn amount(&self, row: &Row) -> Result<Option<i64>, FieldRefusal> {
        let Some(taker) = &self.amount else { return Ok(None) };
        let mut refused = Vec::new();
        match taker.text(row, &mut refused) {
            Some((text, _)) => {
                amount(text, self.decimals).map(Some).map_err(|reason| taker.refusal(reason))
            }
            None => refused.pop().map_or(Ok(None), Err),
        }
    }

    /// Begins the event of a row. Its first line is still to be added.
    pub fn begin(
        &self,
        row: &Row,
        at: Option<Moment>,
        refused: &mut Vec<FieldRefusal>,
    ) -> (MappedEvent, OpenBody) {
        let id = self.id.as_ref().and_then(|taker| taker.text(row, refused));
        let id = id.map(|(text, _)| text.to_owned());
        let mut head = Vec::with_capacity(192);
        head.push(b'{');
        write_properties(&self.properties[0], row, &mut head, refused);
        if !self.lines.is_empty() {
            head.extend_from_slice(b"\"lines\":[");
        }
        let mut tail = Vec::new();
        write_properties(&self.properties[1], row, &mut tail, refused);
        let event = MappedEvent { map: self.map, id, at, amount: None, body: Vec::new() };
        (event, OpenBody { event: 0, reader: 0, head, tail })
    }

    /// Adds what a row brings to an event: its line, and its amount, which was read before.
    pub fn add(
        &self,
        row: &Row,
        amount: Option<i64>,
        event: &mut MappedEvent,
        open: &mut OpenBody,
        refused: &mut Vec<FieldRefusal>,
    ) {
        self.write_line(row, &mut open.head, refused);
        if let Some(amount) = amount {
            event.amount = Some(event.amount.unwrap_or(0).saturating_add(amount));
        }
    }

    /// Appends a row's line to the body of its event.
    pub fn write_line(&self, row: &Row, body: &mut Vec<u8>, refused: &mut Vec<FieldRefusal>) {
        if !self.lines.is_empty() {
            body.push(b'{');
            write_properties(&self.lines, row, body, refused);
            close(body, b'}');
            body.push(b',');
        }
    }

    /// Ends the body of an event.
    pub fn finish(&self, event: &mut MappedEvent, open: OpenBody) {
        event.body = open.head;
        if !self.lines.is_empty() {
            close(&mut event.body, b']');
            event.body.push(b',');
        }
        event.body.extend_from_slice(&open.tail);
        close(&mut event.body, b'}');
    }
}

fn unit_alone(event: &str) -> Error {
    let what = format!("the amount of event {event:?} is in a major unit of no currency");
    Error::usage("unit-without-currency", what).next("name its currency")
}

/// Whether a row carries an event, and of when.
pub(super) enum Time {
    /// The field of its time is empty, or it isn't one of those that do.
    NoEvent,
    /// It does; without a moment where neither it nor its row names one.
    Of(Option<Moment>),
}

impl OpenBody {
    /// Bytes held so far.
    pub fn bytes(&self) -> usize {
        self.head.len() + self.tail.len()
    }
}

/// Properties with the fields that they come from, sorted as canonical JSON sorts names.
fn properties<'m>(
    map: &'m BTreeMap<String, Take>,
    plan: &mut Plan,
) -> Result<Vec<(&'m str, Property)>> {
    let mut sorted = Vec::with_capacity(map.len());
    for (name, take) in map {
        let mut written = Vec::new();
        write_string(name, &mut written);
        written.push(b':');
        sorted.push((name.as_str(), Property { name: written, taker: Taker::new(take, plan)? }));
    }
    sorted.sort_by(|(one, _), (other, _)| order(one, other));
    Ok(sorted)
}

/// Writes the properties that the row fills, each with a comma behind it.
#[inline]
fn write_properties(
    properties: &[Property],
    row: &Row,
    out: &mut Vec<u8>,
    refused: &mut Vec<FieldRefusal>,
) {
    for property in properties {
        if let Some((text, kind)) = property.taker.text(row, refused) {
            out.extend_from_slice(&property.name);
            write_value(text, kind, out);
            out.push(b',');
        }
    }
}

/// Ends an object or an array, in place of the last comma.
#[inline]
fn close(out: &mut Vec<u8>, end: u8) {
    match out.last_mut() {
        Some(last @ b',') => *last = end,
        _ => out.push(end),
    }
}
