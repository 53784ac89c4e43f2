//! `[destination.NAME]`: a system that data goes out to, for one purpose.

use std::collections::BTreeSet;

use super::controller::check_country;
use super::means::{Gets, Links};

use super::{Draft, means, pages};
use crate::policy::country::{is_country, needs_safeguards};
use crate::policy::keys::DESTINATION;
use crate::policy::mistake::Report;
use crate::policy::nearest::suggest;
use crate::policy::period::{limit, rate};
use crate::policy::reader::Table;
use crate::policy::types::{
    ATTEMPTS, Destination, EventMap, FileReader, IdentifierForm, Limit, Means, Rate,
};
use crate::policy::value::Said;

/// What opens a file, as the policy writes it.
const READERS: [(&str, FileReader); 2] =
    [("program", FileReader::Program), ("spreadsheet", FileReader::Spreadsheet)];

pub(super) fn read(draft: &mut Draft, top: &Table) {
    let pages = pages::announced(draft, top);
    for (name, table) in top.named(&mut draft.report, "destination", &DESTINATION) {
        let links = match &pages {
            None => Links::None,
            Some(confirm) if confirm.as_ref() == Some(&name) => Links::Confirm,
            Some(_) => Links::Pages,
        };
        if let Some(destination) = destination(draft, &table, links) {
            draft.policy.destinations.insert(name, destination);
        }
    }
}

fn destination(draft: &mut Draft, table: &Table, links: Links) -> Option<Destination> {
    let report = &mut draft.report;
    let why = "people are told the actual recipients of their data (Art 15(1)(c), C-154/21), and \
               the record of processing names them (Art 30(1)(d))";
    let recipient = table.needed(report, "recipient", why, "\"Letterbox Ltd, Dublin\"");
    let why = "data goes out for one purpose, and only while that purpose covers it (Art 5(1)(b))";
    let purpose = table.needed(report, "purpose", why, "\"newsletter\"");
    let channel = table.text(report, "channel");
    let known = match &purpose {
        Some(said) => draft.knows_purpose((said.line, &table.at("purpose")), &said.value),
        None => false,
    };
    let purpose = purpose.map(|said| said.value);
    if let (Some(purpose), true) = (&purpose, known) {
        check_channel(draft, table, purpose, channel.as_ref());
    }
    let fields = fields(draft, table, purpose.as_deref().filter(|_| known));
    let home = draft.policy.controller.country.as_str();
    let report = &mut draft.report;
    let country = table.text(report, "country");
    check_country(report, table, "country", country.as_ref());
    let safeguards = table.text(report, "safeguards").map(|said| said.value);
    check_transfer(report, table, home, country.as_ref(), safeguards.as_deref());
    let why = "a spreadsheet runs a text that starts with =, +, - or @ as a formula, which can send \
               other cells to a stranger; a program wants every value as it is";
    let read_by = table.choice(report, "read_by", "unknown-choice", why, &READERS);
    let (events, properties) = events(draft, table, purpose.as_deref().filter(|_| known));
    let report = &mut draft.report;
    let purposes: Vec<String> = draft.purposes.keys().cloned().collect();
    let gets = Gets {
        fields: &fields,
        events: &events,
        properties: &properties,
        purposes: &purposes,
        links,
    };
    let means = means::read(report, table, gets);
    if matches!(means, Means::Smtp(_)) {
        check_mailed(draft, table, &fields);
    }
    let report = &mut draft.report;
    let attempts = table.count(report, "attempts").map(|said| said.value);
    Some(Destination {
        means,
        events,
        properties,
        rate: rate_of(report, table),
        attempts: attempts.unwrap_or(ATTEMPTS),
        read_by: read_by.unwrap_or_default(),
        contract: table.text(report, "contract").map(|said| said.value),
        recipient: recipient?.value,
        purpose: purpose?,
        channel: channel.map(|said| said.value),
        fields,
        country: country.map(|said| said.value),
        safeguards,
        at_most: at_most(report, table),
    })
}

