//! Decides on a mail by which a consent is to be confirmed, at the moment when it is due.

use crate::base::clock::{DAY_MS, Moment};
use crate::base::error::Result;
use crate::base::secret::Randomness;
use crate::consent::fold::AsOf;
use crate::consent::gate::{Pace, after};
use crate::consent::history::{History, shown_with};
use crate::consent::permit::{Asked, confirmation};
use crate::consent::sql as consent_sql;
use crate::policy::rulebook::{PurposeRule, Rulebook};
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
use super::sql::OutboxRow;
use super::status::UNWRITABLE;

/// As many mails went to the address today as may.
const TOO_MANY: &str = "confirmations_limit";

/// What was asked is held no more, or waits for no confirmation.
const NOTHING_ASKED: &str = "nothing_asked";

/// Asks for one row whether what was asked for still stands, and the gate whether its mail may go.
pub(super) fn judge(
    store: &Store,
    rules: &Rulebook,
    at: (&str, &Destination, &PurposeRule),
    queued: OutboxRow,
    (secrets, randomness): (Secrets<'_>, &mut dyn Randomness),
    now: Moment,
) -> Result<Verdict> {
    let (name, destination, rule) = at;
    let conn = store.conn();
    let withhold = |reason| Ok(Verdict::Withhold(queued, reason));
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
        person: person_at(store.secret(), name, record.id),
        fields: destination.fields.iter().cloned().zip(held.fields.iter().cloned()).collect(),
        event: None,
        purpose: rule.name.clone(),
        channel: destination.channel.clone().unwrap_or_default(),
        links: Links { confirm: Some(confirm), ..Links::default() },
    };
    let parcel = match parcel(destination, &message, secrets) {
        Ok(parcel) => parcel,
        Err(Unsendable::SecretMissing) => return Ok(Verdict::Wait(queued)),
        Err(Unsendable::Unwritable) => return Ok(Verdict::GiveUp(queued, UNWRITABLE)),
        Err(Unsendable::NoWay) => return withhold(DESTINATION_GONE),
    };
    let minted = Minted { print: opt_in::print_of(store.secret(), &token), until };
    let letter = Letter { row: queued.id, record: record.id, parcel, minted: Some(minted) };
    // Whoever asks is answered, however seldom they want to be written to.
    let sent = send_sql::sent_before(conn, subject, queued.disclosure)?;
    let sent = target.to_destination(&sent);
    let pace = Pace { limit: destination.at_most, to_destination: &sent, on_channel: &[] };
    let question = target.question_about(record, store.words(), pace);
    Ok(match confirmation(asked, rules, rule, question, &standing, letter) {
        Ok(permit) => Verdict::Send(queued, Box::new(permit)),
        Err(reason) => Verdict::Withhold(queued, reason.code()),
    })
}
