//! Templates of requests that go out: what they may name, and how each value is written into its place.
//!
//! A value comes from a person, so it is never trusted to be harmless where it stands: in JSON it is
//! written as the inside of a string, in an address and in a form percent-encoded, in a header it may hold
//! no end of a line, and in a mail it is one line of text. There is no way to say otherwise but `tojson`, which writes a whole JSON value;
//! nothing can be loaded, called or looked up beside the document that is handed in.

use std::collections::{BTreeMap, BTreeSet};

use md5::Md5;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::base::hex::hex;

/// The place that a template writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A JSON text: a value stands inside the quotes of a string, or is written by `tojson`.
    Json,
    /// An address, or a form: a value is percent-encoded.
    Url,
    /// A header: a value is visible ASCII.
    Header,
    /// The subject of a mail: one line, whatever a value holds.
    Line,
    /// The text of a mail: each value is one line of it.
    Text,
}

/// The names that a template asks for, such as `data.email`, `event.properties` or `secret.mailer`.
///
/// # Errors
/// What is wrong with its syntax, and in which line of it.
pub fn names(text: &str, place: Place) -> Result<BTreeSet<String>, String> {
    let mut environment = environment(place);
    environment.add_template("t", text).map_err(|error| fault(&error))?;
    let template = environment.get_template("t").map_err(|error| fault(&error))?;
    Ok(template.undeclared_variables(true).into_iter().collect())
}

/// Writes a template with the values of a document.
///
/// # Errors
/// What is wrong, without any value: an unknown name, a value that can't stand in its place.
pub fn render(text: &str, place: Place, document: &Json) -> Result<String, String> {
    let written = environment(place).render_str(text, value_of(document));
    written.map_err(|error| fault(&error))
}

/// The kind of fault alone: the engine's own words can quote data.
fn fault(error: &Error) -> String {
    let what = match error.kind() {
        ErrorKind::SyntaxError => "its syntax is wrong",
        ErrorKind::UndefinedError => "it asks for a name that isn't there",
        ErrorKind::UnknownFilter => {
            "it uses a filter that isn't there: tojson, lower, trim, digits, sha256 and md5 are"
        }
        ErrorKind::UnknownFunction | ErrorKind::UnknownMethod | ErrorKind::UnknownTest => {
            "it calls something that isn't there"
        }
        ErrorKind::TemplateNotFound => "it includes another template, and there is none",
        ErrorKind::BadEscape => {
            "a value can't stand there: a list or a table needs tojson, and a header takes visible \
             ASCII alone"
        }
        _ => "it can't be written",
    };
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what.to_owned(),
    }
}

fn environment(place: Place) -> Environment<'static> {
    // Empty: none of the engine's own filters, tests and functions, `safe` among them.
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
        .add_filter("tojson", |value: &Value| Value::from_safe_string(json_of(value).to_string()));
    environment.add_filter("lower", |text: &str| text.to_lowercase());
    environment.add_filter("trim", |text: &str| text.trim().to_owned());
    environment.add_filter("digits", |text: &str| {
        text.chars().filter(char::is_ascii_digit).collect::<String>()
    });
    // Nothing stays nothing: the digest of an empty text would look like somebody.
    environment.add_filter("sha256", |text: &str| match text {
        "" => String::new(),
        text => hex(&Sha256::digest(text)),
    });
    // Mailchimp's name of a member, and no protection.
    environment.add_filter("md5", |text: &str| match text {
        "" => String::new(),
        text => hex(&Md5::digest(text)),
    });
    environment.set_formatter(move |out, _, value| {
        let text = match value.kind() {
            ValueKind::String if value.is_safe() && place == Place::Json => value.to_string(),
            ValueKind::String => escaped(place, value.as_str().unwrap_or_default())?,
            ValueKind::Number | ValueKind::Bool => value.to_string(),
            ValueKind::Undefined => return Err(ErrorKind::UndefinedError.into()),
            _ => return Err(ErrorKind::BadEscape.into()),
        };
        out.write_str(&text).map_err(Error::from)
    });
    environment
}

fn escaped(place: Place, text: &str) -> Result<String, Error> {
    match place {
        Place::Json => {
            let quoted = Json::from(text).to_string();
            Ok(quoted[1..quoted.len() - 1].to_owned())
        }
        Place::Url => Ok(percent(text)),
        Place::Header if text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => {
            Ok(text.to_owned())
        }
        Place::Header => Err(ErrorKind::BadEscape.into()),
        Place::Line | Place::Text => Ok(one_line(text)),
    }
}

/// A text as one line that shows what it is: what would end a line or turn the writing round is a blank.
fn one_line(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}

/// Percent-encodes all but the unreserved characters of RFC 3986, section 2.3. A text that is nothing but
/// dots would be a step in a path, and no encoding hides it from who reads the address.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_step = matches!(text, "." | "..");
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'.' if is_step => out.push_str("%252E"),
            byte if plain(byte) => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value_of).collect(),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), value_of(value)));
            Value::from(members.collect::<BTreeMap<String, Value>>())
        }
    }
}

