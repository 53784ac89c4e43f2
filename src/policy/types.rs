//! The nouns of a policy, as plain values: what `check` makes of the file and what every stage reads.
//!
//! Nothing here knows the file format or the store. Names are the policy's own words; ids are given
//! when a policy is applied (see `policy::sql`).

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Serialize;

use super::mail::{Pages, Smtp};
use super::postgres::Postgres;
use super::webhook::Webhook;
use crate::base::error::Error;

/// The six lawful bases of Art 6(1) GDPR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Art 6(1)(a).
    Consent,
    /// Art 6(1)(b).
    Contract,
    /// Art 6(1)(c).
    LegalObligation,
    /// Art 6(1)(d).
    VitalInterests,
    /// Art 6(1)(e).
    PublicTask,
    /// Art 6(1)(f).
    LegitimateInterests,
}

/// Who answers for the data (Art 4(7)); its country and time zone decide deadlines.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Controller {
    /// The name that people know.
    pub name: String,
    /// ISO 3166-1 alpha-2, such as `IE`.
    pub country: String,
    /// IANA name, such as `Europe/Dublin`.
    pub timezone: String,
    /// Where a person writes to.
    pub contact: String,
    /// Postal address, when given.
    pub address: Option<String>,
    /// The data protection officer's contact, when there is one.
    pub dpo: Option<String>,
    /// The supervisory authority that a person may complain to (Art 77).
    pub authority: Option<String>,
    /// A general description of the security measures (Art 30(1)(g)).
    pub security: Option<String>,
}

impl Controller {
    /// The time zone in which its days begin.
    pub fn zone(&self) -> Tz {
        // A policy with another name doesn't pass the check.
        self.timezone.parse().unwrap_or(Tz::UTC)
    }
}

/// One version of a notice in one language, kept whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoticeVersion {
    /// Counts from 1.
    pub version: u32,
    /// BCP 47, such as `en`.
    pub language: String,
    /// The text that the person was shown.
    pub text: String,
    /// Whether it changed what is done with data, so that earlier consents ask for renewal.
    pub material: bool,
}

/// A notice: the texts a person was shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Notice {
    /// Its versions, in the order of the file.
    pub versions: Vec<NoticeVersion>,
}

impl Notice {
    /// The language in which a version was shown: the one that is said, where the version has it; else
    /// the only one that it has. `None` where that isn't known.
    pub fn shown_in(&self, version: u32, said: Option<&str>) -> Option<&str> {
        let mut texts = self.versions.iter().filter(|text| text.version == version);
        match said {
            Some(said) => {
                texts.find(|text| text.language == said).map(|text| text.language.as_str())
            }
            None => {
                let first = texts.next()?;
                texts.next().is_none().then_some(first.language.as_str())
            }
        }
    }
}

/// A class of personal data.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Category {
    /// Plain words for people.
    pub title: String,
    /// A special category (Art 9) or data on convictions (Art 10).
    pub special: bool,
}

/// From when a retention period counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionFrom {
    /// From the moment the value was observed or the event happened.
    Observed,
    /// From the subject's last contact (the newest event or observation of the profile).
    LastContact,
}

/// How long data of a purpose is kept: ISO 8601 years, months and days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Calendar months (years count twelve).
    pub months: u32,
    /// Days, added after the months.
    pub days: u32,
    /// What starts the period.
    pub from: RetentionFrom,
}

/// A calendar period without a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Calendar months (years count twelve).
    pub months: u32,
    /// Days, added after the months.
    pub days: u32,
}

