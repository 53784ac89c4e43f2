//! `profile find|show|why|merge|split`.

use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::policy::currency::amount;
use candor::profile::lookup;
use candor::profile::merge::public_text;
use candor::profile::read::{self, Profile as ProfileDocument, Said};
use candor::profile::why::{self, What, Why};
use candor::store::{self, Access, Writer};
use candor::subject::{grouping, hold};
use candor::view::on_one_line;
use serde_json::json;

use crate::args::Profile;
use crate::output::counted;
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Profile) -> Result<Answer> {
    match command {
        Profile::Find { who } => find(context, who),
        Profile::Show { who } => show(context, who),
        Profile::Why { who, field, event } => explain(context, who, field.as_deref(), *event),
        Profile::Merge { who, other } => join(context, who, other),
        Profile::Split { who, merge, record } => split(context, who, *merge, *record),
    }
}

/// Attributes that `profile find` shows of each person, to tell them apart.
const NAMED_MAX: usize = 4;

fn find(context: &Context, who: &str) -> Result<Answer> {
    let mut store = context.open_to_look()?;
    let rules = store::latest(store.conn(), store.words())?;
    let mut found = Vec::new();
    for subject in context.find(&store, &rules.policy, who)? {
        context.note_look(&mut store, subject, "profile.find")?;
        let profile = read::profile(store.conn(), store.words(), &rules, subject, Moment::now())?;
        let sources: Vec<String> = profile
            .records
            .iter()
            .map(|r| format!("{}:{}", r.source, on_one_line(&r.key)))
            .collect();
        let names = profile.attributes.values().map(|a| on_one_line(&a.shown.value));
        let names: Vec<String> = names.take(NAMED_MAX).collect();
        let (sources, names) = (sources.join(" "), names.join(", "));
        context.out.say(format!("{}  {sources}  {names}", profile.subject).trim_end());
        found.push(json!({"subject": profile.subject, "records": profile.records}));
    }
    if found.len() > 1 {
        context.out.note(format!(
            "{} people share this identifier: name one by its id in `access`, `erase` and the others",
            found.len()
        ));
    }
    context.out.give(&found);
    Ok(Answer::Yes)
}

fn show(context: &Context, who: &str) -> Result<Answer> {
    let mut store = context.open_to_look()?;
    let rules = store::latest(store.conn(), store.words())?;
    let subject = context.find_one(&store, &rules.policy, who)?;
    // A read of a profile by a person is an entry too.
    context.note_look(&mut store, subject, "profile.show")?;
    let profile = read::profile(store.conn(), store.words(), &rules, subject, Moment::now())?;
    say(context, &profile);
    context.out.give(&profile);
    Ok(Answer::Yes)
}

fn say(context: &Context, profile: &ProfileDocument) {
    let out = &context.out;
    out.say(format!("subject {}", profile.subject));
    for record in &profile.records {
        out.say(format!(
            "  record {:<6} {} {}",
            record.record,
            record.source,
            on_one_line(&record.key)
        ));
    }
    for (kind, said) in &profile.identifiers {
        for said in said {
            out.say(format!("  {kind:<14} {}  ({})", on_one_line(&said.value), held_for(said)));
        }
    }
    for (name, attribute) in &profile.attributes {
        let shown = &attribute.shown;
        out.say(format!("  {name:<14} {}  ({})", on_one_line(&shown.value), held_for(shown)));
        for other in attribute.others.iter().filter(|other| other.value != shown.value) {
            out.say(format!("  {:<14} {} says {}", "", other.source, on_one_line(&other.value)));
        }
    }
    for (name, activity) in &profile.activity {
        let sum = match &activity.currency {
            Some(currency) => amount(activity.sum, currency),
            None => activity.sum.to_string(),
        };
        out.say(format!(
            "  {name:<14} {} times, sum {sum}, first {}, last {}",
            activity.count, activity.first_at, activity.last_at
        ));
    }
    for merge in &profile.merges {
        out.say(format!(
            "  merge {:<7} with {} at {} (entry {})",
            merge.merge, merge.from, merge.at, merge.entry
        ));
    }
}

/// Who said a value, for which purposes it is held, and for which it isn't any more.
fn held_for(said: &Said) -> String {
    let ended = said.ended.join(", ");
    let held = match (said.purposes.is_empty(), said.ended.is_empty()) {
        (true, _) => format!("for no purpose any more; came in for {ended}"),
        (false, true) => format!("for {}", said.purposes.join(", ")),
        (false, false) => format!("for {}; not for {ended} any more", said.purposes.join(", ")),
    };
    format!("{}, {held}", said.source)
}

fn explain(
    context: &Context,
    who: &str,
    field: Option<&str>,
    event: Option<i64>,
) -> Result<Answer> {
    let mut store = context.open_to_look()?;
    let rules = store::latest(store.conn(), store.words())?;
    let subject = context.find_one(&store, &rules.policy, who)?;
    let what = event.map_or(What::Named(field.unwrap_or_default()), What::Event);
    let now = Moment::now();
    let mut answers = why::why(store.conn(), store.words(), &rules, subject, what, now)?;
    hold::explain(&store, &rules, subject, now, &mut answers)?;
    context.note_look(&mut store, subject, "profile.why")?;
    for answer in &answers {
        say_why(context, answer);
    }
    context.out.give(&answers);
    Ok(Answer::Yes)
}

