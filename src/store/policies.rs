//! Applied policies: every version is kept whole and numbered, and acts from its application on.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::hex::hex;
use crate::policy::check::{InForce, check, check_after};
use crate::policy::rulebook::{Rulebook, codes};
use crate::policy::types::{Basis, Destination, Format, Policy};

use super::Writer;
use super::sql::{self, NoticeRow, PolicyRow};
use super::words::{WordKind, Words};

/// An applied policy.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its number, from 1.
    pub version: u32,
    /// The ledger entry of its application.
    pub entry: i64,
    /// From when it acts.
    pub applied_at: Moment,
    /// SHA-256 of its text.
    pub sha256: Vec<u8>,
    /// Its text, as it was applied.
    pub text: String,
}

impl From<PolicyRow> for Applied {
    fn from(row: PolicyRow) -> Applied {
        Applied {
            version: u32::try_from(row.version).unwrap_or(0),
            entry: row.entry,
            applied_at: Moment(row.applied_at),
            sha256: row.sha256,
            text: row.text,
        }
    }
}

/// Every applied policy, in order.
pub fn applied(conn: &rusqlite::Connection) -> Result<Vec<Applied>> {
    Ok(sql::policies(conn)?.into_iter().map(Applied::from).collect())
}

/// What an applied policy says.
fn policy_of(applied: &Applied) -> Result<Policy> {
    match check(&applied.text) {
        Ok(checked) => Ok(checked.policy),
        Err(_) => Err(Error::damaged("policy-damaged", "an applied policy can't be read any more")
            .at(format!("policy version {}", applied.version))
            .next("run `candor audit verify`")),
    }
}

/// The policies before a version, the last first.
pub(super) fn before(conn: &rusqlite::Connection, version: u32) -> Result<Vec<Policy>> {
    let all = applied(conn)?;
    all.iter().rev().filter(|policy| policy.version < version).map(policy_of).collect()
}

/// A destination as it is declared, or was the last time that a policy did.
///
/// # Errors
/// Those of reading, and `policy-damaged`.
pub fn last_declared(conn: &rusqlite::Connection, name: &str) -> Result<Option<Destination>> {
    for policy in applied(conn)?.iter().rev() {
        if let Some(destination) = policy_of(policy)?.destinations.remove(name) {
            return Ok(Some(destination));
        }
    }
    Ok(None)
}

/// The rulebook of an applied policy.
pub fn rulebook_of(words: &Words, applied: &Applied) -> Result<Rulebook> {
    Ok(rulebook(words, applied.version, applied.applied_at, policy_of(applied)?))
}

/// The rulebook that a checked policy would be if it were applied now: what is held can be judged by it
/// beforehand. The purposes that it declares for the first time hold nothing and aren't in it.
pub fn rulebook_to_be(
    conn: &rusqlite::Connection,
    words: &Words,
    policy: &Policy,
    now: Moment,
) -> Result<Rulebook> {
    let last = sql::last_policy_version(conn)?.unwrap_or(0);
    Ok(rulebook(words, last + 1, now, policy.clone()))
}

fn rulebook(words: &Words, version: u32, applied_at: Moment, policy: Policy) -> Rulebook {
    let declared: HashMap<String, (u8, Moment)> = words
        .of_kind(WordKind::Purpose)
        .into_iter()
        .filter_map(|(name, code)| {
            let since = words.since(WordKind::Purpose, code);
            Some((name.to_owned(), (u8::try_from(code).ok()?, since)))
        })
        .collect();
    let mut channels: HashMap<String, u16> = words
        .of_kind(WordKind::Channel)
        .into_iter()
        .filter_map(|(name, code)| Some((name.to_owned(), u16::try_from(code).ok()?)))
        .collect();
    // Those that aren't numbered yet: nobody has said anything of them.
    let named = policy.purposes.values().flat_map(|purpose| &purpose.channels);
    for (channel, code) in named.zip((0..=u16::MAX).rev()) {
        channels.entry(channel.clone()).or_insert(code);
    }
    Rulebook::new(version, applied_at, policy, &declared, channels)
}

