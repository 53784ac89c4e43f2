//! Puts a profile together from what each source said, and finds it by an identifier or its id.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::{RecordKey, Sealed, StoreSecret, apply_seal};
use crate::collect::normalise;
use crate::consent::fold::AsOf;
use crate::consent::gate::holding;
use crate::consent::history::History;
use crate::consent::retention::{Age, retained};
use crate::policy::currency::currency_of;
use crate::policy::rulebook::{PurposeMask, Rulebook, codes};
use crate::policy::types::{Policy, UNVERIFIED, Winner};
use crate::store::{Covering, Store, WordKind, Words};

use super::covered::covered;
use super::merge::{public_id_of, public_text};
use super::names::Name;
use super::pack::Unpacker;
use super::recognise::identifier_blind;
pub use super::record::StoredValue;
use super::record::values;
use super::sql::{self, Rollup};
use super::then::Then;

/// The names of the purposes in a mask.
pub fn purpose_names(words: &Words, mask: PurposeMask) -> Vec<String> {
    codes(mask).map(|code| words.text(WordKind::Purpose, i64::from(code)).to_owned()).collect()
}

/// The subjects that WHO names: `kind:value`, or a subject id. A subject that was merged into
/// another is answered by that other one.
///
/// # Errors
/// `who-unreadable` for what is neither, `identifier-unknown` for a kind that no policy declares,
/// `subject-not-found` when nobody is held under it.
pub fn find(
    conn: &Connection,
    secret: &StoreSecret,
    policy: &Policy,
    who: &str,
) -> Result<Vec<i64>> {
    let nobody = || {
        Error::no("subject-not-found", "nobody is held under this name")
            .next(
                "try another identifier; what the law keeps of an erased person is found by the id (s-…) \
                 that the erasure printed, who lost the last identifier by the one that `retain run` \
                 printed, and who is held for a claim by `candor hold --list`",
            )
    };
    if let Some(public_id) = public_id_of(who) {
        let mut subject = sql::subject_by_public_id(conn, public_id)?.ok_or_else(nobody)?;
        while sql::subject_state(conn, subject)? == Some(sql::SUBJECT_MERGED) {
            subject = sql::merged_into(conn, subject)?.ok_or_else(nobody)?;
        }
        // What is left of an erased person from whom somebody was parted is a number.
        return match sql::records_of(conn, subject)?.is_empty() {
            true => Err(nobody()),
            false => Ok(vec![subject]),
        };
    }
    let mut found = Vec::new();
    for (kind, text) in identifiers_named(policy, who)? {
        let named = Bearers::of(conn, secret, kind, &text)?;
        found.extend(named.records.into_iter().map(|(_, subject)| subject));
    }
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Err(nobody()) } else { Ok(found) }
}

/// Whom an identifier names.
struct Bearers {
    /// Its kind; that of a mere claim where nobody verified has it.
    kind: String,
    /// Its blind name.
    blind: i64,
    /// The records that have it, each with its subject.
    records: Vec<(i64, i64)>,
}

impl Bearers {
    fn of(conn: &Connection, secret: &StoreSecret, kind: &str, text: &str) -> Result<Bearers> {
        let under = |kind: String| {
            let blind = identifier_blind(secret, &kind, text);
            let records = sql::holders(conn, blind)?;
            let records = records.into_iter().map(|(record, subject, ..)| (record, subject));
            Ok(Bearers { kind, blind, records: records.collect() })
        };
        let verified: Bearers = under(kind.to_owned())?;
        match verified.records.is_empty() {
            true => under(format!("{UNVERIFIED}{kind}")),
            false => Ok(verified),
        }
    }
}

/// Whether a person was erased, and something of them is kept.
pub fn is_erased(conn: &Connection, subject: i64) -> Result<bool> {
    Ok(sql::subject_state(conn, subject)? == Some(sql::SUBJECT_KEPT))
}

/// The record of a subject by which WHO names it: the oldest that holds the identifier; `None` where the
/// subject's id was given.
pub fn record_named(
    conn: &Connection,
    secret: &StoreSecret,
    policy: &Policy,
    who: &str,
    subject: i64,
) -> Result<Option<i64>> {
    if public_id_of(who).is_some() {
        return Ok(None);
    }
    let named = records_named(conn, secret, policy, who)?;
    Ok(named.into_iter().filter(|(_, of)| *of == subject).map(|(record, _)| record).min())
}