/// A mail goes to the first field.
fn check_mailed(draft: &mut Draft, table: &Table, fields: &[String]) {
    let kind = fields.first().and_then(|kind| draft.policy.identifiers.get(kind));
    if fields.is_empty() || kind.is_some_and(|kind| kind.form == IdentifierForm::Email) {
        return;
    }
    draft.report.mistake(
        (table.line_of("fields"), &table.at("fields")),
        "mail-without-address",
        "the first of its fields is no address of e-mail",
        "a mail goes to the first field",
        "fields = [\"email\", …], with form = \"email\" under [identifier.email]",
    );
}

fn at_most(report: &mut Report, table: &Table) -> Option<Limit> {
    let said = table.text(report, "at_most")?;
    let read = limit(&said.value);
    read.map_err(|fault| {
        report.mistake(
            (said.line, &table.at("at_most")),
            "bad-limit",
            format!("{:?} is no limit: {fault}", said.value),
            "a limit says how often one person's data may go out, in which period",
            "at_most = \"4 in P30D\"",
        );
    })
    .ok()
}

fn rate_of(report: &mut Report, table: &Table) -> Option<Rate> {
    let said = table.text(report, "rate")?;
    let read = rate(&said.value);
    read.map_err(|fault| {
        report.mistake(
            (said.line, &table.at("rate")),
            "bad-limit",
            format!("{:?} is no rate: {fault}", said.value),
            "a rate says how many messages the recipient takes, in which time",
            "rate = \"10 in PT1S\"",
        );
    })
    .ok()
}

fn check_channel(draft: &mut Draft, table: &Table, purpose: &str, channel: Option<&Said<String>>) {
    let Some(Said { value, line }) = channel else { return };
    let channels = &draft.purposes[purpose].channels;
    if channels.contains(value) {
        return;
    }
    draft.report.mistake(
        (*line, &table.at("channel")),
        "unknown-channel",
        format!("the purpose {purpose:?} has no channel {value:?}"),
        "people are contacted only on the channels that their purpose declares (ePrivacy Directive \
         Art 13)",
        suggest(
            value,
            channels.iter().map(String::as_str),
            format!("add {value:?} to the channels of [purpose.{purpose}]"),
        ),
    );
}

/// Reads the field list; the purpose is given when it is known, and must cover each field.
fn fields(draft: &mut Draft, table: &Table, purpose: Option<&str>) -> Vec<String> {
    let path = table.at("fields");
    let said = table.texts(&mut draft.report, "fields");
    if table.lacks("fields") {
        draft.report.mistake(
            (table.line_of("fields"), &path),
            "fields-missing",
            "the destination doesn't say which fields it gets",
            "it gets what is listed and nothing else (Art 5(1)(c))",
            "fields = [\"email\"]",
        );
    }
    for Said { value, line } in &said {
        check_field(draft, (*line, &path), value, purpose);
    }
    said.into_iter().map(|said| said.value).collect()
}

fn check_field(draft: &mut Draft, at: (u32, &str), field: &str, purpose: Option<&str>) {
    let Some(categories) = draft.sent.get(field) else {
        draft.report.mistake(
            at,
            "unknown-field",
            format!("no source sends {field:?}"),
            "only what some source maps to an attribute or an identifier can go out",
            suggest(field, draft.sent.keys().map(String::as_str), "leave it out"),
        );
        return;
    };
    let Some(purpose) = purpose else { return };
    let covered = &draft.purposes[purpose].categories;
    // What has no category, or covers none, has that as its own mistake.
    let unclear = categories.is_empty() || covered.is_empty();
    if unclear || !categories.is_disjoint(covered) {
        return;
    }
    let categories: Vec<&str> = categories.iter().map(String::as_str).collect();
    draft.report.mistake(
        at,
        "field-not-covered",
        format!(
            "{field:?} is of the category {}, which the purpose {purpose:?} doesn't cover",
            categories.join(" or ")
        ),
        "what a purpose doesn't need doesn't go out for it (Art 5(1)(b) and (c))",
        format!(
            "leave {field:?} out; or, when the purpose needs it, add {:?} to the categories of \
             [purpose.{purpose}]",
            categories[0]
        ),
    );
}

