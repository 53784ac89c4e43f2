//! One request: read within its limits, turned into items, handed to the writer, answered.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::base::clock::Moment;
use crate::collect::tracking::{self, Arrival, Call, Kind};
use crate::pipeline::intake::{Delivery, Fate, Sent};
use crate::send::outbox::Paused;

use super::body::{Known, STEPS_MAX, STRANGERS_STEPS_MAX};
use super::certificate::Certificate;
use super::credentials::Presented;
use super::fresh::Fresh;
use super::key::{KeyRow, Reach};
use super::log::{Heard, Line};
use super::meters::Meters;
use super::openapi;
use super::pages::clerk::Clerk;
use super::queue::Refused;
use super::rate::{Caller, Rates};
use super::reply::{Readers, Reply, messages, settings, source_config};
use super::route::Route;
use super::stream::{Answered, STREAMS_MAX};
use super::tls::STRICT;
use super::writer::{Answer, Job, Shared, Way};

/// When to come again where that isn't known, in seconds.
pub(super) const SOON: u64 = 2;

/// What answers requests.
pub(super) struct Edge {
    pub(super) shared: Arc<Shared>,
    pub(super) clock: fn() -> Moment,
    /// The store's file; beside it lie the secrets.
    pub(super) store: PathBuf,
    /// Whether the server is ending.
    pub(super) ending: watch::Receiver<bool>,
    /// Places for those who listen.
    pub(super) streams: Arc<Semaphore>,
    /// How often each key and token may call.
    pub(super) rates: Rates,
    /// What was answered.
    pub(super) meters: Meters,
    /// Who serves people's pages.
    pub(super) clerk: Clerk,
    /// What connections are protected by.
    pub(super) certificate: Option<Arc<Certificate>>,
    /// Room for bodies.
    pub(super) memory: Arc<Semaphore>,
    /// The same of those whom nothing in the head tells.
    pub(super) strangers: Arc<Semaphore>,
    pub(super) heard: fn(&Heard<'_>),
    /// Where keys and tokens are looked for that nobody knows yet.
    pub(super) fresh: Fresh,
    /// Which recipients are left alone after failures.
    pub(super) paused: Paused,
}

impl Edge {
    pub fn new(
        shared: Arc<Shared>,
        (store, clerk, certificate): (PathBuf, Clerk, Option<Arc<Certificate>>),
        clock: fn() -> Moment,
        heard: fn(&Heard<'_>),
        ending: watch::Receiver<bool>,
        (rates, fresh, paused): (Rates, Fresh, Paused),
    ) -> Edge {
        let places = |most| Arc::new(Semaphore::new(most));
        let (memory, strangers) = (places(STEPS_MAX), places(STRANGERS_STEPS_MAX));
        let streams = places(STREAMS_MAX);
        let meters = Meters::default();
        Edge {
            shared,
            clock,
            store,
            ending,
            streams,
            rates,
            meters,
            clerk,
            certificate,
            memory,
            strangers,
            heard,
            fresh,
            paused,
        }
    }

    /// Answers a request, and says so in the log.
    pub async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Answered>, Infallible> {
        let started = (self.clock)();
        let (route, named) = Route::of(request.uri().path()).unzip();
        let origin = header(&request, ORIGIN).map(str::to_owned);
        let mut line =
            Line { at: started, route: route.as_ref().map(Route::name), ..Line::default() };
        let mut stream = None;
        let is_for_pages = route.as_ref().is_none_or(Route::is_for_pages);
        let reply = match route {
            None => unknown_path(),
            Some(_) if is_for_pages && request.method() == Method::OPTIONS => Reply::preflight(),
            Some(route) if !route.answers(request.method().as_str()) => {
                let reply = Reply::error(405, "method_not_allowed", "another method is answered");
                reply.with("allow", route.methods().to_owned())
            }
            Some(Route::Changes) => match self.changes(request, &mut line).await {
                Ok(parts) => {
                    stream = Some(parts);
                    Reply::stream()
                }
                Err(reply) => reply,
            },
            Some(route) => {
                let named = named.unwrap_or_default();
                self.routed(route, &named, request, &mut line).await
            }
        };
        line.status = reply.status;
        line.took_ms = (self.clock)().0 - started.0;
        self.meters.count(&line);
        (self.heard)(&Heard::Answer(&line));
        let readers = match is_for_pages {
            true => Readers::Pages(origin.as_deref()),
            false => Readers::Programs,
        };
        let mut response = response(reply, stream, readers);
        if self.certificate.is_some() {
            let (name, value) = STRICT;
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    }

    /// How whoever asks by a host speaks: what isn't encrypted comes from this machine, or by a proxy that is asked
    /// by TLS.
    fn protocol(&self, host: &str) -> &'static str {
        let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => host.split(':').next().unwrap_or_default(),
        };
        let is_here = name == "localhost"
            || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        match self.certificate.is_none() && is_here {
            true => "http",
            false => "https",
        }
    }

