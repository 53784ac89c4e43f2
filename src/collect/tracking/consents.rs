//! What a consent tool stamps on an item: one answer for each of its categories.
//!
//! Nothing is made up: a category that isn't spoken of has no answer, unless the tool's own rule says
//! what its silence means. Where two answers differ, the "no" holds.

use std::collections::BTreeMap;

use crate::collect::object::{Object, Writing};

/// The answers that stand on an item.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// By category: whether it was agreed to.
    pub by_category: BTreeMap<String, bool>,
    /// Segment's rule: a category that a present object leaves out was not agreed to.
    pub are_whole: bool,
}

impl Answers {
    /// Reads the objects of Segment (`consent`) and RudderStack (`consentManagement`) in a context.
    pub fn of(context: &Object<'_>) -> Answers {
        let mut answers = Answers::default();
        let preferences =
            context.object("consent").and_then(|consent| consent.object("categoryPreferences"));
        if let Some(preferences) = preferences {
            answers.are_whole = true;
            for (category, raw) in preferences.members() {
                answers.add(category, raw.0 == "true");
            }
        }
        if let Some(management) = context.object("consentManagement") {
            for (list, is_yes) in [("allowedConsentIds", true), ("deniedConsentIds", false)] {
                let ids = management.get(list).and_then(|raw| raw.list()).unwrap_or_default();
                for id in ids.into_iter().filter_map(|id| id.text()) {
                    answers.add(&id, is_yes);
                }
            }
        }
        answers
    }

    fn add(&mut self, category: &str, is_yes: bool) {
        let answer = self.by_category.entry(category.to_owned()).or_insert(true);
        *answer &= is_yes;
    }

    /// The answers as an object of true and false; nothing where there are none.
    pub fn write(&self, item: &mut Writing, name: &str) {
        if self.by_category.is_empty() {
            return;
        }
        let mut object = Writing::new();
        for (category, is_yes) in &self.by_category {
            object.raw(category, if *is_yes { "true" } else { "false" });
        }
        item.raw(name, &object.end());
    }
}
