//! Files as they come: every format, resuming, and input that means harm.

use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::policy::types::{Encoding, Source, ValueType};

fn two() -> Source {
    source("id").with_attribute("a", "a", ValueType::Text).with_attribute("b", "b", ValueType::Text)
}

fn texts(records: &[Record]) -> Vec<Vec<String>> {
    let texts = |r: &Record| r.values.iter().map(|value| value.text.clone()).collect();
    records.iter().map(texts).collect()
}

#[test]
fn delimiters_line_ends_and_marks() {
    for text in [
        "id,a,b\nk,1,2\nl,3,4\n",
        "id;a;b\r\nk;1;2\r\nl;3;4",
        "id\ta\tb\nk\t1\t2\r\nl\t3\t4\n",
        "id|a|b\rk|1|2\rl|3|4\r",
        "\u{FEFF}\"id\",\"a\",b\n\nk,\"1\",2\n\n\nl,3,\"4\"\n",
    ] {
        let (records, rejects) = csv(text, &two());
        assert!(rejects.is_empty(), "{text:?} {rejects:?}");
        assert_eq!(texts(&records), [["1", "2"], ["3", "4"]], "{text:?}");
    }
    let mut declared = two();
    declared.delimiter = Some(b'~');
    assert_eq!(texts(&csv("id~a~b\nk~1~2,3\n", &declared).0), [["1", "2,3"]]);
    declared.delimiter = Some(b'"');
    assert_eq!(items(b"id\n", Format::Csv, &declared).unwrap_err().code, "delimiter-impossible");
}

#[test]
fn a_bad_row_costs_itself() {
    let text = "id,a,b\n\
        k1,\"x\ny\",\"say \"\"hi\"\"\"\n\
        k2,\"lone,2\n\
        k3,3\"4,\"5\"\n\
        k4,\"stray\" x,2\n\
        k5,1\n\
        k6,1,2,3\n\
        k7,\0,2\n\
        k8,8,8\n\
        k9,\"never closed,9\n\
        k10,1,0\n";
    let (records, rejects) = csv(text, &two());
    assert_eq!(
        codes(&rejects),
        [
            (4, "unreadable-stray-quote"),
            (6, "unreadable-stray-quote"),
            (7, "unreadable-field-count"),
            (8, "unreadable-field-count"),
            (9, "unreadable-nul-character"),
            (11, "unreadable-unclosed-quote"),
        ]
    );
    let expected = [["x\ny", "say \"hi\""], ["3\"4", "5"], ["8", "8"], ["1", "0"]];
    assert_eq!(texts(&records), expected);
    let lines: Vec<u64> = records.iter().map(|r| r.line).collect();
    assert_eq!(lines, [2, 5, 10, 12]);
    assert_eq!(rejects[0].raw, b"k2,\"lone,2");
    assert_eq!(rejects[3].reason, RejectReason::FieldCount { expected: 3, found: 4 });
}

#[test]
fn rejected_rows_can_be_repaired_and_read_again() {
    let text = "id,a,b\nk1,1\nk2,2,2\nk3,\"x\ny\",1,2\n";
    let mut reading =
        read_bytes(text.into(), "test", Format::Csv, &two(), "test", &options()).unwrap();
    let (_, rejects) = parted(reading.by_ref().map(Result::unwrap).collect());
    let mut file = reading.header().unwrap().to_vec();
    for reject in &rejects {
        file.push(b'\n');
        file.extend_from_slice(&reject.raw);
    }
    assert_eq!(file, b"id,a,b\nk1,1\nk3,\"x\ny\",1,2");
}

#[test]
fn character_sets() {
    let latin = b"id,a,b\nk,M\xFCller,1\n";
    assert_eq!(texts(&parted(items(latin, Format::Csv, &two()).unwrap()).0), [["Müller", "1"]]);
    let mut utf8 = two();
    utf8.encoding = Encoding::Utf8;
    let mixed = b"id,a,b\nk,M\xFCller,1\nl,M\xC3\xBCller,2\n";
    let (records, rejects) = parted(items(mixed, Format::Csv, &utf8).unwrap());
    assert_eq!(codes(&rejects), [(2, "unreadable-encoding")]);
    assert_eq!(rejects[0].raw, b"k,M\xFCller,1");
    assert_eq!(texts(&records), [["Müller", "2"]]);
    let json = b"{\"id\":\"k\",\"a\":\"\xFC\"}\n{\"id\":\"l\",\"a\":\"\xC3\xBC\"}\n";
    let (records, rejects) = parted(items(json, Format::Ndjson, &utf8).unwrap());
    assert_eq!((codes(&rejects), texts(&records).len()), (vec![(1, "unreadable-encoding")], 1));
    let wide: Vec<u8> = "\u{FEFF}id,a\nk,1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(items(&wide, Format::Csv, &two()).unwrap_err().code, "file-utf16");
}

