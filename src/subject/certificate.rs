//! The erasure certificate: what was erased, what the law keeps, and the signed checkpoint, as a document
//! for programs and as a page for people, which a telephone can read the checkpoint from.
//!
//! It can be had again: what it says beyond the ledger stands in the journal beside the key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::evidence::{self, Issued, Opening};
use crate::ledger::carrier::Carrier;
use crate::ledger::commit;
use crate::ledger::leaf::Leaf;
use crate::store::{ErasureNote, Store, erasures_path, leaf, vouching_keys};
use crate::view::{Block, Document, NoteKind, Table};

use super::erase::{CategoryDecision, RecipientToTell};
use super::finish::{finish_open, note_of, scan_of};
use super::scan::ScanReport;
use super::sql::{self, RequestKind, RequestRow};

/// The form of a certificate.
const SCHEMA: &str = "candor.erasure-certificate/1";

/// What stands in a certificate, for whoever hands it on.
pub const HOLDS: &str = "no names and no contents; its keyed fingerprints, record numbers and id are pseudonymous \
                         data of the person for whoever holds this store's key, and name nobody to others";

/// The proof of an erasure. What it holds of the person is said by [`HOLDS`].
#[derive(Clone, Debug, Serialize)]
pub struct Certificate {
    /// The form of this document.
    pub schema: &'static str,
    /// The ledger's name and public key.
    pub origin: String,
    /// Who answers for it: the controller's name.
    pub controller: String,
    /// The id by which what the law keeps is found and told of (`candor access ID`); absent where
    /// nothing is kept. Like the numbers below it means nothing outside the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_as: Option<String>,
    /// The key that signed the checkpoint.
    pub vkey: String,
    /// The request's number.
    pub request: i64,
    /// When the request was received.
    pub received_at: String,
    /// By when it had to be answered.
    pub due_on: String,
    /// When it was carried out.
    pub erased_at: String,
    /// The ledger entry of the erasure.
    pub entry: i64,
    /// The ledger entry that closed the request.
    pub closed_entry: i64,
    /// What was done, by category.
    pub categories: Vec<CategoryDecision>,
    /// Rows by table: how many were overwritten or deleted.
    pub rows: BTreeMap<String, u64>,
    /// Numbers of the erased records: they mean nothing outside the store.
    pub records: Vec<i64>,
    /// Keyed fingerprints that keep the person out: they name nobody without the store's secret.
    pub fingerprints: Vec<String>,
    /// Recipients who must be told (Art 19).
    pub recipients: Vec<RecipientToTell>,
    /// 16 random bytes in hexadecimal: with them the entry of the erasure commits to what is told here.
    pub salt: String,
    /// The look at the raw files before the request was closed.
    pub scan: ScanReport,
    /// The ledger's root before, which later checkpoints still contain.
    pub checkpoint_before: String,
    /// The signed checkpoint that covers the erasure.
    pub checkpoint: String,
}

/// What a certificate says that neither the ledger nor the request's row does. The journal beside the key
/// keeps it, and the erasure's entry commits to it (`ledger::commit::told`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub controller: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_as: Option<String>,
    pub categories: Vec<CategoryDecision>,
    pub rows: BTreeMap<String, u64>,
    pub recipients: Vec<RecipientToTell>,
    pub salt: String,
}

/// The certificate of an erasure that was carried out before, for whoever lost it or never had it; one
/// that was ended before its proof is finished first.
///
/// # Errors
/// `request-unknown`, `request-no-erasure`; `journal-silent` where the journal beside the key doesn't
/// know the erasure, `journal-differs` where it says other than the key signed; `erasure-blocked` as [`erase`](super::erase::erase).
pub fn certificate_of(store: &mut Store, request: i64, now: Moment) -> Result<Certificate> {
    finish_open(store, now)?;
    let row = sql::request(store.conn(), request)?.ok_or_else(|| {
        Error::no("request-unknown", "there is no request of this number")
            .next("`candor request list` shows them")
    })?;
    if row.kind != RequestKind::Erasure as i64 || row.closed_entry == 0 {
        return Err(Error::no(
            "request-no-erasure",
            "this request is no erasure that was carried out",
        )
        .next("`candor request list` shows them"));
    }
    let note = note_of(store, request)?;
    if let Some(note) = &note {
        check_note(store, note)?;
    }
    certify(store, request, &row, note)
}

