//! `consent record|object|restrict|channel|frequency|notice|history|state|receipt`.

use candor::base::clock::Moment;
use candor::base::error::{Error, Result};
use candor::consent::answers::Answers;
use candor::consent::desk::{self, Spoken};
use candor::consent::fold::AsOf;
use candor::consent::gate::Reason;
use candor::consent::history::{History, NewStatement};
use candor::consent::origin::{self, Told, Whom};
use candor::consent::stands::Stands;
use candor::consent::statement::Axis;
use candor::policy::rulebook::{PurposeCode, Rulebook, bit};
use candor::policy::types::{ConsentState, Source};
use candor::profile::then::Then;
use candor::profile::{apart, read};
use candor::send::opt_in;
use candor::store::{self, Access, Store, Writer};
use candor::subject::forget::{self, Forgotten};
use candor::subject::{receipt, state, told};
use serde_json::json;

use crate::args::{Consent, ConsentNotice, ConsentRecord, ReceiptForm};
use crate::outbox;
use crate::output::counted;
use crate::time::{end_of_day, moment_if};
use crate::{Answer, Context};

pub fn run(context: &Context, command: &Consent) -> Result<Answer> {
    match command {
        Consent::Record(args) => record(context, args),
        Consent::Object { who, purpose, lift, at } => {
            let spoken = Spoken {
                axis: Axis::Objection,
                purpose: Some(purpose),
                state: given_or_lifted(*lift),
                ..Spoken::default()
            };
            say(context, who, spoken, at.as_deref())
        }
        Consent::Restrict { who, lift, at } => {
            let spoken = Spoken {
                axis: Axis::Restriction,
                state: given_or_lifted(*lift),
                ..Spoken::default()
            };
            say(context, who, spoken, at.as_deref())
        }
        Consent::Channel { who, channel, deny, at } => {
            let spoken = Spoken {
                axis: Axis::Permission,
                channel: Some(channel),
                state: given_or_lifted(*deny),
                ..Spoken::default()
            };
            say(context, who, spoken, at.as_deref())
        }
        Consent::Frequency { who, every, channel, lift, at } => {
            let spoken = Spoken {
                axis: Axis::Frequency,
                channel: channel.as_deref(),
                state: given_or_lifted(*lift),
                every_days: every.unwrap_or(0),
                ..Spoken::default()
            };
            say(context, who, spoken, at.as_deref())
        }
        Consent::Notice(args) => notice(context, args),
        Consent::History { who, known_at } => history(context, who, known_at.as_deref()),
        Consent::State { who, at, known_at } => {
            state(context, who, at.as_deref(), known_at.as_deref())
        }
        Consent::Receipt { who, purpose, form } => give_receipt(context, who, purpose, *form),
    }
}

fn given_or_lifted(lift: bool) -> ConsentState {
    if lift { ConsentState::Withdrawn } else { ConsentState::Given }
}

fn record(context: &Context, args: &ConsentRecord) -> Result<Answer> {
    let state: ConsentState = args.state.parse()?;
    let spoken = Spoken {
        axis: Axis::Consent,
        purpose: Some(&args.purpose),
        channel: args.channel.as_deref(),
        state,
        explicit: args.explicit,
        confirmed: args.confirmed,
        notice: args.notice.as_deref(),
        language: args.language.as_deref(),
        method: args.method.as_deref(),
        evidence: args.evidence.as_deref(),
        ..Spoken::default()
    };
    say(context, &args.who, spoken, args.at.as_deref())
}

/// When something was said: now, where nobody says when.
fn said_at(store: &Store, at: Option<&str>, now: Moment) -> Result<Moment> {
    let at = moment_if(store, at)?.unwrap_or(now);
    if at > now {
        return Err(Error::usage("time-in-future", "nobody can have said anything in the future")
            .at(at)
            .next("name the moment when it was said, or leave --at out"));
    }
    Ok(at)
}

