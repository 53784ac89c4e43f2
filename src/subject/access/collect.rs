//! Collects everything about one person from every record, with its reasons.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::AsOf;
use crate::consent::gate::holding;
use crate::consent::history::History;
use crate::consent::sql as consent_sql;
use crate::linking;
use crate::policy::currency::currency_of;
use crate::policy::rulebook::Rulebook;
use crate::profile::covered::covered;
use crate::profile::merge::{joined_or_parted, public_text};
use crate::profile::read::{
    OpenEvent, OpenRecord, is_erased, last_contact, open_events, open_records,
};
use crate::profile::recognise::key_fingerprint;
use crate::profile::record::unreadable;
use crate::profile::sql as profile_sql;
use crate::store::{Covering, Store, WordKind, person_gone};
use crate::subject::erase::Categories;
use crate::subject::hold::{self, Holds};
use crate::subject::kept;
use crate::subject::state;
use crate::subject::told::{self, Told};

use super::journal::Journal;
use super::reasons::{Item, KEY, Tally, profiling};
use super::recipients::recipients;
use super::{
    AccessPackage, ErasureRemains, EventNote, FingerprintNote, FoundBy, JoinedNote, LinkNote,
    Obtained, QuestionNote, RecordNote, RequestRow, ShownNotice, SummaryNote, TiesNote,
    UNTIL_LIFTED, ValueNote, sql,
};

/// Collects everything that is held about a subject, as of a moment.
///
/// # Errors
/// `person-gone` when no record is left; `row-unreadable` for a row that doesn't open.
pub fn collect(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    now: Moment,
) -> Result<AccessPackage> {
    let (conn, words) = (store.conn(), store.words());
    let records = open_records(conn, words, subject)?;
    if records.is_empty() {
        return Err(person_gone());
    }
    let history = History::load(conn, subject)?;
    let (categories, covering) = (Categories::of(rules), Covering::new(conn, rules));
    let mut tally = Tally::new(rules, words, last_contact(&records));
    let mut journal = Journal::default();
    let (mut values, mut events) = (Vec::new(), Vec::new());
    for record in &records {
        let standing = history.standing_of(record.home, AsOf::at(now));
        let holds = holding(rules, &standing, now);
        let claim = Holds::of(standing, words);
        let all = open_events(conn, words, record)?;
        let covered = covered(&covering, words, record, &all)?;
        for (value, covered) in record.values.iter().zip(covered.values) {
            let field = words.text(WordKind::Field, value.field).to_owned();
            let category = match (field.as_str(), categories.of_field(&record.source, &field)) {
                ("record.key", _) => KEY.to_owned(),
                // A field that the policy in force doesn't map any more.
                (_, category) if category == KEY => String::new(),
                (_, category) => category,
            };
            let batch = profile_sql::batch_of_value(conn, value.seq)?;
            journal.add(batch.n, "your data came in");
            let (at, purposes) = (value.observed_at, value.purposes);
            values.push(ValueNote {
                number: value.seq,
                field,
                value: value.text.clone(),
                current: value.current,
                observed_at: at.to_string(),
                held: super::Held {
                    held_for_a_claim: held_for_a_claim(rules, &claim, &category),
                    ..tally.take(Item::Value, &category, purposes, holds & covered, at, &batch)
                },
                category,
                source: record.source.clone(),
                record: record.id,
            });
        }
        for (event, covered) in all.into_iter().zip(covered.events) {
            let category = categories.of_event(&event.name);
            let batch = profile_sql::batch_of_event(conn, event.seq)?;
            journal.add(batch.n, "your data came in");
            let held = super::Held {
                held_for_a_claim: held_for_a_claim(rules, &claim, &category),
                ..tally.take(
                    Item::Event,
                    &category,
                    event.purposes,
                    holds & covered,
                    event.at,
                    &batch,
                )
            };
            events.push(event_note(rules, record, &event, category, held)?);
        }
    }
    values.sort_by(|a, b| (&a.field, !a.current, a.record).cmp(&(&b.field, !b.current, b.record)));
    events.sort_by(|a, b| (&b.at, b.record).cmp(&(&a.at, a.record)));

    let sent = recipients(store, rules, &records)?;
    for entry in &sent.entries {
        journal.add(*entry, "your data was sent to a recipient");
    }
    let requests = requests(store, &records, &mut journal)?;
    for entry in joined_or_parted(conn, subject)? {
        journal.add(entry, "your profile was joined with another, or parted from it");
    }
    for entry in sql::forgetting_entries(conn, subject)? {
        journal.add(entry, "something of yours was forgotten");
    }
    let id = public_text(profile_sql::public_id(conn, subject)?);
    let joined = joined(store, subject)?;
    let own_ids: Vec<String> =
        std::iter::once(&id).chain(joined.iter().map(|j| &j.subject)).cloned().collect();
    journal.add_payloads(store, &records, &own_ids)?;

    let spoken_of = history.statements.iter().map(|s| s.purpose).filter(|code| *code != 0);
    let sent_for = sent.purposes.iter().filter_map(|code| u8::try_from(*code).ok());
    let also: BTreeSet<u8> = spoken_of.chain(sent_for).collect();
    let (ties, links) = ties(store, &records)?;
    let found_by = found_by(store, &records)?;
    let statements = told::told(store, subject)?;
    let purposes = tally.purposes(&also, &history.standing(AsOf::at(now)), now);
    Ok(AccessPackage {
        schema: "candor.access/1",
        as_of: now.to_string(),
        origin: store.log().origin().to_owned(),
        ledger_size: store.log().size(),
        request: None,
        ties,
        links,
        questions: questions(store, &records)?,
        controller: rules.policy.controller.clone(),
        profiling: profiling(&purposes),
        purposes,
        categories: tally.categories(),
        recipients: sent.actual,
        recipients_without_data: sent.named_only,
        sources: records.iter().map(|record| record_note(rules, record)).collect(),
        transfers: sent.transfers,
        values,
        events,
        summaries: summaries(store, rules, &records),
        fingerprints: fingerprints(&found_by),
        found_by,
        consent_state: state::state(store, rules, subject, AsOf::at(now))?,
        notices_shown: notices_shown(store, &statements)?,
        statements,
        requests,
        journal: journal.notes(store)?,
        after_erasure: erasure_remains(store, subject, &records)?,
        completeness: None,
        subject: id,
        joined,
    })
}

