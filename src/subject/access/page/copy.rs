//! The copy itself (Art 15(3)): values, events, what was computed of them, and other profiles.

use serde_json::Value;

use crate::policy::currency::amount;
use crate::view::Table;

use super::super::{EventNote, Held, QuestionNote, UNTIL_LIFTED, ValueNote, words};
use super::Page;

impl Page<'_> {
    pub(super) fn copy(&mut self) {
        for (prefix, heading) in [
            ("identifier.", "What identifies you"),
            ("attribute.", "What is said of you"),
            ("record.", "Numbers and names under which our systems keep you"),
        ] {
            self.heading(heading);
            let table = self.values(heading, prefix);
            self.table(table);
        }
        self.heading("What you did");
        let columns =
            ["What", "When", "Number", "Content", "From", "For", "Kept until", "Ledger entry"];
        let mut events = Table::new("Events, newest first", columns);
        for event in &self.package.events {
            events.push([
                words::spaced(&event.name),
                self.time(&event.at),
                event.id.clone(),
                content(event),
                self.source(&event.source),
                self.purpose_list(&event.held.purposes),
                kept_until(&event.held),
                event.held.entry.to_string(),
            ]);
        }
        self.table(events);
        self.heading("What we computed");
        let columns = ["Events", "From", "How many", "Sum of their amounts", "First", "Last"];
        let mut summaries = Table::new("Summaries of the events", columns);
        for s in &self.package.summaries {
            summaries.push([
                words::spaced(&s.event),
                self.source(&s.source),
                s.count.to_string(),
                sum(s.sum, s.currency.as_deref()),
                self.time(&s.first_at),
                self.time(&s.last_at),
            ]);
        }
        self.table(summaries);
        let bare = |amount: bool, currency: &Option<String>| amount && currency.is_none();
        let mut events = self.package.events.iter();
        let amounts = events.any(|event| bare(event.amount.is_some(), &event.currency));
        if amounts || self.package.summaries.iter().any(|s| bare(s.sum != 0, &s.currency)) {
            self.say(
                "Amounts and sums without a currency beside them count the smallest unit of the one in \
                 which you paid: 399 is 3.99 euro where that is the euro.",
            );
        }
        self.fingerprints();
        self.ties();
    }

    fn values(&self, caption: &str, prefix: &str) -> Table {
        let columns =
            ["What", "Content", "State", "Seen", "From", "For", "Kept until", "Ledger entry"];
        let mut table = Table::new(caption, columns);
        let values = self.package.values.iter().filter(|value| value.field.starts_with(prefix));
        for value in values {
            table.push([
                field(value, prefix),
                value.value.clone(),
                if value.current { "current" } else { "older" }.to_owned(),
                self.time(&value.observed_at),
                self.source(&value.source),
                self.purpose_list(&value.held.purposes),
                kept_until(&value.held),
                value.held.entry.to_string(),
            ]);
        }
        table
    }

    fn fingerprints(&mut self) {
        if self.package.fingerprints.is_empty() {
            return;
        }
        let kinds: Vec<String> = self
            .package
            .fingerprints
            .iter()
            .map(|f| format!("{} {}", f.count, words::spaced(&f.kind)))
            .collect();
        self.say(&format!(
            "Of these identifiers we keep a keyed fingerprint only, from which they can't be read, to \
             honour that you said no: {}.",
            kinds.join("; ")
        ));
    }

    fn ties(&mut self) {
        let ties = self.package.ties;
        for (count, words) in [
            (ties.related, "shares an identifier with yours"),
            (ties.household, "is likely of one household with yours, as we reckoned"),
            (ties.kept_apart, "was decided not to be yours"),
        ] {
            if count > 0 {
                let (who, words) = match count {
                    1 => ("1 profile of another person".to_owned(), words.to_owned()),
                    more => (
                        format!("{more} profiles of other people"),
                        words
                            .replace("shares", "share")
                            .replace("was ", "were ")
                            .replace("is ", "are "),
                    ),
                };
                self.say(&format!("{who} {words}. Nothing of it is in this answer."));
            }
        }
        let reckoned = self.package.links.iter().filter(|link| link.by.starts_with("likeness"));
        let reckoned = reckoned.filter(|link| link.with.is_some()).count();
        if reckoned > 0 {
            self.say(
                "That entries in our systems are yours was partly reckoned from how alike they are. Tell us \
                 where that is wrong, and we part them.",
            );
        }
        let open = |q: &&QuestionNote| matches!(q.state, "open" | "put off");
        match self.package.questions.iter().filter(open).count() {
            0 => {}
            1 => self.say("Whether 1 more entry in our systems is yours is an open question."),
            more => self.say(&format!(
                "Whether {more} more entries in our systems are yours are open questions."
            )),
        }
        if !self.package.joined.is_empty() {
            let joined: Vec<String> = self
                .package
                .joined
                .iter()
                .map(|j| format!("{} on {}", j.subject, self.time(&j.at)))
                .collect();
            self.say(&format!(
                "These earlier profiles were found to be you and joined: {}.",
                joined.join("; ")
            ));
        }
    }
}

fn field(value: &ValueNote, prefix: &str) -> String {
    words::spaced(value.field.strip_prefix(prefix).unwrap_or(&value.field))
}

fn kept_until(held: &Held) -> String {
    let day = held.kept_until.as_deref().map(words::day);
    let claim = held.held_for_a_claim.as_deref().map(|until| match until {
        UNTIL_LIFTED => "as long as a legal claim needs it".to_owned(),
        day => format!("{}, for a legal claim", words::day(day)),
    });
    match (day, claim) {
        (None, None) => "to be deleted".to_owned(),
        (Some(only), None) | (None, Some(only)) => only,
        (Some(day), Some(claim)) => format!("{day}; {claim}"),
    }
}

/// An event's amount and properties, as lines of `name: content`; the lines of a basket are numbered.
fn content(event: &EventNote) -> String {
    let mut lines = Vec::new();
    lines.extend(
        event.amount.map(|amount| format!("amount: {}", sum(amount, event.currency.as_deref()))),
    );
    for (name, value) in event.properties.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                lines.push(format!("{}:", words::spaced(name)));
                let item = |(at, item): (usize, &Value)| format!("{}. {}", at + 1, plain(item));
                lines.extend(items.iter().enumerate().map(item));
            }
            value => lines.push(format!("{}: {}", words::spaced(name), plain(value))),
        }
    }
    lines.join("\n")
}

fn sum(smallest: i64, currency: Option<&str>) -> String {
    currency.map_or_else(|| smallest.to_string(), |currency| amount(smallest, currency))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" | "),
        Value::Object(map) => {
            let part = |(name, value): (&String, &Value)| {
                format!("{} {}", words::spaced(name), plain(value))
            };
            map.iter().map(part).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
