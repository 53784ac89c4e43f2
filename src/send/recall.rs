//! Takes back what went out: each destination that holds a person's data, and can be told so, is told to
//! stop using it, or to delete it.
//!
//! A recall needs no consent, and goes to those alone to whom a disclosure stands. It names the person as
//! the disclosure did, by the record that supplied the address. Where the recipient has to be told more, the
//! fields that its recall asks for are read before they are forgotten, and are kept sealed under a key of
//! the message's own until it is taken; webhooks and tables need nothing of the kind.
//!
//! Where candor can't tell a recipient (it got a file, or left the policy), the message waits as given up until
//! somebody told it by hand, or a policy declares a way again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::consent::fold::AsOf;
use crate::consent::gate::{Direction, Question, Reason, decide};
use crate::consent::history::History;
use crate::ledger::commit::recall_commitment;
use crate::policy::rulebook::{PurposeMask, Rulebook, bit};
use crate::policy::types::{Destination, Means, Policy};
use crate::profile::read::{OpenRecord, open_records};
use crate::store::{Store, WordKind, Writer, hex, last_declared};

use super::audience::field_codes;
use super::message::Act;
use super::outbox;
use super::outbox::NO_WAY;
use super::outbox::sql::{self as outbox_sql, OutboxRow, State};
use super::request::fields_of;
use super::sql::{self, Reached};

/// The answers of the gate that the person has given: what they end is taken back.
const TAKEN_BACK: [Reason; 6] = [
    Reason::Restricted,
    Reason::Objected,
    Reason::ConsentRefused,
    Reason::ConsentWithdrawn,
    Reason::ConsentInvalidated,
    Reason::ChannelDenied,
];

/// Messages that one entry names, at most: a leaf holds 65,535 bytes.
const MESSAGES_PER_LEAF: usize = 400;

/// The fields that a recall needs, by their names.
type Fields = BTreeMap<String, String>;

/// A recall, before it is queued.
pub struct Recall {
    reached: Reached,
    act: Act,
    /// What is being sent there just now is over then.
    not_before: Moment,
    fields: Option<Zeroizing<String>>,
    /// The policy in force has no way to tell it.
    by_hand: bool,
}

/// Whether a destination can be told to stop or to delete.
pub fn can_be_told(destination: &Destination) -> bool {
    matches!(
        destination.means,
        Means::Webhook { .. } | Means::Http { recall: Some(_), .. } | Means::Postgres(_)
    )
}

/// A destination as it is declared, or was last, and whether somebody has to tell it by hand. None of one to tell
/// which is in nobody's power: what was mailed lies with its reader.
fn declared<'r>(
    writer: &Writer<'_>,
    rules: &'r Rulebook,
    code: i64,
) -> Result<Option<(Cow<'r, Destination>, bool)>> {
    let name = writer.words.text(WordKind::Destination, code);
    let in_force = rules.policy.destinations.get(name);
    let by_hand = !in_force.is_some_and(can_be_told);
    let destination = match in_force {
        Some(destination) => Some(Cow::Borrowed(destination)),
        None => last_declared(writer.conn, name)?.map(Cow::Owned),
    };
    Ok(destination.filter(|d| d.smtp().is_none()).map(|destination| (destination, by_hand)))
}

/// Has recipients told that were to be told by hand, where the policy has a way again. Returns how many messages
/// wait anew.
///
/// # Errors
/// Those of writing.
pub fn take_up(writer: &mut Writer<'_>, policy: &Policy) -> Result<usize> {
    let mut again = 0;
    for row in outbox_sql::by_hand(writer.conn)? {
        let name = writer.words.text(WordKind::Destination, row.destination);
        if policy.destinations.get(name).is_some_and(can_be_told) {
            outbox_sql::put(writer.conn, row.id, State::Waiting, (0, 0), writer.now)?;
            again += 1;
        }
    }
    Ok(again)
}

/// How many people's data a destination was sent, and wasn't told to stop using since.
///
/// # Errors
/// Those of reading.
pub fn held_by(store: &Store, name: &str) -> Result<i64> {
    let code = store.words().code(WordKind::Destination, name);
    code.map_or(Ok(0), |code| sql::people_at(store.conn(), code))
}

