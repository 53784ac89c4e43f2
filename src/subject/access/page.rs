//! The answer in plain words, as a document in the order of Art 15(1), for the person to read.

use serde_json::Value;

use crate::policy::types::Basis;
use crate::view::{Block, Document, NoteKind, Table};

use super::{AccessPackage, Obtained, PurposeNote, ValueNote};

/// Writes a package as a document.
#[must_use]
pub fn page(package: &AccessPackage) -> Document {
    let controller = &package.controller;
    let subtitle =
        format!("Answer of {} under Art 15 GDPR, as of {}", controller.name, time(&package.as_of));
    let mut document = Document::new("What we hold about you", subtitle);
    let add = &mut document;
    add.push(paragraph(
        "Yes, we process personal data about you. This page says why, shows a copy of all of it, and \
         says what you can do. The same content is in access.json beside it, for programs. All times \
         are UTC.",
    ));
    add.push(Block::Facts(head(package)));
    if package.after_erasure.erased {
        add.push(Block::Note(NoteKind::Warning, package.after_erasure.sentence.clone()));
    }

    section(add, "Why we process it (Art 15(1)(a))", Block::Table(purposes(package)));
    section(add, "What kinds of data (Art 15(1)(b))", Block::Table(categories(package)));
    section(add, "Who received it (Art 15(1)(c))", Block::Table(recipients(package)));
    let mut named = Table::new(
        "Recipients that we name and that received nothing of you",
        ["Recipient", "Would be for"],
    );
    for recipient in &package.recipients_without_data {
        named.push([&recipient.recipient, &recipient.purpose]);
    }
    add.push(Block::Table(named));
    section(add, "How long we keep it (Art 15(1)(d))", Block::Table(retention(package)));
    rights(add, package);
    section(add, "Where it comes from (Art 15(1)(g))", Block::Table(sources(package)));
    let profiling = paragraph(&package.profiling.sentence);
    section(add, "Profiling and automated decisions (Art 15(1)(h))", profiling);
    section(add, "Transfers outside the EEA (Art 15(2))", transfers(package));
    copy(add, package);
    consents(add, package);
    history(add, package);
    section(add, "What stays after an erasure", paragraph(&package.after_erasure.sentence));
    if let Some(since) = &package.after_erasure.kept_out_since {
        add.push(paragraph(&format!(
            "Such fingerprints of you have been kept since {}.",
            time(since)
        )));
    }
    completeness(add, package);
    document
}

fn head(package: &AccessPackage) -> Vec<(String, String)> {
    let controller = &package.controller;
    let mut facts = vec![("Controller".to_owned(), controller.name.clone())];
    let mut fact = |label: &str, value: Option<&String>| {
        facts.extend(value.map(|value| (label.to_owned(), value.clone())));
    };
    fact("Address", controller.address.as_ref());
    fact("Country", Some(&controller.country));
    fact("Contact", Some(&controller.contact));
    fact("Data protection officer", controller.dpo.as_ref());
    fact("Supervisory authority", controller.authority.as_ref());
    fact("Your number with us", Some(&package.subject));
    if let Some(request) = &package.request {
        fact("Request", Some(&format!("{}, received {}", request.id, time(&request.received_at))));
        fact("Due by", Some(&format!("{}. {}", request.due_on, request.due_because)));
    }
    facts
}

fn purposes(package: &AccessPackage) -> Table {
    let columns = ["Purpose", "Lawful basis", "Rests on", "Holds today", "Values", "Events"];
    let mut table = Table::new(
        "Purposes for which we hold or sent something of you, or of which you spoke",
        columns,
    );
    for purpose in &package.purposes {
        let holds = match purpose.reason {
            None => "yes".to_owned(),
            Some((_, words)) => format!("no: {words}"),
        };
        table.push([
            name_of(purpose),
            purpose.basis.map(basis).unwrap_or_default().to_owned(),
            purpose.rests_on.clone().unwrap_or_default(),
            holds,
            purpose.values.to_string(),
            purpose.events.to_string(),
        ]);
    }
    table
}

