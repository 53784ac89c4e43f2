//! A stream of events to one listener (Server-Sent Events): it is handed what there is as fast as it reads, and
//! is cut off where it doesn't.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::HeaderName;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::collect::query::pairs;

use super::ask::{Tongue, reply};
use super::clerk::{Asked, Told};
use super::edge::{Edge, header};
use super::herald::{From, Heard, Listen};
use super::log::Line;
use super::queue::Refused;
use super::reply::Reply;
use super::role::Endpoint;

/// How often something is sent though there is nothing to tell, so that whoever went away is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a listener may take to read what it was sent last.
const READ_TIME: Duration = Duration::from_secs(30);

/// How long it waits where it can't be told just now.
const TROUBLE: Duration = Duration::from_secs(1);

/// When a listener that was cut off comes again (milliseconds).
const RETRY_MS: u32 = 3_000;

/// Streams at once.
pub(super) const STREAMS_MAX: usize = super::herald::LISTENERS_MAX;

/// The body of an answer: whole, or a stream.
pub(super) enum Answered {
    Whole(Option<Bytes>),
    Stream(mpsc::Receiver<Bytes>),
}

impl Body for Answered {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Answered::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Answered::Stream(parts) => {
                parts.poll_recv(cx).map(|part| part.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Answered::Whole(None))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Answered::Whole(bytes) => {
                let size = bytes.as_ref().map_or(0, Bytes::len);
                hyper::body::SizeHint::with_exact(u64::try_from(size).unwrap_or(u64::MAX))
            }
            Answered::Stream(_) => hyper::body::SizeHint::default(),
        }
    }
}

/// One who listens.
struct Listener {
    edge: Arc<Edge>,
    token: i64,
    purpose: String,
    parts: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Edge {
    /// Begins a stream of who changed for the purpose that the query names.
    pub(super) async fn changes(
        self: &Arc<Edge>,
        request: Request<Incoming>,
        line: &mut Line,
    ) -> Result<mpsc::Receiver<Bytes>, Reply> {
        let own = |told| reply(Tongue::Own, told);
        let token = self.token(&request, Endpoint::Changes, line).map_err(own)?;
        let query = request.uri().query().unwrap_or_default();
        let purpose = pairs(query).find(|(name, _)| name == "purpose").map(|(_, value)| value);
        let last = header(&request, HeaderName::from_static("last-event-id"));
        let from = last.map_or(From::Now, |id| From::Id(id.to_owned()));
        let place = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            Reply::later(429, 30, "too_many_requests", "as many listen already as may at once")
        })?;
        // That somebody begins to listen is on record before anything is told.
        let told = self.put(token.id, Asked::Changes { purpose }, line).await;
        let Told::Listening(purpose) = told else { return Err(own(told)) };
        let (parts, received) = mpsc::channel(1);
        let (edge, token) = (Arc::clone(self), token.id);
        let listener = Listener { edge, token, purpose, parts, _place: place };
        tokio::spawn(listener.listen(from));
        Ok(received)
    }
}

impl Listener {
    async fn listen(self, mut from: From) {
        let mut grown = self.edge.shared.grown.subscribe();
        let mut ending = self.edge.ending.clone();
        if !self.send(format!("retry: {RETRY_MS}\n\n")).await {
            return;
        }
        loop {
            grown.mark_unchanged();
            let before = from.clone();
            match self.hear(from).await {
                Some(Heard::Text(text, place)) => {
                    let is_news = !text.is_empty();
                    if is_news && !self.send(text).await {
                        return;
                    }
                    from = From::Place(place);
                    if is_news || before != from {
                        continue;
                    }
                }
                Some(Heard::Failed) => {
                    tokio::time::sleep(TROUBLE).await;
                    from = before;
                    continue;
                }
                Some(Heard::Closed) | None => return,
            }
            tokio::select! {
                _ = grown.changed() => {}
                () = async { drop(ending.wait_for(|is_ending| *is_ending).await) } => return,
                () = self.parts.closed() => return,
                () = tokio::time::sleep(HEARTBEAT) => {
                    if !self.send(":\n\n".to_owned()).await {
                        return;
                    }
                }
            }
        }
    }

    /// Asks what there is; `None` where the server ends.
    async fn hear(&self, from: From) -> Option<Heard> {
        let (answer, answered) = oneshot::channel();
        let (token, purpose) = (self.token, self.purpose.clone());
        match self.edge.shared.listeners.push(Listen { token, purpose, from, answer }) {
            Ok(()) => answered.await.ok(),
            Err(Refused::Full { .. }) => Some(Heard::Failed),
            Err(Refused::Closed) => None,
        }
    }

    /// Hands a part over; false where the listener went away, or doesn't read.
    async fn send(&self, text: String) -> bool {
        let sent = tokio::time::timeout(READ_TIME, self.parts.send(Bytes::from(text))).await;
        matches!(sent, Ok(Ok(())))
    }
}
