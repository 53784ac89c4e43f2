//! The shape of a kind of event: what its canonical bytes have in common, so that it needn't be stored
//! with each.
//!
//! Folding an event leaves its values and drops what every event of its name repeats: braces, quotes,
//! names. Unfolding gives the very bytes back that were committed to. An event of another form than
//! the policy's map makes doesn't fold; it is stored as it is.
//!
//! ```text
//! {"amount":1250,"at":1700000000000,"for":5,"id":"o-1","name":"ordered","properties":{"shop":"Cork"}}
//! at in 6 bytes ‖ 1250 INTEGER ‖ 5 INTEGER ‖ o-1 STRING ‖ Cork STRING
//! ```
//! Each value ends with one byte that says what it was. None of these bytes stands in canonical JSON,
//! which escapes control characters (RFC 8785, 3.2.2.2).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::collect::name_order;
use crate::policy::types::EventMap;

/// The property that holds the lines of an event of many rows.
const LINES: &str = "lines";

const STRING: u8 = 0;
const INTEGER: u8 = 1;
const ABSENT: u8 = 2;
const LINES_END: u8 = 3;
const LINE: u8 = 4;

/// Moments are kept in this many bytes.
const MOMENT_BYTES: usize = 6;

/// What the events of one name have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shape {
    /// The events' name.
    name: String,
    /// The properties that they may have, in canonical order; `lines` among them.
    properties: Vec<String>,
    /// The properties that their lines may have, in canonical order.
    lines: Vec<String>,
}

/// The shapes that a policy's events can have, one for each name: what its sources map, together.
pub(super) fn shapes<'p>(events: impl IntoIterator<Item = &'p EventMap>) -> Vec<Shape> {
    let mut found: BTreeMap<&str, [BTreeSet<&str>; 2]> = BTreeMap::new();
    for event in events {
        let [properties, lines] = found.entry(&event.name).or_default();
        properties.extend(event.properties.keys().map(String::as_str));
        lines.extend(event.lines.keys().map(String::as_str));
        if !event.lines.is_empty() {
            properties.insert(LINES);
        }
    }
    let sorted = |names: BTreeSet<&str>| {
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        names.sort_by(|one, other| name_order(one, other));
        names
    };
    let shape = |(name, [properties, lines]): (&str, [BTreeSet<&str>; 2])| Shape {
        name: name.to_owned(),
        properties: sorted(properties),
        lines: sorted(lines),
    };
    found.into_iter().map(shape).collect()
}

/// A shape with its names as JSON writes them.
pub(super) struct Folder {
    name: Vec<u8>,
    properties: Vec<Name>,
    lines: Vec<Name>,
}

struct Name {
    /// As JSON, with its colon.
    key: Vec<u8>,
    is_lines: bool,
}

impl Folder {
    pub(super) fn new(shape: &Shape) -> Folder {
        let names = |names: &[String]| {
            names.iter().map(|name| Name { key: key(name), is_lines: name == LINES }).collect()
        };
        let mut name = b",\"name\":".to_vec();
        serde_json::to_writer(&mut name, &shape.name).expect("a text is JSON");
        name.extend_from_slice(b",\"properties\":{");
        Folder { name, properties: names(&shape.properties), lines: names(&shape.lines) }
    }

    /// Appends what is left of an event's canonical bytes without their shape; `None` where they
    /// have another, and then `out` is worthless.
    pub(super) fn fold(&self, canonical: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let mut rest = Rest(canonical);
        rest.pass(b"{")?;
        let mut amount = None;
        if rest.pass(b"\"amount\":").is_some() {
            amount = Some(rest.integer()?);
            rest.pass(b",")?;
        }
        rest.pass(b"\"at\":")?;
        let at: u64 = std::str::from_utf8(rest.integer()?).ok()?.parse().ok()?;
        let at = at.to_be_bytes();
        let (zeros, moment) = at.split_at(8 - MOMENT_BYTES);
        if zeros.iter().any(|byte| *byte != 0) {
            return None;
        }
        out.extend_from_slice(moment);
        match amount {
            Some(amount) => push(out, amount, INTEGER),
            None => out.push(ABSENT),
        }
        rest.pass(b",\"for\":")?;
        push(out, rest.integer()?, INTEGER);
        rest.pass(b",\"id\":")?;
        push(out, rest.string()?, STRING);
        rest.pass(&self.name)?;
        self.fold_members(&self.properties, &mut rest, out)?;
        rest.pass(b"}")?;
        rest.0.is_empty().then_some(())
    }

