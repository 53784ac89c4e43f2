//! `audit witness …` and `audit timestamp` (asking others), `witness …` (being one).

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use candor::anchor::serve::{Witness, serve};
use candor::anchor::witness::{Asked, Outcome, add, ask, name_of, remove};
use candor::anchor::{State, post, sql, timestamp};
use candor::base::clock::Moment;
use candor::base::error::{Error, Result, io};
use candor::base::secret::SystemRandomness;
use candor::ledger::vkey::KeyKind;
use candor::store::{Access, Hand, NewKey, open_key_file};
use serde_json::json;

use crate::args::{AuditWitness, Witness as Command};
use crate::output::counted;
use crate::{Answer, Context};

fn entries(count: impl TryInto<u64>) -> String {
    counted(count, "entry", "entries")
}

pub fn audit(context: &Context, command: &AuditWitness) -> Result<Answer> {
    match command {
        AuditWitness::Add { vkey, url } => {
            let mut store = context.open(Access::Write)?;
            let entry = add(&mut store, Moment::now(), vkey, url)?;
            context.out.say(format!("it is asked from now on (ledger entry {entry})"));
            context.out.say("next    candor audit witness ask, by hand or each night");
            context.out.give(&json!({"vkey": vkey, "url": url, "entry": entry}));
            Ok(Answer::Yes)
        }
        AuditWitness::Remove { name } => {
            let mut store = context.open(Access::Write)?;
            let entry = remove(&mut store, Moment::now(), name)?;
            context
                .out
                .say(format!("it is asked no more (ledger entry {entry}); what it signed is kept"));
            context.out.give(&json!({"witness": name, "entry": entry}));
            Ok(Answer::Yes)
        }
        AuditWitness::List => {
            let store = context.open(Access::Read)?;
            let all = sql::witnesses(store.conn())?;
            if all.is_empty() {
                context.out.say("no witness is asked; add one with `candor audit witness add`");
            }
            for row in &all {
                let size = row.size;
                context.out.say(format!("{}  {}  signed {}", name_of(row), row.url, entries(size)));
            }
            let all: Vec<_> = all
                .iter()
                .map(|row| {
                    json!({"witness": name_of(row), "vkey": row.vkey, "url": row.url,
                           "entry": row.entry, "signed": row.size})
                })
                .collect();
            context.out.give(&json!({"witnesses": all}));
            Ok(Answer::Yes)
        }
        AuditWitness::Ask { timeout } => ask_all(context, *timeout),
    }
}

fn ask_all(context: &Context, timeout: u64) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let patience = Duration::from_secs(timeout);
    let asked = ask(&mut store, Moment::now(), &|url, kind, body| post(url, kind, body, patience))?;
    if asked.is_empty() {
        return Err(Error::usage("witness-none", "no witness is asked")
            .next("add one with `candor audit witness add VKEY URL`"));
    }
    for Asked { witness, outcome } in &asked {
        context.out.say(match outcome {
            Outcome::Signed { size, at } => format!("{witness} signed {} at {at}", entries(*size)),
            Outcome::UpToDate { size } => {
                format!("{witness} signed {} already; nothing is new", entries(*size))
            }
            Outcome::Conflict { status, what } => format!(
                "{witness} REFUSED ({status}): {what}. Somebody rewrote this store or rolled it back, \
                 or signs another one with its key. The evidence is kept; run `candor audit verify`"
            ),
            Outcome::Refused { status, what } => format!("{witness} didn't sign ({status}): {what}"),
            Outcome::Unreachable { what } => format!("{witness} wasn't reached: {what}"),
        });
    }
    context.out.give(&json!({"asked": asked}));
    Ok(if asked.iter().all(|a| a.outcome.is_fine()) { Answer::Yes } else { Answer::No })
}

pub fn timestamp(context: &Context, authority: &str, timeout: u64) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let patience = Duration::from_secs(timeout);
    let send = |url: &str, kind: &str, body: &[u8]| post(url, kind, body, patience);
    let stamped =
        timestamp::stamp(&mut store, Moment::now(), authority, &mut SystemRandomness, &send)?;
    context.out.say(format!(
        "{} stamped {} at {} (ledger entry {})",
        stamped.authority,
        entries(stamped.size),
        stamped.at,
        stamped.entry
    ));
    context.out.give(&stamped);
    Ok(Answer::Yes)
}

