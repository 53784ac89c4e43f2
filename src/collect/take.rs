//! Takes one text from a row: a fixed one, or a field's, through its value map.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::{FieldRefusal, RefusalReason};
use super::row::{Kind, Plan, Row};
use super::values::ValueMap;
use crate::base::error::Result;
use crate::policy::types::Take;

/// A `Take`, with its field resolved to a slot.
#[derive(Clone, Debug)]
pub(super) struct Taker {
    /// The field's name, for refusals; empty for a fixed text.
    name: Arc<str>,
    from: From,
}

#[derive(Clone, Debug)]
enum From {
    Fixed(Arc<str>),
    Field(usize),
    Mapped(usize, ValueMap<Arc<str>>),
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Taken<'a> {
    /// Nothing, or an empty text.
    Absent,
    /// A trimmed text that isn't empty.
    Text(&'a str, Kind),
    /// A text that a fixed value or a value map of the policy gives.
    Known(&'a Arc<str>),
    /// A text that isn't in the value map.
    Unknown,
}

impl Taker {
    /// Resolves a take; its field gets a slot in the plan.
    pub fn new(take: &Take, plan: &mut Plan) -> Result<Taker> {
        Ok(match take {
            Take::Fixed(text) => Taker { name: "".into(), from: From::Fixed(text.trim().into()) },
            Take::Field { from, values } => {
                let slot = plan.want(from);
                let from = match values {
                    values if BTreeMap::is_empty(values) => From::Field(slot),
                    values => {
                        From::Mapped(slot, ValueMap::new(values, |v| Ok(Arc::from(v.trim())))?)
                    }
                };
                Taker { name: plan.wanted()[slot].clone(), from }
            }
        })
    }

    /// The same for an optional take.
    pub fn optional(take: &Option<Take>, plan: &mut Plan) -> Result<Option<Taker>> {
        take.as_ref().map(|take| Taker::new(take, plan)).transpose()
    }

    /// What the row holds.
    #[inline]
    pub fn take<'a>(&'a self, row: &'a Row) -> Taken<'a> {
        let slot = match &self.from {
            From::Fixed(text) if text.is_empty() => return Taken::Absent,
            From::Fixed(text) => return Taken::Known(text),
            From::Field(slot) | From::Mapped(slot, _) => *slot,
        };
        let Some((text, kind)) = row.typed(slot) else { return Taken::Absent };
        let text = text.trim();
        match &self.from {
            _ if text.is_empty() => Taken::Absent,
            From::Mapped(_, values) => match values.get(text) {
                Some(known) if known.is_empty() => Taken::Absent,
                Some(known) => Taken::Known(known),
                None => Taken::Unknown,
            },
            _ => Taken::Text(text, kind),
        }
    }

    /// The text, if there is one; a text that isn't in the value map is refused.
    #[inline]
    pub fn text<'a>(
        &'a self,
        row: &'a Row,
        refused: &mut Vec<FieldRefusal>,
    ) -> Option<(&'a str, Kind)> {
        match self.take(row) {
            Taken::Absent => None,
            Taken::Text(text, kind) => Some((text, kind)),
            Taken::Known(text) => Some((text, Kind::Bare)),
            Taken::Unknown => {
                refused.push(self.refusal(RefusalReason::UnknownValue));
                None
            }
        }
    }

    /// The same, as a shared text: what the policy wrote isn't copied.
    pub fn shared(&self, row: &Row, refused: &mut Vec<FieldRefusal>) -> Option<Arc<str>> {
        match self.take(row) {
            Taken::Known(text) => Some(text.clone()),
            _ => self.text(row, refused).map(|(text, _)| text.into()),
        }
    }

    /// That this field is refused.
    pub fn refusal(&self, reason: RefusalReason) -> FieldRefusal {
        FieldRefusal { field: self.name.clone(), reason }
    }
}
