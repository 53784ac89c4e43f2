//! Models, questions and links of linking, against the entries that brought and answered them.
//!
//! An entry names no two people together, so which two an open question is about is what the file says. What
//! the ledger holds is which questions there were, how each was answered, what each join stood on, and
//! a commitment to what was learned. Rows that are missing are no fault where somebody was erased since, and
//! nothing says that it was somebody else: an erasure takes every question and link of its people.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

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
    /// The last answer to each question.
    answers: BTreeMap<i64, Answer>,
    /// Every entry of an answer: question and word.
    said: BTreeMap<i64, (i64, String)>,
    /// The records that answers to a question are about, where that can be read.
    about: BTreeMap<i64, BTreeSet<i64>>,
    /// Joins of linking by entry: the model, and the records that moved, where that can be read.
    joins: BTreeMap<i64, (i64, Option<BTreeSet<i64>>)>,
    /// Other merges by entry.
    merges: BTreeMap<i64, Merged>,
    /// Splits, whether people made them (those of shared identifiers keep nobody apart), and the records that
    /// moved, where that can be read.
    splits: BTreeMap<i64, (bool, Option<BTreeSet<i64>>)>,
    /// The split that took a merge back, by the merge's entry.
    undone: BTreeMap<i64, i64>,
    last_erasure: i64,
}

/// A merge that linking didn't make.
struct Merged {
    /// Whether a person decided it, and not identifiers.
    by_person: bool,
    /// How many partings it says that it ended.
    reunited: i64,
    /// The records that moved, where that can be read.
    moved: Option<BTreeSet<i64>>,
}

