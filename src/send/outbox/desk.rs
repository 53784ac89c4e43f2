//! What people do with the queue: fill it, look at it, try again, give up.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Serialize;
use serde_json::json;

use crate::base::clock::Moment;
use crate::base::error::{Error, Kind, Result};
use crate::policy::rulebook::Rulebook;
use crate::policy::types::Means;
use crate::profile::merge::public_text;
use crate::profile::sql::public_id;
use crate::send::audience::{Aim, audience, destination};
use crate::send::message::{Act, message_id, person_at};
use crate::send::sql::subject_of;
use crate::store::{Store, WordKind, Writer, in_force, last_declared};

use super::sql::{self, OutboxRow, State};
use super::status::{self, DROPPED, RESTORED};

/// The code of the error that a message is being sent.
pub const SENDING: &str = "outbox-sending";

/// What was queued.
#[derive(Clone, Debug, Serialize)]
pub struct Queued {
    /// The destination.
    pub destination: String,
    /// Its recipient.
    pub recipient: String,
    /// Its purpose.
    pub purpose: String,
    /// How many messages were queued.
    pub queued: u64,
    /// How many people wait there already: what is sent of them is what holds then.
    pub waiting_already: u64,
    /// How many people may not be reached now, by reason.
    pub withheld: BTreeMap<&'static str, u64>,
    /// The ledger entry.
    pub entry: i64,
}

/// Queues a message for each person who may be reached for a destination now. Whether it goes out is
/// asked again when it is sent.
///
/// # Errors
/// `destination-unknown`, `destination-file`, `destination-events`, `destination-confirms`, those of
/// [`audience`], and those of [`Store::write`].
pub fn queue_audience<'a>(
    store: &mut Store,
    rules: &Rulebook,
    aim: impl Into<Aim<'a>>,
    now: Moment,
) -> Result<Queued> {
    let aim = aim.into();
    let name = aim.destination;
    let decide = |store: &Store, now: Moment| {
        let rules = in_force(store.conn(), store.words(), rules)?.into_owned();
        let audience = audience(store, &rules, aim, now)?;
        Ok((rules, audience))
    };
    store.decide_and_write(now, decide, |writer, (rules, audience)| {
        let (target, rule) = destination(&rules, name)?;
        if rules.policy.confirms(name) {
            let what = format!("{name} mails what consents are confirmed by, and nothing else");
            return Err(Error::usage("destination-confirms", what)
                .next("declare another destination for what is sent to people"));
        }
        if matches!(target.means, Means::Http { .. } | Means::Postgres(_))
            && !target.events.is_empty()
        {
            let what = format!("{name} gets events, as they come in");
            return Err(Error::usage("destination-events", what)
                .next("declare another destination for the same recipient that gets profiles"));
        }
        if !target.is_sent_to() {
            return Err(Error::usage("destination-file", format!("{name} gets a file"))
                .next("say where it is to be written with --out FILE"));
        }
        let code = writer.words.code(WordKind::Destination, name).unwrap_or(0);
        let (mut queued, mut waiting_already) = (0_u64, 0);
        for permit in &audience.permitted {
            let record = permit.item().record;
            if sql::waits(writer.conn, code, record)? {
                waiting_already += 1;
            } else {
                sql::queue(writer.conn, code, record, (Act::Profile, 0), writer.now)?;
                queued += 1;
            }
        }
        let mut body = json!({"destination": name, "count": queued});
        if let Some(chosen) = aim.audience {
            body["audience"] = json!({"name": chosen.name, "version": chosen.version});
        }
        let entry = writer.append("outbox.queue", body)?;
        Ok(Queued {
            destination: name.to_owned(),
            recipient: target.recipient.clone(),
            purpose: rule.name.clone(),
            queued,
            waiting_already,
            withheld: audience.withheld,
            entry,
        })
    })
}

/// Queues an event for a destination, in the transaction that takes it in.
///
/// # Errors
/// Those of writing.
pub fn queue_event(
    writer: &mut Writer<'_>,
    destination: i64,
    record: i64,
    event: i64,
) -> Result<()> {
    sql::queue(writer.conn, destination, record, (Act::Event, event), writer.now).map(drop)
}

/// How much waits for a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The destination.
    pub destination: String,
    /// Messages that wait, or are being sent.
    pub waiting: i64,
    /// Those among them that failed and are tried again.
    pub failing: i64,
    /// Messages that were given up, or are to be told by hand.
    pub dead: i64,
}

