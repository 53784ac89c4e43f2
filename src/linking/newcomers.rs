//! New records find their person: each is compared with those whom it meets in the index, by what the
//! last run learned.
//!
//! What it finds is what a run would find and is written the same way. Only the profiles that the
//! newcomer meets are touched, so it takes no longer among a million people than among a thousand.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::identity::{Field, Model, Secret, arrival, door_hash, value_hash, worth_a_look};
use crate::policy::rulebook::Rulebook;
use crate::profile::sql as profile_sql;
use crate::store::{Store, Writer, in_force, let_others_write};

use super::findings::{Before, Findings, given};
use super::index;
use super::sql;
use super::takes_part::{Asking, Person, Taking, linking_purposes, secret};

/// How long a transaction takes newcomers in (milliseconds): others wait for the write lock that long.
const BATCH_MS_MAX: i64 = 200;

/// Of those whom a newcomer meets, so many are compared at most: those whom it meets by the rarest keys.
const MET_MOST: usize = 16;

/// From so many newcomers on, and from this share of those whom the model was learned from, a run for
/// everybody is the better way: it is faster, and learns anew.
const RUN_FROM: u64 = 1_000;
const RUN_SHARE: u64 = 5;

/// What became of the newcomers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Received {
    /// Records that were looked at.
    pub newcomers: u64,
    /// Of them, those that may not be compared.
    pub left_out: u64,
    /// Joins of two profiles.
    pub joined: u64,
    /// Questions that are new.
    pub asked: u64,
    /// Relations that are new.
    pub related: u64,
    /// Records that wait for a run, because they are many.
    pub waiting: u64,
}

/// Compares the records that came in since the last run with those whom they meet, and writes what is
/// found. Before the first run, and without a purpose for linking, nobody waits.
///
/// # Errors
/// Those of [`Store::write`]. Whoever was not reached waits for the next time.
pub fn receive(store: &mut Store, rules: &Rulebook, now: &dyn Fn() -> Moment) -> Result<Received> {
    let mut received = Received::default();
    while receive_batch(store, rules, now, &mut received)? {
        let_others_write();
    }
    Ok(received)
}

