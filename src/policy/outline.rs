//! A policy as a flat list of paths and words, which is what two policies are compared by.
//!
//! Every struct is taken apart without `..`, so that a field which is added to the nouns can't be
//! forgotten here: the compiler asks for it.

use std::collections::BTreeMap;

use super::mail::{MailText, Pages, Smtp, Tls};
use super::period::{limit_in_words, period_in_words, rate_in_words, retention_in_words};
use super::postgres::Postgres;
use super::types::{
    ATTEMPTS, AmountUnit, Call, Category, ConsentMap, Controller, Destination, EventMap, FieldMap,
    FileFormat, FileReader, IdentifierKind, Means, Notice, NoticeVersion, Policy, ProfileRules,
    Purpose, Source, Take, Target,
};
use super::value::path_key;
use super::webhook::{Scheme, Signed, Webhook};
use super::words;

/// Path of the file, such as `purpose.newsletter.basis`, to what it says, in words.
pub(super) type Outline = BTreeMap<String, String>;

/// The outline of a policy. Absent values, empty lists and a plain "no" have no line.
pub(super) fn outline(policy: &Policy) -> Outline {
    let Policy {
        controller,
        notices,
        categories,
        purposes,
        identifiers,
        profile,
        sources,
        destinations,
        pages,
    } = policy;
    let mut lines = Lines::default();
    outline_controller(&mut lines.under("controller"), controller);
    for (name, notice) in notices {
        outline_notice(&mut lines.under("notice").under(name), notice);
    }
    for (name, Category { title, special }) in categories {
        let mut at = lines.under("category");
        let mut at = at.under(name);
        at.text("title", title);
        at.yes("special", *special);
    }
    for (name, purpose) in purposes {
        outline_purpose(&mut lines.under("purpose").under(name), purpose);
    }
    for (name, kind) in identifiers {
        outline_identifier(&mut lines.under("identifier").under(name), kind);
    }
    outline_profile(&mut lines.under("profile"), profile);
    for (name, source) in sources {
        outline_source(&mut lines.under("source").under(name), source);
    }
    for (name, destination) in destinations {
        outline_destination(&mut lines.under("destination").under(name), destination);
    }
    if let Some(pages) = pages {
        outline_pages(&mut lines.under("pages"), pages);
    }
    lines.outline
}

fn outline_controller(at: &mut At, controller: &Controller) {
    let Controller { name, country, timezone, contact, address, dpo, authority, security } =
        controller;
    at.text("name", name);
    at.text("country", country);
    at.text("timezone", timezone);
    at.text("contact", contact);
    at.maybe("address", address.as_ref());
    at.maybe("dpo", dpo.as_ref());
    at.maybe("authority", authority.as_ref());
    at.maybe("security", security.as_ref());
}

fn outline_notice(at: &mut At, Notice { versions }: &Notice) {
    for NoticeVersion { version, language, text, material } in versions {
        let mut at = at.under("version");
        let mut at = at.under(&format!("{version}"));
        let mut at = at.under(language);
        at.text("text", text);
        at.yes("material", *material);
    }
}

fn outline_purpose(at: &mut At, purpose: &Purpose) {
    let Purpose {
        title,
        basis,
        channels,
        categories,
        notice,
        assessment,
        law,
        special_condition,
        explicit,
        double_opt_in,
        consent_expires,
        retention,
        marketing,
        profiling,
        linking,
        keeps_on_erasure,
        subjects,
    } = purpose;
    at.text("title", title);
    at.text("basis", words::basis(*basis));
    at.list("channels", channels);
    at.list("categories", categories);
    at.maybe("notice", notice.as_ref());
    at.maybe("assessment", assessment.as_ref());
    at.maybe("law", law.as_ref());
    at.maybe("special_condition", special_condition.as_ref());
    at.yes("explicit", *explicit);
    at.yes("double_opt_in", *double_opt_in);
    at.maybe("consent_expires", consent_expires.map(period_in_words));
    at.text("retention", &retention_in_words(*retention));
    at.yes("marketing", *marketing);
    at.yes("profiling", *profiling);
    at.yes("linking", *linking);
    at.maybe("keeps_on_erasure", keeps_on_erasure.as_ref());
    at.maybe("subjects", subjects.as_ref());
}

