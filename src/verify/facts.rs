//! What entries say, read once: which payloads were erased, and what kinds of entries there are.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use serde_json::Value;

use crate::base::error::Result;
use crate::ledger::scan::{LeafView, fields};

use super::imports::ImportRow;
use super::sql::{self, TokenRow, WriteKeyRow};

/// An entry that forgets: how many items it says it did.
pub(super) struct Forgetting {
    /// Of how many records all was erased but what the law keeps; 0 where single things were forgotten.
    pub(super) records: i64,
    /// Whether the law kept something.
    pub(super) keeps: bool,
    pub(super) values: i64,
    pub(super) events: i64,
    pub(super) disclosures: i64,
    /// Which: a hash over their numbers.
    pub(super) numbers: String,
    /// A long list of payloads takes several entries; only the last one stands behind the items.
    pub(super) goes_on: bool,
}

/// An entry of a run that sent something: what it says.
pub(super) struct Disclosing {
    pub(super) at: i64,
    pub(super) destination: String,
    pub(super) purpose: String,
    pub(super) count: i64,
    /// How many people: one row each, before those of what went along.
    pub(super) people: i64,
    /// The number of its first row, and the root over them.
    pub(super) first: i64,
    pub(super) root: String,
    /// The messages of the queue that carried them out, in the same order; none where something else did.
    pub(super) messages: Vec<i64>,
}

/// A message that takes something back: what entries say of it.
pub(super) struct Recalled {
    /// The entry that queued it.
    pub(super) entry: i64,
    pub(super) destination: String,
    pub(super) act: String,
    pub(super) disclosure: i64,
    /// What the entry commits to, until it is done.
    pub(super) commitment: String,
    /// Whether it was taken, or dropped.
    pub(super) done: bool,
    /// Whether it ended with its person.
    pub(super) gone: bool,
}

/// What the ledger says about everything else.
pub(super) struct Facts {
    /// Erased payloads, each with the entry that says so.
    pub(super) erased: HashMap<i64, i64>,
    /// Entries that took a batch in, in order.
    pub(super) batches: Vec<i64>,
    /// Entries that forget.
    pub(super) forgettings: BTreeMap<i64, Forgetting>,
    /// Runs that sent something.
    pub(super) disclosings: BTreeMap<i64, Disclosing>,
    /// How many fingerprints were let back in, in all.
    pub(super) lifted: u64,
    /// Witnesses that are asked, by their key: the entry that says so, and the address.
    pub(super) witnesses: BTreeMap<String, (i64, String)>,
    /// The entry that took each merge back, by the merge's.
    pub(super) splits: HashMap<i64, i64>,
    /// Keys that send data in, by their number: what entries say of each.
    pub(super) write_keys: BTreeMap<i64, WriteKeyRow>,
    /// Messages that take something back, by their number: what entries say of each.
    pub(super) recalls: BTreeMap<i64, Recalled>,
    /// Messages that were sent and go no more, each with the entry that says so.
    pub(super) ended: Vec<(i64, i64)>,
    /// Tokens that ask, by their number: what entries say of each.
    pub(super) tokens: BTreeMap<i64, TokenRow>,
    /// Audiences, by the entry that defined a version: name, version, and the hash of its text.
    pub(super) audiences: BTreeMap<i64, (String, i64, String)>,
    /// Witnesses that were ever asked, by their key: the first entry that says so.
    pub(super) ever_asked: HashMap<String, i64>,
    /// Imports of files, by their number: what the last entry says of each.
    pub(super) imports: BTreeMap<i64, ImportRow>,
    /// How many entries there are of each kind.
    pub(super) kinds: BTreeMap<String, u64>,
}

/// The kinds of entries that may stand behind an erased item.
const FORGETTING: [&str; 2] = ["erasure", "data.forget"];

/// How many payloads one entry of an erasure names at most; only a full one goes on in the next.
/// Erasures that a restore repeats belong to no request, so they can't be told apart by that.
const SEQS_MAX: usize = 5_000;

impl Facts {
    pub(super) fn read(conn: &Connection) -> Result<Facts> {
        let mut facts = Facts {
            erased: HashMap::new(),
            batches: Vec::new(),
            forgettings: BTreeMap::new(),
            disclosings: BTreeMap::new(),
            lifted: 0,
            witnesses: BTreeMap::new(),
            splits: HashMap::new(),
            write_keys: BTreeMap::new(),
            recalls: BTreeMap::new(),
            ended: Vec::new(),
            tokens: BTreeMap::new(),
            audiences: BTreeMap::new(),
            ever_asked: HashMap::new(),
            imports: BTreeMap::new(),
            kinds: BTreeMap::new(),
        };
        let mut last: Option<(i64, i64, bool)> = None;
        sql::entries(conn, 0, i64::MAX, |n, leaf| {
            let Ok(view) = fields(leaf) else { return };
            match facts.kinds.get_mut(view.kind) {
                Some(count) => *count += 1,
                None => _ = facts.kinds.insert(view.kind.to_owned(), 1),
            }
            if !FORGETTING.contains(&view.kind) {
                last = None;
                facts.note(n, &view);
                return;
            }
            let body = body(&view);
            let request = body["req"].as_i64().unwrap_or(-1);
            if view.kind == "erasure" {
                for seq in body["seqs"].as_array().into_iter().flatten().filter_map(Value::as_i64) {
                    facts.erased.entry(seq).or_insert(n);
                }
                let erased = body["seqs"].as_array().map_or(0, Vec::len);
                if let Some((before, same, full)) = last
                    && same == request
                    && full
                    && let Some(part) = facts.forgettings.get_mut(&before)
                {
                    part.goes_on = true;
                }
                last = Some((n, request, erased == SEQS_MAX));
            } else {
                last = None;
            }
            facts.forgettings.insert(
                n,
                Forgetting {
                    records: body["records"].as_i64().unwrap_or(0),
                    keeps: body["kept"].as_array().is_some_and(|kept| !kept.is_empty()),
                    values: body["values"].as_i64().unwrap_or(0),
                    events: body["events"].as_i64().unwrap_or(0),
                    disclosures: body["disclosures"].as_i64().unwrap_or(0),
                    numbers: body["numbers"].as_str().unwrap_or_default().to_owned(),
                    goes_on: false,
                },
            );
        })?;
        Ok(facts)
    }

