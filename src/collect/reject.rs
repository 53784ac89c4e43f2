//! Rows that are not taken: each with its line, its reason and its bytes, so that it can be
//! repaired and sent again. The rest of the file goes on.

use std::fmt;
use std::sync::Arc;

use super::record::{FieldRefusal, RefusalReason};

/// Why a row was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// A quote opens and is not closed before the file's end or within 1 MiB.
    UnclosedQuote,
    /// Text stands between a closing quote and the next delimiter.
    StrayQuote,
    /// The row has more or fewer fields than the header.
    FieldCount {
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// The header stands here once more.
    HeaderAgain,
    /// The bytes are not of the declared character set.
    Encoding,
    /// The row holds a NUL character.
    NulCharacter,
    /// The line is longer than 1 MiB; its bytes are not handed back.
    TooLong,
    /// The line is no JSON.
    Json {
        /// The column of the fault, in bytes from 1.
        column: usize,
    },
    /// The line is JSON, and no object.
    NotAnObject,
    /// Objects or arrays are nested too deeply.
    TooDeep,
    /// A wanted field stands twice in one object.
    DuplicateField,
    /// The field that is the source's key is empty or absent: the row is of nobody.
    NoKey,
    /// The key is a placeholder such as `null` or `0`: the row is of nobody.
    PlaceholderKey,
    /// The key is a number of which a spreadsheet left the first digits: it may be another person's.
    ShortenedKey,
    /// The row says something else than what the source takes in.
    NotMeant,
    /// The row's event belongs to another key than the event's first row.
    GroupKeyDiffers,
    /// The event has more rows than one event may have.
    GroupTooLarge,
    /// The amounts of the event's rows add up to more than an amount may be.
    GroupAmountTooLarge,
    /// Another row of the same event can't be taken, and events are taken whole or not at all.
    GroupBroken {
        /// The first line at which that is so.
        line: u64,
    },
    /// The event is held already, from another file, and these rows say something else of it.
    EventKnown,
    /// A field without which the row's event would say something else can't be taken.
    Field(RefusalReason),
}

impl RejectReason {
    /// The stable, kebab-case name; the names of rows that can't be read start with `unreadable-`.
    pub fn code(self) -> &'static str {
        match self {
            RejectReason::UnclosedQuote => "unreadable-unclosed-quote",
            RejectReason::StrayQuote => "unreadable-stray-quote",
            RejectReason::FieldCount { .. } => "unreadable-field-count",
            RejectReason::HeaderAgain => "header-again",
            RejectReason::Encoding => "unreadable-encoding",
            RejectReason::NulCharacter => "unreadable-nul-character",
            RejectReason::TooLong => "unreadable-too-long",
            RejectReason::Json { .. } => "unreadable-json",
            RejectReason::NotAnObject => "unreadable-not-an-object",
            RejectReason::TooDeep => "unreadable-too-deep",
            RejectReason::DuplicateField => "unreadable-duplicate-field",
            RejectReason::NoKey => "no-key",
            RejectReason::PlaceholderKey => "placeholder-key",
            RejectReason::ShortenedKey => "shortened-key",
            RejectReason::NotMeant => "not-meant",
            RejectReason::GroupKeyDiffers => "group-key-differs",
            RejectReason::GroupTooLarge => "group-too-large",
            RejectReason::GroupAmountTooLarge => "group-amount-too-large",
            RejectReason::GroupBroken { .. } => "group-broken",
            RejectReason::EventKnown => "event-known",
            RejectReason::Field(RefusalReason::InvalidInteger) => "unreadable-integer",
            RejectReason::Field(RefusalReason::AmountTooLarge) => "amount-too-large",
            RejectReason::Field(RefusalReason::AmountTooFine) => "amount-too-fine",
            RejectReason::Field(RefusalReason::InvalidDecimal) => "unreadable-decimal",
            RejectReason::Field(RefusalReason::InvalidTime) => "unreadable-time",
            RejectReason::Field(RefusalReason::InFuture) => "time-in-future",
            RejectReason::Field(RefusalReason::UnknownValue) => "unknown-value",
            RejectReason::Field(_) => "unreadable-field",
        }
    }

    /// Whether the row was read, and the source takes it in for nobody: there is nothing to repair.
    pub fn is_passed_over(self) -> bool {
        matches!(self, RejectReason::NotMeant)
    }

    /// Whether the row was read well and is of nobody, such as a sale without a loyalty card.
    pub fn is_keyless(self) -> bool {
        matches!(self, RejectReason::NoKey | RejectReason::PlaceholderKey)
    }
}

