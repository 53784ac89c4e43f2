//! An item that a page without scripts sends as the query of a picture's address.

use serde_json::{Map, Value};

/// Members that a query can name, at most.
const PARAMETERS_MAX: usize = 200;

/// The JSON of an item whose members are the parameters of a query; a dot leads into an object, as in
/// `properties.path`. Returns it with the key of the source, which stands there too.
pub fn item_of_query(query: &str) -> (Option<String>, String) {
    let mut item = Map::new();
    let mut write_key = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()).take(PARAMETERS_MAX) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        match name.as_str() {
            "writeKey" => write_key = Some(value),
            _ => put(&mut item, &name, value),
        }
    }
    (write_key, Value::Object(item).to_string())
}

/// Puts a text where a path leads; what contradicts an earlier parameter is left out.
fn put(item: &mut Map<String, Value>, path: &str, text: String) {
    match path.split_once('.') {
        None => _ = item.entry(path).or_insert(Value::String(text)),
        Some((first, rest)) if !first.is_empty() && rest.split('.').count() < 8 => {
            let inner = item.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, text);
            }
        }
        Some(_) => {}
    }
}

/// A part of a query without its escapes; what isn't UTF-8 is replaced.
pub(crate) fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        match (first, after) {
            (b'%', [high, low, behind @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                let digit = |byte: u8| u8::try_from(hex(byte).unwrap_or(0)).unwrap_or(0);
                bytes.push(digit(*high) * 16 + digit(*low));
                rest = behind;
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
