//! A message: what one recipient is told about one person, before it has the form of a request.
//!
//! A person has a name of their own at each destination: a keyed hash of the destination and of the
//! record that supplied the address, which is the record that the disclosure names. So a message that
//! takes something back names exactly what went out, whatever was joined or parted since; it holds
//! nothing of the person; and two destinations can't compare what they hold.

use serde_json::{Map, Value, json};

use crate::base::clock::Moment;
use crate::base::secret::StoreSecret;
use crate::store::hex;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// This is the person's data now.
    Profile,
    /// The person did this.
    Event,
    /// Stop using what you hold of the person for the purpose (Art 7(3), 18, 21).
    Stop,
    /// Delete what you hold of the person (Art 17, 19).
    Delete,
    /// Confirm, person, what was asked for in your name (double opt-in).
    Confirm,
}

impl Act {
    /// Its name in a message.
    pub fn word(self) -> &'static str {
        match self {
            Act::Profile => "profile.updated",
            Act::Event => "event",
            Act::Stop => "profile.stop",
            Act::Delete => "profile.delete",
            Act::Confirm => "consent.confirm",
        }
    }

    /// Whether it takes something back: it needs no consent, and goes to whom something was sent.
    pub fn is_recall(self) -> bool {
        matches!(self, Act::Stop | Act::Delete)
    }
}

/// What a person did, as far as a destination is told.
#[derive(Clone, Debug)]
pub struct Told {
    /// The event's name.
    pub name: String,
    /// When it happened.
    pub at: Moment,
    /// Its amount in the smallest currency unit; empty text where it has none or none is told.
    pub amount: Value,
    /// The properties that the destination gets; empty where the event has none.
    pub properties: Map<String, Value>,
}

impl Told {
    /// Takes out of an event's canonical bytes what a destination lists.
    pub fn of(name: &str, at: Moment, bytes: &[u8], listed: &[String]) -> Told {
        let body: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let part = |name: &str| match name {
            "amount" => body["amount"].clone(),
            name => body["properties"][name].clone(),
        };
        let shown = |name: &String| match part(name) {
            Value::Null => Value::from(""),
            value => value,
        };
        let amount = listed.iter().find(|name| *name == "amount");
        let others = listed.iter().filter(|name| *name != "amount");
        Told {
            name: name.to_owned(),
            at,
            amount: amount.map_or(Value::from(""), shown),
            properties: others.map(|name| (name.clone(), shown(name))).collect(),
        }
    }
}

/// The links that a mail brings to its reader, to pages of theirs; empty where it brings none. Whoever has one
/// speaks as the person, so it prints nothing of itself.
#[derive(Clone, Default)]
pub struct Links {
    /// Ends what the mail is sent for, by one click (RFC 8058).
    pub unsubscribe: String,
    /// Shows and changes what the person allowed.
    pub preferences: String,
    /// Confirms what was asked for, with what that is.
    pub confirm: Option<Confirm>,
}

/// What a mail asks its reader to confirm.
#[derive(Clone)]
pub struct Confirm {
    /// The link.
    pub link: String,
    /// The purpose in plain words.
    pub title: String,
    /// The notice that was shown.
    pub notice: String,
    /// The last day on which the link works.
    pub until: String,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Links(…)")
    }
}

impl Links {
    fn document(&self) -> (Value, Value) {
        let confirm = self.confirm.as_ref();
        let text = |of: fn(&Confirm) -> &String| confirm.map_or("", |confirm| of(confirm).as_str());
        (
            json!({
                "unsubscribe": self.unsubscribe, "preferences": self.preferences,
                "confirm": text(|confirm| &confirm.link),
            }),
            json!({
                "title": text(|confirm| &confirm.title), "notice": text(|confirm| &confirm.notice),
                "until": text(|confirm| &confirm.until),
            }),
        )
    }
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id, the same over all tries: the recipient knows it again by it.
    pub id: String,
    /// What it says.
    pub act: Act,
    /// When it was written.
    pub at: Moment,
    /// The person's name at the destination.
    pub person: String,
    /// The fields with their values, in the destination's order.
    pub fields: Vec<(String, String)>,
    /// The event, where it tells of one.
    pub event: Option<Told>,
    /// The purpose.
    pub purpose: String,
    /// The channel; empty where the destination has none.
    pub channel: String,
    /// Other purposes that the recipient is told of, and whether each is permitted now.
    pub permitted: Vec<(String, bool)>,
    /// The links of a mail.
    pub links: Links,
}

impl Message {
    /// The message as a JSON document: the body of a webhook, and what templates see.
    pub fn document(&self) -> Value {
        let mut data = Map::new();
        data.insert("id".to_owned(), Value::from(self.person.as_str()));
        for (name, value) in &self.fields {
            data.insert(name.clone(), Value::from(value.as_str()));
        }
        let mut document = json!({
            "type": self.act.word(), "id": self.id, "timestamp": self.at.to_string(),
            "data": data, "purpose": self.purpose, "channel": self.channel,
        });
        if let Some(Told { name, at, amount, properties }) = &self.event {
            document["event"] = json!({
                "name": name, "at": at.to_string(), "amount": amount, "properties": properties,
            });
        }
        if !self.permitted.is_empty() {
            let permitted = self.permitted.iter().cloned().map(|(name, is)| (name, is.into()));
            document["permitted"] = Value::Object(permitted.collect());
        }
        document
    }

    /// The same with the links, which stand in mails alone.
    pub fn mailed(&self) -> Value {
        let mut document = self.document();
        (document["links"], document["request"]) = self.links.document();
        document
    }
}

/// The name of a person at a destination.
pub fn person_at(secret: &StoreSecret, destination: &str, record: i64) -> String {
    let name = secret.outside_name("person", &[destination, &record.to_string()]);
    format!("p_{}", hex(&name))
}

/// The name of a person to whoever holds a token, for one purpose: that of one of the person's records, as
/// [`person_at`] makes it.
pub fn person_for(secret: &StoreSecret, token: i64, purpose: &str, record: i64) -> String {
    let parts = [&token.to_string(), purpose, &record.to_string()];
    format!("p_{}", hex(&secret.outside_name("person for", &parts)))
}

/// The id of a message. A queue that was restored from a backup gives its numbers again, and never at
/// the same moment.
pub fn message_id(secret: &StoreSecret, row: i64, queued_at: Moment) -> String {
    let name = secret.outside_name("message", &[&row.to_string(), &queued_at.0.to_string()]);
    format!("msg_{}", hex(&name))
}
