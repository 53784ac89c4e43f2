//! One record's way in: recognised, asked for at the gate, merged, written.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::collect::{ConsentStatement, MappedEvent, Record as Inbound};
use crate::consent::fold::{AsOf, Home, Joined, Standing};
use crate::consent::gate::{Reason, open_purposes};
use crate::consent::history::{self, History, NewStatement, Timed};
use crate::consent::sql as consent_sql;
use crate::consent::statement::{Axis, Statement};
use crate::policy::rulebook::{PurposeMask, Rulebook, bit, codes};
use crate::policy::types::{Basis, ConsentState, Source, Target};
use crate::profile::items::{AdmittedEvent, Items, Memory, Taken};
use crate::profile::merge::{self, Decider, new_subject};
use crate::profile::recognise::{
    SeenIdentifier, Ties, Traits, comparable, identifier_blind, identifier_fingerprint, key_blind,
    key_fingerprint, ties,
};
use crate::profile::record::Record;
use crate::profile::sql;
use crate::store::{WordKind, Writer};
use crate::subject::forget;

use super::ask::{Asked, Explanation, Gate};
use super::summary::{Summary, count, count_reason};

/// Records kept in memory between rows, at most this many.
const RECORDS_REMEMBERED_MAX: usize = 50_000;
/// People whose statements are kept in memory between batches, at most this many.
const HISTORIES_REMEMBERED_MAX: usize = 100_000;
/// A withdrawal that reaches a shared address reaches at most this many people.
const SHARED_REACH_MAX: usize = 100;

/// What the field map says of one field, ready for the gate.
struct FieldPlan {
    field: i64,
    text: String,
    target: Target,
    category: String,
    candidates: PurposeMask,
    closed: Option<Reason>,
}

struct EventPlan {
    name: i64,
    text: String,
    category: String,
    candidates: PurposeMask,
    closed: Option<Reason>,
}

/// A record that is held, with what it has said.
struct Held {
    record: Record,
    said: Vec<Statement>,
    depth: Depth,
}

/// How much of a record was read. A row that carries nothing but events needs neither its values nor
/// what it has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    Key,
    Whole,
}

/// Takes records of one source in.
pub struct Admission<'r> {
    rules: &'r Rulebook,
    name: String,
    source: &'r Source,
    code: i64,
    fields: Vec<FieldPlan>,
    events: Vec<EventPlan>,
    key_field: i64,
    held: HashMap<i64, Held>,
    standings: HashMap<i64, (Rc<Standing>, PurposeMask)>,
    histories: HashMap<i64, History>,
    anybody_suppressed: bool,
    memory: Option<Memory>,
    import: i64,
    withdrawn: BTreeSet<i64>,
}

impl<'r> Admission<'r> {
    /// Prepares the field map of a source for deciding.
    pub fn new(writer: &Writer<'_>, rules: &'r Rulebook, name: &str, import: i64) -> Result<Self> {
        let source = &rules.policy.sources[name];
        let serves = rules.mask(&source.purposes);
        let plan = |category: &str| -> (PurposeMask, Option<Reason>) {
            let covering = rules.covering(category);
            let serving = covering & serves;
            let lawful = if rules.is_special(category) {
                codes(serving)
                    .filter_map(|code| rules.rule(code))
                    .filter(|rule| rule.purpose.special_condition.is_some())
                    .fold(0, |mask, rule| mask | bit(rule.code))
            } else {
                serving
            };
            let closed = match (lawful, serving, covering) {
                (0, 0, _) if rules.is_special(category) => Some(Reason::SpecialCategory),
                (0, 0, 0) => Some(Reason::CategoryNotCovered),
                (0, 0, _) => Some(Reason::SourceNotForPurpose),
                (0, _, _) => Some(Reason::SpecialCategory),
                _ => None,
            };
            (lawful, closed)
        };
        let code = |kind, text: &str| writer.words.code(kind, text).unwrap_or(0);
        let fields = source
            .fields
            .iter()
            .map(|field| {
                let text = match &field.target {
                    Target::Identifier(kind) => format!("identifier.{kind}"),
                    Target::Attribute(name) => format!("attribute.{name}"),
                    Target::Ignore => String::new(),
                };
                let (candidates, closed) = plan(&field.category);
                FieldPlan {
                    field: code(WordKind::Field, &text),
                    text,
                    target: field.target.clone(),
                    category: field.category.clone(),
                    candidates,
                    closed,
                }
            })
            .collect();
        let events = source
            .events
            .iter()
            .map(|event| {
                let (candidates, closed) = plan(&event.category);
                EventPlan {
                    name: code(WordKind::Event, &event.name),
                    text: event.name.clone(),
                    category: event.category.clone(),
                    candidates,
                    closed,
                }
            })
            .collect();
        Ok(Admission {
            rules,
            name: name.to_owned(),
            source,
            code: code(WordKind::Source, name),
            fields,
            events,
            key_field: code(WordKind::Field, "record.key"),
            held: HashMap::new(),
            standings: HashMap::new(),
            histories: HashMap::new(),
            anybody_suppressed: true,
            memory: None,
            import,
            withdrawn: BTreeSet::new(),
        })
    }

