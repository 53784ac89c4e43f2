//! The thread that serves people's pages, with a store of its own: it writes as another process would, and no
//! caller of the tracking API is before it in a queue.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ACCEPT_LANGUAGE, CONTENT_TYPE};
use hyper::{Method, Request};
use tokio::sync::oneshot;

use crate::base::clock::Moment;
use crate::base::error::{Error, Kind};
use crate::collect::query::pairs;
use crate::store::Store;

use super::super::body::Known;
use super::super::edge::Edge;
use super::super::log::Line;
use super::super::reply::Reply;
use super::super::route::Page;
use super::show::answer;

/// Pages that wait to be served, at most: each takes a few milliseconds.
const WAITING_MAX: usize = 64;

/// How often a person's answer is written anew where another process writes, before they are asked to come
/// again.
const TRIES: u32 = 3;

/// The most bytes of a form: a hundred answers are shorter.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// When to come again, in seconds.
const SOON: u64 = 5;

/// What a page is asked for.
pub struct Errand {
    /// The page.
    pub page: Page,
    /// The token that its address brings.
    pub token: String,
    /// The language that was chosen on it, as its address or its form says.
    pub chosen: Option<String>,
    /// The languages that the browser reads.
    pub accepts: String,
    /// The answers that were sent back; none where it is looked at.
    pub form: Option<Vec<(String, String)>>,
}

struct Job {
    errand: Errand,
    answer: oneshot::Sender<Reply>,
}

/// The way to the thread.
#[derive(Clone)]
pub struct Clerk(SyncSender<Job>);

impl Clerk {
    /// Starts it. It ends when nobody has a way to it any more.
    pub fn start(store: Store, clock: fn() -> Moment) -> (Clerk, JoinHandle<()>) {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let thread = std::thread::spawn(move || serve(store, clock, &receiver));
        (Clerk(sender), thread)
    }

    async fn ask(&self, errand: Errand) -> std::result::Result<Reply, &'static str> {
        let (answer, answered) = oneshot::channel();
        match self.0.try_send(Job { errand, answer }) {
            Ok(()) => answered.await.map_err(|_| "clerk-lost"),
            Err(TrySendError::Full(_)) => Ok(busy()),
            Err(TrySendError::Disconnected(_)) => Err("clerk-lost"),
        }
    }
}

fn busy() -> Reply {
    Reply::later(503, SOON, "busy", "come again in a moment; nothing was changed")
}

fn serve(mut store: Store, clock: fn() -> Moment, jobs: &Receiver<Job>) {
    while let Ok(Job { errand, answer: asked }) = jobs.recv() {
        let reply = done(&mut store, &errand, clock);
        // Whoever has gone away needs no answer.
        let _ = asked.send(reply);
    }
}

fn done(store: &mut Store, errand: &Errand, clock: fn() -> Moment) -> Reply {
    let mut tries = 0;
    loop {
        tries += 1;
        match answer(store, errand, clock()) {
            Ok(reply) => return reply,
            Err(Error { kind: Kind::Busy, .. }) if tries < TRIES => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(Error { kind: Kind::Busy, .. }) => return busy(),
            Err(error) => {
                let mut reply =
                    Reply::later(503, SOON, "not_done", "nothing was changed; come again");
                reply.fault = Some(error.code);
                return reply;
            }
        }
    }
}

impl Edge {
    /// Serves a page.
    pub(in crate::web) async fn person(
        &self,
        page: Page,
        token: String,
        request: Request<Incoming>,
        line: &mut Line,
    ) -> std::result::Result<Reply, Reply> {
        let lang =
            |query: &str| pairs(query).find(|(name, _)| name == "lang").map(|(_, text)| text);
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let mut chosen = request.uri().query().and_then(lang);
        let accepts = header(ACCEPT_LANGUAGE).unwrap_or_default().to_owned();
        let form = if request.method() == Method::POST {
            let kind = header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
            let is_form = kind.starts_with("application/x-www-form-urlencoded");
            let held = self.body(request, Known::Not).await?;
            // A mail reader's one click may be sent in another form, and needs none.
            let text = match is_form && held.bytes.len() <= FORM_BYTES_MAX {
                true => String::from_utf8_lossy(&held.bytes).into_owned(),
                false => String::new(),
            };
            let form: Vec<(String, String)> = pairs(&text).collect();
            let said = form.iter().find(|(name, _)| name == "lang").map(|(_, text)| text.clone());
            chosen = said.or(chosen);
            Some(form)
        } else {
            None
        };
        let errand = Errand { page, token, chosen, accepts, form };
        let reply = match self.clerk.ask(errand).await {
            Ok(reply) => reply,
            Err(code) => {
                line.fault = Some(code);
                return Err(busy());
            }
        };
        line.fault = reply.fault;
        Ok(reply)
    }
}
