//! Tells what a person consented to: everything that was said, where they stand, and a receipt.

use serde::Serialize;
use serde_json::{Value, json};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::{Sealed, apply_seal};
use crate::consent::fold::AsOf;
use crate::consent::gate::{Reason, after};
use crate::consent::history::History;
use crate::consent::stands::{Stands, let_through};
use crate::evidence::{self, Issued, Opening};
use crate::ledger::carrier::Carrier;
use crate::policy::rulebook::Rulebook;
use crate::policy::types::Basis;
use crate::profile::merge::public_text;
use crate::profile::sql as profile_sql;
use crate::store::{self, Store, WordKind};

use super::{hold, notice, sql};

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
}

/// One thing that was said, as the sealed payload of its ledger entry has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The ledger entry.
    pub entry: i64,
    /// consent, channel, objection, restriction, notice, frequency or hold.
    pub about: &'static str,
    /// The purpose; empty where it is about all.
    pub purpose: String,
    /// The channel; empty where there is none.
    pub channel: String,
    /// What was said.
    pub state: String,
    /// When it was so.
    pub at: String,
    /// When candor learned it.
    pub recorded_at: String,
    /// The notice that was shown.
    pub notice: String,
    /// The language in which it was shown (BCP 47); absent where that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Of a wish about frequency: at most once in so many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u64>,
    /// Of a hold: the category that it keeps; absent where it keeps all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Of a hold: it ends after so many days; absent where it must be lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_days: Option<u64>,
    /// Of a hold: the claim that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// How it was said.
    pub method: String,
    /// Who passed it on; `desk` for what was recorded by hand.
    pub source: String,
    /// Where the proof lies.
    pub evidence: String,
    /// In so many words (Art 9).
    pub explicit: bool,
    /// Confirmed by double opt-in.
    pub confirmed: bool,
    /// When candor learned it.
    #[serde(skip)]
    pub recorded: Moment,
}

/// Everything that was ever said by or about a subject, by valid time.
pub fn told(store: &Store, subject: i64) -> Result<Vec<Told>> {
    let mut all = Vec::new();
    for record in profile_sql::records_of(store.conn(), subject)? {
        let key = profile_sql::record_key(store.conn(), record)?;
        for (n, mut body) in sql::payloads_of(store.conn(), record)? {
            apply_seal(&key, Sealed::Payload, n, &mut body);
            let Ok(payload) = serde_json::from_slice::<Value>(&body) else {
                return Err(crate::profile::record::unreadable("ledger payload"));
            };
            if payload.get("axis").is_some() {
                all.push(as_told(n, &payload));
            }
        }
    }
    all.sort_by(|a, b| a.at.cmp(&b.at).then(a.entry.cmp(&b.entry)));
    Ok(all)
}

