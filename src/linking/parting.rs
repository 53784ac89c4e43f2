//! Whoever objects to being linked, or takes back the consent to it, is linked no longer: what linking
//! joined is parted again.
//!
//! What exact identifiers or people joined stays: that doesn't rest on linking. The two sides are kept
//! apart from then on, also when the objection is lifted; a person may join them.
//!
//! What was said against linking while several records were one person's was said for all of them: each
//! keeps it when they part, so that none is linked again without a word of its own (Art 21(3)).

use std::collections::BTreeMap;

use crate::base::error::Result;
use crate::consent::fold::{AsOf, in_force_state};
use crate::consent::gate::Reason;
use crate::consent::history::{self, History, NewStatement};
use crate::consent::sql as consent_sql;
use crate::consent::statement::{Axis, Statement};
use crate::policy::rulebook::{PurposeMask, Rulebook, bit};
use crate::profile::merge;
use crate::profile::sql as profile_sql;
use crate::store::Writer;

use super::takes_part::{Asking, Person};
use super::{index, sql};

/// The reasons that are the person's own word against being linked.
const OBJECTIONS: [Reason; 4] = [
    Reason::Objected,
    Reason::ConsentWithdrawn,
    Reason::ConsentRefused,
    Reason::ConsentInvalidated,
];

/// Parts what linking joined to a subject, where somebody of it objects; returns the subjects that it is
/// now, the one that was asked for among them.
pub fn part_objectors(writer: &mut Writer<'_>, rules: &Rulebook, subject: i64) -> Result<Vec<i64>> {
    let mut subjects = vec![subject];
    if !index::is_kept(writer.conn)? {
        return Ok(subjects);
    }
    let mut at = 0;
    while at < subjects.len() {
        let Some(join) = last_join(writer, subjects[at])? else {
            at += 1;
            continue;
        };
        let asking = Asking::new(writer.words, rules, writer.now);
        let person = asking.person(writer.conn, writer.words, subjects[at])?;
        if objects(&person) {
            keep_what_was_said(writer, rules, subjects[at])?;
            subjects.push(merge::split(writer, &join)?);
        } else {
            at += 1;
        }
    }
    Ok(subjects)
}

/// Records what a subject says against linking on each record that shares in it and hasn't said it itself.
fn keep_what_was_said(writer: &mut Writer<'_>, rules: &Rulebook, subject: i64) -> Result<()> {
    let history = History::load(writer.conn, subject)?;
    let standing = history.standing(AsOf::at(writer.now));
    let History { statements, homes } = history;
    let home = |id: i64| homes.iter().find(|home| home.id == id);
    let linking: PurposeMask = rules
        .rules()
        .filter(|rule| rule.purpose.linking)
        .fold(0, |mask, rule| mask | bit(rule.code));
    let stands = |s: &&Statement| match s.axis {
        Axis::Objection => standing.objections & linking & bit(s.purpose) != 0,
        Axis::Consent if linking & bit(s.purpose) != 0 => {
            let consent = standing.consents.get(&(s.purpose, s.channel));
            consent.is_some_and(|consent| !in_force_state(consent.state))
        }
        _ => false,
    };
    let mut last: BTreeMap<_, &Statement> = BTreeMap::new();
    for said in statements.iter().filter(stands).filter(|s| s.protects()) {
        last.insert(said.matter(), said);
    }
    for (record, own_home, key) in consent_sql::keyed_records(writer.conn, subject)? {
        for (matter, no) in &last {
            let shares = match (home(own_home), home(no.home)) {
                (Some(own), Some(other)) => {
                    own.joined_with(other).is_none_or(|joined| no.n > joined.entry)
                }
                _ => false,
            };
            let said_itself = statements.iter().any(|s| {
                s.record == record && s.matter() == *matter && s.protects() && s.n >= no.n
            });
            if shares && !said_itself {
                history::record(writer, record, own_home, &key, &again(no))?;
            }
        }
    }
    Ok(())
}

/// The same for another record.
fn again(no: &Statement) -> NewStatement {
    NewStatement {
        axis: no.axis,
        purpose: no.purpose,
        channel: no.channel,
        state: no.state,
        explicit: no.explicit,
        confirmed: no.confirmed,
        own: no.own,
        source: no.source,
        notice: None,
        language: None,
        every_days: 0,
        because: None,
        method: Some("said while this record was one person's with others".to_owned()),
        evidence: None,
        valid_at: no.valid_at,
    }
}

fn objects(person: &Person) -> bool {
    let said = person.answers.iter().filter_map(|answer| answer.as_ref().err());
    said.into_iter().any(|left| OBJECTIONS.iter().any(|reason| reason.code() == left.code))
}

/// The last join of linking that can be taken back: no other merge moved its records on.
fn last_join(writer: &Writer<'_>, subject: i64) -> Result<Option<profile_sql::MergeRow>> {
    for join in profile_sql::merges_into(writer.conn, subject)? {
        let records = profile_sql::merge_records(writer.conn, join.id)?;
        let here = |record: &i64| {
            profile_sql::record(writer.conn, *record).is_ok_and(|row| row.subject == subject)
        };
        if records.iter().all(here) && sql::is_found_join(writer.conn, join.id, join.entry)? {
            return Ok(Some(join));
        }
    }
    Ok(None)
}
