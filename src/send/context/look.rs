//! Puts together what may be known of one person for one purpose, asking the gate for each piece.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::answers::steady_until;
use crate::consent::fold::{AsOf, Standing};
use crate::consent::gate::{Direction, Question, Reason};
use crate::consent::history::History;
use crate::consent::permit::{Permit, permit};
use crate::consent::retention::{Age, kept_until};
use crate::policy::currency::currency_of;
use crate::policy::rulebook::{ChannelCode, PurposeRule, Rulebook, bit};
use crate::policy::types::Basis;
use crate::profile::covered::KEY;
use crate::profile::names::Name;
use crate::profile::read::{
    OpenEvent, OpenRecord, StoredValue, last_contact, open_events, open_records, winner_first,
};
use crate::profile::recognise::identifier_blind;
use crate::profile::sharing::shared_no;
use crate::store::{Covering, Store, WordKind};

use super::super::audience::{ADDRESS_NOT_COVERED, indirect_source};
use super::super::covered::covered_addresses;
use super::Named;
use super::known::{Context, Done, Known, LeftOut, Value};

/// What is looked at, and for what.
pub(super) struct Look<'a> {
    store: &'a Store,
    pub(super) rules: &'a Rulebook,
    pub(super) rule: &'a PurposeRule,
    pub(super) channel: Option<ChannelCode>,
    subject: i64,
    pub(super) now: Moment,
    pub(super) history: History,
    contact: Moment,
    pub(super) standings: HashMap<i64, Standing>,
    left_out: BTreeSet<LeftOut>,
    until: Moment,
    /// The records of which something was permitted.
    telling: BTreeSet<i64>,
}

/// A record with its events.
pub(super) struct Told {
    pub(super) record: OpenRecord,
    events: Vec<OpenEvent>,
}

/// What may be known of a person; `None` where nothing of them is held for the purpose and they said nothing
/// about it, or where what names them isn't held for it.
pub fn look(
    store: &Store,
    rules: &Rulebook,
    asked: (&PurposeRule, Option<ChannelCode>),
    subject: i64,
    by: Option<&Named>,
    now: Moment,
) -> Result<Option<Context>> {
    let (rule, _) = asked;
    let (mut look, records) = Look::at(store, rules, asked, subject, now)?;
    let is_said = look.history.statements.iter().any(|said| said.purpose == rule.code);
    if !is_said && !records.iter().any(|told| told.serves(rule)) {
        return Ok(None);
    }
    let known = look.known(&records)?;
    let is_found = match by {
        None => true,
        Some(by) if !look.telling.is_empty() => look.is_found(&records, by)?,
        // No value is told, but why there is none: to whoever names what might be held for the purpose.
        Some(by) => look.is_nameable(&records, by)?,
    };
    if !is_found {
        return Ok(None);
    }
    let Look { left_out, .. } = look;
    let purpose = rule.name.clone();
    Ok(Some(Context { subject, purpose, at: now, known, left_out }))
}

/// Whether the purpose may know a person by what names them.
pub fn is_found(
    store: &Store,
    rules: &Rulebook,
    asked: (&PurposeRule, Option<ChannelCode>),
    subject: i64,
    by: &Named,
    now: Moment,
) -> Result<bool> {
    let (look, records) = Look::at(store, rules, asked, subject, now)?;
    look.is_found(&records, by)
}

impl Told {
    /// Whether anything of it came in for a purpose.
    fn serves(&self, rule: &PurposeRule) -> bool {
        let of = |purposes| purposes & bit(rule.code) != 0;
        self.record.values.iter().any(|value| value.current && of(value.purposes))
            || self.events.iter().any(|event| of(event.purposes))
    }
}

