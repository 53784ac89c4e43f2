//! `audit checkpoint`: hands the signed checkpoint out, in the form that suits its way.

use std::path::Path;

use candor::anchor::witness::witnessed_note;
use candor::base::error::{Error, Result};
use candor::ledger::checkpoint::Checkpoint;
use candor::ledger::note::Note;
use candor::store::reader;
use candor::verify;
use candor::view::qr_svg;

use crate::args::CheckpointForm;
use crate::{Answer, Context};

pub fn run(
    context: &Context,
    out: Option<&Path>,
    form: CheckpointForm,
    witnessed: bool,
) -> Result<Answer> {
    let file = out.filter(|path| *path != Path::new("-"));
    let file = file.map(|path| context.claim(path)).transpose()?;
    let note = match witnessed {
        false => verify::latest_checkpoint(context.path()?)?.ok_or_else(|| {
            Error::no("checkpoint-missing", "nothing was ever signed")
                .next("run `candor audit verify`")
        })?,
        true => witnessed_note(&reader(context.path()?)?, 0)?.map(|(_, note)| note).ok_or_else(
            || {
                Error::no("unwitnessed", "no witness has signed anything of this ledger")
                    .next("add one with `candor audit witness add`, then ask it")
            },
        )?,
    };
    let text = match form {
        CheckpointForm::Note => note.clone(),
        CheckpointForm::Mail => mail(&note)?,
        CheckpointForm::Qr => qr_svg(&note).ok_or_else(|| {
            Error::usage("qr-too-long", "the checkpoint is too long for a QR code")
                .next("hand it out as a note, with --form note")
        })?,
    };
    match file {
        Some(file) => file.write(text.as_bytes())?,
        _ if context.out.is_json() => {}
        _ => context.out.raw(&text),
    }
    context.out.give(&serde_json::json!({"checkpoint": note, "out": out}));
    Ok(Answer::Yes)
}

/// A mail (RFC 5322) without sender and recipient, which the mail program knows.
fn mail(note: &str) -> Result<String> {
    let Checkpoint { origin, size, .. } = Checkpoint::parse(&Note::parse(note.as_bytes())?.text)?;
    // A name that isn't ASCII would need an encoding of its own in a header.
    let subject = if origin.is_ascii() { origin.as_str() } else { "a ledger" };
    Ok(format!(
        "Subject: Checkpoint of {subject}: {size} entries
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Please keep this mail. The lines below state what the ledger {origin} held when
they were written; whoever keeps them can tell later whether it was changed:

  candor --store FILE audit verify --checkpoint NOTE --key VKEY

where NOTE is a file that holds exactly the lines between the two marks, and VKEY
the public key as you were given it by another way than this mail.

-----8<-----
{note}-----8<-----
"
    ))
}
