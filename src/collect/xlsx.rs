//! One sheet of a workbook, row by row, with the same rows as a text file has.
//!
//! Cells are read as a stream and kept as text, so that a sheet with one cell far out costs one
//! cell. Dates become ISO 8601, whole numbers lose the ".0" that a workbook stores.

use std::io::BufReader;
use std::sync::Arc;

use calamine::{DataRef, ExcelDateTime, Reader, SheetVisible, Xlsx};

use super::feed::{Feed, ROW_BYTES_MAX, Seekable};
use super::header::{Header, IGNORED};
use super::reject::RejectReason;
use super::row::{Kind, Plan, Row, in_text};
use super::rows::Step;
use crate::base::error::{Error, Result};

/// The rows and columns that a sheet of any spreadsheet program has at most.
const ROWS_MAX: u32 = 1 << 20;
const COLUMNS_MAX: u32 = 1 << 14;

/// The most text that a sheet may hold, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 27;

/// Whole numbers below this are exact in a cell (2^53).
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

struct CellText {
    row: u32,
    column: u32,
    start: u32,
    end: u32,
    kind: Kind,
}

/// Reads the rows of a sheet.
pub struct XlsxRows {
    text: String,
    cells: Vec<CellText>,
    body: usize,
    at: usize,
    header: Header,
    header_raw: Vec<u8>,
    /// Sheet column → place in the header.
    places: Vec<Option<u32>>,
    length: u64,
}

impl XlsxRows {
    /// Reads the named sheet, or the first that isn't hidden; its first row that isn't empty is the header.
    pub fn open(feed: Feed, sheet: Option<&str>, plan: &Plan, key: &str) -> Result<XlsxRows> {
        let length = feed.length();
        let (source, place) = feed.into_source()?;
        let (text, cells) = read_cells(source, sheet).map_err(|error| error.at(place.display()))?;
        let Some(first) = cells.first() else {
            return Err(Error::damaged("file-empty", "the sheet holds no header row")
                .at(place.display())
                .next("check the sheet's name"));
        };
        let body = cells.iter().position(|c| c.row != first.row).unwrap_or(cells.len());
        let heads = &cells[..body];
        let names: Vec<&str> =
            heads.iter().map(|c| &text[c.start as usize..c.end as usize]).collect();
        let header =
            Header::resolve(&names, plan, key).map_err(|error| error.at(place.display()))?;
        let mut places = vec![None; heads.last().map_or(0, |c| c.column as usize + 1)];
        for (at, cell) in heads.iter().enumerate() {
            places[cell.column as usize] = Some(at as u32);
        }
        let header_raw = as_csv(names.into_iter());
        Ok(XlsxRows { text, cells, body, at: body, header, header_raw, places, length })
    }

    /// Reads the next row that isn't empty into `row`.
    pub fn next(&mut self, row: &mut Row) -> Step {
        let Some(first) = self.cells.get(self.at) else { return Step::End };
        let number = first.row;
        let rest = &self.cells[self.at..];
        let cells = &rest[..rest.iter().position(|c| c.row != number).unwrap_or(rest.len())];
        self.at += cells.len();
        row.clear(self.header.slots());
        row.line = u64::from(number) + 1;
        row.raw.clear();
        let mut texts = vec![""; self.header.columns.len()];
        let mut beside = None;
        for cell in cells {
            let text = &self.text[cell.start as usize..cell.end as usize];
            if row.text.len() + text.len() > ROW_BYTES_MAX {
                return Step::Reject(RejectReason::TooLong);
            }
            let Some(place) = self.places.get(cell.column as usize).copied().flatten() else {
                beside.get_or_insert(cell.column as usize + 1);
                continue;
            };
            texts[place as usize] = text;
            let slot = self.header.columns[place as usize];
            if slot != IGNORED {
                let start = row.text.len();
                row.text.push_str(text);
                row.spans[slot as usize] = in_text(start, row.text.len(), cell.kind);
            }
        }
        if let Some(found) = beside {
            row.raw = as_csv(cells.iter().map(|c| &self.text[c.start as usize..c.end as usize]));
            return Step::Reject(RejectReason::FieldCount { expected: texts.len(), found });
        }
        row.raw = as_csv(texts.into_iter());
        if memchr::memchr(0, &row.raw).is_some() {
            return Step::Reject(RejectReason::NulCharacter);
        }
        self.header.count_unknown(row);
        Step::Row
    }

    /// The sheet's row after the last one that was read.
    pub fn next_line(&self) -> u64 {
        self.cells[..self.at].last().map_or(1, |cell| u64::from(cell.row) + 2)
    }

    /// The share of the cells that were read, in bytes of the file.
    pub fn passed(&self) -> u64 {
        let (at, all) = (self.at as u128, self.cells.len().max(1) as u128);
        (u128::from(self.length) * at / all) as u64
    }

    /// The header row, as CSV.
    pub fn header(&self) -> &[u8] {
        &self.header_raw
    }