fn say_why(context: &Context, answer: &Why) {
    let old = if answer.superseded { " (superseded)" } else { "" };
    context.out.say(format!("{} = {}{old}", answer.field, on_one_line(&answer.value)));
    if let Some(count @ 2..) = answer.events {
        context.out.say(format!("  newest of  {count} held; one of them: --event NUMBER"));
    }
    let seen = if answer.item == "event" { "happened" } else { "observed" };
    context.out.say(format!(
        "  said by    {} ({}), {seen} {}",
        answer.source,
        on_one_line(&answer.source_key),
        answer.observed_at
    ));
    context.out.say(format!(
        "  admitted   {}, under policy {}, committed to in ledger entry {} as {} {}",
        answer.admitted_at, answer.policy, answer.entry, answer.item, answer.number
    ));
    for reason in &answer.reasons {
        let basis = serde_json::to_value(reason.basis).unwrap_or_default();
        let basis = basis.as_str().unwrap_or_default().replace('_', " ");
        let rests = reason.rests_on.as_ref().map(|r| format!(", {r}")).unwrap_or_default();
        context
            .out
            .say(format!("  purpose    {} ({}): {basis}{rests}", reason.purpose, reason.title));
        if let Some(consent) = &reason.consent {
            context.out.say(format!(
                "             consent {} on channel {} at {}, notice {}, ledger entry {}",
                consent.state, consent.channel, consent.given_at, consent.notice, consent.entry
            ));
        }
        context.out.say(format!("             today: {}", reason.today));
    }
    if let Some(hold) = &answer.hold {
        let until = hold.until.as_deref().unwrap_or("it is lifted");
        context.out.say(format!(
            "  hold       for a legal claim (Art 17(3)(e)), until {until}, ledger entry {}",
            hold.entry
        ));
    }
}

fn join(context: &Context, who: &str, other: &str) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let rules = store::latest(store.conn(), store.words())?;
    let a = context.find_one(&store, &rules.policy, who)?;
    let b = context.find_one(&store, &rules.policy, other)?;
    if a == b {
        return Err(Error::no("merge-same", "both names are the same person already")
            .next("name somebody else; `candor profile show` lists what is joined"));
    }
    let into = store.write(Moment::now(), |writer| grouping::join(writer, a, b))?;
    let profile = read::profile(store.conn(), store.words(), &rules, into, Moment::now())?;
    let records = counted(profile.records.len() as u64, "record", "records");
    context.out.say(format!("{} now holds {records}", profile.subject));
    context.out.say(
        "no consent was widened: what either side said before this covers its own alone, also of what comes in \
         later; what is said from now on stands for both",
    );
    context.out.give(&profile);
    Ok(Answer::Yes)
}

fn split(context: &Context, who: &str, merge: Option<i64>, record: Option<i64>) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let rules = store::latest(store.conn(), store.words())?;
    let subject = context.find_one(&store, &rules.policy, who)?;
    let (restored, later) = match record {
        Some(record) => {
            let known = read::open_records(store.conn(), store.words(), subject)?;
            if !known.iter().any(|r| r.id == record) {
                return Err(Error::no("record-elsewhere", "the profile has no such record")
                    .next("`candor profile show WHO` lists its records"));
            }
            let part = |writer: &mut Writer<'_>| grouping::part(writer, &rules, subject, record);
            let parted = store.write(Moment::now(), part)?;
            (parted, Vec::new())
        }
        None => {
            let merges = lookup::merges_into(store.conn(), subject)?;
            let found = match merge {
                Some(id) => merges.iter().find(|m| m.id == id),
                None => merges.first(),
            };
            let Some(found) = found.copied() else {
                return Err(Error::no(
                    "merge-unknown",
                    "the profile has no such merge to take back",
                )
                .next(
                    "part one record with --record NUMBER; `candor profile show WHO` lists them",
                ));
            };
            let take_back = |writer: &mut Writer<'_>| grouping::take_back(writer, &rules, &found);
            let restored = store.write(Moment::now(), take_back)?;
            let later = lookup::came_after(store.conn(), found.into_subject, found.entry)?;
            (restored, later)
        }
    };
    let grouping::Parted { subject: restored, forgotten, recipients } = restored;
    if forgotten.values + forgotten.events > 0 {
        store.truncate_wal()?;
    }
    let text = public_text(lookup::public_id(store.conn(), restored)?);
    let stays = public_text(lookup::public_id(store.conn(), subject)?);
    context.out.say(format!("{text} stands on its own again; the two are kept apart from now on"));
    if forgotten.values + forgotten.events > 0 {
        context.out.say(format!(
            "{} and {} were held by what the other had said alone, and were forgotten",
            counted(forgotten.values, "value", "values"),
            counted(forgotten.events, "event", "events")
        ));
    }
    for recipient in &recipients {
        context.out.say(format!(
            "{recipient} was sent data of both as one person's: tell it that they are two (Art 19)"
        ));
    }
    if !later.is_empty() {
        let numbers: Vec<String> = later.iter().map(ToString::to_string).collect();
        context.out.say(format!(
            "records {} came after the merge and stay with {stays}: where one is the other's, part it \
             with `candor profile split {stays} --record NUMBER` and merge what it becomes with {text}",
            numbers.join(", ")
        ));
    }
    context.out.give(&json!({
        "restored": text, "stays": stays, "came_after_the_merge": later,
        "forgotten": forgotten, "recipients": recipients,
    }));
    Ok(Answer::Yes)
}
