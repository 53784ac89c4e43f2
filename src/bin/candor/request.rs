//! `request list`: who asked for what, and by when it must be answered; `request certificate`.

use candor::audit::Question;
use candor::audit::requests::{Standing, requests};
use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::store::Access;

use crate::args::Request;
use crate::output::screen;
use crate::{Answer, Context, erase};

pub fn run(context: &Context, command: &Request) -> Result<Answer> {
    match command {
        Request::List => list(context),
        Request::Certificate { request, out } => erase::again(context, *request, out.as_deref()),
    }
}

fn list(context: &Context) -> Result<Answer> {
    let store = context.open(Access::Read)?;
    let asked = Question { as_of: Moment::now(), from: None, to: None, who: None };
    let report = requests(&store, &asked)?;
    if report.requests.is_empty() {
        context.out.say("no request was ever made");
    } else {
        context.out.say(report.table().to_text(screen()));
        let overdue = report.requests.iter().filter(|r| r.standing == Standing::Overdue).count();
        if overdue > 0 {
            context.out.say(format!("{overdue} overdue"));
        }
    }
    context.out.give(&report.requests);
    Ok(Answer::Yes)
}