    /// Columns that nobody asked for, with how many rows filled them.
    pub fn unknown(&self) -> impl Iterator<Item = (Arc<str>, u64)> + '_ {
        self.header.unknown.iter().filter(|(_, count)| *count > 0).cloned()
    }

    /// Goes back to the first row behind the header and forgets what was counted.
    pub fn rewind(&mut self) {
        self.header.forget();
        self.at = self.body;
    }

    /// Passes over the sheet's rows before `line`.
    pub fn skip_to(&mut self, line: u64) {
        while self.cells.get(self.at).is_some_and(|cell| u64::from(cell.row) + 1 < line) {
            self.at += 1;
        }
    }
}

/// The cells of a sheet that hold anything, row by row, and their texts.
fn read_cells(source: Box<dyn Seekable>, sheet: Option<&str>) -> Result<(String, Vec<CellText>)> {
    let damaged = || {
        Error::damaged("workbook-unreadable", "the workbook is damaged, locked or no .xlsx file")
            .next("open it in a spreadsheet program and save it again as .xlsx, or as .csv")
    };
    let unreadable = |_| damaged();
    let mut book = Xlsx::new(BufReader::new(source)).map_err(unreadable)?;
    let names = book.sheet_names();
    let mut sheets = book.sheets_metadata().iter();
    let visible = sheets.find(|sheet| sheet.visible == SheetVisible::Visible);
    let visible = visible.map(|sheet| sheet.name.clone());
    let name = match sheet {
        Some(wanted) => names.iter().find(|name| *name == wanted).ok_or_else(|| {
            Error::damaged("sheet-missing", format!("there is no sheet {wanted:?}"))
                .next(format!("use one of: {}", names.join(", ")))
        })?,
        // Whoever made the workbook doesn't see what is hidden, and means none of it.
        None => visible.as_ref().ok_or_else(|| {
            Error::damaged("sheet-missing", "the workbook has no sheet that can be seen")
                .next("name one with `sheet` in the policy, or check the export")
        })?,
    };
    let mut reader = book.worksheet_cells_reader(name).map_err(unreadable)?;
    let (mut text, mut cells) = (String::new(), Vec::<CellText>::new());
    while let Some(cell) = reader.next_cell().map_err(unreadable)? {
        let (row, column) = cell.get_position();
        if row >= ROWS_MAX || column >= COLUMNS_MAX {
            return Err(damaged());
        }
        let start = text.len();
        let kind = write_cell(cell.get_value(), &mut text);
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::damaged(
                "workbook-too-large",
                "the sheet holds more than 128 MiB of text",
            )
            .next("export it as CSV"));
        }
        if text.len() > start {
            cells.push(CellText { row, column, start: start as u32, end: text.len() as u32, kind });
        }
    }
    cells.sort_by_key(|cell| (cell.row, cell.column));
    cells.dedup_by_key(|cell| (cell.row, cell.column));
    Ok((text, cells))
}

/// Appends a cell's text. An error such as `#N/A` is what a text file of the same sheet has there: something
/// stood in the cell, and whoever reads it must not take it for empty.
fn write_cell(value: &DataRef<'_>, text: &mut String) -> Kind {
    use std::fmt::Write as _;
    match value {
        DataRef::String(value) => text.push_str(value),
        DataRef::SharedString(value) => text.push_str(value),
        DataRef::Empty => {}
        DataRef::Error(error) => {
            let _ = write!(text, "{error}");
        }
        DataRef::Int(value) => {
            let _ = write!(text, "{value}");
            return Kind::Bare;
        }
        // Beyond that a workbook has lost digits, and what is left is many numbers.
        DataRef::Float(value) if value.abs() >= EXACT_MAX => {
            let _ = write!(text, "{value:E}");
            let exponent = text.rfind('E').map_or(text.len(), |at| at + 1);
            text.insert(exponent, '+');
            return Kind::Bare;
        }
        DataRef::Float(value) => {
            let _ = write!(text, "{value}");
            return Kind::Bare;
        }
        DataRef::Bool(value) => {
            text.push_str(if *value { "true" } else { "false" });
            return Kind::Bare;
        }
        DataRef::DateTime(value) if value.is_datetime() => {
            text.push_str(&iso(value));
            return Kind::Iso;
        }
        DataRef::DateTime(value) => {
            let _ = write!(text, "{}", value.as_f64());
            return Kind::Bare;
        }
        DataRef::DateTimeIso(value) => {
            text.push_str(value);
            return Kind::Iso;
        }
        DataRef::DurationIso(value) => text.push_str(value),
    }
    Kind::Text
}

/// A date alone at midnight, else a local time.
fn iso(value: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, milli) = value.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    match (hour, minute, second, milli) {
        (0, 0, 0, 0) => date,
        (_, _, _, 0) => format!("{date}T{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}"),
    }
}

/// One CSV record, without a line's end.
fn as_csv<'a>(fields: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, field) in fields.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            out.push(b'"');
            out.extend_from_slice(field.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(field.as_bytes());
        }
    }
    out
}
