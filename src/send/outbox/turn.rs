//! One turn of the outbox's work: takes what is due, and notes what became of it.
//!
//! A turn is two transactions with the sending between them. The first asks the gate for each row, under
//! the write lock, and records what will go out; only then is anything sent, and only with the permits
//! that it gave. So a crash leaves a disclosure on record that didn't happen, never one that isn't on
//! record; and the row, which is due again after a while, is sent again under the same id.

use std::collections::BTreeMap;

use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::permit::Permit;
use crate::ledger::commit::{disclosure_commitment, item_leaf};
use crate::ledger::tree::Frontier;
use crate::policy::rulebook::{PurposeRule, Rulebook};
use crate::policy::types::Destination;
use crate::profile::read::OpenEvent;
use crate::profile::sql::record_key;
use crate::send::audience::{Outbound, Target, one};
use crate::send::http::{Heard, Letter, PATIENCE, PERMIT_LASTS_MS};
use crate::send::message::{Message, Told, message_id, person_at};
use crate::send::request::{Secrets, Unsendable, request};
use crate::send::sql as send_sql;
use crate::store::{Store, WordKind, Writer, latest};

use super::pace::wait_ms;
use super::sql::{self, OutboxRow, State};
use super::status::{Fate, SECRET_MISSING, UNWRITABLE};

/// How long a row is its sender's (milliseconds): until the last request that a permit allows has ended,
/// and a margin.
#[allow(clippy::cast_possible_truncation)] // ten seconds
pub const LEASE_MS: i64 = PERMIT_LASTS_MS + PATIENCE.as_millis() as i64 + 5_000;

/// After how long a secret that wasn't there is looked for again (milliseconds).
const SECRET_AGAIN_MS: i64 = 60_000;

/// The person of a row is held no more.
const PERSON_GONE: &str = "person_gone";
/// The policy in force doesn't know the destination any more, or makes files for it.
const DESTINATION_GONE: &str = "destination_gone";

/// What is on its way to one destination.
#[derive(Debug)]
pub struct Departure {
    /// The destination.
    pub destination: String,
    /// How often each message is tried, at most.
    pub attempts: i64,
    /// The letters, each with the number of its try.
    pub letters: Vec<(Permit<Letter>, i64)>,
}

/// What a turn took.
#[derive(Debug, Default)]
pub struct Taken {
    /// What is to be sent now.
    pub departures: Vec<Departure>,
    /// What may not go, by reason.
    pub withheld: BTreeMap<&'static str, u64>,
    /// How many were given up without a try.
    pub dead: u64,
    /// How many wait for a secret.
    pub waiting: u64,
}

