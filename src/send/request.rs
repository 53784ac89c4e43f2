//! A message in the form that its destination takes: candor's own, signed, the recipient's, a mail, or a row.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::policy::template::{self, Place};
use crate::policy::types::{Call, Destination, Means};

use super::mail::{Mail, mail};
use super::message::Message;
use super::postgres::{Row, row};
use super::sign::{signature, signing_key};

/// Looks up the value of a secret by its name.
pub type Secrets<'s> = &'s dyn Fn(&str) -> Option<Zeroizing<String>>;

/// What goes out.
#[derive(Debug)]
pub enum Parcel {
    /// By HTTP.
    Request(Request),
    /// By a mail server.
    Mail(Mail),
    /// Into a table.
    Row(Row),
}

/// A request, ready to go. It holds personal data and secrets, so it prints nothing of itself.
pub struct Request {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, Zeroizing<String>)>,
    pub(super) body: Option<String>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request(…)")
    }
}

/// Why a message can't be put into its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsendable {
    /// The policy names a secret, and there is none of that name, or it isn't of the form that it must
    /// have.
    SecretMissing,
    /// A template can't be written for this person.
    Unwritable,
    /// The destination has no way to be told this.
    NoWay,
}

/// Puts a message into the form of its destination.
///
/// # Errors
/// See [`Unsendable`].
pub fn parcel(
    destination: &Destination,
    message: &Message,
    secrets: Secrets<'_>,
) -> Result<Parcel, Unsendable> {
    match &destination.means {
        Means::File { .. } => Err(Unsendable::NoWay),
        // What was mailed lies with whoever got it.
        Means::Smtp(_) if message.act.is_recall() => Err(Unsendable::NoWay),
        Means::Smtp(smtp) => mail(smtp, message, secrets).map(Parcel::Mail),
        Means::Postgres(postgres) => row(destination, postgres, message, secrets).map(Parcel::Row),
        Means::Webhook { url, secret } => {
            let secret = secrets(secret).ok_or(Unsendable::SecretMissing)?;
            let key = signing_key(&secret).ok_or(Unsendable::SecretMissing)?;
            let body = message.document().to_string();
            let seconds = message.at.0.div_euclid(1_000);
            let signed = signature(&key, &message.id, seconds, body.as_bytes());
            let header = |name: &str, value: String| (name.to_owned(), Zeroizing::new(value));
            Ok(Parcel::Request(Request {
                method: "POST".to_owned(),
                url: url.clone(),
                headers: vec![
                    header("content-type", "application/json".to_owned()),
                    header("webhook-id", message.id.clone()),
                    header("webhook-timestamp", seconds.to_string()),
                    header("webhook-signature", signed),
                ],
                body: Some(body),
            }))
        }
        Means::Http { call, .. } if !message.act.is_recall() => {
            written(call, message, secrets).map(Parcel::Request)
        }
        Means::Http { recall, .. } => {
            let call = recall.as_ref().ok_or(Unsendable::NoWay)?;
            written(call, message, secrets).map(Parcel::Request)
        }
    }
}

fn written(call: &Call, message: &Message, secrets: Secrets<'_>) -> Result<Request, Unsendable> {
    let document = message.document();
    let write = |text: &str, place| {
        template::render(text, place, &document).map_err(|_| Unsendable::Unwritable)
    };
    let mut headers = Vec::new();
    for (name, text) in &call.headers {
        headers.push((name.clone(), header(text, &document, secrets)?));
    }
    let is_typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if call.body.is_some() && !is_typed {
        let json = Zeroizing::new("application/json".to_owned());
        headers.push(("content-type".to_owned(), json));
    }
    if !names_somebody(call, message) {
        return Err(Unsendable::Unwritable);
    }
    let place = if call.is_form() { Place::Url } else { Place::Json };
    let body = call.body.as_ref().map(|text| write(text, place)).transpose()?;
    let is_whole = |body: &String| serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
    if place == Place::Json && !body.as_ref().is_none_or(is_whole) {
        return Err(Unsendable::Unwritable);
    }
    Ok(Request { method: call.method.clone(), url: write(&call.url, Place::Url)?, headers, body })
}

/// Whether a request names somebody: an address in which a field is empty is that of all (`DELETE
/// /contacts/`), and what takes something back must say of whom, by the first field.
fn names_somebody(call: &Call, message: &Message) -> bool {
    let Ok(in_url) = template::names(&call.url, Place::Url) else { return false };
    let empty = |name: &String| {
        let field = name.strip_prefix("data.").unwrap_or_default();
        field != "id" && message.fields.iter().any(|(held, text)| held == field && text.is_empty())
    };
    let is_nobody =
        message.act.is_recall() && message.fields.first().is_some_and(|(_, text)| text.is_empty());
    !in_url.iter().any(empty) && !is_nobody
}

/// Writes a header, with the secrets that it names.
fn header(
    text: &str,
    document: &Value,
    secrets: Secrets<'_>,
) -> Result<Zeroizing<String>, Unsendable> {
    let names = template::names(text, Place::Header).map_err(|_| Unsendable::Unwritable)?;
    let mut named = Map::new();
    for name in names.iter().filter_map(|name| name.strip_prefix("secret.")) {
        let value = secrets(name).ok_or(Unsendable::SecretMissing)?;
        named.insert(name.to_owned(), Value::from(value.trim()));
    }
    let mut document = document.clone();
    document["secret"] = Value::Object(named);
    let written = template::render(text, Place::Header, &document);
    written.map(Zeroizing::new).map_err(|_| Unsendable::Unwritable)
}

/// What a call's templates name.
fn names_of(call: &Call) -> BTreeSet<String> {
    let headers = call.headers.values().map(|text| (text, Place::Header));
    let texts = headers.chain([(&call.url, Place::Url)]);
    let texts = texts.chain(call.body.iter().map(|text| (text, Place::Json)));
    texts.filter_map(|(text, place)| template::names(text, place).ok()).flatten().collect()
}

/// The other purposes of which a call tells whether they are permitted.
pub fn purposes_of(call: &Call) -> Vec<String> {
    let names = names_of(call).into_iter();
    names.filter_map(|name| name.strip_prefix("permitted.").map(str::to_owned)).collect()
}

/// The fields that a call's templates ask for, in the destination's order; all of them where one asks for
/// the whole of `data`.
pub fn fields_of(call: &Call, fields: &[String]) -> Vec<String> {
    let names = names_of(call);
    let is_asked =
        |field: &&String| names.contains("data") || names.contains(&format!("data.{field}"));
    fields.iter().filter(is_asked).cloned().collect()
}