impl fmt::Display for RejectReason {
    /// A sentence for people; it never quotes the row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RejectReason::UnclosedQuote => f.write_str("a quote opens and is never closed"),
            RejectReason::StrayQuote => f.write_str("text follows a closing quote"),
            RejectReason::FieldCount { expected, found } => {
                write!(f, "{found} fields, where the header has {expected}")
            }
            RejectReason::HeaderAgain => f.write_str("the header stands here once more"),
            RejectReason::Encoding => f.write_str("the bytes are not valid UTF-8"),
            RejectReason::NulCharacter => f.write_str("it holds a NUL character"),
            RejectReason::TooLong => f.write_str("the line is longer than 1 MiB"),
            RejectReason::Json { column } => write!(f, "not valid JSON at column {column}"),
            RejectReason::NotAnObject => f.write_str("not a JSON object"),
            RejectReason::TooDeep => f.write_str("nested too deeply"),
            RejectReason::DuplicateField => f.write_str("a field stands twice"),
            RejectReason::NoKey => f.write_str("the key is empty"),
            RejectReason::PlaceholderKey => f.write_str("the key is a placeholder"),
            RejectReason::ShortenedKey => f.write_str(
                "the key is a number that a spreadsheet shortened (2.06893E+11); export it as text",
            ),
            RejectReason::NotMeant => f.write_str("the source takes other rows alone (only)"),
            RejectReason::GroupKeyDiffers => {
                f.write_str("the key differs from that of the event's first row")
            }
            RejectReason::GroupTooLarge => f.write_str("the event has too many rows"),
            RejectReason::GroupAmountTooLarge => {
                f.write_str("the amounts of the event's rows add up to too much")
            }
            RejectReason::GroupBroken { line } => {
                write!(f, "another row of the same event can't be taken: line {line}")
            }
            RejectReason::EventKnown => f.write_str(
                "its event is held already and stays as first said; if this goes on with it, give what it \
                 adds an id of its own",
            ),
            RejectReason::Field(reason) => f.write_str(reason.words()),
        }
    }
}

/// A reason, with the field that it is about where it is about one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why.
    pub reason: RejectReason,
    /// The field's name in the source, as the policy says it.
    pub field: Option<Arc<str>>,
}

impl From<RejectReason> for Fault {
    fn from(reason: RejectReason) -> Fault {
        Fault { reason, field: None }
    }
}

impl From<FieldRefusal> for Fault {
    fn from(refusal: FieldRefusal) -> Fault {
        Fault { reason: RejectReason::Field(refusal.reason), field: Some(refusal.field) }
    }
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The physical line (of a workbook: the sheet's row) where it starts, from 1.
    pub line: u64,
    /// Why.
    pub reason: RejectReason,
    /// The field that the reason is about, where it is about one.
    pub field: Option<Arc<str>>,
    /// Whether it may be a row of an event of many rows, and of which one can't be told: that event
    /// may have come in without it.
    pub of_unknown_event: bool,
    /// Its bytes as they stand in the file, without the line's end (of a workbook: as CSV). Empty
    /// when the row was too long to be held.
    pub raw: Vec<u8>,
}

impl fmt::Display for Reject {
    /// A sentence for people; it never quotes the row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = self.field.as_ref().filter(|field| !field.is_empty()) {
            write!(f, "{field}: ")?;
        }
        self.reason.fmt(f)?;
        if self.of_unknown_event {
            f.write_str(
                "; which event it is a row of can't be told, and that event may be in without it",
            )?;
        }
        Ok(())
    }
}