/// Writes each kept time-stamp and the checkpoint that it is over to a folder, for `openssl ts`.
pub fn export_timestamps(context: &Context, out: &Path) -> Result<Answer> {
    context.check_apart(out)?;
    let store = context.open(Access::Read)?;
    let all = sql::timestamps(store.conn())?;
    std::fs::create_dir_all(out).map_err(io(out))?;
    let mut files = Vec::new();
    for row in &all {
        let note = candor::store::checkpoint(store.conn(), row.size)?.unwrap_or_default();
        let name = format!("{:08}-{}", row.size, row.entry);
        for (ending, bytes) in [("note", &note), ("tsr", &row.token)] {
            let path = out.join(format!("{name}.{ending}"));
            // One that an earlier call wrote stays; a time-stamp never changes.
            if !std::fs::read(&path).is_ok_and(|there| there == *bytes) {
                context.claim(&path)?.write(bytes)?;
            }
            files.push(path);
        }
        context.out.say(format!(
            "openssl ts -verify -in {0}/{name}.tsr -data {0}/{name}.note -CAfile THE-AUTHORITY.pem",
            out.display()
        ));
    }
    if all.is_empty() {
        context.out.say("there are no time-stamps; `candor audit timestamp --tsa URL` gets one");
    }
    context.out.give(&json!({"files": files}));
    Ok(Answer::Yes)
}

pub fn run(context: &Context, command: &Command) -> Result<Answer> {
    match command {
        Command::Init { name, state, key } => {
            context.check_apart(state)?;
            context.check_apart(key)?;
            let made = State::create(state, name)?;
            let hand = NewKey::Open.write(key, &mut SystemRandomness);
            if hand.is_err() {
                let _ = std::fs::remove_file(state);
            }
            let vkey = match hand? {
                Hand::Key(key) => key.verifier_key(made.name(), KeyKind::Witness)?,
                Hand::Agent(_) => unreachable!("a new open key is no agent's"),
            };
            context.out.say(format!("state   {}", state.display()));
            context.out.say(format!("key     {}", key.display()));
            context.out.say(format!("public  {vkey}"));
            context
                .out
                .say("        hand it to the logs, and to whoever is to believe this witness");
            context.out.give(&json!({"state": state, "key": key, "vkey": vkey.to_string()}));
            Ok(Answer::Yes)
        }
        Command::Show { state, key } => {
            let kept = State::read(state)?;
            let vkey = signing_key(context, key)?.verifier_key(kept.name(), KeyKind::Witness)?;
            context.out.say(&vkey);
            for (origin, size) in kept.logs() {
                context.out.say(format!("{origin}  signed {}", entries(size)));
            }
            let logs: Vec<_> = kept
                .logs()
                .map(|(origin, size)| json!({"origin": origin, "signed": size}))
                .collect();
            context.out.give(&json!({"vkey": vkey.to_string(), "logs": logs}));
            Ok(Answer::Yes)
        }
        Command::Serve { listen, state, key, log } => {
            let logs = log.iter().map(|vkey| vkey.parse()).collect::<Result<Vec<_>>>()?;
            let witness = Witness::new(State::open(state)?, signing_key(context, key)?, logs)?;
            let listener = TcpListener::bind(listen).map_err(|error| {
                Error::usage("listen-failed", error.to_string())
                    .at(listen)
                    .next("name a free address of this machine, such as 127.0.0.1:8601")
            })?;
            let address = listener.local_addr().map_or_else(|_| listen.clone(), |a| a.to_string());
            let vkey = witness.vkey().to_string();
            context.out.say(format!("witness {vkey}"));
            context.out.say(format!(
                "listens http://{address} for {}; Ctrl-C ends it",
                counted(log.len(), "key", "keys")
            ));
            context.out.give(&json!({"vkey": vkey, "url": format!("http://{address}")}));
            serve(&listener, &Arc::new(witness), Moment::now, |status| {
                use std::io::Write;
                let _ = writeln!(std::io::stderr(), "{} {status}", Moment::now());
            })?;
            Ok(Answer::Yes)
        }
    }
}

fn signing_key(context: &Context, path: &Path) -> Result<candor::ledger::key::SigningKey> {
    match context.secrets.with(|unlocking| open_key_file(path, unlocking))? {
        Some(Hand::Key(key)) => Ok(key),
        Some(Hand::Agent(_)) => Err(Error::usage(
            "key-in-agent",
            "a witness signs with a key of its own, not an agent's",
        )
        .at(path.display())
        .next("make one with `candor witness init`")),
        None => Err(Error::damaged("file-not-found", "there is no such key")
            .at(path.display())
            .next("make one with `candor witness init`")),
    }
}