#[test]
fn json_lines() {
    let source = source("who.id")
        .with_attribute("n", "n", ValueType::Decimal)
        .with_attribute("list", "list", ValueType::Text)
        .with_attribute("who", "who", ValueType::Text)
        .with_ignored("skip");
    let text = "{\"who\":{\"id\":\"k\", \"x\": {\"y\": [1]}},\"n\":0.10,\"list\":[1, {\"a\" : \"b  c\"}],\"skip\":{\"deep\":1}}\r\n\
        \n   \n\
        {\"who.id\":\"l\",\"n\":12345678901234567890.5,\"odd\":null,\"more\":false}\n\
        [1]\n\
        7\n\
        null\n\
        {\"who\":{\"id\":\"k\"},\"who\":{\"id\":\"m\"}}\n\
        {\"who\":{\"id\":\"bad \\ud800\"}}\n\
        {\"who\":{\"id\":\"nul \\u0000\"}}\n\
        {\"n\":01}\n\
        {\"n\":1} x\n\
        {\"who\":\"flat\"}\n\
        {\"who\":{\"id\":\"\\u00fc\\n\"}}";
    let mut reading =
        read_bytes(text.into(), "test", Format::Ndjson, &source, "test", &options()).unwrap();
    let (records, rejects) = parted(reading.by_ref().map(Result::unwrap).collect());
    assert_eq!(
        codes(&rejects),
        [
            (5, "unreadable-not-an-object"),
            (6, "unreadable-not-an-object"),
            (7, "unreadable-not-an-object"),
            (8, "unreadable-duplicate-field"),
            (9, "unreadable-json"),
            (10, "unreadable-nul-character"),
            (11, "unreadable-json"),
            (12, "unreadable-json"),
            (13, "no-key"),
        ]
    );
    let keys: Vec<&str> = records.iter().map(|r| r.key.as_str()).collect();
    assert_eq!(keys, ["k", "l", "ü"]);
    assert_eq!(
        values(&source, &records[0]),
        [("n", "0.10")],
        "what holds fields is no value of its own: they may be anything"
    );
    assert_eq!(values(&source, &records[1]), [("n", "12345678901234567890.5")]);
    let unknown = [("list".into(), 1), ("who.x.y".into(), 1), ("more".into(), 1)];
    assert_eq!(reading.unknown_fields(), unknown);
    let error = items(b" [{\"id\":1}]", Format::Ndjson, &source).unwrap_err();
    assert_eq!(error.code, "file-json-array");
}

