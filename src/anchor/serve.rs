//! candor as a witness: a small HTTP server that answers `add-checkpoint` (c2sp.org/tlog-witness).
//!
//! It speaks HTTP/1.1 over plain TCP, for the same machine, a private network or a proxy that adds
//! TLS: nothing secret passes, and what is signed is checked by its signature. Heads are read by
//! `httparse`; everything has an end: 8 KiB of head, 128 KiB of body, ten seconds for a request, 64
//! connections. One lock stands around deciding, remembering and signing, for all logs: C2SP asks for
//! one for each, and the few milliseconds of a flush need no more.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::decide::{Refusal, decide, read};
use super::state::State;
use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::ledger::add_checkpoint::REQUEST_BYTES_MAX;
use crate::ledger::key::SigningKey;
use crate::ledger::vkey::{KeyKind, VerifierKey};

const HEAD_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;
const CONNECTIONS_MAX: usize = 64;
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// A witness.
pub struct Witness {
    state: Mutex<State>,
    key: SigningKey,
    vkey: VerifierKey,
    logs: Vec<VerifierKey>,
}

/// An answer of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The content type.
    pub kind: &'static str,
    /// The body.
    pub body: String,
}

impl Reply {
    fn plain(status: u16, body: &str) -> Reply {
        Reply { status, kind: "text/plain; charset=utf-8", body: body.to_owned() }
    }
}

impl Witness {
    /// A witness with its memory and its key, for the logs of these keys; several keys may be of one
    /// log (the present one and those before).
    ///
    /// # Errors
    /// `vkey-unreadable` for a key that isn't a log's.
    pub fn new(state: State, key: SigningKey, logs: Vec<VerifierKey>) -> Result<Witness> {
        if let Some(other) = logs.iter().find(|key| key.kind() != KeyKind::Log) {
            return Err(Error::usage("vkey-unreadable", "this is no log's key")
                .at(other.name())
                .next("name a log's key, as `candor key show` prints it"));
        }
        let vkey = key.verifier_key(state.name(), KeyKind::Witness)?;
        Ok(Witness { state: Mutex::new(state), key, vkey, logs })
    }

    /// The key to hand out to the logs, and to whoever is to believe this witness.
    pub fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }

    /// Answers an `add-checkpoint` request: what is signed was remembered before, durably.
    pub fn add_checkpoint(&self, body: &[u8], now: Moment) -> Reply {
        let (request, checkpoint) = match read(body) {
            Ok(read) => read,
            Err(refusal) => return reply(refusal),
        };
        let keys: Vec<VerifierKey> =
            self.logs.iter().filter(|key| key.name() == checkpoint.origin).cloned().collect();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let held = state.held(&checkpoint.origin);
        let accepted = match decide(request, checkpoint, &keys, held.as_ref()) {
            Ok(accepted) => accepted,
            Err(refusal) => return reply(refusal),
        };
        let seconds = u64::try_from(now.0 / 1000).unwrap_or(0).max(1);
        let signed = state
            .remember(&accepted.checkpoint)
            .and_then(|()| self.key.cosign(state.name(), &accepted.text, seconds));
        match signed {
            Ok(line) => Reply::plain(200, &line.to_line()),
            Err(_) => Reply::plain(500, "the witness could not remember it\n"),
        }
    }
}

fn reply(refusal: Refusal) -> Reply {
    let status = refusal.status();
    match refusal {
        Refusal::OtherSize(size) => {
            Reply { status, kind: "text/x.tlog.size", body: format!("{size}\n") }
        }
        Refusal::Unreadable => Reply::plain(status, "no add-checkpoint request\n"),
        Refusal::Unsigned => Reply::plain(status, "not signed by a known key of this log\n"),
        Refusal::UnknownLog => Reply::plain(status, "an unknown log\n"),
        Refusal::NoContinuation => Reply::plain(status, "no continuation of what was signed\n"),
    }
}

/// Serves until the process ends. `clock` tells the time; `heard` is told of each answer: the status,
/// and nothing else.
///
/// # Errors
/// When nothing can be accepted any more.
pub fn serve(
    listener: &TcpListener,
    witness: &Arc<Witness>,
    clock: fn() -> Moment,
    heard: fn(u16),
) -> Result<()> {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            // A connection that was given up before it was taken, or no free descriptor: go on.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
        };
        if open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (witness, open) = (Arc::clone(witness), Arc::clone(&open));
        std::thread::spawn(move || {
            Connection { stream, buffer: Vec::new(), deadline: Instant::now() }
                .run(&witness, clock, heard);
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
    Ok(())
}

/// One connection, which may bring several requests.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    deadline: Instant,
}

