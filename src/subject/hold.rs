//! A legal hold: data that is kept because somebody establishes, exercises or defends a legal claim
//! (Art 17(3)(e)), also where nothing else keeps it.
//!
//! A hold is a statement about the person like any other: recorded, dated, and its reason sealed. It
//! keeps and lets nothing be used: what goes in or out is still asked of the gate, purpose by purpose.
//! An erasure takes all that was said; the hold itself is then set anew on what it keeps, with a
//! restriction to storage (Art 18), and the rest goes when it is lifted and the erasure repeated.

use chrono_tz::Tz;

use crate::base::clock::{DAY_MS, Moment};
use crate::base::error::{Error, Result};
use crate::consent::fold::{AsOf, Hold, Standing};
use crate::consent::history::{History, NewStatement};
use crate::consent::kept::on_each_record;
use crate::consent::statement::Axis;
use crate::policy::rulebook::Rulebook;
use crate::policy::types::ConsentState;
use crate::profile::read::is_erased;
use crate::profile::why::{HoldReason, Why};
use crate::store::{Store, WordKind, Words, Writer};

use super::erase::{Categories, CategoryDecision, public};
use super::forget::{self, Forgotten};
use super::{sql, told};

/// The ground of Art 17(3) on which a hold keeps.
pub const GROUND: &str = "Art 17(3)(e)";

/// What is kept by a hold, said as a purpose of it would be.
pub const BECAUSE: &str = "a legal hold";

/// What is to be held, and why.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The claim.
    pub because: &'a str,
    /// The categories; all where none is named.
    pub categories: &'a [String],
    /// From when it isn't held any more; until it is lifted where there is none.
    pub until: Option<Moment>,
}

/// Sets a hold on a subject. Returns its entries, one for each category and record.
///
/// # Errors
/// `category-unknown`; `reason-missing`; `time-past`.
pub fn set(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    subject: i64,
    wanted: &Wanted<'_>,
) -> Result<Vec<i64>> {
    if wanted.because.trim().is_empty() {
        return Err(Error::usage("reason-missing", "a hold needs the claim that it is for")
            .next("say it with --because, such as --because \"claim 2026-17\""));
    }
    let days = match wanted.until {
        None => 0,
        Some(until) if until > writer.now => days_until(writer.now, until),
        Some(until) => {
            return Err(Error::usage("time-past", "the hold would be over already")
                .at(until)
                .next(
                    "name a later day with --until, or leave it out: it lasts until it is lifted",
                ));
        }
    };
    let codes = match wanted.categories {
        [] => vec![0],
        named => {
            let code = |name: &String| category(rules, writer.words, name);
            named.iter().map(code).collect::<Result<Vec<u16>>>()?
        }
    };
    let mut entries = Vec::new();
    for category in codes {
        let new = NewStatement {
            every_days: days,
            because: Some(wanted.because.trim().to_owned()),
            ..statement(Axis::Hold, category, ConsentState::Given, writer.now)
        };
        entries.extend(on_each_record(writer, subject, &new)?);
    }
    Ok(entries)
}

/// Lifts every hold on a subject, and forgets what nothing else keeps. Of an erased person what the
/// hold kept waits for the erasure to be repeated: only that proves that it is gone.
///
/// # Errors
/// `hold-not-found` where none stands.
pub fn lift(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    subject: i64,
) -> Result<(Vec<i64>, Forgotten)> {
    let standing = History::load(writer.conn, subject)?.standing(AsOf::at(writer.now));
    if standing.holds.is_empty() {
        return Err(Error::no("hold-not-found", "no hold stands on this person's data")
            .next("`candor consent history WHO` lists those that did"));
    }
    let mut entries = Vec::new();
    for category in standing.holds.keys() {
        let new = statement(Axis::Hold, *category, ConsentState::Withdrawn, writer.now);
        entries.extend(on_each_record(writer, subject, &new)?);
    }
    let forgotten = match is_erased(writer.conn, subject)? {
        true => Forgotten::default(),
        false => forget::sweep(writer, rules, subject, "hold lifted")?,
    };
    Ok((entries, forgotten))
}

/// A hold that stands, and whose data it keeps.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// The subject's id.
    pub subject: String,
    /// The category; `None` for everything.
    pub category: Option<String>,
    /// The day until which it lasts; `None` until it is lifted.
    pub until: Option<String>,
    /// Its ledger entry.
    pub entry: i64,
}

/// Every hold that stands. It names nobody but by id, and not the claim, which is the person's to know.
pub fn list(store: &Store, rules: &Rulebook, now: Moment) -> Result<Vec<Held>> {
    let zone = rules.policy.controller.zone();
    let mut held = Vec::new();
    for subject in sql::subjects_with_statements(store.conn(), Axis::Hold as i64)? {
        let standing = History::load(store.conn(), subject)?.standing(AsOf::at(now));
        for (category, hold) in &standing.holds {
            let category = (*category != 0)
                .then(|| store.words().text(WordKind::Category, (*category).into()).to_owned());
            held.push(Held {
                subject: public(store, subject)?,
                category,
                until: last_day(hold.until, zone),
                entry: hold.entry,
            });
        }
    }
    Ok(held)
}

/// The holds on one person, by the names of categories.
pub struct Holds<'a> {
    standing: Standing,
    words: &'a Words,
}

