//! Erases a person (Art 17): decides what the law makes the controller keep, forgets all else, keeps
//! the person out, and proves by looking at the raw files that nothing is left.
//!
//! The order matters. What will be forgotten is noted first (as patterns to look for, in memory
//! only), then one transaction forgets it and writes the entry that says so, then the write-ahead
//! log is emptied, then the files are read byte by byte. Only then is it called done.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::{RecordKey, Sealed, apply_seal};
use crate::consent::fold::AsOf;
use crate::consent::history::History;
use crate::consent::retention::{Age, kept_until};
use crate::consent::sql as consent_sql;
use crate::ledger::commit::{self, ItemKind, disclosure_commitment, item_salt};
use crate::linking::index;
use crate::policy::rulebook::{PurposeMask, Rulebook, bit, codes};
use crate::profile::covered::covered;
use crate::profile::merge::{self, public_text};
use crate::profile::pack::Unpacker;
use crate::profile::read::{
    OpenEvent, OpenRecord, is_erased, last_contact, open_events, open_records,
};
use crate::profile::recognise::{
    blind_fingerprint, holder_fingerprint, holder_traits, identifier_fingerprint, key_fingerprint,
    no_fingerprint, traits_of,
};
use crate::profile::sharing::noes;
use crate::profile::sql as profile_sql;
use crate::send::outbox::sql as outbox_sql;
use crate::send::recall;
use crate::store::{Covering, ErasureNote, Store, WordKind, Writer, hex, in_force, last_declared};

use super::certificate::{Certificate, Told, certify};
use super::finish::{ERASED, finish, seek};
use super::forget::{self, forget_event, forget_value, number};
use super::gone::prove_gone;
use super::hold::{self, Claim, Holds};
use super::request::{take_up, waiting};
use super::scan::{Pattern, ScanReport};
use super::sql::{self, RequestKind};

/// What an erasure does with one category of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryDecision {
    /// The category.
    pub category: String,
    /// Values and events erased.
    pub erased: u64,
    /// Values and events kept.
    pub kept: u64,
    /// The Art 17(3) ground, where anything is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ground: Option<String>,
    /// The purpose and its law, where anything is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Until when the last of it is kept; absent where a hold has to be lifted first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl CategoryDecision {
    /// Until when the last of it is kept, in words; empty where nothing is.
    pub fn until_words(&self) -> &str {
        match self.until.as_deref() {
            None if self.kept > 0 => "the hold is lifted",
            until => until.unwrap_or_default(),
        }
    }
}

/// A recipient who has to be told (Art 19).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientToTell {
    /// Its name.
    pub recipient: String,
    /// How many times it was sent something.
    pub disclosures: u64,
    /// Whether it is told by candor itself: a message waits until it is taken. Else tell it by hand.
    #[serde(default)]
    pub told_by_message: bool,
}

/// What an erasure would do, or did.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// By category.
    pub categories: Vec<CategoryDecision>,
    /// Consent statements and other ledger payloads that are erased.
    pub payloads: u64,
    /// Records of sources.
    pub records: u64,
    /// Recipients who must be told.
    pub recipients: Vec<RecipientToTell>,
}

/// One thing that is held, with what becomes of it.
struct Fate {
    category: String,
    /// The purposes that keep it.
    kept: PurposeMask,
    until: Moment,
    /// Until when a legal hold keeps it, where one does.
    held: Option<Moment>,
    /// All purposes that it came in for.
    purposes: PurposeMask,
}

impl Fate {
    /// The purposes under which it stays: those that keep it, or, where a hold alone does, those that
    /// it came in for, none of which the hold lets use it. None of what goes.
    fn stays(&self) -> PurposeMask {
        match (self.kept, self.held) {
            (0, Some(_)) => self.purposes,
            (kept, _) => kept,
        }
    }
}

/// Decides what becomes of everything that is held about a subject.
struct Decisions {
    values: BTreeMap<i64, Fate>,
    events: BTreeMap<i64, Fate>,
}

/// What is held about a subject, and what becomes of it.
struct Held {
    records: Vec<OpenRecord>,
    events: Vec<OpenEvent>,
    decisions: Decisions,
    plan: Plan,
    /// What is left for a legal claim.
    claim: Claim,
}

