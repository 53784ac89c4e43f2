//! `retain run`: deletes what is past its time, and proves it.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::store::{self, Access};
use candor::subject::retain::{Carry, Retained, run as retain};

use crate::args::Retain;
use crate::output::counted;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Retain) -> Result<Answer> {
    let Retain::Run { dry_run } = command;
    let (access, carry) =
        if *dry_run { (Access::Read, Carry::DryRun) } else { (Access::Write, Carry::Out) };
    let mut store = context.open(access)?;
    let rules = store::latest(store.conn(), store.words())?;
    let done = retain(&mut store, &rules, Moment::now(), carry)?;
    say(context, &done);
    if carry == Carry::DryRun {
        context.out.note("nothing was changed");
    }
    context.out.give(&done);
    Ok(Answer::Yes)
}

fn say(context: &Context, done: &Retained) {
    let out = &context.out;
    if done.people == 0 {
        let beside = if done.restricted.is_empty() { "" } else { " that may be deleted" };
        out.say(format!("nothing is held past its time{beside}"));
        say_restricted(context, done);
        return;
    }
    out.say(format!(
        "past their time: {} and {} of {}",
        counted(done.values, "value", "values"),
        counted(done.events, "event", "events"),
        counted(done.people, "person", "people")
    ));
    for row in &done.deleted {
        out.say(format!(
            "  {:<16} {:<12} {}, {}: {}",
            row.purpose,
            row.category,
            counted(row.values, "value", "values"),
            counted(row.events, "event", "events"),
            row.because
        ));
    }
    if !done.without_identifier.is_empty() {
        let ids = done.without_identifier.join(", ");
        out.say(format!(
            "  without any identifier, something stays of {ids}: name them by that id"
        ));
    }
    say_restricted(context, done);
    if let Some(scan) = &done.scan {
        out.say(format!(
            "deleted; looked at {} bytes of {} for {}: {} found",
            scan.bytes,
            scan.files.join(", "),
            counted(scan.looked_for, "deleted row", "deleted rows"),
            scan.found
        ));
    }
}

fn say_restricted(context: &Context, done: &Retained) {
    if !done.restricted.is_empty() {
        context.out.say(format!(
            "  kept, though past its time, because they had its use restricted (Art 18): what is held of {}; \
             `candor erase` deletes it where they ask for that, and the next run once the restriction is lifted",
            done.restricted.join(", ")
        ));
    }
}
