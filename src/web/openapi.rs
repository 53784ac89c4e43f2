//! `/openapi.json`: what can be asked and what is answered, for programs.
//!
//! `openapi.json` beside this file says it, route by route. Its paths are those of the one table (`route`), and of
//! errors it names the codes: which of them share a status, and what else goes with one, is added here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::collect::tracking::Call;

use super::route::{PATHS, Route};

/// What is said by hand.
const SAID: &str = include_str!("openapi.json");

/// The document, as text.
pub(super) fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    &TEXT
}

/// Under which name a route is described: those of items alike, and those of pages.
fn described(route: Route) -> &'static str {
    match route {
        Route::Track(Call::One(_)) => "item",
        Route::Pixel(_) => "pixel",
        Route::Person(_) => "person",
        route => route.name(),
    }
}

fn document() -> Value {
    let mut said: Value = serde_json::from_str(SAID).expect("the description is JSON");
    let mut paths = Map::new();
    for (route, own) in PATHS {
        let mut operations = said["routes"][described(route)].clone();
        for (_, operation) in operations.as_object_mut().into_iter().flatten() {
            complete(operation, &said);
        }
        let [first, aliases @ ..] = own else { continue };
        let parts = first.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let named = parts.map(|part| json!({"$ref": format!("#/components/parameters/{part}")}));
        operations["parameters"] = named.collect();
        let same = json!({"$ref": format!("#/paths/{}", first.replace('/', "~1"))});
        paths.extend(aliases.iter().map(|alias| ((*alias).to_owned(), same.clone())));
        paths.insert((*first).to_owned(), operations);
    }
    let mut info = said["info"].take();
    info["version"] = env!("CARGO_PKG_VERSION").into();
    json!({
        "openapi": "3.1.0", "info": info, "tags": said["tags"], "paths": paths,
        "components": said["components"],
    })
}

/// Makes answers of the codes of errors that an operation names: one for each status.
fn complete(operation: &mut Value, said: &Value) {
    let mut take = |name| operation.as_object_mut().and_then(|own| own.remove(name));
    let (named, schema) = (take("errors").unwrap_or_default(), take("errorSchema"));
    let mut by_status: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for code in codes(&named, said) {
        let status = said["errors"][code][0].as_u64().expect("each code has a status");
        by_status.entry(status).or_default().push(code);
    }
    for (status, codes) in by_status {
        let words = |code: &&str| format!("`{code}`: {}", text_of(&said["errors"][code][1]));
        let own = || {
            json!({
                "allOf": [{"$ref": "#/components/schemas/Error"}],
                "properties": {"code": {"enum": codes}},
            })
        };
        let mut answer = json!({
            "description": codes.iter().map(words).collect::<Vec<_>>().join(" "),
            "content": {"application/json": {"schema": schema.clone().unwrap_or_else(own)}},
        });
        let header = match status {
            401 if codes.contains(&"invalid_token") => Some(("WWW-Authenticate", "Challenge")),
            429 | 503 => Some(("Retry-After", "RetryAfter")),
            _ => None,
        };
        if let Some((name, component)) = header {
            answer["headers"][name] = json!({"$ref": format!("#/components/headers/{component}")});
        }
        operation["responses"][status.to_string()] = answer;
    }
}

/// The codes that a list names, by themselves or as a group, each once and in their order.
fn codes<'a>(named: &'a Value, said: &'a Value) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for name in named.as_array().into_iter().flatten().map(text_of) {
        match name.starts_with('@') {
            true => found.extend(codes(&said["groups"][name], said)),
            false => _ = found.insert(name),
        }
    }
    found
}