fn as_told(n: i64, payload: &Value) -> Told {
    let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
    let moment = |name: &str| Moment(payload[name].as_i64().unwrap_or_default());
    let source = text("source");
    Told {
        entry: n,
        about: match payload["axis"].as_i64() {
            Some(2) => "channel",
            Some(3) => "objection",
            Some(4) => "restriction",
            Some(5) => "notice",
            Some(6) => "frequency",
            Some(7) => "hold",
            _ => "consent",
        },
        purpose: text("purpose"),
        channel: text("channel"),
        state: text("state"),
        at: moment("at").to_string(),
        recorded_at: moment("recorded_at").to_string(),
        notice: text("notice"),
        language: payload["language"].as_str().map(str::to_owned),
        every_days: payload["every_days"].as_u64(),
        category: payload["category"].as_str().map(str::to_owned),
        for_days: payload["for_days"].as_u64(),
        because: payload["because"].as_str().map(str::to_owned),
        method: text("method"),
        source: if source.is_empty() { "desk".to_owned() } else { source },
        evidence: text("evidence"),
        explicit: payload["explicit"].as_bool().unwrap_or_default(),
        confirmed: payload["confirmed"].as_bool().unwrap_or_default(),
        recorded: moment("recorded_at"),
    }
}

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
    let history = History::load(store.conn(), subject)?;
    let standing = history.standing(asked);
    let mut purposes = Vec::new();
    for rule in rules.rules().filter(|rule| rule.purpose.basis == Basis::Consent) {
        let channels = if rule.channels.is_empty() { vec![0] } else { rule.channels.clone() };
        for channel in channels {
            let found = standing.consents.get(&(rule.code, channel));
            let stands = Stands::of(rule, found, asked.valid);
            let verdict = let_through(rule, channel, &standing, asked.valid);
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
                channel: if channel == 0 {
                    String::new()
                } else {
                    rules.channel_name(channel).into()
                },
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
    let objections: Vec<String> =
        rules.names(standing.objections).into_iter().map(str::to_owned).collect();
    let channels: Vec<ChannelState> = standing
        .permissions
        .iter()
        .map(|(code, permitted)| ChannelState {
            channel: rules.channel_name(*code).to_owned(),
            permitted: *permitted,
        })
        .collect();
    let name = |channel: u16| match channel {
        0 => String::new(),
        code => rules.channel_name(code).to_owned(),
    };
    let mut marks: Vec<Mark> =
        objections.iter().map(|purpose| Mark::Objected { purpose: purpose.clone() }).collect();
    marks.extend(
        channels
            .iter()
            .map(|c| Mark::Channel { channel: c.channel.clone(), permitted: c.permitted }),
    );
    marks.extend(
        standing
            .at_most_every
            .iter()
            .map(|(channel, days)| Mark::AtMost { channel: name(*channel), days: *days }),
    );
    let words = store.words();
    marks.extend(standing.informed.iter().map(|(purpose, source)| Mark::Told {
        purpose: words.text(WordKind::Purpose, (*purpose).into()).to_owned(),
        source: words.text(WordKind::Source, (*source).into()).to_owned(),
    }));
    let notices_due = notice::due(store, rules, subject, asked)?;
    marks.extend(notices_due.iter().map(|due| Mark::ToTell {
        source: due.source.clone(),
        purposes: due.purposes.clone(),
        by: due.by.clone(),
    }));
    marks.extend(standing.restricted.then_some(Mark::Restricted));
    let zone = rules.policy.controller.timezone.parse().unwrap_or(chrono_tz::UTC);
    let holds: Vec<HoldState> = standing
        .holds
        .iter()
        .map(|(category, hold)| HoldState {
            category: match category {
                0 => String::new(),
                code => words.text(WordKind::Category, (*code).into()).to_owned(),
            },
            until: hold::last_day(hold.until, zone),
            entry: hold.entry,
        })
        .collect();
    marks.extend(
        holds
            .iter()
            .map(|held| Mark::Held { category: held.category.clone(), until: held.until.clone() }),
    );
    Ok(State {
        subject: public_text(profile_sql::public_id(store.conn(), subject)?),
        shared_by: Vec::new(),
        at: asked.valid.to_string(),
        purposes,
        objections,
        channels,
        restricted: standing.restricted,
        holds,
        notices_due,
        marks,
    })
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

/// A text of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeText {
    /// Its language (BCP 47).
    pub language: String,
    /// The text.
    pub text: String,
}

/// The texts that may have been shown with a statement: the one in its language, or, where that isn't
/// known, every one that the version has. None where no notice is named.
pub fn texts_shown(store: &Store, told: &Told) -> Result<Vec<NoticeText>> {
    let Some((name, version)) = told.notice.rsplit_once('@') else { return Ok(Vec::new()) };
    let texts = store::notice_texts(store.conn(), name, version.parse().unwrap_or(0))?;
    let shown = texts.into_iter().map(|(language, text)| NoticeText { language, text });
    Ok(shown.filter(|shown| told.language.as_ref().is_none_or(|l| *l == shown.language)).collect())
}

/// The statement that decides over a purpose, with what it amounts to: what a receipt is made of.
struct Stated {
    told: Told,
    texts: Vec<NoticeText>,
    expires: Option<Moment>,
    stands: Stands,
    /// Whether the gate takes it as in force.
    open: Result<(), Reason>,
}

impl Stated {
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
fn stated(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    purpose: &str,
    now: Moment,
) -> Result<Stated> {
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
pub fn dpv(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    purpose: &str,
    now: Moment,
) -> Result<Value> {
    let found = stated(store, rules, subject, purpose, now)?;
    let told = &found.told;
    let rule = rules.purpose_code(purpose).and_then(|code| rules.rule(code)).expect("found above");
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
        consent_event["dpv:hasExpiryTime"] =
            json!({"@type": "xsd:dateTime", "@value": at.to_string()});
    }
    if let Some(comment) = found.comment() {
        consent_event["rdfs:comment"] = comment.into();
    }
    let recipients: Vec<Value> = rules
        .policy
        .destinations
        .values()
        .filter(|destination| destination.purpose == purpose)
        .map(|destination| json!({"@type": "dpv:Recipient", "schema:name": destination.recipient}))
        .collect();
    let mut notice = json!({"@type": "dpv:ConsentNotice", "dct:identifier": told.notice});
    match found.texts.as_slice() {
        [] => {}
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
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#", "schema": "https://schema.org/",
    });
    Ok(document)
}

/// The DPV purpose that a purpose is, as far as the policy says.
fn known_purpose(purpose: &crate::policy::types::Purpose) -> &'static str {
    match (purpose.marketing, purpose.profiling) {
        (true, _) => "dpv:DirectMarketing",
        (false, true) => "dpv:Personalisation",
        (false, false) => "dpv:Purpose",
    }
}

