//! VIEW: documents made of a few kinds of blocks, shown as text, a web page, CSV or JSON.
//!
//! What a person receives as an answer, and what a regulator reads as a report, is one value with four
//! renderings, so that they can't differ in content. A block holds plain text only: no markup can
//! come in with data, and none goes out that the renderer did not write. Text and page show control
//! characters and direction overrides as visible signs, for data must not steer a terminal or hide
//! what it says; CSV and JSON keep every character.

mod chart;
mod csv;
mod html;
mod printable;
mod qr;
mod text;

pub use chart::{Bar, Chart, ChartKind};
pub use csv::push_exact_line;
pub use printable::{on_one_line, printable};
pub use qr::qr_svg;

use serde::Serialize;

/// A document: a title and blocks, in the order of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Document {
    /// What it is, such as `What we hold about you`.
    pub title: String,
    /// One line below the title: for whom, by whom, as of when. Empty for none.
    pub subtitle: String,
    /// The content.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// A heading below the title: level 2 opens a section (and an entry in the page's contents), 3 and
    /// 4 divide it. Other levels are brought into that range.
    Heading(u8, String),
    /// Running text; line breaks are kept.
    Paragraph(String),
    /// Labels with their values.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// A table with many columns, of which people are shown each row under a heading of its own: its
    /// first cell. As CSV it is a table like any other.
    Entries(Table),
    /// A remark that must not be overlooked.
    Note(NoteKind, String),
    /// Text whose spacing matters: proofs, keys, commands.
    Preformatted(String),
    /// A caption, and a text that is shown as preformatted and, on a page, as a QR code too.
    Code(String, String),
    /// Numbers as bars. As CSV they are left out: what they show stands in a table too.
    Chart(Chart),
}

/// What a note wants of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// Good to know.
    Info,
    /// Something was checked and is as it should be.
    Good,
    /// Something needs a look, or ends at a date.
    Warning,
    /// Something is wrong.
    Problem,
}

impl NoteKind {
    /// The word that stands before the note, so that its kind is not told by colour alone.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            NoteKind::Info => "Note",
            NoteKind::Good => "In order",
            NoteKind::Warning => "Attention",
            NoteKind::Problem => "Problem",
        }
    }
}

/// Rows under named columns. The first column names the row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What the table shows; read out before it by a screen reader.
    pub caption: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The cells. A row that is shorter than the longest, or than `columns`, is shown with empty cells
    /// at its end.
    pub rows: Vec<Vec<String>>,
}

impl Document {
    /// A document without blocks.
    pub fn new(title: impl Into<String>, subtitle: impl Into<String>) -> Document {
        Document { title: title.into(), subtitle: subtitle.into(), blocks: Vec::new() }
    }

    /// Adds a block at the end.
    pub fn push(&mut self, block: Block) -> &mut Document {
        self.blocks.push(block);
        self
    }

    /// The blocks as people are shown them: entries become headings and facts, without what is empty.
    fn shown(&self) -> Vec<Block> {
        let mut shown = Vec::new();
        for block in &self.blocks {
            let Block::Entries(table) = block else {
                shown.push(block.clone());
                continue;
            };
            for row in &table.rows {
                let mut cells = table.filled(&table.columns).zip(table.filled(row));
                let heading = cells.next().map(|(_, cell)| cell).unwrap_or_default();
                shown.push(Block::Heading(2, heading.to_owned()));
                let facts = cells.filter(|(_, cell)| !cell.is_empty());
                let facts = facts.map(|(label, cell)| (label.to_owned(), cell.to_owned()));
                shown.push(Block::Facts(facts.collect()));
            }
        }
        shown
    }

    /// The document as JSON: `{"title", "subtitle", "blocks": [{"heading": [2, "…"]}, …]}`, indented.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a document holds only texts and small numbers")
    }
}

impl Table {
    /// A table without rows.
    pub fn new<C: Into<String>>(
        caption: impl Into<String>,
        columns: impl IntoIterator<Item = C>,
    ) -> Table {
        let columns = columns.into_iter().map(Into::into).collect();
        Table { caption: caption.into(), columns, rows: Vec::new() }
    }

    /// Adds a row at the end.
    pub fn push<C: Into<String>>(&mut self, row: impl IntoIterator<Item = C>) -> &mut Table {
        self.rows.push(row.into_iter().map(Into::into).collect());
        self
    }

    fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0).max(self.columns.len())
    }

    /// The cells of a row, or of the head, filled up with empty ones.
    fn filled<'a>(&self, row: &'a [String]) -> impl Iterator<Item = &'a str> {
        row.iter().map(String::as_str).chain(std::iter::repeat("")).take(self.width())
    }

    /// Whether a column holds numbers, which are set flush right.
    fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|r| r.get(column)).filter(|c| !c.is_empty());
        cells.clone().next().is_some() && cells.all(|cell| is_number(cell))
    }
}

/// A count with its noun: `1 row`, `2 rows`.
#[must_use]
pub fn counted(count: impl TryInto<u64>, one: &str, several: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {}", if count == 1 { one } else { several })
}

/// A number as people write it: digits with separators, perhaps a minus and a percent sign.
fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix(['-', '\u{2212}']).unwrap_or(cell);
    let digits = digits.trim_end_matches('%').trim_end();
    let inner = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '\u{a0}' | '\u{202f}');
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(inner)
        && !(digits.len() > 1
            && digits.starts_with('0')
            && digits[1..].starts_with(char::is_numeric))
}

#[cfg(test)]
pub(crate) mod example;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_every_character_and_the_order() {
        let mut document = Document::new("T", "");
        document.push(Block::Facts(vec![("b".into(), "=\u{1b}\u{202e}<".into())]));
        document.push(Block::Note(NoteKind::Good, "n".into()));
        let value: serde_json::Value = serde_json::from_str(&document.to_json()).expect("JSON");
        let expected = serde_json::json!({"title": "T", "subtitle": "", "blocks": [
            {"facts": [["b", "=\u{1b}\u{202e}<"]]}, {"note": ["good", "n"]}]});
        assert_eq!(value, expected);
    }

    #[test]
    fn numbers_are_told_from_codes_and_dates() {
        for number in ["0", "-12.50", "1,204", "38 %", "12\u{a0}000", "0.5"] {
            assert!(is_number(number), "{number}");
        }
        for text in ["", "-", "2026-03-05", "+353861234567", "007", "12a", "1-2", "%", ".", "1 2"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