/// The rulebook in force.
///
/// # Errors
/// `no-policy` before the first one was applied: without a declared purpose nothing may come in.
pub fn latest(conn: &rusqlite::Connection, words: &Words) -> Result<Rulebook> {
    rulebook_at(conn, words, Moment::FOREVER)
}

/// The rulebook in force now, which is `known` unless another process has applied a policy since.
///
/// # Errors
/// As [`latest`].
pub fn in_force<'r>(
    conn: &rusqlite::Connection,
    words: &Words,
    known: &'r Rulebook,
) -> Result<Cow<'r, Rulebook>> {
    let last = sql::last_policy_version(conn)?;
    if last == Some(known.version) {
        return Ok(Cow::Borrowed(known));
    }
    latest(conn, words).map(Cow::Owned)
}

/// The rulebook that was in force at a moment.
pub fn rulebook_at(conn: &rusqlite::Connection, words: &Words, at: Moment) -> Result<Rulebook> {
    let all = applied(conn)?;
    match all.iter().rev().find(|policy| policy.applied_at <= at) {
        Some(policy) => rulebook_of(words, policy),
        None => Err(match all.first() {
            Some(first) => Error::no("no-policy-then", "no policy was in force at that moment")
                .at(at)
                .next(format!(
                    "the first is in force since {}: ask as of then or later",
                    first.applied_at
                )),
            None => {
                Error::no("no-policy", "no policy is in force, so nothing may be stored or sent")
                    .next("write one and run `candor policy apply FILE`")
            }
        }),
    }
}

/// The rulebook that was in force at a moment, or the first one for what was before it: what people said
/// before there was a policy is judged by that.
pub fn rulebook_at_or_first(
    conn: &rusqlite::Connection,
    words: &Words,
    at: Moment,
) -> Result<Rulebook> {
    let all = applied(conn)?;
    match all.iter().rev().find(|policy| policy.applied_at <= at).or(all.first()) {
        Some(policy) => rulebook_of(words, policy),
        None => rulebook_at(conn, words, at),
    }
}

/// The texts of a version of a notice, by language; none for one that never was declared.
pub fn notice_texts(
    conn: &rusqlite::Connection,
    name: &str,
    version: u32,
) -> Result<Vec<(String, String)>> {
    sql::notice_texts(conn, name, version)
}

/// Applies a checked policy: it acts from now on. Returns its version and entry.
///
/// # Errors
/// `policy-forbidden` when it would swap a basis or take away a protection under data that is held, drop
/// a purpose that holds data, swap the basis of one to which people said no, widen a consent, or change a notice that people were shown; `policy-unchanged` when it is in force already.
pub fn apply(writer: &mut Writer<'_>, text: &str, policy: &Policy) -> Result<(u32, i64)> {
    let all = applied(writer.conn)?;
    if let Some(last) = all.last() {
        if last.text == text {
            return Err(Error::usage("policy-unchanged", "this very policy is in force already")
                .at(format!("version {}", last.version))
                .next("change the file first; `candor policy show` tells what is in force"));
        }
        let old = rulebook_of(writer.words, last)?.policy;
        let held = purposes_with_data(writer.conn, writer.words)?;
        let consented = purposes_with_consents(writer.conn, writer.words)?;
        let refused = refused_purposes(writer.conn, writer.words)?;
        let before = InForce {
            policy: &old,
            purposes_with_data: &held,
            purposes_with_consents: &consented,
            refused: &refused,
        };
        if let Err(mistakes) = check_after(text, Some(before)) {
            let what = "the policy changes what must stay as it is after what is held and was said under it";
            return Err(Error::no("policy-forbidden", what)
                .with(&mistakes)
                .next("mend them and apply it again"));
        }
    }
    let version = u32::try_from(all.len()).expect("few policies") + 1;
    let sha256 = Sha256::digest(text.as_bytes());
    let notices: usize = policy.notices.values().map(|notice| notice.versions.len()).sum();
    let entry = writer.append(
        "policy.apply",
        json!({
            "version": version,
            "sha256": hex(&sha256),
            "purposes": policy.purposes.len(),
            "notices": notices,
        }),
    )?;
    let number = i64::from(version);
    sql::insert_policy(writer.conn, number, entry, writer.now.0, &sha256, text)?;
    for (name, notice) in &policy.notices {
        for text in &notice.versions {
            sql::keep_notice(
                writer.conn,
                &NoticeRow {
                    name,
                    version: text.version,
                    language: &text.language,
                    material: text.material,
                    sha256: &Sha256::digest(text.text.as_bytes()),
                    text: &text.text,
                    policy: number,
                },
            )?;
        }
    }
    intern_words(writer, policy)?;
    Ok((version, entry))
}