fn text_of(value: &Value) -> &str {
    value.as_str().expect("the description has a text here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tracking::{BATCH_ITEMS_MAX, BODY_BYTES_MAX};

    fn said() -> Value {
        serde_json::from_str(SAID).unwrap()
    }

    #[test]
    fn every_route_is_described_with_its_methods_and_nothing_else_is() {
        let (said, mut used) = (said(), BTreeSet::new());
        for (route, paths) in PATHS {
            let own = said["routes"][described(route)].as_object();
            let own = own.unwrap_or_else(|| panic!("{paths:?} isn't described"));
            let methods: Vec<String> = own.keys().map(|method| method.to_uppercase()).collect();
            assert_eq!(methods.join(", "), route.methods(), "{paths:?}");
            used.insert(described(route));
        }
        let described: BTreeSet<&str> =
            said["routes"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(described, used);
        let document = document();
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths.len(), PATHS.iter().map(|(_, paths)| paths.len()).sum::<usize>());
        for path in paths {
            assert!(Route::of(path).is_some(), "{path}");
        }
    }

    /// Each reference leads somewhere, and nothing lies about.
    #[test]
    fn what_is_referred_to_is_there_and_what_is_there_is_referred_to() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    members.values().for_each(|member| references(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
        for (kind, components) in document["components"].as_object().unwrap() {
            for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes")
            {
                assert!(found.contains(&format!("#/components/{kind}/{name}")), "{kind}/{name}");
            }
        }
    }

    /// The errors that a piece of code answers: status and code, where they stand together.
    fn answered(code: &str) -> BTreeSet<(u64, String)> {
        let quoted: Vec<&str> = code.split('"').collect();
        let pairs = quoted.windows(2).step_by(2).filter_map(|pair| {
            let (before, text) = (pair[0].rsplit('(').next()?, pair[1]);
            let status = match pair[0].trim_end().ends_with("Unclear(") {
                true => 400,
                false => before.split(',').next()?.trim().parse().ok()?,
            };
            (status >= 400).then(|| (status, text.to_owned()))
        });
        pairs.collect()
    }

    #[test]
    fn every_error_that_is_answered_is_described_and_no_other() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        let (said, mut code) = (said(), String::new());
        for file in ["ask", "body", "decide", "edge", "hook", "stream", "pages/clerk"] {
            let text = read(&format!("web/{file}.rs"));
            code += text.split("#[cfg(test)]").next().unwrap();
        }
        let found = answered(&code);
        assert!(found.len() > 20, "{found:?}");
        for (status, code) in found.into_iter().filter(|(_, code)| code != "method_not_allowed") {
            assert_eq!(said["errors"][&code][0], status, "{code}");
        }
        code += &(read("collect/tracking/mod.rs") + &read("collect/webhook.rs"));
        for known in said["errors"].as_object().unwrap().keys() {
            assert!(code.contains(&format!("\"{known}\"")), "{known} is never answered");
        }
    }

    /// What was looked at: each path with its methods, statuses and codes.
    #[test]
    fn the_document_is_as_it_was_looked_at() {
        let document = document();
        let mut lines = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            if let Some(same) = operations.get("$ref") {
                lines.push(format!("{path} as {}", same.as_str().unwrap().replace("~1", "/")));
            }
            for method in ["get", "head", "post"] {
                let Some(operation) = operations.get(method) else { continue };
                lines.push(format!("{path} {method}"));
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    let schema = answer.pointer("/content/application~1json/schema");
                    let codes = schema.and_then(|schema| schema.pointer("/properties/code/enum"));
                    let codes = codes.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                    let codes: Vec<&str> = codes.iter().filter_map(Value::as_str).collect();
                    lines.push(format!("  {status} {}", codes.join(" ")).trim_end().to_owned());
                }
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn limits_are_those_of_the_code() {
        let document = document();
        let at = |pointer: &str| document.pointer(pointer).unwrap().as_u64().unwrap();
        let most = at("/components/schemas/Batch/properties/batch/maxItems");
        assert_eq!(usize::try_from(most).unwrap(), BATCH_ITEMS_MAX);
        assert_eq!(BODY_BYTES_MAX, 4_000 * 1024);
        assert!(said()["info"]["description"].as_str().unwrap().contains("4,000 KiB"));
    }
}
