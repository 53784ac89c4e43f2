//! `audience define|list|show|count|why|push`.

use std::collections::BTreeMap;
use std::path::Path;

use candor::base::clock::Moment;
use candor::base::error::{Error, Result, io};
use candor::policy::rulebook::Rulebook;
use candor::segment::Segment;
use candor::segment::desk::{self, Defined};
use candor::send::{self, Aim, outbox};
use candor::store::{self, Access, Store};
use serde_json::{Value, json};

use crate::args::Audience;
use crate::output::counted;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Audience) -> Result<Answer> {
    match command {
        Audience::Define { name, file } => define(context, name, file)?,
        Audience::List => list(context)?,
        Audience::Show { name, version } => show(context, name, *version)?,
        Audience::Count { name, to } => count(context, name, to.as_deref())?,
        Audience::Why { name, who } => return why(context, name, who),
        Audience::Push { name, to, out } => push(context, name, to.as_deref(), out.as_deref())?,
    }
    Ok(Answer::Yes)
}

fn define(context: &Context, name: &str, file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file).map_err(io(file))?;
    let mut store = context.open(Access::Write)?;
    let (now, rules) = (Moment::now(), store::latest(store.conn(), store.words())?);
    let defined = desk::define(&mut store, &rules, name, &text, now)?;
    let Defined { version, entry, .. } = &defined;
    context.out.say(format!("{name} is version {version} (ledger entry {entry})"));
    let members = send::members(&store, &rules, &defined, now)?;
    context.out.say(format!("{} in it now", counted(members.members, "person is", "people are")));
    say_withheld(context, &members.left_out);
    context.out.give(&json!({
        "audience": name, "version": version, "entry": entry, "members": members.members,
        "left_out": members.left_out,
    }));
    Ok(())
}

fn list(context: &Context) -> Result<()> {
    let store = context.open(Access::Read)?;
    let rules = store::latest(store.conn(), store.words())?;
    let mut newest: BTreeMap<String, Defined> = BTreeMap::new();
    for one in desk::all(&store)? {
        newest.insert(one.name.clone(), one);
    }
    if newest.is_empty() {
        context.out.say("no audience is defined; `candor audience define NAME FILE` defines one");
    }
    let mut all: Vec<Value> = Vec::new();
    for Defined { name, version, entry, text } in newest.values() {
        // Where the policy has changed under it, it chooses nobody until it is defined anew.
        let read = Segment::read(text, &rules);
        let (title, purpose) = match &read {
            Ok(segment) => (
                segment.title.clone(),
                rules.rule(segment.purpose).map(|rule| rule.name.clone()).unwrap_or_default(),
            ),
            Err(error) => {
                (format!("doesn't fit the policy any more: {}", error.what), String::new())
            }
        };
        context.out.say(format!("{name}  version {version}  {purpose}  {title}"));
        all.push(json!({
            "audience": name, "version": version, "entry": entry, "purpose": purpose,
            "title": title, "fits": read.is_ok(),
        }));
    }
    context.out.give(&json!({"audiences": all}));
    Ok(())
}

fn show(context: &Context, name: &str, version: Option<u32>) -> Result<()> {
    let store = context.open(Access::Read)?;
    let mut all = desk::all(&store)?;
    all.retain(|one| one.name == name && version.is_none_or(|version| one.version == version));
    let one = all.pop().ok_or_else(|| unknown(name))?;
    context.out.say(one.text.trim_end());
    context.out.give(&json!({
        "audience": one.name, "version": one.version, "entry": one.entry, "text": one.text,
    }));
    Ok(())
}

fn unknown(name: &str) -> Error {
    Error::usage("audience-unknown", format!("no audience is called {name}, or has that version"))
        .next("`candor audience list` names them; `candor audience define NAME FILE` defines one")
}

/// The audience of a name; none where it is a destination's.
fn audience_of(store: &Store, rules: &Rulebook, name: &str) -> Result<Option<Defined>> {
    if rules.policy.destinations.contains_key(name) {
        return Ok(None);
    }
    // Of neither it is told which destinations there are, too.
    desk::find(store, name)?.map(Some).ok_or_else(|| {
        let known: Vec<&str> = rules.policy.destinations.keys().map(String::as_str).collect();
        let what = format!("{name} is no audience, and no destination of the policy");
        Error::usage("destination-unknown", what).next(format!(
            "`candor audience list` names the audiences; the destinations are {}",
            known.join(", ")
        ))
    })
}

