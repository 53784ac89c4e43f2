//! What a person sees of themselves on the page of their preferences: where they stand with each purpose and each
//! channel, and what they asked for. No name, no address and no other value stands there, so that whoever a
//! mail was passed on to learns none.

use sha2::{Digest, Sha256};

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::{AsOf, ConsentStanding, Standing};
use crate::consent::history::{History, shown_with};
use crate::consent::stands::Stands;
use crate::policy::mail::pick;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeRule, Rulebook, bit};
use crate::policy::types::{Basis, Controller, NoticeVersion};
use crate::send::link::{Leave, Link};
use crate::send::sql as send_sql;
use crate::store::{Store, hex, latest, notice_texts};
use crate::subject::sql::RequestKind;

use super::say::{best_of, own_source};
use super::sql;

/// The page.
#[derive(Clone, Debug)]
pub struct Preferences {
    /// Who answers for the data.
    pub controller: Controller,
    /// Consents by purpose and channel.
    pub consents: Vec<Consent>,
    /// Purposes that rest on something else, and that can be objected to.
    pub uses: Vec<Use>,
    /// The ways to reach the person.
    pub channels: Vec<Channel>,
    /// At most once in so many days, by the person's wish.
    pub every_days: Option<u32>,
    /// The use of the data is restricted (Art 18).
    pub is_restricted: bool,
    /// What they asked for and is to be answered.
    pub requests: Vec<Request>,
}

/// A notice in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// BCP 47.
    pub language: String,
    /// The text.
    pub text: String,
}

impl Notice {
    /// SHA-256 of the text, in hex.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(self.text.as_bytes()))
    }
}

/// Where a person stands with a purpose that rests on consent, on one channel.
#[derive(Clone, Debug)]
pub struct Consent {
    pub(super) purpose: PurposeCode,
    pub(super) channel: ChannelCode,
    /// The purpose as the policy names it.
    pub name: String,
    /// In plain words.
    pub title: String,
    /// The channel's name; empty where the purpose has none.
    pub channel_name: String,
    /// What was said amounts to this.
    pub stands: Stands,
    /// Since when.
    pub since: Option<Moment>,
    /// The notice that was shown then.
    pub seen: Option<Notice>,
    /// The notice under which a yes can be given here; none where it can't.
    pub offered: Option<Notice>,
}

impl Consent {
    /// The name of its field in the form.
    pub fn field(&self) -> String {
        format!("consent.{}.{}", self.name, self.channel_name)
    }
}

/// A purpose that can be objected to.
#[derive(Clone, Debug)]
pub struct Use {
    pub(super) purpose: PurposeCode,
    /// As the policy names it.
    pub name: String,
    /// In plain words.
    pub title: String,
    /// Whether the person objected.
    pub is_objected: bool,
    /// It asks the person to confirm what they sign up for, and so comes of their own asking alone.
    pub is_asked_for: bool,
}

impl Use {
    /// The name of its field in the form.
    pub fn field(&self) -> String {
        format!("use.{}", self.name)
    }
}

/// A way to reach the person.
#[derive(Clone, Debug)]
pub struct Channel {
    pub(super) code: ChannelCode,
    /// As the policy names it.
    pub name: String,
    /// Permitted, denied, or nothing was said.
    pub is_permitted: Option<bool>,
}

impl Channel {
    /// The name of its field in the form.
    pub fn field(&self) -> String {
        format!("channel.{}", self.name)
    }
}

/// What the person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// access, portability or erasure.
    pub kind: &'static str,
    /// When.
    pub asked_at: Moment,
    /// The last day for an answer.
    pub due_on: String,
}

/// Whose preferences a link shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    pub(super) record: i64,
    pub(super) subject: i64,
    pub(super) was_mailed: bool,
}

/// The person whom a link lets speak, if it does.
pub(super) fn reader(store: &Store, token: &str, now: Moment) -> Result<Option<Reader>> {
    let link = Link::read(store.conn(), store.secret(), token, now)?;
    let Some(Link { record, leave: Leave::Preferences { was_mailed }, .. }) = link else {
        return Ok(None);
    };
    let subject = send_sql::subject_of(store.conn(), record)?;
    Ok(subject.map(|subject| Reader { record, subject, was_mailed }))
}

/// What the holder of a link sees, for whoever reads these languages; `None` where it says nothing, or nothing
/// more. Changes nothing.
///
/// # Errors
/// Those of reading.
pub fn look(
    store: &Store,
    token: &str,
    languages: &[&str],
    now: Moment,
) -> Result<Option<Preferences>> {
    let Some(reader) = reader(store, token, now)? else { return Ok(None) };
    let rules = latest(store.conn(), store.words())?;
    of(store, &rules, reader.subject, languages, now).map(Some)
}

