//! How data gets to a destination: the keys of each kind, and every mistake of its templates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::policy::keys::{CALL, CHOSEN};
use crate::policy::mistake::Report;
use crate::policy::nearest::suggest;
use crate::policy::reader::Table;
use crate::policy::template::{self, Place};
use crate::policy::types::{Call, FileFormat, Means};
use crate::policy::value::{Said, text_value};

use super::{mail, postgres};

/// What a destination gets, which its templates may name.
#[derive(Clone, Copy)]
pub(super) struct Gets<'g> {
    pub(super) fields: &'g [String],
    pub(super) events: &'g [String],
    pub(super) properties: &'g [String],
    /// The purposes of the policy: a request may tell whether another one is permitted too.
    pub(super) purposes: &'g [String],
    /// The links that a mail may bring.
    pub(super) links: Links,
}

/// Which links a mail may bring.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Links {
    /// None: the policy has no pages.
    #[default]
    None,
    /// Those to the pages for people.
    Pages,
    /// The one by which a consent is confirmed, with what it is for.
    Confirm,
}

/// The kinds, as the policy writes them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Webhook,
    Http,
    Smtp,
    Postgres,
}

const KINDS: [(&str, Kind); 5] = [
    ("file", Kind::File),
    ("webhook", Kind::Webhook),
    ("http", Kind::Http),
    ("smtp", Kind::Smtp),
    ("postgres", Kind::Postgres),
];

const FORMATS: [(&str, FileFormat); 2] = [("csv", FileFormat::Csv), ("ndjson", FileFormat::Ndjson)];