/// A receipt in the form of the Kantara consent receipt specification 1.1.
///
/// # Errors
/// As [`dpv`], and `consent-not-in-force`: that form has no place for a status, so whoever reads it
/// takes the consent as given.
pub fn kantara(
    store: &Store,
    rules: &Rulebook,
    subject: i64,
    purpose: &str,
    now: Moment,
) -> Result<Value> {
    let found = stated(store, rules, subject, purpose, now)?;
    let told = &found.told;
    if let Err(why) = found.open {
        return Err(Error::no(
            "consent-not-in-force",
            format!(
                "a Kantara receipt tells of consents that are in force, and this one isn't: {} ({})",
                found.stands.words(),
                why.words()
            ),
        )
        .at(format!("{purpose}, ledger entry {}", told.entry))
        .next(found.way_on()));
    }
    let languages: Vec<&str> = found.texts.iter().map(|text| text.language.as_str()).collect();
    let language = match languages.as_slice() {
        [only] => (*only).to_owned(),
        [] => "not known".to_owned(),
        several => format!("not known; one of {}", several.join(", ")),
    };
    let rule = rules.purpose_code(purpose).and_then(|code| rules.rule(code)).expect("found above");
    let controller = &rules.policy.controller;
    let special: Vec<&String> =
        rule.purpose.categories.iter().filter(|category| rules.is_special(category)).collect();
    let recipients: Vec<&str> = rules
        .policy
        .destinations
        .values()
        .filter(|destination| destination.purpose == purpose)
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

/// Issues a receipt: it carries the proof that it was handed out, and the consent entry behind it with
/// its payload opened.
///
/// # Errors
/// Those of [`dpv`] and [`kantara`], and `key-missing` when nothing can be signed here.
pub fn issue(
    store: &mut Store,
    rules: &Rulebook,
    subject: i64,
    purpose: &str,
    form: Form,
    now: Moment,
) -> Result<String> {
    let document = match form {
        Form::Dpv => dpv(store, rules, subject, purpose, now)?,
        Form::Kantara => kantara(store, rules, subject, purpose, now)?,
    };
    let entry = stated(store, rules, subject, purpose, now)?.told.entry;
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
