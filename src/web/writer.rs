//! The one thread that owns the store: takes what waits, in one transaction and one flush, and answers
//! once that is on disk.
//!
//! Nobody waits for more company: what came in while the last transaction was being flushed is the next
//! one. Other processes write in between; the policy in force and the keys are looked at under the
//! write lock, so that nothing comes in by what no longer holds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::base::clock::Moment;
use crate::base::error::{Error, Kind, Result};
use crate::collect::tracking::Reader;
use crate::linking::newcomers::{self, Received};
use crate::pipeline::intake::{Delivery, Fate, Intake};
use crate::policy::rulebook::Rulebook;
use crate::policy::types::Format;
use crate::policy::webhook::Webhook;
use crate::store::{self, Store};

use super::clerk::{Ask, QUESTIONS_A_COMMIT, QUESTIONS_WAITING_MAX};
use super::herald::{LISTENERS_MAX, Listen};
use super::key::Ring;
use super::queue::{Queue, Weighed};
use super::token::Tokens;

/// Items in one transaction, about.
const ITEMS_A_COMMIT: usize = 5_000;

/// Items that wait, at most.
const ITEMS_WAITING_MAX: usize = 20_000;

/// How often it looks whether keys were added or revoked while nothing comes in.
const LOOK: Duration = Duration::from_millis(500);

/// What is handed to the writer.
pub struct Job {
    /// What lets it in.
    pub way: Way,
    /// The items.
    pub delivery: Delivery,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Answer>,
}

/// What lets a delivery in; looked at again under the write lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A key of this number.
    Key(i64),
    /// The proof that this declaration of the source asks for.
    Proof(Webhook),
}

/// A source that is delivered by webhooks.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Who may deliver.
    pub webhook: Webhook,
    /// The path of its rows.
    pub items: Option<String>,
}

impl Weighed for Job {
    fn items(&self) -> usize {
        self.delivery.sent.len().max(1)
    }
}

/// What the writer answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The items were decided on, and what was kept of them is on disk.
    Taken(Vec<Fate>),
    /// The key or the proof holds no more, or its source isn't sent to candor any more.
    Closed,
    /// The store can't be written just now.
    Busy,
    /// It couldn't be taken in; nothing of it was kept.
    Failed(&'static str),
}

/// What callers are answered from without asking the writer.
pub struct Front {
    /// The keys.
    pub ring: Ring,
    /// The tokens.
    pub tokens: Tokens,
    /// The categories of consent that each source's map asks for.
    pub categories: BTreeMap<String, Vec<String>>,
    /// The sources that are delivered by webhooks.
    pub hooks: BTreeMap<String, Hook>,
    /// The ledger's newest checkpoint, as it was signed.
    pub checkpoint: Vec<u8>,
}

/// What the writer shares with those who hand things to it.
pub struct Shared {
    /// What waits.
    pub queue: Queue<Job>,
    /// What is asked about people.
    pub questions: Queue<Ask>,
    /// Who listens for changes, and asks what there is.
    pub listeners: Queue<Listen>,
    /// The newest entry that was seen.
    pub grown: watch::Sender<i64>,
    front: RwLock<Arc<Front>>,
    is_ready: AtomicBool,
}

impl Shared {
    /// The newest look at keys and policy.
    pub fn front(&self) -> Arc<Front> {
        Arc::clone(&self.front.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the last thing that was asked of the store was done.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }
}

/// The writer, before it is set to work.
pub struct Desk {
    store: Store,
    shared: Arc<Shared>,
    clock: fn() -> Moment,
}

impl Desk {
    /// Prepares the work on a store.
    ///
    /// # Errors
    /// `no-policy`, `key-missing`, and those of reading.
    pub fn open(store: Store, clock: fn() -> Moment) -> Result<Desk> {
        if store.signer().is_none() {
            return Err(Error::no("key-missing", "the store has no key to sign with")
                .next("put the key file back beside the store"));
        }
        let rules = store::latest(store.conn(), store.words())?;
        let front = RwLock::new(Arc::new(front(&store, &rules)?));
        let shared = Arc::new(Shared {
            queue: Queue::new(ITEMS_WAITING_MAX, ITEMS_A_COMMIT),
            questions: Queue::new(QUESTIONS_WAITING_MAX, QUESTIONS_A_COMMIT),
            listeners: Queue::new(LISTENERS_MAX, 1),
            grown: watch::Sender::new(0),
            front,
            is_ready: AtomicBool::new(true),
        });
        Ok(Desk { store, shared, clock })
    }