/// Queues a stop for each destination that was sent a person's data for a purpose for which it may not use
/// it any more, because the person said so, and that wasn't told since; where candor can't tell it, for somebody to
/// tell it by hand. To be called before anything is forgotten. Returns how many it queued.
///
/// # Errors
/// Those of reading and writing.
pub fn stop(writer: &mut Writer<'_>, rules: &Rulebook, subject: i64) -> Result<usize> {
    let reached = sql::reached(writer.conn, subject)?;
    let mut untold = Vec::new();
    for one in reached {
        if !outbox_sql::is_told(writer.conn, &one)? {
            untold.push(one);
        }
    }
    if untold.is_empty() {
        return Ok(0);
    }
    let history = History::load(writer.conn, subject)?;
    let records = open_records(writer.conn, writer.words, subject)?;
    let mut recalls: Vec<Recall> = Vec::new();
    for one in untold {
        let Some((destination, by_hand)) = declared(writer, rules, one.destination)? else {
            continue;
        };
        let rule = u8::try_from(one.purpose).ok().and_then(|code| rules.rule(code));
        let record = records.iter().find(|record| record.id == one.record);
        let (Some(rule), Some(record)) = (rule, record) else { continue };
        let channel = destination.channel.as_deref().and_then(|name| rules.channel_code(name));
        let question = Question {
            channel: channel.filter(|channel| rule.channels.contains(channel)),
            ..Question::new(Direction::Out, writer.now)
        };
        let standing = history.standing_of(record.home, AsOf::at(writer.now));
        let answer = decide(rules, rule, question, &standing);
        if answer.is_err_and(|reason| TAKEN_BACK.contains(&reason)) {
            let (told, purposes) = ((&*destination, by_hand), bit(rule.code));
            recalls.push(prepared(writer, told, &records, one, Act::Stop, purposes)?);
        }
    }
    let count = recalls.len();
    queue(writer, recalls)?;
    Ok(count)
}

/// What is to be queued when a person has been erased: a deletion for each destination that was sent their
/// data. Read before anything is destroyed, and handed to [`queue`] after that. While a message about the person
/// is being sent nobody is erased: it would arrive after it was said that they are gone.
///
/// # Errors
/// `outbox-sending`, and those of reading.
pub fn deletions(
    writer: &Writer<'_>,
    rules: &Rulebook,
    subject: i64,
    records: &[OpenRecord],
) -> Result<Vec<Recall>> {
    outbox::refuse_under_way(writer, subject)?;
    let mut newest: BTreeMap<(i64, i64), Reached> = BTreeMap::new();
    for one in sql::reached(writer.conn, subject)? {
        let held = newest.entry((one.destination, one.record)).or_insert(one);
        if held.disclosure < one.disclosure {
            *held = one;
        }
    }
    let mut recalls = Vec::new();
    for one in newest.into_values() {
        // Whoever got a file knows nobody by candor's names: the certificate says whom to tell.
        let found = declared(writer, rules, one.destination)?;
        let Some((destination, by_hand)) = found.filter(|(d, _)| can_be_told(d)) else { continue };
        let (told, all) = ((&*destination, by_hand), PurposeMask::MAX);
        recalls.push(prepared(writer, told, records, one, Act::Delete, all)?);
    }
    Ok(recalls)
}

fn prepared(
    writer: &Writer<'_>,
    (destination, by_hand): (&Destination, bool),
    records: &[OpenRecord],
    reached: Reached,
    act: Act,
    purposes: PurposeMask,
) -> Result<Recall> {
    let asked = destination.recall().map(|call| fields_of(call, &destination.fields));
    let mut fields = Fields::new();
    for name in asked.unwrap_or_default() {
        let codes = field_codes(writer.words, &name);
        let held = records.iter().flat_map(|record| record.values.iter().map(move |v| (record, v)));
        let held = held.filter(|(_, value)| {
            value.current && codes.contains(&value.field) && value.purposes & purposes != 0
        });
        // What the record that supplied the address says, before what others say.
        let newest = held.max_by_key(|(record, value)| {
            (record.id == reached.record, value.observed_at, value.seq)
        });
        fields.insert(name, newest.map(|(_, value)| value.text.clone()).unwrap_or_default());
    }
    let busy = outbox_sql::sent_until(writer.conn, reached.destination, reached.record)?;
    let json = |fields: Fields| serde_json::to_string(&fields).expect("texts are JSON");
    Ok(Recall {
        reached,
        act,
        not_before: busy.unwrap_or(writer.now).max(writer.now),
        fields: (!fields.is_empty()).then(|| Zeroizing::new(json(fields))),
        by_hand,
    })
}

