//! How many people stand where with each purpose that rests on consent, as of any moment.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::base::clock::Moment;
use crate::base::error::Result;
use crate::consent::fold::{AsOf, Standing};
use crate::consent::gate::{Reason, judge};
use crate::consent::stands::let_through;
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeRule, Rulebook};
use crate::policy::types::Basis;
use crate::profile::sharing::{Addressed, sharing_somebody};
use crate::profile::then::Then;
use crate::store::{self, Store};
use crate::view::{Block, Document, NoteKind, Table, counted};

use super::alike::Alike;
use super::people::People;
use super::since;

/// How many people stand in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StateCount {
    /// The purpose.
    pub purpose: String,
    /// The channel; empty where the purpose has none.
    pub channel: String,
    /// The state; `unknown` where nothing was ever said.
    pub state: &'static str,
    /// How many people.
    pub people: u64,
    /// Of them, for how many the gate lets it through.
    pub in_force: u64,
}

/// How many people decided under one version of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeCount {
    /// The purpose.
    pub purpose: String,
    /// The channel; empty where the purpose has none.
    pub channel: String,
    /// The notice as `NAME@VERSION`; `none` where none was named.
    pub notice: String,
    /// People whose last word was said under it.
    pub people: u64,
    /// Of them, for how many the gate lets it through.
    pub in_force: u64,
}

/// People whose own consent sends nothing to an address that they share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SharedCount {
    /// The purpose.
    pub purpose: String,
    /// How many people.
    pub people: u64,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentReport {
    /// As of when: what was so then, by what was known then.
    pub as_of: String,
    /// The policy version in force then.
    pub policy: u32,
    /// How many people were asked about: those of whom something had been recorded by then, and who
    /// are still held, grouped as they were then.
    pub people: u64,
    /// By purpose: for how many of those who consented nothing is sent to an address, because somebody
    /// who shared it then said no.
    pub shared: Vec<SharedCount>,
    /// How many people had said something by then that was erased with them since: they are in none of the
    /// numbers. Of one person that can't be told.
    pub people_erased_since: u64,
    /// By purpose, channel and state.
    pub states: Vec<StateCount>,
    /// By purpose, channel and notice version.
    pub notices: Vec<NoticeCount>,
}

#[derive(Default)]
struct Tally {
    states: BTreeMap<&'static str, (u64, u64)>,
    notices: BTreeMap<u32, (u64, u64)>,
}

/// Counts where everybody stands, or where one subject does.
pub fn consent(store: &Store, who: Option<i64>, as_of: Moment) -> Result<ConsentReport> {
    let rules = store::rulebook_at(store.conn(), store.words(), as_of)?;
    let people = People::known_by(store.conn(), as_of)?;
    let questions: Vec<(&PurposeRule, ChannelCode)> = rules
        .rules()
        .filter(|rule| rule.purpose.basis == Basis::Consent)
        .flat_map(|rule| {
            let channels = if rule.channels.is_empty() { vec![0] } else { rule.channels.clone() };
            channels.into_iter().map(move |channel| (rule, channel))
        })
        .collect();
    let mut tallies: Vec<Tally> = questions.iter().map(|_| Tally::default()).collect();
    let now = AsOf::at(as_of);
    let mut asked = 0;
    // One person of each group that stands alike, with the size of the group.
    let mut groups: HashMap<Alike, (usize, u64)> = HashMap::new();
    let mut alone = Vec::new();
    for person in (0..people.count()).filter(|p| who.is_none_or(|one| people.subject(*p) == one)) {
        asked += 1;
        match people.alike(person, &rules, now) {
            Some(alike) => groups.entry(alike).or_insert((person, 0)).1 += 1,
            None => alone.push((person, 1)),
        }
    }
    for (person, size) in groups.into_values().chain(alone) {
        let standing = people.standing(person, now);
        for ((rule, channel), tally) in questions.iter().zip(&mut tallies) {
            tally.count(rule, *channel, &standing, as_of, size);
        }
    }
    let (mut states, mut notices) = (Vec::new(), Vec::new());
    for ((rule, channel), tally) in questions.into_iter().zip(tallies) {
        let channel = if channel == 0 { "" } else { rules.channel_name(channel) };
        for (state, (people, in_force)) in tally.states {
            let (purpose, channel) = (rule.name.clone(), channel.to_owned());
            states.push(StateCount { purpose, channel, state, people, in_force });
        }
        for (version, (people, in_force)) in tally.notices {
            let name = rule.purpose.notice.as_deref().unwrap_or("?");
            notices.push(NoticeCount {
                purpose: rule.name.clone(),
                channel: channel.to_owned(),
                notice: if version == 0 { "none".into() } else { format!("{name}@{version}") },
                people,
                in_force,
            });
        }
    }
    Ok(ConsentReport {
        as_of: as_of.to_string(),
        policy: rules.version,
        people: asked,
        shared: shared(store, &rules, who, now)?,
        people_erased_since: match who {
            Some(_) => 0,
            None => since::people_erased(store.conn(), as_of)?,
        },
        states,
        notices,
    })
}

