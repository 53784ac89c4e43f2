//! Values and events against the roots of their batches, and what is folded from them.
//!
//! One pass in order. What is kept in memory grows with the number of records, never with the number
//! of values or events.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::{RecordKey, Sealed, StoreSecret, apply_seal};
use crate::ledger::commit::{ItemKind, commitment, item_leaf, item_salt};
use crate::ledger::scan::fields;
use crate::ledger::tree::Frontier;
use crate::profile::pack::Unpacker;
use crate::profile::recognise::{identifier_blind, key_blind};
use crate::profile::record::value_text;
use crate::profile::sql::{TO_FIND, VALUE_CURRENT, VALUE_ERASED, VALUE_SUPERSEDED};
use crate::store::{WordKind, Words};

use super::claim::Claim;
use super::facts::body;
use super::holders::{Births, Holders};
use super::sql::{self, Item};

/// What an erased item's purposes are: the empty set.
const NO_PURPOSES: i64 = 2;

/// What stands for the message id of an erased event.
const NO_BLIND: i64 = 1 << 62;

/// What a record without a key is opened with.
static NO_KEY: RecordKey = RecordKey([0; 32]);

/// Erased moments up to here stay as they are: their width in the file is another.
const MOMENT_WIDE: i64 = 2_147_483_647;

/// What an entry says about the items of one kind in its batch.
struct Batch {
    n: i64,
    first: i64,
    count: i64,
    root: String,
    source: i64,
}

impl Batch {
    fn read(n: i64, leaf: &[u8], part: &str) -> Option<Batch> {
        let view = fields(leaf).ok().filter(|view| view.kind == "data.admit")?;
        let body = body(&view);
        let items = &body[part];
        Some(Batch {
            n,
            first: items["first"].as_i64()?,
            count: items["count"].as_i64()?,
            root: items["root"].as_str()?.to_owned(),
            source: body["source"].as_i64()?,
        })
    }
}

/// What committed bytes say; a value has a field and a value, an event the rest.
#[derive(Deserialize)]
struct Said<'a> {
    at: i64,
    #[serde(rename = "for")]
    purposes: i64,
    #[serde(default)]
    home: i64,
    #[serde(borrow, default)]
    field: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Cow<'a, str>,
    #[serde(default)]
    amount: i64,
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// Words of one kind by their codes.
struct Names<'a>(HashMap<i64, &'a str>);

impl<'a> Names<'a> {
    fn of(words: &'a Words, kind: WordKind) -> Names<'a> {
        Names(words.of_kind(kind).into_iter().map(|(text, code)| (code, text)).collect())
    }

    fn text(&self, code: i64) -> &'a str {
        self.0.get(&code).copied().unwrap_or("?")
    }
}

/// The chains of all records' values, by the records' places: a bit for each field of the policy, in as
/// many words as it takes.
struct Chains {
    last: Vec<i64>,
    /// How many words a record has.
    width: usize,
    marks: Vec<Marks>,
}

/// Of 64 fields of one record.
#[derive(Clone, Copy, Default)]
struct Marks {
    current: u64,
    superseded: u64,
}

impl Chains {
    /// `fields` is how many fields have a number; they count from 1.
    fn new(records: usize, fields: usize) -> Chains {
        let width = fields / 64 + 1;
        Chains { last: vec![0; records], width, marks: vec![Marks::default(); records * width] }
    }

    /// The marks of a record's field and its bit in them; none where no field has the number.
    fn field(&mut self, place: usize, field: i64) -> Option<(&mut Marks, u64)> {
        let field = usize::try_from(field).ok()?;
        let word = field / 64;
        let marks = (word < self.width).then(|| &mut self.marks[place * self.width + word])?;
        Some((marks, 1 << (field % 64)))
    }

    /// Whether every superseded value of a record was superseded by another.
    fn is_settled(&self, place: usize) -> bool {
        self.marks[place * self.width..][..self.width].iter().all(|marks| marks.superseded == 0)
    }
}

/// The fold of one record's events of one name.
struct Fold {
    /// Whether the record is still there: the rollups of one that was erased are gone with it.
    is_held: bool,
    count: i64,
    sum: i64,
    first_at: i64,
    last_at: i64,
    last: i64,
}

