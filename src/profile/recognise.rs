//! Decides to which subject a record belongs, by exact identifiers and with guards.
//!
//! A shared value must not make two people one: a placeholder links nobody, a value on too many
//! records of one source links nobody, and two records that differ in what the policy names
//! (`unless_differ`) stay apart although they share a value. What isn't certain stays apart: a merge
//! can always be made later, and a wrong one shows a person's data to another.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::StoreSecret;
use crate::policy::types::{IdentifierKind, Policy};
use crate::store::{WordKind, Words};

use super::apart::{self, Limits};
use super::record::Record;
use super::sql;

/// An identifier of a row, in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenIdentifier {
    /// The code of its field (`identifier.KIND`).
    pub field: i64,
    /// Its kind.
    pub kind: String,
    /// Its value.
    pub text: String,
    /// Its blind name.
    pub blind: i64,
}

/// The blind name of a source's key.
pub fn key_blind(secret: &StoreSecret, source: &str, key: &str) -> i64 {
    secret.blind("record", &[source, key])
}

/// The blind name of an identifier.
pub fn identifier_blind(secret: &StoreSecret, kind: &str, text: &str) -> i64 {
    secret.blind("identifier", &[kind, text])
}

/// The suppression fingerprint of a source's key.
pub fn key_fingerprint(secret: &StoreSecret, source: &str, key: &str) -> [u8; 16] {
    secret.fingerprint("record", &[source, key])
}

/// The suppression fingerprint of an identifier.
pub fn identifier_fingerprint(secret: &StoreSecret, kind: &str, text: &str) -> [u8; 16] {
    secret.fingerprint("identifier", &[kind, text])
}

/// The suppression fingerprint of an identifier or a source's key of which only the blind name is left:
/// its value lost its last reason before the person was erased.
pub fn blind_fingerprint(secret: &StoreSecret, blind: i64) -> [u8; 16] {
    secret.fingerprint("blind", &[&blind.to_string()])
}

/// The suppression fingerprint of a person behind an identifier that others share: with what tells its
/// holders apart.
pub fn holder_fingerprint(
    secret: &StoreSecret,
    kind: &str,
    text: &str,
    traits: &[String],
) -> [u8; 16] {
    let mut parts = vec![kind, text];
    parts.extend(traits.iter().map(String::as_str));
    secret.fingerprint("holder", &parts)
}

/// The fingerprint of a "no" at an identifier that others have too, which outlives whoever said it: to a
/// purpose, on a channel, by their names; one that is empty stands for all of them.
pub fn no_fingerprint(secret: &StoreSecret, blind: i64, purpose: &str, channel: &str) -> [u8; 16] {
    secret.fingerprint("no", &[&blind.to_string(), purpose, channel])
}

/// Every way to name a person by the attributes that tell the holders of an identifier apart; none
/// where one of them isn't known.
pub fn holder_traits(kind: &IdentifierKind, traits: &Traits) -> Vec<Vec<String>> {
    if kind.unless_differ.is_empty() {
        return Vec::new();
    }
    kind.unless_differ.iter().fold(vec![Vec::new()], |ways, name| {
        let texts = traits.get(name).into_iter().flatten();
        let longer = |text: &String| {
            let text = text.clone();
            ways.iter().map(move |way| [way.as_slice(), std::slice::from_ref(&text)].concat())
        };
        texts.flat_map(longer).take(HOLDER_WAYS_MAX).collect()
    })
}

/// Spellings of one person's name that are kept out, at most.
const HOLDER_WAYS_MAX: usize = 64;

/// How a row's identifiers tie it to what is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// The subjects that it belongs to, oldest first: to be made one.
    pub subjects: Vec<i64>,
    /// The links that say why: (a record of that subject, the identifier's field).
    pub links: Vec<(i64, i64)>,
    /// Subjects that share a value with it and are somebody else.
    pub related: Vec<i64>,
    /// Blind names of values that have become shared: their links must be retired.
    pub shared: Vec<SeenIdentifier>,
    /// Values that several people hold who differ in what tells them apart: whoever doesn't say who they are is
    /// none of them, and the links that such records have by it must be retired.
    pub divided: Vec<SeenIdentifier>,
    /// Its source's key named somebody else before: what it says now is another person's.
    pub names_another: bool,
}

impl Ties {
    /// The home that a new record of a subject is born into: that of whom it was recognised by, for what others of
    /// the subject said before they were joined with those covers them alone. Of several the oldest.
    ///
    /// # Errors
    /// Those of reading.
    pub fn home(&self, conn: &Connection, subject: i64) -> Result<i64> {
        let mut oldest = None;
        for (holder, _) in &self.links {
            let held = sql::record(conn, *holder)?;
            if held.subject == subject {
                oldest = Some(oldest.map_or(held.home, |home: i64| home.min(held.home)));
            }
        }
        Ok(oldest.unwrap_or(subject))
    }
}

