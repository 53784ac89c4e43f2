//! The rows of a file, whatever its format.

use std::path::Path;
use std::sync::Arc;

use super::csv::CsvRows;
use super::encoding::settle;
use super::feed::Feed;
use super::ndjson::NdjsonRows;
use super::reject::RejectReason;
use super::row::{Plan, Row};
use super::xlsx::XlsxRows;
use crate::base::error::{Error, Result};
use crate::policy::types::{Format, Source};

/// What reading on brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A row, which is in the buffers.
    Row,
    /// A row that can't be read; its line and bytes are in the buffers.
    Reject(RejectReason),
    /// The file's end.
    End,
}

/// Reads the rows of a file.
pub enum Rows {
    /// Of a CSV file.
    Csv(Box<CsvRows>),
    /// Of an NDJSON file.
    Ndjson(Box<NdjsonRows>),
    /// Of a workbook.
    Xlsx(Box<XlsxRows>),
}

impl Rows {
    /// Opens what `feed` holds, in the format and with the settings of a source.
    pub fn open(feed: Feed, format: Format, source: &Source, plan: &Plan) -> Result<Rows> {
        let mut feed = feed;
        Ok(match format {
            Format::Csv => {
                let charset = settle(&mut feed, source.encoding)?;
                let rows = CsvRows::open(feed, charset, source.delimiter, plan, &source.key)?;
                Rows::Csv(Box::new(rows))
            }
            Format::Ndjson => {
                let charset = settle(&mut feed, source.encoding)?;
                Rows::Ndjson(Box::new(NdjsonRows::open(feed, charset, plan)?))
            }
            Format::Xlsx => {
                let rows = XlsxRows::open(feed, source.sheet.as_deref(), plan, &source.key)?;
                Rows::Xlsx(Box::new(rows))
            }
            Format::Tracking | Format::Webhook => {
                let what = "this source's data comes in by HTTP, and no file of it is read";
                return Err(Error::usage("format-sent", what).at(feed.place().display()).next(
                    "send it to `candor serve`, or declare a source of its own for the file",
                ));
            }
        })
    }

    /// Reads the next row into `row`.
    #[inline]
    pub fn next(&mut self, row: &mut Row) -> Result<Step> {
        let step = match self {
            Rows::Csv(rows) => rows.next(row)?,
            Rows::Ndjson(rows) => rows.next(row)?,
            Rows::Xlsx(rows) => rows.next(row),
        };
        // As where files were joined end to end.
        let is_header = |header: &[u8]| header.trim_ascii_end() == row.raw().trim_ascii_end();
        if step == Step::Row && self.header().is_some_and(is_header) {
            return Ok(Step::Reject(RejectReason::HeaderAgain));
        }
        Ok(step)
    }

    /// The line after the last one that was read.
    pub fn next_line(&self) -> u64 {
        match self {
            Rows::Csv(rows) => rows.next_line(),
            Rows::Ndjson(rows) => rows.next_line(),
            Rows::Xlsx(rows) => rows.next_line(),
        }
    }

    /// Bytes read so far, of the file's length; a workbook's are told by its cells.
    pub fn passed(&self) -> u64 {
        match self {
            Rows::Csv(rows) => rows.passed(),
            Rows::Ndjson(rows) => rows.passed(),
            Rows::Xlsx(rows) => rows.passed(),
        }
    }

    /// The header row's bytes, to stand above rows that are handed back; none for NDJSON.
    pub fn header(&self) -> Option<&[u8]> {
        match self {
            Rows::Csv(rows) => Some(rows.header()),
            Rows::Ndjson(_) => None,
            Rows::Xlsx(rows) => Some(rows.header()),
        }
    }

    /// Fields that the source's map doesn't refer to, with how many rows filled them.
    pub fn unknown(&self) -> Vec<(Arc<str>, u64)> {
        match self {
            Rows::Csv(rows) => rows.unknown().collect(),
            Rows::Ndjson(rows) => rows.unknown().collect(),
            Rows::Xlsx(rows) => rows.unknown().collect(),
        }
    }

    /// Reads what can still be told of a row that was rejected, each time that there is another way to
    /// read it: hands it over with the fields that are found so.
    pub fn salvage(&mut self, raw: &[u8], row: &mut Row, found: &mut dyn FnMut(&Row)) {
        match self {
            Rows::Csv(rows) => rows.salvage(raw, row, found),
            Rows::Ndjson(rows) => rows.salvage(raw, row, found),
            // The cells of a sheet are where they are.
            Rows::Xlsx(_) => found(row),
        }
    }

    /// Goes back to the first row and forgets what was counted.
    pub fn rewind(&mut self) -> Result<()> {
        match self {
            Rows::Csv(rows) => rows.rewind(),
            Rows::Ndjson(rows) => rows.rewind(),
            Rows::Xlsx(rows) => {
                rows.rewind();
                Ok(())
            }
        }
    }

    /// Passes over the lines before `line`, which is where a row starts, without looking into them.
    pub fn skip_to(&mut self, line: u64) -> Result<()> {
        match self {
            Rows::Csv(rows) => rows.skip_to(line),
            Rows::Ndjson(rows) => rows.skip_to(line),
            Rows::Xlsx(rows) => {
                rows.skip_to(line);
                Ok(())
            }
        }
    }
}

/// The format of a file, by its name's ending.
pub fn format_of(path: &Path) -> Result<Format> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match ending.as_str() {
        "csv" | "tsv" | "tab" | "txt" => Ok(Format::Csv),
        "ndjson" | "jsonl" | "json" => Ok(Format::Ndjson),
        "xlsx" | "xlsm" => Ok(Format::Xlsx),
        "xls" | "ods" | "xlsb" => Err(Error::usage(
            "format-unsupported",
            format!("workbooks of kind .{ending} aren't read"),
        )
        .at(path.display())
        .next("save it as .xlsx or .csv")),
        _ => Err(Error::usage("format-unknown", "the file's name doesn't tell its format")
            .at(path.display())
            .next("declare the source's format: csv, ndjson or xlsx")),
    }
}