/// Why data is processed, with exactly one lawful basis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Purpose {
    /// Plain words for people.
    pub title: String,
    /// Its one lawful basis.
    pub basis: Basis,
    /// Channels on which it contacts people; empty for a purpose that contacts nobody.
    pub channels: Vec<String>,
    /// Categories that it covers.
    pub categories: Vec<String>,
    /// The notice for it; required for consent.
    pub notice: Option<String>,
    /// The assessment's reference; required for legitimate interests.
    pub assessment: Option<String>,
    /// The law; required for legal obligation and public task.
    pub law: Option<String>,
    /// The Art 9(2) condition, such as `9(2)(a)`; required when a category is special.
    pub special_condition: Option<String>,
    /// Consent must be explicit (always so when `special_condition` is `9(2)(a)`).
    pub explicit: bool,
    /// A given consent counts only once confirmed (double opt-in).
    pub double_opt_in: bool,
    /// How long a given consent stays in force; for ever when absent.
    pub consent_expires: Option<Period>,
    /// How long its data is kept.
    pub retention: Retention,
    /// Direct marketing (Art 21(2), ePrivacy Art 13).
    pub marketing: bool,
    /// Builds profiles of people (Art 4(4)).
    pub profiling: bool,
    /// Its data may be compared to find out which records are one person's.
    pub linking: bool,
    /// The Art 17(3) ground on which its data outlives an erasure, such as `17(3)(b)`; by default
    /// `17(3)(b)` for a legal obligation or public task and none otherwise.
    pub keeps_on_erasure: Option<String>,
    /// Categories of people for the record of processing (Art 30(1)(c)), such as `Customers`.
    pub subjects: Option<String>,
}

/// How a kind of identifier links records, and when it must not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IdentifierKind {
    /// Whether equal values join records into one subject.
    pub links: bool,
    /// How values are normalised.
    pub form: IdentifierForm,
    /// More records of one source than this on one value: the value is shared and links nobody.
    pub max_records: u32,
    /// A join that would give a profile more values of this kind than this is not made; where nothing is
    /// said one of `user_id`, and any number of others.
    pub max_values: Option<u32>,
    /// Placeholder values that mean nobody, in normalised form, beside the built-in ones.
    pub ignore: Vec<String>,
    /// Two records are two people, though they share a value, when all of these attributes are
    /// present on both and each differs.
    pub unless_differ: Vec<String>,
}

/// Normal forms of identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierForm {
    /// An e-mail address: trimmed, lower case.
    Email,
    /// A telephone number in E.164.
    Phone,
    /// Anything else: trimmed, NFKC.
    Text,
}

/// What a consent statement says: the states of a (subject, purpose, channel) over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentState {
    /// Asked for, or given without the confirmation that a double opt-in still needs.
    Requested,
    /// Given (Art 4(11)).
    Given,
    /// Asked for and not given.
    Refused,
    /// Taken back (Art 7(3)).
    Withdrawn,
    /// Ended by the passing of time.
    Expired,
    /// Given again, before or after it ended.
    Renewed,
    /// Found never to have been valid (Art 7(1), 7(4)).
    Invalidated,
}

impl ConsentState {
    /// Whether it lets more happen than its absence does.
    pub fn loosens(self) -> bool {
        matches!(self, ConsentState::Given | ConsentState::Renewed | ConsentState::Requested)
    }

    /// Every state, in the order of declaration.
    pub const ALL: [ConsentState; 7] = [
        ConsentState::Requested,
        ConsentState::Given,
        ConsentState::Refused,
        ConsentState::Withdrawn,
        ConsentState::Expired,
        ConsentState::Renewed,
        ConsentState::Invalidated,
    ];

    /// The word that policies, commands and JSON use.
    pub fn as_str(self) -> &'static str {
        match self {
            ConsentState::Requested => "requested",
            ConsentState::Given => "given",
            ConsentState::Refused => "refused",
            ConsentState::Withdrawn => "withdrawn",
            ConsentState::Expired => "expired",
            ConsentState::Renewed => "renewed",
            ConsentState::Invalidated => "invalidated",
        }
    }
}

impl std::fmt::Display for ConsentState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ConsentState {
    type Err = Error;

    /// Reads a state, trimmed and without case; the error names the words that there are.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        Self::ALL.into_iter().find(|state| state.as_str().eq_ignore_ascii_case(text)).ok_or_else(
            || {
                let words = Self::ALL.map(ConsentState::as_str).join(", ");
                Error::usage("consent-state-unknown", "there is no consent state of this name")
                    .next(format!("use one of {words}"))
            },
        )
    }
}

/// Which of several values of an attribute a profile shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Winner {
    /// The one observed last.
    #[default]
    Newest,
    /// The one from the source that stands first in `priority`.
    SourcePriority,
}