fn outline_identifier(at: &mut At, kind: &IdentifierKind) {
    let IdentifierKind { links, form, max_records, max_values, ignore, unless_differ } = kind;
    at.text("links", if *links { "yes" } else { "no" });
    at.text("form", words::form(*form));
    at.text("max_records", &max_records.to_string());
    at.maybe("max_values", max_values.map(|most| most.to_string()));
    at.list("ignore", ignore);
    at.list("unless_differ", unless_differ);
}

fn outline_profile(at: &mut At, profile: &ProfileRules) {
    let ProfileRules { winner, priority, attributes } = profile;
    at.text("winner", words::winner(*winner));
    at.list("priority", priority);
    for (attribute, winner) in attributes {
        at.under("attributes").text(attribute, words::winner(*winner));
    }
}

fn outline_source(at: &mut At, source: &Source) {
    let Source {
        title,
        format,
        webhook,
        items,
        only,
        delimiter,
        encoding,
        sheet,
        key,
        observed,
        dates,
        timezone,
        phone_country,
        own,
        indirect,
        purposes,
        fields,
        consents,
        events,
    } = source;
    at.text("title", title);
    at.maybe("format", format.map(words::format));
    if let Some(webhook) = webhook {
        outline_webhook(&mut at.under("webhook"), webhook);
    }
    at.maybe("items", items.as_ref());
    for (field, texts) in only {
        at.under("only").list(field, texts);
    }
    at.maybe("delimiter", delimiter.map(|byte| format!("{:?}", char::from(byte))));
    at.text("encoding", words::encoding(*encoding));
    at.maybe("sheet", sheet.as_ref());
    at.text("key", key);
    at.take("observed", observed.as_ref());
    at.list("dates", dates);
    at.maybe("timezone", timezone.as_ref());
    at.maybe("phone_country", phone_country.as_ref());
    at.yes("own", *own);
    at.yes("indirect", *indirect);
    at.list("purposes", purposes);
    for field in fields {
        outline_field(at, field);
    }
    for consent in consents {
        outline_consent(&mut at.under("consent"), consent);
    }
    for event in events {
        outline_event(&mut at.under("event"), event);
    }
}

fn outline_webhook(at: &mut At, webhook: &Webhook) {
    let Webhook { scheme, secret, tolerance } = webhook;
    at.text("scheme", scheme.word());
    at.text("secret", secret);
    if scheme.signs_time() {
        at.text("tolerance", &format!("{tolerance} seconds"));
    }
    if let Scheme::Hmac(Signed { header, timestamp, encoding, prefix }) = scheme {
        at.text("header", header);
        at.maybe("timestamp", timestamp.as_ref());
        at.text("encoding", words::digits(*encoding));
        at.maybe("prefix", (!prefix.is_empty()).then_some(prefix));
    }
}

/// A field stands under its name, a fixed one under its target.
fn outline_field(at: &mut At, field: &FieldMap) {
    let FieldMap { take, target, category, value_type, dates, verified } = field;
    let (mut at, name) = match take {
        Take::Field { from, .. } => (at.under("fields"), from.clone()),
        Take::Fixed(_) => (at.under("fixed"), words::target(target)),
    };
    let mut at = at.once(&path_key(&name));
    at.text("as", &words::target(target));
    match take {
        Take::Fixed(value) => at.text("value", value),
        Take::Field { from: _, values } if values.is_empty() => {}
        Take::Field { from: _, values } => at.text("values", &words::value_map(values)),
    }
    if *target != Target::Ignore {
        at.text("category", category);
        at.text("type", words::value_type(*value_type));
    }
    at.list("dates", dates);
    at.maybe("verified", verified.map(|verified| verified.to_string()));
}