/// Reads the events and what of them goes out; the purpose is given when it is known, and must cover them.
fn events(draft: &mut Draft, table: &Table, purpose: Option<&str>) -> (Vec<String>, Vec<String>) {
    let sources = draft.policy.sources.values();
    let maps: Vec<EventMap> = sources.flat_map(|source| source.events.iter().cloned()).collect();
    let said = table.texts(&mut draft.report, "events");
    let path = table.at("events");
    for Said { value, line } in &said {
        let mut named = maps.iter().filter(|map| map.name == *value).peekable();
        if named.peek().is_none() {
            draft.report.mistake(
                (*line, &path),
                "unknown-event",
                format!("no source tells of {value:?}"),
                "only events that some source's map declares can go out",
                suggest(value, maps.iter().map(|map| map.name.as_str()), "leave it out"),
            );
            continue;
        }
        let Some(purpose) = purpose else { continue };
        let covered = &draft.purposes[purpose].categories;
        let categories: BTreeSet<&str> = named.map(|map| map.category.as_str()).collect();
        if let Some(category) = categories.iter().find(|c| !covered.contains(**c)) {
            draft.report.mistake(
                (*line, &path),
                "field-not-covered",
                format!("{value:?} is of the category {category}, which the purpose {purpose:?} doesn't cover"),
                "what a purpose doesn't need doesn't go out for it (Art 5(1)(b) and (c))",
                format!(
                    "leave {value:?} out; or, when the purpose needs it, add {category:?} to the categories \
                     of [purpose.{purpose}]"
                ),
            );
        }
    }
    let events: Vec<String> = said.into_iter().map(|said| said.value).collect();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for map in maps.iter().filter(|map| events.contains(&map.name)) {
        known.extend(map.properties.keys().map(String::as_str));
        known.extend((!map.lines.is_empty()).then_some("lines"));
        known.extend(map.amount.is_some().then_some("amount"));
    }
    let said = table.texts(&mut draft.report, "properties");
    let path = table.at("properties");
    for Said { value, line } in said.iter().filter(|said| !known.contains(said.value.as_str())) {
        draft.report.mistake(
            (*line, &path),
            "unknown-property",
            format!("none of the destination's events has a property {value:?}"),
            "it gets what is listed and nothing else (Art 5(1)(c))",
            suggest(value, known.iter().copied(), "leave it out, or list the event under events"),
        );
    }
    (events, said.into_iter().map(|said| said.value).collect())
}

fn check_transfer(
    report: &mut Report,
    table: &Table,
    home: &str,
    country: Option<&Said<String>>,
    safeguards: Option<&str>,
) {
    let why = "data leaves the European Economic Area only with safeguards or on an adequacy \
               decision (Art 44 to 46), and people are told of them (Art 13(1)(f), Art 15(2))";
    let path = table.at("safeguards");
    match country {
        Some(Said { value, line }) if is_country(value) => {
            if needs_safeguards(home, value) && table.value("safeguards").is_none() {
                report.mistake(
                    (*line, &path),
                    "transfer-without-safeguards",
                    format!("data goes to {value}, outside the EEA, without safeguards"),
                    why,
                    "safeguards = \"Standard contractual clauses (EU) 2021/914 of 2026-01-15\", or \
                     the adequacy decision",
                );
            }
        }
        Some(_) => {}
        None if safeguards.is_some() || table.value("country").is_some() => {}
        None => report.warning(
            (table.line, &table.at("country")),
            "recipient-country-unstated",
            "the recipient's country isn't stated, so whether this is a transfer abroad is unknown",
            why,
            "country = \"IE\"",
        ),
    }
}
