//! A body, read within its limits of time, size and memory, and unpacked.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, EXPECT};
use tokio::sync::OwnedSemaphorePermit;

use crate::collect::tracking::BODY_BYTES_MAX;

use super::edge::{Edge, header, too_much};
use super::reply::Reply;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Bodies are held in memory in steps of so many bytes,
const STEP_BYTES: usize = 64 * 1024;

/// and so many steps of them at once: 48 MiB of callers whose head shows who they are,
pub(super) const STEPS_MAX: usize = 768;

/// and 16 MiB of all others, so that who has no key can't take the place of those who have one.
pub(super) const STRANGERS_STEPS_MAX: usize = 256;

/// Who sends a body, as far as the head tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A key or a token that holds stands there.
    ByHead,
    /// Nothing tells before the body is read.
    Not,
}

/// Bytes of a body that isn't taken, which are read all the same, and for how long.
const POURED_BYTES_MAX: usize = 32 * 1024 * 1024;
const POURED_TIME: Duration = Duration::from_secs(10);

/// A body, and the memory that is set aside for it.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    _memory: Vec<OwnedSemaphorePermit>,
}

impl Edge {
    /// Reads a body within its limits.
    pub(super) async fn body(&self, request: Request<Incoming>, by: Known) -> Result<Held, Reply> {
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
        // Who asks first whether to send it is told before.
        let waits = request.headers().contains_key(EXPECT);
        let mut body = request.into_body();
        let most = body.size_hint().upper().and_then(|size| usize::try_from(size).ok());
        if most.is_some_and(|size| size > BODY_BYTES_MAX) {
            if !waits {
                pour_away(&mut body).await;
            }
            return Err(too_large());
        }
        let mut memory = vec![self.set_aside(most.unwrap_or(BODY_BYTES_MAX), by)?];
        let limited = Limited::new(&mut body, BODY_BYTES_MAX).collect();
        let read = tokio::time::timeout(BODY_TIME, limited).await;
        let bytes = match read {
            Err(_) => return Err(Reply::error(408, "too_slow", "the body took too long")),
            Ok(Err(fault)) if fault.is::<LengthLimitError>() => {
                drop(memory);
                pour_away(&mut body).await;
                return Err(too_large());
            }
            Ok(Err(_)) => return Err(Reply::error(400, "body_unreadable", "the body broke off")),
            Ok(Ok(read)) => read.to_bytes(),
        };
        let bytes = match is_packed {
            false => bytes.into(),
            true => {
                let unpacked = unpack(&bytes)?;
                memory.push(self.set_aside(unpacked.len(), by)?);
                unpacked
            }
        };
        Ok(Held { bytes, _memory: memory })
    }

    fn set_aside(&self, bytes: usize, by: Known) -> Result<OwnedSemaphorePermit, Reply> {
        let steps = u32::try_from(bytes.div_ceil(STEP_BYTES)).unwrap_or(u32::MAX).max(1);
        let memory = match by {
            Known::ByHead => &self.memory,
            Known::Not => &self.strangers,
        };
        Arc::clone(memory)
            .try_acquire_many_owned(steps)
            .map_err(|_| too_much(self.shared.queue.retry_after()))
    }
}

/// Reads what is left of a body that isn't taken, and keeps nothing of it: a client that still writes when the
/// connection ends hears of a fault of the network, and not why it was refused. What is larger by far, or slow, is
/// cut off.
async fn pour_away(body: &mut Incoming) {
    let poured = async {
        let mut left = POURED_BYTES_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(POURED_TIME, poured).await;
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

fn too_large() -> Reply {
    Reply::error(413, "body_too_large", "a body has at most 4,000 KiB, also unpacked")
}
