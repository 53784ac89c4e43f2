//! Numbers as bars: in text with blocks, on a page or in a file of its own as an SVG picture without
//! script. What the bars say stands beside them as text, so nothing is told by a picture or colour alone.

use std::fmt::Write;

use serde::Serialize;

use super::printable::printable;

/// Named numbers, as bars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chart {
    /// What it shows.
    pub caption: String,
    /// How the bars stand.
    pub kind: ChartKind,
    /// What the numbers count, such as `bits`; empty for plain counts.
    pub unit: String,
    /// The bars, in order.
    pub bars: Vec<Bar>,
}

/// How bars stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartKind {
    /// Each from zero.
    Bars,
    /// Each from where the one before it ended; the last one shows the sum, from zero.
    Waterfall,
}

/// A named number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// Its name.
    pub label: String,
    /// The number, in thousandths.
    pub thousandths: i64,
}

impl Bar {
    /// A whole number.
    pub fn count(label: impl Into<String>, count: impl TryInto<i64>) -> Bar {
        let count = count.try_into().unwrap_or(i64::MAX / 1000);
        Bar { label: label.into(), thousandths: count.saturating_mul(1000) }
    }

    fn number(&self, decimals: bool) -> String {
        let number = self.thousandths as f64 / 1000.0;
        if decimals { format!("{number:.1}") } else { format!("{number:.0}") }
    }
}

/// Columns of the bars in text, at most; they take a third of a narrow screen.
const TEXT_COLUMNS: u16 = 40;
/// The picture's parts, in pixels.
const LABELS: f64 = 250.0;
const NUMBERS: f64 = 90.0;
const BARS: f64 = 380.0;
const ROW: f64 = 22.0;

impl Chart {
    /// A chart of whole numbers.
    pub fn counts(caption: impl Into<String>, bars: Vec<Bar>) -> Chart {
        Chart { caption: caption.into(), kind: ChartKind::Bars, unit: String::new(), bars }
    }

    /// A waterfall: the steps, and at its end a bar of their sum.
    pub fn waterfall(
        caption: impl Into<String>,
        unit: impl Into<String>,
        steps: Vec<Bar>,
        sum: Bar,
    ) -> Chart {
        let bars = steps.into_iter().chain([sum]).collect();
        Chart { caption: caption.into(), kind: ChartKind::Waterfall, unit: unit.into(), bars }
    }

    /// Where each bar begins and ends, in thousandths.
    fn spans(&self) -> Vec<(i64, i64)> {
        let mut reached = 0i64;
        let last = self.bars.len().saturating_sub(1);
        let span = |(at, bar): (usize, &Bar)| match self.kind {
            ChartKind::Waterfall if at < last => {
                let from = reached;
                reached = reached.saturating_add(bar.thousandths);
                (from, reached)
            }
            _ => (0, bar.thousandths),
        };
        self.bars.iter().enumerate().map(span).collect()
    }

    /// The least and the greatest place of any bar, zero among them, and the width between.
    fn range(&self) -> (f64, f64) {
        let ends = || self.spans().into_iter().flat_map(|(from, to)| [from, to]).chain([0]);
        let least = ends().min().unwrap_or(0) as f64;
        let most = ends().max().unwrap_or(0) as f64;
        (least, (most - least).max(1.0))
    }

    fn has_decimals(&self) -> bool {
        self.bars.iter().any(|bar| bar.thousandths % 1000 != 0)
    }

