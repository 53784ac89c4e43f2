//! `[source.NAME]`: a system that sends data in, and how its rows are read.

use std::collections::BTreeMap;

use super::controller::{check_country, check_timezone};
use super::{Draft, consent, dates, event, field, take, webhook};
use crate::policy::keys::{CHOSEN, SOURCE};
use crate::policy::mistake::Report;
use crate::policy::reader::Table;
use crate::policy::types::tracking::{AT, MESSAGE, PERSON};
use crate::policy::types::{Encoding, Format, Source, Take, Target};

const FORMATS: [(&str, Format); 5] = [
    ("csv", Format::Csv),
    ("ndjson", Format::Ndjson),
    ("xlsx", Format::Xlsx),
    ("tracking", Format::Tracking),
    ("webhook", Format::Webhook),
];

/// Each as the policy's own words write it, and as the standards spell it.
const ENCODINGS: [(&str, Encoding); 5] = [
    ("detect", Encoding::Detect),
    ("utf-8", Encoding::Utf8),
    ("windows-1252", Encoding::Windows1252),
    ("utf8", Encoding::Utf8),
    ("windows1252", Encoding::Windows1252),
];

pub(super) fn read(draft: &mut Draft, top: &Table) {
    for (name, table) in top.named(&mut draft.report, "source", &SOURCE) {
        let source = source(draft, &name, &table);
        draft.policy.sources.insert(name, source);
    }
}

fn source(draft: &mut Draft, name: &str, table: &Table) -> Source {
    let purposes = purposes(draft, table);
    let report = &mut draft.report;
    let why = "a file is read by its format";
    let format = table.choice(report, "format", "unknown-choice", why, &FORMATS);
    let is_tracking = format == Some(Format::Tracking);
    let is_webhook = format == Some(Format::Webhook);
    let why = "the source's own key tells its rows about one person from those about another, and \
               makes a second import of a row change nothing";
    let key = match is_tracking {
        true => table.text(report, "key").map_or_else(|| PERSON.to_owned(), |said| said.value),
        false => table
            .needed(report, "key", why, "\"customer_id\"")
            .map(|said| said.value)
            .unwrap_or_default(),
    };
    let why = "a text is read by its character set";
    let encoding = table.choice(report, "encoding", "unknown-choice", why, &ENCODINGS);
    let formats = dates::formats(report, table);
    let observed = take::read(report, table, "observed");
    dates::check_fixed_time(report, table, "observed", observed.as_ref(), &formats);
    let timezone = table.text(report, "timezone");
    check_timezone(report, table, "timezone", timezone.as_ref());
    let phone_country = table.text(report, "phone_country");
    check_country(report, table, "phone_country", phone_country.as_ref());
    let observed = observed.map(|taken| taken.take).or_else(|| is_tracking.then(|| field(AT)));
    let own = table.flag(report, "own").unwrap_or_default();
    let indirect = table.flag(report, "indirect").unwrap_or_default();
    if own && indirect {
        note_own_and_indirect(report, table);
    }
    if own && is_tracking {
        note_own_and_tracking(report, table);
    }
    let title = table.text(report, "title").map_or_else(|| name.to_owned(), |said| said.value);
    let delimiter = delimiter(report, table);
    let sheet = table.text(report, "sheet").map(|said| said.value);
    let webhook = match is_webhook {
        true => webhook::read(report, table),
        false => None,
    };
    // What stands in an unreadable format may be meant for webhooks.
    if !is_webhook && (format.is_some() || table.value("format").is_none()) {
        webhook::note_other_format(report, table);
    }
    let items = table.text(report, "items").map(|said| said.value);
    let only = only(report, table);
    let fields = field::read(draft, table);
    let consents = consent::read(draft, table, &formats);
    let mut events = event::read(draft, table, &formats);
    if is_tracking {
        for read in &mut events {
            read.map.id.get_or_insert_with(|| field(MESSAGE));
        }
    }
    if is_webhook {
        webhook::note_untimed(&mut draft.report, table, &consents);
        event::note_grouped_webhook(&mut draft.report, &events);
    }
    event::note_mixed_currencies(&mut draft.report, &events);
    for read in fields.iter().filter(|read| read.map.target != Target::Ignore) {
        warn_if_uncovered(draft, &purposes, &read.map.category, (read.line, &read.path));
    }
    for read in &events {
        warn_if_uncovered(draft, &purposes, &read.map.category, (read.line, &read.path));
    }
    Source {
        title,
        format,
        webhook,
        items,
        only,
        delimiter,
        encoding: encoding.unwrap_or_default(),
        sheet,
        key,
        observed,
        dates: formats,
        timezone: timezone.map(|said| said.value),
        phone_country: phone_country.map(|said| said.value),
        own,
        indirect,
        purposes,
        fields: fields.into_iter().map(|read| read.map).collect(),
        consents,
        events: events.into_iter().map(|read| read.map).collect(),
    }
}

