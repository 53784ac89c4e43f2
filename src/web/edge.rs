//! One request: read within its limits, turned into items, handed to the writer, answered.

use std::convert::Infallible;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderName, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::base::clock::Moment;
use crate::collect::tracking::{self, Arrival, BODY_BYTES_MAX, Call, Kind};
use crate::pipeline::intake::{Delivery, Fate, Sent};

use super::credentials::Presented;
use super::key::{KeyRow, Reach};
use super::log::Line;
use super::pages::clerk::Clerk;
use super::queue::Refused;
use super::reply::{Reply, messages, settings, source_config};
use super::route::Route;
use super::writer::{Answer, Job, Shared, Way};

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Bodies are held in memory in steps of so many bytes,
const STEP_BYTES: usize = 64 * 1024;

/// and so many steps of them at once: 64 MiB.
const STEPS_MAX: usize = 1024;

/// When to come again where that isn't known, in seconds.
const SOON: u64 = 2;

/// What answers requests.
pub(super) struct Edge {
    pub(super) shared: Arc<Shared>,
    pub(super) clock: fn() -> Moment,
    /// The store's file; beside it lie the secrets.
    pub(super) store: PathBuf,
    /// Who serves people's pages.
    pub(super) clerk: Clerk,
    memory: Arc<Semaphore>,
    heard: fn(&Line),
}

/// A body, and the memory that is set aside for it.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    _memory: Vec<OwnedSemaphorePermit>,
}

impl Edge {
    pub fn new(
        shared: Arc<Shared>,
        (store, clerk): (PathBuf, Clerk),
        clock: fn() -> Moment,
        heard: fn(&Line),
    ) -> Edge {
        Edge { shared, clock, store, clerk, memory: Arc::new(Semaphore::new(STEPS_MAX)), heard }
    }

