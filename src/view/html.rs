//! Documents as one page of HTML that stands alone: no script, no request, nothing to load.
//!
//! The page goes to people who can't check it, by ways that nobody guards, and it is kept for years. So
//! its policy forbids everything but its own style, which is named by its hash; it prints on A4, follows
//! the reader's light or dark, and reads well aloud. Every text is escaped by the template engine.

use base64ct::{Base64, Encoding};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Value, context};
use sha2::{Digest, Sha256};

use super::printable::printable;
use super::qr::qr_svg;
use super::{Block, Document, NoteKind, Table};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// A page with so many sections gets a list of contents.
const SECTIONS_FOR_CONTENTS: usize = 3;
/// A word with more characters than this may be broken anywhere.
const LONGEST_WORD: usize = 28;
/// A cell with more characters than this gets a wider column.
const RUNNING_TEXT: usize = 40;
/// A table with more rows than this may be broken over pages.
const BRIEF_TABLE: usize = 12;

impl Document {
    /// The document as a whole page. `language` (BCP 47, such as `en` or `de-AT`) is that of the
    /// document's texts; the few words of the page itself are English and marked as such.
    #[must_use]
    pub fn to_html(&self, language: &str) -> String {
        let shown = self.shown();
        let blocks: Vec<Value> =
            shown.iter().enumerate().map(|(i, block)| block_value(i, block)).collect();
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the usual delimiters are valid"));
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        // The engine's own filters are left out of the program.
        environment.add_filter("length", |list: &Value| list.len());
        environment.add_template("page", PAGE).expect("the built-in template is valid");
        let page = environment.get_template("page").expect("it was just added");
        page.render(context! {
            lang => printable(language),
            dir => direction(language),
            english => english_mark(language),
            policy => content_security_policy(),
            style => STYLE,
            title => printable(&self.title),
            subtitle => printable(&self.subtitle),
            contents => contents(&shown),
            blocks => blocks,
            words => context! {
                skip => "Skip to the content",
                contents => "Contents",
                table => "Table",
                none => "none",
                footer => "Made with candor. This page is complete in itself: it loads nothing and \
                           runs no script.",
            },
        })
        .expect("the built-in template fits its values")
    }
}

fn contents(blocks: &[Block]) -> Vec<Value> {
    let sections = blocks.iter().enumerate().filter_map(|(index, block)| match block {
        Block::Heading(0..=2, text) => {
            Some(context! { id => id_of(index), text => printable(text) })
        }
        _ => None,
    });
    let sections: Vec<Value> = sections.collect();
    if sections.len() < SECTIONS_FOR_CONTENTS { Vec::new() } else { sections }
}

fn block_value(index: usize, block: &Block) -> Value {
    match block {
        Block::Heading(level, text) => {
            let level = (*level).clamp(2, 4);
            context! { kind => "heading", level, id => id_of(index), text => printable(text) }
        }
        Block::Paragraph(text) => context! { kind => "paragraph", text => printable(text) },
        Block::Facts(facts) => {
            let facts: Vec<Value> = facts
                .iter()
                .map(|(label, value)| {
                    let (label, value) = (printable(label), printable(value));
                    context! { label, class => shape_of(&value), value }
                })
                .collect();
            context! { kind => "facts", facts }
        }
        Block::Table(table) | Block::Entries(table) => table_value(index, table),
        Block::Note(kind, text) => context! {
            kind => "note",
            class => class_of(*kind),
            label => kind.label(),
            text => printable(text),
        },
        Block::Preformatted(text) => context! { kind => "preformatted", text => printable(text) },
        Block::Chart(chart) => context! {
            kind => "chart",
            // Written by the chart itself, which escapes every text in it.
            picture => Value::from_safe_string(chart.to_svg()),
            caption => printable(&chart.caption),
        },
        Block::Code(caption, text) => context! {
            kind => "code",
            // Only squares: the text stands in them and nowhere else in the picture.
            picture => Value::from_safe_string(qr_svg(text).unwrap_or_default()),
            caption => printable(caption),
            text => printable(text),
        },
    }
}

fn table_value(index: usize, table: &Table) -> Value {
    let numeric: Vec<bool> = (0..table.width()).map(|column| table.is_numeric(column)).collect();
    let cells = |row: &[String]| -> Vec<Value> {
        let cell = |(text, numeric): (&str, &bool)| {
            let class = if *numeric { "number" } else { shape_of(text) };
            context! { text => printable(text), class }
        };
        table.filled(row).zip(&numeric).map(cell).collect()
    };
    let rows: Vec<Value> = table.rows.iter().map(|row| Value::from(cells(row))).collect();
    context! {
        kind => "table",
        id => id_of(index),
        caption => printable(&table.caption),
        brief => table.rows.len() <= BRIEF_TABLE,
        head => cells(&table.columns),
        rows,
    }
}

/// The id of a block is its place, so that no text can clash with another's.
fn id_of(index: usize) -> String {
    format!("part-{}", index + 1)
}

fn class_of(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::Info => "info",
        NoteKind::Good => "good",
        NoteKind::Warning => "warning",
        NoteKind::Problem => "problem",
    }
}

