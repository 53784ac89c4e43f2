//! Joins and parts profiles at the desk, as the law lets it.
//!
//! Whoever had the use of their data restricted is joined with nobody (Art 18(2)). Whoever is parted from others
//! keeps nothing that was let in by what those had said: it goes in the same transaction, but for what somebody had
//! restricted to storage.

use std::collections::BTreeSet;

use crate::base::error::{Error, Result};
use crate::consent::history::is_restricted;
use crate::policy::rulebook::Rulebook;
use crate::profile::lookup;
use crate::profile::merge::{self, Decider, public_text};
use crate::profile::sql::MergeRow;
use crate::send::sql::disclosed_together;
use crate::store::{WordKind, Writer, last_declared};

use super::forget::{self, Forgotten};

/// Who stands on their own again.
#[derive(Clone, Debug)]
pub struct Parted {
    /// Their subject.
    pub subject: i64,
    /// What of both sides lost its last reason.
    pub forgotten: Forgotten,
    /// Who was sent data of both as one person's, and has to be told that they are two (Art 19).
    pub recipients: Vec<String>,
}

/// Joins two profiles: the newer one goes. Returns the one that stays.
///
/// # Errors
/// `subject-restricted`, and those of [`merge::join`].
pub fn join(writer: &mut Writer<'_>, a: i64, b: i64) -> Result<i64> {
    for subject in [a, b] {
        if is_restricted(writer.conn, subject, writer.now)? {
            let id = public_text(lookup::public_id(writer.conn, subject)?);
            let what = format!("{id} had the use of their data restricted (Art 18)");
            return Err(Error::no("subject-restricted", what).next(
                "`candor consent restrict WHO --lift` ends that; the person is told before (Art 18(3))",
            ));
        }
    }
    let (into, from) = (a.min(b), a.max(b));
    merge::join(writer, from, into, Decider::Person)?;
    Ok(into)
}

/// Takes a merge back.
///
/// # Errors
/// Those of [`merge::split`].
pub fn take_back(writer: &mut Writer<'_>, rules: &Rulebook, merge: &MergeRow) -> Result<Parted> {
    let subject = merge::split(writer, merge)?;
    parted(writer, rules, subject, merge.into_subject)
}

/// Parts one record from its profile.
///
/// # Errors
/// Those of [`merge::part_record`].
pub fn part(writer: &mut Writer<'_>, rules: &Rulebook, from: i64, record: i64) -> Result<Parted> {
    let subject = merge::part_record(writer, record)?;
    parted(writer, rules, subject, from)
}

fn parted(writer: &mut Writer<'_>, rules: &Rulebook, subject: i64, from: i64) -> Result<Parted> {
    let here = lookup::records_of(writer.conn, subject)?;
    let there = lookup::records_of(writer.conn, from)?;
    let mut recipients = BTreeSet::new();
    for code in disclosed_together(writer.conn, &here, &there)? {
        let name = writer.words.text(WordKind::Destination, code);
        let declared = last_declared(writer.conn, name)?;
        recipients.insert(declared.map_or_else(|| name.to_owned(), |d| d.recipient));
    }
    let mut forgotten = Forgotten::default();
    for side in [subject, from] {
        if !is_restricted(writer.conn, side, writer.now)? {
            forgotten += forget::sweep(writer, rules, side, "parting")?;
        }
    }
    Ok(Parted { subject, forgotten, recipients: recipients.into_iter().collect() })
}