/// What is decided on one row.
enum Verdict {
    Send(OutboxRow, Permit<Letter>),
    Withhold(OutboxRow, &'static str),
    Wait(OutboxRow),
    GiveUp(OutboxRow),
}

/// Why a row isn't sent.
enum No {
    Withheld(&'static str),
    Unsendable(Unsendable),
}

impl From<&'static str> for No {
    fn from(reason: &'static str) -> No {
        No::Withheld(reason)
    }
}

/// The verdicts on the rows of one destination.
struct Docket {
    destination: String,
    /// The number and the name of its purpose, and its tries; of one that is gone nothing is sent.
    about: Option<(i64, String, i64)>,
    verdicts: Vec<Verdict>,
}

/// How many rows of a destination may be taken now; asked with the destination's name.
pub type Room<'r> = &'r mut dyn FnMut(&str, &Destination) -> usize;

/// Takes what is due: asks the gate, and records what goes out.
///
/// # Errors
/// `no-policy`, and those of [`Store::write`].
pub fn take(store: &mut Store, secrets: Secrets<'_>, now: Moment, room: Room<'_>) -> Result<Taken> {
    if sql::next_at(store.conn())?.is_none_or(|at| at > now) {
        return Ok(Taken::default());
    }
    let decide = |store: &Store, now: Moment| {
        let rules = latest(store.conn(), store.words())?;
        let mut dockets = Vec::new();
        let mut last = 0;
        while let Some(code) = sql::destination_after(store.conn(), last)? {
            last = code;
            dockets.extend(docket(store, &rules, code, secrets, now, room)?);
        }
        Ok(dockets)
    };
    store.decide_and_write(now, decide, |writer, dockets| {
        let mut taken = Taken::default();
        for docket in dockets {
            enter(writer, docket, &mut taken)?;
        }
        Ok(taken)
    })
}

/// Asks the gate for the due rows of a destination.
fn docket(
    store: &Store,
    rules: &Rulebook,
    code: i64,
    secrets: Secrets<'_>,
    now: Moment,
    room: Room<'_>,
) -> Result<Option<Docket>> {
    let name = store.words().text(WordKind::Destination, code);
    let found = rules.policy.destinations.get(name).filter(|d| d.is_sent_to());
    let found = found.and_then(|d| Some((d, rules.rule(rules.purpose_code(&d.purpose)?)?)));
    let most = found.map_or(usize::MAX, |(destination, _)| room(name, destination));
    let due = match most {
        0 => Vec::new(),
        most => sql::due(store.conn(), code, now, most)?,
    };
    if due.is_empty() {
        return Ok(None);
    }
    let mut verdicts = Vec::with_capacity(due.len());
    for row in due {
        verdicts.push(match found {
            Some((destination, rule)) => {
                judge(store, rules, (name, destination, rule), row, secrets, now)?
            }
            None => Verdict::Withhold(row, DESTINATION_GONE),
        });
    }
    let about = found.map(|(destination, rule)| {
        (i64::from(rule.code), rule.name.clone(), i64::from(destination.attempts))
    });
    Ok(Some(Docket { destination: name.to_owned(), about, verdicts }))
}

/// Asks the gate for one row.
fn judge(
    store: &Store,
    rules: &Rulebook,
    at: (&str, &Destination, &PurposeRule),
    row: OutboxRow,
    secrets: Secrets<'_>,
    now: Moment,
) -> Result<Verdict> {
    // Whose the record is now: it may have been joined with others or parted since.
    let Some(subject) = send_sql::subject_of(store.conn(), row.record)? else {
        return Ok(Verdict::Withhold(row, PERSON_GONE));
    };
    let (name, destination, rule) = at;
    let mut target = Target::of(store, rules, at, now);
    target.carrying_out = row.disclosure;
    let form = |Outbound { record, fields }: Outbound, event: Option<OpenEvent>| {
        let listed = &destination.properties;
        let message = Message {
            id: message_id(store.secret(), row.id, row.queued_at),
            act: row.act,
            at: now,
            person: person_at(store.secret(), name, record),
            fields: destination.fields.iter().cloned().zip(fields).collect(),
            event: event.map(|event| Told::of(&event.name, event.at, &event.bytes, listed)),
            purpose: rule.name.clone(),
            channel: destination.channel.clone().unwrap_or_default(),
        };
        let request = request(destination, &message, secrets).map_err(No::Unsendable)?;
        Ok(Letter { row: row.id, record, request })
    };
    Ok(match one(store, &target, subject, row.item, form)? {
        Ok(permit) => Verdict::Send(row, permit),
        Err(No::Withheld(reason)) => Verdict::Withhold(row, reason),
        Err(No::Unsendable(Unsendable::SecretMissing)) => Verdict::Wait(row),
        Err(No::Unsendable(Unsendable::Unwritable)) => Verdict::GiveUp(row),
        Err(No::Unsendable(Unsendable::NoWay)) => Verdict::Withhold(row, DESTINATION_GONE),
    })
}

/// Writes down what was decided for a destination.
fn enter(writer: &mut Writer<'_>, docket: Docket, taken: &mut Taken) -> Result<()> {
    let Docket { destination, about, verdicts } = docket;
    let mut outcome = Outcome::default();
    let mut sending = Vec::new();
    for verdict in verdicts {
        match verdict {
            Verdict::Send(row, permit) => sending.push((row, permit)),
            Verdict::Withhold(row, reason) => {
                sql::remove(writer.conn, row.id)?;
                *outcome.withheld.entry(reason).or_default() += 1;
                *taken.withheld.entry(reason).or_default() += 1;
            }
            Verdict::Wait(row) => {
                let again = Moment(writer.now.0 + SECRET_AGAIN_MS);
                let kept = (SECRET_MISSING, row.attempts);
                sql::put(writer.conn, row.id, State::Waiting, kept, again)?;
                taken.waiting += 1;
            }
            Verdict::GiveUp(row) => {
                let kept = (UNWRITABLE, row.attempts);
                sql::put(writer.conn, row.id, State::Dead, kept, writer.now)?;
                outcome.dead += 1;
                taken.dead += 1;
            }
        }
    }
    outcome.enter(writer, &destination)?;
    let Some((purpose, purpose_name, attempts)) = about.filter(|_| !sending.is_empty()) else {
        return Ok(());
    };
    disclose(writer, &destination, (purpose, &purpose_name), &mut sending)?;
    let until = Moment(writer.now.0 + LEASE_MS);
    let mut letters = Vec::with_capacity(sending.len());
    for (row, permit) in sending {
        sql::begin(writer.conn, row.id, until, row.disclosure)?;
        letters.push((permit, row.attempts + 1));
    }
    taken.departures.push(Departure { destination, attempts, letters });
    Ok(())
}

/// Records the disclosures of those rows that carry none out yet: one for each row and record that
/// supplies its address, however often it is tried.
fn disclose(
    writer: &mut Writer<'_>,
    destination: &str,
    (purpose, purpose_name): (i64, &str),
    sending: &mut [(OutboxRow, Permit<Letter>)],
) -> Result<()> {
    let first = send_sql::next_disclosure(writer.conn)?;
    let (mut next, mut tree, mut fresh) = (first, Frontier::new(), Vec::new());
    for (row, permit) in sending {
        let record = permit.item().record;
        let on_record = match row.disclosure {
            0 => None,
            id => sql::disclosed_record(writer.conn, id)?,
        };
        if on_record == Some(record) {
            continue;
        }
        let key = record_key(writer.conn, record)?;
        let made = disclosure_commitment(&key.0, next.unsigned_abs());
        tree.append(item_leaf(&made));
        fresh.push((next, record));
        row.disclosure = next;
        next += 1;
    }
    if fresh.is_empty() {
        return Ok(());
    }
    let body = json!({
        "destination": destination, "purpose": purpose_name, "count": fresh.len(), "first": first,
        "root": tree.root().to_string(),
    });
    let entry = writer.append("disclosure.run", body)?;
    let code = writer.words.code(WordKind::Destination, destination).unwrap_or(0);
    for (id, record) in fresh {
        send_sql::insert_disclosure(writer.conn, id, entry, record, code, purpose, writer.now)?;
    }
    Ok(())
}

/// What became of rows of a destination, as an entry counts it.
#[derive(Debug, Default)]
struct Outcome {
    delivered: u64,
    dead: u64,
    withheld: BTreeMap<&'static str, u64>,
}

impl Outcome {
    fn enter(&self, writer: &mut Writer<'_>, destination: &str) -> Result<()> {
        if self.delivered + self.dead == 0 && self.withheld.is_empty() {
            return Ok(());
        }
        let body = json!({
            "destination": destination, "delivered": self.delivered, "dead": self.dead,
            "withheld": self.withheld,
        });
        writer.append("outbox.outcome", body).map(drop)
    }
}

/// What was heard of one letter.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// The row.
    pub row: i64,
    /// The number of its try, by which it is known that nobody else took the row meanwhile.
    pub attempt: i64,
    /// What was heard.
    pub heard: Heard,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Taken by the recipient.
    pub delivered: u64,
    /// To be tried again.
    pub again: u64,
    /// Given up.
    pub dead: u64,
    /// Not tried: there was no time, or the recipient is in trouble.
    pub untried: u64,
}

