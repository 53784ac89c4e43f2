//! `identity run|review|explain|report`: who is who among the store's own records.

use std::io::Write;

use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::linking::newcomers::{self, Received};
use candor::linking::pair;
use candor::linking::review::{self, Answer as Word, Answered, Shown};
use candor::linking::run::Done;
use candor::linking::{self, report as linking_report};
use candor::policy::rulebook::Rulebook;
use candor::profile::read;
use candor::store::{self, Access, Store};
use serde_json::json;

use crate::args::{Explain, IdentityReport, ReportFormat, Review, ReviewAnswer};
use crate::identity::check_named_once;
use crate::output::{counted, screen};
use crate::{Answer, Context, output};

/// Compares who came in since the last run. Says something only where there was somebody.
pub fn receive(context: &Context, store: &mut Store) -> Result<Received> {
    let rules = store::latest(store.conn(), store.words())?;
    let received = newcomers::receive(store, &rules, &Moment::now)?;
    if received.newcomers > 0 {
        context.out.say(format!(
            "{} compared: {} joined, {}, {}",
            counted(received.newcomers, "newcomer was", "newcomers were"),
            counted(received.joined, "profile", "profiles"),
            counted(received.asked, "new question", "new questions"),
            counted(received.related, "new relation", "new relations"),
        ));
    }
    if received.waiting > 0 {
        context.out.say(format!(
            "{} to be compared: candor identity run",
            counted(received.waiting, "newcomer waits", "newcomers wait")
        ));
    }
    Ok(received)
}

pub fn run_new(context: &Context) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let rules = store::latest(store.conn(), store.words())?;
    linking::linking_purposes(&rules)?;
    if !linking::index::is_kept(store.conn())? {
        return Err(Error::no("nothing-learned", "there is nothing yet to compare a newcomer by")
            .next("`candor identity run` links everybody and learns"));
    }
    let received = receive(context, &mut store)?;
    if received == Received::default() {
        context.out.say("nobody came in since the last run");
    }
    context.out.give(&json!({"received": received}));
    Ok(Answer::Yes)
}

pub fn run(context: &Context, dry_run: bool) -> Result<Answer> {
    let now = Moment::now();
    let done = if dry_run {
        let store = context.open(Access::Read)?;
        let rules = store::latest(store.conn(), store.words())?;
        linking::plan(&store, &rules, now)?
    } else {
        let mut store = context.open(Access::Write)?;
        let rules = store::latest(store.conn(), store.words())?;
        linking::run(&mut store, &rules, now)?
    };
    say_done(context, &done, dry_run);
    context.out.give(&json!({"dry_run": dry_run, "run": done}));
    Ok(Answer::Yes)
}

fn say_done(context: &Context, done: &Done, dry_run: bool) {
    let out = &context.out;
    let left: u64 = done.left_out.iter().map(|left| left.records).sum();
    out.say(format!(
        "{} take part, for {}; {left} are left out",
        counted(done.records, "record", "records"),
        done.purposes.join(", ")
    ));
    for left in &done.left_out {
        out.say(format!("  left out   {}: {}", left.records, left.reason.words));
    }
    let (before, after) = done.persons;
    let would = if dry_run { "would be " } else { "" };
    out.say(format!("  compared   {} pairs", done.compared));
    out.say(format!("  joined     {} {would}joined", counted(done.joined, "profile", "profiles")));
    out.say(format!("  persons    {before} before, {after} after"));
    out.say(format!(
        "  to review  {}{}",
        counted(done.asked, "new question", "new questions"),
        if done.asked > 0 && !dry_run { ": candor identity review" } else { "" }
    ));
    if done.overtaken > 0 {
        out.say(format!("             {} asked no more", done.overtaken));
    }
    out.say(format!("  related    {}", counted(done.related, "new pair", "new pairs")));
    if done.unrelated > 0 {
        out.say(format!("             {} found no more", done.unrelated));
    }
    let learned = if done.model_is_new { "learned now" } else { "as before" };
    match done.entry {
        Some(entry) => {
            out.say(format!("  model      {}, {learned} (ledger entry {entry})", done.model));
        }
        None if dry_run => out.say("nothing was changed: this was a dry run"),
        None => out.say("nothing was changed: there was nothing new to find"),
    }
}