fn say(context: &Context, who: &str, spoken: Spoken<'_>, at: Option<&str>) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    // Where the machine's clock was set back, what is said now is said after all that is recorded.
    let now = Moment::now().max(store.log().last_at());
    let valid_at = said_at(&store, at, now)?;
    let day_ends = at.map(|at| end_of_day(&store, at)).transpose()?.flatten();
    let rules = store::latest(store.conn(), store.words())?;
    let statements = desk::statements(&rules, &spoken, valid_at)?;
    // A "no" by an identifier that several people share protects all of them.
    let is_no = statements.iter().all(|new| new.axis != Axis::Restriction && new.protects());
    let protects = statements.iter().any(NewStatement::protects);
    // Under the write lock, so that nobody is erased or joined with another between the two.
    let find = |store: &Store, _: Moment| {
        let subjects = match is_no {
            true => context.find(store, &rules.policy, who)?,
            false => vec![context.find_one(store, &rules.policy, who)?],
        };
        let (conn, secret) = (store.conn(), store.secret());
        let named = |subject| read::record_named(conn, secret, &rules.policy, who, subject);
        subjects.into_iter().map(|subject| Ok((subject, named(subject)?))).collect()
    };
    let work = |writer: &mut Writer<'_>, people: Vec<(i64, Option<i64>)>| {
        let (mut entries, mut forgotten) = (Vec::new(), Forgotten::default());
        let mut asked = false;
        for (subject, named) in &people {
            let statements = match day_ends {
                Some(ends) => &desk::of_a_day(writer.conn, *subject, &statements, ends)?,
                None => &statements,
            };
            // What is said by an address is said for that address.
            entries.extend(match named {
                Some(record) => desk::record_by_address(writer, *subject, *record, statements)?,
                None => desk::record(writer, *subject, statements)?,
            });
            for entry in &entries {
                asked |= opt_in::ask(writer, &rules, *entry)?;
            }
            // Withdrawal acts at once: what has lost its last reason goes in the same transaction.
            forgotten += forget::sweep(writer, &rules, *subject, "consent")?;
        }
        Ok((people, entries, forgotten, asked))
    };
    let (people, entries, forgotten, asked) = store.decide_and_write(now, find, work)?;
    let subject = people[0].0;
    if forgotten.values + forgotten.events > 0 {
        store.truncate_wal()?;
    }
    // What was handed over before isn't under way any more when this returns, and nothing follows it.
    let mut was_sent = false;
    for (subject, _) in people.iter().filter(|_| protects) {
        was_sent |= outbox::wait_until_sent(context, &store, *subject)?;
    }
    context.out.say(match entries[..] {
        [first, .., last] => format!("recorded as ledger entries {first} to {last}"),
        _ => format!("recorded as ledger entry {}", entries[0]),
    });
    if was_sent {
        context.out.say(
            "a message about the person was being sent at that moment: its disclosure is on record before this",
        );
    }
    let mut by_hand = Vec::new();
    for (subject, _) in people.iter().filter(|_| protects) {
        by_hand.extend(candor::send::outbox::by_hand(&store, *subject)?);
    }
    by_hand.iter().for_each(|row| context.out.say(&row.words));
    // Where the gate keeps the mail back, nobody is told that it comes.
    let mut asks = false;
    for new in statements.iter().filter(|_| asked) {
        let matter = (new.purpose, new.channel);
        asks |= candor::send::outbox::asks_to_confirm(&store, &rules, subject, matter, now)?;
    }
    if asks {
        context.out.say(
            "a mail asks the person to confirm it: candor serve and candor outbox run send it",
        );
    }
    let stays_apart = spoken.axis == Axis::Objection
        && spoken.state == ConsentState::Withdrawn
        && links(&rules, &spoken)
        && apart::is_parted(store.conn(), subject)?;
    if stays_apart {
        context.out.say(
            "records that were parted from this profile stay apart: candor profile merge joins them",
        );
    }
    if people.len() > 1 {
        context.out.say(format!(
            "{} people are held under this identifier, and the \"no\" is recorded for all of them",
            people.len()
        ));
    }
    let nothing_held = is_empty_consent(&store, &rules, &spoken, subject)?;
    let closed = match consented(&rules, &spoken) {
        Some(code) => closed(&store, &rules, subject, code, now)?,
        None => None,
    };
    let purpose = spoken.purpose.unwrap_or_default();
    if let Some(reason) = closed {
        context.out.say(format!("nothing may come in for {purpose} yet: {}", reason.words()));
    } else if nothing_held {
        context.out.say(format!(
            "nothing is held for {purpose}: what the sources sent before was not kept for it"
        ));
        // Another look at the exports can help only where a source may send something for it.
        let sources = sources_for(&rules, purpose);
        if !sources.is_empty() {
            context.out.say(format!(
                "next    candor import FILE --source NAME --again, with the last exports of {}",
                sources.join(", ")
            ));
        }
    }
    if forgotten.values + forgotten.events > 0 {
        context.out.say(format!(
            "{} and {} had no other reason to be held and are gone",
            counted(forgotten.values, "value", "values"),
            counted(forgotten.events, "event", "events")
        ));
    }
    context.out.give(&json!({
        "entries": entries, "people": people.len(), "forgotten": forgotten,
        "nothing_held_for_purpose": nothing_held,
        "still_closed": closed.map(|reason| reason.code()), "stays_apart": stays_apart,
        "confirmation_asked": asks, "was_being_sent": was_sent,
        "by_hand": by_hand,
    }));
    Ok(Answer::Yes)
}