/// The records that hold the identifier that WHO names, each with its subject.
fn records_named(
    conn: &Connection,
    secret: &StoreSecret,
    policy: &Policy,
    who: &str,
) -> Result<Vec<(i64, i64)>> {
    let mut records = Vec::new();
    for (kind, text) in identifiers_named(policy, who)? {
        records.extend(Bearers::of(conn, secret, kind, &text)?.records);
    }
    Ok(records)
}

/// The subjects that WHO named at an earlier point of the ledger, whatever was joined or parted since.
///
/// # Errors
/// As [`find`].
pub fn find_then(store: &Store, policy: &Policy, who: &str, then: &Then) -> Result<Vec<i64>> {
    let (conn, secret) = (store.conn(), store.secret());
    let today = find(conn, secret, policy, who)?;
    let mut found = Vec::new();
    if let Some(public_id) = public_id_of(who) {
        let named = sql::subject_by_public_id(conn, public_id)?;
        for subject in named.into_iter().chain(today) {
            if !found.is_empty() {
                break;
            }
            if !then.records(conn, subject)?.is_empty() {
                found.push(subject);
                continue;
            }
            // It was made since, by a split: its records were another's then.
            let records = sql::records_of(conn, subject)?;
            found.extend(records.into_iter().map(|record| then.subject(record, subject)));
        }
    } else {
        // Whoever came under the name since wasn't meant by it; nobody but those where nobody else was.
        let (mut bore, mut since) = (Vec::new(), Vec::new());
        for (kind, text) in identifiers_named(policy, who)? {
            let named = Bearers::of(conn, secret, kind, &text)?;
            let field = format!("identifier.{}", named.kind);
            let kind = store.words().code(WordKind::Field, &field).unwrap_or(0);
            for (record, today) in named.records {
                let bears = then.bore(store, Name { blind: named.blind, kind }, record)?;
                let came = if bears { &mut bore } else { &mut since };
                came.push(then.subject(record, today));
            }
        }
        found = if bore.is_empty() { since } else { bore };
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// What `kind:value` may stand for, each in its one form.
///
/// # Errors
/// `who-unreadable` and `identifier-unknown`.
pub fn identifiers_named<'w>(policy: &Policy, who: &'w str) -> Result<Vec<(&'w str, String)>> {
    let Some((kind, value)) = who.split_once(':') else {
        return Err(Error::usage(
            "who-unreadable",
            "a person is named as kind:value or by a subject id",
        )
        .next("for example email:ann@example.com, or s-… as `candor profile find` prints it"));
    };
    let verified = kind.strip_prefix(UNVERIFIED).unwrap_or(kind);
    let Some(rule) = policy.identifiers.get(verified) else {
        let known: Vec<&str> = policy.identifiers.keys().map(String::as_str).collect();
        return Err(Error::usage(
            "identifier-unknown",
            format!("the policy declares no identifier {kind}"),
        )
        .next(format!("use one of {}", known.join(", "))));
    };
    // A national number may belong to the country of any source.
    let mut countries: Vec<Option<&str>> =
        policy.sources.values().map(|source| source.phone_country.as_deref()).collect();
    countries.push(Some(policy.controller.country.as_str()));
    countries.sort_unstable();
    countries.dedup();
    let texts = countries.into_iter().filter_map(|c| normalise(rule.form, value, c).ok());
    let mut texts: Vec<(&str, String)> = texts.map(|text| (kind, text)).collect();
    texts.sort_unstable();
    texts.dedup();
    Ok(texts)
}

/// The one subject that WHO names.
///
/// # Errors
/// As [`find`], and `subject-ambiguous` when several people share the identifier.
pub fn find_one(
    conn: &Connection,
    secret: &StoreSecret,
    policy: &Policy,
    who: &str,
) -> Result<i64> {
    let found = find(conn, secret, policy, who)?;
    match found.as_slice() {
        [subject] => Ok(*subject),
        several => {
            let ids = several
                .iter()
                .map(|subject| sql::public_id(conn, *subject).map(public_text))
                .collect::<Result<Vec<_>>>()?;
            Err(Error::no(
                "subject-ambiguous",
                format!("{} people share this identifier", several.len()),
            )
            .next(format!(
                "`candor profile find {}:…` shows what each of them holds; then name one by its id: {}",
                who.split_once(':').map_or(who, |(kind, _)| kind),
                ids.join(", ")
            )))
        }
    }
}

/// Other people who are held under an identifier of a subject, by kind: their ids.
pub fn sharing(
    conn: &Connection,
    secret: &StoreSecret,
    words: &Words,
    subject: i64,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut sharing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in open_records(conn, words, subject)? {
        for value in record.values.iter().filter(|value| value.current) {
            let field = words.text(WordKind::Field, value.field);
            let Some(kind) = field.strip_prefix("identifier.") else { continue };
            // Whoever claims somebody's address isn't told whether it is held.
            let claimed = format!("{UNVERIFIED}{kind}");
            for kind in [kind, &claimed] {
                for (_, other, ..) in
                    sql::holders(conn, identifier_blind(secret, kind, &value.text))?
                {
                    if other != subject {
                        let id = public_text(sql::public_id(conn, other)?);
                        sharing.entry(kind.to_owned()).or_default().push(id);
                    }
                }
            }
        }
    }
    for ids in sharing.values_mut() {
        ids.sort_unstable();
        ids.dedup();
    }
    Ok(sharing)
}

/// A record of a profile, opened.
#[derive(Clone, Debug)]
pub struct OpenRecord {
    /// Its row.
    pub id: i64,
    /// The subject it was born into.
    pub birth: i64,
    /// The same, or the one that it was parted into since.
    pub home: i64,
    /// Its source.
    pub source: String,
    /// The source's own key; empty when nothing admitted it.
    pub source_key: String,
    /// Its key.
    pub key: RecordKey,
    /// All its values, newest first; superseded ones too.
    pub values: Vec<StoredValue>,
    /// Its rollups.
    pub rollups: Vec<Rollup>,
}

/// The last time that a subject was heard of, by its records: its newest observation or event.
pub fn last_contact(records: &[OpenRecord]) -> Moment {
    let values = records.iter().flat_map(|r| &r.values).map(|value| value.observed_at);
    let events = records.iter().flat_map(|r| &r.rollups).map(|rollup| Moment(rollup.last_at));
    values.chain(events).max().unwrap_or(Moment(0))
}

/// An event, opened.
#[derive(Clone, Debug)]
pub struct OpenEvent {
    /// Its row.
    pub seq: i64,
    /// Its record.
    pub record: i64,
    /// Its name.
    pub name: String,
    /// The purposes that admitted it.
    pub purposes: PurposeMask,
    /// When it happened.
    pub at: Moment,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

/// Opens the records of a subject.
pub fn open_records(conn: &Connection, words: &Words, subject: i64) -> Result<Vec<OpenRecord>> {
    let records = sql::records_of(conn, subject)?.into_iter();
    records.map(|record| open_record(conn, words, record)).collect()
}

/// Opens a record.
pub fn open_record(conn: &Connection, words: &Words, id: i64) -> Result<OpenRecord> {
    let key_field = words.code(WordKind::Field, "record.key").unwrap_or(0);
    let row = sql::record(conn, id)?;
    let key = sql::record_key(conn, id)?;
    let values = values(conn, words, &key, row.last_value)?;
    let source_key = values
        .iter()
        .find(|value| value.field == key_field)
        .map_or_else(String::new, |value| value.text.clone());
    Ok(OpenRecord {
        id,
        birth: row.birth,
        home: row.home,
        source: words.text(WordKind::Source, row.source).to_owned(),
        source_key,
        key,
        values,
        rollups: sql::rollups(conn, id)?,
    })
}

/// Whether anything of a subject is held under a purpose.
pub fn holds_under(
    conn: &Connection,
    words: &Words,
    subject: i64,
    purpose: PurposeMask,
) -> Result<bool> {
    for record in open_records(conn, words, subject)? {
        let is_value = record.values.iter().any(|value| value.purposes & purpose != 0);
        let is_event = |event: &OpenEvent| event.purposes & purpose != 0;
        if is_value || open_events(conn, words, &record)?.iter().any(is_event) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Opens the events of a record, newest first.
pub fn open_events(
    conn: &Connection,
    words: &Words,
    record: &OpenRecord,
) -> Result<Vec<OpenEvent>> {
    if record.rollups.is_empty() {
        return Ok(Vec::new());
    }
    let mut unpacker = Unpacker::new(conn)?;
    let mut events = Vec::new();
    for rollup in &record.rollups {
        let mut seq = rollup.last_event;
        while seq != 0 {
            let row = sql::event(conn, seq)?;
            seq = row.prev;
            let purposes = words.mask_of(row.purposes);
            if purposes == 0 {
                continue;
            }
            let mut body = row.body;
            apply_seal(&record.key, Sealed::Event, row.seq, &mut body);
            events.push(OpenEvent {
                seq: row.seq,
                record: record.id,
                name: words.text(WordKind::Event, row.name).to_owned(),
                purposes,
                at: Moment(row.at),
                bytes: unpacker.unpack(&body)?,
            });
        }
    }
    events.sort_by_key(|event| (std::cmp::Reverse(event.at), std::cmp::Reverse(event.seq)));
    Ok(events)
}

/// Opens one event of a record; `None` where it is another record's, or was forgotten.
pub fn open_event(
    conn: &Connection,
    words: &Words,
    record: &OpenRecord,
    seq: i64,
) -> Result<Option<OpenEvent>> {
    let row = sql::event(conn, seq)?;
    let purposes = words.mask_of(row.purposes);
    if row.record != record.id || purposes == 0 {
        return Ok(None);
    }
    let mut body = row.body;
    apply_seal(&record.key, Sealed::Event, seq, &mut body);
    Ok(Some(OpenEvent {
        seq,
        record: record.id,
        name: words.text(WordKind::Event, row.name).to_owned(),
        purposes,
        at: Moment(row.at),
        bytes: Unpacker::new(conn)?.unpack(&body)?,
    }))
}

/// One value with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The value.
    pub value: String,
    /// The source that said it.
    pub source: String,
    /// When it was observed.
    pub observed_at: String,
    /// The purposes that hold it now, of those that it came in for.
    pub purposes: Vec<String>,
    /// The others: their basis has ended, they don't cover it any more, or their time is over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<String>,
    /// The ledger entry under which it came in.
    pub entry: i64,
}

/// An attribute: the value that the policy's rule picks, and what the others say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// The winner.
    #[serde(flatten)]
    pub shown: Said,
    /// The others, where they differ or agree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Said>,
}

/// Activity by event name, over all records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// How many.
    pub count: i64,
    /// The sum of their amounts, in the smallest currency unit.
    pub sum: i64,
    /// The currency, where the policy names one for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The first.
    pub first_at: String,
    /// The last.
    pub last_at: String,
}

/// A profile as people and programs see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// The subject's id.
    pub subject: String,
    /// Its records: source and the source's key.
    pub records: Vec<RecordName>,
    /// Identifiers by kind.
    pub identifiers: BTreeMap<String, Vec<Said>>,
    /// Attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// Rollups by event name.
    pub activity: BTreeMap<String, Activity>,
    /// Merges that made it, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<MergeName>,
}