/// Goes over all items of a kind; `each` gets every item with what it says, unless it is erased.
fn pass(
    conn: &Connection,
    words: &Words,
    holders: &Holders,
    births: &mut Births,
    kind: ItemKind,
    mut each: impl FnMut(&mut Claim, &Item<'_>, Option<[i64; 3]>, Option<&Said<'_>>) -> Result<()>,
) -> Result<Claim> {
    let (name, part, sealed, what) = match kind {
        ItemKind::Value => {
            ("values", "values", Sealed::Value, "every value is what its batch's entry commits to")
        }
        ItemKind::Event => {
            ("events", "events", Sealed::Event, "every event is what its batch's entry commits to")
        }
    };
    let mut claim = Claim::new(name, what);
    // Only events are packed, so that a stored shape that doesn't open says nothing of values.
    let mut unpacker = match kind {
        ItemKind::Value => None,
        ItemKind::Event => Some(Unpacker::new(conn)?),
    };
    let mut statement = sql::batches(conn, kind)?;
    let mut rows = statement.query([])?;
    let mut next = || -> Result<Option<Batch>> {
        while let Some((n, leaf)) = sql::next_batch(&mut rows)? {
            if let Some(batch) = Batch::read(n, &leaf, part) {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    };
    let mut batch = next()?;
    let mut tree = Frontier::new();
    let mut bytes = Vec::new();
    let close = |claim: &mut Claim, batch: &Batch, tree: &mut Frontier| {
        let tree = std::mem::take(tree);
        let same =
            i64::try_from(tree.size()) == Ok(batch.count) && tree.root().to_string() == batch.root;
        claim.expect(same, "batch-root", Some(batch.n), || {
            format!("the {part} of entry {} are not those that it commits to", batch.n)
        });
    };
    sql::items(conn, kind, |item| {
        claim.checked += 1;
        while batch.as_ref().is_some_and(|b| item.seq >= b.first + b.count) {
            if let Some(done) = &batch {
                close(&mut claim, done, &mut tree);
            }
            batch = next()?;
        }
        let under = batch.as_ref().filter(|b| item.seq >= b.first);
        let n = under.map(|b| b.n);
        claim.expect(under.is_some(), "item-without-batch", None, || {
            format!("row {} of the {part} came in under no entry", item.seq)
        });
        let place = holders.place(item.record);
        let holder = place.map(|place| holders.at(place));
        let row = holder.and_then(|holder| holder.row);
        if let (Some(under), Some([source, ..])) = (under, row) {
            claim.expect(under.source == source, "source-differs", n, || {
                format!("row {} of the {part} belongs to a record of another source", item.seq)
            });
        }
        // The keys of all records stay in their rows, those that were destroyed too.
        claim.expect(holder.is_some(), "record-unknown", n, || {
            format!("row {} of the {part} belongs to a record that never was", item.seq)
        });
        let erased = match kind {
            ItemKind::Value => item.mark == VALUE_ERASED,
            ItemKind::Event => item.purposes == NO_PURPOSES,
        };
        if let (Some(place), Some(n)) = (place, n) {
            births.note(place, n, !erased);
        }
        let mut said = None;
        let leaf = if erased {
            claim.erased += 1;
            let mid = if kind == ItemKind::Event { item.mark } else { NO_BLIND };
            let blank = item.at == Moment::FOREVER.0 || item.at <= MOMENT_WIDE;
            claim.expect(blank && mid == NO_BLIND, "erasure-incomplete", n, || {
                format!(
                    "ERASURE INCOMPLETE: row {} of the {part} still says when or which",
                    item.seq
                )
            });
            erased_leaf(&mut claim, item, n, part)
        } else {
            claim.expect(item.tombstone.is_none(), "tombstone-on-living", n, || {
                format!("row {} of the {part} counts as erased, and it is there", item.seq)
            });
            let key = holder.map_or(&NO_KEY, |holder| &holder.key);
            bytes.clear();
            bytes.extend_from_slice(item.body);
            apply_seal(key, sealed, item.seq, &mut bytes);
            let opened = match &mut unpacker {
                None => true,
                Some(unpacker) => unpacker.unpack(&bytes).map(|body| bytes = body).is_ok(),
            };
            let number = u64::try_from(item.seq).unwrap_or(0);
            let own = item_salt(&key.0, kind, number);
            let salt = item.kept_salt.and_then(|salt| salt.try_into().ok()).unwrap_or(own);
            // An erasure that keeps an item gives its record a new key, and so another salt.
            claim.expect(item.kept_salt.is_none() || salt != own, "salt-without-item", n, || {
                format!("a salt was kept of row {} of the {part}, which no erasure kept", item.seq)
            });
            let leaf = opened.then(|| commitment(&salt, &bytes));
            said = if opened { serde_json::from_slice::<Said<'_>>(&bytes).ok() } else { None };
            match &said {
                None => claim.find(
                    "item-unreadable",
                    n,
                    format!("row {} of the {part} doesn't open", item.seq),
                ),
                Some(said) => {
                    let mask = words.mask_of(item.purposes);
                    let fits = match item.kept_salt {
                        // An erasure leaves a part of the purposes, and never adds one.
                        Some(_) => mask & !said.purposes == 0,
                        None => mask == said.purposes,
                    };
                    claim.expect(fits && mask != 0, "purposes-differ", n, || {
                        format!("row {} of the {part} came in for other purposes", item.seq)
                    });
                    claim.expect(said.at == item.at, "row-differs", n, || {
                        format!(
                            "row {} of the {part} says another time than its sealed bytes",
                            item.seq
                        )
                    });
                }
            }
            leaf
        };
        tree.append(item_leaf(&leaf.unwrap_or([0; 32])));
        each(&mut claim, item, row, said.as_ref())
    })?;
    while let Some(done) = &batch {
        close(&mut claim, done, &mut tree);
        batch = next()?;
    }
    Ok(claim)
}

fn erased_leaf(claim: &mut Claim, item: &Item<'_>, n: Option<i64>, part: &str) -> Option<[u8; 32]> {
    claim.expect(item.body.iter().all(|byte| *byte == 0), "erasure-incomplete", n, || {
        format!(
            "ERASURE INCOMPLETE: row {} of the {part} counts as erased and holds bytes",
            item.seq
        )
    });
    let leaf = item.tombstone.and_then(|bytes| bytes.try_into().ok());
    claim.expect(leaf.is_some(), "tombstone-missing", n, || {
        format!("row {} of the {part} is erased, and its commitment is gone", item.seq)
    });
    leaf
}

/// Values, their chains, and the index of blind names.
pub(super) fn values(
    conn: &Connection,
    words: &Words,
    holders: &Holders,
    births: &mut Births,
    secret: &StoreSecret,
) -> Result<Vec<Claim>> {
    let mut index = Claim::new(
        "identifiers",
        "every identifier stands in the blind index, and each blind name with a value leads to its own",
    );
    let (fields, sources) = (Names::of(words, WordKind::Field), Names::of(words, WordKind::Source));
    let mut chains = Chains::new(holders.len(), fields.0.len());
    let values = pass(conn, words, holders, births, ItemKind::Value, |claim, item, row, said| {
        let field = fields.text(item.word);
        let place = holders.place(item.record);
        if let Some(place) = place {
            let before = std::mem::replace(&mut chains.last[place], item.seq);
            claim.expect(before == item.prev, "chain-of-values", None, || {
                format!("value {} doesn't follow the one before it of its record", item.seq)
            });
        }
        let known = matches!(item.mark, VALUE_CURRENT | VALUE_SUPERSEDED | VALUE_ERASED);
        claim.expect(known, "value-state", None, || {
            format!("value {} has no known state", item.seq)
        });
        if let Some((marks, bit)) = place.and_then(|place| chains.field(place, item.word)) {
            claim.expect(marks.current & bit == 0, "value-state", None, || {
                format!("a value before {} of the same field is still current", item.seq)
            });
            marks.superseded &= !bit;
            match item.mark {
                VALUE_CURRENT => marks.current |= bit,
                VALUE_SUPERSEDED => marks.superseded |= bit,
                _ => {}
            }
        }
        let Some(said) = said else { return Ok(()) };
        claim.expect(said.field == field, "row-differs", None, || {
            format!("value {} stands under another field than its sealed bytes say", item.seq)
        });
        claim.expect(row.is_some_and(|[.., home]| home == said.home), "home-differs", None, || {
            format!("record {} was born as another subject's", item.record)
        });
        if field == "record.key"
            && let Some([source, blind, _]) = row
        {
            let expected = key_blind(secret, sources.text(source), &said.value);
            claim.expect(expected == blind, "record-key", None, || {
                format!("record {} is found under another key than it has", item.record)
            });
        }
        if let Some(kind) = field.strip_prefix("identifier.")
            && item.mark != VALUE_ERASED
            && item.kept_salt.is_none()
        {
            index.checked += 1;
            let blind = identifier_blind(secret, kind, &said.value);
            let held = sql::indexed(conn, blind, item.record)?;
            // What was replaced finds its person as well; where it was said again, by its newest value.
            let found = held.is_some_and(|(kind, seq)| {
                kind == item.word
                    && (seq == item.seq || (item.mark == VALUE_SUPERSEDED && seq > item.seq))
            });
            index.expect(found, "identifier-missing", None, || {
                format!("value {} is not found by its blind name", item.seq)
            });
        }
        Ok(())
    })?;
    let mut heads = Claim::new("value-chains", "every value of a record is reached exactly once");
    sql::heads(conn, |record, last| {
        heads.checked += 1;
        let place = holders.place(record);
        heads.expect(
            place.map_or(0, |place| chains.last[place]) == last,
            "chain-head",
            None,
            || format!("record {record} doesn't begin with its newest value"),
        );
        let settled = place.is_none_or(|place| chains.is_settled(place));
        heads.expect(settled, "value-state", None, || {
            format!("record {record} holds a value as superseded that nothing superseded")
        });
    })?;
    sql::identifiers(conn, |[blind, record, kind, value], row| {
        index.checked += 1;
        if matches!(value, 0 | TO_FIND) {
            return Ok(());
        }
        let fits = row.is_some_and(|([of, field, state], mut body, key)| {
            let key = RecordKey(key.try_into().unwrap_or([0; 32]));
            apply_seal(&key, Sealed::Value, value, &mut body);
            let name = words.text(WordKind::Field, kind).strip_prefix("identifier.");
            let text = value_text(&body).ok();
            of == record
                && field == kind
                && state != VALUE_ERASED
                && name.zip(text).is_some_and(|(k, t)| identifier_blind(secret, k, &t) == blind)
        });
        index.expect(fits, "identifier-wrong", None, || {
            format!("a blind name of record {record} leads to what it doesn't name")
        });
        Ok(())
    })?;
    Ok(vec![values, heads, index])
}

/// Events, their chains and their rollups.
pub(super) fn events(
    conn: &Connection,
    words: &Words,
    holders: &Holders,
    births: &mut Births,
    secret: &StoreSecret,
) -> Result<Vec<Claim>> {
    let mut folds: HashMap<(i64, i64), Fold> = HashMap::new();
    let (names, sources) = (Names::of(words, WordKind::Event), Names::of(words, WordKind::Source));
    let events = pass(conn, words, holders, births, ItemKind::Event, |claim, item, row, said| {
        let fold = folds.entry((item.record, item.word)).or_insert(Fold {
            is_held: row.is_some(),
            count: 0,
            sum: 0,
            first_at: i64::MAX,
            last_at: i64::MIN,
            last: 0,
        });
        claim.expect(fold.last == item.prev, "chain-of-events", None, || {
            format!("event {} doesn't follow the one before it of its record and name", item.seq)
        });
        fold.last = item.seq;
        let Some(said) = said else { return Ok(()) };
        fold.count += 1;
        fold.sum = fold.sum.saturating_add(said.amount);
        fold.first_at = fold.first_at.min(item.at);
        fold.last_at = fold.last_at.max(item.at);
        let name = names.text(item.word);
        let source = sources.text(row.map_or(0, |[source, ..]| source));
        let mid = if said.id.is_empty() {
            let at = item.at.to_string();
            secret
                .blind("event", &[source, name, "", &at, said.properties.map_or("", RawValue::get)])
        } else {
            secret.blind("event", &[source, name, &said.id])
        };
        claim.expect(said.name == name && mid == item.mark, "row-differs", None, || {
            format!("event {} stands under another name than its sealed bytes say", item.seq)
        });
        Ok(())
    })?;
    let mut rollups = Claim::new("rollups", "every rollup is what the events fold to");
    sql::rollups(conn, |[record, name, count, sum, first_at, last_at, last]| {
        rollups.checked += 1;
        let same = folds.remove(&(record, name)).filter(|fold| fold.is_held).is_some_and(|fold| {
            (fold.count, fold.sum, fold.first_at, fold.last_at, fold.last)
                == (count, sum, first_at, last_at, last)
        });
        let name = names.text(name);
        rollups.expect(same, "rollup-differs", None, || {
            format!("the rollup of {name} of record {record} is not what its events fold to")
        });
    })?;
    for (record, _) in folds.iter().filter(|(_, fold)| fold.is_held).map(|(key, _)| key) {
        rollups.find(
            "rollup-missing",
            None,
            format!("record {record} has events without a rollup"),
        );
    }
    Ok(vec![events, rollups])
}

/// Whether a batch's row says what its entry says.
pub(super) fn batch_fits(body: &Value, at: i64, row: [i64; 8]) -> bool {
    let [_, recorded_at, policy, source, first_value, values, first_event, events] = row;
    let is = |value: &Value, number: i64| value.as_i64() == Some(number);
    at == recorded_at
        && is(&body["policy"], policy)
        && is(&body["source"], source)
        && is(&body["values"]["first"], first_value)
        && is(&body["values"]["count"], values)
        && is(&body["events"]["first"], first_event)
        && is(&body["events"]["count"], events)
}