    /// Notes what an entry says that forgets nothing.
    fn note(&mut self, n: i64, view: &LeafView<'_>) {
        match view.kind {
            "data.admit" => self.batches.push(n),
            "disclosure.run" => {
                let body = body(view);
                self.disclosings.insert(
                    n,
                    Disclosing {
                        at: view.at.0,
                        destination: text(&body, "destination"),
                        purpose: text(&body, "purpose"),
                        count: body["count"].as_i64().unwrap_or(0),
                        people: body["people"].as_i64().or(body["count"].as_i64()).unwrap_or(0),
                        first: body["first"].as_i64().unwrap_or(0),
                        root: text(&body, "root"),
                        messages: numbers(&body["messages"]).collect(),
                    },
                );
            }
            "import.progress" => {
                let body = body(view);
                let number = |name: &str| body[name].as_i64().unwrap_or(0);
                let is_done = body["done"] == true;
                let row = ImportRow {
                    id: number("import"),
                    source: text(&body, "source"),
                    file: text(&body, "file"),
                    begun_under: number("begun_under"),
                    begun_at: number("begun_at"),
                    state: if is_done { 3 } else { 2 },
                    finished_at: if is_done { view.at.0 } else { 0 },
                    line: number("line"),
                    counts: text(&body, "counts"),
                    entry: n,
                };
                self.imports.insert(row.id, row);
            }
            "suppression.lift" => {
                self.lifted += body(view)["fingerprints"].as_u64().unwrap_or(0);
            }
            "witness.add" => {
                let body = body(view);
                self.ever_asked.entry(text(&body, "vkey")).or_insert(n);
                self.witnesses.insert(text(&body, "vkey"), (n, text(&body, "url")));
            }
            "witness.remove" => {
                self.witnesses.remove(body(view)["vkey"].as_str().unwrap_or_default());
            }
            "write_key.add" => {
                let body = body(view);
                let id = body["key"].as_i64().unwrap_or(0);
                let row = WriteKeyRow {
                    id,
                    source: text(&body, "source"),
                    label: text(&body, "label"),
                    print: text(&body, "print"),
                    reach: if text(&body, "reach") == "public" { 3 } else { 2 },
                    expires_at: body["expires_at"].as_i64().unwrap_or(0),
                    entry: n,
                    revoked_entry: 0,
                };
                self.write_keys.insert(id, row);
            }
            "profile.split" => {
                if let Some(merge) = body(view)["merge_entry"].as_i64() {
                    self.splits.insert(merge, n);
                }
            }
            "outbox.recall" => self.note_recalls(n, &body(view)),
            "outbox.outcome" | "outbox.drop" => {
                let body = body(view);
                let gone = body["why"] == "erased";
                self.ended.extend(numbers(&body["ended"]).map(|message| (message, n)));
                for message in numbers(&body["recalls"]) {
                    if let Some(recalled) = self.recalls.get_mut(&message) {
                        (recalled.done, recalled.gone) = (true, gone || recalled.gone);
                    }
                }
            }
            "audience.define" => {
                let body = body(view);
                let version = body["version"].as_i64().unwrap_or(0);
                self.audiences.insert(n, (text(&body, "name"), version, text(&body, "sha256")));
            }
            "write_key.revoke" => {
                let id = body(view)["key"].as_i64().unwrap_or(0);
                if let Some(row) = self.write_keys.get_mut(&id) {
                    row.revoked_entry = n;
                }
            }
            "token.add" => {
                let body = body(view);
                let purposes = body["purposes"].as_array().into_iter().flatten();
                let id = body["token"].as_i64().unwrap_or(0);
                let row = TokenRow {
                    id,
                    label: text(&body, "label"),
                    print: text(&body, "print"),
                    role: text(&body, "role"),
                    purposes: purposes.filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
                    destination: text(&body, "destination"),
                    expires_at: body["expires_at"].as_i64().unwrap_or(0),
                    entry: n,
                    revoked_entry: 0,
                };
                self.tokens.insert(id, row);
            }
            "token.revoke" => {
                let id = body(view)["token"].as_i64().unwrap_or(0);
                if let Some(row) = self.tokens.get_mut(&id) {
                    row.revoked_entry = n;
                }
            }
            _ => {}
        }
    }

    fn note_recalls(&mut self, entry: i64, body: &Value) {
        for message in body["messages"].as_array().into_iter().flatten() {
            let recalled = Recalled {
                entry,
                destination: text(body, "destination"),
                act: text(body, "act"),
                disclosure: message["disclosure"].as_i64().unwrap_or(0),
                commitment: text(message, "commit"),
                done: false,
                gone: false,
            };
            self.recalls.insert(message["n"].as_i64().unwrap_or(0), recalled);
        }
    }
}

/// The numbers that a body lists.
fn numbers(listed: &Value) -> impl Iterator<Item = i64> + '_ {
    listed.as_array().into_iter().flatten().filter_map(Value::as_i64)
}

/// A text of a body; empty where there is none.
fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_default().to_owned()
}

/// The body of an entry; null where it has none.
pub(super) fn body(view: &LeafView<'_>) -> Value {
    view.body.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or(Value::Null)
}
