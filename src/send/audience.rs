//! Who may be reached for a destination, with what, and who may not and why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::consent::fold::{AsOf, Standing};
use crate::consent::gate::{Direction, Pace, Question, Reason};
use crate::consent::history::History;
use crate::consent::permit::{Permit, permit};
use crate::consent::retention::{Age, kept_until};
use crate::policy::rulebook::{ChannelCode, PurposeRule, Rulebook, bit};
use crate::policy::types::{Basis, Destination, UNVERIFIED};
use crate::profile::names::Name;
use crate::profile::read::{self, OpenEvent, OpenRecord, last_contact};
use crate::profile::recognise::identifier_blind;
use crate::profile::sharing::shared_no;
use crate::profile::sql as profile_sql;
use crate::segment::desk::Defined;
use crate::segment::{Person, Segment};
use crate::store::{Covering, Store, WordKind, Words};

use super::covered::covered_addresses;
use super::sql;

/// One person's row for a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// The record that supplied the first field: the address, where the destination takes one.
    pub record: i64,
    /// The others that supplied anything, in order.
    pub others: Vec<i64>,
    /// The fields, in the destination's order; empty where the person has none.
    pub fields: Vec<String>,
}

impl Outbound {
    /// Something of a record goes along.
    fn along(&mut self, record: i64) {
        if record != self.record
            && let Err(at) = self.others.binary_search(&record)
        {
            self.others.insert(at, record);
        }
    }
}

/// Who may be reached now, and how many may not.
#[derive(Debug, Default)]
pub struct Audience {
    /// Those who may be reached.
    pub permitted: Vec<Permit<Outbound>>,
    /// Those who may not, by reason.
    pub withheld: BTreeMap<&'static str, u64>,
}

/// The reason for people who may be reached and have none of the destination's fields.
const NOTHING_TO_SEND: &str = "nothing_to_send";

/// The reason for events that are forgotten, or of a record that the gate keeps closed.
const EVENT_GONE: &str = "event_gone";

/// The reason for people who consented, and of whom the only addresses came by another's record.
pub(super) const ADDRESS_NOT_COVERED: &str = "address_not_covered";

/// The destination and its rule.
///
/// # Errors
/// `destination-unknown`.
pub(super) fn destination<'r>(
    rules: &'r Rulebook,
    name: &str,
) -> Result<(&'r Destination, &'r PurposeRule)> {
    let found = rules.policy.destinations.get(name).and_then(|destination| {
        let code = rules.purpose_code(&destination.purpose)?;
        Some((destination, rules.rule(code)?))
    });
    found.ok_or_else(|| {
        let known: Vec<&str> = rules.policy.destinations.keys().map(String::as_str).collect();
        Error::usage("destination-unknown", format!("the policy declares no destination {name}"))
            .next(format!("use one of {}", known.join(", ")))
    })
}

/// The reason for people who may be reached, and whom the audience's rules don't choose.
pub(super) const NOT_IN_AUDIENCE: &str = "not_in_audience";

/// Where something goes, and to whom of all who may be reached.
#[derive(Clone, Copy, Debug)]
pub struct Aim<'a> {
    /// The destination, as the policy names it.
    pub destination: &'a str,
    /// The audience; everybody where there is none.
    pub audience: Option<&'a Defined>,
}

impl<'a> From<&'a str> for Aim<'a> {
    fn from(destination: &'a str) -> Aim<'a> {
        Aim { destination, audience: None }
    }
}

impl<'a> From<&'a String> for Aim<'a> {
    fn from(destination: &'a String) -> Aim<'a> {
        Aim::from(destination.as_str())
    }
}

/// The rules of an audience that is sent to a destination: for the same purpose, on the same channel.
fn segment_for(
    rules: &Rulebook,
    aim: Aim<'_>,
    (destination, rule): (&Destination, &PurposeRule),
) -> Result<Option<Segment>> {
    let Some(defined) = aim.audience else { return Ok(None) };
    let segment = Segment::read(&defined.text, rules)?;
    let channel = destination.channel.as_deref().and_then(|name| rules.channel_code(name));
    if segment.purpose == rule.code && segment.channel == channel {
        return Ok(Some(segment));
    }
    let what =
        format!("{} is for another purpose or channel than {}", defined.name, aim.destination);
    Err(Error::usage("audience-of-another-purpose", what)
        .next("who is chosen for one purpose isn't written to for another: define one for it (Art 5(1)(b))"))
}

