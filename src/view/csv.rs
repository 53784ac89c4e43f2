//! Tables as CSV by RFC 4180, safe to open in a spreadsheet.
//!
//! A spreadsheet runs a cell that starts with `=`, `+`, `-` or `@` as a formula, which can send the
//! sheet's other cells to a stranger. A text that starts so gets a leading `'`; a plain negative number
//! does not. Quotes before such a start are counted in, so that one `'` less gives back what was there.

use super::{Block, Document, Table};

impl Document {
    /// The tables of the document as one CSV. Several are told apart by a first column `table`, which
    /// holds their captions; a column that a table doesn't have is empty in its rows.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let tables: Vec<&Table> = self
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Table(table) | Block::Entries(table) => Some(table),
                _ => None,
            })
            .collect();
        match tables.as_slice() {
            [] => String::new(),
            [only] => only.to_csv(),
            several => together(several).to_csv(),
        }
    }
}

fn together(tables: &[&Table]) -> Table {
    let mut columns = vec!["table".to_owned()];
    for column in tables.iter().flat_map(|table| &table.columns) {
        if !columns[1..].contains(column) {
            columns.push(column.clone());
        }
    }
    let mut all = Table { caption: String::new(), columns, rows: Vec::new() };
    for table in tables {
        for row in &table.rows {
            let cell = |column: &String| {
                let at = table.columns.iter().position(|known| known == column);
                at.and_then(|at| row.get(at)).cloned().unwrap_or_default()
            };
            let cells: Vec<String> = all.columns[1..].iter().map(cell).collect();
            all.rows.push(std::iter::once(table.caption.clone()).chain(cells).collect());
        }
    }
    all
}

impl Table {
    /// The head and the rows as CSV: UTF-8, commas, CRLF, quotes where needed, the same number of
    /// fields in every line. The caption is left out.
    #[must_use]
    pub fn to_csv(&self) -> String {
        self.written(Reader::Spreadsheet)
    }

    /// The same for a program: every cell exactly as it is, without guards.
    #[must_use]
    pub fn to_exact_csv(&self) -> String {
        self.written(Reader::Program)
    }

    /// How many cells a spreadsheet would run as a formula. A telephone number such as
    /// `+353861234567` is counted as the number that it becomes there, and not as a formula.
    #[must_use]
    pub fn formulas(&self) -> usize {
        let is_phone = |cell: &str| {
            cell.strip_prefix('+').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
        };
        let cells = self.rows.iter().flatten();
        cells.filter(|cell| would_run(cell) && !is_phone(cell)).count()
    }

    fn written(&self, reader: Reader) -> String {
        let mut out = String::new();
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            for (index, cell) in self.filled(row).enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_field(&mut out, cell, self.width(), reader);
            }
            out.push_str("\r\n");
        }
        out
    }
}

/// One line of CSV for a program, for tables that are too long to be held: every cell exactly as it
/// is, CRLF at its end.
pub fn push_exact_line(out: &mut String, cells: &[&str]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_field(out, cell, cells.len(), Reader::Program);
    }
    out.push_str("\r\n");
}

/// Who reads a CSV text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Spreadsheet,
    Program,
}

fn push_field(out: &mut String, cell: &str, width: usize, reader: Reader) {
    let guard = if reader == Reader::Spreadsheet && would_run(cell) { "'" } else { "" };
    // An empty line would be no record at all, so a lone empty field is quoted.
    let quoted = cell.contains([',', '"', '\r', '\n']) || (cell.is_empty() && width == 1);
    if quoted {
        out.push('"');
        out.push_str(guard);
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(guard);
        out.push_str(cell);
    }
}

/// Whether a spreadsheet would take the text for a formula, or would once quotes are taken off.
fn would_run(cell: &str) -> bool {
    let start = cell.trim_start_matches('\'');
    let formula = start.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    formula && !is_plain_negative(cell)
}

