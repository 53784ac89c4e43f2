//! A bookshop with readers, a mailer that takes webhooks, and a clock that stands where it is put.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use candor::profile::lookup::merges_into;
use candor::profile::merge::{self, Decider};

use crate::common::{POLICY, hour};
use crate::recipient::Recipient;
use crate::sending::Sending;

/// The secret that signs.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Two readers who said yes, and one who didn't.
pub const READERS: &str = "customer_id,at,name,email,optin,notice\n\
    c1,2026-01-04,Ann,ann@x.example,yes,letter-form@1\n\
    c2,2026-01-04,Bo,bo@x.example,yes,letter-form@1\n\
    c3,2026-01-04,Cy,cy@x.example,no,letter-form@1\n";

/// The bookshop.
pub struct Scene {
    shop: Sending,
    pub recipient: Recipient,
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

impl Deref for Scene {
    type Target = Sending;
    fn deref(&self) -> &Sending {
        &self.shop
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Sending {
        &mut self.shop
    }
}

impl Scene {
    /// Queues everybody.
    pub fn push(&mut self) -> u64 {
        self.push_to("hook").unwrap().queued
    }

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
        let shop = Sending::under(&text(&recipient));
        Scene { shop, recipient }
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