fn json_of(value: &Value) -> Json {
    match value.kind() {
        ValueKind::Bool => Json::from(value.is_true()),
        ValueKind::Number => match value.as_i64() {
            Some(whole) => Json::from(whole),
            None => f64::try_from(value.clone()).map_or(Json::Null, Json::from),
        },
        ValueKind::String => Json::from(value.as_str().unwrap_or_default()),
        ValueKind::Seq => {
            value.try_iter().map_or(Json::Null, |all| all.map(|item| json_of(&item)).collect())
        }
        ValueKind::Map => {
            let names: Vec<Value> = value.try_iter().map(Iterator::collect).unwrap_or_default();
            let member = |name: &Value| {
                let held = value.get_item(name).unwrap_or_default();
                (name.as_str().unwrap_or_default().to_owned(), json_of(&held))
            };
            Json::Object(names.iter().map(member).collect())
        }
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn person(name: &str) -> Json {
        json!({"data": {"name": name, "n": 3}, "event": {"properties": {"a": [1, "x\"y"]}}})
    }

    proptest! {
        /// Whatever a person is called, a JSON body says it and nothing else.
        #[test]
        fn a_value_in_json_is_that_value(name in any::<String>()) {
            let text = r#"{"a":"{{ data.name }}","b":{{ data.name|tojson }},"c":{{ data.n }}}"#;
            let written = render(text, Place::Json, &person(&name)).unwrap();
            let read: Json = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(read, json!({"a": name, "b": name, "c": 3}));
        }

        /// A value in an address is one segment, and comes back by decoding.
        #[test]
        fn a_value_in_an_address_is_one_segment(name in any::<String>()) {
            let written = render("{{ data.name }}", Place::Url, &person(&name)).unwrap();
            prop_assert!(written.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert!(!matches!(written.as_str(), "." | ".."));
        }

        /// In a mail a value is one line, in its subject as in its text, and says what it said.
        #[test]
        fn a_value_in_a_mail_is_one_line(name in any::<String>()) {
            for place in [Place::Line, Place::Text] {
                let written = render("{{ data.name }}!", place, &person(&name)).unwrap();
                prop_assert!(!written.contains(char::is_control), "{written:?}");
                prop_assert_eq!(written.chars().count(), name.chars().count() + 1);
            }
        }

        /// A header is one line.
        #[test]
        fn a_value_in_a_header_ends_no_line(name in any::<String>()) {
            if let Ok(written) = render("Bearer {{ data.name }}", Place::Header, &person(&name)) {
                prop_assert!(!written.contains(['\r', '\n']));
            }
        }
    }

    #[test]
    fn filters_do_what_vendors_ask_for() {
        let hashed = "{{ data.name|trim|lower|sha256 }}";
        let ann = render(hashed, Place::Json, &person(" Ann@Example.com ")).unwrap();
        let known = Sha256::digest("ann@example.com");
        assert_eq!(ann, known.iter().map(|b| format!("{b:02x}")).collect::<String>());
        assert_eq!(render(hashed, Place::Json, &person(" ")).unwrap(), "", "nobody's digest");
        // Mailchimp's example of a member's key.
        let member = "{{ data.name|lower|md5 }}";
        let urist =
            render(member, Place::Url, &person("Urist.McVankab@freddiesjokes.com")).unwrap();
        assert_eq!(urist, "62eeb292278cc15f5817cb78f7790b08");
        assert_eq!(render(member, Place::Url, &person("")).unwrap(), "", "nobody's key");
        let digits = render("{{ data.name|digits }}", Place::Json, &person("+353 86-123")).unwrap();
        assert_eq!(digits, "35386123");
        let all = render("{{ event.properties|tojson }}", Place::Json, &person("")).unwrap();
        assert_eq!(all, r#"{"a":[1,"x\"y"]}"#);
    }

    #[test]
    fn what_would_open_a_hole_is_refused() {
        for text in [
            "{{ data.name|safe }}",
            "{{ data }}",
            "{{ data.shoe }}",
            "{{ shoe }}",
            "{% include 'x' %}",
            "{{ range(3) }}",
            "{{ data.name",
        ] {
            let told = render(text, Place::Json, &person("ann")).unwrap_err();
            assert!(!told.contains("ann"), "{text}: {told}");
        }
        let off = "{% autoescape false %}{{ data.name }}{% endautoescape %}";
        assert_eq!(render(off, Place::Json, &person("\"")).unwrap(), "\\\"", "can't be turned off");
    }

    #[test]
    fn the_names_are_known_before_anybody_is_sent() {
        let text = "{% if data.name %}{{ data.name }}{% endif %}{{ secret.mailer }}";
        let found: Vec<String> = names(text, Place::Header).unwrap().into_iter().collect();
        assert_eq!(found, ["data.name", "secret.mailer"]);
        assert!(names("{{ data.name", Place::Json).is_err());
    }
}
