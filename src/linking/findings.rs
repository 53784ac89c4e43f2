//! What linking found among the store's records, as it is written: joins, questions to people, and
//! relations.
//!
//! A run over everybody and a newcomer who is compared with a few find the same kinds of things and
//! write them the same way. A run also sees what is found no more.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::base::error::Result;
use crate::identity::{Given, Guard, Verdict};
use crate::profile::merge::{self, Decider, Likeness};
use crate::profile::sql::{self as profile_sql, LinkRow};
use crate::store::Writer;

use super::sql::{self, QuestionRow};
use super::takes_part::Taking;

/// What stands already of what could be found.
pub(super) struct Before {
    questions: Vec<QuestionRow>,
    related: Vec<LinkRow>,
    /// Whether all records are compared, so that what isn't found again ends.
    is_all: bool,
}

impl Before {
    /// Everything.
    pub(super) fn all(conn: &Connection) -> Result<Before> {
        Ok(Before {
            questions: sql::waiting(conn)?,
            related: profile_sql::links_of_kind(conn, profile_sql::LINK_RELATED)?,
            is_all: true,
        })
    }

    /// What stands about some records.
    pub(super) fn about(conn: &Connection, records: &[i64], links: &[LinkRow]) -> Result<Before> {
        let mut questions = Vec::new();
        for record in records {
            questions.extend(sql::questions_of(conn, *record)?);
        }
        questions.retain(|question| [sql::OPEN, sql::PUT_OFF].contains(&question.state));
        questions.sort_unstable_by_key(|question| question.id);
        questions.dedup();
        let related = links.iter().filter(|link| link.kind == profile_sql::LINK_RELATED);
        Ok(Before { questions, related: related.copied().collect(), is_all: false })
    }
}

/// What was found and is to be written.
pub(super) struct Findings {
    model: i64,
    joins: Vec<Likeness>,
    questions: Vec<QuestionRow>,
    /// Two records, and the probability that they are of one household, in thousandths.
    related: Vec<((i64, i64), i64)>,
    overtaken: Vec<i64>,
    unrelated: Vec<i64>,
}

impl Findings {
    /// Puts what a verdict says beside what stands already.
    pub(super) fn of(
        conn: &Connection,
        taking: &Taking,
        found: &Verdict,
        model: i64,
        before: Before,
    ) -> Result<Findings> {
        let sides = Sides { conn, taking, found };
        let joins = found.clusters.made.iter().map(|edge| Likeness {
            pair: sides.records(edge.a, edge.b),
            weight: thousandths(edge.bits),
            model,
        });
        let (questions, overtaken) = questions(&sides, model, &before)?;
        let (related, unrelated) = relations(&sides, &before)?;
        Ok(Findings { model, joins: joins.collect(), questions, related, overtaken, unrelated })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.joined() + self.asked() + self.overtaken() + self.related() + self.unrelated() == 0
    }

    /// Joins of two profiles.
    pub(super) fn joined(&self) -> u64 {
        self.joins.len() as u64
    }

    /// Questions that are new.
    pub(super) fn asked(&self) -> u64 {
        self.questions.len() as u64
    }

    /// Questions that are asked no more.
    pub(super) fn overtaken(&self) -> u64 {
        self.overtaken.len() as u64
    }

    /// Relations that are new.
    pub(super) fn related(&self) -> u64 {
        self.related.len() as u64
    }

    /// Relations that are found no more.
    pub(super) fn unrelated(&self) -> u64 {
        self.unrelated.len() as u64
    }

    /// Writes all of it, as what an entry says.
    pub(super) fn write(&self, writer: &mut Writer<'_>, entry: i64) -> Result<()> {
        for likeness in &self.joins {
            let a = profile_sql::record(writer.conn, likeness.pair.0)?.subject;
            let b = profile_sql::record(writer.conn, likeness.pair.1)?.subject;
            // The oldest subject's id lives on.
            merge::join(writer, a.max(b), a.min(b), Decider::Linkage(*likeness))?;
        }
        for (pair, likely) in &self.related {
            let kind = profile_sql::LINK_RELATED;
            profile_sql::insert_found_link(writer.conn, *pair, kind, *likely, self.model, entry)?;
        }
        for link in &self.unrelated {
            profile_sql::retire_link(writer.conn, *link, entry)?;
        }
        for question in &self.questions {
            sql::insert_question(writer.conn, &QuestionRow { entry, ..*question })?;
        }
        for question in &self.overtaken {
            sql::decide_question(writer.conn, *question, sql::OVERTAKEN, entry)?;
        }
        Ok(())
    }
}

/// A number in thousandths.
pub(super) fn thousandths(number: f32) -> i64 {
    (f64::from(number) * 1000.0).round() as i64
}

