//! What stands on an item of what the person answered: to a consent tool, one answer for each of its categories;
//! and the strings of the field.
//!
//! Nothing is made up: a category that isn't spoken of has no answer, unless the tool's own rule says
//! what its silence means. Where two answers differ, the "no" holds.

use std::collections::BTreeMap;

use crate::base::clock::Moment;
use crate::collect::consent_strings::{Gpp, Tcf, Usp};
use crate::collect::object::{Object, Raw, Writing};
use crate::policy::types::tracking::CONSENT;

/// Names under which what is told here stands on an item or in its context; it stands nowhere else then.
pub(super) const CARRIERS: [&str; 9] = [
    "consent",
    "consentManagement",
    "consent_state",
    "gdpr_consent",
    "tcString",
    "gpp",
    "gppString",
    "us_privacy",
    "uspString",
];

/// Objects of fields that are made of one object or string each: what of them a map doesn't name is no loss.
pub(super) const DERIVED: [&str; 6] =
    ["tcf.", "gpp.", "usp.", "ccpa.", "consentTime.", "consentDocument."];

/// Says that there was a string which says nothing, because it can't be read.
pub(super) const UNREADABLE: &str = "unreadable";

/// The answers of Google's consent mode.
const GOOGLE: [&str; 7] = [
    "ad_storage",
    "ad_user_data",
    "ad_personalization",
    "analytics_storage",
    "functionality_storage",
    "personalization_storage",
    "security_storage",
];

/// The answers that stand on an item.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// By category: whether it was agreed to.
    by_category: BTreeMap<String, bool>,
    /// Segment's rule: a category that a present object leaves out was not agreed to.
    pub are_whole: bool,
    /// By what a law lets people opt out of: whether they did.
    opt_outs: BTreeMap<String, bool>,
    /// By category: when it was answered, and to which document.
    receipts: BTreeMap<String, (Option<Moment>, Option<String>)>,
    tcf: Said<Tcf>,
    gpp: Said<Gpp>,
    usp: Said<Usp>,
}

/// What became of a string.
#[derive(Debug, Default)]
enum Said<T> {
    #[default]
    Nothing,
    Unreadable,
    This(T),
}

