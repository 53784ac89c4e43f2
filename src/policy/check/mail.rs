//! `[destination.NAME.smtp]`: the mail server, the sender, and what is written in each language.

use std::collections::BTreeSet;

use lettre::message::Mailbox;

use super::means::{Gets, Links, WHY_SAFE, check_secret, check_template};
use crate::policy::keys::{MAIL_TEXT, SMTP};
use crate::policy::mail::{MailText, Smtp, Tls};
use crate::policy::mistake::Report;
use crate::policy::reader::Table;
use crate::policy::template::{self, Place};
use crate::policy::value::Said;

const MODES: [(&str, Tls); 3] =
    [("implicit", Tls::Implicit), ("starttls", Tls::Starttls), ("none", Tls::None)];

/// The ports by custom (RFC 8314, RFC 6409).
const fn port_of(tls: Tls) -> u16 {
    match tls {
        Tls::Implicit => 465,
        Tls::Starttls => 587,
        Tls::None => 25,
    }
}

/// Reads what a destination of the kind says of its mails.
pub(super) fn read(report: &mut Report, destination: &Table, gets: Gets<'_>) -> Smtp {
    let nothing = || Smtp {
        host: String::new(),
        port: 0,
        tls: Tls::Implicit,
        from: String::new(),
        reply_to: None,
        secret: None,
        language: None,
        texts: Vec::new(),
    };
    if destination.value("smtp").is_none() {
        report.mistake(
            (destination.line, &destination.at("smtp")),
            "key-missing",
            "\"smtp\" is missing",
            "a destination of this kind says which server takes its mails, and what they say",
            format!("[{}] with host, from, and a text for each language", destination.at("smtp")),
        );
    }
    let Some(table) = destination.table(report, "smtp", &SMTP) else { return nothing() };
    let host = table.needed(report, "host", WHY_SAFE, "\"smtp.mailer.example\"");
    let tls = table.choice(report, "tls", "unknown-choice", WHY_SAFE, &MODES);
    let tls = tls.unwrap_or(Tls::Implicit);
    if let Some(host) = &host {
        check_host(report, (host.line, &table.at("host")), &host.value, tls);
    }
    let port = table.port(report, "port", port_of(tls));
    let from = table.needed(
        report,
        "from",
        "people see who writes to them (ePrivacy Directive Art 13(4))",
        "\"Tern & Pine <post@ternandpine.example>\"",
    );
    let reply_to = table.text(report, "reply_to");
    for (key, said) in [("from", &from), ("reply_to", &reply_to)] {
        if let Some(said) = said {
            check_mailbox(report, (said.line, &table.at(key)), said, key);
        }
    }
    let secret = table.text(report, "secret");
    if let Some(Said { value, line }) = &secret {
        check_secret(report, (*line, &table.at("secret")), value);
    }
    let language = table.text(report, "language");
    if let Some(said) = language.as_ref().filter(|said| !gets.fields.contains(&said.value)) {
        report.mistake(
            (said.line, &table.at("language")),
            "field-not-listed",
            format!("the destination's fields don't list {:?}", said.value),
            "it gets what is listed and nothing else (Art 5(1)(c))",
            format!("add {:?} to its fields, or leave language out", said.value),
        );
    }
    let text = |said: Option<Said<String>>| said.map(|said| said.value);
    Smtp {
        host: text(host).unwrap_or_default(),
        port: port.unwrap_or(port_of(tls)),
        tls,
        from: text(from).unwrap_or_default(),
        reply_to: text(reply_to),
        secret: text(secret),
        language: text(language),
        texts: texts(report, &table, gets),
    }
}

fn texts(report: &mut Report, table: &Table, gets: Gets<'_>) -> Vec<MailText> {
    let why = "people are written to in a language that they understand (Art 12(1))";
    let all = table.tables(report, "text", &MAIL_TEXT);
    if all.is_empty() {
        report.mistake(
            (table.line_of("text"), &table.at("text")),
            "mail-without-text",
            "nothing says what a mail is to say",
            why,
            format!("[[{}]]\nlanguage = \"en\"\nsubject = \"…\"\ntext = \"…\"", table.at("text")),
        );
    }
    let (mut texts, mut seen): (Vec<MailText>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    for one in all {
        let language = one.needed(report, "language", why, "\"en\"");
        let why = "what is written is written for every person";
        let subject = one.needed(report, "subject", why, "\"Our news\"");
        let text = one.needed(report, "text", why, "\"Good morning\"");
        for (key, said, place) in [("subject", &subject, Place::Line), ("text", &text, Place::Text)]
        {
            if let Some(said) = said {
                check_template(report, (said.line, &one.at(key)), &said.value, place, gets);
            }
        }
        let (Some(language), Some(subject), Some(text)) = (language, subject, text) else {
            continue;
        };
        if subject.value.contains(['\n', '\r']) {
            report.mistake(
                (subject.line, &one.at("subject")),
                "bad-template",
                "the subject has several lines",
                "a subject is one line",
                "subject = \"Our news\"",
            );
        }
        if !seen.insert(language.value.to_ascii_lowercase()) {
            report.mistake(
                (language.line, &one.at("language")),
                "listed-twice",
                format!("there are two texts in {:?}", language.value),
                "which of them a person would get isn't said",
                "leave one of them out",
            );
        }
        let names = template::names(&text.value, Place::Text).unwrap_or_default();
        if gets.links == Links::Confirm && !names.contains("links.confirm") {
            report.mistake(
                (text.line, &one.at("text")),
                "confirm-link-missing",
                "the text has no link to confirm by",
                "a mail that asks for a confirmation and gives no way to it asks for nothing",
                "{{ links.confirm }}",
            );
        }
        texts.push(MailText { language: language.value, subject: subject.value, text: text.value });
    }
    texts
}

/// A server is named, and reached without encryption on this machine alone.
fn check_host(report: &mut Report, at: (u32, &str), host: &str, tls: Tls) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:".contains(&b);
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "::1");
    if host.bytes().all(plain) && host.len() <= 253 && (tls != Tls::None || is_here) {
        return;
    }
    report.mistake(
        at,
        "bad-host",
        "the mail server isn't named as a host that mails reach encrypted",
        WHY_SAFE,
        "host = \"smtp.mailer.example\", with tls = \"implicit\" or \"starttls\"; tls = \"none\" reaches this \
         machine alone (127.0.0.1)",
    );
}

fn check_mailbox(report: &mut Report, at: (u32, &str), said: &Said<String>, key: &str) {
    if said.value.parse::<Mailbox>().is_ok() && !said.value.contains(char::is_control) {
        return;
    }
    report.mistake(
        at,
        "bad-mailbox",
        "this is no sender that a mail can bear",
        "a mail server takes an address, with a name before it in plain words",
        format!("{key} = \"Tern & Pine <post@ternandpine.example>\""),
    );
}