/// A record's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordName {
    /// The record's number in the store.
    pub record: i64,
    /// The source.
    pub source: String,
    /// The source's key; empty when no purpose admitted it.
    pub key: String,
}

/// A merge that can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MergeName {
    /// Its number.
    pub merge: i64,
    /// The subject that was merged in.
    pub from: String,
    /// When.
    pub at: String,
    /// Its ledger entry.
    pub entry: i64,
}

/// Puts a profile together, with the purposes that hold each value at a moment.
pub fn profile(
    conn: &Connection,
    words: &Words,
    rules: &Rulebook,
    subject: i64,
    now: Moment,
) -> Result<Profile> {
    let (policy, records) = (&rules.policy, open_records(conn, words, subject)?);
    let (history, contact) = (History::load(conn, subject)?, last_contact(&records));
    let covering = Covering::new(conn, rules);
    let keeping = match is_erased(conn, subject)? {
        true => rules.keeping_on_erasure(),
        false => PurposeMask::MAX,
    };
    let mut identifiers: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    let mut attributes: BTreeMap<String, Vec<(Said, Moment)>> = BTreeMap::new();
    let mut rollups: BTreeMap<String, Rollup> = BTreeMap::new();
    let mut currencies: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
    for record in &records {
        let holds = holding(rules, &history.standing_of(record.home, AsOf::at(now)), now) & keeping;
        // Of keys, which events would tell of, nothing is shown.
        let covered = covered(&covering, words, record, &[])?.values;
        for (value, covered) in record.values.iter().zip(covered).filter(|(v, _)| v.current) {
            let age = Age { observed_at: value.observed_at, last_contact: contact };
            let held = retained(rules, holds & covered, age, now);
            let said = Said {
                value: value.text.clone(),
                source: record.source.clone(),
                observed_at: value.observed_at.to_string(),
                purposes: purpose_names(words, held),
                ended: purpose_names(words, value.purposes & !held),
                entry: sql::batch_of_value(conn, value.seq)?.n,
            };
            match words.text(WordKind::Field, value.field).split_once('.') {
                Some(("identifier", kind)) => {
                    identifiers.entry(kind.to_owned()).or_default().push(said);
                }
                Some(("attribute", name)) => {
                    attributes.entry(name.to_owned()).or_default().push((said, value.observed_at));
                }
                _ => {}
            }
        }
        for rollup in &record.rollups {
            let name = words.text(WordKind::Event, rollup.name).to_owned();
            // What has no sum is of no currency.
            if rollup.sum != 0 {
                let currency = currency_of(policy, &record.source, &name).map(str::to_owned);
                currencies.entry(name.clone()).or_default().insert(currency);
            }
            rollups
                .entry(name)
                .and_modify(|all| {
                    all.count += rollup.count;
                    all.sum += rollup.sum;
                    all.first_at = all.first_at.min(rollup.first_at);
                    all.last_at = all.last_at.max(rollup.last_at);
                })
                .or_insert(*rollup);
        }
    }
    let merges = sql::merges_into(conn, subject)?
        .into_iter()
        .map(|merge| {
            Ok(MergeName {
                merge: merge.id,
                from: public_text(sql::public_id(conn, merge.from_subject)?),
                at: Moment(merge.at).to_string(),
                entry: merge.entry,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Profile {
        subject: public_text(sql::public_id(conn, subject)?),
        records: records
            .iter()
            .map(|r| RecordName {
                record: r.id,
                source: r.source.clone(),
                key: r.source_key.clone(),
            })
            .collect(),
        identifiers,
        attributes: attributes
            .into_iter()
            .map(|(name, said)| {
                let attribute = pick(policy, &name, said);
                (name, attribute)
            })
            .collect(),
        activity: rollups
            .into_iter()
            .filter(|(_, rollup)| rollup.count > 0)
            .map(|(name, rollup)| {
                let activity = Activity {
                    count: rollup.count,
                    sum: rollup.sum,
                    currency: currencies.remove(&name).and_then(only),
                    first_at: Moment(rollup.first_at).to_string(),
                    last_at: Moment(rollup.last_at).to_string(),
                };
                (name, activity)
            })
            .collect(),
        merges,
    })
}

/// The one currency of all amounts; `None` where they differ, or one has none.
fn only(currencies: BTreeSet<Option<String>>) -> Option<String> {
    let mut currencies = currencies.into_iter();
    currencies.next().filter(|_| currencies.next().is_none()).flatten()
}

/// Picks the value that a profile shows.
fn pick(policy: &Policy, name: &str, mut said: Vec<(Said, Moment)>) -> Attribute {
    winner_first(policy, name, &mut said, |(said, at)| (&said.source, *at, &said.value));
    let mut said = said.into_iter().map(|(said, _)| said);
    let shown = said.next().expect("an attribute is said at least once");
    Attribute { shown, others: said.collect() }
}

/// Puts what sources say of an attribute in the order of the policy's rule, the winner first; equal ones by
/// the source's name, so that the answer never depends on the order of import. `of` gives the source, the
/// moment and the value of one.
pub fn winner_first<T>(
    policy: &Policy,
    name: &str,
    said: &mut [T],
    of: impl Fn(&T) -> (&str, Moment, &str),
) {
    let rules = &policy.profile;
    let winner = rules.attributes.get(name).copied().unwrap_or(rules.winner);
    let rank = |source: &str| {
        rules.priority.iter().position(|p| p == source).unwrap_or(rules.priority.len())
    };
    said.sort_by(|a, b| {
        let ((a_source, a_at, a_value), (b_source, b_at, b_value)) = (of(a), of(b));
        let by_rank = rank(a_source).cmp(&rank(b_source));
        let by_age = b_at.cmp(&a_at);
        let order = match winner {
            Winner::Newest => by_age.then(by_rank),
            Winner::SourcePriority => by_rank.then(by_age),
        };
        order.then_with(|| a_source.cmp(b_source)).then_with(|| a_value.cmp(b_value))
    });
}
