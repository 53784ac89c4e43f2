//! Looks into the store for a key or a token that nobody knows yet: one that was made a moment ago is believed at
//! once, because clients drop for good what is answered with 401.
//!
//! It looks a hundred times a second at most, however many keys are tried out; nobody makes a key and uses it in less.

use std::sync::{Mutex, PoisonError};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::store::Store;

use super::key::{KeyRow, Ring};
use super::token::{TokenRow, Tokens};

/// What was seen is new for so long (milliseconds).
const NEW_MS: i64 = 10;

/// A store of its own, for reading alone, and what was seen there last.
pub(super) struct Fresh(Mutex<(Store, Option<Seen>)>);

struct Seen {
    at: Moment,
    ring: Ring,
    tokens: Tokens,
}

impl Fresh {
    pub(super) fn new(store: Store) -> Fresh {
        Fresh(Mutex::new((store, None)))
    }

    /// The key that one of some texts is.
    pub(super) fn key(&self, texts: &[&str], now: Moment) -> Option<KeyRow> {
        self.look(texts, now, |seen| seen.ring.find(texts.iter().copied(), now).cloned())
    }

    /// The token that one of some texts is.
    pub(super) fn token(&self, texts: &[&str], now: Moment) -> Option<TokenRow> {
        self.look(texts, now, |seen| seen.tokens.find(texts.iter().copied(), now).cloned())
    }

    /// Does something with the store; what can't be read is `None`.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&Store) -> Result<T>) -> Option<T> {
        ask(&self.0.lock().unwrap_or_else(PoisonError::into_inner).0).ok()
    }

    fn look<T>(
        &self,
        texts: &[&str],
        now: Moment,
        find: impl FnOnce(&Seen) -> Option<T>,
    ) -> Option<T> {
        if texts.iter().all(|text| text.is_empty()) {
            return None;
        }
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (store, seen) = &mut *held;
        let is_new = |seen: &Seen| (0..NEW_MS).contains(&(now.0 - seen.at.0));
        if !seen.as_ref().is_some_and(is_new) {
            *seen = load(store, now).ok();
        }
        find(seen.as_ref()?)
    }
}

fn load(store: &Store, at: Moment) -> Result<Seen> {
    let ring = Ring::load(store.conn(), store.secret())?;
    let tokens = Tokens::load(store.conn(), store.secret())?;
    Ok(Seen { at, ring, tokens })
}