/// Counts those who consented and share an address with somebody who said no.
fn shared(
    store: &Store,
    rules: &Rulebook,
    who: Option<i64>,
    asked: AsOf,
) -> Result<Vec<SharedCount>> {
    let then = Then::known_at(store.conn(), asked.known)?;
    let addressed = Addressed::of(rules, store.words());
    let mut counts: BTreeMap<PurposeCode, u64> = BTreeMap::new();
    let people = sharing_somebody(store, &then)?.into_iter();
    for subject in people.filter(|subject| who.is_none_or(|one| one == *subject)) {
        let closed = addressed.closed(store, subject, &then, asked)?;
        if closed.is_empty() {
            continue;
        }
        let standing = then.history(store.conn(), subject)?.standing(asked);
        for rule in rules.rules().filter(|rule| closed.contains(&rule.code)) {
            let mut channels = rule.channels.iter().copied().chain([0]);
            let open = channels.any(|c| let_through(rule, c, &standing, asked.valid).is_ok());
            *counts.entry(rule.code).or_default() += u64::from(open);
        }
    }
    let counts = counts.into_iter().filter(|(_, people)| *people > 0);
    let named = counts.filter_map(|(code, people)| {
        Some(SharedCount { purpose: rules.rule(code)?.name.clone(), people })
    });
    Ok(named.collect())
}

impl Tally {
    fn count(
        &mut self,
        rule: &PurposeRule,
        channel: ChannelCode,
        standing: &Standing,
        at: Moment,
        people: u64,
    ) {
        let Some(consent) = standing.consents.get(&(rule.code, channel)) else {
            self.states.entry("unknown").or_default().0 += people;
            return;
        };
        let state = match judge(rule, consent, at) {
            Err(Reason::ConsentExpired) => "expired",
            _ => consent.state.as_str(),
        };
        let open = let_through(rule, channel, standing, at).is_ok();
        let in_force = if open { people } else { 0 };
        for count in [
            self.states.entry(state).or_default(),
            self.notices.entry(consent.by.notice_version).or_default(),
        ] {
            count.0 += people;
            count.1 += in_force;
        }
    }
}

impl ConsentReport {
    /// The report for people.
    pub fn document(&self) -> Document {
        let mut document = Document::new(
            "Where people stand with consent",
            format!("as of {}, by what was known then; policy version {}", self.as_of, self.policy),
        );
        document.push(Block::Paragraph(format!("People asked about: {}.", self.people)));
        let mut table =
            Table::new("By state", ["purpose", "channel", "state", "people", "in force"]);
        for row in &self.states {
            let (people, in_force) = (row.people.to_string(), row.in_force.to_string());
            table.push([&row.purpose, &row.channel, row.state, &people, &in_force]);
        }
        if self.people_erased_since > 0 {
            let people = self.people_erased_since.to_string();
            table.push(["", "", "erased since, not counted", &people, ""]);
        }
        document.push(Block::Table(table));
        let mut table =
            Table::new("By notice version", ["purpose", "channel", "notice", "people", "in force"]);
        for row in &self.notices {
            let (people, in_force) = (row.people.to_string(), row.in_force.to_string());
            table.push([&row.purpose, &row.channel, &row.notice, &people, &in_force]);
        }
        document.push(Block::Table(table));
        for row in &self.shared {
            document.push(Block::Paragraph(format!(
                "Of those in force for {}, {} share an address with somebody who said no: nothing is sent \
                 there.",
                row.purpose, row.people
            )));
        }
        if self.people_erased_since > 0 {
            let words = format!(
                "{} had said something by then and were erased since: where they stood can't be told any \
                 more, and they are not counted.",
                counted(self.people_erased_since, "person", "people")
            );
            document.push(Block::Note(NoteKind::Info, words));
        }
        document
    }
}
