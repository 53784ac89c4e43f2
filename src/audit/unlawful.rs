//! Decides every admission and every disclosure again, from the history alone.
//!
//! Twice: with what was known then, which must allow everything that was done; and with what was
//! known at the moment that is asked about, which tells where a "no" came too late for candor to
//! honour it. A home's decisions
//! hold until something changes for it, so the scan over the items asks the gate once for each change
//! and not once for each item.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::{AsOf, Standing};
use crate::consent::gate::{Direction, Pace, Question, Reason, decide, open_purposes};
use crate::consent::statement::{Axis, Statement};
use crate::policy::rulebook::{PurposeCode, PurposeMask, Rulebook, bit, codes};
use crate::profile::merge::public_text;
use crate::send::indirect_source;
use crate::store::{Store, WordKind};
use crate::view::{Block, Document, NoteKind, Table, counted};

use super::alike::Alike;
use super::overdue::{Over, Overdue};
use super::past::{Known, Parted, Past};
use super::people::{People, Place};
use super::rules::{Batch, Books, Kind, Masks};
use super::since;
use super::sql::{self, Disclosure, Item};

/// Something that was done and should not have been, for one purpose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// `value`, `event` or `disclosure`.
    pub item: &'static str,
    /// The number of its row.
    pub number: i64,
    /// The field, the event's name or the destination.
    pub what: String,
    /// Whom it is about: a public id, or nothing for somebody who is gone.
    pub subject: String,
    /// The purpose.
    pub purpose: String,
    /// Why not.
    pub reason: &'static str,
    /// Why not, in words.
    pub words: &'static str,
    /// The ledger entry under which it was done; 0 where there is none.
    pub entry: i64,
    /// When it was done.
    pub done_at: String,
    /// The entry by which candor learned better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned_entry: Option<i64>,
    /// When candor learned better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned_at: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unlawful {
    /// As of when it was asked.
    pub as_of: String,
    /// Values that were decided again.
    pub values: u64,
    /// Events that were decided again.
    pub events: u64,
    /// Disclosures that were decided again.
    pub disclosures: u64,
    /// The gate would have said no by what was known then. Must be empty.
    pub unlawful: Vec<Finding>,
    /// Done before candor could know.
    pub before_known: Vec<Finding>,
    /// What they rested on is erased, or has been parted from the person since.
    pub undecidable: u64,
    /// Values that came in by then and were erased or forgotten since: not decided again.
    pub values_erased: u64,
    /// Events that came in by then and were erased or forgotten since: not decided again.
    pub events_erased: u64,
    /// Disclosures made by then of people who were erased since: not decided again.
    pub disclosures_erased: u64,
}

/// What a home may hold, from one change for it to the next.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Decided {
    policy: u32,
    from: Moment,
    until: Moment,
    masks: Masked,
}

/// What a home may hold: by what was known then, and by what was known when the report is as of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Masked {
    then: PurposeMask,
    late: PurposeMask,
}

const NEVER: Decided = Decided {
    policy: 0,
    from: Moment::FOREVER,
    until: Moment(i64::MIN),
    masks: Masked { then: 0, late: 0 },
};

/// The purposes of a policy that were declared by a batch's moment, and until when none is added.
#[derive(Clone, Copy)]
struct Declared {
    policy: u32,
    at: Moment,
    purposes: PurposeMask,
    from: Moment,
    until: Moment,
}

struct Check<'a> {
    conn: &'a Connection,
    store: &'a Store,
    people: People,
    books: Books,
    masks: Masks,
    /// Every decision once: there are few, and many homes.
    decisions: Vec<Decided>,
    numbers: HashMap<Decided, u32>,
    /// The number of the last decision over each slot.
    decided: Vec<u32>,
    /// What those of whom the same counts may hold.
    alike: HashMap<(u32, PurposeMask, Alike, Alike), Masked>,
    declared: Option<Declared>,
    past: Option<Past>,
    overdue: Overdue,
    /// Of each subject: the entry, home, destination and moment of what went out before.
    sent: HashMap<i64, Vec<(i64, i64, i64, Moment)>>,
    kept: HashSet<(i64, i64)>,
    who: Option<i64>,
    to: Moment,
    answer: Unlawful,
}