fn field(from: &str) -> Take {
    Take::Field { from: from.to_owned(), values: BTreeMap::new() }
}

/// The purposes that are declared; one that isn't, or none at all, is a mistake.
fn purposes(draft: &mut Draft, table: &Table) -> Vec<String> {
    let path = table.at("purposes");
    let said = table.texts(&mut draft.report, "purposes");
    if table.lacks("purposes") {
        let known: Vec<_> = draft.purposes.keys().map(|name| format!("{name:?}")).collect();
        draft.report.mistake(
            (table.line_of("purposes"), &path),
            "purposes-missing",
            "the source serves no purpose",
            "data without a purpose that was declared beforehand is refused (Art 5(1)(b))",
            format!("purposes = [{}], or those of them that it serves", known.join(", ")),
        );
    }
    let known = said.into_iter().filter(|s| draft.knows_purpose((s.line, &path), &s.value));
    known.map(|said| said.value).collect()
}

/// What a row must say to be taken.
fn only(report: &mut Report, table: &Table) -> BTreeMap<String, Vec<String>> {
    let Some(named) = table.table(report, "only", &CHOSEN) else { return BTreeMap::new() };
    let texts = named.entries().iter().map(|entry| {
        let texts = named.texts(report, entry.key).into_iter();
        (entry.key.to_owned(), texts.map(|said| said.value.trim().to_owned()).collect())
    });
    texts.collect()
}

fn delimiter(report: &mut Report, table: &Table) -> Option<u8> {
    let path = table.at("delimiter");
    // A tab is blank, and a delimiter all the same.
    let value = table.value("delimiter")?;
    let one = |text: &str| match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
        _ => None,
    };
    let delimiter = value.value.as_str().and_then(one);
    if delimiter.is_none() {
        report.mistake(
            (value.line, &path),
            "bad-delimiter",
            "the delimiter is no single ASCII character beside the quotation mark and line ends",
            "it is what stands between the columns of a CSV file",
            "delimiter = \";\" or \",\" or \"\\t\" or \"|\"; or leave it out, and it is detected",
        );
    }
    delimiter
}

fn note_own_and_tracking(report: &mut Report, table: &Table) {
    report.mistake(
        (table.line_of("own"), &table.at("own")),
        "own-and-tracking",
        "what a tracking client sends along with each call is no act of the person's own",
        "a consent that is stamped on every call must not bring an erased person back",
        "leave out own = true, and bring the person's own acts in through a source of its own",
    );
}

fn note_own_and_indirect(report: &mut Report, table: &Table) {
    report.mistake(
        (table.line_of("indirect"), &table.at("indirect")),
        "own-and-indirect",
        "the source can't be both the person's own act and not obtained from the person",
        "what the person does in person needs no notice of Art 14, and what a third party sends \
         can't lift a suppression",
        "leave out own = true or indirect = true",
    );
}

/// Warns of a category that none of the source's purposes covers; the gate will refuse it.
fn warn_if_uncovered(draft: &mut Draft, purposes: &[String], category: &str, at: (u32, &str)) {
    let covers = |name: &String| draft.purposes[name].categories.contains(category);
    if purposes.is_empty() || purposes.iter().any(covers) {
        return;
    }
    let elsewhere: Vec<&str> = draft
        .purposes
        .iter()
        .filter(|(_, facts)| facts.categories.contains(category))
        .map(|(name, _)| name.as_str())
        .collect();
    let or = match elsewhere.as_slice() {
        [] => format!("or add {category:?} to the categories of one of its purposes"),
        some => format!("or add one of {} to its purposes", some.join(", ")),
    };
    draft.report.warning(
        at,
        "category-not-covered",
        format!(
            "none of the source's purposes covers the category {category:?}, so the gate will \
                 refuse it"
        ),
        "no reason, no data (Art 5(1)(b) and (c)): what no purpose covers is counted and not kept",
        format!("as = \"ignore\" when it isn't wanted; {or}"),
    );
}
