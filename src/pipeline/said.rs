//! What a row says about consent: read, recorded, and carried to those who share an address.

use crate::base::error::Result;
use crate::collect::{ConsentStatement, Record as Inbound, Timed};
use crate::consent::gate::Reason;
use crate::consent::history::{self, NewStatement};
use crate::consent::sql as consent_sql;
use crate::consent::statement::Axis;
use crate::policy::types::{Basis, ConsentState};
use crate::profile::recognise::Ties;
use crate::profile::record::Record;
use crate::profile::sql;
use crate::store::{WordKind, Writer};

use super::admit::{Admission, Held};
use super::ask::Explanation;
use super::summary::{Summary, count};

/// A withdrawal that reaches a shared address reaches at most this many people.
const SHARED_REACH_MAX: usize = 100;

impl Admission<'_> {
    /// The statements of a row that can be taken in, each with where its moment comes from.
    pub(super) fn statements(
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
        let says_yes = statement.state.loosens();
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
        let language = notice.as_ref().and_then(|(name, version)| {
            self.rules.policy.notices[name].shown_in(*version, statement.language.as_deref())
        });
        let valid_at = statement.at.unwrap_or(writer.now);
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
            language: language.map(str::to_owned),
            every_days: 0,
            because: None,
            method: statement.method.as_deref().map(str::to_owned),
            evidence: Some(format!("import {}, line {}", self.import, inbound.line)),
            valid_at,
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
        let n = history::record(writer, record.id, record.home, &record.key, new)?;
        held.said.push(history::row(n, record.home, record.id, new, writer.now));
        let purpose = writer.words.text(WordKind::Purpose, new.purpose.into()).to_owned();
        count(summary.statements.entry(purpose).or_default(), new.state.as_str());
        self.people.forget_subject(record.subject);
        Ok(())
    }

    /// A "no" said through an address that several people share reaches all of them.
    pub(super) fn reach_shared(
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
            if history::unsaid(&said, new.clone(), Timed::ByItself, writer.now).is_some() {
                let row = sql::record(writer.conn, other)?;
                let key = sql::record_key(writer.conn, other)?;
                history::record(writer, other, row.home, &key, new)?;
                self.withdrawn.insert(other);
                self.people.forget_subject(subject);
                self.held.clear();
            }
        }
        Ok(())
    }
}