/// What a profile shows where sources differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProfileRules {
    /// The rule for attributes without one of their own.
    pub winner: Winner,
    /// Sources, the most trusted first.
    pub priority: Vec<String>,
    /// Rules of single attributes.
    pub attributes: BTreeMap<String, Winner>,
}

/// How a text becomes a typed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// As it is, trimmed.
    Text,
    /// A calendar date, kept as `YYYY-MM-DD`.
    Date,
    /// A moment, kept as RFC 3339 in UTC.
    Time,
    /// A whole number.
    Integer,
    /// A decimal number, kept as written (no binary floats).
    Decimal,
    /// `true` or `false`.
    Boolean,
}

/// Where a value is taken from: a fixed text, or a field of the row with an optional value map.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// The same for every row.
    Fixed(String),
    /// A field (CSV/XLSX: column name; NDJSON: dotted path).
    Field {
        /// Column or path.
        from: String,
        /// Maps what the source writes to what the policy means; a text that isn't in a non-empty
        /// map is refused as `unknown_value`. Keys are compared trimmed and without case.
        values: BTreeMap<String, String>,
    },
}

/// What a field of a row becomes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// `identifier.KIND`
    Identifier(String),
    /// `attribute.NAME`
    Attribute(String),
    /// `ignore`: known, and not wanted; neither stored nor counted as unknown.
    Ignore,
}

/// Before the kind of an identifier that nobody verified: it names nobody else, and joins nobody.
pub const UNVERIFIED: &str = "unverified.";

impl Target {
    /// The names of the fields in which values of it are stored.
    pub fn stored(&self) -> Vec<String> {
        match self {
            Target::Identifier(kind) => {
                vec![format!("identifier.{kind}"), format!("identifier.{UNVERIFIED}{kind}")]
            }
            Target::Attribute(name) => vec![format!("attribute.{name}")],
            Target::Ignore => Vec::new(),
        }
    }
}

/// One entry of a source's field map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldMap {
    /// Where the value comes from.
    pub take: Take,
    /// What it becomes.
    pub target: Target,
    /// Its category; empty for `ignore`.
    pub category: String,
    /// Its type.
    pub value_type: ValueType,
    /// chrono formats to try, in order, for dates and times; ISO 8601 when empty.
    pub dates: Vec<String>,
    /// Of an identifier: whether it is the person's for certain. Where nothing is said, what anybody can
    /// send, by a public write key, is not.
    pub verified: Option<bool>,
}

/// A consent statement that each row of a source may carry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConsentMap {
    /// The purpose's name.
    pub purpose: Take,
    /// The channel's name; absent for a purpose without channels.
    pub channel: Option<Take>,
    /// Becomes `given`, `refused`, `withdrawn`, `requested`, `renewed` or `invalidated`; no
    /// statement when the field is empty.
    pub state: Take,
    /// When it was stated; the row's `observed` when absent or empty.
    pub at: Option<Take>,
    /// `NAME@VERSION`, or `NAME` beside `notice_version`.
    pub notice: Option<Take>,
    /// The version alone, where the source keeps it in a field of its own.
    pub notice_version: Option<Take>,
    /// The language in which the notice was shown (BCP 47), where it has several.
    pub language: Option<Take>,
    /// How it was stated, such as `checkbox`.
    pub method: Option<Take>,
    /// When a double opt-in was confirmed: filled, the statement is `requested` at `at` and `given`
    /// at this moment; empty, it stays `requested`. Only for `given`.
    pub confirmed_at: Option<Take>,
    /// The statement is explicit (Art 9(2)(a)).
    pub explicit: bool,
}

