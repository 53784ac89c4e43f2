//! `retain run`: deletes what is past its time, and proves it.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::store::{self, Access};
use candor::subject::retain::{Carry, Retained, run as retain};

use crate::args::Retain;
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
        out.say("nothing is held past its time");
        return;
    }
    out.say(format!(
        "past their time: {} values and {} events of {} people",
        done.values, done.events, done.people
    ));
    for row in &done.deleted {
        out.say(format!(
            "  {:<16} {:<12} {} values, {} events: {}",
            row.purpose, row.category, row.values, row.events, row.because
        ));
    }
    if let Some(scan) = &done.scan {
        out.say(format!(
            "deleted; looked at {} bytes of {} for {} deleted rows: {} found",
            scan.bytes,
            scan.files.join(", "),
            scan.looked_for,
            scan.found
        ));
    }
}
