//! Does the outbox's work, turn by turn: one destination's trouble holds up no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{Randomness, SystemRandomness};
use crate::policy::types::{Destination, Rate};
use crate::send::http::{Carrier, Heard, agent};
use crate::send::request::Secrets as SecretsOf;
use crate::store::{Secrets, Store};

use super::pace::Gauge;
use super::settle::{Reply, Settled, settle};
use super::sql;
use super::status::is_failure;
use super::turn::{Departure, take};

/// Messages of one destination in one turn: few, since the gate is asked for all of them at once, and
/// each should go right after that.
const A_TURN: usize = 16;

/// The longest and the shortest that it rests between two turns.
const REST_MAX: Duration = Duration::from_millis(500);
const REST_MIN: Duration = Duration::from_millis(20);

/// Failures in a row after which the rest of a turn isn't tried.
const FAILURES_A_TURN: u32 = 5;

/// What the time is.
pub type Now = dyn Fn() -> Moment + Send + Sync;

/// The same, for whoever works for long.
pub type Clock = Arc<Now>;

/// What turns came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Taken by their recipients.
    pub delivered: u64,
    /// To be tried again later.
    pub again: u64,
    /// Given up.
    pub dead: u64,
    /// Withheld by the gate, by reason.
    pub withheld: BTreeMap<&'static str, u64>,
    /// Waiting for a secret that isn't set.
    pub without_secret: u64,
}

impl Report {
    fn add(&mut self, more: &Report) {
        self.delivered += more.delivered;
        self.again += more.again;
        self.dead += more.dead;
        self.without_secret += more.without_secret;
        for (reason, count) in &more.withheld {
            *self.withheld.entry(reason).or_default() += count;
        }
    }

    /// Whether anything was done.
    pub fn is_empty(&self) -> bool {
        *self == Report::default()
    }
}

/// The worker. Several may work at once: each row is one's at a time.
pub struct Worker {
    store: Store,
    clock: Clock,
    agent: ureq::Agent,
    gauges: BTreeMap<String, Gauge>,
    recalls_alone: bool,
}

impl Worker {
    /// A worker on a store of its own.
    pub fn new(store: Store, clock: Clock) -> Worker {
        Worker { store, clock, agent: agent(), gauges: BTreeMap::new(), recalls_alone: false }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A worker that tells recipients to stop or to delete, and sends nothing else.
    pub fn for_recalls(store: Store, clock: Clock) -> Worker {
        Worker { recalls_alone: true, ..Worker::new(store, clock) }
    }

    /// Works until nothing is due, or can go now.
    ///
    /// # Errors
    /// As [`Worker::turn`].
    pub fn run_once(&mut self) -> Result<Report> {
        let mut all = Report::default();
        loop {
            let report = self.turn()?;
            if report.is_empty() {
                return Ok(all);
            }
            all.add(&report);
        }
    }

    /// Sends once what is due, and notes what became of it.
    ///
    /// # Errors
    /// `no-policy`, `secrets-exposed`, `secrets-damaged`, and those of [`Store::write`].
    pub fn turn(&mut self) -> Result<Report> {
        let (now, clock) = ((self.clock)(), &*self.clock);
        let secrets = Secrets::beside(self.store.path())?;
        let secret =
            |name: &str| secrets.get(name).map(|secret| Zeroizing::new(secret.expose().to_owned()));
        let gauges = &mut self.gauges;
        let mut rates: BTreeMap<String, Option<Rate>> = BTreeMap::new();
        let mut room = |name: &str, destination: &Destination| {
            rates.insert(name.to_owned(), destination.rate);
            gauges.entry(name.to_owned()).or_default().room(destination.rate, now, A_TURN)
        };
        let with: (_, &mut dyn Randomness) = (&secret as SecretsOf<'_>, &mut SystemRandomness);
        let taken = take(&mut self.store, with, self.recalls_alone, now, &mut room)?;
        let mut report = Report {
            withheld: taken.withheld,
            dead: taken.dead,
            without_secret: taken.waiting,
            ..Report::default()
        };
        let agent = &self.agent;
        let heard: Vec<(Departure, Vec<Reply>)> = std::thread::scope(|scope| {
            let threads: Vec<_> = taken
                .departures
                .into_iter()
                .map(|departure| {
                    scope.spawn(move || {
                        let replies = send_all(agent, &departure, clock);
                        (departure, replies)
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        for (departure, replies) in heard {
            let gauge = self.gauges.entry(departure.destination.clone()).or_default();
            let rate = rates.get(&departure.destination).copied().flatten();
            note(gauge, rate, &replies, (self.clock)());
            let at = (departure.destination.as_str(), departure.attempts);
            let Settled { delivered, again, dead, .. } =
                settle(&mut self.store, at, &replies, (self.clock)())?;
            report.delivered += delivered;
            report.again += again;
            report.dead += dead;
        }
        Ok(report)
    }

    /// How long to rest until something may be due.
    pub fn rest(&self) -> Duration {
        let now = (self.clock)();
        let next = sql::next_at(self.store.conn(), now).ok().flatten();
        let wait = next
            .map_or(REST_MAX, |at| Duration::from_millis(u64::try_from(at.0 - now.0).unwrap_or(0)));
        wait.clamp(REST_MIN, REST_MAX)
    }
}

/// Sends one letter after the other.
fn send_all(agent: &ureq::Agent, departure: &Departure, clock: &Now) -> Vec<Reply> {
    let mut failures = 0;
    let mut carrier = Carrier::new(agent.clone());
    let send = |(permit, attempt): &(_, i64)| {
        let heard = match failures {
            FAILURES_A_TURN.. => Heard::TooLate,
            _ => carrier.deliver(permit, clock()),
        };
        failures = if is_failure(heard) { failures + 1 } else { failures };
        if !matches!(heard, Heard::TooLate) && !is_failure(heard) {
            failures = 0;
        }
        Reply { row: permit.item().row, attempt: *attempt, heard }
    };
    departure.letters.iter().map(send).collect()
}

/// Notes how a destination's answers were.
fn note(gauge: &mut Gauge, rate: Option<Rate>, replies: &[Reply], now: Moment) {
    for reply in replies.iter().filter(|reply| reply.heard != Heard::TooLate) {
        gauge.note_sent(rate, now);
        if is_failure(reply.heard) {
            gauge.note_failure(now);
        } else {
            gauge.note_answer();
        }
    }
}