/// One thing that was done.
#[derive(Clone, Copy)]
struct Deed<'a> {
    item: &'static str,
    number: i64,
    what: &'a str,
    record: i64,
    entry: i64,
    at: Moment,
}

/// Decides everything again that was done until a moment; about one person where one is named.
pub fn unlawful(store: &Store, who: Option<i64>, as_of: Moment) -> Result<Unlawful> {
    let conn = store.conn();
    let people = People::as_of(conn, as_of)?;
    let mut check = Check {
        conn,
        store,
        decisions: vec![NEVER],
        numbers: HashMap::new(),
        decided: vec![0; people.slots()],
        alike: HashMap::new(),
        declared: None,
        people,
        books: Books::load(conn, store.words())?,
        masks: Masks::load(conn)?,
        past: None,
        overdue: Overdue::default(),
        sent: HashMap::new(),
        kept: sql::kept_items(conn)?.into_iter().collect(),
        who,
        to: as_of,
        answer: Unlawful { as_of: as_of.to_string(), ..Unlawful::default() },
    };
    check.items(Kind::Value)?;
    check.items(Kind::Event)?;
    sql::disclosures(conn, |disclosure| check.disclosure(disclosure))?;
    let mut answer = check.answer;
    let erased = since::undecidable(store, who, as_of)?;
    (answer.values_erased, answer.events_erased, answer.disclosures_erased) = erased;
    answer.unlawful.sort();
    answer.before_known.sort();
    Ok(answer)
}

