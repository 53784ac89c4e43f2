//! `hold`: keeps a person's data for a legal claim, also through an erasure; lifts it.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::profile::read;
use candor::store::{self, Access};
use candor::subject::erase::public;
use candor::subject::hold::{self, Wanted};
use serde_json::json;

use crate::args::HoldArgs;
use crate::output::counted;
use crate::time::moment_if;
use crate::{Answer, Context};

pub fn run(context: &Context, args: &HoldArgs) -> Result<Answer> {
    let Some(who) = &args.who else { return list(context) };
    let mut store = context.open(Access::Write)?;
    let rules = store::latest(store.conn(), store.words())?;
    let subject = context.find_one(&store, &rules.policy, who)?;
    let now = Moment::now();
    if args.lift {
        let erased = read::is_erased(store.conn(), subject)?;
        let (entries, forgotten) =
            store.write(now, |writer| hold::lift(writer, &rules, subject))?;
        if forgotten.values + forgotten.events > 0 {
            store.truncate_wal()?;
            context.out.say(format!(
                "{} and {} had no other reason to be held and are gone",
                counted(forgotten.values, "value", "values"),
                counted(forgotten.events, "event", "events")
            ));
        }
        context.out.say(format!("lifted, as {}", listed(&entries)));
        if erased {
            let id = public(&store, subject)?;
            context.out.say(format!("next    candor erase {id}, which erases what the hold kept"));
        }
        context.out.give(&json!({"entries": entries, "forgotten": forgotten, "erased": erased}));
        return Ok(Answer::Yes);
    }
    let until = moment_if(&store, args.until.as_deref())?;
    let because = args.because.as_deref().unwrap_or_default();
    let wanted = Wanted { because, categories: &args.category, until };
    let entries = store.write(now, |writer| hold::set(writer, &rules, subject, &wanted))?;
    let what = match args.category.as_slice() {
        [] => "all that is held of the person".to_owned(),
        named => named.join(", "),
    };
    let until = args.until.as_deref().unwrap_or("the hold is lifted");
    context.out.say(format!("{what}: kept until {until}, as {}", listed(&entries)));
    context.out.say(
        "        a hold keeps and lets nothing be used; the person reads of it in an access answer",
    );
    context.out.give(&json!({"entries": entries}));
    Ok(Answer::Yes)
}

/// Everybody who is held, also whom no identifier finds any more.
fn list(context: &Context) -> Result<Answer> {
    let store = context.open(Access::Read)?;
    let rules = store::latest(store.conn(), store.words())?;
    let held = hold::list(&store, &rules, Moment::now())?;
    for one in &held {
        let category = one.category.as_deref().unwrap_or("all that is held");
        let until = one.until.as_deref().unwrap_or("the hold is lifted");
        context.out.say(format!(
            "{}  {category}, until {until} (ledger entry {})",
            one.subject, one.entry
        ));
    }
    if held.is_empty() {
        context.out.say("nobody is held for a claim");
    }
    context.out.give(&held);
    Ok(Answer::Yes)
}

fn listed(entries: &[i64]) -> String {
    let numbers: Vec<String> = entries.iter().map(i64::to_string).collect();
    let word = if entries.len() == 1 { "entry" } else { "entries" };
    format!("ledger {word} {}", numbers.join(", "))
}
