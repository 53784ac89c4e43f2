//! `audit report`: answers a regulator's question.

use std::path::Path;

use candor::audit::{self, Part, Question, Verdict};
use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::base::path::with_ending;
use candor::evidence::{self, Issued};
use candor::ledger::carrier::{BESIDE, Carrier};
use candor::profile::read;
use candor::profile::then::Then;
use candor::store::{self, Access, OutFile, Store};
use serde_json::json;

use crate::args::{Report, ReportFormat};
use crate::time::moment_if;
use crate::{Answer, Context, is_unwritable, output};

pub fn run(context: &Context, args: &Report) -> Result<Answer> {
    let span = args.from.as_ref().or(args.to.as_ref()).map(|_| Part::Span);
    let parts: Vec<Part> =
        span.into_iter().chain(args.who.as_ref().map(|_| Part::Person)).collect();
    audit::may_be_asked(&args.name, &parts)?;
    let now = Moment::now();
    // A report that was entered and can't be written would be a pity.
    let out = args.out.as_deref().map(|path| context.claim(path)).transpose()?;
    let mut store = open(context, args)?;
    let moment = |text: &Option<String>| moment_if(&store, text.as_deref());
    let as_of = moment(&args.as_of)?.unwrap_or(now);
    let asked = Question { as_of, from: moment(&args.from)?, to: moment(&args.to)?, who: None };
    if as_of < Moment(0) {
        let what = "nothing is known of a moment before 1970";
        return Err(Error::usage("moment-unknowable", what)
            .next("name a moment since the store began, or leave --as-of out for now"));
    }
    let (from, to) = asked.span();
    if from > to {
        return Err(Error::usage("span-backwards", "--from is later than --to or --as-of")
            .next("exchange the two, or leave one out"));
    }
    let who = args.who.as_deref().map(|who| find(context, &mut store, args, (who, as_of)));
    let who = who.transpose()?;
    let (then, who) = (who.map(|(then, _)| then), who.map(|(_, today)| today));
    let answer = audit::report(&store, &args.name, &Question { who: then, ..asked })?;
    let format = if context.out.is_json() { ReportFormat::Json } else { args.format };
    let screen = if args.out.is_some() { None } else { output::screen() };
    let text = output::report(format, &answer.document, &answer.rows, screen);
    match args.out.as_deref().zip(out) {
        Some(out) => hand_out(context, &mut store, args, who, (format, &text), out)?,
        None => context.out.raw(&text),
    }
    Ok(match answer.verdict {
        Verdict::InOrder => Answer::Yes,
        Verdict::Wrong => Answer::No,
    })
}

/// A question about one person, and a report that leaves, are written into the ledger, so the store is
/// opened for that.
fn open(context: &Context, args: &Report) -> Result<Store> {
    let leaves = args.out.is_some() && store::key_path(context.path()?).exists();
    if args.who.is_some() || leaves { context.open_to_look() } else { context.open(Access::Read) }
}

/// Writes a report to a file, with the proof that it was handed out: in it where the format has a place
/// for that, else beside it.
fn hand_out(
    context: &Context,
    store: &mut Store,
    args: &Report,
    who: Option<i64>,
    (format, text): (ReportFormat, &str),
    (path, mut out): (&Path, OutFile),
) -> Result<()> {
    let (carrier, word) = match format {
        ReportFormat::Text => (Some(Carrier::Text), "text"),
        ReportFormat::Json => (Some(Carrier::Json), "json"),
        ReportFormat::Csv => (None, "csv"),
        ReportFormat::Html => (Some(Carrier::Page), "html"),
    };
    out.reserve(text.as_bytes())?;
    let beside = with_ending(path, BESIDE);
    let aside = carrier.is_none().then(|| context.claim(&beside)).transpose()?;
    let issued = Issued {
        kind: "report.issue",
        body: serde_json::Map::from_iter([
            ("report".to_owned(), args.name.as_str().into()),
            ("format".to_owned(), word.into()),
        ]),
        about: who
            .map(|who| evidence::about(store.conn(), who, json!({"report": args.name})))
            .transpose()?,
        behind: Vec::new(),
    };
    let now = Moment::now();
    let proven = match (store.signer(), carrier) {
        (None, _) => Err("the key isn't here"),
        (Some(_), Some(carrier)) => written(evidence::issue(store, &issued, carrier, text, now))?,
        (Some(_), None) => {
            let proof = evidence::issue_content(store, &issued, text.as_bytes(), now);
            written(proof.map(|proof| proof.to_file()))?
        }
    };
    match (proven, aside) {
        (Err(because), _) => {
            out.write(text.as_bytes())?;
            context.out.note(format!("{because}, so the report carries no proof"));
        }
        (Ok(whole), None) => out.write(whole.as_bytes())?,
        (Ok(proof), Some(aside)) => {
            out.write(text.as_bytes())?;
            aside.write(proof.as_bytes())?;
            context.out.note(format!("its proof is {}", beside.display()));
        }
    }
    context.out.note(format!("written to {}", path.display()));
    context.out.give(&json!({"report": args.name, "out": path}));
    Ok(())
}

/// Tells a store that can't be written from what went wrong.
fn written(proven: Result<String>) -> Result<std::result::Result<String, &'static str>> {
    match proven {
        Err(error) if is_unwritable(&error) => Ok(Err("the store can't be written")),
        proven => proven.map(Ok),
    }
}

/// The subject that a name meant at a moment, and the one that it is part of today.
fn find(
    context: &Context,
    store: &mut Store,
    args: &Report,
    (who, as_of): (&str, Moment),
) -> Result<(i64, i64)> {
    let rules = store::latest(store.conn(), store.words())?;
    let today = context.find(store, &rules.policy, who)?;
    let then = Then::known_at(store.conn(), as_of)?;
    let (subject, today) = match (&*read::find_then(store, &rules.policy, who, &then)?, &*today) {
        ([subject], [today, ..]) => (*subject, *today),
        // It says how to name one of them.
        _ => {
            let one = context.find_one(store, &rules.policy, who)?;
            (one, one)
        }
    };
    context.note_look(store, today, &format!("audit.report.{}", args.name))?;
    Ok((subject, today))
}
