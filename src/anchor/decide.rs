//! What a witness answers to an `add-checkpoint` request: pure, in the order of c2sp.org/tlog-witness.

use crate::ledger::add_checkpoint::{AddCheckpoint, stated};
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::hash::EMPTY_ROOT;
use crate::ledger::note::UnknownKeys;
use crate::ledger::proof::verify_consistency;
use crate::ledger::vkey::VerifierKey;

/// Why a witness doesn't sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: no such request.
    Unreadable,
    /// 404: another log.
    UnknownLog,
    /// 403: not signed by a key of this log.
    Unsigned,
    /// 409: the request continues another size than the one that was signed last, which is this.
    OtherSize(u64),
    /// 422: signed by the log, and no continuation of what was signed before.
    NoContinuation,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Refusal::Unreadable => 400,
            Refusal::Unsigned => 403,
            Refusal::UnknownLog => 404,
            Refusal::OtherSize(_) => 409,
            Refusal::NoContinuation => 422,
        }
    }
}

/// What is to be signed: the text, and what it states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The text of the note.
    pub text: String,
    /// What it states.
    pub checkpoint: Checkpoint,
}

/// Reads a request as far as the name of its log.
pub fn read(body: &[u8]) -> Result<(AddCheckpoint, Checkpoint), Refusal> {
    let request = AddCheckpoint::parse(body).map_err(|_| Refusal::Unreadable)?;
    let checkpoint = stated(&request.checkpoint.text).map_err(|_| Refusal::Unreadable)?;
    Ok((request, checkpoint))
}

/// Decides. `keys` are those of the log that the request names; `held` is what was signed last for it.
pub fn decide(
    request: AddCheckpoint,
    checkpoint: Checkpoint,
    keys: &[VerifierKey],
    held: Option<&Checkpoint>,
) -> Result<Accepted, Refusal> {
    if keys.is_empty() {
        return Err(Refusal::UnknownLog);
    }
    request.checkpoint.open(keys, UnknownKeys::Ignore).map_err(|_| Refusal::Unsigned)?;
    if request.old > checkpoint.size {
        return Err(Refusal::Unreadable);
    }
    let (old, old_root) = held.map_or((0, EMPTY_ROOT), |held| (held.size, held.root));
    if request.old != old {
        return Err(Refusal::OtherSize(old));
    }
    if checkpoint.size == 0 && checkpoint.root != EMPTY_ROOT {
        return Err(Refusal::NoContinuation);
    }
    verify_consistency(old, checkpoint.size, &request.proof, &old_root, &checkpoint.root)
        .map_err(|_| Refusal::NoContinuation)?;
    Ok(Accepted { text: request.checkpoint.text, checkpoint })
}
