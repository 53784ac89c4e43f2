//! The nouns of a context: what is known, and what is left out of it.

use std::collections::BTreeSet;

use crate::base::clock::Moment;
use crate::consent::permit::Permit;

/// What may be known of a person for a purpose at a moment.
#[derive(Debug)]
pub struct Context {
    /// The person, by their number in the store.
    pub subject: i64,
    /// The purpose, as the policy names it.
    pub purpose: String,
    /// The moment.
    pub at: Moment,
    /// What may be known; `None` where the gate lets nothing out.
    pub known: Option<Permit<Known>>,
    /// What is held for the purpose and is left out.
    pub left_out: BTreeSet<LeftOut>,
}

/// Something that is left out, and the code of the reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// `everything`, `record` (one source's own row), or a field such as `identifier.email`; never a value.
    pub what: String,
    /// The code: the gate's, or `address_not_covered`.
    pub reason: &'static str,
}

/// What may be known. It is made by `look` alone, and told only where the gate gave its permit.
#[derive(Debug)]
pub struct Known {
    /// The records of which something may be known, by their numbers: what names the person to others is made
    /// of them.
    pub(super) records: Vec<i64>,
    /// Identifiers: each value once, by kind, the newest first.
    pub(super) identifiers: Vec<Permit<Value>>,
    /// Attributes: the policy's winner of each.
    pub(super) attributes: Vec<Permit<Value>>,
    /// What they did, newest first.
    pub(super) events: Vec<Permit<Done>>,
    /// Wishes about the purpose's channels.
    pub(super) preferences: Vec<Preference>,
    /// Consents to the purpose that are in force.
    pub(super) consents: Vec<Consent>,
    /// The first moment at which time alone may change the answer.
    pub(super) until: Moment,
}

impl Known {
    /// The records of which something may be known, by their numbers.
    pub fn records(&self) -> &[i64] {
        &self.records
    }

    /// Identifiers: each value once, by kind, the newest first.
    pub fn identifiers(&self) -> impl Iterator<Item = &Value> {
        self.identifiers.iter().map(Permit::item)
    }

    /// Attributes: the policy's winner of each.
    pub fn attributes(&self) -> impl Iterator<Item = &Value> {
        self.attributes.iter().map(Permit::item)
    }

    /// What they did, newest first.
    pub fn events(&self) -> impl Iterator<Item = &Done> {
        self.events.iter().map(Permit::item)
    }

    /// Wishes about the purpose's channels.
    pub fn preferences(&self) -> &[Preference] {
        &self.preferences
    }

    /// Consents to the purpose that are in force.
    pub fn consents(&self) -> &[Consent] {
        &self.consents
    }

    /// The first moment at which time alone may change the answer.
    pub fn until(&self) -> Moment {
        self.until
    }
}

/// A value.
#[derive(Clone, Debug)]
pub struct Value {
    /// The identifier's kind or the attribute's name.
    pub name: String,
    /// What it is.
    pub value: String,
    /// The source that said it.
    pub source: String,
    /// When it was observed.
    pub observed_at: Moment,
}

/// Something that the person did.
#[derive(Clone, Debug)]
pub struct Done {
    /// The event's name.
    pub name: String,
    /// When.
    pub at: Moment,
    /// The source that told of it.
    pub source: String,
    /// The currency of its amount, where the policy names one.
    pub currency: Option<String>,
    /// Its canonical body: id, amount, properties.
    pub body: serde_json::Value,
}

/// A wish about a channel.
#[derive(Clone, Debug)]
pub struct Preference {
    /// The channel.
    pub channel: String,
    /// Whether the person permitted it; `None` where they said nothing.
    pub permitted: Option<bool>,
    /// At most once in so many days, where they wish so.
    pub at_most_every_days: Option<u32>,
}

/// A consent in force.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The channel; empty where the purpose has none.
    pub channel: String,
    /// The notice that was shown, such as `letter-form@2`; empty where none is known.
    pub notice: String,
    /// Since when.
    pub since: Moment,
    /// Its ledger entry.
    pub entry: i64,
}