    async fn routed(
        &self,
        route: Route,
        named: &[String],
        request: Request<Incoming>,
        line: &mut Line,
    ) -> Reply {
        match (route, named) {
            (Route::Track(call), _) => match self.track(call, request, line).await {
                Ok((reach, messages, fates)) => Reply::taken(reach, &messages, &fates),
                Err(reply) => reply,
            },
            (Route::Checkpoint, _) => self.checkpoint(&request, line).unwrap_or_else(|no| no),
            (Route::Metrics, _) => self.metrics(&request, line).unwrap_or_else(|no| no),
            (Route::Context, _) => self.context(request, line).await.unwrap_or_else(|no| no),
            (Route::Profile(part), [space, id]) => {
                self.profile((space, id, part), request, line).await.unwrap_or_else(|no| no)
            }
            (Route::Hook, [name]) => self.hook(name, request, line).await.unwrap_or_else(|no| no),
            (Route::Person(page), [token]) => {
                self.person(page, token.clone(), request, line).await.unwrap_or_else(|no| no)
            }
            (Route::Pixel(kind), _) => {
                self.pixel(kind, &request, line).await.unwrap_or_else(|no| no)
            }
            // A key of servers must not stand in an address.
            (Route::Settings, [key]) => {
                match (self.find(&[key]).filter(KeyRow::is_public), asked_as(&request)) {
                    (Some(row), Some(host)) => {
                        let front = self.shared.front();
                        let categories = front.categories.get(&row.source);
                        let at = (self.protocol(host), host);
                        settings(key, categories.map_or(&[], Vec::as_slice), at)
                    }
                    (Some(_), None) => {
                        let words = "the head doesn't say by which host this was asked";
                        Reply::error(400, "host_unclear", words)
                    }
                    (None, _) => unknown_key(404),
                }
            }
            (Route::SourceConfig, _) => {
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
            (Route::Healthy, _) => Reply::json(200, &serde_json::json!({"status": "alive"})),
            (Route::Ready, _) if self.shared.is_ready() => {
                Reply::json(200, &serde_json::json!({"status": "ready"}))
            }
            (Route::Ready, _) => {
                Reply::later(503, SOON, "not_ready", "the store can't be written just now")
            }
            (Route::Description, _) => Reply::text("application/json", openapi::text().into()),
            // The stream was answered before, because it is no document; and each path names what its route needs.
            _ => unknown_path(),
        }
    }

    fn find(&self, texts: &[&str]) -> Option<KeyRow> {
        let now = (self.clock)();
        let known = self.shared.front().ring.find(texts.iter().copied(), now).cloned();
        known.or_else(|| self.fresh.key(texts, now))
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
        let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
        let by = if self.find(&texts).is_some() { Known::ByHead } else { Known::Not };
        let held = self.body(request, by).await?;
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
        self.within_rate(&row)?;
        let delivery = Delivery {
            source: row.source.clone(),
            sent: Sent::Calls(body.items),
            sender: row.sender(),
        };
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
        self.within_rate(&row)?;
        let delivery = Delivery {
            source: row.source.clone(),
            sent: Sent::Calls(body.items),
            sender: row.sender(),
        };
        self.hand_over(Way::Key(row.id), delivery, line).await?;
        Ok(Reply::picture())
    }

    fn within_rate(&self, row: &KeyRow) -> Result<(), Reply> {
        let taken = self.rates.take(Caller::Key(row.id), (self.clock)());
        taken.map_err(|seconds| {
            let words = "the key calls too often; come again";
            Reply::later(429, seconds, "too_many_requests", words)
        })
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
}

pub(super) fn header(request: &Request<Incoming>, name: HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// The host by which somebody asks, with its port, where it is a host's name and nothing else.
fn asked_as(request: &Request<Incoming>) -> Option<&str> {
    let host = header(request, HOST)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    Some(host).filter(|host| !host.is_empty() && host.chars().all(is_plain))
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

pub(super) fn too_much(seconds: u64) -> Reply {
    Reply::later(429, seconds, "too_many_requests", "more comes in than can be written; come again")
}

pub(super) fn ending() -> Reply {
    Reply::later(503, SOON, "ending", "the server is ending; come again")
}

fn response(
    reply: Reply,
    stream: Option<mpsc::Receiver<Bytes>>,
    readers: Readers<'_>,
) -> Response<Answered> {
    let headers = reply.headers(readers);
    let body = match stream {
        Some(parts) => Answered::Stream(parts),
        None => Answered::Whole(Some(Bytes::from(reply.body)).filter(|bytes| !bytes.is_empty())),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