/// Queues recalls, each with what it needs, sealed.
///
/// # Errors
/// Those of writing.
pub fn queue(writer: &mut Writer<'_>, recalls: Vec<Recall>) -> Result<()> {
    let mut messages: BTreeMap<(i64, &'static str), Vec<Value>> = BTreeMap::new();
    for Recall { reached, act, not_before, fields, by_hand } in recalls {
        let row = outbox_sql::queue_recall(writer.conn, &reached, act, writer.now, not_before)?;
        if by_hand {
            outbox_sql::put(writer.conn, row.id, State::Dead, (NO_WAY, 0), writer.now)?;
        }
        let nonce = writer.randomness.key();
        let mut body = fields.map(|fields| fields.as_bytes().to_vec()).unwrap_or_default();
        let key = writer.secret.recall_key(&nonce);
        apply_seal(&key, Sealed::Recall, row.id, &mut body);
        outbox_sql::insert_body(writer.conn, row.id, &nonce, &body)?;
        let commit = hex(&commitment(&key, &row, &body));
        let message = json!({"n": row.id, "disclosure": row.disclosure, "commit": commit});
        messages.entry((row.destination, act.word())).or_default().push(message);
    }
    for ((code, act), messages) in messages {
        let name = writer.words.text(WordKind::Destination, code).to_owned();
        for messages in messages.chunks(MESSAGES_PER_LEAF) {
            let count = messages.len();
            let body =
                json!({"destination": name, "act": act, "count": count, "messages": messages});
            writer.append("outbox.recall", body)?;
        }
    }
    Ok(())
}

/// What the ledger commits to of a recall that waits, so that it can neither vanish nor be turned to somebody
/// else. Once it was taken its key is gone, and then this tells nothing.
pub fn commitment(key: &RecordKey, row: &OutboxRow, sealed: &[u8]) -> [u8; 32] {
    let about =
        [row.destination, row.record, row.disclosure, outbox_sql::number(row.act), row.queued_at.0];
    recall_commitment(&key.0, row.id.cast_unsigned(), about.map(i64::cast_unsigned), sealed)
}

/// The stops that end with a person, told or not, by their destination: a deletion says it all.
///
/// # Errors
/// Those of reading.
pub fn stops(writer: &Writer<'_>, subject: i64) -> Result<BTreeMap<i64, Vec<i64>>> {
    let mut stops: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (destination, row) in outbox_sql::stops_of(writer.conn, subject)? {
        stops.entry(destination).or_default().push(row);
    }
    Ok(stops)
}

/// Enters that stops ended with their person.
///
/// # Errors
/// Those of writing.
pub fn end_stops(writer: &mut Writer<'_>, stops: &BTreeMap<i64, Vec<i64>>) -> Result<()> {
    for (code, rows) in stops {
        let name = writer.words.text(WordKind::Destination, *code).to_owned();
        for rows in rows.chunks(MESSAGES_PER_LEAF) {
            let body = json!({"destination": name, "count": rows.len(), "recalls": rows,
                              "why": "erased"});
            writer.append("outbox.drop", body)?;
        }
    }
    Ok(())
}

/// The fields that a recall was queued with; none where it needs none.
pub(super) fn fields(store: &Store, row: i64) -> Result<Vec<(String, String)>> {
    let Some((nonce, mut body)) = outbox_sql::body(store.conn(), row)? else {
        return Ok(Vec::new());
    };
    apply_seal(&store.secret().recall_key(&nonce), Sealed::Recall, row, &mut body);
    let body = Zeroizing::new(body);
    let fields: Fields = serde_json::from_slice(&body).unwrap_or_default();
    Ok(fields.into_iter().collect())
}
