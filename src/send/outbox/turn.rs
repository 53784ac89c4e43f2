//! One turn of the outbox's work: takes what is due, and notes what became of it.
//!
//! A turn is two transactions with the sending between them. The first asks the gate for each row, under
//! the write lock, and records what will go out; only then is anything sent, and only with the permits
//! that it gave. So a crash leaves a disclosure on record that didn't happen, never one that isn't on
//! record; and the row, which is due again after a while, is sent again under the same id.

use std::collections::BTreeMap;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::Randomness;
use crate::consent::permit::Permit;
use crate::send::disclose::{Whereto, disclose};
use crate::send::http::{Letter, Minted, PATIENCE, PERMIT_LASTS_MS};
use crate::send::opt_in::sql as opt_in;
use crate::send::request::Secrets;
use crate::store::{Store, Writer, latest};

use super::judge::{Docket, Room, Verdict, docket};
use super::settle::Outcome;
use super::sql::{self, OutboxRow, State};
use super::status::SECRET_MISSING;

/// How long a row is its sender's (milliseconds): until the last request that a permit allows has ended,
/// and a margin.
#[allow(clippy::cast_possible_truncation)] // ten seconds
pub const LEASE_MS: i64 = PERMIT_LASTS_MS + PATIENCE.as_millis() as i64 + 5_000;

/// After how long a secret that wasn't there is looked for again (milliseconds).
const SECRET_AGAIN_MS: i64 = 60_000;

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

/// Takes what is due: asks the gate, and records what goes out.
///
/// # Errors
/// `no-policy`, and those of [`Store::write`].
pub fn take(
    store: &mut Store,
    (secrets, randomness): (Secrets<'_>, &mut dyn Randomness),
    recalls_alone: bool,
    now: Moment,
    room: Room<'_>,
) -> Result<Taken> {
    if sql::next_at(store.conn(), now)?.is_none_or(|at| at > now) {
        return Ok(Taken::default());
    }
    let decide = |store: &Store, now: Moment| {
        let rules = latest(store.conn(), store.words())?;
        let mut dockets = Vec::new();
        let mut last = 0;
        while let Some(code) = sql::destination_after(store.conn(), last)? {
            last = code;
            let which = (code, recalls_alone);
            let with: (Secrets<'_>, &mut dyn Randomness) = (secrets, &mut *randomness);
            dockets.extend(docket(store, &rules, which, with, now, room)?);
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

/// Writes down what was decided for a destination.
fn enter(writer: &mut Writer<'_>, docket: Docket, taken: &mut Taken) -> Result<()> {
    let Docket { destination, about, verdicts } = docket;
    let mut outcome = Outcome::default();
    let mut sending = Vec::new();
    for verdict in verdicts {
        match verdict {
            Verdict::Send(row, permit) => sending.push((row, *permit)),
            Verdict::Withhold(row, reason) => {
                if row.act.is_recall() {
                    sql::forget_body(writer.conn, row.id)?;
                    outcome.recalls.push(row.id);
                } else if row.disclosure != 0 {
                    outcome.ended.push(row.id);
                }
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
            Verdict::GiveUp(row, status) => {
                let kept = (status, row.attempts);
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
    let purpose = (purpose_name.as_str(), purpose);
    let to = Whereto { destination: &destination, purpose, audience: None, messages: &[] };
    disclose_fresh(writer, to, &mut sending)?;
    let until = Moment(writer.now.0 + LEASE_MS);
    let mut letters = Vec::with_capacity(sending.len());
    for (row, permit) in sending {
        sql::begin(writer.conn, row.id, until, row.disclosure)?;
        if let Some(Minted { print, until }) = permit.item().minted {
            opt_in::mint(writer.conn, row.item, &print, writer.now, until)?;
        }
        letters.push((permit, row.attempts + 1));
    }
    taken.departures.push(Departure { destination, attempts, letters });
    Ok(())
}

/// Records the disclosures of those rows that carry none out yet: one for each row and record that
/// supplies its address, however often it is tried.
fn disclose_fresh(
    writer: &mut Writer<'_>,
    to: Whereto<'_>,
    sending: &mut [(OutboxRow, Permit<Letter>)],
) -> Result<()> {
    let (mut fresh, mut records, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    for (row, permit) in sending {
        if row.act.is_recall() {
            continue;
        }
        let record = permit.item().record;
        let on_record = match row.disclosure {
            0 => None,
            id => sql::disclosed_record(writer.conn, id)?,
        };
        if on_record != Some(record) {
            records.push(record);
            messages.push(row.id);
            fresh.push(row);
        }
    }
    if fresh.is_empty() {
        return Ok(());
    }
    let (first, _) = disclose(writer, Whereto { messages: &messages, ..to }, &records)?;
    for (id, row) in (first..).zip(fresh) {
        row.disclosure = id;
    }
    Ok(())
}
