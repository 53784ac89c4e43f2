//! Questions about one person: believed by a token, handed to the clerk, answered once that is on record.
//!
//! Who is asked about stands in the body, so that no address holds it. In the paths of Segment's Profile API it
//! stands there all the same; of a path nothing is ever logged.

use std::sync::PoisonError;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::send::outbox::figures;

use super::body::Known;
use super::clerk::{About, Ask, Asked, Told};
use super::credentials::Presented;
use super::edge::{Edge, header};
use super::log::Line;
use super::meters::Gauges;
use super::queue::Refused;
use super::rate::Caller;
use super::reply::Reply;
use super::role::Endpoint;
use super::segment::{Part, Shape, id_of};
use super::stream::STREAMS_MAX;
use super::token::TokenRow;

/// Bytes of a question, at most.
const QUESTION_BYTES_MAX: usize = 8 * 1024;

/// The body of a question. What isn't known is refused: a channel that is spelled otherwise must not be taken
/// for none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    who: String,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default)]
    channel: Option<String>,
}

/// The shapes of answers.
#[derive(Clone, Copy)]
pub(super) enum Tongue {
    /// candor's own.
    Own,
    /// Segment's.
    Segment,
}

impl Edge {
    /// The token that a request brings, where it holds and its role opens what is asked for.
    pub(super) fn token(
        &self,
        request: &Request<Incoming>,
        endpoint: Endpoint,
        line: &mut Line,
    ) -> Result<TokenRow, Told> {
        let presented =
            Presented { authorization: header(request, AUTHORIZATION), ..Presented::default() };
        let (keys, now) = (presented.keys(), (self.clock)());
        let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
        let known = self.shared.front().tokens.find(texts.iter().copied(), now).cloned();
        let token = known.or_else(|| self.fresh.token(&texts, now)).ok_or(Told::Closed)?;
        line.token = Some(token.id);
        if !token.role.opens(endpoint) {
            return Err(Told::NotOfRole);
        }
        let taken = self.rates.take(Caller::Token(token.id), (self.clock)());
        taken.map_err(Told::TooOften).map(|()| token)
    }

    /// Tells the ledger's newest checkpoint: a signed note that anybody may hold, and check later.
    pub(super) fn checkpoint(
        &self,
        request: &Request<Incoming>,
        line: &mut Line,
    ) -> Result<Reply, Reply> {
        self.token(request, Endpoint::Checkpoint, line).map_err(|no| reply(Tongue::Own, no))?;
        let note = self.shared.front().checkpoint.clone();
        Ok(Reply::text("text/plain; charset=utf-8", note))
    }

    /// Tells what the server counts of itself.
    pub(super) fn metrics(
        &self,
        request: &Request<Incoming>,
        line: &mut Line,
    ) -> Result<Reply, Reply> {
        self.token(request, Endpoint::Metrics, line).map_err(|no| reply(Tongue::Own, no))?;
        let (shared, now) = (&self.shared, (self.clock)());
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = Gauges {
            outbox: self.fresh.ask(figures).unwrap_or_default(),
            paused: paused.into_iter().filter(|(_, until)| now < *until).map(|(d, _)| d).collect(),
            items_waiting: shared.queue.waiting(),
            questions_waiting: shared.questions.waiting(),
            listeners: STREAMS_MAX - self.streams.available_permits(),
            entries: *shared.grown.borrow() + 1,
            is_ready: shared.is_ready(),
            certificate_until: self.certificate.as_ref().map(|shown| shown.shown().until),
        };
        let text = self.meters.text(&now).into_bytes();
        Ok(Reply::text("text/plain; version=0.0.4; charset=utf-8", text))
    }

    /// Answers what may be known of the person whom the body names.
    pub(super) async fn context(
        &self,
        request: Request<Incoming>,
        line: &mut Line,
    ) -> Result<Reply, Reply> {
        let own = |told| reply(Tongue::Own, told);
        let token = self.token(&request, Endpoint::Context, line).map_err(own)?;
        let held = self.body(request, Known::ByHead).await?;
        if held.bytes.len() > QUESTION_BYTES_MAX {
            return Err(Reply::error(413, "body_too_large", "a question has at most 8 KiB"));
        }
        let Body { who, purpose, channel } = question(&held.bytes).ok_or_else(|| {
            let words = "the body is a JSON object with who, purpose and, if wanted, channel, each a \
                         text";
            Reply::error(400, "invalid_json", words)
        })?;
        let asked = Asked::About(About { who, purpose, channel, shape: None });
        Ok(own(self.put(token.id, asked, line).await))
    }

