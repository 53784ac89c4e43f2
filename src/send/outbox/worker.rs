//! Does the outbox's work, turn by turn: one destination's trouble holds up no other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{Randomness, SystemRandomness};
use crate::policy::rulebook::Rulebook;
use crate::policy::types::Rate;
use crate::send::http::{Carrier, Heard, agent};
use crate::send::request::Secrets as SecretsOf;
use crate::store::{Secrets, Store, WordKind, in_force, latest};

use super::pace::Gauge;
use super::settle::{Reply, Settled, settle};
use super::sql;
use super::status::is_failure;
use super::turn::{Departure, take};

/// Messages of one destination that are sent before others of it are looked for.
const A_RUN: usize = 16;

/// How long what became of a message may wait to be noted, for that of others; a failure never waits.
const NOTED_WITHIN: Duration = Duration::from_secs(1);

/// The longest and the shortest that it rests between two turns.
const REST_MAX: Duration = Duration::from_millis(500);
const REST_MIN: Duration = Duration::from_millis(20);

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

/// Until when each destination is left alone after failures, by its name.
pub type Paused = Arc<Mutex<BTreeMap<String, Moment>>>;

/// Whether to go on.
type GoOn = dyn Fn() -> bool + Send + Sync;

/// The worker. Several may work at once: each row is one's at a time.
pub struct Worker {
    store: Store,
    clock: Clock,
    agent: ureq::Agent,
    gauges: BTreeMap<String, Gauge>,
    paused: Paused,
    recalls_alone: bool,
    go_on: Arc<GoOn>,
}

impl Worker {
    /// A worker on a store of its own.
    pub fn new(store: Store, clock: Clock) -> Worker {
        Worker {
            store,
            clock,
            agent: agent(),
            gauges: BTreeMap::new(),
            paused: Paused::default(),
            recalls_alone: false,
            go_on: Arc::new(|| true),
        }
    }

    /// A worker that tells recipients to stop or to delete, and sends nothing else.
    pub fn for_recalls(store: Store, clock: Clock) -> Worker {
        Worker { recalls_alone: true, ..Worker::new(store, clock) }
    }

    /// Sends nothing more once this says no; what is being sent is sent to its end, and noted.
    #[must_use]
    pub fn as_long_as(self, go_on: impl Fn() -> bool + Send + Sync + 'static) -> Worker {
        Worker { go_on: Arc::new(go_on), ..self }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Which destinations are left alone after failures, for whoever wants to know while it works.
    pub fn paused(&self) -> Paused {
        Arc::clone(&self.paused)
    }

    /// Works until nothing is due, or can go now. What waits for a secret is looked at anew.
    ///
    /// # Errors
    /// As [`Worker::turn`].
    pub fn run_once(&mut self) -> Result<Report> {
        let mut all = Report::default();
        let now = (self.clock)();
        if sql::waits_for_secret(self.store.conn())? {
            self.store.write(now, |writer| sql::hasten(writer.conn, writer.now))?;
        }
        loop {
            let report = self.turn()?;
            if report.is_empty() {
                return Ok(all);
            }
            all.add(&report);
        }
    }

    /// Sends what is due, to all destinations at once and to each one message after the other, and notes what
    /// became of it. It ends when nothing is being sent; a recipient that is slow to answer keeps nobody else
    /// waiting.
    ///
    /// # Errors
    /// `no-policy`, `secrets-exposed`, `secrets-damaged`, and those of [`Store::write`].
    pub fn turn(&mut self) -> Result<Report> {
        let now = (self.clock)();
        if sql::next_at(self.store.conn(), now)?.is_none_or(|at| at > now) {
            return Ok(Report::default());
        }
        let rules = self.store.at_one_moment(|store| latest(store.conn(), store.words()))?;
        let shift = Shift {
            path: self.store.path().to_owned(),
            desk: Mutex::new(Desk {
                store: &mut self.store,
                rules,
                gauges: &mut self.gauges,
                paused: &self.paused,
            }),
            clock: &*self.clock,
            agent: &self.agent,
            recalls_alone: self.recalls_alone,
            go_on: &*self.go_on,
        };
        shift.work()
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

/// What all who send share: it is one's at a time, and nobody's while a message is handed over.
struct Desk<'w> {
    store: &'w mut Store,
    rules: Rulebook,
    gauges: &'w mut BTreeMap<String, Gauge>,
    paused: &'w Paused,
}

impl Desk<'_> {
    /// A destination's name and, where the policy has it, its rate.
    fn known(&self, code: i64) -> (String, Option<Option<Rate>>) {
        let name = self.store.words().text(WordKind::Destination, code).to_owned();
        let rate = self.rules.policy.destinations.get(&name).map(|destination| destination.rate);
        (name, rate)
    }

    /// Whether anything may go there now, by its rate and by how its last answers were.
    fn has_room(&mut self, code: i64, now: Moment) -> bool {
        let (name, rate) = self.known(code);
        // Of one that is gone nothing is sent: its rows are withheld.
        rate.is_none_or(|rate| self.gauges.entry(name).or_default().room(rate, now, 1) > 0)
    }

    /// Notes how a destination answered.
    fn note(&mut self, code: i64, heard: Heard, now: Moment) {
        let (name, rate) = self.known(code);
        let gauge = self.gauges.entry(name.clone()).or_default();
        gauge.note_sent(rate.flatten(), now);
        match is_failure(heard) {
            true => gauge.note_failure(now),
            false => gauge.note_answer(),
        }
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        match gauge.paused_until(now) {
            Some(until) => paused.insert(name, until),
            None => paused.remove(&name),
        };
    }
}

/// A turn.
struct Shift<'w> {
    path: PathBuf,
    desk: Mutex<Desk<'w>>,
    clock: &'w Now,
    agent: &'w ureq::Agent,
    recalls_alone: bool,
    go_on: &'w GoOn,
}