/// A consent stands under its purpose and channel.
fn outline_consent(at: &mut At, consent: &ConsentMap) {
    let ConsentMap {
        purpose,
        channel,
        state,
        at: stated_at,
        notice,
        notice_version,
        language,
        method,
        confirmed_at,
        explicit,
    } = consent;
    let name = |take: &Take| match take {
        Take::Fixed(text) => path_key(text),
        Take::Field { from, .. } => format!("({from})"),
    };
    let mut at = match channel {
        Some(channel) => at.once(&format!("{}/{}", name(purpose), name(channel))),
        None => at.once(&name(purpose)),
    };
    at.take("purpose", Some(purpose));
    at.take("channel", channel.as_ref());
    at.take("state", Some(state));
    at.take("at", stated_at.as_ref());
    at.take("notice", notice.as_ref());
    at.take("notice_version", notice_version.as_ref());
    at.take("language", language.as_ref());
    at.take("method", method.as_ref());
    at.take("confirmed_at", confirmed_at.as_ref());
    at.yes("explicit", *explicit);
}

/// An event stands under its name.
fn outline_event(at: &mut At, event: &EventMap) {
    let EventMap {
        name,
        category,
        when,
        id,
        at: happened_at,
        grouped,
        amount,
        amount_unit,
        currency,
        properties,
        lines,
    } = event;
    let mut at = at.once(&path_key(name));
    at.text("category", category);
    for (field, text) in when {
        at.under("when").text(field, text);
    }
    at.take("id", id.as_ref());
    at.take("at", happened_at.as_ref());
    at.yes("grouped", *grouped);
    at.take("amount", amount.as_ref());
    if *amount_unit == AmountUnit::Major {
        at.under("amount").text("unit", "major");
    }
    at.maybe("currency", currency.as_ref());
    for (property, take) in properties {
        at.under("properties").take(property, Some(take));
    }
    for (property, take) in lines {
        at.under("lines").take(property, Some(take));
    }
}

fn outline_destination(at: &mut At, destination: &Destination) {
    let Destination {
        recipient,
        purpose,
        channel,
        fields,
        country,
        safeguards,
        contract,
        at_most,
        means,
        events,
        properties,
        rate,
        attempts,
        read_by,
    } = destination;
    at.text("recipient", recipient);
    at.text("purpose", purpose);
    at.maybe("channel", channel.as_ref());
    at.list("fields", fields);
    at.maybe("country", country.as_ref());
    at.maybe("safeguards", safeguards.as_ref());
    at.maybe("contract", contract.as_ref());
    at.maybe("at_most", at_most.map(limit_in_words));
    at.maybe("read_by", (*read_by == FileReader::Spreadsheet).then_some("spreadsheet"));
    outline_means(at, means);
    at.list("events", events);
    at.list("properties", properties);
    at.maybe("rate", rate.map(rate_in_words));
    at.maybe("attempts", (*attempts != ATTEMPTS).then(|| attempts.to_string()));
}

fn outline_means(at: &mut At, means: &Means) {
    match means {
        Means::File { format } => {
            at.maybe("format", (*format == FileFormat::Ndjson).then_some("ndjson"));
        }
        Means::Webhook { url, secret } => {
            at.text("kind", "webhook");
            at.text("url", url);
            at.text("secret", secret);
        }
        Means::Http { call, recall } => {
            at.text("kind", "http");
            outline_call(&mut at.under("http"), call);
            if let Some(recall) = recall {
                outline_call(&mut at.under("recall"), recall);
            }
        }
        Means::Smtp(smtp) => {
            at.text("kind", "smtp");
            outline_smtp(&mut at.under("smtp"), smtp);
        }
        Means::Postgres(postgres) => {
            at.text("kind", "postgres");
            outline_postgres(&mut at.under("postgres"), postgres);
        }
    }
}