impl Held {
    /// Looks at the records of a subject; `journalled` are the categories that an erasure which is repeated
    /// left for a legal claim when it was first done. All reads must see one state of the store.
    fn read(
        store: &Store,
        rules: &Rulebook,
        subject: i64,
        now: Moment,
        journalled: Option<&[u16]>,
    ) -> Result<Held> {
        let records = open_records(store.conn(), store.words(), subject)?;
        let events = all_events(store, &records)?;
        let claim = Claim::read(store, subject, journalled, now)?;
        let holds = Holds::of(claim.standing.clone(), store.words());
        let decisions = decide(store, rules, &records, &events, &holds, now)?;
        let plan = make_plan(store, rules, &records, &decisions)?;
        Ok(Held { records, events, decisions, plan, claim })
    }
}

/// What an erasure of a subject would do.
pub fn plan(store: &Store, rules: &Rulebook, subject: i64, now: Moment) -> Result<Plan> {
    let _one_state = sql::snapshot(store.conn())?;
    Ok(Held::read(store, rules, subject, now, None)?.plan)
}

fn all_events(store: &Store, records: &[OpenRecord]) -> Result<Vec<OpenEvent>> {
    let mut events = Vec::new();
    for record in records {
        events.extend(open_events(store.conn(), store.words(), record)?);
    }
    Ok(events)
}

/// The purposes of a set that keep their data through an erasure, while their retention lasts.
fn keepers(
    rules: &Rulebook,
    purposes: PurposeMask,
    observed_at: Moment,
    contact: Moment,
    now: Moment,
) -> (PurposeMask, Moment) {
    let mut kept = (0, Moment(0));
    for rule in codes(purposes).filter_map(|code| rules.rule(code)) {
        let until = kept_until(rule, Age { observed_at, last_contact: contact });
        if rule.purpose.keeps_on_erasure.is_some() && until > now {
            kept = (kept.0 | bit(rule.code), kept.1.max(until));
        }
    }
    kept
}

fn decide(
    store: &Store,
    rules: &Rulebook,
    records: &[OpenRecord],
    events: &[OpenEvent],
    holds: &Holds<'_>,
    now: Moment,
) -> Result<Decisions> {
    let contact = last_contact(records);
    let categories = Categories::of(rules);
    let covering = Covering::new(store.conn(), rules);
    let mut decisions = Decisions { values: BTreeMap::new(), events: BTreeMap::new() };
    let mut rest = events;
    for record in records {
        // The events stand in the order of their records.
        let mine = rest.iter().take_while(|event| event.record == record.id).count();
        let (mine, others) = rest.split_at(mine);
        rest = others;
        let covered = covered(&covering, store.words(), record, mine)?;
        for (value, covered) in record.values.iter().zip(covered.values) {
            let field = store.words().text(WordKind::Field, value.field);
            let (kept, until) = keepers(rules, covered, value.observed_at, contact, now);
            let category = categories.of_field(&record.source, field);
            let (held, purposes) = (holds.until(&category), value.purposes);
            decisions.values.insert(value.seq, Fate { category, kept, until, held, purposes });
        }
        for (event, covered) in mine.iter().zip(covered.events) {
            let (kept, until) = keepers(rules, covered, event.at, contact, now);
            let category = categories.of_event(&event.name);
            let (held, purposes) = (holds.until(&category), event.purposes);
            decisions.events.insert(event.seq, Fate { category, kept, until, held, purposes });
        }
    }
    Ok(decisions)
}

/// The categories under which the policy maps fields and events.
pub struct Categories {
    fields: BTreeMap<(String, String), String>,
    events: BTreeMap<String, String>,
}

impl Categories {
    /// Reads them out of a policy.
    pub fn of(rules: &Rulebook) -> Categories {
        let mut fields = BTreeMap::new();
        let mut events = BTreeMap::new();
        for (name, source) in &rules.policy.sources {
            for field in &source.fields {
                for text in field.target.stored() {
                    fields.insert((name.clone(), text), field.category.clone());
                }
            }
            for event in &source.events {
                events.insert(event.name.clone(), event.category.clone());
            }
        }
        Categories { fields, events }
    }

