//! Entry points for fuzzing: each takes any bytes and must never panic, whatever they hold.

use std::collections::BTreeMap;

use super::consent_strings::{Gpp, Tcf, Usp};
use super::dates::DateReader;
use super::identifiers::{is_placeholder, normalise};
use super::row::Kind as TextKind;
use super::sent::Read;
use super::tracking::{Arrival, Call, Kind, Reader, item_of_query, read};
use super::webhook::{self, Written};
use super::{ReadOptions, read_bytes};
use crate::base::clock::Moment;
use crate::policy::types::{
    AmountUnit, ConsentMap, Controller, Encoding, EventMap, FieldMap, Format, IdentifierForm,
    Policy, Source, Take, Target, ValueType,
};

/// Reads the bytes as CSV, for each character set.
pub fn csv(bytes: &[u8]) {
    for encoding in [Encoding::Detect, Encoding::Utf8, Encoding::Windows1252] {
        drain(bytes, Format::Csv, encoding);
    }
}

/// Reads the bytes as NDJSON.
pub fn ndjson(bytes: &[u8]) {
    for encoding in [Encoding::Detect, Encoding::Utf8] {
        drain(bytes, Format::Ndjson, encoding);
    }
}

/// Reads the bytes as a workbook.
pub fn xlsx(bytes: &[u8]) {
    drain(bytes, Format::Xlsx, Encoding::Detect);
}

/// Reads the bytes as the body of calls of the tracking API, and as a query.
pub fn tracking(bytes: &[u8]) {
    let arrival = Arrival { at: Moment(1_700_000_000_000), privacy_signal: true };
    let format = Some(Format::Tracking);
    let source = Source { format, key: "person".into(), ..source(Encoding::Utf8, false) };
    let controller = Controller { timezone: "UTC".into(), ..Controller::default() };
    let policy = Policy { controller, ..Policy::default() };
    let mut reader = Reader::new(&policy, &source).expect("the map is sound");
    let (_, query) = item_of_query(&String::from_utf8_lossy(bytes));
    let calls = Kind::ALL.map(Call::One).into_iter().chain([Call::Batch]);
    for (call, bytes) in calls.flat_map(|call| [(call, bytes), (call, query.as_bytes())]) {
        let Ok(body) = read(call, bytes, arrival) else { continue };
        for shape in body.items.iter().filter_map(|item| item.shape.as_ref().ok()) {
            if let Ok(record) = reader.read(shape, 1, arrival.at).record {
                assert!(!record.key.is_empty(), "a record is somebody's");
            }
        }
    }
}

/// Reads the bytes as the body of a webhook, as JSON and as a form.
pub fn webhook(bytes: &[u8]) {
    let arrived = Moment(1_700_000_000_000);
    let source = Source { format: Some(Format::Webhook), ..source(Encoding::Utf8, false) };
    let controller = Controller { timezone: "UTC".into(), ..Controller::default() };
    let policy = Policy { controller, ..Policy::default() };
    let mut reader = webhook::Reader::new(&policy, &source).expect("the map is sound");
    for (written, items) in
        [(Written::Json, None), (Written::Json, Some("a.b")), (Written::Form, None)]
    {
        for row in webhook::rows(bytes, written, items).unwrap_or_default() {
            if let Ok(Read { record: Ok(record), .. }) = reader.read(&row, 1, arrived) {
                assert!(!record.key.is_empty(), "a record is somebody's");
            }
        }
    }
}

/// Reads the bytes as each kind of consent string.
pub fn consent_strings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let written = [
        Tcf::read(&text).map(|read| read.write()),
        Gpp::read(&text).map(|read| read.write()),
        Usp::read(&text).map(|read| read.write()),
    ];
    for written in written.into_iter().flatten() {
        let fields: serde_json::Value = serde_json::from_str(&written).expect("fields are JSON");
        assert_eq!(fields["string"], *text, "a string stays as it came");
    }
}

/// Reads the bytes as a date, and as a date format with the text behind a line end.
pub fn date(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (format, text) = text.split_once('\n').unwrap_or(("%d.%m.%Y %H:%M", &text));
    for formats in [vec![], vec![format.to_owned()]] {
        if let Ok(mut reader) = DateReader::new(&formats, "Europe/Dublin") {
            for kind in [TextKind::Bare, TextKind::Iso] {
                reader.moment(text, kind);
                reader.date(text, kind);
            }
        }
    }
}

/// Normalises the bytes as each form of identifier.
pub fn identifiers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for form in [IdentifierForm::Email, IdentifierForm::Phone, IdentifierForm::Text] {
        is_placeholder(form, &text);
        for country in [None, Some("DE"), Some("US"), Some("HU")] {
            if let Ok(normal) = normalise(form, &text, country) {
                assert_eq!(normalise(form, &normal, country).as_ref(), Ok(&normal));
            }
        }
    }
}

fn drain(bytes: &[u8], format: Format, encoding: Encoding) {
    for grouped in [false, true] {
        let source = source(encoding, grouped);
        let identifiers = BTreeMap::new();
        let options = ReadOptions {
            start_line: 1,
            timezone: "Europe/Dublin",
            identifiers: &identifiers,
            latest: Moment(1_700_000_000_000),
        };
        if let Ok(reading) = read_bytes(bytes.to_vec(), "fuzz", format, &source, "fuzz", &options) {
            let mut rows = 0;
            for item in reading {
                let Ok(item) = item else { break };
                assert!(item.rows >= rows, "rows are counted upwards");
                rows = item.rows;
            }
        }
    }
}

/// A source that reads the columns `a` to `d` as everything that there is.
fn source(encoding: Encoding, grouped: bool) -> Source {
    let field = |name: &str| Take::Field { from: name.into(), values: BTreeMap::new() };
    let map = |name: &str, target, value_type| FieldMap {
        take: field(name),
        target,
        category: "any".into(),
        value_type,
        dates: Vec::new(),
        verified: None,
    };
    Source {
        title: String::new(),
        format: None,
        webhook: None,
        items: None,
        only: BTreeMap::new(),
        delimiter: None,
        encoding,
        sheet: None,
        key: "a".into(),
        observed: Some(field("b")),
        dates: Vec::new(),
        timezone: None,
        phone_country: Some("IE".into()),
        own: false,
        indirect: false,
        purposes: Vec::new(),
        fields: vec![
            map("b", Target::Identifier("email".into()), ValueType::Text),
            map("b", Target::Identifier("phone".into()), ValueType::Text),
            map("c", Target::Attribute("decimal".into()), ValueType::Decimal),
            map("c.d", Target::Attribute("date".into()), ValueType::Date),
        ],
        consents: vec![ConsentMap {
            purpose: Take::Fixed("p".into()),
            channel: Some(field("b")),
            state: field("c"),
            at: Some(field("d")),
            notice: Some(field("b")),
            notice_version: Some(field("d")),
            language: Some(field("b")),
            method: None,
            confirmed_at: Some(field("b")),
            explicit: false,
        }],
        events: vec![EventMap {
            name: "e".into(),
            category: "any".into(),
            when: BTreeMap::new(),
            id: Some(field("b")),
            at: None,
            grouped,
            amount: Some(field("c")),
            amount_unit: if grouped { AmountUnit::Major } else { AmountUnit::Smallest },
            currency: Some("EUR".into()),
            properties: BTreeMap::from([("x".into(), field("d")), ("k".into(), field("c"))]),
            lines: BTreeMap::from([("z".into(), field("d"))]),
        }],
    }
}
