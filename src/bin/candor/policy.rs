//! `policy check|apply|show|diff`.

use std::path::Path;

use candor::base::clock::Moment;
use candor::base::error::{Error, Result, io};
use candor::policy::{self, Checked};
use candor::profile::pack::keep_dictionary;
use candor::store::{self, Access, Store};
use serde_json::json;

use crate::args::Policy;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Policy) -> Result<Answer> {
    match command {
        Policy::Check { file } => check(context, file),
        Policy::Apply { file } => {
            let (text, checked) = read(file)?;
            let mut store = context.open(Access::Write)?;
            let (version, entry) = apply(&mut store, &text, &checked)?;
            warn(context, &checked);
            context.out.say(format!(
                "policy version {version} is in force from now on (ledger entry {entry})"
            ));
            context
                .out
                .give(&json!({"version": version, "entry": entry, "warnings": checked.warnings}));
            Ok(Answer::Yes)
        }
        Policy::Show { version, text } => show(context, *version, *text),
        Policy::Diff { file } => diff(context, file),
    }
}

/// Reads and checks a policy file; every mistake is said at once.
pub fn read(file: &Path) -> Result<(String, Checked)> {
    let text = std::fs::read_to_string(file).map_err(io(file))?;
    match policy::check(&text) {
        Ok(checked) => Ok((text, checked)),
        Err(mistakes) => {
            let list: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            let count = mistakes.len();
            let words = if count == 1 { "mistake" } else { "mistakes" };
            Err(Error::no("policy-wrong", format!("{count} {words}\n{}", list.join("\n")))
                .at(file.display())
                .next("mend them and check again with `candor policy check`"))
        }
    }
}

/// Applies a checked policy.
pub fn apply(store: &mut Store, text: &str, checked: &Checked) -> Result<(u32, i64)> {
    store.write(Moment::now(), |writer| {
        keep_dictionary(writer.conn, &checked.policy)?;
        store::apply(writer, text, &checked.policy)
    })
}

fn warn(context: &Context, checked: &Checked) {
    for warning in &checked.warnings {
        context.out.say(format!("warning {warning}"));
    }
}

fn check(context: &Context, file: &Path) -> Result<Answer> {
    let text = std::fs::read_to_string(file).map_err(io(file))?;
    match policy::check(&text) {
        Ok(checked) => {
            warn(context, &checked);
            context.out.say(format!(
                "{}: {} purposes, {} sources, {} destinations; no mistakes",
                file.display(),
                checked.policy.purposes.len(),
                checked.policy.sources.len(),
                checked.policy.destinations.len()
            ));
            context.out.give(&json!({"mistakes": [], "warnings": checked.warnings}));
            Ok(Answer::Yes)
        }
        Err(mistakes) => {
            for mistake in &mistakes {
                context.out.say(mistake);
            }
            context.out.say(format!("{}: {} mistakes", file.display(), mistakes.len()));
            context.out.give(&json!({"mistakes": mistakes}));
            Ok(Answer::No)
        }
    }
}

fn show(context: &Context, version: Option<u32>, text: bool) -> Result<Answer> {
    let store = context.open(Access::Read)?;
    let applied = store::applied(store.conn())?;
    let found = match version {
        Some(version) => applied.iter().find(|policy| policy.version == version),
        None => applied.last(),
    };
    let Some(found) = found else {
        return Err(Error::no("no-policy", "no such policy was applied")
            .next("apply one with `candor policy apply FILE`"));
    };
    if text {
        if context.out.is_json() {
            context.out.give(&json!({"version": found.version, "text": found.text}));
        } else {
            context.out.raw(&found.text);
        }
        return Ok(Answer::Yes);
    }
    let rules = store::rulebook_of(store.words(), found)?;
    context.out.say(format!(
        "version {} of {}, in force from {} (ledger entry {}, sha256 {})\n",
        found.version,
        applied.len(),
        found.applied_at,
        found.entry,
        store::hex(&found.sha256)
    ));
    context.out.say(policy::show::show(&rules.policy).trim_end());
    context.out.give(&json!({
        "version": found.version, "applied_at": found.applied_at.to_string(), "entry": found.entry,
        "sha256": store::hex(&found.sha256), "policy": rules.policy,
    }));
    Ok(Answer::Yes)
}

fn diff(context: &Context, file: &Path) -> Result<Answer> {
    let (_, checked) = read(file)?;
    let store = context.open(Access::Read)?;
    let old = store::latest(store.conn(), store.words())?;
    let changes = policy::diff::diff(&old.policy, &checked.policy);
    let held = store::purposes_with_data(store.conn(), store.words())?;
    let forbidden = policy::diff::forbidden(&old.policy, &checked.policy, &held);
    for change in &changes {
        let from = change.from.as_deref().unwrap_or("(nothing)");
        let to = change.to.as_deref().unwrap_or("(nothing)");
        context.out.say(format!("{}: {from} -> {to}", change.path));
    }
    for mistake in &forbidden {
        context.out.say(format!("forbidden {mistake}"));
    }
    if changes.is_empty() {
        context.out.say("no difference");
    }
    context.out.give(&json!({"changes": changes, "forbidden": forbidden}));
    Ok(if forbidden.is_empty() { Answer::Yes } else { Answer::No })
}
