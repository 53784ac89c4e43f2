//! Rows that are not taken: each with its line, its reason and its bytes, so that it can be
//! repaired and sent again. The rest of the file goes on.

use std::fmt;

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
    /// The row's event belongs to another key than the event's first row.
    GroupKeyDiffers,
    /// The event has more rows than one event may have.
    GroupTooLarge,
}

impl RejectReason {
    /// The stable, kebab-case name; the names of rows that can't be read start with `unreadable-`.
    pub fn code(self) -> &'static str {
        match self {
            RejectReason::UnclosedQuote => "unreadable-unclosed-quote",
            RejectReason::StrayQuote => "unreadable-stray-quote",
            RejectReason::FieldCount { .. } => "unreadable-field-count",
            RejectReason::Encoding => "unreadable-encoding",
            RejectReason::NulCharacter => "unreadable-nul-character",
            RejectReason::TooLong => "unreadable-too-long",
            RejectReason::Json { .. } => "unreadable-json",
            RejectReason::NotAnObject => "unreadable-not-an-object",
            RejectReason::TooDeep => "unreadable-too-deep",
            RejectReason::DuplicateField => "unreadable-duplicate-field",
            RejectReason::NoKey => "no-key",
            RejectReason::PlaceholderKey => "placeholder-key",
            RejectReason::GroupKeyDiffers => "group-key-differs",
            RejectReason::GroupTooLarge => "group-too-large",
        }
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
            RejectReason::Encoding => f.write_str("the bytes are not valid UTF-8"),
            RejectReason::NulCharacter => f.write_str("it holds a NUL character"),
            RejectReason::TooLong => f.write_str("the line is longer than 1 MiB"),
            RejectReason::Json { column } => write!(f, "not valid JSON at column {column}"),
            RejectReason::NotAnObject => f.write_str("not a JSON object"),
            RejectReason::TooDeep => f.write_str("nested too deeply"),
            RejectReason::DuplicateField => f.write_str("a field stands twice"),
            RejectReason::NoKey => f.write_str("the key is empty"),
            RejectReason::PlaceholderKey => f.write_str("the key is a placeholder"),
            RejectReason::GroupKeyDiffers => {
                f.write_str("the key differs from that of the event's first row")
            }
            RejectReason::GroupTooLarge => f.write_str("the event has too many rows"),
        }
    }
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The physical line (of a workbook: the sheet's row) where it starts, from 1.
    pub line: u64,
    /// Why.
    pub reason: RejectReason,
    /// Its bytes as they stand in the file, without the line's end (of a workbook: as CSV). Empty
    /// when the row was too long to be held.
    pub raw: Vec<u8>,
}
