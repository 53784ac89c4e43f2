//! `init`: makes a store.

use candor::base::clock::Moment;
use candor::base::error::{Result, io};
use candor::store::{Creation, NewKey, Store, key_path};
use serde_json::json;

use crate::args::Init;
use crate::{Answer, Context, policy, unlock};

pub fn run(context: &Context, args: &Init) -> Result<Answer> {
    // A policy with mistakes is said before anything is made.
    let checked = args.policy.as_deref().map(policy::read).transpose()?;
    let line = args.ssh_key.as_deref().map(|f| std::fs::read_to_string(f).map_err(io(f)));
    let line = line.transpose()?;
    let secret = args.passphrase.then(|| context.secrets.new_passphrase()).transpose()?;
    let key = match (&line, &secret) {
        (Some(line), _) => NewKey::Agent { line, socket: unlock::agent() },
        (None, Some(secret)) => NewKey::Locked(secret),
        (None, None) => NewKey::Open,
    };
    let creation = Creation {
        path: &args.file,
        origin: args.origin.as_deref(),
        now: Moment::now(),
        actor: &context.actor,
    };
    let mut store = Store::create_with(&creation, &key)?;
    let vkey = store.signer().map(|signer| signer.vkey().to_owned()).unwrap_or_default();
    context.out.say(format!("store   {}", args.file.display()));
    context.out.say(format!(
        "key     {} (keep a copy elsewhere; it signs the ledger)",
        key_path(&args.file).display()
    ));
    context.out.say(format!("public  {vkey}"));
    context.out.say("        hand the public key out: with it anyone can check the ledger");
    let mut version = None;
    if let Some((text, checked)) = checked {
        let applied = policy::apply(&mut store, &text, &checked)?;
        context.out.say(format!("policy  version {} is in force", applied.0));
        version = Some(applied.0);
    } else {
        context
            .out
            .say("next    candor policy apply FILE: without a declared purpose nothing comes in");
    }
    context.out.give(&json!({
        "store": args.file, "key": key_path(&args.file), "vkey": vkey,
        "origin": store.log().origin(), "policy": version,
    }));
    Ok(Answer::Yes)
}
