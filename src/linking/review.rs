//! The queue of questions to people: are these two profiles one person's?
//!
//! Each answer is an entry about each of the two, which names neither to the other: when one of them is
//! erased, nothing of them is left with the other. "Same" joins, "different" and "related" keep apart for
//! good, "later" asks again at the end of the queue.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Serialize;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::policy::rulebook::Rulebook;
use crate::profile::merge::{self, Decider, public_text};
use crate::profile::sql as profile_sql;
use crate::store::{Store, Writer, in_force};

use super::pair::{Pair, pair};
use super::sql::{self, QuestionRow};
use super::takes_part::{Asking, Person, linking_purposes};

/// What a person can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// One person: the two profiles join.
    Same,
    /// Two people, who are kept apart.
    Different,
    /// Two people of one household, who are kept apart and related.
    Related,
    /// Ask again later.
    Later,
}

impl Answer {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Same => "same",
            Answer::Different => "different",
            Answer::Related => "related",
            Answer::Later => "later",
        }
    }

    fn state(self) -> i64 {
        match self {
            Answer::Same => sql::SAME,
            Answer::Different => sql::DIFFERENT,
            Answer::Related => sql::RELATED,
            Answer::Later => sql::PUT_OFF,
        }
    }

    /// The answer of a word, or of its first letter.
    pub fn of(word: &str) -> Option<Answer> {
        let all = [Answer::Same, Answer::Different, Answer::Related, Answer::Later];
        all.into_iter()
            .find(|a| a.word() == word || (word.len() == 1 && a.word().starts_with(word)))
    }
}

/// What a state is called.
pub(super) fn state_word(state: i64) -> &'static str {
    match state {
        sql::OPEN => "open",
        sql::PUT_OFF => "put off",
        sql::SAME => "same",
        sql::DIFFERENT => "different",
        sql::RELATED => "related",
        _ => "asked no more",
    }
}

/// A question of the queue; it says nothing about the two but who they are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waiting {
    /// Its number.
    pub question: i64,
    /// The probability that they are one person, in thousandths.
    pub likely: u32,
    /// The probability that they are of one household, in thousandths.
    pub household: i64,
    /// The two records.
    pub records: [i64; 2],
    /// Their profiles.
    pub subjects: [String; 2],
    /// `open` or `put off`.
    pub state: &'static str,
}

/// A question with all that helps to answer it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The question.
    #[serde(flatten)]
    pub waiting: Waiting,
    /// The two, side by side, and why.
    pub pair: Pair,
}

/// What an answer did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// The question.
    pub question: i64,
    /// The answer.
    pub answer: Answer,
    /// The entries that say so, about each of the two.
    pub entries: [i64; 2],
    /// The profile that the two are now; only for "same".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// A question about a record, as its person may be told of it.
pub struct Asked {
    /// Its number.
    pub question: i64,
    /// The other record.
    pub other: i64,
    /// Its state, in words.
    pub state: &'static str,
    /// The run that asked.
    pub entry: i64,
    /// The entry that ended it; 0 while it is open.
    pub decided_entry: i64,
}

/// The questions about a record.
pub fn asked_about(store: &Store, record: i64) -> Result<Vec<Asked>> {
    let rows = sql::questions_of(store.conn(), record)?.into_iter();
    Ok(rows
        .map(|row| Asked {
            question: row.id,
            other: if row.a == record { row.b } else { row.a },
            state: state_word(row.state),
            entry: row.entry,
            decided_entry: row.decided_entry,
        })
        .collect())
}

/// The questions that wait, those that were put off last. Whoever was joined meanwhile, or may not be
/// compared now, isn't asked about; the next run says so.
pub fn queue(store: &Store, rules: &Rulebook, now: Moment) -> Result<Vec<Waiting>> {
    sql::ready(store.conn())?;
    let asking = Asking::new(store.words(), rules, now);
    let mut persons: HashMap<i64, Person> = HashMap::new();
    let mut queue = Vec::new();
    for row in sql::waiting(store.conn())? {
        let subjects = subjects(store, &row)?;
        let mut may_be_asked = subjects.0 != subjects.1;
        for (record, subject) in [(row.a, subjects.0), (row.b, subjects.1)] {
            if may_be_asked {
                let person = match persons.entry(subject) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        unknown.insert(asking.person(store.conn(), store.words(), subject)?)
                    }
                };
                may_be_asked = person.of(record).is_ok();
            }
        }
        if may_be_asked {
            queue.push(waiting(store, &row, subjects)?);
        }
    }
    Ok(queue)
}

fn subjects(store: &Store, row: &QuestionRow) -> Result<(i64, i64)> {
    let subject = |record| profile_sql::record(store.conn(), record).map(|found| found.subject);
    Ok((subject(row.a)?, subject(row.b)?))
}