/// How much waits, by destination.
///
/// # Errors
/// `store-older`, and those of reading.
pub fn figures(store: &Store) -> Result<Vec<Figures>> {
    sql::ready(store.conn())?;
    let named = |[code, waiting, failing, dead]: [i64; 4]| {
        let destination = store.words().text(WordKind::Destination, code).to_owned();
        Figures { destination, waiting, failing, dead }
    };
    Ok(sql::figures(store.conn())?.into_iter().map(named).collect())
}

/// A row of the queue, as people see it. It names nobody.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its number.
    pub id: i64,
    /// The message's id, by which the recipient knows it.
    pub message: String,
    /// The destination.
    pub destination: String,
    /// Its recipient, where a policy says or said who that is.
    pub recipient: String,
    /// The person's name there, by the record that supplied the address when it was queued.
    pub person: String,
    /// What it says.
    pub act: &'static str,
    /// `waiting`, `sending` or `dead`.
    pub state: &'static str,
    /// When it was queued.
    pub queued_at: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next; of one that was given up, when that was.
    pub next_at: String,
    /// What came of the last try: an HTTP status, or a number of the outbox's own.
    pub status: i64,
    /// The same in words.
    pub words: String,
}

/// The recipients of destinations, by these.
type Recipients = BTreeMap<i64, String>;

fn shown(store: &Store, recipients: &mut Recipients, row: &OutboxRow) -> Result<Row> {
    let destination = store.words().text(WordKind::Destination, row.destination).to_owned();
    let recipient = match recipients.entry(row.destination) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let declared = last_declared(store.conn(), &destination)?;
            place.insert(declared.map_or_else(|| destination.clone(), |d| d.recipient))
        }
    };
    let person = person_at(store.secret(), &destination, row.record);
    let mut words = status::words(row.status);
    if row.status == status::NO_WAY && row.state == State::Dead {
        // Who it is stands in the store as long as anything of them does.
        let subject = match row.act {
            Act::Delete => None,
            _ => subject_of(store.conn(), row.record)?,
        };
        let about = subject.map(|subject| public_id(store.conn(), subject).map(public_text));
        let about = about.transpose()?.unwrap_or_else(|| person.clone());
        words = format!(
            "tell {recipient} by hand about {about} (Art 19), since the policy in force has no way to; \
             then `candor outbox drop {}`",
            row.id
        );
    }
    Ok(Row {
        id: row.id,
        message: message_id(store.secret(), row.id, row.queued_at),
        person,
        recipient: recipient.clone(),
        destination,
        act: row.act.word(),
        state: match row.state {
            State::Waiting => "waiting",
            State::Sending => "sending",
            State::Dead => "dead",
            State::Told => "told",
        },
        queued_at: row.queued_at.to_string(),
        attempts: row.attempts,
        next_at: row.next_at.to_string(),
        status: row.status,
        words,
    })
}

/// Every row, the oldest first.
///
/// # Errors
/// `store-older`, and those of reading.
pub fn list(store: &Store) -> Result<Vec<Row>> {
    sql::ready(store.conn())?;
    let mut recipients = Recipients::new();
    sql::rows(store.conn())?.iter().map(|row| shown(store, &mut recipients, row)).collect()
}

/// What somebody has to tell by hand about a person: candor has no way to.
///
/// # Errors
/// Those of reading.
pub fn by_hand(store: &Store, subject: i64) -> Result<Vec<Row>> {
    let mut recipients = Recipients::new();
    let mut rows = Vec::new();
    for row in sql::by_hand(store.conn())? {
        if subject_of(store.conn(), row.record)? == Some(subject) {
            rows.push(shown(store, &mut recipients, &row)?);
        }
    }
    Ok(rows)
}

/// How much somebody has to tell by hand.
///
/// # Errors
/// Those of reading.
pub fn count_by_hand(store: &Store) -> Result<u64> {
    Ok(sql::by_hand(store.conn())?.len() as u64)
}

/// One row.
///
/// # Errors
/// `store-older`, `outbox-unknown`.
pub fn show(store: &Store, id: i64) -> Result<Row> {
    sql::ready(store.conn())?;
    let row = sql::row(store.conn(), id)?.ok_or_else(|| unknown(id))?;
    shown(store, &mut Recipients::new(), &row)
}

fn unknown(id: i64) -> Error {
    Error::no("outbox-unknown", format!("no message of the number {id} waits"))
        .next("`candor outbox list` shows those that do; what was delivered is gone from it")
}

