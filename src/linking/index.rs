//! The index of everybody who takes part in linking: keys under which records meet, and how frequent
//! values are.
//!
//! It holds hashes only, and of nobody who may not be compared: whatever changes what is held of a
//! person, or what may be done with it, brings their records here into step in the same transaction.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::identity::{Field, Keys, Secret, Trace, door_hash, trace, value_hash};
use crate::policy::rulebook::Rulebook;
use crate::profile::sql as profile_sql;
use crate::store::{Store, Writer, in_force};

use super::sql::{self, ComparedRow};
use super::takes_part::{Asking, Person, Taking, linking_purposes, secret};

/// People who are brought into step in one transaction.
const RECORDS_PER_WRITE: i64 = 500;

/// Whether there is an index to keep in step.
pub fn is_kept(conn: &Connection) -> Result<bool> {
    sql::has_learned(conn)
}

/// Takes a record out of the index and the queue; returns how many rows of `compared` and `newcomer`
/// that were.
pub fn take_out(conn: &Connection, record: i64) -> Result<[u64; 2]> {
    Ok([remove(conn, record)?, sql::delete_newcomer(conn, record)?])
}

fn remove(conn: &Connection, record: i64) -> Result<u64> {
    if let Some(row) = sql::compared(conn, record)? {
        for key in keys_of(&row) {
            sql::delete_meeting(conn, key, record)?;
        }
        for hash in counted(&row) {
            sql::count_out(conn, hash)?;
        }
    }
    sql::delete_compared(conn, record)
}

/// Brings the records of a subject into step with what may be compared of them now: what may not any
/// more goes at once, and what may since is looked at as a newcomer.
pub fn keep_in_step(writer: &mut Writer<'_>, rules: &Rulebook, subject: i64) -> Result<()> {
    if !is_kept(writer.conn)? {
        return Ok(());
    }
    let asking = Asking::new(writer.words, rules, writer.now);
    let person = asking.person(writer.conn, writer.words, subject)?;
    for (record, came) in put_in(writer.conn, &secret(writer.secret), &person)? {
        if came {
            profile_sql::note_newcomer(writer.conn, record)?;
        }
    }
    Ok(())
}

/// Brings everybody in the index into step: consents end and times run out without anybody saying so.
pub fn keep_all_in_step(store: &mut Store, rules: &Rulebook, now: Moment) -> Result<()> {
    if linking_purposes(rules).is_err() && is_kept(store.conn())? {
        return store.write(now, |writer| sql::clear_index(writer.conn));
    }
    let mut from = 0;
    loop {
        let records = sql::compared_from(store.conn(), from, RECORDS_PER_WRITE)?;
        let Some(last) = records.last() else { return Ok(()) };
        from = last + 1;
        store.write(now, |writer| {
            let rules = in_force(writer.conn, writer.words, rules)?.into_owned();
            // A person's records are brought into step together.
            let mut subjects = BTreeSet::new();
            for record in &records {
                if profile_sql::has_record(writer.conn, *record)? {
                    subjects.insert(profile_sql::record(writer.conn, *record)?.subject);
                }
            }
            subjects.into_iter().try_for_each(|subject| keep_in_step(writer, &rules, subject))
        })?;
    }
}

/// Puts what may be compared of a person into the index, and takes out what may not; returns the records
/// whose keys changed, and whether they have any.
pub(super) fn put_in(
    conn: &Connection,
    secret: &Secret,
    person: &Person,
) -> Result<Vec<(i64, bool)>> {
    let mut taking = Taking::default();
    // The subject plays no part in a trace.
    taking.add(0, person);
    taking.finish();
    let keys = Keys::new(&taking.table, secret);
    let mut changed = Vec::new();
    for record in person.records.iter().map(|record| record.id) {
        let row = taking.row(record).map(|row| row_of(&trace(&taking.table, &keys, row, secret)));
        if sql::compared(conn, record)? == row {
            continue;
        }
        remove(conn, record)?;
        if let Some(row) = &row {
            for key in keys_of(row) {
                sql::insert_meeting(conn, key, record)?;
            }
            for hash in counted(row) {
                sql::count_in(conn, hash)?;
            }
            sql::insert_compared(conn, record, row)?;
        }
        changed.push((record, row.is_some()));
    }
    Ok(changed)
}

