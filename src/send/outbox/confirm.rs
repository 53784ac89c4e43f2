//! Decides on a mail by which a consent is to be confirmed, at the moment when it is due; and tells beforehand
//! whether it would go, so that nobody is promised a mail that never comes.

use crate::base::clock::{DAY_MS, Moment};
use crate::base::error::Result;
use crate::base::secret::Randomness;
use crate::consent::fold::AsOf;
use crate::consent::gate::{Pace, after};
use crate::consent::history::{History, shown_with};
use crate::consent::permit::{Asked, Permit, confirmation};
use crate::consent::sql as consent_sql;
use crate::policy::mail::Pages;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeRule, Rulebook};
use crate::policy::types::{Destination, UNVERIFIED};
use crate::profile::read::{last_contact, open_records};
use crate::profile::recognise::identifier_blind;
use crate::send::audience::{Target, row};
use crate::send::http::{Letter, Minted};
use crate::send::message::{Confirm, Links, Message, message_id, person_at};
use crate::send::opt_in::{self, MAILS_A_DAY};
use crate::send::request::{Secrets, Unsendable, parcel};
use crate::send::sql as send_sql;
use crate::store::{Store, notice_texts};

use super::judge::{DESTINATION_GONE, PERSON_GONE, Verdict};
use super::sql::{self, OutboxRow};
use super::status::UNWRITABLE;

/// As many mails went to the address today as may.
const TOO_MANY: &str = "confirmations_limit";

/// What was asked is held no more, or waits for no confirmation.
const NOTHING_ASKED: &str = "nothing_asked";

/// Whom a mail asks, and for what.
struct Asks<'a> {
    record: i64,
    fields: Vec<String>,
    wanted: &'a PurposeRule,
    pages: &'a Pages,
}