const METHODS: [(&str, &str); 5] =
    [("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("DELETE", "DELETE"), ("GET", "GET")];

/// Which kind has which key.
const KEYS: [(&str, Kind); 8] = [
    ("format", Kind::File),
    ("read_by", Kind::File),
    ("url", Kind::Webhook),
    ("secret", Kind::Webhook),
    ("http", Kind::Http),
    ("recall", Kind::Http),
    ("smtp", Kind::Smtp),
    ("postgres", Kind::Postgres),
];

/// Headers that the sending sets itself, or that would change what a request is.
const OWN_HEADERS: [&str; 5] =
    ["host", "content-length", "transfer-encoding", "connection", "user-agent"];

pub(super) const WHY_SAFE: &str = "personal data goes out encrypted, to the one recipient that people were told of \
                        (Art 5(1)(f), 32)";

/// Reads how data gets to a destination that gets this.
pub(super) fn read(report: &mut Report, table: &Table, gets: Gets<'_>) -> Means {
    let why = "data goes out as a file, as signed messages, as requests that the recipient asks for, as mail, or as rows of a table";
    let kind = match table.value("kind") {
        None => Some(Kind::File),
        Some(_) => table.choice(report, "kind", "unknown-choice", why, &KINDS),
    };
    // Without a kind, what its keys are is unknown.
    let Some(kind) = kind else { return Means::default() };
    for (key, of) in KEYS {
        if of != kind && table.value(key).is_some() {
            let name = |kind| KINDS.iter().find(|(_, k)| *k == kind).map_or("", |(name, _)| name);
            report.mistake(
                (table.line_of(key), &table.at(key)),
                "key-of-another-kind",
                format!("a destination of the kind {:?} has no {key:?}", name(kind)),
                "a rule that isn't looked at would be one that isn't kept",
                format!("leave it out, or write kind = {:?}", name(of)),
            );
        }
    }
    for key in ["rate", "attempts", "events", "properties"] {
        if kind == Kind::File && table.value(key).is_some() {
            report.mistake(
                (table.line_of(key), &table.at(key)),
                "key-of-another-kind",
                format!("a destination that gets a file has no {key:?}"),
                "a rule that isn't looked at would be one that isn't kept",
                "leave it out, or write kind = \"webhook\", kind = \"http\", kind = \"smtp\" or kind = \"postgres\"",
            );
        }
    }
    match kind {
        Kind::File => {
            let why = "it is CSV with a header line, or one JSON object a line";
            let format = table.choice(report, "format", "unknown-choice", why, &FORMATS);
            Means::File { format: format.unwrap_or_default() }
        }
        Kind::Webhook => webhook(report, table),
        Kind::Http => http(report, table, gets),
        Kind::Smtp => Means::Smtp(mail::read(report, table, gets)),
        Kind::Postgres => Means::Postgres(postgres::read(report, table, gets)),
    }
}

fn webhook(report: &mut Report, table: &Table) -> Means {
    let url = table.needed(report, "url", WHY_SAFE, "\"https://mailer.example/hooks/candor\"");
    if let Some(Said { value, line }) = &url {
        check_address(report, (*line, &table.at("url")), value);
    }
    let why = "without a signature anybody could pretend to be candor (Standard Webhooks)";
    let secret = table.needed(report, "secret", why, "\"mailer\"");
    if let Some(Said { value, line }) = &secret {
        check_secret(report, (*line, &table.at("secret")), value);
    }
    let text = |said: Option<Said<String>>| said.map(|said| said.value).unwrap_or_default();
    Means::Webhook { url: text(url), secret: text(secret) }
}

fn http(report: &mut Report, table: &Table, gets: Gets<'_>) -> Means {
    if table.value("http").is_none() {
        report.mistake(
            (table.line, &table.at("http")),
            "key-missing",
            "\"http\" is missing",
            "a destination of this kind says what is sent there",
            format!(
                "[{}] with url, and headers and a body where they are needed",
                table.at("http")
            ),
        );
    }
    let nothing =
        || Call { method: String::new(), url: String::new(), headers: BTreeMap::new(), body: None };
    let call = table.table(report, "http", &CALL);
    let call = call.map(|table| call_of(report, &table, gets, "POST"));
    let recall = table.table(report, "recall", &CALL);
    // What takes something back tells of no event, and of nothing that is permitted.
    let no_event = Gets { events: &[], properties: &[], purposes: &[], ..gets };
    let recall = recall.map(|table| call_of(report, &table, no_event, "DELETE"));
    Means::Http { call: call.unwrap_or_else(nothing), recall }
}

fn call_of(report: &mut Report, table: &Table, gets: Gets<'_>, method: &str) -> Call {
    let why = "it is what the recipient's documentation says for this request";
    let said = table.choice(report, "method", "unknown-choice", why, &METHODS);
    let url = table.needed(report, "url", WHY_SAFE, "\"https://api.mailer.example/v1/contacts\"");
    if let Some(Said { value, line }) = &url {
        let at = (*line, table.at("url"));
        check_address(report, (at.0, &at.1), value);
        check_template(report, (at.0, &at.1), value, Place::Url, gets);
    }
    let mut call = Call {
        method: said.unwrap_or(method).to_owned(),
        url: url.map(|said| said.value).unwrap_or_default(),
        headers: headers(report, table, gets),
        body: None,
    };
    if let Some(Said { value, line }) = table.text(report, "body") {
        let place = if call.is_form() { Place::Url } else { Place::Json };
        check_template(report, (line, &table.at("body")), &value, place, gets);
        call.body = Some(value);
    }
    call
}

fn headers(report: &mut Report, table: &Table, gets: Gets<'_>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let Some(all) = table.table(report, "headers", &CHOSEN) else { return headers };
    for entry in all.entries() {
        let path = all.at(entry.key);
        let name = entry.key.to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if name.is_empty() || !name.bytes().all(token) || OWN_HEADERS.contains(&name.as_str()) {
            report.mistake(
                (entry.line, &path),
                "bad-header",
                format!("{:?} is no header that can be set", entry.key),
                "its name is letters, digits and hyphens, and what belongs to the connection is candor's",
                "Authorization = \"Bearer {{ secret.mailer }}\"",
            );
        }
        let Some(Said { value, line }) = text_value(report, &path, entry.value) else { continue };
        let kind = value.split(';').next().unwrap_or_default().trim();
        let is_form = kind == "application/x-www-form-urlencoded";
        let is_json = kind == "application/json" || kind.ends_with("+json");
        if name == "content-type" && !is_form && !is_json {
            report.mistake(
                (line, &path),
                "bad-header",
                format!("a body of the type {kind:?} can't be written safely"),
                "every value is escaped for the place where it stands: in JSON, or in a form",
                "Content-Type = \"application/json\", or application/x-www-form-urlencoded",
            );
        }
        check_template(report, (line, &path), &value, Place::Header, gets);
        headers.insert(entry.key.to_owned(), value);
    }
    headers
}

/// An address is https, or http to this machine; its host stands as it is, and nobody's name before it.
fn check_address(report: &mut Report, at: (u32, &str), url: &str) {
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    let is_host = |host: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
        !host.is_empty() && host.bytes().all(plain)
    };
    let is_safe = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => is_host(&host(rest)),
        (_, Some(rest)) => {
            let host = host(rest);
            let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
            let name = name.map_or(host.as_str(), |(name, _)| name);
            matches!(name, "localhost" | "127.0.0.1" | "[::1]")
        }
        _ => false,
    };
    // Blanks stand in a template alone, and go when it is written.
    let is_whole = url.contains("{{") || url.bytes().all(|b| b.is_ascii_graphic());
    if is_safe && is_whole && url.len() <= 2_000 {
        return;
    }
    report.mistake(
        at,
        "bad-address",
        "the address isn't https with a host that stands as it is",
        WHY_SAFE,
        "\"https://api.mailer.example/…\" without a user or a password in it; http:// reaches this machine \
         alone (127.0.0.1)",
    );
}

