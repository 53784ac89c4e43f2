//! Where a person stands: with each purpose that rests on consent, and with all that decides beside it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::{AsOf, Standing};
use crate::consent::gate::Reason;
use crate::consent::stands::{Stands, let_through};
use crate::policy::rulebook::{ChannelCode, Rulebook};
use crate::policy::types::Basis;
use crate::profile::merge::public_text;
use crate::profile::sharing::Addressed;
use crate::profile::sql as profile_sql;
use crate::profile::then::Then;
use crate::store::{Store, WordKind};

use super::{hold, notice};

/// Where a subject stands with every purpose that rests on consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// The subject's id; of several who share an identifier, the first.
    pub subject: String,
    /// The people who share the identifier that was asked for, where there are several: the answer
    /// is the most protective of theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_by: Vec<String>,
    /// The moment that was asked about.
    pub at: String,
    /// By purpose and channel.
    pub purposes: Vec<PurposeState>,
    /// Purposes that the person objected to.
    pub objections: Vec<String>,
    /// Channels that the person permitted or denied.
    pub channels: Vec<ChannelState>,
    /// Processing is restricted to storage.
    pub restricted: bool,
    /// What is held for a legal claim.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldState>,
    /// Sources of which the person is still to be told (Art 14).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices_due: Vec<notice::NoticeDue>,
    /// All of these but the purposes, for people.
    #[serde(skip)]
    pub marks: Vec<Mark>,
}

/// Something beside consent that decides what may be done with a person's data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The person objected to a purpose (Art 21).
    Objected {
        /// The purpose.
        purpose: String,
    },
    /// The person permitted a channel, or denied it.
    Channel {
        /// The channel.
        channel: String,
        /// Permitted.
        permitted: bool,
    },
    /// The person wants to hear at most once in so many days.
    AtMost {
        /// The channel; empty for any.
        channel: String,
        /// The days.
        days: u32,
    },
    /// The person was told that a source sends data in (Art 14).
    Told {
        /// The purpose.
        purpose: String,
        /// The source.
        source: String,
    },
    /// The person is still to be told (Art 14).
    ToTell {
        /// The source.
        source: String,
        /// The purposes.
        purposes: Vec<String>,
        /// The last day for it.
        by: String,
    },
    /// Somebody with whom the person shares an address said no to a purpose: nothing is sent there for it.
    SharedNo {
        /// The purpose.
        purpose: String,
    },
    /// Processing is restricted to storage (Art 18).
    Restricted,
    /// Data is held for a legal claim (Art 17(3)(e)).
    Held {
        /// The category; empty for all.
        category: String,
        /// The last day; `None` where the hold must be lifted.
        until: Option<String>,
    },
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Mark::Objected { purpose } => write!(f, "{purpose}: objected (Art 21)"),
            Mark::Channel { channel, permitted } => {
                write!(f, "channel {channel}: {}", if *permitted { "permitted" } else { "denied" })
            }
            Mark::AtMost { channel, days } if channel.is_empty() => {
                write!(f, "any channel: at most once in {days} days, by their wish")
            }
            Mark::AtMost { channel, days } => {
                write!(f, "channel {channel}: at most once in {days} days, by their wish")
            }
            Mark::Told { purpose, source } => {
                write!(f, "{purpose}: told that {source} sends data (Art 14)")
            }
            Mark::ToTell { source, purposes, by } => {
                let purposes = purposes.join(", ");
                write!(f, "to be told by {by} that {source} sends data for {purposes} (Art 14)")
            }
            Mark::SharedNo { purpose } => write!(
                f,
                "{purpose}: nothing is sent to an address that somebody shares who said no to it"
            ),
            Mark::Restricted => f.write_str("restricted: stored, and nothing else (Art 18)"),
            Mark::Held { category, until } => {
                let what = if category.is_empty() { "all that is held" } else { category };
                let until = until.as_deref().unwrap_or("the hold is lifted");
                write!(f, "legal hold: {what} is kept until {until} (Art 17(3)(e))")
            }
        }
    }
}

/// Where a subject stands with one purpose on one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PurposeState {
    /// The purpose.
    pub purpose: String,
    /// The purpose in plain words.
    pub title: String,
    /// The channel; empty where the purpose has none.
    pub channel: String,
    /// What was said last, or that its time has run out: `unknown` where nothing was ever said.
    pub state: &'static str,
    /// What that amounts to, as the gate takes it.
    #[serde(serialize_with = "by_code")]
    pub stands: Stands,
    /// Confirmed by double opt-in.
    pub confirmed: bool,
    /// Whether it is in force: whether the gate would let it through.
    pub in_force: bool,
    /// The gate's reason where it isn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The reason in words.
    #[serde(skip)]
    pub words: String,
    /// Since when it has been so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The version of the notice that was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The ledger entry that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<i64>,
}

fn by_code<S: serde::Serializer>(stands: &Stands, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(stands.code())
}

/// Where a subject stands with a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelState {
    /// The channel.
    pub channel: String,
    /// Permitted, or denied.
    pub permitted: bool,
}

/// Data that is held for a legal claim (Art 17(3)(e)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldState {
    /// The category; empty for all.
    pub category: String,
    /// The last day; absent where the hold must be lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The ledger entry that set it.
    pub entry: i64,
}

/// The state of a subject, as of any moment.
pub fn state(store: &Store, rules: &Rulebook, subject: i64, asked: AsOf) -> Result<State> {
    state_then(store, rules, subject, &Then::now(), asked)
}

