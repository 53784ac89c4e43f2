//! Links the records of a store: what is sure joins, what is worth a look becomes a question, what is of
//! one household a relation.
//!
//! What people decided stands: profiles that are one stay one, whoever made them so, and what was parted
//! or answered with "different" is never joined. So linking again, with nothing new, changes nothing and
//! writes nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::hmac_sha256;
use crate::identity::{Model, verdict};
use crate::policy::rulebook::Rulebook;
use crate::profile::sql as profile_sql;
use crate::store::{Store, Writer, hex, in_force};

use super::findings::{Before, Findings, given};
use super::index;
use super::sql::{self, ModelRow};
use super::takes_part::{Asking, LeftOut, Taking, linking_purposes, secret};

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
    Ok(look(store, rules, now)?.0)
}

/// The same, and the names of the fields in which the records that take part say anything.
pub(super) fn look(
    store: &Store,
    rules: &Rulebook,
    now: Moment,
) -> Result<(Done, Vec<&'static str>)> {
    let plan = Plan::make(store, rules, now)?;
    let used = plan.taking.table.used().iter().map(|field| field.about().name);
    Ok((plan.done, used.collect()))
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
    findings: Findings,
    taking: Taking,
}

impl Plan {
    fn make(store: &Store, rules: &Rulebook, now: Moment) -> Result<Plan> {
        let purposes = linking_purposes(rules)?;
        let (conn, asking) = (store.conn(), Asking::new(store.words(), rules, now));
        let taking = Taking::load(store, &asking)?;
        let parted = profile_sql::links_of_kind(conn, profile_sql::LINK_CANNOT)?;
        let given = given(conn, &taking, asking.guards(), parted)?;
        let (model, found) = verdict(&taking.table, &secret(store.secret()), SEED, &given);
        let body = body_of(&model);
        let known = sql::latest_model(conn)?;
        let model_is_new = known.as_ref().is_none_or(|known| known.body != body);
        let version = known.map_or(0, |known| known.version) + i64::from(model_is_new);
        let findings = Findings::of(conn, &taking, &found, version, Before::all(conn)?)?;
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
                persons: (before, before - findings.joined()),
                joined: findings.joined(),
                asked: findings.asked(),
                overtaken: findings.overtaken(),
                related: findings.related(),
                unrelated: findings.unrelated(),
                model: version,
                model_is_new,
                entry: None,
            },
            body,
            findings,
            taking,
        })
    }

    fn carry_out(mut self, writer: &mut Writer<'_>) -> Result<Done> {
        // Whoever comes next finds their person in the index.
        index::rebuild(writer.conn, &self.taking, &secret(writer.secret))?;
        if self.findings.is_empty() && !self.done.model_is_new {
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
        self.findings.write(writer, entry)?;
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
