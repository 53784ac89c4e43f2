//! Has a time-stamp authority sign that the newest checkpoint existed (RFC 3161).

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::base::clock::Moment;
use crate::base::error::{Error, Result};
use crate::base::secret::Randomness;
use crate::store::{Store, hex};

use super::http::{Post, check_url};
use super::sql::{self, TimestampRow};
use super::tsp::{nonce, read_stamp, request};
use super::{newest, note_sha256};

/// What was stamped.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Stamped {
    /// The size of the checkpoint.
    pub size: u64,
    /// The authority's address.
    pub authority: String,
    /// Its time.
    pub at: String,
    /// The ledger entry that says so.
    pub entry: i64,
}

/// Has the newest checkpoint stamped, and keeps the authority's answer.
///
/// # Errors
/// `url-invalid`; `unreachable`; `timestamp-refused`, `timestamp-unreadable`; `timestamp-foreign` for a
/// token over something else.
pub fn stamp(
    store: &mut Store,
    now: Moment,
    authority: &str,
    randomness: &mut dyn Randomness,
    post: Post<'_>,
) -> Result<Stamped> {
    check_url(authority)?;
    let (size, note) = newest(store)?;
    let mut random = [0; 8];
    randomness.fill(&mut random);
    let nonce = nonce(random);
    let query = request(note.as_bytes(), nonce);
    let answer = post(authority, "application/timestamp-query", &query)?;
    if answer.status != 200 {
        let what = format!("the authority answered with HTTP status {}", answer.status);
        return Err(Error::no("timestamp-refused", what)
            .at(authority)
            .next("ask another authority with --tsa URL"));
    }
    let stamp = read_stamp(&answer.body).map_err(|error| error.at(authority))?;
    let asked: [u8; 32] = Sha256::digest(note.as_bytes()).into();
    if stamp.imprint != asked || stamp.nonce != nonce {
        return Err(Error::no(
            "timestamp-foreign",
            "the token is over something else than was asked",
        )
        .at(authority)
        .next("ask another authority with --tsa URL"));
    }
    let tsr_sha256 = hex(&Sha256::digest(&answer.body));
    let entry = store.write(now, |writer| {
        let body = json!({
            "size": size, "note_sha256": note_sha256(note.as_bytes()), "tsr_sha256": tsr_sha256,
            "authority": authority,
        });
        let entry = writer.append("checkpoint", body)?;
        let row = TimestampRow {
            entry,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            authority: authority.to_owned(),
            token: answer.body.clone(),
            at: stamp.at.0,
        };
        sql::insert_timestamp(writer.conn, &row)?;
        Ok(entry)
    })?;
    Ok(Stamped { size, authority: authority.to_owned(), at: stamp.at.to_string(), entry })
}
