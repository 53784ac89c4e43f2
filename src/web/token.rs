//! Tokens: who may ask by HTTP what is held, as whom, and for which purposes.
//!
//! A token is kept as a write key is (`key`): 160 random bits that are shown once, of which the store has a
//! keyed fingerprint. What it opens is its role's (`role`). Adding and revoking one are ledger entries.

use std::collections::HashMap;

use rusqlite::Connection;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::StoreSecret;
use crate::policy::rulebook::{PurposeMask, Rulebook};
use crate::store::{self, Store, WordKind, hex};

use super::key::{Made, check_label};
use super::role::{Bound, Role};
use super::sql;

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its number.
    pub id: i64,
    /// What it is called.
    pub label: String,
    /// Its keyed fingerprint.
    pub(super) print: [u8; 16],
    /// What its holder works as.
    pub role: Role,
    /// The purposes that it may ask for; none for all, or where its role asks about nobody.
    pub purposes: PurposeMask,
    /// The destination whose recipient holds it; empty for none.
    pub destination: String,
    /// When it ends by itself, in milliseconds since 1970; 0 for never.
    pub expires_at: i64,
    /// The entry that says that it was added.
    pub entry: i64,
    /// The entry that says that it was revoked, or 0.
    pub revoked_entry: i64,
}

impl TokenRow {
    /// Whether it opens anything at a moment.
    pub fn holds_at(&self, now: Moment) -> bool {
        self.revoked_entry == 0 && (self.expires_at == 0 || now.0 < self.expires_at)
    }

    /// Whether it may ask for a purpose. A recipient's is that of its destination now.
    pub fn may_ask_for(&self, rules: &Rulebook, purpose: &str) -> bool {
        let code = rules.purpose_code(purpose);
        let named = code.is_some_and(|code| self.purposes & (1 << (code - 1)) != 0);
        match self.role.bound() {
            Bound::ToPurposes => named,
            Bound::ToPurposesOrNone => named || self.purposes == 0,
            Bound::ToDestination => {
                let found = rules.policy.destinations.get(&self.destination);
                found.is_some_and(|destination| destination.purpose == purpose)
            }
            Bound::ToNothing => false,
        }
    }
}

/// What is wanted of a new token.
pub struct Wanted<'a> {
    /// What its holder works as.
    pub role: Role,
    /// What it is called.
    pub label: &'a str,
    /// The purposes that it may ask for.
    pub purposes: &'a [String],
    /// The destination whose recipient holds it.
    pub destination: Option<&'a str>,
    /// When it ends by itself.
    pub expires: Option<Moment>,
}

/// Makes a token.
///
/// # Errors
/// `token-unbound` and `token-overbound` where it isn't bound as its role says, `purpose-unknown`,
/// `destination-unknown`, `label-unfit`, `token-expired`, and those of [`Store::write`].
pub fn add(store: &mut Store, now: Moment, wanted: &Wanted<'_>) -> Result<Made> {
    check_label(wanted.label)?;
    check_bounds(wanted)?;
    if wanted.expires.is_some_and(|at| at <= now) {
        return Err(Error::usage("token-expired", "the token would end before it begins")
            .next("name a later moment, or leave --expires out"));
    }
    let decide = |store: &Store, _: Moment| {
        let rules = store::latest(store.conn(), store.words())?;
        check_names(&rules, wanted)?;
        Ok(rules.mask(wanted.purposes))
    };
    store.decide_and_write(now, decide, |writer, purposes| {
        let mut bytes = [0; 20];
        writer.randomness.fill(&mut bytes);
        let text = format!("ctk_{}", hex(&bytes));
        let print = print_of(writer.secret, &text);
        let id = sql::next_token(writer.conn)?;
        let expires_at = wanted.expires.map_or(0, |at| at.0);
        let mut names: Vec<&str> = wanted.purposes.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let name = wanted.destination.unwrap_or_default();
        let said = json!({
            "token": id, "role": wanted.role.word(), "label": wanted.label, "print": hex(&print),
            "purposes": names, "destination": name, "expires_at": expires_at,
        });
        let entry = writer.append("token.add", said)?;
        let destination = writer.words.code(WordKind::Destination, name).unwrap_or(0);
        let (label, role) = (wanted.label, wanted.role);
        let row = sql::NewToken { label, print, role, purposes, destination, expires_at, entry };
        sql::insert_token(writer.conn, id, &row)?;
        Ok(Made { id, text, entry })
    })
}

