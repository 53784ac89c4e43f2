//! One record's way in: recognised, asked for at the gate, merged, written.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::base::secret::RecordKey;
use crate::collect::{Record as Inbound, Timed};
use crate::consent::answers::Answers;
use crate::consent::fold::{AsOf, Home, Joined};
use crate::consent::gate::Reason;
use crate::consent::history::{self, History, NewStatement};
use crate::consent::retention::Horizons;
use crate::consent::sql as consent_sql;
use crate::consent::statement::{Axis, Statement};
use crate::policy::rulebook::{PurposeMask, Rulebook, bit};
use crate::policy::types::{ConsentState, Source, Target, UNVERIFIED};
use crate::profile::items::{Items, Looking, Memory};
use crate::profile::merge::{self, Decider, new_subject};
use crate::profile::names;
use crate::profile::recognise::{
    SeenIdentifier, Ties, Traits, blind_fingerprint, comparable, holder_fingerprint, holder_traits,
    identifier_blind, identifier_fingerprint, key_blind, key_fingerprint, no_fingerprint, ties,
};
use crate::profile::record::Record;
use crate::profile::sql;
use crate::store::{WordKind, Writer};
use crate::subject::forget;

use super::ask::{Explanation, Gate};
use super::people::{Known, People};
use super::plan::{self, EventPlan, FieldPlan};
use super::said::sharing;
use super::summary::{Summary, Tally, count, count_reason};

/// Records kept in memory with their values between rows, at most this many.
const RECORDS_REMEMBERED_MAX: usize = 20_000;

/// A record that is held, with what it has said.
pub(super) struct Held {
    pub(super) record: Record,
    pub(super) said: Vec<Statement>,
}

/// Takes records of one source in.
pub struct Admission<'r> {
    pub(super) rules: &'r Rulebook,
    pub(super) name: String,
    pub(super) source: &'r Source,
    pub(super) code: i64,
    pub(super) fields: Vec<FieldPlan>,
    pub(super) events: Vec<EventPlan>,
    pub(super) key_field: i64,
    pub(super) held: HashMap<i64, Held>,
    pub(super) people: People,
    anybody_suppressed: bool,
    pub(super) memory: Memory,
    pub(super) looking: Looking,
    pub(super) tally: Tally,
    pub(super) import: i64,
    pub(super) withdrawn: BTreeSet<i64>,
    pub(super) horizons: Rc<Horizons>,
    /// Of events of many rows in this batch, the ids of those that are held and say something else.
    pub(super) differing: BTreeSet<String>,
    /// Who sends what is taken in.
    pub(super) sender: Sender,
}

/// Who sends something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A system that the controller knows: by its file, its key or its proof.
    Known,
    /// Anybody: the key stands in pages and apps.
    Anybody,
}

impl<'r> Admission<'r> {
    /// Prepares the field map of a source for deciding.
    pub fn new(
        writer: &Writer<'_>,
        rules: &'r Rulebook,
        name: &str,
        import: i64,
        looking: Looking,
    ) -> Result<Self> {
        let source = &rules.policy.sources[name];
        let code = |kind, text: &str| writer.words.code(kind, text).unwrap_or(0);
        Ok(Admission {
            rules,
            name: name.to_owned(),
            source,
            code: code(WordKind::Source, name),
            fields: plan::fields(writer.words, rules, source),
            events: plan::events(writer.words, rules, source),
            key_field: code(WordKind::Field, "record.key"),
            held: HashMap::new(),
            people: People::default(),
            anybody_suppressed: true,
            memory: Memory::new(writer.conn, looking)?,
            looking,
            tally: Tally::default(),
            import,
            withdrawn: BTreeSet::new(),
            horizons: Rc::new(Horizons::at(rules, writer.now)),
            sender: Sender::Known,
            differing: BTreeSet::new(),
        })
    }

    /// Forgets whatever it remembers of the store: somebody else has written.
    pub fn forget(&mut self, writer: &Writer<'_>) -> Result<()> {
        self.forget_people();
        self.memory = Memory::new(writer.conn, self.looking)?;
        Ok(())
    }