    /// What it shares.
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Works until the queue is closed and empty.
    ///
    /// # Errors
    /// When the policy in force can't be read any more.
    pub fn work(mut self) -> Result<()> {
        let mut waiting = Some(Vec::new());
        while let Some(jobs) = waiting.take() {
            let rules = store::latest(self.store.conn(), self.store.words())?;
            waiting = self.work_under(&rules, jobs)?;
        }
        Ok(())
    }

    /// Works as long as a policy is in force. Returns what is to be taken in under another one.
    fn work_under(&mut self, rules: &Rulebook, mut jobs: Vec<Job>) -> Result<Option<Vec<Job>>> {
        self.look(rules)?;
        let mut intake = Intake::new(rules);
        let mut looked_at = (self.clock)();
        loop {
            if jobs.is_empty() {
                let Some(waiting) = self.shared.queue.pop(ITEMS_A_COMMIT, LOOK) else {
                    return Ok(None);
                };
                jobs = waiting;
            }
            let now = (self.clock)();
            if now.0 - looked_at.0 >= i64::try_from(LOOK.as_millis()).unwrap_or(0) {
                let look = self.look(rules);
                if look.is_err() {
                    self.note(&look);
                }
                if self.receive_newcomers(rules) {
                    // Some may be one person now who weren't.
                    intake = Intake::new(rules);
                }
                if !jobs.is_empty() {
                    store::let_others_write();
                }
                looked_at = now;
            }
            if jobs.is_empty() {
                // While nothing comes in, nothing of anybody is remembered: somebody may be erased.
                intake = Intake::new(rules);
                if !self.shared.is_ready() {
                    let tried = self.store.write(now, |_| Ok(()));
                    self.note(&tried);
                }
                continue;
            }
            let (deliveries, asked): (Vec<Delivery>, Vec<Asked>) =
                std::mem::take(&mut jobs).into_iter().map(Job::parted).unzip();
            match self.commit(&mut intake, &deliveries, &asked) {
                Ok(fates) => answer(asked, fates),
                Err(error) if error.code == "policy-changed" => {
                    return Ok(Some(joined(deliveries, asked)));
                }
                Err(error) => {
                    intake = Intake::new(rules);
                    self.commit_each(rules, deliveries, asked, &error);
                }
            }
        }
    }

    /// Compares some of the records that came in, and returns whether there were any. What can't be done
    /// now, such as while another process writes, is done at the next look.
    fn receive_newcomers(&mut self, rules: &Rulebook) -> bool {
        let (mut received, clock) = (Received::default(), self.clock);
        let done = newcomers::receive_batch(&mut self.store, rules, &clock, &mut received);
        done.is_err() || received.newcomers > 0
    }

    fn commit(
        &mut self,
        intake: &mut Intake<'_>,
        deliveries: &[Delivery],
        asked: &[Asked],
    ) -> Result<Vec<Option<Vec<Fate>>>> {
        let now = (self.clock)();
        let mut ring: Option<Ring> = None;
        let front = self.shared.front();
        let sources = &intake.rules().policy.sources;
        let taken = intake.take(&mut self.store, now, deliveries, &mut |writer, n| {
            let key = match &asked[n].way {
                Way::Key(key) => *key,
                Way::Proof(webhook) => {
                    let source = sources.get(&deliveries[n].source);
                    return Ok(source.and_then(|s| s.webhook.as_ref()) == Some(webhook));
                }
            };
            let holds = |ring: &Ring| ring.holds(key, writer.now);
            // One that was made a moment ago isn't known yet.
            if ring.is_none() && (writer.foreign_change || !holds(&front.ring)) {
                ring = Some(Ring::load(writer.conn, writer.secret)?);
            }
            Ok(holds(ring.as_ref().unwrap_or(&front.ring)))
        });
        self.note(&taken);
        if taken.is_ok() {
            let items = deliveries.iter().map(|delivery| delivery.sent.len()).sum();
            self.shared.queue.learn(items, (self.clock)().0 - now.0);
        }
        taken
    }