impl<'a> Look<'a> {
    /// A person, with all that is held of them.
    fn at(
        store: &'a Store,
        rules: &'a Rulebook,
        (rule, channel): (&'a PurposeRule, Option<ChannelCode>),
        subject: i64,
        now: Moment,
    ) -> Result<(Look<'a>, Vec<Told>)> {
        let (conn, words) = (store.conn(), store.words());
        let mut records = Vec::new();
        for record in open_records(conn, words, subject)? {
            let events = open_events(conn, words, &record)?;
            records.push(Told { record, events });
        }
        let history = History::load(conn, subject)?;
        let opened: Vec<OpenRecord> = records.iter().map(|told| told.record.clone()).collect();
        let standing_of = |record: &OpenRecord| history.standing_of(record.home, AsOf::at(now));
        let standings = opened.iter().map(|record| (record.home, standing_of(record))).collect();
        let look = Look {
            store,
            rules,
            rule,
            channel,
            subject,
            now,
            contact: last_contact(&opened),
            standings,
            history,
            left_out: BTreeSet::new(),
            until: Moment::FOREVER,
            telling: BTreeSet::new(),
        };
        Ok((look, records))
    }

    /// Whether what names the person came in for the purpose, and may be let out for it as any value.
    fn is_found(&self, records: &[Told], by: &Named) -> Result<bool> {
        if matches!(by, Named(None)) {
            return Ok(true);
        }
        for (record, value) in self.naming(records, by)? {
            let age = Age { observed_at: value.observed_at, last_contact: self.contact };
            if value.purposes & bit(self.rule.code) != 0 && self.ask(record, Some(age), ()).is_ok()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether what names the person is of what the purpose covers.
    fn is_nameable(&self, records: &[Told], by: &Named) -> Result<bool> {
        Ok(matches!(by, Named(None)) || !self.naming(records, by)?.is_empty())
    }

    /// The values by which the person is named, and which the purpose covers.
    fn naming<'t>(
        &self,
        records: &'t [Told],
        by: &Named,
    ) -> Result<Vec<(&'t OpenRecord, &'t StoredValue)>> {
        let covering = Covering::new(self.store.conn(), self.rules);
        let mut naming = Vec::new();
        for Told { record, .. } in records {
            for value in record.values.iter().filter(|value| value.current) {
                let field = self.store.words().text(WordKind::Field, value.field);
                if by.is(field, &value.text)
                    && covering.field(&record.source, field)? & bit(self.rule.code) != 0
                {
                    naming.push((record, value));
                }
            }
        }
        Ok(naming)
    }

    fn known(&mut self, records: &[Told]) -> Result<Option<Permit<Known>>> {
        let mut open: Vec<&Told> = Vec::new();
        let mut closed = BTreeSet::new();
        for told in records {
            match self.ask(&told.record, None, ()) {
                Ok(_) => open.push(told),
                Err(reason) if told.serves(self.rule) => _ = closed.insert((true, reason)),
                Err(reason) => _ = closed.insert((false, reason)),
            }
        }
        if open.is_empty() {
            self.left_out.extend(closed.into_iter().map(|(_, no)| left_out("everything", no)));
            return Ok(None);
        }
        // Whether there is a record that serves other purposes alone is no business of this one.
        let others = closed.into_iter().filter(|(serves, _)| *serves);
        self.left_out.extend(others.map(|(_, no)| left_out("record", no)));
        let (identifiers, attributes) = self.values(&open)?;
        let events = self.events(&open)?;
        for told in &open {
            let standing = &self.standings[&told.record.home];
            let steady = steady_until(self.rules, &self.history, standing, self.now);
            self.until = self.until.min(steady);
        }
        let known = Known {
            records: self.telling.iter().copied().collect(),
            identifiers,
            attributes,
            events,
            preferences: self.preferences(),
            consents: self.consents(&open),
            until: self.until,
        };
        Ok(self.ask(&open[0].record, None, known).ok())
    }

    /// Asks the gate to let something of a record out.
    fn ask<T>(
        &self,
        record: &OpenRecord,
        age: Option<Age>,
        item: T,
    ) -> std::result::Result<Permit<T>, Reason> {
        let question = Question {
            channel: self.channel,
            indirect: indirect_source(self.rules, self.store.words(), &record.source),
            age,
            ..Question::new(Direction::Out, self.now)
        };
        permit(self.rules, self.rule, question, &self.standings[&record.home], item)
    }

    /// Asks for something that was observed at a moment; what time alone will end is noted.
    fn ask_aged<T>(
        &mut self,
        record: &OpenRecord,
        observed_at: Moment,
        item: T,
    ) -> std::result::Result<Permit<T>, Reason> {
        let age = Age { observed_at, last_contact: self.contact };
        let permitted = self.ask(record, Some(age), item)?;
        self.until = self.until.min(kept_until(self.rule, age));
        self.telling.insert(record.id);
        Ok(permitted)
    }

    /// The permitted identifiers and attributes: what came in for the purpose, which still covers it, and
    /// whose time isn't over.
    #[allow(clippy::type_complexity)] // two lists: a name would say no more
    fn values(&mut self, open: &[&Told]) -> Result<(Vec<Permit<Value>>, Vec<Permit<Value>>)> {
        let words = self.store.words();
        let covering = Covering::new(self.store.conn(), self.rules);
        let mut kinds: BTreeMap<String, Vec<Permit<Value>>> = BTreeMap::new();
        let mut named: BTreeMap<String, Vec<Permit<Value>>> = BTreeMap::new();
        for told in open {
            let record = &told.record;
            for value in record.values.iter().filter(|value| value.current) {
                let field = words.text(WordKind::Field, value.field);
                let came_in = value.purposes & bit(self.rule.code) != 0;
                if !came_in || field == KEY || value.text.is_empty() {
                    continue;
                }
                let Some((axis, name)) = field.split_once('.') else { continue };
                if covering.field(&record.source, field)? & bit(self.rule.code) == 0 {
                    self.left_out.insert(left_out(field, Reason::CategoryNotCovered));
                    continue;
                }
                let is_address = axis == "identifier";
                if is_address && let Some(no) = self.keeps_back(open, value.field, &value.text)? {
                    self.left_out.insert(no.of(field));
                    continue;
                }
                let shown = Value {
                    name: name.to_owned(),
                    value: value.text.clone(),
                    source: record.source.clone(),
                    observed_at: value.observed_at,
                };
                match self.ask_aged(record, value.observed_at, shown) {
                    Err(reason) => _ = self.left_out.insert(left_out(field, reason)),
                    Ok(shown) => {
                        let all = if is_address { &mut kinds } else { &mut named };
                        all.entry(name.to_owned()).or_default().push(shown);
                    }
                }
            }
        }
        let identifiers = kinds.into_values().flat_map(|mut all| {
            all.sort_by(|a, b| {
                let (a, b) = (a.item(), b.item());
                b.observed_at.cmp(&a.observed_at).then_with(|| a.value.cmp(&b.value))
            });
            let mut seen = BTreeSet::new();
            all.retain(|shown| seen.insert(shown.item().value.clone()));
            all
        });
        let attributes = named.into_iter().filter_map(|(name, mut all)| {
            winner_first(&self.rules.policy, &name, &mut all, |shown| {
                let Value { value, source, observed_at, .. } = shown.item();
                (source, *observed_at, value)
            });
            all.into_iter().next()
        });
        Ok((identifiers.collect(), attributes.collect()))
    }

    /// Why an identifier is kept back though its record is open: the consent was said for another address,
    /// or somebody else who holds it said no.
    fn keeps_back(&self, open: &[&Told], field: i64, text: &str) -> Result<Option<KeptBack>> {
        let conn = self.store.conn();
        if self.rule.purpose.basis == Basis::Consent {
            let records: Vec<&OpenRecord> = open.iter().map(|told| &told.record).collect();
            let asked = (self.rule, self.channel);
            let covered = covered_addresses(conn, asked, &[field], &records, &self.standings)?;
            if !covered.contains(text) {
                return Ok(Some(KeptBack::NotCovered));
            }
        }
        let name = self.store.words().text(WordKind::Field, field);
        let kind = name.strip_prefix("identifier.").unwrap_or(name);
        let blind = identifier_blind(self.store.secret(), kind, text);
        let whose = (self.subject, Name { blind, kind: field });
        let no = shared_no(self.store, (self.rule, self.channel), whose, self.now)?;
        Ok(no.then_some(KeptBack::SharedNo))
    }

    /// The permitted events, newest first.
    fn events(&mut self, open: &[&Told]) -> Result<Vec<Permit<Done>>> {
        let covering = Covering::new(self.store.conn(), self.rules);
        let mut events: Vec<Permit<Done>> = Vec::new();
        for told in open {
            let record = &told.record;
            for event in told.events.iter().filter(|e| e.purposes & bit(self.rule.code) != 0) {
                let what = format!("event.{}", event.name);
                if covering.event(&record.source, &event.name)? & bit(self.rule.code) == 0 {
                    self.left_out.insert(left_out(&what, Reason::CategoryNotCovered));
                    continue;
                }
                let currency = currency_of(&self.rules.policy, &record.source, &event.name);
                let done = Done {
                    name: event.name.clone(),
                    at: event.at,
                    source: record.source.clone(),
                    currency: currency.map(str::to_owned),
                    body: serde_json::from_slice(&event.bytes).unwrap_or_default(),
                };
                match self.ask_aged(record, event.at, done) {
                    Ok(done) => events.push(done),
                    Err(reason) => _ = self.left_out.insert(left_out(&what, reason)),
                }
            }
        }
        events.sort_by_key(|done| std::cmp::Reverse(done.item().at));
        Ok(events)
    }
}

/// Why an identifier is kept back.
enum KeptBack {
    NotCovered,
    SharedNo,
}

impl KeptBack {
    fn of(&self, field: &str) -> LeftOut {
        match self {
            KeptBack::NotCovered => LeftOut { what: field.to_owned(), reason: ADDRESS_NOT_COVERED },
            KeptBack::SharedNo => left_out(field, Reason::SharedNo),
        }
    }
}

fn left_out(what: &str, reason: Reason) -> LeftOut {
    LeftOut { what: what.to_owned(), reason: reason.code() }
}
