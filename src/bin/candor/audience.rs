//! `audience count|push`.

use std::collections::BTreeMap;

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::send;
use candor::store::{self, Access};
use serde_json::json;

use crate::args::Audience;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Audience) -> Result<Answer> {
    let now = Moment::now();
    match command {
        Audience::Count { destination } => {
            let store = context.open(Access::Read)?;
            let rules = store::latest(store.conn(), store.words())?;
            let audience = send::audience(&store, &rules, destination, now)?;
            context.out.say(format!("{} people may be reached", audience.permitted.len()));
            say_withheld(context, &audience.withheld);
            context.out.give(&json!({
                "destination": destination, "permitted": audience.permitted.len(),
                "withheld": audience.withheld,
            }));
        }
        Audience::Push { destination, out } => {
            let mut store = context.open(Access::Write)?;
            let rules = store::latest(store.conn(), store.words())?;
            let run = send::push(&mut store, &rules, destination, out, now)?;
            context.out.say(format!(
                "{} people's data went to {} for {}: {} (ledger entry {})",
                run.sent,
                run.recipient,
                run.purpose,
                out.display(),
                run.entry
            ));
            say_withheld(context, &run.withheld);
            context.out.give(&run);
        }
    }
    Ok(Answer::Yes)
}

fn say_withheld(context: &Context, withheld: &BTreeMap<&'static str, u64>) {
    for (reason, count) in withheld {
        context.out.say(format!("  {count} left out: {reason}"));
    }
}