impl<'a> Holds<'a> {
    /// Those that stand.
    pub fn of(standing: Standing, words: &'a Words) -> Holds<'a> {
        Holds { standing, words }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.standing.holds.is_empty()
    }

    /// The one that keeps what is of a category; `None` where none does.
    pub fn on(&self, category: &str) -> Option<Hold> {
        if self.is_empty() {
            return None;
        }
        self.standing.hold_on(category_code(self.words, category))
    }

    /// Until when something of a category is held; `None` where it isn't.
    pub fn until(&self, category: &str) -> Option<Moment> {
        self.on(category).map(|hold| hold.until)
    }
}

/// Adds to what explains a subject's values and events the hold that keeps them.
pub fn explain(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    now: Moment,
    answers: &mut [Why],
) -> Result<()> {
    let standing = History::load(store.conn(), subject)?.standing(AsOf::at(now));
    let holds = Holds::of(standing, store.words());
    if holds.is_empty() {
        return Ok(());
    }
    let zone = rules.policy.controller.zone();
    let categories = Categories::of(rules);
    for why in answers {
        let category = match why.item {
            "event" => categories.of_event(&why.field),
            _ => categories.of_field(&why.source, &why.field),
        };
        why.hold = holds
            .on(&category)
            .map(|hold| HoldReason { until: last_day(hold.until, zone), entry: hold.entry });
    }
    Ok(())
}

/// What an erasure leaves for a claim, and the holds to be set anew on it once what was said is taken.
pub(super) struct Claim {
    /// Where the person stands, and what was held when the erasure was first done.
    pub(super) standing: Standing,
    again: Vec<NewStatement>,
}

impl Claim {
    /// The holds of a subject. Where an erasure is repeated, `journalled` are the categories that it left
    /// for a claim when it was first done: a store that was restored may not know of a hold that was set
    /// after the backup, and still know one that was lifted.
    pub(super) fn read(
        store: &Store,
        subject: i64,
        journalled: Option<&[u16]>,
        now: Moment,
    ) -> Result<Claim> {
        let history = History::load(store.conn(), subject)?;
        let mut standing = history.standing(AsOf::at(now));
        let told = match standing.holds.is_empty() {
            true => Vec::new(),
            false => told::told(store, subject)?,
        };
        let because = |entry: i64| told.iter().find(|t| t.entry == entry)?.because.clone();
        let for_all = standing.holds.get(&0).and_then(|hold| because(hold.entry));
        standing.holds.retain(|category, _| journalled.is_none_or(|left| left.contains(category)));
        let again = |(category, hold): (&u16, &Hold)| {
            let set = history.statements.iter().find(|set| set.n == hold.entry)?;
            Some(NewStatement {
                every_days: set.every_days,
                because: because(set.n),
                ..statement(Axis::Hold, *category, ConsentState::Given, set.valid_at)
            })
        };
        let mut again: Vec<NewStatement> = standing.holds.iter().filter_map(again).collect();
        for category in journalled.unwrap_or_default() {
            if standing.holds.contains_key(category) {
                continue;
            }
            standing.holds.insert(*category, Hold { until: Moment::FOREVER, entry: 0 });
            let unsaid = || "set anew by a restore: the claim was said after the backup".into();
            again.push(NewStatement {
                because: Some(for_all.clone().unwrap_or_else(unsaid)),
                ..statement(Axis::Hold, *category, ConsentState::Given, now)
            });
        }
        Ok(Claim { standing, again })
    }

    /// Sets the holds anew on what is left. What they alone keep is restricted to storage: what a
    /// purpose might do with it is no reason any more.
    pub(super) fn renew(&self, writer: &mut Writer<'_>, subject: i64, alone: bool) -> Result<()> {
        if self.again.is_empty() {
            return Ok(());
        }
        let restriction = statement(Axis::Restriction, 0, ConsentState::Given, writer.now);
        for new in self.again.iter().chain(alone.then_some(&restriction)) {
            on_each_record(writer, subject, new)?;
        }
        Ok(())
    }
}

/// The categories that an erasure left for a claim, by what its certificate says. A source's own key is
/// of no category of the policy, so it stays only where all is held.
pub(super) fn journalled(words: &Words, decisions: &[CategoryDecision]) -> Vec<u16> {
    let kept = decisions.iter().filter(|decision| {
        decision.ground.as_deref().is_some_and(|grounds| grounds.split("; ").any(|g| g == GROUND))
    });
    let codes: Option<Vec<u16>> =
        kept.map(|decision| category_code(words, &decision.category)).collect();
    codes.unwrap_or_else(|| vec![0])
}

/// The day until which a hold lasts, in a time zone; `None` for one that must be lifted.
pub fn last_day(until: Moment, zone: Tz) -> Option<String> {
    (until < Moment::FOREVER).then(|| until.utc().with_timezone(&zone).date_naive().to_string())
}

/// Whole days, so that a hold ends on the day that was named and not before.
fn days_until(now: Moment, until: Moment) -> u32 {
    u32::try_from((until.0 - now.0 + DAY_MS - 1) / DAY_MS).unwrap_or(u32::MAX)
}

/// The code of a category, as a hold names it.
fn category_code(words: &Words, name: &str) -> Option<u16> {
    words.code(WordKind::Category, name).and_then(|code| u16::try_from(code).ok())
}

fn category(rules: &Rulebook, words: &Words, name: &str) -> Result<u16> {
    let declared = rules.policy.categories.contains_key(name);
    match category_code(words, name).filter(|_| declared) {
        Some(code) => Ok(code),
        None => {
            let known: Vec<&str> = rules.policy.categories.keys().map(String::as_str).collect();
            Err(Error::usage("category-unknown", format!("the policy declares no category {name}"))
                .next(format!("use one of {}, or none for all", known.join(", "))))
        }
    }
}

fn statement(axis: Axis, category: u16, state: ConsentState, valid_at: Moment) -> NewStatement {
    NewStatement {
        axis,
        purpose: 0,
        channel: category,
        state,
        explicit: false,
        confirmed: false,
        own: false,
        source: 0,
        notice: None,
        language: None,
        every_days: 0,
        because: None,
        method: None,
        evidence: None,
        valid_at,
        undated: false,
    }
}
