//! Decides on the rows that are due: asks the gate for each, and gives what may go its form.

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::Randomness;
use crate::consent::fold::AsOf;
use crate::consent::gate::{Direction, Question, decide};
use crate::consent::history::History;
use crate::consent::permit::{self, Disclosed, Permit};
use crate::consent::sql::home;
use crate::policy::rulebook::{ChannelCode, PurposeRule, Rulebook};
use crate::policy::types::Destination;
use crate::profile::read::OpenEvent;
use crate::profile::sql::record_key;
use crate::send::audience::{Outbound, Target, one};
use crate::send::http::Letter;
use crate::send::link;
use crate::send::message::{Act, Links, Message, Told, message_id, person_at};
use crate::send::recall;
use crate::send::request::{Secrets, Unsendable, parcel, purposes_of};
use crate::send::sql as send_sql;
use crate::store::{Store, WordKind};

use super::carried::own_disclosure;
use super::confirm;
use super::sql::{self, OutboxRow};
use super::status::{NO_WAY, UNWRITABLE};

/// The person of a row is held no more.
pub(super) const PERSON_GONE: &str = "person_gone";
/// The policy in force doesn't know the destination any more, or makes files for it.
pub(super) const DESTINATION_GONE: &str = "destination_gone";

/// No disclosure stands that could be taken back.
const NOTHING_DISCLOSED: &str = "nothing_disclosed";