/// Makes the index of everybody who takes part, unless it is that already. Nobody waits afterwards.
pub(super) fn rebuild(conn: &Connection, taking: &Taking, secret: &Secret) -> Result<()> {
    let keys = Keys::new(&taking.table, secret);
    let trace_of = |row: u32| row_of(&trace(&taking.table, &keys, row, secret));
    if is_in_step(conn, taking, trace_of)? {
        return sql::clear_newcomers(conn);
    }
    sql::clear_index(conn)?;
    for (row, record) in (0..).zip(&taking.records) {
        sql::insert_compared(conn, *record, &trace_of(row))?;
    }
    // In the order of the tree, a family after the other, so that it only grows at its end.
    let mut meetings: Vec<(u32, i64)> = Vec::new();
    for family in 0..Keys::FAMILIES {
        meetings.clear();
        let short = |(row, record): (u32, &i64)| Some((keys.short(row, family)?, *record));
        meetings.extend((0..).zip(&taking.records).filter_map(short));
        meetings.sort_unstable();
        for (key, record) in &meetings {
            sql::insert_meeting(conn, *key, *record)?;
        }
    }
    drop(meetings);
    for (hash, records) in frequencies(taking, secret) {
        sql::insert_frequency(conn, hash, records)?;
    }
    Ok(())
}

fn is_in_step(
    conn: &Connection,
    taking: &Taking,
    trace_of: impl Fn(u32) -> ComparedRow,
) -> Result<bool> {
    if sql::compared_count(conn)? != taking.records.len() as u64 {
        return Ok(false);
    }
    for (row, record) in (0..).zip(&taking.records) {
        if sql::compared(conn, *record)? != Some(trace_of(row)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many records are counted under each hash, rising.
fn frequencies(taking: &Taking, secret: &Secret) -> Vec<(i64, i64)> {
    let table = &taking.table;
    let mut counted: Vec<(i64, i64)> = Vec::new();
    for field in Field::ALL {
        let column = table.column(field);
        if column.filled > 0 {
            counted.push((field as i64, column.filled.into()));
        }
        counted.extend((0..column.len() as u32).map(|value| {
            let hash = value_hash(secret, field, column.text(value));
            (hash, column.counts[value as usize].into())
        }));
    }
    let mut doors: Vec<i64> =
        (0..table.len()).filter_map(|row| door_hash(secret, table, row)).collect();
    doors.sort_unstable();
    counted.extend(doors.chunk_by(|a, b| a == b).map(|door| (door[0], door.len() as i64)));
    counted.sort_unstable();
    // Two of one hash would be a chance of one in 2^64.
    counted.dedup_by_key(|(hash, _)| *hash);
    counted
}

/// A trace as it is stored.
fn row_of(trace: &Trace) -> ComparedRow {
    ComparedRow {
        fields: trace.fields.into(),
        meetings: trace.meetings.iter().flat_map(|key| key.to_be_bytes()).collect(),
        hashes: trace
            .values
            .iter()
            .chain(&trace.door)
            .flat_map(|hash| hash.to_be_bytes())
            .collect(),
    }
}

/// The keys of a stored trace.
pub(super) fn keys_of(row: &ComparedRow) -> impl Iterator<Item = u32> + '_ {
    let (keys, _) = row.meetings.as_chunks();
    keys.iter().map(|key| u32::from_be_bytes(*key))
}

/// Whatever a stored trace is counted under: its hashes, and the fields that it fills.
fn counted(row: &ComparedRow) -> impl Iterator<Item = i64> + '_ {
    let (hashes, _) = row.hashes.as_chunks();
    let filled = Field::ALL.into_iter().map(|field| field as i64);
    let filled = filled.filter(|field| row.fields >> field & 1 == 1);
    hashes.iter().map(|hash| i64::from_be_bytes(*hash)).chain(filled)
}
