//! A bookshop with readers, a mailer that takes webhooks, and a clock that stands where it is put.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use candor::audit;
use candor::base::clock::Moment;
use candor::consent::desk::Spoken;
use candor::policy::types::ConsentState;
use candor::profile::lookup::merges_into;
use candor::profile::merge::{self, Decider};

use candor::send::outbox::{self, Report, Row, Worker};
use candor::store::{Access, Before, Secrets, Store};
use zeroize::Zeroizing;

use crate::common::{POLICY, World, apply, hour, numbers};
use crate::recipient::Recipient;

/// The secret that signs.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Two readers who said yes, and one who didn't.
pub const READERS: &str = "customer_id,at,name,email,optin,notice\n\
    c1,2026-01-04,Ann,ann@x.example,yes,letter-form@1\n\
    c2,2026-01-04,Bo,bo@x.example,yes,letter-form@1\n\
    c3,2026-01-04,Cy,cy@x.example,no,letter-form@1\n";

/// The bookshop.
pub struct Scene {
    pub world: World,
    pub recipient: Recipient,
    clock: Arc<AtomicI64>,
}

/// The policy, with more said of the mailer's hook.
pub fn policy(recipient: &Recipient, more: &str) -> String {
    let hook = format!(
        "\n[destination.hook]\nrecipient = \"Letterbox Ltd\"\npurpose = \"newsletter\"\n\
         channel = \"email\"\nfields = [\"email\", \"first_name\"]\ncountry = \"IE\"\n\
         kind = \"webhook\"\nsecret = \"mailer\"\nurl = \"{}\"\n{more}\n",
        recipient.url("/hook")
    );
    format!("{POLICY}{hook}")
}

impl Scene {
    pub fn new() -> Scene {
        Scene::with("")
    }

    pub fn with(more: &str) -> Scene {
        Scene::under(|recipient| policy(recipient, more))
    }

    /// The scene under a policy that knows the recipient.
    pub fn under(text: impl Fn(&Recipient) -> String) -> Scene {
        let mut scene = Scene::bare(text);
        scene.secret("mailer", SECRET);
        scene.world.import("shop", READERS, hour(1));
        scene
    }

    /// The same, without readers.
    pub fn bare(text: impl Fn(&Recipient) -> String) -> Scene {
        let recipient = Recipient::start();
        let world = World::under(&text(&recipient));
        let clock = Arc::new(AtomicI64::new(hour(2).0));
        Scene { world, recipient, clock }
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

    /// Queues everybody.
    pub fn push(&mut self) -> u64 {
        let now = self.now();
        let queued =
            outbox::queue_audience(&mut self.world.store, &self.world.rules, "hook", now).unwrap();
        queued.queued
    }

    /// Sends what is due.
    pub fn send(&self) -> Report {
        self.worker().run_once().unwrap()
    }

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

    /// To whom requests went, with how many there were.
    pub fn reached(&self) -> BTreeMap<String, usize> {
        let mut reached = BTreeMap::new();
        for heard in self.recipient.heard() {
            let to = heard.json()["data"]["email"].as_str().unwrap_or("?").to_owned();
            *reached.entry(to).or_default() += 1;
        }
        reached
    }

    /// The ledger, the tables and the history agree, and nothing went out that shouldn't have.
    pub fn is_sound(&self) {
        let report = audit::unlawful::unlawful(&self.world.store, None, Moment::FOREVER).unwrap();
        assert!(report.is_clean(), "{:?}", report.unlawful);
        self.world.is_sound();
    }

    /// Joins two people.
    pub fn join(&mut self, from: i64, into: i64) {
        let now = self.now();
        let joined = self.world.store.write(now, |w| merge::join(w, from, into, Decider::Person));
        joined.unwrap();
    }

    /// Takes the last joining with a person back.
    pub fn part(&mut self, from: i64) {
        let (now, merges) = (self.now(), merges_into(self.world.store.conn(), from).unwrap());
        self.world.store.write(now, |w| merge::split(w, &merges[0])).unwrap();
    }
}

/// Counts as they are written in a test.
pub fn reached(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(who, count)| ((*who).to_owned(), *count)).collect()
}
