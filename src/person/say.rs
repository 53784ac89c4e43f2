//! How what a person says on a page of theirs is recorded.

use std::sync::Arc;

use crate::base::error::Result;
use crate::collect::{ConsentStatement, MappedValue, Record as Inbound, Timed};
use crate::consent::desk;
use crate::consent::history::{self, NewStatement};
use crate::consent::sql as consent_sql;
use crate::consent::statement::Axis;
use crate::pipeline::own;
use crate::policy::mail::pick;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeRule, Rulebook};
use crate::policy::types::{ConsentState, IdentifierForm, Source, Target, UNVERIFIED};
use crate::profile::read::{OpenRecord, open_records};
use crate::profile::recognise::identifier_blind;
use crate::profile::sql as profile_sql;
use crate::send::{opt_in, sql as send_sql};
use crate::store::{WordKind, Writer};
use crate::subject::forget;

/// The source as which people speak for themselves, where the policy names one.
pub(super) fn own_source(rules: &Rulebook) -> Option<(&str, &Source)> {
    let name = rules.policy.pages.as_ref()?.source.as_str();
    let source = rules.policy.sources.get(name).filter(|source| source.own)?;
    Some((name, source))
}

/// The place of the text that was shown, of some languages' texts; of the one that is read best where it isn't
/// known which that was.
pub(super) fn best_of(
    texts: &[(String, String)],
    shown: Option<&str>,
    languages: &[&str],
) -> Option<usize> {
    let known: Vec<&str> = texts.iter().map(|(language, _)| language.as_str()).collect();
    let own = known.iter().position(|language| Some(*language) == shown);
    own.or_else(|| pick(&known, languages))
}

/// The code of that source; 0, the desk, where the policy names none any more.
fn source_code(writer: &Writer<'_>, rules: &Rulebook) -> u16 {
    let code = own_source(rules).and_then(|(name, _)| writer.words.code(WordKind::Source, name));
    code.and_then(|code| u16::try_from(code).ok()).unwrap_or(0)
}

/// Something that a person says about a purpose or a channel, or about all.
pub(super) struct Said<'a> {
    pub(super) axis: Axis,
    pub(super) purpose: PurposeCode,
    pub(super) channel: ChannelCode,
    pub(super) state: ConsentState,
    pub(super) every_days: u32,
    /// How, such as `one-click`.
    pub(super) method: &'a str,
}

impl Said<'_> {
    fn statement(&self, source: u16, writer: &Writer<'_>) -> NewStatement {
        NewStatement {
            axis: self.axis,
            purpose: self.purpose,
            channel: self.channel,
            state: self.state,
            explicit: false,
            confirmed: false,
            own: true,
            source,
            notice: None,
            language: None,
            every_days: self.every_days,
            because: None,
            method: Some(self.method.to_owned()),
            evidence: None,
            valid_at: writer.now,
            undated: false,
        }
    }
}

/// Records what a person says: what protects them on each of their records, what doesn't on the one by which
/// they speak. Lets go at once what has lost its last reason by it; whoever got their data for it is told.
/// Returns how much was let go.
///
/// # Errors
/// Those of writing.
pub(super) fn record(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    (subject, by): (i64, i64),
    all: &[Said<'_>],
) -> Result<forget::Forgotten> {
    let source = source_code(writer, rules);
    for said in all {
        let new = said.statement(source, writer);
        let entries = desk::record_by_address(writer, subject, by, &[new])?;
        for n in entries {
            opt_in::ask(writer, rules, n)?;
        }
    }
    forget::sweep(writer, rules, subject, "consent")
}

/// A yes to a purpose, under a notice.
pub(super) struct Yes<'a> {
    pub(super) rule: &'a PurposeRule,
    pub(super) channel: ChannelCode,
    pub(super) notice: (String, u32),
    pub(super) language: Option<String>,
    pub(super) explicit: bool,
    pub(super) confirmed: bool,
    /// The link by which it is said was mailed to the record's address: whoever has it reads what is sent there.
    pub(super) was_mailed: bool,
    pub(super) method: &'a str,
    pub(super) evidence: String,
}