/// What is to be tried again.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// One row.
    Row(i64),
    /// Everything that was given up for a destination.
    Destination(&'a str),
}

/// Has rows that were given up, or wait, tried again from the start, now. Returns how many.
///
/// # Errors
/// `outbox-unknown`, `outbox-sending`, `destination-unknown`.
pub fn replay(store: &mut Store, which: Which<'_>, now: Moment) -> Result<u64> {
    store.write(now, |writer| {
        let rows = match which {
            Which::Row(id) => vec![free_row(writer, id)?],
            Which::Destination(name) => {
                let code = writer.words.code(WordKind::Destination, name).ok_or_else(|| {
                    Error::usage("destination-unknown", format!("no policy declared {name}")).next(
                        "`candor outbox list` shows the destinations for which anything waits",
                    )
                })?;
                let is_dead = |row: &OutboxRow| row.destination == code && row.state == State::Dead;
                sql::rows(writer.conn)?.into_iter().filter(is_dead).collect()
            }
        };
        for row in &rows {
            sql::put(writer.conn, row.id, State::Waiting, (row.status, 0), writer.now)?;
        }
        let mut by_destination: BTreeMap<i64, u64> = BTreeMap::new();
        for row in &rows {
            *by_destination.entry(row.destination).or_default() += 1;
        }
        for (code, count) in by_destination {
            let name = writer.words.text(WordKind::Destination, code).to_owned();
            writer.append("outbox.replay", json!({"destination": name, "count": count}))?;
        }
        Ok(rows.len() as u64)
    })
}

/// Takes a row out of the queue: it is never sent.
///
/// # Errors
/// `outbox-unknown`, `outbox-sending`.
pub fn drop_row(store: &mut Store, id: i64, now: Moment) -> Result<()> {
    store.write(now, |writer| {
        let row = free_row(writer, id)?;
        sql::forget_body(writer.conn, id)?;
        match row.act {
            // It stays as told: it would be queued again else.
            Act::Stop => {
                sql::put(writer.conn, id, State::Told, (DROPPED, row.attempts), writer.now)?;
            }
            _ => sql::remove(writer.conn, id)?,
        }
        let name = writer.words.text(WordKind::Destination, row.destination).to_owned();
        let mut body = json!({"destination": name, "count": 1});
        if row.act.is_recall() {
            body["recalls"] = json!([id]);
        } else if row.disclosure != 0 {
            body["ended"] = json!([id]);
        }
        writer.append("outbox.drop", body).map(drop)
    })?;
    // What it needed of the person isn't left in old pages.
    store.truncate_wal().map(drop)
}

/// How many messages wait that take something back.
///
/// # Errors
/// Those of reading.
pub fn recalls_waiting(store: &Store) -> Result<i64> {
    sql::recalls_waiting(store.conn())
}

/// Whether a message that tells of a person is being sent at this moment: the gate let it out before. What
/// takes something back isn't meant.
///
/// # Errors
/// Those of reading.
pub fn is_under_way(store: &Store, subject: i64, now: Moment) -> Result<bool> {
    sql::is_under_way(store.conn(), subject, now)
}

/// Refuses to go on while a message that tells of a person is being sent.
///
/// # Errors
/// `outbox-sending`, and those of reading.
pub(in crate::send) fn refuse_under_way(writer: &Writer<'_>, subject: i64) -> Result<()> {
    match sql::is_under_way(writer.conn, subject, writer.now)? {
        true => Err(sending()),
        false => Ok(()),
    }
}

fn sending() -> Error {
    Error::new(Kind::Busy, SENDING, "a message about the person is being sent at this moment")
        .next("try again in half a minute")
}

/// A row that nobody is sending.
fn free_row(writer: &Writer<'_>, id: i64) -> Result<OutboxRow> {
    let row = sql::row(writer.conn, id)?.ok_or_else(|| unknown(id))?;
    if row.state == State::Sending && row.next_at > writer.now {
        return Err(sending().at(id));
    }
    Ok(row)
}

/// Gives up what waited in a backup when it is restored: it may have been sent since, and what the person
/// said since isn't known here. Somebody decides on each. What takes something back is told once more.
///
/// # Errors
/// Those of writing.
pub fn hold_restored(writer: &mut Writer<'_>) -> Result<usize> {
    sql::give_up_all(writer.conn, RESTORED)
}
