//! People whom somebody parted stay apart, whatever a row says that carries the identifiers of both.
//!
//! What was decided is kept between records, and holds between their subjects: a row that ties two of them
//! would join them again by its own way. So it goes to one of them at most.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::base::error::Result;

use super::recognise::Ties;
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

/// Of the subjects that a row is tied to, leaves those that may be one person: its own, then those whom the
/// most identifiers tie it to, of several the one by the oldest record. Whoever is kept apart from one of
/// them is related.
pub(super) fn part(conn: &Connection, own: Option<i64>, ties: &mut Ties) -> Result<()> {
    if ties.subjects.len() + usize::from(own.is_some()) < 2 {
        return Ok(());
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
    let mut strongest = ties.subjects.clone();
    strongest.sort_by_key(strength);
    let mut one: Vec<i64> = own.into_iter().collect();
    for subject in strongest {
        let mut parted = false;
        for other in one.iter().filter(|other| **other != subject) {
            parted |= are_apart(conn, *other, subject)?;
        }
        if !parted {
            one.push(subject);
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
