//! Models, questions and links of linking, against the entries that brought and answered them.
//!
//! An entry names no two people together, so which two a question is about is what the file says. What
//! the ledger holds is which questions there were, how each was answered, what each join stood on, and
//! a commitment to what was learned. Rows that are missing are no fault where somebody was erased since: an
//! erasure takes every question and link of its people.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde_json::Value;

use crate::base::error::Result;
use crate::ledger::scan::LeafView;
use crate::linking::run::commitment;

use super::claim::Claim;
use super::facts::body;
use super::sql;
use super::subjects::records;

/// What entries say about linking.
#[derive(Default)]
pub(super) struct Linking {
    /// Runs, and newcomers of whom something was found, by entry: what their bodies say, and when.
    runs: BTreeMap<i64, (Value, i64)>,
    /// The last answer to each question: entry and word. Both entries of an answer say the same.
    answers: BTreeMap<i64, (i64, String)>,
    /// Every entry of an answer: question and word.
    said: BTreeMap<i64, (i64, String)>,
    /// The records that answers to a question are about, where that can be read.
    about: BTreeMap<i64, BTreeSet<i64>>,
    /// Joins of linking by entry: the model, and the records that moved, where that can be read.
    joins: BTreeMap<i64, (i64, Option<BTreeSet<i64>>)>,
    /// Other merges by entry: the records that moved, where that can be read.
    merges: BTreeMap<i64, Option<BTreeSet<i64>>>,
    /// Splits, and whether people made them; those of shared identifiers keep nobody apart.
    splits: BTreeMap<i64, bool>,
    last_erasure: i64,
}

impl Linking {
    /// Follows an entry; `payload` is what it says of its person, and by which record, where that opens.
    pub(super) fn follow(&mut self, n: i64, view: &LeafView<'_>, payload: Option<(i64, &Value)>) {
        match view.kind {
            "identity.run" | "identity.newcomer" => {
                _ = self.runs.insert(n, (body(view), view.at.0))
            }
            "identity.answer" => {
                let body = body(view);
                let question = body["question"].as_i64().unwrap_or(0);
                let word = body["answer"].as_str().unwrap_or_default().to_owned();
                self.said.insert(n, (question, word.clone()));
                self.answers.insert(question, (n, word));
                let about = self.about.entry(question).or_default();
                about.extend(payload.map(|(record, _)| record));
            }
            "profile.merge" => {
                let body = body(view);
                let moved = payload.map(|(_, said)| records(said).collect());
                if body["by"].as_str() == Some("linkage") {
                    self.joins.insert(n, (body["model"].as_i64().unwrap_or(0), moved));
                } else {
                    self.merges.insert(n, moved);
                }
            }
            "profile.split" => {
                let by_people = payload.is_some_and(|(_, said)| said["by"] == "person");
                self.splits.insert(n, by_people);
            }
            "erasure" => self.last_erasure = n,
            _ => {}
        }
    }

    /// Compares what is held with it.
    pub(super) fn check(&self, conn: &Connection) -> Result<Claim> {
        let mut claim = Claim::new(
            "linking",
            "what linking learned, asked and was answered, and what its joins and partings stand on, is what \
             entries say",
        );
        self.models(conn, &mut claim)?;
        let held = Held::read(conn)?;
        self.questions(conn, &held, &mut claim)?;
        self.links(&held, &mut claim);
        Ok(claim)
    }

    fn models(&self, conn: &Connection, claim: &mut Claim) -> Result<()> {
        let mut known = 0;
        for row in sql::models(conn)? {
            known += 1;
            claim.checked += 1;
            let salt: Option<[u8; 32]> = row.salt.try_into().ok();
            let learned = salt.map(|salt| commitment(&salt, &row.body));
            let holds = self.runs.get(&row.entry).is_some_and(|(said, at)| {
                row.version == known
                    && said["model"].as_i64() == Some(row.version)
                    && said["new"].as_bool() == Some(true)
                    && learned.is_some()
                    && said["learned"].as_str() == learned.as_deref()
                    && said["records"].as_i64() == Some(row.records)
                    && *at == row.at
            });
            claim.expect(holds, "model-differs", Some(row.entry), || {
                format!("model {} is not the one that its entry brought", row.version)
            });
        }
        let brought = self.runs.values().filter(|(said, _)| said["new"] == true).count();
        claim.expect(brought == known.unsigned_abs() as usize, "model-missing", None, || {
            format!("{brought} models were learned, and {known} are here")
        });
        Ok(())
    }

