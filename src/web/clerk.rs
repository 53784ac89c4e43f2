//! The one thread that answers questions about people: asks the gate, writes down that it was asked, and
//! answers once that is on disk.
//!
//! It has a store of its own, which writes as another process would, so that nobody who sends data in waits
//! for who reads. What waits is answered together, in one transaction and one flush. Token, policy and gate
//! are asked under the write lock: no withdrawal and no revocation comes between the answer and its entry.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::base::clock::Moment;
use crate::base::error::{Kind, Result};
use crate::base::secret::StoreSecret;
use crate::profile::lookup::note_read;
use crate::send::context::{Context, document, outbound_document};
use crate::send::{Whereto, disclose, person_at, person_for};
use crate::store::{self, Store, Writer};

use super::decide::{Decided, decide, unclear};
use super::queue::Weighed;
use super::role::Bound;
use super::segment::{self, Shape};
use super::token::{TokenRow, Tokens};
use super::writer::Shared;

/// Questions in one transaction, at most.
pub(super) const QUESTIONS_A_COMMIT: usize = 100;

/// Questions that wait, at most.
pub(super) const QUESTIONS_WAITING_MAX: usize = 1_000;

/// How long it waits for questions before it looks whether it is to end.
const PATIENCE: Duration = Duration::from_millis(500);

/// A question.
pub struct Ask {
    /// The number of the token that asks.
    pub token: i64,
    /// What is asked.
    pub asked: Asked,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Told>,
}

/// What is asked.
pub enum Asked {
    /// What may be known of a person.
    About(About),
    /// Who changes from now on, for a purpose.
    Changes {
        /// The purpose; a recipient's may be left out.
        purpose: Option<String>,
    },
}

/// A question about a person.
pub struct About {
    /// About whom: `kind:value`, or a subject's id.
    pub who: String,
    /// For which purpose; a recipient's may be left out.
    pub purpose: Option<String>,
    /// On which channel.
    pub channel: Option<String>,
    /// The form of the answer; `None` for candor's own.
    pub shape: Option<Shape>,
}

impl Weighed for Ask {
    fn items(&self) -> usize {
        1
    }
}