/// The canonical bytes of an event, as far as they are not columns.
#[derive(Deserialize)]
struct EventBody {
    amount: Option<i64>,
    id: String,
    properties: Value,
}

/// Until when a legal hold keeps what is of a category.
fn held_for_a_claim(rules: &Rulebook, claim: &Holds<'_>, category: &str) -> Option<String> {
    let zone = rules.policy.controller.zone();
    let until = claim.until(category)?;
    Some(hold::last_day(until, zone).unwrap_or_else(|| UNTIL_LIFTED.to_owned()))
}

/// The currency of a record's events of a name.
fn currency(rules: &Rulebook, record: &OpenRecord, event: &str) -> Option<String> {
    currency_of(&rules.policy, &record.source, event).map(str::to_owned)
}

fn event_note(
    rules: &Rulebook,
    record: &OpenRecord,
    event: &OpenEvent,
    category: String,
    held: super::Held,
) -> Result<EventNote> {
    let body: EventBody = serde_json::from_slice(&event.bytes).map_err(|_| unreadable("event"))?;
    Ok(EventNote {
        number: event.seq,
        name: event.name.clone(),
        at: event.at.to_string(),
        id: body.id,
        amount: body.amount,
        currency: body.amount.and_then(|_| currency(rules, record, &event.name)),
        properties: body.properties,
        category,
        source: record.source.clone(),
        record: record.id,
        held,
    })
}

fn record_note(rules: &Rulebook, record: &OpenRecord) -> RecordNote {
    let source = rules.policy.sources.get(&record.source);
    RecordNote {
        record: record.id,
        source: record.source.clone(),
        title: source.map_or_else(|| record.source.clone(), |source| source.title.clone()),
        key: record.source_key.clone(),
        obtained: match source {
            Some(source) if source.indirect => Obtained::Indirectly,
            _ => Obtained::FromThePerson,
        },
    }
}

fn summaries(store: &Store, rules: &Rulebook, records: &[OpenRecord]) -> Vec<SummaryNote> {
    let mut all = Vec::new();
    for record in records {
        for rollup in record.rollups.iter().filter(|rollup| rollup.count > 0) {
            let event = store.words().text(WordKind::Event, rollup.name).to_owned();
            all.push(SummaryNote {
                currency: currency(rules, record, &event).filter(|_| rollup.sum != 0),
                event,
                source: record.source.clone(),
                record: record.id,
                count: rollup.count,
                sum: rollup.sum,
                first_at: Moment(rollup.first_at).to_string(),
                last_at: Moment(rollup.last_at).to_string(),
            });
        }
    }
    all
}