    fn questions(&self, conn: &Connection, held: &Held, claim: &mut Claim) -> Result<()> {
        let mut asked: BTreeMap<i64, i64> = BTreeMap::new();
        for [id, a, b, entry, state, decided] in sql::questions(conn)? {
            claim.checked += 1;
            *asked.entry(entry).or_default() += 1;
            let answer = self.answers.get(&id).map(|(_, word)| word.as_str());
            let stands = match (state, answer) {
                (2, None) => decided == 0,
                (3, Some("later"))
                | (4, Some("same"))
                | (5, Some("different"))
                | (6, Some("related")) => {
                    self.said.get(&decided).is_some_and(|(question, word)| {
                        *question == id && Some(word.as_str()) == answer
                    })
                }
                (7, None | Some("later")) => self.runs.contains_key(&decided),
                _ => false,
            };
            // Of whoever was erased since, the question is gone too.
            let about = self.about.get(&id);
            let stands = stands
                && about.is_none_or(|about| about.iter().all(|record| [a, b].contains(record)));
            claim.expect(stands, "question-differs", Some(decided.max(entry)), || {
                format!("question {id} is not where its entries left it")
            });
            let pair = (decided, a.min(b), a.max(b));
            let kept_apart = !matches!(state, 5 | 6) || held.apart.contains(&pair);
            claim.expect(kept_apart, "link-missing", Some(decided), || {
                format!("the two of question {id} were told apart, and nothing keeps them so")
            });
        }
        for (n, (said, _)) in &self.runs {
            let (told, here) = (said["asked"].as_i64().unwrap_or(0), asked.remove(n).unwrap_or(0));
            let holds = here == told || (here < told && self.last_erasure > *n);
            claim.expect(holds, "question-missing", Some(*n), || {
                format!("entry {n} asked {told} questions, and {here} are here")
            });
        }
        let told: i64 = self.runs.values().filter_map(|(said, _)| said["asked"].as_i64()).sum();
        claim.expect(sql::last_question(conn)? == told, "number-given-twice", None, || {
            "numbers of questions could be given twice, or were given to none".into()
        });
        for n in asked.keys() {
            let what = format!("a question was asked by entry {n}, which asks none");
            claim.find("question-without-entry", Some(*n), what);
        }
        Ok(())
    }

    fn links(&self, held: &Held, claim: &mut Claim) {
        for [id, kind, model, entry, a, b, retired] in held.links.iter().copied() {
            claim.checked += 1;
            // One of the two moved to where the other was.
            let crosses = |moved: &BTreeSet<i64>| moved.contains(&a) != moved.contains(&b);
            let holds = match kind {
                3 => self
                    .joins
                    .get(&entry)
                    .is_some_and(|(by, moved)| *by == model && moved.as_ref().is_none_or(crosses)),
                5 => self.splits.contains_key(&entry) || self.said.contains_key(&entry),
                _ => self.runs.get(&entry).is_some_and(|(said, _)| said["model"] == model),
            };
            claim.expect(holds, "link-without-entry", Some(entry), || {
                format!("link {id} stands on entry {entry}, which doesn't say it")
            });
            // What keeps two apart ends when a person joins them, what joins them when they are parted.
            let ended = retired > entry
                && match kind {
                    5 => {
                        let joined = self.merges.get(&retired);
                        joined.is_some_and(|moved| moved.as_ref().is_none_or(crosses))
                    }
                    3 => self.splits.contains_key(&retired),
                    _ => {
                        self.splits.contains_key(&retired)
                            || self.runs.contains_key(&retired)
                            || self.said.contains_key(&retired)
                    }
                };
            claim.expect(retired == 0 || ended, "link-retired", Some(entry), || {
                format!("link {id} counts as ended by entry {retired}, which doesn't say it")
            });
        }
        let since = self.last_erasure + 1;
        for (n, _) in self.splits.range(since..).filter(|(_, by_people)| **by_people) {
            claim.expect(held.count(5, *n) > 0, "link-missing", Some(*n), || {
                format!("entry {n} parted two profiles, and nothing keeps them apart")
            });
        }
        for (n, _) in self.joins.range(since..) {
            claim.expect(held.count(3, *n) == 1, "link-missing", Some(*n), || {
                format!("entry {n} joined two profiles by a link that is gone")
            });
        }
        for (n, (said, _)) in self.runs.range(since..) {
            let (told, here) = (said["related"].as_i64().unwrap_or(0), held.count(6, *n));
            claim.expect(told == here, "link-missing", Some(*n), || {
                format!("entry {n} found {told} relations, and {here} are here")
            });
        }
    }
}

/// The links that stand on an entry of their own.
struct Held {
    links: Vec<[i64; 7]>,
    /// How many of a kind an entry brought.
    counts: BTreeMap<(i64, i64), i64>,
    /// Those that keep two records apart: the entry, and the records in order.
    apart: BTreeSet<(i64, i64, i64)>,
}

impl Held {
    fn read(conn: &Connection) -> Result<Held> {
        let links = sql::decided_links(conn)?;
        let mut held = Held { links: Vec::new(), counts: BTreeMap::new(), apart: BTreeSet::new() };
        for [_, kind, _, entry, a, b, _] in links.iter().copied() {
            *held.counts.entry((kind, entry)).or_default() += 1;
            if kind == 5 {
                held.apart.insert((entry, a, b));
            }
        }
        held.links = links;
        Ok(held)
    }

    fn count(&self, kind: i64, entry: i64) -> i64 {
        self.counts.get(&(kind, entry)).copied().unwrap_or(0)
    }
}