#[test]
fn workbooks() {
    let book = include_bytes!("../../fixtures/collect/customers.xlsx");
    let source = source("id")
        .with_observed(field("seen"))
        .with_attribute("name", "name", ValueType::Text)
        .with_attribute("born", "born", ValueType::Date)
        .with_attribute("points", "points", ValueType::Integer)
        .with_attribute("rate", "rate", ValueType::Decimal)
        .with_attribute("member", "member", ValueType::Boolean);
    let mut source = source;
    // Dates of cells are dates, whatever formats the source declares for texts.
    source.dates = vec!["%d.%m.%Y".into()];
    let mut reading =
        read_bytes(book.to_vec(), "test", Format::Xlsx, &source, "test", &options()).unwrap();
    let (records, rejects) = parted(reading.by_ref().map(Result::unwrap).collect());
    assert_eq!(codes(&rejects), [(5, "no-key"), (6, "unreadable-field-count")]);
    assert_eq!(rejects[0].raw, b",nobody,,,,,,x");
    let keys: Vec<_> = records.iter().map(|r| (r.line, r.key.as_str())).collect();
    assert_eq!(keys, [(2, "k1"), (3, "1002"), (7, "k5")]);
    assert_eq!(
        values(&source, &records[0]),
        [
            ("name", "Ann, the first"),
            ("born", "1990-05-17"),
            ("points", "12"),
            ("rate", "0.25"),
            ("member", "true")
        ]
    );
    assert_eq!(records[0].observed.unwrap().to_string(), "2026-03-03T14:30:05Z");
    assert_eq!(records[1].observed.unwrap().to_string(), "2026-03-04T00:00:00Z");
    assert_eq!(values(&source, &records[1])[2], ("rate", "1000"));
    // An error cell is no value, and isn't taken for an empty one; 1.5 is no whole number.
    assert!(records[2].values.is_empty());
    assert_eq!(
        refused(&records[2]),
        [("name", "spreadsheet_error"), ("points", "invalid_integer")]
    );
    assert_eq!(reading.unknown_fields(), [("note".into(), 2)]);
    assert_eq!(reading.header().unwrap(), b"id,name,born,seen,points,rate,member,note");
    let progress = reading.progress();
    assert_eq!(progress.bytes_read, progress.bytes_total);

    // What is hidden is read where it is named, and not for the first.
    let hidden = include_bytes!("../../fixtures/collect/hidden-sheet.xlsx");
    for (sheet, key) in [(None, "now"), (Some("Old".to_owned()), "old")] {
        let source = Source { sheet, ..source.clone() };
        let (records, _) = parted(items(hidden, Format::Xlsx, &source).unwrap());
        assert_eq!(records[0].key, key);
    }

    source.sheet = Some("Other".into());
    let (records, _) = parted(items(book, Format::Xlsx, &source).unwrap());
    let keys: Vec<_> = records.iter().map(|r| (r.line, r.key.as_str())).collect();
    assert_eq!(keys, [(4, "o1"), (1_048_576, "far")]);
    source.sheet = Some("None".into());
    let error = items(book, Format::Xlsx, &source).unwrap_err();
    assert!(error.code == "sheet-missing" && error.next.contains("Customers, Other"));
    let error = items(b"id,a\n", Format::Xlsx, &source).unwrap_err();
    assert_eq!(error.code, "workbook-unreadable");
}

#[test]
fn files_as_a_whole() {
    let code = |text: &str, format| items(text.as_bytes(), format, &two()).unwrap_err().code;
    assert_eq!(code("", Format::Csv), "file-empty");
    assert_eq!(code("\n\n\r\n", Format::Csv), "file-empty");
    assert_eq!(code("a,b\n1,2\n", Format::Csv), "key-column-missing");
    assert_eq!(code("id,a,a\n", Format::Csv), "header-name-twice");
    assert_eq!(code("id,a,\n", Format::Csv), "header-name-empty");
    assert_eq!(code("id,\"a\n", Format::Csv), "header-unreadable");
    assert_eq!(code(&"x".repeat(LINE_BYTES_MAX + 1), Format::Csv), "header-unreadable");
    assert!(items(b"id,a\n", Format::Csv, &two()).unwrap().is_empty());
    assert!(items(b"id", Format::Csv, &two()).unwrap().is_empty());
    assert!(items(b"", Format::Ndjson, &two()).unwrap().is_empty());
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str| folder.path().join(name);
    std::fs::create_dir(named("folder.csv")).unwrap();
    let code = |name: &str| read(&named(name), &two(), "test", &options()).err().unwrap().code;
    assert_eq!(code("folder.csv"), "file-is-folder");
    assert_eq!(code("missing.csv"), "file-not-found");
    assert_eq!(code("old.xls"), "format-unsupported");
    assert_eq!(code("what"), "format-unknown");
    std::fs::write(named("data.TSV"), "id\ta\tb\nk\t1\t2\n").unwrap();
    assert_eq!(read(&named("data.TSV"), &two(), "test", &options()).unwrap().count(), 1);
}

#[test]
fn rows_that_reach_over_chunks_are_whole() {
    let cell = |n: usize| format!("{n} \"\n{}\r\n", "ü".repeat(n % 300));
    let mut text = String::from("id,a,b\n");
    for n in 0..12_000 {
        text.push_str(&format!("k{n},{},x\n", naive_cell(&cell(n), ',', false)));
    }
    assert!(text.len() > 3 << 20);
    let (records, rejects) = csv(&text, &two());
    assert_eq!((records.len(), rejects.len()), (12_000, 0));
    for (n, record) in records.iter().enumerate() {
        assert_eq!(
            (record.line, record.values[0].text.as_str()),
            (2 + 3 * n as u64, cell(n).trim())
        );
    }
}

