//! An item that a page without scripts sends as the query of a picture's address.

use serde_json::{Map, Value};

use crate::collect::query::pairs;

/// Members that a query can name, at most.
const PARAMETERS_MAX: usize = 200;

/// The JSON of an item whose members are the parameters of a query; a dot leads into an object, as in
/// `properties.path`. Returns it with the key of the source, which stands there too.
pub fn item_of_query(query: &str) -> (Option<String>, String) {
    let mut item = Map::new();
    let mut write_key = None;
    for (name, value) in pairs(query).take(PARAMETERS_MAX) {
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
