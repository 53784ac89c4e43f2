//! What a checked artefact proves, and what not, in words; and whether it agrees with the entries that
//! stand behind it.
//!
//! That an entry commits to a document shows who said it, and that it was not changed since. Where the
//! document speaks of another entry (a receipt of a consent, a certificate of an erasure), that entry is
//! shown as well, and the two must say the same.

use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::ledger::checkpoint::{SignedCheckpoint, Trust};
use crate::ledger::commit::{ItemKind, told};
use crate::ledger::proven::{Proven, ProvenEntry};

use super::check::Checked;
use super::prove::word;

/// The kinds of entries under which something is handed out, each with what it is.
const ISSUING: [(&str, &str); 4] = [
    ("access.export", "answer to a person"),
    ("certificate.issue", "erasure certificate"),
    ("receipt.issue", "consent receipt"),
    ("report.issue", "report"),
];

/// Says what a checkpoint proves.
pub(super) fn of_checkpoint(signed: &SignedCheckpoint) -> Checked {
    let mut checked = Checked::new("checkpoint", signed);
    signature(&mut checked);
    checked
        .not_proven
        .push("what any entry says: keep it, and the ledger can't be rewritten".into());
    limits(&mut checked);
    checked
}

/// Says what proofs of entries and items prove.
pub(super) fn of_entries(proven: &Proven) -> Checked {
    let mut checked = Checked::new("proof of an entry", &proven.signed);
    signature(&mut checked);
    for entry in &proven.entries {
        checked.proven.push(format!("the ledger holds {}", described(entry)));
        if let Some(payload) = &entry.payload {
            checked.proven.push(format!("entry {} commits to {payload}", entry.number));
        }
        if let Some((kind, number, content)) = &entry.item {
            let article = if *kind == ItemKind::Event { "an" } else { "a" };
            checked.artefact = format!("proof of {article} {}", word(*kind));
            checked.proven.push(format!(
                "the batch of entry {} holds, as {} {number}, {content}",
                entry.number,
                word(*kind)
            ));
        }
    }
    checked.not_proven.push("that what was entered is true".into());
    limits(&mut checked);
    checked
}

/// Says what a proof of growth proves.
pub(super) fn of_growth(from: &SignedCheckpoint, to: &SignedCheckpoint) -> Checked {
    let mut checked = Checked::new("proof of growth", to);
    signature(&mut checked);
    let (old, new) = (from.checkpoint.size, to.checkpoint.size);
    checked.proven.push(format!(
        "the first {old} of the {new} entries are those of the earlier checkpoint, none changed, none \
         removed"
    ));
    checked.not_proven.push("what any entry says".into());
    limits(&mut checked);
    checked
}

/// Says what a document proves that was handed out. `document` is all of it.
///
/// # Errors
/// `document-unknown` when its first entry hands nothing out; `document-disagrees` when it says other
/// than the entries behind it.
pub(super) fn of_document(proven: &Proven, document: &[u8]) -> Result<Checked> {
    let first = proven.entries.first().ok_or_else(|| disagrees("no entry is shown"))?;
    let (_, artefact) = ISSUING.iter().find(|(kind, _)| *kind == first.kind).ok_or_else(|| {
        Error::no("document-unknown", "the entry behind it hands no document out")
            .at(format!("entry {}", first.number))
            .next("take it for unproven, and ask whoever handed it out for it again")
    })?;
    let named = first.body["report"].as_str().map(|name| format!("{artefact} {name}"));
    let mut checked = Checked::new(named.unwrap_or_else(|| (*artefact).to_owned()), &proven.signed);
    signature(&mut checked);
    checked.proven.push(format!(
        "it is, byte for byte, what was handed out under {}; whoever has the key said this and can't take \
         it back",
        described(first)
    ));
    match first.kind.as_str() {
        "receipt.issue" => {
            checked.proven.push(receipt(proven, document)?);
            let decision = behind(proven, "consent.")?.kind.as_str();
            if !matches!(decision, "consent.given" | "consent.renewed") {
                "record of a consent decision".clone_into(&mut checked.artefact);
            }
        }
        "certificate.issue" => checked.proven.push(certificate(proven, document)?),
        _ => {}
    }
    checked.not_proven.push("that what it says is true or complete".into());
    checked.not_proven.push(
        "that the ledger still continues this checkpoint: ask for `candor audit prove --from` this one"
            .into(),
    );
    limits(&mut checked);
    Ok(checked)
}

/// A witness that was named must vouch.
pub(super) fn with_witnesses(mut checked: Checked, trust: &Trust) -> Checked {
    let silent = trust
        .witness_keys
        .iter()
        .find(|key| !checked.witnessed.iter().any(|(name, _)| name == key.name()));
    if let (true, Some(key)) = (checked.holds, silent) {
        checked.holds = false;
        checked.proven.clear();
        let what = "a witness that was named did not sign its checkpoint (what is entered after it was asked \
                    is under its next signature, which `candor audit prove --entry N` shows then)"
            .to_owned();
        checked.broken = Some(("witness-missing", what, key.name().to_owned()));
    }
    checked
}

fn signature(checked: &mut Checked) {
    let (size, origin) = (checked.size.unwrap_or(0), &checked.origin);
    checked.proven.push(format!("{origin} stated {size} entries and signed it with the named key"));
    for (name, at) in &checked.witnessed {
        checked.proven.push(format!("{name} saw this checkpoint by {at}"));
    }
}

