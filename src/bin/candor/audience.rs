//! `audience count|push`.

use std::collections::BTreeMap;

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::send::{self, outbox};
use candor::store::{self, Access};
use serde_json::json;

use crate::args::Audience;
use crate::output::counted;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Audience) -> Result<Answer> {
    let now = Moment::now();
    match command {
        Audience::Count { destination } => {
            let store = context.open(Access::Read)?;
            let rules = store::latest(store.conn(), store.words())?;
            let audience = send::audience(&store, &rules, destination, now)?;
            let people = counted(audience.permitted.len(), "person", "people");
            context.out.say(format!("{people} may be reached"));
            say_withheld(context, &audience.withheld);
            context.out.give(&json!({
                "destination": destination, "permitted": audience.permitted.len(),
                "withheld": audience.withheld,
            }));
        }
        Audience::Push { destination, out: None } => {
            let mut store = context.open(Access::Write)?;
            let rules = store::latest(store.conn(), store.words())?;
            let queued = outbox::queue_audience(&mut store, &rules, destination, now)?;
            context.out.say(format!(
                "{} to {} for {} wait to be sent (ledger entry {}); `candor serve` and `candor outbox run` \
                 send them",
                counted(queued.queued, "message", "messages"),
                queued.recipient,
                queued.purpose,
                queued.entry
            ));
            if queued.waiting_already > 0 {
                let people = counted(queued.waiting_already, "person waits", "people wait");
                context.out.say(format!("  {people} there already"));
            }
            say_withheld(context, &queued.withheld);
            context.out.give(&queued);
        }
        Audience::Push { destination, out: Some(out) } => {
            let mut store = context.open(Access::Write)?;
            let rules = store::latest(store.conn(), store.words())?;
            let run = send::push(&mut store, &rules, destination, out, now)?;
            context.out.say(format!(
                "{} went to {} for {}: {} (ledger entry {})",
                counted(run.sent, "person's data", "people's data"),
                run.recipient,
                run.purpose,
                out.display(),
                run.entry
            ));
            say_withheld(context, &run.withheld);
            if run.formulas > 0 {
                context.out.say(format!(
                    "  don't open it in a spreadsheet, which would run {} as a formula; for one, say \
                     read_by = \"spreadsheet\" in the policy",
                    counted(run.formulas, "value", "values")
                ));
            }
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
