//! A policy as people read it: what for, on what basis, from whom, to whom.
//!
//! The rows are for tables and JSON, the text is for a screen or a letter; nothing is printed here.

use std::fmt::Write;

use serde::Serialize;

use super::mail::Smtp;
use super::period::{limit_in_words, period_in_words, rate_in_words, retention_in_words};
use super::postgres::Postgres;
use super::types::{
    ATTEMPTS, ConsentMap, Destination, FileFormat, FileReader, Means, Policy, Purpose, Source,
    Take, Target,
};
use super::words;

/// A purpose as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PurposeRow {
    /// Its name in the policy.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its lawful basis in words, with the article.
    pub basis: String,
    /// What the basis stands on: the notice, the law or the assessment; the Art 9(2) condition.
    pub grounds: Vec<String>,
    /// The titles of the categories that it covers; special ones say so.
    pub categories: Vec<String>,
    /// The channels on which it contacts people.
    pub channels: Vec<String>,
    /// How long its data is kept, in words.
    pub retention: String,
    /// What else is to be known: marketing, profiling, linking, double opt-in, expiry, what outlives erasure.
    pub remarks: Vec<String>,
}

/// One thing that a source sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentRow {
    /// The column or path, the fixed text, or the event's name.
    pub what: String,
    /// What it becomes, such as `attribute.first_name`, `event` or `consent to newsletter by email`.
    pub becomes: String,
    /// Its category; empty for consents and for what is ignored.
    pub category: String,
    /// The source's purposes that cover it; empty when the gate will refuse it, and for consents
    /// and what is ignored.
    pub purposes: Vec<String>,
}

/// A source as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceRow {
    /// Its name in the policy.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The purposes that its data may serve.
    pub purposes: Vec<String>,
    /// What it sends, and for which of these purposes.
    pub sends: Vec<SentRow>,
    /// What else is to be known: the person's own act, data not obtained from the person.
    pub remarks: Vec<String>,
}

/// A destination as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationRow {
    /// Its name in the policy.
    pub name: String,
    /// The recipient.
    pub recipient: String,
    /// The purpose for which it gets data.
    pub purpose: String,
    /// The channel, when it contacts people.
    pub channel: Option<String>,
    /// The fields that it gets.
    pub fields: Vec<String>,
    /// What else is to be known: country, safeguards, contract.
    pub remarks: Vec<String>,
}

/// The purposes of a policy, by name.
pub fn purposes(policy: &Policy) -> Vec<PurposeRow> {
    policy.purposes.iter().map(|(name, purpose)| purpose_row(policy, name, purpose)).collect()
}

/// The sources of a policy, by name.
pub fn sources(policy: &Policy) -> Vec<SourceRow> {
    policy.sources.iter().map(|(name, source)| source_row(policy, name, source)).collect()
}

/// The destinations of a policy, by name.
pub fn destinations(policy: &Policy) -> Vec<DestinationRow> {
    policy.destinations.iter().map(|(name, to)| destination_row(name, to)).collect()
}

/// The whole policy as plain text.
pub fn show(policy: &Policy) -> String {
    let mut text = String::new();
    let controller = &policy.controller;
    line(&mut text, 0, &format!("{} ({})", controller.name, controller.country));
    line(&mut text, 1, &format!("contact: {}", controller.contact));
    line(&mut text, 1, &format!("time zone: {}", controller.timezone));
    for (word, said) in [
        ("address", &controller.address),
        ("data protection officer", &controller.dpo),
        ("supervisory authority", &controller.authority),
        ("security", &controller.security),
    ] {
        list(&mut text, word, said.as_slice());
    }
    heading(&mut text, "Purposes", policy.purposes.len());
    for row in purposes(policy) {
        line(&mut text, 0, &format!("{}: {}", row.name, row.title));
        line(&mut text, 1, &format!("basis: {}", row.basis));
        list(&mut text, "on", &row.grounds);
        list(&mut text, "categories", &row.categories);
        list(&mut text, "channels", &row.channels);
        line(&mut text, 1, &format!("kept for: {}", row.retention));
        list(&mut text, "also", &row.remarks);
    }
    heading(&mut text, "Sources", policy.sources.len());
    for row in sources(policy) {
        line(&mut text, 0, &format!("{}: {}", row.name, row.title));
        list(&mut text, "for", &row.purposes);
        list(&mut text, "also", &row.remarks);
        line(&mut text, 1, "sends:");
        for sent in row.sends {
            line(&mut text, 2, &sent_in_words(&sent));
        }
    }
    heading(&mut text, "Destinations", policy.destinations.len());
    for row in destinations(policy) {
        line(&mut text, 0, &format!("{}: {}", row.name, row.recipient));
        let by = row.channel.map(|channel| format!(" by {channel}")).unwrap_or_default();
        line(&mut text, 1, &format!("for: {}{by}", row.purpose));
        list(&mut text, "gets", &row.fields);
        list(&mut text, "also", &row.remarks);
    }
    if let Some(pages) = &policy.pages {
        line(&mut text, 0, "");
        line(&mut text, 0, "Pages for people");
        line(&mut text, 0, "");
        line(&mut text, 1, &format!("at: {}", pages.url));
        line(&mut text, 1, &format!("what is said there comes in as: {}", pages.source));
        if let Some(confirm) = &pages.confirm {
            let within = period_in_words(pages.confirm_within);
            line(&mut text, 1, &format!("consents are confirmed by: {confirm}, within {within}"));
        }
    }
    text
}