/// Takes a yes in that the person of a record says for that record's address: as a row of the source that is
/// their own, which brings the address in for the purpose. Where that source can't take it in, or the record
/// has no address, it is recorded on the record itself.
///
/// # Errors
/// Those of writing.
pub(super) fn yes(
    writer: &mut Writer<'_>,
    rules: &Rulebook,
    record: i64,
    yes: &Yes<'_>,
) -> Result<()> {
    let before = i64::try_from(writer.log.size()).unwrap_or(i64::MAX);
    let Some(subject) = send_sql::subject_of(writer.conn, record)? else { return Ok(()) };
    let records = open_records(writer.conn, writer.words, subject)?;
    if let Some((name, source)) = own_source(rules)
        && source.purposes.contains(&yes.rule.name)
        && let Some((field, address)) =
            address(writer, rules, source, (record, yes.was_mailed), &records)?
    {
        let mut row = row(writer, rules, (field, address), yes);
        own::take(writer, rules, name, &mut row)?;
    }
    // Who holds it now: by an address two people can have become one.
    let Some(subject) = send_sql::subject_of(writer.conn, record)? else { return Ok(()) };
    let said = consent_sql::statements_of(writer.conn, subject)?;
    let matter = (Axis::Consent, yes.rule.code, yes.channel);
    if said.iter().any(|said| said.n >= before && said.matter() == matter) {
        return Ok(());
    }
    let new = NewStatement {
        explicit: yes.explicit,
        confirmed: yes.confirmed,
        notice: Some(yes.notice.clone()),
        language: yes.language.clone(),
        evidence: Some(yes.evidence.clone()),
        ..Said {
            axis: Axis::Consent,
            purpose: yes.rule.code,
            channel: yes.channel,
            state: ConsentState::Given,
            every_days: 0,
            method: yes.method,
        }
        .statement(source_code(writer, rules), writer)
    };
    let (birth, key) = consent_sql::birth_and_key(writer.conn, record)?;
    let n = history::record(writer, record, birth, &key, &new)?;
    opt_in::ask(writer, rules, n)?;
    Ok(())
}

/// The address of a record that a source maps: the place in its map, and the text. Where the record's own was
/// let go, because nothing let it be held there, another record of the person may still hold the very same. One
/// that nobody had verified counts where the link was mailed to it: by one that was handed over, somebody who
/// only claims an address would become the person who has it.
fn address(
    writer: &Writer<'_>,
    rules: &Rulebook,
    source: &Source,
    (record, was_mailed): (i64, bool),
    records: &[OpenRecord],
) -> Result<Option<(usize, String)>> {
    let own = profile_sql::identifiers_of(writer.conn, record)?;
    for (index, field) in source.fields.iter().enumerate() {
        let Target::Identifier(kind) = &field.target else { continue };
        let rule = rules.policy.identifiers.get(kind);
        if rule.is_none_or(|kind| kind.form != IdentifierForm::Email) {
            continue;
        }
        let code = |text: String| writer.words.code(WordKind::Field, &text);
        let (code, claimed) =
            (code(format!("identifier.{kind}")), code(format!("identifier.{UNVERIFIED}{kind}")));
        let held = records.iter().flat_map(|of| of.values.iter().map(move |value| (of.id, value)));
        let held = held.filter(|(of, value)| {
            let is_claimed = was_mailed && *of == record && Some(value.field) == claimed;
            value.current && (Some(value.field) == code || is_claimed)
        });
        let held = held.filter(|(of, value)| {
            let blind = identifier_blind(writer.secret, kind, &value.text);
            *of == record || own.iter().any(|(known, ..)| *known == blind)
        });
        let newest = held.max_by_key(|(of, value)| (*of == record, value.observed_at, value.seq));
        if let Some((_, value)) = newest {
            return Ok(Some((index, value.text.clone())));
        }
    }
    Ok(None)
}

fn row(
    writer: &Writer<'_>,
    rules: &Rulebook,
    (field, address): (usize, String),
    yes: &Yes<'_>,
) -> Inbound {
    let text = |text: &str| Arc::<str>::from(text);
    let channel = (yes.channel != 0).then(|| text(rules.channel_name(yes.channel)));
    let (name, version) = &yes.notice;
    Inbound {
        key: address.clone(),
        observed: Some(writer.now),
        values: vec![MappedValue { field, text: address }],
        consents: vec![ConsentStatement {
            purpose: text(&yes.rule.name),
            names_channel: channel.is_some(),
            channel,
            state: ConsentState::Given,
            at: Some(writer.now),
            timed: Timed::ByItself,
            notice: Some((text(name), Some(*version))),
            language: yes.language.as_deref().map(text),
            method: Some(text(yes.method)),
            explicit: yes.explicit,
            confirmed: yes.confirmed,
            evidence: Some(text(&yes.evidence)),
        }],
        ..Inbound::default()
    }
}