/// Attribute texts by name, in the form in which people are compared.
pub type Traits = BTreeMap<String, BTreeSet<String>>;

/// The comparison form of an attribute.
pub fn comparable(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.nfkc().collect::<String>().trim().to_lowercase()
}

/// What tells the people of a subject apart: the attributes that the policy's guards name.
pub fn traits_of(
    conn: &Connection,
    words: &Words,
    policy: &Policy,
    subject: i64,
) -> Result<Traits> {
    let wanted: HashSet<&String> =
        policy.identifiers.values().flat_map(|kind| &kind.unless_differ).collect();
    let mut traits = Traits::new();
    if wanted.is_empty() {
        return Ok(traits);
    }
    for id in sql::records_of(conn, subject)? {
        let record = Record::load(conn, words, id)?;
        for name in &wanted {
            let field = words.code(WordKind::Field, &format!("attribute.{name}"));
            if let Some(text) = field.and_then(|field| record.text(field)) {
                traits.entry((*name).clone()).or_default().insert(comparable(text));
            }
        }
    }
    Ok(traits)
}

/// Whether two sets of traits are two people under a kind's guard.
fn differ(kind: &IdentifierKind, a: &Traits, b: &Traits) -> bool {
    !kind.unless_differ.is_empty()
        && kind.unless_differ.iter().all(|name| match (a.get(name), b.get(name)) {
            (Some(a), Some(b)) => a.is_disjoint(b),
            _ => false,
        })
}

/// Whether two sets of traits are one person under a kind's guard: both say the same of all it names.
fn agree(kind: &IdentifierKind, a: &Traits, b: &Traits) -> bool {
    !kind.unless_differ.is_empty()
        && kind.unless_differ.iter().all(|name| match (a.get(name), b.get(name)) {
            (Some(a), Some(b)) => !a.is_disjoint(b),
            _ => false,
        })
}

/// Finds the ties of a row. `own` is its record where it exists already; `traits` are the row's own.
///
/// A row that gives its record another value than before, one that somebody else goes by, doesn't make
/// the two one: the key may be a device that several people use, or a number that was given again.
pub fn ties(
    (conn, words, secret): (&Connection, &Words, &StoreSecret),
    policy: &Policy,
    source: i64,
    own: Option<&Record>,
    identifiers: &[SeenIdentifier],
    traits: &Traits,
    now: Moment,
) -> Result<Ties> {
    let mut ties = Ties::default();
    let own_record = own.map(|record| record.id);
    let own_subject = own_record.map(|id| sql::record(conn, id)).transpose()?.map(|r| r.subject);
    let said_before = |seen: &SeenIdentifier| own.and_then(|record| record.text(seen.field));
    let mut met: Vec<(i64, Traits)> = Vec::new();
    if let Some(subject) = own_subject {
        met.push((subject, traits_of(conn, words, policy, subject)?));
    }
    for seen in identifiers {
        let Some(kind) = policy.identifiers.get(&seen.kind) else { continue };
        if !kind.links || kind.ignore.contains(&seen.text) {
            continue;
        }
        let holders = sql::holders(conn, seen.blind)?;
        let others = holders.iter().filter(|(record, ..)| Some(*record) != own_record);
        let mut by_source: BTreeMap<i64, u32> = BTreeMap::from([(source, 1)]);
        for (_, _, holder_source, _) in others.clone() {
            *by_source.entry(*holder_source).or_default() += 1;
        }
        if by_source.values().any(|count| *count > kind.max_records) {
            ties.shared.push(seen.clone());
            continue;
        }
        let replaces = said_before(seen).is_some_and(|before| before != seen.text);
        let mut holding: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (holder, subject, _, value) in others {
            // What a source has replaced by something else names nobody any more.
            if !is_current(conn, *value)? {
                continue;
            }
            holding.entry(*subject).or_default().push(*holder);
            if !met.iter().any(|(id, _)| id == subject) {
                met.push((*subject, traits_of(conn, words, policy, *subject)?));
            }
        }
        let of = |subject: &i64| &met.iter().find(|(id, _)| id == subject).expect("met above").1;
        let all: Vec<&Traits> = holding.keys().map(of).chain([traits]).collect();
        let is_divided =
            (1..all.len()).any(|n| all[..n].iter().any(|other| differ(kind, all[n], other)));
        if is_divided {
            ties.divided.push(seen.clone());
        }
        for (subject, holders) in &holding {
            let theirs = of(subject);
            if replaces && Some(*subject) != own_subject && !agree(kind, traits, theirs) {
                ties.names_another = true;
                ties.related.push(*subject);
            } else if differ(kind, traits, theirs) || (is_divided && !agree(kind, traits, theirs)) {
                ties.related.push(*subject);
            } else {
                ties.subjects.push(*subject);
                ties.links.push((holder_alike(conn, words, kind, traits, holders)?, seen.field));
            }
        }
    }
    ties.subjects.sort_unstable();
    ties.subjects.dedup();
    ties.related.sort_unstable();
    ties.related.dedup();
    // A row that fits two different people is neither's for certain.
    let tied: Vec<&(i64, Traits)> = met
        .iter()
        .filter(|(id, _)| ties.subjects.contains(id) || Some(*id) == own_subject)
        .collect();
    let torn = tied.iter().enumerate().any(|(i, (_, a))| {
        tied[i + 1..].iter().any(|(_, b)| policy.identifiers.values().any(|k| differ(k, a, b)))
    });
    if torn {
        ties.related.append(&mut ties.subjects);
        ties.links.clear();
    }
    let limits = Limits::of(policy, words, secret, identifiers);
    apart::part(conn, own_subject, &limits, &mut ties, now)?;
    if let Some(own) = own_subject {
        ties.subjects.retain(|subject| *subject != own);
    }
    let subjects = ties.subjects.clone();
    ties.related.retain(|subject| !subjects.contains(subject) && Some(*subject) != own_subject);
    Ok(ties)
}