impl<'w> Shift<'w> {
    fn desk(&self) -> MutexGuard<'_, Desk<'w>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends to whichever destination has anything due and isn't being sent to, until none is.
    fn work(&self) -> Result<Report> {
        let (wake, woken) = mpsc::channel();
        let (mut report, mut trouble) = (Report::default(), None);
        std::thread::scope(|scope| {
            let mut runs: Vec<(i64, ScopedJoinHandle<'_, _>)> = Vec::new();
            loop {
                if trouble.is_none() && (self.go_on)() {
                    match self.ready() {
                        Ok(ready) => {
                            for code in ready {
                                if runs.iter().all(|(busy, _)| *busy != code) {
                                    let wake = wake.clone();
                                    let run = move || {
                                        let sent = self.send_to(code);
                                        let _ = wake.send(());
                                        sent
                                    };
                                    runs.push((code, scope.spawn(run)));
                                }
                            }
                        }
                        Err(error) => trouble = Some(error),
                    }
                }
                if runs.is_empty() {
                    break;
                }
                let _ = woken.recv_timeout(REST_MIN);
                let (over, going) = runs.into_iter().partition(|(_, run)| run.is_finished());
                runs = going;
                let over: Vec<(i64, ScopedJoinHandle<'_, _>)> = over;
                for (_, run) in over {
                    match run.join() {
                        Ok(Ok(sent)) => report.add(&sent),
                        Ok(Err(error)) => trouble = Some(error),
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
            }
        });
        trouble.map_or(Ok(report), Err)
    }

    /// The destinations to which something may go now.
    fn ready(&self) -> Result<Vec<i64>> {
        let now = (self.clock)();
        let mut desk = self.desk();
        let Desk { store, rules, .. } = &mut *desk;
        let known = &*rules;
        let (due, newer) = store.at_one_moment(|store| {
            let (mut due, mut last) = (Vec::new(), 0);
            while let Some(code) = sql::destination_after(store.conn(), last)? {
                last = code;
                if !sql::due(store.conn(), code, now, self.recalls_alone, 1)?.is_empty() {
                    due.push(code);
                }
            }
            let rules = in_force(store.conn(), store.words(), known)?;
            Ok((due, (rules.version != known.version).then(|| rules.into_owned())))
        })?;
        if let Some(newer) = newer {
            desk.rules = newer;
        }
        Ok(due.into_iter().filter(|code| desk.has_room(*code, now)).collect())
    }

    /// Sends to one destination, one message after the other.
    fn send_to(&self, code: i64) -> Result<Report> {
        let secrets = Secrets::beside(&self.path)?;
        let mut run = Run { shift: self, at: None, replies: Vec::new(), report: Report::default() };
        let sent = run.send(code, &secrets);
        // Also after trouble: what was answered is noted.
        let noted = run.note();
        sent.and(noted).map(|()| run.report)
    }
}

/// Messages that are sent to one destination.
struct Run<'s, 'w> {
    shift: &'s Shift<'w>,
    /// Its name, and how often a message is tried there.
    at: Option<(String, i64)>,
    /// What is to be noted.
    replies: Vec<Reply>,
    report: Report,
}

impl Run<'_, '_> {
    fn send(&mut self, code: i64, secrets: &Secrets) -> Result<()> {
        let shift = self.shift;
        let secret =
            |name: &str| secrets.get(name).map(|secret| Zeroizing::new(secret.expose().to_owned()));
        let mut carrier = Carrier::new(shift.agent.clone());
        let mut noted = Instant::now();
        for _ in 0..A_RUN {
            let now = (shift.clock)();
            let mut desk = shift.desk();
            if !(shift.go_on)() || !desk.has_room(code, now) {
                break;
            }
            let Desk { store, rules, .. } = &mut *desk;
            let with: (_, &mut dyn Randomness) = (&secret as SecretsOf<'_>, &mut SystemRandomness);
            let taken = take(store, rules, (code, shift.recalls_alone), with, now)?;
            drop(desk);
            let is_idle = taken.withheld.is_empty() && taken.dead + taken.waiting == 0;
            self.report.add(&Report {
                withheld: taken.withheld,
                dead: taken.dead,
                without_secret: taken.waiting,
                ..Report::default()
            });
            let Some(Departure { destination, attempts, permit, attempt }) = taken.departure else {
                if is_idle {
                    break;
                }
                continue;
            };
            let heard = carrier.deliver(&permit, (shift.clock)());
            if heard != Heard::TooLate {
                shift.desk().note(code, heard, (shift.clock)());
            }
            self.at = Some((destination, attempts));
            self.replies.push(Reply { row: permit.item().row, attempt, heard });
            if is_failure(heard) || noted.elapsed() >= NOTED_WITHIN {
                self.note()?;
                noted = Instant::now();
            }
        }
        Ok(())
    }

    /// Notes what became of what was sent.
    fn note(&mut self) -> Result<()> {
        let Some((destination, attempts)) = self.at.take() else { return Ok(()) };
        let replies = std::mem::take(&mut self.replies);
        let now = (self.shift.clock)();
        let store = &mut *self.shift.desk().store;
        let Settled { delivered, again, dead, .. } =
            settle(store, (&destination, attempts), &replies, now)?;
        self.report.add(&Report { delivered, again, dead, ..Report::default() });
        Ok(())
    }
}
