//! `secret set|list|remove`.

use std::io::{IsTerminal, Read};

use candor::base::error::{Error, Result};
use candor::store::{Before, LONGEST_SECRET, Secrets, reader, secrets_path};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::args::Secret;
use crate::{Answer, Context, unlock};

pub fn run(context: &Context, command: &Secret) -> Result<Answer> {
    let path = context.path()?;
    // Beside a name that was mistyped, nobody would find them again.
    drop(reader(path)?);
    let mut secrets = Secrets::beside(path)?;
    match command {
        Secret::Set { name, keep_old } => {
            let before = if *keep_old { Before::Kept } else { Before::Dropped };
            secrets.set(name, value(name)?, before)?;
            let values = secrets.all(name).count();
            context.out.say(format!("{name} is in {}", secrets_path(path).display()));
            if values > 1 {
                context.out.say(format!(
                    "the value before it still holds; end it with `candor secret remove {name} --old`"
                ));
            }
            context.out.give(&json!({"secret": name, "values": values}));
        }
        Secret::List => {
            let names = secrets.names();
            if names.is_empty() {
                context.out.say("there is no secret; set one with `candor secret set NAME`");
            }
            let mut all: Vec<Value> = Vec::new();
            for name in names {
                let values = secrets.all(name).count();
                let changing = if values > 1 { "  and the value before it" } else { "" };
                context.out.say(format!("{name}{changing}"));
                all.push(json!({"name": name, "values": values}));
            }
            context.out.give(&json!({"secrets": all}));
        }
        Secret::Remove { name, old } => {
            let removed = match old {
                true => secrets.remove_older(name)?,
                false => secrets.remove(name)?,
            };
            if !removed {
                let what = if *old { "it has one value" } else { "there is no such secret" };
                return Err(Error::no("secret-unknown", format!("{what}, so nothing was removed"))
                    .at(name)
                    .next("`candor secret list` names what there is"));
            }
            context.out.say(match old {
                true => format!("only the newest value of {name} holds"),
                false => format!("{name} is removed"),
            });
            context.out.give(&json!({"secret": name, "values": secrets.all(name).count()}));
        }
    }
    Ok(Answer::Yes)
}

/// The value: what is piped in, without the line's end that `echo` adds; or typed at the terminal.
fn value(name: &str) -> Result<Zeroizing<String>> {
    if std::io::stdin().is_terminal() {
        return unlock::ask(&format!("value of {name}"), || {
            Error::no("secret-unasked", "a value is needed, and there is no terminal to ask at")
                .next("pipe it in: candor secret set NAME < FILE")
        });
    }
    let unreadable = || {
        Error::damaged("secret-unreadable", "standard input isn't UTF-8 text")
            .next("pipe the value in: candor secret set NAME < FILE")
    };
    // Room for all that is read, and for the byte that says that it is too much.
    let most = LONGEST_SECRET + 3;
    let mut text = Zeroizing::new(String::with_capacity(most + 1));
    let mut stdin = std::io::stdin().lock().take(most as u64);
    stdin.read_to_string(&mut text).map_err(|_| unreadable())?;
    let value = text
        .strip_suffix('\n')
        .map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Zeroizing::new(value.to_owned()))
}
