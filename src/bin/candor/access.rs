//! `access`: answers an access or portability request into a folder.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::store::{self, Access};
use candor::subject::access::answer::{Form, answer};

use crate::args::AccessArgs;
use crate::{Answer, Context};

pub fn run(context: &Context, args: &AccessArgs) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let rules = store::latest(store.conn(), store.words())?;
    let subject = context.find_one(&store, &rules.policy, &args.who)?;
    let form = if args.portable { Form::Portable } else { Form::Everything };
    let answered = answer(&mut store, &rules, subject, form, &args.out, Moment::now())?;
    let out = &context.out;
    let request = &answered.request;
    out.say(format!(
        "{} request {}, answered; due by {}",
        answered.kind, request.id, request.due_on
    ));
    out.say(format!("  {}", request.due_because));
    for file in &answered.files {
        let path = args.out.join(&file.name);
        out.say(format!("  {} ({} bytes)", path.display(), file.bytes));
    }
    let counts: Vec<String> =
        answered.tables.iter().map(|t| format!("{} {}", t.held, t.table)).collect();
    out.say(format!("  rows about the person, all collected: {}", counts.join(", ")));
    for left in answered.left_out.iter().flatten().filter(|left| left.count > 0) {
        out.say(format!("  left out: {} ({})", left.count, left.because));
    }
    out.say(format!(
        "  ledger entries {} (export) and {} (closed)",
        answered.entry, answered.closed_entry
    ));
    out.note(
        "look through free text for words about other people before you hand it over (Art 15(4))",
    );
    out.give(&answered);
    Ok(Answer::Yes)
}