    /// Its lines as text: name, number, bar. `screen` is how many columns there are for all of it.
    pub(super) fn lines(&self, screen: Option<u16>) -> Vec<[String; 3]> {
        let (least, width) = self.range();
        let decimals = self.has_decimals();
        let columns = f64::from(screen.map_or(TEXT_COLUMNS, |all| TEXT_COLUMNS.min(all / 3)));
        let place = |at: i64| ((at as f64 - least) / width * columns).round() as usize;
        let line = |(bar, (from, to)): (&Bar, (i64, i64))| {
            let (start, end) = (place(from.min(to)), place(from.max(to)));
            let sign = if to < from { "▒" } else { "█" };
            let filled = if from == to { 0 } else { (end - start).max(1) };
            let drawn = format!("{}{}", "\u{a0}".repeat(start), sign.repeat(filled));
            [bar.label.clone(), bar.number(decimals), drawn]
        };
        self.bars.iter().zip(self.spans()).map(line).collect()
    }

    /// The chart as an SVG picture, for a page or a file of its own.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let (least, width) = self.range();
        let decimals = self.has_decimals();
        let across = LABELS + BARS + NUMBERS;
        let height = ROW * (self.bars.len() as f64 + 1.0);
        let place = |at: i64| LABELS + (at as f64 - least) / width * BARS;
        let zero = place(0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{across:.0}\" height=\"{height:.0}\" \
             role=\"img\" font-family=\"sans-serif\" font-size=\"13\" fill=\"currentColor\">\n\
             <title>{}</title>\n",
            escaped(&self.caption)
        );
        let mut add = |text: std::fmt::Arguments<'_>| {
            svg.write_fmt(text).expect("writing to a string can't fail");
        };
        add(format_args!(
            "<rect x=\"{zero:.1}\" y=\"0\" width=\"1\" height=\"{:.1}\" fill=\"#888888\"></rect>\n",
            height - ROW
        ));
        for (at, (bar, (from, to))) in self.bars.iter().zip(self.spans()).enumerate() {
            let top = ROW * at as f64;
            let (start, end) = (place(from.min(to)), place(from.max(to)));
            let colour = if to < from { "#b3532d" } else { "#2f6f4f" };
            add(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                LABELS - 8.0,
                top + 15.0,
                escaped(&bar.label)
            ));
            add(format_args!(
                "<rect x=\"{start:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
                 fill=\"{colour}\"></rect>\n",
                top + 4.0,
                (end - start).max(0.5),
                ROW - 8.0
            ));
            add(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                LABELS + BARS + 8.0,
                top + 15.0,
                bar.number(decimals)
            ));
        }
        add(format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
            LABELS + BARS + 8.0,
            height - 7.0,
            escaped(&self.unit)
        ));
        svg.push_str("</svg>\n");
        svg
    }
}

/// Text that can't end the element that it stands in.
fn escaped(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waterfall() -> Chart {
        let step = |label: &str, thousandths| Bar { label: label.into(), thousandths };
        let steps = vec![step("prior", -12_000), step("email", 15_500), step("given", -500)];
        Chart::waterfall("Why", "bits", steps, step("together", 3_000))
    }

    #[test]
    fn steps_stand_on_each_other_and_the_sum_on_zero() {
        let chart = waterfall();
        assert_eq!(chart.spans(), [(0, -12_000), (-12_000, 3_500), (3_500, 3_000), (0, 3_000)]);
        let lines = chart.lines(None);
        assert_eq!(lines[1][1], "15.5");
        assert!(lines[1][2].starts_with('█') && lines[0][2].starts_with('▒'));
        assert!(lines[3][2].starts_with('\u{a0}'));
    }

    #[test]
    fn no_label_becomes_markup() {
        let mut chart = waterfall();
        chart.bars[0].label = "</text><script>x</script>&\u{1b}".into();
        let svg = chart.to_svg();
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'));
        assert!(svg.contains("&lt;script&gt;x&lt;/script&gt;&amp;␛"));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn nothing_at_all_can_be_drawn() {
        let chart = Chart::counts("none", Vec::new());
        assert!(chart.lines(None).is_empty() && chart.to_svg().contains("<title>none</title>"));
        let zero = Chart::counts("zero", vec![Bar::count("x", 0)]);
        assert_eq!(zero.lines(None), [["x".to_owned(), "0".to_owned(), String::new()]]);
    }
}