fn waiting(store: &Store, row: &QuestionRow, subjects: (i64, i64)) -> Result<Waiting> {
    let public = |subject| profile_sql::public_id(store.conn(), subject).map(public_text);
    let odds = (row.weight as f64 / 1000.0).exp2();
    Ok(Waiting {
        question: row.id,
        // Nothing is certain.
        likely: (1000.0 * odds / (1.0 + odds)).round().min(999.0) as u32,
        household: row.household,
        records: [row.a, row.b],
        subjects: [public(subjects.0)?, public(subjects.1)?],
        state: state_word(row.state),
    })
}

/// A question that waits, and the subjects of its two records.
///
/// # Errors
/// `question-unknown`, `question-answered`, and `question-overtaken` where the two are one by now.
fn open(store: &Store, id: i64) -> Result<(QuestionRow, (i64, i64))> {
    let row = sql::question(store.conn(), id)?.ok_or_else(|| {
        Error::no("question-unknown", format!("there is no question {id}"))
            .next("`candor identity review` lists those that wait")
    })?;
    if !matches!(row.state, sql::OPEN | sql::PUT_OFF) {
        let word = state_word(row.state);
        return Err(Error::no("question-answered", format!("question {id} waits no more: {word}"))
            .next("`candor profile merge` and `candor profile split` decide anew"));
    }
    let subjects = subjects(store, &row)?;
    if subjects.0 == subjects.1 {
        return Err(Error::no(
            "question-overtaken",
            format!("the two of question {id} are one by now"),
        )
        .next("`candor profile split` takes a join back"));
    }
    Ok((row, subjects))
}

/// Shows a question. Who it is about is named by `subjects`, so that the look can be noted.
///
/// # Errors
/// As for an unknown or answered question, and those of [`pair()`]: whoever objected meanwhile is shown to
/// nobody.
pub fn show(store: &Store, rules: &Rulebook, id: i64, now: Moment) -> Result<(Shown, [i64; 2])> {
    let (row, subjects) = open(store, id)?;
    let shown = Shown {
        waiting: waiting(store, &row, subjects)?,
        pair: pair(store, rules, now, (row.a, row.b))?,
    };
    Ok((shown, [subjects.0, subjects.1]))
}

/// Answers a question.
///
/// # Errors
/// As [`show`]; only "later" may be said of people who may not be compared any more.
pub fn answer(
    store: &mut Store,
    rules: &Rulebook,
    id: i64,
    answer: Answer,
    now: Moment,
) -> Result<Answered> {
    let decide = |store: &Store, now: Moment| {
        let rules = in_force(store.conn(), store.words(), rules)?.into_owned();
        linking_purposes(&rules)?;
        let (row, subjects) = open(store, id)?;
        let asking = Asking::new(store.words(), &rules, now);
        for (record, subject) in [(row.a, subjects.0), (row.b, subjects.1)] {
            let person = asking.person(store.conn(), store.words(), subject)?;
            if let (Err(reason), true) = (person.of(record), answer != Answer::Later) {
                return Err(Error::no(
                    "record-left-out",
                    format!("record {record} may not be compared any more: {}", reason.words),
                )
                .next("`candor identity run` takes such questions out of the queue"));
            }
        }
        Ok((row, subjects))
    };
    store.decide_and_write(now, decide, |writer, (row, subjects)| {
        let entries = [said(writer, row.a, &row, answer)?, said(writer, row.b, &row, answer)?];
        sql::decide_question(writer.conn, id, answer.state(), entries[0])?;
        let mut subject = None;
        match answer {
            Answer::Same => {
                let (into, from) = (subjects.0.min(subjects.1), subjects.0.max(subjects.1));
                merge::join(writer, from, into, Decider::Person)?;
                subject = Some(public_text(profile_sql::public_id(writer.conn, into)?));
            }
            Answer::Different | Answer::Related => {
                let link =
                    |kind| profile_sql::insert_link(writer.conn, row.a, row.b, kind, 0, entries[0]);
                link(profile_sql::LINK_CANNOT)?;
                if answer == Answer::Related {
                    link(profile_sql::LINK_RELATED)?;
                }
            }
            Answer::Later => {}
        }
        Ok(Answered { question: id, answer, entries, subject })
    })
}

/// The entry about one of the two, which names nobody else.
fn said(writer: &mut Writer<'_>, record: i64, row: &QuestionRow, answer: Answer) -> Result<i64> {
    let key = profile_sql::record_key(writer.conn, record)?;
    let payload = json!({"question": row.id, "answer": answer.word()});
    let body = json!({"question": row.id, "answer": answer.word(), "model": row.model});
    writer.append_about("identity.answer", record, &key, &payload, Some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_their_first_letters_are_answers() {
        for answer in [Answer::Same, Answer::Different, Answer::Related, Answer::Later] {
            assert_eq!(Answer::of(answer.word()), Some(answer));
            assert_eq!(Answer::of(&answer.word()[..1]), Some(answer));
        }
        assert_eq!(Answer::of(""), None);
        assert_eq!(Answer::of("sa"), None);
    }
}