/// An event that a row, or several rows together, may carry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventMap {
    /// The event's name; declared here, so that data can't invent names.
    pub name: String,
    /// Its category.
    pub category: String,
    /// Field → text: only rows where every field says that very text carry the event.
    pub when: BTreeMap<String, String>,
    /// What identifies it within the source, so that it is taken once; the whole row when absent.
    pub id: Option<Take>,
    /// When it happened; rows where this is empty carry no such event. `observed` when absent.
    pub at: Option<Take>,
    /// Many rows with one `id` are one event: `lines` collects them.
    pub grouped: bool,
    /// What was paid, summed over grouped rows; feeds the rollups.
    pub amount: Option<Take>,
    /// In which unit the source writes the amount.
    pub amount_unit: AmountUnit,
    /// The currency of the amount (ISO 4217); `None` where it isn't said.
    pub currency: Option<String>,
    /// Property name → field, taken from the (first) row.
    pub properties: BTreeMap<String, Take>,
    /// Line property → field, taken from every row of a group.
    pub lines: BTreeMap<String, Take>,
}

/// In which unit a source writes amounts. They are kept in the smallest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountUnit {
    /// Whole numbers of the smallest unit: 1250 for 12.50 EUR.
    #[default]
    Smallest,
    /// Decimal numbers of the unit that people name: 12.50 or 12.5.
    Major,
}

/// File formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma- (or other) separated text with a header line.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// The first sheet (or `sheet`) of a workbook, with a header row.
    Xlsx,
    /// Calls of the tracking API, which `candor serve` takes in.
    Tracking,
    /// Webhooks, which `candor serve` takes in: JSON objects of any shape.
    Webhook,
}

/// Names of the fields that every call of the tracking API has.
pub mod tracking {
    /// The person: the user id, else the anonymous id.
    pub const PERSON: &str = "person";
    /// When it happened, by the clock of the server.
    pub const AT: &str = "at";
    /// What identifies the call.
    pub const MESSAGE: &str = "messageId";
    /// The kind of call, such as `track`.
    pub const TYPE: &str = "type";
    /// The name of what was tracked.
    pub const EVENT: &str = "event";
    /// Under this name stand the answers that the person gave to a consent tool, by its categories.
    pub const CONSENT: &str = "consent";
}

/// Character sets of text files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8 when the whole file is valid UTF-8, else Windows-1252.
    #[default]
    Detect,
    /// UTF-8, with or without a byte order mark; a line that isn't is rejected.
    Utf8,
    /// Windows-1252.
    Windows1252,
}

/// A system that sends data in, and how its rows are read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    /// Plain words for people (Art 15(1)(g)).
    pub title: String,
    /// The format; by the file's ending when absent.
    pub format: Option<Format>,
    /// Who may deliver its webhooks; of a source of that format always there.
    pub webhook: Option<Webhook>,
    /// The path of the list of rows in a webhook's body; the body is one row when absent.
    pub items: Option<String>,
    /// What a row must say to be taken: fields, each with the texts of which it says one.
    pub only: BTreeMap<String, Vec<String>>,
    /// The delimiter of a CSV file; detected when absent.
    pub delimiter: Option<u8>,
    /// The character set.
    pub encoding: Encoding,
    /// The sheet of a workbook; the first when absent.
    pub sheet: Option<String>,
    /// The field that is the source's own key of the person or account.
    pub key: String,
    /// When a row's values were observed; the moment of import when absent or empty.
    pub observed: Option<Take>,
    /// chrono formats for times without a field of their own; RFC 3339 and ISO dates when empty.
    pub dates: Vec<String>,
    /// IANA time zone of times without one; the controller's when absent.
    pub timezone: Option<String>,
    /// ISO country whose calling code national phone numbers get.
    pub phone_country: Option<String>,
    /// The person's own act speaks through it (a preference page, an account page): its fresh
    /// consent overrides what other sources said, and can lift a suppression.
    pub own: bool,
    /// The data was not obtained from the person (Art 14).
    pub indirect: bool,
    /// Purposes that data of this source may serve.
    pub purposes: Vec<String>,
    /// The field map.
    pub fields: Vec<FieldMap>,
    /// Consent statements.
    pub consents: Vec<ConsentMap>,
    /// Events.
    pub events: Vec<EventMap>,
}

/// How much may go to a destination about one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// So many disclosures,
    pub count: u32,
    /// in any period of this length.
    pub within: Period,
}

/// How often a message is tried where the policy doesn't say.
pub const ATTEMPTS: u32 = 8;

/// How many messages may go out in any period of so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// So many messages,
    pub count: u32,
    /// in so many seconds.
    pub seconds: u32,
}