/// Whether what was said is about a purpose that links.
fn links(rules: &Rulebook, spoken: &Spoken<'_>) -> bool {
    let code = spoken.purpose.and_then(|name| rules.purpose_code(name));
    code.and_then(|code| rules.rule(code)).is_some_and(|rule| rule.purpose.linking)
}

/// The purpose to which somebody said yes.
fn consented(rules: &Rulebook, spoken: &Spoken<'_>) -> Option<PurposeCode> {
    let says_yes = matches!(spoken.state, ConsentState::Given | ConsentState::Renewed);
    let code = spoken.purpose.and_then(|name| rules.purpose_code(name));
    code.filter(|_| spoken.axis == Axis::Consent && says_yes)
}

/// Whether somebody said yes to a purpose for which nothing of them is held.
fn is_empty_consent(
    store: &Store,
    rules: &Rulebook,
    spoken: &Spoken<'_>,
    subject: i64,
) -> Result<bool> {
    match consented(rules, spoken) {
        Some(code) => Ok(!read::holds_under(store.conn(), store.words(), subject, bit(code))?),
        None => Ok(false),
    }
}

/// Why the gate still lets nothing of a person in for a purpose, whatever home it is of.
fn closed(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    purpose: PurposeCode,
    now: Moment,
) -> Result<Option<Reason>> {
    let history = History::load(store.conn(), subject)?;
    let mut closed = None;
    for home in &history.homes {
        let standing = history.standing_of(home.id, AsOf::at(now));
        let answers = Answers::of(rules, &standing, now);
        if answers.open & bit(purpose) != 0 {
            return Ok(None);
        }
        closed = Some(answers.reason(purpose));
    }
    Ok(closed)
}

/// The sources that may send something for a purpose.
fn sources_for<'r>(rules: &'r Rulebook, purpose: &str) -> Vec<&'r str> {
    let serves = |source: &Source| source.purposes.iter().any(|name| name == purpose);
    let sources = rules.policy.sources.iter().filter(|(_, source)| serves(source));
    sources.map(|(name, _)| name.as_str()).collect()
}

fn notice(context: &Context, args: &ConsentNotice) -> Result<Answer> {
    let now = Moment::now();
    let mut store = context.open(Access::Write)?;
    let at = said_at(&store, args.at.as_deref(), now)?;
    let rules = store::latest(store.conn(), store.words())?;
    let told = Told {
        notice: &args.notice,
        method: args.method.as_deref(),
        evidence: args.evidence.as_deref(),
        at,
    };
    let who = args.who.as_deref();
    let subject = who.map(|who| context.find_one(&store, &rules.policy, who));
    let whom = Whom { subject: subject.transpose()?, source: args.source.as_deref() };
    let (people, entries) = store.write(now, |writer| origin::tell(writer, &rules, whom, &told))?;
    match entries.len() {
        0 => context
            .out
            .say("nothing to record: they have been told, or no such source sent data of them"),
        _ => context.out.say(format!(
            "{} told; recorded in {}",
            counted(people, "person was", "people were"),
            counted(entries.len(), "ledger entry", "ledger entries")
        )),
    }
    context.out.give(&json!({"people": people, "entries": entries}));
    Ok(Answer::Yes)
}

