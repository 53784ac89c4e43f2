//! OUTBOUND: who may be reached for a destination's purpose, and what of them goes out.
//!
//! The gate is asked at the moment of sending, for each record and field; a destination gets the
//! fields that both its purpose and its own list name, and nothing else. Each run is one ledger
//! entry, each subject in it one disclosure (Art 15(1)(c)).

mod audience;
pub mod changes;
pub mod context;
mod covered;
mod disclose;
mod file;
mod http;
mod message;
pub mod outbox;
pub mod recall;
mod request;
mod sign;
pub(crate) mod sql;

pub use audience::{Audience, Outbound, audience, indirect_source};
pub use disclose::{Whereto, disclose};
pub use file::{Run, ndjson_of, push, table_of};
pub use http::{Heard, Letter, PERMIT_LASTS_MS, agent, deliver};
pub use message::{Act, Message, person_at, person_for};
pub use request::{Request, Secrets, Unsendable, request};
pub use sign::{signature, signing_key};
