//! `key show|rotate|lock|unlock`.

use candor::base::clock::Moment;
use candor::base::error::{Error, Result, io};
use candor::base::secret::SystemRandomness;
use candor::ledger::key_chain::Reason;
use candor::store::{
    self, Access, Hand, KeyForm, NewKey, Store, key_path, lock_text, meta, open_key_file,
    read_key_file, signing_keys, write_private_file,
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::Key;
use crate::{Answer, Context, unlock};

pub fn run(context: &Context, command: &Key) -> Result<Answer> {
    match command {
        Key::Show => show(context),
        Key::Rotate { lost, stolen, passphrase, ssh_key } => {
            let reason = match (lost, stolen) {
                (true, _) => Reason::Lost,
                (_, true) => Reason::Stolen,
                _ => Reason::Routine,
            };
            rotate(context, reason, *passphrase, ssh_key.as_deref())
        }
        Key::Lock => change(context, KeyForm::Locked),
        Key::Unlock => change(context, KeyForm::Open),
    }
}

fn show(context: &Context) -> Result<Answer> {
    let path = context.path()?;
    let store = context.open(Access::Read)?;
    let stored = meta(store.conn(), "vkey")?.unwrap_or_default();
    let stored = String::from_utf8_lossy(&stored).into_owned();
    let form = read_key_file(&key_path(path))?.map(|(_, form)| form);
    let present = store.signer().is_some() || form == Some(KeyForm::Locked);
    let keys = signing_keys(store.conn())?;
    context.out.say(&stored);
    for (entry, vkey) in keys.iter().rev().skip(1).rev() {
        context.out.note(format!("before: {vkey} (from ledger entry {entry} on)"));
    }
    match form.filter(|_| present) {
        Some(form) => context.out.note(format!("the private key is here ({})", form.word())),
        None => {
            context.out.note("the private key isn't beside the store: it opens for reading only");
        }
    }
    let keys: Vec<_> =
        keys.iter().map(|(entry, vkey)| json!({"entry": entry, "vkey": vkey})).collect();
    context.out.give(&json!({
        "vkey": stored, "private_key_present": present,
        "form": form.filter(|_| present).map(KeyForm::word), "keys": keys,
    }));
    Ok(Answer::Yes)
}

fn rotate(
    context: &Context,
    reason: Reason,
    passphrase: bool,
    ssh_key: Option<&std::path::Path>,
) -> Result<Answer> {
    let path = context.path()?;
    let form = read_key_file(&key_path(path))?.map(|(_, form)| form);
    let mut store = match reason {
        Reason::Lost => {
            refuse_present_key(context, form)?;
            Store::open_keyless(path, context.actor())?
        }
        _ => context.open(Access::Write)?,
    };
    let line = ssh_key.map(|file| std::fs::read_to_string(file).map_err(io(file))).transpose()?;
    // A new key is kept as the old one was, unless something else is asked for.
    let locked = passphrase || (form == Some(KeyForm::Locked) && line.is_none());
    let secret: Option<Zeroizing<String>> = match (locked, passphrase || reason == Reason::Lost) {
        (false, _) => None,
        (true, true) => Some(context.secrets.new_passphrase()?),
        (true, false) => Some(context.secrets.passphrase(&key_path(path))?),
    };
    if form == Some(KeyForm::Agent) && line.is_none() && secret.is_none() {
        return Err(Error::usage("ssh-key-unnamed", "an ssh-agent holds the present key")
            .next("name the new one with --ssh-key FILE.pub, or ask for --passphrase"));
    }
    let new = match (&line, &secret) {
        (Some(line), _) => NewKey::Agent { line, socket: unlock::agent() },
        (None, Some(secret)) => NewKey::Locked(secret),
        (None, None) => NewKey::Open,
    };
    let rotation = store.rotate(Moment::now(), reason, &new)?;
    context.out.say(format!("the key is a new one since ledger entry {}", rotation.entry));
    context.out.say(format!("public  {}", rotation.vkey));
    context.out.say(format!("before  {}", rotation.was));
    if let Some(aside) = &rotation.aside {
        context.out.say(format!("the old key file is now {}", aside.display()));
    }
    context.out.say(match reason {
        Reason::Routine => "whoever has the old public key is led to the new one; hand it out all the same",
        Reason::Stolen => {
            "hand the new public key and a checkpoint out now: the old key vouches for nothing any more"
        }
        Reason::Lost => {
            "hand the new public key and a checkpoint out now: the old key didn't sign the new one"
        }
    });
    context.out.give(&rotation);
    Ok(Answer::Yes)
}

/// A key that is there and signs isn't lost: saying so would only make outsiders distrust its
/// successor. A locked one may be, with its passphrase.
fn refuse_present_key(context: &Context, form: Option<KeyForm>) -> Result<()> {
    let tried = form.filter(|form| *form != KeyForm::Locked).map(|_| context.open(Access::Write));
    if !matches!(tried, Some(Ok(ref store)) if store.signer().is_some()) {
        return Ok(());
    }
    Err(Error::usage("key-present", "the present key is here and can sign its successor")
        .at(key_path(context.path()?).display())
        .next("leave --lost out; say --stolen instead if somebody else may have it"))
}

/// Writes the key file anew in another form, in one step.
fn change(context: &Context, to: KeyForm) -> Result<Answer> {
    let path = key_path(context.path()?);
    let missing = || {
        Error::no("key-missing", "the store's key isn't here")
            .at(path.display())
            .next("put the key file back beside the store")
    };
    let (_, form) = read_key_file(&path)?.ok_or_else(missing)?;
    if form == KeyForm::Agent {
        return Err(Error::usage(
            "key-in-agent",
            "an ssh-agent holds the key: it isn't in this file",
        )
        .at(path.display())
        .next("lock it there, for example with `ssh-add -x`"));
    }
    let opened = context.secrets.with(|unlocking| open_key_file(&path, unlocking))?;
    let Some(Hand::Key(key)) = opened else { return Err(missing()) };
    let text = match to {
        KeyForm::Locked => {
            lock_text(&key, &context.secrets.new_passphrase()?, &mut SystemRandomness)
        }
        _ => key.to_pem(),
    };
    let fresh = store::next_key_path(context.path()?);
    let _ = std::fs::remove_file(&fresh);
    write_private_file(&fresh, text.as_bytes())?;
    std::fs::rename(&fresh, &path).map_err(io(&path))?;
    context.out.say(match to {
        KeyForm::Locked => "the key is locked; whoever forgets the passphrase has lost the key",
        _ => "the key lies open: whoever reads its file can sign",
    });
    context.out.give(&json!({"key": path, "form": to.word()}));
    Ok(Answer::Yes)
}