    /// The category of a source's field; a source's own key is `key`.
    pub fn of_field(&self, source: &str, field: &str) -> String {
        self.fields
            .get(&(source.to_owned(), field.to_owned()))
            .cloned()
            .unwrap_or_else(|| "key".to_owned())
    }

    /// The category of an event.
    pub fn of_event(&self, name: &str) -> String {
        self.events.get(name).cloned().unwrap_or_default()
    }
}

fn make_plan(
    store: &Store,
    rules: &Rulebook,
    records: &[OpenRecord],
    decisions: &Decisions,
) -> Result<Plan> {
    let mut categories: BTreeMap<String, (u64, u64, PurposeMask, Moment, bool)> = BTreeMap::new();
    for fate in decisions.values.values().chain(decisions.events.values()) {
        let row = categories.entry(fate.category.clone()).or_default();
        match fate.stays() {
            0 => row.0 += 1,
            _ => {
                row.1 += 1;
                row.2 |= fate.kept;
                row.3 = row.3.max(fate.until).max(fate.held.unwrap_or_default());
                row.4 |= fate.held.is_some();
            }
        }
    }
    let mut disclosures = Vec::new();
    let mut payloads = 0;
    for record in records {
        payloads += sql::payloads_of(store.conn(), record.id)?.len() as u64;
        disclosures.extend(sql::disclosures_of(store.conn(), record.id)?);
    }
    let names = |mask: PurposeMask,
                 held: Option<&str>,
                 what: fn(&crate::policy::types::Purpose) -> Option<String>| {
        let mut all: BTreeSet<String> =
            codes(mask).filter_map(|c| rules.rule(c)).filter_map(|r| what(&r.purpose)).collect();
        all.extend(held.map(str::to_owned));
        (!all.is_empty()).then(|| all.into_iter().collect::<Vec<_>>().join("; "))
    };
    Ok(Plan {
        categories: categories
            .into_iter()
            .map(|(category, (erased, kept, mask, until, held))| CategoryDecision {
                category,
                erased,
                kept,
                ground: names(mask, held.then_some(hold::GROUND), |p| {
                    p.keeps_on_erasure.clone().map(|g| format!("Art {g}"))
                }),
                because: names(mask, held.then_some(hold::BECAUSE), |p| {
                    Some(
                        p.law.clone().map_or(p.title.clone(), |law| format!("{} ({law})", p.title)),
                    )
                }),
                until: (kept > 0 && until < Moment::FOREVER)
                    .then(|| until.utc().date_naive().to_string()),
            })
            .collect(),
        payloads,
        records: records.len() as u64,
        recipients: to_tell(store, rules, &disclosures)?,
    })
}

/// Who has to be told, from how often each destination was sent something: one recipient may have several. What went
/// out along with the address of somebody who isn't one person with them any more, no message can name.
fn to_tell(
    store: &Store,
    rules: &Rulebook,
    sent: &[sql::DisclosureRow],
) -> Result<Vec<RecipientToTell>> {
    let run = |row: &sql::DisclosureRow| (row.entry, row.destination);
    let by_address: BTreeSet<_> = sent.iter().filter(|row| !row.along).map(run).collect();
    let mut times: BTreeMap<(i64, bool), BTreeSet<i64>> = BTreeMap::new();
    for row in sent {
        let is_theirs = by_address.contains(&run(row));
        times.entry((row.destination, is_theirs)).or_default().insert(row.entry);
    }
    let mut all: Vec<RecipientToTell> = Vec::new();
    for ((code, is_theirs), entries) in times {
        let disclosures = entries.len() as u64;
        let name = store.words().text(WordKind::Destination, code);
        let told_by_message =
            is_theirs && rules.policy.destinations.get(name).is_some_and(recall::can_be_told);
        let declared = last_declared(store.conn(), name)?;
        let recipient = declared.map_or_else(|| name.to_owned(), |d| d.recipient);
        let same = |row: &&mut RecipientToTell| {
            (&row.recipient, row.told_by_message) == (&recipient, told_by_message)
        };
        match all.iter_mut().find(same) {
            Some(row) => row.disclosures += disclosures,
            None => all.push(RecipientToTell { recipient, disclosures, told_by_message }),
        }
    }
    Ok(all)
}

