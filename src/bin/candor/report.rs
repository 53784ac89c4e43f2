//! `audit report`: answers a regulator's question.

use std::io::IsTerminal;

use candor::audit::{self, NAMES, Question, Verdict};
use candor::base::clock::Moment;
use candor::base::error::{Error, Result, io};
use candor::profile::read;
use candor::store::{self, Access, Store};
use candor::view::{Block, Document};

use crate::args::{Report, ReportFormat};
use crate::{Answer, Context};

/// The width of a report on a terminal, in columns.
const TERMINAL_COLUMNS: u16 = 140;

pub fn run(context: &Context, args: &Report) -> Result<Answer> {
    if !NAMES.contains(&args.name.as_str()) {
        return Err(Error::usage("report-unknown", "there is no report of this name")
            .next(format!("use one of {}", NAMES.join(", "))));
    }
    let now = Moment::now();
    let moment = |text: &Option<String>| text.as_deref().map(Moment::parse).transpose();
    let as_of = moment(&args.as_of)?.unwrap_or(now);
    let from = moment(&args.from)?.unwrap_or(Moment(0));
    let to = moment(&args.to)?.unwrap_or(Moment(as_of.0.saturating_add(1)));
    if from > to {
        return Err(Error::usage("span-backwards", "--from is later than --to")
            .next("exchange the two, or leave one out"));
    }
    let mut store = open(context, args)?;
    let who = args.who.as_deref().map(|who| find(context, &mut store, args, who)).transpose()?;
    let answer = audit::report(&store, &args.name, &Question { as_of, from, to, who })?;
    let format = if context.out.is_json() { ReportFormat::Json } else { args.format };
    let watched = args.out.is_none() && std::io::stdout().is_terminal();
    let text = match format {
        ReportFormat::Text => answer.document.to_text(watched.then_some(TERMINAL_COLUMNS)),
        ReportFormat::Json => {
            let text = serde_json::to_string_pretty(&answer.rows).expect("a report is JSON");
            format!("{text}\n")
        }
        ReportFormat::Csv => tables(&answer.document),
        ReportFormat::Html => answer.document.to_html("en"),
    };
    match &args.out {
        Some(path) => {
            std::fs::write(path, text).map_err(io(path))?;
            context.out.note(format!("written to {}", path.display()));
            context.out.give(&serde_json::json!({"report": args.name, "out": path}));
        }
        None => context.out.raw(&text),
    }
    Ok(match answer.verdict {
        Verdict::InOrder => Answer::Yes,
        Verdict::Wrong => Answer::No,
    })
}

/// A question about one person is written into the ledger, so the store is opened for that.
fn open(context: &Context, args: &Report) -> Result<Store> {
    if args.who.is_some() { context.open_to_look() } else { context.open(Access::Read) }
}

fn find(context: &Context, store: &mut Store, args: &Report, who: &str) -> Result<i64> {
    let rules = store::latest(store.conn(), store.words())?;
    let subject = read::find_one(store.conn(), store.secret(), &rules.policy, who)?;
    context.note_look(store, subject, &format!("audit.report.{}", args.name))?;
    Ok(subject)
}

/// The tables of a document, one after the other with an empty line between.
fn tables(document: &Document) -> String {
    let tables = document.blocks.iter().filter_map(|block| match block {
        Block::Table(table) => Some(table.to_csv()),
        _ => None,
    });
    tables.collect::<Vec<_>>().join("\r\n")
}