    /// Folds the members of an object, whose brace was passed, up to the one that closes it.
    fn fold_members(&self, names: &[Name], rest: &mut Rest<'_>, out: &mut Vec<u8>) -> Option<()> {
        let mut is_first = true;
        for name in names {
            let before = rest.0;
            let comma = if is_first { Some(()) } else { rest.pass(b",") };
            if comma.and_then(|()| rest.pass(&name.key)).is_none() {
                rest.0 = before;
                out.push(ABSENT);
                continue;
            }
            is_first = false;
            match rest.0.first()? {
                b'"' => push(out, rest.string()?, STRING),
                b'[' if name.is_lines => self.fold_lines(rest, out)?,
                _ => push(out, rest.integer()?, INTEGER),
            }
        }
        rest.pass(b"}")
    }

    fn fold_lines(&self, rest: &mut Rest<'_>, out: &mut Vec<u8>) -> Option<()> {
        rest.pass(b"[")?;
        while rest.pass(b"{").is_some() {
            out.push(LINE);
            self.fold_members(&self.lines, rest, out)?;
            if rest.pass(b",").is_none() {
                break;
            }
        }
        out.push(LINES_END);
        rest.pass(b"]")
    }

    /// The canonical bytes of a folded event; `None` for bytes that no event of this shape folds to.
    pub(super) fn unfold(&self, folded: &[u8]) -> Option<Vec<u8>> {
        let mut rest = Rest(folded);
        let mut out = Vec::with_capacity(folded.len() * 3);
        let mut at = [0; 8];
        at[8 - MOMENT_BYTES..].copy_from_slice(rest.take(MOMENT_BYTES)?);
        out.push(b'{');
        match rest.value()? {
            (amount, INTEGER) => {
                out.extend_from_slice(b"\"amount\":");
                out.extend_from_slice(amount);
                out.push(b',');
            }
            (b"", ABSENT) => {}
            _ => return None,
        }
        out.extend_from_slice(b"\"at\":");
        out.extend_from_slice(u64::from_be_bytes(at).to_string().as_bytes());
        out.extend_from_slice(b",\"for\":");
        out.extend_from_slice(rest.value_of(INTEGER)?);
        out.extend_from_slice(b",\"id\":\"");
        out.extend_from_slice(rest.value_of(STRING)?);
        out.push(b'"');
        out.extend_from_slice(&self.name);
        self.unfold_members(&self.properties, &mut rest, &mut out)?;
        out.push(b'}');
        rest.0.is_empty().then_some(out)
    }

    fn unfold_members(&self, names: &[Name], rest: &mut Rest<'_>, out: &mut Vec<u8>) -> Option<()> {
        let mut is_first = true;
        for name in names {
            let (value, end) = rest.value()?;
            if end == ABSENT && value.is_empty() {
                continue;
            }
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            out.extend_from_slice(&name.key);
            match end {
                STRING => {
                    out.push(b'"');
                    out.extend_from_slice(value);
                    out.push(b'"');
                }
                INTEGER => out.extend_from_slice(value),
                LINE | LINES_END if name.is_lines && value.is_empty() => {
                    self.unfold_lines(end, rest, out)?;
                }
                _ => return None,
            }
        }
        out.push(b'}');
        Some(())
    }

    /// Unfolds lines whose first byte, `LINE` or `LINES_END`, was taken.
    fn unfold_lines(&self, mut next: u8, rest: &mut Rest<'_>, out: &mut Vec<u8>) -> Option<()> {
        out.push(b'[');
        while next == LINE {
            out.push(b'{');
            self.unfold_members(&self.lines, rest, out)?;
            next = *rest.take(1)?.first()?;
            if next == LINE {
                out.push(b',');
            }
        }
        out.push(b']');
        (next == LINES_END).then_some(())
    }
}

fn key(name: &str) -> Vec<u8> {
    let mut key = serde_json::to_vec(name).expect("a text is JSON");
    key.push(b':');
    key
}

fn push(out: &mut Vec<u8>, value: &[u8], end: u8) {
    out.extend_from_slice(value);
    out.push(end);
}