fn is_secret_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let others = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    bytes.next().is_some_and(|first| first.is_ascii_lowercase()) && bytes.all(others)
}

pub(super) fn check_secret(report: &mut Report, at: (u32, &str), name: &str) {
    if is_secret_name(name) {
        return;
    }
    report.mistake(
        at,
        "bad-secret",
        "a secret is named by lower-case letters, digits, _ and -",
        "the policy is kept and shown, so it names secrets and holds none",
        "secret = \"mailer\", and write its value with `candor secret set mailer`",
    );
}

/// Checks what a template names, and writes it once with made-up values.
pub(super) fn check_template(
    report: &mut Report,
    at: (u32, &str),
    text: &str,
    place: Place,
    gets: Gets<'_>,
) {
    let bad = |report: &mut Report, what: String| {
        report.mistake(
            at,
            "bad-template",
            what,
            "it is written for every person, and one that can't be would send nothing, or nonsense",
            "{\"email\": \"{{ data.email }}\"}: a name in two braces, with filters behind a bar",
        );
    };
    let names = match template::names(text, place) {
        Ok(names) => names,
        Err(fault) => return bad(report, format!("the template can't be read: {fault}")),
    };
    if !names.iter().all(|name| check_name(report, at, name, place, gets)) {
        return;
    }
    match template::render(text, place, &sample(gets, &names)) {
        Err(fault) => bad(report, format!("the template can't be written: {fault}")),
        Ok(body) if at.1.ends_with(".body") && place == Place::Json => {
            if serde_json::from_str::<Json>(&body).is_err() {
                bad(report, "the template doesn't write JSON".to_owned());
            }
        }
        Ok(_) => {}
    }
}

