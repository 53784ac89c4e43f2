//! Who is in an audience, before it is sent anywhere: whom the gate lets be reached for its purpose on its channel,
//! and of those whom its rules choose.

use std::collections::{BTreeMap, HashMap};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::{AsOf, Standing};
use crate::consent::gate::{Direction, Question, Reason};
use crate::consent::history::History;
use crate::consent::permit::permit;
use crate::policy::rulebook::{PurposeRule, Rulebook};
use crate::profile::read::{self, OpenRecord};
use crate::profile::sql as profile_sql;
use crate::segment::desk::Defined;
use crate::segment::{Person, Segment, Told};
use crate::store::Store;

use super::audience::{NOT_IN_AUDIENCE, indirect_source};

/// How many are in an audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Members {
    /// Those who are.
    pub members: u64,
    /// Those who aren't, by reason.
    pub left_out: BTreeMap<&'static str, u64>,
}

/// Why one person is in an audience or isn't.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Why {
    /// Whether they are.
    pub is_member: bool,
    /// The code of the reason why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The reason in words.
    pub words: String,
    /// What came of each condition; nothing where the gate keeps the person out before any is looked at.
    pub conditions: Vec<Told>,
}

/// Counts who is in an audience now.
///
/// # Errors
/// `audience-rules-wrong` where the policy has changed under it, and those of reading.
pub fn members(store: &Store, rules: &Rulebook, defined: &Defined, now: Moment) -> Result<Members> {
    let segment = Segment::read(&defined.text, rules)?;
    let mut all = Members::default();
    for subject in profile_sql::live_subjects(store.conn())? {
        let reason = match person(store, rules, &segment, subject, now)? {
            Err(reason) => reason.code(),
            Ok(person) if !segment.holds(rules, &person, now) => NOT_IN_AUDIENCE,
            Ok(_) => {
                all.members += 1;
                continue;
            }
        };
        *all.left_out.entry(reason).or_default() += 1;
    }
    Ok(all)
}

/// Tells why a person is in an audience now, or isn't.
///
/// # Errors
/// As [`members`].
pub fn why(
    store: &Store,
    rules: &Rulebook,
    defined: &Defined,
    subject: i64,
    now: Moment,
) -> Result<Why> {
    let segment = Segment::read(&defined.text, rules)?;
    Ok(match person(store, rules, &segment, subject, now)? {
        Err(reason) => Why {
            is_member: false,
            reason: Some(reason.code()),
            words: reason.words().to_owned(),
            conditions: Vec::new(),
        },
        Ok(person) => {
            let is_member = segment.holds(rules, &person, now);
            let words = match is_member {
                true => "may be reached, and the rules choose them",
                false => "may be reached, and the rules don't choose them",
            };
            Why {
                is_member,
                reason: (!is_member).then_some(NOT_IN_AUDIENCE),
                words: words.to_owned(),
                conditions: segment.explain(rules, &person, now),
            }
        }
    })
}

/// What the rules may look at of a person, if the gate lets them be reached.
fn person(
    store: &Store,
    rules: &Rulebook,
    segment: &Segment,
    subject: i64,
    now: Moment,
) -> Result<std::result::Result<Person, Reason>> {
    let Some(rule) = rules.rule(segment.purpose) else {
        return Ok(Err(Reason::PurposeNotDeclared));
    };
    let history = History::load(store.conn(), subject)?;
    let records = read::open_records(store.conn(), store.words(), subject)?;
    let mut standings: HashMap<i64, Standing> = HashMap::new();
    let mut no = Reason::ConsentUnknown;
    let mut open: Vec<&OpenRecord> = Vec::new();
    for record in &records {
        let home = record.home;
        let standing =
            standings.entry(home).or_insert_with(|| history.standing_of(home, AsOf::at(now)));
        match permit(rules, rule, question(store, rules, segment, record, now), standing, ()) {
            Ok(_) => open.push(record),
            Err(reason) => no = reason,
        }
    }
    if open.is_empty() {
        return Ok(Err(no));
    }
    let asked: (&Rulebook, &PurposeRule) = (rules, rule);
    let whom: (i64, &[&OpenRecord], Moment) = (subject, &open, read::last_contact(&records));
    Person::read(store, asked, whom, segment.looks_at_events(), now).map(Ok)
}

fn question<'a>(
    store: &Store,
    rules: &Rulebook,
    segment: &Segment,
    record: &OpenRecord,
    now: Moment,
) -> Question<'a> {
    Question {
        channel: segment.channel,
        indirect: indirect_source(rules, store.words(), &record.source),
        ..Question::new(Direction::Out, now)
    }
}
