//! Listens, keeps connections within their limits, and ends without losing anything.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::sync::{Semaphore, watch};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::store::Store;

use super::certificate::Certificate;
use super::clerk;
use super::edge::Edge;
use super::fresh::Fresh;
use super::herald;
use super::io::{Clockwork, Stream, Wire};
use super::log::{Heard, Renewal};
use super::pages::clerk::Clerk;
use super::peers::Peers;
use super::rate::Rates;
use super::sender::Sender;
use super::tls;
use super::writer::Desk;

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: u32 = 512;

/// How long a head may take to arrive, and how long a connection may lie idle.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Bytes of a head, and of what is read ahead.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Headers of one request.
const HEADERS_MAX: usize = 64;

/// How long connections are waited for at the end.
const END_TIME: Duration = Duration::from_secs(20);

/// Where callers come in.
pub struct Door {
    /// Where it listens.
    pub listener: TcpListener,
    /// What connections are protected by; `None` where they come in as they are.
    pub certificate: Option<Certificate>,
    /// How many connections one address may hold.
    pub peers: Peers,
}

/// The stores of the threads: each writes and reads as another process would.
pub struct Stores {
    /// For what comes in.
    pub writing: Store,
    /// For what waits in the outbox.
    pub sending: Store,
    /// For questions.
    pub answering: Store,
    /// For people's pages.
    pub people: Store,
    /// For those who listen, for reading alone.
    pub telling: Store,
    /// For keys and figures, for reading alone.
    pub looking: Store,
}

/// Serves until the process is told to end (SIGTERM, SIGINT). Then no connection is taken any more, what
/// was begun is answered, and what was handed over is written. `heard` is told what stands in the log. Beside
/// that, what waits in the outbox is sent, questions are answered, those who listen for changes are told, and
/// people's pages are served, each by a thread with a store of its own.
///
/// # Errors
/// `no-policy`, `key-missing`, and where the store can't be read any more.
pub fn serve(
    Door { listener, certificate, peers }: Door,
    (stores, rates): (Stores, Rates),
    clock: fn() -> Moment,
    heard: fn(&Heard<'_>),
) -> Result<()> {
    let Stores { writing, sending, answering, people, telling, looking } = stores;
    for beside in [&sending, &answering, &people, &telling, &looking] {
        beside.keep_little()?;
    }
    let path = writing.path().to_owned();
    let desk = Desk::open(writing, clock)?;
    let shared = desk.shared();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unable(&error))?;
    let (end, ending) = watch::channel(false);
    let (pages, clerks) = Clerk::start(people, clock);
    let place = (path, pages, certificate.map(Arc::new));
    let sender = Sender::start(sending, clock);
    let beside = (rates, Fresh::new(looking), sender.paused());
    let edge = Arc::new(Edge::new(Arc::clone(&shared), place, clock, heard, ending, beside));
    let (ended, writer_ended) = watch::channel(false);
    let writer = std::thread::spawn(move || {
        let worked = desk.work();
        let _ = ended.send(true);
        worked
    });
    let asked = Arc::clone(&shared);
    let clerk = std::thread::spawn(move || clerk::work(answering, &asked, clock));
    let heard_of = Arc::clone(&shared);
    let herald = std::thread::spawn(move || herald::work(telling, &heard_of, clock));
    let served = runtime.block_on(listen((listener, peers), edge, end, writer_ended));
    sender.end();
    shared.listeners.close();
    let _ = herald.join();
    shared.questions.close();
    let _ = clerk.join();
    // With the runtime go the connections, the edge and the last way to the clerk: it ends what it does.
    drop(runtime);
    let _ = clerks.join();
    shared.queue.close();
    let worked = writer.join().map_err(|_| {
        Error::damaged("writer-lost", "the thread that writes ended by a fault")
            .next("start again; what was acknowledged is on disk")
    })?;
    served.and(worked)
}

async fn listen(
    (listener, peers): (TcpListener, Peers),
    edge: Arc<Edge>,
    end: watch::Sender<bool>,
    mut writer_ended: watch::Receiver<bool>,
) -> Result<()> {
    listener.set_nonblocking(true).map_err(|error| unable(&error))?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| unable(&error))?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let ending = edge.ending.clone();
    let acceptor = edge.certificate.as_ref().map(tls::acceptor);
    if let Some(certificate) = &edge.certificate {
        tokio::spawn(renewed(Arc::clone(certificate), Arc::clone(&edge)));
    }
    let mut told = std::pin::pin!(told_to_end()?);
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = tokio::select! {
            accepted = async {
                let place = place.await;
                (place, listener.accept().await)
            } => accepted,
            () = &mut told => break,
            _ = writer_ended.changed() => break,
        };
        let (Ok(place), Ok((stream, from))) = accepted else {
            // A connection that was given up before it was taken, or no free descriptor: go on.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Who holds as many as one may hold gets no further one, and takes no place of others.
        let Some(guest) = peers.enter(from.ip()) else { continue };
        let _ = stream.set_nodelay(true);
        let (edge, mut ending) = (Arc::clone(&edge), ending.clone());
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let stream = match acceptor {
                None => Some(Stream::Plain(stream)),
                Some(acceptor) => tokio::select! {
                    shaken = tls::accept(&acceptor, stream) => {
                        shaken.map(|stream| Stream::Tls(Box::new(stream)))
                    }
                    _ = ending.changed() => None,
                },
            };
            if let Some(stream) = stream {
                connection(Wire::new(stream), edge, ending).await;
            }
            drop((place, guest));
        });
    }
    drop(listener);
    let _ = end.send(true);
    let all_ended = places.acquire_many(CONNECTIONS_MAX);
    let _ = tokio::time::timeout(END_TIME, all_ended).await;
    Ok(())
}

/// Serves one connection, until it ends or the server does.
async fn connection(wire: Wire, edge: Arc<Edge>, mut ending: watch::Receiver<bool>) {
    let service = service_fn(move |request| Arc::clone(&edge).answer(request));
    let connection = http1::Builder::new()
        .timer(Clockwork)
        .header_read_timeout(HEAD_TIME)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        // Who has said all may close that side, and hear the answer.
        .half_close(true)
        .serve_connection(wire, service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // How a connection ended is its caller's affair.
        _ = connection.as_mut() => return,
        _ = ending.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Looks at the certificate's files again and again, for as long as the server lives.
async fn renewed(certificate: Arc<Certificate>, edge: Arc<Edge>) {
    loop {
        tokio::time::sleep(tls::LOOK).await;
        let renewed = certificate.renew();
        if matches!(renewed, Ok(false)) {
            continue;
        }
        let until = certificate.shown().until.to_string();
        let fault = renewed.err().map(|error| error.code);
        (edge.heard)(&Heard::Renewal(Renewal {
            at: (edge.clock)(),
            certificate_until: until,
            fault,
        }));
    }
}

/// Ends when the process is told to.
fn told_to_end() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| unable(&error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| unable(&error))?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn unable(error: &std::io::Error) -> Error {
    Error::damaged("serve-failed", format!("the system doesn't let candor serve: {error}"))
        .next("look at the limits of this process (ulimit -a)")
}