fn limits(checked: &mut Checked) {
    if checked.witnessed.is_empty() {
        checked.not_proven.push(
            "when: times are the log's own, and no named witness vouches that all were shown this history"
                .into(),
        );
    }
}

fn described(entry: &ProvenEntry) -> String {
    format!("entry {} ({}, {}, by {})", entry.number, entry.kind, entry.at, entry.actor)
}

/// The consent behind a receipt must say what the receipt says.
fn receipt(proven: &Proven, document: &[u8]) -> Result<String> {
    let receipt = json(document)?;
    let behind = behind(proven, "consent.")?;
    let said = behind.payload.as_ref().ok_or_else(|| disagrees("its consent is not opened"))?;
    let at = Moment(said["at"].as_i64().ok_or_else(|| disagrees("its consent has no time"))?);
    let state = said["state"].as_str().unwrap_or_default();
    let notice = said["notice"].as_str().unwrap_or_default();
    // Of a "no" there is no receipt of a consent: the record itself is handed out.
    let record = match &receipt["@type"] {
        kind if kind == "dpv:ConsentRecord" => &receipt,
        _ => &receipt["dpv:hasRecordOfActivity"],
    };
    let same = if record.is_object() {
        let event = &record["dpv:hasConsentStatus"][0];
        let status = event["@type"].as_str().unwrap_or_default();
        record["dct:identifier"] == behind.number.to_string().as_str()
            && event["dpv:isIndicatedAtTime"]["@value"] == at.to_string().as_str()
            && record["dpv:hasNotice"]["dct:identifier"].as_str().unwrap_or_default() == notice
            && may_have_become(said, status)
    } else {
        let id = receipt["consentReceiptID"].as_str().unwrap_or_default();
        is_yes(state)
            && id.rsplit('/').next() == Some(&behind.number.to_string())
            && receipt["consentTimestamp"].as_i64() == Some(at.0 / 1000)
    };
    if !same {
        return Err(disagrees("it says other than the consent behind it"));
    }
    Ok(format!(
        "the consent it tells of is {}: {state} for {}, at {at}, notice {}",
        described(behind),
        said["purpose"].as_str().unwrap_or_default(),
        if notice.is_empty() { "none" } else { notice }
    ))
}

/// Whether what was said may stand so now: a yes may await its confirmation, or its time may have run
/// out; from nothing else does a yes come.
fn may_have_become(said: &Value, status: &str) -> bool {
    let state = said["state"].as_str().unwrap_or_default();
    match status {
        "dpv:ConsentGiven" => state == "given",
        "dpv:RenewedConsentGiven" => state == "renewed",
        "dpv:ConsentRequested" => {
            state == "requested" || (is_yes(state) && said["confirmed"] == false)
        }
        "dpv:ConsentExpired" => state == "expired" || is_yes(state),
        "dpv:ConsentStatusInvalidForProcessing" => is_yes(state),
        other => {
            matches!(state, "refused" | "withdrawn" | "invalidated")
                && other.to_ascii_lowercase().ends_with(state)
        }
    }
}

fn is_yes(state: &str) -> bool {
    matches!(state, "given" | "renewed")
}

/// The erasure behind a certificate must say what the certificate says.
fn certificate(proven: &Proven, document: &[u8]) -> Result<String> {
    let behind = behind(proven, "erasure")?;
    // A page is for people: which erasure it tells of stands in the entry that hands it out.
    let is_page = document.trim_ascii_start().starts_with(b"<");
    let says_so = if is_page {
        true
    } else {
        let certificate = json(document)?;
        certificate["entry"].as_u64() == Some(behind.number)
            && certificate["request"] == behind.body["req"]
            && certificate["origin"] == proven.signed.checkpoint.origin.as_str()
            && certificate["records"].as_array().map(Vec::len).map(Value::from)
                == Some(behind.body["records"].clone())
            && told(&certificate).as_deref() == behind.body["told"].as_str()
    };
    let handed_out = proven.entries.first().and_then(|first| first.body["erasure"].as_u64());
    if !says_so || handed_out != Some(behind.number) {
        return Err(disagrees("it says other than the erasure behind it"));
    }
    let seqs = behind.body["seqs"].as_array().map_or(0, Vec::len);
    let bound = match is_page {
        true => "",
        false => ", and it commits to the counts, grounds and recipients that are told here",
    };
    Ok(format!(
        "the erasure it tells of is {}: {} values, {} events and {seqs} sealed texts of {} records{bound}",
        described(behind),
        behind.body["values"],
        behind.body["events"],
        behind.body["records"]
    ))
}

fn behind<'a>(proven: &'a Proven, kind: &str) -> Result<&'a ProvenEntry> {
    let entry = proven.entries.get(1).filter(|entry| entry.kind.starts_with(kind));
    entry.ok_or_else(|| disagrees("the entry that it tells of is not shown"))
}

fn json(document: &[u8]) -> Result<Value> {
    serde_json::from_slice(document).map_err(|_| disagrees("it is no JSON document"))
}

fn disagrees(what: &str) -> Error {
    Error::no("document-disagrees", what)
        .next("take it for unproven, and ask whoever handed it out for it again")
}