/// An answer, in two entries that say the same, about each of the two.
struct Answer {
    word: String,
    first: i64,
    /// Whether the second entry was met.
    is_whole: bool,
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
                match self.answers.get_mut(&question) {
                    Some(answer) if !answer.is_whole && answer.first == n - 1 => {
                        answer.is_whole = true;
                    }
                    _ => {
                        let answer = Answer { word, first: n, is_whole: false };
                        self.answers.insert(question, answer);
                    }
                }
                let about = self.about.entry(question).or_default();
                about.extend(payload.map(|(record, _)| record));
            }
            "profile.merge" => {
                let body = body(view);
                let moved = payload.map(|(_, said)| records(said).collect());
                if body["by"].as_str() == Some("linkage") {
                    self.joins.insert(n, (body["model"].as_i64().unwrap_or(0), moved));
                } else {
                    let by_person = body["by"].as_str() == Some("person");
                    let reunited = body["reunited"].as_i64().unwrap_or(0);
                    self.merges.insert(n, Merged { by_person, reunited, moved });
                }
            }
            "profile.split" => {
                if let Some(merge) = body(view)["merge_entry"].as_i64() {
                    self.undone.insert(merge, n);
                }
                let by_people = payload.is_some_and(|(_, said)| said["by"] == "person");
                let moved = payload.map(|(_, said)| records(said).collect());
                self.splits.insert(n, (by_people, moved));
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
        let mut here: BTreeSet<i64> = BTreeSet::new();
        let mut overtaken: BTreeMap<i64, i64> = BTreeMap::new();
        // Numbers are given in order, so each run asked those after the last one's.
        let mut last = 0;
        let mut numbers: BTreeMap<i64, Range<i64>> = BTreeMap::new();
        for (n, (said, _)) in &self.runs {
            let first = last + 1;
            last += said["asked"].as_i64().unwrap_or(0);
            numbers.insert(*n, first..last + 1);
        }
        for [id, a, b, model, entry, state, decided] in sql::questions(conn)? {
            claim.checked += 1;
            *asked.entry(entry).or_default() += 1;
            here.insert(id);
            let of_run = numbers.get(&entry).is_some_and(|numbers| numbers.contains(&id))
                && self.runs.get(&entry).is_some_and(|(said, _)| said["model"] == model);
            let answer = self.answers.get(&id);
            let stands = match (state, answer.map(|answer| answer.word.as_str())) {
                (2, None) => decided == 0,
                (3, Some("later"))
                | (4, Some("same"))
                | (5, Some("different"))
                | (6, Some("related")) => answer.is_some_and(|answer| answer.first == decided),
                (7, None | Some("later")) => {
                    *overtaken.entry(decided).or_default() += 1;
                    decided > entry && self.runs.contains_key(&decided)
                }
                _ => false,
            };
            // Of whoever was erased since, the question is gone too.
            let about = self.about.get(&id);
            let stands = stands
                && of_run
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
        // Whoever answered after the last erasure, and whoever of the two can still be told, is not erased.
        for (id, answer) in &self.answers {
            let both = self.about.get(id).is_some_and(|about| about.len() == 2);
            let stands = answer.first > self.last_erasure || both;
            claim.expect(
                !stands || here.contains(id),
                "question-missing",
                Some(answer.first),
                || {
                    format!(
                        "question {id} is gone, which was answered, and nobody of it was erased"
                    )
                },
            );
        }
        for (n, (said, _)) in &self.runs {
            let (told, here) = (said["asked"].as_i64().unwrap_or(0), asked.remove(n).unwrap_or(0));
            let holds = here == told || (here < told && self.last_erasure > *n);
            claim.expect(holds, "question-missing", Some(*n), || {
                format!("entry {n} asked {told} questions, and {here} are here")
            });
            let (told, here) =
                (said["overtaken"].as_i64().unwrap_or(0), overtaken.remove(n).unwrap_or(0));
            let holds = here == told || (here < told && self.last_erasure > *n);
            claim.expect(holds, "question-differs", Some(*n), || {
                format!("entry {n} took back {told} questions, and {here} are here")
            });
        }
        claim.expect(sql::last_question(conn)? == last, "number-given-twice", None, || {
            "numbers of questions could be given twice, or were given to none".into()
        });
        for n in asked.keys() {
            let what = format!("a question was asked by entry {n}, which asks none");
            claim.find("question-without-entry", Some(*n), what);
        }
        Ok(())
    }

    fn links(&self, held: &Held, claim: &mut Claim) {
        let mut unrelated: BTreeMap<i64, i64> = BTreeMap::new();
        let mut reunited: BTreeMap<i64, i64> = BTreeMap::new();
        for [id, kind, model, entry, a, b, retired] in held.links.iter().copied() {
            claim.checked += 1;
            // One of the two moved to where the other was.
            let crosses = |moved: &BTreeSet<i64>| moved.contains(&a) != moved.contains(&b);
            let holds = match kind {
                3 => self
                    .joins
                    .get(&entry)
                    .is_some_and(|(by, moved)| *by == model && moved.as_ref().is_none_or(crosses)),
                // A person joins the first of those who moved with the first of all.
                4 => self.merges.get(&entry).is_some_and(|merged| {
                    let moved = merged.moved.as_ref();
                    merged.by_person && moved.is_none_or(|all| all.contains(&a) || all.contains(&b))
                }),
                5 => match (self.splits.get(&entry), self.said.get(&entry)) {
                    (Some((by_people, moved)), _) => match moved {
                        Some(moved) => *by_people && crosses(moved),
                        None => true,
                    },
                    (None, Some((question, word))) => {
                        let about = self.about.get(question);
                        ["different", "related"].contains(&word.as_str())
                            && about.is_none_or(|all| all.iter().all(|r| [a, b].contains(r)))
                    }
                    (None, None) => false,
                },
                _ => self.runs.get(&entry).is_some_and(|(said, _)| said["model"] == model),
            };
            claim.expect(holds, "link-without-entry", Some(entry), || {
                format!("link {id} stands on entry {entry}, which doesn't say it")
            });
            // What keeps two apart ends when a person joins them, what joins them when they are parted.
            let ended = retired > entry
                && match kind {
                    5 => {
                        *reunited.entry(retired).or_default() += 1;
                        let joined = self.merges.get(&retired);
                        joined.is_some_and(|merged| merged.moved.as_ref().is_none_or(crosses))
                    }
                    3 | 4 => {
                        let parted = self.splits.get(&retired);
                        parted.is_some_and(|(_, moved)| moved.as_ref().is_none_or(crosses))
                    }
                    _ => self.splits.contains_key(&retired) || self.runs.contains_key(&retired),
                };
            if self.runs.contains_key(&retired) {
                *unrelated.entry(retired).or_default() += 1;
            }
            let undone = self.undone.get(&entry).filter(|_| matches!(kind, 3 | 4));
            // One whose two were parted before has ended already when its join is taken back.
            let ended = match undone {
                None => retired == 0 || ended,
                Some(split) => retired == *split || (ended && retired < *split),
            };
            claim.expect(ended, "link-retired", Some(entry), || {
                format!("link {id} counts as ended by entry {retired}, which doesn't say it")
            });
        }
        for (id, entry) in &held.doubled {
            let what = format!("link {id} stands twice on entry {entry}");
            claim.find("link-doubled", Some(*entry), what);
        }
        for ((kind, n), count) in &held.counts {
            // What an entry brought can have gone with whoever was erased, and never become more.
            let most = match kind {
                3 | 4 => 1,
                5 if self.said.contains_key(n) => 1,
                5 => i64::MAX,
                _ => self.runs.get(n).map_or(0, |(said, _)| said["related"].as_i64().unwrap_or(0)),
            };
            claim.expect(*count <= most, "link-doubled", Some(*n), || {
                format!("entry {n} brought {most} links of a kind, and {count} are here")
            });
        }
        for (n, (by_people, moved)) in &self.splits {
            let Some(moved) = moved.as_ref().filter(|_| *by_people) else { continue };
            claim.expect(held.parts_all(*n, moved), "link-doubled", Some(*n), || {
                format!(
                    "entry {n} parted each of some from each of others, and here are more, or fewer"
                )
            });
        }
        let since = self.last_erasure + 1;
        for (n, _) in self.splits.range(since..).filter(|(_, (by_people, _))| *by_people) {
            claim.expect(held.count(5, *n) > 0, "link-missing", Some(*n), || {
                format!("entry {n} parted two profiles, and nothing keeps them apart")
            });
        }
        for (n, _) in self.merges.range(since..).filter(|(_, merged)| merged.by_person) {
            claim.expect(held.count(4, *n) == 1, "link-missing", Some(*n), || {
                format!("entry {n} joined two profiles by a person's word that is gone")
            });
        }
        for (n, merged) in &self.merges {
            let (told, here) = (merged.reunited, reunited.remove(n).unwrap_or(0));
            let holds = here == told || (here < told && self.last_erasure > *n);
            claim.expect(holds, "link-retired", Some(*n), || {
                format!("entry {n} ended {told} partings, and {here} count as ended by it here")
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
        for (n, (said, _)) in &self.runs {
            let (told, here) =
                (said["unrelated"].as_i64().unwrap_or(0), unrelated.remove(n).unwrap_or(0));
            let holds = here == told || (here < told && self.last_erasure > *n);
            claim.expect(holds, "link-retired", Some(*n), || {
                format!("entry {n} ended {told} relations, and {here} are here")
            });
        }
    }
}

/// The links that stand on an entry of their own.
#[derive(Default)]
struct Held {
    links: Vec<[i64; 7]>,
    /// How many of a kind an entry brought.
    counts: BTreeMap<(i64, i64), i64>,
    /// Those that keep two records apart: the entry, and the records in order.
    apart: BTreeSet<(i64, i64, i64)>,
    /// Those that stand twice, each with its entry.
    doubled: Vec<(i64, i64)>,
}

impl Held {
    fn read(conn: &Connection) -> Result<Held> {
        let links = sql::decided_links(conn)?;
        let mut held = Held::default();
        let mut seen = BTreeSet::new();
        for [id, kind, _, entry, a, b, _] in links.iter().copied() {
            if !seen.insert((kind, entry, a.min(b), a.max(b))) {
                held.doubled.push((id, entry));
            }
            *held.counts.entry((kind, entry)).or_default() += 1;
            if kind == 5 {
                held.apart.insert((entry, a, b));
            }
        }
        held.links = links;
        Ok(held)
    }

    /// Whether what a parting brought keeps each of some that it moved from each of some others, once: an
    /// erasure takes all rows of its people.
    fn parts_all(&self, entry: i64, moved: &BTreeSet<i64>) -> bool {
        let (mut sides, mut rows) = ((BTreeSet::new(), BTreeSet::new()), 0);
        for (_, a, b) in self.apart.range((entry, i64::MIN, i64::MIN)..=(entry, i64::MAX, i64::MAX))
        {
            let (mine, other) = if moved.contains(a) { (a, b) } else { (b, a) };
            sides.0.insert(*mine);
            sides.1.insert(*other);
            rows += 1;
        }
        rows == sides.0.len() * sides.1.len()
    }

    fn count(&self, kind: i64, entry: i64) -> i64 {
        self.counts.get(&(kind, entry)).copied().unwrap_or(0)
    }
}
