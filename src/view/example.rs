//! Documents for the tests of the renderers.

use proptest::prelude::*;

use super::{Bar, Block, Chart, ChartKind, Document, NoteKind, Table};

/// An access package in small, with every kind of block.
pub(crate) fn access_package() -> Document {
    let mut document = Document::new(
        "What we hold about you",
        "Answer of Tern & Pine to your request of 5 March 2026, as of 9 March 2026, 10:00 (Europe/Dublin)",
    );
    let orders = |rows: &[[&str; 5]]| {
        let mut table = Table::new(
            "Your orders (event.order, purpose “Deliver what was bought”)",
            ["Order", "Placed", "What", "Items", "Total (EUR)"],
        );
        for row in rows {
            table.push(row.iter().copied());
        }
        Block::Table(table)
    };
    let mut attributes = Table::new(
        "Each value with its reason",
        ["Value", "Content", "From", "Purposes and lawful basis", "Kept until"],
    );
    attributes
        .push([
            "E-mail address",
            "ann.o'hara@example.com",
            "Web shop",
            "Deliver what was bought (contract); Monthly letter (consent of 12 May 2025)",
            "2032-02-28",
        ])
        .push([
            "Name",
            "Ann O'Hara <Annie>",
            "Web shop",
            "Deliver what was bought (contract)",
            "2032-02-28",
        ])
        .push([
            "Telephone",
            "+353861234567",
            "Loyalty card form",
            "Deliver what was bought (contract)",
            "2032-02-28",
        ])
        .push([
            "Language",
            "en-IE",
            "Newsletter form",
            "Monthly letter (consent of 12 May 2025)",
            "when you withdraw",
        ]);
    let mut recipients = Table::new(
        "Who received your data (GDPR Art 15(1)(c))",
        ["Recipient", "Country", "What", "Why", "Times", "Last"],
    );
    recipients
        .push([
            "Postbird Ltd",
            "IE",
            "email, first name, language",
            "Monthly letter",
            "9",
            "2026-03-01",
        ])
        .push([
            "Parcel Express GmbH",
            "DE",
            "name, address, telephone",
            "Deliver what was bought",
            "3",
            "2026-02-28",
        ]);
    document
        .push(Block::Paragraph(
            "Yes, we process personal data about you. This page is a copy of all of it, with the reason \
             for each value. The same content is in the files beside it, in formats that other programs \
             can read."
                .into(),
        ))
        .push(Block::Facts(vec![
            ("Controller".into(), "Tern & Pine, 4 Quay Street, Galway, Ireland".into()),
            ("Contact".into(), "privacy@ternandpine.example".into()),
            ("Request".into(), "R-2026-0017, access (Art 15), received 5 March 2026".into()),
            ("Due by".into(), "Tuesday 7 April 2026".into()),
        ]))
        .push(Block::Note(
            NoteKind::Good,
            "The ledger was verified before this answer was made: 48,211 entries, root signed on 9 March \
             2026."
                .into(),
        ))
        .push(Block::Heading(2, "What we know".into()))
        .push(Block::Table(attributes))
        .push(Block::Heading(2, "What happened".into()))
        .push(Block::Heading(3, "Orders".into()))
        .push(orders(&[
            ["#10412", "2025-05-12", "Linen apron", "1", "48.00"],
            ["#10988", "2025-11-30", "Oak board, tea towels", "3", "1,120.50"],
            ["#11270", "2026-02-28", "Return of tea towels", "2", "-24.00"],
        ]))
        .push(Block::Heading(3, "Letters".into()))
        .push(Block::Table(Table::new("Letters that were opened", ["Sent", "Opened"])))
        .push(Block::Heading(2, "Who received it".into()))
        .push(Block::Table(recipients))
        .push(Block::Heading(2, "Your consent".into()))
        .push(Block::Paragraph(
            "On 12 May 2025 you ticked the box of the newsletter form, version 3, which said:\n“Yes, send \
             me the monthly letter. I can stop it at any time.”"
                .into(),
        ))
        .push(Block::Note(
            NoteKind::Warning,
            "You can withdraw this consent at any time; we then stop at once and erase what rests on it \
             alone."
                .into(),
        ))
        .push(Block::Heading(2, "Proof".into()))
        .push(Block::Preformatted(
            "entry   48190  consent given, newsletter, email\n\
             leaf    9c1185a5c5e9fc54612808977ee8f548b2258d31e7c4b6f0f9a4d1b2a3c4d5e6\n\
             root    47dc540c94ceb704a23875c11273e16bb0b8a87aed84de911f2133568115f254\n\
             \x20 check it:  candor audit verify --checkpoint checkpoint.txt"
                .into(),
        ))
        .push(Block::Note(NoteKind::Problem, "One letter could not be matched to its template.".into()))
        .push(Block::Note(NoteKind::Info, "This answer is free of charge.".into()));
    document
}

/// Documents of all shapes, filled with the given texts.
pub(crate) fn any_document(text: BoxedStrategy<String>) -> impl Strategy<Value = Document> {
    let many = |max| prop::collection::vec(text.clone(), 0..max);
    let kind = prop::sample::select(vec![
        NoteKind::Info,
        NoteKind::Good,
        NoteKind::Warning,
        NoteKind::Problem,
    ]);
    let block = prop_oneof![
        (any::<u8>(), text.clone()).prop_map(|(level, t)| Block::Heading(level, t)),
        text.clone().prop_map(Block::Paragraph),
        prop::collection::vec((text.clone(), text.clone()), 0..4).prop_map(Block::Facts),
        (text.clone(), many(4), prop::collection::vec(many(5), 0..4), any::<bool>()).prop_map(
            |(caption, columns, rows, entries)| {
                let table = Table { caption, columns, rows };
                if entries { Block::Entries(table) } else { Block::Table(table) }
            }
        ),
        (kind, text.clone()).prop_map(|(kind, t)| Block::Note(kind, t)),
        text.clone().prop_map(Block::Preformatted),
        (
            text.clone(),
            text.clone(),
            any::<bool>(),
            prop::collection::vec((text.clone(), -99_999i64..99_999), 0..4),
        )
            .prop_map(|(caption, unit, falls, bars)| {
                let bars = bars.into_iter().map(|(label, thousandths)| Bar { label, thousandths });
                let kind = if falls { ChartKind::Waterfall } else { ChartKind::Bars };
                Block::Chart(Chart { caption, unit, kind, bars: bars.collect() })
            }),
    ];
    (text.clone(), text.clone(), prop::collection::vec(block, 0..8))
        .prop_map(|(title, subtitle, blocks)| Document { title, subtitle, blocks })
}