pub(super) fn of(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    languages: &[&str],
    now: Moment,
) -> Result<Preferences> {
    let standing = History::load(store.conn(), subject)?.standing(AsOf::at(now));
    let mut consents = Vec::new();
    for rule in rules.rules().filter(|rule| rule.purpose.basis == Basis::Consent) {
        let any = [0];
        let channels = if rule.channels.is_empty() { &any[..] } else { &rule.channels };
        for channel in channels {
            consents.push(consent(store, rules, (rule, *channel), &standing, languages, now)?);
        }
    }
    let mut channels: Vec<ChannelCode> = rules.rules().flat_map(|r| r.channels.clone()).collect();
    channels.sort_unstable();
    channels.dedup();
    let channel = |code: ChannelCode| Channel {
        code,
        name: rules.channel_name(code).to_owned(),
        is_permitted: standing.permissions.get(&code).copied(),
    };
    let requests = sql::open_requests(store.conn(), subject)?.into_iter();
    let requests = requests.filter_map(|(kind, asked_at, due_on)| {
        Some(Request { kind: RequestKind::of(kind)?.word(), asked_at, due_on })
    });
    Ok(Preferences {
        controller: rules.policy.controller.clone(),
        consents,
        uses: rules.rules().filter_map(|rule| use_of(rules, rule, &standing)).collect(),
        channels: channels.into_iter().map(channel).collect(),
        every_days: standing.at_most_every.get(&0).copied(),
        is_restricted: standing.restricted,
        requests: requests.collect(),
    })
}

/// A purpose that rests on no consent and can be objected to (Art 21(1) and (2)).
fn use_of(rules: &Rulebook, rule: &PurposeRule, standing: &Standing) -> Option<Use> {
    let purpose = &rule.purpose;
    let interests = matches!(purpose.basis, Basis::LegitimateInterests | Basis::PublicTask);
    let can_be = interests || (purpose.marketing && purpose.basis != Basis::Consent);
    can_be.then(|| Use {
        purpose: rule.code,
        name: rule.name.clone(),
        title: purpose.title.clone(),
        is_objected: standing.objections & bit(rule.code) != 0,
        is_asked_for: rules.policy.confirmed_for() == Some(&rule.name),
    })
}

fn consent(
    store: &Store,
    rules: &Rulebook,
    (rule, channel): (&PurposeRule, ChannelCode),
    standing: &Standing,
    languages: &[&str],
    now: Moment,
) -> Result<Consent> {
    let found = standing.consents.get(&(rule.code, channel));
    Ok(Consent {
        purpose: rule.code,
        channel,
        name: rule.name.clone(),
        title: rule.purpose.title.clone(),
        channel_name: match channel {
            0 => String::new(),
            code => rules.channel_name(code).to_owned(),
        },
        stands: Stands::of(rule, found, now),
        since: found.map(|consent| consent.by.valid_at),
        seen: found.map(|found| seen(store, found, languages)).transpose()?.flatten(),
        offered: offered(rules, rule, languages),
    })
}

/// The notice that was shown with what decides now.
fn seen(store: &Store, found: &ConsentStanding, languages: &[&str]) -> Result<Option<Notice>> {
    let shown = shown_with(store.conn(), found.by.n)?;
    let Some((name, version)) = shown.notice else { return Ok(None) };
    let texts = notice_texts(store.conn(), &name, version)?;
    let at = best_of(&texts, shown.language.as_deref(), languages);
    let text = at.and_then(|at| texts.into_iter().nth(at));
    Ok(text.map(|(language, text)| Notice { name, version, language, text }))
}

/// The notice that stands on the page: the newest version, in the language that is read best. None where the
/// policy's own source doesn't serve the purpose.
fn offered(rules: &Rulebook, rule: &PurposeRule, languages: &[&str]) -> Option<Notice> {
    let (_, source) = own_source(rules)?;
    if !source.purposes.contains(&rule.name) {
        return None;
    }
    let name = rule.purpose.notice.as_ref()?;
    let versions = &rules.policy.notices.get(name)?.versions;
    let newest = versions.iter().map(|version| version.version).max()?;
    let texts: Vec<&NoticeVersion> = versions.iter().filter(|v| v.version == newest).collect();
    let known: Vec<&str> = texts.iter().map(|text| text.language.as_str()).collect();
    let text = texts[pick(&known, languages)?];
    Some(Notice {
        name: name.clone(),
        version: newest,
        language: text.language.clone(),
        text: text.text.clone(),
    })
}