    /// Answers a request, and says so in the log.
    pub async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let started = (self.clock)();
        let route = Route::of(request.uri().path());
        let origin = header(&request, ORIGIN).map(str::to_owned);
        let mut line =
            Line { at: started, route: route.as_ref().map(Route::name), ..Line::default() };
        let reply = match route {
            None => unknown_path(),
            // Pages of other places have no business with those of a person.
            Some(ref known)
                if request.method() == Method::OPTIONS && !matches!(known, Route::Person(..)) =>
            {
                Reply::preflight()
            }
            Some(route) if !route.answers(request.method().as_str()) => {
                let reply = Reply::error(405, "method_not_allowed", "another method is answered");
                Reply { allow: Some(route.methods()), ..reply }
            }
            Some(route) => self.routed(route, request, &mut line).await,
        };
        line.status = reply.status;
        line.took_ms = (self.clock)().0 - started.0;
        (self.heard)(&line);
        Ok(response(reply, origin.as_deref()))
    }

    async fn routed(&self, route: Route, request: Request<Incoming>, line: &mut Line) -> Reply {
        match route {
            Route::Track(call) => match self.track(call, request, line).await {
                Ok((reach, messages, fates)) => Reply::taken(reach, &messages, &fates),
                Err(reply) => reply,
            },
            Route::Hook(name) => self.hook(&name, request, line).await.unwrap_or_else(|no| no),
            Route::Person(page, token) => {
                self.person(page, token, request, line).await.unwrap_or_else(|no| no)
            }
            Route::Pixel(kind) => self.pixel(kind, &request, line).await.unwrap_or_else(|no| no),
            // A key of servers must not stand in an address.
            Route::Settings(key) => match self.find(&[&key]).filter(KeyRow::is_public) {
                Some(row) => {
                    let front = self.shared.front();
                    let categories = front.categories.get(&row.source);
                    settings(&key, categories.map_or(&[], Vec::as_slice))
                }
                None => unknown_key(404),
            },
            Route::SourceConfig => {
                let (query, asked) = (query_key(&request), header(&request, AUTHORIZATION));
                let presented =
                    Presented { authorization: asked, write_key: None, query: query.as_deref() };
                let keys = presented.keys();
                let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
                let held = texts.iter().find_map(|text| Some((*text, self.find(&[text])?)));
                match held {
                    Some((key, row)) => {
                        source_config(key, &row.source, &(self.clock)().to_string())
                    }
                    None => unknown_key(401),
                }
            }
            Route::Healthy => Reply::json(200, &serde_json::json!({"status": "alive"})),
            Route::Ready if self.shared.is_ready() => {
                Reply::json(200, &serde_json::json!({"status": "ready"}))
            }
            Route::Ready => {
                Reply::later(503, SOON, "not_ready", "the store can't be written just now")
            }
        }
    }

    fn find(&self, texts: &[&str]) -> Option<KeyRow> {
        self.shared.front().ring.find(texts.iter().copied(), (self.clock)()).cloned()
    }

    /// Takes a call's items in.
    async fn track(
        &self,
        call: Call,
        request: Request<Incoming>,
        line: &mut Line,
    ) -> Result<(Reach, Vec<Option<String>>, Vec<Fate>), Reply> {
        let arrival = self.arrival(&request);
        let query = query_key(&request);
        let asked = Presented {
            authorization: header(&request, AUTHORIZATION),
            write_key: header(&request, HeaderName::from_static("x-write-key")),
            query: query.as_deref(),
        };
        let keys = asked.keys();
        let held = self.body(request).await?;
        let body = tracking::read(call, &held.bytes, arrival)
            .map_err(|fault| Reply::error(400, fault.code(), fault.words()))?;
        let texts: Vec<&str> =
            keys.iter().map(String::as_str).chain(body.write_key.as_deref()).collect();
        let row = self.find(&texts).ok_or_else(|| unknown_key(401))?;
        // An address is written down in many places on its way.
        if !row.is_public() && query.as_deref().is_some_and(|query| self.find(&[query]).is_some()) {
            return Err(Reply::error(
                401,
                "key_not_public",
                "a key of servers must not stand in an address: send it in a header or the body",
            ));
        }
        let messages = messages(&body.items);
        line.key = Some(row.id);
        let delivery = Delivery { source: row.source.clone(), sent: Sent::Calls(body.items) };
        let fates = self.hand_over(Way::Key(row.id), delivery, line).await?;
        Ok((row.reach, messages, fates))
    }

    /// Takes the item in that stands in the query. Nothing of the query is ever logged.
    async fn pixel(
        &self,
        kind: Kind,
        request: &Request<Incoming>,
        line: &mut Line,
    ) -> Result<Reply, Reply> {
        let arrival = self.arrival(request);
        let (key, item) = tracking::item_of_query(request.uri().query().unwrap_or_default());
        let row = key.as_deref().and_then(|key| self.find(&[key]));
        let row = row.filter(KeyRow::is_public).ok_or_else(|| unknown_key(401))?;
        let body = tracking::read(Call::One(kind), item.as_bytes(), arrival)
            .map_err(|fault| Reply::error(400, fault.code(), fault.words()))?;
        line.key = Some(row.id);
        let delivery = Delivery { source: row.source.clone(), sent: Sent::Calls(body.items) };
        self.hand_over(Way::Key(row.id), delivery, line).await?;
        Ok(Reply::picture())
    }

    /// Hands items to the writer and waits until they are on disk.
    pub(super) async fn hand_over(
        &self,
        way: Way,
        delivery: Delivery,
        line: &mut Line,
    ) -> Result<Vec<Fate>, Reply> {
        line.items = delivery.sent.len();
        let closed = match way {
            Way::Key(_) => unknown_key(401),
            Way::Proof(_) => unknown_path(),
        };
        let (answer, answered) = oneshot::channel();
        self.shared.queue.push(Job { way, delivery, answer }).map_err(|refused| match refused {
            Refused::Full { retry_after } => too_much(retry_after),
            Refused::Closed => ending(),
        })?;
        match answered.await {
            Ok(Answer::Taken(fates)) => {
                line.kept = fates.iter().filter(|fate| fate.kept > 0).count();
                Ok(fates)
            }
            Ok(Answer::Closed) => Err(closed),
            Ok(Answer::Busy) => {
                Err(Reply::later(503, SOON, "store_busy", "another process writes the store"))
            }
            Ok(Answer::Failed(code)) => {
                line.fault = Some(code);
                Err(Reply::later(503, SOON, "not_kept", "nothing was kept; send it again"))
            }
            Err(_) => Err(ending()),
        }
    }

    fn arrival(&self, request: &Request<Incoming>) -> Arrival {
        let privacy_signal = header(request, HeaderName::from_static("sec-gpc")) == Some("1");
        Arrival { at: (self.clock)(), privacy_signal }
    }

    /// Reads a body within its limits.
    pub(super) async fn body(&self, request: Request<Incoming>) -> Result<Held, Reply> {
        let is_packed = match header(&request, CONTENT_ENCODING).unwrap_or("identity").trim() {
            "" | "identity" => false,
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                true
            }
            _ => {
                let message = "a body comes as it is, or packed with gzip";
                return Err(Reply::error(415, "encoding_unsupported", message));
            }
        };
        let body = request.into_body();
        let most = body.size_hint().upper().and_then(|size| usize::try_from(size).ok());
        if most.is_some_and(|size| size > BODY_BYTES_MAX) {
            return Err(too_large());
        }
        let mut memory = vec![self.set_aside(most.unwrap_or(BODY_BYTES_MAX))?];
        let read = tokio::time::timeout(BODY_TIME, Limited::new(body, BODY_BYTES_MAX).collect());
        let bytes = match read.await {
            Err(_) => return Err(Reply::error(408, "too_slow", "the body took too long")),
            Ok(Err(fault)) if fault.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Err(_)) => return Err(Reply::error(400, "body_unreadable", "the body broke off")),
            Ok(Ok(read)) => read.to_bytes(),
        };
        let bytes = match is_packed {
            false => bytes.into(),
            true => {
                let unpacked = unpack(&bytes)?;
                memory.push(self.set_aside(unpacked.len())?);
                unpacked
            }
        };
        Ok(Held { bytes, _memory: memory })
    }

    fn set_aside(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Reply> {
        let steps = u32::try_from(bytes.div_ceil(STEP_BYTES)).unwrap_or(u32::MAX).max(1);
        Arc::clone(&self.memory)
            .try_acquire_many_owned(steps)
            .map_err(|_| too_much(self.shared.queue.retry_after()))
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Reply> {
    let mut unpacked = Vec::new();
    let most = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let read = flate2::read::MultiGzDecoder::new(bytes).take(most).read_to_end(&mut unpacked);
    match read {
        Ok(size) if size > BODY_BYTES_MAX => Err(too_large()),
        Ok(_) => Ok(unpacked),
        Err(_) => Err(Reply::error(400, "invalid_gzip", "the body isn't packed with gzip")),
    }
}

fn header(request: &Request<Incoming>, name: HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// The key that stands in a query.
fn query_key(request: &Request<Incoming>) -> Option<String> {
    tracking::item_of_query(request.uri().query()?).0
}

pub(super) fn unknown_path() -> Reply {
    Reply::error(404, "not_found", "there is no such path")
}

fn unknown_key(status: u16) -> Reply {
    Reply::error(status, "invalid_write_key", "no key was sent that lets data in here")
}

fn too_large() -> Reply {
    Reply::error(413, "body_too_large", "a body has at most 4,000 KiB, also unpacked")
}

fn too_much(seconds: u64) -> Reply {
    Reply::later(429, seconds, "too_many_requests", "more comes in than can be written; come again")
}

fn ending() -> Reply {
    Reply::later(503, SOON, "ending", "the server is ending; come again")
}

fn response(reply: Reply, origin: Option<&str>) -> Response<Full<Bytes>> {
    let headers = reply.headers(origin);
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