/// What was decided before: records of one subject are one person's, what was parted stays apart, and whom
/// the policy's guards hold apart is joined by people alone.
pub(super) fn given(
    conn: &Connection,
    taking: &Taking,
    guards: &[Guard],
    links: Vec<LinkRow>,
) -> Result<Given> {
    let mut given = Given::default();
    given.guards.each = guards.to_vec();
    for (subject, facts) in taking.facts.iter().filter(|_| !guards.is_empty()) {
        if let Some(row) = taking.first_row.get(subject) {
            given.guards.facts.insert(*row, facts.clone());
        }
    }
    for (row, subject) in (0..).zip(&taking.subjects) {
        let first = taking.first_row[subject];
        if first != row {
            given.together.push((first, row));
        }
    }
    for link in links.into_iter().filter(|link| link.kind == profile_sql::LINK_CANNOT) {
        // Also where the parted record itself doesn't take part, its person is somebody else.
        let row = |record| -> Result<Option<u32>> {
            let subject = profile_sql::record(conn, record)?.subject;
            Ok(taking.first_row.get(&subject).copied())
        };
        if let (Some(a), Some(b)) = (row(link.a)?, row(link.b)?)
            && a != b
        {
            given.apart.push((a, b));
        }
    }
    Ok(given)
}

/// The two profiles that a pair of records stands for, after the joins.
struct Sides<'a> {
    conn: &'a Connection,
    taking: &'a Taking,
    found: &'a Verdict,
}

impl Sides<'_> {
    fn of_rows(&self, a: u32, b: u32) -> (u32, u32) {
        let first = &self.found.clusters.first;
        let (a, b) = (first[a as usize], first[b as usize]);
        (a.min(b), a.max(b))
    }

    /// Of two records; `None` where one's person doesn't take part.
    fn of_records(&self, a: i64, b: i64) -> Result<Option<(u32, u32)>> {
        let row = |record| -> Result<Option<u32>> {
            let subject = profile_sql::record(self.conn, record)?.subject;
            Ok(self.taking.first_row.get(&subject).copied())
        };
        Ok(row(a)?.zip(row(b)?).map(|(a, b)| self.of_rows(a, b)))
    }

    fn records(&self, a: u32, b: u32) -> (i64, i64) {
        (self.taking.records[a as usize], self.taking.records[b as usize])
    }
}

/// The questions that are new, and those that are asked no more.
fn questions(
    sides: &Sides<'_>,
    model: i64,
    before: &Before,
) -> Result<(Vec<QuestionRow>, Vec<i64>)> {
    let wanted: BTreeSet<(u32, u32)> =
        sides.found.questions.iter().map(|q| sides.of_rows(q.pair.a, q.pair.b)).collect();
    let (mut known, mut overtaken) = (BTreeSet::new(), Vec::new());
    for question in &before.questions {
        match sides.of_records(question.a, question.b)? {
            Some(at) if wanted.contains(&at) && known.insert(at) => {}
            Some(at) if !before.is_all && at.0 != at.1 => {}
            None if !before.is_all => {}
            _ => overtaken.push(question.id),
        }
    }
    let fresh = sides.found.questions.iter().filter_map(|question| {
        let pair = question.pair;
        let (a, b) = sides.records(pair.a, pair.b);
        (!known.contains(&sides.of_rows(pair.a, pair.b))).then(|| QuestionRow {
            id: 0,
            a,
            b,
            weight: thousandths(pair.bits),
            household: thousandths(question.household),
            model,
            entry: 0,
            state: sql::OPEN,
            decided_entry: 0,
        })
    });
    Ok((fresh.collect(), overtaken))
}

/// New relations with their probability in thousandths, and the links of those that are found no more.
type Relations = (Vec<((i64, i64), i64)>, Vec<i64>);

fn relations(sides: &Sides<'_>, before: &Before) -> Result<Relations> {
    let found = &sides.found.related;
    let wanted: BTreeSet<(u32, u32)> =
        found.iter().map(|(a, b, _)| sides.of_rows(*a, *b)).collect();
    let (mut known, mut gone) = (BTreeSet::new(), Vec::new());
    for link in &before.related {
        let at = sides.of_records(link.a, link.b)?;
        // What an import or a person said stands.
        let is_found = link.model != 0;
        match at {
            Some(at) if !is_found => _ = known.insert(at),
            Some(at) if wanted.contains(&at) && known.insert(at) => {}
            // Of two profiles that are one now, none is left.
            Some((a, b)) if is_found && a == b => gone.push(link.id),
            _ if is_found && before.is_all => gone.push(link.id),
            _ => {}
        }
    }
    let fresh = found
        .iter()
        .filter(|(a, b, _)| !known.contains(&sides.of_rows(*a, *b)))
        .map(|(a, b, likely)| (sides.records(*a, *b), thousandths(*likely)));
    Ok((fresh.collect(), gone))
}