pub fn review(context: &Context, args: &Review) -> Result<Answer> {
    match (args.question, args.answer) {
        (Some(question), Some(word)) => {
            let mut store = context.open(Access::Write)?;
            let rules = store::latest(store.conn(), store.words())?;
            let answered = answer(&mut store, &rules, question, word_of(word))?;
            say_answered(context, &answered);
            give(context, &answered);
        }
        (Some(question), None) => {
            let mut store = context.open_to_look()?;
            let shown = look(context, &mut store, question)?;
            say_shown(context, &shown);
            context.out.say(format!(
                "answer: candor identity review {question} --answer same|different|related|later"
            ));
            give(context, &shown);
        }
        (None, _) if args.work => work(context)?,
        (None, _) => list(context)?,
    }
    Ok(Answer::Yes)
}

/// Gives an answer by way of a plain value: one writer for all of them keeps the program small.
fn give(context: &Context, answer: &impl serde::Serialize) {
    if context.out.is_json() {
        context.out.give(&serde_json::to_value(answer).expect("answers are JSON"));
    }
}

fn word_of(answer: ReviewAnswer) -> Word {
    match answer {
        ReviewAnswer::Same => Word::Same,
        ReviewAnswer::Different => Word::Different,
        ReviewAnswer::Related => Word::Related,
        ReviewAnswer::Later => Word::Later,
    }
}

fn answer(store: &mut Store, rules: &Rulebook, question: i64, word: Word) -> Result<Answered> {
    review::answer(store, rules, question, word, Moment::now())
}

fn list(context: &Context) -> Result<()> {
    let store = context.open(Access::Read)?;
    let rules = store::latest(store.conn(), store.words())?;
    let queue = review::queue(&store, &rules, Moment::now())?;
    for waiting in &queue {
        let [a, b] = &waiting.subjects;
        context.out.say(format!(
            "{:>6}  {:>5.1} % one person, {:>5.1} % one household  {a} and {b}{}",
            waiting.question,
            f64::from(waiting.likely) / 10.0,
            waiting.household as f64 / 10.0,
            if waiting.state == "put off" { "  (put off)" } else { "" },
        ));
    }
    match queue.len() {
        0 => context.out.say("no question waits"),
        n => context.out.say(format!(
            "{}: candor identity review NUMBER shows one, --work goes through all",
            counted(n, "question waits", "questions wait")
        )),
    }
    give(context, &queue);
    Ok(())
}

/// Shows a question; the ledger notes both people who are looked at.
fn look(context: &Context, store: &mut Store, question: i64) -> Result<Shown> {
    let rules = store::latest(store.conn(), store.words())?;
    let (shown, subjects) = review::show(store, &rules, question, Moment::now())?;
    for subject in subjects {
        context.note_look(store, subject, "identity.review")?;
    }
    Ok(shown)
}

fn say_shown(context: &Context, shown: &Shown) {
    if !context.out.is_json() {
        context.out.raw(&shown.pair.document().to_text(screen()));
    }
}

fn say_answered(context: &Context, answered: &Answered) {
    let what = match (&answered.subject, answered.answer) {
        (Some(subject), _) => format!("one person from now on: {subject}"),
        (None, Word::Related) => "two people of one household, kept apart from now on".to_owned(),
        (None, Word::Later) => "asked again later".to_owned(),
        (None, _) => "two people, kept apart from now on".to_owned(),
    };
    let [a, b] = answered.entries;
    context.out.say(format!("question {}: {what} (ledger entries {a} and {b})", answered.question));
}

