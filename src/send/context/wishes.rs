//! What a person wishes on a purpose's channels, and to what of it they consent.

use std::collections::BTreeSet;

use crate::consent::fold::AsOf;
use crate::consent::stands::let_through;
use crate::policy::rulebook::ChannelCode;

use super::known::{Consent, Preference};
use super::look::{Look, Told};

impl Look<'_> {
    /// What the person wishes on the purpose's channels, the most protective of what they said.
    pub(super) fn preferences(&self) -> Vec<Preference> {
        let standing = self.history.standing(AsOf::at(self.now));
        let asked = |channel: &&ChannelCode| self.channel.is_none_or(|only| only == **channel);
        let wish = |channel: &ChannelCode| {
            let on = [Some(channel), Some(&0)].into_iter().flatten();
            Preference {
                channel: self.rules.channel_name(*channel).to_owned(),
                permitted: standing.permissions.get(channel).copied(),
                at_most_every_days: on.filter_map(|c| standing.at_most_every.get(c)).max().copied(),
            }
        };
        self.rule.channels.iter().filter(asked).map(wish).collect()
    }

    /// The consents that let the purpose through, the newest of each channel.
    pub(super) fn consents(&self, open: &[&Told]) -> Vec<Consent> {
        let channels = match (self.channel, self.rule.channels.as_slice()) {
            (Some(channel), _) => vec![channel],
            (None, []) => vec![0],
            (None, channels) => channels.to_vec(),
        };
        let mut consents = Vec::new();
        for channel in channels {
            let homes: BTreeSet<i64> = open.iter().map(|told| told.record.home).collect();
            let given = homes.iter().filter_map(|home| {
                let standing = &self.standings[home];
                Some(let_through(self.rule, channel, standing, self.now).ok()?.by)
            });
            let Some(by) = given.max_by_key(|by| (by.valid_at, by.n)) else { continue };
            let notice = self.rule.purpose.notice.as_deref().filter(|_| by.notice_version > 0);
            consents.push(Consent {
                channel: match channel {
                    0 => String::new(),
                    channel => self.rules.channel_name(channel).to_owned(),
                },
                notice: notice
                    .map_or_else(String::new, |name| format!("{name}@{}", by.notice_version)),
                since: by.valid_at,
                entry: by.n,
            });
        }
        consents
    }
}