/// A system that data goes out to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Destination {
    /// The recipient's name as a person would read it (Art 15(1)(c)).
    pub recipient: String,
    /// Its one purpose.
    pub purpose: String,
    /// Its channel, when it contacts people.
    pub channel: Option<String>,
    /// Attribute names and identifier kinds that it gets, and no others.
    pub fields: Vec<String>,
    /// ISO country of the recipient.
    pub country: Option<String>,
    /// Safeguards of a transfer outside the EEA (Art 46).
    pub safeguards: Option<String>,
    /// The processor contract (Art 28), when there is one.
    pub contract: Option<String>,
    /// How often it may get one person's data; as often as wanted when absent.
    pub at_most: Option<Limit>,
    /// How data gets there.
    pub means: Means,
    /// The events that are sent there as they come in.
    pub events: Vec<String>,
    /// What of an event goes there: its properties, and `amount`.
    pub properties: Vec<String>,
    /// How many messages it takes in which time; as many as there are when absent.
    pub rate: Option<Rate>,
    /// How often a message is tried, at most.
    pub attempts: u32,
    /// What opens its files.
    pub read_by: FileReader,
}

impl Destination {
    /// Whether data is sent there, one person or event at a time; else a file is written.
    pub fn is_sent_to(&self) -> bool {
        !matches!(self.means, Means::File { .. })
    }

    /// The call that tells it of somebody, where it takes requests of its own form.
    pub fn call(&self) -> Option<&Call> {
        match &self.means {
            Means::Http { call, .. } => Some(call),
            _ => None,
        }
    }

    /// The call that tells it to stop using or to delete somebody's data, where it can be told so.
    pub fn recall(&self) -> Option<&Call> {
        match &self.means {
            Means::Http { recall, .. } => recall.as_ref(),
            _ => None,
        }
    }
}

/// How data gets to a destination.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Means {
    /// A file, which somebody brings there.
    File {
        /// Its form.
        format: FileFormat,
    },
    /// Messages in candor's own form, signed after the Standard Webhooks specification.
    Webhook {
        /// Where they are posted to.
        url: String,
        /// The name of the secret that signs.
        secret: String,
    },
    /// Requests in the form that the recipient asks for.
    Http {
        /// What is sent.
        call: Call,
        /// What is sent to have it stop using somebody's data, or delete it.
        recall: Option<Call>,
    },
    /// Mails, by a mail server.
    Smtp(Smtp),
    /// Rows of a table, in a PostgreSQL database.
    Postgres(Postgres),
}

impl Default for Means {
    fn default() -> Means {
        Means::File { format: FileFormat::Csv }
    }
}

/// The form of a file that goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Text with commas and a header line.
    #[default]
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// A request, as templates (see `policy::template`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// The address; scheme and host stand as they are.
    pub url: String,
    /// Header → value.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON, or a form where the content type says so.
    pub body: Option<String>,
}

impl Call {
    /// Whether the body is a form (`application/x-www-form-urlencoded`), else it is JSON.
    pub fn is_form(&self) -> bool {
        let kind = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        kind.is_some_and(|(_, kind)| kind.starts_with("application/x-www-form-urlencoded"))
    }
}

/// What opens a file that goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileReader {
    /// A program: every value stands there exactly as it is held.
    #[default]
    Program,
    /// A spreadsheet, which would run a text such as `=1+1`: such a text gets a leading `'`.
    Spreadsheet,
}

/// A whole policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Policy {
    /// Who answers for the data.
    pub controller: Controller,
    /// Notices by name.
    pub notices: BTreeMap<String, Notice>,
    /// Categories by name.
    pub categories: BTreeMap<String, Category>,
    /// Purposes by name.
    pub purposes: BTreeMap<String, Purpose>,
    /// Identifier kinds by name.
    pub identifiers: BTreeMap<String, IdentifierKind>,
    /// What profiles show.
    pub profile: ProfileRules,
    /// Sources by name.
    pub sources: BTreeMap<String, Source>,
    /// Destinations by name.
    pub destinations: BTreeMap<String, Destination>,
    /// The pages for people, where there are any.
    pub pages: Option<Pages>,
}