/// What a head says.
struct Head {
    length: usize,
    post: bool,
    known: bool,
    body: Option<usize>,
    chunked: bool,
    waits: bool,
    last: bool,
}

impl Connection {
    fn run(mut self, witness: &Witness, clock: fn() -> Moment, heard: fn(u16)) {
        loop {
            self.deadline = Instant::now() + REQUEST_TIME;
            let Some(head) = self.head() else { return };
            let (reply, last) = match head {
                Ok(head) => {
                    let last = head.last;
                    match self.request(&head) {
                        Some(Ok(body)) => (witness.add_checkpoint(&body, clock()), last),
                        // What was not read would be taken for the next request.
                        Some(Err(reply)) => (reply, true),
                        None => return,
                    }
                }
                Err(reply) => (reply, true),
            };
            heard(reply.status);
            if self.send(&reply, last).is_err() || last {
                return;
            }
        }
    }

    /// The next head; `None` when the other side is gone or too slow.
    fn head(&mut self) -> Option<Result<Head, Reply>> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut request = httparse::Request::new(&mut headers);
            match request.parse(&self.buffer) {
                Ok(httparse::Status::Complete(length)) => {
                    return Some(Ok(head_of(&request, length)));
                }
                Ok(httparse::Status::Partial) if self.buffer.len() < HEAD_MAX => self.more()?,
                Ok(_) => return Some(Err(Reply::plain(431, "the head is too long\n"))),
                Err(_) => return Some(Err(Reply::plain(400, "no request of HTTP/1.1\n"))),
            }
        }
    }

    /// The body of a request that may be answered; `None` when the other side is gone or too slow.
    fn request(&mut self, head: &Head) -> Option<Result<Vec<u8>, Reply>> {
        if !head.known {
            return Some(Err(Reply::plain(404, "only /add-checkpoint is answered\n")));
        }
        if !head.post {
            return Some(Err(Reply::plain(405, "only POST is answered\n")));
        }
        let Some(size) = head.body.filter(|_| !head.chunked) else {
            return Some(Err(Reply::plain(411, "a Content-Length is needed\n")));
        };
        if size > REQUEST_BYTES_MAX {
            return Some(Err(Reply::plain(413, "the request is too long\n")));
        }
        if head.waits && self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_err() {
            return None;
        }
        while self.buffer.len() < head.length + size {
            self.more()?;
        }
        let body = self.buffer[head.length..head.length + size].to_vec();
        self.buffer.drain(..head.length + size);
        Some(Ok(body))
    }

    /// Reads what there is; `None` at the end, and when time is up.
    fn more(&mut self) -> Option<()> {
        let left = self.deadline.checked_duration_since(Instant::now())?;
        self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).ok()?;
        let mut part = [0; 4096];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(count) => {
                    self.buffer.extend_from_slice(&part[..count]);
                    return Some(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    fn send(&mut self, reply: &Reply, last: bool) -> std::io::Result<()> {
        let connection = if last { "close" } else { "keep-alive" };
        let allow = if reply.status == 405 { "Allow: POST\r\n" } else { "" };
        let text = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}Connection: \
             {connection}\r\n\r\n{}",
            reply.status,
            phrase(reply.status),
            reply.kind,
            reply.body.len(),
            reply.body
        );
        self.stream.set_write_timeout(Some(REQUEST_TIME))?;
        self.stream.write_all(text.as_bytes())
    }
}

fn head_of(request: &httparse::Request<'_, '_>, length: usize) -> Head {
    let values = |name: &str| -> Vec<String> {
        let same = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
        let text =
            |h: &httparse::Header<'_>| String::from_utf8_lossy(h.value).trim().to_lowercase();
        request.headers.iter().filter(same).map(text).collect()
    };
    let lengths = values("content-length");
    let body = match lengths.as_slice() {
        [one] if one.bytes().all(|b| b.is_ascii_digit()) => one.parse().ok(),
        _ => None,
    };
    let old = request.version == Some(0);
    Head {
        length,
        post: request.method == Some("POST"),
        known: request.path == Some("/add-checkpoint"),
        body,
        chunked: !values("transfer-encoding").is_empty(),
        waits: values("expect").iter().any(|v| v == "100-continue"),
        last: old || values("connection").iter().any(|v| v.split(',').any(|w| w.trim() == "close")),
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        _ => "Internal Server Error",
    }
}