/// The same for as many as one transaction takes; returns whether others wait.
///
/// # Errors
/// As [`receive`].
pub fn receive_batch(
    store: &mut Store,
    rules: &Rulebook,
    now: &dyn Fn() -> Moment,
    received: &mut Received,
) -> Result<bool> {
    let waiting = sql::newcomers(store.conn())?;
    if waiting == 0 || linking_purposes(rules).is_err() {
        return Ok(false);
    }
    let Some(learned) = sql::latest_model(store.conn())? else { return Ok(false) };
    let Ok(model) = serde_json::from_str::<Model>(&learned.body) else { return Ok(false) };
    if received.newcomers == 0 && waiting > RUN_FROM.max(u64::from(model.records) / RUN_SHARE) {
        received.waiting = waiting;
        return Ok(false);
    }
    store.write(now(), |writer| {
        let rules = in_force(writer.conn, writer.words, rules)?.into_owned();
        let asking = Asking::new(writer.words, &rules, writer.now);
        let reception = Reception {
            asking: &asking,
            purposes: linking_purposes(&rules).unwrap_or_default(),
            model: &model,
            version: learned.version,
            secret: secret(writer.secret),
        };
        let end = Moment(now().0.saturating_add(BATCH_MS_MAX));
        while let Some(record) = sql::first_newcomer(writer.conn)? {
            reception.take(writer, record, received)?;
            if now() >= end {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// All that newcomers are compared by.
struct Reception<'a> {
    asking: &'a Asking<'a>,
    purposes: Vec<String>,
    model: &'a Model,
    version: i64,
    secret: Secret,
}

/// Somebody whom a newcomer meets: a subject, and what may be compared of it.
type Met = (i64, Person);

impl Reception<'_> {
    fn take(&self, writer: &mut Writer<'_>, record: i64, received: &mut Received) -> Result<()> {
        sql::delete_newcomer(writer.conn, record)?;
        received.newcomers += 1;
        if !profile_sql::has_record(writer.conn, record)? {
            return Ok(());
        }
        let subject = profile_sql::record(writer.conn, record)?.subject;
        let person = self.asking.person(writer.conn, writer.words, subject)?;
        // Its keys may be those of before, where an earlier newcomer of its person brought them in.
        index::put_in(writer.conn, &self.secret, &person)?;
        if self.purposes.is_empty() || person.of(record).is_err() {
            received.left_out += 1;
            return Ok(());
        }
        let met = self.meet(writer, record, subject)?;
        let worth = self.worth_a_look(writer, record, (subject, &person), met)?;
        if worth.is_empty() {
            return Ok(());
        }
        let findings = self.compare(writer, record, (subject, person), worth)?;
        if findings.is_empty() {
            return Ok(());
        }
        received.joined += findings.joined();
        received.asked += findings.asked();
        received.related += findings.related();
        let body = json!({
            "model": self.version, "purposes": self.purposes, "joined": findings.joined(),
            "asked": findings.asked(), "overtaken": findings.overtaken(),
            "related": findings.related(), "unrelated": findings.unrelated(),
        });
        let entry = writer.append("identity.newcomer", body)?;
        findings.write(writer, entry)
    }

    /// The records that share a key with a newcomer and are others' than its person's: those that share
    /// the most, a key that few share counting more.
    fn meet(&self, writer: &Writer<'_>, record: i64, subject: i64) -> Result<Vec<i64>> {
        let Some(row) = sql::compared(writer.conn, record)? else { return Ok(Vec::new()) };
        let limit = block_limit(self.model.records);
        let mut meetings: HashMap<i64, f64> = HashMap::new();
        for key in index::keys_of(&row) {
            let block = sql::meeting(writer.conn, key, limit + 1)?;
            // A key that too many share says little.
            if block.len() as i64 <= limit {
                let share = 1.0 / block.len() as f64;
                block.into_iter().for_each(|met| *meetings.entry(met).or_default() += share);
            }
        }
        for own in profile_sql::records_of(writer.conn, subject)? {
            meetings.remove(&own);
        }
        let mut met: Vec<(i64, f64)> = meetings.into_iter().collect();
        met.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        met.truncate(MET_MOST);
        Ok(met.into_iter().map(|(record, _)| record).collect())
    }

    /// Of those whom a newcomer meets, the subjects that are perhaps its own person or of its household.
    fn worth_a_look(
        &self,
        writer: &Writer<'_>,
        record: i64,
        (subject, person): (i64, &Person),
        met: Vec<i64>,
    ) -> Result<Vec<Met>> {
        let mut persons: Vec<Met> = Vec::new();
        let mut taking = Taking::default();
        taking.push(subject, record, person.of(record).unwrap_or(&Default::default()));
        for other in met {
            let subject = profile_sql::record(writer.conn, other)?.subject;
            let at = match persons.iter().position(|(known, _)| *known == subject) {
                Some(at) => at,
                None => {
                    let person = self.asking.person(writer.conn, writer.words, subject)?;
                    persons.push((subject, person));
                    persons.len() - 1
                }
            };
            if let Ok(texts) = persons[at].1.of(other) {
                taking.push(subject, other, texts);
            }
        }
        taking.finish();
        let Some(newcomer) = taking.row(record) else { return Ok(Vec::new()) };
        self.count(writer, &mut taking, |taking, row, field| {
            // Frequencies count where two are alike, and of the other's values for names alone.
            row == newcomer
                || matches!(field, Field::Given | Field::Family)
                || taking.table.value(row, field) == taking.table.value(newcomer, field)
        })?;
        let worth = worth_a_look(&taking.table, self.model, newcomer);
        let subjects: Vec<i64> = worth.iter().map(|row| taking.subjects[*row as usize]).collect();
        persons.retain(|(subject, _)| subjects.contains(subject));
        Ok(persons)
    }

    /// Compares a newcomer, with all that is known of its person, with whoever is worth a look.
    fn compare(
        &self,
        writer: &Writer<'_>,
        record: i64,
        (subject, person): Met,
        others: Vec<Met>,
    ) -> Result<Findings> {
        let (mut taking, mut records, mut links) = (Taking::default(), Vec::new(), Vec::new());
        for (subject, person) in std::iter::once((subject, person)).chain(others) {
            taking.add(subject, &person);
            for record in person.records.iter().map(|record| record.id) {
                links.extend(profile_sql::links_of(writer.conn, record)?);
                records.push(record);
            }
        }
        links.sort_unstable_by_key(|link| link.id);
        links.dedup();
        taking.finish();
        self.count(writer, &mut taking, |_, _, _| true)?;
        let before = Before::about(writer.conn, &records, &links)?;
        let given = given(writer.conn, &taking, self.asking.guards(), links)?;
        let newcomer =
            taking.row(record).expect("a newcomer that may be compared is in its person");
        let found = arrival(&taking.table, self.model, newcomer, &given);
        Findings::of(writer.conn, &taking, &found, self.version, before)
    }

    /// Tells the table how frequent its values are among everybody; of those that are `wanted`.
    fn count(
        &self,
        writer: &Writer<'_>,
        taking: &mut Taking,
        wanted: impl Fn(&Taking, u32, Field) -> bool,
    ) -> Result<()> {
        for field in taking.table.used().to_vec() {
            let mut values: Vec<u32> = (0..taking.table.len())
                .filter(|row| wanted(taking, *row, field))
                .map(|row| taking.table.value(row, field))
                .filter(|value| (*value as usize) < taking.table.column(field).len())
                .collect();
            values.sort_unstable();
            values.dedup();
            for value in values {
                let hash = value_hash(&self.secret, field, taking.table.column(field).text(value));
                let records = sql::frequency(writer.conn, hash)?;
                taking.table.count_as(field, value, records);
            }
            taking.table.fill_as(field, sql::frequency(writer.conn, field as i64)?);
        }
        for row in 0..taking.table.len() {
            if let Some(hash) = door_hash(&self.secret, &taking.table, row) {
                taking.table.count_door_as(row, sql::frequency(writer.conn, hash)?);
            }
        }
        Ok(())
    }
}

/// How many records may share a key at most, among so many: about the size to which a run's budget of
/// comparisons leads.
fn block_limit(records: u32) -> i64 {
    let share = (10_000.0 / f64::from(records.max(1))).sqrt();
    (400.0 * share).clamp(8.0, 400.0) as i64
}