#[test]
fn long_lines_are_passed_over() {
    let long = "x".repeat(LINE_BYTES_MAX + 1);
    let text = format!("id,a,b\nk1,1,1\n{long}\nk2,\"{long}\",2\nk3,\"{long}\n\",2\nk4,4,4\n");
    let (records, rejects) = csv(&text, &two());
    assert_eq!(
        codes(&rejects),
        [
            (3, "unreadable-too-long"),
            (4, "unreadable-unclosed-quote"),
            (5, "unreadable-unclosed-quote"),
            (6, "unreadable-unclosed-quote"),
        ]
    );
    assert!(rejects[..3].iter().all(|reject| reject.raw.is_empty()));
    let keys: Vec<_> = records.iter().map(|r| (r.line, r.key.as_str())).collect();
    assert_eq!(keys, [(2, "k1"), (7, "k4")]);
    let text = format!("{{\"id\":\"k1\"}}\n{{\"a\":\"{long}\"}}\n{{\"id\":\"k2\"}}\n");
    let (records, rejects) = ndjson(&text, &two());
    assert_eq!((records.len(), codes(&rejects)), (2, vec![(2, "unreadable-too-long")]));
}

#[test]
fn deep_nesting_and_floods_of_names_are_harmless() {
    let deep = |open: &str, close: &str| {
        format!("{{\"id\":\"k\",\"a\":{}1{}}}\n", open.repeat(20_000), close.repeat(20_000))
    };
    let text = deep("[", "]") + &deep("{\"a\":", "}");
    // An object where the map has a value is an unknown field, and not looked into.
    assert_eq!(codes(&ndjson(&text, &two()).1), [(1, "unreadable-too-deep")]);
    let unmapped = text.replace("\"a\":[", "\"u\":[").replace("\"a\":{", "\"u\":{");
    assert_eq!(codes(&ndjson(&unmapped, &two()).1), [(2, "unreadable-too-deep")]);
    let flood: Vec<String> = (0..90_000).map(|n| format!("\"{n}\":1")).collect();
    let text = format!("{{\"id\":\"k\",{}}}\n", flood.join(","));
    assert_eq!(ndjson(&text, &two()).0.len(), 1);
    let quotes = format!("id,a,b\n{}", "k,\"\"\"\"\"\"\"x\",\"\n".repeat(50_000));
    assert_eq!(csv(&quotes, &two()).1.len(), 50_000);
}

#[test]
fn reading_resumes_where_it_stopped() {
    let mut text = String::from("basket,who,cents\n");
    for n in 0..400 {
        // Neighbouring events interleave; every seventh row has no key, every ninth is broken.
        let basket = n / 6 * 2 + n % 2;
        match n {
            n if n % 9 == 8 => text.push_str("\"broken\n"),
            n if n % 7 == 6 => text.push_str(&format!("n{n},,1\n")),
            _ => text.push_str(&format!("b{basket},\"k\n{basket}\",{n}\n")),
        }
    }
    let source = source("who").with_event(crate::policy::types::EventMap {
        id: Some(field("basket")),
        grouped: true,
        amount: Some(field("cents")),
        lines: takes(&[("cents", field("cents"))]),
        ..event("sale")
    });
    let all = items(text.as_bytes(), Format::Csv, &source).unwrap();
    assert!(all.len() > 150);
    for (at, item) in all.iter().enumerate() {
        let options = ReadOptions { start_line: item.resume_line, ..options() };
        let reading =
            read_bytes(text.clone().into(), "test", Format::Csv, &source, "test", &options);
        let again: Vec<Content> = reading.unwrap().map(|item| item.unwrap().content).collect();
        let rest: Vec<Content> = all[at + 1..].iter().map(|item| item.content.clone()).collect();
        assert!(again.ends_with(&rest), "after item {at}");
        // What comes twice came before, the same.
        let twice = &again[..again.len() - rest.len()];
        assert!(twice.iter().all(|c| all[..=at].iter().any(|item| item.content == *c)));
    }
    assert_eq!(all.last().unwrap().resume_line, text.lines().count() as u64 + 1);
}

