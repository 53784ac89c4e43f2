//! `audit verify|checkpoint|report`; `prove`, `check` and `bundle` have a file of their own.

use std::path::{Path, PathBuf};

use candor::base::error::{Error, Result, io};
use candor::evidence::check::checkpoint_in;
use candor::verify::{self, Claim, Depth, Held, Options, Report, Standing};

use crate::args::Audit;
use crate::{Answer, Context, evidence, report};

pub fn run(context: &Context, command: &Audit) -> Result<Answer> {
    match command {
        Audit::Verify { deep, checkpoint, key } => {
            check(context, *deep, checkpoint, key.as_deref())
        }
        Audit::Checkpoint { out } => checkpoint_out(context, out.as_deref()),
        Audit::Report(args) => report::run(context, args),
        Audit::Prove(args) => evidence::prove(context, args),
        Audit::Check(args) => evidence::check(context, args),
        Audit::Bundle(args) => evidence::bundle(context, args),
    }
}

fn check(context: &Context, deep: bool, held: &[PathBuf], key: Option<&str>) -> Result<Answer> {
    let held = held
        .iter()
        .map(|path| {
            let note = checkpoint_in(path)?;
            Ok(Held { name: path.display().to_string(), note })
        })
        .collect::<Result<Vec<_>>>()?;
    let options = Options {
        depth: if deep { Depth::Deep } else { Depth::Ledger },
        key: key.map(str::parse).transpose()?,
        held,
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

fn checkpoint_out(context: &Context, out: Option<&Path>) -> Result<Answer> {
    let note = verify::latest_checkpoint(context.path()?)?
        .ok_or_else(|| Error::no("checkpoint-missing", "nothing was ever signed"))?;
    match out {
        Some(path) => std::fs::write(path, &note).map_err(io(path))?,
        None if context.out.is_json() => {}
        None => context.out.raw(&note),
    }
    context.out.give(&serde_json::json!({"checkpoint": note, "out": out}));
    Ok(Answer::Yes)
}