impl Answers {
    /// Reads what stands in some places of one item (itself and its context), or of its batch.
    pub fn of(places: &[&Object<'_>]) -> Answers {
        let mut answers = Answers::default();
        for place in places {
            if let Some(consent) = place.object("consent") {
                answers.read_consent(&consent);
                answers.read_strings(&consent);
            }
            if let Some(management) = place.object("consentManagement") {
                answers.read_lists(&management);
            }
            if let Some(state) = place.object("consent_state") {
                answers.read_state(&state);
            }
            answers.read_strings(place);
        }
        if let Said::This(Gpp { tcf, usp, .. }) = &mut answers.gpp {
            let (tcf, usp) = (tcf.take(), usp.take());
            answers.tcf.add(tcf, Tcf::both);
            answers.usp.add(usp, Usp::either);
        }
        answers
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        let no_string = matches!(
            (&self.tcf, &self.gpp, &self.usp),
            (Said::Nothing, Said::Nothing, Said::Nothing)
        );
        no_string && !self.are_whole && self.by_category.is_empty() && self.opt_outs.is_empty()
    }

    /// Segment's preferences, and the states of Google's consent mode.
    fn read_consent(&mut self, consent: &Object<'_>) {
        if let Some(preferences) = consent.object("categoryPreferences") {
            self.are_whole = true;
            for (category, raw) in preferences.members() {
                self.add(category, raw.0 == "true");
            }
        }
        for name in GOOGLE {
            if let Some(state) = consent.text(name) {
                self.add(name, state.eq_ignore_ascii_case("granted"));
            }
        }
    }

    /// RudderStack's lists.
    fn read_lists(&mut self, management: &Object<'_>) {
        for (list, is_yes) in [("allowedConsentIds", true), ("deniedConsentIds", false)] {
            let ids = management.get(list).and_then(Raw::list).unwrap_or_default();
            for id in ids.into_iter().filter_map(Raw::text) {
                self.add(&id, is_yes);
            }
        }
    }

    /// mParticle's states: by purpose what was consented to, when, and to which document.
    fn read_state(&mut self, state: &Object<'_>) {
        let gdpr = state.object("gdpr").unwrap_or_default();
        for (purpose, raw) in gdpr.members() {
            let Some(said) = raw.object() else { continue };
            let Some(consented) = said.get("consented") else { continue };
            let is_yes = consented.0 == "true";
            self.add(purpose, is_yes);
            let time = said.text("timestamp_unixtime_ms").and_then(|text| text.parse().ok());
            let time = time.map(Moment).filter(|at| (Moment(0)..Moment::FOREVER).contains(at));
            // Of two, the one of the "no" is that of the answer which holds.
            if !is_yes || !self.receipts.contains_key(purpose) {
                self.receipts.insert(purpose.to_owned(), (time, said.text("document")));
            }
        }
        let ccpa = state.object("ccpa").unwrap_or_default();
        for (what, raw) in ccpa.members() {
            let said =
                raw.object().and_then(|said| said.get("consented").map(|raw| raw.0 != "false"));
            if let Some(is_out) = said {
                *self.opt_outs.entry(what.to_owned()).or_default() |= is_out;
            }
        }
    }

    fn read_strings(&mut self, place: &Object<'_>) {
        for name in ["gdpr_consent", "tcString"] {
            if let Some(string) = place.text(name) {
                self.tcf.read(&string, Tcf::read, Tcf::both);
            }
        }
        for name in ["gpp", "gppString"] {
            if let Some(string) = place.text(name) {
                // Of several, the first: they are the same string in two places.
                self.gpp.read(&string, Gpp::read, |first, _| first);
            }
        }
        for name in ["us_privacy", "uspString"] {
            if let Some(string) = place.text(name) {
                self.usp.read(&string, Usp::read, Usp::either);
            }
        }
    }

    fn add(&mut self, category: &str, is_yes: bool) {
        let answer = self.by_category.entry(category.to_owned()).or_insert(true);
        *answer &= is_yes;
    }

    /// The answers as fields of the item; nothing where there are none.
    pub fn write(&self, item: &mut Writing) {
        let truth = |is_so: &bool| if *is_so { "true" } else { "false" };
        for (name, answers) in [(CONSENT, &self.by_category), ("ccpa", &self.opt_outs)] {
            let mut object = Writing::new();
            for (what, is_so) in answers {
                object.raw(what, truth(is_so));
            }
            if !object.is_empty() {
                item.raw(name, &object.end());
            }
        }
        let (mut times, mut documents) = (Writing::new(), Writing::new());
        for (purpose, (time, document)) in &self.receipts {
            if let Some(time) = time {
                times.text(purpose, &time.to_string());
            }
            if let Some(document) = document {
                documents.text(purpose, document);
            }
        }
        for (name, object) in [("consentTime", times), ("consentDocument", documents)] {
            if !object.is_empty() {
                item.raw(name, &object.end());
            }
        }
        self.tcf.write(item, "tcf", Tcf::write);
        self.gpp.write(item, "gpp", Gpp::write);
        self.usp.write(item, "usp", Usp::write);
    }
}

impl<T> Said<T> {
    fn read(&mut self, string: &str, read: impl Fn(&str) -> Option<T>, both: impl Fn(T, T) -> T) {
        match read(string) {
            Some(said) => self.add(Some(said), both),
            // One that can't be read may have said "no": beside it, no other is believed.
            None => *self = Said::Unreadable,
        }
    }

    fn add(&mut self, said: Option<T>, both: impl Fn(T, T) -> T) {
        let Some(said) = said else { return };
        *self = match std::mem::take(self) {
            Said::Nothing => Said::This(said),
            Said::Unreadable => Said::Unreadable,
            Said::This(before) => Said::This(both(before, said)),
        };
    }

    fn write(&self, item: &mut Writing, name: &str, write: impl Fn(&T) -> String) {
        match self {
            Said::Nothing => {}
            Said::Unreadable => item.raw(name, &format!("{{\"{UNREADABLE}\":true}}")),
            Said::This(said) => item.raw(name, &write(said)),
        }
    }
}
