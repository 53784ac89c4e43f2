//! Documents as plain text: no colour, no control characters, wrapped to a width or not at all.

use comfy_table::presets::NOTHING;
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle,
    Table as Grid, TableStyle, Width,
};

use super::printable::printable;
use super::{Block, Document, Table};

/// Below this, columns would be a few letters wide.
const NARROWEST: u16 = 24;
/// Spaces between columns.
const GAP: u16 = 2;
/// No lines, and one space of the gap.
const SPACED: TableStyle = NOTHING
    .header_lines(ContentLineStyle::none().junction(' '))
    .content_lines(ContentLineStyle::none().junction(' '));

impl Document {
    /// The document as text that ends with a line break. Lines are wrapped to `width` columns (at least
    /// 24), except in preformatted blocks; `None` leaves every line whole, for files and pipes.
    #[must_use]
    pub fn to_text(&self, width: Option<u16>) -> String {
        let width = width.map(|w| w.max(NARROWEST));
        let mut parts = vec![underlined(&self.title, '═', width)];
        if !self.subtitle.is_empty() {
            parts.push(wrapped(&self.subtitle, width));
        }
        parts.extend(self.shown().iter().map(|block| block_text(block, width)));
        parts.retain(|part| !part.is_empty());
        let mut text = parts.join("\n\n");
        text.push('\n');
        text
    }
}

impl Table {
    /// The table alone as text, without its caption and without a line break at the end.
    #[must_use]
    pub fn to_text(&self, width: Option<u16>) -> String {
        if self.width() == 0 {
            return "(none)".to_owned();
        }
        let mut grid = empty_grid(width.map(|w| w.max(NARROWEST)));
        grid.load_style(SPACED.header_separator(LineStyle::none().fill('─').junction('─')));
        grid.set_header(self.filled(&self.columns).map(in_grid));
        for row in &self.rows {
            grid.add_row(self.filled(row).map(in_grid));
        }
        if self.rows.is_empty() {
            grid.add_row(["(none)"]);
        }
        for (index, column) in grid.column_iter_mut().enumerate() {
            if self.is_numeric(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        lay_out(grid)
    }
}

fn block_text(block: &Block, width: Option<u16>) -> String {
    match block {
        Block::Heading(0..=2, text) => underlined(text, '─', width),
        Block::Heading(_, text) | Block::Paragraph(text) => wrapped(text, width),
        Block::Facts(facts) => {
            columns(facts.iter().map(|(label, value)| [label.clone(), value.clone()]), width)
        }
        Block::Table(table) | Block::Entries(table) if table.caption.is_empty() => {
            table.to_text(width)
        }
        Block::Table(table) | Block::Entries(table) => {
            format!("{}\n\n{}", wrapped(&table.caption, width), table.to_text(width))
        }
        Block::Chart(chart) => {
            let unit = if chart.unit.is_empty() { "" } else { &format!(" ({})", chart.unit) };
            let caption = wrapped(&format!("{}{unit}", chart.caption), width);
            format!("{caption}\n\n{}", columns(chart.lines(width), width))
        }
        Block::Note(kind, text) => columns([[format!("{}:", kind.label()), text.clone()]], width),
        Block::Preformatted(text) | Block::Code(_, text) => printable(text)
            .lines()
            .map(|line| format!("    {line}").trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

fn wrapped(text: &str, width: Option<u16>) -> String {
    columns([[text.to_owned()]], width)
}

fn underlined(text: &str, line: char, width: Option<u16>) -> String {
    let text = wrapped(text, width);
    if text.is_empty() {
        return text;
    }
    let longest = text.lines().map(|l| l.chars().count()).max().unwrap_or(0);
    format!("{text}\n{}", String::from(line).repeat(longest))
}

/// Texts side by side, without lines.
fn columns<const N: usize>(
    rows: impl IntoIterator<Item = [String; N]>,
    width: Option<u16>,
) -> String {
    let mut grid = empty_grid(width);
    for row in rows {
        grid.add_row(row.iter().map(|cell| in_grid(cell)));
    }
    lay_out(grid)
}

fn empty_grid(width: Option<u16>) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(SPACED).force_no_tty();
    match width {
        Some(width) => grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => grid.set_content_arrangement(ContentArrangement::Disabled),
    };
    grid
}

/// Leaves two spaces between columns, keeps words whole where there is room for that, and prints.
fn lay_out(mut grid: Grid) -> String {
    let last = grid.column_count().saturating_sub(1);
    let words: Vec<u16> = (0..=last).map(|column| longest_word(&grid, column)).collect();
    let needed = words.iter().map(|word| word.saturating_add(GAP)).fold(0, u16::saturating_add);
    let fits = grid.width().is_some_and(|width| needed.saturating_sub(GAP) <= width);
    for (index, column) in grid.column_iter_mut().enumerate() {
        // The grid itself sets one space between two columns.
        let padding = if index == last { 0 } else { GAP - 1 };
        column.set_padding((0, padding));
        if fits && words[index] > 0 {
            let width = Width::Fixed(words[index].saturating_add(padding));
            column.set_constraint(ColumnConstraint::LowerBoundary(width));
        }
    }
    grid.trim_fmt()
}

fn longest_word(grid: &Grid, column: usize) -> u16 {
    let rows = grid.header().into_iter().chain(grid.row_iter());
    let cells = rows.filter_map(|row| row.cell_iter().nth(column)).map(|cell| cell.content());
    let words =
        cells.flat_map(|cell| cell.split_whitespace().map(|word| word.chars().count()).max());
    words.max().unwrap_or(0).try_into().unwrap_or(u16::MAX)
}

/// A tab has no width that a grid could reckon with.
fn in_grid(text: &str) -> String {
    printable(text).replace('\t', "    ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::example;
    use super::*;

    #[test]
    fn the_example_reads_well() {
        insta::assert_snapshot!(example::access_package().to_text(Some(80)));
    }

    #[test]
    fn without_a_width_no_line_is_broken() {
        let long = "word ".repeat(100).trim_end().to_owned();
        let mut document = Document::new("T", "");
        document.push(Block::Paragraph(long.clone()));
        document.push(Block::Facts(vec![("label".into(), long.clone())]));
        let text = document.to_text(None);
        assert_eq!(text.lines().filter(|line| line.ends_with(&long)).count(), 2);
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Table::new("", ["a"]).to_text(None), "a\n──────\n(none)");
        assert_eq!(Table::default().to_text(Some(0)), "(none)");
    }

    proptest! {
        #[test]
        fn no_data_can_steer_the_terminal(
            document in example::any_document(any::<String>().boxed()),
            width in prop::option::of(any::<u16>()),
        ) {
            let text = document.to_text(width);
            prop_assert!(text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            prop_assert!(text.ends_with('\n'));
        }

        #[test]
        fn lines_keep_to_the_width(
            document in example::any_document("[a-z ]{0,60}".boxed()),
            width in 60u16..120,
        ) {
            let mut document = document;
            document.blocks.retain(|block| !matches!(block, Block::Preformatted(_)));
            for line in document.to_text(Some(width)).lines() {
                prop_assert!(line.chars().count() <= usize::from(width), "{line:?}");
            }
        }
    }
}
