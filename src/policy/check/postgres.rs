//! `[destination.NAME.postgres]`: the database, the table, and which column holds what.

use std::collections::BTreeMap;

use rustls::pki_types::ServerName;

use super::means::{Gets, WHY_SAFE, check_secret};
use crate::policy::keys::{CHOSEN, POSTGRES};
use crate::policy::mistake::Report;
use crate::policy::nearest::suggest;
use crate::policy::postgres::{Encrypted, PORT, Postgres, authorities, parts};
use crate::policy::reader::Table;
use crate::policy::value::{Said, text_value};

const MODES: [(&str, Encrypted); 2] =
    [("verify-full", Encrypted::VerifyFull), ("none", Encrypted::None)];

/// What PostgreSQL cuts off from longer names, without a word (bytes).
const NAME_MAX: usize = 63;

/// Reads what a destination of the kind says of its table.
pub(super) fn read(report: &mut Report, destination: &Table, gets: Gets<'_>) -> Postgres {
    if destination.value("postgres").is_none() {
        report.mistake(
            (destination.line, &destination.at("postgres")),
            "key-missing",
            "\"postgres\" is missing",
            "a destination of this kind says in which table of which database its rows stand",
            format!("[{}] with host, database, user, table and secret", destination.at("postgres")),
        );
    }
    let Some(table) = destination.table(report, "postgres", &POSTGRES) else {
        return Postgres::default();
    };
    let host = table.needed(report, "host", WHY_SAFE, "\"db.ternandpine.example\"");
    let said = table.choice(report, "tls", "unknown-choice", WHY_SAFE, &MODES);
    let is_socket = host.as_ref().is_some_and(|host| host.value.starts_with('/'));
    let by_custom = if is_socket { Encrypted::None } else { Encrypted::VerifyFull };
    let tls = said.unwrap_or(by_custom);
    if let Some(host) = &host {
        check_host(report, (host.line, &table.at("host")), &host.value, tls);
    }
    let why = "it is where whoever keeps the database put the table";
    let database = table.needed(report, "database", why, "\"shop\"");
    let user = table.needed(report, "user", why, "\"candor\"");
    let secret = table.text(report, "secret");
    if let Some(Said { value, line }) = &secret {
        check_secret(report, (*line, &table.at("secret")), value);
    }
    let ca = table.text(report, "ca");
    if let Some(said) = &ca {
        check_ca(report, (said.line, &table.at("ca")), &said.value, tls);
    }
    let named = table.needed(report, "table", why, "\"letters.readers\"");
    let (schema, name) = match named {
        Some(said) => table_of(report, (said.line, &table.at("table")), &said.value),
        None => Default::default(),
    };
    let text = |said: Option<Said<String>>| said.map(|said| said.value);
    for (key, said) in [("database", &database), ("user", &user)] {
        if let Some(said) = said {
            check_name(report, (said.line, &table.at(key)), &said.value);
        }
    }
    Postgres {
        host: text(host).unwrap_or_default(),
        port: table.port(report, "port", PORT).unwrap_or(PORT),
        database: text(database).unwrap_or_default(),
        user: text(user).unwrap_or_default(),
        secret: text(secret),
        tls,
        ca: text(ca),
        schema,
        table: name,
        columns: columns(report, &table, gets),
    }
}

/// A server is named, or by the folder of its socket; without encryption it is this machine.
fn check_host(report: &mut Report, at: (u32, &str), host: &str, tls: Encrypted) {
    let is_fit = match tls {
        _ if host.starts_with('/') => {
            tls == Encrypted::None && host.len() <= 90 && !host.contains(char::is_control)
        }
        Encrypted::None => matches!(host, "localhost" | "127.0.0.1" | "::1"),
        Encrypted::VerifyFull => ServerName::try_from(host).is_ok(),
    };
    if is_fit {
        return;
    }
    report.mistake(
        at,
        "bad-host",
        "the database isn't named as a server that data reaches encrypted",
        WHY_SAFE,
        "host = \"db.ternandpine.example\", whose certificate bears this name; tls = \"none\" reaches this \
         machine alone (127.0.0.1), and so does host = \"/var/run/postgresql\", the folder of its socket",
    );
}

fn check_ca(report: &mut Report, at: (u32, &str), pem: &str, tls: Encrypted) {
    let is_fit = tls == Encrypted::VerifyFull && authorities(pem).is_some();
    if is_fit {
        return;
    }
    report.mistake(
        at,
        "bad-certificate",
        match tls {
            Encrypted::None => "nothing is encrypted, so no certificate is looked at",
            Encrypted::VerifyFull => "there is no certificate of an authority in it",
        },
        WHY_SAFE,
        "the certificate in PEM, from -----BEGIN CERTIFICATE----- on, between '''; or leave ca out, for \
         whoever the system trusts",
    );
}

/// Reads `schema.table`, or `table` for the schema that every database has.
fn table_of(report: &mut Report, at: (u32, &str), text: &str) -> (String, String) {
    let (schema, table) = text.split_once('.').unwrap_or(("public", text));
    let whole = [schema, table].iter().all(|name| is_name(name)) && !table.contains('.');
    if !whole {
        bad_name(report, at);
    }
    (schema.to_owned(), table.to_owned())
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && !name.contains(char::is_control)
}

fn check_name(report: &mut Report, at: (u32, &str), name: &str) {
    if !is_name(name) {
        bad_name(report, at);
    }
}

fn bad_name(report: &mut Report, at: (u32, &str)) {
    report.mistake(
        at,
        "bad-table",
        format!("this is no name that PostgreSQL keeps whole ({NAME_MAX} bytes at most)"),
        "PostgreSQL cuts longer names off without a word, and rows would go to another place",
        "\"schema.table\", or \"table\" alone for the schema public; names as they were given, without quotes",
    );
}

/// Reads which column holds what, and looks whether two would be one.
fn columns(report: &mut Report, table: &Table, gets: Gets<'_>) -> BTreeMap<String, String> {
    let parts = parts(gets.fields, gets.events, gets.properties);
    let mut columns = BTreeMap::new();
    let renamed = table.table(report, "columns", &CHOSEN);
    for entry in renamed.iter().flat_map(|table| table.entries()) {
        let at = (entry.line, table.at(&format!("columns.{}", entry.key)));
        if !parts.iter().any(|part| part.name() == entry.key) {
            let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
            report.mistake(
                (at.0, &at.1),
                "field-not-listed",
                format!("no row of the destination holds {:?}", entry.key),
                "it gets what is listed and nothing else (Art 5(1)(c))",
                suggest(entry.key, names.iter().copied(), "leave it out, or list it under fields"),
            );
            continue;
        }
        let Some(Said { value, line }) = text_value(report, &at.1, entry.value) else { continue };
        check_name(report, (line, &at.1), &value);
        columns.insert(entry.key.to_owned(), value);
    }
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for part in parts {
        let column = columns.get(part.name()).map_or(part.name(), String::as_str);
        if !columns.contains_key(part.name()) {
            check_name(report, (table.line, &table.at("columns")), column);
        }
        if let Some(other) = seen.insert(column, part.name()) {
            report.mistake(
                (table.line_of("columns"), &table.at("columns")),
                "column-twice",
                format!("{other:?} and {:?} would both be the column {column:?}", part.name()),
                "a row has one value in a column, and the other would be lost",
                format!(
                    "columns = {{ {} = \"{column}_2\" }}, or leave one of them out",
                    part.name()
                ),
            );
        }
    }
    columns
}