    /// The code of the source.
    pub fn source_code(&self) -> i64 {
        self.code
    }

    /// The version of the policy that decides.
    pub fn policy_version(&self) -> u32 {
        self.rules.version
    }

    /// Starts a batch: time has gone on, so where people stand is asked anew.
    pub fn begin_batch(&mut self, writer: &Writer<'_>) -> Result<()> {
        self.standings.clear();
        // Nobody is erased within a batch: that would be another transaction.
        self.anybody_suppressed = consent_sql::any_suppression(writer.conn)?;
        Ok(())
    }

    /// Forgets what was said and where people stand: something was said or people were joined.
    fn forget_standings(&mut self) {
        self.standings.clear();
        self.histories.clear();
    }

    /// Forgets what it remembers of the store: another process has written.
    pub fn forget(&mut self) {
        self.held.clear();
        self.forget_standings();
        self.memory = None;
    }

    /// Withdrawal acts at once: whatever lost its last reason in this batch goes with it.
    pub fn sweep_withdrawn(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        for record in std::mem::take(&mut self.withdrawn) {
            let subject = sql::record(writer.conn, record)?.subject;
            let gone = forget::sweep(writer, self.rules, subject, "consent")?;
            if gone.values + gone.events > 0 {
                self.held.clear();
            }
        }
        Ok(())
    }