/// `-12.50`: a minus, digits, and perhaps a point and digits.
fn is_plain_negative(cell: &str) -> bool {
    let Some(rest) = cell.strip_prefix('-') else { return false };
    let (whole, part) = rest.split_once('.').unwrap_or((rest, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads CSV with another implementation.
    fn read(text: &str) -> Vec<Vec<String>> {
        let mut reader = csv_core::ReaderBuilder::new().build();
        let (mut rows, mut row) = (Vec::new(), Vec::new());
        let mut input = text.as_bytes();
        let (mut field, mut filled) = (vec![0; text.len() + 1], 0);
        loop {
            let (result, read, written) = reader.read_field(input, &mut field[filled..]);
            (input, filled) = (&input[read..], filled + written);
            match result {
                csv_core::ReadFieldResult::Field { record_end } => {
                    row.push(String::from_utf8(field[..filled].to_vec()).expect("UTF-8"));
                    filled = 0;
                    if record_end {
                        rows.push(std::mem::take(&mut row));
                    }
                }
                csv_core::ReadFieldResult::End => return rows,
                csv_core::ReadFieldResult::InputEmpty => {}
                csv_core::ReadFieldResult::OutputFull => panic!("the field buffer is large enough"),
            }
        }
    }

    /// What a reader that knows the guard does.
    fn unguard(cell: &str) -> &str {
        match cell.strip_prefix('\'') {
            Some(rest) if would_run(rest) => rest,
            _ => cell,
        }
    }

    fn table(columns: Vec<String>, rows: Vec<Vec<String>>) -> Table {
        Table { caption: String::new(), columns, rows }
    }

    #[test]
    fn formulas_are_defused_and_numbers_are_not() {
        for formula in [
            "=1+1",
            "+353861234567",
            "-1+1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "＝1",
            "-",
            "'=1",
            "-1.",
            "-.5",
        ] {
            assert!(would_run(formula), "{formula}");
        }
        for harmless in ["", "-12.50", "-7", "12", "'s-Hertogenbosch", "a=b", " =1", "O'Hara"] {
            assert!(!would_run(harmless), "{harmless}");
        }
    }

    #[test]
    fn fields_are_quoted_as_the_rfc_says() {
        let mut table = Table::new("left out", ["a", "b"]);
        table.push(["plain", "with, comma"]).push(["say \"hi\"", "two\nlines"]).push(["=x,y"]);
        assert_eq!(
            table.to_csv(),
            "a,b\r\nplain,\"with, comma\"\r\n\"say \"\"hi\"\"\",\"two\nlines\"\r\n\"'=x,y\",\r\n"
        );
    }

    #[test]
    fn several_tables_stand_in_one_and_are_told_apart() {
        let mut document = Document::new("T", "");
        let mut one = Table::new("People", ["name", "city"]);
        one.push(["Ann", "Cork"]);
        let mut other = Table::new("Sums", ["city", "people"]);
        other.push(["Cork", "1"]);
        document.push(Block::Entries(one.clone())).push(Block::Table(other));
        assert_eq!(
            document.to_csv(),
            "table,name,city,people\r\nPeople,Ann,Cork,\r\nSums,,Cork,1\r\n"
        );
        let mut alone = Document::new("T", "");
        alone.push(Block::Note(crate::view::NoteKind::Info, "n".into())).push(Block::Table(one));
        assert_eq!(alone.to_csv(), "name,city\r\nAnn,Cork\r\n");
    }

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof!["[-=+@',\"\r\n 0-9a-z.]{0,6}", any::<String>()]
    }

    proptest! {
        #[test]
        fn another_reader_reads_back_every_cell(
            (columns, rows) in (1usize..5).prop_flat_map(|width| (
                prop::collection::vec(cell(), width),
                prop::collection::vec(prop::collection::vec(cell(), width), 0..6),
            ))
        ) {
            let mut expected = vec![columns.clone()];
            expected.extend(rows.clone());
            let read: Vec<Vec<String>> = read(&table(columns, rows).to_csv());
            for cell in read.iter().flatten() {
                prop_assert!(!cell.starts_with(['=', '+', '@', '\t', '\r', '\n']), "{cell:?} would run");
                prop_assert!(!cell.starts_with('-') || cell.parse::<f64>().is_ok(), "{cell:?} would run");
            }
            let back: Vec<Vec<String>> =
                read.iter().map(|row| row.iter().map(|c| unguard(c).to_owned()).collect()).collect();
            prop_assert_eq!(back, expected);
        }

        #[test]
        fn rows_of_any_length_become_lines_of_one_length(
            columns in prop::collection::vec(cell(), 0..4),
            rows in prop::collection::vec(prop::collection::vec(cell(), 0..6), 1..6),
        ) {
            let table = table(columns, rows);
            prop_assume!(table.width() > 0);
            let read = read(&table.to_csv());
            prop_assert_eq!(read.len(), table.rows.len() + 1);
            prop_assert!(read.iter().all(|row| row.len() == table.width()));
        }
    }
}