fn check_bounds(wanted: &Wanted<'_>) -> Result<()> {
    let word = wanted.role.word();
    let (by_purposes, by_destination) = (!wanted.purposes.is_empty(), wanted.destination.is_some());
    let unbound = |what: &str, next: &str| {
        let what = format!("a token of the role {word} is bound to {what}");
        Err(Error::usage("token-unbound", what).next(next))
    };
    let overbound = |what: &str, next: &str| {
        let what = format!("a token of the role {word} isn't bound to {what}");
        Err(Error::usage("token-overbound", what).next(next))
    };
    match wanted.role.bound() {
        Bound::ToPurposes if !by_purposes => {
            unbound("purposes", "name each that it may ask for with --purpose")
        }
        Bound::ToDestination if !by_destination => {
            unbound("a destination of the policy", "name the recipient's with --destination")
        }
        Bound::ToDestination if by_purposes => {
            overbound("purposes of its own", "leave --purpose out: the destination has one")
        }
        Bound::ToNothing if by_purposes || by_destination => {
            overbound("purposes", "leave them out: it asks about nobody")
        }
        Bound::ToPurposes | Bound::ToPurposesOrNone if by_destination => {
            overbound("a destination", "take --role recipient for somebody else's system")
        }
        _ => Ok(()),
    }
}

fn check_names(rules: &Rulebook, wanted: &Wanted<'_>) -> Result<()> {
    if let Some(name) = wanted.purposes.iter().find(|name| rules.purpose_code(name).is_none()) {
        let known: Vec<&str> = rules.policy.purposes.keys().map(String::as_str).collect();
        return Err(Error::usage(
            "purpose-unknown",
            format!("the policy declares no purpose {name}"),
        )
        .next(format!("use some of {}", known.join(", "))));
    }
    let destinations = &rules.policy.destinations;
    match wanted.destination.filter(|name| !destinations.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            let known: Vec<&str> = destinations.keys().map(String::as_str).collect();
            let what = format!("the policy declares no destination {name}");
            Err(Error::usage("destination-unknown", what)
                .next(format!("use one of {}", known.join(", "))))
        }
    }
}

/// Ends a token. Returns the entry that says so.
///
/// # Errors
/// `token-unknown`, and those of [`Store::write`].
pub fn revoke(store: &mut Store, now: Moment, id: i64) -> Result<i64> {
    let decide = |store: &Store, _: Moment| {
        let known = sql::tokens(store.conn())?;
        match known.iter().any(|row| row.id == id && row.revoked_entry == 0) {
            true => Ok(()),
            false => Err(Error::usage("token-unknown", format!("no token {id} holds"))
                .next("`candor token list` names them")),
        }
    };
    store.decide_and_write(now, decide, |writer, ()| {
        let entry = writer.append("token.revoke", json!({"token": id}))?;
        sql::revoke_token(writer.conn, id, entry)?;
        Ok(entry)
    })
}

/// Every token, the revoked ones among them.
///
/// # Errors
/// Those of reading.
pub fn list(conn: &Connection) -> Result<Vec<TokenRow>> {
    sql::tokens(conn)
}

fn print_of(secret: &StoreSecret, text: &str) -> [u8; 16] {
    secret.fingerprint("token", &[text])
}

/// The tokens in memory, to be asked for each call.
pub struct Tokens {
    secret: StoreSecret,
    tokens: HashMap<[u8; 16], TokenRow>,
}

impl Tokens {
    /// Reads the tokens of a store.
    ///
    /// # Errors
    /// Those of reading.
    pub fn load(conn: &Connection, secret: &StoreSecret) -> Result<Tokens> {
        let tokens = sql::tokens(conn)?.into_iter().map(|row| (row.print, row)).collect();
        Ok(Tokens { secret: secret.clone(), tokens })
    }

    /// The first of some texts that is a token that holds.
    pub fn find<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        now: Moment,
    ) -> Option<&TokenRow> {
        // What is looked up is a keyed hash: how long that takes tells nothing about a token.
        let found = |text: &str| self.tokens.get(&print_of(&self.secret, text));
        texts.into_iter().find_map(|text| found(text).filter(|row| row.holds_at(now)))
    }

    /// The token of a number, where it holds.
    pub fn holding(&self, id: i64, now: Moment) -> Option<&TokenRow> {
        self.tokens.values().find(|row| row.id == id && row.holds_at(now))
    }
}