fn outline_smtp(at: &mut At, smtp: &Smtp) {
    let Smtp { host, port, tls, from, reply_to, secret, language, texts } = smtp;
    at.text("host", host);
    at.text("port", &port.to_string());
    at.text("tls", tls_word(*tls));
    at.text("from", from);
    at.maybe("reply_to", reply_to.as_ref());
    at.maybe("secret", secret.as_ref());
    at.maybe("language", language.as_ref());
    for MailText { language, subject, text } in texts {
        let mut at = at.under("text");
        let mut at = at.under(language);
        at.text("subject", subject);
        at.text("text", text);
    }
}

fn outline_postgres(at: &mut At, postgres: &Postgres) {
    let Postgres { host, port, database, user, secret, tls, ca, schema, table, columns } = postgres;
    at.text("host", host);
    at.text("port", &port.to_string());
    at.text("database", database);
    at.text("user", user);
    at.maybe("secret", secret.as_ref());
    at.text("tls", tls.word());
    at.maybe("ca", ca.as_ref());
    at.text("table", &format!("{schema}.{table}"));
    for (holds, column) in columns {
        at.under("columns").text(holds, column);
    }
}

fn tls_word(tls: Tls) -> &'static str {
    match tls {
        Tls::Implicit => "implicit",
        Tls::Starttls => "starttls",
        Tls::None => "none",
    }
}

fn outline_pages(at: &mut At, pages: &Pages) {
    let Pages { url, source, confirm, confirm_within, link_lasts } = pages;
    at.text("url", url);
    at.text("source", source);
    at.maybe("confirm", confirm.as_ref());
    at.text("confirm_within", &period_in_words(*confirm_within));
    at.text("link_lasts", &period_in_words(*link_lasts));
}

fn outline_call(at: &mut At, Call { method, url, headers, body }: &Call) {
    at.text("method", method);
    at.text("url", url);
    for (name, value) in headers {
        at.under("headers").text(name, value);
    }
    at.maybe("body", body.as_ref());
}

/// The lines of an outline while it is written.
#[derive(Default)]
struct Lines {
    outline: Outline,
}

impl Lines {
    fn under(&mut self, name: &str) -> At<'_> {
        At { path: name.to_owned(), outline: &mut self.outline }
    }
}

/// A place in an outline.
struct At<'o> {
    path: String,
    outline: &'o mut Outline,
}

impl At<'_> {
    fn under(&mut self, name: &str) -> At<'_> {
        At { path: format!("{}.{}", self.path, path_key(name)), outline: self.outline }
    }

    /// A place that no other has: the second of a path is `PATH#2`.
    fn once(&mut self, name: &str) -> At<'_> {
        let free = |path: &String| {
            let below = format!("{path}.");
            let next = self.outline.range(below.clone()..).next();
            !next.is_some_and(|(taken, _)| taken.starts_with(&below))
        };
        let first = format!("{}.{name}", self.path);
        let others = (2..).map(|count| format!("{first}#{count}"));
        let path = std::iter::once(first.clone())
            .chain(others)
            .find(free)
            .expect("an endless count holds a number that is free");
        At { path, outline: self.outline }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.outline.insert(format!("{}.{}", self.path, path_key(key)), text.to_owned());
    }

    fn maybe(&mut self, key: &str, text: Option<impl AsRef<str>>) {
        if let Some(text) = text {
            self.text(key, text.as_ref());
        }
    }

    fn yes(&mut self, key: &str, holds: bool) {
        if holds {
            self.text(key, "yes");
        }
    }

    fn list(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.text(key, &words::list(texts));
        }
    }

    fn take(&mut self, key: &str, take: Option<&Take>) {
        self.maybe(key, take.map(words::take));
    }
}
