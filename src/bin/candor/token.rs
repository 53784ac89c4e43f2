//! `token add|list|revoke`.

use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::profile::read::purpose_names;
use candor::store::Access;
use candor::web::role::Role;
use candor::web::token::{TokenRow, Wanted, add, list, revoke};
use serde_json::{Value, json};

use crate::args::{AddToken, Token};
use crate::time::moment_if;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Token) -> Result<Answer> {
    match command {
        Token::Add(args) => make(context, args),
        Token::List => show(context),
        Token::Revoke { id } => {
            let mut store = context.open(Access::Write)?;
            let entry = revoke(&mut store, Moment::now(), *id)?;
            context.out.say(format!("token {id} opens nothing any more (ledger entry {entry})"));
            context.out.give(&json!({"id": id, "entry": entry}));
            Ok(Answer::Yes)
        }
    }
}

fn make(context: &Context, args: &AddToken) -> Result<Answer> {
    let role = Role::named(&args.role)?;
    let mut store = context.open(Access::Write)?;
    let expires = moment_if(&store, args.expires.as_deref())?;
    let label = args.label.as_deref().unwrap_or(role.word());
    let (purposes, destination) = (&args.purpose, args.destination.as_deref());
    let wanted = Wanted { role, label, purposes, destination, expires };
    let made = add(&mut store, Moment::now(), &wanted)?;
    context.out.say(format!("token   {}", made.text));
    context.out.say(format!(
        "        it is shown this once; it asks as {} (number {}, ledger entry {})",
        role.word(),
        made.id,
        made.entry
    ));
    context.out.give(&json!({
        "token": made.text, "id": made.id, "role": role.word(), "label": label,
        "purposes": purposes, "destination": destination,
        "expires": expires.map(|at| at.to_string()), "entry": made.entry,
    }));
    Ok(Answer::Yes)
}

fn show(context: &Context) -> Result<Answer> {
    let store = context.open(Access::Read)?;
    let (tokens, now) = (list(store.conn())?, Moment::now());
    if tokens.is_empty() {
        context.out.say("there is no token; make one with `candor token add --role ROLE`");
    }
    let mut all: Vec<Value> = Vec::new();
    for row in &tokens {
        let TokenRow { id, label, destination, .. } = row;
        let (role, stands) = (row.role.word(), standing(row, now));
        let purposes = purpose_names(store.words(), row.purposes);
        let bound = match (purposes.is_empty(), destination.is_empty()) {
            (false, _) => format!("for {}", purposes.join(", ")),
            (true, false) => format!("of {destination}"),
            (true, true) => String::new(),
        };
        context.out.say(format!("{id}  {role}  {label}  {stands}  {bound}").trim_end());
        all.push(json!({
            "id": id, "role": role, "label": label, "state": stands, "purposes": purposes,
            "destination": (!destination.is_empty()).then_some(destination), "entry": row.entry,
            "expires": (row.expires_at != 0).then(|| Moment(row.expires_at).to_string()),
            "revoked_entry": (row.revoked_entry != 0).then_some(row.revoked_entry),
        }));
    }
    context.out.give(&json!({"tokens": all}));
    Ok(Answer::Yes)
}

fn standing(row: &TokenRow, now: Moment) -> &'static str {
    match (row.revoked_entry, row.holds_at(now)) {
        (_, true) => "holds",
        (0, false) => "expired",
        (_, false) => "revoked",
    }
}