/// What is decided on one row.
pub(super) enum Verdict {
    Send(OutboxRow, Box<Permit<Letter>>),
    Withhold(OutboxRow, &'static str),
    Wait(OutboxRow),
    GiveUp(OutboxRow, i64),
}

/// Why a row isn't sent.
enum No {
    Withheld(&'static str),
    Unsendable(Unsendable),
    Failed(Error),
}

impl From<&'static str> for No {
    fn from(reason: &'static str) -> No {
        No::Withheld(reason)
    }
}

/// The verdicts on the rows of one destination.
pub(super) struct Docket {
    pub(super) destination: String,
    /// The number and the name of its purpose, and its tries; of one that is gone nothing is sent.
    pub(super) about: Option<(i64, String, i64)>,
    pub(super) verdicts: Vec<Verdict>,
}

/// Due rows of a destination that are looked at in one transaction, at most: most of them may go, and then it is
/// one.
const LOOKED_AT: usize = 16;

/// Asks the gate for the due rows of a destination, up to the first that may go.
pub(super) fn docket(
    store: &Store,
    rules: &Rulebook,
    (code, recalls_alone): (i64, bool),
    (secrets, randomness): (Secrets<'_>, &mut dyn Randomness),
    now: Moment,
) -> Result<Option<Docket>> {
    let name = store.words().text(WordKind::Destination, code);
    let found = rules.policy.destinations.get(name).filter(|d| d.is_sent_to());
    let found = found.and_then(|d| Some((d, rules.rule(rules.purpose_code(&d.purpose)?)?)));
    let due = sql::due(store.conn(), code, now, recalls_alone, LOOKED_AT)?;
    if due.is_empty() {
        return Ok(None);
    }
    let mut verdicts = Vec::new();
    for mut row in due {
        if let Some((_, rule)) = found
            && !row.act.is_recall()
        {
            row.disclosure = own_disclosure(store, &row, (name, &rule.name))?;
        }
        let verdict = match found {
            Some((destination, rule)) if row.act.is_recall() => {
                judge_recall(store, rules, (name, destination, rule), row, secrets, now)?
            }
            None if row.act.is_recall() => Verdict::GiveUp(row, NO_WAY),
            Some((destination, rule)) if row.act == Act::Confirm => {
                let with: (Secrets<'_>, &mut dyn Randomness) = (secrets, &mut *randomness);
                confirm::judge(store, rules, (name, destination, rule), row, with, now)?
            }
            // It mails what consents are confirmed by, and nothing else.
            Some(_) if rules.policy.confirms(name) => Verdict::Withhold(row, DESTINATION_GONE),
            Some((destination, rule)) => {
                judge(store, rules, (name, destination, rule), row, secrets, now)?
            }
            None => Verdict::Withhold(row, DESTINATION_GONE),
        };
        let goes = matches!(verdict, Verdict::Send(..));
        verdicts.push(verdict);
        if goes {
            break;
        }
    }
    let about = found.map(|(destination, rule)| {
        (i64::from(rule.code), rule.name.clone(), i64::from(destination.attempts))
    });
    Ok(Some(Docket { destination: name.to_owned(), about, verdicts }))
}

/// Asks the gate for one row.
fn judge(
    store: &Store,
    rules: &Rulebook,
    at: (&str, &Destination, &PurposeRule),
    row: OutboxRow,
    secrets: Secrets<'_>,
    now: Moment,
) -> Result<Verdict> {
    // Whose the record is now: it may have been joined with others or parted since.
    let Some(subject) = send_sql::subject_of(store.conn(), row.record)? else {
        return Ok(Verdict::Withhold(row, PERSON_GONE));
    };
    let (name, destination, rule) = at;
    let mut target = Target::of(store, rules, at, now);
    target.carrying_out = row.disclosure;
    let pages = rules.policy.pages.as_ref().filter(|_| destination.smtp().is_some());
    let channel = destination.channel.as_deref().and_then(|name| rules.channel_code(name));
    let form = |Outbound { record, others, fields }: Outbound, event: Option<OpenEvent>| {
        let listed = &destination.properties;
        let links = match pages {
            Some(pages) => {
                let key = record_key(store.conn(), record).map_err(No::Failed)?;
                link::links(store.secret(), &key, (pages, rule, channel), record, now)
            }
            None => Links::default(),
        };
        let message = Message {
            id: message_id(store.secret(), row.id, row.queued_at),
            act: row.act,
            at: now,
            person: person_at(store.secret(), name, record),
            fields: destination.fields.iter().cloned().zip(fields).collect(),
            event: event.map(|event| Told::of(&event.name, event.at, &event.bytes, listed)),
            purpose: rule.name.clone(),
            channel: destination.channel.clone().unwrap_or_default(),
            permitted: permitted(store, rules, (destination, channel), (subject, record), now)
                .map_err(No::Failed)?,
            links,
        };
        let parcel = parcel(destination, &message, secrets).map_err(No::Unsendable)?;
        Ok(Letter { row: row.id, record, others, parcel, minted: None })
    };
    Ok(match one(store, &target, subject, row.item, form)? {
        Ok(permit) => Verdict::Send(row, Box::new(permit)),
        Err(No::Withheld(reason)) => Verdict::Withhold(row, reason),
        Err(No::Failed(error)) => return Err(error),
        Err(No::Unsendable(Unsendable::SecretMissing)) => Verdict::Wait(row),
        Err(No::Unsendable(Unsendable::Unwritable)) => Verdict::GiveUp(row, UNWRITABLE),
        Err(No::Unsendable(Unsendable::NoWay)) => Verdict::Withhold(row, DESTINATION_GONE),
    })
}

/// What the gate says now of the other purposes that a destination is told of.
fn permitted(
    store: &Store,
    rules: &Rulebook,
    (destination, channel): (&Destination, Option<ChannelCode>),
    (subject, record): (i64, i64),
    now: Moment,
) -> Result<Vec<(String, bool)>> {
    let asked = destination.call().map(purposes_of).unwrap_or_default();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let home = home(store.conn(), record)?;
    let standing = History::load(store.conn(), subject)?.standing_of(home, AsOf::at(now));
    let is_open = |name: &String| {
        let rule = rules.purpose_code(name).and_then(|code| rules.rule(code));
        rule.is_some_and(|rule| {
            let channel = channel.filter(|channel| rule.channels.contains(channel));
            let question = Question { channel, ..Question::new(Direction::Out, now) };
            decide(rules, rule, question, &standing).is_ok()
        })
    };
    Ok(asked.into_iter().map(|name| (name.clone(), is_open(&name))).collect())
}

/// Looks whether a disclosure stands that a row takes back, which is all that it needs.
fn judge_recall(
    store: &Store,
    rules: &Rulebook,
    (name, destination, rule): (&str, &Destination, &PurposeRule),
    row: OutboxRow,
    secrets: Secrets<'_>,
    now: Moment,
) -> Result<Verdict> {
    let disclosed = Disclosed::look(store.conn(), row.disclosure, row.destination)?;
    let Some(disclosed) = disclosed else { return Ok(Verdict::Withhold(row, NOTHING_DISCLOSED)) };
    let purpose = send_sql::purpose_of(store.conn(), row.disclosure)?;
    let purpose = purpose.and_then(|code| rules.rule(u8::try_from(code).ok()?)).unwrap_or(rule);
    let held = recall::fields(store, row.id)?;
    // In the destination's order: the first names the person.
    let fields = destination
        .fields
        .iter()
        .filter_map(|field| held.iter().find(|(name, _)| name == field).cloned());
    let message = Message {
        id: message_id(store.secret(), row.id, row.queued_at),
        act: row.act,
        at: now,
        person: person_at(store.secret(), name, row.record),
        fields: fields.collect(),
        event: None,
        purpose: purpose.name.clone(),
        channel: destination.channel.clone().unwrap_or_default(),
        permitted: Vec::new(),
        links: Links::default(),
    };
    Ok(match parcel(destination, &message, secrets) {
        Ok(parcel) => {
            let letter = Letter {
                row: row.id,
                record: row.record,
                others: Vec::new(),
                parcel,
                minted: None,
            };
            Verdict::Send(row, Box::new(permit::recall(disclosed, letter, now)))
        }
        Err(Unsendable::SecretMissing) => Verdict::Wait(row),
        Err(Unsendable::Unwritable) => Verdict::GiveUp(row, UNWRITABLE),
        Err(Unsendable::NoWay) => Verdict::GiveUp(row, NO_WAY),
    })
}
