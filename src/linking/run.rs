//! Links the records of a store: what is sure joins, what is worth a look becomes a question, what is of
//! one household a relation.
//!
//! What people decided stands: profiles that are one stay one, whoever made them so, and what was parted
//! or answered with "different" is never joined. So linking again, with nothing new, changes nothing and
//! writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::hmac_sha256;
use crate::identity::{Given, Model, Verdict, verdict};
use crate::policy::rulebook::Rulebook;
use crate::profile::merge::{self, Decider, Likeness};
use crate::profile::sql as profile_sql;
use crate::store::{Store, Writer, hex, in_force};

use super::sql::{self, ModelRow, QuestionRow};
use super::takes_part::{LeftOut, Taking, linking_purposes, secret};

/// Chooses the random pairs that are learned from: always the same, so that nothing but data matters.
const SEED: u64 = 1;

/// What a run found, and did unless it was only planned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Done {
    /// The purposes under which records are linked.
    pub purposes: Vec<String>,
    /// Records that took part.
    pub records: u64,
    /// Records that didn't, by reason.
    pub left_out: Vec<LeftOutCount>,
    /// Pairs that were compared.
    pub compared: u64,
    /// Persons among those who took part, before and after.
    pub persons: (u64, u64),
    /// Joins of two profiles.
    pub joined: u64,
    /// Questions that are new.
    pub asked: u64,
    /// Questions that are asked no more.
    pub overtaken: u64,
    /// Relations that are new.
    pub related: u64,
    /// Relations that are found no more.
    pub unrelated: u64,
    /// The version of the model.
    pub model: i64,
    /// Whether it was learned in this run.
    pub model_is_new: bool,
    /// The ledger entry; absent where nothing changed or nothing was done.
    pub entry: Option<i64>,
}

/// Why so many records didn't take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOutCount {
    /// Why.
    #[serde(flatten)]
    pub reason: LeftOut,
    /// How many.
    pub records: u64,
}

/// What a run would do.
///
/// # Errors
/// `linking-undeclared` when the policy names no purpose for it.
pub fn plan(store: &Store, rules: &Rulebook, now: Moment) -> Result<Done> {
    Ok(Plan::make(store, rules, now)?.done)
}

/// Links the records of a store, as of a moment.
///
/// # Errors
/// As [`plan`], and those of [`Store::write`].
pub fn run(store: &mut Store, rules: &Rulebook, now: Moment) -> Result<Done> {
    let decide = |store: &Store, now: Moment| {
        let rules = in_force(store.conn(), store.words(), rules)?.into_owned();
        Plan::make(store, &rules, now)
    };
    store.decide_and_write(now, decide, |writer, plan| plan.carry_out(writer))
}

/// Everything that a run will write.
struct Plan {
    done: Done,
    /// The model as it is stored.
    body: String,
    joins: Vec<Likeness>,
    questions: Vec<QuestionRow>,
    /// Two records, and the probability that they are of one household, in thousandths.
    related: Vec<((i64, i64), i64)>,
    overtaken: Vec<i64>,
    unrelated: Vec<i64>,
}

impl Plan {
    fn make(store: &Store, rules: &Rulebook, now: Moment) -> Result<Plan> {
        let purposes = linking_purposes(rules)?;
        let taking = Taking::load(store, rules, now)?;
        let given = given(store, &taking)?;
        let found = verdict(&taking.table, &secret(store), SEED, &given);
        let body = body_of(&found.model);
        let known = sql::latest_model(store.conn())?;
        let model_is_new = known.as_ref().is_none_or(|known| known.body != body);
        let version = known.map_or(0, |known| known.version) + i64::from(model_is_new);
        let sides = Sides { taking: &taking, found: &found };
        let joins: Vec<Likeness> = found
            .clusters
            .made
            .iter()
            .map(|edge| Likeness {
                pair: (taking.records[edge.a as usize], taking.records[edge.b as usize]),
                weight: thousandths(edge.bits),
                model: version,
            })
            .collect();
        let (questions, overtaken) = questions(store, &sides, version)?;
        let (related, unrelated) = relations(store, &sides)?;
        let before = taking.first_row.len() as u64;
        Ok(Plan {
            done: Done {
                purposes,
                records: taking.records.len() as u64,
                left_out: taking
                    .left_out
                    .iter()
                    .map(|(reason, records)| LeftOutCount { reason: *reason, records: *records })
                    .collect(),
                compared: found.compared,
                persons: (before, before - joins.len() as u64),
                joined: joins.len() as u64,
                asked: questions.len() as u64,
                overtaken: overtaken.len() as u64,
                related: related.len() as u64,
                unrelated: unrelated.len() as u64,
                model: version,
                model_is_new,
                entry: None,
            },
            body,
            joins,
            questions,
            related,
            overtaken,
            unrelated,
        })
    }

    fn changes_nothing(&self) -> bool {
        let Done { joined, asked, overtaken, related, unrelated, model_is_new, .. } = &self.done;
        joined + asked + overtaken + related + unrelated == 0 && !model_is_new
    }