fn purpose_row(policy: &Policy, name: &str, purpose: &Purpose) -> PurposeRow {
    let category = |name: &String| match policy.categories.get(name) {
        Some(category) if category.special => format!("{} (special category)", category.title),
        Some(category) => category.title.clone(),
        None => name.clone(),
    };
    let grounds = [
        purpose.notice.as_ref().map(|notice| format!("the notice {notice}")),
        purpose.law.clone(),
        purpose.assessment.as_ref().map(|assessment| format!("the assessment {assessment}")),
        purpose.special_condition.as_ref().map(|condition| format!("Art {condition}")),
    ];
    let expires = purpose.consent_expires.map(period_in_words);
    let keeps = purpose.keeps_on_erasure.as_ref();
    let remarks = [
        purpose.marketing.then(|| "direct marketing".to_owned()),
        purpose.profiling.then(|| "builds profiles".to_owned()),
        purpose.linking.then(|| "finds out which records are one person's".to_owned()),
        purpose.explicit.then(|| "consent must be explicit".to_owned()),
        purpose.double_opt_in.then(|| "consent counts once confirmed".to_owned()),
        expires.map(|expires| format!("consent expires after {expires}")),
        keeps.map(|ground| format!("its data outlives an erasure (Art {ground})")),
        purpose.subjects.as_ref().map(|subjects| format!("people: {subjects}")),
    ];
    PurposeRow {
        name: name.to_owned(),
        title: purpose.title.clone(),
        basis: words::basis(purpose.basis).to_owned(),
        grounds: grounds.into_iter().flatten().collect(),
        categories: purpose.categories.iter().map(category).collect(),
        channels: purpose.channels.clone(),
        retention: retention_in_words(purpose.retention),
        remarks: remarks.into_iter().flatten().collect(),
    }
}

fn source_row(policy: &Policy, name: &str, source: &Source) -> SourceRow {
    let covering = |category: &String| {
        let covers = |name: &&String| {
            policy.purposes.get(*name).is_some_and(|p| p.categories.contains(category))
        };
        source.purposes.iter().filter(covers).cloned().collect::<Vec<_>>()
    };
    let fields = source.fields.iter().map(|field| SentRow {
        what: match &field.take {
            Take::Field { from, .. } => from.clone(),
            Take::Fixed(text) => format!("{text:?}"),
        },
        becomes: words::target(&field.target),
        category: field.category.clone(),
        purposes: match field.target {
            Target::Ignore => Vec::new(),
            Target::Identifier(_) | Target::Attribute(_) => covering(&field.category),
        },
    });
    let events = source.events.iter().map(|event| SentRow {
        what: event.name.clone(),
        becomes: match &event.currency {
            Some(currency) => format!("event with its amount in {currency}"),
            None => "event".to_owned(),
        },
        category: event.category.clone(),
        purposes: covering(&event.category),
    });
    let remarks = [
        source.own.then(|| "the person's own act speaks through it".to_owned()),
        source.indirect.then(|| "not obtained from the person (Art 14)".to_owned()),
        source.webhook.as_ref().map(|webhook| {
            format!("delivered by webhooks ({}, secret {})", webhook.scheme.word(), webhook.secret)
        }),
    ];
    SourceRow {
        name: name.to_owned(),
        title: source.title.clone(),
        purposes: source.purposes.clone(),
        sends: fields.chain(events).chain(source.consents.iter().map(consent_row)).collect(),
        remarks: remarks.into_iter().flatten().collect(),
    }
}