impl Check<'_> {
    fn items(&mut self, kind: Kind) -> Result<()> {
        let conn = self.conn;
        let books = std::mem::replace(&mut self.books, Books::none());
        let mut along = books.along(kind);
        let each = |item| self.item(kind, item, along.batch_of(item.seq));
        let done = match kind {
            Kind::Value => sql::values(conn, each),
            Kind::Event => sql::events(conn, each),
        };
        self.books = books;
        done
    }

    fn item(&mut self, kind: Kind, item: Item, batch: Option<&Batch>) -> Result<()> {
        let slot = self.people.slot(item.record);
        if self.who.is_some() && slot.map(|slot| self.people.place_of(slot).subject) != self.who {
            return Ok(());
        }
        let mask = self.masks.of(item.set);
        let Some((slot, batch)) = slot.zip(batch) else {
            self.count(kind);
            return self.without_reason(kind, item, mask);
        };
        if batch.at > self.to {
            return Ok(());
        }
        self.count(kind);
        let may = batch.map.may_serve(kind, item.name);
        let decided = self.decided(slot, batch).masks;
        let over = self.overdue.over(self.conn, &self.people, slot, batch, item.at)?;
        let over = Over { purposes: over.purposes & mask & may, ..over };
        if mask != 0 && over.purposes == 0 && mask & !(may & decided.then & decided.late) == 0 {
            return Ok(());
        }
        let place = self.people.place_of(slot);
        let word = match kind {
            Kind::Value => WordKind::Field,
            Kind::Event => WordKind::Event,
        };
        let what = self.store.words().text(word, item.name);
        let deed = Deed {
            item: kind.word(),
            number: item.seq,
            what,
            record: item.record,
            entry: batch.entry,
            at: batch.at,
        };
        if mask == 0 {
            self.find_unlawful(deed, 0, "no_purpose", "no purpose is named for which it is held")?;
        }
        for code in codes(mask & !may) {
            let (reason, words) = closed(batch, kind, item.name, code);
            self.find_unlawful(deed, code, reason, words)?;
        }
        for code in codes(over.purposes) {
            // Kept by law through an erasure: what the person was heard of then is erased.
            let kept = (i64::from(kind == Kind::Event) + 1, item.seq);
            if over.certain && !self.kept.contains(&kept) {
                let reason = Reason::RetentionOver;
                self.find_unlawful(deed, code, reason.code(), reason.words())?;
            } else {
                self.answer.undecidable += 1;
            }
        }
        for code in codes(mask & may & !(decided.then & decided.late)) {
            let Some(rule) = batch.rules.rule(code) else { continue };
            let question = Question::new(Direction::In, batch.at);
            let kept = (i64::from(kind == Kind::Event) + 1, item.seq);
            let undecidable = self.kept.contains(&kept);
            let ask = |standing: &Standing| decide(&batch.rules, rule, question, standing).err();
            self.look_back(deed, place, code, undecidable, ask)?;
        }
        Ok(())
    }

    /// What was so at a moment, by all that was known at the moment that is asked about.
    fn by_then(&self, valid: Moment) -> AsOf {
        AsOf { valid, known: self.to }
    }

    fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Value => self.answer.values += 1,
            Kind::Event => self.answer.events += 1,
        }
    }

    /// A row that no batch brought in, or that belongs to no record.
    fn without_reason(&mut self, kind: Kind, item: Item, mask: PurposeMask) -> Result<()> {
        let word = match kind {
            Kind::Value => WordKind::Field,
            Kind::Event => WordKind::Event,
        };
        let deed = Deed {
            item: kind.word(),
            number: item.seq,
            what: self.store.words().text(word, item.name),
            record: item.record,
            entry: 0,
            at: item.at,
        };
        let code = codes(mask).next().unwrap_or(0);
        let words = "no ledger entry admitted it: it came in past the gate";
        self.find_unlawful(deed, code, "not_admitted", words)?;
        Ok(())
    }

    /// What a home may hold under a batch's rules at its moment.
    fn decided(&mut self, slot: usize, batch: &Batch) -> Decided {
        let (rules, at) = (&*batch.rules, batch.at);
        let known = self.decisions[self.decided[slot] as usize];
        if known.policy == rules.version && known.from <= at && at < known.until {
            return known;
        }
        let person = self.people.person_of(slot);
        let declared = self.declared(rules, at);
        let (mut from, mut until) = (declared.from, declared.until);
        let mut change = |moment: Moment| {
            if moment > at {
                until = until.min(moment);
            } else {
                from = from.max(moment);
            }
        };
        for said in self.people.said(person) {
            change(self.people.counts_from(said));
            change(said.recorded_at);
            self.people.expires(rules, said).into_iter().for_each(&mut change);
        }
        if !self.people.is_simple(person) {
            let homes = self.people.homes(person);
            homes.iter().flat_map(|home| &home.moves).for_each(|joined| change(joined.at));
        }
        let then = self.people.alike(person, rules, AsOf::at(at));
        let late = self.people.alike(person, rules, self.by_then(at));
        let (people, hindsight) = (&self.people, self.by_then(at));
        let ask = |asked| open_purposes(rules, &people.standing_of(slot, asked), at);
        let ask_both = || Masked { then: ask(AsOf::at(at)), late: ask(hindsight) };
        let masks = match then.zip(late) {
            Some((then, late)) => {
                let alike = (rules.version, declared.purposes, then, late);
                *self.alike.entry(alike).or_insert_with(ask_both)
            }
            None => ask_both(),
        };
        let decided = Decided { policy: rules.version, from, until, masks };
        self.decided[slot] = *self.numbers.entry(decided).or_insert_with(|| {
            self.decisions.push(decided);
            u32::try_from(self.decisions.len() - 1).expect("there are no more than fit into memory")
        });
        decided
    }

    fn declared(&mut self, rules: &Rulebook, at: Moment) -> Declared {
        if let Some(known) = self.declared
            && known.policy == rules.version
            && known.at == at
        {
            return known;
        }
        let (mut from, mut until, mut purposes) = (Moment(i64::MIN), Moment::FOREVER, 0);
        for rule in rules.rules() {
            if rule.declared_at > at {
                until = until.min(rule.declared_at);
            } else {
                from = from.max(rule.declared_at);
                purposes |= bit(rule.code);
            }
        }
        let declared = Declared { policy: rules.version, at, purposes, from, until };
        self.declared = Some(declared);
        declared
    }

    /// Asks at every point of the transaction what the gate would have said, and by what was known later.
    fn look_back(
        &mut self,
        deed: Deed<'_>,
        place: Place,
        code: PurposeCode,
        undecidable: bool,
        ask: impl Fn(&Standing) -> Option<Reason>,
    ) -> Result<()> {
        if self.past.is_none() {
            self.past = Some(Past::load(self.conn)?);
        }
        let past = self.past.as_ref().expect("made above");
        let home = past.home(deed.record, place.home, deed.entry);
        let parted = past.parted(self.conn, deed.record, place, deed.entry)?;
        let mut no = match parted {
            Parted::Not => Some(Reason::ConsentUnknown),
            _ => ask(&self.people.standing_of(place.slot, AsOf::at(deed.at))),
        };
        let alone = parted == Parted::Before || (parted == Parted::Within && no.is_none());
        if !alone {
            for point in past.points(self.conn, &self.people, home, deed.entry)? {
                let home = past.home(deed.record, place.home, point);
                no = ask(&past.standing(&self.people, home, deed.at, point, Known::Then));
                if no.is_none() {
                    break;
                }
            }
        }
        let person = self.people.person_of(place.slot);
        if let Some(reason) = no {
            // Consent that was erased with the person can't be looked up any more; nor can whom a record was
            // grouped with that had left the others it was born with, and came back since.
            let undecidable = undecidable
                || sql::had_left(self.conn, deed.record, deed.entry)?
                || past.may_be_erased(self.conn, deed.record, deed.entry)?;
            if undecidable {
                self.answer.undecidable += 1;
            } else {
                self.find_unlawful(deed, code, reason.code(), reason.words())?;
            }
            return Ok(());
        }
        let homes: Vec<i64> = self.people.homes(person).iter().map(|home| home.id).collect();
        let grouped_as_then = alone || {
            let group = past.group(home, deed.entry);
            group.iter().all(|home| homes.contains(home))
                && !past.has_left(&self.people, &group, deed.entry, &homes)
        };
        let now = self.people.standing_of(place.slot, self.by_then(deed.at));
        let late = match grouped_as_then {
            true => ask(&now),
            // A split has taken away since what counted then.
            false => {
                ask(&past.standing(&self.people, home, deed.at, deed.entry, Known::By(self.to)))
            }
        };
        // What was allowed at a point of the transaction and not at its end was overtaken within it.
        let late = late.or_else(|| {
            if alone || !grouped_as_then {
                return None;
            }
            ask(&past.standing(&self.people, home, deed.at, deed.entry, Known::Then))
        });
        let Some(reason) = late else { return Ok(()) };
        let mut said = self.people.statements(person);
        said.retain(|statement| statement.recorded_at <= self.to);
        let learned = learned(&said, code, deed);
        let mut finding = self.finding(deed, code, reason.code(), reason.words())?;
        finding.learned_entry = learned.map(|statement| statement.n);
        finding.learned_at = learned.map(|statement| statement.recorded_at.to_string());
        self.answer.before_known.push(finding);
        Ok(())
    }

    fn disclosure(&mut self, disclosure: Disclosure) -> Result<()> {
        let place = self.people.place(disclosure.record);
        if self.who.is_some() && place.map(|place| place.subject) != self.who {
            return Ok(());
        }
        if disclosure.at > self.to {
            return Ok(());
        }
        self.answer.disclosures += 1;
        let words = self.store.words();
        let what = words.text(WordKind::Destination, disclosure.destination);
        let deed = Deed {
            item: "disclosure",
            number: disclosure.id,
            what,
            record: disclosure.record,
            entry: disclosure.entry,
            at: disclosure.at,
        };
        let code = u8::try_from(disclosure.purpose).unwrap_or(0);
        let rules = self.books.in_force(disclosure.at);
        let bound = rules.as_deref().and_then(|rules| bound(rules, what, code));
        let (Some(rules), Some(channel)) = (rules.as_deref(), bound) else {
            let words = "the policy in force didn't bind this destination to the purpose";
            self.find_unlawful(deed, code, "destination_not_bound", words)?;
            return Ok(());
        };
        let (Some(place), Some(rule)) = (place, rules.rule(code)) else {
            let words = "it names a record that isn't there";
            self.find_unlawful(deed, code, "no_record", words)?;
            return Ok(());
        };
        let source = sql::source_of(self.conn, disclosure.record)?;
        let source = self.store.words().text(WordKind::Source, source);
        let indirect = indirect_source(rules, self.store.words(), source);
        let before = self.sent_before(place, disclosure.entry);
        let channel_of = |code: i64| {
            let name = self.store.words().text(WordKind::Destination, code);
            let found = rules.policy.destinations.get(name)?;
            rules.channel_code(found.channel.as_deref()?)
        };
        let to_destination: Vec<Moment> = before
            .iter()
            .filter(|(code, _)| *code == disclosure.destination)
            .map(|(_, at)| *at)
            .collect();
        let on_channel: Vec<Moment> = before
            .iter()
            .filter(|(code, _)| channel_of(*code) == channel)
            .map(|(_, at)| *at)
            .collect();
        self.sent.entry(place.subject).or_default().push((
            disclosure.entry,
            place.home,
            disclosure.destination,
            disclosure.at,
        ));
        let limit = rules.policy.destinations.get(what).and_then(|found| found.at_most);
        let question = Question {
            channel,
            indirect,
            pace: Pace { limit, to_destination: &to_destination, on_channel: &on_channel },
            ..Question::new(Direction::Out, disclosure.at)
        };
        let ask = |standing: &Standing| decide(rules, rule, question, standing).err();
        let then = self.people.standing_of(place.slot, AsOf::at(disclosure.at));
        let late = self.people.standing_of(place.slot, self.by_then(disclosure.at));
        if ask(&then).is_none() && ask(&late).is_none() {
            return Ok(());
        }
        self.look_back(deed, place, code, false, ask)
    }

    /// What went out before an entry of the person that a home belonged to then: (destination, when).
    fn sent_before(&self, place: Place, entry: i64) -> Vec<(i64, Moment)> {
        let homes = self.people.homes(self.people.person_of(place.slot));
        let find = |id: i64| homes.iter().find(|home| home.id == id);
        let joined = |id: i64| {
            let together = find(id).zip(find(place.home));
            let joined = together.and_then(|(one, two)| one.joined_with(two));
            joined.is_none_or(|joined| joined.entry < entry)
        };
        let sent = self.sent.get(&place.subject).into_iter().flatten();
        sent.filter(|(n, home, ..)| *n < entry && joined(*home))
            .map(|(_, _, destination, at)| (*destination, *at))
            .collect()
    }

    fn find_unlawful(
        &mut self,
        deed: Deed<'_>,
        code: PurposeCode,
        reason: &'static str,
        words: &'static str,
    ) -> Result<()> {
        let finding = self.finding(deed, code, reason, words)?;
        self.answer.unlawful.push(finding);
        Ok(())
    }

    fn finding(
        &self,
        deed: Deed<'_>,
        code: PurposeCode,
        reason: &'static str,
        words: &'static str,
    ) -> Result<Finding> {
        let subject = match self.people.place(deed.record) {
            Some(place) => public_text(sql::public_id(self.conn, place.subject)?),
            None => String::new(),
        };
        let purpose = match code {
            0 => String::new(),
            code => self.store.words().text(WordKind::Purpose, code.into()).to_owned(),
        };
        Ok(Finding {
            item: deed.item,
            number: deed.number,
            what: deed.what.to_owned(),
            subject,
            purpose,
            reason,
            words,
            entry: deed.entry,
            done_at: deed.at.to_string(),
            learned_entry: None,
            learned_at: None,
        })
    }
}

