//! VERIFY: the store's side of verification, and questions in SQL that can change nothing.
//!
//! The ledger's own verifier is pure; here the rows come to it. `entries` checks chain, tree and
//! checkpoints, `deep` checks that everything else in the file is what the ledger says. Nothing is
//! opened the usual way, for a store that was tampered with must be read all the same. What comes
//! out is a list of claims, each proven, not proven or broken, and what can't be proven at all.

mod anchors;
mod claim;
mod deep;
mod entries;
mod facts;
mod holders;
mod imports;
mod items;
mod keys;
mod linking;
mod messages;
mod names;
mod payloads;
pub mod query;
mod recalls;
mod sql;
mod subjects;
mod tables;
pub mod views;
pub mod watch;

pub use anchors::Witnessed;
pub use claim::{Claim, Fault, Standing};
pub use entries::{Depth, Held, Options, Report, latest_checkpoint, verify};
