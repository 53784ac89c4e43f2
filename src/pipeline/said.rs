//! What a row says about consent: read, recorded, and carried to those who share an address.

use crate::base::error::Result;
use crate::collect::{ConsentStatement, Record as Inbound, RefusalReason, Timed};
use crate::consent::fold::{AsOf, in_force_state};
use crate::consent::gate::Reason;
use crate::consent::history::{self, History, NewStatement};
use crate::consent::sql as consent_sql;
use crate::consent::statement::{Axis, Statement};
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeMask, PurposeRule, bit};
use crate::policy::types::{Basis, ConsentState, Take};
use crate::profile::recognise::{SeenIdentifier, Ties, former_holders, key_blind};
use crate::profile::record::Record;
use crate::profile::sql;
use crate::send::opt_in;
use crate::store::{WordKind, Writer};

use super::admit::{Admission, Held, Sender};
use super::ask::Explanation;
use super::plan::FieldPlan;
use super::summary::{Summary, count};

/// A withdrawal that reaches a shared address reaches at most this many people.
const SHARED_REACH_MAX: usize = 100;

/// By which method a yes was said that is taken back.
const NAMED: &str = "said by a public key of somebody who was merely named";

impl Admission<'_> {
    /// The statements of a row that can be taken in, each with where its moment comes from.
    pub(super) fn statements(
        &self,
        writer: &Writer<'_>,
        inbound: &Inbound,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<Vec<(NewStatement, Timed)>> {
        for reason in &inbound.untaken {
            count(&mut summary.statements_refused, reason.code());
        }
        let says_yes = inbound.consents.iter().any(|statement| statement.state.loosens());
        let is_named = says_yes && self.merely_names(writer, inbound)?;
        let mut taken = Vec::new();
        for statement in &inbound.consents {
            match self.statement(writer, inbound, statement, is_named) {
                Ok(new) => {
                    if self.named(&statement.purpose).is_none() {
                        summary.noes_of_no_purpose += 1;
                        explain(Explanation {
                            line: inbound.line,
                            what: format!("consent ({})", statement.state.as_str()),
                            purpose: String::new(),
                            reason: Reason::PurposeNotDeclared.code(),
                            words: "a no: it holds for each purpose that the source serves"
                                .to_owned(),
                        });
                    }
                    taken.extend(new);
                }
                Err(reason) => {
                    count(&mut summary.statements_refused, reason.code());
                    let what = format!("consent ({})", statement.state.as_str());
                    explain(Explanation::by_gate(inbound.line, &what, "", reason));
                }
            }
        }
        Ok(taken)
    }

    /// The fields of identifiers by which servers say who somebody is, and pages merely name them.
    fn naming(&self) -> impl Iterator<Item = &FieldPlan> {
        let identifiers = self.fields.iter().filter(|plan| plan.unverified.is_some());
        identifiers.filter(|plan| plan.verified != Some(true))
    }

    /// Whether a row comes from anybody, who merely names somebody whom servers know: by a `userId`, or by one
    /// that is given out as a browser's name.
    fn merely_names(&self, writer: &Writer<'_>, inbound: &Inbound) -> Result<bool> {
        let is_key = |text: &str| text == inbound.key;
        let proves = inbound
            .values
            .iter()
            .any(|value| is_key(&value.text) && self.fields[value.field].verified == Some(true));
        if self.sender == Sender::Known || (inbound.names_somebody && proves) {
            return Ok(false);
        }
        let blind = key_blind(writer.secret, &self.name, &inbound.key);
        let Some((id, ..)) = sql::record_by_key(writer.conn, self.code, blind)? else {
            return Ok(false);
        };
        let record = Record::load(writer.conn, writer.words, id)?;
        let mut held = self.naming().filter_map(|plan| record.text(plan.field));
        Ok(held.any(|text| inbound.names_somebody || is_key(text)))
    }

    /// Takes back what anybody agreed to in somebody's name, once a server says who that is: for others it would
    /// count from now on.
    pub(super) fn unsay(
        &mut self,
        writer: &mut Writer<'_>,
        inbound: &Inbound,
        held: &mut Held,
        summary: &mut Summary,
    ) -> Result<()> {
        let is_known = |held: &Held| {
            self.naming().next().is_none()
                || self.naming().any(|plan| held.record.text(plan.field).is_some())
        };
        if self.sender == Sender::Anybody || !inbound.names_somebody || is_known(held) {
            return Ok(());
        }
        let history = History::load(writer.conn, held.record.subject)?;
        let standing = history.standing_of(held.record.home, AsOf::at(writer.now));
        let given = standing.consents.iter().filter(|(_, consent)| in_force_state(consent.state));
        let given = given.filter(|(_, consent)| consent.by.record == held.record.id);
        for (purpose, channel) in given.map(|(matter, _)| *matter).collect::<Vec<_>>() {
            let new = self.invalidated(writer, inbound, (purpose, channel), NAMED);
            self.say(writer, held, &new, summary)?;
            self.withdrawn.insert(held.record.id);
        }
        Ok(())
    }

    /// A yes to a purpose on a channel counts no more, from now on; a row is the reason.
    pub(super) fn invalidated(
        &self,
        writer: &Writer<'_>,
        inbound: &Inbound,
        (purpose, channel): (PurposeCode, ChannelCode),
        method: &str,
    ) -> NewStatement {
        NewStatement {
            axis: Axis::Consent,
            purpose,
            channel,
            state: ConsentState::Invalidated,
            explicit: false,
            confirmed: false,
            own: self.source.own,
            source: u16::try_from(self.code).unwrap_or(0),
            notice: None,
            language: None,
            every_days: 0,
            because: None,
            method: Some(method.to_owned()),
            evidence: Some(format!("import {}, line {}", self.import, inbound.line)),
            valid_at: writer.now,
            undated: true,
        }
    }

    /// The purpose of a name, however it is cased.
    pub(super) fn named(&self, name: &str) -> Option<PurposeCode> {
        self.rules.purpose_code(name).or_else(|| self.rules.purpose_code(&name.to_lowercase()))
    }

    /// The consents that a "no" may be against whose purpose can't be told: those that the source serves and
    /// that its map can name by a field of the row.
    fn meant_by_no(&self) -> Vec<&PurposeRule> {
        let meant = self.source.consents.iter().fold(0, |all, map| match &map.purpose {
            Take::Fixed(_) => all,
            Take::Field { values, .. } if !values.is_empty() => {
                let named = values.values().filter_map(|name| self.named(name));
                named.fold(all, |all, code| all | bit(code))
            }
            Take::Field { .. } => PurposeMask::MAX,
        });
        let served = self.source.purposes.iter().filter_map(|name| self.named(name));
        let served = served.filter(|code| meant & bit(*code) != 0);
        let rules = served.filter_map(|code| self.rules.rule(code));
        rules.filter(|rule| rule.purpose.basis == Basis::Consent).collect()
    }

    /// What a statement amounts to: one for each purpose and channel that it is about. `is_named` where the row
    /// merely names whom it is about.
    fn statement(
        &self,
        writer: &Writer<'_>,
        inbound: &Inbound,
        statement: &ConsentStatement,
        is_named: bool,
    ) -> Result<Vec<(NewStatement, Timed)>, Reason> {
        let named = self.named(&statement.purpose).and_then(|code| self.rules.rule(code));
        let rules = match named {
            Some(rule) => vec![rule],
            None if Axis::Consent.protects(statement.state) => self.meant_by_no(),
            None => Vec::new(),
        };
        if rules.is_empty() {
            return Err(Reason::PurposeNotDeclared);
        }
        let mut all = Vec::new();
        for rule in rules {
            // What has to be confirmed is no consent yet, and a mail asks the person themselves.
            let waits = rule.purpose.double_opt_in && !statement.confirmed;
            if is_named && statement.state.loosens() && !waits {
                return Err(Reason::ConsentUnproven);
            }
            all.extend(self.statement_on(rule, writer, inbound, statement)?);
        }
        Ok(all)
    }

    /// Drops each "yes" of which nobody says when, where the people whom it may be about last said no.
    pub(super) fn drop_overruled(
        &self,
        writer: &Writer<'_>,
        subjects: &[i64],
        inbound: &Inbound,
        fresh: &mut Vec<NewStatement>,
        summary: &mut Summary,
        explain: &mut dyn FnMut(Explanation),
    ) -> Result<()> {
        let mut said = Vec::new();
        for subject in subjects {
            said.extend(consent_sql::statements_of(writer.conn, *subject)?);
        }
        let is_refused = |new: &NewStatement| {
            let on = |channel| channel == new.channel || channel == 0 || new.channel == 0;
            let of_it = said
                .iter()
                .filter(|s| s.axis == new.axis && s.purpose == new.purpose && on(s.channel));
            of_it.max_by_key(|s| (s.valid_at, s.n)).is_some_and(Statement::protects)
        };
        fresh.retain(|new| {
            let drops = new.is_undated_yes() && is_refused(new);
            if drops {
                let reason = RefusalReason::MissingTime;
                count(&mut summary.statements_refused, reason.code());
                explain(Explanation {
                    line: inbound.line,
                    what: format!("consent ({})", new.state.as_str()),
                    purpose: String::new(),
                    reason: reason.code(),
                    words: "nobody says when it was given, and the person said no".to_owned(),
                });
            }
            !drops
        });
        Ok(())
    }

    fn statement_on(
        &self,
        rule: &PurposeRule,
        writer: &Writer<'_>,
        inbound: &Inbound,
        statement: &ConsentStatement,
    ) -> Result<Vec<(NewStatement, Timed)>, Reason> {
        let says_yes = statement.state.loosens();
        let channel = statement.channel.as_deref().map(|name| {
            let channel = self.rules.channel_code(&name.to_lowercase());
            channel.filter(|channel| rule.channels.contains(channel))
        });
        let channels = match channel {
            Some(Some(channel)) => vec![channel],
            Some(None) if says_yes => return Err(Reason::ChannelNotOfPurpose),
            // The column for it is empty: a yes to which of them?
            None if says_yes && statement.names_channel && rule.channels.len() > 1 => {
                return Err(Reason::ConsentWithoutChannel);
            }
            _ if rule.channels.is_empty() => vec![0],
            // A "no" on a channel that nobody knows holds on all of them.
            _ => rule.channels.clone(),
        };
        let (axis, state, channels) = match rule.purpose.basis {
            Basis::Consent => (Axis::Consent, statement.state, channels),
            // A "no" to a purpose that doesn't rest on consent is an objection (Art 21).
            _ if says_yes => return Err(Reason::PurposeNotByConsent),
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
        let language = notice.as_ref().and_then(|(name, version)| {
            self.rules.policy.notices[name].shown_in(*version, statement.language.as_deref())
        });
        let valid_at = statement.at.unwrap_or(writer.now);
        let new = |channel| NewStatement {
            axis,
            purpose: rule.code,
            channel,
            state,
            explicit: statement.explicit,
            confirmed: statement.confirmed,
            own: self.source.own,
            source: u16::try_from(self.code).unwrap_or(0),
            notice: notice.clone(),
            language: language.map(str::to_owned),
            every_days: 0,
            because: None,
            method: statement.method.as_deref().map(str::to_owned),
            evidence: Some(match &statement.evidence {
                Some(evidence) => evidence.to_string(),
                None => format!("import {}, line {}", self.import, inbound.line),
            }),
            valid_at,
            undated: statement.at.is_none(),
        };
        Ok(channels.into_iter().map(|channel| (new(channel), statement.timed)).collect())
    }

    /// Records a statement, and forgets where the person stood before it.
    pub(super) fn say(
        &mut self,
        writer: &mut Writer<'_>,
        held: &mut Held,
        new: &NewStatement,
        summary: &mut Summary,
    ) -> Result<()> {
        let record = &held.record;
        let n = history::record(writer, record.id, record.birth, &record.key, new)?;
        opt_in::ask(writer, self.rules, n)?;
        held.said.push(history::row(n, record.home, record.id, new, writer.now));
        let purpose = writer.words.text(WordKind::Purpose, new.purpose.into()).to_owned();
        count(summary.statements.entry(purpose).or_default(), new.axis.word(new.state));
        self.people.forget_subject(record.subject);
        Ok(())
    }

    /// A "no" said on a record reaches these subjects too.
    pub(super) fn reach(
        &mut self,
        writer: &mut Writer<'_>,
        record: &Record,
        mut subjects: Vec<i64>,
        new: &NewStatement,
    ) -> Result<()> {
        subjects.sort_unstable();
        subjects.dedup();
        subjects.retain(|subject| *subject != record.subject);
        for subject in subjects.into_iter().take(SHARED_REACH_MAX) {
            if let Some(other) = sql::records_of(writer.conn, subject)?.first().copied() {
                self.say_no_on(writer, other, subject, new)?;
            }
        }
        Ok(())
    }

    /// A "no" said through an identifier reaches those who bore it before, on the records that bore it. Where
    /// it is somebody else's by now, their unticked box is their own; what takes back speaks for both.
    pub(super) fn reach_former(
        &mut self,
        writer: &mut Writer<'_>,
        record: &Record,
        identifiers: &[SeenIdentifier],
        new: &NewStatement,
    ) -> Result<()> {
        let policy = &self.rules.policy;
        let former = former_holders(writer.conn, policy, record.id, identifiers)?;
        let refused = new.state == ConsentState::Refused;
        let reached = former.into_iter().filter(|former| !(refused && former.is_anothers));
        for former in reached.take(SHARED_REACH_MAX) {
            self.say_no_on(writer, former.record, former.subject, new)?;
        }
        Ok(())
    }

    /// Records a "no" on another record than the one that brought it, once.
    fn say_no_on(
        &mut self,
        writer: &mut Writer<'_>,
        other: i64,
        subject: i64,
        new: &NewStatement,
    ) -> Result<()> {
        let said = consent_sql::statements_of_record(writer.conn, other)?;
        if history::unsaid(&said, new.clone(), Timed::ByItself, (self.rules.version, writer.now))
            .is_some()
        {
            let row = sql::record(writer.conn, other)?;
            let key = sql::record_key(writer.conn, other)?;
            history::record(writer, other, row.birth, &key, new)?;
            self.withdrawn.insert(other);
            self.people.forget_subject(subject);
            self.held.clear();
        }
        Ok(())
    }
}

/// Who shares an address of a row and is somebody else: what is said through it reaches all of them.
pub(super) fn sharing(writer: &Writer<'_>, ties: &Ties) -> Result<Vec<i64>> {
    let mut subjects = ties.related.clone();
    for seen in &ties.shared {
        subjects.extend(sql::holders(writer.conn, seen.blind)?.iter().map(|(_, s, ..)| *s));
    }
    Ok(subjects)
}
