//! What a row becomes: one source's own statement about one key.

use std::sync::Arc;

use crate::base::clock::Moment;
use crate::policy::types::ConsentState;

/// One source's row (or, for events of many rows, their rows together) about one key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The physical line (of a workbook: the sheet's row) where its first row starts, from 1.
    pub line: u64,
    /// The source's own key, trimmed; where the row has none, the first identifier that names one person,
    /// as `KIND:VALUE`. Never empty.
    pub key: String,
    /// The key is a name that whoever sends the row gives to somebody, such as a `userId`.
    pub names_somebody: bool,
    /// When its values were observed, where the source says so.
    pub observed: Option<Moment>,
    /// Identifiers and attributes, in the order of the source's field map. Empty ones are absent.
    pub values: Vec<MappedValue>,
    /// Consent statements, in the order of the source's map.
    pub consents: Vec<ConsentStatement>,
    /// Events, in the order of the source's map.
    pub events: Vec<MappedEvent>,
    /// What it says of consent and can't be read.
    pub doubted: Vec<Doubt>,
    /// Consents that it gives and that can't be taken, each with why: a refused field says it too.
    pub untaken: Vec<RefusalReason>,
    /// Fields that were there and could not be taken.
    pub refused: Vec<FieldRefusal>,
}

/// The value of one entry of the field map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedValue {
    /// Index into `Source::fields`.
    pub field: usize,
    /// The value in its normal form: an identifier's, or that of its type.
    pub text: String,
}

/// Whose the time of a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// The source says when it was stated.
    ByItself,
    /// The source says on which day it was stated, and this is when that ended: it may have been as late.
    ByDay(Moment),
    /// It is as old as its row.
    ByItsRow,
    /// Nobody says; it counts from its arrival.
    ByArrival,
    /// It is as old as its row, and only tells again what holds: each row of the source carries it.
    Restated,
}

/// What a row says about one consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentStatement {
    /// The purpose's name, as the source's map or its row says; empty where that can't be told.
    pub purpose: Arc<str>,
    /// The channel's name.
    pub channel: Option<Arc<str>>,
    /// The map has a field for the channel, so that an empty one doesn't mean all of them.
    pub names_channel: bool,
    /// What is stated.
    pub state: ConsentState,
    /// When it was stated: its own time, else the row's; absent when neither is known, and for a
    /// "no" whose own time is left empty: it counts from its arrival.
    pub at: Option<Moment>,
    /// Whose that time is.
    pub timed: Timed,
    /// The notice that was shown, and its version where it is known.
    pub notice: Option<(Arc<str>, Option<u32>)>,
    /// The language in which the notice was shown (BCP 47).
    pub language: Option<Arc<str>>,
    /// How it was stated, such as `checkbox`.
    pub method: Option<Arc<str>>,
    /// The statement is explicit (Art 9(2)(a)).
    pub explicit: bool,
    /// A double opt-in was confirmed.
    pub confirmed: bool,
    /// Where the proof lies, where that isn't the row itself.
    pub evidence: Option<Arc<str>>,
}

/// Something that a row says of a consent and that can't be read: it may be a "no".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The purpose's name; `None` where even that can't be told.
    pub purpose: Option<Arc<str>>,
    /// The channel's name.
    pub channel: Option<Arc<str>>,
    /// When it was said, as for a "no".
    pub at: Option<Moment>,
    /// Whose that time is.
    pub timed: Timed,
}

/// An event that a row, or several rows together, carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedEvent {
    /// Index into `Source::events`.
    pub map: usize,
    /// What identifies it within the source; absent when the source gives nothing for it, and then
    /// the whole record identifies it.
    pub id: Option<String>,
    /// When it happened: its own time, else the row's; absent when neither is known.
    pub at: Option<Moment>,
    /// In the smallest currency unit, summed over the rows.
    pub amount: Option<i64>,
    /// Its properties in canonical JSON (RFC 8785): one object with sorted names, whose values are
    /// strings or whole numbers |n| < 2^53, and `lines`, an array of such objects.
    pub body: Vec<u8>,
}

/// A field of a row that could not be taken; the rest of the row was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRefusal {
    /// The field's name in the source, such as the column's.
    pub field: Arc<str>,
    /// Why.
    pub reason: RefusalReason,
}