/// The profiles that were joined into this one, also by way of others.
fn joined(store: &Store, subject: i64) -> Result<Vec<JoinedNote>> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::from([subject]);
    let mut waiting = vec![subject];
    while let Some(into) = waiting.pop() {
        for merge in profile_sql::merges_into(store.conn(), into)? {
            if seen.insert(merge.from_subject) {
                waiting.push(merge.from_subject);
                all.push(JoinedNote {
                    subject: public_text(profile_sql::public_id(store.conn(), merge.from_subject)?),
                    at: Moment(merge.at).to_string(),
                    entry: merge.entry,
                });
            }
        }
    }
    all.sort_by_key(|note| note.entry);
    Ok(all)
}

/// Counts the other people whose profiles are tied to this one, and tells why the person's records are
/// held to be theirs.
fn ties(store: &Store, records: &[OpenRecord]) -> Result<(TiesNote, Vec<LinkNote>)> {
    let own: BTreeSet<i64> = records.iter().map(|record| record.id).collect();
    let (mut related, mut apart, mut likely) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut links: BTreeMap<i64, LinkNote> = BTreeMap::new();
    for record in records {
        for link in profile_sql::links_of(store.conn(), record.id)? {
            let other = if link.a == record.id { link.b } else { link.a };
            let found = match link.kind {
                profile_sql::LINK_RELATED => "related",
                profile_sql::LINK_CANNOT => "not the same person",
                _ => "same person",
            };
            let by = store.words().text(WordKind::Field, link.identifier);
            let by = match link.model {
                0 => by.strip_prefix("identifier.").unwrap_or_default().to_owned(),
                model => format!("likeness, by model {model}"),
            };
            links.entry(link.id).or_insert_with(|| LinkNote {
                record: record.id,
                with: own.contains(&other).then_some(other),
                found,
                by,
            });
            let to = match link.kind {
                profile_sql::LINK_RELATED if link.model != 0 => &mut likely,
                profile_sql::LINK_RELATED => &mut related,
                profile_sql::LINK_CANNOT => &mut apart,
                _ => continue,
            };
            if !own.contains(&other) {
                to.extend(crate::subject::sql::subject_of(store.conn(), other)?);
            }
        }
    }
    let ties = TiesNote {
        related: related.len() as u64,
        household: likely.len() as u64,
        kept_apart: apart.len() as u64,
    };
    Ok((ties, links.into_values().collect()))
}

/// Questions whether a record of the person and another are one person's: of the other nothing is told
/// but its number where it is the person's own too.
fn questions(store: &Store, records: &[OpenRecord]) -> Result<Vec<QuestionNote>> {
    let own: BTreeSet<i64> = records.iter().map(|record| record.id).collect();
    let mut notes: BTreeMap<i64, QuestionNote> = BTreeMap::new();
    for record in records {
        for asked in linking::review::asked_about(store, record.id)? {
            notes.entry(asked.question).or_insert(QuestionNote {
                question: asked.question,
                record: record.id,
                with: own.contains(&asked.other).then_some(asked.other),
                state: asked.state,
                asked: asked.entry,
                answered: asked.decided_entry,
            });
        }
    }
    Ok(notes.into_values().collect())
}

/// The notices that statements name, each once for each language, with their texts.
fn notices_shown(store: &Store, statements: &[Told]) -> Result<Vec<ShownNotice>> {
    let mut all: Vec<ShownNotice> = Vec::new();
    for told in statements.iter().filter(|told| !told.notice.is_empty()) {
        let known = all
            .iter_mut()
            .find(|shown| shown.notice == told.notice && shown.language == told.language);
        match known {
            Some(shown) if shown.at.contains(&told.at) => {}
            Some(shown) => shown.at.push(told.at.clone()),
            None => all.push(ShownNotice {
                notice: told.notice.clone(),
                language: told.language.clone(),
                texts: told::texts_shown(store, told)?,
                at: vec![told.at.clone()],
            }),
        }
    }
    Ok(all)
}