/// Erases a subject and proves it. The request is closed when the old pages are gone as well.
///
/// # Errors
/// `erasure-blocked` when a reader in another process keeps old pages alive: the data is erased, and
/// the request stays open until [`finish_open`](super::finish::finish_open) finds the pages gone;
/// `erasure-incomplete` when the look at the raw files found something (the file is rebuilt once before
/// this is said).
pub fn erase(
    store: &mut Store,
    rules: &Rulebook,
    subject: i64,
    now: Moment,
) -> Result<Certificate> {
    let decide = |store: &Store, now: Moment| {
        let rules = in_force(store.conn(), store.words(), rules)?.into_owned();
        let held = Held::read(store, &rules, subject, now, None)?;
        if held.records.is_empty() {
            return Err(Error::no("subject-gone", "the profile was erased or joined meanwhile")
                .next("look for the person again"));
        }
        let patterns = patterns(store, &held)?;
        let waiting = waiting(store, subject, RequestKind::Erasure)?;
        Ok((rules, held, patterns, waiting))
    };
    let (request, note, patterns) =
        store.decide_and_write(now, decide, |writer, (rules, held, patterns, waiting)| {
            let (first, kind) = (held.records[0].id, RequestKind::Erasure);
            let request = take_up(writer, &rules, first, kind, waiting)?;
            let note = forget_subject(writer, &rules, subject, &held, request.id)?;
            seek(writer, request.id, &patterns)?;
            Ok((request.id, note, patterns))
        })?;
    // All of it that stood in the clear was among them, be it nothing.
    let scan = ScanReport { in_clear: true, ..prove_gone(store, &patterns, &ERASED)? };
    finish(store, request, &note, &scan, now)?;
    let row = sql::request(store.conn(), request)?;
    let row = row.expect("the request was made above");
    // Where another command was faster to close it, this one's look is the one that knew all.
    Ok(Certificate { scan, ..certify(store, request, &row, Some(note))? })
}

/// What to look for in the raw files: every erased value in the clear, and every erased row as it
/// lay in the file.
fn patterns(store: &Store, held: &Held) -> Result<Vec<Pattern>> {
    let Held { records, events, decisions, .. } = held;
    let mut patterns = Vec::new();
    for record in records {
        for value in record.values.iter().filter(|v| decisions.values[&v.seq].stays() == 0) {
            patterns.push(Pattern::clear(value.text.as_bytes()));
            let stored = sql::stored_body(store.conn(), sql::ITEM_VALUE, value.seq)?;
            patterns.push(Pattern::stored(&stored));
        }
        for (_, body) in sql::payloads_of(store.conn(), record.id)? {
            patterns.push(Pattern::stored(&body));
        }
        for row in outbox_sql::rows_of(store.conn(), record.id)? {
            if let Some((nonce, body)) = outbox_sql::body(store.conn(), row)? {
                patterns.extend([Pattern::Key(nonce.to_vec()), Pattern::stored(&body)]);
            }
        }
        patterns.push(Pattern::Key(record.key.0.to_vec()));
    }
    for event in events.iter().filter(|event| decisions.events[&event.seq].stays() == 0) {
        let stored = sql::stored_body(store.conn(), sql::ITEM_EVENT, event.seq)?;
        patterns.push(Pattern::stored(&stored));
    }
    Ok(patterns)
}

/// Entry numbers in one erasure entry, at most: a leaf holds 65,535 bytes.
const ENTRIES_PER_LEAF: usize = 5_000;

