//! A policy made ready for deciding: names turned into codes, categories into masks of purposes.
//!
//! The gate decides millions of values; with a mask for each category a decision is two bit
//! operations. Codes come from the store (they never change once given), so rulebooks of different
//! policy versions can be compared bit by bit.

use std::collections::HashMap;

use crate::base::clock::Moment;

use super::types::{Policy, Purpose};

/// A set of purposes: bit `code - 1` for each.
pub type PurposeMask = i64;

/// The code of a purpose, from 1 to 60.
pub type PurposeCode = u8;

/// The code of a channel; 0 stands for "no channel".
pub type ChannelCode = u16;

/// The mask of one purpose.
pub fn bit(code: PurposeCode) -> PurposeMask {
    1 << (code - 1)
}

/// The codes in a mask, in order.
pub fn codes(mask: PurposeMask) -> impl Iterator<Item = PurposeCode> {
    (1..=62u8).filter(move |code| mask & bit(*code) != 0)
}

/// A purpose with its codes.
#[derive(Clone, Debug)]
pub struct PurposeRule {
    /// Its code.
    pub code: PurposeCode,
    /// Its name in the policy.
    pub name: String,
    /// When it was first declared.
    pub declared_at: Moment,
    /// The codes of its channels.
    pub channels: Vec<ChannelCode>,
    /// Consents under an older notice version than this ask for renewal (0: none).
    pub renew_before: u32,
    /// What the policy says of it.
    pub purpose: Purpose,
}

/// A policy version with the codes of its words.
#[derive(Clone, Debug)]
pub struct Rulebook {
    /// The policy's version.
    pub version: u32,
    /// From when it acts.
    pub applied_at: Moment,
    /// The policy itself.
    pub policy: Policy,
    rules: Vec<Option<PurposeRule>>,
    covering: HashMap<String, PurposeMask>,
    by_name: HashMap<String, PurposeCode>,
    channel_codes: HashMap<String, ChannelCode>,
}

impl Rulebook {
    /// Builds a rulebook. `declared_at` holds, for each purpose name, its code and when it was first
    /// declared; `channel_codes` the code of every channel name.
    pub fn new(
        version: u32,
        applied_at: Moment,
        policy: Policy,
        declared: &HashMap<String, (PurposeCode, Moment)>,
        channel_codes: HashMap<String, ChannelCode>,
    ) -> Rulebook {
        let mut rules: Vec<Option<PurposeRule>> = vec![None; 62];
        let mut covering: HashMap<String, PurposeMask> = HashMap::new();
        let mut by_name = HashMap::new();
        for (name, purpose) in &policy.purposes {
            let Some(&(code, declared_at)) = declared.get(name) else { continue };
            for category in &purpose.categories {
                *covering.entry(category.clone()).or_default() |= bit(code);
            }
            let renew_before = purpose
                .notice
                .as_ref()
                .and_then(|notice| policy.notices.get(notice))
                .and_then(|n| n.versions.iter().filter(|v| v.material).map(|v| v.version).max())
                .unwrap_or(0);
            by_name.insert(name.clone(), code);
            rules[usize::from(code) - 1] = Some(PurposeRule {
                code,
                name: name.clone(),
                declared_at,
                channels: purpose.channels.iter().map(|c| channel_codes[c]).collect(),
                renew_before,
                purpose: purpose.clone(),
            });
        }
        Rulebook { version, applied_at, policy, rules, covering, by_name, channel_codes }
    }

    /// The purposes whose categories include this one.
    pub fn covering(&self, category: &str) -> PurposeMask {
        self.covering.get(category).copied().unwrap_or(0)
    }

    /// The purposes that may hold this category: they cover it, and have an Art 9(2) condition where it
    /// is special.
    pub fn lawful(&self, category: &str) -> PurposeMask {
        let special = self.is_special(category);
        codes(self.covering(category))
            .filter_map(|code| self.rule(code))
            .filter(|rule| !special || rule.purpose.special_condition.is_some())
            .fold(0, |mask, rule| mask | bit(rule.code))
    }

    /// The purposes whose data outlives an erasure (Art 17(3)).
    pub fn keeping_on_erasure(&self) -> PurposeMask {
        let keeping = self.rules().filter(|rule| rule.purpose.keeps_on_erasure.is_some());
        keeping.fold(0, |mask, rule| mask | bit(rule.code))
    }

    /// Whether the category is one of Art 9.
    pub fn is_special(&self, category: &str) -> bool {
        self.policy.categories.get(category).is_some_and(|c| c.special)
    }

    /// The rule of a purpose, if this version declares it.
    pub fn rule(&self, code: PurposeCode) -> Option<&PurposeRule> {
        self.rules.get(usize::from(code).checked_sub(1)?)?.as_ref()
    }

    /// All rules, by code.
    pub fn rules(&self) -> impl Iterator<Item = &PurposeRule> {
        self.rules.iter().flatten()
    }

    /// The code of a purpose's name.
    pub fn purpose_code(&self, name: &str) -> Option<PurposeCode> {
        self.by_name.get(name).copied()
    }

    /// The code of a channel's name.
    pub fn channel_code(&self, name: &str) -> Option<ChannelCode> {
        self.channel_codes.get(name).copied()
    }

    /// The name of a channel's code; "any" for 0.
    pub fn channel_name(&self, code: ChannelCode) -> &str {
        self.channel_codes.iter().find(|(_, c)| **c == code).map_or("any", |(name, _)| name)
    }

    /// The mask of the named purposes.
    pub fn mask(&self, names: &[String]) -> PurposeMask {
        names.iter().filter_map(|name| self.purpose_code(name)).fold(0, |mask, c| mask | bit(c))
    }

    /// The names of the purposes in a mask; a purpose that this version no longer declares is left out.
    pub fn names(&self, mask: PurposeMask) -> Vec<&str> {
        codes(mask).filter_map(|code| self.rule(code)).map(|rule| rule.name.as_str()).collect()
    }
}