    /// Takes one record in.
    pub fn admit(
        &mut self,
        writer: &mut Writer<'_>,
        items: &mut Items,
        inbound: &Inbound,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<()> {
        let now = writer.now;
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
        let statements = self.statements(writer, inbound, summary, explain);

        if self.stays_out(writer, inbound, &identifiers, &statements, summary)? {
            count(&mut summary.records_refused, Reason::Suppressed.code());
            explain(Explanation::by_gate(inbound.line, "record", "", Reason::Suppressed));
            return Ok(());
        }

        let only_events = inbound.values.is_empty() && statements.is_empty();
        let depth = if only_events { Depth::Key } else { Depth::Whole };
        let mut held = self.take_held(writer, blind, depth)?;
        let traits = self.traits(inbound);
        let new_identifiers: Vec<SeenIdentifier> = identifiers
            .iter()
            .filter(|seen| {
                held.as_ref().is_none_or(|h| h.record.text(seen.field) != Some(seen.text.as_str()))
            })
            .cloned()
            .collect();
        let own_record = held.as_ref().map(|h| h.record.id);
        let mut ties = self.ties(writer, own_record, &new_identifiers, &traits)?;
        // A value that has become shared parts those whom it held together, before anything is
        // decided; what they held under each other's consent goes at the end of the batch.
        if self.part_shared(writer, &ties)? {
            held = self.take_held(writer, blind, depth)?;
            ties = self.ties(writer, own_record, &new_identifiers, &traits)?;
        }
        let said: &[Statement] = held.as_ref().map_or(&[], |h| &h.said);
        let fresh: Vec<NewStatement> = statements
            .into_iter()
            .filter(|(new, timed)| !history::is_known(said, new, *timed))
            .map(|(new, _)| new)
            .collect();

        // Where the person stands once what the record itself says is taken in.
        let own_subject = held.as_ref().map(|h| h.record.subject);
        let subject = own_subject.or(ties.subjects.first().copied());
        let home = held.as_ref().map(|h| h.record.home).or(subject).unwrap_or(0);
        let plain = fresh.is_empty() && ties.subjects.is_empty();
        let (standing, open) = match subject.filter(|_| plain) {
            Some(subject) => self.known_standing(writer, subject, home, now)?,
            None => self.coming_standing(writer, subject, &ties, home, &fresh, now)?,
        };

        let gate = Gate { rules: self.rules, standing: &standing, open, at: now };
        let values = self.gate_values(&gate, inbound, summary, explain);
        let events = self.gate_events(&gate, inbound, summary, explain);
        let protects = fresh.iter().any(|new| as_row(new, now).protects());
        let keeps_something =
            !values.is_empty() || !events.is_empty() || (protects && !identifiers.is_empty());
        if held.is_none() && !keeps_something && (subject.is_none() || fresh.is_empty()) {
            count(&mut summary.records_refused, Reason::NoSubject.code());
            return Ok(());
        }

        // Merge: one subject where identifiers say so.
        let is_new = held.is_none();
        let mut held = match held.take() {
            Some(held) => held,
            None => {
                let subject = match subject {
                    Some(subject) => subject,
                    None => new_subject(writer.conn, writer.randomness)?,
                };
                let key = crate::base::secret::RecordKey(writer.randomness.key());
                let id = sql::insert_record(writer.conn, subject, self.code, blind, &key)?;
                let record = Record::load(writer.conn, writer.words, id)?;
                Held { record, said: Vec::new(), depth: Depth::Whole }
            }
        };
        let merged = self.tie(writer, &mut held.record, &ties, summary)?;

        // Consent carried by the record itself comes first.
        for new in &fresh {
            self.say(writer, &mut held, new, summary)?;
            if as_row(new, now).protects() {
                self.withdrawn.insert(held.record.id);
                // Somebody's unticked box is their own; a withdrawal speaks for the address.
                if new.axis == Axis::Consent && new.state == ConsentState::Withdrawn {
                    self.reach_shared(writer, &held.record, &ties, new)?;
                }
            }
        }
        if !fresh.is_empty() || merged {
            self.forget_standings();
        }
        if merged {
            self.held.clear();
        }

        let wrote = self.write_values(
            writer,
            items,
            &mut held.record,
            inbound,
            &values,
            &identifiers,
            protects,
        )?;
        summary.values_new += wrote;
        let took = self.write_events(writer, items, &held.record, inbound, &events, summary)?;

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

    fn ties(
        &self,
        writer: &Writer<'_>,
        own_record: Option<i64>,
        identifiers: &[SeenIdentifier],
        traits: &Traits,
    ) -> Result<Ties> {
        if identifiers.is_empty() {
            return Ok(Ties::default());
        }
        let policy = &self.rules.policy;
        ties(writer.conn, writer.words, policy, self.code, own_record, identifiers, traits)
    }

    /// Parts the people whom values that have become shared held together; returns whether any were.
    fn part_shared(&mut self, writer: &mut Writer<'_>, ties: &Ties) -> Result<bool> {
        let mut parted = Vec::new();
        for seen in &ties.shared {
            parted.extend(merge::retire_shared(writer, seen)?);
        }
        if !parted.is_empty() {
            self.held.clear();
            self.forget_standings();
        }
        self.withdrawn.extend(&parted);
        Ok(!parted.is_empty())
    }

    fn take_held(&mut self, writer: &Writer<'_>, blind: i64, depth: Depth) -> Result<Option<Held>> {
        let mut held = match self.held.remove(&blind) {
            Some(held) => held,
            None => {
                let Some((id, row, key)) = sql::record_by_key(writer.conn, self.code, blind)?
                else {
                    return Ok(None);
                };
                let record = Record::of_row(id, &row, key);
                Held { record, said: Vec::new(), depth: Depth::Key }
            }
        };
        if depth == Depth::Whole && held.depth == Depth::Key {
            held.record.load_values(writer.conn, writer.words)?;
            held.said = consent_sql::statements_of_record(writer.conn, held.record.id)?;
            held.depth = Depth::Whole;
        }
        Ok(Some(held))
    }

    fn identifiers(&self, writer: &Writer<'_>, inbound: &Inbound) -> Vec<SeenIdentifier> {
        let mut seen = Vec::new();
        for value in &inbound.values {
            let plan = &self.fields[value.field];
            if let Target::Identifier(kind) = &plan.target {
                seen.push(SeenIdentifier {
                    field: plan.field,
                    kind: kind.clone(),
                    text: value.text.clone(),
                    blind: identifier_blind(writer.secret, kind, &value.text),
                });
            }
        }
        seen
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

    /// Whether the row is about somebody who was erased and has not come back. A fresh consent,
    /// later than the erasure, through a source that is the person's own, brings them back.
    fn stays_out(
        &self,
        writer: &mut Writer<'_>,
        inbound: &Inbound,
        identifiers: &[SeenIdentifier],
        statements: &[(NewStatement, Timed)],
        summary: &mut Summary,
    ) -> Result<bool> {
        if !self.anybody_suppressed {
            return Ok(false);
        }
        let mut prints = vec![key_fingerprint(writer.secret, &self.name, &inbound.key)];
        prints.extend(
            identifiers.iter().map(|i| identifier_fingerprint(writer.secret, &i.kind, &i.text)),
        );
        let mut found = Vec::new();
        for print in prints {
            if let Some((since, entry)) = consent_sql::suppression(writer.conn, &print)? {
                found.push((print, since, entry));
            }
        }
        let Some(latest) = found.iter().map(|(_, since, _)| *since).max() else { return Ok(false) };
        let returns = statements.iter().any(|(new, _)| {
            new.axis == Axis::Consent
                && new.own
                && matches!(new.state, ConsentState::Given | ConsentState::Renewed)
                && new.valid_at > latest
                && new.valid_at <= writer.now
        });
        if returns {
            let entry = found[0].2;
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

    /// The statements of a row that can be taken in, each with where its moment comes from.
    fn statements(
        &self,
        writer: &Writer<'_>,
        inbound: &Inbound,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Vec<(NewStatement, Timed)> {
        let mut taken = Vec::new();
        for statement in &inbound.consents {
            match self.statement(writer, inbound, statement) {
                Ok(new) => taken.extend(new),
                Err(reason) => {
                    count(&mut summary.statements_refused, reason.code());
                    let what = format!("consent ({})", statement.state.as_str());
                    explain(Explanation::by_gate(inbound.line, &what, "", reason));
                }
            }
        }
        taken
    }

    fn statement(
        &self,
        writer: &Writer<'_>,
        inbound: &Inbound,
        statement: &ConsentStatement,
    ) -> Result<Vec<(NewStatement, Timed)>, Reason> {
        let code = self.rules.purpose_code(&statement.purpose).ok_or(Reason::PurposeNotDeclared)?;
        let rule = self.rules.rule(code).ok_or(Reason::PurposeNotDeclared)?;
        let channels = match &statement.channel {
            Some(name) => {
                let channel = self.rules.channel_code(name).ok_or(Reason::ChannelNotOfPurpose)?;
                if !rule.channels.contains(&channel) {
                    return Err(Reason::ChannelNotOfPurpose);
                }
                vec![channel]
            }
            None if rule.channels.is_empty() => vec![0],
            None => rule.channels.clone(),
        };
        let says_yes = matches!(
            statement.state,
            ConsentState::Given | ConsentState::Renewed | ConsentState::Requested
        );
        let (axis, state, channels) = match rule.purpose.basis {
            Basis::Consent => (Axis::Consent, statement.state, channels),
            // A "no" to a purpose that doesn't rest on consent is an objection (Art 21).
            _ if says_yes => return Err(Reason::PurposeNotDeclared),
            _ => (Axis::Objection, ConsentState::Given, vec![0]),
        };
        let notice = match &statement.notice {
            Some((name, Some(version))) => {
                let held = rule.purpose.notice.as_deref() == Some(&**name)
                    && self.rules.policy.notices[&**name]
                        .versions
                        .iter()
                        .any(|v| v.version == *version);
                if says_yes && !held {
                    return Err(Reason::ConsentUnknownNotice);
                }
                held.then(|| (name.to_string(), *version))
            }
            _ if says_yes => return Err(Reason::ConsentWithoutNotice),
            _ => None,
        };
        let (valid_at, timed) = match statement.at.or(inbound.observed) {
            Some(at) => (at, Timed::ByTheSource),
            None => (writer.now, Timed::ByArrival),
        };
        let new = |channel| NewStatement {
            axis,
            purpose: code,
            channel,
            state,
            explicit: statement.explicit,
            confirmed: statement.confirmed,
            own: self.source.own,
            source: u16::try_from(self.code).unwrap_or(0),
            notice: notice.clone(),
            method: statement.method.as_deref().map(str::to_owned),
            evidence: Some(format!("import {}, line {}", self.import, inbound.line)),
            valid_at,
        };
        Ok(channels.into_iter().map(|channel| (new(channel), timed)).collect())
    }

    /// The standing of a home that nothing changes now.
    fn known_standing(
        &mut self,
        writer: &Writer<'_>,
        subject: i64,
        home: i64,
        now: Moment,
    ) -> Result<(Rc<Standing>, PurposeMask)> {
        // A home has one standing within its subject; ids of homes are unique.
        if let Some((standing, open)) = self.standings.get(&home) {
            return Ok((Rc::clone(standing), *open));
        }
        if self.histories.len() >= HISTORIES_REMEMBERED_MAX {
            self.histories.clear();
        }
        let history = match self.histories.entry(subject) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(History::load(writer.conn, subject)?),
        };
        let standing = Rc::new(history.standing_of(home, AsOf::at(now)));
        let open = open_purposes(self.rules, &standing, now);
        if self.standings.len() >= RECORDS_REMEMBERED_MAX {
            self.standings.clear();
        }
        self.standings.insert(home, (Rc::clone(&standing), open));
        Ok((standing, open))
    }

    /// The standing of a home after the merges and statements that a row brings.
    fn coming_standing(
        &self,
        writer: &Writer<'_>,
        subject: Option<i64>,
        ties: &Ties,
        home: i64,
        fresh: &[NewStatement],
        now: Moment,
    ) -> Result<(Rc<Standing>, PurposeMask)> {
        let mut history = match subject {
            Some(subject) => History::load(writer.conn, subject)?,
            None => History::default(),
        };
        for other in ties.subjects.iter().filter(|other| Some(**other) != subject) {
            let other = History::load(writer.conn, *other)?;
            history.statements.extend(other.statements);
            let joined =
                Some(Joined { at: now, entry: i64::try_from(writer.log.size()).unwrap_or(0) });
            history.homes.extend(other.homes.into_iter().map(|h| Home { id: h.id, joined }));
        }
        if !history.homes.iter().any(|h| h.id == home) {
            history.homes.push(Home { id: home, joined: None });
        }
        for (index, new) in fresh.iter().enumerate() {
            let n = i64::MAX - i64::try_from(fresh.len() - index).unwrap_or(0);
            history.statements.push(history::row(n, home, new, now));
        }
        let standing = history.standing_of(home, AsOf::at(now));
        let open = open_purposes(self.rules, &standing, now);
        Ok((Rc::new(standing), open))
    }

    /// Values that the gate admits: (index into the row's values, purposes).
    fn gate_values(
        &self,
        gate: &Gate<'_>,
        inbound: &Inbound,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Vec<(usize, PurposeMask)> {
        let mut admitted = Vec::new();
        for (index, value) in inbound.values.iter().enumerate() {
            let plan = &self.fields[value.field];
            let asked = Asked {
                line: inbound.line,
                what: &plan.text,
                category: &plan.category,
                candidates: plan.candidates,
                closed: plan.closed,
            };
            match gate.ask(&asked, summary, explain) {
                Ok(purposes) => {
                    for name in self.rules.names(purposes) {
                        summary.purpose(name).values += 1;
                    }
                    admitted.push((index, purposes));
                }
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
        let mut admitted = Vec::new();
        for (index, event) in inbound.events.iter().enumerate() {
            let plan = &self.events[event.map];
            let asked = Asked {
                line: inbound.line,
                what: &plan.text,
                category: &plan.category,
                candidates: plan.candidates,
                closed: plan.closed,
            };
            match gate.ask(&asked, summary, explain) {
                Ok(purposes) => {
                    for name in self.rules.names(purposes) {
                        summary.purpose(name).events += 1;
                    }
                    admitted.push((index, purposes));
                }
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

    fn say(
        &self,
        writer: &mut Writer<'_>,
        held: &mut Held,
        new: &NewStatement,
        summary: &mut Summary,
    ) -> Result<()> {
        let record = &held.record;
        let n = history::record(writer, record.id, record.home, &record.key, new)?;
        held.said.push(history::row(n, record.home, new, writer.now));
        let purpose = writer.words.text(WordKind::Purpose, new.purpose.into()).to_owned();
        count(summary.statements.entry(purpose).or_default(), new.state.as_str());
        Ok(())
    }

    /// A "no" said through an address that several people share reaches all of them.
    fn reach_shared(
        &mut self,
        writer: &mut Writer<'_>,
        record: &Record,
        ties: &Ties,
        new: &NewStatement,
    ) -> Result<()> {
        let mut subjects = ties.related.clone();
        for seen in &ties.shared {
            subjects.extend(sql::holders(writer.conn, seen.blind)?.iter().map(|(_, s, ..)| *s));
        }
        subjects.sort_unstable();
        subjects.dedup();
        subjects.retain(|subject| *subject != record.subject);
        for subject in subjects.into_iter().take(SHARED_REACH_MAX) {
            let Some(other) = sql::records_of(writer.conn, subject)?.first().copied() else {
                continue;
            };
            let said = consent_sql::statements_of_record(writer.conn, other)?;
            if !history::is_known(&said, new, Timed::ByTheSource) {
                let row = sql::record(writer.conn, other)?;
                let key = sql::record_key(writer.conn, other)?;
                history::record(writer, other, row.home, &key, new)?;
                self.withdrawn.insert(other);
                self.held.clear();
            }
        }
        Ok(())
    }

    /// Writes the admitted values that say something new, and the blind names of identifiers.
    #[allow(clippy::too_many_arguments)]
    fn write_values(
        &self,
        writer: &mut Writer<'_>,
        items: &mut Items,
        record: &mut Record,
        inbound: &Inbound,
        values: &[(usize, PurposeMask)],
        identifiers: &[SeenIdentifier],
        protects: bool,
    ) -> Result<u64> {
        let observed = inbound.observed.unwrap_or(writer.now);
        let mut wrote = 0;
        let all = values.iter().fold(0, |mask, (_, purposes)| mask | purposes);
        if all != 0 && !record.current.contains_key(&self.key_field) {
            let field = (self.key_field, "record.key");
            items.add_value(writer, record, field, all, observed, &inbound.key)?;
            wrote += 1;
        }
        for (index, purposes) in values {
            let value = &inbound.values[*index];
            let plan = &self.fields[value.field];
            if let Some(current) = record.current.get(&plan.field) {
                let same = current.text == value.text && purposes & !current.purposes == 0;
                // What the source said before it said what is held is old news.
                let older = inbound.observed.is_some_and(|at| at < current.observed_at);
                if same || (older && current.text != value.text) {
                    continue;
                }
            }
            let field = (plan.field, plan.text.as_str());
            let seq = items.add_value(writer, record, field, *purposes, observed, &value.text)?;
            wrote += 1;
            if let Some(seen) =
                identifiers.iter().find(|seen| seen.field == plan.field && seen.text == value.text)
            {
                sql::put_identifier(writer.conn, seen.blind, record.id, seen.field, seq)?;
            }
        }
        if protects {
            // Kept as keyed fingerprints only: enough to honour the "no" when the person turns up.
            for seen in identifiers {
                sql::put_identifier(writer.conn, seen.blind, record.id, seen.field, 0)?;
            }
        }
        Ok(wrote)
    }

    fn write_events(
        &mut self,
        writer: &mut Writer<'_>,
        items: &mut Items,
        record: &Record,
        inbound: &Inbound,
        events: &[(usize, PurposeMask)],
        summary: &mut Summary,
    ) -> Result<u64> {
        let mut took = 0;
        for (index, purposes) in events {
            let event: &MappedEvent = &inbound.events[*index];
            let plan = &self.events[event.map];
            let at = event.at.or(inbound.observed).unwrap_or(writer.now);
            let id = event.id.as_deref().unwrap_or("");
            let mid = if id.is_empty() {
                let body = String::from_utf8_lossy(&event.body);
                let at = at.0.to_string();
                writer.secret.blind("event", &[&self.name, &plan.text, "", &at, &body])
            } else {
                writer.secret.blind("event", &[&self.name, &plan.text, id])
            };
            if self.memory.is_none() {
                self.memory = Some(Memory::new(writer.conn)?);
            }
            let memory = self.memory.as_mut().expect("made above");
            let admitted = AdmittedEvent {
                name: plan.name,
                name_text: &plan.text,
                id,
                purposes: *purposes,
                at,
                mid,
                amount: event.amount,
                properties: &event.body,
            };
            match items.add_event(writer, memory, record.id, &record.key, &admitted)? {
                Taken::New => {
                    summary.events_new += 1;
                    took += 1;
                }
                Taken::Known => summary.events_known += 1,
            }
        }
        Ok(took)
    }
}

/// A statement as a row, to ask what it means before it is recorded.
fn as_row(new: &NewStatement, now: Moment) -> Statement {
    history::row(0, 0, new, now)
}
