//! A receipt of a consent, in a standard's form, with the proof of the ledger entry behind it.

use serde_json::{Value, json};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::consent::fold::AsOf;
use crate::consent::gate::{Reason, after};
use crate::consent::history::History;
use crate::consent::stands::{Stands, let_through};
use crate::evidence::{self, Issued, Opening};
use crate::ledger::carrier::Carrier;
use crate::policy::rulebook::{PurposeRule, Rulebook};
use crate::policy::types::Purpose;
use crate::profile::merge::public_text;
use crate::profile::sql as profile_sql;
use crate::store::Store;

use super::told::{NoticeText, Told, texts_shown, told};

/// The form of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// ISO/IEC TS 27560 in W3C DPV (JSON-LD).
    Dpv,
    /// Kantara consent receipt 1.1.
    Kantara,
}

impl Form {
    fn word(self) -> &'static str {
        match self {
            Form::Dpv => "dpv",
            Form::Kantara => "kantara",
        }
    }

    fn of(
        self,
        store: &Store,
        rules: &Rulebook,
        subject: i64,
        found: &Stated<'_>,
    ) -> Result<Value> {
        match self {
            Form::Dpv => dpv(store, rules, subject, found),
            Form::Kantara => kantara(store, rules, subject, found),
        }
    }
}

/// The statement that decides over a purpose, with what it amounts to: what a receipt is made of.
struct Stated<'r> {
    rule: &'r PurposeRule,
    told: Told,
    texts: Vec<NoticeText>,
    expires: Option<Moment>,
    stands: Stands,
    /// Whether the gate takes it as in force.
    open: Result<(), Reason>,
}

impl Stated<'_> {
    /// Its status in DPV's words. Renewal has none of its own: a changed notice ends the "contextual
    /// validity" of which DPV's expired speaks, and the comment beside it says which of the two it is.
    fn status(&self) -> &'static str {
        match self.stands {
            Stands::Unknown => "ConsentUnknown",
            Stands::Requested | Stands::Unconfirmed => "ConsentRequested",
            Stands::Given if self.told.state == "renewed" => "RenewedConsentGiven",
            Stands::Given => "ConsentGiven",
            Stands::RenewalDue | Stands::Expired => "ConsentExpired",
            Stands::NotExplicit => "ConsentStatusInvalidForProcessing",
            Stands::Refused => "ConsentRefused",
            Stands::Withdrawn => "ConsentWithdrawn",
            Stands::Invalidated => "ConsentInvalidated",
        }
    }

    /// On which channel it was said, and why it isn't in force.
    fn comment(&self) -> Option<String> {
        let channel = Some(self.told.channel.as_str()).filter(|channel| !channel.is_empty());
        let channel = channel.map(|channel| format!("on the channel {channel}"));
        let why = self.open.err().map(|why| format!("{}: {}", self.stands.words(), why.words()));
        let parts: Vec<String> = channel.into_iter().chain(why).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// How to come to a consent that is in force.
    fn way_on(&self) -> &'static str {
        match self.stands {
            Stands::Requested | Stands::Unconfirmed => {
                "once the person confirms, `candor consent record WHO --state given --confirmed …`; until \
                 then --form dpv gives the record of it as it stands"
            }
            Stands::Expired | Stands::RenewalDue | Stands::NotExplicit => {
                "ask the person again and write down what they say (`candor consent record`); until then \
                 --form dpv gives the record of it as it stands"
            }
            _ => "take --form dpv, which gives the record of it as it stands",
        }
    }
}

/// What decides over a purpose: a consent that is in force on any of its channels, as the gate takes
/// it; where there is none, what was said last.
fn stated<'r>(
    store: &Store,
    rules: &'r Rulebook,
    subject: i64,
    purpose: &str,
    now: Moment,
) -> Result<Stated<'r>> {
    let rule = rules.purpose_code(purpose).and_then(|code| rules.rule(code)).ok_or_else(|| {
        Error::usage("purpose-unknown", format!("the policy declares no purpose {purpose}"))
            .next("`candor policy show` lists the purposes")
    })?;
    let standing = History::load(store.conn(), subject)?.standing(AsOf::at(now));
    let decides = standing
        .consents
        .iter()
        .filter(|((code, _), _)| *code == rule.code)
        .map(|((_, channel), consent)| {
            (consent, let_through(rule, *channel, &standing, now).map(|_| ()))
        })
        .max_by_key(|(consent, open)| (open.is_ok(), consent.by.valid_at, consent.by.n));
    let none = || {
        Error::no("consent-not-found", "nothing was ever recorded for this purpose")
            .next("`candor consent history WHO` lists what was")
    };
    let (consent, open) = decides.ok_or_else(none)?;
    let all = told(store, subject)?;
    let told = all.into_iter().find(|told| told.entry == consent.by.n).ok_or_else(none)?;
    Ok(Stated {
        rule,
        texts: texts_shown(store, &told)?,
        expires: rule.purpose.consent_expires.map(|period| after(consent.by.valid_at, period)),
        stands: Stands::of(rule, Some(consent), now),
        open,
        told,
    })
}

