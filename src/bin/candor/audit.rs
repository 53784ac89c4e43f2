//! `audit verify`, and where the other `audit` commands stand.

use std::path::{Path, PathBuf};

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::evidence::check::checkpoint_in;
use candor::verify::watch::{News, Seen, Turn};
use candor::verify::{self, Claim, Depth, Held, Options, Report, Standing};

use crate::args::Audit;
use crate::output::counted;
use crate::{Answer, Context, checkpoint, evidence, report, witness};

pub fn run(context: &Context, command: &Audit) -> Result<Answer> {
    match command {
        Audit::Verify { deep, checkpoint, key, watch, witness } => {
            let options = options(*deep, checkpoint, key.as_deref(), witness)?;
            match watch {
                None => check(context, &options),
                Some(file) => look(context, options, file),
            }
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
        Audit::Prove(args) => evidence::prove(context, args),
        Audit::Check(args) => evidence::check(context, args),
        Audit::Bundle(args) => evidence::bundle(context, args),
    }
}

fn options(
    deep: bool,
    held: &[PathBuf],
    key: Option<&str>,
    witnesses: &[String],
) -> Result<Options> {
    let held = held
        .iter()
        .map(|path| {
            let note = checkpoint_in(path)?;
            Ok(Held { name: path.display().to_string(), note })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Options {
        depth: if deep { Depth::Deep } else { Depth::Ledger },
        key: key.map(str::parse).transpose()?,
        held,
        witnesses: witnesses.iter().map(|vkey| vkey.parse()).collect::<Result<_>>()?,
    })
}

fn check(context: &Context, options: &Options) -> Result<Answer> {
    let report = verify::verify(context.path()?, options)?;
    say(context, &report);
    context.out.give(&report);
    Ok(if report.holds { Answer::Yes } else { Answer::No })
}

/// Checks, and compares with the last look.
fn look(context: &Context, mut options: Options, file: &Path) -> Result<Answer> {
    #[derive(serde::Serialize)]
    struct Watched<'a> {
        #[serde(flatten)]
        report: &'a Report,
        news: &'a News,
    }
    let store = context.path()?;
    context.check_apart(file)?;
    let last = Seen::read(file)?;
    if let Some(last) = &last {
        options.held.insert(0, last.held(file));
    }
    let report = verify::verify(store, &options)?;
    let news = News::of(&report, last.as_ref());
    say(context, &report);
    say_news(context, &news);
    if news.extends {
        Seen::now(&report, last.as_ref(), Moment::now())?.write(file, store)?;
    }
    context.out.give(&Watched { report: &report, news: &news });
    Ok(if report.holds && news.is_good() { Answer::Yes } else { Answer::No })
}

fn say_news(context: &Context, news: &News) {
    let out = &context.out;
    let Some(since) = &news.since else {
        out.say("since       this is the first look: nothing to compare with");
        return;
    };
    if !news.extends {
        out.say(format!("since       {since}: this ledger doesn't continue the one that was seen"));
        out.say("            the record of that look was left as it is");
        return;
    }
    out.say(format!(
        "since       {since}: {} new entries, {} new checkpoints",
        news.new_entries, news.new_checkpoints
    ));
    for change in &news.changes {
        let turn = match change.turn {
            Turn::Worse => "WORSE ",
            Turn::Better => "better",
        };
        let was = change.was.map_or("not checked", standing);
        let is = standing(change.is);
        let faults = match (change.new_faults, change.gone_faults) {
            (0, 0) => String::new(),
            (new, 0) => format!(", {}", counted(new, "new fault", "new faults")),
            (0, gone) => format!(", {} gone", counted(gone, "fault", "faults")),
            (new, gone) => {
                format!(", {}, {gone} gone", counted(new, "new fault", "new faults"))
            }
        };
        out.say(format!("{turn}      {}: {was} before, {is} now{faults}", change.claim));
    }
    for claim in &news.still_broken {
        out.say(format!("as before   {claim}: BROKEN"));
    }
    for claim in &news.not_looked_at {
        out.say(format!(
            "as before   {claim}: BROKEN at the last look, and not looked at now (--deep does)"
        ));
    }
    if news.changes.is_empty() && news.still_broken.is_empty() && news.not_looked_at.is_empty() {
        out.say("            every claim stands as it did");
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Proven => "proven",
        Standing::NotProven => "not proven",
        Standing::Broken => "BROKEN",
    }
}

fn say(context: &Context, report: &Report) {
    let out = &context.out;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    out.say(format!("ledger      {}", report.origin));
    out.say(format!("entries     {}", report.entries));
    out.say(format!("root        {}", or_none(&report.root)));
    out.say(format!("head        {}", or_none(&report.head)));
    out.say(format!(
        "checkpoints {}, the last over {}, the last of them written {}",
        report.checkpoints,
        counted(report.signed_to, "entry", "entries"),
        or_none(&report.last_checkpoint_at)
    ));
    out.say(format!(
        "since kept  {} after the last checkpoint kept elsewhere",
        counted(report.entries_since_held, "entry", "entries")
    ));
    for witnessed in &report.witnesses {
        out.say(format!(
            "witnessed   {} by {}, at {}",
            counted(witnessed.size, "entry", "entries"),
            witnessed.witness,
            witnessed.at
        ));
    }
    let since = report.unwitnessed_since.as_ref().map(|since| format!(", since {since}"));
    out.say(format!(
        "unwitnessed {}{}",
        counted(report.unwitnessed, "entry", "entries"),
        since.unwrap_or_default()
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
    let standing = standing(claim.standing);
    let erased =
        if claim.erased > 0 { format!(", {} erased", claim.erased) } else { String::new() };
    context.out.say(format!("{standing:10}  {} ({}{erased})", claim.what, claim.checked));
    for fault in &claim.faults {
        let entry = fault.entry.map(|n| format!(" [entry {n}]")).unwrap_or_default();
        context.out.say(format!("            {}: {}{entry}", fault.code, fault.what));
    }
    if claim.faults_untold > 0 {
        context.out.say(format!("            and {} more", claim.faults_untold));
    }
}
