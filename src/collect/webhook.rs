//! Bodies of webhooks become rows, each one JSON object with the paths that NDJSON has.
//!
//! A body is one object, or a list of them where the source says it stands, or a list by itself. A form
//! becomes an object too: `data[merges][FNAME]` is the path `data.merges.FNAME`. Everything here is pure;
//! who sent the body was found out before.

use super::object::{Object, Raw, Writing};
use super::query::pairs;
use super::sent::{ObjectReader, Read};
use super::{LINE_BYTES_MAX, ReadOptions};
use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::collect::map::Mapper;
use crate::policy::types::{Policy, Source};

/// Rows of one body.
pub const ROWS_MAX: usize = 2_500;

/// Fields of one form.
const FORM_FIELDS_MAX: usize = 1_000;

/// Why a body isn't taken at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It is no JSON.
    NotJson,
    /// It has no list where the source says that its rows stand.
    NoItems,
    /// It has more rows than one body may have.
    TooManyRows,
}

impl BodyFault {
    /// The stable name.
    pub fn code(self) -> &'static str {
        match self {
            BodyFault::NotJson => "invalid_json",
            BodyFault::NoItems => "items_missing",
            BodyFault::TooManyRows => "batch_too_large",
        }
    }

    /// In words; never with what the body says.
    pub fn words(self) -> &'static str {
        match self {
            BodyFault::NotJson => "the body is no JSON object and no list of them",
            BodyFault::NoItems => "the body has no list where the source's items should stand",
            BodyFault::TooManyRows => "a body has at most 2,500 items",
        }
    }
}

/// Why a row isn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// It is no JSON object.
    NotAnObject,
    /// It is longer than a row may be.
    TooLarge,
}

impl RowFault {
    /// The stable name.
    pub fn code(self) -> &'static str {
        match self {
            RowFault::NotAnObject => "not_an_object",
            RowFault::TooLarge => "item_too_large",
        }
    }

    /// In words; never with what the row says.
    pub fn words(self) -> &'static str {
        match self {
            RowFault::NotAnObject => "an item is a JSON object",
            RowFault::TooLarge => "an item has at most 1 MiB",
        }
    }
}

/// One row: the text of an object, or why it is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Row(Result<String, RowFault>);

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// As JSON.
    Json,
    /// As a form.
    Form,
}

/// The rows of a body, in their order. `items` is the path of their list, where the source names one.
///
/// # Errors
/// Where nothing of it can be taken. A row that can't be taken costs that row.
pub fn rows(body: &[u8], written: Written, items: Option<&str>) -> Result<Vec<Row>, BodyFault> {
    let text = std::str::from_utf8(body).map_err(|_| BodyFault::NotJson)?;
    if written == Written::Form {
        return Ok(vec![Row::of(Raw(&form(text)))]);
    }
    let whole = Raw::of(text.trim_start_matches('\u{feff}')).ok_or(BodyFault::NotJson)?;
    let all = match (items, whole.object(), whole.list()) {
        (Some(path), Some(object), _) => list_at(&object, path).ok_or(BodyFault::NoItems)?,
        (None, Some(_), _) => vec![whole],
        (_, None, Some(all)) => all,
        (_, None, None) => return Err(BodyFault::NotJson),
    };
    if all.len() > ROWS_MAX {
        return Err(BodyFault::TooManyRows);
    }
    Ok(all.into_iter().map(Row::of).collect())
}

fn list_at<'a>(object: &Object<'a>, path: &str) -> Option<Vec<Raw<'a>>> {
    match path.split_once('.') {
        None => object.get(path)?.list(),
        Some((first, rest)) => list_at(&object.object(first)?, rest),
    }
}

/// The object that a form's fields are; of a name that stands twice, the first.
fn form(text: &str) -> String {
    let mut object = Writing::new();
    let mut known = std::collections::BTreeSet::new();
    for (name, value) in pairs(text).take(FORM_FIELDS_MAX) {
        let name = name.replace("][", ".").replace('[', ".").replace(']', "");
        if !known.contains(&name) {
            object.text(&name, &value);
            known.insert(name);
        }
    }
    object.end()
}

impl Row {
    fn of(raw: Raw<'_>) -> Row {
        Row(match raw {
            Raw(text) if text.len() > LINE_BYTES_MAX => Err(RowFault::TooLarge),
            Raw(text) if text.starts_with('{') => Ok(text.to_owned()),
            Raw(_) => Err(RowFault::NotAnObject),
        })
    }
}

