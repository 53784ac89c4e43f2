//! Write keys: who may send data in, and as which source.
//!
//! A key is 160 random bits, shown once. The store keeps a keyed fingerprint of it, so neither the file
//! nor a copy of it lets anybody send. Adding and revoking one are ledger entries.

use std::collections::HashMap;

use rusqlite::Connection;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::StoreSecret;
use crate::pipeline::intake::{Sender, sending};
use crate::store::{self, Store, WordKind, hex};

use super::sql;

/// Who gets to see a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Reach {
    /// Servers alone: who holds it is told what became of each item, and why.
    Server = 2,
    /// Everybody, because pages and apps carry it: who holds it is told nothing about anybody.
    Public = 3,
}

impl Reach {
    /// The word that commands and entries use.
    pub fn word(self) -> &'static str {
        match self {
            Reach::Server => "server",
            Reach::Public => "public",
        }
    }
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Its number.
    pub id: i64,
    /// The source that it sends as.
    pub source: String,
    /// What it is called.
    pub label: String,
    /// Its keyed fingerprint.
    pub(super) print: [u8; 16],
    /// Who gets to see it.
    pub reach: Reach,
    /// When it ends by itself, in milliseconds since 1970; 0 for never.
    pub expires_at: i64,
    /// The entry that says that it was added.
    pub entry: i64,
    /// The entry that says that it was revoked, or 0.
    pub revoked_entry: i64,
}

impl KeyRow {
    /// Whether everybody gets to see it.
    pub fn is_public(&self) -> bool {
        self.reach == Reach::Public
    }

    /// Who sends by it.
    pub fn sender(&self) -> Sender {
        match self.reach {
            Reach::Server => Sender::Known,
            Reach::Public => Sender::Anybody,
        }
    }

    /// Whether it lets data in at a moment.
    pub fn holds_at(&self, now: Moment) -> bool {
        self.revoked_entry == 0 && (self.expires_at == 0 || now.0 < self.expires_at)
    }
}

/// What is wanted of a new key.
pub struct Wanted<'a> {
    /// The source that it sends as.
    pub source: &'a str,
    /// What it is called.
    pub label: &'a str,
    /// Who gets to see it.
    pub reach: Reach,
    /// When it ends by itself.
    pub expires: Option<Moment>,
}

/// A key or token that was just made. Its text stands nowhere else.
pub struct Made {
    /// Its number.
    pub id: i64,
    /// The key or token.
    pub text: String,
    /// The entry that says so.
    pub entry: i64,
}

const LABEL_CHARS_MAX: usize = 40;

/// Makes a key for a source of the policy in force.
///
/// # Errors
/// `source-not-sent`, `label-unfit`, `key-expired`, and those of [`Store::write`].
pub fn add(store: &mut Store, now: Moment, wanted: &Wanted<'_>) -> Result<Made> {
    check_label(wanted.label)?;
    if wanted.expires.is_some_and(|at| at <= now) {
        return Err(Error::usage("key-expired", "the key would end before it begins")
            .next("name a later moment, or leave --expires out"));
    }
    let decide = |store: &Store, _: Moment| {
        let rules = store::latest(store.conn(), store.words())?;
        sending(&rules, wanted.source).map(|_| ())
    };
    store.decide_and_write(now, decide, |writer, ()| {
        let mut bytes = [0; 20];
        writer.randomness.fill(&mut bytes);
        let text = format!("cwk_{}", hex(&bytes));
        let print = print_of(writer.secret, &text);
        let id = sql::next_id(writer.conn)?;
        let expires_at = wanted.expires.map_or(0, |at| at.0);
        let said = json!({
            "key": id, "source": wanted.source, "label": wanted.label, "print": hex(&print),
            "reach": wanted.reach.word(), "expires_at": expires_at,
        });
        let entry = writer.append("write_key.add", said)?;
        let source = writer.words.code(WordKind::Source, wanted.source).unwrap_or(0);
        let (label, reach) = (wanted.label, wanted.reach);
        let row = sql::NewRow { source, label, print, reach, expires_at, entry };
        sql::insert(writer.conn, id, &row)?;
        Ok(Made { id, text, entry })
    })
}

/// A key or token that is listed stays readable for good, as in the ledger: it is named in plain words of
/// the house, never after a person.
pub(super) fn check_label(label: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if (1..=LABEL_CHARS_MAX).contains(&label.len()) && label.chars().all(is_plain) {
        return Ok(());
    }
    Err(Error::usage("label-unfit", "it is called by lower-case letters, digits and -_.")
        .next("name the system or desk that holds it, such as --label shop-web"))
}

/// Ends a key. Returns the entry that says so.
///
/// # Errors
/// `write-key-unknown`, and those of [`Store::write`].
pub fn revoke(store: &mut Store, now: Moment, id: i64) -> Result<i64> {
    let decide = |store: &Store, _: Moment| {
        let known = sql::keys(store.conn())?;
        match known.iter().any(|row| row.id == id && row.revoked_entry == 0) {
            true => Ok(()),
            false => Err(Error::usage("write-key-unknown", format!("no key {id} holds"))
                .next("`candor write-key list` names them")),
        }
    };
    store.decide_and_write(now, decide, |writer, ()| {
        let entry = writer.append("write_key.revoke", json!({"key": id}))?;
        sql::revoke(writer.conn, id, entry)?;
        Ok(entry)
    })
}

/// Every key, the revoked ones among them.
///
/// # Errors
/// Those of reading.
pub fn list(conn: &Connection) -> Result<Vec<KeyRow>> {
    sql::keys(conn)
}

fn print_of(secret: &StoreSecret, text: &str) -> [u8; 16] {
    secret.fingerprint("write key", &[text])
}

/// The keys in memory, to be asked for each call.
pub struct Ring {
    secret: StoreSecret,
    keys: HashMap<[u8; 16], KeyRow>,
}

impl Ring {
    /// Reads the keys of a store.
    ///
    /// # Errors
    /// Those of reading.
    pub fn load(conn: &Connection, secret: &StoreSecret) -> Result<Ring> {
        let keys = sql::keys(conn)?.into_iter().map(|row| (row.print, row)).collect();
        Ok(Ring { secret: secret.clone(), keys })
    }

    /// The first of some texts that is a key that holds.
    pub fn find<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        now: Moment,
    ) -> Option<&KeyRow> {
        // What is looked up is a keyed hash: how long that takes tells nothing about a key.
        let found = |text: &str| self.keys.get(&print_of(&self.secret, text));
        texts
            .into_iter()
            .filter(|text| !text.is_empty())
            .find_map(|text| found(text).filter(|row| row.holds_at(now)))
    }

    /// Whether a key of this number holds.
    pub fn holds(&self, id: i64, now: Moment) -> bool {
        self.keys.values().any(|row| row.id == id && row.holds_at(now))
    }
}
