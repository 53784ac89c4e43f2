//! OUTBOUND: who may be reached for a destination's purpose, and what of them goes out.
//!
//! The gate is asked at the moment of sending, for each record and field; a destination gets the
//! fields that both its purpose and its own list name, and nothing else. Each run is one ledger
//! entry, and each record in it whose values went out one disclosure (Art 15(1)(c)).

mod audience;
pub mod changes;
pub mod context;
mod covered;
mod disclose;
mod file;
mod http;
pub mod link;
mod mail;
mod members;
mod message;
pub mod opt_in;
pub mod outbox;
mod postgres;
pub mod recall;
mod request;
mod sign;
mod smtp;
pub(crate) mod sql;

pub use audience::{Aim, Audience, Outbound, audience, indirect_source};
pub use disclose::{Whereto, disclose};
pub use file::{Run, ndjson_of, push, table_of};
pub use http::{Carrier, Heard, Letter, PERMIT_LASTS_MS, agent};
pub use mail::Mail;
pub use members::{Members, Why, members, why};
pub use message::{Act, Links, Message, person_at, person_for};
pub use postgres::{SqlState, create_table};
pub use request::{Parcel, Request, Secrets, Unsendable, parcel};
pub use sign::{signature, signing_key};