/// Why the field map alone closes a purpose to an item.
fn closed(batch: &Batch, kind: Kind, name: i64, code: PurposeCode) -> (&'static str, &'static str) {
    let rules = &batch.rules;
    let covered = |c: &String| rules.covering(c) & bit(code) != 0 || c == "key";
    let categories = batch.map.categories(kind, name);
    let reason = if rules.rule(code).is_none() {
        Reason::PurposeNotDeclared
    } else if categories.is_empty() {
        Reason::UnknownField
    } else if !categories.iter().any(covered) {
        Reason::CategoryNotCovered
    } else if categories.iter().filter(|c| covered(c)).all(|c| rules.is_special(c)) {
        Reason::SpecialCategory
    } else {
        Reason::SourceNotForPurpose
    };
    (reason.code(), reason.words())
}

/// The channel of a destination, if a policy binds it to a purpose.
fn bound(
    rules: &Rulebook,
    destination: &str,
    code: PurposeCode,
) -> Option<Option<crate::policy::rulebook::ChannelCode>> {
    let found = rules.policy.destinations.get(destination)?;
    if rules.purpose_code(&found.purpose) != Some(code) {
        return None;
    }
    Some(found.channel.as_deref().and_then(|channel| rules.channel_code(channel)))
}

/// The statement that came too late: it protects, it held when the deed was done, and it was
/// recorded afterwards, or in the same moment.
fn learned(said: &[Statement], code: PurposeCode, deed: Deed<'_>) -> Option<Statement> {
    said.iter()
        .filter(|s| s.protects() && s.counts_from() <= deed.at && s.recorded_at >= deed.at)
        .filter(|s| match s.axis {
            Axis::Consent | Axis::Objection | Axis::Informed => s.purpose == code,
            Axis::Permission | Axis::Restriction | Axis::Frequency => true,
            // It keeps, and forbids nothing.
            Axis::Hold => false,
        })
        .max_by_key(|s| (s.counts_from(), s.n))
        .copied()
}

