//! Walks over one JSON object and notes where the mapped fields stand.
//!
//! No tree is built: serde_json checks the syntax, a leaf stays the text that it was written as, and
//! only strings with escapes are copied.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::paths::{NONE, Paths, ROOT};
use super::reject::RejectReason;
use super::row::{Kind, Span, in_aside, in_text};

/// Levels of objects and arrays that a line may nest.
const DEPTH_MAX: usize = 32;

/// One walk over one line.
pub(super) struct Walk<'r> {
    paths: &'r mut Paths,
    text: &'r str,
    aside: &'r mut String,
    spans: &'r mut [Span],
    unmapped: &'r mut Vec<u32>,
    fault: Option<RejectReason>,
}

impl<'r> Walk<'r> {
    /// Prepares a walk over `text`, which fills `spans` and collects unknown paths in `unmapped`.
    pub fn new(
        paths: &'r mut Paths,
        text: &'r str,
        aside: &'r mut String,
        spans: &'r mut [Span],
        unmapped: &'r mut Vec<u32>,
    ) -> Self {
        Walk { paths, text, aside, spans, unmapped, fault: None }
    }

    /// Walks over the whole line, which must be one object.
    pub fn object(mut self) -> Result<(), RejectReason> {
        let text = self.text;
        let mut json = serde_json::Deserializer::from_str(text);
        let walked = json.deserialize_any(Object { walk: &mut self, node: ROOT, depth: 1 });
        let fault = match walked.and_then(|()| json.end()) {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        };
        Err(self.fault.unwrap_or(RejectReason::Json { column: fault.column() }))
    }

    fn fail<E: serde::de::Error>(&mut self, reason: RejectReason) -> E {
        self.fault = Some(reason);
        E::custom("")
    }

    /// Takes the value of a node, as it is written.
    #[inline]
    fn leaf<E: serde::de::Error>(&mut self, node: u32, raw: &str, depth: usize) -> Result<(), E> {
        let slot = self.paths.slot(node);
        let first = raw.as_bytes()[0];
        if first == b'n' {
            return Ok(());
        }
        if slot != NONE && holds_fields(raw, first) {
            // Fields inside a value are fields that the policy doesn't name, unless it does.
            if first != b'{' || !self.paths.has_children(node) {
                self.unmapped.push(node);
                return Ok(());
            }
        } else if slot != NONE {
            let span = self.span(raw, first).map_err(|reason| self.fail(reason))?;
            let place = &mut self.spans[slot as usize];
            if place.is_set() {
                return Err(self.fail(RejectReason::DuplicateField));
            }
            *place = span;
            return Ok(());
        } else if self.paths.is_ignored(node) {
            return Ok(());
        } else if first != b'{' {
            self.unmapped.push(node);
            return Ok(());
        }
        if depth >= DEPTH_MAX {
            return Err(self.fail(RejectReason::TooDeep));
        }
        let mut json = serde_json::Deserializer::from_str(raw);
        json.deserialize_any(Object { walk: self, node, depth: depth + 1 }).map_err(E::custom)
    }

    /// Where a value's text is; strings with escapes, objects and arrays are written aside.
    #[inline]
    fn span(&mut self, raw: &str, first: u8) -> Result<Span, RejectReason> {
        let start = raw.as_ptr() as usize - self.text.as_ptr() as usize;
        let aside = self.aside.len();
        match first {
            b'"' if memchr::memchr(b'\\', raw.as_bytes()).is_none() => {
                return Ok(in_text(start + 1, start + raw.len() - 1, Kind::Text));
            }
            b'"' => {
                let text: String = serde_json::from_str(raw)
                    .map_err(|fault| RejectReason::Json { column: start + fault.column() })?;
                if memchr::memchr(0, text.as_bytes()).is_some() {
                    return Err(RejectReason::NulCharacter);
                }
                self.aside.push_str(&text);
            }
            b'{' | b'[' => compact(raw, self.aside)?,
            _ => return Ok(in_text(start, start + raw.len(), Kind::Bare)),
        }
        Ok(in_aside(aside, self.aside.len(), Kind::Text))
    }
}

/// Whether a value that begins with `first` is an object, or a list that has one somewhere in it.
fn holds_fields(raw: &str, first: u8) -> bool {
    let mut strings = 0;
    match first {
        b'{' => true,
        b'[' => raw
            .bytes()
            .scan(false, |escaped, byte| {
                strings += usize::from(byte == b'"' && !*escaped);
                *escaped = byte == b'\\' && !*escaped;
                Some(byte == b'{' && strings % 2 == 0)
            })
            .any(|is_object| is_object),
        _ => false,
    }
}

/// Appends valid JSON without the white space outside its strings.
fn compact(raw: &str, out: &mut String) -> Result<(), RejectReason> {
    let (mut from, mut depth, mut inside, mut escaped) = (0, 0, false, false);
    for (at, byte) in raw.bytes().enumerate() {
        if inside {
            (inside, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        match byte {
            b'"' => inside = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b' ' | b'\t' | b'\r' | b'\n' => {
                out.push_str(&raw[from..at]);
                from = at + 1;
            }
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(RejectReason::TooDeep);
        }
    }
    out.push_str(&raw[from..]);
    Ok(())
}

/// The fields of an object.
struct Object<'w, 'r> {
    walk: &'w mut Walk<'r>,
    node: u32,
    depth: usize,
}

impl Object<'_, '_> {
    /// Something else stands where an object was expected: a fault at the root, else an unknown
    /// field.
    fn other<E: serde::de::Error>(self) -> Result<(), E> {
        if self.node == ROOT {
            return Err(self.walk.fail(RejectReason::NotAnObject));
        }
        self.walk.unmapped.push(self.node);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut before = NONE;
        loop {
            let key = Key { paths: self.walk.paths, parent: self.node, before };
            let Some(node) = map.next_key_seed(key)? else { return Ok(()) };
            before = node;
            map.next_value_seed(Value { walk: self.walk, node, depth: self.depth })?;
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.other()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        if self.node == ROOT { self.other() } else { Ok(()) }
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.other()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.other()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.other()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.other()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.other()
    }
}

/// The name of a field, which becomes its node.
struct Key<'w> {
    paths: &'w mut Paths,
    parent: u32,
    before: u32,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = u32;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    #[inline]
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<u32, E> {
        Ok(self.paths.child(self.parent, self.before, key))
    }
}

/// The value of a field.
struct Value<'w, 'r> {
    walk: &'w mut Walk<'r>,
    node: u32,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Value { walk, node, depth } = self;
        let paths = &walk.paths;
        let is_branch =
            paths.has_children(node) && paths.slot(node) == NONE && !paths.is_ignored(node);
        if !is_branch {
            let raw: &RawValue = serde::Deserialize::deserialize(deserializer)?;
            return walk.leaf(node, raw.get(), depth);
        }
        if depth >= DEPTH_MAX {
            return Err(walk.fail(RejectReason::TooDeep));
        }
        deserializer.deserialize_any(Object { walk, node, depth: depth + 1 })
    }
}
