//! The answer to "what do you hold about me?" (Art 15): everything about one person, as one value.
//!
//! `collect` reads it, `complete` counts the same rows by another way and compares, `page` writes it
//! in words, `portability` takes out of it what Art 20 covers, and `answer` does all of it in one step
//! with the request and its ledger entries. The parts stand in the order of Art 15(1).

pub mod answer;
pub mod collect;
pub mod complete;
pub mod folder;
mod journal;
pub mod page;
pub mod portability;
mod reasons;
mod recipients;
mod sql;
mod words;

use serde::Serialize;
use serde_json::Value;

use crate::policy::types::{Basis, Controller};

use super::rights::Right;
use super::state::State;
use super::told::{NoticeText, Told};

/// Everything that a store holds about one person, and why.
#[derive(Clone, Debug, Serialize)]
pub struct AccessPackage {
    /// The form of this document.
    pub schema: &'static str,
    /// The moment as of which it was read (RFC 3339, as all moments here).
    pub as_of: String,
    /// The ledger's name.
    pub origin: String,
    /// How many entries the ledger had when it was read.
    pub ledger_size: u64,
    /// The request that it answers; absent in a mere look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestNote>,
    /// The subject's id.
    pub subject: String,
    /// Earlier ids of the same person: profiles that were joined.
    pub joined: Vec<JoinedNote>,
    /// Other people's profiles that are tied to this one, without a word on who they are.
    pub ties: TiesNote,
    /// Why records were found to be, or not to be, the person's.
    pub links: Vec<LinkNote>,
    /// Questions to people whether a record is the person's.
    pub questions: Vec<QuestionNote>,
    /// Who answers for the data, with the contact, the DPO and the authority.
    pub controller: Controller,
    /// Why (Art 15(1)(a)), until when (d), and which rights apply (e), (f).
    pub purposes: Vec<PurposeNote>,
    /// What kinds of data (b).
    pub categories: Vec<CategoryNote>,
    /// Who received something (c).
    pub recipients: Vec<RecipientNote>,
    /// Whom the policy names as a recipient and who received nothing.
    pub recipients_without_data: Vec<NamedRecipient>,
    /// Where the data comes from (g).
    pub sources: Vec<RecordNote>,
    /// Profiling and automated decisions (h).
    pub profiling: ProfilingNote,
    /// Transfers abroad with their safeguards (Art 15(2)).
    pub transfers: Vec<TransferNote>,
    /// Every identifier, attribute and source key, superseded ones too (Art 15(3)).
    pub values: Vec<ValueNote>,
    /// Every event.
    pub events: Vec<EventNote>,
    /// What was computed from the events.
    pub summaries: Vec<SummaryNote>,
    /// By which identifiers the person is found.
    pub found_by: Vec<FoundBy>,
    /// Identifiers of which only a keyed fingerprint is kept, to honour a "no".
    pub fingerprints: Vec<FingerprintNote>,
    /// Where the person stands with every consent.
    pub consent_state: State,
    /// Everything that was said about consent, channels, objections and restrictions.
    pub statements: Vec<Told>,
    /// The notices that the person was shown, with their texts.
    pub notices_shown: Vec<ShownNotice>,
    /// Requests of the person.
    pub requests: Vec<RequestRow>,
    /// Ledger entries that concern the person.
    pub journal: Vec<EntryNote>,
    /// What stays after an erasure.
    pub after_erasure: ErasureRemains,
    /// The comparison with an independent count; absent until it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness: Option<complete::Completeness>,
}

/// The request behind an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestNote {
    /// Its number.
    pub id: i64,
    /// When it came.
    pub received_at: String,
    /// The last day for the answer.
    pub due_on: String,
    /// How that day was found.
    pub due_because: String,
}

/// A profile that was joined with this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JoinedNote {
    /// Its id.
    pub subject: String,
    /// When.
    pub at: String,
    /// The ledger entry.
    pub entry: i64,
}

