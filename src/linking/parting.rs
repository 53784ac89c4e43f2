//! Whoever objects to being linked, or takes back the consent to it, is linked no longer: what linking
//! joined is parted again.
//!
//! What exact identifiers or people joined stays: that doesn't rest on linking. The two sides are kept
//! apart from then on, also when the objection is lifted; a person may join them.
//!
//! What was said against linking while several records were one person's was said for all of them: each
//! keeps it when they part (`consent::kept`), so that none is linked again without a word of its own
//! (Art 21(3)).

use crate::base::error::Result;
use crate::consent::gate::Reason;
use crate::policy::rulebook::Rulebook;
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
            subjects.push(merge::split(writer, &join)?);
        } else {
            at += 1;
        }
    }
    Ok(subjects)
}

fn objects(person: &Person) -> bool {
    let said = person.answers.iter().filter_map(|answer| answer.as_ref().err());
    said.into_iter().any(|left| OBJECTIONS.iter().any(|reason| reason.code() == left.code))
}

/// The last join of linking that can be taken back: no other merge moved its records on.
fn last_join(writer: &Writer<'_>, subject: i64) -> Result<Option<profile_sql::MergeRow>> {
    for join in profile_sql::merges_into(writer.conn, subject)? {
        if sql::is_found_join(writer.conn, join.id, join.entry)?
            && !merge::held_by(writer.conn, &join)?.is_empty()
        {
            return Ok(Some(join));
        }
    }
    Ok(None)
}