/// A receipt of a consent that is in force, or the record of one that isn't, of a refusal, withdrawal
/// or question, after ISO/IEC TS 27560 in W3C DPV 2.3 (JSON-LD). It says what holds now: a yes that
/// still awaits its confirmation, or whose time has run out, is no consent that is given.
fn dpv(store: &Store, rules: &Rulebook, subject: i64, found: &Stated<'_>) -> Result<Value> {
    let Stated { rule, told, .. } = found;
    let controller = &rules.policy.controller;
    let basis =
        if told.explicit { "A6-1-a-explicit-consent" } else { "A6-1-a-non-explicit-consent" };
    let id = |what: &str| format!("urn:candor:{}:{what}", store.log().origin());
    let person = id(&public_text(profile_sql::public_id(store.conn(), subject)?));
    let mut consent_event = json!({
        "@type": format!("dpv:{}", found.status()),
        "dpv:isIndicatedBy": {"@id": person},
        "dpv:isIndicatedAtTime": {"@type": "xsd:dateTime", "@value": told.at},
    });
    if !told.method.is_empty() {
        consent_event["dpv:hasIndicationMethod"] = told.method.as_str().into();
    }
    if let Some(at) = found.expires {
        let end = json!({"@type": "xsd:dateTime", "@value": at.to_string()});
        consent_event["dpv:hasDuration"] =
            json!({"@type": "dpv:UntilTimeDuration", "rdf:value": end});
    }
    if let Some(comment) = found.comment() {
        consent_event["rdfs:comment"] = comment.into();
    }
    let recipients: Vec<Value> = rules
        .policy
        .destinations
        .values()
        .filter(|destination| destination.purpose == rule.name)
        .map(|destination| json!({"@type": "dpv:Recipient", "schema:name": destination.recipient}))
        .collect();
    let mut notice = json!({"@type": "dpv:ConsentNotice"});
    match told.notice.as_str() {
        "" => notice["rdfs:comment"] = "it wasn't recorded which notice was shown".into(),
        name => notice["dct:identifier"] = name.into(),
    }
    match found.texts.as_slice() {
        // A record of DPV has a notice in a language; `und` is BCP 47's word for one that isn't known.
        [] => notice["dct:language"] = "und".into(),
        [shown] => {
            notice["dct:language"] = shown.language.as_str().into();
            notice["dct:description"] = shown.text.as_str().into();
        }
        several => {
            notice["rdfs:comment"] = "language not known: one of these texts was shown".into();
            notice["dct:description"] = several
                .iter()
                .map(|text| json!({"@language": text.language, "@value": text.text}))
                .collect();
        }
    }
    let record = json!({
        "@id": id(&format!("entry/{}", told.entry)),
        "@type": "dpv:ConsentRecord",
        "dct:identifier": told.entry.to_string(),
        "dct:conformsTo": {"@id": "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"},
        "dpv:hasDataSubject": {"@id": person, "@type": "dpv:DataSubject"},
        "dpv:hasDataController": {
            "@type": "dpv:DataController", "schema:name": controller.name,
            "dpv:hasContact": controller.contact, "dpv:hasCountry": controller.country,
        },
        "dpv:hasProcess": [{
            "@type": "dpv:Process",
            "dpv:hasPurpose": {"@id": known_purpose(&rule.purpose), "dct:title": rule.purpose.title},
            "dpv:hasPersonalData": rule.purpose.categories.iter().map(|name| {
                let title = rules.policy.categories.get(name).map_or(name, |c| &c.title);
                json!({"@id": id(&format!("category/{name}")), "@type": "dpv:PersonalData", "dct:title": title})
            }).collect::<Vec<_>>(),
            "dpv:hasLegalBasis": {"@id": format!("eu-gdpr:{basis}")},
            "dpv:hasRecipient": recipients,
        }],
        "dpv:hasNotice": notice,
        "dpv:hasConsentControl": {"@type": "dpv:WithdrawConsent", "dpv:isExercisedAt": controller.contact},
        "dpv:hasConsentStatus": [consent_event],
        "dpv:hasRight": [{"@id": "eu-gdpr:A7-3"}, {"@id": "eu-gdpr:A15"}, {"@id": "eu-gdpr:A17"}, {"@id": "eu-gdpr:A20"}, {"@id": "eu-gdpr:A77"}],
    });
    let mut document = if found.open.is_ok() {
        json!({
            "@id": id(&format!("receipt/{}", told.entry)),
            "@type": "dpv:ConsentReceipt",
            "dct:created": {"@type": "xsd:dateTime", "@value": told.recorded_at},
            "dpv:hasRecordOfActivity": record,
        })
    } else {
        record
    };
    document["@context"] = json!({
        "dpv": "https://w3id.org/dpv#", "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
        "dct": "http://purl.org/dc/terms/", "xsd": "http://www.w3.org/2001/XMLSchema#",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#", "schema": "https://schema.org/",
    });
    Ok(document)
}