/// Makes records of the rows of one source.
pub struct Reader {
    objects: ObjectReader,
}

impl Reader {
    /// Resolves a source's map.
    ///
    /// # Errors
    /// Those that `policy check` also finds.
    pub fn new(policy: &Policy, source: &Source) -> Result<Reader> {
        let mapper = Mapper::new(source, &ReadOptions::of(policy, Moment(0)))?;
        Ok(Reader { objects: ObjectReader::new(mapper) })
    }

    /// Reads a row that arrived at `now` and is the so-manieth of its intake.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(&mut self, row: &Row, line: u64, now: Moment) -> Result<Read, RowFault> {
        let text = row.0.as_ref().map_err(|fault| *fault)?;
        Ok(self.objects.read(text, line, now, |_| ()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &str, items: Option<&str>) -> Result<Vec<Result<Value, RowFault>>, BodyFault> {
        let rows = rows(body.as_bytes(), Written::Json, items)?;
        Ok(rows.into_iter().map(|row| row.0.map(|t| serde_json::from_str(&t).unwrap())).collect())
    }

    #[test]
    fn a_body_is_an_object_or_a_list_where_it_is_said_to_be() {
        let one = Ok(json!({"a": 1}));
        assert_eq!(read(r#" {"a":1} "#, None), Ok(vec![one.clone()]));
        assert_eq!(read(r#"[{"a":1},{"a":2}]"#, None).unwrap().len(), 2);
        let nested = r#"{"a":9,"data":{"list":[{"a":1},7,null,[]]}}"#;
        let no = Err(RowFault::NotAnObject);
        let rows = vec![one.clone(), no.clone(), no.clone(), no];
        assert_eq!(read(nested, Some("data.list")), Ok(rows));
        assert_eq!(read(r#"[{"a":1}]"#, Some("data.list")), Ok(vec![one]));
        for (body, items, fault) in [
            ("", None, BodyFault::NotJson),
            ("7", None, BodyFault::NotJson),
            ("\"{}\"", None, BodyFault::NotJson),
            ("{\"a\":}", None, BodyFault::NotJson),
            ("{} {}", None, BodyFault::NotJson),
            ("{}", Some("data"), BodyFault::NoItems),
            ("{\"data\":{}}", Some("data"), BodyFault::NoItems),
            ("{\"data\":[]}", Some("data.list"), BodyFault::NoItems),
        ] {
            assert_eq!(read(body, items), Err(fault), "{body}");
        }
        assert_eq!(rows_of(b"\xff"), Err(BodyFault::NotJson));
        let many = format!("[{}]", vec!["{}"; ROWS_MAX + 1].join(","));
        assert_eq!(read(&many, None), Err(BodyFault::TooManyRows));
        let long = format!("[{{\"a\":\"{}\"}},{{}}]", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(read(&long, None), Ok(vec![Err(RowFault::TooLarge), Ok(json!({}))]));
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(300_000), "]".repeat(300_000));
        assert!(rows_of(deep.as_bytes()).is_ok());
    }

    fn rows_of(body: &[u8]) -> Result<Vec<Row>, BodyFault> {
        rows(body, Written::Json, None)
    }

    #[test]
    fn a_form_becomes_an_object_with_paths() {
        let text = "type=subscribe&fired_at=2009-03-26+21%3A35%3A57&data[merges][FNAME]=A%22b\
                    &data%5Bmerges%5D%5BLNAME%5D=%C3%A9&data[list][]=1&data[list][]=2&empty&=x&type=twice";
        let rows = rows(text.as_bytes(), Written::Form, None).unwrap();
        let object: Value = serde_json::from_str(rows[0].0.as_ref().unwrap()).unwrap();
        let said = json!({
            "type": "subscribe", "fired_at": "2009-03-26 21:35:57", "data.merges.FNAME": "A\"b",
            "data.merges.LNAME": "é", "data.list.": "1", "empty": "", "": "x",
        });
        assert_eq!(object, said);
    }

    proptest! {
        /// Whatever comes in, in whichever way: no panic, and a row is an object or says why not.
        #[test]
        fn anything_is_rows_or_a_fault(text in ".{0,200}", items in proptest::option::of("[a.]{0,4}")) {
            for written in [Written::Json, Written::Form] {
                let Ok(rows) = rows(text.as_bytes(), written, items.as_deref()) else { continue };
                for row in rows {
                    if let Ok(text) = row.0 {
                        prop_assert!(serde_json::from_str::<Value>(&text).unwrap().is_object());
                    }
                }
            }
        }
    }
}