fn forget_subject(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    subject: i64,
    held: &Held,
    request: i64,
) -> Result<ErasureNote> {
    let Held { records, events, decisions, plan, claim } = held;
    let recalls = recall::deletions(writer, rules, subject, records)?;
    let stops = recall::stops(writer, subject)?;
    let mut entries = Vec::new();
    for record in records {
        entries.extend(sql::payloads_of(writer.conn, record.id)?.into_iter().map(|(n, _)| n));
    }
    entries.sort_unstable();
    let kept: Vec<Value> = plan
        .categories
        .iter()
        .filter(|c| c.kept > 0)
        // How much and until when would say when the person bought last.
        .map(|c| json!({"category": c.category, "ground": c.ground}))
        .collect();
    let mut disclosures = Vec::new();
    for record in records {
        disclosures.extend(sql::disclosure_ids(writer.conn, record.id)?);
    }
    let gone = |fates: &BTreeMap<i64, Fate>| -> Vec<i64> {
        fates.iter().filter(|(_, fate)| fate.stays() == 0).map(|(seq, _)| *seq).collect()
    };
    let (values, items) = (gone(&decisions.values), gone(&decisions.events));
    let numbers = forget::numbers_of(&values, &items, &disclosures);
    let mut chunks: Vec<&[i64]> = entries.chunks(ENTRIES_PER_LEAF).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    // The last of its entries commits to what the certificate says, which is known when all is forgotten;
    // what is forgotten names that entry.
    let last = writer.log.size() + chunks.len() as u64 - 1;
    let entry = i64::try_from(last).expect("a ledger holds fewer than 2^63 entries");

    let fingerprints = suppress(writer, rules, subject, records, entry)?;
    let mut rows: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut unpacker = Unpacker::new(writer.conn)?;
    let id = public_text(profile_sql::public_id(writer.conn, subject)?);
    let mut anything_kept = false;
    for record in records {
        anything_kept |=
            forget_record(writer, record, events, decisions, entry, &mut unpacker, &mut rows)?;
    }
    if anything_kept {
        profile_sql::set_subject_state(writer.conn, subject, profile_sql::SUBJECT_KEPT)?;
    } else {
        let randomness = &mut *writer.randomness;
        sql::delete_subject(writer.conn, subject, &mut || merge::random_public_id(randomness))?;
        rows.insert("subject", 1);
    }
    for record in records {
        sql::delete_birthplace(writer.conn, record.birth)?;
    }
    let mut salt = [0; 16];
    writer.randomness.fill(&mut salt);
    let told = Told {
        controller: rules.policy.controller.name.clone(),
        kept_as: anything_kept.then_some(id),
        categories: plan.categories.clone(),
        rows: rows.into_iter().map(|(table, rows)| (table.to_owned(), rows)).collect(),
        recipients: plan.recipients.clone(),
        salt: hex(&salt),
    };
    let told = serde_json::to_value(told).expect("a certificate is JSON");
    for (place, chunk) in chunks.iter().enumerate() {
        let mut body = json!({
            "req": request, "seqs": chunk, "records": records.len(), "kept": kept,
            "values": values.len(), "events": items.len(), "disclosures": disclosures.len(),
            "numbers": numbers,
        });
        if place + 1 == chunks.len() {
            body["told"] = commit::told(&told).expect("what is told has one spelling").into();
        }
        let appended = writer.append("erasure", body)?;
        assert!(appended <= entry, "nothing else is entered before an erasure's own entries");
    }
    recall::end_stops(writer, &stops)?;
    recall::queue(writer, recalls)?;
    if anything_kept {
        let mut fates = decisions.values.values().chain(decisions.events.values());
        claim.renew(writer, subject, fates.any(|fate| fate.kept == 0 && fate.stays() != 0))?;
    }
    let note = ErasureNote {
        entry: last,
        at: writer.now.0,
        records: records.iter().map(|record| record.id).collect(),
        fingerprints,
        told: Some(told),
        ..ErasureNote::default()
    };
    // Before the commit: one that happened and isn't journalled would be undone by a restore. One that
    // is journalled and didn't happen is taken out by whoever opens the store next.
    writer.signer.note_erasure(writer.conn, &note)?;
    Ok(note)
}

