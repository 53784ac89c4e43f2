//! `policy check|apply|show|diff|table`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candor::audit::retention::retention_under;
use candor::base::clock::Moment;
use candor::base::error::{Error, Result, io};
use candor::policy::diff::{Lost, reasons_lost, recipient_lost};
use candor::policy::rulebook::Rulebook;
use candor::policy::types::Basis;
use candor::policy::{self, Checked, InForce, Mistake};
use candor::profile::pack::keep_dictionary;
use candor::send::recall;
use candor::store::{self, Access, Store};
use serde_json::json;

use crate::args::Policy;
use crate::output::counted;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Policy) -> Result<Answer> {
    match command {
        Policy::Check { file } => check(context, file),
        Policy::Apply { file } => {
            let mut store = context.open(Access::Write)?;
            let before = in_force(&store)?;
            let text = std::fs::read_to_string(file).map_err(io(file))?;
            let mut checked = policy::check_after(&text, before.as_ref().map(Before::as_in_force))
                .map_err(|mistakes| wrong(file, &mistakes))?;
            checked.warnings.extend(lost(&store, before.as_ref(), &text, &checked.policy)?);
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
        Policy::Table { destination } => table(context, destination),
    }
}

/// Reads and checks a policy file by itself; every mistake is said at once.
pub fn read(file: &Path) -> Result<(String, Checked)> {
    let text = std::fs::read_to_string(file).map_err(io(file))?;
    let checked = policy::check(&text).map_err(|mistakes| wrong(file, &mistakes))?;
    Ok((text, checked))
}

fn wrong(file: &Path, mistakes: &[Mistake]) -> Error {
    Error::no("policy-wrong", counted(mistakes.len(), "mistake", "mistakes"))
        .at(file.display())
        .with(mistakes)
        .next("mend them and check again with `candor policy check`")
}

/// The policy in force, and what is held under it.
struct Before {
    version: u32,
    policy: policy::types::Policy,
    held: BTreeSet<String>,
    consented: BTreeSet<String>,
    refused: BTreeMap<String, Basis>,
}

impl Before {
    fn as_in_force(&self) -> InForce<'_> {
        InForce {
            policy: &self.policy,
            purposes_with_data: &self.held,
            purposes_with_consents: &self.consented,
            refused: &self.refused,
        }
    }
}

fn in_force(store: &Store) -> Result<Option<Before>> {
    let applied = store::applied(store.conn())?;
    let Some(last) = applied.last() else { return Ok(None) };
    let policy = store::rulebook_of(store.words(), last)?.policy;
    let held = store::purposes_with_data(store.conn(), store.words())?;
    let consented = store::purposes_with_consents(store.conn(), store.words())?;
    let refused = store::refused_purposes(store.conn(), store.words())?;
    Ok(Some(Before { version: last.version, policy, held, consented, refused }))
}

/// What would be lost: recipients that can't be told any more, and reasons of what is held, by the report on
/// retention under the policy, against the one under the policy in force.
fn lost(
    store: &Store,
    before: Option<&Before>,
    text: &str,
    new: &policy::types::Policy,
) -> Result<Vec<Mistake>> {
    let mut warnings = untold(store, before, text, new)?;
    let Some(before) = before.filter(|before| !before.held.is_empty()) else {
        return Ok(warnings);
    };
    let touches = |change: &policy::diff::Change| {
        ["purpose.", "source.", "category."].iter().any(|table| change.path.starts_with(table))
    };
    if !policy::diff::diff(&before.policy, new).iter().any(touches) {
        return Ok(warnings);
    }
    let now = Moment::now().max(store.log().last_at());
    let (conn, words) = (store.conn(), store.words());
    let under = |rules: &Rulebook| retention_under(store, rules, None, now);
    let today = under(&store::latest(conn, words)?)?;
    let then = under(&store::rulebook_to_be(conn, words, new, now)?)?;
    // What is held is the same, so the rows are.
    for (was, row) in today.rows.iter().zip(&then.rows) {
        let lost = Lost {
            ended: row.ended.saturating_sub(was.ended),
            due: row.past_due.saturating_sub(was.past_due),
        };
        if lost.ended > 0 {
            warnings.push(reasons_lost(text, &row.purpose, &row.category, lost));
        }
    }
    Ok(warnings)
}

/// The destinations that a policy can tell nothing any more, and that hold data.
fn untold(
    store: &Store,
    before: Option<&Before>,
    text: &str,
    new: &policy::types::Policy,
) -> Result<Vec<Mistake>> {
    let mut warnings = Vec::new();
    for (name, old) in before.into_iter().flat_map(|before| &before.policy.destinations) {
        let is_told = new.destinations.get(name).is_some_and(recall::can_be_told);
        if !recall::can_be_told(old) || is_told {
            continue;
        }
        let people = recall::held_by(store, name)?;
        if people > 0 {
            warnings.push(recipient_lost(text, name, old, people));
        }
    }
    Ok(warnings)
}