/// What is answered.
#[derive(Debug)]
pub enum Told {
    /// What may be known, and the entry that says that it was told.
    Given(Value, i64),
    /// It is on record that the token listens for this purpose.
    Listening(String),
    /// Nobody is known by this name for the purpose.
    Nobody,
    /// Several people share the identifier.
    Several,
    /// The token holds no more.
    Closed,
    /// The token's role doesn't open this.
    NotOfRole,
    /// The token may not ask for this purpose.
    NotOfToken,
    /// It was called too often: whole seconds until one more is let through.
    TooOften(u64),
    /// Too many questions wait: whole seconds until fewer do.
    TooMany(u64),
    /// The server is ending.
    Ending,
    /// The question can't be understood: a code, and words.
    Unclear(&'static str, &'static str),
    /// The store can't be written just now.
    Busy,
    /// It couldn't be answered: a code.
    Failed(&'static str),
}

/// Answers until the queue is closed and empty.
pub(super) fn work(mut store: Store, shared: &Arc<Shared>, clock: fn() -> Moment) {
    while let Some(asks) = shared.questions.pop(QUESTIONS_A_COMMIT, PATIENCE) {
        if asks.is_empty() {
            continue;
        }
        let now = clock();
        let (questions, answers): (Vec<_>, Vec<_>) =
            asks.into_iter().map(|ask| ((ask.token, ask.asked), ask.answer)).unzip();
        let told = answer(&mut store, &questions, now).unwrap_or_else(|error| {
            let failed = || match error.kind {
                Kind::Busy => Told::Busy,
                _ => Told::Failed(error.code),
            };
            questions.iter().map(|_| failed()).collect()
        });
        shared.questions.learn(questions.len(), clock().0 - now.0);
        for (answer, told) in answers.into_iter().zip(told) {
            // Whoever has gone away needs no answer.
            let _ = answer.send(told);
        }
    }
}

/// Answers questions, each as one of a token; what is told of anybody is on record when it returns.
///
/// # Errors
/// Those of [`Store::write`], and `no-policy`.
fn answer(store: &mut Store, questions: &[(i64, Asked)], now: Moment) -> Result<Vec<Told>> {
    let decide_all = |store: &Store, now: Moment| {
        let rules = store::latest(store.conn(), store.words())?;
        let tokens = Tokens::load(store.conn(), store.secret())?;
        let each = |(token, asked): &(i64, Asked)| {
            let decided = match tokens.holding(*token, now) {
                None => Ok(Decided::Plain(Told::Closed)),
                Some(token) => decide(store, &rules, token, asked, now),
            };
            // What is wrong with one person's data is nobody else's trouble.
            decided.unwrap_or_else(|error| Decided::Plain(unclear(&error)))
        };
        Ok(questions.iter().map(each).collect::<Vec<_>>())
    };
    store.decide_and_write(now, decide_all, |writer, decided| {
        decided.into_iter().map(|decided| enter(writer, decided)).collect()
    })
}

/// Writes down what is told, and gives it its form.
fn enter(writer: &mut Writer<'_>, decided: Decided) -> Result<Told> {
    match decided {
        Decided::Plain(told) => Ok(told),
        Decided::Read(token, context, shape) => {
            let actor = actor(&token);
            let writer = &mut writer.acting_as(&actor);
            let payload = json!({
                "by": "context", "role": token.role.word(), "purpose": context.purpose,
            });
            let entry = note_read(writer, context.subject, &payload)?;
            let document = match (&shape, &context.known) {
                (Some(shape), Some(known)) => segment::render(shape, known),
                _ => whole(&context, &names(writer.secret, &token, &context.purpose), entry),
            };
            Ok(Told::Given(document, entry))
        }
        Decided::Listen(token, purpose) => {
            let body = json!({"token": token.id, "purpose": purpose});
            writer.acting_as(&actor(&token)).append("access.changes", body)?;
            Ok(Told::Listening(purpose))
        }
        Decided::Disclose(token, permit, (purpose, code), fields) => {
            let actor = actor(&token);
            let writer = &mut writer.acting_as(&actor);
            let to = Whereto {
                destination: &token.destination,
                purpose: (&purpose, code),
                audience: None,
                messages: &[],
            };
            let row = permit.item();
            let (_, entry) = disclose(writer, to, &[(row.record, &row.others)])?;
            let names = names(writer.secret, &token, &purpose);
            let mut document = outbound_document(&permit, &fields, &names);
            document["success"] = true.into();
            document["purpose"] = purpose.as_str().into();
            document["at"] = writer.now.to_string().into();
            document["entry"] = entry.into();
            Ok(Told::Given(document, entry))
        }
    }
}

/// candor's own form of an answer.
fn whole(context: &Context, name: &dyn Fn(i64) -> String, entry: i64) -> Value {
    let mut document = match &context.known {
        Some(known) => document(known, name),
        None => json!({}),
    };
    document["success"] = true.into();
    document["purpose"] = context.purpose.as_str().into();
    document["at"] = context.at.to_string().into();
    document["entry"] = entry.into();
    let left_out = context.left_out.iter();
    let left_out = left_out.map(|left| json!({"what": left.what, "reason": left.reason}));
    document["left_out"] = left_out.collect();
    document
}

/// Who acts, as the ledger names them.
pub(super) fn actor(token: &TokenRow) -> String {
    format!("token:{}", token.id)
}

/// The names by which a token knows people for a purpose. A recipient knows them by those that messages to
/// its destination bear.
pub(super) fn names<'a>(
    secret: &'a StoreSecret,
    token: &'a TokenRow,
    purpose: &'a str,
) -> impl Fn(i64) -> String + 'a {
    move |record| match token.role.bound() {
        Bound::ToDestination => person_at(secret, &token.destination, record),
        _ => person_for(secret, token.id, purpose, record),
    }
}