/// The identifiers by which the person is found.
fn found_by(store: &Store, records: &[OpenRecord]) -> Result<Vec<FoundBy>> {
    let mut all = Vec::new();
    for record in records {
        for (_, kind, value) in profile_sql::identifiers_of(store.conn(), record.id)? {
            let field = store.words().text(WordKind::Field, kind);
            all.push(FoundBy {
                kind: field.strip_prefix("identifier.").unwrap_or(field).to_owned(),
                record: record.id,
                value: (value > 0).then_some(value),
            });
        }
    }
    all.sort_by(|a, b| (a.record, &a.kind, a.value).cmp(&(b.record, &b.kind, b.value)));
    Ok(all)
}

/// Those of them of which no value is held, by record and kind.
fn fingerprints(found_by: &[FoundBy]) -> Vec<FingerprintNote> {
    let mut kinds: BTreeMap<(i64, &str), u64> = BTreeMap::new();
    for found in found_by.iter().filter(|found| found.value.is_none()) {
        *kinds.entry((found.record, &found.kind)).or_default() += 1;
    }
    let note = |((record, kind), count): ((i64, &str), u64)| FingerprintNote {
        kind: kind.to_owned(),
        record,
        count,
    };
    kinds.into_iter().map(note).collect()
}

fn requests(
    store: &Store,
    records: &[OpenRecord],
    journal: &mut Journal,
) -> Result<Vec<RequestRow>> {
    let mut all = Vec::new();
    for record in records {
        for row in sql::requests_of(store.conn(), record.id)? {
            journal.add(row.opened_entry, "your request came");
            let closed = row.closed_entry != 0;
            if closed {
                journal.add(row.closed_entry, "your request was closed");
            }
            all.push(RequestRow {
                id: row.id,
                kind: match row.kind {
                    2 => "access",
                    3 => "portability",
                    4 => "erasure",
                    _ => "other",
                },
                state: match row.state {
                    2 => "open",
                    3 => "fulfilled",
                    _ => "closed",
                },
                opened_at: Moment(row.opened_at).to_string(),
                due_on: row.due_on,
                closed_at: closed.then(|| Moment(row.closed_at).to_string()),
                opened_entry: row.opened_entry,
                closed_entry: closed.then_some(row.closed_entry),
            });
        }
    }
    all.sort_by_key(|request| request.id);
    Ok(all)
}

/// What an erasure leaves, and whether one has left anything of this person.
fn erasure_remains(store: &Store, subject: i64, records: &[OpenRecord]) -> Result<ErasureRemains> {
    let (conn, secret) = (store.conn(), store.secret());
    let mut since: Option<Moment> = None;
    let mut all = Vec::new();
    for record in records {
        let mut prints = vec![key_fingerprint(secret, &record.source, &record.source_key)];
        for value in &record.values {
            let field = store.words().text(WordKind::Field, value.field);
            if let Some(kind) = field.strip_prefix("identifier.") {
                prints.extend(kept::prints_of(store, kind, &value.text));
            }
        }
        for print in prints {
            let found = consent_sql::suppression(conn, &print)?;
            since = since.max(found.map(|(since, _)| since));
            all.push(print);
        }
    }
    let own = public_text(profile_sql::public_id(conn, subject)?);
    let kept_beside: Vec<String> =
        kept::kept_as(store, &all)?.into_iter().filter(|id| *id != own).collect();
    let erased = is_erased(conn, subject)?;
    let what = "What no law makes us keep, and no legal claim, is overwritten, what you said about \
                consent with it. What stays are keyed fingerprints of your identifiers, so that you are \
                not taken in again against your will, and nothing goes to an address that you share for what \
                you said no to, the dates of your requests, and ledger entries \
                that name nobody.";
    let sentence = if erased {
        format!(
            "You were erased; what this answer shows is what a law makes us keep, or what we may keep for a \
             legal claim. {what}"
        )
    } else {
        format!("If you are erased: {}{}", what[..1].to_lowercase(), &what[1..])
    };
    let sentence = match kept_beside.is_empty() {
        true => sentence,
        false => format!(
            "{sentence} You were erased before and have come back; what a law or a legal claim makes us \
             keep from before that is held apart, as {}, and an answer of its own tells of it.",
            kept_beside.join(", ")
        ),
    };
    let kept_out_since = since.map(|at| at.to_string());
    Ok(ErasureRemains { sentence, erased, kept_out_since, kept_beside })
}
