//! What a policy says of a table in a PostgreSQL database to which data goes.

use std::collections::BTreeMap;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;

use super::types::{Destination, Means, Policy, Target, ValueType};

/// The port by custom.
pub const PORT: u16 = 5432;

/// The columns that hold what is candor's own to say, by their usual names: whom a row is about, which
/// message it came by, what happened, and when.
pub const PERSON: &str = "candor_person";
/// See [`PERSON`].
pub const MESSAGE: &str = "candor_message";
/// See [`PERSON`].
pub const EVENT: &str = "candor_event";
/// See [`PERSON`].
pub const AT: &str = "candor_at";

/// A table, and how it is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Postgres {
    /// The server's name, which its certificate must bear; or the folder of its socket on this machine.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// Who signs in there.
    pub user: String,
    /// The name of the secret, the user's password; without one the server must know the user otherwise.
    pub secret: Option<String>,
    /// Whether what passes is encrypted.
    pub tls: Encrypted,
    /// Who vouches for the server's certificate, in PEM; whoever the system trusts where nothing is said.
    pub ca: Option<String>,
    /// The schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// Columns that have other names than what they hold.
    pub columns: BTreeMap<String, String>,
}

/// Whether what passes to a database is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encrypted {
    /// It is, and the server's certificate is vouched for and bears its name.
    #[default]
    VerifyFull,
    /// It isn't: to this machine alone.
    None,
}

impl Encrypted {
    /// The word of the policy.
    pub const fn word(self) -> &'static str {
        match self {
            Encrypted::VerifyFull => "verify-full",
            Encrypted::None => "none",
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds<'p> {
    /// The person's name at the destination.
    Person,
    /// The id of the message.
    Message,
    /// The name of the event.
    Event,
    /// When the event happened.
    At,
    /// A field.
    Field(&'p str),
    /// A property of the event, or its amount.
    Property(&'p str),
}

impl<'p> Holds<'p> {
    /// Its name in the policy, and that of its column where nothing else is said.
    pub const fn name(self) -> &'p str {
        match self {
            Holds::Person => PERSON,
            Holds::Message => MESSAGE,
            Holds::Event => EVENT,
            Holds::At => AT,
            Holds::Field(name) | Holds::Property(name) => name,
        }
    }
}

/// What the rows of a destination hold, the first of them what a row is known by: one row for each person,
/// or for each event where the destination gets events.
pub fn parts<'p>(
    fields: &'p [String],
    events: &[String],
    properties: &'p [String],
) -> Vec<Holds<'p>> {
    let fields = fields.iter().map(|name| Holds::Field(name));
    if events.is_empty() {
        return std::iter::once(Holds::Person).chain(fields).collect();
    }
    let own = [Holds::Message, Holds::Person, Holds::Event, Holds::At];
    let properties = properties.iter().map(|name| Holds::Property(name));
    own.into_iter().chain(fields).chain(properties).collect()
}

/// The authorities of a text in PEM; `None` where there is none, or one can't be read.
pub fn authorities(pem: &str) -> Option<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        store.add(certificate.ok()?).ok()?;
    }
    (!store.is_empty()).then_some(store)
}

impl Postgres {
    /// The name of the column that holds something.
    pub fn column<'p>(&'p self, holds: Holds<'p>) -> &'p str {
        self.columns.get(holds.name()).map_or(holds.name(), String::as_str)
    }
}

impl Destination {
    /// What it says of a table, where it is one.
    pub fn postgres(&self) -> Option<&Postgres> {
        match &self.means {
            Means::Postgres(postgres) => Some(postgres),
            _ => None,
        }
    }

    /// What its rows hold, where it is a table.
    pub fn parts(&self) -> Vec<Holds<'_>> {
        parts(&self.fields, &self.events, &self.properties)
    }
}

impl Policy {
    /// The type of a field's values, where all sources that send it agree on one; text where they don't.
    pub fn type_of(&self, field: &str) -> ValueType {
        let maps = self.sources.values().flat_map(|source| &source.fields);
        let of = maps.filter(|map| matches!(&map.target, Target::Attribute(name) if name == field));
        let mut types = of.map(|map| map.value_type);
        let Some(first) = types.next() else { return ValueType::Text };
        if types.all(|other| other == first) { first } else { ValueType::Text }
    }
}
