//! One level of a JSON object, whose values stay the text that they were written as.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::collect::canonical::write_string;

/// A JSON value as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Raw<'a>(pub &'a str);

impl<'a> Raw<'a> {
    /// The value that a text is; nothing where it isn't JSON.
    pub fn of(text: &'a str) -> Option<Raw<'a>> {
        let raw: &'a RawValue = serde_json::from_str(text).ok()?;
        Some(Raw(raw.get()))
    }

    fn first(self) -> u8 {
        self.0.as_bytes().first().copied().unwrap_or(b'n')
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.first() == b'n'
    }

    /// The text of a string or a number that says something; nothing else is a text.
    pub fn text(self) -> Option<String> {
        let text: String = match self.first() {
            b'"' => serde_json::from_str(self.0).ok()?,
            b'-' | b'0'..=b'9' => self.0.to_owned(),
            _ => return None,
        };
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The members of an object.
    pub fn object(self) -> Option<Object<'a>> {
        (self.first() == b'{').then(|| serde_json::from_str(self.0).ok()).flatten()
    }

    /// The items of a list.
    pub fn list(self) -> Option<Vec<Raw<'a>>> {
        let items: Vec<&'a RawValue> = match self.first() {
            b'[' => serde_json::from_str(self.0).ok()?,
            _ => return None,
        };
        Some(items.into_iter().map(|item| Raw(item.get())).collect())
    }
}

/// The members of an object; of a name that stands twice, the last.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Object<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Object<'a> {
    /// A member that says something.
    pub fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.0.get(name).map(|raw| Raw(raw.get())).filter(|raw| !raw.is_null())
    }

    /// A member that is a text or a number and says something.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.text()
    }

    /// A member that is an object.
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        self.get(name)?.object()
    }

    /// Whether it has members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members by name.
    pub fn members(&self) -> impl Iterator<Item = (&str, Raw<'a>)> {
        self.0.iter().map(|(name, raw)| (&**name, Raw(raw.get())))
    }
}

/// Writes an object, member by member.
pub(super) struct Writing(String);

impl Writing {
    /// An object without members.
    pub fn new() -> Writing {
        Writing(String::from("{"))
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quoted(name));
        self.0.push(':');
    }

    /// Adds a member as it is written.
    pub fn raw(&mut self, name: &str, raw: &str) {
        self.name(name);
        self.0.push_str(raw);
    }

    /// Adds a text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.raw(name, &quoted(text));
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    /// The object's text.
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    String::from_utf8(out).expect("a text is written as a text")
}