/// The DPV purpose that a purpose is, as far as the policy says.
fn known_purpose(purpose: &Purpose) -> &'static str {
    match (purpose.marketing, purpose.profiling) {
        (true, _) => "dpv:DirectMarketing",
        (false, true) => "dpv:Personalisation",
        (false, false) => "dpv:Purpose",
    }
}

/// A receipt in the form of the Kantara consent receipt specification 1.1.
/// That form has no place for a status, so whoever reads it takes the consent as given: there is one
/// only of a consent that is in force.
fn kantara(store: &Store, rules: &Rulebook, subject: i64, found: &Stated<'_>) -> Result<Value> {
    let Stated { rule, told, .. } = found;
    if let Err(why) = found.open {
        return Err(Error::no(
            "consent-not-in-force",
            format!(
                "a Kantara receipt tells of consents that are in force, and this one isn't: {} ({})",
                found.stands.words(),
                why.words()
            ),
        )
        .at(format!("{}, ledger entry {}", rule.name, told.entry))
        .next(found.way_on()));
    }
    let languages: Vec<&str> = found.texts.iter().map(|text| text.language.as_str()).collect();
    let language = match languages.as_slice() {
        [only] => (*only).to_owned(),
        [] => "not known".to_owned(),
        several => format!("not known; one of {}", several.join(", ")),
    };
    let controller = &rules.policy.controller;
    let special: Vec<&String> =
        rule.purpose.categories.iter().filter(|category| rules.is_special(category)).collect();
    let recipients: Vec<&str> = rules
        .policy
        .destinations
        .values()
        .filter(|destination| destination.purpose == rule.name)
        .map(|destination| destination.recipient.as_str())
        .collect();
    let mut purpose_document = json!({
        "purpose": rule.purpose.title,
        "consentType": if told.explicit { "EXPLICIT" } else { "NON-EXPLICIT" },
        "purposeCategory": [if rule.purpose.marketing { "6 - Marketing" } else { "5 - Personalize Experience" }],
        "piiCategory": rule.purpose.categories,
        "primaryPurpose": false,
        "termination": found.expires.map_or_else(|| "until withdrawn".to_owned(), |at| at.to_string()),
        "thirdPartyDisclosure": !recipients.is_empty(),
    });
    if !recipients.is_empty() {
        purpose_document["thirdPartyName"] = recipients.join("; ").into();
    }
    let document = json!({
        "version": "KI-CR-v1.1.0",
        "jurisdiction": controller.country,
        "consentTimestamp": Moment::parse(&told.at)?.0 / 1000,
        "collectionMethod": if told.method.is_empty() { "not recorded" } else { &told.method },
        "consentReceiptID": format!("{}/{}", store.log().origin(), told.entry),
        "language": language,
        "piiPrincipalId": public_text(profile_sql::public_id(store.conn(), subject)?),
        "piiControllers": [{
            "piiController": controller.name, "contact": controller.contact,
            "address": {"streetAddress": controller.address.clone().unwrap_or_default(), "addressCountry": controller.country},
            "email": controller.contact, "phone": "",
        }],
        "policyUrl": "",
        "services": [{"service": controller.name, "purposes": [purpose_document]}],
        "sensitive": !special.is_empty(),
        "spiCat": special,
    });
    Ok(document)
}

/// What a receipt says of the consent that decides over a purpose.
///
/// # Errors
/// `purpose-unknown`, `consent-not-found`; in Kantara's form `consent-not-in-force`.
pub fn document(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    purpose: &str,
    form: Form,
    now: Moment,
) -> Result<Value> {
    form.of(store, rules, subject, &stated(store, rules, subject, purpose, now)?)
}

/// Issues a receipt: it carries the proof that it was handed out, and the consent entry behind it with
/// its payload opened.
///
/// # Errors
/// Those of [`document`], and `key-missing` when nothing can be signed here.
pub fn issue(
    store: &mut Store,
    rules: &Rulebook,
    subject: i64,
    purpose: &str,
    form: Form,
    now: Moment,
) -> Result<String> {
    let found = stated(store, rules, subject, purpose, now)?;
    let document = form.of(store, rules, subject, &found)?;
    let entry = found.told.entry;
    let text = serde_json::to_string_pretty(&document).expect("a receipt is JSON");
    let payload = json!({"receipt": entry, "form": form.word(), "purpose": purpose});
    let issued = Issued {
        kind: "receipt.issue",
        body: serde_json::Map::new(),
        about: Some(evidence::about(store.conn(), subject, payload)?),
        behind: vec![(entry, Opening::Opened)],
    };
    evidence::issue(store, &issued, Carrier::Json, &text, now)
}