fn history(context: &Context, who: &str, known_at: Option<&str>) -> Result<Answer> {
    let mut store = context.open_to_look()?;
    let known = moment_if(&store, known_at)?.unwrap_or(Moment::FOREVER);
    let rules = store::latest(store.conn(), store.words())?;
    // Of nobody it says what is left of them.
    context.find(&store, &rules.policy, who)?;
    let then = Then::known_at(store.conn(), known)?;
    // Whoever came under the name since isn't asked about.
    let people = read::find_then(&store, &rules.policy, who, &then)?;
    if people.len() > 1 {
        context.find_one(&store, &rules.policy, who)?;
    }
    for today in then.held_today(store.conn(), &people)? {
        context.note_look(&mut store, today, "consent.history")?;
    }
    let mut told = Vec::new();
    for named in people {
        told.extend(told::of_records(&store, &then.records(store.conn(), named)?)?);
    }
    told.retain(|told| told.recorded <= known);
    for t in &told {
        let language = t.language.as_ref().map(|l| format!(" ({l})")).unwrap_or_default();
        let notice = match t.notice.as_str() {
            "" => String::new(),
            name => format!("notice {name}{language}"),
        };
        let how: Vec<&str> = [(t.explicit, "explicit"), (t.confirmed, "confirmed")]
            .into_iter()
            .filter_map(|(is_so, word)| is_so.then_some(word))
            .chain((!notice.is_empty()).then_some(&*notice))
            .collect();
        context.out.say(format!(
            "{}  {:<11} {:<16} {:<6} by {:<12} {:<27} entry {} (recorded {}{})",
            t.at,
            t.word,
            // What is about no purpose says what it is.
            if t.purpose.is_empty() { t.about } else { &t.purpose },
            t.category.as_ref().unwrap_or(&t.channel),
            t.source,
            how.join(", "),
            t.entry,
            t.recorded_at,
            if t.undated { ", not said when" } else { "" }
        ));
    }
    if told.is_empty() {
        context.out.say("nothing was ever recorded");
    }
    context.out.give(&told);
    Ok(Answer::Yes)
}

fn state(context: &Context, who: &str, at: Option<&str>, known_at: Option<&str>) -> Result<Answer> {
    let mut store = context.open_to_look()?;
    let valid = moment_if(&store, at)?.unwrap_or_else(Moment::now);
    let known = moment_if(&store, known_at)?.unwrap_or(Moment::FOREVER);
    let latest = store::latest(store.conn(), store.words())?;
    for subject in context.find(&store, &latest.policy, who)? {
        context.note_look(&mut store, subject, "consent.state")?;
    }
    // Who was one person then, and what the policy asked for then: later merges and policies change
    // nothing of it.
    let then = Then::known_at(store.conn(), known)?;
    let (conn, words) = (store.conn(), store.words());
    let rules = store::rulebook_at_or_first(conn, words, valid.min(known))?;
    let people = read::find_then(&store, &latest.policy, who, &then)?;
    let states = people
        .into_iter()
        .map(|subject| state::state_then(&store, &rules, subject, &then, AsOf { valid, known }))
        .collect::<Result<Vec<_>>>()?;
    let document = match <[state::State; 1]>::try_from(states) {
        Ok([only]) => only,
        Err(several) => state::shared_state(several).expect("found at least one"),
    };
    if !document.shared_by.is_empty() {
        context.out.say(format!(
            "{} people share this identifier ({}); the most protective of their answers:",
            document.shared_by.len(),
            document.shared_by.join(", ")
        ));
    }
    let state = |c: &state::PurposeState| match c.stands {
        Stands::Given => c.state,
        other => other.words(),
    };
    let wide = document.purposes.iter().map(|c| state(c).len()).max().unwrap_or(0).max(12);
    for c in &document.purposes {
        let holds = if c.in_force { "in force".to_owned() } else { c.words.clone() };
        context.out.say(format!("{:<16} {:<6} {:<wide$} {holds}", c.purpose, c.channel, state(c)));
    }
    for line in &document.marks {
        context.out.say(line);
    }
    context.out.give(&document);
    Ok(Answer::Yes)
}

fn give_receipt(context: &Context, who: &str, purpose: &str, form: ReceiptForm) -> Result<Answer> {
    let mut store = context.open(Access::Write)?;
    let rules = store::latest(store.conn(), store.words())?;
    let subject = context.find_one(&store, &rules.policy, who)?;
    let form = match form {
        ReceiptForm::Dpv => receipt::Form::Dpv,
        ReceiptForm::Kantara => receipt::Form::Kantara,
    };
    let now = Moment::now();
    context.out.raw(&receipt::issue(&mut store, &rules, subject, purpose, form, now)?);
    Ok(Answer::Yes)
}
