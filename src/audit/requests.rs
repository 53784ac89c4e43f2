//! Data subject requests: when they came, when they are due, and whether they were answered in time.

use chrono::NaiveDate;
use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::profile::merge::public_text;
use crate::profile::then::Then;
use crate::store::{self, Store, first_entry_from};
use crate::subject::sql::RequestKind;
use crate::view::{Block, Document, NoteKind, Table};

use super::disclosures::span;
use super::{Question, sql};

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its day has passed and it isn't answered.
    Overdue,
    /// It waits for an answer.
    Open,
    /// It was answered after its day.
    ClosedLate,
    /// It was answered in time.
    ClosedInTime,
}

impl Standing {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Standing::Overdue => "OVERDUE",
            Standing::Open => "open",
            Standing::ClosedLate => "closed late",
            Standing::ClosedInTime => "closed in time",
        }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestRow {
    /// Its number.
    pub request: i64,
    /// access, portability or erasure.
    pub kind: &'static str,
    /// Whom it is about; empty where the person is erased.
    pub subject: String,
    /// When it came.
    pub received_at: String,
    /// The last day for the answer.
    pub due_on: String,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// Where it stands.
    pub standing: Standing,
    /// The entry of its coming.
    pub opened_entry: i64,
    /// The entry of its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_entry: Option<i64>,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestReport {
    /// As of when.
    pub as_of: String,
    /// Received from when on.
    pub from: String,
    /// Received until when.
    pub to: String,
    /// The requests; open ones first, the most urgent at the head.
    pub requests: Vec<RequestRow>,
}

/// Lists the requests that came within a span, as they stood at a moment.
pub fn requests(store: &Store, asked: &Question) -> Result<RequestReport> {
    let conn = store.conn();
    let (from, to) = asked.span();
    let zone = store::rulebook_at(conn, store.words(), asked.as_of)
        .map_or(chrono_tz::UTC, |rules| rules.policy.controller.zone());
    let day = |moment: Moment| moment.utc().with_timezone(&zone).date_naive();
    let later = first_entry_from(conn, Moment(asked.as_of.0.saturating_add(1)))?;
    let then = Then::before(conn, later)?;
    let mut rows = Vec::new();
    for request in sql::requests(conn)? {
        let subject = crate::subject::sql::subject_of(conn, request.record)?
            .map(|today| then.subject(request.record, today));
        let came = request.opened_at;
        let out_of_span = came < from || came >= to;
        if out_of_span || (asked.who.is_some() && asked.who != subject) {
            continue;
        }
        let closed = Some(request.closed_at).filter(|at| at.0 != 0 && *at <= asked.as_of);
        let due: Option<NaiveDate> = request.due_on.parse().ok();
        let late = |at: Moment| due.is_some_and(|due| day(at) > due);
        let standing = match closed {
            None if late(asked.as_of) => Standing::Overdue,
            None => Standing::Open,
            Some(at) if late(at) => Standing::ClosedLate,
            Some(_) => Standing::ClosedInTime,
        };
        let subject = subject.map(|id| sql::public_id(conn, id)).transpose()?;
        let subject = subject.filter(|id| *id != 0);
        rows.push(RequestRow {
            request: request.id,
            kind: kind_word(request.kind),
            subject: subject.map(public_text).unwrap_or_default(),
            received_at: came.to_string(),
            due_on: request.due_on,
            closed_at: closed.map(|at| at.to_string()),
            standing,
            opened_entry: request.opened_entry,
            closed_entry: closed.map(|_| request.closed_entry),
        });
    }
    rows.sort_by_key(|row| match row.standing {
        Standing::Overdue | Standing::Open => (0, row.due_on.clone(), row.request),
        Standing::ClosedLate | Standing::ClosedInTime => (1, String::new(), -row.request),
    });
    Ok(RequestReport {
        as_of: asked.as_of.to_string(),
        from: from.to_string(),
        to: to.to_string(),
        requests: rows,
    })
}

fn kind_word(kind: i64) -> &'static str {
    RequestKind::of(kind).map_or("unknown", RequestKind::word)
}

impl RequestReport {
    /// The requests as a table.
    pub fn table(&self) -> Table {
        let mut table = Table::new(
            "",
            [
                "request",
                "kind",
                "subject",
                "received",
                "due",
                "closed",
                "state",
                "opened by entry",
                "closed by entry",
            ],
        );
        for row in &self.requests {
            table.push([
                row.request.to_string(),
                row.kind.to_owned(),
                if row.subject.is_empty() { "(erased)".to_owned() } else { row.subject.clone() },
                row.received_at.clone(),
                row.due_on.clone(),
                row.closed_at.clone().unwrap_or_default(),
                row.standing.words().to_owned(),
                row.opened_entry.to_string(),
                row.closed_entry.map(|n| n.to_string()).unwrap_or_default(),
            ]);
        }
        table
    }

    /// The report for people.
    pub fn document(&self) -> Document {
        let subtitle = format!("as of {}, received {}", self.as_of, span(&self.from, &self.to));
        let mut document = Document::new("Data subject requests", subtitle);
        let count = |standing| self.requests.iter().filter(|r| r.standing == standing).count();
        let overdue = count(Standing::Overdue);
        if overdue > 0 {
            let words = format!("{overdue} without an answer though their last day has passed.");
            document.push(Block::Note(NoteKind::Problem, words));
        }
        let late = count(Standing::ClosedLate);
        if late > 0 {
            let words = format!("{late} answered after their last day.");
            document.push(Block::Note(NoteKind::Warning, words));
        }
        document.push(Block::Table(self.table()));
        document
    }
}
