//! `write-key add|list|revoke`.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::store::Access;
use candor::web::key::{KeyRow, Reach, Wanted, add, list, revoke};
use serde_json::{Value, json};

use crate::args::WriteKey;
use crate::time::moment_if;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &WriteKey) -> Result<Answer> {
    match command {
        WriteKey::Add { source, label, public, expires } => {
            let mut store = context.open(Access::Write)?;
            let expires = moment_if(&store, expires.as_deref())?;
            let reach = if *public { Reach::Public } else { Reach::Server };
            let label = label.as_deref().unwrap_or(source);
            let made = add(&mut store, Moment::now(), &Wanted { source, label, reach, expires })?;
            context.out.say(format!("key     {}", made.text));
            context.out.say(format!(
                "        it is shown this once; it sends data of {source} in (number {}, ledger entry {})",
                made.id, made.entry
            ));
            if reach == Reach::Public {
                context
                    .out
                    .say("        whoever reads a page can send with it, and make things up");
            }
            context.out.give(&json!({
                "key": made.text, "id": made.id, "source": source, "label": label,
                "reach": reach.word(), "expires": expires.map(|at| at.to_string()), "entry": made.entry,
            }));
        }
        WriteKey::List => {
            let store = context.open(Access::Read)?;
            let (keys, now) = (list(store.conn())?, Moment::now());
            if keys.is_empty() {
                context.out.say("there is no key; make one with `candor write-key add SOURCE`");
            }
            for row in &keys {
                let KeyRow { id, source, label, reach, .. } = row;
                let stands = standing(row, now);
                context.out.say(format!("{id}  {source}  {label}  {}  {stands}", reach.word()));
            }
            let all: Vec<Value> = keys
                .iter()
                .map(|row| {
                    json!({
                        "id": row.id, "source": row.source, "label": row.label,
                        "reach": row.reach.word(), "state": standing(row, now), "entry": row.entry,
                        "expires": (row.expires_at != 0).then(|| Moment(row.expires_at).to_string()),
                        "revoked_entry": (row.revoked_entry != 0).then_some(row.revoked_entry),
                    })
                })
                .collect();
            context.out.give(&json!({"write_keys": all}));
        }
        WriteKey::Revoke { id } => {
            let mut store = context.open(Access::Write)?;
            let entry = revoke(&mut store, Moment::now(), *id)?;
            context.out.say(format!("key {id} sends no data in any more (ledger entry {entry})"));
            context.out.give(&json!({"id": id, "entry": entry}));
        }
    }
    Ok(Answer::Yes)
}

fn standing(row: &KeyRow, now: Moment) -> &'static str {
    match (row.revoked_entry, row.holds_at(now)) {
        (_, true) => "holds",
        (0, false) => "expired",
        (_, false) => "revoked",
    }
}
