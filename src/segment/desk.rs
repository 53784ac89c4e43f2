//! Keeps audiences: each version whole, under an entry that commits to its text.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::rulebook::Rulebook;
use crate::store::{Store, has_table, hex, in_force};

use super::rule::Segment;
use super::sql;

/// The longest name.
const NAME_MAX: usize = 40;

/// A version of an audience, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined {
    /// Its name.
    pub name: String,
    /// The version, from 1.
    pub version: u32,
    /// The entry that brought it.
    pub entry: i64,
    /// Its text.
    pub text: String,
}

/// Defines an audience, or a new version of one; the same text again is the version that there is.
///
/// # Errors
/// `audience-name-unfit`, `audience-is-destination`, `audience-rules-wrong`, and those of [`Store::write`].
pub fn define(
    store: &mut Store,
    rules: &Rulebook,
    name: &str,
    text: &str,
    now: Moment,
) -> Result<Defined> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if !(1..=NAME_MAX).contains(&name.len())
        || !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.chars().all(is_plain)
    {
        let what = "an audience is called by lower-case letters, digits, _ and -";
        return Err(Error::usage("audience-name-unfit", what).next(
            "such as cork-regulars: the name stays in the ledger for good, so it names no person",
        ));
    }
    let decide = |store: &Store, _: Moment| {
        let rules = in_force(store.conn(), store.words(), rules)?.into_owned();
        if rules.policy.destinations.contains_key(name) {
            let what = format!("{name} is a destination of the policy");
            return Err(Error::usage("audience-is-destination", what)
                .next("give the audience another name"));
        }
        let segment = Segment::read(text, &rules)?;
        let purpose = rules.rule(segment.purpose).map(|rule| rule.name.clone());
        Ok((purpose, sql::newest(store.conn(), name)?))
    };
    store.decide_and_write(now, decide, |writer, (purpose, newest)| {
        if let Some(same) = newest.as_ref().filter(|newest| newest.text == text) {
            return Ok(same.clone());
        }
        let version = newest.map_or(1, |newest| newest.version + 1);
        let sha256 = hex(&Sha256::digest(text.as_bytes()));
        let body = json!({"name": name, "version": version, "sha256": sha256, "purpose": purpose});
        let entry = writer.append("audience.define", body)?;
        let (name, text) = (name.to_owned(), text.to_owned());
        let defined = Defined { name, version, entry, text };
        sql::insert(writer.conn, &defined)?;
        Ok(defined)
    })
}

/// The newest version of an audience, where there is one.
///
/// # Errors
/// Those of reading.
pub fn find(store: &Store, name: &str) -> Result<Option<Defined>> {
    if !has_table(store.conn(), "audience")? {
        return Ok(None);
    }
    sql::newest(store.conn(), name)
}

/// Every version of every audience, by name, the oldest first.
///
/// # Errors
/// Those of reading.
pub fn all(store: &Store) -> Result<Vec<Defined>> {
    if !has_table(store.conn(), "audience")? {
        return Ok(Vec::new());
    }
    sql::all(store.conn())
}