/// Bytes still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    #[inline]
    fn pass(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    #[inline]
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// An integer of canonical JSON, as it is written.
    #[inline]
    fn integer(&mut self) -> Option<&'a [u8]> {
        let digits = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        let length = self.0.iter().take_while(|byte| digits(byte)).count();
        if length == 0 { None } else { self.take(length) }
    }

    /// A string of canonical JSON, as it is written between its quotes.
    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        self.pass(b"\"")?;
        let mut length = 0;
        loop {
            length += memchr::memchr2(b'"', b'\\', &self.0[length..])?;
            if self.0[length] == b'"' {
                break;
            }
            length = (length + 2).min(self.0.len());
        }
        let text = self.take(length)?;
        self.pass(b"\"")?;
        Some(text)
    }

    /// A folded value and the byte that ends it.
    #[inline]
    fn value(&mut self) -> Option<(&'a [u8], u8)> {
        let length = self.0.iter().position(|byte| *byte <= LINE)?;
        let value = self.take(length)?;
        Some((value, *self.take(1)?.first()?))
    }

    fn value_of(&mut self, end: u8) -> Option<&'a [u8]> {
        self.value().filter(|(_, found)| *found == end).map(|(value, _)| value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn folder() -> Folder {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Folder::new(&Shape {
            name: "ordered".into(),
            properties: names(&["\"quoted\"", "a", "lines", "z"]),
            lines: names(&["sku", "units"]),
        })
    }

    /// Written by serde_json, which sorts by bytes and escapes as RFC 8785 does.
    fn canonical(amount: Option<i64>, at: i64, id: &str, properties: &Value) -> Vec<u8> {
        let mut event = json!({
            "at": at, "for": 5, "id": id, "name": "ordered", "properties": properties,
        });
        if let Some(amount) = amount {
            event["amount"] = amount.into();
        }
        event.to_string().into_bytes()
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<String>().prop_map(Value::from),
            "[a-z\\\\\"\\n]{0,6}".prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
        ]
    }

    fn members(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
        let some = prop::option::of(value());
        prop::collection::vec(some, names.len()).prop_map(|values| {
            let pairs = names.iter().zip(values);
            pairs.filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect()
        })
    }

    proptest! {
        #[test]
        fn what_folds_unfolds_to_the_same_bytes(
            amount in prop::option::of(any::<i64>()),
            at in 0..(1_i64 << 47),
            id in any::<String>(),
            mut properties in members(&["\"quoted\"", "a", "z"]),
            lines in prop::option::of(prop::collection::vec(members(&["sku", "units"]), 0..4)),
        ) {
            if let Some(lines) = lines {
                properties.insert("lines".into(), lines.into_iter().map(Value::Object).collect());
            }
            let body = canonical(amount, at, &id, &Value::Object(properties));
            let mut folded = Vec::new();
            prop_assert_eq!(folder().fold(&body, &mut folded), Some(()));
            prop_assert!(folded.len() < body.len());
            prop_assert_eq!(folder().unfold(&folded), Some(body));
        }

        #[test]
        fn other_bytes_do_not_fold_or_come_back_the_same(body in any::<Vec<u8>>(), at in 0..60_usize) {
            let mut real = canonical(Some(1), 1_700_000_000_000, "o", &json!({"a": "b"}));
            let at = at.min(real.len());
            real.splice(at..at, body);
            let mut folded = Vec::new();
            if folder().fold(&real, &mut folded).is_some() && !real.iter().any(|b| *b <= LINE) {
                prop_assert_eq!(folder().unfold(&folded), Some(real));
            }
        }

        #[test]
        fn unfolding_what_was_never_folded_does_no_harm(bytes in any::<Vec<u8>>()) {
            let _ = folder().unfold(&bytes);
        }
    }

    #[test]
    fn only_the_shape_folds() {
        for properties in [
            json!({"b": "not of the shape"}),
            json!({"a": true}),
            json!({"a": {"nested": 1}}),
            json!({"lines": [{"b": "not of a line"}]}),
        ] {
            let body = canonical(None, 1, "o", &properties);
            assert_eq!(folder().fold(&body, &mut Vec::new()), None, "{properties}");
        }
        let negative = canonical(None, -1, "o", &json!({}));
        assert_eq!(folder().fold(&negative, &mut Vec::new()), None);
    }
}