/// Applies a checked policy.
pub fn apply(store: &mut Store, text: &str, checked: &Checked) -> Result<(u32, i64)> {
    store.write(Moment::now(), |writer| {
        keep_dictionary(writer.conn, &checked.policy)?;
        // What couldn't be told to recipients goes now, where there is a way again.
        recall::take_up(writer, &checked.policy)?;
        store::apply(writer, text, &checked.policy)
    })
}

fn warn(context: &Context, checked: &Checked) {
    for warning in &checked.warnings {
        context.out.say(format!("warning {warning}"));
    }
}

/// Checks a file, against the store that is named, if one is and it is there.
fn check(context: &Context, file: &Path) -> Result<Answer> {
    let text = std::fs::read_to_string(file).map_err(io(file))?;
    let named = context.path().ok();
    let store = named.filter(|path| path.exists()).map(|_| context.open(Access::Read));
    let store = store.transpose()?;
    let before = store.as_ref().map(in_force).transpose()?.flatten();
    match (named, &before) {
        (Some(path), Some(before)) => {
            context.out.note(format!(
                "checked against version {} of {}",
                before.version,
                path.display()
            ));
        }
        (Some(path), None) => {
            context.out.note(format!("no policy is in force in {} yet", path.display()));
        }
        (None, _) => {}
    }
    let against = before.as_ref().map(|before| before.version);
    match policy::check_after(&text, before.as_ref().map(Before::as_in_force)) {
        Ok(mut checked) => {
            if let Some(store) = &store {
                checked.warnings.extend(lost(store, before.as_ref(), &text, &checked.policy)?);
            }
            warn(context, &checked);
            let policy = &checked.policy;
            context.out.say(format!(
                "{}: {}, {}, {}; no mistakes",
                file.display(),
                counted(policy.purposes.len(), "purpose", "purposes"),
                counted(policy.sources.len(), "source", "sources"),
                counted(policy.destinations.len(), "destination", "destinations")
            ));
            context.out.give(
                &json!({"mistakes": [], "warnings": checked.warnings, "against_version": against}),
            );
            Ok(Answer::Yes)
        }
        Err(mistakes) => {
            for mistake in &mistakes {
                context.out.say(mistake);
            }
            let count = counted(mistakes.len(), "mistake", "mistakes");
            context.out.say(format!("{}: {count}", file.display()));
            context.out.give(&json!({"mistakes": mistakes, "against_version": against}));
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
    let (text, checked) = read(file)?;
    let store = context.open(Access::Read)?;
    let Some(before) = in_force(&store)? else {
        return Err(Error::no("no-policy", "no policy is in force to compare with")
            .next("apply one with `candor policy apply FILE`"));
    };
    let changes = policy::diff::diff(&before.policy, &checked.policy);
    let forbidden =
        policy::check_after(&text, Some(before.as_in_force())).err().unwrap_or_default();
    for change in &changes {
        let from = change.from.as_deref().unwrap_or("(nothing)");
        let to = change.to.as_deref().unwrap_or("(nothing)");
        context.out.say(format!("{}: {from} -> {to}", change.path));
    }
    for mistake in &forbidden {
        context.out.say(format!("forbidden {mistake}"));
    }
    let lost = lost(&store, Some(&before), &text, &checked.policy)?;
    for warning in &lost {
        context.out.say(format!("warning {warning}"));
    }
    if changes.is_empty() {
        context.out.say("no difference");
    }
    context.out.give(&json!({"changes": changes, "forbidden": forbidden, "warnings": lost}));
    Ok(if forbidden.is_empty() { Answer::Yes } else { Answer::No })
}

/// Whoever keeps the database makes the table: candor's user there needs no right to.
fn table(context: &Context, name: &str) -> Result<Answer> {
    let store = context.open(Access::Read)?;
    let policy = store::latest(store.conn(), store.words())?.policy;
    let Some(sql) = candor::send::create_table(&policy, name) else {
        let what = format!("the policy in force has no destination {name:?} of the kind postgres");
        return Err(Error::usage("destination-no-table", what)
            .next("`candor policy show` lists the destinations"));
    };
    if context.out.is_json() {
        context.out.give(&json!({"destination": name, "sql": sql}));
    } else {
        context.out.raw(&sql);
    }
    Ok(Answer::Yes)
}
