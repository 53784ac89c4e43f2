//! Who really received a person's data (Art 15(1)(c); CJEU C-154/21: the actual recipients), and to
//! which countries it goes.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::policy::country::needs_safeguards;
use crate::policy::rulebook::Rulebook;
use crate::policy::types::Destination;
use crate::profile::read::OpenRecord;
use crate::store::{self, Store, WordKind};
use crate::subject::sql::{DisclosureRow, disclosures_of};

use super::{DisclosureNote, NamedRecipient, RecipientNote, TransferNote};

/// What there is to say about recipients.
pub struct Recipients {
    /// Those that received something.
    pub actual: Vec<RecipientNote>,
    /// Those that could have and did not.
    pub named_only: Vec<NamedRecipient>,
    /// Those abroad.
    pub transfers: Vec<TransferNote>,
    /// The purposes for which anything was sent, by code.
    pub purposes: BTreeSet<i64>,
    /// The ledger entries of the disclosures.
    pub entries: BTreeSet<i64>,
}

/// Reads the disclosures of a person's records.
pub fn recipients(store: &Store, rules: &Rulebook, records: &[OpenRecord]) -> Result<Recipients> {
    let mut rows: Vec<DisclosureRow> = Vec::new();
    for record in records {
        rows.extend(disclosures_of(store.conn(), record.id)?);
    }
    rows.sort_by_key(|row| (row.at, row.entry));
    let policies = Policies::of(store, rules, &rows)?;
    let mut actual: BTreeMap<(String, i64, i64), RecipientNote> = BTreeMap::new();
    let mut transfers: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for row in &rows {
        let name = store.words().text(WordKind::Destination, row.destination);
        let purpose = store.words().text(WordKind::Purpose, row.purpose);
        let destination = policies.destination(name, Moment(row.at));
        let recipient = destination.map_or(name, |d| d.recipient.as_str()).to_owned();
        let note =
            actual.entry((recipient.clone(), row.destination, row.purpose)).or_insert_with(|| {
                RecipientNote {
                    recipient: recipient.clone(),
                    destination: name.to_owned(),
                    purpose: purpose.to_owned(),
                    title: rules
                        .policy
                        .purposes
                        .get(purpose)
                        .map_or(purpose, |p| &p.title)
                        .to_owned(),
                    fields: destination.map(|d| d.fields.clone()).unwrap_or_default(),
                    country: destination.and_then(|d| d.country.clone()),
                    times: 0,
                    disclosures: Vec::new(),
                }
            });
        // Values of several records went out as one person's at once.
        let is_first = !note.disclosures.iter().any(|sent| sent.entry == row.entry);
        note.times += usize::from(is_first);
        note.disclosures.push(DisclosureNote {
            at: Moment(row.at).to_string(),
            entry: row.entry,
            record: row.record,
        });
        if let Some(abroad) = destination.and_then(|d| abroad(rules, d)).filter(|_| is_first) {
            *transfers.entry(abroad).or_default() += 1;
        }
    }
    let sent: BTreeSet<&str> = actual.values().map(|note| note.destination.as_str()).collect();
    let mut named_only = Vec::new();
    for (name, destination) in &rules.policy.destinations {
        if !sent.contains(name.as_str()) {
            named_only.push(NamedRecipient {
                recipient: destination.recipient.clone(),
                purpose: destination.purpose.clone(),
                title: title_of(rules, &destination.purpose),
            });
        }
        if let Some(abroad) = abroad(rules, destination) {
            transfers.entry(abroad).or_default();
        }
    }
    Ok(Recipients {
        purposes: rows.iter().map(|row| row.purpose).collect(),
        entries: rows.iter().map(|row| row.entry).collect(),
        actual: actual.into_values().collect(),
        named_only,
        transfers: transfers
            .into_iter()
            .map(|((recipient, country, safeguards), times)| TransferNote {
                recipient,
                country,
                safeguards,
                times,
            })
            .collect(),
    })
}

/// A purpose in plain words.
fn title_of(rules: &Rulebook, purpose: &str) -> String {
    let found = rules.policy.purposes.get(purpose);
    found.map_or_else(|| purpose.to_owned(), |purpose| purpose.title.clone())
}

/// Recipient, country and safeguards of a destination that is abroad.
fn abroad(rules: &Rulebook, destination: &Destination) -> Option<(String, String, String)> {
    let country = destination.country.as_deref()?;
    needs_safeguards(&rules.policy.controller.country, country).then(|| {
        let safeguards = destination.safeguards.clone().unwrap_or_default();
        (destination.recipient.clone(), country.to_owned(), safeguards)
    })
}

/// The policies of the time: a destination may have had another recipient when data was sent to it.
struct Policies<'r> {
    latest: &'r Rulebook,
    earlier: Vec<Rulebook>,
}

impl<'r> Policies<'r> {
    fn of(store: &Store, latest: &'r Rulebook, rows: &[DisclosureRow]) -> Result<Policies<'r>> {
        let mut earlier = Vec::new();
        if rows.iter().any(|row| Moment(row.at) < latest.applied_at) {
            for applied in store::applied(store.conn())? {
                if applied.version < latest.version {
                    earlier.push(store::rulebook_of(store.words(), &applied)?);
                }
            }
        }
        Ok(Policies { latest, earlier })
    }

    fn destination(&self, name: &str, at: Moment) -> Option<&Destination> {
        std::iter::once(self.latest)
            .chain(self.earlier.iter().rev())
            .find(|rules| rules.applied_at <= at)
            .unwrap_or(self.latest)
            .policy
            .destinations
            .get(name)
    }
}