/// Why a field was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefusalReason {
    /// The text isn't in the value map.
    UnknownValue,
    /// The identifier stands for "none".
    Placeholder,
    /// A number of which a spreadsheet left the first digits.
    ShortenedNumber,
    /// A spreadsheet's error, in the place of a text.
    SpreadsheetError,
    /// No e-mail address.
    InvalidEmail,
    /// No phone number, or a national one of an unknown country.
    InvalidPhone,
    /// No identifier.
    InvalidIdentifier,
    /// No calendar date in a declared format.
    InvalidDate,
    /// No time in a declared format.
    InvalidTime,
    /// A time that hasn't come yet.
    InFuture,
    /// No whole number, or one beyond 64 bits.
    InvalidInteger,
    /// An amount beyond what every reader of JSON holds exactly.
    AmountTooLarge,
    /// An amount with more decimals than its currency has.
    AmountTooFine,
    /// No decimal number.
    InvalidDecimal,
    /// Neither true nor false.
    InvalidBoolean,
    /// No `NAME@VERSION`.
    InvalidNotice,
    /// A consent statement without a purpose.
    MissingPurpose,
    /// A consent that was delivered without the time at which it was given.
    MissingTime,
    /// A double opt-in that was confirmed before it was asked for.
    ConfirmedTooEarly,
}

impl RefusalReason {
    /// The stable, snake_case name.
    pub fn code(self) -> &'static str {
        match self {
            RefusalReason::UnknownValue => "unknown_value",
            RefusalReason::Placeholder => "placeholder",
            RefusalReason::ShortenedNumber => "shortened_number",
            RefusalReason::SpreadsheetError => "spreadsheet_error",
            RefusalReason::InvalidEmail => "invalid_email",
            RefusalReason::InvalidPhone => "invalid_phone",
            RefusalReason::InvalidIdentifier => "invalid_identifier",
            RefusalReason::InvalidDate => "invalid_date",
            RefusalReason::InvalidTime => "invalid_time",
            RefusalReason::InFuture => "time_in_future",
            RefusalReason::InvalidInteger => "invalid_integer",
            RefusalReason::AmountTooLarge => "amount_too_large",
            RefusalReason::AmountTooFine => "amount_too_fine",
            RefusalReason::InvalidDecimal => "invalid_decimal",
            RefusalReason::InvalidBoolean => "invalid_boolean",
            RefusalReason::InvalidNotice => "invalid_notice",
            RefusalReason::MissingPurpose => "missing_purpose",
            RefusalReason::MissingTime => "missing_time",
            RefusalReason::ConfirmedTooEarly => "confirmed_too_early",
        }
    }

    /// In words, for people; never with the value.
    pub fn words(self) -> &'static str {
        match self {
            RefusalReason::UnknownValue => "the policy's value map doesn't know this value",
            RefusalReason::Placeholder => "a placeholder that names nobody",
            RefusalReason::ShortenedNumber => {
                "a spreadsheet shortened this number (2.06893E+11); export the column as text"
            }
            RefusalReason::SpreadsheetError => "a spreadsheet's error stands here",
            RefusalReason::InvalidEmail => "this is no e-mail address",
            RefusalReason::InvalidPhone => "this is no telephone number of the declared country",
            RefusalReason::InvalidIdentifier => "this is no identifier",
            RefusalReason::InvalidDate => "this is no date in a declared format",
            RefusalReason::InvalidTime => "this is no time in a declared format",
            RefusalReason::InFuture => "this lies in the future",
            RefusalReason::InvalidInteger => "this is no whole number",
            RefusalReason::AmountTooLarge => "this is beyond ±9,007,199,254,740,991",
            RefusalReason::AmountTooFine => "this has more decimals than the currency",
            RefusalReason::InvalidDecimal => "this is no decimal number",
            RefusalReason::InvalidBoolean => "this is neither true nor false",
            RefusalReason::InvalidNotice => "a notice is named as NAME@VERSION",
            RefusalReason::MissingPurpose => "the statement names no purpose",
            RefusalReason::MissingTime => "it doesn't say when it was given",
            RefusalReason::ConfirmedTooEarly => "it was confirmed before it was asked for",
        }
    }
}