impl Unlawful {
    /// Whether the store has done nothing that it should not have done.
    pub fn is_clean(&self) -> bool {
        self.unlawful.is_empty()
    }

    /// The answer for people.
    pub fn document(&self) -> Document {
        let mut document = Document::new(
            "Every decision, decided again",
            format!("everything held or sent until {}", self.as_of),
        );
        document.push(Block::Facts(vec![
            ("Values decided again".into(), self.values.to_string()),
            ("Events decided again".into(), self.events.to_string()),
            ("Disclosures decided again".into(), self.disclosures.to_string()),
            ("Unlawful by what was known then".into(), self.unlawful.len().to_string()),
            ("Done before candor could know".into(), self.before_known.len().to_string()),
        ]));
        document.push(if self.unlawful.is_empty() {
            let words = match self.erased() == 0 {
                true => "The gate allows everything that was done, by what was known when it was done.",
                false => {
                    "The gate allows everything that could be decided again, by what was known when it \
                     was done. What was erased or forgotten since is not covered by this."
                }
            };
            Block::Note(NoteKind::Good, words.into())
        } else {
            let words = "The gate would have said no to what is called unlawful below, by what was known then.";
            Block::Note(NoteKind::Problem, words.into())
        });
        document.push(Block::Table(self.table()));
        if self.erased() > 0 {
            let words = format!(
                "{}, {} and {} can't be decided again, because they were erased or forgotten since, with \
                 what they rested on.",
                counted(self.values_erased, "admitted value", "admitted values"),
                counted(self.events_erased, "admitted event", "admitted events"),
                counted(self.disclosures_erased, "disclosure", "disclosures")
            );
            document.push(Block::Note(NoteKind::Info, words));
        }
        if self.undecidable > 0 {
            let words = format!(
                "{} can't be decided again: what it rested on is erased, or has been parted from the \
                 person or joined to them since.",
                counted(self.undecidable, "reason", "reasons")
            );
            document.push(Block::Note(NoteKind::Info, words));
        }
        document
    }

