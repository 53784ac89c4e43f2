//! Lets hyper read, write and wait by way of tokio, over TLS or without: the few lines that hyper-util would
//! bring. What hyper answers by itself, with nothing in it, says here what is wrong, as every other error does.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Read, ReadBufCursor, Sleep, Timer, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::reply::Reply;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// How long a caller may take none of what it is sent.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// What a connection goes over. One type for both, so that hyper is there once.
pub(super) enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// Protected.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Polls whichever stream it is.
macro_rules! each {
    ($wire:ident.$poll:ident($($given:expr),*)) => {
        match &mut $wire.stream {
            Stream::Plain(stream) => Pin::new(stream).$poll($($given),*),
            Stream::Tls(stream) => Pin::new(stream).$poll($($given),*),
        }
    };
}

/// A connection. One that takes nothing for too long is given up: what waits for it isn't held for ever.
pub(super) struct Wire {
    stream: Stream,
    patience: Duration,
    /// Since when nothing of what is to be sent is taken.
    stalled: Option<Pin<Box<tokio::time::Sleep>>>,
    /// What is left to be sent instead of an empty answer.
    instead: Vec<u8>,
}

impl Wire {
    /// Over an accepted connection.
    pub(super) fn new(stream: Stream) -> Wire {
        Wire { stream, patience: WRITE_TIME, stalled: None, instead: Vec::new() }
    }

    /// What becomes of sending: given up, where it has waited for too long.
    fn watched<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<std::io::Result<T>>,
    ) -> Poll<std::io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.patience;
        let begin = || Box::pin(tokio::time::sleep(patience));
        match self.stalled.get_or_insert_with(begin).as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(std::io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        // A copy of what is read, because filling the buffer itself takes unsafe code.
        let mut chunk = [0; CHUNK_BYTES];
        let room = buffer.remaining().min(CHUNK_BYTES);
        let mut read = ReadBuf::new(&mut chunk[..room]);
        let polled = each!(self.poll_read(cx, &mut read));
        if let Poll::Ready(Ok(())) = polled {
            buffer.put_slice(read.filled());
        }
        polled
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.instead.is_empty() {
            match said_of_a_head(bytes) {
                None => {
                    let polled = each!(self.poll_write(cx, bytes));
                    return self.watched(cx, polled);
                }
                Some(answer) => self.instead = answer,
            }
        }
        let mut left = std::mem::take(&mut self.instead);
        while !left.is_empty() {
            let polled = each!(self.poll_write(cx, &left));
            match self.watched(cx, polled) {
                Poll::Ready(Ok(wrote)) if wrote > 0 => _ = left.drain(..wrote),
                Poll::Pending => {
                    self.instead = left;
                    return Poll::Pending;
                }
                ended => return ended,
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let polled = each!(self.poll_flush(cx));
        self.watched(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        // TLS says goodbye, which the caller may not take either.
        let polled = each!(self.poll_shutdown(cx));
        self.watched(cx, polled)
    }
}

/// What an answer says that hyper gives to a head which it can't read; `None` of any other.
fn said_of_a_head(bytes: &[u8]) -> Option<Vec<u8>> {
    const EMPTY: &str = "content-length: 0\r\n";
    let head = bytes.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    let (status, code, words) = match head? {
        b"400" => (400, "not_http", "what was sent is no HTTP"),
        b"414" => (414, "address_too_long", "the address is too long"),
        b"431" => (431, "head_too_large", "a head has at most 32 KiB and 64 headers"),
        _ => return None,
    };
    let head = std::str::from_utf8(bytes).ok().filter(|head| head.contains(EMPTY))?;
    let body = Reply::error(status, code, words).body;
    let typed = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    Some([head.replacen(EMPTY, &typed, 1).into_bytes(), body].concat())
}

/// Tells hyper when its time is up.
#[derive(Clone, Copy)]
pub(super) struct Clockwork;

struct Waiting(Pin<Box<tokio::time::Sleep>>);

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl Sleep for Waiting {}

impl Timer for Clockwork {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting(Box::pin(tokio::time::sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting(Box::pin(tokio::time::sleep_until(deadline.into()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes to a caller who reads nothing, or reads on; returns how that ends.
    fn written(reads: bool) -> Result<(), std::io::ErrorKind> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut caller = std::net::TcpStream::connect(address).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let mut wire =
                Wire { patience: Duration::from_millis(200), ..Wire::new(Stream::Plain(stream)) };
            let reader = std::thread::spawn(move || {
                let mut all = Vec::new();
                if reads {
                    let _ = std::io::Read::read_to_end(&mut caller, &mut all);
                } else {
                    std::thread::sleep(Duration::from_millis(800));
                }
            });
            let mut left: usize = 16 << 20;
            while left > 0 {
                let part = vec![0; left.min(64 * 1024)];
                let wrote = std::future::poll_fn(|cx| Pin::new(&mut wire).poll_write(cx, &part));
                match wrote.await {
                    Ok(wrote) => left -= wrote,
                    Err(error) => return Err(error.kind()),
                }
            }
            drop(wire);
            reader.join().unwrap();
            Ok(())
        })
    }

    #[test]
    fn who_takes_nothing_is_given_up_and_who_reads_is_not() {
        assert_eq!(written(false), Err(std::io::ErrorKind::TimedOut));
        assert_eq!(written(true), Ok(()));
    }
}
