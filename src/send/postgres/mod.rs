//! A message as a row of a table in the recipient's own PostgreSQL database, and what takes it away again.
//!
//! A row is known by the person's name at the destination, or by the message's id where it is about an event,
//! so what is written twice stands there once. What takes somebody back deletes every row of theirs.
//!
//! A request to an address is over when it was answered; a statement that was sent, and whose answer was
//! lost, may still be run. So each says until when it may be, in the server's own time, and is run under a
//! lock of the person; whoever sent one and heard nothing waits for that time to be over (`scribe.rs`). What
//! is sent later about the same person then finds everything done that ever will be, and no old row can
//! come back after it was taken away. Nothing but rows has to be kept for that in the recipient's database.

mod line;
mod login;
mod scram;
mod scribe;
pub(super) mod sql;
mod state;
mod wire;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::policy::postgres::{Encrypted, Holds, Postgres};
use crate::policy::types::{Destination, Policy};

use super::message::{Message, Told};
use super::request::{Secrets, Unsendable};

pub(super) use scribe::Scribe;
pub use state::SqlState;

/// A database, and who signs in there. It holds a secret, so it prints nothing of itself.
#[derive(Clone, PartialEq, Eq)]
struct Database {
    host: String,
    port: u16,
    tls: Encrypted,
    ca: Option<String>,
    database: String,
    user: String,
    password: Option<Zeroizing<String>>,
}

/// A row, ready to be written or taken away. It holds personal data, so it prints nothing of itself.
pub struct Row {
    at: Database,
    /// By what others wait who write of the same person.
    lock: i64,
    statement: String,
    /// What its parameters are, but for the last, which says until when it may be run.
    values: Vec<Option<String>>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Row(…)")
    }
}

/// Writes a message as a row, or as what takes the person's rows away.
///
/// # Errors
/// `SecretMissing`; `Unwritable` where a value can't stand in a database; `NoWay` where the table is for
/// something else by now.
pub(super) fn row(
    destination: &Destination,
    postgres: &Postgres,
    message: &Message,
    secrets: Secrets<'_>,
) -> Result<Row, Unsendable> {
    let secret = |name: &String| secrets(name).ok_or(Unsendable::SecretMissing);
    let password = postgres.secret.as_ref().map(secret).transpose()?;
    let Postgres { host, port, tls, ca, database, user, .. } = postgres.clone();
    let at = Database { host, port, tls, ca, database, user, password };
    let lock = lock_of(&message.person);
    if message.act.is_recall() {
        let (statement, values) = (sql::delete(postgres), vec![Some(message.person.clone())]);
        return Ok(Row { at, lock, statement, values });
    }
    if message.event.is_some() == destination.events.is_empty() {
        return Err(Unsendable::NoWay);
    }
    let parts = destination.parts();
    let values: Vec<_> = parts.iter().map(|part| value(message, *part)).collect();
    // PostgreSQL has no text with a NUL in it.
    if values.iter().flatten().any(|text| text.contains('\0')) {
        return Err(Unsendable::Unwritable);
    }
    Ok(Row { at, lock, statement: sql::upsert(postgres, &parts), values })
}

/// What makes the table of a destination; `None` where it has none.
pub fn create_table(policy: &Policy, name: &str) -> Option<String> {
    let destination = policy.destinations.get(name)?;
    Some(sql::create(policy, destination, destination.postgres()?))
}

/// A number of a person: the first half of their name there, which is a keyed hash.
fn lock_of(person: &str) -> i64 {
    let digits = person.trim_start_matches("p_").get(..16).unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or_default().cast_signed()
}

/// What stands in a column; nothing where the person, or the event, has nothing of the kind.
fn value(message: &Message, part: Holds<'_>) -> Option<String> {
    let event = |of: fn(&Told) -> String| message.event.as_ref().map(of);
    let text = match part {
        Holds::Person => Some(message.person.clone()),
        Holds::Message => Some(message.id.clone()),
        Holds::Event => event(|event| event.name.clone()),
        Holds::At => event(|event| event.at.to_string()),
        Holds::Field(name) => {
            message.fields.iter().find(|(field, _)| field == name).map(|(_, text)| text.clone())
        }
        Holds::Property(name) => {
            let event = message.event.as_ref()?;
            let value =
                if name == "amount" { &event.amount } else { event.properties.get(name)? };
            match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            }
        }
    };
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Moment;
    use crate::policy::check::check;
    use crate::send::message::{Act, Links};

    #[test]
    fn what_no_database_can_hold_is_not_written() {
        let text = include_str!("../../../fixtures/postgres/policy.toml");
        let policy = check(text).unwrap_or_else(|found| panic!("{}", found[0])).policy;
        let destination = &policy.destinations["readers"];
        let about = |name: &str, act| Message {
            id: "msg_1".to_owned(),
            act,
            at: Moment(0),
            person: format!("p_{}", "a1".repeat(16)),
            fields: vec![
                ("email".to_owned(), "ann@x.example".to_owned()),
                ("first_name".to_owned(), name.to_owned()),
            ],
            event: None,
            purpose: "newsletter".to_owned(),
            channel: "email".to_owned(),
            permitted: Vec::new(),
            links: Links::default(),
        };
        let row = |destination, message| {
            let secrets = |_: &str| Some(Zeroizing::new("pine".to_owned()));
            row(destination, policy.destinations["readers"].postgres().unwrap(), &message, &secrets)
        };
        assert_eq!(
            row(destination, about("a\0b", Act::Profile)).unwrap_err(),
            Unsendable::Unwritable
        );
        let written = row(destination, about("", Act::Profile)).unwrap();
        assert_eq!(written.lock, 0xa1a1_a1a1_a1a1_a1a1_u64.cast_signed());
        assert_eq!(written.values[2..], [None, None], "empty, and not there at all");
        assert_eq!(format!("{written:?}"), "Row(…)");
        // The table is for events by now.
        let events = &policy.destinations["orders"];
        assert_eq!(row(events, about("Ann", Act::Profile)).unwrap_err(), Unsendable::NoWay);
        assert_eq!(row(events, about("", Act::Stop)).unwrap().values.len(), 1);
    }
}
