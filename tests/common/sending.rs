//! A bookshop that sends to its readers, with a clock that stands where it is put.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use candor::audit;
use candor::base::clock::Moment;
use candor::base::error::Result;
use candor::consent::desk::Spoken;
use candor::policy::types::ConsentState;
use candor::send::outbox::{self, Queued, Report, Row, Worker};
use candor::store::{Access, Before, Secrets, Store};
use zeroize::Zeroizing;

use crate::common::{World, apply, hour, numbers};

/// The bookshop. What is sent to stands around it.
pub struct Sending {
    pub world: World,
    clock: Arc<AtomicI64>,
}

impl Sending {
    /// Under a policy, at the second hour.
    pub fn under(policy: &str) -> Sending {
        Sending { world: World::under(policy), clock: Arc::new(AtomicI64::new(hour(2).0)) }
    }

    pub fn secret(&self, name: &str, value: &str) {
        let mut secrets = Secrets::beside(&self.world.path()).unwrap();
        secrets.set(name, Zeroizing::new(value.to_owned()), Before::Dropped).unwrap();
    }

    pub fn now(&self) -> Moment {
        Moment(self.clock.load(Ordering::SeqCst))
    }

    pub fn wait(&self, seconds: i64) {
        self.clock.fetch_add(1_000 * seconds, Ordering::SeqCst);
    }

    /// Another policy.
    pub fn apply(&mut self, text: &str) {
        self.wait(1);
        let now = self.now();
        apply(&mut self.world.store, text, now);
        self.world.reopen();
    }

    /// A worker, as another process is.
    pub fn worker(&self) -> Worker {
        let clock = Arc::clone(&self.clock);
        let store = Store::open(&self.world.path(), Access::Write, "worker").unwrap();
        Worker::new(store, Arc::new(move || Moment(clock.load(Ordering::SeqCst))))
    }

    /// Queues everybody for a destination.
    pub fn push_to(&mut self, destination: &str) -> Result<Queued> {
        let (now, World { store, rules, .. }) = (self.now(), &mut self.world);
        outbox::queue_audience(store, rules, destination, now)
    }

    /// Sends what is due.
    pub fn send(&self) -> Report {
        self.worker().run_once().unwrap()
    }

    /// Somebody takes back that the newsletter comes by e-mail.
    pub fn withdraw(&mut self, who: &str) {
        let now = self.now();
        let withdrawn = Spoken {
            purpose: Some("newsletter"),
            channel: Some("email"),
            state: ConsentState::Withdrawn,
            ..Spoken::default()
        };
        self.world.say(who, &withdrawn, now);
    }

    pub fn rows(&self) -> Vec<Row> {
        outbox::list(&self.world.store).unwrap()
    }

    /// How many disclosures are on record.
    pub fn disclosures(&self) -> i64 {
        numbers(self.world.store.conn(), "SELECT COUNT(*) FROM disclosure")[0]
    }

    /// The ledger, the tables and the history agree, and nothing went out that shouldn't have.
    pub fn is_sound(&self) {
        let report = audit::unlawful::unlawful(&self.world.store, None, Moment::FOREVER).unwrap();
        assert!(report.is_clean(), "{:?}", report.unlawful);
        self.world.is_sound();
    }
}