/// The state of a subject by what stood at a point of the ledger.
pub fn state_then(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    then: &Then,
    asked: AsOf,
) -> Result<State> {
    let standing = then.history(store.conn(), subject)?.standing(asked);
    let objections = rules.names(standing.objections).into_iter().map(str::to_owned).collect();
    let permissions = standing.permissions.iter();
    let channels = permissions
        .map(|(code, permitted)| ChannelState {
            channel: channel_name(rules, *code),
            permitted: *permitted,
        })
        .collect();
    let zone = rules.policy.controller.zone();
    let holds = standing
        .holds
        .iter()
        .map(|(category, hold)| HoldState {
            category: match category {
                0 => String::new(),
                code => store.words().text(WordKind::Category, (*code).into()).to_owned(),
            },
            until: hold::last_day(hold.until, zone),
            entry: hold.entry,
        })
        .collect();
    let mut state = State {
        subject: public_text(profile_sql::public_id(store.conn(), subject)?),
        shared_by: Vec::new(),
        at: asked.valid.to_string(),
        purposes: purposes(rules, &standing, asked.valid),
        objections,
        channels,
        restricted: standing.restricted,
        holds,
        notices_due: notice::due(store, rules, subject, then, asked)?,
        marks: Vec::new(),
    };
    state.marks = marks(store, rules, &standing, &state);
    let closed = Addressed::of(rules, store.words()).closed(store, subject, then, asked)?;
    let consented = state.purposes.iter().filter(|purpose| purpose.in_force);
    let shared: BTreeSet<&str> = consented
        .map(|state| state.purpose.as_str())
        .filter(|name| rules.purpose_code(name).is_some_and(|code| closed.contains(&code)))
        .collect();
    let shared = shared.into_iter().map(|purpose| Mark::SharedNo { purpose: purpose.into() });
    let shared: Vec<Mark> = shared.collect();
    state.marks.extend(shared);
    Ok(state)
}

/// The name of a channel; empty for any.
fn channel_name(rules: &Rulebook, channel: ChannelCode) -> String {
    match channel {
        0 => String::new(),
        code => rules.channel_name(code).to_owned(),
    }
}

fn purposes(rules: &Rulebook, standing: &Standing, at: Moment) -> Vec<PurposeState> {
    let mut purposes = Vec::new();
    for rule in rules.rules().filter(|rule| rule.purpose.basis == Basis::Consent) {
        let any = [0];
        let channels = if rule.channels.is_empty() { &any[..] } else { &rule.channels };
        for channel in channels.iter().copied() {
            let found = standing.consents.get(&(rule.code, channel));
            let stands = Stands::of(rule, found, at);
            let verdict = let_through(rule, channel, standing, at);
            let notice = found.filter(|c| c.by.notice_version > 0).map(|c| {
                let name = rule.purpose.notice.as_deref().unwrap_or("?");
                format!("{name}@{}", c.by.notice_version)
            });
            let state = match found {
                Some(_) if stands == Stands::Expired => "expired",
                Some(c) => c.state.as_str(),
                None => "unknown",
            };
            purposes.push(PurposeState {
                purpose: rule.name.clone(),
                title: rule.purpose.title.clone(),
                channel: channel_name(rules, channel),
                state,
                stands,
                confirmed: found.is_some_and(|c| c.by.confirmed),
                in_force: verdict.is_ok(),
                reason: verdict.err().map(Reason::code),
                words: verdict.err().map(|r| r.words().to_owned()).unwrap_or_default(),
                since: found.map(|c| c.by.valid_at.to_string()),
                notice,
                entry: found.map(|c| c.by.n),
            });
        }
    }
    purposes
}

fn marks(store: &Store, rules: &Rulebook, standing: &Standing, state: &State) -> Vec<Mark> {
    let words = store.words();
    let objected = state.objections.iter().map(|p| Mark::Objected { purpose: p.clone() });
    let channels = state
        .channels
        .iter()
        .map(|c| Mark::Channel { channel: c.channel.clone(), permitted: c.permitted });
    let wishes = standing
        .at_most_every
        .iter()
        .map(|(code, days)| Mark::AtMost { channel: channel_name(rules, *code), days: *days });
    let told = standing.informed.iter().map(|(purpose, source)| Mark::Told {
        purpose: words.text(WordKind::Purpose, (*purpose).into()).to_owned(),
        source: words.text(WordKind::Source, (*source).into()).to_owned(),
    });
    let to_tell = state.notices_due.iter().map(|due| Mark::ToTell {
        source: due.source.clone(),
        purposes: due.purposes.clone(),
        by: due.by.clone(),
    });
    let held = state
        .holds
        .iter()
        .map(|held| Mark::Held { category: held.category.clone(), until: held.until.clone() });
    let restricted = state.restricted.then_some(Mark::Restricted);
    objected
        .chain(channels)
        .chain(wishes)
        .chain(told)
        .chain(to_tell)
        .chain(restricted)
        .chain(held)
        .collect()
}

/// The state of an identifier that several people share: for each purpose the most protective of
/// theirs (law 9), because what is sent to the address reaches all of them.
pub fn shared_state(states: Vec<State>) -> Option<State> {
    let people: Vec<String> = states.iter().map(|state| state.subject.clone()).collect();
    let mut states = states.into_iter();
    let mut all = states.next()?;
    for other in states {
        for (mine, theirs) in all.purposes.iter_mut().zip(other.purposes) {
            if mine.in_force && !theirs.in_force {
                *mine = theirs;
            }
        }
        all.restricted |= other.restricted;
        all.marks.extend(other.marks);
        all.objections.extend(other.objections);
        all.channels.extend(other.channels);
        all.holds.extend(other.holds);
    }
    all.marks.sort();
    all.marks.dedup();
    all.objections.sort();
    all.objections.dedup();
    all.shared_by = people;
    Some(all)
}