/// Of the records of one subject that hold a value, the one to be linked to: the oldest that says the same of
/// what tells its holders apart, so that the link outlives those that say nothing of it.
fn holder_alike(
    conn: &Connection,
    words: &Words,
    kind: &IdentifierKind,
    traits: &Traits,
    holders: &[i64],
) -> Result<i64> {
    for holder in holders.iter().filter(|_| holders.len() > 1 && !kind.unless_differ.is_empty()) {
        if agree(kind, traits, &own_traits(conn, words, kind, *holder)?) {
            return Ok(*holder);
        }
    }
    Ok(holders[0])
}

/// What a record itself says of what tells the holders of a kind apart.
fn own_traits(
    conn: &Connection,
    words: &Words,
    kind: &IdentifierKind,
    record: i64,
) -> Result<Traits> {
    let record = Record::load(conn, words, record)?;
    let mut traits = Traits::new();
    for name in &kind.unless_differ {
        let field = words.code(WordKind::Field, &format!("attribute.{name}"));
        if let Some(text) = field.and_then(|field| record.text(field)) {
            traits.entry(name.clone()).or_default().insert(comparable(text));
        }
    }
    Ok(traits)
}

/// Of the records that hold a value, those that don't say which of its holders they are.
pub fn nameless(
    conn: &Connection,
    words: &Words,
    kind: &IdentifierKind,
    blind: i64,
) -> Result<BTreeSet<i64>> {
    let mut nameless = BTreeSet::new();
    for (holder, ..) in sql::holders(conn, blind)? {
        let said = own_traits(conn, words, kind, holder)?;
        if kind.unless_differ.iter().any(|name| !said.contains_key(name)) {
            nameless.insert(holder);
        }
    }
    Ok(nameless)
}

/// Somebody of whom a source said an identifier of a row once, and says another now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// The record that bore it.
    pub record: i64,
    /// Its subject.
    pub subject: i64,
    /// Somebody else bears it now.
    pub is_anothers: bool,
}

/// Who bore an identifier of a row before. It ties the row to nobody: it may have been given to somebody
/// else since. What is said against the use of data through it is said of those who bore it all the same
/// (law 9): the link in a letter that went to a former address is theirs. `own` is the row's record.
pub fn former_holders(
    conn: &Connection,
    policy: &Policy,
    own: i64,
    identifiers: &[SeenIdentifier],
) -> Result<Vec<Former>> {
    let mut former = Vec::new();
    for seen in identifiers {
        let names = policy.identifiers.get(&seen.kind);
        if !names.is_some_and(|kind| kind.links && !kind.ignore.contains(&seen.text)) {
            continue;
        }
        let (mut before, mut now) = (Vec::new(), false);
        for (record, subject, _, value) in sql::holders(conn, seen.blind)? {
            match is_current(conn, value)? {
                _ if record == own => {}
                true => now = true,
                false => before.push((record, subject)),
            }
        }
        let each = |(record, subject)| Former { record, subject, is_anothers: now };
        former.extend(before.into_iter().map(each));
    }
    Ok(former)
}

/// Whether an identifier's value is what its source says last; a "no" without a value stays, and a name that
/// only finds the person ties nobody to them.
fn is_current(conn: &Connection, value: i64) -> Result<bool> {
    match value {
        0 => Ok(true),
        sql::TO_FIND => Ok(false),
        value => Ok(sql::value(conn, value)?.state == sql::VALUE_CURRENT),
    }
}
