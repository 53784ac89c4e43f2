//! One item of a call in its one shape.

use super::consents::{Answers, CARRIERS};
use super::{Arrival, ITEM_BYTES_MAX, MESSAGE_CHARS_MAX};
use crate::base::clock::Moment;
use crate::collect::dates::DateReader;
use crate::collect::object::{Object, Raw, Writing};
use crate::collect::row;
use crate::policy::types::tracking::{AT, EVENT, MESSAGE, PERSON, TYPE};

/// How far a client's clock may be off without being set right, in milliseconds. Within it an item that
/// is sent again keeps its time to the millisecond; the way over the network counts as an error too.
const CLOCK_MS_MAX: i64 = 10_000;

/// With this event a consent tool says that the person answered; the answers stand in the context.
const CONSENT_EVENT: &str = "Segment Consent Preference Updated";

/// The kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Who somebody is, with their traits.
    Identify,
    /// What somebody did.
    Track,
    /// The page that somebody saw.
    Page,
    /// The screen that somebody saw.
    Screen,
    /// The account or company that somebody belongs to.
    Group,
    /// Two ids of one person.
    Alias,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] =
        [Kind::Identify, Kind::Track, Kind::Page, Kind::Screen, Kind::Group, Kind::Alias];

    /// The word that clients use.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Identify => "identify",
            Kind::Track => "track",
            Kind::Page => "page",
            Kind::Screen => "screen",
            Kind::Group => "group",
            Kind::Alias => "alias",
        }
    }

    /// The kind of a word.
    pub fn of(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether it tells of something that was done.
    pub fn is_event(self) -> bool {
        matches!(self, Kind::Track | Kind::Page | Kind::Screen)
    }
}

/// What is kept out of an item before the gate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemFault {
    /// It is no JSON object.
    NotAnObject,
    /// It is longer than an item may be.
    TooLarge,
    /// It doesn't say of which kind it is.
    UnknownType,
    /// Its id is longer than an id may be.
    MessageTooLong,
    /// It names nobody.
    NoPerson,
    /// What was tracked has no name.
    NoEvent,
    /// It says that the person answered, and not what.
    NoAnswers,
}

impl ItemFault {
    /// The stable name.
    pub fn code(self) -> &'static str {
        match self {
            ItemFault::NotAnObject => "not_an_object",
            ItemFault::TooLarge => "item_too_large",
            ItemFault::UnknownType => "unknown_type",
            ItemFault::MessageTooLong => "message_id_too_long",
            ItemFault::NoPerson => "no_subject",
            ItemFault::NoEvent => "event_missing",
            ItemFault::NoAnswers => "consent_missing",
        }
    }

    /// In words; never with what the item says.
    pub fn words(self) -> &'static str {
        match self {
            ItemFault::NotAnObject => "an item is a JSON object",
            ItemFault::TooLarge => "an item has at most 32 KiB",
            ItemFault::UnknownType => {
                "its type is none of identify, track, page, screen, group and alias"
            }
            ItemFault::MessageTooLong => "a messageId has at most 100 characters",
            ItemFault::NoPerson => "it has neither a userId nor an anonymousId that can be read",
            ItemFault::NoEvent => "a track item names its event",
            ItemFault::NoAnswers => "context.consent.categoryPreferences object is required",
        }
    }
}

/// One item.
#[derive(Debug, PartialEq)]
pub struct Item {
    /// What the client calls it.
    pub message: Option<String>,
    /// Its shape, or why it has none.
    pub shape: Result<Shape, ItemFault>,
}

/// An item in its one shape.
#[derive(Debug, PartialEq)]
pub struct Shape {
    /// Its kind.
    pub kind: Kind,
    /// The object, as text.
    pub text: String,
    /// It names somebody by a `userId`, and is known by that.
    pub(super) names_somebody: bool,
    /// What its consent tool doesn't speak of was not agreed to.
    pub(super) answers_are_whole: bool,
    /// Fields, and objects of fields, of which the person's answers say something that can't be read.
    pub(super) unreadable: Vec<String>,
    /// It says what the person answered to a consent tool, and is no event of the brand's own.
    pub(super) is_consent_event: bool,
}

/// What a batch says of all its items.
#[derive(Default)]
pub(super) struct Envelope<'a> {
    whole: Option<&'a Object<'a>>,
    context: Object<'a>,
    sent_at: Option<Raw<'a>>,
}

impl<'a> Envelope<'a> {
    /// Reads it off the whole batch.
    pub fn of(whole: &'a Object<'a>) -> Envelope<'a> {
        let context = whole.object("context").unwrap_or_default();
        Envelope { whole: Some(whole), context, sent_at: whole.get("sentAt") }
    }

    /// What it says of the person's answers.
    fn answers(&self) -> Answers {
        self.whole.map_or_else(Answers::default, |whole| Answers::of(&[whole, &self.context]))
    }
}

impl Item {
    /// Reads an item; `kind` is told by the path of a single one.
    pub(super) fn read(
        kind: Option<Kind>,
        raw: Raw<'_>,
        envelope: &Envelope<'_>,
        arrival: Arrival,
    ) -> Item {
        let Some(object) = raw.object() else {
            return Item { message: None, shape: Err(ItemFault::NotAnObject) };
        };
        let message = object.text(MESSAGE);
        let too_long = |id: &String| id.chars().count() > MESSAGE_CHARS_MAX;
        if message.as_ref().is_some_and(too_long) {
            return Item { message: None, shape: Err(ItemFault::MessageTooLong) };
        }
        let shape = if raw.0.len() > ITEM_BYTES_MAX {
            Err(ItemFault::TooLarge)
        } else {
            shape(kind, &object, message.as_deref(), envelope, arrival)
        };
        Item { message, shape }
    }
}