    /// Tries one by one what couldn't be taken in together: one that can't be must not hold up others.
    fn commit_each(
        &mut self,
        rules: &Rulebook,
        deliveries: Vec<Delivery>,
        asked: Vec<Asked>,
        error: &Error,
    ) {
        let is_single = deliveries.len() == 1;
        for (delivery, asked) in deliveries.into_iter().zip(asked) {
            let asked = vec![asked];
            if error.kind == Kind::Busy || is_single {
                fail(asked, error);
                continue;
            }
            match self.commit(&mut Intake::new(rules), &[delivery], &asked) {
                Ok(fates) => answer(asked, fates),
                Err(error) => fail(asked, &error),
            }
        }
    }

    /// Looks at keys and policy, for those who call.
    fn look(&self, rules: &Rulebook) -> Result<()> {
        let seen = Arc::new(front(&self.store, rules)?);
        *self.shared.front.write().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(())
    }

    fn note<T>(&self, outcome: &Result<T>) {
        let is_ready = match outcome {
            Ok(_) => true,
            Err(error) => error.code == "policy-changed",
        };
        self.shared.is_ready.store(is_ready, Ordering::Relaxed);
    }
}

/// Who waits for an answer.
struct Asked {
    way: Way,
    answer: oneshot::Sender<Answer>,
}

impl Job {
    fn parted(self) -> (Delivery, Asked) {
        (self.delivery, Asked { way: self.way, answer: self.answer })
    }
}

fn joined(deliveries: Vec<Delivery>, asked: Vec<Asked>) -> Vec<Job> {
    let both = deliveries.into_iter().zip(asked);
    both.map(|(delivery, asked)| Job { way: asked.way, delivery, answer: asked.answer }).collect()
}

// Whoever has gone away needs no answer.
fn answer(asked: Vec<Asked>, fates: Vec<Option<Vec<Fate>>>) {
    for (asked, fates) in asked.into_iter().zip(fates) {
        let _ = asked.answer.send(fates.map_or(Answer::Closed, Answer::Taken));
    }
}

fn fail(asked: Vec<Asked>, error: &Error) {
    for asked in asked {
        let _ = asked.answer.send(match error.kind {
            Kind::Busy => Answer::Busy,
            _ => Answer::Failed(error.code),
        });
    }
}

fn front(store: &Store, rules: &Rulebook) -> Result<Front> {
    let ring = Ring::load(store.conn(), store.secret())?;
    let tokens = Tokens::load(store.conn(), store.secret())?;
    let (mut categories, mut hooks) = (BTreeMap::new(), BTreeMap::new());
    for (name, source) in &rules.policy.sources {
        match (source.format, &source.webhook) {
            (Some(Format::Tracking), _) => {
                let reader = Reader::new(&rules.policy, source)?;
                let own = reader.categories().into_iter().map(str::to_owned).collect();
                categories.insert(name.clone(), own);
            }
            (Some(Format::Webhook), Some(webhook)) => {
                let (webhook, items) = (webhook.clone(), source.items.clone());
                hooks.insert(name.clone(), Hook { webhook, items });
            }
            _ => {}
        }
    }
    let checkpoint =
        store::last_checkpoint(store.conn())?.map(|(_, note)| note).unwrap_or_default();
    Ok(Front { ring, tokens, categories, hooks, checkpoint })
}