/// What is sent where, by what was typed.
fn aim<'a>(defined: Option<&'a Defined>, name: &'a str, to: Option<&'a str>) -> Result<Aim<'a>> {
    match (defined, to) {
        (None, None) => Ok(Aim::from(name)),
        (Some(audience), Some(to)) => Ok(Aim { destination: to, audience: Some(audience) }),
        (None, Some(_)) => Err(Error::usage(
            "audience-is-destination",
            format!("{name} is a destination, and goes to itself"),
        )
        .next("leave --to out, or name an audience")),
        (Some(_), None) => {
            Err(Error::usage("audience-without-destination", "an audience is sent somewhere")
                .at(name)
                .next("say where: --to DESTINATION"))
        }
    }
}

fn count(context: &Context, name: &str, to: Option<&str>) -> Result<()> {
    let now = Moment::now();
    let store = context.open(Access::Read)?;
    let rules = store::latest(store.conn(), store.words())?;
    let defined = audience_of(&store, &rules, name)?;
    if let (Some(audience), None) = (&defined, to) {
        let members = send::members(&store, &rules, audience, now)?;
        context.out.say(format!("{} in it", counted(members.members, "person is", "people are")));
        say_withheld(context, &members.left_out);
        context.out.give(&json!({
            "audience": name, "version": audience.version, "members": members.members,
            "left_out": members.left_out,
        }));
        return Ok(());
    }
    let aim = aim(defined.as_ref(), name, to)?;
    let audience = send::audience(&store, &rules, aim, now)?;
    let people = counted(audience.permitted.len(), "person", "people");
    context.out.say(format!("{people} may be reached"));
    say_withheld(context, &audience.withheld);
    context.out.give(&json!({
        "destination": aim.destination, "permitted": audience.permitted.len(),
        "withheld": audience.withheld,
    }));
    Ok(())
}

fn why(context: &Context, name: &str, who: &str) -> Result<Answer> {
    let mut store = context.open_to_look()?;
    let rules = store::latest(store.conn(), store.words())?;
    let defined = desk::find(&store, name)?.ok_or_else(|| unknown(name))?;
    let subject = context.find_one(&store, &rules.policy, who)?;
    context.note_look(&mut store, subject, "audience.why")?;
    let why = send::why(&store, &rules, &defined, subject, Moment::now())?;
    let verdict = if why.is_member { "in" } else { "out" };
    context.out.say(format!("{verdict}: {}", why.words));
    for told in &why.conditions {
        let mark = if told.holds { "yes" } else { "no " };
        context.out.say(format!(
            "  {mark} {:indent$}{}",
            "",
            told.condition,
            indent = 2 * told.depth
        ));
    }
    context.out.give(&why);
    Ok(if why.is_member { Answer::Yes } else { Answer::No })
}

fn push(context: &Context, name: &str, to: Option<&str>, out: Option<&Path>) -> Result<()> {
    let now = Moment::now();
    let mut store = context.open(Access::Write)?;
    let rules = store::latest(store.conn(), store.words())?;
    let defined = audience_of(&store, &rules, name)?;
    let aim = aim(defined.as_ref(), name, to)?;
    let Some(out) = out else {
        let queued = outbox::queue_audience(&mut store, &rules, aim, now)?;
        context.out.say(format!(
            "{} to {} for {} wait to be sent (ledger entry {}); `candor serve` and `candor outbox run` \
             send them",
            counted(queued.queued, "message", "messages"),
            queued.recipient,
            queued.purpose,
            queued.entry
        ));
        if queued.waiting_already > 0 {
            let people = counted(queued.waiting_already, "person waits", "people wait");
            context.out.say(format!("  {people} there already"));
        }
        say_withheld(context, &queued.withheld);
        context.out.give(&queued);
        return Ok(());
    };
    let run = send::push(&mut store, &rules, aim, out, now)?;
    context.out.say(format!(
        "{} went to {} for {}: {} (ledger entry {})",
        counted(run.sent, "person's data", "people's data"),
        run.recipient,
        run.purpose,
        out.display(),
        run.entry
    ));
    say_withheld(context, &run.withheld);
    if run.formulas > 0 {
        context.out.say(format!(
            "  don't open it in a spreadsheet, which would run {} as a formula; for one, say \
             read_by = \"spreadsheet\" in the policy",
            counted(run.formulas, "value", "values")
        ));
    }
    context.out.give(&run);
    Ok(())
}

fn say_withheld(context: &Context, withheld: &BTreeMap<&'static str, u64>) {
    for (reason, count) in withheld {
        context.out.say(format!("  {count} left out: {reason}"));
    }
}