    /// How much is not decided again.
    fn erased(&self) -> u64 {
        self.values_erased + self.events_erased + self.disclosures_erased
    }

    fn table(&self) -> Table {
        let mut table = Table::new(
            "",
            [
                "finding", "item", "number", "what", "subject", "purpose", "why not", "entry",
                "done", "learned", "by entry",
            ],
        );
        let unlawful = self.unlawful.iter().map(|finding| ("unlawful", finding));
        let late = self.before_known.iter().map(|f| ("done before candor could know", f));
        for (word, f) in unlawful.chain(late) {
            table.push([
                word.to_owned(),
                f.item.to_owned(),
                f.number.to_string(),
                f.what.clone(),
                f.subject.clone(),
                f.purpose.clone(),
                f.words.to_owned(),
                f.entry.to_string(),
                f.done_at.clone(),
                f.learned_at.clone().unwrap_or_default(),
                f.learned_entry.map(|n| n.to_string()).unwrap_or_default(),
            ]);
        }
        for (item, erased) in [
            ("value", self.values_erased),
            ("event", self.events_erased),
            ("disclosure", self.disclosures_erased),
        ] {
            if erased > 0 {
                let what = format!("{erased} erased or forgotten since");
                let none = String::new;
                table.push([
                    "can't be decided again".to_owned(),
                    item.to_owned(),
                    none(),
                    what,
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                    none(),
                ]);
            }
        }
        table
    }
}
