//! What senders hand over, by the way in which it came, and what reads it: calls of the tracking API, or rows of
//! webhooks. From there on they are the same.

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::collect::sent::Read;
use crate::collect::tracking::{self, Item};
use crate::collect::webhook::{self, Row};
use crate::policy::types::{Format, Policy, Source};

/// What was sent, by the way in which it came.
pub enum Sent {
    /// Items of a call of the tracking API.
    Calls(Vec<Item>),
    /// Rows of a webhook.
    Rows(Vec<Row>),
}

/// One of them.
#[derive(Clone, Copy)]
pub(super) enum One<'a> {
    Call(&'a Item),
    Row(&'a Row),
}

impl Sent {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.each().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The format of the sources that are sent so.
    pub(super) fn format(&self) -> Format {
        match self {
            Sent::Calls(_) => Format::Tracking,
            Sent::Rows(_) => Format::Webhook,
        }
    }

    pub(super) fn each(&self) -> impl Iterator<Item = One<'_>> {
        let (calls, rows): (&[Item], &[Row]) = match self {
            Sent::Calls(calls) => (calls, &[]),
            Sent::Rows(rows) => (&[], rows),
        };
        calls.iter().map(One::Call).chain(rows.iter().map(One::Row))
    }
}

/// Makes records of what a source sends.
pub(super) enum Reader {
    Calls(Box<tracking::Reader>),
    Rows(Box<webhook::Reader>),
}

impl Reader {
    pub fn new(policy: &Policy, source: &Source) -> Result<Reader> {
        Ok(match source.format {
            Some(Format::Webhook) => Reader::Rows(Box::new(webhook::Reader::new(policy, source)?)),
            _ => Reader::Calls(Box::new(tracking::Reader::new(policy, source)?)),
        })
    }

    /// Reads one thing; or says by code and words why it is none.
    pub fn read(
        &mut self,
        one: One<'_>,
        line: u64,
        now: Moment,
    ) -> Result<Read, (&'static str, &'static str)> {
        match (self, one) {
            (Reader::Calls(reader), One::Call(item)) => match &item.shape {
                Ok(shape) => Ok(reader.read(shape, line, now)),
                Err(fault) => Err((fault.code(), fault.words())),
            },
            (Reader::Rows(reader), One::Row(row)) => {
                reader.read(row, line, now).map_err(|fault| (fault.code(), fault.words()))
            }
            // What is sent is compared with the format of its source before.
            _ => Err(("source_not_sent", "the source is sent in another way")),
        }
    }
}