/// Notes what became of the letters of one destination.
///
/// # Errors
/// Those of [`Store::write`].
pub fn settle(
    store: &mut Store,
    (destination, attempts): (&str, i64),
    replies: &[Reply],
    now: Moment,
) -> Result<Settled> {
    store.write(now, |writer| {
        let (mut settled, mut outcome) = (Settled::default(), Outcome::default());
        for reply in replies {
            // Somebody was erased meanwhile, or another worker took the row after its time.
            if !sql::is_mine(writer.conn, reply.row, reply.attempt)? {
                continue;
            }
            let put = |writer: &Writer<'_>, state, kept, at| {
                sql::put(writer.conn, reply.row, state, kept, Moment(at))
            };
            match Fate::of(reply.heard, reply.attempt, attempts) {
                Fate::Delivered => {
                    sql::remove(writer.conn, reply.row)?;
                    (settled.delivered, outcome.delivered) =
                        (settled.delivered + 1, outcome.delivered + 1);
                }
                Fate::Again(status, asked) => {
                    let mut chance = [0; 8];
                    writer.randomness.fill(&mut chance);
                    let wait = wait_ms(reply.attempt, u64::from_be_bytes(chance), asked);
                    put(writer, State::Waiting, (status, reply.attempt), writer.now.0 + wait)?;
                    settled.again += 1;
                }
                Fate::Dead(status) => {
                    put(writer, State::Dead, (status, reply.attempt), writer.now.0)?;
                    (settled.dead, outcome.dead) = (settled.dead + 1, outcome.dead + 1);
                }
                Fate::Untried => {
                    put(writer, State::Waiting, (0, reply.attempt - 1), writer.now.0)?;
                    settled.untried += 1;
                }
            }
        }
        outcome.enter(writer, destination)?;
        Ok(settled)
    })
}