/// Asks the gate for everybody, and an audience's rules for those whom it opens.
///
/// # Errors
/// `destination-unknown`, `audience-rules-wrong`, `audience-of-another-purpose`, and those of reading.
pub fn audience<'a>(
    store: &Store,
    rules: &Rulebook,
    aim: impl Into<Aim<'a>>,
    now: Moment,
) -> Result<Audience> {
    let aim = aim.into();
    let name = aim.destination;
    let (destination, rule) = destination(rules, name)?;
    let segment = segment_for(rules, aim, (destination, rule))?;
    let mut target = Target::of(store, rules, (name, destination, rule), now);
    target.segment = segment.as_ref();
    let mut audience = Audience::default();
    for subject in profile_sql::live_subjects(store.conn())? {
        match one(store, &target, subject, 0, |row, _| Ok(row))? {
            Ok(permit) => audience.permitted.push(permit),
            Err(reason) => *audience.withheld.entry(reason).or_default() += 1,
        }
    }
    Ok(audience)
}

/// What is to be sent where, for what.
pub(super) struct Target<'r> {
    rules: &'r Rulebook,
    rule: &'r PurposeRule,
    destination: &'r Destination,
    code: i64,
    channel: Option<ChannelCode>,
    now: Moment,
    /// The disclosure that is being carried out: it stands on record already, and isn't one that went
    /// before. 0 for none.
    pub(super) carrying_out: i64,
    /// Whether it asks its reader to confirm, and so goes to an address that nobody has verified yet.
    pub(super) asks_to_confirm: bool,
    /// Whom of those who may be reached.
    segment: Option<&'r Segment>,
}

impl<'r> Target<'r> {
    /// A destination, by its name, and its rule.
    pub(super) fn of(
        store: &Store,
        rules: &'r Rulebook,
        (name, destination, rule): (&str, &'r Destination, &'r PurposeRule),
        now: Moment,
    ) -> Target<'r> {
        let code = store.words().code(WordKind::Destination, name).unwrap_or(0);
        let channel = destination.channel.as_deref();
        let channel = channel.and_then(|channel| rules.channel_code(channel));
        Target {
            rules,
            rule,
            destination,
            code,
            channel,
            now,
            carrying_out: 0,
            asks_to_confirm: false,
            segment: None,
        }
    }
}

/// When a person's data went out before.
struct Sent {
    to_destination: Vec<Moment>,
    on_channel: Vec<Moment>,
}

impl Sent {
    fn before(store: &Store, target: &Target<'_>, subject: i64) -> Result<Sent> {
        let on_channel = |code: i64| {
            let name = store.words().text(WordKind::Destination, code);
            let destination = target.rules.policy.destinations.get(name);
            let channel = destination.and_then(|d| d.channel.as_deref());
            channel.and_then(|channel| target.rules.channel_code(channel)) == target.channel
        };
        let sent = sql::sent_before(store.conn(), subject, target.carrying_out)?;
        let moments = |keep: &dyn Fn(i64) -> bool| {
            sent.iter().filter(|(code, _)| keep(*code)).map(|(_, at)| *at).collect()
        };
        Ok(Sent { to_destination: target.to_destination(&sent), on_channel: moments(&on_channel) })
    }
}