/// Keeps the person out: by each source's key, by each identifier that nobody else holds, and by those
/// that others share together with the person's name.
fn suppress(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    subject: i64,
    records: &[OpenRecord],
    entry: i64,
) -> Result<Vec<String>> {
    let traits = traits_of(writer.conn, writer.words, &rules.policy, subject)?;
    let mut prints: BTreeSet<[u8; 16]> = BTreeSet::new();
    for record in records {
        // Of what went before only the blind name is left, and it keeps the person out as well.
        prints.insert(match record.source_key.as_str() {
            "" => blind_fingerprint(writer.secret, sql::key_blind(writer.conn, record.id)?),
            key => key_fingerprint(writer.secret, &record.source, key),
        });
        let held = profile_sql::identifiers_of(writer.conn, record.id)?;
        for (blind, _, seq) in &held {
            let is_gone = !record.values.iter().any(|value| value.seq == *seq);
            if is_gone && !sql::held_by_others(writer.conn, *blind, subject)? {
                prints.insert(blind_fingerprint(writer.secret, *blind));
            }
        }
        for value in &record.values {
            let field = writer.words.text(WordKind::Field, value.field);
            let Some(kind) = field.strip_prefix("identifier.") else { continue };
            let blind = held.iter().find(|(_, _, seq)| *seq == value.seq).map(|(blind, ..)| *blind);
            let shared = match blind {
                Some(blind) => sql::held_by_others(writer.conn, blind, subject)?,
                None => false,
            };
            if !shared {
                prints.insert(identifier_fingerprint(writer.secret, kind, &value.text));
                continue;
            }
            let guards = rules.policy.identifiers.get(kind);
            for way in guards.map(|guards| holder_traits(guards, &traits)).unwrap_or_default() {
                prints.insert(holder_fingerprint(writer.secret, kind, &value.text, &way));
            }
        }
    }
    // What the first erasure kept goes now; who came back meanwhile by their own act isn't sent out again.
    if is_erased(writer.conn, subject)? {
        let mut out = BTreeSet::new();
        for print in prints {
            if consent_sql::suppression(writer.conn, &print)?.is_some() {
                out.insert(print);
            }
        }
        prints = out;
    }
    prints.extend(said_no_at(writer, subject, records)?);
    for print in &prints {
        consent_sql::suppress(writer.conn, print, writer.now, entry)?;
    }
    Ok(prints.iter().map(|print| hex(print)).collect())
}

/// What outlives the person of their "no": at each identifier that somebody else has too, so that nothing is
/// sent there for what they said no to.
fn said_no_at(
    writer: &Writer<'_>,
    subject: i64,
    records: &[OpenRecord],
) -> Result<BTreeSet<[u8; 16]>> {
    let standing = History::load(writer.conn, subject)?.standing(AsOf::at(writer.now));
    let noes = noes(writer.words, &standing);
    let mut prints = BTreeSet::new();
    for record in records {
        for (blind, ..) in profile_sql::identifiers_of(writer.conn, record.id)? {
            if !noes.is_empty() && sql::held_by_others(writer.conn, blind, subject)? {
                let of = |(purpose, channel): &(&str, &str)| {
                    no_fingerprint(writer.secret, blind, purpose, channel)
                };
                prints.extend(noes.iter().map(of));
            }
        }
    }
    Ok(prints)
}