fn shape(
    kind: Option<Kind>,
    item: &Object<'_>,
    message: Option<&str>,
    envelope: &Envelope<'_>,
    arrival: Arrival,
) -> Result<Shape, ItemFault> {
    let own_kind = || item.text("type").and_then(|word| Kind::of(&word.to_ascii_lowercase()));
    let kind = kind.or_else(own_kind).ok_or(ItemFault::UnknownType)?;
    let mut out = Writing::new();
    out.text(TYPE, kind.word());
    if let Some(message) = message {
        out.text(MESSAGE, message);
    }
    out.text(AT, &happened(item, envelope, arrival.at));

    let (user, anonymous) = (item.text("userId"), item.text("anonymousId"));
    out.text(PERSON, user.as_ref().or(anonymous.as_ref()).ok_or(ItemFault::NoPerson)?);
    let previous = item.text("previousId").filter(|_| kind == Kind::Alias);
    // analytics.js says `alias` of an id to itself: that says nothing.
    let previous = previous.filter(|id| user.as_ref() != Some(id));
    let ids = [("userId", &user), ("anonymousId", &anonymous), ("previousId", &previous)];
    for (name, id) in ids {
        if let Some(id) = id {
            out.text(name, id);
        }
    }

    let event = item.text(EVENT).filter(|_| kind == Kind::Track);
    if kind == Kind::Track {
        out.text(EVENT, event.as_ref().ok_or(ItemFault::NoEvent)?);
    }
    for name in ["name", "category", "groupId"] {
        if let Some(raw) = item.get(name) {
            out.raw(name, raw.0);
        }
    }

    let own_context = item.object("context").unwrap_or_default();
    write_traits(&mut out, kind, item, &own_context);
    if let Some(properties) = item.get("properties") {
        out.raw("properties", properties.0);
    }
    // What an item says of its own consent stands before what its batch says of all.
    let mut answers = Answers::of(&[item, &own_context]);
    if answers.is_empty() {
        answers = envelope.answers();
    }
    let is_consent_event = event.as_deref() == Some(CONSENT_EVENT);
    if is_consent_event && answers.is_empty() {
        return Err(ItemFault::NoAnswers);
    }
    answers.write(&mut out);
    if arrival.privacy_signal {
        out.raw("gpc", "true");
    }
    write_context(&mut out, &own_context, &envelope.context);
    Ok(Shape {
        names_somebody: user.is_some(),
        kind,
        text: out.end(),
        answers_are_whole: answers.are_whole,
        unreadable: answers.unreadable(),
        is_consent_event,
    })
}

/// Traits of the person, or of the group. RudderStack's clients write those of the person into the
/// context; what stands there on any other call (Jitsu puts the group's among them) is left alone.
fn write_traits(out: &mut Writing, kind: Kind, item: &Object<'_>, context: &Object<'_>) {
    let own = item.get("traits").filter(|raw| !is_blank(*raw));
    let (name, traits) = match kind {
        Kind::Identify => ("traits", own.or_else(|| context.get("traits"))),
        Kind::Group => ("groupTraits", own),
        Kind::Track | Kind::Page | Kind::Screen | Kind::Alias => return,
    };
    if let Some(traits) = traits {
        out.raw(name, traits.0);
    }
}

/// The context without plumbing, and without what stands elsewhere; the item's own members before
/// those that its batch says of all.
fn write_context(out: &mut Writing, own: &Object<'_>, of_all: &Object<'_>) {
    let mut context = Writing::new();
    let elsewhere = |name: &str| ["library", "traits"].contains(&name) || CARRIERS.contains(&name);
    let wanted = |name: &str, raw: Raw<'_>| !elsewhere(name) && !is_blank(raw);
    for (name, raw) in own.members().filter(|(name, raw)| wanted(name, *raw)) {
        context.raw(name, raw.0);
    }
    let others = of_all.members().filter(|(name, raw)| wanted(name, *raw));
    for (name, raw) in others.filter(|(name, _)| own.get(name).is_none()) {
        context.raw(name, raw.0);
    }
    if !context.is_empty() {
        out.raw("context", &context.end());
    }
}

/// Whether a value holds nothing: clients send empty objects for what they don't know.
fn is_blank(raw: Raw<'_>) -> bool {
    raw.is_null() || raw.object().is_some_and(|object| object.is_empty())
}

/// When it happened: by the client's clock, set right by how far that was off when it sent the item;
/// without a time of its own, when it arrived. A time that can't be read stays as it is, and is
/// refused as such.
fn happened(item: &Object<'_>, envelope: &Envelope<'_>, arrived: Moment) -> String {
    let said = item.text("originalTimestamp").or_else(|| item.text("timestamp"));
    let Some(said) = said else { return arrived.to_string() };
    let Some(at) = moment(&said) else { return said };
    let sent = envelope.sent_at.or_else(|| item.get("sentAt"));
    let sent = sent.and_then(|raw| moment(&raw.text()?));
    let off = sent.map_or(0, |sent| arrived.0.saturating_sub(sent.0));
    if off.abs() <= CLOCK_MS_MAX {
        return at.to_string();
    }
    // Nothing arrives before it happens.
    Moment(at.0.saturating_add(off)).min(arrived).to_string()
}

fn moment(text: &str) -> Option<Moment> {
    DateReader::new(&[], "UTC").ok()?.moment(text, row::Kind::Text)
}