/// Why a record was found to be of one person with another, or not to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkNote {
    /// The person's record.
    pub record: i64,
    /// The person's other record; absent where it is another person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<i64>,
    /// What was found: `same person`, `not the same person`, `related`.
    pub found: &'static str,
    /// The kind of identifier that both have, or by which model linking found it; empty where somebody
    /// decided it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// A question to people whether two records are one person's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuestionNote {
    /// Its number.
    pub question: i64,
    /// The person's record.
    pub record: i64,
    /// The other record; absent where it is another person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<i64>,
    /// `open`, `put off`, the answer, or `asked no more`.
    pub state: &'static str,
    /// The ledger entry of the run that asked.
    pub asked: i64,
    /// The ledger entry that ended it; 0 while it is open.
    pub answered: i64,
}

/// A notice that the person was shown, in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownNotice {
    /// The notice, as `NAME@VERSION`.
    pub notice: String,
    /// The language in which it was shown (BCP 47); absent where that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Its text; every language's where it isn't known which was shown.
    pub texts: Vec<NoticeText>,
    /// When, each time.
    pub at: Vec<String>,
}

/// How many other profiles are tied to this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TiesNote {
    /// Profiles that share an identifier and are other people.
    pub related: u64,
    /// Profiles that linking found to be of the same household.
    pub household: u64,
    /// Profiles that were decided to be other people.
    pub kept_apart: u64,
}

/// One purpose for which something of the person is held, was said or was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PurposeNote {
    /// Its name.
    pub name: String,
    /// In plain words.
    pub title: String,
    /// Its lawful basis; absent when the policy no longer declares it.
    pub basis: Option<Basis>,
    /// The law or the assessment that it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rests_on: Option<String>,
    /// Whether it holds today: the data may be used for it.
    pub holds: bool,
    /// The gate's reason where it doesn't hold: code, and words to the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<(&'static str, &'static str)>,
    /// Whether it builds profiles.
    pub profiling: bool,
    /// Values held for it.
    pub values: u64,
    /// Events held for it.
    pub events: u64,
    /// How long its data is kept, in words.
    pub retention: String,
    /// The day until which the oldest of its data stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_until: Option<String>,
    /// The day until which the newest stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_until: Option<String>,
    /// The rights.
    pub rights: Vec<RightNote>,
}

/// A right, for data of one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RightNote {
    /// The right.
    pub right: Right,
    /// In words.
    pub name: &'static str,
    /// Its article.
    pub article: &'static str,
    /// `yes`, `conditional` or `no`.
    pub applies: &'static str,
    /// What it means, in a sentence.
    pub sentence: String,
}

/// A category of data that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CategoryNote {
    /// Its name.
    pub name: String,
    /// In plain words.
    pub title: String,
    /// A special category (Art 9, 10).
    pub special: bool,
    /// Values of it.
    pub values: u64,
    /// Events of it.
    pub events: u64,
}

/// A recipient that was sent something, for one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecipientNote {
    /// Its name, by the policy of the time.
    pub recipient: String,
    /// The destination's name in the policy.
    pub destination: String,
    /// For what.
    pub purpose: String,
    /// The purpose in plain words.
    pub title: String,
    /// The fields that this recipient gets.
    pub fields: Vec<String>,
    /// Its country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// How many times.
    pub times: usize,
    /// Each time.
    pub disclosures: Vec<DisclosureNote>,
}

/// One time that data was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DisclosureNote {
    /// When.
    pub at: String,
    /// The ledger entry.
    pub entry: i64,
    /// The record whose values went out.
    pub record: i64,
}

/// A recipient that the policy names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedRecipient {
    /// Its name.
    pub recipient: String,
    /// For what it would be sent data.
    pub purpose: String,
    /// The purpose in plain words.
    pub title: String,
}

/// A record: one source's own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordNote {
    /// Its number.
    pub record: i64,
    /// The source.
    pub source: String,
    /// The source in plain words.
    pub title: String,
    /// The source's own key; empty when no purpose admits it.
    pub key: String,
    /// How the source got the data.
    pub obtained: Obtained,
}

/// How data was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obtained {
    /// From the person (Art 13).
    FromThePerson,
    /// From somebody else (Art 14).
    Indirectly,
}