#[test]
fn any_bytes_are_read_without_panic() {
    let seeds: [&[u8]; 6] = [
        b"a,b,c,d\n1,\"2\n3\",4,5\n\"",
        b"a;b;c\r\n;;\r\n\"\"\"",
        b"{\"a\":1,\"b\":\"x@y.zz\",\"c\":{\"d\":\"2020-01-01\"}}\n{\"a\":",
        b"\xEF\xBB\xBFa\n\xFF\n",
        b"\"\n\"",
        include_bytes!("../../fixtures/collect/customers.xlsx"),
    ];
    for seed in seeds {
        for cut in 0..seed.len().min(600) {
            let step = (seed.len() / 600).max(1);
            let bytes = &seed[..cut * step];
            fuzz::csv(bytes);
            fuzz::ndjson(bytes);
            fuzz::date(bytes);
            fuzz::identifiers(bytes);
            if seed.len() > 1_000 && cut % 20 == 0 {
                fuzz::xlsx(bytes);
                let mut damaged = seed.to_vec();
                damaged[cut * step] ^= 0x55;
                fuzz::xlsx(&damaged);
            }
        }
    }
}

/// A cell that a writer quotes when it must, and sometimes when it needn't.
fn naive_cell(text: &str, delimiter: char, always: bool) -> String {
    if always || text.contains([delimiter, '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

proptest! {
    #[test]
    fn what_a_naive_writer_wrote_is_read_back(
        rows in prop::collection::vec(
            ("[a-z]{1,3}", "[ab\",;|\t\r\nü€ ]{0,8}", "\\PC{0,12}", any::<bool>()), 0..12),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        line_end in prop::sample::select(vec!["\n", "\r\n"]),
        last in any::<bool>(),
    ) {
        let d = delimiter.to_string();
        let mut text = ["id", "a", "b"].join(&d) + line_end;
        for (at, (id, a, b, always)) in rows.iter().enumerate() {
            let cells = [id.as_str(), a, b].map(|cell| naive_cell(cell, delimiter, *always));
            text.push_str(&cells.join(&d));
            if last || at + 1 < rows.len() {
                text.push_str(line_end);
            }
        }
        let plan = {
            let mut plan = Plan::default();
            ["id", "a", "b"].iter().for_each(|name| _ = plan.want(name));
            plan
        };
        let feed = Feed::of_bytes(text.clone().into(), "test");
        let mut reader = Rows::open(feed, Format::Csv, &two(), &plan).unwrap();
        let mut row = Row::new();
        let mut line = 2;
        for (id, a, b, _) in &rows {
            prop_assert_eq!(reader.next(&mut row).unwrap(), Step::Row, "{:?}", text);
            let read = [0, 1, 2].map(|slot| row.get(slot).unwrap());
            prop_assert_eq!(read, [id.as_str(), a, b]);
            prop_assert_eq!(row.line, line);
            line += 1 + (a.matches('\n').count() + b.matches('\n').count()) as u64;
        }
        prop_assert_eq!(reader.next(&mut row).unwrap(), Step::End);
    }

    #[test]
    fn json_leaves_are_read_as_they_were_written(a in any::<String>(), n in any::<i64>(), f in any::<f64>()) {
        prop_assume!(!a.contains('\0') && f.is_finite());
        let mut plan = Plan::default();
        ["a", "x.n", "x.f"].iter().for_each(|name| _ = plan.want(name));
        let text = serde_json::json!({"x": {"n": n, "f": f}, "a": a}).to_string();
        let feed = Feed::of_bytes(text.into(), "test");
        let mut reader = Rows::open(feed, Format::Ndjson, &two(), &plan).unwrap();
        let mut row = Row::new();
        prop_assert_eq!(reader.next(&mut row).unwrap(), Step::Row);
        let float = serde_json::to_string(&f).unwrap();
        let expected = [a, n.to_string(), float];
        prop_assert_eq!([0, 1, 2].map(|slot| row.get(slot).unwrap().to_owned()), expected);
    }

    #[test]
    fn hostile_text_never_panics(bytes in prop::collection::vec(
        prop::sample::select(b"ab,;\"\n\r\t|{}[]:0-1.\\u\xFF\xC3\xBC\0 ".to_vec()), 0..200)) {
        let mut headed = b"a,b,c,d\n".to_vec();
        headed.extend_from_slice(&bytes);
        fuzz::csv(&headed);
        fuzz::csv(&bytes);
        fuzz::ndjson(&bytes);
    }
}

#[test]
fn a_header_that_stands_once_more_is_nobody() {
    let text = "id,seen\r\nk1,2026-01-01\r\nid,seen\r\nk2,2026-01-02\r\n";
    let (records, rejects) = csv(text, &source("id"));
    assert_eq!(records.iter().map(|r| &*r.key).collect::<Vec<_>>(), ["k1", "k2"]);
    assert_eq!(codes(&rejects), [(3, "header-again")]);
}