/// Whether a template may name something; notes the mistake when it may not.
fn check_name(
    report: &mut Report,
    at: (u32, &str),
    name: &str,
    place: Place,
    gets: Gets<'_>,
) -> bool {
    let mut parts = name.split('.');
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("secret", Some(secret)) if place == Place::Header && is_secret_name(secret) => true,
        ("secret", _) => {
            report.mistake(
                at,
                "bad-secret",
                "a secret stands in a header, and is named",
                "addresses and bodies are kept in logs of proxies and recipients; a header is where \
                 credentials belong",
                "headers = { Authorization = \"Bearer {{ secret.mailer }}\" }",
            );
            false
        }
        ("data", None | Some("id")) => true,
        ("data", Some(field)) if gets.fields.iter().any(|listed| listed == field) => true,
        ("data", Some(field)) => {
            report.mistake(
                at,
                "field-not-listed",
                format!(
                    "the template asks for {field:?}, which the destination's fields don't list"
                ),
                "it gets what is listed and nothing else (Art 5(1)(c))",
                suggest(
                    field,
                    gets.fields.iter().map(String::as_str),
                    format!("add {field:?} to its fields, or leave it out"),
                ),
            );
            false
        }
        ("id" | "type" | "timestamp" | "purpose" | "channel", None) => true,
        ("permitted", Some(purpose))
            if gets.purposes.iter().any(|declared| declared == purpose)
                && !matches!(place, Place::Line | Place::Text) =>
        {
            true
        }
        ("links", Some("unsubscribe" | "preferences")) if gets.links == Links::Pages => true,
        ("links", Some("confirm")) if gets.links == Links::Confirm => true,
        ("request", Some("title" | "notice" | "until")) if gets.links == Links::Confirm => true,
        ("event", None | Some("name" | "at")) if !gets.events.is_empty() => true,
        ("event", Some("amount")) if gets.properties.iter().any(|listed| listed == "amount") => {
            true
        }
        ("event", Some("properties")) if !gets.events.is_empty() => {
            let property = parts.next();
            let is_listed = |name: &str| gets.properties.iter().any(|listed| listed == name);
            if let Some(property) = property.filter(|name| !is_listed(name)) {
                report.mistake(
                    at,
                    "unknown-property",
                    format!("the template asks for {property:?}, which the destination's properties don't list"),
                    "it gets what is listed and nothing else (Art 5(1)(c))",
                    suggest(
                        property,
                        gets.properties.iter().map(String::as_str),
                        format!("add {property:?} to its properties, or leave it out"),
                    ),
                );
                return false;
            }
            true
        }
        _ => {
            report.mistake(
                at,
                "bad-template",
                format!("the template asks for {name:?}, which there is not"),
                "a template sees the message alone",
                "data.FIELD, data.id, id, type, timestamp, purpose, channel; in http permitted.PURPOSE; of events event.name, event.at, \
                 event.amount and event.properties.NAME; in headers secret.NAME; in mails, where the policy has \
                 [pages], links.preferences and links.unsubscribe, or links.confirm, request.title, \
                 request.notice and request.until",
            );
            false
        }
    }
}

/// A message about nobody, with a character that would break what isn't escaped.
fn sample(gets: Gets<'_>, names: &BTreeSet<String>) -> Json {
    let text = "a1";
    let mut data: serde_json::Map<String, Json> =
        gets.fields.iter().map(|field| (field.clone(), Json::from(text))).collect();
    let properties: serde_json::Map<String, Json> =
        gets.properties.iter().map(|name| (name.clone(), Json::from(text))).collect();
    data.insert("id".to_owned(), Json::from(text));
    let permitted: serde_json::Map<String, Json> =
        gets.purposes.iter().map(|name| (name.clone(), Json::from(true))).collect();
    let secrets: serde_json::Map<String, Json> = names
        .iter()
        .filter_map(|name| name.strip_prefix("secret."))
        .map(|name| (name.to_owned(), Json::from(text)))
        .collect();
    json!({
        "id": text, "type": "profile.updated", "timestamp": "2026-01-01T00:00:00Z",
        "purpose": text, "channel": text, "data": data, "secret": secrets, "permitted": permitted,
        "event": {"name": text, "at": "2026-01-01T00:00:00Z", "amount": 1, "properties": properties},
        "links": {"unsubscribe": text, "preferences": text, "confirm": text},
        "request": {"title": text, "notice": text, "until": text},
    })
}
