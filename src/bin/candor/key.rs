//! `key show`.

use candor::base::error::Result;
use candor::store::{Access, meta};
use serde_json::json;

use crate::args::Key;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Key) -> Result<Answer> {
    let Key::Show = command;
    let store = context.open(Access::Read)?;
    let stored = meta(store.conn(), "vkey")?.unwrap_or_default();
    let stored = String::from_utf8_lossy(&stored).into_owned();
    let present = store.signer().is_some();
    context.out.say(&stored);
    if !present {
        context.out.note("the private key isn't beside the store: it opens for reading only");
    }
    context.out.give(&json!({"vkey": stored, "private_key_present": present}));
    Ok(Answer::Yes)
}
