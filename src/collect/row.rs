//! One row of a file, whatever its format: where it stands, its bytes, and its fields by slot.
//!
//! Names are resolved to slots once for a file (`Plan`); a row is then read into the same buffers
//! again and again, so that a row costs no allocation.

use std::borrow::Cow;
use std::sync::Arc;

/// The fields that a source's map refers to, each with a slot.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    wanted: Vec<Arc<str>>,
    ignored: Vec<Arc<str>>,
    forgives: bool,
}

impl Plan {
    /// From here on a header's names may be written in capitals, with spaces or with hyphens.
    pub fn forgive_spelling(&mut self) {
        self.forgives = true;
    }

    /// The field that a header's name means, as the plan has it.
    pub(super) fn meant<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if !self.forgives || self.slot(name).is_some() {
            return Cow::Borrowed(name);
        }
        let plain = name.to_lowercase().replace(|c: char| c.is_whitespace() || c == '-', "_");
        if self.slot(&plain).is_some() { Cow::Owned(plain) } else { Cow::Borrowed(name) }
    }

    /// The slot of a field that is read; the same name always gets the same slot.
    pub fn want(&mut self, name: &str) -> usize {
        self.slot(name).unwrap_or_else(|| {
            self.wanted.push(name.into());
            self.wanted.len() - 1
        })
    }

    /// Declares a field that is known and not read.
    pub fn ignore(&mut self, name: &str) {
        if !self.is_ignored(name) {
            self.ignored.push(name.into());
        }
    }

    /// The slot of a field, when it is read.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.wanted.iter().position(|wanted| &**wanted == name)
    }

    /// Whether a field is declared as known and not wanted.
    pub fn is_ignored(&self, name: &str) -> bool {
        self.ignored.iter().any(|ignored| &**ignored == name)
    }

    /// The names that are read, by slot.
    pub fn wanted(&self) -> &[Arc<str>] {
        &self.wanted
    }

    /// The names that are known and not read.
    pub fn ignored(&self) -> &[Arc<str>] {
        &self.ignored
    }
}

/// What the format says about the type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: a CSV field, a JSON number or boolean, a number of a workbook.
    Bare,
    /// A text for certain: a JSON string, a text cell.
    Text,
    /// A date or a time that the reader wrote in ISO 8601: a date cell.
    Iso,
}

/// Where a field's text stands in the row's buffers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    end: u32,
    kind: Option<Kind>,
    aside: bool,
}

impl Span {
    pub(super) const ABSENT: Span = Span { start: 0, end: 0, kind: None, aside: false };
}

/// One row, in buffers that are used again for the next one.
#[derive(Debug, Default)]
pub struct Row {
    /// The physical line of the file (of a workbook: the sheet's row) where it starts, from 1.
    pub line: u64,
    /// Its bytes as they stand in the file, without the line's end.
    pub(super) raw: Vec<u8>,
    /// Its text.
    pub(super) text: String,
    /// Texts of fields that aren't in `text` as they are: unquoted, unescaped.
    pub(super) aside: String,
    /// Slot → where its text is.
    pub(super) spans: Vec<Span>,
}

impl Row {
    /// An empty row, to be filled by a reader.
    pub fn new() -> Row {
        Row::default()
    }

    /// A field's text; `None` when it is absent or a JSON null, `Some("")` when it is empty.
    #[inline]
    pub fn get(&self, slot: usize) -> Option<&str> {
        self.typed(slot).map(|(text, _)| text)
    }

    /// A field's text with what the format says about its type.
    #[inline]
    pub fn typed(&self, slot: usize) -> Option<(&str, Kind)> {
        let span = self.spans.get(slot)?;
        let kind = span.kind?;
        let buffer = if span.aside { &self.aside } else { &self.text };
        Some((&buffer[span.start as usize..span.end as usize], kind))
    }

    /// The row's bytes as they stand in the file, without the line's end, to be handed back for
    /// repair. Empty when the row was too long to be held.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Makes room for `slots` fields, all absent.
    pub(super) fn clear(&mut self, slots: usize) {
        self.text.clear();
        self.aside.clear();
        self.spans.clear();
        self.spans.resize(slots, Span::ABSENT);
    }
}

/// A part of `Row::text`.
pub(super) fn in_text(start: usize, end: usize, kind: Kind) -> Span {
    Span { start: start as u32, end: end as u32, kind: Some(kind), aside: false }
}

/// A part of `Row::aside`.
pub(super) fn in_aside(start: usize, end: usize, kind: Kind) -> Span {
    Span { start: start as u32, end: end as u32, kind: Some(kind), aside: true }
}

impl Span {
    /// Whether it holds any text.
    pub(super) fn is_filled(self) -> bool {
        self.kind.is_some() && self.end > self.start
    }

    /// Whether the field is there.
    pub(super) fn is_set(self) -> bool {
        self.kind.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_slot() {
        let mut plan = Plan::default();
        assert_eq!((plan.want("a"), plan.want("b"), plan.want("a")), (0, 1, 0));
        plan.ignore("c");
        assert_eq!(plan.slot("c"), None);
        assert!(plan.is_ignored("c") && !plan.is_ignored("a"));
    }

    #[test]
    fn absent_is_not_empty() {
        let mut row = Row::new();
        row.clear(3);
        row.text.push_str("ab");
        row.spans[0] = in_text(0, 2, Kind::Bare);
        row.spans[1] = in_text(1, 1, Kind::Bare);
        assert_eq!(
            (row.get(0), row.get(1), row.get(2), row.get(9)),
            (Some("ab"), Some(""), None, None)
        );
    }
}