fn categories(package: &AccessPackage) -> Table {
    let mut table = Table::new("Kinds of data", ["Kind", "Special (Art 9)", "Values", "Events"]);
    for category in &package.categories {
        let title = if category.title.is_empty() { "no longer declared" } else { &category.title };
        table.push([
            title,
            if category.special { "yes" } else { "no" },
            &category.values.to_string(),
            &category.events.to_string(),
        ]);
    }
    table
}

fn recipients(package: &AccessPackage) -> Table {
    let columns = ["Recipient", "Country", "For", "What", "Times", "When"];
    let mut table = Table::new("Those who were sent data of you", columns);
    for recipient in &package.recipients {
        let when: Vec<String> = recipient.disclosures.iter().map(|d| time(&d.at)).collect();
        table.push([
            recipient.recipient.clone(),
            recipient.country.clone().unwrap_or_default(),
            recipient.title.clone(),
            recipient.fields.join(", "),
            recipient.times.to_string(),
            when.join("; "),
        ]);
    }
    table
}

fn retention(package: &AccessPackage) -> Table {
    let columns = ["Purpose", "We keep it for", "The oldest until", "The newest until"];
    let mut table = Table::new("Retention by purpose", columns);
    for purpose in &package.purposes {
        table.push([
            name_of(purpose),
            purpose.retention.clone(),
            purpose.oldest_until.clone().unwrap_or_default(),
            purpose.newest_until.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn rights(document: &mut Document, package: &AccessPackage) {
    document.push(Block::Heading(2, "Your rights (Art 15(1)(e) and (f))".into()));
    let authority = package.controller.authority.as_deref();
    let authority = authority.unwrap_or("the data protection authority of your country");
    document.push(paragraph(&format!(
        "To use any of them, write to {}. You can complain to {authority} at any time.",
        package.controller.contact
    )));
    for purpose in &package.purposes {
        let caption = format!("Rights over the data for “{}”", name_of(purpose));
        let mut table = Table::new(caption, ["Right", "Applies", "What it means"]);
        for right in &purpose.rights {
            table.push([right.article, right.applies, &right.sentence]);
        }
        document.push(Block::Table(table));
    }
}

fn sources(package: &AccessPackage) -> Table {
    let columns = ["Source", "Its number for you", "Obtained", "Record"];
    let mut table = Table::new("The systems that told us about you", columns);
    for record in &package.sources {
        let obtained = match record.obtained {
            Obtained::FromThePerson => "from you",
            Obtained::Indirectly => "from somebody else",
        };
        table.push([&record.title, &record.key, obtained, &record.record.to_string()]);
    }
    table
}

fn transfers(package: &AccessPackage) -> Block {
    if package.transfers.is_empty() {
        return paragraph("No recipient is outside the European Economic Area.");
    }
    let mut table =
        Table::new("Recipients abroad", ["Recipient", "Country", "Safeguards", "Times sent"]);
    for transfer in &package.transfers {
        let times = transfer.times.to_string();
        table.push([&transfer.recipient, &transfer.country, &transfer.safeguards, &times]);
    }
    Block::Table(table)
}

/// The copy itself (Art 15(3)).
fn copy(document: &mut Document, package: &AccessPackage) {
    document.push(Block::Heading(2, "A copy of your data (Art 15(3))".into()));
    for (prefix, heading) in [
        ("identifier.", "Identifiers"),
        ("attribute.", "Attributes"),
        ("record.", "Keys of the sources"),
    ] {
        document.push(Block::Heading(3, heading.into()));
        let values = package.values.iter().filter(|value| value.field.starts_with(prefix));
        document.push(Block::Table(values_table(heading, prefix, values)));
    }
    document.push(Block::Heading(3, "What you did".into()));
    let columns = ["What", "When", "Number", "Content", "From", "Purposes", "Kept until", "Entry"];
    let mut events = Table::new("Events, newest first", columns);
    for event in &package.events {
        events.push([
            event.name.clone(),
            time(&event.at),
            event.id.clone(),
            content(event.amount, &event.properties),
            event.source.clone(),
            event.held.purposes.join(", "),
            event.held.kept_until.clone().unwrap_or_else(|| "to be deleted".into()),
            event.held.entry.to_string(),
        ]);
    }
    document.push(Block::Table(events));
    document.push(Block::Heading(3, "What we computed".into()));
    let columns = ["Events", "From", "How many", "Sum (smallest unit)", "First", "Last"];
    let mut summaries = Table::new("Summaries of the events", columns);
    for s in &package.summaries {
        let (count, sum) = (s.count.to_string(), s.sum.to_string());
        summaries.push([&s.event, &s.source, &count, &sum, &time(&s.first_at), &time(&s.last_at)]);
    }
    document.push(Block::Table(summaries));
    if !package.fingerprints.is_empty() {
        let kinds: Vec<String> = package
            .fingerprints
            .iter()
            .map(|f| format!("{} ({}, record {})", f.kind, f.count, f.record))
            .collect();
        document.push(paragraph(&format!(
            "Of these identifiers we keep a keyed fingerprint only, to honour that you said no: {}.",
            kinds.join("; ")
        )));
    }
    ties(document, package);
}

fn ties(document: &mut Document, package: &AccessPackage) {
    let ties = package.ties;
    if ties.related + ties.kept_apart > 0 {
        document.push(paragraph(&format!(
            "{} profiles of other people share an identifier with yours, and {} were decided not to be \
             yours. They are kept apart, and nothing of them is in this answer.",
            ties.related, ties.kept_apart
        )));
    }
    if !package.joined.is_empty() {
        let joined: Vec<String> =
            package.joined.iter().map(|j| format!("{} at {}", j.subject, time(&j.at))).collect();
        document.push(paragraph(&format!(
            "These earlier profiles were found to be you and joined: {}.",
            joined.join("; ")
        )));
    }
}

fn values_table<'a>(
    caption: &str,
    prefix: &str,
    values: impl Iterator<Item = &'a ValueNote>,
) -> Table {
    let columns = ["What", "Content", "State", "Seen", "From", "Purposes", "Kept until", "Entry"];
    let mut table = Table::new(caption, columns);
    for value in values {
        table.push([
            value.field.strip_prefix(prefix).unwrap_or(&value.field).replace('_', " "),
            value.value.clone(),
            if value.current { "current" } else { "superseded" }.to_owned(),
            time(&value.observed_at),
            value.source.clone(),
            value.held.purposes.join(", "),
            value.held.kept_until.clone().unwrap_or_else(|| "to be deleted".into()),
            value.held.entry.to_string(),
        ]);
    }
    table
}

fn consents(document: &mut Document, package: &AccessPackage) {
    let columns = ["Purpose", "Channel", "State", "In force", "Since", "Notice", "Entry"];
    let mut state = Table::new("Where you stand", columns);
    for c in &package.consent_state.purposes {
        state.push([
            c.purpose.clone(),
            c.channel.clone(),
            c.state.to_owned(),
            if c.in_force { "yes".to_owned() } else { format!("no: {}", c.words) },
            c.since.as_deref().map(time).unwrap_or_default(),
            c.notice.clone().unwrap_or_default(),
            c.entry.map(|entry| entry.to_string()).unwrap_or_default(),
        ]);
    }
    section(document, "Your consents and objections", Block::Table(state));
    for mark in &package.consent_state.marks {
        document.push(Block::Note(NoteKind::Info, mark.clone()));
    }
    let columns =
        ["When", "About", "Purpose", "Channel", "What", "Notice", "How", "By", "Proof", "Entry"];
    let mut told = Table::new("Everything that was said", columns);
    for t in &package.statements {
        let mut what = t.state.clone();
        for (mark, word) in [(t.explicit, "explicit"), (t.confirmed, "confirmed")] {
            if mark {
                what = format!("{what}, {word}");
            }
        }
        told.push([
            &time(&t.at),
            t.about,
            &t.purpose,
            &t.channel,
            &what,
            &t.notice,
            &t.method,
            &t.source,
            &t.evidence,
            &t.entry.to_string(),
        ]);
    }
    document.push(Block::Table(told));
}

fn history(document: &mut Document, package: &AccessPackage) {
    let mut table =
        Table::new("Your requests so far", ["Number", "What", "State", "Came", "Due by", "Closed"]);
    for r in &package.requests {
        let closed = r.closed_at.as_deref().map(time).unwrap_or_default();
        table.push([&r.id.to_string(), r.kind, r.state, &time(&r.opened_at), &r.due_on, &closed]);
    }
    section(document, "Your requests", Block::Table(table));
    let columns = ["Entry", "When", "What", "Concerns", "By", "Says of you"];
    let mut table = Table::new("Entries of our ledger that concern you", columns);
    for e in &package.journal {
        let says = e.payload.as_ref().map(|payload| content(None, payload)).unwrap_or_default();
        table.push([&e.entry.to_string(), &time(&e.at), &e.kind, e.concerns, &e.actor, &says]);
    }
    section(document, "What our ledger says", Block::Table(table));
    document.push(paragraph(&format!(
        "The ledger is {} and had {} entries. checkpoint.txt is its signed state; SHA256SUMS lists the \
         files of this answer, and SHA256SUMS.proof.json shows that the ledger commits to them; \
         access.json holds each entry as it was hashed.",
        package.origin, package.ledger_size
    )));
}

fn completeness(document: &mut Document, package: &AccessPackage) {
    let Some(completeness) = &package.completeness else { return };
    let mut table = Table::new("Rows about you", ["Table", "Held", "In this answer"]);
    for t in &completeness.tables {
        table.push([t.table, &t.held.to_string(), &t.given.to_string()]);
    }
    let note = Block::Note(NoteKind::Good, completeness.statement.clone());
    section(document, "That nothing is missing", note);
    document.push(Block::Table(table));
}

fn section(document: &mut Document, heading: &str, block: Block) {
    document.push(Block::Heading(2, heading.to_owned())).push(block);
}

fn paragraph(text: &str) -> Block {
    Block::Paragraph(text.to_owned())
}

/// The title, with the name that the tables use.
fn name_of(purpose: &PurposeNote) -> String {
    if purpose.title == purpose.name {
        purpose.name.clone()
    } else {
        format!("{} ({})", purpose.title, purpose.name)
    }
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Consent => "your consent (Art 6(1)(a))",
        Basis::Contract => "a contract with you (Art 6(1)(b))",
        Basis::LegalObligation => "a duty by law (Art 6(1)(c))",
        Basis::VitalInterests => "protection of life (Art 6(1)(d))",
        Basis::PublicTask => "a public task (Art 6(1)(e))",
        Basis::LegitimateInterests => "our legitimate interests (Art 6(1)(f))",
    }
}

/// A moment as people read it: `2017-07-12 09:40:34`.
fn time(moment: &str) -> String {
    moment.trim_end_matches('Z').replacen('T', " ", 1)
}

/// An event's amount and properties, or a payload, as lines of `name: content`.
fn content(amount: Option<i64>, properties: &Value) -> String {
    let mut lines = Vec::new();
    lines.extend(amount.map(|amount| format!("amount: {amount}")));
    if let Some(properties) = properties.as_object() {
        lines.extend(properties.iter().map(|(name, value)| format!("{name}: {}", plain(value))));
    }
    lines.join("\n")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" | "),
        Value::Object(map) => {
            map.iter().map(|(k, v)| format!("{k} {}", plain(v))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