impl Target<'_> {
    fn question<'a>(&self, record: &OpenRecord, words: &Words, sent: &'a Sent) -> Question<'a> {
        let pace = Pace {
            limit: self.destination.at_most,
            to_destination: &sent.to_destination,
            on_channel: &sent.on_channel,
        };
        self.question_about(record, words, pace)
    }

    /// What is asked of the gate about a record, where so much went before.
    pub(super) fn question_about<'a>(
        &self,
        record: &OpenRecord,
        words: &Words,
        pace: Pace<'a>,
    ) -> Question<'a> {
        Question {
            channel: self.channel,
            indirect: indirect_source(self.rules, words, &record.source),
            pace,
            ..Question::new(Direction::Out, self.now)
        }
    }

    /// When something went to this destination, of all that went.
    pub(super) fn to_destination(&self, sent: &[(i64, Moment)]) -> Vec<Moment> {
        sent.iter().filter(|(code, _)| *code == self.code).map(|(_, at)| *at).collect()
    }
}

/// The code of a source, if its data isn't obtained from the person.
pub fn indirect_source(rules: &Rulebook, words: &Words, source: &str) -> Option<u16> {
    let indirect = rules.policy.sources.get(source).is_some_and(|source| source.indirect);
    words.code(WordKind::Source, source).filter(|_| indirect)?.try_into().ok()
}

/// Asks the gate for one person: for each record, and for the row that they make; and for one of their
/// events, where a number is given. `form` gives what may go the form in which it goes out, or says why it
/// can't.
pub(super) fn one<T, No: From<&'static str>>(
    store: &Store,
    target: &Target<'_>,
    subject: i64,
    event: i64,
    form: impl FnOnce(Outbound, Option<OpenEvent>) -> std::result::Result<T, No>,
) -> Result<std::result::Result<Permit<T>, No>> {
    let Target { rules, rule, now, .. } = *target;
    let history = History::load(store.conn(), subject)?;
    let records = read::open_records(store.conn(), store.words(), subject)?;
    let sent = Sent::before(store, target, subject)?;
    let mut standings: HashMap<i64, Standing> = HashMap::new();
    let mut no = Reason::ConsentUnknown;
    let mut open: Vec<&OpenRecord> = Vec::new();
    for record in &records {
        let standing = standings
            .entry(record.home)
            .or_insert_with(|| history.standing_of(record.home, AsOf::at(now)));
        let question = target.question(record, store.words(), &sent);
        match permit(rules, rule, question, standing, ()) {
            Ok(_) => open.push(record),
            Err(reason) => no = reason,
        }
    }
    if open.is_empty() {
        return Ok(Err(no.code().into()));
    }
    if let Some(segment) = target.segment {
        let with_events = segment.looks_at_events();
        let whom: (i64, &[&OpenRecord], Moment) = (subject, &open, last_contact(&records));
        let person = Person::read(store, (rules, rule), whom, with_events, now)?;
        if !segment.holds(rules, &person, now) {
            return Ok(Err(NOT_IN_AUDIENCE.into()));
        }
    }
    let covered = match rule.purpose.basis {
        Basis::Consent => {
            let kind = target.destination.fields.first();
            let codes = kind.map(|kind| field_codes(store.words(), kind)).unwrap_or_default();
            let asked = (rule, target.channel);
            Some(covered_addresses(store.conn(), asked, &codes, &open, &standings)?)
        }
        _ => None,
    };
    let mut row = match row(store, target, &open, covered.as_ref(), last_contact(&records))? {
        Ok(row) => row,
        Err(reason) => return Ok(Err(reason.into())),
    };
    let record = open.iter().find(|record| record.id == row.record).expect("its address is in it");
    // Somebody else who holds the same address and said no: what is sent there would reach them too.
    if let (Some(kind), Some(address)) = (target.destination.fields.first(), row.fields.first()) {
        let field = store.words().code(WordKind::Field, &format!("identifier.{kind}"));
        let blind = identifier_blind(store.secret(), kind, address);
        let whose = (subject, Name { blind, kind: field.unwrap_or(0) });
        if shared_no(store, (rule, target.channel), whose, now)? {
            return Ok(Err(Reason::SharedNo.code().into()));
        }
    }
    let question = target.question(record, store.words(), &sent);
    let told = match event {
        0 => None,
        event => match open_event(store, target, &open, event, last_contact(&records))? {
            Ok(told) => {
                row.along(told.record);
                Some(told)
            }
            Err(reason) => return Ok(Err(reason.into())),
        },
    };
    let row = match form(row, told) {
        Ok(row) => row,
        Err(no) => return Ok(Err(no)),
    };
    let asked = permit(rules, rule, question, &standings[&record.home], row);
    Ok(asked.map_err(|reason| reason.code().into()))
}