    fn carry_out(mut self, writer: &mut Writer<'_>) -> Result<Done> {
        if self.changes_nothing() {
            return Ok(self.done);
        }
        let salt = writer.randomness.key();
        let done = &self.done;
        let left_out: BTreeMap<&str, u64> =
            done.left_out.iter().map(|left| (left.reason.code, left.records)).collect();
        let mut body = json!({
            "model": done.model, "new": done.model_is_new, "purposes": done.purposes,
            "records": done.records, "left_out": left_out, "joined": done.joined,
            "asked": done.asked, "overtaken": done.overtaken, "related": done.related,
            "unrelated": done.unrelated,
        });
        if done.model_is_new {
            body["learned"] = commitment(&salt, &self.body).into();
        }
        let entry = writer.append("identity.run", body)?;
        if done.model_is_new {
            let row = ModelRow { version: done.model, entry, at: writer.now.0, body: self.body };
            sql::insert_model(writer.conn, &row, done.records.cast_signed(), &salt)?;
        }
        for likeness in &self.joins {
            let a = profile_sql::record(writer.conn, likeness.pair.0)?.subject;
            let b = profile_sql::record(writer.conn, likeness.pair.1)?.subject;
            // The oldest subject's id lives on.
            merge::join(writer, a.max(b), a.min(b), Decider::Linkage(*likeness))?;
        }
        for (pair, likely) in &self.related {
            let kind = profile_sql::LINK_RELATED;
            profile_sql::insert_found_link(writer.conn, *pair, kind, *likely, done.model, entry)?;
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
        self.done.entry = Some(entry);
        Ok(self.done)
    }
}

/// What an entry says of a model: who doesn't have the salt can't try out what was learned.
pub(crate) fn commitment(salt: &[u8; 32], body: &str) -> String {
    hex(&hmac_sha256(salt, &[b"candor model\0", body.as_bytes()]))
}

/// The model as it is stored and committed to.
fn body_of(model: &Model) -> String {
    serde_json::to_string(model).expect("a model is JSON")
}

/// A number in thousandths.
pub(super) fn thousandths(number: f32) -> i64 {
    (f64::from(number) * 1000.0).round() as i64
}

/// What was decided before: records of one subject are one person's, and what was parted stays apart.
pub(super) fn given(store: &Store, taking: &Taking) -> Result<Given> {
    let mut given = Given::default();
    for (row, subject) in (0..).zip(&taking.subjects) {
        let first = taking.first_row[subject];
        if first != row {
            given.together.push((first, row));
        }
    }
    for link in profile_sql::links_of_kind(store.conn(), profile_sql::LINK_CANNOT)? {
        // Also where the parted record itself doesn't take part, its person is somebody else.
        let row = |record| -> Result<Option<u32>> {
            let subject = profile_sql::record(store.conn(), record)?.subject;
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
    fn of_records(&self, store: &Store, a: i64, b: i64) -> Result<Option<(u32, u32)>> {
        let row = |record| -> Result<Option<u32>> {
            let subject = profile_sql::record(store.conn(), record)?.subject;
            Ok(self.taking.first_row.get(&subject).copied())
        };
        Ok(row(a)?.zip(row(b)?).map(|(a, b)| self.of_rows(a, b)))
    }

    fn records(&self, a: u32, b: u32) -> (i64, i64) {
        (self.taking.records[a as usize], self.taking.records[b as usize])
    }
}

/// The questions that are new, and those that are asked no more.
fn questions(store: &Store, sides: &Sides<'_>, model: i64) -> Result<(Vec<QuestionRow>, Vec<i64>)> {
    let wanted: BTreeSet<(u32, u32)> =
        sides.found.questions.iter().map(|q| sides.of_rows(q.pair.a, q.pair.b)).collect();
    let (mut known, mut overtaken) = (BTreeSet::new(), Vec::new());
    for question in sql::waiting(store.conn())? {
        match sides.of_records(store, question.a, question.b)? {
            Some(sides) if wanted.contains(&sides) && known.insert(sides) => {}
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

fn relations(store: &Store, sides: &Sides<'_>) -> Result<Relations> {
    let found = &sides.found.related;
    let wanted: BTreeSet<(u32, u32)> =
        found.iter().map(|(a, b, _)| sides.of_rows(*a, *b)).collect();
    let (mut known, mut gone) = (BTreeSet::new(), Vec::new());
    for link in profile_sql::links_of_kind(store.conn(), profile_sql::LINK_RELATED)? {
        let at = sides.of_records(store, link.a, link.b)?;
        // What an import or a person said stands.
        let is_found = link.model != 0;
        match at {
            Some(at) if !is_found => _ = known.insert(at),
            Some(at) if wanted.contains(&at) && known.insert(at) => {}
            _ if is_found => gone.push(link.id),
            _ => {}
        }
    }
    let fresh = found
        .iter()
        .filter(|(a, b, _)| !known.contains(&sides.of_rows(*a, *b)))
        .map(|(a, b, likely)| (sides.records(*a, *b), thousandths(*likely)));
    Ok((fresh.collect(), gone))
}
