//! The one thread that reads the ledger for those who listen for changes.
//!
//! It has a store of its own, for reading alone. It keeps nothing of those who listen: each asks what there is
//! from its place on, takes what it gets, and asks again. So a slow one is held in no memory, and one that comes
//! back after a restart, of its own or of the server's, goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::policy::rulebook::Rulebook;
use crate::send::changes::{News, Place, Stands, Watch, changes, newest, print_of};
use crate::store::{self, Store, WordKind};

use super::clerk::names;
use super::queue::Weighed;
use super::role::Endpoint;
use super::token::{TokenRow, Tokens};
use super::writer::Shared;

/// Listeners that wait to be answered, at most.
pub(super) const LISTENERS_MAX: usize = 64;

/// How often it looks whether the ledger has grown while nobody asks.
const LOOK: Duration = Duration::from_millis(250);

/// Somebody who asks what there is.
pub struct Listen {
    /// The number of the token.
    pub token: i64,
    /// The purpose.
    pub purpose: String,
    /// From where on.
    pub from: From,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Heard>,
}

/// From where on somebody listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// From now on.
    Now,
    /// From the last that it heard, as it was told.
    Id(String),
    /// From a place at which it stands already.
    Place(Place),
}

impl Weighed for Listen {
    fn items(&self) -> usize {
        1
    }
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// What to tell, as a stream writes it, empty for nothing; and where it goes on.
    Text(String, Place),
    /// The token holds no more, or may not ask for this any more.
    Closed,
    /// The store can't be read just now.
    Failed,
}

/// Answers until the queue is closed and empty.
pub(super) fn work(mut store: Store, shared: &Arc<Shared>, clock: fn() -> Moment) {
    while let Some(listeners) = shared.listeners.pop(1, LOOK) {
        for Listen { token, purpose, from, answer } in listeners {
            let told = store.at_one_moment(|store| tell(store, token, &purpose, from, clock()));
            let _ = answer.send(told.unwrap_or(Heard::Failed));
        }
        if let Ok(size) = newest(&store) {
            shared.grown.send_if_modified(|known| std::mem::replace(known, size) != size);
        }
    }
}

fn tell(store: &Store, token: i64, purpose: &str, from: From, now: Moment) -> Result<Heard> {
    let rules = store::latest(store.conn(), store.words())?;
    let tokens = Tokens::load(store.conn(), store.secret())?;
    let token = tokens
        .holding(token, now)
        .filter(|token| token.role.opens(Endpoint::Changes) && token.may_ask_for(&rules, purpose));
    let Some((token, watch)) = token.and_then(|t| Some((t, watch(store, &rules, t, purpose)?)))
    else {
        return Ok(Heard::Closed);
    };
    let mut text = String::new();
    let place = match from {
        From::Place(place) => place,
        From::Now => {
            let end = newest(store)?;
            mark(store, &mut text, end)?;
            return Ok(Heard::Text(text, Place::behind(end)));
        }
        From::Id(id) => match place_of(store, &id)? {
            Some(place) => place,
            // Another ledger, or an earlier one: nothing says what it has missed.
            None => {
                let end = newest(store)?;
                all(&mut text, "history");
                mark(store, &mut text, end)?;
                return Ok(Heard::Text(text, Place::behind(end)));
            }
        },
    };
    let News { records, is_all, place: next } = changes(store, watch, place, now)?;
    if is_all {
        all(&mut text, "policy");
    }
    let name = names(store.secret(), token, purpose);
    for (record, stands) in records {
        let event = match stands {
            Stands::Changed => "changed",
            Stands::Stop => "stop",
        };
        let data = json!({"person": name(record)});
        text.push_str(&format!("event: {event}\ndata: {data}\n\n"));
    }
    // Who is cut off before it hears all of an entry hears that entry again.
    if next.told != place.told {
        mark(store, &mut text, next.told)?;
    }
    Ok(Heard::Text(text, next))
}

fn watch<'r>(
    store: &Store,
    rules: &'r Rulebook,
    token: &TokenRow,
    purpose: &str,
) -> Option<Watch<'r>> {
    let rule = rules.rule(rules.purpose_code(purpose)?)?;
    let destination = rules.policy.destinations.get(&token.destination);
    let channel = destination.and_then(|destination| destination.channel.as_deref());
    let code = match token.destination.as_str() {
        "" => 0,
        name => store.words().code(WordKind::Destination, name)?,
    };
    let channel = channel.and_then(|name| rules.channel_code(name));
    Some(Watch { rules, rule, channel, destination: code })
}

fn all(text: &mut String, because: &str) {
    text.push_str(&format!("event: all\ndata: {}\n\n", json!({"because": because})));
}

/// Tells up to where everything is told: by an id without data, which no reader hears of and each remembers.
fn mark(store: &Store, text: &mut String, entry: i64) -> Result<()> {
    let print = print_of(store, entry)?.unwrap_or_default();
    text.push_str(&format!("id: {entry}-{print}\n\n"));
    Ok(())
}

/// The place that an id names; `None` where the ledger has no such entry. `0` is the beginning.
fn place_of(store: &Store, id: &str) -> Result<Option<Place>> {
    if id == "0" {
        return Ok(Some(Place::behind(0)));
    }
    let Some((entry, print)) = id.split_once('-') else { return Ok(None) };
    let Ok(entry) = entry.parse::<i64>() else { return Ok(None) };
    let known = print_of(store, entry)?;
    Ok((known.as_deref() == Some(print)).then_some(Place::behind(entry)))
}
