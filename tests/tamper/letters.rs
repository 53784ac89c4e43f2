//! A recipient that got data of some and is down since: what waits for it, and what is to be taken back.

use std::sync::Arc;

use candor::base::clock::Moment;
use candor::consent::desk::{self, Spoken};
use candor::policy::types::ConsentState;
use candor::profile::read;
use candor::send::outbox::{self, Worker};
use candor::store::{self, Access, Store};
use candor::subject::erase::erase;
use candor::subject::forget;

use super::recipient::{Recipient, Reply};
use super::small::policy_of;

/// A member is named by their address there, so that a deletion keeps it sealed until it was taken.
fn destination(recipient: &Recipient) -> String {
    format!(
        r#"
[destination.letters]
recipient = "Letterbox Ltd, Cork"
purpose = "newsletter"
channel = "email"
fields = ["email", "first_name"]
country = "IE"
kind = "http"
[destination.letters.http]
url = "{0}"
body = '{{"email": "{{{{ data.email }}}}"}}'
[destination.letters.recall]
url = "{0}/{{{{ data.email }}}}"
"#,
        recipient.url("/members")
    )
}

/// Sends to two people, and lets one withdraw and the other be erased while the recipient is down; then the one
/// who withdrew comes back, and waits.
pub fn send(store: &mut Store, now: Moment) {
    let recipient = Recipient::start();
    let text = format!("{}{}", policy_of(store), destination(&recipient));
    let checked = candor::policy::check(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    store.write(now, |writer| store::apply(writer, &text, &checked.policy)).unwrap();
    let rules = store::latest(store.conn(), store.words()).unwrap();
    let person = |store: &Store, who: &str| {
        read::find_one(store.conn(), store.secret(), &rules.policy, who).unwrap()
    };
    let say = |store: &mut Store, who: i64, state: ConsentState, now: Moment| {
        let spoken = Spoken {
            purpose: Some("newsletter"),
            channel: Some("email"),
            notice: (state == ConsentState::Given).then_some("newsletter-form@2"),
            state,
            ..Spoken::default()
        };
        let said = desk::statements(&rules, &spoken, now).unwrap();
        store
            .write(now, |writer| {
                desk::record(writer, who, &said)?;
                forget::sweep(writer, &rules, who, "consent")
            })
            .unwrap();
    };
    let [leaves, gone] = ["email:mira.okafor@example.net", "email:edda.lind@example.com"]
        .map(|address| person(store, address));
    for who in [leaves, gone] {
        say(store, who, ConsentState::Given, now);
    }
    let queued = outbox::queue_audience(store, &rules, "letters", now).unwrap();
    assert_eq!(queued.queued, 2, "{queued:?}");
    let worker = |store: &Store| {
        let other = Store::open(store.path(), Access::Write, "worker").unwrap();
        Worker::new(other, Arc::new(move || now))
    };
    assert_eq!(worker(store).run_once().unwrap().delivered, 2);
    recipient.will([Reply::Status(503, ""), Reply::Status(503, "")]);
    say(store, leaves, ConsentState::Withdrawn, now);
    erase(store, &rules, gone, now).unwrap();
    worker(store).run_once().unwrap();
    let now = Moment(now.0 + 1_000);
    say(store, leaves, ConsentState::Given, now);
    outbox::queue_audience(store, &rules, "letters", now).unwrap();
    let mut waiting: Vec<&str> = outbox::list(store).unwrap().iter().map(|row| row.act).collect();
    waiting.sort_unstable();
    waiting.dedup();
    assert_eq!(waiting, ["profile.delete", "profile.stop", "profile.updated"]);
}
