//! What a person said no to stays said, whoever their records turn out to be.
//!
//! While several records are one person's, a "no" holds for all of them, by whatever address or row it was
//! said. When they part, each keeps it: nobody is written to again because of a split. A "yes" stays where it
//! was said, so that nobody has consented for somebody else. What was said before they were one is each
//! side's own (`fold`).

use std::collections::{BTreeMap, HashMap};

use crate::base::error::Result;
use crate::policy::rulebook::bit;
use crate::store::Writer;

use super::fold::{AsOf, Home, Standing, in_force_state, standing};
use super::history::{self, History, NewStatement};
use super::sql::{self, KeyedRecord};
use super::statement::{Axis, Statement};

/// Records on every record of a subject what is said to them as one person.
///
/// # Errors
/// Those of reading and writing.
pub fn on_each_record(
    writer: &mut Writer<'_>,
    subject: i64,
    new: &NewStatement,
) -> Result<Vec<i64>> {
    let records = sql::keyed_records(writer.conn, subject)?;
    records.iter().map(|r| history::record(writer, r.id, r.birth, &r.key, new)).collect()
}

/// Before some of a subject's records part from the others: gives each what the other side refused while they
/// were one, as far as it stands.
///
/// # Errors
/// Those of reading and writing.
pub fn on_parting(writer: &mut Writer<'_>, subject: i64, parting: &[i64]) -> Result<()> {
    let History { statements, homes } = History::load(writer.conn, subject)?;
    if !statements.iter().any(Statement::protects) {
        return Ok(());
    }
    let mut heard_in: HashMap<i64, (Vec<Statement>, Standing)> = HashMap::new();
    for KeyedRecord { id: record, birth, home, key } in sql::keyed_records(writer.conn, subject)? {
        let (heard, standing) = heard_in
            .entry(home)
            .or_insert_with(|| heard(&statements, &homes, home, AsOf::at(writer.now)));
        let parts = parting.contains(&record);
        let mut noes: BTreeMap<_, &Statement> = BTreeMap::new();
        for said in heard.iter().filter(|s| s.protects() && stands(standing, s)) {
            if parting.contains(&said.record) != parts {
                noes.insert(said.matter(), said);
            }
        }
        for (matter, no) in noes {
            let said_itself = |s: &Statement| {
                s.record == record
                    && s.matter() == matter
                    && s.protects()
                    && s.valid_at >= no.valid_at
            };
            if !heard.iter().any(said_itself) {
                history::record(writer, record, birth, &key, &again(no))?;
            }
        }
    }
    Ok(())
}

/// What holds for a home of all that was said, but for what another home said before the two were one; and
/// where it stands by that.
fn heard(said: &[Statement], homes: &[Home], home: i64, asked: AsOf) -> (Vec<Statement>, Standing) {
    let find = |id: i64| homes.iter().find(|home| home.id == id);
    let shares = |s: &&Statement| match (find(home), find(s.home)) {
        (Some(own), Some(other)) => own.joined_with(other).is_none_or(|joined| s.n > joined.entry),
        _ => s.home == home,
    };
    let heard: Vec<Statement> =
        said.iter().filter(shares).map(|s| Statement { home, ..*s }).collect();
    let alone = Home { id: home, moves: Vec::new() };
    let standing = standing(&heard, &[alone], Some(home), asked);
    (heard, standing)
}

/// Whether a "no" is how it stands. That people were told something is each record's own matter, and a legal
/// hold is on each of them anyway.
fn stands(standing: &Standing, no: &Statement) -> bool {
    match no.axis {
        Axis::Consent => {
            let consent = standing.consents.get(&(no.purpose, no.channel));
            consent.is_some_and(|consent| !in_force_state(consent.state))
        }
        Axis::Permission => standing.permissions.get(&no.channel) == Some(&false),
        Axis::Objection => standing.objections & bit(no.purpose) != 0,
        Axis::Restriction => standing.restricted,
        Axis::Frequency => standing.at_most_every.contains_key(&no.channel),
        Axis::Informed | Axis::Hold => false,
    }
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
        every_days: no.every_days,
        because: None,
        method: Some("said while this record was one person's with others".to_owned()),
        evidence: None,
        valid_at: no.valid_at,
        undated: false,
    }
}
