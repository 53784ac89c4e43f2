//! People whom somebody parted stay apart, whatever a row says that carries the identifiers of both; and no
//! row makes a profile of more values of a kind than the policy lets one person have.
//!
//! What was decided is kept between records, and holds between their subjects: a row that ties two of them
//! would join them again by its own way. So it goes to one of them at most. Whoever had the use of their data
//! restricted is joined with nobody, and a row that carries their identifier is theirs (Art 18(2)).

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::StoreSecret;
use crate::consent::history::is_restricted;
use crate::policy::types::{Policy, UNVERIFIED};
use crate::store::{WordKind, Words};

use super::recognise::{SeenIdentifier, Ties, identifier_blind};
use super::record::Record;
use super::sql;

/// Whether somebody decided that two subjects are two people.
pub fn are_apart(conn: &Connection, a: i64, b: i64) -> Result<bool> {
    let theirs: BTreeSet<i64> = sql::records_of(conn, b)?.into_iter().collect();
    for record in sql::records_of(conn, a)? {
        for link in sql::links_of(conn, record)? {
            let other = if link.a == record { link.b } else { link.a };
            if link.kind == sql::LINK_CANNOT && theirs.contains(&other) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether somebody decided that anything that is held is not a subject's.
pub fn is_parted(conn: &Connection, subject: i64) -> Result<bool> {
    for record in sql::records_of(conn, subject)? {
        if sql::links_of(conn, record)?.iter().any(|link| link.kind == sql::LINK_CANNOT) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many values of a kind one profile may have, and those that a row brings.
pub(super) struct Limits<'a> {
    words: &'a Words,
    secret: &'a StoreSecret,
    /// By the code of the kind's field.
    most: BTreeMap<i64, usize>,
    /// The kinds by the codes under which what nobody verified is stored: also a name that is only claimed tells
    /// one person from another.
    claimed: BTreeMap<i64, (i64, &'a str)>,
    brought: Values,
}

/// Blind names by the code of their kind's field.
type Values = BTreeMap<i64, BTreeSet<i64>>;

impl<'a> Limits<'a> {
    pub(super) fn of(
        policy: &'a Policy,
        words: &'a Words,
        secret: &'a StoreSecret,
        identifiers: &[SeenIdentifier],
    ) -> Limits<'a> {
        let code = |kind: &str| words.code(WordKind::Field, &format!("identifier.{kind}"));
        let (mut most, mut claimed) = (BTreeMap::new(), BTreeMap::new());
        for (name, kind) in &policy.identifiers {
            let (Some(most_values), Some(field)) = (kind.max_values, code(name)) else { continue };
            most.insert(field, most_values as usize);
            let unverified = code(&format!("{UNVERIFIED}{name}"));
            claimed.extend(unverified.map(|code| (code, (field, name.as_str()))));
        }
        let mut brought = Values::new();
        for seen in identifiers {
            let (field, blind) = match claimed.get(&seen.field) {
                Some((field, kind)) => (*field, identifier_blind(secret, kind, &seen.text)),
                None => (seen.field, seen.blind),
            };
            brought.entry(field).or_default().insert(blind);
        }
        Limits { words, secret, most, claimed, brought }
    }

    /// Whether what two have is too much for one, of any kind of which both have something of their own.
    fn are_too_many(&self, a: &Values, b: &Values) -> bool {
        self.most.iter().any(|(field, most)| {
            let (Some(a), Some(b)) = (a.get(field), b.get(field)) else { return false };
            let all = a.union(b).count();
            all > *most && all > a.len() && all > b.len()
        })
    }

    fn values(&self, conn: &Connection, subject: i64) -> Result<Values> {
        let mut values = Values::new();
        if self.most.is_empty() {
            return Ok(values);
        }
        for record in sql::records_of(conn, subject)? {
            for (blind, field, _) in sql::identifiers_of(conn, record)? {
                let Some((field, kind)) = self.claimed.get(&field).copied() else {
                    values.entry(field).or_default().insert(blind);
                    continue;
                };
                let held = Record::load(conn, self.words, record)?;
                let name = format!("identifier.{UNVERIFIED}{kind}");
                let code = self.words.code(WordKind::Field, &name);
                if let Some(text) = code.and_then(|code| held.text(code)) {
                    let blind = identifier_blind(self.secret, kind, text);
                    values.entry(field).or_default().insert(blind);
                }
            }
        }
        Ok(values)
    }
}

/// Of the subjects that a row is tied to, leaves those that may be one person: its own, then whoever may only be
/// stored, then those whom the most identifiers tie it to, of several the one by the oldest record. Whoever is kept
/// apart from one of them, or would bring too many values, is related.
pub(super) fn part(
    conn: &Connection,
    own: Option<i64>,
    limits: &Limits<'_>,
    ties: &mut Ties,
    now: Moment,
) -> Result<()> {
    let few = ties.subjects.len() + usize::from(own.is_some()) < 2;
    if ties.subjects.is_empty() || (few && limits.most.is_empty()) {
        return Ok(());
    }
    let mut values = limits.brought.clone();
    let add = |values: &mut Values, more: Values| {
        more.into_iter().for_each(|(field, more)| values.entry(field).or_default().extend(more));
    };
    if let Some(own) = own {
        add(&mut values, limits.values(conn, own)?);
    }
    let mut by_subject: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    for (record, field) in &ties.links {
        let subject = sql::record(conn, *record)?.subject;
        by_subject.entry(subject).or_default().push((*record, *field));
    }
    let strength = |subject: &i64| {
        let links = by_subject.get(subject).map_or(&[][..], Vec::as_slice);
        let fields: BTreeSet<i64> = links.iter().map(|(_, field)| *field).collect();
        (usize::MAX - fields.len(), links.iter().map(|(record, _)| *record).min())
    };
    let mut restricted = BTreeSet::new();
    for subject in ties.subjects.iter().copied().chain(own).filter(|_| !few) {
        restricted.extend(is_restricted(conn, subject, now)?.then_some(subject));
    }
    let mut strongest = ties.subjects.clone();
    strongest.sort_by_key(|subject| (!restricted.contains(subject), strength(subject)));
    let mut one: Vec<i64> = own.into_iter().collect();
    for subject in strongest {
        let theirs = limits.values(conn, subject)?;
        let mut parted = Some(subject) != own && limits.are_too_many(&values, &theirs);
        for other in one.iter().filter(|other| **other != subject) {
            parted |= restricted.contains(&subject) || restricted.contains(other);
            parted |= are_apart(conn, *other, subject)?;
        }
        if !parted {
            one.push(subject);
            add(&mut values, theirs);
            continue;
        }
        ties.subjects.retain(|tied| *tied != subject);
        ties.related.push(subject);
        let links = by_subject.remove(&subject).unwrap_or_default();
        ties.links.retain(|link| !links.contains(link));
    }
    ties.related.sort_unstable();
    ties.related.dedup();
    Ok(())
}
