//! The erasure certificate as a document for people: what was erased, what the law keeps, and the
//! signed checkpoint, which a telephone can read from the page.

use crate::view::{Block, Document, NoteKind, Table};

use super::erase::Certificate;

impl Certificate {
    /// The certificate as a document; like the JSON it holds nothing personal.
    #[must_use]
    pub fn document(&self) -> Document {
        let mut page = Document::new(
            "Certificate of erasure (Art 17)",
            format!("{}; ledger {}, entry {}", self.controller, self.origin, self.entry),
        );
        page.push(Block::Facts(vec![
            ("controller".into(), self.controller.clone()),
            ("request".into(), self.request.to_string()),
            ("received".into(), self.received_at.clone()),
            ("due".into(), self.due_on.clone()),
            ("erased".into(), self.erased_at.clone()),
            ("ledger entries".into(), format!("{}, {}", self.entry, self.closed_entry)),
        ]));
        page.push(Block::Heading(2, "What was erased".into()));
        let columns = ["category", "erased", "kept", "ground", "because", "until"];
        let mut table = Table::new("What was erased and what is kept, by category", columns);
        for row in &self.categories {
            let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
            table.push([
                row.category.clone(),
                row.erased.to_string(),
                row.kept.to_string(),
                or_empty(&row.ground),
                or_empty(&row.because),
                or_empty(&row.until),
            ]);
        }
        page.push(Block::Table(table));
        if let Some(id) = &self.kept_as {
            page.push(Block::Paragraph(format!(
                "What is kept can still be asked for (Art 15): the controller finds it under {id}, a \
                 number that means nothing to anybody else."
            )));
        }
        if !self.recipients.is_empty() {
            let mut table = Table::new("Recipients to be told (Art 19)", ["recipient", "times"]);
            for row in &self.recipients {
                table.push([row.recipient.clone(), row.disclosures.to_string()]);
            }
            page.push(Block::Table(table));
        }
        page.push(match &self.scan {
            Some(scan) => {
                let kind = if scan.found == 0 { NoteKind::Good } else { NoteKind::Problem };
                Block::Note(kind, scan.sentence())
            }
            None => Block::Note(
                NoteKind::Info,
                "This copy was made later, when what to look for in the files was gone with the person. \
                 Deep verification of the store shows that the erased rows hold nothing."
                    .into(),
            ),
        });
        page.push(Block::Heading(2, "Proof".into()));
        page.push(Block::Paragraph(
            "The lines below are the ledger's signed checkpoint. Whoever keeps them can tell later \
             whether the ledger was changed. The public key must come from the controller by another \
             way than this page."
                .into(),
        ));
        page.push(Block::Code("The signed checkpoint".into(), self.checkpoint.clone()));
        page.push(Block::Facts(vec![("public key".into(), self.vkey.clone())]));
        page
    }
}
