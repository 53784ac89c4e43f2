//! `outbox list|show|replay|drop|run`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use candor::base::clock::Moment;
use candor::base::error::{Error, Kind, Result};
use candor::send::outbox::{self, Report, Row, Which, Worker};
use candor::store::{Access, Store};
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
            let failing = failing(&rows);
            failing.iter().for_each(|(destination, count)| {
                context.out.say(format!("{destination}: {}", keeps_failing(*count)));
            });
            context.out.give(&json!({"outbox": rows, "failing": failing}));
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

/// How long a message may take, until whoever sends it has noted what became of it.
const SENT_WITHIN: Duration = Duration::from_millis(outbox::LEASE_MS.unsigned_abs());

/// How often to look whether it is over.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until no message about a person is being sent: what was handed over before somebody said no, or is to be
/// erased, has been answered then, and nothing more goes. Returns whether there was one.
pub fn wait_until_sent(context: &Context, store: &Store, subject: i64) -> Result<bool> {
    let until = Instant::now() + SENT_WITHIN;
    let mut waited = false;
    while outbox::is_under_way(store, subject, Moment::now())? && Instant::now() < until {
        if !waited {
            context
                .out
                .note("a message about the person is being sent; waiting until it is answered");
        }
        waited = true;
        std::thread::sleep(LOOK);
    }
    Ok(waited)
}

/// Does what can't be done while a message about a person is being sent, once none is.
pub fn when_sent<T>(
    context: &Context,
    store: &mut Store,
    subject: i64,
    mut act: impl FnMut(&mut Store) -> Result<T>,
) -> Result<T> {
    let until = Instant::now() + SENT_WITHIN;
    loop {
        wait_until_sent(context, store, subject)?;
        match act(store) {
            // Another one was taken between the two.
            Err(error) if error.code == outbox::SENDING && Instant::now() < until => {}
            done => return done,
        }
    }
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

/// How many messages that wait have failed before, by destination.
pub fn failing(rows: &[Row]) -> BTreeMap<&str, u64> {
    let mut failing = BTreeMap::new();
    for row in rows.iter().filter(|row| row.state == "waiting" && row.attempts > 0) {
        *failing.entry(row.destination.as_str()).or_default() += 1;
    }
    failing
}

/// What that means, in words.
pub fn keeps_failing(count: u64) -> String {
    let messages = counted(count, "message keeps failing", "messages keep failing");
    match count {
        0..5 => messages,
        _ => format!(
            "{messages}: after five failures in a row nothing goes there for 30 seconds, or up to an hour, and then \
             one is tried"
        ),
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
