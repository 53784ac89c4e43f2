//! Any CSV file of people becomes a table: columns are recognised by name, however it is spelled, or by a
//! map.
//!
//! Every row must have an id of its own and be readable, because the answer names each record: a
//! file that isn't whole is refused with the line, rather than answered in part.

use std::collections::BTreeMap;
use std::path::Path;

use super::field::{FULL_NAME_COLUMNS, Field};
use super::normalise::{Raw, normalise};
use super::table::{Column, Table};
use super::turned::put_names_right;
use crate::base::error::{Error, Result};
use crate::collect::{Feed, Plan, Row, Rows, Step, format_of};
use crate::policy::types::{Encoding, Source};

/// The column of the records' ids.
const RECORD_ID: &str = "record_id";

/// What a whole name is called in a map.
const FULL_NAME: &str = "full_name";

/// How to read a file.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Columns that have names of their own: column, and the field or column name it stands for.
    pub map: Vec<(String, String)>,
    /// The column whose equal values are never linked, such as the source.
    pub across: Option<String>,
    /// The ISO country of national telephone numbers.
    pub country: Option<String>,
}

/// The records of a file.
#[derive(Debug)]
pub struct Records {
    /// What is compared.
    pub table: Table,
    /// The columns that were recognised, with what they stand for.
    pub used: Vec<(String, &'static str)>,
    /// The columns with content that were not.
    pub unused: Vec<String>,
    ids: Column,
    /// Record → its id; the records stand in the order of their ids.
    ids_of: Vec<u32>,
}

impl Records {
    /// A record's id, as the file has it.
    pub fn id(&self, record: u32) -> &str {
        self.ids.text(self.ids_of[record as usize])
    }
}

/// What a column stands for.
#[derive(Clone, Copy)]
enum Meaning {
    Id,
    FullName,
    Field(Field),
}

impl Meaning {
    fn named(name: &str) -> Option<Meaning> {
        match name {
            RECORD_ID => Some(Meaning::Id),
            name if FULL_NAME_COLUMNS.contains(&name) => Some(Meaning::FullName),
            name => Field::named(name).map(Meaning::Field),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Meaning::Id => RECORD_ID,
            Meaning::FullName => FULL_NAME,
            Meaning::Field(field) => field.about().name,
        }
    }
}

/// Reads a CSV file, a workbook or NDJSON. Errors name file and line, and never what stands there.
pub fn read(path: &Path, request: &Request) -> Result<Records> {
    let (mut plan, columns) = columns(request)?;
    plan.forgive_spelling();
    let id = columns.iter().rev().find(|column| matches!(column.meaning, Meaning::Id));
    let id = id.expect("record_id is always among the columns");
    let across = request.across.as_deref().map(|name| (name, plan.want(name)));
    let source = source(&id.name);
    let mut rows = Rows::open(Feed::open(path)?, format_of(path)?, &source, &plan)
        .map_err(without_id(path, &id.name))?;
    let (mut ids, mut table, mut row) = (Column::default(), Table::default(), Row::new());
    let mut used = Vec::new();
    loop {
        match rows.next(&mut row)? {
            Step::End => break,
            Step::Row => {}
            Step::Reject(reason) => {
                return Err(Error::damaged(
                    "row-unreadable",
                    format!("the row can't be read: {reason}"),
                )
                .at(at(path, row.line))
                .next("mend the row; every record has to be in the answer"));
            }
        }
        if table.is_empty() {
            used = recognised(path, &row, &columns, across)?;
        }
        let key = row.get(id.slot).unwrap_or_default().trim();
        if key.is_empty() {
            return Err(Error::damaged("record-id-empty", "the row has no record id")
                .at(at(path, row.line))
                .next("give every row an id of its own"));
        }
        let known = ids.len();
        ids.push(key);
        if ids.len() == known {
            return Err(Error::damaged(
                "record-id-twice",
                "another row above has the same record id",
            )
            .at(at(path, row.line))
            .next("give every row an id of its own"));
        }
        let raw = raw(&row, &columns);
        let group = across.and_then(|(_, slot)| row.get(slot)).unwrap_or_default().trim();
        table.push(&normalise(&raw, request.country.as_deref()), group);
    }
    put_names_right(&mut table);
    table.finish();
    ids.finish();
    // In the order of their ids, so that the order of the file changes nothing.
    let mut ids_of: Vec<u32> = (0..table.len()).collect();
    ids_of.sort_unstable_by(|a, b| ids.text(*a).cmp(ids.text(*b)));
    table.reorder(&ids_of);
    let is_across = |name: &str| request.across.as_deref() == Some(name);
    let unused = rows.unknown().into_iter().map(|(name, _)| name.to_string());
    Ok(Records {
        table,
        used,
        unused: unused.filter(|name| !is_across(name)).collect(),
        ids,
        ids_of,
    })
}

struct ColumnOf {
    name: String,
    slot: usize,
    meaning: Meaning,
}

/// Every column that would be recognised: those of the map, then those known by name.
fn columns(request: &Request) -> Result<(Plan, Vec<ColumnOf>)> {
    let mut plan = Plan::default();
    let mut columns: Vec<ColumnOf> = Vec::new();
    let known = std::iter::once(RECORD_ID)
        .chain(FULL_NAME_COLUMNS)
        .chain(Field::ALL.iter().flat_map(|field| field.about().columns.iter().copied()));
    for name in known {
        if request.map.iter().all(|(column, _)| column != name) {
            let meaning = Meaning::named(name).expect("every known name means something");
            columns.push(ColumnOf { name: name.to_owned(), slot: plan.want(name), meaning });
        }
    }
    for (name, stands_for) in &request.map {
        let meaning = Meaning::named(stands_for).ok_or_else(|| {
            let fields: Vec<&str> = Field::ALL
                .iter()
                .filter(|field| **field != Field::Order)
                .map(|field| field.about().name)
                .collect();
            Error::usage("field-unknown", format!("there is no field {stands_for:?}")).next(
                format!("map a column to one of: {RECORD_ID}, {FULL_NAME}, {}", fields.join(", ")),
            )
        })?;
        columns.push(ColumnOf { name: name.clone(), slot: plan.want(name), meaning });
    }
    Ok((plan, columns))
}

/// The columns that the file has, by its first row.
fn recognised(
    path: &Path,
    row: &Row,
    columns: &[ColumnOf],
    across: Option<(&str, usize)>,
) -> Result<Vec<(String, &'static str)>> {
    let has = |slot: usize| row.get(slot).is_some();
    let missing = |name: &str, next: &str| {
        Error::damaged("column-missing", format!("there is no column {name:?}"))
            .at(path.display())
            .next(next)
    };
    if let Some((name, slot)) = across
        && !has(slot)
    {
        return Err(missing(name, "name a column of the file after --across"));
    }
    let used: Vec<(String, &'static str)> = columns
        .iter()
        .filter(|column| has(column.slot))
        .map(|column| (column.name.clone(), column.meaning.name()))
        .collect();
    if used.iter().all(|(_, meaning)| *meaning == RECORD_ID) {
        return Err(Error::damaged("columns-unknown", "no column is known by its name")
            .at(path.display())
            .next("say what the columns are, such as --map nachname=family --map vorname=given"));
    }
    Ok(used)
}

/// The texts of a row by field; where several columns stand for one field, the first that is filled.
fn raw<'row>(row: &'row Row, columns: &[ColumnOf]) -> Raw<'row> {
    let mut raw = Raw::default();
    for column in columns {
        let Some(text) = row.get(column.slot) else { continue };
        let place = match column.meaning {
            Meaning::Id => continue,
            Meaning::FullName => &mut raw.full_name,
            Meaning::Field(field) => &mut raw.texts[field as usize],
        };
        if place.is_empty() {
            *place = text.trim();
        }
    }
    raw
}

fn at(path: &Path, line: u64) -> String {
    format!("{}:{line}", path.display())
}

fn without_id(path: &Path, name: &str) -> impl Fn(Error) -> Error {
    let (place, name) = (path.display().to_string(), name.to_owned());
    move |mut error| {
        if error.code == "key-column-missing" {
            error.what = error.what.replace("the source's key", "the records' ids");
            error.next = format!(
                "name the column of the ids {RECORD_ID}, or map it: --map COLUMN={RECORD_ID}"
            );
            if name != RECORD_ID {
                error.next = "check the name in --map".into();
            }
        }
        if error.place.is_empty() {
            error.place.clone_from(&place);
        }
        error
    }
}

/// A source that only says where the id is.
fn source(key: &str) -> Source {
    Source {
        title: String::new(),
        format: None,
        webhook: None,
        items: None,
        only: BTreeMap::new(),
        delimiter: None,
        encoding: Encoding::Detect,
        sheet: None,
        key: key.to_owned(),
        observed: None,
        dates: Vec::new(),
        timezone: None,
        phone_country: None,
        own: false,
        indirect: false,
        purposes: Vec::new(),
        fields: Vec::new(),
        consents: Vec::new(),
        events: Vec::new(),
    }
}
