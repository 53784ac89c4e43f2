//! Takes one message that is due: asks the gate, and records what goes out.
//!
//! The gate is asked under the write lock, in the transaction that records the disclosure, and the message is
//! handed over right after that, before another one of its destination is taken. So nothing that anybody said
//! before can be overlooked; a row that is `sending` is on its way at that very moment, and who erases its
//! person waits until it was answered. A crash leaves a disclosure on record that may not have happened, never
//! one that isn't on record; and the row, which is due again after a while, is sent again under the same id.

use std::collections::BTreeMap;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::Randomness;
use crate::consent::permit::Permit;
use crate::policy::rulebook::Rulebook;
use crate::send::disclose::{Whereto, disclose};
use crate::send::http::{Letter, Minted, PATIENCE, PERMIT_LASTS_MS};
use crate::send::opt_in::sql as opt_in;
use crate::send::request::Secrets;
use crate::send::sql as send_sql;
use crate::store::{Store, Writer, in_force};

use super::judge::{Docket, Verdict, docket};
use super::settle::Outcome;
use super::sql::{self, OutboxRow, State};
use super::status::SECRET_MISSING;

/// How long a row is its sender's (milliseconds): until the last request that a permit allows has ended,
/// and a margin.
#[allow(clippy::cast_possible_truncation)] // ten seconds
pub const LEASE_MS: i64 = PERMIT_LASTS_MS + PATIENCE.as_millis() as i64 + 5_000;

/// After how long a secret that wasn't there is looked for again (milliseconds).
const SECRET_AGAIN_MS: i64 = 60_000;

/// What is on its way.
#[derive(Debug)]
pub struct Departure {
    /// Its destination.
    pub destination: String,
    /// How often a message is tried there, at most.
    pub attempts: i64,
    /// The letter.
    pub permit: Permit<Letter>,
    /// The number of its try.
    pub attempt: i64,
}

/// What was taken.
#[derive(Debug, Default)]
pub struct Taken {
    /// What is to be sent now.
    pub departure: Option<Departure>,
    /// What may not go, by reason.
    pub withheld: BTreeMap<&'static str, u64>,
    /// How many were given up without a try.
    pub dead: u64,
    /// How many wait for a secret.
    pub waiting: u64,
}

/// Takes what is due for a destination, up to the first message that may go. `known` is the policy that was in
/// force a moment ago.
///
/// # Errors
/// `no-policy`, and those of [`Store::write`].
pub fn take(
    store: &mut Store,
    known: &Rulebook,
    (destination, recalls_alone): (i64, bool),
    (secrets, randomness): (Secrets<'_>, &mut dyn Randomness),
    now: Moment,
) -> Result<Taken> {
    let decide = |store: &Store, now: Moment| {
        let rules = in_force(store.conn(), store.words(), known)?;
        docket(store, &rules, (destination, recalls_alone), (secrets, randomness), now)
    };
    store.decide_and_write(now, decide, |writer, docket| {
        let mut taken = Taken::default();
        if let Some(docket) = docket {
            enter(writer, docket, &mut taken)?;
        }
        Ok(taken)
    })
}

/// Writes down what was decided for a destination.
fn enter(writer: &mut Writer<'_>, docket: Docket, taken: &mut Taken) -> Result<()> {
    let Docket { destination, about, verdicts } = docket;
    let mut outcome = Outcome::default();
    let mut sending = None;
    for verdict in verdicts {
        match verdict {
            Verdict::Send(row, permit) => sending = Some((row, *permit)),
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
    let (Some((purpose, purpose_name, attempts)), Some(sending)) = (about, sending) else {
        return Ok(());
    };
    let purpose = (purpose_name.as_str(), purpose);
    let to = Whereto { destination: &destination, purpose, audience: None, messages: &[] };
    let mut sending = [sending];
    disclose_fresh(writer, to, &mut sending)?;
    let [(row, permit)] = sending;
    sql::begin(writer.conn, row.id, Moment(writer.now.0 + LEASE_MS), row.disclosure)?;
    if let Some(Minted { print, until }) = permit.item().minted {
        opt_in::mint(writer.conn, row.item, &print, writer.now, until)?;
    }
    taken.departure = Some(Departure { destination, attempts, permit, attempt: row.attempts + 1 });
    Ok(())
}

/// Records the disclosures of those rows that carry none out yet: one for each row and record that
/// supplies its address, and for each that anything else is of, however often it is tried.
fn disclose_fresh(
    writer: &mut Writer<'_>,
    to: Whereto<'_>,
    sending: &mut [(OutboxRow, Permit<Letter>)],
) -> Result<()> {
    let (mut fresh, mut people, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    for (row, permit) in sending {
        if row.act.is_recall() {
            continue;
        }
        let letter = permit.item();
        let mut on_record =
            sql::disclosed_record(writer.conn, row.disclosure)? == Some(letter.record);
        if let Some(entry) = sql::disclosed_by(writer.conn, row.disclosure)?.filter(|_| on_record) {
            for record in &letter.others {
                on_record &= send_sql::is_disclosed_by(writer.conn, entry, *record)?;
            }
        }
        if !on_record {
            people.push((letter.record, &*letter.others));
            messages.push(row.id);
            fresh.push(row);
        }
    }
    if fresh.is_empty() {
        return Ok(());
    }
    let (first, _) = disclose(writer, Whereto { messages: &messages, ..to }, &people)?;
    for (id, row) in (first..).zip(fresh) {
        row.disclosure = id;
    }
    Ok(())
}
