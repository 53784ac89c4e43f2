//! What stands on an item of what the person answered: to a consent tool, one answer for each of its categories;
//! and the strings of the field.
//!
//! Nothing is made up: a category that isn't spoken of has no answer, unless the tool's own rule says
//! what its silence means. Where two answers differ, the "no" holds. What can't be read may be one: it is told as
//! unreadable, and no yes is believed beside it.

use std::collections::{BTreeMap, BTreeSet};

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

/// What people opt out of by the law of California, as mParticle has it.
const CCPA: &str = "ccpa";

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
    /// Segment's rule, and that of RudderStack's list of what is allowed: a category that is left out was not
    /// agreed to.
    pub are_whole: bool,
    /// Fields, and objects of fields (with a dot at the end), of which something is said that can't be read.
    unreadable: BTreeSet<String>,
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
            if let Some(consent) = answers.object(place, "consent", &[CONSENT]) {
                answers.read_consent(&consent);
                answers.read_strings(&consent);
            }
            if let Some(management) = answers.object(place, "consentManagement", &[CONSENT]) {
                answers.read_lists(&management);
            }
            if let Some(state) = answers.object(place, "consent_state", &[CONSENT, CCPA]) {
                answers.read_state(&state);
            }
            answers.read_strings(place);
        }
        answers.unbelieve();
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
        no_string
            && !self.are_whole
            && self.unreadable.is_empty()
            && self.by_category.is_empty()
            && self.opt_outs.is_empty()
    }

    /// A member that is an object. What is there and is none makes all that it could have said unreadable.
    fn object<'a>(&mut self, of: &Object<'a>, name: &str, says: &[&str]) -> Option<Object<'a>> {
        let object = of.get(name)?.object();
        if object.is_none() {
            self.doubt_all(says);
        }
        object
    }

    fn doubt_all(&mut self, objects: &[&str]) {
        self.unreadable.extend(objects.iter().map(|object| format!("{object}.")));
    }

    /// A yes beside what can't be read isn't believed. An opt-out is a no.
    fn unbelieve(&mut self) {
        let Answers { unreadable, by_category, opt_outs, .. } = self;
        let is_doubted =
            |of: &str, name: &str| is_among(unreadable.iter(), &format!("{of}.{name}"));
        by_category.retain(|category, is_yes| !*is_yes || !is_doubted(CONSENT, category));
        opt_outs.retain(|what, is_out| *is_out || !is_doubted(CCPA, what));
    }

    /// The fields, and objects of fields, of which something is said that can't be read.
    pub fn unreadable(&self) -> Vec<String> {
        let mut all = self.unreadable.clone();
        for (is_so, objects) in [
            (matches!(self.tcf, Said::Unreadable), &["tcf."][..]),
            // Sections of these may have stood in it.
            (matches!(self.gpp, Said::Unreadable), &["gpp.", "tcf.", "usp."]),
            (matches!(self.usp, Said::Unreadable), &["usp."]),
        ] {
            all.extend(objects.iter().filter(|_| is_so).map(|object| (*object).to_owned()));
        }
        all.into_iter().collect()
    }

    /// Segment's preferences, and the states of Google's consent mode.
    fn read_consent(&mut self, consent: &Object<'_>) {
        // An object without any is another tool's.
        let names_them = consent.members().any(|(name, _)| name == "categoryPreferences");
        if let Some(preferences) = consent.object("categoryPreferences") {
            self.are_whole = true;
            for (category, raw) in preferences.members() {
                self.add(category, raw.0 == "true");
            }
        } else if names_them {
            self.doubt_all(&[CONSENT]);
        }
        for name in GOOGLE {
            if let Some(raw) = consent.get(name) {
                self.add(
                    name,
                    raw.text().is_some_and(|state| state.eq_ignore_ascii_case("granted")),
                );
            }
        }
    }

    /// RudderStack's lists: what the one of the allowed leaves out isn't allowed. Where both are empty nobody can
    /// have answered yet, or everything was refused.
    fn read_lists(&mut self, management: &Object<'_>) {
        let mut is_said = false;
        for (list, is_yes) in [("allowedConsentIds", true), ("deniedConsentIds", false)] {
            let Some(raw) = management.get(list) else { continue };
            let ids = raw.list().unwrap_or_else(|| vec![Raw("null")]);
            for id in ids {
                is_said = true;
                match id.text() {
                    Some(id) => self.add(&id, is_yes),
                    None => self.doubt_all(&[CONSENT]),
                }
            }
        }
        if management.get("allowedConsentIds").is_some() {
            match is_said {
                true => self.are_whole = true,
                false => self.doubt_all(&[CONSENT]),
            }
        }
    }

    /// mParticle's states: by purpose what was consented to, when, and to which document.
    fn read_state(&mut self, state: &Object<'_>) {
        let gdpr = self.object(state, "gdpr", &[CONSENT]).unwrap_or_default();
        for (purpose, raw) in gdpr.members().filter(|(_, raw)| !raw.is_null()) {
            let said = raw.object().unwrap_or_default();
            let Some(consented) = said.get("consented") else {
                self.unreadable.insert(format!("{CONSENT}.{purpose}"));
                continue;
            };
            let is_yes = consented.0 == "true";
            self.add(purpose, is_yes);
            let time = said.text("timestamp_unixtime_ms").and_then(|text| text.parse().ok());
            let time = time.map(Moment).filter(|at| (Moment(0)..Moment::FOREVER).contains(at));
            // Of two, the one of the "no" is that of the answer which holds.
            if !is_yes || !self.receipts.contains_key(purpose) {
                self.receipts.insert(purpose.to_owned(), (time, said.text("document")));
            }
        }
        let ccpa = self.object(state, CCPA, &[CCPA]).unwrap_or_default();
        for (what, raw) in ccpa.members().filter(|(_, raw)| !raw.is_null()) {
            let said = raw.object().unwrap_or_default();
            let Some(consented) = said.get("consented") else {
                self.unreadable.insert(format!("{CCPA}.{what}"));
                continue;
            };
            *self.opt_outs.entry(what.to_owned()).or_default() |= consented.0 != "false";
        }
    }

    fn read_strings(&mut self, place: &Object<'_>) {
        for name in ["gdpr_consent", "tcString"] {
            self.tcf.read(place.get(name), Tcf::read, Tcf::both);
        }
        for name in ["gpp", "gppString"] {
            // Of several, the first: they are the same string in two places.
            self.gpp.read(place.get(name), Gpp::read, |first, _| first);
        }
        for name in ["us_privacy", "uspString"] {
            self.usp.read(place.get(name), Usp::read, Usp::either);
        }
    }

    fn add(&mut self, category: &str, is_yes: bool) {
        let answer = self.by_category.entry(category.to_owned()).or_insert(true);
        *answer &= is_yes;
    }

    /// The answers as fields of the item; nothing where there are none.
    pub fn write(&self, item: &mut Writing) {
        let truth = |is_so: &bool| if *is_so { "true" } else { "false" };
        for (name, answers) in [(CONSENT, &self.by_category), (CCPA, &self.opt_outs)] {
            let mut object = Writing::new();
            let prefix = format!("{name}.");
            if self.unreadable.iter().any(|field| field.starts_with(&prefix)) {
                object.raw(UNREADABLE, "true");
            }
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

/// Whether a field is one of these, or in one of these objects.
pub(super) fn is_among<'f>(mut fields: impl Iterator<Item = &'f String>, name: &str) -> bool {
    fields.any(|field| match field.ends_with('.') {
        true => name.starts_with(field),
        false => name == field,
    })
}

fn is_blank_text(raw: Raw<'_>) -> bool {
    raw.0.starts_with('"') && raw.text().is_none()
}

impl<T> Said<T> {
    fn read(
        &mut self,
        raw: Option<Raw<'_>>,
        read: impl Fn(&str) -> Option<T>,
        both: impl Fn(T, T) -> T,
    ) {
        // A blank text is none.
        let Some(raw) = raw.filter(|raw| !is_blank_text(*raw)) else { return };
        match raw.text().and_then(|string| read(&string)) {
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