/// The destination's fields of a person, from the records that the gate opened: only values that
/// came in for this very purpose, which still covers them, and whose time isn't over. Without the first
/// field, the address, there is nothing to send.
pub(super) fn row(
    store: &Store,
    target: &Target<'_>,
    open: &[&OpenRecord],
    covered: Option<&BTreeSet<&str>>,
    last_contact: Moment,
) -> Result<std::result::Result<Outbound, &'static str>> {
    let covering = Covering::new(store.conn(), target.rules);
    let mut row = Outbound { record: 0, others: Vec::new(), fields: Vec::new() };
    for (index, name) in target.destination.fields.iter().enumerate() {
        let mut codes = field_codes(store.words(), name);
        if target.asks_to_confirm {
            let claimed = format!("identifier.{UNVERIFIED}{name}");
            codes.extend(store.words().code(WordKind::Field, &claimed));
        }
        let mut none = NOTHING_TO_SEND;
        let mut held = Vec::new();
        for (record, value) in open
            .iter()
            .flat_map(|record| record.values.iter().map(move |value| (*record, value)))
            .filter(|(_, value)| value.current && codes.contains(&value.field))
            .filter(|(_, value)| value.purposes & bit(target.rule.code) != 0)
        {
            let field = store.words().text(WordKind::Field, value.field);
            match covering.field(&record.source, field)? & bit(target.rule.code) {
                0 => none = Reason::CategoryNotCovered.code(),
                _ => held.push((record, value)),
            }
        }
        let newest = held
            .into_iter()
            .filter(|(_, value)| {
                let age = Age { observed_at: value.observed_at, last_contact };
                if index == 0 && covered.is_some_and(|all| !all.contains(&*value.text)) {
                    none = ADDRESS_NOT_COVERED;
                    false
                } else if kept_until(target.rule, age) <= target.now {
                    none = Reason::RetentionOver.code();
                    false
                } else {
                    true
                }
            })
            .max_by(|(a, x), (b, y)| {
                let rank = |record: &OpenRecord| {
                    let priority = &target.rules.policy.profile.priority;
                    priority.iter().position(|p| *p == record.source).unwrap_or(priority.len())
                };
                x.observed_at.cmp(&y.observed_at).then(rank(b).cmp(&rank(a))).then(b.id.cmp(&a.id))
            });
        if index == 0 {
            let found = newest.filter(|(_, value)| !value.text.is_empty());
            let Some((record, _)) = found else { return Ok(Err(none)) };
            row.record = record.id;
        }
        if let Some((record, _)) = newest {
            row.along(record.id);
        }
        row.fields.push(newest.map(|(_, value)| value.text.clone()).unwrap_or_default());
    }
    Ok(if row.fields.is_empty() { Err(NOTHING_TO_SEND) } else { Ok(row) })
}

/// An event, from the records that the gate opened: it came in for this very purpose, and its time isn't
/// over.
fn open_event(
    store: &Store,
    target: &Target<'_>,
    open: &[&OpenRecord],
    event: i64,
    last_contact: Moment,
) -> Result<std::result::Result<OpenEvent, &'static str>> {
    for record in open {
        let Some(found) = read::open_event(store.conn(), store.words(), record, event)? else {
            continue;
        };
        let age = Age { observed_at: found.at, last_contact };
        if found.purposes & bit(target.rule.code) == 0 {
            return Ok(Err(NOTHING_TO_SEND));
        }
        if kept_until(target.rule, age) <= target.now {
            return Ok(Err(Reason::RetentionOver.code()));
        }
        return Ok(Ok(found));
    }
    Ok(Err(EVENT_GONE))
}

pub(super) fn field_codes(words: &Words, name: &str) -> Vec<i64> {
    [format!("identifier.{name}"), format!("attribute.{name}")]
        .iter()
        .filter_map(|text| words.code(WordKind::Field, text))
        .collect()
}