/// Profiling, as Art 15(1)(h) asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfilingNote {
    /// The purposes that profile and hold something of the person.
    pub purposes: Vec<String>,
    /// In words.
    pub sentence: String,
}

/// A recipient outside the EEA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransferNote {
    /// The recipient.
    pub recipient: String,
    /// Its country.
    pub country: String,
    /// The safeguards.
    pub safeguards: String,
    /// How often something was really sent.
    pub times: usize,
}

/// What is said of a hold that has no last day.
pub(super) const UNTIL_LIFTED: &str = "lifted";

/// Why something is held, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The purposes that admitted it.
    pub purposes: Vec<String>,
    /// Those that hold it today.
    pub holds: Vec<String>,
    /// The day until which the last of them keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    /// The day until which a legal hold keeps it, or that the hold must be lifted; absent where none
    /// does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_for_a_claim: Option<String>,
    /// The ledger entry under which it came in.
    pub entry: i64,
    /// When it came in.
    pub admitted_at: String,
    /// The policy version that admitted it.
    pub policy: i64,
}

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueNote {
    /// Its number, by which it can be proven.
    pub number: i64,
    /// `identifier.KIND`, `attribute.NAME` or `record.key`.
    pub field: String,
    /// What the source said.
    pub value: String,
    /// Whether the same source has not said anything newer.
    pub current: bool,
    /// When it was observed.
    pub observed_at: String,
    /// Its category.
    pub category: String,
    /// The source.
    pub source: String,
    /// The record.
    pub record: i64,
    /// Why it is held.
    #[serde(flatten)]
    pub held: Held,
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventNote {
    /// Its number, by which it can be proven.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// When it happened.
    pub at: String,
    /// Its id in the source; empty where it has none.
    pub id: String,
    /// Its amount in the smallest currency unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The amount's currency (ISO 4217), where the policy names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Its properties.
    pub properties: Value,
    /// Its category.
    pub category: String,
    /// The source.
    pub source: String,
    /// The record.
    pub record: i64,
    /// Why it is held.
    #[serde(flatten)]
    pub held: Held,
}

/// What was computed from the events of one name of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SummaryNote {
    /// The events' name.
    pub event: String,
    /// The source.
    pub source: String,
    /// The record.
    pub record: i64,
    /// How many.
    pub count: i64,
    /// The sum of their amounts in the smallest currency unit.
    pub sum: i64,
    /// The sum's currency (ISO 4217), where the policy names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The first.
    pub first_at: String,
    /// The last.
    pub last_at: String,
}

/// An identifier by which the person is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundBy {
    /// Its kind.
    pub kind: String,
    /// The record.
    pub record: i64,
    /// The number of its value; absent where only a keyed fingerprint is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
}

/// Identifiers of one kind that are kept as keyed fingerprints only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FingerprintNote {
    /// The kind.
    pub kind: String,
    /// The record.
    pub record: i64,
    /// How many.
    pub count: u64,
}

/// A request of the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestRow {
    /// Its number.
    pub id: i64,
    /// What was asked: access, portability or erasure.
    pub kind: &'static str,
    /// Whether it is open or closed.
    pub state: &'static str,
    /// When it came.
    pub opened_at: String,
    /// The last day for the answer.
    pub due_on: String,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// The ledger entry of its coming.
    pub opened_entry: i64,
    /// The ledger entry of its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_entry: Option<i64>,
}

/// A ledger entry that concerns the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryNote {
    /// Its number.
    pub entry: i64,
    /// Its kind.
    pub kind: String,
    /// When it was written.
    pub at: String,
    /// Who acted.
    pub actor: String,
    /// How it concerns the person.
    pub concerns: &'static str,
    /// What it says about the person, where it says anything: the sealed payload, opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// The line itself, as it is hashed.
    pub leaf: String,
}

/// What stays in the store after an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErasureRemains {
    /// In words.
    pub sentence: String,
    /// The person was erased, and this is what a law makes the controller keep.
    pub erased: bool,
    /// Since when fingerprints keep the person out, where any of this person's does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_out_since: Option<String>,
    /// The ids under which something is kept since an earlier erasure of this person, who has come back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept_beside: Vec<String>,
}
