//! OUTBOUND: who may be reached for a destination's purpose, and what of them goes out.
//!
//! The gate is asked at the moment of sending, for each record and field; a destination gets the
//! fields that both its purpose and its own list name, and nothing else. Each run is one ledger
//! entry, each subject in it one disclosure (Art 15(1)(c)).

mod audience;
mod covered;
mod file;
pub(crate) mod sql;

pub use audience::{Audience, Outbound, audience, indirect_source};
pub use file::{Run, push, table_of};