fn consent_row(consent: &ConsentMap) -> SentRow {
    let name = |take: &Take| match take {
        Take::Fixed(text) => text.clone(),
        Take::Field { from, .. } => format!("what {from} says"),
    };
    let by = consent.channel.as_ref().map(|channel| format!(" by {}", name(channel)));
    SentRow {
        what: match &consent.state {
            Take::Field { from, .. } => from.clone(),
            Take::Fixed(state) => format!("{state:?}"),
        },
        becomes: format!("consent to {}{}", name(&consent.purpose), by.unwrap_or_default()),
        category: String::new(),
        purposes: Vec::new(),
    }
}

fn destination_row(name: &str, destination: &Destination) -> DestinationRow {
    let remarks = [
        destination.country.as_ref().map(|country| format!("in {country}")),
        destination.safeguards.as_ref().map(|safeguards| format!("safeguards: {safeguards}")),
        destination.contract.as_ref().map(|contract| format!("contract {contract}")),
        destination.at_most.map(|limit| format!("at most {}", limit_in_words(limit))),
        (destination.read_by == FileReader::Spreadsheet)
            .then(|| "read by a spreadsheet".to_owned()),
        means_in_words(&destination.means),
        (!destination.events.is_empty()).then(|| {
            let with = match destination.properties.as_slice() {
                [] => String::new(),
                properties => format!(" with {}", properties.join(", ")),
            };
            format!("gets the events {}{with} as they come in", destination.events.join(", "))
        }),
        destination.rate.map(|rate| format!("takes {}", rate_in_words(rate))),
        (destination.attempts != ATTEMPTS)
            .then(|| format!("tried {} times at most", destination.attempts)),
    ];
    DestinationRow {
        name: name.to_owned(),
        recipient: destination.recipient.clone(),
        purpose: destination.purpose.clone(),
        channel: destination.channel.clone(),
        fields: destination.fields.clone(),
        remarks: remarks.into_iter().flatten().collect(),
    }
}

/// How data gets to a destination, where it isn't a file of the usual form.
fn means_in_words(means: &Means) -> Option<String> {
    match means {
        Means::File { format: FileFormat::Csv } => None,
        Means::File { format: FileFormat::Ndjson } => Some("a file of NDJSON".to_owned()),
        Means::Webhook { url, .. } => Some(format!("signed messages to {url}")),
        Means::Http { call, recall } => {
            let recalled =
                if recall.is_some() { "" } else { ", and can't be told to stop or delete" };
            Some(format!("{} {}{recalled}", call.method, call.url))
        }
        Means::Smtp(Smtp { host, from, texts, .. }) => {
            let languages: Vec<&str> = texts.iter().map(|text| text.language.as_str()).collect();
            Some(format!("mails by {host} from {from}, in {}", languages.join(", ")))
        }
        Means::Postgres(Postgres { host, database, schema, table, .. }) => {
            Some(format!("rows of {schema}.{table} in the database {database} at {host}"))
        }
    }
}

fn sent_in_words(sent: &SentRow) -> String {
    let SentRow { what, becomes, category, purposes } = sent;
    match (category.as_str(), purposes.as_slice()) {
        ("", _) => format!("{what} → {becomes}"),
        (category, []) => format!("{what} → {becomes}, {category}: refused, no purpose covers it"),
        (category, purposes) => {
            format!("{what} → {becomes}, {category}, for {}", purposes.join(", "))
        }
    }
}

fn heading(text: &mut String, words: &str, count: usize) {
    line(text, 0, "");
    line(text, 0, &format!("{words} ({count})"));
    line(text, 0, "");
}

fn list(text: &mut String, word: &str, items: &[String]) {
    if !items.is_empty() {
        line(text, 1, &format!("{word}: {}", items.join("; ")));
    }
}

fn line(text: &mut String, depth: usize, words: &str) {
    let indent = if words.is_empty() { 0 } else { 2 * depth };
    writeln!(text, "{:indent$}{words}", "").expect("writing to a string can't fail");
}

#[cfg(test)]
mod tests;
