//! `preferences link`.

use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::consent::gate::after;
use candor::person::handed;
use candor::policy::mail::LINK_LASTS;
use candor::profile::read;
use candor::store::{self, Access};
use serde_json::json;

use crate::args::Preferences;
use crate::time::moment_if;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Preferences) -> Result<Answer> {
    let Preferences::Link { who, expires } = command;
    let mut store = context.open(Access::Write)?;
    let (now, rules) = (Moment::now(), store::latest(store.conn(), store.words())?);
    let lasts = rules.policy.pages.as_ref().map_or(LINK_LASTS, |pages| pages.link_lasts);
    let until = moment_if(&store, expires.as_deref())?.unwrap_or_else(|| after(now, lasts));
    if until <= now {
        return Err(Error::usage("link-expired", "the link would end before it begins")
            .next("name a later moment, or leave --expires out"));
    }
    let subject = context.find_one(&store, &rules.policy, who)?;
    let named = read::record_named(store.conn(), store.secret(), &rules.policy, who, subject)?;
    let handed = handed::link(&mut store, &rules, (subject, named), until, now)?;
    context.out.say(&handed.url);
    context.out.note(format!(
        "hand it to that person alone: whoever has it speaks as them, until {} (ledger entry {})",
        handed.until, handed.entry
    ));
    context.out.give(&json!({
        "url": handed.url, "until": handed.until.to_string(), "entry": handed.entry,
    }));
    Ok(Answer::Yes)
}