/// How a text wants to be laid out: a short word stays whole, also at its hyphens; a very long one may
/// be broken; running text wants some room.
fn shape_of(text: &str) -> &'static str {
    let long = |word: &str| word.chars().nth(LONGEST_WORD).is_some();
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        words if words.iter().any(|word| long(word)) => "long",
        [_] => "whole",
        _ if text.chars().nth(RUNNING_TEXT).is_some() => "running",
        _ => "",
    }
}

fn content_security_policy() -> String {
    let mut buffer = [0; 44];
    let hash = Base64::encode(&Sha256::digest(STYLE.as_bytes()), &mut buffer)
        .expect("32 bytes are 44 letters");
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

fn primary(language: &str) -> String {
    language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

fn direction(language: &str) -> &'static str {
    match primary(language).as_str() {
        "ar" | "fa" | "he" | "ps" | "sd" | "ug" | "ur" | "yi" => "rtl",
        _ => "ltr",
    }
}

/// An attribute for the page's own words, where they differ in language from the document.
fn english_mark(language: &str) -> Value {
    if primary(language) == "en" {
        Value::from("")
    } else {
        Value::from_safe_string(" lang=\"en\" dir=\"ltr\"".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::super::{Bar, Chart, example};
    use super::*;

    /// A strict reader of the HTML that we write: every `<` opens a tag, a comment or the doctype; tags
    /// nest; attributes are quoted; ids are unique; references are among the known ones. Returns the tags
    /// in their order (`div`, `/div`) and the text between them.
    fn read(page: &str) -> (Vec<String>, Vec<String>) {
        const VOID: [&str; 1] = ["meta"];
        let page = page.replacen(STYLE, "", 1);
        let mut rest = page.strip_prefix("<!doctype html>").expect("a doctype");
        let (mut tags, mut texts, mut open) = (Vec::new(), Vec::new(), Vec::<String>::new());
        let mut ids = HashSet::new();
        while let Some(start) = rest.find('<') {
            let text = &rest[..start];
            assert!(!text.contains('>'), "a stray > in {text:?}");
            texts.push(decode(text));
            let end = rest[start..].find('>').expect("a tag ends") + start;
            let tag = &rest[start + 1..end];
            rest = &rest[end + 1..];
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name), "tags nest");
            } else {
                let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
                assert!(
                    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
                    "{tag}"
                );
                let mut attributes = attributes;
                while !attributes.is_empty() {
                    let (key, value) = attributes.split_once("=\"").expect("a quoted attribute");
                    let (value, after) = value.split_once('"').expect("the closing quote");
                    assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{tag}");
                    assert!(!key.starts_with("on") && key != "style" && key != "src", "{tag}");
                    assert!(key != "href" || value.starts_with('#'), "{tag}");
                    assert!(key != "id" || ids.insert(value.to_owned()), "{value} twice");
                    decode(value);
                    attributes = after.trim_start();
                }
                if !VOID.contains(&name) {
                    open.push(name.to_owned());
                }
            }
            tags.push(tag.split(' ').next().unwrap_or_default().to_owned());
        }
        assert_eq!(open, Vec::<String>::new(), "everything is closed");
        (tags, texts)
    }

    fn decode(text: &str) -> String {
        let mut parts = text.split('&');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, after) = part.split_once(';').expect("a reference ends");
            out.push(match name {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "quot" => '"',
                "#x27" => '\'',
                "#x2f" => '/',
                other => panic!("&{other}; is not what we write"),
            });
            out.push_str(after);
        }
        out
    }

    /// The same shape with harmless words.
    fn harmless(document: &Document) -> Document {
        let word = |text: &String| if text.is_empty() { String::new() } else { "x".to_owned() };
        let words = |texts: &Vec<String>| texts.iter().map(word).collect::<Vec<_>>();
        let block = |block: &Block| match block {
            Block::Heading(level, text) => Block::Heading(*level, word(text)),
            Block::Paragraph(text) => Block::Paragraph(word(text)),
            Block::Facts(facts) => {
                Block::Facts(facts.iter().map(|(a, b)| (word(a), word(b))).collect())
            }
            Block::Table(table) => Block::Table(Table {
                caption: word(&table.caption),
                columns: words(&table.columns),
                rows: table.rows.iter().map(words).collect(),
            }),
            Block::Entries(_) => unreachable!("shown as headings and facts"),
            Block::Note(kind, text) => Block::Note(*kind, word(text)),
            Block::Preformatted(text) => Block::Preformatted(word(text)),
            Block::Code(caption, text) => Block::Code(word(caption), word(text)),
            Block::Chart(chart) => Block::Chart(Chart {
                caption: word(&chart.caption),
                unit: word(&chart.unit),
                kind: chart.kind,
                bars: chart
                    .bars
                    .iter()
                    .map(|b| Bar { label: word(&b.label), ..b.clone() })
                    .collect(),
            }),
        };
        Document {
            title: word(&document.title),
            subtitle: word(&document.subtitle),
            blocks: document.blocks.iter().map(block).collect(),
        }
    }

    fn texts_of(document: &Document) -> Vec<&String> {
        fn of_block(block: &Block) -> Vec<&String> {
            match block {
                Block::Heading(_, t) | Block::Paragraph(t) => vec![t],
                Block::Note(_, t) | Block::Preformatted(t) => vec![t],
                Block::Code(caption, t) => vec![caption, t],
                Block::Chart(chart) => {
                    let labels = chart.bars.iter().map(|bar| &bar.label);
                    labels.chain([&chart.caption, &chart.unit]).collect()
                }
                Block::Facts(facts) => facts.iter().flat_map(|(a, b)| [a, b]).collect(),
                Block::Table(t) => {
                    t.columns.iter().chain(t.rows.iter().flatten()).chain([&t.caption]).collect()
                }
                Block::Entries(_) => unreachable!("shown as headings and facts"),
            }
        }
        let head = [&document.title, &document.subtitle];
        head.into_iter().chain(document.blocks.iter().flat_map(of_block)).collect()
    }

    fn hostile() -> BoxedStrategy<String> {
        prop_oneof![
            "[<>&\"'/=a-z !-]{0,24}",
            any::<String>(),
            prop::sample::select(vec![
                "</style><script>alert(1)</script>".to_owned(),
                "{{ 7*7 }}{% raw %}".to_owned(),
                "\" onload=\"x".to_owned(),
                "<!--".to_owned(),
                "&lt;".to_owned(),
            ]),
        ]
        .boxed()
    }

    proptest! {
        #[test]
        fn no_text_becomes_markup(document in example::any_document(hostile()), lang in hostile()) {
            let (tags, texts) = read(&document.to_html(&lang));
            let document = Document { blocks: document.shown(), ..document };
            let (expected, _) = read(&harmless(&document).to_html("en"));
            prop_assert_eq!(tags, expected);
            let shown = texts.join("");
            for text in texts_of(&document) {
                prop_assert!(shown.contains(&printable(text)), "{text:?} is lost");
            }
        }
    }

    #[test]
    fn the_example_is_as_it_was_looked_at() {
        insta::assert_snapshot!(example::access_package().to_html("en").replace(STYLE, "…"));
    }

    #[test]
    fn one_heading_leads_and_tables_are_named() {
        let page = example::access_package().to_html("en");
        let (tags, _) = read(&page);
        let count = |tag: &str| tags.iter().filter(|t| *t == tag).count();
        for landmark in ["h1", "header", "nav", "main", "footer", "title"] {
            assert_eq!(count(landmark), 1, "{landmark}");
        }
        assert_eq!(count("script") + count("link") + count("img") + count("form"), 0);
        assert_eq!(count("caption"), count("table"));
        assert_eq!(count("th"), page.matches("<th scope=\"").count());
        assert!(page.contains("<a class=\"skip\" href=\"#content\">"));
        for target in page.split("href=\"#").skip(1).filter_map(|part| part.split('"').next()) {
            assert!(page.contains(&format!("id=\"{target}\"")), "#{target} leads nowhere");
        }
        for region in page.split("aria-labelledby=\"").skip(1).filter_map(|p| p.split('"').next()) {
            assert!(page.contains(&format!("<caption id=\"{region}\">")), "{region} names nothing");
        }
    }

    #[test]
    fn a_code_is_a_picture_without_script_and_its_text_is_escaped() {
        let mut document = Document::new("T", "");
        document.push(Block::Code("<b>".into(), "<script>alert(1)</script>".into()));
        let page = document.to_html("en");
        assert!(page.contains("<figure>") && page.contains("<svg ") && page.contains("</svg>"));
        assert!(
            page.contains("&lt;script&gt;") && !page.contains("<script") && !page.contains("<b>")
        );
        assert!(!page.contains("<?xml"));
    }

    #[test]
    fn the_policy_names_exactly_the_style_of_the_page() {
        let page = Document::new("T", "").to_html("en");
        let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
        let (style, _) = style.expect("one style");
        assert_eq!(style, STYLE, "what is hashed is what stands in the page");
        let policy = page.split_once("Content-Security-Policy\" content=\"");
        let (policy, _) = policy.and_then(|(_, rest)| rest.split_once('"')).expect("a policy");
        assert_eq!(decode(policy), content_security_policy());
        assert!(!style.contains("url(") && !style.contains("@import") && !style.contains('<'));
    }

    #[test]
    fn the_language_is_told_and_the_pages_own_words_are_marked() {
        let document = example::access_package();
        assert!(
            document
                .to_html("en-IE")
                .starts_with("<!doctype html>\n<html lang=\"en-IE\" dir=\"ltr\">")
        );
        assert!(!document.to_html("en-IE").contains(" lang=\"en\""));
        let german = document.to_html("de");
        assert!(german.contains("<footer lang=\"en\" dir=\"ltr\">"));
        assert!(german.contains("<li lang=\"de\">"));
        assert!(document.to_html("ar").contains("<html lang=\"ar\" dir=\"rtl\">"));
    }
}