/// One question after the other, until the answers or the questions end.
fn work(context: &Context) -> Result<()> {
    let mut store = context.open(Access::Write)?;
    let mut lines = std::io::stdin().lines();
    let rules = store::latest(store.conn(), store.words())?;
    for waiting in review::queue(&store, &rules, Moment::now())? {
        let rules = store::latest(store.conn(), store.words())?;
        let shown = match look(context, &mut store, waiting.question) {
            Ok(shown) => shown,
            // Answered or overtaken by an answer before it, or left out since.
            Err(error) if error.kind == candor::base::error::Kind::No => {
                context.out.note(format!("question {}: {}", waiting.question, error.what));
                continue;
            }
            Err(error) => return Err(error),
        };
        say_shown(context, &shown);
        loop {
            context.out.say("same, different, related, later, or stop?");
            let _ = std::io::stdout().flush();
            let Some(Ok(line)) = lines.next() else { return Ok(()) };
            let word = line.trim().to_lowercase();
            if word == "stop" {
                return Ok(());
            }
            if let Some(word) = Word::of(&word) {
                let answered = answer(&mut store, &rules, waiting.question, word)?;
                say_answered(context, &answered);
                break;
            }
        }
    }
    context.out.say("no question waits any more");
    Ok(())
}

pub fn explain(context: &Context, args: &Explain) -> Result<Answer> {
    check_named_once([&args.svg, &args.html])?;
    let svg = args.svg.as_deref().map(|path| context.claim(path)).transpose()?;
    let html = args.html.as_deref().map(|path| context.claim(path)).transpose()?;
    let mut store = context.open_to_look()?;
    let rules = store::latest(store.conn(), store.words())?;
    let now = Moment::now();
    let one = pair::record_named(&store, &args.one)?;
    let other = pair::record_named(&store, &args.other)?;
    let found = match (one, other) {
        (Some(a), Some(b)) if a == b => return Err(same()),
        (Some(a), Some(b)) => pair::pair(&store, &rules, now, (a, b))?,
        _ => {
            let subject = |name: &str, record: Option<i64>| match record {
                Some(record) => pair::subject_of(&store, record),
                None => read::find_one(store.conn(), store.secret(), &rules.policy, name),
            };
            let (a, b) = (subject(&args.one, one)?, subject(&args.other, other)?);
            if a == b {
                return Err(same());
            }
            pair::likeliest(&store, &rules, now, (a, b))?
        }
    };
    let mut looked_at: Vec<i64> = [found.a.record, found.b.record]
        .into_iter()
        .map(|record| pair::subject_of(&store, record))
        .collect::<Result<_>>()?;
    looked_at.dedup();
    for subject in looked_at {
        context.note_look(&mut store, subject, "identity.explain")?;
    }
    let document = found.document();
    if let Some(svg) = svg {
        svg.write(found.chart().to_svg().as_bytes())?;
    }
    if let Some(html) = html {
        html.write(document.to_html("en").as_bytes())?;
    }
    if !context.out.is_json() {
        context.out.raw(&document.to_text(screen()));
    }
    for path in args.svg.iter().chain(&args.html) {
        context.out.note(format!("written to {}", path.display()));
    }
    give(context, &found);
    Ok(Answer::Yes)
}

fn same() -> Error {
    Error::no("explain-same", "both names are one profile or one record")
        .next("name two of its records by their numbers; `candor profile show WHO` lists them")
}

pub fn report(context: &Context, args: &IdentityReport) -> Result<Answer> {
    let out = args.out.as_deref().map(|path| context.claim(path)).transpose()?;
    let store = context.open(Access::Read)?;
    let rules = store::latest(store.conn(), store.words())?;
    let report = linking_report::report(&store, &rules, Moment::now())?;
    let format = if context.out.is_json() { ReportFormat::Json } else { args.format };
    let rows = serde_json::to_value(&report).expect("a report is JSON");
    let screen = if args.out.is_some() { None } else { screen() };
    let text = output::report(format, &report.document(), &rows, screen);
    match args.out.as_deref().zip(out) {
        Some((path, out)) => {
            out.write(text.as_bytes())?;
            context.out.note(format!("written to {}", path.display()));
            context.out.give(&json!({"report": "identity", "out": path}));
        }
        None => context.out.raw(&text),
    }
    Ok(Answer::Yes)
}
