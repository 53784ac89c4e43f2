//! Notes what became of what was sent.

use std::collections::BTreeMap;

use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::send::http::Heard;
use crate::send::message::Act;
use crate::store::{Store, Writer};

use super::pace::wait_ms;
use super::sql::{self, State};
use super::status::Fate;

/// What became of rows of a destination, as an entry counts it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) delivered: u64,
    pub(super) dead: u64,
    pub(super) withheld: BTreeMap<&'static str, u64>,
    /// The recalls among those that are done, by their numbers.
    pub(super) recalls: Vec<i64>,
    /// The other messages that were disclosed and go no more, by their numbers.
    pub(super) ended: Vec<i64>,
}

impl Outcome {
    /// Writes the entry that counts it, where there is anything to count.
    pub(super) fn enter(&self, writer: &mut Writer<'_>, destination: &str) -> Result<()> {
        if self.delivered + self.dead == 0 && self.withheld.is_empty() {
            return Ok(());
        }
        let mut body = json!({
            "destination": destination, "delivered": self.delivered, "dead": self.dead,
            "withheld": self.withheld,
        });
        if !self.recalls.is_empty() {
            body["recalls"] = json!(self.recalls);
        }
        if !self.ended.is_empty() {
            body["ended"] = json!(self.ended);
        }
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
    /// What a recall needed of the person was overwritten.
    pub forgot: bool,
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
    let settled = store.write(now, |writer| {
        let (mut settled, mut outcome) = (Settled::default(), Outcome::default());
        for reply in replies {
            // Somebody was erased meanwhile, or another worker took the row after its time.
            let Some(act) = sql::mine(writer.conn, reply.row, reply.attempt)? else { continue };
            let put = |writer: &Writer<'_>, state, kept, at| {
                sql::put(writer.conn, reply.row, state, kept, Moment(at))
            };
            match Fate::of(reply.heard, reply.attempt, attempts) {
                Fate::Delivered => {
                    if act.is_recall() {
                        settled.forgot |= sql::forget_body(writer.conn, reply.row)?;
                        outcome.recalls.push(reply.row);
                    } else {
                        outcome.ended.push(reply.row);
                    }
                    match act {
                        Act::Stop => {
                            put(writer, State::Told, (200, reply.attempt), writer.now.0)?;
                        }
                        _ => sql::remove(writer.conn, reply.row)?,
                    }
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
    })?;
    if settled.forgot {
        // It isn't left in old pages; where a reader keeps them, it goes with the next emptying.
        store.truncate_wal()?;
    }
    Ok(settled)
}
