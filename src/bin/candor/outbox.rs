//! `outbox list|show|replay|drop|run`.

use std::sync::Arc;

use candor::base::clock::Moment;
use candor::base::error::{Error, Kind, Result};
use candor::send::outbox::{self, Report, Row, Which, Worker};
use candor::store::Access;
use serde_json::json;

use crate::args::Outbox;
use crate::output::counted;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Outbox) -> Result<Answer> {
    match command {
        Outbox::List => {
            let rows = outbox::list(&context.open(Access::Read)?)?;
            if rows.is_empty() {
                context.out.say("nothing waits to be sent");
            }
            rows.iter().for_each(|row| context.out.say(line(row)));
            context.out.give(&json!({"outbox": rows}));
        }
        Outbox::Show { id } => {
            let row = outbox::show(&context.open(Access::Read)?, *id)?;
            context.out.say(line(&row));
            context
                .out
                .say(format!("  {} about {}, queued {}", row.message, row.person, row.queued_at));
            context.out.give(&row);
        }
        Outbox::Replay { id, destination } => {
            let which = match (id, destination) {
                (Some(id), _) => Which::Row(*id),
                (None, destination) => {
                    Which::Destination(destination.as_deref().unwrap_or_default())
                }
            };
            let mut store = context.open(Access::Write)?;
            let count = outbox::replay(&mut store, which, Moment::now())?;
            let messages = counted(count, "message is", "messages are");
            context.out.say(format!("{messages} tried again, from the start"));
            context.out.give(&json!({"replayed": count}));
        }
        Outbox::Drop { id } => {
            let mut store = context.open(Access::Write)?;
            outbox::drop_row(&mut store, *id, Moment::now())?;
            context.out.say(format!("message {id} is out of the queue, and is never sent"));
            context.out.give(&json!({"dropped": id}));
        }
        Outbox::Run { once } => return work(context, *once),
    }
    Ok(Answer::Yes)
}

fn work(context: &Context, once: bool) -> Result<Answer> {
    let mut worker = Worker::new(context.open(Access::Write)?, Arc::new(Moment::now));
    if once {
        let report = worker.run_once()?;
        say(context, &report);
        context.out.give(&report);
        return Ok(Answer::Yes);
    }
    context.out.say("sends what is due; Ctrl-C or SIGTERM ends it, and nothing is lost by that");
    loop {
        match worker.turn() {
            Ok(report) if !report.is_empty() => say(context, &report),
            Ok(_) => {}
            // Another process writes for long: its turn comes.
            Err(Error { kind: Kind::Busy, .. }) => {}
            Err(error) => return Err(error),
        }
        std::thread::sleep(worker.rest());
    }
}

fn line(row: &Row) -> String {
    let Row { id, destination, act, state, attempts, next_at, words, .. } = row;
    let tries = counted(*attempts, "try", "tries");
    format!("{id}  {destination}  {act}  {state}  {tries}  {next_at}  {words}")
}

fn say(context: &Context, report: &Report) {
    let Report { delivered, again, dead, withheld, without_secret } = report;
    context.out.say(format!("{delivered} delivered, {again} to be tried again, {dead} given up"));
    for (reason, count) in withheld {
        context.out.say(format!("  {count} withheld: {reason}"));
    }
    if *without_secret > 0 {
        context.out.say(format!(
            "  {without_secret} wait for a secret that the policy names: `candor secret set NAME`"
        ));
    }
}