    /// Starts a batch.
    pub fn begin_batch<'c>(&mut self, writer: &Writer<'c>) -> Result<Items<'c>> {
        if writer.foreign_change {
            self.forget(writer)?;
        }
        self.horizons = Rc::new(Horizons::at(self.rules, writer.now));
        self.differing.clear();
        self.people.begin_batch(sql::last_record(writer.conn)?);
        // Nobody is erased within a batch: that would be another transaction.
        self.anybody_suppressed = consent_sql::any_suppression(writer.conn)?;
        Items::begin(writer, &mut self.memory)
    }

    /// Ends a batch. Withdrawal acts at once: whatever lost its last reason in it goes with it.
    pub fn end_batch(
        &mut self,
        writer: &mut Writer<'_>,
        items: Items<'_>,
        summary: &mut Summary,
    ) -> Result<()> {
        items.finish(writer, &self.memory, self.rules.version, self.code)?;
        self.tally.pour(self.rules, summary);
        for record in std::mem::take(&mut self.withdrawn) {
            let subject = sql::record(writer.conn, record)?.subject;
            let gone = forget::sweep(writer, self.rules, subject, "consent")?;
            if gone.values + gone.events > 0 {
                self.memory.forget();
            }
            // What was held of people, and who was one person, may be otherwise now.
            self.forget_people();
        }
        Ok(())
    }

    /// Forgets what it remembers of people: some were joined or parted.
    fn forget_people(&mut self) {
        self.held.clear();
        self.people.forget();
    }

    /// Takes one record in.
    pub fn admit(
        &mut self,
        writer: &mut Writer<'_>,
        items: &mut Items<'_>,
        inbound: &Inbound,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<()> {
        for refusal in &inbound.refused {
            count_reason(&mut summary.stripped, &refusal.field, refusal.reason.code());
            explain(Explanation {
                line: inbound.line,
                what: refusal.field.to_string(),
                purpose: String::new(),
                reason: refusal.reason.code(),
                words: refusal.reason.words().to_owned(),
            });
        }
        let blind = key_blind(writer.secret, &self.name, &inbound.key);
        let identifiers = self.identifiers(writer, inbound);
        let statements = self.statements(writer, inbound, summary, explain)?;
        let says_nothing = statements.is_empty() && inbound.doubted.is_empty();
        let only_events = inbound.values.is_empty() && says_nothing;
        // Whose record is remembered was let through before, and nobody was erased since.
        let is_welcome = only_events && self.people.remembers(blind);
        if !is_welcome
            && self.stays_out(writer, inbound, blind, &identifiers, &statements, summary)?
        {
            count(&mut summary.records_refused, Reason::Suppressed.code());
            explain(Explanation::by_gate(inbound.line, "record", "", Reason::Suppressed));
            return Ok(());
        }
        // A row that carries nothing but events changes neither who somebody is nor what they said.
        if only_events && let Some(known) = self.people.record(writer, self.code, blind)? {
            return self.admit_events(writer, items, inbound, &known, summary, explain);
        }
        self.admit_whole(writer, items, inbound, blind, identifiers, statements, summary, explain)
    }

    /// Takes in the events of a record that is held.
    fn admit_events(
        &mut self,
        writer: &mut Writer<'_>,
        items: &mut Items<'_>,
        inbound: &Inbound,
        known: &Known,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<()> {
        let answers = self.people.answers(writer, self.rules, known.subject, known.home)?;
        let age = self.age(writer, inbound, &[known.subject], answers.open)?;
        let doubted = self.doubted(inbound);
        let gate = Gate { rules: self.rules, answers: &answers, age: &age, doubted };
        let events = self.gate_events(&gate, inbound, summary, explain);
        let (record, key) = (known.record, &known.key);
        let took =
            self.write_events(writer, items, record, key, inbound, &events, summary, explain)?;
        match took {
            0 => summary.records_unchanged += 1,
            _ => summary.records_changed += 1,
        }
        Ok(())
    }

    /// Takes in a record with everything that it may carry.
    #[allow(clippy::too_many_arguments)]
    fn admit_whole(
        &mut self,
        writer: &mut Writer<'_>,
        items: &mut Items<'_>,
        inbound: &Inbound,
        blind: i64,
        identifiers: Vec<SeenIdentifier>,
        statements: Vec<(NewStatement, Timed)>,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<()> {
        let now = writer.now;
        let mut held = self.take_held(writer, blind)?;
        if let Some(held) = &mut held {
            self.unsay(writer, inbound, held, summary)?;
        }
        let traits = self.traits(inbound);
        let new_identifiers: Vec<SeenIdentifier> = identifiers
            .iter()
            .filter(|seen| {
                held.as_ref().is_none_or(|h| h.record.text(seen.field) != Some(seen.text.as_str()))
            })
            .cloned()
            .collect();
        let own = held.as_ref().map(|held| &held.record);
        let mut ties = self.ties(writer, own, &new_identifiers, &traits)?;
        // A value that has become shared parts those whom it held together, before anything is
        // decided; what they held under each other's consent goes at the end of the batch.
        if self.part_shared(writer, &ties, summary)? {
            held = self.take_held(writer, blind)?;
            let own = held.as_ref().map(|held| &held.record);
            ties = self.ties(writer, own, &new_identifiers, &traits)?;
        }
        let said: &[Statement] = held.as_ref().map_or(&[], |h| &h.said);
        let row: Vec<NewStatement> = match inbound.doubted.is_empty() {
            true => Vec::new(),
            false => statements.iter().map(|(new, _)| new.clone()).collect(),
        };
        let when = (self.rules.version, now);
        let mut fresh: Vec<NewStatement> = statements
            .into_iter()
            .filter_map(|(new, timed)| history::unsaid(said, new, timed, when))
            .collect();
        if !inbound.doubted.is_empty() {
            let mut subjects =
                [sharing(writer, &ties)?, self.claimed(writer, &identifiers)?].concat();
            subjects.extend(held.as_ref().map(|held| held.record.subject));
            subjects.extend(&ties.subjects);
            fresh.extend(self.doubts(writer, inbound, (said, &row), &subjects)?);
        }

        let own_subject = held.as_ref().map(|h| h.record.subject);
        if fresh.iter().any(NewStatement::is_undated_yes) {
            let known: Vec<i64> = own_subject.iter().chain(&ties.subjects).copied().collect();
            self.drop_overruled(writer, &known, inbound, &mut fresh, summary, explain)?;
        }

        if ties.names_another
            && let Some(held) = held
        {
            let said = (&*identifiers, &*fresh);
            self.turn_away(writer, blind, held, &ties, said, inbound, summary, explain)?;
            return self.keep_no_of_nobody(
                writer,
                items,
                &identifiers,
                fresh,
                inbound,
                summary,
                explain,
            );
        }

        // Where the person stands once what the record itself says is taken in.
        let subject = own_subject.or(ties.subjects.first().copied());
        let home = match (&held, subject) {
            (Some(held), _) => held.record.home,
            (None, Some(subject)) => ties.home(writer.conn, subject)?,
            (None, None) => 0,
        };
        let plain = fresh.is_empty() && ties.subjects.is_empty();
        let answers = match subject.filter(|_| plain) {
            Some(subject) => self.people.answers(writer, self.rules, subject, home)?,
            None => {
                let record = held.as_ref().map_or(0, |held| held.record.id);
                Rc::new(self.coming_answers(writer, subject, &ties, (home, record), &fresh)?)
            }
        };

        let subjects: Vec<i64> = subject.iter().chain(&ties.subjects).copied().collect();
        let age = self.age(writer, inbound, &subjects, answers.open)?;
        let doubted = self.doubted(inbound);
        let gate = Gate { rules: self.rules, answers: &answers, age: &age, doubted };
        let values = self.gate_values(&gate, inbound, summary, explain);
        let events = self.gate_events(&gate, inbound, summary, explain);
        let protects = fresh.iter().any(|new| as_row(new, now).protects());
        let keeps_something =
            !values.is_empty() || !events.is_empty() || (protects && !identifiers.is_empty());
        if held.is_none() && !keeps_something && (subject.is_none() || fresh.is_empty()) {
            let reason = match inbound.values.is_empty() && inbound.events.is_empty() {
                true => Reason::NoSubject,
                false => Reason::NothingAdmitted,
            };
            count(&mut summary.records_refused, reason.code());
            return Ok(());
        }

        // Merge: one subject where identifiers say so that are held. One that the gate keeps out finds
        // whom the row is about, and makes nobody one.
        let admitted = self.admitted_identifiers(inbound, &new_identifiers, &values);
        let own = held.as_ref().map(|held| &held.record);
        let fewer = match admitted.len() == new_identifiers.len() {
            true => None,
            false => Some(self.ties(writer, own, &admitted, &traits)?),
        };
        let binding = fewer.as_ref().unwrap_or(&ties);
        let is_new = held.is_none();
        let mut held = match held.take() {
            Some(held) => held,
            None => {
                let born = match (binding.subjects.first().copied(), subject) {
                    (Some(subject), _) => (subject, binding.home(writer.conn, subject)?),
                    (None, Some(subject)) => (subject, home),
                    (None, None) => {
                        let subject = new_subject(writer.conn, writer.randomness)?;
                        (subject, subject)
                    }
                };
                let key = RecordKey(writer.randomness.key());
                let id = sql::insert_record(writer.conn, born, self.code, blind, &key)?;
                let record = Record::load(writer.conn, writer.words, id)?;
                Held { record, said: Vec::new() }
            }
        };
        let merged = self.tie(writer, &mut held.record, binding, summary)?;

        // Consent carried by the record itself comes first. A "no" reaches all whom the row may be about.
        let unbound = ties.subjects.iter().filter(|other| !binding.subjects.contains(other));
        let mut unbound: Vec<i64> = unbound.copied().collect();
        if protects {
            unbound.extend(self.claimed(writer, &identifiers)?);
        }
        for new in &fresh {
            self.say(writer, &mut held, new, summary)?;
            if as_row(new, now).protects() {
                self.withdrawn.insert(held.record.id);
                let mut others = unbound.clone();
                // Somebody's unticked box is their own; a withdrawal speaks for the address.
                if new.axis == Axis::Consent && new.state == ConsentState::Withdrawn {
                    others.extend(sharing(writer, &ties)?);
                }
                self.reach(writer, &held.record, others, new)?;
                self.reach_former(writer, &held.record, &identifiers, new)?;
            }
        }
        if merged {
            self.forget_people();
        }

        let wrote = self.write_values(
            writer,
            items,
            &mut held.record,
            inbound,
            &values,
            &identifiers,
            protects,
            summary,
        )?;
        summary.values_new += wrote;
        if wrote > 0 || !fresh.is_empty() {
            sql::note_newcomer(writer.conn, held.record.id)?;
        }
        let (record, key) = (held.record.id, &held.record.key);
        let took =
            self.write_events(writer, items, record, key, inbound, &events, summary, explain)?;

        let kept = wrote + took > 0 && self.keep_to_find(writer, &held.record, &identifiers)?;
        if kept || (protects && !identifiers.is_empty()) {
            names::settle(writer, &held.record)?;
        }

        match (is_new, wrote > 0 || took > 0 || !fresh.is_empty()) {
            (true, _) => summary.records_new += 1,
            (false, true) => summary.records_changed += 1,
            (false, false) => summary.records_unchanged += 1,
        }
        if self.held.len() >= RECORDS_REMEMBERED_MAX {
            self.held.clear();
        }
        self.held.insert(blind, held);
        Ok(())
    }

    /// Keeps out a row whose key named somebody else before, but for its "no": that holds for both.
    #[allow(clippy::too_many_arguments)]
    fn turn_away(
        &mut self,
        writer: &mut Writer<'_>,
        blind: i64,
        mut held: Held,
        ties: &Ties,
        (identifiers, fresh): (&[SeenIdentifier], &[NewStatement]),
        inbound: &Inbound,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<()> {
        let now = writer.now;
        for new in fresh.iter().filter(|new| as_row(new, now).protects()) {
            self.say(writer, &mut held, new, summary)?;
            self.withdrawn.insert(held.record.id);
            let sharing = sharing(writer, ties)?;
            self.reach(writer, &held.record, sharing, new)?;
            self.reach_former(writer, &held.record, identifiers, new)?;
        }
        self.held.insert(blind, held);
        count(&mut summary.records_refused, Reason::KeyNamesAnother.code());
        explain(Explanation::by_gate(inbound.line, "record", "", Reason::KeyNamesAnother));
        Ok(())
    }

    /// A "no" in a row that was turned away holds for the address that it names too, though nobody is held who has
    /// it: it is kept as if the row had no key.
    #[allow(clippy::too_many_arguments)]
    fn keep_no_of_nobody(
        &mut self,
        writer: &mut Writer<'_>,
        items: &mut Items<'_>,
        identifiers: &[SeenIdentifier],
        fresh: Vec<NewStatement>,
        inbound: &Inbound,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<()> {
        let now = writer.now;
        let noes = fresh.into_iter().filter(|new| as_row(new, now).protects());
        let noes: Vec<_> = noes.map(|new| (new, Timed::ByItself)).collect();
        let mut unheld = Vec::new();
        for seen in identifiers {
            if sql::holders(writer.conn, seen.blind)?.is_empty() {
                unheld.push(seen.clone());
            }
        }
        let Some(first) = unheld.first().filter(|_| !noes.is_empty()) else { return Ok(()) };
        let key = format!("{}:{}", first.kind, first.text);
        let blind = key_blind(writer.secret, &self.name, &key);
        let alone = Inbound { line: inbound.line, key, ..Inbound::default() };
        self.admit_whole(writer, items, &alone, blind, unheld, noes, summary, explain)
    }

    fn ties(
        &self,
        writer: &Writer<'_>,
        own: Option<&Record>,
        identifiers: &[SeenIdentifier],
        traits: &Traits,
    ) -> Result<Ties> {
        if identifiers.is_empty() {
            return Ok(Ties::default());
        }
        let policy = &self.rules.policy;
        let store = (writer.conn, &*writer.words, writer.secret);
        ties(store, policy, self.code, own, identifiers, traits, writer.now)
    }

    /// Parts the people whom values that have become shared held together; returns whether any were.
    fn part_shared(
        &mut self,
        writer: &mut Writer<'_>,
        ties: &Ties,
        summary: &mut Summary,
    ) -> Result<bool> {
        let mut parted = merge::Parted::default();
        for seen in &ties.shared {
            parted.add(merge::retire_shared(writer, seen)?);
        }
        for seen in &ties.divided {
            let kind = &self.rules.policy.identifiers[&seen.kind];
            parted.add(merge::retire_divided(writer, kind, seen)?);
        }
        if !parted.records.is_empty() {
            self.forget_people();
        }
        summary.partings += parted.subjects;
        self.withdrawn.extend(&parted.records);
        Ok(!parted.records.is_empty())
    }

    fn take_held(&mut self, writer: &Writer<'_>, blind: i64) -> Result<Option<Held>> {
        if let Some(held) = self.held.remove(&blind) {
            return Ok(Some(held));
        }
        let Some((id, row, key)) = self.people.held(writer, self.code, blind)? else {
            return Ok(None);
        };
        let mut record = Record::of_row(id, &row, key);
        record.load_values(writer.conn, writer.words)?;
        let said = consent_sql::statements_of_record(writer.conn, id)?;
        Ok(Some(Held { record, said }))
    }

    fn identifiers(&self, writer: &Writer<'_>, inbound: &Inbound) -> Vec<SeenIdentifier> {
        let mut seen = Vec::new();
        for value in &inbound.values {
            let plan = &self.fields[value.field];
            if matches!(plan.target, Target::Identifier(_)) {
                let (field, name) = self.place(plan);
                let kind = name.strip_prefix("identifier.").unwrap_or(name);
                seen.push(SeenIdentifier {
                    field,
                    kind: kind.to_owned(),
                    text: value.text.clone(),
                    blind: identifier_blind(writer.secret, kind, &value.text),
                });
            }
        }
        seen
    }

    /// What a value of a field becomes: its code and its text. An identifier that nobody verified is kept apart
    /// from those that name people.
    pub(super) fn place<'p>(&self, plan: &'p FieldPlan) -> (i64, &'p str) {
        let verified = plan.verified.unwrap_or(self.sender == Sender::Known);
        match &plan.unverified {
            Some((code, text)) if !verified => (*code, text),
            _ => (plan.field, &plan.text),
        }
    }

    /// The people whom a row's unverified identifiers name: it may be about them, and joins none of them.
    fn claimed(&self, writer: &Writer<'_>, identifiers: &[SeenIdentifier]) -> Result<Vec<i64>> {
        let mut subjects = Vec::new();
        for seen in identifiers {
            if let Some(kind) = seen.kind.strip_prefix(UNVERIFIED) {
                let blind = identifier_blind(writer.secret, kind, &seen.text);
                subjects.extend(sql::holders(writer.conn, blind)?.iter().map(|(_, s, ..)| *s));
            }
        }
        Ok(subjects)
    }

    /// Those of a row's identifiers that the gate admits.
    fn admitted_identifiers(
        &self,
        inbound: &Inbound,
        identifiers: &[SeenIdentifier],
        values: &[(usize, PurposeMask)],
    ) -> Vec<SeenIdentifier> {
        let admitted = |seen: &&SeenIdentifier| {
            values.iter().any(|(index, _)| {
                let value = &inbound.values[*index];
                self.place(&self.fields[value.field]).0 == seen.field && value.text == seen.text
            })
        };
        identifiers.iter().filter(admitted).cloned().collect()
    }

    fn traits(&self, inbound: &Inbound) -> Traits {
        let mut traits = Traits::new();
        for value in &inbound.values {
            if let Target::Attribute(name) = &self.fields[value.field].target {
                traits.entry(name.clone()).or_default().insert(comparable(&value.text));
            }
        }
        traits
    }

    /// Whether the row is about somebody who was erased and has not come back. A fresh consent that
    /// the gate takes for one, later than the erasure, through a source that is the person's own,
    /// brings them back.
    fn stays_out(
        &self,
        writer: &mut Writer<'_>,
        inbound: &Inbound,
        blind: i64,
        identifiers: &[SeenIdentifier],
        statements: &[(NewStatement, Timed)],
        summary: &mut Summary,
    ) -> Result<bool> {
        if !self.anybody_suppressed {
            return Ok(false);
        }
        let secret = writer.secret;
        let mut prints = vec![key_fingerprint(secret, &self.name, &inbound.key)];
        prints.push(blind_fingerprint(secret, blind));
        for seen in identifiers {
            prints.push(identifier_fingerprint(secret, &seen.kind, &seen.text));
            // Whoever was erased is kept out under a name that nobody verified, too.
            let named = seen.kind.strip_prefix(UNVERIFIED);
            prints.extend(named.map(|kind| identifier_fingerprint(secret, kind, &seen.text)));
            prints.push(blind_fingerprint(secret, seen.blind));
        }
        let mut found = suppressed(writer, prints)?;
        // Whoever shares an address with them and bears their name: only where the row is new.
        let traits = self.traits(inbound);
        let mut holders = Vec::new();
        for seen in identifiers {
            let guards = self.rules.policy.identifiers.get(&seen.kind);
            for way in guards.map(|kind| holder_traits(kind, &traits)).unwrap_or_default() {
                holders.push(holder_fingerprint(writer.secret, &seen.kind, &seen.text, &way));
            }
        }
        let holders = suppressed(writer, holders)?;
        if !holders.is_empty() && sql::record_by_key(writer.conn, self.code, blind)?.is_none() {
            found.extend(holders);
        }
        let Some(latest) = found.iter().map(|(_, since, _)| *since).max() else { return Ok(false) };
        // A click that isn't confirmed yet, or was made under an old notice, is no consent to the gate.
        let fresh: Vec<NewStatement> = statements.iter().map(|(new, _)| new.clone()).collect();
        let open = self.coming_answers(writer, None, &Ties::default(), (0, 0), &fresh)?.open;
        let returning = |new: &&NewStatement| {
            new.axis == Axis::Consent
                && new.own
                && !new.undated
                && matches!(new.state, ConsentState::Given | ConsentState::Renewed)
                && new.valid_at > latest
                && new.valid_at <= writer.now
                && open & bit(new.purpose) != 0
        };
        let returning: Vec<&NewStatement> = fresh.iter().filter(returning).collect();
        let returns = !returning.is_empty();
        if returns {
            let entry = found[0].2;
            // What they say yes to again, they take their "no" back to, where others share an address.
            let mut noes = BTreeSet::new();
            for new in returning {
                let purpose = writer.words.text(WordKind::Purpose, new.purpose.into());
                let channel = match new.channel {
                    0 => "",
                    code => writer.words.text(WordKind::Channel, code.into()),
                };
                for seen in identifiers {
                    let of = |channel| no_fingerprint(writer.secret, seen.blind, purpose, channel);
                    noes.extend([channel, ""].map(of));
                }
            }
            found.extend(suppressed(writer, noes.into_iter().collect())?);
            writer.append("suppression.lift", serde_json::json!({
                "erasure": entry, "fingerprints": found.len(), "because": "fresh consent, own source",
            }))?;
            for (print, ..) in &found {
                consent_sql::lift_suppression(writer.conn, print)?;
            }
            summary.returned += 1;
        }
        Ok(!returns)
    }

    /// What the gate answers for a home after the merges and statements that a row brings.
    fn coming_answers(
        &self,
        writer: &Writer<'_>,
        subject: Option<i64>,
        ties: &Ties,
        (home, record): (i64, i64),
        fresh: &[NewStatement],
    ) -> Result<Answers> {
        let now = writer.now;
        let mut history = match subject {
            Some(subject) => History::load(writer.conn, subject)?,
            None => History::default(),
        };
        for other in ties.subjects.iter().filter(|other| Some(**other) != subject) {
            let other = History::load(writer.conn, *other)?;
            history.statements.extend(other.statements);
            let entry = i64::try_from(writer.log.size()).unwrap_or(0);
            history.homes.extend(other.homes.into_iter().map(|mut home| {
                home.moves.push(Joined { at: now, entry });
                home
            }));
        }
        if !history.homes.iter().any(|h| h.id == home) {
            history.homes.push(Home { id: home, moves: Vec::new() });
        }
        for (index, new) in fresh.iter().enumerate() {
            let n = i64::MAX - i64::try_from(fresh.len() - index).unwrap_or(0);
            history.statements.push(history::row(n, home, record, new, now));
        }
        Ok(Answers::of(self.rules, &history.standing_of(home, AsOf::at(now)), now))
    }

    /// Values that the gate admits: (index into the row's values, purposes).
    fn gate_values(
        &self,
        gate: &Gate<'_>,
        inbound: &Inbound,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Vec<(usize, PurposeMask)> {
        let mut admitted = Vec::with_capacity(inbound.values.len());
        for (index, value) in inbound.values.iter().enumerate() {
            let plan = &self.fields[value.field];
            match gate.ask(inbound.line, &plan.text, plan.asked, None, summary, explain) {
                Ok(purposes) => admitted.push((index, purposes)),
                Err(reason) => count_reason(&mut summary.stripped, &plan.text, reason.code()),
            }
        }
        admitted
    }

    /// Events that the gate admits: (index into the row's events, purposes).
    fn gate_events(
        &self,
        gate: &Gate<'_>,
        inbound: &Inbound,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Vec<(usize, PurposeMask)> {
        let mut admitted = Vec::with_capacity(inbound.events.len());
        for (index, event) in inbound.events.iter().enumerate() {
            let plan = &self.events[event.map];
            match gate.ask(inbound.line, &plan.text, plan.asked, event.at, summary, explain) {
                Ok(purposes) => admitted.push((index, purposes)),
                Err(reason) => count_reason(&mut summary.events_refused, &plan.text, reason.code()),
            }
        }
        admitted
    }

    /// Joins the record's subject with those that its identifiers tie it to.
    fn tie(
        &self,
        writer: &mut Writer<'_>,
        record: &mut Record,
        ties: &Ties,
        summary: &mut Summary,
    ) -> Result<bool> {
        let entry = i64::try_from(writer.log.size()).unwrap_or(i64::MAX);
        for (holder, field) in &ties.links {
            sql::insert_link(writer.conn, record.id, *holder, sql::LINK_EXACT, *field, entry)?;
        }
        for related in &ties.related {
            if let Some(other) = sql::records_of(writer.conn, *related)?.first() {
                sql::insert_link(writer.conn, record.id, *other, sql::LINK_RELATED, 0, entry)?;
            }
        }
        let mut merged = false;
        let mut all = ties.subjects.clone();
        all.push(record.subject);
        all.sort_unstable();
        all.dedup();
        // The oldest subject's id lives on.
        let survivor = all[0];
        for other in &all[1..] {
            merge::join(writer, *other, survivor, Decider::Identifiers)?;
            summary.merges += 1;
            merged = true;
        }
        record.subject = survivor;
        Ok(merged)
    }
}

/// Those of some fingerprints that keep somebody out, each with since when and by which entry.
fn suppressed(writer: &Writer<'_>, prints: Vec<[u8; 16]>) -> Result<Vec<([u8; 16], Moment, i64)>> {
    let mut found = Vec::new();
    for print in prints {
        if let Some((since, entry)) = consent_sql::suppression(writer.conn, &print)? {
            found.push((print, since, entry));
        }
    }
    Ok(found)
}

/// A statement as a row, to ask what it means before it is recorded.
fn as_row(new: &NewStatement, now: Moment) -> Statement {
    history::row(0, 0, 0, new, now)
}
