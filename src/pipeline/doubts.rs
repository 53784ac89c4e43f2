//! What a row says of consent in words that no map knows: it brings nothing in for that purpose, and puts the
//! yes of before in doubt.

use crate::base::error::Result;
use crate::collect::Record as Inbound;
use crate::consent::doubt;
use crate::consent::fold::{AsOf, in_force_state};
use crate::consent::history::{History, NewStatement};
use crate::consent::statement::{Axis, Statement};
use crate::policy::rulebook::{ChannelCode, PurposeCode, PurposeMask, bit, codes};
use crate::policy::types::Take;
use crate::store::Writer;

use super::admit::Admission;

impl Admission<'_> {
    /// The purposes of which a row says something that can't be read: it may be a "no". Where even the
    /// purpose can't be told, all that the source's map of consents can speak of.
    pub(super) fn doubted(&self, inbound: &Inbound) -> PurposeMask {
        let mask = |name: &str| self.named(name).map_or(0, bit);
        let unread = inbound.doubted.iter().map(|doubt| doubt.purpose.as_deref());
        let noes = inbound.consents.iter().filter(|said| !said.state.loosens());
        let unknown = noes.filter(|said| mask(&said.purpose) == 0).map(|_| None);
        unread.chain(unknown).fold(0, |all, purpose| match purpose.map_or(0, mask) {
            0 => all | self.spoken_of(),
            known => all | known,
        })
    }

    /// All that the source serves and its map of consents can speak of.
    fn spoken_of(&self) -> PurposeMask {
        let mask = |name: &String| self.named(name).map_or(0, bit);
        let served = self.source.purposes.iter().fold(0, |all, name| all | mask(name));
        self.source.consents.iter().fold(0, |all, map| match &map.purpose {
            Take::Fixed(name) => all | mask(name),
            Take::Field { values, .. } if !values.is_empty() => {
                values.values().fold(all, |all, name| all | mask(name))
            }
            Take::Field { .. } => all | served,
        })
    }

    /// What a row says in words that no map knows, where a yes of any of these subjects is in force, or comes
    /// with it: it may take it back. Where the row says a plain "no" besides, that is what holds. `said` is what
    /// its record said so far, `row` what can be read of it.
    pub(super) fn doubts(
        &self,
        writer: &Writer<'_>,
        inbound: &Inbound,
        (said, row): (&[Statement], &[NewStatement]),
        subjects: &[i64],
    ) -> Result<Vec<NewStatement>> {
        if inbound.doubted.is_empty() {
            return Ok(Vec::new());
        }
        let mut standings = Vec::new();
        for subject in subjects {
            standings.push(History::load(writer.conn, *subject)?.standing(AsOf::at(writer.now)));
        }
        let is_yes = |matter: (PurposeCode, ChannelCode)| {
            let of_row = row
                .iter()
                .filter(|new| new.axis == Axis::Consent && (new.purpose, new.channel) == matter);
            let held = standings.iter().filter_map(|standing| standing.consents.get(&matter));
            let mut states =
                of_row.clone().map(|new| new.state).chain(held.map(|consent| consent.state));
            states.any(in_force_state) && !of_row.clone().any(NewStatement::protects)
        };
        let mut doubts: Vec<NewStatement> = Vec::new();
        for doubt in &inbound.doubted {
            let named = doubt.purpose.as_deref().and_then(|name| self.named(name));
            let rules = codes(named.map_or_else(|| self.spoken_of(), bit));
            for rule in rules.filter_map(|code| self.rules.rule(code)) {
                let channel = doubt.channel.as_deref().and_then(|name| {
                    let channel = self.rules.channel_code(&name.to_lowercase());
                    channel.filter(|channel| rule.channels.contains(channel))
                });
                let channels = match channel {
                    Some(channel) => vec![channel],
                    None if rule.channels.is_empty() => vec![0],
                    None => rule.channels.clone(),
                };
                for channel in channels.into_iter().filter(|channel| is_yes((rule.code, *channel)))
                {
                    let matter = (rule.code, channel);
                    let new = NewStatement {
                        every_days: self.rules.version,
                        valid_at: doubt.at.unwrap_or(writer.now),
                        undated: doubt.at.is_none(),
                        ..self.invalidated(writer, inbound, matter, doubt::METHOD)
                    };
                    // Two fields of the row may say it badly.
                    let is_twice = doubts
                        .iter()
                        .any(|other| (other.purpose, other.channel) == (new.purpose, new.channel));
                    if !is_twice {
                        doubts.extend(doubt::unsaid(said, new, doubt.timed));
                    }
                }
            }
        }
        Ok(doubts)
    }
}