/// Forgets one record; returns whether anything of it is kept.
fn forget_record(
    writer: &mut Writer<'_>,
    record: &OpenRecord,
    events: &[OpenEvent],
    decisions: &Decisions,
    entry: i64,
    unpacker: &mut Unpacker,
    rows: &mut BTreeMap<&'static str, u64>,
) -> Result<bool> {
    let mine: Vec<&OpenEvent> = events.iter().filter(|event| event.record == record.id).collect();
    let keeps = record.values.iter().any(|value| decisions.values[&value.seq].stays() != 0)
        || mine.iter().any(|event| decisions.events[&event.seq].stays() != 0);
    let key = if keeps { RecordKey(writer.randomness.key()) } else { RecordKey([0; 32]) };
    let mut add = |table, count: u64| {
        if count > 0 {
            *rows.entry(table).or_default() += count;
        }
    };

    for value in &record.values {
        match decisions.values[&value.seq].stays() {
            0 => {
                forget_value(writer.conn, &record.key, value.seq, entry)?;
                add("value", 1);
            }
            kept => {
                let salt = item_salt(&record.key.0, ItemKind::Value, number(value.seq));
                sql::insert_kept_salt(writer.conn, sql::ITEM_VALUE, value.seq, &salt)?;
                let mut body = sql::stored_body(writer.conn, sql::ITEM_VALUE, value.seq)?;
                apply_seal(&record.key, Sealed::Value, value.seq, &mut body);
                apply_seal(&key, Sealed::Value, value.seq, &mut body);
                let set = writer.words.set_of(writer.conn, kept)?;
                sql::overwrite_value_body(writer.conn, value.seq, &body, set)?;
            }
        }
    }
    for event in mine {
        match decisions.events[&event.seq].stays() {
            0 => {
                forget_event(writer.conn, unpacker, &record.key, event.seq, entry)?;
                add("event", 1);
            }
            kept => {
                let salt = item_salt(&record.key.0, ItemKind::Event, number(event.seq));
                sql::insert_kept_salt(writer.conn, sql::ITEM_EVENT, event.seq, &salt)?;
                let mut body = sql::stored_body(writer.conn, sql::ITEM_EVENT, event.seq)?;
                apply_seal(&record.key, Sealed::Event, event.seq, &mut body);
                apply_seal(&key, Sealed::Event, event.seq, &mut body);
                let set = writer.words.set_of(writer.conn, kept)?;
                sql::overwrite_event_body(writer.conn, event.seq, &body, set)?;
            }
        }
    }
    for (n, _) in sql::payloads_of(writer.conn, record.id)? {
        sql::overwrite_payload(writer.conn, n)?;
        add("payload", 1);
    }
    for id in sql::disclosure_ids(writer.conn, record.id)? {
        let made = disclosure_commitment(&record.key.0, number(id));
        sql::insert_tombstone(writer.conn, sql::ITEM_DISCLOSURE, id, &made, entry)?;
    }
    for row in outbox_sql::rows_of(writer.conn, record.id)? {
        if outbox_sql::forget_body(writer.conn, row)? {
            add("outbox_body", 1);
        }
    }
    for (table, count) in sql::delete_pointers(writer.conn, record.id)? {
        add(table, count);
    }
    let [compared, newcomer] = index::take_out(writer.conn, record.id)?;
    add("compared", compared);
    add("newcomer", newcomer);
    sql::overwrite_key(writer.conn, record.id, &key)?;
    add("record_key", 1);
    if keeps {
        forget::refold_rollups(writer.conn, unpacker, record.id, &key)?;
    } else {
        for (table, count) in sql::delete_record(writer.conn, record.id)? {
            add(table, count);
        }
    }
    Ok(keeps)
}

/// Repeats an erasure in a store that was restored from an older backup. Nothing is kept out twice,
/// and records that came in later are not there to be erased. Returns how many records it erased.
pub fn repeat(store: &mut Store, rules: &Rulebook, note: &ErasureNote, now: Moment) -> Result<u64> {
    let told = note.told.clone().and_then(|told| serde_json::from_value::<Told>(told).ok());
    let left = told.map(|told| hold::journalled(store.words(), &told.categories));
    let mut subjects: BTreeSet<i64> = BTreeSet::new();
    for record in &note.records {
        subjects.extend(sql::subject_of(store.conn(), *record)?);
    }
    let mut erased = 0;
    for subject in subjects {
        // Who was parted from others since the backup is parted from them again first.
        let (theirs, others): (Vec<i64>, Vec<i64>) =
            profile_sql::records_of(store.conn(), subject)?
                .into_iter()
                .partition(|record| note.records.contains(record));
        let subject = match others.is_empty() {
            true => subject,
            false => store.write(now, |writer| merge::part_records(writer, &theirs))?,
        };
        let decide = |store: &Store, now: Moment| {
            let held = Held::read(store, rules, subject, now, left.as_deref())?;
            let patterns = patterns(store, &held)?;
            Ok((held, patterns))
        };
        let (records, patterns) = store.decide_and_write(now, decide, |writer, decided| {
            let (held, patterns) = decided;
            forget_subject(writer, rules, subject, &held, 0)?;
            Ok((held.records.len(), patterns))
        })?;
        erased += records as u64;
        prove_gone(store, &patterns, &ERASED)?;
    }
    Ok(erased)
}

/// The id of a subject, as people write it.
pub fn public(store: &Store, subject: i64) -> Result<String> {
    Ok(public_text(profile_sql::public_id(store.conn(), subject)?))
}