fn intern_words(writer: &mut Writer<'_>, policy: &Policy) -> Result<()> {
    for (kind, text) in words_of(policy) {
        writer.words.intern(writer.conn, kind, &text, writer.now)?;
    }
    Ok(())
}

/// Numbers the words that an older candor didn't number, each since its policy was applied.
pub(super) fn number_words(conn: &rusqlite::Connection) -> Result<()> {
    let mut words = Words::load(conn)?;
    for applied in applied(conn)? {
        for (kind, text) in words_of(&policy_of(&applied)?) {
            words.intern(conn, kind, &text, applied.applied_at)?;
        }
    }
    Ok(())
}

/// The words that a policy brings, in the order in which they are numbered.
pub fn words_of(policy: &Policy) -> Vec<(WordKind, String)> {
    let mut wanted: Vec<(WordKind, String)> = Vec::new();
    for (name, purpose) in &policy.purposes {
        wanted.push((WordKind::Purpose, name.clone()));
        wanted.extend(purpose.channels.iter().map(|c| (WordKind::Channel, c.clone())));
    }
    wanted.push((WordKind::Field, "record.key".to_owned()));
    for (name, source) in &policy.sources {
        wanted.push((WordKind::Source, name.clone()));
        for field in &source.fields {
            let may_be_unverified =
                source.format == Some(Format::Tracking) || field.verified == Some(false);
            let names = if may_be_unverified { 2 } else { 1 };
            let stored = field.target.stored().into_iter().take(names);
            wanted.extend(stored.map(|name| (WordKind::Field, name)));
        }
        wanted.extend(source.events.iter().map(|event| (WordKind::Event, event.name.clone())));
    }
    wanted.extend(policy.destinations.keys().map(|name| (WordKind::Destination, name.clone())));
    wanted.extend(policy.categories.keys().map(|name| (WordKind::Category, name.clone())));
    wanted
}

/// The purposes under which data is held.
pub fn purposes_with_data(conn: &rusqlite::Connection, words: &Words) -> Result<BTreeSet<String>> {
    let mut held = BTreeSet::new();
    for set in sql::purpose_sets_in_use(conn)? {
        for code in codes(words.mask_of(set)) {
            held.insert(words.text(WordKind::Purpose, i64::from(code)).to_owned());
        }
    }
    Ok(held)
}

/// The purposes to which somebody consented, whatever became of it since.
pub fn purposes_with_consents(
    conn: &rusqlite::Connection,
    words: &Words,
) -> Result<BTreeSet<String>> {
    let codes = sql::purposes_consented_to(conn)?;
    Ok(codes.into_iter().map(|code| words.text(WordKind::Purpose, code).to_owned()).collect())
}

/// The purposes to which somebody said no, whatever became of it since, each with its basis in the last
/// policy that declared it.
pub fn refused_purposes(
    conn: &rusqlite::Connection,
    words: &Words,
) -> Result<BTreeMap<String, Basis>> {
    let codes = sql::purposes_refused(conn)?;
    let mut names: BTreeSet<&str> =
        codes.into_iter().map(|code| words.text(WordKind::Purpose, code)).collect();
    let mut refused = BTreeMap::new();
    for applied in applied(conn)?.iter().rev() {
        if names.is_empty() {
            break;
        }
        let policy = policy_of(applied)?;
        names.retain(|name| match policy.purposes.get(*name) {
            Some(purpose) => refused.insert((*name).to_owned(), purpose.basis).is_some(),
            None => true,
        });
    }
    Ok(refused)
}