/// Why no mail asks.
enum No {
    Withheld(&'static str),
    Unsendable(Unsendable),
}

/// Asks for one row whether what was asked for still stands, and the gate whether its mail may go, which
/// `form` makes.
fn one<'a, T>(
    store: &Store,
    rules: &'a Rulebook,
    at: (&str, &Destination, &PurposeRule),
    queued: &OutboxRow,
    now: Moment,
    form: impl FnOnce(&Asks<'a>) -> Result<std::result::Result<T, Unsendable>>,
) -> Result<std::result::Result<Permit<T>, No>> {
    let (name, destination, rule) = at;
    let conn = store.conn();
    let withhold = |reason| Ok(Err(No::Withheld(reason)));
    let Some(subject) = send_sql::subject_of(conn, queued.record)? else {
        return withhold(PERSON_GONE);
    };
    let Some(said) = consent_sql::statement(conn, queued.item)? else {
        return withhold(NOTHING_ASKED);
    };
    // Long after its time somebody may replay it: nobody expects that mail any more.
    if !opt_in::sql::is_held(conn, queued.item)? {
        return withhold(NOTHING_ASKED);
    }
    let wanted = rules.rule(said.purpose);
    let wanted = wanted.and_then(|of| Some((of, rules.policy.confirming(&of.purpose)?)));
    let Some((wanted, (pages, ..))) = wanted.filter(|(_, (_, confirms, _))| *confirms == name)
    else {
        return withhold(DESTINATION_GONE);
    };
    let records = open_records(conn, store.words(), subject)?;
    let Some(record) = records.iter().find(|record| record.id == queued.record) else {
        return withhold(PERSON_GONE);
    };
    let standing = History::load(conn, subject)?.standing_of(record.home, AsOf::at(now));
    let asked = match Asked::look(wanted, said.channel, &standing, now) {
        Ok(asked) => asked,
        Err(reason) => return withhold(reason.code()),
    };
    let mut target = Target::of(store, rules, at, now);
    target.carrying_out = queued.disclosure;
    target.asks_to_confirm = true;
    // To the address of the form that asked, and to no other one of the person.
    let held = row(store, &target, &[record], None, last_contact(&records))?;
    let held = match held {
        Ok(held) => held,
        Err(reason) => return withhold(reason),
    };
    let (kind, address) = (&destination.fields[0], &held.fields[0]);
    // However often, and by whomever, the address was given: also where nobody verified it.
    let claimed = format!("{UNVERIFIED}{kind}");
    let blinds = [kind, &claimed].map(|kind| identifier_blind(store.secret(), kind, address));
    let since = Moment(now.0 - DAY_MS);
    let before = opt_in::sql::mailed_since(conn, blinds, since, queued.item)?;
    if usize::try_from(before).unwrap_or(usize::MAX) >= MAILS_A_DAY {
        return withhold(TOO_MANY);
    }
    let asks = Asks { record: record.id, fields: held.fields, wanted, pages };
    let letter = match form(&asks)? {
        Ok(letter) => letter,
        Err(unsendable) => return Ok(Err(No::Unsendable(unsendable))),
    };
    // Whoever asks is answered, however seldom they want to be written to.
    let sent = send_sql::sent_before(conn, subject, queued.disclosure)?;
    let sent = target.to_destination(&sent);
    let pace = Pace { limit: destination.at_most, to_destination: &sent, on_channel: &[] };
    let question = target.question_about(record, store.words(), pace);
    let permit = confirmation(asked, rules, rule, question, &standing, letter);
    Ok(permit.map_err(|reason| No::Withheld(reason.code())))
}

/// Decides on one row.
pub(super) fn judge(
    store: &Store,
    rules: &Rulebook,
    at: (&str, &Destination, &PurposeRule),
    queued: OutboxRow,
    (secrets, randomness): (Secrets<'_>, &mut dyn Randomness),
    now: Moment,
) -> Result<Verdict> {
    let with = (secrets, randomness);
    let judged = one(store, rules, at, &queued, now, |asks| {
        letter(store, rules, at, (&queued, asks), with, now)
    })?;
    Ok(match judged {
        Ok(permit) => Verdict::Send(queued, Box::new(permit)),
        Err(No::Withheld(reason)) => Verdict::Withhold(queued, reason),
        Err(No::Unsendable(Unsendable::SecretMissing)) => Verdict::Wait(queued),
        Err(No::Unsendable(Unsendable::Unwritable)) => Verdict::GiveUp(queued, UNWRITABLE),
        Err(No::Unsendable(Unsendable::NoWay)) => Verdict::Withhold(queued, DESTINATION_GONE),
    })
}

/// Whether a person gets a mail, or got it just now, by which they confirm what they asked for.
///
/// # Errors
/// Those of reading.
pub fn asks_to_confirm(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    (purpose, channel): (PurposeCode, ChannelCode),
    now: Moment,
) -> Result<bool> {
    let Some((_, name, destination)) =
        rules.rule(purpose).and_then(|rule| rules.policy.confirming(&rule.purpose))
    else {
        return Ok(false);
    };
    let Some(rule) = rules.purpose_code(&destination.purpose).and_then(|code| rules.rule(code))
    else {
        return Ok(false);
    };
    let asked = opt_in::sql::newest_of(store.conn(), subject, (purpose, channel))?;
    let Some((statement, mailed_at)) = asked else { return Ok(false) };
    let Some(queued) = sql::confirms(store.conn(), statement)? else {
        return Ok(mailed_at >= now);
    };
    Ok(one(store, rules, (name, destination, rule), &queued, now, |_| Ok(Ok(())))?.is_ok())
}

/// The mail, with a link that it alone bears.
fn letter(
    store: &Store,
    rules: &Rulebook,
    (name, destination, rule): (&str, &Destination, &PurposeRule),
    (queued, asks): (&OutboxRow, &Asks<'_>),
    (secrets, randomness): (Secrets<'_>, &mut dyn Randomness),
    now: Moment,
) -> Result<std::result::Result<Letter, Unsendable>> {
    let (conn, Asks { record, fields, wanted, pages }) = (store.conn(), asks);
    let shown = shown_with(conn, queued.item)?;
    let texts = match &shown.notice {
        Some((notice, version)) => notice_texts(conn, notice, *version)?,
        None => Vec::new(),
    };
    let text = texts.iter().find(|(language, _)| shown.language.as_ref() == Some(language));
    let text = text.or(texts.first()).map(|(_, text)| text.clone());
    let (token, until) = (opt_in::new_token(randomness), after(now, pages.confirm_within));
    let zone = rules.policy.controller.zone();
    let confirm = Confirm {
        link: format!("{}/confirm/{token}", pages.url),
        title: wanted.purpose.title.clone(),
        notice: text.unwrap_or_default(),
        until: until.utc().with_timezone(&zone).date_naive().to_string(),
    };
    let message = Message {
        id: message_id(store.secret(), queued.id, queued.queued_at),
        act: queued.act,
        at: now,
        person: person_at(store.secret(), name, *record),
        fields: destination.fields.iter().cloned().zip(fields.iter().cloned()).collect(),
        event: None,
        purpose: rule.name.clone(),
        channel: destination.channel.clone().unwrap_or_default(),
        permitted: Vec::new(),
        links: Links { confirm: Some(confirm), ..Links::default() },
    };
    let minted = Minted { print: opt_in::print_of(store.secret(), &token), until };
    let parcel = parcel(destination, &message, secrets);
    Ok(parcel.map(|parcel| Letter {
        row: queued.id,
        record: *record,
        others: Vec::new(),
        parcel,
        minted: Some(minted),
    }))
}
