//! A body, read within its limits of time, size and memory, and unpacked.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::header::CONTENT_ENCODING;
use tokio::sync::OwnedSemaphorePermit;

use crate::collect::tracking::BODY_BYTES_MAX;

use super::edge::{Edge, header, too_much};
use super::reply::Reply;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Bodies are held in memory in steps of so many bytes,
const STEP_BYTES: usize = 64 * 1024;

/// and so many steps of them at once: 64 MiB.
pub(super) const STEPS_MAX: usize = 1024;

/// A body, and the memory that is set aside for it.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    _memory: Vec<OwnedSemaphorePermit>,
}

impl Edge {
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

fn too_large() -> Reply {
    Reply::error(413, "body_too_large", "a body has at most 4,000 KiB, also unpacked")
}