    /// Answers a part of the profile that the path names, in Segment's shape. The space is the purpose.
    pub(super) async fn profile(
        &self,
        (space, id, part): (&str, &str, Part),
        request: Request<Incoming>,
        line: &mut Line,
    ) -> Result<Reply, Reply> {
        let theirs = |told| reply(Tongue::Segment, told);
        let token = self.token(&request, Endpoint::Profile, line).map_err(theirs)?;
        let query = request.uri().query().unwrap_or_default();
        let shape = Shape::of(part, query).ok_or_else(|| {
            theirs(Told::Unclear(
                "validation_error",
                "limit, next, start, end, sort or verbose can't be read",
            ))
        })?;
        let (who, purpose) = (id_of(id), Some(id_of(space)));
        let asked = Asked::About(About { who, purpose, channel: None, shape: Some(shape) });
        Ok(theirs(self.put(token.id, asked, line).await))
    }

    /// Puts a question to the clerk, and waits.
    pub(super) async fn put(&self, token: i64, asked: Asked, line: &mut Line) -> Told {
        let (answer, answered) = oneshot::channel();
        let told = match self.shared.questions.push(Ask { token, asked, answer }) {
            Ok(()) => answered.await.unwrap_or(Told::Ending),
            Err(Refused::Full { retry_after }) => Told::TooMany(retry_after),
            Err(Refused::Closed) => Told::Ending,
        };
        if let Told::Failed(code) = told {
            line.fault = Some(code);
        }
        told
    }
}

/// The question that a body asks. A list is none, though its places could be taken for names.
fn question(bytes: &[u8]) -> Option<Body> {
    let object: serde_json::Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    serde_json::from_value(Value::Object(object)).ok()
}

/// An answer in the words of whoever asks.
pub(super) fn reply(tongue: Tongue, told: Told) -> Reply {
    let (status, code, message) = match &told {
        Told::Given(document, entry) => {
            let reply = Reply::json(200, document);
            return reply.with("request-id", entry.to_string());
        }
        Told::Listening(_) => (200, "listening", "it is on record that you listen"),
        // Unknown, erased, or known for other purposes alone: whoever asks can't tell which.
        Told::Nobody => (404, "not_found", "nobody is known by this name for this purpose"),
        Told::Several => {
            let words = "several people share this identifier: name the person by another one";
            (409, "person_ambiguous", words)
        }
        Told::Closed => (401, "invalid_token", "no token was sent that holds"),
        Told::NotOfRole => (403, "role_not_permitted", "the token's role doesn't open this"),
        Told::NotOfToken => {
            (403, "purpose_not_permitted", "the token may not ask for this purpose")
        }
        Told::Unclear(code, message) => (400, *code, *message),
        Told::TooOften(_) => (429, "too_many_requests", "the token asks too often; come again"),
        Told::TooMany(_) => {
            (429, "too_many_requests", "more is asked than can be answered; come again")
        }
        Told::Ending => (503, "ending", "the server is ending; come again"),
        Told::Busy => (503, "store_busy", "another process writes the store"),
        Told::Failed(_) => (503, "not_answered", "it couldn't be answered; ask again"),
    };
    let reply = match tongue {
        Tongue::Own => Reply::error(status, code, message),
        Tongue::Segment => Reply::json(status, &segment_error(status, message)),
    };
    match (status, told) {
        (_, Told::TooOften(seconds) | Told::TooMany(seconds)) => {
            Reply { retry_after: Some(seconds), ..reply }
        }
        (401, _) => reply.with("www-authenticate", challenge(tongue).to_owned()),
        (503, _) => Reply { retry_after: Some(super::edge::SOON), ..reply },
        _ => reply,
    }
}

fn challenge(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::Own => "Bearer error=\"invalid_token\"",
        Tongue::Segment => "Basic realm=\"candor\"",
    }
}

/// An error as Segment's Profile API writes it.
fn segment_error(status: u16, message: &str) -> Value {
    let (code, message) = match status {
        404 => ("not_found", "Profile was not found."),
        401 | 403 => ("authentication_error", message),
        429 | 503 => ("rate_limit_error", message),
        400 => ("validation_error", message),
        _ => ("invalid_request_error", message),
    };
    json!({"error": {"code": code, "message": message}})
}