/// The journal lies where others may write: what it says must be what the key and the ledger said.
fn check_note(store: &Store, note: &ErasureNote) -> Result<()> {
    let leaf = leaf(store.conn(), i64::try_from(note.entry).unwrap_or(-1))?.unwrap_or_default();
    let body = Leaf::parse_strict(&leaf).ok().and_then(|leaf| leaf.body).unwrap_or_default();
    let told = note.told.as_ref().and_then(commit::told);
    if note.is_signed_by(&vouching_keys(store.conn())?) && told.as_deref() == body["told"].as_str()
    {
        return Ok(());
    }
    Err(Error::no(
        "journal-differs",
        "the journal beside the key says other of this erasure than its key signed",
    )
    .at(erasures_path(store.path()).display())
    .next("put the journal back from a copy; the ledger entry itself is proven by `audit prove`"))
}

/// Puts a certificate together from the request's row, the entry that closed it and the journal's note.
pub(super) fn certify(
    store: &Store,
    request: i64,
    row: &RequestRow,
    note: Option<ErasureNote>,
) -> Result<Certificate> {
    let silent = || {
        Error::no("journal-silent", "the journal beside the key doesn't tell of it")
            .at(erasures_path(store.path()).display())
            .next("put the journal and the key back; the ledger entry itself is proven by `audit prove`")
    };
    let note = note.ok_or_else(silent)?;
    let told = note.told.and_then(|told| serde_json::from_value::<Told>(told).ok());
    let told = told.ok_or_else(silent)?;
    let signer = store.signer().ok_or_else(silent)?;
    Ok(Certificate {
        schema: SCHEMA,
        origin: store.log().origin().to_owned(),
        controller: told.controller,
        kept_as: told.kept_as,
        vkey: signer.vkey().to_owned(),
        request,
        received_at: row.opened_at.to_string(),
        due_on: row.due_on.clone(),
        erased_at: Moment(note.at).to_string(),
        entry: i64::try_from(note.entry).unwrap_or(0),
        closed_entry: row.closed_entry,
        categories: told.categories,
        rows: told.rows,
        records: note.records,
        fingerprints: note.fingerprints,
        recipients: told.recipients,
        salt: told.salt,
        scan: scan_of(store, row.closed_entry)?.ok_or_else(silent)?,
        checkpoint_before: sql::checkpoint_before(store.conn(), row.opened_entry)?
            .unwrap_or_default(),
        checkpoint: signer.note(store.log())?,
    })
}

/// How a certificate is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateForm {
    /// For programs; a restore can read it too.
    Json,
    /// A page for people, with the checkpoint as a QR code.
    Page,
}

/// Issues a certificate: it carries the proof that it was handed out, and the erasure's entry.
///
/// # Errors
/// Those of [`Store::write`].
pub fn issue_certificate(
    store: &mut Store,
    certificate: &Certificate,
    form: CertificateForm,
    now: Moment,
) -> Result<String> {
    let (carrier, text) = match form {
        CertificateForm::Json => {
            let text = serde_json::to_string_pretty(certificate).expect("a certificate is JSON");
            (Carrier::Json, text)
        }
        CertificateForm::Page => (Carrier::Page, certificate.document().to_html("en")),
    };
    let mut body = serde_json::Map::new();
    body.insert("erasure".to_owned(), certificate.entry.into());
    let issued = Issued {
        kind: "certificate.issue",
        body,
        about: None,
        behind: vec![(certificate.entry, Opening::Sealed)],
    };
    evidence::issue(store, &issued, carrier, &text, now)
}

impl Certificate {
    /// The certificate as a document; like the JSON it holds of the person what [`HOLDS`] says.
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
                row.until_words().to_owned(),
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
            let mut table =
                Table::new("Recipients to be told (Art 19)", ["recipient", "times", "told"]);
            for row in &self.recipients {
                let told = if row.told_by_message {
                    "by a message, which waits until it is taken"
                } else {
                    "by hand"
                };
                table.push([row.recipient.clone(), row.disclosures.to_string(), told.to_owned()]);
            }
            page.push(Block::Table(table));
        }
        page.push(Block::Paragraph(format!("This certificate holds {HOLDS} (Art 4(5)).")));
        let kind = if self.scan.found == 0 { NoteKind::Good } else { NoteKind::Problem };
        page.push(Block::Note(kind, self.scan.sentence()));
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
