//! `audit verify`, and where the other `audit` commands stand.

use std::path::{Path, PathBuf};

use candor::base::error::{Result, io};
use candor::verify::{self, Claim, Depth, Held, Options, Report, Standing};

use crate::args::Audit;
use crate::{Answer, Context, checkpoint, report, witness};

pub fn run(context: &Context, command: &Audit) -> Result<Answer> {
    match command {
        Audit::Verify { deep, checkpoint, key, witness } => {
            check(context, *deep, checkpoint, key.as_deref(), witness)
        }
        Audit::Checkpoint { out, form, witnessed } => {
            checkpoint::run(context, out.as_deref(), *form, *witnessed)
        }
        Audit::Witness(command) => witness::audit(context, command),
        Audit::Timestamp { tsa, timeout, out } => match (tsa, out) {
            (Some(tsa), _) => witness::timestamp(context, tsa, *timeout),
            (None, out) => {
                witness::export_timestamps(context, out.as_deref().unwrap_or(Path::new(".")))
            }
        },
        Audit::Report(args) => report::run(context, args),
    }
}

fn check(
    context: &Context,
    deep: bool,
    held: &[PathBuf],
    key: Option<&str>,
    witnesses: &[String],
) -> Result<Answer> {
    let held = held
        .iter()
        .map(|path| {
            let note = std::fs::read(path).map_err(io(path))?;
            Ok(Held { name: path.display().to_string(), note })
        })
        .collect::<Result<Vec<_>>>()?;
    let options = Options {
        depth: if deep { Depth::Deep } else { Depth::Ledger },
        key: key.map(str::parse).transpose()?,
        held,
        witnesses: witnesses.iter().map(|vkey| vkey.parse()).collect::<Result<_>>()?,
    };
    let report = verify::verify(context.path()?, &options)?;
    say(context, &report);
    context.out.give(&report);
    Ok(if report.holds { Answer::Yes } else { Answer::No })
}

fn say(context: &Context, report: &Report) {
    let out = &context.out;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    out.say(format!("ledger      {}", report.origin));
    out.say(format!("entries     {}", report.entries));
    out.say(format!("root        {}", or_none(&report.root)));
    out.say(format!("head        {}", or_none(&report.head)));
    out.say(format!(
        "checkpoints {}, the last over {} entries, the last of them written {}",
        report.checkpoints,
        report.signed_to,
        or_none(&report.last_checkpoint_at)
    ));
    out.say(format!(
        "since kept  {} entries after the last checkpoint kept elsewhere",
        report.entries_since_held
    ));
    for witnessed in &report.witnesses {
        out.say(format!(
            "witnessed   {} entries by {}, at {}",
            witnessed.size, witnessed.witness, witnessed.at
        ));
    }
    out.say(match &report.unwitnessed_since {
        Some(since) => format!("unwitnessed {} entries, since {since}", report.unwitnessed),
        None => format!("unwitnessed {} entries", report.unwitnessed),
    });
    for claim in &report.claims {
        say_claim(context, claim);
    }
    out.say("what this does not prove:");
    for line in &report.not_proven {
        out.say(format!("  {line}"));
    }
    out.say(if report.holds { "nothing is broken" } else { "BROKEN" });
}

fn say_claim(context: &Context, claim: &Claim) {
    let standing = match claim.standing {
        Standing::Proven => "proven    ",
        Standing::NotProven => "not proven",
        Standing::Broken => "BROKEN    ",
    };
    let erased =
        if claim.erased > 0 { format!(", {} erased", claim.erased) } else { String::new() };
    context.out.say(format!("{standing}  {} ({}{erased})", claim.what, claim.checked));
    for fault in &claim.faults {
        let entry = fault.entry.map(|n| format!(" [entry {n}]")).unwrap_or_default();
        context.out.say(format!("            {}: {}{entry}", fault.code, fault.what));
    }
    if claim.faults_untold > 0 {
        context.out.say(format!("            and {} more", claim.faults_untold));
    }
}
